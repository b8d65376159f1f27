/* SPDX-License-Identifier: Apache-2.0 */
/* libeasyenclave-verify: offline verification of Intel TDX quotes.
 *
 * Bytes in, verdict out. A quote (version 4 or 5) is checked against collateral you obtained (TCB
 * Info, QE identity, CRLs, issuer chains), root keys you accept and a time you state; then a policy
 * decides. Nothing here allocates memory, reads a clock, does I/O or keeps anything outside the
 * memory you hand in. (The cryptographic backend may use its own heap; natively it is OpenSSL's
 * libcrypto, with the curve and one spare key object kept, and what it holds does not grow with the
 * number of verifications.)
 *
 * WHAT IS NOT VERIFIED
 *
 * - Freshness: a quote alone is genuine for ever. Draw a challenge, have it in the report data, and
 *   compare: ee_verify_quote_request.report_data, or ee_verify_evidence with a nonce.
 *
 * - What the measurements mean: MRTD and RTMR0 to RTMR2 identify code only when compared with
 *   values you trust (a policy can list them). RTMR3 is written by the guest and worth what they
 *   are.
 *
 * - Who sits at the other end of a connection: report data must bind a key or a channel.
 *
 * - Events: a quote proves register values, not what was measured into them; that takes the log
 *   (ee_verify_event_log_open), of which only data its digests cover is proven.
 *
 * - That the collateral is the newest there is: it is proven genuine and within its window at the
 *   time you state. An old time accepts old collateral.
 *
 * - Keys taken out of a processor by physical attack: such quotes are perfect. Deny platforms by
 *   policy if you learn of them.
 *
 * THREADS. Functions are re-entrant. A context or a result is used by one thread at a time;
 * different ones by different threads at once. Policies and everything passed as const may be
 * shared.
 *
 * ABI. Types are opaque or carry their size, functions are never removed or changed and enumerators
 * never renumbered within one major version; both may be added. Be ready for numbers you do not
 * know.
 *
 * Stack: at most EE_VERIFY_STACK_SIZE bytes below a call. Manual pages: ee_verify(3) and its
 * neighbours. Formats: docs/spec/verify-quote.md, collateral.md, evidence.md of the project. */
#ifndef EASYENCLAVE_VERIFY_H
#define EASYENCLAVE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EE_VERIFY_VERSION_MAJOR 1
#define EE_VERIFY_VERSION_MINOR 0
#define EE_VERIFY_VERSION_PATCH 0
#define EE_VERIFY_VERSION                                                                          \
    (EE_VERIFY_VERSION_MAJOR * 10000 + EE_VERIFY_VERSION_MINOR * 100 + EE_VERIFY_VERSION_PATCH)

#if defined(__GNUC__)
#define EE_VERIFY_API __attribute__((visibility("default")))
#define EE_VERIFY_MUST_USE __attribute__((warn_unused_result))
#else
#define EE_VERIFY_API
#define EE_VERIFY_MUST_USE
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
    EE_VERIFY_ALIGNMENT = 16, /* of memory for contexts, results and policies; malloc's will do */
    EE_VERIFY_STACK_SIZE = 128 * 1024,
    EE_VERIFY_ROOT_SIZE = 64, /* a P-256 public key, x then y, big-endian */
    EE_VERIFY_ROOTS_MAX = 8,
    EE_VERIFY_REGISTER_SIZE = 48,
    EE_VERIFY_REPORT_DATA_SIZE = 64,
    EE_VERIFY_NONCE_SIZE = 32,
    EE_VERIFY_DIGEST_SIZE = 32,
    EE_VERIFY_QUOTE_MAX = 64 * 1024,
    EE_VERIFY_COLLATERAL_MAX = 256 * 1024,
    EE_VERIFY_EVIDENCE_MAX = 768 * 1024,
    EE_VERIFY_DOCUMENT_SIZE = 136 * 1024, /* always enough for a result as text or JSON */
    EE_VERIFY_FINDING_TEXT_SIZE = 320,    /* always enough for a finding's sentence */
    EE_VERIFY_VALUE_TEXT_SIZE = 4096,     /* always enough for a claim's value */
    EE_VERIFY_DECISION_TEXT_SIZE = 640,   /* always enough for a policy's decision */
};

