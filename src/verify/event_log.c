/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/state.h"

#include <stdio.h>
#include <string.h>

#include "attest/eventlog.h"
#include "verify/backend.h"
#include "base/banned.h"

static_assert((int)EE_VERIFY_LOG_TCG2 == (int)EE_EVENTLOG_TCG2, "numbers are for ever");
static_assert((int)EE_VERIFY_LOG_DSTACK == (int)EE_EVENTLOG_DSTACK, "numbers are for ever");
static_assert((int)EE_VERIFY_LOG_AGENT == (int)EE_EVENTLOG_AGENT, "numbers are for ever");

struct ee_verify_event_log {
    struct ee_eventlog log;
    struct ee_measured_event event; /* the one shown last */
    uint32_t registers;
};

static size_t log_offset(void)
{
    const size_t alignment = EE_VERIFY_ALIGNMENT;
    return (sizeof(struct ee_verify_event_log) + alignment - 1) / alignment * alignment;
}

size_t ee_verify_event_log_size(size_t log_size)
{
    return log_offset() + log_size;
}

static int refuse(const struct ee_finding *finding, char reason[EE_VERIFY_FINDING_TEXT_SIZE])
{
    if (reason)
        (void)ee_attest_finding_text(finding, reason);
    return (int)ee_attest_reason_err(finding->reason);
}

static int refuse_call(enum ee_err err, char reason[EE_VERIFY_FINDING_TEXT_SIZE])
{
    if (reason)
        (void)snprintf(reason, EE_VERIFY_FINDING_TEXT_SIZE, "%s", ee_err_text(err));
    return (int)err;
}

int ee_verify_event_log_open(const struct ee_verify_result *result, int kind, const void *log,
                             size_t log_size, void *memory, size_t memory_size,
                             struct ee_verify_event_log **out,
                             char reason[EE_VERIFY_FINDING_TEXT_SIZE])
{
    const struct ee_crypto *crypto = ee_verify_backend();
    const struct ee_bytes bytes = ee_bytes_of(log, log_size);
    struct ee_verify_event_log *reader = memory;
    struct ee_finding finding = {0};
    if (!result->ran || result->err != EE_OK)
        return refuse_call(EE_STATE, reason);
    if (kind < EE_VERIFY_LOG_ANY || kind > EE_VERIFY_LOG_AGENT ||
        !ee_verify_memory_fits(memory, memory_size, 0))
        return refuse_call(EE_RANGE, reason);
    if (log_size > EE_EVENTLOG_TCG2_MAX || memory_size < ee_verify_event_log_size(log_size))
        return refuse_call(EE_TOO_LARGE, reason);
    memset(reader, 0, sizeof(*reader));
    uint8_t *scratch = (uint8_t *)memory + log_offset();
    enum ee_eventlog_kind form =
        kind == EE_VERIFY_LOG_ANY ? ee_eventlog_kind_of(bytes) : (enum ee_eventlog_kind)kind;
    /* Once through to the end, before anything of it is shown. */
    finding.reason = ee_eventlog_open(&reader->log, crypto, form, bytes, scratch, log_size);
    if (finding.reason != EE_REASON_NONE)
        return refuse(&reader->log.failure, reason);
    finding.reason = ee_eventlog_match(&reader->log, &result->evidence.quote.td, &finding);
    if (finding.reason != EE_REASON_NONE)
        return refuse(&finding, reason);
    reader->registers = ee_eventlog_registers(&reader->log);
    finding.reason = ee_eventlog_open(&reader->log, crypto, form, bytes, scratch, log_size);
    if (finding.reason != EE_REASON_NONE)
        return refuse(&reader->log.failure, reason);
    *out = reader;
    return EE_VERIFY_OK;
}

uint32_t ee_verify_event_log_registers(const struct ee_verify_event_log *log)
{
    return log->registers;
}

bool ee_verify_event_log_complete(const struct ee_verify_event_log *log)
{
    return log->log.kind != EE_EVENTLOG_AGENT || log->log.complete;
}

static int fact_kind_of(enum ee_fact_kind kind)
{
    switch (kind) {
    case EE_FACT_TEXT:
        return EE_VERIFY_FACT_TEXT;
    case EE_FACT_BYTES:
        return EE_VERIFY_FACT_BYTES;
    case EE_FACT_BLOB:
        return EE_VERIFY_FACT_BLOB;
    case EE_FACT_SWITCH:
        return EE_VERIFY_FACT_SWITCH;
    case EE_FACT_DIGEST:
        return EE_VERIFY_FACT_DIGEST;
    }
    return EE_VERIFY_FACT_NONE;
}

static int status_of(enum ee_event_status status)
{
    switch (status) {
    case EE_EVENT_NOT_MEASURED:
        return EE_VERIFY_EVENT_NOT_MEASURED;
    case EE_EVENT_DIGEST_ONLY:
        return EE_VERIFY_EVENT_DIGEST_ONLY;
    case EE_EVENT_DATA_CHECKED:
        return EE_VERIFY_EVENT_DATA_CHECKED;
    }
    return EE_VERIFY_EVENT_NOT_MEASURED;
}

int ee_verify_event_log_next(struct ee_verify_event_log *log, struct ee_verify_event *out)
{
    struct ee_event_fact fact;
    const struct ee_measured_event *event = &log->event;
    if (!ee_eventlog_next(&log->log, &log->event))
        return EE_VERIFY_ERROR_NOT_FOUND;
    struct ee_verify_event shown = {
        .index = event->index,
        .type = event->type,
        .rtmr = event->rtmr == EE_EVENTLOG_NO_RTMR ? -1 : event->rtmr,
        .status = status_of(event->status),
        .digest = event->digest,
        .content = event->content.data,
        .content_size = event->content.size,
    };
    if (ee_eventlog_fact(&log->log, event, &fact)) {
        shown.fact_name = (const char *)fact.name.data;
        shown.fact_name_size = fact.name.size;
        shown.fact = fact.value.data;
        shown.fact_size = fact.value.size;
        shown.fact_kind = fact_kind_of(fact.kind);
        shown.fact_named_by_log = fact.named_by_log;
        shown.fact_from_app = fact.from_app;
    }
    return ee_verify_sized_write(out, &shown, sizeof(shown), sizeof(shown)) ? EE_VERIFY_OK
                                                                            : EE_VERIFY_ERROR_RANGE;
}
