/* SPDX-License-Identifier: Apache-2.0 */
#include "control/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api_routes.h"
#include "control/auth.h"
#include "control/problem.h"
#include "control/stripe.h"
#include "control/scheduler.h"
#include "control/session.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

static void call_unlink(struct ee_api_call *call)
{
    struct ee_control *control = call->control;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        control->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    control->call_count--;
}

static void call_free(struct ee_api_call *call)
{
    if (call->control->beginning == call)
        call->control->beginning = NULL;
    call_unlink(call);
    if (call->control->sequencer != NULL)
        ee_sequencer_forget(call->control->sequencer, call);
    if (call->extra_free != NULL)
        call->extra_free(call);
    if (call->route == NULL || !ee_api_route_books_only(call->route)) {
        ee_quoter_forget(call->control->quoter, call);
        ee_session_forget(call->control, call);
        if (call->control->scheduler != NULL)
            ee_scheduler_forget(call->control, call);
    }
    ee_timer_free(call->timer);
    ee_json_blob_free(&call->blob);
    ee_json_blob_free(&call->signature);
    ee_file_data_free(&call->answer_file);
    free(call->answer_memory);
    free(call->query_memory);
    free(call->raw_memory);
    json_decref(call->body);
    free(call);
}

static void log_request(const struct ee_api_call *call)
{
    const char *account = call->account[0] != '\0' ? call->account : "-";
    EE_LOG(EE_LOG_INFO, "api", "request", ee_log_text("request_id", call->request_id),
           ee_log_text("path", call->log_path), ee_log_text("account", account),
           ee_log_number("status", call->answer.status),
           ee_log_unsigned("us", ee_clock_monotonic_us() - call->started_us));
}

/* The answer leaves; the call is over. */
static void deliver(void *context)
{
    struct ee_api_call *call = context;
    struct ee_control *control = call->control;
    if (call->route != NULL && call->route->mutation && control->sequencer != NULL)
        call->answer.checkpoint = ee_sequencer_checkpoint(control->sequencer);
    memcpy(call->answer.request_id, call->request_id, sizeof call->request_id);
    log_request(call);
    if (call->respond != NULL)
        call->respond(call->respond_context, &call->answer);
    call_free(call);
}

/* Waits until everything the answer may have seen is durable. */
static void deliver_when_durable(struct ee_api_call *call)
{
    struct ee_sequencer *sequencer = call->control->sequencer;
    bool probe = call->route != NULL && call->route->scope == EE_API_PROBE;
    uint64_t seen = sequencer != NULL ? ee_core_seq(ee_sequencer_core(sequencer)) : 0;
    if (!probe && sequencer != NULL && ee_sequencer_durable_seq(sequencer) < seen) {
        if (ee_sequencer_after_durable(sequencer, deliver, call) == EE_OK)
            return;
        call->answer = (struct ee_api_answer){.status = 503, .retry_after = "1"};
    }
    deliver(call);
}

static void answer_memory(struct ee_api_call *call, uint16_t status, const char *type, char *memory,
                          size_t size)
{
    free(call->answer_memory);
    call->answer_memory = memory;
    call->answer.status = status;
    call->answer.content_type = type;
    call->answer.body = ee_bytes_of(memory, size);
    deliver_when_durable(call);
}

static void answer_dump(struct ee_api_call *call, uint16_t status, const char *type, json_t *value)
{
    char *text = ee_json_dump(value);
    json_decref(value);
    if (text == NULL) {
        status = 500;
        type = NULL;
    }
    answer_memory(call, status, type, text, text != NULL ? strlen(text) : 0);
}

void ee_api_answer_json(struct ee_api_call *call, uint16_t status, json_t *value)
{
    answer_dump(call, status, "application/json", value);
}

void ee_api_answer_text(struct ee_api_call *call, const char *content_type, struct ee_bytes text)
{
    char *copy = malloc(text.size + 1);
    if (copy == NULL) {
        ee_api_fail(call, EE_NO_MEMORY, NULL);
        return;
    }
    memcpy(copy, text.data, text.size);
    answer_memory(call, 200, content_type, copy, text.size);
}