/* What functions that return int say; 0 is success. Below 100: the call or its input; from 100: the
 * evidence. ee_verify_error_text() has a sentence for each. */
enum ee_verify_error {
    EE_VERIFY_OK = 0,
    EE_VERIFY_ERROR_TRUNCATED = 1, /* the input ends too early */
    EE_VERIFY_ERROR_TRAILING = 2,  /* bytes are left over */
    EE_VERIFY_ERROR_TOO_LARGE = 3, /* the input, or what does not fit the buffer */
    EE_VERIFY_ERROR_RANGE = 4,     /* a value, an index, an alignment, a struct_size */
    EE_VERIFY_ERROR_OVERFLOW = 5,
    EE_VERIFY_ERROR_SYNTAX = 6,
    EE_VERIFY_ERROR_UNSUPPORTED = 7,
    EE_VERIFY_ERROR_DUPLICATE_FIELD = 8,
    EE_VERIFY_ERROR_MISSING_FIELD = 9,
    EE_VERIFY_ERROR_NOT_FOUND = 13, /* this result has no such value */
    EE_VERIFY_ERROR_STATE = 16,     /* the result holds no verification yet */
    EE_VERIFY_ERROR_CRYPTO = 17,
    EE_VERIFY_ERROR_SIGNATURE = 100,
    EE_VERIFY_ERROR_UNTRUSTED = 101, /* does not lead to an accepted root */
    EE_VERIFY_ERROR_EXPIRED = 102,
    EE_VERIFY_ERROR_REVOKED = 103,
    EE_VERIFY_ERROR_TCB_REFUSED = 104, /* by the policy, or below every known level */
    EE_VERIFY_ERROR_MEASUREMENT = 105,
    EE_VERIFY_ERROR_NOT_FRESH = 106, /* does not answer this nonce */
    EE_VERIFY_ERROR_NOT_BOUND = 107, /* does not hold this report data or key */
    EE_VERIFY_ERROR_WRONG_NETWORK = 108,
    EE_VERIFY_ERROR_WRONG_ROLE = 109,
    EE_VERIFY_ERROR_WRONG_IDENTITY = 110,
    EE_VERIFY_ERROR_DEBUG_TD = 111,
    EE_VERIFY_ERROR_SIMULATED = 112, /* a root that is not Intel's, and that was not allowed */
    EE_VERIFY_ERROR_QUOTE = 114,     /* the quote's form */
    EE_VERIFY_ERROR_PROOF = 116,
    EE_VERIFY_ERROR_COLLATERAL = 118,
    EE_VERIFY_ERROR_EVENT_LOG = 125, /* malformed, or does not replay to the registers */
};

/* Stable identifier such as "not_fresh", and a sentence. Never NULL. */
EE_VERIFY_API const char *ee_verify_error_name(int error);
EE_VERIFY_API const char *ee_verify_error_text(int error);

/* The library's own EE_VERIFY_VERSION, which may be newer than the header's; and as text. */
EE_VERIFY_API uint32_t ee_verify_version(void);
EE_VERIFY_API const char *ee_verify_version_text(void);
/* "openssl", "bearssl", ... */
EE_VERIFY_API const char *ee_verify_crypto_name(void);

/* ---- Context: accepted roots, and what was proven already. ee_verify_context(3) ---- */

struct ee_verify_context;

/* How much is remembered; memory is bounded by it. Set struct_size to sizeof(struct ...). */
struct ee_verify_limits {
    size_t struct_size;
    uint32_t collaterals; /* collateral files remembered; 0: none */
    uint32_t
        collateral_size; /* largest file in bytes; 0: 64 KiB, at most EE_VERIFY_COLLATERAL_MAX */
    uint32_t platforms;  /* platforms remembered, with their quoting enclaves; 0: none */
    uint32_t reserved;   /* 0 */
};

/* Bytes a context needs; `limits` NULL: the defaults (2 collateral files of up to 64 KiB, 64
 * platforms: about 500 KB). 0: a limit is out of range. */
