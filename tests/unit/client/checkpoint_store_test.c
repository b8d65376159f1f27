/* SPDX-License-Identifier: Apache-2.0 */
/* The highest checkpoint: kept, and a network that contradicts it is refused with both notes kept.
 */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "client/checkpoint_store.h"
#include "io/crypto_openssl.h"
#include "tap.h"
#include "tlog/tlog.h"

#include "scratch.h"

#define CRYPTO (&ee_crypto_openssl)
static const uint8_t network[32] = {1, 2, 3}, seed[32] = {7}, other_seed[32] = {8};
static struct ee_client_problem problem;
static struct ee_client_head floor_head;
static uint8_t key[32];

/* Two logs that differ from leaf 4 on. */
enum { LEAVES = 20, HONEST = 0, OTHER = 1 };
static struct ee_tlog logs[2];
static bool refuses_proof;
/* What the network shows of its keys, and says of its epoch. */
static struct ee_checkpoint_key successions[4];
static size_t succession_count;
static uint64_t epoch;
static const uint8_t founder_seed[32] = {'f'};
static uint8_t founding_key[32];

static void logs_make(void)
{
    for (size_t log = 0; log < 2; log++) {
        ee_tlog_close(&logs[log]);
        ee_tlog_init(&logs[log], CRYPTO, &ee_allocator_system);
        for (uint8_t i = 0; i < LEAVES; i++) {
            struct ee_tlog_hash leaf = {{i < 4 ? i : (uint8_t)(i + 100 * log)}};
            CHECK(ee_tlog_append(&logs[log], &leaf) == EE_OK);
        }
    }
}

static enum ee_err prove(void *context, uint64_t from, uint64_t to, struct ee_tlog_hash *root_out,
                         struct ee_tlog_proof *out)
{
    const struct ee_tlog *log = context;
    return refuses_proof || ee_tlog_root(log, from, root_out) != EE_OK ||
                   ee_tlog_consistency(log, from, to, out) != EE_OK
               ? EE_PROOF
               : EE_OK;
}

static enum ee_err list(void *context, struct ee_checkpoint_key out[EE_SUCCESSIONS_MAX],
                        size_t *count_out)
{
    (void)context;
    memcpy(out, successions, succession_count * sizeof(out[0]));
    *count_out = succession_count;
    return EE_OK;
}

static struct ee_client_prover prover_of(size_t log)
{
    return (struct ee_client_prover){.context = &logs[log],
                                     .founding_key = founding_key,
                                     .epoch = epoch,
                                     .successions = list,
                                     .consistency = prove};
}

/* Observes a note of that size of one of the logs, signed by `by`, after the floor was loaded. */
static enum ee_err observe(uint64_t size, size_t log, const uint8_t by[32])
{
    struct ee_tlog_checkpoint checkpoint = {.size = size};
    const struct ee_client_prover prover = prover_of(log);
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
    size_t note_size;
    memcpy(checkpoint.network_id, network, sizeof(network));
    if (ee_tlog_root(&logs[log], size, &checkpoint.root) != EE_OK ||
        ee_tlog_checkpoint_sign(CRYPTO, &checkpoint, by, note, sizeof(note), &note_size) != EE_OK)
        return EE_CRYPTO;
    ee_client_problem_clear(&problem);
    return ee_client_head_observe(&problem, network, key, &floor_head, ee_bytes_of(note, note_size),
                                  &prover);
}

static bool start(void)
{
    logs_make();
    succession_count = 0;
    epoch = 3;
    return scratch_open() && CRYPTO->ed25519_public(founder_seed, founding_key) &&
           CRYPTO->ed25519_public(seed, key) &&
           ee_client_head_load(&problem, network, &floor_head) == EE_OK;
}

static uint64_t stored_size(void)
{
    struct ee_client_head head;
    return ee_client_head_load(&problem, network, &head) == EE_OK ? head.size : UINT64_MAX;
}

/* Notes kept beside the highest. */
static unsigned refused_count(void)
{
    char path[512];
    unsigned count = 0;
    DIR *folder = opendir(scratch_path("ee/checkpoints", path));
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        count += strstr(entry->d_name, ".refused-") != NULL;
    if (folder)
        (void)closedir(folder);
    return count;
}

static void the_highest_is_kept(void)
{
    REQUIRE(start());
    CHECK(floor_head.size == 0);
    CHECK(observe(5, HONEST, seed) == EE_OK && stored_size() == 5);
    CHECK(observe(9, HONEST, seed) == EE_OK && stored_size() == 9);
    CHECK(observe(9, HONEST, seed) == EE_OK && stored_size() == 9);
    scratch_close();
}

static void an_older_head_is_refused(void)
{
    REQUIRE(start());
    CHECK(observe(9, HONEST, seed) == EE_OK);
    REQUIRE(ee_client_head_load(&problem, network, &floor_head) == EE_OK);
    CHECK(observe(8, HONEST, seed) == EE_CHECKPOINT);
    CHECK(ee_client_problem_exit_code(&problem) == 7 && strstr(problem.detail, "rolled back"));
    CHECK(stored_size() == 9 && refused_count() == 1); /* both notes are there */
    CHECK(observe(9, HONEST, seed) == EE_OK);
    scratch_close();
}

