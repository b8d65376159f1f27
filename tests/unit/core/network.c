/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"
#include "unit/core/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

const uint8_t network_seed_founder[32] = {1};
const uint8_t network_seed_issuer[32] = {2};
const uint8_t network_seed_operator[32] = {3};
const uint8_t network_measurement[32] = {0xaa, 1};
enum { KEY_LIFE_S = 365 * 86400, LOG_FIRST = 1 << 16 };

static const struct ee_crypto *const crypto = &ee_crypto_openssl;
static uint8_t payload_buffer[EE_COMMAND_PAYLOAD_MAX];
static struct ee_writer payload_writer;

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    printf("# fixture: %s\n", what);
    exit(2);
}

struct ee_writer *network_writer(void)
{
    ee_writer_init(&payload_writer, payload_buffer, sizeof(payload_buffer));
    return &payload_writer;
}

struct ee_bytes network_payload(enum ee_err encoded)
{
    need(encoded == EE_OK, "payload does not encode");
    return ee_writer_done(&payload_writer);
}

static void set_name(char *out, const char *name)
{
    need(strlen(name) <= EE_NAME_MAX, "name too long");
    memset(out, 0, EE_NAME_MAX + 1);
    memcpy(out, name, strlen(name));
}

void network_genesis(enum ee_profile profile, struct ee_genesis *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = EE_NETWORK_DEVELOPMENT;
    set_name(out->name, "test");
    (void)crypto->ed25519_public(network_seed_founder, out->founding_key);
    (void)crypto->ed25519_public(network_seed_issuer, out->issuer_key);
    out->mint_daily_cap.micros = 1000000000;
    out->profile = profile;
    out->root_count = 1;
    out->roots[0].public_key[0] = 4;
    out->roots[0].simulated = 1;
    out->allow_count = 1;
    out->allow[0].role = EE_ROLE_AGENT;
    memcpy(out->allow[0].measurement, network_measurement, 32);
    set_name(out->allow[0].label, "agent");
}

void network_open(struct network *n, enum ee_profile profile, const struct ee_core_limits *limits)
{
    struct ee_genesis genesis;
    memset(n, 0, sizeof(*n));
    n->now_us = (uint64_t)1700000000 * 1000000;
    n->step_us = 1;
    n->next_epoch = 1;
    n->core = ee_core_new(&ee_allocator_system, crypto, limits);
    need(n->core != NULL, "no memory");
    network_genesis(profile, &genesis);
    enum ee_err err =
        network_submit(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_GENESIS,
                       network_payload(ee_genesis_encode(&genesis, network_writer())));
    need(err == EE_OK, "genesis");
}

void network_close(struct network *n)
{
    ee_core_free(n->core);
    ee_core_free(n->twin);
    free(n->log);
    memset(n, 0, sizeof(*n));
}

/* ---- the record of a run ---- */

static void record(struct network *n, struct ee_bytes bytes)
{
    struct ee_writer w;
    while (n->log_capacity - n->log_size < bytes.size + 4) {
        n->log_capacity = n->log_capacity ? 2 * n->log_capacity : LOG_FIRST;
        n->log = realloc(n->log, n->log_capacity);
        need(n->log != NULL, "no memory");
    }
    ee_writer_init(&w, n->log + n->log_size, n->log_capacity - n->log_size);
    ee_writer_block(&w, bytes);
    n->log_size += w.size;
}

static void record_command(struct network *n, const struct ee_command *command)
{
    static uint8_t buffer[EE_COMMAND_SIZE_MAX];
    struct ee_writer w;
    if (n->silent || n->err != EE_OK || n->result.repeated)
        return;
    ee_writer_init(&w, buffer, sizeof(buffer));
    need(ee_command_encode(command, &w) == EE_OK, "command encodes");
    record(n, ee_writer_done(&w));
    ee_writer_init(&w, buffer, sizeof(buffer));
    need(ee_result_encode(&n->result, &w) == EE_OK, "result encodes");
    record(n, ee_writer_done(&w));
}

