/* SPDX-License-Identifier: Apache-2.0 */
/* ee-control cert csr | install | list | remove | import: certificates for the TLS key of this
 * control plane, which never leaves it. docs/operations.md. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/text.h"
#include "commands.h"
#include "control/certificates.h"
#include "control/keys.h"
#include "core/trust.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

enum { PATH_SIZE = 1280 };

struct words {
    const char *state, *genesis, *key, *out;
    const char *names[EE_X509_NAMES_MAX];
    size_t name_count;
    const char *file; /* the one word without an option */
};

static int print(json_t *value)
{
    bool ok = value != NULL && json_dumpf(value, stdout, JSON_COMPACT) == 0 && puts("") >= 0;
    json_decref(value);
    return ok ? 0 : ee_control_failed(EE_IO, "standard output");
}

static int64_t now_s(void)
{
    return (int64_t)(ee_clock_wall_us() / 1000000);
}

/* ---- csr ---- */

static int cmd_csr(const struct words *words)
{
    struct ee_control_keys keys;
    struct ee_pem request;
    if (words->name_count == 0)
        return ee_control_usage("cert csr: --name is what the certificate is for");
    const struct ee_x509_subject subject = {
        .common_name = words->names[0], .names = words->names, .name_count = words->name_count};
    enum ee_err err = ee_control_keys_make(words->state, &ee_crypto_openssl, &keys);
    if (err == EE_OK)
        err = ee_x509_request(ee_pem_bytes(&keys.tls_key), &subject, &request);
    ee_control_keys_wipe(&keys);
    if (err == EE_OK && words->out != NULL)
        err = ee_file_write(words->out, ee_pem_bytes(&request), 0644);
    else if (err == EE_OK && fputs(request.text, stdout) < 0)
        err = EE_IO;
    return err == EE_OK ? 0 : ee_control_failed(err, "the certificate request");
}

/* ---- install, list, remove ---- */

static json_t *chain_json(const struct ee_x509_chain *chain)
{
    char until[EE_TIME_TEXT_SIZE];
    json_t *names = json_array();
    for (size_t i = 0; i < chain->name_count; i++)
        json_array_append_new(names, json_string(chain->names[i]));
    return json_pack("{s:o, s:s, s:s, s:I}", "names", names, "issuer", chain->issuer, "not_after",
                     ee_time_format(chain->not_after, until), "certificates",
                     (json_int_t)chain->certificate_count);
}

static enum ee_err chain_load(const char *path, struct ee_file_data *file,
                              struct ee_x509_chain *chain)
{
    EE_TRY(ee_file_read(path, EE_X509_CHAIN_FILE_MAX, file));
    enum ee_err err = ee_x509_chain_read(ee_file_bytes(file), chain);
    if (err != EE_OK)
        ee_file_data_free(file);
    return err;
}

static enum ee_err install(const struct words *words, const struct ee_file_data *file,
                           const struct ee_x509_chain *chain)
{
    struct ee_control_keys keys;
    char path[EE_CERTIFICATE_PATH_SIZE], folder[PATH_SIZE];
    EE_TRY(ee_control_keys_load(words->state, &ee_crypto_openssl, &keys));
    enum ee_err err = ee_certificate_check(chain, keys.tls_key_hash, now_s());
    ee_control_keys_wipe(&keys);
    EE_TRY(err);
    for (size_t i = 0; i < words->name_count; i++)
        if (!ee_x509_chain_covers(chain, words->names[i]))
            return EE_CERTIFICATE_NAMES;
    (void)snprintf(folder, sizeof folder, "%s/certs", words->state);
    EE_TRY(ee_file_make_folder(folder));
    EE_TRY(ee_certificate_path(words->state, chain->names[0], path));
    return ee_file_write(path, ee_file_bytes(file), 0644);
}

static int cmd_install(const struct words *words)
{
    struct ee_file_data file;
    struct ee_x509_chain *chain = calloc(1, sizeof *chain);
    if (words->file == NULL) {
        free(chain);
        return ee_control_usage("cert install: name the file with the chain, leaf first");
    }
    enum ee_err err = chain != NULL ? chain_load(words->file, &file, chain) : EE_NO_MEMORY;
    if (err == EE_OK) {
        err = install(words, &file, chain);
        ee_file_data_free(&file);
    }
    int code = err == EE_OK ? print(chain_json(chain)) : ee_control_failed(err, "the chain");
    free(chain);
    return code;
}

