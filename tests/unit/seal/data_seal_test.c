/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/data_seal.h"

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "seal/hkdf.h"
#include "tap.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)

struct rig {
    struct ee_data_key key;
    struct ee_data_sealer sealer;
    uint8_t sealed[256];
    size_t size;
};

static struct ee_bytes text(const char *value)
{
    return ee_bytes_str(value);
}

static struct rig rig_make(uint8_t key_byte, uint8_t salt_byte)
{
    struct rig rig = {.size = 0};
    uint8_t key[32], salt[32];
    memset(key, key_byte, sizeof(key));
    memset(salt, salt_byte, sizeof(salt));
    ee_data_key_init(CRYPTO, key, &rig.key);
    ee_data_sealer_init(CRYPTO, &rig.key, salt, &rig.sealer);
    return rig;
}

static enum ee_err rig_seal(struct rig *rig)
{
    return ee_data_seal(CRYPTO, &rig->sealer, text("place"), text("message"), rig->sealed,
                        sizeof(rig->sealed), &rig->size);
}

static enum ee_err rig_open(const struct rig *rig, const char *place, char out[16])
{
    size_t size = 0;
    memset(out, 0, 16);
    return ee_data_open(CRYPTO, &rig->key, text(place), ee_bytes_of(rig->sealed, rig->size),
                        (uint8_t *)out, 15, &size);
}

/* RFC 5869 A.1, the first 32 bytes of its output, and A.3, without salt and info. */
static void hkdf_of_rfc_5869(void)
{
    uint8_t key[22], salt[13], info[10], expected[32], got[32];
    memset(key, 0x0b, sizeof(key));
    for (uint8_t i = 0; i < 13; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < 10; i++)
        info[i] = (uint8_t)(0xf0 + i);
    REQUIRE(ee_hex_decode(text("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"),
                          expected, 32) == EE_OK);
    ee_hkdf_sha256(CRYPTO, ee_bytes_of(salt, 13), ee_bytes_of(key, 22), ee_bytes_of(info, 10), got);
    CHECK(memcmp(got, expected, 32) == 0);
    REQUIRE(ee_hex_decode(text("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"),
                          expected, 32) == EE_OK);
    ee_hkdf_sha256(CRYPTO, ee_bytes_of(NULL, 0), ee_bytes_of(key, 22), ee_bytes_of(NULL, 0), got);
    CHECK(memcmp(got, expected, 32) == 0);
}

static void what_is_sealed_opens_in_its_place(void)
{
    char out[16];
    struct rig rig = rig_make(1, 2);
    REQUIRE(rig_seal(&rig) == EE_OK);
    CHECK(rig.size == strlen("message") + EE_DATA_SEAL_OVERHEAD);
    CHECK(rig_open(&rig, "place", out) == EE_OK && strcmp(out, "message") == 0);
    CHECK(rig_open(&rig, "other", out) == EE_SEAL_OPEN && out[0] == 0);
}

static void form_of_a_piece_is_the_specified_one(void)
{
    struct rig rig = rig_make(1, 2);
    struct ee_data_seal_header header;
    REQUIRE(rig_seal(&rig) == EE_OK && rig_seal(&rig) == EE_OK);
    REQUIRE(ee_data_seal_read(ee_bytes_of(rig.sealed, rig.size), &header) == EE_OK);
    CHECK(rig.sealed[0] == 1 && memcmp(header.key_id, rig.key.id, 16) == 0);
    CHECK(header.key_id == rig.sealed + 1 && header.salt == rig.sealed + 17);
    CHECK(header.salt[0] == 2 && header.counter == 1 && rig.sealed[56] == 1);
    CHECK(header.sealed.data == rig.sealed + 57 && header.sealed.size == 7 + 16);
}

static void flipped_bit_anywhere(void)
{
    char out[16];
    struct rig rig = rig_make(1, 2);
    unsigned opened = 0;
    REQUIRE(rig_seal(&rig) == EE_OK);
    for (size_t bit = 0; bit < 8 * rig.size; bit++) {
        rig.sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        opened += rig_open(&rig, "place", out) != EE_SEAL_OPEN;
        rig.sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(opened == 0);
}

static void piece_cut_anywhere(void)
{
    char out[16];
    struct rig rig = rig_make(1, 2);
    unsigned opened = 0;
    REQUIRE(rig_seal(&rig) == EE_OK);
    for (size_t size = rig.size; size > 0; size--) {
        rig.size = size - 1;
        opened += rig_open(&rig, "place", out) != EE_SEAL_OPEN;
    }
    CHECK(opened == 0);
}

static void another_key(void)
{
    char out[16];
    struct rig rig = rig_make(1, 2), other = rig_make(3, 2);
    REQUIRE(rig_seal(&rig) == EE_OK);
    CHECK(memcmp(rig.key.id, other.key.id, 16) != 0);
    rig.key = other.key;
    CHECK(rig_open(&rig, "place", out) == EE_SEAL_OPEN);
    memcpy(rig.sealed + 1, other.key.id, 16);
    CHECK(rig_open(&rig, "place", out) == EE_SEAL_OPEN);
}

static void counter_is_raised_also_when_sealing_fails(void)
{
    struct rig rig = rig_make(1, 2);
    size_t size;
    CHECK(ee_data_seal(CRYPTO, &rig.sealer, text(""), text("message"), rig.sealed,
                       EE_DATA_SEAL_OVERHEAD + 6, &size) == EE_TOO_LARGE);
    CHECK(rig.sealer.counter == 1);
    rig.sealer.counter = UINT64_MAX;
    CHECK(rig_seal(&rig) == EE_FULL && rig.sealer.counter == UINT64_MAX);
}

static void another_salt_is_another_subkey(void)
{
    struct rig rig = rig_make(1, 2), other = rig_make(1, 4);
    CHECK(memcmp(rig.sealer.subkey, other.sealer.subkey, 32) != 0);
    CHECK(memcmp(rig.key.key, rig.sealer.subkey, 32) != 0);
}

TESTS(TEST(hkdf_of_rfc_5869), TEST(what_is_sealed_opens_in_its_place),
      TEST(form_of_a_piece_is_the_specified_one), TEST(flipped_bit_anywhere),
      TEST(piece_cut_anywhere), TEST(another_key), TEST(counter_is_raised_also_when_sealing_fails),
      TEST(another_salt_is_another_subkey))
