/* SPDX-License-Identifier: Apache-2.0 */
/* The library as its users see it: evidence documents, nonces, claims and JSON. */
#include "rig.h"
#include "tap.h"

#include <jansson.h>

static struct rig *rig;
static uint8_t nonce[32];

static int verify(const struct ee_verify_evidence_request *request)
{
    return ee_verify_evidence(rig->context, request, rig->result);
}

static bool make(uint32_t faults)
{
    rig = rig_new(faults, NULL);
    if (rig)
        ee_verify_caller_nonce(rig->drawn, nonce);
    return rig != NULL;
}

static void healthy_evidence_names_its_machine_and_code(void)
{
    struct ee_verify_statement s = {.struct_size = sizeof(s)};
    REQUIRE(make(EE_SIM_HEALTHY));
    struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce);
    REQUIRE(verify(&request) == EE_VERIFY_OK);
    CHECK(ee_verify_result_proof(rig->result) == EE_VERIFY_PROOF_KEY_BOUND);
    REQUIRE(ee_verify_result_statement(rig->result, &s) == EE_VERIFY_OK);
    CHECK(s.log_present && s.log_complete);
    CHECK(s.role == EE_VERIFY_ROLE_AGENT && s.vcpus == 8 && s.measurement_index == 0);
    CHECK(strcmp(s.node_name, "node-1") == 0 && strcmp(s.software_version, "0.1.0") == 0);
    CHECK(memcmp(s.sealing_key, rig->claims.sealing_key, 32) == 0);
    CHECK(memcmp(ee_verify_result_ppid(rig->result), rig->platform.ppid, 16) == 0);
    s.struct_size = 4;
    CHECK(ee_verify_result_statement(rig->result, &s) == EE_VERIFY_ERROR_RANGE);
    request.tls_key_hash = NULL;
    CHECK(verify(&request) == EE_VERIFY_OK);
    CHECK(ee_verify_result_proof(rig->result) == EE_VERIFY_PROOF_VALID);
    request.collateral = rig->collateral; /* ours instead of what it brings */
    request.collateral_size = rig->collateral_size;
    CHECK(verify(&request) == EE_VERIFY_OK);
    rig_free(rig);
}

static void each_refusal_has_its_error(void)
{
    static const uint8_t other[64] = {0xee};
    uint8_t digests[96] = {0};
    REQUIRE(make(EE_SIM_HEALTHY));
    struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce), good = request;
    request.nonce = other;
    CHECK(verify(&request) == EE_VERIFY_ERROR_NOT_FRESH);
    CHECK(ee_verify_result_proof(rig->result) == EE_VERIFY_PROOF_NONE);
    CHECK(strcmp(ee_verify_result_reason(rig->result), "not_fresh") == 0);
    request = good, request.network_id = other;
    CHECK(verify(&request) == EE_VERIFY_ERROR_WRONG_NETWORK);
    request = good, request.role = EE_VERIFY_ROLE_CONTROL;
    CHECK(verify(&request) == EE_VERIFY_ERROR_WRONG_ROLE);
    request = good, request.tls_key_hash = other;
    CHECK(verify(&request) == EE_VERIFY_ERROR_NOT_BOUND);
    request = good, request.identity = other;
    CHECK(verify(&request) == EE_VERIFY_ERROR_WRONG_IDENTITY);
    request = good, request.allow_simulated = false;
    CHECK(verify(&request) == EE_VERIFY_ERROR_SIMULATED);
    request = good, request.measurements = digests, request.measurement_count = 3;
    CHECK(verify(&request) == EE_VERIFY_ERROR_MEASUREMENT);
    memcpy(digests + 32, rig->digest, 32);
    struct ee_verify_statement s = {.struct_size = sizeof(s)};
    CHECK(verify(&request) == EE_VERIFY_OK);
    CHECK(ee_verify_result_statement(rig->result, &s) == EE_VERIFY_OK && s.measurement_index == 1);
    request = good, request.measurement_count = 0;
    CHECK(verify(&request) == EE_VERIFY_ERROR_MEASUREMENT);
    rig_free(rig);
}

