/* SPDX-License-Identifier: Apache-2.0 */
/* Header and the small payloads; those with pairs are in request.c. */
#include "tunnel/codec.h"

#include <string.h>

#include "base/banned.h"

static const char hello_label[] = "ee-tunnel";
enum { HELLO_FORMAT = 1 };

void ee_tunnel_writer_fail(struct ee_writer *w, enum ee_err err)
{
    if (w->err == EE_OK)
        w->err = err;
}

void ee_tunnel_cursor_fail(struct ee_cursor *c, enum ee_err err)
{
    if (c->err == EE_OK)
        c->err = err;
}

bool ee_tunnel_printable(struct ee_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    return true;
}

struct ee_bytes ee_tunnel_text_read(struct ee_cursor *c, size_t limit)
{
    const size_t size = ee_cursor_u8(c);
    if (size > limit)
        ee_tunnel_cursor_fail(c, EE_TOO_LARGE);
    const struct ee_bytes text = ee_cursor_bytes(c, size);
    if (!ee_tunnel_printable(text))
        ee_tunnel_cursor_fail(c, EE_SYNTAX);
    return text;
}

void ee_tunnel_text_write(struct ee_writer *w, struct ee_bytes text, size_t limit)
{
    if (text.size > limit)
        ee_tunnel_writer_fail(w, EE_TOO_LARGE);
    if (!ee_tunnel_printable(text))
        ee_tunnel_writer_fail(w, EE_SYNTAX);
    ee_writer_u8(w, (uint8_t)text.size);
    ee_writer_bytes(w, text.data, text.size);
}

enum ee_err ee_tunnel_header_decode(struct ee_cursor *c, struct ee_tunnel_header *out)
{
    struct ee_tunnel_header header;
    header.type = ee_cursor_u8(c);
    header.flags = ee_cursor_u8(c) & EE_TUNNEL_FLAG_END;
    const uint16_t reserved = ee_cursor_u16(c);
    header.stream = ee_cursor_u32(c);
    header.size = ee_cursor_u32(c);
    if (c->err != EE_OK)
        return c->err;
    if (reserved)
        return EE_PROTOCOL;
    *out = header;
    return EE_OK;
}

void ee_tunnel_header_encode(struct ee_writer *w, const struct ee_tunnel_header *header)
{
    ee_writer_u8(w, header->type);
    ee_writer_u8(w, header->flags);
    ee_writer_u16(w, 0);
    ee_writer_u32(w, header->stream);
    ee_writer_u32(w, header->size);
}

size_t ee_tunnel_frame_begin(struct ee_writer *w, enum ee_tunnel_type type, uint8_t flags,
                             uint32_t stream)
{
    const size_t at = w->size;
    const struct ee_tunnel_header header = {(uint8_t)type, flags, stream, 0};
    ee_tunnel_header_encode(w, &header);
    return at;
}

void ee_tunnel_frame_end(struct ee_writer *w, size_t at)
{
    if (w->err != EE_OK)
        return;
    const size_t size = w->size - at - EE_TUNNEL_FRAME_HEADER;
    if (size > EE_TUNNEL_FRAME_MAX) {
        w->err = EE_TOO_LARGE;
        return;
    }
    struct ee_writer length;
    ee_writer_init(&length, w->data + at + 8, 4);
    ee_writer_u32(&length, (uint32_t)size);
}

static enum ee_err hello_check(const struct ee_tunnel_hello *hello)
{
    if (hello->version_min == 0 || hello->version_min > hello->version_max)
        return EE_RANGE;
    if (hello->stream_window == 0 || hello->stream_window > EE_TUNNEL_WINDOW_MAX ||
        hello->connection_window == 0 || hello->connection_window > EE_TUNNEL_WINDOW_MAX)
        return EE_RANGE;
    return EE_OK;
}

enum ee_err ee_tunnel_hello_decode(struct ee_bytes payload, struct ee_tunnel_hello *out)
{
    struct ee_tunnel_hello hello;
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    ee_cursor_label(&c, hello_label, HELLO_FORMAT);
    hello.version_min = ee_cursor_u16(&c);
    hello.version_max = ee_cursor_u16(&c);
    hello.agent = ee_tunnel_text_read(&c, EE_TUNNEL_NAME_MAX);
    hello.epoch = ee_cursor_u64(&c);
    hello.max_streams = ee_cursor_u32(&c);
    hello.stream_window = ee_cursor_u32(&c);
    hello.connection_window = ee_cursor_u32(&c);
    hello.features = ee_cursor_u32(&c);
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(hello_check(&hello));
    *out = hello;
    return EE_OK;
}

