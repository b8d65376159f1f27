/* SPDX-License-Identifier: Apache-2.0 */
/* Sequencer, real core and SQLite together: restarts, receipts, tools. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "control/liabilities_book.h"
#include "control/receipt_store.h"
#include "control/sequencer_tools.h"
#include "tap.h"

#include "core_fixture.h"

#include "base/banned.h"

enum { NOW_S = 1800000000, DAY_S = 86400 };

#define CRYPTO (&ee_crypto_openssl)

static void money_survives_a_restart(void)
{
    struct core_fixture c;
    uint8_t id_is_kept = 0;
    core_fixture_init(&c);
    struct fixture *f = c.f;
    REQUIRE(core_fixture_start(&c) == EE_OK);
    REQUIRE(core_populate(f));
    CHECK(core_transfer(f, 1, 2000000) == EE_OK);
    CHECK(core_transfer(f, 2, 5000000000) == EE_OK); /* more than there is */
    CHECK(fixture_settle(f));
    CHECK(f->answers[3].err == EE_OK && f->answers[4].err == EE_INSUFFICIENT_CREDITS);
    fixture_stop(f);
    REQUIRE(core_fixture_start(&c) == EE_OK);
    CHECK(core_available(f, "alice") == 998000000 && core_available(f, "bob") == 2000000);
    CHECK(ee_core_epoch(ee_sequencer_core(f->sequencer)) == 2);
    CHECK(core_transfer(f, 1, 2000000) == EE_OK && core_transfer(f, 2, 5000000000) == EE_OK);
    CHECK(core_transfer(f, 1, 2000001) == EE_ID_CONFLICT);
    CHECK(fixture_settle(f));
    for (size_t i = 0; i < f->answer_count; i++)
        id_is_kept += f->answers[i].repeated;
    CHECK(id_is_kept == 2 && f->answers[1].err == EE_INSUFFICIENT_CREDITS);
    CHECK(core_available(f, "bob") == 2000000);
    core_fixture_close(&c);
}

static void second_control_plane_is_refused(void)
{
    struct core_fixture c;
    struct ee_journal_store store;
    struct ee_journal_report report;
    core_fixture_init(&c);
    REQUIRE(core_fixture_start(&c) == EE_OK);
    CHECK(ee_journal_sqlite_open(c.path, EE_JOURNAL_EXISTING, &store) == EE_JOURNAL_LOCKED);
    CHECK(ee_journal_verify(c.path, CRYPTO, NULL, false, &report) == EE_JOURNAL_LOCKED);
    core_fixture_close(&c);
}

/* ---- receipts ---- */

static enum ee_err receipt_of(struct core_fixture *c, struct ee_receipt_store *store, uint64_t seq,
                              struct ee_receipt_fact *fact)
{
    static uint8_t canonical[EE_RECEIPT_SIZE_MAX];
    struct ee_receipt receipt;
    char *text = NULL;
    size_t size = 0;
    EE_TRY(ee_receipt_store_receipt(store, c->f->sequencer, seq, &text, &size));
    enum ee_err err =
        ee_receipt_file_read(CRYPTO, ee_bytes_of(text, size), canonical, sizeof(canonical), &size);
    free(text);
    EE_TRY(err);
    EE_TRY(ee_receipt_decode(ee_bytes_of(canonical, size), &receipt));
    if (!ee_bytes_equal(receipt.evidence, ee_bytes_str("{\"evidence\":1}\n")))
        return EE_RECEIPT;
    return ee_receipt_verify(CRYPTO, &receipt, c->f->network_id,
                             ee_sequencer_checkpoint_key(c->f->sequencer), fact);
}

