/* SPDX-License-Identifier: Apache-2.0 */
#include "http/proxy_headers.h"
#include "tap.h"

static struct ee_http_head head;

static bool add(const char *name, const char *value)
{
    return ee_http_head_add_text(&head, name, value) == EE_OK;
}

static bool has(const char *name, const char *value)
{
    struct ee_bytes got;
    return ee_http_head_count(&head, name) == 1 && ee_http_head_find(&head, name, &got) &&
           ee_bytes_equal(got, ee_bytes_str(value));
}

static void begin(void)
{
    CHECK(ee_http_head_request(&head, ee_bytes_str("GET"), ee_bytes_str("/")) == EE_OK);
    CHECK(add("Host", "app.example"));
}

static const struct ee_http_forward outsider = {"192.0.2.1", "https", "app.example",
                                                false,       false,   false};

static void hop_by_hop_fields_are_dropped(void)
{
    begin();
    CHECK(add("Connection", "X-Own, close,Host, cookie, X-Forwarded-For") && add("x-own", "1"));
    CHECK(add("Cookie", "c") && add("Keep-Alive", "5") && add("TE", "trailers"));
    CHECK(add("Trailer", "x") && add("Transfer-Encoding", "chunked") && add("Upgrade", "h2c"));
    CHECK(add("Proxy-Authorization", "p") && add("Proxy-Connection", "keep-alive"));
    CHECK(add("connection", "x-second") && add("X-Second", "2") && add("Accept", "*/*"));
    CHECK(ee_http_hop_by_hop_remove(&head, true) == EE_OK);
    CHECK(head.field_count == 3 && has("Host", "app.example") && has("Cookie", "c"));
    CHECK(has("Accept", "*/*"));
}

static void websocket_upgrade_is_written_anew(void)
{
    begin();
    CHECK(add("Connection", "keep-alive, Upgrade, X-Own") && add("Upgrade", "WebSocket"));
    CHECK(add("X-Own", "1"));
    CHECK(ee_http_hop_by_hop_remove(&head, true) == EE_OK);
    CHECK(has("Connection", "Upgrade") && has("Upgrade", "websocket") && head.field_count == 3);
    begin();
    CHECK(add("Connection", "Upgrade") && add("Upgrade", "websocket"));
    CHECK(ee_http_hop_by_hop_remove(&head, false) == EE_OK && head.field_count == 1);
}

static void outsiders_forwarding_fields_are_not_believed(void)
{
    begin();
    CHECK(add("X-Forwarded-For", "10.0.0.1") && add("x-forwarded-for", "10.0.0.2"));
    CHECK(add("X-Forwarded-Proto", "http") && add("X-Forwarded-Host", "evil"));
    CHECK(add("X-Forwarded-Port", "1") && add("Forwarded", "for=1") && add("X-Real-IP", "1"));
    CHECK(add("X-Ee-Account", "root"));
    CHECK(ee_http_forward_apply(&head, &outsider) == EE_OK);
    CHECK(has("X-Forwarded-For", "10.0.0.1, 10.0.0.2, 192.0.2.1"));
    CHECK(has("X-Forwarded-Proto", "https") && has("X-Forwarded-Host", "app.example"));
    CHECK(has("Via", "1.1 easyenclave") && head.field_count == 5);
}

static void via_names_every_hop(void)
{
    begin();
    CHECK(add("Via", "1.0 fred, 1.1 p") && add("via", "2 x") && add("Connection", "Via"));
    head.minor = 0;
    CHECK(ee_http_forward_apply(&head, &outsider) == EE_OK);
    CHECK(has("Via", "1.0 fred, 1.1 p, 2 x, 1.0 easyenclave"));
}

static void trusted_proxy_is_believed(void)
{
    struct ee_http_forward trusted = outsider;
    trusted.trusted = true;
    begin();
    CHECK(add("X-Forwarded-For", "198.51.100.7") && add("X-Forwarded-Proto", "http"));
    CHECK(add("X-Real-IP", "198.51.100.7") && add("X-Ee-Account", "root"));
    CHECK(ee_http_forward_apply(&head, &trusted) == EE_OK);
    CHECK(has("X-Forwarded-For", "198.51.100.7, 192.0.2.1") && has("X-Forwarded-Proto", "http"));
    CHECK(has("X-Real-IP", "198.51.100.7") && ee_http_head_count(&head, "x-ee-account") == 0);
    CHECK(has("X-Forwarded-Host", "app.example"));
}

static void too_much_to_drop_or_append(void)
{
    char list[EE_HTTP_LINE_MAX];
    begin();
    for (size_t i = 0; i < 33; i++)
        memcpy(list + 2 * i, "x,", 2);
    CHECK(ee_http_head_add(&head, ee_bytes_str("Connection"), ee_bytes_of(list, 66)) == EE_OK);
    CHECK(ee_http_hop_by_hop_remove(&head, false) == EE_TOO_LARGE);
    begin();
    memset(list, 'a', sizeof(list));
    CHECK(ee_http_head_add(&head, ee_bytes_str("X-Forwarded-For"), ee_bytes_of(list, 2048)) ==
          EE_OK);
    CHECK(ee_http_forward_apply(&head, &outsider) == EE_TOO_LARGE);
}

static void trailers_that_could_pass_for_header_fields_are_dropped(void)
{
    static struct ee_http_head trailers;
    static const char *const names[] = {"X-Ee-Account", "If-Match",        "Range",       "Via",
                                        "X_Sum",        "Accept",          "User-Agent",  "X-Sum",
                                        "Date",         "X-Forwarded-For", "grpc-status", "Sec-X"};
    ee_http_head_clear(&trailers);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK(ee_http_head_add_text(&trailers, names[i], "1") == EE_OK);
    ee_http_request_trailers_filter(&trailers);
    CHECK(trailers.field_count == 2);
    CHECK(ee_http_head_count(&trailers, "x-sum") == 1);
    CHECK(ee_http_head_count(&trailers, "grpc-status") == 1);
}

TESTS(TEST(trailers_that_could_pass_for_header_fields_are_dropped),
      TEST(hop_by_hop_fields_are_dropped), TEST(websocket_upgrade_is_written_anew),
      TEST(outsiders_forwarding_fields_are_not_believed), TEST(trusted_proxy_is_believed),
      TEST(via_names_every_hop), TEST(too_much_to_drop_or_append))
