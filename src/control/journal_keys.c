/* SPDX-License-Identifier: Apache-2.0 */
#include "control/journal_keys.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

enum { LINE_SIZE = 2 * EE_DATA_KEY_SIZE + 1 };

/* ---- documents ---- */

static void meta_key(uint64_t generation, char out[EE_JOURNAL_META_KEY_MAX + 1])
{
    (void)snprintf(out, EE_JOURNAL_META_KEY_MAX + 1, "journal-key.%llu",
                   (unsigned long long)generation);
}

static enum ee_err document_read(struct ee_journal *journal, uint64_t generation,
                                 struct ee_key_document *out)
{
    char key[EE_JOURNAL_META_KEY_MAX + 1];
    uint8_t memory[EE_KEY_DOCUMENT_SIZE_MAX];
    size_t size;
    meta_key(generation, key);
    enum ee_err err = ee_journal_meta_get(journal, key, memory, sizeof(memory), &size);
    if (err == EE_NOT_FOUND || err == EE_IO)
        return err;
    if (err != EE_OK || ee_key_document_decode(ee_bytes_of(memory, size), out) != EE_OK ||
        out->generation != generation ||
        memcmp(out->network_id, ee_journal_network_id(journal), sizeof(out->network_id)) != 0)
        return EE_JOURNAL_CORRUPT;
    return EE_OK;
}

enum ee_err ee_key_document_newest(struct ee_journal *journal, struct ee_key_document *out)
{
    struct ee_key_document next;
    enum ee_err err = EE_OK;
    uint64_t generation = 0;
    while (generation < EE_VAULT_KEYS_MAX) {
        err = document_read(journal, generation + 1, &next);
        if (err != EE_OK)
            break;
        *out = next;
        generation++;
    }
    return err == EE_NOT_FOUND && generation > 0 ? EE_OK : err;
}

static enum ee_err document_write(struct ee_journal *journal,
                                  const struct ee_key_document *document)
{
    char key[EE_JOURNAL_META_KEY_MAX + 1];
    uint8_t memory[EE_KEY_DOCUMENT_SIZE_MAX];
    size_t size;
    meta_key(document->generation, key);
    EE_TRY(ee_key_document_encode(document, memory, sizeof(memory), &size));
    return ee_journal_meta_put(journal, key, ee_bytes_of(memory, size));
}

static enum ee_err fresh_document(const struct ee_crypto *crypto,
                                  const struct ee_key_holders *holders, uint64_t generation,
                                  const struct ee_data_key *previous, struct ee_data_key *key,
                                  struct ee_key_document *out)
{
    uint8_t secret[EE_DATA_KEY_SIZE], random[2 * EE_KEY_HOLDERS_MAX * 32];
    if (holders->count > EE_KEY_HOLDERS_MAX || holders->threshold < 1 ||
        holders->threshold > EE_KEY_HOLDERS_MAX || EE_KEY_RANDOM_SIZE(holders) > sizeof(random))
        return EE_RANGE;
    ee_random_bytes(secret, sizeof(secret));
    ee_random_bytes(random, sizeof(random));
    ee_data_key_init(crypto, secret, key);
    enum ee_err err = ee_key_document_make(crypto, holders, generation, key, previous, random, out);
    ee_wipe(secret, sizeof(secret));
    ee_wipe(random, sizeof(random));
    return err;
}

enum ee_err ee_journal_key_renew(struct ee_vault *vault, struct ee_journal *journal,
                                 const struct ee_crypto *crypto,
                                 const struct ee_key_holders *holders,
                                 const struct ee_key_document *last, struct ee_key_document *out)
{
    struct ee_data_key previous, key;
    struct ee_key_document document;
    if (last != NULL && holders->number <= last->number)
        return EE_HOLDERS;
    if (last != NULL && last->generation >= EE_VAULT_KEYS_MAX)
        return EE_FULL;
    if (last != NULL)
        EE_TRY(ee_vault_current(vault, &previous));
    enum ee_err err = fresh_document(crypto, holders, last != NULL ? last->generation + 1 : 1,
                                     last != NULL ? &previous : NULL, &key, &document);
    if (err == EE_OK)
        err = document_write(journal, &document); /* before anything is sealed with it */
    if (err == EE_OK)
        err = ee_vault_add(vault, &key, true);
    if (err == EE_OK)
        *out = document;
    ee_wipe(&previous, sizeof(previous));
    ee_wipe(&key, sizeof(key));
    return err;
}

