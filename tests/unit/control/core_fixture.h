/* SPDX-License-Identifier: Apache-2.0 */
/* The real core and SQLite under a sequencer: accounts alice and bob, money, a folder of its own.
 */
#ifndef EE_TESTS_CONTROL_CORE_FIXTURE_H
#define EE_TESTS_CONTROL_CORE_FIXTURE_H

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/journal_sqlite.h"

#include "sequencer_fixture.h"

struct core_fixture {
    char folder[64];
    char path[128];
    char evidence[128];
    char snapshots[128];
    char ids[128];
    bool old_ids;            /* index them */
    uint64_t snapshot_every; /* 0: no snapshots */
    const struct ee_journal_seal *seal;
    struct fixture *f;
};

static inline void core_fixture_init(struct core_fixture *c)
{
    (void)snprintf(c->folder, sizeof(c->folder), "/tmp/ee-sequencer-XXXXXX");
    if (mkdtemp(c->folder) == NULL)
        abort();
    (void)snprintf(c->path, sizeof(c->path), "%s/journal.db", c->folder);
    (void)snprintf(c->evidence, sizeof(c->evidence), "%s/evidence", c->folder);
    (void)snprintf(c->snapshots, sizeof(c->snapshots), "%s/snapshots", c->folder);
    (void)snprintf(c->ids, sizeof(c->ids), "%s/ids.db", c->folder);
    c->old_ids = false;
    c->snapshot_every = 0;
    c->seal = NULL;
    c->f = fixture_new();
}

static inline void core_fixture_close(struct core_fixture *c)
{
    char command[256];
    fixture_free(c->f);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", c->folder);
    if (system(command) != 0)
        abort();
}

static inline enum ee_err core_fixture_start(struct core_fixture *c)
{
    struct ee_journal_store store;
    const struct ee_snapshots_options snapshots = {.file = {.folder = c->snapshots,
                                                            .crypto = &ee_crypto_openssl,
                                                            .allow_plain = c->seal == NULL,
                                                            .seal = c->seal},
                                                   .allocator = &ee_allocator_system,
                                                   .every = c->snapshot_every};
    if (c->snapshot_every > 0)
        EE_TRY(ee_snapshots_new(&snapshots, &c->f->snapshots));
    if (c->old_ids)
        EE_TRY(ee_old_ids_open(c->ids, &ee_crypto_openssl, &c->f->old_ids));
    EE_TRY(ee_journal_sqlite_open(c->path, EE_JOURNAL_CREATE, &store));
    return fixture_start_on(c->f, store, true);
}

static inline enum ee_err core_submit(struct fixture *f, enum ee_actor_kind actor_kind,
                                      const char *actor, enum ee_command_kind kind,
                                      struct ee_bytes payload, const uint8_t *id)
{
    struct ee_command_request request = {
        .actor_kind = actor_kind, .actor = actor, .id = id, .kind = kind, .payload = payload};
    return ee_sequencer_submit(f->sequencer, &request, fixture_answer, f);
}

static inline enum ee_err core_account(struct fixture *f, const char *name)
{
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_account_create account = {.kind = EE_ACCOUNT_USER};
    memcpy(account.name, name, strlen(name) + 1);
    ee_crypto_openssl.sha256(&(struct ee_bytes){(const uint8_t *)name, strlen(name)}, 1,
                             account.first_key.key_hash);
    account.first_key.scopes = EE_SCOPE_ALL;
    account.first_key.expires_s = ee_sequencer_time_us(f->sequencer) / 1000000 + 86400;
    memcpy(account.first_key.label, "first", 6);
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_account_create_encode(&account, &w));
    return core_submit(f, EE_ACTOR_ADMIN, "", EE_COMMAND_ACCOUNT_CREATE, ee_writer_done(&w), NULL);
}

static inline enum ee_err core_mint(struct fixture *f, const char *name, int64_t micros)
{
    const uint8_t issuer_seed[32] = {0x15};
    uint8_t message[512];
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_mint mint = {.amount = {micros}};
    memcpy(mint.account, name, strlen(name) + 1);
    memcpy(mint.reference, name, strlen(name) + 1);
    ee_writer_init(&w, message, sizeof(message));
    EE_TRY(ee_mint_message(f->network_id, &mint, &w));
    if (!ee_crypto_openssl.ed25519_sign(issuer_seed, ee_writer_done(&w), mint.signature))
        return EE_CRYPTO;
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_mint_encode(&mint, &w));
    return core_submit(f, EE_ACTOR_ADMIN, "", EE_COMMAND_MINT, ee_writer_done(&w), NULL);
}

/* alice to bob; `number` gives the id. */
static inline enum ee_err core_transfer(struct fixture *f, uint64_t number, int64_t micros)
{
    uint8_t id[EE_ID_SIZE] = {'t'};
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_transfer_credits transfer = {.to = "bob", .amount = {micros}};
    ee_writer_init(&w, id + 8, 8);
    ee_writer_u64(&w, number);
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_transfer_credits_encode(&transfer, &w));
    return core_submit(f, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_TRANSFER, ee_writer_done(&w), id);
}

/* Accounts and $1,000 for alice. */
static inline bool core_populate(struct fixture *f)
{
    if (core_account(f, "alice") != EE_OK || core_account(f, "bob") != EE_OK ||
        core_mint(f, "alice", 1000000000) != EE_OK || !fixture_settle(f))
        return false;
    for (size_t i = 0; i < f->answer_count; i++)
        if (f->answers[i].err != EE_OK)
            return false;
    return f->answer_count == 3;
}

static inline int64_t core_available(const struct fixture *f, const char *account)
{
    struct ee_balance balance;
    if (ee_core_balance(ee_sequencer_core(f->sequencer), account, &balance) != EE_OK)
        return -1;
    return balance.available.micros;
}

#endif
