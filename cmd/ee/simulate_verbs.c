/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `ee simulate`: each makes one command of the core, or moves time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulate.h"

#include "base/money.h"
#include "base/text.h"
#include "io/crypto_openssl.h"
#include "base/banned.h"

/* One line under way. */
struct line {
    struct ee_simulation *s;
    const json_t *in;
    json_t *answer;
    char *hint;
};

typedef enum ee_err verb_fn(struct line *l);

/* ---- fields ---- */

static enum ee_err wrong(struct line *l, const char *name, const char *what)
{
    (void)snprintf(l->hint, EE_SIMULATE_HINT_SIZE, "\"%s\": %s", name, what);
    return EE_SYNTAX;
}

/* A text member; `fallback` when it is missing, NULL: it must be there. */
static enum ee_err text(struct line *l, const char *name, const char *fallback, const char **out)
{
    const json_t *value = json_object_get(l->in, name);
    *out = value ? json_string_value(value) : fallback;
    return *out ? EE_OK : wrong(l, name, value ? "must be text" : "is missing");
}

/* A name that becomes a member of a payload. */
static enum ee_err name_field(struct line *l, const char *name, const char *fallback,
                              char out[EE_NAME_MAX + 1])
{
    const char *value;
    EE_TRY(text(l, name, fallback, &value));
    memset(out, 0, EE_NAME_MAX + 1);
    if (value[0] == '\0' && fallback)
        return EE_OK;
    if (!ee_name_valid(value))
        return wrong(l, name, ee_err_text(EE_NAME));
    memcpy(out, value, strlen(value));
    return EE_OK;
}

static enum ee_err number(struct line *l, const char *name, uint64_t fallback, uint64_t max,
                          uint64_t *out)
{
    const json_t *value = json_object_get(l->in, name);
    json_int_t given = value ? json_integer_value(value) : (json_int_t)fallback;
    if ((value && !json_is_integer(value)) || given < 0 || (uint64_t)given > max)
        return wrong(l, name, "must be a whole number in range");
    *out = (uint64_t)given;
    return EE_OK;
}

/* Whole smallest units as number or decimal text, or dollars when the text begins with "$". */
static enum ee_err units(struct line *l, const char *name, bool price, int64_t *out)
{
    uint64_t whole;
    struct ee_money money;
    const json_t *value = json_object_get(l->in, name);
    const char *digits = json_string_value(value);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = json_integer_value(value);
        return EE_OK;
    }
    if (!digits)
        return wrong(l, name, value ? "must be decimal text" : "is missing");
    enum ee_err err = digits[0] != '$' ? ee_u64_parse(digits, &whole)
                      : price          ? ee_price_parse(digits, out)
                                       : ee_money_parse(digits, &money);
    if (err != EE_OK || (digits[0] != '$' && whole > INT64_MAX))
        return wrong(l, name, "whole units (micro-dollars; prices: nano-dollars) or \"$1.50\"");
    if (digits[0] != '$')
        *out = (int64_t)whole;
    else if (!price)
        *out = money.micros;
    return EE_OK;
}

static enum ee_err amount(struct line *l, struct ee_money *out)
{
    return units(l, "amount", false, &out->micros);
}

static enum ee_err lease_of(struct line *l, const struct ee_lease **out)
{
    const char *label;
    EE_TRY(text(l, "lease", NULL, &label));
    *out = ee_simulation_lease(l->s, label);
    return *out ? EE_OK : EE_LEASE_UNKNOWN;
}

/* ---- submitting ---- */

static enum ee_err submit(struct line *l, enum ee_actor_kind actor_kind, const char *actor,
                          enum ee_command_kind kind, enum ee_err encoded, struct ee_writer *w)
{
    const json_t *id = json_object_get(l->in, "id");
    if (encoded != EE_OK)
        return encoded;
    if (id && !json_is_string(id))
        return wrong(l, "id", "must be text");
    return ee_simulation_submit(l->s, actor_kind, actor, kind, ee_writer_done(w),
                                json_string_value(id));
}

