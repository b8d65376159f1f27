/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a job or app: reserve a node, verify its agent, seal the secrets to it, start, wait,
 * open the output. Each step is a function; the caller tells people about them. */
#ifndef EE_CLIENT_LAUNCH_H
#define EE_CLIENT_LAUNCH_H

#include "client/session.h"
#include "client/workload.h"

struct ee_client_launch {
    char name[EE_NAME_MAX + 1];
    char lease[2 * EE_ID_SIZE + 1]; /* hex */
    uint8_t lease_id[EE_ID_SIZE];
    char node[EE_NAME_MAX + 1];
    json_t *reserved; /* the answer: price, lock, placement, ... */
    struct ee_client_judged agent;
};

struct ee_client_reserve_options {
    const char *name;
    enum ee_workload_kind kind;
    uint32_t vcpus;
    int64_t max_price_nanos; /* 0: any */
    const char *node;        /* NULL: any */
    uint32_t replicas;       /* live leases the app is to have; 0 and 1: this one */
};

/* Reserves and keeps the key that will open the output. EE_DEPLOYMENT: the network understood
 * another deployment than ours. Refusals of the network; EE_NO_ELIGIBLE_NODE has the placement in
 * the problem. */
EE_MUST_USE enum ee_err ee_client_reserve(struct ee_client_session *session,
                                          const struct ee_client_workload *workload,
                                          const struct ee_client_reserve_options *options,
                                          struct ee_client_launch *out);
/* Fresh evidence of the agent of a lease, judged: a measurement the present allow-list has (logged
 * changes are asked for first), the lease's node, our nonce. `document_out` (may be NULL) gets the
 * text, the caller's to close. */
EE_MUST_USE enum ee_err ee_client_agent_verify(struct ee_client_session *session, const char *lease,
                                               const char *node, struct ee_client_judged *out,
                                               struct ee_buffer *document_out);
/* Verifies the reserved agent into launch->agent; when that fails the reservation is given back. */
EE_MUST_USE enum ee_err ee_client_launch_verify(struct ee_client_session *session,
                                                struct ee_client_launch *launch);
/* Seals the secrets to the verified agent and starts; gives the reservation back on failure. */
EE_MUST_USE enum ee_err ee_client_launch_start(struct ee_client_session *session,
                                               const struct ee_client_workload *workload,
                                               struct ee_client_launch *launch);
void ee_client_launch_close(struct ee_client_launch *launch);

/* Waits until the lease's state is no longer `state` ("" : answers at once). At most `wait_s`
 * seconds, at most 30. The lease is the caller's. */
EE_MUST_USE enum ee_err ee_client_lease_wait(struct ee_client_session *session, const char *lease,
                                             const char *state, unsigned wait_s, json_t **out);

/* Output of an ended lease, or what a running one wrote so far: fetched and opened. `lease` is the
 * object of the API. EE_NOT_FOUND: it left none, or its key is not here. */
EE_MUST_USE enum ee_err ee_client_lease_output(struct ee_client_session *session,
                                               const json_t *lease, struct ee_client_output *out,
                                               bool *final_out);

#endif
