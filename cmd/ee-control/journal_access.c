/* SPDX-License-Identifier: Apache-2.0 */
/* The keys with which the journal tools open a sealed journal: a key file, or as many holders as
 * its threshold asks for, who bring their keys to this machine. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "commands.h"
#include "control/journal_keys.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/journal_sqlite.h"

#include "base/banned.h"

enum { SEED_FILE_MAX = 66 };

static enum ee_err holder_share(const char *path, const struct ee_key_document *document,
                                struct ee_shamir_share *out)
{
    uint8_t secret[EE_X25519_KEY_SIZE];
    struct ee_file_data file;
    EE_TRY(ee_file_read_secret(path, SEED_FILE_MAX, &file));
    struct ee_bytes text = ee_file_bytes(&file);
    if (text.size > 0 && text.data[text.size - 1] == '\n')
        text.size--;
    enum ee_err err = ee_hex_decode(text, secret, sizeof secret);
    ee_file_data_free(&file);
    if (err == EE_OK)
        err = ee_key_share_open(&ee_crypto_openssl, document, secret, out);
    ee_wipe(secret, sizeof secret);
    return err;
}

static enum ee_err holders_join(const struct ee_control_access *access, struct ee_journal *journal,
                                struct ee_vault *vault)
{
    struct ee_shamir_share shares[EE_KEY_HOLDERS_MAX];
    struct ee_key_document document;
    struct ee_data_key key;
    EE_TRY(ee_key_document_newest(journal, &document));
    if (access->holder_count != document.threshold)
        return EE_RANGE;
    enum ee_err err = EE_OK;
    for (size_t i = 0; err == EE_OK && i < access->holder_count; i++)
        err = holder_share(access->holder_keys[i], &document, &shares[i]);
    if (err == EE_OK)
        err =
            ee_key_document_join(&ee_crypto_openssl, &document, shares, access->holder_count, &key);
    ee_wipe(shares, sizeof shares);
    if (err == EE_OK)
        err = ee_journal_keys_unlock(vault, journal, &ee_crypto_openssl, &document, &key);
    ee_wipe(&key, sizeof key);
    return err;
}

static enum ee_err holders_open(const struct ee_control_access *access, const char *path,
                                struct ee_vault *vault)
{
    struct ee_journal_options options = {
        .crypto = &ee_crypto_openssl, .allocator = &ee_allocator_system, .chain_only = true};
    struct ee_journal_store store;
    struct ee_journal *journal = NULL;
    EE_TRY(ee_journal_sqlite_open(path, EE_JOURNAL_EXISTING, &store));
    enum ee_err err = ee_journal_store_network(&store, options.network_id);
    if (err != EE_OK) {
        store.close(store.context);
        return err;
    }
    EE_TRY(ee_journal_open(&options, store, &journal));
    err = holders_join(access, journal, vault);
    ee_journal_close(journal);
    return err;
}

enum ee_err ee_control_access_open(const struct ee_control_access *access, const char *state,
                                   const char *path, struct ee_vault **out)
{
    char beside[1100];
    struct ee_vault *vault = NULL;
    (void)snprintf(beside, sizeof beside, "%s/journal.key", state);
    const char *file = access->key_file;
    if (file == NULL && access->holder_count == 0 && ee_file_exists(beside))
        file = beside;
    *out = NULL;
    if (file == NULL && access->holder_count == 0)
        return EE_OK;
    EE_TRY(ee_vault_new(&ee_crypto_openssl, &vault));
    enum ee_err err = file != NULL ? ee_key_file_load(&ee_crypto_openssl, file, vault)
                                   : holders_open(access, path, vault);
    if (err == EE_OK)
        *out = vault;
    else
        ee_vault_free(vault);
    return err;
}
