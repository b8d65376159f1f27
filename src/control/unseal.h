/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's key at the start of a control plane. When holders keep it, the process is locked:
 * it serves its probes, its evidence and the unseal route, and nothing else, until enough holders
 * have sent their shares. docs/spec/journal-key.md. Loop thread only. */
#ifndef EE_CONTROL_UNSEAL_H
#define EE_CONTROL_UNSEAL_H

#include "control/control.h"
#include "control/journal_keys.h"
#include "control/state.h"

struct ee_unseal {
    struct ee_key_document document; /* the newest */
    bool locked;
    bool over; /* unlocked, or the process is told to stop */
    size_t received;
    struct ee_shamir_share shares[EE_KEY_HOLDERS_MAX]; /* of the first `received` */
    struct ee_timer *timer;                            /* lets the last answer leave */
};

/* Opens the journal and chooses: the holders' document in its store, a first one from
 * options->holders_path, a key file or plain batches in a development network. `step` names what
 * failed. EE_JOURNAL_PLAIN: plain batches or a key file in a production network; EE_NOT_FOUND: a
 * key is needed that is not there; errors of journal_keys.h and ee_journal_open(). */
EE_MUST_USE enum ee_err ee_unseal_open(struct ee_control *control,
                                       const struct ee_control_options *options, const char **step);
bool ee_unseal_locked(const struct ee_control *control);
/* Runs the loop until it is unlocked. EE_CLOSED: told to stop before. */
EE_MUST_USE enum ee_err ee_unseal_wait(struct ee_control *control);
void ee_unseal_stop(struct ee_control *control); /* a signal came while control->locked */
void ee_unseal_free(struct ee_control *control);

/* A holder's share as it came. Unlocks with the last one needed. EE_RANGE: no such share;
 * EE_SEAL_OPEN: it does not open here, is not the one given out, or all together do not give the
 * key; EE_STATE: not locked; errors of ee_journal_keys_unlock(). */
EE_MUST_USE enum ee_err ee_unseal_take(struct ee_control *control, uint8_t index,
                                       const uint8_t sealed[EE_KEY_SHARE_SEALED_SIZE]);

#endif
