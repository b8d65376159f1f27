/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark of quotes verifies: a simulated quote, or files. */
#ifndef EE_BENCH_SUBJECT_H
#define EE_BENCH_SUBJECT_H

#include "attest/verify.h"

struct bench_subject {
    const char *name;
    bool simulated;
    struct ee_bytes quote, collateral; /* good until the program ends */
    uint8_t root[1][EE_P256_POINT_SIZE];
    int64_t time_s;
};

/* EE_CRYPTO. */
EE_MUST_USE enum ee_err bench_subject_simulated(struct bench_subject *out);
/* `words`: quote, collateral, time in seconds; under Intel's production root. Errors of
 * ee_file_read() and ee_u64_parse(). */
EE_MUST_USE enum ee_err bench_subject_read(char **words, struct bench_subject *out);

#endif
