/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the route of a request. */
#ifndef EE_CONTROL_API_ROUTES_H
#define EE_CONTROL_API_ROUTES_H

#include "control/api.h"

enum { EE_API_ALLOW_SIZE = 48 };

/* NULL: no such route (allow empty), or not with this method (allow lists those it has). */
const struct ee_api_route *ee_api_route_find(struct ee_bytes method, struct ee_bytes path,
                                             struct ee_route_values *values,
                                             char allow[EE_API_ALLOW_SIZE]);
/* Not 0: the handler reads the body itself, up to that many bytes. */
size_t ee_api_route_raw_max(const struct ee_api_route *route);
/* The handler asks nobody but the sequencer, so nobody else has to be told that its call is over:
 * that costs a look at every session. */
bool ee_api_route_books_only(const struct ee_api_route *route);
/* Served while the control plane is locked: probes, its evidence, the unseal route. */
bool ee_api_route_locked(const struct ee_api_route *route);

#endif
