/* SPDX-License-Identifier: Apache-2.0 */
/* What the core is made of, and what its files do for each other; private to src/core.
 *
 * Every command is handled in the same order: decode, check all rules (a refusal changes nothing),
 * reserve memory, then change. After the first change nothing can fail. */
#ifndef EE_CORE_STATE_H
#define EE_CORE_STATE_H

#include "core/core.h"
#include "ledger/ledger.h"
#include "ledger/table.h"
#include "market/placement.h"

enum { EE_MICROS_PER_SECOND = 1000000 };
/* Steps of one TICK, and the effects one step may have. */
enum { EE_TICK_STEPS_MAX = 64, EE_STEP_EFFECTS_MAX = 3 };
/* Rows that a command other than TICK, GENESIS and BOOT adds to any one table, at most. */
enum { EE_COMMAND_ROWS_MAX = 8 };
#define EE_NEVER UINT64_MAX

enum ee_timer_kind { EE_TIMER_LEASE = 1, EE_TIMER_NODE, EE_TIMER_APP, EE_TIMER_PERIOD };
struct ee_timer {
    uint64_t due_us;
    enum ee_timer_kind kind;
    uint32_t row; /* in the table of that kind */
};

/* `timer` in a row: its place in the heap + 1; 0: not set. `..._row`: row number + 1; 0: none. */

/* Card-funded credits of one account that may not leave it before a moment. Moments are rounded up
 * to a seventh of the hold, so that no more than these are ever apart: core_holds.c. */
enum { EE_HOLD_LOTS_MAX = 8 };
struct ee_hold_lot {
    int64_t amount_micros; /* 0: free place */
    uint64_t until_us;
};

struct ee_account_row {
    struct ee_account account;
    struct ee_ledger_id ledger_id;
    int64_t due_micros;                        /* locks of this launcher that are DUE */
    int64_t redeeming_micros;                  /* pending redemptions */
    struct ee_hold_lot lots[EE_HOLD_LOTS_MAX]; /* by until_us, then free places */
    uint64_t transfer_day;      /* days since 1970 of transferred_micros and, with topup_day, of */
    int64_t transferred_micros; /* what left by transfers that day */
    uint64_t topup_day;
    uint32_t topups; /* orders of that day */
    bool has_debt;   /* its account of debts is in the book */
};

struct ee_node_row {
    struct ee_node node;
    uint32_t first_lease_row; /* live leases in order of creation */
    uint32_t timer;           /* its leases end */
};

struct ee_app_row {
    struct ee_app app;
    int64_t max_price_nanos;
    char asked_node[EE_NAME_MAX + 1];
    char failed_node[EE_NAME_MAX + 1]; /* not chosen until failed_until_us */
    uint64_t failed_until_us;
    uint64_t retry_us; /* EE_NEVER: not waiting for a node */
    uint8_t *deployment;
    uint32_t missing;         /* replicas that lost their node and wait for another */
    uint32_t first_lease_row; /* live leases in order of creation */
    uint32_t timer;
};

struct ee_lease_row {
    struct ee_lease lease;
    uint8_t sealed_hash[32];
    uint64_t starting_us;
    bool moved;       /* placed by the network, not by its launcher */
    bool lock_tried;  /* no credits when the next lock was due; tried once more at the end */
    uint32_t present; /* index of the period that runs */
    uint32_t next_on_node_row;
    uint32_t next_of_app_row;
    uint32_t timer;
};

struct ee_period_row {
    struct ee_period period; /* lease and index are the key */
    uint8_t evidence_root[32];
    uint64_t due_us;                        /* when it became DUE */
    enum ee_abuse_category report_category; /* with period.report_seq */
    uint8_t report_evidence[32];
    uint8_t missed_health[EE_CHECK_SLOTS_MAX / 8];      /* a bit per slot, from SLOT_MISSED */
    uint8_t missed_attestation[EE_CHECK_SLOTS_MAX / 8]; /* the same */
    uint32_t timer;                                     /* held too long */
};

struct ee_id_row {
    uint8_t key[32];       /* SHA-256 of actor and id */
    uint8_t body_hash[32]; /* of kind and payload */
    uint64_t seq;
    enum ee_err err;
    uint32_t body_size;
    uint8_t *body;
};

struct ee_mint_row {
    char reference[EE_REFERENCE_MAX + 1];
    char account[EE_NAME_MAX + 1];
    int64_t amount_micros;
    uint64_t seq;
};

