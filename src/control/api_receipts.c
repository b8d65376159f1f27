/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts, to the parties of the command. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/history.h"
#include "core/transfers.h"

#include "base/banned.h"

static bool lease_party(const struct ee_core *core, const uint8_t id[EE_ID_SIZE],
                        const char *account)
{
    const struct ee_lease *lease = ee_core_lease(core, id);
    return lease != NULL &&
           (strcmp(lease->launcher, account) == 0 || strcmp(lease->operator_name, account) == 0);
}

static bool node_party(const struct ee_core *core, const char *name, const char *account)
{
    const struct ee_node *node = ee_core_node(core, name);
    return node != NULL && strcmp(node->operator_name, account) == 0;
}

/* The lease a command is about; false: none. */
static bool lease_of_payload(const struct ee_command *command, uint8_t out[EE_ID_SIZE])
{
    union {
        struct ee_lease_start start;
        struct ee_lease_running running;
        struct ee_lease_end end;
        struct ee_slot_missed missed;
        struct ee_checks checks;
    } payload;
    const uint8_t *lease = NULL;
    if (command->kind == EE_COMMAND_LEASE_START &&
        ee_lease_start_decode(command->payload, &payload.start) == EE_OK)
        lease = payload.start.lease;
    else if (command->kind == EE_COMMAND_LEASE_RUNNING &&
             ee_lease_running_decode(command->payload, &payload.running) == EE_OK)
        lease = payload.running.lease;
    else if (command->kind == EE_COMMAND_LEASE_END &&
             ee_lease_end_decode(command->payload, &payload.end) == EE_OK)
        lease = payload.end.lease;
    else if (command->kind == EE_COMMAND_SLOT_MISSED &&
             ee_slot_missed_decode(command->payload, &payload.missed) == EE_OK)
        lease = payload.missed.lease;
    else if (command->kind == EE_COMMAND_CHECKS &&
             ee_checks_decode(command->payload, &payload.checks) == EE_OK)
        lease = payload.checks.lease;
    if (lease)
        memcpy(out, lease, EE_ID_SIZE);
    return lease != NULL;
}

static bool by_node(const struct ee_core *core, const struct ee_command *command,
                    const char *account)
{
    struct ee_node_admit admit;
    struct ee_node_lost lost;
    if (command->kind == EE_COMMAND_NODE_ADMIT)
        return ee_node_admit_decode(command->payload, &admit) == EE_OK &&
               node_party(core, admit.node, account);
    return command->kind == EE_COMMAND_NODE_LOST &&
           ee_node_lost_decode(command->payload, &lost) == EE_OK &&
           node_party(core, lost.node, account);
}

/* Whoever got credits by one of many transfers. */
static bool bulk_party(const struct ee_command *command, const char *account)
{
    struct ee_transfers transfers;
    struct ee_transfers_row row;
    struct ee_cursor rows;
    if (ee_transfers_open(command->payload, &transfers) != EE_OK)
        return false;
    ee_cursor_init(&rows, transfers.rows);
    while (ee_transfers_next(&rows, &row))
        if (ee_bytes_equal(row.to, ee_bytes_str(account)))
            return true;
    return false;
}

static bool other_party(const struct ee_command *command, const char *account)
{
    struct ee_mint mint;
    struct ee_transfer_credits transfer;
    if (command->kind == EE_COMMAND_MINT)
        return ee_mint_decode(command->payload, &mint) == EE_OK &&
               strcmp(mint.account, account) == 0;
    if (command->kind == EE_COMMAND_TRANSFERS)
        return bulk_party(command, account);
    return command->kind == EE_COMMAND_TRANSFER &&
           ee_transfer_credits_decode(command->payload, &transfer) == EE_OK &&
           strcmp(transfer.to, account) == 0;
}

static bool lease_of_result(const struct ee_core *core, const struct ee_history *history,
                            const char *account)
{
    struct ee_reserve_result reserve;
    if (history->command.kind != EE_COMMAND_LEASE_RESERVE ||
        ee_reserve_result_decode(ee_bytes_of(history->result.body, history->result.body_size),
                                 &reserve) != EE_OK)
        return false;
    return lease_party(core, reserve.lease, account);
}

static bool is_party(const struct ee_core *core, const struct ee_history *history,
                     const char *account)
{
    const struct ee_command *command = &history->command;
    if (command->kind == EE_COMMAND_ALLOW || command->kind == EE_COMMAND_POLICY ||
        command->kind == EE_COMMAND_COLLATERAL)
        return true; /* what everybody's decisions rest on */
    if (command->actor_kind == EE_ACTOR_ACCOUNT && strcmp(command->actor, account) == 0)
        return true;
    uint8_t lease[EE_ID_SIZE];
    if (lease_of_payload(command, lease))
        return lease_party(core, lease, account);
    return by_node(core, command, account) || other_party(command, account) ||
           lease_of_result(core, history, account);
}

void ee_api_receipt(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    struct ee_history *history = NULL;
    uint64_t seq;
    char *text = NULL;
    size_t size = 0;
    enum ee_err err = ee_u64_parse(call->values.value[0], &seq);
    if (err == EE_OK)
        err = ee_history_read(control->sequencer, seq, &history);
    if (err == EE_OK && !is_party(ee_control_core(control), history, call->account))
        err = EE_NOT_FOUND;
    if (err == EE_OK)
        err = ee_receipt_store_receipt(control->evidence, control->sequencer, seq, &text, &size);
    ee_history_free(history);
    if (err == EE_OK)
        ee_api_answer_text(call, "application/json", ee_bytes_of(text, size));
    else
        ee_api_fail(call, err == EE_SYNTAX || err == EE_OVERFLOW ? EE_NOT_FOUND : err, NULL);
    free(text);
}
