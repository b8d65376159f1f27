/* SPDX-License-Identifier: Apache-2.0 */
#include "link/tunnel_join.h"

#include "base/banned.h"

enum ee_err ee_tunnel_join_proof(const struct ee_crypto *crypto, const struct ee_conn *conn,
                                 const struct ee_tunnel_join *join,
                                 uint8_t out[EE_TUNNEL_JOIN_SIZE])
{
    uint8_t memory[256], exporter[EE_TLS_EXPORTER_SIZE];
    struct ee_writer w;
    EE_TRY(ee_conn_exporter(conn, EE_TUNNEL_JOIN_EXPORTER, exporter));
    ee_writer_init(&w, memory, sizeof(memory));
    ee_writer_label(&w, "ee-join", 1);
    ee_writer_text(&w, join->node);
    ee_writer_u64(&w, join->epoch);
    ee_writer_bytes(&w, join->agent_key_hash, sizeof(join->agent_key_hash));
    ee_writer_bytes(&w, join->control_key_hash, sizeof(join->control_key_hash));
    ee_writer_bytes(&w, exporter, sizeof(exporter));
    if (w.err != EE_OK)
        return w.err;
    const struct ee_bytes part = ee_writer_done(&w);
    crypto->hmac_sha256(ee_bytes_of(join->secret, sizeof(join->secret)), &part, 1, out);
    return EE_OK;
}
