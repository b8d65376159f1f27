/* SPDX-License-Identifier: Apache-2.0 */
/* Chains looked into, certificates chosen by name, and those of ACME challenges. Handshakes are
 * between two OpenSSL objects in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/file.h"
#include "io/tls_acme.h"
#include "io/tls_names.h"
#include "io/x509_chain.h"
#include "tap.h"

static const struct ee_x509_validity validity = {1767225600, 4102444800};
static struct ee_pem key;

static struct ee_pem certificate(const char *a, const char *b)
{
    const char *names[] = {a, b};
    struct ee_x509_subject subject = {a, names, b ? 2 : 1};
    struct ee_pem out = {.size = 0};
    if (key.size == 0)
        CHECK(ee_x509_key_new(&key) == EE_OK);
    CHECK(ee_x509_self_signed(ee_pem_bytes(&key), &subject, validity, &out) == EE_OK);
    return out;
}

static void pump(SSL *from, SSL *to)
{
    char bytes[16384];
    int size;
    while ((size = BIO_read(SSL_get_wbio(from), bytes, sizeof(bytes))) > 0)
        (void)BIO_write(SSL_get_rbio(to), bytes, size);
}

/* Runs a handshake; the first DNS name of the certificate the client got, "" when it fails. */
static const char *served(struct ee_tls *tls, const char *name, const char *alpn, X509 **leaf_out)
{
    static char first[256];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(context), *server = SSL_new(ee_tls_context(tls));
    first[0] = '\0';
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (name)
        SSL_ctrl(client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 (void *)(uintptr_t)name);
    if (alpn)
        SSL_set_alpn_protos(client, (const uint8_t *)alpn, (unsigned)strlen(alpn));
    int done = 0;
    for (int i = 0; i < 8 && done != 1; i++) {
        done = SSL_do_handshake(client);
        pump(client, server);
        (void)SSL_do_handshake(server);
        pump(server, client);
    }
    X509 *leaf = done == 1 ? SSL_get1_peer_certificate(client) : NULL;
    GENERAL_NAMES *list = leaf ? X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL) : NULL;
    if (sk_GENERAL_NAME_num(list) > 0) {
        const ASN1_STRING *text = sk_GENERAL_NAME_value(list, 0)->d.dNSName;
        (void)snprintf(first, sizeof(first), "%.*s", ASN1_STRING_length(text),
                       (const char *)ASN1_STRING_get0_data(text));
    }
    GENERAL_NAMES_free(list);
    if (leaf_out)
        *leaf_out = leaf;
    else
        X509_free(leaf);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(context);
    return first;
}

static struct ee_tls *server_of(const struct ee_pem *chain)
{
    struct ee_tls *tls = NULL;
    const struct ee_tls_server_options options = {.certificate_pem = ee_pem_bytes(chain),
                                                  .key_pem = ee_pem_bytes(&key)};
    CHECK(ee_tls_server_new(&options, &tls) == EE_OK);
    return tls;
}

static void chain_facts(void)
{
    struct ee_pem one = certificate("*.Example.test", "example.test");
    static struct ee_x509_chain chain;
    uint8_t hash[32];
    REQUIRE(ee_x509_chain_read(ee_pem_bytes(&one), &chain) == EE_OK);
    CHECK(chain.certificate_count == 1 && chain.name_count == 2);
    CHECK(strcmp(chain.names[0], "*.example.test") == 0 && chain.not_after == validity.not_after);
    CHECK(ee_x509_private_key_hash(ee_pem_bytes(&key), hash) == EE_OK);
    CHECK(memcmp(hash, chain.key_hash, 32) == 0);
    static const char *const covered[] = {"a.example.test", "EXAMPLE.test", "*.example.test"};
    static const char *const not_covered[] = {"a.b.example.test", "test", ".example.test", "",
                                              "xexample.test"};
    for (size_t i = 0; i < 3; i++)
        CHECK(ee_x509_chain_covers(&chain, covered[i]));
    for (size_t i = 0; i < 5; i++)
        CHECK(!ee_x509_chain_covers(&chain, not_covered[i]));
}

static void chains_that_are_none(void)
{
    struct ee_pem a = certificate("a.test", NULL), b = certificate("b.test", NULL);
    struct ee_pem address = certificate("127.0.0.1", NULL);
    static struct ee_x509_chain chain;
    static char text[2 * EE_PEM_SIZE_MAX];
    (void)snprintf(text, sizeof(text), "%s%s", a.text, b.text);
    CHECK(ee_x509_chain_read(ee_bytes_str(text), &chain) == EE_CERTIFICATE_CHAIN);
    CHECK(ee_x509_chain_read(ee_pem_bytes(&address), &chain) == EE_CERTIFICATE_NAMES);
    CHECK(ee_x509_chain_read(ee_bytes_str(""), &chain) == EE_SYNTAX);
    CHECK(ee_x509_chain_read(ee_bytes_str("words\n"), &chain) == EE_SYNTAX);
    CHECK(ee_x509_chain_read(ee_pem_bytes(&key), &chain) == EE_SYNTAX);
    for (size_t size = 1; size < a.size - 1; size += 7)
        CHECK(ee_x509_chain_read(ee_bytes_of(a.text, size), &chain) == EE_SYNTAX);
}

