/* SPDX-License-Identifier: Apache-2.0 */
/* The event log of dstack guests: a JSON list of {"imr", "event_type", "digest", "event",
 * "event_payload"}. imr is the RTMR; digests and payloads are hex. In RTMR3 the digest is SHA-384
 * over the type in little-endian, ':', the name, ':' and the payload; elsewhere it is as in TCG2.
 */
#include <string.h>

#include "attest/eventlog_internal.h"
#include "base/text.h"

#include "base/banned.h"

enum { RUNTIME_RTMR = 3 };

static bool json_failed(struct ee_eventlog *log)
{
    if (log->json.reason == EE_REASON_NONE)
        return false;
    (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_SYNTAX);
    return true;
}

enum ee_reason ee_eventlog_dstack_open(struct ee_eventlog *log, struct ee_bytes bytes)
{
    ee_attest_json_init(&log->json, bytes, EE_EVENTLOG_DSTACK_MAX);
    ee_attest_json_array(&log->json);
    if (log->scratch_size < bytes.size)
        (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_TOO_LARGE);
    (void)json_failed(log);
    return log->failure.reason;
}

/* Room for what a JSON value of this many bytes decodes to. */
static uint8_t *room(struct ee_eventlog *log, size_t size)
{
    if (size > log->scratch_size - log->scratch_used) {
        (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_SYNTAX);
        return NULL;
    }
    return log->scratch + log->scratch_used;
}

static struct ee_bytes take_hex(struct ee_eventlog *log)
{
    struct ee_bytes text = ee_attest_json_text(&log->json);
    size_t size = text.size / 2;
    uint8_t *out = room(log, size);
    if (!out || text.size % 2 || ee_hex_decode(text, out, size) != EE_OK) {
        (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_SYNTAX);
        return ee_bytes_of(NULL, 0);
    }
    log->scratch_used += size;
    return ee_bytes_of(out, size);
}

static struct ee_bytes take_string(struct ee_eventlog *log)
{
    uint8_t *out = log->scratch + log->scratch_used;
    size_t size = ee_attest_json_copy(&log->json, out, log->scratch_size - log->scratch_used);
    if (log->json.reason != EE_REASON_NONE) {
        (void)ee_eventlog_fail(log, EE_REASON_EVENTLOG_SYNTAX);
        return ee_bytes_of(NULL, 0);
    }
    log->scratch_used += size;
    return ee_bytes_of(out, size);
}

static const char *const members[] = {"imr", "event_type", "digest", "event", "event_payload"};
enum { ALL_MEMBERS = (1 << 5) - 1 };

static unsigned member_of(struct ee_bytes key)
{
    unsigned i = 0;
    while (i < 5 && !ee_bytes_equal(key, ee_bytes_str(members[i])))
        i++;
    return i;
}

static void member_read(struct ee_eventlog *log, unsigned member, struct ee_measured_event *event)
{
    switch (member) {
    case 0:
        event->rtmr = (uint8_t)ee_attest_json_unsigned(&log->json, EE_RTMR_COUNT - 1);
        return;
    case 1:
        event->type = ee_attest_json_unsigned(&log->json, UINT32_MAX);
        return;
    case 2:
        ee_attest_json_hex(&log->json, event->digest, sizeof(event->digest));
        return;
    case 3:
        event->name = take_string(log);
        return;
    case 4:
        event->data = take_hex(log);
        return;
    default:
        (void)ee_attest_json_skip(&log->json);
    }
}

/* Whoever extends RTMR3 at run time says what it means in these bytes: they must be the ones. */
static bool runtime_check(struct ee_eventlog *log, struct ee_measured_event *event)
{
    uint8_t type[4], digest[EE_SHA384_SIZE];
    const struct ee_bytes colon = ee_bytes_str(":");
    struct ee_writer w;
    ee_writer_init(&w, type, sizeof(type));
    ee_writer_u32le(&w, event->type);
    const struct ee_bytes parts[] = {ee_writer_done(&w), colon, event->name, colon, event->data};
    log->crypto->sha384(parts, 5, digest);
    if (memcmp(digest, event->digest, sizeof(digest)) != 0)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_DIGEST);
    event->status = EE_EVENT_DATA_CHECKED;
    event->content = event->data;
    return true;
}

bool ee_eventlog_dstack_next(struct ee_eventlog *log, struct ee_measured_event *event)
{
    struct ee_bytes key;
    unsigned seen = 0;
    if (!ee_attest_json_item(&log->json)) {
        log->ended = ee_attest_json_end(&log->json) == EE_REASON_NONE;
        (void)json_failed(log);
        return false;
    }
    ee_attest_json_object(&log->json);
    while (ee_attest_json_key(&log->json, &key)) {
        unsigned member = member_of(key);
        member_read(log, member, event);
        seen |= 1u << member;
    }
    if (json_failed(log) || log->failure.reason != EE_REASON_NONE)
        return false;
    if ((seen & ALL_MEMBERS) != ALL_MEMBERS)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_SYNTAX);
    if (event->rtmr != RUNTIME_RTMR && event->type == EE_TCG_NO_ACTION)
        event->rtmr = EE_EVENTLOG_NO_RTMR;
    return event->rtmr != RUNTIME_RTMR || runtime_check(log, event);
}