#define SUBMIT(l, actor_kind, actor, kind, name, payload)                                          \
    submit(l, actor_kind, actor, kind, ee_##name##_encode(payload, ee_simulation_payload((l)->s)), \
           ee_simulation_writer((l)->s))

/* ---- the network, accounts and nodes ---- */

static const uint8_t measurement[32] = {'s', 'i', 'm'};

static enum ee_err limits_fields(struct line *l, enum ee_profile profile,
                                 struct ee_simulation_limits *out)
{
    uint64_t hold_s;
    *out = (struct ee_simulation_limits){.transfer_minimum = {1}, .card_daily_cap = {INT64_MAX}};
    EE_TRY(number(l, "hold", ee_params_of(profile)->card_hold_s, UINT32_MAX, &hold_s));
    out->card_hold_s = (uint32_t)hold_s;
    if (json_object_get(l->in, "transfer_minimum"))
        EE_TRY(units(l, "transfer_minimum", false, &out->transfer_minimum.micros));
    if (json_object_get(l->in, "transfer_day"))
        EE_TRY(units(l, "transfer_day", false, &out->transfer_day.micros));
    if (json_object_get(l->in, "card_daily_cap"))
        EE_TRY(units(l, "card_daily_cap", false, &out->card_daily_cap.micros));
    return EE_OK;
}

static enum ee_err do_genesis(struct line *l)
{
    struct ee_genesis g = {.kind = EE_NETWORK_DEVELOPMENT, .root_count = 1, .allow_count = 1};
    const char *profile;
    EE_TRY(name_field(l, "name", "simulated", g.name));
    EE_TRY(text(l, "profile", "development", &profile));
    g.mint_daily_cap.micros = INT64_MAX;
    if (json_object_get(l->in, "mint_daily_cap"))
        EE_TRY(units(l, "mint_daily_cap", false, &g.mint_daily_cap.micros));
    if (strcmp(profile, "production") != 0 && strcmp(profile, "development") != 0)
        return wrong(l, "profile", "is development or production");
    g.profile = profile[0] == 'p' ? EE_PROFILE_PRODUCTION : EE_PROFILE_DEVELOPMENT;
    ee_simulation_public(EE_SIGNER_FOUNDER, g.founding_key);
    ee_simulation_public(EE_SIGNER_ISSUER, g.issuer_key);
    g.roots[0].public_key[0] = 4;
    g.roots[0].simulated = 1;
    g.allow[0].role = EE_ROLE_AGENT;
    memcpy(g.allow[0].measurement, measurement, sizeof(measurement));
    struct ee_simulation_limits limits;
    EE_TRY(limits_fields(l, g.profile, &limits));
    EE_TRY(SUBMIT(l, EE_ACTOR_SYSTEM, "", EE_COMMAND_GENESIS, genesis, &g));
    ee_simulation_limits_set(l->s, &limits);
    return EE_OK;
}

static enum ee_err account_create(struct line *l, enum ee_account_kind kind)
{
    struct ee_account_create a = {.kind = kind};
    EE_TRY(name_field(l, "name", NULL, a.name));
    if (kind == EE_ACCOUNT_OPERATOR)
        ee_simulation_public(EE_SIGNER_OPERATOR, a.public_key);
    const struct ee_bytes name = ee_bytes_str(a.name);
    ee_crypto_openssl.sha256(&name, 1, a.first_key.key_hash);
    a.first_key.scopes = EE_SCOPE_ALL;
    a.first_key.expires_s = ee_core_time_us(ee_simulation_core(l->s)) / 1000000 + 86400;
    return SUBMIT(l, EE_ACTOR_ADMIN, "", EE_COMMAND_ACCOUNT_CREATE, account_create, &a);
}

static enum ee_err do_account(struct line *l)
{
    return account_create(l, EE_ACCOUNT_USER);
}

