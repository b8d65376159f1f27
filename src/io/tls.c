/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "io/tls_names.h"

#include "base/banned.h"

struct ee_tls {
    SSL_CTX *context;
    bool server;
    bool judged_by_attestation;
    uint8_t protocols[EE_TLS_PROTOCOLS_MAX]; /* of a server that has its own */
    size_t protocols_size;
    struct ee_tls_names *names; /* NULL: one certificate for every name */
};

/* RFC 7301 section 3.1: length-prefixed. */
static const uint8_t protocols_http2[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
enum { HTTP2_NAME_SIZE = 3 };
static const uint8_t *const protocols = protocols_http2 + HTTP2_NAME_SIZE;
enum { PROTOCOLS_SIZE = sizeof(protocols_http2) - HTTP2_NAME_SIZE };

static int select_from(const uint8_t *ours, unsigned size, const unsigned char **out,
                       unsigned char *out_size, const unsigned char *in, unsigned in_size)
{
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_size, ours, size, in, in_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                       const unsigned char *in, unsigned in_size, void *context)
{
    (void)ssl;
    (void)context;
    return select_from(protocols, PROTOCOLS_SIZE, out, out_size, in, in_size);
}

static int alpn_select_http2(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                             const unsigned char *in, unsigned in_size, void *context)
{
    (void)ssl;
    (void)context;
    return select_from(protocols_http2, sizeof(protocols_http2), out, out_size, in, in_size);
}

static int alpn_select_own(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *context)
{
    const struct ee_tls *tls = context;
    (void)ssl;
    int chosen =
        select_from(tls->protocols, (unsigned)tls->protocols_size, out, out_size, in, in_size);
    return chosen == SSL_TLSEXT_ERR_OK ? chosen : SSL_TLSEXT_ERR_NOACK;
}

static int accept_any(X509_STORE_CTX *store, void *context)
{
    (void)context;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static BIO *bio_of(struct ee_bytes bytes)
{
    return bytes.size <= INT32_MAX && bytes.data ? BIO_new_mem_buf(bytes.data, (int)bytes.size)
                                                 : NULL;
}

static enum ee_err use_chain(SSL_CTX *context, struct ee_bytes pem)
{
    BIO *bio = bio_of(pem);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    enum ee_err err = EE_SYNTAX;
    bool first = true;
    while (certificate) {
        bool ok = first ? SSL_CTX_use_certificate(context, certificate) == 1
                        : SSL_CTX_add1_chain_cert(context, certificate) == 1;
        X509_free(certificate);
        first = false;
        err = ok ? EE_OK : EE_SYNTAX;
        certificate = ok ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text leaves one behind */
    return err;
}

static enum ee_err use_key(SSL_CTX *context, struct ee_bytes pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    enum ee_err err = EE_SYNTAX;
    if (key) {
        X509 *certificate = SSL_CTX_get0_certificate(context);
        err = certificate && X509_check_private_key(certificate, key) == 1 &&
                      SSL_CTX_use_PrivateKey(context, key) == 1
                  ? EE_OK
                  : EE_UNTRUSTED;
    }
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return err;
}

static enum ee_err use_authorities(SSL_CTX *context, struct ee_bytes pem)
{
    if (pem.size == 0)
        return SSL_CTX_set_default_verify_paths(context) == 1 ? EE_OK : EE_CRYPTO;
    BIO *bio = bio_of(pem);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    enum ee_err err = EE_SYNTAX;
    while (certificate) {
        bool ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1;
        X509_free(certificate);
        err = ok ? EE_OK : EE_SYNTAX;
        certificate = ok ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    }
    BIO_free(bio);
    ERR_clear_error();
    return err;
}

/* No resumption in any form: every connection proves its keys itself. */
static bool settings_common(SSL_CTX *context, int minimum_version)
{
    char groups[] = "X25519:P-256"; /* not const: the library's macro casts */
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return SSL_CTX_set_min_proto_version(context, minimum_version) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(context, groups) == 1;
}

static enum ee_err wrap(const SSL_METHOD *method, int minimum_version, struct ee_tls **out)
{
    struct ee_tls *tls = ee_alloc(&ee_allocator_system, 1, sizeof(*tls));
    if (!tls)
        return EE_NO_MEMORY;
    tls->context = SSL_CTX_new(method);
    if (!tls->context || !settings_common(tls->context, minimum_version)) {
        ee_tls_free(tls);
        return EE_CRYPTO;
    }
    *out = tls;
    return EE_OK;
}

static enum ee_err server_protocols(struct ee_tls *tls, const struct ee_tls_server_options *options)
{
    struct ee_bytes own = options->protocols;
    if (own.size > sizeof(tls->protocols))
        return EE_TOO_LARGE;
    if (own.size > 0)
        memcpy(tls->protocols, own.data, own.size);
    tls->protocols_size = own.size;
    SSL_CTX_set_alpn_select_cb(tls->context,
                               own.size > 0     ? alpn_select_own
                               : options->http2 ? alpn_select_http2
                                                : alpn_select,
                               tls);
    return EE_OK;
}

enum ee_err ee_tls_server_new(const struct ee_tls_server_options *options, struct ee_tls **out)
{
    struct ee_tls *tls = NULL;
    EE_TRY(wrap(TLS_server_method(), options->allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION, &tls));
    tls->server = true;
    SSL_CTX_set_num_tickets(tls->context, 0);
    enum ee_err err = server_protocols(tls, options);
    if (options->request_client_certificate) {
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(tls->context, accept_any, NULL);
    }
    if (err == EE_OK)
        err = use_chain(tls->context, options->certificate_pem);
    if (err == EE_OK)
        err = use_key(tls->context, options->key_pem);
    if (err != EE_OK) {
        ee_tls_free(tls);
        return err;
    }
    *out = tls;
    return EE_OK;
}

static enum ee_err client_setup(struct ee_tls *tls, const struct ee_tls_client_options *options)
{
    /* 0 is success here, unlike everywhere else in this library. */
    struct ee_bytes offered = options->protocols;
    if (offered.size == 0)
        offered = ee_bytes_of(protocols, PROTOCOLS_SIZE);
    if (offered.size > EE_TLS_PROTOCOLS_MAX ||
        SSL_CTX_set_alpn_protos(tls->context, offered.data, (unsigned)offered.size) != 0)
        return EE_CRYPTO;
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    if (options->judged_by_attestation)
        SSL_CTX_set_cert_verify_callback(tls->context, accept_any, NULL);
    else
        EE_TRY(use_authorities(tls->context, options->ca_pem));
    if (options->certificate_pem.size == 0 && options->key_pem.size == 0)
        return EE_OK;
    EE_TRY(use_chain(tls->context, options->certificate_pem));
    return use_key(tls->context, options->key_pem);
}

enum ee_err ee_tls_client_new(const struct ee_tls_client_options *options, struct ee_tls **out)
{
    struct ee_tls *tls = NULL;
    EE_TRY(wrap(TLS_client_method(), options->allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION, &tls));
    tls->judged_by_attestation = options->judged_by_attestation;
    enum ee_err err = client_setup(tls, options);
    if (err != EE_OK) {
        ee_tls_free(tls);
        return err;
    }
    *out = tls;
    return EE_OK;
}

void ee_tls_free(struct ee_tls *tls)
{
    if (!tls)
        return;
    if (tls->context)
        SSL_CTX_set_app_data(tls->context, NULL); /* handshakes in progress choose no more */
    ee_tls_names_free(tls->names);
    SSL_CTX_free(tls->context); /* connections hold a count of it */
    ee_free(&ee_allocator_system, tls);
}

void ee_tls_protocol_get(const struct ssl_st *ssl, char out[EE_TLS_PROTOCOL_SIZE])
{
    const unsigned char *name = NULL;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &name, &size);
    if (size >= EE_TLS_PROTOCOL_SIZE)
        size = 0;
    for (unsigned i = 0; i < size; i++)
        out[i] = (char)name[i];
    out[size] = '\0';
}

struct ssl_ctx_st *ee_tls_context(struct ee_tls *tls)
{
    return tls->context;
}

struct ee_tls_names **ee_tls_names_of(struct ee_tls *tls)
{
    return &tls->names;
}

bool ee_tls_is_server(const struct ee_tls *tls)
{
    return tls->server;
}

bool ee_tls_judged_by_attestation(const struct ee_tls *tls)
{
    return tls->judged_by_attestation;
}
