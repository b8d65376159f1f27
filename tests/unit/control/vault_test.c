/* SPDX-License-Identifier: Apache-2.0 */
/* The vault under a journal in memory: what it seals opens in its own place only, and no store,
 * however often it is put back, leads to a key and nonce used twice. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/vault.h"
#include "io/crypto_openssl.h"
#include "io/journal_memory.h"
#include "tap.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)

enum { PIECE_SIZE = EE_DATA_KEY_ID_SIZE + EE_DATA_SALT_SIZE + 8, PIECES_MAX = 4096 };

static const uint8_t network[32] = {0x4e};

static struct ee_data_key key_of(uint8_t byte)
{
    uint8_t bytes[32];
    struct ee_data_key key;
    memset(bytes, byte, sizeof(bytes));
    ee_data_key_init(CRYPTO, bytes, &key);
    return key;
}

/* A process: its vault, with keys 1 to `newest`, and the journal opened with it. */
struct process {
    struct ee_vault *vault;
    struct ee_journal *journal;
};

static enum ee_err process_start(struct ee_journal_memory *disk, uint8_t newest, bool plain,
                                 struct process *out)
{
    struct ee_journal_store store;
    struct ee_journal_options options = {
        .crypto = CRYPTO, .allocator = &ee_allocator_system, .allow_plain = plain};
    memcpy(options.network_id, network, sizeof(network));
    EE_TRY(ee_vault_new(CRYPTO, &out->vault));
    for (uint8_t i = 1; i <= newest; i++) {
        struct ee_data_key key = key_of(i);
        EE_TRY(ee_vault_add(out->vault, &key, true));
    }
    options.seal = ee_vault_journal_seal(out->vault);
    EE_TRY(ee_journal_memory_store(disk, &store));
    EE_TRY(ee_journal_open(&options, store, &out->journal));
    return ee_journal_replay(out->journal, NULL, NULL, NULL);
}

static void process_end(struct process *process)
{
    ee_journal_close(process->journal);
    ee_vault_free(process->vault);
    memset(process, 0, sizeof(*process));
}

static enum ee_err write_batches(struct process *process, unsigned count)
{
    uint8_t memory[64];
    struct ee_writer w;
    for (unsigned i = 0; i < count; i++) {
        ee_writer_init(&w, memory, sizeof(memory));
        ee_writer_block(&w, ee_bytes_str("secret command"));
        ee_writer_block(&w, ee_bytes_str("result"));
        EE_TRY(ee_journal_append(process->journal, 1, 1, ee_writer_done(&w), ee_bytes_str("n\n")));
    }
    return EE_OK;
}

/* ---- places ---- */

static struct ee_journal_memory *disk_with(unsigned batches)
{
    struct ee_journal_memory *disk = NULL;
    struct process process = {NULL, NULL};
    if (ee_journal_memory_new(&disk) != EE_OK || process_start(disk, 1, false, &process) != EE_OK ||
        write_batches(&process, batches) != EE_OK)
        return NULL;
    process_end(&process);
    return disk;
}

static enum ee_err replay_error(struct ee_journal_memory *disk, uint8_t newest)
{
    struct process process = {NULL, NULL};
    enum ee_err err = process_start(disk, newest, false, &process);
    process_end(&process);
    return err;
}

static void rehash(struct ee_journal_row *row)
{
    ee_journal_row_hash(CRYPTO, network, row, row->hash);
}

static void rows_hold_nothing_of_what_was_written(void)
{
    struct ee_journal_memory *disk = disk_with(3);
    REQUIRE(disk != NULL);
    for (uint64_t batch = 1; batch <= 3; batch++) {
        const struct ee_journal_row *row = ee_journal_memory_row(disk, batch);
        REQUIRE(row != NULL && row->form == EE_JOURNAL_FORM_SEALED);
        CHECK(memmem(row->body.data, row->body.size, "secret", 6) == NULL);
        CHECK(memmem(row->body.data, row->body.size, "result", 6) == NULL);
    }
    CHECK(replay_error(disk, 1) == EE_OK);
    CHECK(replay_error(disk, 0) == EE_SEAL_OPEN);
    ee_journal_memory_free(disk);
}

