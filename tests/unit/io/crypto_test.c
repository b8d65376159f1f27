/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenSSL backend behind base/crypto.h: known answers, and what P-256 must refuse. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <pthread.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

static bool is_hex(const uint8_t *bytes, size_t size, const char *hex)
{
    char text[2 * 64 + 1];
    return strcmp(ee_hex_encode(bytes, size, text), hex) == 0;
}

static void hashes_of_fips_180_4_in_one_part_and_several(void)
{
    static const char nothing[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const char abc384[] = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                                 "8086072ba1e7cc2358baeca134c825a7";
    const struct ee_bytes parts[] = {ee_bytes_of("a", 1), ee_bytes_of(NULL, 0),
                                     ee_bytes_of("bc", 2)};
    uint8_t out[EE_SHA384_SIZE];
    CRYPTO->sha256(NULL, 0, out);
    CHECK(is_hex(out, 32, nothing));
    CRYPTO->sha256(parts, 3, out);
    CHECK(is_hex(out, 32, abc));
    CRYPTO->sha384(parts, 3, out);
    CHECK(is_hex(out, 48, abc384));
}

/* Every length around the block sizes, against EVP. */
static void hashes_agree_with_evp(void)
{
    uint8_t data[300], ours[EE_SHA384_SIZE], theirs[EVP_MAX_MD_SIZE];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t size = 0; size < sizeof(data); size++) {
        const struct ee_bytes parts[] = {ee_bytes_of(data, size / 3),
                                         ee_bytes_of(data + size / 3, size - size / 3)};
        CRYPTO->sha256(parts, 2, ours);
        CHECK(EVP_Digest(data, size, theirs, NULL, EVP_sha256(), NULL) == 1 &&
              memcmp(ours, theirs, 32) == 0);
        CRYPTO->sha384(parts, 2, ours);
        CHECK(EVP_Digest(data, size, theirs, NULL, EVP_sha384(), NULL) == 1 &&
              memcmp(ours, theirs, 48) == 0);
    }
}

