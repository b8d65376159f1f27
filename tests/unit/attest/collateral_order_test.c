/* SPDX-License-Identifier: Apache-2.0 */
/* Proving sets of collateral, comparing them, and judging platforms by a coming set. */
#include "attest/collateral_order.h"

#include "attest/policy.h"
#include "sim_issue.h"
#include "tap.h"

#include "base/banned.h"

static struct sim_issue held, offered;
static struct ee_collateral_older older;

static bool make(struct sim_issue *issue, const struct ee_sim_collateral_options *options)
{
    return sim_issue_write(issue, options) &&
           sim_issue_prove(issue, options->issued_s + 60) == EE_OK;
}

static const struct ee_sim_collateral_options plain = {.issued_s = SIM_ISSUED_S};

/* ---- proving ---- */

static void good_set_is_proven_part_by_part(void)
{
    REQUIRE(make(&held, &plain));
    for (enum ee_collateral_part i = 0; i < EE_COLLATERAL_PARTS_COUNT; i++) {
        CHECK(held.facts.part[i].proven);
        CHECK(held.facts.part[i].issued_s == SIM_ISSUED_S);
        CHECK(held.facts.part[i].expires_s == SIM_ISSUED_S + 30 * SIM_DAY_S);
    }
    CHECK(held.facts.part[EE_COLLATERAL_TCB_INFO].number == EE_SIM_EVALUATION);
    CHECK(memcmp(held.facts.fmspc, sim_authority.fmspc, EE_FMSPC_SIZE) == 0);
    CHECK(held.facts.simulated && !held.facts.processor_ca);
    CHECK(held.facts.expires_s == SIM_ISSUED_S + 30 * SIM_DAY_S);
}

static void each_part_with_a_broken_signature(void)
{
    for (enum ee_collateral_part i = 0; i < EE_COLLATERAL_PARTS_COUNT; i++) {
        REQUIRE(sim_issue_write(&held, &plain));
        struct ee_collateral *c = &held.collateral;
        uint8_t *bytes[] = {c->tcb_info_signature, c->qe_identity_signature,
                            (uint8_t *)(uintptr_t)c->pck_crl.data + c->pck_crl.size - 1,
                            (uint8_t *)(uintptr_t)c->root_crl.data + c->root_crl.size - 1};
        *bytes[i] ^= 1;
        CHECK(sim_issue_prove(&held, SIM_ISSUED_S + 60) == EE_COLLATERAL);
        CHECK(!held.facts.part[i].proven);
        CHECK(!ee_collateral_only_expired(&held.verdict));
    }
}

static void set_of_another_root(void)
{
    static const uint8_t other[32] = {1};
    REQUIRE(make(&held, &plain));
    struct ee_sim_authority saved = sim_authority;
    CHECK(ee_sim_authority_init(&sim_authority, &ee_crypto_openssl, other) == EE_OK);
    CHECK(sim_issue_prove(&held, SIM_ISSUED_S + 60) == EE_UNTRUSTED);
    for (enum ee_collateral_part i = 0; i < EE_COLLATERAL_PARTS_COUNT; i++)
        CHECK(!held.facts.part[i].proven);
    sim_authority = saved;
}

static void set_without_the_issuer_of_its_pck_crl(void)
{
    REQUIRE(sim_issue_write(&held, &plain));
    held.collateral.pck_crl_chain.count = 0;
    CHECK(sim_issue_prove(&held, SIM_ISSUED_S + 60) == EE_COLLATERAL);
    CHECK(!held.facts.part[EE_COLLATERAL_PCK_CRL].proven);
    CHECK(held.facts.part[EE_COLLATERAL_TCB_INFO].proven);
}

static void set_outside_its_time_is_genuine_but_expired(void)
{
    REQUIRE(make(&held, &plain));
    CHECK(sim_issue_prove(&held, SIM_ISSUED_S - 1) == EE_EXPIRED);
    CHECK(ee_collateral_only_expired(&held.verdict));
    CHECK(sim_issue_prove(&held, SIM_ISSUED_S + 30 * SIM_DAY_S) == EE_OK);
    CHECK(!ee_collateral_only_expired(&held.verdict));
    CHECK(sim_issue_prove(&held, SIM_ISSUED_S + 30 * SIM_DAY_S + 1) == EE_EXPIRED);
    CHECK(ee_collateral_only_expired(&held.verdict));
    CHECK(held.facts.part[EE_COLLATERAL_TCB_INFO].proven);
    held.collateral.tcb_info_signature[0] ^= 1;
    CHECK(sim_issue_prove(&held, SIM_ISSUED_S + 31 * SIM_DAY_S) != EE_OK);
    CHECK(!ee_collateral_only_expired(&held.verdict));
}

/* ---- comparing ---- */

static enum ee_collateral_relation compare(const struct ee_sim_collateral_options *options)
{
    if (!make(&held, &plain) || !make(&offered, options))
        return (enum ee_collateral_relation) - 1;
    return ee_collateral_compare(&held.facts, &offered.facts, &older);
}

