/* SPDX-License-Identifier: Apache-2.0 */
#include "http/parser_internal.h"

#include <string.h>

#include "base/banned.h"

enum { INTERIM_MAX = 16 }; /* more 1xx before an answer is a flood */

enum state {
    STATE_HEAD,       /* collecting lines */
    STATE_LENGTH,     /* body of `left` bytes */
    STATE_CHUNK_LINE, /* size line */
    STATE_CHUNK,      /* `left` bytes of a chunk */
    STATE_CHUNK_CR,   /* its end */
    STATE_CHUNK_LF,
    STATE_TRAILER,
    STATE_UNTIL_CLOSE,
    STATE_END,    /* END or UPGRADE is due */
    STATE_PAUSED, /* after UPGRADE */
    STATE_CLOSED, /* no further message on this connection */
    STATE_FAILED,
};

struct ee_http_parser {
    const struct ee_allocator *allocator;
    enum ee_http_role role;
    enum state state;
    enum ee_http_rule rule;
    bool head_request, upgrade_asked, skipped_line, line_checked;
    unsigned interims;
    uint64_t left;
    struct ee_http_chunk_line chunk_line;
    struct ee_http_scanner scanner;
    struct ee_http_event message; /* what every event of this message repeats */
    struct ee_http_second second;
    struct ee_http_head head;
};

/* One call of ee_http_parser_next. */
struct feed {
    struct ee_bytes input;
    size_t consumed;
    struct ee_http_event *event; /* kind NONE until there is one */
};

struct rule_row {
    uint16_t status;
    const char *text;
};

static const struct rule_row rules[] = {
#define RULE_ROW(name, status, text) [EE_HTTP_RULE_##name] = {status, text},
    EE_HTTP_RULES(RULE_ROW)
#undef RULE_ROW
};

uint16_t ee_http_rule_status(enum ee_http_rule rule)
{
    return rules[rule].status;
}

const char *ee_http_rule_text(enum ee_http_rule rule)
{
    return rules[rule].text;
}

static void head_start(struct ee_http_parser *p)
{
    p->state = STATE_HEAD;
    p->skipped_line = p->line_checked = false;
    ee_http_scanner_start(&p->scanner, false);
    p->message = (struct ee_http_event){.head = &p->head};
}

struct ee_http_parser *ee_http_parser_new(const struct ee_allocator *allocator,
                                          enum ee_http_role role)
{
    struct ee_http_parser *p = ee_alloc(allocator, 1, sizeof(*p));
    if (!p)
        return NULL;
    p->allocator = allocator;
    p->role = role;
    head_start(p);
    return p;
}

void ee_http_parser_free(struct ee_http_parser *parser)
{
    if (parser)
        ee_free(parser->allocator, parser);
}

void ee_http_parser_expect(struct ee_http_parser *parser, bool head_request, bool upgrade_asked)
{
    parser->head_request = head_request;
    parser->upgrade_asked = upgrade_asked;
}

static void emit(struct ee_http_parser *p, struct feed *f, enum ee_http_event_kind kind)
{
    *f->event = p->message;
    f->event->kind = kind;
}

static void chunk_start(struct ee_http_parser *p)
{
    p->chunk_line = (struct ee_http_chunk_line){0};
    p->state = STATE_CHUNK_LINE;
}

static void body_start(struct ee_http_parser *p, bool bodiless)
{
    p->left = p->message.content_length;
    if (bodiless)
        p->state = STATE_END;
    else if (p->message.chunked)
        chunk_start(p);
    else if (p->message.until_close)
        p->state = STATE_UNTIL_CLOSE;
    else
        p->state = p->left ? STATE_LENGTH : STATE_END;
}

/* A name with "_" becomes the same variable as one with "-" behind a CGI-like gateway, so an
 * outsider could set what only we may set. */
static void underscores_drop(struct ee_http_head *head)
{
    for (size_t i = head->field_count; i > 0; i--) {
        const struct ee_bytes name = ee_http_head_name(head, i - 1);
        if (memchr(name.data, '_', name.size))
            ee_http_head_remove_at(head, i - 1);
    }
}

static enum ee_http_rule request_done(struct ee_http_parser *p)
{
    enum ee_http_rule rule = ee_http_request_split(&p->head, p->scanner.size);
    if (rule == EE_HTTP_RULE_NONE)
        rule = ee_http_request_policy(&p->head, &p->message);
    ee_http_second_start(&p->second, p->role);
    if (rule == EE_HTTP_RULE_NONE)
        rule = ee_http_second_head(&p->second, &p->head, p->scanner.size, &p->message);
    if (rule != EE_HTTP_RULE_NONE)
        return rule;
    ee_http_target_normalise(&p->head);
    underscores_drop(&p->head);
    body_start(p, false);
    return EE_HTTP_RULE_NONE;
}

