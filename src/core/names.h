/* SPDX-License-Identifier: Apache-2.0 */
/* How the states and reasons of the core are written in JSON and text: lower case, words joined by
 * an underscore. Stable. */
#ifndef EE_CORE_NAMES_H
#define EE_CORE_NAMES_H

#include "core/core.h"

const char *ee_lease_state_name(enum ee_lease_state state);
/* 0: no such name. */
enum ee_lease_state ee_lease_state_of(const char *name);
const char *ee_end_reason_name(enum ee_end_reason reason);
const char *ee_lock_state_name(enum ee_lock_state state);
const char *ee_verdict_name(enum ee_verdict_kind verdict);
const char *ee_fail_reason_name(enum ee_fail_reason reason);
const char *ee_abuse_category_name(enum ee_abuse_category category);
/* 0: no such name. */
enum ee_abuse_category ee_abuse_category_of(const char *name);

#endif
