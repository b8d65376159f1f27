/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6455 section 5. */
#include "http/websocket.h"

#include <assert.h>
#include <string.h>

#include "base/banned.h"

enum { FIN = 0x80, RSV = 0x70, MASK = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };

size_t ee_ws_header_encode(enum ee_ws_opcode opcode, size_t payload_size, const uint8_t *mask_key,
                           uint8_t out[EE_WS_HEADER_MAX])
{
    const uint8_t mask = mask_key ? MASK : 0;
    struct ee_writer w;
    ee_writer_init(&w, out, EE_WS_HEADER_MAX);
    ee_writer_u8(&w, (uint8_t)(FIN | opcode));
    if (payload_size < LENGTH_16) {
        ee_writer_u8(&w, (uint8_t)(mask | payload_size));
    } else if (payload_size <= UINT16_MAX) {
        ee_writer_u8(&w, mask | LENGTH_16);
        ee_writer_u16(&w, (uint16_t)payload_size);
    } else {
        ee_writer_u8(&w, mask | LENGTH_64);
        ee_writer_u64(&w, payload_size);
    }
    if (mask_key)
        ee_writer_bytes(&w, mask_key, 4);
    return w.size;
}

void ee_ws_mask(uint8_t *data, size_t size, const uint8_t key[4], size_t offset)
{
    uint8_t wide[8];
    uint64_t pattern, word;
    for (size_t i = 0; i < sizeof(wide); i++)
        wide[i] = key[(offset + i) & 3];
    memcpy(&pattern, wide, sizeof(pattern));
    size_t at = 0;
    for (; size - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, data + at, sizeof(word));
        word ^= pattern;
        memcpy(data + at, &word, sizeof(word));
    }
    for (; at < size; at++)
        data[at] ^= wide[at & 7];
}

enum ee_err ee_ws_frame_write(struct ee_writer *w, enum ee_ws_opcode opcode,
                              struct ee_bytes payload, const uint8_t *mask_key)
{
    uint8_t header[EE_WS_HEADER_MAX];
    if (opcode >= EE_WS_CLOSE && payload.size > EE_WS_CONTROL_MAX)
        return EE_RANGE;
    const size_t header_size = ee_ws_header_encode(opcode, payload.size, mask_key, header);
    if (w->err == EE_OK &&
        (w->capacity - w->size < header_size || w->capacity - w->size - header_size < payload.size))
        w->err = EE_TOO_LARGE;
    ee_writer_bytes(w, header, header_size);
    const size_t at = w->size;
    ee_writer_bytes(w, payload.data, payload.size);
    if (w->err == EE_OK && mask_key && payload.size)
        ee_ws_mask(w->data + at, payload.size, mask_key, 0);
    return w->err;
}

enum ee_err ee_ws_close_write(struct ee_writer *w, uint16_t code, const char *reason,
                              const uint8_t *mask_key)
{
    uint8_t payload[EE_WS_CONTROL_MAX];
    struct ee_writer p;
    size_t size = strlen(reason);
    if (size > EE_WS_CONTROL_MAX - 2) {
        size = EE_WS_CONTROL_MAX - 2;
        while (size && ((uint8_t)reason[size] & 0xc0) == 0x80)
            size--;
    }
    ee_writer_init(&p, payload, sizeof(payload));
    if (code != EE_WS_CLOSE_NONE) {
        ee_writer_u16(&p, code);
        ee_writer_bytes(&p, reason, size);
    }
    return ee_ws_frame_write(w, EE_WS_CLOSE, ee_writer_done(&p), mask_key);
}

size_t ee_ws_header_size(size_t payload_size, bool masked)
{
    const size_t length = payload_size < LENGTH_16 ? 0 : payload_size <= UINT16_MAX ? 2 : 8;
    return 2 + length + (masked ? 4 : 0);
}

void ee_ws_decoder_init(struct ee_ws_decoder *decoder, const struct ee_allocator *allocator,
                        bool from_client, size_t message_max)
{
    *decoder = (struct ee_ws_decoder){
        .allocator = allocator, .from_client = from_client, .message_max = message_max};
}

static void message_drop(struct ee_ws_decoder *d)
{
    ee_free(d->allocator, d->message);
    d->message = NULL;
    d->message_size = d->message_capacity = 0;
    d->delivered = false;
}

void ee_ws_decoder_close(struct ee_ws_decoder *decoder)
{
    message_drop(decoder);
}

uint16_t ee_ws_decoder_close_code(const struct ee_ws_decoder *decoder)
{
    return decoder->err == EE_OK ? 0 : decoder->close_code;
}

