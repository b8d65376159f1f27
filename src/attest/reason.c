/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/reason.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static const struct {
    const char *name;
    enum ee_err err;
    const char *text;
} reasons[EE_REASON_COUNT] = {
#define EE_ROW(name, id, err, text) [EE_REASON_##name] = {id, EE_##err, text},
    EE_REASONS(EE_ROW)
#undef EE_ROW
};

static bool known(enum ee_reason reason)
{
    return (unsigned)reason < EE_REASON_COUNT;
}

const char *ee_attest_reason_name(enum ee_reason reason)
{
    return known(reason) ? reasons[reason].name : "unknown";
}

enum ee_err ee_attest_reason_err(enum ee_reason reason)
{
    return known(reason) ? reasons[reason].err : EE_QUOTE;
}

const char *ee_attest_reason_text(enum ee_reason reason)
{
    return known(reason) ? reasons[reason].text : "unknown reason";
}

/* What a placeholder stands for, in `number` when it is one. */
static const char *value_text(const struct ee_finding *finding, char which, char number[12])
{
    uint32_t value = which == 'h' ? finding->have : which == 'n' ? finding->need : finding->index;
    if (which == 'l')
        return finding->label;
    (void)snprintf(number, 12, "%u", (unsigned)value);
    return number;
}

char *ee_attest_finding_text(const struct ee_finding *finding, char out[EE_FINDING_TEXT_SIZE])
{
    const char *text = ee_attest_reason_text(finding->reason);
    size_t at = 0;
    char number[12];
    for (; *text && at + 1 < EE_FINDING_TEXT_SIZE; text++) {
        if (*text != '%') {
            out[at++] = *text;
            continue;
        }
        const char *value = value_text(finding, *++text, number);
        size_t size = strlen(value), room = EE_FINDING_TEXT_SIZE - 1 - at;
        size = size < room ? size : room;
        memcpy(out + at, value, size);
        at += size;
    }
    out[at] = '\0';
    return out;
}
