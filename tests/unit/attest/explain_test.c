/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table is in both documents, with its dates; the Azure report; the report about
 * two TCB sets. */
#include <stdlib.h>

#include "attest/explain.h"
#include "attest/json.h"
#include "attest/tcb_report.h"
#include "forge.h"

static char text[EE_EXPLAIN_DOCUMENT_MAX], json[EE_EXPLAIN_DOCUMENT_MAX];
static struct ee_policy_decision decision;

/* A verdict in which every row has a value. */
static void everything(struct ee_verdict *v)
{
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V5_TD15));
    REQUIRE(forge_verify() == EE_OK);
    *v = forged.verdict;
    v->body_type = EE_BODY_TD_15_EXTENDED;
    v->flags = UINT32_MAX;
    v->advisory_count = EE_ADVISORIES_MAX;
    for (size_t i = 0; i < EE_ADVISORIES_MAX; i++)
        (void)snprintf(v->advisories[i], EE_ADVISORY_SIZE, "INTEL-SA-%05zu", i);
}

/* Members of the object at `j` that a claim must have, all of them. */
static bool claim_complete(struct ee_json *j)
{
    static const char *const names[] = {"value", "anchor", "since", "age_s", "expires", "meaning"};
    unsigned seen = 0;
    struct ee_bytes key;
    ee_attest_json_object(j);
    while (ee_attest_json_key(j, &key)) {
        for (unsigned i = 0; i < 6; i++)
            seen |= ee_bytes_equal(key, ee_bytes_str(names[i])) ? 1u << i : 0;
        (void)ee_attest_json_skip(j);
    }
    return j->reason == EE_REASON_NONE && seen == 63;
}

/* Reads the document as strictly as we read anybody's; counts the claims. */
static size_t claims_count(size_t size)
{
    static struct ee_json j;
    struct ee_bytes key, group;
    size_t count = 0;
    ee_attest_json_init(&j, ee_bytes_of(json, size), sizeof(json));
    ee_attest_json_object(&j);
    while (ee_attest_json_key(&j, &key)) {
        if (!ee_bytes_equal(key, ee_bytes_str("claims"))) {
            (void)ee_attest_json_skip(&j);
            continue;
        }
        ee_attest_json_object(&j);
        while (ee_attest_json_key(&j, &group)) {
            ee_attest_json_object(&j);
            while (ee_attest_json_key(&j, &key)) {
                CHECK(claim_complete(&j));
                count++;
            }
        }
    }
    CHECK(ee_attest_json_end(&j) == EE_REASON_NONE);
    return count;
}

static void every_row_is_in_text_and_json(void)
{
    static struct ee_verdict v;
    static char value[EE_EXPLAIN_TEXT_SIZE];
    size_t text_size, json_size;
    everything(&v);
    (void)!ee_attest_policy_decide(&ee_attest_policy_none, &v, &decision);
    const struct ee_explain_input input = {&v, &ee_attest_policy_none, &decision, {0}};
    REQUIRE(ee_attest_explain_text(&input, text, sizeof(text), &text_size) == EE_OK);
    REQUIRE(ee_attest_explain_json(&input, json, sizeof(json), &json_size) == EE_OK);
    CHECK(strlen(text) == text_size && strlen(json) == json_size);
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        char line[128];
        if (!ee_attest_explain_value(row, &v, value))
            printf("# no value: %s.%s\n", row->group, row->name);
        CHECK(ee_attest_explain_value(row, &v, value));
        (void)snprintf(line, sizeof(line), "\n  %-19s ", row->name);
        CHECK(strstr(text, line) && strstr(text, value) && strstr(text, row->meaning));
        (void)snprintf(line, sizeof(line), "\n      \"%s\": {\"value\": ", row->name);
        CHECK(strstr(json, line) && strstr(json, row->meaning));
    }
    CHECK(claims_count(json_size) == ee_attest_explain_count);
}