static enum ee_err do_operator(struct line *l)
{
    return account_create(l, EE_ACCOUNT_OPERATOR);
}

static enum ee_err node_admit(struct line *l, const struct ee_node_enrol *enrol)
{
    const struct ee_node *node = ee_core_node(ee_simulation_core(l->s), enrol->node);
    struct ee_node_admit admit = {.vcpus = enrol->vcpus, .simulated = 1};
    admit.vcpus += ee_core_params(ee_simulation_core(l->s))->agent_reserve_vcpus;
    memcpy(admit.node, enrol->node, sizeof(admit.node));
    memcpy(admit.agent_key, enrol->agent_key, sizeof(admit.agent_key));
    memcpy(admit.platform_id, enrol->platform_id, sizeof(admit.platform_id));
    memcpy(admit.measurement, measurement, sizeof(measurement));
    admit.epoch = node->epoch + 1;
    return SUBMIT(l, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_ADMIT, node_admit, &admit);
}

/* Enrols and admits: evidence of a simulated network always verifies. */
static enum ee_err do_node(struct line *l)
{
    struct ee_node_enrol enrol = {.vcpus = 0};
    char operator_name[EE_NAME_MAX + 1];
    const char *platform;
    uint64_t vcpus;
    uint8_t hash[32], buffer[256];
    struct ee_writer w;
    EE_TRY(name_field(l, "name", NULL, enrol.node));
    EE_TRY(name_field(l, "operator", NULL, operator_name));
    EE_TRY(number(l, "vcpus", 4, 65535, &vcpus));
    EE_TRY(units(l, "price", true, &enrol.price_nanos));
    EE_TRY(name_field(l, "region", "", enrol.region));
    EE_TRY(text(l, "platform", enrol.node, &platform));
    const struct ee_bytes name = ee_bytes_str(enrol.node), id = ee_bytes_str(platform);
    ee_crypto_openssl.sha256(&name, 1, enrol.agent_key);
    ee_crypto_openssl.sha256(&id, 1, hash);
    memcpy(enrol.platform_id, hash, sizeof(enrol.platform_id));
    enrol.vcpus = (uint32_t)vcpus;
    ee_writer_init(&w, buffer, sizeof(buffer));
    EE_TRY(ee_node_enrol_message(ee_core_network_id(ee_simulation_core(l->s)), operator_name,
                                 &enrol, &w));
    ee_simulation_sign(EE_SIGNER_OPERATOR, ee_writer_done(&w), enrol.signature);
    EE_TRY(SUBMIT(l, EE_ACTOR_ACCOUNT, operator_name, EE_COMMAND_NODE_ENROL, node_enrol, &enrol));
    return node_admit(l, &enrol);
}

static enum ee_err do_node_lost(struct line *l)
{
    struct ee_node_lost lost = {.epoch = 0};
    EE_TRY(name_field(l, "name", NULL, lost.node));
    const struct ee_node *node = ee_core_node(ee_simulation_core(l->s), lost.node);
    lost.epoch = node ? node->epoch : 0;
    return SUBMIT(l, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_LOST, node_lost, &lost);
}

/* ---- money ---- */

static enum ee_err do_mint(struct line *l)
{
    struct ee_mint mint = {.amount = {0}};
    char fallback[32];
    const char *reference;
    uint8_t buffer[256];
    struct ee_writer w;
    const struct ee_core *core = ee_simulation_core(l->s);
    EE_TRY(name_field(l, "account", NULL, mint.account));
    EE_TRY(amount(l, &mint.amount));
    (void)snprintf(fallback, sizeof(fallback), "mint-%" PRIu64, ee_core_seq(core) + 1);
    EE_TRY(text(l, "reference", fallback, &reference));
    if (strlen(reference) > EE_REFERENCE_MAX)
        return wrong(l, "reference", "is too long");
    memcpy(mint.reference, reference, strlen(reference));
    ee_writer_init(&w, buffer, sizeof(buffer));
    EE_TRY(ee_mint_message(ee_core_network_id(core), &mint, &w));
    ee_simulation_sign(EE_SIGNER_ISSUER, ee_writer_done(&w), mint.signature);
    return SUBMIT(l, EE_ACTOR_ACCOUNT, mint.account, EE_COMMAND_MINT, mint, &mint);
}

