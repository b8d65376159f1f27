/* SPDX-License-Identifier: Apache-2.0 */
/* The book as the leaves of a tree of liabilities (tlog/liabilities.h). */
#ifndef EE_CONTROL_LIABILITIES_BOOK_H
#define EE_CONTROL_LIABILITIES_BOOK_H

#include "core/core.h"
#include "tlog/liabilities.h"

/* A copy of what is owed now, malloc'd: 64 bytes an account, about 10 ms a million. EE_NO_MEMORY.
 */
EE_MUST_USE enum ee_err ee_liabilities_copy(const struct ee_core *core,
                                            struct ee_tlog_sum_item **out, uint64_t *count_out);
/* The root over the state that the core's last command marked. EE_NO_MEMORY, EE_OVERFLOW. */
EE_MUST_USE enum ee_err ee_liabilities_root(const struct ee_core *core,
                                            const struct ee_crypto *crypto,
                                            const struct ee_allocator *allocator,
                                            struct ee_tlog_sum *out);

#endif
