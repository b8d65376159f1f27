/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/json.h"

#include <string.h>

#include "base/text.h"
#include "base/banned.h"

static void fail(struct ee_json *j, enum ee_reason reason)
{
    if (j->reason == EE_REASON_NONE)
        j->reason = reason;
    j->at = j->size; /* nothing more is read */
}

void ee_attest_json_fail(struct ee_json *j, enum ee_reason reason)
{
    fail(j, reason);
}

void ee_attest_json_init(struct ee_json *j, struct ee_bytes text, size_t limit)
{
    j->data = text.data;
    j->size = text.size;
    j->at = 0;
    j->reason = EE_REASON_NONE;
    j->depth = 0;
    j->key_count = 0;
    if (text.size > limit)
        fail(j, EE_REASON_JSON_TOO_LARGE);
}

/* The next byte that is not white space, or 0 at the end. */
static uint8_t peek(struct ee_json *j)
{
    while (j->at < j->size && (j->data[j->at] == ' ' || j->data[j->at] == '\t' ||
                               j->data[j->at] == '\n' || j->data[j->at] == '\r'))
        j->at++;
    return j->at < j->size ? j->data[j->at] : 0;
}

static bool accept(struct ee_json *j, char c)
{
    if (peek(j) != (uint8_t)c)
        return false;
    j->at++;
    return true;
}

static void require(struct ee_json *j, char c, enum ee_reason reason)
{
    if (!accept(j, c))
        fail(j, j->at == j->size ? EE_REASON_JSON_SYNTAX : reason);
}

static void open_level(struct ee_json *j, char c)
{
    require(j, c, EE_REASON_JSON_TYPE);
    if (j->reason == EE_REASON_NONE && j->depth == EE_JSON_DEPTH_MAX)
        fail(j, EE_REASON_JSON_DEPTH);
    if (j->reason != EE_REASON_NONE)
        return;
    j->level[j->depth].is_object = c == '{';
    j->level[j->depth].first = true;
    j->level[j->depth].keys = j->key_count;
    j->depth++;
}

void ee_attest_json_object(struct ee_json *j)
{
    open_level(j, '{');
}

void ee_attest_json_array(struct ee_json *j)
{
    open_level(j, '[');
}

/* Separator or end of the open level. True when another member follows. */
static bool next_member(struct ee_json *j, bool is_object)
{
    if (j->reason != EE_REASON_NONE)
        return false;
    if (j->depth == 0 || j->level[j->depth - 1].is_object != is_object) {
        fail(j, EE_REASON_JSON_TYPE);
        return false;
    }
    if (accept(j, is_object ? '}' : ']')) {
        j->depth--;
        j->key_count = j->level[j->depth].keys;
        return false;
    }
    if (!j->level[j->depth - 1].first)
        require(j, ',', EE_REASON_JSON_SYNTAX);
    j->level[j->depth - 1].first = false;
    return j->reason == EE_REASON_NONE;
}

static void remember_key(struct ee_json *j, struct ee_bytes key)
{
    for (size_t i = j->level[j->depth - 1].keys; i < j->key_count; i++)
        if (ee_bytes_equal(j->keys[i], key))
            fail(j, EE_REASON_JSON_DUPLICATE_KEY);
    if (j->key_count == EE_JSON_KEYS_MAX)
        fail(j, EE_REASON_JSON_TOO_LARGE);
    else
        j->keys[j->key_count++] = key;
}

bool ee_attest_json_key(struct ee_json *j, struct ee_bytes *key_out)
{
    if (!next_member(j, true))
        return false;
    struct ee_bytes key = ee_attest_json_text(j);
    require(j, ':', EE_REASON_JSON_SYNTAX);
    if (j->reason == EE_REASON_NONE)
        remember_key(j, key);
    *key_out = key;
    return j->reason == EE_REASON_NONE;
}

