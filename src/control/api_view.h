/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the core as the API shows them. New values; NULL without memory. */
#ifndef EE_CONTROL_API_VIEW_H
#define EE_CONTROL_API_VIEW_H

#include "control/json.h"
#include "core/core.h"
#include "core/names.h"

/* Adds available, locked, due, held, held_until, owed, incoming. */
void ee_view_balance(json_t *object, const struct ee_balance *balance);
json_t *ee_view_node(const struct ee_node *node);
json_t *ee_view_lease(const struct ee_lease *lease);
json_t *ee_view_app(const struct ee_core *core, const struct ee_app *app);
json_t *ee_view_period(const struct ee_period *period);
/* The rows of a placement. */
json_t *ee_view_placement(const struct ee_reserve_result *result);

const char *ee_view_workload(enum ee_workload_kind kind);

#endif
