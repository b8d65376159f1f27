/* SPDX-License-Identifier: Apache-2.0 */
/* An app with several live leases. */
#include "unit/core/network.h"

#include "tap.h"

static struct network n;
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

static enum ee_err reserve(uint32_t replicas, bool secret)
{
    struct ee_lease_reserve r = {.workload = EE_WORKLOAD_APP,
                                 .name = "web",
                                 .vcpus = 1,
                                 .deployment = network_deployment(EE_WORKLOAD_APP, secret),
                                 .replicas = replicas};
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_LEASE_RESERVE, lease_reserve, &r);
}

/* The i-th live lease. */
static const struct ee_lease *live(size_t index)
{
    return ee_core_app_lease(n.core, "web", index);
}

static size_t live_count(void)
{
    size_t count = 0;
    while (live(count))
        count++;
    return count;
}

static void run(uint32_t replicas, bool secret)
{
    uint8_t id[EE_ID_SIZE];
    for (uint32_t i = 0; i < replicas; i++) {
        REQUIRE(reserve(replicas, secret) == EE_OK);
        memcpy(id, live(i)->id, sizeof(id));
        REQUIRE(network_start(&n, "alice", id) == EE_OK && network_running(&n, id) == EE_OK);
    }
}

static const struct ee_app *web(void)
{
    return ee_core_app(n.core, "web");
}

static void each_gets_a_node_of_its_own_while_there_are_some(void)
{
    static struct ee_reserve_result body;
    open_network();
    run(3, false);
    CHECK(strcmp(live(0)->node, "cheap") == 0 && strcmp(live(1)->node, "middle") == 0 &&
          strcmp(live(2)->node, "dear") == 0);
    CHECK(reserve(3, false) == EE_ALREADY_RUNNING);
    CHECK(reserve(4, false) == EE_OK && strcmp(live(3)->node, "cheap") == 0);
    CHECK(web()->replicas == 4 && live_count() == 4);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    CHECK(reserve(2, false) == EE_OK && reserve(2, false) == EE_OK);
    CHECK(ee_reserve_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &body) == EE_OK);
    CHECK(body.rows[0].reason == EE_PLACE_SAME_APP && body.rows[1].reason == EE_PLACE_CHOSEN);
    close_network();
}

static void one_app_has_sixteen_at_most(void)
{
    open_network();
    struct ee_writer w;
    static uint8_t memory[2048];
    const struct ee_lease_reserve r = {.workload = EE_WORKLOAD_APP,
                                       .name = "web",
                                       .vcpus = 1,
                                       .deployment = network_deployment(EE_WORKLOAD_APP, false),
                                       .replicas = EE_REPLICAS_MAX + 1};
    ee_writer_init(&w, memory, sizeof(memory));
    CHECK(ee_lease_reserve_encode(&r, &w) == EE_RANGE);
    close_network();
}

static void only_the_replica_of_a_lost_node_moves(void)
{
    open_network();
    run(2, false);
    CHECK(network_lost(&n, "cheap") == EE_OK);
    n.now_us += 3 * second;
    CHECK(network_tick(&n) == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_LEASE_ENDED) == 1);
    CHECK(network_effects(&n, EE_EFFECT_START_LEASE) == 1);
    CHECK(live_count() == 2 && web()->wanted && web()->replicas == 2);
    CHECK(strcmp(live(0)->node, "middle") == 0 && live(0)->state == EE_LEASE_RUNNING);
    CHECK(strcmp(live(1)->node, "dear") == 0 && live(1)->state == EE_LEASE_STARTING);
    close_network();
}

static void all_that_were_lost_together_come_back(void)
{
    open_network();
    run(3, false);
    CHECK(network_lost(&n, "cheap") == EE_OK && network_lost(&n, "middle") == EE_OK);
    network_advance(&n, 4 * second);
    CHECK(live_count() == 3 && web()->replicas == 3);
    for (size_t i = 0; i < 3; i++)
        CHECK(strcmp(live(i)->node, "dear") == 0);
    close_network();
}

static void one_that_ends_by_itself_is_not_replaced(void)
{
    open_network();
    run(3, false);
    CHECK(network_end(&n, live(1)->id, EE_END_EXITED) == EE_OK);
    network_advance(&n, second);
    CHECK(live_count() == 2 && web()->replicas == 2 && web()->wanted);
    CHECK(memcmp(web()->lease, live(1)->id, EE_ID_SIZE) == 0);
    CHECK(network_end(&n, live(1)->id, EE_END_EXITED) == EE_OK);
    CHECK(memcmp(web()->lease, live(0)->id, EE_ID_SIZE) == 0);
    CHECK(network_end(&n, live(0)->id, EE_END_EXITED) == EE_OK);
    CHECK(live_count() == 0 && !web()->wanted);
    close_network();
}

static void stop_ends_all_and_refunds_what_was_not_used(void)
{
    open_network();
    run(3, false);
    CHECK(reserve(4, false) == EE_OK);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_STOP_LEASE) == 4);
    CHECK(live_count() == 0 && !web()->wanted);
    network_advance(&n, 5 * second);
    CHECK(live_count() == 0 && ee_core_node(n.core, "cheap")->vcpus_leased == 0);
    CHECK(network_stop(&n, "alice", "web") == EE_LEASE_STATE);
    close_network();
}

static void sixteen_are_stopped_at_once(void)
{
    open_network();
    CHECK(network_admit(&n, "dear", 64) == EE_OK);
    uint32_t made = 0;
    while (made < EE_REPLICAS_MAX && reserve(EE_REPLICAS_MAX, false) == EE_OK)
        made++;
    CHECK(made >= 8 && live_count() == made);
    CHECK(network_stop(&n, "alice", "web") == EE_OK);
    CHECK(network_effects(&n, EE_EFFECT_STOP_LEASE) == made && live_count() == 0);
    close_network();
}

static void another_deployment_waits_for_those_on_their_way(void)
{
    open_network();
    CHECK(reserve(2, false) == EE_OK);
    CHECK(reserve(2, true) == EE_ALREADY_RUNNING);
    CHECK(reserve(2, false) == EE_OK && live_count() == 2);
    close_network();
}

static void those_with_secrets_wait_until_each_has_them_again(void)
{
    open_network();
    run(3, true);
    CHECK(network_end(&n, live(0)->id, EE_END_AGENT_LOST_IT) == EE_OK);
    CHECK(network_end(&n, live(0)->id, EE_END_AGENT_LOST_IT) == EE_OK);
    network_advance(&n, 3 * second);
    CHECK(live_count() == 1 && web()->waits_for_secrets && web()->wanted);
    for (size_t i = 1; i < 3; i++) {
        CHECK(reserve(3, true) == EE_OK && web()->waits_for_secrets);
        CHECK(network_start(&n, "alice", live(i)->id) == EE_OK);
        CHECK(web()->waits_for_secrets == (i == 1));
    }
    close_network();
}

TESTS(TEST(each_gets_a_node_of_its_own_while_there_are_some), TEST(one_app_has_sixteen_at_most),
      TEST(only_the_replica_of_a_lost_node_moves), TEST(all_that_were_lost_together_come_back),
      TEST(one_that_ends_by_itself_is_not_replaced),
      TEST(stop_ends_all_and_refunds_what_was_not_used), TEST(sixteen_are_stopped_at_once),
      TEST(another_deployment_waits_for_those_on_their_way),
      TEST(those_with_secrets_wait_until_each_has_them_again))
