/* SPDX-License-Identifier: Apache-2.0 */
/* The book as the leaves of a tree of liabilities (tlog/liabilities.h). */
#ifndef EE_CONTROL_LIABILITIES_BOOK_H
#define EE_CONTROL_LIABILITIES_BOOK_H

#include "core/core.h"
#include "tlog/liabilities.h"

/* Room for the accounts of the book and some more, malloc'd, and every page of it touched, so that
 * filling it takes no longer than it must. From any thread. NULL without memory. */
struct ee_owed *ee_liabilities_room(size_t accounts, size_t *capacity_out);
/* What is owed now. EE_FULL: the room is too small. */
EE_MUST_USE enum ee_err ee_liabilities_copy(const struct ee_core *core, struct ee_owed *room,
                                            size_t capacity, uint64_t *count_out);
/* As leaves, malloc'd. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_liabilities_items(const struct ee_owed *owed, uint64_t count,
                                             struct ee_tlog_sum_item **out);
/* The root over the state that the core's last command marked. EE_NO_MEMORY, EE_OVERFLOW. */
EE_MUST_USE enum ee_err ee_liabilities_root(const struct ee_core *core,
                                            const struct ee_crypto *crypto,
                                            const struct ee_allocator *allocator,
                                            struct ee_tlog_sum *out);

#endif
