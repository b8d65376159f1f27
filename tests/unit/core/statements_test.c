/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery epochs, the succession of the checkpoint key, sums of what is owed, locks of a TICK. */
#include "core/statement.h"

#include "unit/core/network.h"

#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)
static const uint8_t old_seed[32] = {1, 1}, new_seed[32] = {2, 2}, third_seed[32] = {3, 3};
static struct network n;

static void recovery_sign(struct ee_recovery *r, const uint8_t seed[32])
{
    uint8_t memory[512];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    CHECK(ee_recovery_message(ee_core_network_id(n.core), r, &w) == EE_OK);
    CHECK(CRYPTO->ed25519_sign(seed, ee_writer_done(&w), r->signature));
}

/* Of this moment of the network, signed by its founding key. */
static struct ee_recovery recovery_make(void)
{
    struct ee_recovery r = {.epoch = ee_core_epoch(n.core) + 1000,
                            .time_s = 5,
                            .lost_size = ee_core_seq(n.core) + 10,
                            .restored_size = ee_core_seq(n.core),
                            .reason = "a disk died"};
    recovery_sign(&r, network_seed_founder);
    return r;
}

static enum ee_err recover(const struct ee_recovery *r)
{
    return NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_RECOVERY, recovery, r);
}

static void a_recovery_opens_its_epoch(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    CHECK(network_boot(&n) == EE_OK);
    struct ee_recovery r = recovery_make();
    CHECK(recover(&r) == EE_OK);
    CHECK(network_boot(&n) == EE_OK && ee_core_epoch(n.core) == r.epoch);
    const struct ee_recovery_applied *row = ee_core_recovery_at(n.core, 0);
    REQUIRE(row);
    CHECK(row->epoch == r.epoch && row->restored_size == r.restored_size &&
          row->lost_size == r.lost_size && ee_core_recovery_at(n.core, 1) == NULL);
    uint8_t hash[32], again[32];
    ee_core_state_hash(n.core, hash);
    CHECK(network_replay(&n, again) && memcmp(hash, again, 32) == 0);
    network_close(&n);
}

static void recoveries_that_do_not_fit(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    CHECK(network_boot(&n) == EE_OK);
    struct ee_recovery r = recovery_make();
    r.lost_root[0] ^= 1; /* tampered */
    CHECK(recover(&r) == EE_SIGNATURE);
    r = recovery_make();
    recovery_sign(&r, network_seed_issuer);
    CHECK(recover(&r) == EE_SIGNATURE);
    r = recovery_make();
    r.restored_size--; /* another head than this log's */
    recovery_sign(&r, network_seed_founder);
    CHECK(recover(&r) == EE_RECOVERY);
    r = recovery_make();
    r.epoch = ee_core_epoch(n.core);
    recovery_sign(&r, network_seed_founder);
    CHECK(recover(&r) == EE_RECOVERY_OLD);
    r = recovery_make();
    CHECK(recover(&r) == EE_OK && network_boot(&n) == EE_OK);
    CHECK(recover(&r) == EE_RECOVERY); /* replayed */
    network_close(&n);
}

static void a_recovery_of_another_network(void)
{
    uint8_t other[32] = {7};
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    struct ee_recovery r = recovery_make();
    const uint8_t *founding = ee_core_genesis(n.core)->founding_key;
    CHECK(ee_recovery_verify(CRYPTO, ee_core_network_id(n.core), founding, &r) == EE_OK);
    CHECK(ee_recovery_verify(CRYPTO, other, founding, &r) == EE_SIGNATURE);
    network_close(&n);
}

static void what_a_recovery_covers(void)
{
    const struct ee_recovery r = {
        .lost_size = 90, .lost_root = {9}, .restored_size = 40, .restored_root = {4}};
    const struct ee_tlog_hash lost = {{9}}, restored = {{4}}, other = {{1}};
    CHECK(ee_recovery_covers(&r, 90, &lost) == EE_OK);
    CHECK(ee_recovery_covers(&r, 90, &other) == EE_NOT_COVERED); /* a second history */
    CHECK(ee_recovery_covers(&r, 91, &lost) == EE_NOT_COVERED);
    CHECK(ee_recovery_covers(&r, 89, &other) == EE_OK);
    CHECK(ee_recovery_covers(&r, 41, &other) == EE_OK);
    CHECK(ee_recovery_covers(&r, 40, &restored) == EE_RECOVERY); /* lost nothing */
    CHECK(ee_recovery_covers(&r, 40, &other) == EE_NOT_COVERED);
    CHECK(ee_recovery_covers(&r, 12, &other) == EE_RECOVERY);
}

/* ---- the checkpoint key ---- */

