/* SPDX-License-Identifier: Apache-2.0 */
#include "control/projection.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "control/projection_state.h"
#include "core/receipt.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 64 };

/* ---- memory ---- */

/* Room for `count` elements of `size`; new ones are zero. */
static enum ee_err grow(const struct ee_allocator *allocator, void **data, uint32_t *capacity,
                        uint32_t count, size_t size)
{
    if (count <= *capacity)
        return EE_OK;
    uint32_t more = *capacity == 0 ? FIRST_CAPACITY : *capacity;
    while (more < count)
        more *= 2;
    uint8_t *grown = ee_realloc(allocator, *data, more, size);
    if (grown == NULL)
        return EE_NO_MEMORY;
    memset(grown + *capacity * size, 0, (more - *capacity) * size);
    *data = grown;
    *capacity = more;
    return EE_OK;
}

/* Without aliasing: the pointer goes through a void pointer of its own. */
#define GROW(p, field, count)                                                                      \
    do {                                                                                           \
        void *grown_ = (p)->field;                                                                 \
        EE_TRY(                                                                                    \
            grow((p)->allocator, &grown_, &(p)->field##_capacity, (count), sizeof(*(p)->field)));  \
        (p)->field = grown_;                                                                       \
    } while (0)

static enum ee_err accounts_reserve(struct ee_projection *p, uint32_t count)
{
    void *grown = p->accounts;
    EE_TRY(grow(p->allocator, &grown, &p->account_capacity, count, sizeof(*p->accounts)));
    p->accounts = grown;
    return EE_OK;
}

enum ee_err ee_projection_new(const struct ee_allocator *allocator, const struct ee_crypto *crypto,
                              struct ee_read_store *store, struct ee_projection **out)
{
    struct ee_projection *p = ee_alloc(allocator, 1, sizeof(*p));
    if (p == NULL)
        return EE_NO_MEMORY;
    p->allocator = allocator;
    p->store = store;
    p->core = ee_core_new(allocator, crypto, NULL);
    enum ee_err err = p->core != NULL ? ee_core_watch_start(p->core) : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_read_store_cursor(store, &p->stored);
    if (err != EE_OK) {
        ee_projection_free(p);
        return err;
    }
    p->writing = p->stored.batch == 0;
    *out = p;
    return EE_OK;
}

void ee_projection_free(struct ee_projection *p)
{
    if (p == NULL)
        return;
    ee_core_free(p->core);
    ee_free(p->allocator, p->accounts);
    ee_free(p->allocator, p->changed);
    ee_free(p->allocator, p->touched);
    ee_free(p->allocator, p->burning);
    ee_free(p->allocator, p);
}

/* ---- accounts ---- */

enum ee_err ee_projection_touch(struct ee_projection *p, uint32_t number)
{
    struct ee_projected_account *account = &p->accounts[number];
    if (account->touched_seq == p->seen.seq)
        return EE_OK;
    account->touched_seq = p->seen.seq;
    GROW(p, touched, p->touched_count + 1);
    p->touched[p->touched_count++] = number;
    return EE_OK;
}

static enum ee_err account_change(struct ee_projection *p, uint32_t number)
{
    EE_TRY(ee_projection_touch(p, number));
    if (p->accounts[number].written)
        return EE_OK;
    p->accounts[number].written = true;
    GROW(p, changed, p->changed_count + 1);
    p->changed[p->changed_count++] = number;
    return EE_OK;
}

/* Accounts the last command opened. Their counters are folded from its entries. */
static enum ee_err accounts_open(struct ee_projection *p)
{
    uint32_t count = ee_core_book_accounts(p->core);
    EE_TRY(accounts_reserve(p, count));
    for (; p->account_count < count; p->account_count++) {
        struct ee_projected_account *account = &p->accounts[p->account_count];
        ee_core_book_account(p->core, p->account_count, &account->book);
        account->book.debits_pending = account->book.debits_posted = 0;
        account->book.credits_pending = account->book.credits_posted = 0;
        EE_TRY(account_change(p, p->account_count));
    }
    return EE_OK;
}

void ee_projection_line(const struct ee_projected_account *account, struct ee_read_line *out)
{
    const struct ee_book_account *b = &account->book;
    out->available = (int64_t)(b->credits_posted - b->debits_posted - b->debits_pending);
    out->locked = (int64_t)b->debits_pending;
    out->incoming = (int64_t)b->credits_pending;
}

/* ---- entries ---- */

static void fold(struct ee_projection *p, const struct ee_book_entry *e)
{
    struct ee_book_account *debit = &p->accounts[e->debit].book;
    struct ee_book_account *credit = &p->accounts[e->credit].book;
    if (e->phase == EE_BOOK_RESERVED) {
        debit->debits_pending += e->amount;
        credit->credits_pending += e->amount;
        return;
    }
    debit->debits_pending -= e->reserved;
    credit->credits_pending -= e->reserved;
    debit->debits_posted += e->amount;
    credit->credits_posted += e->amount;
}

static enum ee_err line_write(struct ee_projection *p, uint32_t account, uint32_t number)
{
    struct ee_read_line line = {.account = account, .number = number};
    EE_TRY(account_change(p, account));
    if (!p->accounts[account].book.owned)
        return EE_OK;
    ee_projection_line(&p->accounts[account], &line);
    p->pending++;
    return ee_read_store_line(p->store, &line);
}

/* What an account comes to owe is a line of its own too, though its credits stay as they are. What
 * it repays is one already. */
static enum ee_err debt_line_write(struct ee_projection *p, const struct ee_book_entry *e,
                                   uint32_t number)
{
    uint32_t debtor = p->accounts[e->debit].book.debtor;
    return debtor != EE_BOOK_NOBODY ? line_write(p, debtor, number) : EE_OK;
}

static void labels_read(const struct ee_projection *p, const struct ee_command *command,
                        struct ee_projected_labels *out)
{
    struct ee_mint mint;
    struct ee_transfer_credits transfer;
    struct ee_payment_word word;
    struct ee_redeem_result redeem;
    memset(out, 0, sizeof(*out));
    if (command->kind == EE_COMMAND_MINT && ee_mint_decode(command->payload, &mint) == EE_OK)
        memcpy(out->reference, mint.reference, sizeof(mint.reference));
    if (command->kind == EE_COMMAND_TRANSFER &&
        ee_transfer_credits_decode(command->payload, &transfer) == EE_OK)
        memcpy(out->memo, transfer.memo, sizeof(transfer.memo));
    if (command->kind == EE_COMMAND_PAYMENT &&
        ee_payment_word_decode(command->payload, &word) == EE_OK)
        memcpy(out->reference, word.payment, sizeof(word.payment));
    if ((command->kind == EE_COMMAND_REDEEM || command->kind == EE_COMMAND_REDEMPTION) &&
        ee_redeem_result_decode(ee_bytes_of(p->result.body, p->result.body_size), &redeem) == EE_OK)
        ee_hex_encode(redeem.redemption, EE_ID_SIZE, out->reference);
}

/* Which period an entry belongs to, among those this command wrote. */
static const struct ee_period *period_of(const struct ee_projection *p, uint32_t number)
{
    const uint32_t *rows;
    size_t count;
    (void)ee_core_watch_periods(p->core, &rows, &count);
    for (size_t i = 0; i < count; i++) {
        const struct ee_period *period = ee_core_period_at(p->core, rows[i]);
        if ((period->lock_seq == p->seen.seq && ee_core_book_lock(p->core, period) == number + 1) ||
            (period->settle_seq == p->seen.seq &&
             ee_core_book_settlement(p->core, period) == number + 1))
            return period;
    }
    return NULL;
}

static enum ee_err entry_write(struct ee_projection *p, const struct ee_command *command,
                               const struct ee_projected_labels *labels, uint32_t number)
{
    struct ee_read_entry entry = {.number = number,
                                  .seq = command->seq,
                                  .time_us = command->time_us,
                                  .reference = labels->reference,
                                  .memo = labels->memo};
    const struct ee_period *period = NULL;
    ee_core_book_entry(p->core, number, &entry.book);
    if (entry.book.phase == EE_BOOK_REFUSED)
        return EE_OK;
    if (entry.book.code == EE_BOOK_LOCK && (period = period_of(p, number)) != NULL) {
        entry.lease = period->lease;
        entry.period = period->index;
    }
    fold(p, &entry.book);
    p->pending++;
    EE_TRY(ee_read_store_entry(p->store, &entry));
    EE_TRY(line_write(p, entry.book.debit, number));
    EE_TRY(line_write(p, entry.book.credit, number));
    return debt_line_write(p, &entry.book, number);
}

/* ---- leases and periods ---- */

/* Keeps its launcher's burn. */
static enum ee_err burn_follow(struct ee_projection *p, uint32_t row, const struct ee_lease *lease)
{
    uint32_t account;
    int64_t burn;
    bool now = lease->state == EE_LEASE_RUNNING;
    GROW(p, burning, row + 1);
    if (now == p->burning[row] || !ee_core_book_number(p->core, lease->launcher, &account))
        return EE_OK;
    if (__builtin_mul_overflow(lease->price_nanos, (int64_t)lease->vcpus, &burn))
        burn = 0; /* no price is as high: such a lease could never be locked for */
    p->accounts[account].burn_nanos += now ? burn : -burn;
    p->burning[row] = now;
    return ee_projection_touch(p, account);
}

/* Rows may be listed more than once; what happens once is told once. */
static bool listed_before(const uint32_t *rows, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (rows[i] == rows[index])
            return true;
    return false;
}

static enum ee_err leases_write(struct ee_projection *p, const struct ee_command *command)
{
    const uint32_t *rows;
    size_t count;
    if (!ee_core_watch_leases(p->core, &rows, &count))
        return EE_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct ee_lease *lease = ee_core_lease_at(p->core, rows[i]);
        if (lease == NULL || listed_before(rows, i))
            continue;
        EE_TRY(burn_follow(p, rows[i], lease));
        EE_TRY(ee_read_store_lease(p->store, rows[i], lease));
        p->pending++;
        if (lease->state == EE_LEASE_ENDED && lease->ended_us == command->time_us)
            EE_TRY(ee_projection_lease_event(p, command, lease));
    }
    return EE_OK;
}

static enum ee_err periods_write(struct ee_projection *p, const struct ee_command *command)
{
    const uint32_t *rows;
    size_t count;
    if (!ee_core_watch_periods(p->core, &rows, &count))
        return EE_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct ee_period *period = ee_core_period_at(p->core, rows[i]);
        const struct ee_lease *lease = period ? ee_core_lease(p->core, period->lease) : NULL;
        if (lease == NULL || listed_before(rows, i))
            continue;
        EE_TRY(ee_read_store_period(p->store, rows[i], period, lease));
        p->pending++;
        if (period->settle_seq == command->seq)
            EE_TRY(ee_projection_period_event(p, command, period, lease));
    }
    return EE_OK;
}

