/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's measured log and RTMR3 agree after every end there can be: of the process, of the
 * machine, between writing and extending, with a disk or a register that fails. */
#include "agent/event_log.h"

#include <stdlib.h>
#include <unistd.h>

#include "io/crypto_openssl.h"
#include "io/file.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)

/* In memory where there is such a place: each append is two fsyncs. */
static char in_memory[] = "/dev/shm/ee-event-log-XXXXXX", on_disk[] = "/tmp/ee-event-log-XXXXXX";
static char *folder;
static char path[64], nowhere[96];
static uint8_t rtmr3[EE_SHA384_SIZE];
static bool register_fails;
static unsigned extended;

static enum ee_err fake_extend(void *context, const uint8_t digest[EE_SHA384_SIZE])
{
    (void)context;
    if (register_fails)
        return EE_IO;
    extended++;
    ee_eventlog_extend(CRYPTO, rtmr3, digest);
    return EE_OK;
}

static enum ee_err fake_read(void *context, uint8_t out[EE_SHA384_SIZE])
{
    (void)context;
    memcpy(out, rtmr3, sizeof(rtmr3));
    return EE_OK;
}

static const struct ee_event_register fake = {.extend = fake_extend, .read = fake_read};

static struct ee_event_log *open_log(enum ee_event_log_found expected)
{
    struct ee_event_log *log = NULL;
    enum ee_event_log_found found = expected;
    CHECK(ee_event_log_open(path, CRYPTO, &fake, &log, &found) == EE_OK && found == expected);
    return log;
}

static bool fresh(void)
{
    if (!folder && !(folder = mkdtemp(in_memory)) && !(folder = mkdtemp(on_disk)))
        return false;
    (void)snprintf(path, sizeof(path), "%s/events", folder);
    (void)snprintf(nowhere, sizeof(nowhere), "%s/none/events", folder);
    (void)unlink(path);
    memset(rtmr3, 0, sizeof(rtmr3));
    register_fails = false;
    extended = 0;
    return true;
}

static struct ee_agent_event deployment(uint8_t lease)
{
    return (struct ee_agent_event){
        .kind = EE_AGENT_EVENT_DEPLOYMENT, .lease = {lease}, .deployment_hash = {lease, 1}};
}

static bool replays(const struct ee_event_log *log, struct ee_eventlog *reader)
{
    struct ee_td_report td = {.seam_attributes = 0};
    memcpy(td.rtmr[3], rtmr3, sizeof(rtmr3));
    return ee_eventlog_open(reader, CRYPTO, EE_EVENTLOG_AGENT, ee_event_log_bytes(log), NULL, 0) ==
               EE_REASON_NONE &&
           ee_eventlog_match(reader, &td, NULL) == EE_REASON_NONE;
}

static void an_appended_event_is_in_file_and_register(void)
{
    struct ee_eventlog reader;
    REQUIRE(fresh());
    struct ee_event_log *log = open_log(EE_EVENT_LOG_BOOTED);
    const struct ee_agent_event event = deployment(1);
    CHECK(replays(log, &reader) && reader.event_count == 0);
    CHECK(ee_event_log_append(log, &event) == EE_OK && extended == 1);
    CHECK(replays(log, &reader) && reader.event_count == 1 && reader.complete);
    ee_event_log_free(log);
    log = open_log(EE_EVENT_LOG_CONTINUED); /* the process started again */
    CHECK(ee_event_log_append(log, &event) == EE_OK && extended == 2);
    CHECK(replays(log, &reader) && reader.event_count == 2 && reader.complete);
    ee_event_log_free(log);
}

static void a_machine_that_booted_begins_anew(void)
{
    struct ee_eventlog reader;
    REQUIRE(fresh());
    struct ee_event_log *log = open_log(EE_EVENT_LOG_BOOTED);
    const struct ee_agent_event event = deployment(1);
    CHECK(ee_event_log_append(log, &event) == EE_OK);
    CHECK(ee_event_log_append(log, &event) == EE_OK);
    ee_event_log_free(log);
    memset(rtmr3, 0, sizeof(rtmr3));
    log = open_log(EE_EVENT_LOG_BOOTED);
    CHECK(replays(log, &reader) && reader.event_count == 0 && reader.complete);
    ee_event_log_free(log);
}

static void an_end_between_writing_and_extending(void)
{
    struct ee_eventlog reader;
    struct ee_file_data longer;
    uint8_t before[EE_SHA384_SIZE];
    REQUIRE(fresh());
    struct ee_event_log *log = open_log(EE_EVENT_LOG_BOOTED);
    struct ee_agent_event event = deployment(1);
    CHECK(ee_event_log_append(log, &event) == EE_OK);
    memcpy(before, rtmr3, sizeof(before));
    CHECK(ee_event_log_append(log, &event) == EE_OK);
    ee_event_log_free(log);
    memcpy(rtmr3, before, sizeof(before)); /* as if the second was only written */
    log = open_log(EE_EVENT_LOG_CONTINUED);
    CHECK(extended == 3 && replays(log, &reader) && reader.event_count == 2);
    ee_event_log_free(log);
    REQUIRE(ee_file_read(path, 65536, &longer) == EE_OK);
    CHECK(longer.size > 0);
    ee_file_data_free(&longer);
}

