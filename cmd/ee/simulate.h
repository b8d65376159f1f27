/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs of `ee simulate`: one JSON object in, one out. docs/spec/commands.md. */
#ifndef EE_CMD_EE_SIMULATE_H
#define EE_CMD_EE_SIMULATE_H

#include <jansson.h>

#include "client/simulation.h"

/* Carries out one line. `answer` gets members besides "result"; `hint` (100 bytes) says what is
 * wrong with a line of its own kind of fault, else it stays empty. */
enum { EE_SIMULATE_HINT_SIZE = 100 };
EE_MUST_USE enum ee_err ee_simulate_line(struct ee_simulation *s, const json_t *line,
                                         json_t *answer, char hint[EE_SIMULATE_HINT_SIZE]);

/* The verbs topup and payment. simulate_payments.c */
EE_MUST_USE enum ee_err ee_simulate_topup(struct ee_simulation *s, const json_t *line,
                                          json_t *answer, char hint[EE_SIMULATE_HINT_SIZE]);
EE_MUST_USE enum ee_err ee_simulate_payment(struct ee_simulation *s, const json_t *line,
                                            json_t *answer, char hint[EE_SIMULATE_HINT_SIZE]);

/* {"do":"show"}: adds what was asked for. EE_USAGE: nothing of this name. simulate_show.c */
EE_MUST_USE enum ee_err ee_simulate_show(const struct ee_simulation *s, const char *what,
                                         json_t *answer);

#endif
