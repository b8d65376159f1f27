/* SPDX-License-Identifier: Apache-2.0 */
/* OPEN, HEAD and TRAILERS: structured pairs, so that neither side parses the other's HTTP again. */
#include "tunnel/codec.h"

#include <string.h>

#include "base/banned.h"

/* Visible ASCII without `except`; not empty. */
static bool visible(struct ee_bytes text, char except)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == (uint8_t)except)
            return false;
    return text.size > 0;
}

static bool value_valid(struct ee_bytes value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == 0)
            return false;
    return true;
}

static bool pair_valid(const struct ee_tunnel_pair *pair)
{
    return visible(pair->name, ':') && value_valid(pair->value);
}

static size_t pairs_read(struct ee_cursor *c, struct ee_tunnel_pair_table *table)
{
    const size_t count = ee_cursor_u16(c);
    if (count > EE_TUNNEL_PAIRS_MAX)
        ee_tunnel_cursor_fail(c, EE_TOO_LARGE);
    for (size_t i = 0; i < count && c->err == EE_OK; i++) {
        struct ee_tunnel_pair *pair = &table->pairs[i];
        pair->name = ee_cursor_bytes(c, ee_cursor_u16(c));
        pair->value = ee_cursor_bytes(c, ee_cursor_u16(c));
        if (c->err == EE_OK && !pair_valid(pair))
            c->err = EE_SYNTAX;
    }
    return c->err == EE_OK ? count : 0;
}

static void bytes16_write(struct ee_writer *w, struct ee_bytes bytes)
{
    if (bytes.size > UINT16_MAX)
        ee_tunnel_writer_fail(w, EE_TOO_LARGE);
    ee_writer_u16(w, (uint16_t)bytes.size);
    ee_writer_bytes(w, bytes.data, bytes.size);
}

static void pairs_write(struct ee_writer *w, const struct ee_tunnel_pair *pairs, size_t count)
{
    if (count > EE_TUNNEL_PAIRS_MAX)
        ee_tunnel_writer_fail(w, EE_TOO_LARGE);
    ee_writer_u16(w, (uint16_t)count);
    for (size_t i = 0; i < count && w->err == EE_OK; i++) {
        if (!pair_valid(&pairs[i]))
            ee_tunnel_writer_fail(w, EE_SYNTAX);
        bytes16_write(w, pairs[i].name);
        bytes16_write(w, pairs[i].value);
    }
}

static enum ee_err open_check(const struct ee_tunnel_open *open)
{
    switch (open->kind) {
    case EE_TUNNEL_KIND_HTTP:
    case EE_TUNNEL_KIND_WS:
        if (open->target.size > EE_TUNNEL_TARGET_MAX)
            return EE_TOO_LARGE;
        return visible(open->method, ':') && visible(open->target, ' ') ? EE_OK : EE_SYNTAX;
    case EE_TUNNEL_KIND_TCP:
        return open->method.size || open->target.size || open->pair_count ? EE_SYNTAX : EE_OK;
    }
    return EE_RANGE;
}

enum ee_err ee_tunnel_open_decode(struct ee_bytes payload, struct ee_tunnel_pair_table *table,
                                  struct ee_tunnel_open *out)
{
    struct ee_tunnel_open open;
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    open.kind = (enum ee_tunnel_kind)ee_cursor_u8(&c);
    open.app = ee_tunnel_text_read(&c, EE_TUNNEL_NAME_MAX);
    ee_cursor_copy(&c, open.instance, sizeof(open.instance));
    open.source = ee_tunnel_text_read(&c, EE_TUNNEL_NAME_MAX);
    open.scheme = ee_tunnel_text_read(&c, EE_TUNNEL_NAME_MAX);
    open.server_name = ee_tunnel_text_read(&c, EE_TUNNEL_TEXT_MAX);
    open.request_id = ee_tunnel_text_read(&c, EE_TUNNEL_NAME_MAX);
    open.deadline_ms = ee_cursor_u32(&c);
    open.method = ee_tunnel_text_read(&c, EE_TUNNEL_NAME_MAX);
    open.target = ee_cursor_bytes(&c, ee_cursor_u16(&c));
    open.pair_count = pairs_read(&c, table);
    open.pairs = table->pairs;
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(open_check(&open));
    *out = open;
    return EE_OK;
}

void ee_tunnel_open_encode(struct ee_writer *w, uint32_t stream, bool end,
                           const struct ee_tunnel_open *open)
{
    const size_t at =
        ee_tunnel_frame_begin(w, EE_TUNNEL_OPEN, end ? EE_TUNNEL_FLAG_END : 0, stream);
    const enum ee_err err = open_check(open);
    if (err != EE_OK)
        ee_tunnel_writer_fail(w, err);
    ee_writer_u8(w, (uint8_t)open->kind);
    ee_tunnel_text_write(w, open->app, EE_TUNNEL_NAME_MAX);
    ee_writer_bytes(w, open->instance, sizeof(open->instance));
    ee_tunnel_text_write(w, open->source, EE_TUNNEL_NAME_MAX);
    ee_tunnel_text_write(w, open->scheme, EE_TUNNEL_NAME_MAX);
    ee_tunnel_text_write(w, open->server_name, EE_TUNNEL_TEXT_MAX);
    ee_tunnel_text_write(w, open->request_id, EE_TUNNEL_NAME_MAX);
    ee_writer_u32(w, open->deadline_ms);
    ee_tunnel_text_write(w, open->method, EE_TUNNEL_NAME_MAX);
    bytes16_write(w, open->target);
    pairs_write(w, open->pairs, open->pair_count);
    ee_tunnel_frame_end(w, at);
}

enum ee_err ee_tunnel_head_decode(struct ee_bytes payload, struct ee_tunnel_pair_table *table,
                                  struct ee_tunnel_head *out)
{
    struct ee_tunnel_head head = {.pairs = table->pairs};
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    head.status = ee_cursor_u16(&c);
    head.pair_count = pairs_read(&c, table);
    EE_TRY(ee_cursor_end(&c));
    if (head.status < 100 || head.status > 599)
        return EE_RANGE;
    *out = head;
    return EE_OK;
}

void ee_tunnel_head_encode(struct ee_writer *w, uint32_t stream, bool end,
                           const struct ee_tunnel_head *head)
{
    const size_t at =
        ee_tunnel_frame_begin(w, EE_TUNNEL_HEAD, end ? EE_TUNNEL_FLAG_END : 0, stream);
    if (head->status < 100 || head->status > 599)
        ee_tunnel_writer_fail(w, EE_RANGE);
    ee_writer_u16(w, head->status);
    pairs_write(w, head->pairs, head->pair_count);
    ee_tunnel_frame_end(w, at);
}

enum ee_err ee_tunnel_trailers_decode(struct ee_bytes payload, struct ee_tunnel_pair_table *table,
                                      struct ee_tunnel_head *out)
{
    struct ee_tunnel_head head = {.pairs = table->pairs};
    struct ee_cursor c;
    ee_cursor_init(&c, payload);
    head.pair_count = pairs_read(&c, table);
    EE_TRY(ee_cursor_end(&c));
    *out = head;
    return EE_OK;
}

void ee_tunnel_trailers_encode(struct ee_writer *w, uint32_t stream,
                               const struct ee_tunnel_pair *pairs, size_t count)
{
    const size_t at = ee_tunnel_frame_begin(w, EE_TUNNEL_TRAILERS, EE_TUNNEL_FLAG_END, stream);
    pairs_write(w, pairs, count);
    ee_tunnel_frame_end(w, at);
}