bool network_replay(const struct network *n, uint8_t hash_out[32])
{
    static struct ee_result result;
    static uint8_t buffer[EE_RESULT_BODY_MAX + 16];
    struct ee_core *core = ee_core_new(&ee_allocator_system, crypto, NULL);
    struct ee_cursor c;
    bool same = core != NULL;
    ee_cursor_init(&c, ee_bytes_of(n->log, n->log_size));
    while (same && c.left) {
        struct ee_command command;
        struct ee_writer w;
        ee_writer_init(&w, buffer, sizeof(buffer));
        struct ee_bytes bytes = ee_cursor_block(&c, EE_COMMAND_SIZE_MAX);
        struct ee_bytes expected = ee_cursor_block(&c, sizeof(buffer));
        same = ee_command_decode(bytes, &command) == EE_OK &&
               ee_core_apply(core, &command, &result) == EE_OK && !result.repeated &&
               ee_result_encode(&result, &w) == EE_OK &&
               ee_bytes_equal(expected, ee_writer_done(&w));
    }
    if (same)
        ee_core_state_hash(core, hash_out);
    ee_core_free(core);
    return same;
}

/* ---- commands ---- */

/* The invariants, and that the state hash remembers what the records are. */
static const char *broken_rule(const struct ee_core *core)
{
    const char *rule;
    uint8_t kept[32], afresh[32];
    if (ee_core_check(core, &rule) != EE_OK)
        return rule;
    ee_core_state_hash(core, kept);
    ee_core_state_hash_afresh(core, afresh);
    return memcmp(kept, afresh, sizeof(kept)) == 0 ? NULL : "the state hash is of every record";
}

static void twin_apply(struct network *n, const struct ee_command *command)
{
    static struct ee_result result;
    const struct ee_result *own = &n->result;
    if (!n->twin)
        return;
    enum ee_err err = ee_core_apply(n->twin, command, &result);
    bool same =
        err == n->err && result.err == own->err && result.repeated == own->repeated &&
        result.seq == own->seq && result.body_size == own->body_size &&
        memcmp(result.body, own->body, own->body_size) == 0 &&
        result.effect_count == own->effect_count &&
        memcmp(result.effects, own->effects, own->effect_count * sizeof(own->effects[0])) == 0;
    if (!same)
        printf("# the twin answers %s differently\n", ee_command_kind_name(command->kind));
    n->twin_differs = n->twin_differs || !same;
}

bool network_twin(struct network *n)
{
    struct saved s = {0};
    uint8_t own[32], twin[32];
    struct ee_core *core = NULL;
    enum ee_err err = ee_core_save(n->core, saved_take, &s);
    if (err == EE_OK)
        err = saved_load(&s, &ee_allocator_system, crypto, NULL, &core);
    saved_free(&s);
    if (err != EE_OK) {
        printf("# saved state: %s\n", ee_err_name(err));
        return false;
    }
    ee_core_state_hash(n->core, own);
    bool same = !n->twin_differs;
    if (n->twin) {
        ee_core_state_hash(n->twin, twin);
        same = same && memcmp(own, twin, sizeof(own)) == 0;
    }
    ee_core_state_hash(core, twin);
    ee_core_free(n->twin);
    n->twin = core;
    return same && memcmp(own, twin, sizeof(own)) == 0;
}

enum ee_err network_submit(struct network *n, enum ee_actor_kind actor_kind, const char *actor,
                           enum ee_command_kind kind, struct ee_bytes payload)
{
    struct ee_command command = {.core_version =
                                     n->core_version ? n->core_version : EE_CORE_VERSION,
                                 .seq = ee_core_seq(n->core) + 1,
                                 .time_us = n->now_us,
                                 .actor_kind = actor_kind,
                                 .kind = kind,
                                 .payload = payload};
    n->draws++;
    const struct ee_bytes draw = ee_bytes_of(&n->draws, sizeof(n->draws));
    crypto->sha256(&draw, 1, command.random);
    set_name(command.actor, actor);
    memcpy(command.id, n->id, sizeof(command.id));
    memset(n->id, 0, sizeof(n->id));
    n->err = ee_core_apply(n->core, &command, &n->result);
    n->now_us += n->step_us;
    twin_apply(n, &command);
    record_command(n, &command);
    if (!n->unchecked && !n->broken) {
        n->broken = broken_rule(n->core);
        if (n->broken)
            printf("# after %s: broken: %s\n", ee_command_kind_name(kind), n->broken);
    }
    return n->err != EE_OK ? n->err : n->result.err;
}

