/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/equivocation.h"

#include "io/crypto_openssl.h"
#include "tap.h"
#include "tlog/tlog.h"

#define CRYPTO (&ee_crypto_openssl)
enum { LEAVES = 20, FORKED_AT = 6 };

static const uint8_t network[32] = {1}, seed[32] = {7}, other_seed[32] = {8};
static struct ee_tlog honest, forked; /* differ from leaf FORKED_AT on */
static char notes[2][EE_TLOG_CHECKPOINT_SIZE_MAX];
static struct ee_tlog_equivocation evidence;
static struct ee_tlog_checkpoint first, second;
static enum ee_tlog_contradiction kind;

static void trees_make(void)
{
    ee_tlog_init(&honest, CRYPTO, &ee_allocator_system);
    ee_tlog_init(&forked, CRYPTO, &ee_allocator_system);
    for (uint8_t i = 0; i < LEAVES; i++) {
        struct ee_tlog_hash leaf;
        uint8_t other = i < FORKED_AT ? i : (uint8_t)(i + 100);
        ee_tlog_leaf_hash(CRYPTO, ee_bytes_of(&i, 1), &leaf);
        REQUIRE(ee_tlog_append(&honest, &leaf) == EE_OK);
        ee_tlog_leaf_hash(CRYPTO, ee_bytes_of(&other, 1), &leaf);
        REQUIRE(ee_tlog_append(&forked, &leaf) == EE_OK);
    }
}

static struct ee_bytes note_make(size_t at, const struct ee_tlog *log, uint64_t size,
                                 const uint8_t by[32])
{
    struct ee_tlog_checkpoint head = {.size = size};
    size_t length = 0;
    memcpy(head.network_id, network, sizeof(network));
    CHECK(ee_tlog_root(log, size, &head.root) == EE_OK);
    CHECK(ee_tlog_checkpoint_sign(CRYPTO, &head, by, notes[at], sizeof(notes[at]), &length) ==
          EE_OK);
    return ee_bytes_of(notes[at], length);
}

/* What a client has that saw the honest log at one size and the forked one at another. */
static void evidence_make(uint64_t honest_size, uint64_t forked_size)
{
    trees_make();
    evidence = (struct ee_tlog_equivocation){.first = note_make(0, &honest, honest_size, seed),
                                             .second = note_make(1, &forked, forked_size, seed)};
    memcpy(evidence.network_id, network, sizeof(network));
    CHECK(CRYPTO->ed25519_public(seed, evidence.key));
    if (honest_size >= forked_size)
        return;
    evidence.has_proof = true;
    CHECK(ee_tlog_root(&forked, honest_size, &evidence.prefix) == EE_OK);
    CHECK(ee_tlog_consistency(&forked, honest_size, forked_size, &evidence.proof) == EE_OK);
}

static void trees_close(void)
{
    ee_tlog_close(&honest);
    ee_tlog_close(&forked);
}

static enum ee_err check(void)
{
    return ee_tlog_equivocation_check(CRYPTO, &evidence, &first, &second, &kind);
}

static void two_roots_of_one_size(void)
{
    evidence_make(10, 10);
    CHECK(check() == EE_OK && kind == EE_TLOG_TWO_ROOTS && first.size == 10);
    evidence.second = note_make(1, &honest, 10, seed);
    CHECK(check() == EE_PROOF);
    trees_close();
}

static void a_fork_at_every_pair_of_sizes(void)
{
    for (uint64_t from = 1; from < LEAVES; from++)
        for (uint64_t to = from + 1; to <= LEAVES; to++) {
            evidence_make(from, to);
            CHECK(check() == (from > FORKED_AT ? EE_OK : EE_PROOF));
            trees_close();
        }
    CHECK(kind == EE_TLOG_FORK);
}

static void a_fork_with_a_wrong_prefix_or_proof(void)
{
    evidence_make(9, 17);
    evidence.prefix.bytes[0] ^= 1;
    CHECK(check() == EE_PROOF);
    evidence.prefix.bytes[0] ^= 1;
    evidence.proof.hashes[1].bytes[5] ^= 1;
    CHECK(check() == EE_PROOF);
    trees_close();
}

static void an_older_head_alone_proves_nothing_to_others(void)
{
    evidence_make(17, 5);
    CHECK(check() == EE_PROOF && first.size == 17 && second.size == 5);
    trees_close();
}

