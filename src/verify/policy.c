/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <string.h>

#include "base/banned.h"

size_t ee_verify_policy_size(void)
{
    return sizeof(struct ee_attest_policy);
}

const struct ee_verify_policy *ee_verify_policy_builtin(const char *name)
{
    const struct ee_attest_policy *const policies[] = {
        &ee_attest_policy_none, &ee_attest_policy_strict, &ee_attest_policy_network};
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
        if (strcmp(policies[i]->name, name) == 0)
            return (const void *)policies[i];
    return NULL;
}

const struct ee_attest_policy *ee_verify_policy_rules(const struct ee_verify_policy *policy,
                                                      const struct ee_attest_policy *otherwise)
{
    return policy ? (const void *)policy : otherwise;
}
