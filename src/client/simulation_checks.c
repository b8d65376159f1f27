/* SPDX-License-Identifier: Apache-2.0 */
#include "client/simulation_checks.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { FIRST_CAPACITY = 64, TOLD_MAX = 1 << 20, SPANS_MAX = 1 << 22 };

uint64_t ee_simulation_slot_us(const struct ee_core *core, enum ee_check_kind kind)
{
    const struct ee_params *params = ee_core_params(core);
    return kind == EE_CHECK_HEALTH ? (uint64_t)params->slot_ms * 1000
                                   : (uint64_t)params->attestation_s * 1000000;
}

void ee_simulation_checks_close(struct ee_simulation_checks *c)
{
    free(c->spans);
    free(c->told);
    *c = (struct ee_simulation_checks){0};
}

/* Room for one more row of `size` bytes. */
static enum ee_err grow(void **rows, size_t count, size_t *capacity, size_t size, size_t limit)
{
    if (count < *capacity)
        return EE_OK;
    if (count >= limit)
        return EE_FULL;
    size_t wanted = *capacity ? 2 * *capacity : FIRST_CAPACITY;
    void *more = realloc(*rows, wanted * size);
    if (!more)
        return EE_NO_MEMORY;
    *rows = more;
    *capacity = wanted;
    return EE_OK;
}

enum ee_err ee_simulation_checks_pass(struct ee_simulation_checks *c, uint64_t begin_us,
                                      uint64_t end_us, bool ok)
{
    struct ee_check_span *last = c->span_count ? &c->spans[c->span_count - 1] : NULL;
    if (last && last->ok == ok && last->end_us == begin_us) {
        last->end_us = end_us;
        return EE_OK;
    }
    void *spans = c->spans;
    EE_TRY(grow(&spans, c->span_count, &c->span_capacity, sizeof(*c->spans), SPANS_MAX));
    c->spans = spans;
    c->spans[c->span_count++] = (struct ee_check_span){begin_us, end_us, ok};
    return EE_OK;
}

static bool same_slot(const struct ee_check_told *a, const struct ee_check_told *b)
{
    return a->period == b->period && a->slot == b->slot && a->kind == b->kind &&
           memcmp(a->lease, b->lease, EE_ID_SIZE) == 0;
}

enum ee_err ee_simulation_checks_tell(struct ee_simulation_checks *c,
                                      const struct ee_check_told *told)
{
    for (size_t i = 0; i < c->told_count; i++) {
        if (!same_slot(&c->told[i], told))
            continue;
        if (c->told[i].outcome == EE_CHECK_MISSED && told->outcome != EE_CHECK_MISSED)
            return EE_CHECKS_INVALID;
        c->told[i] = *told;
        return EE_OK;
    }
    void *rows = c->told;
    EE_TRY(grow(&rows, c->told_count, &c->told_capacity, sizeof(*c->told), TOLD_MAX));
    c->told = rows;
    c->told[c->told_count++] = *told;
    return EE_OK;
}

/* The first span that ends after this moment, by halving. */
static size_t span_after(const struct ee_simulation_checks *c, uint64_t time_us)
{
    size_t low = 0, high = c->span_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->spans[middle].end_us <= time_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A slot is good when time passed with good checks at its beginning; absent is missed. */
static uint8_t outcome_at(const struct ee_simulation_checks *c, uint64_t time_us)
{
    size_t i = span_after(c, time_us);
    bool ok = i < c->span_count && c->spans[i].begin_us <= time_us && c->spans[i].ok;
    return ok ? EE_CHECK_OK : EE_CHECK_MISSED;
}

static uint32_t outcomes(const struct ee_simulation_checks *c, const struct ee_period *period,
                         uint64_t slot_us, uint32_t count, uint8_t *out)
{
    count = count < EE_CHECK_SLOTS_MAX ? count : EE_CHECK_SLOTS_MAX;
    for (uint32_t i = 0; i < count; i++)
        out[i] = outcome_at(c, period->starts_us + i * slot_us);
    return count;
}

void ee_simulation_checks_record(struct ee_simulation_checks *c, const struct ee_core *core,
                                 const struct ee_period *period, struct ee_checks *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->lease, period->lease, EE_ID_SIZE);
    out->period = period->index;
    out->health_count = outcomes(c, period, ee_simulation_slot_us(core, EE_CHECK_HEALTH),
                                 ee_core_health_slots(core, period), out->health);
    out->attestation_count = outcomes(c, period, ee_simulation_slot_us(core, EE_CHECK_ATTESTATION),
                                      ee_core_attestation_slots(core, period), out->attestation);
    size_t kept = 0;
    for (size_t i = 0; i < c->told_count; i++) {
        const struct ee_check_told *t = &c->told[i];
        if (t->period != period->index || memcmp(t->lease, period->lease, EE_ID_SIZE) != 0)
            c->told[kept++] = *t;
        else if (t->kind == EE_CHECK_HEALTH && t->slot < out->health_count)
            out->health[t->slot] = (uint8_t)t->outcome;
        else if (t->kind == EE_CHECK_ATTESTATION && t->slot < out->attestation_count)
            out->attestation[t->slot] = (uint8_t)t->outcome;
    }
    c->told_count = kept;
}