static void hmac_of_rfc4231(void)
{
    uint8_t key[131], out[32];
    memset(key, 0x0b, 20);
    struct ee_bytes message = ee_bytes_str("Hi There");
    CRYPTO->hmac_sha256(ee_bytes_of(key, 20), &message, 1, out);
    CHECK(is_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    memset(key, 0xaa, sizeof(key));
    message = ee_bytes_str("Test Using Larger Than Block-Size Key - Hash Key First");
    CRYPTO->hmac_sha256(ee_bytes_of(key, sizeof(key)), &message, 1, out);
    CHECK(is_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
}

/* RFC 6979 appendix A.2.5: P-256, SHA-256, "sample". */
static struct {
    uint8_t private_key[32], public_key[64], digest[32], signature[64];
} sample;

static bool sample_load(void)
{
    struct ee_bytes message = ee_bytes_str("sample");
    CRYPTO->sha256(&message, 1, sample.digest);
    return ee_hex_decode(ee_bytes_str("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b"
                                      "120f6721"),
                         sample.private_key, 32) == EE_OK &&
           ee_hex_decode(ee_bytes_str("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e"
                                      "60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f51"
                                      "77a3c294d4462299"),
                         sample.public_key, 64) == EE_OK &&
           ee_hex_decode(ee_bytes_str("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea8"
                                      "4eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff406"
                                      "4dc4ab2f843acda8"),
                         sample.signature, 64) == EE_OK;
}

static bool sample_holds(void)
{
    return CRYPTO->p256_verify(sample.public_key, sample.digest, sample.signature);
}

static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/* A scalar plus `n`, on 32 big-endian bytes; false when it does not fit. */
static bool add(const uint8_t in[32], const char *hex, uint8_t out[32])
{
    uint8_t other[32];
    unsigned carry = 0;
    if (ee_hex_decode(ee_bytes_str(hex), other, 32) != EE_OK)
        return false;
    for (size_t i = 32; i > 0; i--) {
        carry += (unsigned)in[i - 1] + other[i - 1];
        out[i - 1] = (uint8_t)carry;
        carry >>= 8;
    }
    return carry == 0;
}

static void signature_of_rfc6979_and_each_flipped_byte(void)
{
    REQUIRE(sample_load());
    CHECK(sample_holds());
    for (size_t i = 0; i < 64; i++) {
        sample.signature[i] ^= 1;
        CHECK(!sample_holds());
        sample.signature[i] ^= 1;
        sample.public_key[i] ^= 1;
        CHECK(!sample_holds());
        sample.public_key[i] ^= 1;
        sample.digest[i / 2] ^= 1;
        CHECK(!sample_holds());
        sample.digest[i / 2] ^= 1;
    }
    CHECK(sample_holds());
}

static void r_or_s_of_zero_or_the_order_or_more(void)
{
    static const char one[] = "0000000000000000000000000000000000000000000000000000000000000001";
    uint8_t n[32], more[32], zero[32] = {0};
    REQUIRE(sample_load() && ee_hex_decode(ee_bytes_str(order), n, 32) == EE_OK);
    REQUIRE(add(n, one, more));
    for (size_t half = 0; half < 64; half += 32) {
        const uint8_t *const values[] = {zero, n, more};
        for (size_t i = 0; i < 3; i++) {
            REQUIRE(sample_load());
            memcpy(sample.signature + half, values[i], 32);
            CHECK(!sample_holds());
        }
        memset(sample.signature + half, 0xff, 32);
        CHECK(!sample_holds());
    }
    memset(sample.signature, 0, 64);
    CHECK(!sample_holds());
    memcpy(sample.signature, n, 32);
    memcpy(sample.signature + 32, n, 32);
    CHECK(!sample_holds());
}

/* A point with x = 0, and a signature made for it without its private key: r is the x of u1 G + u2
 * Q, s = r / u2, and the digest u1 s (u1 = 0x1234567, u2 = 0x7654321). Written as x = p it is the
 * same point modulo the prime; another text of the same key is no key (SEC 1 section 2.3.4). */
static void points_off_the_curve_or_not_reduced(void)
{
    static const char prime[] = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    static const char key[] = "0000000000000000000000000000000000000000000000000000000000000000"
                              "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
    static const char digest[] = "b3d41132e93af38c97b03426e885bee137f149b35b5a912e6ba738543578b581";
    static const char signature[] =
        "fe92136c852ecb6724020d6e840de61c2e5c466902d5db10c84826f1a67ada9a"
        "43e90a2ce29fe3875e4ba2fbe39ddf40e15ea8f9528eb3a2aaa85e1110c26680";
    REQUIRE(ee_hex_decode(ee_bytes_str(key), sample.public_key, 64) == EE_OK);
    REQUIRE(ee_hex_decode(ee_bytes_str(digest), sample.digest, 32) == EE_OK);
    REQUIRE(ee_hex_decode(ee_bytes_str(signature), sample.signature, 64) == EE_OK);
    CHECK(sample_holds());
    REQUIRE(ee_hex_decode(ee_bytes_str(prime), sample.public_key, 32) == EE_OK);
    CHECK(!sample_holds());
    memset(sample.public_key, 0, 64); /* where infinity would be */
    CHECK(!sample_holds());
    memset(sample.public_key, 0xff, 64);
    CHECK(!sample_holds());
}

static void refusals_leave_no_error_behind_and_keep_the_callers(void)
{
    REQUIRE(sample_load());
    ERR_clear_error();
    sample.public_key[0] ^= 1;
    CHECK(!sample_holds() && ERR_peek_error() == 0);
    ERR_raise(ERR_LIB_USER, 77);
    CHECK(!sample_holds() && ERR_GET_REASON(ERR_peek_error()) == 77 &&
          ERR_GET_REASON(ERR_peek_last_error()) == 77);
    ERR_clear_error();
}

static void private_keys_make_their_public_key_and_sign(void)
{
    uint8_t public_key[64], signature[64], bad[32];
    REQUIRE(sample_load());
    REQUIRE(CRYPTO->p256_public(sample.private_key, public_key));
    CHECK(memcmp(public_key, sample.public_key, 64) == 0);
    for (size_t i = 0; i < 8; i++) {
        REQUIRE(CRYPTO->p256_sign(sample.private_key, sample.digest, signature));
        CHECK(CRYPTO->p256_verify(public_key, sample.digest, signature));
    }
    memset(bad, 0, sizeof(bad));
    CHECK(!CRYPTO->p256_public(bad, public_key) && !CRYPTO->p256_sign(bad, bad, signature));
    REQUIRE(ee_hex_decode(ee_bytes_str(order), bad, 32) == EE_OK);
    CHECK(!CRYPTO->p256_public(bad, public_key) && !CRYPTO->p256_sign(bad, bad, signature));
}

static void *verify_often(void *failures)
{
    for (int i = 0; i < 200; i++)
        *(int *)failures += !sample_holds();
    return NULL;
}

static void threads_share_the_curve(void)
{
    pthread_t threads[4];
    int failures[4] = {0};
    REQUIRE(sample_load());
    for (size_t i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, verify_often, &failures[i]) == 0);
    for (size_t i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0 && failures[i] == 0);
}

TESTS(TEST(threads_share_the_curve), TEST(hashes_of_fips_180_4_in_one_part_and_several),
      TEST(hashes_agree_with_evp), TEST(hmac_of_rfc4231),
      TEST(signature_of_rfc6979_and_each_flipped_byte), TEST(r_or_s_of_zero_or_the_order_or_more),
      TEST(points_off_the_curve_or_not_reduced),
      TEST(refusals_leave_no_error_behind_and_keep_the_callers),
      TEST(private_keys_make_their_public_key_and_sign))
