/* SPDX-License-Identifier: Apache-2.0 */
/* A journal store in memory that breaks on request: for tests of what stands on the journal. It
 * outlives the journal that uses it, as a disk outlives a process. */
#ifndef EE_IO_JOURNAL_MEMORY_H
#define EE_IO_JOURNAL_MEMORY_H

#include "io/journal.h"

struct ee_journal_memory;

EE_MUST_USE enum ee_err ee_journal_memory_new(struct ee_journal_memory **out);
void ee_journal_memory_free(struct ee_journal_memory *memory);
/* Its store; closing that leaves the rows. One journal at a time: EE_JOURNAL_LOCKED. */
EE_MUST_USE enum ee_err ee_journal_memory_store(struct ee_journal_memory *memory,
                                                struct ee_journal_store *out);

uint64_t ee_journal_memory_count(struct ee_journal_memory *memory);

/* The append after `after` more ones fails with EE_JOURNAL, as do all later ones; with `keep_row`
 * the row was written all the same (a crash between write and reply). */
void ee_journal_memory_fail(struct ee_journal_memory *memory, uint64_t after, bool keep_row);
/* A disk that says "synced" and is not: rows appended from now on are gone at the next cut. */
void ee_journal_memory_lie(struct ee_journal_memory *memory);
/* The disk has room for `bytes` more of bodies and notes: the append that goes beyond fails with
 * EE_JOURNAL (ENOSPC), and so do all later ones. */
void ee_journal_memory_fill(struct ee_journal_memory *memory, uint64_t bytes);
/* A disk that tears: at the next cut the oldest row that was not synced stays, with only the first
 * `bytes` of its body (a short write). Implies ee_journal_memory_lie(). */
void ee_journal_memory_tear(struct ee_journal_memory *memory, size_t bytes);
/* Power cut: loses what was not synced, forgets faults and locks. */
void ee_journal_memory_cut(struct ee_journal_memory *memory);
/* While held, appends wait. From any thread. */
void ee_journal_memory_hold(struct ee_journal_memory *memory, bool hold);

enum ee_journal_memory_part {
    EE_JOURNAL_MEMORY_BODY,
    EE_JOURNAL_MEMORY_NOTE,
    EE_JOURNAL_MEMORY_PREV_HASH,
    EE_JOURNAL_MEMORY_HASH,
};
/* Flips one bit of a row: `bit` counts from the start of the part, modulo its size. */
void ee_journal_memory_flip(struct ee_journal_memory *memory, uint64_t batch,
                            enum ee_journal_memory_part part, uint64_t bit);
/* The row is gone, those after it stay. */
void ee_journal_memory_drop(struct ee_journal_memory *memory, uint64_t batch);
/* Borrowed until the next change: for a test that forges a row. NULL when it is not there. */
struct ee_journal_row *ee_journal_memory_row(struct ee_journal_memory *memory, uint64_t batch);

#endif
