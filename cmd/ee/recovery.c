/* SPDX-License-Identifier: Apache-2.0 */
/* ee recovery sign, checkpoint-key sign (offline, with the founding key), network accept-recovery.
 * docs/spec/recovery.md. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "receipt_facts.h"

#include "base/text.h"
#include "client/json.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

enum { REQUEST_MAX = 4096 };

/* ---- signing ---- */

struct signing {
    const char *key, *genesis, *output, *reason;
    json_t *request;
    uint8_t network_id[32];
    uint8_t seed[32];
};

static enum ee_err request_refuse(struct ee_cli *cli, const char *what)
{
    return ee_client_fail(&cli->problem, EE_SYNTAX, "the request: %s", what);
}

/* --key FILE, or the profile's founding key; the network's id comes from --genesis or the profile.
 */
static enum ee_err key_read(struct ee_cli *cli, struct signing *s)
{
    struct ee_trust *trust = malloc(sizeof(*trust));
    if (!trust)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    uint8_t public_key[32];
    const char *path = s->key;
    enum ee_err err = ee_cli_trust(cli, s->genesis, trust);
    if (err == EE_OK && !path) {
        err = ee_cli_profile(cli);
        path = err == EE_OK ? cli->profile->founding_key_file : "";
    }
    if (err == EE_OK && !*path)
        err =
            ee_client_fail(&cli->problem, EE_FORBIDDEN,
                           "no founding key: --key FILE, or \"founding_key_file\" in the profile");
    if (err == EE_OK)
        err = ee_client_seed_read(&cli->problem, path, "founding key", s->seed);
    if (err == EE_OK && (!ee_crypto_openssl.ed25519_public(s->seed, public_key) ||
                         memcmp(public_key, trust->genesis.founding_key, 32) != 0))
        err = ee_client_fail(&cli->problem, EE_SIGNATURE,
                             "%s is not the founding key of this network", path);
    memcpy(s->network_id, trust->network_id, sizeof(s->network_id));
    free(trust);
    return err;
}

static enum ee_err request_read(struct ee_cli *cli, const char *path, const char *format,
                                struct signing *s)
{
    struct ee_file_data file;
    EE_TRY(ee_cli_document(cli, path, REQUEST_MAX, &file));
    s->request = ee_client_json_parse(ee_file_bytes(&file));
    ee_file_data_free(&file);
    if (!s->request || strcmp(ee_client_json_text(s->request, "format"), format) != 0)
        return request_refuse(cli, "it is not of the expected form");
    return EE_OK;
}

static enum ee_err output_write(struct ee_cli *cli, const struct signing *s, const char *text,
                                size_t size, json_t *facts)
{
    static const struct ee_column columns[] = {{"epoch", "epoch", EE_COLUMN_TEXT},
                                               {"lost size", "lost_size", EE_COLUMN_TEXT},
                                               {"lost root", "lost_root", EE_COLUMN_TEXT},
                                               {"restored size", "restored_size", EE_COLUMN_TEXT},
                                               {"restored root", "restored_root", EE_COLUMN_TEXT},
                                               {"reason", "reason", EE_COLUMN_TEXT},
                                               {"old key", "old_key", EE_COLUMN_TEXT},
                                               {"new key", "new_key", EE_COLUMN_TEXT}};
    enum ee_err err = ee_file_write(s->output, ee_bytes_of(text, size), 0644);
    if (err != EE_OK) {
        json_decref(facts);
        return ee_client_file_fail(&cli->problem, err, "writing", s->output);
    }
    (void)json_object_set_new(facts, "file", json_string(s->output));
    if (cli->json) {
        ee_cli_json(facts);
        return EE_OK;
    }
    for (size_t i = 0; i < EE_CLI_COUNT(columns); i++)
        if (json_object_get(facts, columns[i].member))
            ee_cli_fields(facts, &columns[i], 1);
    (void)printf("\n%s: signed\n", s->output);
    json_decref(facts);
    return EE_OK;
}

