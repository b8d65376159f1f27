/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/x509_writer.h"

#include <string.h>

#include "base/banned.h"

enum { TBS_MAX = EE_SIM_CERT_MAX - 100, KEY_ID_SIZE = 20 };

/* Object identifiers, contents only. */
#define OID(name, ...) static const uint8_t name[] = {__VA_ARGS__}
OID(oid_ecdsa_sha256, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02); /* 1.2.840.10045.4.3.2 */
OID(oid_ec_key, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);             /* 1.2.840.10045.2.1 */
OID(oid_p256, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);         /* 1.2.840.10045.3.1.7 */
OID(oid_common_name, 0x55, 0x04, 0x03);
OID(oid_country, 0x55, 0x04, 0x06);
OID(oid_organization, 0x55, 0x04, 0x0a);
OID(oid_subject_key_id, 0x55, 0x1d, 0x0e);
OID(oid_key_usage, 0x55, 0x1d, 0x0f);
OID(oid_crl_number, 0x55, 0x1d, 0x14);
OID(oid_crl_reason, 0x55, 0x1d, 0x15);
OID(oid_basic_constraints, 0x55, 0x1d, 0x13);
OID(oid_authority_key_id, 0x55, 0x1d, 0x23);
OID(oid_sgx, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01); /* 1.2.840.113741.1.13.1 */

#define PUT_OID(d, oid) ee_der_value((d), EE_DER_OID, ee_bytes_of((oid), sizeof(oid)))

void ee_sim_derive(const struct ee_crypto *crypto, const uint8_t seed[32], const char *purpose,
                   uint8_t out[32])
{
    uint8_t head[64];
    struct ee_writer w;
    ee_writer_init(&w, head, sizeof(head));
    ee_writer_label(&w, "ee-sim", 1);
    ee_writer_text(&w, purpose);
    const struct ee_bytes parts[] = {ee_writer_done(&w), ee_bytes_of(seed, 32)};
    crypto->sha256(parts, 2, out);
}

enum ee_err ee_sim_key_derive(const struct ee_crypto *crypto, const uint8_t seed[32],
                              const char *purpose, struct ee_sim_key *out)
{
    uint8_t scalar[32];
    memcpy(scalar, seed, sizeof(scalar));
    for (unsigned attempt = 0; attempt < 8; attempt++) { /* a hash is no scalar once in 2^32 */
        ee_sim_derive(crypto, scalar, purpose, scalar);
        memcpy(out->private_key, scalar, sizeof(scalar));
        if (crypto->p256_public(scalar, out->public_key))
            return EE_OK;
    }
    return EE_CRYPTO;
}

static void put_algorithm(struct ee_der_writer *d)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    PUT_OID(d, oid_ecdsa_sha256);
    ee_der_close(d);
}

static void put_attribute(struct ee_der_writer *d, struct ee_bytes oid, uint8_t tag,
                          const char *text)
{
    ee_der_open(d, EE_DER_SET);
    ee_der_open(d, EE_DER_SEQUENCE);
    ee_der_value(d, EE_DER_OID, oid);
    ee_der_value(d, tag, ee_bytes_str(text));
    ee_der_close(d);
    ee_der_close(d);
}

/* Roles are told by common name, so that is Intel's; the organisation says what this is. */
static void put_name(struct ee_der_writer *d, const char *common_name)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    put_attribute(d, ee_bytes_of(oid_common_name, sizeof(oid_common_name)), EE_DER_UTF8_STRING,
                  common_name);
    put_attribute(d, ee_bytes_of(oid_organization, sizeof(oid_organization)), EE_DER_UTF8_STRING,
                  "SIMULATED easyenclave TDX");
    put_attribute(d, ee_bytes_of(oid_country, sizeof(oid_country)), EE_DER_PRINTABLE_STRING, "US");
    ee_der_close(d);
}

static void put_point(struct ee_der_writer *d, const struct ee_sim_key *key)
{
    uint8_t point[1 + EE_P256_POINT_SIZE] = {0x04}; /* uncompressed */
    memcpy(point + 1, key->public_key, EE_P256_POINT_SIZE);
    ee_der_bit_string(d, ee_bytes_of(point, sizeof(point)), 0);
}

static void put_public_key(struct ee_der_writer *d, const struct ee_sim_key *key)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    ee_der_open(d, EE_DER_SEQUENCE);
    PUT_OID(d, oid_ec_key);
    PUT_OID(d, oid_p256);
    ee_der_close(d);
    put_point(d, key);
    ee_der_close(d);
}

