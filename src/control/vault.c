/* SPDX-License-Identifier: Apache-2.0 */
#include "control/vault.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/random.h"

#include "base/banned.h"

enum { ASSOCIATED_MAX = 256, SLICE_ASSOCIATED_SIZE = ASSOCIATED_MAX + 32 };

struct ee_vault {
    const struct ee_crypto *crypto;
    struct ee_journal_seal seal;
    pthread_mutex_t lock; /* for what follows; never held while data is sealed */
    struct ee_data_key *keys;
    size_t count;
    size_t current;
    bool ready;
    struct ee_data_sealer sealer;
};

static enum ee_err batch_seal(void *context, struct ee_bytes associated, struct ee_bytes plain,
                              uint8_t *out, size_t capacity, size_t *size_out)
{
    return ee_vault_seal(context, associated, plain, out, capacity, size_out);
}

static enum ee_err batch_open(void *context, struct ee_bytes associated, struct ee_bytes sealed,
                              uint8_t *out, size_t capacity, size_t *size_out)
{
    return ee_vault_open(context, associated, sealed, out, capacity, size_out);
}

enum ee_err ee_vault_new(const struct ee_crypto *crypto, struct ee_vault **out)
{
    struct ee_vault *vault = calloc(1, sizeof(*vault));
    if (vault == NULL)
        return EE_NO_MEMORY;
    vault->keys = calloc(EE_VAULT_KEYS_MAX, sizeof(*vault->keys));
    if (vault->keys == NULL || pthread_mutex_init(&vault->lock, NULL) != 0) {
        free(vault->keys);
        free(vault);
        return EE_NO_MEMORY;
    }
    vault->crypto = crypto;
    vault->seal = (struct ee_journal_seal){.context = vault,
                                           .overhead = EE_DATA_SEAL_OVERHEAD,
                                           .seal = batch_seal,
                                           .open = batch_open};
    *out = vault;
    return EE_OK;
}

void ee_vault_free(struct ee_vault *vault)
{
    if (vault == NULL)
        return;
    (void)pthread_mutex_destroy(&vault->lock);
    ee_wipe(vault->keys, EE_VAULT_KEYS_MAX * sizeof(*vault->keys));
    free(vault->keys);
    ee_wipe(vault, sizeof(*vault));
    free(vault);
}

/* Index of the key; count: it is not here. */
static size_t find(const struct ee_vault *vault, const uint8_t *id)
{
    size_t i = 0;
    while (i < vault->count && memcmp(vault->keys[i].id, id, EE_DATA_KEY_ID_SIZE) != 0)
        i++;
    return i;
}

static enum ee_err add(struct ee_vault *vault, const struct ee_data_key *key, bool current)
{
    uint8_t salt[EE_DATA_SALT_SIZE];
    size_t index = find(vault, key->id);
    if (index == EE_VAULT_KEYS_MAX)
        return EE_FULL;
    if (index == vault->count)
        vault->keys[vault->count++] = *key;
    if (!current)
        return EE_OK;
    ee_random_bytes(salt, sizeof(salt));
    ee_data_sealer_init(vault->crypto, key, salt, &vault->sealer);
    vault->current = index;
    vault->ready = true;
    return EE_OK;
}

enum ee_err ee_vault_add(struct ee_vault *vault, const struct ee_data_key *key, bool current)
{
    (void)pthread_mutex_lock(&vault->lock);
    enum ee_err err = add(vault, key, current);
    (void)pthread_mutex_unlock(&vault->lock);
    return err;
}

bool ee_vault_ready(const struct ee_vault *vault)
{
    return vault->ready;
}

enum ee_err ee_vault_current(struct ee_vault *vault, struct ee_data_key *out)
{
    (void)pthread_mutex_lock(&vault->lock);
    bool ready = vault->ready;
    if (ready)
        *out = vault->keys[vault->current];
    (void)pthread_mutex_unlock(&vault->lock);
    return ready ? EE_OK : EE_STATE;
}

const struct ee_journal_seal *ee_vault_journal_seal(struct ee_vault *vault)
{
    return &vault->seal;
}

/* ---- pieces ---- */

enum ee_err ee_vault_seal(struct ee_vault *vault, struct ee_bytes associated, struct ee_bytes plain,
                          uint8_t *out, size_t capacity, size_t *size_out)
{
    struct ee_data_sealer once; /* with a counter that is nobody else's */
    (void)pthread_mutex_lock(&vault->lock);
    bool ready = vault->ready && vault->sealer.counter < UINT64_MAX;
    once = vault->sealer;
    vault->sealer.counter += ready ? 1 : 0;
    (void)pthread_mutex_unlock(&vault->lock);
    enum ee_err err =
        ready ? ee_data_seal(vault->crypto, &once, associated, plain, out, capacity, size_out)
              : EE_STATE;
    ee_wipe(&once, sizeof(once));
    return err;
}

