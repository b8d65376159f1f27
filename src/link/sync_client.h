/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking requests for command-line programs: one TLS connection, many requests, each with a
 * time-out. It runs its own loop until the answer is there. A lost connection is an error, not
 * dialled again silently: evidence is verified per connection. */
#ifndef EE_LINK_SYNC_CLIENT_H
#define EE_LINK_SYNC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/message.h"
#include "io/buffer.h"
#include "io/conn.h"

struct ee_sync_client;

enum { EE_SYNC_TIMEOUT_MS = 30000, EE_SYNC_BODY_MAX = 16 * 1024 * 1024 };

struct ee_sync_request {
    struct ee_http_head *head; /* framing fields and a missing Host are set by the call */
    struct ee_bytes body;
    uint64_t timeout_ms; /* of the whole answer, or of silence when `on_body` is set; 0: default */
    size_t body_max;     /* of the answer when it is kept; 0: EE_SYNC_BODY_MAX */
    /* Streaming: called with each piece of a 2xx answer instead of keeping it; false ends the
     * connection. */
    bool (*on_body)(void *context, struct ee_bytes bytes);
    void *context;
};

struct ee_sync_answer {
    struct ee_http_head *head;
    struct ee_buffer body;
};

/* EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_sync_client_new(struct ee_sync_client **out);
void ee_sync_client_free(struct ee_sync_client *client); /* NULL is fine */

/* Dials; a connection it had is closed. Errors of ee_conn_connect() and of ee_conn's `closed`:
 * EE_CONNECT, EE_TIMEOUT, EE_TLS, ... */
EE_MUST_USE enum ee_err ee_sync_client_connect(struct ee_sync_client *client,
                                               const struct ee_conn_connect_options *options);
bool ee_sync_client_connected(const struct ee_sync_client *client);
/* For exporter and peer key; NULL without a connection. */
struct ee_conn *ee_sync_client_conn(const struct ee_sync_client *client);
/* Words for the last error of connect or request; "" if there are none. */
const char *ee_sync_client_reason(const struct ee_sync_client *client);

/* Sends and waits. EE_STATE: not connected; EE_CLOSED: the connection ended before the answer did;
 * EE_TIMEOUT, EE_TOO_LARGE (answer), EE_HTTP. After an error the connection is gone, except when
 * the head was refused before anything was sent. `answer` is the caller's to close. */
EE_MUST_USE enum ee_err ee_sync_client_request(struct ee_sync_client *client,
                                               const struct ee_sync_request *request,
                                               struct ee_sync_answer *answer_out);
void ee_sync_answer_close(struct ee_sync_answer *answer);

#endif
