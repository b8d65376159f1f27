/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/eventlog.h"

#include <string.h>

#include "attest/agent_log.h"
#include "attest/eventlog_internal.h"

#include "base/banned.h"

static const struct {
    const char *name;
    size_t limit;
} kinds[] = {
    [EE_EVENTLOG_TCG2] = {"CCEL", EE_EVENTLOG_TCG2_MAX},
    [EE_EVENTLOG_DSTACK] = {"dstack", EE_EVENTLOG_DSTACK_MAX},
    [EE_EVENTLOG_AGENT] = {"agent", EE_EVENTLOG_AGENT_MAX},
};

const char *ee_eventlog_kind_name(enum ee_eventlog_kind kind)
{
    bool known = kind >= EE_EVENTLOG_TCG2 && kind <= EE_EVENTLOG_AGENT;
    return known ? kinds[kind].name : "unknown";
}

const char *ee_event_status_name(enum ee_event_status status)
{
    switch (status) {
    case EE_EVENT_NOT_MEASURED:
        return "not-measured";
    case EE_EVENT_DIGEST_ONLY:
        return "digest-only";
    case EE_EVENT_DATA_CHECKED:
        return "data-checked";
    }
    return "unknown";
}

enum ee_eventlog_kind ee_eventlog_kind_of(struct ee_bytes bytes)
{
    static const char agent_label[] = "\x0c"
                                      "ee-agent-log";
    static const char spec_id[] = "Spec ID Event03";
    enum { SPEC_ID_AT = 32 }; /* behind the legacy record's header */
    size_t at = 0;
    if (bytes.size >= sizeof(agent_label) - 1 &&
        memcmp(bytes.data, agent_label, sizeof(agent_label) - 1) == 0)
        return EE_EVENTLOG_AGENT;
    if (bytes.size >= SPEC_ID_AT + sizeof(spec_id) &&
        memcmp(bytes.data + SPEC_ID_AT, spec_id, sizeof(spec_id)) == 0)
        return EE_EVENTLOG_TCG2;
    while (at < bytes.size && (bytes.data[at] == ' ' || bytes.data[at] == '\n' ||
                               bytes.data[at] == '\r' || bytes.data[at] == '\t'))
        at++;
    return at < bytes.size && bytes.data[at] == '[' ? EE_EVENTLOG_DSTACK : (enum ee_eventlog_kind)0;
}

bool ee_eventlog_fail(struct ee_eventlog *log, enum ee_reason reason)
{
    if (log->failure.reason == EE_REASON_NONE) {
        log->failure.reason = reason;
        log->failure.index = log->event_count + 1;
        const char *name = ee_eventlog_kind_name(log->kind);
        memcpy(log->failure.label, name, strlen(name) + 1);
        if (reason == EE_REASON_EVENTLOG_TOO_MANY)
            log->failure.need = EE_EVENTLOG_EVENTS_MAX;
        else if (reason == EE_REASON_EVENTLOG_TOO_LARGE)
            log->failure.need = (uint32_t)(kinds[log->kind].limit / 1024);
    }
    return false;
}

enum ee_reason ee_eventlog_open(struct ee_eventlog *log, const struct ee_crypto *crypto,
                                enum ee_eventlog_kind kind, struct ee_bytes bytes, uint8_t *scratch,
                                size_t scratch_size)
{
    memset(log, 0, sizeof(*log));
    log->crypto = crypto;
    log->kind = kind;
    log->scratch = scratch;
    log->scratch_size = scratch_size;
    ee_cursor_init(&log->cursor, bytes);
    if (kind < EE_EVENTLOG_TCG2 || kind > EE_EVENTLOG_AGENT) {
        (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_UNKNOWN);
        return log->failure.reason;
    }
    if (bytes.size > kinds[kind].limit) {
        (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_TOO_LARGE);
        return log->failure.reason;
    }
    switch (kind) {
    case EE_EVENTLOG_TCG2:
        return ee_eventlog_tcg2_open(log);
    case EE_EVENTLOG_DSTACK:
        return ee_eventlog_dstack_open(log, bytes);
    case EE_EVENTLOG_AGENT:
        return ee_eventlog_agent_open(log);
    }
    return EE_REASON_EVENTLOG_UNKNOWN;
}

void ee_eventlog_extend(const struct ee_crypto *crypto, uint8_t rtmr[EE_SHA384_SIZE],
                        const uint8_t digest[EE_SHA384_SIZE])
{
    const struct ee_bytes parts[] = {ee_bytes_of(rtmr, EE_SHA384_SIZE),
                                     ee_bytes_of(digest, EE_SHA384_SIZE)};
    uint8_t extended[EE_SHA384_SIZE];
    crypto->sha384(parts, 2, extended);
    memcpy(rtmr, extended, sizeof(extended));
}

static bool record_next(struct ee_eventlog *log, struct ee_measured_event *event)
{
    switch (log->kind) {
    case EE_EVENTLOG_TCG2:
        return ee_eventlog_tcg2_next(log, event);
    case EE_EVENTLOG_DSTACK:
        return ee_eventlog_dstack_next(log, event);
    case EE_EVENTLOG_AGENT:
        return ee_eventlog_agent_next(log, event);
    }
    return ee_eventlog_fail(log, EE_REASON_EVENTLOG_UNKNOWN);
}