static void same_issue_again_is_the_same(void)
{
    CHECK(compare(&plain) == EE_COLLATERAL_SAME);
}

static void later_issue_is_newer_and_the_other_way_older(void)
{
    char text[EE_COLLATERAL_OLDER_TEXT_SIZE];
    const struct ee_sim_collateral_options later = {.issued_s = SIM_ISSUED_S + 600};
    CHECK(compare(&later) == EE_COLLATERAL_NEWER);
    CHECK(ee_collateral_compare(&offered.facts, &held.facts, &older) == EE_COLLATERAL_OLDER);
    CHECK(older.part == EE_COLLATERAL_TCB_INFO && !older.by_number);
    CHECK(strcmp(ee_collateral_older_text(&older, text),
                 "the TCB Info is of 2026-09-21T14:13:20Z, the one in use is of "
                 "2026-09-21T14:23:20Z") == 0);
}

static void lower_evaluation_number_with_a_later_date_is_older(void)
{
    char text[EE_COLLATERAL_OLDER_TEXT_SIZE];
    const struct ee_sim_collateral_options back = {.issued_s = SIM_ISSUED_S + 600,
                                                   .evaluation = EE_SIM_EVALUATION - 1};
    CHECK(compare(&back) == EE_COLLATERAL_OLDER);
    CHECK(older.part == EE_COLLATERAL_TCB_INFO && older.by_number);
    CHECK(strcmp(ee_collateral_older_text(&older, text),
                 "the TCB Info has number 19, the one in use has 20") == 0);
}

/* One part older among newer ones is enough. */
static void each_part_alone_makes_a_set_older(void)
{
    const struct ee_sim_collateral_options later = {.issued_s = SIM_ISSUED_S + 600};
    for (enum ee_collateral_part i = 0; i < EE_COLLATERAL_PARTS_COUNT; i++) {
        REQUIRE(compare(&later) == EE_COLLATERAL_NEWER);
        offered.facts.part[i].number = held.facts.part[i].number - 1;
        CHECK(ee_collateral_compare(&held.facts, &offered.facts, &older) == EE_COLLATERAL_OLDER);
        CHECK(older.part == i && older.by_number);
        offered.facts.part[i].number = held.facts.part[i].number;
        offered.facts.part[i].issued_s = held.facts.part[i].issued_s - 1;
        CHECK(ee_collateral_compare(&held.facts, &offered.facts, &older) == EE_COLLATERAL_OLDER);
        CHECK(older.part == i && !older.by_number);
    }
}

static void sets_of_another_family_do_not_compare(void)
{
    static const uint8_t fmspc[EE_FMSPC_SIZE] = {9};
    const struct ee_sim_collateral_options other = {.issued_s = SIM_ISSUED_S + 600, .fmspc = fmspc};
    CHECK(compare(&other) == EE_COLLATERAL_OTHER);
}

/* ---- choosing and judging ---- */

static uint8_t quote[EE_SIM_QUOTE_MAX];
static size_t quote_size;

static bool quote_make(uint32_t faults, enum ee_sim_quote_format format)
{
    static struct ee_sim_platform platform;
    static const uint8_t report_data[64] = {1};
    struct ee_sim_td td;
    ee_sim_td_for_program(&ee_crypto_openssl, "ee-agent", "0.1.0", &td);
    return sim_issue_start() &&
           ee_sim_platform_init(&platform, &ee_crypto_openssl, &sim_authority, sim_seed, 8,
                                faults) == EE_OK &&
           ee_sim_quote_write(&ee_crypto_openssl, &platform, &td, report_data, format, quote,
                              sizeof(quote), &quote_size) == EE_OK;
}