/* The epoch is the time of signing: above any that was lost, whose number nobody knows any more. */
static enum ee_err recovery_fill(struct ee_cli *cli, const struct signing *s,
                                 struct ee_recovery *out)
{
    const json_t *r = s->request;
    uint8_t network[32];
    uint64_t before;
    if (ee_client_json_hex(r, "network", network, 32) != EE_OK ||
        ee_client_json_u64(r, "epoch", &before) != EE_OK ||
        ee_client_json_u64(r, "lost_size", &out->lost_size) != EE_OK ||
        ee_client_json_hex(r, "lost_root", out->lost_root, 32) != EE_OK ||
        ee_client_json_hex(r, "lost_note_hash", out->lost_note_hash, 32) != EE_OK ||
        ee_client_json_u64(r, "restored_size", &out->restored_size) != EE_OK ||
        ee_client_json_hex(r, "restored_root", out->restored_root, 32) != EE_OK)
        return request_refuse(cli, "a member is missing or malformed");
    if (memcmp(network, s->network_id, 32) != 0)
        return ee_client_fail(&cli->problem, EE_WRONG_NETWORK,
                              "the request is of another network than the genesis");
    if (strlen(s->reason) > EE_REASON_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE, "--reason has at most %d characters",
                              EE_REASON_MAX);
    memcpy(out->reason, s->reason, strlen(s->reason) + 1);
    out->time_s = ee_clock_wall_us() / 1000000;
    out->epoch = out->time_s > before ? out->time_s : before + 1;
    return EE_OK;
}

static enum ee_err recovery_sign(struct ee_cli *cli, struct signing *s)
{
    struct ee_recovery recovery = {.epoch = 0};
    uint8_t memory[EE_STATEMENT_BYTES_MAX];
    char text[EE_STATEMENT_FILE_MAX];
    struct ee_writer message;
    size_t size;
    EE_TRY(recovery_fill(cli, s, &recovery));
    ee_writer_init(&message, memory, sizeof(memory));
    enum ee_err err = ee_recovery_message(s->network_id, &recovery, &message);
    if (err == EE_OK &&
        !ee_crypto_openssl.ed25519_sign(s->seed, ee_writer_done(&message), recovery.signature))
        err = EE_CRYPTO;
    if (err == EE_OK)
        err = ee_recovery_write(&recovery, text, &size);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the statement: %s", ee_err_text(err));
    return output_write(cli, s, text, size, ee_cli_recovery_json(&recovery));
}

static enum ee_err succession_sign(struct ee_cli *cli, struct signing *s)
{
    struct ee_checkpoint_key key = {.signer = EE_SUCCESSION_BY_FOUNDING};
    uint8_t memory[EE_STATEMENT_BYTES_MAX];
    char text[EE_STATEMENT_FILE_MAX], keys[2][65];
    struct ee_writer message;
    size_t size;
    if (ee_client_json_u64(s->request, "number", &key.number) != EE_OK ||
        ee_client_json_hex(s->request, "old_key", key.old_key, 32) != EE_OK ||
        ee_client_json_hex(s->request, "new_key", key.new_key, 32) != EE_OK)
        return request_refuse(cli, "a member is missing or malformed");
    ee_writer_init(&message, memory, sizeof(memory));
    enum ee_err err = ee_checkpoint_key_message(s->network_id, &key, &message);
    if (err == EE_OK &&
        !ee_crypto_openssl.ed25519_sign(s->seed, ee_writer_done(&message), key.signature))
        err = EE_CRYPTO;
    if (err == EE_OK)
        err = ee_succession_write(&key, text, &size);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the statement: %s", ee_err_text(err));
    return output_write(cli, s, text, size,
                        json_pack("{s:s, s:s}", "old_key", ee_hex_encode(key.old_key, 32, keys[0]),
                                  "new_key", ee_hex_encode(key.new_key, 32, keys[1])));
}

static enum ee_err sign_run(struct ee_cli *cli, int argc, char **argv, bool recovery)
{
    struct ee_arguments arguments;
    struct signing s = {.request = NULL};
    const struct ee_option options[] = {{"key", 0, EE_OPTION_TEXT, &s.key, 0},
                                        {"genesis", 0, EE_OPTION_TEXT, &s.genesis, 0},
                                        {"output", 'o', EE_OPTION_TEXT, &s.output, 0},
                                        {"reason", 0, EE_OPTION_TEXT, &s.reason, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options) - !recovery, argc, argv, 1, 1, false,
                        &arguments));
    if (!s.output || (recovery && (!s.reason || !*s.reason)))
        return ee_client_fail(&cli->problem, EE_USAGE, "%s-o FILE is needed",
                              recovery ? "--reason TEXT and " : "");
    enum ee_err err =
        request_read(cli, arguments.items[0],
                     recovery ? "ee-recovery-request-1" : "ee-succession-request-1", &s);
    if (err == EE_OK)
        err = key_read(cli, &s);
    if (err == EE_OK)
        err = recovery ? recovery_sign(cli, &s) : succession_sign(cli, &s);
    ee_wipe(s.seed, sizeof(s.seed));
    json_decref(s.request);
    return err;
}

enum ee_err ee_cmd_recovery_sign(struct ee_cli *cli, int argc, char **argv)
{
    return sign_run(cli, argc, argv, true);
}

