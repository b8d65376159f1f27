/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that makes batches durable while the loop collects the next one. */
#ifndef EE_IO_JOURNAL_WRITER_H
#define EE_IO_JOURNAL_WRITER_H

#include "io/journal.h"
#include "io/loop.h"

struct ee_journal_writer;

/* One batch on its way; the caller's memory, untouched by it until done. */
struct ee_journal_job {
    uint64_t epoch;
    uint32_t count;
    struct ee_bytes body;
    uint8_t note[EE_JOURNAL_NOTE_MAX]; /* filled by `prepare` */
    size_t note_size;
    enum ee_err err; /* of the finished job */
};

struct ee_journal_writer_events {
    void *context;
    /* On the writer thread, before the append: makes the note. */
    enum ee_err (*prepare)(void *context, struct ee_journal_job *job);
    /* On the loop: the job is durable (job->err EE_OK) or the journal is lost. */
    void (*done)(void *context, struct ee_journal_job *job);
};

/* From now on only the writer appends to `journal` (borrowed). EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_journal_writer_new(struct ee_loop *loop, struct ee_journal *journal,
                                              const struct ee_journal_writer_events *events,
                                              struct ee_journal_writer **out);
/* Hands one job over; the writer must be idle. */
void ee_journal_writer_start(struct ee_journal_writer *writer, struct ee_journal_job *job);
bool ee_journal_writer_busy(const struct ee_journal_writer *writer);
/* Waits for the job in progress, without a call of `done`; NULL is fine. */
void ee_journal_writer_free(struct ee_journal_writer *writer);

#endif
