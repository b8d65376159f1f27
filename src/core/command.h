/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: everything that changes the network, stamped by the shell, applied by the core, kept in
 * the journal. The header of a command and the payload of each kind, with their canonical bytes.
 * docs/spec/commands.md. */
#ifndef EE_CORE_COMMAND_H
#define EE_CORE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/policy.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "base/money.h"
#include "base/text.h"
#include "core/deployment.h"
#include "core/domain.h"
#include "core/webhook_set.h"

enum {
    /* A command is applied by the rules of its version: commands.md, "Core versions". */
    EE_CORE_VERSION = 3,
    EE_REPLICAS_MAX = 16,       /* live leases of one app */
    EE_CORE_VERSION_LIMITS = 3, /* the first that refuses transfers for limits */
    EE_STATE_HASH_VERSION = 3, /* of BOOTs from this core version on; older ones are not compared */
    EE_COMMAND_PAYLOAD_MAX = 524288, /* 8,190 transfers with the longest names */
    EE_COMMAND_SIZE_MAX = EE_COMMAND_PAYLOAD_MAX + 256,
};
enum { EE_ID_SIZE = 16, EE_CHECK_SLOTS_MAX = 512, EE_REFERENCE_MAX = 64, EE_MEMO_MAX = 128 };
enum { EE_REASON_MAX = 200, EE_CHECKS_COLLATERAL_MAX = 8 };

enum ee_actor_kind {
    EE_ACTOR_SYSTEM = 1,  /* the control plane itself; name empty */
    EE_ACTOR_ACCOUNT = 2, /* name of the account whose key authenticated */
    EE_ACTOR_ADMIN = 3,   /* the admin key; never money, never measurements */
};

enum ee_command_kind {
    EE_COMMAND_GENESIS = 1,         /* system; first of every journal; payload: canonical genesis */
    EE_COMMAND_BOOT = 2,            /* system; a control plane started */
    EE_COMMAND_TICK = 3,            /* system; empty payload; closes whatever is due at its time */
    EE_COMMAND_RECOVERY = 4,        /* any: the founding key's signature counts; opens an epoch */
    EE_COMMAND_CHECKPOINT_KEY = 5,  /* any: signed by the key before, or the founding key */
    EE_COMMAND_LIABILITIES = 6,     /* system; what is owed, as a Merkle-sum tree */
    EE_COMMAND_ACCOUNT_CREATE = 10, /* admin */
    EE_COMMAND_KEY_CREATE = 11,     /* account: another API key for itself */
    EE_COMMAND_KEY_REVOKE = 12,     /* account */
    EE_COMMAND_MINT = 13,           /* any account: the issuer's signature counts */
    EE_COMMAND_TRANSFER = 14,       /* account */
    EE_COMMAND_REDEEM = 15,        /* account: credits back into dollars, reserved until paid out */
    EE_COMMAND_REDEMPTION = 16,    /* any: the issuer's signed word on a redemption */
    EE_COMMAND_NODE_ENROL = 20,    /* operator: signed enrolment */
    EE_COMMAND_NODE_PRICE = 21,    /* operator */
    EE_COMMAND_NODE_ADMIT = 22,    /* system: the agent's evidence verified */
    EE_COMMAND_NODE_LOST = 23,     /* system: the agent's session ended */
    EE_COMMAND_LEASE_RESERVE = 30, /* account: choose a node, reserve, lock */
    EE_COMMAND_LEASE_START = 31,   /* account: sealed secrets handed over */
    EE_COMMAND_LEASE_RUNNING = 32, /* system: the agent reports it runs */
    EE_COMMAND_LEASE_END = 33,     /* system: exited, failed to start */
    EE_COMMAND_LEASE_STOP = 34,    /* account: stop an app or job */
    EE_COMMAND_SLOT_MISSED = 35,   /* system: a check was missed */
    EE_COMMAND_CHECKS = 36,        /* system: all checks of a period; decides and settles */
    EE_COMMAND_REPORT = 37,        /* account: the launcher reports abuse of its lease */
    EE_COMMAND_ALLOW = 40, /* any: founding key's signature counts; adds or retires a measurement */
    EE_COMMAND_POLICY = 41,     /* any: the same signature; replaces the attestation policy */
    EE_COMMAND_COLLATERAL = 42, /* system, admin: this set of collateral is in use from here on */
    EE_COMMAND_TRANSFERS = 50,  /* account: up to 8,190 transfers at once (core/transfers.h) */
    EE_COMMAND_TOPUP = 51,   /* account: an order of credits, to be paid at the payment provider */
    EE_COMMAND_PAYMENT = 52, /* system: what the payment provider said of one payment */
    EE_COMMAND_WEBHOOK = 55, /* account: where and of what it wants to be told */
    EE_COMMAND_APP_DOMAIN = 61,    /* account: a domain of an app of its own */
    EE_COMMAND_DOMAIN_PROVEN = 62, /* system: what DNS says of that */
};

