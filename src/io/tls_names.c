/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "io/x509_chain.h"

#include "base/banned.h"

struct credential {
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf */
    EVP_PKEY *key;
};

struct name {
    char text[EE_X509_NAME_SIZE];
    size_t credential;
};

struct ee_tls_names {
    size_t credential_count, name_count, name_capacity;
    struct credential *credentials;
    struct name *names; /* sorted by text, then by credential */
};

static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

void ee_tls_names_free(struct ee_tls_names *names)
{
    if (!names)
        return;
    for (size_t i = 0; names->credentials && i < names->credential_count; i++) {
        X509_free(names->credentials[i].leaf);
        sk_X509_pop_free(names->credentials[i].chain, X509_free);
        EVP_PKEY_free(names->credentials[i].key);
    }
    ee_free(&ee_allocator_system, names->credentials);
    ee_free(&ee_allocator_system, names->names);
    ee_free(&ee_allocator_system, names);
}

/* ---- reading ---- */

static enum ee_err chain_take(struct ee_bytes pem, struct credential *out)
{
    BIO *bio = pem.size <= EE_X509_CHAIN_FILE_MAX && pem.size > 0
                   ? BIO_new_mem_buf(pem.data, (int)pem.size)
                   : NULL;
    X509 *certificate = NULL;
    if (!bio)
        return EE_SYNTAX;
    out->leaf = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    out->chain = sk_X509_new_null();
    bool ok = out->leaf && out->chain;
    while (ok && (certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        ok = sk_X509_push(out->chain, certificate) > 0;
        if (!ok)
            X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text leaves one behind */
    return ok ? EE_OK : EE_SYNTAX;
}

static enum ee_err key_take(struct ee_bytes pem, struct credential *out)
{
    BIO *bio = pem.size < EE_PEM_SIZE_MAX && pem.size > 0 ? BIO_new_mem_buf(pem.data, (int)pem.size)
                                                          : NULL;
    out->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    enum ee_err err = !out->key                                          ? EE_SYNTAX
                      : X509_check_private_key(out->leaf, out->key) == 1 ? EE_OK
                                                                         : EE_UNTRUSTED;
    ERR_clear_error();
    return err;
}

static enum ee_err names_add(struct ee_tls_names *names, const struct ee_x509_chain *facts,
                             size_t credential)
{
    if (names->name_count + facts->name_count > names->name_capacity) {
        size_t capacity = 2 * names->name_capacity + facts->name_count;
        struct name *grown =
            ee_realloc(&ee_allocator_system, names->names, capacity, sizeof(*grown));
        if (!grown)
            return EE_NO_MEMORY;
        names->names = grown;
        names->name_capacity = capacity;
    }
    for (size_t i = 0; i < facts->name_count; i++) {
        struct name *name = &names->names[names->name_count++];
        memcpy(name->text, facts->names[i], sizeof(name->text));
        name->credential = credential;
    }
    return EE_OK;
}

static enum ee_err credential_add(struct ee_tls_names *names,
                                  const struct ee_tls_certificate *certificate,
                                  struct ee_x509_chain *facts)
{
    size_t index = names->credential_count++;
    struct credential *out = &names->credentials[index];
    EE_TRY(chain_take(certificate->chain_pem, out));
    EE_TRY(key_take(certificate->key_pem, out));
    enum ee_err err = ee_x509_chain_read(certificate->chain_pem, facts);
    if (err == EE_CERTIFICATE_NAMES && index == 0)
        return EE_OK; /* the default may be for an address only */
    EE_TRY(err);
    return names_add(names, facts, index);
}

static int by_text(const void *a, const void *b)
{
    const struct name *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    if (order != 0)
        return order;
    return left->credential < right->credential ? -1 : left->credential > right->credential;
}

static enum ee_err names_new(const struct ee_tls_certificate *list, size_t count,
                             struct ee_tls_names **out)
{
    struct ee_tls_names *names = ee_alloc(&ee_allocator_system, 1, sizeof(*names));
    struct ee_x509_chain *facts = ee_alloc(&ee_allocator_system, 1, sizeof(*facts));
    enum ee_err err = EE_NO_MEMORY;
    if (!names || !facts)
        goto out;
    names->credentials = ee_alloc(&ee_allocator_system, count, sizeof(*names->credentials));
    if (!names->credentials)
        goto out;
    err = EE_OK;
    for (size_t i = 0; err == EE_OK && i < count; i++)
        err = credential_add(names, &list[i], facts);
    if (err != EE_OK)
        goto out;
    if (names->name_count > 0)
        qsort(names->names, names->name_count, sizeof(*names->names), by_text);
    *out = names;
    names = NULL;
out:
    ee_tls_names_free(names);
    ee_free(&ee_allocator_system, facts);
    return err;
}

/* ---- choosing ---- */

/* The first entry with this text; NULL: none. */
static const struct name *find(const struct ee_tls_names *names, const char *text)
{
    size_t low = 0, high = names->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(names->names[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < names->name_count && strcmp(names->names[low].text, text) == 0 ? &names->names[low]
                                                                                : NULL;
}

/* In lower case without a dot at the end, after a place for '*'. False: too long to be a name. */
static bool lower(const char *asked, char out[EE_X509_NAME_SIZE + 1])
{
    size_t size = strlen(asked);
    if (size > 0 && asked[size - 1] == '.')
        size--;
    if (size == 0 || size >= EE_X509_NAME_SIZE)
        return false;
    for (size_t i = 0; i < size; i++)
        out[i + 1] = (char)tolower((unsigned char)asked[i]);
    out[size + 1] = '\0';
    return true;
}

static size_t choose(const struct ee_tls_names *names, const char *asked)
{
    char text[EE_X509_NAME_SIZE + 1];
    if (!asked || !lower(asked, text))
        return 0;
    const struct name *found = find(names, text + 1);
    char *dot = strchr(text + 1, '.');
    if (!found && dot && dot > text + 1) {
        dot[-1] = '*';
        found = find(names, dot - 1);
    }
    return found ? found->credential : 0;
}

/* Called by OpenSSL when a certificate is needed; 1: go on. */
static int on_certificate(SSL *ssl, void *context)
{
    struct ee_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    (void)context;
    struct ee_tls_names *names = tls ? *ee_tls_names_of(tls) : NULL;
    size_t chosen = names ? choose(names, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) : 0;
    if (chosen == 0)
        return 1;
    const struct credential *credential = &names->credentials[chosen];
    return SSL_use_cert_and_key(ssl, credential->leaf, credential->key, credential->chain, 1);
}

enum ee_err ee_tls_certificates_set(struct ee_tls *tls, const struct ee_tls_certificate *list,
                                    size_t count)
{
    struct ee_tls_names *names = NULL, **held = ee_tls_names_of(tls);
    SSL_CTX *context = ee_tls_context(tls);
    if (count == 0 || count > EE_TLS_CERTIFICATES_MAX)
        return EE_RANGE;
    EE_TRY(names_new(list, count, &names));
    const struct credential *first = &names->credentials[0];
    if (SSL_CTX_use_cert_and_key(context, first->leaf, first->key, first->chain, 1) != 1) {
        ERR_clear_error();
        ee_tls_names_free(names);
        return EE_CRYPTO;
    }
    ee_tls_names_free(*held);
    *held = names;
    SSL_CTX_set_app_data(context, tls);
    SSL_CTX_set_cert_cb(context, on_certificate, NULL);
    return EE_OK;
}
