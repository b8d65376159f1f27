/* SPDX-License-Identifier: Apache-2.0 */
/* ee-control recovery request | apply: a planned restore. docs/spec/recovery.md. */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/text.h"
#include "commands.h"
#include "control/sequencer_tools.h"
#include "control/vault.h"
#include "core/statement.h"
#include "core/trust.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/journal_copy.h"

#include "base/banned.h"

enum { PATH_SIZE = 1100 };

/* The largest head of the network that is known of. */
struct lost {
    uint64_t size;
    uint8_t root[32];
    uint8_t note_hash[32];
};

static const char *path_in(const char *folder, const char *name, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", folder, name);
    return out;
}

/* A journal as it is at this moment: of a copy, so that one in use can be looked at too. */
static enum ee_err journal_head(const struct ee_control_access *access, const char *state,
                                const char *name, struct ee_journal_report *out)
{
    char path[PATH_SIZE], copy[PATH_SIZE];
    (void)path_in(state, name, path);
    (void)path_in(state, "recovery-request.tmp", copy);
    (void)unlink(copy);
    EE_TRY(ee_journal_copy(path, copy));
    struct ee_vault *vault = NULL;
    enum ee_err err = ee_control_access_open(access, state, copy, &vault);
    if (err == EE_OK)
        err = ee_journal_verify(copy, &ee_crypto_openssl,
                                vault != NULL ? ee_vault_journal_seal(vault) : NULL, false, out);
    ee_vault_free(vault);
    (void)unlink(copy);
    return err;
}

/* Size and root of a signed note; who signed it is judged where the statement is used. */
static enum ee_err note_read(const char *path, struct lost *out)
{
    struct ee_file_data file;
    char *line[3];
    size_t size;
    struct lost found;
    EE_TRY(ee_file_read(path, EE_TLOG_CHECKPOINT_READ_MAX, &file));
    struct ee_bytes note = ee_file_bytes(&file);
    ee_crypto_openssl.sha256(&note, 1, found.note_hash);
    char *text = (char *)file.data;
    enum ee_err err = EE_OK;
    for (int i = 0; i < 3; i++) {
        line[i] = text;
        text = text != NULL ? strchr(text, '\n') : NULL;
        if (text == NULL)
            err = EE_SYNTAX;
        else
            *text++ = '\0';
    }
    if (err == EE_OK)
        err = ee_u64_parse(line[1], &found.size);
    if (err == EE_OK)
        err = ee_base64_decode(ee_bytes_str(line[2]), found.root, sizeof(found.root), &size);
    if (err == EE_OK && size != sizeof(found.root))
        err = EE_SYNTAX;
    ee_file_data_free(&file);
    if (err == EE_OK && found.size > out->size)
        *out = found;
    return err;
}

/* Journals that a restore has set aside. */
static void aside_look(const struct ee_control_access *access, const char *state,
                       const uint8_t network_id[32], struct lost *out)
{
    static const char prefix[] = "journal.db.replaced";
    const struct dirent *entry;
    DIR *folder = opendir(state);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        struct ee_journal_report report = {0};
        const char *rest = entry->d_name + sizeof(prefix) - 1;
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) != 0 || strchr(rest, '-') != NULL)
            continue;
        if (journal_head(access, state, entry->d_name, &report) != EE_OK ||
            memcmp(report.network_id, network_id, 32) != 0 || report.commands <= out->size)
            continue;
        *out = (struct lost){.size = report.commands};
        memcpy(out->root, report.log_root, sizeof(out->root));
    }
    if (folder != NULL)
        (void)closedir(folder);
}

static int request_print(const struct ee_journal_report *report, const struct lost *lost)
{
    char network[65], lost_root[65], note[65], root[65], numbers[3][24];
    (void)snprintf(numbers[0], 24, "%llu", (unsigned long long)report->epoch);
    (void)snprintf(numbers[1], 24, "%llu", (unsigned long long)lost->size);
    (void)snprintf(numbers[2], 24, "%llu", (unsigned long long)report->commands);
    json_t *request =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "format", "ee-recovery-request-1",
                  "network", ee_hex_encode(report->network_id, 32, network), "epoch", numbers[0],
                  "lost_size", numbers[1], "lost_root", ee_hex_encode(lost->root, 32, lost_root),
                  "lost_note_hash", ee_hex_encode(lost->note_hash, 32, note), "restored_size",
                  numbers[2], "restored_root", ee_hex_encode(report->log_root, 32, root));
    bool ok = request != NULL && json_dumpf(request, stdout, JSON_COMPACT) == 0 && puts("") >= 0;
    json_decref(request);
    return ok ? 0 : ee_control_failed(EE_IO, "standard output");
}

