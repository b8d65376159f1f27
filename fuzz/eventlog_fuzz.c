/* SPDX-License-Identifier: Apache-2.0 */
/* Event logs (docs/spec/event-log.md): the first byte chooses the form. What is said to be checked
 * lies inside the log, and an event of our agent is exactly what the encoder writes. */
#include "attest/agent_log.h"
#include "attest/eventlog.h"
#include "fuzz.h"

#include "base/banned.h"

static bool inside(struct ee_bytes part, struct ee_bytes whole)
{
    return part.size == 0 || (part.data >= whole.data && part.size <= whole.size &&
                              part.data + part.size <= whole.data + whole.size);
}

static void check_agent(const struct ee_measured_event *event)
{
    struct ee_agent_event decoded;
    uint8_t again[EE_AGENT_EVENT_SIZE_MAX];
    size_t size;
    FUZZ_CHECK(ee_agent_event_decode(event->data, &decoded) == EE_OK);
    FUZZ_CHECK(ee_agent_event_encode(&decoded, again, sizeof(again), &size) == EE_OK);
    FUZZ_CHECK(ee_bytes_equal(event->data, ee_bytes_of(again, size)));
}

static void check_event(const struct ee_eventlog *log, const struct ee_measured_event *event)
{
    struct ee_event_fact fact;
    FUZZ_CHECK(inside(event->content, event->data));
    FUZZ_CHECK(event->rtmr < EE_RTMR_COUNT || event->status == EE_EVENT_NOT_MEASURED);
    if (ee_eventlog_fact(log, event, &fact))
        FUZZ_CHECK(event->rtmr < EE_RTMR_COUNT &&
                   (fact.kind == EE_FACT_DIGEST || inside(fact.value, event->content)));
    if (log->kind == EE_EVENTLOG_AGENT)
        check_agent(event);
}

static void read_log(enum ee_eventlog_kind kind, struct ee_bytes bytes, uint8_t *scratch)
{
    struct ee_eventlog log;
    struct ee_measured_event event;
    struct ee_td_report td;
    uint32_t count = 0;
    memset(&td, 0, sizeof(td));
    if (ee_eventlog_open(&log, &ee_crypto_openssl, kind, bytes, scratch, bytes.size) !=
        EE_REASON_NONE)
        return;
    while (ee_eventlog_next(&log, &event)) {
        check_event(&log, &event);
        count++;
    }
    FUZZ_CHECK(count == log.event_count && count <= EE_EVENTLOG_EVENTS_MAX);
    memcpy(td.rtmr, log.rtmr, sizeof(td.rtmr));
    enum ee_reason failure = log.failure.reason;
    FUZZ_CHECK(ee_eventlog_match(&log, &td, NULL) == failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t lease[EE_AGENT_LEASE_SIZE] = {7};
    struct ee_agent_event found;
    bool stopped;
    if (size < 1)
        return 0;
    const enum ee_eventlog_kind kind = (enum ee_eventlog_kind)(1 + data[0] % 3);
    uint8_t *copy = malloc(size), *scratch = malloc(size);
    if (copy && scratch) {
        memcpy(copy, data + 1, size - 1); /* its end is the end of the memory, for a sanitizer */
        const struct ee_bytes bytes = ee_bytes_of(copy, size - 1);
        (void)ee_eventlog_kind_of(bytes);
        read_log(kind, bytes, scratch);
        (void)!ee_agent_log_deployment(bytes, lease, &found, &stopped);
    }
    free(scratch);
    free(copy);
    return 0;
}
