/* SPDX-License-Identifier: Apache-2.0 */
/* Placement: which node gets a lease. A pure choice over exact state given by value: the cheapest
 * eligible node, equal ones by name; and for every node the reason. Decided and reserved in one
 * command, so the plain minimum herds nobody. docs/spec/commands.md "Placement". */
#ifndef EE_MARKET_PLACEMENT_H
#define EE_MARKET_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The first that applies, in this order but for the outcome: see placement.c. Same numbers as
 * enum ee_placement_reason. */
enum ee_market_reason {
    EE_MARKET_CHOSEN = 1,
    EE_MARKET_DEARER = 2,
    EE_MARKET_NOT_ADMITTED = 3,
    EE_MARKET_DISCONNECTED = 4,
    EE_MARKET_NO_CAPACITY = 5,
    EE_MARKET_OTHER_TENANT = 6,
    EE_MARKET_OVER_MAX_PRICE = 7,
    EE_MARKET_NOT_ASKED = 8,
    EE_MARKET_FAILED_BEFORE = 9,
    EE_MARKET_STAKE = 10,
    EE_MARKET_TIE = 11,
    EE_MARKET_SAME_APP = 12,
};

enum { EE_MARKET_TRUST_NEUTRAL_PPM = 1000000 };

struct ee_market_candidate {
    const char *name;    /* borrowed */
    int64_t price_nanos; /* posted, per vCPU-hour */
    uint32_t free_vcpus;
    uint32_t trust_ppm;   /* the price is divided by it; neutral until there is a score */
    int64_t stake_micros; /* neutral: the minimum itself */
    bool admitted, connected, other_tenant, failed_before;
    bool same_app; /* has a replica of it: chosen only when no node without one is eligible */
};

struct ee_market_request {
    uint32_t vcpus;
    int64_t max_price_nanos; /* of the posted price; 0: any */
    const char *node;        /* empty: any */
    int64_t minimum_stake_micros;
};

/* <0, 0, >0 by price divided by trust, then by name: the order of choice. */
int ee_market_compare(const struct ee_market_candidate *a, const struct ee_market_candidate *b);
/* One reason per candidate. EE_NO_ELIGIBLE_NODE: *chosen_out is not written, the reasons are. */
EE_MUST_USE enum ee_err ee_market_place(const struct ee_market_request *request,
                                        const struct ee_market_candidate *candidates, size_t count,
                                        enum ee_market_reason *reasons_out, size_t *chosen_out);

#endif
