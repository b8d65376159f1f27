/* SPDX-License-Identifier: Apache-2.0 */
#include "control/webhook_secret.h"

#include <stdlib.h>
#include <string.h>

#include "control/vault.h"
#include "io/log.h"
#include "seal/control_secret.h"

#include "base/banned.h"

enum { TEXT_MAX = EE_STRIPE_SECRETS_MAX * (EE_STRIPE_SECRET_MAX + 1) };
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

/* ---- what is kept: with the small secrets of the journal's store, sealed by its key ---- */

/* A development network with a plain journal has no key to seal by: then it is used and not kept.
 */
static enum ee_err keep(struct ee_control *control, struct ee_bytes text)
{
    enum ee_err err = ee_vault_secret_put(control->vault, control->journal, secret_name, text);
    if (err != EE_STATE)
        return err;
    EE_LOG(EE_LOG_WARN, "payment", "the secret of webhooks is not kept: the journal is plain");
    return EE_OK;
}

enum ee_err ee_webhook_secret_load(struct ee_control *control)
{
    uint8_t text[TEXT_MAX];
    size_t size = 0;
    enum ee_err err = ee_vault_secret_get(control->vault, control->journal, secret_name, text,
                                          sizeof text, &size);
    if (err == EE_NOT_FOUND || (err == EE_OK && size == 0))
        return EE_OK;
    if (err == EE_OK)
        err = use(control, ee_bytes_of(text, size));
    ee_wipe(text, sizeof text);
    if (err == EE_OK || err == EE_NO_MEMORY || err == EE_IO)
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
    EE_TRY(keep(control, (struct ee_bytes){0}));
    ee_webhook_secret_wipe(control);
    return EE_OK;
}
