/* SPDX-License-Identifier: Apache-2.0 */
#include "http/sha1.h"

#include <string.h>

#include "base/banned.h"

enum { BLOCK = 64, WORDS = 80 };

static uint32_t rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

/* RFC 3174 section 5: function and constant of round t. */
static uint32_t round_mix(size_t t, uint32_t b, uint32_t c, uint32_t d)
{
    if (t < 20)
        return ((b & c) | (~b & d)) + 0x5a827999u;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ed9eba1u;
    if (t < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    return (b ^ c ^ d) + 0xca62c1d6u;
}

static void block_add(uint32_t h[5], const uint8_t block[BLOCK])
{
    uint32_t w[WORDS];
    for (size_t t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (size_t t = 16; t < WORDS; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (size_t t = 0; t < WORDS; t++) {
        const uint32_t next = rotate(a, 5) + round_mix(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void ee_sha1(struct ee_bytes message, uint8_t out[EE_SHA1_SIZE])
{
    uint32_t h[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    uint8_t padded[2 * BLOCK] = {0};
    const size_t size = message.size < EE_SHA1_INPUT_MAX ? message.size : EE_SHA1_INPUT_MAX;
    const size_t blocks = size < BLOCK - 8 ? 1 : 2;
    if (size)
        memcpy(padded, message.data, size);
    padded[size] = 0x80;
    padded[blocks * BLOCK - 2] = (uint8_t)(size * 8 >> 8);
    padded[blocks * BLOCK - 1] = (uint8_t)(size * 8);
    for (size_t i = 0; i < blocks; i++)
        block_add(h, padded + i * BLOCK);
    for (size_t i = 0; i < EE_SHA1_SIZE; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}
