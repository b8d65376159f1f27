/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of a policy refuses what it should, alone and by name; the file form and the bytes
 * hold the whole policy and nothing that could be read two ways. */
#include "attest/policy.h"
#include "base/text.h"
#include "tap.h"

#define NETWORK (&ee_attest_policy_network)
enum { DAY_S = 24 * 3600 };
#define NOW_S INT64_C(1790000000)

static struct ee_verdict v;
static struct ee_policy_decision d;
static struct ee_attest_policy p;

/* A healthy TD on a healthy platform. */
static void healthy(void)
{
    memset(&v, 0, sizeof(v));
    v.time_s = NOW_S;
    v.status = EE_TCB_UP_TO_DATE;
    v.body_type = EE_BODY_TD_10;
    v.td.attributes = EE_TD_SEPT_VE_DISABLE;
    v.td.xfam = 0x602e7;
    v.td.tee_tcb_svn[0] = 11;
    v.td.tee_tcb_svn[1] = 1;
    v.tcb_date_s = NOW_S - 100 * DAY_S;
    v.tcb_evaluation = v.qe_evaluation = 20;
    v.tcb_issued_s = v.qe_issued_s = v.pck_crl_issued_s = NOW_S - 2 * DAY_S;
    memset(v.platform.ppid, 0x11, sizeof(v.platform.ppid));
    memset(v.platform.instance_id, 0x22, sizeof(v.platform.instance_id));
    v.platform.has_instance = true;
    memcpy(v.platform.fmspc, "\x90\xc0\x6f", 3);
    (void)snprintf(v.advisories[0], EE_ADVISORY_SIZE, "INTEL-SA-01036");
    v.advisory_count = 1;
    v.td.mrtd[0] = 1;
    for (uint8_t i = 0; i < EE_RTMR_COUNT; i++)
        v.td.rtmr[i][0] = (uint8_t)(0x10 + i);
    p = *NETWORK;
}

/* Refused by this rule and no other, with its own reason; the sentence names it. */
static bool refused(enum ee_policy_rule rule)
{
    char sentence[EE_POLICY_SENTENCE_SIZE];
    enum ee_err err = ee_attest_policy_decide(&p, &v, &d);
    if (err == EE_OK || d.rule != rule || d.refusal_count != 1 || d.refusals[0].rule != rule)
        printf("# %s by %s, %zu refusals\n", ee_err_name(err), ee_attest_rule_name(d.rule),
               d.refusal_count);
    (void)ee_attest_policy_sentence(&p, &d, &v, sentence);
    return err != EE_OK && d.rule == rule && d.refusal_count == 1 &&
           strstr(sentence, ee_attest_rule_name(rule)) &&
           strstr(sentence, ee_attest_rule_cure(rule));
}

static bool accepted(void)
{
    enum ee_err err = ee_attest_policy_decide(&p, &v, &d);
    if (err != EE_OK)
        printf("# %s by %s\n", ee_err_name(err), ee_attest_rule_name(d.rule));
    return err == EE_OK;
}

static void healthy_td_is_accepted_by_the_rule_of_its_status(void)
{
    healthy();
    CHECK(accepted() && d.rule == EE_RULE_STATUS && d.refusal_count == 0);
}

static void failed_verification_is_never_turned_into_a_pass(void)
{
    healthy();
    p = ee_attest_policy_none;
    v.err = EE_SIGNATURE;
    v.reason = EE_REASON_QUOTE_SIGNATURE;
    v.findings[0].reason = EE_REASON_RELAUNCH;
    v.findings[1].reason = EE_REASON_QUOTE_SIGNATURE;
    v.finding_count = 2;
    CHECK(ee_attest_policy_decide(&p, &v, &d) == EE_SIGNATURE && d.rule == EE_RULE_NONE);
    CHECK(d.finding.reason == EE_REASON_QUOTE_SIGNATURE);
}

static void status_that_is_not_accepted(void)
{
    for (enum ee_tcb_status s = 0; s < EE_TCB_STATUS_COUNT; s++) {
        healthy();
        v.status = s;
        CHECK(s == EE_TCB_UP_TO_DATE ? accepted() : refused(EE_RULE_STATUS));
        if (s != EE_TCB_UP_TO_DATE)
            CHECK(strcmp(d.finding.label, ee_attest_tcb_status_name(s)) == 0);
    }
}

