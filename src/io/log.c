/* SPDX-License-Identifier: Apache-2.0 */
#include "io/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "io/clock.h"

#include "base/banned.h"

enum { TEXT_MAX = 512, HEX_MAX = 64, TAIL_SIZE = 2 /* "}" and the line feed */ };

static atomic_int minimum_level = EE_LOG_INFO;

static const char *const level_names[] = {[EE_LOG_DEBUG] = "debug",
                                          [EE_LOG_INFO] = "info",
                                          [EE_LOG_WARN] = "warn",
                                          [EE_LOG_ERROR] = "error"};

/* A line being written; once something does not fit, it is cut back to the last whole field. */
struct line {
    char *out;
    size_t size;
    size_t capacity;
    bool json;
    bool full;
};

static void put(struct line *line, const char *text, size_t size)
{
    if (line->full || size > line->capacity - line->size) {
        line->full = true;
        return;
    }
    memcpy(line->out + line->size, text, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Size of the UTF-8 sequence at `data` (RFC 3629 section 4), 0 when it is none. */
static size_t utf8_size(const uint8_t *data, size_t left)
{
    uint8_t first = data[0];
    size_t size = 0;
    if (first < 0x80)
        size = 1;
    else if (first >= 0xc2 && first < 0xe0)
        size = 2;
    else if (first >= 0xe0 && first < 0xf0)
        size = 3;
    else if (first >= 0xf0 && first < 0xf5)
        size = 4;
    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((data[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && data[1] < 0xa0) || (first == 0xed && data[1] > 0x9f) ||
        (first == 0xf0 && data[1] < 0x90) || (first == 0xf4 && data[1] > 0x8f))
        return 0;
    return size;
}

static void put_escaped(struct line *line, uint8_t byte)
{
    char text[8];
    if (byte == '"' || byte == '\\')
        (void)snprintf(text, sizeof(text), "\\%c", byte);
    else if (byte == '\n')
        (void)snprintf(text, sizeof(text), "\\n");
    else if (line->json && byte >= 0x80)
        (void)snprintf(text, sizeof(text), "\\ufffd"); /* not UTF-8 */
    else if (line->json)
        (void)snprintf(text, sizeof(text), "\\u%04x", byte);
    else
        (void)snprintf(text, sizeof(text), "\\x%02x", byte);
    put_text(line, text);
}

/* How many bytes from here on stand for themselves. */
static size_t plain_size(const uint8_t *data, size_t size)
{
    size_t i = 0;
    while (i < size && data[i] >= 0x20 && data[i] < 0x7f && data[i] != '"' && data[i] != '\\')
        i++;
    return i;
}

/* Terminals see ASCII only, so that no value can move the cursor or reorder the text. */
static void put_quoted(struct line *line, struct ee_bytes bytes)
{
    put(line, "\"", 1);
    size_t end = bytes.size < TEXT_MAX ? bytes.size : TEXT_MAX;
    for (size_t i = 0; i < end;) {
        size_t plain = plain_size(bytes.data + i, end - i);
        put(line, (const char *)bytes.data + i, plain);
        i += plain;
        if (i == end)
            break;
        uint8_t byte = bytes.data[i];
        size_t size = utf8_size(bytes.data + i, bytes.size - i);
        if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\' || size == 0 ||
            (size > 1 && !line->json)) {
            put_escaped(line, byte);
            i++;
        } else {
            put(line, (const char *)bytes.data + i, size);
            i += size;
        }
    }
    if (end < bytes.size)
        put_text(line, "...");
    put(line, "\"", 1);
}

static bool is_bare(struct ee_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] <= ' ' || bytes.data[i] >= 0x7f || strchr("\"\\=", bytes.data[i]))
            return false;
    return bytes.size > 0 && bytes.size <= TEXT_MAX;
}

static void put_value(struct line *line, struct ee_bytes bytes)
{
    if (!line->json && is_bare(bytes))
        put(line, (const char *)bytes.data, bytes.size);
    else
        put_quoted(line, bytes);
}

static void put_key(struct line *line, const char *key)
{
    put_text(line, line->json ? ",\"" : " ");
    put_text(line, key);
    put_text(line, line->json ? "\":" : "=");
}

static void put_field(struct line *line, const struct ee_log_field *field)
{
    char text[2 * HEX_MAX + 1];
    put_key(line, field->key);
    switch (field->kind) {
    case EE_LOG_END:
        break;
    case EE_LOG_TEXT:
        put_value(line, field->bytes);
        break;
    case EE_LOG_SIGNED:
        (void)snprintf(text, sizeof(text), "%" PRId64, field->signed_value);
        put_text(line, text);
        break;
    case EE_LOG_UNSIGNED:
        (void)snprintf(text, sizeof(text), "%" PRIu64, field->unsigned_value);
        put_text(line, text);
        break;
    case EE_LOG_BOOL:
        put_text(line, field->unsigned_value ? "true" : "false");
        break;
    case EE_LOG_HEX:
        ee_hex_encode(field->bytes.data, field->bytes.size < HEX_MAX ? field->bytes.size : HEX_MAX,
                      text);
        put_value(line, ee_bytes_str(text));
        break;
    }
}

