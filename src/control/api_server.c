/* SPDX-License-Identifier: Apache-2.0 */
#include "control/api_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/problem.h"
#include "control/session.h"
#include "io/log.h"
#include "io/random.h"
#include "link/attest_channel.h"
#include "link/http_server.h"

#include "base/banned.h"

/* Those of agents (1 + EE_SESSION_JOINED_MAX each), and of clients. */
enum { CONNECTIONS_MAX = EE_CONTROL_SESSIONS_MAX * 4 + EE_CONTROL_CALLS_MAX };

struct ee_api_server {
    struct ee_control *control;
    struct ee_http_server *server;
    /* The newest checkpoint as a header: the same for all answers of a batch. */
    uint8_t note[EE_JOURNAL_NOTE_MAX];
    size_t note_size;
    char note_text[EE_BASE64_SIZE(EE_JOURNAL_NOTE_MAX)];
};

/* One request; freed when its exchange is gone. */
struct visit {
    struct ee_api_server *server;
    struct ee_control *control;
    struct ee_http_exchange *exchange;
    struct ee_api_call *call; /* NULL: answered */
    struct ee_deferred next;  /* asks for the next part of the answer */
};

/* ---- answers ---- */

static enum ee_err add_checkpoint(struct ee_api_server *server, struct ee_http_head *head,
                                  struct ee_bytes note)
{
    if (note.size == 0 || note.size > EE_JOURNAL_NOTE_MAX)
        return EE_OK;
    if (!ee_bytes_equal(note, ee_bytes_of(server->note, server->note_size))) {
        memcpy(server->note, note.data, note.size);
        server->note_size = note.size;
        ee_base64_encode(note.data, note.size, server->note_text);
    }
    return ee_http_head_add_text(head, "EE-Checkpoint", server->note_text);
}

static enum ee_err add(struct ee_http_head *head, const char *name, const char *value)
{
    return value == NULL || value[0] == '\0' ? EE_OK : ee_http_head_add_text(head, name, value);
}

static enum ee_err make_head(struct ee_api_server *server, struct ee_http_head *head,
                             const struct ee_api_answer *answer)
{
    EE_TRY(ee_http_head_response(head, answer->status, ee_bytes_str("")));
    EE_TRY(add(head, "Content-Type", answer->content_type));
    EE_TRY(add(head, "X-Request-Id", answer->request_id));
    EE_TRY(add(head, "Retry-After", answer->retry_after));
    EE_TRY(add(head, "Allow", answer->allow));
    EE_TRY(add(head, "Cache-Control", "no-store"));
    if (answer->status == 401)
        EE_TRY(add(head, "WWW-Authenticate", "Bearer"));
    if (answer->header_name != NULL)
        EE_TRY(add(head, answer->header_name, answer->header_value));
    return add_checkpoint(server, head, answer->checkpoint);
}

/* A part of an answer. The next is asked for when this one has room to go. */
static void respond_part(struct visit *visit, const struct ee_api_answer *answer)
{
    struct ee_http_head *head = ee_http_exchange_head(visit->exchange);
    bool last = answer->part == EE_API_END || answer->part == EE_API_BROKEN;
    enum ee_err err = EE_OK;
    if (last)
        visit->call = NULL;
    if (answer->part == EE_API_HEAD)
        err = make_head(visit->server, head, answer);
    if (answer->part == EE_API_HEAD && err == EE_OK)
        err = ee_http_exchange_start(visit->exchange, head, false, 0);
    if (answer->part == EE_API_PIECE && answer->body.size > 0)
        err = ee_http_exchange_write(visit->exchange, answer->body);
    if (answer->part == EE_API_END)
        err = ee_http_exchange_end(visit->exchange, NULL);
    if (answer->part == EE_API_BROKEN)
        err = EE_UNAVAILABLE;
    if (err != EE_OK && err != EE_CLOSED)
        ee_http_exchange_abort(visit->exchange, err);
    else if (err == EE_OK && !last && ee_http_exchange_writable(visit->exchange))
        ee_loop_defer(visit->control->loop, &visit->next);
}