void ee_api_answer_file(struct ee_api_call *call, const char *content_type,
                        struct ee_file_data file)
{
    call->answer_file = file;
    call->answer.status = 200;
    call->answer.content_type = content_type;
    call->answer.body = ee_file_bytes(&call->answer_file);
    deliver_when_durable(call);
}

void ee_api_stream_begin(struct ee_api_call *call, const char *content_type)
{
    call->answer.part = EE_API_HEAD;
    call->answer.status = 200;
    call->answer.content_type = content_type;
    memcpy(call->answer.request_id, call->request_id, sizeof call->request_id);
    if (call->respond != NULL)
        call->respond(call->respond_context, &call->answer);
}

void ee_api_stream_piece(struct ee_api_call *call, struct ee_bytes piece)
{
    call->answer.part = EE_API_PIECE;
    call->answer.body = piece;
    if (call->respond != NULL)
        call->respond(call->respond_context, &call->answer);
}

void ee_api_stream_end(struct ee_api_call *call, bool complete)
{
    call->answer.part = complete ? EE_API_END : EE_API_BROKEN;
    call->answer.body = (struct ee_bytes){0};
    deliver(call);
}

void ee_api_writable(struct ee_api_call *call)
{
    if (call->on_writable != NULL)
        call->on_writable(call);
}

static void fail_value(struct ee_api_call *call, enum ee_err err, json_t *problem)
{
    uint16_t status = (uint16_t)ee_err_http_status(err);
    if (status == 503)
        call->answer.retry_after = "1";
    answer_dump(call, status, EE_PROBLEM_TYPE, problem);
}

void ee_api_fail(struct ee_api_call *call, enum ee_err err, const char *detail)
{
    fail_value(call, err, ee_problem(err, detail, call->request_id));
}

void ee_api_fail_with(struct ee_api_call *call, enum ee_err err, const char *name, json_t *value)
{
    json_t *problem = ee_problem(err, NULL, call->request_id);
    json_object_set_new(problem, name, value);
    fail_value(call, err, problem);
}

bool ee_api_read(struct ee_api_call *call, const struct ee_json_field *fields, size_t count)
{
    char detail[EE_JSON_DETAIL_SIZE];
    enum ee_err err = ee_json_read(call->body, fields, count, EE_JSON_EXACT, detail);
    if (err != EE_OK)
        ee_api_fail(call, err, detail);
    return err == EE_OK;
}

bool ee_api_path_hex(struct ee_api_call *call, size_t index, uint8_t *out, size_t size)
{
    if (ee_hex_decode(ee_bytes_str(call->values.value[index]), out, size) == EE_OK)
        return true;
    ee_api_fail(call, EE_NOT_FOUND, NULL);
    return false;
}

bool ee_api_page(struct ee_api_call *call, struct ee_page *out)
{
    enum ee_err err = ee_page_parse(call->query, out);
    if (err != EE_OK)
        ee_api_fail(call, err, "limit is 1 to 200, cursor is the \"next\" of the page before");
    return err == EE_OK;
}

void ee_api_answer_page(struct ee_api_call *call, json_t *items, size_t next)
{
    json_t *cursor = next == 0 ? json_null() : ee_json_u64(next);
    ee_api_answer_json(call, 200, json_pack("{s:o, s:o}", "items", items, "next", cursor));
}

bool ee_api_wait(struct ee_api_call *call)
{
    size_t all = 0, own = 0;
    size_t own_max =
        call->account[0] != '\0' ? EE_API_WAITS_PER_ACCOUNT_MAX : EE_API_WAITS_PUBLIC_MAX;
    for (const struct ee_api_call *c = call->control->calls; c != NULL; c = c->next) {
        all += c->waits;
        own += c->waits && strcmp(c->account, call->account) == 0;
    }
    bool may = all < EE_API_WAITS_MAX && own < own_max;
    call->waits = may;
    if (!may)
        ee_api_fail(call, EE_FULL, "too many requests are waiting already");
    return may;
}

/* ---- commands ---- */

struct ee_writer ee_api_payload(struct ee_api_call *call)
{
    struct ee_writer writer;
    ee_writer_init(&writer, call->control->payload, sizeof call->control->payload);
    return writer;
}

