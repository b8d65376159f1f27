/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "attest/agent_log.h"
#include "attest/eventlog_internal.h"

#include "base/banned.h"

enum ee_reason ee_eventlog_agent_open(struct ee_eventlog *log)
{
    struct ee_agent_log_head head;
    ee_agent_log_head_read(&log->cursor, &head);
    if (log->cursor.err != EE_OK) {
        (void)ee_eventlog_fail(log, log->cursor.err == EE_TRUNCATED ? EE_REASON_EVENTLOG_TRUNCATED
                                                                    : EE_REASON_EVENTLOG_SYNTAX);
        return log->failure.reason;
    }
    log->first_sequence = head.first;
    log->complete = head.first == 0 && ee_bytes_all_zero(head.base, sizeof(head.base));
    memcpy(log->rtmr[3], head.base, sizeof(head.base));
    return EE_REASON_NONE;
}

bool ee_eventlog_agent_next(struct ee_eventlog *log, struct ee_measured_event *event)
{
    struct ee_agent_event decoded;
    struct ee_cursor *c = &log->cursor;
    if (c->left == 0) {
        log->ended = true;
        return false;
    }
    event->data = ee_cursor_block(c, EE_AGENT_EVENT_SIZE_MAX);
    if (c->err != EE_OK)
        return ee_eventlog_fail(log, c->err == EE_TRUNCATED ? EE_REASON_EVENTLOG_TRUNCATED
                                                            : EE_REASON_EVENTLOG_SYNTAX);
    if (ee_agent_event_decode(event->data, &decoded) != EE_OK)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_SYNTAX);
    if (decoded.sequence != log->first_sequence + log->event_count)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_SEQUENCE);
    event->rtmr = 3;
    event->type = (uint32_t)decoded.kind;
    ee_agent_event_digest(log->crypto, event->data, event->digest);
    event->content = event->data;
    event->status = EE_EVENT_DATA_CHECKED;
    return true;
}