enum ee_err network_boot(struct network *n)
{
    struct ee_boot boot = {.epoch = ee_core_epoch(n->core) + 1};
    ee_core_state_hash(n->core, boot.state_hash);
    return NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_BOOT, boot, &boot);
}

enum ee_err network_tick(struct network *n)
{
    return network_submit(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_TICK, ee_bytes_of(NULL, 0));
}

void network_advance(struct network *n, uint64_t by_us)
{
    n->now_us += by_us;
    while (ee_core_next_due_us(n->core) <= n->now_us)
        need(network_tick(n) == EE_OK, "tick");
}

enum ee_err network_account(struct network *n, const char *name, enum ee_account_kind kind)
{
    struct ee_account_create create = {.kind = kind};
    set_name(create.name, name);
    if (kind == EE_ACCOUNT_OPERATOR)
        (void)crypto->ed25519_public(network_seed_operator, create.public_key);
    const struct ee_bytes text = ee_bytes_str(name);
    crypto->sha256(&text, 1, create.first_key.key_hash);
    create.first_key.scopes = EE_SCOPE_ALL;
    create.first_key.expires_s = n->now_us / 1000000 + KEY_LIFE_S;
    return NETWORK_SEND(n, EE_ACTOR_ADMIN, "", EE_COMMAND_ACCOUNT_CREATE, account_create, &create);
}

void network_mint_sign(const struct network *n, struct ee_mint *mint)
{
    uint8_t buffer[256];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    need(ee_mint_message(ee_core_network_id(n->core), mint, &w) == EE_OK, "mint message");
    need(crypto->ed25519_sign(network_seed_issuer, ee_writer_done(&w), mint->signature), "sign");
}

enum ee_err network_mint(struct network *n, const char *account, int64_t micros)
{
    struct ee_mint mint = {.amount = {micros}};
    set_name(mint.account, account);
    (void)snprintf(mint.reference, sizeof(mint.reference), "ref-%llu",
                   (unsigned long long)n->next_reference++);
    network_mint_sign(n, &mint);
    return NETWORK_SEND(n, EE_ACTOR_ADMIN, "", EE_COMMAND_MINT, mint, &mint);
}

enum ee_err network_transfer(struct network *n, const char *from, const char *to, int64_t micros)
{
    struct ee_transfer_credits move = {.amount = {micros}, .memo = "thanks"};
    set_name(move.to, to);
    return NETWORK_SEND(n, EE_ACTOR_ACCOUNT, from, EE_COMMAND_TRANSFER, transfer_credits, &move);
}

void network_enrol_make(const struct network *n, const char *operator_name, const char *node,
                        uint32_t vcpus, int64_t price_nanos, struct ee_node_enrol *out)
{
    uint8_t buffer[256], hash[32];
    struct ee_writer w;
    const struct ee_bytes text = ee_bytes_str(node);
    *out = (struct ee_node_enrol){.vcpus = vcpus, .price_nanos = price_nanos, .region = "eu"};
    crypto->sha256(&text, 1, hash);
    set_name(out->node, node);
    memcpy(out->platform_id, hash, sizeof(out->platform_id));
    memcpy(out->agent_key, hash, sizeof(out->agent_key));
    ee_writer_init(&w, buffer, sizeof(buffer));
    need(ee_node_enrol_message(ee_core_network_id(n->core), operator_name, out, &w) == EE_OK,
         "enrolment");
    need(crypto->ed25519_sign(network_seed_operator, ee_writer_done(&w), out->signature), "sign");
}

enum ee_err network_enrol(struct network *n, const char *operator_name, const char *node,
                          uint32_t vcpus, int64_t price_nanos)
{
    struct ee_node_enrol enrol;
    network_enrol_make(n, operator_name, node, vcpus, price_nanos, &enrol);
    return NETWORK_SEND(n, EE_ACTOR_ACCOUNT, operator_name, EE_COMMAND_NODE_ENROL, node_enrol,
                        &enrol);
}