/* The chain is made whole again each time, so that only the sealing can refuse. */
static void body_in_another_place_does_not_open(void)
{
    struct ee_journal_memory *disk = disk_with(1), *other = disk_with(1);
    REQUIRE(disk != NULL && other != NULL);
    struct ee_journal_row *row = ee_journal_memory_row(disk, 1);
    row->epoch = 2;
    rehash(row);
    CHECK(replay_error(disk, 1) == EE_SEAL_OPEN);
    row->epoch = 1;
    rehash(row);
    CHECK(replay_error(disk, 1) == EE_OK);
    struct ee_bytes own = row->body;
    row->body = ee_journal_memory_row(other, 1)->body; /* the same place in another life */
    rehash(row);
    CHECK(replay_error(disk, 1) == EE_OK);
    row->body = own;
    rehash(row);
    ee_journal_memory_free(other);
    ee_journal_memory_free(disk);
}

static void rows_exchanged_do_not_open(void)
{
    struct ee_journal_memory *disk = disk_with(2);
    REQUIRE(disk != NULL);
    struct ee_journal_row *first = ee_journal_memory_row(disk, 1);
    struct ee_journal_row *second = ee_journal_memory_row(disk, 2);
    struct ee_bytes body = first->body;
    first->body = second->body;
    second->body = body;
    rehash(first);
    memcpy(second->prev_hash, first->hash, 32);
    rehash(second);
    CHECK(replay_error(disk, 1) == EE_SEAL_OPEN);
    ee_journal_memory_free(disk);
}

static void row_of_another_network_does_not_open(void)
{
    struct ee_vault *vault = NULL;
    struct ee_data_key key = key_of(1);
    struct ee_journal_options options = {.crypto = CRYPTO, .allocator = &ee_allocator_system};
    struct ee_journal_store store;
    struct ee_journal *journal = NULL;
    struct ee_journal_memory *disk = disk_with(1), *other = NULL;
    REQUIRE(disk != NULL && ee_vault_new(CRYPTO, &vault) == EE_OK);
    REQUIRE(ee_vault_add(vault, &key, true) == EE_OK && ee_journal_memory_new(&other) == EE_OK);
    options.seal = ee_vault_journal_seal(vault);
    options.network_id[0] = 0x55;
    REQUIRE(ee_journal_memory_store(other, &store) == EE_OK);
    REQUIRE(ee_journal_open(&options, store, &journal) == EE_OK);
    struct ee_journal_row row = *ee_journal_memory_row(disk, 1);
    ee_journal_row_hash(CRYPTO, options.network_id, &row, row.hash);
    REQUIRE(store.append(store.context, &row) == EE_OK);
    CHECK(ee_journal_replay(journal, NULL, NULL, NULL) == EE_SEAL_OPEN);
    ee_journal_close(journal);
    ee_vault_free(vault);
    ee_journal_memory_free(other);
    ee_journal_memory_free(disk);
}

static void flipped_bit_in_a_sealed_row_does_not_open(void)
{
    struct ee_journal_memory *disk = disk_with(1);
    REQUIRE(disk != NULL);
    struct ee_journal_row *row = ee_journal_memory_row(disk, 1);
    size_t bits = 8 * row->body.size, opened = 0;
    for (uint64_t bit = 0; bit < bits; bit += 3) {
        ee_journal_memory_flip(disk, 1, EE_JOURNAL_MEMORY_BODY, bit);
        rehash(ee_journal_memory_row(disk, 1));
        opened += replay_error(disk, 1) != EE_SEAL_OPEN;
        ee_journal_memory_flip(disk, 1, EE_JOURNAL_MEMORY_BODY, bit);
    }
    CHECK(opened == 0);
    ee_journal_memory_free(disk);
}

static enum ee_err chain_check(struct ee_journal_memory *disk)
{
    struct ee_journal_options options = {
        .crypto = CRYPTO, .allocator = &ee_allocator_system, .chain_only = true};
    struct ee_journal_store store;
    struct ee_journal *journal = NULL;
    memcpy(options.network_id, network, sizeof(network));
    EE_TRY(ee_journal_memory_store(disk, &store));
    EE_TRY(ee_journal_open(&options, store, &journal));
    enum ee_err err = ee_journal_replay(journal, NULL, NULL, NULL);
    if (err == EE_OK &&
        ee_journal_append(journal, 1, 1, ee_bytes_str(""), ee_bytes_str("")) != EE_STATE)
        err = EE_RANGE;
    ee_journal_close(journal);
    return err;
}

static void chain_is_checked_without_a_key(void)
{
    struct ee_journal_memory *disk = disk_with(3);
    REQUIRE(disk != NULL);
    CHECK(chain_check(disk) == EE_OK);
    ee_journal_memory_flip(disk, 2, EE_JOURNAL_MEMORY_BODY, 99);
    CHECK(chain_check(disk) == EE_JOURNAL_CORRUPT);
    ee_journal_memory_free(disk);
}

