/* SPDX-License-Identifier: Apache-2.0 */
/* Why something did not work: one struct for refusals of the API and failures of our own, rendered
 * as text or JSON, with the exit code of docs/spec/cli.md. Every problem says what to do next. */
#ifndef EE_CLIENT_PROBLEM_H
#define EE_CLIENT_PROBLEM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    EE_CLIENT_DETAIL_SIZE = 640,
    EE_CLIENT_SUGGESTIONS_MAX = 4,
    EE_CLIENT_SUGGESTION_SIZE = 320,
    EE_CLIENT_EXIT_INTERRUPTED = 130,
    EE_CLIENT_EXIT_JOB_LOST = 125, /* `ee run`: ee itself failed once the job was started */
};

struct ee_client_problem { /* all zero: none */
    enum ee_err err;
    char name[48];
    char detail[EE_CLIENT_DETAIL_SIZE];
    char request_id[40];
    size_t suggestion_count;
    char suggestions[EE_CLIENT_SUGGESTIONS_MAX][EE_CLIENT_SUGGESTION_SIZE];
    json_t *placement; /* owned: why each node was not chosen; NULL: none */
    int exit_code;     /* 0: that of `err` */
};

/* Forgets everything and releases what it owned. */
void ee_client_problem_clear(struct ee_client_problem *problem);
/* Replaces what is there; an empty text means the error's own sentence. Returns `err`. */
enum ee_err ee_client_fail(struct ee_client_problem *problem, enum ee_err err, const char *format,
                           ...) __attribute__((format(printf, 3, 4)));
/* Adds a next step; beyond EE_CLIENT_SUGGESTIONS_MAX it is left out. */
void ee_client_suggest(struct ee_client_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* From an API answer that is no 2xx: a problem document, or only its status. Returns the error,
 * never EE_OK. */
enum ee_err ee_client_problem_answer(struct ee_client_problem *problem, unsigned status,
                                     struct ee_bytes body);

/* The error of that name; EE_OK for a name this program does not know. */
enum ee_err ee_client_err_of_name(const char *name);
int ee_client_problem_exit_code(const struct ee_client_problem *problem);
/* {"error","detail","suggestions","request_id"} and "placement" when there is one; new. */
json_t *ee_client_problem_json(const struct ee_client_problem *problem);
void ee_client_problem_print(const struct ee_client_problem *problem, FILE *out);

#endif
