/* SPDX-License-Identifier: Apache-2.0 */
/* Files of snapshots: what they say of their place in the journal, then any bytes in chunks, each
 * sealed like a batch (outside development) and chained to all before it. What the bytes are is the
 * caller's business. docs/spec/snapshot.md. */
#ifndef EE_IO_SNAPSHOT_FILE_H
#define EE_IO_SNAPSHOT_FILE_H

#include <limits.h>

#include "io/journal.h"

enum { EE_SNAPSHOT_CHUNK_MAX = 64 * 1024, EE_SNAPSHOTS_LISTED_MAX = 64 };

/* Where in which journal: after `batch`, whose hash is `batch_hash`. */
struct ee_snapshot_head {
    uint16_t core_version; /* of the writer */
    uint8_t network_id[32];
    uint64_t batch;
    uint8_t batch_hash[EE_SHA256_SIZE];
    uint64_t seq, epoch; /* of the batch's last command */
    enum ee_journal_form form;
};

struct ee_snapshot_options { /* borrowed for a reader's or writer's life */
    const char *folder;
    const struct ee_crypto *crypto;
    bool allow_plain;                   /* development */
    const struct ee_journal_seal *seal; /* NULL: plain */
};

/* FOLDER/SEQ.snapshot, 20 digits. */
EE_MUST_USE enum ee_err ee_snapshot_path(const char *folder, uint64_t seq, char out[PATH_MAX]);
/* Seqs of the files that are there, newest first. No folder: none. EE_IO. */
EE_MUST_USE enum ee_err ee_snapshot_list(const char *folder, uint64_t out[EE_SNAPSHOTS_LISTED_MAX],
                                         size_t *count_out);
/* Removes all but the newest `keep`, and what a crash left half written. Says nothing of failures:
 * the next call tries again. */
void ee_snapshot_prune(const char *folder, size_t keep);

void ee_snapshot_remove(const char *folder, uint64_t seq);

struct ee_snapshot_writer;
/* Makes the folder if need be. `head->form` is set by the seal. EE_JOURNAL_PLAIN: neither a seal
 * nor leave to write plain; EE_IO, EE_NO_MEMORY, EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_snapshot_create(const struct ee_snapshot_options *options,
                                           const struct ee_snapshot_head *head,
                                           struct ee_snapshot_writer **out);
/* EE_IO; errors of the seal. */
EE_MUST_USE enum ee_err ee_snapshot_write(struct ee_snapshot_writer *writer, struct ee_bytes bytes);
/* The file appears whole and durable, or not at all. Frees. EE_IO; errors of the seal. */
EE_MUST_USE enum ee_err ee_snapshot_finish(struct ee_snapshot_writer *writer);
void ee_snapshot_abandon(struct ee_snapshot_writer *writer); /* NULL is fine */

struct ee_snapshot_reader;
/* EE_NOT_FOUND; EE_SYNTAX, EE_UNSUPPORTED, EE_TRUNCATED: not such a file; EE_JOURNAL_PLAIN,
 * EE_SEAL_OPEN: as of batches; EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_snapshot_open(const struct ee_snapshot_options *options, uint64_t seq,
                                         struct ee_snapshot_head *head_out,
                                         struct ee_snapshot_reader **out);
/* The next `size` bytes. EE_TRUNCATED; EE_SNAPSHOT: another content than was written;
 * EE_SEAL_OPEN, EE_IO. */
EE_MUST_USE enum ee_err ee_snapshot_read(struct ee_snapshot_reader *reader, uint8_t *out,
                                         size_t size);
/* EE_TRAILING: something is left, in the last chunk or behind it. */
EE_MUST_USE enum ee_err ee_snapshot_read_end(struct ee_snapshot_reader *reader);
void ee_snapshot_close(struct ee_snapshot_reader *reader); /* NULL is fine */

#endif
