/* SPDX-License-Identifier: Apache-2.0 */
/* The session's memory and what its files share. Events are fired only from ee_tunnel_receive,
 * ee_tunnel_output, ee_tunnel_tick and ee_tunnel_close; after each event a stream pointer is stale,
 * because the callback may have reset the stream. */
#ifndef EE_TUNNEL_INTERNAL_H
#define EE_TUNNEL_INTERNAL_H

#include "tunnel/tunnel.h"

enum {
    EE_TUNNEL_BUCKETS = 64, /* sessions are many, streams of one mostly few */
    EE_TUNNEL_INTERIM_MAX = 16,
    EE_TUNNEL_SMALL = 64 * 1024, /* a stream that has sent less goes before the others */
    EE_TUNNEL_SMALL_TURNS = 16,  /* but the others get one turn in so many */
};

/* Bytes waiting, oldest first. */
struct ee_tunnel_buffer {
    uint8_t *data;
    size_t head, size, capacity;
};

/* Circular list with a sentinel; a link outside any list points to itself. */
struct ee_tunnel_link {
    struct ee_tunnel_link *prev, *next;
};

struct ee_tunnel_stream {
    struct ee_tunnel_stream *hash_next;
    struct ee_tunnel_link turn; /* in small_turns, bulk_turns or end_turns */
    struct ee_tunnel_link owed; /* in grants */
    struct ee_tunnel_link wait; /* in starved, wakes or finished */
    uint32_t id;
    bool ours;
    enum ee_tunnel_kind kind;
    void *context;

    struct ee_tunnel_buffer out;      /* data */
    struct ee_tunnel_buffer trailers; /* the encoded frame */
    uint32_t send_window;
    uint32_t deficit; /* bytes left in this turn */
    uint32_t sent;    /* bytes of data, up to EE_TUNNEL_SMALL */
    uint8_t interims_sent;
    bool head_sent, end_wanted, end_sent, starved;

    uint32_t receive_window; /* the peer may still send */
    uint32_t unconsumed;
    uint32_t credit;   /* consumed, not yet granted */
    uint32_t grant;    /* granted, the frame not yet sent */
    uint32_t window;   /* what is granted altogether: its size now */
    uint64_t grant_us; /* when it was granted last */
    uint8_t interims_received;
    bool head_received, end_received;
};

struct ee_tunnel {
    const struct ee_allocator *allocator;
    struct ee_tunnel_config config;
    ee_tunnel_on_event on_event;
    void *context;

    bool hello_sent, hello_received, closed;
    enum ee_err doom; /* an error found where no event may be fired; settled later */
    enum ee_tunnel_code doom_code;
    const char *doom_text;

    struct ee_tunnel_stream *buckets[EE_TUNNEL_BUCKETS];
    uint32_t streams_ours, streams_peers;
    uint32_t next_id, last_peer_id;
    uint32_t peer_max_streams, peer_stream_window;

    bool goaway_sent, goaway_received;
    uint32_t goaway_sent_last, goaway_received_last;

    uint32_t send_window, receive_window, credit; /* of the connection */
    uint32_t window, grant, stream_window_largest;
    uint64_t unconsumed, buffered;
    size_t trailers;     /* bytes of TRAILERS that wait behind data */
    bool total_starved;  /* somebody waits for the session's buffer */
    bool messages_first; /* the oldest CONTROL frame has waited for a message */
    /* Streams with data and window: those that sent little yet, and the others. */
    struct ee_tunnel_link small_turns, bulk_turns;
    unsigned small_streak;            /* turns of the former since one of the latter */
    struct ee_tunnel_link grants;     /* streams that a WINDOW frame is owed */
    struct ee_tunnel_link end_turns;  /* streams with only their end left to send */
    struct ee_tunnel_link starved;    /* streams whose data_send did not take all */
    struct ee_tunnel_link wakes;      /* WRITABLE is due */
    struct ee_tunnel_link finished;   /* FINISHED is due */
    struct ee_tunnel_buffer urgent;   /* whole frames: OPEN, HEAD, RESET, HELLO, GOAWAY, PING */
    struct ee_tunnel_buffer messages; /* whole CONTROL frames */
    uint8_t last_words[EE_TUNNEL_FRAME_HEADER + 13 + EE_TUNNEL_TEXT_MAX]; /* the final GOAWAY */
    size_t last_words_size;

    uint64_t now_us, created_us, heard_us;
    uint64_t ping_us; /* of the last PING */
    bool ping_outstanding, pong_owed;
    uint64_t pong; /* the newest PING's; answers older ones too */
    uint64_t drain_until_us;
    uint64_t rtt_us, rtt_low_us; /* the last; without what waiting behind data adds */
    uint64_t sent, received;
};

/* --- buffer.c --- */

