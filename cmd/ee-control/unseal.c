/* SPDX-License-Identifier: Apache-2.0 */
/* What the holders of the journal's key do: unseal, holder key, holder list, and a new journal key.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <jansson.h>

#include "base/text.h"
#include "client/unseal.h"
#include "commands.h"
#include "control/journal_keys.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

enum { CHANGES_MAX = 16 * 1024 * 1024 };

struct settings {
    const char *genesis, *api, *key, *collateral, *changes, *founding, *output, *holders;
    uint64_t number, threshold;
    bool json;
};

static int read_settings(int argc, char **argv, struct settings *out)
{
    static const struct option options[] = {{"genesis", required_argument, NULL, 'g'},
                                            {"api", required_argument, NULL, 'a'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"collateral", required_argument, NULL, 'c'},
                                            {"allow-changes", required_argument, NULL, 'l'},
                                            {"founding-key-file", required_argument, NULL, 'f'},
                                            {"number", required_argument, NULL, 'n'},
                                            {"threshold", required_argument, NULL, 't'},
                                            {"holders", required_argument, NULL, 'h'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    const char **texts[128] = {
        ['g'] = &out->genesis,    ['a'] = &out->api,     ['k'] = &out->key,
        ['c'] = &out->collateral, ['l'] = &out->changes, ['f'] = &out->founding,
        ['o'] = &out->output,     ['h'] = &out->holders};
    int option;
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (option == 'j')
            out->json = true;
        else if (option > 0 && option < 128 && texts[option] != NULL)
            *texts[option] = optarg;
        else if ((option != 'n' || ee_u64_parse(optarg, &out->number) != EE_OK) &&
                 (option != 't' || ee_u64_parse(optarg, &out->threshold) != EE_OK))
            return ee_control_usage("an option is wrong");
    }
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core image: it would hold keys */
    return 0;
}

static int problem_exit(struct ee_client_problem *problem)
{
    int code = ee_client_problem_exit_code(problem);
    ee_client_problem_print(problem, stderr);
    ee_client_problem_clear(problem);
    return code;
}

static enum ee_err copy_option(struct ee_client_problem *problem, const char *value, char *out,
                               size_t size)
{
    int length = snprintf(out, size, "%s", value != NULL ? value : "");
    return length >= 0 && (size_t)length < size
               ? EE_OK
               : ee_client_fail(problem, EE_TOO_LARGE, "an option is too long");
}

static enum ee_err changes_read(struct ee_client_problem *problem, const char *path, json_t **out)
{
    struct ee_file_data file;
    if (path == NULL)
        return EE_OK;
    enum ee_err err = ee_file_read(path, CHANGES_MAX, &file);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "allow-list changes", path);
    *out = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, NULL);
    ee_file_data_free(&file);
    return *out != NULL ? EE_OK
                        : ee_client_fail(problem, EE_SYNTAX,
                                         "%s: not an answer of "
                                         "GET /v1/allow-changes",
                                         path);
}

static enum ee_err session_open(struct ee_client_problem *problem, const struct settings *settings,
                                struct ee_client_profile *profile, bool locked,
                                struct ee_client_session **out)
{
    json_t *changes = NULL;
    EE_TRY(copy_option(problem, settings->api, profile->api, sizeof profile->api));
    EE_TRY(copy_option(problem, settings->genesis, profile->genesis, sizeof profile->genesis));
    EE_TRY(copy_option(problem, settings->collateral, profile->collateral,
                       sizeof profile->collateral));
    EE_TRY(changes_read(problem, settings->changes, &changes));
    enum ee_err err = locked ? ee_client_session_open_locked(problem, profile,
                                                             json_object_get(changes, "items"), out)
                             : ee_client_session_open(problem, profile, out);
    json_decref(changes);
    return err;
}

