/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the control plane can serve: GET /readyz. */
#ifndef EE_CONTROL_READINESS_H
#define EE_CONTROL_READINESS_H

#include "control/state.h"

enum { EE_READINESS_REASONS_MAX = 5 };

/* Why not, as literals; 0: ready. */
size_t ee_readiness_reasons(struct ee_control *control,
                            const char *reasons_out[EE_READINESS_REASONS_MAX]);

#endif
