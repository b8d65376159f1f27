/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/quote.h"

#include <string.h>

#include "base/banned.h"

const uint8_t ee_attest_qe_vendor_intel[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                               0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static enum ee_reason refuse(struct ee_finding *finding, enum ee_reason reason, uint32_t have,
                             uint32_t need)
{
    *finding = (struct ee_finding){.reason = reason, .have = have, .need = need};
    return reason;
}

/* Offsets and order: Intel TDX DCAP quote format, "TD report" (section 1.2 of the spec page). */
enum ee_reason ee_attest_td_report_decode(uint16_t type, struct ee_bytes body,
                                          struct ee_td_report *out)
{
    struct ee_td_report td = {0};
    struct ee_cursor c;
    ee_cursor_init(&c, body);
    ee_cursor_copy(&c, td.tee_tcb_svn, sizeof(td.tee_tcb_svn));
    ee_cursor_copy(&c, td.mrseam, sizeof(td.mrseam));
    ee_cursor_copy(&c, td.mrsignerseam, sizeof(td.mrsignerseam));
    td.seam_attributes = ee_cursor_u64le(&c);
    td.attributes = ee_cursor_u64le(&c);
    td.xfam = ee_cursor_u64le(&c);
    ee_cursor_copy(&c, td.mrtd, sizeof(td.mrtd));
    ee_cursor_copy(&c, td.mrconfigid, sizeof(td.mrconfigid));
    ee_cursor_copy(&c, td.mrowner, sizeof(td.mrowner));
    ee_cursor_copy(&c, td.mrownerconfig, sizeof(td.mrownerconfig));
    for (size_t i = 0; i < EE_RTMR_COUNT; i++)
        ee_cursor_copy(&c, td.rtmr[i], sizeof(td.rtmr[i]));
    ee_cursor_copy(&c, td.report_data, sizeof(td.report_data));
    if (type != EE_BODY_TD_10) {
        ee_cursor_copy(&c, td.tee_tcb_svn_2, sizeof(td.tee_tcb_svn_2));
        ee_cursor_copy(&c, td.mrservicetd, sizeof(td.mrservicetd));
    }
    if (type == EE_BODY_TD_15_EXTENDED) {
        (void)ee_cursor_take(&c, 1); /* VM id */
        ee_cursor_copy(&c, td.td_id, sizeof(td.td_id));
        ee_cursor_copy(&c, td.device_info, sizeof(td.device_info));
        ee_cursor_copy(&c, td.initial_servicetd, sizeof(td.initial_servicetd));
        (void)ee_cursor_take(&c, 8 + 16); /* its attributes, initial CPUSVN */
        ee_cursor_copy(&c, td.initial_tee_tcb_svn, sizeof(td.initial_tee_tcb_svn));
        (void)ee_cursor_take(&c, 12); /* initial FMSPC */
        ee_cursor_copy(&c, td.current_servicetd, sizeof(td.current_servicetd));
        (void)ee_cursor_take(&c, 8); /* its attributes */
    }
    if (ee_cursor_end(&c) != EE_OK)
        return EE_REASON_QUOTE_BODY_SIZE;
    *out = td;
    return EE_REASON_NONE;
}

/* SGX enclave report, 384 bytes. */
static void sgx_report_decode(struct ee_bytes bytes, struct ee_sgx_report *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_copy(&c, out->cpusvn, sizeof(out->cpusvn));
    out->miscselect = ee_cursor_u32le(&c);
    (void)ee_cursor_take(&c, 28);
    ee_cursor_copy(&c, out->attributes, sizeof(out->attributes));
    ee_cursor_copy(&c, out->mrenclave, sizeof(out->mrenclave));
    (void)ee_cursor_take(&c, 32);
    ee_cursor_copy(&c, out->mrsigner, sizeof(out->mrsigner));
    (void)ee_cursor_take(&c, 96);
    out->product_id = ee_cursor_u16le(&c);
    out->svn = ee_cursor_u16le(&c);
    (void)ee_cursor_take(&c, 60);
    ee_cursor_copy(&c, out->report_data, sizeof(out->report_data));
}

static enum ee_reason header_decode(struct ee_cursor *c, struct ee_quote *q, struct ee_finding *f)
{
    q->version = ee_cursor_u16le(c);
    uint16_t key_type = ee_cursor_u16le(c);
    uint32_t tee_type = ee_cursor_u32le(c);
    (void)ee_cursor_take(c, 4); /* reserved; never base a rule on it */
    const uint8_t *vendor = ee_cursor_take(c, 16);
    ee_cursor_copy(c, q->qe_id, sizeof(q->qe_id));
    (void)ee_cursor_take(c, 4);
    if (c->err != EE_OK)
        return refuse(f, EE_REASON_QUOTE_TRUNCATED, 0, 0);
    if (q->version != 4 && q->version != 5)
        return refuse(f, EE_REASON_QUOTE_VERSION, q->version, 4);
    if (key_type != EE_QUOTE_KEY_TYPE_P256)
        return refuse(f, EE_REASON_QUOTE_KEY_TYPE, key_type, EE_QUOTE_KEY_TYPE_P256);
    if (tee_type != EE_TEE_TYPE_TDX)
        return refuse(f, EE_REASON_QUOTE_TEE_TYPE, tee_type, EE_TEE_TYPE_TDX);
    if (memcmp(vendor, ee_attest_qe_vendor_intel, sizeof(ee_attest_qe_vendor_intel)) != 0)
        return refuse(f, EE_REASON_QUOTE_VENDOR, 0, 0);
    return EE_REASON_NONE;
}

static uint32_t body_size(uint16_t type)
{
    switch (type) {
    case EE_BODY_TD_10:
        return EE_TD_10_SIZE;
    case EE_BODY_TD_15:
        return EE_TD_15_SIZE;
    case EE_BODY_TD_15_EXTENDED:
        return EE_TD_15_EXTENDED_SIZE;
    default:
        return 0;
    }
}

static enum ee_reason body_decode(struct ee_cursor *c, struct ee_quote *q, struct ee_finding *f)
{
    uint32_t declared = EE_TD_10_SIZE;
    q->body_type = EE_BODY_TD_10;
    if (q->version == 5) {
        q->body_type = ee_cursor_u16le(c);
        declared = ee_cursor_u32le(c);
    }
    uint32_t size = body_size(q->body_type);
    if (c->err == EE_OK && size == 0)
        return refuse(f, EE_REASON_QUOTE_BODY_TYPE, q->body_type, 0);
    if (c->err == EE_OK && declared != size)
        return refuse(f, EE_REASON_QUOTE_BODY_SIZE, declared, size);
    struct ee_bytes body = ee_cursor_bytes(c, size);
    if (c->err != EE_OK)
        return refuse(f, EE_REASON_QUOTE_TRUNCATED, 0, 0);
    enum ee_reason reason = ee_attest_td_report_decode(q->body_type, body, &q->td);
    return reason == EE_REASON_NONE ? reason : refuse(f, reason, 0, size);
}

/* Types that name a platform instead of carrying its certificate have one size each (SGX DCAP
 * "ECDSA quote", certification data): PPID plain or encrypted, CPUSVN, PCESVN, PCEID. */
static enum ee_reason cert_data_check(const struct ee_quote *q, struct ee_finding *f)
{
    static const uint32_t sizes[] = {0, 36, 276, 404};
    if (q->cert_type > 3 ? q->cert_data.size != 0 : q->cert_data.size == sizes[q->cert_type])
        return EE_REASON_NONE;
    enum ee_reason reason = refuse(f, EE_REASON_QUOTE_CERT_SIZE, (uint32_t)q->cert_data.size,
                                   q->cert_type > 3 ? 1 : sizes[q->cert_type]);
    f->index = q->cert_type;
    return reason;
}

/* Certification data type 6: the QE report and what certifies it, filling `c` exactly. */
static enum ee_reason qe_decode(struct ee_cursor *c, struct ee_quote *q, struct ee_finding *f)
{
    q->qe_report = ee_cursor_bytes(c, EE_SGX_REPORT_SIZE);
    q->qe_signature = ee_cursor_take(c, EE_P256_SIGNATURE_SIZE);
    q->qe_auth = ee_cursor_bytes(c, ee_cursor_u16le(c));
    q->cert_type = ee_cursor_u16le(c);
    q->cert_data = ee_cursor_bytes(c, ee_cursor_u32le(c));
    if (ee_cursor_end(c) != EE_OK)
        return refuse(f, EE_REASON_QUOTE_SIZES, 0, 0);
    sgx_report_decode(q->qe_report, &q->qe);
    /* 1 to 3 and 7 name a platform without its certificate; 6 may not nest. */
    if (q->cert_type < 1 || q->cert_type > 7 || q->cert_type == EE_CERT_DATA_QE_REPORT)
        return refuse(f, EE_REASON_QUOTE_INNER_TYPE, q->cert_type, EE_CERT_DATA_PCK_CHAIN);
    return cert_data_check(q, f);
}

static enum ee_reason auth_decode(struct ee_cursor *c, struct ee_quote *q, struct ee_finding *f)
{
    struct ee_bytes auth = ee_cursor_bytes(c, ee_cursor_u32le(c));
    if (c->err != EE_OK)
        return refuse(f, EE_REASON_QUOTE_TRUNCATED, 0, 0);
    struct ee_cursor inner, qe;
    ee_cursor_init(&inner, auth);
    q->signature = ee_cursor_take(&inner, EE_P256_SIGNATURE_SIZE);
    q->attestation_key = ee_cursor_take(&inner, EE_P256_POINT_SIZE);
    uint16_t outer_type = ee_cursor_u16le(&inner);
    if (inner.err == EE_OK && outer_type != EE_CERT_DATA_QE_REPORT)
        return refuse(f, EE_REASON_QUOTE_CERT_TYPE, outer_type, EE_CERT_DATA_QE_REPORT);
    struct ee_bytes nested = ee_cursor_bytes(&inner, ee_cursor_u32le(&inner));
    if (ee_cursor_end(&inner) != EE_OK)
        return refuse(f, EE_REASON_QUOTE_SIZES, 0, 0);
    ee_cursor_init(&qe, nested);
    return qe_decode(&qe, q, f);
}

enum ee_reason ee_attest_quote_decode(struct ee_bytes bytes, struct ee_quote *out,
                                      struct ee_finding *finding_out)
{
    struct ee_finding unused;
    struct ee_finding *f = finding_out ? finding_out : &unused;
    struct ee_quote q = {0};
    struct ee_cursor c;
    enum ee_reason reason;
    if (bytes.size == 0)
        return refuse(f, EE_REASON_QUOTE_EMPTY, 0, 0);
    if (bytes.size > EE_QUOTE_MAX)
        return refuse(f, EE_REASON_QUOTE_TOO_LARGE, 0, 0);
    if (bytes.size >= 4 && memcmp(bytes.data, "HCLA", 4) == 0)
        return refuse(f, EE_REASON_QUOTE_HCL, 0, 0);
    if (bytes.size == EE_TDREPORT_SIZE && bytes.data[0] == EE_TEE_TYPE_TDX)
        return refuse(f, EE_REASON_QUOTE_TDREPORT, 0, 0);
    ee_cursor_init(&c, bytes);
    reason = header_decode(&c, &q, f);
    if (reason == EE_REASON_NONE)
        reason = body_decode(&c, &q, f);
    q.signed_part = ee_bytes_of(bytes.data, bytes.size - c.left);
    if (reason == EE_REASON_NONE)
        reason = auth_decode(&c, &q, f);
    if (reason != EE_REASON_NONE)
        return reason;
    q.trailing_size = c.left;
    q.size = bytes.size - c.left;
    *out = q;
    return EE_REASON_NONE;
}
