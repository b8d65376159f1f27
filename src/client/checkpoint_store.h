/* SPDX-License-Identifier: Apache-2.0 */
/* The highest checkpoint seen of each network, on disk. A network that shows an older head than
 * one seen before, or another root for the same size, is refused; both notes are kept as proof. */
#ifndef EE_CLIENT_CHECKPOINT_STORE_H
#define EE_CLIENT_CHECKPOINT_STORE_H

#include <stdbool.h>

#include "client/problem.h"
#include "tlog/checkpoint.h"

/* What was the highest at some moment; size 0: nothing seen yet. */
struct ee_client_head {
    uint64_t size;
    struct ee_tlog_hash root;
};

/* The highest head of the network. EE_SYNTAX: the file is damaged; EE_IO. */
EE_MUST_USE enum ee_err ee_client_head_load(struct ee_client_problem *problem,
                                            const uint8_t network_id[32],
                                            struct ee_client_head *out);
/* A note that came in an answer to a request sent after `floor` was loaded. Verifies it with the
 * key of the network's control plane and keeps it when it is the highest. Another process may have
 * raised the stored head meanwhile: only `floor` bounds from below. EE_CHECKPOINT: no valid
 * signature, older than `floor`, or another root than seen for that size (the note is kept beside
 * the stored one, their paths are in the problem); errors of ee_tlog_checkpoint_verify(); EE_IO. */
EE_MUST_USE enum ee_err ee_client_head_observe(struct ee_client_problem *problem,
                                               const uint8_t network_id[32],
                                               const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                                               const struct ee_client_head *floor,
                                               struct ee_bytes note);

#endif
