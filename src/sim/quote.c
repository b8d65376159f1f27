/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/quote.h"

#include <string.h>

#include "attest/quote.h"
#include "sim/tcb.h"
#include "sim/x509_writer.h"

#include "base/banned.h"

/* Intel "TDX DCAP Quote Generation Library", quote formats 4 and 5. */
enum {
    MRTD_AT = 136, /* in the TD report body */
    MODULE_VERSION_UNKNOWN = 9,
    QE_AUTH_SIZE = 32,
    QE_REPORT_BLOCK = EE_SGX_REPORT_SIZE + EE_P256_SIGNATURE_SIZE + 2 + QE_AUTH_SIZE + 6,
};

static void put_zeros(struct ee_writer *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ee_writer_u8(w, 0);
}

static void put_header(struct ee_writer *w, const struct ee_sim_platform *platform, bool v5,
                       uint16_t body_type, uint32_t body_size)
{
    ee_writer_u16le(w, v5 ? 5 : 4);
    ee_writer_u16le(w, EE_QUOTE_KEY_TYPE_P256);
    ee_writer_u32le(w, EE_TEE_TYPE_TDX);
    ee_writer_u32le(w, 0);
    ee_writer_bytes(w, ee_attest_qe_vendor_intel, sizeof(ee_attest_qe_vendor_intel));
    ee_writer_bytes(w, platform->qe_id, sizeof(platform->qe_id));
    put_zeros(w, 4);
    if (v5) {
        ee_writer_u16le(w, body_type);
        ee_writer_u32le(w, body_size);
    }
}

/* `faults`: those for which the module is an old one. */
static void put_tcb_svn(struct ee_writer *w, const struct ee_sim_platform *platform,
                        uint32_t faults)
{
    bool old = platform->faults & faults, unknown = platform->faults & EE_SIM_MODULE_UNKNOWN;
    ee_writer_u8(w,
                 ee_sim_level_module_svn(old ? EE_SIM_LEVEL_OUT_OF_DATE : EE_SIM_LEVEL_UP_TO_DATE));
    ee_writer_u8(w, unknown ? MODULE_VERSION_UNKNOWN : EE_SIM_MODULE_VERSION);
    ee_writer_u8(w, EE_SIM_TDX_COMPONENT_2);
    put_zeros(w, 13);
}

static void put_measurements(struct ee_writer *w, const struct ee_sim_platform *platform,
                             const struct ee_sim_td *td)
{
    uint8_t attributes[8], mrtd[EE_SHA384_SIZE];
    memcpy(attributes, td->attributes, sizeof(attributes));
    memcpy(mrtd, td->mrtd, sizeof(mrtd));
    if (platform->faults & EE_SIM_DEBUG_TD)
        attributes[0] |= 1;
    if (platform->faults & EE_SIM_OTHER_MEASUREMENTS)
        mrtd[0] ^= 0xff;
    ee_writer_bytes(w, attributes, sizeof(attributes));
    ee_writer_bytes(w, td->xfam, sizeof(td->xfam));
    ee_writer_bytes(w, mrtd, sizeof(mrtd));
    ee_writer_bytes(w, td->mr_config_id, sizeof(td->mr_config_id));
    ee_writer_bytes(w, td->mr_owner, sizeof(td->mr_owner));
    ee_writer_bytes(w, td->mr_owner_config, sizeof(td->mr_owner_config));
    for (size_t i = 0; i < 4; i++)
        ee_writer_bytes(w, td->rtmr[i], sizeof(td->rtmr[i]));
}

/* What body type 4 adds: no devices, no service TD, built on this very platform. */
static void put_extension(struct ee_writer *w, const struct ee_sim_platform *platform)
{
    put_zeros(w, 1 + 32 + EE_SHA384_SIZE); /* VM id, TD id, devices */
    put_zeros(w, EE_SHA384_SIZE + 8);      /* service TD at first */
    ee_writer_bytes(w, platform->components, 16);
    put_tcb_svn(w, platform, EE_SIM_MODULE_OUT_OF_DATE | EE_SIM_RELAUNCH_ADVISED);
    ee_writer_bytes(w, platform->authority->fmspc, sizeof(platform->authority->fmspc));
    put_zeros(w, 6 + EE_SHA384_SIZE + 8); /* rest of the FMSPC's field, service TD now */
}

static void put_body(const struct ee_crypto *crypto, struct ee_writer *w,
                     const struct ee_sim_platform *platform, const struct ee_sim_td *td,
                     const uint8_t report_data[64], uint16_t type)
{
    uint8_t mrseam[EE_SHA384_SIZE], signer = platform->faults & EE_SIM_MODULE_NOT_INTELS ? 1 : 0;
    const struct ee_bytes name = ee_bytes_str("SIMULATED TDX module");
    crypto->sha384(&name, 1, mrseam);
    put_tcb_svn(w, platform, EE_SIM_MODULE_OUT_OF_DATE | EE_SIM_RELAUNCH_ADVISED);
    ee_writer_bytes(w, mrseam, sizeof(mrseam));
    ee_writer_u8(w, signer);
    put_zeros(w, EE_SHA384_SIZE - 1 + 8); /* MRSIGNERSEAM, SEAMATTRIBUTES */
    put_measurements(w, platform, td);
    ee_writer_bytes(w, report_data, 64);
    if (type >= EE_BODY_TD_15) {
        put_tcb_svn(w, platform, EE_SIM_MODULE_OUT_OF_DATE); /* of the module running now */
        put_zeros(w, EE_SHA384_SIZE);                        /* MRSERVICETD */
    }
    if (type == EE_BODY_TD_15_EXTENDED)
        put_extension(w, platform);
}

