/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/banned.h"

void ee_document_put(struct ee_document *d, const char *text)
{
    size_t size = strlen(text);
    if (d->size < d->capacity) {
        size_t room = d->capacity - d->size;
        memcpy(d->data + d->size, text, size < room ? size : room);
    }
    d->size += size;
}

void ee_document_number(struct ee_document *d, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    ee_document_put(d, text);
}

void ee_document_string(struct ee_document *d, const char *text)
{
    char one[8];
    ee_document_put(d, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\' || c < 0x20)
            (void)snprintf(one, sizeof(one), "\\u%04x", c);
        else
            (void)snprintf(one, sizeof(one), "%c", *text);
        ee_document_put(d, one);
    }
    ee_document_put(d, "\"");
}

static void name_put(struct ee_document *d, const char *name)
{
    ee_document_put(d, ", \"");
    ee_document_put(d, name);
    ee_document_put(d, "\": ");
}

void ee_document_member(struct ee_document *d, const char *name, const char *text)
{
    name_put(d, name);
    ee_document_string(d, text);
}

void ee_document_time(struct ee_document *d, const char *name, int64_t time_s)
{
    char text[EE_TIME_TEXT_SIZE];
    name_put(d, name);
    if (time_s)
        ee_document_string(d, ee_time_format(time_s, text));
    else
        ee_document_put(d, "null");
}

enum ee_err ee_document_done(struct ee_document *d, size_t *size_out)
{
    *size_out = d->size;
    if (d->size >= d->capacity)
        return EE_TOO_LARGE;
    d->data[d->size] = '\0';
    return EE_OK;
}
