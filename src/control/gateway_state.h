/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the gateway: gateway.c (listeners, whose request), gateway_request.c (a request as a
 * stream), gateway_upgrade.c (what a request becomes after 101), gateway_shed.c (clients that do
 * not read). */
#ifndef EE_CONTROL_GATEWAY_STATE_H
#define EE_CONTROL_GATEWAY_STATE_H

#include "control/gateway.h"
#include "control/session.h"
#include "http/websocket.h"
#include "io/buffer.h"

enum { EE_GATEWAY_DOMAIN_SIZE = 200 };

struct ee_gateway {
    struct ee_control *control;
    struct ee_http_server *tls_server, *plain_server;
    char domain[EE_GATEWAY_DOMAIN_SIZE]; /* with a dot in front */
    struct ee_http_head *head;           /* scratch */
    size_t busy;
    struct ee_gateway_request *requests; /* all of them */
    struct ee_timer *shed;
    struct ee_timer *wait; /* gateway_wait.c */
    uint64_t wait_until_us;
};

/* One request on its way: an exchange with the client on one side (a bare connection once it was
 * upgraded), a stream on the other. Freed when both are gone. */
struct ee_gateway_request {
    struct ee_gateway *gateway;
    struct ee_http_exchange *exchange; /* NULL: gone or upgraded */
    struct ee_conn *conn;              /* after an upgrade; NULL once closed */
    struct ee_tunnel_link *link;       /* NULL: the stream is gone */
    uint32_t stream;
    char app[EE_NAME_MAX + 1];
    uint8_t lease[EE_ID_SIZE];
    uint64_t started_us;
    uint16_t status;               /* of the answer; 0: none yet */
    bool websocket;                /* asks for an upgrade to it */
    char key[EE_WS_KEY_TEXT_SIZE]; /* of its handshake; "": 101 is no answer to it */
    bool answered;                 /* the head of the answer was passed on */
    bool raw;                      /* upgraded on an exchange of HTTP/2: bytes both ways */
    bool request_done;             /* the client's body is complete */
    bool end_sent;                 /* and the agent knows */
    struct ee_http_head *trailers; /* of the request; NULL: none */
    struct ee_buffer held;         /* from the client, the stream did not take it yet */
    struct ee_gateway_request *next, *previous;
    char *waiting;       /* for an agent that is about to come back: the target; NULL: not */
    uint64_t blocked_us; /* since when the client has no room; 0: it has */
    size_t unreported;   /* bytes passed on to the client, not yet reported as consumed */
};

/* gateway.c */
/* Finds the app's agent and opens the stream, or answers why not. */
void ee_gateway_route(struct ee_gateway_request *request, struct ee_bytes target);
/* gateway_wait.c: after a hand-over agents take a moment to come. */
EE_MUST_USE enum ee_err ee_gateway_wait_init(struct ee_gateway *gateway);
/* The request waits for its agent; false: it is not such a moment. */
bool ee_gateway_wait(struct ee_gateway_request *request, struct ee_bytes target);
/* gateway.c */
/* Answers with a status and a short text; a 503 says when to try again. */
void ee_gateway_answer(struct ee_gateway_request *request, uint16_t status, const char *text);
void ee_gateway_request_free(struct ee_gateway_request *request);
/* Frees it if nothing of it is left. */
void ee_gateway_request_settle(struct ee_gateway_request *request);

/* gateway_request.c */
/* Is the request a WebSocket handshake that the app may grant? Others keep no Upgrade. */
void ee_gateway_handshake_read(struct ee_gateway_request *request);
/* Opens the stream for the exchange's request with this target. False: it was answered. */
bool ee_gateway_open(struct ee_gateway_request *request, struct ee_bytes target);
/* Sends to the stream what was held and `bytes`; what is not taken is held. True: all taken. */
bool ee_gateway_send(struct ee_gateway_request *request, struct ee_bytes bytes);
/* Bytes have reached the client or its connection has room for them. */
void ee_gateway_consumed(struct ee_gateway_request *request, size_t size, bool writable);
/* Drops the stream. */
void ee_gateway_reset(struct ee_gateway_request *request, enum ee_tunnel_code code,
                      const char *text);

/* gateway_shed.c */
EE_MUST_USE enum ee_err ee_gateway_shed_init(struct ee_gateway *gateway);
/* Has the client room for more? */
void ee_gateway_shed_note(struct ee_gateway_request *request, bool writable);

/* gateway_upgrade.c */
/* The answer was 101 with this head: from now on raw bytes both ways. */
void ee_gateway_upgrade(struct ee_gateway_request *request, struct ee_http_head *head);
void ee_gateway_raw_event(struct ee_gateway_request *request, const struct ee_tunnel_event *event);

extern const struct ee_http_exchange_events ee_gateway_exchange_events;

#endif
