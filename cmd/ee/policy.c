/* SPDX-License-Identifier: Apache-2.0 */
/* ee policy show, set, check: docs/spec/policy.md. */
#include <stdlib.h>
#include <string.h>

#include "attest_files.h"

#include "client/json.h"
#include "core/command.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

/* The file form; the caller frees. */
static enum ee_err print(struct ee_cli *cli, const struct ee_attest_policy *policy, char **out)
{
    size_t size;
    char *text = malloc(EE_POLICY_TEXT_MAX);
    if (!text)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_attest_policy_print(policy, text, EE_POLICY_TEXT_MAX, &size);
    if (err == EE_OK) {
        *out = text;
        return EE_OK;
    }
    free(text);
    return ee_client_fail(&cli->problem, err, "the policy cannot be printed");
}

/* ---- show ---- */

/* A policy that refuses this control plane is shown all the same: who set it wants to see it. */
static enum ee_err changes_fetch(struct ee_cli *cli)
{
    enum ee_err err = ee_client_session_allow_changes(cli->session);
    if (ee_err_class(err) != EE_CLASS_VERIFY || err == EE_SIGNATURE)
        return err;
    ee_cli_say(cli, "NOTE  %s", cli->problem.detail);
    ee_client_problem_clear(&cli->problem);
    return EE_OK;
}

enum ee_err ee_cmd_policy_show(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    json_t *answer = NULL;
    char *text = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 0, false, &arguments));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(changes_fetch(cli));
    EE_TRY(ee_client_get(cli->session, "/v1/policy", &answer));
    const struct ee_trust *trust = ee_client_session_trust(cli->session);
    enum ee_err err = print(cli, &trust->policy, &text);
    if (err == EE_OK && cli->json) {
        /* Number and policy as we checked them, not as they were told. */
        ee_cli_json(json_pack("{s:I, s:o, s:O}", "number", (json_int_t)trust->last_policy, "policy",
                              json_loads(text, 0, NULL), "changes",
                              json_object_get(answer, "changes")));
    } else if (err == EE_OK) {
        (void)fputs(text, stdout);
        ee_cli_say(cli, "%s",
                   trust->last_policy ? "signed by the founding key and logged"
                                      : "the default: nothing was changed yet");
    }
    free(text);
    json_decref(answer);
    return err;
}

/* ---- set ---- */

static enum ee_err change_sign(struct ee_cli *cli, struct ee_policy_change *change)
{
    uint8_t memory[EE_POLICY_CHANGE_SIZE_MAX], seed[32];
    struct ee_writer message;
    EE_TRY(ee_cli_profile(cli));
    if (!cli->profile->founding_key_file[0])
        return ee_client_fail(&cli->problem, EE_FORBIDDEN,
                              "this profile has no founding key: \"founding_key_file\"");
    ee_writer_init(&message, memory, sizeof(memory));
    enum ee_err err = ee_policy_change_message(ee_client_session_trust(cli->session)->network_id,
                                               change, &message);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the change: %s", ee_err_text(err));
    EE_TRY(
        ee_client_seed_read(&cli->problem, cli->profile->founding_key_file, "founding key", seed));
    bool ok = ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&message), change->signature);
    ee_wipe(seed, sizeof(seed));
    return ok ? EE_OK : ee_client_fail(&cli->problem, EE_CRYPTO, "%s", "");
}

static enum ee_err change_send(struct ee_cli *cli, const struct ee_policy_change *change,
                               json_t **out)
{
    char number[24], base64[EE_BASE64_SIZE(EE_POLICY_BYTES_MAX)];
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)change->number);
    (void)ee_base64_encode(change->policy.data, change->policy.size, base64);
    json_t *body = json_pack("{s:s, s:s, s:o}", "number", number, "policy", base64, "signature",
                             ee_client_json_hex_new(change->signature, sizeof(change->signature)));
    enum ee_err err = ee_client_send(cli->session, "POST", "/v1/policy", body, out);
    json_decref(body);
    return err;
}

