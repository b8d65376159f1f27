/* SPDX-License-Identifier: Apache-2.0 */
#include "client/receipt_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static enum ee_err signer_verify(const struct ee_crypto *crypto, struct ee_bytes text,
                                 const struct ee_evidence_policy *policy,
                                 struct ee_evidence_verdict *out)
{
    struct ee_evidence evidence;
    uint8_t *scratch = NULL;
    uint8_t *memory = malloc(text.size + 1);
    enum ee_err err = EE_NO_MEMORY;
    if (memory == NULL)
        goto out;
    err = ee_evidence_decode(crypto, text, memory, text.size, &evidence);
    if (err != EE_OK)
        goto out;
    err = EE_NO_MEMORY;
    scratch = malloc(evidence.collateral.size + 1);
    if (scratch == NULL)
        goto out;
    err = ee_evidence_verify(crypto, &evidence, policy, scratch, evidence.collateral.size, out);
out:
    free(scratch);
    free(memory);
    return err;
}

/* The evidence was made when the log had this head; a checkpoint behind it is of a log that was
 * set back. */
static enum ee_err head_check(const struct ee_claims *claims,
                              const struct ee_tlog_checkpoint *checkpoint)
{
    if (claims->ledger_size > checkpoint->size)
        return EE_CHECKPOINT;
    if (claims->ledger_size == checkpoint->size &&
        memcmp(claims->ledger_root, checkpoint->root.bytes, EE_TLOG_HASH_SIZE) != 0)
        return EE_CHECKPOINT;
    return EE_OK;
}

static enum ee_err settlement_check(const struct ee_trust *trust,
                                    struct ee_receipt_checked *checked)
{
    const struct ee_receipt_fact *fact = &checked->fact;
    checked->is_settlement = fact->command.kind == EE_COMMAND_CHECKS && fact->result.err == EE_OK;
    if (!checked->is_settlement)
        return EE_OK;
    return ee_receipt_settlement_consistent(ee_params_of(trust->genesis.profile), &fact->command,
                                            &fact->result, &checked->settlement);
}

enum ee_err ee_receipt_changes_apply(const struct ee_crypto *crypto,
                                     const struct ee_receipt *receipt, struct ee_trust *trust,
                                     struct ee_checkpoint_key out[EE_SUCCESSIONS_MAX],
                                     size_t *count_out)
{
    struct ee_command command;
    size_t count = 0;
    for (size_t i = 0; i < receipt->change_count; i++) {
        EE_TRY(ee_command_decode(receipt->changes[i], &command));
        if (command.kind != EE_COMMAND_CHECKPOINT_KEY) {
            EE_TRY(ee_trust_command(crypto, trust, &command));
            continue;
        }
        if (count == EE_SUCCESSIONS_MAX)
            return EE_TOO_LARGE;
        EE_TRY(ee_checkpoint_key_decode(command.payload, &out[count++]));
    }
    *count_out = count;
    return EE_OK;
}

static enum ee_err parts_check(const struct ee_crypto *crypto, const struct ee_receipt *receipt,
                               const struct ee_evidence_policy *policy,
                               const struct ee_checkpoint_key *keys,
                               struct ee_receipt_checked *checked)
{
    const struct ee_trust *trust = checked->trust;
    EE_TRY(signer_verify(crypto, receipt->evidence, policy, &checked->signer));
    const struct ee_claims *claims = &checked->signer.claims;
    EE_TRY(ee_succession_verify(crypto, trust->network_id, trust->genesis.founding_key, keys,
                                checked->successions, claims->checkpoint_key));
    EE_TRY(ee_receipt_verify(crypto, receipt, trust->network_id, claims->checkpoint_key,
                             &checked->fact));
    EE_TRY(head_check(claims, &checked->fact.checkpoint));
    return settlement_check(trust, checked);
}

/* `receipt` is scratch: it is large. */
static enum ee_err file_check(const struct ee_crypto *crypto, struct ee_bytes file, int64_t time_s,
                              const struct ee_collateral *collateral, uint8_t *memory,
                              struct ee_receipt *receipt, struct ee_checkpoint_key *keys,
                              struct ee_receipt_checked *checked)
{
    struct ee_evidence_policy policy;
    size_t size;
    EE_TRY(ee_receipt_file_read(crypto, file, memory, file.size, &size));
    EE_TRY(ee_receipt_decode(ee_bytes_of(memory, size), receipt));
    EE_TRY(ee_receipt_changes_apply(crypto, receipt, checked->trust, keys, &checked->successions));
    checked->changes = checked->trust->last_change;
    checked->policy_change = checked->trust->last_policy;
    ee_trust_policy(checked->trust, EE_ROLE_CONTROL, time_s, &policy);
    policy.collateral = collateral;
    policy.allow_own_collateral = collateral == NULL;
    return parts_check(crypto, receipt, &policy, keys, checked);
}

enum ee_err ee_receipt_check(const struct ee_crypto *crypto, const struct ee_trust *trust,
                             struct ee_bytes file, int64_t time_s,
                             const struct ee_collateral *collateral, struct ee_receipt_checked *out)
{
    enum ee_err err = EE_NO_MEMORY;
    struct ee_receipt_checked *checked = calloc(1, sizeof(*checked));
    struct ee_receipt *receipt = malloc(sizeof(*receipt));
    struct ee_checkpoint_key *keys = calloc(EE_SUCCESSIONS_MAX, sizeof(*keys));
    struct ee_trust *own = malloc(sizeof(*own));
    uint8_t *memory = malloc(file.size + 1);
    if (checked == NULL || receipt == NULL || keys == NULL || own == NULL || memory == NULL)
        goto out;
    *own = *trust;
    checked->trust = own;
    err = file_check(crypto, file, time_s, collateral, memory, receipt, keys, checked);
    if (err != EE_OK)
        goto out;
    *out = *checked;
    out->memory = memory; /* now the caller's, both */
    memory = NULL;
    own = NULL;
out:
    free(memory);
    free(own);
    free(keys);
    free(receipt);
    free(checked);
    return err;
}

void ee_receipt_checked_free(struct ee_receipt_checked *checked)
{
    free(checked->memory);
    free(checked->trust);
    checked->memory = NULL;
    checked->trust = NULL;
}
