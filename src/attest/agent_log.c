/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/agent_log.h"

#include <string.h>

#include "attest/eventlog.h"

#include "base/banned.h"

static const char *const kind_names[] = {
    [EE_AGENT_EVENT_START] = "start",     [EE_AGENT_EVENT_DEPLOYMENT] = "deployment",
    [EE_AGENT_EVENT_RUNNING] = "running", [EE_AGENT_EVENT_SECRETS] = "secrets",
    [EE_AGENT_EVENT_STOP] = "stop",
};

const char *ee_agent_event_kind_name(enum ee_agent_event_kind kind)
{
    return (unsigned)kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[kind] : NULL;
}

static void deployment_write(struct ee_writer *w, const struct ee_agent_event *event)
{
    ee_writer_bytes(w, event->lease, sizeof(event->lease));
    ee_writer_bytes(w, event->deployment_hash, sizeof(event->deployment_hash));
    ee_writer_bytes(w, event->image_digest, sizeof(event->image_digest));
}

static void payload_write(struct ee_writer *w, const struct ee_agent_event *event)
{
    switch (event->kind) {
    case EE_AGENT_EVENT_START:
        ee_writer_bytes(w, event->network_id, sizeof(event->network_id));
        ee_writer_text(w, event->version);
        return;
    case EE_AGENT_EVENT_DEPLOYMENT:
    case EE_AGENT_EVENT_RUNNING:
        deployment_write(w, event);
        return;
    case EE_AGENT_EVENT_SECRETS:
        ee_writer_bytes(w, event->lease, sizeof(event->lease));
        ee_writer_u16(w, event->secret_count);
        return;
    case EE_AGENT_EVENT_STOP:
        ee_writer_bytes(w, event->lease, sizeof(event->lease));
        ee_writer_u32(w, (uint32_t)event->exit_code);
        return;
    }
    w->err = EE_UNSUPPORTED;
}

enum ee_err ee_agent_event_encode(const struct ee_agent_event *event, uint8_t *out, size_t capacity,
                                  size_t *size_out)
{
    struct ee_writer w;
    ee_writer_init(&w, out, capacity);
    ee_writer_label(&w, "ee-agent-event", 1);
    ee_writer_u64(&w, event->sequence);
    ee_writer_u8(&w, (uint8_t)event->kind);
    payload_write(&w, event);
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size;
    return EE_OK;
}

static void payload_read(struct ee_cursor *c, struct ee_agent_event *event)
{
    switch (event->kind) {
    case EE_AGENT_EVENT_START:
        ee_cursor_copy(c, event->network_id, sizeof(event->network_id));
        ee_cursor_text(c, event->version, sizeof(event->version));
        return;
    case EE_AGENT_EVENT_DEPLOYMENT:
    case EE_AGENT_EVENT_RUNNING:
        ee_cursor_copy(c, event->lease, sizeof(event->lease));
        ee_cursor_copy(c, event->deployment_hash, sizeof(event->deployment_hash));
        ee_cursor_copy(c, event->image_digest, sizeof(event->image_digest));
        return;
    case EE_AGENT_EVENT_SECRETS:
        ee_cursor_copy(c, event->lease, sizeof(event->lease));
        event->secret_count = ee_cursor_u16(c);
        return;
    case EE_AGENT_EVENT_STOP:
        ee_cursor_copy(c, event->lease, sizeof(event->lease));
        event->exit_code = (int32_t)ee_cursor_u32(c);
        return;
    }
    if (c->err == EE_OK)
        c->err = EE_UNSUPPORTED;
}

enum ee_err ee_agent_event_decode(struct ee_bytes bytes, struct ee_agent_event *out)
{
    struct ee_cursor c;
    struct ee_agent_event event;
    memset(&event, 0, sizeof(event));
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-agent-event", 1);
    event.sequence = ee_cursor_u64(&c);
    event.kind = (enum ee_agent_event_kind)ee_cursor_u8(&c);
    if (c.err == EE_OK)
        payload_read(&c, &event);
    EE_TRY(ee_cursor_end(&c));
    *out = event;
    return EE_OK;
}

void ee_agent_event_digest(const struct ee_crypto *crypto, struct ee_bytes event,
                           uint8_t out[EE_SHA384_SIZE])
{
    crypto->sha384(&event, 1, out);
}

void ee_agent_log_head_write(struct ee_writer *w, const struct ee_agent_log_head *head)
{
    ee_writer_label(w, "ee-agent-log", 1);
    ee_writer_u64(w, head->first);
    ee_writer_bytes(w, head->base, sizeof(head->base));
}

void ee_agent_log_head_read(struct ee_cursor *c, struct ee_agent_log_head *out)
{
    ee_cursor_label(c, "ee-agent-log", 1);
    out->first = ee_cursor_u64(c);
    ee_cursor_copy(c, out->base, sizeof(out->base));
}

static bool is_deployment(const struct ee_agent_event *event)
{
    return event->kind == EE_AGENT_EVENT_DEPLOYMENT || event->kind == EE_AGENT_EVENT_RUNNING;
}

enum ee_err ee_agent_log_deployment(struct ee_bytes log, const uint8_t lease[EE_AGENT_LEASE_SIZE],
                                    struct ee_agent_event *event_out, bool *stopped_out)
{
    struct ee_cursor c;
    struct ee_agent_log_head head;
    struct ee_agent_event found, event;
    bool any = false, stopped = false;
    ee_cursor_init(&c, log);
    ee_agent_log_head_read(&c, &head);
    while (c.err == EE_OK && c.left > 0) {
        struct ee_bytes bytes = ee_cursor_block(&c, EE_AGENT_EVENT_SIZE_MAX);
        if (c.err != EE_OK || ee_agent_event_decode(bytes, &event) != EE_OK)
            return EE_EVENT_LOG;
        if (event.kind == EE_AGENT_EVENT_START)
            stopped = true; /* what goes on is said again */
        if (memcmp(event.lease, lease, sizeof(event.lease)) != 0)
            continue;
        if (is_deployment(&event)) {
            found = event;
            any = true;
            stopped = false;
        } else if (event.kind == EE_AGENT_EVENT_STOP) {
            stopped = true;
        }
    }
    if (c.err != EE_OK)
        return EE_EVENT_LOG;
    if (!any)
        return EE_NOT_MEASURED;
    *event_out = found;
    *stopped_out = stopped;
    return EE_OK;
}
