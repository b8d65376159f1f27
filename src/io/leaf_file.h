/* SPDX-License-Identifier: Apache-2.0 */
/* The leaf hashes of a log in one file, leaf i at byte 32 i: written once each, never sealed
 * (proofs show them to anybody), and proven by the root of whatever checkpoint covers them. */
#ifndef EE_IO_LEAF_FILE_H
#define EE_IO_LEAF_FILE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

struct ee_leaf_file {
    int fd;
};

/* EE_NOT_FOUND; EE_IO. */
EE_MUST_USE enum ee_err ee_leaf_file_open(const char *path, bool create, struct ee_leaf_file *out);
/* Whole hashes from leaf `first` on. EE_IO. */
EE_MUST_USE enum ee_err ee_leaf_file_write(const struct ee_leaf_file *file, uint64_t first,
                                           struct ee_bytes hashes);
EE_MUST_USE enum ee_err ee_leaf_file_sync(const struct ee_leaf_file *file); /* EE_IO */
/* EE_TRUNCATED: not so many; EE_IO. */
EE_MUST_USE enum ee_err ee_leaf_file_read(const struct ee_leaf_file *file, uint64_t first,
                                          uint8_t *out, size_t count);
void ee_leaf_file_close(struct ee_leaf_file *file);

#endif
