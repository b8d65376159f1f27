/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of `ee ledger apply` (docs/spec/ledger.md): each line of the input is read and applied to a
 * book with a small window and one that keeps all, which must agree; and is written as journal
 * items that read back the same. */
#include "client/ledger_items.h"
#include "fuzz.h"

#include "base/banned.h"

enum { PASTS = 1 << 14 };

struct book {
    struct ee_ledger *ledger;
    struct ee_ledger_past pasts[PASTS];
    uint32_t count;
};

static void keep(struct book *b)
{
    struct ee_ledger_pasts left = ee_ledger_past_rows(b->ledger);
    for (uint32_t i = 0; i < left.count; i++) {
        FUZZ_CHECK(b->count < PASTS);
        uint32_t at = b->count++;
        for (; at > 0 && memcmp(&b->pasts[at - 1], &left.rows[i], 16) > 0; at--)
            b->pasts[at] = b->pasts[at - 1];
        b->pasts[at] = left.rows[i];
    }
    ee_ledger_past_clear(b->ledger);
}

static enum ee_err apply(struct book *b, struct ee_ledger_line *line, uint32_t *expired)
{
    struct ee_ledger_pasts pasts = {b->pasts, b->count};
    enum ee_err err = EE_OK;
    *expired = 0;
    if (line->kind == EE_LEDGER_LINE_ACCOUNTS)
        err = ee_ledger_accounts_create(b->ledger, line->accounts, line->count, line->results);
    else if (line->kind == EE_LEDGER_LINE_TRANSFERS)
        err = ee_ledger_transfers_create(b->ledger, line->transfers, line->count, &pasts,
                                         line->results);
    else if (line->kind == EE_LEDGER_LINE_TICK)
        err = ee_ledger_tick(b->ledger, line->tick_s, expired);
    keep(b);
    FUZZ_CHECK(ee_ledger_balanced(b->ledger));
    return err;
}

static void items_and_back(const struct ee_ledger_line *line, struct ee_ledger_line *again)
{
    static uint8_t body[EE_LEDGER_ITEMS_SIZE_MAX];
    struct ee_writer w;
    struct ee_cursor c;
    bool more = false;
    ee_writer_init(&w, body, sizeof(body));
    again->count = 0;
    uint32_t items = ee_ledger_items_write(&w, line, 0);
    ee_cursor_init(&c, ee_writer_done(&w));
    for (uint32_t i = 0; i < items; i++) {
        FUZZ_CHECK(ee_ledger_item_read(ee_cursor_block(&c, sizeof(body)), again, &more) == EE_OK);
        (void)ee_cursor_block(&c, sizeof(body));
    }
    FUZZ_CHECK(ee_cursor_end(&c) == EE_OK && !more);
    if (line->kind == EE_LEDGER_LINE_TRANSFERS)
        FUZZ_CHECK(
            again->count == line->count &&
            memcmp(again->transfers, line->transfers, line->count * sizeof(*line->transfers)) == 0);
}

static void line_run(struct book *books, struct ee_ledger_line *line, struct ee_ledger_line *again,
                     struct ee_bytes text)
{
    static enum ee_ledger_result first[EE_LEDGER_BATCH_MAX];
    char why[EE_LEDGER_WHY_MAX];
    uint32_t expired[2];
    if (ee_ledger_line_read(line, text, why) != EE_OK) {
        FUZZ_CHECK(why[0] != '\0');
        return;
    }
    if (line->kind == EE_LEDGER_LINE_BALANCES)
        return;
    enum ee_err err = apply(&books[0], line, &expired[0]);
    memcpy(first, line->results, line->count * sizeof(*first));
    FUZZ_CHECK(apply(&books[1], line, &expired[1]) == err && expired[0] == expired[1]);
    FUZZ_CHECK(err != EE_OK || line->kind == EE_LEDGER_LINE_TICK ||
               memcmp(first, line->results, line->count * sizeof(*first)) == 0);
    if (err == EE_OK)
        items_and_back(line, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ee_ledger_line line, again;
    static struct book books[2];
    const struct ee_ledger_limits all = {.accounts = 1 << 16, .transfers = 1 << 16};
    const struct ee_ledger_limits window = {
        .accounts = 1 << 16, .transfers = 3, .window = true, .reservations = 1 << 16};
    if (line.accounts == NULL)
        FUZZ_CHECK(ee_ledger_line_init(&line) == EE_OK && ee_ledger_line_init(&again) == EE_OK);
    books[0].ledger = ee_ledger_new(&ee_allocator_system, &all);
    books[1].ledger = ee_ledger_new(&ee_allocator_system, &window);
    books[0].count = books[1].count = 0;
    for (size_t start = 0; start < size;) {
        const uint8_t *end = memchr(data + start, '\n', size - start);
        size_t length = end == NULL ? size - start : (size_t)(end - (data + start));
        line_run(books, &line, &again, ee_bytes_of(data + start, length));
        start += length + 1;
    }
    ee_ledger_free(books[0].ledger);
    ee_ledger_free(books[1].ledger);
    return 0;
}