/* Opens an extension up to the inside of its OCTET STRING; extension_close ends it. */
static void extension_open(struct ee_der_writer *d, struct ee_bytes oid, bool critical)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    ee_der_value(d, EE_DER_OID, oid);
    if (critical)
        ee_der_bool(d, true);
    ee_der_open(d, EE_DER_OCTET_STRING);
}

static void extension_close(struct ee_der_writer *d)
{
    ee_der_close(d);
    ee_der_close(d);
}

/* RFC 7093 section 2 method 1: the first 160 bits of SHA-256 over the point. */
static void key_id(const struct ee_crypto *crypto, const struct ee_sim_key *key,
                   uint8_t out[KEY_ID_SIZE])
{
    uint8_t digest[EE_SHA256_SIZE];
    const struct ee_bytes parts[] = {ee_bytes_of("\x04", 1),
                                     ee_bytes_of(key->public_key, EE_P256_POINT_SIZE)};
    crypto->sha256(parts, 2, digest);
    memcpy(out, digest, KEY_ID_SIZE);
}

static void put_authority_key_id(const struct ee_crypto *crypto, struct ee_der_writer *d,
                                 const struct ee_sim_key *issuer)
{
    uint8_t id[KEY_ID_SIZE];
    key_id(crypto, issuer, id);
    extension_open(d, ee_bytes_of(oid_authority_key_id, sizeof(oid_authority_key_id)), false);
    ee_der_open(d, EE_DER_SEQUENCE);
    ee_der_value(d, 0x80, ee_bytes_of(id, sizeof(id)));
    ee_der_close(d);
    extension_close(d);
}

static void put_subject_key_id(const struct ee_crypto *crypto, struct ee_der_writer *d,
                               const struct ee_sim_key *key)
{
    uint8_t id[KEY_ID_SIZE];
    key_id(crypto, key, id);
    extension_open(d, ee_bytes_of(oid_subject_key_id, sizeof(oid_subject_key_id)), false);
    ee_der_value(d, EE_DER_OCTET_STRING, ee_bytes_of(id, sizeof(id)));
    extension_close(d);
}

static void put_key_usage(struct ee_der_writer *d, bool ca)
{
    /* keyCertSign and cRLSign, or digitalSignature and nonRepudiation: bits from the left */
    const uint8_t bits = ca ? 0x06 : 0xc0, unused = ca ? 1 : 6;
    extension_open(d, ee_bytes_of(oid_key_usage, sizeof(oid_key_usage)), true);
    ee_der_bit_string(d, ee_bytes_of(&bits, 1), unused);
    extension_close(d);
}

static void put_basic_constraints(struct ee_der_writer *d, int path_length)
{
    extension_open(d, ee_bytes_of(oid_basic_constraints, sizeof(oid_basic_constraints)), true);
    ee_der_open(d, EE_DER_SEQUENCE);
    if (path_length >= 0) {
        ee_der_bool(d, true);
        ee_der_u32(d, EE_DER_INTEGER, (uint32_t)path_length);
    }
    ee_der_close(d);
    extension_close(d);
}

static void put_cert_extensions(const struct ee_crypto *crypto, struct ee_der_writer *d,
                                const struct ee_sim_cert_spec *spec)
{
    ee_der_open(d, 0xa3);
    ee_der_open(d, EE_DER_SEQUENCE);
    put_authority_key_id(crypto, d, spec->issuer_key);
    put_subject_key_id(crypto, d, spec->key);
    put_key_usage(d, spec->path_length >= 0);
    put_basic_constraints(d, spec->path_length);
    if (spec->sgx_extension.size) {
        extension_open(d, ee_bytes_of(oid_sgx, sizeof(oid_sgx)), false);
        ee_der_raw(d, spec->sgx_extension);
        extension_close(d);
    }
    ee_der_close(d);
    ee_der_close(d);
}

static void put_signature(struct ee_der_writer *d, const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    uint8_t buffer[80];
    struct ee_der_writer inner;
    ee_der_init(&inner, buffer, sizeof(buffer));
    ee_der_open(&inner, EE_DER_SEQUENCE);
    ee_der_unsigned(&inner, ee_bytes_of(signature, 32));
    ee_der_unsigned(&inner, ee_bytes_of(signature + 32, 32));
    ee_der_close(&inner);
    put_algorithm(d);
    ee_der_bit_string(d, ee_der_done(&inner), 0);
}