void network_admit_make(struct network *n, const char *node, uint32_t vcpus,
                        struct ee_node_admit *out)
{
    const struct ee_node *known = ee_core_node(n->core, node);
    *out = (struct ee_node_admit){.vcpus = vcpus, .epoch = n->next_epoch++, .simulated = 1};
    set_name(out->node, node);
    if (known) {
        memcpy(out->agent_key, known->agent_key, sizeof(out->agent_key));
        memcpy(out->platform_id, known->platform_id, sizeof(out->platform_id));
    }
    memcpy(out->measurement, network_measurement, sizeof(out->measurement));
}

enum ee_err network_admit(struct network *n, const char *node, uint32_t vcpus)
{
    struct ee_node_admit admit;
    network_admit_make(n, node, vcpus, &admit);
    return NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_ADMIT, node_admit, &admit);
}

enum ee_err network_lost(struct network *n, const char *node)
{
    const struct ee_node *known = ee_core_node(n->core, node);
    struct ee_node_lost lost = {.epoch = known ? known->epoch : 1};
    set_name(lost.node, node);
    return NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_NODE_LOST, node_lost, &lost);
}

void network_populate(struct network *n)
{
    static const struct {
        const char *operator_name, *node;
        int64_t price_nanos;
    } nodes[] = {
        {"op-a", "cheap", 10000000}, {"op-a", "middle", 12000000}, {"op-b", "dear", 20000000}};
    bool ok = network_account(n, "alice", EE_ACCOUNT_USER) == EE_OK;
    ok = ok && network_account(n, "bob", EE_ACCOUNT_USER) == EE_OK;
    ok = ok && network_account(n, "op-a", EE_ACCOUNT_OPERATOR) == EE_OK;
    ok = ok && network_account(n, "op-b", EE_ACCOUNT_OPERATOR) == EE_OK;
    ok = ok && network_mint(n, "alice", 20000000) == EE_OK;
    ok = ok && network_mint(n, "bob", 20000000) == EE_OK;
    for (size_t i = 0; ok && i < sizeof(nodes) / sizeof(nodes[0]); i++)
        ok = network_enrol(n, nodes[i].operator_name, nodes[i].node, 4, nodes[i].price_nanos) ==
                 EE_OK &&
             network_admit(n, nodes[i].node, 8) == EE_OK;
    need(ok, "populate");
}

/* ---- work ---- */

struct ee_bytes network_deployment(enum ee_workload_kind workload, bool secret)
{
    static uint8_t buffer[1024];
    struct ee_writer w;
    struct ee_deployment d = {.runtime = EE_RUNTIME_PROCESS,
                              .arg_count = 2,
                              .args = {ee_bytes_str("/bin/echo"), ee_bytes_str("hello")},
                              .env_count = 1,
                              .env = {{ee_bytes_str("LANG"), ee_bytes_str("C")}},
                              .secret_count = secret ? 1 : 0,
                              .secrets = {ee_bytes_str("TOKEN")},
                              .port = workload == EE_WORKLOAD_APP ? 8080 : 0,
                              .output_limit = 65536};
    ee_writer_init(&w, buffer, sizeof(buffer));
    need(ee_deployment_encode(&d, &w) == EE_OK, "deployment");
    return ee_writer_done(&w);
}

enum ee_err network_reserve(struct network *n, const char *launcher, enum ee_workload_kind workload,
                            const char *name, uint32_t vcpus)
{
    struct ee_lease_reserve reserve = {
        .workload = workload, .vcpus = vcpus, .deployment = network_deployment(workload, false)};
    set_name(reserve.name, name);
    return NETWORK_SEND(n, EE_ACTOR_ACCOUNT, launcher, EE_COMMAND_LEASE_RESERVE, lease_reserve,
                        &reserve);
}

