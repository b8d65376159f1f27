/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots taken while commands run, and what a start makes of good and bad ones. */
#include "control/snapshots.h"

#include <fcntl.h>

#include "control/sequencer_tools.h"
#include "io/file.h"
#include "tap.h"
#include "unit/core/saved.h"

#include "core_fixture.h"

#include "base/banned.h"

enum { EVERY = 50 };

static struct core_fixture c;
static uint64_t next_number;

static void opened(void)
{
    core_fixture_init(&c);
    c.snapshot_every = EVERY;
    next_number = 0;
    if (core_fixture_start(&c) != EE_OK || !core_populate(c.f))
        abort();
}

static bool transfers(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (core_transfer(c.f, next_number++, 1) != EE_OK)
            return false;
    return fixture_settle(c.f);
}

static struct ee_snapshots_counts counts(void)
{
    struct ee_snapshots_counts out;
    ee_snapshots_counts(c.f->snapshots, &out);
    return out;
}

/* Stops, which writes one if there is enough new, and starts again. */
static enum ee_err again(void)
{
    fixture_stop(c.f);
    return core_fixture_start(&c);
}

static size_t listed(uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX])
{
    size_t count = 0;
    return ee_snapshot_list(c.snapshots, seqs, &count) == EE_OK ? count : 0;
}

/* The newest file, changed by `fn`, then a start. */
static void newest_damage(void (*fn)(struct ee_file_data *data))
{
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    struct ee_file_data data;
    char path[PATH_MAX];
    fixture_stop(c.f);
    if (listed(seqs) == 0 || ee_snapshot_path(c.snapshots, seqs[0], path) != EE_OK ||
        ee_file_read(path, 1 << 24, &data) != EE_OK)
        abort();
    fn(&data);
    if (ee_file_write(path, ee_file_bytes(&data), 0600) != EE_OK)
        abort();
    ee_file_data_free(&data);
}

static void start_goes_on_from_the_newest(void)
{
    opened();
    CHECK(transfers(3 * EVERY));
    REQUIRE(again() == EE_OK);
    uint64_t first = counts().start_seq;
    CHECK(first >= EVERY && core_available(c.f, "bob") == 3 * EVERY);
    CHECK(core_transfer(c.f, 1, 1) == EE_OK && fixture_settle(c.f)); /* an id from before */
    CHECK(c.f->answers[0].repeated && core_available(c.f, "bob") == 3 * EVERY);
    CHECK(transfers(3 * EVERY));
    REQUIRE(again() == EE_OK);
    CHECK(counts().start_seq > first && core_available(c.f, "bob") == 6 * EVERY);
    CHECK(ee_core_epoch(ee_sequencer_core(c.f->sequencer)) == 3);
    core_fixture_close(&c);
}

/* The BOOTs of starts from snapshots have the hashes a replay from the first batch gives. */
static void replay_from_the_first_batch_gives_the_same_state(void)
{
    struct ee_journal_report report;
    opened();
    for (int i = 0; i < 4; i++) {
        CHECK(transfers(EVERY + 7) && again() == EE_OK);
        CHECK(counts().start_seq > 0);
    }
    fixture_stop(c.f);
    CHECK(ee_journal_verify(c.path, &ee_crypto_openssl, NULL, true, &report) == EE_OK);
    CHECK(ee_journal_snapshots_verify(c.path, c.snapshots, &ee_crypto_openssl, NULL, &report) ==
          EE_OK);
    CHECK(report.snapshots == EE_SNAPSHOTS_KEPT);
    core_fixture_close(&c);
}

static enum ee_err forge_source(void *context, uint8_t *out, size_t size)
{
    return ee_snapshot_read(context, out, size);
}

/* The same snapshot of another state: whole, and on the chain. Outside development nobody without
 * the journal's key can do this. */
