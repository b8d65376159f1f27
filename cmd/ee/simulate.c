/* SPDX-License-Identifier: Apache-2.0 */
/* ee simulate [FILE]: the network core under a virtual clock, from NDJSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "simulate.h"

#include "base/banned.h"

enum { LINE_MAX_SIZE = 64 * 1024 };

static void answer_print(json_t *answer)
{
    (void)json_dumpf(answer, stdout, JSON_COMPACT);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(answer);
}

static void refuse(json_t *answer, enum ee_err err, const char *hint)
{
    (void)json_object_set_new(answer, "result", json_string(ee_err_name(err)));
    (void)json_object_set_new(answer, "error", json_string(hint[0] ? hint : ee_err_text(err)));
}

static void line_do(struct ee_simulation *s, const char *text, size_t size)
{
    char hint[EE_SIMULATE_HINT_SIZE] = "";
    json_error_t error;
    json_t *answer = json_object();
    json_t *line = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    enum ee_err err = EE_SYNTAX;
    if (!json_is_object(line))
        (void)snprintf(hint, sizeof(hint), "not a JSON object: %.60s", line ? "" : error.text);
    else
        err = ee_simulate_line(s, line, answer, hint);
    if (err == EE_OK)
        (void)json_object_set_new(answer, "result", json_string("ok"));
    else
        refuse(answer, err, hint);
    json_decref(line);
    answer_print(answer);
}

/* Reads on to the end of a line that is too long. */
static void line_skip(FILE *in)
{
    int c;
    do {
        c = getc(in);
    } while (c != EOF && c != '\n');
}

static enum ee_err lines_do(struct ee_simulation *s, FILE *in)
{
    char *text = malloc(LINE_MAX_SIZE + 2);
    if (!text)
        return EE_NO_MEMORY;
    while (fgets(text, LINE_MAX_SIZE + 2, in)) {
        size_t size = strlen(text);
        bool whole = size > 0 && text[size - 1] == '\n';
        if (!whole && size > LINE_MAX_SIZE) {
            json_t *answer = json_object();
            line_skip(in);
            refuse(answer, EE_TOO_LARGE, "a line is at most 64 KiB");
            answer_print(answer);
        } else if (strspn(text, " \t\r\n") < size) {
            line_do(s, text, size);
        }
    }
    free(text);
    return ferror(in) || ferror(stdout) ? EE_IO : EE_OK;
}

enum ee_err ee_cmd_simulate(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 0, 1, false, &arguments));
    const char *path = arguments.count ? arguments.items[0] : "-";
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!in)
        return ee_client_fail(&cli->problem, EE_USAGE, "%s: %s", path, strerror(errno));
    struct ee_simulation *s = ee_simulation_new();
    enum ee_err err = s ? lines_do(s, in) : EE_NO_MEMORY;
    ee_simulation_free(s);
    if (in != stdin)
        (void)fclose(in);
    return err == EE_OK ? EE_OK : ee_client_fail(&cli->problem, err, "%s", ee_err_text(err));
}
