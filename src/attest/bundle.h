/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle: one text that holds all that is needed to verify a quote offline at its own time, be it
 * of our network (with claims, nonce and path) or of anybody's cloud: quote, collateral with its
 * issuer chains, event logs, and the signed changes of a network's lists that were in force. As
 * with evidence, there is one text for one bundle. docs/spec/evidence.md, "Bundles". */
#ifndef EE_ATTEST_BUNDLE_H
#define EE_ATTEST_BUNDLE_H

#include "attest/eventlog.h"
#include "attest/evidence.h"

enum {
    EE_BUNDLE_QUOTE_MAX = EE_QUOTE_MAX,
    EE_BUNDLE_COLLATERAL_MAX = 256 * 1024,
    EE_BUNDLE_CHANGES_MAX = 256,
    EE_BUNDLE_CHANGE_MAX = 64 * 1024, /* one change */
    EE_BUNDLE_TEXT_MAX = 4 * 1024 * 1024,
};

struct ee_bundle {
    int64_t time_s;         /* at which it is to be verified; the packer's word */
    struct ee_bytes quote;  /* without padding; borrowed, as all bytes here */
    struct ee_bytes claims; /* empty: the report data is somebody else's */
    struct ee_nonce nonce;  /* with its place in the freshness tree; only with claims */
    uint32_t index, size;   /* size 0: no claims */
    size_t path_count;
    struct ee_tlog_hash path[EE_FRESHNESS_PATH_MAX];
    struct ee_bytes ccel;       /* TCG2 event log; may be empty */
    struct ee_bytes dstack;     /* may be empty */
    struct ee_bytes agent_log;  /* may be empty */
    struct ee_bytes collateral; /* bytes of a collateral file */
    size_t change_count;
    struct ee_bytes changes[EE_BUNDLE_CHANGES_MAX]; /* canonical commands, in order */
};

/* Is this the beginning of a bundle (and not, say, of an evidence document)? */
bool ee_bundle_looks_like(struct ee_bytes text);
/* Bytes the JSON form needs, with a NUL. */
size_t ee_bundle_text_size(const struct ee_bundle *bundle);
/* Writes the JSON form: one line, final newline, NUL (*size_out is without it). EE_TOO_LARGE: a
 * part or the buffer; EE_RANGE: time, index, size, path, or a nonce without claims. */
EE_MUST_USE enum ee_err ee_bundle_encode(const struct ee_crypto *crypto,
                                         const struct ee_bundle *bundle, char *out, size_t capacity,
                                         size_t *size_out);
/* Into `memory`, which the result borrows; text.size bytes suffice. Form and digest, nothing else.
 * Errors as ee_evidence_decode(). */
EE_MUST_USE enum ee_err ee_bundle_decode(const struct ee_crypto *crypto, struct ee_bytes text,
                                         uint8_t *memory, size_t memory_size,
                                         struct ee_bundle *out);

/* The same quote, claims, nonce, agent log and collateral as evidence of our network; borrows. */
void ee_bundle_evidence(const struct ee_bundle *bundle, struct ee_evidence *out);

/* Which log explains each register: an enum ee_eventlog_kind, or 0. */
struct ee_bundle_registers {
    uint8_t explained_by[EE_RTMR_COUNT];
    bool zero[EE_RTMR_COUNT]; /* never extended: needs no log */
};
/* Replays every log against the registers of a verified quote. All must hold: the first failure
 * is returned and `finding_out` says which. `scratch`: at least bundle->dstack.size. */
EE_MUST_USE enum ee_reason
ee_bundle_logs_check(const struct ee_crypto *crypto, const struct ee_bundle *bundle,
                     const struct ee_td_report *td, uint8_t *scratch, size_t scratch_size,
                     struct ee_bundle_registers *out, struct ee_finding *finding_out);
#endif