struct ee_redemption_row {
    struct ee_redemption redemption; /* id is the key */
    char destination[EE_REFERENCE_MAX + 1];
    char reference[EE_REFERENCE_MAX + 1];
};

struct ee_payment_row {
    struct ee_payment payment; /* id is the key */
    uint64_t until_us;         /* its credits leave the account from then on */
    uint32_t moves;            /* chargebacks and returns booked */
};

struct ee_allow_row {
    uint8_t key[33]; /* role, measurement */
    char label[EE_NAME_MAX + 1];
    bool active;
};

struct ee_core {
    const struct ee_allocator *allocator;
    const struct ee_crypto *crypto;
    struct ee_core_limits limits;
    bool founded;
    struct ee_genesis genesis;
    uint8_t network_id[32];
    const struct ee_params *params;
    uint64_t seq, time_us, epoch;
    uint64_t mint_day; /* days since 1970 */
    int64_t minted_today_micros;
    uint64_t transfer_count; /* TRANSFERs booked */
    uint64_t id_total;       /* ids ever remembered; number n is in row n % params->id_window */
    uint64_t card_day;       /* days since 1970 of card_today_micros */
    int64_t card_today_micros;
    int64_t card_minted_micros;    /* by payments, ever */
    int64_t charged_back_micros;   /* less what came back */
    int64_t swept_micros;          /* from cash:stripe to cash:bank, for redemptions */
    uint32_t parked_count;         /* payments without a mint */
    bool processor_open;           /* cash:stripe is in the book */
    struct ee_ledger_id cash;      /* cash:bank; the only one up to core version 2 */
    struct ee_ledger_id processor; /* cash:stripe */
    struct ee_ledger *ledger;
    struct ee_table accounts, keys, nodes, apps, leases, periods, ids, mints, redemptions, allow,
        allow_changes, policies, recoveries, checkpoint_keys, liabilities, topups, payments,
        webhooks, domains;
    uint8_t liability_secret[32];        /* from the last BOOT: salts follow from it */
    struct ee_liabilities_result marked; /* by LIABILITIES, its root to come; of_seq 0: none */
    struct ee_timer *timers;             /* binary heap by (due, kind, row) */
    uint32_t timer_count, timer_capacity;
    struct ee_state_trees *trees;           /* of the state hash */
    struct ee_core_watch *watch;            /* core/book.h; NULL: nobody watches */
    struct ee_market_candidate *candidates; /* scratch of placement: one per node */
    enum ee_market_reason *reasons;
    uint32_t candidate_capacity;
    uint32_t tick_lock_count; /* scratch of TICK */
    struct ee_tick_lock tick_locks[EE_TICK_LOCKS_MAX];
    struct ee_core_bulk *bulk; /* scratch of TRANSFERS; NULL: none came yet */
};

/* One command under way. */
struct ee_change {
    struct ee_core *core;
    const struct ee_command *command;
    struct ee_result *result;
    uint64_t now_us;
    uint32_t leases_made; /* makes lease ids differ within a TICK */
};

/* Refuses: the command takes its place, its result is `err`, nothing else changes. Gives EE_OK. */
enum ee_err ee_change_refuse(struct ee_change *c, enum ee_err err);
void ee_change_effect(struct ee_change *c, enum ee_effect_kind kind, const struct ee_lease *lease,
                      uint32_t period);
/* A writer over the result's body, and its end; the body always fits: asserted. */
struct ee_writer ee_change_body(struct ee_change *c);
void ee_change_body_end(struct ee_change *c, const struct ee_writer *w, enum ee_err err);

/* Handlers, one per kind; EE_OK also for a refusal. */
typedef enum ee_err ee_handler(struct ee_change *c);
ee_handler ee_core_on_genesis, ee_core_on_boot, ee_core_on_tick, ee_core_on_account_create,
    ee_core_on_key_create, ee_core_on_key_revoke, ee_core_on_mint, ee_core_on_transfer,
    ee_core_on_node_enrol, ee_core_on_node_price, ee_core_on_node_admit, ee_core_on_node_lost,
    ee_core_on_lease_reserve, ee_core_on_lease_start, ee_core_on_lease_running,
    ee_core_on_lease_end, ee_core_on_lease_stop, ee_core_on_slot_missed, ee_core_on_checks,
    ee_core_on_allow, ee_core_on_policy, ee_core_on_collateral, ee_core_on_redeem,
    ee_core_on_redemption, ee_core_on_report, ee_core_on_recovery, ee_core_on_checkpoint_key,
    ee_core_on_liabilities, ee_core_on_topup, ee_core_on_payment, ee_core_on_transfers,
    ee_core_on_webhook, ee_core_on_app_domain, ee_core_on_domain_proven;

