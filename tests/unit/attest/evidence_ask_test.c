/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/evidence_ask.h"

#include <string.h>

#include "tap.h"

static uint8_t question[EE_EVIDENCE_ASK_SIZE + 1], reply[EE_EVIDENCE_ANSWER_HEAD_MAX + 16];

static size_t reply_make(const char *error, const char *document)
{
    struct ee_evidence_answer answer = {.document = ee_bytes_str(document)};
    size_t size = 0;
    memcpy(answer.error, error, strlen(error) + 1);
    CHECK(ee_evidence_answer_head_encode(&answer, reply, &size) == EE_OK);
    memcpy(reply + size, document, strlen(document));
    return size + strlen(document);
}

static void question_cut_anywhere(void)
{
    uint8_t challenge[32], got[32] = {0};
    memset(challenge, 0xa5, sizeof(challenge));
    ee_evidence_ask_encode(challenge, question);
    for (size_t size = 0; size < EE_EVIDENCE_ASK_SIZE; size++)
        CHECK(ee_evidence_ask_decode(ee_bytes_of(question, size), got) == EE_TRUNCATED);
    CHECK(ee_evidence_ask_decode(ee_bytes_of(question, EE_EVIDENCE_ASK_SIZE), got) == EE_OK);
    CHECK(memcmp(got, challenge, sizeof(got)) == 0);
    CHECK(ee_evidence_ask_decode(ee_bytes_of(question, sizeof(question)), got) == EE_TRAILING);
}

static void question_with_another_length_label_or_version(void)
{
    uint8_t got[32] = {0};
    const struct ee_bytes whole = ee_bytes_of(question, EE_EVIDENCE_ASK_SIZE);
    ee_evidence_ask_encode(got, question);
    question[3]++;
    CHECK(ee_evidence_ask_decode(whole, got) == EE_TOO_LARGE);
    question[3] -= 2; /* one byte less than it has */
    CHECK(ee_evidence_ask_decode(ee_bytes_of(question, EE_EVIDENCE_ASK_SIZE - 1), got) ==
          EE_SYNTAX);
    question[3]++;
    question[6] ^= 1;
    CHECK(ee_evidence_ask_decode(whole, got) == EE_SYNTAX);
    question[6] ^= 1;
    question[4 + 1 + 15 + 1] = 2;
    CHECK(ee_evidence_ask_decode(whole, got) == EE_UNSUPPORTED);
}

static void answer_cut_anywhere(void)
{
    struct ee_evidence_answer got;
    size_t size = reply_make("", "{document}");
    for (size_t cut = 0; cut < size; cut++)
        CHECK(ee_evidence_answer_decode(ee_bytes_of(reply, cut), &got) == EE_TRUNCATED);
    CHECK(ee_evidence_answer_decode(ee_bytes_of(reply, size), &got) == EE_OK);
    CHECK(got.error[0] == '\0' && ee_bytes_equal(got.document, ee_bytes_str("{document}")));
    CHECK(ee_evidence_answer_decode(ee_bytes_of(reply, size + 1), &got) == EE_TRAILING);
    size = reply_make("full", "");
    CHECK(ee_evidence_answer_decode(ee_bytes_of(reply, size), &got) == EE_OK);
    CHECK(strcmp(got.error, "full") == 0 && got.document.size == 0);
}

static void answer_that_is_both_or_neither(void)
{
    struct ee_evidence_answer both = {.error = "full", .document = ee_bytes_str("x")},
                              neither = {.error = ""};
    size_t size = 0;
    CHECK(ee_evidence_answer_head_encode(&both, reply, &size) == EE_RANGE);
    CHECK(ee_evidence_answer_head_encode(&neither, reply, &size) == EE_RANGE);
    both.document.size = EE_EVIDENCE_TEXT_MAX + 1;
    both.error[0] = '\0';
    CHECK(ee_evidence_answer_head_encode(&both, reply, &size) == EE_TOO_LARGE);
    size = reply_make("", "x");
    reply[3]--; /* the document is gone, its length says so too */
    reply[size - 2] = 0;
    CHECK(ee_evidence_answer_decode(ee_bytes_of(reply, size - 1), &neither) == EE_RANGE);
    reply[0] = 0x7f;
    CHECK(ee_evidence_answer_decode(ee_bytes_of(reply, size), &neither) == EE_TOO_LARGE);
}

TESTS(TEST(question_cut_anywhere), TEST(question_with_another_length_label_or_version),
      TEST(answer_cut_anywhere), TEST(answer_that_is_both_or_neither))