static void put_head(struct line *line, uint64_t wall_us, enum ee_log_level level,
                     const char *component, const char *message)
{
    char seconds[EE_TIME_TEXT_SIZE], ts[EE_TIME_TEXT_SIZE + 8];
    ee_time_format((int64_t)(wall_us / 1000000u), seconds);
    seconds[EE_TIME_TEXT_SIZE - 2] = '\0'; /* the Z comes after the fraction */
    (void)snprintf(ts, sizeof(ts), "%s.%06uZ", seconds, (unsigned)(wall_us % 1000000u));
    if (!line->json) {
        put_text(line, ts);
        put(line, " ", 1);
        put_text(line, level_names[level]);
        put(line, " ", 1);
        put_text(line, component);
        put(line, " ", 1);
        put_value(line, ee_bytes_str(message));
        return;
    }
    put_text(line, "{\"ts\":\"");
    put_text(line, ts);
    put_text(line, "\",\"level\":\"");
    put_text(line, level_names[level]);
    put_text(line, "\",\"component\":");
    put_quoted(line, ee_bytes_str(component));
    put_text(line, ",\"msg\":");
    put_quoted(line, ee_bytes_str(message));
}

size_t ee_log_format(char out[EE_LOG_LINE_MAX], bool json, uint64_t wall_us,
                     enum ee_log_level level, const char *component, const char *message,
                     const struct ee_log_field *fields)
{
    struct line line = {.out = out, .capacity = EE_LOG_LINE_MAX - TAIL_SIZE, .json = json};
    put_head(&line, wall_us, level, component, message);
    for (; fields->kind != EE_LOG_END; fields++) {
        size_t before = line.size;
        put_field(&line, fields);
        if (line.full) {
            line.size = before;
            line.full = false;
        }
    }
    if (json)
        out[line.size++] = '}';
    out[line.size++] = '\n';
    return line.size;
}

void ee_log_set_level(enum ee_log_level level)
{
    atomic_store_explicit(&minimum_level, (int)level, memory_order_relaxed);
}

bool ee_log_enabled(enum ee_log_level level)
{
    return (int)level >= atomic_load_explicit(&minimum_level, memory_order_relaxed);
}

enum ee_err ee_log_level_parse(const char *text, enum ee_log_level *out)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum ee_log_level)i;
            return EE_OK;
        }
    }
    return EE_SYNTAX;
}

/* Asked once: 0 not yet, 1 a terminal, 2 a file or pipe, which gets JSON. */
static bool wants_json(void)
{
    static atomic_int kind;
    int known = atomic_load_explicit(&kind, memory_order_relaxed);
    if (known == 0) {
        known = isatty(STDERR_FILENO) == 0 ? 2 : 1;
        atomic_store_explicit(&kind, known, memory_order_relaxed);
    }
    return known == 2;
}

/* Lines that wait, of all threads. */
static struct {
    pthread_mutex_t mutex;
    bool on;
    size_t size;
    char lines[8 * EE_LOG_LINE_MAX];
} gather = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void all_write(const char *lines, size_t size)
{
    /* Nowhere to report a log that cannot be written. */
    ssize_t written = write(STDERR_FILENO, lines, size);
    (void)written;
}

static void gathered_write(void)
{
    if (gather.size > 0)
        all_write(gather.lines, gather.size);
    gather.size = 0;
}

void ee_log_write(enum ee_log_level level, const char *component, const char *message,
                  const struct ee_log_field *fields)
{
    char out[EE_LOG_LINE_MAX];
    if (!ee_log_enabled(level))
        return;
    size_t size =
        ee_log_format(out, wants_json(), ee_clock_wall_us(), level, component, message, fields);
    pthread_mutex_lock(&gather.mutex);
    if (!gather.on || level > EE_LOG_INFO || size > sizeof(gather.lines) - gather.size)
        gathered_write();
    if (gather.on && level <= EE_LOG_INFO) {
        memcpy(gather.lines + gather.size, out, size);
        gather.size += size;
    } else {
        all_write(out, size);
    }
    pthread_mutex_unlock(&gather.mutex);
}

void ee_log_flush(void)
{
    pthread_mutex_lock(&gather.mutex);
    gathered_write();
    pthread_mutex_unlock(&gather.mutex);
}

void ee_log_gather(void)
{
    pthread_mutex_lock(&gather.mutex);
    bool first = !gather.on;
    gather.on = true;
    pthread_mutex_unlock(&gather.mutex);
    if (first)
        (void)atexit(ee_log_flush);
}

struct ee_log_field ee_log_text(const char *key, const char *value)
{
    return ee_log_bytes(key, ee_bytes_str(value ? value : ""));
}

struct ee_log_field ee_log_bytes(const char *key, struct ee_bytes value)
{
    return (struct ee_log_field){.key = key, .kind = EE_LOG_TEXT, .bytes = value};
}

struct ee_log_field ee_log_hex(const char *key, const void *data, size_t size)
{
    return (struct ee_log_field){.key = key, .kind = EE_LOG_HEX, .bytes = ee_bytes_of(data, size)};
}

struct ee_log_field ee_log_number(const char *key, int64_t value)
{
    return (struct ee_log_field){.key = key, .kind = EE_LOG_SIGNED, .signed_value = value};
}

struct ee_log_field ee_log_unsigned(const char *key, uint64_t value)
{
    return (struct ee_log_field){.key = key, .kind = EE_LOG_UNSIGNED, .unsigned_value = value};
}

struct ee_log_field ee_log_bool(const char *key, bool value)
{
    return (struct ee_log_field){.key = key, .kind = EE_LOG_BOOL, .unsigned_value = value};
}

struct ee_log_field ee_log_err(enum ee_err err)
{
    return ee_log_text("err", ee_err_name(err));
}

struct ee_log_field ee_log_errno(int number)
{
    const char *words = strerrordesc_np(number);
    return ee_log_text("errno", words ? words : "unknown");
}

struct ee_log_field ee_log_end(void)
{
    return (struct ee_log_field){.kind = EE_LOG_END};
}
