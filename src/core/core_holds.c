/* SPDX-License-Identifier: Apache-2.0 */
/* What may leave an account, and when: credits paid by card are held for a time, during which they
 * can be spent but not transferred or redeemed; transfers have a minimum and a daily limit; who
 * owes sends nothing. docs/spec/money.md, "Holds and limits". */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

enum { HOLD_STEPS = EE_HOLD_LOTS_MAX - 1 };
static const uint64_t day_us = (uint64_t)86400 * EE_MICROS_PER_SECOND;

/* ---- lots ---- */

/* Rounded up to whole seventh parts of the hold: then at most eight moments lie between now and the
 * end of the newest hold, and a lot for each has its place. */
uint64_t ee_core_hold_until(const struct ee_core *core, uint64_t now_us)
{
    uint64_t hold_us = (uint64_t)core->params->card_hold_s * EE_MICROS_PER_SECOND;
    uint64_t step_us = (hold_us + HOLD_STEPS - 1) / HOLD_STEPS;
    if (step_us == 0)
        return now_us;
    return (now_us + hold_us + step_us - 1) / step_us * step_us;
}

static void lot_remove(struct ee_account_row *account, size_t index)
{
    struct ee_hold_lot *lots = account->lots;
    memmove(&lots[index], &lots[index + 1], (EE_HOLD_LOTS_MAX - 1 - index) * sizeof(lots[0]));
    memset(&lots[EE_HOLD_LOTS_MAX - 1], 0, sizeof(lots[0]));
}

static void lots_expire(struct ee_account_row *account, uint64_t now_us)
{
    while (account->lots[0].amount_micros > 0 && account->lots[0].until_us <= now_us)
        lot_remove(account, 0);
}

void ee_core_hold_add(struct ee_account_row *account, int64_t micros, uint64_t until_us,
                      uint64_t now_us)
{
    struct ee_hold_lot *lots = account->lots;
    size_t i = 0;
    lots_expire(account, now_us);
    if (micros <= 0 || until_us <= now_us)
        return;
    while (i < EE_HOLD_LOTS_MAX && lots[i].amount_micros > 0 && lots[i].until_us < until_us)
        i++;
    bool full = lots[EE_HOLD_LOTS_MAX - 1].amount_micros > 0;
    bool same = i < EE_HOLD_LOTS_MAX && lots[i].amount_micros > 0 && lots[i].until_us == until_us;
    if (full && !same) { /* only after the hold was changed: longer rather than lost */
        i = i < EE_HOLD_LOTS_MAX ? i : EE_HOLD_LOTS_MAX - 1;
        lots[i].until_us = lots[i].until_us > until_us ? lots[i].until_us : until_us;
        same = true;
    }
    if (!same) {
        memmove(&lots[i + 1], &lots[i], (EE_HOLD_LOTS_MAX - 1 - i) * sizeof(lots[0]));
        lots[i] = (struct ee_hold_lot){0, until_us};
    }
    lots[i].amount_micros += micros;
}

static int64_t lot_take(struct ee_account_row *account, size_t index, int64_t micros)
{
    struct ee_hold_lot *lot = &account->lots[index];
    int64_t taken = micros < lot->amount_micros ? micros : lot->amount_micros;
    lot->amount_micros -= taken;
    if (lot->amount_micros == 0)
        lot_remove(account, index);
    return taken;
}

void ee_core_hold_take(struct ee_account_row *account, int64_t micros, uint64_t until_us,
                       uint64_t now_us)
{
    lots_expire(account, now_us);
    for (size_t i = 0; i < EE_HOLD_LOTS_MAX && until_us != 0; i++)
        if (account->lots[i].amount_micros > 0 && account->lots[i].until_us == until_us) {
            micros -= lot_take(account, i, micros);
            break;
        }
    while (micros > 0 && account->lots[0].amount_micros > 0)
        micros -= lot_take(account, 0, micros);
}

/* ---- what is held ---- */

