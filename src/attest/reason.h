/* SPDX-License-Identifier: Apache-2.0 */
/* Why evidence is refused, or what is short in it: one row per outcome, finer than enum ee_err.
 * Functions of this folder that judge evidence return a reason; ee_attest_reason_err() gives the
 * project-wide error. Text may hold %h (what it is), %n (what it needs), %i (index) and %l (label),
 * filled from a finding. */
#ifndef EE_ATTEST_REASON_H
#define EE_ATTEST_REASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ROW(NAME, "id", ERR, text). ERR is EE_OK for advice: it is reported and refuses nothing. */
#define EE_REASONS(ROW)                                                                            \
    ROW(NONE, "none", OK, "every check held")                                                      \
    /* the quote's form */                                                                         \
    ROW(QUOTE_EMPTY, "quote_empty", QUOTE,                                                         \
        "the quote is empty: on a TDX host this means the quote generation service is missing, "   \
        "too old or misconfigured")                                                                \
    ROW(QUOTE_TRUNCATED, "quote_truncated", QUOTE,                                                 \
        "the quote ends before its declared sizes do: fetch it again, whole")                      \
    ROW(QUOTE_TOO_LARGE, "quote_too_large", QUOTE, "the quote is larger than the limit of 64 KiB") \
    ROW(QUOTE_HCL, "quote_hcl", QUOTE,                                                             \
        "this is an Azure paravisor (HCL) report, not a quote: only its platform can check it. "   \
        "Post its TDREPORT to the metadata service (/acc/tdquote) and verify that quote with "     \
        "--azure")                                                                                 \
    ROW(AZURE_REPORT, "azure_report", QUOTE,                                                       \
        "the Azure paravisor (HCL) report is malformed, or not of a TD")                           \
    ROW(AZURE_BINDING, "azure_binding", SIGNATURE,                                                 \
        "the quote's report data is not the hash of the claims in the Azure report: the report "   \
        "belongs to another boot or another machine")                                              \
    ROW(QUOTE_TDREPORT, "quote_tdreport", QUOTE,                                                   \
        "this is a TDREPORT, which only its own platform can check, not a quote: hand it to the "  \
        "quote generation service")                                                                \
    ROW(QUOTE_VERSION, "quote_version", QUOTE,                                                     \
        "quote version %h: only versions 4 and 5 carry TDX evidence")                              \
    ROW(QUOTE_KEY_TYPE, "quote_key_type", QUOTE,                                                   \
        "attestation key type %h: only 2 (ECDSA P-256) is supported")                              \
    ROW(QUOTE_TEE_TYPE, "quote_tee_type", QUOTE,                                                   \
        "TEE type %h is not TDX (129): this is not evidence of a TD")                              \
    ROW(QUOTE_VENDOR, "quote_vendor", QUOTE, "the quoting enclave's vendor id is not Intel's")     \
    ROW(QUOTE_BODY_TYPE, "quote_body_type", QUOTE,                                                 \
        "body type %h does not go with a TDX quote: 2, 3 and 4 do")                                \
    ROW(QUOTE_BODY_SIZE, "quote_body_size", QUOTE,                                                 \
        "the declared body size is %h, its type has %n bytes")                                     \
    ROW(QUOTE_SIZES, "quote_sizes", QUOTE,                                                         \
        "the nested sizes of the authentication data do not add up")                               \
    ROW(QUOTE_CERT_TYPE, "quote_cert_type", QUOTE,                                                 \
        "outer certification data type %h: versions 4 and 5 need 6 (QE report)")                   \
    ROW(QUOTE_INNER_TYPE, "quote_inner_type", QUOTE,                                               \
        "inner certification data type %h is unknown or not allowed here")                         \
    ROW(QUOTE_CERT_SIZE, "quote_cert_size", QUOTE,                                                 \
        "certification data type %i has %h bytes, it needs %n")                                    \
    ROW(QUOTE_NO_PCK, "quote_no_pck", QUOTE,                                                       \
        "certification data type %h carries no PCK certificate: ask the host for a quote with "    \
        "type 5, or add pck_certificate_chain to the collateral")                                  \
    /* collateral as a file */                                                                     \
    ROW(COLLATERAL_SYNTAX, "collateral_syntax", COLLATERAL,                                        \
        "the collateral file is not the expected JSON object")                                     \
    ROW(COLLATERAL_TOO_LARGE, "collateral_too_large", COLLATERAL,                                  \
        "the collateral is larger than its limit")                                                 \
    ROW(COLLATERAL_ENCODING, "collateral_encoding", COLLATERAL,                                    \
        "a member of the collateral is not in its encoding (PEM chains, hex CRLs and signatures)") \
    ROW(JSON_SYNTAX, "json_syntax", COLLATERAL, "the JSON text is malformed")                      \
    ROW(JSON_DEPTH, "json_depth", COLLATERAL, "the JSON text is nested too deeply")                \
    ROW(JSON_DUPLICATE_KEY, "json_duplicate_key", COLLATERAL, "a JSON object has a key twice")     \
    ROW(JSON_TOO_LARGE, "json_too_large", COLLATERAL, "the JSON text is larger than its limit")    \
    ROW(JSON_TYPE, "json_type", COLLATERAL, "a JSON value is not of the expected kind")            \
    ROW(JSON_RANGE, "json_range", COLLATERAL, "a JSON number is outside its range")                \
    /* certificates */                                                                             \
    ROW(PEM_SYNTAX, "pem_syntax", UNTRUSTED, "a certificate chain is not clean PEM")               \
    ROW(DER_SYNTAX, "der_syntax", UNTRUSTED, "a certificate or CRL is not strict DER")             \
    ROW(CERT_ALGORITHM, "cert_algorithm", UNTRUSTED,                                               \
        "a certificate or CRL is not ECDSA P-256 with SHA-256")                                    \
    ROW(CERT_VERSION, "cert_version", UNTRUSTED, "a certificate is not X.509 version 3")           \
    ROW(CERT_CRITICAL, "cert_critical", UNTRUSTED,                                                 \
        "a certificate or CRL has a critical extension that is not understood")                    \
    ROW(CERT_DUPLICATE_EXTENSION, "cert_duplicate_extension", UNTRUSTED,                           \
        "a certificate or CRL has an extension twice")                                             \
    ROW(CERT_ROLE, "cert_role", UNTRUSTED,                                                         \
        "the certificate is not fit for its role as %l (name, CA flag, path length or key usage)") \
    ROW(CHAIN_LENGTH, "chain_length", UNTRUSTED,                                                   \
        "the %l chain has a wrong number of certificates")                                         \
    ROW(CHAIN_ISSUER, "chain_issuer", UNTRUSTED,                                                   \
        "the issuer name of the %l is not its signer's subject")                                   \
    ROW(CHAIN_SIGNATURE, "chain_signature", UNTRUSTED, "the %l is not signed by its issuer")       \
    ROW(CERT_EXPIRED, "cert_expired", EXPIRED, "the %l certificate has expired")                   \
    ROW(CERT_NOT_YET_VALID, "cert_not_yet_valid", EXPIRED,                                         \
        "the %l certificate is not valid yet: check the clock")                                    \
    ROW(ROOT_UNTRUSTED, "root_untrusted", UNTRUSTED,                                               \
        "the %l chain ends in a root that is not accepted (a pre-production CPU, a simulated "     \
        "quote, or the wrong --root)")                                                             \
    ROW(PCK_EXTENSION, "pck_extension", UNTRUSTED,                                                 \
        "the PCK certificate's SGX extension is missing or malformed")                             \
    /* revocation */                                                                               \
    ROW(CRL_MISSING, "crl_missing", COLLATERAL,                                                    \
        "the %l is missing, so revocation cannot be checked: fetch it")                            \
    ROW(CRL_ISSUER, "crl_issuer", COLLATERAL,                                                      \
        "the %l is not issued by the CA it is needed for: fetch the one of that CA")               \
    ROW(CRL_SIGNATURE, "crl_signature", COLLATERAL, "the signature of the %l does not verify")     \
    ROW(CRL_EXPIRED, "crl_expired", EXPIRED, "the %l is past its nextUpdate: fetch a newer one")   \
    ROW(CRL_FUTURE, "crl_future", EXPIRED, "the %l is from the future: check the clock")           \
    ROW(CERT_REVOKED, "cert_revoked", REVOKED, "the %l certificate is revoked")                    \
    /* signed collateral */                                                                        \
    ROW(COLLATERAL_MISSING, "collateral_missing", COLLATERAL,                                      \
        "the collateral has no %l: fetch it")                                                      \
    ROW(COLLATERAL_SIGNATURE, "collateral_signature", COLLATERAL,                                  \
        "the signature of the %l does not cover these exact bytes")                                \
    ROW(COLLATERAL_EXPIRED, "collateral_expired", EXPIRED,                                         \
        "the %l is past its nextUpdate: fetch new collateral")                                     \
    ROW(COLLATERAL_FUTURE, "collateral_future", EXPIRED,                                           \
        "the %l was issued after the time of verification: check the clock")                       \
    ROW(COLLATERAL_FIELD, "collateral_field", COLLATERAL,                                          \
        "the %l lacks a member, or one has a wrong length or form")                                \
    ROW(COLLATERAL_STATUS, "collateral_status", COLLATERAL, "the %l has an unknown TCB status")    \
    ROW(COLLATERAL_LEVELS, "collateral_levels", COLLATERAL,                                        \
        "the %l has no TCB levels, too many, or one twice")                                        \
    ROW(COLLATERAL_ID, "collateral_id", COLLATERAL, "the %l is not the one for TDX: fetch that")   \
    ROW(COLLATERAL_VERSION, "collateral_version", COLLATERAL, "the %l has an unknown version")     \
    ROW(TCB_TYPE, "tcb_type", COLLATERAL, "the TCB Info has an unknown tcbType")                   \
    ROW(FMSPC_MISMATCH, "fmspc_mismatch", COLLATERAL,                                              \
        "the TCB Info is of another platform family (FMSPC) than the PCK certificate: fetch the "  \
        "one for this FMSPC")                                                                      \
    ROW(COLLATERAL_OLDER, "collateral_older", COLLATERAL,                                          \
        "the %l is older than one seen before (%h after %n): somebody replays it, or holds old "   \
        "collateral")                                                                              \
    ROW(PCEID_MISMATCH, "pceid_mismatch", COLLATERAL,                                              \
        "the TCB Info is of another PCE than the PCK certificate")                                 \
    /* the quoting enclave and the quote's signatures */                                           \
    ROW(QE_REPORT_SIGNATURE, "qe_report_signature", SIGNATURE,                                     \
        "the QE report is not signed by the PCK key")                                              \
    ROW(QE_BINDING, "qe_binding", SIGNATURE,                                                       \
        "the QE report does not bind the attestation key: all 64 bytes of its report data count")  \
    ROW(QE_MISCSELECT, "qe_miscselect", QUOTE, "the quoting enclave's MISCSELECT is not Intel's")  \
    ROW(QE_ATTRIBUTES, "qe_attributes", QUOTE, "the quoting enclave's attributes are not Intel's") \
    ROW(QE_DEBUG, "qe_debug", QUOTE, "the quoting enclave runs in debug mode")                     \
    ROW(QE_MRSIGNER, "qe_mrsigner", QUOTE, "the quoting enclave is not signed by Intel")           \
    ROW(QE_PRODUCT, "qe_product", QUOTE,                                                           \
        "the quoting enclave's product id is %h, the TD QE has %n")                                \
    ROW(QUOTE_SIGNATURE, "quote_signature", SIGNATURE,                                             \
        "the quote's signature does not cover its header and body")                                \
    /* the TDX module */                                                                           \
    ROW(MODULE_UNKNOWN, "module_unknown", TCB_REFUSED,                                             \
        "the TCB Info has no identity for TDX module version %h: fetch newer collateral or load "  \
        "a listed module")                                                                         \
    ROW(MODULE_SIGNER, "module_signer", UNTRUSTED,                                                 \
        "the TDX module's signer (MRSIGNERSEAM) is not the listed one")                            \
    ROW(MODULE_ATTRIBUTES, "module_attributes", UNTRUSTED,                                         \
        "the TDX module is not a production module (SEAMATTRIBUTES)")                              \
    /* TCB */                                                                                      \
    ROW(TCB_NOT_SUPPORTED, "tcb_not_supported", TCB_REFUSED,                                       \
        "the platform is below every TCB level of the TCB Info")                                   \
    ROW(MODULE_NOT_SUPPORTED, "module_not_supported", TCB_REFUSED,                                 \
        "the TDX module's SVN is below every listed level")                                        \
    ROW(QE_NOT_SUPPORTED, "qe_not_supported", TCB_REFUSED,                                         \
        "the quoting enclave's SVN is below every listed level")                                   \
    ROW(TCB_REVOKED, "tcb_revoked", REVOKED, "the TCB level of the platform is revoked")           \
    ROW(MODULE_REVOKED, "module_revoked", REVOKED, "the TCB level of the TDX module is revoked")   \
    ROW(QE_REVOKED, "qe_revoked", REVOKED, "the TCB level of the quoting enclave is revoked")      \
    /* event logs */                                                                               \
    ROW(EVENTLOG_UNKNOWN, "eventlog_unknown", EVENT_LOG,                                           \
        "this is no event log of a known form (TCG2 from CCEL, dstack JSON, or an agent's)")       \
    ROW(EVENTLOG_TRUNCATED, "eventlog_truncated", EVENT_LOG,                                       \
        "the %l event log ends inside event %i: fetch it again, whole")                            \
    ROW(EVENTLOG_TOO_LARGE, "eventlog_too_large", EVENT_LOG,                                       \
        "the %l event log is larger than its limit of %n KiB")                                     \
    ROW(EVENTLOG_TOO_MANY, "eventlog_too_many", EVENT_LOG,                                         \
        "the %l event log has more than %n events")                                                \
    ROW(EVENTLOG_SYNTAX, "eventlog_syntax", EVENT_LOG,                                             \
        "event %i of the %l event log is malformed")                                               \
    ROW(EVENTLOG_HEADER, "eventlog_header", EVENT_LOG,                                             \
        "the event log does not begin with a well-formed TCG 'Spec ID Event03' record")            \
    ROW(EVENTLOG_ALGORITHM, "eventlog_algorithm", EVENT_LOG,                                       \
        "event %i of the %l event log lacks its SHA-384 digest, or has one twice or of an "        \
        "undeclared algorithm")                                                                    \
    ROW(EVENTLOG_TRAILING, "eventlog_trailing", EVENT_LOG,                                         \
        "the %l event log has bytes after its end")                                                \
    ROW(EVENTLOG_SEQUENCE, "eventlog_sequence", EVENT_LOG,                                         \
        "event %i of the %l event log is not the next in sequence")                                \
    ROW(EVENTLOG_DIGEST, "eventlog_digest", EVENT_LOG,                                             \
        "event %i of the %l event log has a digest that is not of its content")                    \
    ROW(EVENTLOG_MISMATCH, "eventlog_mismatch", EVENT_LOG,                                         \
        "the %l event log does not replay to RTMR%h of the quote: events are missing, changed or " \
        "of another boot")                                                                         \
    ROW(EVENTLOG_MISSING, "eventlog_missing", EVENT_LOG,                                           \
        "RTMR%h was extended and no event log says by what")                                       \
    /* policy */                                                                                   \
    ROW(POLICY_STATUS, "policy_status", TCB_REFUSED,                                               \
        "the policy does not accept the TCB status %l")                                            \
    ROW(POLICY_GRACE, "policy_grace", TCB_REFUSED,                                                 \
        "the TCB status %l has a grace of %n days, and the TCB date is %h days old")               \
    ROW(POLICY_DEBUG, "policy_debug", DEBUG_TD,                                                    \
        "the TD runs in debug or profiled mode: its host can read and change it")                  \
    ROW(POLICY_ATTRIBUTES_REQUIRED, "policy_attributes_required", TCB_REFUSED,                     \
        "the TD lacks attributes that the policy requires: %l")                                    \
    ROW(POLICY_ATTRIBUTES_FORBIDDEN, "policy_attributes_forbidden", TCB_REFUSED,                   \
        "the TD has attributes that the policy forbids: %l")                                       \
    ROW(POLICY_SEPT_VE_DISABLE, "policy_sept_ve_disable", TCB_REFUSED,                             \
        "SEPT_VE_DISABLE is off: the host can inject exceptions by unmapping pages")               \
    ROW(POLICY_MIGRATABLE, "policy_migratable", TCB_REFUSED,                                       \
        "the TD is migratable: a migration TD may move it to another platform")                    \
    ROW(POLICY_SERVICE_TD, "policy_service_td", TCB_REFUSED,                                       \
        "the TD trusts a service TD that the policy does not list (%l...)")                        \
    ROW(POLICY_XFAM_REQUIRED, "policy_xfam_required", TCB_REFUSED,                                 \
        "the TD lacks CPU features that the policy requires: XFAM bits %l")                        \
    ROW(POLICY_XFAM_FORBIDDEN, "policy_xfam_forbidden", TCB_REFUSED,                               \
        "the TD has CPU features that the policy forbids: XFAM bits %l")                           \
    ROW(POLICY_TCB_DATE, "policy_tcb_date", TCB_REFUSED,                                           \
        "the TCB date is %h days before the policy's %l")                                          \
    ROW(POLICY_EVALUATION, "policy_evaluation", TCB_REFUSED,                                       \
        "the TCB evaluation data number is %h, the policy needs %n: fetch newer collateral")       \
    ROW(POLICY_QE_EVALUATION, "policy_qe_evaluation", TCB_REFUSED,                                 \
        "the QE identity's evaluation data number is %h, the policy needs %n: fetch newer "        \
        "collateral")                                                                              \
    ROW(POLICY_COLLATERAL_AGE, "policy_collateral_age", TCB_REFUSED,                               \
        "the %l was issued %h days ago, the policy accepts %n: fetch newer collateral")            \
    ROW(POLICY_MODULE_VERSION, "policy_module_version", TCB_REFUSED,                               \
        "the TDX module has version %h, the policy needs %n")                                      \
    ROW(POLICY_MODULE_SVN, "policy_module_svn", TCB_REFUSED,                                       \
        "the TDX module SVN is %h, the policy needs %n: update the TDX module")                    \
    ROW(POLICY_MRSEAM, "policy_mrseam", TCB_REFUSED,                                               \
        "the policy does not list this build of the TDX module (MRSEAM %l...)")                    \
    ROW(POLICY_ADVISORY, "policy_advisory", TCB_REFUSED,                                           \
        "the policy denies platforms to which advisory %l applies")                                \
    ROW(POLICY_FMSPC, "policy_fmspc", TCB_REFUSED,                                                 \
        "the policy does not list the platform family (FMSPC) %l")                                 \
    ROW(POLICY_FMSPC_DENIED, "policy_fmspc_denied", TCB_REFUSED,                                   \
        "the policy denies the platform family (FMSPC) %l")                                        \
    ROW(POLICY_PLATFORM, "policy_platform", TCB_REFUSED,                                           \
        "the policy does not list the platform with PPID %l")                                      \
    ROW(POLICY_PLATFORM_DENIED, "policy_platform_denied", TCB_REFUSED,                             \
        "the policy denies the platform %l")                                                       \
    ROW(POLICY_MEASUREMENT, "policy_measurement", MEASUREMENT,                                     \
        "the measurements of the TD fit no set of the policy: %l differs from the nearest")        \
    /* advice: what is short and how to cure it */                                                 \
    ROW(SHORT_COMPONENT, "short_component", OK,                                                    \
        "SGX TCB component %i%l is %h, needs %n: update BIOS and microcode")                       \
    ROW(SHORT_PCESVN, "short_pcesvn", OK,                                                          \
        "PCE SVN is %h, needs %n: update the SGX platform software (PCE) and re-register")         \
    ROW(SHORT_TDX_COMPONENT, "short_tdx_component", OK,                                            \
        "TDX TCB component %i%l is %h, needs %n: update BIOS, microcode and SEAM loader")          \
    ROW(SHORT_MODULE, "short_module", OK, "TDX module SVN %h, needs %n: update the TDX module")    \
    ROW(SHORT_QE, "short_qe", OK,                                                                  \
        "quoting enclave SVN %h, needs %n: update the TDX quote generation service")               \
    ROW(RELAUNCH, "relaunch", OK,                                                                  \
        "the TDX module was updated after this TD started: launch the TD again")                   \
    ROW(CONFIGURATION, "configuration", OK,                                                        \
        "the platform needs a BIOS or platform configuration change (see the advisories)")         \
    ROW(HARDENING, "hardening", OK, "the workload needs software hardening (see the advisories)")

