/* SPDX-License-Identifier: Apache-2.0 */
/* ee-control read-model rebuild: deletes the read model of a stopped control plane and builds it
 * anew from the journal. A running one does that by itself when it has to. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "control/projector.h"
#include "control/read_store.h"
#include "control/vault.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/journal_sqlite.h"

#include "base/banned.h"

enum { PATH_SIZE = 1024 };

static enum ee_err path_of(const char *state, const char *name, char out[PATH_SIZE])
{
    int length = snprintf(out, PATH_SIZE, "%s/%s", state, name);
    return length > 0 && length < PATH_SIZE ? EE_OK : EE_TOO_LARGE;
}

static enum ee_err journal_of(const char *state, struct ee_vault **vault, struct ee_journal **out)
{
    char path[PATH_SIZE];
    struct ee_journal_store store;
    const struct ee_control_access access = {.key_file = NULL};
    struct ee_journal_options options = {
        .crypto = &ee_crypto_openssl, .allocator = &ee_allocator_system, .allow_plain = true};
    EE_TRY(path_of(state, "journal.db", path));
    EE_TRY(ee_control_access_open(&access, state, path, vault));
    if (*vault != NULL)
        options.seal = ee_vault_journal_seal(*vault);
    EE_TRY(ee_journal_sqlite_open(path, EE_JOURNAL_EXISTING, &store));
    enum ee_err err = ee_journal_store_network(&store, options.network_id);
    if (err != EE_OK) {
        store.close(store.context);
        return err;
    }
    return ee_journal_open(&options, store, out);
}

static enum ee_err build(struct ee_journal *journal, const char *path)
{
    struct ee_projector *projector = NULL;
    struct ee_projector_status status;
    const struct ee_projector_options options = {.allocator = &ee_allocator_system,
                                                 .crypto = &ee_crypto_openssl,
                                                 .journal = journal,
                                                 .path = path,
                                                 .once = true};
    uint64_t start_us = ee_clock_monotonic_us();
    EE_TRY(ee_projector_new(&options, &projector));
    enum ee_err err = ee_projector_wait(projector);
    ee_projector_status(projector, &status);
    ee_projector_free(projector);
    uint64_t took_ms = (ee_clock_monotonic_us() - start_us) / 1000;
    if (err == EE_OK)
        (void)printf("read model built to sequence number %llu: %llu rows in %llu ms\n",
                     (unsigned long long)status.seq, (unsigned long long)status.rows,
                     (unsigned long long)took_ms);
    return err;
}

static enum ee_err rebuild(const char *state, const char **what)
{
    char path[PATH_SIZE], lock_path[PATH_SIZE];
    struct ee_journal *journal = NULL;
    struct ee_vault *vault = NULL;
    int lock = -1;
    *what = "the state folder: stop the control plane first";
    EE_TRY(path_of(state, "lock", lock_path));
    EE_TRY(path_of(state, "read.db", path));
    EE_TRY(ee_file_lock(lock_path, &lock));
    *what = "the journal";
    enum ee_err err = journal_of(state, &vault, &journal);
    if (err == EE_OK) {
        *what = "the read model";
        err = ee_read_store_remove(path);
    }
    if (err == EE_OK)
        err = build(journal, path);
    ee_journal_close(journal);
    ee_vault_free(vault);
    ee_file_unlock(lock);
    return err;
}

int ee_control_cmd_read_model(int argc, char **argv)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    const char *state = NULL, *what = "";
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 's')
            return ee_control_usage("read-model: an option is wrong");
        state = optarg;
    }
    if (state == NULL || optind + 1 != argc || strcmp(argv[optind], "rebuild") != 0)
        return ee_control_usage("read-model rebuild needs --state");
    enum ee_err err = rebuild(state, &what);
    return err == EE_OK ? 0 : ee_control_failed(err, what);
}
