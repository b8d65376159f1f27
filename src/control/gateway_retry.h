/* SPDX-License-Identifier: Apache-2.0 */
/* One request, several replicas: who gets it, and who gets it next when that one did not take it.
 * docs/spec/gateway.md "Retries". Loop thread only. */
#ifndef EE_CONTROL_GATEWAY_RETRY_H
#define EE_CONTROL_GATEWAY_RETRY_H

#include "control/gateway_state.h"

enum {
    EE_GATEWAY_REPLAY_MAX = 64 * 1024,         /* bytes of a body kept until the answer */
    EE_GATEWAY_REPLAY_POOL = 64 * 1024 * 1024, /* of all requests */
};

/* Gives the request to a replica of its group, or answers it. */
void ee_gateway_dispatch(struct ee_gateway_request *request);
/* Its stream was reset before an answer. True: it goes on with another. */
bool ee_gateway_retry(struct ee_gateway_request *request, uint32_t code);
/* Keeps bytes of its body for that, as long as they are few. */
void ee_gateway_replay_keep(struct ee_gateway_request *request, struct ee_bytes bytes);
void ee_gateway_replay_drop(struct ee_gateway_request *request);

#endif
