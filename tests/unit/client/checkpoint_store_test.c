/* SPDX-License-Identifier: Apache-2.0 */
/* The highest checkpoint: kept, and a network that contradicts it is refused with both notes kept.
 */
#include <dirent.h>

#include "base/text.h"
#include "client/checkpoint_store.h"
#include "io/crypto_openssl.h"
#include "tap.h"

#include "scratch.h"

#define CRYPTO (&ee_crypto_openssl)
static const uint8_t network[32] = {1, 2, 3}, seed[32] = {7}, other_seed[32] = {8};
static struct ee_client_problem problem;
static struct ee_client_head floor_head;
static uint8_t key[32];

/* Observes a note of that size and root, signed by `by`, after the floor was loaded. */
static enum ee_err observe(uint64_t size, uint8_t root, const uint8_t by[32])
{
    struct ee_tlog_checkpoint checkpoint = {.size = size, .root = {{root}}};
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
    size_t note_size;
    memcpy(checkpoint.network_id, network, sizeof(network));
    if (ee_tlog_checkpoint_sign(CRYPTO, &checkpoint, by, note, sizeof(note), &note_size) != EE_OK)
        return EE_CRYPTO;
    ee_client_problem_clear(&problem);
    return ee_client_head_observe(&problem, network, key, &floor_head,
                                  ee_bytes_of(note, note_size));
}

static bool start(void)
{
    return scratch_open() && CRYPTO->ed25519_public(seed, key) &&
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
    CHECK(observe(5, 1, seed) == EE_OK && stored_size() == 5);
    CHECK(observe(9, 2, seed) == EE_OK && stored_size() == 9);
    CHECK(observe(9, 2, seed) == EE_OK && stored_size() == 9);
    scratch_close();
}

static void an_older_head_is_refused(void)
{
    REQUIRE(start());
    CHECK(observe(9, 2, seed) == EE_OK);
    REQUIRE(ee_client_head_load(&problem, network, &floor_head) == EE_OK);
    CHECK(observe(8, 1, seed) == EE_CHECKPOINT);
    CHECK(ee_client_problem_exit_code(&problem) == 7 && strstr(problem.detail, "rolled back"));
    CHECK(stored_size() == 9 && refused_count() == 1); /* both notes are there */
    CHECK(observe(9, 2, seed) == EE_OK);
    scratch_close();
}

static void another_root_for_the_same_size_is_refused(void)
{
    REQUIRE(start());
    CHECK(observe(9, 2, seed) == EE_OK);
    CHECK(observe(9, 3, seed) == EE_CHECKPOINT); /* also when the floor was loaded before */
    CHECK(strstr(problem.detail, "another history") && refused_count() == 1);
    scratch_close();
}

/* Two commands run at once: the one whose answer is older did nothing wrong. */
static void an_answer_overtaken_by_another_process_is_fine(void)
{
    REQUIRE(start());
    CHECK(observe(5, 1, seed) == EE_OK);
    REQUIRE(ee_client_head_load(&problem, network, &floor_head) == EE_OK);
    CHECK(observe(12, 3, seed) == EE_OK);
    CHECK(observe(11, 2, seed) == EE_OK && stored_size() == 12);
    scratch_close();
}

static void notes_of_others_are_refused(void)
{
    REQUIRE(start());
    CHECK(observe(5, 1, other_seed) == EE_CHECKPOINT && stored_size() == 0);
    CHECK(ee_client_head_observe(&problem, network, key, &floor_head, ee_bytes_str("no note")) !=
          EE_OK);
    CHECK(ee_client_problem_exit_code(&problem) == 7);
    scratch_close();
}

static void a_damaged_store_is_not_taken_for_empty(void)
{
    char name[128] = "ee/checkpoints/";
    struct ee_client_head head;
    REQUIRE(start());
    CHECK(observe(5, 1, seed) == EE_OK);
    ee_hex_encode(network, 32, name + strlen(name));
    (void)snprintf(name + strlen(name), 8, ".json");
    REQUIRE(scratch_write(name, "{}", 0600));
    CHECK(ee_client_head_load(&problem, network, &head) == EE_SYNTAX);
    CHECK(problem.suggestion_count == 1);
    scratch_close();
}

TESTS(TEST(the_highest_is_kept), TEST(an_older_head_is_refused),
      TEST(another_root_for_the_same_size_is_refused),
      TEST(an_answer_overtaken_by_another_process_is_fine), TEST(notes_of_others_are_refused),
      TEST(a_damaged_store_is_not_taken_for_empty))
