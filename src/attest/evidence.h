/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence: a quote with the claims and the nonce it answers, the event log and the collateral it
 * can be checked with. One exchange format (API, tunnel, files): canonical JSON in which every byte
 * counts, so that one flipped byte anywhere is refused. Format and checks: docs/spec/evidence.md.
 * Not verified here: that the event log replays to the RTMRs. */
#ifndef EE_ATTEST_EVIDENCE_H
#define EE_ATTEST_EVIDENCE_H

#include <stdbool.h>

#include "attest/claims.h"
#include "attest/freshness.h"
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
    struct ee_bytes event_log;  /* may be empty */
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

struct ee_evidence_root {
    uint8_t key[EE_P256_POINT_SIZE]; /* x||y */
    bool simulated;
};

struct ee_evidence_policy {
    const struct ee_evidence_root *roots; /* accepted quote roots; at least one */
    size_t root_count;
    bool allow_simulated; /* else a root marked simulated is refused, whatever the list says */
    int64_t time_s;       /* unix seconds at which everything must be valid */
    struct ee_bytes collateral; /* ours; used when not empty */
    bool allow_own_collateral;  /* else the evidence's own collateral is not looked at */
    uint8_t network_id[32];
    enum ee_role role;
    const struct ee_measurement_allowed *allowed; /* measurements of the network */
    size_t allowed_count;
    uint32_t tcb_statuses; /* bit 1 << status (enum of attest/tcb); 0 means UpToDate only */
    enum ee_evidence_nonce_kind nonce_kind;
    struct ee_nonce nonce;
    const uint8_t *tls_key_hash; /* 32 bytes the claims must name; NULL: not checked */
    const uint8_t *identity;     /* 32 bytes the claims must name; NULL: not checked */
};

struct ee_evidence_verdict {
    enum ee_evidence_proof proof;
    bool simulated; /* not a TDX machine: print it loudly */
    struct ee_claims claims;
    struct ee_measurement measurement;
    char label[EE_MEASUREMENT_LABEL_MAX + 1]; /* of the allow-list row that matched */
    uint8_t platform_id[16];                  /* PPID */
    uint8_t rtmr3[EE_SHA384_SIZE];            /* run time: extended at each start of a workload */
};

/* Checks in this order, each refusal its own error, `out` written only on EE_OK: claims well formed
 * (their own errors); quote, chain and collateral (EE_QUOTE, EE_SIGNATURE, EE_UNTRUSTED,
 * EE_EXPIRED, EE_REVOKED, EE_MISSING_FIELD without collateral); a simulated root
 * (EE_SIMULATED_REFUSED); DEBUG (EE_DEBUG_TD, no policy allows it); report data holds these claims
 * and this nonce (EE_NOT_BOUND for other claims, EE_NOT_FRESH for a nonce not in the quote);
 * EE_WRONG_NETWORK; EE_WRONG_ROLE; EE_MEASUREMENT; EE_TCB_REFUSED; EE_WRONG_IDENTITY; EE_NOT_FRESH
 * for another nonce than the policy's; EE_NOT_BOUND for another TLS key. */
EE_MUST_USE enum ee_err ee_evidence_verify(const struct ee_crypto *crypto,
                                           const struct ee_evidence *evidence,
                                           const struct ee_evidence_policy *policy,
                                           struct ee_evidence_verdict *out);

#endif
