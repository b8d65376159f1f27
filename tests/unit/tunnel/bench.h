/* SPDX-License-Identifier: Apache-2.0 */
/* One engine on the bench: frames are put in by hand, events and frames that come out are written
 * down as text. Events: "hello open:1 data:1:5 end head:1:200 trailers:1 writable:1 reset:1:refused
 * finished:1 goaway:3 rtt:7 control:2 closed:protocol". Frames: "HELLO OPEN:2 HEAD:1 DATA:1:5 END
 * TRAILERS:1 RESET:1:refused WINDOW:0:5 PING PONG GOAWAY:5 CONTROL:3", a message ending in "/". */
#ifndef EE_TESTS_TUNNEL_BENCH_H
#define EE_TESTS_TUNNEL_BENCH_H

#include <stdarg.h>
#include <stdlib.h>

#include "tap.h"
#include "tunnel/tunnel.h"

struct bench {
    struct ee_tunnel *t;
    char events[4000], frames[4000];
    uint8_t in[EE_TUNNEL_OUTPUT_MAX + 100];
    struct ee_writer w; /* the message being put together */
    uint64_t now_us;
    bool consume;    /* report DATA as consumed at once */
    bool reset_data; /* reset a stream from inside its DATA event */
};

__attribute__((format(printf, 2, 3))) static inline void bench_note(char text[4000],
                                                                    const char *format, ...)
{
    const size_t at = strlen(text);
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text + at, 4000 - at, format, list);
    va_end(list);
}

static inline void bench_event(void *context, struct ee_tunnel *t, const struct ee_tunnel_event *e)
{
    struct bench *b = context;
    static const char *const names[] = {"hello",    "control",  "open",     "head",
                                        "data",     "trailers", "writable", "reset",
                                        "finished", "goaway",   "rtt",      "closed"};
    bench_note(b->events, "%s", names[e->kind]);
    if (e->stream)
        bench_note(b->events, ":%u", e->stream);
    if (e->kind == EE_TUNNEL_EVENT_HEAD)
        bench_note(b->events, ":%u", e->head->status);
    if (e->kind == EE_TUNNEL_EVENT_DATA || e->kind == EE_TUNNEL_EVENT_CONTROL)
        bench_note(b->events, ":%zu", e->data.size);
    if (e->kind == EE_TUNNEL_EVENT_RESET || e->kind == EE_TUNNEL_EVENT_CLOSED)
        bench_note(b->events, ":%s", ee_tunnel_code_name(e->reason.code));
    if (e->kind == EE_TUNNEL_EVENT_GOAWAY)
        bench_note(b->events, ":%u", e->reason.last_stream);
    if (e->kind == EE_TUNNEL_EVENT_RTT)
        bench_note(b->events, ":%u", (unsigned)e->rtt_us);
    bench_note(b->events, e->end ? " end " : " ");
    if (e->kind == EE_TUNNEL_EVENT_DATA && b->consume)
        CHECK(ee_tunnel_consumed(t, e->stream, e->data.size) == EE_OK);
    if (e->kind == EE_TUNNEL_EVENT_DATA && b->reset_data)
        CHECK(ee_tunnel_reset(t, e->stream, EE_TUNNEL_CANCELLED, "enough") == EE_OK);
}

static inline void bench_begin(struct bench *b)
{
    ee_writer_init(&b->w, b->in, sizeof(b->in));
}

/* NULL: defaults. The agent role is the peer of a control plane's streams. */
static inline bool bench_open(struct bench *b, enum ee_tunnel_role role,
                              const struct ee_tunnel_config *config)
{
    struct ee_tunnel_config own;
    memset(b, 0, sizeof(*b));
    ee_tunnel_config_default(&own, role);
    b->now_us = 1000;
    b->t = ee_tunnel_new(&ee_allocator_system, config ? config : &own, bench_event, b, b->now_us);
    bench_begin(b);
    return b->t != NULL;
}

static inline void bench_close(struct bench *b)
{
    ee_tunnel_free(b->t);
}

/* Hands the message over and begins another. */
static inline enum ee_err bench_put(struct bench *b)
{
    const enum ee_err err = ee_tunnel_receive(b->t, ee_writer_done(&b->w), b->now_us);
    CHECK(b->w.err == EE_OK);
    bench_begin(b);
    return err;
}

static inline void bench_hello(struct ee_writer *w, uint32_t max_streams, uint32_t stream_window,
                               uint32_t connection_window)
{
    const struct ee_tunnel_hello hello = {.version_min = 1,
                                          .version_max = 3,
                                          .agent = ee_bytes_str("node-1"),
                                          .epoch = 7,
                                          .max_streams = max_streams,
                                          .stream_window = stream_window,
                                          .connection_window = connection_window};
    ee_tunnel_hello_encode(w, &hello);
}