static void grace_counts_from_the_tcb_date_and_ends(void)
{
    healthy();
    v.status = EE_TCB_OUT_OF_DATE;
    p.grace_days[EE_TCB_OUT_OF_DATE] = 100;
    CHECK(accepted() && d.rule == EE_RULE_GRACE);
    CHECK(d.grace_ends_s == v.tcb_date_s + INT64_C(100) * DAY_S);
    v.time_s += 1;
    CHECK(refused(EE_RULE_GRACE) && d.finding.have == 101 && d.finding.need == 100);
    CHECK(d.grace_ends_s == 0);
    v.status = EE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED; /* its own grace or none */
    CHECK(refused(EE_RULE_STATUS));
    v.status = EE_TCB_OUT_OF_DATE;
    v.tcb_date_s = 0;
    CHECK(refused(EE_RULE_GRACE));
}

static void debug_or_profiled_td(void)
{
    for (unsigned bit = 0; bit < 8; bit++) {
        healthy();
        v.td.attributes |= UINT64_C(1) << bit;
        CHECK(refused(EE_RULE_DEBUG) && d.err == EE_DEBUG_TD);
        p = ee_attest_policy_strict;
        CHECK(refused(EE_RULE_DEBUG));
        p = ee_attest_policy_none;
        CHECK(accepted());
    }
}

static void attribute_bits_under_masks(void)
{
    healthy();
    v.td.attributes |= UINT64_C(1) << 40; /* reserved */
    CHECK(refused(EE_RULE_ATTRIBUTES_FORBIDDEN) && strcmp(d.finding.label, "40") == 0);
    healthy();
    v.td.attributes |= EE_TD_PKS | EE_TD_PERFMON;
    CHECK(accepted());
    p.attributes_forbidden |= EE_TD_PERFMON;
    CHECK(refused(EE_RULE_ATTRIBUTES_FORBIDDEN) && strcmp(d.finding.label, "PERFMON") == 0);
    healthy();
    p.attributes_required = EE_TD_LASS | EE_TD_PKS;
    CHECK(refused(EE_RULE_ATTRIBUTES_REQUIRED) && strcmp(d.finding.label, "LASS PKS") == 0);
}

static void td_the_host_or_another_td_could_get_into(void)
{
    healthy();
    v.td.attributes = 0;
    CHECK(refused(EE_RULE_SEPT_VE_DISABLE));
    p.allow_sept_ve = true;
    CHECK(accepted());
    healthy();
    v.td.attributes |= EE_TD_MIGRATABLE;
    CHECK(refused(EE_RULE_MIGRATABLE));
    p.allow_migratable = true;
    CHECK(accepted());
    uint8_t *const bound[] = {v.td.mrservicetd, v.td.current_servicetd, v.td.initial_servicetd};
    for (size_t i = 0; i < 3; i++) {
        healthy();
        bound[i][7] = 0x5a;
        CHECK(refused(EE_RULE_SERVICE_TD));
        memcpy(p.service_tds[p.service_td_count++], bound[i], EE_MEASUREMENT_SIZE);
        CHECK(accepted());
        bound[i][7] = 0x5b;
        CHECK(refused(EE_RULE_SERVICE_TD));
        p.allow_service_tds = true;
        CHECK(accepted());
    }
}

static void features_under_masks(void)
{
    healthy();
    v.td.xfam &= ~UINT64_C(2);
    CHECK(refused(EE_RULE_XFAM_REQUIRED) && strcmp(d.finding.label, "1") == 0);
    healthy();
    v.td.xfam |= UINT64_C(1) << 20;
    CHECK(refused(EE_RULE_XFAM_FORBIDDEN) && strcmp(d.finding.label, "20") == 0);
}

static void tcb_date_and_evaluation_numbers_below_the_minimum(void)
{
    healthy();
    p.min_tcb_date_s = v.tcb_date_s;
    CHECK(accepted());
    p.min_tcb_date_s++;
    CHECK(refused(EE_RULE_TCB_DATE) && d.finding.have == 1);
    healthy();
    p.min_tcb_evaluation = 20;
    p.min_qe_evaluation = 20;
    CHECK(accepted());
    v.tcb_evaluation = 19;
    CHECK(refused(EE_RULE_TCB_EVALUATION) && d.finding.have == 19 && d.finding.need == 20);
    v.tcb_evaluation = 21;
    v.qe_evaluation = 19;
    CHECK(refused(EE_RULE_QE_EVALUATION));
}