bool ee_attest_json_item(struct ee_json *j)
{
    return next_member(j, false);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* What the escapes of two characters stand for; 0: not an escape. */
static const uint8_t short_escapes[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                           ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

/* Size of the escape at `data` (after the backslash is included), or 0. */
static size_t escape_size(const uint8_t *data, size_t left)
{
    if (left < 2)
        return 0;
    if (data[1] != 'u')
        return short_escapes[data[1]] ? 2 : 0;
    if (left < 6)
        return 0;
    for (size_t i = 2; i < 6; i++)
        if (hex_value(data[i]) < 0)
            return 0;
    return 6;
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Nonzero when one of eight bytes is below 0x20, above 0x7f, a quote or a backslash; may also be
 * for others, when one below it in the word is. */
static uint64_t special(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');
    uint64_t found =
        word | (word - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1));
    return found & EACH_BYTE(0x80);
}

/* How many bytes of a string, eight at a time, need no second look. */
static size_t plain_run(const uint8_t *data, size_t left)
{
    uint64_t word;
    size_t at = 0;
    for (; left - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, data + at, sizeof(word));
        if (special(word))
            break;
    }
    return at;
}

/* Size of the UTF-8 sequence at `data` (RFC 3629: shortest form, no surrogates), or 0. */
static size_t utf8_size(const uint8_t *data, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = data[0] < 0x80             ? 1
                  : (data[0] & 0xe0) == 0xc0 ? 2
                  : (data[0] & 0xf0) == 0xe0 ? 3
                  : (data[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
    if (size == 0 || size > left)
        return 0;
    uint32_t value = size == 1 ? data[0] : data[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (data[i] & 0x3f);
    }
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return value < least[size] || value > 0x10ffff || surrogate ? 0 : size;
}

/* Size of what is not a plain character, an escape or a UTF-8 sequence; 0: malformed. */
static size_t other_size(const uint8_t *data, size_t left)
{
    if (*data < 0x20)
        return 0;
    return *data == '\\' ? escape_size(data, left) : utf8_size(data, left);
}

static bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

struct ee_bytes ee_attest_json_string(struct ee_json *j)
{
    require(j, '"', EE_REASON_JSON_TYPE);
    size_t start = j->at;
    for (;;) {
        j->at += plain_run(j->data + j->at, j->size - j->at);
        while (j->at < j->size && plain(j->data[j->at]))
            j->at++;
        if (j->at == j->size || j->data[j->at] == '"')
            break;
        size_t size = other_size(j->data + j->at, j->size - j->at);
        if (size == 0)
            fail(j, EE_REASON_JSON_SYNTAX);
        j->at += size;
    }
    struct ee_bytes text = ee_bytes_of(j->data + start, j->at - start);
    if (j->at == j->size)
        fail(j, EE_REASON_JSON_SYNTAX);
    if (j->reason != EE_REASON_NONE)
        return ee_bytes_of("", 0);
    j->at++;
    return text;
}

struct ee_bytes ee_attest_json_text(struct ee_json *j)
{
    struct ee_bytes text = ee_attest_json_string(j);
    if (text.size && memchr(text.data, '\\', text.size)) {
        fail(j, EE_REASON_JSON_SYNTAX);
        return ee_bytes_of("", 0);
    }
    return text;
}

static size_t digits(struct ee_json *j)
{
    size_t start = j->at;
    while (j->at < j->size && j->data[j->at] >= '0' && j->data[j->at] <= '9')
        j->at++;
    return j->at - start;
}

static bool here(const struct ee_json *j, char c)
{
    return j->at < j->size && j->data[j->at] == (uint8_t)c;
}

/* RFC 8259 section 6. */
static void number(struct ee_json *j)
{
    if (here(j, '-'))
        j->at++;
    bool zero = here(j, '0');
    size_t count = digits(j);
    bool ok = count && (!zero || count == 1);
    if (here(j, '.')) {
        j->at++;
        ok = digits(j) && ok;
    }
    if (here(j, 'e') || here(j, 'E')) {
        j->at++;
        if (here(j, '+') || here(j, '-'))
            j->at++;
        ok = digits(j) && ok;
    }
    if (!ok)
        fail(j, EE_REASON_JSON_SYNTAX);
}

uint32_t ee_attest_json_unsigned(struct ee_json *j, uint32_t limit)
{
    uint64_t value = 0;
    (void)peek(j);
    size_t start = j->at;
    size_t count = digits(j);
    if (count == 0 || (count > 1 && j->data[start] == '0') || here(j, '.') || here(j, 'e') ||
        here(j, 'E')) {
        fail(j, EE_REASON_JSON_TYPE);
        return 0;
    }
    for (size_t i = start; i < start + count && value <= limit; i++)
        value = value * 10 + (uint64_t)(j->data[i] - '0');
    if (value > limit)
        fail(j, EE_REASON_JSON_RANGE);
    return j->reason == EE_REASON_NONE ? (uint32_t)value : 0;
}

bool ee_attest_json_boolean(struct ee_json *j)
{
    uint8_t first = peek(j);
    const char *word = first == 't' ? "true" : "false";
    size_t size = strlen(word);
    if (j->size - j->at < size || memcmp(j->data + j->at, word, size) != 0) {
        fail(j, EE_REASON_JSON_TYPE);
        return false;
    }
    j->at += size;
    return first == 't';
}

void ee_attest_json_hex(struct ee_json *j, uint8_t *out, size_t size)
{
    struct ee_bytes text = ee_attest_json_text(j);
    if (j->reason == EE_REASON_NONE && ee_hex_decode(text, out, size) != EE_OK)
        fail(j, EE_REASON_JSON_TYPE);
}

int64_t ee_attest_json_time(struct ee_json *j)
{
    int64_t seconds = 0;
    struct ee_bytes text = ee_attest_json_text(j);
    if (j->reason == EE_REASON_NONE && ee_time_parse(text, &seconds) != EE_OK)
        fail(j, EE_REASON_JSON_TYPE);
    return j->reason == EE_REASON_NONE ? seconds : 0;
}

static void literal(struct ee_json *j)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);
        if (j->size - j->at >= size && memcmp(j->data + j->at, words[i], size) == 0) {
            j->at += size;
            return;
        }
    }
    fail(j, EE_REASON_JSON_SYNTAX);
}

