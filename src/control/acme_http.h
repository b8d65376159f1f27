/* SPDX-License-Identifier: Apache-2.0 */
/* ACME HTTP-01 (RFC 8555 section 8.3) for an external client: a plain listener that serves the
 * files such a client puts into a folder, at /.well-known/acme-challenge/TOKEN, and nothing else.
 * Loop thread only. */
#ifndef EE_CONTROL_ACME_HTTP_H
#define EE_CONTROL_ACME_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "io/loop.h"

enum { EE_ACME_TOKEN_MAX = 128, EE_ACME_FILE_MAX = 1024, EE_ACME_CONNECTIONS_MAX = 64 };

struct ee_acme_http;

/* `socket` > 0 is listened on instead of binding to `address`. EE_IO: the folder cannot be opened;
 * errors of ee_http_server_new(). */
EE_MUST_USE enum ee_err ee_acme_http_new(struct ee_loop *loop, const char *address, int socket,
                                         const char *folder, struct ee_acme_http **out);
void ee_acme_http_free(struct ee_acme_http *acme);                 /* NULL is fine */
int ee_acme_http_socket(const struct ee_acme_http *acme);          /* -1: none; NULL is fine */
const char *ee_acme_http_address(const struct ee_acme_http *acme); /* NULL: "" */

/* The token of a target; false: it is none, or has other than the base64url digits. */
bool ee_acme_token(struct ee_bytes target, char out[EE_ACME_TOKEN_MAX + 1]);
/* A regular file, no symbolic link, of at most EE_ACME_FILE_MAX bytes. EE_NOT_FOUND: anything else;
 * EE_IO. */
EE_MUST_USE enum ee_err ee_acme_read(int folder, const char *token, uint8_t out[EE_ACME_FILE_MAX],
                                     size_t *size_out);

#endif
