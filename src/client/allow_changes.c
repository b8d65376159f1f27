/* SPDX-License-Identifier: Apache-2.0 */
#include "client/allow_changes.h"

#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "core/receipt.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

static enum ee_err change_apply(struct ee_trust *trust, struct ee_bytes file, uint8_t *memory)
{
    size_t size;
    struct ee_receipt receipt;
    struct ee_command command;
    EE_TRY(ee_receipt_file_read(&ee_crypto_openssl, file, memory, EE_RECEIPT_SIZE_MAX, &size));
    EE_TRY(ee_receipt_decode(ee_bytes_of(memory, size), &receipt));
    if (memcmp(receipt.network_id, trust->network_id, sizeof(receipt.network_id)) != 0)
        return EE_WRONG_NETWORK;
    EE_TRY(ee_command_decode(receipt.command, &command));
    enum ee_err err = ee_trust_command(&ee_crypto_openssl, trust, &command);
    return err == EE_UNSUPPORTED ? EE_RECEIPT : err;
}

enum ee_err ee_client_policy_apply(struct ee_client_problem *problem, struct ee_trust *trust,
                                   const char *receipt)
{
    uint8_t *memory = malloc(EE_RECEIPT_SIZE_MAX);
    if (!memory)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = change_apply(trust, ee_bytes_str(receipt), memory);
    free(memory);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(problem, err, "logged change of the attestation policy: %s",
                         ee_err_text(err));
    problem->exit_code = ee_err_exit_code(EE_SIGNATURE);
    return err;
}

enum ee_err ee_client_allow_changes_apply(struct ee_client_problem *problem, struct ee_trust *trust,
                                          const json_t *items)
{
    size_t index;
    json_t *item;
    enum ee_err err = EE_OK;
    uint8_t *memory = malloc(EE_RECEIPT_SIZE_MAX);
    if (!memory)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    json_array_foreach(items, index, item)
    {
        err = change_apply(trust, ee_bytes_str(ee_client_json_text(item, "receipt")), memory);
        if (err == EE_OK)
            continue;
        (void)ee_client_fail(problem, err, "logged change %zu of the allow-list: %s", index + 1,
                             ee_err_text(err));
        problem->exit_code = ee_err_exit_code(EE_SIGNATURE);
        break;
    }
    free(memory);
    return err;
}