/* ---- commands and batches ---- */

static enum ee_err command_write(struct ee_projection *p, const struct ee_command *command,
                                 uint32_t first_entry)
{
    struct ee_projected_labels labels;
    struct ee_projected_rows rows;
    p->touched_count = 0;
    p->events = 0;
    EE_TRY(accounts_open(p));
    labels_read(p, command, &labels);
    ee_projected_rows_begin(p, command, &rows);
    for (uint32_t i = first_entry; i < ee_core_book_entries(p->core); i++) {
        ee_projected_rows_next(p, &rows, i, &labels);
        EE_TRY(entry_write(p, command, &labels, i));
    }
    EE_TRY(ee_projection_money_events(p, command, &labels, first_entry));
    EE_TRY(leases_write(p, command));
    EE_TRY(periods_write(p, command));
    EE_TRY(ee_projection_alerts(p, command));
    p->pending++;
    return ee_read_store_receipt(p->store, command, p->result.err);
}

static bool result_equal(const struct ee_projection *p, struct ee_bytes stored)
{
    uint8_t bytes[EE_RECEIPT_RESULT_MAX];
    struct ee_writer w;
    ee_writer_init(&w, bytes, sizeof(bytes));
    return ee_result_encode(&p->result, &w) == EE_OK && !p->result.repeated &&
           ee_bytes_equal(ee_writer_done(&w), stored);
}