static void a_note_of_another_key_or_network(void)
{
    evidence_make(10, 10);
    evidence.second = note_make(1, &forked, 10, other_seed);
    CHECK(check() == EE_CHECKPOINT);
    evidence.second = note_make(1, &forked, 10, seed);
    evidence.network_id[3] ^= 1;
    CHECK(check() == EE_WRONG_NETWORK);
    trees_close();
}

static uint8_t memory[2 * EE_TLOG_CHECKPOINT_READ_MAX];

static void a_file_reads_back_and_no_part_of_it_does(void)
{
    static char text[EE_TLOG_EQUIVOCATION_SIZE_MAX];
    struct ee_tlog_equivocation read;
    size_t size = 0, reads = 0;
    evidence_make(9, 17);
    CHECK(ee_tlog_equivocation_write(&evidence, text, 100, &size) == EE_TOO_LARGE);
    REQUIRE(ee_tlog_equivocation_write(&evidence, text, sizeof(text), &size) == EE_OK);
    REQUIRE(ee_tlog_equivocation_read(ee_bytes_of(text, size), memory, sizeof(memory), &read) ==
            EE_OK);
    CHECK(ee_bytes_equal(read.second, evidence.second) && read.proof.count == evidence.proof.count);
    evidence = read;
    CHECK(check() == EE_OK && kind == EE_TLOG_FORK);
    for (size_t cut = 0; cut < size; cut++) {
        if (ee_tlog_equivocation_read(ee_bytes_of(text, cut), memory, sizeof(memory), &read) !=
            EE_OK)
            continue;
        evidence = read; /* whole lines of the proof are missing */
        reads++;
        CHECK(check() == EE_PROOF);
    }
    CHECK(reads <= 2 + evidence.proof.count);
    trees_close();
}

static void a_proof_of_too_many_hashes(void)
{
    static char text[EE_TLOG_EQUIVOCATION_SIZE_MAX];
    struct ee_tlog_equivocation read;
    size_t size = 0;
    evidence_make(9, 17);
    evidence.proof.count = EE_TLOG_PROOF_MAX;
    REQUIRE(ee_tlog_equivocation_write(&evidence, text, sizeof(text), &size) == EE_OK);
    memcpy(text + size, text + size - 71, 71);
    CHECK(ee_tlog_equivocation_read(ee_bytes_of(text, size), memory, sizeof(memory), &read) ==
          EE_OK);
    CHECK(ee_tlog_equivocation_read(ee_bytes_of(text, size + 71), memory, sizeof(memory), &read) ==
          EE_TRAILING);
    trees_close();
}

/* The key was changed between the two heads. */
static void heads_of_two_keys_of_one_network(void)
{
    static char text[EE_TLOG_EQUIVOCATION_SIZE_MAX];
    struct ee_tlog_equivocation back;
    size_t size;
    evidence_make(10, 15);
    evidence.first = note_make(0, &honest, 10, other_seed);
    CHECK(ee_tlog_equivocation_check(CRYPTO, &evidence, &first, &second, &kind) == EE_CHECKPOINT);
    evidence.has_first_key = true;
    CHECK(CRYPTO->ed25519_public(other_seed, evidence.first_key));
    REQUIRE(ee_tlog_equivocation_write(&evidence, text, sizeof(text), &size) == EE_OK);
    REQUIRE(ee_tlog_equivocation_read(ee_bytes_of(text, size), memory, sizeof(memory), &back) ==
            EE_OK);
    CHECK(ee_tlog_equivocation_check(CRYPTO, &back, &first, &second, &kind) == EE_OK &&
          kind == EE_TLOG_FORK);
    back.first_key[0] ^= 1;
    CHECK(ee_tlog_equivocation_check(CRYPTO, &back, &first, &second, &kind) == EE_CHECKPOINT);
    trees_close();
}

TESTS(TEST(heads_of_two_keys_of_one_network), TEST(two_roots_of_one_size),
      TEST(a_fork_at_every_pair_of_sizes), TEST(a_fork_with_a_wrong_prefix_or_proof),
      TEST(an_older_head_alone_proves_nothing_to_others), TEST(a_note_of_another_key_or_network),
      TEST(a_file_reads_back_and_no_part_of_it_does), TEST(a_proof_of_too_many_hashes))
