/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds bytes to a parser in pieces of one size and writes down what happened as text: heads as
 * "[GET /a|Host=x]", responses as "[200|...]", bodies joined, trailers as "{x=1}", ends as ".", an
 * upgrade as "^", a clean close as "$". The size of the pieces must not change the text. */
#ifndef EE_TESTS_HTTP_DRIVE_H
#define EE_TESTS_HTTP_DRIVE_H

#include "http/parser.h"
#include "tap.h"

struct drive {
    char text[70000];
    size_t size;
    size_t consumed; /* bytes of the input taken before an upgrade or refusal */
    enum ee_err err;
    enum ee_http_rule rule;
};

static inline void drive_put(struct drive *d, struct ee_bytes bytes)
{
    if (bytes.size && d->size + bytes.size < sizeof(d->text)) {
        memcpy(d->text + d->size, bytes.data, bytes.size);
        d->size += bytes.size;
    }
    d->text[d->size] = 0;
}

static inline void drive_text(struct drive *d, const char *text)
{
    drive_put(d, ee_bytes_str(text));
}

static inline void drive_fields(struct drive *d, const struct ee_http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        drive_text(d, "|");
        drive_put(d, ee_http_head_name(head, i));
        drive_text(d, "=");
        drive_put(d, ee_http_head_value(head, i));
    }
}

static inline void drive_head(struct drive *d, const struct ee_http_head *head)
{
    char status[8];
    (void)snprintf(status, sizeof(status), "%u", head->status);
    drive_text(d, "[");
    drive_put(d, ee_http_head_method(head));
    drive_text(d, head->status ? status : " ");
    drive_put(d, ee_http_head_target(head));
    drive_fields(d, head);
    drive_text(d, "]");
}

static inline void drive_event(struct drive *d, const struct ee_http_event *event)
{
    switch (event->kind) {
    case EE_HTTP_EVENT_NONE:
        return;
    case EE_HTTP_EVENT_HEAD:
        drive_head(d, event->head);
        return;
    case EE_HTTP_EVENT_BODY:
        drive_put(d, event->body);
        return;
    case EE_HTTP_EVENT_TRAILERS:
        drive_text(d, "{");
        drive_fields(d, event->head);
        drive_text(d, "}");
        return;
    case EE_HTTP_EVENT_END:
        drive_text(d, ".");
        return;
    case EE_HTTP_EVENT_UPGRADE:
        drive_text(d, "^");
        return;
    }
}

/* Stops at an upgrade or error. */
static inline void drive_feed(struct drive *d, struct ee_http_parser *p, struct ee_bytes input,
                              size_t step)
{
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_NONE};
    size_t at = 0;
    while (at < input.size || event.kind != EE_HTTP_EVENT_NONE) {
        const size_t left = input.size - at, size = left < step ? left : step;
        size_t used = 0;
        d->err = ee_http_parser_next(p, ee_bytes_of(input.data + at, size), &used, &event);
        at += used;
        d->consumed = at;
        d->rule = ee_http_parser_rule(p);
        if (d->err != EE_OK)
            return;
        drive_event(d, &event);
        if (event.kind == EE_HTTP_EVENT_UPGRADE)
            return;
        if (event.kind == EE_HTTP_EVENT_NONE && used != size) {
            d->err = EE_STATE; /* NONE must mean that everything was taken */
            return;
        }
    }
}

static inline void drive_finish(struct drive *d, struct ee_http_parser *p)
{
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_NONE};
    d->err = ee_http_parser_finish(p, &event);
    d->rule = ee_http_parser_rule(p);
    if (d->err != EE_OK)
        return;
    drive_event(d, &event);
    drive_text(d, "$");
}

/* The whole connection, then its end. */
static inline void drive_all(struct drive *d, enum ee_http_role role, struct ee_bytes input,
                             size_t step)
{
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, role);
    *d = (struct drive){.err = EE_NO_MEMORY};
    if (!p)
        return;
    d->err = EE_OK;
    drive_feed(d, p, input, step);
    if (d->err == EE_OK)
        drive_finish(d, p);
    ee_http_parser_free(p);
}

#endif
