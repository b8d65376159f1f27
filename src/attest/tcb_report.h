/* SPDX-License-Identifier: Apache-2.0 */
/* One quote under the TCB set in force ("standard") and the coming one ("early"; PCS API v4,
 * parameter `update`): what fails, what will fail and when, and what cures it. */
#ifndef EE_ATTEST_TCB_REPORT_H
#define EE_ATTEST_TCB_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/policy.h"
#include "attest/verify.h"

enum ee_tcb_outcome {
    EE_TCB_ACCEPTED,  /* under every set given */
    EE_TCB_WILL_FAIL, /* accepted under the standard set, refused under the early one */
    EE_TCB_FAILS,     /* refused under the standard set */
    EE_TCB_UNCLEAR,   /* accepted under the standard set; the early one does not verify itself */
};
/* "accepted", "will_fail", "fails", "unclear". */
const char *ee_attest_tcb_outcome_name(enum ee_tcb_outcome outcome);

enum { EE_TCB_SETS_MAX = 2, EE_TCB_EVENTS_MAX = 8 };

struct ee_tcb_report_set {
    const char *name;                 /* "standard", "early" */
    const struct ee_verdict *verdict; /* borrowed */
    struct ee_policy_decision decision;
};

/* Something that ends after the time of verification. */
struct ee_tcb_event {
    int64_t at_s;
    const char *what; /* "the TCB Info ends" */
    const char *cure;
};

struct ee_tcb_report {
    const struct ee_attest_policy *policy; /* borrowed */
    enum ee_tcb_outcome outcome;
    size_t set_count;
    struct ee_tcb_report_set sets[EE_TCB_SETS_MAX];
    /* EE_TCB_WILL_FAIL: not before the early set was issued; when Intel makes it the standard one
     * is not in it. The collateral in use serves until its end. */
    int64_t fails_from_s;
    int64_t fails_until_s;
    size_t event_count; /* of the standard set, earliest first */
    struct ee_tcb_event events[EE_TCB_EVENTS_MAX];
};

/* `early` may be NULL. Both verdicts are of the same quote. */
void ee_attest_tcb_report_make(const struct ee_attest_policy *policy,
                               const struct ee_verdict *standard, const struct ee_verdict *early,
                               struct ee_tcb_report *out);

enum { EE_TCB_REPORT_MAX = 64 * 1024 };
/* Text for people (last line: the outcome) and one JSON object (docs/spec/tcb-status.md); with a
 * NUL that *size_out does not count. EE_TOO_LARGE with the size needed. */
EE_MUST_USE enum ee_err ee_attest_tcb_report_text(const struct ee_tcb_report *report, char *out,
                                                  size_t capacity, size_t *size_out);
EE_MUST_USE enum ee_err ee_attest_tcb_report_json(const struct ee_tcb_report *report, char *out,
                                                  size_t capacity, size_t *size_out);

#endif