static struct ee_checkpoint_key key_make(uint64_t number, const uint8_t from[32],
                                         const uint8_t to[32], bool founding)
{
    struct ee_checkpoint_key key = {.number = number,
                                    .evidence_hash = {1},
                                    .signer = founding ? EE_SUCCESSION_BY_FOUNDING
                                                       : EE_SUCCESSION_BY_KEY};
    uint8_t memory[512];
    struct ee_writer w;
    CHECK(CRYPTO->ed25519_public(from, key.old_key) && CRYPTO->ed25519_public(to, key.new_key));
    ee_writer_init(&w, memory, sizeof(memory));
    CHECK(ee_checkpoint_key_message(ee_core_network_id(n.core), &key, &w) == EE_OK);
    CHECK(CRYPTO->ed25519_sign(founding ? network_seed_founder : from, ee_writer_done(&w),
                               key.signature));
    return key;
}

static enum ee_err succeed(const struct ee_checkpoint_key *key)
{
    return NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_CHECKPOINT_KEY, checkpoint_key, key);
}

static void keys_follow_each_other(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    struct ee_checkpoint_key first = key_make(1, old_seed, new_seed, false);
    CHECK(succeed(&first) == EE_OK);
    CHECK(succeed(&first) == EE_STATE); /* again */
    struct ee_checkpoint_key other = key_make(2, old_seed, third_seed, false);
    CHECK(succeed(&other) == EE_SUCCESSION); /* not of the present key */
    struct ee_checkpoint_key gap = key_make(3, new_seed, third_seed, false);
    CHECK(succeed(&gap) == EE_STATE);
    struct ee_checkpoint_key forged = key_make(2, new_seed, third_seed, false);
    forged.new_key[0] ^= 1;
    CHECK(succeed(&forged) == EE_SIGNATURE);
    struct ee_checkpoint_key by_founder = key_make(2, new_seed, third_seed, true);
    by_founder.signer = EE_SUCCESSION_BY_KEY;
    CHECK(succeed(&by_founder) == EE_SIGNATURE);
    by_founder.signer = EE_SUCCESSION_BY_FOUNDING;
    CHECK(succeed(&by_founder) == EE_OK); /* the one before is lost */
    CHECK(ee_core_succession_at(n.core, 1) && !ee_core_succession_at(n.core, 2));
    network_close(&n);
}

/* Whether `note` of a key counts under a list that leads to `newest`. */
static enum ee_err note_under(const struct ee_checkpoint_key *list, size_t count,
                              const uint8_t newest_seed[32], const uint8_t signer[32])
{
    struct ee_tlog_checkpoint checkpoint = {.size = 3}, out;
    char note[EE_TLOG_CHECKPOINT_SIZE_MAX];
    uint8_t newest[32];
    size_t size;
    memcpy(checkpoint.network_id, ee_core_network_id(n.core), 32);
    CHECK(CRYPTO->ed25519_public(newest_seed, newest));
    CHECK(ee_tlog_checkpoint_sign(CRYPTO, &checkpoint, signer, note, sizeof(note), &size) == EE_OK);
    return ee_succession_note(CRYPTO, ee_core_network_id(n.core),
                              ee_core_genesis(n.core)->founding_key, list, count, newest,
                              ee_bytes_of(note, size), &out);
}

static void a_chain_of_keys_leads_from_an_old_note_to_the_newest_key(void)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    struct ee_checkpoint_key list[2] = {key_make(1, old_seed, new_seed, false),
                                        key_make(2, new_seed, third_seed, true)};
    CHECK(note_under(list, 2, third_seed, old_seed) == EE_OK);
    CHECK(note_under(list, 2, third_seed, new_seed) == EE_OK);
    CHECK(note_under(list, 2, third_seed, third_seed) == EE_OK);
    CHECK(note_under(NULL, 0, third_seed, third_seed) == EE_OK);
    CHECK(note_under(NULL, 0, third_seed, old_seed) == EE_SUCCESSION);
    CHECK(note_under(list + 1, 1, third_seed, old_seed) == EE_SUCCESSION); /* the first left out */
    CHECK(note_under(list, 1, third_seed, old_seed) == EE_SUCCESSION);     /* the last */
    struct ee_checkpoint_key swapped[2] = {list[1], list[0]};
    CHECK(note_under(swapped, 2, new_seed, old_seed) == EE_SUCCESSION);
    list[0].signature[0] ^= 1;
    CHECK(note_under(list, 2, third_seed, old_seed) == EE_SIGNATURE);
    network_close(&n);
}

static void statement_files_and_every_change_of_them(void)
{
    char text[EE_STATEMENT_FILE_MAX];
    size_t size;
    struct ee_recovery back;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    struct ee_recovery r = recovery_make();
    const uint8_t *founding = ee_core_genesis(n.core)->founding_key;
    REQUIRE(ee_recovery_write(&r, text, &size) == EE_OK);
    REQUIRE(ee_recovery_read(ee_bytes_of(text, size), &back) == EE_OK);
    CHECK(memcmp(back.signature, r.signature, 64) == 0 && strcmp(back.reason, r.reason) == 0);
    for (size_t i = 0; i < size; i++) {
        text[i] ^= 1;
        CHECK(ee_recovery_read(ee_bytes_of(text, size), &back) != EE_OK ||
              ee_recovery_verify(CRYPTO, ee_core_network_id(n.core), founding, &back) != EE_OK);
        text[i] ^= 1;
        CHECK(ee_recovery_read(ee_bytes_of(text, i), &back) != EE_OK);
    }
    struct ee_checkpoint_key key;
    CHECK(ee_succession_read(ee_bytes_of(text, size), &key) != EE_OK);
    network_close(&n);
}