/* ---- lookups (core_read.c); NULL: none ---- */
const struct ee_account_row *ee_core_account_find(const struct ee_core *core, const char *name);
const struct ee_app_row *ee_core_app_find(const struct ee_core *core, const char *name);
const struct ee_lease_row *ee_core_lease_find(const struct ee_core *core,
                                              const uint8_t id[EE_ID_SIZE]);
const struct ee_period_row *ee_core_period_find(const struct ee_core *core,
                                                const uint8_t lease[EE_ID_SIZE], uint32_t index);
/* The same to be written: the row counts as changed, and the next state hash reads it again. */
struct ee_account_row *ee_core_account_row(const struct ee_core *core, const char *name);
struct ee_node_row *ee_core_node_row(const struct ee_core *core, const char *name);
struct ee_app_row *ee_core_app_row(const struct ee_core *core, const char *name);
struct ee_lease_row *ee_core_lease_row(const struct ee_core *core, const uint8_t id[EE_ID_SIZE]);
struct ee_period_row *ee_core_period_row(const struct ee_core *core,
                                         const uint8_t lease[EE_ID_SIZE], uint32_t index);
/* Number of a row found before. */
uint32_t ee_core_row_index(const struct ee_table *table, const void *row);
/* What its TD measures minus the agent's reserve, at most what is offered, minus what is leased. */
uint32_t ee_core_node_free(const struct ee_core *core, const struct ee_node *node);

/* Of its book. */
struct ee_ledger_limits ee_core_ledger_limits(const struct ee_core *core);

/* ---- the trees of the state hash (core_state_tree.c) ---- */
EE_MUST_USE enum ee_err ee_core_trees_reserve(struct ee_core *core);
/* The same for a command that adds up to `rows` to a table. */
EE_MUST_USE enum ee_err ee_core_trees_reserve_for(struct ee_core *core, uint32_t rows);
void ee_core_trees_free(struct ee_core *core);

void ee_core_watch_free(struct ee_core *core); /* core_book.c */

/* ---- timers (core_timers.c) ---- */
EE_MUST_USE enum ee_err ee_core_timers_reserve(struct ee_core *core, uint32_t extra);
/* Sets or moves the timer of a row; EE_NEVER clears it. */
void ee_core_timer_set(struct ee_core *core, enum ee_timer_kind kind, const void *row,
                       uint64_t due_us);
/* EE_NEVER: not set. */
uint64_t ee_core_timer_due_us(const struct ee_core *core, enum ee_timer_kind kind, uint32_t row);
/* Earliest; NULL: none. */
const struct ee_timer *ee_core_timer_first(const struct ee_core *core);
uint32_t *ee_core_timer_place(const struct ee_core *core, enum ee_timer_kind kind, uint32_t row);

/* ---- money (core_money.c) ---- */
/* Numbers of the chart of accounts, and kinds of moves: docs/spec/money.md. */
enum {
    EE_BOOK = 1,
    EE_CODE_CASH_STRIPE = 100,
    EE_CODE_CASH_BANK = 110,
    EE_CODE_DEBT = 120,
};
enum ee_move {
    EE_MOVE_MINT = 1,
    EE_MOVE_TRANSFER = 2,
    EE_MOVE_LOCK = 3,
    EE_MOVE_REDEMPTION = 4,
    EE_MOVE_SWEEP = 5,
    EE_MOVE_CHARGEBACK = 6,
    EE_MOVE_RETURN = 7,
    EE_MOVE_REPAY = 8,
};
/* What a result of the ledger means here; asserts that it is one that a balance can cause. */
enum ee_err ee_core_booking_err(enum ee_ledger_result result);
void ee_core_ledger_id(const struct ee_core *core, const char *kind, const char *name,
                       struct ee_ledger_id *out);
