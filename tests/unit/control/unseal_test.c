/* SPDX-License-Identifier: Apache-2.0 */
/* Where a control plane's journal key comes from at its start, and how holders bring it back. */
#include "control/unseal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/crypto_openssl.h"
#include "io/journal_sqlite.h"
#include "tap.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)

enum { HOLDERS = 3 };

static char folder[64];
static uint8_t founding_seed[32];

static void path_of(const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", folder, name);
}

static bool folder_make(void)
{
    memcpy(folder, "/tmp/ee-unseal-XXXXXX", 22);
    return mkdtemp(folder) != NULL;
}

static void folder_remove(void)
{
    static const char *const names[] = {"journal.db",      "journal.db-wal", "journal.db-shm",
                                        "journal.db.lock", "journal.key",    "holders.json"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(names[i], path);
        (void)unlink(path);
    }
    CHECK(rmdir(folder) == 0);
}

static void secret_of(size_t holder, uint8_t out[32])
{
    memset(out, (int)(0x31 + holder), 32);
}

/* A control plane as far as its start needs it. */
static struct ee_control *control_new(enum ee_network_kind kind)
{
    struct ee_control *control = calloc(1, sizeof(*control));
    if (control == NULL || ee_loop_new(&control->loop) != EE_OK)
        return NULL;
    control->allocator = &ee_allocator_system;
    control->crypto = CRYPTO;
    control->trust.genesis.kind = kind;
    memset(control->trust.network_id, 0x4e, 32);
    memset(founding_seed, 0x66, sizeof(founding_seed));
    CHECK(CRYPTO->ed25519_public(founding_seed, control->trust.genesis.founding_key));
    memset(control->keys.identity, 0x1d, sizeof(control->keys.identity));
    memcpy(control->state_folder, folder, sizeof(folder));
    return control;
}

static void control_end(struct ee_control *control)
{
    ee_journal_close(control->journal);
    ee_unseal_free(control);
    ee_loop_free(control->loop);
    free(control);
}

static struct ee_key_holders holders_of(uint64_t number, uint8_t threshold, size_t first)
{
    struct ee_key_holders list = {.number = number, .threshold = threshold, .count = HOLDERS};
    uint8_t secret[32];
    memset(list.network_id, 0x4e, 32);
    for (size_t i = 0; i < HOLDERS; i++) {
        secret_of(first + i, secret);
        (void)snprintf(list.holders[i].name, sizeof(list.holders[i].name), "h%zu", first + i);
        CHECK(CRYPTO->x25519_public(secret, list.holders[i].public_key));
    }
    return list;
}

static const char *holders_file(void)
{
    static char path[128];
    char text[EE_HOLDERS_FILE_MAX];
    struct ee_key_holders list = holders_of(1, 2, 0);
    memset(founding_seed, 0x66, sizeof(founding_seed));
    path_of("holders.json", path);
    CHECK(ee_holders_sign(CRYPTO, &list, founding_seed, text) == EE_OK);
    CHECK(ee_file_write(path, ee_bytes_str(text), 0644) == EE_OK);
    return path;
}

static enum ee_err opened(struct ee_control *control, const struct ee_control_options *options)
{
    const char *step = "";
    return ee_unseal_open(control, options, &step);
}

static enum ee_err batch_append(struct ee_control *control)
{
    uint8_t memory[64];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    ee_writer_block(&w, ee_bytes_str("c"));
    ee_writer_block(&w, ee_bytes_str("r"));
    EE_TRY(ee_journal_replay(control->journal, NULL, NULL, NULL));
    return ee_journal_append(control->journal, 1, 1, ee_writer_done(&w), ee_bytes_str("n\n"));
}

static enum ee_err share_send(struct ee_control *control, size_t holder)
{
    const struct ee_key_document *document = &control->unseal->document;
    struct ee_key_recipient recipient;
    struct ee_shamir_share share;
    uint8_t secret[32], ephemeral[32] = {5}, sealed[EE_KEY_SHARE_SEALED_SIZE];
    secret_of(holder, secret);
    memcpy(recipient.identity, control->keys.identity, 32);
    memcpy(recipient.public_key, control->sealing_key, 32);
    EE_TRY(ee_key_share_open(CRYPTO, document, secret, &share));
    EE_TRY(ee_key_share_send(CRYPTO, document, &recipient, ephemeral, &share, sealed));
    return ee_unseal_take(control, share.index, sealed);
}