/* One value; of a container only its start. */
static void value_start(struct ee_json *j)
{
    uint8_t c = peek(j);
    if (c == '{' || c == '[')
        open_level(j, (char)c);
    else if (c == '"')
        (void)ee_attest_json_string(j);
    else if (c == '-' || (c >= '0' && c <= '9'))
        number(j);
    else
        literal(j);
}

size_t ee_attest_json_at(struct ee_json *j)
{
    (void)peek(j);
    return j->at;
}

struct ee_bytes ee_attest_json_since(const struct ee_json *j, size_t start)
{
    return j->reason == EE_REASON_NONE ? ee_bytes_of(j->data + start, j->at - start)
                                       : ee_bytes_of("", 0);
}

struct ee_bytes ee_attest_json_skip(struct ee_json *j)
{
    struct ee_bytes key;
    size_t outside = j->depth;
    size_t start = ee_attest_json_at(j);
    value_start(j);
    while (j->reason == EE_REASON_NONE && j->depth > outside) {
        bool more =
            j->level[j->depth - 1].is_object ? ee_attest_json_key(j, &key) : ee_attest_json_item(j);
        if (more)
            value_start(j);
    }
    return ee_attest_json_since(j, start);
}

enum ee_reason ee_attest_json_end(struct ee_json *j)
{
    if (j->reason == EE_REASON_NONE && (peek(j) || j->at != j->size || j->depth))
        fail(j, EE_REASON_JSON_SYNTAX);
    return j->reason;
}

static uint32_t hex4(const uint8_t *data)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)hex_value(data[i]);
    return value;
}

/* The code point of the escape at `data`; UINT32_MAX for an unpaired surrogate. */
static uint32_t escape_value(const uint8_t *data, size_t left, size_t *size)
{
    *size = escape_size(data, left);
    if (*size == 2)
        return short_escapes[data[1]];
    uint32_t high = *size == 6 ? hex4(data + 2) : UINT32_MAX;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high > 0xdbff || left < 12 || data[6] != '\\' || data[7] != 'u' ||
        escape_size(data + 6, left - 6) != 6)
        return UINT32_MAX;
    uint32_t low = hex4(data + 8);
    *size = 12;
    return low < 0xdc00 || low > 0xdfff ? UINT32_MAX
                                        : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static size_t utf8_write(uint32_t value, uint8_t out[4])
{
    size_t size = value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
    for (size_t i = size; i > 1; i--, value >>= 6)
        out[i - 1] = (uint8_t)(0x80 | (value & 0x3f));
    out[0] = (uint8_t)(size == 1 ? value : value | (0xf00u >> size & 0xff));
    return size;
}

/* Copies what needs no second look; how many bytes. */
static size_t copy_plain(struct ee_bytes from, uint8_t *out, size_t capacity)
{
    uint64_t word;
    size_t size = from.size < capacity ? from.size : capacity, at = 0;
    for (; size - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, from.data + at, sizeof(word));
        if (special(word))
            break;
        memcpy(out + at, &word, sizeof(word));
    }
    for (; at < size && plain(from.data[at]); at++)
        out[at] = from.data[at];
    return at;
}

/* Writes what the escape or UTF-8 sequence at `data` stands for. False: malformed, an unpaired
 * surrogate, or no room. */
static bool copy_other(const uint8_t *data, size_t left, uint8_t *out, size_t capacity,
                       size_t *taken, size_t *written)
{
    uint8_t bytes[4];
    *taken = *written = other_size(data, left);
    if (*taken == 0)
        return false;
    if (*data == '\\') {
        uint32_t value = escape_value(data, left, taken);
        *written = value == UINT32_MAX ? SIZE_MAX : utf8_write(value, bytes);
        data = bytes;
    }
    if (*written > capacity)
        return false;
    memcpy(out, data, *written);
    return true;
}

/* Copies and resolves until a quote, the end of `raw`, or something that cannot be. */
static size_t copy_string(struct ee_bytes raw, uint8_t *out, size_t capacity, size_t *size_out)
{
    size_t at = 0, size = 0, taken, written;
    for (;;) {
        written =
            copy_plain(ee_bytes_of(raw.data + at, raw.size - at), out + size, capacity - size);
        at += written;
        size += written;
        if (at == raw.size || raw.data[at] == '"' ||
            !copy_other(raw.data + at, raw.size - at, out + size, capacity - size, &taken,
                        &written))
            break;
        at += taken;
        size += written;
    }
    *size_out = size;
    return at;
}

size_t ee_attest_json_copy(struct ee_json *j, uint8_t *out, size_t capacity)
{
    size_t size = 0;
    require(j, '"', EE_REASON_JSON_TYPE);
    if (j->reason != EE_REASON_NONE)
        return 0;
    j->at += copy_string(ee_bytes_of(j->data + j->at, j->size - j->at), out, capacity, &size);
    if (!here(j, '"')) {
        fail(j, EE_REASON_JSON_SYNTAX);
        return 0;
    }
    j->at++;
    return size;
}
