/* SPDX-License-Identifier: Apache-2.0 */
/* A sequencer over a journal in memory, with a clock moved by hand. */
#ifndef EE_TESTS_CONTROL_SEQUENCER_FIXTURE_H
#define EE_TESTS_CONTROL_SEQUENCER_FIXTURE_H

#include <stdlib.h>

#include "control/old_ids.h"
#include "control/sequencer.h"
#include "control/snapshots.h"
#include "io/crypto_openssl.h"
#include "io/journal_memory.h"

#include "clock_fixture.h"

enum { WAIT_MS = 5000, SEEN_MAX = 20000 };

struct seen_answer {
    enum ee_err err;
    bool repeated;
    uint64_t seq;
    uint64_t durable_seq; /* when it came */
    struct ee_bytes tag;  /* first bytes of the body */
    uint8_t body[16];
    size_t body_size;
};

struct seen_effects {
    uint64_t seq;
    size_t count;
    uint64_t durable_seq;
    size_t answers_before;
};

struct fixture {
    uint8_t genesis[EE_GENESIS_SIZE_MAX];
    size_t genesis_size;
    uint8_t network_id[32];
    uint8_t seed[32];
    struct test_clock clock;
    struct ee_loop *loop;
    struct ee_journal_memory *memory;
    struct ee_journal *journal;
    const struct ee_journal_seal *seal; /* NULL: plain */
    struct ee_sequencer *sequencer;
    struct ee_snapshots *snapshots; /* of the next start; NULL: none */
    struct ee_old_ids *old_ids;     /* the same */
    struct ee_journal_fault fault;
    size_t answer_count;
    struct seen_answer answers[SEEN_MAX];
    size_t effects_count;
    struct seen_effects effects[64];
    size_t durable_calls;
    unsigned fatals;
    enum ee_err fatal;
    bool done;
};

static inline void genesis_make(struct fixture *f, uint8_t salt)
{
    struct ee_genesis genesis = {
        .kind = EE_NETWORK_DEVELOPMENT,
        .name = "test",
        .salt = {salt},
        .mint_daily_cap = {1000000000},
        .profile = EE_PROFILE_DEVELOPMENT,
        .root_count = 1,
        .roots = {{.public_key = {1}, .simulated = 1}},
        .allow_count = 1,
        .allow = {{.role = EE_ROLE_AGENT, .measurement = {1}, .label = "agent"}},
    };
    uint8_t founding_seed[32] = {0xf0};
    uint8_t issuer_seed[32] = {0x15};
    struct ee_writer w;
    (void)ee_crypto_openssl.ed25519_public(founding_seed, genesis.founding_key);
    (void)ee_crypto_openssl.ed25519_public(issuer_seed, genesis.issuer_key);
    ee_writer_init(&w, f->genesis, sizeof(f->genesis));
    if (ee_genesis_encode(&genesis, &w) != EE_OK)
        abort();
    f->genesis_size = w.size;
    ee_genesis_network_id(&ee_crypto_openssl, ee_writer_done(&w), f->network_id);
}

static inline void fixture_effects(void *context, uint64_t seq, const struct ee_effect *effects,
                                   size_t count)
{
    struct fixture *f = context;
    (void)effects;
    if (f->effects_count < 64)
        f->effects[f->effects_count++] = (struct seen_effects){
            seq, count, ee_sequencer_durable_seq(f->sequencer), f->answer_count};
}

static inline void fixture_fatal(void *context, enum ee_err err, const char *what)
{
    struct fixture *f = context;
    (void)what;
    f->fatals++;
    f->fatal = err;
    f->done = true;
}

static inline struct fixture *fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->clock = test_clock_new();
    f->seed[0] = 0xcc;
    genesis_make(f, 1);
    if (ee_loop_new(&f->loop) != EE_OK || ee_journal_memory_new(&f->memory) != EE_OK)
        abort();
    return f;
}

static inline enum ee_err fixture_start_on(struct fixture *f, struct ee_journal_store store,
                                           bool machine_clock)
{
    struct ee_journal_options journal = {.crypto = &ee_crypto_openssl,
                                         .allocator = &ee_allocator_system,
                                         .allow_plain = true,
                                         .seal = f->seal};
    struct ee_sequencer_options options = {
        .allocator = &ee_allocator_system,
        .crypto = &ee_crypto_openssl,
        .loop = f->loop,
        .genesis = ee_bytes_of(f->genesis, f->genesis_size),
        .events = {f, fixture_effects, fixture_fatal, NULL},
        .snapshots = f->snapshots,
        .old_ids = f->old_ids,
    };
    if (!machine_clock)
        options.clock = test_clock_source(&f->clock);
    memcpy(journal.network_id, f->network_id, 32);
    memcpy(options.checkpoint_seed, f->seed, 32);
    EE_TRY(ee_journal_open(&journal, store, &f->journal));
    options.journal = f->journal;
    enum ee_err err = ee_sequencer_start(&options, &f->sequencer, &f->fault);
    if (err != EE_OK) {
        ee_journal_close(f->journal);
        f->journal = NULL;
    }
    return err;
}

static inline enum ee_err fixture_start(struct fixture *f)
{
    struct ee_journal_store store;
    EE_TRY(ee_journal_memory_store(f->memory, &store));
    return fixture_start_on(f, store, false);
}

/* The process ends: what is durable stays. */
static inline void fixture_stop(struct fixture *f)
{
    ee_sequencer_free(f->sequencer);
    ee_snapshots_free(f->snapshots);
    ee_old_ids_close(f->old_ids);
    f->snapshots = NULL;
    f->old_ids = NULL;
    ee_journal_close(f->journal);
    f->sequencer = NULL;
    f->journal = NULL;
    f->answer_count = f->effects_count = f->durable_calls = f->fatals = 0;
    f->done = false;
    f->fault = (struct ee_journal_fault){0};
}

static inline void fixture_free(struct fixture *f)
{
    fixture_stop(f);
    ee_loop_free(f->loop);
    ee_journal_memory_free(f->memory);
    free(f);
}

static inline void fixture_answer(void *context, const struct ee_answer *answer)
{
    struct fixture *f = context;
    struct seen_answer *seen = &f->answers[f->answer_count++ % SEEN_MAX];
    seen->err = answer->err;
    seen->repeated = answer->repeated;
    seen->seq = answer->seq;
    seen->durable_seq = ee_sequencer_durable_seq(f->sequencer);
    seen->body_size = answer->body.size;
    size_t kept = answer->body.size < sizeof(seen->body) ? answer->body.size : sizeof(seen->body);
    memcpy(seen->body, answer->body.data, kept);
}

static inline void fixture_durable(void *context)
{
    struct fixture *f = context;
    f->durable_calls++;
}

static inline void fixture_done(void *context)
{
    ((struct fixture *)context)->done = true;
}

/* Turns the loop until all applied so far is durable, or the journal is lost. */
static inline bool fixture_settle(struct fixture *f)
{
    f->done = false;
    if (ee_sequencer_after_durable(f->sequencer, fixture_done, f) != EE_OK)
        return false;
    return ee_loop_run_until(f->loop, &f->done, WAIT_MS) == EE_OK && f->fatals == 0;
}

#endif
