/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of certificates, revocation and certification data, each with everything else right and
 * signed. */
#include "attest/crl.h"
#include "forge.h"

/* ---- revocation ---- */

static void crl_set(uint8_t *memory, struct ee_bytes *out, const struct ee_sim_crl_spec *spec)
{
    size_t size = 0;
    CHECK(ee_sim_crl_write(FORGE_CRYPTO, spec, memory, &size) == EE_OK);
    *out = ee_bytes_of(memory, size);
}

static struct ee_sim_crl_spec pck_crl_spec(void)
{
    return (struct ee_sim_crl_spec){.issuer = "Intel SGX PCK Platform CA",
                                    .issuer_key = &forged.authority.platform_ca_key,
                                    .number = 5,
                                    .this_update_s = FORGE_NOW_S - 1,
                                    .next_update_s = FORGE_NOW_S + 1};
}

static void pck_crls_that_do_not_say_it_of_this_leaf(void)
{
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    struct ee_sim_crl_spec spec = pck_crl_spec();
    crl_set(forged.pck_crl, &forged.collateral.pck_crl, &spec);
    CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.pck_crl_number == 5);
    spec.issuer = "Intel SGX PCK Processor CA"; /* the right key under another name */
    crl_set(forged.pck_crl, &forged.collateral.pck_crl, &spec);
    CHECK(forge_refused(EE_REASON_CRL_ISSUER));
    spec = pck_crl_spec();
    spec.issuer_key = &forged.authority.root_key; /* another key identifier */
    crl_set(forged.pck_crl, &forged.collateral.pck_crl, &spec);
    CHECK(forge_refused(EE_REASON_CRL_ISSUER));
    spec = pck_crl_spec();
    crl_set(forged.pck_crl, &forged.collateral.pck_crl, &spec);
    forged.pck_crl[forged.collateral.pck_crl.size - 1] ^= 1;
    CHECK(forge_refused(EE_REASON_CRL_SIGNATURE));
}

static void crls_at_and_outside_their_window(void)
{
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    struct ee_sim_crl_spec spec = pck_crl_spec();
    spec.this_update_s = spec.next_update_s = FORGE_NOW_S; /* both ends are inside */
    crl_set(forged.pck_crl, &forged.collateral.pck_crl, &spec);
    CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK);
    spec.this_update_s = spec.next_update_s = FORGE_NOW_S - 1;
    crl_set(forged.pck_crl, &forged.collateral.pck_crl, &spec);
    CHECK(forge_refused(EE_REASON_CRL_EXPIRED));
    spec.this_update_s = spec.next_update_s = FORGE_NOW_S + 1;
    crl_set(forged.pck_crl, &forged.collateral.pck_crl, &spec);
    CHECK(forge_refused(EE_REASON_CRL_FUTURE));
}

static void revoked_authority_certificates(void)
{
    const struct {
        const struct ee_sim_cert *cert;
        const char *label;
    } rows[] = {{&forged.authority.platform_ca, "PCK CA"},
                {&forged.authority.tcb_signing, "TCB Signing"}};
    for (size_t i = 0; i < 2; i++) {
        struct ee_cert cert;
        uint8_t serial[EE_SIM_SERIAL_SIZE] = {0};
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        REQUIRE(ee_attest_cert_decode(ee_bytes_of(rows[i].cert->der, rows[i].cert->size), &cert) ==
                EE_REASON_NONE);
        memcpy(serial + sizeof(serial) - cert.serial.size, cert.serial.data, cert.serial.size);
        struct ee_sim_crl_spec spec = {.issuer = "Intel SGX Root CA",
                                       .issuer_key = &forged.authority.root_key,
                                       .number = 1,
                                       .this_update_s = FORGE_NOW_S - 1,
                                       .next_update_s = FORGE_NOW_S + 1,
                                       .revoked_serial = serial};
        crl_set(forged.root_crl, &forged.collateral.root_crl, &spec);
        CHECK(forge_refused(EE_REASON_CERT_REVOKED));
        CHECK(strcmp(forged.verdict.findings[0].label, rows[i].label) == 0);
    }
}