static enum ee_http_rule response_done(struct ee_http_parser *p)
{
    enum ee_http_rule rule = ee_http_response_split(&p->head, p->scanner.size);
    if (rule == EE_HTTP_RULE_NONE)
        rule = ee_http_response_policy(&p->head, p->head_request, &p->message);
    ee_http_second_start(&p->second, p->role);
    if (rule == EE_HTTP_RULE_NONE)
        rule = ee_http_second_head(&p->second, &p->head, p->scanner.size, &p->message);
    if (rule != EE_HTTP_RULE_NONE)
        return rule;
    if (p->message.upgrade && !p->upgrade_asked)
        return EE_HTTP_RULE_UPGRADE_UNASKED;
    if (p->message.interim && ++p->interims > INTERIM_MAX)
        return EE_HTTP_RULE_INTERIM_FLOOD;
    const uint16_t status = p->head.status;
    body_start(p, p->head_request || status / 100 == 1 || status == 204 || status == 304);
    return EE_HTTP_RULE_NONE;
}

/* RFC 9112 section 2.2: one empty line before a request is ignored. */
static bool empty_line_skipped(struct ee_http_parser *p)
{
    if (p->role != EE_HTTP_SERVER || p->skipped_line || p->scanner.line_count)
        return false;
    head_start(p);
    p->skipped_line = true;
    return true;
}

static enum ee_http_rule scan(struct ee_http_parser *p, struct feed *f)
{
    size_t used;
    const struct ee_bytes rest =
        ee_bytes_of(f->input.data + f->consumed, f->input.size - f->consumed);
    const enum ee_http_rule rule = ee_http_scanner_feed(&p->scanner, &p->head, rest, &used);
    f->consumed += used;
    return rule;
}

/* A request line that is wrong is refused before its fields have come. */
static enum ee_http_rule line_step(struct ee_http_parser *p)
{
    if (p->line_checked || p->role != EE_HTTP_SERVER || p->scanner.line_count == 0)
        return EE_HTTP_RULE_NONE;
    p->line_checked = true;
    return ee_http_request_line_check(&p->head, p->scanner.size);
}

static enum ee_http_rule head_step(struct ee_http_parser *p, struct feed *f)
{
    enum ee_http_rule rule = scan(p, f);
    if (rule != EE_HTTP_RULE_NONE || !p->scanner.done) {
        /* The line comes before what is wrong behind it, however the input was cut. */
        const enum ee_http_rule line_rule = line_step(p);
        return line_rule != EE_HTTP_RULE_NONE ? line_rule : rule;
    }
    if (p->scanner.line_count == 0)
        return empty_line_skipped(p) ? EE_HTTP_RULE_NONE : EE_HTTP_RULE_START_LINE;
    rule = p->role == EE_HTTP_SERVER ? request_done(p) : response_done(p);
    if (rule != EE_HTTP_RULE_NONE)
        return rule;
    emit(p, f, EE_HTTP_EVENT_HEAD);
    if (p->message.interim)
        head_start(p);
    return EE_HTTP_RULE_NONE;
}

static void body_emit(struct ee_http_parser *p, struct feed *f, size_t size)
{
    emit(p, f, EE_HTTP_EVENT_BODY);
    f->event->body = ee_bytes_of(f->input.data + f->consumed, size);
    f->consumed += size;
}

/* Up to `left` bytes; then on to `next`. */
static void counted_step(struct ee_http_parser *p, struct feed *f, enum state next)
{
    const size_t have = f->input.size - f->consumed;
    const size_t size = have < p->left ? have : (size_t)p->left;
    body_emit(p, f, size);
    p->left -= size;
    if (p->left == 0)
        p->state = next;
}

static enum ee_http_rule chunk_line_step(struct ee_http_parser *p, struct feed *f)
{
    const enum ee_http_rule rule =
        ee_http_chunk_line_feed(&p->chunk_line, f->input.data[f->consumed++]);
    if (rule != EE_HTTP_RULE_NONE || !p->chunk_line.done)
        return rule;
    p->left = p->chunk_line.chunk_size;
    p->state = p->left ? STATE_CHUNK : STATE_TRAILER;
    ee_http_scanner_start(&p->scanner, true);
    return EE_HTTP_RULE_NONE;
}

static enum ee_http_rule chunk_end_step(struct ee_http_parser *p, struct feed *f)
{
    const bool cr = p->state == STATE_CHUNK_CR;
    if (f->input.data[f->consumed++] != (cr ? '\r' : '\n'))
        return EE_HTTP_RULE_CHUNK;
    if (cr)
        p->state = STATE_CHUNK_LF;
    else
        chunk_start(p);
    return EE_HTTP_RULE_NONE;
}