EE_MUST_USE enum ee_err ee_tunnel_buffer_add(const struct ee_allocator *allocator,
                                             struct ee_tunnel_buffer *buffer,
                                             struct ee_bytes bytes);
/* The oldest bytes; valid until the buffer is changed. */
struct ee_bytes ee_tunnel_buffer_view(const struct ee_tunnel_buffer *buffer);
/* Room for `size` more bytes behind the last one; NULL: no memory. They count once added to
 * `buffer->size`. */
uint8_t *ee_tunnel_buffer_reserve(const struct ee_allocator *allocator,
                                  struct ee_tunnel_buffer *buffer, size_t size);
void ee_tunnel_buffer_drop(const struct ee_allocator *allocator, struct ee_tunnel_buffer *buffer,
                           size_t size);
void ee_tunnel_buffer_free(const struct ee_allocator *allocator, struct ee_tunnel_buffer *buffer);
/* Size of the whole frame at the front of a buffer of frames; 0 when it is empty. */
size_t ee_tunnel_buffer_frame(const struct ee_tunnel_buffer *buffer);

/* --- stream.c --- */

void ee_tunnel_link_init(struct ee_tunnel_link *link);
bool ee_tunnel_link_alone(const struct ee_tunnel_link *link); /* an empty list, or in none */
void ee_tunnel_link_out(struct ee_tunnel_link *link);
void ee_tunnel_link_last(struct ee_tunnel_link *list, struct ee_tunnel_link *link);
struct ee_tunnel_stream *ee_tunnel_turn_first(struct ee_tunnel_link *list);
struct ee_tunnel_stream *ee_tunnel_owed_first(struct ee_tunnel_link *list);
struct ee_tunnel_stream *ee_tunnel_wait_first(struct ee_tunnel_link *list);
/* The list where it waits for its turn to send data. */
struct ee_tunnel_link *ee_tunnel_turns_of(struct ee_tunnel *t, const struct ee_tunnel_stream *s);

struct ee_tunnel_stream *ee_tunnel_stream_find(const struct ee_tunnel *t, uint32_t id);
/* NULL: no memory. */
struct ee_tunnel_stream *ee_tunnel_stream_add(struct ee_tunnel *t, uint32_t id, bool ours,
                                              enum ee_tunnel_kind kind);
/* Credit for what was not consumed goes back to the connection. */
void ee_tunnel_stream_remove(struct ee_tunnel *t, struct ee_tunnel_stream *s);
/* Puts the stream where what it has to send belongs. */
void ee_tunnel_stream_schedule(struct ee_tunnel *t, struct ee_tunnel_stream *s);
/* Ended both ways and consumed: FINISHED is due. */
void ee_tunnel_stream_settle(struct ee_tunnel *t, struct ee_tunnel_stream *s);
/* Drops the stream with RESET to the peer and, unless `quiet`, an event. */
void ee_tunnel_stream_fail(struct ee_tunnel *t, struct ee_tunnel_stream *s,
                           enum ee_tunnel_code code, const char *text, bool quiet);
/* The stream is gone; a RESET event tells so. */
void ee_tunnel_stream_lost(struct ee_tunnel *t, struct ee_tunnel_stream *s,
                           const struct ee_tunnel_reason *reason);
/* Streams matching: all, or ours above `last`. Each is lost for `reason`. */
void ee_tunnel_streams_lose(struct ee_tunnel *t, bool all, uint32_t last,
                            const struct ee_tunnel_reason *reason);

/* --- session.c --- */

void ee_tunnel_fire(struct ee_tunnel *t, struct ee_tunnel_event *event);
/* The session must end; done by the next ee_tunnel_settle. The first cause counts. */
void ee_tunnel_doom(struct ee_tunnel *t, enum ee_err err, enum ee_tunnel_code code,
                    const char *text);
/* Ends a doomed session, then fires what is due. */
void ee_tunnel_settle(struct ee_tunnel *t);
/* Queues one whole frame; dooms the session when control_buffer is full. */
void ee_tunnel_urgent_add(struct ee_tunnel *t, const struct ee_writer *frame);
void ee_tunnel_ping_send(struct ee_tunnel *t);

/* --- window.c --- */

/* The connection window to begin with, taken from the pool; and given back. */
void ee_tunnel_window_open(struct ee_tunnel *t);
void ee_tunnel_window_close(struct ee_tunnel *t);
/* Consumed bytes of the connection window. */
void ee_tunnel_credit_connection(struct ee_tunnel *t, uint32_t size);
/* A PONG came back after so long. */
void ee_tunnel_rtt_note(struct ee_tunnel *t, uint64_t rtt_us);
/* Bytes that may wait to be sent, given what other sessions hold. */
uint64_t ee_tunnel_buffer_limit(const struct ee_tunnel *t);
void ee_tunnel_buffered_add(struct ee_tunnel *t, size_t size);
void ee_tunnel_buffered_drop(struct ee_tunnel *t, size_t size);

#endif
