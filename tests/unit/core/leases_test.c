/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include "tap.h"

static struct network n;
static uint8_t lease[EE_ID_SIZE];
static const uint64_t second = 1000000;

static void open_network(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
}

static void close_network(void)
{
    CHECK(n.broken == NULL);
    network_close(&n);
}

static enum ee_err send_reserve(const char *launcher, const struct ee_lease_reserve *reserve)
{
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, launcher, EE_COMMAND_LEASE_RESERVE, lease_reserve,
                        reserve);
}

static struct ee_lease_reserve app_request(const char *name, bool secret)
{
    struct ee_lease_reserve reserve = {.workload = EE_WORKLOAD_APP,
                                       .vcpus = 1,
                                       .deployment = network_deployment(EE_WORKLOAD_APP, secret)};
    memcpy(reserve.name, name, strlen(name));
    return reserve;
}

static const struct ee_lease *current(void)
{
    return ee_core_lease(n.core, lease);
}

/* ---- reserve ---- */

static void reserve_takes_the_cheapest_and_explains_every_node(void)
{
    static struct ee_reserve_result body;
    open_network();
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "job", 2) == EE_OK);
    CHECK(ee_reserve_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    CHECK(strcmp(body.node, "cheap") == 0 && body.lock.micros == 56); /* 2 vCPUs, 10 s, $0.010 */
    CHECK(body.row_count == 3 && body.rows[0].reason == EE_PLACE_CHOSEN);
    CHECK(strcmp(body.rows[1].node, "middle") == 0 && body.rows[1].reason == EE_PLACE_DEARER);
    CHECK(strcmp(body.rows[2].node, "dear") == 0 && body.rows[2].free_vcpus == 4);
    CHECK(memcmp(body.lease, ee_core_app(n.core, "job")->lease, EE_ID_SIZE) == 0);
    CHECK(ee_core_node(n.core, "cheap")->vcpus_leased == 2);
    CHECK(network_balance(&n, "alice").locked.micros == 56);
    CHECK(network_balance(&n, "op-a").incoming.micros == 56);
    close_network();
}

static void reserve_when_no_node_is_eligible_says_why_not(void)
{
    static struct ee_reserve_result body;
    open_network();
    CHECK(network_lost(&n, "middle") == EE_OK);
    struct ee_lease_reserve reserve = app_request("web", false);
    reserve.vcpus = 5;
    reserve.max_price_nanos = 1;
    CHECK(send_reserve("alice", &reserve) == EE_NO_ELIGIBLE_NODE && n.err == EE_OK);
    CHECK(ee_reserve_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    CHECK(body.row_count == 3 && body.node[0] == '\0');
    CHECK(body.rows[0].reason == EE_PLACE_NO_CAPACITY);
    CHECK(body.rows[1].reason == EE_PLACE_DISCONNECTED);
    CHECK(ee_core_app(n.core, "web") == NULL && network_balance(&n, "alice").locked.micros == 0);
    reserve.vcpus = 1;
    CHECK(send_reserve("alice", &reserve) == EE_NO_ELIGIBLE_NODE);
    CHECK(ee_reserve_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    CHECK(body.rows[0].reason == EE_PLACE_OVER_MAX_PRICE);
    close_network();
}

static void reserve_on_an_asked_node(void)
{
    open_network();
    struct ee_lease_reserve reserve = app_request("web", false);
    memcpy(reserve.node, "dear", 4);
    CHECK(send_reserve("alice", &reserve) == EE_OK);
    CHECK(ee_core_node(n.core, "dear")->vcpus_leased == 1);
    close_network();
}

static void reserve_without_the_credits_changes_nothing(void)
{
    open_network();
    CHECK(network_transfer(&n, "alice", "bob", 20000000 - 27) == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "job", 1) == EE_INSUFFICIENT_CREDITS);
    CHECK(ee_core_app(n.core, "job") == NULL && ee_core_lease_at(n.core, 0) == NULL);
    CHECK(ee_core_node(n.core, "cheap")->vcpus_leased == 0);
    close_network();
}

static void an_agent_serves_one_launcher(void)
{
    open_network();
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "one", 1) == EE_OK);
    CHECK(network_reserve(&n, "bob", EE_WORKLOAD_JOB, "two", 1) == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "three", 1) == EE_OK);
    CHECK(ee_core_node(n.core, "cheap")->vcpus_leased == 2); /* both of alice */
    CHECK(ee_core_node(n.core, "middle")->vcpus_leased == 1);
    close_network();
}

