/* SPDX-License-Identifier: Apache-2.0 */
/* One local connection and its connection to the gateway. Requests are parsed to rewrite Host and
 * taken one at a time: the next waits until the answer, which passes as it is, was complete. */
#include "client/proxy_internal.h"

#include <stdlib.h>
#include <string.h>

#include "io/buffer.h"

#include "base/banned.h"

enum { HELD_MAX = 64 * 1024 };

struct ee_client_link {
    struct ee_client_proxy *proxy;
    struct ee_client_link *next;
    struct ee_conn *local, *remote; /* NULL once closed */
    struct ee_http_parser *requests, *answers;
    struct ee_buffer held; /* from the local side, not parsed yet */
    struct ee_http_head trailers;
    bool has_trailers;
    bool verified; /* the remote side shows the bound key */
    bool waiting;  /* for a new verification */
    bool chunked;  /* body of the request in progress */
    bool asking;   /* a request was begun and its answer is not complete */
    bool asked;    /* that request is complete */
    bool answered; /* its answer is complete */
    bool upgrade_asked;
    bool opaque;      /* passthrough, or after 101: no HTTP (any more) */
    bool passthrough; /* bytes from the start, each direction ending by itself */
    bool local_ended;
};

static void pump(struct ee_client_link *link);

/* ---- life ---- */

static void link_remove(struct ee_client_link *link)
{
    struct ee_client_link **at = &link->proxy->links;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    ee_http_parser_free(link->requests);
    ee_http_parser_free(link->answers);
    ee_buffer_close(&link->held);
    free(link);
}

static void drop_remote(struct ee_client_link *link)
{
    if (!link->remote)
        return;
    ee_conn_set_events(link->remote, NULL, NULL);
    ee_conn_abort(link->remote, EE_CLOSED);
    link->remote = NULL;
    link->verified = false;
}

/* Ends both sides; what the local one was sent still arrives. */
static void end(struct ee_client_link *link)
{
    drop_remote(link);
    link->waiting = false;
    if (link->local)
        ee_conn_close(link->local, EE_OK);
}

/* An answer of our own, when none of the gateway has begun. */
static void refuse(struct ee_client_link *link, unsigned status, const char *text)
{
    char answer[256];
    int size = snprintf(answer, sizeof(answer),
                        "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\nee connect: %s\n",
                        status, ee_http_reason((uint16_t)status), strlen(text) + 13, text);
    if (link->passthrough) { /* nothing that the app's protocol could take for its own */
        drop_remote(link);
        link->waiting = false;
        if (link->local)
            ee_conn_abort(link->local, EE_CLOSED);
        return;
    }
    if (link->local && size > 0 && (size_t)size < sizeof(answer))
        if (ee_conn_write(link->local, ee_bytes_of(answer, (size_t)size)) != EE_OK)
            ee_conn_abort(link->local, EE_CLOSED);
    end(link);
}

static void fail(struct ee_client_link *link, unsigned status, const char *text)
{
    if (!link->passthrough && (link->opaque || link->asked))
        end(link); /* an answer may have begun: a cut is all that can be said */
    else
        refuse(link, status, text);
}

/* ---- from the gateway ---- */

static void exchange_done(struct ee_client_link *link)
{
    if (!link->asked || !link->answered)
        return;
    link->asking = link->asked = link->answered = false;
    if (link->upgrade_asked)
        ee_http_parser_resume(link->requests);
    link->upgrade_asked = false;
    if (link->local_ended && link->held.size == 0)
        end(link);
}

/* Only looks: the bytes pass as they came. False: they are no HTTP. */
static bool answer_watch(struct ee_client_link *link, struct ee_bytes bytes)
{
    struct ee_http_event event;
    size_t used;
    do {
        if (link->opaque)
            return true;
        if (ee_http_parser_next(link->answers, bytes, &used, &event) != EE_OK)
            return false;
        bytes = ee_bytes_of(bytes.data + used, bytes.size - used);
        link->answered = link->answered || event.kind == EE_HTTP_EVENT_END;
        link->opaque = event.kind == EE_HTTP_EVENT_UPGRADE;
    } while (event.kind != EE_HTTP_EVENT_NONE);
    return true;
}

static void remote_data(void *context, struct ee_conn *conn, struct ee_bytes bytes)
{
    struct ee_client_link *link = context;
    if (!link->local || !answer_watch(link, bytes) || ee_conn_write(link->local, bytes) != EE_OK) {
        end(link);
        return;
    }
    if (!ee_conn_writable(link->local))
        ee_conn_pause(conn);
    exchange_done(link);
    pump(link);
}

