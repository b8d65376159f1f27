/* SPDX-License-Identifier: Apache-2.0 */
/* What the network owes: the sums are taken in the command that marks the state, the root of the
 * tree over it comes in a second one. docs/spec/liabilities.md. */
#include <assert.h>
#include <string.h>

#include "core/state.h"

#include "base/banned.h"

/* facts of the book (docs/spec/money.md): whose credits these codes are. */
static bool code_owed(uint16_t code)
{
    return code == 200 || code == 210 || code == 220 || code == 230;
}

bool ee_core_owed_at(const struct ee_core *core, size_t index, struct ee_owed *out)
{
    const struct ee_ledger_account *a = ee_ledger_account_at(core->ledger, index);
    if (!a || !code_owed(a->code))
        return false;
    assert(a->credits_posted >= a->debits_posted);
    memcpy(out->id, a->id.bytes, sizeof(out->id));
    out->code = a->code;
    out->micros = (int64_t)(a->credits_posted - a->debits_posted);
    return true;
}

size_t ee_core_book_count(const struct ee_core *core)
{
    return ee_ledger_accounts(core->ledger);
}

enum ee_err ee_core_owed_of(const struct ee_core *core, const char *account, struct ee_owed *out)
{
    const struct ee_account_row *row = ee_core_account_find(core, account);
    if (!row)
        return EE_ACCOUNT_UNKNOWN;
    const struct ee_ledger_account *a = ee_ledger_account_find(core->ledger, &row->ledger_id);
    assert(a);
    memcpy(out->id, a->id.bytes, sizeof(out->id));
    out->code = a->code;
    out->micros = (int64_t)(a->credits_posted - a->debits_posted);
    return EE_OK;
}

const uint8_t *ee_core_liability_secret(const struct ee_core *core)
{
    return core->liability_secret;
}

/* Who reads the journal knows it, nobody else: the random bytes of a BOOT are in no receipt that
 * anybody gets. */
void ee_core_liability_secret_take(struct ee_change *c)
{
    static const char label[] = "ee-liability-secret";
    const struct ee_bytes parts[] = {ee_bytes_of(label, sizeof(label)),
                                     ee_bytes_of(c->command->random, sizeof(c->command->random))};
    c->core->crypto->sha256(parts, 2, c->core->liability_secret);
}

static void sums_take(const struct ee_change *c, struct ee_liabilities_result *out)
{
    const struct ee_core *core = c->core;
    struct ee_owed owed;
    const struct ee_ledger_account *cash = ee_ledger_account_find(core->ledger, &core->cash);
    memset(out, 0, sizeof(*out));
    out->of_seq = c->command->seq;
    out->of_time_us = c->now_us;
    for (size_t i = 0; i < ee_core_book_count(core); i++) {
        if (!ee_core_owed_at(core, i, &owed))
            continue;
        out->count++;
        out->total.micros += owed.micros; /* at most what was minted */
    }
    out->cash.micros = (int64_t)(cash->debits_posted - cash->credits_posted);
    out->house.micros = out->cash.micros - out->total.micros;
}

/* EE_STATE: nothing is marked, or another state; EE_LIABILITIES: other sums than the book's. The
 * root is recomputed by replay. */
static enum ee_err root_check(const struct ee_core *core, const struct ee_liabilities *said)
{
    if (core->marked.of_seq == 0 || said->of_seq != core->marked.of_seq)
        return EE_STATE;
    return said->count == core->marked.count && said->total.micros == core->marked.total.micros
               ? EE_OK
               : EE_LIABILITIES;
}

enum ee_err ee_core_on_liabilities(struct ee_change *c)
{
    struct ee_core *core = c->core;
    struct ee_liabilities said;
    EE_TRY(ee_liabilities_decode(c->command->payload, &said));
    enum ee_err err = said.of_seq == 0 ? EE_OK : root_check(core, &said);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    if (said.of_seq == 0) {
        sums_take(c, &core->marked);
    } else {
        EE_TRY(ee_table_reserve(&core->liabilities, 1));
        struct ee_liabilities_row row;
        memset(&row, 0, sizeof(row));
        row.seq = c->command->seq;
        row.sums = core->marked;
        memcpy(row.root, said.root, sizeof(row.root));
        (void)ee_table_add(&core->liabilities, &row);
    }
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_liabilities_result_encode(&core->marked, &w));
    if (said.of_seq != 0)
        memset(&core->marked, 0, sizeof(core->marked));
    return EE_OK;
}

const struct ee_liabilities_row *ee_core_liabilities_at(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->liabilities, index);
}

const struct ee_liabilities_row *ee_core_liabilities_last(const struct ee_core *core)
{
    return ee_table_at(&core->liabilities, (size_t)core->liabilities.count - 1);
}

const struct ee_liabilities_result *ee_core_liabilities_marked(const struct ee_core *core)
{
    return &core->marked;
}

void ee_owed_id(const struct ee_crypto *crypto, const char *kind, const char *name,
                uint8_t out[EE_ID_SIZE])
{
    uint8_t buffer[128], hash[EE_SHA256_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-ledger-account", 1);
    ee_writer_text(&w, kind);
    ee_writer_text(&w, name);
    struct ee_bytes bytes = ee_writer_done(&w);
    assert(bytes.size);
    crypto->sha256(&bytes, 1, hash);
    memcpy(out, hash, EE_ID_SIZE);
}
