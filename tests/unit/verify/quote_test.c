/* SPDX-License-Identifier: Apache-2.0 */
/* The library as its users see it: quotes. */
#include "rig.h"
#include "tap.h"

#include <stdlib.h>

static struct rig *rig;

static int verify(const struct ee_verify_quote_request *request)
{
    return ee_verify_quote(rig->context, request, rig->result);
}

static void healthy_quote_gives_proven_values(void)
{
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    CHECK(ee_verify_result_error(rig->result) == EE_VERIFY_ERROR_STATE);
    CHECK(strcmp(ee_verify_result_reason(rig->result), "state") == 0);
    REQUIRE(verify(&request) == EE_VERIFY_OK);
    const struct ee_verify_result *r = rig->result;
    CHECK(ee_verify_result_error(r) == EE_VERIFY_OK);
    CHECK(strcmp(ee_verify_result_reason(r), "none") == 0);
    CHECK(ee_verify_result_status(r) == EE_VERIFY_STATUS_UP_TO_DATE);
    CHECK(strcmp(ee_verify_status_name(ee_verify_result_status(r)), "UpToDate") == 0);
    CHECK(ee_verify_result_flags(r) == 0 && !ee_verify_result_production(r));
    CHECK(memcmp(ee_verify_result_register(r, EE_VERIFY_REGISTER_MRTD), rig->td.mrtd, 48) == 0);
    CHECK(memcmp(ee_verify_result_register(r, EE_VERIFY_REGISTER_RTMR2), rig->td.rtmr[2], 48) == 0);
    CHECK(memcmp(ee_verify_result_report_data(r), rig->report_data, 64) == 0);
    CHECK(memcmp(ee_verify_result_ppid(r), rig->platform.ppid, 16) == 0);
    CHECK(memcmp(ee_verify_result_fmspc(r), rig->authority.fmspc, 6) == 0);
    CHECK(ee_verify_result_quote_size(r) == rig->quote_size);
    CHECK(ee_verify_result_valid_until(r) > RIG_NOW_S);
    CHECK(!ee_verify_result_register(r, 11) && !ee_verify_result_register(r, -1));
    CHECK(ee_verify_result_proof(r) == EE_VERIFY_PROOF_NONE);
    struct ee_verify_statement statement = {.struct_size = sizeof(statement)};
    CHECK(ee_verify_result_statement(r, &statement) == EE_VERIFY_ERROR_NOT_FOUND);
    rig_free(rig);
}

static void refused_quote_gives_no_proven_value(void)
{
    rig = rig_new(EE_SIM_PLATFORM_OUT_OF_DATE, NULL);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    REQUIRE(verify(&request) == EE_VERIFY_ERROR_TCB_REFUSED);
    const struct ee_verify_result *r = rig->result;
    CHECK(strcmp(ee_verify_result_reason(r), "policy_status") == 0);
    CHECK(ee_verify_result_status(r) == EE_VERIFY_STATUS_OUT_OF_DATE);
    CHECK(!ee_verify_result_register(r, EE_VERIFY_REGISTER_MRTD));
    CHECK(!ee_verify_result_report_data(r) && !ee_verify_result_ppid(r));
    CHECK(!ee_verify_result_fmspc(r) && ee_verify_result_quote_size(r) == 0);
    CHECK(ee_verify_result_valid_until(r) == 0);
    request.policy = ee_verify_policy_builtin("none");
    CHECK(verify(&request) == EE_VERIFY_OK);
    CHECK(ee_verify_result_register(r, EE_VERIFY_REGISTER_MRTD));
    rig_free(rig);
}