static void rows_of_one_group_stand_together_and_names_are_unique(void)
{
    for (size_t i = 0; i < ee_attest_explain_count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct ee_explain_row *a = &ee_attest_explain_rows[i];
            const struct ee_explain_row *b = &ee_attest_explain_rows[k];
            bool same = strcmp(a->group, b->group) == 0;
            CHECK(!same || strcmp(a->name, b->name) != 0);
            CHECK(!same || strcmp(ee_attest_explain_rows[i - 1].group, a->group) == 0);
        }
}

static void claims_are_as_old_as_what_states_them(void)
{
    static struct ee_verdict v;
    struct ee_explain_dates dates;
    size_t dated[EE_DATED_NEVER + 1] = {0};
    everything(&v);
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        ee_attest_explain_dates(row, &v, &dates);
        dated[row->dated]++;
        if (row->dated == EE_DATED_QUOTE)
            CHECK(dates.since_s == 0 && dates.age_s == -1 && dates.until_s > v.time_s);
        else if (row->dated == EE_DATED_NEVER)
            CHECK(dates.since_s == 0 && dates.age_s == -1 && dates.until_s == 0);
        else
            CHECK(dates.age_s == v.time_s - dates.since_s && dates.until_s > v.time_s);
        if (row->dated == EE_DATED_TCB_INFO)
            CHECK(dates.age_s == FORGE_HOUR_S && dates.until_s == v.tcb_expires_s);
        if (row->dated == EE_DATED_PCK)
            CHECK(dates.since_s == v.pck_not_before_s && dates.until_s == v.pck_crl_expires_s);
    }
    for (size_t i = 0; i <= EE_DATED_NEVER; i++)
        CHECK(dated[i] > 0);
}

static void documents_that_do_not_fit(void)
{
    static struct ee_verdict v;
    size_t size = 0, needed = 0;
    everything(&v);
    (void)!ee_attest_policy_decide(&ee_attest_policy_none, &v, &decision);
    const struct ee_explain_input input = {&v, &ee_attest_policy_none, &decision, {0}};
    CHECK(ee_attest_explain_json(&input, json, 0, &needed) == EE_TOO_LARGE && needed > 1000);
    CHECK(ee_attest_explain_json(&input, json, needed, &size) == EE_TOO_LARGE);
    CHECK(ee_attest_explain_json(&input, json, needed + 1, &size) == EE_OK && size == needed);
    CHECK(ee_attest_explain_text(&input, text, 10, &size) == EE_TOO_LARGE && size > 1000);
}

static void refusals_name_rule_sentence_and_cure(void)
{
    size_t size;
    REQUIRE(forge_make(EE_SIM_MODULE_OUT_OF_DATE, EE_SIM_QUOTE_V4));
    REQUIRE(forge_verify() == EE_OK);
    (void)!ee_attest_policy_decide(&ee_attest_policy_network, &forged.verdict, &decision);
    const struct ee_explain_input input = {
        &forged.verdict, &ee_attest_policy_network, &decision, {0}};
    REQUIRE(ee_attest_explain_text(&input, text, sizeof(text), &size) == EE_OK);
    CHECK(strstr(text, "TDX module SVN 4, needs 6: update the TDX module"));
    CHECK(strstr(text, "rule status: the policy does not accept the TCB status OutOfDate"));
    CHECK(strstr(text, "\nREJECT policy_status\n"));
    REQUIRE(ee_attest_explain_json(&input, json, sizeof(json), &size) == EE_OK);
    CHECK(strstr(json, "\"decision\": {\"rule\": \"status\""));
    CHECK(strstr(json, "\"cure\": \"update what is short"));
}

/* ---- Azure ---- */

static uint8_t report[2048];

static size_t azure_make(const char *claims)
{
    struct ee_writer w;
    size_t size = strlen(claims);
    const struct ee_bytes bytes = ee_bytes_str(claims);
    memset(report, 0, sizeof(report));
    memcpy(report, "HCLA", 4);
    ee_writer_init(&w, report + 4, 8);
    ee_writer_u32le(&w, 2);
    ee_writer_u32le(&w, (uint32_t)(1236 + size));
    report[32] = 0x81;
    FORGE_CRYPTO->sha256(&bytes, 1, report + 32 + 128);
    ee_writer_init(&w, report + 1216, 20);
    ee_writer_u32le(&w, (uint32_t)(20 + size));
    ee_writer_u32le(&w, 1);
    ee_writer_u32le(&w, 4);
    ee_writer_u32le(&w, 1);
    ee_writer_u32le(&w, (uint32_t)size);
    memcpy(report + 1236, claims, size);
    return 1236 + size;
}

