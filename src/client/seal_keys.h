/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that open job output and logs: one per deployment, kept in the state folder under the
 * deployment's hash, so that output can be opened later and from another command. */
#ifndef EE_CLIENT_SEAL_KEYS_H
#define EE_CLIENT_SEAL_KEYS_H

#include "client/problem.h"
#include "core/deployment.h"
#include "seal/job_output.h"
#include "seal/seal.h"

struct ee_client_output_key {
    uint8_t private_key[EE_X25519_KEY_SIZE]; /* the holder wipes it */
    uint8_t public_key[EE_X25519_KEY_SIZE];
};

/* A fresh key. EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_client_output_key_make(struct ee_client_problem *problem,
                                                  struct ee_client_output_key *out);
/* EE_IO. */
EE_MUST_USE enum ee_err ee_client_output_key_store(struct ee_client_problem *problem,
                                                   const uint8_t network_id[32],
                                                   const uint8_t deployment_hash[32],
                                                   const struct ee_client_output_key *key);
/* EE_NOT_FOUND: deployed from another machine or state folder; EE_IO, EE_SYNTAX. */
EE_MUST_USE enum ee_err ee_client_output_key_load(struct ee_client_problem *problem,
                                                  const uint8_t network_id[32],
                                                  const uint8_t deployment_hash[32],
                                                  struct ee_client_output_key *out);

/* Opened output; the streams borrow `memory`, which ee_client_output_free() wipes. */
struct ee_client_output {
    struct ee_job_output output;
    uint8_t *memory;
    size_t memory_size;
};
/* Opens the sealed output of a lease. `context->recipient` is filled here. EE_SEAL_OPEN, EE_SYNTAX
 * and the other errors of the decoder, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_client_output_open(struct ee_client_problem *problem,
                                              const struct ee_client_output_key *key,
                                              const struct ee_seal_context *context,
                                              struct ee_bytes sealed, struct ee_client_output *out);
void ee_client_output_free(struct ee_client_output *output);

#endif
