/* SPDX-License-Identifier: Apache-2.0 */
/* One tunnel session: streams over the messages of one WebSocket connection, both roles. Bytes in,
 * events out, bytes to send out; no socket, no clock (`now_us` comes in and never goes back),
 * memory only through the allocator and bounded by the configuration. docs/spec/tunnel.md.
 *
 * Events come through one callback, and only during ee_tunnel_receive, ee_tunnel_output,
 * ee_tunnel_tick and ee_tunnel_close. The callback may call every function here except
 * ee_tunnel_free, ee_tunnel_receive, ee_tunnel_output and ee_tunnel_tick.
 *
 * Order of a session: CONTROL messages both ways (admission, at any time); each side calls
 * ee_tunnel_hello_send when it has admitted its peer; streams once both HELLOs were exchanged
 * (ee_tunnel_ready). Whether an epoch is acceptable is decided by the shell at the HELLO event. */
#ifndef EE_TUNNEL_TUNNEL_H
#define EE_TUNNEL_TUNNEL_H

#include "base/alloc.h"
#include "tunnel/frame.h"

enum ee_tunnel_role {
    EE_TUNNEL_ROLE_CONTROL, /* opens odd streams */
    EE_TUNNEL_ROLE_AGENT,   /* opens even streams */
};

/* What all sessions of one process may hold together, so that many stalled peers do not add up. The
 * caller's memory, shared by its sessions, of one thread; outlives them. */
struct ee_tunnel_pool {
    uint64_t limit;     /* bytes, of granted windows and of send buffers, each */
    uint64_t committed; /* connection windows granted now */
    uint64_t buffered;  /* bytes waiting to be sent */
};

struct ee_tunnel_config {
    enum ee_tunnel_role role;
    uint16_t version_min, version_max;
    char agent[EE_TUNNEL_NAME_MAX + 1]; /* printable; empty for the control plane */
    uint64_t epoch;
    uint32_t features;
    uint32_t max_streams;       /* the peer may have open; RESET(refused) above */
    uint32_t stream_window;     /* bytes a stream may send us before we report consumption */
    uint32_t stream_window_max; /* it grows to that while the consumer keeps up; docs: growth */
    uint32_t connection_window; /* the same for all streams together; at most, see `pool` */
    /* NULL: none. Else the connection window is a sixteenth of what is left of the pool's limit,
     * between `connection_window_min` and `connection_window`, and follows that at each grant. */
    struct ee_tunnel_pool *pool;
    uint32_t connection_window_min;
    uint32_t stream_buffer;    /* bytes waiting to be sent, per stream */
    uint32_t total_buffer;     /* the same for all streams together */
    uint32_t control_buffer;   /* unsent bytes of control frames; the session is closed above */
    uint64_t hello_timeout_us; /* from ee_tunnel_new to both HELLOs; admission included */
    uint64_t ping_after_us;    /* of silence */
    uint64_t dead_after_us;    /* of silence */
};

/* 1000 streams, windows 256 KiB (to 4 MiB) and 16 MiB (from 1 MiB with a pool), buffers 256 KiB,
 * 16 MiB and 1 MiB, 10 s, 10 s, 25 s. */
void ee_tunnel_config_default(struct ee_tunnel_config *config, enum ee_tunnel_role role);

enum ee_tunnel_event_kind {
    EE_TUNNEL_EVENT_HELLO,   /* hello; session_version is what both speak */
    EE_TUNNEL_EVENT_CONTROL, /* data: one CONTROL message */
    EE_TUNNEL_EVENT_OPENED,  /* stream, open, end: opened by the peer */
    EE_TUNNEL_EVENT_HEAD,    /* stream, head, end: answer to a stream of ours; 1xx may come first */
    /* stream, data, end: data may be empty when end is set. Take it and report it with
     * ee_tunnel_consumed once it has gone on (not when it is queued). */
    EE_TUNNEL_EVENT_DATA,
    EE_TUNNEL_EVENT_TRAILERS, /* stream, head (pairs only); the peer's end */
    EE_TUNNEL_EVENT_WRITABLE, /* stream: ee_tunnel_send_data takes bytes again */
    /* stream, reason: the stream is gone, by the peer, by its fault, or with the session. Credit
     * for what was not consumed is given back by itself; throw away what you hold. */
    EE_TUNNEL_EVENT_RESET,
    EE_TUNNEL_EVENT_FINISHED, /* stream: both sides ended, everything sent and consumed; gone */
    EE_TUNNEL_EVENT_GOAWAY,   /* reason: the peer takes no new streams */
    EE_TUNNEL_EVENT_RTT,      /* rtt_us: a PING came back */
    /* reason, err: the session is over; comes once, after a RESET for each stream. Send what
     * ee_tunnel_output still gives, then close the connection. */
    EE_TUNNEL_EVENT_CLOSED,
};

