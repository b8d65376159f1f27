/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict says, claim by claim: one table drives the text and the JSON of the programs. */
#ifndef EE_ATTEST_EXPLAIN_H
#define EE_ATTEST_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "attest/verify.h"

enum ee_explain_kind {
    EE_EXPLAIN_HEX,
    EE_EXPLAIN_NUMBER, /* unsigned of 1, 2, 4 or 8 bytes */
    EE_EXPLAIN_HEX64,  /* uint64_t shown as its little-endian bytes, as Intel does */
    EE_EXPLAIN_BOOL,
    EE_EXPLAIN_STATUS,
    EE_EXPLAIN_TIME,
    EE_EXPLAIN_FLAGS,      /* list */
    EE_EXPLAIN_ADVISORIES, /* list */
};

enum ee_explain_when {
    EE_WHEN_ALWAYS,
    EE_WHEN_QUOTE,    /* the quote was read */
    EE_WHEN_TD_15,    /* and has a TD 1.5 body */
    EE_WHEN_PLATFORM, /* the PCK certificate was read */
    EE_WHEN_INSTANCE, /* and names a platform instance */
    EE_WHEN_ROOT,     /* an accepted root matched */
};

struct ee_explain_row {
    const char *group;   /* "quote", "platform", "tcb", "module", "qe", "td", "collateral" */
    const char *name;    /* stable, the JSON key inside its group */
    const char *anchor;  /* what makes it true: "pck", "td", "intel" (signed collateral), ... */
    const char *meaning; /* one sentence */
    enum ee_explain_kind kind;
    enum ee_explain_when when;
    size_t offset; /* into struct ee_verdict */
    size_t size;
};

extern const struct ee_explain_row ee_attest_explain_rows[];
extern const size_t ee_attest_explain_count;

enum { EE_EXPLAIN_TEXT_SIZE = 4096 };
/* False when the verdict has no such value. Lists are separated by spaces; "-" for an empty one. */
bool ee_attest_explain_value(const struct ee_explain_row *row, const struct ee_verdict *verdict,
                             char out[EE_EXPLAIN_TEXT_SIZE]);

#endif
