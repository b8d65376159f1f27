/* SPDX-License-Identifier: Apache-2.0 */
#include "client/log_answers.h"

#include "base/text.h"
#include "client/json.h"

#include "base/banned.h"

enum ee_err ee_client_proof_read(const json_t *answer, struct ee_tlog_hash *from_root_out,
                                 struct ee_tlog_proof *out)
{
    size_t index;
    const json_t *item;
    const json_t *list = json_object_get(answer, "proof");
    if (!json_is_array(list) || json_array_size(list) > EE_TLOG_PROOF_MAX ||
        ee_client_json_hex(answer, "from_root", from_root_out->bytes, EE_TLOG_HASH_SIZE) != EE_OK)
        return EE_PROOF;
    out->count = json_array_size(list);
    json_array_foreach(list, index, item)
    {
        const char *text = json_string_value(item);
        if (!text ||
            ee_hex_decode(ee_bytes_str(text), out->hashes[index].bytes, EE_TLOG_HASH_SIZE) != EE_OK)
            return EE_PROOF;
    }
    return EE_OK;
}

enum ee_err ee_client_successions_read(const json_t *list, struct ee_checkpoint_key *out,
                                       size_t *count_out)
{
    size_t index, size;
    const json_t *item;
    uint8_t bytes[EE_STATEMENT_BYTES_MAX];
    if (!json_is_array(list) || json_array_size(list) > EE_SUCCESSIONS_MAX)
        return EE_SUCCESSION;
    json_array_foreach(list, index, item)
    {
        const char *text = json_string_value(item);
        if (!text || ee_base64_decode(ee_bytes_str(text), bytes, sizeof(bytes), &size) != EE_OK ||
            ee_checkpoint_key_decode(ee_bytes_of(bytes, size), &out[index]) != EE_OK)
            return EE_SUCCESSION;
    }
    *count_out = json_array_size(list);
    return EE_OK;
}
