/* SPDX-License-Identifier: Apache-2.0 */
/* ee VERB [SUBVERB] ...: finds the command and runs it. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

#include "base/err.h"
#include "base/banned.h"

static const struct command {
    const char *verb;
    const char *subverb; /* NULL: none */
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"verify", "quote", ee_cmd_verify_quote, "check a TDX quote offline and explain it"},
};

static void print_help(FILE *out)
{
    (void)fprintf(out, "usage: ee VERB [SUBVERB] [OPTIONS] [ARGUMENTS]\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        (void)fprintf(out, "  %-8s %-10s %s\n", commands[i].verb,
                      commands[i].subverb ? commands[i].subverb : "", commands[i].help);
    (void)fprintf(out, "  %-8s %-10s %s\n\nEach has --help.\n", "version", "",
                  "print the version of this program");
}

/* The command argv names; NULL when none. */
static const struct command *find(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->verb, argv[1]) == 0 &&
            (!c->subverb || (argc > 2 && strcmp(c->subverb, argv[2]) == 0)))
            return c;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return ee_err_exit_code(EE_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
        (void)printf("ee %s\n", EE_SOFTWARE_VERSION);
        return 0;
    }
    const struct command *command = find(argc, argv);
    if (!command) {
        (void)fprintf(stderr, "ee: there is no command '%s%s%s'; see ee --help\n", argv[1],
                      argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
        return ee_err_exit_code(EE_USAGE);
    }
    int skipped = command->subverb ? 2 : 1;
    return command->run(argc - skipped, argv + skipped);
}
