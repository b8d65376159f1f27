/* SPDX-License-Identifier: Apache-2.0 */
#include "drive.h"

static struct drive drive;

/* In pieces of every size up to 40 and at once. */
static bool reads(enum ee_http_role role, const char *input, const char *want)
{
    const struct ee_bytes bytes = ee_bytes_str(input);
    for (size_t step = 1; step <= 41; step++) {
        drive_all(&drive, role, bytes, step == 41 ? bytes.size : step);
        if (drive.err != EE_OK || strcmp(drive.text, want) != 0) {
            printf("# step %zu: %s (%s), wanted %s\n", step, drive.text, ee_err_name(drive.err),
                   want);
            return false;
        }
    }
    return true;
}

static bool reads_request(const char *input, const char *want)
{
    return reads(EE_HTTP_SERVER, input, want);
}

static bool reads_response(const char *input, const char *want)
{
    return reads(EE_HTTP_CLIENT, input, want);
}

static void plain_requests(void)
{
    CHECK(reads_request("GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
                        "[GET /|Host=a.example:8080].$"));
    CHECK(reads_request("\r\nGET /a?b=%20 HTTP/1.1\r\nhOsT:\t [::1]:1 \t\r\nX:\r\n\r\n",
                        "[GET /a?b=%20|hOsT=[::1]:1|X=].$"));
    CHECK(reads_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "[OPTIONS *|Host=a].$"));
    CHECK(reads_request("GET / HTTP/1.0\r\n\r\n", "[GET /].$"));
    CHECK(reads_request("", "$"));
}

static void absolute_target_becomes_a_path(void)
{
    CHECK(reads_request("GET http://a.B:80/x?y HTTP/1.1\r\nHost: A.b:80\r\n\r\n",
                        "[GET /x?y|Host=A.b:80].$"));
    CHECK(reads_request("GET https://a HTTP/1.1\r\nHost: a\r\n\r\n", "[GET /|Host=a].$"));
    CHECK(reads_request("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", "[GET /?q|Host=a].$"));
}

static void bodies_and_pipelining(void)
{
    CHECK(reads_request("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                        "PUT /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                        "3;x=\"y;\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n"
                        "DELETE /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                        "[POST /1|Host=a|Content-Length=5]hello."
                        "[PUT /2|Host=a|Transfer-Encoding=Chunked]abc0123456789."
                        "[DELETE /3|Host=a|Content-Length=0].$"));
}

static void trailers(void)
{
    CHECK(reads_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\nx\r\n0\r\nGrpc-Status: 0\r\nX: y z\r\n\r\n"
                        "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
                        "[POST /|Host=a|Transfer-Encoding=chunked]x{|Grpc-Status=0|X=y z}."
                        "[GET /2|Host=a].$"));
}

static void names_with_underscores_are_dropped_from_requests(void)
{
    CHECK(reads_request("GET / HTTP/1.1\r\nX_Forwarded_For: 1\r\nHost: a\r\nContent_Length: 5\r\n"
                        "\r\n",
                        "[GET /|Host=a].$"));
    CHECK(reads_response("HTTP/1.1 204 No\r\na_b: 1\r\n\r\n", "[204|a_b=1].$"));
}

static void responses(void)
{
    CHECK(reads_response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
                         "HTTP/1.1 404\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
                         "HTTP/1.1 304 \r\nContent-Length: 99\r\n\r\n",
                         "[200|Content-Length=2]hi.[404|Transfer-Encoding=chunked]a."
                         "[304|Content-Length=99].$"));
    CHECK(reads_response("HTTP/1.1 200 OK\r\n\r\nuntil the end", "[200]until the end.$"));
    CHECK(reads_response("HTTP/1.1 200 OK\r\n\r\n", "[200].$"));
    CHECK(reads_response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                         "[100][103|Link=x][200|Content-Length=0].$"));
}

