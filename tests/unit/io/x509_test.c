/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls.h"
#include "io/x509.h"
#include "tap.h"

static const struct ee_x509_validity validity = {1767225600, 4102444800};
static const char *const names[] = {"localhost", "*.apps.test", "127.0.0.1", "::1"};
static const struct ee_x509_subject subject = {"server", names, 4};

static void key_and_certificate_have_the_same_hash(void)
{
    struct ee_pem key, certificate;
    uint8_t a[32], b[32];
    REQUIRE(ee_x509_key_new(&key) == EE_OK);
    REQUIRE(ee_x509_self_signed(ee_pem_bytes(&key), &subject, validity, &certificate) == EE_OK);
    CHECK(strncmp(key.text, "-----BEGIN PRIVATE KEY-----", 27) == 0 &&
          strlen(key.text) == key.size);
    CHECK(ee_x509_private_key_hash(ee_pem_bytes(&key), a) == EE_OK);
    CHECK(ee_x509_certificate_key_hash(ee_pem_bytes(&certificate), b) == EE_OK);
    CHECK(memcmp(a, b, 32) == 0);
}

static void names_that_are_no_names(void)
{
    static const char *const bad[] = {"",    "*",    "*.",    ".a", "a,DNS:b",
                                      "a b", "a\nb", "*.*.a", "a:b"};
    struct ee_pem key, out = {.size = 7};
    REQUIRE(ee_x509_key_new(&key) == EE_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ee_x509_subject wrong = {"x", &bad[i], 1};
        CHECK(ee_x509_self_signed(ee_pem_bytes(&key), &wrong, validity, &out) == EE_SYNTAX);
    }
    struct ee_x509_subject many = {"x", names, EE_X509_NAMES_MAX + 1};
    CHECK(ee_x509_self_signed(ee_pem_bytes(&key), &many, validity, &out) == EE_RANGE);
    struct ee_x509_validity back = {10, 9};
    CHECK(ee_x509_self_signed(ee_pem_bytes(&key), &subject, back, &out) == EE_RANGE);
    CHECK(out.size == 7);
}

static void request_signed_by_an_authority(void)
{
    struct ee_pem ca_key, ca, key, other_key, request, out;
    REQUIRE(ee_x509_key_new(&ca_key) == EE_OK && ee_x509_key_new(&key) == EE_OK &&
            ee_x509_key_new(&other_key) == EE_OK);
    REQUIRE(ee_x509_authority(ee_pem_bytes(&ca_key), "root", validity, &ca) == EE_OK);
    REQUIRE(ee_x509_request(ee_pem_bytes(&key), &subject, &request) == EE_OK);
    CHECK(ee_x509_request_sign(ee_pem_bytes(&ca), ee_pem_bytes(&ca_key), ee_pem_bytes(&request),
                               &subject, validity, &out) == EE_OK);
    uint8_t a[32], b[32];
    CHECK(ee_x509_certificate_key_hash(ee_pem_bytes(&out), a) == EE_OK);
    CHECK(ee_x509_private_key_hash(ee_pem_bytes(&key), b) == EE_OK && memcmp(a, b, 32) == 0);
    CHECK(ee_x509_request_sign(ee_pem_bytes(&ca), ee_pem_bytes(&other_key), ee_pem_bytes(&request),
                               &subject, validity, &out) == EE_UNTRUSTED);
    CHECK(ee_x509_request_sign(ee_pem_bytes(&ca), ee_pem_bytes(&ca_key), ee_pem_bytes(&ca),
                               &subject, validity, &out) == EE_SYNTAX);
}

/* Each changed letter of the base64 either breaks the structure or the signature. */
static void request_with_a_changed_byte(void)
{
    struct ee_pem ca_key, ca, key, request, out;
    REQUIRE(ee_x509_key_new(&ca_key) == EE_OK && ee_x509_key_new(&key) == EE_OK);
    REQUIRE(ee_x509_authority(ee_pem_bytes(&ca_key), "root", validity, &ca) == EE_OK);
    REQUIRE(ee_x509_request(ee_pem_bytes(&key), &subject, &request) == EE_OK);
    unsigned signature_errors = 0;
    for (size_t i = 40; i + 40 < request.size; i += 5) {
        char kept = request.text[i];
        if (kept == '\n')
            continue;
        request.text[i] = kept == 'A' ? 'B' : 'A';
        enum ee_err err = ee_x509_request_sign(ee_pem_bytes(&ca), ee_pem_bytes(&ca_key),
                                               ee_pem_bytes(&request), &subject, validity, &out);
        CHECK(err == EE_SYNTAX || err == EE_SIGNATURE);
        signature_errors += err == EE_SIGNATURE;
        request.text[i] = kept;
    }
    CHECK(signature_errors > 0);
}

static void tls_settings_from_wrong_files(void)
{
    struct ee_pem key, other_key, certificate;
    struct ee_tls *tls = NULL;
    REQUIRE(ee_x509_key_new(&key) == EE_OK && ee_x509_key_new(&other_key) == EE_OK);
    REQUIRE(ee_x509_self_signed(ee_pem_bytes(&key), &subject, validity, &certificate) == EE_OK);
    struct ee_tls_server_options options = {.certificate_pem = ee_pem_bytes(&certificate),
                                            .key_pem = ee_pem_bytes(&other_key)};
    CHECK(ee_tls_server_new(&options, &tls) == EE_UNTRUSTED);
    options.key_pem = ee_pem_bytes(&certificate);
    CHECK(ee_tls_server_new(&options, &tls) == EE_SYNTAX);
    options.key_pem = ee_pem_bytes(&key);
    options.certificate_pem = ee_bytes_str("no certificate");
    CHECK(ee_tls_server_new(&options, &tls) == EE_SYNTAX);
    options.certificate_pem = ee_bytes_of(NULL, 0);
    CHECK(ee_tls_server_new(&options, &tls) == EE_SYNTAX);
    struct ee_tls_client_options client = {.ca_pem = ee_bytes_str("no authority")};
    CHECK(ee_tls_client_new(&client, &tls) == EE_SYNTAX);
    client.ca_pem = ee_pem_bytes(&certificate);
    client.certificate_pem = ee_pem_bytes(&certificate);
    CHECK(ee_tls_client_new(&client, &tls) == EE_SYNTAX); /* a certificate without its key */
    CHECK(tls == NULL);
}

TESTS(TEST(key_and_certificate_have_the_same_hash), TEST(names_that_are_no_names),
      TEST(request_signed_by_an_authority), TEST(request_with_a_changed_byte),
      TEST(tls_settings_from_wrong_files))
