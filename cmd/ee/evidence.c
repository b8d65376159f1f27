/* SPDX-License-Identifier: Apache-2.0 */
/* ee evidence fetch, ee verify evidence. */
#include <string.h>

#include "command.h"

#include "client/json.h"
#include "client/launch.h"
#include "io/file.h"

#include "base/banned.h"

/* ---- shared with receipts ---- */

enum ee_err ee_cli_trust(struct ee_cli *cli, const char *genesis, struct ee_trust *out)
{
    if (genesis)
        return ee_client_genesis_load(&cli->problem, genesis, out);
    enum ee_err err = ee_cli_profile(cli);
    if (err == EE_OK && !cli->profile->genesis[0])
        err = EE_USAGE;
    if (err == EE_OK)
        return ee_client_profile_trust(&cli->problem, cli->profile, out);
    (void)ee_client_fail(&cli->problem, EE_USAGE,
                         "no genesis: without it there is nothing to verify against");
    ee_client_suggest(&cli->problem, "--genesis FILE, or a profile that names one");
    return EE_USAGE;
}

enum ee_err ee_cli_document(struct ee_cli *cli, const char *path, size_t limit,
                            struct ee_file_data *out)
{
    enum ee_err err = ee_file_read(path, limit, out);
    if (err == EE_OK)
        return EE_OK;
    return ee_client_file_fail(&cli->problem, err, "document", path);
}

static void judged_print(const struct ee_client_judged *judged)
{
    static const struct ee_column columns[] = {
        {"role", "role", EE_COLUMN_TEXT},
        {"node", "node", EE_COLUMN_TEXT},
        {"network", "network", EE_COLUMN_TEXT},
        {"identity", "identity", EE_COLUMN_TEXT},
        {"measurement", "measurement", EE_COLUMN_TEXT},
        {"measurement digest", "measurement_digest", EE_COLUMN_TEXT},
        {"software", "software_version", EE_COLUMN_TEXT},
        {"TCB status", "tcb_status", EE_COLUMN_TEXT},
        {"TLS key", "tls_key_hash", EE_COLUMN_TEXT},
        {"checkpoint key", "checkpoint_key", EE_COLUMN_TEXT},
        {"ledger size", "ledger_size", EE_COLUMN_TEXT},
        {"collateral issued", "collateral_issued_at", EE_COLUMN_TEXT},
        {"collateral expires", "collateral_expires_at", EE_COLUMN_TEXT},
        {"verified as of", "verified_at", EE_COLUMN_TEXT},
        {"simulated", "simulated", EE_COLUMN_TEXT},
        {"proven", "proof", EE_COLUMN_TEXT}};
    json_t *claims = ee_client_claims_json(judged);
    ee_cli_fields(claims, columns, EE_CLI_COUNT(columns));
    json_decref(claims);
    if (judged->time_source == EE_CLIENT_TIME_COLLATERAL)
        (void)printf("NOTE  now is outside the collateral's validity: judged as of its issue, not "
                     "as of today\n");
    if (judged->verdict.simulated)
        (void)printf("NOTE  SIMULATED: this proves nothing about hardware\n");
}

/* ---- verify evidence ---- */

enum ee_err ee_cmd_verify_evidence(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_trust trust;
    struct ee_file_data file;
    struct ee_client_judged judged;
    const char *genesis = NULL;
    uint64_t time_s = 0;
    const struct ee_option options[] = {{"genesis", 0, EE_OPTION_TEXT, &genesis, 0},
                                        {"time", 0, EE_OPTION_NUMBER, &time_s, INT64_MAX}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_trust(cli, genesis, &trust));
    EE_TRY(ee_cli_document(cli, arguments.items[0], EE_EVIDENCE_TEXT_MAX, &file));
    enum ee_err err = ee_client_evidence_judge_saved(&cli->problem, &trust, ee_file_bytes(&file),
                                                     (int64_t)time_s, &judged);
    ee_file_data_free(&file);
    if (err != EE_OK)
        return err;
    if (cli->json)
        ee_cli_json(ee_client_claims_json(&judged));
    else
        judged_print(&judged);
    return EE_OK;
}

/* ---- evidence fetch ---- */

static enum ee_err agent_fetch(struct ee_cli *cli, const char *what, struct ee_client_judged *out,
                               struct ee_buffer *document)
{
    json_t *lease = NULL;
    EE_TRY(ee_cli_lease_of(cli, what, &lease));
    enum ee_err err = ee_client_agent_verify(cli->session, ee_client_json_text(lease, "lease"),
                                             ee_client_json_text(lease, "node"), out, document);
    json_decref(lease);
    return err;
}

static enum ee_err fetched_write(struct ee_cli *cli, const char *path, struct ee_bytes document,
                                 const struct ee_client_judged *judged)
{
    enum ee_err err = ee_file_write(path, document, 0644);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "writing", path);
    if (cli->json) {
        json_t *claims = ee_client_claims_json(judged);
        (void)json_object_set_new(claims, "file", json_string(path));
        ee_cli_json(claims);
        return EE_OK;
    }
    (void)printf("%s: %s, %s evidence\n", path, ee_role_name(judged->verdict.claims.role),
                 ee_client_proof_name(judged->verdict.proof));
    ee_cli_hint(cli, "next: ee verify evidence %s", path);
    return EE_OK;
}

enum ee_err ee_cmd_evidence_fetch(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    const char *path = NULL;
    char chosen[64];
    struct ee_client_judged agent;
    struct ee_buffer document = {.size = 0};
    const struct ee_option options[] = {{"output", 'o', EE_OPTION_TEXT, &path, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 1, false, &arguments));
    const char *what = arguments.count ? arguments.items[0] : "control";
    if (!path) {
        (void)snprintf(chosen, sizeof(chosen), "%.32s.evidence", what);
        path = chosen;
    }
    EE_TRY(ee_cli_connect(cli));
    if (strcmp(what, "control") == 0)
        return fetched_write(cli, path, ee_client_session_evidence(cli->session),
                             ee_client_session_attested(cli->session));
    EE_TRY(agent_fetch(cli, what, &agent, &document));
    enum ee_err err = fetched_write(cli, path, ee_buffer_bytes(&document), &agent);
    ee_buffer_close(&document);
    return err;
}