static void print_state(const struct settings *settings, const json_t *answer,
                        const struct ee_client_session *session)
{
    const struct ee_client_judged *judged = ee_client_session_attested(session);
    const json_t *received = json_object_get(answer, "received");
    long long threshold = json_integer_value(json_object_get(answer, "threshold"));
    if (settings->json) {
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)puts("");
        return;
    }
    (void)printf("%scontrol plane verified on this connection: %s, TCB %s\n",
                 judged->verdict.simulated ? "SIMULATED " : "", judged->label,
                 ee_attest_tcb_status_name(judged->verdict.quote.status));
    if (json_is_true(json_object_get(answer, "locked")))
        (void)printf("%zu of %lld shares\n", json_array_size(received), threshold);
    else
        (void)printf("unlocked, journal key %s generation %s\n",
                     json_string_value(json_object_get(answer, "key_id")),
                     json_string_value(json_object_get(answer, "generation")));
}

int ee_control_cmd_unseal(int argc, char **argv)
{
    struct settings settings = {.genesis = NULL};
    struct ee_client_problem problem = {0};
    static struct ee_client_profile profile;
    struct ee_client_session *session = NULL;
    uint8_t holder_private[EE_X25519_KEY_SIZE];
    json_t *answer = NULL;
    int code = read_settings(argc, argv, &settings);
    if (code != 0)
        return code;
    if (optind != argc || settings.genesis == NULL || settings.api == NULL || settings.key == NULL)
        return ee_control_usage("unseal needs --genesis, --api and --key, and no other words");
    enum ee_err err = session_open(&problem, &settings, &profile, true, &session);
    if (err == EE_OK)
        err = ee_client_seed_read(&problem, settings.key, "holder key", holder_private);
    if (err == EE_OK)
        err = ee_client_unseal(session, holder_private, &answer);
    ee_wipe(holder_private, sizeof holder_private);
    if (err == EE_OK)
        print_state(&settings, answer, session);
    json_decref(answer);
    ee_client_session_close(session);
    return err == EE_OK ? 0 : problem_exit(&problem);
}

/* ---- a new journal key ---- */

static enum ee_err renew(struct ee_client_session *session, const char *path, json_t **out)
{
    struct ee_client_problem *problem = ee_client_session_problem(session);
    struct ee_file_data file;
    enum ee_err err = ee_file_read(path, EE_HOLDERS_FILE_MAX, &file);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "list of holders", path);
    json_t *body = json_pack("{s:s%}", "holders", (const char *)file.data, file.size);
    ee_file_data_free(&file);
    if (body == NULL)
        return ee_client_fail(problem, EE_SYNTAX, "%s is no text", path);
    err = ee_client_send(session, "POST", "/v1/journal-key", body, out);
    json_decref(body);
    return err;
}

int ee_control_cmd_renew(int argc, char **argv)
{
    struct settings settings = {.genesis = NULL};
    struct ee_client_problem problem = {0};
    static struct ee_client_profile profile;
    struct ee_client_session *session = NULL;
    json_t *answer = NULL;
    int code = read_settings(argc, argv, &settings);
    if (code != 0)
        return code;
    if (optind == argc && settings.key != NULL && settings.api == NULL) {
        enum ee_err made = ee_key_file_renew(settings.key);
        return made == EE_OK ? 0 : ee_control_failed(made, "the key file");
    }
    if (optind != argc || settings.genesis == NULL || settings.api == NULL ||
        settings.holders == NULL)
        return ee_control_usage("journal-key needs --genesis, --api and --holders, or --key FILE");
    enum ee_err err = session_open(&problem, &settings, &profile, false, &session);
    if (err == EE_OK)
        err = renew(session, settings.holders, &answer);
    if (err == EE_OK)
        print_state(&settings, answer, session);
    json_decref(answer);
    ee_client_session_close(session);
    return err == EE_OK ? 0 : problem_exit(&problem);
}

/* ---- keys and lists of holders ---- */

