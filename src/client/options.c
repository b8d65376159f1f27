/* SPDX-License-Identifier: Apache-2.0 */
#include "client/options.h"

#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum { OPTIONS_MAX = 32 };

static const struct ee_option *by_name(const struct ee_option *options, size_t count,
                                       const char *name, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0)
            return &options[i];
    return NULL;
}

static const struct ee_option *by_letter(const struct ee_option *options, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].letter != 0 && options[i].letter == letter)
            return &options[i];
    return NULL;
}

static enum ee_err wrong(struct ee_client_problem *problem, const struct ee_option *option,
                         const char *wants)
{
    return ee_client_fail(problem, EE_USAGE, "--%s wants %s", option->name, wants);
}

static enum ee_err number_set(struct ee_client_problem *problem, const struct ee_option *option,
                              const char *value)
{
    uint64_t number;
    if (ee_u64_parse(value, &number) != EE_OK || number > option->max)
        return ee_client_fail(problem, EE_USAGE, "--%s wants a number of at most %llu",
                              option->name, (unsigned long long)option->max);
    *(uint64_t *)option->out = number;
    return EE_OK;
}

static enum ee_err list_add(struct ee_client_problem *problem, const struct ee_option *option,
                            const char *value)
{
    struct ee_option_list *list = option->out;
    if (list->count == EE_CLIENT_LIST_MAX)
        return ee_client_fail(problem, EE_USAGE, "--%s may be given at most %d times", option->name,
                              EE_CLIENT_LIST_MAX);
    list->items[list->count++] = value;
    return EE_OK;
}

static enum ee_err value_set(struct ee_client_problem *problem, const struct ee_option *option,
                             const char *value)
{
    switch (option->kind) {
    case EE_OPTION_FLAG:
        *(bool *)option->out = true;
        return EE_OK;
    case EE_OPTION_TEXT:
        if (!*value)
            return wrong(problem, option, "a value that is not empty");
        *(const char **)option->out = value;
        return EE_OK;
    case EE_OPTION_LIST:
        return list_add(problem, option, value);
    case EE_OPTION_NUMBER:
        return number_set(problem, option, value);
    case EE_OPTION_MONEY:
        return ee_money_parse(value, option->out) == EE_OK
                   ? EE_OK
                   : wrong(problem, option, "an amount such as 20, '$20' or 0.5");
    case EE_OPTION_PRICE:
        return ee_price_parse(value, option->out) == EE_OK
                   ? EE_OK
                   : wrong(problem, option, "a price per vCPU-hour such as 0.012");
    }
    return EE_USAGE;
}

struct parser {
    struct ee_client_problem *problem;
    const struct ee_option *options;
    size_t count;
    int argc;
    char *const *argv;
    int at;
    uint32_t seen; /* bit per row of the table */
};

static enum ee_err once(struct parser *p, const struct ee_option *option)
{
    uint32_t bit = UINT32_C(1) << (option - p->options);
    if (option->kind != EE_OPTION_LIST && (p->seen & bit) != 0)
        return ee_client_fail(p->problem, EE_USAGE, "--%s is given twice", option->name);
    p->seen |= bit;
    return EE_OK;
}

/* `value`: behind "=", or NULL: the next word when the option takes one. */
static enum ee_err option_take(struct parser *p, const struct ee_option *option, const char *value)
{
    EE_TRY(once(p, option));
    if (option->kind == EE_OPTION_FLAG) {
        if (value)
            return ee_client_fail(p->problem, EE_USAGE, "--%s takes no value", option->name);
        value = "";
    } else if (!value) {
        if (p->at >= p->argc)
            return ee_client_fail(p->problem, EE_USAGE, "--%s wants a value", option->name);
        value = p->argv[p->at++];
    }
    return value_set(p->problem, option, value);
}

static enum ee_err word_take(struct parser *p, const char *word, struct ee_arguments *out)
{
    const struct ee_option *option;
    if (word[0] != '-' || !word[1]) {
        if (out->count == EE_CLIENT_ARGUMENTS_MAX)
            return ee_client_fail(p->problem, EE_USAGE, "too many arguments at '%s'", word);
        out->items[out->count++] = word;
        return EE_OK;
    }
    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        size_t size = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
        option = by_name(p->options, p->count, word + 2, size);
        if (option)
            return option_take(p, option, equals ? equals + 1 : NULL);
    } else {
        option = by_letter(p->options, p->count, word[1]);
        if (option)
            return option_take(p, option, word[2] ? word + 2 : NULL);
    }
    return ee_client_fail(p->problem, EE_USAGE, "there is no option %s", word);
}

enum ee_err ee_client_options_parse(struct ee_client_problem *problem,
                                    const struct ee_option *options, size_t count, int argc,
                                    char *const *argv, struct ee_arguments *out)
{
    struct parser p = {problem, options, count, argc, argv, 0, 0};
    memset(out, 0, sizeof(*out));
    if (count > OPTIONS_MAX)
        return ee_client_fail(problem, EE_RANGE, "a table of more than %d options", OPTIONS_MAX);
    while (p.at < argc) {
        const char *word = argv[p.at++];
        if (strcmp(word, "--") == 0) {
            out->rest = argv + p.at;
            out->rest_count = (size_t)(argc - p.at);
            return EE_OK;
        }
        EE_TRY(word_take(&p, word, out));
    }
    return EE_OK;
}
