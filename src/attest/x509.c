/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/x509.h"

#include <string.h>

#include "attest/der.h"
#include "base/banned.h"

/* Object identifiers, content octets. */
static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03};
static const uint8_t oid_subject_key_id[] = {0x55, 0x1d, 0x0e};
static const uint8_t oid_key_usage[] = {0x55, 0x1d, 0x0f};
static const uint8_t oid_basic_constraints[] = {0x55, 0x1d, 0x13};
static const uint8_t oid_authority_key_id[] = {0x55, 0x1d, 0x23};
static const uint8_t oid_sgx[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

/* SEQUENCE { ecdsa-with-SHA256 } (RFC 5758 section 3.2) and SEQUENCE { id-ecPublicKey, prime256v1 }
 * (RFC 5480 section 2.1.1): exactly one encoding each. */
static const uint8_t algorithm_ecdsa_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                                 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t algorithm_p256[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                                         0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

#define IS(bytes, constant) ee_bytes_equal(bytes, ee_bytes_of(constant, sizeof(constant)))

bool ee_attest_signature_ok(const struct ee_crypto *crypto, const uint8_t key[EE_P256_POINT_SIZE],
                            struct ee_bytes message,
                            const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    uint8_t digest[EE_SHA256_SIZE];
    crypto->sha256(&message, 1, digest);
    return crypto->p256_verify(key, digest, signature);
}

/* BIT STRING content holding an ECDSA signature. */
static bool signature_decode(struct ee_bytes bit_string, uint8_t out[EE_P256_SIGNATURE_SIZE])
{
    return bit_string.size > 1 && bit_string.data[0] == 0 && /* no unused bits */
           ee_attest_der_signature(ee_bytes_of(bit_string.data + 1, bit_string.size - 1), out);
}

enum ee_reason ee_attest_x509_signed_decode(struct ee_bytes der, struct ee_x509_signed *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, der);
    struct ee_cursor parts = ee_attest_der_enter(&c, EE_DER_SEQUENCE);
    struct ee_der_item tbs = ee_attest_der_any(&parts);
    struct ee_der_item algorithm = ee_attest_der_any(&parts);
    struct ee_bytes signature = ee_attest_der_expect(&parts, EE_DER_BIT_STRING);
    if (ee_cursor_end(&c) != EE_OK || ee_cursor_end(&parts) != EE_OK || tbs.tag != EE_DER_SEQUENCE)
        return EE_REASON_DER_SYNTAX;
    if (!IS(algorithm.whole, algorithm_ecdsa_sha256))
        return EE_REASON_CERT_ALGORITHM;
    if (!signature_decode(signature, out->signature))
        return EE_REASON_DER_SYNTAX;
    out->whole = tbs.whole;
    out->content = tbs.content;
    out->algorithm = algorithm.whole;
    return EE_REASON_NONE;
}

void ee_attest_x509_extension(struct ee_cursor *list, struct ee_bytes *oid, bool *critical,
                              struct ee_bytes *value)
{
    struct ee_cursor one = ee_attest_der_enter(list, EE_DER_SEQUENCE);
    *oid = ee_attest_der_expect(&one, EE_DER_OID);
    *critical = ee_attest_der_next_is(&one, EE_DER_BOOLEAN) && ee_attest_der_boolean(&one);
    *value = ee_attest_der_expect(&one, EE_DER_OCTET_STRING);
    if (list->err == EE_OK)
        list->err = ee_cursor_end(&one);
}

bool ee_attest_x509_authority(struct ee_bytes value, struct ee_bytes *key_id)
{
    struct ee_cursor c;
    ee_cursor_init(&c, value);
    struct ee_cursor fields = ee_attest_der_enter(&c, EE_DER_SEQUENCE);
    if (ee_attest_der_next_is(&fields, EE_DER_CONTEXT | 0))
        *key_id = ee_attest_der_expect(&fields, EE_DER_CONTEXT | 0);
    return ee_cursor_end(&c) == EE_OK && fields.err == EE_OK;
}

/* Finds the one common name; a Name with two is refused, it could be read two ways. */
static bool name_common(struct ee_bytes content, struct ee_bytes *out)
{
    struct ee_cursor name;
    size_t found = 0;
    ee_cursor_init(&name, content);
    while (name.err == EE_OK && name.left) {
        struct ee_cursor set = ee_attest_der_enter(&name, EE_DER_SET);
        struct ee_cursor pair = ee_attest_der_enter(&set, EE_DER_SEQUENCE);
        struct ee_bytes oid = ee_attest_der_expect(&pair, EE_DER_OID);
        struct ee_der_item value = ee_attest_der_any(&pair);
        if (ee_cursor_end(&pair) != EE_OK || ee_cursor_end(&set) != EE_OK)
            return false;
        if (IS(oid, oid_common_name)) {
            *out = value.content;
            found++;
        }
    }
    return name.err == EE_OK && found == 1;
}

static bool public_key(struct ee_cursor *tbs, uint8_t out[EE_P256_POINT_SIZE], bool *p256)
{
    struct ee_cursor info = ee_attest_der_enter(tbs, EE_DER_SEQUENCE);
    struct ee_der_item algorithm = ee_attest_der_any(&info);
    struct ee_bytes bits = ee_attest_der_expect(&info, EE_DER_BIT_STRING);
    if (ee_cursor_end(&info) != EE_OK)
        return false;
    /* No unused bits, uncompressed point. */
    *p256 = IS(algorithm.whole, algorithm_p256) && bits.size == 2 + EE_P256_POINT_SIZE &&
            bits.data[0] == 0 && bits.data[1] == 4;
    if (*p256)
        memcpy(out, bits.data + 2, EE_P256_POINT_SIZE);
    return true;
}

static bool basic_constraints(struct ee_bytes value, struct ee_cert *cert)
{
    struct ee_cursor c;
    ee_cursor_init(&c, value);
    struct ee_cursor fields = ee_attest_der_enter(&c, EE_DER_SEQUENCE);
    if (ee_attest_der_next_is(&fields, EE_DER_BOOLEAN))
        cert->is_ca = ee_attest_der_boolean(&fields);
    if (ee_attest_der_next_is(&fields, EE_DER_INTEGER))
        cert->path_length = (int)ee_attest_der_unsigned(&fields, EE_DER_INTEGER, 255);
    return ee_cursor_end(&c) == EE_OK && ee_cursor_end(&fields) == EE_OK;
}

static bool key_usage(struct ee_bytes value, struct ee_cert *cert)
{
    struct ee_cursor c;
    ee_cursor_init(&c, value);
    struct ee_bytes bits = ee_attest_der_expect(&c, EE_DER_BIT_STRING);
    if (ee_cursor_end(&c) != EE_OK || bits.size < 2 || bits.size > 3 || bits.data[0] > 7)
        return false;
    for (unsigned i = 0; i < 8 * (bits.size - 1); i++)
        if (bits.data[1 + i / 8] & (0x80 >> i % 8))
            cert->key_usage = (uint16_t)(cert->key_usage | 1u << i);
    cert->has_key_usage = true;
    return true;
}

static bool key_id(struct ee_bytes value, struct ee_bytes *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, value);
    *out = ee_attest_der_expect(&c, EE_DER_OCTET_STRING);
    return ee_cursor_end(&c) == EE_OK;
}

