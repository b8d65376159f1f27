/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls_acme.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/crypto.h"

#include "base/banned.h"

enum { NAME_MAX_SIZE = 253, DAY_S = 86400 };
static const uint8_t protocol[] = {10, 'a', 'c', 'm', 'e', '-', 't', 'l', 's', '/', '1'};

/* It becomes a file name too. */
static bool name_valid(const char *name)
{
    const size_t size = strlen(name);
    if (size == 0 || size > NAME_MAX_SIZE || name[0] == '.' || strstr(name, ".."))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == size;
}

/* ---- the certificate ---- */

/* RFC 8737 section 3: id-pe-acmeIdentifier, critical, an OCTET STRING with the SHA-256 of the key
 * authorization. */
static X509_EXTENSION *identifier_new(struct ee_bytes authorization)
{
    uint8_t der[2 + EE_SHA256_SIZE] = {V_ASN1_OCTET_STRING, EE_SHA256_SIZE};
    ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    if (id && value &&
        EVP_Digest(authorization.data, authorization.size, der + 2, NULL, EVP_sha256(), NULL) ==
            1 &&
        ASN1_OCTET_STRING_set(value, der, sizeof(der)) == 1)
        extension = X509_EXTENSION_create_by_OBJ(NULL, id, 1, value);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(id);
    return extension;
}

static bool fill(X509 *certificate, EVP_PKEY *key, const char *name, struct ee_bytes authorization)
{
    char names[NAME_MAX_SIZE + 8];
    (void)snprintf(names, sizeof(names), "DNS:%s", name);
    X509_EXTENSION *identifier = identifier_new(authorization);
    X509_EXTENSION *alternative = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    bool ok =
        identifier && alternative && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S) &&
        X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_ASC,
                                   (const uint8_t *)"acme-tls", -1, -1, 0) == 1 &&
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
        X509_set_pubkey(certificate, key) == 1 && X509_add_ext(certificate, alternative, -1) == 1 &&
        X509_add_ext(certificate, identifier, -1) == 1 &&
        X509_sign(certificate, key, EVP_sha256()) > 0;
    X509_EXTENSION_free(identifier);
    X509_EXTENSION_free(alternative);
    return ok;
}

static bool make(const char *name, struct ee_bytes authorization, X509 **certificate_out,
                 EVP_PKEY **key_out)
{
    EVP_PKEY *key = EVP_EC_gen(SN_X9_62_prime256v1);
    X509 *certificate = X509_new();
    if (key && certificate && fill(certificate, key, name, authorization)) {
        *certificate_out = certificate;
        *key_out = key;
        return true;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return false;
}

/* ---- the handshake ---- */

/* RFC 7301 section 3.1: nothing but our protocol is offered (RFC 8737 section 3). */
static bool offers_only_acme(SSL *ssl)
{
    const unsigned char *list = NULL;
    size_t size = 0;
    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &list,
                                     &size) == 1 &&
           size == 2 + sizeof(protocol) && list[0] == 0 && list[1] == sizeof(protocol) &&
           memcmp(list + 2, protocol, sizeof(protocol)) == 0;
}

/* RFC 6066 section 3: a list with one host name. */
static bool name_asked(SSL *ssl, char out[NAME_MAX_SIZE + 1])
{
    const unsigned char *list = NULL;
    size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &list, &size) != 1 || size < 6 ||
        size - 5 > NAME_MAX_SIZE || list[2] != TLSEXT_NAMETYPE_host_name ||
        ((size_t)list[3] << 8 | list[4]) != size - 5 || memchr(list + 5, 0, size - 5))
        return false;
    for (size_t i = 0; i < size - 5; i++) {
        const uint8_t c = list[5 + i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    out[size - 5] = '\0';
    return name_valid(out);
}

/* FOLDER/NAME + ending; 0: not there, or no regular file of that size. */
static size_t part_read(const char *folder, const char *domain, const char *ending,
                        uint8_t out[EE_TLS_ACME_FILE_MAX])
{
    char name[NAME_MAX_SIZE + 16];
    (void)snprintf(name, sizeof(name), "%s%s", domain, ending);
    struct stat facts;
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = at >= 0 ? openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    ssize_t size = 0;
    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) &&
        facts.st_size <= EE_TLS_ACME_FILE_MAX)
        size = read(fd, out, EE_TLS_ACME_FILE_MAX);
    if (fd >= 0)
        (void)close(fd);
    if (at >= 0)
        (void)close(at);
    return size > 0 ? (size_t)size : 0;
}

static int select_acme(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                       const unsigned char *in, unsigned in_size, void *context)
{
    (void)ssl;
    (void)in;
    (void)in_size;
    (void)context;
    *out = protocol + 1;
    *out_size = sizeof(protocol) - 1;
    return SSL_TLSEXT_ERR_OK;
}

static bool make_of_authorization(const char *folder, const char *name, X509 **certificate_out,
                                  EVP_PKEY **key_out)
{
    uint8_t text[EE_TLS_ACME_FILE_MAX];
    size_t size = part_read(folder, name, "", text);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--; /* of an editor or shell */
    return size > 0 && make(name, ee_bytes_of(text, size), certificate_out, key_out);
}

static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static bool read_pair(const char *folder, const char *name, X509 **certificate_out,
                      EVP_PKEY **key_out)
{
    uint8_t certificate[EE_TLS_ACME_FILE_MAX], key[EE_TLS_ACME_FILE_MAX];
    const size_t size = part_read(folder, name, ".crt.pem", certificate);
    const size_t key_size = part_read(folder, name, ".key.pem", key);
    BIO *a = size > 0 ? BIO_new_mem_buf(certificate, (int)size) : NULL;
    BIO *b = key_size > 0 ? BIO_new_mem_buf(key, (int)key_size) : NULL;
    *certificate_out = a ? PEM_read_bio_X509(a, NULL, no_passphrase, NULL) : NULL;
    *key_out = b ? PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL) : NULL;
    BIO_free(a);
    BIO_free(b);
    ee_wipe(key, sizeof(key));
    if (*certificate_out && *key_out)
        return true;
    X509_free(*certificate_out);
    EVP_PKEY_free(*key_out);
    return false;
}

/* The handshake goes on in a context that has the challenge's certificate and nothing else. */
static bool switch_over(SSL *ssl, const char *folder, const char *name)
{
    X509 *certificate;
    EVP_PKEY *key;
    if (!make_of_authorization(folder, name, &certificate, &key) &&
        !read_pair(folder, name, &certificate, &key))
        return false;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool ok = context && SSL_CTX_use_cert_and_key(context, certificate, key, NULL, 1) == 1;
    if (ok) {
        SSL_CTX_set_alpn_select_cb(context, select_acme, NULL);
        ok = SSL_set_SSL_CTX(ssl, context) != NULL;
    }
    SSL_CTX_free(context); /* the connection has its count */
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok;
}

static int on_hello(SSL *ssl, int *alert, void *context)
{
    char name[NAME_MAX_SIZE + 1];
    if (!offers_only_acme(ssl))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    const bool ok = name_asked(ssl, name) && switch_over(ssl, context, name);
    ERR_clear_error();
    return ok ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

void ee_tls_acme_enable(struct ee_tls *tls, const char *folder)
{
    union {
        const char *text;
        void *argument;
    } borrowed = {.text = folder}; /* the library's callback takes no const */
    SSL_CTX_set_client_hello_cb(ee_tls_context(tls), on_hello, borrowed.argument);
}
