/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates the programs make for themselves: P-256 keys, self-signed certificates,
 * requests, and the certificate authority of a development network. All as PEM text. */
#ifndef EE_IO_X509_H
#define EE_IO_X509_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum { EE_PEM_SIZE_MAX = 8192, EE_X509_NAMES_MAX = 32 };

/* PEM text with a NUL. A private key in it is the holder's to wipe. */
struct ee_pem {
    char text[EE_PEM_SIZE_MAX];
    size_t size; /* without the NUL */
};

/* What a certificate says. Each name is a DNS name ("*.apps.example" too) or a numeric address.
 * `names` is borrowed for the call. */
struct ee_x509_subject {
    const char *common_name;
    const char *const *names;
    size_t name_count;
};

/* Both in seconds since 1970. */
struct ee_x509_validity {
    int64_t not_before;
    int64_t not_after;
};

struct ee_bytes ee_pem_bytes(const struct ee_pem *pem);

/* A fresh private key, PKCS #8. EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_x509_key_new(struct ee_pem *out);

/* Leaf certificate of the key by itself. EE_SYNTAX: not a P-256 key in PEM, or a name is no name;
 * EE_RANGE: too many names or validity the wrong way round; EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_x509_self_signed(struct ee_bytes key_pem,
                                            const struct ee_x509_subject *subject,
                                            struct ee_x509_validity validity, struct ee_pem *out);
/* Certificate of an authority that signs leaves only (path length 0). Errors as above. */
EE_MUST_USE enum ee_err ee_x509_authority(struct ee_bytes key_pem, const char *common_name,
                                          struct ee_x509_validity validity, struct ee_pem *out);
/* PKCS #10 request with these names. Errors as above. */
EE_MUST_USE enum ee_err ee_x509_request(struct ee_bytes key_pem,
                                        const struct ee_x509_subject *subject, struct ee_pem *out);
/* Leaf certificate for the key of a request whose own signature holds (EE_SIGNATURE). Names are
 * those of `subject`: the authority decides them, what the request asks for is not looked at.
 * EE_SYNTAX: something is not PEM of its kind; EE_UNTRUSTED: key and certificate of the authority
 * do not belong together. */
EE_MUST_USE enum ee_err ee_x509_request_sign(struct ee_bytes authority_pem,
                                             struct ee_bytes authority_key_pem,
                                             struct ee_bytes request_pem,
                                             const struct ee_x509_subject *subject,
                                             struct ee_x509_validity validity, struct ee_pem *out);

/* SHA-256 of the DER SubjectPublicKeyInfo (RFC 5280 section 4.1) of a certificate (the first in
 * the text) or private key. EE_SYNTAX. */
EE_MUST_USE enum ee_err ee_x509_certificate_key_hash(struct ee_bytes certificate_pem,
                                                     uint8_t out[EE_SHA256_SIZE]);
EE_MUST_USE enum ee_err ee_x509_private_key_hash(struct ee_bytes key_pem,
                                                 uint8_t out[EE_SHA256_SIZE]);

#endif
