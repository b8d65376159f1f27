/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "control/projection_state.h"
#include "core/transfers.h"

#include "base/banned.h"

void ee_projected_rows_begin(struct ee_projection *p, const struct ee_command *command,
                             struct ee_projected_rows *out)
{
    struct ee_transfers transfers;
    struct ee_transfers_result result;
    memset(out, 0, sizeof(*out));
    if (command->kind != EE_COMMAND_TRANSFERS || p->result.err != EE_OK ||
        ee_transfers_open(command->payload, &transfers) != EE_OK ||
        ee_transfers_result_decode(ee_bytes_of(p->result.body, p->result.body_size), &result,
                                   p->outcomes) != EE_OK)
        return;
    ee_cursor_init(&out->rows, transfers.rows);
    out->left = result.count;
}

void ee_projected_rows_next(const struct ee_projection *p, struct ee_projected_rows *rows,
                            uint32_t number, struct ee_projected_labels *labels)
{
    struct ee_book_entry entry;
    struct ee_transfers_row row;
    if (rows->left == 0)
        return;
    ee_core_book_entry(p->core, number, &entry);
    while (entry.phase != EE_BOOK_REFUSED && rows->left > 0) {
        rows->left--;
        if (!ee_transfers_next(&rows->rows, &row)) {
            rows->left = 0;
            return;
        }
        if (p->outcomes[rows->index++] == EE_OK) {
            memcpy(labels->memo, row.memo.data, row.memo.size);
            labels->memo[row.memo.size] = '\0';
            return;
        }
    }
}
