/* SPDX-License-Identifier: Apache-2.0 */
/* The server end of one TLS connection whose bytes somebody else carries: cipher text in and out,
 * plain text in and out, no socket. What was received and not read stays here, so the carrier must
 * bound it (by not granting credit for it). */
#ifndef EE_IO_TLS_PIPE_H
#define EE_IO_TLS_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "io/tls.h"

struct ee_tls_pipe;

/* `tls` has settings of a server. EE_CRYPTO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_tls_pipe_new(struct ee_tls *tls, struct ee_tls_pipe **out);
void ee_tls_pipe_free(struct ee_tls_pipe *pipe); /* NULL is fine */

/* Cipher text from the peer, all of it. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_tls_pipe_receive(struct ee_tls_pipe *pipe, struct ee_bytes cipher);
/* Goes on with the handshake, then gives plain text into out[capacity]; size 0: nothing more now.
 * EE_CLOSED: the peer has ended its direction (close_notify). EE_TLS: the handshake or a record
 * failed; what ee_tls_pipe_output() still gives is the alert. */
EE_MUST_USE enum ee_err ee_tls_pipe_read(struct ee_tls_pipe *pipe, uint8_t *out, size_t capacity,
                                         size_t *size_out);
bool ee_tls_pipe_is_open(const struct ee_tls_pipe *pipe); /* the handshake is done */

/* Encrypts all of it. EE_STATE before the handshake is done and after ee_tls_pipe_finish(); EE_TLS.
 */
EE_MUST_USE enum ee_err ee_tls_pipe_write(struct ee_tls_pipe *pipe, struct ee_bytes plain);
/* close_notify behind what was written. */
void ee_tls_pipe_finish(struct ee_tls_pipe *pipe);
/* Cipher text for the peer; 0: none now. */
size_t ee_tls_pipe_output(struct ee_tls_pipe *pipe, uint8_t *out, size_t capacity);
size_t ee_tls_pipe_pending(const struct ee_tls_pipe *pipe); /* bytes of that */

/* Once open. */
void ee_tls_pipe_protocol(const struct ee_tls_pipe *pipe, char out[EE_TLS_PROTOCOL_SIZE]);
/* As ee_conn_exporter(). EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_tls_pipe_exporter(const struct ee_tls_pipe *pipe, const char *label,
                                             uint8_t out[EE_TLS_EXPORTER_SIZE]);

#endif
