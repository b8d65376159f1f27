/* SPDX-License-Identifier: Apache-2.0 */
/* The library as its users see it: event logs. */
#include "rig.h"
#include "tap.h"

#include <stdlib.h>

static struct rig *rig;
static void *memory;
static size_t memory_size;
static char reason[EE_VERIFY_FINDING_TEXT_SIZE];
static struct ee_verify_event_log *reader;

static bool make(void)
{
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    if (!rig)
        return false;
    const struct ee_verify_quote_request request = rig_quote_request(rig);
    memory_size = ee_verify_event_log_size(rig->log_size);
    memory = malloc(memory_size);
    return memory && ee_verify_quote(rig->context, &request, rig->result) == EE_VERIFY_OK;
}

static void drop(void)
{
    free(memory);
    rig_free(rig);
}

static int open_log(int kind)
{
    reader = NULL;
    return ee_verify_event_log_open(rig->result, kind, rig->log, rig->log_size, memory, memory_size,
                                    &reader, reason);
}

static void log_that_holds_is_read(void)
{
    struct ee_verify_event event = {.struct_size = sizeof(event)};
    REQUIRE(make());
    REQUIRE(open_log(EE_VERIFY_LOG_ANY) == EE_VERIFY_OK && reader);
    CHECK(ee_verify_event_log_registers(reader) == 1u << 3);
    CHECK(ee_verify_event_log_complete(reader));
    REQUIRE(ee_verify_event_log_next(reader, &event) == EE_VERIFY_OK);
    CHECK(event.index == 0 && event.rtmr == 3 && event.type == EE_AGENT_EVENT_START);
    CHECK(event.status == EE_VERIFY_EVENT_DATA_CHECKED && event.content_size > 0);
    CHECK(event.struct_size == sizeof(event));
    REQUIRE(ee_verify_event_log_next(reader, &event) == EE_VERIFY_OK);
    CHECK(event.index == 1 && event.type == EE_AGENT_EVENT_STOP);
    CHECK(ee_verify_event_log_next(reader, &event) == EE_VERIFY_ERROR_NOT_FOUND);
    CHECK(ee_verify_event_log_next(reader, &event) == EE_VERIFY_ERROR_NOT_FOUND);
    drop();
}

static void log_that_does_not_replay_is_not_read(void)
{
    REQUIRE(make());
    for (size_t i = 0; i < rig->log_size; i++) {
        rig->log[i] ^= 1;
        CHECK(open_log(EE_VERIFY_LOG_AGENT) == EE_VERIFY_ERROR_EVENT_LOG);
        CHECK(!reader && reason[0]);
        rig->log[i] ^= 1;
    }
    for (; rig->log_size > 0; rig->log_size--) {
        size_t whole = rig->log_size--;
        CHECK(open_log(EE_VERIFY_LOG_AGENT) == EE_VERIFY_ERROR_EVENT_LOG);
        rig->log_size = whole;
    }
    CHECK(open_log(EE_VERIFY_LOG_ANY) == EE_VERIFY_ERROR_EVENT_LOG);
    drop();
}

static void call_that_is_wrong(void)
{
    struct ee_verify_event event = {.struct_size = 4};
    REQUIRE(make());
    CHECK(open_log(EE_VERIFY_LOG_TCG2) == EE_VERIFY_ERROR_EVENT_LOG);
    CHECK(open_log(4) == EE_VERIFY_ERROR_RANGE);
    CHECK(open_log(-1) == EE_VERIFY_ERROR_RANGE);
    memory_size--;
    CHECK(open_log(EE_VERIFY_LOG_AGENT) == EE_VERIFY_ERROR_TOO_LARGE);
    memory_size++;
    CHECK(ee_verify_event_log_open(rig->result, 0, rig->log, SIZE_MAX, memory, memory_size, &reader,
                                   NULL) == EE_VERIFY_ERROR_TOO_LARGE);
    REQUIRE(open_log(EE_VERIFY_LOG_AGENT) == EE_VERIFY_OK);
    CHECK(ee_verify_event_log_next(reader, &event) == EE_VERIFY_ERROR_RANGE);
    struct ee_verify_quote_request request = rig_quote_request(rig);
    request.time_s = 0; /* a result that refused proves no register */
    CHECK(ee_verify_quote(rig->context, &request, rig->result) != EE_VERIFY_OK);
    CHECK(open_log(EE_VERIFY_LOG_AGENT) == EE_VERIFY_ERROR_STATE);
    drop();
}

TESTS(TEST(log_that_holds_is_read), TEST(log_that_does_not_replay_is_not_read),
      TEST(call_that_is_wrong))
