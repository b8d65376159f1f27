/* SPDX-License-Identifier: Apache-2.0 */
/* ee collateral status, show. */
#include "collateral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/x509.h"
#include "client/json.h"

#include "base/banned.h"

enum { WARN_DAYS = 7, WARN_DAYS_MAX = 3650, DAY_S = 24 * 3600, SVNS_SIZE = 80 };

/* ---- status ---- */

/* 0, 6 or 7, from the states of the parts. */
static int exit_of(const json_t *rows)
{
    size_t index;
    const json_t *row;
    int code = 0;
    json_array_foreach(rows, index, row)
    {
        const char *state = ee_client_json_text(row, "state");
        if (strcmp(state, "expiring") == 0 && code == 0)
            code = EE_CLI_EXIT_EXPIRING;
        else if (strcmp(state, "valid") != 0 && strcmp(state, "expiring") != 0)
            code = ee_err_exit_code(EE_COLLATERAL);
    }
    return code;
}

static const char *word_of(int code)
{
    return code == 0 ? "valid" : code == EE_CLI_EXIT_EXPIRING ? "expiring" : "not valid";
}

static void failures_print(const json_t *failures)
{
    size_t index;
    const json_t *failure;
    json_array_foreach(failures, index, failure)(void)
        printf("FAILED %s: %s\n", ee_client_json_text(failure, "id"),
               ee_client_json_text(failure, "text"));
}

/* The first end of all, which may be a certificate's. */
static int status_code(const struct ee_cli_collateral *c, const json_t *parts, uint64_t warn_days)
{
    int code = exit_of(parts);
    if (c->err != EE_OK)
        return ee_err_exit_code(EE_COLLATERAL);
    if (code == 0 && c->facts.expires_s - c->time_s < (int64_t)warn_days * DAY_S)
        return EE_CLI_EXIT_EXPIRING;
    return code;
}

static void status_print(struct ee_cli *cli, const struct ee_cli_collateral *c,
                         const struct ee_cli_roots *roots, uint64_t warn_days)
{
    char fmspc[2 * EE_FMSPC_SIZE + 1], hash[65], until[EE_TIME_TEXT_SIZE];
    json_t *parts = ee_cli_collateral_parts(c, warn_days);
    json_t *failures = ee_cli_collateral_failures(c);
    cli->exit_code = status_code(c, parts, warn_days);
    (void)ee_hex_encode(c->facts.fmspc, EE_FMSPC_SIZE, fmspc);
    (void)ee_hex_encode(c->hash, sizeof(c->hash), hash);
    (void)ee_time_format(c->facts.expires_s, until);
    if (cli->json) {
        ee_cli_json(json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:o, s:o}", "state",
                              word_of(cli->exit_code), "fmspc", fmspc, "hash", hash, "expires_at",
                              until, "simulated", c->facts.simulated, "root", roots->from, "ca",
                              c->facts.processor_ca ? "processor" : "platform", "parts", parts,
                              "failures", failures));
        return;
    }
    (void)printf("FMSPC %s, %s CA, under %s%s\n", fmspc,
                 c->facts.processor_ca ? "Processor" : "Platform", roots->from,
                 c->facts.simulated && c->err == EE_OK ? " (SIMULATED)" : "");
    ee_cli_collateral_table(parts);
    failures_print(failures);
    (void)printf("%s%s%s\n", word_of(cli->exit_code),
                 cli->exit_code == ee_err_exit_code(EE_COLLATERAL) ? "" : ", first end ",
                 cli->exit_code == ee_err_exit_code(EE_COLLATERAL) ? "" : until);
    json_decref(parts);
    json_decref(failures);
}

/* What the control plane holds. */
static enum ee_err status_network(struct ee_cli *cli)
{
    static const struct ee_column columns[] = {
        {"kind", "kind", EE_COLUMN_TEXT},           {"FMSPC", "fmspc", EE_COLUMN_TEXT},
        {"number", "evaluation", EE_COLUMN_NUMBER}, {"issued", "issued_at", EE_COLUMN_TEXT},
        {"expires", "expires_at", EE_COLUMN_TEXT},  {"days left", "days_left", EE_COLUMN_NUMBER},
        {"state", "state", EE_COLUMN_TEXT},         {"hash", "hash", EE_COLUMN_TEXT}};
    json_t *answer = NULL, *warning;
    size_t index;
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, "/v1/collateral", &answer));
    const json_t *items = json_object_get(answer, "items");
    cli->exit_code = json_array_size(items) > 0 ? exit_of(items) : ee_err_exit_code(EE_COLLATERAL);
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    ee_cli_table(items, columns, EE_CLI_COUNT(columns), "the network holds no collateral");
    json_array_foreach(json_object_get(answer, "warnings"), index, warning)(void)
        printf("WARNING %s\n", json_string_value(warning));
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_collateral_status(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_cli_roots roots = {.count = 0};
    uint64_t warn_days = WARN_DAYS;
    const struct ee_option options[] = {{"warn", 0, EE_OPTION_NUMBER, &warn_days, WARN_DAYS_MAX},
                                        EE_CLI_ROOTS_OPTIONS(roots)};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 1, false, &arguments));
    if (arguments.count == 0)
        return status_network(cli);
    EE_TRY(ee_cli_roots_load(cli, &roots));
    struct ee_cli_collateral *c = calloc(1, sizeof(*c));
    if (!c)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_cli_collateral_open(cli, arguments.items[0], &roots, c);
    if (err == EE_OK)
        status_print(cli, c, &roots, warn_days);
    ee_cli_collateral_close(c);
    return err;
}

/* ---- show ---- */

static json_t *time_json(int64_t time_s)
{
    char text[EE_TIME_TEXT_SIZE];
    return json_string(ee_time_format(time_s, text));
}

