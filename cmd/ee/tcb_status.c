/* SPDX-License-Identifier: Apache-2.0 */
/* ee tcb-status: one quote under the standard and the early TCB set (docs/spec/tcb-status.md). Exit
 * 0: accepted under every set given; 6: refused under the early one; 7: refused under the standard
 * one, or the early one does not verify; 2: usage, or a file that cannot be read. */
#include <stdlib.h>
#include <time.h>

#include "attest_files.h"

#include "attest/tcb_report.h"

#include "base/banned.h"

enum { EXIT_WILL_FAIL = 6 };

struct asked {
    const char *quote, *standard, *early, *root, *policy;
    uint64_t time_s;
};

struct work {
    struct ee_file_data quote;
    struct ee_cli_collateral standard, early;
    struct ee_cli_roots roots;
    struct ee_attest_policy policy;
    struct ee_verdict verdict, early_verdict;
    struct ee_tcb_report report;
    char text[EE_TCB_REPORT_MAX];
};

static enum ee_err asked_parse(struct ee_cli *cli, int argc, char **argv, struct asked *a)
{
    struct ee_arguments arguments;
    const struct ee_option options[] = {
        {"collateral", 0, EE_OPTION_TEXT, &a->standard, 0},
        {"early", 0, EE_OPTION_TEXT, &a->early, 0},
        {"root", 0, EE_OPTION_TEXT, &a->root, 0},
        {"policy", 0, EE_OPTION_TEXT, &a->policy, 0},
        {"time", 0, EE_OPTION_NUMBER, &a->time_s, INT64_MAX},
    };
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (!a->standard)
        return ee_client_fail(&cli->problem, EE_USAGE, "--collateral FILE is needed");
    a->quote = arguments.items[0];
    return EE_OK;
}

static enum ee_err read_all(struct ee_cli *cli, const struct asked *a, struct work *w)
{
    EE_TRY(ee_cli_roots_read(cli, a->root, &w->roots));
    EE_TRY(ee_cli_policy_read(cli, a->policy, &w->policy));
    EE_TRY(ee_cli_quote_read(cli, a->quote, &w->quote));
    EE_TRY(ee_cli_collateral_read(cli, a->standard, &w->standard));
    return a->early ? ee_cli_collateral_read(cli, a->early, &w->early) : EE_OK;
}

static enum ee_err report(struct ee_cli *cli, const struct asked *a, struct work *w)
{
    static const int exit_codes[] = {0, EXIT_WILL_FAIL, EE_CLI_EXIT_REJECTED, EE_CLI_EXIT_REJECTED};
    struct ee_bytes quote = ee_file_bytes(&w->quote);
    int64_t time_s = (int64_t)a->time_s;
    size_t size;
    /* The verdicts hold what came of it. */
    (void)!ee_cli_quote_verify(quote, &w->standard, &w->roots, time_s, &w->verdict);
    if (a->early)
        (void)!ee_cli_quote_verify(quote, &w->early, &w->roots, time_s, &w->early_verdict);
    ee_attest_tcb_report_make(&w->policy, &w->verdict, a->early ? &w->early_verdict : NULL,
                              &w->report);
    enum ee_err err = cli->json
                          ? ee_attest_tcb_report_json(&w->report, w->text, sizeof(w->text), &size)
                          : ee_attest_tcb_report_text(&w->report, w->text, sizeof(w->text), &size);
    if (err != EE_OK)
        return ee_client_fail(&cli->problem, err, "the report is %zu bytes", size);
    (void)fputs(w->text, stdout);
    cli->exit_code = exit_codes[w->report.outcome];
    return EE_OK;
}

enum ee_err ee_cmd_tcb_status(struct ee_cli *cli, int argc, char **argv)
{
    struct asked a = {.root = "production", .policy = "network", .time_s = (uint64_t)time(NULL)};
    EE_TRY(asked_parse(cli, argc, argv, &a));
    struct work *w = calloc(1, sizeof(*w));
    if (!w)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = read_all(cli, &a, w);
    if (err == EE_OK)
        err = report(cli, &a, w);
    ee_cli_collateral_free(&w->standard);
    ee_cli_collateral_free(&w->early);
    ee_file_data_free(&w->quote);
    free(w);
    return err;
}
