/* SPDX-License-Identifier: Apache-2.0 */
/* Offline verification of a TDX quote: chain, revocation, signed collateral, quoting enclave, quote
 * signature, TDX module, TCB status (docs/spec/verify-quote.md). Pure: time, roots and collateral
 * come in; no allocation, no clock, no I/O, no globals; re-entrant.
 *
 * Not verified here: what the measurements mean (allow-lists), freshness and binding of report
 * data, event logs, and TD attributes such as DEBUG, which are reported as flags for a policy
 * (attest/policy.h). Nor can it see keys extracted by physical attack. */
#ifndef EE_ATTEST_VERIFY_H
#define EE_ATTEST_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/collateral.h"
#include "attest/pck.h"
#include "attest/quote.h"
#include "attest/reason.h"
#include "attest/tcb.h"
#include "base/crypto.h"

/* Feature bits a TD may have; FP and SSE must be there (TDX module ABI, XFAM). */
#define EE_XFAM_ALLOWED UINT64_C(0x0006dbe7)
#define EE_XFAM_REQUIRED UINT64_C(0x3)

/* Public key (x||y) of the production Intel SGX Root CA. */
extern const uint8_t ee_attest_root_production[EE_P256_POINT_SIZE];

struct ee_verify_input {
    struct ee_bytes quote; /* raw; trailing padding is tolerated */
    const struct ee_collateral *collateral;
    const uint8_t (*roots)[EE_P256_POINT_SIZE]; /* accepted root public keys, any of them */
    size_t root_count;
    int64_t time_s; /* seconds since 1970 at which everything must be valid */
};

/* Properties of the TD that a policy decides on. */
#define EE_TD_FLAGS(ROW)                                                                           \
    ROW(DEBUG, "DEBUG", "the host can read and change the TD")                                     \
    ROW(RESERVED, "RESERVED_ATTRIBUTE_BITS", "attribute bits are set that must be zero")           \
    ROW(SEPT_VE_DISABLE_OFF, "SEPT_VE_DISABLE_OFF",                                                \
        "the host can inject exceptions by unmapping pages")                                       \
    ROW(MIGRATABLE, "MIGRATABLE", "a migration TD may move this TD to another platform")           \
    ROW(SERVICE_TD, "SERVICE_TD", "another TD is bound to this one and trusted by it")             \
    ROW(PKS, "PKS", "supervisor protection keys are enabled")                                      \
    ROW(KEY_LOCKER, "KEY_LOCKER", "key locker is enabled")                                         \
    ROW(PERFMON, "PERFMON", "performance monitoring is enabled")                                   \
    ROW(XFAM, "XFAM_UNUSUAL", "extended features lack FP or SSE, or hold forbidden bits")

enum ee_td_flag {
#define EE_ROW(name, text, meaning) EE_TD_FLAG_##name,
    EE_TD_FLAGS(EE_ROW)
#undef EE_ROW
        EE_TD_FLAG_COUNT
};
#define EE_TD_FLAG_BIT(name) (UINT32_C(1) << EE_TD_FLAG_##name)

enum {
    EE_VERDICT_FINDINGS_MAX = 48,
    EE_ADVISORIES_MAX = 64,
    EE_ADVISORY_SIZE = 32, /* with the NUL */
};

/* The caller's; large (about 10 KB) and free of pointers. Values are evidence only when err is
 * EE_OK; after a failure they are what was read, for explanation. */
struct ee_verdict {
    enum ee_err err;       /* EE_OK: every check held. Policy comes after (attest/policy.h) */
    enum ee_reason reason; /* first failure in the order of the checks */
    int64_t time_s;        /* of the verification: the input's */
    struct ee_finding findings[EE_VERDICT_FINDINGS_MAX]; /* all failures, then advice */
    size_t finding_count;

    bool quote_decoded; /* the next fields are set */
    uint16_t quote_version;
    uint16_t body_type;
    size_t quote_size;    /* store and hash only these first bytes of the input */
    size_t trailing_size; /* unsigned padding after them */
    struct ee_td_report td;
    uint32_t flags; /* EE_TD_FLAG_BIT() */
    uint8_t qe_id[16];
    struct ee_sgx_report qe;

    bool platform_decoded; /* the next field is set */
    struct ee_pck platform;
    int64_t pck_not_before_s; /* window of its certificate */
    int64_t pck_not_after_s;

    bool root_matched;
    size_t root_index; /* into the input's roots: which one everything leads to */
    bool root_production;

    enum ee_tcb_status status; /* of everything together */
    enum ee_tcb_status platform_status;
    enum ee_tcb_status module_status; /* UNKNOWN when the platform's level covers the module */
    enum ee_tcb_status qe_status;
    enum ee_tcb_status current_status; /* TD 1.5: with the module running now; else UNKNOWN */
    int64_t tcb_date_s;                /* effective: the oldest of the parts */
    int64_t platform_date_s;
    int64_t module_date_s; /* 0 when not judged */
    int64_t qe_date_s;
    char advisories[EE_ADVISORIES_MAX][EE_ADVISORY_SIZE]; /* union, no duplicates */
    size_t advisory_count;
    size_t advisories_dropped; /* did not fit */

    uint32_t tcb_evaluation;          /* tcbEvaluationDataNumber of the TCB Info */
    uint32_t qe_evaluation;           /* and of the QE identity; they need not be equal */
    int64_t collateral_issued_s;      /* newest issue date of its parts */
    int64_t collateral_expires_s;     /* first expiry of its parts */
    uint8_t tcb_fmspc[EE_FMSPC_SIZE]; /* of the TCB Info */
    /* Windows of the parts; 0: not proven. */
    int64_t tcb_issued_s, tcb_expires_s;
    int64_t qe_issued_s, qe_expires_s;
    int64_t root_crl_issued_s, root_crl_expires_s;
    int64_t pck_crl_issued_s, pck_crl_expires_s;
    uint64_t root_crl_number;
    uint64_t pck_crl_number;
};

/* Judges one quote; fills all of `out`, also on failure. Returns out->err. */
EE_MUST_USE enum ee_err ee_attest_verify(const struct ee_crypto *crypto,
                                         const struct ee_verify_input *input,
                                         struct ee_verdict *out);

/* Adds an outcome, also of a check of the caller's own; the first failure becomes the verdict's.
 * One that is there already is not repeated. */
void ee_attest_verdict_add(struct ee_verdict *verdict, enum ee_reason reason, const char *label,
                           uint32_t have, uint32_t need);

void ee_attest_verdict_add_finding(struct ee_verdict *verdict, const struct ee_finding *finding);

/* "DEBUG", ... and what it means. */
const char *ee_attest_td_flag_name(enum ee_td_flag flag);
const char *ee_attest_td_flag_meaning(enum ee_td_flag flag);
/* Flags of a TD report, as EE_TD_FLAG_BIT()s. */
uint32_t ee_attest_td_flags(const struct ee_td_report *td, uint16_t body_type);

#endif
