/* SPDX-License-Identifier: Apache-2.0 */
/* What a finished job leaves for its launcher, in canonical form inside a sealed message. Format:
 * docs/spec/seal.md. */
#ifndef EE_SEAL_JOB_OUTPUT_H
#define EE_SEAL_JOB_OUTPUT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

enum { EE_JOB_STREAM_MAX = 8 * 1024 * 1024 }; /* bytes of one stream */

struct ee_job_output {
    int32_t exit_code;     /* 0 to 255 of the program; 128 + n when signal n ended it */
    bool stdout_truncated; /* more was written than is kept */
    bool stderr_truncated;
    struct ee_bytes stdout_bytes; /* borrowed */
    struct ee_bytes stderr_bytes;
};

#define EE_JOB_OUTPUT_SIZE(stdout_size, stderr_size)                                               \
    (32 + (size_t)(stdout_size) + (size_t)(stderr_size))

/* EE_LIMIT: a stream above EE_JOB_STREAM_MAX; EE_TOO_LARGE: capacity. */
EE_MUST_USE enum ee_err ee_job_output_encode(const struct ee_job_output *output, void *out,
                                             size_t capacity, size_t *size_out);
/* Streams borrow from `bytes`. EE_SYNTAX, EE_UNSUPPORTED, EE_TRUNCATED, EE_TRAILING, EE_TOO_LARGE.
 */
EE_MUST_USE enum ee_err ee_job_output_decode(struct ee_bytes bytes, struct ee_job_output *out);

#endif
