/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the state: one description per kind of row, run in either direction (codec.h). The
 * state hash and the saved state are made of the same ones, so that no field is in one and missing
 * in the other. What follows from other records (indexes, lists, ids that are hashes of names) is
 * in none. Private to src/core. */
#ifndef EE_CORE_RECORDS_H
#define EE_CORE_RECORDS_H

#include "core/codec.h"
#include "core/state.h"

/* In the order of the saved state: a row comes after what it names. Numbers are in the state hash
 * and in saved states: new ones go to the end. */
enum ee_record_kind {
    EE_RECORD_NETWORK = 1,
    EE_RECORD_ACCOUNT,
    EE_RECORD_KEY,
    EE_RECORD_NODE,
    EE_RECORD_APP,
    EE_RECORD_LEASE,
    EE_RECORD_PERIOD,
    EE_RECORD_ID,
    EE_RECORD_MINT,
    EE_RECORD_ALLOW,
    EE_RECORD_ALLOW_CHANGE,
    EE_RECORD_BOOK,  /* accounts of the ledger, which saves itself */
    EE_RECORD_ENTRY, /* transfers of the ledger */
    EE_RECORD_REDEMPTION,
    EE_RECORD_POLICY,
    EE_RECORD_RECOVERY,
    EE_RECORD_CHECKPOINT_KEY,
    EE_RECORD_LIABILITIES,
    EE_RECORD_TOPUP,
    EE_RECORD_PAYMENT,
    EE_RECORD_WEBHOOK,
    EE_RECORD_DOMAIN,
    EE_RECORD_END,
};

enum { EE_RECORD_MAX = 512 }; /* bytes; the longest is below 450 */

struct ee_record {
    struct ee_codec k;
    uint16_t version; /* core version that wrote it: a later field is read if it is high enough */
    uint64_t due_us;  /* of the row's timer; EE_NEVER: not set. Of kinds that have one */
};

union ee_record_row {
    struct ee_account_row account;
    struct ee_api_key key;
    struct ee_node_row node;
    struct ee_app_row app;
    struct ee_lease_row lease;
    struct ee_period_row period;
    struct ee_id_row id;
    struct ee_mint_row mint;
    struct ee_allow_row allow;
    uint64_t allow_change;
    struct ee_redemption_row redemption;
    struct ee_policy_applied policy;
    struct ee_recovery_applied recovery;
    struct ee_key_succession checkpoint_key;
    struct ee_liabilities_row liabilities;
    struct ee_topup_order topup;
    struct ee_payment_row payment;
    struct ee_webhook webhook;
    struct ee_domain domain;
};

/* The table of a kind; NULL: it is not in a table. */
struct ee_table *ee_record_table(struct ee_core *core, enum ee_record_kind kind);
const struct ee_table *ee_record_table_of(const struct ee_core *core, enum ee_record_kind kind);
/* Rows of a kind have a timer: which. False: they have none. */
bool ee_record_timer(enum ee_record_kind kind, enum ee_timer_kind *out);
/* Names every field of the row in order. Kinds of tables only. */
void ee_record_code(struct ee_record *r, enum ee_record_kind kind, union ee_record_row *row);
/* Row `index` of a kind of table, written. */
void ee_record_write(const struct ee_core *core, enum ee_record_kind kind, uint32_t index,
                     struct ee_writer *w);
/* What is in no table. */
void ee_record_network(struct ee_record *r, struct ee_core *core);
/* Bytes of any length that belong to the row: an app's deployment, an answer's body. Bound by a
 * hash in the record or, in the state hash, beside it. */
bool ee_record_has_blob(enum ee_record_kind kind);
struct ee_bytes ee_record_blob(enum ee_record_kind kind, const void *row);

#endif
