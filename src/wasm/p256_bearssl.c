/* SPDX-License-Identifier: Apache-2.0 */
/* x*Q + y*G with one chain of doublings for both scalars (Straus), each in width-5 non-adjacent
 * form: Hankerson, Menezes, Vanstone, Guide to Elliptic Curve Cryptography, algorithms 3.35, 3.51.
 * Field and point arithmetic are BearSSL's, whose functions are static: hence the included source.
 */
#include "wasm/p256_bearssl.h"

#include <stdbool.h>
#include <string.h>

#include <ec/ec_p256_m31.c>

#include "base/banned.h"

enum {
    WIDTH = 5,
    ODD_MULTIPLES = 1 << (WIDTH - 2), /* 1, 3, .. 15 */
    SCALAR_SIZE = 32,
    DIGITS = 8 * SCALAR_SIZE + 1,
    LIMBS = 9,
};

static bool is_infinity(const p256_jacobian *p)
{
    uint32_t z[LIMBS], any = 0;
    memcpy(z, p->z, sizeof(z));
    reduce_final_f256(z);
    for (size_t i = 0; i < LIMBS; i++)
        any |= z[i];
    return any == 0;
}

static void negate_y(p256_jacobian *p)
{
    static const uint32_t zero[LIMBS];
    uint32_t y[LIMBS];
    memcpy(y, p->y, sizeof(y));
    sub_f256(p->y, zero, y);
}

/* The complete sum: either may be infinity, they may be equal or opposite. `mixed`: q has z 1. */
static void add(p256_jacobian *sum, const p256_jacobian *q, bool mixed)
{
    p256_jacobian before = *sum;
    if (is_infinity(q))
        return;
    if (is_infinity(sum)) {
        *sum = *q;
        return;
    }
    uint32_t other_y = mixed ? p256_add_mixed(sum, q) : p256_add(sum, q);
    if (other_y == 0 && is_infinity(sum)) { /* equal, not opposite */
        *sum = before;
        p256_double(sum);
    }
}

/* Digits 0 or odd in -15..15, of which at most one in five is not 0; lowest first. */
static void digits_of(const unsigned char *scalar, int8_t out[DIGITS])
{
    uint8_t bits[DIGITS + WIDTH] = {0};
    for (size_t i = 0; i < 8 * SCALAR_SIZE; i++)
        bits[i] = scalar[SCALAR_SIZE - 1 - i / 8] >> (i % 8) & 1;
    memset(out, 0, DIGITS);
    for (size_t i = 0; i < DIGITS; i++) {
        int digit = 0;
        if (!bits[i])
            continue;
        for (size_t k = 0; k < WIDTH; k++)
            digit += bits[i + k] << k;
        memset(bits + i, 0, WIDTH);
        if (digit > 1 << (WIDTH - 1)) { /* take the next multiple and less */
            digit -= 1 << WIDTH;
            for (size_t k = i + WIDTH; k < sizeof(bits); k++) {
                bits[k] ^= 1;
                if (bits[k])
                    break;
            }
        }
        out[i] = (int8_t)digit;
    }
}

static void multiples_of(const p256_jacobian *q, p256_jacobian out[ODD_MULTIPLES])
{
    p256_jacobian twice = *q;
    p256_double(&twice);
    out[0] = *q;
    for (size_t i = 1; i < ODD_MULTIPLES; i++) {
        out[i] = out[i - 1];
        add(&out[i], &twice, false);
    }
}

static void add_multiple(p256_jacobian *sum, const p256_jacobian *odd, int digit, bool mixed)
{
    p256_jacobian term;
    if (digit == 0)
        return;
    term = odd[(digit < 0 ? -digit : digit) / 2];
    if (digit < 0)
        negate_y(&term);
    add(sum, &term, mixed);
}

/* G, 3G, .. 15G from BearSSL's table of G, 2G, .. 15G. */
static void generator_multiples(p256_jacobian out[ODD_MULTIPLES])
{
    for (size_t i = 0; i < ODD_MULTIPLES; i++)
        lookup_Gwin(&out[i], (uint32_t)(2 * i + 1));
}

/* A = x*A + y*B, where only the generator (NULL) is taken as B. 0: A is no point, a length is
 * another than verification gives, or the sum is the point at infinity. */
static uint32_t muladd(unsigned char *A, const unsigned char *B, size_t len, const unsigned char *x,
                       size_t xlen, const unsigned char *y, size_t ylen, int curve)
{
    p256_jacobian q, sum, of_q[ODD_MULTIPLES], of_g[ODD_MULTIPLES];
    int8_t x_digits[DIGITS], y_digits[DIGITS];
    if (curve != BR_EC_secp256r1 || B || xlen != SCALAR_SIZE || ylen != SCALAR_SIZE ||
        !p256_decode(&q, A, len))
        return 0;
    multiples_of(&q, of_q);
    generator_multiples(of_g);
    digits_of(x, x_digits);
    digits_of(y, y_digits);
    memset(&sum, 0, sizeof(sum));
    for (size_t i = DIGITS; i-- > 0;) {
        p256_double(&sum);
        add_multiple(&sum, of_q, x_digits[i], false);
        add_multiple(&sum, of_g, y_digits[i], true);
    }
    if (is_infinity(&sum))
        return 0;
    p256_to_affine(&sum);
    p256_encode(A, &sum);
    return 1;
}

const br_ec_impl ee_wasm_p256 = {
    (uint32_t)1 << BR_EC_secp256r1, api_generator, api_order, api_xoff, api_mul, api_mulgen, muladd,
};
