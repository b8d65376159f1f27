/* SPDX-License-Identifier: Apache-2.0 */
/* The read model's threads over a journal in memory: waiting for a number, deadlines, a full queue,
 * owners that go away, a file that is damaged or gone; and the schedule of webhooks. */
#include "unit/core/network.h"

#include <stdlib.h>
#include <unistd.h>

#include "control/read_model.h"
#include "control/read_store.h"
#include "control/webhooks.h"
#include "io/clock.h"
#include "io/journal_memory.h"
#include "tap.h"

enum { WAIT_MS = 10000 };

struct rig {
    struct network network;
    struct ee_journal_memory *memory;
    struct ee_journal *journal;
    size_t appended; /* bytes of the network's log */
    struct ee_loop *loop;
    struct ee_read_model *model;
    char folder[32], path[64];
};

static enum ee_err nothing(void *context, const struct ee_journal_batch *batch)
{
    (void)context;
    (void)batch;
    return EE_OK;
}

/* An empty journal in memory, ready to be appended to. */
static void journal_open(struct rig *r)
{
    struct ee_journal_store store;
    struct ee_journal_fault fault;
    struct ee_journal_options options = {
        .crypto = &ee_crypto_openssl, .allocator = &ee_allocator_system, .allow_plain = true};
    memcpy(options.network_id, ee_core_network_id(r->network.core), 32);
    CHECK(ee_journal_memory_new(&r->memory) == EE_OK);
    CHECK(ee_journal_memory_store(r->memory, &store) == EE_OK);
    CHECK(ee_journal_open(&options, store, &r->journal) == EE_OK);
    CHECK(ee_journal_replay(r->journal, nothing, NULL, &fault) == EE_OK);
}

static uint32_t commands_in(struct ee_bytes body)
{
    struct ee_cursor c;
    struct ee_bytes command, result;
    uint32_t count = 0;
    ee_cursor_init(&c, body);
    while (ee_journal_body_next(&c, &command, &result, NULL))
        count++;
    return count;
}

/* What the network did since is the next batch. */
static void append(struct rig *r)
{
    struct ee_bytes body =
        ee_bytes_of(r->network.log + r->appended, r->network.log_size - r->appended);
    CHECK(ee_journal_append(r->journal, 1, commands_in(body), body, ee_bytes_str("note")) == EE_OK);
    r->appended = r->network.log_size;
    if (r->model != NULL)
        ee_read_model_poke(r->model);
}

static void model_open(struct rig *r)
{
    const struct ee_read_model_options options = {.allocator = &ee_allocator_system,
                                                  .crypto = &ee_crypto_openssl,
                                                  .loop = r->loop,
                                                  .journal = r->journal,
                                                  .path = r->path};
    CHECK(ee_read_model_new(&options, &r->model) == EE_OK);
}

static void rig_open(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    memcpy(r->folder, "/tmp/ee-read-model-XXXXXX", 26);
    CHECK(mkdtemp(r->folder) != NULL);
    (void)snprintf(r->path, sizeof(r->path), "%s/read.db", r->folder);
    network_open(&r->network, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&r->network);
    journal_open(r);
    append(r);
    CHECK(ee_loop_new(&r->loop) == EE_OK);
    model_open(r);
}

static void rig_close(struct rig *r)
{
    ee_read_model_free(r->model);
    ee_loop_free(r->loop);
    ee_journal_close(r->journal);
    ee_journal_memory_free(r->memory);
    network_close(&r->network);
    CHECK(ee_read_store_remove(r->path) == EE_OK);
    (void)rmdir(r->folder);
}

/* ---- a question ---- */

struct question {
    struct ee_read_job job;
    struct ee_statement_ask ask;
    struct ee_statement_page page;
    enum ee_err err;
    bool done;
};

static enum ee_err question_run(struct ee_read_job *job, struct ee_read_query *query)
{
    struct question *q = job->context;
    return ee_read_query_statement(query, &q->ask, &q->page);
}

static void question_done(struct ee_read_job *job, enum ee_err err)
{
    struct question *q = job->context;
    q->err = err;
    q->done = true;
}

static struct question question_of(uint64_t min_seq, uint64_t wait_ms)
{
    struct question q = {.ask = {.account = "alice", .limit = 100}};
    q.job.min_seq = min_seq;
    q.job.deadline_us = ee_clock_monotonic_us() + wait_ms * 1000;
    return q;
}

static enum ee_err ask(struct rig *r, struct question *q)
{
    q->job.run = question_run;
    q->job.done = question_done;
    q->job.context = q;
    return ee_read_model_ask(r->model, &q->job);
}

/* Asks and waits; the lines of alice up to that number. */
static uint32_t lines_at(struct rig *r, uint64_t seq)
{
    struct question q = question_of(seq, WAIT_MS);
    CHECK(ask(r, &q) == EE_OK);
    CHECK(ee_loop_run_until(r->loop, &q.done, WAIT_MS) == EE_OK);
    CHECK(q.err == EE_OK && q.page.seq >= seq);
    free(q.page.text);
    return q.err == EE_OK ? q.page.count : 0;
}

/* ---- tests ---- */

