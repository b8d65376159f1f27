/* SPDX-License-Identifier: Apache-2.0 */
/* The journal tools on sealed journals: with the key, without it, with another, and on a plain one
 * of a production network. */
#include <stdlib.h>

#include "control/sequencer_tools.h"
#include "control/vault.h"
#include "tap.h"

#include "core_fixture.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)

static struct ee_vault *vault_of(uint8_t byte)
{
    struct ee_vault *vault = NULL;
    struct ee_data_key key;
    uint8_t bytes[EE_DATA_KEY_SIZE];
    memset(bytes, byte, sizeof(bytes));
    ee_data_key_init(CRYPTO, bytes, &key);
    CHECK(ee_vault_new(CRYPTO, &vault) == EE_OK && ee_vault_add(vault, &key, true) == EE_OK);
    return vault;
}

/* The fixture's network, as a production one. */
static void genesis_to_production(struct fixture *f)
{
    struct ee_genesis genesis;
    struct ee_writer w;
    CHECK(ee_genesis_decode(ee_bytes_of(f->genesis, f->genesis_size), &genesis) == EE_OK);
    genesis.kind = EE_NETWORK_PRODUCTION;
    genesis.roots[0].simulated = 0;
    ee_writer_init(&w, f->genesis, sizeof(f->genesis));
    CHECK(ee_genesis_encode(&genesis, &w) == EE_OK);
    f->genesis_size = w.size;
    ee_genesis_network_id(CRYPTO, ee_writer_done(&w), f->network_id);
}

static enum ee_err count_line(void *context, struct ee_bytes line)
{
    *(size_t *)context += line.size > 0;
    return EE_OK;
}

static void sealed_journal_is_verified_and_exported_with_its_key_only(void)
{
    struct core_fixture c;
    struct ee_journal_report report, whole;
    struct ee_vault *vault = vault_of(1), *other = vault_of(2);
    const struct ee_journal_seal *seal = ee_vault_journal_seal(vault);
    size_t lines = 0;
    core_fixture_init(&c);
    genesis_to_production(c.f);
    c.f->seal = seal;
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    fixture_stop(c.f);
    REQUIRE(ee_journal_verify(c.path, CRYPTO, seal, true, &whole) == EE_OK);
    CHECK(whole.commands == 5 && !whole.chain_only);
    CHECK(ee_journal_export(c.path, CRYPTO, seal, 1, count_line, &lines, NULL) == EE_OK);
    CHECK(lines == 5);
    CHECK(ee_journal_verify(c.path, CRYPTO, NULL, false, &report) == EE_UNSUPPORTED);
    CHECK(report.fault.batch == 1);
    CHECK(ee_journal_verify(c.path, CRYPTO, ee_vault_journal_seal(other), false, &report) ==
          EE_SEAL_OPEN);
    CHECK(ee_journal_export(c.path, CRYPTO, NULL, 1, count_line, &lines, NULL) == EE_UNSUPPORTED);
    REQUIRE(ee_journal_verify_chain(c.path, CRYPTO, &report) == EE_OK);
    CHECK(report.chain_only && report.commands == whole.commands &&
          report.batches == whole.batches && report.epoch == whole.epoch);
    CHECK(lines == 5);
    core_fixture_close(&c);
    ee_vault_free(vault);
    ee_vault_free(other);
}

static void plain_batch_of_a_production_network_is_named(void)
{
    struct core_fixture c;
    struct ee_journal_report report;
    core_fixture_init(&c);
    genesis_to_production(c.f);
    REQUIRE(core_fixture_start(&c) == EE_OK); /* the fixture gives leave to write it */
    fixture_stop(c.f);
    CHECK(ee_journal_verify(c.path, CRYPTO, NULL, false, &report) == EE_JOURNAL_PLAIN);
    CHECK(report.fault.batch == 1 && report.fault.what != NULL);
    core_fixture_close(&c);
}

TESTS(TEST(sealed_journal_is_verified_and_exported_with_its_key_only),
      TEST(plain_batch_of_a_production_network_is_named))