void ee_tunnel_hello_encode(struct ee_writer *w, const struct ee_tunnel_hello *hello)
{
    const size_t at = ee_tunnel_frame_begin(w, EE_TUNNEL_HELLO, 0, 0);
    if (hello_check(hello) != EE_OK)
        ee_tunnel_writer_fail(w, EE_RANGE);
    ee_writer_label(w, hello_label, HELLO_FORMAT);
    ee_writer_u16(w, hello->version_min);
    ee_writer_u16(w, hello->version_max);
    ee_tunnel_text_write(w, hello->agent, EE_TUNNEL_NAME_MAX);
    ee_writer_u64(w, hello->epoch);
    ee_writer_u32(w, hello->max_streams);
    ee_writer_u32(w, hello->stream_window);
    ee_writer_u32(w, hello->connection_window);
    ee_writer_u32(w, hello->features);
    ee_tunnel_frame_end(w, at);
}

enum ee_err ee_tunnel_reset_decode(struct ee_bytes payload, struct ee_tunnel_reason *out)
{
    struct ee_tunnel_reason reason = {0};
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    reason.code = ee_cursor_u32(&c);
    reason.text = ee_tunnel_text_read(&c, EE_TUNNEL_TEXT_MAX);
    EE_TRY(ee_cursor_end(&c));
    *out = reason;
    return EE_OK;
}

/* Reasons are for people: what does not fit or print is no cause to fail. */
static void reason_text_write(struct ee_writer *w, struct ee_bytes text)
{
    const size_t size = text.size < EE_TUNNEL_TEXT_MAX ? text.size : EE_TUNNEL_TEXT_MAX;
    ee_writer_u8(w, (uint8_t)size);
    for (size_t i = 0; i < size; i++) {
        const bool printable = text.data[i] >= ' ' && text.data[i] <= '~';
        ee_writer_u8(w, printable ? text.data[i] : '?');
    }
}

void ee_tunnel_reset_encode(struct ee_writer *w, uint32_t stream, uint32_t code, const char *text)
{
    const size_t at = ee_tunnel_frame_begin(w, EE_TUNNEL_RESET, 0, stream);
    ee_writer_u32(w, code);
    reason_text_write(w, ee_bytes_str(text));
    ee_tunnel_frame_end(w, at);
}

enum ee_err ee_tunnel_goaway_decode(struct ee_bytes payload, struct ee_tunnel_reason *out)
{
    struct ee_tunnel_reason reason;
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    reason.last_stream = ee_cursor_u32(&c);
    reason.code = ee_cursor_u32(&c);
    reason.drain_ms = ee_cursor_u32(&c);
    reason.text = ee_tunnel_text_read(&c, EE_TUNNEL_TEXT_MAX);
    EE_TRY(ee_cursor_end(&c));
    *out = reason;
    return EE_OK;
}

void ee_tunnel_goaway_encode(struct ee_writer *w, const struct ee_tunnel_reason *reason)
{
    const size_t at = ee_tunnel_frame_begin(w, EE_TUNNEL_GOAWAY, 0, 0);
    ee_writer_u32(w, reason->last_stream);
    ee_writer_u32(w, reason->code);
    ee_writer_u32(w, reason->drain_ms);
    reason_text_write(w, reason->text);
    ee_tunnel_frame_end(w, at);
}

enum ee_err ee_tunnel_window_decode(struct ee_bytes payload, uint32_t *increment_out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    const uint32_t increment = ee_cursor_u32(&c);
    EE_TRY(ee_cursor_end(&c));
    if (increment == 0 || increment > EE_TUNNEL_WINDOW_MAX)
        return EE_RANGE;
    *increment_out = increment;
    return EE_OK;
}

void ee_tunnel_window_encode(struct ee_writer *w, uint32_t stream, uint32_t increment)
{
    const size_t at = ee_tunnel_frame_begin(w, EE_TUNNEL_WINDOW, 0, stream);
    ee_writer_u32(w, increment);
    ee_tunnel_frame_end(w, at);
}

enum ee_err ee_tunnel_ping_decode(struct ee_bytes payload, uint64_t *value_out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    const uint64_t value = ee_cursor_u64(&c);
    EE_TRY(ee_cursor_end(&c));
    *value_out = value;
    return EE_OK;
}

void ee_tunnel_ping_encode(struct ee_writer *w, enum ee_tunnel_type type, uint64_t value)
{
    const size_t at = ee_tunnel_frame_begin(w, type, 0, 0);
    ee_writer_u64(w, value);
    ee_tunnel_frame_end(w, at);
}

const char *ee_tunnel_code_name(uint32_t code)
{
    static const char *const names[] = {
        "no_error",       "refused",       "cancelled", "timeout",    "backend_refused",
        "backend_closed", "protocol",      "too_large", "overload",   "going_away",
        "flow_control",   "stream_closed", "internal",  "unsupported"};
    return code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown";
}
