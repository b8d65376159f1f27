/* SPDX-License-Identifier: Apache-2.0 */
/* Event logs (docs/spec/event-log.md): the first byte chooses the form, and its highest bit a hash
 * that is easy to fit. What is reported lies in the log or its scratch memory, what counts as
 * checked is checked, the registers are what the digests reported make them, and an event of our
 * agent is exactly what the encoder writes. */
#include "attest/agent_log.h"
#include "attest/eventlog.h"
#include "fuzz.h"

#include "base/banned.h"

static bool inside(struct ee_bytes part, const uint8_t *start, size_t size)
{
    return part.size == 0 || (part.data >= start && part.size <= size &&
                              (size_t)(part.data - start) <= size - part.size);
}

static void fuzz_sha384(const struct ee_bytes *parts, size_t count, uint8_t out[EE_SHA384_SIZE])
{
    uint8_t sum = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < parts[i].size; k++)
            sum = (uint8_t)(sum + parts[i].data[k]);
    memset(out, 0, EE_SHA384_SIZE); /* cheap to fit: one byte of the digest */
    out[0] = sum;
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

static void replay(const struct ee_crypto *crypto, enum ee_eventlog_kind kind,
                   struct ee_bytes bytes, uint8_t *scratch)
{
    static struct ee_eventlog log;
    struct ee_measured_event event;
    struct ee_event_fact fact;
    struct ee_td_report td = {0};
    uint8_t rtmr[EE_RTMR_COUNT][EE_SHA384_SIZE];
    uint32_t count = 0;
    if (ee_eventlog_open(&log, crypto, kind, bytes, scratch, bytes.size) != EE_REASON_NONE) {
        FUZZ_CHECK(!ee_eventlog_next(&log, &event));
        return;
    }
    memcpy(rtmr, log.rtmr, sizeof(rtmr));
    while (ee_eventlog_next(&log, &event)) {
        FUZZ_CHECK(event.index == count++ && count <= EE_EVENTLOG_EVENTS_MAX);
        FUZZ_CHECK(inside(event.data, bytes.data, bytes.size) ||
                   inside(event.data, scratch, bytes.size));
        FUZZ_CHECK(inside(event.content, event.data.data, event.data.size));
        FUZZ_CHECK(inside(event.name, scratch, bytes.size));
        FUZZ_CHECK((event.rtmr < EE_RTMR_COUNT) == (event.status != EE_EVENT_NOT_MEASURED));
        if (event.rtmr < EE_RTMR_COUNT)
            ee_eventlog_extend(crypto, rtmr[event.rtmr], event.digest);
        if (kind == EE_EVENTLOG_AGENT)
            check_agent(&event);
        if (ee_eventlog_fact(&log, &event, &fact))
            FUZZ_CHECK(fact.name.size && (fact.status == EE_EVENT_DATA_CHECKED ||
                                          (fact.kind == EE_FACT_DIGEST && event.rtmr < 4)));
    }
    memcpy(td.rtmr, rtmr, sizeof(rtmr));
    FUZZ_CHECK(ee_eventlog_match(&log, &td, NULL) == log.failure.reason);
    FUZZ_CHECK(log.ended == (log.failure.reason == EE_REASON_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t lease[EE_AGENT_LEASE_SIZE] = {7};
    struct ee_crypto crypto = ee_crypto_openssl;
    struct ee_agent_event found;
    bool stopped;
    if (size == 0)
        return 0;
    if (data[0] & 0x80)
        crypto.sha384 = fuzz_sha384;
    /* Exact sizes, so that the sanitizer sees one byte too many. */
    uint8_t *copy = malloc(size), *scratch = malloc(size);
    FUZZ_CHECK(copy && scratch);
    memcpy(copy, data + 1, size - 1);
    uint8_t *exact = realloc(copy, size > 1 ? size - 1 : 1);
    FUZZ_CHECK(exact != NULL);
    struct ee_bytes bytes = ee_bytes_of(exact, size - 1);
    replay(&crypto, (enum ee_eventlog_kind)(1 + (data[0] & 0x7f) % 3), bytes, scratch);
    (void)ee_eventlog_kind_of(bytes);
    (void)!ee_agent_log_deployment(bytes, lease, &found, &stopped);
    free(exact);
    free(scratch);
    return 0;
}
