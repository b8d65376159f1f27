/* SPDX-License-Identifier: Apache-2.0 */
/* Random batches of accounts and transfers of every kind, single and in chains, with ticks between
 * them, against the model: every result, every counter. Each seed runs on a ledger that keeps all
 * rows and on one with a small window whose past rows are kept here, which is also saved and loaded
 * on the way. EE_SEED and EE_SEEDS choose the seeds. */
#include "ledger/ledger.h"

#include <stdlib.h>

#include "base/text.h"
#include "ledger_model.h"
#include "tap.h"

enum { STEPS = 150, SEEDS = 200, BATCH = 12, PASTS = 400, DOCUMENT = 64 * 1024 };

static uint64_t state;
static uint32_t seen[EE_LEDGER_EXCEEDS_DEBITS + 1]; /* how often each result was given */

static uint64_t draw(uint64_t limit)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % limit;
}

static bool one_in(uint64_t limit)
{
    return draw(limit) == 0;
}

static struct ee_ledger_id id_of(uint8_t number)
{
    struct ee_ledger_id id = {{0}};
    memset(id.bytes, number == MODEL_INT_MAX ? 255 : 0, sizeof(id.bytes));
    id.bytes[15] = number;
    return id;
}

/* ---- what happens ---- */

static uint8_t draw_id(uint8_t limit)
{
    return (uint8_t)(one_in(60) ? 0 : one_in(60) ? MODEL_INT_MAX : 1 + draw(limit));
}

static struct model_account draw_account(void)
{
    static const uint16_t flags[] = {0, 0, 2, 2, 2, 4, 4, 8, 32, 6, 64};
    struct model_account a = {.ledger = one_in(6) ? 2 : 1, .code = 1};
    a.flags = flags[draw(sizeof(flags) / sizeof(flags[0]))];
    if (one_in(30))
        a.code = 0;
    if (one_in(30))
        a.ledger = 0;
    if (one_in(40))
        *(uint64_t *[]){&a.dp, &a.dr, &a.cp, &a.cr}[draw(4)] = 1;
    return a;
}

static uint64_t draw_amount(void)
{
    if (one_in(20))
        return UINT64_MAX - draw(50);
    return one_in(20) ? UINT64_MAX : one_in(10) ? 0 : draw(60);
}

static struct model_transfer draw_transfer(const struct model *m)
{
    static const uint16_t kinds[] = {0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 8, 8, 16, 32, 48, 18};
    struct model_transfer t = {.id = draw_id(MODEL_IDS), .amount = draw_amount()};
    t.flags = kinds[draw(sizeof(kinds) / sizeof(kinds[0]))];
    if (one_in(40))
        t.flags = (uint16_t)draw(80) & (uint16_t)~1u;
    bool second = (t.flags & 12) != 0;
    if (second != one_in(30))
        t.pending = draw_id(MODEL_IDS);
    enum model_state wanted = one_in(4) ? MODEL_POSTED : MODEL_OPEN;
    if (second && one_in(3))
        t.amount = t.flags & 4 ? UINT64_MAX : 0;
    for (int i = 0; second && i < 20 && m->transfers[t.pending % MODEL_IDS].state != wanted; i++)
        t.pending = draw_id(MODEL_IDS);
    if (!second || one_in(4)) {
        t.debit = draw_id(MODEL_ACCOUNTS);
        t.credit = draw_id(MODEL_ACCOUNTS);
    }
    if (!second || one_in(4))
        t.ledger = one_in(12) ? (uint32_t)draw(3) : 1;
    if (!second || one_in(4))
        t.code = one_in(20) ? (uint16_t)draw(3) : 1;
    if ((t.flags & 2) ? one_in(2) : one_in(50))
        t.timeout = 1 + (uint32_t)draw(9);
    if ((t.flags & 2) && one_in(20))
        t.timeout = UINT32_MAX;
    /* Something known again, perhaps with one field changed. */
    if (m->transfers[t.id % MODEL_IDS].state != MODEL_NONE && one_in(2)) {
        t = m->transfers[t.id % MODEL_IDS];
        t.amount += one_in(5);
        t.code = (uint16_t)(t.code + one_in(9));
        t.ledger += one_in(9);
        t.timeout += one_in(9);
        t.debit = (uint8_t)(t.debit + (one_in(9) && t.debit < MODEL_ACCOUNTS));
        t.credit = (uint8_t)(t.credit + (one_in(9) && t.credit < MODEL_ACCOUNTS));
        t.flags &= (uint16_t)~1u;
    }
    return t;
}

