/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tap.h"

#include "receipt_fixture.h"

#include "base/banned.h"

static struct receipt_fixture f;
static struct ee_receipt_fact fact;
static uint8_t copy[EE_RECEIPT_SIZE_MAX];

static bool made(void)
{
    receipt_fixture_init(&f);
    return receipt_fixture_make(&f, ee_bytes_str("{\"evidence\":1}\n")) == EE_OK;
}

static enum ee_err verify(const struct ee_receipt *receipt)
{
    return ee_receipt_verify(&ee_crypto_openssl, receipt, f.network_id, f.public_key, &fact);
}

static void good_receipt_verifies(void)
{
    struct ee_receipt decoded;
    REQUIRE(made());
    REQUIRE(ee_receipt_decode(ee_bytes_of(f.canonical, f.canonical_size), &decoded) == EE_OK);
    CHECK(ee_bytes_equal(decoded.command, f.receipt.command));
    CHECK(ee_bytes_equal(decoded.evidence, f.receipt.evidence));
    CHECK(verify(&decoded) == EE_OK);
    CHECK(fact.command.seq == FIXTURE_INDEX + 1 && fact.command.kind == EE_COMMAND_CHECKS);
    CHECK(fact.result.err == EE_OK && fact.checkpoint.size == FIXTURE_LEAVES);
}

static void each_broken_part_has_its_error(void)
{
    uint8_t key[32];
    REQUIRE(made());
    struct ee_receipt r = f.receipt;
    r.network_id[31] ^= 1;
    CHECK(verify(&r) == EE_WRONG_NETWORK);
    r = f.receipt;
    r.leaf_index++;
    CHECK(verify(&r) == EE_PROOF);
    r = f.receipt;
    r.path.hashes[1].bytes[5] ^= 1;
    CHECK(verify(&r) == EE_PROOF);
    r = f.receipt;
    r.path.count--;
    CHECK(verify(&r) == EE_PROOF);
    r = f.receipt;
    r.command.size--;
    CHECK(verify(&r) == EE_PROOF);
    r = f.receipt;
    r.result = r.command;
    CHECK(verify(&r) == EE_PROOF);
    memcpy(key, f.public_key, 32);
    key[0] ^= 1;
    CHECK(ee_receipt_verify(&ee_crypto_openssl, &f.receipt, f.network_id, key, &fact) ==
          EE_CHECKPOINT);
    f.note[strlen(f.note) - 5] ^= 1;
    CHECK(verify(&f.receipt) != EE_OK);
}

static void command_of_another_number_than_its_leaf(void)
{
    receipt_fixture_init(&f);
    f.seq = FIXTURE_INDEX + 2; /* properly in the log, but the log numbers otherwise */
    REQUIRE(receipt_fixture_make(&f, ee_bytes_str("e")) == EE_OK);
    CHECK(verify(&f.receipt) == EE_RECEIPT);
}

static void every_prefix_and_a_trailing_byte_are_refused(void)
{
    struct ee_receipt decoded;
    REQUIRE(made());
    for (size_t size = 0; size < f.canonical_size; size++)
        CHECK(ee_receipt_decode(ee_bytes_of(f.canonical, size), &decoded) != EE_OK);
    CHECK(ee_receipt_decode(ee_bytes_of(f.canonical, f.canonical_size + 1), &decoded) ==
          EE_TRAILING);
}

static void every_flipped_byte_is_refused(void)
{
    struct ee_receipt decoded;
    REQUIRE(made());
    struct ee_bytes evidence = f.receipt.evidence;
    for (size_t i = 0; i + evidence.size < f.canonical_size; i++) {
        memcpy(copy, f.canonical, f.canonical_size);
        copy[i] ^= 0x20;
        CHECK(ee_receipt_decode(ee_bytes_of(copy, f.canonical_size), &decoded) != EE_OK ||
              verify(&decoded) != EE_OK);
    }
}

