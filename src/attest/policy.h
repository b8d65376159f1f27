/* SPDX-License-Identifier: Apache-2.0 */
/* A policy decides on what verification reported. It is data: the same rules as a file (JSON, for
 * `ee verify quote --policy FILE`), as bytes (in a command the founding key signs) and in the state
 * of the core. docs/spec/policy.md.
 *
 * Nothing a policy says can undo a failed verification, or accept the statuses Revoked and
 * NOT_SUPPORTED. Not decided here: freshness and binding of report data (attest/evidence.h). */
#ifndef EE_ATTEST_POLICY_H
#define EE_ATTEST_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/verify.h"
#include "base/bytes.h"

/* ROW(NAME, "id", reason of a refusal, what it demands, cure). In the order in which the rules are
 * asked; the first that refuses decides. */
#define EE_POLICY_RULES(ROW)                                                                       \
    ROW(NONE, "none", NONE, "nothing was asked", "")                                               \
    ROW(DEBUG, "debug", POLICY_DEBUG, "the TD is not a debug or profiled TD",                      \
        "start the TD without the debug and profiling attributes")                                 \
    ROW(ATTRIBUTES_REQUIRED, "attributes_required", POLICY_ATTRIBUTES_REQUIRED,                    \
        "the TD has these attribute bits",                                                         \
        "start the TD with these attributes, or change attributes_required")                       \
    ROW(ATTRIBUTES_FORBIDDEN, "attributes_forbidden", POLICY_ATTRIBUTES_FORBIDDEN,                 \
        "the TD has none of these attribute bits",                                                 \
        "start the TD without these attributes, or change attributes_forbidden")                   \
    ROW(SEPT_VE_DISABLE, "sept_ve_disable", POLICY_SEPT_VE_DISABLE,                                \
        "the host cannot inject exceptions by unmapping pages",                                    \
        "start the TD with SEPT_VE_DISABLE")                                                       \
    ROW(MIGRATABLE, "migratable", POLICY_MIGRATABLE, "the TD cannot be migrated",                  \
        "start the TD without the MIGRATABLE attribute")                                           \
    ROW(SERVICE_TD, "service_td", POLICY_SERVICE_TD, "no service TD is bound but a listed one",    \
        "start the TD without a service TD, or add the one it trusts to service_tds")              \
    ROW(XFAM_REQUIRED, "xfam_required", POLICY_XFAM_REQUIRED, "these CPU features are enabled",    \
        "start the TD with these features, or change xfam_required")                               \
    ROW(XFAM_FORBIDDEN, "xfam_forbidden", POLICY_XFAM_FORBIDDEN,                                   \
        "none of these CPU features is enabled",                                                   \
        "start the TD without these features, or change xfam_forbidden")                           \
    ROW(STATUS, "status", POLICY_STATUS, "the TCB status is an accepted one",                      \
        "update what is short (see the advice), or give the status a grace")                       \
    ROW(GRACE, "grace", POLICY_GRACE, "the TCB date is within the grace of this status",           \
        "update what is short (see the advice), or lengthen the grace")                            \
    ROW(TCB_DATE, "min_tcb_date", POLICY_TCB_DATE, "the TCB date is not before this date",         \
        "update BIOS, microcode and TDX module")                                                   \
    ROW(TCB_EVALUATION, "min_tcb_evaluation", POLICY_EVALUATION,                                   \
        "the TCB Info has at least this evaluation number", "fetch newer collateral")              \
    ROW(QE_EVALUATION, "min_qe_evaluation", POLICY_QE_EVALUATION,                                  \
        "the QE identity has at least this evaluation number", "fetch newer collateral")           \
    ROW(COLLATERAL_AGE, "max_collateral_age", POLICY_COLLATERAL_AGE,                               \
        "the collateral was issued within this time", "fetch newer collateral")                    \
    ROW(MODULE_VERSION, "module_version", POLICY_MODULE_VERSION,                                   \
        "the TDX module has at least this version", "update the TDX module")                       \
    ROW(MODULE_SVN, "module_svn", POLICY_MODULE_SVN, "the TDX module has at least this SVN",       \
        "update the TDX module and launch the TD again")                                           \
    ROW(MRSEAM, "mrseam", POLICY_MRSEAM, "the TDX module is a listed build",                       \
        "load a listed TDX module, or add this one to mrseam")                                     \
    ROW(ADVISORY, "advisory", POLICY_ADVISORY, "no denied advisory applies",                       \
        "install the update that cures the advisory")                                              \
    ROW(FMSPC_DENIED, "fmspc_denied", POLICY_FMSPC_DENIED, "the platform family is not denied",    \
        "use a machine of another family")                                                         \
    ROW(FMSPC_ALLOWED, "fmspc_allowed", POLICY_FMSPC, "the platform family is a listed one",       \
        "add the family to fmspc.allow, or use a machine of a listed one")                         \
    ROW(PLATFORM_DENIED, "platform_denied", POLICY_PLATFORM_DENIED, "the platform is not denied",  \
        "use another machine")                                                                     \
    ROW(PLATFORM_ALLOWED, "platform_allowed", POLICY_PLATFORM, "the platform is a listed one",     \
        "add its PPID or instance id to platforms.allow, or use a listed machine")                 \
    ROW(MEASUREMENT, "measurement", POLICY_MEASUREMENT,                                            \
        "the measurements of the TD are those of one listed set",                                  \
        "run a listed image, or add a set for this one to measurements")

