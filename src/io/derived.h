/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite file of derived data beside a journal: fixed rows by a 16-byte key and documents in
 * pieces, changed together by commits. It may be deleted at any time and is then made again from
 * the journal; whoever uses it holds the journal's lock. A commit is whole or not there after a
 * crash, the last one may be lost with the power. */
#ifndef EE_IO_DERIVED_H
#define EE_IO_DERIVED_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    EE_DERIVED_KEY_SIZE = 16,
    EE_DERIVED_PIECE_MAX = 1024 * 1024,
};

struct ee_derived;

/* Makes the file (mode 0600) when it is missing. EE_UNSUPPORTED: another kind or version of file;
 * EE_JOURNAL_CORRUPT: SQLite finds it damaged; EE_TOO_LARGE: path; EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_derived_open(const char *path, struct ee_derived **out);
/* What was not committed is gone. NULL is fine. */
void ee_derived_close(struct ee_derived *derived);
/* Deletes the file and SQLite's beside it. EE_IO. */
EE_MUST_USE enum ee_err ee_derived_remove(const char *path);

/* Replaces a row of the same key. EE_IO. */
EE_MUST_USE enum ee_err ee_derived_row_put(struct ee_derived *derived,
                                           const uint8_t key[EE_DERIVED_KEY_SIZE],
                                           struct ee_bytes value);
/* Exactly `size` bytes. EE_NOT_FOUND; EE_JOURNAL_CORRUPT: of another size; EE_IO. */
EE_MUST_USE enum ee_err ee_derived_row_get(struct ee_derived *derived,
                                           const uint8_t key[EE_DERIVED_KEY_SIZE], uint8_t *out,
                                           size_t size);
/* EE_TOO_LARGE, EE_IO. */
EE_MUST_USE enum ee_err ee_derived_piece_put(struct ee_derived *derived, const char *document,
                                             uint32_t index, struct ee_bytes piece);
/* EE_NOT_FOUND; EE_TOO_LARGE beyond capacity; EE_IO. */
EE_MUST_USE enum ee_err ee_derived_piece_get(struct ee_derived *derived, const char *document,
                                             uint32_t index, uint8_t *out, size_t capacity,
                                             size_t *size_out);
/* Takes the document's pieces away. EE_IO. */
EE_MUST_USE enum ee_err ee_derived_pieces_drop(struct ee_derived *derived, const char *document);
/* All changes since the last commit become one. EE_IO: they may or may not be. */
EE_MUST_USE enum ee_err ee_derived_commit(struct ee_derived *derived);

#endif
