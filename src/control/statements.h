/* SPDX-License-Identifier: Apache-2.0 */
/* Statements about the log that an operator brings (docs/spec/recovery.md), as files of the state
 * folder: `recovery`, which opens an epoch behind a restored head, and `succession`, by which the
 * founding key names the successor of a lost checkpoint key; and the rotation of a key that is not
 * lost (`checkpoint.seed.next`). All become commands before the BOOT of the next start. */
#ifndef EE_CONTROL_STATEMENTS_H
#define EE_CONTROL_STATEMENTS_H

#include "control/json.h"
#include "control/state.h"

/* Whether the key may sign behind the newest checkpoint: it has signed that one, or a statement
 * names it as the successor. Makes the evidence and the statement of a rotation that was asked for.
 * After the replay and with a device; turns the loop. EE_SUCCESSION: neither (the state folder's
 * `succession` is missing or does not fit); errors of the quoter. */
EE_MUST_USE enum ee_err ee_statements_key_start(struct ee_control *control);
/* Reads `recovery` of the state folder, if any, and keeps it for ee_statements_open(). False: there
 * is none, or it does not fit (logged): EE_SIGNATURE, EE_RECOVERY: another head than this
 * journal's; EE_RECOVERY_OLD; EE_NOT_COVERED: an agent has shown a checkpoint beyond. */
bool ee_statements_recovery_take(struct ee_control *control);
/* Writes what was kept, then BOOT; the files go. Errors of ee_sequencer_open(). */
EE_MUST_USE enum ee_err ee_statements_open(struct ee_control *control, bool anchored);

/* Whether a checkpoint beyond or beside this journal was given up by a recovery in it; then the
 * size that was restored. */
bool ee_statements_given_up(const struct ee_control *control, const struct ee_tlog_checkpoint *seen,
                            uint64_t *restored_out);
/* Verifies a note of ours, by the present key or one before it. EE_CHECKPOINT, ... */
EE_MUST_USE enum ee_err ee_statements_note_verify(const struct ee_control *control,
                                                  struct ee_bytes note,
                                                  struct ee_tlog_checkpoint *out);
/* Base64 of the payloads of all RECOVERY or CHECKPOINT_KEY commands that are durable, in order; the
 * latter with the one that waits to be written. New. */
json_t *ee_statements_json(const struct ee_control *control, enum ee_command_kind kind);

#endif