struct ee_command {
    uint16_t core_version;
    uint64_t seq;     /* from 1, gapless */
    uint64_t time_us; /* strictly rising, microseconds since 1970 */
    uint8_t random[32];
    enum ee_actor_kind actor_kind;
    char actor[EE_NAME_MAX + 1];
    uint8_t id[EE_ID_SIZE]; /* idempotency; all zero: none */
    enum ee_command_kind kind;
    struct ee_bytes payload; /* borrowed */
};

EE_MUST_USE enum ee_err ee_command_encode(const struct ee_command *command, struct ee_writer *out);
EE_MUST_USE enum ee_err ee_command_decode(struct ee_bytes bytes, struct ee_command *out);
/* id = first half of SHA-256(account, client key), both with a u8 length before them. */
void ee_command_id(const struct ee_crypto *crypto, const char *account, struct ee_bytes client_key,
                   uint8_t out[EE_ID_SIZE]);
const char *ee_command_kind_name(enum ee_command_kind kind);

/* ---- payloads; each with _encode(const *, writer) and _decode(bytes, *), strict ---- */

struct ee_boot {
    uint64_t epoch; /* one more than the last */
    uint8_t
        state_hash[32]; /* of the state the replay reached: a replay that differs is found here */
    uint8_t anchored;   /* 0: nobody could be asked for a higher checkpoint */
};

enum ee_account_kind { EE_ACCOUNT_USER = 1, EE_ACCOUNT_OPERATOR = 2 };
enum ee_scope {
    EE_SCOPE_READ = 1,  /* see own things */
    EE_SCOPE_RUN = 2,   /* jobs and apps */
    EE_SCOPE_SPEND = 4, /* transfer credits */
    EE_SCOPE_NODES = 8, /* operator: enrol, price */
    EE_SCOPE_KEYS = 16, /* make and revoke keys */
    EE_SCOPE_ALL = 31,
};

struct ee_key_create {    /* the client makes the key, only its hash travels */
    uint8_t key_hash[32]; /* SHA-256 of the whole key text */
    uint32_t scopes;
    uint64_t expires_s; /* seconds since 1970; at most 10 years ahead */
    char label[EE_NAME_MAX + 1];
};

struct ee_account_create {
    char name[EE_NAME_MAX + 1];
    enum ee_account_kind kind;
    uint8_t public_key[EE_ED25519_KEY_SIZE]; /* operators sign enrolments with it; zero for users */
    struct ee_key_create first_key;
};

struct ee_key_revoke {
    uint8_t key_hash[32];
};

struct ee_mint {
    char account[EE_NAME_MAX + 1];
    struct ee_money amount;
    char reference[EE_REFERENCE_MAX + 1];         /* external, unique for ever */
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE]; /* over ee_mint_message */
};
/* What the issuer signs: label "ee-mint" v1, network id, account, amount, reference. */
EE_MUST_USE enum ee_err ee_mint_message(const uint8_t network_id[32], const struct ee_mint *mint,
                                        struct ee_writer *out);

struct ee_transfer_credits {
    char to[EE_NAME_MAX + 1];
    struct ee_money amount;
    char memo[EE_MEMO_MAX + 1];
};

struct ee_redeem {
    struct ee_money amount;
    char destination[EE_REFERENCE_MAX + 1]; /* where to pay out, in the issuer's terms */
};

struct ee_redemption_word {
    uint8_t redemption[EE_ID_SIZE];
    uint8_t confirm;                      /* 1: it was paid out; 0: refused, the credits return */
    char reference[EE_REFERENCE_MAX + 1]; /* of the payout, or why it was refused */
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE]; /* over ee_redemption_message */
};
/* What the issuer signs: label "ee-redemption" v1, network id and every field above but the
 * signature. */
EE_MUST_USE enum ee_err ee_redemption_message(const uint8_t network_id[32],
                                              const struct ee_redemption_word *word,
                                              struct ee_writer *out);

