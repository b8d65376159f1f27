/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/control_secret.h"

#include <string.h>

#include "base/banned.h"

enum { INFO_MAX = 160 };

static enum ee_err info_write(const struct ee_control_secret_context *context,
                              uint8_t buffer[INFO_MAX], struct ee_bytes *out)
{
    struct ee_writer w;
    if (strlen(context->name) > EE_CONTROL_SECRET_NAME_MAX)
        return EE_TOO_LARGE;
    ee_writer_init(&w, buffer, INFO_MAX);
    ee_writer_label(&w, "ee-control-secret", 1);
    ee_writer_bytes(&w, context->network_id, sizeof(context->network_id));
    ee_writer_text(&w, context->name);
    ee_writer_bytes(&w, context->recipient, sizeof(context->recipient));
    *out = ee_writer_done(&w);
    return w.err;
}

enum ee_err ee_control_secret_seal(const struct ee_crypto *crypto,
                                   const struct ee_control_secret_context *context,
                                   const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                                   struct ee_bytes plain, uint8_t *out)
{
    uint8_t buffer[INFO_MAX];
    struct ee_bytes info;
    EE_TRY(info_write(context, buffer, &info));
    return ee_hpke_seal(crypto, ephemeral_private, context->recipient, info, (struct ee_bytes){0},
                        plain, out);
}

enum ee_err ee_control_secret_open(const struct ee_crypto *crypto,
                                   const struct ee_control_secret_context *context,
                                   const uint8_t recipient_private[EE_X25519_KEY_SIZE],
                                   struct ee_bytes sealed, uint8_t *out)
{
    uint8_t buffer[INFO_MAX];
    struct ee_bytes info;
    EE_TRY(info_write(context, buffer, &info));
    return ee_hpke_open(crypto, recipient_private, info, (struct ee_bytes){0}, sealed, out);
}

enum ee_err ee_control_secret_order(const struct ee_crypto *crypto, const uint8_t network_id[32],
                                    const char *name, struct ee_bytes sealed, struct ee_writer *out)
{
    uint8_t hash[EE_SHA256_SIZE];
    if (strlen(name) > EE_CONTROL_SECRET_NAME_MAX)
        return EE_TOO_LARGE;
    crypto->sha256(&sealed, 1, hash);
    ee_writer_label(out, "ee-control-secret-order", 1);
    ee_writer_bytes(out, network_id, 32);
    ee_writer_text(out, name);
    ee_writer_bytes(out, hash, sizeof(hash));
    return out->err;
}