static void receipts_of_every_command_verify(void)
{
    struct core_fixture c;
    struct ee_receipt_store *store = NULL;
    static struct ee_receipt_fact fact;
    uint8_t hash[32];
    uint8_t other[32] = {1};
    core_fixture_init(&c);
    struct ee_receipt_store_options options = {.crypto = CRYPTO, .folder = c.evidence};
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK);
    CHECK(receipt_of(&c, store, 1, &fact) == EE_STATE); /* no signer yet */
    CHECK(ee_receipt_store_put(store, ee_bytes_str("{\"evidence\":1}\n"), hash) == EE_OK);
    CHECK(ee_receipt_store_set_signer(store, other) == EE_NOT_FOUND);
    CHECK(ee_receipt_store_set_signer(store, hash) == EE_OK);
    for (int i = 0; i < 20; i++)
        CHECK(core_transfer(c.f, (uint64_t)i, 1) == EE_OK && (i % 3 != 0 || fixture_settle(c.f)));
    CHECK(core_transfer(c.f, 99, 1) == EE_OK); /* applied, not durable */
    CHECK(fixture_settle(c.f));
    uint64_t last = ee_sequencer_durable_seq(c.f->sequencer);
    CHECK(last == 26);
    for (uint64_t seq = 1; seq <= last; seq++) {
        CHECK(receipt_of(&c, store, seq, &fact) == EE_OK);
        CHECK(fact.command.seq == seq && fact.checkpoint.size == last);
    }
    CHECK(fact.command.kind == EE_COMMAND_TRANSFER && fact.result.err == EE_OK);
    CHECK(receipt_of(&c, store, 0, &fact) == EE_NOT_FOUND);
    CHECK(core_transfer(c.f, 100, 1) == EE_OK);
    CHECK(receipt_of(&c, store, last + 1, &fact) == EE_NOT_FOUND); /* not durable yet */
    CHECK(fixture_settle(c.f) && receipt_of(&c, store, last + 1, &fact) == EE_OK);
    ee_receipt_store_free(store);
    core_fixture_close(&c);
}

static void evidence_documents_are_written_once_and_bounded(void)
{
    struct core_fixture c;
    struct ee_receipt_store *store = NULL;
    struct ee_file_data document;
    static uint8_t large[EE_RECEIPT_EVIDENCE_MAX + 1];
    uint8_t hash[32];
    uint8_t again[32];
    char text[65];
    char path[256];
    core_fixture_init(&c);
    struct ee_receipt_store_options options = {CRYPTO, c.evidence, 2};
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK);
    CHECK(ee_receipt_store_put(store, ee_bytes_str(""), hash) == EE_RANGE);
    CHECK(ee_receipt_store_put(store, ee_bytes_of(large, sizeof(large)), hash) == EE_TOO_LARGE);
    CHECK(ee_receipt_store_put(store, ee_bytes_str("one"), hash) == EE_OK);
    CHECK(ee_receipt_store_put(store, ee_bytes_str("one"), again) == EE_OK);
    CHECK(memcmp(hash, again, 32) == 0);
    CHECK(ee_receipt_store_put(store, ee_bytes_of(large, sizeof(large) - 1), again) == EE_OK);
    REQUIRE(ee_receipt_store_get(store, hash, &document) == EE_OK);
    CHECK(document.size == 3 && memcmp(document.data, "one", 3) == 0);
    ee_file_data_free(&document);
    ee_receipt_store_free(store);
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK);
    CHECK(ee_receipt_store_put(store, ee_bytes_str("one"), again) == EE_OK);
    CHECK(ee_receipt_store_early(store) == 0);
    (void)snprintf(path, sizeof(path), "%s/%s.json", c.evidence, ee_hex_encode(hash, 32, text));
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    (void)fputs("two", file);
    (void)fclose(file);
    CHECK(ee_receipt_store_get(store, hash, &document) == EE_JOURNAL_CORRUPT);
    again[0] ^= 1;
    CHECK(ee_receipt_store_get(store, again, &document) == EE_NOT_FOUND);
    ee_receipt_store_free(store);
    core_fixture_close(&c);
}

/* ---- retention ---- */

/* Stores document `number` as if so many days ago; takes effect when the store is opened again. */
static bool store_aged(const struct core_fixture *c, struct ee_receipt_store *store,
                       unsigned number, unsigned days, uint8_t hash[32])
{
    char text[65], path[256], content[16];
    (void)snprintf(content, sizeof(content), "document %u", number);
    if (ee_receipt_store_put(store, ee_bytes_str(content), hash) != EE_OK)
        return false;
    const struct timespec times[2] = {{.tv_sec = NOW_S - days * DAY_S},
                                      {.tv_sec = NOW_S - days * DAY_S}};
    (void)snprintf(path, sizeof(path), "%s/%s.json", c->evidence, ee_hex_encode(hash, 32, text));
    return utimensat(AT_FDCWD, path, times, 0) == 0;
}

static bool is_there(struct ee_receipt_store *store, const uint8_t hash[32])
{
    struct ee_file_data document;
    if (ee_receipt_store_get(store, hash, &document) != EE_OK)
        return false;
    ee_file_data_free(&document);
    return true;
}