static struct ee_ledger_transfer event_of(const struct model_transfer *t)
{
    return (struct ee_ledger_transfer){.id = id_of(t->id),
                                       .debit_account = id_of(t->debit),
                                       .credit_account = id_of(t->credit),
                                       .pending_id = id_of(t->pending),
                                       .amount = t->amount,
                                       .timeout_s = t->timeout,
                                       .ledger = t->ledger,
                                       .code = t->code,
                                       .flags = t->flags};
}

/* ---- a ledger with the rows that left it ---- */

struct book {
    struct ee_ledger *ledger;
    struct ee_ledger_limits limits;
    struct ee_ledger_past pasts[PASTS];
    uint32_t past_count;
};

static void keep_sorted(struct book *b)
{
    struct ee_ledger_pasts left = ee_ledger_past_rows(b->ledger);
    for (uint32_t i = 0; i < left.count && b->past_count < PASTS; i++) {
        uint32_t at = b->past_count++;
        for (; at > 0 && memcmp(&b->pasts[at - 1], &left.rows[i], 16) > 0; at--)
            b->pasts[at] = b->pasts[at - 1];
        b->pasts[at] = left.rows[i];
    }
    ee_ledger_past_clear(b->ledger);
}

struct document {
    uint8_t bytes[DOCUMENT];
    size_t size, at;
};

static enum ee_err take_in(void *context, struct ee_bytes piece)
{
    struct document *d = context;
    if (d->size + piece.size > sizeof(d->bytes))
        return EE_FULL;
    memcpy(d->bytes + d->size, piece.data, piece.size);
    d->size += piece.size;
    return EE_OK;
}

static enum ee_err give_out(void *context, uint8_t *out, size_t size)
{
    struct document *d = context;
    if (d->size - d->at < size)
        return EE_TRUNCATED;
    memcpy(out, d->bytes + d->at, size);
    d->at += size;
    return EE_OK;
}

static bool save(const struct ee_ledger *ledger, struct document *d)
{
    d->size = d->at = 0;
    return ee_ledger_save(ledger, take_in, d) == EE_OK;
}

static bool reload(struct book *b)
{
    static struct document before, after;
    struct ee_ledger *loaded = NULL;
    if (!save(b->ledger, &before) ||
        ee_ledger_load(&ee_allocator_system, &b->limits, give_out, &before, &loaded) != EE_OK)
        return false;
    ee_ledger_free(b->ledger);
    b->ledger = loaded;
    return save(loaded, &after) && before.size == after.size &&
           memcmp(before.bytes, after.bytes, after.size) == 0;
}

/* ---- both in step ---- */

static bool same(const struct ee_ledger *ledger, const struct model *m)
{
    for (uint8_t i = 1; i <= MODEL_ACCOUNTS; i++) {
        struct ee_ledger_id id = id_of(i);
        const struct ee_ledger_account *a = ee_ledger_account_find(ledger, &id);
        const struct model_account *x = &m->accounts[i];
        if ((a != NULL) != x->made)
            return false;
        if (a && (a->debits_pending != x->dp || a->debits_posted != x->dr ||
                  a->credits_pending != x->cp || a->credits_posted != x->cr))
            return false;
    }
    return ee_ledger_balanced(ledger);
}

/* The chain starting at `first` on a copy; gives the index behind it. */
static uint32_t model_chain(struct model *m, const struct model_transfer *events, uint32_t first,
                            uint32_t count, const char **results)
{
    static struct model tried;
    uint32_t end = first, failed;
    while (end < count && (events[end].flags & 1))
        end++;
    bool open = end == count;
    end += !open;
    tried = *m;
    for (failed = first; failed < end; failed++) {
        bool dangling = open && failed + 1 == end;
        results[failed] =
            dangling ? "linked_event_chain_open" : model_transfer(&tried, &events[failed]);
        if (strcmp(results[failed], "created") != 0)
            break;
    }
    if (failed == end) {
        *m = tried;
        return end;
    }
    for (uint32_t i = first; i < end; i++)
        if (i != failed)
            results[i] = "linked_event_failed";
    if (open)
        results[end - 1] = "linked_event_chain_open";
    model_burn(m, &events[failed], results[failed]);
    return end;
}

static bool accounts_step(struct book *books, struct model *m)
{
    uint8_t id = draw_id(MODEL_ACCOUNTS);
    struct model_account a = draw_account();
    const struct ee_ledger_account event = {.id = id_of(id),
                                            .ledger = a.ledger,
                                            .code = a.code,
                                            .flags = a.flags,
                                            .debits_pending = a.dp,
                                            .debits_posted = a.dr,
                                            .credits_pending = a.cp,
                                            .credits_posted = a.cr};
    const char *expected = model_account(m, id, &a);
    for (int i = 0; i < 2; i++) {
        enum ee_ledger_result result;
        if (ee_ledger_accounts_create(books[i].ledger, &event, 1, &result) != EE_OK ||
            strcmp(ee_ledger_result_name(result), expected) != 0)
            return false;
        seen[result]++;
    }
    return true;
}