enum ee_policy_rule {
#define EE_ROW(name, id, reason, demand, cure) EE_RULE_##name,
    EE_POLICY_RULES(EE_ROW)
#undef EE_ROW
        EE_RULE_COUNT
};

/* Stable identifier such as "status"; what the rule demands; what to do about a refusal ("" for
 * NONE). "unknown" outside the table. */
const char *ee_attest_rule_name(enum ee_policy_rule rule);
const char *ee_attest_rule_demand(enum ee_policy_rule rule);
const char *ee_attest_rule_cure(enum ee_policy_rule rule);

/* Registers a measurement set may name. */
enum ee_policy_register {
    EE_REGISTER_MRTD,
    EE_REGISTER_RTMR0,
    EE_REGISTER_RTMR1,
    EE_REGISTER_RTMR2,
    EE_REGISTER_RTMR3,
    EE_REGISTER_MRCONFIGID,
    EE_REGISTER_MROWNER,
    EE_REGISTER_MROWNERCONFIG,
    EE_REGISTER_COUNT,
};
const char *ee_attest_register_name(enum ee_policy_register which); /* "mrtd", "rtmr0", ... */
const uint8_t *ee_attest_register_of(const struct ee_td_report *td, enum ee_policy_register which);

enum {
    EE_POLICY_NAME_MAX = 64, /* without the NUL */
    EE_POLICY_MODULES_MAX = 16,
    EE_POLICY_MRSEAMS_MAX = 16,
    EE_POLICY_SERVICE_TDS_MAX = 8,
    EE_POLICY_FMSPCS_MAX = 32,
    EE_POLICY_PLATFORMS_MAX = 128,
    EE_POLICY_ADVISORIES_MAX = 32,
    EE_POLICY_SETS_MAX = 16,
    EE_POLICY_VALUES_MAX = 96, /* register values, over all sets */
    EE_POLICY_DAYS_MAX = 3650,
    EE_POLICY_TEXT_MAX = 64 * 1024,
    EE_POLICY_BYTES_MAX = 16 * 1024,
};

struct ee_policy_fmspc_list {
    uint32_t count;
    uint8_t id[EE_POLICY_FMSPCS_MAX][EE_FMSPC_SIZE];
};
struct ee_policy_platform_list { /* PPIDs and platform instance ids */
    uint32_t count;
    uint8_t id[EE_POLICY_PLATFORMS_MAX][EE_PPID_SIZE];
};

/* Plain data without pointers, about 12 KB; copy it by value. An empty list allows any and denies
 * none. Lists have no duplicates. */
