/* SPDX-License-Identifier: Apache-2.0 */
/* Proof that a further connection of an admitted agent is of the same session: docs/spec/
 * agent-protocol.md, "More connections", and docs/adr/0009-further-connections-join.md. */
#ifndef EE_LINK_TUNNEL_JOIN_H
#define EE_LINK_TUNNEL_JOIN_H

#include "base/crypto.h"
#include "io/conn.h"

#define EE_TUNNEL_JOIN_EXPORTER "EXPORTER-ee-join-v1" /* RFC 8446 section 7.5 */

enum { EE_TUNNEL_JOIN_SIZE = 32 };

/* What the session's first connection was admitted with. */
struct ee_tunnel_join {
    uint8_t secret[EE_TUNNEL_JOIN_SIZE]; /* told over that connection only */
    uint8_t agent_key_hash[EE_SHA256_SIZE], control_key_hash[EE_SHA256_SIZE]; /* TLS keys */
    const char *node;
    uint64_t epoch;
};

/* HMAC over the session and the exporter of this connection: it is worth nothing on another.
 * Errors of ee_conn_exporter(). */
EE_MUST_USE enum ee_err ee_tunnel_join_proof(const struct ee_crypto *crypto,
                                             const struct ee_conn *conn,
                                             const struct ee_tunnel_join *join,
                                             uint8_t out[EE_TUNNEL_JOIN_SIZE]);

#endif
