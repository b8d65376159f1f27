/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the scheduler: scheduler.c (what follows from time) and checks.c (asking agents). */
#ifndef EE_CONTROL_SCHEDULER_STATE_H
#define EE_CONTROL_SCHEDULER_STATE_H

#include "control/mass.h"
#include "control/scheduler.h"
#include "control/session.h"
#include "control/slots.h"

/* One period of one lease that is being watched. */
struct ee_track {
    struct ee_track *next;
    uint8_t lease[EE_ID_SIZE];
    char node[EE_NAME_MAX + 1];
    uint32_t period;
    bool over; /* its record is wanted */
    uint64_t retry_us;
    struct ee_slots slots;
};

/* Somebody who waits for a lease to have results. */
struct ee_conclusion {
    struct ee_conclusion *next;
    uint8_t lease[EE_ID_SIZE];
    ee_loop_fn fn; /* NULL: nobody any more */
    void *context;
};

struct ee_scheduler {
    struct ee_control *control;
    struct ee_timer *timer;
    struct ee_deferred deferred;
    struct ee_track *tracks;
    size_t track_count;
    struct ee_conclusion *conclusions;
    struct ee_mass mass;
    uint64_t tick_retry_us;
    uint64_t absent_us; /* when to look for nodes without a session; UINT64_MAX: no need */
    bool clock_jumped;
};

/* NULL: not watched. */
struct ee_track *ee_scheduler_track(struct ee_scheduler *scheduler, const uint8_t lease[EE_ID_SIZE],
                                    uint32_t period);

/* One check of the agent for all its leases whose health slot is open. */
void ee_checks_ask_health(struct ee_scheduler *scheduler, struct ee_session *session,
                          uint64_t now_us);
/* Fresh, channel-bound evidence for one slot of one lease. */
void ee_checks_ask_attestation(struct ee_scheduler *scheduler, struct ee_session *session,
                               const struct ee_track *track, uint32_t slot);

#endif
