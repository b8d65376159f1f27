/* SPDX-License-Identifier: Apache-2.0 */
/* Durable transfers a second through sequencer, network core and SQLite journal (WAL,
 * synchronous=FULL) with hash chain, Merkle tree and signed checkpoint per batch; then the replay
 * of that journal with every check, and the memory of it all. Four requests are on their way, so
 * that one batch is applied while the one before is made durable. Prints one JSON line.
 * ledger_bench [--accounts N] [--transfers N] [--batch N] [--single] [--sealed] [--folder DIR] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "control/sequencer.h"
#include "control/vault.h"
#include "core/transfers.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/crypto_signer.h"
#include "io/journal_sqlite.h"

#include "base/banned.h"

enum { IN_FLIGHT = 4, SETUP_CHUNK = 4000, PATIENCE_MS = 900000, PAYLOAD_MAX = 96 * 1024 * 1024 };
static const int64_t minted = 4000000000000000000;

struct options {
    uint64_t accounts, transfers, batch;
    bool single, sealed;
    const char *folder;
};

/* ---- memory of the process, by an allocator that counts ---- */

union block {
    size_t size;
    max_align_t align;
};

static size_t held;

static void *counted_resize(void *context, void *memory, size_t size)
{
    union block *block = memory ? (union block *)memory - 1 : NULL;
    (void)context;
    held -= block ? block->size : 0;
    block = realloc(block, sizeof(*block) + size);
    if (block == NULL)
        abort();
    block->size = size;
    held += size;
    return block + 1;
}

static void counted_release(void *context, void *memory)
{
    (void)context;
    if (memory == NULL)
        return;
    held -= ((union block *)memory - 1)->size;
    free((union block *)memory - 1);
}

static const struct ee_allocator counted = {NULL, counted_resize, counted_release};

/* ---- a network of its own ---- */

struct bench {
    struct options options;
    char path[512];
    uint8_t genesis[EE_GENESIS_SIZE_MAX];
    size_t genesis_size;
    struct ee_vault *vault;
    struct ee_loop *loop;
    struct ee_journal *journal;
    struct ee_sequencer *sequencer;
    uint64_t state; /* of the random numbers */
    uint64_t sent, answered, wanted;
    bool failed, done;
    /* Requests of the measured run, encoded before it. */
    uint8_t *payloads;
    size_t payloads_size;
    struct request {
        uint32_t sender;
        uint32_t size;
        size_t offset;
    } * requests;
    uint64_t request_count;
    uint8_t (*transfer_ids)[EE_ID_SIZE]; /* of single ones */
};

static void die(const char *what, enum ee_err err)
{
    (void)fprintf(stderr, "ledger_bench: %s: %s\n", what, ee_err_name(err));
    exit(1);
}

static void must(enum ee_err err, const char *what)
{
    if (err != EE_OK)
        die(what, err);
}