struct ee_money ee_core_available(const struct ee_core *core, const struct ee_account_row *account);
/* Writes the account's balance as the result's body. */
void ee_core_balance_body(struct ee_change *c, const struct ee_account_row *account);
/* Books what was checked and reserved before. */
void ee_core_book(struct ee_core *core, const struct ee_ledger_transfer *transfer);
/* What the book would answer: EE_INSUFFICIENT_CREDITS, EE_OVERFLOW. */
EE_MUST_USE enum ee_err ee_core_book_check(const struct ee_core *core,
                                           const struct ee_ledger_transfer *transfer);
/* Books a chain: the transfers are linked here. */
void ee_core_book_chain(struct ee_core *core, struct ee_ledger_transfer *transfers, uint32_t count);
/* An id from label (version 1), text and number. */
void ee_core_id_of(const struct ee_core *core, const char *label, const char *text, uint32_t number,
                   struct ee_ledger_id *out);
/* Everything minted so far by issuer and payments. */
int64_t ee_core_minted(const struct ee_core *core);
/* Credits minted: first what the account owes is repaid, the rest is the account's. `from`: the
 * cash account; `id` of the mint itself, `repay` of the part that repays. Books; room was reserved
 * for two. What the account got. */
int64_t ee_core_credit(struct ee_core *core, const struct ee_account_row *account,
                       const struct ee_ledger_transfer *mint, const struct ee_ledger_id *repay);
/* The debt account recv:{user}, and what it owes. */
void ee_core_debt_id(const struct ee_core *core, const struct ee_account_row *account,
                     struct ee_ledger_id *out);
int64_t ee_core_owed(const struct ee_core *core, const struct ee_account_row *account);
/* Fills in what a redemption's reservation is: account, cash, amount, id. */
void ee_core_redemption_transfer(const struct ee_core *core, const struct ee_redemption *redemption,
                                 struct ee_ledger_transfer *out);
void ee_core_redemption_settle_id(const struct ee_core *core,
                                  const struct ee_redemption *redemption, struct ee_ledger_id *out);
/* Whether period `index` of the lease could be locked now: EE_INSUFFICIENT_CREDITS, EE_OVERFLOW. */
EE_MUST_USE enum ee_err ee_core_lock_check(const struct ee_core *core, const struct ee_lease *lease,
                                           uint32_t index, struct ee_money amount);
/* Takes the checked lock and opens the period's record; room was reserved. */
struct ee_period_row *ee_core_lock_take(struct ee_change *c, struct ee_lease_row *lease,
                                        struct ee_money amount);
/* What settled a period in the book; NULL: not yet. */
const struct ee_ledger_row *ee_core_settle_entry(const struct ee_core *core,
                                                 const struct ee_period *period);
/* The reservation of a period in the book. */
const struct ee_ledger_row *ee_core_lock_entry(const struct ee_core *core,
                                               const struct ee_period *period);
/* Asserts that the lock may move there, moves it, and keeps the launcher's held sum. */
void ee_core_lock_move(struct ee_core *core, struct ee_period_row *period, enum ee_lock_state next);
/* Final moves of a lock (its verdict is set): `paid` of it to the operator, the rest returns. */
void ee_core_lock_settle(struct ee_change *c, struct ee_period_row *period, struct ee_money paid);

/* A lock that a TICK took goes into its result (core_statements.c). */
void ee_core_tick_lock(struct ee_change *c, const struct ee_period *period);
void ee_core_tick_body(struct ee_change *c);

/* ---- liabilities (core_liabilities.c) ---- */
void ee_core_liability_secret_take(struct ee_change *c);

/* ---- holds, and limits of what leaves an account (core_holds.c) ---- */
/* A refusal that says what would pass: `amount` and `until_us` of its body. */
struct ee_outgoing {
    int64_t amount_micros;
    uint64_t until_us;
};
/* Fresh credits of this account at `now_us`, part of what is available. */
int64_t ee_core_held(const struct ee_core *core, const struct ee_account_row *account,
                     uint64_t now_us);
/* When a hold that begins now ends. */
uint64_t ee_core_hold_until(const struct ee_core *core, uint64_t now_us);
void ee_core_hold_add(struct ee_account_row *account, int64_t micros, uint64_t until_us,
                      uint64_t now_us);
/* Credits have left for good: fresh ones first, those of `until_us` before others (0: none), then
 * what was fresh longest. */
void ee_core_hold_take(struct ee_account_row *account, int64_t micros, uint64_t until_us,
                       uint64_t now_us);
