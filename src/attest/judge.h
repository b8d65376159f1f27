/* SPDX-License-Identifier: Apache-2.0 */
/* TCB status of a platform, its TDX module and its quoting enclave, with what is short. */
#ifndef EE_ATTEST_JUDGE_H
#define EE_ATTEST_JUDGE_H

#include "attest/trust.h"
#include "attest/verify.h"

/* Needs trust->tcb_info_ok and verdict->platform_decoded. Sets statuses, dates and advisories; adds
 * the terminal statuses as failures. */
void ee_attest_judge_tcb(const struct ee_trust *trust, struct ee_verdict *verdict);

/* Adds advice: what is short of UpToDate and how to cure it. After all failures. */
void ee_attest_judge_advise(const struct ee_trust *trust, struct ee_verdict *verdict);

#endif
