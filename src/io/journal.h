/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: one row per batch of commands with their results, chained by hashes, durable when an
 * append returns. A store keeps rows (journal_sqlite.h, journal_memory.h for tests); the chain on
 * top of it seals, hashes and checks them, the same for every store. docs/spec/journal.md. */
#ifndef EE_IO_JOURNAL_H
#define EE_IO_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    EE_JOURNAL_COMMANDS_MAX = 8190,         /* of one batch */
    EE_JOURNAL_ITEM_MAX = 640 * 1024,       /* bytes of one command or one result */
    EE_JOURNAL_BODY_MAX = 16 * 1024 * 1024, /* bytes of one batch before sealing */
    EE_JOURNAL_SEAL_OVERHEAD_MAX = 256,     /* bytes sealing may add */
    EE_JOURNAL_NOTE_MAX = 4096,             /* bytes of a signed checkpoint */
    EE_JOURNAL_META_KEY_MAX = 64,
    EE_JOURNAL_META_MAX = 4096,
};

enum ee_journal_form {
    EE_JOURNAL_FORM_PLAIN = 1,  /* the body as it is; development networks only */
    EE_JOURNAL_FORM_SEALED = 2, /* the body went through struct ee_journal_seal */
};

/* A batch as a store keeps it. */
struct ee_journal_row {
    uint64_t batch; /* from 1, gapless */
    uint64_t first_seq;
    uint32_t count; /* commands; at least 1 */
    uint64_t epoch;
    uint8_t prev_hash[EE_SHA256_SIZE]; /* zero in batch 1 */
    enum ee_journal_form form;
    struct ee_bytes body; /* in that form; borrowed, as is the note */
    struct ee_bytes note; /* signed checkpoint of the log up to and with this batch */
    uint8_t hash[EE_SHA256_SIZE];
};

/* Anything but EE_OK ends the reading and is what the reader returns. */
typedef enum ee_err (*ee_journal_row_fn)(void *context, const struct ee_journal_row *row);

/* The port. Append is called by one thread at a time, the others may run beside it. A store does
 * not judge what it reads; numbers outside their C types are EE_JOURNAL_CORRUPT. */
struct ee_journal_store {
    void *context;
    /* The row is on disk when this returns EE_OK. EE_JOURNAL: it may or may not be; the caller
     * stops and never tries again (a second fsync after a failed one may lie). */
    enum ee_err (*append)(void *context, const struct ee_journal_row *row);
    /* Rows with first <= batch <= last in rising order. EE_IO. */
    enum ee_err (*read)(void *context, uint64_t first, uint64_t last, ee_journal_row_fn fn,
                        void *fn_context);
    /* The last batch whose first_seq is not above `seq`; EE_NOT_FOUND, EE_IO. */
    enum ee_err (*find)(void *context, uint64_t seq, uint64_t *batch_out);
    /* Small values by name, durable when put returns: replaces the old one. EE_JOURNAL. */
    enum ee_err (*meta_put)(void *context, const char *key, struct ee_bytes value);
    /* EE_NOT_FOUND; EE_TOO_LARGE beyond capacity; EE_IO. */
    enum ee_err (*meta_get)(void *context, const char *key, uint8_t *out, size_t capacity,
                            size_t *size_out);
    void (*close)(void *context);
};

/* The sealing seam: authenticated encryption of a body, the associated data naming its place.
 * `context` is the caller's; called by the thread that appends and the one that reads. */
struct ee_journal_seal {
    void *context;
    size_t overhead; /* bytes seal() adds at most; up to EE_JOURNAL_SEAL_OVERHEAD_MAX */
    enum ee_err (*seal)(void *context, struct ee_bytes associated, struct ee_bytes plain,
                        uint8_t *out, size_t capacity, size_t *size_out);
    /* EE_SEAL_OPEN. `out` has room for sealed.size bytes. */
    enum ee_err (*open)(void *context, struct ee_bytes associated, struct ee_bytes sealed,
                        uint8_t *out, size_t capacity, size_t *size_out);
};

struct ee_journal_options {
    const struct ee_crypto *crypto; /* borrowed for the journal's life, as all here */
    const struct ee_allocator *allocator;
    uint8_t network_id[32];
    bool allow_plain;                   /* development: plain batches are written and read */
    const struct ee_journal_seal *seal; /* NULL: plain */
    bool chain_only; /* reads without opening what is sealed: the body given on is empty, and
                        nothing can be appended */
};

/* Where and why a journal was refused. */
struct ee_journal_fault {
    uint64_t batch;   /* 0: none in particular */
    uint64_t seq;     /* 0: the batch as a whole */
    const char *what; /* a literal */
};

/* A verified batch; the body is open. */
struct ee_journal_batch {
    uint64_t batch;
    uint64_t first_seq;
    uint32_t count;
    uint64_t epoch;
    bool plain;           /* as stored */
    struct ee_bytes body; /* borrowed during the callback; read it with ee_journal_body_next() */
    struct ee_bytes note;
    uint8_t hash[EE_SHA256_SIZE];
};
typedef enum ee_err (*ee_journal_fn)(void *context, const struct ee_journal_batch *batch);

/* The network a store is bound to, before it is opened as a journal: for tools that read any
 * journal. EE_NOT_FOUND: not bound yet; EE_JOURNAL_CORRUPT, EE_IO. */
