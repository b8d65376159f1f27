/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify.h"

#include <assert.h>
#include <string.h>

#include "attest/cache.h"
#include "attest/judge.h"
#include "attest/pem.h"
#include "attest/trust.h"
#include "base/banned.h"

const uint8_t ee_attest_root_production[EE_P256_POINT_SIZE] = {
    0x0b, 0xa9, 0xc4, 0xc0, 0xc0, 0xc8, 0x61, 0x93, 0xa3, 0xfe, 0x23, 0xd6, 0xb0, 0x2c, 0xda, 0x10,
    0xa8, 0xbb, 0xd4, 0xe8, 0x8e, 0x48, 0xb4, 0x45, 0x85, 0x61, 0xa3, 0x6e, 0x70, 0x55, 0x25, 0xf5,
    0x67, 0x91, 0x8e, 0x2e, 0xdc, 0x88, 0xe4, 0x0d, 0x86, 0x0b, 0xd0, 0xcc, 0x4e, 0xe2, 0x6a, 0xac,
    0xc9, 0x88, 0xe5, 0x05, 0xa9, 0x53, 0x55, 0x8c, 0x45, 0x3f, 0x6b, 0x09, 0x04, 0xae, 0x73, 0x94};

enum { CHAIN_DER_MAX = 16 * 1024 };

static const struct {
    const char *name;
    const char *meaning;
} flags[EE_TD_FLAG_COUNT] = {
#define EE_ROW(name, text, meaning) [EE_TD_FLAG_##name] = {text, meaning},
    EE_TD_FLAGS(EE_ROW)
#undef EE_ROW
};

const char *ee_attest_td_flag_name(enum ee_td_flag flag)
{
    return (unsigned)flag < EE_TD_FLAG_COUNT ? flags[flag].name : "unknown";
}

const char *ee_attest_td_flag_meaning(enum ee_td_flag flag)
{
    return (unsigned)flag < EE_TD_FLAG_COUNT ? flags[flag].meaning : "unknown";
}

uint32_t ee_attest_td_flags(const struct ee_td_report *td, uint16_t body_type)
{
    const uint64_t known = EE_TD_DEBUG | EE_TD_ICSSD | EE_TD_LASS | EE_TD_SEPT_VE_DISABLE |
                           EE_TD_MIGRATABLE | EE_TD_PKS | EE_TD_KEY_LOCKER | EE_TD_TPA |
                           EE_TD_PERFMON;
    uint64_t a = td->attributes;
    uint32_t set = 0;
    set |= a & EE_TD_DEBUG ? EE_TD_FLAG_BIT(DEBUG) : 0;
    set |= a & ~known ? EE_TD_FLAG_BIT(RESERVED) : 0; /* with the rest of the TUD group */
    set |= a & EE_TD_SEPT_VE_DISABLE ? 0 : EE_TD_FLAG_BIT(SEPT_VE_DISABLE_OFF);
    set |= a & EE_TD_MIGRATABLE ? EE_TD_FLAG_BIT(MIGRATABLE) : 0;
    set |= a & EE_TD_PKS ? EE_TD_FLAG_BIT(PKS) : 0;
    set |= a & EE_TD_KEY_LOCKER ? EE_TD_FLAG_BIT(KEY_LOCKER) : 0;
    set |= a & EE_TD_PERFMON ? EE_TD_FLAG_BIT(PERFMON) : 0;
    if (body_type != EE_BODY_TD_10 &&
        !(ee_bytes_all_zero(td->mrservicetd, sizeof(td->mrservicetd)) &&
          ee_bytes_all_zero(td->current_servicetd, sizeof(td->current_servicetd))))
        set |= EE_TD_FLAG_BIT(SERVICE_TD);
    if ((td->xfam & EE_XFAM_REQUIRED) != EE_XFAM_REQUIRED || (td->xfam & ~EE_XFAM_ALLOWED))
        set |= EE_TD_FLAG_BIT(XFAM);
    return set;
}

