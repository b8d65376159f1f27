/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backend_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backend_h2.h"
#include "attest/evidence_ask.h"
#include "io/buffer.h"
#include "io/conn.h"
#include "io/tls_pipe.h"

#include "base/banned.h"

enum {
    PIECE_SIZE = 16 * 1024,
    PENDING_MAX = 1024 * 1024, /* what a client that does not read may make TLS answer */
};

/* Label of docs/spec/evidence.md, as link/attest_channel.h has it for connections of ours. */
static const char exporter_label[] = "EXPORTER-easyenclave-attest-v1";

struct tls_stream {
    ee_backend_stream_fn on_event; /* first: what backend_h2.h says of contexts */
    struct ee_backend_tls *owner;
    struct tls_stream *next, *previous;
    struct ee_tunnel *tunnel; /* NULL once the stream is gone there */
    uint32_t id;
    uint16_t port;
    struct ee_tls_pipe *pipe;
    struct ee_conn *conn; /* to the workload */
    struct ee_timer *timer;
    bool open;        /* the handshake is done and it is decided what this is */
    bool asks;        /* for evidence */
    bool asked;       /* and the question is with the host */
    bool input_ended; /* the client has ended its direction (close_notify) */
    bool finished;    /* our direction ends behind what is left to send */
    bool end_sent;
    bool broken;           /* TLS failed; only its alert still goes out */
    size_t owed;           /* cipher text received and not yet reported as consumed */
    struct ee_buffer rest; /* cipher text the tunnel did not take yet */
    struct ee_buffer question;
};

struct ee_backend_tls {
    struct ee_loop *loop;
    struct ee_backend_host host;
    struct tls_stream *first;
    uint8_t piece[PIECE_SIZE];
};

/* ---- life ---- */

static void stream_free(struct tls_stream *s)
{
    if (s->asked)
        s->owner->host.evidence_forget(s->owner->host.context, s);
    if (s->conn) {
        ee_conn_set_events(s->conn, NULL, NULL);
        ee_conn_abort(s->conn, EE_CLOSED);
    }
    if (s->tunnel)
        (void)!ee_tunnel_stream_context_set(s->tunnel, s->id, NULL);
    if (s->previous)
        s->previous->next = s->next;
    else
        s->owner->first = s->next;
    if (s->next)
        s->next->previous = s->previous;
    ee_timer_free(s->timer);
    ee_tls_pipe_free(s->pipe);
    ee_buffer_close(&s->rest);
    ee_buffer_close(&s->question);
    free(s);
}

static void fail(struct tls_stream *s, enum ee_tunnel_code code, const char *text)
{
    const struct ee_backend_host host = s->owner->host;
    if (s->tunnel)
        (void)!ee_tunnel_reset(s->tunnel, s->id, code, text);
    s->tunnel = NULL;
    stream_free(s);
    host.flush(host.context);
}

static void timed_out(void *context)
{
    fail(context, EE_TUNNEL_TIMEOUT, "no handshake, or no question, in time");
}

/* ---- to the client ---- */

static enum ee_err rest_send(struct tls_stream *s)
{
    size_t taken = 0;
    EE_TRY(ee_tunnel_data_send(s->tunnel, s->id, ee_buffer_bytes(&s->rest), false, &taken));
    ee_buffer_consume(&s->rest, taken);
    return EE_OK;
}

static enum ee_err end_send(struct tls_stream *s)
{
    size_t taken;
    s->end_sent = true;
    return ee_tunnel_data_send(s->tunnel, s->id, ee_bytes_of(NULL, 0), true, &taken);
}