/* One extension by its OID. `seen` has a bit per known kind. */
static enum ee_reason extension(struct ee_cert *cert, struct ee_bytes oid, bool critical,
                                struct ee_bytes value, unsigned *seen)
{
    unsigned bit = IS(oid, oid_basic_constraints)  ? 1
                   : IS(oid, oid_key_usage)        ? 2
                   : IS(oid, oid_subject_key_id)   ? 4
                   : IS(oid, oid_authority_key_id) ? 8
                   : IS(oid, oid_sgx)              ? 16
                                                   : 0;
    if (*seen & bit)
        return EE_REASON_CERT_DUPLICATE_EXTENSION;
    *seen |= bit;
    bool ok = true;
    if (bit == 1)
        ok = basic_constraints(value, cert);
    else if (bit == 2)
        ok = key_usage(value, cert);
    else if (bit == 4)
        ok = key_id(value, &cert->subject_key_id);
    else if (bit == 8)
        ok = ee_attest_x509_authority(value, &cert->authority_key_id);
    else if (bit == 16)
        cert->sgx_extension = value;
    else if (critical)
        return EE_REASON_CERT_CRITICAL;
    return ok ? EE_REASON_NONE : EE_REASON_DER_SYNTAX;
}

static enum ee_reason extensions(struct ee_cursor *tbs, struct ee_cert *cert)
{
    unsigned seen = 0;
    if (!ee_attest_der_next_is(tbs, EE_DER_CONTEXT_CONSTRUCTED | 3))
        return EE_REASON_NONE;
    struct ee_cursor outer = ee_attest_der_enter(tbs, EE_DER_CONTEXT_CONSTRUCTED | 3);
    struct ee_cursor list = ee_attest_der_enter(&outer, EE_DER_SEQUENCE);
    if (ee_cursor_end(&outer) != EE_OK)
        return EE_REASON_DER_SYNTAX;
    while (list.err == EE_OK && list.left) {
        struct ee_bytes oid, value;
        bool critical;
        ee_attest_x509_extension(&list, &oid, &critical, &value);
        if (list.err != EE_OK)
            break;
        EE_REASON_TRY(extension(cert, oid, critical, value, &seen));
    }
    return list.err == EE_OK ? EE_REASON_NONE : EE_REASON_DER_SYNTAX;
}

