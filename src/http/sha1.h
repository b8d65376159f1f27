/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-1 (RFC 3174), only for the WebSocket handshake, which uses it to tell apart a server that
 * understood from one that echoes. Not for security: nothing here relies on collisions being hard.
 */
#ifndef EE_HTTP_SHA1_H
#define EE_HTTP_SHA1_H

#include "base/bytes.h"

enum { EE_SHA1_SIZE = 20 };

/* Up to 119 bytes, two blocks. */
enum { EE_SHA1_INPUT_MAX = 119 };
void ee_sha1(struct ee_bytes message, uint8_t out[EE_SHA1_SIZE]);

#endif
