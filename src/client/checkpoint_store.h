/* SPDX-License-Identifier: Apache-2.0 */
/* The highest checkpoint seen of each network, on disk. A network that shows an older head than one
 * seen before, another root for the same size, or a larger one that it cannot prove to continue the
 * one seen, is refused; both notes are kept as evidence (tlog/equivocation.h). */
#ifndef EE_CLIENT_CHECKPOINT_STORE_H
#define EE_CLIENT_CHECKPOINT_STORE_H

#include <stdbool.h>

#include "client/state.h"
#include "core/statement.h"
#include "tlog/equivocation.h"

/* What was the highest at some moment; size 0: nothing seen yet. */
struct ee_client_head {
    uint64_t size;
    struct ee_tlog_hash root;
    size_t note_size;
    char note[EE_TLOG_CHECKPOINT_READ_MAX];
    bool has_key; /* that signed the note; older files do not say it */
    uint8_t key[EE_ED25519_KEY_SIZE];
    uint64_t epoch; /* highest of the network's that was seen; 0: older files do not say it */
};

/* What is known of the network, and how it is asked. */
struct ee_client_prover {
    void *context;
    const uint8_t *founding_key; /* of its genesis */
    uint64_t epoch;              /* in the claims of its control plane */
    /* Every statement of succession of the checkpoint key, in order. EE_SUCCESSION: it gave no list
     * that can be read; other errors: it could not be asked. */
    enum ee_err (*successions)(void *context, struct ee_checkpoint_key out[EE_SUCCESSIONS_MAX],
                               size_t *count_out);
    /* The proof that its log of `to` leaves starts with that of `from`, and the root it has at
     * `from`. EE_PROOF: it gave none; other errors: it could not be asked. */
    enum ee_err (*consistency)(void *context, uint64_t from, uint64_t to,
                               struct ee_tlog_hash *from_root_out, struct ee_tlog_proof *out);
};

/* The highest head of the network. EE_SYNTAX: the file is damaged; EE_IO. */
EE_MUST_USE enum ee_err ee_client_head_load(struct ee_client_problem *problem,
                                            const uint8_t network_id[32],
                                            struct ee_client_head *out);
/* A note that came in an answer to a request sent after `floor` was loaded. Verifies it with the
 * key of the network's control plane, asks for the proof that it continues the stored head, and
 * keeps it when it is the highest. Another process may have raised the stored head meanwhile: only
 * `floor` bounds from below. EE_CHECKPOINT: no valid signature, older than `floor`, another root
 * than seen for that size, or no valid proof (both notes are kept in one file, named in the
 * problem); EE_SUCCESSION: another key than before signs, and no statement of that holds; errors of
 * ee_tlog_checkpoint_verify() and of the prover; EE_IO. */
EE_MUST_USE enum ee_err ee_client_head_observe(struct ee_client_problem *problem,
                                               const uint8_t network_id[32],
                                               const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                                               const struct ee_client_head *floor,
                                               struct ee_bytes note,
                                               const struct ee_client_prover *prover);
/* Gives up what was seen beyond the head that a planned restore went back to
 * (docs/spec/recovery.md), after: the founding key signed the recovery for this network
 * (EE_SIGNATURE); it is newer than what was seen (EE_RECOVERY_OLD); it covers the head that was
 * seen (EE_NOT_COVERED; EE_STATE: nothing of that was lost); the network is in its epoch, and the
 * log behind `note` continues the restored head (EE_RECOVERY). Both heads are kept: the old one and
 * the statement under names of their own, the first of which is written to `kept_out`. */
EE_MUST_USE enum ee_err
ee_client_head_recover(struct ee_client_problem *problem, const uint8_t network_id[32],
                       const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                       const struct ee_recovery *recovery, struct ee_bytes note,
                       const struct ee_client_prover *prover, char kept_out[EE_CLIENT_PATH_SIZE]);

#endif