static void plain_row_among_sealed_ones_is_refused_in_production(void)
{
    struct ee_journal_memory *disk = disk_with(2);
    struct process process = {NULL, NULL};
    uint8_t memory[32];
    struct ee_writer w;
    REQUIRE(disk != NULL);
    struct ee_journal_row *row = ee_journal_memory_row(disk, 2);
    ee_writer_init(&w, memory, sizeof(memory));
    ee_writer_block(&w, ee_bytes_str("c"));
    ee_writer_block(&w, ee_bytes_str("r"));
    struct ee_bytes body = row->body;
    row->form = EE_JOURNAL_FORM_PLAIN;
    row->body = ee_writer_done(&w);
    rehash(row);
    CHECK(replay_error(disk, 1) == EE_JOURNAL_PLAIN);
    CHECK(process_start(disk, 1, true, &process) == EE_OK);
    process_end(&process);
    row->body = body; /* the store's own again */
    ee_journal_memory_free(disk);
}

/* ---- nonces ---- */

static uint8_t (*pieces)[PIECE_SIZE];
static size_t piece_count;

static int piece_compare(const void *a, const void *b)
{
    return memcmp(a, b, PIECE_SIZE);
}

static size_t pieces_repeated(void)
{
    size_t repeated = 0;
    qsort(pieces, piece_count, PIECE_SIZE, piece_compare);
    for (size_t i = 1; i < piece_count; i++)
        repeated += memcmp(pieces[i - 1], pieces[i], PIECE_SIZE) == 0;
    return repeated;
}

static void piece_note(struct ee_bytes body)
{
    if (piece_count < PIECES_MAX)
        memcpy(pieces[piece_count++], body.data + 1, PIECE_SIZE);
}

static uint64_t state;

static unsigned below(unsigned limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33) % limit;
}

/* Puts the disk back to its first `keep` rows, as a restored copy would be. */
static void disk_put_back(struct ee_journal_memory *disk, uint64_t keep)
{
    for (uint64_t batch = ee_journal_memory_count(disk); batch > keep; batch--)
        ee_journal_memory_drop(disk, batch);
}

/* One life of a process: it writes, gets new keys, seals secrets; every new piece is noted. */
static enum ee_err life(struct ee_journal_memory *disk, uint8_t *newest)
{
    struct process process = {NULL, NULL};
    uint64_t first = ee_journal_memory_count(disk) + 1;
    uint8_t sealed[EE_JOURNAL_META_MAX];
    size_t size;
    EE_TRY(process_start(disk, *newest, false, &process));
    enum ee_err err = write_batches(&process, below(6));
    if (err == EE_OK && below(4) == 0) {
        struct ee_data_key key = key_of(++*newest);
        err = ee_vault_add(process.vault, &key, true);
    }
    if (err == EE_OK)
        err = write_batches(&process, below(4));
    if (err == EE_OK && below(2) == 0) {
        err = ee_vault_secret_put(process.vault, process.journal, "webhook", ee_bytes_str("x"));
        if (err == EE_OK)
            err = ee_journal_meta_get(process.journal, "secret.webhook", sealed, sizeof(sealed),
                                      &size);
        if (err == EE_OK)
            piece_note(ee_bytes_of(sealed, size));
    }
    process_end(&process);
    for (uint64_t batch = first; batch <= ee_journal_memory_count(disk); batch++)
        piece_note(ee_journal_memory_row(disk, batch)->body);
    return err;
}

static void restored_store_never_repeats_key_and_nonce(void)
{
    const char *given = getenv("EE_SEED");
    struct ee_journal_memory *disk = NULL;
    uint8_t newest = 1;
    state = given != NULL ? strtoull(given, NULL, 10) : 20261122;
    printf("# seed %llu\n", (unsigned long long)state);
    pieces = calloc(PIECES_MAX, PIECE_SIZE);
    REQUIRE(pieces != NULL && ee_journal_memory_new(&disk) == EE_OK);
    for (int i = 0; i < 150; i++) {
        if (below(3) == 0)
            disk_put_back(disk, below((unsigned)ee_journal_memory_count(disk) + 1));
        CHECK(life(disk, &newest) == EE_OK);
    }
    printf("# %zu pieces, %u keys\n", piece_count, (unsigned)newest);
    CHECK(piece_count > 200 && pieces_repeated() == 0);
    piece_count = 0;
    free(pieces);
    ee_journal_memory_free(disk);
}

struct sealing_thread {
    struct ee_vault *vault;
    uint8_t headers[500][PIECE_SIZE];
};

