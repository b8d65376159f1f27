/* SPDX-License-Identifier: Apache-2.0 */
#include "control/route.h"

#include "tap.h"

#include "base/banned.h"

static bool match(const char *pattern, const char *path, struct ee_route_values *out)
{
    return ee_route_match(pattern, ee_bytes_str(path), out);
}

static void path_with_a_value_matches(void)
{
    struct ee_route_values values;
    CHECK(match("/v1/leases/{lease}/start", "/v1/leases/ab%2dc/start", &values));
    CHECK(values.count == 1 && strcmp(values.value[0], "ab-c") == 0);
    CHECK(match("/healthz", "/healthz", &values) && values.count == 0);
}

static void other_paths_do_not_match(void)
{
    static const char *const others[] = {"/v1/leases",
                                         "/v1/leases/",
                                         "/v1/leases/a/",
                                         "/v1/leases/a/stop",
                                         "/v1/leases/a/start/",
                                         "/v1/leases//start",
                                         "v1/leases/a/start",
                                         "/v1/leases/a/start/b",
                                         "/v1/leases/a%0a/start",
                                         "/v1/leases/%zz/start",
                                         "/v1/leases/%/start",
                                         "",
                                         "/"};
    struct ee_route_values values;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK(!match("/v1/leases/{lease}/start", others[i], &values));
}

static void value_longer_than_its_room_does_not_match(void)
{
    char path[EE_ROUTE_VALUE_SIZE + 64] = "/v1/leases/";
    struct ee_route_values values;
    memset(path + 11, 'a', EE_ROUTE_VALUE_SIZE);
    CHECK(!match("/v1/leases/{lease}", path, &values));
    path[11 + EE_ROUTE_VALUE_SIZE - 1] = '\0';
    CHECK(match("/v1/leases/{lease}", path, &values));
}

static void query_values_are_found_and_decoded(void)
{
    char out[8];
    struct ee_bytes query = ee_bytes_str("a=1&b=%41c&d");
    CHECK(ee_query_value(query, "b", out, sizeof out) == EE_OK && strcmp(out, "Ac") == 0);
    CHECK(ee_query_value(query, "d", out, sizeof out) == EE_OK && out[0] == '\0');
    CHECK(ee_query_value(query, "c", out, sizeof out) == EE_NOT_FOUND);
    CHECK(ee_query_value(ee_bytes_str("a=1&a=2"), "a", out, sizeof out) == EE_DUPLICATE_FIELD);
    CHECK(ee_query_value(ee_bytes_str("a=12345678"), "a", out, sizeof out) == EE_TOO_LARGE);
    CHECK(ee_query_value(ee_bytes_str("a=%4"), "a", out, sizeof out) == EE_SYNTAX);
}

static void unknown_name_in_a_query_is_refused(void)
{
    static const char *const known[] = {"limit", "cursor", NULL};
    CHECK(ee_query_known(ee_bytes_str("limit=1&cursor=2"), known) == EE_OK);
    CHECK(ee_query_known(ee_bytes_str("limit=1&curser=2"), known) == EE_SYNTAX);
    CHECK(ee_query_known(ee_bytes_str(""), known) == EE_OK);
}

static void pages_have_limits(void)
{
    struct ee_page page;
    CHECK(ee_page_parse(ee_bytes_str(""), &page) == EE_OK && page.limit == 50 && page.start == 0);
    CHECK(ee_page_parse(ee_bytes_str("limit=200&cursor=7"), &page) == EE_OK && page.start == 7);
    CHECK(ee_page_parse(ee_bytes_str("limit=0"), &page) == EE_RANGE);
    CHECK(ee_page_parse(ee_bytes_str("limit=201"), &page) == EE_RANGE);
    CHECK(ee_page_parse(ee_bytes_str("cursor=-1"), &page) == EE_SYNTAX);
}

static void target_is_split_at_the_first_question_mark(void)
{
    struct ee_bytes path, query;
    ee_route_split(ee_bytes_str("/a?b=c?d"), &path, &query);
    CHECK(ee_bytes_equal(path, ee_bytes_str("/a")));
    CHECK(ee_bytes_equal(query, ee_bytes_str("b=c?d")));
    ee_route_split(ee_bytes_str("/a"), &path, &query);
    CHECK(path.size == 2 && query.size == 0);
}

TESTS(TEST(path_with_a_value_matches), TEST(other_paths_do_not_match),
      TEST(value_longer_than_its_room_does_not_match), TEST(query_values_are_found_and_decoded),
      TEST(unknown_name_in_a_query_is_refused), TEST(pages_have_limits),
      TEST(target_is_split_at_the_first_question_mark))