static enum ee_err fail(struct ee_ws_decoder *d, enum ee_err err, uint16_t close_code)
{
    d->err = err;
    d->close_code = close_code;
    return err;
}

static enum ee_err broken(struct ee_ws_decoder *d)
{
    return fail(d, EE_PROTOCOL, EE_WS_CLOSE_PROTOCOL);
}

/* Size of the header as far as its first bytes tell; 2 until those are there. */
static size_t header_wanted(const struct ee_ws_decoder *d)
{
    if (d->header_size < 2)
        return 2;
    const uint8_t length = d->header[1] & 0x7f;
    return 2u +
           (length == LENGTH_16   ? 2u
            : length == LENGTH_64 ? 8u
                                  : 0u) +
           (d->header[1] & MASK ? 4u : 0u);
}

/* Checks that need only the first two bytes, so that a wrong frame is refused at once. */
static enum ee_err opening_check(struct ee_ws_decoder *d)
{
    const uint8_t opcode = d->header[0] & 0x0f, length = d->header[1] & 0x7f;
    const bool fin = d->header[0] & FIN;
    if (d->header[0] & RSV || ((d->header[1] & MASK) != 0) != d->from_client)
        return broken(d);
    if (opcode >= EE_WS_CLOSE)
        return opcode > EE_WS_PONG || !fin || length > EE_WS_CONTROL_MAX ? broken(d) : EE_OK;
    if (opcode > EE_WS_BINARY || (opcode == EE_WS_CONTINUATION) != d->in_message)
        return broken(d);
    if (opcode == EE_WS_TEXT)
        return fail(d, EE_UNSUPPORTED, EE_WS_CLOSE_UNSUPPORTED);
    return EE_OK;
}

/* Section 5.2: the shortest form of the length, and bit 63 clear. */
static enum ee_err length_read(struct ee_ws_decoder *d, struct ee_cursor *c)
{
    const uint8_t length = d->header[1] & 0x7f;
    d->payload_size = length;
    if (length == LENGTH_16)
        d->payload_size = ee_cursor_u16(c);
    else if (length == LENGTH_64)
        d->payload_size = ee_cursor_u64(c);
    if ((length == LENGTH_16 && d->payload_size < LENGTH_16) ||
        (length == LENGTH_64 && (d->payload_size <= UINT16_MAX || d->payload_size >> 63)))
        return broken(d);
    return EE_OK;
}

static enum ee_err message_reserve(struct ee_ws_decoder *d)
{
    if (d->payload_size > d->message_max - d->message_size)
        return fail(d, EE_TOO_LARGE, EE_WS_CLOSE_TOO_BIG);
    size_t want = d->message_size + (size_t)d->payload_size;
    if (want <= d->message_capacity)
        return EE_OK;
    if (d->message_capacity > want / 2) /* many small fragments: not a copy for each */
        want = d->message_max / 2 > want ? 2 * want : d->message_max;
    uint8_t *grown = ee_realloc(d->allocator, d->message, want, 1);
    if (!grown)
        return fail(d, EE_NO_MEMORY, EE_WS_CLOSE_INTERNAL);
    d->message = grown;
    d->message_capacity = want;
    return EE_OK;
}

static enum ee_err header_done(struct ee_ws_decoder *d)
{
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of(d->header + 2, d->header_size - 2));
    EE_TRY(length_read(d, &c));
    d->opcode = d->header[0] & 0x0f;
    d->fin = d->header[0] & FIN;
    d->masked = d->header[1] & MASK;
    if (d->masked)
        ee_cursor_copy(&c, d->mask_key, sizeof(d->mask_key));
    d->payload_seen = 0;
    d->in_payload = true;
    d->header_size = 0;
    return EE_OK;
}

/* Takes header bytes; in_payload once they are complete. */
static enum ee_err header_step(struct ee_ws_decoder *d, struct ee_bytes input, size_t *at)
{
    while (*at < input.size && d->header_size < header_wanted(d)) {
        d->header[d->header_size++] = input.data[(*at)++];
        if (d->header_size == 2)
            EE_TRY(opening_check(d));
    }
    return d->header_size >= 2 && d->header_size == header_wanted(d) ? header_done(d) : EE_OK;
}