static enum ee_err do_transfer(struct line *l)
{
    struct ee_transfer_credits move = {.amount = {0}};
    char from[EE_NAME_MAX + 1];
    const char *memo;
    EE_TRY(name_field(l, "from", NULL, from));
    EE_TRY(name_field(l, "to", NULL, move.to));
    EE_TRY(amount(l, &move.amount));
    EE_TRY(text(l, "memo", "", &memo));
    if (strlen(memo) > EE_MEMO_MAX)
        return wrong(l, "memo", "is too long");
    memcpy(move.memo, memo, strlen(memo));
    return SUBMIT(l, EE_ACTOR_ACCOUNT, from, EE_COMMAND_TRANSFER, transfer_credits, &move);
}

static enum ee_err redemption_word(struct line *l, const uint8_t id[EE_ID_SIZE], bool confirm)
{
    struct ee_redemption_word word = {.confirm = confirm};
    uint8_t buffer[256];
    struct ee_writer w;
    memcpy(word.redemption, id, EE_ID_SIZE);
    ee_writer_init(&w, buffer, sizeof(buffer));
    EE_TRY(ee_redemption_message(ee_core_network_id(ee_simulation_core(l->s)), &word, &w));
    ee_simulation_sign(EE_SIGNER_ISSUER, ee_writer_done(&w), word.signature);
    struct ee_writer *payload = ee_simulation_payload(l->s);
    EE_TRY(ee_redemption_word_encode(&word, payload));
    return ee_simulation_submit(l->s, EE_ACTOR_SYSTEM, "", EE_COMMAND_REDEMPTION,
                                ee_writer_done(payload), NULL);
}

/* Of a redemption asked for before: {"do":"redeem","redemption":ID,"outcome":...}. */
static enum ee_err redemption_answer(struct line *l, const char *id_text, const char *outcome)
{
    uint8_t id[EE_ID_SIZE];
    if (ee_hex_decode(ee_bytes_str(id_text), id, sizeof(id)) != EE_OK)
        return wrong(l, "redemption", "is the id that redeem answered");
    if (strcmp(outcome, "pending") == 0)
        return wrong(l, "outcome", "is confirm or refuse");
    return redemption_word(l, id, outcome[0] == 'c');
}

static enum ee_err do_redeem(struct line *l)
{
    struct ee_redeem redeem = {.amount = {0}};
    struct ee_redeem_result result;
    char account[EE_NAME_MAX + 1], id_text[2 * EE_ID_SIZE + 1];
    const char *outcome, *known;
    EE_TRY(text(l, "outcome", "confirm", &outcome));
    EE_TRY(text(l, "redemption", "", &known));
    if (strcmp(outcome, "pending") != 0 && strcmp(outcome, "confirm") != 0 &&
        strcmp(outcome, "refuse") != 0)
        return wrong(l, "outcome", "is pending, confirm or refuse");
    if (known[0] != '\0')
        return redemption_answer(l, known, outcome);
    EE_TRY(name_field(l, "account", NULL, account));
    EE_TRY(amount(l, &redeem.amount));
    EE_TRY(SUBMIT(l, EE_ACTOR_ACCOUNT, account, EE_COMMAND_REDEEM, redeem, &redeem));
    const struct ee_result *r = ee_simulation_result(l->s);
    EE_TRY(ee_redeem_result_decode(ee_bytes_of(r->body, r->body_size), &result));
    (void)json_object_set_new(l->answer, "redemption",
                              json_string(ee_hex_encode(result.redemption, EE_ID_SIZE, id_text)));
    return strcmp(outcome, "pending") == 0
               ? EE_OK
               : redemption_word(l, result.redemption, outcome[0] == 'c');
}