static void parts_empty_or_too_large_are_not_written(void)
{
    struct ee_writer w;
    REQUIRE(made());
    struct ee_receipt r = f.receipt;
    ee_writer_init(&w, copy, sizeof(copy));
    r.evidence.size = 0;
    CHECK(ee_receipt_encode(&r, &w) == EE_RANGE);
    r.evidence.size = EE_RECEIPT_EVIDENCE_MAX + 1;
    CHECK(ee_receipt_encode(&r, &w) == EE_TOO_LARGE);
    r = f.receipt;
    r.path.count = EE_TLOG_PROOF_MAX + 1;
    CHECK(ee_receipt_encode(&r, &w) == EE_RANGE);
    r = f.receipt;
    r.command.size = EE_RECEIPT_COMMAND_MAX + 1;
    CHECK(ee_receipt_encode(&r, &w) == EE_TOO_LARGE);
    CHECK(w.size == 0);
    ee_writer_init(&w, copy, f.canonical_size - 1);
    CHECK(ee_receipt_encode(&f.receipt, &w) == EE_TOO_LARGE);
}

/* Version 2 is for receipts that bring changes, version 1 for the others. */
static void changes_make_another_version(void)
{
    struct ee_receipt decoded;
    struct ee_writer w;
    REQUIRE(made());
    struct ee_receipt r = f.receipt;
    r.changes[0] = ee_bytes_str("one");
    r.changes[1] = ee_bytes_str("another");
    r.change_count = 2;
    ee_writer_init(&w, copy, sizeof(copy));
    REQUIRE(ee_receipt_encode(&r, &w) == EE_OK);
    REQUIRE(ee_receipt_decode(ee_writer_done(&w), &decoded) == EE_OK);
    CHECK(decoded.change_count == 2 && ee_bytes_equal(decoded.changes[1], ee_bytes_str("another")));
    for (size_t size = w.size - 20; size < w.size; size++)
        CHECK(ee_receipt_decode(ee_bytes_of(copy, size), &decoded) != EE_OK);
    copy[w.size] = 0;
    CHECK(ee_receipt_decode(ee_bytes_of(copy, w.size + 1), &decoded) == EE_TRAILING);
    r.change_count = EE_RECEIPT_CHANGES_MAX + 1;
    CHECK(ee_receipt_encode(&r, &w) == EE_TOO_LARGE);
    r.change_count = 1;
    r.changes[0].size = 0;
    CHECK(ee_receipt_encode(&r, &w) == EE_RANGE);
}

static void version_with_changes_that_has_none(void)
{
    static const uint8_t none[] = {0, 0};
    struct ee_receipt decoded;
    REQUIRE(made());
    memcpy(copy, f.canonical, f.canonical_size);
    copy[1 + strlen("ee-receipt") + 1] = 2; /* the version behind the label */
    memcpy(copy + f.canonical_size, none, sizeof(none));
    CHECK(ee_receipt_decode(ee_bytes_of(copy, f.canonical_size + 2), &decoded) == EE_RANGE);
}

/* ---- file form ---- */

static enum ee_err file_read(struct ee_bytes file, size_t capacity)
{
    size_t size = 0;
    return ee_receipt_file_read(&ee_crypto_openssl, file, copy, capacity, &size);
}

static void file_form_round_trips(void)
{
    size_t size = 0;
    REQUIRE(made());
    for (size_t evidence = 1; evidence < 4; evidence++) { /* each padding of base64 */
        REQUIRE(receipt_fixture_make(&f, ee_bytes_of("abc", evidence)) == EE_OK);
        struct ee_bytes file = receipt_fixture_file(&f);
        CHECK(ee_receipt_file_read(&ee_crypto_openssl, file, copy, sizeof(copy), &size) == EE_OK);
        CHECK(size == f.canonical_size && memcmp(copy, f.canonical, size) == 0);
        CHECK(file_read(file, size - 1) == EE_TOO_LARGE);
        free((void *)(uintptr_t)file.data);
    }
}

static void largest_receipt_fits_the_file(void)
{
    static uint8_t evidence[EE_RECEIPT_EVIDENCE_MAX];
    receipt_fixture_init(&f);
    REQUIRE(receipt_fixture_make(&f, ee_bytes_of(evidence, sizeof(evidence))) == EE_OK);
    struct ee_bytes file = receipt_fixture_file(&f);
    CHECK(file_read(file, sizeof(copy)) == EE_OK);
    free((void *)(uintptr_t)file.data);
}