/* Moves cipher text into the tunnel as far as that takes it. */
static enum ee_err output_send(struct tls_stream *s)
{
    uint8_t *piece = s->owner->piece;
    while (!s->end_sent) {
        if (s->rest.size > 0)
            EE_TRY(rest_send(s));
        if (s->rest.size > 0)
            break;
        const size_t size = ee_tls_pipe_output(s->pipe, piece, PIECE_SIZE);
        if (size == 0)
            break;
        EE_TRY(ee_buffer_append(&s->rest, ee_bytes_of(piece, size)));
    }
    if (s->finished && s->rest.size == 0 && !s->end_sent)
        EE_TRY(end_send(s));
    return EE_OK;
}

/* False: the stream failed and is gone. */
static bool output_move(struct tls_stream *s)
{
    if (output_send(s) != EE_OK) {
        fail(s, EE_TUNNEL_INTERNAL, "an answer could not be passed on");
        return false;
    }
    if (s->conn && ee_conn_paused(s->conn) && s->rest.size == 0)
        ee_conn_resume(s->conn);
    s->owner->host.flush(s->owner->host.context);
    return true;
}

/* ---- the workload's side ---- */

static bool input_move(struct tls_stream *s);

static void conn_open(void *context, struct ee_conn *conn)
{
    struct tls_stream *s = context;
    if (!input_move(s))
        return;
    if (s->input_ended) /* while it was being dialled */
        ee_conn_finish(conn);
    (void)output_move(s);
}

static void conn_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct tls_stream *s = context;
    if (ee_tls_pipe_write(s->pipe, data) != EE_OK) {
        fail(s, EE_TUNNEL_INTERNAL, "an answer could not be encrypted");
        return;
    }
    if (output_move(s) && s->rest.size > 0)
        ee_conn_pause(conn);
}

static void conn_drained(void *context, struct ee_conn *conn)
{
    struct tls_stream *s = context;
    (void)conn;
    if (input_move(s))
        (void)output_move(s);
}

static void conn_ended(void *context, struct ee_conn *conn)
{
    struct tls_stream *s = context;
    (void)conn;
    ee_tls_pipe_finish(s->pipe);
    s->finished = true;
    (void)output_move(s);
}

/* Before its end the client must not take what it got for all; after it nobody takes what the
 * client may still send. */
static void conn_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct tls_stream *s = context;
    (void)conn;
    s->conn = NULL;
    if (err == EE_CONNECT)
        fail(s, EE_TUNNEL_BACKEND_REFUSED, "the app does not take connections");
    else if (!s->finished)
        fail(s, EE_TUNNEL_BACKEND_CLOSED, "the app broke the connection");
    else if (input_move(s))
        (void)output_move(s);
}

static const struct ee_conn_events conn_events = {.open = conn_open,
                                                  .data = conn_data,
                                                  .drained = conn_drained,
                                                  .ended = conn_ended,
                                                  .closed = conn_closed};

static enum ee_err dial(struct tls_stream *s)
{
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)s->port);
    const struct ee_conn_connect_options options = {.address = address};
    return ee_conn_connect(s->owner->loop, &options, &conn_events, s, &s->conn);
}

/* ---- evidence ---- */

static enum ee_err answer_write(struct tls_stream *s, enum ee_err err, struct ee_bytes text)
{
    uint8_t head[EE_EVIDENCE_ANSWER_HEAD_MAX];
    size_t size;
    struct ee_evidence_answer answer = {.document = text};
    if (err != EE_OK) {
        (void)snprintf(answer.error, sizeof(answer.error), "%s", ee_err_name(err));
        answer.document.size = 0;
    }
    EE_TRY(ee_evidence_answer_head_encode(&answer, head, &size));
    EE_TRY(ee_tls_pipe_write(s->pipe, ee_bytes_of(head, size)));
    return ee_tls_pipe_write(s->pipe, answer.document);
}

/* The client has as long to read it as the quote may take. */
static enum ee_err answer(struct tls_stream *s, enum ee_err err, struct ee_bytes text)
{
    s->asked = false;
    ee_timer_start(s->timer, EE_BACKEND_TLS_EVIDENCE_MS, 0);
    EE_TRY(answer_write(s, err, text));
    ee_tls_pipe_finish(s->pipe);
    s->finished = true;
    return EE_OK;
}