static void on_answer(void *context, const struct ee_answer *answer)
{
    struct ee_api_call *call = context;
    if (answer->err == EE_OK)
        call->on_done(call, answer);
    else if (call->on_refused != NULL)
        call->on_refused(call, answer);
    else
        ee_api_fail(call, answer->err, NULL);
}

void ee_api_submit(struct ee_api_call *call, enum ee_command_kind kind,
                   const struct ee_writer *writer, enum ee_err encode_err,
                   void (*fn)(struct ee_api_call *call, const struct ee_answer *answer))
{
    ee_api_submit_as(call, call->admin ? EE_ACTOR_ADMIN : EE_ACTOR_ACCOUNT, kind, writer,
                     encode_err, fn);
}

void ee_api_submit_as(struct ee_api_call *call, enum ee_actor_kind actor, enum ee_command_kind kind,
                      const struct ee_writer *writer, enum ee_err encode_err,
                      void (*fn)(struct ee_api_call *call, const struct ee_answer *answer))
{
    struct ee_command_request request = {
        .actor_kind = actor,
        .actor = actor == EE_ACTOR_ACCOUNT ? call->account : "",
        .id = call->command_id,
        .kind = kind,
        .payload = ee_writer_done(writer),
    };
    enum ee_err err = encode_err;
    call->on_done = fn;
    if (err == EE_OK)
        err = writer->err;
    if (err == EE_OK)
        err = ee_sequencer_submit(call->control->sequencer, &request, on_answer, call);
    if (err != EE_OK)
        ee_api_fail(call, err, NULL);
}

/* ---- the beginning of a request ---- */

static bool request_id_valid(struct ee_bytes text)
{
    uint8_t id[(EE_API_REQUEST_ID_SIZE - 1) / 2];
    return text.data != NULL && ee_hex_decode(text, id, sizeof id) == EE_OK;
}

static void set_request_id(struct ee_api_call *call, struct ee_bytes given)
{
    struct ee_control *control = call->control;
    if (request_id_valid(given)) {
        memcpy(call->request_id, given.data, given.size);
        return;
    }
    if (control->random_left == 0) {
        ee_random_bytes(control->random, sizeof control->random);
        control->random_left = sizeof control->random / sizeof control->random[0];
    }
    control->random_left--;
    ee_hex_encode(control->random[control->random_left], sizeof control->random[0],
                  call->request_id);
}

static void set_log_path(struct ee_api_call *call, struct ee_bytes method, struct ee_bytes path)
{
    snprintf(call->log_path, sizeof call->log_path, "%.*s %.*s", (int)(method.size & 0xff),
             (const char *)method.data, (int)(path.size & 0xffff), (const char *)path.data);
}

static struct ee_api_call *call_new(struct ee_control *control,
                                    const struct ee_api_request *request, ee_api_respond respond,
                                    void *context)
{
    struct ee_api_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    call->control = control;
    call->started_us = ee_clock_monotonic_us();
    call->respond = respond;
    call->respond_context = context;
    set_request_id(call, request->request_id);
    if (request->exporter != NULL) {
        call->has_exporter = true;
        memcpy(call->exporter, request->exporter, sizeof call->exporter);
    }
    call->next = control->calls;
    if (call->next != NULL)
        call->next->previous = call;
    control->calls = call;
    control->call_count++;
    return call;
}

static enum ee_err keep_query(struct ee_api_call *call, struct ee_bytes query)
{
    static const char *const none[] = {NULL};
    call->query_memory = malloc(query.size + 1);
    if (call->query_memory == NULL)
        return EE_NO_MEMORY;
    if (query.size > 0)
        memcpy(call->query_memory, query.data, query.size);
    call->query = ee_bytes_of(call->query_memory, query.size);
    return ee_query_known(query, call->route->query != NULL ? call->route->query : none);
}

