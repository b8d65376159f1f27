/* SPDX-License-Identifier: Apache-2.0 */
#include "client/liabilities_check.h"

#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "client/receipt_judge.h"
#include "io/crypto_openssl.h"
#include "tlog/liabilities.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)

struct proof {
    const char *kind, *account, *receipt; /* borrowed from the document */
    uint16_t code;
    uint8_t salt[32];
    uint64_t amount, index;
    struct ee_tlog_sum_path path;
};

static enum ee_err path_read(const json_t *list, struct ee_tlog_sum_path *out)
{
    size_t index;
    const json_t *item;
    if (!json_is_array(list) || json_array_size(list) > EE_TLOG_SUM_LEVELS)
        return EE_SYNTAX;
    json_array_foreach(list, index, item)
    {
        EE_TRY(ee_client_json_hex(item, "hash", out->nodes[index].hash.bytes, EE_TLOG_HASH_SIZE));
        EE_TRY(ee_client_json_u64(item, "sum", &out->nodes[index].sum));
    }
    out->count = json_array_size(list);
    return EE_OK;
}

static enum ee_err proof_read(const json_t *document, struct proof *out)
{
    const json_t *proof = json_object_get(document, "proof");
    const json_t *code = json_object_get(proof, "code");
    out->kind = ee_client_json_text(document, "kind");
    out->account = ee_client_json_text(document, "account");
    out->receipt = ee_client_json_text(document, "receipt");
    if (strcmp(ee_client_json_text(document, "format"), "ee-liabilities-1") != 0 ||
        !json_is_integer(code) || json_integer_value(code) < 0 ||
        json_integer_value(code) > UINT16_MAX || !ee_name_valid(out->account))
        return EE_SYNTAX;
    out->code = (uint16_t)json_integer_value(code);
    EE_TRY(ee_client_json_hex(proof, "salt", out->salt, sizeof(out->salt)));
    EE_TRY(ee_client_json_u64(proof, "amount", &out->amount));
    EE_TRY(ee_client_json_u64(proof, "index", &out->index));
    return path_read(json_object_get(proof, "path"), &out->path);
}

/* The leaf is of this account: its id in the book follows from kind and name. */
static enum ee_err leaf_check(const struct proof *proof, const struct ee_client_owed *owed)
{
    uint8_t id[EE_ID_SIZE], blinded[32];
    struct ee_tlog_sum leaf, root = {.sum = (uint64_t)owed->sums.total.micros};
    bool user = strcmp(proof->kind, "user") == 0, op = strcmp(proof->kind, "op") == 0;
    if (!(user && proof->code == 200) && !(op && proof->code == 210))
        return EE_LIABILITIES;
    ee_owed_id(CRYPTO, proof->kind, proof->account, id);
    ee_tlog_sum_blind(CRYPTO, proof->salt, id, blinded);
    memcpy(root.hash.bytes, owed->root, EE_TLOG_HASH_SIZE);
    EE_TRY(ee_tlog_sum_leaf(CRYPTO, proof->code, blinded, proof->amount, &leaf));
    return ee_tlog_sum_verify(CRYPTO, &leaf, proof->index, owed->sums.count, &proof->path, &root);
}

/* The receipt is of the command that said the root, and the core agreed with its sums. */
static enum ee_err command_check(const struct ee_receipt_fact *fact, struct ee_client_owed *out)
{
    struct ee_liabilities said;
    if (fact->command.kind != EE_COMMAND_LIABILITIES || fact->result.err != EE_OK)
        return EE_LIABILITIES;
    EE_TRY(ee_liabilities_decode(fact->command.payload, &said));
    EE_TRY(ee_liabilities_result_decode(ee_bytes_of(fact->result.body, fact->result.body_size),
                                        &out->sums));
    if (said.of_seq == 0 || said.of_seq != out->sums.of_seq || said.count != out->sums.count ||
        said.total.micros != out->sums.total.micros)
        return EE_LIABILITIES;
    memcpy(out->root, said.root, sizeof(out->root));
    out->seq = fact->command.seq;
    return EE_OK;
}

static enum ee_err refuse(struct ee_client_problem *problem, enum ee_err err, const char *what)
{
    (void)ee_client_fail(problem, err, "%s: %s", what, ee_err_text(err));
    if (ee_err_class(err) != EE_CLASS_SYSTEM)
        problem->exit_code = ee_err_exit_code(EE_LIABILITIES);
    return err;
}

/* The time at which the signer's evidence holds: as `ee verify receipt` has it. */
static enum ee_err receipt_check(struct ee_client_problem *problem, const struct ee_trust *trust,
                                 struct ee_bytes receipt, int64_t time_s,
                                 struct ee_receipt_checked *out)
{
    struct ee_client_judged judged;
    enum ee_err err = ee_client_receipt_judge(problem, trust, receipt, time_s, &judged);
    if (err == EE_OK) {
        err = ee_receipt_check(CRYPTO, trust, receipt, judged.time_s, NULL, out);
        if (err != EE_OK)
            return refuse(problem, err, "the receipt in the proof does not hold");
    }
    if (err != EE_OK)
        problem->exit_code = ee_err_exit_code(EE_LIABILITIES);
    return err;
}

enum ee_err ee_client_liabilities_check(struct ee_client_problem *problem,
                                        const struct ee_trust *trust, struct ee_bytes file,
                                        int64_t time_s, struct ee_client_owed *out)
{
    struct proof proof = {.kind = NULL};
    struct ee_client_owed owed = {.seq = 0};
    json_t *document = ee_client_json_parse(file);
    struct ee_receipt_checked *checked = calloc(1, sizeof(*checked));
    enum ee_err err = checked ? EE_OK : EE_NO_MEMORY;
    if (err == EE_OK)
        err = document ? proof_read(document, &proof) : EE_SYNTAX;
    if (err != EE_OK) {
        err = refuse(problem, err, "this is no proof of liabilities");
        goto out;
    }
    err = receipt_check(problem, trust, ee_bytes_str(proof.receipt), time_s, checked);
    if (err != EE_OK)
        goto out;
    err = command_check(&checked->fact, &owed);
    if (err == EE_OK)
        err = leaf_check(&proof, &owed);
    if (err != EE_OK)
        (void)refuse(problem, err, "the proof does not hold");
    memcpy(owed.account, proof.account, strlen(proof.account) + 1);
    owed.amount.micros = (int64_t)proof.amount;
    owed.simulated = checked->signer.simulated;
    if (err == EE_OK)
        *out = owed;
out:
    if (checked)
        ee_receipt_checked_free(checked);
    free(checked);
    json_decref(document);
    return err;
}
