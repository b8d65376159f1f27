/* SPDX-License-Identifier: Apache-2.0 */
/* A journal over a store in memory or a file, and bodies to put into it. */
#ifndef EE_TESTS_IO_JOURNAL_FIXTURE_H
#define EE_TESTS_IO_JOURNAL_FIXTURE_H

#include "io/crypto_openssl.h"
#include "io/journal_memory.h"

static const uint8_t test_network[32] = {0x4e, 0x45, 0x54};

static inline struct ee_journal_options journal_options(void)
{
    struct ee_journal_options options = {
        .crypto = &ee_crypto_openssl, .allocator = &ee_allocator_system, .allow_plain = true};
    memcpy(options.network_id, test_network, sizeof(test_network));
    return options;
}

/* `count` pairs: command "c<seq>", result "r<seq>". */
static inline struct ee_bytes journal_body(uint64_t first_seq, uint32_t count, uint8_t *out,
                                           size_t capacity)
{
    struct ee_writer w;
    char text[32];
    ee_writer_init(&w, out, capacity);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "c%llu", (unsigned long long)(first_seq + i));
        ee_writer_block(&w, ee_bytes_str(text));
        text[0] = 'r';
        ee_writer_block(&w, ee_bytes_str(text));
    }
    return ee_writer_done(&w);
}

/* Appends batches of 1, 2, ... `batches` commands in epoch 1. */
static inline enum ee_err journal_fill(struct ee_journal *journal, uint32_t batches)
{
    uint8_t buffer[4096];
    for (uint32_t count = 1; count <= batches; count++) {
        struct ee_bytes body =
            journal_body(ee_journal_last_seq(journal) + 1, count, buffer, sizeof(buffer));
        EE_TRY(ee_journal_append(journal, 1, count, body, ee_bytes_str("note\n")));
    }
    return EE_OK;
}

static inline enum ee_err journal_memory_open(struct ee_journal_memory *memory,
                                              struct ee_journal **out)
{
    struct ee_journal_options options = journal_options();
    struct ee_journal_store store;
    EE_TRY(ee_journal_memory_store(memory, &store));
    return ee_journal_open(&options, store, out);
}

/* Opens, replays with no callback, closes; the replay's error. */
static inline enum ee_err journal_memory_check(struct ee_journal_memory *memory,
                                               struct ee_journal_fault *fault)
{
    struct ee_journal *journal = NULL;
    EE_TRY(journal_memory_open(memory, &journal));
    enum ee_err err = ee_journal_replay(journal, NULL, NULL, fault);
    ee_journal_close(journal);
    return err;
}

/* A new store with `batches` batches, closed. */
static inline struct ee_journal_memory *journal_memory_filled(uint32_t batches)
{
    struct ee_journal_memory *memory = NULL;
    struct ee_journal *journal = NULL;
    if (ee_journal_memory_new(&memory) != EE_OK || journal_memory_open(memory, &journal) != EE_OK)
        return NULL;
    enum ee_err err = ee_journal_replay(journal, NULL, NULL, NULL);
    if (err == EE_OK)
        err = journal_fill(journal, batches);
    ee_journal_close(journal);
    return err == EE_OK ? memory : NULL;
}

/* Gives a forged row the hash its content has, so that only the other checks can refuse it. */
static inline void journal_row_rehash(struct ee_journal_row *row)
{
    ee_journal_row_hash(&ee_crypto_openssl, test_network, row, row->hash);
}

#endif
