/* SPDX-License-Identifier: Apache-2.0 */
/* ee-control journal verify | replay | export | restore of a stopped control plane, backup of any.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <jansson.h>

#include "base/text.h"
#include "commands.h"
#include "control/sequencer_tools.h"
#include "control/vault.h"
#include "core/genesis.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/journal_copy.h"
#include "io/snapshot_file.h"

#include "base/banned.h"

enum { PATH_SIZE = 1024 };

struct settings {
    const char *state, *genesis, *other; /* other: --to, --from of a restore */
    struct ee_control_access access;
    bool json, replace, restore, snapshots;
    uint64_t from;
};

static int read_settings(int argc, char **argv, struct settings *out)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {"genesis", required_argument, NULL, 'g'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"replace", no_argument, NULL, 'r'},
                                            {"key-file", required_argument, NULL, 'k'},
                                            {"snapshots", no_argument, NULL, 'n'},
                                            {"holder-key", required_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    out->from = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            out->state = optarg;
        else if (option == 'g')
            out->genesis = optarg;
        else if (option == 'j')
            out->json = true;
        else if (option == 'n')
            out->snapshots = true;
        else if (option == 'k')
            out->access.key_file = optarg;
        else if (option == 'h' && out->access.holder_count < EE_SHAMIR_SHARES_MAX)
            out->access.holder_keys[out->access.holder_count++] = optarg;
        else if (option == 'r' && out->restore)
            out->replace = true;
        else if (option == 't' || (option == 'f' && out->restore))
            out->other = optarg;
        else if (option != 'f' || ee_u64_parse(optarg, &out->from) != EE_OK)
            return ee_control_usage("journal: an option is wrong");
    }
    if (out->state == NULL || optind != argc)
        return ee_control_usage("journal needs --state and no other words");
    return 0;
}

static enum ee_err journal_path(const char *state, char out[PATH_SIZE])
{
    int length = snprintf(out, PATH_SIZE, "%s/journal.db", state);
    return length > 0 && length < PATH_SIZE ? EE_OK : EE_TOO_LARGE;
}

static enum ee_err network_of(const char *genesis_path, uint8_t out[32])
{
    struct ee_file_data file;
    uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    EE_TRY(ee_file_read(genesis_path, EE_GENESIS_FILE_MAX, &file));
    enum ee_err err =
        ee_genesis_file_read(&ee_crypto_openssl, ee_file_bytes(&file), canonical, &size);
    ee_file_data_free(&file);
    if (err == EE_OK)
        ee_genesis_network_id(&ee_crypto_openssl, ee_bytes_of(canonical, size), out);
    return err;
}

static json_t *report_json(enum ee_err err, const struct ee_journal_report *report)
{
    char network[65], state[65], root[65];
    return json_pack(
        "{s:b, s:s, s:b, s:s, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:s}", "ok", err == EE_OK,
        "error", ee_err_name(err), "opened", err == EE_OK && !report->chain_only, "network",
        ee_hex_encode(report->network_id, 32, network), "batches", (json_int_t)report->batches,
        "commands", (json_int_t)report->commands, "epoch", (json_int_t)report->epoch, "state_hash",
        ee_hex_encode(report->state_hash, 32, state), "log_root",
        ee_hex_encode(report->log_root, 32, root), "snapshots", (json_int_t)report->snapshots,
        "fault_batch", (json_int_t)report->fault.batch, "fault_seq", (json_int_t)report->fault.seq,
        "fault", report->fault.what != NULL ? report->fault.what : "");
}

static void print_report(enum ee_err err, const struct ee_journal_report *report)
{
    char state[65], root[65];
    if (err != EE_OK) {
        (void)printf("REJECT %s: %s (batch %llu, command %llu)\n", ee_err_name(err),
                     report->fault.what != NULL ? report->fault.what : ee_err_text(err),
                     (unsigned long long)report->fault.batch,
                     (unsigned long long)report->fault.seq);
        return;
    }
    if (report->chain_only) {
        (void)printf("%llu commands in %llu batches, epoch %llu\nsealed, and no key was given: the "
                     "chain holds, the content was not opened\nOK\n",
                     (unsigned long long)report->commands, (unsigned long long)report->batches,
                     (unsigned long long)report->epoch);
        return;
    }
    if (report->snapshots > 0)
        (void)printf("%llu snapshots agree\n", (unsigned long long)report->snapshots);
    (void)printf("%llu commands in %llu batches, epoch %llu\nstate %s\nlog   %s\nOK\n",
                 (unsigned long long)report->commands, (unsigned long long)report->batches,
                 (unsigned long long)report->epoch, ee_hex_encode(report->state_hash, 32, state),
                 ee_hex_encode(report->log_root, 32, root));
}

static void folder_of_snapshots(const struct settings *settings, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/snapshots", settings->state);
}

enum depth { CONTENT, CONTENT_AFRESH, CHAIN_AT_LEAST /* of what is sealed and has no key here */ };

