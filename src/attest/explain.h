/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict says, claim by claim: one table drives the text and the JSON of the programs and
 * of the library. */
#ifndef EE_ATTEST_EXPLAIN_H
#define EE_ATTEST_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "attest/azure.h"
#include "attest/policy.h"
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
    EE_WHEN_EXTENDED, /* and it is the extended one */
    EE_WHEN_PLATFORM, /* the PCK certificate was read */
    EE_WHEN_INSTANCE, /* and names a platform instance */
    EE_WHEN_ROOT,     /* an accepted root matched */
};

/* What dates a claim: since when it is stated and until when it holds. */
enum ee_explain_dated {
    EE_DATED_QUOTE,       /* a quote bears no time: as fresh as the challenge it answers */
    EE_DATED_PCK,         /* PCK certificate; ends with it, or its CRL */
    EE_DATED_TCB_INFO,    /* TCB Info */
    EE_DATED_QE_IDENTITY, /* QE identity */
    EE_DATED_TCB,         /* all of the collateral: the oldest issue, the first end */
    EE_DATED_ROOT_CRL,
    EE_DATED_PCK_CRL,
    EE_DATED_NEVER, /* not stated by anybody, or for good */
};

struct ee_explain_row {
    const char *group;   /* "quote", "platform", "tcb", "module", "qe", "td", "collateral" */
    const char *name;    /* stable, the JSON key inside its group */
    const char *anchor;  /* what makes it true: "pck", "quote", "intel" (signed collateral), ... */
    const char *meaning; /* one sentence */
    enum ee_explain_kind kind;
    enum ee_explain_when when;
    enum ee_explain_dated dated;
    size_t offset; /* into struct ee_verdict */
    size_t size;
};

extern const struct ee_explain_row ee_attest_explain_rows[];
extern const size_t ee_attest_explain_count;

enum { EE_EXPLAIN_TEXT_SIZE = 4096 };
/* False when the verdict has no such value. Lists are separated by spaces; "-" for an empty one. */
bool ee_attest_explain_value(const struct ee_explain_row *row, const struct ee_verdict *verdict,
                             char out[EE_EXPLAIN_TEXT_SIZE]);

struct ee_explain_dates {
    int64_t since_s; /* stated then; 0: nobody says */
    int64_t until_s; /* and until then; 0: for good */
    int64_t age_s;   /* at the time of verification; -1: unknown */
};
void ee_attest_explain_dates(const struct ee_explain_row *row, const struct ee_verdict *verdict,
                             struct ee_explain_dates *out);

/* ---- whole documents (explain_document.c): same bytes wherever they are made ---- */

struct ee_explain_azure { /* zero it when there is no report */
    const struct ee_azure_report *report;
    bool bound_to_tdreport; /* its claims, by the report data inside */
    bool bound_to_quote;    /* and by the quote's: only then they are proven */
};

struct ee_explain_input {
    const struct ee_verdict *verdict;
    const struct ee_attest_policy *policy;
    const struct ee_policy_decision *decision;
    struct ee_explain_azure azure;
};
enum { EE_EXPLAIN_DOCUMENT_MAX = 128 * 1024 }; /* no document is larger */

/* Text for people; its last line is "OK STATUS [FLAG ...]" or "REJECT REASON". */
EE_MUST_USE enum ee_err ee_attest_explain_text(const struct ee_explain_input *input, char *out,
                                               size_t capacity, size_t *size_out);
/* One JSON object and a newline: docs/spec/verify-quote.md. Both write a NUL, not counted in
 * *size_out, which is also set with EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_attest_explain_json(const struct ee_explain_input *input, char *out,
                                               size_t capacity, size_t *size_out);

#endif
