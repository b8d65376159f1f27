/* SPDX-License-Identifier: Apache-2.0 */
#include "core/names.h"

#include <stddef.h>
#include <string.h>

#include "base/banned.h"

static const char *const lease_states[] = {
    [EE_LEASE_RESERVED] = "reserved",
    [EE_LEASE_STARTING] = "starting",
    [EE_LEASE_RUNNING] = "running",
    [EE_LEASE_ENDED] = "ended",
};

const char *ee_lease_state_name(enum ee_lease_state state)
{
    return lease_states[state];
}

enum ee_lease_state ee_lease_state_of(const char *name)
{
    for (size_t i = EE_LEASE_RESERVED; i <= EE_LEASE_ENDED; i++)
        if (strcmp(lease_states[i], name) == 0)
            return (enum ee_lease_state)i;
    return (enum ee_lease_state)0;
}

const char *ee_end_reason_name(enum ee_end_reason reason)
{
    switch (reason) {
    case EE_END_EXITED:
        return "exited";
    case EE_END_START_FAILED:
        return "start_failed";
    case EE_END_STOPPED:
        return "stopped";
    case EE_END_NODE_LOST:
        return "node_lost";
    case EE_END_CREDITS:
        return "credits";
    case EE_END_START_TIMEOUT:
        return "start_timeout";
    case EE_END_AGENT_LOST_IT:
        return "agent_lost_it";
    }
    return "unknown";
}

const char *ee_lock_state_name(enum ee_lock_state state)
{
    switch (state) {
    case EE_LOCK_LOCKED:
        return "locked";
    case EE_LOCK_DUE:
        return "due";
    case EE_LOCK_PAID:
        return "paid";
    case EE_LOCK_REFUNDED:
        return "refunded";
    case EE_LOCK_SPLIT:
        return "split";
    }
    return "unknown";
}

const char *ee_verdict_name(enum ee_verdict_kind verdict)
{
    switch (verdict) {
    case EE_VERDICT_NONE:
        return "none";
    case EE_VERDICT_PASS:
        return "pass";
    case EE_VERDICT_FAIL:
        return "fail";
    case EE_VERDICT_VOID:
        return "void";
    }
    return "unknown";
}

const char *ee_fail_reason_name(enum ee_fail_reason reason)
{
    switch (reason) {
    case EE_FAIL_NONE:
        return "none";
    case EE_FAIL_MISSED_HEALTH:
        return "missed_health";
    case EE_FAIL_MISSED_ATTESTATION:
        return "missed_attestation";
    case EE_FAIL_ABUSE:
        return "abuse";
    case EE_FAIL_INELIGIBLE:
        return "ineligible";
    }
    return "unknown";
}

static const char *const abuse_categories[] = {
    [EE_ABUSE_OTHER] = "other",
    [EE_ABUSE_WRONG_RESULT] = "wrong_result",
    [EE_ABUSE_INTERFERENCE] = "interference",
    [EE_ABUSE_RESOURCES] = "resources",
};

const char *ee_abuse_category_name(enum ee_abuse_category category)
{
    return abuse_categories[category];
}

enum ee_abuse_category ee_abuse_category_of(const char *name)
{
    for (size_t i = EE_ABUSE_OTHER; i <= EE_ABUSE_RESOURCES; i++)
        if (strcmp(abuse_categories[i], name) == 0)
            return (enum ee_abuse_category)i;
    return (enum ee_abuse_category)0;
}
