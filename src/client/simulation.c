/* SPDX-License-Identifier: Apache-2.0 */
#include "client/simulation.h"

#include <stdlib.h>
#include <string.h>

#include "client/simulation_checks.h"
#include "io/crypto_openssl.h"
#include "base/banned.h"

enum { LABELS_FIRST = 64, DUES_FIRST = 64 };
static const uint64_t start_us = UINT64_C(1767225600) * 1000000; /* 2026-01-01 */

struct label {
    char name[EE_SIMULATION_LABEL_MAX + 1];
    uint8_t lease[EE_ID_SIZE];
};

/* A period whose checks are to be submitted, in the order in which it became due. */
struct due {
    uint64_t at_us;
    uint8_t lease[EE_ID_SIZE];
    uint32_t period;
};

struct ee_simulation {
    struct ee_core *core;
    struct ee_params params; /* the profile's, with other limits */
    uint64_t now_us;         /* absolute */
    struct ee_result result;
    struct ee_writer writer;
    uint8_t payload[EE_COMMAND_PAYLOAD_MAX];
    struct ee_simulation_checks checks;
    struct label *labels;
    size_t label_count, label_capacity;
    struct due *dues;
    size_t due_first, due_count, due_capacity;
    struct ee_effect starts[EE_EFFECTS_MAX]; /* leases the network moved, to be reported running */
    size_t start_count;
};

struct ee_simulation *ee_simulation_new(void)
{
    struct ee_simulation *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->now_us = start_us;
    s->core = ee_core_new(&ee_allocator_system, &ee_crypto_openssl, NULL);
    if (s->core)
        return s;
    free(s);
    return NULL;
}

void ee_simulation_free(struct ee_simulation *s)
{
    if (!s)
        return;
    ee_core_free(s->core);
    ee_simulation_checks_close(&s->checks);
    free(s->labels);
    free(s->dues);
    free(s);
}

const struct ee_core *ee_simulation_core(const struct ee_simulation *s)
{
    return s->core;
}

const struct ee_result *ee_simulation_result(const struct ee_simulation *s)
{
    return &s->result;
}

uint64_t ee_simulation_now_us(const struct ee_simulation *s)
{
    return s->now_us - start_us;
}

uint64_t ee_simulation_since_start_us(uint64_t time_us)
{
    return time_us - start_us;
}

void ee_simulation_limits_set(struct ee_simulation *s, const struct ee_simulation_limits *limits)
{
    s->params = *ee_params_of(ee_core_genesis(s->core)->profile);
    s->params.card_hold_s = limits->card_hold_s;
    s->params.card_daily_cap_micros = limits->card_daily_cap.micros;
    s->params.topups_per_day = UINT32_MAX;
    s->params.transfer_minimum_micros = limits->transfer_minimum.micros;
    s->params.transfer_day_micros = limits->transfer_day.micros;
    ee_core_params_override(s->core, &s->params);
}

/* ---- keys ---- */

static const uint8_t seeds[][EE_ED25519_KEY_SIZE] = {
    [EE_SIGNER_FOUNDER] = "simulated founding key",
    [EE_SIGNER_ISSUER] = "simulated issuer key",
    [EE_SIGNER_OPERATOR] = "simulated operator key",
};

void ee_simulation_public(enum ee_simulation_signer signer, uint8_t out[EE_ED25519_KEY_SIZE])
{
    if (!ee_crypto_openssl.ed25519_public(seeds[signer], out))
        abort();
}

void ee_simulation_sign(enum ee_simulation_signer signer, struct ee_bytes message,
                        uint8_t out[EE_ED25519_SIGNATURE_SIZE])
{
    if (!ee_crypto_openssl.ed25519_sign(seeds[signer], message, out))
        abort();
}

struct ee_writer *ee_simulation_payload(struct ee_simulation *s)
{
    ee_writer_init(&s->writer, s->payload, sizeof(s->payload));
    return &s->writer;
}

struct ee_writer *ee_simulation_writer(struct ee_simulation *s)
{
    return &s->writer;
}

/* ---- commands and their effects ---- */

static enum ee_err due_add(struct ee_simulation *s, const struct ee_effect *effect)
{
    if (s->due_first > 0 && s->due_first + s->due_count == s->due_capacity) {
        memmove(s->dues, s->dues + s->due_first, s->due_count * sizeof(*s->dues));
        s->due_first = 0;
    }
    if (s->due_first + s->due_count == s->due_capacity) {
        size_t capacity = s->due_capacity ? 2 * s->due_capacity : DUES_FIRST;
        struct due *more = realloc(s->dues, capacity * sizeof(*more));
        if (!more)
            return EE_NO_MEMORY;
        s->dues = more;
        s->due_capacity = capacity;
    }
    struct due *due = &s->dues[s->due_first + s->due_count++];
    due->at_us = s->now_us + (uint64_t)ee_core_params(s->core)->report_wait_s * 1000000;
    memcpy(due->lease, effect->lease, EE_ID_SIZE);
    due->period = effect->period;
    return EE_OK;
}

