/* SPDX-License-Identifier: Apache-2.0 */
/* What a proof of liabilities costs: the part that holds the sequencer (marking, copying), and the
 * tree, which a thread makes. owing_bench [ACCOUNTS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "control/liabilities_book.h"
#include "unit/core/network.h"

#include "base/banned.h"

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
    static struct network n;
    static const struct ee_liabilities mark = {.of_seq = 0};
    const struct ee_core_limits limits = {.accounts = 1u << 24, .keys = 1u << 24};
    struct ee_tlog_sum_item *items;
    struct ee_tlog_sum_tree tree;
    uint64_t count = 1000000, copied;
    char name[EE_NAME_MAX + 1];
    if (argc > 1 && ee_u64_parse(argv[1], &count) != EE_OK)
        return 2;
    n.silent = true;
    network_open(&n, EE_PROFILE_DEVELOPMENT, &limits);
    n.unchecked = true;
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "a%llu", (unsigned long long)i);
        if (network_account(&n, name, EE_ACCOUNT_USER) != EE_OK)
            return 1;
    }
    size_t capacity;
    struct ee_owed *room = ee_liabilities_room(ee_core_book_count(n.core), &capacity);
    if (!room)
        return 1;
    double t0 = now_ms();
    if (NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_LIABILITIES, liabilities, &mark) != EE_OK)
        return 1;
    double t1 = now_ms();
    if (ee_liabilities_copy(n.core, room, capacity, &copied) != EE_OK)
        return 1;
    double t2 = now_ms();
    if (ee_liabilities_items(room, copied, &items) != EE_OK)
        return 1;
    if (ee_tlog_sum_build(&ee_crypto_openssl, &ee_allocator_system,
                          ee_core_liability_secret(n.core), 1, items, copied, &tree) != EE_OK)
        return 1;
    double t3 = now_ms();
    printf("%llu accounts: %.1f ms marking, %.1f ms copying (these hold the sequencer), %.0f ms "
           "the tree\n",
           (unsigned long long)copied, t1 - t0, t2 - t1, t3 - t2);
    ee_tlog_sum_free(&tree);
    free(items);
    free(room);
    network_close(&n);
    return 0;
}