static void *seal_many(void *context)
{
    struct sealing_thread *thread = context;
    uint8_t out[128];
    size_t size;
    for (size_t i = 0; i < 500; i++) {
        struct ee_data_key key = key_of((uint8_t)(2 + i % 3));
        if (i % 100 == 50 && ee_vault_add(thread->vault, &key, true) != EE_OK)
            return thread;
        if (ee_vault_seal(thread->vault, ee_bytes_str("a"), ee_bytes_str("b"), out, sizeof(out),
                          &size) != EE_OK)
            return thread;
        memcpy(thread->headers[i], out + 1, PIECE_SIZE);
    }
    return NULL;
}

static void threads_never_get_the_same_nonce(void)
{
    static struct sealing_thread threads[3];
    pthread_t ids[3];
    void *failed = NULL;
    struct ee_vault *vault = NULL;
    struct ee_data_key key = key_of(1);
    pieces = calloc(PIECES_MAX, PIECE_SIZE);
    REQUIRE(pieces != NULL && ee_vault_new(CRYPTO, &vault) == EE_OK);
    REQUIRE(ee_vault_add(vault, &key, true) == EE_OK);
    for (size_t t = 0; t < 3; t++) {
        threads[t].vault = vault;
        REQUIRE(pthread_create(&ids[t], NULL, seal_many, &threads[t]) == 0);
    }
    for (size_t t = 0; t < 3; t++) {
        REQUIRE(pthread_join(ids[t], &failed) == 0);
        CHECK(failed == NULL);
        for (size_t i = 0; i < 500; i++)
            memcpy(pieces[piece_count++], threads[t].headers[i], PIECE_SIZE);
    }
    CHECK(piece_count == 1500 && pieces_repeated() == 0);
    piece_count = 0;
    free(pieces);
    ee_vault_free(vault);
}

/* ---- slices and secrets ---- */

enum { SLICES = 4, SLICE_MAX = 128 };

struct sealed_blob {
    struct ee_vault *vault;
    uint8_t slices[SLICES][SLICE_MAX];
    size_t sizes[SLICES];
};

static struct sealed_blob blob_make(void)
{
    struct sealed_blob blob = {.vault = NULL};
    struct ee_vault_blob writing = {.associated = ee_bytes_str("snapshot 7")};
    struct ee_data_key key = key_of(1);
    CHECK(ee_vault_new(CRYPTO, &blob.vault) == EE_OK);
    CHECK(ee_vault_add(blob.vault, &key, true) == EE_OK);
    for (size_t i = 0; i < SLICES; i++)
        CHECK(ee_vault_slice_seal(blob.vault, &writing, i == SLICES - 1, ee_bytes_str("content"),
                                  blob.slices[i], SLICE_MAX, &blob.sizes[i]) == EE_OK);
    CHECK(ee_vault_slice_seal(blob.vault, &writing, true, ee_bytes_str("x"), blob.slices[0],
                              SLICE_MAX, &blob.sizes[0]) == EE_STATE);
    return blob;
}

static enum ee_err blob_read(const struct sealed_blob *blob, const char *name, const size_t *order,
                             size_t count)
{
    struct ee_vault_blob reading = {.associated = ee_bytes_str(name)};
    uint8_t out[SLICE_MAX];
    size_t size;
    for (size_t i = 0; i < count; i++)
        EE_TRY(ee_vault_slice_open(blob->vault, &reading, i == count - 1,
                                   ee_bytes_of(blob->slices[order[i]], blob->sizes[order[i]]), out,
                                   sizeof(out), &size));
    return EE_OK;
}

static void slices_open_in_order_and_whole_only(void)
{
    struct sealed_blob blob = blob_make();
    static const size_t right[] = {0, 1, 2, 3}, swapped[] = {0, 2, 1, 3}, twice[] = {0, 0, 2, 3},
                        tail[] = {1, 2, 3};
    CHECK(blob_read(&blob, "snapshot 7", right, 4) == EE_OK);
    CHECK(blob_read(&blob, "snapshot 8", right, 4) == EE_SEAL_OPEN);
    CHECK(blob_read(&blob, "snapshot 7", right, 3) == EE_SEAL_OPEN);
    CHECK(blob_read(&blob, "snapshot 7", swapped, 4) == EE_SEAL_OPEN);
    CHECK(blob_read(&blob, "snapshot 7", twice, 4) == EE_SEAL_OPEN);
    CHECK(blob_read(&blob, "snapshot 7", tail, 3) == EE_SEAL_OPEN);
    ee_vault_free(blob.vault);
}

