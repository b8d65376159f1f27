/* SPDX-License-Identifier: Apache-2.0 */
/* What a holder of the genesis document accepts as evidence: its roots, its allow-list, and the
 * later changes of that list and of the attestation policy which the founding key signed. Clients,
 * agents and the control plane decide by the same rules. */
#ifndef EE_CORE_TRUST_H
#define EE_CORE_TRUST_H

#include "attest/evidence.h"
#include "core/command.h"
#include "core/genesis.h"

struct ee_trust {
    struct ee_genesis genesis;
    uint8_t network_id[32];
    uint8_t roots[EE_GENESIS_ROOTS_MAX][EE_P256_POINT_SIZE];
    size_t allowed_count;
    struct ee_measurement_allowed allowed[EE_ALLOW_MAX];
    uint64_t last_change;           /* number of the newest change applied; 0: none */
    struct ee_attest_policy policy; /* ee_attest_policy_network until a change replaces it */
    uint64_t last_policy;           /* number of the newest policy applied; 0: none */
};

/* From canonical genesis bytes. Errors of ee_genesis_decode. */
EE_MUST_USE enum ee_err ee_trust_init(const struct ee_crypto *crypto, struct ee_bytes genesis,
                                      struct ee_trust *out);

/* Adds or retires a measurement. EE_SIGNATURE: not by the founding key over this network; EE_STATE:
 * not the number after the last one; EE_FULL. A change of a number already applied is EE_OK and
 * does nothing. */
EE_MUST_USE enum ee_err ee_trust_change(const struct ee_crypto *crypto, struct ee_trust *trust,
                                        const struct ee_allow_change *change);

/* Replaces the attestation policy. Each change holds the whole policy, so that one which was missed
 * needs no replay: any higher number will do, a lower or equal one is EE_OK and does nothing.
 * EE_SIGNATURE; errors of ee_attest_policy_decode(). */
EE_MUST_USE enum ee_err ee_trust_policy_change(const struct ee_crypto *crypto,
                                               struct ee_trust *trust,
                                               const struct ee_policy_change *change);
/* The same for a logged command, POLICY or ALLOW. EE_UNSUPPORTED for another kind. */
EE_MUST_USE enum ee_err ee_trust_command(const struct ee_crypto *crypto, struct ee_trust *trust,
                                         const struct ee_command *command);

/* A policy for evidence of `role` at `time_s`; roots, list and attestation policy are borrowed from
 * `trust`. The caller sets nonce, key hash, identity and collateral. */
void ee_trust_policy(const struct ee_trust *trust, enum ee_role role, int64_t time_s,
                     struct ee_evidence_policy *out);

#endif