static bool covers(const struct ee_crypto *crypto, struct ee_bytes content,
                   const uint8_t digest[EE_SHA384_SIZE])
{
    uint8_t own[EE_SHA384_SIZE];
    crypto->sha384(&content, 1, own);
    return memcmp(own, digest, sizeof(own)) == 0;
}

/* What GRUB measures is the command behind these words, without its NUL. */
static struct ee_bytes grub_command(struct ee_bytes data)
{
    static const char *const words[] = {"grub_cmd: ", "kernel_cmdline: ", "module_cmdline: "};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]);
        if (data.size > size && memcmp(data.data, words[i], size) == 0 &&
            data.data[data.size - 1] == '\0')
            return ee_bytes_of(data.data + size, data.size - size - 1);
    }
    return data;
}

/* Which bytes of the data the digest covers, for the kinds of event where it does. For the others
 * (images, tables, firmware) it is of something that is not in the log. */
static void content_check(const struct ee_crypto *crypto, struct ee_measured_event *event)
{
    struct ee_efi_variable variable;
    struct ee_bytes part = event->data;
    if (event->type == EE_TCG_EFI_VARIABLE_BOOT && ee_eventlog_efi_variable(event->data, &variable))
        part = variable.data;
    else if (event->type == EE_TCG_IPL)
        part = grub_command(event->data);
    event->content = ee_bytes_of(NULL, 0);
    event->status = EE_EVENT_DIGEST_ONLY;
    if (covers(crypto, event->data, event->digest))
        event->content = event->data;
    else if (part.data != event->data.data && covers(crypto, part, event->digest))
        event->content = part;
    else
        return;
    event->status = EE_EVENT_DATA_CHECKED;
}

/* By its digest too, of the values the firmware profile gives it (section 2.3.4): the type is the
 * log's word, and a log that hides it would let what comes later pass for the firmware's. */
static bool separates(const struct ee_crypto *crypto, const struct ee_measured_event *event)
{
    static const uint8_t values[][4] = {{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {1, 0, 0, 0}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (covers(crypto, ee_bytes_of(values[i], sizeof(values[i])), event->digest))
            return true;
    return event->type == EE_TCG_SEPARATOR;
}

/* From here on others than the firmware, or dstack's own system, extend the register. */
static void note_handover(struct ee_eventlog *log, const struct ee_measured_event *event)
{
    if (log->kind != EE_EVENTLOG_AGENT && !log->separated[event->rtmr] &&
        separates(log->crypto, event))
        log->separated[event->rtmr] = true;
    if (log->kind == EE_EVENTLOG_DSTACK && event->rtmr == 3 &&
        ee_bytes_equal(event->name, ee_bytes_str("system-ready")))
        log->runtime = true;
}

bool ee_eventlog_next(struct ee_eventlog *log, struct ee_measured_event *event_out)
{
    struct ee_measured_event event;
    memset(&event, 0, sizeof(event));
    if (log->ended || log->failure.reason != EE_REASON_NONE)
        return false;
    event.index = log->event_count;
    event.rtmr = EE_EVENTLOG_NO_RTMR;
    if (!record_next(log, &event))
        return false;
    if (log->event_count == EE_EVENTLOG_EVENTS_MAX)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_TOO_MANY);
    log->event_count++;
    if (event.rtmr < EE_RTMR_COUNT) {
        if (event.status != EE_EVENT_DATA_CHECKED)
            content_check(log->crypto, &event);
        ee_eventlog_extend(log->crypto, log->rtmr[event.rtmr], event.digest);
        log->rtmr_events[event.rtmr]++;
        note_handover(log, &event);
    }
    *event_out = event;
    return true;
}

uint32_t ee_eventlog_registers(const struct ee_eventlog *log)
{
    const uint32_t runtime = 1u << 3;
    if (log->kind == EE_EVENTLOG_TCG2)
        return 7; /* RTMR3 is extended later, by what has a log of its own */
    if (log->kind == EE_EVENTLOG_AGENT)
        return runtime;
    uint32_t registers = runtime;
    for (unsigned i = 0; i < 3; i++)
        if (log->rtmr_events[i] > 0)
            registers |= 1u << i;
    return registers;
}

enum ee_reason ee_eventlog_match(struct ee_eventlog *log, const struct ee_td_report *td,
                                 struct ee_finding *finding_out)
{
    struct ee_measured_event event;
    while (ee_eventlog_next(log, &event)) {
    }
    uint32_t registers = ee_eventlog_registers(log);
    for (unsigned i = 0; i < EE_RTMR_COUNT && log->failure.reason == EE_REASON_NONE; i++) {
        if (!(registers >> i & 1) || memcmp(log->rtmr[i], td->rtmr[i], EE_SHA384_SIZE) == 0)
            continue;
        (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_MISMATCH);
        log->failure.have = i;
    }
    if (log->failure.reason != EE_REASON_NONE && finding_out)
        *finding_out = log->failure;
    return log->failure.reason;
}
