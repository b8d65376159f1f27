/* SPDX-License-Identifier: Apache-2.0 */
/* A request as a stream of the tunnel: structured pairs, bodies in pieces, back pressure both ways.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/gateway_choice.h"
#include "control/gateway_retry.h"
#include "http/proxy_headers.h"
#include "io/random.h"

#include "base/banned.h"

/* ---- towards the agent ---- */

/* "192.0.2.1:4711" without the port. */
static void client_address(const struct ee_http_exchange *exchange, char *out, size_t size)
{
    snprintf(out, size, "%s", ee_conn_peer(ee_http_exchange_conn(exchange)));
    char *colon = strrchr(out, ':');
    if (colon != NULL)
        *colon = '\0';
}

/* What the backend needs although the client may leave it out: HTTP/1.0 without Host, and a length
 * that not everybody reads as a decimal number ("010"). */
static enum ee_err fields_complete(const struct ee_gateway_request *request,
                                   struct ee_http_head *head)
{
    char text[EE_NAME_MAX + EE_GATEWAY_DOMAIN_SIZE + 24];
    struct ee_bytes value;
    uint64_t length;
    if (!ee_http_head_find(head, "Host", &value)) {
        snprintf(text, sizeof text, "%s%s", request->app, request->gateway->domain);
        EE_TRY(ee_http_head_add_text(head, "Host", text));
    }
    if (!ee_http_exchange_length(request->exchange, &length) ||
        !ee_http_head_find(head, "Content-Length", &value) || value.data[0] != '0' ||
        value.size == 1)
        return EE_OK;
    snprintf(text, sizeof text, "%" PRIu64, length);
    return ee_http_head_set(head, "Content-Length", ee_bytes_str(text));
}

/* RFC 9110 section 7.6.2: how many may still pass on an OPTIONS. False: nobody said, or no number.
 */
static bool max_forwards(const struct ee_http_head *head, uint64_t *left_out)
{
    char text[24];
    struct ee_bytes value;
    if (!ee_http_equal(ee_http_head_method(head), "OPTIONS") ||
        ee_http_head_count(head, "Max-Forwards") != 1 ||
        !ee_http_head_find(head, "Max-Forwards", &value) || value.size >= sizeof text)
        return false;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return ee_u64_parse(text, left_out) == EE_OK;
}

static enum ee_err max_forwards_count(struct ee_http_head *head)
{
    char text[24];
    uint64_t left = 0;
    if (!max_forwards(head, &left) || left == 0)
        return EE_OK;
    snprintf(text, sizeof text, "%" PRIu64, left - 1);
    return ee_http_head_set(head, "Max-Forwards", ee_bytes_str(text));
}

static enum ee_err make_head(struct ee_gateway_request *request)
{
    struct ee_http_head *head = request->gateway->head;
    const struct ee_http_exchange *exchange = request->exchange;
    char address[64], host_text[264] = ""; /* a name, a port */
    struct ee_bytes host;
    ee_http_head_copy(head, ee_http_exchange_request(exchange));
    EE_TRY(fields_complete(request, head));
    EE_TRY(max_forwards_count(head));
    if (ee_http_head_find(head, "Host", &host))
        snprintf(host_text, sizeof host_text, "%.*s", (int)host.size, (const char *)host.data);
    client_address(exchange, address, sizeof address);
    struct ee_http_forward forward = {
        .client_address = address,
        .scheme = ee_conn_has_tls(ee_http_exchange_conn(exchange)) ? "https" : "http",
        .host = host_text,
        .keep_upgrade = request->websocket,
        .http2 = ee_http_exchange_is_http2(exchange),
    };
    ee_http_head_remove(head, "Expect"); /* the listener answers that itself */
    return ee_http_forward_apply(head, &forward);
}

static enum ee_err open_stream(struct ee_gateway_request *request, bool end)
{
    const struct ee_http_head *head = request->gateway->head;
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    uint8_t id[16];
    char id_text[33];
    bool tls = ee_conn_has_tls(ee_http_exchange_conn(request->exchange));
    ee_random_bytes(id, sizeof id);
    for (size_t i = 0; i < head->field_count; i++)
        pairs[i] = (struct ee_tunnel_pair){ee_http_head_name(head, i), ee_http_head_value(head, i)};
    struct ee_tunnel_open open = {
        .kind = request->websocket ? EE_TUNNEL_KIND_WS : EE_TUNNEL_KIND_HTTP,
        .app = ee_bytes_str(request->app),
        .source = ee_bytes_str(ee_conn_peer(ee_http_exchange_conn(request->exchange))),
        .scheme = ee_bytes_str(tls ? "https" : "http"),
        .request_id = ee_bytes_str(ee_hex_encode(id, sizeof id, id_text)),
        .method = ee_http_head_method(head),
        .target = request->target,
        .pairs = pairs,
        .pair_count = head->field_count,
    };
    memcpy(open.instance, request->lease, EE_ID_SIZE);
    EE_TRY(ee_tunnel_open(ee_tunnel_link_tunnel(request->link), &open, end, request,
                          &request->stream));
    request->end_sent = end;
    ee_tunnel_link_flush(request->link);
    return EE_OK;
}

