/* SPDX-License-Identifier: Apache-2.0 */
/* The network core: one deterministic state machine. apply(state, command) -> result and effects;
 * nothing else changes it. No clock, no randomness, no I/O: the same commands give the same state
 * hash on any machine. */
#ifndef EE_CORE_CORE_H
#define EE_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "core/command.h"
#include "core/genesis.h"
#include "core/params.h"

enum { EE_RESULT_BODY_MAX = 8704, EE_EFFECTS_MAX = 64 };

struct ee_core;
struct ee_params;

/* 0: the compiled default. A command of a user or operator that would pass a limit is refused with
 * EE_FULL; TICK may go as far again beyond it, so that what runs is settled. */
struct ee_core_limits {
    uint32_t accounts, keys, nodes, apps, leases, periods, ids, mints, transfers, redemptions,
        topups, payments, parked, domains;
};

/* NULL without memory. `crypto` and `allocator` are borrowed for the core's life. */
struct ee_core *ee_core_new(const struct ee_allocator *allocator, const struct ee_crypto *crypto,
                            const struct ee_core_limits *limits);
void ee_core_free(struct ee_core *core);

/* What the shell must do after the batch is durable. Never replayed: on start the shell reconciles
 * instead. */
enum ee_effect_kind {
    EE_EFFECT_START_LEASE =
        1, /* send the deployment to the agent of `node`; (after LEASE_START, and for moved apps) */
    EE_EFFECT_STOP_LEASE = 2, /* tell the agent of `node` to stop it */
    EE_EFFECT_LEASE_ENDED =
        3, /* submit CHECKS for (lease, period) as soon as its checks are known */
    EE_EFFECT_PERIOD_DUE = 4, /* the same, for a period that ended in its time */
    EE_EFFECT_SETTLED = 5,
};
struct ee_effect {
    enum ee_effect_kind kind;
    uint8_t lease[EE_ID_SIZE];
    char node[EE_NAME_MAX + 1];
    uint32_t period;
};

struct ee_result {
    enum ee_err err; /* the command's outcome, stored and remembered */
    bool repeated; /* answered from memory; nothing was applied, the command is not to be journalled
                    */
    uint64_t seq;  /* of the command that gave the answer */
    size_t body_size;
    uint8_t body[EE_RESULT_BODY_MAX];
    size_t effect_count;
    struct ee_effect effects[EE_EFFECTS_MAX];
};

/* Applies one command. Returns EE_OK when the command took its place (also when its result is a
 * refusal: result->err). Otherwise nothing changed and the command must not be journalled:
 * EE_SYNTAX, EE_TRUNCATED ...: payload malformed. EE_STATE: seq or time out of order. EE_VERSION:
 * newer core_version. EE_ID_CONFLICT: id known with another body. EE_FULL: a table is at its limit.
 * EE_NO_MEMORY. A known id with the same body: EE_OK, result->repeated. */
EE_MUST_USE enum ee_err ee_core_apply(struct ee_core *core, const struct ee_command *command,
                                      struct ee_result *result);

/* ---- ids that left memory ---- */

/* The newest params.id_window ids are remembered; older ones leave, and the core would take them as
 * new: whoever submits looks them up in the journal first. Ids are numbered in the order of their
 * commands, from 0. */
struct ee_core_ids {
    uint64_t total; /* remembered ever: the next one's number */
    uint64_t first; /* number of the oldest still in memory; total: none */
    uint32_t window;
};
void ee_core_ids(const struct ee_core *core, struct ee_core_ids *out);
/* Key and command of id `number`, first <= number < total. */
void ee_core_id_at(const struct ee_core *core, uint64_t number, uint8_t key_out[32],
                   uint64_t *seq_out);
bool ee_core_id_known(const struct ee_core *core, const uint8_t key[32]);
/* SHA-256 of actor and id; of kind and payload. */
void ee_core_id_key(const struct ee_crypto *crypto, const struct ee_command *command,
                    uint8_t out[32]);
void ee_core_id_body_hash(const struct ee_crypto *crypto, const struct ee_command *command,
                          uint8_t out[32]);

/* Canonical bytes of a result for journal and Merkle tree: u16 err, body block. */
EE_MUST_USE enum ee_err ee_result_encode(const struct ee_result *result, struct ee_writer *out);
EE_MUST_USE enum ee_err ee_result_decode(struct ee_bytes bytes, struct ee_result *out);

