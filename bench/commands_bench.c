/* SPDX-License-Identifier: Apache-2.0 */
/* Durable commands a second: transfers between two accounts through sequencer, real core and SQLite
 * journal (WAL, synchronous=FULL), answered when their batch is on disk; then replay of that
 * journal, and what the signature of a checkpoint costs. commands_bench [--json] [--sealed]
 * [--commands N]. The journal lies in a new folder under /tmp: the disk there is measured too.
 * --sealed: batches sealed as outside a development network. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/vault.h"
#include "io/clock.h"
#include "tlog/checkpoint.h"

#include "core_fixture.h"

#include "base/banned.h"

enum { FEW = 32, MANY = 2000, SIGNATURES = 2000, PATIENCE_MS = 600000 };

struct run {
    struct fixture *f;
    uint64_t next, sent, answered, wanted;
    bool failed, done;
};

static void submit(struct run *run);

static void on_answer(void *context, const struct ee_answer *answer)
{
    struct run *run = context;
    run->failed = run->failed || answer->err != EE_OK;
    run->answered++;
    if (run->sent < run->wanted && !run->failed)
        submit(run);
    run->done = run->failed || run->answered == run->wanted;
}

/* One micro-dollar from alice to bob, each with an id of its own. */
static void submit(struct run *run)
{
    uint8_t id[EE_ID_SIZE] = {'b'}, payload[512];
    struct ee_writer w;
    struct ee_transfer_credits transfer = {.to = "bob", .amount = {1}};
    ee_writer_init(&w, id + 8, 8);
    ee_writer_u64(&w, run->next++);
    ee_writer_init(&w, payload, sizeof(payload));
    enum ee_err err = ee_transfer_credits_encode(&transfer, &w);
    struct ee_command_request request = {.actor_kind = EE_ACTOR_ACCOUNT,
                                         .actor = "alice",
                                         .id = id,
                                         .kind = EE_COMMAND_TRANSFER,
                                         .payload = ee_writer_done(&w)};
    if (err == EE_OK)
        err = ee_sequencer_submit(run->f->sequencer, &request, on_answer, run);
    run->sent++;
    run->failed = run->failed || err != EE_OK;
}

/* Durable commands a second with so many on their way; 0: it failed. */
static double durable(struct run *run, uint64_t in_flight, uint64_t commands)
{
    run->sent = run->answered = 0;
    run->wanted = commands;
    run->done = false;
    uint64_t begun_us = ee_clock_monotonic_us();
    while (run->sent < in_flight && run->sent < commands && !run->failed)
        submit(run);
    if (run->failed || ee_loop_run_until(run->f->loop, &run->done, PATIENCE_MS) != EE_OK ||
        run->failed)
        return 0;
    return (double)commands * 1e6 / (double)(ee_clock_monotonic_us() - begun_us);
}

static double replayed(struct core_fixture *c)
{
    uint64_t commands = ee_core_seq(ee_sequencer_core(c->f->sequencer));
    fixture_stop(c->f);
    uint64_t begun_us = ee_clock_monotonic_us();
    if (core_fixture_start(c) != EE_OK)
        return 0;
    return (double)commands * 1e6 / (double)(ee_clock_monotonic_us() - begun_us);
}

/* Microseconds a signature of 32 bytes takes, as under each checkpoint. */
static double signature_us(void)
{
    const uint8_t seed[32] = {7};
    uint8_t message[32] = {0}, signature[EE_ED25519_SIGNATURE_SIZE];
    uint64_t begun_us = ee_clock_monotonic_us();
    for (unsigned i = 0; i < SIGNATURES; i++)
        if (!ee_crypto_openssl.ed25519_sign(seed, ee_bytes_of(message, 32), signature))
            return 0;
    return (double)(ee_clock_monotonic_us() - begun_us) / SIGNATURES;
}

static void tell(bool json, uint64_t commands, double few, double many, double replay, double sign)
{
    if (json) {
        json_t *out =
            json_pack("{s:I, s:f, s:f, s:f, s:f}", "commands", (json_int_t)commands,
                      "durable_per_second_32_in_flight", few, "durable_per_second_2000_in_flight",
                      many, "replay_per_second", replay, "checkpoint_signature_us", sign);
        (void)json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        (void)puts("");
        json_decref(out);
        return;
    }
    (void)printf("%-46s %10.0f\n%-46s %10.0f\n%-46s %10.0f\n%-46s %10.1f\n",
                 "durable commands a second, 32 in flight", few,
                 "durable commands a second, 2,000 in flight", many, "replayed commands a second",
                 replay, "microseconds a checkpoint signature", sign);
}

static bool seal(struct core_fixture *c)
{
    static const uint8_t bytes[EE_DATA_KEY_SIZE] = {1};
    struct ee_vault *vault = NULL;
    struct ee_data_key key;
    ee_data_key_init(&ee_crypto_openssl, bytes, &key);
    if (ee_vault_new(&ee_crypto_openssl, &vault) != EE_OK ||
        ee_vault_add(vault, &key, true) != EE_OK)
        return false;
    c->f->seal = ee_vault_journal_seal(vault); /* for the life of the process */
    return true;
}

int main(int argc, char **argv)
{
    static struct core_fixture c;
    uint64_t commands = 100000;
    bool json = false, sealed = false, good = true;
    for (int i = 1; i < argc && good; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--sealed") == 0)
            sealed = true;
        else
            good = strcmp(argv[i], "--commands") == 0 && ++i < argc &&
                   ee_u64_parse(argv[i], &commands) == EE_OK && commands > 0 && commands <= 1000000;
    }
    if (!good) {
        (void)fputs("usage: commands_bench [--json] [--sealed] [--commands N]\n", stderr);
        return 2;
    }
    core_fixture_init(&c);
    struct run run = {.f = c.f};
    double few = 0, many = 0, replay = 0;
    if ((!sealed || seal(&c)) && core_fixture_start(&c) == EE_OK && core_populate(c.f)) {
        few = durable(&run, FEW, commands);
        many = run.failed ? 0 : durable(&run, MANY, commands);
        replay = run.failed ? 0 : replayed(&c);
    }
    core_fixture_close(&c);
    if (few <= 0 || many <= 0 || replay <= 0) {
        (void)fputs("commands_bench: the sequencer refused a command or did not start\n", stderr);
        return 1;
    }
    tell(json, commands, few, many, replay, signature_us());
    return 0;
}
