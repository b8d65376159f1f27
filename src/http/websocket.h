/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6455 codec for the tunnel: handshake helpers, frame encoder, incremental decoder. Only binary
 * messages are exchanged (text is refused with 1003), no extension is ever agreed. */
#ifndef EE_HTTP_WEBSOCKET_H
#define EE_HTTP_WEBSOCKET_H

#include "base/alloc.h"
#include "http/message.h"

enum {
    EE_WS_KEY_SIZE = 16,         /* Sec-WebSocket-Key before base64 */
    EE_WS_KEY_TEXT_SIZE = 25,    /* base64 and NUL */
    EE_WS_ACCEPT_TEXT_SIZE = 29, /* base64 of SHA-1 and NUL */
    EE_WS_HEADER_MAX = 14,       /* frame header with mask key */
    EE_WS_CONTROL_MAX = 125,     /* payload of close, ping, pong */
    EE_WS_MESSAGE_MAX = 65536,   /* default limit of a message's payload */
};

enum ee_ws_opcode {
    EE_WS_CONTINUATION = 0,
    EE_WS_TEXT = 1,
    EE_WS_BINARY = 2,
    EE_WS_CLOSE = 8,
    EE_WS_PING = 9,
    EE_WS_PONG = 10,
};

/* RFC 6455 section 7.4.1. */
enum ee_ws_close_code {
    EE_WS_CLOSE_NORMAL = 1000,
    EE_WS_CLOSE_GOING_AWAY = 1001,
    EE_WS_CLOSE_PROTOCOL = 1002,
    EE_WS_CLOSE_UNSUPPORTED = 1003,
    EE_WS_CLOSE_NONE = 1005, /* a close frame without a code; never sent */
    EE_WS_CLOSE_BAD_DATA = 1007,
    EE_WS_CLOSE_POLICY = 1008,
    EE_WS_CLOSE_TOO_BIG = 1009,
    EE_WS_CLOSE_INTERNAL = 1011,
    EE_WS_CLOSE_RESTART = 1012,
};

/* --- handshake (section 4) --- */

/* Sec-WebSocket-Accept of a Sec-WebSocket-Key: base64(SHA-1(key ‖ GUID)). */
void ee_ws_accept_text(struct ee_bytes key_text, char out[EE_WS_ACCEPT_TEXT_SIZE]);

/* Server: may this request become a WebSocket? key_out is borrowed from the head. EE_HTTP: not a
 * proper handshake (answer 400); EE_UNSUPPORTED: another version (426 with Sec-WebSocket-Version:
 * 13); EE_FORBIDDEN: an Origin although `refuse_origin` (403: no browser belongs on the tunnel). */
EE_MUST_USE enum ee_err ee_ws_request_check(const struct ee_http_head *head, bool refuse_origin,
                                            struct ee_bytes *key_out);
/* Server: the 101 for that key, with the subprotocol chosen; NULL: none. */
EE_MUST_USE enum ee_err ee_ws_response_make(struct ee_bytes key_text, const char *protocol,
                                            struct ee_http_head *out);
/* Client: GET with the handshake fields. key: 16 unpredictable bytes; protocol: the only
 * subprotocol offered, or NULL. EE_HTTP: host or target is not valid. */
EE_MUST_USE enum ee_err ee_ws_request_make(struct ee_bytes host, struct ee_bytes target,
                                           const uint8_t key[EE_WS_KEY_SIZE], const char *protocol,
                                           struct ee_http_head *out);
/* Client: is this the 101 for that key, with exactly that subprotocol and no extension? A proxy
 * that forwards somebody else's handshake passes NULL: then subprotocol and extensions are theirs.
 * EE_REFUSED: another status; EE_HTTP: a 101 that breaks a rule. */
EE_MUST_USE enum ee_err ee_ws_response_check(const struct ee_http_head *head,
                                             struct ee_bytes key_text, const char *protocol);

/* --- frames (section 5) --- */

/* Frame header of an unfragmented message; mask_key NULL for a server. Returns its size. */
size_t ee_ws_header_encode(enum ee_ws_opcode opcode, size_t payload_size, const uint8_t *mask_key,
                           uint8_t out[EE_WS_HEADER_MAX]);
/* What that returns. */
size_t ee_ws_header_size(size_t payload_size, bool masked);
/* Masks or unmasks in place; `offset` is the position of data[0] in the frame's payload. */
void ee_ws_mask(uint8_t *data, size_t size, const uint8_t key[4], size_t offset);
/* A whole frame: header and (masked) payload. EE_TOO_LARGE (sticky in w); EE_RANGE: a control frame
 * above 125 bytes. */
EE_MUST_USE enum ee_err ee_ws_frame_write(struct ee_writer *w, enum ee_ws_opcode opcode,
                                          struct ee_bytes payload, const uint8_t *mask_key);
/* A close frame; the reason is cut to what fits (at a UTF-8 boundary). */
EE_MUST_USE enum ee_err ee_ws_close_write(struct ee_writer *w, uint16_t code, const char *reason,
                                          const uint8_t *mask_key);

enum ee_ws_event_kind {
    EE_WS_EVENT_NONE,    /* everything consumed, more is needed */
    EE_WS_EVENT_MESSAGE, /* a whole binary message */
    EE_WS_EVENT_PING,    /* answer with a pong of the same payload */
    EE_WS_EVENT_PONG,
    EE_WS_EVENT_CLOSE, /* answer with the same code; what follows is swallowed */
};

struct ee_ws_event {
    enum ee_ws_event_kind kind;
    /* Valid until the next call on this decoder, and as long as its input; reason of a close. */
    struct ee_bytes data;
    uint16_t close_code;
};

struct ee_ws_decoder {
    const struct ee_allocator *allocator;
    size_t message_max;
    bool from_client; /* frames must be masked; from a server they must not be */
    /* private */
    uint8_t *message; /* the message so far, capacity message_capacity */
    size_t message_size, message_capacity;
    uint8_t control[EE_WS_CONTROL_MAX];
    uint8_t header[EE_WS_HEADER_MAX];
    size_t header_size;
    uint64_t payload_size, payload_seen;
    uint8_t mask_key[4];
    uint8_t opcode;
    bool masked, fin, in_payload, in_message, delivered, closed;
    enum ee_err err;
    uint16_t close_code;
};

/* message_max: payload bytes of a whole message, all fragments together. */
void ee_ws_decoder_init(struct ee_ws_decoder *decoder, const struct ee_allocator *allocator,
                        bool from_client, size_t message_max);
void ee_ws_decoder_close(struct ee_ws_decoder *decoder);
/* Takes the first *consumed_out bytes and gives one event; call again with the rest until NONE.
 * EE_PROTOCOL, EE_UNSUPPORTED (text), EE_TOO_LARGE, EE_NO_MEMORY: stays so; close with
 * ee_ws_decoder_close_code. */
EE_MUST_USE enum ee_err ee_ws_decoder_next(struct ee_ws_decoder *decoder, struct ee_bytes input,
                                           size_t *consumed_out, struct ee_ws_event *event_out);
/* Close code that tells the peer what it did wrong; 0 while nothing is. */
uint16_t ee_ws_decoder_close_code(const struct ee_ws_decoder *decoder);

#endif
