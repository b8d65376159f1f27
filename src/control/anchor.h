/* SPDX-License-Identifier: Apache-2.0 */
/* Is this journal the newest? A disk that was put back to an older state does not show it; the
 * checkpoints that agents keep do. A starting control plane writes nothing, BOOT included, until
 * more than half of the agents that were connected have shown theirs, or the reconnect grace is
 * over. A checkpoint of ours that the journal lacks ends all writing. docs/spec/journal.md,
 * "Anchoring". */
#ifndef EE_CONTROL_ANCHOR_H
#define EE_CONTROL_ANCHOR_H

#include "control/session.h"

enum { EE_ANCHOR_WAIT_MAX_MS = 20000 }; /* below the time an admission may take */

/* After the replay, before anything is submitted. With nobody to ask BOOT is written at once, and
 * says so. EE_IO; errors of ee_sequencer_boot(). */
EE_MUST_USE enum ee_err ee_anchor_start(struct ee_control *control);
/* An agent shows the highest checkpoint it has seen. EE_CHECKPOINT: it is ours and not in this
 * journal; it is kept, and nothing is written any more. *size_out: leaves of the agent's
 * checkpoint; 0: none of our key. */
EE_MUST_USE enum ee_err ee_anchor_compare(struct ee_control *control, const char *note,
                                          uint64_t *size_out);
/* A session whose evidence holds waits in EE_SESSION_AWAITS_ANCHOR: perhaps enough do. */
void ee_anchor_reported(struct ee_control *control);
/* A recovery statement was put into the state folder of a control plane that writes nothing: it
 * opens its epoch, and writing begins. EE_STATE: it writes, or there is none that fits; EE_FULL:
 * ask again; errors of ee_statements_open(). */
EE_MUST_USE enum ee_err ee_anchor_recover(struct ee_control *control);
void ee_anchor_free(struct ee_control *control);

#endif