/* Everything borrowed until the callback returns. */
struct ee_tunnel_event {
    enum ee_tunnel_event_kind kind;
    uint32_t stream;
    void *stream_context; /* what was set for the stream, else NULL */
    bool end;
    struct ee_bytes data;
    const struct ee_tunnel_hello *hello;
    uint16_t session_version;
    const struct ee_tunnel_open *open;
    const struct ee_tunnel_head *head;
    struct ee_tunnel_reason reason;
    enum ee_err err;
    uint64_t rtt_us;
};

struct ee_tunnel;
typedef void (*ee_tunnel_on_event)(void *context, struct ee_tunnel *tunnel,
                                   const struct ee_tunnel_event *event);

/* NULL: no memory, or a configuration out of range (windows 1..2^31-1, agent not printable). */
struct ee_tunnel *ee_tunnel_new(const struct ee_allocator *allocator,
                                const struct ee_tunnel_config *config, ee_tunnel_on_event on_event,
                                void *context, uint64_t now_us);
/* Without events. NULL is fine. */
void ee_tunnel_free(struct ee_tunnel *tunnel);

/* --- bytes --- */

/* One binary WebSocket message from the peer. EE_PROTOCOL, EE_FLOW_CONTROL, EE_TOO_LARGE, EE_FULL,
 * EE_NO_MEMORY: the session was closed for it. EE_CLOSED: it was over before. */
EE_MUST_USE enum ee_err ee_tunnel_receive(struct ee_tunnel *tunnel, struct ee_bytes message,
                                          uint64_t now_us);
/* Any byte from the peer counts as life, also a part of a message or a WebSocket pong. */
void ee_tunnel_heard(struct ee_tunnel *tunnel, uint64_t now_us);
/* The next message to send into `out`, which has room for EE_TUNNEL_OUTPUT_MAX; 0: nothing now.
 * Call while the socket takes bytes: order and priorities are decided here, so do not queue far
 * ahead (about 128 KiB). */
size_t ee_tunnel_output(struct ee_tunnel *tunnel, uint8_t *out);
/* Has ee_tunnel_output something to give or an event to fire? Ask after every other call. */
bool ee_tunnel_has_output(const struct ee_tunnel *tunnel);
/* Room that the next message needs at most, so that `out` may be smaller; up to
 * EE_TUNNEL_OUTPUT_MAX. */
size_t ee_tunnel_output_room(const struct ee_tunnel *tunnel);

/* --- time --- */

/* Sends a PING after silence; closes a session that is dead (EE_TIMEOUT in CLOSED). */
void ee_tunnel_tick(struct ee_tunnel *tunnel, uint64_t now_us);
/* When ee_tunnel_tick has something to do next; UINT64_MAX after the end. */
uint64_t ee_tunnel_deadline(const struct ee_tunnel *tunnel);

/* --- session --- */

/* EE_STATE: sent already. EE_CLOSED. */
EE_MUST_USE enum ee_err ee_tunnel_hello_send(struct ee_tunnel *tunnel);
/* Both HELLOs exchanged and not closed? */
bool ee_tunnel_ready(const struct ee_tunnel *tunnel);
/* One ordered message of the shells, 1 to 262144 bytes. EE_TOO_LARGE; EE_FULL: more than
 * `control_buffer` unsent (a buffer that is empty takes any message); EE_CLOSED; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_tunnel_control_send(struct ee_tunnel *tunnel, struct ee_bytes message);
/* Takes no new streams of the peer from now on (they get RESET(refused)); with EE_TUNNEL_NO_ERROR
 * the peer is only asked to open none, and what crosses that is taken. Those it has go on, for
 * `drain_ms` (0: without end), then the session ends. Text of this and the next functions: cut at
 * 255, unprintable characters replaced. EE_CLOSED. */
