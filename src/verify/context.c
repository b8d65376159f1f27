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
    size_t collateral, platforms, bytes, size;
    size_t collateral_count, platform_count, file_size;
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
    out->file_size = aligned(limits.collateral_size);
    /* One more to work in, and in each a file with its decoded form. */
    out->collateral_count = limits.collaterals ? (size_t)limits.collaterals + 1 : 0;
    out->platform_count = limits.platforms;
    out->collateral = aligned(sizeof(struct ee_verify_context));
    out->platforms =
        out->collateral + aligned(out->collateral_count * sizeof(struct ee_cache_collateral));
    out->bytes = out->platforms + aligned(out->platform_count * sizeof(struct ee_cache_platform));
    out->size = out->bytes + (limits.collaterals ? 2 * out->collateral_count : 1) * out->file_size;
    return true;
}

size_t ee_verify_context_size(const struct ee_verify_limits *limits)
{
    struct layout layout;
    return layout_of(limits, &layout) ? layout.size : 0;
}

struct ee_verify_context *ee_verify_context_init(void *memory, size_t memory_size,
                                                 const struct ee_verify_limits *limits)
{
    struct ee_verify_context *context = memory;
    struct layout layout;
    if (!layout_of(limits, &layout) || !ee_verify_memory_fits(memory, memory_size, layout.size))
        return NULL;
    uint8_t *bytes = (uint8_t *)memory + layout.bytes;
    memset(context, 0, sizeof(*context));
    memcpy(context->roots[0], ee_attest_root_production, EE_P256_POINT_SIZE);
    context->root_count = 1;
    context->file_size_max = layout.file_size;
    context->scratch = layout.collateral_count ? NULL : bytes;
    ee_attest_cache_init(&context->cache, (void *)((uint8_t *)memory + layout.collateral),
                         layout.collateral_count, bytes,
                         2 * layout.collateral_count * layout.file_size,
                         (void *)((uint8_t *)memory + layout.platforms), layout.platform_count);
    return context;
}

void ee_verify_context_forget(struct ee_verify_context *context)
{
    ee_attest_cache_clear(&context->cache);
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

enum ee_reason ee_verify_context_collateral(struct ee_verify_context *context,
                                            struct ee_bytes bytes, const struct ee_collateral **out)
{
    if (bytes.size > context->file_size_max)
        return EE_REASON_COLLATERAL_TOO_LARGE;
    if (!context->scratch)
        return ee_attest_cache_decode(&context->cache, bytes, out);
    EE_REASON_TRY(ee_attest_collateral_decode(bytes, context->scratch, context->file_size_max,
                                              &context->parts));
    *out = &context->parts;
    return EE_REASON_NONE;
}
