/* SPDX-License-Identifier: Apache-2.0 */
/* The check slots of one period of one lease, as pure bookkeeping: when to try, what an answer
 * means, which slots are OK, MISSED or VOID. No clock, no I/O: times come in. The rules are those
 * of docs/spec/checks.md.
 *
 * A slot begins at starts_us + index * slot. Its tries are spread over the first part of it, the
 * window. An answer within the window makes it OK; without one it is MISSED at the window's end. It
 * is VOID when we could not observe it: we ourselves were late by more than half a slot, an answer
 * could not be judged by our own fault, or the caller excuses it. The window grows by what we were
 * late, so that an answer that waited for us counts. */
#ifndef EE_CONTROL_SLOTS_H
#define EE_CONTROL_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "core/command.h"
#include "core/params.h"

struct ee_slots_row { /* one kind of checks */
    uint32_t count;   /* slots of the period; at most EE_CHECK_SLOTS_MAX */
    uint64_t slot_us, window_us;
    uint32_t tries;
    uint32_t open;     /* the slot being watched: the first that is not closed; count: none left */
    uint32_t tried;    /* tries made in it */
    uint64_t stall_us; /* how late we were in it, together */
    bool hurried;      /* the next try is due at once */
    bool unjudged;     /* an answer came that we could not judge, by our own fault */
    enum ee_err why;   /* of the last answer that did not count */
    uint8_t outcome[EE_CHECK_SLOTS_MAX]; /* enum ee_check_outcome */
    uint32_t ok, missed;
};

struct ee_slots {
    uint64_t starts_us, ends_us;
    struct ee_slots_row health, attestation;
    uint32_t evidence_count;
    uint8_t evidence[EE_CHECK_SLOTS_MAX][32]; /* hashes of the documents of OK attestations */
    uint32_t collateral_count;                /* sets by which these were judged */
    uint8_t collateral[EE_CHECKS_COLLATERAL_MAX][32]; /* the newest of them, oldest first */
};

/* What an attestation that was found good leaves. */
struct ee_slots_proof {
    uint8_t evidence[32];   /* hash of the document */
    uint8_t collateral[32]; /* hash of the collateral it was judged by */
};

/* What the caller knows at this moment. */
struct ee_slots_view {
    uint64_t now_us;
    bool connected; /* the agent has a session */
    bool excused;   /* our own outage: what stays without an answer is VOID */
};

enum ee_slots_act {
    EE_SLOTS_NOTHING, /* wait until ee_slots_next_us */
    EE_SLOTS_TRY,     /* ask the agent, for `kind` and `slot` */
    EE_SLOTS_MISSED,  /* `slot` has just closed as MISSED because of `why` */
    EE_SLOTS_VOID,    /* `slot` has just closed as VOID */
};

struct ee_slots_action {
    enum ee_slots_act act;
    enum ee_check_kind kind;
    uint32_t slot;
    enum ee_err why;
};

/* Slots of a period that lasts from starts_us to ends_us (at least 1 us). */
void ee_slots_init(struct ee_slots *slots, const struct ee_params *params, uint64_t starts_us,
                   uint64_t ends_us);
/* The next thing to do; call again until EE_SLOTS_NOTHING. */
struct ee_slots_action ee_slots_step(struct ee_slots *slots, const struct ee_slots_view *view);
/* When step has something to do again; UINT64_MAX: never. */
uint64_t ee_slots_next_us(const struct ee_slots *slots);

/* An answer to a try in `slot`. EE_OK makes it OK if it is still open; anything else only says why
 * it is missed should no better answer come. True when the slot became OK. For attestations
 * `proof` is kept then. */
bool ee_slots_health_answer(struct ee_slots *slots, uint32_t slot, uint64_t now_us,
                            enum ee_err err);
bool ee_slots_attestation_answer(struct ee_slots *slots, uint32_t slot, uint64_t now_us,
                                 enum ee_err err, const struct ee_slots_proof *proof);
/* An answer came in time, but for a reason of our own we cannot say whether it is good: without a
 * better one the slot is VOID. */
void ee_slots_attestation_unjudged(struct ee_slots *slots, uint32_t slot, uint64_t now_us);
/* True when the slot is open, may still become OK, and a shared check may count for it. */
bool ee_slots_health_wanted(const struct ee_slots *slots, uint64_t now_us);

/* Our clock jumped: what is open now closes as VOID. */
void ee_slots_void_open(struct ee_slots *slots, uint64_t now_us);
/* A MISSED slot turns out to be a mass failure: VOID. */
void ee_slots_forgive(struct ee_slots *slots, enum ee_check_kind kind, uint32_t slot);

/* The agent is back: asks again at once in the slots that are open. */
void ee_slots_retry(struct ee_slots *slots, uint64_t now_us);

/* The workload is about to end: is there a health and an attestation result already, or can none
 * come any more? */
bool ee_slots_conclusive(const struct ee_slots *slots, uint64_t now_us);
/* Makes a try due at once where no result exists yet. */
void ee_slots_hurry(struct ee_slots *slots, uint64_t now_us);

/* The record to submit when the period ended at `ended_us` (at most ends_us): slots that began
 * before it, undecided ones VOID. `out` is complete but for the lease and the period's index. */
void ee_slots_checks(const struct ee_slots *slots, const struct ee_crypto *crypto,
                     uint64_t ended_us, struct ee_checks *out);

#endif