EE_VERIFY_API size_t ee_verify_context_size(const struct ee_verify_limits *limits);

/* Makes a context in the caller's memory, which stays the caller's: there is nothing to free, and
 * the memory may be reused once no call uses it. Accepts Intel's production root and no other.
 * NULL: the memory is too small or not aligned, or a limit is out of range. */
EE_VERIFY_API struct ee_verify_context *
ee_verify_context_init(void *memory, size_t memory_size, const struct ee_verify_limits *limits);

/* Accepts these `count` root keys (EE_VERIFY_ROOT_SIZE bytes each, one after another; copied)
 * instead of those before, and forgets what was proven. EE_VERIFY_ERROR_RANGE: 0 or more than
 * EE_VERIFY_ROOTS_MAX. */
EE_VERIFY_API EE_VERIFY_MUST_USE int ee_verify_context_set_roots(struct ee_verify_context *context,
                                                                 const uint8_t *keys, size_t count);
/* The same with a PEM file of root certificates. EE_VERIFY_ERROR_UNTRUSTED: not such a file. */
EE_VERIFY_API EE_VERIFY_MUST_USE int
ee_verify_context_set_roots_pem(struct ee_verify_context *context, const void *pem, size_t size);
/* The public key of the Intel SGX Root CA: EE_VERIFY_ROOT_SIZE bytes, constant. */
EE_VERIFY_API const uint8_t *ee_verify_root_production(void);

/* Forgets what was proven; the roots stay. Never needed for correctness: what is remembered is
 * found by the hash of exact bytes and never outlives what it depends on. */
EE_VERIFY_API void ee_verify_context_forget(struct ee_verify_context *context);

/* ---- Policy: what is accepted of what was proven. ee_verify_policy(3) ---- */

struct ee_verify_policy;

/* Built in, constant: "strict" (status UpToDate, no DEBUG), "network" (strict, and no TD flag that
 * lets a host or another TD in), "none" (whatever verified, DEBUG too). NULL for another name. */
EE_VERIFY_API const struct ee_verify_policy *ee_verify_policy_builtin(const char *name);

EE_VERIFY_API size_t ee_verify_policy_size(void);
/* Reads a policy file (JSON; docs/spec/policy.md) into the caller's memory, which needs nothing of
 * `json` afterwards. On failure *out is unchanged and `reason` (may be NULL) gets a sentence. */
EE_VERIFY_API EE_VERIFY_MUST_USE int
ee_verify_policy_parse(const void *json, size_t size, void *memory, size_t memory_size,
                       const struct ee_verify_policy **out,
                       char reason[EE_VERIFY_FINDING_TEXT_SIZE]);

/* ---- Verification. ee_verify_quote(3) ---- */

struct ee_verify_result;

EE_VERIFY_API size_t ee_verify_result_size(void);
/* A result in the caller's memory (nothing to free); NULL: too small or not aligned. Each
 * verification overwrites it. Free of pointers, except to constants of the library. */
EE_VERIFY_API struct ee_verify_result *ee_verify_result_init(void *memory, size_t memory_size);

/* Zero everything first, then set struct_size and what you have. */
struct ee_verify_quote_request {
    size_t struct_size;
    const void *quote; /* raw; unsigned padding after it is tolerated and reported */
    size_t quote_size;
    const void *collateral; /* JSON file of docs/spec/collateral.md, exact bytes */
    size_t collateral_size;
    int64_t time_s;                        /* seconds since 1970 at which all must be valid */
    const struct ee_verify_policy *policy; /* NULL: "strict" */
    const uint8_t *report_data;            /* 64 bytes the quote must hold; NULL: not checked */
};

/* Verifies one quote. EE_VERIFY_OK only if every check, the policy and the expected report data
 * hold; else the first failure, also in the result with all the others. The request's memory is not
 * needed afterwards. */
EE_VERIFY_API EE_VERIFY_MUST_USE int ee_verify_quote(struct ee_verify_context *context,
                                                     const struct ee_verify_quote_request *request,
                                                     struct ee_verify_result *result);

/* ---- Results. ee_verify_result(3) ---- */