static void snapshot_forge(uint64_t seq)
{
    const struct ee_snapshot_options options = {
        .folder = c.snapshots, .crypto = &ee_crypto_openssl, .allow_plain = true};
    struct saved s = {0};
    struct ee_snapshot_head head;
    struct ee_snapshot_reader *reader = NULL;
    struct ee_snapshot_writer *writer = NULL;
    struct ee_core *core = NULL;
    uint8_t hash[32];
    bool done = ee_snapshot_open(&options, seq, &head, &reader) == EE_OK &&
                ee_snapshot_read(reader, hash, sizeof(hash)) == EE_OK &&
                ee_core_load(&ee_allocator_system, &ee_crypto_openssl, NULL, forge_source, reader,
                             &core) == EE_OK &&
                ee_core_save(core, saved_take, &s) == EE_OK;
    ee_snapshot_close(reader);
    ee_core_free(core);
    if (!done)
        abort();
    uint8_t *label = memmem(s.bytes, s.size, "first", 5); /* of an API key */
    label[0] = 'F';
    done = done && saved_load(&s, &ee_allocator_system, &ee_crypto_openssl, NULL, &core) == EE_OK;
    ee_core_state_hash(core, hash);
    ee_core_free(core);
    done = done && ee_snapshot_create(&options, &head, &writer) == EE_OK &&
           ee_snapshot_write(writer, ee_bytes_of(hash, sizeof(hash))) == EE_OK &&
           ee_snapshot_write(writer, ee_bytes_of(s.bytes, s.size)) == EE_OK &&
           ee_snapshot_finish(writer) == EE_OK;
    saved_free(&s);
    if (!done)
        abort();
}

static void snapshot_of_another_state_is_named(void)
{
    struct ee_journal_report report;
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    opened();
    CHECK(transfers(2 * EVERY) && again() == EE_OK);
    fixture_stop(c.f);
    REQUIRE(listed(seqs) > 0);
    snapshot_forge(seqs[0]);
    CHECK(ee_journal_snapshots_verify(c.path, c.snapshots, &ee_crypto_openssl, NULL, &report) ==
          EE_SNAPSHOT);
    CHECK(report.fault.seq == seqs[0] && report.fault.what != NULL);
    core_fixture_close(&c);
}

static void proofs_over_old_leaves_still_hold(void)
{
    struct ee_tlog_proof before, after;
    struct ee_tlog_hash root;
    opened();
    CHECK(transfers(2 * EVERY));
    const struct ee_tlog *tlog = ee_sequencer_tlog(c.f->sequencer);
    uint64_t size = tlog->size;
    CHECK(ee_tlog_inclusion(tlog, 5, size, &before) == EE_OK);
    CHECK(ee_tlog_root(tlog, size, &root) == EE_OK);
    REQUIRE(again() == EE_OK && counts().start_seq > 0);
    tlog = ee_sequencer_tlog(c.f->sequencer);
    CHECK(tlog->size == size + 1);
    CHECK(ee_tlog_inclusion(tlog, 5, size, &after) == EE_OK);
    CHECK(after.count == before.count &&
          memcmp(after.hashes, before.hashes, before.count * sizeof(before.hashes[0])) == 0);
    CHECK(ee_tlog_consistency(tlog, size, size + 1, &after) == EE_OK);
    core_fixture_close(&c);
}

static void only_the_newest_two_are_kept(void)
{
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    opened();
    for (int i = 0; i < 5; i++)
        CHECK(transfers(EVERY + 1) && again() == EE_OK);
    CHECK(listed(seqs) == EE_SNAPSHOTS_KEPT && seqs[0] > seqs[1]);
    core_fixture_close(&c);
}

static void flip_middle(struct ee_file_data *data)
{
    data->data[data->size / 2] ^= 1;
}

static void cut_end(struct ee_file_data *data)
{
    data->size -= 1;
}

static void cut_to_nothing(struct ee_file_data *data)
{
    data->size = 0;
}

