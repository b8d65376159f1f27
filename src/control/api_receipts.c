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

static const char *redemption_account(const struct ee_core *core, const struct ee_command *command)
{
    struct ee_redemption_word word;
    if (ee_redemption_word_decode(command->payload, &word) != EE_OK)
        return "";
    const struct ee_redemption *redemption = ee_core_redemption(core, word.redemption);
    return redemption != NULL ? redemption->account : "";
}

static const char *payment_account(const struct ee_core *core, const struct ee_command *command)
{
    struct ee_payment_word word;
    if (ee_payment_word_decode(command->payload, &word) != EE_OK)
        return "";
    const struct ee_payment *payment = ee_core_payment(core, word.payment);
    return payment != NULL ? payment->account : "";
}

static bool other_party(const struct ee_core *core, const struct ee_command *command,
                        const char *account)
{
    struct ee_mint mint;
    struct ee_transfer_credits transfer;
    if (command->kind == EE_COMMAND_MINT)
        return ee_mint_decode(command->payload, &mint) == EE_OK &&
               strcmp(mint.account, account) == 0;
    if (command->kind == EE_COMMAND_TRANSFERS)
        return bulk_party(command, account);
    if (command->kind == EE_COMMAND_REDEMPTION)
        return strcmp(redemption_account(core, command), account) == 0;
    if (command->kind == EE_COMMAND_PAYMENT)
        return strcmp(payment_account(core, command), account) == 0;
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

static bool of_redemption(const struct ee_history *history, const char *account)
{
    struct ee_redeem_result body;
    return history->command.kind == EE_COMMAND_REDEMPTION &&
           ee_redeem_result_decode(ee_bytes_of(history->result.body, history->result.body_size),
                                   &body) == EE_OK &&
           strcmp(body.account, account) == 0;
}

/* Whose lock a TICK took. */
static bool of_tick(const struct ee_core *core, const struct ee_history *history,
                    const char *account)
{
    struct ee_tick_result body;
    if (history->command.kind != EE_COMMAND_TICK || history->result.body_size == 0 ||
        ee_tick_result_decode(ee_bytes_of(history->result.body, history->result.body_size),
                              &body) != EE_OK)
        return false;
    for (uint32_t i = 0; i < body.lock_count; i++)
        if (lease_party(core, body.locks[i].lease, account))
            return true;
    return false;
}

/* What everybody's decisions rest on. */
static bool is_public(enum ee_command_kind kind)
{
    return kind == EE_COMMAND_ALLOW || kind == EE_COMMAND_POLICY || kind == EE_COMMAND_COLLATERAL ||
           kind == EE_COMMAND_RECOVERY || kind == EE_COMMAND_CHECKPOINT_KEY ||
           kind == EE_COMMAND_LIABILITIES;
}

static bool is_party(const struct ee_core *core, const struct ee_history *history,
                     const char *account)
{
    const struct ee_command *command = &history->command;
    if (is_public(command->kind))
        return true;
    if (command->actor_kind == EE_ACTOR_ACCOUNT && strcmp(command->actor, account) == 0)
        return true;
    uint8_t lease[EE_ID_SIZE];
    if (lease_of_payload(command, lease))
        return lease_party(core, lease, account);
    return by_node(core, command, account) || other_party(core, command, account) ||
           lease_of_result(core, history, account) || of_redemption(history, account) ||
           of_tick(core, history, account);
}

/* A command of this account by its id, a redemption, or a lease, which means its first lock. */
static uint64_t seq_of_id(const struct ee_api_call *call, const uint8_t id[EE_ID_SIZE])
{
    const struct ee_core *core = ee_control_core(call->control);
    uint64_t seq =
        ee_core_id_seq(core, call->admin ? EE_ACTOR_ADMIN : EE_ACTOR_ACCOUNT, call->account, id);
    const struct ee_redemption *redemption = ee_core_redemption(core, id);
    const struct ee_period *period = ee_core_period(core, id, 0);
    if (seq == 0 && redemption != NULL)
        seq = redemption->seq;
    return seq == 0 && period != NULL ? period->lock_seq : seq;
}

/* SEQ, ID or LEASE-PERIOD (the lock of that period). 0: none. */
static uint64_t seq_of(const struct ee_api_call *call)
{
    const char *text = call->values.value[0];
    const size_t hex = (size_t)2 * EE_ID_SIZE;
    uint8_t id[EE_ID_SIZE];
    uint64_t number = 0;
    if (strlen(text) < hex)
        return ee_u64_parse(text, &number) == EE_OK ? number : 0;
    if (ee_hex_decode(ee_bytes_of(text, hex), id, sizeof id) != EE_OK)
        return 0;
    if (text[hex] == '\0')
        return seq_of_id(call, id);
    if (text[hex] != '-' || ee_u64_parse(text + hex + 1, &number) != EE_OK || number > UINT32_MAX)
        return 0;
    const struct ee_period *period =
        ee_core_period(ee_control_core(call->control), id, (uint32_t)number);
    return period != NULL ? period->lock_seq : 0;
}

void ee_api_receipt(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    struct ee_history *history = NULL;
    uint64_t seq = seq_of(call);
    char *text = NULL;
    size_t size = 0;
    enum ee_err err = seq > 0 ? EE_OK : EE_NOT_FOUND;
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
        ee_api_fail(call, err, NULL);
    free(text);
}