enum ee_err ee_vault_open(struct ee_vault *vault, struct ee_bytes associated,
                          struct ee_bytes sealed, uint8_t *out, size_t capacity, size_t *size_out)
{
    struct ee_data_seal_header header;
    struct ee_data_key key;
    EE_TRY(ee_data_seal_read(sealed, &header));
    (void)pthread_mutex_lock(&vault->lock);
    size_t index = find(vault, header.key_id);
    bool found = index < vault->count;
    if (found)
        key = vault->keys[index];
    (void)pthread_mutex_unlock(&vault->lock);
    if (!found)
        return EE_SEAL_OPEN;
    enum ee_err err =
        ee_data_open(vault->crypto, &key, associated, sealed, out, capacity, size_out);
    ee_wipe(&key, sizeof(key));
    return err;
}

/* ---- slices ---- */

static enum ee_err slice_associated(const struct ee_vault_blob *blob, bool last,
                                    uint8_t memory[SLICE_ASSOCIATED_SIZE], struct ee_bytes *out)
{
    struct ee_writer w;
    if (blob->ended)
        return EE_STATE;
    if (blob->associated.size > ASSOCIATED_MAX)
        return EE_TOO_LARGE;
    ee_writer_init(&w, memory, SLICE_ASSOCIATED_SIZE);
    ee_writer_label(&w, "ee-slice", 1);
    ee_writer_block(&w, blob->associated);
    ee_writer_u64(&w, blob->slices);
    ee_writer_u8(&w, last ? 1 : 0);
    *out = ee_writer_done(&w);
    return w.err;
}

static enum ee_err slice_done(struct ee_vault_blob *blob, bool last, enum ee_err err)
{
    if (err == EE_OK) {
        blob->slices++;
        blob->ended = last;
    }
    return err;
}

enum ee_err ee_vault_slice_seal(struct ee_vault *vault, struct ee_vault_blob *blob, bool last,
                                struct ee_bytes plain, uint8_t *out, size_t capacity,
                                size_t *size_out)
{
    uint8_t memory[SLICE_ASSOCIATED_SIZE];
    struct ee_bytes associated;
    EE_TRY(slice_associated(blob, last, memory, &associated));
    return slice_done(blob, last, ee_vault_seal(vault, associated, plain, out, capacity, size_out));
}

enum ee_err ee_vault_slice_open(struct ee_vault *vault, struct ee_vault_blob *blob, bool last,
                                struct ee_bytes sealed, uint8_t *out, size_t capacity,
                                size_t *size_out)
{
    uint8_t memory[SLICE_ASSOCIATED_SIZE];
    struct ee_bytes associated;
    EE_TRY(slice_associated(blob, last, memory, &associated));
    return slice_done(blob, last,
                      ee_vault_open(vault, associated, sealed, out, capacity, size_out));
}

/* ---- secrets ---- */

static bool name_valid(const char *name)
{
    size_t size = strlen(name);
    bool letter = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z');
    return letter && size <= EE_VAULT_SECRET_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               size;
}

static enum ee_err secret_place(const struct ee_journal *journal, const char *name,
                                char key[EE_JOURNAL_META_KEY_MAX + 1],
                                uint8_t memory[ASSOCIATED_MAX], struct ee_bytes *out)
{
    struct ee_writer w;
    if (!name_valid(name))
        return EE_NAME;
    (void)snprintf(key, EE_JOURNAL_META_KEY_MAX + 1, "secret.%s", name);
    ee_writer_init(&w, memory, ASSOCIATED_MAX);
    ee_writer_label(&w, "ee-secret", 1);
    ee_writer_bytes(&w, ee_journal_network_id(journal), 32);
    ee_writer_text(&w, name);
    *out = ee_writer_done(&w);
    return w.err;
}

enum ee_err ee_vault_secret_put(struct ee_vault *vault, struct ee_journal *journal,
                                const char *name, struct ee_bytes value)
{
    char key[EE_JOURNAL_META_KEY_MAX + 1];
    uint8_t memory[ASSOCIATED_MAX], sealed[EE_JOURNAL_META_MAX];
    struct ee_bytes associated;
    size_t size;
    EE_TRY(secret_place(journal, name, key, memory, &associated));
    EE_TRY(ee_vault_seal(vault, associated, value, sealed, sizeof(sealed), &size));
    return ee_journal_meta_put(journal, key, ee_bytes_of(sealed, size));
}

enum ee_err ee_vault_secret_get(struct ee_vault *vault, struct ee_journal *journal,
                                const char *name, uint8_t *out, size_t capacity, size_t *size_out)
{
    char key[EE_JOURNAL_META_KEY_MAX + 1];
    uint8_t memory[ASSOCIATED_MAX], sealed[EE_JOURNAL_META_MAX];
    struct ee_bytes associated;
    size_t size;
    EE_TRY(secret_place(journal, name, key, memory, &associated));
    EE_TRY(ee_journal_meta_get(journal, key, sealed, sizeof(sealed), &size));
    return ee_vault_open(vault, associated, ee_bytes_of(sealed, size), out, capacity, size_out);
}