static void collateral_that_was_issued_too_long_ago(void)
{
    int64_t *const issued[] = {&v.tcb_issued_s, &v.qe_issued_s, &v.pck_crl_issued_s};
    for (size_t i = 0; i < 3; i++) {
        healthy();
        p.max_collateral_age_days = 2;
        CHECK(accepted());
        *issued[i] -= 1;
        CHECK(refused(EE_RULE_COLLATERAL_AGE) && d.finding.have == 3 && d.finding.need == 2);
    }
}

static void module_below_its_minimum_or_of_another_build(void)
{
    healthy();
    p.min_module_version = 2;
    CHECK(refused(EE_RULE_MODULE_VERSION));
    p.modules[0].version = 1;
    p.modules[0].min_svn = 11;
    p.module_count = 1;
    CHECK(accepted()); /* a version with a row of its own */
    p.modules[0].min_svn = 12;
    CHECK(refused(EE_RULE_MODULE_SVN) && d.finding.have == 11 && d.finding.need == 12);
    healthy();
    p.mrseam_count = 1;
    p.mrseams[0][0] = 0xaa;
    CHECK(refused(EE_RULE_MRSEAM));
    v.td.mrseam[0] = 0xaa;
    CHECK(accepted());
}

static void advisory_that_is_denied(void)
{
    healthy();
    p.advisory_count = 1;
    (void)snprintf(p.advisories[0], EE_ADVISORY_SIZE, "INTEL-SA-01099");
    CHECK(accepted());
    v.advisories_dropped = 1; /* it could be among those */
    CHECK(refused(EE_RULE_ADVISORY));
    v.advisories_dropped = 0;
    (void)snprintf(p.advisories[0], EE_ADVISORY_SIZE, "INTEL-SA-01036");
    CHECK(refused(EE_RULE_ADVISORY));
}

static void families_and_platforms_on_lists(void)
{
    healthy();
    memcpy(p.fmspc_denied.id[p.fmspc_denied.count++], v.platform.fmspc, EE_FMSPC_SIZE);
    CHECK(refused(EE_RULE_FMSPC_DENIED) && strcmp(d.finding.label, "90c06f000000") == 0);
    healthy();
    p.fmspc_allowed.count = 1;
    CHECK(refused(EE_RULE_FMSPC_ALLOWED));
    memcpy(p.fmspc_allowed.id[p.fmspc_allowed.count++], v.platform.fmspc, EE_FMSPC_SIZE);
    CHECK(accepted());
    for (int i = 0; i < 2; i++) {
        const uint8_t *id = i == 0 ? v.platform.ppid : v.platform.instance_id;
        healthy();
        memcpy(p.platform_denied.id[p.platform_denied.count++], id, EE_PPID_SIZE);
        CHECK(refused(EE_RULE_PLATFORM_DENIED));
        healthy();
        p.platform_allowed.count = 1;
        CHECK(refused(EE_RULE_PLATFORM_ALLOWED));
        memcpy(p.platform_allowed.id[p.platform_allowed.count++], id, EE_PPID_SIZE);
        CHECK(accepted());
    }
    healthy();
    v.platform.has_instance = false; /* then its bytes mean nothing */
    memcpy(p.platform_denied.id[p.platform_denied.count++], v.platform.instance_id, EE_PPID_SIZE);
    CHECK(accepted());
}

static void value_add(uint8_t set, enum ee_policy_register which, const uint8_t *value)
{
    p.values[p.value_count].set = set;
    p.values[p.value_count].which = (uint8_t)which;
    memcpy(p.values[p.value_count++].value, value, EE_MEASUREMENT_SIZE);
}

