/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/trust.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* SHA-256 of the DER of the production root, valid 2018-05-21 to 2049-12-31: its bytes are known,
 * so its signature over itself need not be verified again. */
static const uint8_t root_production_sha256[EE_SHA256_SIZE] = {
    0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49, 0xe9, 0x5b, 0x80, 0x7a, 0x35,
    0x0e, 0x74, 0x24, 0x96, 0x43, 0x99, 0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6, 0x74, 0xd3};

static bool same_finding(const struct ee_finding *a, const struct ee_finding *b)
{
    return a->reason == b->reason && a->index == b->index && a->have == b->have &&
           a->need == b->need && strcmp(a->label, b->label) == 0;
}

void ee_attest_verdict_add_finding(struct ee_verdict *verdict, const struct ee_finding *finding)
{
    enum ee_err err = ee_attest_reason_err(finding->reason);
    if (err != EE_OK && verdict->err == EE_OK) {
        verdict->err = err;
        verdict->reason = finding->reason;
    }
    for (size_t i = 0; i < verdict->finding_count; i++)
        if (same_finding(&verdict->findings[i], finding))
            return;
    if (verdict->finding_count < EE_VERDICT_FINDINGS_MAX)
        verdict->findings[verdict->finding_count++] = *finding;
}

void ee_attest_verdict_add(struct ee_verdict *verdict, enum ee_reason reason, const char *label,
                           uint32_t have, uint32_t need)
{
    struct ee_finding finding = {.reason = reason, .have = have, .need = need};
    (void)snprintf(finding.label, sizeof(finding.label), "%s", label);
    ee_attest_verdict_add_finding(verdict, &finding);
}

void ee_attest_verdict_expiry(struct ee_verdict *verdict, int64_t time_s)
{
    if (verdict->collateral_expires_s == 0 || time_s < verdict->collateral_expires_s)
        verdict->collateral_expires_s = time_s;
}

/* The window of a part begins then. */
static void begins(struct ee_trust *trust, int64_t time_s)
{
    if (time_s > trust->from_s)
        trust->from_s = time_s;
}

/* Adds a failure. True when there was none. */
static bool held(struct ee_verdict *verdict, enum ee_reason reason, const char *label)
{
    if (reason != EE_REASON_NONE)
        ee_attest_verdict_add(verdict, reason, label, 0, 0);
    return reason == EE_REASON_NONE;
}

static bool root_known(const struct ee_crypto *crypto, const struct ee_cert *cert)
{
    uint8_t digest[EE_SHA256_SIZE];
    crypto->sha256(&cert->der, 1, digest);
    return memcmp(digest, root_production_sha256, sizeof(digest)) == 0;
}

/* Whether the certificate's key is an accepted root; sets which one. */
static bool root_accepted(const struct ee_verify_input *input, const struct ee_cert *cert,
                          struct ee_verdict *verdict)
{
    for (size_t i = 0; i < input->root_count; i++) {
        if (memcmp(cert->key, input->roots[i], EE_P256_POINT_SIZE) != 0)
            continue;
        verdict->root_index = i;
        verdict->root_matched = true;
        verdict->root_production =
            memcmp(cert->key, ee_attest_root_production, EE_P256_POINT_SIZE) == 0;
        return true;
    }
    return false;
}

/* The last certificate of a chain of two. All chains must end in the same root key: with two
 * accepted roots, one may not vouch for the other's platforms. */
static bool root_establish(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                           const struct ee_der_chain *chain, const char *label,
                           struct ee_trust *trust, struct ee_verdict *verdict)
{
    struct ee_cert cert;
    if (chain->count != 2)
        return held(verdict, chain->count ? EE_REASON_CHAIN_LENGTH : EE_REASON_COLLATERAL_MISSING,
                    label);
    if (trust->root_ok && ee_bytes_equal(chain->der[1], trust->root.der))
        return true;
    if (!held(verdict, ee_attest_cert_decode(chain->der[1], &cert), label))
        return false;
    bool accepted = trust->root_ok ? memcmp(cert.key, trust->root.key, EE_P256_POINT_SIZE) == 0
                                   : root_accepted(input, &cert, verdict);
    if (!accepted)
        return held(verdict, EE_REASON_ROOT_UNTRUSTED, label);
    const char *role = ee_attest_cert_role_name(EE_CERT_ROOT);
    if (!ee_attest_cert_fits(&cert, EE_CERT_ROOT))
        return held(verdict, EE_REASON_CERT_ROLE, role);
    if (!root_known(crypto, &cert) &&
        !held(verdict, ee_attest_cert_signed_by(crypto, &cert, &cert), role))
        return false;
    (void)held(verdict, ee_attest_cert_window(&cert, input->time_s), role);
    ee_attest_verdict_expiry(verdict, cert.not_after_s);
    begins(trust, cert.not_before_s);
    if (!trust->root_ok)
        trust->root = cert;
    trust->root_ok = true;
    return true;
}

