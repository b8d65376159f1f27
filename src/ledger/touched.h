/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of a table changed since somebody last looked: a bit per group of rows, so that a hash
 * of the state costs what changed and two bits per 32 rows. */
#ifndef EE_LEDGER_TOUCHED_H
#define EE_LEDGER_TOUCHED_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/err.h"

enum { EE_TOUCHED_GROUP = 16 }; /* rows */

struct ee_touched {
    uint64_t *bits;    /* of group i: bit i % 64 of word i / 64. NULL: nobody wants to know */
    uint32_t capacity; /* words */
};

/* Room for `rows` rows; new groups are untouched. EE_NO_MEMORY; then nothing changed. */
EE_MUST_USE enum ee_err ee_touched_reserve(struct ee_touched *touched,
                                           const struct ee_allocator *allocator, uint64_t rows);
void ee_touched_close(struct ee_touched *touched, const struct ee_allocator *allocator);

/* Room was reserved, or never asked for. */
static inline void ee_touched_mark(const struct ee_touched *touched, uint64_t row)
{
    uint64_t group = row / EE_TOUCHED_GROUP;
    if (touched->bits)
        touched->bits[group / 64] |= UINT64_C(1) << group % 64;
}

#endif