static enum ee_err command_apply(struct ee_projection *p, struct ee_bytes bytes,
                                 struct ee_bytes result)
{
    struct ee_command command;
    uint32_t first_entry = ee_core_book_entries(p->core);
    EE_TRY(ee_command_decode(bytes, &command));
    ee_core_watch_clear(p->core);
    enum ee_err err = ee_core_apply(p->core, &command, &p->result);
    if (err == EE_NO_MEMORY || err == EE_VERSION)
        return err;
    if (err != EE_OK || !result_equal(p, result))
        return EE_REPLAY;
    p->seen.seq = command.seq;
    p->seen.time_us = command.time_us;
    return p->writing ? command_write(p, &command, first_entry) : EE_OK;
}

/* The store ends here: what is only in memory is taken from the core. */
static enum ee_err resume(struct ee_projection *p)
{
    uint32_t account;
    const struct ee_lease *lease;
    if (p->seen.seq != p->stored.seq ||
        memcmp(p->seen.hash, p->stored.hash, sizeof(p->seen.hash)) != 0)
        return EE_READ_DAMAGED;
    uint32_t count = ee_core_book_accounts(p->core);
    EE_TRY(accounts_reserve(p, count));
    for (; p->account_count < count; p->account_count++)
        ee_core_book_account(p->core, p->account_count, &p->accounts[p->account_count].book);
    for (uint32_t i = 0; (lease = ee_core_lease_at(p->core, i)) != NULL; i++)
        if (lease->state == EE_LEASE_RUNNING &&
            ee_core_book_number(p->core, lease->launcher, &account))
            EE_TRY(burn_follow(p, i, lease));
    p->touched_count = 0;
    p->writing = true;
    return EE_OK;
}