EE_MUST_USE enum ee_err ee_tunnel_goaway(struct ee_tunnel *tunnel, enum ee_tunnel_code code,
                                         uint32_t drain_ms, const char *text);
/* Ends the session: RESET(going away) event for each stream, then CLOSED; GOAWAY is what is left to
 * send. Again: nothing. */
void ee_tunnel_close(struct ee_tunnel *tunnel, enum ee_tunnel_code code, const char *text);
bool ee_tunnel_closed(const struct ee_tunnel *tunnel);

/* --- streams --- */

/* Opens a stream and sends the request. EE_STATE: not ready; EE_REFUSED: the peer goes away or ids
 * are used up (use another session); EE_FULL: the peer's max_streams are open, or control_buffer is
 * full; EE_CLOSED, EE_NO_MEMORY, EE_TOO_LARGE, EE_SYNTAX, EE_RANGE. */
EE_MUST_USE enum ee_err ee_tunnel_open(struct ee_tunnel *tunnel, const struct ee_tunnel_open *open,
                                       bool end, void *stream_context, uint32_t *stream_out);
/* NULL for a stream that is gone. */
void *ee_tunnel_stream_context(const struct ee_tunnel *tunnel, uint32_t stream);
/* EE_NOT_FOUND. */
EE_MUST_USE enum ee_err ee_tunnel_stream_context_set(struct ee_tunnel *tunnel, uint32_t stream,
                                                     void *context);

/* Below: EE_NOT_FOUND: the stream is gone; EE_STATE: not in this order or after our end. */

/* Answers a stream of the peer: any number of 1xx up to 16, then 101 (ws) or 200..599, once.
 * EE_FULL, EE_TOO_LARGE, EE_SYNTAX, EE_RANGE, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_tunnel_head_send(struct ee_tunnel *tunnel, uint32_t stream,
                                            const struct ee_tunnel_head *head, bool end);
/* Takes the first *taken_out bytes (0 up to all) into the stream's buffer; `end` counts only when
 * all were taken. When not all were taken, WRITABLE follows. EE_NO_MEMORY takes nothing. */
EE_MUST_USE enum ee_err ee_tunnel_data_send(struct ee_tunnel *tunnel, uint32_t stream,
                                            struct ee_bytes data, bool end, size_t *taken_out);
/* After the last data; ends our side. Not on tcp streams. Errors as ee_tunnel_head_send. */
EE_MUST_USE enum ee_err ee_tunnel_trailers_send(struct ee_tunnel *tunnel, uint32_t stream,
                                                const struct ee_tunnel_pair *pairs, size_t count);
/* Drops the stream at once, without an event. */
EE_MUST_USE enum ee_err ee_tunnel_reset(struct ee_tunnel *tunnel, uint32_t stream,
                                        enum ee_tunnel_code code, const char *text);
/* So many bytes of DATA events have left us: the peer gets credit in steps of half a window.
 * EE_RANGE: more than was received. EE_NOT_FOUND is harmless here. */
EE_MUST_USE enum ee_err ee_tunnel_consumed(struct ee_tunnel *tunnel, uint32_t stream, size_t size);

struct ee_tunnel_stats {
    uint32_t streams_ours, streams_peers; /* open now */
    uint64_t buffered;                    /* bytes of data waiting to be sent */
    uint64_t unconsumed;                  /* bytes received, not reported as consumed */
    uint64_t control_unsent;              /* bytes of control frames and messages */
    uint64_t rtt_us;                      /* of the last PING; 0: none yet */
    uint64_t sent, received;              /* bytes of DATA payload */
    uint32_t connection_window;           /* that we grant now */
    uint32_t stream_window;               /* the largest that any stream was ever granted */
    bool goaway_sent, goaway_received;
};
void ee_tunnel_stats_get(const struct ee_tunnel *tunnel, struct ee_tunnel_stats *out);

#endif