enum ee_reason {
#define EE_ROW(name, id, err, text) EE_REASON_##name,
    EE_REASONS(EE_ROW)
#undef EE_ROW
        EE_REASON_COUNT
};

/* Leaves the function with the reason. Only where nothing is held. */
#define EE_REASON_TRY(call)                                                                        \
    do {                                                                                           \
        enum ee_reason try_reason = (call);                                                        \
        if (try_reason != EE_REASON_NONE)                                                          \
            return try_reason;                                                                     \
    } while (0)

/* One outcome with the values its sentence needs. */
struct ee_finding {
    enum ee_reason reason;
    uint32_t index; /* component, from 1 as people count */
    uint32_t have;
    uint32_t need;
    char label[48];
};

/* Stable identifier such as "qe_binding"; "unknown" outside the table. */
const char *ee_attest_reason_name(enum ee_reason reason);
enum ee_err ee_attest_reason_err(enum ee_reason reason);
/* The row's text with its placeholders. */
const char *ee_attest_reason_text(enum ee_reason reason);

enum { EE_FINDING_TEXT_SIZE = 320 };
/* The sentence with its values filled in, always NUL-terminated. Returns out. */
char *ee_attest_finding_text(const struct ee_finding *finding, char out[EE_FINDING_TEXT_SIZE]);

#endif
