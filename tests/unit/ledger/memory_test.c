/* SPDX-License-Identifier: Apache-2.0 */
/* What an account and a remembered id cost in memory, counted at the allocator. */
#include "ledger/ledger.h"

#include <stdlib.h>

#include "tap.h"

enum { ACCOUNTS = 100000, WINDOW = 1 << 17, BATCH = 1000, ACCOUNT_MAX = 160, ID_MAX = 48 };

/* Sizes are kept in front of each block. */
union block {
    size_t size;
    max_align_t align;
};

static void *counted_resize(void *context, void *memory, size_t size)
{
    size_t *held = context;
    union block *block = memory ? (union block *)memory - 1 : NULL;
    size_t before = block ? block->size : 0;
    block = realloc(block, sizeof(*block) + size);
    if (!block)
        return NULL;
    block->size = size;
    *held += size - before;
    return block + 1;
}

static void counted_release(void *context, void *memory)
{
    size_t *held = context;
    if (!memory)
        return;
    *held -= ((union block *)memory - 1)->size;
    free((union block *)memory - 1);
}

static struct ee_ledger_id id(uint32_t number)
{
    return (struct ee_ledger_id){{[12] = (uint8_t)(number >> 24),
                                  (uint8_t)(number >> 16),
                                  (uint8_t)(number >> 8),
                                  (uint8_t)number}};
}

static enum ee_ledger_result results[BATCH];

static void accounts_make(struct ee_ledger *ledger, uint32_t first)
{
    struct ee_ledger_account batch[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        batch[i] = (struct ee_ledger_account){.id = id(first + i), .ledger = 1, .code = 1};
    CHECK(ee_ledger_accounts_create(ledger, batch, BATCH, results) == EE_OK);
}

static void transfers_make(struct ee_ledger *ledger, uint32_t first)
{
    struct ee_ledger_transfer batch[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        batch[i] = (struct ee_ledger_transfer){.id = id(first + i),
                                               .debit_account = id(1 + i),
                                               .credit_account = id(2 + i),
                                               .amount = 1,
                                               .ledger = 1,
                                               .code = 1};
    CHECK(ee_ledger_transfers_create(ledger, batch, BATCH, NULL, results) == EE_OK);
    CHECK(results[BATCH - 1] == EE_LEDGER_CREATED);
    ee_ledger_past_clear(ledger);
}

static void bytes_per_account_and_per_id(void)
{
    size_t held = 0;
    const struct ee_allocator allocator = {&held, counted_resize, counted_release};
    const struct ee_ledger_limits limits = {
        .accounts = 2 * ACCOUNTS, .transfers = WINDOW, .window = true, .reservations = 1000};
    struct ee_ledger *ledger = ee_ledger_new(&allocator, &limits);
    REQUIRE(ledger != NULL);
    for (uint32_t i = 1; i < ACCOUNTS; i += BATCH)
        accounts_make(ledger, i);
    size_t accounts = held;
    printf("# %zu bytes an account\n", accounts / ACCOUNTS);
    CHECK(accounts / ACCOUNTS <= ACCOUNT_MAX);
    /* The worst place: just behind a doubling. */
    while (ee_ledger_accounts(ledger) < 131072)
        accounts_make(ledger, ee_ledger_accounts(ledger) + 1);
    CHECK(held / ee_ledger_accounts(ledger) <= ACCOUNT_MAX);
    printf("# %zu bytes an account just behind a doubling\n", held / ee_ledger_accounts(ledger));
    accounts = held;
    for (uint32_t i = 1; i < 2 * WINDOW; i += BATCH)
        transfers_make(ledger, i);
    /* A batch's own room (rows and rows that leave) is the same for any window. */
    size_t batch = EE_LEDGER_BATCH_MAX * (40 + 6) + 4096 * 48 + 1024 * 32;
    printf("# %zu bytes an id in a full window of %d, and %zu for the batch at work\n",
           (held - accounts - batch) / WINDOW, WINDOW, batch);
    CHECK(ee_ledger_entries(ledger) == WINDOW);
    CHECK((held - accounts - batch) / WINDOW <= ID_MAX);
    ee_ledger_free(ledger);
    CHECK(held == 0);
}

TESTS(TEST(bytes_per_account_and_per_id))