static void payload_step(struct ee_ws_decoder *d, struct ee_bytes input, size_t *at)
{
    const uint64_t left = d->payload_size - d->payload_seen;
    const size_t have = input.size - *at;
    const size_t size = have < left ? have : (size_t)left;
    uint8_t *to = d->opcode >= EE_WS_CLOSE ? d->control + d->payload_seen : NULL;
    if (size == 0)
        return;
    if (!to)
        to = d->message + d->message_size;
    assert(to != NULL);
    memcpy(to, input.data + *at, size);
    if (d->masked)
        ee_ws_mask(to, size, d->mask_key, (size_t)d->payload_seen & 3);
    if (d->opcode < EE_WS_CLOSE)
        d->message_size += size;
    d->payload_seen += size;
    *at += size;
}

/* Section 7.4: codes that may be on the wire. */
static bool close_code_valid(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool utf8_valid(struct ee_bytes text)
{
    size_t i = 0;
    while (i < text.size) {
        const uint8_t c = text.data[i++];
        const size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || text.size - i < more)
            return false;
        for (size_t k = 0; k < more; k++) {
            const uint8_t d = text.data[i + k];
            const uint8_t low = k ? 0x80 : c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
            const uint8_t high = k ? 0xbf : c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
            if (d < low || d > high)
                return false;
        }
        i += more;
    }
    return true;
}

static enum ee_err close_done(struct ee_ws_decoder *d, struct ee_ws_event *event)
{
    uint16_t code = EE_WS_CLOSE_NONE;
    struct ee_bytes reason = {d->control, (size_t)d->payload_size};
    if (d->payload_size == 1)
        return broken(d);
    if (d->payload_size >= 2) {
        code = (uint16_t)(d->control[0] << 8 | d->control[1]);
        reason = ee_bytes_of(d->control + 2, (size_t)d->payload_size - 2);
        if (!close_code_valid(code))
            return broken(d);
        if (!utf8_valid(reason))
            return fail(d, EE_PROTOCOL, EE_WS_CLOSE_BAD_DATA);
    }
    d->closed = true;
    *event = (struct ee_ws_event){EE_WS_EVENT_CLOSE, reason, code};
    return EE_OK;
}

static enum ee_err frame_done(struct ee_ws_decoder *d, struct ee_ws_event *event)
{
    d->in_payload = false;
    if (d->opcode == EE_WS_CLOSE)
        return close_done(d, event);
    if (d->opcode > EE_WS_CLOSE) {
        event->kind = d->opcode == EE_WS_PING ? EE_WS_EVENT_PING : EE_WS_EVENT_PONG;
        event->data = ee_bytes_of(d->control, (size_t)d->payload_size);
        return EE_OK;
    }
    d->in_message = !d->fin;
    if (d->fin) {
        d->delivered = true;
        event->kind = EE_WS_EVENT_MESSAGE;
        event->data = ee_bytes_of(d->message, d->message_size);
    }
    return EE_OK;
}

/* A message in one unmasked frame that has come altogether need not be copied. */
static bool is_whole(const struct ee_ws_decoder *d, size_t left)
{
    return d->opcode == EE_WS_BINARY && d->fin && !d->masked && !d->in_message && left > 0 &&
           d->payload_size <= left && d->payload_size <= d->message_max;
}

static void message_borrow(struct ee_ws_decoder *d, struct ee_bytes input, size_t *at,
                           struct ee_ws_event *event)
{
    event->kind = EE_WS_EVENT_MESSAGE;
    event->data = ee_bytes_of(input.data + *at, (size_t)d->payload_size);
    *at += (size_t)d->payload_size;
    d->in_payload = false;
}

enum ee_err ee_ws_decoder_next(struct ee_ws_decoder *decoder, struct ee_bytes input,
                               size_t *consumed_out, struct ee_ws_event *event_out)
{
    struct ee_ws_event event = {.kind = EE_WS_EVENT_NONE};
    size_t at = decoder->closed ? input.size : 0;
    if (decoder->delivered)
        message_drop(decoder);
    if (decoder->err != EE_OK)
        return decoder->err;
    while (event.kind == EE_WS_EVENT_NONE && at < input.size) {
        if (!decoder->in_payload) {
            EE_TRY(header_step(decoder, input, &at));
            if (!decoder->in_payload)
                break;
            if (is_whole(decoder, input.size - at)) {
                message_borrow(decoder, input, &at, &event);
                break;
            }
            if (decoder->opcode < EE_WS_CLOSE)
                EE_TRY(message_reserve(decoder));
        }
        payload_step(decoder, input, &at);
        if (decoder->payload_seen < decoder->payload_size)
            break;
        EE_TRY(frame_done(decoder, &event));
    }
    *consumed_out = at;
    *event_out = event;
    return EE_OK;
}
