/* SPDX-License-Identifier: Apache-2.0 */
#include "control/slots.h"

#include <assert.h>
#include <string.h>

#include "tlog/merkle.h"

#include "base/banned.h"

/* Coming later than this for the end of a window, we first read what may have arrived meanwhile. */
enum { EE_SLOTS_POLL_US = 10000 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint32_t slot_count(uint64_t length_us, uint64_t slot_us)
{
    uint64_t count = (length_us + slot_us - 1) / slot_us;
    return (uint32_t)min_u64(count, EE_CHECK_SLOTS_MAX);
}

static void row_init(struct ee_slots_row *row, uint64_t length_us, uint64_t slot_us,
                     const struct ee_params *params)
{
    memset(row, 0, sizeof *row);
    row->slot_us = slot_us;
    /* Both kinds use the same share of their slot for tries. */
    row->window_us = slot_us / params->slot_ms * params->try_window_ms;
    row->tries = params->tries > 0 ? params->tries : 1;
    row->count = slot_count(length_us, slot_us);
    row->why = EE_TIMEOUT;
}

void ee_slots_init(struct ee_slots *slots, const struct ee_params *params, uint64_t starts_us,
                   uint64_t ends_us)
{
    assert(ends_us > starts_us);
    slots->starts_us = starts_us;
    slots->ends_us = ends_us;
    slots->evidence_count = 0;
    slots->collateral_count = 0;
    memset(slots->collateral, 0, sizeof slots->collateral);
    row_init(&slots->health, ends_us - starts_us, (uint64_t)params->slot_ms * 1000, params);
    row_init(&slots->attestation, ends_us - starts_us, (uint64_t)params->attestation_s * 1000000,
             params);
}

static uint64_t slot_start(const struct ee_slots *slots, const struct ee_slots_row *row,
                           uint32_t slot)
{
    return slots->starts_us + (uint64_t)slot * row->slot_us;
}

/* End of the slot itself, the last one cut at the period's end. */
static uint64_t slot_end(const struct ee_slots *slots, const struct ee_slots_row *row,
                         uint32_t slot)
{
    return min_u64(slot_start(slots, row, slot) + row->slot_us, slots->ends_us);
}

static uint64_t window_end(const struct ee_slots *slots, const struct ee_slots_row *row)
{
    uint64_t end = slot_start(slots, row, row->open) + row->window_us;
    return min_u64(end + row->stall_us, slot_end(slots, row, row->open));
}

static uint64_t try_due(const struct ee_slots *slots, const struct ee_slots_row *row)
{
    if (row->hurried)
        return 0;
    if (row->tried >= row->tries)
        return UINT64_MAX;
    return slot_start(slots, row, row->open) + row->stall_us +
           row->tried * (row->window_us / row->tries);
}

static uint64_t row_next(const struct ee_slots *slots, const struct ee_slots_row *row)
{
    if (row->open >= row->count)
        return UINT64_MAX;
    if (row->outcome[row->open] == EE_CHECK_OK)
        return slot_end(slots, row, row->open);
    return min_u64(try_due(slots, row), window_end(slots, row));
}

uint64_t ee_slots_next_us(const struct ee_slots *slots)
{
    return min_u64(row_next(slots, &slots->health), row_next(slots, &slots->attestation));
}

static void row_advance(struct ee_slots_row *row)
{
    row->open++;
    row->tried = 0;
    row->stall_us = 0;
    row->hurried = false;
    row->unjudged = false;
    row->why = EE_TIMEOUT;
}

static struct ee_slots_action action_of(enum ee_slots_act act, enum ee_check_kind kind,
                                        uint32_t slot, enum ee_err why)
{
    return (struct ee_slots_action){.act = act, .kind = kind, .slot = slot, .why = why};
}

/* The window has ended without a good answer, or we were too late to say. */
static struct ee_slots_action row_close(struct ee_slots_row *row, enum ee_check_kind kind,
                                        const struct ee_slots_view *view, bool late)
{
    uint32_t slot = row->open;
    enum ee_err why = view->connected ? row->why : EE_CLOSED;
    bool unjudged = row->unjudged;
    row_advance(row);
    if (late || unjudged || view->excused)
        return action_of(EE_SLOTS_VOID, kind, slot, EE_OK);
    row->outcome[slot] = EE_CHECK_MISSED;
    row->missed++;
    return action_of(EE_SLOTS_MISSED, kind, slot, why);
}

/* By how much we come late for what was due; everything after it in the slot moves by that. */
static uint64_t row_note_lateness(const struct ee_slots *slots, struct ee_slots_row *row,
                                  uint64_t now_us)
{
    uint64_t due = row_next(slots, row);
    if (row->hurried || now_us <= due)
        return 0;
    row->stall_us += now_us - due;
    return now_us - due;
}

/* What happens in the open slot now; NOTHING also when its try went unasked for want of a session.
 */
static struct ee_slots_action row_step_open(struct ee_slots *slots, struct ee_slots_row *row,
                                            enum ee_check_kind kind,
                                            const struct ee_slots_view *view)
{
    uint64_t now_us = view->now_us;
    uint64_t late_us = row_note_lateness(slots, row, now_us);
    if (row->stall_us > row->slot_us / 2)
        return row_close(row, kind, view, true);
    if (now_us >= window_end(slots, row)) {
        bool slot_over = now_us >= slot_end(slots, row, row->open);
        if (late_us < EE_SLOTS_POLL_US || slot_over)
            return row_close(row, kind, view, late_us >= EE_SLOTS_POLL_US);
        row->stall_us += EE_SLOTS_POLL_US; /* the answer may be waiting in our socket */
        return action_of(EE_SLOTS_NOTHING, kind, 0, EE_OK);
    }
    row->hurried = false;
    row->tried++;
    return action_of(view->connected ? EE_SLOTS_TRY : EE_SLOTS_NOTHING, kind, row->open, EE_OK);
}

static struct ee_slots_action row_step(struct ee_slots *slots, struct ee_slots_row *row,
                                       enum ee_check_kind kind, const struct ee_slots_view *view)
{
    while (row->open < row->count && view->now_us >= slot_start(slots, row, row->open) &&
           view->now_us >= row_next(slots, row)) {
        if (row->outcome[row->open] == EE_CHECK_OK) {
            row_advance(row);
            continue;
        }
        struct ee_slots_action action = row_step_open(slots, row, kind, view);
        if (action.act != EE_SLOTS_NOTHING)
            return action;
    }
    return action_of(EE_SLOTS_NOTHING, kind, 0, EE_OK);
}

struct ee_slots_action ee_slots_step(struct ee_slots *slots, const struct ee_slots_view *view)
{
    struct ee_slots_action action =
        row_step(slots, &slots->attestation, EE_CHECK_ATTESTATION, view);
    if (action.act != EE_SLOTS_NOTHING)
        return action;
    return row_step(slots, &slots->health, EE_CHECK_HEALTH, view);
}

static bool row_is_open(const struct ee_slots *slots, const struct ee_slots_row *row, uint32_t slot,
                        uint64_t now_us)
{
    return slot == row->open && slot < row->count && row->outcome[slot] == EE_CHECK_VOID &&
           now_us >= slot_start(slots, row, slot) && now_us < slot_end(slots, row, slot);
}

static bool row_answer(const struct ee_slots *slots, struct ee_slots_row *row, uint32_t slot,
                       uint64_t now_us, enum ee_err err)
{
    if (!row_is_open(slots, row, slot, now_us))
        return false;
    if (err != EE_OK) {
        row->why = err;
        return false;
    }
    row->outcome[slot] = EE_CHECK_OK;
    row->ok++;
    return true;
}

bool ee_slots_health_answer(struct ee_slots *slots, uint32_t slot, uint64_t now_us, enum ee_err err)
{
    return row_answer(slots, &slots->health, slot, now_us, err);
}

/* A set that follows another is a new one: sets do not come back. */
static void collateral_note(struct ee_slots *slots, const uint8_t hash[32])
{
    const uint32_t max = EE_CHECKS_COLLATERAL_MAX;
    uint32_t listed = slots->collateral_count < max ? slots->collateral_count : max;
    for (uint32_t i = 0; i < listed; i++)
        if (memcmp(slots->collateral[i], hash, 32) == 0)
            return;
    if (listed == max)
        memmove(slots->collateral[0], slots->collateral[1], (size_t)(--listed) * 32);
    memcpy(slots->collateral[listed], hash, 32);
    slots->collateral_count++;
}

bool ee_slots_attestation_answer(struct ee_slots *slots, uint32_t slot, uint64_t now_us,
                                 enum ee_err err, const struct ee_slots_proof *proof)
{
    if (!row_answer(slots, &slots->attestation, slot, now_us, err))
        return false;
    memcpy(slots->evidence[slots->evidence_count++], proof->evidence, 32);
    collateral_note(slots, proof->collateral);
    return true;
}

void ee_slots_attestation_unjudged(struct ee_slots *slots, uint32_t slot, uint64_t now_us)
{
    if (row_is_open(slots, &slots->attestation, slot, now_us))
        slots->attestation.unjudged = true;
}

bool ee_slots_health_wanted(const struct ee_slots *slots, uint64_t now_us)
{
    return row_is_open(slots, &slots->health, slots->health.open, now_us);
}

static void row_void_open(const struct ee_slots *slots, struct ee_slots_row *row, uint64_t now_us)
{
    if (row_is_open(slots, row, row->open, now_us))
        row_advance(row);
}

void ee_slots_void_open(struct ee_slots *slots, uint64_t now_us)
{
    row_void_open(slots, &slots->health, now_us);
    row_void_open(slots, &slots->attestation, now_us);
}

void ee_slots_forgive(struct ee_slots *slots, enum ee_check_kind kind, uint32_t slot)
{
    struct ee_slots_row *row = kind == EE_CHECK_HEALTH ? &slots->health : &slots->attestation;
    assert(slot < row->count && row->outcome[slot] == EE_CHECK_MISSED);
    row->outcome[slot] = EE_CHECK_VOID;
    row->missed--;
}

/* A row has its say when it has a result, or when the slot of now cannot bring one any more. */
static bool row_conclusive(const struct ee_slots *slots, const struct ee_slots_row *row,
                           uint64_t now_us)
{
    return row->ok + row->missed > 0 || !row_is_open(slots, row, row->open, now_us);
}

bool ee_slots_conclusive(const struct ee_slots *slots, uint64_t now_us)
{
    return row_conclusive(slots, &slots->health, now_us) &&
           row_conclusive(slots, &slots->attestation, now_us);
}

void ee_slots_retry(struct ee_slots *slots, uint64_t now_us)
{
    struct ee_slots_row *rows[] = {&slots->health, &slots->attestation};
    for (size_t i = 0; i < 2; i++)
        if (row_is_open(slots, rows[i], rows[i]->open, now_us))
            rows[i]->hurried = true;
}

static void row_hurry(const struct ee_slots *slots, struct ee_slots_row *row, uint64_t now_us)
{
    if (!row_conclusive(slots, row, now_us))
        row->hurried = true;
}

void ee_slots_hurry(struct ee_slots *slots, uint64_t now_us)
{
    row_hurry(slots, &slots->health, now_us);
    row_hurry(slots, &slots->attestation, now_us);
}

static uint32_t row_checks(const struct ee_slots_row *row, uint64_t length_us,
                           uint8_t out[EE_CHECK_SLOTS_MAX])
{
    uint32_t count = slot_count(length_us, row->slot_us);
    if (count > row->count)
        count = row->count;
    memcpy(out, row->outcome, count);
    return count;
}

void ee_slots_checks(const struct ee_slots *slots, const struct ee_crypto *crypto,
                     uint64_t ended_us, struct ee_checks *out)
{
    struct ee_tlog_hash leaves[EE_CHECK_SLOTS_MAX];
    struct ee_tlog_hash root;
    uint64_t end = min_u64(ended_us, slots->ends_us);
    uint64_t length = end > slots->starts_us ? end - slots->starts_us : 1;
    memset(out, 0, sizeof *out);
    out->health_count = row_checks(&slots->health, length, out->health);
    out->attestation_count = row_checks(&slots->attestation, length, out->attestation);
    if (slots->evidence_count == 0)
        return;
    for (uint32_t i = 0; i < slots->evidence_count; i++)
        ee_tlog_leaf_hash(crypto, ee_bytes_of(slots->evidence[i], 32), &leaves[i]);
    ee_tlog_root_of(crypto, leaves, slots->evidence_count, &root);
    memcpy(out->evidence_root, root.bytes, 32);
    out->collateral_count = slots->collateral_count;
    memcpy(out->collateral, slots->collateral, sizeof out->collateral);
}
