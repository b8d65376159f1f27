/* SPDX-License-Identifier: Apache-2.0 */
/* ee evidence pack: a bundle from files, of anybody's cloud or of an evidence document. */
#include <stdlib.h>
#include <string.h>

#include "attest_files.h"
#include "bundle_show.h"
#include "base/text.h"
#include "io/clock.h"

#include "base/banned.h"

struct pack {
    const char *quote, *collateral, *ccel, *dstack, *agent_log, *claims, *nonce, *time, *output;
    struct ee_option_list changes;
    const char *from; /* an evidence document or bundle to complete */
    struct ee_client_bundle base;
    struct ee_bundle bundle;
    struct ee_file_data files[6 + EE_CLIENT_LIST_MAX];
    size_t file_count;
};

static enum ee_err parse(struct ee_cli *cli, int argc, char **argv, struct pack *p)
{
    struct ee_arguments arguments;
    const struct ee_option options[] = {{"quote", 0, EE_OPTION_TEXT, &p->quote, 0},
                                        {"collateral", 0, EE_OPTION_TEXT, &p->collateral, 0},
                                        {"ccel", 0, EE_OPTION_TEXT, &p->ccel, 0},
                                        {"dstack", 0, EE_OPTION_TEXT, &p->dstack, 0},
                                        {"agent-log", 0, EE_OPTION_TEXT, &p->agent_log, 0},
                                        {"claims", 0, EE_OPTION_TEXT, &p->claims, 0},
                                        {"nonce", 0, EE_OPTION_TEXT, &p->nonce, 0},
                                        {"change", 0, EE_OPTION_LIST, &p->changes, 0},
                                        {"time", 0, EE_OPTION_TEXT, &p->time, 0},
                                        {"output", 'o', EE_OPTION_TEXT, &p->output, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 1, false, &arguments));
    if (arguments.count > 0)
        p->from = arguments.items[0];
    if (!p->output)
        return ee_client_fail(&cli->problem, EE_USAGE, "-o FILE is needed");
    if (!p->from && (!p->quote || !p->collateral))
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--quote and --collateral are needed, or an evidence document");
    if (!p->claims != !p->nonce)
        return ee_client_fail(&cli->problem, EE_USAGE, "--claims and --nonce go together");
    return EE_OK;
}

/* NULL path: leaves `out` as it is. */
static enum ee_err take(struct ee_cli *cli, struct pack *p, const char *path, size_t limit,
                        struct ee_bytes *out)
{
    if (!path)
        return EE_OK;
    struct ee_file_data *file = &p->files[p->file_count];
    EE_TRY(ee_cli_document(cli, path, limit, file));
    p->file_count++;
    *out = ee_file_bytes(file);
    return EE_OK;
}

/* The quote in any form tools write it, without the padding behind it. */
static enum ee_err take_quote(struct ee_cli *cli, struct pack *p)
{
    struct ee_quote parts;
    struct ee_finding finding;
    char text[EE_FINDING_TEXT_SIZE];
    if (!p->quote)
        return EE_OK;
    struct ee_file_data *file = &p->files[p->file_count];
    EE_TRY(ee_cli_quote_read(cli, p->quote, file));
    p->file_count++;
    enum ee_reason reason = ee_attest_quote_decode(ee_file_bytes(file), &parts, &finding);
    if (reason != EE_REASON_NONE) {
        (void)ee_client_fail(&cli->problem, ee_attest_reason_err(reason), "%s",
                             ee_attest_finding_text(&finding, text));
        return cli->problem.err;
    }
    p->bundle.quote = ee_bytes_of(file->data, parts.size);
    return EE_OK;
}

static enum ee_err take_claims(struct ee_cli *cli, struct pack *p)
{
    EE_TRY(take(cli, p, p->claims, EE_CLAIMS_SIZE_MAX, &p->bundle.claims));
    if (!p->nonce)
        return EE_OK;
    if (ee_hex_decode(ee_bytes_str(p->nonce), p->bundle.nonce.bytes, EE_NONCE_SIZE) != EE_OK)
        return ee_client_fail(&cli->problem, EE_USAGE, "--nonce is 64 hex digits");
    p->bundle.index = 0;
    p->bundle.size = 1;
    p->bundle.path_count = 0;
    return EE_OK;
}

static enum ee_err take_all(struct ee_cli *cli, struct pack *p)
{
    EE_TRY(take_quote(cli, p));
    EE_TRY(take(cli, p, p->collateral, EE_BUNDLE_COLLATERAL_MAX, &p->bundle.collateral));
    EE_TRY(take(cli, p, p->ccel, EE_EVENTLOG_TCG2_MAX, &p->bundle.ccel));
    EE_TRY(take(cli, p, p->dstack, EE_EVENTLOG_DSTACK_MAX, &p->bundle.dstack));
    EE_TRY(take(cli, p, p->agent_log, EE_EVENTLOG_AGENT_MAX, &p->bundle.agent_log));
    EE_TRY(take_claims(cli, p));
    for (size_t i = 0; i < p->changes.count; i++) {
        if (p->bundle.change_count == EE_BUNDLE_CHANGES_MAX)
            return ee_client_fail(&cli->problem, EE_TOO_LARGE, "a bundle holds %d changes",
                                  EE_BUNDLE_CHANGES_MAX);
        EE_TRY(take(cli, p, p->changes.items[i], EE_BUNDLE_CHANGE_MAX,
                    &p->bundle.changes[p->bundle.change_count]));
        p->bundle.change_count++;
    }
    return EE_OK;
}

static enum ee_err choose_time(struct ee_cli *cli, struct pack *p)
{
    int64_t now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    if (p->time)
        return ee_cli_time_parse(cli, "--time", p->time, &p->bundle.time_s);
    if (p->from && p->base.recorded && !p->collateral)
        return EE_OK; /* it keeps its own */
    return ee_client_bundle_time(&cli->problem, &p->bundle, now_s, &p->bundle.time_s);
}

static enum ee_err pack(struct ee_cli *cli, struct pack *p)
{
    struct ee_buffer text = {.size = 0};
    char time[EE_TIME_TEXT_SIZE];
    if (p->from)
        EE_TRY(ee_cli_bundle_read(cli, p->from, &p->base));
    p->bundle = p->base.bundle;
    EE_TRY(take_all(cli, p));
    EE_TRY(choose_time(cli, p));
    EE_TRY(ee_client_bundle_write(&cli->problem, &p->bundle, &text));
    enum ee_err err = ee_file_write(p->output, ee_buffer_bytes(&text), 0644);
    ee_buffer_close(&text);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "writing", p->output);
    (void)ee_time_format(p->bundle.time_s, time);
    if (cli->json)
        ee_cli_json(json_pack("{s:s, s:s}", "file", p->output, "time", time));
    else
        (void)printf("%s: to be verified as of %s\n", p->output, time);
    ee_cli_hint(cli, "next: ee evidence verify %s", p->output);
    return EE_OK;
}

enum ee_err ee_cmd_evidence_pack(struct ee_cli *cli, int argc, char **argv)
{
    struct pack *p = calloc(1, sizeof(*p));
    if (!p)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = parse(cli, argc, argv, p);
    if (err == EE_OK)
        err = pack(cli, p);
    for (size_t i = 0; i < p->file_count; i++)
        ee_file_data_free(&p->files[i]);
    ee_client_bundle_free(&p->base);
    free(p);
    return err;
}