static void family_is_read_from_a_quote(void)
{
    uint8_t fmspc[EE_FMSPC_SIZE], memory[EE_COLLATERAL_FAMILY_MEMORY];
    REQUIRE(quote_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    CHECK(ee_collateral_family_of_quote(ee_bytes_of(quote, quote_size), memory, sizeof(memory),
                                        fmspc));
    CHECK(memcmp(fmspc, sim_authority.fmspc, sizeof(fmspc)) == 0);
    for (size_t size = 0; size < quote_size; size += 7)
        CHECK(!ee_collateral_family_of_quote(ee_bytes_of(quote, size), memory, sizeof(memory),
                                             fmspc));
    CHECK(!ee_collateral_family_of_quote(ee_bytes_of(quote, quote_size), memory, 100, fmspc));
}

/* Facts of a quote, verified by the plain set. */
static bool facts_make(uint32_t faults, enum ee_sim_quote_format format, struct ee_tcb_facts *out)
{
    static struct ee_verdict verdict;
    uint8_t roots[1][EE_P256_POINT_SIZE];
    if (!quote_make(faults, format) || !make(&held, &plain))
        return false;
    memcpy(roots[0], ee_sim_authority_root_key(&sim_authority), sizeof(roots[0]));
    const struct ee_verify_input input = {.quote = ee_bytes_of(quote, quote_size),
                                          .collateral = &held.collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 1,
                                          .time_s = SIM_ISSUED_S + 60};
    (void)!ee_attest_verify(&ee_crypto_openssl, &input, &verdict);
    ee_tcb_facts_of(&verdict, out);
    return verdict.platform_decoded;
}

static void coming_set_tells_what_is_short_and_the_cure(void)
{
    const struct ee_sim_collateral_options coming = {
        .issued_s = SIM_ISSUED_S, .evaluation = 21, .module_svn_more = 3};
    static const enum ee_sim_quote_format formats[] = {EE_SIM_QUOTE_V4, EE_SIM_QUOTE_V5_TD15};
    struct ee_tcb_facts facts;
    struct ee_tcb_outlook outlook;
    char text[EE_FINDING_TEXT_SIZE];
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(facts_make(EE_SIM_HEALTHY, formats[i], &facts));
        REQUIRE(make(&offered, &coming));
        CHECK(ee_tcb_outlook_judge(&held.documents, &facts, &ee_attest_policy_network, SIM_ISSUED_S,
                                   &outlook) == EE_OK);
        CHECK(outlook.err == EE_OK && outlook.status == EE_TCB_UP_TO_DATE);
        CHECK(outlook.finding_count == 0);
        CHECK(ee_tcb_outlook_judge(&offered.documents, &facts, &ee_attest_policy_network,
                                   SIM_ISSUED_S, &outlook) == EE_OK);
        CHECK(outlook.err == EE_TCB_REFUSED && outlook.status == EE_TCB_OUT_OF_DATE);
        CHECK(outlook.evaluation == 21 && outlook.module_status == EE_TCB_OUT_OF_DATE);
        REQUIRE(outlook.finding_count == 1);
        CHECK(strcmp(ee_attest_finding_text(&outlook.findings[0], text),
                     "TDX module SVN 6, needs 9: update the TDX module") == 0);
        CHECK(ee_tcb_outlook_judge(&offered.documents, &facts, &ee_attest_policy_none, SIM_ISSUED_S,
                                   &outlook) == EE_OK);
        CHECK(outlook.err == EE_OK);
    }
}

static void revoked_platform_is_refused_whatever_is_accepted(void)
{
    struct ee_tcb_facts facts;
    struct ee_tcb_outlook outlook;
    REQUIRE(facts_make(EE_SIM_TCB_REVOKED, EE_SIM_QUOTE_V4, &facts));
    CHECK(ee_tcb_outlook_judge(&held.documents, &facts, &ee_attest_policy_none, SIM_ISSUED_S,
                               &outlook) == EE_OK);
    CHECK(outlook.err == EE_REVOKED && outlook.refusal.reason == EE_REASON_TCB_REVOKED);
}

static void module_that_the_coming_set_does_not_know(void)
{
    struct ee_tcb_facts facts;
    struct ee_tcb_outlook outlook;
    REQUIRE(facts_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4, &facts));
    facts.tee_tcb_svn[1] = 7;
    CHECK(ee_tcb_outlook_judge(&held.documents, &facts, &ee_attest_policy_none, SIM_ISSUED_S,
                               &outlook) == EE_OK);
    CHECK(outlook.err == EE_TCB_REFUSED && outlook.refusal.reason == EE_REASON_MODULE_UNKNOWN);
}

static void set_of_another_family_judges_nothing(void)
{
    static const uint8_t fmspc[EE_FMSPC_SIZE] = {9};
    const struct ee_sim_collateral_options other = {.issued_s = SIM_ISSUED_S, .fmspc = fmspc};
    struct ee_tcb_facts facts;
    struct ee_tcb_outlook outlook = {.evaluation = 77};
    REQUIRE(facts_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4, &facts));
    REQUIRE(make(&offered, &other));
    CHECK(ee_tcb_outlook_judge(&offered.documents, &facts, &ee_attest_policy_network, SIM_ISSUED_S,
                               &outlook) == EE_COLLATERAL);
    CHECK(outlook.evaluation == 77);
}

TESTS(TEST(good_set_is_proven_part_by_part), TEST(each_part_with_a_broken_signature),
      TEST(set_of_another_root), TEST(set_without_the_issuer_of_its_pck_crl),
      TEST(set_outside_its_time_is_genuine_but_expired), TEST(same_issue_again_is_the_same),
      TEST(later_issue_is_newer_and_the_other_way_older),
      TEST(lower_evaluation_number_with_a_later_date_is_older),
      TEST(each_part_alone_makes_a_set_older), TEST(sets_of_another_family_do_not_compare),
      TEST(family_is_read_from_a_quote), TEST(coming_set_tells_what_is_short_and_the_cure),
      TEST(revoked_platform_is_refused_whatever_is_accepted),
      TEST(module_that_the_coming_set_does_not_know), TEST(set_of_another_family_judges_nothing))
