/* SPDX-License-Identifier: Apache-2.0 */
#include "client/problem.h"

#include <stdarg.h>
#include <string.h>

#include "client/json.h"

#include "base/banned.h"

/* What to do about an error when nobody said it better. */
static const struct {
    enum ee_err err;
    const char *text;
} cures[] = {
    {EE_UNAUTHENTICATED, "set token_file in the profile, or EE_TOKEN"},
    {EE_INSUFFICIENT_CREDITS, "see `ee balance`; credits come by `ee mint` or a transfer"},
    {EE_CONNECT, "check that the network runs and that `api` in the profile is its address"},
    {EE_NO_ELIGIBLE_NODE, "see `ee nodes`; raise --max-price, lower --vcpus, or try again later"},
    {EE_MEASUREMENT, "compare the versions; a release is allowed by `ee allow add` with the "
                     "founding key"},
    {EE_CHECKPOINT, "stop using this network until you know whose history is true: both heads are "
                    "kept"},
    {EE_WRONG_NETWORK, "check `genesis` and `network` in the profile"},
    {EE_APP_NAME_TAKEN, "choose another name"},
    {EE_ALREADY_RUNNING, "stop it first: `ee stop NAME`"},
    {EE_TIMEOUT, "the work may continue: look with `ee ps --all`"},
};

/* The same for what the network answers about our own things. */
static const struct {
    enum ee_err err;
    const char *text;
} answer_cures[] = {
    {EE_NOT_FOUND, "`ee ps --all` lists what is yours, `ee receipts` what can be proved"},
    {EE_APP_UNKNOWN, "`ee ps --all` lists what is yours"},
    {EE_LEASE_UNKNOWN, "`ee ps --all` lists what is yours"},
    {EE_LEASE_STATE, "`ee ps --all` tells its state, `ee explain` why"},
    {EE_ACCOUNT_UNKNOWN, "check the account's name with its owner"},
    {EE_SAME_ACCOUNT, "name another account"},
    {EE_NODE_UNKNOWN, "`ee nodes` lists them"},
    {EE_FORBIDDEN, "use a profile whose key has that scope; `ee whoami` tells this one's"},
    {EE_ACCOUNT_EXISTS, "choose another name"},
    {EE_NODE_EXISTS, "choose another name"},
    {EE_SECRETS_NEEDED, "deploy it again with its --secret options"},
};

void ee_client_problem_clear(struct ee_client_problem *problem)
{
    json_decref(problem->placement);
    memset(problem, 0, sizeof(*problem));
}

static void problem_set(struct ee_client_problem *problem, enum ee_err err, const char *name)
{
    ee_client_problem_clear(problem);
    problem->err = err;
    (void)snprintf(problem->name, sizeof(problem->name), "%s", name);
}

static void suggest_cure(struct ee_client_problem *problem)
{
    for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
        if (cures[i].err == problem->err)
            ee_client_suggest(problem, "%s", cures[i].text);
}

static void suggest_answer_cure(struct ee_client_problem *problem)
{
    for (size_t i = 0; i < sizeof(answer_cures) / sizeof(answer_cures[0]); i++)
        if (answer_cures[i].err == problem->err)
            ee_client_suggest(problem, "%s", answer_cures[i].text);
}

enum ee_err ee_client_fail(struct ee_client_problem *problem, enum ee_err err, const char *format,
                           ...)
{
    va_list arguments;
    char detail[EE_CLIENT_DETAIL_SIZE];
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    problem_set(problem, err, ee_err_name(err));
    memcpy(problem->detail, detail, sizeof(detail));
    if (!detail[0])
        (void)snprintf(problem->detail, sizeof(problem->detail), "%s", ee_err_text(err));
    suggest_cure(problem);
    return err;
}

void ee_client_suggest(struct ee_client_problem *problem, const char *format, ...)
{
    va_list arguments;
    if (problem->suggestion_count == EE_CLIENT_SUGGESTIONS_MAX)
        return;
    va_start(arguments, format);
    (void)vsnprintf(problem->suggestions[problem->suggestion_count++], EE_CLIENT_SUGGESTION_SIZE,
                    format, arguments);
    va_end(arguments);
}

enum ee_err ee_client_err_of_name(const char *name)
{
    static const enum ee_err all[] = {
#define EE_ROW(constant, id, number, class, text) EE_##constant,
        EE_ERRORS(EE_ROW)
#undef EE_ROW
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(ee_err_name(all[i]), name) == 0)
            return all[i];
    return EE_OK;
}