static enum ee_err authenticate(struct ee_api_call *call, struct ee_bytes authorization)
{
    struct ee_control *control = call->control;
    uint32_t scope = call->route->scope;
    struct ee_auth auth;
    if (scope == EE_API_PUBLIC || scope == EE_API_PROBE || scope == EE_API_SIGNED ||
        (scope == EE_API_PUBLIC_MORE && authorization.data == NULL))
        return EE_OK;
    if (scope == EE_API_ADMIN && !control->has_admin)
        return EE_DISABLED;
    enum ee_err err = ee_auth_check(ee_control_core(control), control->crypto,
                                    control->has_admin ? control->admin_hash : NULL, authorization,
                                    (uint64_t)ee_control_now_s(control), &auth);
    if (err != EE_OK)
        return scope == EE_API_PUBLIC_MORE ? EE_OK : err;
    call->admin = auth.admin;
    call->scopes = auth.scopes;
    memcpy(call->account, auth.account, sizeof call->account);
    if (scope == EE_API_PUBLIC_MORE)
        return EE_OK;
    if (scope == EE_API_ADMIN)
        return auth.admin ? EE_OK : EE_FORBIDDEN;
    if (scope == EE_API_READ_ALL && auth.admin)
        return EE_OK;
    if (auth.admin)
        return EE_FORBIDDEN;
    if (scope == EE_API_READ_ALL)
        scope = EE_SCOPE_READ;
    return scope == EE_API_ANY_KEY || (auth.scopes & scope) != 0 ? EE_OK : EE_FORBIDDEN;
}

static enum ee_err read_idempotency(struct ee_api_call *call, struct ee_bytes key)
{
    if (key.data == NULL)
        return EE_MISSING_FIELD;
    if (key.size < 1 || key.size > EE_API_IDEMPOTENCY_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < key.size; i++)
        if (key.data[i] < 0x20 || key.data[i] > 0x7e)
            return EE_SYNTAX;
    /* No account name has a sign in it, so the admin key's ids are apart from all accounts'. */
    ee_command_id(call->control->crypto, call->admin ? "@admin" : call->account, key,
                  call->command_id);
    return EE_OK;
}

static enum ee_err blob_copy(struct ee_bytes bytes, struct ee_json_blob *out)
{
    out->data = malloc(bytes.size + 1);
    if (out->data == NULL)
        return EE_NO_MEMORY;
    if (bytes.size > 0)
        memcpy(out->data, bytes.data, bytes.size);
    out->size = bytes.size;
    return EE_OK;
}

/* What is signed is the body as it came; the handler may wait before it looks at it. */
static enum ee_err read_signed(struct ee_api_call *call, const struct ee_api_request *request)
{
    if (request->body.size > EE_STRIPE_BODY_MAX)
        return EE_TOO_LARGE;
    EE_TRY(blob_copy(request->signature, &call->signature));
    return blob_copy(request->body, &call->blob);
}

static enum ee_err read_body(struct ee_api_call *call, struct ee_bytes body)
{
    size_t raw_max = ee_api_route_raw_max(call->route);
    if (body.size > (raw_max > 0 ? raw_max : EE_API_BODY_MAX))
        return EE_TOO_LARGE;
    call->raw_body = body;
    if (raw_max > 0)
        return EE_OK;
    call->body = body.size == 0 ? json_object() : ee_json_parse(body);
    return call->body != NULL ? EE_OK : EE_SYNTAX;
}

/* What a parked call needs later is no longer borrowed. */
static enum ee_err keep_raw_body(struct ee_api_call *call)
{
    if (ee_api_route_raw_max(call->route) == 0 || call->raw_body.size == 0)
        return EE_OK;
    call->raw_memory = malloc(call->raw_body.size);
    if (call->raw_memory == NULL)
        return EE_NO_MEMORY;
    memcpy(call->raw_memory, call->raw_body.data, call->raw_body.size);
    call->raw_body.data = call->raw_memory;
    return EE_OK;
}

/* Whether it must wait: what is read now could be of an older state. What is about the log itself
 * is answered, so that others can judge it. */
static bool must_park(const struct ee_api_call *call)
{
    const struct ee_api_route *route = call->route;
    return call->control->anchoring && route->scope != EE_API_PROBE &&
           (route->scope != EE_API_PUBLIC || route->handler == ee_api_nodes);
}

void ee_api_unpark(struct ee_control *control)
{
    struct ee_api_call *call = control->calls;
    while (call != NULL) {
        if (!call->parked) {
            call = call->next;
            continue;
        }
        call->parked = false;
        call->route->handler(call); /* may end any call: from the start again */
        call = control->calls;
    }
}

