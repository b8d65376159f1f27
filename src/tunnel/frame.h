/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the tunnel (docs/spec/tunnel.md): 12-byte header, then a payload of its own form. All
 * numbers big-endian. Frames are whole inside one WebSocket binary message. */
#ifndef EE_TUNNEL_FRAME_H
#define EE_TUNNEL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    EE_TUNNEL_VERSION = 1,
    EE_TUNNEL_FRAME_HEADER = 12,
    EE_TUNNEL_DATA_MAX = 16384,     /* payload of DATA: one frame holds 1 Gb/s for 0.13 ms */
    EE_TUNNEL_CONTROL_MAX = 262144, /* payload of CONTROL: admission carries evidence */
    EE_TUNNEL_MESSAGE_MAX = 65536,  /* a message, unless it is one CONTROL frame */
    /* Payload limit for a WebSocket decoder under the tunnel, and room for any output. */
    EE_TUNNEL_OUTPUT_MAX = EE_TUNNEL_FRAME_HEADER + EE_TUNNEL_CONTROL_MAX,
    EE_TUNNEL_FRAME_MAX = EE_TUNNEL_MESSAGE_MAX - EE_TUNNEL_FRAME_HEADER, /* OPEN, HEAD, ... */
    EE_TUNNEL_PAIRS_MAX = 128,
    EE_TUNNEL_TEXT_MAX = 255, /* reasons */
    EE_TUNNEL_NAME_MAX = 64,  /* agent, app, source, request id */
    EE_TUNNEL_TARGET_MAX = 8192,
    EE_TUNNEL_INSTANCE_SIZE = 16,
    EE_TUNNEL_WINDOW_MAX = 0x7fffffff,
};

enum ee_tunnel_type {
    EE_TUNNEL_HELLO = 1,
    EE_TUNNEL_OPEN = 2,
    EE_TUNNEL_HEAD = 3,
    EE_TUNNEL_DATA = 4,
    EE_TUNNEL_TRAILERS = 5,
    EE_TUNNEL_RESET = 6,
    EE_TUNNEL_WINDOW = 7,
    EE_TUNNEL_PING = 8,
    EE_TUNNEL_PONG = 9,
    EE_TUNNEL_GOAWAY = 10,
    EE_TUNNEL_CONTROL_FRAME = 11,
};

enum { EE_TUNNEL_FLAG_END = 1 }; /* on OPEN, HEAD, DATA, TRAILERS: nothing follows from this side */

/* Reasons in RESET and GOAWAY. Only REFUSED promises that nothing was done (safe to retry). */
enum ee_tunnel_code {
    EE_TUNNEL_NO_ERROR = 0,
    EE_TUNNEL_REFUSED = 1,
    EE_TUNNEL_CANCELLED = 2,
    EE_TUNNEL_TIMEOUT = 3,
    EE_TUNNEL_BACKEND_REFUSED = 4,
    EE_TUNNEL_BACKEND_CLOSED = 5,
    EE_TUNNEL_PROTOCOL = 6,
    EE_TUNNEL_TOO_LARGE = 7,
    EE_TUNNEL_OVERLOAD = 8,
    EE_TUNNEL_GOING_AWAY = 9,
    EE_TUNNEL_FLOW_CONTROL = 10,
    EE_TUNNEL_STREAM_CLOSED = 11,
    EE_TUNNEL_INTERNAL = 12,
    EE_TUNNEL_UNSUPPORTED = 13,
};

enum ee_tunnel_kind {
    EE_TUNNEL_KIND_HTTP = 1,
    EE_TUNNEL_KIND_WS = 2,  /* as HTTP; after the 101 both sides send raw bytes */
    EE_TUNNEL_KIND_TCP = 3, /* raw bytes from the start, no HEAD and no TRAILERS */
};

struct ee_tunnel_header {
    uint8_t type; /* may be unknown */
    uint8_t flags;
    uint32_t stream; /* 0: the connection */
    uint32_t size;   /* of the payload */
};

struct ee_tunnel_pair {
    struct ee_bytes name;
    struct ee_bytes value;
};

struct ee_tunnel_hello {
    uint16_t version_min, version_max;
    struct ee_bytes agent; /* printable, up to 64; empty from the control plane */
    uint64_t epoch;        /* of the agent's session; a higher one displaces the lower */
    uint32_t max_streams;  /* the sender accepts from its peer at a time */
    uint32_t stream_window, connection_window; /* the sender grants at first */
    uint32_t features;                         /* bits unknown to the receiver mean nothing */
};