/* The agents of a simulated network do at once what they are told. */
static enum ee_err effects_take(struct ee_simulation *s, bool by_launcher)
{
    for (size_t i = 0; i < s->result.effect_count; i++) {
        const struct ee_effect *effect = &s->result.effects[i];
        if (effect->kind == EE_EFFECT_PERIOD_DUE || effect->kind == EE_EFFECT_LEASE_ENDED)
            EE_TRY(due_add(s, effect));
        if (effect->kind == EE_EFFECT_START_LEASE && !by_launcher)
            s->starts[s->start_count++] = *effect;
    }
    return EE_OK;
}

static enum ee_err apply(struct ee_simulation *s, struct ee_command *command)
{
    uint8_t number[8];
    struct ee_writer w;
    ee_writer_init(&w, number, sizeof(number));
    command->core_version = EE_CORE_VERSION;
    command->seq = ee_core_seq(s->core) + 1;
    command->time_us = s->now_us;
    ee_writer_u64(&w, command->seq);
    const struct ee_bytes parts[] = {ee_bytes_str("ee-simulation"), ee_writer_done(&w)};
    ee_crypto_openssl.sha256(parts, 2, command->random);
    EE_TRY(ee_core_apply(s->core, command, &s->result));
    s->start_count = 0;
    EE_TRY(effects_take(s, command->kind == EE_COMMAND_LEASE_START));
    return s->result.err;
}

static enum ee_err starts_report(struct ee_simulation *s)
{
    struct ee_effect starts[EE_EFFECTS_MAX];
    size_t count = s->start_count;
    memcpy(starts, s->starts, count * sizeof(starts[0]));
    for (size_t i = 0; i < count; i++) {
        struct ee_lease_running running;
        memcpy(running.lease, starts[i].lease, EE_ID_SIZE);
        struct ee_writer *w = ee_simulation_payload(s);
        EE_TRY(ee_lease_running_encode(&running, w));
        struct ee_command command = {.actor_kind = EE_ACTOR_SYSTEM,
                                     .kind = EE_COMMAND_LEASE_RUNNING,
                                     .payload = ee_writer_done(w)};
        EE_TRY(apply(s, &command));
    }
    return EE_OK;
}

static enum ee_err checks_submit(struct ee_simulation *s, const struct due *due)
{
    struct ee_checks checks;
    const struct ee_period *period = ee_core_period(s->core, due->lease, due->period);
    if (!period || period->state != EE_LOCK_DUE)
        return EE_OK; /* settled meanwhile */
    ee_simulation_checks_record(&s->checks, s->core, period, &checks);
    struct ee_writer *w = ee_simulation_payload(s);
    EE_TRY(ee_checks_encode(&checks, w));
    struct ee_command command = {
        .actor_kind = EE_ACTOR_SYSTEM, .kind = EE_COMMAND_CHECKS, .payload = ee_writer_done(w)};
    return apply(s, &command);
}

/* Submits the checks of every period whose time for reports is over. */
static enum ee_err dues_settle(struct ee_simulation *s)
{
    while (s->due_count > 0 && s->dues[s->due_first].at_us <= s->now_us) {
        struct due due = s->dues[s->due_first++];
        s->due_count--;
        EE_TRY(checks_submit(s, &due));
    }
    return EE_OK;
}

static enum ee_err tick(struct ee_simulation *s)
{
    struct ee_command command = {.actor_kind = EE_ACTOR_SYSTEM, .kind = EE_COMMAND_TICK};
    EE_TRY(apply(s, &command));
    return starts_report(s);
}

enum ee_err ee_simulation_submit(struct ee_simulation *s, enum ee_actor_kind actor_kind,
                                 const char *actor, enum ee_command_kind kind,
                                 struct ee_bytes payload, const char *id)
{
    struct ee_command command = {.actor_kind = actor_kind, .kind = kind, .payload = payload};
    size_t size = strlen(actor);
    if (size > EE_NAME_MAX)
        return EE_NAME;
    memcpy(command.actor, actor, size);
    if (id && id[0] != '\0')
        ee_command_id(&ee_crypto_openssl, actor, ee_bytes_str(id), command.id);
    enum ee_err err = apply(s, &command);
    if (err != EE_OK)
        return err;
    struct ee_result result = s->result; /* the one that was asked for */
    if (ee_core_seq(s->core) > 0)
        err = dues_settle(s);
    s->result = result;
    return err;
}

