/* SPDX-License-Identifier: Apache-2.0 */
/* What the network owes, and an account's proof that its balance is in it. */
#include <stdlib.h>
#include <string.h>

#include "control/api.h"
#include "control/owing.h"

#include "base/banned.h"

/* The receipt of the command that said the root; NULL: none yet. */
static enum ee_err receipt_of(struct ee_control *control, uint64_t seq, char **text_out)
{
    size_t size;
    return ee_receipt_store_receipt(control->evidence, control->sequencer, seq, text_out, &size);
}

void ee_api_liabilities(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    char *receipt = NULL;
    const struct ee_liabilities_row *row = ee_core_liabilities_last(ee_control_core(control));
    enum ee_err err = row != NULL ? receipt_of(control, row->seq, &receipt) : EE_NOT_FOUND;
    if (err == EE_OK)
        ee_api_answer_json(call, 200,
                           json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "seq",
                                     ee_json_u64(row->seq), "of_seq", ee_json_u64(row->sums.of_seq),
                                     "at", ee_json_time(row->sums.of_time_us), "accounts",
                                     ee_json_u64(row->sums.count), "total",
                                     ee_json_money(row->sums.total.micros), "cash",
                                     ee_json_money(row->sums.cash.micros), "root",
                                     ee_json_hex(row->root, 32), "receipt", receipt));
    else
        ee_api_fail(call, err, "no proof of liabilities has been made yet");
    free(receipt);
}

void ee_api_liabilities_proof(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    const struct ee_account *account = ee_core_account(ee_control_core(control), call->account);
    json_t *proof = NULL;
    char *receipt = NULL;
    uint64_t seq = ee_owing_seq(control->owing);
    enum ee_err err = seq > 0 && account != NULL ? EE_OK : EE_NOT_FOUND;
    if (err == EE_OK)
        err = ee_owing_proof(control->owing, account->name, &proof);
    if (err == EE_OK)
        err = receipt_of(control, seq, &receipt);
    if (err == EE_OK)
        ee_api_answer_json(call, 200,
                           json_pack("{s:s, s:s, s:s, s:O, s:s}", "format", "ee-liabilities-1",
                                     "kind", account->kind == EE_ACCOUNT_USER ? "user" : "op",
                                     "account", account->name, "proof", proof, "receipt", receipt));
    else
        ee_api_fail(call, err, "this account is in no proof of liabilities yet");
    json_decref(proof);
    free(receipt);
}
