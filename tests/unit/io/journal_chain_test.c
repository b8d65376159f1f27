/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

#include "journal_fixture.h"

#include "base/banned.h"

struct seen {
    uint64_t batches;
    uint64_t commands;
    uint64_t last_seq;
    uint32_t wrong;
};

static enum ee_err batch_seen(void *context, const struct ee_journal_batch *batch)
{
    struct seen *seen = context;
    struct ee_cursor c;
    struct ee_bytes command;
    struct ee_bytes result;
    struct ee_bytes pair;
    char expected[32];
    seen->batches++;
    ee_cursor_init(&c, batch->body);
    for (uint64_t seq = batch->first_seq; ee_journal_body_next(&c, &command, &result, &pair);
         seq++) {
        (void)snprintf(expected, sizeof(expected), "c%llu", (unsigned long long)seq);
        seen->wrong += !ee_bytes_equal(command, ee_bytes_str(expected));
        expected[0] = 'r';
        seen->wrong += !ee_bytes_equal(result, ee_bytes_str(expected));
        seen->wrong += pair.size != command.size + result.size + 8;
        seen->commands++;
        seen->last_seq = seq;
    }
    seen->wrong += !ee_bytes_equal(batch->note, ee_bytes_str("note\n"));
    return ee_cursor_end(&c);
}

static void what_was_appended_is_replayed_in_order(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(5);
    REQUIRE(memory != NULL);
    struct ee_journal *journal = NULL;
    struct seen seen = {0};
    REQUIRE(journal_memory_open(memory, &journal) == EE_OK);
    CHECK(ee_journal_replay(journal, batch_seen, &seen, NULL) == EE_OK);
    CHECK(seen.batches == 5 && seen.commands == 15 && seen.last_seq == 15 && seen.wrong == 0);
    CHECK(ee_journal_last_batch(journal) == 5 && ee_journal_last_seq(journal) == 15);
    CHECK(journal_fill(journal, 1) == EE_OK);
    CHECK(ee_journal_last_seq(journal) == 16);
    ee_journal_close(journal);
    CHECK(journal_memory_check(memory, NULL) == EE_OK);
    ee_journal_memory_free(memory);
}

static void reading_from_the_middle_checks_the_same(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(5);
    REQUIRE(memory != NULL);
    struct ee_journal *journal = NULL;
    struct seen seen = {0};
    struct ee_journal_fault fault = {0};
    uint64_t batch = 0;
    REQUIRE(journal_memory_open(memory, &journal) == EE_OK);
    CHECK(ee_journal_find(journal, 7, &batch) == EE_OK && batch == 4);
    CHECK(ee_journal_find(journal, 10, &batch) == EE_OK && batch == 4);
    CHECK(ee_journal_find(journal, 0, &batch) == EE_NOT_FOUND);
    CHECK(ee_journal_read(journal, 3, 4, batch_seen, &seen, &fault) == EE_OK);
    CHECK(seen.batches == 2 && seen.commands == 7 && seen.last_seq == 10 && seen.wrong == 0);
    CHECK(ee_journal_read(journal, 6, 9, batch_seen, &seen, &fault) == EE_NOT_FOUND);
    ee_journal_memory_flip(memory, 4, EE_JOURNAL_MEMORY_BODY, 17);
    CHECK(ee_journal_read(journal, 3, 3, batch_seen, &seen, &fault) == EE_OK);
    CHECK(ee_journal_read(journal, 4, 4, batch_seen, &seen, &fault) == EE_JOURNAL_CORRUPT);
    CHECK(fault.batch == 4);
    ee_journal_close(journal);
    ee_journal_memory_free(memory);
}

