/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence: a quote with the claims and the nonce it answers, the event log and the collateral it
 * can be checked with. One exchange format (API, tunnel, files): canonical JSON in which every byte
 * counts, so that one flipped byte anywhere is refused. Format and checks: docs/spec/evidence.md.
 * Event logs of firmware are not part of it (attest/bundle.h carries them): the allow-list compares
 * the registers they explain. */
#ifndef EE_ATTEST_EVIDENCE_H
#define EE_ATTEST_EVIDENCE_H

#include <stdbool.h>

#include "attest/agent_log.h"
#include "attest/claims.h"
#include "attest/freshness.h"
#include "attest/policy.h"
#include "attest/verify.h"

enum {
    EE_EVIDENCE_QUOTE_MAX = 16 * 1024,
    EE_EVIDENCE_EVENT_LOG_MAX = 256 * 1024,
    EE_EVIDENCE_COLLATERAL_MAX = 128 * 1024,
    EE_EVIDENCE_TEXT_MAX = 768 * 1024, /* the JSON form is never larger */
};

struct ee_evidence {
    struct ee_bytes quote; /* borrowed, as all bytes here; without padding after the quote */
    struct ee_bytes claims;
    struct ee_nonce nonce;
    uint32_t index; /* of the nonce in the freshness tree */
    uint32_t size;  /* of that tree */
    size_t path_count;
    struct ee_tlog_hash path[EE_FRESHNESS_PATH_MAX];
    struct ee_bytes event_log;  /* of the agent (attest/agent_log.h); may be empty */
    struct ee_bytes collateral; /* bytes of a collateral file; may be empty */
};

/* Bytes the JSON form of this evidence needs, with a NUL. */
size_t ee_evidence_text_size(const struct ee_evidence *evidence);
/* Writes the JSON form (one line, final newline, NUL; *size_out is without the NUL).
 * EE_TOO_LARGE: a part or the buffer; EE_RANGE: index, size, path_count. */
EE_MUST_USE enum ee_err ee_evidence_encode(const struct ee_crypto *crypto,
                                           const struct ee_evidence *evidence, char *out,
                                           size_t capacity, size_t *size_out);
/* Decodes into `memory`, which the result borrows; text.size bytes always suffice. Checks form and
 * digest, nothing else. EE_SYNTAX, EE_TRUNCATED, EE_TRAILING, EE_TOO_LARGE, EE_RANGE; EE_PROOF: the
 * digest is of other bytes. */
EE_MUST_USE enum ee_err ee_evidence_decode(const struct ee_crypto *crypto, struct ee_bytes text,
                                           uint8_t *memory, size_t memory_size,
                                           struct ee_evidence *out);

/* What was proven, weakest first. */
enum ee_evidence_proof {
    EE_EVIDENCE_VALID = 1,     /* genuine once; says nothing about now or who holds it */
    EE_EVIDENCE_KEY_BOUND,     /* fresh for our nonce, and binds the TLS key we were shown */
    EE_EVIDENCE_CHANNEL_BOUND, /* fresh for this very TLS connection */
};

enum ee_evidence_nonce_kind {
    EE_NONCE_ANY,     /* not checked */
    EE_NONCE_CALLER,  /* the caller drew policy.nonce */
    EE_NONCE_CHANNEL, /* policy.nonce is of ee_freshness_channel_nonce */
};

struct ee_verify_cache; /* attest/cache.h */

struct ee_evidence_policy {
    const uint8_t (*roots)[EE_P256_POINT_SIZE]; /* accepted quote roots, x||y; at least one */
    size_t root_count;
    /* Any root but Intel's production root is simulated; such evidence is refused without this. */
    bool allow_simulated;
    int64_t time_s; /* seconds since 1970 at which everything must be valid */
    const struct ee_collateral *collateral; /* ours, decoded; NULL: none */
    bool allow_own_collateral;              /* without ours, use what the evidence brings */
    struct ee_verify_cache *cache; /* used with our collateral; NULL: nothing is remembered */
    uint8_t network_id[32];
    enum ee_role role;
    const struct ee_measurement_allowed *allowed; /* measurements of the network */
    size_t allowed_count;
    const struct ee_attest_policy *tcb; /* NULL: ee_attest_policy_network (UpToDate only) */
    enum ee_evidence_nonce_kind nonce_kind;
    struct ee_nonce nonce;
    const uint8_t *tls_key_hash; /* 32 bytes the claims must name; NULL: not checked */
    const uint8_t *identity;     /* 32 bytes the claims must name; NULL: not checked */
    /* Accept RTMR3 extended by what no log in the evidence says; a log that is there must hold. */
    bool allow_unlogged;
};

/* What the agent's log showed; it is believed because it replays to RTMR3. */
struct ee_evidence_log {
    bool present;
    bool complete;           /* nothing was left out since the TD started */
    uint64_t first_sequence; /* of the events shown */
    uint32_t event_count;
};

/* The caller's; about 12 KB. `quote` is filled as far as the checks came, also after a failure, for
 * explanation; the rest is set on EE_OK only. */
struct ee_evidence_verdict {
    struct ee_verdict quote;
    enum ee_policy_rule rule;  /* when the TCB policy refused: by which rule, ... */
    struct ee_finding finding; /* ... and why: ee_attest_policy_refusal_text(); or the event log */
    enum ee_evidence_proof proof;
    bool simulated; /* not a TDX machine: say it loudly */
    struct ee_claims claims;
    struct ee_measurement measurement;
    const struct ee_measurement_allowed *allowed; /* row of the policy's list that matched */
    struct ee_evidence_log log;
};

/* Checks in this order, each refusal its own error:
 *  claims well formed (ee_claims_decode); collateral present (EE_MISSING_FIELD) and well formed;
 *  quote, chain, revocation, collateral, signatures (errors of ee_attest_verify), no padding after
 *  the quote (EE_TRAILING); root not simulated (EE_SIMULATED_REFUSED); no DEBUG, which no policy
 *  allows (EE_DEBUG_TD); report data holds these claims (EE_NOT_BOUND) and this nonce
 *  (EE_NOT_FRESH); network (EE_WRONG_NETWORK); role (EE_WRONG_ROLE); measurements
 *  (EE_MEASUREMENT); the event log replays to RTMR3, or there is none and RTMR3 is zero
 *  (EE_EVENT_LOG, out->finding says why); TCB policy (EE_TCB_REFUSED); identity
 *  (EE_WRONG_IDENTITY); the nonce is the policy's (EE_NOT_FRESH); TLS key (EE_NOT_BOUND).
 * `scratch` is needed for the evidence's own collateral only: at least its size, else
 * EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_evidence_verify(const struct ee_crypto *crypto,
                                           const struct ee_evidence *evidence,
                                           const struct ee_evidence_policy *policy,
                                           uint8_t *scratch, size_t scratch_size,
                                           struct ee_evidence_verdict *out);

/* Do the claims, nonce and path make the report data? EE_NOT_BOUND, EE_NOT_FRESH, EE_RANGE. */
EE_MUST_USE enum ee_err ee_evidence_report_data_check(const struct ee_crypto *crypto,
                                                      const struct ee_evidence *evidence,
                                                      const uint8_t report_data[64]);

#endif
