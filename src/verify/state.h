/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind the opaque types of easyenclave/verify.h. */
#ifndef EE_VERIFY_STATE_H
#define EE_VERIFY_STATE_H

#include <assert.h>

#include "attest/evidence.h"
#include "attest/policy.h"
#include "base/crypto.h"
#include "easyenclave/verify.h"

enum {
    EE_VERIFY_REFUSALS_MAX = 2, /* what came after the checks of the quote: policy, binding */
    EE_VERIFY_POLICY_NAME_SIZE = 64,
};

/* A struct ee_verify_policy is a struct ee_attest_policy. NULL: `otherwise`. */
const struct ee_attest_policy *ee_verify_policy_rules(const struct ee_verify_policy *policy,
                                                      const struct ee_attest_policy *otherwise);

/* A collateral file as it came and in parts: decoding is most of the work of a warm verification.
 * This proves nothing; what is proven is in the cache. */
struct ee_verify_file {
    uint64_t used_at; /* 0: free */
    size_t size;
    struct ee_collateral parts; /* borrows from `scratch` */
    uint8_t *bytes;             /* NULL in a context that remembers nothing */
    uint8_t *scratch;
};

struct ee_verify_context {
    uint8_t roots[EE_VERIFY_ROOTS_MAX][EE_P256_POINT_SIZE];
    size_t root_count;
    size_t file_size_max;
    struct ee_verify_file *files;
    size_t file_count;
    uint64_t clock; /* counts uses */
};

/* The parts of a collateral file, good until the next call. */
enum ee_reason ee_verify_context_collateral(struct ee_verify_context *context,
                                            struct ee_bytes bytes,
                                            const struct ee_collateral **out);

/* A failure after the quote itself held, or before it was looked at. */
struct ee_verify_refusal {
    enum ee_err err;
    struct ee_finding finding; /* EE_REASON_NONE: only the error is known */
};

struct ee_verify_result {
    bool ran;
    bool is_evidence;
    enum ee_err err;
    int64_t time_s;
    char policy[EE_VERIFY_POLICY_NAME_SIZE];
    struct ee_verify_refusal refusals[EE_VERIFY_REFUSALS_MAX];
    size_t refusal_count;
    uint32_t measurement_index;
    struct ee_evidence_verdict evidence; /* of a bare quote only `quote` is used */
};

/* Empties the result for a verification that starts. */
void ee_verify_result_begin(struct ee_verify_result *result, int64_t time_s,
                            const struct ee_attest_policy *policy);
/* `finding` may be NULL. */
void ee_verify_result_refuse(struct ee_verify_result *result, enum ee_err err,
                             const struct ee_finding *finding);

/* Copies a struct that starts with its size, as the caller knows it, into one of `known` bytes as
 * we know it; what the caller's lacks is zero. False: shorter than `minimum`, or longer with a
 * member set that we do not know. */
bool ee_verify_sized_read(const void *in, void *out, size_t known, size_t minimum);
/* The same outwards; `out` keeps its size. */
bool ee_verify_sized_write(void *out, const void *in, size_t known, size_t minimum);
/* Whether the memory is aligned and large enough. */
bool ee_verify_memory_fits(const void *memory, size_t size, size_t needed);

#endif
