/* SPDX-License-Identifier: Apache-2.0 */
#include "market/placement.h"

#include "tap.h"

static struct ee_market_candidate node(const char *name, int64_t price_nanos)
{
    return (struct ee_market_candidate){.name = name,
                                        .price_nanos = price_nanos,
                                        .free_vcpus = 4,
                                        .trust_ppm = EE_MARKET_TRUST_NEUTRAL_PPM,
                                        .admitted = true,
                                        .connected = true};
}

static const struct ee_market_request any = {.vcpus = 2, .node = ""};

static void cheapest_is_chosen_and_ties_go_by_name(void)
{
    const struct ee_market_candidate nodes[] = {node("d", 30), node("c", 10), node("b", 10),
                                                node("e", 20)};
    enum ee_market_reason reasons[4];
    size_t chosen = 9;
    CHECK(ee_market_place(&any, nodes, 4, reasons, &chosen) == EE_OK && chosen == 2);
    CHECK(reasons[2] == EE_MARKET_CHOSEN && reasons[1] == EE_MARKET_TIE);
    CHECK(reasons[0] == EE_MARKET_DEARER && reasons[3] == EE_MARKET_DEARER);
}

static void every_reason_against_a_node(void)
{
    struct ee_market_candidate nodes[9];
    enum ee_market_reason reasons[9];
    struct ee_market_request request = {
        .vcpus = 2, .node = "", .max_price_nanos = 50, .minimum_stake_micros = 5};
    size_t chosen = 9;
    for (size_t i = 0; i < 9; i++) {
        nodes[i] = node("n", 10);
        nodes[i].stake_micros = 5;
    }
    nodes[0].admitted = false;
    nodes[1].connected = false;
    nodes[2].free_vcpus = 1;
    nodes[3].other_tenant = true;
    nodes[4].price_nanos = 51;
    nodes[5].failed_before = true;
    nodes[6].stake_micros = 4;
    nodes[7].trust_ppm = 0;
    nodes[8].name = "asked";
    CHECK(ee_market_place(&request, nodes, 8, reasons, &chosen) == EE_NO_ELIGIBLE_NODE);
    CHECK(chosen == 9);
    static const enum ee_market_reason expected[] = {
        EE_MARKET_NOT_ADMITTED, EE_MARKET_DISCONNECTED,   EE_MARKET_NO_CAPACITY,
        EE_MARKET_OTHER_TENANT, EE_MARKET_OVER_MAX_PRICE, EE_MARKET_FAILED_BEFORE,
        EE_MARKET_STAKE,        EE_MARKET_STAKE};
    for (size_t i = 0; i < 8; i++)
        CHECK(reasons[i] == expected[i]);
    request.node = "asked";
    CHECK(ee_market_place(&request, nodes, 9, reasons, &chosen) == EE_OK && chosen == 8);
    CHECK(reasons[0] == EE_MARKET_NOT_ASKED);
}

static void trust_divides_the_price_but_not_the_limit(void)
{
    struct ee_market_candidate nodes[] = {node("a", 10), node("b", 12)};
    struct ee_market_request request = any;
    enum ee_market_reason reasons[2];
    size_t chosen;
    nodes[0].trust_ppm = 500000; /* counts as 20 */
    CHECK(ee_market_place(&request, nodes, 2, reasons, &chosen) == EE_OK && chosen == 1);
    request.max_price_nanos = 11;
    CHECK(ee_market_place(&request, nodes, 2, reasons, &chosen) == EE_OK && chosen == 0);
}

static void largest_prices_compare_without_overflow(void)
{
    const struct ee_market_candidate nodes[] = {node("a", INT64_MAX), node("b", INT64_MAX - 1)};
    enum ee_market_reason reasons[2];
    size_t chosen;
    CHECK(ee_market_place(&any, nodes, 2, reasons, &chosen) == EE_OK && chosen == 1);
}

static void no_nodes_at_all(void)
{
    size_t chosen;
    CHECK(ee_market_place(&any, NULL, 0, NULL, &chosen) == EE_NO_ELIGIBLE_NODE);
}

TESTS(TEST(cheapest_is_chosen_and_ties_go_by_name), TEST(every_reason_against_a_node),
      TEST(trust_divides_the_price_but_not_the_limit),
      TEST(largest_prices_compare_without_overflow), TEST(no_nodes_at_all))
