/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 parser. First byte: role and size of the pieces. Whole and in pieces the same must be
 * read, and a head that was read must be writable and read alike again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/parser.h"
#include "http/proxy_headers.h"
#include "http/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t hash;
    enum ee_err err;
    enum ee_http_rule rule;
};

static void add(struct sum *sum, struct ee_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        sum->hash = (sum->hash ^ bytes.data[i]) * 1099511628211u;
}

static void require(int condition)
{
    if (!condition)
        abort();
}

static void head_again(const struct ee_http_head *head)
{
    static struct ee_http_head copy;
    static uint8_t wire[EE_HTTP_HEAD_WIRE_MAX];
    const struct ee_http_forward forward = {"192.0.2.1", "https", "a.example", false, true, false};
    struct ee_http_event event;
    struct ee_writer w;
    size_t used;
    ee_http_head_copy(&copy, head);
    ee_writer_init(&w, wire, sizeof(wire));
    if (head->status || ee_http_forward_apply(&copy, &forward) != EE_OK)
        return;
    require(ee_http_request_write(&w, &copy) == EE_OK);
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, EE_HTTP_SERVER);
    const enum ee_err err = ee_http_parser_next(p, ee_writer_done(&w), &used, &event);
    const enum ee_http_rule rule = ee_http_parser_rule(p);
    /* What we add may go beyond the limits; an HTTP/1.0 head may lack Host. */
    require(err == EE_OK || rule == EE_HTTP_RULE_HEADER_TOO_LARGE ||
            rule == EE_HTTP_RULE_TOO_MANY_FIELDS || rule == EE_HTTP_RULE_LINE_TOO_LONG ||
            rule == EE_HTTP_RULE_HOST_MISSING);
    if (err == EE_OK) {
        require(event.kind == EE_HTTP_EVENT_HEAD && used == w.size);
        require(event.head->field_count == copy.field_count);
        require(ee_bytes_equal(ee_http_head_target(event.head), ee_http_head_target(&copy)));
    }
    ee_http_parser_free(p);
}

static void on_event(struct sum *sum, const struct ee_http_event *event)
{
    const uint8_t kind = (uint8_t)event->kind;
    if (event->kind == EE_HTTP_EVENT_BODY)
        add(sum, event->body);
    else if (event->kind != EE_HTTP_EVENT_NONE)
        add(sum, ee_bytes_of(&kind, 1));
    if (event->kind != EE_HTTP_EVENT_HEAD && event->kind != EE_HTTP_EVENT_TRAILERS)
        return;
    for (size_t i = 0; i < event->head->field_count; i++) {
        add(sum, ee_http_head_name(event->head, i));
        add(sum, ee_http_head_value(event->head, i));
    }
    if (event->kind == EE_HTTP_EVENT_HEAD)
        head_again(event->head);
}

static struct sum run(enum ee_http_role role, struct ee_bytes input, size_t step)
{
    struct sum sum = {.hash = 14695981039346656037u};
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_NONE};
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, role);
    size_t at = 0, used;
    ee_http_parser_expect(p, false, true);
    while (sum.err == EE_OK && (at < input.size || event.kind != EE_HTTP_EVENT_NONE)) {
        const size_t left = input.size - at, size = left < step ? left : step;
        sum.err = ee_http_parser_next(p, ee_bytes_of(input.data + at, size), &used, &event);
        if (sum.err != EE_OK)
            break;
        require(used <= size && (event.kind != EE_HTTP_EVENT_NONE || used == size));
        at += used;
        on_event(&sum, &event);
        if (event.kind == EE_HTTP_EVENT_UPGRADE)
            ee_http_parser_resume(p);
    }
    if (sum.err == EE_OK)
        sum.err = ee_http_parser_finish(p, &event);
    sum.rule = ee_http_parser_rule(p);
    ee_http_parser_free(p);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const enum ee_http_role role = data[0] & 1 ? EE_HTTP_CLIENT : EE_HTTP_SERVER;
    const struct ee_bytes input = ee_bytes_of(data + 1, size - 1);
    const struct sum whole = run(role, input, size);
    const struct sum pieces = run(role, input, 1u + (data[0] >> 1));
    require(whole.hash == pieces.hash && whole.err == pieces.err && whole.rule == pieces.rule);
    return 0;
}
