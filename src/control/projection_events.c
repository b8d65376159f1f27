/* SPDX-License-Identifier: Apache-2.0 */
/* Events: the bodies of webhooks, kept for accounts that have asked for them
 * (docs/spec/webhooks.md). An event's number is its command's seq and its place among that
 * command's events, so that a rebuild numbers it alike. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/event_names.h"
#include "control/json.h"
#include "control/projection_state.h"
#include "core/names.h"

#include "base/banned.h"

enum { EVENTS_PER_COMMAND_BITS = 20, RESTORE_PARTS = 10 };

static const char *const event_names[EE_EVENT_KINDS + 1] = {
    [EE_EVENT_BALANCE_LOW] = "balance.low",
    [EE_EVENT_TRANSFER_RECEIVED] = "transfer.received",
    [EE_EVENT_CREDITS_MINTED] = "credits.minted",
    [EE_EVENT_LEASE_ENDED] = "lease.ended",
    [EE_EVENT_PERIOD_SETTLED] = "period.settled",
    [EE_EVENT_REDEMPTION_REQUESTED] = "redemption.requested",
    [EE_EVENT_REDEMPTION_CONFIRMED] = "redemption.confirmed",
    [EE_EVENT_REDEMPTION_REFUSED] = "redemption.refused",
    [EE_EVENT_TOPUP_CREDITED] = "topup.credited",
    [EE_EVENT_TOPUP_CHARGED_BACK] = "topup.charged_back",
    [EE_EVENT_TOPUP_RETURNED] = "topup.returned",
};

const char *ee_event_name(enum ee_event_kind kind)
{
    return event_names[kind];
}

enum ee_event_kind ee_event_of(const char *name)
{
    for (int i = 1; i <= EE_EVENT_KINDS; i++)
        if (strcmp(event_names[i], name) == 0)
            return (enum ee_event_kind)i;
    return (enum ee_event_kind)0;
}

static bool wanted(const struct ee_projection *p, const char *account, enum ee_event_kind kind)
{
    return (ee_core_webhook_events(p->core, account) & 1u << (kind - 1)) != 0;
}

/* Takes `data` over; NULL: there was no memory for it. */
static enum ee_err event_write(struct ee_projection *p, const struct ee_command *command,
                               const char *account, enum ee_event_kind kind, json_t *data)
{
    uint64_t number = command->seq << EVENTS_PER_COMMAND_BITS | p->events++;
    json_t *body =
        json_pack("{s:s, s:o, s:s, s:s, s:o}", "type", event_names[kind], "timestamp",
                  ee_json_time(command->time_us), "account", account, "seq", "", "data", data);
    if (body == NULL || json_object_set_new(body, "seq", ee_json_u64(command->seq)) != 0) {
        json_decref(body);
        return EE_NO_MEMORY;
    }
    char *text = ee_json_dump(body);
    json_decref(body);
    if (text == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = ee_read_store_event(p->store, number, account, kind, command, text);
    free(text);
    p->pending++;
    return err;
}

/* ---- money ---- */

static json_t *available_of(const struct ee_projected_account *account)
{
    struct ee_read_line line;
    ee_projection_line(account, &line);
    return ee_json_money(line.available);
}

static enum ee_event_kind entry_kind(const struct ee_book_entry *e)
{
    if (e->code == EE_BOOK_TRANSFER)
        return EE_EVENT_TRANSFER_RECEIVED;
    if (e->code == EE_BOOK_MINT)
        return EE_EVENT_CREDITS_MINTED;
    if (e->code != EE_BOOK_REDEMPTION)
        return (enum ee_event_kind)0;
    return e->phase == EE_BOOK_RESERVED ? EE_EVENT_REDEMPTION_REQUESTED
           : e->phase == EE_BOOK_POSTED ? EE_EVENT_REDEMPTION_CONFIRMED
                                        : EE_EVENT_REDEMPTION_REFUSED;
}

/* What of a mint went to a debt: the entry after it. */
static int64_t repaid_by(const struct ee_projection *p, uint32_t number)
{
    struct ee_book_entry next;
    if (number + 1 >= ee_core_book_entries(p->core))
        return 0;
    ee_core_book_entry(p->core, number + 1, &next);
    return next.code == EE_BOOK_REPAY ? (int64_t)next.amount : 0;
}

static enum ee_err entry_event(struct ee_projection *p, const struct ee_command *command,
                               const struct ee_projected_labels *labels, uint32_t number)
{
    struct ee_book_entry e;
    ee_core_book_entry(p->core, number, &e);
    enum ee_event_kind kind = entry_kind(&e);
    const struct ee_projected_account *account =
        &p->accounts[e.code == EE_BOOK_REDEMPTION ? e.debit : e.credit];
    if (kind == 0 || !account->book.owned || !wanted(p, account->book.name, kind))
        return EE_OK;
    uint64_t amount = e.phase == EE_BOOK_VOIDED ? e.reserved : e.amount;
    json_t *data = json_pack("{s:o, s:o}", "amount", ee_json_money((int64_t)amount), "available",
                             available_of(account));
    if (kind == EE_EVENT_TRANSFER_RECEIVED) {
        json_object_set_new(data, "from", json_string(p->accounts[e.debit].book.name));
        json_object_set_new(data, "memo", json_string(labels->memo));
    } else if (kind == EE_EVENT_CREDITS_MINTED) {
        json_object_set_new(data, "reference", json_string(labels->reference));
        json_object_set_new(data, "repaid", ee_json_money(repaid_by(p, number)));
    } else {
        json_object_set_new(data, "redemption", json_string(labels->reference));
    }
    return event_write(p, command, account->book.name, kind, data);
}

/* What one word about a payment did to its account. */
struct payment_moves {
    const char *payment;
    uint32_t account;
    int64_t credited, returned, repaid, charged_back, owed;
};

static void moves_add(const struct ee_projection *p, const struct ee_book_entry *e,
                      struct payment_moves *out)
{
    int64_t amount = (int64_t)e->amount;
    uint32_t debtor = p->accounts[e->debit].book.debtor;
    bool owes = debtor != EE_BOOK_NOBODY;
    if (e->code == EE_BOOK_REPAY) {
        out->repaid += amount;
    } else if (e->code == EE_BOOK_CHARGEBACK) {
        out->account = owes ? debtor : e->debit;
        out->charged_back += amount;
        out->owed += owes ? amount : 0;
    } else {
        out->account = e->credit;
        *(e->code == EE_BOOK_MINT ? &out->credited : &out->returned) += amount;
    }
}

/* `part` is called `part_name`: what of the amount went to a debt, or became one. */
static enum ee_err payment_event(struct ee_projection *p, const struct ee_command *command,
                                 const struct payment_moves *m, enum ee_event_kind kind,
                                 int64_t amount, const char *part_name, int64_t part)
{
    const struct ee_projected_account *account = &p->accounts[m->account];
    const struct ee_payment *payment = ee_core_payment(p->core, m->payment);
    if (amount == 0 || payment == NULL || !wanted(p, account->book.name, kind))
        return EE_OK;
    json_t *data =
        json_pack("{s:o, s:s, s:o, s:o, s:o}", "amount", ee_json_money(amount), "payment",
                  m->payment, "order", ee_json_hex(payment->order, EE_ID_SIZE), part_name,
                  ee_json_money(part), "available", available_of(account));
    return event_write(p, command, account->book.name, kind, data);
}

static enum ee_err payment_events(struct ee_projection *p, const struct ee_command *command,
                                  const struct payment_moves *m)
{
    EE_TRY(payment_event(p, command, m, EE_EVENT_TOPUP_CREDITED, m->credited, "repaid", m->repaid));
    EE_TRY(payment_event(p, command, m, EE_EVENT_TOPUP_CHARGED_BACK, m->charged_back, "owed",
                         m->owed));
    return payment_event(p, command, m, EE_EVENT_TOPUP_RETURNED, m->returned, "repaid", m->repaid);
}

enum ee_err ee_projection_money_events(struct ee_projection *p, const struct ee_command *command,
                                       const struct ee_projected_labels *labels,
                                       uint32_t first_entry)
{
    struct payment_moves moves = {.payment = labels->reference};
    struct ee_projected_labels own = *labels;
    struct ee_projected_rows rows;
    struct ee_book_entry e;
    uint32_t end = ee_core_book_entries(p->core);
    bool payment = command->kind == EE_COMMAND_PAYMENT;
    ee_projected_rows_begin(p, command, &rows);
    for (uint32_t i = first_entry; i < end; i++) {
        if (!payment) {
            ee_projected_rows_next(p, &rows, i, &own);
            EE_TRY(entry_event(p, command, &own, i));
            continue;
        }
        ee_core_book_entry(p->core, i, &e);
        moves_add(p, &e, &moves);
    }
    return payment_events(p, command, &moves);
}

/* ---- work ---- */

enum ee_err ee_projection_lease_event(struct ee_projection *p, const struct ee_command *command,
                                      const struct ee_lease *lease)
{
    if (!wanted(p, lease->launcher, EE_EVENT_LEASE_ENDED))
        return EE_OK;
    json_t *data =
        json_pack("{s:o, s:s, s:s, s:s, s:i}", "lease", ee_json_hex(lease->id, EE_ID_SIZE), "name",
                  lease->app, "node", lease->node, "reason", ee_end_reason_name(lease->end_reason),
                  "exit_code", (int)lease->exit_code);
    return event_write(p, command, lease->launcher, EE_EVENT_LEASE_ENDED, data);
}

enum ee_err ee_projection_period_event(struct ee_projection *p, const struct ee_command *command,
                                       const struct ee_period *period, const struct ee_lease *lease)
{
    const char *const parties[] = {lease->launcher, lease->operator_name};
    for (size_t i = 0; i < 2; i++) {
        if (!wanted(p, parties[i], EE_EVENT_PERIOD_SETTLED) ||
            (i == 1 && strcmp(parties[0], parties[1]) == 0))
            continue;
        json_t *data = json_pack(
            "{s:o, s:s, s:i, s:s, s:s, s:o, s:o, s:o}", "lease", ee_json_hex(lease->id, EE_ID_SIZE),
            "name", lease->app, "period", (int)period->index, "verdict",
            ee_verdict_name(period->verdict), "reason", ee_fail_reason_name(period->reason),
            "locked", ee_json_money(period->locked.micros), "paid",
            ee_json_money(period->paid.micros), "refunded", ee_json_money(period->refunded.micros));
        EE_TRY(event_write(p, command, parties[i], EE_EVENT_PERIOD_SETTLED, data));
    }
    return EE_OK;
}

/* ---- the low-balance alert ---- */

/* Seconds the available credits last; UINT64_MAX: nothing burns. */
static uint64_t runway_s(int64_t available, int64_t burn_nanos)
{
    if (burn_nanos <= 0)
        return UINT64_MAX;
    if (available <= 0)
        return 0;
    ee_u128 seconds = (ee_u128)(uint64_t)available * 1000 * 3600 / (uint64_t)burn_nanos;
    return seconds > INT64_MAX ? INT64_MAX : (uint64_t)seconds;
}

/* Below a threshold, or, once low, not a tenth above it: so that one crossing is one event. */
static bool is_low(const struct ee_webhook *alert, int64_t available, uint64_t runway, bool low)
{
    int64_t below = alert->below.micros;
    uint64_t seconds = alert->runway_below_s;
    if (low && below <= INT64_MAX - below / RESTORE_PARTS)
        below += below / RESTORE_PARTS;
    if (low)
        seconds += seconds / RESTORE_PARTS;
    return (below > 0 && available < below) || runway < seconds;
}

static enum ee_err alert_follow(struct ee_projection *p, const struct ee_command *command,
                                uint32_t number, bool changed)
{
    const struct ee_projected_account *account = &p->accounts[number];
    const struct ee_webhook *alert =
        account->book.owned ? ee_core_webhook(p->core, account->book.name, 0) : NULL;
    struct ee_read_line line;
    bool low = false;
    if (alert == NULL)
        return EE_OK;
    ee_projection_line(account, &line);
    uint64_t runway = runway_s(line.available, account->burn_nanos);
    if (!changed)
        EE_TRY(ee_read_store_alert_get(p->store, account->book.name, &low));
    bool now = is_low(alert, line.available, runway, low);
    if (now == low && !changed)
        return EE_OK;
    EE_TRY(ee_read_store_alert_put(p->store, account->book.name, now));
    p->pending++;
    if (!now || !wanted(p, account->book.name, EE_EVENT_BALANCE_LOW))
        return EE_OK;
    json_t *data = json_pack(
        "{s:o, s:o, s:o, s:o}", "available", ee_json_money(line.available), "below",
        alert->below.micros > 0 ? ee_json_money(alert->below.micros) : json_null(), "runway_s",
        runway != UINT64_MAX ? ee_json_u64(runway) : json_null(), "runway_below_s",
        alert->runway_below_s > 0 ? ee_json_u64(alert->runway_below_s) : json_null());
    return event_write(p, command, account->book.name, EE_EVENT_BALANCE_LOW, data);
}

enum ee_err ee_projection_alerts(struct ee_projection *p, const struct ee_command *command)
{
    struct ee_webhook_set set;
    uint32_t actor = UINT32_MAX;
    if (command->kind == EE_COMMAND_WEBHOOK && p->result.err == EE_OK &&
        ee_webhook_set_decode(command->payload, &set) == EE_OK && set.op == EE_WEBHOOK_ALERT &&
        ee_core_book_number(p->core, command->actor, &actor))
        return alert_follow(p, command, actor, true);
    for (uint32_t i = 0; i < p->touched_count; i++)
        EE_TRY(alert_follow(p, command, p->touched[i], false));
    return EE_OK;
}