static void flipped_bit_anywhere_is_named(void)
{
    const enum ee_journal_memory_part parts[] = {EE_JOURNAL_MEMORY_BODY, EE_JOURNAL_MEMORY_NOTE,
                                                 EE_JOURNAL_MEMORY_PREV_HASH,
                                                 EE_JOURNAL_MEMORY_HASH};
    struct ee_journal_memory *memory = journal_memory_filled(3);
    REQUIRE(memory != NULL);
    for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++)
        for (uint64_t batch = 1; batch <= 3; batch++)
            for (uint64_t bit = 0; bit < 256; bit++) {
                struct ee_journal_fault fault = {0};
                ee_journal_memory_flip(memory, batch, parts[part], bit);
                CHECK(journal_memory_check(memory, &fault) == EE_JOURNAL_CORRUPT);
                CHECK(fault.batch == batch && fault.what != NULL);
                ee_journal_memory_flip(memory, batch, parts[part], bit);
            }
    CHECK(journal_memory_check(memory, NULL) == EE_OK);
    ee_journal_memory_free(memory);
}

static void changed_numbers_are_refused_even_with_a_fitting_hash(void)
{
    for (unsigned field = 0; field < 4; field++) {
        struct ee_journal_memory *memory = journal_memory_filled(3);
        REQUIRE(memory != NULL);
        struct ee_journal_fault fault = {0};
        struct ee_journal_row *row = ee_journal_memory_row(memory, 2);
        row->first_seq += field == 0;
        row->count += field == 1; /* the body then has a pair too few */
        row->epoch -= field == 2;
        row->prev_hash[0] ^= field == 3;
        journal_row_rehash(row);
        CHECK(journal_memory_check(memory, &fault) ==
              (field == 1 ? EE_TRUNCATED : EE_JOURNAL_CORRUPT));
        CHECK(fault.batch == 2);
        ee_journal_memory_free(memory);
    }
}

static void missing_row_is_named(void)
{
    for (uint64_t missing = 1; missing <= 2; missing++) {
        struct ee_journal_memory *memory = journal_memory_filled(3);
        REQUIRE(memory != NULL);
        struct ee_journal_fault fault = {0};
        ee_journal_memory_drop(memory, missing);
        CHECK(journal_memory_check(memory, &fault) == EE_JOURNAL_CORRUPT);
        CHECK(fault.batch == missing);
        ee_journal_memory_free(memory);
    }
}

/* The last row with another body and the hash that fits it. */
static enum ee_err forged_body_check(struct ee_bytes body, uint32_t count)
{
    struct ee_journal_memory *memory = journal_memory_filled(2);
    struct ee_journal_row *row = ee_journal_memory_row(memory, 2);
    row->body = body;
    row->count = count;
    journal_row_rehash(row);
    enum ee_err err = journal_memory_check(memory, NULL);
    ee_journal_memory_free(memory);
    return err;
}

static void malformed_body_lengths_have_their_own_errors(void)
{
    uint8_t body[64];
    size_t size = journal_body(2, 2, body, sizeof(body)).size;
    CHECK(forged_body_check(ee_bytes_of(body, size), 2) == EE_OK);
    for (size_t cut = 0; cut < size; cut++)
        CHECK(forged_body_check(ee_bytes_of(body, cut), 2) == EE_TRUNCATED);
    CHECK(forged_body_check(ee_bytes_of(body, size), 1) == EE_TRAILING);
    CHECK(forged_body_check(ee_bytes_of(body, size), 3) == EE_TRUNCATED);
    CHECK(forged_body_check(ee_bytes_of(body, size), 0) == EE_JOURNAL_CORRUPT);
    CHECK(forged_body_check(ee_bytes_of(body, size), EE_JOURNAL_COMMANDS_MAX + 1) ==
          EE_JOURNAL_CORRUPT);
    body[0] = 0xff;
    CHECK(forged_body_check(ee_bytes_of(body, size), 2) == EE_TOO_LARGE);
}

static void appends_beyond_the_limits_write_nothing(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(1);
    struct ee_journal *journal = NULL;
    REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
    uint8_t buffer[64];
    struct ee_bytes body = journal_body(2, 1, buffer, sizeof(buffer));
    struct ee_bytes huge = {buffer, EE_JOURNAL_BODY_MAX + 1};
    struct ee_bytes long_note = {buffer, EE_JOURNAL_NOTE_MAX + 1};
    struct ee_bytes note = ee_bytes_str("n");
    CHECK(ee_journal_append(journal, 1, 1, body, note) == EE_STATE); /* not replayed */
    REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
    CHECK(ee_journal_append(journal, 1, 0, body, note) == EE_RANGE);
    CHECK(ee_journal_append(journal, 1, EE_JOURNAL_COMMANDS_MAX + 1, body, note) == EE_RANGE);
    CHECK(ee_journal_append(journal, 0, 1, body, note) == EE_RANGE); /* an older epoch */
    CHECK(ee_journal_append(journal, 1, 1, huge, note) == EE_TOO_LARGE);
    CHECK(ee_journal_append(journal, 1, 1, body, long_note) == EE_TOO_LARGE);
    CHECK(ee_journal_memory_count(memory) == 1);
    CHECK(ee_journal_append(journal, 1, 1, body, note) == EE_OK);
    ee_journal_close(journal);
    ee_journal_memory_free(memory);
}

