/* SPDX-License-Identifier: Apache-2.0 */
/* Ids that left the core's window are answered from disk as they were from memory, also after
 * restarts and without the index. */
#include "control/old_ids.h"

#include "control/sequencer_tools.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/log.h"
#include "tap.h"

#include "core_fixture.h"

#include "base/banned.h"

enum { MORE = 1000, FEW = 8000 };

static struct core_fixture c;
static uint64_t sent; /* transfers 0 to sent - 1 were made */

static bool transfers_until(uint64_t count)
{
    for (; sent < count; sent++) {
        enum ee_err err = core_transfer(c.f, sent, 1);
        for (int tries = 0; err == EE_FULL && tries < 1000; tries++) {
            if (!fixture_settle(c.f)) /* a batch, or the index, is behind */
                return false;
            err = core_transfer(c.f, sent, 1);
        }
        if (err != EE_OK || (sent % FEW == 0 && !fixture_settle(c.f)))
            return false;
    }
    return fixture_settle(c.f);
}

/* Sends transfer `number` again; its seq when it was answered from memory or disk, else 0. */
static uint64_t again(uint64_t number)
{
    c.f->answer_count = 0;
    if (core_transfer(c.f, number, 1) != EE_OK || !fixture_settle(c.f))
        return 0;
    return c.f->answers[0].repeated && c.f->answers[0].err == EE_OK ? c.f->answers[0].seq : 0;
}

static void old_ones_answer_the_same(uint64_t window)
{
    uint64_t first = again(0), start_us = ee_clock_monotonic_us(), wrong = 0;
    CHECK(first == 6); /* after GENESIS, BOOT, two accounts and the mint */
    for (uint64_t number = 1; number < 50; number++)
        wrong += again(number) != first + number;
    printf("# an old id: %llu us\n",
           (unsigned long long)((ee_clock_monotonic_us() - start_us) / 49));
    CHECK(wrong == 0);
    CHECK(again(MORE - 1) == first + MORE - 1); /* at the edge */
    CHECK(again(window) != 0 && again(sent - 1) != 0);
    CHECK(core_transfer(c.f, 0, 2) == EE_ID_CONFLICT);
    CHECK(core_available(c.f, "bob") == (int64_t)sent);
}

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW 1
#endif
#endif
#ifndef SLOW
#define SLOW 0
#endif

static void ids_beyond_the_window_are_answered_from_disk(void)
{
    struct ee_core_ids ids;
    struct ee_journal_report report;
    char command[256];
    if (SLOW && getenv("EE_TEST_FULL") == NULL)
        SKIP("20 s under sanitizers: EE_TEST_FULL=1 runs it");
    ee_log_set_level(EE_LOG_ERROR);
    core_fixture_init(&c);
    c.old_ids = true;
    c.snapshot_every = 30000;
    sent = 0;
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    ee_core_ids(ee_sequencer_core(c.f->sequencer), &ids);
    REQUIRE(transfers_until(ids.window + MORE));
    ee_core_ids(ee_sequencer_core(c.f->sequencer), &ids);
    CHECK(ids.first == MORE && ids.total == sent);
    old_ones_answer_the_same(ids.window);
    fixture_stop(c.f);
    REQUIRE(core_fixture_start(&c) == EE_OK); /* from a snapshot, with the index */
    old_ones_answer_the_same(ids.window);
    fixture_stop(c.f);
    (void)snprintf(command, sizeof(command), "rm '%s'", c.ids);
    CHECK(system(command) == 0);
    REQUIRE(core_fixture_start(&c) == EE_OK); /* made again from the journal */
    old_ones_answer_the_same(ids.window);
    REQUIRE(transfers_until(sent + MORE));
    old_ones_answer_the_same(ids.window);
    fixture_stop(c.f);
    CHECK(ee_journal_verify(c.path, &ee_crypto_openssl, NULL, false, &report) == EE_OK);
    core_fixture_close(&c);
}

static void damaged_index_is_made_again(void)
{
    core_fixture_init(&c);
    c.old_ids = true;
    sent = 0;
    CHECK(ee_file_write(c.ids, ee_bytes_str("this is no index"), 0600) == EE_OK);
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    CHECK(transfers_until(10) && again(3) != 0);
    core_fixture_close(&c);
}

TESTS(TEST(ids_beyond_the_window_are_answered_from_disk), TEST(damaged_index_is_made_again))
