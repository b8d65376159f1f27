/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may make us do (docs/spec/http2.md). Frames are counted as they come, before the
 * library sees them: it says nothing about those it ignores. */
#include "link/http2_internal.h"

#include "base/banned.h"

static bool spend(struct ee_http2_budget *budget, uint64_t now_us, int64_t burst, int64_t per_s)
{
    const uint64_t passed_us = now_us - budget->at_us;
    const int64_t limit = burst * 1000;
    const int64_t more =
        passed_us > 1000u * 1000u * 1000u ? limit : (int64_t)passed_us * per_s / 1000;
    if (more > 0) {
        budget->left = budget->left + more > limit ? limit : budget->left + more;
        budget->at_us = now_us;
    }
    budget->left -= 1000;
    return budget->left >= 0;
}

void ee_http2_calm(struct ee_http2 *h, uint32_t code)
{
    if (h->calm)
        return;
    h->calm = true;
    h->calm_us = h->host.now_us(h->host.context);
    (void)nghttp2_session_terminate_session(h->session, code);
}

void ee_http2_spend_control(struct ee_http2 *h)
{
    if (!spend(&h->control, h->host.now_us(h->host.context), EE_HTTP2_CONTROL_BURST,
               EE_HTTP2_CONTROL_PER_S))
        ee_http2_calm(h, NGHTTP2_ENHANCE_YOUR_CALM);
}

void ee_http2_spend_reset(struct ee_http2 *h)
{
    if (!spend(&h->resets, h->host.now_us(h->host.context), EE_HTTP2_RESET_BURST,
               EE_HTTP2_RESET_PER_S))
        ee_http2_calm(h, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* RFC 9113 section 5.1.1: the library takes a stream that was leapt over for one that is closed. */
static bool leapt_over(struct ee_http2 *h, int32_t id)
{
    if (id > h->last_stream) {
        if (id > h->last_stream + 2) {
            h->gap_first = h->last_stream + 1;
            h->gap_last = id - 1;
        }
        h->last_stream = id;
        return false;
    }
    return id >= h->gap_first && id <= h->gap_last;
}

static void frame_count(struct ee_http2 *h)
{
    const uint8_t *header = h->wire_header;
    const uint32_t size = (uint32_t)header[0] << 16 | (uint32_t)header[1] << 8 | header[2];
    const uint8_t type = header[3], flags = header[4];
    const int32_t stream = (int32_t)((header[5] & 0x7fu) << 24 | (uint32_t)header[6] << 16 |
                                     (uint32_t)header[7] << 8 | header[8]);
    h->wire_left = size;
    if ((type == NGHTTP2_HEADERS && stream % 2 == 1 && leapt_over(h, stream)) ||
        (type == NGHTTP2_PRIORITY && stream == 0)) /* the library lets it pass */
        ee_http2_calm(h, NGHTTP2_PROTOCOL_ERROR);
    if (type == NGHTTP2_RST_STREAM)
        ee_http2_spend_reset(h);
    else if (type != NGHTTP2_HEADERS &&
             (type != NGHTTP2_DATA || (size == 0 && !(flags & NGHTTP2_FLAG_END_STREAM))))
        ee_http2_spend_control(h);
}

void ee_http2_count(struct ee_http2 *h, struct ee_bytes bytes)
{
    while (bytes.size > 0 && !h->calm) {
        const size_t skip = bytes.size < h->wire_left ? bytes.size : h->wire_left;
        bytes = ee_bytes_of(bytes.data + skip, bytes.size - skip);
        h->wire_left -= skip;
        while (h->wire_left == 0 && bytes.size > 0 && h->wire_have < sizeof(h->wire_header)) {
            h->wire_header[h->wire_have++] = bytes.data[0];
            bytes = ee_bytes_of(bytes.data + 1, bytes.size - 1);
        }
        if (h->wire_have == sizeof(h->wire_header)) {
            h->wire_have = 0;
            frame_count(h);
        }
    }
}