struct ee_attest_policy {
    char name[EE_POLICY_NAME_MAX + 1]; /* for people */
    /* TDATTRIBUTES bits 0 to 7. Only a file may say so, and only with measurement sets; there is no
     * place for it in the bytes a network's policy has. */
    bool allow_debug;
    bool allow_sept_ve; /* SEPT_VE_DISABLE may be 0 */
    bool allow_migratable;
    bool allow_service_tds; /* any; else the listed ones */
    uint64_t attributes_required;
    uint64_t attributes_forbidden; /* besides bits 0-7, SEPT_VE_DISABLE, MIGRATABLE: own rules */
    uint64_t xfam_required;
    uint64_t xfam_forbidden;
    uint32_t statuses;                        /* accepted: bit (1 << enum ee_tcb_status) */
    uint16_t grace_days[EE_TCB_STATUS_COUNT]; /* after the effective TCB date; 0: none */
    int64_t min_tcb_date_s;                   /* 0: any */
    uint32_t min_tcb_evaluation;              /* of the TCB Info; 0: any */
    uint32_t min_qe_evaluation;               /* of the QE identity */
    uint32_t max_collateral_age_days;         /* of TCB Info, QE identity and PCK CRL; 0: any */
    uint8_t min_module_version;               /* TEE_TCB_SVN[1] */
    uint32_t module_count;
    struct {
        uint8_t version;
        uint8_t min_svn; /* TEE_TCB_SVN[0] */
    } modules[EE_POLICY_MODULES_MAX];
    uint32_t mrseam_count;
    uint8_t mrseams[EE_POLICY_MRSEAMS_MAX][EE_MEASUREMENT_SIZE];
    uint32_t service_td_count;
    uint8_t service_tds[EE_POLICY_SERVICE_TDS_MAX][EE_MEASUREMENT_SIZE];
    uint32_t advisory_count; /* denied ids */
    char advisories[EE_POLICY_ADVISORIES_MAX][EE_ADVISORY_SIZE];
    struct ee_policy_fmspc_list fmspc_allowed, fmspc_denied;
    struct ee_policy_platform_list platform_allowed, platform_denied;
    /* A TD fits a set when each register the set has values for holds one of them. Every set has
     * values for MRTD, and for RTMR0 to RTMR2 where it has some for RTMR3. */
    uint32_t set_count;
    char set_labels[EE_POLICY_SETS_MAX][EE_POLICY_NAME_MAX + 1];
    uint32_t value_count; /* in order of set, register */
    struct {
        uint8_t set;
        uint8_t which; /* enum ee_policy_register */
        uint8_t value[EE_MEASUREMENT_SIZE];
    } values[EE_POLICY_VALUES_MAX];
};

extern const struct ee_attest_policy ee_attest_policy_none;    /* whatever verified, DEBUG too */
extern const struct ee_attest_policy ee_attest_policy_strict;  /* UpToDate, not DEBUG */
extern const struct ee_attest_policy ee_attest_policy_network; /* strict, and nothing that lets a
                                                                  host or another TD in: what a file
                                                                  or a network starts from */
/* The three by name; NULL for another. */
const struct ee_attest_policy *ee_attest_policy_builtin(const char *name);

struct ee_policy_refusal {
    enum ee_policy_rule rule;
    struct ee_finding finding; /* the sentence: ee_attest_finding_text() */
};

enum { EE_POLICY_REFUSALS_MAX = 32 };
struct ee_policy_decision {
    enum ee_err err; /* EE_OK: accepted; the verdict's own failure; or of the rule that refused */
    /* Which rule decided: the first that refuses; when accepted STATUS, or GRACE; NONE when
     * verification failed before any rule was asked. */
    enum ee_policy_rule rule;
    struct ee_finding finding; /* why: of the refusal or the failure; zero when accepted */
    int64_t grace_ends_s;      /* accepted by GRACE: until when; else 0 */
    uint32_t set;              /* accepted with measurement sets: index of the one that fits */
    size_t refusal_count;      /* every rule that refuses, in order */
    struct ee_policy_refusal refusals[EE_POLICY_REFUSALS_MAX];
};

