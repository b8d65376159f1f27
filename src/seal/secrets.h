/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical list of secrets inside a sealed message: (name, value) pairs sorted by name, so one
 * set has one encoding. Format: docs/spec/seal.md. */
#ifndef EE_SEAL_SECRETS_H
#define EE_SEAL_SECRETS_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    EE_SECRETS_MAX = 64,
    EE_SECRET_NAME_MAX = 64,
    EE_SECRET_VALUE_MAX = 64 * 1024,
};
/* Largest encoding of `count` secrets with `values_size` bytes of values in all. */
#define EE_SECRETS_SIZE(count, values_size)                                                        \
    (16 + (size_t)(count) * (1 + EE_SECRET_NAME_MAX + 4) + (size_t)(values_size))

struct ee_secret {
    char name[EE_SECRET_NAME_MAX + 1];
    struct ee_bytes value; /* borrowed */
};

struct ee_secrets {
    size_t count;
    struct ee_secret items[EE_SECRETS_MAX];
};

/* A letter or '_', then at most 63 letters, digits and '_'. */
bool ee_secret_name_valid(const char *name);
/* Any order in, sorted out. EE_NAME: a name is not valid; EE_DUPLICATE_FIELD: two of one name;
 * EE_LIMIT: more than EE_SECRETS_MAX, or a value above EE_SECRET_VALUE_MAX; EE_TOO_LARGE:
 * capacity. */
EE_MUST_USE enum ee_err ee_secrets_encode(const struct ee_secrets *secrets, void *out,
                                          size_t capacity, size_t *size_out);
/* Values borrow from `bytes`. Refuses what ee_secrets_encode would not have written: EE_SYNTAX,
 * EE_UNSUPPORTED, EE_TRUNCATED, EE_TRAILING, EE_TOO_LARGE, EE_NAME, EE_DUPLICATE_FIELD.
 */
EE_MUST_USE enum ee_err ee_secrets_decode(struct ee_bytes bytes, struct ee_secrets *out);

#endif