/* The components that are not zero: "1:8 2:8". */
static char *svns_text(const uint8_t svns[EE_TCB_COMPONENTS], char out[SVNS_SIZE])
{
    size_t size = 0;
    out[0] = '\0';
    for (size_t i = 0; i < EE_TCB_COMPONENTS && size < SVNS_SIZE - 8; i++)
        if (svns[i] > 0)
            size += (size_t)snprintf(out + size, SVNS_SIZE - size, "%s%zu:%u", size ? " " : "",
                                     i + 1, svns[i]);
    return out;
}

static json_t *platform_levels(const struct ee_tcb_info *info)
{
    json_t *list = json_array();
    for (size_t i = 0; i < info->level_count; i++) {
        const struct ee_tcb_level *level = &info->levels[i];
        char sgx[SVNS_SIZE], tdx[SVNS_SIZE];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:i, s:s}", "status",
                            ee_attest_tcb_status_name(level->common.status), "date",
                            time_json(level->common.date_s), "sgx", svns_text(level->sgx, sgx),
                            "pcesvn", (int)level->pcesvn, "tdx", svns_text(level->tdx, tdx)));
    }
    return list;
}

static void svn_levels(json_t *list, const char *of, const struct ee_svn_levels *levels)
{
    for (size_t i = 0; i < levels->count; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:i, s:s, s:o}", "of", of, "svn", (int)levels->level[i].svn,
                            "status", ee_attest_tcb_status_name(levels->level[i].common.status),
                            "date", time_json(levels->level[i].common.date_s)));
}

static json_t *part_levels(const struct ee_tcb_documents *documents)
{
    json_t *list = json_array();
    for (size_t i = 0; i < documents->tcb_info.identity_count; i++) {
        char name[16];
        const struct ee_module_identity *identity = &documents->tcb_info.identities[i];
        (void)snprintf(name, sizeof(name), "TDX_%02X", identity->version);
        svn_levels(list, name, &identity->levels);
    }
    svn_levels(list, "QE", &documents->qe_identity.levels);
    return list;
}

static void chain_add(json_t *list, const char *of, const struct ee_der_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        struct ee_cert cert;
        if (ee_attest_cert_decode(chain->der[i], &cert) != EE_REASON_NONE)
            continue;
        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "chain", of, "name",
                                                    ee_client_json_string(cert.common_name),
                                                    "not_before", time_json(cert.not_before_s),
                                                    "not_after", time_json(cert.not_after_s)));
    }
}

static json_t *certificates(const struct ee_collateral *collateral)
{
    json_t *list = json_array();
    chain_add(list, "tcb_info", &collateral->tcb_info_chain);
    chain_add(list, "qe_identity", &collateral->qe_identity_chain);
    chain_add(list, "pck_crl", &collateral->pck_crl_chain);
    chain_add(list, "pck", &collateral->pck_chain);
    return list;
}

static void show_print(const json_t *facts)
{
    static const struct ee_column certs[] = {{"chain", "chain", EE_COLUMN_TEXT},
                                             {"certificate", "name", EE_COLUMN_TEXT},
                                             {"from", "not_before", EE_COLUMN_TEXT},
                                             {"until", "not_after", EE_COLUMN_TEXT}};
    static const struct ee_column platform[] = {{"platform level", "status", EE_COLUMN_TEXT},
                                                {"date", "date", EE_COLUMN_TEXT},
                                                {"SGX components", "sgx", EE_COLUMN_TEXT},
                                                {"PCE SVN", "pcesvn", EE_COLUMN_NUMBER},
                                                {"TDX components", "tdx", EE_COLUMN_TEXT}};
    static const struct ee_column others[] = {{"level of", "of", EE_COLUMN_TEXT},
                                              {"SVN", "svn", EE_COLUMN_NUMBER},
                                              {"status", "status", EE_COLUMN_TEXT},
                                              {"date", "date", EE_COLUMN_TEXT}};
    ee_cli_collateral_table(json_object_get(facts, "parts"));
    (void)printf("\n");
    ee_cli_table(json_object_get(facts, "certificates"), certs, EE_CLI_COUNT(certs),
                 "no certificates");
    (void)printf("\n");
    ee_cli_table(json_object_get(facts, "platform_levels"), platform, EE_CLI_COUNT(platform),
                 "no TCB levels");
    (void)printf("\n");
    ee_cli_table(json_object_get(facts, "levels"), others, EE_CLI_COUNT(others), "no levels");
    failures_print(json_object_get(facts, "failures"));
}

enum ee_err ee_cmd_collateral_show(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_cli_roots roots = {.count = 0};
    const struct ee_option options[] = {EE_CLI_ROOTS_OPTIONS(roots)};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_roots_load(cli, &roots));
    struct ee_cli_collateral *c = calloc(1, sizeof(*c));
    if (!c)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_cli_collateral_open(cli, arguments.items[0], &roots, c);
    if (err == EE_OK) {
        json_t *facts =
            json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "hash",
                      ee_client_json_hex_new(c->hash, sizeof(c->hash)), "root", roots.from, "parts",
                      ee_cli_collateral_parts(c, 0), "certificates", certificates(&c->collateral),
                      "platform_levels", platform_levels(&c->documents.tcb_info), "levels",
                      part_levels(&c->documents), "failures", ee_cli_collateral_failures(c));
        if (cli->json)
            ee_cli_json(json_incref(facts));
        else
            show_print(facts);
        json_decref(facts);
        cli->exit_code = c->err == EE_OK ? 0 : ee_err_exit_code(EE_COLLATERAL);
    }
    ee_cli_collateral_close(c);
    return err;
}
