/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence documents judged under a genesis, with a verdict that owns its texts, and its rendering.
 */
#ifndef EE_CLIENT_EVIDENCE_H
#define EE_CLIENT_EVIDENCE_H

#include "attest/evidence.h"
#include "client/problem.h"
#include "core/trust.h"
#include "io/buffer.h"

/* At which time a saved document was judged. */
enum ee_client_time_source {
    EE_CLIENT_TIME_NOW,
    EE_CLIENT_TIME_GIVEN,
    EE_CLIENT_TIME_RECORDED,   /* a bundle's own */
    EE_CLIENT_TIME_COLLATERAL, /* now is past the collateral: judged at its issue date */
};

struct ee_client_judged { /* about 12 KiB */
    struct ee_evidence_verdict verdict;
    char label[EE_MEASUREMENT_LABEL_MAX + 1]; /* of the allow-list row */
    uint8_t measurement[EE_SHA256_SIZE];      /* digest */
    int64_t time_s;
    enum ee_client_time_source time_source;
};

/* Judges the JSON text of a document; `policy` comes from ee_trust_policy() and the caller. The
 * collateral the document brings may be used: it is signed under the genesis' roots. The pointer
 * `allowed` of the verdict is not kept. Errors of ee_evidence_decode() and ee_evidence_verify(),
 * EE_NO_MEMORY; `problem` says which check failed; its exit code is 7 whatever is wrong
 * with the document. */
EE_MUST_USE enum ee_err ee_client_evidence_judge(struct ee_client_problem *problem,
                                                 struct ee_bytes text,
                                                 struct ee_evidence_policy *policy,
                                                 struct ee_client_judged *out);

/* The same for a document that is read already. */
EE_MUST_USE enum ee_err ee_client_evidence_judge_parsed(struct ee_client_problem *problem,
                                                        const struct ee_evidence *evidence,
                                                        struct ee_evidence_policy *policy,
                                                        struct ee_client_judged *out);

/* A document without collateral gets that of `donor`, a document that has some: collateral is
 * public and signed under the roots, not part of what the quote binds. One that has its own is
 * copied as it is. `out` is the caller's to close. Errors of the codec; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_client_evidence_complete(struct ee_client_problem *problem,
                                                    struct ee_bytes text, struct ee_bytes donor,
                                                    struct ee_buffer *out);

/* A saved document, of whatever role its claims say: nothing about freshness is proven. `time_s` 0:
 * now, and when that is outside the collateral's validity, its issue date, if all holds then. */
EE_MUST_USE enum ee_err ee_client_evidence_judge_saved(struct ee_client_problem *problem,
                                                       const struct ee_trust *trust,
                                                       struct ee_bytes text, int64_t time_s,
                                                       struct ee_client_judged *out);

const char *ee_client_proof_name(enum ee_evidence_proof proof); /* "channel-bound", ... */
const char *ee_client_time_source_text(enum ee_client_time_source source);
/* {"proof","simulated","measurement":LABEL,"tcb_status"} and more; new. */
json_t *ee_client_attested_json(const struct ee_client_judged *judged);
/* What claims themselves say, judged or not; new. */
json_t *ee_client_network_claims_json(const struct ee_claims *claims);
/* Everything the claims say; new. */
json_t *ee_client_claims_json(const struct ee_client_judged *judged);

#endif
