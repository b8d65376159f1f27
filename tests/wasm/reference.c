/* SPDX-License-Identifier: Apache-2.0 */
/* The module's code as a native program over OpenSSL: what verify.wasm must answer.
 *
 * wasm_reference: reads messages from standard input (u8 'q' or 'e', or 'f': forget; u32 big-endian
 * size; message of wasm/module.h) and writes for each the error and the size of the output as u32,
 * then the output. */
#include <stdbool.h>
#include <stdio.h>

#include "wasm/module.h"

static bool u32_read(uint32_t *out)
{
    uint8_t b[4];
    if (fread(b, 1, sizeof(b), stdin) != sizeof(b))
        return false;
    *out = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return true;
}

static void u32_write(uint32_t value)
{
    const uint8_t b[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                          (uint8_t)value};
    (void)fwrite(b, 1, sizeof(b), stdout);
}

int main(void)
{
    int kind;
    uint32_t size;
    while ((kind = getchar()) != EOF) {
        if (!u32_read(&size) || size > ee_wasm_input_size() ||
            fread(ee_wasm_input(), 1, size, stdin) != size)
            return 1;
        if (kind == 'f') {
            ee_wasm_forget();
            continue;
        }
        int error = kind == 'q' ? ee_wasm_verify_quote(size) : ee_wasm_verify_evidence(size);
        u32_write((uint32_t)error);
        u32_write((uint32_t)ee_wasm_output_size());
        (void)fwrite(ee_wasm_output(), 1, ee_wasm_output_size(), stdout);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