static void on_never(void *context)
{
    (void)context;
}

/* The timer that ee_unseal_wait() makes. */
static void timer_make(struct ee_control *control)
{
    CHECK(ee_timer_new(control->loop, on_never, NULL, &control->unseal->timer) == EE_OK);
}

/* A journal with `rows` rows under a first key of three holders. */
static void ceremony(unsigned rows)
{
    struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
    const struct ee_control_options options = {.holders_path = holders_file()};
    REQUIRE(control != NULL && opened(control, &options) == EE_OK);
    CHECK(!ee_unseal_locked(control) && ee_vault_ready(control->vault));
    for (unsigned i = 0; i < rows; i++)
        CHECK(batch_append(control) == EE_OK);
    control_end(control);
}

/* ---- choosing ---- */

static void plain_journal_or_key_file_in_a_production_network(void)
{
    static const struct ee_control_options bad[] = {{.plain_journal = true},
                                                    {.journal_key_path = "/nowhere"}};
    REQUIRE(folder_make());
    for (size_t i = 0; i < 2; i++) {
        struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
        REQUIRE(control != NULL);
        CHECK(opened(control, &bad[i]) == EE_JOURNAL_PLAIN && control->journal == NULL);
        control_end(control);
    }
    struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
    const struct ee_control_options none = {.holders_path = NULL};
    CHECK(opened(control, &none) == EE_NOT_FOUND);
    control_end(control);
    folder_remove();
}