/* A serial whose first bit is set has a leading zero in DER, in certificate and CRL alike. */
static void serials_with_a_leading_zero(void)
{
    uint8_t memory[EE_SIM_CRL_MAX], bare[EE_SIM_SERIAL_SIZE] = {0x96, 1, 2};
    uint8_t encoded[1 + EE_SIM_SERIAL_SIZE] = {0};
    struct ee_bytes der;
    struct ee_crl crl;
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    struct ee_sim_crl_spec spec = pck_crl_spec();
    spec.revoked_serial = bare;
    crl_set(memory, &der, &spec);
    REQUIRE(ee_attest_crl_decode(der, &crl) == EE_REASON_NONE);
    memcpy(encoded + 1, bare, sizeof(bare));
    CHECK(ee_attest_crl_revokes(&crl, ee_bytes_of(encoded, sizeof(encoded))));
    encoded[5] ^= 1;
    CHECK(!ee_attest_crl_revokes(&crl, ee_bytes_of(encoded, sizeof(encoded))));
    CHECK(!ee_attest_crl_revokes(&crl, ee_bytes_of(bare + 1, sizeof(bare) - 1)));
}

/* ---- certificates ---- */

/* Another PCK chain in the quote's place: its PEM is the last thing in it. */
static void chain_set(const struct ee_sim_cert *leaf, const struct ee_sim_cert *ca)
{
    static char pem[EE_SIM_CHAIN_MAX];
    const struct ee_sim_cert *const certs[] = {leaf, ca, &forged.authority.root};
    size_t size = 0, at = forged.auth_at + 584 + 32 + 6;
    for (size_t i = 0; i < 3; i++)
        size += ee_sim_cert_pem(certs[i], pem + size, sizeof(pem) - size);
    uint8_t *quote = forged.quote;
    memcpy(quote + at, pem, size);
    forged.quote_size = at + size;
    struct ee_writer w;
    ee_writer_init(&w, quote + at - 4, 4);
    ee_writer_u32le(&w, (uint32_t)size);
    ee_writer_init(&w, quote + forged.auth_at + 130, 4);
    ee_writer_u32le(&w, (uint32_t)(forged.quote_size - forged.auth_at - 134));
    ee_writer_init(&w, quote + forged.auth_at - 4, 4);
    ee_writer_u32le(&w, (uint32_t)(forged.quote_size - forged.auth_at));
}

static struct ee_sim_cert_spec ca_spec(void)
{
    return (struct ee_sim_cert_spec){.subject = "Intel SGX PCK Platform CA",
                                     .issuer = "Intel SGX Root CA",
                                     .key = &forged.authority.platform_ca_key,
                                     .issuer_key = &forged.authority.root_key,
                                     .serial = {1, 2, 3},
                                     .not_before_s = FORGE_NOW_S - 10,
                                     .not_after_s = FORGE_NOW_S + 10,
                                     .path_length = 0};
}

static void platform_cas_that_are_not_fit(void)
{
    struct ee_sim_cert ca;
    for (int i = 0; i < 6; i++) {
        static const enum ee_reason reasons[] = {
            EE_REASON_NONE,         EE_REASON_CERT_ROLE,          EE_REASON_CERT_ROLE,
            EE_REASON_CERT_EXPIRED, EE_REASON_CERT_NOT_YET_VALID, EE_REASON_CHAIN_ISSUER};
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        struct ee_sim_cert_spec spec = ca_spec();
        spec.path_length = i == 1 ? 1 : 0;
        spec.subject = i == 2 ? "Intel SGX TCB Signing" : spec.subject;
        spec.not_after_s -= i == 3 ? 11 : 0;
        spec.not_before_s += i == 4 ? 11 : 0;
        spec.issuer_key = i == 5 ? &forged.authority.tcb_key : spec.issuer_key;
        REQUIRE(ee_sim_cert_write(FORGE_CRYPTO, &spec, &ca) == EE_OK);
        chain_set(&forged.platform.pck, &ca);
        CHECK(i == 0 ? forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK
                     : (forge_verify() != EE_OK && forge_found(reasons[i])));
    }
}

/* dcap-qvl's mistake: any leaf under the root may not sign TCB Infos. */
static void tcb_info_signed_by_a_pck_key(void)
{
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forged.collateral.tcb_info_chain.der[0] =
        ee_bytes_of(forged.platform.pck.der, forged.platform.pck.size);
    forge_sign(&forged.platform.pck_key, forged.collateral.tcb_info.data,
               forged.collateral.tcb_info.size, forged.collateral.tcb_info_signature);
    CHECK(forge_refused(EE_REASON_CERT_ROLE));
    CHECK(!forged.verdict.tcb_evaluation);
}

