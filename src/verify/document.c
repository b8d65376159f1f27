/* SPDX-License-Identifier: Apache-2.0 */
/* A result as one document. What is of the quote and the policy is written by attest/explain.h, the
 * same bytes as `ee verify quote` prints; here is what comes around it. */
#include "verify/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/banned.h"

/* Besides what is explained there are some hundred bytes of statement and refusal. */
static_assert((int)EE_VERIFY_DOCUMENT_SIZE >= (int)EE_EXPLAIN_DOCUMENT_MAX + 8192,
              "the header states our limits");

/* Counts on when the buffer is full, so that the caller learns the size. */
struct output {
    char *text;
    size_t capacity;
    size_t size;
};

static void put(struct output *o, const char *text)
{
    size_t size = strlen(text);
    if (o->size < o->capacity) {
        size_t room = o->capacity - o->size;
        memcpy(o->text + o->size, text, size < room ? size : room);
    }
    o->size += size;
}

/* Our texts are printable ASCII; names of nodes and versions were checked to be. */
static void put_string(struct output *o, const char *text)
{
    char one[2] = "";
    put(o, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(o, "\\");
        one[0] = *text;
        put(o, one);
    }
    put(o, "\"");
}

static void put_member(struct output *o, const char *name, const char *value)
{
    put(o, ", \"");
    put(o, name);
    put(o, "\": ");
    put_string(o, value);
}

static void put_hex(struct output *o, const char *name, const uint8_t bytes[32])
{
    char hex[2 * 32 + 1];
    put_member(o, name, ee_hex_encode(bytes, 32, hex));
}

/* 64-bit numbers as text: readers of JSON lose their last digits. */
static void put_u64(struct output *o, const char *name, uint64_t value)
{
    char number[24];
    (void)snprintf(number, sizeof(number), "%" PRIu64, value);
    put_member(o, name, number);
}

static void put_bool(struct output *o, const char *name, bool value)
{
    put(o, ", \"");
    put(o, name);
    put(o, value ? "\": true" : "\": false");
}

static const char *proof_name(int proof)
{
    switch (proof) {
    case EE_VERIFY_PROOF_VALID:
        return "valid";
    case EE_VERIFY_PROOF_KEY_BOUND:
        return "key-bound";
    case EE_VERIFY_PROOF_CHANNEL_BOUND:
        return "channel-bound";
    default:
        return "none";
    }
}

static void put_statement(struct output *o, const struct ee_verify_result *result)
{
    char number[16];
    struct ee_verify_statement s = {.struct_size = sizeof(s)};
    if (ee_verify_result_statement(result, &s) != EE_VERIFY_OK)
        return;
    put(o, ",\n  \"statement\": {\"role\": ");
    put_string(o, ee_role_name((enum ee_role)s.role));
    put_hex(o, "network_id", s.network_id);
    put_hex(o, "identity", s.identity);
    put_hex(o, "tls_key_hash", s.tls_key_hash);
    put_hex(o, "sealing_key", s.sealing_key);
    put_hex(o, "checkpoint_key", s.checkpoint_key);
    put_hex(o, "ledger_root", s.ledger_root);
    put_u64(o, "ledger_size", s.ledger_size);
    put_u64(o, "epoch", s.epoch);
    put_member(o, "node_name", s.node_name);
    put_member(o, "software_version", s.software_version);
    (void)snprintf(number, sizeof(number), "%" PRIu32, s.vcpus);
    put(o, ", \"vcpus\": ");
    put(o, number);
    put_bool(o, "log_present", s.log_present);
    put_bool(o, "log_complete", s.log_complete);
    put(o, "}");
}

static const char *other_text(const struct ee_verify_result *result,
                              char sentence[EE_FINDING_TEXT_SIZE])
{
    return result->other.reason != EE_REASON_NONE ? ee_attest_finding_text(&result->other, sentence)
                                                  : ee_err_text(result->other_err);
}

static bool quote_was_judged(const struct ee_verify_result *result)
{
    const struct ee_verdict *verdict = &result->evidence.quote;
    return verdict->err != EE_OK || verdict->quote_decoded;
}

/* Adds a document of attest/explain.h; what does not fit is counted. */
static void put_explained(struct output *o, const struct ee_verify_result *result, bool json)
{
    const struct ee_explain_input input = {.verdict = &result->evidence.quote,
                                           .policy = &result->policy,
                                           .decision = &result->decision};
    size_t room = o->size < o->capacity ? o->capacity - o->size : 0, size = 0;
    char *out = room ? o->text + o->size : NULL;
    enum ee_err err = json ? ee_attest_explain_json(&input, out, room, &size)
                           : ee_attest_explain_text(&input, out, room, &size);
    assert(err == EE_OK || err == EE_TOO_LARGE); /* then `size` is what it needs */
    o->size += size;
}

static int done(struct output *o, size_t *size_out)
{
    if (size_out)
        *size_out = o->size;
    if (o->size >= o->capacity)
        return EE_VERIFY_ERROR_TOO_LARGE;
    o->text[o->size] = '\0';
    return EE_VERIFY_OK;
}

int ee_verify_result_json(const struct ee_verify_result *result, char *out, size_t capacity,
                          size_t *size_out)
{
    struct output o = {out, capacity, 0};
    char sentence[EE_FINDING_TEXT_SIZE];
    int error = ee_verify_result_error(result);
    put(&o, error == EE_VERIFY_OK ? "{\n  \"ok\": true" : "{\n  \"ok\": false");
    put_member(&o, "error", ee_verify_error_name(error));
    put_member(&o, "reason", ee_verify_result_reason(result));
    put_member(&o, "status", ee_verify_status_name(ee_verify_result_status(result)));
    if (result->other_err != EE_OK)
        put_member(&o, "refusal", other_text(result, sentence));
    if (result->is_evidence)
        put_member(&o, "proof", proof_name(ee_verify_result_proof(result)));
    put_statement(&o, result);
    put(&o, ",\n  \"quote\": ");
    if (quote_was_judged(result))
        put_explained(&o, result, true);
    else
        put(&o, "null\n");
    put(&o, "}\n");
    return done(&o, size_out);
}

int ee_verify_result_text(const struct ee_verify_result *result, char *out, size_t capacity,
                          size_t *size_out)
{
    struct output o = {out, capacity, 0};
    char sentence[EE_FINDING_TEXT_SIZE];
    if (quote_was_judged(result))
        put_explained(&o, result, false);
    if (result->other_err != EE_OK || !result->ran) {
        put(&o, "  FAILED  ");
        put(&o, ee_verify_result_reason(result));
        put(&o, ": ");
        put(&o, result->ran ? other_text(result, sentence) : ee_err_text(EE_STATE));
        put(&o, "\nREJECT ");
        put(&o, ee_verify_result_reason(result));
        put(&o, "\n");
    }
    return done(&o, size_out);
}