/* ---- what is owed ---- */

static enum ee_err owe(uint64_t of_seq, uint64_t count, int64_t total)
{
    const struct ee_liabilities v = {.of_seq = of_seq, .count = count, .total = {total}};
    return NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_LIABILITIES, liabilities, &v);
}

static void sums_are_of_the_marked_state(void)
{
    struct ee_liabilities_result sums;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    CHECK(network_boot(&n) == EE_OK);
    network_populate(&n);
    CHECK(owe(5, 4, 40000000) == EE_STATE); /* nothing is marked */
    CHECK(owe(0, 0, 0) == EE_OK);
    const uint64_t seq = ee_core_seq(n.core);
    REQUIRE(ee_liabilities_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &sums) ==
            EE_OK);
    CHECK(sums.of_seq == seq && sums.count == 4 && sums.total.micros == 40000000 &&
          sums.cash.micros == 40000000 && sums.house.micros == 0);
    CHECK(network_mint(&n, "alice", 5) == EE_OK); /* comes after it */
    CHECK(owe(seq, 4, 40000005) == EE_LIABILITIES);
    CHECK(owe(seq, 3, 40000000) == EE_LIABILITIES);
    CHECK(owe(seq - 1, 4, 40000000) == EE_STATE);
    CHECK(owe(seq, 4, 40000000) == EE_OK);
    CHECK(owe(seq, 4, 40000000) == EE_STATE); /* said already */
    const struct ee_liabilities_row *row = ee_core_liabilities_last(n.core);
    REQUIRE(row);
    CHECK(row->sums.of_seq == seq && row->sums.total.micros == 40000000);
    uint8_t hash[32], again[32];
    ee_core_state_hash(n.core, hash);
    CHECK(network_replay(&n, again) && memcmp(hash, again, 32) == 0);
    network_close(&n);
}

static void only_the_system_says_what_is_owed(void)
{
    const struct ee_liabilities v = {.of_seq = 0};
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    CHECK(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, "alice", EE_COMMAND_LIABILITIES, liabilities, &v) ==
          EE_FORBIDDEN);
    network_close(&n);
}

static void accounts_are_found_in_the_book_by_name(void)
{
    struct ee_owed owed, at;
    uint8_t id[EE_ID_SIZE];
    size_t found = 0;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    network_populate(&n);
    REQUIRE(ee_core_owed_of(n.core, "alice", &owed) == EE_OK);
    ee_owed_id(CRYPTO, "user", "alice", id);
    CHECK(memcmp(owed.id, id, sizeof(id)) == 0 && owed.code == 200 && owed.micros == 20000000);
    CHECK(ee_core_owed_of(n.core, "nobody", &owed) == EE_ACCOUNT_UNKNOWN);
    for (size_t i = 0; i < ee_core_book_count(n.core); i++)
        found += ee_core_owed_at(n.core, i, &at);
    CHECK(found == 4); /* and not the cash account */
    network_close(&n);
}

/* ---- locks ---- */

static void a_tick_says_which_locks_it_took(void)
{
    uint8_t lease[EE_ID_SIZE];
    static struct ee_tick_result locks;
    bool seen = false;
    network_open(&n, EE_PROFILE_DEVELOPMENT, NULL);
    CHECK(network_boot(&n) == EE_OK);
    network_populate(&n);
    CHECK(network_tick(&n) == EE_OK && n.result.body_size == 0); /* none: as before */
    REQUIRE(network_run(&n, "alice", EE_WORKLOAD_APP, "web", 1, lease) == EE_OK);
    for (int i = 0; i < 200 && !seen; i++) {
        n.now_us += 100000;
        CHECK(network_tick(&n) == EE_OK);
        seen = n.result.body_size > 0;
    }
    REQUIRE(seen);
    REQUIRE(ee_tick_result_decode(ee_bytes_of(n.result.body, n.result.body_size), &locks) == EE_OK);
    const struct ee_period *period = ee_core_period(n.core, lease, 1);
    REQUIRE(period);
    CHECK(locks.lock_count == 1 && memcmp(locks.locks[0].lease, lease, EE_ID_SIZE) == 0);
    CHECK(locks.locks[0].period == 1 && locks.locks[0].amount.micros == period->locked.micros &&
          period->lock_seq == ee_core_seq(n.core));
    network_close(&n);
}

TESTS(TEST(a_recovery_opens_its_epoch), TEST(recoveries_that_do_not_fit),
      TEST(a_recovery_of_another_network), TEST(what_a_recovery_covers),
      TEST(keys_follow_each_other), TEST(a_chain_of_keys_leads_from_an_old_note_to_the_newest_key),
      TEST(statement_files_and_every_change_of_them), TEST(sums_are_of_the_marked_state),
      TEST(only_the_system_says_what_is_owed), TEST(accounts_are_found_in_the_book_by_name),
      TEST(a_tick_says_which_locks_it_took))