static void paravisor_report_is_split_and_its_claims_are_bound(void)
{
    struct ee_azure_report r;
    size_t size = azure_make("{\"keys\":[]}");
    REQUIRE(ee_azure_report_decode(ee_bytes_of(report, size + 100), &r) == EE_OK); /* padded */
    CHECK(r.version == 2 && r.report_type == 4 && r.claims.size == 11);
    CHECK(ee_azure_report_binds(FORGE_CRYPTO, &r, r.report_data));
    report[1240] ^= 1;
    CHECK(!ee_azure_report_binds(FORGE_CRYPTO, &r, r.report_data));
    report[1240] ^= 1;
    r.report_data[63] = 1; /* all 64 bytes count */
    CHECK(!ee_azure_report_binds(FORGE_CRYPTO, &r, r.report_data));
}

static void paravisor_reports_that_are_wrong_in_one_place(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum ee_err err;
    } rows[] = {
        {0, 'X', EE_SYNTAX},        {8, 0, EE_SYNTAX},          {1216, 0, EE_SYNTAX},
        {1232, 200, EE_SYNTAX},     {1224, 2, EE_UNSUPPORTED},  {1228, 2, EE_UNSUPPORTED},
        {32, 0x80, EE_UNSUPPORTED}, {1234, 0xff, EE_TRUNCATED},
    };
    struct ee_azure_report r;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size = azure_make("{\"keys\":[]}");
        report[rows[i].at] = rows[i].value;
        CHECK(ee_azure_report_decode(ee_bytes_of(report, size + 200), &r) == rows[i].err);
    }
    size_t size = azure_make("{\"keys\":[]}");
    for (size_t i = 0; i < size; i++)
        CHECK(ee_azure_report_decode(ee_bytes_of(report, i), &r) != EE_OK);
    report[size] = 1; /* something that is no padding */
    CHECK(ee_azure_report_decode(ee_bytes_of(report, size + 1), &r) == EE_SYNTAX);
}

static void real_paravisor_report(void)
{
    static uint8_t file[8192];
    char path[1024];
    struct ee_azure_report r;
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("EE_TDX_VECTORS names no directory");
    (void)snprintf(path, sizeof(path), "%s/azure-spr-vtpm-e16-uptodate/hcl_report.bin",
                   getenv("EE_TDX_VECTORS"));
    FILE *in = fopen(path, "rb");
    REQUIRE(in != NULL);
    size_t size = fread(file, 1, sizeof(file), in);
    (void)fclose(in);
    REQUIRE(ee_azure_report_decode(ee_bytes_of(file, size), &r) == EE_OK);
    CHECK(ee_azure_report_binds(FORGE_CRYPTO, &r, r.report_data));
}

/* ---- two TCB sets ---- */

static struct ee_verdict standard;
static struct ee_tcb_report compared;