static void request_that_lacks_something_is_refused(void)
{
    REQUIRE(make(EE_SIM_HEALTHY));
    struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce), good = request;
    request.network_id = NULL;
    CHECK(verify(&request) == EE_VERIFY_ERROR_MISSING_FIELD);
    request = good, request.measurements = NULL;
    CHECK(verify(&request) == EE_VERIFY_ERROR_MISSING_FIELD);
    request = good, request.nonce = NULL;
    CHECK(verify(&request) == EE_VERIFY_ERROR_MISSING_FIELD);
    request = good, request.role = 0;
    CHECK(verify(&request) == EE_VERIFY_ERROR_RANGE);
    request = good, request.nonce_kind = 3;
    CHECK(verify(&request) == EE_VERIFY_ERROR_RANGE);
    request = good, request.memory_size = 100;
    CHECK(verify(&request) == EE_VERIFY_ERROR_TOO_LARGE);
    request = good, request.evidence_size--;
    CHECK(verify(&request) != EE_VERIFY_OK);
    request = good, request.collateral = rig->quote, request.collateral_size = 100;
    CHECK(verify(&request) == EE_VERIFY_ERROR_COLLATERAL);
    request = good, request.struct_size = 8;
    CHECK(verify(&request) == EE_VERIFY_ERROR_RANGE);
    CHECK(ee_verify_result_error(rig->result) == EE_VERIFY_ERROR_RANGE);
    rig_free(rig);
}

static void faults_of_the_platform_show_through(void)
{
    REQUIRE(make(EE_SIM_MODULE_OUT_OF_DATE));
    struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce);
    CHECK(verify(&request) == EE_VERIFY_ERROR_TCB_REFUSED);
    CHECK(ee_verify_result_status(rig->result) == EE_VERIFY_STATUS_OUT_OF_DATE);
    request.policy = ee_verify_policy_builtin("none");
    CHECK(verify(&request) == EE_VERIFY_OK);
    rig_free(rig);
    REQUIRE(make(EE_SIM_PCK_REVOKED));
    request = rig_evidence_request(rig, nonce);
    CHECK(verify(&request) == EE_VERIFY_ERROR_REVOKED);
    CHECK(strcmp(ee_verify_result_reason(rig->result), "cert_revoked") == 0);
    rig_free(rig);
    REQUIRE(make(EE_SIM_DEBUG_TD));
    request = rig_evidence_request(rig, nonce);
    request.policy = ee_verify_policy_builtin("none");
    CHECK(verify(&request) == EE_VERIFY_ERROR_DEBUG_TD); /* no policy allows it here */
    rig_free(rig);
}

static void parts_of_a_document(void)
{
    const uint8_t *part = NULL;
    size_t size = 0;
    REQUIRE(make(EE_SIM_HEALTHY));
    CHECK(ee_verify_evidence_part(rig->evidence, rig->evidence_size, EE_VERIFY_PART_QUOTE,
                                  rig->memory, rig->evidence_size, &part, &size) == EE_VERIFY_OK);
    CHECK(size == rig->quote_size && memcmp(part, rig->quote, size) == 0);
    CHECK(ee_verify_evidence_part(rig->evidence, rig->evidence_size, EE_VERIFY_PART_EVENT_LOG,
                                  rig->memory, rig->evidence_size, &part, &size) == EE_VERIFY_OK);
    CHECK(size == rig->log_size && memcmp(part, rig->log, size) == 0);
    CHECK(ee_verify_evidence_part(rig->evidence, rig->evidence_size, 0, rig->memory,
                                  rig->evidence_size, &part, &size) == EE_VERIFY_ERROR_RANGE);
    CHECK(ee_verify_evidence_part(rig->evidence, rig->evidence_size, 5, rig->memory,
                                  rig->evidence_size, &part, &size) == EE_VERIFY_ERROR_RANGE);
    CHECK(ee_verify_evidence_part(rig->evidence, rig->evidence_size - 2, 1, rig->memory,
                                  rig->evidence_size, &part, &size) != EE_VERIFY_OK);
    rig_free(rig);
}

static void channel_nonce_is_of_all_its_parts(void)
{
    uint8_t parts[3][32] = {{1}, {2}, {3}}, first[32], next[32];
    REQUIRE(ee_verify_channel_nonce(parts[0], parts[1], parts[2], EE_VERIFY_ROLE_AGENT, first) ==
            EE_VERIFY_OK);
    for (size_t i = 0; i < 3; i++) {
        parts[i][31] ^= 1;
        CHECK(ee_verify_channel_nonce(parts[0], parts[1], parts[2], EE_VERIFY_ROLE_AGENT, next) ==
              EE_VERIFY_OK);
        CHECK(memcmp(first, next, 32) != 0);
        parts[i][31] ^= 1;
    }
    CHECK(ee_verify_channel_nonce(parts[0], parts[1], parts[2], EE_VERIFY_ROLE_CONTROL, next) ==
          EE_VERIFY_OK);
    CHECK(memcmp(first, next, 32) != 0);
    CHECK(ee_verify_channel_nonce(parts[0], parts[1], parts[2], 0, next) == EE_VERIFY_ERROR_RANGE);
}