/* Asks every rule. Fills `out`, returns out->err. After a failed verification no rule is asked. */
EE_MUST_USE enum ee_err ee_attest_policy_decide(const struct ee_attest_policy *policy,
                                                const struct ee_verdict *verdict,
                                                struct ee_policy_decision *out);
/* Only the rules another TCB set can change the answer of: status, grace, date, evaluation numbers,
 * module, advisories. For a verdict of which only what these need is set. */
EE_MUST_USE enum ee_err ee_attest_policy_decide_tcb(const struct ee_attest_policy *policy,
                                                    const struct ee_verdict *verdict,
                                                    struct ee_policy_decision *out);
/* The decision alone: EE_OK, the verdict's own failure, or of the rule that refuses, with why. */
EE_MUST_USE enum ee_err ee_attest_policy_check(const struct ee_attest_policy *policy,
                                               const struct ee_verdict *verdict,
                                               struct ee_finding *finding_out);
/* "rule status: the policy does not accept the TCB status OutOfDate; update ..." of a refusal. */
enum { EE_POLICY_SENTENCE_SIZE = 640 };
char *ee_attest_policy_refusal_text(enum ee_policy_rule rule, const struct ee_finding *finding,
                                    char out[EE_POLICY_SENTENCE_SIZE]);
/* One sentence about a decision of either kind, with the rule's id. Returns out, as above. */
char *ee_attest_policy_sentence(const struct ee_attest_policy *policy,
                                const struct ee_policy_decision *decision,
                                const struct ee_verdict *verdict,
                                char out[EE_POLICY_SENTENCE_SIZE]);

/* ---- as a file (policy_file.c, policy_print.c) ---- */

/* Reads {"format":"ee-policy-1", ...}. What the file leaves out is as in ee_attest_policy_network.
 * Unknown members, a member twice, a list beyond its limit and what the structure above forbids are
 * refused: `*out` is unchanged and `problem` (may be NULL) says where and why. EE_SYNTAX, EE_RANGE,
 * EE_TOO_LARGE, EE_UNSUPPORTED (another format), EE_DUPLICATE_FIELD, EE_DEBUG_TD (debug without
 * measurement sets). */
EE_MUST_USE enum ee_err ee_attest_policy_parse(struct ee_bytes json, struct ee_attest_policy *out,
                                               char problem[EE_FINDING_TEXT_SIZE]);
/* The file form of a policy, with every member, a final newline and a NUL; parses to an equal
 * policy. *size_out is without the NUL. EE_TOO_LARGE: the buffer (EE_POLICY_TEXT_MAX suffices). */
EE_MUST_USE enum ee_err ee_attest_policy_print(const struct ee_attest_policy *policy, char *out,
                                               size_t capacity, size_t *size_out);

/* ---- as bytes (policy_codec.c); label "ee-policy" version 1 ---- */

/* What a network may have: everything but allow_debug, whose policy is refused with EE_DEBUG_TD.
 * EE_RANGE: not a valid policy; EE_TOO_LARGE (EE_POLICY_BYTES_MAX suffices). */
EE_MUST_USE enum ee_err ee_attest_policy_encode(const struct ee_attest_policy *policy,
                                                struct ee_writer *out);
/* Strict: exactly what the encoder writes. EE_SYNTAX, EE_UNSUPPORTED, EE_TRUNCATED, EE_TRAILING,
 * EE_RANGE, EE_DUPLICATE_FIELD. */
EE_MUST_USE enum ee_err ee_attest_policy_decode(struct ee_bytes bytes,
                                                struct ee_attest_policy *out);
/* The rules of the structure: counts, duplicates, sets, statuses, debug only with sets. */
EE_MUST_USE enum ee_err ee_attest_policy_valid(const struct ee_attest_policy *policy);

#endif