static void read_waits_for_its_number(void)
{
    struct rig r;
    rig_open(&r);
    uint32_t before = lines_at(&r, ee_core_seq(r.network.core));
    struct question q = question_of(ee_core_seq(r.network.core) + 1, WAIT_MS);
    CHECK(ask(&r, &q) == EE_OK);
    CHECK(ee_loop_run_until(r.loop, &q.done, 150) == EE_TIMEOUT); /* it is not there */
    CHECK(network_transfer(&r.network, "alice", "bob", 5) == EE_OK);
    append(&r);
    CHECK(ee_loop_run_until(r.loop, &q.done, WAIT_MS) == EE_OK);
    CHECK(q.err == EE_OK && q.page.count == before + 1);
    free(q.page.text);
    rig_close(&r);
}

static void deadline_ends_a_wait(void)
{
    struct rig r;
    rig_open(&r);
    struct question q = question_of(1000000, 50);
    CHECK(ask(&r, &q) == EE_OK);
    CHECK(ee_loop_run_until(r.loop, &q.done, WAIT_MS) == EE_OK);
    CHECK(q.err == EE_READ_BEHIND);
    rig_close(&r);
}

static void full_queue_and_owners_that_go_away(void)
{
    static struct question questions[EE_READ_JOBS_MAX + 1];
    struct rig r;
    rig_open(&r);
    for (int i = 0; i < EE_READ_JOBS_MAX; i++) {
        questions[i] = question_of(i % 2 ? 1000000 : 0, WAIT_MS);
        CHECK(ask(&r, &questions[i]) == EE_OK);
    }
    CHECK(ask(&r, &questions[EE_READ_JOBS_MAX]) == EE_FULL);
    for (int i = 0; i < EE_READ_JOBS_MAX; i++) {
        ee_read_model_forget(r.model, &questions[i].job);
        free(questions[i].page.text);
        CHECK(!questions[i].done);
    }
    CHECK(lines_at(&r, 1) > 0); /* there is room again */
    rig_close(&r);
}

static void deleted_or_damaged_file_is_built_anew(void)
{
    struct rig r;
    rig_open(&r);
    uint64_t seq = ee_core_seq(r.network.core);
    uint32_t lines = lines_at(&r, seq);
    ee_read_model_free(r.model);
    FILE *file = fopen(r.path, "r+b");
    REQUIRE(file != NULL);
    for (int i = 0; i < 40000; i++)
        (void)fputc(0x5a, file);
    (void)fclose(file);
    model_open(&r);
    CHECK(lines_at(&r, seq) == lines);
    struct ee_projector_status status;
    ee_read_model_status(r.model, &status);
    CHECK(status.rebuilds == 1 && status.err == EE_OK);
    ee_read_model_free(r.model);
    CHECK(ee_read_store_remove(r.path) == EE_OK);
    model_open(&r);
    CHECK(lines_at(&r, seq) == lines);
    rig_close(&r);
}

/* A journal that was put back to an older state. */
static void file_ahead_of_the_journal_is_built_anew(void)
{
    struct rig r;
    rig_open(&r);
    uint64_t seq = ee_core_seq(r.network.core);
    uint32_t lines = lines_at(&r, seq);
    size_t first = r.appended;
    CHECK(network_transfer(&r.network, "alice", "bob", 5) == EE_OK);
    append(&r);
    CHECK(lines_at(&r, seq + 1) == lines + 1);
    ee_read_model_free(r.model);
    r.model = NULL;
    ee_journal_close(r.journal);
    ee_journal_memory_free(r.memory);
    journal_open(&r);
    r.appended = 0;
    r.network.log_size = first; /* as if the last batch had never been */
    append(&r);
    model_open(&r);
    struct ee_projector_status status;
    for (int i = 0; i < 200; i++) {
        ee_read_model_status(r.model, &status);
        if (status.rebuilds == 1 && status.caught_up)
            break;
        (void)usleep(10000);
    }
    CHECK(status.rebuilds == 1 && status.seq == seq);
    CHECK(lines_at(&r, seq) == lines);
    rig_close(&r);
}

static void retries_spread_over_three_days(void)
{
    int64_t least = 0, most = 0;
    for (uint32_t attempts = 1; attempts < EE_WEBHOOK_ATTEMPTS_MAX; attempts++) {
        int64_t low = INT64_MAX, high = 0;
        for (uint32_t random = 0; random < 20000; random++) {
            int64_t delay = ee_webhook_backoff_s(attempts, random);
            low = delay < low ? delay : low;
            high = delay > high ? delay : high;
        }
        CHECK(low > 0 && high < 15 * 3600);
        CHECK(ee_webhook_backoff_s(attempts, 3) == ee_webhook_backoff_s(attempts, 3));
        least += low;
        most += high;
    }
    CHECK(least > 36 * 3600 && most < 96 * 3600);
    CHECK(ee_webhook_backoff_s(1, 0) == 4 && ee_webhook_backoff_s(1, 2) == 6);
}

TESTS(TEST(read_waits_for_its_number), TEST(deadline_ends_a_wait),
      TEST(full_queue_and_owners_that_go_away), TEST(deleted_or_damaged_file_is_built_anew),
      TEST(file_ahead_of_the_journal_is_built_anew), TEST(retries_spread_over_three_days))