/* What the last verification returned; EE_VERIFY_ERROR_STATE before the first. */
EE_VERIFY_API int ee_verify_result_error(const struct ee_verify_result *result);
/* Identifier of the first failure, finer than the error: "none", "qe_binding", "policy_status", ...
 */
EE_VERIFY_API const char *ee_verify_result_reason(const struct ee_verify_result *result);
/* The rule of the policy that decided, whether it accepted or refused: "status", "grace",
 * "measurement", ...; "none": it was not asked, for the quote did not verify. */
EE_VERIFY_API const char *ee_verify_result_rule(const struct ee_verify_result *result);
/* The policy's decision as a sentence that names the rule. EE_VERIFY_ERROR_NOT_FOUND: it was not
 * asked; EE_VERIFY_ERROR_TOO_LARGE: the text was cut. */
EE_VERIFY_API int ee_verify_result_decision(const struct ee_verify_result *result, char *text,
                                            size_t capacity);

enum ee_verify_status {
    EE_VERIFY_STATUS_UNKNOWN = 0, /* not judged */
    EE_VERIFY_STATUS_UP_TO_DATE = 1,
    EE_VERIFY_STATUS_SW_HARDENING_NEEDED = 2,
    EE_VERIFY_STATUS_CONFIGURATION_NEEDED = 3,
    EE_VERIFY_STATUS_CONFIGURATION_AND_SW_HARDENING_NEEDED = 4,
    EE_VERIFY_STATUS_OUT_OF_DATE = 5,
    EE_VERIFY_STATUS_OUT_OF_DATE_CONFIGURATION_NEEDED = 6,
    EE_VERIFY_STATUS_REVOKED = 7,
    EE_VERIFY_STATUS_NOT_SUPPORTED = 8,
    EE_VERIFY_STATUS_TD_RELAUNCH_ADVISED = 9,
    EE_VERIFY_STATUS_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED = 10,
};
/* TCB status of platform, TDX module and quoting enclave together (enum ee_verify_status); also
 * after a policy refused it. */
EE_VERIFY_API int ee_verify_result_status(const struct ee_verify_result *result);
/* As Intel writes it: "UpToDate", ... */
EE_VERIFY_API const char *ee_verify_status_name(int status);

/* Findings: every failure that can be determined, then advice on what is short and how to cure it.
 */
struct ee_verify_finding {
    size_t struct_size; /* set by the caller */
    const char *id;     /* constant; stable */
    int error;          /* EE_VERIFY_OK: advice, refuses nothing */
};
EE_VERIFY_API size_t ee_verify_result_finding_count(const struct ee_verify_result *result);
/* Fills *out and writes the sentence with its NUL. EE_VERIFY_ERROR_RANGE: no such finding;
 * EE_VERIFY_ERROR_TOO_LARGE: the sentence was cut. */
EE_VERIFY_API int ee_verify_result_finding(const struct ee_verify_result *result, size_t index,
                                           struct ee_verify_finding *out, char *text,
                                           size_t capacity);

/* Claims: everything the result says, by row. */
struct ee_verify_claim {
    size_t struct_size; /* set by the caller */
    const char *group;  /* "quote", "platform", "tcb", "module", "qe", "td", "collateral" */
    const char *name;   /* stable within its group, such as "mrtd" */
    const char
        *anchor;         /* what makes it true: "quote" (signed by the attestation key), "pck" (by
                          * Intel for this platform), "intel" (signed collateral), "derived", "none" */
    const char *meaning; /* one sentence */
    int64_t since_s;     /* the value was stated then; 0: nobody says */
    int64_t until_s;     /* and is stated until then; 0: for good */
    int64_t age_s;       /* at the time of the verification; -1: unknown */
};
/* Rows of the table; an index below it. Indexes change between versions, names do not. */
EE_VERIFY_API size_t ee_verify_claim_count(void);
/* The index of a row; ee_verify_claim_count() when there is none. */
EE_VERIFY_API size_t ee_verify_claim_find(const char *group, const char *name);
/* Fills *out and writes the value as text with its NUL: hex, decimal, "true", RFC 3339 time, words
 * separated by spaces ("-": none). For explanation: after a failure values are what was read.
 * EE_VERIFY_ERROR_RANGE: no such row; EE_VERIFY_ERROR_NOT_FOUND: this result has no such value
 * (*out is filled, the text empty); EE_VERIFY_ERROR_TOO_LARGE: the text was cut. */
