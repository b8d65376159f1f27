/* SPDX-License-Identifier: Apache-2.0 */
/* The replicas of an app as the gateway sees them, and which of them a request goes to
 * (market/balance.h decides). A registered app's are its running leases; a service's are the agents
 * that offer it. docs/spec/gateway.md. Loop thread only. */
#ifndef EE_CONTROL_GATEWAY_CHOICE_H
#define EE_CONTROL_GATEWAY_CHOICE_H

#include "control/gateway_state.h"
#include "market/balance.h"

enum {
    EE_GATEWAY_GROUPS_MAX = 65536, /* apps with requests lately */
    EE_GATEWAY_TRIES_MAX = 3,      /* streams one request is given, one after another */
};

/* One app. Kept for what is known of its replicas; forgotten when room is needed and no request of
 * it is in progress. */
struct ee_gateway_group {
    struct ee_gateway_group *next; /* in its bucket */
    char app[EE_NAME_MAX + 1];
    size_t users; /* requests that point here */
    bool registered;
    bool known;       /* is there such an app or service? */
    uint64_t changes; /* of control->agent_changes, when the services were looked at */
    size_t count, capacity;
    struct ee_balance_replica *replicas; /* ... and of the same index: */
    struct ee_gateway_place *places;
    struct ee_balance_budget budget;
    enum ee_sticky sticky;
    char sticky_field[EE_SESSION_STICKY_SIZE];
};

struct ee_gateway_place {
    uint8_t instance[EE_ID_SIZE];
    char node[EE_NAME_MAX + 1];
    struct ee_session *session; /* valid while `changes` is control->agent_changes */
    uint64_t changes;
    uint64_t lost_us; /* when a loss was counted last: one takes many requests with it */
};

/* The group of an app or service of this name, up to date; NULL: there is none (or no memory).
 * Borrowed until the loop turns, unless a request uses it. */
struct ee_gateway_group *ee_gateway_group_of(struct ee_gateway *gateway, const char *name);
/* The request is one of the group from now on, until ee_gateway_group_leave(). */
void ee_gateway_group_join(struct ee_gateway_request *request, struct ee_gateway_group *group);
void ee_gateway_group_leave(struct ee_gateway_request *request);
void ee_gateway_groups_free(struct ee_gateway *gateway);

/* Sets link, lease and replica of the request; `tried` is a set of indexes that are left out.
 * The index, or the group's count: none is left. The replica counts the request until
 * ee_gateway_replica_leave(). */
size_t ee_gateway_replica_choose(struct ee_gateway_request *request, uint64_t tried);
void ee_gateway_replica_leave(struct ee_gateway_request *request);
/* It answered; or its stream was reset with this code. */
void ee_gateway_replica_answered(struct ee_gateway_request *request);
void ee_gateway_replica_failed(struct ee_gateway_request *request, uint32_t code);

/* Sets the sticky members from what the client sent. */
void ee_gateway_sticky_read(const struct ee_gateway_request *request,
                            struct ee_balance_request *out);
/* Adds the cookie that names the replica, where the client has not shown it. */
EE_MUST_USE enum ee_err ee_gateway_sticky_write(const struct ee_gateway_request *request,
                                                struct ee_http_head *head);

#endif