static void development_seals_by_a_key_file_unless_told_otherwise(void)
{
    struct ee_control_options options = {.holders_path = NULL};
    enum ee_journal_form form;
    struct stat status;
    char path[128];
    REQUIRE(folder_make());
    path_of("journal.key", path);
    struct ee_control *control = control_new(EE_NETWORK_DEVELOPMENT);
    REQUIRE(opened(control, &options) == EE_OK && batch_append(control) == EE_OK);
    CHECK(ee_journal_tail_form(control->journal, &form) == EE_OK);
    CHECK(form == EE_JOURNAL_FORM_SEALED && control->unseal == NULL);
    CHECK(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    control_end(control);
    CHECK(ee_key_file_renew(path) == EE_OK);
    control = control_new(EE_NETWORK_DEVELOPMENT);
    REQUIRE(opened(control, &options) == EE_OK && batch_append(control) == EE_OK);
    CHECK(batch_append(control) == EE_OK); /* rows of two keys replay */
    control_end(control);
    CHECK(unlink(path) == 0);
    control = control_new(EE_NETWORK_DEVELOPMENT);
    CHECK(opened(control, &options) == EE_NOT_FOUND && stat(path, &status) != 0);
    control_end(control);
    folder_remove();
}

static void plain_journal_of_an_older_release_goes_on_sealed(void)
{
    struct ee_control_options options = {.plain_journal = true};
    enum ee_journal_form form;
    REQUIRE(folder_make());
    struct ee_control *control = control_new(EE_NETWORK_DEVELOPMENT);
    REQUIRE(opened(control, &options) == EE_OK && batch_append(control) == EE_OK);
    CHECK(ee_journal_tail_form(control->journal, &form) == EE_OK && form == EE_JOURNAL_FORM_PLAIN);
    control_end(control);
    options.plain_journal = false;
    control = control_new(EE_NETWORK_DEVELOPMENT);
    REQUIRE(opened(control, &options) == EE_OK && batch_append(control) == EE_OK);
    CHECK(ee_journal_tail_form(control->journal, &form) == EE_OK && form == EE_JOURNAL_FORM_SEALED);
    control_end(control);
    folder_remove();
}

/* ---- holders ---- */

static void two_of_three_holders_unlock_a_new_start(void)
{
    const struct ee_control_options none = {.holders_path = NULL};
    REQUIRE(folder_make());
    ceremony(3);
    struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
    REQUIRE(opened(control, &none) == EE_OK && ee_unseal_locked(control));
    timer_make(control);
    CHECK(!ee_vault_ready(control->vault));
    CHECK(share_send(control, 2) == EE_OK && control->unseal->received == 1);
    CHECK(share_send(control, 2) == EE_OK && control->unseal->received == 1);
    CHECK(ee_unseal_locked(control) && !ee_vault_ready(control->vault));
    CHECK(share_send(control, 7) == EE_NOT_FOUND);
    CHECK(share_send(control, 0) == EE_OK && !ee_unseal_locked(control));
    CHECK(ee_bytes_all_zero(control->unseal->shares, sizeof(control->unseal->shares)));
    CHECK(batch_append(control) == EE_OK && ee_journal_last_batch(control->journal) == 4);
    CHECK(share_send(control, 1) == EE_STATE);
    control_end(control);
    folder_remove();
}

static void share_of_an_earlier_start_does_not_open(void)
{
    const struct ee_control_options none = {.holders_path = NULL};
    struct ee_key_recipient recipient;
    struct ee_shamir_share share;
    uint8_t secret[32], ephemeral[32] = {5}, sealed[EE_KEY_SHARE_SEALED_SIZE];
    REQUIRE(folder_make());
    ceremony(1);
    struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
    REQUIRE(opened(control, &none) == EE_OK);
    secret_of(1, secret);
    memcpy(recipient.identity, control->keys.identity, 32);
    memcpy(recipient.public_key, control->sealing_key, 32);
    const struct ee_key_document *document = &control->unseal->document;
    REQUIRE(ee_key_share_open(CRYPTO, document, secret, &share) == EE_OK);
    REQUIRE(ee_key_share_send(CRYPTO, document, &recipient, ephemeral, &share, sealed) == EE_OK);
    control_end(control);
    control = control_new(EE_NETWORK_PRODUCTION);
    REQUIRE(opened(control, &none) == EE_OK);
    CHECK(ee_unseal_take(control, 2, sealed) == EE_SEAL_OPEN && control->unseal->received == 0);
    CHECK(ee_unseal_take(control, 0, sealed) == EE_RANGE);
    control_end(control);
    folder_remove();
}

/* Changed so that each share still is the committed one, but not of this key. */
static void changed_document_opens_nothing(void)
{
    const struct ee_control_options none = {.holders_path = NULL};
    REQUIRE(folder_make());
    ceremony(1);
    struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
    REQUIRE(opened(control, &none) == EE_OK);
    timer_make(control);
    control->unseal->document.mac[0] ^= 1;
    CHECK(share_send(control, 0) == EE_OK && share_send(control, 1) == EE_SEAL_OPEN);
    CHECK(ee_unseal_locked(control) && control->unseal->received == 0);
    control->unseal->document.mac[0] ^= 1;
    control->unseal->document.threshold = 1; /* a lower one, as somebody with the disk would like */
    CHECK(share_send(control, 0) == EE_SEAL_OPEN && ee_unseal_locked(control));
    control_end(control);
    folder_remove();
}

static enum ee_err renew(struct ee_control *control, uint64_t number, size_t first)
{
    struct ee_key_holders list = holders_of(number, 2, first);
    return ee_journal_key_renew(control->vault, control->journal, CRYPTO, &list,
                                &control->unseal->document, &control->unseal->document);
}

static void rows_of_all_generations_open_with_the_newest_holders(void)
{
    const struct ee_control_options none = {.holders_path = NULL};
    REQUIRE(folder_make());
    const struct ee_control_options again = {.holders_path = holders_file()};
    struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
    REQUIRE(opened(control, &again) == EE_OK && batch_append(control) == EE_OK);
    CHECK(renew(control, 1, 4) == EE_HOLDERS);
    for (uint64_t number = 2; number <= 5; number++) {
        CHECK(renew(control, number, number * 4) == EE_OK);
        CHECK(batch_append(control) == EE_OK);
    }
    CHECK(control->unseal->document.generation == 5);
    control_end(control);
    control = control_new(EE_NETWORK_PRODUCTION);
    REQUIRE(opened(control, &none) == EE_OK && ee_unseal_locked(control));
    timer_make(control);
    CHECK(share_send(control, 0) == EE_NOT_FOUND);
    CHECK(share_send(control, 20) == EE_OK && share_send(control, 22) == EE_OK);
    CHECK(batch_append(control) == EE_OK && ee_journal_last_batch(control->journal) == 6);
    control_end(control);
    folder_remove();
}

static void document_that_is_gone_or_of_somebody_else_is_named(void)
{
    const struct ee_control_options none = {.holders_path = NULL};
    uint8_t bytes[EE_KEY_DOCUMENT_SIZE_MAX];
    size_t size;
    REQUIRE(folder_make());
    ceremony(1);
    struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
    REQUIRE(opened(control, &none) == EE_OK);
    timer_make(control);
    CHECK(share_send(control, 0) == EE_OK && share_send(control, 1) == EE_OK);
    CHECK(renew(control, 2, 0) == EE_OK);
    REQUIRE(ee_journal_meta_get(control->journal, "journal-key.2", bytes, sizeof(bytes), &size) ==
            EE_OK);
    /* The first one is now a copy of the second: another generation than its name says. */
    REQUIRE(ee_journal_meta_put(control->journal, "journal-key.1", ee_bytes_of(bytes, size)) ==
            EE_OK);
    control_end(control);
    control = control_new(EE_NETWORK_PRODUCTION);
    CHECK(opened(control, &none) == EE_JOURNAL_CORRUPT);
    control_end(control);
    folder_remove();
}

static void first_key_for_a_journal_that_has_rows(void)
{
    const struct ee_control_options plain = {.plain_journal = true};
    REQUIRE(folder_make());
    struct ee_control *control = control_new(EE_NETWORK_DEVELOPMENT);
    REQUIRE(opened(control, &plain) == EE_OK && batch_append(control) == EE_OK);
    control_end(control);
    control = control_new(EE_NETWORK_DEVELOPMENT);
    const struct ee_control_options holders = {.holders_path = holders_file()};
    CHECK(opened(control, &holders) == EE_NOT_FOUND);
    control_end(control);
    folder_remove();
}

/* ---- a new key, and the power goes ---- */

struct failing {
    struct ee_journal_store inner;
    bool keep; /* the value is written all the same */
};

static enum ee_err failing_put(void *context, const char *key, struct ee_bytes value)
{
    struct failing *failing = context;
    if (failing->keep)
        CHECK(failing->inner.meta_put(failing->inner.context, key, value) == EE_OK);
    return EE_JOURNAL;
}

static enum ee_err inner_get(void *context, const char *key, uint8_t *out, size_t capacity,
                             size_t *size_out)
{
    struct failing *failing = context;
    return failing->inner.meta_get(failing->inner.context, key, out, capacity, size_out);
}

static void nothing_close(void *context)
{
    (void)context;
}

/* A journal over the same store whose small values cannot be written. */
static struct ee_journal *failing_journal(struct failing *failing, struct ee_vault *vault)
{
    struct ee_journal *journal = NULL;
    struct ee_journal_options options = {
        .crypto = CRYPTO, .allocator = &ee_allocator_system, .seal = ee_vault_journal_seal(vault)};
    struct ee_journal_store store = failing->inner;
    memset(options.network_id, 0x4e, 32);
    store.context = failing;
    store.meta_put = failing_put;
    store.meta_get = inner_get;
    store.close = nothing_close;
    CHECK(ee_journal_open(&options, store, &journal) == EE_OK);
    return journal;
}

static void killed_before_or_after_a_new_key_is_durable(void)
{
    const struct ee_control_options none = {.holders_path = NULL};
    for (int keep = 0; keep < 2; keep++) {
        char path[128];
        struct failing failing = {.keep = keep == 1};
        struct ee_key_document document;
        struct ee_data_key before, after;
        REQUIRE(folder_make());
        ceremony(2);
        struct ee_control *control = control_new(EE_NETWORK_PRODUCTION);
        REQUIRE(opened(control, &none) == EE_OK);
        timer_make(control);
        CHECK(share_send(control, 0) == EE_OK && share_send(control, 1) == EE_OK);
        ee_journal_close(control->journal);
        path_of("journal.db", path);
        REQUIRE(ee_journal_sqlite_open(path, EE_JOURNAL_EXISTING, &failing.inner) == EE_OK);
        control->journal = failing_journal(&failing, control->vault);
        REQUIRE(ee_vault_current(control->vault, &before) == EE_OK);
        struct ee_key_holders list = holders_of(2, 2, 8);
        CHECK(ee_journal_key_renew(control->vault, control->journal, CRYPTO, &list,
                                   &control->unseal->document, &document) == EE_JOURNAL);
        REQUIRE(ee_vault_current(control->vault, &after) == EE_OK);
        CHECK(memcmp(&before, &after, sizeof(before)) == 0); /* nothing is sealed with it */
        failing.inner.close(failing.inner.context);
        control_end(control); /* the kill */
        control = control_new(EE_NETWORK_PRODUCTION);
        REQUIRE(opened(control, &none) == EE_OK && ee_unseal_locked(control));
        timer_make(control);
        size_t first = keep == 1 ? 8 : 0;
        CHECK(share_send(control, first) == EE_OK && share_send(control, first + 2) == EE_OK);
        CHECK(batch_append(control) == EE_OK && ee_journal_last_batch(control->journal) == 3);
        control_end(control);
        folder_remove();
    }
}

/* ---- lists ---- */

static void lists_that_are_not_signed_for_this_network(void)
{
    struct ee_key_holders list = holders_of(1, 2, 0), got;
    uint8_t founding[32], network[32], other_seed[32] = {9};
    char text[EE_HOLDERS_FILE_MAX];
    memset(network, 0x4e, sizeof(network));
    memset(founding_seed, 0x66, sizeof(founding_seed));
    REQUIRE(CRYPTO->ed25519_public(founding_seed, founding));
    REQUIRE(ee_holders_sign(CRYPTO, &list, founding_seed, text) == EE_OK);
    CHECK(ee_holders_parse(CRYPTO, ee_bytes_str(text), network, founding, &got) == EE_OK);
    CHECK(memcmp(&got, &list, sizeof(got)) == 0);
    network[0] ^= 1;
    CHECK(ee_holders_parse(CRYPTO, ee_bytes_str(text), network, founding, &got) ==
          EE_WRONG_NETWORK);
    network[0] ^= 1;
    REQUIRE(ee_holders_sign(CRYPTO, &list, other_seed, text) == EE_OK);
    CHECK(ee_holders_parse(CRYPTO, ee_bytes_str(text), network, founding, &got) == EE_SIGNATURE);
    CHECK(ee_holders_parse(CRYPTO, ee_bytes_str("{}"), network, founding, &got) ==
          EE_MISSING_FIELD);
    CHECK(ee_holders_parse(CRYPTO, ee_bytes_str("no"), network, founding, &got) == EE_SYNTAX);
    text[strlen("{\"format\":\"ee-unseal-holders-")] = '2';
    CHECK(ee_holders_parse(CRYPTO, ee_bytes_str(text), network, founding, &got) == EE_UNSUPPORTED);
}

TESTS(TEST(plain_journal_or_key_file_in_a_production_network),
      TEST(development_seals_by_a_key_file_unless_told_otherwise),
      TEST(plain_journal_of_an_older_release_goes_on_sealed),
      TEST(two_of_three_holders_unlock_a_new_start), TEST(share_of_an_earlier_start_does_not_open),
      TEST(changed_document_opens_nothing),
      TEST(rows_of_all_generations_open_with_the_newest_holders),
      TEST(document_that_is_gone_or_of_somebody_else_is_named),
      TEST(first_key_for_a_journal_that_has_rows),
      TEST(killed_before_or_after_a_new_key_is_durable),
      TEST(lists_that_are_not_signed_for_this_network))
