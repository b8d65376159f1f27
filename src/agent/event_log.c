/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/event_log.h"

#include <stdlib.h>
#include <string.h>

#include "io/file.h"

#include "base/banned.h"

struct ee_event_log {
    const char *path;
    const struct ee_crypto *crypto;
    struct ee_event_register rtmr3;
    uint64_t next; /* sequence */
    uint32_t count;
    uint8_t value[EE_SHA384_SIZE]; /* of RTMR3 after all of it */
    size_t size;
    uint8_t bytes[EE_EVENTLOG_AGENT_MAX];
};

static bool full(const struct ee_event_log *log)
{
    return log->size + EE_AGENT_EVENT_SIZE_MAX + 4 > sizeof(log->bytes);
}

static enum ee_err save(const struct ee_event_log *log)
{
    return ee_file_write(log->path, ee_event_log_bytes(log), 0600);
}

static void begin(struct ee_event_log *log, uint64_t first, const uint8_t base[EE_SHA384_SIZE])
{
    struct ee_agent_log_head head = {.first = first};
    struct ee_writer w;
    memcpy(head.base, base, sizeof(head.base));
    ee_writer_init(&w, log->bytes, sizeof(log->bytes));
    ee_agent_log_head_write(&w, &head);
    log->size = w.size;
    log->next = first;
    log->count = 0;
    memmove(log->value, base, sizeof(log->value));
}

/* ---- opening ---- */

struct replayed {
    uint8_t value[EE_SHA384_SIZE];  /* after all events */
    uint8_t before[EE_SHA384_SIZE]; /* before the last one */
    uint8_t last[EE_SHA384_SIZE];   /* digest of that */
    uint64_t next;
    uint32_t count;
};

static bool replay(const struct ee_crypto *crypto, struct ee_bytes bytes, struct replayed *out)
{
    struct ee_eventlog reader;
    struct ee_measured_event event;
    if (ee_eventlog_open(&reader, crypto, EE_EVENTLOG_AGENT, bytes, NULL, 0) != EE_REASON_NONE)
        return false;
    memcpy(out->before, reader.rtmr[3], sizeof(out->before));
    memcpy(out->value, reader.rtmr[3], sizeof(out->value));
    while (ee_eventlog_next(&reader, &event)) {
        memcpy(out->before, out->value, sizeof(out->before));
        memcpy(out->value, reader.rtmr[3], sizeof(out->value));
        memcpy(out->last, event.digest, sizeof(out->last));
    }
    out->count = reader.event_count;
    out->next = reader.first_sequence + reader.event_count;
    return reader.failure.reason == EE_REASON_NONE;
}

static void keep(struct ee_event_log *log, struct ee_bytes bytes, const struct replayed *r)
{
    memcpy(log->bytes, bytes.data, bytes.size);
    log->size = bytes.size;
    log->next = r->next;
    log->count = r->count;
    memcpy(log->value, r->value, sizeof(log->value));
}

/* What the file and the register together say. */
static enum ee_err reconcile(struct ee_event_log *log, struct ee_bytes bytes,
                             const uint8_t rtmr3[EE_SHA384_SIZE], enum ee_event_log_found *found)
{
    struct replayed r = {.count = 0};
    bool known = bytes.size > 0 && replay(log->crypto, bytes, &r);
    *found = EE_EVENT_LOG_CONTINUED;
    if (known && memcmp(r.value, rtmr3, sizeof(r.value)) == 0) {
        keep(log, bytes, &r);
        return EE_OK;
    }
    if (ee_bytes_all_zero(rtmr3, EE_SHA384_SIZE)) {
        *found = EE_EVENT_LOG_BOOTED;
        begin(log, 0, rtmr3);
        return EE_OK;
    }
    if (known && r.count > 0 && memcmp(r.before, rtmr3, sizeof(r.before)) == 0) {
        keep(log, bytes, &r); /* the end came between writing and extending */
        return log->rtmr3.extend(log->rtmr3.context, r.last);
    }
    *found = EE_EVENT_LOG_LOST;
    begin(log, 0, rtmr3);
    return EE_OK;
}

enum ee_err ee_event_log_open(const char *path, const struct ee_crypto *crypto,
                              const struct ee_event_register *rtmr3, struct ee_event_log **out,
                              enum ee_event_log_found *found_out)
{
    uint8_t value[EE_SHA384_SIZE];
    struct ee_file_data file = {NULL, 0};
    EE_TRY(rtmr3->read(rtmr3->context, value));
    struct ee_event_log *log = calloc(1, sizeof(*log));
    if (!log)
        return EE_NO_MEMORY;
    log->path = path;
    log->crypto = crypto;
    log->rtmr3 = *rtmr3;
    enum ee_err err = ee_file_read(path, sizeof(log->bytes), &file);
    if (err == EE_NOT_FOUND || err == EE_TOO_LARGE)
        err = EE_OK; /* no log of ours */
    if (err == EE_OK)
        err = reconcile(log, ee_file_bytes(&file), value, found_out);
    ee_file_data_free(&file);
    if (err != EE_OK) {
        free(log);
        return err;
    }
    *out = log;
    return EE_OK;
}

void ee_event_log_free(struct ee_event_log *log)
{
    free(log);
}

/* ---- appending ---- */

/* Adds the event to the bytes in memory; its digest. */
static enum ee_err add(struct ee_event_log *log, const struct ee_agent_event *event,
                       uint8_t digest_out[EE_SHA384_SIZE])
{
    uint8_t encoded[EE_AGENT_EVENT_SIZE_MAX];
    struct ee_agent_event next = *event;
    struct ee_writer w;
    size_t size;
    if (full(log))
        return EE_FULL;
    next.sequence = log->next;
    EE_TRY(ee_agent_event_encode(&next, encoded, sizeof(encoded), &size));
    ee_writer_init(&w, log->bytes + log->size, sizeof(log->bytes) - log->size);
    ee_writer_block(&w, ee_bytes_of(encoded, size));
    log->size += w.size;
    ee_agent_event_digest(log->crypto, ee_bytes_of(encoded, size), digest_out);
    return EE_OK;
}

enum ee_err ee_event_log_append(struct ee_event_log *log, const struct ee_agent_event *event)
{
    uint8_t digest[EE_SHA384_SIZE];
    const size_t before = log->size;
    EE_TRY(add(log, event, digest));
    enum ee_err err = save(log);
    if (err == EE_OK)
        err = log->rtmr3.extend(log->rtmr3.context, digest);
    if (err != EE_OK) {
        log->size = before;
        (void)!save(log); /* else the next start finds an event that was not extended, and does */
        return err;
    }
    ee_eventlog_extend(log->crypto, log->value, digest);
    log->next++;
    log->count++;
    return EE_OK;
}

bool ee_event_log_renewable(const struct ee_event_log *log)
{
    return log->count >= EE_EVENT_LOG_RENEW || full(log);
}

enum ee_err ee_event_log_renew(struct ee_event_log *log, const struct ee_agent_event *events,
                               size_t count)
{
    if (count == 0 || count > EE_EVENT_LOG_RUNNING_MAX + 1)
        return EE_RANGE;
    begin(log, log->next, log->value);
    for (size_t i = 0; i < count; i++)
        EE_TRY(ee_event_log_append(log, &events[i]));
    return EE_OK;
}

struct ee_bytes ee_event_log_bytes(const struct ee_event_log *log)
{
    return ee_bytes_of(log->bytes, log->size);
}