/* One verification in progress. */
struct work {
    const struct ee_crypto *crypto;
    const struct ee_verify_input *input;
    struct ee_verify_cache *cache; /* may be NULL */
    struct ee_verdict *verdict;
    const struct ee_trust *trust;           /* `own`, or of `place` */
    const struct ee_collateral *collateral; /* the input's, or the copy in `place` */
    struct ee_cache_collateral *place;      /* NULL: this collateral is not remembered */
    bool place_known;                       /* `place` was proven before */
    const struct ee_cert *ca;               /* NULL: not proven */
    bool leaf_decoded;
    struct ee_cache_platform *platform; /* NULL: not known */
    bool qe_known;
    struct ee_quote quote;     /* this and what follows is set before it is used */
    struct ee_der_chain chain; /* the quote's: leaf, CA, root */
    struct ee_cert own_ca;
    struct ee_cert leaf;
    uint8_t platform_id[EE_SHA256_SIZE];
    uint8_t qe_id[EE_SHA256_SIZE];
    struct ee_trust own;
    uint8_t chain_der[CHAIN_DER_MAX];
};

static bool held(struct work *w, enum ee_reason reason, const char *label)
{
    if (reason != EE_REASON_NONE)
        ee_attest_verdict_add(w->verdict, reason, label, 0, 0);
    return reason == EE_REASON_NONE;
}

static void quote_copy(struct work *w)
{
    struct ee_verdict *v = w->verdict;
    v->quote_decoded = true;
    v->quote_version = w->quote.version;
    v->body_type = w->quote.body_type;
    v->quote_size = w->quote.size;
    v->trailing_size = w->quote.trailing_size;
    v->td = w->quote.td;
    v->qe = w->quote.qe;
    memcpy(v->qe_id, w->quote.qe_id, sizeof(v->qe_id));
    v->flags = ee_attest_td_flags(&v->td, v->body_type);
}

/* Where the PCK certificate comes from: the quote, or for quotes that carry none the collateral. */
static bool chain_find(struct work *w)
{
    const struct ee_collateral *c = w->collateral;
    uint16_t type = w->quote.cert_type;
    if (type == EE_CERT_DATA_PCK_CHAIN || type == EE_CERT_DATA_PCK_LEAF) {
        enum ee_reason reason = ee_attest_pem_certificates(w->quote.cert_data, w->chain_der,
                                                           sizeof(w->chain_der), &w->chain);
        if (!held(w, reason, "PCK"))
            return false;
    } else {
        w->chain = c->pck_chain;
        if (w->chain.count == 0)
            ee_attest_verdict_add(w->verdict, EE_REASON_QUOTE_NO_PCK, "", type, 0);
    }
    if (type == EE_CERT_DATA_PCK_LEAF) { /* one certificate; its issuer is in the collateral */
        bool complete = w->chain.count == 1 && c->pck_crl_chain.count;
        w->chain.der[1] = c->pck_crl_chain.der[0];
        w->chain.count = 2;
        return complete || held(w, EE_REASON_CHAIN_LENGTH, "PCK");
    }
    if (w->chain.count == 2 || w->chain.count == 3)
        return true;
    return w->chain.count != 0 && held(w, EE_REASON_CHAIN_LENGTH, "PCK");
}

/* The root that came along proves nothing, but another one explains why the chain does not hold. */
static bool chain_root_matches(struct work *w)
{
    struct ee_cert root;
    if (w->chain.count < 3 || !w->trust->root_ok ||
        ee_bytes_equal(w->chain.der[2], w->trust->root.der))
        return true;
    if (!held(w, ee_attest_cert_decode(w->chain.der[2], &root), "PCK root"))
        return false;
    return memcmp(root.key, w->trust->root.key, EE_P256_POINT_SIZE) == 0 ||
           held(w, EE_REASON_ROOT_UNTRUSTED, "PCK");
}

static void ca_check(struct work *w)
{
    struct ee_bytes der = w->chain.der[1];
    if (!chain_root_matches(w))
        return;
    if (w->trust->pck_ca_ok && ee_bytes_equal(der, w->trust->pck_ca.der))
        w->ca = &w->trust->pck_ca;
    else if (ee_attest_trust_pck_ca(w->crypto, w->trust, der, w->input->time_s, &w->own_ca,
                                    w->verdict))
        w->ca = &w->own_ca;
}