/* What the verdict says of each genuine part. */
static void root_crl_tell(const struct ee_crl *crl, struct ee_verdict *verdict)
{
    verdict->root_crl_number = crl->number;
    verdict->root_crl_issued_s = crl->this_update_s;
    verdict->root_crl_expires_s = crl->next_update_s;
}

static void tcb_info_tell(const struct ee_tcb_info *info, struct ee_verdict *verdict)
{
    verdict->tcb_evaluation = info->evaluation;
    verdict->tcb_issued_s = info->issued_s;
    verdict->tcb_expires_s = info->next_update_s;
    memcpy(verdict->tcb_fmspc, info->fmspc, sizeof(verdict->tcb_fmspc));
}

static void qe_identity_tell(const struct ee_qe_identity *identity, struct ee_verdict *verdict)
{
    verdict->qe_evaluation = identity->evaluation;
    verdict->qe_issued_s = identity->issued_s;
    verdict->qe_expires_s = identity->next_update_s;
}

static void root_crl_establish(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                               struct ee_trust *trust, struct ee_verdict *verdict)
{
    static const char label[] = "root CRL";
    struct ee_bytes der = input->collateral->root_crl;
    if (der.size == 0) {
        (void)held(verdict, EE_REASON_CRL_MISSING, label);
        return;
    }
    if (!held(verdict, ee_attest_crl_decode(der, &trust->root_crl), label) || !trust->root_ok)
        return;
    enum ee_reason reason =
        ee_attest_crl_check(crypto, &trust->root_crl, &trust->root, false, input->time_s);
    (void)held(verdict, reason, label);
    trust->root_crl_ok = reason != EE_REASON_CRL_ISSUER && reason != EE_REASON_CRL_SIGNATURE;
    if (trust->root_crl_ok) {
        root_crl_tell(&trust->root_crl, verdict);
        ee_attest_verdict_expiry(verdict, trust->root_crl.next_update_s);
        begins(trust, trust->root_crl.this_update_s);
    }
}

/* A certificate directly under the root, in its role and not revoked. False when it is not proven;
 * a window that has passed is a finding but proves who it was. */
static bool under_root(const struct ee_crypto *crypto, const struct ee_trust *trust,
                       struct ee_bytes der, enum ee_cert_role role, int64_t time_s,
                       struct ee_cert *out, struct ee_verdict *verdict)
{
    const char *label = ee_attest_cert_role_name(role);
    if (!held(verdict, ee_attest_cert_decode(der, out), label))
        return false;
    if (!ee_attest_cert_fits(out, role))
        return held(verdict, EE_REASON_CERT_ROLE, label);
    (void)held(verdict, ee_attest_cert_window(out, time_s), label);
    ee_attest_verdict_expiry(verdict, out->not_after_s);
    if (!trust->root_ok ||
        !held(verdict, ee_attest_cert_signed_by(crypto, out, &trust->root), label))
        return false;
    if (trust->root_crl_ok && ee_attest_crl_revokes(&trust->root_crl, out->serial))
        return held(verdict, EE_REASON_CERT_REVOKED, label);
    return true;
}

bool ee_attest_trust_pck_ca(const struct ee_crypto *crypto, const struct ee_trust *trust,
                            struct ee_bytes der, int64_t time_s, struct ee_cert *out,
                            struct ee_verdict *verdict)
{
    return under_root(crypto, trust, der, EE_CERT_PCK_CA, time_s, out, verdict);
}

/* issueDate <= t <= nextUpdate of a signed document. */
static void document_window(int64_t issued_s, int64_t next_update_s, int64_t time_s,
                            const char *label, struct ee_verdict *verdict)
{
    if (time_s < issued_s)
        (void)held(verdict, EE_REASON_COLLATERAL_FUTURE, label);
    if (time_s > next_update_s)
        (void)held(verdict, EE_REASON_COLLATERAL_EXPIRED, label);
    ee_attest_verdict_expiry(verdict, next_update_s);
    if (issued_s > verdict->collateral_issued_s)
        verdict->collateral_issued_s = issued_s;
}

/* The signature comes before any value is used. */
static bool document_signed(const struct ee_crypto *crypto, struct ee_bytes text,
                            const uint8_t *signature, const struct ee_cert *signer,
                            const char *label, struct ee_verdict *verdict)
{
    if (text.size == 0)
        return held(verdict, EE_REASON_COLLATERAL_MISSING, label);
    if (text.size > EE_SIGNED_JSON_MAX)
        return held(verdict, EE_REASON_COLLATERAL_TOO_LARGE, label);
    return ee_attest_signature_ok(crypto, signer->key, text, signature) ||
           held(verdict, EE_REASON_COLLATERAL_SIGNATURE, label);
}

static void tcb_info_establish(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                               const struct ee_cert *signer, struct ee_trust *trust,
                               struct ee_verdict *verdict)
{
    static const char label[] = "TCB Info";
    const struct ee_collateral *c = input->collateral;
    if (!document_signed(crypto, c->tcb_info, c->tcb_info_signature, signer, label, verdict))
        return;
    trust->tcb_info_ok =
        held(verdict, ee_attest_tcb_info_decode(c->tcb_info, &trust->tcb_info), label);
    if (!trust->tcb_info_ok)
        return;
    tcb_info_tell(&trust->tcb_info, verdict);
    begins(trust, trust->tcb_info.issued_s);
    document_window(trust->tcb_info.issued_s, trust->tcb_info.next_update_s, input->time_s, label,
                    verdict);
}

