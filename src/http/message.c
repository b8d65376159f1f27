/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

#include <string.h>

#include "base/banned.h"

void ee_http_head_clear(struct ee_http_head *head)
{
    memset(head, 0, offsetof(struct ee_http_head, fields));
    head->minor = 1;
}

void ee_http_head_copy(struct ee_http_head *to, const struct ee_http_head *from)
{
    memcpy(to, from, offsetof(struct ee_http_head, fields));
    memcpy(to->fields, from->fields, from->field_count * sizeof(from->fields[0]));
    memcpy(to->bytes, from->bytes, from->used);
}

static struct ee_bytes view(const struct ee_http_head *head, struct ee_http_span span)
{
    return ee_bytes_of(head->bytes + span.at, span.size);
}

/* The caller has checked that it fits. */
static struct ee_http_span append(struct ee_http_head *head, struct ee_bytes bytes)
{
    const struct ee_http_span span = {head->used, (uint32_t)bytes.size};
    if (bytes.size)
        memcpy(head->bytes + head->used, bytes.data, bytes.size);
    head->used += span.size;
    return span;
}

static bool target_valid(struct ee_bytes target)
{
    if (target.size == 0 || (target.data[0] != '/' && !ee_http_equal(target, "*")))
        return false;
    for (size_t i = 0; i < target.size; i++)
        if (target.data[i] <= ' ' || target.data[i] >= 0x7f || target.data[i] == '#')
            return false;
    return true;
}

enum ee_err ee_http_head_request(struct ee_http_head *head, struct ee_bytes method,
                                 struct ee_bytes target)
{
    if (method.size > EE_HTTP_LINE_MAX || target.size > EE_HTTP_LINE_MAX - method.size)
        return EE_TOO_LARGE;
    if (!ee_http_token_valid(method) || !target_valid(target))
        return EE_HTTP;
    ee_http_head_clear(head);
    head->method = append(head, method);
    head->target = append(head, target);
    return EE_OK;
}

enum ee_err ee_http_head_response(struct ee_http_head *head, uint16_t status,
                                  struct ee_bytes reason)
{
    if (status < 100 || status > 599)
        return EE_RANGE;
    if (reason.size > EE_HTTP_LINE_MAX || !ee_http_value_valid(reason))
        return EE_HTTP;
    ee_http_head_clear(head);
    head->status = status;
    head->reason = append(head, reason);
    return EE_OK;
}

enum ee_err ee_http_head_add(struct ee_http_head *head, struct ee_bytes name, struct ee_bytes value)
{
    if (!ee_http_token_valid(name) || !ee_http_value_valid(value) ||
        ee_http_trim(value).size != value.size)
        return EE_HTTP;
    const size_t room = EE_HTTP_HEAD_BYTES - head->used;
    if (head->field_count == EE_HTTP_FIELDS_CAPACITY || name.size > room ||
        value.size > room - name.size)
        return EE_TOO_LARGE;
    struct ee_http_field *field = &head->fields[head->field_count++];
    field->name = append(head, name);
    field->value = append(head, value);
    return EE_OK;
}

enum ee_err ee_http_head_add_text(struct ee_http_head *head, const char *name, const char *value)
{
    return ee_http_head_add(head, ee_bytes_str(name), ee_bytes_str(value));
}

enum ee_err ee_http_head_set(struct ee_http_head *head, const char *name, struct ee_bytes value)
{
    const size_t before = head->field_count;
    EE_TRY(ee_http_head_add(head, ee_bytes_str(name), value));
    for (size_t i = before; i > 0; i--)
        if (ee_http_equal(ee_http_head_name(head, i - 1), name))
            ee_http_head_remove_at(head, i - 1);
    return EE_OK;
}

void ee_http_head_remove_at(struct ee_http_head *head, size_t index)
{
    head->field_count--;
    memmove(&head->fields[index], &head->fields[index + 1],
            (head->field_count - index) * sizeof(head->fields[0]));
}

size_t ee_http_head_remove(struct ee_http_head *head, const char *name)
{
    size_t removed = 0;
    for (size_t i = head->field_count; i > 0; i--) {
        if (!ee_http_equal(ee_http_head_name(head, i - 1), name))
            continue;
        ee_http_head_remove_at(head, i - 1);
        removed++;
    }
    return removed;
}

struct ee_bytes ee_http_head_method(const struct ee_http_head *head)
{
    return view(head, head->method);
}

struct ee_bytes ee_http_head_target(const struct ee_http_head *head)
{
    return view(head, head->target);
}

struct ee_bytes ee_http_head_reason(const struct ee_http_head *head)
{
    return view(head, head->reason);
}

struct ee_bytes ee_http_head_name(const struct ee_http_head *head, size_t index)
{
    return view(head, head->fields[index].name);
}

struct ee_bytes ee_http_head_value(const struct ee_http_head *head, size_t index)
{
    return view(head, head->fields[index].value);
}

bool ee_http_head_find(const struct ee_http_head *head, const char *name,
                       struct ee_bytes *value_out)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (!ee_http_equal(ee_http_head_name(head, i), name))
            continue;
        *value_out = ee_http_head_value(head, i);
        return true;
    }
    return false;
}

size_t ee_http_head_count(const struct ee_http_head *head, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++)
        count += ee_http_equal(ee_http_head_name(head, i), name);
    return count;
}

bool ee_http_head_has_token(const struct ee_http_head *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (!ee_http_equal(ee_http_head_name(head, i), name))
            continue;
        struct ee_bytes rest = ee_http_head_value(head, i), member;
        while (ee_http_list_next(&rest, &member))
            if (ee_http_equal(member, token))
                return true;
    }
    return false;
}
