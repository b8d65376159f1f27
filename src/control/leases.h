/* SPDX-License-Identifier: Apache-2.0 */
/* Joins leases of the core with what runs on agents: start and stop orders, ends and outputs,
 * reconciliation when an agent (re)connects. Loop thread only. */
#ifndef EE_CONTROL_LEASES_H
#define EE_CONTROL_LEASES_H

#include "control/json.h"
#include "control/state.h"

enum {
    EE_LEASES_SECRETS_MAX = 1024,           /* sealed secrets waiting for their agent */
    EE_LEASES_SECRET_SIZE_MAX = 160 * 1024, /* of one sealed message */
};

/* Keeps sealed secrets until the agent has answered the start. Takes `blob` over on EE_OK. EE_FULL,
 * EE_STATE: there are some for this lease. */
EE_MUST_USE enum ee_err ee_leases_secret_put(struct ee_control *control,
                                             const uint8_t lease[EE_ID_SIZE],
                                             struct ee_json_blob *blob);
bool ee_leases_secret_room(struct ee_control *control);
void ee_leases_free(struct ee_control *control);
EE_MUST_USE enum ee_err ee_leases_init(struct ee_control *control);

/* Effects. */
void ee_leases_start(struct ee_control *control, const uint8_t lease[EE_ID_SIZE]);
void ee_leases_stop(struct ee_control *control, const char *node, const uint8_t lease[EE_ID_SIZE]);

/* Messages of agents. */
void ee_leases_on_started(struct ee_session *session, const json_t *message);
void ee_leases_on_start_failed(struct ee_session *session, const json_t *message);
void ee_leases_on_exited(struct ee_session *session, const json_t *message);
/* Compares what the agent said it runs with the core; after an admission. */
void ee_leases_reconcile(struct ee_session *session);

/* Submits LEASE_END; tells the agent `ended` once it is durable when `session` still is there. */
void ee_leases_end(struct ee_control *control, const struct ee_lease_end *end);

/* An agent says in a check that a lease which should run has "exited" or is "unknown": whatever
 * became of the report of its end, it ends now. */
void ee_leases_on_state(struct ee_control *control, const uint8_t lease[EE_ID_SIZE],
                        const char *state);

#endif