static enum ee_err verify_at(const struct settings *settings, const char *path, enum depth depth,
                             struct ee_journal_report *report)
{
    struct ee_vault *vault = NULL;
    report->fault.what = "its keys";
    EE_TRY(ee_control_access_open(&settings->access, settings->state, path, &vault));
    const struct ee_journal_seal *seal = vault != NULL ? ee_vault_journal_seal(vault) : NULL;
    enum ee_err err =
        ee_journal_verify(path, &ee_crypto_openssl, seal, depth == CONTENT_AFRESH, report);
    if (err == EE_OK && settings->snapshots && depth == CONTENT_AFRESH) {
        char folder[PATH_SIZE];
        folder_of_snapshots(settings, folder);
        err = ee_journal_snapshots_verify(path, folder, &ee_crypto_openssl, seal, report);
    }
    ee_vault_free(vault);
    if (err == EE_UNSUPPORTED && seal == NULL && depth == CHAIN_AT_LEAST)
        err = ee_journal_verify_chain(path, &ee_crypto_openssl, report);
    return err;
}

/* Of any journal; prints what was found. */
static enum ee_err verify(const struct settings *settings, const char *path, enum depth depth)
{
    struct ee_journal_report report = {0};
    uint8_t network[32];
    enum ee_err err = settings->genesis == NULL ? EE_OK : network_of(settings->genesis, network);
    if (err == EE_OK)
        err = verify_at(settings, path, depth, &report);
    if (err == EE_OK && settings->genesis != NULL && memcmp(network, report.network_id, 32) != 0)
        err = EE_WRONG_NETWORK;
    if (settings->json) {
        json_t *value = report_json(err, &report);
        (void)json_dumpf(value, stdout, JSON_COMPACT);
        (void)puts("");
        json_decref(value);
    } else {
        print_report(err, &report);
    }
    return err;
}

static int cmd_verify(const struct settings *settings, bool afresh)
{
    char path[PATH_SIZE];
    enum ee_err err = journal_path(settings->state, path);
    if (err != EE_OK)
        return ee_control_failed(err, "the state folder");
    return ee_err_exit_code(verify(settings, path, afresh ? CONTENT_AFRESH : CONTENT));
}

/* ---- copies ---- */

static int cmd_backup(const struct settings *settings)
{
    char path[PATH_SIZE];
    if (settings->other == NULL)
        return ee_control_usage("journal backup needs --to FILE");
    enum ee_err err = journal_path(settings->state, path);
    if (err == EE_OK)
        err = ee_journal_copy(path, settings->other);
    if (err != EE_OK)
        return ee_control_failed(err, err == EE_STATE ? "FILE exists" : "the copy");
    return ee_err_exit_code(verify(settings, settings->other, CHAIN_AT_LEAST));
}

/* With the lock of the journal, so that no control plane starts meanwhile. */
static enum ee_err replace(const struct settings *settings, const char *path)
{
    char lock_path[PATH_SIZE + 8];
    int lock = -1;
    (void)snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    EE_TRY(ee_file_lock(lock_path, &lock));
    enum ee_err err = settings->replace ? ee_journal_set_aside(path) : EE_OK;
    if (err == EE_OK)
        err = ee_journal_copy(settings->other, path);
    if (err == EE_OK) { /* they are of the journal before, or will be made again */
        char folder[PATH_SIZE];
        folder_of_snapshots(settings, folder);
        ee_snapshot_prune(folder, 0);
    }
    ee_file_unlock(lock);
    return err;
}

static int cmd_restore(const struct settings *settings)
{
    char path[PATH_SIZE];
    if (settings->other == NULL)
        return ee_control_usage("journal restore needs --from FILE");
    enum ee_err err = journal_path(settings->state, path);
    if (err == EE_OK && !settings->replace && ee_file_exists(path))
        return ee_control_failed(EE_STATE, "there is a journal: --replace sets it aside");
    if (err == EE_OK)
        err = verify(settings, settings->other, CHAIN_AT_LEAST);
    if (err != EE_OK)
        return ee_err_exit_code(err);
    err = replace(settings, path);
    return err == EE_OK ? 0 : ee_control_failed(err, "the journal");
}

static enum ee_err print_line(void *context, struct ee_bytes line)
{
    (void)context;
    return fwrite(line.data, 1, line.size, stdout) == line.size ? EE_OK : EE_IO;
}

static int cmd_export(const struct settings *settings)
{
    struct ee_journal_fault fault = {0};
    struct ee_vault *vault = NULL;
    char path[PATH_SIZE];
    enum ee_err err = journal_path(settings->state, path);
    if (err == EE_OK)
        err = ee_control_access_open(&settings->access, settings->state, path, &vault);
    if (err == EE_OK)
        err = ee_journal_export(path, &ee_crypto_openssl,
                                vault != NULL ? ee_vault_journal_seal(vault) : NULL, settings->from,
                                print_line, NULL, &fault);
    ee_vault_free(vault);
    if (err != EE_OK)
        return ee_control_failed(err, fault.what != NULL ? fault.what : "the journal");
    return 0;
}

int ee_control_cmd_journal(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    struct settings settings = {.restore = strcmp(verb, "restore") == 0};
    bool known = settings.restore || strcmp(verb, "verify") == 0 || strcmp(verb, "replay") == 0 ||
                 strcmp(verb, "export") == 0 || strcmp(verb, "backup") == 0;
    if (!known)
        return ee_control_usage("journal verify, replay, export, backup or restore");
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core image: it could hold keys */
    int code = read_settings(argc - 1, argv + 1, &settings);
    if (code != 0)
        return code;
    if (settings.restore)
        return cmd_restore(&settings);
    if (strcmp(verb, "backup") == 0)
        return cmd_backup(&settings);
    if (strcmp(verb, "export") == 0)
        return cmd_export(&settings);
    return cmd_verify(&settings, strcmp(verb, "replay") == 0);
}
