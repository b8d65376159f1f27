/* SPDX-License-Identifier: Apache-2.0 */
/* What this client did that can be proved later: sequence numbers of its mints and transfers, kept
 * in the state folder per network and account. */
#ifndef EE_CLIENT_HISTORY_H
#define EE_CLIENT_HISTORY_H

#include "client/problem.h"

enum { EE_CLIENT_HISTORY_MAX = 5000 }; /* the oldest go first */

/* Adds an object with "seq"; one whose "seq" or "reference" is there already is left out. Takes
 * `entry` over. EE_IO, EE_SYNTAX: the file is damaged. */
EE_MUST_USE enum ee_err ee_client_history_add(struct ee_client_problem *problem,
                                              const uint8_t network_id[32], const char *account,
                                              json_t *entry);
/* An array, oldest first; new. */
EE_MUST_USE enum ee_err ee_client_history_list(struct ee_client_problem *problem,
                                               const uint8_t network_id[32], const char *account,
                                               json_t **out);

#endif