static void start(struct ee_api_call *call, const struct ee_api_request *request,
                  struct ee_bytes query)
{
    bool locked = call->control->locked && !ee_api_route_locked(call->route);
    enum ee_err err = locked ? EE_LOCKED : authenticate(call, request->authorization);
    const char *detail = NULL;
    if (err == EE_OK && (err = keep_query(call, query)) != EE_OK)
        detail = "a name in the query is not known to this route";
    if (err == EE_OK && call->route->mutation &&
        (err = read_idempotency(call, request->idempotency_key)) != EE_OK)
        detail = "Idempotency-Key: 1 to 64 printable characters, new for each request";
    if (err == EE_OK && call->route->scope == EE_API_SIGNED)
        err = read_signed(call, request);
    else if (err == EE_OK && (err = read_body(call, request->body)) != EE_OK)
        detail = ee_api_route_raw_max(call->route) > 0
                     ? "the body is larger than this route takes"
                     : "the body is one JSON object of at most 256 KiB, no member twice";
    if (err == EE_OK && call->control->stopping)
        err = EE_CLOSED;
    if (err != EE_OK) {
        ee_api_fail(call, err, detail);
        return;
    }
    call->accepts_csv =
        request->accept.size >= 8 && memcmp(request->accept.data, "text/csv", 8) == 0;
    call->parked = must_park(call);
    if (call->parked && (err = keep_raw_body(call)) != EE_OK)
        ee_api_fail(call, err, NULL);
    else if (!call->parked)
        call->route->handler(call);
}

static void no_route(struct ee_api_call *call, const char *allow)
{
    if (allow[0] == '\0') {
        ee_api_fail(call, EE_NOT_FOUND, "there is no such route");
        return;
    }
    json_t *problem = ee_problem(EE_UNSUPPORTED, "not with this method", call->request_id);
    json_object_set_new(problem, "status", json_integer(405));
    call->answer.allow = allow;
    answer_dump(call, 405, EE_PROBLEM_TYPE, problem);
}

size_t ee_api_body_limit(struct ee_control *control, const struct ee_api_request *request)
{
    char allow[EE_API_ALLOW_SIZE];
    struct ee_bytes path, query;
    struct ee_route_values values;
    struct ee_auth auth;
    ee_route_split(request->target, &path, &query);
    const struct ee_api_route *route = ee_api_route_find(request->method, path, &values, allow);
    if (route == NULL || control->sequencer == NULL ||
        ee_api_route_raw_max(route) <= EE_API_BODY_MAX ||
        ee_auth_check(ee_control_core(control), control->crypto, NULL, request->authorization,
                      (uint64_t)ee_control_now_s(control), &auth) != EE_OK ||
        (auth.scopes & route->scope) == 0)
        return EE_API_BODY_MAX;
    return ee_api_route_raw_max(route);
}

struct ee_api_call *ee_api_begin(struct ee_control *control, const struct ee_api_request *request,
                                 ee_api_respond respond, void *context)
{
    struct ee_api_call *outer = control->beginning; /* whose answer led to this request */
    char allow[EE_API_ALLOW_SIZE];
    struct ee_bytes path, query;
    struct ee_api_call *call = NULL;
    struct ee_route_values values;
    ee_route_split(request->target, &path, &query);
    const struct ee_api_route *route = ee_api_route_find(request->method, path, &values, allow);
    bool probe = route != NULL && route->scope == EE_API_PROBE; /* over before this returns */
    if (probe || control->call_count < EE_CONTROL_CALLS_MAX)
        call = call_new(control, request, respond, context);
    if (call == NULL) {
        struct ee_api_answer answer = {.status = 503, .retry_after = "1"};
        respond(context, &answer);
        return NULL;
    }
    control->beginning = call;
    set_log_path(call, request->method, path);
    call->route = route;
    call->values = values;
    if (call->route == NULL)
        no_route(call, allow);
    else
        start(call, request, query);
    call = control->beginning;
    control->beginning = outer;
    return call;
}

void ee_api_cancel(struct ee_api_call *call)
{
    log_request(call); /* with status 0: nobody was there to hear one */
    call_free(call);
}

void ee_api_shutdown(struct ee_control *control)
{
    for (struct ee_api_call *call = control->calls, *next; call != NULL; call = next) {
        next = call->next;
        call_free(call);
    }
}
