/* SPDX-License-Identifier: Apache-2.0 */
#include "client/receipt_judge.h"

#include <stdlib.h>

#include "io/crypto_openssl.h"

#include "base/banned.h"

struct judging {
    struct ee_receipt receipt;
    struct ee_trust trust; /* with the changes that the receipt brings */
    struct ee_checkpoint_key keys[EE_SUCCESSIONS_MAX];
    uint8_t memory[EE_RECEIPT_SIZE_MAX];
};

enum ee_err ee_client_receipt_judge(struct ee_client_problem *problem, const struct ee_trust *trust,
                                    struct ee_bytes file, int64_t time_s,
                                    struct ee_client_judged *out)
{
    size_t size;
    struct judging *j = malloc(sizeof(*j));
    if (!j)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    j->trust = *trust;
    enum ee_err err =
        ee_receipt_file_read(&ee_crypto_openssl, file, j->memory, sizeof(j->memory), &size);
    if (err == EE_OK)
        err = ee_receipt_decode(ee_bytes_of(j->memory, size), &j->receipt);
    if (err == EE_OK)
        err = ee_receipt_changes_apply(&ee_crypto_openssl, &j->receipt, &j->trust, j->keys, &size);
    if (err != EE_OK)
        (void)ee_client_fail(problem, err, "this is no intact receipt: %s", ee_err_text(err));
    else
        err = ee_client_evidence_judge_saved(problem, &j->trust, j->receipt.evidence, time_s, out);
    free(j);
    return err;
}