enum ee_err network_start(struct network *n, const char *launcher, const uint8_t lease[EE_ID_SIZE])
{
    struct ee_lease_start start = {.sealed_hash = {7}};
    memcpy(start.lease, lease, sizeof(start.lease));
    return NETWORK_SEND(n, EE_ACTOR_ACCOUNT, launcher, EE_COMMAND_LEASE_START, lease_start, &start);
}

enum ee_err network_running(struct network *n, const uint8_t lease[EE_ID_SIZE])
{
    struct ee_lease_running running;
    memcpy(running.lease, lease, sizeof(running.lease));
    return NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_LEASE_RUNNING, lease_running, &running);
}

enum ee_err network_end(struct network *n, const uint8_t lease[EE_ID_SIZE],
                        enum ee_end_reason reason)
{
    struct ee_lease_end end = {.reason = reason};
    memcpy(end.lease, lease, sizeof(end.lease));
    end.exit_code = reason == EE_END_EXITED ? 3 : 0;
    return NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_LEASE_END, lease_end, &end);
}

enum ee_err network_stop(struct network *n, const char *launcher, const char *name)
{
    struct ee_lease_stop stop;
    set_name(stop.name, name);
    return NETWORK_SEND(n, EE_ACTOR_ACCOUNT, launcher, EE_COMMAND_LEASE_STOP, lease_stop, &stop);
}

enum ee_err network_run(struct network *n, const char *launcher, enum ee_workload_kind workload,
                        const char *name, uint32_t vcpus, uint8_t lease_out[EE_ID_SIZE])
{
    EE_TRY(network_reserve(n, launcher, workload, name, vcpus));
    memcpy(lease_out, ee_core_app(n->core, name)->lease, EE_ID_SIZE);
    EE_TRY(network_start(n, launcher, lease_out));
    return network_running(n, lease_out);
}

enum ee_err network_miss(struct network *n, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                         enum ee_check_kind kind, uint32_t slot)
{
    struct ee_slot_missed missed = {
        .period = period, .kind = kind, .slot = slot, .why = EE_TIMEOUT};
    memcpy(missed.lease, lease, sizeof(missed.lease));
    return NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_SLOT_MISSED, slot_missed, &missed);
}

void network_checks_make(const struct network *n, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                         enum ee_check_outcome health, enum ee_check_outcome attestation,
                         struct ee_checks *out)
{
    const struct ee_period *p = ee_core_period(n->core, lease, period);
    memset(out, 0, sizeof(*out));
    memcpy(out->lease, lease, sizeof(out->lease));
    out->period = period;
    out->health_count = p ? ee_core_health_slots(n->core, p) : 1;
    out->attestation_count = p ? ee_core_attestation_slots(n->core, p) : 1;
    memset(out->health, (int)health, out->health_count);
    memset(out->attestation, (int)attestation, out->attestation_count);
}

enum ee_err network_checks(struct network *n, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                           enum ee_check_outcome health, enum ee_check_outcome attestation)
{
    struct ee_checks checks;
    network_checks_make(n, lease, period, health, attestation, &checks);
    return NETWORK_SEND(n, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKS, checks, &checks);
}

/* ---- looking ---- */

struct ee_balance network_balance(const struct network *n, const char *account)
{
    struct ee_balance balance;
    need(ee_core_balance(n->core, account, &balance) == EE_OK, "account");
    return balance;
}

int64_t network_available(const struct network *n, const char *account)
{
    return network_balance(n, account).available.micros;
}

size_t network_effects(const struct network *n, enum ee_effect_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < n->result.effect_count; i++)
        count += n->result.effects[i].kind == kind;
    return count;
}

/* ---- memory that fails ---- */

static void *failing_resize(void *context, void *memory, size_t size)
{
    struct failing *f = context;
    f->calls++;
    if (f->fail_at && f->calls >= f->fail_at)
        return NULL;
    void *moved = realloc(memory, size ? size : 1);
    f->held += moved && !memory;
    return moved;
}

static void failing_release(void *context, void *memory)
{
    struct failing *f = context;
    f->held -= memory != NULL;
    free(memory);
}

void failing_init(struct failing *f)
{
    *f = (struct failing){
        .allocator = {.context = f, .resize = failing_resize, .release = failing_release}};
}
