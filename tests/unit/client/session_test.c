/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with control planes that lie: each lie is found before a token is sent. */
#include "client/session.h"
#include "tap.h"

#include "network.h"

static struct ee_client_problem problem;
static struct ee_client_profile profile;
static struct ee_client_session *session;

static enum ee_err open_session(void)
{
    ee_client_problem_clear(&problem);
    session = NULL;
    return ee_client_session_open(&problem, &profile, &session);
}

static void close_session(void)
{
    ee_client_session_close(session);
    session = NULL;
    ee_client_problem_clear(&problem);
}

static void an_honest_control_plane_is_believed(void)
{
    json_t *answer = NULL;
    struct network *network = network_start(HONEST, &profile);
    REQUIRE(open_session() == EE_OK);
    const struct ee_client_judged *judged = ee_client_session_attested(session);
    CHECK(judged->verdict.proof == EE_EVIDENCE_CHANNEL_BOUND && judged->verdict.simulated);
    CHECK(strcmp(judged->label, "ee-control") == 0);
    CHECK(ee_client_get(session, "/v1/x", &answer) == EE_OK && json_is_object(answer));
    CHECK(network_tokens_seen(network) > 0);
    json_decref(answer);
    close_session();
    network_stop(network);
}

/* The refusal, its exit code, and that the token stayed here. */
static void refused(enum lie lie, enum ee_err expected)
{
    struct network *network = network_start(lie, &profile);
    enum ee_err err = open_session();
    if (err != expected)
        printf("# lie %d: %s, expected %s\n", (int)lie, ee_err_name(err), ee_err_name(expected));
    CHECK(err == expected && session == NULL);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    CHECK(network_tokens_seen(network) == 0 && network_requests(network) > 0);
    close_session();
    network_stop(network);
}

static void a_genuine_td_with_other_measurements(void)
{
    refused(OTHER_CODE, EE_MEASUREMENT);
}

static void evidence_of_another_connection(void)
{
    refused(RELAYED, EE_NOT_FRESH);
}

static void evidence_that_binds_another_key(void)
{
    refused(OTHER_TLS_KEY, EE_NOT_BOUND);
}

static void evidence_of_another_network(void)
{
    refused(OTHER_NETWORK, EE_WRONG_NETWORK);
}

static void an_agent_that_plays_the_control_plane(void)
{
    refused(AN_AGENT, EE_WRONG_ROLE);
}

static void a_forged_quote(void)
{
    refused(FORGED_QUOTE, EE_SIGNATURE);
}

static void a_quote_of_another_root(void)
{
    refused(OTHER_ROOT, EE_UNTRUSTED);
}

static void an_answer_that_is_no_evidence(void)
{
    refused(GARBAGE, EE_TRUNCATED);
}

static void a_change_of_the_list_by_another_key(void)
{
    refused(OTHER_CODE_CHANGE_FORGED, EE_SIGNATURE);
}

static void a_measurement_allowed_by_a_logged_change(void)
{
    struct network *network = network_start(OTHER_CODE_ALLOWED_LATER, &profile);
    CHECK(open_session() == EE_OK);
    REQUIRE(session != NULL);
    CHECK(strcmp(ee_client_session_attested(session)->label, "later") == 0);
    CHECK(ee_client_session_trust(session)->last_change == 1);
    close_session();
    network_stop(network);
}

/* Asked before anything is sealed. */
static void a_measurement_retired_by_a_logged_change(void)
{
    struct network *network = network_start(RETIRED_LATER, &profile);
    REQUIRE(open_session() == EE_OK);
    CHECK(ee_client_session_allow_changes(session) == EE_MEASUREMENT);
    CHECK(ee_client_problem_exit_code(&problem) == 7 && strstr(problem.detail, "retired"));
    close_session();
    network_stop(network);
}

static void an_old_platform(void)
{
    refused(OLD_PLATFORM, EE_TCB_REFUSED);
}

static void an_old_platform_with_a_grace_by_another_key(void)
{
    refused(OLD_PLATFORM_FORGED, EE_SIGNATURE);
}

static void an_old_platform_in_the_grace_of_a_logged_policy(void)
{
    struct network *network = network_start(OLD_PLATFORM_GRACED, &profile);
    CHECK(open_session() == EE_OK);
    REQUIRE(session != NULL);
    CHECK(ee_client_session_trust(session)->last_policy == 1);
    CHECK(ee_client_session_allow_changes(session) == EE_OK);
    close_session();
    network_stop(network);
}

/* Asked before anything is sealed. */
static void a_platform_refused_by_a_logged_policy(void)
{
    struct network *network = network_start(REFUSED_LATER, &profile);
    REQUIRE(open_session() == EE_OK);
    CHECK(ee_client_session_allow_changes(session) == EE_TCB_REFUSED);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    CHECK(strstr(problem.detail, "rule min_tcb_evaluation") != NULL);
    close_session();
    network_stop(network);
}

