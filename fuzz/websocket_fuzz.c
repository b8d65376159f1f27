/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket decoder. First byte: side and size of the pieces; whole and in pieces the same must
 * come out, no message above its limit. */
#include <stdint.h>
#include <stdlib.h>

#include "http/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 5000 };

static void require(int condition)
{
    if (!condition)
        abort();
}

static uint64_t run(struct ee_bytes input, bool from_client, size_t step)
{
    uint64_t hash = 14695981039346656037u;
    struct ee_ws_decoder d;
    struct ee_ws_event event;
    size_t at = 0, used;
    ee_ws_decoder_init(&d, &ee_allocator_system, from_client, LIMIT);
    while (at < input.size) {
        const size_t left = input.size - at, part = left < step ? left : step;
        const enum ee_err err =
            ee_ws_decoder_next(&d, ee_bytes_of(input.data + at, part), &used, &event);
        if (err != EE_OK) {
            require(ee_ws_decoder_close_code(&d) >= 1000);
            hash = (hash ^ ee_ws_decoder_close_code(&d)) * 1099511628211u;
            break;
        }
        require(used <= part && (event.kind != EE_WS_EVENT_NONE || used == part));
        require(event.kind == EE_WS_EVENT_NONE || event.data.size <= LIMIT);
        at += used;
        if (event.kind == EE_WS_EVENT_NONE)
            continue;
        hash = (hash ^ event.kind) * 1099511628211u;
        for (size_t i = 0; i < event.data.size; i++)
            hash = (hash ^ event.data.data[i]) * 1099511628211u;
    }
    ee_ws_decoder_close(&d);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct ee_bytes input = ee_bytes_of(data + 1, size - 1);
    const bool from_client = data[0] & 1;
    require(run(input, from_client, size) == run(input, from_client, 1u + (data[0] >> 1)));
    return 0;
}
