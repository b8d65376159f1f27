/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as JSON. What the strict reader accepts, jansson accepts too, and sees the same
 * strings; then the documents: TCB Info, QE identity, policies, collateral. */
#include <jansson.h>

#include "attest/collateral.h"
#include "attest/json.h"
#include "attest/policy.h"
#include "attest/qe_identity.h"
#include "attest/tcb_info.h"
#include "fuzz.h"

#include "base/banned.h"

static json_t *other_reader(struct ee_bytes text)
{
    json_error_t error;
    json_t *value = json_loadb((const char *)text.data, text.size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL |
                                   JSON_DECODE_INT_AS_REAL,
                               &error);
    /* Numbers that do not fit and unpaired surrogates in escapes are its own matter. */
    FUZZ_CHECK(value || json_error_code(&error) == json_error_numeric_overflow ||
               memchr(text.data, '\\', text.size));
    return value;
}

/* One string, resolved by both. */
static void strings(struct ee_bytes text, const json_t *other)
{
    struct ee_json j;
    uint8_t *out = malloc(text.size + 1);
    FUZZ_CHECK(out != NULL);
    ee_attest_json_init(&j, text, SIZE_MAX);
    size_t size = ee_attest_json_copy(&j, out, text.size);
    FUZZ_CHECK(size <= text.size);
    if (ee_attest_json_end(&j) == EE_REASON_NONE && other) {
        FUZZ_CHECK(json_is_string(other) && json_string_length(other) == size);
        FUZZ_CHECK(memcmp(out, json_string_value(other), size) == 0);
    }
    free(out);
}

static void reader(struct ee_bytes text)
{
    struct ee_json j;
    ee_attest_json_init(&j, text, 64 * 1024);
    struct ee_bytes value = ee_attest_json_skip(&j);
    if (ee_attest_json_end(&j) != EE_REASON_NONE)
        return;
    FUZZ_CHECK(value.size > 0 && value.data >= text.data);
    FUZZ_CHECK((size_t)(value.data - text.data) + value.size <= text.size);
    FUZZ_CHECK(j.depth == 0 && j.key_count == 0);
    json_t *other = other_reader(text);
    if (value.data[0] == '"')
        strings(text, other);
    json_decref(other);
}

static void policy(struct ee_bytes text)
{
    static struct ee_attest_policy first, again;
    static char printed[EE_POLICY_TEXT_MAX], twice[EE_POLICY_TEXT_MAX];
    char problem[EE_FINDING_TEXT_SIZE];
    size_t size, twice_size;
    if (ee_attest_policy_parse(text, &first, problem) != EE_OK)
        return;
    FUZZ_CHECK(ee_attest_policy_print(&first, printed, sizeof(printed), &size) == EE_OK);
    FUZZ_CHECK(ee_attest_policy_parse(ee_bytes_of(printed, size), &again, problem) == EE_OK);
    FUZZ_CHECK(ee_attest_policy_print(&again, twice, sizeof(twice), &twice_size) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(ee_bytes_of(printed, size), ee_bytes_of(twice, twice_size)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ee_tcb_info info;
    struct ee_qe_identity identity;
    struct ee_collateral collateral;
    struct ee_bytes text = ee_bytes_of(data, size);
    reader(text);
    if (ee_attest_tcb_info_decode(text, &info) == EE_REASON_NONE)
        FUZZ_CHECK(info.level_count > 0 && info.level_count <= EE_TCB_LEVELS_MAX);
    (void)!ee_attest_qe_identity_decode(text, &identity);
    policy(text);
    uint8_t *scratch = malloc(size + 1);
    FUZZ_CHECK(scratch != NULL);
    (void)!ee_attest_collateral_decode(text, scratch, size, &collateral);
    free(scratch);
    return 0;
}
