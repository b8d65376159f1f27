/* SPDX-License-Identifier: Apache-2.0 */
/* Held sets of collateral: only newer, only proven, bounded, and there again after a crash. */
#include "link/collateral_store.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "../attest/sim_issue.h"
#include "base/text.h"
#include "io/file.h"
#include "tap.h"

#include "base/banned.h"

enum { NOW_S = SIM_ISSUED_S + 1000 };

static char folder[] = "/tmp/ee-collateral-test-XXXXXX";
static struct sim_issue issue;
static uint8_t roots[1][EE_P256_POINT_SIZE];
static struct ee_collateral_store_options options;
static struct ee_collateral_store *store;
static char detail[EE_COLLATERAL_DETAIL_SIZE];
static size_t lost_count;
static enum ee_err lost_err;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

static void on_lost(void *context, const uint8_t hash[EE_SHA256_SIZE], enum ee_err err)
{
    (void)context;
    (void)hash;
    lost_count++;
    lost_err = err;
}

static void close_all(void)
{
    ee_collateral_store_free(store);
    store = NULL;
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool open_again(void)
{
    ee_collateral_store_free(store);
    store = NULL;
    lost_count = 0;
    return ee_collateral_store_new(&options, &store) == EE_OK;
}

static bool open_empty(void)
{
    close_all();
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    if (!mkdtemp(folder) || !sim_issue_start())
        return false;
    memcpy(roots[0], ee_sim_authority_root_key(&sim_authority), sizeof(roots[0]));
    options =
        (struct ee_collateral_store_options){.crypto = &ee_crypto_openssl,
                                             .folder = folder,
                                             .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                             .root_count = 1,
                                             .allow_simulated = true,
                                             .time_s = NOW_S,
                                             .lost = on_lost};
    return open_again();
}

/* Offers an issue, and keeps it when it is new. */
static enum ee_err give(const struct ee_sim_collateral_options *wish, bool early, bool expired_ok)
{
    enum ee_collateral_offer offer;
    struct ee_collateral_set *set;
    if (!sim_issue_write(&issue, wish))
        return EE_CRYPTO;
    EE_TRY(ee_collateral_store_offer(store, ee_bytes_of(issue.text, issue.size), early, expired_ok,
                                     NOW_S, &offer, &set, detail));
    return set ? ee_collateral_store_keep(store, set) : EE_OK;
}

static const struct ee_sim_collateral_options plain = {.issued_s = SIM_ISSUED_S};

static const struct ee_collateral_set *found(bool early)
{
    return ee_collateral_store_find(store, sim_authority.fmspc, early);
}

static void kept_set_is_found_and_is_there_after_a_restart(void)
{
    uint8_t hash[EE_SHA256_SIZE];
    REQUIRE(open_empty());
    CHECK(!found(false) && !ee_collateral_store_at(store, 0));
    CHECK(give(&plain, false, false) == EE_OK);
    REQUIRE(found(false) != NULL);
    CHECK(found(false)->facts.expires_s == SIM_ISSUED_S + 30 * SIM_DAY_S);
    CHECK(ee_bytes_equal(found(false)->text, ee_bytes_of(issue.text, issue.size)));
    memcpy(hash, found(false)->hash, sizeof(hash));
    REQUIRE(open_again());
    REQUIRE(found(false) != NULL);
    CHECK(memcmp(hash, found(false)->hash, sizeof(hash)) == 0 && !found(true));
    struct ee_file_data file;
    CHECK(ee_collateral_store_read(store, hash, &file) == EE_OK && file.size == issue.size);
    ee_file_data_free(&file);
    hash[0] ^= 1;
    CHECK(ee_collateral_store_read(store, hash, &file) == EE_NOT_FOUND);
}

static void newer_replaces_older_is_refused_with_words(void)
{
    const struct ee_sim_collateral_options later = {.issued_s = SIM_ISSUED_S + 600};
    REQUIRE(open_empty());
    CHECK(give(&later, false, false) == EE_OK);
    CHECK(give(&plain, false, false) == EE_STATE);
    CHECK(strstr(detail, "the TCB Info is of ") && strstr(detail, "never goes back"));
    CHECK(found(false)->facts.issued_s == SIM_ISSUED_S + 600);
    const struct ee_sim_collateral_options latest = {.issued_s = SIM_ISSUED_S + 700};
    CHECK(give(&latest, false, false) == EE_OK);
    CHECK(found(false)->facts.issued_s == SIM_ISSUED_S + 700);
    CHECK(!ee_collateral_store_at(store, 1));
}

static void same_set_again_changes_nothing(void)
{
    enum ee_collateral_offer offer = EE_COLLATERAL_OFFER_NEW;
    struct ee_collateral_set *set;
    REQUIRE(open_empty());
    CHECK(give(&plain, false, false) == EE_OK);
    CHECK(ee_collateral_store_offer(store, ee_bytes_of(issue.text, issue.size), false, false, NOW_S,
                                    &offer, &set, detail) == EE_OK);
    CHECK(offer == EE_COLLATERAL_OFFER_SAME && set == NULL);
}

static void early_and_standard_sets_are_held_apart(void)
{
    const struct ee_sim_collateral_options coming = {.issued_s = SIM_ISSUED_S, .evaluation = 21};
    REQUIRE(open_empty());
    CHECK(give(&coming, true, false) == EE_OK);
    CHECK(!found(false) && found(true));
    CHECK(ee_collateral_store_for(store, ee_bytes_of(NULL, 0)) == NULL); /* it decides nothing */
    CHECK(give(&plain, false, false) == EE_OK); /* a lower number, but another set */
    CHECK(found(true)->documents.tcb_info.evaluation == 21);
    CHECK(ee_collateral_store_for(store, ee_bytes_of(NULL, 0)) == found(false));
    REQUIRE(open_again());
    CHECK(found(false) && found(true));
}

static void what_does_not_prove_is_refused(void)
{
    enum ee_collateral_offer offer;
    struct ee_collateral_set *set;
    REQUIRE(open_empty());
    REQUIRE(sim_issue_write(&issue, &plain));
    char *signature = strstr(issue.text, "tcb_info_signature\":\"") + 21;
    *signature = *signature == '0' ? '1' : '0';
    CHECK(ee_collateral_store_offer(store, ee_bytes_of(issue.text, issue.size), false, true, NOW_S,
                                    &offer, &set, detail) == EE_COLLATERAL);
    CHECK(strstr(detail, "signature of the TCB Info"));
    CHECK(ee_collateral_store_offer(store, ee_bytes_str("{"), false, true, NOW_S, &offer, &set,
                                    detail) == EE_SYNTAX);
    CHECK(ee_collateral_store_offer(store, ee_bytes_of(NULL, 0), false, true, NOW_S, &offer, &set,
                                    detail) == EE_SYNTAX);
    roots[0][0] ^= 1;
    CHECK(give(&plain, false, true) == EE_UNTRUSTED);
    roots[0][0] ^= 1;
    options.allow_simulated = false;
    REQUIRE(open_again());
    CHECK(give(&plain, false, true) == EE_SIMULATED_REFUSED);
    CHECK(!ee_collateral_store_at(store, 0));
}

static void expired_set_is_held_only_as_the_first_and_when_allowed(void)
{
    const struct ee_sim_collateral_options over = {.issued_s = SIM_ISSUED_S, .valid_s = 500};
    const struct ee_sim_collateral_options over_too = {.issued_s = SIM_ISSUED_S + 100,
                                                       .valid_s = 500};
    REQUIRE(open_empty());
    CHECK(give(&over, false, false) == EE_EXPIRED && strstr(detail, "nextUpdate"));
    CHECK(give(&over, false, true) == EE_OK);
    CHECK(found(false) != NULL);
    CHECK(give(&over_too, false, true) == EE_EXPIRED);
    REQUIRE(open_again()); /* expired ones stay: decisions find them so */
    CHECK(found(false) != NULL);
}

static void more_families_than_there_is_room_for(void)
{
    uint8_t fmspc[EE_FMSPC_SIZE] = {0};
    struct ee_sim_collateral_options wish = {.issued_s = SIM_ISSUED_S, .fmspc = fmspc};
    REQUIRE(open_empty());
    options.families_max = 3;
    REQUIRE(open_again());
    for (uint8_t i = 0; i < 3; i++) {
        fmspc[0] = i;
        CHECK(give(&wish, false, false) == EE_OK);
    }
    fmspc[0] = 9;
    CHECK(give(&wish, false, false) == EE_FULL && strstr(detail, "3 platform families"));
    CHECK(give(&wish, true, false) == EE_OK); /* early sets have their own places */
    fmspc[0] = 1;
    wish.issued_s++;
    CHECK(give(&wish, false, false) == EE_OK); /* one that is held can be replaced */
}

static void set_offered_before_a_newer_one_came_is_not_kept(void)
{
    const struct ee_sim_collateral_options later = {.issued_s = SIM_ISSUED_S + 600};
    enum ee_collateral_offer offer;
    struct ee_collateral_set *set;
    REQUIRE(open_empty());
    REQUIRE(sim_issue_write(&issue, &plain));
    REQUIRE(ee_collateral_store_offer(store, ee_bytes_of(issue.text, issue.size), false, false,
                                      NOW_S, &offer, &set, detail) == EE_OK);
    CHECK(give(&later, false, false) == EE_OK);
    CHECK(ee_collateral_store_keep(store, set) == EE_STATE);
    ee_collateral_set_free(set);
    CHECK(found(false)->facts.issued_s == SIM_ISSUED_S + 600);
}

static bool write_at(const char *name, const char *text)
{
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return ee_file_write(path, ee_bytes_str(text), 0600) == EE_OK;
}

static void damaged_table_is_refused_and_a_lost_file_is_told(void)
{
    char name[80], hex[65];
    const struct ee_sim_collateral_options coming = {.issued_s = SIM_ISSUED_S, .evaluation = 21};
    REQUIRE(open_empty());
    CHECK(give(&plain, false, false) == EE_OK && give(&coming, true, false) == EE_OK);
    (void)snprintf(name, sizeof(name), "%s.json",
                   ee_hex_encode(found(false)->hash, EE_SHA256_SIZE, hex));
    CHECK(write_at(name, "{}"));
    REQUIRE(open_again());
    CHECK(lost_count == 1 && lost_err == EE_JOURNAL_CORRUPT);
    CHECK(!found(false) && found(true));
    CHECK(write_at("held", "nonsense"));
    CHECK(!open_again());
    CHECK(ee_collateral_store_new(&options, &store) == EE_SYNTAX);
}

/* A crash between the two files leaves one that nothing names. */
static void file_without_a_row_is_no_set(void)
{
    char name[80];
    REQUIRE(open_empty());
    memset(name, 'a', 64);
    memcpy(name + 64, ".json", 6);
    CHECK(write_at(name, "{}"));
    REQUIRE(open_again());
    CHECK(!ee_collateral_store_at(store, 0) && lost_count == 0);
}

static void files_above_the_limit_go_oldest_first_but_never_a_held_one(void)
{
    uint8_t first[EE_SHA256_SIZE], second[EE_SHA256_SIZE];
    struct ee_file_data file;
    struct ee_sim_collateral_options wish = plain;
    REQUIRE(open_empty());
    options.files_max = 2;
    REQUIRE(open_again());
    CHECK(give(&wish, false, false) == EE_OK);
    memcpy(first, found(false)->hash, sizeof(first));
    wish.issued_s++;
    CHECK(give(&wish, false, false) == EE_OK);
    memcpy(second, found(false)->hash, sizeof(second));
    CHECK(ee_collateral_store_read(store, first, &file) == EE_OK);
    ee_file_data_free(&file);
    wish.issued_s++;
    CHECK(give(&wish, false, false) == EE_OK);
    CHECK(ee_collateral_store_read(store, first, &file) == EE_NOT_FOUND);
    CHECK(ee_collateral_store_read(store, second, &file) == EE_OK);
    ee_file_data_free(&file);
    close_all();
}

TESTS(TEST(kept_set_is_found_and_is_there_after_a_restart),
      TEST(newer_replaces_older_is_refused_with_words), TEST(same_set_again_changes_nothing),
      TEST(early_and_standard_sets_are_held_apart), TEST(what_does_not_prove_is_refused),
      TEST(expired_set_is_held_only_as_the_first_and_when_allowed),
      TEST(more_families_than_there_is_room_for),
      TEST(set_offered_before_a_newer_one_came_is_not_kept),
      TEST(damaged_table_is_refused_and_a_lost_file_is_told), TEST(file_without_a_row_is_no_set),
      TEST(files_above_the_limit_go_oldest_first_but_never_a_held_one))