static void a_lost_or_damaged_file_is_said_to_be(void)
{
    struct ee_eventlog reader;
    REQUIRE(fresh());
    struct ee_event_log *log = open_log(EE_EVENT_LOG_BOOTED);
    const struct ee_agent_event event = deployment(1);
    CHECK(ee_event_log_append(log, &event) == EE_OK);
    ee_event_log_free(log);
    (void)unlink(path);
    log = open_log(EE_EVENT_LOG_LOST);
    CHECK(replays(log, &reader) && !reader.complete);
    CHECK(ee_event_log_append(log, &event) == EE_OK);
    CHECK(replays(log, &reader) && !reader.complete && reader.event_count == 1);
    ee_event_log_free(log);
    CHECK(ee_file_write(path, ee_bytes_str("damaged"), 0600) == EE_OK);
    log = open_log(EE_EVENT_LOG_LOST);
    CHECK(replays(log, &reader) && !reader.complete);
    ee_event_log_free(log);
}

static void what_cannot_be_extended_or_written_is_not_logged(void)
{
    struct ee_eventlog reader;
    REQUIRE(fresh());
    struct ee_event_log *log = open_log(EE_EVENT_LOG_BOOTED);
    const struct ee_agent_event event = deployment(1);
    register_fails = true;
    CHECK(ee_event_log_append(log, &event) == EE_IO);
    register_fails = false;
    CHECK(replays(log, &reader) && reader.event_count == 0);
    CHECK(ee_event_log_append(log, &event) == EE_OK && replays(log, &reader));
    ee_event_log_free(log);
    log = open_log(EE_EVENT_LOG_CONTINUED);
    ee_event_log_free(log);
    memset(rtmr3, 0, sizeof(rtmr3));
    enum ee_event_log_found found;
    REQUIRE(ee_event_log_open(nowhere, CRYPTO, &fake, &log, &found) == EE_OK);
    extended = 0;
    CHECK(ee_event_log_append(log, &event) != EE_OK && extended == 0); /* not run unmeasured */
    ee_event_log_free(log);
}

static void earlier_events_are_left_out_and_said_to_be(void)
{
    struct ee_eventlog reader;
    struct ee_agent_event found;
    bool stopped;
    REQUIRE(fresh());
    struct ee_event_log *log = open_log(EE_EVENT_LOG_BOOTED);
    for (unsigned i = 0; i < EE_EVENT_LOG_RENEW; i++) {
        const struct ee_agent_event event = deployment((uint8_t)i);
        CHECK(!ee_event_log_renewable(log) && ee_event_log_append(log, &event) == EE_OK);
    }
    CHECK(ee_event_log_renewable(log));
    struct ee_agent_event running[2] = {{.kind = EE_AGENT_EVENT_START, .version = "0.1.0"},
                                        deployment(7)};
    running[1].kind = EE_AGENT_EVENT_RUNNING;
    CHECK(ee_event_log_renew(log, running, 0) == EE_RANGE);
    REQUIRE(ee_event_log_renew(log, running, 2) == EE_OK);
    CHECK(!ee_event_log_renewable(log) && replays(log, &reader));
    CHECK(!reader.complete && reader.first_sequence == EE_EVENT_LOG_RENEW &&
          reader.event_count == 2);
    const uint8_t seven[16] = {7}, eight[16] = {8};
    CHECK(ee_agent_log_deployment(ee_event_log_bytes(log), seven, &found, &stopped) == EE_OK);
    CHECK(ee_agent_log_deployment(ee_event_log_bytes(log), eight, &found, &stopped) ==
          EE_NOT_MEASURED);
    ee_event_log_free(log);
    log = open_log(EE_EVENT_LOG_CONTINUED);
    CHECK(replays(log, &reader) && reader.event_count == 2);
    ee_event_log_free(log);
}

static void a_log_that_is_full(void)
{
    REQUIRE(fresh());
    struct ee_event_log *log = open_log(EE_EVENT_LOG_BOOTED);
    const struct ee_agent_event event = deployment(1);
    enum ee_err err = EE_OK;
    unsigned count = 0;
    for (; err == EE_OK && count < 1000; count++)
        err = ee_event_log_append(log, &event);
    CHECK(err == EE_FULL && count > EE_EVENT_LOG_RENEW && ee_event_log_renewable(log));
    CHECK(ee_event_log_bytes(log).size <= EE_EVENTLOG_AGENT_MAX);
    CHECK(ee_event_log_renew(log, &event, 1) == EE_OK);
    CHECK(ee_event_log_append(log, &event) == EE_OK);
    ee_event_log_free(log);
    (void)unlink(path);
    (void)rmdir(folder);
}

TESTS(TEST(an_appended_event_is_in_file_and_register), TEST(a_machine_that_booted_begins_anew),
      TEST(an_end_between_writing_and_extending), TEST(a_lost_or_damaged_file_is_said_to_be),
      TEST(what_cannot_be_extended_or_written_is_not_logged),
      TEST(earlier_events_are_left_out_and_said_to_be), TEST(a_log_that_is_full))
