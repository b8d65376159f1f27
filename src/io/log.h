/* SPDX-License-Identifier: Apache-2.0 */
/* One escaped line per event on standard error: for people when that is a terminal
 * (`ts level component msg key=value ...`), else a JSON object {"ts","level","component","msg",
 * keys...}. Never pass secrets, tokens or bodies. Thread-safe: a line is one write(2).
 *
 *     EE_LOG(EE_LOG_INFO, "gateway", "request done", ee_log_text("app", name),
 *            ee_log_number("status", 200));
 */
#ifndef EE_IO_LOG_H
#define EE_IO_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum ee_log_level { EE_LOG_DEBUG, EE_LOG_INFO, EE_LOG_WARN, EE_LOG_ERROR };

enum { EE_LOG_LINE_MAX = 4096 }; /* with the line feed; longer texts are cut at 512 bytes each */

enum ee_log_kind {
    EE_LOG_END,
    EE_LOG_TEXT,
    EE_LOG_SIGNED,
    EE_LOG_UNSIGNED,
    EE_LOG_BOOL,
    EE_LOG_HEX,
};

struct ee_log_field {
    const char *key; /* a literal of a-z and _ */
    enum ee_log_kind kind;
    struct ee_bytes bytes; /* text or hex */
    int64_t signed_value;
    uint64_t unsigned_value;
};

struct ee_log_field ee_log_text(const char *key, const char *value);            /* NULL value: "" */
struct ee_log_field ee_log_bytes(const char *key, struct ee_bytes value);       /* as text */
struct ee_log_field ee_log_hex(const char *key, const void *data, size_t size); /* <= 64 bytes */
struct ee_log_field ee_log_number(const char *key, int64_t value);
struct ee_log_field ee_log_unsigned(const char *key, uint64_t value);
struct ee_log_field ee_log_bool(const char *key, bool value);
struct ee_log_field ee_log_err(enum ee_err err); /* "err" with the error's name */
struct ee_log_field ee_log_errno(int number);    /* "errno" with its words */
struct ee_log_field ee_log_end(void);

#define EE_LOG(level, component, ...) EE_LOG_FIELDS(level, component, __VA_ARGS__, ee_log_end())
#define EE_LOG_FIELDS(level, component, message, ...)                                              \
    ee_log_write(level, component, message, (const struct ee_log_field[]){__VA_ARGS__})

/* Events below are dropped; EE_LOG_INFO at start. */
void ee_log_set_level(enum ee_log_level level);
bool ee_log_enabled(enum ee_log_level level);
/* "debug", "info", "warn", "error"; EE_SYNTAX. */
EE_MUST_USE enum ee_err ee_log_level_parse(const char *text, enum ee_log_level *out);
/* From now on lines up to EE_LOG_INFO are kept and written together: by ee_log_flush(), which a
 * loop calls before it waits, by the first line above that level, and at exit. For daemons that log
 * every request; a line that only a crash would show is not kept. */
void ee_log_gather(void);
void ee_log_flush(void);
/* `fields` ends with ee_log_end(). Use EE_LOG(). */
void ee_log_write(enum ee_log_level level, const char *component, const char *message,
                  const struct ee_log_field *fields);
/* The line itself, for tests: at most EE_LOG_LINE_MAX bytes ending in a line feed, fields that do
 * not fit left out. Returns its size. */
size_t ee_log_format(char out[EE_LOG_LINE_MAX], bool json, uint64_t wall_us,
                     enum ee_log_level level, const char *component, const char *message,
                     const struct ee_log_field *fields);

#endif