static void measurements_must_fit_one_set_in_every_register_it_names(void)
{
    static const uint8_t other[EE_MEASUREMENT_SIZE] = {0xee};
    healthy();
    p.set_count = 2;
    value_add(0, EE_REGISTER_MRTD, other);
    value_add(0, EE_REGISTER_RTMR0, v.td.rtmr[0]);
    value_add(1, EE_REGISTER_MRTD, v.td.mrtd);
    value_add(1, EE_REGISTER_RTMR0, other);
    value_add(1, EE_REGISTER_RTMR0, v.td.rtmr[0]); /* one of several is enough */
    REQUIRE(ee_attest_policy_valid(&p) == EE_OK);
    CHECK(accepted() && d.set == 1);
    v.td.rtmr[0][5] ^= 1;
    CHECK(refused(EE_RULE_MEASUREMENT) && d.err == EE_MEASUREMENT);
    CHECK(strcmp(d.finding.label, "rtmr0") == 0);
    healthy();
    p.set_count = 1;
    value_add(0, EE_REGISTER_MRTD, v.td.mrtd);
    v.td.rtmr[3][0] ^= 1; /* not named by the set */
    CHECK(accepted());
}

static void all_rules_that_refuse_are_listed_in_order(void)
{
    healthy();
    v.status = EE_TCB_OUT_OF_DATE;
    v.td.attributes = EE_TD_MIGRATABLE | EE_TD_DEBUG;
    v.tcb_evaluation = 3;
    p.min_tcb_evaluation = 4;
    CHECK(ee_attest_policy_decide(&p, &v, &d) == EE_DEBUG_TD && d.rule == EE_RULE_DEBUG);
    REQUIRE(d.refusal_count == 5);
    CHECK(d.refusals[1].rule == EE_RULE_SEPT_VE_DISABLE &&
          d.refusals[2].rule == EE_RULE_MIGRATABLE);
    CHECK(d.refusals[3].rule == EE_RULE_STATUS && d.refusals[4].rule == EE_RULE_TCB_EVALUATION);
    CHECK(ee_attest_policy_decide_tcb(&p, &v, &d) == EE_TCB_REFUSED && d.refusal_count == 2);
}

/* ---- file and bytes ---- */

static const char everything[] =
    "{\"format\": \"ee-policy-1\", \"name\": \"all of it\", \"allow_sept_ve\": true,\n"
    " \"allow_migratable\": true, \"allow_service_tds\": false,\n"
    " \"attributes_required\": \"0000004000000000\", \"attributes_forbidden\": "
    "\"0000000000000080\",\n"
    " \"xfam_required\": \"0300000000000000\", \"xfam_forbidden\": \"00000000ffffffff\",\n"
    " \"statuses\": [\"UpToDate\", \"TDRelaunchAdvised\"],\n"
    " \"grace_days\": {\"OutOfDate\": 30, \"ConfigurationNeeded\": 3650},\n"
    " \"min_tcb_date\": \"2024-03-13T00:00:00Z\", \"min_tcb_evaluation\": 18,\n"
    " \"min_qe_evaluation\": 17, \"max_collateral_age_days\": 14, \"min_module_version\": 1,\n"
    " \"modules\": [{\"version\": 1, \"min_svn\": 11}, {\"min_svn\": 5, \"version\": 3}],\n"
    " \"mrseams\": [\""
    "9790d89a10210ec6968a773cee2ca05b5aa97309f36727a968527be4606fc19e6f73acce350946c9d46a9bf7a63f84"
    "30"
    "\"],\n \"service_tds\": [\""
    "1790d89a10210ec6968a773cee2ca05b5aa97309f36727a968527be4606fc19e6f73acce350946c9d46a9bf7a63f84"
    "30"
    "\"],\n \"advisories_denied\": [\"INTEL-SA-01036\", \"INTEL-DOC-10001\"],\n"
    " \"fmspcs\": {\"allow\": [\"90C06F000000\"], \"deny\": [\"00806f050000\"]},\n"
    " \"platforms\": {\"deny\": [\"b2aa3c4797ef131754214cd614bbfaca\"], \"allow\": []},\n"
    " \"measurements\": [{\"label\": \"one\", \"rtmr0\": [\""
    "2790d89a10210ec6968a773cee2ca05b5aa97309f36727a968527be4606fc19e6f73acce350946c9d46a9bf7a63f84"
    "30"
    "\", \""
    "3790d89a10210ec6968a773cee2ca05b5aa97309f36727a968527be4606fc19e6f73acce350946c9d46a9bf7a63f84"
    "30"
    "\"], \"mrtd\": [\""
    "4790d89a10210ec6968a773cee2ca05b5aa97309f36727a968527be4606fc19e6f73acce350946c9d46a9bf7a63f84"
    "30"
    "\"]}]}";

static char text[EE_POLICY_TEXT_MAX];
static uint8_t bytes[EE_POLICY_BYTES_MAX];
static char problem[EE_FINDING_TEXT_SIZE];

