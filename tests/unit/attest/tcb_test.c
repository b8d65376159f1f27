/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/explain.h"
#include "attest/policy.h"
#include "attest/tcb.h"
#include "tap.h"

/* Short names, so that the tables below read as tables. */
#define UP EE_TCB_UP_TO_DATE
#define SW EE_TCB_SW_HARDENING_NEEDED
#define CN EE_TCB_CONFIGURATION_NEEDED
#define CS EE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
#define OD EE_TCB_OUT_OF_DATE
#define OC EE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED
#define RV EE_TCB_REVOKED
#define NS EE_TCB_NOT_SUPPORTED
#define RA EE_TCB_TD_RELAUNCH_ADVISED
#define RC EE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
#define UN EE_TCB_UNKNOWN

static void an_old_part_keeps_the_need_for_configuration_visible(void)
{
    static const enum ee_tcb_status cases[][3] = {
        /* platform, part, together */
        {UP, UP, UP}, {UP, UN, UP}, {UP, OD, OD}, {SW, OD, OD}, {CN, OD, OC}, {CS, OD, OC},
        {OD, OD, OD}, {OC, OD, OC}, {OD, UP, OD}, {CN, UP, CN}, {CS, UP, CS}, {UP, RV, RV},
        {OC, RV, RV}, {RV, OD, RV}, {RV, UP, RV}, {UP, NS, NS}, {NS, UP, NS}, {NS, RV, NS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK(ee_attest_tcb_converge(cases[i][0], cases[i][1]) == cases[i][2]);
}

static void relaunch_is_advised_only_when_it_cures(void)
{
    static const enum ee_tcb_status cases[][3] = {
        /* at launch, now, together */
        {OD, UP, RA}, {OD, SW, RA}, {OD, CN, RC}, {OD, CS, RC}, {OC, UP, RC}, {OC, SW, RC},
        {OC, CN, RC}, {OD, OD, OD}, {OD, OC, OD}, {OD, RV, OD}, {OD, NS, OD}, {OC, OD, OC},
        {UP, OD, UP}, {UP, RV, UP}, {CN, UP, CN}, {RV, UP, RV}, {NS, UP, NS}, {SW, UP, SW},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK(ee_attest_tcb_relaunch(cases[i][0], cases[i][1]) == cases[i][2]);
}

static void statuses_no_signed_level_may_carry(void)
{
    static const char *const bad[] = {"",        "uptodate",         "UpToDate ", "NOT_SUPPORTED",
                                      "unknown", "TDRelaunchAdvised"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ee_attest_tcb_status_parse(ee_bytes_str(bad[i])) == EE_TCB_UNKNOWN);
    CHECK(ee_attest_tcb_status_parse(ee_bytes_str("OutOfDateConfigurationNeeded")) == OC);
    CHECK(strcmp(ee_attest_tcb_status_name((enum ee_tcb_status)99), "unknown") == 0);
}

static void policy_names_the_rule_that_decided(void)
{
    static struct ee_verdict v;
    struct ee_finding f;
    memset(&v, 0, sizeof(v));
    v.status = EE_TCB_OUT_OF_DATE;
    CHECK(ee_attest_policy_check(&ee_attest_policy_none, &v, &f) == EE_OK);
    CHECK(ee_attest_policy_check(&ee_attest_policy_strict, &v, &f) == EE_TCB_REFUSED);
    CHECK(f.reason == EE_REASON_POLICY_STATUS && strcmp(f.label, "OutOfDate") == 0);
    v.status = EE_TCB_UP_TO_DATE;
    CHECK(ee_attest_policy_check(&ee_attest_policy_strict, &v, &f) == EE_OK);
    v.flags = EE_TD_FLAG_BIT(DEBUG);
    CHECK(ee_attest_policy_check(&ee_attest_policy_none, &v, &f) == EE_OK);
    CHECK(ee_attest_policy_check(&ee_attest_policy_strict, &v, &f) == EE_DEBUG_TD);
    v.flags = EE_TD_FLAG_BIT(MIGRATABLE);
    CHECK(ee_attest_policy_check(&ee_attest_policy_strict, &v, &f) == EE_OK);
    CHECK(ee_attest_policy_check(&ee_attest_policy_network, &v, &f) == EE_TCB_REFUSED);
    CHECK(f.reason == EE_REASON_POLICY_FLAG && strcmp(f.label, "MIGRATABLE") == 0);
    struct ee_attest_policy newer = ee_attest_policy_none;
    newer.min_evaluation = 18;
    v.tcb_evaluation = 17;
    CHECK(ee_attest_policy_check(&newer, &v, &f) == EE_TCB_REFUSED && f.need == 18);
}

static void policy_never_turns_a_failed_verdict_into_a_pass(void)
{
    static struct ee_verdict v;
    struct ee_finding f;
    memset(&v, 0, sizeof(v));
    v.err = EE_SIGNATURE;
    v.status = EE_TCB_UP_TO_DATE;
    v.findings[v.finding_count++].reason = EE_REASON_QUOTE_SIGNATURE;
    CHECK(ee_attest_policy_check(&ee_attest_policy_none, &v, &f) == EE_SIGNATURE);
    CHECK(f.reason == EE_REASON_QUOTE_SIGNATURE);
}

static void sentences_have_their_values_filled_in(void)
{
    char text[EE_FINDING_TEXT_SIZE];
    struct ee_finding f = {.reason = EE_REASON_SHORT_MODULE, .have = 6, .need = 11};
    CHECK(strcmp(ee_attest_finding_text(&f, text),
                 "TDX module SVN 6, needs 11: update the TDX module") == 0);
    f = (struct ee_finding){
        .reason = EE_REASON_SHORT_COMPONENT, .index = 2, .have = 3, .need = 4, .label = " (BIOS)"};
    CHECK(strstr(ee_attest_finding_text(&f, text), "component 2 (BIOS) is 3, needs 4") != NULL);
    for (enum ee_reason r = 0; r < EE_REASON_COUNT; r++) {
        f = (struct ee_finding){.reason = r};
        memset(f.label, 'x', sizeof(f.label) - 1);
        CHECK(strlen(ee_attest_finding_text(&f, text)) < EE_FINDING_TEXT_SIZE - 1);
        CHECK(strchr(text, '%') == NULL && strlen(ee_attest_reason_name(r)) > 0);
    }
}

static void every_claim_of_an_empty_verdict_is_left_out_or_readable(void)
{
    static struct ee_verdict v;
    static char text[EE_EXPLAIN_TEXT_SIZE];
    memset(&v, 0, sizeof(v));
    for (size_t i = 0; i < ee_attest_explain_count; i++)
        CHECK(!ee_attest_explain_value(&ee_attest_explain_rows[i], &v, text));
    v.quote_decoded = v.platform_decoded = v.root_matched = v.platform.has_instance = true;
    v.body_type = EE_BODY_TD_15;
    v.advisory_count = EE_ADVISORIES_MAX;
    for (size_t i = 0; i < EE_ADVISORIES_MAX; i++)
        memset(v.advisories[i], 'A', EE_ADVISORY_SIZE - 1);
    v.flags = UINT32_MAX;
    for (size_t i = 0; i < ee_attest_explain_count; i++)
        CHECK(!ee_attest_explain_value(&ee_attest_explain_rows[i], &v, text) || strlen(text) > 0);
}

TESTS(TEST(an_old_part_keeps_the_need_for_configuration_visible),
      TEST(relaunch_is_advised_only_when_it_cures), TEST(statuses_no_signed_level_may_carry),
      TEST(policy_names_the_rule_that_decided),
      TEST(policy_never_turns_a_failed_verdict_into_a_pass),
      TEST(sentences_have_their_values_filled_in),
      TEST(every_claim_of_an_empty_verdict_is_left_out_or_readable))
