/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/collateral_order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/quote.h"
#include "attest/trust.h"
#include "base/text.h"
#include "base/banned.h"

static const struct {
    const char *id;
    const char *text;
} parts[EE_COLLATERAL_PARTS_COUNT] = {
#define EE_ROW(name, id, text) [EE_COLLATERAL_##name] = {id, text},
    EE_COLLATERAL_PARTS(EE_ROW)
#undef EE_ROW
};

const char *ee_collateral_part_id(enum ee_collateral_part part)
{
    return (unsigned)part < EE_COLLATERAL_PARTS_COUNT ? parts[part].id : "unknown";
}

const char *ee_collateral_part_text(enum ee_collateral_part part)
{
    return (unsigned)part < EE_COLLATERAL_PARTS_COUNT ? parts[part].text : "unknown";
}

/* ---- proving ---- */

static struct ee_collateral_part_facts part_of(bool proven, int64_t issued_s, int64_t expires_s,
                                               uint64_t number)
{
    return (struct ee_collateral_part_facts){
        .proven = proven, .issued_s = issued_s, .expires_s = expires_s, .number = number};
}

/* A quote's leaf would say whose PCK CRL is needed; without one it is the CA that came along. */
static bool pck_crl_prove(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                          const struct ee_trust *trust, struct ee_verdict *verdict)
{
    static const char label[] = "PCK CRL";
    if (input->collateral->pck_crl_chain.count == 0) {
        ee_attest_verdict_add(verdict, EE_REASON_COLLATERAL_MISSING, "PCK CRL issuer chain", 0, 0);
        return false;
    }
    if (!trust->pck_ca_ok || !trust->pck_crl_decoded)
        return false; /* reported where that failed */
    enum ee_reason reason =
        ee_attest_crl_check(crypto, &trust->pck_crl, &trust->pck_ca, false, input->time_s);
    if (reason != EE_REASON_NONE)
        ee_attest_verdict_add(verdict, reason, label, 0, 0);
    if (reason == EE_REASON_CRL_ISSUER || reason == EE_REASON_CRL_SIGNATURE)
        return false;
    verdict->pck_crl_number = trust->pck_crl.number;
    ee_attest_verdict_expiry(verdict, trust->pck_crl.next_update_s);
    return true;
}

static void facts_fill(const struct ee_trust *t, const struct ee_verdict *v, bool pck_crl,
                       struct ee_collateral_facts *out)
{
    if (t->tcb_info_ok) {
        out->part[EE_COLLATERAL_TCB_INFO] =
            part_of(true, t->tcb_info.issued_s, t->tcb_info.next_update_s, t->tcb_info.evaluation);
        memcpy(out->fmspc, t->tcb_info.fmspc, sizeof(out->fmspc));
        memcpy(out->pceid, t->tcb_info.pceid, sizeof(out->pceid));
    }
    if (t->qe_identity_ok)
        out->part[EE_COLLATERAL_QE_IDENTITY] = part_of(
            true, t->qe_identity.issued_s, t->qe_identity.next_update_s, t->qe_identity.evaluation);
    if (pck_crl)
        out->part[EE_COLLATERAL_PCK_CRL] =
            part_of(true, t->pck_crl.this_update_s, t->pck_crl.next_update_s, t->pck_crl.number);
    if (t->root_crl_ok)
        out->part[EE_COLLATERAL_ROOT_CRL] =
            part_of(true, t->root_crl.this_update_s, t->root_crl.next_update_s, t->root_crl.number);
    out->processor_ca = t->pck_ca_ok && ee_bytes_equal(t->pck_ca.common_name,
                                                       ee_bytes_str("Intel SGX PCK Processor CA"));
    out->simulated = !v->root_production;
    out->issued_s = v->collateral_issued_s;
    out->expires_s = v->collateral_expires_s;
    out->root_index = v->root_index;
}

enum ee_err ee_collateral_prove(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                                struct ee_tcb_documents *documents, struct ee_verdict *verdict,
                                struct ee_collateral_facts *out)
{
    struct ee_trust trust;
    memset(verdict, 0, sizeof(*verdict));
    memset(out, 0, sizeof(*out));
    memset(documents, 0, sizeof(*documents));
    ee_attest_trust_establish(crypto, input, &trust, verdict);
    bool pck_crl = pck_crl_prove(crypto, input, &trust, verdict);
    facts_fill(&trust, verdict, pck_crl, out);
    if (trust.tcb_info_ok)
        documents->tcb_info = trust.tcb_info;
    if (trust.qe_identity_ok)
        documents->qe_identity = trust.qe_identity;
    return verdict->err;
}

