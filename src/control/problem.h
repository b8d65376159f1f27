/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of the API as problem documents (RFC 9457), docs/spec/api.md. */
#ifndef EE_CONTROL_PROBLEM_H
#define EE_CONTROL_PROBLEM_H

#include <jansson.h>

#include "base/err.h"

#define EE_PROBLEM_TYPE "application/problem+json"

/* The document; NULL without memory. `detail` NULL: the error's own text. */
json_t *ee_problem(enum ee_err err, const char *detail, const char *request_id);

#endif
