/* SPDX-License-Identifier: Apache-2.0 */
/* The newest collateral each network has shown, on disk: a network (its host) that comes with older
 * collateral than before is refused, although every signature on it holds. */
#ifndef EE_CLIENT_COLLATERAL_MEMORY_H
#define EE_CLIENT_COLLATERAL_MEMORY_H

#include "attest/collateral_seen.h"
#include "client/problem.h"

/* What was the newest at some moment; zero: nothing seen yet. EE_SYNTAX: the file is damaged;
 * EE_IO. */
EE_MUST_USE enum ee_err ee_client_collateral_load(struct ee_client_problem *problem,
                                                  const uint8_t network_id[32],
                                                  struct ee_collateral_memory *out);
/* Collateral of an answer to a request sent after `floor` was loaded: refused when older than that,
 * kept when newer than what is stored, which another process may have raised meanwhile.
 * EE_COLLATERAL: older; EE_IO. */
EE_MUST_USE enum ee_err ee_client_collateral_observe(struct ee_client_problem *problem,
                                                     const uint8_t network_id[32],
                                                     const struct ee_collateral_memory *floor,
                                                     const struct ee_verdict *verdict);

#endif
