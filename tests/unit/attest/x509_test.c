/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, CRLs and PEM on Intel's own public root documents. */
#include "attest/crl.h"
#include "attest/pem.h"
#include "attest/verify.h"
#include "attest/x509.h"
#include "base/text.h"
#include "intel_root.h"
#include "io/crypto_openssl.h"
#include "tap.h"

static uint8_t root_der[1024], crl_der[1024];

static struct ee_bytes root_bytes(void)
{
    struct ee_der_chain chain = {0};
    enum ee_reason reason = ee_attest_pem_certificates(ee_bytes_str(intel_root_pem), root_der,
                                                       sizeof(root_der), &chain);
    return reason == EE_REASON_NONE && chain.count == 1 ? chain.der[0] : ee_bytes_of(NULL, 0);
}

static struct ee_bytes crl_bytes(void)
{
    size_t size = (sizeof(intel_root_crl_hex) - 1) / 2;
    bool ok = ee_hex_decode(ee_bytes_str(intel_root_crl_hex), crl_der, size) == EE_OK;
    return ee_bytes_of(crl_der, ok ? size : 0);
}

static void production_root_has_the_pinned_key_and_role(void)
{
    struct ee_cert cert;
    REQUIRE(ee_attest_cert_decode(root_bytes(), &cert) == EE_REASON_NONE);
    CHECK(memcmp(cert.key, ee_attest_root_production, sizeof(cert.key)) == 0);
    CHECK(ee_attest_cert_fits(&cert, EE_CERT_ROOT));
    CHECK(!ee_attest_cert_fits(&cert, EE_CERT_PCK_CA) && !ee_attest_cert_fits(&cert, EE_CERT_PCK));
    CHECK(!ee_attest_cert_fits(&cert, EE_CERT_TCB_SIGNING));
    CHECK(ee_attest_cert_signed_by(&ee_crypto_openssl, &cert, &cert) == EE_REASON_NONE);
    CHECK(ee_attest_cert_window(&cert, cert.not_before_s - 1) == EE_REASON_CERT_NOT_YET_VALID);
    CHECK(ee_attest_cert_window(&cert, cert.not_before_s) == EE_REASON_NONE);
    CHECK(ee_attest_cert_window(&cert, cert.not_after_s) == EE_REASON_NONE);
    CHECK(ee_attest_cert_window(&cert, cert.not_after_s + 1) == EE_REASON_CERT_EXPIRED);
}

static void certificate_with_any_byte_changed_or_cut(void)
{
    struct ee_bytes der = root_bytes();
    struct ee_cert cert;
    REQUIRE(der.size);
    for (size_t size = 0; size < der.size; size++)
        CHECK(ee_attest_cert_decode(ee_bytes_of(der.data, size), &cert) != EE_REASON_NONE);
    for (size_t i = 0; i < der.size; i++) {
        root_der[i] ^= 0x01;
        CHECK(ee_attest_cert_decode(der, &cert) != EE_REASON_NONE ||
              ee_attest_cert_signed_by(&ee_crypto_openssl, &cert, &cert) != EE_REASON_NONE);
        root_der[i] ^= 0x01;
    }
}

static void crl_of_the_root_and_its_window(void)
{
    struct ee_cert root;
    struct ee_crl crl;
    const struct ee_crypto *crypto = &ee_crypto_openssl;
    REQUIRE(ee_attest_cert_decode(root_bytes(), &root) == EE_REASON_NONE);
    REQUIRE(ee_attest_crl_decode(crl_bytes(), &crl) == EE_REASON_NONE);
    CHECK(ee_attest_crl_check(crypto, &crl, &root, false, crl.this_update_s) == EE_REASON_NONE);
    CHECK(ee_attest_crl_check(crypto, &crl, &root, false, crl.next_update_s) == EE_REASON_NONE);
    CHECK(ee_attest_crl_check(crypto, &crl, &root, false, crl.this_update_s - 1) ==
          EE_REASON_CRL_FUTURE);
    CHECK(ee_attest_crl_check(crypto, &crl, &root, false, crl.next_update_s + 1) ==
          EE_REASON_CRL_EXPIRED);
    CHECK(!ee_attest_crl_revokes(&crl, root.serial));
    root.subject_key_id = ee_bytes_str("another");
    CHECK(ee_attest_crl_check(crypto, &crl, &root, false, crl.this_update_s) ==
          EE_REASON_CRL_ISSUER);
}

