/* SPDX-License-Identifier: Apache-2.0 */
/* Azure confidential VMs run above a paravisor (HCL) that holds the TDX interface. The guest finds
 * an HCL report in vTPM NV index 0x01400001: a TDREPORT and claims of the paravisor. It is no
 * quote: nobody but the platform can check it. A quote for it comes from the metadata service; that
 * quote's report data is SHA-256(claims) and zeros, so the claims (the key the vTPM attests with)
 * are anchored by the quote, and MRTD and RTMRs are the paravisor's, not the guest's. Source:
 * "Confidential VM guest attestation" of Microsoft's confidential-computing guest samples. Not
 * verified here: TPM quotes and PCRs, which say what runs in the guest. */
#ifndef EE_ATTEST_AZURE_H
#define EE_ATTEST_AZURE_H

#include <stdbool.h>

#include "attest/quote.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    EE_AZURE_REPORT_MAX = 32 * 1024,
    EE_AZURE_REPORT_TDX = 4, /* type of the hardware report inside */
};

/* Borrows from the report. Integers are little-endian in it. */
struct ee_azure_report {
    uint32_t version;
    uint32_t report_type;                     /* 2: SEV-SNP, 4: TDX */
    uint32_t hash_type;                       /* 1: SHA-256, 2: SHA-384, 3: SHA-512 */
    struct ee_bytes td_report;                /* EE_TDREPORT_SIZE bytes */
    uint8_t report_data[EE_REPORT_DATA_SIZE]; /* of the TDREPORT */
    uint8_t mrtd[EE_MEASUREMENT_SIZE];        /* the paravisor's */
    struct ee_bytes claims;                   /* JSON text */
};

/* Whether the bytes start like an HCL report. */
bool ee_azure_report_is(struct ee_bytes bytes);
/* Splits one; padding zeros may follow. EE_TRUNCATED, EE_SYNTAX (sizes that do not add up),
 * EE_TOO_LARGE, EE_UNSUPPORTED (the report inside is not TDX, or another hash than SHA-256). */
EE_MUST_USE enum ee_err ee_azure_report_decode(struct ee_bytes bytes, struct ee_azure_report *out);
/* Whether these report data are SHA-256(claims) and zeros: of the TDREPORT inside, or of a quote
 * that was verified. */
bool ee_azure_report_binds(const struct ee_crypto *crypto, const struct ee_azure_report *report,
                           const uint8_t report_data[EE_REPORT_DATA_SIZE]);

#endif