static void each_fault_has_its_error(void)
{
    static const struct {
        uint32_t fault;
        int error;
    } rows[] = {{EE_SIM_TCB_REVOKED, EE_VERIFY_ERROR_REVOKED},
                {EE_SIM_PCK_REVOKED, EE_VERIFY_ERROR_REVOKED},
                {EE_SIM_DEBUG_TD, EE_VERIFY_ERROR_DEBUG_TD},
                {EE_SIM_AK_NOT_BOUND, EE_VERIFY_ERROR_SIGNATURE},
                {EE_SIM_QUOTE_FORGED, EE_VERIFY_ERROR_SIGNATURE},
                {EE_SIM_WRONG_ROOT, EE_VERIFY_ERROR_UNTRUSTED},
                {EE_SIM_COLLATERAL_EXPIRED, EE_VERIFY_ERROR_EXPIRED}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig = rig_new(rows[i].fault, NULL);
        REQUIRE(rig);
        struct ee_verify_quote_request request = rig_quote_request(rig);
        CHECK(verify(&request) == rows[i].error);
        CHECK(ee_verify_result_error(rig->result) == rows[i].error);
        CHECK(ee_verify_result_finding_count(rig->result) != 0);
        rig_free(rig);
    }
}

static void quote_with_other_report_data_is_not_bound(void)
{
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    rig->report_data[63] ^= 1;
    CHECK(verify(&request) == EE_VERIFY_ERROR_NOT_BOUND);
    CHECK(strcmp(ee_verify_result_reason(rig->result), "not_bound") == 0);
    rig_free(rig);
}

static void policy_and_binding_are_both_reported(void)
{
    char text[EE_VERIFY_FINDING_TEXT_SIZE];
    struct ee_verify_finding finding = {.struct_size = sizeof(finding)};
    rig = rig_new(EE_SIM_MODULE_OUT_OF_DATE, NULL);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    rig->report_data[0] ^= 1;
    CHECK(verify(&request) == EE_VERIFY_ERROR_TCB_REFUSED);
    REQUIRE(ee_verify_result_finding_count(rig->result) >= 3);
    CHECK(ee_verify_result_finding(rig->result, 0, &finding, text, sizeof(text)) == EE_VERIFY_OK);
    CHECK(strcmp(finding.id, "policy_status") == 0 && finding.error == EE_VERIFY_ERROR_TCB_REFUSED);
    CHECK(ee_verify_result_finding(rig->result, 1, &finding, text, sizeof(text)) == EE_VERIFY_OK);
    CHECK(strcmp(finding.id, "not_bound") == 0 && finding.error == EE_VERIFY_ERROR_NOT_BOUND);
    CHECK(ee_verify_result_finding(rig->result, 2, &finding, text, sizeof(text)) == EE_VERIFY_OK);
    CHECK(strcmp(finding.id, "short_module") == 0 && finding.error == EE_VERIFY_OK);
    CHECK(strstr(text, "update the TDX module"));
    CHECK(ee_verify_result_finding(rig->result, 2, &finding, text, 8) == EE_VERIFY_ERROR_TOO_LARGE);
    CHECK(strlen(text) == 7);
    CHECK(ee_verify_result_finding(rig->result, 99, &finding, text, sizeof(text)) ==
          EE_VERIFY_ERROR_RANGE);
    rig_free(rig);
}

static void unreadable_collateral_is_a_refusal(void)
{
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    request.collateral_size /= 2;
    CHECK(verify(&request) == EE_VERIFY_ERROR_COLLATERAL);
    request.collateral_size = 0;
    CHECK(verify(&request) == EE_VERIFY_ERROR_COLLATERAL);
    static char large[256 * 1024];
    request.collateral = large;
    request.collateral_size = sizeof(large);
    CHECK(verify(&request) == EE_VERIFY_ERROR_COLLATERAL);
    CHECK(strcmp(ee_verify_result_reason(rig->result), "collateral_too_large") == 0);
    request = rig_quote_request(rig);
    request.quote_size = 0;
    CHECK(verify(&request) == EE_VERIFY_ERROR_QUOTE);
    CHECK(strcmp(ee_verify_result_reason(rig->result), "quote_empty") == 0);
    rig_free(rig);
}