/* For a code that a newer network has and this program does not. */
static enum ee_err err_of_status(unsigned status)
{
    if (status == 401)
        return EE_UNAUTHENTICATED;
    if (status == 402)
        return EE_INSUFFICIENT_CREDITS;
    if (status == 403)
        return EE_FORBIDDEN;
    if (status == 404)
        return EE_NOT_FOUND;
    if (status == 429 || status == 503)
        return EE_UNAVAILABLE;
    if (status == 409 || status == 422)
        return EE_STATE;
    return status >= 400 && status < 500 ? EE_SYNTAX : EE_PROTOCOL;
}

static void copy_suggestions(struct ee_client_problem *problem, const json_t *list)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        if (json_is_string(item))
            ee_client_suggest(problem, "%s", json_string_value(item));
    }
}

enum ee_err ee_client_problem_answer(struct ee_client_problem *problem, unsigned status,
                                     struct ee_bytes body)
{
    json_t *document = ee_client_json_parse(body);
    const char *code = ee_client_json_text(document, "code");
    const char *detail = ee_client_json_text(document, "detail");
    enum ee_err err = ee_client_err_of_name(code);
    if (err == EE_OK)
        err = err_of_status(status);
    problem_set(problem, err, *code ? code : ee_err_name(err));
    if (*detail)
        (void)snprintf(problem->detail, sizeof(problem->detail), "%s", detail);
    else
        (void)snprintf(problem->detail, sizeof(problem->detail), "%s (HTTP status %u)",
                       ee_err_text(err), status);
    (void)snprintf(problem->request_id, sizeof(problem->request_id), "%s",
                   ee_client_json_text(document, "request_id"));
    problem->placement = json_incref(json_object_get(document, "placement"));
    if (err == EE_PROTOCOL) /* nothing the caller said */
        problem->exit_code = ee_err_exit_code(EE_IO);
    suggest_cure(problem);
    suggest_answer_cure(problem);
    if (problem->suggestion_count == 0) /* the server's speak of the API, ours of the verbs */
        copy_suggestions(problem, json_object_get(document, "suggestions"));
    json_decref(document);
    return err;
}

int ee_client_problem_exit_code(const struct ee_client_problem *problem)
{
    return problem->exit_code ? problem->exit_code : ee_err_exit_code(problem->err);
}

json_t *ee_client_problem_json(const struct ee_client_problem *problem)
{
    json_t *suggestions = json_array();
    for (size_t i = 0; i < problem->suggestion_count; i++)
        (void)json_array_append_new(suggestions, json_string(problem->suggestions[i]));
    json_t *out = json_object();
    (void)json_object_set_new(out, "error", json_string(problem->name));
    (void)json_object_set_new(out, "detail", ee_client_json_string(ee_bytes_str(problem->detail)));
    (void)json_object_set_new(out, "suggestions", suggestions);
    (void)json_object_set_new(out, "request_id", json_string(problem->request_id));
    if (problem->placement)
        (void)json_object_set(out, "placement", problem->placement);
    return out;
}

/* What a server says may hold commands to a terminal: control characters are shown as '?'. */
static void print_tame(FILE *out, const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at; at++) {
        bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f; /* U+0080 to U+009F */
        bool control = *at < 0x20 || *at == 0x7f || c1;
        (void)fputc(control ? '?' : *at, out);
        at += c1;
    }
}

static void print_line(FILE *out, const char *before, const char *text, const char *after)
{
    (void)fputs(before, out);
    print_tame(out, text);
    (void)fputs(after, out);
}

void ee_client_problem_print(const struct ee_client_problem *problem, FILE *out)
{
    size_t index;
    json_t *row;
    print_line(out, "ee: ", problem->name, ": ");
    print_line(out, "", problem->detail, "\n");
    json_array_foreach(problem->placement, index, row)
    {
        print_line(out, "  ", ee_client_json_text(row, "node"), " at $");
        print_line(out, "", ee_client_json_text(row, "price"), ": ");
        print_line(out, "", ee_client_json_text(row, "text"), "\n");
    }
    for (size_t i = 0; i < problem->suggestion_count; i++)
        print_line(out, "  next: ", problem->suggestions[i], "\n");
    if (problem->request_id[0])
        print_line(out, "  request ", problem->request_id, "\n");
}
