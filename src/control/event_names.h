/* SPDX-License-Identifier: Apache-2.0 */
/* Names of events as webhooks carry them: "balance.low". */
#ifndef EE_CONTROL_EVENT_NAMES_H
#define EE_CONTROL_EVENT_NAMES_H

#include "core/command.h"

const char *ee_event_name(enum ee_event_kind kind);
enum ee_event_kind ee_event_of(const char *name); /* 0: there is none of that name */

#endif
