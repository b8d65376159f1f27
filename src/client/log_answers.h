/* SPDX-License-Identifier: Apache-2.0 */
/* What a network answers about its log: proofs of consistency, statements of succession. */
#ifndef EE_CLIENT_LOG_ANSWERS_H
#define EE_CLIENT_LOG_ANSWERS_H

#include <jansson.h>

#include "core/statement.h"

/* Answer of /v1/log/consistency. EE_PROOF: not of its form. */
EE_MUST_USE enum ee_err ee_client_proof_read(const json_t *answer,
                                             struct ee_tlog_hash *from_root_out,
                                             struct ee_tlog_proof *out);
/* `statements` of /v1/checkpoint-keys, at most EE_SUCCESSIONS_MAX. EE_SUCCESSION: not of its form.
 */
EE_MUST_USE enum ee_err
ee_client_successions_read(const json_t *list, struct ee_checkpoint_key *out, size_t *count_out);

#endif
