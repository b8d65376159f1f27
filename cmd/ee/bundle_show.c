/* SPDX-License-Identifier: Apache-2.0 */
/* ee evidence show: everything a bundle or evidence document says, not judged. */
#include "bundle_show.h"

#include <stdlib.h>
#include <string.h>

#include "attest/explain.h"
#include "base/text.h"
#include "client/json.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

enum { LOGS = 3, SHORT_MAX = 64, LINE_MAX_SHOWN = 160 };

static const enum ee_eventlog_kind kinds[LOGS] = {EE_EVENTLOG_TCG2, EE_EVENTLOG_DSTACK,
                                                  EE_EVENTLOG_AGENT};

static struct ee_bytes log_of(const struct ee_bundle *bundle, enum ee_eventlog_kind kind)
{
    return kind == EE_EVENTLOG_TCG2     ? bundle->ccel
           : kind == EE_EVENTLOG_DSTACK ? bundle->dstack
                                        : bundle->agent_log;
}

enum ee_err ee_cli_bundle_read(struct ee_cli *cli, const char *path, struct ee_client_bundle *out)
{
    struct ee_file_data file;
    EE_TRY(ee_cli_document(cli, path, EE_BUNDLE_TEXT_MAX, &file));
    enum ee_err err = ee_client_bundle_read(&cli->problem, ee_file_bytes(&file), out);
    ee_file_data_free(&file);
    return err;
}

/* ---- events as JSON ---- */

/* Text, hex when short, else size and SHA-256. */
static json_t *value_json(const struct ee_event_fact *fact)
{
    uint8_t digest[EE_SHA256_SIZE];
    if (fact->kind == EE_FACT_SWITCH)
        return fact->value.size == 1 ? json_boolean(fact->value.data[0] == 1) : json_null();
    if (fact->kind == EE_FACT_TEXT)
        return ee_client_json_string(fact->value);
    if (fact->kind != EE_FACT_BLOB && fact->value.size <= SHORT_MAX)
        return ee_client_json_hex_new(fact->value.data, fact->value.size);
    ee_crypto_openssl.sha256(&fact->value, 1, digest);
    return json_pack("{s:I, s:o}", "size", (json_int_t)fact->value.size, "sha256",
                     ee_client_json_hex_new(digest, sizeof(digest)));
}

static json_t *fact_json(const struct ee_measured_event *event, const struct ee_event_fact *fact)
{
    json_t *out = json_object();
    (void)json_object_set_new(out, "name", ee_client_json_string(fact->name));
    (void)json_object_set_new(out, "value", value_json(fact));
    (void)json_object_set_new(out, "rtmr", json_integer(event->rtmr));
    (void)json_object_set_new(out, "status", json_string(ee_event_status_name(fact->status)));
    (void)json_object_set_new(out, "named_by_log", json_boolean(fact->named_by_log));
    (void)json_object_set_new(out, "from_app", json_boolean(fact->from_app));
    return out;
}

static bool has_deployment(const struct ee_agent_event *event)
{
    return event->kind == EE_AGENT_EVENT_DEPLOYMENT || event->kind == EE_AGENT_EVENT_RUNNING;
}

static json_t *agent_event_json(const struct ee_agent_event *event)
{
    json_t *out = json_pack("{s:I, s:s}", "sequence", (json_int_t)event->sequence, "event",
                            ee_agent_event_kind_name(event->kind));
    if (event->kind == EE_AGENT_EVENT_START) {
        (void)json_object_set_new(out, "network", ee_client_json_hex_new(event->network_id, 32));
        (void)json_object_set_new(out, "version", json_string(event->version));
        return out;
    }
    (void)json_object_set_new(out, "lease", ee_client_json_hex_new(event->lease, 16));
    if (has_deployment(event)) {
        (void)json_object_set_new(out, "deployment",
                                  ee_client_json_hex_new(event->deployment_hash, 32));
        (void)json_object_set_new(out, "image",
                                  ee_bytes_all_zero(event->image_digest, 32)
                                      ? json_null()
                                      : ee_client_json_hex_new(event->image_digest, 32));
    }
    if (event->kind == EE_AGENT_EVENT_SECRETS)
        (void)json_object_set_new(out, "secrets", json_integer(event->secret_count));
    if (event->kind == EE_AGENT_EVENT_STOP)
        (void)json_object_set_new(out, "exit_code", json_integer(event->exit_code));
    return out;
}

/* The events of one log that say something. */
static json_t *events_json(struct ee_eventlog *log)
{
    struct ee_measured_event event;
    struct ee_event_fact fact;
    struct ee_agent_event own;
    json_t *out = json_array();
    while (ee_eventlog_next(log, &event)) {
        if (log->kind == EE_EVENTLOG_AGENT && ee_agent_event_decode(event.data, &own) == EE_OK)
            (void)json_array_append_new(out, agent_event_json(&own));
        else if (ee_eventlog_fact(log, &event, &fact))
            (void)json_array_append_new(out, fact_json(&event, &fact));
    }
    return out;
}

