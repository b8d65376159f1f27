/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <stdio.h>

#include "base/banned.h"

size_t ee_verify_policy_size(void)
{
    return sizeof(struct ee_attest_policy);
}

const struct ee_verify_policy *ee_verify_policy_builtin(const char *name)
{
    return (const void *)ee_attest_policy_builtin(name);
}

const struct ee_attest_policy *ee_verify_policy_rules(const struct ee_verify_policy *policy,
                                                      const struct ee_attest_policy *otherwise)
{
    return policy ? (const void *)policy : otherwise;
}

static int refuse(enum ee_err err, char reason[EE_VERIFY_FINDING_TEXT_SIZE])
{
    if (reason)
        (void)snprintf(reason, EE_VERIFY_FINDING_TEXT_SIZE, "%s", ee_err_text(err));
    return (int)err;
}

int ee_verify_policy_parse(const void *json, size_t size, void *memory, size_t memory_size,
                           const struct ee_verify_policy **out,
                           char reason[EE_VERIFY_FINDING_TEXT_SIZE])
{
    struct ee_attest_policy *policy = memory;
    if (!ee_verify_memory_fits(memory, memory_size, 0))
        return refuse(EE_RANGE, reason);
    if (memory_size < sizeof(*policy))
        return refuse(EE_TOO_LARGE, reason);
    enum ee_err err = ee_attest_policy_parse(ee_bytes_of(json, size), policy, reason);
    if (err == EE_OK)
        *out = (const void *)policy;
    return (int)err;
}
