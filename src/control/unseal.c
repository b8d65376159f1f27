/* SPDX-License-Identifier: Apache-2.0 */
#include "control/unseal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "io/journal_sqlite.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

enum { PATH_SIZE = 1100, GOODBYE_MS = 20 };
static const uint64_t forever_ms = UINT64_C(1) << 40; /* 34 years */

/* ---- what there is at the start ---- */

static enum ee_err sealing_key_make(struct ee_control *control)
{
    ee_random_bytes(control->sealing_private, sizeof control->sealing_private);
    return control->crypto->x25519_public(control->sealing_private, control->sealing_key)
               ? EE_OK
               : EE_CRYPTO;
}

static enum ee_err journal_open(struct ee_control *control, bool plain)
{
    char path[PATH_SIZE];
    struct ee_journal_store store;
    struct ee_journal_options journal = {
        .crypto = control->crypto,
        .allocator = control->allocator,
        .allow_plain = control->trust.genesis.kind == EE_NETWORK_DEVELOPMENT,
        .seal = plain ? NULL : ee_vault_journal_seal(control->vault),
    };
    memcpy(journal.network_id, control->trust.network_id, sizeof journal.network_id);
    (void)snprintf(path, sizeof path, "%s/journal.db", control->state_folder);
    EE_TRY(ee_journal_sqlite_open(path, EE_JOURNAL_CREATE, &store));
    return ee_journal_open(&journal, store, &control->journal);
}

static enum ee_err unseal_new(struct ee_control *control, const struct ee_key_document *document,
                              bool locked)
{
    control->unseal = calloc(1, sizeof *control->unseal);
    if (control->unseal == NULL)
        return EE_NO_MEMORY;
    control->unseal->document = *document;
    control->unseal->locked = locked;
    return EE_OK;
}

static bool journal_empty(struct ee_control *control)
{
    enum ee_journal_form form;
    return ee_journal_tail_form(control->journal, &form) == EE_NOT_FOUND;
}

/* The ceremony: a key is made here and leaves in shares only. */
static enum ee_err first_key(struct ee_control *control, const char *path)
{
    struct ee_key_holders holders;
    struct ee_key_document document;
    if (!journal_empty(control))
        return EE_NOT_FOUND; /* whatever sealed it, a new key opens nothing of it */
    EE_TRY(ee_holders_read(control->crypto, path, control->trust.network_id,
                           control->trust.genesis.founding_key, &holders));
    EE_TRY(ee_journal_key_renew(control->vault, control->journal, control->crypto, &holders, NULL,
                                &document));
    EE_LOG(EE_LOG_INFO, "unseal", "the journal's key is made and given to its holders",
           ee_log_hex("key", document.key_id, sizeof document.key_id),
           ee_log_unsigned("holders", document.count),
           ee_log_unsigned("threshold", document.threshold));
    return unseal_new(control, &document, false);
}

static enum ee_err file_key(struct ee_control *control, const char *given)
{
    char path[PATH_SIZE];
    enum ee_journal_form form;
    (void)snprintf(path, sizeof path, "%s/journal.key", control->state_folder);
    const char *chosen = given != NULL ? given : path;
    enum ee_err err = ee_key_file_load(control->crypto, chosen, control->vault);
    if (err == EE_NOT_FOUND) {
        err = ee_journal_tail_form(control->journal, &form);
        if (err == EE_OK && form == EE_JOURNAL_FORM_SEALED)
            return EE_NOT_FOUND;
        if (err != EE_OK && err != EE_NOT_FOUND)
            return err;
        EE_TRY(ee_key_file_renew(chosen));
        err = ee_key_file_load(control->crypto, chosen, control->vault);
    }
    if (err == EE_OK)
        EE_LOG(EE_LOG_WARN, "unseal",
               "the journal's key lies in a file beside it: who has the disk reads the journal",
               ee_log_text("file", chosen));
    return err;
}

static enum ee_err key_choose(struct ee_control *control, const struct ee_control_options *options,
                              const char **step)
{
    struct ee_key_document document;
    bool development = control->trust.genesis.kind == EE_NETWORK_DEVELOPMENT;
    *step = "the key document in the journal's store";
    enum ee_err err = ee_key_document_newest(control->journal, &document);
    if (err == EE_OK && control->inheritance.has_key) {
        *step = "the journal's key, as handed over";
        EE_TRY(ee_journal_keys_unlock(control->vault, control->journal, control->crypto, &document,
                                      &control->inheritance.key));
        return unseal_new(control, &document, false);
    }
    if (err == EE_OK)
        return unseal_new(control, &document, true);
    if (err != EE_NOT_FOUND)
        return err;
    *step = "the list of holders, for an empty journal (--holders)";
    if (options->holders_path != NULL)
        return first_key(control, options->holders_path);
    *step = "a production network needs --holders FILE at its first start";
    if (!development)
        return EE_NOT_FOUND;
    *step = "the journal's key file (--journal-key-file)";
    return file_key(control, options->journal_key_path);
}

