/* SPDX-License-Identifier: Apache-2.0 */
/* What a payment provider says, in random orders and with repetitions: money is conserved after
 * every word, each payment mints once, and the end does not depend on the order. EE_SEEDS=N runs N
 * seeds (200; 5,000 with EE_TEST_FULL), EE_SEED repeats one. */
#include "unit/core/network.h"

#include <stdio.h>
#include <stdlib.h>

#include "tap.h"

enum { USERS = 2, PAYMENTS = 5, WORDS_MAX = 96, ORDERS = 4 };

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

struct plan {
    uint64_t cents[PAYMENTS];
    uint32_t user[PAYMENTS];
    int64_t free_micros[USERS]; /* minted by the issuer before */
    struct ee_payment_word words[WORDS_MAX];
    uint32_t payment[WORDS_MAX]; /* of each word */
    uint32_t count;
};

static const char *const users[USERS] = {"alice", "bob"};

static struct ee_payment_word *word_add(struct plan *p, uint32_t payment,
                                        enum ee_payment_event event, uint64_t cents)
{
    struct ee_payment_word *w = &p->words[p->count];
    memset(w, 0, sizeof(*w));
    w->event = event;
    w->cents = cents;
    memcpy(w->currency, "usd", 3);
    (void)snprintf(w->payment, sizeof(w->payment), "pi_%u", payment);
    (void)snprintf(w->provider_event, sizeof(w->provider_event), "evt_%u", p->count);
    p->payment[p->count++] = payment;
    return w;
}

static void dispute_add(struct plan *p, uint32_t payment, uint32_t number)
{
    uint64_t cents = 1 + draw((uint32_t)p->cents[payment]);
    enum ee_payment_event end = draw(2) ? EE_PAYMENT_DISPUTE_WON : EE_PAYMENT_DISPUTE_LOST;
    uint32_t words = 1 + draw(2);
    for (uint32_t i = 0; i < words; i++) {
        struct ee_payment_word *w =
            word_add(p, payment, i == 0 && draw(4) ? EE_PAYMENT_DISPUTE_OPENED : end, cents);
        (void)snprintf(w->dispute, sizeof(w->dispute), "dp_%u_%u", payment, number);
    }
}

static void plan_make(struct plan *p)
{
    memset(p, 0, sizeof(*p));
    for (uint32_t u = 0; u < USERS; u++)
        p->free_micros[u] = draw(3) ? (int64_t)draw(5000000) : 0;
    for (uint32_t i = 0; i < PAYMENTS; i++) {
        p->cents[i] = 1 + draw(1000);
        p->user[i] = draw(USERS);
        if (draw(8)) /* the same payment by two kinds of events */
            (void)word_add(p, i, EE_PAYMENT_SUCCEEDED, p->cents[i]);
        if (draw(2))
            (void)word_add(p, i, EE_PAYMENT_SUCCEEDED, p->cents[i]);
        if (draw(6) == 0)
            (void)word_add(p, i, EE_PAYMENT_SUCCEEDED, p->cents[i] + 1);
        for (uint32_t refund = 0; draw(2); refund++)
            (void)word_add(p, i, EE_PAYMENT_REFUNDED, 1 + draw((uint32_t)p->cents[i]));
        for (uint32_t d = 0; d < 2 && draw(3) == 0; d++)
            dispute_add(p, i, d);
        if (p->count > WORDS_MAX / 2)
            break;
    }
}

struct outcome {
    struct ee_balance balances[USERS];
    struct ee_payment payments[PAYMENTS];
    struct ee_totals totals;
};

