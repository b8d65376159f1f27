/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and responses that must be refused, each by the rule it breaks, however they are cut
 * into pieces. RFC 9112, RFC 9110 and published smuggling cases. */
#include "drive.h"

static struct drive drive;

struct row {
    const char *name;
    enum ee_http_rule rule;
    const char *input;
    size_t size; /* 0: up to the NUL */
};

#define ROW(name, rule, input)                                                                     \
    {                                                                                              \
        name, EE_HTTP_RULE_##rule, input, sizeof(input) - 1                                        \
    }
#define G "GET / HTTP/1.1\r\nHost: a\r\n"
#define P "POST / HTTP/1.1\r\nHost: a\r\n"
#define C P "Transfer-Encoding: chunked\r\n\r\n"

static const struct row start_lines[] = {
    ROW("version_0_9", START_LINE, "GET /\r\n\r\n"),
    ROW("version_0_9_spelled", VERSION, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    ROW("version_1_2", VERSION, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ROW("version_2_0", VERSION, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ROW("http2_preface", VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ROW("version_in_lower_case", START_LINE, "GET / http/1.1\r\nHost: a\r\n\r\n"),
    ROW("version_with_two_digits", START_LINE, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    ROW("version_with_a_comma", START_LINE, "GET / HTTP/1,1\r\nHost: a\r\n\r\n"),
    ROW("other_protocol", START_LINE, "GET / RTSP/1.0\r\nHost: a\r\n\r\n"),
    ROW("two_spaces_before_the_target", START_LINE, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("two_spaces_before_the_version", START_LINE, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("space_after_the_version", START_LINE, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ROW("tab_instead_of_space", START_LINE, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("space_in_the_target", START_LINE, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("leading_space", START_LINE, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("method_only", START_LINE, "GET\r\nHost: a\r\n\r\n"),
    ROW("method_with_a_colon", START_LINE, "G:T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("two_empty_lines_first", START_LINE, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("tls_on_a_plain_port", CONTROL_CHARACTER, "\x16\x03\x01\x02\x00\x01"),
    ROW("unknown_method", METHOD_UNKNOWN, "FROB / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("method_in_lower_case", METHOD_UNKNOWN, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("rtsp_method", METHOD_UNKNOWN, "PLAY / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("expectation_unknown", EXPECTATION, "GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n"),
    ROW("expectation_behind_a_known_one", EXPECTATION,
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, more\r\n\r\n"),
    ROW("request_line_refused_before_its_fields", START_LINE, "GET /\r\n"),
    ROW("connect", METHOD_REFUSED, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ROW("trace", METHOD_REFUSED, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("target_without_slash", TARGET, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("star_for_get", TARGET, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("target_with_fragment", TARGET, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("target_with_a_high_byte", TARGET, "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("target_of_another_scheme", TARGET, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("target_with_user", TARGET, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("target_of_another_host", HOST_INVALID, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("bare_lf_after_request_line", LINE_END, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ROW("bare_cr_in_request_line", LINE_END, "GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("nul_in_target", CONTROL_CHARACTER, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("delete_in_target", CONTROL_CHARACTER, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"),
};

static const struct row fields[] = {
    ROW("space_before_colon", SPACE_BEFORE_COLON, G "X : y\r\n\r\n"),
    ROW("tab_before_colon", SPACE_BEFORE_COLON, P "Content-Length\t: 5\r\n\r\nhello"),
    ROW("space_in_a_name", FIELD_NAME, G "X y: z\r\n\r\n"),
    ROW("empty_name", FIELD_NAME, G ": y\r\n\r\n"),
    ROW("no_colon", FIELD_NAME, G "Xyz\r\n\r\n"),
    ROW("name_with_parenthesis", FIELD_NAME, G "X(y): z\r\n\r\n"),
    ROW("name_with_a_high_byte", FIELD_NAME, G "X\xff: z\r\n\r\n"),
    ROW("name_with_nul", CONTROL_CHARACTER, G "X\0: z\r\n\r\n"),
    ROW("value_with_nul", CONTROL_CHARACTER, G "X: a\0b\r\n\r\n"),
    ROW("value_with_escape", CONTROL_CHARACTER, G "X: a\x1b[0m\r\n\r\n"),
    ROW("value_with_vertical_tab", CONTROL_CHARACTER,
        P "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n"),
    ROW("bare_lf_after_a_field", LINE_END, G "X: y\nZ: w\r\n\r\n"),
    ROW("bare_cr_in_a_value", LINE_END, G "X: y\rZ: w\r\n\r\n"),
    ROW("cr_cr_lf", LINE_END, G "X: y\r\r\n\r\n"),
    ROW("bare_lf_as_the_empty_line", LINE_END, G "\n"),
    ROW("bare_cr_as_the_empty_line", LINE_END, G "\rGET / HTTP/1.1"),
    ROW("folded_line", OBS_FOLD, G "X: y\r\n z\r\n\r\n"),
    ROW("folded_line_with_tab", OBS_FOLD, P "Transfer-Encoding:\r\n\tchunked\r\n\r\n"),
    ROW("folded_first_line", OBS_FOLD, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ROW("line_of_spaces", OBS_FOLD, G "  \r\n\r\n"),
    ROW("no_host", HOST_MISSING, "GET / HTTP/1.1\r\n\r\n"),
    ROW("two_hosts", HOST_TWICE, G "Host: b\r\n\r\n"),
    ROW("the_same_host_twice", HOST_TWICE, G "hOST: a\r\n\r\n"),
    ROW("empty_host", HOST_INVALID, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ROW("host_list", HOST_INVALID, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ROW("host_with_path", HOST_INVALID, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ROW("host_with_user", HOST_INVALID, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    ROW("host_with_large_port", HOST_INVALID, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    ROW("host_with_empty_port", HOST_INVALID, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    ROW("host_with_two_ports", HOST_INVALID, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
    ROW("host_open_bracket", HOST_INVALID, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    ROW("host_with_empty_label", HOST_INVALID, "GET / HTTP/1.1\r\nHost: a..b\r\n\r\n"),
    ROW("host_invalid_in_1_0", HOST_INVALID, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
};

static const struct row framing[] = {
    ROW("length_and_encoding", LENGTH_AND_ENCODING,
        P "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("encoding_and_length", LENGTH_AND_ENCODING,
        P "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
    ROW("two_lengths", LENGTH_TWICE, P "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"),
    ROW("the_same_length_twice", LENGTH_TWICE,
        P "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
    ROW("length_list", CONTENT_LENGTH, P "Content-Length: 4, 4\r\n\r\nabcd"),
    ROW("length_with_plus", CONTENT_LENGTH, P "Content-Length: +4\r\n\r\nabcd"),
    ROW("length_negative", CONTENT_LENGTH, P "Content-Length: -4\r\n\r\n"),
    ROW("length_in_hex", CONTENT_LENGTH, P "Content-Length: 0x4\r\n\r\nabcd"),
    ROW("length_with_space", CONTENT_LENGTH, P "Content-Length: 1 4\r\n\r\nabcd"),
    ROW("length_empty", CONTENT_LENGTH, P "Content-Length:\r\n\r\n"),
    ROW("length_of_letters", CONTENT_LENGTH, P "Content-Length: four\r\n\r\n"),
    ROW("length_2_to_64", CONTENT_LENGTH, P "Content-Length: 18446744073709551616\r\n\r\n"),
    ROW("encoding_identity", CHUNKED_NOT_LAST, P "Transfer-Encoding: identity\r\n\r\n"),
    ROW("encoding_gzip_chunked", TRANSFER_ENCODING, P "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    ROW("encoding_chunked_twice", CHUNKED_NOT_LAST,
        P "Transfer-Encoding: chunked, chunked\r\n\r\n"),
    ROW("encoding_not_last", CHUNKED_NOT_LAST, P "Transfer-Encoding: chunked, gzip\r\n\r\n"),
    ROW("encoding_with_parameter", CHUNKED_NOT_LAST, P "Transfer-Encoding: chunked;a\r\n\r\n"),
    ROW("encoding_quoted", CHUNKED_NOT_LAST, P "Transfer-Encoding: \"chunked\"\r\n\r\n"),
    ROW("encoding_with_prefix", CHUNKED_NOT_LAST, P "Transfer-Encoding: xchunked\r\n\r\n"),
    ROW("encoding_empty", CHUNKED_NOT_LAST, P "Transfer-Encoding:\r\n\r\n"),
    ROW("two_encodings", CHUNKED_NOT_LAST,
        P "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("two_encodings_chunked_first", CHUNKED_NOT_LAST,
        P "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
    ROW("encoding_in_1_0", ENCODING_NOT_ALLOWED,
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
};

static const struct row chunks[] = {
    ROW("chunk_size_empty", CHUNK, C "\r\n"),
    ROW("chunk_size_with_0x", CHUNK, C "0x1\r\na\r\n"),
    ROW("chunk_size_negative", CHUNK, C "-1\r\n"),
    ROW("chunk_size_with_space_before", CHUNK, C " 1\r\na\r\n"),
    ROW("chunk_size_with_space_behind", CHUNK, C "1 \r\na\r\n"),
    ROW("chunk_size_2_to_63", CHUNK, C "8000000000000000\r\n"),
    ROW("chunk_size_wraps", CHUNK, C "10000000000000001\r\na\r\n"),
    ROW("chunk_line_bare_lf", CHUNK, C "1\na\r\n"),
    ROW("chunk_line_bare_cr", CHUNK, C "1\ra\r\n"),
    ROW("extension_with_lf", CHUNK, C "1;x\na\r\n0\r\n\r\n"),
    ROW("extension_with_cr", CHUNK, C "1;x\ry\r\na\r\n"),
    ROW("extension_with_nul", CHUNK, C "1;\0\r\na\r\n"),
    ROW("extension_without_size", CHUNK, C ";x\r\n"),
    ROW("chunk_data_without_crlf", CHUNK, C "1\r\nab"),
    ROW("chunk_data_with_lf", CHUNK, C "1\r\na\n"),
    ROW("chunk_data_with_junk", CHUNK, C "1\r\naXX0\r\n\r\n"),
    ROW("chunk_data_with_cr_only", CHUNK, C "1\r\na\rX"),
    ROW("trailer_with_bare_lf", LINE_END, C "0\r\nX: y\n\r\n"),
    ROW("last_line_bare_lf", LINE_END, C "0\r\n\n"),
    ROW("trailer_folded", OBS_FOLD, C "0\r\n X: y\r\n\r\n"),
    ROW("trailer_space_before_colon", SPACE_BEFORE_COLON, C "0\r\nX : y\r\n\r\n"),
    ROW("trailer_content_length", TRAILER, C "0\r\nContent-Length: 5\r\n\r\n"),
    ROW("trailer_transfer_encoding", TRAILER, C "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("trailer_host", TRAILER, C "0\r\nHost: b\r\n\r\n"),
    ROW("trailer_authorization", TRAILER, C "0\r\nAuthorization: x\r\n\r\n"),
    ROW("request_after_close", AFTER_CLOSE,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\n"),
};

static const struct row answers[] = {
    ROW("status_line_without_version", START_LINE, "200 OK\r\n\r\n"),
    ROW("status_of_two_digits", START_LINE, "HTTP/1.1 99 x\r\n\r\n"),
    ROW("status_of_four_digits", START_LINE, "HTTP/1.1 2000 x\r\n\r\n"),
    ROW("status_600", START_LINE, "HTTP/1.1 600 x\r\n\r\n"),
    ROW("status_of_letters", START_LINE, "HTTP/1.1 2o0 x\r\n\r\n"),
    ROW("status_line_with_two_spaces", START_LINE, "HTTP/1.1  200 OK\r\n\r\n"),
    ROW("empty_line_before_the_answer", START_LINE, "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    ROW("answer_of_version_2", VERSION, "HTTP/2.0 200 OK\r\n\r\n"),
    ROW("answer_with_bare_lf", LINE_END, "HTTP/1.1 200 OK\nX: y\r\n\r\n"),
    ROW("answer_with_two_lengths", LENGTH_TWICE,
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    ROW("answer_with_length_and_encoding", LENGTH_AND_ENCODING,
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("answer_with_unknown_encoding", CHUNKED_NOT_LAST,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ROW("204_with_encoding", ENCODING_NOT_ALLOWED,
        "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("204_with_length", ENCODING_NOT_ALLOWED, "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"),
    ROW("101_unasked", UPGRADE_UNASKED,
        "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ROW("101_without_connection", UPGRADE_UNASKED, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"),
    ROW("101_in_1_0", UPGRADE_UNASKED,
        "HTTP/1.0 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ROW("answer_after_close", AFTER_CLOSE,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"),
};

static void refuses(enum ee_http_role role, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct ee_bytes input = ee_bytes_of(rows[i].input, rows[i].size);
        const size_t steps[] = {1, 2, 7, 1000};
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            drive_all(&drive, role, input, steps[k]);
            const bool refused = drive.err == EE_HTTP && drive.rule == rows[i].rule;
            if (!refused)
                printf("# %s in pieces of %zu: %s, %s: %s\n", rows[i].name, steps[k],
                       ee_err_name(drive.err), ee_http_rule_text(drive.rule), drive.text);
            CHECK(refused);
        }
    }
}

#define REFUSES(role, rows) refuses(role, rows, sizeof(rows) / sizeof((rows)[0]))

static void bad_start_lines(void)
{
    REFUSES(EE_HTTP_SERVER, start_lines);
}

static void bad_fields(void)
{
    REFUSES(EE_HTTP_SERVER, fields);
}

static void bad_framing(void)
{
    REFUSES(EE_HTTP_SERVER, framing);
}

static void bad_chunks(void)
{
    REFUSES(EE_HTTP_SERVER, chunks);
}

static void bad_answers(void)
{
    REFUSES(EE_HTTP_CLIENT, answers);
}

/* prefix, then `count` times `filler`, then suffix. */
static enum ee_http_rule flood(enum ee_http_role role, const char *prefix, const char *filler,
                               size_t count, const char *suffix)
{
    static char input[120000];
    struct ee_writer w;
    ee_writer_init(&w, input, sizeof(input));
    ee_writer_bytes(&w, prefix, strlen(prefix));
    for (size_t i = 0; i < count; i++)
        ee_writer_bytes(&w, filler, strlen(filler));
    ee_writer_bytes(&w, suffix, strlen(suffix));
    CHECK(w.err == EE_OK);
    drive_all(&drive, role, ee_writer_done(&w), 1000);
    return drive.rule;
}

static void request_line_at_and_above_its_limit(void)
{
    static const char rest[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    const size_t fits = EE_HTTP_LINE_MAX - strlen("GET / HTTP/1.1");
    CHECK(flood(EE_HTTP_SERVER, "GET /", "a", fits, rest) == EE_HTTP_RULE_NONE);
    CHECK(flood(EE_HTTP_SERVER, "GET /", "a", fits + 1, rest) == EE_HTTP_RULE_LINE_TOO_LONG);
    CHECK(flood(EE_HTTP_SERVER, "GET /", "a", 100000, "") == EE_HTTP_RULE_LINE_TOO_LONG);
}

static void header_at_and_above_its_limits(void)
{
    const size_t fits = EE_HTTP_HEADER_MAX - strlen("Host: a\r\nX: \r\n");
    CHECK(flood(EE_HTTP_SERVER, G "X: ", "a", fits, "\r\n\r\n") == EE_HTTP_RULE_NONE);
    CHECK(flood(EE_HTTP_SERVER, G "X: ", "a", fits + 1, "\r\n\r\n") ==
          EE_HTTP_RULE_HEADER_TOO_LARGE);
    CHECK(flood(EE_HTTP_SERVER, G, "X: y\r\n", 99, "\r\n") == EE_HTTP_RULE_NONE);
    CHECK(flood(EE_HTTP_SERVER, G, "X: y\r\n", 100, "\r\n") == EE_HTTP_RULE_TOO_MANY_FIELDS);
}

static void chunk_lines_and_trailers_above_their_limits(void)
{
    CHECK(flood(EE_HTTP_SERVER, C "1;", "a", 252, "\r\nx\r\n0\r\n\r\n") == EE_HTTP_RULE_NONE);
    CHECK(flood(EE_HTTP_SERVER, C "1;", "a", 253, "\r\nx\r\n0\r\n\r\n") ==
          EE_HTTP_RULE_CHUNK_LINE_TOO_LONG);
    CHECK(flood(EE_HTTP_SERVER, C, "0", 16, "\r\n") == EE_HTTP_RULE_CHUNK);
    CHECK(flood(EE_HTTP_SERVER, C "0\r\nX: ", "a", EE_HTTP_TRAILER_MAX, "\r\n\r\n") ==
          EE_HTTP_RULE_TRAILER_TOO_LARGE);
    CHECK(flood(EE_HTTP_SERVER, C "0\r\n", "X: y\r\n", 101, "\r\n") ==
          EE_HTTP_RULE_TOO_MANY_FIELDS);
}

static void interim_answers_above_their_limit(void)
{
    static const char end[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    CHECK(flood(EE_HTTP_CLIENT, "", "HTTP/1.1 103 x\r\n\r\n", 16, end) == EE_HTTP_RULE_NONE);
    CHECK(flood(EE_HTTP_CLIENT, "", "HTTP/1.1 103 x\r\n\r\n", 17, end) ==
          EE_HTTP_RULE_INTERIM_FLOOD);
}

/* Every prefix and every flipped bit of a good request is either read or refused, never worse. */
static void prefixes_and_flips_of_a_good_request(void)
{
    static const char good[] = C "3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n" G "\r\n";
    uint8_t bytes[sizeof(good) - 1];
    for (size_t size = 0; size < sizeof(bytes); size++) {
        drive_all(&drive, EE_HTTP_SERVER, ee_bytes_of(good, size), 1000);
        CHECK(drive.err == EE_OK || drive.rule != EE_HTTP_RULE_NONE);
    }
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        memcpy(bytes, good, sizeof(bytes));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        drive_all(&drive, EE_HTTP_SERVER, ee_bytes_of(bytes, sizeof(bytes)), 11);
        CHECK(drive.err == EE_OK || drive.rule != EE_HTTP_RULE_NONE);
    }
}

TESTS(TEST(bad_start_lines), TEST(bad_fields), TEST(bad_framing), TEST(bad_chunks),
      TEST(bad_answers), TEST(request_line_at_and_above_its_limit),
      TEST(header_at_and_above_its_limits), TEST(chunk_lines_and_trailers_above_their_limits),
      TEST(interim_answers_above_their_limit), TEST(prefixes_and_flips_of_a_good_request))
