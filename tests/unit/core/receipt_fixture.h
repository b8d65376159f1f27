/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt of a settlement: leaf 3 of a log of 6, signed by a key of the test. */
#ifndef EE_TESTS_CORE_RECEIPT_FIXTURE_H
#define EE_TESTS_CORE_RECEIPT_FIXTURE_H

#include <stdlib.h>

#include "core/receipt.h"
#include "io/crypto_openssl.h"

enum { FIXTURE_LEAVES = 6, FIXTURE_INDEX = 3, PERIOD_S = 10 };

struct receipt_fixture {
    uint8_t network_id[32];
    uint8_t seed[32];
    uint8_t public_key[32];
    struct ee_checks checks;
    struct ee_settle_result settle;
    uint64_t seq;
    uint8_t payload[4096];
    struct ee_command command;
    struct ee_result result;
    uint8_t command_bytes[8192];
    uint8_t result_bytes[1024];
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
    struct ee_receipt receipt;
    uint8_t canonical[EE_RECEIPT_SIZE_MAX];
    size_t canonical_size;
};

/* Ten health and three attestation slots, all answered; $0.000028 paid. */
static inline void receipt_fixture_init(struct receipt_fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->network_id[0] = 0x4e;
    f->seed[0] = 0xcc;
    f->seq = FIXTURE_INDEX + 1;
    f->checks.health_count = 10;
    f->checks.attestation_count = 3;
    memset(f->checks.health, EE_CHECK_OK, 10);
    memset(f->checks.attestation, EE_CHECK_OK, 3);
    f->settle = (struct ee_settle_result){
        .launcher = "alice",
        .operator_name = "op-1",
        .node = "node-1",
        .app = "app",
        .starts_us = 1000000,
        .ends_us = 1000000 + PERIOD_S * 1000000,
        .verdict = EE_VERDICT_PASS,
        .locked = {28},
        .paid = {28},
    };
}

static inline enum ee_err receipt_fixture_commands(struct receipt_fixture *f)
{
    struct ee_writer w;
    ee_writer_init(&w, f->payload, sizeof(f->payload));
    EE_TRY(ee_checks_encode(&f->checks, &w));
    f->command = (struct ee_command){.core_version = EE_CORE_VERSION,
                                     .seq = f->seq,
                                     .time_us = 12000000,
                                     .actor_kind = EE_ACTOR_SYSTEM,
                                     .kind = EE_COMMAND_CHECKS,
                                     .payload = ee_writer_done(&w)};
    ee_writer_init(&w, f->result.body, sizeof(f->result.body));
    EE_TRY(ee_settle_result_encode(&f->settle, &w));
    f->result.body_size = w.size;
    ee_writer_init(&w, f->command_bytes, sizeof(f->command_bytes));
    EE_TRY(ee_command_encode(&f->command, &w));
    f->receipt.command = ee_writer_done(&w);
    ee_writer_init(&w, f->result_bytes, sizeof(f->result_bytes));
    EE_TRY(ee_result_encode(&f->result, &w));
    f->receipt.result = ee_writer_done(&w);
    return EE_OK;
}

static inline enum ee_err receipt_fixture_log(struct receipt_fixture *f)
{
    struct ee_tlog_hash leaves[FIXTURE_LEAVES];
    struct ee_tlog_checkpoint checkpoint = {.size = FIXTURE_LEAVES};
    size_t size = 0;
    for (size_t i = 0; i < FIXTURE_LEAVES; i++)
        memset(&leaves[i], (int)i, sizeof(leaves[i]));
    ee_receipt_leaf_hash(&ee_crypto_openssl, f->receipt.command, f->receipt.result,
                         &leaves[FIXTURE_INDEX]);
    ee_tlog_root_of(&ee_crypto_openssl, leaves, FIXTURE_LEAVES, &checkpoint.root);
    EE_TRY(ee_tlog_path_of(&ee_crypto_openssl, leaves, FIXTURE_LEAVES, FIXTURE_INDEX,
                           &f->receipt.path));
    memcpy(checkpoint.network_id, f->network_id, 32);
    EE_TRY(ee_tlog_checkpoint_sign(&ee_crypto_openssl, &checkpoint, f->seed, f->note,
                                   sizeof(f->note), &size));
    f->receipt.note = ee_bytes_of(f->note, size);
    return EE_OK;
}

/* Everything from checks, settlement and keys as they are now. */
static inline enum ee_err receipt_fixture_make(struct receipt_fixture *f, struct ee_bytes evidence)
{
    struct ee_writer w;
    if (!ee_crypto_openssl.ed25519_public(f->seed, f->public_key))
        return EE_CRYPTO;
    EE_TRY(receipt_fixture_commands(f));
    EE_TRY(receipt_fixture_log(f));
    memcpy(f->receipt.network_id, f->network_id, 32);
    f->receipt.leaf_index = FIXTURE_INDEX;
    f->receipt.evidence = evidence;
    ee_writer_init(&w, f->canonical, sizeof(f->canonical));
    EE_TRY(ee_receipt_encode(&f->receipt, &w));
    f->canonical_size = w.size;
    return EE_OK;
}

/* The file form, malloc'd. */
static inline struct ee_bytes receipt_fixture_file(const struct receipt_fixture *f)
{
    struct ee_writer w;
    uint8_t *file = malloc(EE_RECEIPT_FILE_MAX);
    ee_writer_init(&w, file, EE_RECEIPT_FILE_MAX);
    if (ee_receipt_file_write(&ee_crypto_openssl, ee_bytes_of(f->canonical, f->canonical_size),
                              &w) != EE_OK)
        abort();
    return ee_writer_done(&w);
}

#endif
