/* SPDX-License-Identifier: Apache-2.0 */
/* ee domain add | list | remove | check: own host names for an app. */
#include <string.h>
#include <time.h>

#include "command.h"

#include "client/json.h"
#include "core/command.h"

#include "base/banned.h"

enum { PATH_SIZE = EE_DOMAIN_MAX + 96, LOOKS = 40 };

static enum ee_err path_of(struct ee_cli *cli, const char *app, const char *domain,
                           const char *verb, char out[PATH_SIZE])
{
    if (!ee_name_valid(app))
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s': %s", app, ee_err_text(EE_NAME));
    if (domain != NULL && !ee_domain_valid(domain))
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s' is no host name in lower case",
                              domain);
    (void)snprintf(out, PATH_SIZE, "/v1/apps/%s/domains%s%s%s", app, domain != NULL ? "/" : "",
                   domain != NULL ? domain : "", verb);
    return EE_OK;
}

static void show(struct ee_cli *cli, json_t *row)
{
    if (cli->json) {
        ee_cli_json(row);
        return;
    }
    const char *state = ee_client_json_text(row, "state");
    (void)printf("%s  %s\n", ee_client_json_text(row, "domain"), state);
    if (strcmp(state, "proven") != 0)
        (void)printf("set this DNS record, and a CNAME or address of the gateway:\n  %s. TXT "
                     "\"%s\"\n",
                     ee_client_json_text(row, "record"), ee_client_json_text(row, "value"));
    json_decref(row);
}

enum ee_err ee_cmd_domain_add(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    char path[PATH_SIZE];
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 2, 2, false, &arguments));
    EE_TRY(path_of(cli, arguments.items[0], arguments.items[1], "", path));
    EE_TRY(path_of(cli, arguments.items[0], NULL, "", path));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_send(cli->session, "POST", path,
                          json_pack("{s:s}", "domain", arguments.items[1]), &answer));
    show(cli, answer);
    return EE_OK;
}

enum ee_err ee_cmd_domain_remove(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    char path[PATH_SIZE];
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 2, 2, false, &arguments));
    EE_TRY(path_of(cli, arguments.items[0], arguments.items[1], "", path));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_send(cli->session, "DELETE", path, NULL, &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    (void)printf("removed %s\n", arguments.items[1]);
    json_decref(answer);
    return EE_OK;
}

enum ee_err ee_cmd_domain_list(struct ee_cli *cli, int argc, char **argv)
{
    static const struct ee_column columns[] = {{"DOMAIN", "domain", EE_COLUMN_TEXT},
                                               {"STATE", "state", EE_COLUMN_TEXT},
                                               {"TXT RECORD", "record", EE_COLUMN_TEXT},
                                               {"VALUE", "value", EE_COLUMN_TEXT},
                                               {"LAST ERROR", "last_error", EE_COLUMN_TEXT}};
    struct ee_arguments arguments;
    char path[PATH_SIZE];
    json_t *answer = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    EE_TRY(path_of(cli, arguments.items[0], NULL, "", path));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_get(cli->session, path, &answer));
    if (cli->json) {
        ee_cli_json(answer);
        return EE_OK;
    }
    ee_cli_table(json_object_get(answer, "items"), columns, EE_CLI_COUNT(columns), "no domains");
    json_decref(answer);
    return EE_OK;
}

/* The claim as the list shows it. */
static enum ee_err claim_get(struct ee_cli *cli, const char *app, const char *domain, json_t **out)
{
    char path[PATH_SIZE];
    json_t *answer = NULL, *row;
    size_t index;
    EE_TRY(path_of(cli, app, NULL, "", path));
    EE_TRY(ee_client_get(cli->session, path, &answer));
    *out = NULL;
    json_array_foreach(json_object_get(answer, "items"), index, row)
    {
        if (strcmp(ee_client_json_text(row, "domain"), domain) == 0)
            *out = json_incref(row);
    }
    json_decref(answer);
    return *out != NULL ? EE_OK
                        : ee_client_fail(&cli->problem, EE_DOMAIN_UNKNOWN, "%s",
                                         ee_err_text(EE_DOMAIN_UNKNOWN));
}

/* Asks for a look at DNS and waits for what comes of it. */
enum ee_err ee_cmd_domain_check(struct ee_cli *cli, int argc, char **argv)
{
    static const struct timespec pause = {.tv_nsec = 250 * 1000 * 1000};
    struct ee_arguments arguments;
    char path[PATH_SIZE];
    json_t *row = NULL;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 2, 2, false, &arguments));
    const char *app = arguments.items[0], *domain = arguments.items[1];
    EE_TRY(path_of(cli, app, domain, "/check", path));
    EE_TRY(ee_cli_connect(cli));
    EE_TRY(ee_client_send(cli->session, "POST", path, NULL, &row));
    const json_int_t before = json_integer_value(json_object_get(row, "failures"));
    bool proven = strcmp(ee_client_json_text(row, "state"), "proven") == 0;
    for (int i = 0; i < LOOKS && !proven; i++) {
        json_decref(row);
        (void)nanosleep(&pause, NULL);
        EE_TRY(claim_get(cli, app, domain, &row));
        proven = strcmp(ee_client_json_text(row, "state"), "proven") == 0;
        if (json_integer_value(json_object_get(row, "failures")) > before)
            break;
    }
    if (!proven) {
        char record[EE_DOMAIN_MAX + 16], value[128];
        (void)snprintf(record, sizeof(record), "%s", ee_client_json_text(row, "record"));
        (void)snprintf(value, sizeof(value), "%s", ee_client_json_text(row, "value"));
        json_decref(row);
        return ee_client_fail(&cli->problem, EE_DOMAIN_UNPROVEN, "no TXT record of %s says \"%s\"",
                              record, value);
    }
    show(cli, row);
    return EE_OK;
}