/* Numbers have no gap; without --number it is the one after those that are logged. */
static enum ee_err number_choose(struct ee_cli *cli, struct ee_policy_change *change)
{
    if (change->number != 0)
        return EE_OK;
    enum ee_err err = ee_client_session_allow_changes(cli->session);
    if (err != EE_OK)
        ee_client_suggest(&cli->problem, "--number N says which change it is without asking");
    EE_TRY(err);
    change->number = ee_client_session_trust(cli->session)->last_policy + 1;
    return EE_OK;
}

/* A policy that this very control plane does not pass would lock everybody out. */
static enum ee_err lockout_check(struct ee_cli *cli, const struct ee_attest_policy *policy)
{
    char sentence[EE_POLICY_SENTENCE_SIZE];
    struct ee_policy_decision decision;
    enum ee_err err = ee_attest_policy_decide(
        policy, &ee_client_session_attested(cli->session)->verdict.quote, &decision);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(&cli->problem, err, "this policy refuses the control plane itself: %s",
                         ee_attest_policy_refusal_text(decision.rule, &decision.finding, sentence));
    ee_client_suggest(&cli->problem, "--force, when a control plane that passes will take over");
    return err;
}

enum ee_err ee_cmd_policy_set(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_attest_policy policy;
    struct ee_policy_change change = {0};
    uint8_t bytes[EE_POLICY_BYTES_MAX];
    struct ee_writer w;
    json_t *answer = NULL;
    bool force = false;
    const struct ee_option options[] = {{"number", 0, EE_OPTION_NUMBER, &change.number, UINT64_MAX},
                                        {"force", 0, EE_OPTION_FLAG, &force, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_policy_read(cli, arguments.items[0], &policy));
    ee_writer_init(&w, bytes, sizeof(bytes));
    enum ee_err err = ee_attest_policy_encode(&policy, &w);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "no network can have this policy: %s",
                              ee_err_text(err));
    change.policy = ee_writer_done(&w);
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(force ? EE_OK : lockout_check(cli, &policy));
    EE_TRY(number_choose(cli, &change));
    EE_TRY(change_sign(cli, &change));
    EE_TRY(change_send(cli, &change, &answer));
    (void)json_object_set_new(answer, "number", json_integer((json_int_t)change.number));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("policy %llu%s%s in force, sequence number %s\n",
                 (unsigned long long)change.number, policy.name[0] ? " " : "", policy.name,
                 ee_client_json_text(answer, "seq"));
    json_decref(answer);
    return EE_OK;
}

/* ---- check ---- */

enum ee_err ee_cmd_policy_check(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_attest_policy policy;
    uint8_t bytes[EE_POLICY_BYTES_MAX], hash[EE_SHA256_SIZE];
    struct ee_writer w;
    char *text = NULL, hex[2 * EE_SHA256_SIZE + 1] = "";
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_policy_read(cli, arguments.items[0], &policy));
    ee_writer_init(&w, bytes, sizeof(bytes));
    bool network = ee_attest_policy_encode(&policy, &w) == EE_OK;
    if (network) {
        const struct ee_bytes encoded = ee_writer_done(&w);
        ee_crypto_openssl.sha256(&encoded, 1, hash);
        (void)ee_hex_encode(hash, sizeof(hash), hex);
    }
    EE_TRY(print(cli, &policy, &text));
    if (cli->json)
        ee_cli_json(json_pack("{s:b, s:b, s:s?, s:o}", "ok", 1, "network", (int)network, "hash",
                              network ? hex : NULL, "policy", json_loads(text, 0, NULL)));
    else
        (void)printf("%s%s%s\n", text,
                     network ? "a network can have it; its hash is "
                             : "for files only: a network's policy can never allow debug",
                     hex);
    free(text);
    return EE_OK;
}
