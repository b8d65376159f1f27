/* SPDX-License-Identifier: Apache-2.0 */
/* Problems: from our own failures and from API answers, as text and as JSON. */
#include "client/json.h"
#include "client/problem.h"
#include "tap.h"

static struct ee_client_problem problem;

static enum ee_err answer(unsigned status, const char *body)
{
    return ee_client_problem_answer(&problem, status, ee_bytes_str(body));
}

static void failures_of_our_own_say_what_to_do(void)
{
    CHECK(ee_client_fail(&problem, EE_CONNECT, "%s is gone", "it") == EE_CONNECT);
    CHECK(strcmp(problem.name, "connect") == 0 && strcmp(problem.detail, "it is gone") == 0);
    CHECK(problem.suggestion_count == 1 && ee_client_problem_exit_code(&problem) == 75);
    CHECK(ee_client_fail(&problem, EE_TLS, "%s", "") == EE_TLS); /* replaces what was there */
    CHECK(strcmp(problem.detail, ee_err_text(EE_TLS)) == 0 && problem.suggestion_count == 0);
    problem.exit_code = 125;
    CHECK(ee_client_problem_exit_code(&problem) == 125);
    for (int i = 0; i < 10; i++)
        ee_client_suggest(&problem, "step %d", i);
    CHECK(problem.suggestion_count == EE_CLIENT_SUGGESTIONS_MAX);
    ee_client_problem_clear(&problem);
    CHECK(problem.err == EE_OK && problem.suggestion_count == 0);
}

static void exit_codes_are_those_of_the_table(void)
{
    static const struct {
        enum ee_err err;
        int code;
    } rows[] = {{EE_USAGE, 2},
                {EE_NOT_FOUND, 3},
                {EE_UNAUTHENTICATED, 4},
                {EE_ALREADY_RUNNING, 5},
                {EE_MEASUREMENT, 7},
                {EE_CHECKPOINT, 7},
                {EE_INSUFFICIENT_CREDITS, 8},
                {EE_TIMEOUT, 9},
                {EE_NO_ELIGIBLE_NODE, 10},
                {EE_CONNECT, 75},
                {EE_TLS, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)ee_client_fail(&problem, rows[i].err, "%s", "");
        CHECK(ee_client_problem_exit_code(&problem) == rows[i].code);
    }
    ee_client_problem_clear(&problem);
}

static void problem_documents_are_read(void)
{
    CHECK(answer(402, "{\"code\":\"insufficient_credits\",\"detail\":\"short\",\"request_id\":"
                      "\"ab\",\"suggestions\":[\"send GET\"]}") == EE_INSUFFICIENT_CREDITS);
    CHECK(strcmp(problem.detail, "short") == 0 && strcmp(problem.request_id, "ab") == 0);
    CHECK(problem.suggestion_count == 1 && strstr(problem.suggestions[0], "ee balance"));
    CHECK(answer(409, "{\"code\":\"limit\",\"detail\":\"\",\"suggestions\":[\"less\",7]}") ==
          EE_LIMIT);
    CHECK(problem.suggestion_count == 1 && strcmp(problem.suggestions[0], "less") == 0);
    CHECK(answer(503, "{\"code\":\"no_eligible_node\",\"placement\":[{\"node\":\"n\"}]}") ==
          EE_NO_ELIGIBLE_NODE);
    CHECK(json_array_size(problem.placement) == 1);
    ee_client_problem_clear(&problem);
}

static void answers_without_a_known_code_go_by_status(void)
{
    CHECK(answer(404, "not json") == EE_NOT_FOUND);
    CHECK(answer(401, "{}") == EE_UNAUTHENTICATED);
    CHECK(answer(503, "[]") == EE_UNAVAILABLE);
    CHECK(answer(418, "{\"code\":\"of_the_future\"}") == EE_SYNTAX);
    CHECK(strcmp(problem.name, "of_the_future") == 0); /* shown as it came */
    CHECK(answer(500, "") == EE_PROTOCOL);
    CHECK(answer(302, "{\"code\":\"ok\"}") == EE_PROTOCOL); /* never a success */
    CHECK(ee_client_err_of_name("ok") == EE_OK && ee_client_err_of_name("clock") == EE_CLOCK);
    ee_client_problem_clear(&problem);
}

static void json_has_the_members_of_the_contract(void)
{
    (void)ee_client_fail(&problem, EE_NOT_FOUND, "no %s", "\xff");
    ee_client_suggest(&problem, "look");
    json_t *out = ee_client_problem_json(&problem);
    CHECK(strcmp(ee_client_json_text(out, "error"), "not_found") == 0);
    CHECK(json_is_string(json_object_get(out, "detail"))); /* also with bytes that are no UTF-8 */
    CHECK(json_array_size(json_object_get(out, "suggestions")) == 1);
    CHECK(json_is_string(json_object_get(out, "request_id")));
    CHECK(json_object_size(out) == 4);
    json_decref(out);
    ee_client_problem_clear(&problem);
}

static void bytes_that_are_no_text_survive_in_json(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool text;
    } rows[] = {{"plain", 5, true},         {"a\0b", 3, true},
                {"\xc3\xa9", 2, true},      {"\xf0\x9f\x98\x80", 4, true},
                {"\xff", 1, false},         {"\xc0\xaf", 2, false},
                {"\xed\xa0\x80", 3, false}, {"\xf4\x90\x80\x80", 4, false},
                {"\xe2\x82", 2, false},     {"", 0, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *out = json_object();
        ee_client_json_set_bytes(out, "x", ee_bytes_of(rows[i].bytes, rows[i].size));
        CHECK(json_is_string(json_object_get(out, "x")));
        CHECK((json_object_get(out, "x_base64") == NULL) == rows[i].text);
        if (rows[i].text)
            CHECK(json_string_length(json_object_get(out, "x")) == rows[i].size);
        json_decref(out);
    }
}

/* A server that breaks is no mistake of the caller. */
static void status_500_without_a_document_is_no_usage_error(void)
{
    CHECK(ee_client_problem_answer(&problem, 500, ee_bytes_str("{\"title\":1,")) == EE_PROTOCOL);
    CHECK(ee_client_problem_exit_code(&problem) == 1);
    ee_client_problem_clear(&problem);
}

static void commands_to_a_terminal_are_not_printed(void)
{
    static const char body[] =
        "{\"code\":\"state\",\"detail\":\"a\\u001b[2Jb\\u009bc\\u00e9\\nd\"}";
    char text[256] = "";
    (void)!ee_client_problem_answer(&problem, 409, ee_bytes_str(body));
    FILE *out = tmpfile();
    REQUIRE(out);
    ee_client_problem_print(&problem, out);
    rewind(out);
    (void)!fread(text, 1, sizeof(text) - 1, out);
    (void)fclose(out);
    CHECK(strcmp(text, "ee: state: a?[2Jb?c\xc3\xa9?d\n") == 0);
    ee_client_problem_clear(&problem);
}

TESTS(TEST(failures_of_our_own_say_what_to_do), TEST(exit_codes_are_those_of_the_table),
      TEST(problem_documents_are_read), TEST(answers_without_a_known_code_go_by_status),
      TEST(json_has_the_members_of_the_contract), TEST(bytes_that_are_no_text_survive_in_json),
      TEST(status_500_without_a_document_is_no_usage_error),
      TEST(commands_to_a_terminal_are_not_printed))