/* SEQUENCE { signed part, algorithm, signature }. */
static enum ee_err sign(const struct ee_crypto *crypto, struct ee_der_writer *tbs,
                        const struct ee_sim_key *key, uint8_t *out, size_t capacity,
                        size_t *size_out)
{
    uint8_t digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
    struct ee_der_writer d;
    const struct ee_bytes part = ee_der_done(tbs);
    if (tbs->out.err != EE_OK)
        return tbs->out.err;
    crypto->sha256(&part, 1, digest);
    if (!crypto->p256_sign(key->private_key, digest, signature))
        return EE_CRYPTO;
    ee_der_init(&d, out, capacity);
    ee_der_open(&d, EE_DER_SEQUENCE);
    ee_der_raw(&d, part);
    put_signature(&d, signature);
    ee_der_close(&d);
    *size_out = ee_der_done(&d).size;
    return d.out.err;
}

enum ee_err ee_sim_cert_write(const struct ee_crypto *crypto, const struct ee_sim_cert_spec *spec,
                              struct ee_sim_cert *out)
{
    uint8_t buffer[TBS_MAX];
    struct ee_der_writer d;
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_open(&d, EE_DER_SEQUENCE);
    ee_der_open(&d, 0xa0);
    ee_der_u32(&d, EE_DER_INTEGER, 2); /* version 3 */
    ee_der_close(&d);
    ee_der_unsigned(&d, ee_bytes_of(spec->serial, sizeof(spec->serial)));
    put_algorithm(&d);
    put_name(&d, spec->issuer);
    ee_der_open(&d, EE_DER_SEQUENCE);
    ee_der_time(&d, spec->not_before_s);
    ee_der_time(&d, spec->not_after_s);
    ee_der_close(&d);
    put_name(&d, spec->subject);
    put_public_key(&d, spec->key);
    put_cert_extensions(crypto, &d, spec);
    ee_der_close(&d);
    return sign(crypto, &d, spec->issuer_key, out->der, sizeof(out->der), &out->size);
}

static void put_revoked(struct ee_der_writer *d, const struct ee_sim_crl_spec *spec)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    ee_der_open(d, EE_DER_SEQUENCE);
    ee_der_unsigned(d, ee_bytes_of(spec->revoked_serial, EE_SIM_SERIAL_SIZE));
    ee_der_time(d, spec->this_update_s);
    ee_der_open(d, EE_DER_SEQUENCE);
    extension_open(d, ee_bytes_of(oid_crl_reason, sizeof(oid_crl_reason)), false);
    ee_der_u32(d, EE_DER_ENUMERATED, 1); /* keyCompromise */
    extension_close(d);
    ee_der_close(d);
    ee_der_close(d);
    ee_der_close(d);
}

enum ee_err ee_sim_crl_write(const struct ee_crypto *crypto, const struct ee_sim_crl_spec *spec,
                             uint8_t out[EE_SIM_CRL_MAX], size_t *size_out)
{
    uint8_t buffer[EE_SIM_CRL_MAX];
    struct ee_der_writer d;
    ee_der_init(&d, buffer, sizeof(buffer));
    ee_der_open(&d, EE_DER_SEQUENCE);
    ee_der_u32(&d, EE_DER_INTEGER, 1); /* version 2 */
    put_algorithm(&d);
    put_name(&d, spec->issuer);
    ee_der_time(&d, spec->this_update_s);
    ee_der_time(&d, spec->next_update_s);
    if (spec->revoked_serial) /* RFC 5280 section 5.1.2.6: absent when nothing is revoked */
        put_revoked(&d, spec);
    ee_der_open(&d, 0xa0);
    ee_der_open(&d, EE_DER_SEQUENCE);
    extension_open(&d, ee_bytes_of(oid_crl_number, sizeof(oid_crl_number)), false);
    ee_der_u32(&d, EE_DER_INTEGER, spec->number);
    extension_close(&d);
    put_authority_key_id(crypto, &d, spec->issuer_key);
    ee_der_close(&d);
    ee_der_close(&d);
    ee_der_close(&d);
    return sign(crypto, &d, spec->issuer_key, out, EE_SIM_CRL_MAX, size_out);
}
