/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers around JSON values that came from elsewhere. */
#ifndef EE_CLIENT_JSON_H
#define EE_CLIENT_JSON_H

#include <stdint.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"

/* An object; NULL for anything else, also when a member appears twice. New. */
json_t *ee_client_json_parse(struct ee_bytes text);
/* A text member, borrowed; "" when it is missing or no text. NULL object is fine. */
const char *ee_client_json_text(const json_t *object, const char *name);
/* Exactly `size` bytes of a hex member. EE_SYNTAX. */
EE_MUST_USE enum ee_err ee_client_json_hex(const json_t *object, const char *name, uint8_t *out,
                                           size_t size);
/* A number written as decimal text. EE_SYNTAX, EE_OVERFLOW. */
EE_MUST_USE enum ee_err ee_client_json_u64(const json_t *object, const char *name, uint64_t *out);
/* A string of any bytes: what is not UTF-8 becomes U+FFFD. New. */
json_t *ee_client_json_string(struct ee_bytes bytes);
/* Adds NAME, and NAME_base64 too when the bytes are not UTF-8. */
void ee_client_json_set_bytes(json_t *object, const char *name, struct ee_bytes bytes);
json_t *ee_client_json_hex_new(const void *data, size_t size); /* at most 64 bytes */
json_t *ee_client_json_base64_new(struct ee_bytes bytes);      /* NULL without memory */

#endif
