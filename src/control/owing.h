/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs of liabilities, made once a day: LIABILITIES marks a state, the book is copied at once (a
 * few ms a million accounts), a thread makes the tree, and a second LIABILITIES says its root. The
 * newest tree is kept, so that each account can have its proof. docs/spec/liabilities.md. */
#ifndef EE_CONTROL_OWING_H
#define EE_CONTROL_OWING_H

#include <jansson.h>

#include "control/state.h"

enum { EE_OWING_EVERY_S = 86400, EE_OWING_FIRST_MS = 2000 };

struct ee_owing;

/* From EE_OWING_FIRST_MS after the start on, every so many seconds (0: EE_OWING_EVERY_S), whenever
 * commands are taken and there is an account: a tree is in memory only, so each start makes one. */
EE_MUST_USE enum ee_err ee_owing_new(struct ee_control *control, uint64_t every_s,
                                     struct ee_owing **out);
void ee_owing_free(struct ee_owing *owing); /* waits for the thread; NULL is fine */

/* seq of the command that said the root of the tree in memory; 0: none yet, or not durable. */
uint64_t ee_owing_seq(const struct ee_owing *owing);
/* {"code","salt","amount","index","path":[{"hash","sum"}]} of an account in that tree; new.
 * EE_NOT_FOUND: no tree, or the account is younger than it. */
EE_MUST_USE enum ee_err ee_owing_proof(const struct ee_owing *owing, const char *account,
                                       json_t **out);

#endif