enum { EE_CURRENCY_SIZE = 3, EE_PAYMENT_CENTS_MAX = 99999999, EE_MICROS_PER_CENT = 10000 };
/* What a provider may say: small currencies have large numbers. */
#define EE_PAYMENT_SAID_MAX UINT64_C(1000000000000)

struct ee_topup {
    uint64_t cents;                      /* 1 to EE_PAYMENT_CENTS_MAX */
    char currency[EE_CURRENCY_SIZE + 1]; /* "usd" */
};

enum ee_payment_event {
    EE_PAYMENT_SUCCEEDED = 1,
    EE_PAYMENT_REFUNDED = 2, /* `cents`: of all refunds so far */
    EE_PAYMENT_DISPUTE_OPENED = 3,
    EE_PAYMENT_DISPUTE_WON = 4, /* the provider gives the money back to us */
    EE_PAYMENT_DISPUTE_LOST = 5,
};

/* A word of the payment provider. Keyed on the payment object, so that two kinds of events about
 * one payment mint once; words come in any order. */
struct ee_payment_word {
    enum ee_payment_event event;
    char payment[EE_REFERENCE_MAX + 1];        /* the provider's name of the payment object */
    uint8_t order[EE_ID_SIZE];                 /* SUCCEEDED: the order it pays; else zero */
    char dispute[EE_REFERENCE_MAX + 1];        /* DISPUTE_...: its name; else empty */
    uint64_t cents;                            /* hundredths, 1 to EE_PAYMENT_SAID_MAX */
    char currency[EE_CURRENCY_SIZE + 1];       /* three small letters */
    char provider_event[EE_REFERENCE_MAX + 1]; /* the provider's name of the event */
};

struct ee_node_enrol {
    char node[EE_NAME_MAX + 1];
    uint8_t platform_id[16];
    uint8_t agent_key[EE_ED25519_KEY_SIZE]; /* the agent's identity key */
    uint32_t vcpus;                         /* offered */
    int64_t price_nanos;                    /* per vCPU-hour */
    char region[EE_NAME_MAX + 1];
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE]; /* the operator's, over ee_node_enrol_message */
};
/* What the operator signs: label "ee-enrolment" v1, network id, operator, node, platform id, agent
 * key. */
EE_MUST_USE enum ee_err ee_node_enrol_message(const uint8_t network_id[32],
                                              const char *operator_name,
                                              const struct ee_node_enrol *enrol,
                                              struct ee_writer *out);

struct ee_node_price {
    char node[EE_NAME_MAX + 1];
    int64_t price_nanos;
};

struct ee_node_admit {
    char node[EE_NAME_MAX + 1];
    uint8_t agent_key[EE_ED25519_KEY_SIZE]; /* from the verified claims */
    uint8_t platform_id[16];                /* from the verified PCK certificate */
    uint8_t measurement[32];                /* digest, from the verified quote */
    uint8_t sealing_key[EE_X25519_KEY_SIZE];
    uint8_t evidence_hash[32]; /* of the exchanged evidence document */
    uint8_t collateral_hash[32];
    uint32_t vcpus; /* measured online */
    uint64_t epoch; /* the agent's session epoch; must rise */
    uint8_t simulated;
};

struct ee_node_lost {
    char node[EE_NAME_MAX + 1];
    uint64_t epoch; /* of the session that ended; ignored when a newer one is admitted */
};

enum ee_workload_kind { EE_WORKLOAD_JOB = 1, EE_WORKLOAD_APP = 2 };

struct ee_lease_reserve {
    enum ee_workload_kind workload;
    char name[EE_NAME_MAX + 1]; /* of the app or job, owned by the account that first used it */
    uint32_t vcpus;
    int64_t max_price_nanos;    /* 0: any */
    char node[EE_NAME_MAX + 1]; /* empty: any; else only this one */
    struct ee_bytes deployment; /* canonical, at most EE_DEPLOYMENT_SIZE_MAX */
    /* How many live leases the app is to have, this one among them: 0 and 1 are one, and not
     * written. Each is reserved by a command of its own. */
    uint32_t replicas;
};

struct ee_lease_start {
    uint8_t lease[EE_ID_SIZE];
    uint8_t sealed_hash[32]; /* of the sealed secrets the client handed over */
};

struct ee_lease_running {
    uint8_t lease[EE_ID_SIZE];
};

enum ee_end_reason {
    EE_END_EXITED = 1,       /* the workload ended by itself; exit code valid */
    EE_END_START_FAILED = 2, /* never ran: refunded */
    EE_END_STOPPED = 3,      /* by its launcher */
    EE_END_NODE_LOST = 4,    /* the node was unreachable too long */
    EE_END_CREDITS = 5,      /* no credits for the next period */
    EE_END_START_TIMEOUT = 6,
    EE_END_AGENT_LOST_IT = 7, /* the agent is back but no longer runs it */
};

