/* SPDX-License-Identifier: Apache-2.0 */
#include "control/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/history.h"

#include "base/banned.h"

enum ee_err ee_control_collateral_load(struct ee_control *control)
{
    struct ee_file_data file;
    struct ee_collateral collateral;
    if (control->collateral_path[0] == '\0')
        return EE_OK;
    EE_TRY(ee_file_read(control->collateral_path, EE_EVIDENCE_COLLATERAL_MAX, &file));
    uint8_t *scratch = malloc(file.size + 1);
    enum ee_err err = scratch == NULL ? EE_NO_MEMORY : EE_OK;
    if (err == EE_OK && ee_attest_collateral_decode(ee_file_bytes(&file), scratch, file.size,
                                                    &collateral) != EE_REASON_NONE)
        err = EE_SYNTAX;
    if (err != EE_OK) {
        free(scratch);
        ee_file_data_free(&file);
        return err;
    }
    ee_file_data_free(&control->collateral_file);
    free(control->collateral_scratch);
    control->collateral_file = file;
    control->collateral_scratch = scratch;
    control->collateral = collateral;
    return EE_OK;
}

void ee_control_collateral_hash(const struct ee_control *control, uint8_t out[32])
{
    struct ee_bytes bytes = ee_file_bytes(&control->collateral_file);
    memset(out, 0, 32);
    if (bytes.size > 0)
        control->crypto->sha256(&bytes, 1, out);
}

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
                          const struct ee_evidence *evidence, struct ee_evidence_verdict *out)
{
    struct ee_evidence_policy policy;
    EE_TRY(ee_control_trust_sync(control));
    ee_trust_policy(&control->trust, EE_ROLE_AGENT, ee_control_now_s(control), &policy);
    policy.collateral = control->collateral_scratch != NULL ? &control->collateral : NULL;
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
                              struct ee_evidence_verdict *out)
{
    struct ee_evidence evidence;
    uint8_t *memory = malloc(request->text.size + 1);
    if (memory == NULL)
        return EE_NO_MEMORY;
    enum ee_err err =
        ee_evidence_decode(control->crypto, request->text, memory, request->text.size, &evidence);
    if (err == EE_OK)
        err = verify(control, request, &evidence, out);
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
    bool by_policy = err == EE_TCB_REFUSED && quote->err == EE_OK;
    out[0] = '\0';
    if ((by_policy || err == EE_EVENT_LOG) && verdict->finding.reason != EE_REASON_NONE)
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
