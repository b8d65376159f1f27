/* SPDX-License-Identifier: Apache-2.0 */
#include "collateral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/pem.h"
#include "attest/x509.h"
#include "client/json.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

enum { DAY_S = 24 * 3600, ROOTS_FILE_MAX = 64 * 1024 };

/* ---- roots ---- */

static enum ee_err root_file_load(struct ee_cli *cli, struct ee_cli_roots *roots)
{
    struct ee_file_data file;
    struct ee_der_chain chain;
    struct ee_cert cert;
    EE_TRY(ee_cli_document(cli, roots->root, ROOTS_FILE_MAX, &file));
    bool ok = ee_attest_pem_certificates(ee_file_bytes(&file), file.data, file.size, &chain) ==
              EE_REASON_NONE;
    for (size_t i = 0; ok && i < chain.count; i++) {
        ok = ee_attest_cert_decode(chain.der[i], &cert) == EE_REASON_NONE;
        if (ok)
            memcpy(roots->keys[i], cert.key, EE_P256_POINT_SIZE);
    }
    roots->count = ok ? chain.count : 0;
    ee_file_data_free(&file);
    (void)snprintf(roots->from, sizeof(roots->from), "%.60s", roots->root);
    return ok ? EE_OK
              : ee_client_fail(&cli->problem, EE_SYNTAX,
                               "%s is not a PEM file of P-256 root certificates", roots->root);
}

static void production(struct ee_cli_roots *roots)
{
    memcpy(roots->keys[0], ee_attest_root_production, EE_P256_POINT_SIZE);
    roots->count = 1;
    (void)snprintf(roots->from, sizeof(roots->from), "Intel's production root");
}

static enum ee_err genesis_roots(struct ee_cli *cli, struct ee_cli_roots *roots)
{
    struct ee_trust trust;
    EE_TRY(ee_cli_trust(cli, roots->genesis, &trust));
    for (size_t i = 0; i < trust.genesis.root_count && i < EE_DER_CHAIN_MAX; i++)
        memcpy(roots->keys[roots->count++], trust.roots[i], EE_P256_POINT_SIZE);
    (void)snprintf(roots->from, sizeof(roots->from), "the genesis of %s", trust.genesis.name);
    return EE_OK;
}

enum ee_err ee_cli_roots_load(struct ee_cli *cli, struct ee_cli_roots *roots)
{
    roots->count = 0;
    if (roots->time_s == 0)
        roots->time_s = (uint64_t)time(NULL);
    if (roots->root && roots->genesis)
        return ee_client_fail(&cli->problem, EE_USAGE, "--root or --genesis, not both");
    if (roots->root && strcmp(roots->root, "production") != 0)
        return root_file_load(cli, roots);
    if (!roots->root && (roots->genesis || cli->profile_name || getenv("EE_PROFILE")))
        return genesis_roots(cli, roots);
    production(roots);
    return EE_OK;
}

/* ---- a file ---- */

enum ee_err ee_cli_collateral_judge(struct ee_cli *cli, struct ee_bytes bytes,
                                    const struct ee_cli_roots *roots, struct ee_cli_collateral *out)
{
    ee_crypto_openssl.sha256(&bytes, 1, out->hash);
    out->time_s = (int64_t)roots->time_s;
    out->scratch = malloc(bytes.size + 1);
    if (!out->scratch)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_reason reason =
        ee_attest_collateral_decode(bytes, out->scratch, bytes.size, &out->collateral);
    if (reason != EE_REASON_NONE)
        return ee_client_fail(&cli->problem, EE_SYNTAX, "this is no collateral file: %s",
                              ee_attest_reason_text(reason));
    const struct ee_verify_input input = {.collateral = &out->collateral,
                                          .roots =
                                              (const uint8_t(*)[EE_P256_POINT_SIZE])roots->keys,
                                          .root_count = roots->count,
                                          .time_s = out->time_s};
    out->err = ee_collateral_prove(&ee_crypto_openssl, &input, &out->documents, &out->verdict,
                                   &out->facts);
    return EE_OK;
}