static enum ee_err do_topup(struct line *l)
{
    return ee_simulate_topup(l->s, l->in, l->answer, l->hint);
}

static enum ee_err do_payment(struct line *l)
{
    return ee_simulate_payment(l->s, l->in, l->answer, l->hint);
}

/* ---- leases ---- */

/* The smallest deployment of either kind. */
static enum ee_err deployment(bool job, uint8_t *out, size_t capacity, size_t *size_out)
{
    struct ee_writer w;
    struct ee_deployment d = {.runtime = EE_RUNTIME_PROCESS, .arg_count = 1, .port = job ? 0 : 80};
    d.args[0] = ee_bytes_str("/bin/true");
    ee_writer_init(&w, out, capacity);
    EE_TRY(ee_deployment_encode(&d, &w));
    *size_out = ee_writer_done(&w).size;
    return EE_OK;
}

static enum ee_err lease_begin(struct line *l, const char *account,
                               const struct ee_reserve_result *reserved)
{
    struct ee_lease_start start = {.lease = {0}};
    struct ee_lease_running running;
    memcpy(start.lease, reserved->lease, EE_ID_SIZE);
    memcpy(running.lease, reserved->lease, EE_ID_SIZE);
    struct ee_writer *w = ee_simulation_payload(l->s);
    EE_TRY(ee_lease_start_encode(&start, w));
    EE_TRY(ee_simulation_submit(l->s, EE_ACTOR_ACCOUNT, account, EE_COMMAND_LEASE_START,
                                ee_writer_done(w), NULL));
    w = ee_simulation_payload(l->s);
    EE_TRY(ee_lease_running_encode(&running, w));
    return ee_simulation_submit(l->s, EE_ACTOR_SYSTEM, "", EE_COMMAND_LEASE_RUNNING,
                                ee_writer_done(w), NULL);
}

static enum ee_err lease_fields(struct line *l, struct ee_lease_reserve *out)
{
    const char *kind;
    uint64_t vcpus;
    char app[32]; /* of its own, unless the line names one */
    (void)snprintf(app, sizeof(app), "lease-%" PRIu64, ee_core_seq(ee_simulation_core(l->s)) + 1);
    EE_TRY(text(l, "kind", "app", &kind));
    if (strcmp(kind, "app") != 0 && strcmp(kind, "job") != 0)
        return wrong(l, "kind", "is app or job");
    out->workload = kind[0] == 'j' ? EE_WORKLOAD_JOB : EE_WORKLOAD_APP;
    EE_TRY(name_field(l, "app", app, out->name));
    EE_TRY(name_field(l, "node", "", out->node));
    EE_TRY(number(l, "vcpus", 1, 65535, &vcpus));
    out->vcpus = (uint32_t)vcpus;
    return json_object_get(l->in, "max_price") ? units(l, "max_price", true, &out->max_price_nanos)
                                               : EE_OK;
}

static void lease_tell(struct line *l, const struct ee_reserve_result *r)
{
    char id[2 * EE_ID_SIZE + 1], lock[32];
    (void)snprintf(lock, sizeof(lock), "%" PRId64, r->lock.micros);
    (void)json_object_set_new(l->answer, "id", json_string(ee_hex_encode(r->lease, 16, id)));
    (void)json_object_set_new(l->answer, "node", json_string(r->node));
    (void)json_object_set_new(l->answer, "lock", json_string(lock));
}