struct ee_lease_end {
    uint8_t lease[EE_ID_SIZE];
    enum ee_end_reason reason;
    int32_t exit_code;
    uint8_t output_hash[32]; /* of the sealed output blob; zero: none */
};

struct ee_lease_stop {
    char name[EE_NAME_MAX + 1];
};

enum ee_check_kind { EE_CHECK_HEALTH = 1, EE_CHECK_ATTESTATION = 2 };
enum ee_check_outcome { EE_CHECK_VOID = 0, EE_CHECK_OK = 1, EE_CHECK_MISSED = 2 };

struct ee_slot_missed {
    uint8_t lease[EE_ID_SIZE];
    uint32_t period; /* index, from 0 */
    enum ee_check_kind kind;
    uint32_t slot;
    enum ee_err why;
};

/* All checks of one period of one lease, a byte (ee_check_outcome) per slot from the period's
 * start. */
struct ee_checks {
    uint8_t lease[EE_ID_SIZE];
    uint32_t period;
    uint32_t health_count;
    uint8_t health[EE_CHECK_SLOTS_MAX];
    uint32_t attestation_count;
    uint8_t attestation[EE_CHECK_SLOTS_MAX];
    uint8_t evidence_root[32]; /* Merkle root over the hashes of the evidence documents of the OK
                                  attestations */
    /* By which collateral these attestations were judged good: how many sets, and the hashes of the
     * newest EE_CHECKS_COLLATERAL_MAX of them, oldest first. */
    uint32_t collateral_count;
    uint8_t collateral[EE_CHECKS_COLLATERAL_MAX][32];
};
/* How many of the hashes are there. */
uint32_t ee_checks_collateral_listed(const struct ee_checks *checks);

enum ee_abuse_category {
    EE_ABUSE_OTHER = 1,
    EE_ABUSE_WRONG_RESULT = 2, /* answers that cannot come from the deployed code */
    EE_ABUSE_INTERFERENCE = 3, /* traffic or storage read, changed or held back */
    EE_ABUSE_RESOURCES = 4,    /* less than what was leased */
};

struct ee_abuse_report {
    uint8_t lease[EE_ID_SIZE];
    uint32_t period; /* one that has begun and is not settled */
    enum ee_abuse_category category;
    uint8_t evidence_hash[32]; /* of what the launcher keeps; zero: none */
};

struct ee_allow_change {
    uint8_t add; /* 1 add, 0 retire */
    uint8_t role;
    uint8_t measurement[32];
    char label[EE_NAME_MAX + 1];
    uint64_t
        number; /* 1, 2, ...: one more than the last change, so that none is replayed or left out */
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE];
};
/* What the founding key signs: label "ee-allow" v1, network id and every field above but the
 * signature. */
EE_MUST_USE enum ee_err ee_allow_change_message(const uint8_t network_id[32],
                                                const struct ee_allow_change *change,
                                                struct ee_writer *out);

/* Intel publishes two TCB sets: the one in force, and the one that will be. */
enum ee_tcb_set { EE_TCB_SET_STANDARD = 1, EE_TCB_SET_EARLY = 2 };

/* A set of collateral that was proven under a root of the genesis. Decisions name it by its hash;
 * an early set decides nothing, it warns. */
struct ee_collateral_taken {
    enum ee_tcb_set set;
    uint8_t fmspc[6];    /* platform family */
    uint32_t evaluation; /* tcbEvaluationDataNumber of its TCB Info */
    uint8_t hash[32];    /* SHA-256 of the collateral file */
    uint64_t issued_s;   /* newest issue date of its parts */
    uint64_t expires_s;  /* first expiry of its parts; not before issued_s */
    uint64_t pck_crl_number, root_crl_number;
    uint8_t simulated; /* under a simulated root */
};
/* The whole policy, so that whoever missed some needs only the newest. There is no place in it to
 * allow debug TDs. */
struct ee_policy_change {
    uint64_t number;        /* 1, 2, ...: one more than the last, so that none is replayed */
    struct ee_bytes policy; /* canonical (attest/policy.h); borrowed */
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE];
};
/* What the founding key signs: label "ee-policy-change" v1, network id, number, policy. */
EE_MUST_USE enum ee_err ee_policy_change_message(const uint8_t network_id[32],
                                                 const struct ee_policy_change *change,
                                                 struct ee_writer *out);