bool ee_gateway_answers_itself(struct ee_gateway_request *request)
{
    uint64_t left;
    if (!max_forwards(ee_http_exchange_request(request->exchange), &left) || left != 0)
        return false;
    ee_gateway_answer(request, 200, "the gateway answers");
    return true;
}

enum ee_err ee_gateway_open(struct ee_gateway_request *request)
{
    EE_TRY(make_head(request));
    const bool has_body = ee_http_exchange_has_body(request->exchange);
    return open_stream(request, !has_body && !request->websocket);
}

static enum ee_err send_trailers(struct ee_gateway_request *request, struct ee_tunnel *tunnel)
{
    const struct ee_http_head *head = request->trailers;
    struct ee_tunnel_pair pairs[EE_HTTP_FIELDS_CAPACITY];
    for (size_t i = 0; i < head->field_count; i++)
        pairs[i] = (struct ee_tunnel_pair){ee_http_head_name(head, i), ee_http_head_value(head, i)};
    return ee_tunnel_trailers_send(tunnel, request->stream, pairs, head->field_count);
}

/* Ends our side of the stream once everything went in. */
static void send_end(struct ee_gateway_request *request)
{
    size_t taken;
    if (!request->request_done || request->end_sent || ee_buffer_bytes(&request->held).size > 0)
        return;
    request->end_sent = true;
    struct ee_tunnel *tunnel = ee_tunnel_link_tunnel(request->link);
    enum ee_err err =
        request->trailers != NULL && request->trailers->field_count > 0
            ? send_trailers(request, tunnel)
            : ee_tunnel_data_send(tunnel, request->stream, ee_bytes_str(""), true, &taken);
    if (err != EE_OK && err != EE_NOT_FOUND)
        ee_gateway_reset(request, EE_TUNNEL_INTERNAL, "the end could not be sent");
}

/* Sends what is held; true when nothing is left of it. */
static bool send_held(struct ee_gateway_request *request)
{
    size_t taken = 0;
    struct ee_bytes held = ee_buffer_bytes(&request->held);
    if (held.size == 0)
        return true;
    if (ee_tunnel_data_send(ee_tunnel_link_tunnel(request->link), request->stream, held, false,
                            &taken) != EE_OK)
        return false;
    ee_buffer_consume(&request->held, taken);
    return taken == held.size;
}

bool ee_gateway_send(struct ee_gateway_request *request, struct ee_bytes bytes)
{
    size_t taken = 0;
    struct ee_tunnel_link *link = request->link;
    if (link == NULL)
        return true; /* nobody wants it any more */
    enum ee_err err = EE_OK;
    if (send_held(request) && bytes.size > 0)
        err =
            ee_tunnel_data_send(ee_tunnel_link_tunnel(link), request->stream, bytes, false, &taken);
    if (err == EE_OK && taken < bytes.size)
        err = ee_buffer_append(&request->held, ee_bytes_of(bytes.data + taken, bytes.size - taken));
    if (err != EE_OK) {
        ee_gateway_reset(request, EE_TUNNEL_INTERNAL, "a body could not be passed on");
        return true;
    }
    send_end(request);
    ee_tunnel_link_flush(link);
    return ee_buffer_bytes(&request->held).size == 0;
}

void ee_gateway_reset(struct ee_gateway_request *request, enum ee_tunnel_code code,
                      const char *text)
{
    struct ee_tunnel_link *link = request->link;
    if (link == NULL)
        return;
    request->link = NULL;
    ee_gateway_replica_leave(request);
    enum ee_err err = ee_tunnel_reset(ee_tunnel_link_tunnel(link), request->stream, code, text);
    if (err == EE_OK) /* else it is gone already */
        ee_tunnel_link_flush(link);
}

/* ---- the client's side ---- */

static void on_body(void *context, struct ee_http_exchange *exchange, struct ee_bytes bytes)
{
    ee_gateway_replay_keep(context, bytes);
    if (!ee_gateway_send(context, bytes))
        ee_http_exchange_pause(exchange);
}

static void on_request_trailers(void *context, struct ee_http_exchange *exchange,
                                const struct ee_http_head *trailers)
{
    struct ee_gateway_request *request = context;
    (void)exchange;
    request->trailers = malloc(sizeof *request->trailers);
    if (request->trailers == NULL) {
        ee_gateway_reset(request, EE_TUNNEL_INTERNAL, "out of memory");
        return;
    }
    ee_http_head_copy(request->trailers, trailers);
    ee_http_request_trailers_filter(request->trailers);
}

