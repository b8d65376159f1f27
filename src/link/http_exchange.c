/* SPDX-License-Identifier: Apache-2.0 */
#include "link/http_server_internal.h"

#include <assert.h>
#include <time.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/clock.h"

#include "base/banned.h"

const struct ee_http_head *ee_http_exchange_request(const struct ee_http_exchange *x)
{
    return x->request;
}

struct ee_conn *ee_http_exchange_conn(const struct ee_http_exchange *x)
{
    return x->conn;
}

void *ee_http_exchange_context(const struct ee_http_exchange *x)
{
    return x->context;
}

bool ee_http_exchange_wants_upgrade(const struct ee_http_exchange *x)
{
    return x->wants_upgrade;
}

bool ee_http_exchange_is_http2(const struct ee_http_exchange *x)
{
    return x->is_http2;
}

bool ee_http_exchange_length(const struct ee_http_exchange *x, uint64_t *length_out)
{
    if (x->has_length)
        *length_out = x->length;
    return x->has_length;
}

bool ee_http_exchange_has_body(const struct ee_http_exchange *x)
{
    return x->chunked || (x->has_length && x->length > 0);
}

static void take(struct ee_http_exchange *x, const struct ee_http_exchange_events *events,
                 void *context)
{
    assert(!x->events && events && events->gone);
    x->events = events;
    x->context = context;
}

void ee_http_exchange_collect(struct ee_http_exchange *x, size_t limit,
                              const struct ee_http_exchange_events *events, void *context)
{
    take(x, events, context);
    x->collect = true;
    x->limit = limit;
    x->too_large = x->has_length && x->length > limit;
}

void ee_http_exchange_stream(struct ee_http_exchange *x,
                             const struct ee_http_exchange_events *events, void *context)
{
    take(x, events, context);
}

void ee_http_exchange_pause(struct ee_http_exchange *x)
{
    x->paused = true;
}

void ee_http_exchange_resume(struct ee_http_exchange *x)
{
    x->paused = false;
    x->ops->later(x);
}

struct ee_http_head *ee_http_exchange_head(const struct ee_http_exchange *x)
{
    ee_http_head_clear(x->scratch);
    return x->scratch;
}

/* RFC 9110 section 6.6.1; the C locale has the names it wants. */
enum ee_err ee_http_date_add(struct ee_http_head *head)
{
    static _Thread_local struct {
        time_t at;
        size_t size;
        char text[40];
    } last; /* one a second is enough */
    struct ee_bytes given;
    struct tm parts;
    time_t now = (time_t)(ee_clock_wall_us() / 1000000u);
    if (ee_http_head_find(head, "Date", &given))
        return EE_OK;
    if (last.at != now) {
        last.at = now;
        last.size = gmtime_r(&now, &parts) ? strftime(last.text, sizeof(last.text),
                                                      "%a, %d %b %Y %H:%M:%S GMT", &parts)
                                           : 0;
    }
    return last.size > 0 ? ee_http_head_add_text(head, "Date", last.text) : EE_OK;
}

/* RFC 9110 section 6.4.1: no body after HEAD, 204, 304; RFC 9112 section 6.1: and no framing in
 * 204. */
static enum ee_err begin(struct ee_http_exchange *x, struct ee_http_head *head, bool has_length,
                         uint64_t length, bool whole, size_t more)
{
    if (x->started || head->status < 200)
        return EE_STATE;
    bool no_content = head->status == 204 || head->status == 304;
    x->without_body = x->is_head || no_content;
    x->framing.has_length = has_length && !no_content;
    x->framing.chunked = !has_length && !no_content && x->request->minor > 0 && !x->is_http2;
    x->framing.left = length;
    EE_TRY(ee_http_framing_set(head, &x->framing));
    EE_TRY(ee_http_date_add(head));
    EE_TRY(x->ops->begin(x, head, whole, x->without_body ? 0 : more));
    x->started = true;
    return EE_OK;
}

static void finish(struct ee_http_exchange *x)
{
    x->finished = true;
    x->ops->later(x);
}

