/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed or composed HTTP/1 head (RFC 9112): request or status line and ordered fields, case
 * kept, in one caller-owned struct. Positions are offsets into its own bytes, so the struct may be
 * moved. Every setter validates, so a head can never carry CR, LF or NUL towards a peer. */
#ifndef EE_HTTP_MESSAGE_H
#define EE_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    EE_HTTP_LINE_MAX = 8192,    /* bytes of a request or status line, without CRLF */
    EE_HTTP_HEADER_MAX = 32768, /* bytes of all header lines together */
    EE_HTTP_TRAILER_MAX = 8192, /* bytes of all trailer lines together */
    EE_HTTP_LINES_MAX = 100,    /* header lines taken from a peer */
    /* Room for what a proxy adds to a head that is full already. */
    EE_HTTP_FIELDS_CAPACITY = EE_HTTP_LINES_MAX + 16,
    EE_HTTP_HEAD_BYTES = EE_HTTP_LINE_MAX + EE_HTTP_HEADER_MAX + 8192,
};

struct ee_http_span {
    uint32_t at; /* offset into ee_http_head.bytes */
    uint32_t size;
};

struct ee_http_field {
    struct ee_http_span name;
    struct ee_http_span value; /* without white space around it */
};

/* About 50 KiB: heap or static, not the stack of a deep call. Read it through the functions. */
struct ee_http_head {
    struct ee_http_span method; /* request: a token */
    struct ee_http_span target; /* request: origin-form ("/a?b") or "*" */
    struct ee_http_span reason; /* response: may be empty */
    uint16_t status;            /* response: 100 to 599; 0 in a request */
    uint8_t minor;              /* HTTP/1.0 or HTTP/1.1 */
    uint16_t field_count;
    uint32_t used; /* bytes taken in `bytes`; removed fields keep theirs */
    struct ee_http_field fields[EE_HTTP_FIELDS_CAPACITY];
    uint8_t bytes[EE_HTTP_HEAD_BYTES];
};

/* Empty, HTTP/1.1; the bytes are left as they are. Enough to make a fresh struct usable. */
void ee_http_head_clear(struct ee_http_head *head);
/* Copies only what is used. */
void ee_http_head_copy(struct ee_http_head *to, const struct ee_http_head *from);

/* Clears the head and starts a request. EE_HTTP: the method is not a token or the target is neither
 * origin-form nor "*"; EE_TOO_LARGE above EE_HTTP_LINE_MAX. */
EE_MUST_USE enum ee_err ee_http_head_request(struct ee_http_head *head, struct ee_bytes method,
                                             struct ee_bytes target);
/* Clears the head and starts a response. EE_RANGE: status outside 100..599; EE_HTTP: control
 * characters in the reason. An empty reason is replaced by the registered one when written. */
EE_MUST_USE enum ee_err ee_http_head_response(struct ee_http_head *head, uint16_t status,
                                              struct ee_bytes reason);
/* Appends one field, both copied. EE_HTTP: the name is not a token, or the value has control
 * characters or white space at an end; EE_TOO_LARGE: no room. The head is unchanged on error. */
EE_MUST_USE enum ee_err ee_http_head_add(struct ee_http_head *head, struct ee_bytes name,
                                         struct ee_bytes value);
EE_MUST_USE enum ee_err ee_http_head_add_text(struct ee_http_head *head, const char *name,
                                              const char *value);
/* Replaces all fields of that name by one at the end. Errors as ee_http_head_add. */
EE_MUST_USE enum ee_err ee_http_head_set(struct ee_http_head *head, const char *name,
                                         struct ee_bytes value);
/* Number of fields removed. */
size_t ee_http_head_remove(struct ee_http_head *head, const char *name);
void ee_http_head_remove_at(struct ee_http_head *head, size_t index);

/* Borrowed from the head, valid until it is changed. */
struct ee_bytes ee_http_head_method(const struct ee_http_head *head);
struct ee_bytes ee_http_head_target(const struct ee_http_head *head);
struct ee_bytes ee_http_head_reason(const struct ee_http_head *head);
struct ee_bytes ee_http_head_name(const struct ee_http_head *head, size_t index);
struct ee_bytes ee_http_head_value(const struct ee_http_head *head, size_t index);
/* First field of that name in any case; false (out untouched) when there is none. */
bool ee_http_head_find(const struct ee_http_head *head, const char *name,
                       struct ee_bytes *value_out);
size_t ee_http_head_count(const struct ee_http_head *head, const char *name);
/* Is `token` a member of the comma-separated lists in all fields of that name? Any case. */
bool ee_http_head_has_token(const struct ee_http_head *head, const char *name, const char *token);

/* RFC 9110 section 5.6.2: 1 or more tchar. */
bool ee_http_token_valid(struct ee_bytes name);
/* Only HTAB, 0x20..0x7e, 0x80..0xff (RFC 9110 section 5.5). */
bool ee_http_value_valid(struct ee_bytes value);
/* May a field of this name come behind a body? Not what frames, routes, authenticates or belongs to
 * one hop (RFC 9110 section 6.5.1). */
bool ee_http_trailer_allowed(struct ee_bytes name);
/* ASCII, any case. */
bool ee_http_equal(struct ee_bytes a, const char *b);
/* Cuts the next member off a comma-separated list, trimmed; empty members are skipped. */
bool ee_http_list_next(struct ee_bytes *rest, struct ee_bytes *member_out);
/* Without HTAB and SP at both ends. */
struct ee_bytes ee_http_trim(struct ee_bytes value);
/* uri-host [":" port] (RFC 9110 section 7.2): DNS name, IPv4, or bracketed IPv6; never empty. */
bool ee_http_host_valid(struct ee_bytes host);

#endif