static void policy_file_decides_and_names_its_rule(void)
{
    static const char lenient[] = "{\"format\":\"ee-policy-1\",\"name\":\"lenient\","
                                  "\"statuses\":[\"UpToDate\",\"OutOfDate\"]}";
    char text[EE_VERIFY_DECISION_TEXT_SIZE], reason[EE_VERIFY_FINDING_TEXT_SIZE] = "";
    const struct ee_verify_policy *policy = NULL;
    void *memory = malloc(ee_verify_policy_size());
    rig = rig_new(EE_SIM_PLATFORM_OUT_OF_DATE, NULL);
    REQUIRE(rig && memory);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    CHECK(ee_verify_result_decision(rig->result, text, sizeof(text)) == EE_VERIFY_ERROR_NOT_FOUND);
    REQUIRE(verify(&request) == EE_VERIFY_ERROR_TCB_REFUSED);
    CHECK(strcmp(ee_verify_result_rule(rig->result), "status") == 0);
    REQUIRE(ee_verify_policy_parse(lenient, sizeof(lenient) - 1, memory, ee_verify_policy_size(),
                                   &policy, reason) == EE_VERIFY_OK);
    request.policy = policy;
    REQUIRE(verify(&request) == EE_VERIFY_OK);
    CHECK(strcmp(ee_verify_result_rule(rig->result), "status") == 0);
    CHECK(ee_verify_result_decision(rig->result, text, sizeof(text)) == EE_VERIFY_OK);
    CHECK(strstr(text, "status"));
    free(memory); /* the result does not need it */
    CHECK(ee_verify_result_decision(rig->result, text, 4) == EE_VERIFY_ERROR_TOO_LARGE);
    rig->quote[300] ^= 1;
    CHECK(verify(&(struct ee_verify_quote_request){
              .struct_size = sizeof(request), .quote = rig->quote, .quote_size = 10}) ==
          EE_VERIFY_ERROR_COLLATERAL);
    CHECK(strcmp(ee_verify_result_rule(rig->result), "none") == 0);
    rig_free(rig);
}

static void policy_file_that_is_wrong_is_refused(void)
{
    static const char misspelt[] = "{\"format\":\"ee-policy-1\",\"statusses\":[\"UpToDate\"]}";
    char reason[EE_VERIFY_FINDING_TEXT_SIZE] = "";
    const struct ee_verify_policy *policy = NULL;
    size_t size = ee_verify_policy_size();
    uint8_t *memory = malloc(size);
    REQUIRE(memory);
    CHECK(ee_verify_policy_parse(misspelt, sizeof(misspelt) - 1, memory, size, &policy, reason) ==
          EE_VERIFY_ERROR_SYNTAX);
    CHECK(!policy && strlen(reason) > 10);
    CHECK(ee_verify_policy_parse("{}", 2, memory, size, &policy, NULL) != EE_VERIFY_OK);
    CHECK(ee_verify_policy_parse("{}", 2, memory, size - 1, &policy, reason) ==
          EE_VERIFY_ERROR_TOO_LARGE);
    CHECK(ee_verify_policy_parse("{}", 2, memory + 1, size, &policy, reason) ==
          EE_VERIFY_ERROR_RANGE);
    CHECK(!policy);
    free(memory);
}

static void sizes_of_structs_keep_the_abi(void)
{
    struct {
        struct ee_verify_quote_request known;
        uint64_t later;
    } newer;
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    memset(&newer, 0, sizeof(newer));
    newer.known = rig_quote_request(rig);
    newer.known.struct_size = sizeof(newer);
    CHECK(verify(&newer.known) == EE_VERIFY_OK);
    newer.later = 1; /* asks for what this library does not know: not to be ignored */
    CHECK(verify(&newer.known) == EE_VERIFY_ERROR_RANGE);
    newer.known.struct_size = sizeof(newer.known) - 1;
    CHECK(verify(&newer.known) == EE_VERIFY_ERROR_RANGE);
    newer.known.struct_size = 0;
    CHECK(verify(&newer.known) == EE_VERIFY_ERROR_RANGE);
    newer.known.struct_size = SIZE_MAX;
    CHECK(verify(&newer.known) == EE_VERIFY_ERROR_RANGE);
    CHECK(!ee_verify_result_report_data(rig->result));
    rig_free(rig);
}

