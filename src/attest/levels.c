/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/levels.h"

#include "base/banned.h"

/* The array is read in full here, so that later readers need not expect failure. */
static struct ee_bytes advisories_read(struct ee_json *j)
{
    size_t start = ee_attest_json_at(j);
    ee_attest_json_array(j);
    while (ee_attest_json_item(j))
        (void)ee_attest_json_text(j);
    return ee_attest_json_since(j, start);
}

enum ee_reason ee_attest_level_member(struct ee_json *j, struct ee_bytes key,
                                      struct ee_level_common *out, unsigned *seen)
{
    if (EE_JSON_IS(key, "tcbDate")) {
        out->date_s = ee_attest_json_time(j);
        *seen |= EE_LEVEL_DATE;
    } else if (EE_JSON_IS(key, "tcbStatus")) {
        out->status = ee_attest_tcb_status_parse(ee_attest_json_text(j));
        *seen |= EE_LEVEL_STATUS;
        if (j->reason == EE_REASON_NONE && out->status == EE_TCB_UNKNOWN)
            return EE_REASON_COLLATERAL_STATUS;
    } else if (EE_JSON_IS(key, "advisoryIDs")) {
        out->advisories = advisories_read(j);
    } else {
        (void)ee_attest_json_skip(j);
    }
    return j->reason;
}

static enum ee_reason svn_read(struct ee_json *j, uint16_t *out)
{
    struct ee_bytes key;
    bool found = false;
    ee_attest_json_object(j);
    while (ee_attest_json_key(j, &key)) {
        if (EE_JSON_IS(key, "isvsvn")) {
            *out = (uint16_t)ee_attest_json_unsigned(j, UINT16_MAX);
            found = true;
        } else {
            (void)ee_attest_json_skip(j);
        }
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return found ? EE_REASON_NONE : EE_REASON_COLLATERAL_FIELD;
}

static enum ee_reason level_read(struct ee_json *j, struct ee_svn_level *out)
{
    struct ee_bytes key;
    unsigned seen = 0;
    ee_attest_json_object(j);
    while (ee_attest_json_key(j, &key)) {
        if (EE_JSON_IS(key, "tcb")) {
            EE_REASON_TRY(svn_read(j, &out->svn));
            seen |= EE_LEVEL_TCB;
        } else {
            EE_REASON_TRY(ee_attest_level_member(j, key, &out->common, &seen));
        }
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    if (seen != EE_LEVEL_ALL)
        return EE_REASON_COLLATERAL_FIELD;
    enum ee_tcb_status s = out->common.status;
    return s == EE_TCB_UP_TO_DATE || s == EE_TCB_OUT_OF_DATE || s == EE_TCB_REVOKED
               ? EE_REASON_NONE
               : EE_REASON_COLLATERAL_STATUS;
}

/* Keeps the levels sorted, highest first. False when the SVN is there already. */
static bool insert(struct ee_svn_levels *levels, const struct ee_svn_level *level)
{
    size_t at = levels->count;
    while (at > 0 && levels->level[at - 1].svn <= level->svn) {
        if (levels->level[at - 1].svn == level->svn)
            return false;
        levels->level[at] = levels->level[at - 1];
        at--;
    }
    levels->level[at] = *level;
    levels->count++;
    return true;
}

enum ee_reason ee_attest_svn_levels_read(struct ee_json *j, struct ee_svn_levels *out)
{
    out->count = 0;
    ee_attest_json_array(j);
    while (ee_attest_json_item(j)) {
        struct ee_svn_level level = {0};
        EE_REASON_TRY(level_read(j, &level));
        if (out->count == EE_SVN_LEVELS_MAX || !insert(out, &level))
            return EE_REASON_COLLATERAL_LEVELS;
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return out->count ? EE_REASON_NONE : EE_REASON_COLLATERAL_LEVELS;
}

const struct ee_svn_level *ee_attest_svn_levels_match(const struct ee_svn_levels *levels,
                                                      uint16_t svn)
{
    for (size_t i = 0; i < levels->count; i++)
        if (svn >= levels->level[i].svn)
            return &levels->level[i];
    return NULL;
}

uint16_t ee_attest_svn_levels_needed(const struct ee_svn_levels *levels)
{
    uint16_t needed = levels->count ? levels->level[0].svn : 0;
    for (size_t i = 0; i < levels->count; i++)
        if (levels->level[i].common.status == EE_TCB_UP_TO_DATE)
            needed = levels->level[i].svn;
    return needed;
}
