/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: RFC 9180 appendix A.1.1 for the KEM (it does not depend on the AEAD), and the entry of
 * the RFC's published test-vectors.json with mode 0, kem 0x0020, kdf 0x0001, aead 0x0002 for the
 * rest. */
#include "seal/hpke.h"

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

struct hex32 {
    uint8_t bytes[32];
};

static struct hex32 hex32(const char *text)
{
    struct hex32 out = {{0}};
    CHECK(ee_hex_decode(ee_bytes_str(text), out.bytes, 32) == EE_OK);
    return out;
}

static void kem_of_rfc_9180_a_1_1(void)
{
    struct hex32 sk_e = hex32("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736");
    struct hex32 sk_r = hex32("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
    struct hex32 pk_r = hex32("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
    struct hex32 enc = hex32("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
    struct hex32 shared = hex32("fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc");
    uint8_t got_enc[32], got[32];
    REQUIRE(ee_hpke_encap(CRYPTO, sk_e.bytes, pk_r.bytes, got_enc, got) == EE_OK);
    CHECK(memcmp(got_enc, enc.bytes, 32) == 0 && memcmp(got, shared.bytes, 32) == 0);
    REQUIRE(ee_hpke_decap(CRYPTO, enc.bytes, sk_r.bytes, got) == EE_OK);
    CHECK(memcmp(got, shared.bytes, 32) == 0);
}

static void key_schedule_and_ciphertext_of_the_published_vector(void)
{
    static const char plain[] = "Beauty is truth, truth beauty";
    static const char ct_hex[] = "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be993198"
                                 "0a41de125a925cdad859d5b7a";
    const struct ee_bytes info = ee_bytes_str("Ode on a Grecian Urn");
    const struct ee_bytes aad = ee_bytes_str("Count-0");
    struct hex32 sk_e = hex32("179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11");
    struct hex32 sk_r = hex32("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d");
    struct hex32 pk_r = hex32("430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c");
    struct hex32 enc = hex32("6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256");
    struct hex32 shared = hex32("3101c54c3a4f87439eaac080699ed9bbcc726ffe44e860c0424ccb7e3e2ead7b");
    struct hex32 key = hex32("f50b0609186798729ed0564b36ef2ef8044f1f9d05636874d1f46c819c7a669f");
    uint8_t nonce[12], ct[45], out[32 + 45], opened[29];
    struct ee_hpke_keys keys;
    CHECK(ee_hex_decode(ee_bytes_str("151d9929e2449747889bc923"), nonce, 12) == EE_OK);
    CHECK(ee_hex_decode(ee_bytes_str(ct_hex), ct, sizeof(ct)) == EE_OK);
    ee_hpke_schedule(CRYPTO, shared.bytes, info, &keys);
    CHECK(memcmp(keys.key, key.bytes, 32) == 0 && memcmp(keys.nonce, nonce, 12) == 0);
    REQUIRE(ee_hpke_seal(CRYPTO, sk_e.bytes, pk_r.bytes, info, aad, ee_bytes_str(plain), out) ==
            EE_OK);
    CHECK(memcmp(out, enc.bytes, 32) == 0 && memcmp(out + 32, ct, sizeof(ct)) == 0);
    REQUIRE(ee_hpke_open(CRYPTO, sk_r.bytes, info, aad, ee_bytes_of(out, sizeof(out)), opened) ==
            EE_OK);
    CHECK(memcmp(opened, plain, sizeof(opened)) == 0);
}

static void sealed_message_damaged_truncated_or_with_other_info(void)
{
    struct hex32 sk_r = hex32("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d");
    struct hex32 sk_e = hex32("179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11");
    uint8_t pk_r[32], out[EE_HPKE_OVERHEAD + 3], opened[3];
    const struct ee_bytes a = ee_bytes_str("a"), none = ee_bytes_of(NULL, 0);
    REQUIRE(CRYPTO->x25519_public(sk_r.bytes, pk_r));
    REQUIRE(ee_hpke_seal(CRYPTO, sk_e.bytes, pk_r, a, none, ee_bytes_str("xyz"), out) == EE_OK);
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] ^= 0x04;
        CHECK(ee_hpke_open(CRYPTO, sk_r.bytes, a, none, ee_bytes_of(out, sizeof(out)), opened) ==
              EE_SEAL_OPEN);
        out[i] ^= 0x04;
        CHECK(ee_hpke_open(CRYPTO, sk_r.bytes, a, none, ee_bytes_of(out, i), opened) ==
              EE_SEAL_OPEN);
    }
    CHECK(ee_hpke_open(CRYPTO, sk_r.bytes, none, none, ee_bytes_of(out, sizeof(out)), opened) ==
          EE_SEAL_OPEN);
    CHECK(ee_hpke_open(CRYPTO, sk_e.bytes, a, none, ee_bytes_of(out, sizeof(out)), opened) ==
          EE_SEAL_OPEN);
}

static void recipient_key_of_small_order(void)
{
    static const uint8_t zero[32] = {0};
    uint8_t ephemeral[32] = {7}, out[EE_HPKE_OVERHEAD];
    const struct ee_bytes none = ee_bytes_of(NULL, 0);
    CHECK(ee_hpke_seal(CRYPTO, ephemeral, zero, none, none, none, out) == EE_CRYPTO);
}

TESTS(TEST(kem_of_rfc_9180_a_1_1), TEST(key_schedule_and_ciphertext_of_the_published_vector),
      TEST(sealed_message_damaged_truncated_or_with_other_info), TEST(recipient_key_of_small_order))