static void file_with_any_changed_byte_is_refused(void)
{
    REQUIRE(made());
    for (size_t evidence = 1; evidence < 4; evidence++) {
        REQUIRE(receipt_fixture_make(&f, ee_bytes_of("abc", evidence)) == EE_OK);
        struct ee_bytes file = receipt_fixture_file(&f);
        uint8_t *bytes = malloc(file.size + 1);
        memcpy(bytes, file.data, file.size);
        for (size_t i = 0; i < file.size; i++)
            for (unsigned change = 1; change < 256; change <<= 1) {
                bytes[i] ^= (uint8_t)change;
                CHECK(file_read(ee_bytes_of(bytes, file.size), sizeof(copy)) != EE_OK);
                bytes[i] ^= (uint8_t)change;
            }
        bytes[file.size] = '\n';
        CHECK(file_read(ee_bytes_of(bytes, file.size + 1), sizeof(copy)) == EE_SYNTAX);
        for (size_t size = 0; size < file.size; size++)
            CHECK(file_read(ee_bytes_of(bytes, size), sizeof(copy)) != EE_OK);
        free(bytes);
        free((void *)(uintptr_t)file.data);
    }
}

static void file_in_other_base64_of_the_same_bytes_is_refused(void)
{
    REQUIRE(made());
    struct ee_bytes file = receipt_fixture_file(&f);
    uint8_t *bytes = malloc(file.size);
    unsigned changed = 0;
    memcpy(bytes, file.data, file.size);
    for (size_t i = 40; i < file.size; i++)
        if (bytes[i] == '+' || bytes[i] == '/') {
            bytes[i] = bytes[i] == '+' ? '-' : '_';
            changed++;
        }
    CHECK(changed > 0);
    CHECK(file_read(ee_bytes_of(bytes, file.size), sizeof(copy)) == EE_SYNTAX);
    free(bytes);
    free((void *)(uintptr_t)file.data);
}

static void file_larger_than_the_limit_is_refused(void)
{
    CHECK(file_read(ee_bytes_of(copy, EE_RECEIPT_FILE_MAX + 1), sizeof(copy)) == EE_TOO_LARGE);
}

/* ---- settlement ---- */

static struct ee_receipt_settlement settlement;

static enum ee_err consistent(void)
{
    if (receipt_fixture_commands(&f) != EE_OK)
        return EE_CRYPTO;
    return ee_receipt_settlement_consistent(ee_params_of(EE_PROFILE_DEVELOPMENT), &f.command,
                                            &f.result, &settlement);
}

static void outcome_set(enum ee_verdict_kind verdict, enum ee_fail_reason reason)
{
    f.settle.verdict = verdict;
    f.settle.reason = reason;
    f.settle.paid.micros = verdict == EE_VERDICT_PASS ? 28 : 0;
    f.settle.refunded.micros = verdict == EE_VERDICT_PASS ? 0 : 28;
}

static void verdicts_that_follow_from_their_checks(void)
{
    receipt_fixture_init(&f);
    CHECK(consistent() == EE_OK && !settlement.earlier_miss);
    CHECK(settlement.checks.health_count == 10 && settlement.settle.paid.micros == 28);
    f.checks.health[4] = EE_CHECK_VOID;
    CHECK(consistent() == EE_OK); /* one void slot decides nothing */
    f.checks.attestation[2] = EE_CHECK_MISSED;
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_MISSED_ATTESTATION);
    CHECK(consistent() == EE_OK && !settlement.earlier_miss);
    f.checks.health[9] = EE_CHECK_MISSED;
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_MISSED_HEALTH);
    CHECK(consistent() == EE_OK && !settlement.earlier_miss);
    memset(f.checks.health, EE_CHECK_OK, 10);
    memset(f.checks.attestation, EE_CHECK_VOID, 3);
    outcome_set(EE_VERDICT_VOID, EE_FAIL_NONE);
    CHECK(consistent() == EE_OK);
    memset(f.checks.health, EE_CHECK_VOID, 10);
    CHECK(consistent() == EE_OK);
}

static void verdicts_that_do_not_follow(void)
{
    receipt_fixture_init(&f);
    f.checks.health[0] = EE_CHECK_MISSED; /* paid all the same */
    CHECK(consistent() == EE_RECEIPT);
    outcome_set(EE_VERDICT_VOID, EE_FAIL_NONE);
    CHECK(consistent() == EE_RECEIPT);
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_MISSED_ATTESTATION); /* health comes first */
    CHECK(consistent() == EE_RECEIPT);
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_NONE);
    CHECK(consistent() == EE_RECEIPT);
    receipt_fixture_init(&f);
    memset(f.checks.attestation, EE_CHECK_VOID, 3); /* absence of evidence is not a pass */
    CHECK(consistent() == EE_RECEIPT);
    receipt_fixture_init(&f);
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_ABUSE);
    CHECK(consistent() == EE_RECEIPT);
}