static void damaged_one_gives_way_to_the_older(void)
{
    static void (*const damages[])(struct ee_file_data *) = {flip_middle, cut_end, cut_to_nothing};
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        opened();
        CHECK(transfers(2 * EVERY) && again() == EE_OK && transfers(2 * EVERY) && again() == EE_OK);
        CHECK(listed(seqs) == 2);
        newest_damage(damages[i]);
        REQUIRE(core_fixture_start(&c) == EE_OK);
        CHECK(counts().start_seq == seqs[1] && core_available(c.f, "bob") == 4 * EVERY);
        core_fixture_close(&c);
    }
}

static void without_a_good_one_the_first_batch_is_the_start(void)
{
    char path[256];
    opened();
    CHECK(transfers(2 * EVERY) && again() == EE_OK);
    newest_damage(flip_middle);
    for (int i = 0; i < 2; i++) {
        REQUIRE(core_fixture_start(&c) == EE_OK);
        CHECK(counts().start_seq == 0 || i == 1);
        CHECK(core_available(c.f, "bob") == 2 * EVERY);
        fixture_stop(c.f);
        (void)snprintf(path, sizeof(path), "rm -rf '%s'", c.snapshots);
        CHECK(system(path) == 0);
    }
    core_fixture_close(&c);
}

/* The leaves are proven by the signed root of the snapshot's batch. */
static void changed_leaf_is_noticed(void)
{
    char path[256];
    struct ee_file_data data;
    opened();
    CHECK(transfers(2 * EVERY) && again() == EE_OK && counts().start_seq > 0);
    fixture_stop(c.f);
    (void)snprintf(path, sizeof(path), "%s/log.leaves", c.snapshots);
    REQUIRE(ee_file_read(path, 1 << 20, &data) == EE_OK);
    data.data[40] ^= 4;
    CHECK(ee_file_write(path, ee_file_bytes(&data), 0600) == EE_OK);
    ee_file_data_free(&data);
    REQUIRE(core_fixture_start(&c) == EE_OK);
    CHECK(counts().start_seq == 0 && core_available(c.f, "bob") == 2 * EVERY);
    core_fixture_close(&c);
}

/* The disk lost the journal's newest batches, or the journal was put back: the snapshot is ahead.
 */
static void snapshot_of_a_longer_journal_is_not_used(void)
{
    char command[1024];
    opened();
    CHECK(transfers(10));
    fixture_stop(c.f);
    (void)snprintf(command, sizeof(command), "cp '%s' '%s.old'", c.path, c.path);
    CHECK(system(command) == 0);
    REQUIRE(core_fixture_start(&c) == EE_OK);
    CHECK(transfers(3 * EVERY));
    fixture_stop(c.f);
    (void)snprintf(command, sizeof(command), "rm -f '%s-wal' '%s-shm'; mv '%s.old' '%s'", c.path,
                   c.path, c.path, c.path);
    CHECK(system(command) >= 0);
    REQUIRE(core_fixture_start(&c) == EE_OK);
    CHECK(counts().start_seq == 0 && core_available(c.f, "bob") == 10);
    /* It goes on to where they were with other commands: still not on its chain. */
    CHECK(transfers(3 * EVERY - 10));
    c.snapshot_every = 1 << 20;
    REQUIRE(again() == EE_OK);
    CHECK(core_available(c.f, "bob") == 3 * EVERY);
    core_fixture_close(&c);
}

static void newer_release(struct ee_file_data *data)
{
    data->data[15]++; /* after the label: the core version's low byte */
}

static void snapshot_of_a_newer_release_is_refused(void)
{
    opened();
    CHECK(transfers(2 * EVERY) && again() == EE_OK);
    newest_damage(newer_release);
    CHECK(core_fixture_start(&c) == EE_VERSION);
    CHECK(c.f->fault.what != NULL && strstr(c.f->fault.what, "newer release") != NULL);
    core_fixture_close(&c);
}