static void secrets_survive_a_restart_and_a_new_key(void)
{
    struct ee_journal_memory *disk = disk_with(1);
    struct process process = {NULL, NULL};
    uint8_t out[64], sealed[EE_JOURNAL_META_MAX];
    size_t size;
    REQUIRE(disk != NULL && process_start(disk, 1, false, &process) == EE_OK);
    CHECK(ee_vault_secret_put(process.vault, process.journal, "stripe.whsec",
                              ee_bytes_str("whsec_1")) == EE_OK);
    process_end(&process);
    REQUIRE(process_start(disk, 2, false, &process) == EE_OK);
    CHECK(ee_vault_secret_get(process.vault, process.journal, "stripe.whsec", out, sizeof(out),
                              &size) == EE_OK);
    CHECK(size == 7 && memcmp(out, "whsec_1", 7) == 0);
    CHECK(ee_vault_secret_get(process.vault, process.journal, "other", out, sizeof(out), &size) ==
          EE_NOT_FOUND);
    REQUIRE(ee_journal_meta_get(process.journal, "secret.stripe.whsec", sealed, sizeof(sealed),
                                &size) == EE_OK);
    CHECK(memmem(sealed, size, "whsec_1", 7) == NULL);
    REQUIRE(ee_journal_meta_put(process.journal, "secret.other", ee_bytes_of(sealed, size)) ==
            EE_OK);
    CHECK(ee_vault_secret_get(process.vault, process.journal, "other", out, sizeof(out), &size) ==
          EE_SEAL_OPEN);
    process_end(&process);
    ee_journal_memory_free(disk);
}

static void secrets_with_a_bad_name_or_size(void)
{
    static uint8_t large[EE_VAULT_SECRET_MAX + 1];
    struct ee_journal_memory *disk = disk_with(1);
    struct process process = {NULL, NULL};
    uint8_t out[4];
    size_t size;
    REQUIRE(disk != NULL && process_start(disk, 1, false, &process) == EE_OK);
    struct ee_vault *vault = process.vault;
    const char *bad[] = {"", "1a", "a b", "a/b",
                         "a123456789012345678901234567890123456789012345678"};
    for (size_t i = 0; i < 5; i++)
        CHECK(ee_vault_secret_put(vault, process.journal, bad[i], ee_bytes_str("x")) == EE_NAME);
    CHECK(ee_vault_secret_put(vault, process.journal, "a", ee_bytes_of(large, sizeof(large))) ==
          EE_TOO_LARGE);
    CHECK(ee_vault_secret_put(vault, process.journal, "a", ee_bytes_of(large, sizeof(large) - 1)) ==
          EE_OK);
    CHECK(ee_vault_secret_get(vault, process.journal, "a", out, sizeof(out), &size) ==
          EE_TOO_LARGE);
    process_end(&process);
    ee_journal_memory_free(disk);
}

static void vault_without_a_key_seals_nothing_and_one_that_is_full_takes_none(void)
{
    struct ee_vault *vault = NULL;
    struct ee_data_key key;
    uint8_t out[128], bytes[32] = {0};
    size_t size;
    REQUIRE(ee_vault_new(CRYPTO, &vault) == EE_OK);
    CHECK(!ee_vault_ready(vault) && ee_vault_current(vault, &key) == EE_STATE);
    CHECK(ee_vault_seal(vault, ee_bytes_str(""), ee_bytes_str(""), out, sizeof(out), &size) ==
          EE_STATE);
    for (unsigned i = 0; i < EE_VAULT_KEYS_MAX; i++) {
        memcpy(bytes, &i, sizeof(i));
        ee_data_key_init(CRYPTO, bytes, &key);
        REQUIRE(ee_vault_add(vault, &key, false) == EE_OK);
    }
    CHECK(!ee_vault_ready(vault) && ee_vault_add(vault, &key, true) == EE_OK);
    bytes[31] = 1;
    ee_data_key_init(CRYPTO, bytes, &key);
    CHECK(ee_vault_add(vault, &key, true) == EE_FULL);
    ee_vault_free(vault);
}

TESTS(TEST(rows_hold_nothing_of_what_was_written), TEST(body_in_another_place_does_not_open),
      TEST(rows_exchanged_do_not_open), TEST(row_of_another_network_does_not_open),
      TEST(flipped_bit_in_a_sealed_row_does_not_open), TEST(chain_is_checked_without_a_key),
      TEST(plain_row_among_sealed_ones_is_refused_in_production),
      TEST(restored_store_never_repeats_key_and_nonce), TEST(threads_never_get_the_same_nonce),
      TEST(slices_open_in_order_and_whole_only), TEST(secrets_survive_a_restart_and_a_new_key),
      TEST(secrets_with_a_bad_name_or_size),
      TEST(vault_without_a_key_seals_nothing_and_one_that_is_full_takes_none))