/* Texts are printable ASCII; all borrowed. */
struct ee_tunnel_open {
    enum ee_tunnel_kind kind;
    struct ee_bytes app;                       /* up to 64 */
    uint8_t instance[EE_TUNNEL_INSTANCE_SIZE]; /* lease id */
    struct ee_bytes source;                    /* "192.0.2.1:4711", up to 64 */
    struct ee_bytes scheme;                    /* "http", "https", up to 64 */
    struct ee_bytes server_name;               /* of TLS passthrough, up to 255 */
    struct ee_bytes request_id;                /* up to 64 */
    uint32_t deadline_ms;                      /* from the opening; 0: none */
    struct ee_bytes method;                    /* up to 64; empty for tcp */
    struct ee_bytes target;                    /* up to 8192; empty for tcp */
    const struct ee_tunnel_pair *pairs;        /* up to 128; values without CR, LF, NUL */
    size_t pair_count;
};

struct ee_tunnel_head {
    uint16_t status; /* 100 to 599 */
    const struct ee_tunnel_pair *pairs;
    size_t pair_count;
};

/* Memory for the pairs of a decoded payload. */
struct ee_tunnel_pair_table {
    struct ee_tunnel_pair pairs[EE_TUNNEL_PAIRS_MAX];
};

/* Code and text of RESET; GOAWAY has the first two fields too. */
struct ee_tunnel_reason {
    uint32_t last_stream; /* GOAWAY: highest stream of the receiver that was or will be handled */
    uint32_t drain_ms;    /* GOAWAY: the connection ends after that; 0: now */
    uint32_t code;        /* enum ee_tunnel_code, or one we do not know */
    struct ee_bytes text; /* printable, up to 255 */
};

/* 12 bytes; the reserved field must be zero (EE_PROTOCOL); flags we do not know are cleared.
 * EE_TRUNCATED. */
EE_MUST_USE enum ee_err ee_tunnel_header_decode(struct ee_cursor *c, struct ee_tunnel_header *out);
void ee_tunnel_header_encode(struct ee_writer *w, const struct ee_tunnel_header *header);

/* Payloads. Decoders take the whole payload: EE_TRUNCATED, EE_TRAILING, EE_TOO_LARGE, EE_SYNTAX
 * (text not printable, CR, LF or NUL in a pair), EE_RANGE (kind, status, version range, window).
 * Encoders write a whole frame; the sticky error of `w` is EE_TOO_LARGE when it does not fit, and
 * EE_SYNTAX or EE_RANGE when the values would not decode. */
EE_MUST_USE enum ee_err ee_tunnel_hello_decode(struct ee_bytes payload,
                                               struct ee_tunnel_hello *out);
EE_MUST_USE enum ee_err ee_tunnel_open_decode(struct ee_bytes payload,
                                              struct ee_tunnel_pair_table *table,
                                              struct ee_tunnel_open *out);
EE_MUST_USE enum ee_err ee_tunnel_head_decode(struct ee_bytes payload,
                                              struct ee_tunnel_pair_table *table,
                                              struct ee_tunnel_head *out);
/* status is 0: trailers are only pairs. */
EE_MUST_USE enum ee_err ee_tunnel_trailers_decode(struct ee_bytes payload,
                                                  struct ee_tunnel_pair_table *table,
                                                  struct ee_tunnel_head *out);
EE_MUST_USE enum ee_err ee_tunnel_reset_decode(struct ee_bytes payload,
                                               struct ee_tunnel_reason *out);
EE_MUST_USE enum ee_err ee_tunnel_goaway_decode(struct ee_bytes payload,
                                                struct ee_tunnel_reason *out);
EE_MUST_USE enum ee_err ee_tunnel_window_decode(struct ee_bytes payload, uint32_t *increment_out);
EE_MUST_USE enum ee_err ee_tunnel_ping_decode(struct ee_bytes payload, uint64_t *value_out);

void ee_tunnel_hello_encode(struct ee_writer *w, const struct ee_tunnel_hello *hello);
void ee_tunnel_open_encode(struct ee_writer *w, uint32_t stream, bool end,
                           const struct ee_tunnel_open *open);
void ee_tunnel_head_encode(struct ee_writer *w, uint32_t stream, bool end,
                           const struct ee_tunnel_head *head);
void ee_tunnel_trailers_encode(struct ee_writer *w, uint32_t stream,
                               const struct ee_tunnel_pair *pairs, size_t count);
void ee_tunnel_reset_encode(struct ee_writer *w, uint32_t stream, uint32_t code, const char *text);
void ee_tunnel_goaway_encode(struct ee_writer *w, const struct ee_tunnel_reason *reason);
void ee_tunnel_window_encode(struct ee_writer *w, uint32_t stream, uint32_t increment);
void ee_tunnel_ping_encode(struct ee_writer *w, enum ee_tunnel_type type, uint64_t value);

/* "refused", "cancelled", ...; "unknown". */
const char *ee_tunnel_code_name(uint32_t code);

#endif
