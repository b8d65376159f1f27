/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto_cases.h"

#include <string.h>

#include "base/text.h"

static const struct p256_case {
    const char *name;
    bool accepted;
    const char *key, *digest, *signature; /* hex */
} p256_cases[] = {
#include "p256_cases.inc"
};
enum { P256_COUNT = sizeof(p256_cases) / sizeof(p256_cases[0]) };

static bool p256_holds(const struct ee_crypto *crypto, const struct p256_case *row)
{
    uint8_t key[EE_P256_POINT_SIZE], digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
    return ee_hex_decode(ee_bytes_str(row->key), key, sizeof(key)) == EE_OK &&
           ee_hex_decode(ee_bytes_str(row->digest), digest, sizeof(digest)) == EE_OK &&
           ee_hex_decode(ee_bytes_str(row->signature), signature, sizeof(signature)) == EE_OK &&
           crypto->p256_verify(key, digest, signature) == row->accepted;
}

static bool same(const uint8_t *got, size_t size, const char *expected)
{
    uint8_t bytes[EE_SHA384_SIZE];
    return ee_hex_decode(ee_bytes_str(expected), bytes, size) == EE_OK &&
           memcmp(got, bytes, size) == 0;
}

/* FIPS 180-4 examples. */
static bool sha256_of_nothing(const struct ee_crypto *crypto)
{
    uint8_t out[EE_SHA256_SIZE];
    crypto->sha256(NULL, 0, out);
    return same(out, sizeof(out),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static bool sha256_of_abc_in_parts(const struct ee_crypto *crypto)
{
    uint8_t out[EE_SHA256_SIZE];
    const struct ee_bytes parts[] = {ee_bytes_str("a"), ee_bytes_of(NULL, 0), ee_bytes_str("bc")};
    crypto->sha256(parts, 3, out);
    return same(out, sizeof(out),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static bool sha384_of_nothing(const struct ee_crypto *crypto)
{
    uint8_t out[EE_SHA384_SIZE];
    crypto->sha384(NULL, 0, out);
    return same(out, sizeof(out),
                "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd5"
                "1ad2f14898b95b");
}

static bool sha384_of_abc(const struct ee_crypto *crypto)
{
    uint8_t out[EE_SHA384_SIZE];
    const struct ee_bytes part = ee_bytes_str("abc");
    crypto->sha384(&part, 1, out);
    return same(out, sizeof(out),
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358"
                "baeca134c825a7");
}

/* Any cut of 300 bytes is the same message: block and length borders of both hashes. */
static bool hash_in_two_parts_at_every_border(const struct ee_crypto *crypto)
{
    uint8_t message[300], whole[EE_SHA384_SIZE], cut[EE_SHA384_SIZE];
    bool ok = true;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)(7 * i);
    for (size_t size = 0; size <= sizeof(message); size++) {
        struct ee_bytes all = ee_bytes_of(message, size);
        const struct ee_bytes parts[] = {ee_bytes_of(message, size / 3),
                                         ee_bytes_of(message + size / 3, size - size / 3)};
        crypto->sha256(&all, 1, whole);
        crypto->sha256(parts, 2, cut);
        ok = ok && memcmp(whole, cut, EE_SHA256_SIZE) == 0;
        crypto->sha384(&all, 1, whole);
        crypto->sha384(parts, 2, cut);
        ok = ok && memcmp(whole, cut, EE_SHA384_SIZE) == 0;
    }
    return ok;
}

/* RFC 4231 sections 4.3 and 4.7. */
static bool hmac_sha256_of_rfc_4231(const struct ee_crypto *crypto)
{
    uint8_t out[EE_SHA256_SIZE], key[131];
    const struct ee_bytes text = ee_bytes_str("what do ya want for nothing?");
    const struct ee_bytes parts[] = {ee_bytes_str("Test Using Larger Than Block-Size Key"),
                                     ee_bytes_str(" - Hash Key First")};
    crypto->hmac_sha256(ee_bytes_str("Jefe"), &text, 1, out);
    if (!same(out, sizeof(out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"))
        return false;
    memset(key, 0xaa, sizeof(key));
    crypto->hmac_sha256(ee_bytes_of(key, sizeof(key)), parts, 2, out);
    return same(out, sizeof(out),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static const struct hash_case {
    const char *name;
    bool (*holds)(const struct ee_crypto *crypto);
} hash_cases[] = {
    {"sha256_of_nothing", sha256_of_nothing},
    {"sha256_of_abc_in_parts", sha256_of_abc_in_parts},
    {"sha384_of_nothing", sha384_of_nothing},
    {"sha384_of_abc", sha384_of_abc},
    {"hash_in_two_parts_at_every_border", hash_in_two_parts_at_every_border},
    {"hmac_sha256_of_rfc_4231", hmac_sha256_of_rfc_4231},
};
enum { HASH_COUNT = sizeof(hash_cases) / sizeof(hash_cases[0]) };

size_t ee_crypto_case_count(void)
{
    return P256_COUNT + HASH_COUNT;
}

const char *ee_crypto_case_name(size_t index)
{
    return index < P256_COUNT ? p256_cases[index].name : hash_cases[index - P256_COUNT].name;
}

bool ee_crypto_case_holds(const struct ee_crypto *crypto, size_t index)
{
    return index < P256_COUNT ? p256_holds(crypto, &p256_cases[index])
                              : hash_cases[index - P256_COUNT].holds(crypto);
}