static json_t *registers_json(const struct ee_eventlog *log, const struct ee_td_report *td)
{
    json_t *out = json_array();
    for (unsigned i = 0; i < EE_RTMR_COUNT; i++)
        if (ee_eventlog_registers(log) >> i & 1)
            (void)json_array_append_new(
                out,
                json_pack("{s:i, s:i, s:b}", "rtmr", (int)i, "events", (int)log->rtmr_events[i],
                          "replays", td && memcmp(log->rtmr[i], td->rtmr[i], EE_SHA384_SIZE) == 0));
    return out;
}

static json_t *log_json(enum ee_eventlog_kind kind, struct ee_bytes bytes,
                        const struct ee_td_report *td, uint8_t *scratch)
{
    struct ee_eventlog log;
    char text[EE_FINDING_TEXT_SIZE];
    json_t *events = NULL;
    enum ee_reason reason =
        ee_eventlog_open(&log, &ee_crypto_openssl, kind, bytes, scratch, bytes.size);
    if (reason == EE_REASON_NONE)
        events = events_json(&log);
    bool read = log.failure.reason == EE_REASON_NONE;
    json_t *out =
        json_pack("{s:s, s:i, s:o, s:o, s:o}", "kind", ee_eventlog_kind_name(kind), "events",
                  (int)log.event_count, "registers", registers_json(&log, td), "problem",
                  read ? json_null() : json_string(ee_attest_finding_text(&log.failure, text)),
                  kind == EE_EVENTLOG_AGENT ? "log" : "facts", events ? events : json_array());
    if (kind == EE_EVENTLOG_AGENT)
        (void)json_object_set_new(out, "complete", json_boolean(log.complete));
    return out;
}

json_t *ee_cli_event_logs_json(const struct ee_bundle *bundle, const struct ee_td_report *td)
{
    json_t *out = json_array();
    for (size_t i = 0; i < LOGS; i++) {
        struct ee_bytes bytes = log_of(bundle, kinds[i]);
        uint8_t *scratch = bytes.size ? malloc(bytes.size) : NULL;
        if (scratch)
            (void)json_array_append_new(out, log_json(kinds[i], bytes, td, scratch));
        free(scratch);
    }
    return out;
}

/* ---- as text ---- */

/* Whoever wrote the log chose these bytes: nothing that a terminal would obey. */
static void text_print(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size && i < LINE_MAX_SHOWN; i++)
        (void)putchar((uint8_t)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
    (void)fputs(size > LINE_MAX_SHOWN ? "..." : "", stdout);
}

static void value_print(const json_t *value)
{
    if (json_is_string(value))
        text_print(json_string_value(value));
    else if (json_is_object(value))
        (void)printf("%lld bytes, SHA-256 %s",
                     (long long)json_integer_value(json_object_get(value, "size")),
                     ee_client_json_text(value, "sha256"));
    else
        (void)printf("%s", json_is_true(value) ? "on" : json_is_null(value) ? "not set" : "off");
}

static void fact_print(const json_t *fact)
{
    (void)printf("  %-22s ", ee_client_json_text(fact, "name")); /* printable ASCII */
    value_print(json_object_get(fact, "value"));
    (void)printf("\n  %-22s   (RTMR%d, %s%s%s)\n", "",
                 (int)json_integer_value(json_object_get(fact, "rtmr")),
                 ee_client_json_text(fact, "status"),
                 json_is_true(json_object_get(fact, "named_by_log"))
                     ? "; what it is called is the log's word"
                     : "",
                 json_is_true(json_object_get(fact, "from_app")) ? "; said by the app" : "");
}

static void agent_event_print(const json_t *event)
{
    (void)printf("  %4lld %-10s %s",
                 (long long)json_integer_value(json_object_get(event, "sequence")),
                 ee_client_json_text(event, "event"), ee_client_json_text(event, "lease"));
    if (json_object_get(event, "deployment"))
        (void)printf(" deployment %s", ee_client_json_text(event, "deployment"));
    if (json_object_get(event, "version"))
        (void)printf("ee-agent %s", ee_client_json_text(event, "version"));
    if (json_object_get(event, "secrets"))
        (void)printf(" %d secrets", (int)json_integer_value(json_object_get(event, "secrets")));
    if (json_object_get(event, "exit_code"))
        (void)printf(" exit %d", (int)json_integer_value(json_object_get(event, "exit_code")));
    (void)printf("\n");
}

static void log_print(const json_t *log)
{
    size_t index;
    const json_t *row;
    (void)printf("%s event log: %d events", ee_client_json_text(log, "kind"),
                 (int)json_integer_value(json_object_get(log, "events")));
    json_array_foreach(json_object_get(log, "registers"), index, row)(void)
        printf(", %s to RTMR%d", json_is_true(json_object_get(row, "replays")) ? "replays" : "NOT",
               (int)json_integer_value(json_object_get(row, "rtmr")));
    (void)printf("\n");
    if (json_is_string(json_object_get(log, "problem")))
        (void)printf("  PROBLEM %s\n", ee_client_json_text(log, "problem"));
    if (json_is_false(json_object_get(log, "complete")))
        (void)printf("  earlier events are not shown\n");
    json_array_foreach(json_object_get(log, "facts"), index, row) fact_print(row);
    json_array_foreach(json_object_get(log, "log"), index, row) agent_event_print(row);
}

