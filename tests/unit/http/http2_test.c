/* SPDX-License-Identifier: Apache-2.0 */
/* Field sections of HTTP/2, each rule by itself, whatever the library below would have refused. */
#include "http/http2.h"

#include <stdio.h>
#include <string.h>

#include "http/proxy_headers.h"
#include "tap.h"

static struct ee_http2_reader reader;
static struct ee_http_event event;

/* "name=value" one a line; a name may begin with a colon. */
static enum ee_http_rule read_section(enum ee_http2_section section, const char *lines, bool end)
{
    ee_http2_reader_start(&reader, section);
    while (*lines) {
        const char *line_end = strchr(lines, '\n'), *equals = strchr(lines + 1, '=');
        ee_http2_reader_add(&reader, ee_bytes_of(lines, (size_t)(equals - lines)),
                            ee_bytes_of(equals + 1, (size_t)(line_end - equals - 1)));
        lines = line_end + 1;
    }
    return ee_http2_reader_finish(&reader, end, "dGhlIHNhbXBsZSBub25jZQ==", &event);
}

#define GET ":method=GET\n:scheme=https\n:path=/a?b\n:authority=app.example\n"
#define CONNECT ":method=CONNECT\n:scheme=https\n:path=/ws\n:authority=app.example\n"

static bool field_is(const char *name, const char *value)
{
    struct ee_bytes found;
    return ee_http_head_count(&reader.head, name) == 1 &&
           ee_http_head_find(&reader.head, name, &found) &&
           ee_bytes_equal(found, ee_bytes_str(value));
}

static void a_request_becomes_a_head(void)
{
    CHECK(read_section(EE_HTTP2_REQUEST, GET "cookie=a=1\nx-a=b\ncookie=c=2\n", true) ==
          EE_HTTP_RULE_NONE);
    CHECK(ee_http_equal(ee_http_head_method(&reader.head), "GET"));
    CHECK(ee_http_equal(ee_http_head_target(&reader.head), "/a?b"));
    CHECK(field_is("host", "app.example") && field_is("x-a", "b"));
    CHECK(field_is("cookie", "a=1; c=2"));
    CHECK(!event.chunked && !event.has_length && !event.upgrade);
    CHECK(read_section(EE_HTTP2_REQUEST, GET "content-length=5\n", false) == EE_HTTP_RULE_NONE);
    CHECK(event.has_length && event.content_length == 5 && !event.chunked);
    CHECK(read_section(EE_HTTP2_REQUEST, GET, false) == EE_HTTP_RULE_NONE && event.chunked);
}

static void an_extended_connect_becomes_a_handshake(void)
{
    CHECK(read_section(EE_HTTP2_REQUEST,
                       CONNECT ":protocol=websocket\nsec-websocket-key=forged\norigin=https://x\n",
                       false) == EE_HTTP_RULE_NONE);
    CHECK(ee_http_equal(ee_http_head_method(&reader.head), "GET"));
    CHECK(field_is("connection", "Upgrade") && field_is("upgrade", "websocket"));
    CHECK(field_is("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==") &&
          field_is("origin", "https://x"));
    CHECK(event.upgrade && !event.chunked);
}