static void names_belong_to_their_first_launcher_and_jobs_run_once(void)
{
    open_network();
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_ALREADY_RUNNING);
    CHECK(network_reserve(&n, "bob", EE_WORKLOAD_APP, "web", 1) == EE_APP_NAME_TAKEN);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    CHECK(network_reserve(&n, "bob", EE_WORKLOAD_APP, "web", 1) == EE_APP_NAME_TAKEN);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "web", 1) == EE_NAME_USED);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "job", 1) == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "job", 1) == EE_ALREADY_RUNNING);
    CHECK(network_stop(&n, "alice", "job") == EE_OK);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_JOB, "job", 1) == EE_NAME_USED);
    CHECK(network_reserve(&n, "op-a", EE_WORKLOAD_JOB, "other", 1) == EE_ACCOUNT_KIND);
    close_network();
}

static void deployment_that_does_not_decode_takes_no_place(void)
{
    open_network();
    uint64_t seq = ee_core_seq(n.core);
    struct ee_lease_reserve reserve = app_request("web", false);
    uint8_t payload[4096];
    struct ee_writer w;
    ee_writer_init(&w, payload, sizeof(payload));
    CHECK(ee_lease_reserve_encode(&reserve, &w) == EE_OK);
    payload[w.size - 40]++; /* inside the deployment */
    payload[w.size - reserve.deployment.size + 5]++;
    CHECK(network_submit(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_LEASE_RESERVE,
                         ee_writer_done(&w)) == EE_SYNTAX);
    CHECK(n.err == EE_SYNTAX && ee_core_seq(n.core) == seq);
    close_network();
}

/* ---- start, running, end ---- */

static void start_by_another_account_or_twice(void)
{
    open_network();
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(network_start(&n, "bob", lease) == EE_LEASE_UNKNOWN);
    CHECK(network_running(&n, lease) == EE_LEASE_STATE);
    CHECK(network_start(&n, "alice", lease) == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_START_LEASE) == 1);
    CHECK(network_start(&n, "alice", lease) == EE_LEASE_STATE);
    CHECK(network_running(&n, lease) == EE_OK && network_running(&n, lease) == EE_LEASE_STATE);
    CHECK(current()->state == EE_LEASE_RUNNING && ee_core_app(n.core, "web")->wanted);
    close_network();
}

static void app_with_secrets_does_not_start_without_them(void)
{
    open_network();
    struct ee_lease_reserve reserve = app_request("web", true);
    CHECK(send_reserve("alice", &reserve) == EE_OK);
    struct ee_lease_start start = {.sealed_hash = {0}};
    memcpy(start.lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_LEASE_START, lease_start,
                       &start) == EE_SECRETS_NEEDED);
    close_network();
}

static void start_that_fails_refunds_everything(void)
{
    open_network();
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(network_start(&n, "alice", lease) == EE_OK);
    CHECK(network_end(&n, lease, EE_END_START_FAILED) == EE_OK);
    CHECK(current()->state == EE_LEASE_ENDED && current()->end_reason == EE_END_START_FAILED);
    CHECK(network_available(&n, "alice") == 20000000);
    CHECK(ee_core_period(n.core, lease, 0)->state == EE_LOCK_REFUNDED);
    CHECK(!ee_core_app(n.core, "web")->wanted && ee_core_next_due_us(n.core) == UINT64_MAX);
    CHECK(network_end(&n, lease, EE_END_EXITED) == EE_LEASE_STATE);
    close_network();
}