EE_VERIFY_API int ee_verify_result_claim(const struct ee_verify_result *result, size_t index,
                                         struct ee_verify_claim *out, char *value, size_t capacity);

/* The whole result as one JSON document with a NUL. *size_out (may be NULL) is its length without
 * the NUL, also when EE_VERIFY_ERROR_TOO_LARGE says that capacity does not suffice (then nothing
 * usable is written; capacity 0 asks for the size). */
EE_VERIFY_API int ee_verify_result_json(const struct ee_verify_result *result, char *out,
                                        size_t capacity, size_t *size_out);

/* The same as text for people; the last line is "OK STATUS [FLAG ...]" or "REJECT REASON". */
EE_VERIFY_API int ee_verify_result_text(const struct ee_verify_result *result, char *out,
                                        size_t capacity, size_t *size_out);

/* Proven values. NULL, 0 or false unless the last verification returned EE_VERIFY_OK, so that what
 * was refused cannot be used by mistake. Pointers are into the result. */
enum ee_verify_register {
    EE_VERIFY_REGISTER_MRTD = 0,
    EE_VERIFY_REGISTER_RTMR0 = 1,
    EE_VERIFY_REGISTER_RTMR1 = 2,
    EE_VERIFY_REGISTER_RTMR2 = 3,
    EE_VERIFY_REGISTER_RTMR3 = 4,
    EE_VERIFY_REGISTER_MRCONFIGID = 5,
    EE_VERIFY_REGISTER_MROWNER = 6,
    EE_VERIFY_REGISTER_MROWNERCONFIG = 7,
    EE_VERIFY_REGISTER_MRSEAM = 8,
    EE_VERIFY_REGISTER_MRSIGNERSEAM = 9,
    EE_VERIFY_REGISTER_MRSERVICETD = 10, /* zero in quotes that have no such field */
};
/* EE_VERIFY_REGISTER_SIZE bytes. NULL also for a number without a register. */
EE_VERIFY_API const uint8_t *ee_verify_result_register(const struct ee_verify_result *result,
                                                       int which);
/* EE_VERIFY_REPORT_DATA_SIZE bytes chosen by the guest. */
EE_VERIFY_API const uint8_t *ee_verify_result_report_data(const struct ee_verify_result *result);
/* PPID: 16 bytes that stay with the platform. */
EE_VERIFY_API const uint8_t *ee_verify_result_ppid(const struct ee_verify_result *result);
/* FMSPC: 6 bytes, the platform's family. */
EE_VERIFY_API const uint8_t *ee_verify_result_fmspc(const struct ee_verify_result *result);
/* Everything leads to Intel's production root. */
EE_VERIFY_API bool ee_verify_result_production(const struct ee_verify_result *result);
/* Bytes of the quote proper: store and hash only these. */
EE_VERIFY_API size_t ee_verify_result_quote_size(const struct ee_verify_result *result);
/* When the first part of the collateral or a certificate runs out: verify anew before. */
EE_VERIFY_API int64_t ee_verify_result_valid_until(const struct ee_verify_result *result);

/* Properties of the TD a policy decides on. Set also after a failure once the quote was read. */
#define EE_VERIFY_FLAG_DEBUG (UINT32_C(1) << 0)               /* the host can read and change it */
#define EE_VERIFY_FLAG_RESERVED (UINT32_C(1) << 1)            /* attribute bits that must be zero */
#define EE_VERIFY_FLAG_SEPT_VE_DISABLE_OFF (UINT32_C(1) << 2) /* the host can inject exceptions */
#define EE_VERIFY_FLAG_MIGRATABLE (UINT32_C(1) << 3)
#define EE_VERIFY_FLAG_SERVICE_TD (UINT32_C(1) << 4) /* trusts another TD */
#define EE_VERIFY_FLAG_PKS (UINT32_C(1) << 5)
#define EE_VERIFY_FLAG_KEY_LOCKER (UINT32_C(1) << 6)
#define EE_VERIFY_FLAG_PERFMON (UINT32_C(1) << 7)
#define EE_VERIFY_FLAG_XFAM (UINT32_C(1) << 8) /* unusual extended features */
EE_VERIFY_API uint32_t ee_verify_result_flags(const struct ee_verify_result *result);
/* Of one flag: "DEBUG", and a sentence. "unknown" for none. */
EE_VERIFY_API const char *ee_verify_flag_name(uint32_t flag);
EE_VERIFY_API const char *ee_verify_flag_meaning(uint32_t flag);

