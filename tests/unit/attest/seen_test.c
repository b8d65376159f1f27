/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral that is older than what was seen, number by number. */
#include "attest/collateral_seen.h"
#include "tap.h"

static const struct ee_collateral_seen base = {.fmspc = {1},
                                               .tcb_evaluation = 19,
                                               .tcb_issued_s = 1000000,
                                               .qe_evaluation = 18,
                                               .qe_issued_s = 1000000,
                                               .root_crl_number = 4,
                                               .pck_crl_number = 7};

static bool older(const struct ee_collateral_seen *next)
{
    struct ee_finding f;
    enum ee_reason reason = ee_attest_collateral_not_older(&base, next, 100, &f);
    CHECK(f.reason == reason);
    return reason == EE_REASON_COLLATERAL_OLDER;
}

static void each_number_that_goes_down(void)
{
    struct ee_collateral_seen next = base;
    CHECK(!older(&next));
    next.tcb_evaluation = 18;
    CHECK(older(&next));
    next = base;
    next.qe_evaluation = 17;
    CHECK(older(&next));
    next = base;
    next.root_crl_number = 3;
    CHECK(older(&next));
    next = base;
    next.pck_crl_number = 6;
    CHECK(older(&next));
    next.processor_ca = true; /* numbered apart */
    CHECK(!older(&next));
    next = base;
    next.fmspc[0] = 2; /* another family has its own numbers */
    next.tcb_evaluation = 5;
    CHECK(!older(&next));
    next.qe_evaluation = 5; /* but the QE identity is one for all */
    CHECK(older(&next));
}

static void issue_dates_within_the_slack_under_one_number(void)
{
    struct ee_collateral_seen next = base;
    next.tcb_issued_s -= 100;
    next.qe_issued_s -= 100;
    CHECK(!older(&next));
    next.tcb_issued_s--;
    CHECK(older(&next));
    next.tcb_evaluation = 20; /* a higher number counts more than a date */
    CHECK(!older(&next));
    next.qe_issued_s--;
    CHECK(older(&next));
}

static void memory_keeps_the_newest_of_each_value(void)
{
    struct ee_collateral_memory memory = {0}, again;
    struct ee_collateral_seen next = base;
    struct ee_finding f;
    uint8_t bytes[EE_COLLATERAL_SEEN_SIZE_MAX];
    struct ee_writer w;
    ee_attest_collateral_remember(&memory, &base);
    next.tcb_evaluation = 20;
    next.tcb_issued_s = 5; /* of number 20 */
    next.pck_crl_number = 2;
    ee_attest_collateral_remember(&memory, &next);
    CHECK(memory.count == 1 && memory.row[0].tcb_evaluation == 20);
    CHECK(memory.row[0].tcb_issued_s == 5 && memory.row[0].pck_crl_number == 7);
    CHECK(ee_attest_collateral_recall(&memory, &base, 0, &f) == EE_REASON_COLLATERAL_OLDER);
    CHECK(f.have == 19 && f.need == 20);
    next.processor_ca = true;
    ee_attest_collateral_remember(&memory, &next);
    CHECK(memory.count == 2);
    ee_writer_init(&w, bytes, sizeof(bytes));
    REQUIRE(ee_attest_collateral_memory_encode(&memory, &w) == EE_OK);
    REQUIRE(ee_attest_collateral_memory_decode(ee_writer_done(&w), &again) == EE_OK);
    CHECK(again.count == 2 && again.row[1].processor_ca && again.row[0].tcb_evaluation == 20);
    for (size_t i = 0; i < w.size; i++)
        CHECK(ee_attest_collateral_memory_decode(ee_bytes_of(bytes, i), &again) != EE_OK);
    memory.row[1] = memory.row[0];
    ee_writer_init(&w, bytes, sizeof(bytes));
    REQUIRE(ee_attest_collateral_memory_encode(&memory, &w) == EE_OK);
    CHECK(ee_attest_collateral_memory_decode(ee_writer_done(&w), &again) == EE_DUPLICATE_FIELD);
}

static void full_memory_forgets_the_oldest(void)
{
    struct ee_collateral_memory memory = {0};
    struct ee_collateral_seen next = base;
    for (uint8_t i = 0; i < EE_COLLATERAL_SEEN_MAX; i++) {
        next.fmspc[1] = i;
        next.tcb_issued_s = 1000 + (i == 9 ? -500 : i);
        ee_attest_collateral_remember(&memory, &next);
    }
    CHECK(memory.count == EE_COLLATERAL_SEEN_MAX);
    next.fmspc[1] = 200;
    ee_attest_collateral_remember(&memory, &next);
    CHECK(memory.count == EE_COLLATERAL_SEEN_MAX && memory.row[9].fmspc[1] == 200);
    uint8_t bytes[EE_COLLATERAL_SEEN_SIZE_MAX];
    struct ee_writer w;
    ee_writer_init(&w, bytes, sizeof(bytes));
    CHECK(ee_attest_collateral_memory_encode(&memory, &w) == EE_OK);
}

TESTS(TEST(each_number_that_goes_down), TEST(issue_dates_within_the_slack_under_one_number),
      TEST(memory_keeps_the_newest_of_each_value), TEST(full_memory_forgets_the_oldest))
