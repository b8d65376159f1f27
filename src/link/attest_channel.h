/* SPDX-License-Identifier: Apache-2.0 */
/* The nonce that binds evidence to one TLS connection, computed from that connection
 * (docs/spec/evidence.md). */
#ifndef EE_LINK_ATTEST_CHANNEL_H
#define EE_LINK_ATTEST_CHANNEL_H

#include "attest/freshness.h"
#include "io/conn.h"

/* Label of the TLS exporter (RFC 8446 section 7.5). */
#define EE_ATTEST_EXPORTER_LABEL "EXPORTER-easyenclave-attest-v1"

/* `asker_key_hash`: of the side that drew the challenge, zero when it showed no key; `answerer`:
 * role of the other. Errors of ee_conn_exporter. */
EE_MUST_USE enum ee_err ee_attest_channel_nonce(const struct ee_crypto *crypto,
                                                const struct ee_conn *conn,
                                                const uint8_t challenge[32],
                                                const uint8_t asker_key_hash[32],
                                                enum ee_role answerer, struct ee_nonce *out);

#endif
