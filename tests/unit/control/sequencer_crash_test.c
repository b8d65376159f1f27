/* SPDX-License-Identifier: Apache-2.0 */
/* A control plane killed at random moments under load: every acknowledged command is in the journal
 * exactly once with the seq it was acknowledged with, and the book balances. The seed is printed;
 * EE_SEED repeats it, EE_CRASH_ROUNDS sets the number of kills. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/sequencer_tools.h"
#include "io/clock.h"
#include "tap.h"

#include "core_fixture.h"

#include "base/banned.h"

enum { ROUNDS = 12, IN_FLIGHT = 32, NUMBERS_MAX = 1 << 19, KILL_AFTER_MAX_MS = 25 };

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value = 0;
    return text != NULL && ee_u64_parse(text, &value) == EE_OK ? value : otherwise;
}

/* ---- the child: submits until it is killed ---- */

struct ack {
    uint64_t number;
    uint64_t seq;
};

struct child {
    struct fixture *f;
    int pipe;
    uint64_t next;
};

struct sent {
    struct child *child;
    uint64_t number;
};

static void transfer_send(struct sent *sent);

static void transfer_answered(void *context, const struct ee_answer *answer)
{
    struct sent *sent = context;
    struct ack ack = {sent->number, answer->seq};
    if (answer->err != EE_OK || write(sent->child->pipe, &ack, sizeof(ack)) != sizeof(ack))
        _exit(3);
    transfer_send(sent);
}

static void transfer_send(struct sent *sent)
{
    uint8_t id[EE_ID_SIZE] = {'t'};
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_transfer_credits transfer = {.to = "bob", .amount = {1}};
    sent->number = sent->child->next++;
    ee_writer_init(&w, id + 8, 8);
    ee_writer_u64(&w, sent->number);
    ee_writer_init(&w, payload, sizeof(payload));
    if (ee_transfer_credits_encode(&transfer, &w) != EE_OK)
        _exit(4);
    struct ee_command_request request = {EE_ACTOR_ACCOUNT, "alice", id, EE_COMMAND_TRANSFER,
                                         ee_writer_done(&w)};
    if (ee_sequencer_submit(sent->child->f->sequencer, &request, transfer_answered, sent) != EE_OK)
        _exit(5);
}

static void child_run(struct core_fixture *c, int pipe_fd, uint64_t first)
{
    static struct sent sent[IN_FLIGHT];
    struct child child = {c->f, pipe_fd, first};
    if (core_fixture_start(c) != EE_OK)
        _exit(6);
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        sent[i].child = &child;
        transfer_send(&sent[i]);
    }
    ee_loop_run(c->f->loop);
    _exit(7);
}

/* ---- the parent: kills, then looks ---- */

static uint64_t *acknowledged; /* by number: the seq; 0: not acknowledged */
static uint8_t *found;         /* by number: times seen in the journal */
static uint64_t acks, wrong;

static bool acks_read(int fd, uint64_t until_us)
{
    struct ack ack;
    for (;;) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        uint64_t now_us = ee_clock_monotonic_us();
        int wait_ms = until_us > now_us ? (int)((until_us - now_us) / 1000) : 0;
        if (poll(&waiting, 1, wait_ms) == 0)
            return true;
        ssize_t got = read(fd, &ack, sizeof(ack));
        if (got != sizeof(ack) || ack.number >= NUMBERS_MAX)
            return false;
        acknowledged[ack.number] = ack.seq;
        acks++;
    }
}

static void round_run(struct core_fixture *c, uint64_t first)
{
    int ends[2];
    int status = 0;
    if (pipe(ends) != 0)
        abort();
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        child_run(c, ends[1], first);
    }
    (void)close(ends[1]);
    uint64_t delay_us = random_next() % (KILL_AFTER_MAX_MS * 1000);
    if (random_next() % 4 != 0) /* under load; else perhaps already while it starts */
        (void)poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, WAIT_MS);
    (void)acks_read(ends[0], ee_clock_monotonic_us() + delay_us);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* it did not give up before */
    while (acks_read(ends[0], 0))                              /* what was still in the pipe */
        ;
    (void)close(ends[0]);
}