static void qe_identity_establish(const struct ee_crypto *crypto,
                                  const struct ee_verify_input *input, const struct ee_cert *signer,
                                  struct ee_trust *trust, struct ee_verdict *verdict)
{
    static const char label[] = "QE identity";
    const struct ee_collateral *c = input->collateral;
    if (!document_signed(crypto, c->qe_identity, c->qe_identity_signature, signer, label, verdict))
        return;
    trust->qe_identity_ok =
        held(verdict, ee_attest_qe_identity_decode(c->qe_identity, &trust->qe_identity), label);
    if (!trust->qe_identity_ok)
        return;
    qe_identity_tell(&trust->qe_identity, verdict);
    begins(trust, trust->qe_identity.issued_s);
    document_window(trust->qe_identity.issued_s, trust->qe_identity.next_update_s, input->time_s,
                    label, verdict);
}

/* The signer of a document. */
static bool signer_establish(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                             struct ee_bytes der, struct ee_trust *trust, struct ee_cert *out,
                             struct ee_verdict *verdict)
{
    if (!under_root(crypto, trust, der, EE_CERT_TCB_SIGNING, input->time_s, out, verdict))
        return false;
    begins(trust, out->not_before_s);
    return true;
}

/* Both documents, each under its own chain; one chain given twice is proven once. */
static void documents_establish(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                                bool tcb_root, bool qe_root, struct ee_trust *trust,
                                struct ee_verdict *verdict)
{
    const struct ee_der_chain *tcb = &input->collateral->tcb_info_chain;
    const struct ee_der_chain *qe = &input->collateral->qe_identity_chain;
    struct ee_cert tcb_signer, qe_signer;
    bool tcb_ok =
        tcb_root && signer_establish(crypto, input, tcb->der[0], trust, &tcb_signer, verdict);
    if (tcb_ok)
        tcb_info_establish(crypto, input, &tcb_signer, trust, verdict);
    if (!qe_root)
        return;
    if (tcb_root && ee_bytes_equal(tcb->der[0], qe->der[0])) {
        if (tcb_ok)
            qe_identity_establish(crypto, input, &tcb_signer, trust, verdict);
    } else if (signer_establish(crypto, input, qe->der[0], trust, &qe_signer, verdict)) {
        qe_identity_establish(crypto, input, &qe_signer, trust, verdict);
    }
}

void ee_attest_trust_establish(const struct ee_crypto *crypto, const struct ee_verify_input *input,
                               struct ee_trust *out, struct ee_verdict *verdict)
{
    const struct ee_collateral *c = input->collateral;
    out->root_ok = out->root_crl_ok = out->pck_ca_ok = false; /* what is behind a flag may be old */
    out->pck_crl_decoded = out->pck_crl_proven = false;
    out->tcb_info_ok = out->qe_identity_ok = false;
    out->from_s = 0;
    bool tcb_root =
        root_establish(crypto, input, &c->tcb_info_chain, "TCB Info issuer", out, verdict);
    bool qe_root =
        root_establish(crypto, input, &c->qe_identity_chain, "QE identity issuer", out, verdict);
    /* Optional: the quote carries the PCK CA itself. */
    bool crl_root = c->pck_crl_chain.count && root_establish(crypto, input, &c->pck_crl_chain,
                                                             "PCK CRL issuer", out, verdict);
    root_crl_establish(crypto, input, out, verdict);
    documents_establish(crypto, input, tcb_root, qe_root, out, verdict);
    if (crl_root)
        out->pck_ca_ok = ee_attest_trust_pck_ca(crypto, out, c->pck_crl_chain.der[0], input->time_s,
                                                &out->pck_ca, verdict);
    if (out->pck_ca_ok)
        begins(out, out->pck_ca.not_before_s);
    if (c->pck_crl.size == 0)
        (void)held(verdict, EE_REASON_CRL_MISSING, "PCK CRL");
    else
        out->pck_crl_decoded =
            held(verdict, ee_attest_crl_decode(c->pck_crl, &out->pck_crl), "PCK CRL");
}

bool ee_attest_trust_recall(const struct ee_verify_input *input, const struct ee_trust *trust,
                            int64_t to_s, struct ee_verdict *verdict)
{
    if (!root_accepted(input, &trust->root, verdict))
        return false;
    int64_t tcb_s = trust->tcb_info.issued_s, qe_s = trust->qe_identity.issued_s;
    root_crl_tell(&trust->root_crl, verdict);
    tcb_info_tell(&trust->tcb_info, verdict);
    qe_identity_tell(&trust->qe_identity, verdict);
    verdict->collateral_issued_s = tcb_s > qe_s ? tcb_s : qe_s;
    verdict->collateral_expires_s = to_s;
    return true;
}
