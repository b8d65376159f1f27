/* SPDX-License-Identifier: Apache-2.0 */
/* A control plane that can lie: an HTTPS server in a thread of its own with evidence of a simulated
 * TD, checkpoints, and a note of what clients sent. */
#ifndef EE_TESTS_CLIENT_NETWORK_H
#define EE_TESTS_CLIENT_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "client/profile.h"

/* What is wrong with it. */
enum lie {
    HONEST,
    OTHER_CODE,               /* a genuine TD with measurements nobody allowed */
    OTHER_CODE_ALLOWED_LATER, /* the same, with a logged change that allows it */
    OTHER_CODE_CHANGE_FORGED, /* the same, signed by another key */
    RETIRED_LATER,            /* allowed by the genesis, retired by a logged change */
    OLD_PLATFORM,             /* out of date, which the network's default policy refuses */
    OLD_PLATFORM_GRACED,      /* the same, with a logged policy that gives it a grace */
    OLD_PLATFORM_FORGED,      /* the same policy, signed by another key */
    OLDER_COLLATERAL,         /* the same, eight days old */
    REFUSED_LATER,            /* accepted by default, refused by a logged policy */
    RELAYED,                  /* evidence for another connection */
    OTHER_TLS_KEY,            /* evidence that binds another key */
    OTHER_NETWORK,
    AN_AGENT, /* a genuine agent's evidence */
    FORGED_QUOTE,
    OTHER_ROOT,
    GARBAGE,        /* no evidence document at all */
    ROLLED_BACK,    /* shows an older head than the first time */
    TWO_HISTORIES,  /* another root for the same size */
    FORKED,         /* a larger head of another history */
    UNSIGNED_HEAD,  /* the checkpoint is of another key than the evidence says */
    DROPS_REQUESTS, /* the first request after verification ends the connection */
};

struct network;

/* Starts it and writes genesis, profile and token below the scratch folder; NULL on failure. */
struct network *network_start(enum lie lie, struct ee_client_profile *profile_out);
void network_lie(struct network *network, enum lie lie);
void network_stop(struct network *network);

unsigned network_tokens_seen(const struct network *network); /* requests with Authorization */
unsigned network_requests(const struct network *network);
/* Host and body size of the last request to another path than those of the API. */
bool network_last_host_is(struct network *network, const char *host);
size_t network_last_body(const struct network *network);
/* Idempotency-Key of the last two mutations were the same. */
bool network_key_repeated(const struct network *network);

#endif
