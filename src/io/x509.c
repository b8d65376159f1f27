/* SPDX-License-Identifier: Apache-2.0 */
#include "io/x509.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "io/random.h"

#include "base/banned.h"

enum { NAMES_TEXT_MAX = 8192, NAME_MAX_SIZE = 253, SERIAL_SIZE = 16 };

/* One certificate to be made; NULL fields do not apply. */
struct plan {
    EVP_PKEY *key; /* whose certificate it is */
    const struct ee_x509_subject *subject;
    struct ee_x509_validity validity;
    bool is_authority;
    X509 *issuer; /* NULL: itself */
    EVP_PKEY *issuer_key;
};

struct ee_bytes ee_pem_bytes(const struct ee_pem *pem)
{
    return ee_bytes_of(pem->text, pem->size);
}

static BIO *bio_of(struct ee_bytes bytes)
{
    return bytes.size <= INT32_MAX && bytes.data ? BIO_new_mem_buf(bytes.data, (int)bytes.size)
                                                 : NULL;
}

/* No prompt for a passphrase, ever. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static enum ee_err bio_to_pem(BIO *bio, bool written, struct ee_pem *out)
{
    char *text = NULL;
    long size = written ? BIO_get_mem_data(bio, &text) : 0;
    if (size <= 0)
        return EE_CRYPTO;
    if ((size_t)size >= sizeof(out->text))
        return EE_TOO_LARGE;
    memcpy(out->text, text, (size_t)size);
    out->text[size] = '\0';
    out->size = (size_t)size;
    return EE_OK;
}

static EVP_PKEY *key_read(struct ee_bytes pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    char group[32] = "";
    if (key && (EVP_PKEY_is_a(key, "EC") != 1 ||
                EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
                strcmp(group, SN_X9_62_prime256v1) != 0)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static X509 *certificate_read(struct ee_bytes pem)
{
    BIO *bio = bio_of(pem);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

enum ee_err ee_x509_key_new(struct ee_pem *out)
{
    EVP_PKEY *key = EVP_EC_gen(SN_X9_62_prime256v1);
    BIO *bio = key ? BIO_new(BIO_s_secmem()) : NULL;
    bool written = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    enum ee_err err = bio_to_pem(bio, written, out);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return err;
}

static bool is_address(const char *name)
{
    uint8_t parsed[16];
    return inet_pton(AF_INET, name, parsed) == 1 || inet_pton(AF_INET6, name, parsed) == 1;
}

/* Letters, digits, '-', '.', '_' and a leading "*."; so nothing of the config syntax below. */
static bool is_dns_name(const char *name)
{
    size_t size = strlen(name);
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    if (size == 0 || size > NAME_MAX_SIZE || *name == '\0' || *name == '.')
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("-._", *name))
            return false;
    return true;
}

/* "DNS:a,IP:127.0.0.1" */
static enum ee_err names_text(const struct ee_x509_subject *subject, char out[NAMES_TEXT_MAX])
{
    size_t used = 0;
    out[0] = '\0';
    if (subject->name_count > EE_X509_NAMES_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < subject->name_count; i++) {
        const char *name = subject->names[i];
        bool address = is_address(name);
        if (!address && !is_dns_name(name))
            return EE_SYNTAX;
        int size = snprintf(out + used, NAMES_TEXT_MAX - used, "%s%s:%s", i ? "," : "",
                            address ? "IP" : "DNS", name);
        if (size < 0 || (size_t)size >= NAMES_TEXT_MAX - used)
            return EE_RANGE;
        used += (size_t)size;
    }
    return EE_OK;
}

