/* SPDX-License-Identifier: Apache-2.0 */
/* One piece of work on a thread of its own, asked after now and then. */
#ifndef EE_IO_BACKGROUND_H
#define EE_IO_BACKGROUND_H

#include <stdbool.h>

#include "base/err.h"

struct ee_background;

/* EE_NO_MEMORY, EE_IO: no thread. */
EE_MUST_USE enum ee_err ee_background_start(void (*fn)(void *context), void *context,
                                            struct ee_background **out);
bool ee_background_done(const struct ee_background *work);
/* Waits for it, and frees. NULL is fine. */
void ee_background_join(struct ee_background *work);

#endif