static void another_root_for_the_same_size_is_refused(void)
{
    REQUIRE(start());
    CHECK(observe(9, HONEST, seed) == EE_OK);
    CHECK(observe(9, OTHER, seed) == EE_CHECKPOINT); /* also when the floor was loaded before */
    CHECK(strstr(problem.detail, "another history") && refused_count() == 1);
    scratch_close();
}

static void a_larger_head_of_another_history(void)
{
    REQUIRE(start());
    CHECK(observe(9, HONEST, seed) == EE_OK);
    CHECK(observe(12, OTHER, seed) == EE_CHECKPOINT && stored_size() == 9);
    CHECK(strstr(problem.detail, "does not continue") && refused_count() == 1);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    CHECK(observe(12, HONEST, seed) == EE_OK && stored_size() == 12);
    scratch_close();
}

static void a_larger_head_without_proof(void)
{
    REQUIRE(start());
    CHECK(observe(9, HONEST, seed) == EE_OK);
    refuses_proof = true;
    CHECK(observe(12, HONEST, seed) == EE_CHECKPOINT && stored_size() == 9);
    refuses_proof = false;
    CHECK(observe(12, HONEST, seed) == EE_OK && stored_size() == 12);
    scratch_close();
}

/* Two commands run at once: the one whose answer is older did nothing wrong. */
static void an_answer_overtaken_by_another_process_is_fine(void)
{
    REQUIRE(start());
    CHECK(observe(5, HONEST, seed) == EE_OK);
    REQUIRE(ee_client_head_load(&problem, network, &floor_head) == EE_OK);
    CHECK(observe(12, HONEST, seed) == EE_OK);
    CHECK(observe(11, HONEST, seed) == EE_OK && stored_size() == 12);
    scratch_close();
}

static void notes_of_others_are_refused(void)
{
    REQUIRE(start());
    CHECK(observe(5, HONEST, other_seed) == EE_CHECKPOINT && stored_size() == 0);
    CHECK(ee_client_head_observe(&problem, network, key, &floor_head, ee_bytes_str("no note"),
                                 NULL) != EE_OK);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    scratch_close();
}

static void a_damaged_store_is_not_taken_for_empty(void)
{
    char name[128] = "ee/checkpoints/";
    struct ee_client_head head;
    REQUIRE(start());
    CHECK(observe(5, HONEST, seed) == EE_OK);
    ee_hex_encode(network, 32, name + strlen(name));
    (void)snprintf(name + strlen(name), 8, ".json");
    REQUIRE(scratch_write(name, "{}", 0600));
    CHECK(ee_client_head_load(&problem, network, &head) == EE_SYNTAX);
    CHECK(problem.suggestion_count == 1);
    scratch_close();
}

/* ---- another key ---- */

static void succession_add(const uint8_t from[32], const uint8_t to[32])
{
    uint8_t message[512];
    struct ee_writer w;
    struct ee_checkpoint_key *next = &successions[succession_count++];
    *next = (struct ee_checkpoint_key){
        .number = succession_count, .evidence_hash = {1}, .signer = EE_SUCCESSION_BY_KEY};
    ee_writer_init(&w, message, sizeof(message));
    if (!CRYPTO->ed25519_public(from, next->old_key) ||
        !CRYPTO->ed25519_public(to, next->new_key) ||
        ee_checkpoint_key_message(network, next, &w) != EE_OK ||
        !CRYPTO->ed25519_sign(from, ee_writer_done(&w), next->signature))
        abort();
}

static void another_key_counts_with_its_statement_only(void)
{
    REQUIRE(start());
    CHECK(observe(5, HONEST, seed) == EE_OK);
    REQUIRE(CRYPTO->ed25519_public(other_seed, key));
    CHECK(observe(9, HONEST, other_seed) == EE_SUCCESSION && stored_size() == 5);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    succession_add(founder_seed, other_seed); /* from a key that signed nothing here */
    CHECK(observe(9, HONEST, other_seed) == EE_SUCCESSION);
    succession_count = 0;
    succession_add(seed, other_seed);
    successions[0].signature[3] ^= 1;
    CHECK(observe(9, HONEST, other_seed) == EE_SUCCESSION);
    successions[0].signature[3] ^= 1;
    CHECK(observe(9, HONEST, other_seed) == EE_OK && stored_size() == 9);
    succession_count = 0; /* asked for once only */
    CHECK(observe(12, HONEST, other_seed) == EE_OK);
    scratch_close();
}

/* ---- a planned restore: from 12 leaves of one log to 4, gone on with as the other ---- */

