/* SPDX-License-Identifier: Apache-2.0 */
#include "link/attest_channel.h"

#include <string.h>

#include "base/banned.h"

enum ee_err ee_attest_channel_nonce(const struct ee_crypto *crypto, const struct ee_conn *conn,
                                    const uint8_t challenge[32], const uint8_t asker_key_hash[32],
                                    enum ee_role answerer, struct ee_nonce *out)
{
    struct ee_channel channel = {.role = answerer};
    memcpy(channel.challenge, challenge, 32);
    memcpy(channel.asker_key_hash, asker_key_hash, 32);
    EE_TRY(ee_conn_exporter(conn, EE_ATTEST_EXPORTER_LABEL, channel.exporter));
    ee_freshness_channel_nonce(crypto, &channel, out);
    return EE_OK;
}