static void crl_with_any_byte_changed_or_cut(void)
{
    struct ee_bytes der = crl_bytes();
    struct ee_cert root;
    struct ee_crl crl;
    REQUIRE(ee_attest_cert_decode(root_bytes(), &root) == EE_REASON_NONE);
    REQUIRE(ee_attest_crl_decode(der, &crl) == EE_REASON_NONE);
    int64_t time_s = crl.this_update_s;
    for (size_t size = 0; size < der.size; size++)
        CHECK(ee_attest_crl_decode(ee_bytes_of(der.data, size), &crl) != EE_REASON_NONE);
    for (size_t i = 0; i < der.size; i++) {
        crl_der[i] ^= 0x01;
        CHECK(ee_attest_crl_decode(der, &crl) != EE_REASON_NONE ||
              ee_attest_crl_check(&ee_crypto_openssl, &crl, &root, false, time_s) !=
                  EE_REASON_NONE);
        crl_der[i] ^= 0x01;
    }
}

static void revoked_serial_is_found_among_others(void)
{
    /* Two entries: serials 7 and 00 ff, both revoked 2026-01-01. */
    static const char hex[] = "3012020107170d3236303130313030303030305a"
                              "3013020200ff170d3236303130313030303030305a";
    uint8_t entries[64];
    struct ee_crl crl = {0};
    size_t size = (sizeof(hex) - 1) / 2;
    REQUIRE(ee_hex_decode(ee_bytes_str(hex), entries, size) == EE_OK);
    crl.entries = ee_bytes_of(entries, size);
    CHECK(ee_attest_crl_revokes(&crl, ee_bytes_of("\x07", 1)));
    CHECK(ee_attest_crl_revokes(&crl, ee_bytes_of("\x00\xff", 2)));
    CHECK(!ee_attest_crl_revokes(&crl, ee_bytes_of("\xff", 1)));
    CHECK(!ee_attest_crl_revokes(&crl, ee_bytes_of("\x00\x07", 2)));
}

static enum ee_reason pem(const char *text)
{
    static uint8_t memory[8192];
    struct ee_der_chain chain;
    return ee_attest_pem_certificates(ee_bytes_str(text), memory, sizeof(memory), &chain);
}

static void pem_that_is_not_clean(void)
{
    static const char *const bad[] = {
        "",
        "AAAA",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
        "-----BEGIN CERTIFICATE-----\nAAA*\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nhello",
        "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(pem(bad[i]) == EE_REASON_PEM_SYNTAX);
    CHECK(pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\r\n") ==
          EE_REASON_NONE);
}

static void pem_with_more_certificates_than_the_bound_or_memory(void)
{
    static const char one[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    char text[8 * sizeof(one)] = {0};
    uint8_t memory[4];
    struct ee_der_chain chain;
    for (size_t i = 0; i <= EE_DER_CHAIN_MAX; i++)
        memcpy(text + i * (sizeof(one) - 1), one, sizeof(one));
    CHECK(pem(text) == EE_REASON_CHAIN_LENGTH);
    CHECK(ee_attest_pem_certificates(ee_bytes_str(text), memory, sizeof(memory), &chain) ==
          EE_REASON_COLLATERAL_TOO_LARGE);
}

TESTS(TEST(production_root_has_the_pinned_key_and_role),
      TEST(certificate_with_any_byte_changed_or_cut), TEST(crl_of_the_root_and_its_window),
      TEST(crl_with_any_byte_changed_or_cut), TEST(revoked_serial_is_found_among_others),
      TEST(pem_that_is_not_clean), TEST(pem_with_more_certificates_than_the_bound_or_memory))