static void qe_auth(uint8_t out[QE_AUTH_SIZE])
{
    for (size_t i = 0; i < QE_AUTH_SIZE; i++) /* what Intel's enclave puts there */
        out[i] = (uint8_t)i;
}

static void put_qe_report(const struct ee_crypto *crypto, struct ee_writer *w,
                          const struct ee_sim_platform *platform)
{
    static const uint8_t attributes[16] = {0x11, 0, 0, 0, 0, 0, 0, 0, 0xe7};
    uint8_t mrenclave[32], mrsigner[32], auth[QE_AUTH_SIZE], bound[32], ak[EE_P256_POINT_SIZE];
    const struct ee_bytes name = ee_bytes_str("SIMULATED TD quoting enclave");
    crypto->sha256(&name, 1, mrenclave);
    qe_auth(auth);
    memcpy(ak, platform->ak.public_key, sizeof(ak));
    if (platform->faults & EE_SIM_AK_NOT_BOUND)
        ak[0] ^= 1;
    const struct ee_bytes parts[] = {ee_bytes_of(ak, sizeof(ak)), ee_bytes_of(auth, sizeof(auth))};
    crypto->sha256(parts, 2, bound);
    ee_writer_bytes(w, platform->components, 16); /* CPUSVN */
    put_zeros(w, 4 + 28);
    ee_writer_bytes(w, attributes, sizeof(attributes));
    ee_writer_bytes(w, mrenclave, sizeof(mrenclave));
    put_zeros(w, 32);
    memcpy(mrsigner, ee_sim_qe_mrsigner, sizeof(mrsigner));
    if (platform->faults & EE_SIM_OTHER_QE)
        mrsigner[0] ^= 1;
    ee_writer_bytes(w, mrsigner, sizeof(mrsigner));
    put_zeros(w, 96);
    ee_writer_u16le(w, EE_SIM_QE_PRODUCT);
    ee_writer_u16le(w, EE_SIM_QE_SVN);
    put_zeros(w, 60);
    ee_writer_bytes(w, bound, sizeof(bound));
    put_zeros(w, 32);
}

static void put_signature(const struct ee_crypto *crypto, struct ee_writer *w,
                          const struct ee_sim_key *key, struct ee_bytes message)
{
    uint8_t digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
    crypto->sha256(&message, 1, digest);
    if (!crypto->p256_sign(key->private_key, digest, signature)) {
        w->err = EE_CRYPTO;
        return;
    }
    ee_writer_bytes(w, signature, sizeof(signature));
}

/* Certification data type 6: QE report, its signature, authentication data, PCK chain. */
static void put_certification(const struct ee_crypto *crypto, struct ee_writer *w,
                              const struct ee_sim_platform *platform, uint32_t chain_size)
{
    uint8_t auth[QE_AUTH_SIZE];
    ee_writer_u16le(w, EE_CERT_DATA_QE_REPORT);
    ee_writer_u32le(w, QE_REPORT_BLOCK + chain_size);
    size_t report_at = w->size;
    put_qe_report(crypto, w, platform);
    put_signature(crypto, w, &platform->pck_key,
                  ee_bytes_of(w->data + report_at, w->size - report_at));
    qe_auth(auth);
    ee_writer_u16le(w, QE_AUTH_SIZE);
    ee_writer_bytes(w, auth, sizeof(auth));
    ee_writer_u16le(w, EE_CERT_DATA_PCK_CHAIN);
    ee_writer_u32le(w, chain_size);
    ee_writer_bytes(w, platform->pck_chain, chain_size);
}

static const struct {
    uint16_t version, body_type;
    uint32_t body_size;
} formats[] = {
    [EE_SIM_QUOTE_V4] = {4, EE_BODY_TD_10, EE_TD_10_SIZE},
    [EE_SIM_QUOTE_V5] = {5, EE_BODY_TD_10, EE_TD_10_SIZE},
    [EE_SIM_QUOTE_V5_TD15] = {5, EE_BODY_TD_15, EE_TD_15_SIZE},
    [EE_SIM_QUOTE_V5_TD15_EXTENDED] = {5, EE_BODY_TD_15_EXTENDED, EE_TD_15_EXTENDED_SIZE},
};

enum ee_err ee_sim_quote_write(const struct ee_crypto *crypto,
                               const struct ee_sim_platform *platform, const struct ee_sim_td *td,
                               const uint8_t report_data[64], enum ee_sim_quote_format format,
                               uint8_t *out, size_t capacity, size_t *size_out)
{
    uint16_t body_type = formats[format].body_type;
    uint32_t chain_size = (uint32_t)platform->pck_chain_size + 1; /* with the usual NUL */
    struct ee_writer w;
    ee_writer_init(&w, out, capacity);
    put_header(&w, platform, formats[format].version == 5, body_type, formats[format].body_size);
    size_t body_at = w.size;
    put_body(crypto, &w, platform, td, report_data, body_type);
    const struct ee_bytes signed_part = ee_writer_done(&w);
    ee_writer_u32le(&w, 2 * 64 + 6 + QE_REPORT_BLOCK + chain_size);
    if (w.err == EE_OK)
        put_signature(crypto, &w, &platform->ak, signed_part);
    ee_writer_bytes(&w, platform->ak.public_key, EE_P256_POINT_SIZE);
    if (w.err == EE_OK)
        put_certification(crypto, &w, platform, chain_size);
    if (w.err != EE_OK)
        return w.err;
    if (platform->faults & EE_SIM_QUOTE_FORGED)
        out[body_at + MRTD_AT] ^= 1;
    *size_out = w.size;
    return EE_OK;
}
