/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <string.h>

#include "verify/backend.h"
#include "base/banned.h"

void ee_verify_caller_nonce(const uint8_t drawn[32], uint8_t out[EE_VERIFY_NONCE_SIZE])
{
    struct ee_nonce nonce;
    ee_freshness_caller_nonce(ee_verify_backend(), drawn, &nonce);
    memcpy(out, nonce.bytes, sizeof(nonce.bytes));
}

int ee_verify_channel_nonce(const uint8_t challenge[32], const uint8_t exporter[32],
                            const uint8_t asker_key_hash[32], int role,
                            uint8_t out[EE_VERIFY_NONCE_SIZE])
{
    struct ee_channel channel;
    struct ee_nonce nonce;
    if (role < 0 || !ee_role_valid((unsigned)role))
        return EE_VERIFY_ERROR_RANGE;
    memcpy(channel.challenge, challenge, sizeof(channel.challenge));
    memcpy(channel.exporter, exporter, sizeof(channel.exporter));
    memcpy(channel.asker_key_hash, asker_key_hash, sizeof(channel.asker_key_hash));
    channel.role = (enum ee_role)role;
    ee_freshness_channel_nonce(ee_verify_backend(), &channel, &nonce);
    memcpy(out, nonce.bytes, sizeof(nonce.bytes));
    return EE_VERIFY_OK;
}

int ee_verify_freshness_root(const uint8_t nonce[EE_VERIFY_NONCE_SIZE], uint32_t index,
                             uint32_t count, const uint8_t *path, size_t path_count,
                             uint8_t out[EE_VERIFY_DIGEST_SIZE])
{
    struct ee_nonce leaf;
    struct ee_tlog_hash hashes[EE_FRESHNESS_PATH_MAX], root;
    if (path_count > EE_FRESHNESS_PATH_MAX)
        return EE_VERIFY_ERROR_PROOF;
    memcpy(leaf.bytes, nonce, sizeof(leaf.bytes));
    for (size_t i = 0; i < path_count; i++)
        memcpy(hashes[i].bytes, path + i * sizeof(hashes[i].bytes), sizeof(hashes[i].bytes));
    enum ee_err err =
        ee_freshness_root(ee_verify_backend(), &leaf, index, count, hashes, path_count, &root);
    if (err == EE_OK)
        memcpy(out, root.bytes, sizeof(root.bytes));
    return (int)err;
}

void ee_verify_report_data(const void *claims, size_t claims_size,
                           const uint8_t root[EE_VERIFY_DIGEST_SIZE],
                           uint8_t out[EE_VERIFY_REPORT_DATA_SIZE])
{
    struct ee_tlog_hash hash;
    memcpy(hash.bytes, root, sizeof(hash.bytes));
    ee_freshness_report_data(ee_verify_backend(), ee_bytes_of(claims, claims_size), &hash, out);
}

void ee_verify_measurement_digest(const uint8_t mrtd[EE_VERIFY_REGISTER_SIZE],
                                  const uint8_t rtmr0[EE_VERIFY_REGISTER_SIZE],
                                  const uint8_t rtmr1[EE_VERIFY_REGISTER_SIZE],
                                  const uint8_t rtmr2[EE_VERIFY_REGISTER_SIZE],
                                  uint8_t out[EE_VERIFY_DIGEST_SIZE])
{
    struct ee_measurement measurement;
    memcpy(measurement.mrtd, mrtd, sizeof(measurement.mrtd));
    memcpy(measurement.rtmr[0], rtmr0, sizeof(measurement.rtmr[0]));
    memcpy(measurement.rtmr[1], rtmr1, sizeof(measurement.rtmr[1]));
    memcpy(measurement.rtmr[2], rtmr2, sizeof(measurement.rtmr[2]));
    ee_measurement_digest(ee_verify_backend(), &measurement, out);
}
