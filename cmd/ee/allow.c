/* SPDX-License-Identifier: Apache-2.0 */
/* ee measure, allow add, allow retire. */
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "core/command.h"
#include "io/crypto_openssl.h"
#include "sim/td.h"

#include "base/banned.h"

enum ee_err ee_cmd_measure(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_sim_td td;
    struct ee_measurement measurement;
    uint8_t digest[32];
    char hex[65];
    const char *program = NULL, *version = NULL;
    const struct ee_option options[] = {{"program", 0, EE_OPTION_TEXT, &program, 0},
                                        {"version", 0, EE_OPTION_TEXT, &version, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    if (!program || !version)
        return ee_client_fail(&cli->problem, EE_USAGE, "--program and --version are needed");
    ee_sim_td_for_program(&ee_crypto_openssl, program, version, &td);
    ee_sim_td_measurement(&td, &measurement);
    ee_measurement_digest(&ee_crypto_openssl, &measurement, digest);
    ee_hex_encode(digest, sizeof(digest), hex);
    if (cli->json)
        ee_cli_json(json_pack("{s:s, s:s, s:s, s:b}", "program", program, "version", version,
                              "measurement", hex, "simulated", 1));
    else
        (void)printf("%s\n", hex);
    return EE_OK;
}

struct change {
    const char *role, *measurement, *label;
    uint64_t number; /* 0: the next one */
    struct ee_allow_change signed_change;
};

static enum ee_err change_check(struct ee_cli *cli, struct change *c)
{
    struct ee_allow_change *out = &c->signed_change;
    if (!c->role || !c->measurement || !c->label)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--role, --measurement and --label are needed");
    for (unsigned role = 1; ee_role_valid(role); role++)
        if (strcmp(ee_role_name((enum ee_role)role), c->role) == 0)
            out->role = (uint8_t)role;
    if (out->role == 0)
        return ee_client_fail(&cli->problem, EE_USAGE, "--role is control, agent or witness");
    if (ee_hex_decode(ee_bytes_str(c->measurement), out->measurement, sizeof(out->measurement)) !=
        EE_OK)
        return ee_client_fail(&cli->problem, EE_USAGE, "--measurement is 64 hex digits");
    if (strlen(c->label) > EE_NAME_MAX)
        return ee_client_fail(&cli->problem, EE_USAGE, "--label has at most %d characters",
                              EE_NAME_MAX);
    memcpy(out->label, c->label, strlen(c->label) + 1);
    return EE_OK;
}

/* Changes are numbered without a gap, so that none can be left out. */
static enum ee_err number_choose(struct ee_cli *cli, struct change *c)
{
    if (c->number == 0) {
        enum ee_err err = ee_client_session_allow_changes(cli->session);
        if (err != EE_OK)
            ee_client_suggest(&cli->problem, "--number N says which change it is without asking");
        EE_TRY(err);
        c->number = ee_client_session_trust(cli->session)->last_change + 1;
    }
    c->signed_change.number = c->number;
    return EE_OK;
}

static enum ee_err change_sign(struct ee_cli *cli, struct ee_allow_change *change)
{
    uint8_t memory[512], seed[32];
    struct ee_writer message;
    if (!cli->profile->founding_key_file[0])
        return ee_client_fail(&cli->problem, EE_FORBIDDEN,
                              "this profile has no founding key: \"founding_key_file\"");
    ee_writer_init(&message, memory, sizeof(memory));
    enum ee_err err = ee_allow_change_message(ee_client_session_trust(cli->session)->network_id,
                                              change, &message);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the change: %s", ee_err_text(err));
    EE_TRY(
        ee_client_seed_read(&cli->problem, cli->profile->founding_key_file, "founding key", seed));
    bool ok = ee_crypto_openssl.ed25519_sign(seed, ee_writer_done(&message), change->signature);
    ee_wipe(seed, sizeof(seed));
    return ok ? EE_OK : ee_client_fail(&cli->problem, EE_CRYPTO, "%s", "");
}

static enum ee_err change_send(struct ee_cli *cli, const struct change *c, json_t **out)
{
    char number[24];
    const struct ee_allow_change *change = &c->signed_change;
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)c->number);
    json_t *body = json_pack(
        "{s:b, s:s, s:o, s:s, s:s, s:o}", "add", (int)change->add, "role", c->role, "measurement",
        ee_client_json_hex_new(change->measurement, 32), "label", c->label, "number", number,
        "signature", ee_client_json_hex_new(change->signature, sizeof(change->signature)));
    enum ee_err err = ee_client_send(cli->session, "POST", "/v1/allow", body, out);
    json_decref(body);
    return err;
}

static enum ee_err change_run(struct ee_cli *cli, bool add, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct change c = {.signed_change = {.add = add}};
    json_t *answer = NULL;
    char number[24];
    const struct ee_option options[] = {{"role", 0, EE_OPTION_TEXT, &c.role, 0},
                                        {"measurement", 0, EE_OPTION_TEXT, &c.measurement, 0},
                                        {"label", 0, EE_OPTION_TEXT, &c.label, 0},
                                        {"number", 0, EE_OPTION_NUMBER, &c.number, UINT64_MAX}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    EE_TRY(change_check(cli, &c));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(number_choose(cli, &c));
    EE_TRY(change_sign(cli, &c.signed_change));
    EE_TRY(change_send(cli, &c, &answer));
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)c.number);
    (void)json_object_set_new(answer, "number", json_string(number));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("%s %s %s as change %s, sequence number %s\n", add ? "allowed" : "retired", c.role,
                 c.label, number, ee_client_json_text(answer, "seq"));
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_allow_add(struct ee_cli *cli, int argc, char **argv)
{
    return change_run(cli, true, argc, argv);
}

enum ee_err ee_cmd_allow_retire(struct ee_cli *cli, int argc, char **argv)
{
    return change_run(cli, false, argc, argv);
}