static int holder_key(const struct settings *settings)
{
    uint8_t secret[EE_X25519_KEY_SIZE], public_key[EE_X25519_KEY_SIZE];
    char text[2 * EE_X25519_KEY_SIZE + 2], hex[2 * EE_X25519_KEY_SIZE + 1];
    struct ee_client_problem problem = {0};
    if (settings->output == NULL)
        return ee_control_usage("holder key needs -o FILE");
    ee_random_bytes(secret, sizeof secret);
    enum ee_err err = ee_crypto_openssl.x25519_public(secret, public_key) ? EE_OK : EE_CRYPTO;
    ee_hex_encode(secret, sizeof secret, text);
    text[sizeof text - 2] = '\n';
    if (err == EE_OK)
        err =
            ee_client_secret_write(&problem, settings->output, ee_bytes_of(text, sizeof text - 1));
    ee_wipe(secret, sizeof secret);
    ee_wipe(text, sizeof text);
    if (err != EE_OK)
        return problem_exit(&problem);
    return printf("{\"public_key\":\"%s\"}\n", ee_hex_encode(public_key, sizeof public_key, hex)) <
           0;
}

static enum ee_err holder_parse(const char *word, struct ee_key_holders *list)
{
    const char *equals = strchr(word, '=');
    struct ee_key_holder *holder = &list->holders[list->count];
    if (equals == NULL || equals - word > EE_NAME_MAX || list->count == EE_KEY_HOLDERS_MAX)
        return EE_USAGE;
    memcpy(holder->name, word, (size_t)(equals - word));
    holder->name[equals - word] = '\0';
    list->count++;
    return ee_hex_decode(ee_bytes_str(equals + 1), holder->public_key, sizeof holder->public_key);
}

static enum ee_err list_write(struct ee_client_problem *problem, const struct settings *settings,
                              const struct ee_key_holders *list)
{
    uint8_t seed[EE_ED25519_KEY_SIZE];
    char text[EE_HOLDERS_FILE_MAX];
    EE_TRY(ee_client_seed_read(problem, settings->founding, "founding key", seed));
    enum ee_err err = ee_holders_sign(&ee_crypto_openssl, list, seed, text);
    ee_wipe(seed, sizeof seed);
    if (err != EE_OK)
        return ee_client_fail(problem, err, "the list of holders: %s", ee_err_text(err));
    err = ee_file_write(settings->output, ee_bytes_str(text), 0644);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "list", settings->output);
}

static int holder_list(const struct settings *settings, int argc, char **argv)
{
    struct ee_key_holders list = {.number = settings->number};
    struct ee_client_problem problem = {0};
    static struct ee_trust trust;
    if (settings->genesis == NULL || settings->founding == NULL || settings->output == NULL ||
        settings->threshold > EE_KEY_HOLDERS_MAX)
        return ee_control_usage("holder list needs --genesis, --founding-key-file, --number, "
                                "--threshold, -o FILE and NAME=KEY for each holder");
    for (int i = optind; i < argc; i++)
        if (holder_parse(argv[i], &list) != EE_OK)
            return ee_control_usage("holder list: a holder is NAME=64 hex digits, at most 16");
    list.threshold = (uint8_t)settings->threshold;
    enum ee_err err = ee_client_genesis_load(&problem, settings->genesis, &trust);
    if (err == EE_OK) {
        memcpy(list.network_id, trust.network_id, sizeof list.network_id);
        err = list_write(&problem, settings, &list);
    }
    return err == EE_OK ? 0 : problem_exit(&problem);
}

int ee_control_cmd_holder(int argc, char **argv)
{
    struct settings settings = {.genesis = NULL};
    const char *verb = argc > 1 ? argv[1] : "";
    bool key = strcmp(verb, "key") == 0;
    if (!key && strcmp(verb, "list") != 0)
        return ee_control_usage("holder key or list");
    int code = read_settings(argc - 1, argv + 1, &settings);
    if (code != 0)
        return code;
    return key ? holder_key(&settings) : holder_list(&settings, argc - 1, argv + 1);
}