static void on_evidence(void *context, enum ee_err err, struct ee_bytes text)
{
    struct tls_stream *s = context;
    if (answer(s, err, text) == EE_OK)
        (void)output_move(s);
    else
        fail(s, EE_TUNNEL_INTERNAL, "the evidence could not be sent");
}

static enum ee_err question_take(struct tls_stream *s, struct ee_bytes bytes)
{
    uint8_t challenge[32], exporter[EE_TLS_EXPORTER_SIZE];
    const struct ee_backend_host *host = &s->owner->host;
    if (s->asked || s->finished)
        return EE_TRAILING;
    EE_TRY(ee_buffer_append(&s->question, bytes));
    const enum ee_err decoded = ee_evidence_ask_decode(ee_buffer_bytes(&s->question), challenge);
    if (decoded == EE_TRUNCATED)
        return EE_OK; /* it goes on */
    EE_TRY(decoded);
    EE_TRY(ee_tls_pipe_exporter(s->pipe, exporter_label, exporter));
    s->asked = true;
    const enum ee_err err = host->evidence(host->context, challenge, exporter, on_evidence, s);
    return err == EE_OK ? EE_OK : answer(s, err, ee_bytes_of(NULL, 0));
}

/* ---- from the client ---- */

/* The handshake is done: whom is this for? */
static enum ee_err opened(struct tls_stream *s)
{
    char protocol[EE_TLS_PROTOCOL_SIZE];
    ee_tls_pipe_protocol(s->pipe, protocol);
    s->open = true;
    s->asks = strcmp(protocol, EE_EVIDENCE_PROTOCOL) == 0;
    if (s->asks) {
        ee_timer_start(s->timer, EE_BACKEND_TLS_EVIDENCE_MS, 0);
        return EE_OK;
    }
    ee_timer_stop(s->timer);
    return dial(s);
}

/* May plain text be taken now? */
static bool takes(const struct tls_stream *s)
{
    if (!s->open || s->asks || s->input_ended || s->broken)
        return true;
    return s->conn ? ee_conn_writable(s->conn) : s->finished;
}

static void client_ended(struct tls_stream *s)
{
    s->input_ended = true;
    if (s->conn)
        ee_conn_finish(s->conn);
}

/* One piece. EE_NOT_FOUND: nothing more now. */
static enum ee_err piece_move(struct tls_stream *s)
{
    size_t size;
    uint8_t *piece = s->owner->piece;
    const enum ee_err err = ee_tls_pipe_read(s->pipe, piece, PIECE_SIZE, &size);
    if (!s->open && ee_tls_pipe_is_open(s->pipe)) {
        EE_TRY(opened(s));
        if (err == EE_OK && size > 0 && !s->asks) /* a first piece right behind the handshake */
            return ee_buffer_append(&s->question, ee_bytes_of(piece, size));
    }
    if (err == EE_CLOSED && !s->input_ended) {
        client_ended(s);
        return EE_NOT_FOUND;
    }
    EE_TRY(err);
    if (size == 0)
        return EE_NOT_FOUND;
    if (!s->asks) /* without a connection it is discarded */
        return s->conn ? ee_conn_write(s->conn, ee_bytes_of(piece, size)) : EE_OK;
    return question_take(s, ee_bytes_of(piece, size));
}

/* What came before the workload was connected goes first. */
static enum ee_err early_move(struct tls_stream *s)
{
    if (s->asks || s->question.size == 0 || !takes(s))
        return EE_OK;
    if (s->conn)
        EE_TRY(ee_conn_write(s->conn, ee_buffer_bytes(&s->question)));
    ee_buffer_close(&s->question);
    return EE_OK;
}