/* Reserved by locks: fresh credits are reserved before others. */
static int64_t reserved_by_locks(const struct ee_core *core, const struct ee_account_row *account)
{
    const struct ee_ledger_account *b = ee_ledger_account_find(core->ledger, &account->ledger_id);
    return (int64_t)b->debits_pending - account->redeeming_micros;
}

int64_t ee_core_held(const struct ee_core *core, const struct ee_account_row *account,
                     uint64_t now_us)
{
    int64_t fresh = 0;
    for (size_t i = 0; i < EE_HOLD_LOTS_MAX; i++)
        if (account->lots[i].until_us > now_us)
            fresh += account->lots[i].amount_micros;
    if (fresh == 0)
        return 0;
    fresh -= reserved_by_locks(core, account);
    return fresh > 0 ? fresh : 0;
}

/* When at least `micros` of what is held is free, if nothing else happens. */
static uint64_t free_at(const struct ee_core *core, const struct ee_account_row *account,
                        uint64_t now_us, int64_t micros)
{
    int64_t held = ee_core_held(core, account, now_us);
    for (size_t i = 0; i < EE_HOLD_LOTS_MAX && account->lots[i].amount_micros > 0; i++) {
        uint64_t until_us = account->lots[i].until_us;
        if (until_us > now_us && held - ee_core_held(core, account, until_us) >= micros)
            return until_us;
    }
    return 0;
}

/* ---- what may leave ---- */

enum ee_err ee_core_leave_check(const struct ee_core *core, const struct ee_account_row *account,
                                uint64_t now_us, int64_t total, struct ee_outgoing *out)
{
    int64_t available = ee_core_available(core, account).micros;
    int64_t free = available - ee_core_held(core, account, now_us);
    int64_t owed = ee_core_owed(core, account);
    if (owed > 0) {
        *out = (struct ee_outgoing){owed, 0};
        return EE_DEBT;
    }
    if (total > available)
        return EE_INSUFFICIENT_CREDITS;
    if (total <= free)
        return EE_OK;
    *out = (struct ee_outgoing){free, free_at(core, account, now_us, total - free)};
    return EE_CREDITS_HELD;
}

static int64_t transferred_on(const struct ee_account_row *account, uint64_t day)
{
    return account->transfer_day == day ? account->transferred_micros : 0;
}

enum ee_err ee_core_transfers_check(const struct ee_core *core,
                                    const struct ee_account_row *account, uint64_t now_us,
                                    int64_t smallest, int64_t total, struct ee_outgoing *out)
{
    const struct ee_params *p = core->params;
    uint64_t day = now_us / day_us;
    if (smallest < p->transfer_minimum_micros) {
        *out = (struct ee_outgoing){p->transfer_minimum_micros, 0};
        return EE_TRANSFER_MINIMUM;
    }
    EE_TRY(ee_core_leave_check(core, account, now_us, total, out));
    int64_t left = p->transfer_day_micros - transferred_on(account, day);
    if (p->transfer_day_micros == 0 || total <= left)
        return EE_OK;
    *out = (struct ee_outgoing){left > 0 ? left : 0, (day + 1) * day_us};
    return EE_TRANSFER_DAY;
}

void ee_core_transfers_count(struct ee_account_row *account, uint64_t now_us, int64_t total)
{
    uint64_t day = now_us / day_us;
    int64_t sum;
    if (__builtin_add_overflow(transferred_on(account, day), total, &sum))
        sum = INT64_MAX; /* without a limit the same credits may go round and round */
    account->transferred_micros = sum;
    account->transfer_day = day;
}

enum ee_err ee_change_refuse_limit(struct ee_change *c, enum ee_err err,
                                   const struct ee_account_row *account,
                                   const struct ee_outgoing *out)
{
    struct ee_limit_result body;
    if (err == EE_INSUFFICIENT_CREDITS)
        return ee_change_refuse(c, err);
    memset(&body, 0, sizeof(body));
    memcpy(body.account, account->account.name, sizeof(body.account));
    body.amount.micros = out->amount_micros;
    body.until_us = out->until_us;
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_limit_result_encode(&body, &w));
    return ee_change_refuse(c, err);
}