static void platform_that_the_early_set_will_fail(void)
{
    size_t size;
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    REQUIRE(forge_verify() == EE_OK);
    standard = forged.verdict;
    forge_tcb_info("\"tdxtcbcomponents\":[{\"svn\":0},{\"svn\":0},{\"svn\":4}",
                   "\"tdxtcbcomponents\":[{\"svn\":0},{\"svn\":0},{\"svn\":5,\"category\":"
                   "\"OS/VMM\",\"type\":\"TDX Late Microcode Update\"}");
    forge_tcb_info("\"tcbEvaluationDataNumber\":20", "\"tcbEvaluationDataNumber\":21");
    REQUIRE(forge_verify() == EE_OK);
    ee_attest_tcb_report_make(&ee_attest_policy_network, &standard, &forged.verdict, &compared);
    CHECK(compared.outcome == EE_TCB_WILL_FAIL && compared.sets[1].decision.rule == EE_RULE_STATUS);
    CHECK(compared.fails_until_s == standard.tcb_expires_s);
    REQUIRE(ee_attest_tcb_report_text(&compared, text, sizeof(text), &size) == EE_OK);
    CHECK(strstr(text, "TDX TCB component 3 (OS/VMM, TDX Late Microcode Update) is 4, needs 5"));
    CHECK(strstr(text, "\nWILL FAIL") && strstr(text, "not before 20"));
    REQUIRE(ee_attest_tcb_report_json(&compared, json, sizeof(json), &size) == EE_OK);
    CHECK(strstr(json, "\"have\": 4, \"need\": 5, \"component\": 3"));
    static struct ee_json j;
    ee_attest_json_init(&j, ee_bytes_of(json, size), sizeof(json));
    (void)ee_attest_json_skip(&j);
    CHECK(ee_attest_json_end(&j) == EE_REASON_NONE);
    ee_attest_tcb_report_make(&ee_attest_policy_none, &standard, &forged.verdict, &compared);
    CHECK(compared.outcome == EE_TCB_ACCEPTED);
    ee_attest_tcb_report_make(&ee_attest_policy_network, &forged.verdict, NULL, &compared);
    CHECK(compared.outcome == EE_TCB_FAILS && compared.set_count == 1);
}

static void early_set_that_does_not_verify_itself(void)
{
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    REQUIRE(forge_verify() == EE_OK);
    standard = forged.verdict;
    forged.collateral.tcb_info_signature[5] ^= 1;
    CHECK(forge_verify() != EE_OK);
    ee_attest_tcb_report_make(&ee_attest_policy_network, &standard, &forged.verdict, &compared);
    CHECK(compared.outcome == EE_TCB_UNCLEAR);
}

/* Below every level of the early set is a statement about the platform. */
static void platform_the_early_set_does_not_know_any_more(void)
{
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    REQUIRE(forge_verify() == EE_OK);
    standard = forged.verdict;
    for (int i = 0; i < 3; i++)
        forge_tcb_info("\"pcesvn\":11", "\"pcesvn\":12");
    CHECK(forge_verify() == EE_TCB_REFUSED);
    ee_attest_tcb_report_make(&ee_attest_policy_network, &standard, &forged.verdict, &compared);
    CHECK(compared.outcome == EE_TCB_WILL_FAIL);
}

static void what_ends_is_told_in_order(void)
{
    REQUIRE(forge_make(EE_SIM_MODULE_OUT_OF_DATE, EE_SIM_QUOTE_V4));
    REQUIRE(forge_verify() == EE_OK);
    struct ee_attest_policy policy = ee_attest_policy_network;
    policy.grace_days[EE_TCB_OUT_OF_DATE] = EE_POLICY_DAYS_MAX;
    ee_attest_tcb_report_make(&policy, &forged.verdict, NULL, &compared);
    REQUIRE(compared.outcome == EE_TCB_ACCEPTED && compared.event_count >= 4);
    for (size_t i = 1; i < compared.event_count; i++)
        CHECK(compared.events[i - 1].at_s <= compared.events[i].at_s);
    bool grace = false;
    for (size_t i = 0; i < compared.event_count; i++)
        grace = grace || compared.events[i].at_s == compared.sets[0].decision.grace_ends_s;
    CHECK(grace);
}

TESTS(TEST(every_row_is_in_text_and_json),
      TEST(rows_of_one_group_stand_together_and_names_are_unique),
      TEST(claims_are_as_old_as_what_states_them), TEST(documents_that_do_not_fit),
      TEST(refusals_name_rule_sentence_and_cure),
      TEST(paravisor_report_is_split_and_its_claims_are_bound),
      TEST(paravisor_reports_that_are_wrong_in_one_place), TEST(real_paravisor_report),
      TEST(platform_that_the_early_set_will_fail), TEST(early_set_that_does_not_verify_itself),
      TEST(platform_the_early_set_does_not_know_any_more), TEST(what_ends_is_told_in_order))
