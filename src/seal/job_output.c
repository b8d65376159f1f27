/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/job_output.h"

#include "base/banned.h"

enum { STDOUT_TRUNCATED = 1, STDERR_TRUNCATED = 2 };

enum ee_err ee_job_output_encode(const struct ee_job_output *output, void *out, size_t capacity,
                                 size_t *size_out)
{
    struct ee_writer w;
    if (output->stdout_bytes.size > EE_JOB_STREAM_MAX ||
        output->stderr_bytes.size > EE_JOB_STREAM_MAX)
        return EE_LIMIT;
    unsigned flags = (output->stdout_truncated ? STDOUT_TRUNCATED : 0u) |
                     (output->stderr_truncated ? STDERR_TRUNCATED : 0u);
    ee_writer_init(&w, out, capacity);
    ee_writer_label(&w, "ee-job-output", 1);
    ee_writer_u32(&w, (uint32_t)output->exit_code);
    ee_writer_u8(&w, (uint8_t)flags);
    ee_writer_block(&w, output->stdout_bytes);
    ee_writer_block(&w, output->stderr_bytes);
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size;
    return EE_OK;
}

/* Two's complement without an implementation-defined cast. */
static int32_t signed_of(uint32_t value)
{
    return value <= INT32_MAX ? (int32_t)value : -(int32_t)(UINT32_MAX - value) - 1;
}

enum ee_err ee_job_output_decode(struct ee_bytes bytes, struct ee_job_output *out)
{
    struct ee_job_output output;
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-job-output", 1);
    output.exit_code = signed_of(ee_cursor_u32(&c));
    unsigned flags = ee_cursor_u8(&c);
    output.stdout_truncated = flags & STDOUT_TRUNCATED;
    output.stderr_truncated = flags & STDERR_TRUNCATED;
    output.stdout_bytes = ee_cursor_block(&c, EE_JOB_STREAM_MAX);
    output.stderr_bytes = ee_cursor_block(&c, EE_JOB_STREAM_MAX);
    EE_TRY(ee_cursor_end(&c));
    if (flags & ~(unsigned)(STDOUT_TRUNCATED | STDERR_TRUNCATED))
        return EE_SYNTAX;
    *out = output;
    return EE_OK;
}
