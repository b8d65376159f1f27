/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the gateway: gateway.c (listeners, whose request), gateway_request.c (a request as a
 * stream), gateway_upgrade.c (what a request becomes after 101), gateway_passthrough.c (TLS that
 * does not end here), gateway_shed.c (clients that do not read), gateway_choice.c (which replica),
 * gateway_retry.c (and which next). */
#ifndef EE_CONTROL_GATEWAY_STATE_H
#define EE_CONTROL_GATEWAY_STATE_H

#include "control/gateway.h"
#include "control/session.h"
#include "http/websocket.h"
#include "io/buffer.h"

enum { EE_GATEWAY_DOMAIN_SIZE = 200, EE_GATEWAY_BUCKETS = 4096 };

struct ee_gateway_group;

struct ee_gateway {
    struct ee_control *control;
    struct ee_http_server *tls_server, *plain_server;
    char domain[EE_GATEWAY_DOMAIN_SIZE]; /* with a dot in front */
    struct ee_http_head *head;           /* scratch */
    size_t busy;
    struct ee_gateway_request *requests; /* all of them */
    struct ee_timer *shed;
    struct ee_timer *idle;            /* of connections passed through */
    struct ee_gateway_group **groups; /* by name: gateway_choice.h */
    size_t group_count;
    size_t replay_size;    /* of all requests */
    struct ee_timer *wait; /* gateway_wait.c */
    uint64_t wait_until_us;
};

/* One request on its way: an exchange with the client on one side (a bare connection once it was
 * upgraded, or from the start when TLS passes through), a stream on the other. Freed when both are
 * gone. */
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
    bool passthrough;              /* a connection whose TLS the agent ends */
    bool raw;                      /* upgraded on an exchange of HTTP/2: bytes both ways */
    bool request_done;             /* the client's body is complete */
    bool end_sent;                 /* and the agent knows */
    struct ee_http_head *trailers; /* of the request; NULL: none */
    struct ee_buffer held;         /* from the client, the stream did not take it yet */
    struct ee_gateway_request *next, *previous;
    bool waiting;            /* for an agent that is about to come back */
    uint64_t blocked_us;     /* since when the client has no room; 0: it has */
    uint64_t received, sent; /* bytes of a bare connection: from the client, to it */
    uint64_t moved_us;       /* when the last of them moved */
    size_t unreported;       /* bytes passed on to the client, not yet reported as consumed */
    /* gateway_choice.c, gateway_retry.c */
    struct ee_bytes target; /* part of the exchange's request */
    struct ee_gateway_group *group;
    uint64_t replica;  /* its id; 0: none yet */
    bool counted;      /* as in flight there */
    bool interim;      /* a 1xx was passed on: an answer has begun */
    bool replay_whole; /* `replay` is all that came of the body */
    struct ee_buffer replay;
    size_t tries;
    uint64_t tried[3]; /* ids */
};

/* gateway.c */
/* Finds the app's replicas and opens the stream, or answers why not. */
void ee_gateway_route(struct ee_gateway_request *request, struct ee_bytes target);
/* gateway_wait.c: after a hand-over agents take a moment to come. */
EE_MUST_USE enum ee_err ee_gateway_wait_init(struct ee_gateway *gateway);
/* The request waits for its agent; false: it is not such a moment. */
bool ee_gateway_wait(struct ee_gateway_request *request, struct ee_bytes target);
/* gateway.c */
/* One more, in no list but the gateway's. NULL: too many, or no memory. */
struct ee_gateway_request *ee_gateway_request_new(struct ee_gateway *gateway);
/* "NAME.DOMAIN", with or without a port, is NAME. */
bool ee_gateway_app_of_host(const struct ee_gateway *gateway, struct ee_bytes host,
                            char out[EE_NAME_MAX + 1]);
/* Answers with a status and a short text; a 503 says when to try again. */
void ee_gateway_answer(struct ee_gateway_request *request, uint16_t status, const char *text);
void ee_gateway_request_free(struct ee_gateway_request *request);
/* Frees it if nothing of it is left. */
void ee_gateway_request_settle(struct ee_gateway_request *request);

/* gateway_request.c */
/* Is the request a WebSocket handshake that the app may grant? Others keep no Upgrade. */
void ee_gateway_handshake_read(struct ee_gateway_request *request);
/* Does the gateway itself answer (Max-Forwards: 0)? Then it has. */
bool ee_gateway_answers_itself(struct ee_gateway_request *request);
/* Opens the stream for the exchange's request on `link`. EE_TOO_LARGE, EE_SYNTAX, EE_HTTP: its head
 * cannot be passed on; EE_NO_MEMORY; others: no stream there, perhaps elsewhere. */
EE_MUST_USE enum ee_err ee_gateway_open(struct ee_gateway_request *request);
/* Sends to the stream what was held and `bytes`; what is not taken is held. True: all taken. */
bool ee_gateway_send(struct ee_gateway_request *request, struct ee_bytes bytes);
/* Bytes have reached the client or its connection has room for them. */
void ee_gateway_consumed(struct ee_gateway_request *request, size_t size, bool writable);
/* Drops the stream. */
void ee_gateway_reset(struct ee_gateway_request *request, enum ee_tunnel_code code,
                      const char *text);

/* gateway_passthrough.c */
EE_MUST_USE enum ee_err ee_gateway_passthrough_init(struct ee_gateway *gateway);
/* Does the agent end TLS of this app? False for a name that is no app. */
bool ee_gateway_is_passthrough(const struct ee_gateway *gateway, const char *app);
/* For struct ee_http_server_options.claim. */
bool ee_gateway_claim(void *gateway, struct ee_conn *conn, const struct ee_client_hello *hello,
                      struct ee_bytes received);

/* gateway_shed.c */
EE_MUST_USE enum ee_err ee_gateway_shed_init(struct ee_gateway *gateway);
/* Has the client room for more? */
void ee_gateway_shed_note(struct ee_gateway_request *request, bool writable);

/* gateway_upgrade.c */
/* From now on the bare connection carries bytes both ways, after `received`. */
void ee_gateway_raw_start(struct ee_gateway_request *request, struct ee_conn *conn,
                          struct ee_bytes received);
/* The answer was 101 with this head: from now on raw bytes both ways. */
void ee_gateway_upgrade(struct ee_gateway_request *request, struct ee_http_head *head);
void ee_gateway_raw_event(struct ee_gateway_request *request, const struct ee_tunnel_event *event);

extern const struct ee_http_exchange_events ee_gateway_exchange_events;

#endif
