/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of src/ledger alone, in memory: transfers a second in batches of 1,000 with books of
 * growing size, and what an account and an id cost. Usage: ledger_engine_bench [--full] [--json] */
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

enum { BATCH = 1000, TRANSFERS = 1000 * 1000, WINDOW = 1 << 20 };

union block {
    size_t size;
    max_align_t align;
};

static size_t held;

static void *counted_resize(void *context, void *memory, size_t size)
{
    union block *block = memory ? (union block *)memory - 1 : NULL;
    (void)context;
    held -= block ? block->size : 0;
    block = realloc(block, sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    held += size;
    return block + 1;
}

static void counted_release(void *context, void *memory)
{
    (void)context;
    if (memory == NULL)
        return;
    held -= ((union block *)memory - 1)->size;
    free((union block *)memory - 1);
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static struct ee_ledger_id id_of(uint64_t high, uint64_t low)
{
    struct ee_ledger_id id;
    memcpy(id.bytes, &high, sizeof(high));
    memcpy(id.bytes + 8, &low, sizeof(low));
    return id;
}

static enum ee_ledger_result results[EE_LEDGER_BATCH_MAX];

static void must(enum ee_err err)
{
    if (err != EE_OK || results[0] != EE_LEDGER_CREATED) {
        (void)fprintf(stderr, "ledger_engine_bench: %s\n", ee_err_name(err));
        exit(1);
    }
}

static void accounts_make(struct ee_ledger *ledger, uint32_t count)
{
    static struct ee_ledger_account batch[BATCH];
    for (uint32_t made = 0; made < count; made += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++)
            batch[i] =
                (struct ee_ledger_account){.id = id_of(0, made + i + 1), .ledger = 1, .code = 1};
        must(ee_ledger_accounts_create(ledger, batch, BATCH, results));
    }
}

/* Between random accounts, with ids in rising order or random ones. */
static void batch_fill(struct ee_ledger_transfer *batch, uint32_t accounts, uint64_t *state,
                       uint64_t *number, int random_ids)
{
    for (uint32_t i = 0; i < BATCH; i++) {
        uint64_t debit = draw(state) % accounts, credit = draw(state) % accounts;
        credit = credit == debit ? (debit + 1) % accounts : credit;
        (*number)++;
        batch[i] = (struct ee_ledger_transfer){.id = id_of(random_ids ? draw(state) : 0, *number),
                                               .debit_account = id_of(0, debit + 1),
                                               .credit_account = id_of(0, credit + 1),
                                               .amount = 1 + i,
                                               .ledger = 1,
                                               .code = 1};
    }
}

static double speed(struct ee_ledger *ledger, uint32_t accounts, int random_ids, uint64_t *number)
{
    static struct ee_ledger_transfer batch[BATCH];
    uint64_t state = 1;
    double spent = 0;
    for (int i = 0; i < TRANSFERS / BATCH; i++) {
        batch_fill(batch, accounts, &state, number, random_ids);
        double start = now_s();
        must(ee_ledger_transfers_create(ledger, batch, BATCH, NULL, results));
        ee_ledger_past_clear(ledger);
        spent += now_s() - start;
    }
    return TRANSFERS / spent;
}

static void measure(uint32_t accounts, int json)
{
    const struct ee_allocator allocator = {NULL, counted_resize, counted_release};
    const struct ee_ledger_limits limits = {.accounts = accounts + BATCH,
                                            .transfers = WINDOW,
                                            .window = true,
                                            .reservations = WINDOW,
                                            .hash_seed = 7};
    struct ee_ledger *ledger = ee_ledger_new(&allocator, &limits);
    uint64_t number = 0;
    if (ledger == NULL)
        exit(1);
    accounts_make(ledger, accounts);
    double per_account = (double)held / accounts;
    (void)speed(ledger, accounts, 0, &number); /* fills the window */
    double ordered = speed(ledger, accounts, 0, &number);
    double random_ids = speed(ledger, accounts, 1, &number);
    double per_id = ((double)held - per_account * accounts) / WINDOW;
    (void)printf(json ? "{\"accounts\":%u,\"ordered_per_s\":%.0f,\"random_per_s\":%.0f,"
                        "\"bytes_per_account\":%.1f,\"bytes_per_id\":%.1f}\n"
                      : "%10u  %14.0f  %14.0f  %14.1f  %14.1f\n",
                 accounts, ordered, random_ids, per_account, per_id);
    (void)fflush(stdout);
    ee_ledger_free(ledger);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {10000, 1000000, 10000000};
    int json = 0, full = 0;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--json") == 0;
        full = full || strcmp(argv[i], "--full") == 0;
    }
    if (!json)
        (void)printf("  accounts  ordered ids /s   random ids /s   bytes/account  bytes/id (window "
                     "of %d)\n",
                     WINDOW);
    for (int i = 0; i < (full ? 3 : 2); i++)
        measure(sizes[i], json);
    return 0;
}