static void every_rule_of_a_request_is_kept(void)
{
    static const struct {
        const char *lines;
        bool end;
        enum ee_http_rule rule;
    } rows[] = {
        {":scheme=https\n:path=/\n:authority=a\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=GET\n:path=/\n:authority=a\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=GET\n:scheme=https\n:authority=a\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=GET\n:scheme=https\n:path=/\n", true, EE_HTTP_RULE_HOST_MISSING},
        {GET ":method=GET\n", true, EE_HTTP_RULE_PSEUDO},
        {GET "x-a=b\n:status=200\n", true, EE_HTTP_RULE_PSEUDO},
        {GET ":status=200\n", true, EE_HTTP_RULE_PSEUDO},
        {GET ":other=1\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=GET\nx-a=b\n:scheme=https\n:path=/\n:authority=a\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=GET\n:scheme=ftp\n:path=/\n:authority=a\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=GET\n:scheme=https\n:path=\n:authority=a\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=GET\n:scheme=https\n:path=x\n:authority=a\n", true, EE_HTTP_RULE_TARGET},
        {":method=GET\n:scheme=https\n:path=/ x\n:authority=a\n", true, EE_HTTP_RULE_TARGET},
        {":method=GET\n:scheme=https\n:path=*\n:authority=a\n", true, EE_HTTP_RULE_TARGET},
        {":method=GET\n:scheme=https\n:path=/\n:authority=a b\n", true, EE_HTTP_RULE_HOST_INVALID},
        {":method=B@D\n:scheme=https\n:path=/\n:authority=a\n", true, EE_HTTP_RULE_PSEUDO},
        {":method=BREW\n:scheme=https\n:path=/\n:authority=a\n", true, EE_HTTP_RULE_METHOD_UNKNOWN},
        {":method=TRACE\n:scheme=https\n:path=/\n:authority=a\n", true,
         EE_HTTP_RULE_METHOD_REFUSED},
        {":method=CONNECT\n:authority=a\n", true, EE_HTTP_RULE_METHOD_REFUSED},
        {CONNECT, true, EE_HTTP_RULE_PSEUDO},
        {CONNECT ":protocol=other\n", false, EE_HTTP_RULE_PROTOCOL_UNKNOWN},
        {CONNECT ":protocol=websocket\n", true, EE_HTTP_RULE_PSEUDO},
        {CONNECT ":protocol=websocket\ncontent-length=1\n", false, EE_HTTP_RULE_PSEUDO},
        {GET ":protocol=websocket\n", false, EE_HTTP_RULE_PSEUDO},
        {GET "X-A=b\n", true, EE_HTTP_RULE_FIELD_NAME},
        {GET "x a=b\n", true, EE_HTTP_RULE_FIELD_NAME},
        {GET "x-a=b\x01\n", true, EE_HTTP_RULE_CONTROL_CHARACTER},
        {GET "x-a= b\n", true, EE_HTTP_RULE_CONTROL_CHARACTER},
        {GET "connection=close\n", true, EE_HTTP_RULE_HOP_FIELD},
        {GET "keep-alive=x\n", true, EE_HTTP_RULE_HOP_FIELD},
        {GET "proxy-connection=x\n", true, EE_HTTP_RULE_HOP_FIELD},
        {GET "transfer-encoding=chunked\n", true, EE_HTTP_RULE_HOP_FIELD},
        {GET "upgrade=websocket\n", true, EE_HTTP_RULE_HOP_FIELD},
        {GET "te=gzip\n", true, EE_HTTP_RULE_HOP_FIELD},
        {GET "te=trailers\n", true, EE_HTTP_RULE_NONE},
        {GET "host=app.example\n", true, EE_HTTP_RULE_NONE},
        {GET "host=other.example\n", true, EE_HTTP_RULE_HOST_INVALID},
        {GET "host=app.example\nhost=app.example\n", true, EE_HTTP_RULE_HOST_TWICE},
        {GET "content-length=5\n", true, EE_HTTP_RULE_CUT_SHORT},
        {GET "content-length=x\n", false, EE_HTTP_RULE_CONTENT_LENGTH},
        {GET "content-length=1\ncontent-length=1\n", false, EE_HTTP_RULE_LENGTH_TWICE},
        {GET "expect=tea\n", true, EE_HTTP_RULE_EXPECTATION},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const enum ee_http_rule rule = read_section(EE_HTTP2_REQUEST, rows[i].lines, rows[i].end);
        if (rule != rows[i].rule)
            printf("# row %zu: %s\n", i, ee_http_rule_text(rule));
        CHECK(rule == rows[i].rule);
    }
}

