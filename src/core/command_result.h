/* SPDX-License-Identifier: Apache-2.0 */
/* Result bodies of the kinds of command that answer more than a code; the codec's rules are those
 * of the payloads. Comes with core/command.h. docs/spec/commands.md. */
#ifndef EE_CORE_COMMAND_RESULT_H
#define EE_CORE_COMMAND_RESULT_H

#include "core/command.h"

enum { EE_EXPLAIN_MAX = 64 };

/* Why a node was or was not chosen. */
enum ee_placement_reason {
    EE_PLACE_CHOSEN = 1,
    EE_PLACE_DEARER = 2,       /* eligible, but costs more */
    EE_PLACE_NOT_ADMITTED = 3, /* enrolled, its agent never attested */
    EE_PLACE_DISCONNECTED = 4,
    EE_PLACE_NO_CAPACITY = 5,
    EE_PLACE_OTHER_TENANT = 6, /* its agent serves another launcher */
    EE_PLACE_OVER_MAX_PRICE = 7,
    EE_PLACE_NOT_ASKED = 8,     /* another node was asked for */
    EE_PLACE_FAILED_BEFORE = 9, /* lost this app; backing off */
    EE_PLACE_STAKE = 10,
    EE_PLACE_TIE = 11, /* same price; the other name comes first */
    EE_PLACE_SAME_APP =
        12, /* another replica of the app is there, and a node without one is free */
};
const char *ee_placement_reason_name(enum ee_placement_reason reason);
const char *ee_placement_reason_text(enum ee_placement_reason reason);

struct ee_placement_row {
    char node[EE_NAME_MAX + 1];
    int64_t price_nanos;
    uint32_t free_vcpus;
    enum ee_placement_reason reason;
};

/* Answer to LEASE_RESERVE, also when refused with EE_NO_ELIGIBLE_NODE (then lease is zero). */
struct ee_reserve_result {
    uint8_t lease[EE_ID_SIZE];
    char node[EE_NAME_MAX + 1];
    int64_t price_nanos;
    struct ee_money lock;
    uint8_t deployment_hash[32];
    uint32_t row_count; /* of all nodes, cheapest first; at most EE_EXPLAIN_MAX are listed */
    struct ee_placement_row rows[EE_EXPLAIN_MAX];
};

enum ee_verdict_kind {
    EE_VERDICT_NONE = 0,
    EE_VERDICT_PASS = 1,
    EE_VERDICT_FAIL = 2,
    EE_VERDICT_VOID = 3
};
enum ee_fail_reason {
    EE_FAIL_NONE = 0,
    EE_FAIL_MISSED_HEALTH = 1,
    EE_FAIL_MISSED_ATTESTATION = 2,
    EE_FAIL_ABUSE = 3,
    EE_FAIL_INELIGIBLE = 4,
};

/* Answer to CHECKS: the settlement. paid + refunded == locked always. */
struct ee_settle_result {
    char launcher[EE_NAME_MAX + 1];
    char operator_name[EE_NAME_MAX + 1];
    char node[EE_NAME_MAX + 1];
    char app[EE_NAME_MAX + 1];
    uint64_t starts_us;
    uint64_t ends_us;
    enum ee_verdict_kind verdict;
    enum ee_fail_reason reason;
    struct ee_money locked;
    struct ee_money paid;
    struct ee_money refunded;
};

struct ee_balance_result { /* answer to MINT and TRANSFER: the acting side's balance after it */
    char account[EE_NAME_MAX + 1];
    struct ee_money available;
    struct ee_money locked;
};

struct ee_redeem_result { /* answer to REDEEM and REDEMPTION */
    uint8_t redemption[EE_ID_SIZE];
    char account[EE_NAME_MAX + 1];
    struct ee_money amount;
    struct ee_money available; /* of the account after it */
};

/* Answer to TICK from core version 3 on, when it took locks: what its receipt shows. */
enum { EE_TICK_LOCKS_MAX = 64 };
struct ee_tick_lock {
    uint8_t lease[EE_ID_SIZE];
    uint32_t period;
    struct ee_money amount; /* no names: other parties' locks are in the same result */
};
struct ee_tick_result {
    uint32_t lock_count;
    struct ee_tick_lock locks[EE_TICK_LOCKS_MAX];
};

struct ee_liabilities_result { /* answer to LIABILITIES */
    uint64_t of_seq;           /* of the state summed up */
    uint64_t of_time_us;
    uint64_t count;
    struct ee_money total; /* of user, op, stake and unbond accounts */
    struct ee_money cash;  /* minted minus redeemed: what the cash accounts hold */
    struct ee_money house; /* cash - total: fees, reserve, less what users owe */
};

/* Answer to a TRANSFER or REDEEM that was refused for a limit of this account: what would pass. */
struct ee_limit_result {
    char account[EE_NAME_MAX + 1];
    struct ee_money amount; /* TRANSFER_MINIMUM: the least; TRANSFER_DAY: what is left of today;
                               CREDITS_HELD: what may leave now; DEBT: what is owed */
    uint64_t until_us;      /* TRANSFER_DAY, CREDITS_HELD: when more may; 0: not by time alone */
};

struct ee_topup_result {
    uint8_t order[EE_ID_SIZE];
    char account[EE_NAME_MAX + 1];
    struct ee_money amount; /* credits it will mint */
};

/* Why a payment waits for a person; a sum. */
enum ee_payment_trouble {
    EE_TROUBLE_ORDER_UNKNOWN = 1, /* no such order */
    EE_TROUBLE_AMOUNT = 2,        /* another amount than ordered */
    EE_TROUBLE_CURRENCY = 4,      /* another currency than ordered */
    EE_TROUBLE_ORDER_PAID = 8,    /* another payment has paid this order */
    EE_TROUBLE_OTHER_ORDER = 16,  /* this payment has paid another order */
    EE_TROUBLE_DISPUTES = 32,     /* more disputes than are kept, or one both won and lost */
    EE_TROUBLE_ALL = 63,
};

struct ee_payment_result { /* answer to PAYMENT */
    char payment[EE_REFERENCE_MAX + 1];
    char account[EE_NAME_MAX + 1]; /* empty: nothing minted for it yet */
    uint32_t trouble;              /* of the payment, enum ee_payment_trouble */
    struct ee_money minted;
    struct ee_money charged_back;
};

#define EE_RESULTS(ROW)                                                                            \
    ROW(reserve_result)                                                                            \
    ROW(settle_result)                                                                             \
    ROW(balance_result)                                                                            \
    ROW(redeem_result)                                                                             \
    ROW(tick_result)                                                                               \
    ROW(liabilities_result)                                                                        \
    ROW(limit_result)                                                                              \
    ROW(topup_result)                                                                              \
    ROW(payment_result)                                                                            \
    ROW(webhook_result)
#define EE_ROW(name)                                                                               \
    EE_MUST_USE enum ee_err ee_##name##_encode(const struct ee_##name *in, struct ee_writer *out); \
    EE_MUST_USE enum ee_err ee_##name##_decode(struct ee_bytes bytes, struct ee_##name *out);
EE_RESULTS(EE_ROW)
#undef EE_ROW

#endif
