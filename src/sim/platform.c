/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/platform.h"

#include <string.h>

#include "sim/tcb.h"
#include "sim/x509_writer.h"

#include "base/banned.h"

enum { SGX_EXTENSION_MAX = 700, NOT_BEFORE_S = 1704067200 /* 2024-01-01 */ };
#define NOT_AFTER_S INT64_C(2524521600) /* 2049-12-31, as its CA */
#define EXPIRED_S INT64_C(1711929600)   /* 2024-04-01 */

/* 1.2.840.113741.1.13.1 and up to two more arcs below 128. */
static void put_sgx_oid(struct ee_der_writer *d, uint8_t arc, uint8_t below)
{
    uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, arc, below};
    ee_der_value(d, EE_DER_OID, ee_bytes_of(oid, below ? sizeof(oid) : sizeof(oid) - 1));
}

static void put_octets(struct ee_der_writer *d, uint8_t arc, uint8_t below, const uint8_t *data,
                       size_t size)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    put_sgx_oid(d, arc, below);
    ee_der_value(d, EE_DER_OCTET_STRING, ee_bytes_of(data, size));
    ee_der_close(d);
}

static void put_integer(struct ee_der_writer *d, uint8_t arc, uint8_t below, uint8_t tag,
                        uint32_t value)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    put_sgx_oid(d, arc, below);
    ee_der_u32(d, tag, value);
    ee_der_close(d);
}

/* .2: sixteen component SVNs, PCESVN, CPUSVN. */
static void put_tcb(struct ee_der_writer *d, const struct ee_sim_platform *platform)
{
    ee_der_open(d, EE_DER_SEQUENCE);
    put_sgx_oid(d, 2, 0);
    ee_der_open(d, EE_DER_SEQUENCE);
    for (uint8_t i = 0; i < 16; i++)
        put_integer(d, 2, (uint8_t)(i + 1), EE_DER_INTEGER, platform->components[i]);
    put_integer(d, 2, 17, EE_DER_INTEGER, platform->pcesvn);
    put_octets(d, 2, 18, platform->components, 16);
    ee_der_close(d);
    ee_der_close(d);
}

/* .7: dynamicPlatform, cachedKeys, smtEnabled. */
static void put_configuration(struct ee_der_writer *d)
{
    static const bool values[] = {true, false, true};
    ee_der_open(d, EE_DER_SEQUENCE);
    put_sgx_oid(d, 7, 0);
    ee_der_open(d, EE_DER_SEQUENCE);
    for (uint8_t i = 0; i < 3; i++) {
        ee_der_open(d, EE_DER_SEQUENCE);
        put_sgx_oid(d, 7, (uint8_t)(i + 1));
        ee_der_bool(d, values[i]);
        ee_der_close(d);
    }
    ee_der_close(d);
    ee_der_close(d);
}

static struct ee_bytes sgx_extension(const struct ee_sim_platform *platform, uint8_t *out,
                                     size_t capacity)
{
    static const uint8_t pceid[2] = {0, 0};
    struct ee_der_writer d;
    ee_der_init(&d, out, capacity);
    ee_der_open(&d, EE_DER_SEQUENCE);
    put_octets(&d, 1, 0, platform->ppid, sizeof(platform->ppid));
    put_tcb(&d, platform);
    put_octets(&d, 3, 0, pceid, sizeof(pceid));
    put_octets(&d, 4, 0, platform->authority->fmspc, sizeof(platform->authority->fmspc));
    put_integer(&d, 5, 0, EE_DER_ENUMERATED, 1); /* scalable */
    put_octets(&d, 6, 0, platform->instance_id, sizeof(platform->instance_id));
    put_configuration(&d);
    ee_der_close(&d);
    return ee_der_done(&d);
}

