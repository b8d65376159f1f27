/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/shamir.h"

#include "base/banned.h"

/* FIPS 197 section 4.2, without tables or branches on the operands. */
static uint8_t multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0, shifted = a;
    for (unsigned bit = 0; bit < 8; bit++) {
        unsigned take = 0u - ((b >> bit) & 1u);
        unsigned over = 0u - ((shifted >> 7) & 1u);
        product ^= shifted & take;
        shifted = ((shifted << 1) ^ (0x1bu & over)) & 0xffu;
    }
    return (uint8_t)product;
}

/* a^254: the inverse, and 0 for 0. */
static uint8_t invert(uint8_t a)
{
    uint8_t power = a, result = 1;
    for (unsigned i = 0; i < 7; i++) { /* 254 = 2 + 4 + ... + 128 */
        power = multiply(power, power);
        result = multiply(result, power);
    }
    return result;
}

enum ee_err ee_shamir_split(const uint8_t secret[EE_SHAMIR_SECRET_SIZE], size_t threshold,
                            size_t count, const uint8_t *random, struct ee_shamir_share *shares_out)
{
    if (threshold < 1 || threshold > count || count > EE_SHAMIR_SHARES_MAX)
        return EE_RANGE;
    for (size_t s = 0; s < count; s++) {
        struct ee_shamir_share *share = &shares_out[s];
        share->index = (uint8_t)(s + 1);
        for (size_t i = 0; i < EE_SHAMIR_SECRET_SIZE; i++) {
            uint8_t value = 0; /* Horner, the highest coefficient first */
            for (size_t power = threshold - 1; power > 0; power--)
                value = multiply((uint8_t)(value ^ random[(power - 1) * EE_SHAMIR_SECRET_SIZE + i]),
                                 share->index);
            share->bytes[i] = (uint8_t)(value ^ secret[i]);
        }
    }
    return EE_OK;
}

static enum ee_err indexes_check(const struct ee_shamir_share *shares, size_t count)
{
    if (count < 1 || count > EE_SHAMIR_SHARES_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < count; i++) {
        if (shares[i].index < 1 || shares[i].index > EE_SHAMIR_SHARES_MAX)
            return EE_RANGE;
        for (size_t j = 0; j < i; j++)
            if (shares[j].index == shares[i].index)
                return EE_DUPLICATE_FIELD;
    }
    return EE_OK;
}

/* Lagrange's basis polynomial of share `i` at 0; subtraction is exclusive or. */
static uint8_t weight(const struct ee_shamir_share *shares, size_t count, size_t i)
{
    uint8_t above = 1, below = 1;
    for (size_t j = 0; j < count; j++) {
        if (j == i)
            continue;
        above = multiply(above, shares[j].index);
        below = multiply(below, (uint8_t)(shares[i].index ^ shares[j].index));
    }
    return multiply(above, invert(below));
}

enum ee_err ee_shamir_join(const struct ee_shamir_share *shares, size_t count,
                           uint8_t secret_out[EE_SHAMIR_SECRET_SIZE])
{
    EE_TRY(indexes_check(shares, count));
    for (size_t b = 0; b < EE_SHAMIR_SECRET_SIZE; b++)
        secret_out[b] = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t factor = weight(shares, count, i);
        for (size_t b = 0; b < EE_SHAMIR_SECRET_SIZE; b++)
            secret_out[b] = (uint8_t)(secret_out[b] ^ multiply(factor, shares[i].bytes[b]));
    }
    return EE_OK;
}
