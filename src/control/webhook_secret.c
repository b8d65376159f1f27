/* SPDX-License-Identifier: Apache-2.0 */
#include "control/webhook_secret.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/log.h"
#include "io/random.h"
#include "seal/control_secret.h"

#include "base/banned.h"

enum {
    TEXT_MAX = EE_STRIPE_SECRETS_MAX * (EE_STRIPE_SECRET_MAX + 1),
    FILE_MAX = EE_AEAD_NONCE_SIZE + TEXT_MAX + EE_AEAD_TAG_SIZE,
};
static const char secret_name[] = "stripe-webhook";

bool ee_webhook_secret_set(const struct ee_control *control)
{
    return control->webhook != NULL;
}

void ee_webhook_secret_wipe(struct ee_control *control)
{
    if (control->webhook != NULL)
        ee_wipe(control->webhook, sizeof *control->webhook);
    free(control->webhook);
    control->webhook = NULL;
}

static enum ee_err use(struct ee_control *control, struct ee_bytes text)
{
    struct ee_stripe_secrets *secrets = malloc(sizeof *secrets);
    if (secrets == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = ee_stripe_secrets_parse(text, secrets);
    if (err != EE_OK) {
        free(secrets);
        return err;
    }
    ee_webhook_secret_wipe(control);
    control->webhook = secrets;
    return EE_OK;
}

/* ---- what is kept: sealed under a key that follows from the control plane's own ---- */

static enum ee_err kept_path(const struct ee_control *control, char out[1100])
{
    int length = snprintf(out, 1100, "%s/webhook.sealed", control->state_folder);
    return length > 0 && length < 1100 ? EE_OK : EE_TOO_LARGE;
}

static void kept_key(const struct ee_control *control, uint8_t out[EE_AEAD_KEY_SIZE])
{
    const struct ee_bytes label = ee_bytes_str("ee-webhook-store 1");
    static_assert(EE_AEAD_KEY_SIZE == EE_SHA256_SIZE, "one hash is one key");
    control->crypto->hmac_sha256(
        ee_bytes_of(control->keys.checkpoint_seed, sizeof control->keys.checkpoint_seed), &label, 1,
        out);
}

static enum ee_err keep(struct ee_control *control, struct ee_bytes text)
{
    char path[1100];
    uint8_t key[EE_AEAD_KEY_SIZE], file[FILE_MAX];
    EE_TRY(kept_path(control, path));
    kept_key(control, key);
    ee_random_bytes(file, EE_AEAD_NONCE_SIZE);
    bool ok = control->crypto->aead_seal(key, file, ee_bytes_str(secret_name), text,
                                         file + EE_AEAD_NONCE_SIZE);
    ee_wipe(key, sizeof key);
    if (!ok)
        return EE_CRYPTO;
    return ee_file_write(path, ee_bytes_of(file, EE_AEAD_NONCE_SIZE + text.size + EE_AEAD_TAG_SIZE),
                         0600);
}

static enum ee_err kept_open(struct ee_control *control, struct ee_bytes file)
{
    uint8_t key[EE_AEAD_KEY_SIZE], text[TEXT_MAX];
    if (file.size <= EE_AEAD_NONCE_SIZE + EE_AEAD_TAG_SIZE)
        return EE_SEAL_OPEN;
    struct ee_bytes sealed =
        ee_bytes_of(file.data + EE_AEAD_NONCE_SIZE, file.size - EE_AEAD_NONCE_SIZE);
    kept_key(control, key);
    bool ok = control->crypto->aead_open(key, file.data, ee_bytes_str(secret_name), sealed, text);
    ee_wipe(key, sizeof key);
    enum ee_err err =
        ok ? use(control, ee_bytes_of(text, sealed.size - EE_AEAD_TAG_SIZE)) : EE_SEAL_OPEN;
    ee_wipe(text, sizeof text);
    return err;
}

enum ee_err ee_webhook_secret_load(struct ee_control *control)
{
    char path[1100];
    struct ee_file_data file;
    EE_TRY(kept_path(control, path));
    if (!ee_file_exists(path))
        return EE_OK;
    EE_TRY(ee_file_read(path, FILE_MAX, &file));
    enum ee_err err = kept_open(control, ee_file_bytes(&file));
    ee_file_data_free(&file);
    if (err != EE_SEAL_OPEN && err != EE_SYNTAX && err != EE_RANGE)
        return err;
    EE_LOG(EE_LOG_ERROR, "payment", "no webhooks: give their secret again (ee webhook-secret set)",
           ee_log_err(err));
    return EE_OK;
}

/* ---- from a client ---- */

static bool order_signed(const struct ee_control *control, struct ee_bytes sealed,
                         const uint8_t signature[EE_ED25519_SIGNATURE_SIZE])
{
    uint8_t buffer[EE_CONTROL_SECRET_ORDER_MAX];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof buffer);
    return ee_control_secret_order(control->crypto, control->trust.network_id, secret_name, sealed,
                                   &w) == EE_OK &&
           control->crypto->ed25519_verify(control->trust.genesis.issuer_key, ee_writer_done(&w),
                                           signature);
}

enum ee_err ee_webhook_secret_take(struct ee_control *control, struct ee_bytes sealed,
                                   const uint8_t signature[EE_ED25519_SIGNATURE_SIZE])
{
    struct ee_control_secret_context context = {.name = secret_name};
    struct ee_stripe_secrets checked;
    uint8_t memory[TEXT_MAX];
    if (!order_signed(control, sealed, signature))
        return EE_SIGNATURE;
    if (sealed.size > TEXT_MAX + EE_CONTROL_SECRET_OVERHEAD)
        return EE_TOO_LARGE;
    memcpy(context.network_id, control->trust.network_id, sizeof context.network_id);
    memcpy(context.recipient, control->sealing_key, sizeof context.recipient);
    EE_TRY(ee_control_secret_open(control->crypto, &context, control->sealing_private, sealed,
                                  memory));
    struct ee_bytes text = ee_bytes_of(memory, sealed.size - EE_CONTROL_SECRET_OVERHEAD);
    enum ee_err err = ee_stripe_secrets_parse(text, &checked);
    ee_wipe(&checked, sizeof checked);
    if (err == EE_OK)
        err = keep(control, text);
    if (err == EE_OK)
        err = use(control, text);
    ee_wipe(memory, sizeof memory);
    return err;
}

enum ee_err ee_webhook_secret_clear(struct ee_control *control)
{
    char path[1100];
    EE_TRY(kept_path(control, path));
    if (ee_file_exists(path) && unlink(path) != 0)
        return EE_IO;
    ee_webhook_secret_wipe(control);
    return EE_OK;
}
