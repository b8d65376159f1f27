/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot costs a network with many accounts: how long the sequencer stands still, how late
 * answers come while it is written, how long it takes, and what a start takes with and without it.
 * snapshot_bench [--json] [ACCOUNTS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/clock.h"
#include "io/log.h"

#include "core_fixture.h"

#include "base/banned.h"

/* Warmed up past 2^17 transfers and measured before 2^18, so that no table doubles meanwhile: that
 * stall is its own, with snapshots or without. */
enum { IN_FLIGHT = 256, WARM_UP = 140000, MEASURED = 60000 };

static struct core_fixture c;
static bool json;
static uint64_t numbers;

static void line(const char *name, const char *unit, double value)
{
    if (json)
        printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.3f}\n", name, unit, value);
    else
        printf("%-58s %12.2f %s\n", name, value, unit);
    (void)fflush(stdout);
}

static double seconds_since(uint64_t start_us)
{
    return (double)(ee_clock_monotonic_us() - start_us) / 1e6;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "snapshot_bench: %s\n", what);
    exit(1);
}

/* ---- accounts ---- */

static void accounts_make(uint64_t count)
{
    uint64_t start_us = ee_clock_monotonic_us();
    char name[EE_NAME_MAX + 1];
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "account-%llu", (unsigned long long)i);
        enum ee_err err = core_account(c.f, name);
        if (err == EE_FULL) {
            if (!fixture_settle(c.f))
                die("the journal failed");
            err = core_account(c.f, name);
        }
        if (err != EE_OK)
            die(ee_err_name(err));
    }
    if (!fixture_settle(c.f))
        die("the journal failed");
    line("accounts made, commands of one key each, per second", "1/s",
         (double)count / seconds_since(start_us));
}

/* ---- load: so many transfers on their way at once, each answer sends the next ---- */

struct sent {
    uint64_t sent_us;
};

static struct {
    uint64_t left, answers, accounts, last_us;
    uint64_t worst_us, worst_gap_us;
    uint32_t latency_us[WARM_UP];
    size_t samples;
    unsigned open;
    bool done;
} load;

static void send(struct sent *sent);

static void answered(void *context, const struct ee_answer *answer)
{
    struct sent *sent = context;
    uint64_t now_us = ee_clock_monotonic_us(), took_us = now_us - sent->sent_us;
    if (answer->err != EE_OK)
        die(ee_err_name(answer->err));
    load.answers++;
    load.latency_us[load.samples++] = (uint32_t)took_us;
    if (took_us > load.worst_us)
        load.worst_us = took_us;
    if (load.last_us != 0 && now_us - load.last_us > load.worst_gap_us)
        load.worst_gap_us = now_us - load.last_us;
    load.last_us = now_us;
    load.open--;
    if (load.left > 0)
        send(sent);
    else if (load.open == 0)
        load.done = true;
}

static void send(struct sent *sent)
{
    uint8_t id[EE_ID_SIZE] = {'b'}, payload[512];
    struct ee_writer w;
    struct ee_transfer_credits transfer = {.amount = {1}};
    uint64_t number = numbers++;
    (void)snprintf(transfer.to, sizeof(transfer.to), "account-%llu",
                   (unsigned long long)(number * 7919 % load.accounts));
    ee_writer_init(&w, id + 8, 8);
    ee_writer_u64(&w, number);
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_transfer_credits_encode(&transfer, &w) != EE_OK)
        die("encode");
    struct ee_command_request request = {EE_ACTOR_ACCOUNT, "alice", id, EE_COMMAND_TRANSFER,
                                         ee_writer_done(&w)};
    sent->sent_us = ee_clock_monotonic_us();
    load.open++;
    load.left--;
    if (ee_sequencer_submit(c.f->sequencer, &request, answered, sent) != EE_OK)
        die("submit");
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void load_run(uint64_t accounts, uint64_t count, const char *when)
{
    static struct sent sent[IN_FLIGHT];
    char name[128];
    memset(&load, 0, sizeof(load));
    load.accounts = accounts;
    load.left = count;
    uint64_t start_us = ee_clock_monotonic_us();
    for (size_t i = 0; i < IN_FLIGHT; i++)
        send(&sent[i]);
    if (ee_loop_run_until(c.f->loop, &load.done, 600000) != EE_OK)
        die("the load did not end");
    if (when == NULL)
        return;
    qsort(load.latency_us, load.samples, sizeof(*load.latency_us), ascending);
    (void)snprintf(name, sizeof(name), "%s: durable transfers per second", when);
    line(name, "1/s", (double)load.answers / seconds_since(start_us));
    (void)snprintf(name, sizeof(name), "%s: answer, median", when);
    line(name, "ms", (double)load.latency_us[load.samples / 2] / 1e3);
    (void)snprintf(name, sizeof(name), "%s: answer, 99.9 %%", when);
    line(name, "ms", (double)load.latency_us[load.samples - 1 - load.samples / 1000] / 1e3);
    (void)snprintf(name, sizeof(name), "%s: latest answer", when);
    line(name, "ms", (double)load.worst_us / 1e3);
    (void)snprintf(name, sizeof(name), "%s: longest time without any answer", when);
    line(name, "ms", (double)load.worst_gap_us / 1e3);
}

/* ---- the whole ---- */

static void start(uint64_t every, const char *what)
{
    struct ee_snapshots_counts counts;
    c.snapshot_every = every;
    uint64_t start_us = ee_clock_monotonic_us();
    if (core_fixture_start(&c) != EE_OK)
        die("start");
    if (what == NULL)
        return;
    line(what, "s", seconds_since(start_us));
    if (every == 0)
        return;
    ee_snapshots_counts(c.f->snapshots, &counts);
    if (counts.start_seq == 0)
        die("it did not start from a snapshot");
}

static uint64_t word(int argc, char **argv, int index, uint64_t otherwise)
{
    uint64_t value;
    return argc > index && ee_u64_parse(argv[index], &value) == EE_OK ? value : otherwise;
}

int main(int argc, char **argv)
{
    struct ee_snapshots_counts counts;
    json = argc > 1 && strcmp(argv[1], "--json") == 0;
    uint64_t accounts = word(argc, argv, 1 + json, 1000000);
    ee_log_set_level(EE_LOG_ERROR);
    core_fixture_init(&c);
    start(0, NULL);
    if (!core_populate(c.f))
        die("populate");
    accounts_make(accounts);
    load_run(accounts, WARM_UP, NULL);
    load_run(accounts, MEASURED, "no snapshot");
    fixture_stop(c.f);
    start(0, "start by replay of every command");
    fixture_stop(c.f);
    start(1000, NULL); /* whose end writes one */
    fixture_stop(c.f);
    start(1000, "start from a snapshot");
    load_run(accounts, MEASURED, "snapshots one after the other");
    ee_snapshots_counts(c.f->snapshots, &counts);
    line("snapshots written meanwhile", "", (double)counts.written);
    line("sequencer stands still for a snapshot, at most", "ms", (double)counts.stall_us_max / 1e3);
    line("size of a snapshot", "MB", (double)counts.size / 1e6);
    line("time to write one, beside the load", "s", (double)counts.write_us / 1e6);
    fixture_stop(c.f);
    start(1000, "start from a snapshot, after the load");
    core_fixture_close(&c);
    return 0;
}