enum ee_err ee_projection_batch(struct ee_projection *p, const struct ee_journal_batch *batch)
{
    struct ee_cursor c;
    struct ee_bytes command, result;
    ee_cursor_init(&c, batch->body);
    while (ee_journal_body_next(&c, &command, &result, NULL))
        EE_TRY(command_apply(p, command, result));
    EE_TRY(c.err);
    p->seen.batch = batch->batch;
    memcpy(p->seen.hash, batch->hash, sizeof(p->seen.hash));
    return !p->writing && batch->batch == p->stored.batch ? resume(p) : EE_OK;
}

enum ee_err ee_projection_commit(struct ee_projection *p)
{
    if (!p->writing || p->seen.batch == p->stored.batch)
        return EE_OK;
    for (uint32_t i = 0; i < p->changed_count; i++) {
        struct ee_projected_account *account = &p->accounts[p->changed[i]];
        EE_TRY(ee_read_store_account(p->store, p->changed[i], &account->book));
        account->written = false;
    }
    p->pending += p->changed_count;
    p->changed_count = 0;
    EE_TRY(ee_read_store_commit(p->store, &p->seen));
    p->stored = p->seen;
    p->rows += p->pending;
    p->pending = 0;
    return EE_OK;
}

const struct ee_read_cursor *ee_projection_cursor(const struct ee_projection *p)
{
    return &p->seen;
}

bool ee_projection_behind(const struct ee_projection *p)
{
    return !p->writing;
}

uint64_t ee_projection_pending(const struct ee_projection *p)
{
    return p->pending;
}

uint64_t ee_projection_rows(const struct ee_projection *p)
{
    return p->rows + p->pending;
}