/* One step towards the first key: from `document` and its key to those before. */
static enum ee_err step_back(struct ee_journal *journal, const struct ee_crypto *crypto,
                             struct ee_key_document *document, struct ee_data_key *key)
{
    struct ee_data_key previous;
    uint64_t generation = document->generation - 1;
    EE_TRY(ee_key_document_previous(crypto, document, key, &previous));
    enum ee_err err = document_read(journal, generation, document);
    if (err == EE_OK)
        err = ee_key_document_check(crypto, document, &previous);
    *key = previous;
    ee_wipe(&previous, sizeof(previous));
    return err == EE_OK || err == EE_IO ? err : EE_JOURNAL_CORRUPT;
}

enum ee_err ee_journal_keys_unlock(struct ee_vault *vault, struct ee_journal *journal,
                                   const struct ee_crypto *crypto,
                                   const struct ee_key_document *newest,
                                   const struct ee_data_key *key)
{
    struct ee_key_document document = *newest;
    struct ee_data_key at = *key;
    enum ee_err err = ee_vault_add(vault, &at, true);
    while (err == EE_OK && document.generation > 1) {
        err = step_back(journal, crypto, &document, &at);
        if (err == EE_OK)
            err = ee_vault_add(vault, &at, false);
    }
    ee_wipe(&at, sizeof(at));
    return err;
}

/* ---- the file ---- */

static enum ee_err line_load(const struct ee_crypto *crypto, struct ee_bytes line,
                             struct ee_vault *vault)
{
    uint8_t secret[EE_DATA_KEY_SIZE];
    struct ee_data_key key;
    if (line.data[line.size - 1] != '\n')
        return EE_SYNTAX;
    enum ee_err err = ee_hex_decode(ee_bytes_of(line.data, line.size - 1), secret, sizeof(secret));
    if (err == EE_OK) {
        ee_data_key_init(crypto, secret, &key);
        err = ee_vault_add(vault, &key, true);
    }
    ee_wipe(secret, sizeof(secret));
    ee_wipe(&key, sizeof(key));
    return err;
}

enum ee_err ee_key_file_load(const struct ee_crypto *crypto, const char *path,
                             struct ee_vault *vault)
{
    struct ee_file_data file;
    EE_TRY(ee_file_read_secret(path, EE_KEY_FILE_MAX, &file));
    enum ee_err err = file.size > 0 && file.size % LINE_SIZE == 0 ? EE_OK : EE_SYNTAX;
    for (size_t at = 0; err == EE_OK && at < file.size; at += LINE_SIZE)
        err = line_load(crypto, ee_bytes_of(file.data + at, LINE_SIZE), vault);
    ee_file_data_free(&file);
    return err;
}

enum ee_err ee_key_file_renew(const char *path)
{
    uint8_t secret[EE_DATA_KEY_SIZE];
    char text[EE_KEY_FILE_MAX + 1];
    struct ee_file_data file = {.size = 0};
    enum ee_err err = ee_file_read_secret(path, EE_KEY_FILE_MAX, &file);
    if (err != EE_OK && err != EE_NOT_FOUND)
        return err;
    size_t size = err == EE_OK ? file.size : 0;
    err = size % LINE_SIZE != 0 ? EE_SYNTAX : size + LINE_SIZE > EE_KEY_FILE_MAX ? EE_FULL : EE_OK;
    if (err == EE_OK) {
        if (size > 0)
            memcpy(text, file.data, size);
        ee_random_bytes(secret, sizeof(secret));
        ee_hex_encode(secret, sizeof(secret), text + size);
        text[size + LINE_SIZE - 1] = '\n';
        err = ee_file_write(path, ee_bytes_of(text, size + LINE_SIZE), 0600);
    }
    ee_wipe(secret, sizeof(secret));
    ee_wipe(text, sizeof(text));
    ee_file_data_free(&file);
    return err;
}