static void freshness_root_refuses_a_place_that_is_not_in_the_tree(void)
{
    uint8_t path[11 * 32] = {0}, root[32];
    CHECK(ee_verify_freshness_root(nonce, 0, 1, NULL, 0, root) == EE_VERIFY_OK);
    CHECK(ee_verify_freshness_root(nonce, 1, 2, path, 1, root) == EE_VERIFY_OK);
    CHECK(ee_verify_freshness_root(nonce, 2, 2, path, 1, root) == EE_VERIFY_ERROR_RANGE);
    CHECK(ee_verify_freshness_root(nonce, 0, 0, path, 0, root) == EE_VERIFY_ERROR_RANGE);
    CHECK(ee_verify_freshness_root(nonce, 0, 2, path, 2, root) == EE_VERIFY_ERROR_PROOF);
    CHECK(ee_verify_freshness_root(nonce, 0, 2, path, 11, root) == EE_VERIFY_ERROR_PROOF);
}

static void claims_have_value_anchor_and_meaning(void)
{
    char value[EE_VERIFY_VALUE_TEXT_SIZE];
    struct ee_verify_claim claim = {.struct_size = sizeof(claim)};
    size_t there = 0;
    REQUIRE(make(EE_SIM_HEALTHY));
    struct ee_verify_quote_request request = rig_quote_request(rig);
    REQUIRE(ee_verify_quote(rig->context, &request, rig->result) == EE_VERIFY_OK);
    for (size_t i = 0; i < ee_verify_claim_count(); i++) {
        int error = ee_verify_result_claim(rig->result, i, &claim, value, sizeof(value));
        CHECK(error == EE_VERIFY_OK || error == EE_VERIFY_ERROR_NOT_FOUND);
        CHECK(ee_verify_claim_find(claim.group, claim.name) == i);
        CHECK(claim.anchor[0] && claim.meaning[0] && (error == EE_VERIFY_OK) == (value[0] != 0));
        CHECK(claim.struct_size == sizeof(claim) && claim.age_s >= -1);
        there += error == EE_VERIFY_OK;
    }
    CHECK(there > 40);
    size_t mrtd = ee_verify_claim_find("td", "mrtd");
    REQUIRE(ee_verify_result_claim(rig->result, mrtd, &claim, value, sizeof(value)) ==
            EE_VERIFY_OK);
    CHECK(strlen(value) == 96 && strcmp(claim.anchor, "quote") == 0);
    CHECK(ee_verify_result_claim(rig->result, mrtd, &claim, value, 96) ==
          EE_VERIFY_ERROR_TOO_LARGE);
    CHECK(ee_verify_claim_find("td", "mrtx") == ee_verify_claim_count());
    CHECK(ee_verify_result_claim(rig->result, ee_verify_claim_count(), &claim, value,
                                 sizeof(value)) == EE_VERIFY_ERROR_RANGE);
    rig_free(rig);
}

static json_t *json_of_result(void)
{
    static char text[EE_VERIFY_DOCUMENT_SIZE];
    size_t size = 0, needed = 0;
    CHECK(ee_verify_result_json(rig->result, NULL, 0, &needed) == EE_VERIFY_ERROR_TOO_LARGE);
    CHECK(ee_verify_result_json(rig->result, text, needed, &size) == EE_VERIFY_ERROR_TOO_LARGE);
    CHECK(ee_verify_result_json(rig->result, text, needed + 1, &size) == EE_VERIFY_OK);
    CHECK(size == needed && strlen(text) == size);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    CHECK(json);
    return json;
}

static bool says(json_t *json, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text && strcmp(text, value) == 0;
}

