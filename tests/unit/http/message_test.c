/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"
#include "tap.h"

static struct ee_http_head head;

static bool add(const char *name, const char *value)
{
    return ee_http_head_add_text(&head, name, value) == EE_OK;
}

static bool request(const char *method, const char *target)
{
    return ee_http_head_request(&head, ee_bytes_str(method), ee_bytes_str(target)) == EE_OK;
}

static bool is(struct ee_bytes bytes, const char *text)
{
    return ee_bytes_equal(bytes, ee_bytes_str(text));
}

static void fields_keep_order_and_case(void)
{
    struct ee_bytes value;
    CHECK(request("GET", "/x") && add("A-b", "1") && add("c", "") && add("a-B", "2"));
    CHECK(is(ee_http_head_name(&head, 2), "a-B") && is(ee_http_head_value(&head, 1), ""));
    CHECK(ee_http_head_find(&head, "a-b", &value) && is(value, "1"));
    CHECK(ee_http_head_count(&head, "A-B") == 2 && !ee_http_head_find(&head, "d", &value));
    CHECK(ee_http_head_set(&head, "A-B", ee_bytes_str("3")) == EE_OK);
    CHECK(head.field_count == 2 && is(ee_http_head_value(&head, 1), "3"));
    CHECK(ee_http_head_remove(&head, "C") == 1 && ee_http_head_remove(&head, "C") == 0);
    CHECK(head.field_count == 1 && is(ee_http_head_target(&head), "/x"));
}

static void list_members_in_several_fields(void)
{
    CHECK(request("GET", "/") && add("Connection", "x ,, Keep-Alive"));
    CHECK(add("connection", "upgrade"));
    CHECK(ee_http_head_has_token(&head, "CONNECTION", "keep-alive"));
    CHECK(ee_http_head_has_token(&head, "connection", "Upgrade"));
    CHECK(!ee_http_head_has_token(&head, "connection", "keep"));
}

static void values_that_would_split_a_head(void)
{
    CHECK(request("GET", "/"));
    CHECK(!add("a", "b\r\nc: d") && !add("a", "b\nc") && !add("a\r\nb", "c") && !add("", "x"));
    CHECK(!add("a b", "c") && !add("a:", "c") && !add("a", " b") && !add("a", "b\x7f"));
    CHECK(ee_http_head_add(&head, ee_bytes_str("a"), ee_bytes_of("b\0c", 3)) == EE_HTTP);
    CHECK(head.field_count == 0);
    CHECK(!request("GET", "/a b") && !request("GET", "a") && !request("G T", "/"));
    CHECK(!request("GET", "/\r\nX: y") && !request("GET", "") && !request("", "/"));
    CHECK(ee_http_head_response(&head, 200, ee_bytes_str("a\rb")) == EE_HTTP);
    CHECK(ee_http_head_response(&head, 99, ee_bytes_str("")) == EE_RANGE);
    CHECK(ee_http_head_response(&head, 600, ee_bytes_str("")) == EE_RANGE);
}

static void head_that_is_full(void)
{
    static char large[EE_HTTP_HEAD_BYTES];
    size_t added = 0;
    CHECK(request("GET", "/"));
    while (add("a", "b"))
        added++;
    CHECK(added == EE_HTTP_FIELDS_CAPACITY);
    CHECK(ee_http_head_add_text(&head, "a", "b") == EE_TOO_LARGE);
    CHECK(request("GET", "/"));
    memset(large, 'x', sizeof(large));
    CHECK(ee_http_head_add(&head, ee_bytes_str("a"), ee_bytes_of(large, sizeof(large) - 5)) ==
          EE_OK);
    CHECK(head.used == EE_HTTP_HEAD_BYTES && !add("a", ""));
    large[0] = '/';
    CHECK(ee_http_head_request(&head, ee_bytes_str("GET"), ee_bytes_of(large, 8190)) ==
          EE_TOO_LARGE);
}

static void copies_are_independent(void)
{
    static struct ee_http_head copy;
    CHECK(request("PUT", "/a") && add("x", "y"));
    ee_http_head_copy(&copy, &head);
    CHECK(request("GET", "/other") && add("z", "w"));
    CHECK(is(ee_http_head_method(&copy), "PUT") && is(ee_http_head_value(&copy, 0), "y"));
}

static bool host(const char *text)
{
    return ee_http_host_valid(ee_bytes_str(text));
}

static void hosts(void)
{
    CHECK(host("a") && host("a-b.c_d.example.") && host("127.0.0.1:0") && host("[::1]"));
    CHECK(host("[2001:db8::1.2.3.4]:65535"));
    CHECK(!host("") && !host(":80") && !host("a:b") && !host("a:123456") && !host(".a"));
    CHECK(!host("[]") && !host("[x::]") && !host("[::1]x") && !host("[1]") && !host("a%20b"));
}

TESTS(TEST(fields_keep_order_and_case), TEST(list_members_in_several_fields),
      TEST(values_that_would_split_a_head), TEST(head_that_is_full), TEST(copies_are_independent),
      TEST(hosts))
