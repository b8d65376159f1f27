/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the state hash of a fixed run: builds of other compilers and levels print the same. */
#include "property/random_run.h"

#include <stdio.h>

#include "base/banned.h"

enum { STEPS = 3000 };

int main(void)
{
    struct random_run run;
    uint8_t hash[32];
    char hex[65];
    random_open(&run, 42);
    run.network.unchecked = true;
    for (int i = 0; i < STEPS; i++)
        random_step(&run);
    ee_core_state_hash(run.network.core, hash);
    printf("%llu commands %s\n", (unsigned long long)ee_core_seq(run.network.core),
           ee_hex_encode(hash, sizeof(hash), hex));
    random_close(&run);
    return 0;
}