static void ask_next(void *context)
{
    struct visit *visit = context;
    if (visit->call != NULL)
        ee_api_writable(visit->call);
}

static void respond(void *context, const struct ee_api_answer *answer)
{
    struct visit *visit = context;
    if (answer->part != EE_API_WHOLE) {
        respond_part(visit, answer);
        return;
    }
    struct ee_http_head *head = ee_http_exchange_head(visit->exchange);
    visit->call = NULL;
    enum ee_err err = make_head(visit->server, head, answer);
    if (err == EE_OK)
        err = ee_http_exchange_answer(visit->exchange, head, answer->body);
    if (err != EE_OK && err != EE_CLOSED)
        ee_http_exchange_abort(visit->exchange, err);
}

/* ---- requests ---- */

static struct ee_bytes header(const struct ee_http_head *head, const char *name)
{
    struct ee_bytes value = {0};
    if (ee_http_head_count(head, name) != 1 || !ee_http_head_find(head, name, &value))
        return (struct ee_bytes){0};
    return value;
}

static bool is_path(const struct ee_http_exchange *exchange, const char *wanted)
{
    struct ee_bytes path, query;
    ee_route_split(ee_http_head_target(ee_http_exchange_request(exchange)), &path, &query);
    return ee_bytes_equal(path, ee_bytes_str(wanted));
}

/* Only evidence is bound to the connection, and an exporter costs as much as the rest of a small
 * request. */
static bool exporter_of(const struct visit *visit, uint8_t out[EE_TLS_EXPORTER_SIZE])
{
    return is_path(visit->exchange, "/v1/evidence") &&
           ee_conn_exporter(ee_http_exchange_conn(visit->exchange), EE_ATTEST_EXPORTER_LABEL,
                            out) == EE_OK;
}

static void begin(struct visit *visit, struct ee_bytes body)
{
    const struct ee_http_head *head = ee_http_exchange_request(visit->exchange);
    uint8_t exporter[EE_TLS_EXPORTER_SIZE];
    bool bound = exporter_of(visit, exporter);
    struct ee_api_request request = {
        .method = ee_http_head_method(head),
        .target = ee_http_head_target(head),
        .authorization = header(head, "Authorization"),
        .idempotency_key = header(head, "Idempotency-Key"),
        .request_id = header(head, "X-Request-Id"),
        .signature = header(head, "Stripe-Signature"),
        .accept = header(head, "Accept"),
        .body = body,
        .exporter = bound ? exporter : NULL,
    };
    visit->next = (struct ee_deferred){.fn = ask_next, .context = visit};
    visit->call = ee_api_begin(visit->control, &request, respond, visit);
}

static bool for_tunnel(const struct ee_http_exchange *exchange)
{
    return is_path(exchange, EE_TUNNEL_LINK_PATH);
}

static void answer_busy(struct ee_http_exchange *exchange)
{
    enum ee_err err =
        ee_http_exchange_answer_text(exchange, 503, "text/plain", ee_bytes_str("busy\n"));
    if (err != EE_OK)
        ee_http_exchange_abort(exchange, err);
}

static void on_tunnel_complete(struct visit *visit)
{
    struct ee_http_exchange *exchange = visit->exchange;
    enum ee_err err =
        visit->control->locked ? EE_FULL : ee_session_accept(visit->control, exchange);
    if (err == EE_OK)
        free(visit); /* the exchange has become a session */
    else if (err == EE_FULL)
        answer_busy(exchange); /* or locked */
    else
        EE_LOG(EE_LOG_WARN, "api", "no tunnel", ee_log_err(err));
}

static void on_complete(void *context, struct ee_http_exchange *exchange, struct ee_bytes body)
{
    struct visit *visit = context;
    if (for_tunnel(exchange))
        on_tunnel_complete(visit);
    else
        begin(visit, body);
}

