/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of HTTP/2 at the server: http2_session.c (nghttp2's callbacks), http2_budget.c (floods),
 * http2_stream.c (exchanges), http2_answer.c (what goes out), http2_connection.c (over a
 * connection). The session knows no socket and no clock, so that a fuzzer can drive it. */
#ifndef EE_LINK_HTTP2_INTERNAL_H
#define EE_LINK_HTTP2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "http/http2.h"
#include "link/http_server_internal.h"

enum {
    EE_HTTP2_STREAMS_MAX = 100,               /* of one connection at a time */
    EE_HTTP2_STREAMS_TOTAL_MAX = 8192,        /* of one server */
    EE_HTTP2_STREAM_WINDOW = 256 * 1024,      /* a client may send ahead, of one stream */
    EE_HTTP2_CONNECTION_WINDOW = 1024 * 1024, /* and of one connection */
    EE_HTTP2_HELD_MAX = 64 * 1024 * 1024,     /* of bodies no owner takes, whole server */
    EE_HTTP2_OUT_STREAM = 64 * 1024,          /* answer waiting of one stream until not writable */
    EE_HTTP2_OUT_CONNECTION = 1024 * 1024,    /* of one connection */
    EE_HTTP2_OUT_TOTAL = 64 * 1024 * 1024,    /* of the server; then one piece a stream */
    EE_HTTP2_OUT_MAX = 8 * 1024 * 1024,       /* of one stream, EE_FULL above */
    EE_HTTP2_SECTION_MAX = 256 * 1024, /* a field section out of HPACK; ends the connection */
    EE_HTTP2_FRAMES_QUEUED_MAX = 1024, /* answers a client makes us owe, not yet sent */

    /* Budgets of a connection: what comes beyond ends it with ENHANCE_YOUR_CALM. */
    EE_HTTP2_CONTROL_BURST = 1000, /* frames that carry nothing: PING, SETTINGS, empty DATA, ... */
    EE_HTTP2_CONTROL_PER_S = 100,
    EE_HTTP2_CONTROL_PER_DATA = 4, /* earned by each DATA frame we send: it is answered */
    EE_HTTP2_RESET_BURST = 100,    /* streams the client resets, or makes us reset */
    EE_HTTP2_RESET_PER_S = 20,
};

/* Of all connections of a server. */
struct ee_http2_shared {
    size_t streams;
    size_t held; /* received, not taken by an owner */
    size_t out;  /* written by owners, not sent */
};

struct ee_http2_host {
    struct ee_http2_shared *shared;
    struct ee_http_head *scratch;
    const struct ee_http_server_options *options; /* request, refusal, context, stall_ms */
    struct ee_conn *conn;                         /* for exchanges; NULL under a fuzzer */
    enum ee_err (*write)(void *context, struct ee_bytes bytes);
    bool (*writable)(void *context); /* takes more now */
    void (*later)(void *context);    /* call ee_http2_work() before the loop waits */
    uint64_t (*now_us)(void *context);
    void *context;
};

struct ee_http2_budget {
    uint64_t at_us;
    int64_t left; /* in thousandths */
};

struct ee_http2_stream {
    struct ee_http_exchange exchange; /* first */
    struct ee_http2 *session;
    struct ee_http2_stream *next, *previous;
    int32_t id;
    bool head_done;       /* the request's */
    bool ended;           /* END_STREAM came */
    bool aborted, told;   /* RST_STREAM is on its way; with a code of ours already */
    bool end_queued;      /* `out` is all there will be */
    bool end_sent;        /* END_STREAM went */
    bool blocked;         /* the owner waits for `writable` */
    uint64_t moved_us;    /* the last octet in or out */
    size_t owed;          /* delivered, not yet credited */
    struct ee_buffer in;  /* received while the owner paused */
    struct ee_buffer out; /* from the owner */
    struct ee_http_head *in_trailers, *out_trailers;
    struct ee_http_head *out_head; /* until it is submitted */
};

struct ee_http2 {
    struct ee_http2_host host;
    nghttp2_session *session;
    struct ee_http2_stream *streams;
    size_t count;
    struct ee_http2_reader *reader; /* while a field section comes */
    struct ee_http2_budget control, resets;
    size_t out; /* of all streams */
    bool preface, section_open, draining, drained, calm, over;
    uint64_t section_us; /* when the field section in progress began, or the connection */
    uint64_t idle_us;    /* since when there is no stream */
    uint64_t drain_us, calm_us;
    int32_t section_stream;
    size_t section_size;
    uint8_t wire_header[9]; /* of the frame that is coming */
    size_t wire_have, wire_left;
    int32_t last_stream, gap_first, gap_last; /* of the client's; the gap nearest below */
};

/* NULL: no memory. */
struct ee_http2 *ee_http2_new(const struct ee_http2_host *host);
/* Every exchange hears `gone` with `err`. */
void ee_http2_free(struct ee_http2 *h, enum ee_err err);
/* Bytes from the client. What is wrong with them is answered by ee_http2_work(). */
void ee_http2_receive(struct ee_http2 *h, struct ee_bytes bytes);
/* Delivers what waited for owners and sends what may go. */
void ee_http2_work(struct ee_http2 *h);
/* Everything is said, or nothing can be: close the connection. */
bool ee_http2_over(const struct ee_http2 *h);
/* No new streams; GOAWAY with the last one now, or, with streams, once those crossing have come. */
void ee_http2_drain(struct ee_http2 *h);
/* Deadlines; call every few seconds. `header_us`, `idle_us`, `stall_us`: the limits. */
void ee_http2_tick(struct ee_http2 *h, uint64_t header_us, uint64_t idle_us, uint64_t stall_us);
void ee_http2_calm(struct ee_http2 *h, uint32_t code); /* GOAWAY with this code, then the end */

/* http2_budget.c */
/* Looks at every frame of what was received. */
void ee_http2_count(struct ee_http2 *h, struct ee_bytes bytes);
void ee_http2_spend_control(struct ee_http2 *h);
void ee_http2_spend_reset(struct ee_http2 *h);

/* http2_stream.c */
/* A copy of what is used; NULL: no memory. */
struct ee_http_head *ee_http2_head_keep(const struct ee_http_head *from);
struct ee_http2_stream *ee_http2_stream_new(struct ee_http2 *h, int32_t id);
void ee_http2_stream_gone(struct ee_http2_stream *stream, enum ee_err err);
/* The request's head is complete. */
void ee_http2_stream_head(struct ee_http2_stream *stream, bool end);
void ee_http2_stream_trailers(struct ee_http2_stream *stream);
void ee_http2_stream_body(struct ee_http2_stream *stream, struct ee_bytes bytes);
void ee_http2_stream_ended(struct ee_http2_stream *stream);
void ee_http2_stream_deliver(struct ee_http2_stream *stream);
/* RST_STREAM; `gone` follows. */
void ee_http2_stream_reset(struct ee_http2_stream *stream, uint32_t code, enum ee_err err);
/* An answer of ours, or a reset when one has begun. */
void ee_http2_stream_fail(struct ee_http2_stream *stream, enum ee_err err, uint16_t status,
                          const char *text);

/* http2_answer.c */
extern const struct ee_http_exchange_ops ee_http2_exchange_ops;
int ee_http2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
                       size_t length, nghttp2_data_source *source, void *context);
void ee_http2_head_send(struct ee_http2_stream *stream);
void ee_http2_writable_tell(struct ee_http2_stream *stream);

/* http2_connection.c */
struct ee_http2_connection;
/* Takes the connection over with what was received. False: no memory. */
bool ee_http2_connection_start(struct ee_http_server *server, struct ee_conn *conn,
                               struct ee_bytes received);
void ee_http2_connections_drain(struct ee_http_server *server);
void ee_http2_connections_free(struct ee_http_server *server);
/* Ends one that has no request; false: none has. */
bool ee_http2_connections_make_room(struct ee_http_server *server);

#endif