static void failure_by_an_earlier_miss_is_marked(void)
{
    receipt_fixture_init(&f);
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_MISSED_HEALTH);
    CHECK(consistent() == EE_OK && settlement.earlier_miss);
    f.checks.attestation[0] = EE_CHECK_MISSED;
    CHECK(consistent() == EE_OK && settlement.earlier_miss);
    receipt_fixture_init(&f);
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_MISSED_ATTESTATION);
    CHECK(consistent() == EE_OK && settlement.earlier_miss);
}

static void slot_counts_that_do_not_fit_the_period(void)
{
    receipt_fixture_init(&f);
    f.checks.health_count = 9;
    CHECK(consistent() == EE_RECEIPT);
    receipt_fixture_init(&f);
    f.checks.attestation_count = 2;
    CHECK(consistent() == EE_RECEIPT);
    receipt_fixture_init(&f);
    f.settle.ends_us = f.settle.starts_us + 2500000; /* ended early */
    f.checks.health_count = 3;
    f.checks.attestation_count = 1;
    f.settle.paid.micros = 9;
    f.settle.refunded.micros = 19;
    CHECK(consistent() == EE_OK);
    f.settle.ends_us = f.settle.starts_us - 1;
    CHECK(consistent() == EE_RECEIPT);
    f.settle.ends_us = f.settle.starts_us + 11 * 1000000; /* longer than a period */
    f.checks.health_count = 11;
    f.checks.attestation_count = 3;
    CHECK(consistent() == EE_RECEIPT);
}

static void money_that_does_not_follow(void)
{
    receipt_fixture_init(&f);
    f.settle.paid.micros = 27;
    CHECK(consistent() != EE_OK); /* one lost: has not even a canonical form */
    f.settle.refunded.micros = 1;
    CHECK(consistent() == EE_OK);
    f.settle.refunded.micros = 2;
    CHECK(consistent() != EE_OK); /* one created */
    receipt_fixture_init(&f);
    f.checks.health[0] = EE_CHECK_MISSED;
    outcome_set(EE_VERDICT_FAIL, EE_FAIL_MISSED_HEALTH);
    f.settle.paid.micros = 1;
    f.settle.refunded.micros = 27;
    CHECK(consistent() == EE_RECEIPT); /* a failed period pays nothing */
}

static void other_commands_are_no_settlement(void)
{
    receipt_fixture_init(&f);
    REQUIRE(consistent() == EE_OK);
    f.result.err = EE_CHECKS_INVALID;
    CHECK(ee_receipt_settlement_consistent(ee_params_of(EE_PROFILE_DEVELOPMENT), &f.command,
                                           &f.result, &settlement) == EE_STATE);
    f.command.kind = EE_COMMAND_TICK;
    CHECK(ee_receipt_settlement_consistent(ee_params_of(EE_PROFILE_DEVELOPMENT), &f.command,
                                           &f.result, &settlement) == EE_UNSUPPORTED);
}

TESTS(TEST(good_receipt_verifies), TEST(each_broken_part_has_its_error),
      TEST(command_of_another_number_than_its_leaf),
      TEST(every_prefix_and_a_trailing_byte_are_refused), TEST(every_flipped_byte_is_refused),
      TEST(parts_empty_or_too_large_are_not_written), TEST(changes_make_another_version),
      TEST(version_with_changes_that_has_none), TEST(file_form_round_trips),
      TEST(largest_receipt_fits_the_file), TEST(file_with_any_changed_byte_is_refused),
      TEST(file_in_other_base64_of_the_same_bytes_is_refused),
      TEST(file_larger_than_the_limit_is_refused), TEST(verdicts_that_follow_from_their_checks),
      TEST(verdicts_that_do_not_follow), TEST(failure_by_an_earlier_miss_is_marked),
      TEST(slot_counts_that_do_not_fit_the_period), TEST(money_that_does_not_follow),
      TEST(other_commands_are_no_settlement))