static void nine_certificates(void)
{
    struct ee_pem one = certificate("a.test", NULL);
    static struct ee_x509_chain chain;
    static char text[10 * EE_PEM_SIZE_MAX];
    for (int i = 0; i < EE_X509_CHAIN_MAX + 1; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", one.text);
    CHECK(ee_x509_chain_read(ee_bytes_str(text), &chain) == EE_TOO_LARGE);
}

static void names_choose(void)
{
    struct ee_pem pems[] = {certificate("default.test", NULL), certificate("*.a.test", "a.test"),
                            certificate("x.a.test", NULL), certificate("a.test", NULL)};
    struct ee_tls_certificate list[4];
    for (size_t i = 0; i < 4; i++)
        list[i] = (struct ee_tls_certificate){ee_pem_bytes(&pems[i]), ee_pem_bytes(&key)};
    struct ee_tls *tls = server_of(&pems[0]);
    CHECK(strcmp(served(tls, "x.a.test", NULL, NULL), "default.test") == 0);
    REQUIRE(ee_tls_certificates_set(tls, list, 4) == EE_OK);
    static const char *const cases[][2] = {{"x.a.test", "x.a.test"}, {"X.A.TEST", "x.a.test"},
                                           {"y.a.test", "*.a.test"}, {"y.a.test.", "*.a.test"},
                                           {"a.test", "*.a.test"},   {"z.y.a.test", "default.test"},
                                           {"test", "default.test"}, {NULL, "default.test"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK(strcmp(served(tls, cases[i][0], NULL, NULL), cases[i][1]) == 0);
    REQUIRE(ee_tls_certificates_set(tls, &list[2], 1) == EE_OK); /* replaced */
    CHECK(strcmp(served(tls, "y.a.test", NULL, NULL), "x.a.test") == 0);
    ee_tls_free(tls);
}

static void certificate_of_another_key(void)
{
    struct ee_pem one = certificate("a.test", NULL), other;
    REQUIRE(ee_x509_key_new(&other) == EE_OK);
    struct ee_tls *tls = server_of(&one);
    const struct ee_tls_certificate wrong = {ee_pem_bytes(&one), ee_pem_bytes(&other)};
    CHECK(ee_tls_certificates_set(tls, &wrong, 1) == EE_UNTRUSTED);
    CHECK(ee_tls_certificates_set(tls, &wrong, 0) == EE_RANGE);
    CHECK(strcmp(served(tls, "a.test", NULL, NULL), "a.test") == 0);
    ee_tls_free(tls);
}

/* RFC 8737 section 3: one name, the critical extension with the hash of the key authorization. */
static void challenge_is_answered_to_acme_alone(void)
{
    char folder[] = "/tmp/ee-acme-XXXXXX", path[64];
    const struct ee_bytes authorization = ee_bytes_str("token.thumbprint");
    uint8_t hash[32];
    X509 *leaf = NULL;
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/www.a.test", folder);
    REQUIRE(ee_file_write(path, ee_bytes_str("token.thumbprint\n"), 0600) == EE_OK);
    struct ee_pem one = certificate("default.test", NULL);
    struct ee_tls *tls = server_of(&one);
    ee_tls_acme_enable(tls, folder);
    CHECK(strcmp(served(tls, "WWW.a.test", "\nacme-tls/1", &leaf), "www.a.test") == 0);
    ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    int at = leaf ? X509_get_ext_by_OBJ(leaf, id, -1) : -1;
    ASN1_OBJECT_free(id);
    REQUIRE(at >= 0);
    X509_EXTENSION *extension = X509_get_ext(leaf, at);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    CHECK(EVP_Digest(authorization.data, authorization.size, hash, NULL, EVP_sha256(), NULL) == 1);
    CHECK(X509_EXTENSION_get_critical(extension) && ASN1_STRING_length(value) == 34 &&
          memcmp(ASN1_STRING_get0_data(value), "\x04\x20", 2) == 0 &&
          memcmp(ASN1_STRING_get0_data(value) + 2, hash, 32) == 0);
    X509_free(leaf);
    CHECK(strcmp(served(tls, "www.a.test", "\bhttp/1.1", NULL), "default.test") == 0);
    CHECK(strcmp(served(tls, "www.a.test", NULL, NULL), "default.test") == 0);
    CHECK(strcmp(served(tls, "www.a.test", "\nacme-tls/1\bhttp/1.1", NULL), "default.test") == 0);
    CHECK(strcmp(served(tls, "other.a.test", "\nacme-tls/1", NULL), "") == 0);
    CHECK(strcmp(served(tls, "..", "\nacme-tls/1", NULL), "") == 0);
    CHECK(strcmp(served(tls, NULL, "\nacme-tls/1", NULL), "") == 0);
    ee_tls_free(tls);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

TESTS(TEST(chain_facts), TEST(chains_that_are_none), TEST(nine_certificates), TEST(names_choose),
      TEST(certificate_of_another_key), TEST(challenge_is_answered_to_acme_alone))
