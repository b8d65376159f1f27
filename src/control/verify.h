/* SPDX-License-Identifier: Apache-2.0 */
/* How the control plane judges evidence of agents: roots of its genesis, the allow-list in force,
 * its own collateral file and nothing the agent brings. */
#ifndef EE_CONTROL_VERIFY_H
#define EE_CONTROL_VERIFY_H

#include "attest/evidence.h"
#include "control/state.h"

/* Reads the collateral file again. On failure the old collateral stays in use. EE_SYNTAX: not a
 * collateral file; errors of ee_file_read(); EE_NO_MEMORY. Without a file: EE_OK, and nothing
 * verifies. */
EE_MUST_USE enum ee_err ee_control_collateral_load(struct ee_control *control);
/* SHA-256 of the file in use; zero without one. */
void ee_control_collateral_hash(const struct ee_control *control, uint8_t out[32]);

/* Applies the durable changes of the allow-list that are not applied yet. EE_REPLAY: one does not
 * verify, although the core took it; errors of ee_history_read(). */
EE_MUST_USE enum ee_err ee_control_trust_sync(struct ee_control *control);

struct ee_verify_request {
    struct ee_bytes text; /* evidence document */
    const struct ee_nonce *nonce;
    const uint8_t *tls_key_hash; /* 32 bytes the claims must name */
    const uint8_t *identity;     /* the same; NULL: not checked */
    /* A lease the agent runs, and what it was told to run: its measured event log must show both.
     * NULL: not checked. */
    const uint8_t *lease, *deployment_hash;
};

/* Evidence of an agent that answers on a connection. Errors of ee_evidence_decode() and
 * ee_evidence_verify(); EE_NOT_MEASURED: the log does not show that deployment; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_control_verify(struct ee_control *control,
                                          const struct ee_verify_request *request,
                                          struct ee_evidence_verdict *out);

/* Why evidence was refused with `err`: the check that failed with its values, then what is short
 * and how to cure it; the error's own sentence where the quote is not the reason. `verdict` is
 * zeroed or as ee_control_verify left it. Returns out. */
enum { EE_REFUSAL_TEXT_SIZE = 480 };
char *ee_control_refusal_text(const struct ee_evidence_verdict *verdict, enum ee_err err,
                              char out[EE_REFUSAL_TEXT_SIZE]);

#endif
