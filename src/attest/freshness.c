/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/freshness.h"

#include <string.h>

#include "base/banned.h"

static void leaf_of(const struct ee_crypto *crypto, const struct ee_nonce *nonce,
                    struct ee_tlog_hash *out)
{
    ee_tlog_leaf_hash(crypto, ee_bytes_of(nonce->bytes, sizeof(nonce->bytes)), out);
}

void ee_freshness_leaves(const struct ee_crypto *crypto, const struct ee_nonce *nonces,
                         size_t count, struct ee_tlog_hash *leaves_out)
{
    for (size_t i = 0; i < count; i++)
        leaf_of(crypto, &nonces[i], &leaves_out[i]);
}

enum ee_err ee_freshness_root(const struct ee_crypto *crypto, const struct ee_nonce *nonce,
                              uint32_t index, uint32_t size, const struct ee_tlog_hash *path,
                              size_t path_count, struct ee_tlog_hash *out)
{
    struct ee_tlog_hash leaf;
    if (size == 0 || size > EE_FRESHNESS_NONCES_MAX || index >= size)
        return EE_RANGE;
    leaf_of(crypto, nonce, &leaf);
    return ee_tlog_inclusion_root(crypto, &leaf, index, size, path, path_count, out);
}

void ee_freshness_report_data(const struct ee_crypto *crypto, struct ee_bytes claims,
                              const struct ee_tlog_hash *root, uint8_t out[64])
{
    crypto->sha256(&claims, 1, out);
    memcpy(out + EE_SHA256_SIZE, root->bytes, sizeof(root->bytes));
}

void ee_freshness_caller_nonce(const struct ee_crypto *crypto, const uint8_t drawn[32],
                               struct ee_nonce *out)
{
    uint8_t buffer[64];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-caller", 1);
    ee_writer_bytes(&w, drawn, 32);
    const struct ee_bytes bytes = ee_writer_done(&w);
    crypto->sha256(&bytes, 1, out->bytes);
}

void ee_freshness_channel_nonce(const struct ee_crypto *crypto, const struct ee_channel *channel,
                                struct ee_nonce *out)
{
    uint8_t buffer[160];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-channel", 1);
    ee_writer_block(&w, ee_bytes_of(channel->challenge, sizeof(channel->challenge)));
    ee_writer_block(&w, ee_bytes_of(channel->exporter, sizeof(channel->exporter)));
    ee_writer_block(&w, ee_bytes_of(channel->asker_key_hash, sizeof(channel->asker_key_hash)));
    ee_writer_u8(&w, (uint8_t)channel->role);
    const struct ee_bytes bytes = ee_writer_done(&w);
    crypto->sha256(&bytes, 1, out->bytes);
}
