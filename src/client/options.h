/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line options by a table: --name VALUE, --name=VALUE, -l VALUE, flags; options and
 * arguments in any order; what follows "--" is left alone. */
#ifndef EE_CLIENT_OPTIONS_H
#define EE_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "client/problem.h"

enum { EE_CLIENT_LIST_MAX = 64, EE_CLIENT_ARGUMENTS_MAX = 32 };

enum ee_option_kind {
    EE_OPTION_FLAG,   /* bool */
    EE_OPTION_TEXT,   /* const char *, borrowed from argv */
    EE_OPTION_LIST,   /* struct ee_option_list */
    EE_OPTION_NUMBER, /* uint64_t, at most `max` */
    EE_OPTION_MONEY,  /* struct ee_money */
    EE_OPTION_PRICE,  /* int64_t nano-dollars per vCPU-hour */
};

struct ee_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum ee_option_kind kind;
    void *out;
    uint64_t max; /* of a NUMBER */
};

struct ee_option_list {
    size_t count;
    const char *items[EE_CLIENT_LIST_MAX];
};

struct ee_arguments {
    size_t count;
    const char *items[EE_CLIENT_ARGUMENTS_MAX];
    size_t rest_count; /* behind "--" */
    char *const *rest; /* NULL: there was no "--" */
};

/* `argv` starts behind the verb. Outputs of options that do not appear stay as they are; a single
 * one given twice is refused. EE_USAGE, with `problem` naming the option. */
EE_MUST_USE enum ee_err ee_client_options_parse(struct ee_client_problem *problem,
                                                const struct ee_option *options, size_t count,
                                                int argc, char *const *argv,
                                                struct ee_arguments *out);

#endif
