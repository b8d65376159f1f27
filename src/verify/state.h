/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind the opaque types of easyenclave/verify.h. */
#ifndef EE_VERIFY_STATE_H
#define EE_VERIFY_STATE_H

#include <assert.h>

#include "attest/cache.h"
#include "attest/evidence.h"
#include "attest/explain.h"
#include "attest/policy.h"
#include "base/crypto.h"
#include "easyenclave/verify.h"

/* A struct ee_verify_policy is a struct ee_attest_policy. NULL: `otherwise`. */
const struct ee_attest_policy *ee_verify_policy_rules(const struct ee_verify_policy *policy,
                                                      const struct ee_attest_policy *otherwise);

struct ee_verify_context {
    uint8_t roots[EE_VERIFY_ROOTS_MAX][EE_P256_POINT_SIZE];
    size_t root_count;
    struct ee_verify_cache cache;
    size_t file_size_max;
    uint8_t *scratch;           /* of a context that remembers no collateral; else NULL */
    struct ee_collateral parts; /* borrows from `scratch` */
};

/* The parts of a collateral file, good until the next call. */
enum ee_reason ee_verify_context_collateral(struct ee_verify_context *context,
                                            struct ee_bytes bytes,
                                            const struct ee_collateral **out);

/* Who refused first. */
enum ee_verify_refuser {
    EE_VERIFY_BY_NOBODY,
    EE_VERIFY_BY_QUOTE,  /* the verdict */
    EE_VERIFY_BY_POLICY, /* the decision */
    EE_VERIFY_BY_OTHER,  /* `other`: the request, report data, what evidence is checked for */
};

struct ee_verify_result {
    bool ran;
    bool is_evidence;
    enum ee_err err;
    enum ee_verify_refuser refuser;
    enum ee_err other_err;   /* EE_OK: nothing else refused */
    struct ee_finding other; /* EE_REASON_NONE: only the error is known */
    uint32_t measurement_index;
    struct ee_evidence_verdict evidence; /* of a bare quote only `quote` is used */
    struct ee_policy_decision decision;
    struct ee_attest_policy policy; /* a copy: the caller's may be gone when the result is read */
};

/* Empties the result for a verification that starts. `policy` NULL: the request was not read. */
void ee_verify_result_begin(struct ee_verify_result *result, int64_t time_s,
                            const struct ee_attest_policy *policy);
/* What is neither the quote's nor the policy's. `finding` may be NULL. */
void ee_verify_result_refuse(struct ee_verify_result *result, enum ee_err err,
                             const struct ee_finding *finding);
/* A failure of the quote from before its checks: unreadable collateral. */
void ee_verify_result_unreadable(struct ee_verify_result *result, enum ee_reason reason);
/* Asks the policy about the verdict and takes over who refused. */
void ee_verify_result_decide(struct ee_verify_result *result);

/* Copies a struct that starts with its size, as the caller knows it, into one of `known` bytes as
 * we know it; what the caller's lacks is zero. False: shorter than `minimum`, or longer with a
 * member set that we do not know. */
bool ee_verify_sized_read(const void *in, void *out, size_t known, size_t minimum);
/* The same outwards; `out` keeps its size. */
bool ee_verify_sized_write(void *out, const void *in, size_t known, size_t minimum);
/* Whether the memory is aligned and large enough. */
bool ee_verify_memory_fits(const void *memory, size_t size, size_t needed);

#endif