/* ---- Evidence documents (ee-evidence-1, docs/spec/evidence.md). ee_verify_evidence(3) ---- */

enum ee_verify_role {
    EE_VERIFY_ROLE_CONTROL = 1,
    EE_VERIFY_ROLE_AGENT = 2,
    EE_VERIFY_ROLE_WITNESS = 3,
};

enum ee_verify_nonce_kind {
    EE_VERIFY_NONCE_ANY = 0,     /* not checked: the evidence may be a replay */
    EE_VERIFY_NONCE_CALLER = 1,  /* `nonce` is of ee_verify_caller_nonce */
    EE_VERIFY_NONCE_CHANNEL = 2, /* `nonce` is of ee_verify_channel_nonce */
};

/* Zero everything first, then set struct_size and what you have. */
struct ee_verify_evidence_request {
    size_t struct_size;
    const void *evidence; /* the document, exact bytes */
    size_t evidence_size;
    void *memory; /* scratch of at least twice evidence_size; free again after the call */
    size_t memory_size;
    const void *collateral; /* ours; NULL: use what the evidence brings */
    size_t collateral_size;
    int64_t time_s;                        /* seconds since 1970 at which all must be valid */
    const struct ee_verify_policy *policy; /* NULL: "network" */
    bool allow_simulated;                  /* accept roots that are not Intel's */
    const uint8_t *network_id;             /* 32 bytes; needed */
    int role;                              /* enum ee_verify_role; needed */
    /* Accepted code: `measurement_count` digests of ee_verify_measurement_digest, one after
     * another; needed. */
    const uint8_t *measurements;
    size_t measurement_count;
    int nonce_kind;              /* enum ee_verify_nonce_kind */
    const uint8_t *nonce;        /* 32 bytes; NULL only with EE_VERIFY_NONCE_ANY */
    const uint8_t *tls_key_hash; /* 32 bytes the claims must name; NULL: not checked */
    const uint8_t *identity;     /* 32 bytes the claims must name; NULL: not checked */
};

/* Verifies a document with all its quote needs; the result also answers as after ee_verify_quote.
 */
EE_VERIFY_API EE_VERIFY_MUST_USE int
ee_verify_evidence(struct ee_verify_context *context,
                   const struct ee_verify_evidence_request *request,
                   struct ee_verify_result *result);

/* What was proven, weakest first. */
enum ee_verify_proof {
    EE_VERIFY_PROOF_NONE = 0,
    EE_VERIFY_PROOF_VALID = 1,         /* genuine once; nothing about now or who holds it */
    EE_VERIFY_PROOF_KEY_BOUND = 2,     /* fresh for our nonce, and binds the TLS key */
    EE_VERIFY_PROOF_CHANNEL_BOUND = 3, /* fresh for this very TLS connection */
};
EE_VERIFY_API int ee_verify_result_proof(const struct ee_verify_result *result);

