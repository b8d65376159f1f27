/* SPDX-License-Identifier: Apache-2.0 */
/* The read model: rows per second of a projection over a journal of transfers, and what a page of a
 * statement costs then. read_model_bench [TRANSFERS [ACCOUNTS]]; files in the working directory. */
#include "unit/core/network.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/projection.h"
#include "control/read_query.h"
#include "io/clock.h"

#include "base/banned.h"

enum { PER_BATCH = 1000, BATCHES_MAX = 100000, PAGES = 2000, COMMIT_ROWS = 20000 };

static const char path[] = "read_model_bench.db";
static size_t ends[BATCHES_MAX];
static size_t batch_count;

static void need(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "read_model_bench: %s\n", what);
        exit(1);
    }
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

static void journal_make(struct network *n, uint32_t transfers, uint32_t accounts)
{
    char from[EE_NAME_MAX + 1], to[EE_NAME_MAX + 1];
    uint64_t state = 1;
    network_open(n, EE_PROFILE_DEVELOPMENT, NULL);
    n->unchecked = true;
    for (uint32_t i = 0; i < accounts; i++) {
        (void)snprintf(from, sizeof(from), "a%u", (unsigned)i);
        need(network_account(n, from, EE_ACCOUNT_USER) == EE_OK, "an account");
        need(network_mint(n, from, 1000000) == EE_OK, "a mint");
    }
    for (uint32_t i = 0; i < transfers; i++) {
        uint32_t a = draw(&state, accounts), b = (a + 1 + draw(&state, accounts - 1)) % accounts;
        (void)snprintf(from, sizeof(from), "a%u", (unsigned)a);
        (void)snprintf(to, sizeof(to), "a%u", (unsigned)b);
        (void)network_transfer(n, from, to, 1);
        if ((i + 1) % PER_BATCH == 0)
            ends[batch_count++] = n->log_size;
    }
}

static void project(const struct network *n, uint32_t transfers)
{
    struct ee_read_store *store = NULL;
    struct ee_projection *projection = NULL;
    need(ee_read_store_remove(path) == EE_OK, "the old file");
    need(ee_read_store_open(path, ee_core_network_id(n->core), &store) == EE_OK, "the file");
    need(ee_projection_new(&ee_allocator_system, &ee_crypto_openssl, store, &projection) == EE_OK,
         "the projection");
    uint64_t start_us = ee_clock_monotonic_us();
    for (size_t i = 0; i < batch_count; i++) {
        size_t begin = i == 0 ? 0 : ends[i - 1];
        struct ee_journal_batch batch = {.batch = i + 1,
                                         .body = ee_bytes_of(n->log + begin, ends[i] - begin)};
        need(ee_projection_batch(projection, &batch) == EE_OK, "a batch");
        if (ee_projection_pending(projection) >= COMMIT_ROWS)
            need(ee_projection_commit(projection) == EE_OK, "a commit");
    }
    need(ee_projection_commit(projection) == EE_OK, "the last commit");
    double seconds = (double)(ee_clock_monotonic_us() - start_us) / 1e6;
    (void)printf("projection  %u transfers, %llu rows in %.2f s: %.0f transfers/s, %.0f rows/s\n",
                 (unsigned)transfers, (unsigned long long)ee_projection_rows(projection), seconds,
                 transfers / seconds, (double)ee_projection_rows(projection) / seconds);
    ee_projection_free(projection);
    ee_read_store_close(store);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void pages(uint32_t accounts, uint32_t limit, uint32_t entries, const char *what)
{
    static uint64_t took_us[PAGES];
    struct ee_read_query *query = NULL;
    uint64_t state = 7;
    need(ee_read_query_open(path, &query) == EE_OK, "the file to be read");
    for (int i = 0; i < PAGES; i++) {
        struct ee_statement_page page;
        struct ee_statement_ask ask = {.limit = limit, .has_place = true};
        (void)snprintf(ask.account, sizeof(ask.account), "a%u", (unsigned)draw(&state, accounts));
        ask.place = draw(&state, entries);
        uint64_t start_us = ee_clock_monotonic_us();
        need(ee_read_query_statement(query, &ask, &page) == EE_OK, "a page");
        took_us[i] = ee_clock_monotonic_us() - start_us;
        free(page.text);
    }
    qsort(took_us, PAGES, sizeof(took_us[0]), by_size);
    (void)printf("%s p50 %llu us, p99 %llu us\n", what, (unsigned long long)took_us[PAGES / 2],
                 (unsigned long long)took_us[PAGES * 99 / 100]);
    ee_read_query_close(query);
}

int main(int argc, char **argv)
{
    struct network n;
    uint32_t transfers = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    uint32_t accounts = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000;
    need(transfers >= PER_BATCH && transfers / PER_BATCH <= BATCHES_MAX && accounts >= 2, "usage");
    journal_make(&n, transfers, accounts);
    project(&n, transfers);
    pages(accounts, 50, transfers, "page of 50 ");
    pages(accounts, 500, transfers, "page of 500");
    network_close(&n);
    return ee_read_store_remove(path) == EE_OK ? 0 : 1;
}