/* The PCK CRL must come from the CA that issued this leaf. */
static void leaf_revocation_check(struct work *w)
{
    static const char label[] = "PCK CRL";
    const struct ee_crl *crl = &w->trust->pck_crl;
    if (!w->ca || !w->trust->pck_crl_decoded)
        return; /* reported where that failed */
    bool known = w->ca == &w->trust->pck_ca && w->trust->pck_crl_proven;
    enum ee_reason reason = ee_attest_crl_check(w->crypto, crl, w->ca, known, w->input->time_s);
    (void)held(w, reason, label);
    if (reason == EE_REASON_CRL_ISSUER || reason == EE_REASON_CRL_SIGNATURE)
        return;
    w->verdict->pck_crl_number = crl->number;
    w->verdict->pck_crl_issued_s = crl->this_update_s;
    w->verdict->pck_crl_expires_s = crl->next_update_s;
    ee_attest_verdict_expiry(w->verdict, crl->next_update_s);
    if (ee_attest_crl_revokes(crl, w->leaf.serial))
        (void)held(w, EE_REASON_CERT_REVOKED, "PCK");
}

/* What identifies a platform: the bytes of leaf and CA, however the quote writes them. */
static void platform_find(struct work *w)
{
    const struct ee_bytes leaf = w->chain.der[0];
    uint8_t size[4] = {0, (uint8_t)(leaf.size >> 16), (uint8_t)(leaf.size >> 8),
                       (uint8_t)leaf.size}; /* a chain is never larger */
    const struct ee_bytes parts[] = {ee_bytes_of(size, sizeof(size)), leaf, w->chain.der[1]};
    if (!w->cache || w->cache->platform_count == 0)
        return;
    w->crypto->sha256(parts, 3, w->platform_id);
    w->platform = ee_attest_cache_platform_find(w->cache, w->platform_id);
    if (!w->platform)
        return;
    w->leaf.not_before_s = w->platform->not_before_s;
    w->leaf.not_after_s = w->platform->not_after_s;
    w->leaf.serial = ee_bytes_of(w->platform->serial, w->platform->serial_size);
    memcpy(w->leaf.key, w->platform->key, sizeof(w->leaf.key));
    w->leaf_decoded = true;
}

static bool leaf_pck(struct work *w, struct ee_pck *out, const char *label)
{
    if (!w->platform)
        return held(w, ee_attest_pck_decode(w->leaf.sgx_extension, out), label);
    *out = w->platform->pck;
    return true;
}

/* Of a known platform the certificate was decoded, its role seen and its signature verified. */
static void leaf_check(struct work *w)
{
    const char *label = ee_attest_cert_role_name(EE_CERT_PCK);
    platform_find(w);
    if (!w->platform)
        w->leaf_decoded = held(w, ee_attest_cert_decode(w->chain.der[0], &w->leaf), label);
    if (!w->leaf_decoded)
        return;
    if (!w->platform && !ee_attest_cert_fits(&w->leaf, EE_CERT_PCK))
        (void)held(w, EE_REASON_CERT_ROLE, label);
    (void)held(w, ee_attest_cert_window(&w->leaf, w->input->time_s), label);
    w->verdict->pck_not_before_s = w->leaf.not_before_s;
    w->verdict->pck_not_after_s = w->leaf.not_after_s;
    if (w->ca && !w->platform)
        (void)held(w, ee_attest_cert_signed_by(w->crypto, &w->leaf, w->ca), label);
    leaf_revocation_check(w);
    struct ee_pck *pck = &w->verdict->platform;
    w->verdict->platform_decoded = leaf_pck(w, pck, label);
    pck->processor_ca =
        w->ca && ee_bytes_equal(w->ca->common_name, ee_bytes_str("Intel SGX PCK Processor CA"));
}

static void platform_match(struct work *w)
{
    const struct ee_pck *pck = &w->verdict->platform;
    const struct ee_tcb_info *info = &w->trust->tcb_info;
    if (!w->verdict->platform_decoded || !w->trust->tcb_info_ok)
        return;
    if (memcmp(pck->fmspc, info->fmspc, sizeof(pck->fmspc)) != 0)
        (void)held(w, EE_REASON_FMSPC_MISMATCH, "");
    if (memcmp(pck->pceid, info->pceid, sizeof(pck->pceid)) != 0)
        (void)held(w, EE_REASON_PCEID_MISMATCH, "");
}