/* Its alert, then the end; the time of a handshake is left for both. */
static void broken(struct tls_stream *s)
{
    s->broken = s->finished = true;
    ee_timer_start(s->timer, EE_BACKEND_TLS_HANDSHAKE_MS, 0);
    if (s->conn) {
        ee_conn_set_events(s->conn, NULL, NULL);
        ee_conn_abort(s->conn, EE_TLS);
        s->conn = NULL;
    }
}

/* Decrypts what the workload's connection takes, and gives credit for it. False: the stream failed
 * and is gone. */
static bool input_move(struct tls_stream *s)
{
    enum ee_err err = early_move(s);
    while (err == EE_OK && takes(s) && !s->input_ended && !s->broken)
        err = piece_move(s);
    if (err == EE_TLS) {
        broken(s);
    } else if (err != EE_OK && err != EE_NOT_FOUND) {
        fail(s, EE_TUNNEL_PROTOCOL, "what the client sent could not be passed on");
        return false;
    }
    if (s->owed > 0 && takes(s)) {
        (void)!ee_tunnel_consumed(s->tunnel, s->id, s->owed);
        s->owed = 0;
    }
    return true;
}

static void data_take(struct tls_stream *s, const struct ee_tunnel_event *event)
{
    s->owed += event->data.size;
    if (ee_tls_pipe_receive(s->pipe, event->data) != EE_OK) {
        fail(s, EE_TUNNEL_INTERNAL, "out of memory");
        return;
    }
    if (!input_move(s))
        return;
    if (ee_tls_pipe_pending(s->pipe) > PENDING_MAX) {
        fail(s, EE_TUNNEL_OVERLOAD, "the client asks for answers and does not read");
        return;
    }
    if (event->end && !s->input_ended && !s->finished && takes(s)) {
        /* RFC 8446 section 6.1: cut off, which must not look like an end. */
        fail(s, EE_TUNNEL_CANCELLED, "the client ended without close_notify");
        return;
    }
    (void)output_move(s);
}

static void stream_event(void *context, const struct ee_tunnel_event *event)
{
    struct tls_stream *s = context;
    if (event->kind == EE_TUNNEL_EVENT_DATA) {
        data_take(s, event);
    } else if (event->kind == EE_TUNNEL_EVENT_WRITABLE) {
        (void)output_move(s);
    } else if (event->kind == EE_TUNNEL_EVENT_RESET || event->kind == EE_TUNNEL_EVENT_FINISHED) {
        s->tunnel = NULL; /* it has forgotten the stream */
        stream_free(s);
    }
}

bool ee_backend_tls_open(struct ee_backend_tls *owner, struct ee_tunnel *tunnel,
                         const struct ee_tunnel_event *event, uint16_t port)
{
    struct ee_tls *tls = owner->host.tls_of(owner->host.context, event->open->server_name);
    struct tls_stream *s = tls ? calloc(1, sizeof(*s)) : NULL;
    if (!s)
        return false;
    *s = (struct tls_stream){
        .on_event = stream_event, .owner = owner, .id = event->stream, .port = port};
    s->next = owner->first;
    if (s->next)
        s->next->previous = s;
    owner->first = s;
    if (ee_timer_new(owner->loop, timed_out, s, &s->timer) != EE_OK ||
        ee_tls_pipe_new(tls, &s->pipe) != EE_OK ||
        ee_tunnel_stream_context_set(tunnel, event->stream, s) != EE_OK) {
        stream_free(s);
        return false;
    }
    s->tunnel = tunnel;
    ee_timer_start(s->timer, EE_BACKEND_TLS_HANDSHAKE_MS, 0);
    return true;
}

struct ee_backend_tls *ee_backend_tls_new(struct ee_loop *loop, const struct ee_backend_host *host)
{
    struct ee_backend_tls *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return NULL;
    tls->loop = loop;
    tls->host = *host;
    return tls;
}

void ee_backend_tls_free(struct ee_backend_tls *tls)
{
    while (tls && tls->first) {
        tls->first->tunnel = NULL;
        stream_free(tls->first);
    }
    free(tls);
}
