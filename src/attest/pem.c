/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/pem.h"

#include <string.h>

#include "base/text.h"
#include "base/banned.h"

static void skip_space(struct ee_bytes *text)
{
    while (text->size && (text->data[0] == '\n' || text->data[0] == '\r' || text->data[0] == ' ' ||
                          text->data[0] == '\t'))
        *text = ee_bytes_of(text->data + 1, text->size - 1);
}

static bool skip_text(struct ee_bytes *text, const char *expected)
{
    size_t size = strlen(expected);
    if (text->size < size || memcmp(text->data, expected, size) != 0)
        return false;
    *text = ee_bytes_of(text->data + size, text->size - size);
    return true;
}

static bool skip_mark(struct ee_bytes *text, const char *kind, const char *label)
{
    return skip_text(text, "-----") && skip_text(text, kind) && skip_text(text, " ") &&
           skip_text(text, label) && skip_text(text, "-----");
}

/* Bytes before the next line end, of either kind. */
static size_t line_size(struct ee_bytes text)
{
    const uint8_t *end = text.size ? memchr(text.data, '\n', text.size) : NULL;
    size_t size = end ? (size_t)(end - text.data) : text.size;
    end = size ? memchr(text.data, '\r', size) : NULL;
    return end ? (size_t)(end - text.data) : size;
}

/* One block at the start of `text`. Its base64 digits are gathered in `memory` without line ends,
 * then decoded over themselves: output never overtakes input, so memory may be the text. */
static enum ee_reason block(struct ee_bytes *text, const char *label, uint8_t *memory,
                            size_t memory_size, struct ee_bytes *der)
{
    size_t digits = 0, size = 0;
    if (!skip_mark(text, "BEGIN", label))
        return EE_REASON_PEM_SYNTAX;
    const uint8_t *end = text->size ? memchr(text->data, '-', text->size) : NULL;
    if (!end)
        return EE_REASON_PEM_SYNTAX;
    while (text->data < end) {
        size_t line = line_size(ee_bytes_of(text->data, (size_t)(end - text->data)));
        if (line > memory_size - digits)
            return EE_REASON_COLLATERAL_TOO_LARGE;
        memmove(memory + digits, text->data, line);
        digits += line;
        line += text->data + line < end; /* its end too */
        *text = ee_bytes_of(text->data + line, text->size - line);
    }
    if (!skip_mark(text, "END", label) || digits == 0)
        return EE_REASON_PEM_SYNTAX;
    if (ee_base64_decode(ee_bytes_of(memory, digits), memory, memory_size, &size) != EE_OK)
        return EE_REASON_PEM_SYNTAX;
    *der = ee_bytes_of(memory, size);
    return EE_REASON_NONE;
}

/* White space and, where a C string was stored with its end, NULs. */
static bool only_padding(struct ee_bytes text)
{
    skip_space(&text);
    return ee_bytes_all_zero(text.data, text.size);
}

enum ee_reason ee_attest_pem_certificates(struct ee_bytes pem, uint8_t *memory, size_t memory_size,
                                          struct ee_der_chain *out)
{
    struct ee_der_chain chain = {0};
    skip_space(&pem);
    while (chain.count == 0 || !only_padding(pem)) {
        if (chain.count == EE_DER_CHAIN_MAX)
            return EE_REASON_CHAIN_LENGTH;
        struct ee_bytes *der = &chain.der[chain.count];
        EE_REASON_TRY(block(&pem, "CERTIFICATE", memory, memory_size, der));
        memory += der->size;
        memory_size -= der->size;
        chain.count++;
        skip_space(&pem);
    }
    *out = chain;
    return EE_REASON_NONE;
}

enum ee_reason ee_attest_pem_single(const char *label, struct ee_bytes pem, uint8_t *memory,
                                    size_t memory_size, struct ee_bytes *out)
{
    struct ee_bytes der;
    skip_space(&pem);
    EE_REASON_TRY(block(&pem, label, memory, memory_size, &der));
    if (!only_padding(pem))
        return EE_REASON_PEM_SYNTAX;
    *out = der;
    return EE_REASON_NONE;
}
