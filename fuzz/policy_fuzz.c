/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a policy file and any bytes as a policy or an Azure report: what one form accepts,
 * the other holds unchanged. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attest/azure.h"
#include "attest/policy.h"
#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct ee_attest_policy *policy)
{
    static char text[EE_POLICY_TEXT_MAX];
    static uint8_t first[EE_POLICY_BYTES_MAX], second[EE_POLICY_BYTES_MAX];
    static struct ee_attest_policy again;
    struct ee_writer a, b;
    size_t size;
    ee_writer_init(&a, first, sizeof(first));
    ee_writer_init(&b, second, sizeof(second));
    if (ee_attest_policy_encode(policy, &a) != EE_OK)
        return; /* with debug: a file only */
    assert(ee_attest_policy_print(policy, text, sizeof(text), &size) == EE_OK);
    assert(ee_attest_policy_parse(ee_bytes_of(text, size), &again, NULL) == EE_OK);
    assert(ee_attest_policy_encode(&again, &b) == EE_OK);
    assert(ee_bytes_equal(ee_writer_done(&a), ee_writer_done(&b)));
    assert(ee_attest_policy_decode(ee_writer_done(&a), &again) == EE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ee_attest_policy policy;
    struct ee_azure_report report;
    char problem[EE_FINDING_TEXT_SIZE];
    const struct ee_bytes bytes = ee_bytes_of(data, size);
    if (ee_attest_policy_parse(bytes, &policy, problem) == EE_OK)
        same_again(&policy);
    else
        assert(problem[0] != '\0');
    if (ee_attest_policy_decode(bytes, &policy) == EE_OK) {
        assert(!policy.allow_debug);
        same_again(&policy);
    }
    (void)!ee_azure_report_decode(bytes, &report);
    return 0;
}
