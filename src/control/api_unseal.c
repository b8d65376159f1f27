/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of the journal's key from its holders, and a new key for them. */
#include <stdio.h>
#include <string.h>

#include "control/api.h"
#include "control/unseal.h"
#include "io/log.h"

#include "base/banned.h"

static json_t *received_json(const struct ee_unseal *unseal)
{
    json_t *list = json_array();
    for (size_t i = 0; i < unseal->received; i++)
        json_array_append_new(
            list, json_string(unseal->document.rows[unseal->shares[i].index - 1].holder.name));
    return list;
}

static json_t *state_json(const struct ee_unseal *unseal)
{
    const struct ee_key_document *document = &unseal->document;
    return json_pack("{s:b, s:o, s:o, s:o, s:i, s:i, s:o}", "locked", unseal->locked, "generation",
                     ee_json_u64(document->generation), "key_id",
                     ee_json_hex(document->key_id, sizeof document->key_id), "holders_number",
                     ee_json_u64(document->number), "threshold", (int)document->threshold,
                     "holders", (int)document->count, "received", received_json(unseal));
}

void ee_api_unseal_state(struct ee_api_call *call)
{
    const struct ee_unseal *unseal = call->control->unseal;
    uint8_t memory[EE_KEY_DOCUMENT_SIZE_MAX];
    size_t size;
    if (unseal == NULL) {
        ee_api_fail(call, EE_NOT_FOUND, "holders do not keep the key of this journal");
        return;
    }
    json_t *answer = state_json(unseal);
    if (unseal->locked &&
        ee_key_document_encode(&unseal->document, memory, sizeof memory, &size) == EE_OK)
        json_object_set_new(answer, "document", ee_json_base64(ee_bytes_of(memory, size)));
    ee_api_answer_json(call, 200, answer);
}

static void share_refused(struct ee_api_call *call, enum ee_err err, uint8_t index)
{
    const struct ee_unseal *unseal = call->control->unseal;
    char detail[160];
    if (err == EE_STATE || unseal == NULL) {
        ee_api_fail(call, EE_STATE, "the control plane is not locked");
        return;
    }
    if (err == EE_SEAL_OPEN && index >= 1 && index <= unseal->document.count) {
        snprintf(detail, sizeof detail,
                 "the share of %s does not open here, is not the one that was given out, or does "
                 "not give the key with the others",
                 unseal->document.rows[index - 1].holder.name);
        EE_LOG(EE_LOG_WARN, "unseal", "a share is refused",
               ee_log_text("holder", unseal->document.rows[index - 1].holder.name));
        ee_api_fail(call, err, detail);
        return;
    }
    ee_api_fail(call, err, NULL);
}

void ee_api_unseal(struct ee_api_call *call)
{
    uint8_t sealed[EE_KEY_SHARE_SEALED_SIZE];
    uint32_t index = 0;
    const struct ee_json_field fields[] = {
        {"share", EE_JSON_U32, &index, 0, false},
        {"sealed", EE_JSON_HEX, sealed, sizeof sealed, false},
    };
    if (!ee_api_read(call, fields, 2))
        return;
    uint8_t number = index <= EE_KEY_HOLDERS_MAX ? (uint8_t)index : 0;
    enum ee_err err = ee_unseal_take(call->control, number, sealed);
    if (err == EE_OK)
        ee_api_answer_json(call, 200, state_json(call->control->unseal));
    else
        share_refused(call, err, number);
}

/* Sent again, because the answer was lost: what it asks for is done. */
static bool in_use(const struct ee_key_document *document, const struct ee_key_holders *holders)
{
    if (document->number != holders->number || document->threshold != holders->threshold ||
        document->count != holders->count)
        return false;
    for (size_t i = 0; i < holders->count; i++)
        if (strcmp(document->rows[i].holder.name, holders->holders[i].name) != 0 ||
            memcmp(document->rows[i].holder.public_key, holders->holders[i].public_key,
                   sizeof holders->holders[i].public_key) != 0)
            return false;
    return true;
}

/* The signature of the founding key is what allows it; a list counts once. */
void ee_api_journal_key(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    struct ee_key_holders holders;
    const char *text = NULL;
    const struct ee_json_field fields[] = {{"holders", EE_JSON_STRING, &text, 0, false}};
    if (!ee_api_read(call, fields, 1))
        return;
    if (control->unseal == NULL) {
        ee_api_fail(call, EE_STATE, "holders do not keep the key of this journal");
        return;
    }
    enum ee_err err =
        ee_holders_parse(control->crypto, ee_bytes_str(text), control->trust.network_id,
                         control->trust.genesis.founding_key, &holders);
    if (err == EE_OK && in_use(&control->unseal->document, &holders)) {
        ee_api_answer_json(call, 200, state_json(control->unseal));
        return;
    }
    if (err == EE_OK)
        err = ee_journal_key_renew(control->vault, control->journal, control->crypto, &holders,
                                   &control->unseal->document, &control->unseal->document);
    if (err != EE_OK) {
        ee_api_fail(call, err, NULL);
        return;
    }
    EE_LOG(EE_LOG_INFO, "unseal", "a new journal key is in use",
           ee_log_unsigned("generation", control->unseal->document.generation),
           ee_log_hex("key", control->unseal->document.key_id, EE_DATA_KEY_ID_SIZE));
    ee_api_answer_json(call, 200, state_json(control->unseal));
}