uint64_t ee_core_seq(const struct ee_core *core);     /* of the last command; 0 before genesis */
uint64_t ee_core_time_us(const struct ee_core *core); /* of the last command */
uint64_t ee_core_epoch(const struct ee_core *core);
/* When a TICK is next needed; UINT64_MAX: nothing is pending. */
uint64_t ee_core_next_due_us(const struct ee_core *core);
const struct ee_genesis *ee_core_genesis(const struct ee_core *core); /* NULL before GENESIS */
const uint8_t *ee_core_network_id(const struct ee_core *core);
const struct ee_params *ee_core_params(const struct ee_core *core);
/* Another table than that of the genesis' profile, from now on; borrowed. For simulations: a
 * network never does. */
void ee_core_params_override(struct ee_core *core, const struct ee_params *params);
/* Hash over all canonical records (docs/spec/commands.md, "State hash"), at the cost of what
 * changed since the last call. Not beside any other call. */
void ee_core_state_hash(const struct ee_core *core, uint8_t out[32]);
/* The same from every record, trusting nothing that is remembered: for checks of this code. */
void ee_core_state_hash_afresh(const struct ee_core *core, uint8_t out[32]);
/* The whole state as bytes (docs/spec/snapshot.md), in pieces of any size; anything but EE_OK from
 * the sink ends the writing. Takes no memory and draws on nothing but the core. EE_STATE: before
 * GENESIS. */
typedef enum ee_err (*ee_core_sink_fn)(void *context, struct ee_bytes piece);
EE_MUST_USE enum ee_err ee_core_save(const struct ee_core *core, ee_core_sink_fn sink,
                                     void *context);
/* Fills the next `size` bytes. */
typedef enum ee_err (*ee_core_source_fn)(void *context, uint8_t *out, size_t size);
/* The core that was saved. Trusts nothing: what loads has every invariant (ee_core_check()) and
 * rows that name rows that exist; whether it is the network's own state is for its state hash to
 * say. Takes memory as the bytes come. EE_VERSION: saved by a newer release; EE_SYNTAX,
 * EE_UNSUPPORTED, EE_RANGE and other errors of a decoder; EE_STATE: an invariant; EE_FULL: a limit;
 * EE_NO_MEMORY; errors of `source`. */
EE_MUST_USE enum ee_err ee_core_load(const struct ee_allocator *allocator,
                                     const struct ee_crypto *crypto,
                                     const struct ee_core_limits *limits, ee_core_source_fn source,
                                     void *context, struct ee_core **out);
/* All invariants (docs/spec/money.md): EE_OK, or EE_STATE with the broken rule in *rule_out. */
EE_MUST_USE enum ee_err ee_core_check(const struct ee_core *core, const char **rule_out);

/* A sample of the same at a cost that does not grow with the state: what can be said of one account
 * and of one period, for `rows` of each, going on where *cursor (0 at first) stopped. A state with
 * no more rows than that is checked as a whole. */
EE_MUST_USE enum ee_err ee_core_check_some(const struct ee_core *core, uint64_t *cursor,
                                           uint32_t rows, const char **rule_out);

/* ---- records; borrowed, valid until the next apply ---- */

struct ee_account {
    char name[EE_NAME_MAX + 1];
    enum ee_account_kind kind;
    uint8_t public_key[EE_ED25519_KEY_SIZE];
    uint64_t created_us;
};

struct ee_api_key {
    uint8_t key_hash[32];
    char account[EE_NAME_MAX + 1];
    char label[EE_NAME_MAX + 1];
    uint32_t scopes;
    uint64_t expires_s;
    bool revoked;
};

struct ee_balance {
    struct ee_money available; /* posted minus reserved */
    struct ee_money locked;    /* reserved by own locks */
    struct ee_money due;       /* part of locked whose period is DUE */
    struct ee_money held;      /* part of available that may be spent, but not leave yet */
    uint64_t held_until_us;    /* when all of it is free; 0: nothing is held */
    struct ee_money owed; /* after chargebacks of what was spent; repaid by what is minted next */
    struct ee_money incoming; /* operators: reserved for them by locks */
};

struct ee_node {
    char name[EE_NAME_MAX + 1];
    char operator_name[EE_NAME_MAX + 1];
    char region[EE_NAME_MAX + 1];
    uint8_t platform_id[16];
    uint8_t agent_key[EE_ED25519_KEY_SIZE];
    uint8_t sealing_key[EE_X25519_KEY_SIZE];
    uint8_t measurement[32];
    uint8_t evidence_hash[32];
    uint32_t vcpus;          /* offered */
    uint32_t vcpus_measured; /* by its TD, 0 before admission */
    uint32_t vcpus_leased;
    int64_t price_nanos;
    bool admitted, connected, simulated;
    uint64_t epoch;
    uint64_t admitted_us, lost_us; /* lost_us: since when unreachable, 0 when connected */
};