/* TBSCertificate, RFC 5280 section 4.1. */
static enum ee_reason tbs_decode(struct ee_bytes content, struct ee_bytes algorithm,
                                 struct ee_cert *cert)
{
    struct ee_cursor tbs;
    bool p256 = false;
    ee_cursor_init(&tbs, content);
    if (!ee_attest_der_next_is(&tbs, EE_DER_CONTEXT_CONSTRUCTED | 0))
        return EE_REASON_CERT_VERSION;
    struct ee_cursor version = ee_attest_der_enter(&tbs, EE_DER_CONTEXT_CONSTRUCTED | 0);
    if (ee_attest_der_unsigned(&version, EE_DER_INTEGER, 2) != 2 || ee_cursor_end(&version))
        return EE_REASON_CERT_VERSION;
    cert->serial = ee_attest_der_serial(&tbs);
    struct ee_der_item inner_algorithm = ee_attest_der_any(&tbs);
    struct ee_der_item issuer = ee_attest_der_any(&tbs);
    struct ee_cursor validity = ee_attest_der_enter(&tbs, EE_DER_SEQUENCE);
    cert->not_before_s = ee_attest_der_time(&validity);
    cert->not_after_s = ee_attest_der_time(&validity);
    struct ee_der_item subject = ee_attest_der_any(&tbs);
    if (tbs.err != EE_OK || ee_cursor_end(&validity) != EE_OK || issuer.tag != EE_DER_SEQUENCE ||
        subject.tag != EE_DER_SEQUENCE)
        return EE_REASON_DER_SYNTAX;
    if (!ee_bytes_equal(inner_algorithm.whole, algorithm))
        return EE_REASON_CERT_ALGORITHM;
    cert->issuer = issuer.whole;
    cert->subject = subject.whole;
    if (!name_common(subject.content, &cert->common_name) || !public_key(&tbs, cert->key, &p256))
        return EE_REASON_DER_SYNTAX;
    if (!p256)
        return EE_REASON_CERT_ALGORITHM;
    EE_REASON_TRY(extensions(&tbs, cert));
    return ee_cursor_end(&tbs) == EE_OK ? EE_REASON_NONE : EE_REASON_DER_SYNTAX;
}

enum ee_reason ee_attest_cert_decode(struct ee_bytes der, struct ee_cert *out)
{
    struct ee_cert cert = {.der = der, .path_length = -1};
    struct ee_x509_signed envelope;
    EE_REASON_TRY(ee_attest_x509_signed_decode(der, &envelope));
    cert.tbs = envelope.whole;
    memcpy(cert.signature, envelope.signature, sizeof(cert.signature));
    EE_REASON_TRY(tbs_decode(envelope.content, envelope.algorithm, &cert));
    *out = cert;
    return EE_REASON_NONE;
}

static bool common_name_is(const struct ee_cert *cert, const char *name)
{
    return ee_bytes_equal(cert->common_name, ee_bytes_str(name));
}

bool ee_attest_cert_fits(const struct ee_cert *cert, enum ee_cert_role role)
{
    const unsigned ca = EE_KEY_USAGE_CERT_SIGN | EE_KEY_USAGE_CRL_SIGN;
    bool is_ca = cert->is_ca && cert->has_key_usage && (cert->key_usage & ca) == ca;
    bool is_leaf = !cert->is_ca && cert->has_key_usage && !(cert->key_usage & ca) &&
                   (cert->key_usage & EE_KEY_USAGE_DIGITAL_SIGNATURE);
    switch (role) {
    case EE_CERT_ROOT:
        return is_ca && cert->path_length != 0 && common_name_is(cert, "Intel SGX Root CA");
    case EE_CERT_PCK_CA:
        return is_ca && cert->path_length == 0 &&
               (common_name_is(cert, "Intel SGX PCK Platform CA") ||
                common_name_is(cert, "Intel SGX PCK Processor CA"));
    case EE_CERT_PCK:
        return is_leaf && cert->sgx_extension.size &&
               common_name_is(cert, "Intel SGX PCK Certificate");
    case EE_CERT_TCB_SIGNING:
        return is_leaf && common_name_is(cert, "Intel SGX TCB Signing");
    }
    return false;
}

const char *ee_attest_cert_role_name(enum ee_cert_role role)
{
    static const char *const names[] = {"root CA", "PCK CA", "PCK", "TCB Signing"};
    return (unsigned)role < sizeof(names) / sizeof(names[0]) ? names[role] : "unknown";
}

enum ee_reason ee_attest_cert_window(const struct ee_cert *cert, int64_t time_s)
{
    if (time_s < cert->not_before_s)
        return EE_REASON_CERT_NOT_YET_VALID;
    return time_s > cert->not_after_s ? EE_REASON_CERT_EXPIRED : EE_REASON_NONE;
}

enum ee_reason ee_attest_cert_signed_by(const struct ee_crypto *crypto, const struct ee_cert *cert,
                                        const struct ee_cert *parent)
{
    bool ids = cert->authority_key_id.size && parent->subject_key_id.size;
    if (!ee_bytes_equal(cert->issuer, parent->subject) ||
        (ids && !ee_bytes_equal(cert->authority_key_id, parent->subject_key_id)))
        return EE_REASON_CHAIN_ISSUER;
    if (!ee_attest_signature_ok(crypto, parent->key, cert->tbs, cert->signature))
        return EE_REASON_CHAIN_SIGNATURE;
    return EE_REASON_NONE;
}
