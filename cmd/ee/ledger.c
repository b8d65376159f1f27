/* SPDX-License-Identifier: Apache-2.0 */
/* ee ledger apply: a book of one's own by lines. What comes in together is made durable together;
 * an answer leaves when its line is durable. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#include "client/ledger_store.h"

#include "base/banned.h"

enum {
    READ_MAX = 1024 * 1024,
    ANSWERS_MAX = 4 * 1024 * 1024, /* bytes waiting for a commit */
    WINDOW_MIN = 1024,
    WINDOW_MAX = 1 << 28,
};

struct applying {
    struct ee_cli *cli;
    const char *path;
    struct ee_ledger_store *store;
    struct ee_ledger_line line;
    struct ee_ledger_text answers;
    char *input; /* EE_LEDGER_LINE_MAX + READ_MAX bytes: a line's start and one read more */
    size_t size;
    bool skipping; /* the rest of a line that is too long */
    bool ended;    /* no more input */
};

static enum ee_err answers_write(struct applying *a)
{
    size_t done = 0;
    while (done < a->answers.size) {
        ssize_t n = write(STDOUT_FILENO, a->answers.data + done, a->answers.size - done);
        if (n < 0 && errno != EINTR)
            return ee_client_fail(&a->cli->problem, EE_IO, "standard output: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    a->answers.size = 0;
    return EE_OK;
}

static enum ee_err commit(struct applying *a)
{
    if (a->answers.failed)
        return ee_client_fail(&a->cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_ledger_store_commit(a->store);
    if (err != EE_OK)
        return ee_client_fail(&a->cli->problem, err, "%s: not durable, so not answered", a->path);
    EE_TRY(answers_write(a));
    err = ee_ledger_store_settle(a->store);
    if (err != EE_OK)
        return ee_client_fail(&a->cli->problem, err, "%s.state: no snapshot could be written",
                              a->path);
    return EE_OK;
}

/* ---- lines ---- */

static enum ee_err change(struct applying *a)
{
    uint32_t expired = 0;
    enum ee_err err = ee_ledger_store_apply(a->store, &a->line, &expired);
    if (err == EE_FULL)
        ee_ledger_answer_error(&a->answers, "the book is full");
    else if (err == EE_OVERFLOW)
        ee_ledger_answer_error(&a->answers, "tick: ledger time ends at 9223372036 s");
    else if (err != EE_OK)
        return ee_client_fail(&a->cli->problem, err, "%s: a line could not be applied", a->path);
    else if (a->line.kind == EE_LEDGER_LINE_TICK)
        ee_ledger_answer_tick(&a->answers, &a->line,
                              ee_ledger_time_s(ee_ledger_store_ledger(a->store)), expired);
    else
        ee_ledger_answer_results(&a->answers, &a->line);
    return EE_OK;
}

static enum ee_err line_answer(struct applying *a, struct ee_bytes text)
{
    char why[EE_LEDGER_WHY_MAX];
    if (ee_ledger_line_read(&a->line, text, why) != EE_OK)
        ee_ledger_answer_error(&a->answers, why);
    else if (a->line.kind == EE_LEDGER_LINE_BALANCES)
        ee_ledger_answer_balances(&a->answers, &a->line, ee_ledger_store_ledger(a->store));
    else
        EE_TRY(change(a));
    bool full = ee_ledger_store_ripe(a->store) || a->answers.size > ANSWERS_MAX;
    return full ? commit(a) : EE_OK;
}

/* Every whole line there is. */
static enum ee_err lines_answer(struct applying *a)
{
    size_t start = 0;
    for (;;) {
        char *end = memchr(a->input + start, '\n', a->size - start);
        if (end == NULL)
            break;
        size_t size = (size_t)(end - (a->input + start));
        if (!a->skipping)
            EE_TRY(line_answer(a, ee_bytes_of(a->input + start, size)));
        a->skipping = false;
        start += size + 1;
    }
    a->size -= start;
    memmove(a->input, a->input + start, a->size);
    if (a->size > EE_LEDGER_LINE_MAX) {
        if (!a->skipping)
            ee_ledger_answer_error(&a->answers, "a line of more than 8 MiB");
        a->skipping = true;
        a->size = 0;
    }
    return EE_OK;
}

/* ---- input ---- */

static enum ee_err input_read(struct applying *a)
{
    ssize_t n = read(STDIN_FILENO, a->input + a->size, READ_MAX);
    if (n < 0 && errno == EINTR)
        return EE_OK;
    if (n < 0)
        return ee_client_fail(&a->cli->problem, EE_IO, "standard input: %s", strerror(errno));
    a->ended = n == 0;
    a->size += (size_t)n;
    if (a->ended && a->size > 0) { /* a last line without its end */
        a->input[a->size++] = '\n';
    }
    return EE_OK;
}

static bool more_waits(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&in, 1, 0) == 1;
}

static enum ee_err lines_run(struct applying *a)
{
    while (!a->ended) {
        EE_TRY(input_read(a));
        EE_TRY(lines_answer(a));
        if (a->ended || !more_waits())
            EE_TRY(commit(a));
    }
    return EE_OK;
}

static enum ee_err store_open(struct applying *a, uint64_t window)
{
    struct ee_ledger_store_fault fault;
    const struct ee_ledger_store_options options = {.window = (uint32_t)window};
    enum ee_err err = ee_ledger_store_open(a->path, &options, &fault, &a->store);
    if (err == EE_OK)
        return EE_OK;
    return ee_client_fail(&a->cli->problem, err, "%s: %s", a->path,
                          fault.text[0] != '\0' ? fault.text : ee_err_text(err));
}

static enum ee_err memory_take(struct applying *a)
{
    a->input = malloc(EE_LEDGER_LINE_MAX + READ_MAX + 1);
    if (a->input == NULL || ee_ledger_line_init(&a->line) != EE_OK)
        return ee_client_fail(&a->cli->problem, EE_NO_MEMORY, "%s", "");
    return EE_OK;
}

enum ee_err ee_cmd_ledger_apply(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct applying a = {.cli = cli};
    uint64_t window = 0;
    const struct ee_option options[] = {
        {"store", 0, EE_OPTION_TEXT, &a.path, 0},
        {"window", 0, EE_OPTION_NUMBER, &window, WINDOW_MAX},
    };
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 0, false, &arguments));
    if (a.path == NULL)
        return ee_client_fail(&cli->problem, EE_USAGE, "--store is missing");
    if (window != 0 && window < WINDOW_MIN)
        return ee_client_fail(&cli->problem, EE_USAGE, "--window is at least 1024");
    (void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, READ_MAX); /* only a pipe grows */
    enum ee_err err = memory_take(&a);
    if (err == EE_OK)
        err = store_open(&a, window);
    if (err == EE_OK)
        err = lines_run(&a);
    ee_ledger_store_close(a.store);
    ee_ledger_line_close(&a.line);
    ee_ledger_text_close(&a.answers);
    free(a.input);
    return err;
}