enum ee_err ee_cli_collateral_open(struct ee_cli *cli, const char *path,
                                   const struct ee_cli_roots *roots, struct ee_cli_collateral *out)
{
    EE_TRY(ee_cli_document(cli, path, EE_CLI_COLLATERAL_FILE_MAX, &out->file));
    return ee_cli_collateral_judge(cli, ee_file_bytes(&out->file), roots, out);
}

void ee_cli_collateral_close(struct ee_cli_collateral *collateral)
{
    if (!collateral)
        return;
    ee_file_data_free(&collateral->file);
    free(collateral->scratch);
    free(collateral);
}

enum ee_err ee_cli_collateral_refuse(struct ee_cli *cli, const struct ee_cli_collateral *collateral)
{
    char text[EE_FINDING_TEXT_SIZE];
    const struct ee_verdict *v = &collateral->verdict;
    (void)ee_client_fail(&cli->problem, collateral->err, "%s",
                         ee_attest_finding_text(&v->findings[0], text));
    for (size_t i = 1; i < v->finding_count; i++)
        ee_client_suggest(&cli->problem, "also: %s", ee_attest_finding_text(&v->findings[i], text));
    cli->problem.exit_code = ee_err_exit_code(EE_COLLATERAL);
    return collateral->err;
}

/* ---- for people ---- */

static json_t *time_json(int64_t time_s)
{
    char text[EE_TIME_TEXT_SIZE];
    return json_string(ee_time_format(time_s, text));
}

static const char *state_of(const struct ee_collateral_part_facts *part, int64_t now_s,
                            uint64_t warn_days)
{
    if (!part->proven)
        return "not proven";
    if (now_s > part->expires_s)
        return "expired";
    if (now_s < part->issued_s)
        return "not yet valid";
    return part->expires_s - now_s < (int64_t)warn_days * DAY_S ? "expiring" : "valid";
}

json_t *ee_cli_collateral_parts(const struct ee_cli_collateral *collateral, uint64_t warn_days)
{
    json_t *list = json_array();
    for (enum ee_collateral_part i = 0; i < EE_COLLATERAL_PARTS_COUNT; i++) {
        const struct ee_collateral_part_facts *part = &collateral->facts.part[i];
        int64_t left_s = part->expires_s - collateral->time_s;
        json_t *row = json_pack("{s:s, s:s}", "part", ee_collateral_part_id(i), "state",
                                state_of(part, collateral->time_s, warn_days));
        if (part->proven) {
            (void)json_object_set_new(row, "number", json_integer((json_int_t)part->number));
            (void)json_object_set_new(row, "issued_at", time_json(part->issued_s));
            (void)json_object_set_new(row, "expires_at", time_json(part->expires_s));
            (void)json_object_set_new(row, "days_left",
                                      json_integer((json_int_t)(left_s < 0 ? 0 : left_s / DAY_S)));
        }
        (void)json_array_append_new(list, row);
    }
    return list;
}

json_t *ee_cli_collateral_failures(const struct ee_cli_collateral *collateral)
{
    char text[EE_FINDING_TEXT_SIZE];
    json_t *list = json_array();
    for (size_t i = 0; i < collateral->verdict.finding_count; i++) {
        const struct ee_finding *finding = &collateral->verdict.findings[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "id",
                                                    ee_attest_reason_name(finding->reason), "text",
                                                    ee_attest_finding_text(finding, text)));
    }
    return list;
}

void ee_cli_collateral_table(const json_t *parts)
{
    static const struct ee_column columns[] = {{"part", "part", EE_COLUMN_TEXT},
                                               {"number", "number", EE_COLUMN_NUMBER},
                                               {"issued", "issued_at", EE_COLUMN_TEXT},
                                               {"next update", "expires_at", EE_COLUMN_TEXT},
                                               {"days left", "days_left", EE_COLUMN_NUMBER},
                                               {"state", "state", EE_COLUMN_TEXT}};
    ee_cli_table(parts, columns, EE_CLI_COUNT(columns), "no part");
}