struct ee_app {
    char name[EE_NAME_MAX + 1];
    char launcher[EE_NAME_MAX + 1];
    enum ee_workload_kind workload;
    bool wanted; /* to be kept running */
    bool has_secrets;
    bool waits_for_secrets; /* lost its node; its launcher must supply them again */
    uint32_t vcpus;
    uint16_t port;
    uint8_t deployment_hash[32];
    struct ee_bytes deployment;
    uint8_t lease[EE_ID_SIZE]; /* a live one, else the last; zero: none yet */
    uint32_t replicas;         /* live leases it is to have; 1 for most */
    uint64_t created_us;
};

const struct ee_domain *ee_core_domain_at(const struct ee_core *core, size_t index);
/* The app's claim; NULL: none. */
const struct ee_domain *ee_core_domain(const struct ee_core *core, const char *app,
                                       const char *domain);

enum ee_lease_state { EE_LEASE_RESERVED = 1, EE_LEASE_STARTING, EE_LEASE_RUNNING, EE_LEASE_ENDED };
struct ee_lease {
    uint8_t id[EE_ID_SIZE];
    char app[EE_NAME_MAX + 1];
    char launcher[EE_NAME_MAX + 1];
    char node[EE_NAME_MAX + 1];
    char operator_name[EE_NAME_MAX + 1];
    enum ee_workload_kind workload;
    enum ee_lease_state state;
    enum ee_end_reason end_reason; /* valid when ENDED */
    int32_t exit_code;
    uint8_t output_hash[32];
    uint8_t deployment_hash[32];
    uint32_t vcpus;
    int64_t price_nanos;
    uint64_t reserved_us, running_us, ended_us; /* 0: not yet */
    uint32_t period_count;                      /* periods opened so far, the last may lie ahead */
};

enum ee_lock_state {
    EE_LOCK_LOCKED = 1,
    EE_LOCK_DUE,
    EE_LOCK_PAID,
    EE_LOCK_REFUNDED,
    EE_LOCK_SPLIT
};
struct ee_period {
    uint8_t lease[EE_ID_SIZE];
    uint32_t index;
    uint64_t starts_us, ends_us; /* 0 until RUNNING */
    enum ee_lock_state state;
    enum ee_verdict_kind verdict;
    enum ee_fail_reason reason;
    struct ee_money locked, paid, refunded;
    uint32_t health_ok, health_missed, attestation_ok, attestation_missed;
    uint64_t report_seq; /* the launcher's abuse report; 0: none */
    uint64_t lock_seq,
        settle_seq; /* commands that took the lock and settled it; settle_seq 0: open */
};

enum ee_redemption_state {
    EE_REDEMPTION_PENDING = 1, /* reserved; waits for the issuer's word */
    EE_REDEMPTION_CONFIRMED,
    EE_REDEMPTION_REFUSED
};
struct ee_redemption {
    uint8_t id[EE_ID_SIZE]; /* the first half of the random bytes of its command */
    char account[EE_NAME_MAX + 1];
    struct ee_money amount;
    enum ee_redemption_state state;
    uint64_t seq, settle_seq; /* settle_seq 0: pending */
};

struct ee_topup_order {
    uint8_t id[EE_ID_SIZE]; /* the first half of the random bytes of its command */
    char account[EE_NAME_MAX + 1];
    char currency[EE_CURRENCY_SIZE + 1];
    uint64_t cents;
    uint64_t created_us, seq;
    char payment[EE_REFERENCE_MAX + 1]; /* that paid it; empty: none yet */
    uint64_t paid_seq;                  /* of the command that minted it; 0: none yet */
};

enum { EE_PAYMENT_DISPUTES_MAX = 4 };
enum ee_dispute_state { EE_DISPUTE_OPEN = 1, EE_DISPUTE_WON, EE_DISPUTE_LOST };
struct ee_dispute {
    uint8_t id[EE_ID_SIZE]; /* the first half of SHA-256 of the provider's name */
    uint64_t cents;
    enum ee_dispute_state state;
};