bool ee_collateral_only_expired(const struct ee_verdict *verdict)
{
    bool expired = false;
    for (size_t i = 0; i < verdict->finding_count; i++) {
        enum ee_err err = ee_attest_reason_err(verdict->findings[i].reason);
        if (err != EE_OK && err != EE_EXPIRED)
            return false;
        expired = expired || err == EE_EXPIRED;
    }
    return expired && verdict->finding_count < EE_VERDICT_FINDINGS_MAX;
}

/* ---- comparing ---- */

static bool same_kind(const struct ee_collateral_facts *a, const struct ee_collateral_facts *b)
{
    return memcmp(a->fmspc, b->fmspc, sizeof(a->fmspc)) == 0 &&
           memcmp(a->pceid, b->pceid, sizeof(a->pceid)) == 0 &&
           a->processor_ca == b->processor_ca && a->root_index == b->root_index;
}

enum ee_collateral_relation ee_collateral_compare(const struct ee_collateral_facts *held,
                                                  const struct ee_collateral_facts *offered,
                                                  struct ee_collateral_older *older_out)
{
    bool newer = false;
    if (!same_kind(held, offered))
        return EE_COLLATERAL_OTHER;
    for (enum ee_collateral_part i = 0; i < EE_COLLATERAL_PARTS_COUNT; i++) {
        const struct ee_collateral_part_facts *h = &held->part[i], *o = &offered->part[i];
        if (o->number < h->number || o->issued_s < h->issued_s) {
            bool by_number = o->number < h->number;
            *older_out = (struct ee_collateral_older){
                .part = i,
                .by_number = by_number,
                .held = by_number ? h->number : (uint64_t)h->issued_s,
                .offered = by_number ? o->number : (uint64_t)o->issued_s};
            return EE_COLLATERAL_OLDER;
        }
        newer = newer || o->number > h->number || o->issued_s > h->issued_s;
    }
    return newer ? EE_COLLATERAL_NEWER : EE_COLLATERAL_SAME;
}

char *ee_collateral_older_text(const struct ee_collateral_older *older,
                               char out[EE_COLLATERAL_OLDER_TEXT_SIZE])
{
    char held[EE_TIME_TEXT_SIZE], offered[EE_TIME_TEXT_SIZE];
    const char *what = ee_collateral_part_text(older->part);
    if (older->by_number)
        (void)snprintf(out, EE_COLLATERAL_OLDER_TEXT_SIZE,
                       "the %s has number %" PRIu64 ", the one in use has %" PRIu64, what,
                       older->offered, older->held);
    else
        (void)snprintf(out, EE_COLLATERAL_OLDER_TEXT_SIZE,
                       "the %s is of %s, the one in use is of %s", what,
                       ee_time_format((int64_t)older->offered, offered),
                       ee_time_format((int64_t)older->held, held));
    return out;
}

/* ---- choosing ---- */

bool ee_collateral_family_of_quote(struct ee_bytes quote, uint8_t *memory, size_t memory_size,
                                   uint8_t fmspc_out[EE_FMSPC_SIZE])
{
    struct ee_quote decoded;
    struct ee_finding finding;
    struct ee_der_chain chain;
    struct ee_cert leaf;
    struct ee_pck pck;
    if (ee_attest_quote_decode(quote, &decoded, &finding) != EE_REASON_NONE ||
        (decoded.cert_type != EE_CERT_DATA_PCK_CHAIN && decoded.cert_type != EE_CERT_DATA_PCK_LEAF))
        return false;
    if (ee_attest_pem_certificates(decoded.cert_data, memory, memory_size, &chain) !=
            EE_REASON_NONE ||
        ee_attest_cert_decode(chain.der[0], &leaf) != EE_REASON_NONE ||
        ee_attest_pck_decode(leaf.sgx_extension, &pck) != EE_REASON_NONE)
        return false;
    memcpy(fmspc_out, pck.fmspc, EE_FMSPC_SIZE);
    return true;
}
