/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes evidence documents older than the retention time of the profile: from the start on, a
 * few at a time. docs/operations.md. */
#ifndef EE_CONTROL_RETENTION_H
#define EE_CONTROL_RETENTION_H

#include "control/state.h"

/* The timer is control->retention, the caller's to free. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_retention_start(struct ee_control *control);

#endif
