/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 v3 certificates as Intel's SGX PKI uses them (RFC 5280; Intel "SGX PCK Certificate and CRL
 * Profile"): ECDSA P-256 with SHA-256 only, unknown critical extensions refused. */
#ifndef EE_ATTEST_X509_H
#define EE_ATTEST_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/reason.h"
#include "base/bytes.h"
#include "base/crypto.h"

/* Key usage bits as in RFC 5280 section 4.2.1.3, bit 0 first. */
enum {
    EE_KEY_USAGE_DIGITAL_SIGNATURE = 1 << 0,
    EE_KEY_USAGE_CERT_SIGN = 1 << 5,
    EE_KEY_USAGE_CRL_SIGN = 1 << 6,
};

/* Borrows from the DER. */
struct ee_cert {
    struct ee_bytes der;
    struct ee_bytes tbs; /* the signed part */
    struct ee_bytes serial;
    struct ee_bytes issuer;  /* whole Name, compared as bytes */
    struct ee_bytes subject; /* whole Name */
    struct ee_bytes common_name;
    int64_t not_before_s;
    int64_t not_after_s;
    uint8_t key[EE_P256_POINT_SIZE];
    uint8_t signature[EE_P256_SIGNATURE_SIZE];
    bool is_ca;
    int path_length; /* -1: none */
    bool has_key_usage;
    uint16_t key_usage;
    struct ee_bytes subject_key_id;   /* empty: none */
    struct ee_bytes authority_key_id; /* empty: none */
    struct ee_bytes sgx_extension;    /* value of 1.2.840.113741.1.13.1; empty: none */
};

enum ee_cert_role {
    EE_CERT_ROOT,
    EE_CERT_PCK_CA, /* Platform or Processor CA */
    EE_CERT_PCK,
    EE_CERT_TCB_SIGNING,
};

EE_MUST_USE enum ee_reason ee_attest_cert_decode(struct ee_bytes der, struct ee_cert *out);

/* Common name, CA flag, path length and key usage of the role. */
bool ee_attest_cert_fits(const struct ee_cert *cert, enum ee_cert_role role);
/* For text: "root CA", "PCK CA", "PCK", "TCB Signing". */
const char *ee_attest_cert_role_name(enum ee_cert_role role);

/* EE_REASON_CERT_EXPIRED, EE_REASON_CERT_NOT_YET_VALID; both ends are inside. */
EE_MUST_USE enum ee_reason ee_attest_cert_window(const struct ee_cert *cert, int64_t time_s);

/* Issuer name and key identifier are the parent's, and its key signed it. */
EE_MUST_USE enum ee_reason ee_attest_cert_signed_by(const struct ee_crypto *crypto,
                                                    const struct ee_cert *cert,
                                                    const struct ee_cert *parent);

/* What certificates and CRLs share: SEQUENCE { to be signed, algorithm, signature }. */
struct ee_x509_signed {
    struct ee_bytes whole;     /* of the signed part, as signed */
    struct ee_bytes content;   /* of it */
    struct ee_bytes algorithm; /* whole item: ecdsa-with-SHA256; the signed part repeats it */
    uint8_t signature[EE_P256_SIGNATURE_SIZE];
};
EE_MUST_USE enum ee_reason ee_attest_x509_signed_decode(struct ee_bytes der,
                                                        struct ee_x509_signed *out);
/* One Extension of a list: its OID, whether critical, its value. */
void ee_attest_x509_extension(struct ee_cursor *list, struct ee_bytes *oid, bool *critical,
                              struct ee_bytes *value);
/* keyIdentifier of an AuthorityKeyIdentifier value. */
bool ee_attest_x509_authority(struct ee_bytes value, struct ee_bytes *key_id);
/* P-256 over SHA-256 of one range. */
bool ee_attest_signature_ok(const struct ee_crypto *crypto, const uint8_t key[EE_P256_POINT_SIZE],
                            struct ee_bytes message,
                            const uint8_t signature[EE_P256_SIGNATURE_SIZE]);

#endif