static void remote_open(void *context, struct ee_conn *conn)
{
    struct ee_client_link *link = context;
    uint8_t shown[32];
    if (ee_conn_peer_key_hash(conn, shown) == EE_OK &&
        memcmp(shown, link->proxy->key_hash, sizeof(shown)) == 0) {
        link->verified = true;
        pump(link);
        return;
    }
    drop_remote(link); /* not a byte to a key that nothing vouches for */
    link->waiting = true;
    link->proxy->reverify = true;
    link->proxy->wake = true;
}

static void remote_drained(void *context, struct ee_conn *conn)
{
    struct ee_client_link *link = context;
    (void)conn;
    if (link->local && !link->local_ended)
        ee_conn_resume(link->local);
    pump(link);
}

/* The end of the connection may be the end of the answer's body. */
static void remote_ended(void *context, struct ee_conn *conn)
{
    struct ee_client_link *link = context;
    (void)conn;
    if (link->passthrough && link->local)
        ee_conn_finish(link->local);
    else
        end(link);
}

static void remote_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_client_link *link = context;
    (void)conn;
    link->remote = NULL;
    if (link->passthrough && link->local && err == EE_OK)
        return; /* both directions have ended, so it closes too */
    if (link->local)
        fail(link, 502, link->verified ? "the gateway closed" : "the gateway does not answer");
    else
        link_remove(link);
}

static const struct ee_conn_events remote_events = {.open = remote_open,
                                                    .data = remote_data,
                                                    .drained = remote_drained,
                                                    .ended = remote_ended,
                                                    .closed = remote_closed};

static void dial(struct ee_client_link *link)
{
    struct ee_client_proxy *proxy = link->proxy;
    const struct ee_conn_connect_options options = {
        .address = proxy->gateway.address, .tls = proxy->tls, .server_name = proxy->host};
    link->waiting = false;
    if (ee_conn_connect(proxy->loop, &options, &remote_events, link, &link->remote) != EE_OK)
        refuse(link, 502, "the gateway cannot be dialled");
}

/* ---- from the local side ---- */

static enum ee_err head_forward(struct ee_client_link *link, const struct ee_http_event *event)
{
    struct ee_client_proxy *proxy = link->proxy;
    struct ee_writer writer;
    ee_http_head_copy(&proxy->head, event->head);
    EE_TRY(ee_http_head_set(&proxy->head, "Host", ee_bytes_str(proxy->host)));
    ee_writer_init(&writer, proxy->wire, sizeof(proxy->wire));
    EE_TRY(ee_http_request_write(&writer, &proxy->head));
    bool is_head = ee_http_equal(ee_http_head_method(event->head), "HEAD");
    ee_http_parser_expect(link->answers, is_head, event->upgrade);
    link->asking = true;
    link->chunked = event->chunked;
    link->upgrade_asked = event->upgrade;
    link->has_trailers = false;
    return ee_conn_write(link->remote, ee_writer_done(&writer));
}

static enum ee_err body_forward(struct ee_client_link *link, struct ee_bytes body)
{
    char size_line[EE_HTTP_CHUNK_OVERHEAD];
    if (!link->chunked)
        return ee_conn_write(link->remote, body);
    int size = snprintf(size_line, sizeof(size_line), "%zx\r\n", body.size);
    EE_TRY(ee_conn_write(link->remote, ee_bytes_of(size_line, (size_t)size)));
    EE_TRY(ee_conn_write(link->remote, body));
    return ee_conn_write(link->remote, ee_bytes_str("\r\n"));
}

static enum ee_err end_forward(struct ee_client_link *link)
{
    struct ee_client_proxy *proxy = link->proxy;
    struct ee_writer writer;
    link->asked = true;
    if (!link->chunked)
        return EE_OK;
    ee_writer_init(&writer, proxy->wire, sizeof(proxy->wire));
    EE_TRY(ee_http_chunk_end_write(&writer, link->has_trailers ? &link->trailers : NULL));
    return ee_conn_write(link->remote, ee_writer_done(&writer));
}

static enum ee_err event_forward(struct ee_client_link *link, const struct ee_http_event *event)
{
    switch (event->kind) {
    case EE_HTTP_EVENT_NONE:
        return EE_OK;
    case EE_HTTP_EVENT_HEAD:
        return head_forward(link, event);
    case EE_HTTP_EVENT_BODY:
        return body_forward(link, event->body);
    case EE_HTTP_EVENT_TRAILERS:
        ee_http_head_copy(&link->trailers, event->head);
        link->has_trailers = true;
        return EE_OK;
    case EE_HTTP_EVENT_END:
    case EE_HTTP_EVENT_UPGRADE:
        return end_forward(link);
    }
    return EE_OK;
}

