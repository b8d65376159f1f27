/* SPDX-License-Identifier: Apache-2.0 */
/* The network core under a virtual clock: what a control plane would submit, without machines.
 * Keys are fixed, random bytes are hashes of the sequence number, so a run is the same everywhere.
 * Time starts at 2026-01-01 and moves only when it is told to. docs/spec/commands.md. */
#ifndef EE_CLIENT_SIMULATION_H
#define EE_CLIENT_SIMULATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"

enum {
    EE_SIMULATION_LEASES_MAX = 65536,
    EE_SIMULATION_LABEL_MAX = 64,
    EE_SIMULATION_TIME_MAX_S = 1000000000, /* about 31 years */
};

struct ee_simulation;

struct ee_simulation *ee_simulation_new(void);    /* NULL without memory */
void ee_simulation_free(struct ee_simulation *s); /* NULL is fine */

const struct ee_core *ee_simulation_core(const struct ee_simulation *s);
const struct ee_result *ee_simulation_result(const struct ee_simulation *s); /* of the last one */
uint64_t ee_simulation_now_us(const struct ee_simulation *s);                /* since the start */

/* Since the start, of a time the core tells. */
uint64_t ee_simulation_since_start_us(uint64_t time_us);

/* Holds and limits of money, from now on. Without this those of a simulation: the hold of the
 * profile, and no limit of transfers or payments. */
struct ee_simulation_limits {
    uint32_t card_hold_s;
    struct ee_money transfer_minimum, transfer_day, card_daily_cap;
};
void ee_simulation_limits_set(struct ee_simulation *s, const struct ee_simulation_limits *limits);

/* Submits a command now and follows its effects. The command's own outcome, or the error that kept
 * it out. `id`: idempotency key, NULL or empty: none. */
EE_MUST_USE enum ee_err ee_simulation_submit(struct ee_simulation *s, enum ee_actor_kind actor_kind,
                                             const char *actor, enum ee_command_kind kind,
                                             struct ee_bytes payload, const char *id);

/* A writer for the next payload, and signatures with the simulation's keys. */
struct ee_writer *ee_simulation_payload(struct ee_simulation *s); /* empty */
struct ee_writer *ee_simulation_writer(struct ee_simulation *s);  /* as it was left */
enum ee_simulation_signer { EE_SIGNER_FOUNDER, EE_SIGNER_ISSUER, EE_SIGNER_OPERATOR };
void ee_simulation_public(enum ee_simulation_signer signer, uint8_t out[EE_ED25519_KEY_SIZE]);
void ee_simulation_sign(enum ee_simulation_signer signer, struct ee_bytes message,
                        uint8_t out[EE_ED25519_SIGNATURE_SIZE]);

/* Moves time to `to_us`, doing what falls due on the way at its own moment. Every check expected
 * meanwhile is good, or absent, which is a miss. EE_RANGE: backwards or beyond the end of time. */
EE_MUST_USE enum ee_err ee_simulation_advance(struct ee_simulation *s, uint64_t to_us,
                                              bool checks_ok);
/* One check of the period that runs now: slot of this moment. EE_PERIOD_STATE: the lease does not
 * run now; EE_CHECKS_INVALID: this slot was already missed; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_simulation_check(struct ee_simulation *s,
                                            const uint8_t lease[EE_ID_SIZE],
                                            enum ee_check_kind kind, enum ee_check_outcome outcome);

/* Names of leases in a script. EE_DUPLICATE_FIELD: taken; EE_FULL; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_simulation_label(struct ee_simulation *s, const char *label,
                                            const uint8_t lease[EE_ID_SIZE]);
/* What a name stands for; NULL: nothing. */
const uint8_t *ee_simulation_labelled(const struct ee_simulation *s, const char *label);
/* NULL: no lease of this name. An app that was moved: its newest lease. */
const struct ee_lease *ee_simulation_lease(const struct ee_simulation *s, const char *label);

#endif
