/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes and collateral of the simulator, changed in one place and signed again: what an attacker
 * cannot make and a rule must still refuse, or a case no real quote shows. */
#ifndef EE_TESTS_ATTEST_FORGE_H
#define EE_TESTS_ATTEST_FORGE_H

#include "attest/policy.h"
#include "attest/verify.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "sim/tcb.h"
#include "sim/x509_writer.h"
#include "tap.h"

#define FORGE_CRYPTO (&ee_crypto_openssl)
enum { FORGE_NOW_S = 1790000000, FORGE_HOUR_S = 3600, FORGE_TEXT_MAX = 64 * 1024 };

struct forged {
    struct ee_sim_authority authority;
    struct ee_sim_platform platform;
    struct ee_sim_td td;
    uint8_t quote[EE_SIM_QUOTE_MAX + 4096];
    size_t quote_size;
    size_t body_at, auth_at; /* offsets of the body and of the authentication data */
    char json[EE_SIM_COLLATERAL_MAX];
    uint8_t scratch[EE_SIM_COLLATERAL_MAX];
    struct ee_collateral collateral;
    char tcb_info[FORGE_TEXT_MAX], qe_identity[FORGE_TEXT_MAX];
    uint8_t pck_crl[2 * EE_SIM_CRL_MAX], root_crl[2 * EE_SIM_CRL_MAX];
    struct ee_verdict verdict;
    int64_t time_s;
};

static struct forged forged;

static inline void forge_sign(const struct ee_sim_key *key, const void *data, size_t size,
                              uint8_t out[EE_P256_SIGNATURE_SIZE])
{
    uint8_t digest[EE_SHA256_SIZE];
    const struct ee_bytes bytes = ee_bytes_of(data, size);
    FORGE_CRYPTO->sha256(&bytes, 1, digest);
    CHECK(FORGE_CRYPTO->p256_sign(key->private_key, digest, out));
}

/* Signs the quote again with the attestation key. */
static inline void forge_quote_sign(void)
{
    forge_sign(&forged.platform.ak, forged.quote, forged.auth_at - 4,
               forged.quote + forged.auth_at);
}

static inline void forge_qe_sign(void)
{
    forge_sign(&forged.platform.pck_key, forged.quote + forged.auth_at + 134, EE_SGX_REPORT_SIZE,
               forged.quote + forged.auth_at + 518);
}

/* Bytes of the body, or of the QE report, by their offset in it; signed again. */
static inline void forge_body(size_t offset, const void *data, size_t size)
{
    memcpy(forged.quote + forged.body_at + offset, data, size);
    forge_quote_sign();
}

static inline void forge_qe(size_t offset, const void *data, size_t size)
{
    memcpy(forged.quote + forged.auth_at + 134 + offset, data, size);
    forge_qe_sign();
}

static inline bool forge_make(uint32_t faults, enum ee_sim_quote_format format)
{
    static const uint8_t seed[32] = {'r', 'u', 'l', 'e'};
    static const uint8_t report_data[64] = {0x77};
    size_t json_size;
    ee_sim_td_for_program(FORGE_CRYPTO, "ee-agent", "0.1.0", &forged.td);
    forged.time_s = FORGE_NOW_S;
    bool ok =
        ee_sim_authority_init(&forged.authority, FORGE_CRYPTO, seed) == EE_OK &&
        ee_sim_platform_init(&forged.platform, FORGE_CRYPTO, &forged.authority, seed, 8, faults) ==
            EE_OK &&
        ee_sim_quote_write(FORGE_CRYPTO, &forged.platform, &forged.td, report_data, format,
                           forged.quote, sizeof(forged.quote), &forged.quote_size) == EE_OK &&
        ee_sim_collateral_write(FORGE_CRYPTO, &forged.authority, &forged.platform,
                                FORGE_NOW_S - FORGE_HOUR_S, forged.json, sizeof(forged.json),
                                &json_size) == EE_OK &&
        ee_attest_collateral_decode(ee_bytes_of(forged.json, json_size), forged.scratch,
                                    sizeof(forged.scratch), &forged.collateral) == EE_REASON_NONE;
    forged.body_at = format == EE_SIM_QUOTE_V4 ? 48 : 54;
    forged.auth_at = forged.body_at + 4 +
                     (size_t)(format == EE_SIM_QUOTE_V5_TD15 ? EE_TD_15_SIZE : EE_TD_10_SIZE);
    return ok;
}

static inline enum ee_err forge_verify(void)
{
    uint8_t roots[1][EE_P256_POINT_SIZE];
    memcpy(roots[0], ee_sim_authority_root_key(&forged.authority), sizeof(roots[0]));
    const struct ee_verify_input input = {.quote = ee_bytes_of(forged.quote, forged.quote_size),
                                          .collateral = &forged.collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 1,
                                          .time_s = forged.time_s};
    return ee_attest_verify(FORGE_CRYPTO, &input, &forged.verdict);
}

/* Replaces the first `old` by `new` in a document of the collateral, and signs it again. */
static inline void forge_document(struct ee_bytes *document, char text[FORGE_TEXT_MAX],
                                  uint8_t signature[EE_P256_SIGNATURE_SIZE], const char *old,
                                  const char *new_text)
{
    static char copy[FORGE_TEXT_MAX];
    memcpy(copy, document->data, document->size);
    copy[document->size] = '\0';
    char *found = strstr(copy, old);
    if (!found)
        printf("# not there: %s\n", old);
    REQUIRE(found != NULL);
    int size = snprintf(text, FORGE_TEXT_MAX, "%.*s%s%s", (int)(found - copy), copy, new_text,
                        found + strlen(old));
    REQUIRE(size > 0 && size < FORGE_TEXT_MAX);
    *document = ee_bytes_of(text, (size_t)size);
    forge_sign(&forged.authority.tcb_key, text, (size_t)size, signature);
}

static inline void forge_tcb_info(const char *old, const char *new_text)
{
    forge_document(&forged.collateral.tcb_info, forged.tcb_info,
                   forged.collateral.tcb_info_signature, old, new_text);
}

static inline void forge_qe_identity(const char *old, const char *new_text)
{
    forge_document(&forged.collateral.qe_identity, forged.qe_identity,
                   forged.collateral.qe_identity_signature, old, new_text);
}

/* Refused, and this first. */
static inline bool forge_refused(enum ee_reason reason)
{
    enum ee_err err = forge_verify();
    if (err == EE_OK || forged.verdict.reason != reason)
        printf("# wanted %s, got %s: %s\n", ee_attest_reason_name(reason), ee_err_name(err),
               ee_attest_reason_name(forged.verdict.reason));
    return err != EE_OK && forged.verdict.reason == reason;
}

static inline bool forge_status(enum ee_tcb_status status)
{
    enum ee_err err = forge_verify();
    if (forged.verdict.status != status)
        printf("# wanted %s, got %s: %s\n", ee_attest_tcb_status_name(status), ee_err_name(err),
               ee_attest_tcb_status_name(forged.verdict.status));
    return forged.verdict.status == status;
}

static inline bool forge_found(enum ee_reason reason)
{
    for (size_t i = 0; i < forged.verdict.finding_count; i++)
        if (forged.verdict.findings[i].reason == reason)
            return true;
    return false;
}

#endif
