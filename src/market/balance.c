/* SPDX-License-Identifier: Apache-2.0 */
#include "market/balance.h"

#include "base/banned.h"

enum { BUDGET_SPAN_S = 10, BUDGET_FLOOR = 100, BUDGET_SHARE = 5, PPM = 1000000 };
#define MICROS 1000000u

bool ee_balance_ejected(const struct ee_balance_replica *replica, uint64_t now_us)
{
    return replica->ejected_until_us > now_us;
}

/* ---- who may be chosen: a set of bits, narrowed step by step ---- */

struct choice {
    const struct ee_balance_replica *replicas;
    size_t count;
    const struct ee_balance_request *request;
};

static uint64_t live_set(const struct choice *c, bool ejected_too)
{
    uint64_t set = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct ee_balance_replica *r = &c->replicas[i];
        if (r->live && (ejected_too || !ee_balance_ejected(r, c->request->now_us)))
            set |= (uint64_t)1 << i;
    }
    return set & ~c->request->tried;
}

static uint64_t idle_set(const struct choice *c, uint64_t set)
{
    uint64_t idle = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->replicas[i].in_flight < EE_BALANCE_SPILL)
            idle |= (uint64_t)1 << i;
    return set & idle;
}

/* Those at most a tenth dearer than the cheapest of them. */
static uint64_t cheapest_band(const struct choice *c, uint64_t set)
{
    uint64_t lowest = UINT64_MAX, band = 0;
    for (size_t i = 0; i < c->count; i++)
        if (set >> i & 1 && c->replicas[i].price < lowest)
            lowest = c->replicas[i].price;
    const uint64_t width =
        lowest / PPM * EE_BALANCE_BAND_PPM + lowest % PPM * EE_BALANCE_BAND_PPM / PPM;
    const uint64_t limit = lowest > UINT64_MAX - width ? UINT64_MAX : lowest + width;
    for (size_t i = 0; i < c->count; i++)
        if (set >> i & 1 && c->replicas[i].price <= limit)
            band |= (uint64_t)1 << i;
    return band;
}

static size_t set_count(uint64_t set)
{
    size_t count = 0;
    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

static size_t nth(uint64_t set, size_t n)
{
    size_t index = 0;
    while (n > 0 || (set & 1) == 0) {
        n -= set & 1;
        set >>= 1;
        index++;
    }
    return index;
}

/* ---- among them ---- */

static size_t less_busy_of_two(const struct choice *c, uint64_t set)
{
    const size_t count = set_count(set);
    const size_t first = (size_t)(c->request->random & UINT32_MAX) % count;
    if (count == 1)
        return nth(set, 0);
    const size_t step = 1 + (size_t)(c->request->random >> 32) % (count - 1);
    const size_t a = nth(set, first), b = nth(set, (first + step) % count);
    return c->replicas[b].in_flight < c->replicas[a].in_flight ? b : a;
}

/* A mix of both in which every bit counts (the finalizer of SplitMix64). */
static uint64_t weight(uint64_t hash, uint64_t id)
{
    uint64_t x = hash ^ (id * 0x9e3779b97f4a7c15u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Rendezvous: whom the hash weighs most; when one goes, only its callers move. */
static size_t sticky(const struct choice *c, uint64_t set)
{
    size_t best = c->count;
    for (size_t i = 0; i < c->count; i++) {
        if ((set >> i & 1) == 0)
            continue;
        if (c->request->sticky_id != 0 && c->replicas[i].id == c->request->sticky_id)
            return i;
        if (best == c->count || weight(c->request->sticky_hash, c->replicas[i].id) >
                                    weight(c->request->sticky_hash, c->replicas[best].id))
            best = i;
    }
    return best;
}

size_t ee_balance_choose(const struct ee_balance_replica *replicas, size_t count,
                         const struct ee_balance_request *request)
{
    const struct choice c = {replicas, count, request};
    uint64_t set = live_set(&c, false);
    if (set == 0)
        set = live_set(&c, true);
    if (set == 0)
        return count;
    if (request->sticky)
        return sticky(&c, set);
    const uint64_t idle = idle_set(&c, set);
    return less_busy_of_two(&c, cheapest_band(&c, idle != 0 ? idle : set));
}

/* ---- ejection ---- */

static bool may_eject(const struct ee_balance_replica *replicas, size_t count, uint64_t now_us)
{
    size_t live = 0, ejected = 0;
    for (size_t i = 0; i < count; i++) {
        live += replicas[i].live;
        ejected += replicas[i].live && ee_balance_ejected(&replicas[i], now_us);
    }
    return 2 * (ejected + 1) <= live;
}

bool ee_balance_failed(struct ee_balance_replica *replicas, size_t count, size_t index,
                       uint64_t now_us)
{
    struct ee_balance_replica *r = &replicas[index];
    if (r->errors < EE_BALANCE_ERRORS_MAX)
        r->errors++;
    if (r->errors < EE_BALANCE_ERRORS_MAX || ee_balance_ejected(r, now_us) ||
        !may_eject(replicas, count, now_us))
        return false;
    r->errors = 0;
    if (r->ejections < EE_BALANCE_EJECTIONS_MAX)
        r->ejections++;
    r->ejected_until_us = now_us + (uint64_t)r->ejections * EE_BALANCE_EJECTION_S * MICROS;
    return true;
}

void ee_balance_succeeded(struct ee_balance_replica *replica, uint64_t now_us)
{
    replica->errors = 0;
    if (!ee_balance_ejected(replica, now_us))
        replica->ejections = 0;
}

/* ---- budget of retries ---- */

/* Halves the counts once a span, so that what was long ago fades. */
static void fade(struct ee_balance_budget *budget, uint64_t now_us)
{
    const uint64_t span = (uint64_t)BUDGET_SPAN_S * MICROS;
    if (now_us < budget->since_us || now_us - budget->since_us >= 32 * span) {
        *budget = (struct ee_balance_budget){.since_us = now_us};
        return;
    }
    for (; now_us - budget->since_us >= span; budget->since_us += span) {
        budget->requests /= 2;
        budget->retries /= 2;
    }
}

void ee_balance_request_counted(struct ee_balance_budget *budget, uint64_t now_us)
{
    fade(budget, now_us);
    if (budget->requests < UINT32_MAX)
        budget->requests++;
}

bool ee_balance_retry_granted(struct ee_balance_budget *budget, uint64_t now_us)
{
    fade(budget, now_us);
    if (budget->retries >= BUDGET_FLOOR && budget->retries >= budget->requests / BUDGET_SHARE)
        return false;
    budget->retries++;
    return true;
}