static uint64_t draw(struct bench *b)
{
    uint64_t z = b->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void genesis_make(struct bench *b)
{
    const uint8_t founding_seed[32] = {0xf0}, issuer_seed[32] = {0x15};
    struct ee_genesis genesis = {
        .kind = EE_NETWORK_DEVELOPMENT,
        .name = "bench",
        .mint_daily_cap = {minted},
        .profile = EE_PROFILE_DEVELOPMENT,
        .root_count = 1,
        .roots = {{.public_key = {1}, .simulated = 1}},
        .allow_count = 1,
        .allow = {{.role = EE_ROLE_AGENT, .measurement = {1}, .label = "agent"}},
    };
    struct ee_writer w;
    (void)ee_crypto_openssl.ed25519_public(founding_seed, genesis.founding_key);
    (void)ee_crypto_openssl.ed25519_public(issuer_seed, genesis.issuer_key);
    ee_writer_init(&w, b->genesis, sizeof(b->genesis));
    must(ee_genesis_encode(&genesis, &w), "genesis");
    b->genesis_size = w.size;
}

/* The journal is sealed as by a control plane: one key, a salt of this start. */
static void vault_make(struct bench *b)
{
    const uint8_t bytes[EE_DATA_KEY_SIZE] = {9};
    struct ee_data_key key;
    ee_data_key_init(ee_crypto_signer(), bytes, &key);
    must(ee_vault_new(ee_crypto_signer(), &b->vault), "vault");
    must(ee_vault_add(b->vault, &key, true), "vault");
}

static void start(struct bench *b)
{
    static const struct ee_core_limits limits = {
        .accounts = 1u << 24, .keys = 1u << 24, .ids = 1u << 25, .transfers = 1u << 26};
    struct ee_journal_store store;
    struct ee_journal_fault fault = {0};
    struct ee_journal_options journal = {.crypto = ee_crypto_signer(),
                                         .allocator = &ee_allocator_system,
                                         .allow_plain = !b->options.sealed,
                                         .seal = b->options.sealed ? ee_vault_journal_seal(b->vault)
                                                                   : NULL};
    struct ee_sequencer_options options = {
        .allocator = &counted,
        .crypto = ee_crypto_signer(),
        .loop = b->loop,
        .genesis = ee_bytes_of(b->genesis, b->genesis_size),
        .limits = &limits,
        .checkpoint_seed = {0xcc},
    };
    ee_genesis_network_id(ee_crypto_signer(), options.genesis, journal.network_id);
    must(ee_journal_sqlite_open(b->path, EE_JOURNAL_CREATE, &store), "journal");
    must(ee_journal_open(&journal, store, &b->journal), "journal");
    options.journal = b->journal;
    enum ee_err err = ee_sequencer_start(&options, &b->sequencer, &fault);
    if (err != EE_OK)
        die(fault.what ? fault.what : "start", err);
}

static void stop(struct bench *b)
{
    ee_sequencer_free(b->sequencer);
    ee_journal_close(b->journal);
    b->sequencer = NULL;
    b->journal = NULL;
}

static void name_of(uint64_t index, char out[EE_NAME_MAX + 1])
{
    (void)snprintf(out, EE_NAME_MAX + 1, "a%llu", (unsigned long long)index);
}

/* ---- setting up ---- */

static void on_setup(void *context, const struct ee_answer *answer)
{
    struct bench *b = context;
    b->failed = b->failed || answer->err != EE_OK;
    b->answered++;
    b->done = b->answered == b->sent;
}

static void settle(struct bench *b)
{
    b->done = b->answered == b->sent;
    must(ee_loop_run_until(b->loop, &b->done, PATIENCE_MS), "waiting");
    if (b->failed)
        die("a command was refused", EE_STATE);
}

static void setup_submit(struct bench *b, enum ee_actor_kind kind, const char *actor,
                         enum ee_command_kind command, struct ee_bytes payload)
{
    struct ee_command_request request = {
        .actor_kind = kind, .actor = actor, .kind = command, .payload = payload};
    must(ee_sequencer_submit(b->sequencer, &request, on_setup, b), "submit");
    b->sent++;
}

static void account_create(struct bench *b, uint64_t index)
{
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_account_create account = {.kind = EE_ACCOUNT_USER};
    name_of(index, account.name);
    memcpy(account.first_key.key_hash, &index, sizeof(index));
    account.first_key.key_hash[31] = 1;
    account.first_key.scopes = EE_SCOPE_ALL;
    account.first_key.expires_s = ee_sequencer_time_us(b->sequencer) / 1000000 + 86400;
    memcpy(account.first_key.label, "first", 6);
    ee_writer_init(&w, payload, sizeof(payload));
    must(ee_account_create_encode(&account, &w), "account");
    setup_submit(b, EE_ACTOR_ADMIN, "", EE_COMMAND_ACCOUNT_CREATE, ee_writer_done(&w));
}

static void mint(struct bench *b)
{
    const uint8_t issuer_seed[32] = {0x15};
    uint8_t message[512], payload[512];
    struct ee_writer w;
    struct ee_mint mint = {.account = "a0", .amount = {minted}, .reference = "bench"};
    ee_writer_init(&w, message, sizeof(message));
    must(ee_mint_message(ee_core_network_id(ee_sequencer_core(b->sequencer)), &mint, &w), "mint");
    if (!ee_crypto_openssl.ed25519_sign(issuer_seed, ee_writer_done(&w), mint.signature))
        die("mint", EE_CRYPTO);
    ee_writer_init(&w, payload, sizeof(payload));
    must(ee_mint_encode(&mint, &w), "mint");
    setup_submit(b, EE_ACTOR_ADMIN, "", EE_COMMAND_MINT, ee_writer_done(&w));
}

/* Credits for accounts [first, end) from the first account. */
static void fund(struct bench *b, uint64_t first, uint64_t end)
{
    static uint8_t payload[EE_COMMAND_PAYLOAD_MAX];
    struct ee_writer w;
    ee_writer_init(&w, payload, sizeof(payload));
    must(ee_transfers_begin(&w, true, (uint32_t)(end - first)), "fund");
    for (uint64_t i = first; i < end; i++) {
        char name[EE_NAME_MAX + 1];
        struct ee_transfers_row row = {.id = {'f'},
                                       .amount = {minted / 2 / (int64_t)b->options.accounts}};
        name_of(i, name);
        memcpy(row.id + 8, &i, sizeof(i));
        row.to = ee_bytes_str(name);
        must(ee_transfers_add(&w, &row), "fund");
    }
    setup_submit(b, EE_ACTOR_ACCOUNT, "a0", EE_COMMAND_TRANSFERS, ee_writer_done(&w));
}

static void populate(struct bench *b)
{
    uint64_t accounts = b->options.accounts;
    b->sent = b->answered = 0;
    for (uint64_t i = 0; i < accounts; i++) {
        account_create(b, i);
        if (i % SETUP_CHUNK == SETUP_CHUNK - 1)
            settle(b);
    }
    mint(b);
    for (uint64_t i = 1; i < accounts; i += SETUP_CHUNK) {
        fund(b, i, i + SETUP_CHUNK < accounts ? i + SETUP_CHUNK : accounts);
        settle(b);
    }
}

/* ---- the measured run ---- */

static struct ee_writer arena(struct bench *b)
{
    struct ee_writer w;
    ee_writer_init(&w, b->payloads + b->payloads_size, PAYLOAD_MAX - b->payloads_size);
    return w;
}

static uint64_t other_than(struct bench *b, uint64_t sender)
{
    uint64_t to = draw(b) % b->options.accounts;
    return to == sender ? (to + 1) % b->options.accounts : to;
}

static void bulk_encode(struct bench *b, struct request *request, uint64_t sender)
{
    struct ee_writer w = arena(b);
    must(ee_transfers_begin(&w, false, (uint32_t)b->options.batch), "encode");
    for (uint64_t i = 0; i < b->options.batch; i++) {
        char name[EE_NAME_MAX + 1];
        struct ee_transfers_row row = {.amount = {1}};
        uint64_t id[2] = {draw(b), draw(b)};
        name_of(other_than(b, sender), name);
        memcpy(row.id, id, sizeof(row.id));
        row.to = ee_bytes_str(name);
        must(ee_transfers_add(&w, &row), "encode");
    }
    *request = (struct request){(uint32_t)sender, (uint32_t)w.size, b->payloads_size};
    b->payloads_size += w.size;
}

static void single_encode(struct bench *b, struct request *request, uint64_t sender)
{
    struct ee_writer w = arena(b);
    struct ee_transfer_credits transfer = {.amount = {1}};
    uint64_t id[2] = {draw(b), draw(b)};
    name_of(other_than(b, sender), transfer.to);
    must(ee_transfer_credits_encode(&transfer, &w), "encode");
    memcpy(b->transfer_ids[request - b->requests], id, EE_ID_SIZE);
    *request = (struct request){(uint32_t)sender, (uint32_t)w.size, b->payloads_size};
    b->payloads_size += w.size;
}

static void requests_make(struct bench *b)
{
    const struct options *o = &b->options;
    b->request_count = o->single ? o->transfers : o->transfers / o->batch;
    b->payloads = malloc(PAYLOAD_MAX);
    b->requests = calloc(b->request_count, sizeof(*b->requests));
    b->transfer_ids = calloc(o->single ? b->request_count : 1, EE_ID_SIZE);
    if (b->payloads == NULL || b->requests == NULL || b->transfer_ids == NULL)
        die("memory", EE_NO_MEMORY);
    for (uint64_t i = 0; i < b->request_count; i++) {
        uint64_t sender = draw(b) % o->accounts;
        if (o->single)
            single_encode(b, &b->requests[i], sender);
        else
            bulk_encode(b, &b->requests[i], sender);
    }
}

static void group_submit(struct bench *b);

static void on_answer(void *context, const struct ee_answer *answer)
{
    struct bench *b = context;
    uint64_t group = b->options.single ? b->options.batch : 1;
    b->failed = b->failed || answer->err != EE_OK;
    b->answered++;
    if (b->answered % group == 0)
        group_submit(b);
    b->done = b->failed || b->answered == b->request_count;
}

static void group_submit(struct bench *b)
{
    uint64_t group = b->options.single ? b->options.batch : 1;
    for (uint64_t i = 0; i < group && b->sent < b->request_count && !b->failed; i++) {
        const struct request *r = &b->requests[b->sent];
        char sender[EE_NAME_MAX + 1];
        name_of(r->sender, sender);
        struct ee_command_request request = {
            .actor_kind = EE_ACTOR_ACCOUNT,
            .actor = sender,
            .id = b->options.single ? b->transfer_ids[b->sent] : NULL,
            .kind = b->options.single ? EE_COMMAND_TRANSFER : EE_COMMAND_TRANSFERS,
            .payload = ee_bytes_of(b->payloads + r->offset, r->size)};
        must(ee_sequencer_submit(b->sequencer, &request, on_answer, b), "submit");
        b->sent++;
    }
}

static double measure(struct bench *b)
{
    b->sent = b->answered = 0;
    b->done = false;
    uint64_t begun_us = ee_clock_monotonic_us();
    for (int i = 0; i < IN_FLIGHT; i++)
        group_submit(b);
    must(ee_loop_run_until(b->loop, &b->done, PATIENCE_MS), "waiting");
    if (b->failed)
        die("a transfer was refused", EE_STATE);
    return (double)b->options.transfers * 1e6 / (double)(ee_clock_monotonic_us() - begun_us);
}

static double file_size(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? (double)s.st_size : 0;
}

static void run(struct bench *b)
{
    const struct options *o = &b->options;
    struct ee_sequencer_counts counts;
    const char *rule = NULL;
    start(b);
    size_t empty = held;
    populate(b);
    double per_account = (double)(held - empty) / (double)o->accounts;
    requests_make(b);
    size_t before = held;
    double before_bytes = file_size(b->path);
    double durable = measure(b);
    double per_id = (double)(held - before) / (double)o->transfers;
    ee_sequencer_counts(b->sequencer, &counts);
    must(ee_core_check(ee_sequencer_core(b->sequencer), &rule), rule ? rule : "invariants");
    uint64_t commands = ee_core_seq(ee_sequencer_core(b->sequencer)), total = commands;
    total += o->single ? 0 : o->accounts - 1 + o->transfers - b->request_count;
    stop(b);
    double bytes = (file_size(b->path) - before_bytes) / (double)o->transfers;
    uint64_t begun_us = ee_clock_monotonic_us();
    start(b);
    double replay_s = (double)(ee_clock_monotonic_us() - begun_us) / 1e6;
    stop(b);
    (void)printf("{\"form\":\"%s\",\"sealed\":%s,\"accounts\":%llu,\"transfers\":%llu,"
                 "\"batch\":%llu,\"largest_batch\":%u,\"durable_per_s\":%.0f,"
                 "\"replay_per_s\":%.0f,\"replay_s\":%.3f,\"bytes_per_account\":%.1f,"
                 "\"memory_per_transfer\":%.1f,\"journal_bytes_per_transfer\":%.1f}\n",
                 o->single ? "single" : "bulk", o->sealed ? "true" : "false",
                 (unsigned long long)o->accounts, (unsigned long long)o->transfers,
                 (unsigned long long)o->batch, (unsigned)counts.largest_batch, durable,
                 (double)total / replay_s, replay_s, per_account, per_id, bytes);
}

static bool option_read(int argc, char **argv, struct options *o)
{
    *o = (struct options){10000, 1000000, 1000, false, false, "/tmp"};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        uint64_t *number = strcmp(name, "--accounts") == 0    ? &o->accounts
                           : strcmp(name, "--transfers") == 0 ? &o->transfers
                           : strcmp(name, "--batch") == 0     ? &o->batch
                                                              : NULL;
        if (strcmp(name, "--single") == 0)
            o->single = true;
        else if (strcmp(name, "--sealed") == 0)
            o->sealed = true;
        else if (++i < argc && strcmp(name, "--folder") == 0)
            o->folder = argv[i];
        else if (i >= argc || number == NULL || ee_u64_parse(argv[i], number) != EE_OK)
            return false;
    }
    return o->accounts >= 2 && o->batch >= 1 && o->batch <= EE_TRANSFERS_MAX / 2 &&
           o->transfers >= o->batch && o->transfers % o->batch == 0 && o->transfers <= 2000000;
}

int main(int argc, char **argv)
{
    static struct bench b;
    char folder[400], command[512];
    if (!option_read(argc, argv, &b.options)) {
        (void)fputs("usage: ledger_bench [--accounts N] [--transfers N] [--batch N] [--single] "
                    "[--sealed] [--folder DIR]\n",
                    stderr);
        return 2;
    }
    (void)snprintf(folder, sizeof(folder), "%s/ee-ledger-bench-XXXXXX", b.options.folder);
    if (mkdtemp(folder) == NULL || ee_loop_new(&b.loop) != EE_OK)
        die(folder, EE_IO);
    (void)snprintf(b.path, sizeof(b.path), "%s/journal.db", folder);
    vault_make(&b);
    genesis_make(&b);
    run(&b);
    ee_loop_free(b.loop);
    ee_vault_free(b.vault);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