/* Whether this PCK certified this attestation key before, in these bytes. */
static void qe_find(struct work *w)
{
    const struct ee_quote *q = &w->quote;
    const struct ee_bytes parts[] = {
        q->qe_report, ee_bytes_of(q->qe_signature, EE_P256_SIGNATURE_SIZE),
        ee_bytes_of(q->attestation_key, EE_P256_POINT_SIZE), q->qe_auth};
    if (!w->cache || w->cache->platform_count == 0)
        return;
    w->crypto->sha256(parts, 4, w->qe_id);
    w->qe_known = w->platform && ee_attest_cache_qe_known(w->platform, w->qe_id);
}

/* The QE report binds the attestation key. */
static bool qe_binds(const struct work *w)
{
    const struct ee_quote *q = &w->quote;
    uint8_t bound[EE_REPORT_DATA_SIZE] = {0}; /* the upper half stays zero and is compared too */
    const struct ee_bytes parts[] = {ee_bytes_of(q->attestation_key, EE_P256_POINT_SIZE),
                                     q->qe_auth};
    w->crypto->sha256(parts, 2, bound);
    return memcmp(bound, q->qe.report_data, sizeof(bound)) == 0;
}

/* The QE report is signed by the PCK, binds the attestation key, and is of Intel's TD QE. Without
 * any of the three every quote could be forged. */
static void qe_check(struct work *w)
{
    const struct ee_quote *q = &w->quote;
    qe_find(w);
    if (w->leaf_decoded && !w->qe_known &&
        !ee_attest_signature_ok(w->crypto, w->leaf.key, q->qe_report, q->qe_signature))
        (void)held(w, EE_REASON_QE_REPORT_SIGNATURE, "");
    if (!w->qe_known && !qe_binds(w))
        (void)held(w, EE_REASON_QE_BINDING, "");
    if (!w->trust->qe_identity_ok)
        return;
    enum ee_reason reasons[EE_QE_FINDINGS_MAX];
    size_t count = ee_attest_qe_identity_compare(&w->trust->qe_identity, &q->qe, reasons);
    for (size_t i = 0; i < count; i++)
        ee_attest_verdict_add(w->verdict, reasons[i], "", q->qe.product_id,
                              w->trust->qe_identity.product_id);
}

static void quote_signature_check(struct work *w)
{
    const struct ee_quote *q = &w->quote;
    if (!ee_attest_signature_ok(w->crypto, q->attestation_key, q->signed_part, q->signature))
        (void)held(w, EE_REASON_QUOTE_SIGNATURE, "");
}

/* The TDX module is a listed production module. */
static void module_check(struct work *w)
{
    const struct ee_td_report *td = &w->quote.td;
    bool attributes = td->seam_attributes == 0;
    if (!w->trust->tcb_info_ok)
        return;
    const struct ee_module_identity *module =
        ee_attest_tcb_info_module(&w->trust->tcb_info, td->tee_tcb_svn[1]);
    if (!module) {
        ee_attest_verdict_add(w->verdict, EE_REASON_MODULE_UNKNOWN, "", td->tee_tcb_svn[1], 0);
        return;
    }
    if (memcmp(td->mrsignerseam, module->mrsigner, sizeof(module->mrsigner)) != 0)
        (void)held(w, EE_REASON_MODULE_SIGNER, "");
    for (size_t i = 0; i < sizeof(module->attributes); i++) {
        uint8_t byte = (uint8_t)(td->seam_attributes >> 8 * i);
        attributes = attributes && (byte & module->attributes_mask[i]) == module->attributes[i];
    }
    if (!attributes)
        (void)held(w, EE_REASON_MODULE_ATTRIBUTES, "");
}

