/* SPDX-License-Identifier: Apache-2.0 */
/* The signed list of holders as a file: journal_keys.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "control/journal_keys.h"
#include "control/json.h"
#include "io/file.h"

#include "base/banned.h"

static const char format[] = "ee-unseal-holders-1";

static enum ee_err parse(struct ee_bytes text, struct ee_json_blob *list,
                         uint8_t signature[EE_ED25519_SIGNATURE_SIZE])
{
    char detail[EE_JSON_DETAIL_SIZE], stated[sizeof(format)];
    const struct ee_json_field fields[] = {
        {"format", EE_JSON_TEXT, stated, sizeof(stated), false},
        {"holders", EE_JSON_BLOB, list, EE_KEY_HOLDERS_SIZE_MAX, false},
        {"signature", EE_JSON_HEX, signature, EE_ED25519_SIGNATURE_SIZE, false},
    };
    json_t *value = ee_json_parse(text);
    if (value == NULL)
        return EE_SYNTAX;
    enum ee_err err =
        ee_json_read(value, fields, sizeof(fields) / sizeof(fields[0]), EE_JSON_EXACT, detail);
    if (err == EE_OK && strcmp(stated, format) != 0)
        err = EE_UNSUPPORTED;
    json_decref(value);
    return err;
}

enum ee_err ee_holders_parse(const struct ee_crypto *crypto, struct ee_bytes text,
                             const uint8_t network_id[32],
                             const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                             struct ee_key_holders *out)
{
    struct ee_json_blob list = {.size = 0};
    struct ee_key_holders holders;
    uint8_t signature[EE_ED25519_SIGNATURE_SIZE];
    enum ee_err err = parse(text, &list, signature);
    if (err == EE_OK)
        err = ee_key_holders_decode(ee_json_blob_bytes(&list), &holders);
    if (err == EE_OK && memcmp(holders.network_id, network_id, 32) != 0)
        err = EE_WRONG_NETWORK;
    if (err == EE_OK && !crypto->ed25519_verify(founding_key, ee_json_blob_bytes(&list), signature))
        err = EE_SIGNATURE;
    ee_json_blob_free(&list);
    if (err == EE_OK)
        *out = holders;
    return err;
}

enum ee_err ee_holders_read(const struct ee_crypto *crypto, const char *path,
                            const uint8_t network_id[32],
                            const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                            struct ee_key_holders *out)
{
    struct ee_file_data file;
    EE_TRY(ee_file_read(path, EE_HOLDERS_FILE_MAX, &file));
    enum ee_err err = ee_holders_parse(crypto, ee_file_bytes(&file), network_id, founding_key, out);
    ee_file_data_free(&file);
    return err;
}

enum ee_err ee_holders_sign(const struct ee_crypto *crypto, const struct ee_key_holders *holders,
                            const uint8_t founding_seed[EE_ED25519_KEY_SIZE],
                            char out[EE_HOLDERS_FILE_MAX])
{
    uint8_t list[EE_KEY_HOLDERS_SIZE_MAX], signature[EE_ED25519_SIGNATURE_SIZE];
    char base64[EE_BASE64_SIZE(EE_KEY_HOLDERS_SIZE_MAX)], hex[2 * EE_ED25519_SIGNATURE_SIZE + 1];
    size_t size;
    EE_TRY(ee_key_holders_encode(holders, list, sizeof(list), &size));
    if (!crypto->ed25519_sign(founding_seed, ee_bytes_of(list, size), signature))
        return EE_CRYPTO;
    int length = snprintf(out, EE_HOLDERS_FILE_MAX,
                          "{\"format\":\"%s\",\"holders\":\"%s\",\"signature\":\"%s\"}\n", format,
                          ee_base64_encode(list, size, base64),
                          ee_hex_encode(signature, sizeof(signature), hex));
    return length > 0 && length < EE_HOLDERS_FILE_MAX ? EE_OK : EE_TOO_LARGE;
}
