/* SPDX-License-Identifier: Apache-2.0 */
/* Logged changes of the allow-list and of the attestation policy: each a receipt of an ALLOW or
 * POLICY command that the founding key of the genesis signed. */
#ifndef EE_CLIENT_ALLOW_CHANGES_H
#define EE_CLIENT_ALLOW_CHANGES_H

#include "client/problem.h"
#include "core/trust.h"

/* `items` of GET /v1/allow-changes, in order. The signature decides, over the network's id and the
 * number of the change, so that none is left out or replayed; the receipt is checked for form and
 * network (whose log it is in can be judged only after the control plane is). EE_SYNTAX,
 * EE_RECEIPT, EE_WRONG_NETWORK, EE_SIGNATURE, EE_STATE, EE_FULL. */
EE_MUST_USE enum ee_err ee_client_allow_changes_apply(struct ee_client_problem *problem,
                                                      struct ee_trust *trust, const json_t *items);
/* The same for `receipt` of GET /v1/policy, which is of the newest change: that is enough, since
 * each holds the whole policy and their numbers only rise. */
EE_MUST_USE enum ee_err ee_client_policy_apply(struct ee_client_problem *problem,
                                               struct ee_trust *trust, const char *receipt);

#endif