static void reservation_and_start_that_take_too_long(void)
{
    open_network();
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(ee_core_next_due_us(n.core) == current()->reserved_us + 15 * second);
    network_advance(&n, 15 * second);
    CHECK(current()->end_reason == EE_END_START_TIMEOUT &&
          network_available(&n, "alice") == 20000000);
    CHECK(network_effects(&n, EE_EFFECT_STOP_LEASE) == 0);
    CHECK(network_reserve(&n, "alice", EE_WORKLOAD_APP, "web", 1) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    n.now_us += 10 * second;
    CHECK(network_start(&n, "alice", lease) == EE_OK);
    network_advance(&n, 10 * second);
    CHECK(current()->state == EE_LEASE_STARTING); /* counted from the start */
    network_advance(&n, 5 * second);
    CHECK(current()->end_reason == EE_END_START_TIMEOUT);
    CHECK(network_effects(&n, EE_EFFECT_STOP_LEASE) == 1);
    CHECK(network_available(&n, "alice") == 20000000 && !ee_core_app(n.core, "web")->wanted);
    close_network();
}

static void stop_by_another_account_or_of_nothing(void)
{
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_stop(&n, "bob", "web") == EE_APP_UNKNOWN);
    CHECK(network_stop(&n, "alice", "other") == EE_APP_UNKNOWN);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_STOP_LEASE) == 1);
    CHECK(network_effects(&n, EE_EFFECT_LEASE_ENDED) == 1);
    CHECK(!ee_core_app(n.core, "web")->wanted && current()->end_reason == EE_END_STOPPED);
    CHECK(network_stop(&n, "alice", "web") == EE_LEASE_STATE);
    CHECK(ee_core_node(n.core, "cheap")->vcpus_leased == 0);
    close_network();
}

/* ---- moves ---- */

static void app_of_a_lost_node_moves_in_the_same_tick(void)
{
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_lost(&n, "cheap") == EE_OK);
    CHECK(ee_core_next_due_us(n.core) == ee_core_node(n.core, "cheap")->lost_us + 3 * second);
    n.now_us += 3 * second;
    CHECK(network_tick(&n) == EE_OK);
    CHECK(current()->end_reason == EE_END_NODE_LOST);
    CHECK(ee_core_period(n.core, lease, 0)->state == EE_LOCK_DUE);
    CHECK(network_effects(&n, EE_EFFECT_LEASE_ENDED) == 1);
    CHECK(network_effects(&n, EE_EFFECT_START_LEASE) == 1);
    const struct ee_app *app = ee_core_app(n.core, "web");
    const struct ee_lease *moved = ee_core_lease(n.core, app->lease);
    CHECK(moved->state == EE_LEASE_STARTING && strcmp(moved->node, "middle") == 0);
    CHECK(memcmp(app->lease, lease, EE_ID_SIZE) != 0 && app->wanted);
    memcpy(lease, app->lease, EE_ID_SIZE);
    CHECK(network_running(&n, lease) == EE_OK && current()->state == EE_LEASE_RUNNING);
    close_network();
}

static void node_that_comes_back_in_time_keeps_its_leases(void)
{
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_lost(&n, "cheap") == EE_OK);
    n.now_us += 2 * second;
    CHECK(network_admit(&n, "cheap", 8) == EE_OK);
    network_advance(&n, 2 * second);
    CHECK(current()->state == EE_LEASE_RUNNING);
    close_network();
}

static void our_own_outage_moves_nothing_before_the_grace(void)
{
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    n.now_us += 4 * second;
    CHECK(network_boot(&n) == EE_OK);
    CHECK(!ee_core_node(n.core, "cheap")->connected);
    network_advance(&n, 7 * second); /* grace 5 s, migration after 3 s more */
    CHECK(current()->state == EE_LEASE_RUNNING);
    network_advance(&n, second);
    CHECK(current()->state == EE_LEASE_ENDED && current()->end_reason == EE_END_NODE_LOST);
    close_network();
}

