/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include "tap.h"

static const struct ee_crypto *const crypto = &ee_crypto_openssl;
static uint8_t canonical_buffer[EE_GENESIS_SIZE_MAX], file_buffer[EE_GENESIS_FILE_MAX];

static struct ee_genesis good(void)
{
    struct ee_genesis genesis;
    network_genesis(EE_PROFILE_DEVELOPMENT, &genesis);
    return genesis;
}

static enum ee_err encode(const struct ee_genesis *genesis)
{
    struct ee_writer w;
    ee_writer_init(&w, canonical_buffer, sizeof(canonical_buffer));
    return ee_genesis_encode(genesis, &w);
}

static void simulated_root_in_a_production_network(void)
{
    struct ee_genesis genesis = good();
    genesis.kind = EE_NETWORK_PRODUCTION;
    CHECK(encode(&genesis) == EE_SIMULATED_REFUSED);
    genesis.roots[0].simulated = 0;
    CHECK(encode(&genesis) == EE_OK);
}

static void fields_outside_their_rules(void)
{
    struct ee_genesis genesis = good();
    genesis.root_count = EE_GENESIS_ROOTS_MAX + 1;
    CHECK(encode(&genesis) == EE_RANGE);
    genesis.root_count = 0;
    CHECK(encode(&genesis) == EE_RANGE);
    genesis = good();
    genesis.allow_count = EE_ALLOW_MAX + 1;
    CHECK(encode(&genesis) == EE_RANGE);
    genesis = good();
    genesis.allow[1] = genesis.allow[0];
    genesis.allow_count = 2;
    CHECK(encode(&genesis) == EE_DUPLICATE_FIELD);
    genesis = good();
    memset(genesis.issuer_key, 0, sizeof(genesis.issuer_key));
    CHECK(encode(&genesis) == EE_RANGE);
    genesis = good();
    genesis.mint_daily_cap.micros = -1;
    CHECK(encode(&genesis) == EE_RANGE);
    genesis = good();
    genesis.profile = (enum ee_profile)3;
    CHECK(encode(&genesis) == EE_UNSUPPORTED);
    genesis = good();
    genesis.name[0] = '\0';
    CHECK(encode(&genesis) == EE_NAME);
}

static void largest_genesis_fits(void)
{
    struct ee_genesis genesis = good();
    genesis.root_count = EE_GENESIS_ROOTS_MAX;
    genesis.allow_count = EE_ALLOW_MAX;
    for (uint32_t i = 0; i < EE_ALLOW_MAX; i++) {
        genesis.allow[i].role = EE_ROLE_WITNESS;
        genesis.allow[i].measurement[0] = (uint8_t)i;
        memset(genesis.allow[i].label, 'x', EE_NAME_MAX);
    }
    CHECK(encode(&genesis) == EE_OK);
}

static struct ee_bytes file_of(const struct ee_genesis *genesis)
{
    uint8_t buffer[EE_GENESIS_SIZE_MAX];
    struct ee_writer canonical, file;
    ee_writer_init(&canonical, buffer, sizeof(buffer));
    CHECK(ee_genesis_encode(genesis, &canonical) == EE_OK);
    ee_writer_init(&file, file_buffer, sizeof(file_buffer));
    CHECK(ee_genesis_file_write(crypto, ee_writer_done(&canonical), &file) == EE_OK);
    return ee_writer_done(&file);
}

static void file_gives_back_the_canonical_bytes(void)
{
    struct ee_genesis genesis = good(), read;
    uint8_t back[EE_GENESIS_SIZE_MAX];
    size_t size;
    struct ee_bytes file = file_of(&genesis);
    CHECK(ee_genesis_file_read(crypto, file, back, &size) == EE_OK);
    CHECK(ee_genesis_decode(ee_bytes_of(back, size), &read) == EE_OK);
    CHECK(memcmp(read.founding_key, genesis.founding_key, 32) == 0);
    CHECK(memcmp(file.data, "{\"format\":\"ee-genesis-1\",\"network\":\"", 36) == 0);
    CHECK(file.data[file.size - 1] == '\n');
}

static void file_cut_or_with_any_byte_changed(void)
{
    struct ee_genesis genesis = good();
    uint8_t back[EE_GENESIS_SIZE_MAX], changed[EE_GENESIS_FILE_MAX];
    size_t size;
    struct ee_bytes file = file_of(&genesis);
    for (size_t i = 0; i < file.size; i++)
        CHECK(ee_genesis_file_read(crypto, ee_bytes_of(file.data, i), back, &size) != EE_OK);
    for (size_t i = 0; i < file.size; i++) {
        memcpy(changed, file.data, file.size);
        changed[i] ^= 0x20; /* also turns lower-case hex into upper case */
        CHECK(ee_genesis_file_read(crypto, ee_bytes_of(changed, file.size), back, &size) != EE_OK);
    }
    memcpy(changed, file.data, file.size);
    changed[file.size] = '\n';
    CHECK(ee_genesis_file_read(crypto, ee_bytes_of(changed, file.size + 1), back, &size) != EE_OK);
}

static void file_whose_network_id_is_of_another_genesis(void)
{
    struct ee_genesis genesis = good();
    uint8_t back[EE_GENESIS_SIZE_MAX], other[EE_GENESIS_FILE_MAX];
    size_t size;
    struct ee_bytes file = file_of(&genesis);
    memcpy(other, file.data, file.size);
    genesis.salt[0] = 1;
    file = file_of(&genesis);
    memcpy(other + 36, file.data + 36, 64); /* the id of the other */
    CHECK(ee_genesis_file_read(crypto, ee_bytes_of(other, file.size), back, &size) ==
          EE_WRONG_NETWORK);
}

static void profiles_have_the_published_values(void)
{
    const struct ee_params *p = ee_params_of(EE_PROFILE_PRODUCTION);
    CHECK(p->period_s == 3600 && p->slot_ms == 30000 && p->attestation_s == 600);
    CHECK(ee_params_health_slots(p) == 120 && ee_params_attestation_slots(p) == 6);
    p = ee_params_of(EE_PROFILE_DEVELOPMENT);
    CHECK(p->period_s == 10 && p->try_window_ms == 600 && p->migrate_after_s == 3);
    CHECK(ee_params_health_slots(p) == 10 && ee_params_attestation_slots(p) == 3);
    CHECK(ee_params_of((enum ee_profile)9) == NULL);
}

TESTS(TEST(simulated_root_in_a_production_network), TEST(fields_outside_their_rules),
      TEST(largest_genesis_fits), TEST(file_gives_back_the_canonical_bytes),
      TEST(file_cut_or_with_any_byte_changed), TEST(file_whose_network_id_is_of_another_genesis),
      TEST(profiles_have_the_published_values))
