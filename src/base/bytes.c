/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <string.h>

#include "base/banned.h"

struct ee_bytes ee_bytes_of(const void *data, size_t size)
{
    return (struct ee_bytes){.data = data, .size = size};
}

struct ee_bytes ee_bytes_str(const char *text)
{
    return ee_bytes_of(text, strlen(text));
}

int ee_bytes_compare(struct ee_bytes a, struct ee_bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

bool ee_bytes_equal(struct ee_bytes a, struct ee_bytes b)
{
    return a.size == b.size && ee_bytes_compare(a, b) == 0;
}

bool ee_bytes_equal_secret(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *left = a, *right = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < size; i++)
        difference = (uint8_t)(difference | (left[i] ^ right[i]));
    return difference == 0;
}

bool ee_bytes_all_zero(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

void ee_wipe(void *data, size_t size)
{
    volatile uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = 0;
}

/*@ requires \valid(c);
    requires bytes.size == 0 || \valid_read(bytes.data + (0 .. bytes.size - 1));
    assigns *c;
    ensures within: ee_cursor_within(c) && c->err == EE_OK;
    ensures c->next == bytes.data && c->left == bytes.size; */
void ee_cursor_init(struct ee_cursor *c, struct ee_bytes bytes)
{
    c->next = bytes.data;
    c->left = bytes.size;
    c->err = EE_OK;
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c, \result \from *c, size;
    ensures within: ee_cursor_within(c);
    behavior enough:
      assumes c->err == EE_OK && size <= c->left;
      ensures \result == \old(c->next) && c->err == EE_OK;
      ensures c->next == \old(c->next) + size && c->left == \old(c->left) - size;
      ensures readable: size == 0 || \valid_read(\result + (0 .. size - 1));
    behavior too_few:
      assumes c->err != EE_OK || size > c->left;
      ensures \result == \null && c->err != EE_OK;
      ensures c->next == \old(c->next) && c->left == \old(c->left);
    complete behaviors;
    disjoint behaviors; */
const uint8_t *ee_cursor_take(struct ee_cursor *c, size_t size)
{
    if (c->err == EE_OK && size > c->left)
        c->err = EE_TRUNCATED;
    if (c->err != EE_OK)
        return NULL;
    const uint8_t *taken = c->next;
    if (size) { /* an empty input may be NULL, and NULL + 0 is undefined */
        c->next += size;
        c->left -= size;
    }
    return taken;
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left);
    ensures sticky: \old(c->err) != EE_OK ==> c->err != EE_OK;
    ensures \result.size == (c->err == EE_OK ? size : 0);
    ensures readable: \result.size == 0 || \valid_read(\result.data + (0 .. \result.size - 1)); */
struct ee_bytes ee_cursor_bytes(struct ee_cursor *c, size_t size)
{
    const uint8_t *taken = ee_cursor_take(c, size);
    return (struct ee_bytes){taken, c->err == EE_OK ? size : 0};
}

void ee_cursor_copy(struct ee_cursor *c, void *out, size_t size)
{
    const uint8_t *taken = ee_cursor_take(c, size);
    if (c->err != EE_OK)
        memset(out, 0, size);
    else if (size)
        memcpy(out, taken, size);
}

/*@ requires \valid(c) && ee_cursor_within(c) && size <= 8;
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left);
    ensures c->err != EE_OK ==> \result == 0; */
static uint64_t read_big(struct ee_cursor *c, size_t size)
{
    const uint8_t *taken = ee_cursor_take(c, size);
    uint64_t value = 0;
    /*@ loop invariant 0 <= i <= size;
        loop invariant taken == \null ==> value == 0;
        loop assigns i, value;
        loop variant size - i; */
    for (size_t i = 0; taken && i < size; i++)
        value = value << 8 | taken[i];
    return value;
}

/*@ requires \valid(c) && ee_cursor_within(c) && size <= 8;
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left);
    ensures c->err != EE_OK ==> \result == 0; */
static uint64_t read_little(struct ee_cursor *c, size_t size)
{
    const uint8_t *taken = ee_cursor_take(c, size);
    uint64_t value = 0;
    /*@ loop invariant 0 <= i <= size;
        loop invariant taken == \null ==> value == 0;
        loop assigns i, value;
        loop variant i; */
    for (size_t i = size; taken && i > 0; i--)
        value = value << 8 | taken[i - 1];
    return value;
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left); */
uint8_t ee_cursor_u8(struct ee_cursor *c)
{
    return (uint8_t)read_big(c, 1);
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left); */
uint16_t ee_cursor_u16le(struct ee_cursor *c)
{
    return (uint16_t)read_little(c, 2);
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left); */
uint32_t ee_cursor_u32le(struct ee_cursor *c)
{
    return (uint32_t)read_little(c, 4);
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left); */
uint64_t ee_cursor_u64le(struct ee_cursor *c)
{
    return read_little(c, 8);
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left); */
uint16_t ee_cursor_u16(struct ee_cursor *c)
{
    return (uint16_t)read_big(c, 2);
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left); */
uint32_t ee_cursor_u32(struct ee_cursor *c)
{
    return (uint32_t)read_big(c, 4);
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left); */
uint64_t ee_cursor_u64(struct ee_cursor *c)
{
    return read_big(c, 8);
}

/*@ requires \valid(c) && err != EE_OK;
    assigns c->err;
    ensures c->err == (\old(c->err) == EE_OK ? err : \old(c->err)); */
static void fail(struct ee_cursor *c, enum ee_err err)
{
    if (c->err == EE_OK)
        c->err = err;
}

/*@ requires \valid(c) && ee_cursor_within(c);
    assigns *c;
    ensures within: ee_cursor_within(c) && c->left <= \old(c->left);
    ensures limited: \result.size <= limit;
    ensures readable: \result.size == 0 || \valid_read(\result.data + (0 .. \result.size - 1)); */
struct ee_bytes ee_cursor_block(struct ee_cursor *c, size_t limit)
{
    size_t size = ee_cursor_u32(c);
    if (size > limit)
        fail(c, EE_TOO_LARGE);
    return ee_cursor_bytes(c, size);
}

void ee_cursor_text(struct ee_cursor *c, char *out, size_t out_size)
{
    size_t size = ee_cursor_u8(c);
    if (size >= out_size)
        fail(c, EE_TOO_LARGE);
    const uint8_t *taken = ee_cursor_take(c, size);
    memset(out, 0, out_size);
    if (!taken)
        return;
    for (size_t i = 0; i < size; i++)
        if (taken[i] < 0x20 || taken[i] > 0x7e)
            fail(c, EE_SYNTAX);
    if (c->err == EE_OK && size)
        memcpy(out, taken, size);
}

/*@ requires \valid_read(c);
    assigns \nothing;
    ensures \result == EE_OK <==> c->err == EE_OK && c->left == 0; */
enum ee_err ee_cursor_end(const struct ee_cursor *c)
{
    if (c->err == EE_OK && c->left)
        return EE_TRAILING;
    return c->err;
}

void ee_writer_init(struct ee_writer *w, void *data, size_t capacity)
{
    *w = (struct ee_writer){.data = data, .size = 0, .capacity = capacity, .err = EE_OK};
}

void ee_writer_bytes(struct ee_writer *w, const void *data, size_t size)
{
    if (w->err == EE_OK && size > w->capacity - w->size)
        w->err = EE_TOO_LARGE;
    if (w->err != EE_OK || size == 0)
        return;
    memcpy(w->data + w->size, data, size);
    w->size += size;
}

static void write_big(struct ee_writer *w, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = size; i > 0; i--, value >>= 8)
        bytes[i - 1] = (uint8_t)value;
    ee_writer_bytes(w, bytes, size);
}

static void write_little(struct ee_writer *w, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++, value >>= 8)
        bytes[i] = (uint8_t)value;
    ee_writer_bytes(w, bytes, size);
}

