/* SPDX-License-Identifier: Apache-2.0 */
/* ee statement: the lines of this account, page by page, so that no statement is too long. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "base/text.h"
#include "client/json.h"
#include "io/csv.h"

#include "base/banned.h"

enum { PAGE_LINES = 500, PATH_SIZE = 256, FOLLOW_S = 20, CSV_PAGE_MAX = 1024 * 1024 };

struct statement {
    const char *from, *to;
    bool csv, newest, follow;
    uint64_t limit; /* lines; 0: all */
    uint64_t wait_for;
};

static const struct ee_column columns[] = {{"NUMBER", "number", EE_COLUMN_NUMBER},
                                           {"AT", "at", EE_COLUMN_TEXT},
                                           {"KIND", "kind", EE_COLUMN_TEXT},
                                           {"WITH", "counterparty", EE_COLUMN_TEXT},
                                           {"AMOUNT", "amount", EE_COLUMN_MONEY},
                                           {"CHANGE", "change", EE_COLUMN_MONEY},
                                           {"AVAILABLE", "available", EE_COLUMN_MONEY},
                                           {"LOCKED", "locked", EE_COLUMN_MONEY},
                                           {"SEQ", "seq", EE_COLUMN_NUMBER},
                                           {"MEMO", "memo", EE_COLUMN_TEXT}};

static const char *const csv_names[] = {"number", "seq",    "at",        "kind",   "counterparty",
                                        "amount", "change", "available", "locked", "incoming",
                                        "lease",  "period", "reference", "memo"};
enum { CSV_TEXTS = 2 }; /* the last ones are what people wrote */

/* ---- CSV ---- */

static enum ee_err csv_flush(struct ee_cli *cli, struct ee_csv *csv)
{
    bool ok = csv->err == EE_OK && fwrite(csv->data, 1, csv->size, stdout) == csv->size;
    csv->size = 0;
    return ok ? EE_OK : ee_client_fail(&cli->problem, EE_IO, "standard output");
}

static enum ee_err csv_header(struct ee_cli *cli, struct ee_csv *csv)
{
    for (size_t i = 0; i < EE_CLI_COUNT(csv_names); i++)
        ee_csv_value(csv, csv_names[i]);
    ee_csv_end(csv);
    return csv_flush(cli, csv);
}

static enum ee_err csv_items(struct ee_cli *cli, struct ee_csv *csv, const json_t *items)
{
    size_t index;
    const json_t *item;
    char period[24];
    json_array_foreach(items, index, item)
    {
        for (size_t i = 0; i < EE_CLI_COUNT(csv_names); i++) {
            const char *text = ee_client_json_text(item, csv_names[i]);
            const json_t *number = json_object_get(item, csv_names[i]);
            if (json_is_integer(number)) {
                (void)snprintf(period, sizeof(period), "%lld",
                               (long long)json_integer_value(number));
                text = period;
            }
            if (i + CSV_TEXTS >= EE_CLI_COUNT(csv_names))
                ee_csv_text(csv, text);
            else
                ee_csv_value(csv, text);
        }
        ee_csv_end(csv);
    }
    return csv_flush(cli, csv);
}

/* ---- pages ---- */

static enum ee_err page_get(struct ee_cli *cli, const struct statement *s, const char *cursor,
                            uint64_t limit, json_t **out)
{
    char path[PATH_SIZE];
    int size = snprintf(path, sizeof(path), "/v1/statement?limit=%llu&order=%s",
                        (unsigned long long)limit, s->newest ? "newest" : "oldest");
    const struct {
        const char *name, *value;
    } more[] = {{"cursor", cursor}, {"from", s->from}, {"to", s->to}};
    for (size_t i = 0; i < EE_CLI_COUNT(more); i++)
        if (more[i].value && size > 0 && (size_t)size < sizeof(path))
            size += snprintf(path + size, sizeof(path) - (size_t)size, "&%s=%s", more[i].name,
                             more[i].value);
    if (s->wait_for > 0 && size > 0 && (size_t)size < sizeof(path))
        size += snprintf(path + size, sizeof(path) - (size_t)size, "&wait_for=%llu&wait=%d",
                         (unsigned long long)s->wait_for, FOLLOW_S);
    if (size < 0 || (size_t)size >= sizeof(path))
        return ee_client_fail(&cli->problem, EE_USAGE, "the options are too long");
    return ee_client_get(cli->session, path, out);
}