static enum ee_err parse(const char *json)
{
    problem[0] = '\0';
    return ee_attest_policy_parse(ee_bytes_str(json), &p, problem);
}

static size_t encode(const struct ee_attest_policy *policy)
{
    struct ee_writer w;
    ee_writer_init(&w, bytes, sizeof(bytes));
    return ee_attest_policy_encode(policy, &w) == EE_OK ? w.size : 0;
}

static void file_without_rules_is_the_network_s_default(void)
{
    REQUIRE(parse("{\"format\": \"ee-policy-1\", \"name\": \"network\"}") == EE_OK);
    size_t size = encode(&p);
    REQUIRE(size > 0);
    static uint8_t expected[EE_POLICY_BYTES_MAX];
    memcpy(expected, bytes, size);
    CHECK(encode(NETWORK) == size && memcmp(expected, bytes, size) == 0);
}

static void every_member_survives_file_and_bytes(void)
{
    struct ee_attest_policy again;
    size_t size = 0, length = 0;
    REQUIRE(parse(everything) == EE_OK);
    CHECK(p.allow_sept_ve && p.allow_migratable && !p.allow_service_tds && !p.allow_debug);
    CHECK(p.attributes_required == EE_TD_PKS && p.attributes_forbidden == EE_TD_PERFMON);
    CHECK(p.xfam_required == 3 && p.xfam_forbidden == UINT64_C(0xffffffff00000000));
    CHECK(p.statuses == (1u << EE_TCB_UP_TO_DATE | 1u << EE_TCB_TD_RELAUNCH_ADVISED));
    CHECK(p.grace_days[EE_TCB_OUT_OF_DATE] == 30 && p.min_tcb_date_s == 1710288000);
    CHECK(p.min_tcb_evaluation == 18 && p.min_qe_evaluation == 17);
    CHECK(p.max_collateral_age_days == 14 && p.min_module_version == 1 && p.module_count == 2);
    CHECK(p.modules[1].version == 3 && p.modules[1].min_svn == 5);
    CHECK(p.mrseam_count == 1 && p.service_td_count == 1 && p.advisory_count == 2);
    CHECK(p.fmspc_allowed.count == 1 && p.platform_denied.count == 1 && p.value_count == 3);
    CHECK(p.values[0].which == EE_REGISTER_MRTD && p.values[2].value[0] == 0x37);
    length = encode(&p);
    REQUIRE(length > 0);
    REQUIRE(ee_attest_policy_decode(ee_bytes_of(bytes, length), &again) == EE_OK);
    REQUIRE(ee_attest_policy_print(&again, text, sizeof(text), &size) == EE_OK);
    REQUIRE(parse(text) == EE_OK);
    static uint8_t first[EE_POLICY_BYTES_MAX];
    memcpy(first, bytes, length);
    CHECK(encode(&p) == length && memcmp(first, bytes, length) == 0);
    CHECK(ee_attest_policy_print(&again, text, size, &size) == EE_TOO_LARGE);
}