/* A buffer for the message or the payload. */
enum { EE_POLICY_CHANGE_SIZE_MAX = EE_POLICY_BYTES_MAX + 256 };

/* A restore from backup, said by the founding key: which head was lost, which one is gone on from.
 * core/statement.h verifies it. */
struct ee_recovery {
    uint64_t epoch;  /* the one it opens: above every earlier one, also those that were lost */
    uint64_t time_s; /* when it was signed, seconds since 1970 */
    uint64_t lost_size;
    uint8_t lost_root[32];
    uint8_t lost_note_hash[32]; /* SHA-256 of the signed note; zero: it is not at hand */
    uint64_t restored_size;     /* below lost_size */
    uint8_t restored_root[32];
    char reason[EE_REASON_MAX + 1];
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE]; /* over ee_recovery_message */
};
/* What the founding key signs: label "ee-recovery-statement" v1, network id and every field above
 * but the signature. */
EE_MUST_USE enum ee_err ee_recovery_message(const uint8_t network_id[32],
                                            const struct ee_recovery *recovery,
                                            struct ee_writer *out);

enum ee_succession_signer {
    EE_SUCCESSION_BY_KEY = 1,      /* by the checkpoint key before */
    EE_SUCCESSION_BY_FOUNDING = 2, /* that one is lost */
};
/* From the batch of this command on, checkpoints are signed by another key. */
struct ee_checkpoint_key {
    uint64_t number; /* 1, 2, ...: one more than the last, so that none is left out */
    uint8_t old_key[EE_ED25519_KEY_SIZE];
    uint8_t new_key[EE_ED25519_KEY_SIZE];
    /* SHA-256 of the control plane's evidence document that binds the new key; zero only when the
     * founding key signs, who may do so before there is one. */
    uint8_t evidence_hash[32];
    enum ee_succession_signer signer;
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE]; /* over ee_checkpoint_key_message */
};
/* What is signed: label "ee-checkpoint-key-statement" v1, network id and every field above but the
 * signature. */
EE_MUST_USE enum ee_err ee_checkpoint_key_message(const uint8_t network_id[32],
                                                  const struct ee_checkpoint_key *key,
                                                  struct ee_writer *out);

/* In two steps: the first (of_seq 0) marks the state that is summed up, the second says the root of
 * the tree over it (tlog/liabilities.h), which takes time to make. */
struct ee_liabilities {
    uint64_t of_seq; /* seq of the marking command; 0: this is one, and all below is zero */
    uint64_t count;  /* leaves */
    struct ee_money total;
    uint8_t root[32];
};
#define EE_PAYLOADS(ROW)                                                                           \
    ROW(boot)                                                                                      \
    ROW(account_create)                                                                            \
    ROW(key_create)                                                                                \
    ROW(key_revoke)                                                                                \
    ROW(mint)                                                                                      \
    ROW(transfer_credits)                                                                          \
    ROW(redeem)                                                                                    \
    ROW(redemption_word)                                                                           \
    ROW(topup)                                                                                     \
    ROW(payment_word)                                                                              \
    ROW(app_domain)                                                                                \
    ROW(domain_word)                                                                               \
    ROW(node_enrol)                                                                                \
    ROW(node_price)                                                                                \
    ROW(node_admit)                                                                                \
    ROW(node_lost)                                                                                 \
    ROW(lease_reserve)                                                                             \
    ROW(lease_start)                                                                               \
    ROW(lease_running)                                                                             \
    ROW(lease_end)                                                                                 \
    ROW(lease_stop)                                                                                \
    ROW(slot_missed)                                                                               \
    ROW(checks)                                                                                    \
    ROW(abuse_report)                                                                              \
    ROW(allow_change)                                                                              \
    ROW(policy_change)                                                                             \
    ROW(collateral_taken)                                                                          \
    ROW(recovery)                                                                                  \
    ROW(checkpoint_key)                                                                            \
    ROW(liabilities)                                                                               \
    ROW(webhook_set)
#define EE_ROW(name)                                                                               \
    EE_MUST_USE enum ee_err ee_##name##_encode(const struct ee_##name *in, struct ee_writer *out); \
    EE_MUST_USE enum ee_err ee_##name##_decode(struct ee_bytes bytes, struct ee_##name *out);
EE_PAYLOADS(EE_ROW)
#undef EE_ROW

#include "core/command_result.h" /* what the kinds answer */

#endif
