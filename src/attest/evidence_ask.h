/* SPDX-License-Identifier: Apache-2.0 */
/* Question and answer about evidence on a TLS connection that speaks the protocol "ee-evidence/1":
 * one of each, then it ends. docs/spec/passthrough.md. */
#ifndef EE_ATTEST_EVIDENCE_ASK_H
#define EE_ATTEST_EVIDENCE_ASK_H

#include "attest/evidence.h"

#define EE_EVIDENCE_PROTOCOL "ee-evidence/1" /* for ALPN */

enum {
    EE_EVIDENCE_ASK_SIZE = 4 + 1 + 15 + 2 + 32,
    EE_EVIDENCE_ANSWER_HEAD_MAX = 4 + 1 + 18 + 2 + 256 + 4, /* all of it but the document */
    EE_EVIDENCE_ANSWER_MAX = EE_EVIDENCE_ANSWER_HEAD_MAX + EE_EVIDENCE_TEXT_MAX,
    EE_EVIDENCE_ERROR_SIZE = 64,
};

struct ee_evidence_answer {
    char error[EE_EVIDENCE_ERROR_SIZE]; /* name of the error; "": none */
    struct ee_bytes document;           /* borrowed; empty with an error */
};

void ee_evidence_ask_encode(const uint8_t challenge[32], uint8_t out[EE_EVIDENCE_ASK_SIZE]);
/* `bytes`: what has come so far. EE_TRUNCATED: it goes on. Final: EE_TOO_LARGE: longer than any;
 * EE_SYNTAX, EE_UNSUPPORTED, EE_TRAILING. */
EE_MUST_USE enum ee_err ee_evidence_ask_decode(struct ee_bytes bytes, uint8_t challenge_out[32]);

/* Everything before the document into out[EE_EVIDENCE_ANSWER_HEAD_MAX]. EE_RANGE: an error and a
 * document, or neither; EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_evidence_answer_head_encode(const struct ee_evidence_answer *answer,
                                                       uint8_t *out, size_t *size_out);
/* Errors as of ee_evidence_ask_decode(); EE_RANGE as above. */
EE_MUST_USE enum ee_err ee_evidence_answer_decode(struct ee_bytes bytes,
                                                  struct ee_evidence_answer *out);

#endif