EE_MUST_USE enum ee_err ee_journal_store_network(const struct ee_journal_store *store,
                                                 uint8_t network_id_out[32]);

struct ee_journal;

/* Takes the store over: it is closed with the journal, or here on failure. The first opening binds
 * the store to the network. EE_WRONG_NETWORK: it is bound to another; EE_JOURNAL_PLAIN: neither a
 * seal nor leave to write plain; EE_NO_MEMORY, EE_IO, EE_JOURNAL. */
EE_MUST_USE enum ee_err ee_journal_open(const struct ee_journal_options *options,
                                        struct ee_journal_store store, struct ee_journal **out);
void ee_journal_close(struct ee_journal *journal); /* NULL is fine */

/* Reads and checks every batch from the first to the last; then the journal can be appended to.
 * Checked per batch, in this order: numbers follow gapless, epoch never falls, prev_hash is the
 * hash before, hash recomputes (all EE_JOURNAL_CORRUPT), form is allowed (EE_JOURNAL_PLAIN,
 * EE_UNSUPPORTED), it opens (EE_SEAL_OPEN), the body holds exactly `count` pairs (EE_TRUNCATED,
 * EE_TRAILING, EE_TOO_LARGE). Errors of `fn` pass through; `fault_out` names the batch. */
EE_MUST_USE enum ee_err ee_journal_replay(struct ee_journal *journal, ee_journal_fn fn,
                                          void *context, struct ee_journal_fault *fault_out);
/* The same from the batch after `batch` on, whose hash must be `hash` (EE_JOURNAL_CORRUPT): for a
 * state that is known to be that batch's. */
EE_MUST_USE enum ee_err ee_journal_replay_after(struct ee_journal *journal, uint64_t batch,
                                                const uint8_t hash[EE_SHA256_SIZE],
                                                ee_journal_fn fn, void *context,
                                                struct ee_journal_fault *fault_out);
/* The same checks for the batches first to last; the chain before `first` is taken from the row
 * before it. EE_NOT_FOUND: there is no batch `first`. May run beside an append. */
EE_MUST_USE enum ee_err ee_journal_read(struct ee_journal *journal, uint64_t first, uint64_t last,
                                        ee_journal_fn fn, void *context,
                                        struct ee_journal_fault *fault_out);
/* The batch that holds command `seq`, if it is there; EE_NOT_FOUND, EE_IO. */
EE_MUST_USE enum ee_err ee_journal_find(struct ee_journal *journal, uint64_t seq,
                                        uint64_t *batch_out);

/* Epoch of the last row as it stands there, unchecked: a replay that follows checks it.
 * EE_NOT_FOUND: empty; EE_IO. */
EE_MUST_USE enum ee_err ee_journal_tail_epoch(struct ee_journal *journal, uint64_t *epoch_out);

/* The form of the last row, unchecked in the same way. EE_NOT_FOUND, EE_IO. */
EE_MUST_USE enum ee_err ee_journal_tail_form(struct ee_journal *journal,
                                             enum ee_journal_form *form_out);

/* Seals, chains and stores the next batch: `count` commands after the last one, `body` as from
 * ee_journal_body_next(), `note` their checkpoint. Durable on EE_OK. EE_JOURNAL: the process must
 * stop; every later append is refused with it. EE_STATE: not replayed yet. EE_TOO_LARGE, EE_RANGE:
 * a limit; nothing was written. */
EE_MUST_USE enum ee_err ee_journal_append(struct ee_journal *journal, uint64_t epoch,
                                          uint32_t count, struct ee_bytes body,
                                          struct ee_bytes note);

/* Of what is replayed and appended; for the thread that appends. 0 when empty. */
uint64_t ee_journal_last_batch(const struct ee_journal *journal);
uint64_t ee_journal_last_seq(const struct ee_journal *journal);
const uint8_t *ee_journal_last_hash(const struct ee_journal *journal); /* zero when empty */
const uint8_t *ee_journal_network_id(const struct ee_journal *journal);

/* EE_RANGE: key empty or above EE_JOURNAL_META_KEY_MAX. EE_TOO_LARGE: value above
 * EE_JOURNAL_META_MAX; else as the store. */
EE_MUST_USE enum ee_err ee_journal_meta_put(struct ee_journal *journal, const char *key,
                                            struct ee_bytes value);
EE_MUST_USE enum ee_err ee_journal_meta_get(struct ee_journal *journal, const char *key,
                                            uint8_t *out, size_t capacity, size_t *size_out);

/* A body is (command block, result block) pairs, each a u32 length and its bytes; the pair is also
 * the leaf of the Merkle tree. Gives the next pair of a cursor over a body: the borrowed bytes
 * without their lengths, and with `pair_out` the whole pair. False at the end or on an error, which
 * is then in cursor->err. */
bool ee_journal_body_next(struct ee_cursor *body, struct ee_bytes *command_out,
                          struct ee_bytes *result_out, struct ee_bytes *pair_out);

/* Hash of a row (docs/spec/journal.md, "Hash"): everything in it but the hash. */
void ee_journal_row_hash(const struct ee_crypto *crypto, const uint8_t network_id[32],
                         const struct ee_journal_row *row, uint8_t out[EE_SHA256_SIZE]);

#endif