enum ee_err ee_http_exchange_answer(struct ee_http_exchange *x, struct ee_http_head *head,
                                    struct ee_bytes body)
{
    struct ee_conn *conn = x->is_http2 ? NULL : x->conn;
    /* The caller holds the body anyway: a large one does not have to fit the queue's limit. */
    if (conn && body.size > EE_CONN_QUEUE_LIMIT / 2)
        ee_conn_set_water(conn, EE_CONN_LOW_WATER, EE_CONN_HIGH_WATER,
                          EE_CONN_QUEUE_LIMIT + body.size);
    enum ee_err err = begin(x, head, true, body.size, true, body.size);
    if (err == EE_OK && !x->without_body && body.size > 0)
        err = x->ops->write(x, body);
    if (conn)
        ee_conn_set_water(conn, EE_CONN_LOW_WATER, EE_CONN_HIGH_WATER, EE_CONN_QUEUE_LIMIT);
    if (err == EE_OK)
        finish(x);
    return err;
}

enum ee_err ee_http_exchange_answer_text(struct ee_http_exchange *x, uint16_t status,
                                         const char *content_type, struct ee_bytes body)
{
    struct ee_http_head *head = ee_http_exchange_head(x);
    EE_TRY(ee_http_head_response(head, status, ee_bytes_of(NULL, 0)));
    EE_TRY(ee_http_head_add_text(head, "Content-Type", content_type));
    return ee_http_exchange_answer(x, head, body);
}

enum ee_err ee_http_exchange_interim(struct ee_http_exchange *x, const struct ee_http_head *head)
{
    if (x->started || head->status < 100 || head->status > 199 || head->status == 101)
        return EE_STATE;
    return x->request->minor == 0 ? EE_OK : x->ops->interim(x, head);
}

enum ee_err ee_http_exchange_start(struct ee_http_exchange *x, struct ee_http_head *head,
                                   bool has_length, uint64_t length)
{
    if (x->started)
        return EE_STATE;
    x->in_pieces = true;
    enum ee_err err = begin(x, head, has_length, length, false, 0);
    x->in_pieces = err == EE_OK;
    x->ops->later(x); /* its time */
    return err;
}

enum ee_err ee_http_exchange_write(struct ee_http_exchange *x, struct ee_bytes bytes)
{
    if (!x->in_pieces || x->finished)
        return EE_STATE;
    x->ops->later(x);
    return x->without_body || bytes.size == 0 ? EE_OK : x->ops->write(x, bytes);
}

enum ee_err ee_http_exchange_end(struct ee_http_exchange *x, const struct ee_http_head *trailers)
{
    if (!x->in_pieces || x->finished)
        return EE_STATE;
    enum ee_err err = EE_OK;
    if (!x->without_body)
        err = x->ops->end(x, trailers);
    if (err == EE_OK)
        finish(x);
    else if (err == EE_RANGE)
        ee_http_exchange_abort(x, EE_RANGE);
    return err;
}

bool ee_http_exchange_writable(const struct ee_http_exchange *x)
{
    return x->ops->writable(x);
}

void ee_http_exchange_abort(struct ee_http_exchange *x, enum ee_err err)
{
    if (x->finished)
        return;
    x->gone_err = err;
    x->ops->abort(x, err);
}

/* ---- what both versions do with a request ---- */

enum ee_err ee_http_exchange_body_take(struct ee_http_exchange *x, struct ee_bytes bytes)
{
    if ((x->finished && !x->raw) || !x->events)
        return EE_OK; /* answered already: nobody wants it */
    if (x->collect) {
        if (bytes.size > x->limit - x->body.size)
            return EE_TOO_LARGE;
        return ee_buffer_append(&x->body, bytes);
    }
    if (x->events->body)
        x->events->body(x->context, x, bytes);
    return EE_OK;
}

void ee_http_exchange_complete_take(struct ee_http_exchange *x)
{
    x->complete = true;
    if ((!x->finished || x->raw) && x->events && x->events->complete)
        x->events->complete(x->context, x, ee_buffer_bytes(&x->body));
}

void ee_http_exchange_free(struct ee_http_exchange *x)
{
    ee_free(&ee_allocator_system, x->request);
    ee_buffer_close(&x->body);
    ee_free(&ee_allocator_system, x);
}

uint16_t ee_http_server_port(const struct ee_http_server *server)
{
    return server->port;
}

size_t ee_http_server_connections(const struct ee_http_server *server)
{
    return server->count;
}