static void on_complete(void *context, struct ee_http_exchange *exchange, struct ee_bytes body)
{
    struct ee_gateway_request *request = context;
    (void)exchange;
    (void)body;
    if (request->websocket && !request->raw)
        return; /* its bytes go on after the 101 */
    request->request_done = true;
    (void)ee_gateway_send(request, ee_bytes_str(""));
}

void ee_gateway_consumed(struct ee_gateway_request *request, size_t size, bool writable)
{
    request->unreported += size;
    ee_gateway_shed_note(request, writable);
    struct ee_tunnel_link *link = request->link; /* the stream may finish by this */
    if (!writable || request->unreported == 0 || link == NULL)
        return;
    size = request->unreported;
    request->unreported = 0;
    enum ee_err err = ee_tunnel_consumed(ee_tunnel_link_tunnel(link), request->stream, size);
    if (err == EE_OK) /* else it is gone already */
        ee_tunnel_link_flush(link);
}

static void on_writable(void *context, struct ee_http_exchange *exchange)
{
    (void)exchange;
    ee_gateway_consumed(context, 0, true);
}

static void on_gone(void *context, struct ee_http_exchange *exchange, enum ee_err err)
{
    struct ee_gateway_request *request = context;
    (void)exchange;
    (void)err;
    request->exchange = NULL;
    ee_gateway_reset(request, EE_TUNNEL_CANCELLED, "the client is done");
    ee_gateway_request_settle(request);
}

const struct ee_http_exchange_events ee_gateway_exchange_events = {.body = on_body,
                                                                   .trailers = on_request_trailers,
                                                                   .complete = on_complete,
                                                                   .writable = on_writable,
                                                                   .gone = on_gone};

/* ---- the agent's side ---- */

static enum ee_err head_of_answer(struct ee_http_head *head, const struct ee_tunnel_head *answer)
{
    EE_TRY(ee_http_head_response(head, answer->status, ee_bytes_str("")));
    for (size_t i = 0; i < answer->pair_count; i++)
        EE_TRY(ee_http_head_add(head, answer->pairs[i].name, answer->pairs[i].value));
    return ee_http_hop_by_hop_remove(head, answer->status == 101 || answer->status == 426);
}

static bool content_length(const struct ee_http_head *head, uint64_t *length_out)
{
    char text[24];
    struct ee_bytes value;
    if (!ee_http_head_find(head, "Content-Length", &value) || value.size >= sizeof text)
        return false;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return ee_u64_parse(text, length_out) == EE_OK;
}

static void bad_backend(struct ee_gateway_request *request, const char *text)
{
    ee_gateway_reset(request, EE_TUNNEL_PROTOCOL, text);
    if (!request->answered)
        ee_gateway_answer(request, 502, text);
    else if (request->exchange != NULL)
        ee_http_exchange_abort(request->exchange, EE_BACKEND);
}

static void start_answer(struct ee_gateway_request *request, struct ee_http_head *head)
{
    uint64_t length = 0;
    bool has_length = content_length(head, &length);
    enum ee_err err = ee_gateway_sticky_write(request, head);
    if (err == EE_OK)
        err = ee_http_exchange_start(request->exchange, head, has_length, length);
    request->answered = true;
    if (err == EE_HTTP || err == EE_TOO_LARGE) {
        request->answered = false;
        bad_backend(request, "the app's header is malformed");
    } else if (err != EE_OK && err != EE_CLOSED) {
        ee_http_exchange_abort(request->exchange, err);
    }
}

static void on_head(struct ee_gateway_request *request, const struct ee_tunnel_event *event)
{
    struct ee_http_head *head = request->gateway->head;
    uint16_t status = event->head->status;
    ee_gateway_replica_answered(request);
    ee_gateway_replay_drop(request);
    if (request->exchange == NULL)
        return;
    if (head_of_answer(head, event->head) != EE_OK) {
        bad_backend(request, "the app's header is malformed");
        return;
    }
    if (status == 101) {
        request->status = status;
        ee_gateway_upgrade(request, head);
    } else if (status < 200) {
        request->interim = true;
        ee_http_head_remove(head, "Content-Length"); /* RFC 9110 section 8.6 */
        enum ee_err err = ee_http_exchange_interim(request->exchange, head);
        if (err != EE_OK && err != EE_CLOSED)
            bad_backend(request, "the app's interim answer is malformed");
    } else {
        request->status = status;
        start_answer(request, head);
    }
}

