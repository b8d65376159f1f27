/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a coming TCB set will fail: who is told what, and what is forgotten. */
#include "control/outlook.h"

#include <stdlib.h>

#include "../attest/sim_issue.h"
#include "link/collateral_store.h"
#include "tap.h"

#include "base/banned.h"

static struct ee_control control;
static struct sim_issue issue;
static uint8_t roots[1][EE_P256_POINT_SIZE];
static struct ee_verdict verdict;

static const struct ee_collateral_set *give(const struct ee_sim_collateral_options *wish,
                                            bool early)
{
    char detail[EE_COLLATERAL_DETAIL_SIZE];
    enum ee_collateral_offer offer;
    struct ee_collateral_set *set = NULL;
    if (!sim_issue_write(&issue, wish) ||
        ee_collateral_store_offer(control.collateral, ee_bytes_of(issue.text, issue.size), early,
                                  false, SIM_ISSUED_S + 60, &offer, &set, detail) != EE_OK ||
        ee_collateral_store_keep(control.collateral, set) != EE_OK)
        return NULL;
    return set;
}

static const struct ee_sim_collateral_options standard = {.issued_s = SIM_ISSUED_S};
static const struct ee_sim_collateral_options coming = {
    .issued_s = SIM_ISSUED_S, .evaluation = 21, .module_svn_more = 3};

/* A control plane with these many places and a verdict on a healthy platform. */
static bool start(size_t nodes_max)
{
    struct ee_collateral_store_options options = {
        .crypto = &ee_crypto_openssl, .root_count = 1, .allow_simulated = true};
    ee_collateral_store_free(control.collateral);
    ee_outlook_free(control.outlook);
    memset(&control, 0, sizeof(control));
    control.trust.policy = ee_attest_policy_network;
    if (!sim_issue_start())
        return false;
    memcpy(roots[0], ee_sim_authority_root_key(&sim_authority), sizeof(roots[0]));
    options.roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots;
    memset(&verdict, 0, sizeof(verdict));
    memcpy(verdict.platform.fmspc, sim_authority.fmspc, EE_FMSPC_SIZE);
    memset(verdict.platform.components, 20, sizeof(verdict.platform.components));
    verdict.platform.pcesvn = 20;
    verdict.body_type = EE_BODY_TD_10;
    memset(verdict.td.tee_tcb_svn, 20, sizeof(verdict.td.tee_tcb_svn));
    verdict.td.tee_tcb_svn[0] = 6;
    verdict.td.tee_tcb_svn[1] = 1;
    verdict.qe.svn = 6;
    return ee_collateral_store_new(&options, &control.collateral) == EE_OK &&
           ee_outlook_new(nodes_max, &control.outlook) == EE_OK && give(&standard, false);
}

static size_t warnings(const char *node)
{
    json_t *list = ee_outlook_warnings(&control, node);
    size_t count = json_array_size(list);
    json_decref(list);
    return count;
}

static void node_that_a_coming_set_fails_is_warned_until_it_is_updated(void)
{
    REQUIRE(start(0));
    ee_outlook_note(&control, "node-1", &verdict);
    CHECK(warnings("node-1") == 0);
    const struct ee_collateral_set *set = give(&coming, true);
    json_t *names = json_array();
    REQUIRE(set != NULL);
    CHECK(ee_outlook_judge(&control, set, names, 10) == 1 && json_array_size(names) == 1);
    json_decref(names);
    json_t *list = ee_outlook_warnings(&control, "node-1");
    const json_t *warning = json_array_get(list, 0);
    const json_t *lack = json_array_get(json_object_get(warning, "short"), 0);
    CHECK(strcmp(json_string_value(json_object_get(warning, "code")), "coming_tcb_set") == 0);
    CHECK(json_integer_value(json_object_get(warning, "evaluation")) == 21);
    CHECK(strstr(json_string_value(json_object_get(warning, "text")),
                 "TDX module SVN 6, needs 9: update the TDX module") != NULL);
    CHECK(json_integer_value(json_object_get(lack, "have")) == 6);
    CHECK(json_integer_value(json_object_get(lack, "need")) == 9);
    CHECK(strcmp(json_string_value(json_object_get(warning, "standard_valid_until")),
                 "2026-10-21T14:13:20Z") == 0);
    json_decref(list);
    verdict.td.tee_tcb_svn[0] = 9;
    ee_outlook_note(&control, "node-1", &verdict);
    CHECK(warnings("node-1") == 0);
}

static void node_that_comes_after_the_set_is_warned_too(void)
{
    REQUIRE(start(0));
    REQUIRE(give(&coming, true) != NULL);
    CHECK(warnings("node-1") == 0); /* nothing is known of it */
    ee_outlook_note(&control, "node-1", &verdict);
    CHECK(warnings("node-1") == 1);
    CHECK(warnings("node-2") == 0);
}

static void early_set_that_the_standard_one_has_overtaken_warns_nobody(void)
{
    const struct ee_sim_collateral_options later = {.issued_s = SIM_ISSUED_S + 30,
                                                    .evaluation = 22};
    REQUIRE(start(0));
    REQUIRE(give(&coming, true) != NULL);
    ee_outlook_note(&control, "node-1", &verdict);
    CHECK(warnings("node-1") == 1);
    REQUIRE(give(&later, false) != NULL);
    CHECK(warnings("node-1") == 0);
}

static void set_in_use_that_fails_a_node_says_so(void)
{
    const struct ee_sim_collateral_options promoted = {
        .issued_s = SIM_ISSUED_S + 30, .evaluation = 21, .module_svn_more = 3};
    REQUIRE(start(0));
    ee_outlook_note(&control, "node-1", &verdict);
    const struct ee_collateral_set *set = give(&promoted, false);
    REQUIRE(set != NULL);
    CHECK(ee_outlook_judge(&control, set, NULL, 0) == 1);
    json_t *list = ee_outlook_warnings(&control, "node-1");
    CHECK(strcmp(json_string_value(json_object_get(json_array_get(list, 0), "code")), "tcb_set") ==
          0);
    json_decref(list);
}

static void more_nodes_than_there_are_places(void)
{
    REQUIRE(start(2));
    REQUIRE(give(&coming, true) != NULL);
    ee_outlook_note(&control, "node-1", &verdict);
    ee_outlook_note(&control, "node-2", &verdict);
    ee_outlook_note(&control, "node-1", &verdict);
    ee_outlook_note(&control, "node-3", &verdict); /* in place of what was proven longest ago */
    CHECK(ee_outlook_count(control.outlook) == 2);
    CHECK(warnings("node-1") == 1 && warnings("node-2") == 0 && warnings("node-3") == 1);
}

TESTS(TEST(node_that_a_coming_set_fails_is_warned_until_it_is_updated),
      TEST(node_that_comes_after_the_set_is_warned_too),
      TEST(early_set_that_the_standard_one_has_overtaken_warns_nobody),
      TEST(set_in_use_that_fails_a_node_says_so), TEST(more_nodes_than_there_are_places))