static void policy_files_that_are_refused(void)
{
    static const struct {
        const char *json;
        enum ee_err err;
        const char *says;
    } rows[] = {
        {"", EE_SYNTAX, ""},
        {"[]", EE_SYNTAX, ""},
        {"{}", EE_UNSUPPORTED, "format"},
        {"{\"format\": \"ee-policy-2\"}", EE_UNSUPPORTED, "format"},
        {"{\"format\": \"ee-policy-1\", \"statusses\": []}", EE_SYNTAX, "statusses: is not known"},
        {"{\"format\": \"ee-policy-1\", \"format\": \"ee-policy-1\"}", EE_DUPLICATE_FIELD, ""},
        {"{\"format\": \"ee-policy-1\"} x", EE_SYNTAX, ""},
        {"{\"format\": \"ee-policy-1\", \"statuses\": [\"Fine\"]}", EE_RANGE, "statuses"},
        {"{\"format\": \"ee-policy-1\", \"statuses\": [\"Revoked\"]}", EE_RANGE, "no policy"},
        {"{\"format\": \"ee-policy-1\", \"grace_days\": {\"NOT_SUPPORTED\": 3}}", EE_RANGE, ""},
        {"{\"format\": \"ee-policy-1\", \"grace_days\": {\"OutOfDate\": 3651}}", EE_RANGE, ""},
        {"{\"format\": \"ee-policy-1\", \"grace_days\": {\"OutOfDate\": -1}}", EE_SYNTAX, ""},
        {"{\"format\": \"ee-policy-1\", \"statuses\": [\"UpToDate\", \"UpToDate\"]}",
         EE_DUPLICATE_FIELD, ""},
        {"{\"format\": \"ee-policy-1\", \"allow_debug\": true}", EE_DEBUG_TD, "measurements"},
        {"{\"format\": \"ee-policy-1\", \"allow_debug\": 1}", EE_SYNTAX, "allow_debug"},
        {"{\"format\": \"ee-policy-1\", \"allow_sept_ve\": null}", EE_SYNTAX, ""},
        {"{\"format\": \"ee-policy-1\", \"attributes_required\": \"0100000000000000\"}", EE_RANGE,
         ""},
        {"{\"format\": \"ee-policy-1\", \"xfam_required\": \"01\"}", EE_SYNTAX, "xfam_required"},
        {"{\"format\": \"ee-policy-1\", \"xfam_required\": \"0300000000000000\", "
         "\"xfam_forbidden\": \"0100000000000000\"}",
         EE_RANGE, ""},
        {"{\"format\": \"ee-policy-1\", \"min_tcb_evaluation\": 4294967296}", EE_RANGE, ""},
        {"{\"format\": \"ee-policy-1\", \"min_tcb_evaluation\": 1.5}", EE_SYNTAX, ""},
        {"{\"format\": \"ee-policy-1\", \"min_tcb_date\": \"2024-02-30T00:00:00Z\"}", EE_SYNTAX,
         ""},
        {"{\"format\": \"ee-policy-1\", \"modules\": [{\"version\": 1}]}", EE_SYNTAX, "min_svn"},
        {"{\"format\": \"ee-policy-1\", \"modules\": [{\"version\": 256, \"min_svn\": 1}]}",
         EE_RANGE, ""},
        {"{\"format\": \"ee-policy-1\", \"modules\": [{\"version\": 1, \"min_svn\": 1}, "
         "{\"version\": 1, \"min_svn\": 2}]}",
         EE_DUPLICATE_FIELD, "twice"},
        {"{\"format\": \"ee-policy-1\", \"fmspcs\": {\"allow\": [\"90c06f0000\"]}}", EE_SYNTAX, ""},
        {"{\"format\": \"ee-policy-1\", \"fmspcs\": {\"permit\": []}}", EE_SYNTAX, "fmspcs"},
        {"{\"format\": \"ee-policy-1\", \"measurements\": [{\"label\": \"x\"}]}", EE_RANGE, ""},
        {"{\"format\": \"ee-policy-1\", \"measurements\": [{\"mrtd\": []}]}", EE_SYNTAX,
         "register"},
        {"{\"format\": \"ee-policy-1\", \"measurements\": [{\"rtmr9\": []}]}", EE_SYNTAX, ""},
        {"{\"format\": \"ee-policy-1\", \"name\": "
         "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
         EE_TOO_LARGE, "name"},
        {"{\"format\": \"ee-policy-1\", \"name\": \"caf\xc3\xa9\"}", EE_RANGE, ""},
    };
    healthy();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum ee_err err = parse(rows[i].json);
        if (err != rows[i].err || !strstr(problem, rows[i].says) || !problem[0])
            printf("# %s: %s, %s\n", rows[i].json, ee_err_name(err), problem);
        CHECK(err == rows[i].err && strstr(problem, rows[i].says) && problem[0]);
    }
    CHECK(strcmp(p.name, "network") == 0); /* unchanged by all of them */
}

static void rtmr3_alone_proves_nothing(void)
{
    static const uint8_t value[EE_MEASUREMENT_SIZE] = {1};
    healthy();
    p.set_count = 1;
    value_add(0, EE_REGISTER_MRTD, value);
    value_add(0, EE_REGISTER_RTMR0, value);
    value_add(0, EE_REGISTER_RTMR1, value);
    value_add(0, EE_REGISTER_RTMR3, value);
    CHECK(ee_attest_policy_valid(&p) == EE_RANGE); /* RTMR2 is missing */
    p.values[3].which = EE_REGISTER_RTMR2;
    value_add(0, EE_REGISTER_RTMR3, value);
    CHECK(ee_attest_policy_valid(&p) == EE_OK);
    value_add(0, EE_REGISTER_RTMR3, value);
    CHECK(ee_attest_policy_valid(&p) == EE_DUPLICATE_FIELD);
    p.value_count = 0;
    value_add(0, EE_REGISTER_MRCONFIGID, value);
    CHECK(ee_attest_policy_valid(&p) == EE_RANGE); /* set by the host: MRTD is missing */
    p.allow_debug = true;
    p.values[0].which = EE_REGISTER_MRTD;
    CHECK(ee_attest_policy_valid(&p) == EE_OK);
    CHECK(encode(&p) == 0); /* a network's bytes have no place for it */
}