static void json_is_one_document_of_everything(void)
{
    REQUIRE(make(EE_SIM_MODULE_OUT_OF_DATE));
    struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce);
    request.policy = ee_verify_policy_builtin("none");
    json_t *json = json_of_result(); /* before anything was verified */
    CHECK(says(json, "error", "state") && json_is_null(json_object_get(json, "quote")));
    json_decref(json);
    REQUIRE(verify(&request) == EE_VERIFY_OK);
    json = json_of_result();
    json_t *quote = json_object_get(json, "quote");
    CHECK(json_is_true(json_object_get(json, "ok")) && says(json, "status", "OutOfDate"));
    CHECK(says(json, "proof", "key-bound") && says(json, "reason", "none"));
    CHECK(json_object_get(json_object_get(json, "statement"), "tls_key_hash"));
    CHECK(json_array_size(json_object_get(quote, "advice")) != 0);
    CHECK(json_object_get(json_object_get(json_object_get(quote, "claims"), "td"), "mrtd"));
    json_decref(json);
    request.nonce = rig->quote; /* a refusal that only evidence has */
    REQUIRE(verify(&request) == EE_VERIFY_ERROR_NOT_FRESH);
    json = json_of_result();
    CHECK(json_is_false(json_object_get(json, "ok")) && says(json, "reason", "not_fresh"));
    CHECK(json_object_get(json, "refusal") && !json_object_get(json, "statement"));
    CHECK(json_is_true(json_object_get(json_object_get(json, "quote"), "ok")));
    json_decref(json);
    request.struct_size = 8;
    REQUIRE(verify(&request) == EE_VERIFY_ERROR_RANGE);
    json = json_of_result();
    CHECK(says(json, "reason", "range") && json_is_null(json_object_get(json, "quote")));
    json_decref(json);
    rig_free(rig);
}

static const char *last_line(const char *text)
{
    const char *line = text;
    for (const char *c = text; *c; c++)
        if (c[0] == '\n' && c[1])
            line = c + 1;
    return line;
}

static void text_ends_with_the_verdict(void)
{
    static char text[EE_VERIFY_DOCUMENT_SIZE];
    size_t size = 0;
    REQUIRE(make(EE_SIM_HEALTHY));
    struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce);
    CHECK(ee_verify_result_text(rig->result, text, sizeof(text), &size) == EE_VERIFY_OK);
    CHECK(strcmp(last_line(text), "REJECT state\n") == 0);
    REQUIRE(verify(&request) == EE_VERIFY_OK);
    CHECK(ee_verify_result_text(rig->result, text, sizeof(text), &size) == EE_VERIFY_OK);
    CHECK(strcmp(last_line(text), "OK UpToDate\n") == 0 && strlen(text) == size);
    request.tls_key_hash = rig->quote;
    REQUIRE(verify(&request) == EE_VERIFY_ERROR_NOT_BOUND);
    CHECK(ee_verify_result_text(rig->result, text, sizeof(text), &size) == EE_VERIFY_OK);
    CHECK(strcmp(last_line(text), "REJECT not_bound\n") == 0);
    CHECK(ee_verify_result_text(rig->result, text, size, &size) == EE_VERIFY_ERROR_TOO_LARGE);
    rig_free(rig);
}

/* Everything an evidence document is refused for, whoever said no, is told once. */
static void findings_of_evidence_are_not_told_twice(void)
{
    char text[EE_VERIFY_FINDING_TEXT_SIZE];
    struct ee_verify_finding finding = {.struct_size = sizeof(finding)};
    unsigned failures = 0;
    REQUIRE(make(EE_SIM_MODULE_OUT_OF_DATE));
    struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce);
    REQUIRE(verify(&request) == EE_VERIFY_ERROR_TCB_REFUSED);
    for (size_t i = 0; i < ee_verify_result_finding_count(rig->result); i++) {
        CHECK(ee_verify_result_finding(rig->result, i, &finding, text, sizeof(text)) ==
              EE_VERIFY_OK);
        failures += finding.error != EE_VERIFY_OK;
        CHECK(text[0]);
    }
    CHECK(failures == 1 && strcmp(ee_verify_result_reason(rig->result), "policy_status") == 0);
    request.nonce = rig->quote; /* asked after the policy: not reached */
    CHECK(verify(&request) == EE_VERIFY_ERROR_TCB_REFUSED);
    request.network_id = rig->quote; /* asked before it */
    CHECK(verify(&request) == EE_VERIFY_ERROR_WRONG_NETWORK);
    CHECK(strcmp(ee_verify_result_reason(rig->result), "wrong_network") == 0);
    rig_free(rig);
}

TESTS(TEST(healthy_evidence_names_its_machine_and_code), TEST(each_refusal_has_its_error),
      TEST(request_that_lacks_something_is_refused), TEST(faults_of_the_platform_show_through),
      TEST(parts_of_a_document), TEST(channel_nonce_is_of_all_its_parts),
      TEST(freshness_root_refuses_a_place_that_is_not_in_the_tree),
      TEST(claims_have_value_anchor_and_meaning), TEST(json_is_one_document_of_everything),
      TEST(text_ends_with_the_verdict), TEST(findings_of_evidence_are_not_told_twice))
