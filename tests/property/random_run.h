/* SPDX-License-Identifier: Apache-2.0 */
/* Random commands from a seed, valid and not, against a network in memory. */
#ifndef EE_TESTS_PROPERTY_RANDOM_RUN_H
#define EE_TESTS_PROPERTY_RANDOM_RUN_H

#include "unit/core/network.h"

struct random_run {
    struct network network;
    uint64_t state; /* of the generator */
    unsigned jobs;  /* names used */
    /* Sums of what was answered with success, per account of random_accounts. */
    int64_t minted[5], sent[5], received[5];
};

extern const char *const random_accounts[5];

/* splitmix64. At most one draw in an argument list: their order is the compiler's. */
uint64_t random_draw(uint64_t *state);
void random_open(struct random_run *run, uint64_t seed);
/* One command or a step of time. */
void random_step(struct random_run *run);
void random_close(struct random_run *run);

#endif