void ee_writer_u8(struct ee_writer *w, uint8_t value)
{
    write_big(w, value, 1);
}

void ee_writer_u16(struct ee_writer *w, uint16_t value)
{
    write_big(w, value, 2);
}

void ee_writer_u32(struct ee_writer *w, uint32_t value)
{
    write_big(w, value, 4);
}

void ee_writer_u64(struct ee_writer *w, uint64_t value)
{
    write_big(w, value, 8);
}

void ee_writer_u16le(struct ee_writer *w, uint16_t value)
{
    write_little(w, value, 2);
}

void ee_writer_u32le(struct ee_writer *w, uint32_t value)
{
    write_little(w, value, 4);
}

void ee_writer_block(struct ee_writer *w, struct ee_bytes bytes)
{
    if (bytes.size > UINT32_MAX) {
        w->err = EE_TOO_LARGE;
        return;
    }
    ee_writer_u32(w, (uint32_t)bytes.size);
    ee_writer_bytes(w, bytes.data, bytes.size);
}

void ee_writer_text(struct ee_writer *w, const char *text)
{
    size_t size = strlen(text);
    if (size > UINT8_MAX) {
        w->err = EE_TOO_LARGE;
        return;
    }
    ee_writer_u8(w, (uint8_t)size);
    ee_writer_bytes(w, text, size);
}

struct ee_bytes ee_writer_done(const struct ee_writer *w)
{
    return ee_bytes_of(w->data, w->err == EE_OK ? w->size : 0);
}

void ee_writer_label(struct ee_writer *w, const char *label, uint16_t version)
{
    ee_writer_text(w, label);
    ee_writer_u16(w, version);
}

void ee_cursor_label(struct ee_cursor *c, const char *label, uint16_t version)
{
    char found[64];
    ee_cursor_text(c, found, sizeof(found));
    uint16_t found_version = ee_cursor_u16(c);
    if (c->err == EE_OK && strcmp(found, label) != 0)
        c->err = EE_SYNTAX;
    if (c->err == EE_OK && found_version != version)
        c->err = EE_UNSUPPORTED;
}