static int cmd_request(const struct ee_control_access *access, const char *state, const char *note)
{
    struct ee_journal_report report = {0};
    struct lost lost = {0};
    char path[PATH_SIZE];
    enum ee_err err = journal_head(access, state, "journal.db", &report);
    if (err != EE_OK)
        return ee_control_failed(err, "the journal");
    aside_look(access, state, report.network_id, &lost);
    err = note_read(path_in(state, "newer-checkpoint.note", path), &lost);
    if (err == EE_OK || err == EE_NOT_FOUND)
        err = note != NULL ? note_read(note, &lost) : EE_OK;
    if (err != EE_OK)
        return ee_control_failed(err, "the checkpoint that was lost");
    if (lost.size <= report.commands)
        return ee_control_failed(
            EE_STATE, "no checkpoint beyond this journal is known: name one with --lost");
    return request_print(&report, &lost);
}

static enum ee_err trust_read(const char *path, struct ee_trust *out)
{
    struct ee_file_data file;
    uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    EE_TRY(ee_file_read(path, EE_GENESIS_FILE_MAX, &file));
    enum ee_err err =
        ee_genesis_file_read(&ee_crypto_openssl, ee_file_bytes(&file), canonical, &size);
    ee_file_data_free(&file);
    EE_TRY(err);
    return ee_trust_init(&ee_crypto_openssl, ee_bytes_of(canonical, size), out);
}

enum ee_err ee_control_statement_put(const char *state, const char *name, const char *genesis,
                                     const char *from)
{
    struct ee_trust trust;
    struct ee_file_data file;
    struct ee_recovery recovery;
    struct ee_checkpoint_key key;
    char path[PATH_SIZE];
    EE_TRY(trust_read(genesis, &trust));
    EE_TRY(ee_file_read(from, EE_STATEMENT_FILE_MAX, &file));
    bool is_recovery = strcmp(name, "recovery") == 0;
    enum ee_err err = is_recovery ? ee_recovery_read(ee_file_bytes(&file), &recovery)
                                  : ee_succession_read(ee_file_bytes(&file), &key);
    if (err == EE_OK)
        err = is_recovery ? ee_recovery_verify(&ee_crypto_openssl, trust.network_id,
                                               trust.genesis.founding_key, &recovery)
                          : ee_checkpoint_key_verify(&ee_crypto_openssl, trust.network_id,
                                                     trust.genesis.founding_key, &key);
    if (err == EE_OK)
        err = ee_file_write(path_in(state, name, path), ee_file_bytes(&file), 0600);
    ee_file_data_free(&file);
    return err;
}

int ee_control_cmd_recovery(int argc, char **argv)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {"genesis", required_argument, NULL, 'g'},
                                            {"lost", required_argument, NULL, 'l'},
                                            {"recovery", required_argument, NULL, 'r'},
                                            {"key-file", required_argument, NULL, 'k'},
                                            {"holder-key", required_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *verb = argc > 1 ? argv[1] : "", *state = NULL, *genesis = NULL, *lost = NULL,
               *recovery = NULL;
    struct ee_control_access access = {.key_file = NULL};
    int option;
    while ((option = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1) {
        if (option == 's')
            state = optarg;
        else if (option == 'g')
            genesis = optarg;
        else if (option == 'l')
            lost = optarg;
        else if (option == 'r')
            recovery = optarg;
        else if (option == 'k')
            access.key_file = optarg;
        else if (option == 'h' && access.holder_count < EE_SHAMIR_SHARES_MAX)
            access.holder_keys[access.holder_count++] = optarg;
        else
            return ee_control_usage("recovery: an option is wrong");
    }
    if (strcmp(verb, "request") == 0 && state != NULL)
        return cmd_request(&access, state, lost);
    if (strcmp(verb, "apply") != 0 || state == NULL || genesis == NULL || recovery == NULL)
        return ee_control_usage("recovery request or apply, with their options");
    enum ee_err err = ee_control_statement_put(state, "recovery", genesis, recovery);
    return err == EE_OK ? 0 : ee_control_failed(err, "the recovery statement");
}
