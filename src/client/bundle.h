/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles (attest/bundle.h) as documents of the CLI: read, made of evidence, completed and judged,
 * under a network's genesis or under roots alone. docs/spec/evidence.md, "Bundles". */
#ifndef EE_CLIENT_BUNDLE_H
#define EE_CLIENT_BUNDLE_H

#include "attest/bundle.h"
#include "client/evidence.h"

/* A bundle with the memory it borrows. time_s 0: it came from an evidence document, which records
 * no time. */
struct ee_client_bundle {
    struct ee_bundle bundle;
    bool recorded; /* it has a time of its own */
    uint8_t *memory;
};

/* A bundle, or an evidence document as one. What is wrong with it is in `problem`, with exit code
 * 7. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_client_bundle_read(struct ee_client_problem *problem,
                                              struct ee_bytes text, struct ee_client_bundle *out);
void ee_client_bundle_free(struct ee_client_bundle *bundle);
/* Its text; the caller's to close. */
EE_MUST_USE enum ee_err ee_client_bundle_write(struct ee_client_problem *problem,
                                               const struct ee_bundle *bundle,
                                               struct ee_buffer *out);
/* A time at which it can be judged: `wanted_s` when that lies inside what its collateral says, else
 * when the newest part of the collateral was issued. EE_COLLATERAL: it has no collateral that can
 * be read. */
EE_MUST_USE enum ee_err ee_client_bundle_time(struct ee_client_problem *problem,
                                              const struct ee_bundle *bundle, int64_t wanted_s,
                                              int64_t *time_out);

/* What quote and collateral say, read under whatever root the collateral ends in: to be shown, not
 * to be believed. */
void ee_client_bundle_look(const struct ee_bundle *bundle, int64_t time_s, struct ee_verdict *out);

enum ee_client_at {
    EE_CLIENT_AT_RECORDED, /* the bundle's own time */
    EE_CLIENT_AT_NOW,
    EE_CLIENT_AT_GIVEN,
};

struct ee_client_bundle_policy {
    const struct ee_trust *trust; /* of a network; NULL: roots alone */
    const uint8_t (*roots)[EE_P256_POINT_SIZE];
    size_t root_count;
    const struct ee_attest_policy *tcb; /* NULL: the network's, or strict */
    enum ee_client_at at;
    int64_t time_s; /* for GIVEN */
};

struct ee_client_bundle_verdict {   /* about 13 KiB */
    struct ee_client_judged judged; /* claims and label are set for a network only */
    bool of_network;
    bool claims_bound; /* there are claims, and the report data is of them */
    struct ee_claims claims;
    struct ee_bundle_registers registers;
    /* Numbers of the last logged changes that the bundle brought, of the allow-list and of the
     * attestation policy; 0: none. A later one may have taken back what these allow. */
    uint64_t changes, policy_change;
    enum ee_client_at at;
    int64_t now_s;
};

/* Judges it at one time: quote, collateral, policy, claims, every event log; for a network also
 * the allow-list with the signed changes that the bundle carries. Errors of ee_attest_verify(),
 * ee_attest_policy_check(), ee_evidence_verify(), ee_trust_change(), EE_EVENT_LOG; `problem` says
 * which check failed, exit code 7. `out` is filled as far as the checks came. */
EE_MUST_USE enum ee_err ee_client_bundle_verify(struct ee_client_problem *problem,
                                                const struct ee_client_bundle *bundle,
                                                const struct ee_client_bundle_policy *policy,
                                                struct ee_client_bundle_verdict *out);

/* The logged changes as a bundle carries them: `items` of /v1/allow-changes, and the receipt of
 * /v1/policy ("" while there is none). They borrow `memory_out`, which the caller frees.
 * EE_TOO_LARGE: more than a bundle holds. */
EE_MUST_USE enum ee_err ee_client_bundle_changes(struct ee_client_problem *problem,
                                                 const json_t *items, const char *policy,
                                                 struct ee_bundle *bundle, uint8_t **memory_out);

#endif