/* Whether `total` may leave the account now: EE_DEBT, EE_CREDITS_HELD; and EE_INSUFFICIENT_CREDITS
 * when there is less at all. `out` is written for the first two. */
EE_MUST_USE enum ee_err ee_core_leave_check(const struct ee_core *core,
                                            const struct ee_account_row *account, uint64_t now_us,
                                            int64_t total, struct ee_outgoing *out);
/* The same for transfers of one command, of which `smallest` is the least: EE_TRANSFER_MINIMUM and
 * EE_TRANSFER_DAY too. For single and bulk transfers. */
EE_MUST_USE enum ee_err ee_core_transfers_check(const struct ee_core *core,
                                                const struct ee_account_row *account,
                                                uint64_t now_us, int64_t smallest, int64_t total,
                                                struct ee_outgoing *out);
/* Counts what was booked of them against the account's day. */
void ee_core_transfers_count(struct ee_account_row *account, uint64_t now_us, int64_t total);
/* Refuses with a body that says what would pass. */
enum ee_err ee_change_refuse_limit(struct ee_change *c, enum ee_err err,
                                   const struct ee_account_row *account,
                                   const struct ee_outgoing *out);

/* ---- payments (core_payments.c) ---- */
/* How much of what a payment minted the provider has taken back, by all that it said. */
int64_t ee_core_payment_taken_back(const struct ee_payment *payment);

/* ---- placement (core_placement.c) ---- */
EE_MUST_USE enum ee_err ee_core_candidates_reserve(struct ee_core *core, uint32_t nodes);
/* Chooses for the app (its vcpus, limits and launcher). Reasons go to `explain` unless NULL. */
EE_MUST_USE enum ee_err ee_core_place(struct ee_core *core, const struct ee_app_row *app,
                                      uint64_t now_us, struct ee_reserve_result *explain,
                                      struct ee_node_row **node_out);

/* ---- leases (core_leases.c, core_reserve.c) ---- */
/* A lease of the app on the node with its first lock, all checked and reserved. */
struct ee_lease_row *ee_core_lease_create(struct ee_change *c, struct ee_app_row *app,
                                          struct ee_node_row *node, struct ee_money lock,
                                          bool moved);
EE_MUST_USE enum ee_err ee_core_lease_lock(const struct ee_core *core, const struct ee_lease *lease,
                                           struct ee_money *out);
/* The link behind a lease in the list of its node; the list follows from the leases. */
uint32_t *ee_core_next_on_node(const struct ee_core *core, uint32_t lease);
void ee_core_lease_finish(struct ee_change *c, struct ee_lease_row *lease,
                          enum ee_end_reason reason);
/* Puts a live lease at the end of the list of its node. */
void ee_core_lease_list(struct ee_core *core, struct ee_node_row *node, struct ee_lease_row *lease);
/* The same for an app: the link behind a lease, the number of them, and one more at the end. */
uint32_t *ee_core_next_of_app(const struct ee_core *core, uint32_t lease);
uint32_t ee_core_app_live(const struct ee_core *core, const struct ee_app_row *app);
void ee_core_app_list(struct ee_core *core, struct ee_app_row *app, struct ee_lease_row *lease);
/* Looks for nodes at once when replicas are missing. */
void ee_core_app_wait(struct ee_change *c, struct ee_app_row *app);
/* The lease as it would be made; for checks. */
void ee_core_lease_draft(const struct ee_change *c, const struct ee_app_row *app,
                         const struct ee_node_row *node, struct ee_lease *out);

/* ---- periods (core_periods.c) ---- */
void ee_core_period_start(struct ee_change *c, struct ee_lease_row *lease, uint64_t starts_us);
/* The lease's present period (and one that ended unnoticed before) becomes DUE; a lock ahead is
 * refunded. */
void ee_core_periods_close(struct ee_change *c, struct ee_lease_row *lease);
/* One step of a running lease whose timer is due. */
void ee_core_period_step(struct ee_change *c, struct ee_lease_row *lease);
/* A lock held too long. */
void ee_core_period_expire(struct ee_change *c, struct ee_period_row *period);
/* Verdict and settlement of a DUE period. */
void ee_core_period_settle(struct ee_change *c, struct ee_period_row *period,
                           enum ee_verdict_kind verdict, enum ee_fail_reason reason);

#endif