/* Signed, within its window, and older than what this network showed before. */
static void collateral_older_than_the_last_time(void)
{
    struct network *network = network_start(OLDER_COLLATERAL, &profile);
    REQUIRE(open_session() == EE_OK); /* the first time there is nothing to compare with */
    close_session();
    network_lie(network, HONEST);
    REQUIRE(open_session() == EE_OK);
    close_session();
    network_lie(network, OLDER_COLLATERAL);
    unsigned before = network_tokens_seen(network);
    CHECK(open_session() == EE_COLLATERAL && session == NULL);
    CHECK(network_tokens_seen(network) == before);
    CHECK(ee_client_problem_exit_code(&problem) == 7 && strstr(problem.detail, "older than"));
    network_lie(network, HONEST);
    REQUIRE(open_session() == EE_OK);
    close_session();
    network_stop(network);
}

static void a_genesis_of_another_network_than_the_profile_names(void)
{
    struct network *network = network_start(HONEST, &profile);
    memset(profile.network, '0', 64);
    CHECK(open_session() == EE_WRONG_NETWORK && network_requests(network) == 0);
    close_session();
    network_stop(network);
}

/* The second visit, with a lie about the log. */
static void second_visit(enum lie lie)
{
    struct network *network = network_start(HONEST, &profile);
    REQUIRE(open_session() == EE_OK);
    close_session();
    unsigned before = network_tokens_seen(network);
    network_lie(network, lie);
    CHECK(open_session() == EE_CHECKPOINT && session == NULL);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    CHECK(network_tokens_seen(network) == before);
    close_session();
    network_stop(network);
}

static void a_network_that_was_rolled_back(void)
{
    second_visit(ROLLED_BACK);
}

static void a_network_with_two_histories(void)
{
    second_visit(TWO_HISTORIES);
}

static void a_network_that_forked(void)
{
    second_visit(FORKED);
}

static void a_head_signed_by_another_key(void)
{
    second_visit(UNSIGNED_HEAD);
}

static void a_checkpoint_in_an_answer_counts_too(void)
{
    json_t *answer = NULL;
    struct network *network = network_start(HONEST, &profile);
    REQUIRE(open_session() == EE_OK);
    network_lie(network, ROLLED_BACK);
    CHECK(ee_client_send(session, "POST", "/v1/x", NULL, &answer) == EE_CHECKPOINT);
    close_session();
    network_stop(network);
}

static void a_lost_connection_is_verified_anew_and_asked_again(void)
{
    json_t *answer = NULL;
    struct network *network = network_start(HONEST, &profile);
    REQUIRE(open_session() == EE_OK);
    unsigned before = network_requests(network);
    network_lie(network, DROPS_REQUESTS);
    CHECK(ee_client_send(session, "POST", "/v1/x", NULL, &answer) == EE_OK);
    json_decref(answer);
    CHECK(network_key_repeated(network));           /* the same work, not the work twice */
    CHECK(network_requests(network) >= before + 4); /* x, evidence, checkpoint, x */
    close_session();
    network_stop(network);
}

static void nobody_at_home(void)
{
    struct network *network = network_start(HONEST, &profile);
    struct ee_client_profile gone = profile;
    (void)snprintf(gone.api, sizeof(gone.api), "https://127.0.0.1:1");
    CHECK(ee_client_session_open(&problem, &gone, &session) == EE_CONNECT);
    CHECK(ee_client_problem_exit_code(&problem) == 75 && problem.suggestion_count > 0);
    ee_client_problem_clear(&problem);
    network_stop(network);
}

TESTS(TEST(an_honest_control_plane_is_believed), TEST(a_genuine_td_with_other_measurements),
      TEST(evidence_of_another_connection), TEST(evidence_that_binds_another_key),
      TEST(evidence_of_another_network), TEST(an_agent_that_plays_the_control_plane),
      TEST(a_forged_quote), TEST(a_quote_of_another_root), TEST(an_answer_that_is_no_evidence),
      TEST(a_change_of_the_list_by_another_key), TEST(a_measurement_allowed_by_a_logged_change),
      TEST(a_measurement_retired_by_a_logged_change), TEST(an_old_platform),
      TEST(an_old_platform_with_a_grace_by_another_key),
      TEST(an_old_platform_in_the_grace_of_a_logged_policy),
      TEST(a_platform_refused_by_a_logged_policy), TEST(collateral_older_than_the_last_time),
      TEST(a_genesis_of_another_network_than_the_profile_names),
      TEST(a_network_that_was_rolled_back), TEST(a_network_with_two_histories),
      TEST(a_network_that_forked), TEST(a_head_signed_by_another_key),
      TEST(a_checkpoint_in_an_answer_counts_too),
      TEST(a_lost_connection_is_verified_anew_and_asked_again), TEST(nobody_at_home))