struct ee_payment {
    char id[EE_REFERENCE_MAX + 1]; /* the provider's name of the payment object */
    char account[EE_NAME_MAX + 1]; /* empty: parked, nothing is minted for it yet */
    uint8_t order[EE_ID_SIZE];     /* that it paid, else the first it was said to pay */
    struct ee_money minted, charged_back;
    uint64_t refunded_cents; /* most that was said */
    uint32_t trouble;        /* sum of enum ee_payment_trouble */
    uint32_t dispute_count;
    struct ee_dispute disputes[EE_PAYMENT_DISPUTES_MAX]; /* by id */
    uint64_t said_cents;                                 /* with the newest trouble */
    char said_currency[EE_CURRENCY_SIZE + 1];            /* the same */
    uint64_t first_seq, last_seq, mint_seq;              /* mint_seq 0: not minted */
};

/* An endpoint of an account, or (slot 0) its low-balance thresholds. */
struct ee_webhook {
    char account[EE_NAME_MAX + 1];
    uint8_t slot;
    bool active;  /* false: removed; the slot is given again */
    uint64_t seq; /* of the command that made it; events from before it are not for it */
    char url[EE_WEBHOOK_URL_MAX + 1];
    uint32_t events; /* 1 << (kind - 1) */
    char label[EE_NAME_MAX + 1];
    uint8_t secret_hash[32];
    struct ee_money below;
    uint32_t runway_below_s;
};

const struct ee_account *ee_core_account(const struct ee_core *core, const char *name);
/* NULL: there never was one. */
const struct ee_webhook *ee_core_webhook(const struct ee_core *core, const char *account,
                                         uint8_t slot);
const struct ee_webhook *ee_core_webhook_at(const struct ee_core *core, size_t index);
/* The bits of all its active endpoints together. */
uint32_t ee_core_webhook_events(const struct ee_core *core, const char *account);
EE_MUST_USE enum ee_err ee_core_balance(const struct ee_core *core, const char *account,
                                        struct ee_balance *out);
/* As of a time not before that of the last command: holds end by themselves. */
EE_MUST_USE enum ee_err ee_core_balance_at(const struct ee_core *core, const char *account,
                                           uint64_t now_us, struct ee_balance *out);
const struct ee_api_key *ee_core_key(const struct ee_core *core, const uint8_t key_hash[32]);
const struct ee_node *ee_core_node(const struct ee_core *core, const char *name);
const struct ee_app *ee_core_app(const struct ee_core *core, const char *name);
const struct ee_lease *ee_core_lease(const struct ee_core *core, const uint8_t id[EE_ID_SIZE]);
const struct ee_period *ee_core_period(const struct ee_core *core, const uint8_t lease[EE_ID_SIZE],
                                       uint32_t index);

const struct ee_redemption *ee_core_redemption(const struct ee_core *core,
                                               const uint8_t id[EE_ID_SIZE]);

/* Destination and the issuer's reference of a redemption; "" for none. */
const char *ee_core_redemption_destination(const struct ee_core *core,
                                           const uint8_t id[EE_ID_SIZE]);
const char *ee_core_redemption_reference(const struct ee_core *core, const uint8_t id[EE_ID_SIZE]);
const struct ee_topup_order *ee_core_topup(const struct ee_core *core,
                                           const uint8_t id[EE_ID_SIZE]);
const struct ee_payment *ee_core_payment(const struct ee_core *core, const char *id);
/* A reported period: what for, and the hash of what the launcher keeps. */
struct ee_report {
    enum ee_abuse_category category;
    uint8_t evidence_hash[32];
};
/* False: there is no such period, or no report of it. */
bool ee_core_report(const struct ee_core *core, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                    struct ee_report *out);

/* Whether SLOT_MISSED recorded this slot; the record of checks has to say so too, or its receipt
 * does not show why the period failed. */
bool ee_core_slot_missed(const struct ee_core *core, const uint8_t lease[EE_ID_SIZE],
                         uint32_t period, enum ee_check_kind kind, uint32_t slot);
/* Slots of a period that has ended: what CHECKS must have. */
uint32_t ee_core_health_slots(const struct ee_core *core, const struct ee_period *period);
uint32_t ee_core_attestation_slots(const struct ee_core *core, const struct ee_period *period);

/* Lists in order of creation; index from 0; NULL past the end. */
const struct ee_account *ee_core_account_at(const struct ee_core *core, size_t index);
const struct ee_api_key *ee_core_key_at(const struct ee_core *core, size_t index);
const struct ee_node *ee_core_node_at(const struct ee_core *core, size_t index);
const struct ee_app *ee_core_app_at(const struct ee_core *core, size_t index);
const struct ee_lease *ee_core_lease_at(const struct ee_core *core, size_t index);
/* The live leases of an app, oldest first; NULL past the last. */
const struct ee_lease *ee_core_app_lease(const struct ee_core *core, const char *app, size_t index);
const struct ee_period *ee_core_period_at(const struct ee_core *core, size_t index);