static bool name_set(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static X509_EXTENSION *extension_new(X509 *issuer, X509 *certificate, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    return X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
}

static bool extension_add(X509 *issuer, X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = extension_new(issuer, certificate, nid, value);
    bool ok = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* RFC 5280 sections 4.2.1.3, 4.2.1.9, 4.2.1.12. */
static bool extensions_add(X509 *issuer, X509 *certificate, const struct plan *plan,
                           const char *names)
{
    if (!extension_add(issuer, certificate, NID_subject_key_identifier, "hash"))
        return false;
    if (plan->is_authority)
        return extension_add(issuer, certificate, NID_basic_constraints,
                             "critical,CA:TRUE,pathlen:0") &&
               extension_add(issuer, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    return extension_add(issuer, certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           extension_add(issuer, certificate, NID_key_usage, "critical,digitalSignature") &&
           extension_add(issuer, certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
           extension_add(issuer, certificate, NID_authority_key_identifier, "keyid") &&
           (*names == '\0' || extension_add(issuer, certificate, NID_subject_alt_name, names));
}

static bool serial_set(X509 *certificate)
{
    uint8_t bytes[SERIAL_SIZE];
    ee_random_bytes(bytes, sizeof(bytes));
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive and of full length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

static bool fill(X509 *certificate, const struct plan *plan, const char *names)
{
    X509 *issuer = plan->issuer ? plan->issuer : certificate;
    return X509_set_version(certificate, X509_VERSION_3) == 1 && serial_set(certificate) &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), plan->validity.not_before) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), plan->validity.not_after) != NULL &&
           name_set(X509_get_subject_name(certificate), plan->subject->common_name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
           X509_set_pubkey(certificate, plan->key) == 1 &&
           extensions_add(issuer, certificate, plan, names) &&
           X509_sign(certificate, plan->issuer_key, EVP_sha256()) > 0;
}

static enum ee_err certificate_make(const struct plan *plan, struct ee_pem *out)
{
    char names[NAMES_TEXT_MAX];
    EE_TRY(names_text(plan->subject, names));
    if (plan->validity.not_before >= plan->validity.not_after)
        return EE_RANGE;
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool written = certificate && bio && fill(certificate, plan, names) &&
                   PEM_write_bio_X509(bio, certificate) == 1;
    enum ee_err err = bio_to_pem(bio, written, out);
    BIO_free(bio);
    X509_free(certificate);
    return err;
}

static enum ee_err own_certificate(struct ee_bytes key_pem, const struct ee_x509_subject *subject,
                                   struct ee_x509_validity validity, bool is_authority,
                                   struct ee_pem *out)
{
    EVP_PKEY *key = key_read(key_pem);
    if (!key)
        return EE_SYNTAX;
    struct plan plan = {.key = key,
                        .subject = subject,
                        .validity = validity,
                        .is_authority = is_authority,
                        .issuer_key = key};
    enum ee_err err = certificate_make(&plan, out);
    EVP_PKEY_free(key);
    return err;
}

enum ee_err ee_x509_self_signed(struct ee_bytes key_pem, const struct ee_x509_subject *subject,
                                struct ee_x509_validity validity, struct ee_pem *out)
{
    return own_certificate(key_pem, subject, validity, false, out);
}

enum ee_err ee_x509_authority(struct ee_bytes key_pem, const char *common_name,
                              struct ee_x509_validity validity, struct ee_pem *out)
{
    struct ee_x509_subject subject = {.common_name = common_name};
    return own_certificate(key_pem, &subject, validity, true, out);
}

static bool request_names_add(X509_REQ *request, const char *names)
{
    if (*names == '\0')
        return true;
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *extension = extension_new(NULL, NULL, NID_subject_alt_name, names);
    bool ok = list && extension && sk_X509_EXTENSION_push(list, extension) == 1 &&
              X509_REQ_add_extensions(request, list) == 1;
    X509_EXTENSION_free(extension);
    sk_X509_EXTENSION_free(list);
    return ok;
}

enum ee_err ee_x509_request(struct ee_bytes key_pem, const struct ee_x509_subject *subject,
                            struct ee_pem *out)
{
    char names[NAMES_TEXT_MAX];
    EE_TRY(names_text(subject, names));
    EVP_PKEY *key = key_read(key_pem);
    if (!key)
        return EE_SYNTAX;
    X509_REQ *request = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool written = request && bio && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
                   name_set(X509_REQ_get_subject_name(request), subject->common_name) &&
                   X509_REQ_set_pubkey(request, key) == 1 && request_names_add(request, names) &&
                   X509_REQ_sign(request, key, EVP_sha256()) > 0 &&
                   PEM_write_bio_X509_REQ(bio, request) == 1;
    enum ee_err err = bio_to_pem(bio, written, out);
    BIO_free(bio);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return err;
}

static X509_REQ *request_read(struct ee_bytes pem)
{
    BIO *bio = bio_of(pem);
    X509_REQ *request = bio ? PEM_read_bio_X509_REQ(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return request;
}

enum ee_err ee_x509_request_sign(struct ee_bytes authority_pem, struct ee_bytes authority_key_pem,
                                 struct ee_bytes request_pem, const struct ee_x509_subject *subject,
                                 struct ee_x509_validity validity, struct ee_pem *out)
{
    enum ee_err err = EE_SYNTAX;
    X509 *authority = certificate_read(authority_pem);
    EVP_PKEY *authority_key = key_read(authority_key_pem);
    X509_REQ *request = request_read(request_pem);
    EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
    struct plan plan = {.key = key,
                        .subject = subject,
                        .validity = validity,
                        .issuer = authority,
                        .issuer_key = authority_key};
    if (!authority || !authority_key || !key)
        goto out;
    err = EE_UNTRUSTED;
    if (X509_check_private_key(authority, authority_key) != 1)
        goto out;
    err = EE_SIGNATURE;
    if (X509_REQ_verify(request, key) != 1)
        goto out;
    err = certificate_make(&plan, out);
out:
    X509_REQ_free(request);
    EVP_PKEY_free(authority_key);
    X509_free(authority);
    return err;
}

static enum ee_err hash_der(uint8_t *der, int size, uint8_t out[EE_SHA256_SIZE])
{
    bool ok = size > 0 && EVP_Digest(der, (size_t)size, out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return ok ? EE_OK : EE_CRYPTO;
}

enum ee_err ee_x509_certificate_key_hash(struct ee_bytes certificate_pem,
                                         uint8_t out[EE_SHA256_SIZE])
{
    X509 *certificate = certificate_read(certificate_pem);
    if (!certificate)
        return EE_SYNTAX;
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    enum ee_err err = hash_der(der, size, out);
    X509_free(certificate);
    return err;
}

enum ee_err ee_x509_private_key_hash(struct ee_bytes key_pem, uint8_t out[EE_SHA256_SIZE])
{
    EVP_PKEY *key = key_read(key_pem);
    if (!key)
        return EE_SYNTAX;
    uint8_t *der = NULL;
    int size = i2d_PUBKEY(key, &der);
    enum ee_err err = hash_der(der, size, out);
    EVP_PKEY_free(key);
    return err;
}