static void on_gone(void *context, struct ee_http_exchange *exchange, enum ee_err err)
{
    struct visit *visit = context;
    (void)exchange;
    (void)err;
    ee_loop_defer_cancel(&visit->next);
    if (visit->call != NULL)
        ee_api_cancel(visit->call);
    free(visit);
}

static void on_writable(void *context, struct ee_http_exchange *exchange)
{
    struct visit *visit = context;
    (void)exchange;
    ee_loop_defer(visit->control->loop, &visit->next);
}

static const struct ee_http_exchange_events visit_events = {
    .complete = on_complete, .writable = on_writable, .gone = on_gone};

/* Only what announces more than usual is looked at before it has come. */
static size_t body_limit(struct ee_control *control, const struct ee_http_exchange *exchange)
{
    const struct ee_http_head *head = ee_http_exchange_request(exchange);
    uint64_t length = 0;
    if (!ee_http_exchange_length(exchange, &length) || length <= EE_API_BODY_MAX)
        return EE_API_BODY_MAX;
    struct ee_api_request request = {
        .method = ee_http_head_method(head),
        .target = ee_http_head_target(head),
        .authorization = header(head, "Authorization"),
    };
    return ee_api_body_limit(control, &request);
}

static void on_request(void *context, struct ee_http_exchange *exchange)
{
    struct ee_api_server *server = context;
    struct visit *visit = calloc(1, sizeof *visit);
    if (visit == NULL) {
        answer_busy(exchange);
        return;
    }
    visit->server = server;
    visit->control = server->control;
    visit->exchange = exchange;
    ee_http_exchange_collect(exchange, body_limit(server->control, exchange), &visit_events, visit);
}

/* What the HTTP layer refuses before there is a call, in the form of every other answer. */
static void on_refusal(void *context, uint16_t status, const char *text,
                       struct ee_http_refusal *out)
{
    uint8_t id[16];
    enum ee_err err = status == 413   ? EE_TOO_LARGE
                      : status == 408 ? EE_TIMEOUT
                      : status == 503 ? EE_FULL
                                      : EE_HTTP;
    (void)context;
    ee_random_bytes(id, sizeof id);
    ee_hex_encode(id, sizeof id, out->request_id);
    json_t *problem = ee_problem(err, text, out->request_id);
    json_object_set_new(problem, "status", json_integer(status));
    size_t size = json_dumpb(problem, out->body, sizeof out->body - 1, JSON_COMPACT);
    json_decref(problem);
    if (size == 0 || size >= sizeof out->body)
        return; /* plain text stays */
    out->body[size] = '\0';
    out->content_type = EE_PROBLEM_TYPE;
    EE_LOG(EE_LOG_INFO, "api", "refused", ee_log_text("request_id", out->request_id),
           ee_log_unsigned("status", status), ee_log_text("why", text));
}

enum ee_err ee_api_server_new(struct ee_control *control, const char *address, int socket,
                              struct ee_tls *tls, struct ee_api_server **out)
{
    struct ee_api_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return EE_NO_MEMORY;
    server->control = control;
    struct ee_http_server_options options = {.address = address,
                                             .socket = socket,
                                             .tls = tls,
                                             .request = on_request,
                                             .refusal = on_refusal,
                                             .max_connections = CONNECTIONS_MAX,
                                             .context = server};
    enum ee_err err = ee_http_server_new(control->loop, &options, &server->server);
    if (err != EE_OK) {
        free(server);
        return err;
    }
    *out = server;
    return EE_OK;
}

int ee_api_server_socket(const struct ee_api_server *server)
{
    return ee_http_server_socket(server->server);
}

void ee_api_server_drain(struct ee_api_server *server)
{
    ee_http_server_drain(server->server);
}

void ee_api_server_free(struct ee_api_server *server)
{
    if (server == NULL)
        return;
    ee_http_server_free(server->server);
    free(server);
}

const char *ee_api_server_address(const struct ee_api_server *server)
{
    return ee_http_server_address(server->server);
}
