/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/explain.h"
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

/* The rules in words, for every pair: the functions under test have tables of their own. */
static bool one_of(enum ee_tcb_status s, enum ee_tcb_status a, enum ee_tcb_status b)
{
    return s == a || s == b;
}

static enum ee_tcb_status converge_in_words(enum ee_tcb_status platform, enum ee_tcb_status part)
{
    if (one_of(NS, platform, part))
        return NS; /* below every level */
    if (part == RV)
        return RV; /* a revoked part revokes */
    if (part == OD && one_of(platform, UP, SW))
        return OD;
    if (part == OD && one_of(platform, CN, CS))
        return OC; /* the need for configuration stays visible */
    return platform;
}

static enum ee_tcb_status relaunch_in_words(enum ee_tcb_status launch, enum ee_tcb_status now)
{
    bool needs = one_of(now, CN, CS);
    if (!one_of(launch, OD, OC) || !(one_of(now, UP, SW) || needs))
        return launch;
    return needs || launch == OC ? RC : RA;
}

static void every_pair_of_statuses_combines_as_the_rules_say(void)
{
    for (enum ee_tcb_status a = 0; a < EE_TCB_STATUS_COUNT; a++)
        for (enum ee_tcb_status b = 0; b < EE_TCB_STATUS_COUNT; b++) {
            CHECK(ee_attest_tcb_converge(a, b) == converge_in_words(a, b));
            CHECK(ee_attest_tcb_relaunch(a, b) == relaunch_in_words(a, b));
        }
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
      TEST(every_pair_of_statuses_combines_as_the_rules_say),
      TEST(sentences_have_their_values_filled_in),
      TEST(every_claim_of_an_empty_verdict_is_left_out_or_readable))