static enum ee_http_rule many_fields(size_t count, size_t value_size)
{
    static char value[5000];
    char name[32];
    memset(value, 'v', sizeof(value));
    ee_http2_reader_start(&reader, EE_HTTP2_REQUEST);
    ee_http2_reader_add(&reader, ee_bytes_str(":method"), ee_bytes_str("GET"));
    ee_http2_reader_add(&reader, ee_bytes_str(":scheme"), ee_bytes_str("https"));
    ee_http2_reader_add(&reader, ee_bytes_str(":path"), ee_bytes_str("/"));
    ee_http2_reader_add(&reader, ee_bytes_str(":authority"), ee_bytes_str("a"));
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "x-%zu", i);
        ee_http2_reader_add(&reader, ee_bytes_str(name), ee_bytes_of(value, value_size));
    }
    return ee_http2_reader_finish(&reader, true, NULL, &event);
}

static void a_section_has_limits(void)
{
    CHECK(many_fields(100, 10) == EE_HTTP_RULE_NONE);
    CHECK(many_fields(101, 10) == EE_HTTP_RULE_TOO_MANY_FIELDS);
    CHECK(many_fields(7, 4600) == EE_HTTP_RULE_NONE);
    CHECK(many_fields(8, 4600) == EE_HTTP_RULE_HEADER_TOO_LARGE);
    CHECK(many_fields(100000, 4600) == EE_HTTP_RULE_HEADER_TOO_LARGE);
}

static void crumbs_may_fill_the_header_and_no_more(void)
{
    for (size_t crumb = 1; crumb < 40; crumb++) {
        char value[40];
        memset(value, 'c', sizeof(value));
        ee_http2_reader_start(&reader, EE_HTTP2_REQUEST);
        for (size_t i = 0; i < 5000; i++)
            ee_http2_reader_add(&reader, ee_bytes_str("cookie"), ee_bytes_of(value, crumb));
        CHECK(reader.rule == EE_HTTP_RULE_HEADER_TOO_LARGE);
        CHECK(reader.cookie_size <= sizeof(reader.cookie));
    }
}

static void answers_and_trailers_have_their_own_rules(void)
{
    CHECK(read_section(EE_HTTP2_RESPONSE, ":status=200\nx-a=b\n", false) == EE_HTTP_RULE_NONE);
    CHECK(reader.head.status == 200 && field_is("x-a", "b") && !event.interim);
    CHECK(read_section(EE_HTTP2_RESPONSE, ":status=103\n", false) == EE_HTTP_RULE_NONE);
    CHECK(event.interim);
    static const char *const bad[] = {"x-a=b\n",
                                      ":status=101\n",
                                      ":status=20\n",
                                      ":status=2000\n",
                                      ":status=2x0\n",
                                      ":status=999\n",
                                      ":path=/\n",
                                      ":status=200\n:status=200\n",
                                      ":status=200\nconnection=close\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(read_section(EE_HTTP2_RESPONSE, bad[i], false) != EE_HTTP_RULE_NONE);
    CHECK(read_section(EE_HTTP2_RESPONSE, ":status=100\n", true) == EE_HTTP_RULE_CUT_SHORT);
    CHECK(read_section(EE_HTTP2_TRAILERS, "x-sum=1\n", true) == EE_HTTP_RULE_NONE);
    CHECK(read_section(EE_HTTP2_TRAILERS, ":status=200\n", true) == EE_HTTP_RULE_PSEUDO);
    CHECK(read_section(EE_HTTP2_TRAILERS, "content-length=1\n", true) == EE_HTTP_RULE_TRAILER);
    CHECK(read_section(EE_HTTP2_TRAILERS, "X-Sum=1\n", true) == EE_HTTP_RULE_FIELD_NAME);
}

TESTS(TEST(a_request_becomes_a_head), TEST(an_extended_connect_becomes_a_handshake),
      TEST(every_rule_of_a_request_is_kept), TEST(a_section_has_limits),
      TEST(crumbs_may_fill_the_header_and_no_more), TEST(answers_and_trailers_have_their_own_rules))
