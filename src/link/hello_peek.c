/* SPDX-License-Identifier: Apache-2.0 */
#include "link/hello_peek.h"

#include <string.h>

#include "base/alloc.h"
#include "io/buffer.h"

#include "base/banned.h"

struct peek {
    struct ee_hello_peeks *peeks;
    struct peek *next, *previous; /* `next` came earlier */
    struct ee_conn *conn;
    struct ee_timer *timer;
    struct ee_client_hello_reader reader;
    struct ee_buffer received; /* only what came before the last piece */
};

struct ee_hello_peeks {
    struct ee_hello_peeks_options options;
    struct peek *newest, *oldest;
};

static void peek_free(struct peek *peek)
{
    struct ee_hello_peeks *peeks = peek->peeks;
    if (peek->next)
        peek->next->previous = peek->previous;
    else
        peeks->oldest = peek->previous;
    if (peek->previous)
        peek->previous->next = peek->next;
    else
        peeks->newest = peek->next;
    ee_timer_free(peek->timer);
    ee_buffer_close(&peek->received);
    ee_free(&ee_allocator_system, peek);
}

static void peek_end(struct peek *peek, enum ee_err err)
{
    ee_conn_set_events(peek->conn, NULL, NULL);
    ee_conn_abort(peek->conn, err);
    peek_free(peek);
}

static void timed_out(void *context)
{
    peek_end(context, EE_TIMEOUT);
}

/* A name that is no DNS name, such as an address: as if there were none. */
static enum ee_err look(struct peek *peek, struct ee_bytes received, struct ee_client_hello *hello)
{
    enum ee_err err = ee_client_hello_read(&peek->reader, received, hello);
    if (err != EE_SYNTAX)
        return err;
    memset(hello, 0, sizeof(*hello));
    return EE_OK;
}

static void finish(struct peek *peek, const struct ee_client_hello *hello, struct ee_bytes received)
{
    const struct ee_hello_peeks_options options = peek->peeks->options;
    struct ee_conn *conn = peek->conn;
    struct ee_buffer kept = peek->received; /* `received` may be in it */
    memset(&peek->received, 0, sizeof(peek->received));
    ee_conn_set_events(conn, NULL, NULL);
    peek_free(peek);
    options.done(options.context, conn, hello, received);
    ee_buffer_close(&kept);
}

static void on_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    struct peek *peek = context;
    struct ee_client_hello hello;
    struct ee_bytes received = data;
    (void)conn;
    if (peek->received.size > 0) {
        if (ee_buffer_append(&peek->received, data) != EE_OK) {
            peek_end(peek, EE_NO_MEMORY);
            return;
        }
        received = ee_buffer_bytes(&peek->received);
    }
    enum ee_err err = look(peek, received, &hello);
    if (err == EE_OK) {
        finish(peek, &hello, received);
        return;
    }
    if (err == EE_TRUNCATED && peek->received.size == 0)
        err = ee_buffer_append(&peek->received, data) == EE_OK ? EE_TRUNCATED : EE_NO_MEMORY;
    if (err != EE_TRUNCATED)
        peek_end(peek, err);
}

static void on_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    (void)conn;
    (void)err;
    peek_free(context);
}

static const struct ee_conn_events peek_events = {.data = on_data, .closed = on_closed};

struct ee_hello_peeks *ee_hello_peeks_new(const struct ee_hello_peeks_options *options)
{
    struct ee_hello_peeks *peeks = ee_alloc(&ee_allocator_system, 1, sizeof(*peeks));
    if (!peeks)
        return NULL;
    peeks->options = *options;
    if (peeks->options.timeout_ms == 0)
        peeks->options.timeout_ms = EE_HELLO_PEEK_MS;
    return peeks;
}

void ee_hello_peeks_free(struct ee_hello_peeks *peeks)
{
    while (peeks && ee_hello_peeks_make_room(peeks))
        ;
    ee_free(&ee_allocator_system, peeks);
}

void ee_hello_peeks_take(struct ee_hello_peeks *peeks, struct ee_conn *conn)
{
    struct peek *peek = ee_alloc(&ee_allocator_system, 1, sizeof(*peek));
    if (!peek)
        return;
    if (ee_timer_new(peeks->options.loop, timed_out, peek, &peek->timer) != EE_OK) {
        ee_free(&ee_allocator_system, peek);
        return;
    }
    peek->peeks = peeks;
    peek->conn = conn;
    peek->next = peeks->newest;
    if (peek->next)
        peek->next->previous = peek;
    else
        peeks->oldest = peek;
    peeks->newest = peek;
    ee_timer_start(peek->timer, peeks->options.timeout_ms, 0);
    ee_conn_set_events(conn, &peek_events, peek);
}

bool ee_hello_peeks_make_room(struct ee_hello_peeks *peeks)
{
    if (!peeks || !peeks->oldest)
        return false;
    peek_end(peeks->oldest, EE_FULL);
    return true;
}