static void response_to_head_has_no_body(void)
{
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, EE_HTTP_CLIENT);
    REQUIRE(p);
    drive = (struct drive){.err = EE_OK};
    ee_http_parser_expect(p, true, false);
    drive_feed(&drive, p, ee_bytes_str("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), 1000);
    CHECK(strcmp(drive.text, "[200|Content-Length=5].") == 0 && ee_http_parser_idle(p));
    drive_feed(&drive, p, ee_bytes_str("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), 1000);
    CHECK(strcmp(drive.text, "[200|Content-Length=5].[200|Content-Length=1]x.") == 0);
    ee_http_parser_free(p);
}

static struct ee_http_event head_event(struct ee_http_parser *p, const char *input)
{
    struct ee_http_event event = {.kind = EE_HTTP_EVENT_NONE};
    size_t used;
    CHECK(ee_http_parser_next(p, ee_bytes_str(input), &used, &event) == EE_OK);
    CHECK(event.kind == EE_HTTP_EVENT_HEAD);
    return event;
}

static bool keeps_alive(enum ee_http_role role, const char *input)
{
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, role);
    const bool keep = p && head_event(p, input).keep_alive;
    ee_http_parser_free(p);
    return keep;
}

static void keep_alive(void)
{
    CHECK(keeps_alive(EE_HTTP_SERVER, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(
        !keeps_alive(EE_HTTP_SERVER, "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"));
    CHECK(!keeps_alive(EE_HTTP_SERVER, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"));
    CHECK(keeps_alive(EE_HTTP_SERVER, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    CHECK(!keeps_alive(EE_HTTP_CLIENT, "HTTP/1.1 200 OK\r\n\r\n"));
    CHECK(keeps_alive(EE_HTTP_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"));
}

static void upgrade_hands_back_the_bytes_that_follow(void)
{
    static const char asks[] = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                               "Upgrade: websocket\r\n\r\n";
    char input[300];
    struct ee_http_event event;
    size_t used;
    (void)snprintf(input, sizeof(input), "%sGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", asks);
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, EE_HTTP_SERVER);
    REQUIRE(p);
    drive = (struct drive){.err = EE_OK};
    drive_feed(&drive, p, ee_bytes_str(input), 7);
    CHECK(drive.text[drive.size - 1] == '^' && drive.consumed == sizeof(asks) - 1);
    CHECK(ee_http_parser_next(p, ee_bytes_str("x"), &used, &event) == EE_STATE);
    ee_http_parser_resume(p);
    drive = (struct drive){.err = EE_OK};
    drive_feed(&drive, p, ee_bytes_str(input + sizeof(asks) - 1), 7);
    CHECK(strcmp(drive.text, "[GET /2|Host=a].") == 0);
    ee_http_parser_free(p);
}

static void switching_protocols_when_asked(void)
{
    static const char answer[] =
        "HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, EE_HTTP_CLIENT);
    REQUIRE(p);
    ee_http_parser_expect(p, false, true);
    drive = (struct drive){.err = EE_OK};
    drive_feed(&drive, p, ee_bytes_str(answer), 5);
    CHECK(drive.err == EE_OK && drive.text[drive.size - 1] == '^');
    CHECK(drive.consumed == sizeof(answer) - 1);
    ee_http_parser_free(p);
}

static void upgrade_in_http_1_0_is_ignored(void)
{
    CHECK(reads_request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
                        "[GET /|Connection=upgrade|Upgrade=websocket].$"));
}

static void expect_continue_is_told(void)
{
    struct ee_http_parser *p = ee_http_parser_new(&ee_allocator_system, EE_HTTP_SERVER);
    REQUIRE(p);
    const struct ee_http_event event = head_event(
        p, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 7\r\n\r\n");
    CHECK(event.expect_continue && event.has_length && event.content_length == 7);
    ee_http_parser_free(p);
}

static bool cut_short(enum ee_http_role role, const char *input)
{
    drive_all(&drive, role, ee_bytes_str(input), 1000);
    return drive.err == EE_HTTP && drive.rule == EE_HTTP_RULE_CUT_SHORT;
}

static void connection_ends_inside_a_message(void)
{
    CHECK(cut_short(EE_HTTP_SERVER, "GET / HT"));
    CHECK(cut_short(EE_HTTP_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"));
    CHECK(cut_short(EE_HTTP_CLIENT,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"));
    CHECK(cut_short(EE_HTTP_CLIENT, "HTTP/1.1 100 Continue\r\n\r\n"));
}

static void *no_memory(void *context, void *memory, size_t size)
{
    (void)context, (void)memory, (void)size;
    return NULL;
}

static void parser_without_memory(void)
{
    const struct ee_allocator none = {.resize = no_memory};
    CHECK(ee_http_parser_new(&none, EE_HTTP_SERVER) == NULL);
    ee_http_parser_free(NULL);
}

static void every_rule_has_a_status_and_a_text(void)
{
    for (int rule = EE_HTTP_RULE_START_LINE; rule <= EE_HTTP_RULE_CUT_SHORT; rule++) {
        CHECK(ee_http_rule_status((enum ee_http_rule)rule) >= 400);
        CHECK(strlen(ee_http_rule_text((enum ee_http_rule)rule)) > 10);
    }
}

TESTS(TEST(plain_requests), TEST(absolute_target_becomes_a_path), TEST(bodies_and_pipelining),
      TEST(trailers), TEST(names_with_underscores_are_dropped_from_requests), TEST(responses),
      TEST(response_to_head_has_no_body), TEST(keep_alive),
      TEST(upgrade_hands_back_the_bytes_that_follow), TEST(switching_protocols_when_asked),
      TEST(upgrade_in_http_1_0_is_ignored), TEST(expect_continue_is_told),
      TEST(connection_ends_inside_a_message), TEST(parser_without_memory),
      TEST(every_rule_has_a_status_and_a_text))