static json_t *entry_json(const char *state, const char *name, struct ee_x509_chain *chain)
{
    char path[PATH_SIZE];
    struct ee_file_data file;
    (void)snprintf(path, sizeof path, "%s/certs/%s", state, name);
    enum ee_err err = chain_load(path, &file, chain);
    if (err != EE_OK)
        return json_pack("{s:s, s:s}", "file", name, "error", ee_err_name(err));
    ee_file_data_free(&file);
    json_t *row = chain_json(chain);
    json_object_set_new(row, "file", json_string(name));
    return row;
}

static int cmd_list(const struct words *words)
{
    char path[PATH_SIZE];
    struct ee_x509_chain *chain = calloc(1, sizeof *chain);
    json_t *items = json_array();
    (void)snprintf(path, sizeof path, "%s/certs", words->state);
    DIR *folder = chain != NULL ? opendir(path) : NULL;
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + size - 4, ".pem") == 0)
            json_array_append_new(items, entry_json(words->state, entry->d_name, chain));
    }
    if (folder != NULL)
        closedir(folder);
    free(chain);
    return print(json_pack("{s:o}", "items", items));
}

static int cmd_remove(const struct words *words)
{
    char path[EE_CERTIFICATE_PATH_SIZE];
    if (words->file == NULL || strchr(words->file, '/') != NULL)
        return ee_control_usage("cert remove: the first name of a certificate");
    enum ee_err err = ee_certificate_path(words->state, words->file, path);
    if (err == EE_OK && unlink(path) != 0)
        err = errno == ENOENT ? EE_NOT_FOUND : EE_IO;
    return err == EE_OK ? 0 : ee_control_failed(err, "the certificate");
}

/* ---- import: development only ---- */

static enum ee_err development_check(const char *path)
{
    uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    struct ee_file_data file;
    struct ee_genesis genesis;
    EE_TRY(ee_file_read(path, EE_GENESIS_FILE_MAX, &file));
    enum ee_err err =
        ee_genesis_file_read(&ee_crypto_openssl, ee_file_bytes(&file), canonical, &size);
    ee_file_data_free(&file);
    EE_TRY(err);
    EE_TRY(ee_genesis_decode(ee_bytes_of(canonical, size), &genesis));
    return genesis.kind == EE_NETWORK_DEVELOPMENT ? EE_OK : EE_FORBIDDEN;
}

static int cmd_import(const struct words *words)
{
    struct ee_file_data key = {0};
    uint8_t hash[EE_SHA256_SIZE];
    char text[2 * EE_SHA256_SIZE + 1];
    if (words->genesis == NULL || words->key == NULL)
        return ee_control_usage("cert import needs --genesis and --key");
    enum ee_err err = development_check(words->genesis);
    if (err != EE_OK)
        return ee_control_failed(err, "a key from outside is for development networks: whoever "
                                      "made it could be this control plane");
    err = ee_file_read_secret(words->key, EE_PEM_SIZE_MAX - 1, &key);
    if (err == EE_OK)
        err = ee_x509_private_key_hash(ee_file_bytes(&key), hash);
    if (err == EE_OK)
        err = ee_control_keys_import(words->state, ee_file_bytes(&key));
    ee_file_data_free(&key);
    if (err != EE_OK)
        return ee_control_failed(err, "the key");
    return print(json_pack("{s:s}", "tls_key_hash", ee_hex_encode(hash, sizeof hash, text)));
}

/* ---- which ---- */

static bool words_read(int argc, char **argv, struct words *out)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'}, {"genesis", required_argument, NULL, 'g'},
        {"key", required_argument, NULL, 'k'},   {"name", required_argument, NULL, 'n'},
        {"out", required_argument, NULL, 'o'},   {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (option == 's')
            out->state = optarg;
        else if (option == 'g')
            out->genesis = optarg;
        else if (option == 'k')
            out->key = optarg;
        else if (option == 'o')
            out->out = optarg;
        else if (option == 'n' && out->name_count < EE_X509_NAMES_MAX)
            out->names[out->name_count++] = optarg;
        else
            return false;
    }
    if (optind < argc)
        out->file = argv[optind++];
    return optind == argc && out->state != NULL;
}

int ee_control_cmd_cert(int argc, char **argv)
{
    static const struct {
        const char *verb;
        int (*run)(const struct words *words);
    } verbs[] = {{"csr", cmd_csr},
                 {"install", cmd_install},
                 {"list", cmd_list},
                 {"remove", cmd_remove},
                 {"import", cmd_import}};
    struct words words = {0};
    const char *verb = argc > 1 ? argv[1] : "";
    if (argc < 2 || !words_read(argc - 1, argv + 1, &words))
        return ee_control_usage("cert csr, install, list, remove or import, with --state");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verb, verbs[i].verb) == 0)
            return verbs[i].run(&words);
    return ee_control_usage("cert: there is no such command");
}
