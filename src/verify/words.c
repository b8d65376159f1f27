/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of the public enumerators, and the proof that their numbers are those inside. */
#include "verify/state.h"

#include <assert.h>

#include "verify/backend.h"
#include "base/banned.h"

#define SAME_ERROR(outside, inside)                                                                \
    static_assert((int)EE_VERIFY_ERROR_##outside == (int)EE_##inside, "numbers are for ever")
#define SAME_STATUS(name)                                                                          \
    static_assert((int)EE_VERIFY_STATUS_##name == (int)EE_TCB_##name, "numbers are for ever")
#define SAME_FLAG(name)                                                                            \
    static_assert(EE_VERIFY_FLAG_##name == EE_TD_FLAG_BIT(name), "numbers are for ever")

SAME_ERROR(TRUNCATED, TRUNCATED);
SAME_ERROR(TRAILING, TRAILING);
SAME_ERROR(TOO_LARGE, TOO_LARGE);
SAME_ERROR(RANGE, RANGE);
SAME_ERROR(OVERFLOW, OVERFLOW);
SAME_ERROR(SYNTAX, SYNTAX);
SAME_ERROR(UNSUPPORTED, UNSUPPORTED);
SAME_ERROR(DUPLICATE_FIELD, DUPLICATE_FIELD);
SAME_ERROR(MISSING_FIELD, MISSING_FIELD);
SAME_ERROR(NOT_FOUND, NOT_FOUND);
SAME_ERROR(STATE, STATE);
SAME_ERROR(CRYPTO, CRYPTO);
SAME_ERROR(SIGNATURE, SIGNATURE);
SAME_ERROR(UNTRUSTED, UNTRUSTED);
SAME_ERROR(EXPIRED, EXPIRED);
SAME_ERROR(REVOKED, REVOKED);
SAME_ERROR(TCB_REFUSED, TCB_REFUSED);
SAME_ERROR(MEASUREMENT, MEASUREMENT);
SAME_ERROR(NOT_FRESH, NOT_FRESH);
SAME_ERROR(NOT_BOUND, NOT_BOUND);
SAME_ERROR(WRONG_NETWORK, WRONG_NETWORK);
SAME_ERROR(WRONG_ROLE, WRONG_ROLE);
SAME_ERROR(WRONG_IDENTITY, WRONG_IDENTITY);
SAME_ERROR(DEBUG_TD, DEBUG_TD);
SAME_ERROR(SIMULATED, SIMULATED_REFUSED);
SAME_ERROR(QUOTE, QUOTE);
SAME_ERROR(PROOF, PROOF);
SAME_ERROR(COLLATERAL, COLLATERAL);
SAME_ERROR(EVENT_LOG, EVENT_LOG);

SAME_STATUS(UNKNOWN);
SAME_STATUS(UP_TO_DATE);
SAME_STATUS(SW_HARDENING_NEEDED);
SAME_STATUS(CONFIGURATION_NEEDED);
SAME_STATUS(CONFIGURATION_AND_SW_HARDENING_NEEDED);
SAME_STATUS(OUT_OF_DATE);
SAME_STATUS(OUT_OF_DATE_CONFIGURATION_NEEDED);
SAME_STATUS(REVOKED);
SAME_STATUS(NOT_SUPPORTED);
SAME_STATUS(TD_RELAUNCH_ADVISED);
SAME_STATUS(TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED);

SAME_FLAG(DEBUG);
SAME_FLAG(RESERVED);
SAME_FLAG(SEPT_VE_DISABLE_OFF);
SAME_FLAG(MIGRATABLE);
SAME_FLAG(SERVICE_TD);
SAME_FLAG(PKS);
SAME_FLAG(KEY_LOCKER);
SAME_FLAG(PERFMON);
SAME_FLAG(XFAM);

static_assert((int)EE_VERIFY_ROLE_CONTROL == (int)EE_ROLE_CONTROL, "numbers are for ever");
static_assert((int)EE_VERIFY_ROLE_AGENT == (int)EE_ROLE_AGENT, "numbers are for ever");
static_assert((int)EE_VERIFY_ROLE_WITNESS == (int)EE_ROLE_WITNESS, "numbers are for ever");
static_assert((int)EE_VERIFY_PROOF_VALID == (int)EE_EVIDENCE_VALID, "numbers are for ever");
static_assert((int)EE_VERIFY_PROOF_KEY_BOUND == (int)EE_EVIDENCE_KEY_BOUND, "numbers are for ever");
static_assert((int)EE_VERIFY_PROOF_CHANNEL_BOUND == (int)EE_EVIDENCE_CHANNEL_BOUND,
              "numbers are for ever");
static_assert((int)EE_VERIFY_NONCE_CALLER == (int)EE_NONCE_CALLER, "numbers are for ever");
static_assert((int)EE_VERIFY_NONCE_CHANNEL == (int)EE_NONCE_CHANNEL, "numbers are for ever");

static_assert((int)EE_VERIFY_QUOTE_MAX == (int)EE_QUOTE_MAX, "the header states our limits");
static_assert((int)EE_VERIFY_COLLATERAL_MAX == (int)EE_COLLATERAL_MAX, "as above");
static_assert((int)EE_VERIFY_EVIDENCE_MAX == (int)EE_EVIDENCE_TEXT_MAX, "as above");
static_assert((int)EE_VERIFY_FINDING_TEXT_SIZE == (int)EE_FINDING_TEXT_SIZE, "as above");
static_assert((int)EE_VERIFY_DECISION_TEXT_SIZE == (int)EE_POLICY_SENTENCE_SIZE, "as above");

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

const char *ee_verify_error_name(int error)
{
    return ee_err_name((enum ee_err)error);
}

const char *ee_verify_error_text(int error)
{
    return ee_err_text((enum ee_err)error);
}

uint32_t ee_verify_version(void)
{
    return EE_VERIFY_VERSION;
}

const char *ee_verify_version_text(void)
{
    return TEXT(EE_VERIFY_VERSION_MAJOR) "." TEXT(EE_VERIFY_VERSION_MINOR) "." TEXT(
        EE_VERIFY_VERSION_PATCH);
}

const char *ee_verify_crypto_name(void)
{
    return ee_verify_backend()->name;
}

const char *ee_verify_status_name(int status)
{
    return status > 0 && status < EE_TCB_STATUS_COUNT
               ? ee_attest_tcb_status_name((enum ee_tcb_status)status)
               : ee_attest_tcb_status_name(EE_TCB_UNKNOWN);
}

static enum ee_td_flag flag_of(uint32_t flag)
{
    for (enum ee_td_flag i = 0; i < EE_TD_FLAG_COUNT; i++)
        if (flag == UINT32_C(1) << i)
            return i;
    return EE_TD_FLAG_COUNT;
}

const char *ee_verify_flag_name(uint32_t flag)
{
    return ee_attest_td_flag_name(flag_of(flag));
}

const char *ee_verify_flag_meaning(uint32_t flag)
{
    return ee_attest_td_flag_meaning(flag_of(flag));
}