/* What the attested software says of itself; as trustworthy as the measured code. */
struct ee_verify_statement {
    size_t struct_size; /* set by the caller */
    uint8_t network_id[32];
    int32_t role; /* enum ee_verify_role */
    uint32_t vcpus;
    uint8_t identity[32];
    uint8_t tls_key_hash[32];   /* SHA-256 of the SubjectPublicKeyInfo */
    uint8_t sealing_key[32];    /* X25519; agents; zero otherwise */
    uint8_t checkpoint_key[32]; /* Ed25519; control; zero otherwise */
    uint64_t ledger_size;
    uint8_t ledger_root[32];
    uint64_t epoch;
    char node_name[40]; /* agents; empty otherwise */
    char software_version[72];
    uint32_t measurement_index; /* which of the request's digests matched */
    bool log_present;           /* the evidence brings an event log, and it explains RTMR3 */
    bool log_complete;          /* with nothing left out since the TD started */
    uint16_t reserved;
};
/* EE_VERIFY_ERROR_NOT_FOUND: the last verification was not of evidence, or failed. */
EE_VERIFY_API int ee_verify_result_statement(const struct ee_verify_result *result,
                                             struct ee_verify_statement *out);

enum ee_verify_part {
    EE_VERIFY_PART_QUOTE = 1,
    EE_VERIFY_PART_CLAIMS = 2,
    EE_VERIFY_PART_EVENT_LOG = 3,
    EE_VERIFY_PART_COLLATERAL = 4,
};
/* A part of an evidence document, in `memory` of at least evidence_size bytes; empty when it has
 * none. Checks the document's form and nothing else: verify it as a whole. EE_VERIFY_ERROR_RANGE:
 * no such part; else as ee_verify_evidence has for the form. */
EE_VERIFY_API EE_VERIFY_MUST_USE int ee_verify_evidence_part(const void *evidence,
                                                             size_t evidence_size, int part,
                                                             void *memory, size_t memory_size,
                                                             const uint8_t **out, size_t *size_out);

/* ---- Nonces, freshness, measurements. ee_verify_nonce(3) ---- */

/* What a quote answers for 32 bytes the caller drew at random. */
EE_VERIFY_API void ee_verify_caller_nonce(const uint8_t drawn[32],
                                          uint8_t out[EE_VERIFY_NONCE_SIZE]);
/* What makes evidence an answer on one TLS connection: the challenge, the TLS exporter value (RFC
 * 8446 section 7.5), SHA-256 of the asker's SubjectPublicKeyInfo (zeros: it has none) and the role
 * of the side that answers. EE_VERIFY_ERROR_RANGE: no such role. */
EE_VERIFY_API EE_VERIFY_MUST_USE int ee_verify_channel_nonce(const uint8_t challenge[32],
                                                             const uint8_t exporter[32],
                                                             const uint8_t asker_key_hash[32],
                                                             int role,
                                                             uint8_t out[EE_VERIFY_NONCE_SIZE]);
/* Root of the tree of `count` nonces one quote answers, with `nonce` at `index` and its path of
 * `path_count` hashes of 32 bytes. EE_VERIFY_ERROR_RANGE: index or count; EE_VERIFY_ERROR_PROOF:
 * the path has another length than that position. */
EE_VERIFY_API EE_VERIFY_MUST_USE int
ee_verify_freshness_root(const uint8_t nonce[EE_VERIFY_NONCE_SIZE], uint32_t index, uint32_t count,
                         const uint8_t *path, size_t path_count,
                         uint8_t out[EE_VERIFY_DIGEST_SIZE]);
/* report_data = SHA-256(claims) then the root. */
EE_VERIFY_API void ee_verify_report_data(const void *claims, size_t claims_size,
                                         const uint8_t root[EE_VERIFY_DIGEST_SIZE],
                                         uint8_t out[EE_VERIFY_REPORT_DATA_SIZE]);
/* The short name of code: a digest over MRTD, RTMR0, RTMR1, RTMR2 (48 bytes each). */
EE_VERIFY_API void ee_verify_measurement_digest(const uint8_t mrtd[EE_VERIFY_REGISTER_SIZE],
                                                const uint8_t rtmr0[EE_VERIFY_REGISTER_SIZE],
                                                const uint8_t rtmr1[EE_VERIFY_REGISTER_SIZE],
                                                const uint8_t rtmr2[EE_VERIFY_REGISTER_SIZE],
                                                uint8_t out[EE_VERIFY_DIGEST_SIZE]);

/* ---- Event logs: what was measured into the RTMRs. ee_verify_event_log(3) ---- */

