/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/evidence_ask.h"

#include <string.h>

#include "base/banned.h"

static const char ask_label[] = "ee-evidence-ask";
static const char answer_label[] = "ee-evidence-answer";

/* The message that follows its length; EE_TRUNCATED while some of it is missing. */
static enum ee_err message_of(struct ee_bytes bytes, size_t limit, struct ee_cursor *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    const uint32_t size = ee_cursor_u32(&c);
    if (c.err != EE_OK)
        return c.err;
    if (size > limit - 4)
        return EE_TOO_LARGE;
    if (c.left < size)
        return EE_TRUNCATED;
    *out = c;
    return c.left > size ? EE_TRAILING : EE_OK;
}

/* All has come, so what a field lacks is no matter of time. */
static enum ee_err verdict(const struct ee_cursor *c)
{
    const enum ee_err err = ee_cursor_end(c);
    return err == EE_TRUNCATED ? EE_SYNTAX : err;
}

void ee_evidence_ask_encode(const uint8_t challenge[32], uint8_t out[EE_EVIDENCE_ASK_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, out, EE_EVIDENCE_ASK_SIZE);
    ee_writer_u32(&w, EE_EVIDENCE_ASK_SIZE - 4);
    ee_writer_label(&w, ask_label, 1);
    ee_writer_bytes(&w, challenge, 32);
}

enum ee_err ee_evidence_ask_decode(struct ee_bytes bytes, uint8_t challenge_out[32])
{
    struct ee_cursor c;
    uint8_t challenge[32];
    EE_TRY(message_of(bytes, EE_EVIDENCE_ASK_SIZE, &c));
    ee_cursor_label(&c, ask_label, 1);
    ee_cursor_copy(&c, challenge, sizeof(challenge));
    EE_TRY(verdict(&c));
    memcpy(challenge_out, challenge, sizeof(challenge));
    return EE_OK;
}

enum ee_err ee_evidence_answer_head_encode(const struct ee_evidence_answer *answer, uint8_t *out,
                                           size_t *size_out)
{
    struct ee_writer w;
    const size_t document = answer->document.size;
    if ((answer->error[0] != '\0') == (document > 0))
        return EE_RANGE;
    if (document > EE_EVIDENCE_TEXT_MAX)
        return EE_TOO_LARGE;
    ee_writer_init(&w, out, EE_EVIDENCE_ANSWER_HEAD_MAX);
    const size_t fixed = 1 + sizeof(answer_label) - 1 + 2 + 1 + strlen(answer->error) + 4;
    ee_writer_u32(&w, (uint32_t)(fixed + document));
    ee_writer_label(&w, answer_label, 1);
    ee_writer_text(&w, answer->error);
    ee_writer_u32(&w, (uint32_t)document);
    if (w.err == EE_OK)
        *size_out = w.size;
    return w.err;
}

enum ee_err ee_evidence_answer_decode(struct ee_bytes bytes, struct ee_evidence_answer *out)
{
    struct ee_cursor c;
    struct ee_evidence_answer answer;
    EE_TRY(message_of(bytes, EE_EVIDENCE_ANSWER_MAX, &c));
    ee_cursor_label(&c, answer_label, 1);
    ee_cursor_text(&c, answer.error, sizeof(answer.error));
    answer.document = ee_cursor_block(&c, EE_EVIDENCE_TEXT_MAX);
    EE_TRY(verdict(&c));
    if ((answer.error[0] != '\0') == (answer.document.size > 0))
        return EE_RANGE;
    *out = answer;
    return EE_OK;
}
