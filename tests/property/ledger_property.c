/* SPDX-License-Identifier: Apache-2.0 */
/* Random transfers of every kind, single and in chains, against a model of a few lines that knows
 * only balances. EE_SEED and EE_SEEDS choose the seeds. */
#include "ledger/ledger.h"

#include <stdlib.h>

#include "base/text.h"
#include "tap.h"

enum { ACCOUNTS = 5, STEPS = 400, SEEDS = 200, IDS = 120, CHAIN = 4 };

/* Accounts 1 to 4 may not be overdrawn, 0 may. */
struct model {
    int64_t posted[ACCOUNTS], pending_debits[ACCOUNTS], pending_credits[ACCOUNTS];
    struct model_transfer {
        int debit, credit;
        int64_t amount;
        bool known, pending, resolved, refused;
    } transfers[IDS];
};

static uint64_t state;

static uint64_t draw(uint64_t limit)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % limit;
}

static struct ee_ledger_id id_of(uint64_t number)
{
    struct ee_ledger_id id = {{0}};
    id.bytes[0] = (uint8_t)(number + 1);
    return id;
}

struct event {
    uint64_t id, pending;
    struct ee_ledger_transfer transfer;
};

static struct event make_event(void)
{
    struct event e = {.id = draw(IDS), .pending = draw(IDS)};
    static const uint16_t kinds[] = {
        0, 0, EE_LEDGER_PENDING, EE_LEDGER_PENDING, EE_LEDGER_POST, EE_LEDGER_VOID};
    uint16_t kind = kinds[draw(6)];
    e.transfer = (struct ee_ledger_transfer){.id = id_of(e.id), .flags = kind};
    if (kind == EE_LEDGER_POST || kind == EE_LEDGER_VOID) {
        e.transfer.pending_id = id_of(e.pending);
        e.transfer.amount = kind == EE_LEDGER_VOID ? 0 : draw(40);
        return e;
    }
    e.transfer.debit_account = id_of(draw(ACCOUNTS));
    e.transfer.credit_account = id_of(draw(ACCOUNTS));
    e.transfer.amount = draw(40);
    e.transfer.ledger = e.transfer.code = 1;
    return e;
}

static bool model_resolve(struct model *m, const struct event *e)
{
    struct model_transfer *p = &m->transfers[e->pending];
    bool post = e->transfer.flags & EE_LEDGER_POST;
    int64_t amount = post ? (int64_t)e->transfer.amount : 0;
    if (e->id == e->pending || !p->known || !p->pending || p->resolved || amount > p->amount)
        return false;
    m->pending_debits[p->debit] -= p->amount;
    m->pending_credits[p->credit] -= p->amount;
    m->posted[p->debit] -= amount;
    m->posted[p->credit] += amount;
    p->resolved = true;
    m->transfers[e->id] = (struct model_transfer){.known = true};
    return true;
}

/* Whether it is booked; nothing changes otherwise. */
static bool model_apply(struct model *m, const struct event *e)
{
    if (m->transfers[e->id].known)
        return false;
    if (e->transfer.flags & (EE_LEDGER_POST | EE_LEDGER_VOID))
        return model_resolve(m, e);
    int debit = e->transfer.debit_account.bytes[0] - 1;
    int credit = e->transfer.credit_account.bytes[0] - 1;
    int64_t amount = (int64_t)e->transfer.amount;
    if (debit == credit || (debit && m->posted[debit] - m->pending_debits[debit] < amount))
        return false;
    bool pending = e->transfer.flags & EE_LEDGER_PENDING;
    m->transfers[e->id] = (struct model_transfer){debit, credit, amount, true, pending, false};
    (pending ? m->pending_debits : m->posted)[debit] += pending ? amount : -amount;
    (pending ? m->pending_credits : m->posted)[credit] += amount;
    return true;
}

static bool same(const struct ee_ledger *ledger, const struct model *m)
{
    for (uint64_t i = 0; i < ACCOUNTS; i++) {
        struct ee_ledger_id id = id_of(i);
        const struct ee_ledger_account *a = ee_ledger_account_find(ledger, &id);
        if ((int64_t)(a->credits_posted - a->debits_posted) != m->posted[i] ||
            (int64_t)a->debits_pending != m->pending_debits[i] ||
            (int64_t)a->credits_pending != m->pending_credits[i])
            return false;
    }
    return ee_ledger_balanced(ledger);
}

/* A chain of one to four events: booked whole by both or by none. */
static bool step(struct ee_ledger *ledger, struct model *m)
{
    struct ee_ledger_transfer batch[CHAIN];
    enum ee_ledger_result results[CHAIN];
    struct model tried = *m;
    uint32_t count = 1 + (uint32_t)(draw(3) == 0 ? draw(CHAIN) : 0);
    bool all = true;
    for (uint32_t i = 0; i < count; i++) {
        struct event e = make_event();
        all = all && model_apply(&tried, &e);
        batch[i] = e.transfer;
        batch[i].flags = (uint16_t)(batch[i].flags | (i + 1 < count ? EE_LEDGER_LINKED : 0));
    }
    if (ee_ledger_transfers_create(ledger, batch, count, NULL, results) != EE_OK)
        return false;
    bool created = true;
    for (uint32_t i = 0; i < count; i++)
        created = created && results[i] == EE_LEDGER_CREATED;
    if (all)
        *m = tried;
    return created == all && same(ledger, m);
}

static bool run_seed(uint64_t seed)
{
    struct model m = {0};
    enum ee_ledger_result result;
    struct ee_ledger *ledger = ee_ledger_new(&ee_allocator_system, &(struct ee_ledger_limits){.accounts = ACCOUNTS, .transfers = 2 * STEPS});
    bool holds = ledger != NULL;
    for (uint64_t i = 0; holds && i < ACCOUNTS; i++) {
        const struct ee_ledger_account account = {
            .id = id_of(i),
            .ledger = 1,
            .code = 1,
            .flags = i ? EE_LEDGER_DEBITS_MUST_NOT_EXCEED_CREDITS : 0};
        holds = ee_ledger_accounts_create(ledger, &account, 1, &result) == EE_OK;
    }
    state = seed;
    for (int i = 0; holds && i < STEPS; i++)
        holds = step(ledger, &m);
    ee_ledger_free(ledger);
    return holds;
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
    uint64_t value;
    const char *text = getenv(name);
    return text && ee_u64_parse(text, &value) == EE_OK ? value : fallback;
}

static void random_transfers_agree_with_the_model(void)
{
    uint64_t first = from_environment("EE_SEED", 1), seeds = from_environment("EE_SEEDS", SEEDS);
    printf("# seeds %llu to %llu\n", (unsigned long long)first,
           (unsigned long long)(first + seeds - 1));
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        bool holds = run_seed(seed);
        if (!holds)
            printf("# seed %llu\n", (unsigned long long)seed);
        REQUIRE(holds);
    }
}

TESTS(TEST(random_transfers_agree_with_the_model))