/* A change here breaks programs that are linked already: grow at the end, in a new version. */
static void layout_of_public_structs_is_frozen(void)
{
    if (sizeof(void *) != 8)
        SKIP("numbers of 64-bit machines");
    CHECK(sizeof(struct ee_verify_limits) == 24);
    CHECK(sizeof(struct ee_verify_quote_request) == 64);
    CHECK(offsetof(struct ee_verify_quote_request, report_data) == 56);
    CHECK(sizeof(struct ee_verify_evidence_request) == 144);
    CHECK(offsetof(struct ee_verify_evidence_request, identity) == 136);
    CHECK(sizeof(struct ee_verify_finding) == 24);
    CHECK(sizeof(struct ee_verify_claim) == 64);
    CHECK(sizeof(struct ee_verify_statement) == 344);
    CHECK(offsetof(struct ee_verify_statement, log_complete) == 341);
    CHECK(sizeof(struct ee_verify_event) == 88);
}

static void memory_that_is_small_or_crooked_is_refused(void)
{
    size_t size = ee_verify_context_size(NULL);
    uint8_t *memory = aligned_alloc(16, (size + 31) / 16 * 16);
    struct ee_verify_limits limits = {.struct_size = sizeof(limits), .collaterals = 1};
    REQUIRE(memory && size > 0);
    CHECK(!ee_verify_context_init(memory, size - 1, NULL));
    CHECK(!ee_verify_context_init(memory + 1, size, NULL));
    CHECK(!ee_verify_context_init(NULL, size, NULL));
    CHECK(ee_verify_context_init(memory, size, NULL));
    CHECK(!ee_verify_result_init(memory + 8, ee_verify_result_size()));
    CHECK(!ee_verify_result_init(memory, ee_verify_result_size() - 1));
    CHECK(ee_verify_context_size(&limits) != 0 && ee_verify_context_size(&limits) < size);
    limits.collaterals = 1u << 30;
    CHECK(ee_verify_context_size(&limits) == 0 && !ee_verify_context_init(memory, size, &limits));
    limits.collaterals = 1;
    limits.collateral_size = EE_VERIFY_COLLATERAL_MAX + 1;
    CHECK(ee_verify_context_size(&limits) == 0);
    limits.collateral_size = 0;
    limits.reserved = 1;
    CHECK(ee_verify_context_size(&limits) == 0);
    free(memory);
}

static void context_that_remembers_nothing_verifies_the_same(void)
{
    struct ee_verify_limits limits = {.struct_size = sizeof(limits)};
    rig = rig_new(EE_SIM_HEALTHY, &limits);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    for (int i = 0; i < 3; i++)
        CHECK(verify(&request) == EE_VERIFY_OK);
    request.time_s += 400 * 24 * 3600;
    CHECK(verify(&request) == EE_VERIFY_ERROR_EXPIRED);
    rig_free(rig);
}

/* What is remembered is of exact bytes, of accepted roots, and within its window. */
static void context_never_remembers_too_much(void)
{
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    for (int i = 0; i < 3; i++)
        REQUIRE(verify(&request) == EE_VERIFY_OK);
    request.time_s += 400 * 24 * 3600;
    CHECK(verify(&request) == EE_VERIFY_ERROR_EXPIRED);
    request.time_s = RIG_NOW_S;
    CHECK(verify(&request) == EE_VERIFY_OK);
    char *digit = strstr(rig->collateral, "tcbStatus");
    REQUIRE(digit);
    digit[3] ^= 1;
    CHECK(verify(&request) == EE_VERIFY_ERROR_SIGNATURE ||
          verify(&request) == EE_VERIFY_ERROR_COLLATERAL);
    digit[3] ^= 1;
    CHECK(verify(&request) == EE_VERIFY_OK);
    rig->quote[200] ^= 1;
    CHECK(verify(&request) == EE_VERIFY_ERROR_SIGNATURE);
    rig->quote[200] ^= 1;
    REQUIRE(ee_verify_context_set_roots(rig->context, ee_verify_root_production(), 1) ==
            EE_VERIFY_OK);
    CHECK(verify(&request) == EE_VERIFY_ERROR_UNTRUSTED);
    ee_verify_context_forget(rig->context);
    CHECK(verify(&request) == EE_VERIFY_ERROR_UNTRUSTED);
    rig_free(rig);
}

