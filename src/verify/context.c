/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <string.h>

#include "attest/pem.h"
#include "attest/x509.h"
#include "base/banned.h"

enum {
    COLLATERALS_MAX = 1024,
    PLATFORMS_MAX = 1024 * 1024,
    ROOTS_PEM_MAX = 16 * 1024,
};

static const struct ee_verify_limits defaults = {
    .struct_size = sizeof(defaults),
    .collaterals = 2,
    .collateral_size = 64 * 1024,
    .platforms = 64,
};

/* Where each part begins, in bytes from the context. */
struct layout {
    size_t files, bytes, size;
    size_t file_count, file_size;
    bool keeps_bytes;
};

static size_t aligned(size_t size)
{
    return (size + EE_VERIFY_ALIGNMENT - 1) / EE_VERIFY_ALIGNMENT * EE_VERIFY_ALIGNMENT;
}

static bool layout_of(const struct ee_verify_limits *given, struct layout *out)
{
    struct ee_verify_limits limits = defaults;
    if (given && !ee_verify_sized_read(given, &limits, sizeof(limits), sizeof(limits)))
        return false;
    if (limits.collateral_size == 0)
        limits.collateral_size = defaults.collateral_size;
    if (limits.collaterals > COLLATERALS_MAX || limits.platforms > PLATFORMS_MAX ||
        limits.collateral_size > EE_COLLATERAL_MAX || limits.reserved != 0)
        return false;
    out->keeps_bytes = limits.collaterals != 0;
    out->file_count = out->keeps_bytes ? limits.collaterals : 1; /* one to work in */
    out->file_size = aligned(limits.collateral_size);
    out->files = aligned(sizeof(struct ee_verify_context));
    out->bytes = out->files + aligned(out->file_count * sizeof(struct ee_verify_file));
    out->size = out->bytes + out->file_count * out->file_size * (out->keeps_bytes ? 2 : 1);
    return true;
}

size_t ee_verify_context_size(const struct ee_verify_limits *limits)
{
    struct layout layout;
    return layout_of(limits, &layout) ? layout.size : 0;
}

static void files_init(struct ee_verify_context *context, const struct layout *layout)
{
    uint8_t *bytes = (uint8_t *)context + layout->bytes;
    for (size_t i = 0; i < layout->file_count; i++) {
        context->files[i] = (struct ee_verify_file){.scratch = bytes};
        bytes += layout->file_size;
        context->files[i].bytes = layout->keeps_bytes ? bytes : NULL;
        bytes += layout->keeps_bytes ? layout->file_size : 0;
    }
}

struct ee_verify_context *ee_verify_context_init(void *memory, size_t memory_size,
                                                 const struct ee_verify_limits *limits)
{
    struct ee_verify_context *context = memory;
    struct layout layout;
    if (!layout_of(limits, &layout) || !ee_verify_memory_fits(memory, memory_size, layout.size))
        return NULL;
    memset(context, 0, sizeof(*context));
    memcpy(context->roots[0], ee_attest_root_production, EE_P256_POINT_SIZE);
    context->root_count = 1;
    context->file_size_max = layout.file_size;
    context->files = (void *)((uint8_t *)memory + layout.files);
    context->file_count = layout.file_count;
    files_init(context, &layout);
    return context;
}

void ee_verify_context_forget(struct ee_verify_context *context)
{
    for (size_t i = 0; i < context->file_count; i++)
        context->files[i].used_at = 0;
}

int ee_verify_context_set_roots(struct ee_verify_context *context, const uint8_t *keys,
                                size_t count)
{
    if (count == 0 || count > EE_VERIFY_ROOTS_MAX)
        return EE_VERIFY_ERROR_RANGE;
    memcpy(context->roots, keys, count * EE_P256_POINT_SIZE);
    context->root_count = count;
    ee_verify_context_forget(context);
    return EE_VERIFY_OK;
}

int ee_verify_context_set_roots_pem(struct ee_verify_context *context, const void *pem, size_t size)
{
    uint8_t memory[ROOTS_PEM_MAX], keys[EE_DER_CHAIN_MAX][EE_P256_POINT_SIZE];
    struct ee_der_chain chain;
    struct ee_cert cert;
    if (size > sizeof(memory))
        return EE_VERIFY_ERROR_TOO_LARGE;
    if (ee_attest_pem_certificates(ee_bytes_of(pem, size), memory, sizeof(memory), &chain) !=
        EE_REASON_NONE)
        return EE_VERIFY_ERROR_UNTRUSTED;
    for (size_t i = 0; i < chain.count; i++) {
        if (ee_attest_cert_decode(chain.der[i], &cert) != EE_REASON_NONE || !cert.is_ca)
            return EE_VERIFY_ERROR_UNTRUSTED;
        memcpy(keys[i], cert.key, EE_P256_POINT_SIZE);
    }
    return ee_verify_context_set_roots(context, keys[0], chain.count);
}

const uint8_t *ee_verify_root_production(void)
{
    return ee_attest_root_production;
}

/* The file that holds these bytes, else the one not used for longest. */
static struct ee_verify_file *file_find(struct ee_verify_context *context, struct ee_bytes bytes,
                                        bool *known)
{
    struct ee_verify_file *oldest = &context->files[0];
    for (size_t i = 0; i < context->file_count; i++) {
        struct ee_verify_file *file = &context->files[i];
        *known = file->used_at != 0 && file->bytes && file->size == bytes.size &&
                 memcmp(file->bytes, bytes.data, bytes.size) == 0;
        if (*known)
            return file;
        if (file->used_at < oldest->used_at)
            oldest = file;
    }
    return oldest;
}

enum ee_reason ee_verify_context_collateral(struct ee_verify_context *context,
                                            struct ee_bytes bytes, const struct ee_collateral **out)
{
    bool known = false;
    if (bytes.size > context->file_size_max)
        return EE_REASON_COLLATERAL_TOO_LARGE;
    struct ee_verify_file *file = file_find(context, bytes, &known);
    if (!known) {
        file->used_at = 0;
        EE_REASON_TRY(ee_attest_collateral_decode(bytes, file->scratch, context->file_size_max,
                                                  &file->parts));
        file->size = bytes.size;
        if (file->bytes)
            memcpy(file->bytes, bytes.data, bytes.size);
    }
    file->used_at = ++context->clock;
    *out = &file->parts;
    return EE_REASON_NONE;
}