static void old_evidence_goes_a_few_at_a_time_except_the_signers(void)
{
    struct core_fixture c;
    struct ee_receipt_store *store = NULL;
    uint8_t hashes[10][32];
    core_fixture_init(&c);
    struct ee_receipt_store_options options = {.crypto = CRYPTO, .folder = c.evidence};
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK);
    for (unsigned i = 0; i < 10; i++)
        CHECK(store_aged(&c, store, i, 10 - i, hashes[i])); /* 10 to 1 days old */
    ee_receipt_store_free(store);
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK);
    CHECK(ee_receipt_store_set_signer(store, hashes[1]) == EE_OK);
    CHECK(ee_receipt_store_sweep(store, NOW_S - 20 * DAY_S, 100) == 0);
    CHECK(ee_receipt_store_sweep(store, NOW_S - 5 * DAY_S, 2) == 2);
    CHECK(!is_there(store, hashes[0]) && !is_there(store, hashes[2]) && is_there(store, hashes[3]));
    CHECK(ee_receipt_store_sweep(store, NOW_S - 5 * DAY_S, 100) == 2);
    CHECK(ee_receipt_store_sweep(store, NOW_S - 5 * DAY_S, 100) == 0);
    CHECK(!is_there(store, hashes[4]) && is_there(store, hashes[5]) && is_there(store, hashes[9]));
    CHECK(is_there(store, hashes[1]));
    ee_receipt_store_free(store);
    core_fixture_close(&c);
}

/* Else no agent would come back after the next restart. */
static void full_store_lets_the_oldest_go(void)
{
    struct core_fixture c;
    struct ee_receipt_store *store = NULL;
    uint8_t hashes[4][32];
    core_fixture_init(&c);
    struct ee_receipt_store_options options = {CRYPTO, c.evidence, 3};
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK);
    for (unsigned i = 0; i < 3; i++)
        CHECK(store_aged(&c, store, i, 3 - i, hashes[i]));
    ee_receipt_store_free(store);
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK);
    CHECK(ee_receipt_store_set_signer(store, hashes[0]) == EE_OK);
    CHECK(store_aged(&c, store, 3, 0, hashes[3]));
    CHECK(is_there(store, hashes[0]) && !is_there(store, hashes[1]));
    CHECK(is_there(store, hashes[2]) && is_there(store, hashes[3]));
    CHECK(ee_receipt_store_early(store) == 1);
    ee_receipt_store_free(store);
    options.documents_max = 1;
    REQUIRE(ee_receipt_store_new(&options, &store) == EE_OK); /* more are there than may be */
    CHECK(ee_receipt_store_set_signer(store, hashes[0]) == EE_OK);
    CHECK(!store_aged(&c, store, 9, 0, hashes[1]) && is_there(store, hashes[0]));
    ee_receipt_store_free(store);
    core_fixture_close(&c);
}

/* ---- tools ---- */

static bool sql_run(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    bool done = sqlite3_open(path, &db) == SQLITE_OK &&
                sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(db);
    return done;
}

static void verify_recomputes_and_names_the_first_bad_record(void)
{
    struct core_fixture c;
    struct ee_journal_report report;
    uint8_t state[32];
    core_fixture_init(&c);
    CHECK(ee_journal_verify(c.path, CRYPTO, NULL, false, &report) == EE_NOT_FOUND);
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    ee_core_state_hash(ee_sequencer_core(c.f->sequencer), state);
    fixture_stop(c.f);
    REQUIRE(ee_journal_verify(c.path, CRYPTO, NULL, false, &report) == EE_OK);
    CHECK(report.batches == 2 && report.commands == 5 && report.epoch == 1);
    CHECK(memcmp(report.state_hash, state, 32) == 0);
    CHECK(memcmp(report.network_id, c.f->network_id, 32) == 0 && report.fault.what == NULL);
    CHECK(sql_run(c.path, "UPDATE batch SET body = zeroblob(length(body)) WHERE batch = 2"));
    CHECK(ee_journal_verify(c.path, CRYPTO, NULL, false, &report) == EE_JOURNAL_CORRUPT);
    CHECK(report.fault.batch == 2 && report.fault.what != NULL && report.commands == 2);
    core_fixture_close(&c);
}

struct exported {
    size_t lines;
    char last[4096];
    char first[8192];
};

static enum ee_err line_keep(void *context, struct ee_bytes line)
{
    struct exported *e = context;
    if (line.size == 0 || line.data[line.size - 1] != '\n')
        return EE_SYNTAX;
    if (e->lines++ == 0)
        (void)snprintf(e->first, sizeof(e->first), "%.*s", (int)line.size, line.data);
    (void)snprintf(e->last, sizeof(e->last), "%.*s", (int)line.size, line.data);
    return e->lines < 1000 ? EE_OK : EE_FULL;
}

