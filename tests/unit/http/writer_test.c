/* SPDX-License-Identifier: Apache-2.0 */
#include "http/writer.h"
#include "tap.h"

static struct ee_http_head head;
static char buffer[EE_HTTP_HEAD_WIRE_MAX];
static struct ee_writer w;

static bool written(const char *want)
{
    return ee_bytes_equal(ee_writer_done(&w), ee_bytes_str(want));
}

static void begin(void)
{
    ee_writer_init(&w, buffer, sizeof(buffer));
}

static bool add(const char *name, const char *value)
{
    return ee_http_head_add_text(&head, name, value) == EE_OK;
}

static void request_and_response(void)
{
    begin();
    CHECK(ee_http_head_request(&head, ee_bytes_str("GET"), ee_bytes_str("/a?b")) == EE_OK);
    CHECK(add("Host", "x") && add("a", ""));
    CHECK(ee_http_request_write(&w, &head) == EE_OK);
    CHECK(written("GET /a?b HTTP/1.1\r\nHost: x\r\na: \r\n\r\n"));
    CHECK(ee_http_response_write(&w, &head) == EE_STATE);
    begin();
    CHECK(ee_http_head_response(&head, 404, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_response_write(&w, &head) == EE_OK);
    CHECK(written("HTTP/1.1 404 Not Found\r\n\r\n"));
    begin();
    CHECK(ee_http_head_response(&head, 599, ee_bytes_str("Own words")) == EE_OK);
    CHECK(ee_http_response_write(&w, &head) == EE_OK);
    CHECK(written("HTTP/1.1 599 Own words\r\n\r\n"));
    CHECK(ee_http_request_write(&w, &head) == EE_STATE);
    CHECK(strcmp(ee_http_reason(299), "Unknown") == 0);
}

static void head_with_two_framings(void)
{
    begin();
    CHECK(ee_http_head_response(&head, 200, ee_bytes_str("")) == EE_OK);
    CHECK(add("Content-Length", "1") && add("transfer-encoding", "chunked"));
    CHECK(ee_http_response_write(&w, &head) == EE_HTTP && w.size == 0);
    CHECK(ee_http_head_remove(&head, "transfer-encoding") == 1 && add("content-length", "1"));
    CHECK(ee_http_response_write(&w, &head) == EE_HTTP);
    CHECK(ee_http_head_remove(&head, "content-length") == 2 && add("Transfer-Encoding", "gzip"));
    CHECK(ee_http_response_write(&w, &head) == EE_HTTP);
}

static void chunks_and_trailers(void)
{
    begin();
    CHECK(ee_http_chunk_write(&w, ee_bytes_str("0123456789abcdef0")) == EE_OK);
    CHECK(ee_http_chunk_write(&w, ee_bytes_str("")) == EE_OK);
    CHECK(ee_http_chunk_end_write(&w, NULL) == EE_OK);
    CHECK(written("11\r\n0123456789abcdef0\r\n0\r\n\r\n"));
    begin();
    ee_http_head_clear(&head);
    CHECK(add("grpc-status", "0"));
    CHECK(ee_http_chunk_end_write(&w, &head) == EE_OK);
    CHECK(written("0\r\ngrpc-status: 0\r\n\r\n"));
}

static void buffer_that_is_too_small(void)
{
    CHECK(ee_http_head_response(&head, 200, ee_bytes_str("")) == EE_OK);
    for (size_t size = 0; size < 19; size++) {
        ee_writer_init(&w, buffer, size);
        CHECK(ee_http_response_write(&w, &head) == EE_TOO_LARGE);
        ee_writer_init(&w, buffer, size < 7 ? size : 7);
        CHECK(ee_http_chunk_write(&w, ee_bytes_str("abc")) == EE_TOO_LARGE);
    }
    ee_writer_init(&w, buffer, 19);
    CHECK(ee_http_response_write(&w, &head) == EE_OK);
}

TESTS(TEST(request_and_response), TEST(head_with_two_framings), TEST(chunks_and_trailers),
      TEST(buffer_that_is_too_small))
