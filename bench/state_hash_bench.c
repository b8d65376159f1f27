/* SPDX-License-Identifier: Apache-2.0 */
/* What a state hash costs at each of many starts of a network that grows between them: from what
 * changed (ee_core_state_hash) and from every record. state_hash_bench [STARTS [TRANSFERS]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "unit/core/network.h"

#include "base/banned.h"

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t word(int argc, char **argv, int index, uint64_t otherwise)
{
    uint64_t value;
    return argc > index && ee_u64_parse(argv[index], &value) == EE_OK ? value : otherwise;
}

int main(int argc, char **argv)
{
    static struct network n;
    uint64_t starts = word(argc, argv, 1, 200), transfers = word(argc, argv, 2, 460), number = 0;
    double kept_ms = 0, afresh_ms = 0, last_ms = 0;
    uint8_t kept[32], afresh[32];
    n.silent = true;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    n.unchecked = true;
    for (uint64_t start = 0; start < starts; start++) {
        for (uint64_t i = 0; i < transfers; i++) {
            struct ee_writer w;
            ee_writer_init(&w, n.id, sizeof(n.id));
            ee_writer_u64(&w, ++number);
            if (network_transfer(&n, "alice", "bob", 1) != EE_OK)
                return 1;
        }
        double t0 = now_ms();
        ee_core_state_hash(n.core, kept);
        double t1 = now_ms();
        ee_core_state_hash_afresh(n.core, afresh);
        last_ms = now_ms() - t1;
        kept_ms += t1 - t0;
        afresh_ms += last_ms;
        if (memcmp(kept, afresh, sizeof(kept)) != 0)
            return 1;
    }
    printf("%llu starts, %llu transfers: %.1f ms in all from what changed, %.0f ms from every "
           "record (the last one %.1f ms)\n",
           (unsigned long long)starts, (unsigned long long)number, kept_ms, afresh_ms, last_ms);
    network_close(&n);
    return 0;
}
