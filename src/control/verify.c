/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/history.h"
#include "link/collateral_store.h"

#include "base/banned.h"

static enum ee_err apply_change(struct ee_control *control, uint64_t seq)
{
    struct ee_history *history;
    EE_TRY(ee_history_read(control->sequencer, seq, &history));
    enum ee_err err = ee_trust_command(control->crypto, &control->trust, &history->command);
    ee_history_free(history);
    return err == EE_OK ? EE_OK : EE_REPLAY;
}

enum ee_err ee_control_trust_sync(struct ee_control *control)
{
    const struct ee_core *core = ee_control_core(control);
    const uint64_t durable = ee_sequencer_durable_seq(control->sequencer);
    for (;;) {
        size_t index = (size_t)control->trust.last_change; /* numbers count from 1 */
        uint64_t seq = ee_core_allow_change_seq(core, index);
        if (seq == 0 || seq > durable)
            break;
        EE_TRY(apply_change(control, seq));
    }
    for (;;) {
        const struct ee_policy_applied *applied =
            ee_core_policy_change(core, (size_t)control->trust.last_policy);
        if (applied == NULL || applied->seq > durable)
            return EE_OK;
        EE_TRY(apply_change(control, applied->seq));
    }
}

/* The log is known to replay to RTMR3. A workload that has ended meanwhile is there as well. */
static enum ee_err check_deployment(const struct ee_verify_request *request,
                                    const struct ee_evidence *evidence)
{
    struct ee_agent_event event;
    bool stopped;
    if (request->lease == NULL)
        return EE_OK;
    if (evidence->event_log.size == 0)
        return EE_NOT_MEASURED;
    EE_TRY(ee_agent_log_deployment(evidence->event_log, request->lease, &event, &stopped));
    bool same = memcmp(event.deployment_hash, request->deployment_hash, 32) == 0;
    return same ? EE_OK : EE_NOT_MEASURED;
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
    policy.cache = control->verify_cache;
    policy.tls_key_hash = request->tls_key_hash;
    policy.identity = request->identity;
    policy.nonce_kind = EE_NONCE_CHANNEL;
    policy.nonce = *request->nonce;
    policy.allow_unlogged = control->allow_unmeasured;
    EE_TRY(ee_evidence_verify(control->crypto, evidence, &policy, NULL, 0, out));
    return control->allow_unmeasured ? EE_OK : check_deployment(request, evidence);
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

static void text_add(char out[EE_REFUSAL_TEXT_SIZE], const struct ee_finding *finding)
{
    char words[EE_FINDING_TEXT_SIZE];
    size_t size = strlen(out);
    (void)snprintf(out + size, EE_REFUSAL_TEXT_SIZE - size, "%s%s", size > 0 ? "; " : "",
                   ee_attest_finding_text(finding, words));
}

char *ee_control_refusal_text(const struct ee_evidence_verdict *verdict, enum ee_err err,
                              char out[EE_REFUSAL_TEXT_SIZE])
{
    const struct ee_verdict *quote = &verdict->quote;
    bool found = verdict->finding.reason != EE_REASON_NONE;
    /* A rule is also named when it accepted; then there is no finding of it. */
    bool by_policy = found && err != EE_EVENT_LOG && verdict->rule != EE_RULE_NONE;
    char words[EE_FINDING_TEXT_SIZE];
    out[0] = '\0';
    if (by_policy) /* the advice below says how to cure it */
        (void)snprintf(out, EE_REFUSAL_TEXT_SIZE, "rule %s: %s", ee_attest_rule_name(verdict->rule),
                       ee_attest_finding_text(&verdict->finding, words));
    else if (err == EE_EVENT_LOG && found)
        text_add(out, &verdict->finding);
    for (size_t i = 0; (by_policy || quote->err == err) && i < quote->finding_count; i++) {
        bool advice = ee_attest_reason_err(quote->findings[i].reason) == EE_OK;
        if (advice ? out[0] != '\0' : out[0] == '\0')
            text_add(out, &quote->findings[i]);
    }
    if (out[0] == '\0')
        (void)snprintf(out, EE_REFUSAL_TEXT_SIZE, "%s", ee_err_text(err));
    return out;
}