void ee_cli_event_logs_print(const struct ee_bundle *bundle, const struct ee_td_report *td)
{
    size_t index;
    const json_t *log;
    json_t *logs = ee_cli_event_logs_json(bundle, td);
    json_array_foreach(logs, index, log) log_print(log);
    json_decref(logs);
}

/* ---- the verb ---- */

/* What the quote says, read under the collateral's own root. */
struct looked {
    struct ee_verdict verdict;
    struct ee_policy_decision decision;
    char text[EE_EXPLAIN_DOCUMENT_MAX];
};

static enum ee_err look(const struct ee_client_bundle *bundle, bool json, struct looked *out)
{
    size_t size;
    int64_t time_s = bundle->bundle.time_s;
    ee_client_bundle_look(&bundle->bundle, time_s, &out->verdict);
    if (!bundle->recorded && out->verdict.collateral_issued_s)
        ee_client_bundle_look(&bundle->bundle, out->verdict.collateral_issued_s, &out->verdict);
    (void)!ee_attest_policy_decide(&ee_attest_policy_none, &out->verdict, &out->decision);
    const struct ee_explain_input input = {
        .verdict = &out->verdict, .policy = &ee_attest_policy_none, .decision = &out->decision};
    return json ? ee_attest_explain_json(&input, out->text, sizeof(out->text), &size)
                : ee_attest_explain_text(&input, out->text, sizeof(out->text), &size);
}

static json_t *network_claims(const struct ee_bundle *bundle)
{
    struct ee_claims claims;
    if (ee_claims_decode(bundle->claims, &claims) != EE_OK)
        return json_null();
    return ee_client_network_claims_json(&claims);
}

static void parts_print(const struct ee_client_bundle *b)
{
    char time[EE_TIME_TEXT_SIZE];
    (void)printf("%s", b->recorded ? "bundle" : "evidence document");
    if (b->recorded)
        (void)printf(" of %s", ee_time_format(b->bundle.time_s, time));
    (void)printf(": quote %zu bytes, collateral %zu, claims %zu, CCEL %zu, dstack log %zu, agent "
                 "log %zu, logged changes %zu\n",
                 b->bundle.quote.size, b->bundle.collateral.size, b->bundle.claims.size,
                 b->bundle.ccel.size, b->bundle.dstack.size, b->bundle.agent_log.size,
                 b->bundle.change_count);
}

static json_t *shown_json(const struct ee_client_bundle *b, const struct looked *looked,
                          const struct ee_td_report *td)
{
    char time[EE_TIME_TEXT_SIZE];
    json_t *out = json_object();
    (void)json_object_set_new(out, "format",
                              json_string(b->recorded ? "ee-bundle-1" : "ee-evidence-1"));
    (void)json_object_set_new(out, "time",
                              b->recorded ? json_string(ee_time_format(b->bundle.time_s, time))
                                          : json_null());
    (void)json_object_set_new(out, "judged", json_false());
    (void)json_object_set_new(out, "quote", json_loads(looked->text, 0, NULL));
    (void)json_object_set_new(out, "network_claims", network_claims(&b->bundle));
    (void)json_object_set_new(out, "event_logs", ee_cli_event_logs_json(&b->bundle, td));
    (void)json_object_set_new(out, "logged_changes",
                              json_integer((json_int_t)b->bundle.change_count));
    return out;
}

static void shown_print(const struct ee_client_bundle *b, const struct looked *looked,
                        const struct ee_td_report *td)
{
    parts_print(b);
    (void)printf("--- the quote, read under the root its collateral ends in; nothing is judged:\n"
                 "--- `ee evidence verify` does\n%s",
                 looked->text);
    json_t *claims = network_claims(&b->bundle);
    if (json_is_object(claims)) {
        const char *key;
        json_t *value;
        (void)printf("claims of the network's part\n");
        json_object_foreach(claims, key, value) if (json_is_string(value))(void)
            printf("  %-16s %s\n", key, json_string_value(value));
    }
    json_decref(claims);
    ee_cli_event_logs_print(&b->bundle, td);
}

enum ee_err ee_cmd_evidence_show(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_client_bundle bundle;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_bundle_read(cli, arguments.items[0], &bundle));
    struct looked *looked = calloc(1, sizeof(*looked));
    enum ee_err err = looked ? look(&bundle, cli->json, looked) : EE_NO_MEMORY;
    if (err == EE_OK) {
        const struct ee_td_report *td = looked->verdict.quote_decoded ? &looked->verdict.td : NULL;
        if (cli->json)
            ee_cli_json(shown_json(&bundle, looked, td));
        else
            shown_print(&bundle, looked, td);
    } else {
        (void)ee_client_fail(&cli->problem, err, "%s", ee_err_text(err));
    }
    free(looked);
    ee_client_bundle_free(&bundle);
    return err;
}