/* Reserves, starts and runs in one moment. */
static enum ee_err do_lease(struct line *l)
{
    static uint8_t memory[EE_DEPLOYMENT_SIZE_MAX];
    struct ee_lease_reserve reserve = {.vcpus = 0};
    static struct ee_reserve_result reserved;
    char account[EE_NAME_MAX + 1];
    const char *label;
    size_t size;
    EE_TRY(text(l, "lease", NULL, &label));
    EE_TRY(name_field(l, "account", NULL, account));
    EE_TRY(lease_fields(l, &reserve));
    if (ee_simulation_lease(l->s, label))
        return wrong(l, "lease", "this name is taken");
    EE_TRY(deployment(reserve.workload == EE_WORKLOAD_JOB, memory, sizeof(memory), &size));
    reserve.deployment = ee_bytes_of(memory, size);
    EE_TRY(SUBMIT(l, EE_ACTOR_ACCOUNT, account, EE_COMMAND_LEASE_RESERVE, lease_reserve, &reserve));
    const struct ee_result *r = ee_simulation_result(l->s);
    EE_TRY(ee_reserve_result_decode(ee_bytes_of(r->body, r->body_size), &reserved));
    EE_TRY(ee_simulation_label(l->s, label, reserved.lease));
    EE_TRY(lease_begin(l, account, &reserved));
    lease_tell(l, &reserved);
    return EE_OK;
}

static enum ee_err do_stop(struct line *l)
{
    const struct ee_lease *lease;
    struct ee_lease_stop stop = {.name = ""};
    char launcher[EE_NAME_MAX + 1];
    EE_TRY(lease_of(l, &lease));
    memcpy(stop.name, lease->app, sizeof(stop.name));
    memcpy(launcher, lease->launcher, sizeof(launcher));
    return SUBMIT(l, EE_ACTOR_ACCOUNT, launcher, EE_COMMAND_LEASE_STOP, lease_stop, &stop);
}

static enum ee_err do_exit(struct line *l)
{
    const struct ee_lease *lease;
    struct ee_lease_end end = {.reason = EE_END_EXITED};
    uint64_t code;
    EE_TRY(number(l, "code", 0, 255, &code));
    EE_TRY(lease_of(l, &lease));
    memcpy(end.lease, lease->id, EE_ID_SIZE);
    end.exit_code = (int32_t)code;
    return SUBMIT(l, EE_ACTOR_SYSTEM, "", EE_COMMAND_LEASE_END, lease_end, &end);
}

static enum ee_err do_slot(struct line *l)
{
    static const char *const outcomes[] = {
        [EE_CHECK_VOID] = "void", [EE_CHECK_OK] = "ok", [EE_CHECK_MISSED] = "missed"};
    const struct ee_lease *lease;
    const char *kind, *outcome;
    EE_TRY(text(l, "kind", NULL, &kind));
    EE_TRY(text(l, "outcome", NULL, &outcome));
    if (strcmp(kind, "health") != 0 && strcmp(kind, "attestation") != 0)
        return wrong(l, "kind", "is health or attestation");
    EE_TRY(lease_of(l, &lease));
    for (int i = EE_CHECK_VOID; i <= EE_CHECK_MISSED; i++)
        if (strcmp(outcome, outcomes[i]) == 0)
            return ee_simulation_check(l->s, lease->id,
                                       kind[0] == 'h' ? EE_CHECK_HEALTH : EE_CHECK_ATTESTATION,
                                       (enum ee_check_outcome)i);
    return wrong(l, "outcome", "is ok, missed or void");
}

/* Of the newest period that has begun and is open, unless the line names one. */
static uint32_t period_open(const struct ee_core *core, const struct ee_lease *lease)
{
    uint64_t now_us = ee_core_time_us(core);
    for (uint32_t i = lease->period_count; i > 0; i--) {
        const struct ee_period *p = ee_core_period(core, lease->id, i - 1);
        bool open = p->state == EE_LOCK_LOCKED || p->state == EE_LOCK_DUE;
        if (open && p->starts_us != 0 && p->starts_us <= now_us)
            return i - 1;
    }
    return 0;
}

