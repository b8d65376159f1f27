/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/azure.h"

#include <string.h>

#include "base/banned.h"

/* Offsets in the report, and in the TDREPORT inside it (Intel TDX module ABI, TDREPORT_STRUCT). */
enum {
    HEADER_SIZE = 32,
    REPORT_AREA_SIZE = 1184,
    TDREPORT_DATA_AT = 128,
    TDREPORT_MRTD_AT = 512 + 16,
    CLAIMS_HEADER_SIZE = 20,
    HASH_SHA256 = 1,
};

bool ee_azure_report_is(struct ee_bytes bytes)
{
    return bytes.size >= 4 && memcmp(bytes.data, "HCLA", 4) == 0;
}

enum ee_err ee_azure_report_decode(struct ee_bytes bytes, struct ee_azure_report *out)
{
    struct ee_azure_report report = {0};
    struct ee_cursor c;
    if (!ee_azure_report_is(bytes))
        return EE_SYNTAX;
    if (bytes.size > EE_AZURE_REPORT_MAX)
        return EE_TOO_LARGE;
    ee_cursor_init(&c, bytes);
    (void)ee_cursor_take(&c, 4);
    report.version = ee_cursor_u32le(&c);
    uint32_t whole = ee_cursor_u32le(&c);
    (void)ee_cursor_take(&c, HEADER_SIZE - 12);
    report.td_report = ee_cursor_bytes(&c, EE_TDREPORT_SIZE);
    (void)ee_cursor_take(&c, REPORT_AREA_SIZE - EE_TDREPORT_SIZE);
    uint32_t part = ee_cursor_u32le(&c);
    (void)ee_cursor_u32le(&c); /* version of this part */
    report.report_type = ee_cursor_u32le(&c);
    report.hash_type = ee_cursor_u32le(&c);
    report.claims = ee_cursor_bytes(&c, ee_cursor_u32le(&c));
    if (c.err != EE_OK)
        return c.err;
    if (report.report_type != EE_AZURE_REPORT_TDX || report.hash_type != HASH_SHA256 ||
        report.td_report.data[0] != EE_TEE_TYPE_TDX)
        return EE_UNSUPPORTED;
    /* The three sizes say the same, and nothing but padding follows. */
    if (part != CLAIMS_HEADER_SIZE + report.claims.size ||
        whole != HEADER_SIZE + REPORT_AREA_SIZE + part || !ee_bytes_all_zero(c.next, c.left))
        return EE_SYNTAX;
    memcpy(report.report_data, report.td_report.data + TDREPORT_DATA_AT, EE_REPORT_DATA_SIZE);
    memcpy(report.mrtd, report.td_report.data + TDREPORT_MRTD_AT, EE_MEASUREMENT_SIZE);
    *out = report;
    return EE_OK;
}

bool ee_azure_report_binds(const struct ee_crypto *crypto, const struct ee_azure_report *report,
                           const uint8_t report_data[EE_REPORT_DATA_SIZE])
{
    uint8_t expected[EE_REPORT_DATA_SIZE] = {0};
    crypto->sha256(&report->claims, 1, expected);
    return memcmp(expected, report_data, sizeof(expected)) == 0;
}
