/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a TCB set will fail: the TCB of each node as last proven, judged by the sets in use
 * and by the coming ("early") ones. For their operators, before it costs them. Loop thread only. */
#ifndef EE_CONTROL_OUTLOOK_H
#define EE_CONTROL_OUTLOOK_H

#include <jansson.h>

#include "attest/tcb_outlook.h"
#include "control/state.h"

enum { EE_OUTLOOK_NODES_MAX = 8192 }; /* when full, what was proven longest ago is forgotten */

struct ee_outlook;
struct ee_collateral_set;

/* `nodes_max` 0: EE_OUTLOOK_NODES_MAX. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_outlook_new(size_t nodes_max, struct ee_outlook **out);
void ee_outlook_free(struct ee_outlook *outlook); /* NULL is fine */

/* Evidence of the node verified now: remembers its TCB and judges it anew. A change of the outlook
 * is logged. */
void ee_outlook_note(struct ee_control *control, const char *node,
                     const struct ee_verdict *verdict);
/* A set came into use: judges every node of its family anew. How many it refuses; their names are
 * added to `names` (may be NULL), at most `limit`. */
size_t ee_outlook_judge(struct ee_control *control, const struct ee_collateral_set *set,
                        json_t *names, size_t limit);
/* [{"code","kind","evaluation","status","issued_at","standard_valid_until","text","short":[...]}],
 * empty when all is well or nothing is known. New. */
json_t *ee_outlook_warnings(struct ee_control *control, const char *node);
/* Platform family of the node as last proven; false: nothing is remembered of it. */
bool ee_outlook_family(struct ee_outlook *outlook, const char *node, uint8_t out[EE_FMSPC_SIZE]);
/* Nodes whose TCB is remembered. */
size_t ee_outlook_count(const struct ee_outlook *outlook);

#endif