static enum ee_err do_report(struct line *l)
{
    const struct ee_lease *lease;
    struct ee_abuse_report report = {.category = EE_ABUSE_OTHER};
    char account[EE_NAME_MAX + 1];
    uint64_t period;
    EE_TRY(lease_of(l, &lease));
    EE_TRY(name_field(l, "account", lease->launcher, account));
    EE_TRY(number(l, "period", period_open(ee_simulation_core(l->s), lease), UINT32_MAX, &period));
    memcpy(report.lease, lease->id, EE_ID_SIZE);
    report.period = (uint32_t)period;
    return SUBMIT(l, EE_ACTOR_ACCOUNT, account, EE_COMMAND_REPORT, abuse_report, &report);
}

/* ---- time and reading ---- */

static enum ee_err moment(struct line *l, const char *name, uint64_t *us_out)
{
    const json_t *value = json_object_get(l->in, name);
    double seconds = json_number_value(value);
    if (!json_is_number(value) || seconds < 0 || seconds > EE_SIMULATION_TIME_MAX_S)
        return wrong(l, name, "seconds since the start, from 0 to 1000000000");
    *us_out = json_is_integer(value) ? (uint64_t)json_integer_value(value) * 1000000
                                     : (uint64_t)(seconds * 1e6 + 0.5);
    return EE_OK;
}

static enum ee_err advance(struct line *l, uint64_t to_us, bool ok)
{
    enum ee_err err = ee_simulation_advance(l->s, to_us, ok);
    if (err == EE_RANGE)
        (void)snprintf(l->hint, EE_SIMULATE_HINT_SIZE, "time does not go back: it is %.6f",
                       (double)ee_simulation_now_us(l->s) / 1e6);
    return err;
}

static enum ee_err do_advance(struct line *l)
{
    uint64_t to_us;
    const char *checks;
    EE_TRY(moment(l, "to", &to_us));
    EE_TRY(text(l, "checks", "none", &checks));
    if (strcmp(checks, "ok") != 0 && strcmp(checks, "none") != 0)
        return wrong(l, "checks", "is ok or none");
    return advance(l, to_us, checks[0] == 'o');
}

static enum ee_err do_show(struct line *l)
{
    const char *what;
    EE_TRY(text(l, "what", "balances", &what));
    enum ee_err err = ee_simulate_show(l->s, what, l->answer);
    return err == EE_USAGE ? wrong(l, "what", "is balances, leases, periods, nodes or state") : err;
}

static const struct {
    const char *name;
    verb_fn *run;
} verbs[] = {
    {"genesis", do_genesis}, {"account", do_account},     {"operator", do_operator},
    {"mint", do_mint},       {"redeem", do_redeem},       {"transfer", do_transfer},
    {"node", do_node},       {"node_lost", do_node_lost}, {"lease", do_lease},
    {"stop", do_stop},       {"exit", do_exit},           {"slot", do_slot},
    {"report", do_report},   {"advance", do_advance},     {"show", do_show},
    {"topup", do_topup},     {"payment", do_payment},
};

enum ee_err ee_simulate_line(struct ee_simulation *s, const json_t *line, json_t *answer,
                             char hint[EE_SIMULATE_HINT_SIZE])
{
    struct line l = {.s = s, .in = line, .answer = answer, .hint = hint};
    const char *verb;
    uint64_t at_us;
    EE_TRY(text(&l, "do", NULL, &verb));
    if (json_object_get(line, "at")) { /* checks nobody told of while time passes are absent */
        EE_TRY(moment(&l, "at", &at_us));
        EE_TRY(advance(&l, at_us, false));
    }
    bool founded = ee_core_seq(ee_simulation_core(s)) > 0;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, verb) != 0)
            continue;
        if (!founded && verbs[i].run != do_genesis) {
            (void)snprintf(hint, EE_SIMULATE_HINT_SIZE, "the first verb is genesis");
            return EE_STATE;
        }
        return verbs[i].run(&l);
    }
    return wrong(&l, "do", "is no verb of docs/spec/commands.md");
}
