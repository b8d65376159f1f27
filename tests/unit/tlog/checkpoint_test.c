/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/checkpoint.h"

#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

static const uint8_t seed[32] = {1, 2, 3};
static uint8_t public_key[32];
static char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
static size_t note_size;
static struct ee_tlog_checkpoint head;

static enum ee_err verify(const char *text, size_t size, struct ee_tlog_checkpoint *out)
{
    return ee_tlog_checkpoint_verify(CRYPTO, ee_bytes_of(text, size), head.network_id, public_key,
                                     out);
}

static void make(void)
{
    memset(head.network_id, 0xab, sizeof(head.network_id));
    head.size = 1234567;
    memset(head.root.bytes, 0x5c, sizeof(head.root.bytes));
    CHECK(CRYPTO->ed25519_public(seed, public_key));
    CHECK(ee_tlog_checkpoint_sign(CRYPTO, &head, seed, note, sizeof(note), &note_size) == EE_OK);
}

static void signed_checkpoint_has_the_c2sp_form_and_verifies(void)
{
    struct ee_tlog_checkpoint got;
    make();
    const char *expected =
        "easyenclave/abababababababababababababababababababababababababababababababab\n1234567\n"
        "XFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFw=\n\n\xe2\x80\x94 easyenclave/abab";
    CHECK(strncmp(note, expected, strlen(expected)) == 0);
    CHECK(note_size == strlen(note) && note[note_size - 1] == '\n');
    REQUIRE(verify(note, note_size, &got) == EE_OK);
    CHECK(got.size == head.size && memcmp(&got.root, &head.root, 32) == 0);
    CHECK(memcmp(got.network_id, head.network_id, 32) == 0);
}

static void any_flipped_bit_or_missing_end_is_refused(void)
{
    struct ee_tlog_checkpoint got;
    char broken[EE_TLOG_CHECKPOINT_SIZE_MAX];
    make();
    for (size_t i = 0; i < note_size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(broken, note, note_size);
            broken[i] = (char)(broken[i] ^ (1 << bit));
            CHECK(verify(broken, note_size, &got) != EE_OK);
        }
        CHECK(verify(note, i, &got) != EE_OK);
    }
}

static void checkpoint_of_another_network_or_key(void)
{
    struct ee_tlog_checkpoint got;
    uint8_t other[32];
    make();
    memset(other, 0xac, sizeof(other));
    CHECK(ee_tlog_checkpoint_verify(CRYPTO, ee_bytes_of(note, note_size), other, public_key,
                                    &got) == EE_WRONG_NETWORK);
    REQUIRE(CRYPTO->ed25519_public(other, other));
    CHECK(ee_tlog_checkpoint_verify(CRYPTO, ee_bytes_of(note, note_size), head.network_id, other,
                                    &got) == EE_CHECKPOINT);
}

static void signatures_of_other_keys_are_allowed_beside_ours(void)
{
    struct ee_tlog_checkpoint got;
    char more[1024];
    make();
    int size = snprintf(more, sizeof(more), "%s\xe2\x80\x94 witness.example AAAAAAAA\n", note);
    CHECK(verify(more, (size_t)size, &got) == EE_OK);
    size = snprintf(more, sizeof(more), "%sno signature line\n", note);
    CHECK(verify(more, (size_t)size, &got) == EE_SYNTAX);
    size = snprintf(more, sizeof(more), "%s\xe2\x80\x94 witness.example \n", note);
    CHECK(verify(more, (size_t)size, &got) == EE_SYNTAX);
}

static void more_signatures_than_the_limit(void)
{
    struct ee_tlog_checkpoint got;
    char more[2048];
    make();
    memcpy(more, note, note_size);
    size_t size = note_size;
    for (size_t i = 0; i < EE_TLOG_SIGNATURES_MAX; i++) {
        CHECK(verify(more, size, &got) == EE_OK);
        size += (size_t)snprintf(more + size, sizeof(more) - size,
                                 "\xe2\x80\x94 witness.example AAAAAAAA\n");
    }
    CHECK(verify(more, size, &got) == EE_TOO_LARGE);
}

static void size_with_leading_zero_sign_or_overflow(void)
{
    static const char *const sizes[] = {"01", "-1", "", "18446744073709551616", " 1", "1 "};
    struct ee_tlog_checkpoint got;
    make();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char text[512];
        int size = snprintf(text, sizeof(text), "%.76s\n%s\n%s", note, sizes[i], note + 85);
        CHECK(verify(text, (size_t)size, &got) != EE_OK);
        CHECK(verify(text, (size_t)size, &got) != EE_CHECKPOINT);
    }
}

TESTS(TEST(signed_checkpoint_has_the_c2sp_form_and_verifies),
      TEST(any_flipped_bit_or_missing_end_is_refused), TEST(checkpoint_of_another_network_or_key),
      TEST(signatures_of_other_keys_are_allowed_beside_ours), TEST(more_signatures_than_the_limit),
      TEST(size_with_leading_zero_sign_or_overflow))