const struct ee_redemption *ee_core_redemption_at(const struct ee_core *core, size_t index);

/* seq of the remembered command of this actor and id; 0: none. */
uint64_t ee_core_id_seq(const struct ee_core *core, enum ee_actor_kind kind, const char *actor,
                        const uint8_t id[EE_ID_SIZE]);
const struct ee_topup_order *ee_core_topup_at(const struct ee_core *core, size_t index);
const struct ee_payment *ee_core_payment_at(const struct ee_core *core, size_t index);

/* The allow-list in force: genesis plus changes. */
bool ee_core_allowed(const struct ee_core *core, enum ee_role role, const uint8_t measurement[32]);
/* The changes themselves, so that a client can check them against the founding key: seq of change
 * `index`; 0 past the end. */
uint64_t ee_core_allow_change_seq(const struct ee_core *core, size_t index);

/* A POLICY applied; its bytes are in the journal. */
struct ee_policy_applied {
    uint64_t seq;
    uint8_t hash[32]; /* SHA-256 of the canonical policy */
};
/* Change `index` of the attestation policy, from 0; NULL past the end. The last one is in force;
 * before the first it is ee_attest_policy_network. */
const struct ee_policy_applied *ee_core_policy_change(const struct ee_core *core, size_t index);

/* A RECOVERY applied: the log was restored behind `restored_size`. */
struct ee_recovery_applied {
    uint64_t seq, epoch;
    uint64_t lost_size, restored_size;
    uint8_t lost_root[32], restored_root[32];
};
/* In order, from 0; NULL past the end. */
const struct ee_recovery_applied *ee_core_recovery_at(const struct ee_core *core, size_t index);
/* A CHECKPOINT_KEY applied. Before the first, the key is the one the evidence names. */
struct ee_key_succession {
    uint64_t seq;
    uint8_t old_key[EE_ED25519_KEY_SIZE], new_key[EE_ED25519_KEY_SIZE];
};
const struct ee_key_succession *ee_core_succession_at(const struct ee_core *core, size_t index);

/* A LIABILITIES of the second step. */
struct ee_liabilities_row {
    uint64_t seq;
    struct ee_liabilities_result sums;
    uint8_t root[32];
};
const struct ee_liabilities_row *ee_core_liabilities_at(const struct ee_core *core, size_t index);
/* The newest; NULL: none. */
const struct ee_liabilities_row *ee_core_liabilities_last(const struct ee_core *core);
/* Of the first step, its root to come; of_seq 0: none. */
const struct ee_liabilities_result *ee_core_liabilities_marked(const struct ee_core *core);

/* Accounts of the book as leaves of the tree of liabilities. */
struct ee_owed {
    uint8_t id[EE_ID_SIZE]; /* ee_owed_id() of its owner's name */
    uint16_t code;          /* 200 user, 210 operator, 220 stake, 230 unbond */
    int64_t micros;         /* posted, what is reserved included; not negative */
};
/* Account `index` below ee_core_book_count(); false: nobody is owed what it holds. */
bool ee_core_owed_at(const struct ee_core *core, size_t index, struct ee_owed *out);
size_t ee_core_book_count(const struct ee_core *core);
/* Salts follow from it (tlog/liabilities.h): it never leaves the control plane. */
const uint8_t *ee_core_liability_secret(const struct ee_core *core);
/* The id in the book of a user ("user") or operator ("op"). */
void ee_owed_id(const struct ee_crypto *crypto, const char *kind, const char *name,
                uint8_t out[EE_ID_SIZE]);
/* Of the account of that name; EE_ACCOUNT_UNKNOWN. */
EE_MUST_USE enum ee_err ee_core_owed_of(const struct ee_core *core, const char *account,
                                        struct ee_owed *out);

/* Totals for the book. balances = minted - redeemed - charged_back + owed, always. */
struct ee_totals {
    struct ee_money minted, redeemed, balances, locked;
    struct ee_money charged_back; /* by the payment provider, less what it gave back */
    struct ee_money owed;         /* of charged_back, by users who had spent it */
    struct ee_money processor;    /* in cash:stripe; below zero: the provider is owed that */
};
void ee_core_totals(const struct ee_core *core, struct ee_totals *out);

#endif
