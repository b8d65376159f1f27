/* SPDX-License-Identifier: Apache-2.0 */
/* An index on disk from short keys to sequence numbers, in a SQLite file that can be thrown away:
 * whoever finds something here looks at the journal itself. Add and find may run beside each other
 * on two threads. */
#ifndef EE_IO_ID_STORE_H
#define EE_IO_ID_STORE_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum { EE_ID_STORE_FOUND_MAX = 8 };

struct ee_id_entry {
    uint64_t key;
    uint64_t seq;
};

/* How far it goes, and of which journal it is. */
struct ee_id_mark {
    uint64_t count; /* entries: ids 0 to count - 1 */
    uint64_t batch; /* one that is not before the last of them */
    uint8_t batch_hash[EE_SHA256_SIZE];
};

struct ee_id_store;

/* A file that is not such an index, or damaged, is replaced by an empty one. EE_IO, EE_NO_MEMORY.
 */
EE_MUST_USE enum ee_err ee_id_store_open(const char *path, struct ee_id_store **out);
void ee_id_store_close(struct ee_id_store *store); /* NULL is fine */
/* Zero when empty. EE_IO. */
EE_MUST_USE enum ee_err ee_id_store_mark(struct ee_id_store *store, struct ee_id_mark *out);
/* All of them and the mark, or nothing; sorted by key it is much faster. EE_IO. */
EE_MUST_USE enum ee_err ee_id_store_add(struct ee_id_store *store,
                                        const struct ee_id_entry *entries, size_t count,
                                        const struct ee_id_mark *mark);
EE_MUST_USE enum ee_err ee_id_store_clear(struct ee_id_store *store); /* EE_IO */
/* Seqs of entries with this key, at most EE_ID_STORE_FOUND_MAX. EE_IO. */
EE_MUST_USE enum ee_err ee_id_store_find(struct ee_id_store *store, uint64_t key,
                                         uint64_t seqs_out[EE_ID_STORE_FOUND_MAX],
                                         size_t *count_out);

#endif