static void export_gives_a_line_per_command(void)
{
    struct core_fixture c;
    static struct exported e;
    struct ee_journal_fault fault = {0};
    core_fixture_init(&c);
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    CHECK(core_transfer(c.f, 1, 5) == EE_OK && fixture_settle(c.f));
    fixture_stop(c.f);
    memset(&e, 0, sizeof(e));
    CHECK(ee_journal_export(c.path, CRYPTO, NULL, 1, line_keep, &e, &fault) == EE_OK);
    CHECK(e.lines == 6);
    CHECK(strstr(e.first, "\"kind\":\"genesis\"") != NULL &&
          strstr(e.first, "\"seq\":\"1\"") != NULL);
    CHECK(strstr(e.last, "\"kind\":\"transfer\"") != NULL &&
          strstr(e.last, "\"actor\":\"alice\"") != NULL &&
          strstr(e.last, "\"result\":\"ok\"") != NULL);
    memset(&e, 0, sizeof(e));
    CHECK(ee_journal_export(c.path, CRYPTO, NULL, 4, line_keep, &e, &fault) == EE_OK);
    CHECK(e.lines == 3 && strstr(e.first, "\"seq\":\"4\"") != NULL);
    e.lines = 998; /* the reader has enough */
    CHECK(ee_journal_export(c.path, CRYPTO, NULL, 1, line_keep, &e, &fault) == EE_FULL);
    core_fixture_close(&c);
}

/* ---- what only a replay can see ---- */

static enum ee_err owe(struct fixture *f, const struct ee_liabilities *said)
{
    uint8_t payload[128];
    struct ee_writer w;
    ee_writer_init(&w, payload, sizeof(payload));
    EE_TRY(ee_liabilities_encode(said, &w));
    return core_submit(f, EE_ACTOR_SYSTEM, "", EE_COMMAND_LIABILITIES, ee_writer_done(&w), NULL);
}

/* Marks, and says the root, with `lie` in its first byte. */
static enum ee_err owed_journal(struct core_fixture *c, uint8_t lie,
                                struct ee_journal_report *report)
{
    const struct ee_liabilities mark = {.of_seq = 0};
    struct ee_tlog_sum root;
    struct fixture *f = c->f;
    EE_TRY(core_fixture_start(c));
    if (!core_populate(f))
        return EE_STATE;
    EE_TRY(owe(f, &mark));
    const struct ee_core *core = ee_sequencer_core(f->sequencer);
    EE_TRY(ee_liabilities_root(core, CRYPTO, &ee_allocator_system, &root));
    struct ee_liabilities said = {.of_seq = ee_core_liabilities_marked(core)->of_seq,
                                  .count = ee_core_liabilities_marked(core)->count,
                                  .total = {(int64_t)root.sum}};
    memcpy(said.root, root.hash.bytes, sizeof(said.root));
    said.root[0] ^= lie;
    EE_TRY(core_transfer(f, 7, 1000)); /* what comes between is not summed up */
    EE_TRY(owe(f, &said));
    if (!fixture_settle(f) || f->answers[f->answer_count - 1].err != EE_OK)
        return EE_STATE;
    fixture_stop(f);
    return ee_journal_verify(c->path, CRYPTO, NULL, false, report);
}

static void replay_finds_a_root_of_other_balances(void)
{
    struct core_fixture c;
    struct ee_journal_report report;
    core_fixture_init(&c);
    CHECK(owed_journal(&c, 0, &report) == EE_OK);
    core_fixture_close(&c);
    core_fixture_init(&c);
    CHECK(owed_journal(&c, 1, &report) == EE_REPLAY);
    CHECK(report.fault.what && strstr(report.fault.what, "owed") && report.fault.seq > 0);
    core_fixture_close(&c);
}

TESTS(TEST(money_survives_a_restart), TEST(second_control_plane_is_refused),
      TEST(receipts_of_every_command_verify), TEST(evidence_documents_are_written_once_and_bounded),
      TEST(old_evidence_goes_a_few_at_a_time_except_the_signers),
      TEST(full_store_lets_the_oldest_go), TEST(verify_recomputes_and_names_the_first_bad_record),
      TEST(export_gives_a_line_per_command), TEST(replay_finds_a_root_of_other_balances))