static enum ee_http_rule trailer_step(struct ee_http_parser *p, struct feed *f)
{
    enum ee_http_rule rule = scan(p, f);
    if (rule != EE_HTTP_RULE_NONE || !p->scanner.done)
        return rule;
    p->state = STATE_END;
    rule = ee_http_trailer_split(&p->head, p->scanner.size);
    if (rule == EE_HTTP_RULE_NONE)
        rule = ee_http_trailer_policy(&p->head);
    if (rule == EE_HTTP_RULE_NONE)
        rule = ee_http_second_trailer(&p->second, &p->head, p->scanner.size);
    if (rule == EE_HTTP_RULE_NONE && p->head.field_count)
        emit(p, f, EE_HTTP_EVENT_TRAILERS);
    return rule;
}

static void message_end(struct ee_http_parser *p, struct feed *f)
{
    emit(p, f, p->message.upgrade ? EE_HTTP_EVENT_UPGRADE : EE_HTTP_EVENT_END);
    const bool upgrade = p->message.upgrade, keep_alive = p->message.keep_alive;
    ee_http_parser_expect(p, false, false);
    p->interims = 0;
    head_start(p);
    if (upgrade)
        p->state = STATE_PAUSED;
    else if (!keep_alive)
        p->state = STATE_CLOSED;
    if (upgrade && p->role == EE_HTTP_SERVER)
        p->message.keep_alive = keep_alive; /* for a resume */
}

/* The caller has made sure that there is input, except in STATE_END. */
static enum ee_http_rule step(struct ee_http_parser *p, struct feed *f)
{
    switch (p->state) {
    case STATE_HEAD:
        return head_step(p, f);
    case STATE_LENGTH:
        counted_step(p, f, STATE_END);
        return EE_HTTP_RULE_NONE;
    case STATE_CHUNK_LINE:
        return chunk_line_step(p, f);
    case STATE_CHUNK:
        counted_step(p, f, STATE_CHUNK_CR);
        return EE_HTTP_RULE_NONE;
    case STATE_CHUNK_CR:
    case STATE_CHUNK_LF:
        return chunk_end_step(p, f);
    case STATE_TRAILER:
        return trailer_step(p, f);
    case STATE_UNTIL_CLOSE:
        body_emit(p, f, f->input.size - f->consumed);
        return EE_HTTP_RULE_NONE;
    case STATE_END:
        message_end(p, f);
        return EE_HTTP_RULE_NONE;
    case STATE_CLOSED:
        return EE_HTTP_RULE_AFTER_CLOSE;
    case STATE_PAUSED:
    case STATE_FAILED:
        break;
    }
    return p->rule;
}

static enum ee_err fail(struct ee_http_parser *p, enum ee_http_rule rule)
{
    p->rule = rule;
    p->state = STATE_FAILED;
    return EE_HTTP;
}

enum ee_err ee_http_parser_next(struct ee_http_parser *parser, struct ee_bytes input,
                                size_t *consumed_out, struct ee_http_event *event_out)
{
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_NONE};
    struct feed f = {input, 0, &event};
    if (parser->state == STATE_FAILED)
        return EE_HTTP;
    if (parser->state == STATE_PAUSED)
        return EE_STATE;
    while (event.kind == EE_HTTP_EVENT_NONE &&
           (f.consumed < input.size || parser->state == STATE_END)) {
        const enum ee_http_rule rule = step(parser, &f);
        if (rule != EE_HTTP_RULE_NONE)
            return fail(parser, rule);
    }
    *consumed_out = f.consumed;
    *event_out = event;
    return EE_OK;
}

enum ee_err ee_http_parser_finish(struct ee_http_parser *parser, struct ee_http_event *event_out)
{
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_NONE};
    struct feed f = {ee_bytes_of(NULL, 0), 0, &event};
    if (parser->state == STATE_FAILED)
        return EE_HTTP;
    if (parser->state == STATE_UNTIL_CLOSE || parser->state == STATE_END)
        message_end(parser, &f);
    else if (!ee_http_parser_idle(parser) && parser->state != STATE_PAUSED)
        return fail(parser, EE_HTTP_RULE_CUT_SHORT);
    if (parser->state != STATE_PAUSED)
        parser->state = STATE_CLOSED;
    *event_out = event;
    return EE_OK;
}

void ee_http_parser_resume(struct ee_http_parser *parser)
{
    if (parser->state == STATE_PAUSED && parser->role == EE_HTTP_SERVER)
        parser->state = parser->message.keep_alive ? STATE_HEAD : STATE_CLOSED;
}

enum ee_http_rule ee_http_parser_rule(const struct ee_http_parser *parser)
{
    return parser->rule;
}

bool ee_http_parser_idle(const struct ee_http_parser *parser)
{
    return parser->state == STATE_CLOSED ||
           (parser->state == STATE_HEAD && parser->scanner.size == 0 && parser->interims == 0);
}