static inline struct ee_tunnel_open bench_request(enum ee_tunnel_kind kind)
{
    const bool tcp = kind == EE_TUNNEL_KIND_TCP;
    return (struct ee_tunnel_open){.kind = kind,
                                   .app = ee_bytes_str("shop"),
                                   .instance = {1, 2, 3},
                                   .source = ee_bytes_str("192.0.2.1:4711"),
                                   .scheme = ee_bytes_str("https"),
                                   .request_id = ee_bytes_str("r-1"),
                                   .deadline_ms = 5000,
                                   .method = ee_bytes_str(tcp ? "" : "GET"),
                                   .target = ee_bytes_str(tcp ? "" : "/")};
}

static inline void bench_opened(struct ee_writer *w, uint32_t id, enum ee_tunnel_kind kind,
                                bool end)
{
    const struct ee_tunnel_open open = bench_request(kind);
    ee_tunnel_open_encode(w, id, end, &open);
}

static inline void bench_head(struct ee_writer *w, uint32_t id, uint16_t status, bool end)
{
    const struct ee_tunnel_head head = {.status = status};
    ee_tunnel_head_encode(w, id, end, &head);
}

static inline void bench_data(struct ee_writer *w, uint32_t id, size_t size, bool end)
{
    const struct ee_tunnel_header header = {EE_TUNNEL_DATA, end, id, (uint32_t)size};
    ee_tunnel_header_encode(w, &header);
    for (size_t i = 0; i < size; i++)
        ee_writer_u8(w, 'd');
}

static inline void bench_frame(struct bench *b, const struct ee_tunnel_header *h,
                               struct ee_bytes payload)
{
    static const char *const names[] = {"?",     "HELLO",  "OPEN", "HEAD", "DATA",   "TRAILERS",
                                        "RESET", "WINDOW", "PING", "PONG", "GOAWAY", "CONTROL"};
    struct ee_tunnel_reason reason;
    uint32_t increment;
    bench_note(b->frames, "%s", names[h->type]);
    if (h->stream || h->type == EE_TUNNEL_WINDOW)
        bench_note(b->frames, ":%u", h->stream);
    if (h->type == EE_TUNNEL_DATA || h->type == EE_TUNNEL_CONTROL_FRAME)
        bench_note(b->frames, ":%zu", payload.size);
    if (h->type == EE_TUNNEL_WINDOW && ee_tunnel_window_decode(payload, &increment) == EE_OK)
        bench_note(b->frames, ":%u", increment);
    if (h->type == EE_TUNNEL_RESET && ee_tunnel_reset_decode(payload, &reason) == EE_OK)
        bench_note(b->frames, ":%s", ee_tunnel_code_name(reason.code));
    if (h->type == EE_TUNNEL_GOAWAY && ee_tunnel_goaway_decode(payload, &reason) == EE_OK)
        bench_note(b->frames, ":%u", reason.last_stream);
    bench_note(b->frames, h->flags & EE_TUNNEL_FLAG_END ? " END " : " ");
}

/* One message; false when there was none. */
static inline bool bench_take(struct bench *b)
{
    static uint8_t out[EE_TUNNEL_OUTPUT_MAX];
    struct ee_tunnel_header h;
    struct ee_cursor c;
    const size_t size = ee_tunnel_output(b->t, out);
    ee_cursor_init(&c, ee_bytes_of(out, size));
    while (c.left && ee_tunnel_header_decode(&c, &h) == EE_OK)
        bench_frame(b, &h, ee_cursor_bytes(&c, h.size));
    CHECK(c.err == EE_OK && c.left == 0);
    if (size)
        bench_note(b->frames, "/");
    return size != 0;
}

static inline bool bench_is(char text[4000], const char *want)
{
    const bool same = strcmp(text, want) == 0;
    if (!same)
        printf("# got \"%s\", wanted \"%s\"\n", text, want);
    text[0] = 0;
    return same;
}

/* Everything that is ready to go out. */
static inline bool bench_sends(struct bench *b, const char *want)
{
    while (bench_take(b))
        continue;
    return bench_is(b->frames, want);
}

static inline bool bench_told(struct bench *b, const char *want)
{
    return bench_is(b->events, want);
}

/* Both HELLOs exchanged; the peer takes 2 streams, windows 100 kB and 150 kB. */
static inline bool bench_ready(struct bench *b, enum ee_tunnel_role role,
                               const struct ee_tunnel_config *config)
{
    if (!bench_open(b, role, config))
        return false;
    CHECK(ee_tunnel_hello_send(b->t) == EE_OK);
    bench_hello(&b->w, 2, 100000, 150000);
    CHECK(bench_put(b) == EE_OK && ee_tunnel_ready(b->t));
    CHECK(bench_told(b, "hello ") && bench_sends(b, "HELLO /"));
    return true;
}

#endif
