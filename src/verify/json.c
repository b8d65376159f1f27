/* SPDX-License-Identifier: Apache-2.0 */
/* A result as one JSON document, of the form `ee verify quote --json` prints. */
#include "verify/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "attest/explain.h"
#include "base/text.h"
#include "base/banned.h"

/* Counts on when the buffer is full, so that the caller learns the size. */
struct output {
    char *text;
    size_t capacity;
    size_t size;
};

static void put(struct output *o, char c)
{
    if (o->size < o->capacity)
        o->text[o->size] = c;
    o->size++;
}

static void put_text(struct output *o, const char *text)
{
    for (; *text; text++)
        put(o, *text);
}

static void put_bytes_string(struct output *o, const char *text, size_t size)
{
    char escape[8];
    put(o, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            put(o, '\\');
            put(o, (char)c);
        } else if (c < 0x20 || c > 0x7e) { /* ours are printable; nothing else may slip through */
            (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c);
            put_text(o, escape);
        } else {
            put(o, (char)c);
        }
    }
    put(o, '"');
}

static void put_string(struct output *o, const char *text)
{
    put_bytes_string(o, text, strlen(text));
}

/* `,"name":` or, first in its object, without the comma. */
static void put_key(struct output *o, const char *name, bool first)
{
    if (!first)
        put(o, ',');
    put_string(o, name);
    put(o, ':');
}

static void put_member(struct output *o, const char *name, const char *value)
{
    put_key(o, name, false);
    put_string(o, value);
}

static void put_words(struct output *o, const char *words)
{
    put(o, '[');
    for (bool first = true; *words && strcmp(words, "-") != 0; first = false) {
        size_t size = strcspn(words, " ");
        if (!first)
            put(o, ',');
        put_bytes_string(o, words, size);
        words += size + (words[size] == ' ');
    }
    put(o, ']');
}

static void put_value(struct output *o, enum ee_explain_kind kind, const char *value)
{
    switch (kind) {
    case EE_EXPLAIN_NUMBER:
    case EE_EXPLAIN_BOOL:
        put_text(o, value);
        return;
    case EE_EXPLAIN_FLAGS:
    case EE_EXPLAIN_ADVISORIES:
        put_words(o, value);
        return;
    case EE_EXPLAIN_HEX:
    case EE_EXPLAIN_HEX64:
    case EE_EXPLAIN_STATUS:
    case EE_EXPLAIN_TIME:
        put_string(o, value);
        return;
    }
}

static void put_claims(struct output *o, const struct ee_verify_result *result)
{
    char value[EE_EXPLAIN_TEXT_SIZE];
    const char *group = NULL;
    bool first = true;
    put_key(o, "claims", false);
    put(o, '{');
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        if (!ee_attest_explain_value(row, &result->evidence.quote, value))
            continue;
        if (!group || strcmp(group, row->group) != 0) {
            if (group)
                put(o, '}');
            put_key(o, row->group, !group);
            put(o, '{');
            group = row->group;
            first = true;
        }
        put_key(o, row->name, first);
        put_text(o, "{\"value\":");
        put_value(o, row->kind, value);
        put_member(o, "anchor", row->anchor);
        put_member(o, "meaning", row->meaning);
        put(o, '}');
        first = false;
    }
    put_text(o, group ? "}}" : "}");
}

/* Failures or advice. */
static void put_findings(struct output *o, const struct ee_verify_result *result, const char *name,
                         bool failures)
{
    char text[EE_FINDING_TEXT_SIZE];
    struct ee_verify_finding finding = {.struct_size = sizeof(finding)};
    bool first = true;
    put_key(o, name, false);
    put(o, '[');
    for (size_t i = 0; i < ee_verify_result_finding_count(result); i++) {
        if (ee_verify_result_finding(result, i, &finding, text, sizeof(text)) == EE_VERIFY_OK &&
            (finding.error != EE_VERIFY_OK) == failures) {
            put_text(o, first ? "{" : ",{");
            put_key(o, "id", true);
            put_string(o, finding.id);
            put_member(o, "text", text);
            put(o, '}');
            first = false;
        }
    }
    put(o, ']');
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

static void put_hex(struct output *o, const char *name, const uint8_t bytes[32])
{
    char hex[2 * 32 + 1];
    put_member(o, name, ee_hex_encode(bytes, 32, hex));
}

static void put_statement(struct output *o, const struct ee_verify_result *result)
{
    char number[24];
    struct ee_verify_statement s = {.struct_size = sizeof(s)};
    if (ee_verify_result_statement(result, &s) != EE_VERIFY_OK)
        return;
    put_member(o, "proof", proof_name(ee_verify_result_proof(result)));
    put_key(o, "statement", false);
    put(o, '{');
    put_key(o, "role", true);
    put_string(o, ee_role_name((enum ee_role)s.role));
    put_hex(o, "network_id", s.network_id);
    put_hex(o, "identity", s.identity);
    put_hex(o, "tls_key_hash", s.tls_key_hash);
    put_hex(o, "sealing_key", s.sealing_key);
    put_hex(o, "checkpoint_key", s.checkpoint_key);
    put_hex(o, "ledger_root", s.ledger_root);
    (void)snprintf(number, sizeof(number), "%" PRIu64, s.ledger_size);
    put_member(o, "ledger_size", number);
    (void)snprintf(number, sizeof(number), "%" PRIu64, s.epoch);
    put_member(o, "epoch", number);
    put_member(o, "node_name", s.node_name);
    put_member(o, "software_version", s.software_version);
    (void)snprintf(number, sizeof(number), "%" PRIu32, s.vcpus);
    put_key(o, "vcpus", false);
    put_text(o, number);
    put_key(o, "log_present", false);
    put_text(o, s.log_present ? "true" : "false");
    put_key(o, "log_complete", false);
    put_text(o, s.log_complete ? "true" : "false");
    put(o, '}');
}

int ee_verify_result_json(const struct ee_verify_result *result, char *out, size_t capacity,
                          size_t *size_out)
{
    struct output o = {.text = out, .capacity = capacity};
    char time_text[EE_TIME_TEXT_SIZE];
    bool ok = ee_verify_result_error(result) == EE_VERIFY_OK;
    put(&o, '{');
    put_key(&o, "ok", true);
    put_text(&o, ok ? "true" : "false");
    put_member(&o, "status", ee_verify_status_name(ee_verify_result_status(result)));
    put_key(&o, "reason", false);
    if (ok)
        put_text(&o, "null");
    else
        put_string(&o, ee_verify_result_reason(result));
    put_member(&o, "policy", result->policy);
    put_member(&o, "time", ee_time_format(result->time_s, time_text));
    put_statement(&o, result);
    put_findings(&o, result, "failures", true);
    put_findings(&o, result, "advice", false);
    put_claims(&o, result);
    put(&o, '}');
    if (size_out)
        *size_out = o.size;
    put(&o, '\0');
    return o.size <= capacity ? EE_VERIFY_OK : EE_VERIFY_ERROR_TOO_LARGE;
}
