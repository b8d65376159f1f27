/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include <string.h>

#include "base/banned.h"

enum { INFO_MAX = 256 };

/* The context as HPKE info (docs/spec/seal.md, "Context"). */
static enum ee_err context_encode(const struct ee_seal_context *context, uint8_t out[INFO_MAX],
                                  size_t *size_out)
{
    struct ee_writer w;
    if (context->kind != EE_SEAL_SECRET && context->kind != EE_SEAL_OUTPUT)
        return EE_RANGE;
    if (!memchr(context->launcher, 0, sizeof(context->launcher)) ||
        !ee_name_valid(context->launcher))
        return EE_NAME;
    ee_writer_init(&w, out, INFO_MAX);
    ee_writer_label(&w, "ee-seal", 1);
    ee_writer_u8(&w, (uint8_t)context->kind);
    ee_writer_bytes(&w, context->network_id, sizeof(context->network_id));
    ee_writer_text(&w, context->launcher);
    ee_writer_bytes(&w, context->lease_id, sizeof(context->lease_id));
    ee_writer_bytes(&w, context->deployment_hash, sizeof(context->deployment_hash));
    ee_writer_bytes(&w, context->recipient, sizeof(context->recipient));
    *size_out = w.size;
    return w.err;
}

static void header_write(uint8_t out[EE_SEAL_HEADER_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, out, EE_SEAL_HEADER_SIZE);
    ee_writer_label(&w, "ee-sealed", 1);
}

enum ee_err ee_seal_close(const struct ee_crypto *crypto, const struct ee_seal_context *context,
                          const uint8_t ephemeral_private[EE_X25519_KEY_SIZE],
                          struct ee_bytes plain, uint8_t *out, size_t capacity, size_t *size_out)
{
    uint8_t info[INFO_MAX];
    size_t info_size;
    EE_TRY(context_encode(context, info, &info_size));
    if (capacity < EE_SEAL_OVERHEAD || capacity - EE_SEAL_OVERHEAD < plain.size)
        return EE_TOO_LARGE;
    EE_TRY(ee_hpke_seal(crypto, ephemeral_private, context->recipient, ee_bytes_of(info, info_size),
                        ee_bytes_of(NULL, 0), plain, out + EE_SEAL_HEADER_SIZE));
    header_write(out);
    *size_out = EE_SEAL_SIZE(plain.size);
    return EE_OK;
}

enum ee_err ee_seal_open(const struct ee_crypto *crypto, const struct ee_seal_context *context,
                         const uint8_t recipient_private[EE_X25519_KEY_SIZE],
                         struct ee_bytes sealed, uint8_t *out, size_t capacity, size_t *size_out)
{
    uint8_t info[INFO_MAX], header[EE_SEAL_HEADER_SIZE];
    size_t info_size;
    if (context_encode(context, info, &info_size) != EE_OK)
        return EE_SEAL_OPEN;
    header_write(header);
    if (sealed.size < EE_SEAL_OVERHEAD || memcmp(sealed.data, header, sizeof(header)) != 0)
        return EE_SEAL_OPEN;
    if (sealed.size - EE_SEAL_OVERHEAD > capacity)
        return EE_TOO_LARGE;
    EE_TRY(ee_hpke_open(
        crypto, recipient_private, ee_bytes_of(info, info_size), ee_bytes_of(NULL, 0),
        ee_bytes_of(sealed.data + EE_SEAL_HEADER_SIZE, sealed.size - EE_SEAL_HEADER_SIZE), out));
    *size_out = sealed.size - EE_SEAL_OVERHEAD;
    return EE_OK;
}