static void journal_of_another_network_is_refused(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(1);
    REQUIRE(memory != NULL);
    struct ee_journal_options options = journal_options();
    struct ee_journal_store store;
    struct ee_journal *journal = NULL;
    options.network_id[31] ^= 1;
    REQUIRE(ee_journal_memory_store(memory, &store) == EE_OK);
    CHECK(ee_journal_open(&options, store, &journal) == EE_WRONG_NETWORK);
    CHECK(journal_memory_check(memory, NULL) == EE_OK); /* the store was closed */
    ee_journal_memory_free(memory);
}

static void second_journal_on_one_store_is_refused(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(1);
    struct ee_journal *journal = NULL;
    struct ee_journal *second = NULL;
    REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
    CHECK(journal_memory_open(memory, &second) == EE_JOURNAL_LOCKED);
    ee_journal_close(journal);
    ee_journal_memory_free(memory);
}

static void nothing_is_appended_after_a_failed_append(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(1);
    struct ee_journal *journal = NULL;
    REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
    REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
    ee_journal_memory_fail(memory, 1, false);
    CHECK(journal_fill(journal, 1) == EE_OK);
    CHECK(journal_fill(journal, 1) == EE_JOURNAL);
    ee_journal_memory_cut(memory); /* the store would work again; the journal must not */
    CHECK(journal_fill(journal, 1) == EE_JOURNAL);
    CHECK(ee_journal_memory_count(memory) == 2);
    ee_journal_close(journal);
    ee_journal_memory_free(memory);
}

static void row_kept_by_a_failed_append_is_part_of_the_chain(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(1);
    struct ee_journal *journal = NULL;
    REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
    REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
    ee_journal_memory_fail(memory, 0, true);
    CHECK(journal_fill(journal, 1) == EE_JOURNAL);
    ee_journal_close(journal);
    ee_journal_memory_cut(memory);
    CHECK(ee_journal_memory_count(memory) == 2);
    CHECK(journal_memory_check(memory, NULL) == EE_OK);
    ee_journal_memory_free(memory);
}

static void lost_unsynced_suffix_leaves_a_valid_prefix(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(2);
    struct ee_journal *journal = NULL;
    REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
    REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
    ee_journal_memory_lie(memory);
    CHECK(journal_fill(journal, 3) == EE_OK);
    ee_journal_close(journal);
    ee_journal_memory_cut(memory);
    CHECK(ee_journal_memory_count(memory) == 2);
    CHECK(journal_memory_check(memory, NULL) == EE_OK);
    ee_journal_memory_free(memory);
}

/* Whatever of it reached the disk, and although the disk had said it was there. */
static void torn_row_is_named(void)
{
    static const size_t sizes[] = {0, 1, 7, 11};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ee_journal_memory *memory = journal_memory_filled(2);
        struct ee_journal *journal = NULL;
        struct ee_journal_fault fault;
        REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
        REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
        ee_journal_memory_tear(memory, sizes[i]);
        CHECK(journal_fill(journal, 3) == EE_OK);
        ee_journal_close(journal);
        ee_journal_memory_cut(memory);
        CHECK(ee_journal_memory_count(memory) == 3);
        CHECK(journal_memory_check(memory, &fault) == EE_JOURNAL_CORRUPT && fault.batch == 3);
        ee_journal_memory_free(memory);
    }
}

