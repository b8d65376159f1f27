/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of a TLS client's first message. First byte: size of the pieces; whole and in pieces the
 * same must come out, and what comes out keeps its promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static enum ee_err run(struct ee_bytes input, size_t step, struct ee_client_hello *out)
{
    struct ee_client_hello_reader reader = {0};
    enum ee_err err = EE_TRUNCATED;
    for (size_t at = step; err == EE_TRUNCATED; at += step) {
        const size_t size = at < input.size ? at : input.size;
        err = ee_client_hello_read(&reader, ee_bytes_of(input.data, size), out);
        require(reader.at <= size);
        if (size == input.size)
            break;
    }
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_client_hello whole = {0}, pieces = {0};
    if (size == 0)
        return 0;
    const struct ee_bytes input = ee_bytes_of(data + 1, size - 1);
    const enum ee_err err = run(input, input.size + 1, &whole);
    require(run(input, 1u + data[0], &pieces) == err);
    require(memcmp(&whole, &pieces, sizeof whole) == 0);
    require(memchr(whole.server_name, 0, sizeof whole.server_name) != NULL);
    require(whole.protocols_size <= sizeof whole.protocols);
    require(!ee_client_hello_offers(&whole, "no such protocol at all"));
    return 0;
}