static void quote_verify(struct work *w)
{
    if (chain_find(w)) {
        ca_check(w);
        leaf_check(w);
    }
    platform_match(w);
    qe_check(w);
    quote_signature_check(w);
    module_check(w);
    if (!w->verdict->platform_decoded || !w->trust->tcb_info_ok)
        return;
    ee_attest_judge_tcb(w->trust, w->verdict);
    ee_attest_judge_advise(w->trust, w->verdict);
}

/* The part that does not depend on the quote: remembered, or established now. */
static void collateral_verify(struct work *w)
{
    struct ee_verify_input input = *w->input;
    struct ee_trust *trust = &w->own;
    if (w->cache)
        w->place = ee_attest_cache_collateral_find(w->cache, input.collateral, input.time_s);
    if (w->place && ee_attest_trust_recall(&input, &w->place->trust, w->place->to_s, w->verdict)) {
        w->place_known = true;
        w->trust = &w->place->trust;
        return;
    }
    w->place = w->cache ? ee_attest_cache_collateral_take(w->cache, input.collateral) : NULL;
    if (w->place) {
        trust = &w->place->trust;
        input.collateral = w->collateral = &w->place->collateral;
    }
    ee_attest_trust_establish(w->crypto, &input, trust, w->verdict);
    w->trust = trust;
    if (w->place)
        w->place->to_s = w->verdict->collateral_expires_s;
}

static void platform_remember(struct work *w)
{
    struct ee_cache_platform *p = w->platform;
    const struct ee_cert *leaf = &w->leaf;
    if (p) {
        p->used_at = ++w->cache->clock;
    } else if (leaf->serial.size <= EE_CACHE_SERIAL_MAX &&
               (p = ee_attest_cache_platform_add(w->cache, w->platform_id)) != NULL) {
        p->not_before_s = leaf->not_before_s;
        p->not_after_s = leaf->not_after_s;
        memcpy(p->key, leaf->key, sizeof(p->key));
        memcpy(p->serial, leaf->serial.data, leaf->serial.size);
        p->serial_size = (uint8_t)leaf->serial.size;
        p->pck = w->verdict->platform;
    }
    if (p && !w->qe_known)
        ee_attest_cache_qe_add(p, w->qe_id);
}

/* Everything held: what was proven on the way need not be proven again. */
static void remember(struct work *w)
{
    if (w->place) {
        if (w->ca == &w->trust->pck_ca)
            w->place->trust.pck_crl_proven = true;
        ee_attest_cache_collateral_keep(w->cache, w->place);
    }
    platform_remember(w);
}

static void count(struct ee_cache_counts *counts, const struct work *w)
{
    counts->collateral_hits += w->place_known;
    counts->collateral_misses += !w->place_known;
    counts->platform_hits += w->platform != NULL;
    counts->platform_misses += w->platform == NULL;
    counts->qe_hits += w->qe_known;
    counts->qe_misses += !w->qe_known;
}

enum ee_err ee_attest_verify_cached(const struct ee_crypto *crypto, struct ee_verify_cache *cache,
                                    const struct ee_verify_input *input, struct ee_verdict *out)
{
    struct work w;
    struct ee_finding finding;
    memset(out, 0, sizeof(*out));
    out->time_s = input->time_s;
    memset(&w, 0, offsetof(struct work, quote));
    w.crypto = crypto;
    w.input = input;
    w.collateral = input->collateral;
    w.cache = cache;
    w.verdict = out;
    enum ee_reason reason = ee_attest_quote_decode(input->quote, &w.quote, &finding);
    if (reason != EE_REASON_NONE)
        ee_attest_verdict_add_finding(out, &finding);
    else
        quote_copy(&w);
    collateral_verify(&w);
    if (out->quote_decoded)
        quote_verify(&w);
    /* Each part that is not proven left a failure. */
    assert(out->err != EE_OK || (w.trust->root_crl_ok && w.trust->tcb_info_ok &&
                                 w.trust->qe_identity_ok && w.ca && out->platform_decoded));
    if (cache)
        count(&cache->counts, &w);
    if (cache && out->err == EE_OK)
        remember(&w);
    return out->err;
}

enum ee_err ee_attest_verify(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                             struct ee_verdict *out)
{
    return ee_attest_verify_cached(crypto, NULL, input, out);
}