static void full_store_stops_the_journal_and_keeps_what_was(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(2);
    struct ee_journal *journal = NULL;
    REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
    REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
    ee_journal_memory_fill(memory, 1);
    CHECK(journal_fill(journal, 1) == EE_JOURNAL);
    ee_journal_memory_fill(memory, 1 << 20); /* somebody made room: the journal stays stopped */
    CHECK(journal_fill(journal, 1) == EE_JOURNAL);
    ee_journal_close(journal);
    ee_journal_memory_cut(memory);
    CHECK(ee_journal_memory_count(memory) == 2);
    CHECK(journal_memory_check(memory, NULL) == EE_OK);
    ee_journal_memory_free(memory);
}

/* ---- sealing: AES-256-GCM with a nonce that counts, enough for a test ---- */

static const uint8_t seal_key[EE_AEAD_KEY_SIZE] = {7};

static enum ee_err test_seal(void *context, struct ee_bytes associated, struct ee_bytes plain,
                             uint8_t *out, size_t capacity, size_t *size_out)
{
    uint64_t *count = context;
    uint8_t nonce[EE_AEAD_NONCE_SIZE] = {(uint8_t)++ * count};
    if (capacity < plain.size + sizeof(nonce) + EE_AEAD_TAG_SIZE)
        return EE_TOO_LARGE;
    memcpy(out, nonce, sizeof(nonce));
    if (!ee_crypto_openssl.aead_seal(seal_key, nonce, associated, plain, out + sizeof(nonce)))
        return EE_CRYPTO;
    *size_out = plain.size + sizeof(nonce) + EE_AEAD_TAG_SIZE;
    return EE_OK;
}

static enum ee_err test_open(void *context, struct ee_bytes associated, struct ee_bytes sealed,
                             uint8_t *out, size_t capacity, size_t *size_out)
{
    const size_t overhead = EE_AEAD_NONCE_SIZE + EE_AEAD_TAG_SIZE;
    (void)context;
    if (sealed.size < overhead || capacity < sealed.size - overhead)
        return EE_SEAL_OPEN;
    struct ee_bytes rest = {sealed.data + EE_AEAD_NONCE_SIZE, sealed.size - EE_AEAD_NONCE_SIZE};
    if (!ee_crypto_openssl.aead_open(seal_key, sealed.data, associated, rest, out))
        return EE_SEAL_OPEN;
    *size_out = sealed.size - overhead;
    return EE_OK;
}

static enum ee_err sealed_open(struct ee_journal_memory *memory, const struct ee_journal_seal *seal,
                               bool allow_plain, struct ee_journal **out)
{
    struct ee_journal_options options = journal_options();
    struct ee_journal_store store;
    options.seal = seal;
    options.allow_plain = allow_plain;
    EE_TRY(ee_journal_memory_store(memory, &store));
    return ee_journal_open(&options, store, out);
}

static enum ee_err sealed_check(struct ee_journal_memory *memory,
                                const struct ee_journal_seal *seal, bool allow_plain,
                                struct seen *seen)
{
    struct ee_journal *journal = NULL;
    EE_TRY(sealed_open(memory, seal, allow_plain, &journal));
    enum ee_err err = ee_journal_replay(journal, batch_seen, seen, NULL);
    ee_journal_close(journal);
    return err;
}

static void sealed_batches_open_in_their_place_only(void)
{
    uint64_t count = 0;
    struct ee_journal_seal seal = {&count, EE_AEAD_NONCE_SIZE + EE_AEAD_TAG_SIZE, test_seal,
                                   test_open};
    struct ee_journal_memory *memory = NULL;
    struct ee_journal *journal = NULL;
    struct seen seen = {0};
    REQUIRE(ee_journal_memory_new(&memory) == EE_OK);
    REQUIRE(sealed_open(memory, &seal, false, &journal) == EE_OK);
    REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
    CHECK(journal_fill(journal, 3) == EE_OK);
    ee_journal_close(journal);
    const struct ee_journal_row *kept = ee_journal_memory_row(memory, 2);
    REQUIRE(kept != NULL && kept->form == EE_JOURNAL_FORM_SEALED);
    for (size_t i = 0; i + 1 < kept->body.size; i++)
        CHECK(memcmp(kept->body.data + i, "c2", 2) != 0); /* not to be seen on the disk */
    CHECK(sealed_check(memory, &seal, false, &seen) == EE_OK);
    CHECK(seen.commands == 6 && seen.wrong == 0);
    CHECK(sealed_check(memory, NULL, true, &seen) == EE_UNSUPPORTED); /* no key */
    struct ee_journal_row *row = ee_journal_memory_row(memory, 3);
    row->epoch++; /* hash made to fit: only the associated data can tell */
    journal_row_rehash(row);
    CHECK(sealed_check(memory, &seal, false, &seen) == EE_SEAL_OPEN);
    ee_journal_memory_free(memory);
}