static void lists_beyond_their_limit(void)
{
    struct ee_writer w;
    ee_writer_init(&w, text, sizeof(text));
    const char *head = "{\"format\": \"ee-policy-1\", \"platforms\": {\"deny\": [";
    ee_writer_bytes(&w, head, strlen(head));
    for (unsigned i = 0; i <= EE_POLICY_PLATFORMS_MAX; i++) {
        char one[48];
        int size = snprintf(one, sizeof(one), "%s\"%032x\"", i ? "," : "", i);
        ee_writer_bytes(&w, one, (size_t)size);
    }
    ee_writer_bytes(&w, "]}}", 3);
    CHECK(ee_attest_policy_parse(ee_writer_done(&w), &p, problem) == EE_TOO_LARGE);
    CHECK(strstr(problem, "platforms") != NULL);
}

/* Every prefix and every flipped byte is refused, or is another valid policy. */
static void bytes_cut_or_flipped(void)
{
    struct ee_attest_policy again;
    static uint8_t copy[EE_POLICY_BYTES_MAX];
    REQUIRE(parse(everything) == EE_OK);
    size_t size = encode(&p);
    REQUIRE(size > 0);
    memcpy(copy, bytes, size);
    for (size_t i = 0; i < size; i++)
        CHECK(ee_attest_policy_decode(ee_bytes_of(copy, i), &again) != EE_OK);
    for (size_t i = 0; i < size; i++) {
        copy[i] ^= 0x55;
        if (ee_attest_policy_decode(ee_bytes_of(copy, size), &again) == EE_OK)
            CHECK(encode(&again) == size && memcmp(copy, bytes, size) == 0);
        copy[i] ^= 0x55;
    }
    copy[size] = 0;
    CHECK(ee_attest_policy_decode(ee_bytes_of(copy, size + 1), &again) == EE_TRAILING);
}

static void tables_have_a_text_for_every_row(void)
{
    for (enum ee_policy_rule r = EE_RULE_NONE + 1; r < EE_RULE_COUNT; r++)
        CHECK(strlen(ee_attest_rule_name(r)) && strlen(ee_attest_rule_demand(r)) &&
              strlen(ee_attest_rule_cure(r)));
    CHECK(strcmp(ee_attest_rule_name(EE_RULE_COUNT), "unknown") == 0);
    CHECK(ee_attest_policy_builtin("strict") == &ee_attest_policy_strict);
    CHECK(ee_attest_policy_builtin("lax") == NULL);
}

TESTS(TEST(healthy_td_is_accepted_by_the_rule_of_its_status),
      TEST(failed_verification_is_never_turned_into_a_pass), TEST(status_that_is_not_accepted),
      TEST(grace_counts_from_the_tcb_date_and_ends), TEST(debug_or_profiled_td),
      TEST(attribute_bits_under_masks), TEST(td_the_host_or_another_td_could_get_into),
      TEST(features_under_masks), TEST(tcb_date_and_evaluation_numbers_below_the_minimum),
      TEST(collateral_that_was_issued_too_long_ago),
      TEST(module_below_its_minimum_or_of_another_build), TEST(advisory_that_is_denied),
      TEST(families_and_platforms_on_lists),
      TEST(measurements_must_fit_one_set_in_every_register_it_names),
      TEST(all_rules_that_refuse_are_listed_in_order),
      TEST(file_without_rules_is_the_network_s_default), TEST(every_member_survives_file_and_bytes),
      TEST(policy_files_that_are_refused), TEST(rtmr3_alone_proves_nothing),
      TEST(lists_beyond_their_limit), TEST(bytes_cut_or_flipped),
      TEST(tables_have_a_text_for_every_row))
