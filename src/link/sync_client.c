/* SPDX-License-Identifier: Apache-2.0 */
#include "link/sync_client.h"

#include <stdio.h>

#include "base/alloc.h"
#include "link/http_client.h"

#include "base/banned.h"

enum { REASON_SIZE = 192, CLOSE_MS = 3000 };

struct ee_sync_client {
    struct ee_loop *loop;
    struct ee_http_client *http; /* NULL: not connected */
    bool done;                   /* what is waited for has come */
    enum ee_err err;
    char reason[REASON_SIZE];
    bool opened, streaming, moved;
    const struct ee_sync_request *request; /* while waiting for an answer */
    struct ee_sync_answer answer;
};

static void on_open(void *context, struct ee_http_client *http)
{
    struct ee_sync_client *client = context;
    (void)http;
    client->opened = true;
    client->done = true;
}

static void on_head(void *context, struct ee_http_client *http, const struct ee_http_head *head)
{
    struct ee_sync_client *client = context;
    (void)http;
    client->moved = true;
    ee_http_head_copy(client->answer.head, head);
    client->streaming =
        client->request && client->request->on_body && head->status >= 200 && head->status < 300;
}

static void give_up(struct ee_sync_client *client, enum ee_err err, const char *reason)
{
    client->err = err;
    (void)snprintf(client->reason, sizeof(client->reason), "%s", reason);
    client->done = true;
    ee_http_client_abort(client->http, err);
}

static void on_body(void *context, struct ee_http_client *http, struct ee_bytes bytes)
{
    struct ee_sync_client *client = context;
    const struct ee_sync_request *request = client->request;
    (void)http;
    client->moved = true;
    if (!request)
        return;
    size_t limit = request->body_max ? request->body_max : EE_SYNC_BODY_MAX;
    if (client->streaming) {
        if (!request->on_body(request->context, bytes)) {
            client->done = true;
            ee_http_client_close(client->http);
        }
    } else if (bytes.size > limit - client->answer.body.size) {
        give_up(client, EE_TOO_LARGE, "the answer is larger than the limit");
    } else if (ee_buffer_append(&client->answer.body, bytes) != EE_OK) {
        give_up(client, EE_NO_MEMORY, "no memory for the answer");
    }
}

static void on_end(void *context, struct ee_http_client *http)
{
    struct ee_sync_client *client = context;
    (void)http;
    client->done = true;
}

static void on_closed(void *context, struct ee_http_client *http, enum ee_err err)
{
    struct ee_sync_client *client = context;
    client->http = NULL;
    if (!client->done) {
        client->err = err == EE_OK ? EE_CLOSED : err;
        (void)snprintf(client->reason, sizeof(client->reason), "%s", ee_http_client_reason(http));
    }
    client->done = true;
}

static const struct ee_http_client_events events = {
    .open = on_open, .head = on_head, .body = on_body, .end = on_end, .closed = on_closed};

enum ee_err ee_sync_client_new(struct ee_sync_client **out)
{
    struct ee_sync_client *client = ee_alloc(&ee_allocator_system, 1, sizeof(*client));
    if (!client)
        return EE_NO_MEMORY;
    enum ee_err err = ee_loop_new(&client->loop);
    if (err != EE_OK) {
        ee_free(&ee_allocator_system, client);
        return err;
    }
    *out = client;
    return EE_OK;
}

/* In order, so that the server is not left with half a connection. */
static void disconnect(struct ee_sync_client *client)
{
    bool never = false;
    if (client->http) {
        client->done = true; /* what comes now is no error */
        ee_http_client_close(client->http);
    }
    /* EE_STATE: nothing of the connection is left. */
    (void)(ee_loop_run_until(client->loop, &never, CLOSE_MS) == EE_STATE);
    ee_http_client_free(client->http);
    client->http = NULL;
}

void ee_sync_client_free(struct ee_sync_client *client)
{
    if (!client)
        return;
    disconnect(client);
    ee_loop_free(client->loop);
    ee_free(&ee_allocator_system, client);
}

enum ee_err ee_sync_client_connect(struct ee_sync_client *client,
                                   const struct ee_conn_connect_options *options)
{
    if (client->http)
        disconnect(client);
    client->done = client->opened = false;
    client->err = EE_OK;
    client->reason[0] = '\0';
    EE_TRY(ee_http_client_new(client->loop, options, &events, client, &client->http));
    /* The connection has its own time-outs. */
    while (!client->done)
        EE_TRY(ee_loop_run_until(client->loop, &client->done, EE_SYNC_TIMEOUT_MS));
    return client->opened ? EE_OK : client->err;
}

bool ee_sync_client_connected(const struct ee_sync_client *client)
{
    return client->http && ee_http_client_ready(client->http);
}

struct ee_conn *ee_sync_client_conn(const struct ee_sync_client *client)
{
    return client->http ? ee_http_client_conn(client->http) : NULL;
}

const char *ee_sync_client_reason(const struct ee_sync_client *client)
{
    return client->reason;
}

static enum ee_err wait_for_answer(struct ee_sync_client *client,
                                   const struct ee_sync_request *request)
{
    uint64_t timeout_ms = request->timeout_ms ? request->timeout_ms : EE_SYNC_TIMEOUT_MS;
    enum ee_err err;
    do {
        client->moved = false;
        err = ee_loop_run_until(client->loop, &client->done, timeout_ms);
    } while (err == EE_TIMEOUT && request->on_body && client->moved);
    if (err == EE_OK)
        return client->err;
    if (client->http)
        give_up(client, err, err == EE_TIMEOUT ? "no answer in time" : "the loop ended");
    return err;
}

enum ee_err ee_sync_client_request(struct ee_sync_client *client,
                                   const struct ee_sync_request *request,
                                   struct ee_sync_answer *answer_out)
{
    client->reason[0] = '\0';
    if (!ee_sync_client_connected(client))
        return EE_STATE;
    client->answer = (struct ee_sync_answer){
        .head = ee_realloc(&ee_allocator_system, NULL, 1, sizeof(*client->answer.head))};
    if (!client->answer.head)
        return EE_NO_MEMORY;
    ee_http_head_clear(client->answer.head);
    client->done = client->streaming = false;
    client->err = EE_OK;
    client->request = request;
    enum ee_err err = ee_http_client_send(client->http, request->head, request->body);
    if (err == EE_OK)
        err = wait_for_answer(client, request);
    client->request = NULL;
    if (err == EE_OK)
        *answer_out = client->answer;
    else
        ee_sync_answer_close(&client->answer);
    client->answer = (struct ee_sync_answer){0};
    return err;
}

void ee_sync_answer_close(struct ee_sync_answer *answer)
{
    ee_free(&ee_allocator_system, answer->head);
    ee_buffer_close(&answer->body);
    answer->head = NULL;
}
