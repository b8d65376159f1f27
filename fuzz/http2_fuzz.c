/* SPDX-License-Identifier: Apache-2.0 */
/* A server's session of HTTP/2 with a made-up gateway behind it. First byte: size of the pieces the
 * client's bytes come in and how the owners behave. Whatever comes: memory that was counted is
 * given back, every exchange hears `gone` once, nothing is sent after the end. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "link/http2_internal.h"

enum { ANSWER_SIZE = 40000 };

struct wire {
    struct ee_http2 *session;
    uint64_t now_us;
    uint8_t manner;
    bool later;
    size_t sent, requests, gone, paused;
    struct ee_http_exchange *held; /* one that is answered late */
};

static void answer(struct wire *wire, struct ee_http_exchange *x)
{
    static uint8_t body[ANSWER_SIZE];
    struct ee_http_head *head = ee_http_exchange_head(x);
    FUZZ_CHECK(ee_http_head_response(head, 200, ee_bytes_of(NULL, 0)) == EE_OK);
    if (wire->manner & 1) {
        (void)!ee_http_exchange_answer(x, head, ee_bytes_of(body, sizeof(body)));
        return;
    }
    if (ee_http_exchange_start(x, head, false, 0) != EE_OK)
        return;
    (void)!ee_http_exchange_write(x, ee_bytes_of(body, sizeof(body)));
    ee_http_head_clear(head);
    FUZZ_CHECK(ee_http_head_add_text(head, "X-Sum", "1") == EE_OK);
    (void)!ee_http_exchange_end(x, head);
}

static void on_body(void *context, struct ee_http_exchange *x, struct ee_bytes bytes)
{
    struct wire *wire = context;
    FUZZ_CHECK(bytes.size > 0);
    if (wire->manner & 2 && wire->paused++ % 2 == 0)
        ee_http_exchange_pause(x);
    else if (x->raw)
        (void)!ee_http_exchange_write(x, bytes);
}

static void on_trailers(void *context, struct ee_http_exchange *x, const struct ee_http_head *head)
{
    (void)context;
    (void)x;
    FUZZ_CHECK(head->field_count > 0);
}

static void on_complete(void *context, struct ee_http_exchange *x, struct ee_bytes body)
{
    (void)body;
    if (x->raw)
        (void)!ee_http_exchange_end(x, NULL);
    else
        answer(context, x);
}

static void on_gone(void *context, struct ee_http_exchange *x, enum ee_err err)
{
    struct wire *wire = context;
    (void)err;
    wire->gone++;
    if (wire->held == x)
        wire->held = NULL;
}

static const struct ee_http_exchange_events events = {
    .body = on_body, .trailers = on_trailers, .complete = on_complete, .gone = on_gone};

static void on_request(void *context, struct ee_http_exchange *x)
{
    struct wire *wire = context;
    const struct ee_http_head *request = ee_http_exchange_request(x);
    struct ee_bytes host;
    FUZZ_CHECK(request->method.size > 0 && request->target.size > 0);
    FUZZ_CHECK(ee_http_head_find(request, "Host", &host) && ee_http_host_valid(host));
    FUZZ_CHECK(ee_http_head_count(request, "Transfer-Encoding") == 0);
    wire->requests++;
    if (wire->manner & 4)
        ee_http_exchange_collect(x, 100, &events, wire);
    else
        ee_http_exchange_stream(x, &events, wire);
    if (ee_http_exchange_wants_upgrade(x)) {
        struct ee_http_head *head = ee_http_exchange_head(x);
        FUZZ_CHECK(ee_http_head_response(head, 101, ee_bytes_of(NULL, 0)) == EE_OK);
        FUZZ_CHECK(ee_http_exchange_upgrade_stream(x, head) == EE_OK);
    } else if (wire->manner & 8) {
        ee_http_exchange_abort(x, EE_BACKEND);
    } else if (wire->manner & 16) {
        answer(wire, x); /* early */
    } else if (!wire->held) {
        wire->held = x;
    }
}

static enum ee_err host_write(void *context, struct ee_bytes bytes)
{
    struct wire *wire = context;
    wire->sent += bytes.size;
    return EE_OK;
}

static bool host_writable(void *context)
{
    const struct wire *wire = context;
    return !(wire->manner & 32) || wire->sent < 60000;
}

static void host_later(void *context)
{
    ((struct wire *)context)->later = true;
}

static uint64_t host_now(void *context)
{
    return ((struct wire *)context)->now_us;
}

static void turn(struct wire *wire)
{
    while (wire->later && !ee_http2_over(wire->session)) {
        wire->later = false;
        ee_http2_work(wire->session);
    }
    if (wire->held && wire->manner & 2)
        ee_http_exchange_resume(wire->held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ee_http_head scratch;
    struct ee_http2_shared shared = {0};
    struct wire wire = {.manner = size ? data[0] : 0};
    const struct ee_http_server_options options = {.request = on_request, .context = &wire};
    const struct ee_http2_host host = {.shared = &shared,
                                       .scratch = &scratch,
                                       .options = &options,
                                       .write = host_write,
                                       .writable = host_writable,
                                       .later = host_later,
                                       .now_us = host_now,
                                       .context = &wire};
    if (size == 0 || !(wire.session = ee_http2_new(&host)))
        return 0;
    const size_t step = (data[0] >> 6) == 0 ? size : (size_t)(data[0] >> 6) * 5;
    for (size_t at = 1; at < size && !ee_http2_over(wire.session); at += step) {
        const size_t left = size - at;
        ee_http2_receive(wire.session, ee_bytes_of(data + at, left < step ? left : step));
        wire.now_us += 1000;
        turn(&wire);
        FUZZ_CHECK(shared.held <= EE_HTTP2_HELD_MAX && shared.streams <= EE_HTTP2_STREAMS_MAX + 1);
    }
    wire.now_us += 3000u * 1000u;
    ee_http2_tick(wire.session, 1000u * 1000u, 1000u * 1000u, 1000u * 1000u);
    turn(&wire);
    ee_http2_free(wire.session, EE_CLOSED);
    FUZZ_CHECK(wire.gone <= wire.requests);
    FUZZ_CHECK(shared.held == 0 && shared.streams == 0 && shared.out == 0);
    return 0;
}