static enum ee_err batch_count(void *context, const struct ee_journal_batch *batch)
{
    struct ee_cursor c;
    struct ee_bytes command_bytes;
    struct ee_bytes result;
    struct ee_command command;
    (void)context;
    ee_cursor_init(&c, batch->body);
    while (ee_journal_body_next(&c, &command_bytes, &result, NULL)) {
        EE_TRY(ee_command_decode(command_bytes, &command));
        if (command.kind != EE_COMMAND_TRANSFER)
            continue;
        struct ee_cursor id;
        ee_cursor_init(&id, ee_bytes_of(command.id + 8, 8));
        uint64_t number = ee_cursor_u64(&id);
        if (number >= NUMBERS_MAX)
            return EE_RANGE;
        found[number]++;
        wrong += acknowledged[number] != 0 && acknowledged[number] != command.seq;
    }
    return EE_OK;
}

/* Counts every transfer in the journal; returns how many there are. */
static uint64_t journal_count(struct core_fixture *c)
{
    struct ee_journal_options options = {
        .crypto = &ee_crypto_openssl, .allocator = &ee_allocator_system, .allow_plain = true};
    struct ee_journal_store store;
    struct ee_journal *journal = NULL;
    uint64_t total = 0;
    memcpy(options.network_id, c->f->network_id, 32);
    memset(found, 0, NUMBERS_MAX);
    wrong = 0;
    if (ee_journal_sqlite_open(c->path, EE_JOURNAL_EXISTING, &store) != EE_OK ||
        ee_journal_open(&options, store, &journal) != EE_OK)
        return 0;
    CHECK(ee_journal_replay(journal, batch_count, NULL, NULL) == EE_OK);
    ee_journal_close(journal);
    for (uint64_t number = 0; number < NUMBERS_MAX; number++) {
        CHECK(found[number] <= 1);                              /* none twice */
        CHECK(acknowledged[number] == 0 || found[number] == 1); /* none lost */
        total += found[number];
    }
    CHECK(wrong == 0); /* each where it was said to be */
    return total;
}

/* With snapshots on their way at every moment, `every` commands apart. Each start, mostly from one
 * of them, writes a BOOT with the hash of the state it reached, and replay from the first batch
 * finds the same hashes. */
static void survive_kills(uint64_t every)
{
    struct core_fixture c;
    uint64_t seed = number_from("EE_SEED", ee_clock_wall_us());
    uint64_t rounds = number_from("EE_CRASH_ROUNDS", ROUNDS);
    uint64_t share = NUMBERS_MAX / (rounds + 1);
    const char *rule = NULL;
    struct ee_snapshots_counts counts;
    struct ee_journal_report report;
    uint64_t from_snapshots = 0;
    printf("# seed %llu, %llu kills\n", (unsigned long long)seed, (unsigned long long)rounds);
    random_state = seed | 1;
    acknowledged = calloc(NUMBERS_MAX, sizeof(*acknowledged));
    found = calloc(NUMBERS_MAX, 1);
    REQUIRE(acknowledged != NULL && found != NULL);
    acks = 0;
    core_fixture_init(&c);
    c.snapshot_every = every;
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    fixture_stop(c.f);
    for (uint64_t i = 0; i < rounds; i++) {
        round_run(&c, i * share);
        uint64_t total = journal_count(&c);
        REQUIRE(core_fixture_start(&c) == EE_OK);
        CHECK(core_available(c.f, "bob") == (int64_t)total);
        CHECK(core_available(c.f, "alice") == 1000000000 - (int64_t)total);
        CHECK(ee_core_check(ee_sequencer_core(c.f->sequencer), &rule) == EE_OK);
        if (every > 0) {
            ee_snapshots_counts(c.f->snapshots, &counts);
            from_snapshots += counts.start_seq > 0;
        }
        fixture_stop(c.f);
    }
    CHECK(ee_journal_verify(c.path, &ee_crypto_openssl, NULL, false, &report) == EE_OK);
    printf("# %llu starts from a snapshot\n", (unsigned long long)from_snapshots);
    CHECK((from_snapshots > 0) == (every > 0));
    CHECK(acks > rounds); /* the kills came under load */
    printf("# %llu commands acknowledged\n", (unsigned long long)acks);
    core_fixture_close(&c);
    free(acknowledged);
    free(found);
}

static void acknowledged_commands_survive_kills(void)
{
    survive_kills(0);
}

static void kills_during_snapshots_lose_nothing(void)
{
    survive_kills(100);
}

TESTS(TEST(acknowledged_commands_survive_kills), TEST(kills_during_snapshots_lose_nothing))