static enum ee_err page_show(struct ee_cli *cli, const struct statement *s, struct ee_csv *csv,
                             const json_t *items)
{
    size_t index;
    json_t *item;
    if (s->csv)
        return csv_items(cli, csv, items);
    if (!cli->json) {
        if (json_array_size(items) > 0)
            ee_cli_table(items, columns, EE_CLI_COUNT(columns), "");
        return EE_OK;
    }
    json_array_foreach(items, index, item)
    {
        if (json_dumpf(item, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF)
            return ee_client_fail(&cli->problem, EE_IO, "standard output");
    }
    return EE_OK;
}

/* Keeps where to go on; false: there is no more for now. */
static bool go_on(const json_t *page, bool follow, char cursor[EE_CLI_CELL_SIZE])
{
    const char *next = ee_client_json_text(page, "next");
    const char *resume = ee_client_json_text(page, "resume");
    if (*(follow ? resume : next))
        (void)snprintf(cursor, EE_CLI_CELL_SIZE, "%s", follow ? resume : next);
    return *next != '\0';
}

/* All pages there are; the sequence number of the last one is where following goes on. */
static enum ee_err pages(struct ee_cli *cli, struct statement *s, struct ee_csv *csv)
{
    char cursor[EE_CLI_CELL_SIZE] = "";
    uint64_t left = s->limit == 0 ? UINT64_MAX : s->limit, seq = 0;
    bool more = true;
    while (more && left > 0) {
        json_t *page = NULL;
        uint64_t limit = left < PAGE_LINES ? left : PAGE_LINES;
        enum ee_err err = page_get(cli, s, *cursor ? cursor : NULL, limit, &page);
        if (err == EE_READ_BEHIND && s->follow) { /* nothing has happened */
            ee_client_problem_clear(&cli->problem);
            continue;
        }
        EE_TRY(err);
        const json_t *items = json_object_get(page, "items");
        left -= json_array_size(items);
        err = page_show(cli, s, csv, items);
        more = go_on(page, s->follow, cursor) || s->follow;
        if (err == EE_OK)
            err = ee_client_json_u64(page, "seq", &seq);
        if (s->follow && *ee_client_json_text(page, "next") == '\0')
            s->wait_for = seq + 1;
        json_decref(page);
        EE_TRY(err);
        (void)fflush(stdout);
    }
    return EE_OK;
}

static enum ee_err time_check(struct ee_cli *cli, const char *name, const char *text)
{
    int64_t seconds;
    if (text == NULL || ee_time_parse(ee_bytes_str(text), &seconds) == EE_OK)
        return EE_OK;
    return ee_client_fail(&cli->problem, EE_USAGE, "--%s wants a time such as 2026-01-31T00:00:00Z",
                          name);
}

enum ee_err ee_cmd_statement(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct statement s = {.from = NULL};
    struct ee_csv csv = {.limit = CSV_PAGE_MAX};
    const struct ee_option options[] = {{"from", 0, EE_OPTION_TEXT, &s.from, 0},
                                        {"to", 0, EE_OPTION_TEXT, &s.to, 0},
                                        {"csv", 0, EE_OPTION_FLAG, &s.csv, 0},
                                        {"newest", 0, EE_OPTION_FLAG, &s.newest, 0},
                                        {"limit", 0, EE_OPTION_NUMBER, &s.limit, UINT64_MAX},
                                        {"after", 0, EE_OPTION_NUMBER, &s.wait_for, INT64_MAX},
                                        {"follow", 'f', EE_OPTION_FLAG, &s.follow, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    if (s.csv && cli->json)
        return ee_client_fail(&cli->problem, EE_USAGE, "--csv or --json, not both");
    if (s.follow && (s.newest || s.to))
        return ee_client_fail(&cli->problem, EE_USAGE, "--follow goes forward, without an end");
    EE_TRY(time_check(cli, "from", s.from));
    EE_TRY(time_check(cli, "to", s.to));
    EE_TRY(ee_cli_connect(cli));
    enum ee_err err = s.csv ? csv_header(cli, &csv) : EE_OK;
    if (err == EE_OK)
        err = pages(cli, &s, &csv);
    free(csv.data);
    return err;
}