enum ee_verify_log_kind {
    EE_VERIFY_LOG_ANY = 0,    /* found out by the first bytes */
    EE_VERIFY_LOG_TCG2 = 1,   /* bytes of /sys/firmware/acpi/tables/data/CCEL */
    EE_VERIFY_LOG_DSTACK = 2, /* JSON list of dstack guests */
    EE_VERIFY_LOG_AGENT = 3,  /* of this project's agent */
};

struct ee_verify_event_log;

/* Bytes that reading a log of `log_size` bytes needs. */
EE_VERIFY_API size_t ee_verify_event_log_size(size_t log_size);
/* Replays a log and compares it with the registers of the quote in `result`; only a log that holds
 * can be read. `log` and `memory` are needed as long as it is read; there is nothing to free. On
 * failure *out is unchanged and `reason` (may be NULL) gets a sentence. EE_VERIFY_ERROR_EVENT_LOG;
 * EE_VERIFY_ERROR_STATE: the result is not of a quote that held; EE_VERIFY_ERROR_TOO_LARGE: the
 * memory; EE_VERIFY_ERROR_RANGE: its alignment, or the kind. */
EE_VERIFY_API EE_VERIFY_MUST_USE int ee_verify_event_log_open(
    const struct ee_verify_result *result, int kind, const void *log, size_t log_size, void *memory,
    size_t memory_size, struct ee_verify_event_log **out, char reason[EE_VERIFY_FINDING_TEXT_SIZE]);
/* The registers the log explains: bit 0 for RTMR0 to bit 3 for RTMR3. Events of others, and
 * registers of no log, remain unexplained. */
EE_VERIFY_API uint32_t ee_verify_event_log_registers(const struct ee_verify_event_log *log);

/* False: an agent's log that leaves out earlier events; those shown are proven all the same. */
EE_VERIFY_API bool ee_verify_event_log_complete(const struct ee_verify_event_log *log);

enum ee_verify_event_status {
    EE_VERIFY_EVENT_NOT_MEASURED = 0, /* in no register: nothing of it is proven */
    EE_VERIFY_EVENT_DIGEST_ONLY = 1,  /* the digest is proven, the data is free text */
    EE_VERIFY_EVENT_DATA_CHECKED = 2, /* `content` is proven */
};

enum ee_verify_fact_kind {
    EE_VERIFY_FACT_NONE = 0,   /* the event says nothing that we read */
    EE_VERIFY_FACT_TEXT = 1,   /* not checked to be printable */
    EE_VERIFY_FACT_BYTES = 2,  /* short; show it as hex */
    EE_VERIFY_FACT_BLOB = 3,   /* show it as size and digest */
    EE_VERIFY_FACT_SWITCH = 4, /* one byte, 0 or 1; empty: not set */
    EE_VERIFY_FACT_DIGEST = 5, /* the event's digest itself */
};

/* One event. Pointers are into the log or its memory, good until the next call; texts have no NUL.
 */
struct ee_verify_event {
    size_t struct_size;     /* set by the caller */
    uint32_t index;         /* from 0, in the log */
    uint32_t type;          /* TCG event type, or the log's own */
    int32_t rtmr;           /* 0 to 3; -1: measured into none */
    int32_t status;         /* enum ee_verify_event_status */
    const uint8_t *digest;  /* EE_VERIFY_REGISTER_SIZE bytes */
    const uint8_t *content; /* what the digest covers; NULL unless EE_VERIFY_EVENT_DATA_CHECKED */
    size_t content_size;
    const char *fact_name; /* "secure_boot", "kernel_cmdline", ...: docs/spec/event-log.md */
    size_t fact_name_size;
    const uint8_t *fact;
    size_t fact_size;
    int32_t fact_kind;      /* enum ee_verify_fact_kind */
    bool fact_named_by_log; /* that the value is what the name says is the log's word alone */
    bool fact_from_app;     /* dstack: said by the app, not by the system before it */
};
/* The next event. EE_VERIFY_ERROR_NOT_FOUND: that was the last. */
EE_VERIFY_API EE_VERIFY_MUST_USE int ee_verify_event_log_next(struct ee_verify_event_log *log,
                                                              struct ee_verify_event *out);

#ifdef __cplusplus
}
#endif

#endif
