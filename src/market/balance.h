/* SPDX-License-Identifier: Apache-2.0 */
/* Which replica of an app gets a request. Among the live ones that are not ejected: the cheapest
 * price band, there the less busy of two chosen by chance; or the one a caller sticks to. Pure:
 * time and random bits come in. docs/spec/gateway.md "Choice", ADR 11. */
#ifndef EE_MARKET_BALANCE_H
#define EE_MARKET_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EE_BALANCE_REPLICAS_MAX = 64,
    EE_BALANCE_ERRORS_MAX = 5,     /* tunnel errors in a row until a replica is ejected */
    EE_BALANCE_EJECTION_S = 30,    /* the first time; n times that the n-th time in a row */
    EE_BALANCE_EJECTIONS_MAX = 10, /* n grows no further: at most five minutes */
    EE_BALANCE_BAND_PPM = 100000,  /* a band is a tenth wide */
    EE_BALANCE_SPILL = 64,         /* requests in flight at which a replica counts as busy */
};

struct ee_balance_replica {
    uint64_t id;        /* stable; what a sticky caller is remembered by */
    uint64_t price;     /* effective: posted price divided by trust, any unit */
    uint32_t in_flight; /* requests without their end */
    bool live;          /* may get requests at all: connected, running, not draining */
    /* Written by ee_balance_failed() and ee_balance_succeeded(); zero at first. */
    uint32_t errors;    /* in a row */
    uint32_t ejections; /* without a success between */
    uint64_t ejected_until_us;
};

struct ee_balance_request {
    uint64_t now_us;
    uint64_t random;
    uint64_t tried; /* bit i: replica i has refused or failed this request */
    bool sticky;
    uint64_t sticky_hash; /* of what the caller showed: the same goes to the same replica */
    uint64_t sticky_id;   /* of the replica named by the caller's cookie; 0: none */
};

/* Index of the replica, or `count` when none is live and untried. Ejected ones are chosen when
 * nothing else is left. `count` is at most EE_BALANCE_REPLICAS_MAX. */
size_t ee_balance_choose(const struct ee_balance_replica *replicas, size_t count,
                         const struct ee_balance_request *request);

/* The replica's tunnel failed a request (reset, lost, refused without a reason of its own); what
 * an app answers is never a failure. True: ejected now. Never more than half of those live are
 * ejected at a time, so a single one never is. */
bool ee_balance_failed(struct ee_balance_replica *replicas, size_t count, size_t index,
                       uint64_t now_us);
/* It answered. An ejection that runs goes on; the count of the next one starts anew after it. */
void ee_balance_succeeded(struct ee_balance_replica *replica, uint64_t now_us);
bool ee_balance_ejected(const struct ee_balance_replica *replica, uint64_t now_us);

/* Retries of an app in relation to its requests, so that they never multiply an overload: a retry
 * is granted while retries are at most a fifth of the requests of about the last ten seconds, or
 * fewer than a hundred. Starts zeroed. */
struct ee_balance_budget {
    uint64_t since_us;
    uint32_t requests, retries;
};
void ee_balance_request_counted(struct ee_balance_budget *budget, uint64_t now_us);
bool ee_balance_retry_granted(struct ee_balance_budget *budget, uint64_t now_us);

#endif