static void app_with_secrets_waits_for_its_launcher(void)
{
    open_network();
    struct ee_lease_reserve reserve = app_request("web", true);
    CHECK(send_reserve("alice", &reserve) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(network_start(&n, "alice", lease) == EE_OK && network_running(&n, lease) == EE_OK);
    CHECK(network_end(&n, lease, EE_END_AGENT_LOST_IT) == EE_OK);
    network_advance(&n, 5 * second);
    CHECK(ee_core_app(n.core, "web")->waits_for_secrets && ee_core_app(n.core, "web")->wanted);
    CHECK(ee_core_lease_at(n.core, 1) == NULL);
    CHECK(send_reserve("alice", &reserve) == EE_OK); /* not on the node that lost it */
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(strcmp(current()->node, "middle") == 0);
    CHECK(network_start(&n, "alice", lease) == EE_OK);
    CHECK(!ee_core_app(n.core, "web")->waits_for_secrets);
    close_network();
}

static void app_without_an_eligible_node_is_tried_each_second(void)
{
    open_network();
    struct ee_lease_reserve reserve = app_request("web", false);
    memcpy(reserve.node, "dear", 4);
    CHECK(send_reserve("alice", &reserve) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(network_start(&n, "alice", lease) == EE_OK && network_running(&n, lease) == EE_OK);
    CHECK(network_end(&n, lease, EE_END_AGENT_LOST_IT) == EE_OK);
    CHECK(network_tick(&n) == EE_OK && ee_core_lease_at(n.core, 1) == NULL);
    CHECK(ee_core_next_due_us(n.core) == ee_core_time_us(n.core) + second);
    network_advance(&n, 9 * second);
    CHECK(ee_core_lease_at(n.core, 1) == NULL && ee_core_app(n.core, "web")->wanted);
    network_advance(&n, 2 * second); /* the node is backed off for one period */
    CHECK(ee_core_lease_at(n.core, 1) != NULL);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    close_network();
}

static void stopped_app_that_waited_for_a_node_is_not_tried_again(void)
{
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_end(&n, lease, EE_END_AGENT_LOST_IT) == EE_OK);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    network_advance(&n, 5 * second);
    CHECK(ee_core_lease_at(n.core, 1) == NULL && !ee_core_app(n.core, "web")->wanted);
    close_network();
}

static void job_of_a_lost_node_is_not_run_again(void)
{
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_JOB, "job", 1, lease) == EE_OK);
    CHECK(network_lost(&n, "cheap") == EE_OK);
    network_advance(&n, 4 * second);
    CHECK(current()->state == EE_LEASE_ENDED && ee_core_lease_at(n.core, 1) == NULL);
    close_network();
}

static void moved_app_that_fails_to_start_is_tried_elsewhere(void)
{
    open_network();
    CHECK(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    CHECK(network_end(&n, lease, EE_END_AGENT_LOST_IT) == EE_OK && network_tick(&n) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(strcmp(current()->node, "middle") == 0);
    CHECK(network_end(&n, lease, EE_END_START_FAILED) == EE_OK && network_tick(&n) == EE_OK);
    memcpy(lease, ee_core_app(n.core, "web")->lease, EE_ID_SIZE);
    CHECK(strcmp(current()->node, "cheap") == 0 && current()->state == EE_LEASE_STARTING);
    close_network();
}

TESTS(TEST(reserve_takes_the_cheapest_and_explains_every_node),
      TEST(reserve_when_no_node_is_eligible_says_why_not), TEST(reserve_on_an_asked_node),
      TEST(reserve_without_the_credits_changes_nothing), TEST(an_agent_serves_one_launcher),
      TEST(names_belong_to_their_first_launcher_and_jobs_run_once),
      TEST(deployment_that_does_not_decode_takes_no_place), TEST(start_by_another_account_or_twice),
      TEST(app_with_secrets_does_not_start_without_them), TEST(start_that_fails_refunds_everything),
      TEST(reservation_and_start_that_take_too_long), TEST(stop_by_another_account_or_of_nothing),
      TEST(app_of_a_lost_node_moves_in_the_same_tick),
      TEST(node_that_comes_back_in_time_keeps_its_leases),
      TEST(our_own_outage_moves_nothing_before_the_grace),
      TEST(app_with_secrets_waits_for_its_launcher),
      TEST(app_without_an_eligible_node_is_tried_each_second),
      TEST(stopped_app_that_waited_for_a_node_is_not_tried_again),
      TEST(job_of_a_lost_node_is_not_run_again),
      TEST(moved_app_that_fails_to_start_is_tried_elsewhere))