static void windows_of_signed_documents(void)
{
    static const struct {
        int64_t shift_s;
        enum ee_reason reason;
    } rows[] = {{-FORGE_HOUR_S, EE_REASON_NONE},
                {-FORGE_HOUR_S - 1, EE_REASON_COLLATERAL_FUTURE},
                {30 * 86400 - FORGE_HOUR_S, EE_REASON_NONE},
                {30 * 86400 - FORGE_HOUR_S + 1, EE_REASON_COLLATERAL_EXPIRED}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        forged.time_s += rows[i].shift_s;
        enum ee_err err = forge_verify();
        CHECK(rows[i].reason == EE_REASON_NONE ? err == EE_OK : forge_found(rows[i].reason));
    }
}

/* ---- certification data ---- */

static void certification_data_without_a_certificate(void)
{
    static const struct {
        uint16_t type;
        uint32_t size;
        enum ee_reason reason;
    } rows[] = {
        {1, 36, EE_REASON_QUOTE_NO_PCK},      {2, 276, EE_REASON_QUOTE_NO_PCK},
        {3, 404, EE_REASON_QUOTE_NO_PCK},     {7, 500, EE_REASON_QUOTE_NO_PCK},
        {1, 35, EE_REASON_QUOTE_CERT_SIZE},   {2, 277, EE_REASON_QUOTE_CERT_SIZE},
        {3, 0, EE_REASON_QUOTE_CERT_SIZE},    {7, 0, EE_REASON_QUOTE_CERT_SIZE},
        {6, 500, EE_REASON_QUOTE_INNER_TYPE}, {8, 500, EE_REASON_QUOTE_INNER_TYPE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        size_t at = forged.auth_at + 584 + 32;
        struct ee_writer w;
        ee_writer_init(&w, forged.quote + at, 6);
        ee_writer_u16le(&w, rows[i].type);
        ee_writer_u32le(&w, rows[i].size);
        forged.quote_size = at + 6 + rows[i].size;
        ee_writer_init(&w, forged.quote + forged.auth_at + 130, 4);
        ee_writer_u32le(&w, (uint32_t)(forged.quote_size - forged.auth_at - 134));
        ee_writer_init(&w, forged.quote + forged.auth_at - 4, 4);
        ee_writer_u32le(&w, (uint32_t)(forged.quote_size - forged.auth_at));
        CHECK(forge_refused(rows[i].reason));
        if (rows[i].reason != EE_REASON_QUOTE_NO_PCK)
            continue;
        /* With the chain from elsewhere the quote holds: its key is bound by the signatures. */
        forged.collateral.pck_chain.count = 2;
        forged.collateral.pck_chain.der[0] =
            ee_bytes_of(forged.platform.pck.der, forged.platform.pck.size);
        forged.collateral.pck_chain.der[1] =
            ee_bytes_of(forged.authority.platform_ca.der, forged.authority.platform_ca.size);
        CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK);
    }
}

static void leaf_alone_takes_its_issuer_from_the_collateral(void)
{
    static char pem[EE_SIM_PEM_MAX];
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    size_t at = forged.auth_at + 584 + 32;
    size_t size = ee_sim_cert_pem(&forged.platform.pck, pem, sizeof(pem));
    struct ee_writer w;
    ee_writer_init(&w, forged.quote + at, 6);
    ee_writer_u16le(&w, EE_CERT_DATA_PCK_LEAF);
    ee_writer_u32le(&w, (uint32_t)size);
    memcpy(forged.quote + at + 6, pem, size);
    forged.quote_size = at + 6 + size;
    ee_writer_init(&w, forged.quote + forged.auth_at + 130, 4);
    ee_writer_u32le(&w, (uint32_t)(forged.quote_size - forged.auth_at - 134));
    ee_writer_init(&w, forged.quote + forged.auth_at - 4, 4);
    ee_writer_u32le(&w, (uint32_t)(forged.quote_size - forged.auth_at));
    CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK);
    forged.collateral.pck_crl_chain.count = 0;
    CHECK(forge_verify() != EE_OK && forge_found(EE_REASON_CHAIN_LENGTH));
}

TESTS(TEST(pck_crls_that_do_not_say_it_of_this_leaf), TEST(crls_at_and_outside_their_window),
      TEST(revoked_authority_certificates), TEST(serials_with_a_leading_zero),
      TEST(platform_cas_that_are_not_fit), TEST(tcb_info_signed_by_a_pck_key),
      TEST(windows_of_signed_documents), TEST(certification_data_without_a_certificate),
      TEST(leaf_alone_takes_its_issuer_from_the_collateral))