static bool transfers_step(struct book *books, struct model *m)
{
    struct model_transfer drawn[BATCH];
    struct ee_ledger_transfer events[BATCH];
    const char *expected[BATCH];
    uint32_t count = 1 + (uint32_t)draw(BATCH);
    for (uint32_t i = 0; i < count; i++) {
        drawn[i] = draw_transfer(m);
        drawn[i].flags = (uint16_t)(drawn[i].flags | one_in(4));
        events[i] = event_of(&drawn[i]);
    }
    for (uint32_t first = 0; first < count;)
        first = model_chain(m, drawn, first, count, expected);
    for (int b = 0; b < 2; b++) {
        enum ee_ledger_result results[BATCH];
        struct ee_ledger_pasts pasts = {books[b].pasts, books[b].past_count};
        if (ee_ledger_transfers_create(books[b].ledger, events, count, &pasts, results) != EE_OK)
            return false;
        keep_sorted(&books[b]);
        for (uint32_t i = 0; i < count; i++) {
            const char *got = ee_ledger_result_name(results[i]);
            seen[results[i]]++;
            if (strcmp(got, expected[i]) == 0)
                continue;
            printf("# book %d, event %u of %u: %s, the model says %s\n", b, i, count, got,
                   expected[i]);
            return false;
        }
    }
    return true;
}

static bool tick_step(struct book *books, struct model *m)
{
    uint64_t seconds = one_in(30) ? 3000000000u : draw(6);
    uint32_t got;
    if (m->now + seconds > EE_LEDGER_TIME_MAX_S)
        return ee_ledger_tick(books[0].ledger, seconds, &got) == EE_OVERFLOW;
    uint32_t expected = model_tick(m, seconds);
    for (int i = 0; i < 2; i++) {
        if (ee_ledger_tick(books[i].ledger, seconds, &got) != EE_OK || got != expected)
            return false;
        keep_sorted(&books[i]);
    }
    return true;
}

static bool step(struct book *books, struct model *m)
{
    uint64_t what = draw(20);
    bool holds = what < 2   ? accounts_step(books, m)
                 : what < 4 ? tick_step(books, m)
                            : transfers_step(books, m);
    if (holds && one_in(10))
        holds = reload(&books[1]);
    return holds && same(books[0].ledger, m) && same(books[1].ledger, m);
}

static bool run_seed(uint64_t seed)
{
    static struct model m;
    static struct book books[2];
    memset(&m, 0, sizeof(m));
    memset(books, 0, sizeof(books));
    state = seed;
    books[0].limits = (struct ee_ledger_limits){.accounts = MODEL_ACCOUNTS + 1, .transfers = PASTS};
    books[1].limits = (struct ee_ledger_limits){.accounts = MODEL_ACCOUNTS + 1,
                                                .transfers = 1 + (uint32_t)draw(20),
                                                .window = true,
                                                .reservations = PASTS,
                                                .hash_seed = seed};
    bool holds = true;
    for (int i = 0; i < 2; i++) {
        books[i].ledger = ee_ledger_new(&ee_allocator_system, &books[i].limits);
        holds = holds && books[i].ledger;
    }
    for (int i = 0; holds && i < STEPS; i++)
        holds = step(books, &m);
    for (int i = 0; i < 2; i++)
        ee_ledger_free(books[i].ledger);
    return holds;
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
    uint64_t value;
    const char *text = getenv(name);
    return text && ee_u64_parse(text, &value) == EE_OK ? value : fallback;
}

static void random_batches_agree_with_the_model(void)
{
    bool full = getenv("EE_TEST_FULL") != NULL;
    uint64_t first = from_environment("EE_SEED", 1);
    uint64_t seeds = from_environment("EE_SEEDS", full ? 50 * SEEDS : SEEDS);
    printf("# seeds %llu to %llu\n", (unsigned long long)first,
           (unsigned long long)(first + seeds - 1));
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        bool holds = run_seed(seed);
        if (!holds)
            printf("# seed %llu\n", (unsigned long long)seed);
        REQUIRE(holds);
    }
}

static void every_result_came_up(void)
{
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        if (seen[i] == 0)
            printf("# never: %s\n", ee_ledger_result_name((enum ee_ledger_result)i));
        CHECK(seen[i] > 0);
    }
}

TESTS(TEST(random_batches_agree_with_the_model), TEST(every_result_came_up))
