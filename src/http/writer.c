/* SPDX-License-Identifier: Apache-2.0 */
#include "http/writer.h"

#include <string.h>

#include "base/banned.h"

struct reason {
    uint16_t status;
    const char *text;
};

/* RFC 9110 section 15 and RFC 6585. */
static const struct reason reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *ee_http_reason(uint16_t status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Unknown";
}

static void put(struct ee_writer *w, struct ee_bytes bytes)
{
    ee_writer_bytes(w, bytes.data, bytes.size);
}

static void put_text(struct ee_writer *w, const char *text)
{
    put(w, ee_bytes_str(text));
}

static void put_fields(struct ee_writer *w, const struct ee_http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        put(w, ee_http_head_name(head, i));
        put_text(w, ": ");
        put(w, ee_http_head_value(head, i));
        put_text(w, "\r\n");
    }
    put_text(w, "\r\n");
}

/* Whoever composed the head, what leaves must have one length. */
static enum ee_err framing_check(const struct ee_http_head *head)
{
    struct ee_bytes value;
    const size_t lengths = ee_http_head_count(head, "content-length");
    const size_t encodings = ee_http_head_count(head, "transfer-encoding");
    if (lengths + encodings > 1)
        return EE_HTTP;
    if (ee_http_head_find(head, "transfer-encoding", &value) && !ee_http_equal(value, "chunked"))
        return EE_HTTP;
    return EE_OK;
}

enum ee_err ee_http_request_write(struct ee_writer *w, const struct ee_http_head *head)
{
    if (head->status || head->method.size == 0)
        return EE_STATE;
    EE_TRY(framing_check(head));
    put(w, ee_http_head_method(head));
    put_text(w, " ");
    put(w, ee_http_head_target(head));
    put_text(w, " HTTP/1.1\r\n");
    put_fields(w, head);
    return w->err;
}

enum ee_err ee_http_response_write(struct ee_writer *w, const struct ee_http_head *head)
{
    if (head->status == 0)
        return EE_STATE;
    EE_TRY(framing_check(head));
    const uint16_t status = head->status;
    const char digits[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                           (char)('0' + status % 10), ' '};
    put_text(w, "HTTP/1.1 ");
    put(w, ee_bytes_of(digits, sizeof(digits)));
    if (head->reason.size)
        put(w, ee_http_head_reason(head));
    else
        put_text(w, ee_http_reason(status));
    put_text(w, "\r\n");
    put_fields(w, head);
    return w->err;
}

static void put_hex(struct ee_writer *w, size_t value)
{
    char digits[2 * sizeof(value)];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    put(w, ee_bytes_of(digits + at, sizeof(digits) - at));
}

enum ee_err ee_http_chunk_write(struct ee_writer *w, struct ee_bytes data)
{
    if (data.size) {
        put_hex(w, data.size);
        put_text(w, "\r\n");
        put(w, data);
        put_text(w, "\r\n");
    }
    return w->err;
}

enum ee_err ee_http_chunk_end_write(struct ee_writer *w, const struct ee_http_head *trailers)
{
    put_text(w, "0\r\n");
    if (trailers)
        put_fields(w, trailers);
    else
        put_text(w, "\r\n");
    return w->err;
}