static void folder_that_cannot_be_made_stops_nothing(void)
{
    core_fixture_init(&c);
    c.snapshot_every = EVERY;
    CHECK(ee_file_write(c.snapshots, ee_bytes_str("a file"), 0600) == EE_OK);
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    next_number = 0;
    for (int i = 0; i < 4; i++)
        CHECK(transfers(EVERY));
    CHECK(core_available(c.f, "bob") == 4 * EVERY && counts().written == 0);
    core_fixture_close(&c);
}

/* ---- sealed ---- */

/* Not encryption: shows that every chunk goes through the seal with its own place. */
static enum ee_err toy_seal(void *context, struct ee_bytes associated, struct ee_bytes plain,
                            uint8_t *out, size_t capacity, size_t *size_out)
{
    (void)context;
    if (capacity < plain.size + 32)
        return EE_TOO_LARGE;
    for (size_t i = 0; i < plain.size; i++)
        out[i] = plain.data[i] ^ 0xa5;
    const struct ee_bytes parts[] = {associated, ee_bytes_of(out, plain.size)};
    ee_crypto_openssl.sha256(parts, 2, out + plain.size);
    *size_out = plain.size + 32;
    return EE_OK;
}

static enum ee_err toy_open(void *context, struct ee_bytes associated, struct ee_bytes sealed,
                            uint8_t *out, size_t capacity, size_t *size_out)
{
    uint8_t tag[32];
    (void)context;
    if (sealed.size < 32 || capacity < sealed.size - 32)
        return EE_SEAL_OPEN;
    size_t size = sealed.size - 32;
    const struct ee_bytes parts[] = {associated, ee_bytes_of(sealed.data, size)};
    ee_crypto_openssl.sha256(parts, 2, tag);
    if (memcmp(tag, sealed.data + size, 32) != 0)
        return EE_SEAL_OPEN;
    for (size_t i = 0; i < size; i++)
        out[i] = sealed.data[i] ^ 0xa5;
    *size_out = size;
    return EE_OK;
}

static const struct ee_journal_seal toy = {.overhead = 32, .seal = toy_seal, .open = toy_open};

static void sealed_snapshot_shows_nothing_and_needs_its_key(void)
{
    uint64_t seqs[EE_SNAPSHOTS_LISTED_MAX];
    struct ee_file_data data;
    char path[PATH_MAX];
    core_fixture_init(&c);
    c.snapshot_every = EVERY;
    c.seal = &toy;
    next_number = 0;
    REQUIRE(core_fixture_start(&c) == EE_OK && core_populate(c.f));
    CHECK(transfers(2 * EVERY) && again() == EE_OK && counts().start_seq > 0);
    fixture_stop(c.f);
    REQUIRE(listed(seqs) > 0 && ee_snapshot_path(c.snapshots, seqs[0], path) == EE_OK);
    REQUIRE(ee_file_read(path, 1 << 24, &data) == EE_OK);
    CHECK(memmem(data.data, data.size, "alice", 5) == NULL);
    ee_file_data_free(&data);
    c.seal = NULL;
    REQUIRE(core_fixture_start(&c) == EE_OK); /* the journal is plain here */
    CHECK(counts().start_seq == 0 && core_available(c.f, "bob") == 2 * EVERY);
    core_fixture_close(&c);
}

TESTS(TEST(start_goes_on_from_the_newest), TEST(replay_from_the_first_batch_gives_the_same_state),
      TEST(snapshot_of_another_state_is_named), TEST(proofs_over_old_leaves_still_hold),
      TEST(only_the_newest_two_are_kept), TEST(damaged_one_gives_way_to_the_older),
      TEST(without_a_good_one_the_first_batch_is_the_start), TEST(changed_leaf_is_noticed),
      TEST(snapshot_of_a_longer_journal_is_not_used), TEST(snapshot_of_a_newer_release_is_refused),
      TEST(folder_that_cannot_be_made_stops_nothing),
      TEST(sealed_snapshot_shows_nothing_and_needs_its_key))
