/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "base/bytes.h"
#include "clock_fixture.h"

#include "base/banned.h"

enum { SECOND = 1000000, JUMP_S = 10 };

static struct test_clock machine;
static struct ee_sequencer_clock ours;

static void setup(uint64_t last_us)
{
    machine = test_clock_new();
    ee_sequencer_clock_init(&ours, test_clock_source(&machine), JUMP_S, last_us);
}

static uint64_t stamp(void)
{
    uint64_t time_us = ee_sequencer_clock_read(&ours);
    ee_sequencer_clock_stamp(&ours, time_us);
    return time_us;
}

static void time_is_the_wall_clock_and_never_repeats(void)
{
    setup(0);
    uint64_t start = machine.wall_us;
    CHECK(stamp() == start);
    CHECK(stamp() == start + 1);
    CHECK(ee_sequencer_clock_read(&ours) == start + 2);
    CHECK(ee_sequencer_clock_read(&ours) == start + 2); /* reading gives nothing out */
    test_clock_pass(&machine, SECOND);
    CHECK(stamp() == start + SECOND);
}

static void small_difference_is_followed_slowly(void)
{
    setup(0);
    uint64_t start = machine.wall_us;
    machine.wall_us += SECOND; /* one second ahead */
    for (int i = 0; i < 10000; i++) {
        test_clock_pass(&machine, 100); /* a second in small steps */
        (void)ee_sequencer_clock_read(&ours);
    }
    CHECK(stamp() == start + SECOND + SECOND / 1000);
    CHECK(!ours.jumped);
    for (int i = 0; i < 1100; i++) {
        test_clock_pass(&machine, SECOND);
        (void)ee_sequencer_clock_read(&ours);
    }
    CHECK(stamp() == machine.wall_us);
    machine.wall_us -= 2 * SECOND; /* behind now: time goes on, a little slower */
    uint64_t before = stamp();
    test_clock_pass(&machine, SECOND);
    CHECK(stamp() == before + SECOND - SECOND / 1000 - 1);
    CHECK(!ours.jumped);
}

static void jump_is_reported_and_not_followed(void)
{
    setup(0);
    uint64_t start = stamp();
    machine.wall_us += (JUMP_S + 1) * (uint64_t)SECOND;
    test_clock_pass(&machine, SECOND);
    CHECK(stamp() == start + SECOND && ours.jumped);
    machine.wall_us -= 2 * (JUMP_S + 1) * (uint64_t)SECOND;
    test_clock_pass(&machine, SECOND);
    CHECK(stamp() == start + 2 * (uint64_t)SECOND && ours.jumped);
    machine.wall_us += (JUMP_S + 1) * (uint64_t)SECOND; /* it came back by itself */
    CHECK(stamp() == start + 2 * (uint64_t)SECOND + 1 && !ours.jumped);
}

static void confirmed_jump_ahead_is_taken_over(void)
{
    setup(0);
    machine.wall_us += 3600 * (uint64_t)SECOND;
    (void)ee_sequencer_clock_read(&ours);
    CHECK(ours.jumped);
    ee_sequencer_clock_accept(&ours);
    CHECK(!ours.jumped && stamp() == machine.wall_us);
    test_clock_pass(&machine, SECOND);
    CHECK(stamp() == machine.wall_us && !ours.jumped);
}

static void confirmed_jump_back_goes_on_from_the_last_time(void)
{
    setup(0);
    test_clock_pass(&machine, SECOND);
    uint64_t last = stamp();
    machine.wall_us -= 3600 * (uint64_t)SECOND;
    (void)ee_sequencer_clock_read(&ours);
    CHECK(ours.jumped);
    ee_sequencer_clock_accept(&ours);
    test_clock_pass(&machine, SECOND);
    CHECK(stamp() == last + SECOND && !ours.jumped);
}

static void start_with_an_earlier_clock_is_a_jump(void)
{
    uint64_t start = test_clock_new().wall_us;
    setup(start + 5 * (uint64_t)SECOND); /* within the limit: wait for the wall clock */
    CHECK(stamp() == start + 5 * (uint64_t)SECOND + 1 && !ours.jumped);
    setup(start + (JUMP_S + 1) * (uint64_t)SECOND);
    CHECK(ours.jumped);
    test_clock_pass(&machine, SECOND);
    CHECK(stamp() == start + (JUMP_S + 2) * (uint64_t)SECOND && ours.jumped);
}

static void machine_clocks_work(void)
{
    uint8_t random[32] = {0};
    struct ee_clock_source source = ee_clock_source_system();
    ee_sequencer_clock_init(&ours, source, JUMP_S, 0);
    uint64_t first = stamp();
    CHECK(first > 1700000000 * (uint64_t)SECOND);
    CHECK(stamp() > first);
    source.random(source.context, random, sizeof(random));
    CHECK(!ee_bytes_all_zero(random, sizeof(random)));
}

TESTS(TEST(time_is_the_wall_clock_and_never_repeats), TEST(small_difference_is_followed_slowly),
      TEST(jump_is_reported_and_not_followed), TEST(confirmed_jump_ahead_is_taken_over),
      TEST(confirmed_jump_back_goes_on_from_the_last_time),
      TEST(start_with_an_earlier_clock_is_a_jump), TEST(machine_clocks_work))