static void make_identity(const struct ee_crypto *crypto, const uint8_t seed[32],
                          struct ee_sim_platform *platform)
{
    uint8_t digest[32];
    ee_sim_derive(crypto, seed, "ppid", digest);
    memcpy(platform->ppid, digest, sizeof(platform->ppid));
    ee_sim_derive(crypto, seed, "instance", digest);
    memcpy(platform->instance_id, digest, sizeof(platform->instance_id));
    ee_sim_derive(crypto, seed, "qe", digest);
    memcpy(platform->qe_id, digest, sizeof(platform->qe_id));
    ee_sim_derive(crypto, seed, "serial", digest);
    memcpy(platform->serial, digest, sizeof(platform->serial));
    platform->serial[0] &= 0x7f;
    enum ee_sim_level level = EE_SIM_LEVEL_UP_TO_DATE;
    if (platform->faults & EE_SIM_PLATFORM_OUT_OF_DATE)
        level = EE_SIM_LEVEL_OUT_OF_DATE;
    if (platform->faults & EE_SIM_TCB_REVOKED)
        level = EE_SIM_LEVEL_REVOKED;
    ee_sim_level_components(level, platform->components);
    platform->pcesvn = EE_SIM_PCESVN;
}

static enum ee_err make_chain(const struct ee_sim_authority *issuer,
                              struct ee_sim_platform *platform)
{
    const struct ee_sim_cert *certs[] = {&platform->pck, &issuer->platform_ca, &issuer->root};
    size_t size = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t written = ee_sim_cert_pem(certs[i], platform->pck_chain + size,
                                         sizeof(platform->pck_chain) - size);
        if (written == 0)
            return EE_TOO_LARGE;
        size += written;
    }
    platform->pck_chain_size = size;
    return EE_OK;
}

static enum ee_err make_leaf(const struct ee_crypto *crypto, const struct ee_sim_authority *issuer,
                             struct ee_sim_platform *platform)
{
    uint8_t extension[SGX_EXTENSION_MAX];
    struct ee_sim_cert_spec spec = {
        .subject = "Intel SGX PCK Certificate",
        .issuer = "Intel SGX PCK Platform CA",
        .key = &platform->pck_key,
        .issuer_key = &issuer->platform_ca_key,
        .not_before_s = NOT_BEFORE_S,
        .not_after_s = platform->faults & EE_SIM_PCK_EXPIRED ? EXPIRED_S : NOT_AFTER_S,
        .path_length = EE_SIM_NO_CA};
    memcpy(spec.serial, platform->serial, sizeof(spec.serial));
    spec.sgx_extension = sgx_extension(platform, extension, sizeof(extension));
    EE_TRY(ee_sim_cert_write(crypto, &spec, &platform->pck));
    return make_chain(issuer, platform);
}

/* The same names over other keys: what an impostor's own PKI looks like. */
static enum ee_err make_leaf_of_impostor(const struct ee_crypto *crypto,
                                         struct ee_sim_platform *platform)
{
    uint8_t seed[32];
    struct ee_sim_authority impostor;
    ee_sim_derive(crypto, platform->authority->seed, "impostor", seed);
    EE_TRY(ee_sim_authority_init(&impostor, crypto, seed));
    return make_leaf(crypto, &impostor, platform);
}

enum ee_err ee_sim_platform_init(struct ee_sim_platform *platform, const struct ee_crypto *crypto,
                                 const struct ee_sim_authority *authority, const uint8_t seed[32],
                                 uint32_t vcpus, uint32_t faults)
{
    if (vcpus == 0)
        return EE_RANGE;
    memset(platform, 0, sizeof(*platform));
    platform->authority = authority;
    platform->vcpus = vcpus;
    platform->faults = faults;
    make_identity(crypto, seed, platform);
    EE_TRY(ee_sim_key_derive(crypto, seed, "pck", &platform->pck_key));
    EE_TRY(ee_sim_key_derive(crypto, seed, "ak", &platform->ak));
    if (faults & EE_SIM_WRONG_ROOT)
        return make_leaf_of_impostor(crypto, platform);
    return make_leaf(crypto, authority, platform);
}