/* Says every word at least once, in an order of its own. */
static void run(const struct plan *p, uint32_t repeats, struct outcome *out)
{
    struct network n;
    uint8_t orders[PAYMENTS][EE_ID_SIZE];
    uint32_t order[WORDS_MAX], count = p->count;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    n.step_us = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        CHECK(network_account(&n, users[u], EE_ACCOUNT_USER) == EE_OK);
        CHECK(p->free_micros[u] == 0 || network_mint(&n, users[u], p->free_micros[u]) == EE_OK);
    }
    for (uint32_t i = 0; i < PAYMENTS; i++) {
        struct ee_topup topup = {.cents = p->cents[i] ? p->cents[i] : 1, .currency = "usd"};
        struct ee_topup_result made;
        CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, users[p->user[i]], EE_COMMAND_TOPUP, topup,
                           &topup) == EE_OK);
        CHECK(ee_topup_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &made) ==
              EE_OK);
        memcpy(orders[i], made.order, EE_ID_SIZE);
    }
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (; repeats > 0 && count > 0 && count < WORDS_MAX; repeats--, count++)
        order[count] = draw(p->count); /* the provider sends some again */
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = draw(i), swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct ee_payment_word word = p->words[order[i]];
        if (word.event == EE_PAYMENT_SUCCEEDED)
            memcpy(word.order, orders[p->payment[order[i]]], EE_ID_SIZE);
        ee_command_id(&ee_crypto_openssl, "@stripe", ee_bytes_str(word.provider_event), n.id);
        CHECK(NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word) ==
              EE_OK);
    }
    CHECK(n.broken == NULL);
    memset(out, 0, sizeof(*out));
    for (uint32_t u = 0; u < USERS; u++)
        out->balances[u] = network_balance(&n, users[u]);
    for (uint32_t i = 0; i < PAYMENTS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "pi_%u", i);
        const struct ee_payment *payment = ee_core_payment(n.core, name);
        if (payment)
            out->payments[i] = *payment;
    }
    ee_core_totals(n.core, &out->totals);
    network_close(&n);
}

static bool payments_same(const struct ee_payment *a, const struct ee_payment *b)
{
    return strcmp(a->account, b->account) == 0 && a->minted.micros == b->minted.micros &&
           a->charged_back.micros == b->charged_back.micros && a->trouble == b->trouble &&
           a->refunded_cents == b->refunded_cents && a->dispute_count == b->dispute_count &&
           memcmp(a->disputes, b->disputes, sizeof(a->disputes)) == 0;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    for (uint32_t u = 0; u < USERS; u++)
        if (a->balances[u].available.micros != b->balances[u].available.micros ||
            a->balances[u].owed.micros != b->balances[u].owed.micros ||
            a->balances[u].held.micros != b->balances[u].held.micros)
            return false;
    for (uint32_t i = 0; i < PAYMENTS; i++)
        if (!payments_same(&a->payments[i], &b->payments[i]))
            return false;
    return a->totals.minted.micros == b->totals.minted.micros &&
           a->totals.charged_back.micros == b->totals.charged_back.micros;
}

/* A payment mints what was ordered, once, exactly when a right word of its success came. */
static bool minted_once(const struct plan *p, const struct outcome *o)
{
    int64_t minted = 0;
    for (uint32_t u = 0; u < USERS; u++)
        minted += p->free_micros[u];
    for (uint32_t i = 0; i < PAYMENTS; i++) {
        bool right = false;
        for (uint32_t w = 0; w < p->count; w++)
            right |= p->payment[w] == i && p->words[w].event == EE_PAYMENT_SUCCEEDED &&
                     p->words[w].cents == p->cents[i];
        int64_t wanted = right ? (int64_t)p->cents[i] * EE_MICROS_PER_CENT : 0;
        if (o->payments[i].minted.micros != wanted)
            return false;
        minted += wanted;
    }
    return o->totals.minted.micros == minted;
}

static bool seed_holds(uint64_t seed)
{
    struct plan plan;
    struct outcome first, other;
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    (void)draw(2);
    plan_make(&plan);
    run(&plan, 0, &first);
    bool holds = minted_once(&plan, &first);
    for (int i = 0; i < ORDERS && holds; i++) {
        run(&plan, draw(20), &other);
        holds = same(&first, &other);
    }
    if (!holds)
        printf("# seed %llu does not hold: EE_SEED=%llu repeats it\n", (unsigned long long)seed,
               (unsigned long long)seed);
    return holds;
}

static void any_order_of_words_ends_in_the_same_state(void)
{
    const char *one = getenv("EE_SEED"), *many = getenv("EE_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1;
    uint64_t count = one                      ? 1
                     : many                   ? strtoull(many, NULL, 10)
                     : getenv("EE_TEST_FULL") ? 5000
                                              : 200;
    printf("# seeds %llu to %llu\n", (unsigned long long)first,
           (unsigned long long)(first + count - 1));
    for (uint64_t seed = first; seed < first + count; seed++)
        if (!seed_holds(seed)) {
            CHECK(false);
            return;
        }
    CHECK(true);
}

TESTS(TEST(any_order_of_words_ends_in_the_same_state))