enum ee_err ee_unseal_open(struct ee_control *control, const struct ee_control_options *options,
                           const char **step)
{
    bool production = control->trust.genesis.kind == EE_NETWORK_PRODUCTION;
    *step = "--plain-journal and --journal-key-file are for development networks";
    if (production && (options->plain_journal || options->journal_key_path != NULL))
        return EE_JOURNAL_PLAIN;
    *step = "the journal";
    EE_TRY(sealing_key_make(control));
    EE_TRY(ee_vault_new(control->crypto, &control->vault));
    EE_TRY(journal_open(control, options->plain_journal));
    if (!options->plain_journal)
        return key_choose(control, options, step);
    EE_LOG(EE_LOG_WARN, "unseal", "the journal is plain: who has the disk reads it");
    return EE_OK;
}

/* ---- locked ---- */

bool ee_unseal_locked(const struct ee_control *control)
{
    return control->unseal != NULL && control->unseal->locked;
}

static void on_answered(void *context)
{
    ((struct ee_unseal *)context)->over = true;
}

enum ee_err ee_unseal_wait(struct ee_control *control)
{
    struct ee_unseal *unseal = control->unseal;
    EE_TRY(ee_timer_new(control->loop, on_answered, unseal, &unseal->timer));
    EE_LOG(EE_LOG_INFO, "unseal", "locked: waiting for the holders of the journal's key",
           ee_log_unsigned("generation", unseal->document.generation),
           ee_log_unsigned("threshold", unseal->document.threshold),
           ee_log_unsigned("holders", unseal->document.count));
    enum ee_err err = ee_loop_run_until(control->loop, &unseal->over, forever_ms);
    if (err == EE_OK && (unseal->locked || control->stopping))
        err = EE_CLOSED;
    return err;
}

void ee_unseal_stop(struct ee_control *control)
{
    control->unseal->over = true;
}

void ee_unseal_free(struct ee_control *control)
{
    if (control->unseal != NULL) {
        ee_timer_free(control->unseal->timer);
        ee_wipe(control->unseal, sizeof *control->unseal);
        free(control->unseal);
    }
    ee_vault_free(control->vault);
    ee_wipe(control->sealing_private, sizeof control->sealing_private);
}

static enum ee_err unlock(struct ee_control *control)
{
    struct ee_unseal *unseal = control->unseal;
    struct ee_data_key key;
    enum ee_err err = ee_key_document_join(control->crypto, &unseal->document, unseal->shares,
                                           unseal->received, &key);
    if (err == EE_OK)
        err = ee_journal_keys_unlock(control->vault, control->journal, control->crypto,
                                     &unseal->document, &key);
    ee_wipe(&key, sizeof key);
    ee_wipe(unseal->shares, sizeof unseal->shares);
    unseal->received = 0;
    unseal->locked = err != EE_OK;
    if (err == EE_OK)
        ee_timer_start(unseal->timer, GOODBYE_MS, 0);
    EE_LOG(err == EE_OK ? EE_LOG_INFO : EE_LOG_ERROR, "unseal",
           err == EE_OK ? "unlocked"
                        : "the shares do not open the journal's keys: what lies beside the journal "
                          "was changed",
           ee_log_err(err));
    return err;
}

enum ee_err ee_unseal_take(struct ee_control *control, uint8_t index,
                           const uint8_t sealed[EE_KEY_SHARE_SEALED_SIZE])
{
    struct ee_unseal *unseal = control->unseal;
    struct ee_key_recipient recipient;
    struct ee_shamir_share share;
    if (!ee_unseal_locked(control))
        return EE_STATE;
    memcpy(recipient.identity, control->keys.identity, sizeof recipient.identity);
    memcpy(recipient.public_key, control->sealing_key, sizeof recipient.public_key);
    EE_TRY(ee_key_share_receive(control->crypto, &unseal->document, &recipient,
                                control->sealing_private, index, sealed, &share));
    bool known = false;
    for (size_t i = 0; i < unseal->received; i++)
        known = known || unseal->shares[i].index == index;
    if (!known) {
        unseal->shares[unseal->received++] = share;
        EE_LOG(EE_LOG_INFO, "unseal", "a share has come",
               ee_log_text("holder", unseal->document.rows[index - 1].holder.name),
               ee_log_unsigned("received", unseal->received),
               ee_log_unsigned("threshold", unseal->document.threshold));
    }
    ee_wipe(&share, sizeof share);
    return unseal->received == unseal->document.threshold ? unlock(control) : EE_OK;
}