static struct ee_recovery recovery_make(uint64_t lost, uint64_t restored)
{
    uint8_t message[512];
    struct ee_writer w;
    struct ee_tlog_hash root;
    struct ee_recovery r = {
        .epoch = 100, .lost_size = lost, .restored_size = restored, .reason = "test"};
    if (ee_tlog_root(&logs[HONEST], lost, &root) != EE_OK)
        abort();
    memcpy(r.lost_root, root.bytes, 32);
    if (ee_tlog_root(&logs[HONEST], restored, &root) != EE_OK)
        abort();
    memcpy(r.restored_root, root.bytes, 32);
    ee_writer_init(&w, message, sizeof(message));
    if (ee_recovery_message(network, &r, &w) != EE_OK ||
        !CRYPTO->ed25519_sign(founder_seed, ee_writer_done(&w), r.signature))
        abort();
    return r;
}

/* With the network showing `size` leaves of a log. */
static enum ee_err recover(const struct ee_recovery *r, uint64_t size, size_t log, char *kept)
{
    struct ee_tlog_checkpoint checkpoint = {.size = size};
    const struct ee_client_prover prover = prover_of(log);
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
    size_t note_size;
    memcpy(checkpoint.network_id, network, sizeof(network));
    if (ee_tlog_root(&logs[log], size, &checkpoint.root) != EE_OK ||
        ee_tlog_checkpoint_sign(CRYPTO, &checkpoint, seed, note, sizeof(note), &note_size) != EE_OK)
        return EE_CRYPTO;
    ee_client_problem_clear(&problem);
    return ee_client_head_recover(&problem, network, key, r, ee_bytes_of(note, note_size), &prover,
                                  kept);
}

static void an_accepted_recovery_keeps_both_heads(void)
{
    char kept[EE_CLIENT_PATH_SIZE];
    REQUIRE(start());
    struct ee_recovery r = recovery_make(12, 4);
    CHECK(recover(&r, 6, OTHER, kept) == EE_STATE); /* nothing was seen yet */
    CHECK(observe(12, HONEST, seed) == EE_OK);
    epoch = 100;
    CHECK(observe(6, OTHER, seed) == EE_OK && stored_size() == 12); /* overtaken, at most */
    REQUIRE(recover(&r, 6, OTHER, kept) == EE_OK);
    CHECK(stored_size() == 6 && strstr(kept, ".lost-100.json") && access(kept, R_OK) == 0);
    CHECK(observe(9, OTHER, seed) == EE_OK && stored_size() == 9);
    CHECK(observe(12, HONEST, seed) == EE_CHECKPOINT); /* the lost history is gone */
    CHECK(recover(&r, 9, OTHER, kept) == EE_RECOVERY_OLD && stored_size() == 9);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    scratch_close();
}

static void recoveries_that_are_not_accepted(void)
{
    char kept[EE_CLIENT_PATH_SIZE];
    REQUIRE(start());
    CHECK(observe(12, HONEST, seed) == EE_OK);
    struct ee_recovery r = recovery_make(12, 4);
    CHECK(recover(&r, 6, OTHER, kept) == EE_RECOVERY); /* the network is not in its epoch */
    epoch = 100;
    r.restored_root[0] ^= 1;
    CHECK(recover(&r, 6, OTHER, kept) == EE_SIGNATURE);
    r = recovery_make(11, 4); /* less than what was seen */
    CHECK(recover(&r, 6, OTHER, kept) == EE_NOT_COVERED);
    r = recovery_make(12, 5); /* the other log does not continue that */
    CHECK(recover(&r, 6, OTHER, kept) == EE_RECOVERY);
    r = recovery_make(15, 13); /* nothing of ours was lost */
    CHECK(recover(&r, 14, HONEST, kept) == EE_STATE);
    r = recovery_make(12, 4);
    CHECK(recover(&r, 4, OTHER, kept) == EE_RECOVERY); /* nothing was written behind it */
    refuses_proof = true;
    CHECK(recover(&r, 6, OTHER, kept) == EE_RECOVERY);
    refuses_proof = false;
    CHECK(stored_size() == 12);
    CHECK(recover(&r, 6, OTHER, kept) == EE_OK);
    scratch_close();
}

/* Somebody who joined in the new epoch and is shown the old statement again. */
static void a_replayed_recovery_after_its_epoch_was_seen(void)
{
    char kept[EE_CLIENT_PATH_SIZE];
    REQUIRE(start());
    struct ee_recovery r = recovery_make(12, 4);
    epoch = 101;
    CHECK(observe(8, OTHER, seed) == EE_OK);
    CHECK(recover(&r, 6, HONEST, kept) == EE_RECOVERY_OLD && stored_size() == 8);
    scratch_close();
}

TESTS(TEST(another_key_counts_with_its_statement_only), TEST(an_accepted_recovery_keeps_both_heads),
      TEST(recoveries_that_are_not_accepted), TEST(a_replayed_recovery_after_its_epoch_was_seen),
      TEST(the_highest_is_kept), TEST(an_older_head_is_refused),
      TEST(another_root_for_the_same_size_is_refused), TEST(a_larger_head_of_another_history),
      TEST(a_larger_head_without_proof), TEST(an_answer_overtaken_by_another_process_is_fine),
      TEST(notes_of_others_are_refused), TEST(a_damaged_store_is_not_taken_for_empty))