static void plain_batch_is_refused_in_production(void)
{
    uint64_t count = 0;
    struct ee_journal_seal seal = {&count, EE_AEAD_NONCE_SIZE + EE_AEAD_TAG_SIZE, test_seal,
                                   test_open};
    struct ee_journal_memory *memory = journal_memory_filled(2);
    struct ee_journal *journal = NULL;
    struct seen seen = {0};
    REQUIRE(memory != NULL);
    CHECK(sealed_check(memory, &seal, false, &seen) == EE_JOURNAL_PLAIN);
    CHECK(seen.batches == 0);
    CHECK(sealed_open(memory, NULL, false, &journal) == EE_JOURNAL_PLAIN); /* could not write */
    CHECK(sealed_check(memory, NULL, true, &seen) == EE_OK);
    struct ee_journal_row *row = ee_journal_memory_row(memory, 2);
    row->form = (enum ee_journal_form)3;
    journal_row_rehash(row);
    CHECK(sealed_check(memory, NULL, true, &seen) == EE_UNSUPPORTED);
    ee_journal_memory_free(memory);
}

static void small_values_are_kept_and_replaced(void)
{
    struct ee_journal_memory *memory = journal_memory_filled(1);
    struct ee_journal *journal = NULL;
    uint8_t out[8];
    size_t size = 0;
    REQUIRE(memory != NULL && journal_memory_open(memory, &journal) == EE_OK);
    CHECK(ee_journal_meta_get(journal, "k", out, sizeof(out), &size) == EE_NOT_FOUND);
    CHECK(ee_journal_meta_put(journal, "k", ee_bytes_str("one")) == EE_OK);
    CHECK(ee_journal_meta_put(journal, "k", ee_bytes_str("three")) == EE_OK);
    CHECK(ee_journal_meta_get(journal, "k", out, 4, &size) == EE_TOO_LARGE);
    CHECK(ee_journal_meta_get(journal, "k", out, sizeof(out), &size) == EE_OK);
    CHECK(size == 5 && memcmp(out, "three", 5) == 0);
    CHECK(ee_journal_meta_put(journal, "", ee_bytes_str("x")) == EE_RANGE);
    CHECK(ee_journal_meta_put(journal, "network", ee_bytes_str("x")) == EE_RANGE);
    CHECK(ee_journal_meta_put(journal, "k", ee_bytes_of(out, EE_JOURNAL_META_MAX + 1)) ==
          EE_TOO_LARGE);
    ee_journal_close(journal);
    ee_journal_memory_free(memory);
}

TESTS(TEST(what_was_appended_is_replayed_in_order), TEST(reading_from_the_middle_checks_the_same),
      TEST(flipped_bit_anywhere_is_named),
      TEST(changed_numbers_are_refused_even_with_a_fitting_hash), TEST(missing_row_is_named),
      TEST(malformed_body_lengths_have_their_own_errors),
      TEST(appends_beyond_the_limits_write_nothing), TEST(journal_of_another_network_is_refused),
      TEST(second_journal_on_one_store_is_refused), TEST(nothing_is_appended_after_a_failed_append),
      TEST(row_kept_by_a_failed_append_is_part_of_the_chain),
      TEST(lost_unsynced_suffix_leaves_a_valid_prefix), TEST(torn_row_is_named),
      TEST(full_store_stops_the_journal_and_keeps_what_was),
      TEST(sealed_batches_open_in_their_place_only), TEST(plain_batch_is_refused_in_production),
      TEST(small_values_are_kept_and_replaced))
