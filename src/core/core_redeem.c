/* SPDX-License-Identifier: Apache-2.0 */
/* Redemptions: credits are reserved, the issuer pays out and gives its signed word, then they are
 * gone or return. docs/spec/money.md. */
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

static void redeem_body(struct ee_change *c, const struct ee_redemption *redemption)
{
    struct ee_redeem_result body;
    memset(&body, 0, sizeof(body));
    memcpy(body.redemption, redemption->id, sizeof(body.redemption));
    memcpy(body.account, redemption->account, sizeof(body.account));
    body.amount = redemption->amount;
    body.available = ee_core_available(c->core, ee_core_account_find(c->core, redemption->account));
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_redeem_result_encode(&body, &w));
}

/* What the bank lacks for this redemption, and the processor has: payouts of the processor to the
 * bank are not booked one by one. */
static int64_t sweep_needed(const struct ee_core *core, int64_t amount)
{
    const struct ee_ledger_account *bank = ee_ledger_account_find(core->ledger, &core->cash);
    int64_t has = (int64_t)(bank->debits_posted - bank->credits_posted - bank->credits_pending);
    return core->processor_open && amount > has ? amount - has : 0;
}

static void sweep_book(struct ee_core *core, int64_t micros, struct ee_ledger_transfer *reservation)
{
    struct ee_ledger_transfer chain[2] = {{.debit_account = core->cash,
                                           .credit_account = core->processor,
                                           .amount = (uint64_t)micros,
                                           .ledger = EE_BOOK,
                                           .code = EE_MOVE_SWEEP},
                                          *reservation};
    uint8_t hash[EE_SHA256_SIZE];
    const struct ee_bytes parts[] = {ee_bytes_str("ee-ledger-sweep"),
                                     ee_bytes_of(&reservation->id, sizeof(reservation->id))};
    core->crypto->sha256(parts, 2, hash);
    memcpy(chain[0].id.bytes, hash, sizeof(chain[0].id.bytes));
    ee_core_book_chain(core, chain, 2);
    core->swept_micros += micros;
}

/* Up to version 2 the book alone decides. */
static enum ee_err redeem_check(const struct ee_change *c, const struct ee_account_row *account,
                                const struct ee_ledger_transfer *reservation, int64_t sweep,
                                struct ee_outgoing *limit)
{
    if (c->command->core_version >= EE_CORE_VERSION_LIMITS)
        EE_TRY(
            ee_core_leave_check(c->core, account, c->now_us, (int64_t)reservation->amount, limit));
    return sweep > 0 ? EE_OK : ee_core_book_check(c->core, reservation);
}

enum ee_err ee_core_on_redeem(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_redeem redeem;
    struct ee_redemption_row row;
    struct ee_ledger_transfer reservation;
    struct ee_outgoing limit;
    EE_TRY(ee_redeem_decode(c->command->payload, &redeem));
    memset(&row, 0, sizeof(row));
    memcpy(row.redemption.id, c->command->random, EE_ID_SIZE);
    memcpy(row.redemption.account, c->command->actor, strlen(c->command->actor));
    memcpy(row.destination, redeem.destination, sizeof(row.destination));
    row.redemption.amount = redeem.amount;
    row.redemption.state = EE_REDEMPTION_PENDING;
    row.redemption.seq = c->command->seq;
    if (ee_core_redemption(core, row.redemption.id))
        return EE_STATE; /* random bytes repeated: never of a sound shell */
    ee_core_redemption_transfer(core, &row.redemption, &reservation);
    struct ee_account_row *account = ee_core_account_row(core, c->command->actor);
    int64_t sweep = sweep_needed(core, redeem.amount.micros);
    enum ee_err err = redeem_check(c, account, &reservation, sweep, &limit);
    if (err == EE_DEBT || err == EE_CREDITS_HELD)
        return ee_change_refuse_limit(c, err, account, &limit);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&core->redemptions, 1));
    EE_TRY(ee_ledger_reserve(core->ledger, 0, 2));
    if (sweep > 0)
        sweep_book(core, sweep, &reservation);
    else
        ee_core_book(core, &reservation);
    account->redeeming_micros += redeem.amount.micros;
    (void)ee_table_add(&core->redemptions, &row);
    redeem_body(c, &row.redemption);
    return EE_OK;
}

static bool word_signed(const struct ee_core *core, const struct ee_redemption_word *word)
{
    uint8_t buffer[256];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    return ee_redemption_message(core->network_id, word, &w) == EE_OK &&
           core->crypto->ed25519_verify(core->genesis.issuer_key, ee_writer_done(&w),
                                        word->signature);
}

/* The same word again changes nothing and gets the same answer; another one is refused. */
static enum ee_err word_again(struct ee_change *c, const struct ee_redemption_word *word,
                              const struct ee_redemption *redemption)
{
    bool confirmed = redemption->state == EE_REDEMPTION_CONFIRMED;
    if (confirmed != (word->confirm == 1))
        return ee_change_refuse(c, EE_REDEMPTION_STATE);
    redeem_body(c, redemption);
    return EE_OK;
}

enum ee_err ee_core_on_redemption(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_redemption_word word;
    struct ee_ledger_transfer move = {0};
    struct ee_ledger_transfer reservation;
    EE_TRY(ee_redemption_word_decode(c->command->payload, &word));
    if (!word_signed(core, &word))
        return ee_change_refuse(c, EE_SIGNATURE);
    struct ee_redemption_row *row =
        ee_table_edit(&core->redemptions, ee_table_find(&core->redemptions, word.redemption));
    if (!row)
        return ee_change_refuse(c, EE_REDEMPTION_UNKNOWN);
    if (row->redemption.state != EE_REDEMPTION_PENDING)
        return word_again(c, &word, &row->redemption);
    EE_TRY(ee_ledger_reserve(core->ledger, 0, 1));
    ee_core_redemption_transfer(core, &row->redemption, &reservation);
    move.pending_id = reservation.id;
    move.amount = word.confirm ? reservation.amount : 0;
    move.flags = word.confirm ? EE_LEDGER_POST : EE_LEDGER_VOID;
    ee_core_redemption_settle_id(core, &row->redemption, &move.id);
    ee_core_book(core, &move);
    ee_core_account_row(core, row->redemption.account)->redeeming_micros -=
        row->redemption.amount.micros;
    row->redemption.state = word.confirm ? EE_REDEMPTION_CONFIRMED : EE_REDEMPTION_REFUSED;
    row->redemption.settle_seq = c->command->seq;
    memcpy(row->reference, word.reference, sizeof(row->reference));
    redeem_body(c, &row->redemption);
    return EE_OK;
}
