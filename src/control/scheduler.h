/* SPDX-License-Identifier: Apache-2.0 */
/* The check scheduler: watches the slots of the present period of every running lease
 * (control/slots.h), asks agents, submits what follows, and keeps the core's own timers. What every
 * rule means: docs/spec/checks.md. Loop thread only. */
#ifndef EE_CONTROL_SCHEDULER_H
#define EE_CONTROL_SCHEDULER_H

#include "control/state.h"

EE_MUST_USE enum ee_err ee_scheduler_new(struct ee_control *control, struct ee_scheduler **out);
void ee_scheduler_free(struct ee_scheduler *scheduler); /* NULL is fine */

/* After the replay: takes up running leases, and periods that wait for their record of checks. */
void ee_scheduler_resume(struct ee_control *control);
/* Something changed: looks at everything at the end of this iteration. */
void ee_scheduler_kick(struct ee_control *control);
/* A session was admitted: open slots are asked again at once. */
void ee_scheduler_agent_back(struct ee_control *control, const char *node);
/* The agent is there but no longer knows a running lease: its present period fails. */
void ee_scheduler_lease_lost(struct ee_control *control, const uint8_t lease[EE_ID_SIZE]);
/* The loss of a node was not recorded: looks for nodes that have no session. */
void ee_scheduler_look_for_absent(struct ee_control *control);
/* A lease may have begun to run: watches its present period. */
void ee_scheduler_lease_runs(struct ee_control *control, const uint8_t lease[EE_ID_SIZE]);
/* Effects: the record of checks of this period is wanted. */
void ee_scheduler_period_over(struct ee_control *control, const uint8_t lease[EE_ID_SIZE],
                              uint32_t period);

/* Calls `fn` once the present period of the lease has a health and an attestation result, or can
 * have none; never inside this call. So that work shorter than a slot can be judged. EE_NO_MEMORY.
 */
EE_MUST_USE enum ee_err ee_scheduler_conclude(struct ee_control *control,
                                              const uint8_t lease[EE_ID_SIZE], ee_loop_fn fn,
                                              void *context);
/* Nobody is called for `context` any more. */
void ee_scheduler_forget(struct ee_control *control, const void *context);

#endif