enum ee_err ee_cmd_checkpoint_key_sign(struct ee_cli *cli, int argc, char **argv)
{
    return sign_run(cli, argc, argv, false);
}

/* ---- accepting ---- */

static enum ee_err recovery_file(struct ee_cli *cli, const char *path, struct ee_recovery *out)
{
    struct ee_file_data file;
    EE_TRY(ee_cli_document(cli, path, EE_STATEMENT_FILE_MAX, &file));
    enum ee_err err = ee_recovery_read(ee_file_bytes(&file), out);
    ee_file_data_free(&file);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(&cli->problem, err, "%s is no recovery statement", path);
    cli->problem.exit_code = ee_err_exit_code(EE_RECOVERY);
    return err;
}

/* Of what the network shows, the newest that covers what was seen here. */
static enum ee_err recovery_choose(struct ee_cli *cli, const json_t *list, struct ee_recovery *out)
{
    struct ee_client_head seen;
    struct ee_recovery found;
    uint8_t bytes[EE_STATEMENT_BYTES_MAX];
    size_t size;
    EE_TRY(ee_client_head_load(&cli->problem, ee_client_session_trust(cli->session)->network_id,
                               &seen));
    for (size_t i = json_array_size(list); i > 0; i--) {
        const char *text = json_string_value(json_array_get(list, i - 1));
        if (!text || ee_base64_decode(ee_bytes_str(text), bytes, sizeof(bytes), &size) != EE_OK ||
            ee_recovery_decode(ee_bytes_of(bytes, size), &found) != EE_OK)
            break;
        *out = found; /* the oldest of all, if none covers it: it says why not */
        if (ee_recovery_covers(&found, seen.size, &seen.root) == EE_OK)
            return EE_OK;
    }
    if (json_array_size(list) > 0)
        return EE_OK;
    (void)ee_client_fail(&cli->problem, EE_NOT_FOUND, "the network shows no recovery statement");
    ee_client_suggest(&cli->problem, "what it did is not explained by anything: do not trust it");
    cli->problem.exit_code = ee_err_exit_code(EE_RECOVERY);
    return EE_NOT_FOUND;
}

static enum ee_err accept(struct ee_cli *cli, const struct ee_recovery *recovery,
                          char kept[EE_CLIENT_PATH_SIZE])
{
    struct ee_client_answer answer = {.json = NULL};
    const struct ee_client_prover prover = ee_client_session_prover(cli->session);
    const struct ee_client_request request = {
        .method = "GET", .path = "/v1/checkpoint", .raw = true};
    EE_TRY(ee_client_session_request(cli->session, &request, &answer));
    enum ee_err err = ee_client_head_recover(
        &cli->problem, ee_client_session_trust(cli->session)->network_id,
        ee_client_session_attested(cli->session)->verdict.claims.checkpoint_key, recovery,
        ee_buffer_bytes(&answer.body), &prover, kept);
    ee_client_answer_close(&answer);
    return err;
}

enum ee_err ee_cmd_accept_recovery(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_recovery recovery;
    json_t *answer = NULL;
    char kept[EE_CLIENT_PATH_SIZE];
    bool fetch = false;
    const struct ee_option options[] = {{"fetch", 0, EE_OPTION_FLAG, &fetch, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 1, false, &arguments));
    if (fetch == (arguments.count == 1))
        return ee_client_fail(&cli->problem, EE_USAGE, "either FILE or --fetch");
    if (!fetch)
        EE_TRY(recovery_file(cli, arguments.items[0], &recovery));
    EE_TRY(ee_cli_profile(cli));
    EE_TRY(ee_client_session_open_headless(&cli->problem, cli->profile, &cli->session));
    if (fetch) {
        EE_TRY(ee_client_get(cli->session, "/v1/recovery", &answer));
        enum ee_err err = recovery_choose(cli, json_object_get(answer, "statements"), &recovery);
        json_decref(answer);
        EE_TRY(err);
    }
    EE_TRY(accept(cli, &recovery, kept));
    json_t *facts = ee_cli_recovery_json(&recovery);
    (void)json_object_set_new(facts, "kept", json_string(kept));
    if (cli->json) {
        ee_cli_json(facts);
        return EE_OK;
    }
    (void)printf("accepted: the network was restored at size %llu (%s); commands up to %llu that "
                 "were seen are gone\nthe head seen before is kept in %s\n",
                 (unsigned long long)recovery.restored_size, recovery.reason,
                 (unsigned long long)recovery.lost_size, kept);
    json_decref(facts);
    return EE_OK;
}