static void finish_answer(struct ee_gateway_request *request, const struct ee_http_head *trailers)
{
    if (request->exchange == NULL)
        return;
    enum ee_err err = ee_http_exchange_end(request->exchange, trailers);
    if (err != EE_OK && err != EE_CLOSED)
        ee_http_exchange_abort(request->exchange, EE_BACKEND);
}

static void on_data(struct ee_gateway_request *request, const struct ee_tunnel_event *event)
{
    struct ee_http_exchange *exchange = request->exchange;
    if (exchange == NULL)
        return;
    enum ee_err err = EE_OK;
    if (event->data.size > 0)
        err = ee_http_exchange_write(exchange, event->data);
    if (err != EE_OK) {
        ee_gateway_reset(request, EE_TUNNEL_CANCELLED, "the client is gone");
        if (err != EE_CLOSED)
            ee_http_exchange_abort(exchange, err);
        return;
    }
    ee_gateway_consumed(request, event->data.size, ee_http_exchange_writable(exchange));
}

static void on_trailers(struct ee_gateway_request *request, const struct ee_tunnel_event *event)
{
    struct ee_http_head *head = request->gateway->head;
    ee_http_head_clear(head);
    for (size_t i = 0; i < event->head->pair_count; i++) {
        const struct ee_tunnel_pair *pair = &event->head->pairs[i];
        if (!ee_http_trailer_allowed(pair->name))
            continue;
        if (ee_http_head_add(head, pair->name, pair->value) != EE_OK)
            break; /* trailers are best effort */
    }
    finish_answer(request, head);
}

static void answer_reset(struct ee_gateway_request *request, uint32_t code)
{
    if (code == EE_TUNNEL_REFUSED || code == EE_TUNNEL_OVERLOAD)
        ee_gateway_answer(request, 503, "the agent took no request; try again");
    else if (code == EE_TUNNEL_GOING_AWAY)
        ee_gateway_answer(request, 502,
                          "the agent was lost; the request may have been carried out");
    else if (code == EE_TUNNEL_TIMEOUT)
        ee_gateway_answer(request, 504, "the app did not answer in time");
    else
        ee_gateway_answer(request, 502, "the app broke the connection");
}

static void on_reset(struct ee_gateway_request *request, const struct ee_tunnel_event *event)
{
    request->link = NULL;
    ee_gateway_replica_failed(request, event->reason.code);
    ee_gateway_replica_leave(request);
    if (ee_gateway_retry(request, event->reason.code))
        return;
    if (request->exchange != NULL && !request->answered)
        answer_reset(request, event->reason.code);
    else if (request->exchange != NULL)
        ee_http_exchange_abort(request->exchange, EE_BACKEND);
    else if (request->conn != NULL) /* upgraded */
        ee_conn_abort(request->conn, EE_BACKEND);
    ee_gateway_request_settle(request);
}

static void on_stream_writable(struct ee_gateway_request *request)
{
    if (!ee_gateway_send(request, ee_bytes_str("")))
        return;
    if (request->exchange != NULL)
        ee_http_exchange_resume(request->exchange);
    else if (request->conn != NULL)
        ee_conn_resume(request->conn);
}

static void http_event(struct ee_gateway_request *request, const struct ee_tunnel_event *event)
{
    if (event->kind == EE_TUNNEL_EVENT_HEAD)
        on_head(request, event);
    else if (event->kind == EE_TUNNEL_EVENT_DATA)
        on_data(request, event);
    else if (event->kind == EE_TUNNEL_EVENT_TRAILERS)
        on_trailers(request, event);
    if (event->kind != EE_TUNNEL_EVENT_TRAILERS && event->end &&
        (request->status >= 200 || request->raw))
        finish_answer(request, NULL);
}

void ee_gateway_on_stream(const struct ee_tunnel_event *event)
{
    struct ee_gateway_request *request = event->stream_context;
    if (event->kind == EE_TUNNEL_EVENT_RESET) {
        on_reset(request, event);
    } else if (event->kind == EE_TUNNEL_EVENT_FINISHED) {
        request->link = NULL;
        ee_gateway_replica_leave(request);
        ee_gateway_request_settle(request);
    } else if (event->kind == EE_TUNNEL_EVENT_WRITABLE) {
        on_stream_writable(request);
    } else if (request->conn != NULL) {
        ee_gateway_raw_event(request, event);
    } else {
        http_event(request, event);
    }
}

void ee_gateway_refuse_stream(struct ee_tunnel_link *link, const struct ee_tunnel_event *event)
{
    enum ee_err err = ee_tunnel_reset(ee_tunnel_link_tunnel(link), event->stream, EE_TUNNEL_REFUSED,
                                      "the control plane takes no streams");
    if (err == EE_OK)
        ee_tunnel_link_flush(link);
}