/* Takes one event out of what is held. False: nothing more now. */
static bool pump_event(struct ee_client_link *link)
{
    struct ee_http_event event;
    size_t used = 0;
    struct ee_bytes held = ee_buffer_bytes(&link->held);
    if (ee_http_parser_next(link->requests, held, &used, &event) != EE_OK) {
        const char *text = ee_http_rule_text(ee_http_parser_rule(link->requests));
        fail(link, ee_http_rule_status(ee_http_parser_rule(link->requests)), text);
        return false;
    }
    enum ee_err err = event_forward(link, &event); /* may borrow what is held */
    ee_buffer_consume(&link->held, used);
    if (err != EE_OK) {
        fail(link, 502, "the gateway takes no more");
        return false;
    }
    if (event.kind == EE_HTTP_EVENT_END || event.kind == EE_HTTP_EVENT_UPGRADE)
        exchange_done(link);
    return event.kind != EE_HTTP_EVENT_NONE && link->remote != NULL;
}

static void pump_opaque(struct ee_client_link *link)
{
    if (link->held.size && ee_conn_write(link->remote, ee_buffer_bytes(&link->held)) != EE_OK) {
        end(link);
        return;
    }
    ee_buffer_consume(&link->held, link->held.size);
    if (link->local_ended)
        ee_conn_finish(link->remote);
}

static void pump(struct ee_client_link *link)
{
    bool more = true;
    while (more && link->local && link->remote && link->verified &&
           ee_conn_writable(link->remote)) {
        if (link->opaque) {
            pump_opaque(link);
            break;
        }
        more = !link->asked && pump_event(link);
    }
    if (!link->local || link->local_ended)
        return;
    if (link->held.size > HELD_MAX)
        ee_conn_pause(link->local);
    else if (ee_conn_paused(link->local))
        ee_conn_resume(link->local);
}

static void local_data(void *context, struct ee_conn *conn, struct ee_bytes bytes)
{
    struct ee_client_link *link = context;
    (void)conn;
    if (ee_buffer_append(&link->held, bytes) != EE_OK)
        end(link);
    else
        pump(link);
}

static void local_drained(void *context, struct ee_conn *conn)
{
    struct ee_client_link *link = context;
    (void)conn;
    if (link->remote)
        ee_conn_resume(link->remote);
}

static void local_ended(void *context, struct ee_conn *conn)
{
    struct ee_client_link *link = context;
    (void)conn;
    link->local_ended = true;
    if (!link->opaque && !link->asking && link->held.size == 0)
        end(link);
    else
        pump(link);
}

static void local_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct ee_client_link *link = context;
    (void)conn;
    link->local = NULL;
    if (link->passthrough && link->remote && err == EE_OK) { /* what it sent still arrives */
        ee_conn_set_events(link->remote, NULL, NULL);
        ee_conn_close(link->remote, EE_OK);
        link->remote = NULL;
    }
    drop_remote(link);
    link_remove(link);
}

static const struct ee_conn_events local_events = {
    .data = local_data, .drained = local_drained, .ended = local_ended, .closed = local_closed};

void ee_client_link_accept(struct ee_client_proxy *proxy, struct ee_conn *local)
{
    struct ee_client_link *link = calloc(1, sizeof(*link));
    if (!link)
        return; /* without an owner it is reset */
    link->proxy = proxy;
    link->opaque = link->passthrough = proxy->agent != NULL;
    link->requests = ee_http_parser_new(&ee_allocator_system, EE_HTTP_SERVER);
    link->answers = ee_http_parser_new(&ee_allocator_system, EE_HTTP_CLIENT);
    link->next = proxy->links;
    proxy->links = link;
    if (!link->requests || !link->answers) {
        link_remove(link);
        return;
    }
    link->local = local;
    ee_conn_set_events(local, &local_events, link);
    dial(link);
}

void ee_client_links_redial(struct ee_client_proxy *proxy)
{
    for (struct ee_client_link *link = proxy->links; link; link = link->next)
        if (link->waiting)
            dial(link);
}

void ee_client_links_refuse_waiting(struct ee_client_proxy *proxy)
{
    for (struct ee_client_link *link = proxy->links; link; link = link->next)
        if (link->waiting)
            refuse(link, 502, "the control plane does not answer");
}

void ee_client_links_free(struct ee_client_proxy *proxy)
{
    struct ee_client_link *next;
    for (struct ee_client_link *link = proxy->links; link; link = next) {
        next = link->next;
        drop_remote(link);
        if (link->local) {
            ee_conn_set_events(link->local, NULL, NULL);
            ee_conn_abort(link->local, EE_CLOSED);
        }
        link_remove(link);
    }
}
