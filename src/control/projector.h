/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that keeps the read model's file: it reads durable batches from the journal and writes
 * their rows. It holds nothing the money path waits for, and no failure of it stops the process: a
 * damaged file, one of an older release, or one ahead of a journal that was put back is deleted and
 * built anew; anything else is tried again. */
#ifndef EE_CONTROL_PROJECTOR_H
#define EE_CONTROL_PROJECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "io/journal.h"

struct ee_projector;

struct ee_projector_options {
    const struct ee_allocator *allocator; /* borrowed for its life, as all here; thread-safe */
    const struct ee_crypto *crypto;
    struct ee_journal *journal; /* read only; open as long as the projector lives */
    const char *path;           /* of the file; copied */
    /* From the projector's thread, after each commit and each change of the status; may be NULL. */
    void (*moved)(void *context);
    void *context;
    bool once; /* stop when the journal's end is reached: for tools */
};

struct ee_projector_status {
    uint64_t seq, batch, time_us; /* committed: what readers see */
    uint64_t rows;                /* written since the start */
    uint64_t rebuilds;            /* files deleted since the start */
    uint64_t generation;          /* of the file: another one means another file */
    bool caught_up;               /* was at the journal's end when it last looked */
    enum ee_err err;              /* what it last failed with; EE_OK: it runs */
};

/* EE_NO_MEMORY, EE_IO: no thread. */
EE_MUST_USE enum ee_err ee_projector_new(const struct ee_projector_options *options,
                                         struct ee_projector **out);
/* Ends after the batch it is at; its rows since the last commit are dropped. NULL is fine. */
void ee_projector_free(struct ee_projector *projector);

/* There is more in the journal. From any thread. */
void ee_projector_poke(struct ee_projector *projector);
void ee_projector_status(struct ee_projector *projector, struct ee_projector_status *out);
/* The file was found damaged by a reader: it is built anew. */
void ee_projector_damaged(struct ee_projector *projector, uint64_t generation);
/* With `once`: waits for the end and gives what came of it. */
EE_MUST_USE enum ee_err ee_projector_wait(struct ee_projector *projector);

#endif