/* ---- time ---- */

/* The next moment at which something happens by itself. */
static uint64_t next_us(const struct ee_simulation *s)
{
    uint64_t core_us = ee_core_next_due_us(s->core);
    uint64_t due_us = s->due_count ? s->dues[s->due_first].at_us : UINT64_MAX;
    uint64_t first = core_us < due_us ? core_us : due_us;
    return first > s->now_us ? first : s->now_us;
}

static enum ee_err pass(struct ee_simulation *s, uint64_t to_us, bool ok)
{
    if (to_us > s->now_us)
        EE_TRY(ee_simulation_checks_pass(&s->checks, s->now_us, to_us, ok));
    s->now_us = to_us;
    return EE_OK;
}

enum ee_err ee_simulation_advance(struct ee_simulation *s, uint64_t to_us, bool checks_ok)
{
    if (to_us > (uint64_t)EE_SIMULATION_TIME_MAX_S * 1000000 || start_us + to_us < s->now_us)
        return EE_RANGE;
    to_us += start_us;
    while (ee_core_seq(s->core) > 0) {
        uint64_t next = next_us(s);
        if (next > to_us)
            break;
        EE_TRY(pass(s, next, checks_ok));
        EE_TRY(dues_settle(s));
        if (ee_core_next_due_us(s->core) <= s->now_us)
            EE_TRY(tick(s));
        EE_TRY(dues_settle(s));
    }
    return pass(s, to_us, checks_ok);
}

/* ---- checks ---- */

/* The period that runs at this moment; NULL: none. */
static const struct ee_period *running(const struct ee_simulation *s,
                                       const uint8_t lease[EE_ID_SIZE])
{
    const struct ee_lease *l = ee_core_lease(s->core, lease);
    for (uint32_t i = l && l->state == EE_LEASE_RUNNING ? l->period_count : 0; i > 0; i--) {
        const struct ee_period *p = ee_core_period(s->core, lease, i - 1);
        if (p && p->starts_us != 0 && p->starts_us <= s->now_us && s->now_us < p->ends_us)
            return p;
    }
    return NULL;
}

enum ee_err ee_simulation_check(struct ee_simulation *s, const uint8_t lease[EE_ID_SIZE],
                                enum ee_check_kind kind, enum ee_check_outcome outcome)
{
    struct ee_check_told told = {.kind = kind, .outcome = outcome};
    const struct ee_period *period = running(s, lease);
    if (!period)
        return EE_PERIOD_STATE;
    memcpy(told.lease, lease, EE_ID_SIZE);
    told.period = period->index;
    told.slot = (uint32_t)((s->now_us - period->starts_us) / ee_simulation_slot_us(s->core, kind));
    return ee_simulation_checks_tell(&s->checks, &told);
}

/* ---- labels ---- */

static struct label *label_find(const struct ee_simulation *s, const char *name)
{
    for (size_t i = 0; i < s->label_count; i++)
        if (strcmp(s->labels[i].name, name) == 0)
            return &s->labels[i];
    return NULL;
}

enum ee_err ee_simulation_label(struct ee_simulation *s, const char *label,
                                const uint8_t lease[EE_ID_SIZE])
{
    size_t size = strlen(label);
    if (size == 0 || size > EE_SIMULATION_LABEL_MAX)
        return EE_RANGE;
    if (label_find(s, label))
        return EE_DUPLICATE_FIELD;
    if (s->label_count == EE_SIMULATION_LEASES_MAX)
        return EE_FULL;
    if (s->label_count == s->label_capacity) {
        size_t capacity = s->label_capacity ? 2 * s->label_capacity : LABELS_FIRST;
        struct label *more = realloc(s->labels, capacity * sizeof(*more));
        if (!more)
            return EE_NO_MEMORY;
        s->labels = more;
        s->label_capacity = capacity;
    }
    struct label *row = &s->labels[s->label_count++];
    memset(row, 0, sizeof(*row));
    memcpy(row->name, label, size);
    memcpy(row->lease, lease, EE_ID_SIZE);
    return EE_OK;
}

const uint8_t *ee_simulation_labelled(const struct ee_simulation *s, const char *label)
{
    const struct label *row = label_find(s, label);
    return row ? row->lease : NULL;
}

const struct ee_lease *ee_simulation_lease(const struct ee_simulation *s, const char *label)
{
    const struct label *row = label_find(s, label);
    const struct ee_lease *lease = row ? ee_core_lease(s->core, row->lease) : NULL;
    const struct ee_app *app = lease ? ee_core_app(s->core, lease->app) : NULL;
    const struct ee_lease *newest = app ? ee_core_lease(s->core, app->lease) : NULL;
    return newest ? newest : lease;
}
