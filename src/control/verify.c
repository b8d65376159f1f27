/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verify.h"

#include <stdlib.h>
#include <string.h>

#include "control/history.h"
#include "link/collateral_store.h"

#include "base/banned.h"

static enum ee_err apply_change(struct ee_control *control, uint64_t seq)
{
    struct ee_history *history;
    struct ee_allow_change change;
    EE_TRY(ee_history_read(control->sequencer, seq, &history));
    enum ee_err err = ee_allow_change_decode(history->command.payload, &change);
    if (err == EE_OK)
        err = ee_trust_change(control->crypto, &control->trust, &change);
    ee_history_free(history);
    return err == EE_OK ? EE_OK : EE_REPLAY;
}

enum ee_err ee_control_trust_sync(struct ee_control *control)
{
    for (;;) {
        size_t index = (size_t)control->trust.last_change; /* numbers count from 1 */
        uint64_t seq = ee_core_allow_change_seq(ee_control_core(control), index);
        if (seq == 0 || seq > ee_sequencer_durable_seq(control->sequencer))
            return EE_OK;
        EE_TRY(apply_change(control, seq));
    }
}

static enum ee_err verify(struct ee_control *control, const struct ee_verify_request *request,
                          const struct ee_evidence *evidence, struct ee_evidence_verdict *out,
                          uint8_t collateral_hash_out[32])
{
    struct ee_evidence_policy policy;
    const struct ee_collateral_set *set =
        ee_collateral_store_for(control->collateral, evidence->quote);
    if (set != NULL)
        memcpy(collateral_hash_out, set->hash, sizeof set->hash);
    EE_TRY(ee_control_trust_sync(control));
    ee_trust_policy(&control->trust, EE_ROLE_AGENT, ee_control_now_s(control), &policy);
    policy.collateral = set != NULL ? &set->collateral : NULL;
    policy.tls_key_hash = request->tls_key_hash;
    policy.identity = request->identity;
    policy.nonce_kind = EE_NONCE_CHANNEL;
    policy.nonce = *request->nonce;
    return ee_evidence_verify(control->crypto, evidence, &policy, NULL, 0, out);
}

enum ee_err ee_control_verify(struct ee_control *control, const struct ee_verify_request *request,
                              struct ee_evidence_verdict *out, uint8_t collateral_hash_out[32])
{
    struct ee_evidence evidence;
    memset(collateral_hash_out, 0, 32);
    uint8_t *memory = malloc(request->text.size + 1);
    if (memory == NULL)
        return EE_NO_MEMORY;
    enum ee_err err =
        ee_evidence_decode(control->crypto, request->text, memory, request->text.size, &evidence);
    if (err == EE_OK)
        err = verify(control, request, &evidence, out, collateral_hash_out);
    free(memory);
    return err;
}
