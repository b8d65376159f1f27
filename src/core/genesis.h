/* SPDX-License-Identifier: Apache-2.0 */
/* The genesis document: what a client must hold to check everything else. Network id = SHA-256 of
 * its canonical bytes. File form: {"format":"ee-genesis-1","network":"<hex>","genesis":"<base64>"}
 * and a newline, nothing else. docs/spec/genesis.md. */
#ifndef EE_CORE_GENESIS_H
#define EE_CORE_GENESIS_H

#include <stdint.h>

#include "attest/measurement.h"
#include "base/bytes.h"
#include "base/crypto.h"
#include "base/money.h"
#include "base/text.h"
#include "core/params.h"

enum {
    EE_GENESIS_ROOTS_MAX = 4,
    EE_ALLOW_MAX = 32,
    EE_GENESIS_SIZE_MAX = 8192,
    EE_GENESIS_FILE_MAX = 12288
};

enum ee_network_kind { EE_NETWORK_DEVELOPMENT = 1, EE_NETWORK_PRODUCTION = 2 };

/* One allowed measurement: digest of MRTD and RTMR0..2 (attest/measurement.h). */
struct ee_allow_entry {
    enum ee_role role;
    uint8_t measurement[32];
    char label[EE_NAME_MAX + 1];
};

struct ee_quote_root {
    uint8_t public_key[EE_P256_POINT_SIZE]; /* x||y of the root that may anchor quotes */
    uint8_t simulated;                      /* 1: admitted in development only */
};

struct ee_genesis {
    enum ee_network_kind kind;
    char name[EE_NAME_MAX + 1];
    uint8_t salt[32];                          /* so that two networks of the same keys differ */
    uint8_t founding_key[EE_ED25519_KEY_SIZE]; /* allow-list and parameters; its successor is signed
                                                  by it */
    uint8_t
        issuer_key[EE_ED25519_KEY_SIZE]; /* mints; its successor is signed by the founding key */
    struct ee_money mint_daily_cap;
    enum ee_profile profile;
    uint32_t root_count;
    struct ee_quote_root roots[EE_GENESIS_ROOTS_MAX];
    uint32_t allow_count;
    struct ee_allow_entry allow[EE_ALLOW_MAX];
};

/* Checks the rules too: EE_SIMULATED_REFUSED for a simulated root in a production network, EE_RANGE
 * for counts. */
EE_MUST_USE enum ee_err ee_genesis_encode(const struct ee_genesis *genesis, struct ee_writer *out);
EE_MUST_USE enum ee_err ee_genesis_decode(struct ee_bytes bytes, struct ee_genesis *out);
void ee_genesis_network_id(const struct ee_crypto *crypto, struct ee_bytes canonical,
                           uint8_t out[32]);

/* The file form, strict both ways; `canonical_out` has EE_GENESIS_SIZE_MAX bytes. */
EE_MUST_USE enum ee_err ee_genesis_file_write(const struct ee_crypto *crypto,
                                              struct ee_bytes canonical, struct ee_writer *out);
EE_MUST_USE enum ee_err ee_genesis_file_read(const struct ee_crypto *crypto, struct ee_bytes file,
                                             uint8_t *canonical_out, size_t *size_out);

#endif
