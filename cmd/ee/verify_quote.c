/* SPDX-License-Identifier: Apache-2.0 */
/* ee verify quote: one quote, checked offline and explained (docs/spec/verify-quote.md). Exit 0
 * when it holds and the policy accepts it, 7 when not, 2 for usage or an unreadable file. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest_files.h"

#include "attest/explain.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

struct asked {
    const char *quote, *collateral, *root, *policy, *azure;
    uint64_t time_s;
};

/* What was read, and what came of it. */
struct work {
    struct ee_file_data quote, azure_file;
    struct ee_cli_collateral collateral;
    struct ee_cli_roots roots;
    struct ee_attest_policy policy;
    struct ee_azure_report azure_report;
    struct ee_explain_azure azure;
    struct ee_verdict verdict;
    struct ee_policy_decision decision;
    char text[EE_EXPLAIN_DOCUMENT_MAX];
};

static enum ee_err asked_parse(struct ee_cli *cli, int argc, char **argv, struct asked *a)
{
    struct ee_arguments arguments;
    const struct ee_option options[] = {
        {"collateral", 0, EE_OPTION_TEXT, &a->collateral, 0},
        {"root", 0, EE_OPTION_TEXT, &a->root, 0},
        {"time", 0, EE_OPTION_NUMBER, &a->time_s, INT64_MAX},
        {"policy", 0, EE_OPTION_TEXT, &a->policy, 0},
        {"azure", 0, EE_OPTION_TEXT, &a->azure, 0},
    };
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (!a->collateral)
        return ee_client_fail(&cli->problem, EE_USAGE, "--collateral FILE is needed");
    a->quote = arguments.items[0];
    return EE_OK;
}

static enum ee_err read_all(struct ee_cli *cli, const struct asked *a, struct work *w)
{
    EE_TRY(ee_cli_roots_read(cli, a->root, &w->roots));
    EE_TRY(ee_cli_policy_read(cli, a->policy, &w->policy));
    EE_TRY(ee_cli_quote_read(cli, a->quote, &w->quote));
    EE_TRY(ee_cli_collateral_read(cli, a->collateral, &w->collateral));
    return a->azure ? ee_cli_quote_read(cli, a->azure, &w->azure_file) : EE_OK;
}

/* The report beside the quote, or given instead of one: then it is explained, and still refused. */
static void azure_judge(const struct asked *a, struct work *w)
{
    struct ee_bytes bytes = ee_file_bytes(a->azure ? &w->azure_file : &w->quote);
    bool readable = ee_azure_report_decode(bytes, &w->azure_report) == EE_OK;
    if (readable) {
        w->azure.report = &w->azure_report;
        w->azure.bound_to_tdreport = ee_azure_report_binds(&ee_crypto_openssl, &w->azure_report,
                                                           w->azure_report.report_data);
        w->azure.bound_to_quote =
            a->azure && w->verdict.err == EE_OK &&
            ee_azure_report_binds(&ee_crypto_openssl, &w->azure_report, w->verdict.td.report_data);
    }
    if (a->azure && !readable)
        ee_attest_verdict_add(&w->verdict, EE_REASON_AZURE_REPORT, "", 0, 0);
    else if (a->azure && w->verdict.err == EE_OK && !w->azure.bound_to_quote)
        ee_attest_verdict_add(&w->verdict, EE_REASON_AZURE_BINDING, "", 0, 0);
}

static enum ee_err judge(struct ee_cli *cli, const struct asked *a, struct work *w)
{
    size_t size;
    /* The verdict holds what came of it. */
    (void)!ee_cli_quote_verify(ee_file_bytes(&w->quote), &w->collateral, &w->roots,
                               (int64_t)a->time_s, &w->verdict);
    azure_judge(a, w);
    enum ee_err err = ee_attest_policy_decide(&w->policy, &w->verdict, &w->decision);
    cli->exit_code = err == EE_OK ? 0 : EE_CLI_EXIT_REJECTED;
    const struct ee_explain_input input = {&w->verdict, &w->policy, &w->decision, w->azure};
    err = cli->json ? ee_attest_explain_json(&input, w->text, sizeof(w->text), &size)
                    : ee_attest_explain_text(&input, w->text, sizeof(w->text), &size);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the explanation is %zu bytes", size);
    (void)fputs(w->text, stdout);
    return EE_OK;
}

enum ee_err ee_cmd_verify_quote(struct ee_cli *cli, int argc, char **argv)
{
    struct asked a = {.root = "production", .policy = "none", .time_s = (uint64_t)time(NULL)};
    EE_TRY(asked_parse(cli, argc, argv, &a));
    struct work *w = calloc(1, sizeof(*w));
    if (!w)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = read_all(cli, &a, w);
    if (err == EE_OK)
        err = judge(cli, &a, w);
    ee_cli_collateral_free(&w->collateral);
    ee_file_data_free(&w->quote);
    ee_file_data_free(&w->azure_file);
    free(w);
    return err;
}