static void roots_come_as_keys_or_pem(void)
{
    char pem[EE_SIM_PEM_MAX];
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    CHECK(ee_verify_context_set_roots(rig->context, rig->quote, 0) == EE_VERIFY_ERROR_RANGE);
    CHECK(ee_verify_context_set_roots(rig->context, rig->quote, EE_VERIFY_ROOTS_MAX + 1) ==
          EE_VERIFY_ERROR_RANGE);
    CHECK(ee_verify_context_set_roots(rig->context, ee_verify_root_production(), 1) ==
          EE_VERIFY_OK);
    CHECK(verify(&request) == EE_VERIFY_ERROR_UNTRUSTED);
    size_t size = ee_sim_cert_pem(&rig->authority.root, pem, sizeof(pem));
    CHECK(ee_verify_context_set_roots_pem(rig->context, pem, size) == EE_VERIFY_OK);
    CHECK(verify(&request) == EE_VERIFY_OK);
    CHECK(ee_verify_context_set_roots_pem(rig->context, pem, size / 2) ==
          EE_VERIFY_ERROR_UNTRUSTED);
    CHECK(ee_verify_context_set_roots_pem(rig->context, rig->platform.pck_chain,
                                          rig->platform.pck_chain_size) ==
          EE_VERIFY_ERROR_UNTRUSTED); /* a leaf is no root */
    CHECK(verify(&request) == EE_VERIFY_OK);
    rig_free(rig);
}

static void fresh_context_accepts_the_production_root_only(void)
{
    size_t size = ee_verify_context_size(NULL);
    void *memory = malloc(size);
    REQUIRE(memory);
    struct ee_verify_context *context = ee_verify_context_init(memory, size, NULL);
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig && context);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    CHECK(ee_verify_quote(context, &request, rig->result) == EE_VERIFY_ERROR_UNTRUSTED);
    free(memory);
    rig_free(rig);
}

static void words_for_every_number(void)
{
    CHECK(strcmp(ee_verify_error_name(EE_VERIFY_ERROR_NOT_FRESH), "not_fresh") == 0);
    CHECK(strcmp(ee_verify_error_name(-5), "unknown") == 0 && ee_verify_error_text(99999));
    CHECK(strcmp(ee_verify_status_name(-1), "unknown") == 0);
    CHECK(strcmp(ee_verify_status_name(9999), "unknown") == 0);
    CHECK(strcmp(ee_verify_flag_name(EE_VERIFY_FLAG_DEBUG), "DEBUG") == 0);
    CHECK(strcmp(ee_verify_flag_name(0), "unknown") == 0 &&
          strcmp(ee_verify_flag_name(3), "unknown") == 0);
    CHECK(strlen(ee_verify_flag_meaning(EE_VERIFY_FLAG_XFAM)) > 10);
    CHECK(ee_verify_version() == EE_VERIFY_VERSION);
    CHECK(strcmp(ee_verify_version_text(), "1.0.0") == 0);
    CHECK(strcmp(ee_verify_crypto_name(), "openssl") == 0);
    CHECK(!ee_verify_policy_builtin("lenient"));
}

TESTS(TEST(healthy_quote_gives_proven_values), TEST(refused_quote_gives_no_proven_value),
      TEST(each_fault_has_its_error), TEST(quote_with_other_report_data_is_not_bound),
      TEST(policy_and_binding_are_both_reported), TEST(unreadable_collateral_is_a_refusal),
      TEST(policy_file_decides_and_names_its_rule), TEST(policy_file_that_is_wrong_is_refused),
      TEST(sizes_of_structs_keep_the_abi), TEST(layout_of_public_structs_is_frozen),
      TEST(memory_that_is_small_or_crooked_is_refused),
      TEST(context_that_remembers_nothing_verifies_the_same),
      TEST(context_never_remembers_too_much), TEST(roots_come_as_keys_or_pem),
      TEST(fresh_context_accepts_the_production_root_only), TEST(words_for_every_number))
