/* SPDX-License-Identifier: Apache-2.0 */
/* Event logs of all three forms, made here: what is replayed, what is believed, what is refused;
 * every prefix and every changed byte. */
#include "attest/eventlog.h"

#include <stdlib.h>

#include "attest/agent_log.h"
#include "base/text.h"
#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)
enum { SHA384 = 0x000c, SHA256 = 0x000b };

static uint8_t log_bytes[EE_EVENTLOG_TCG2_MAX + 1];
static struct ee_writer w;
static struct ee_eventlog reader;
static struct ee_td_report td;
static uint8_t scratch[EE_EVENTLOG_DSTACK_MAX];

static void sha384(const void *data, size_t size, uint8_t out[EE_SHA384_SIZE])
{
    const struct ee_bytes bytes = ee_bytes_of(data, size);
    CRYPTO->sha384(&bytes, 1, out);
}

/* ---- TCG2 ---- */

static void begin_with(unsigned algorithm, unsigned size)
{
    memset(&td, 0, sizeof(td));
    ee_writer_init(&w, log_bytes, sizeof(log_bytes));
    ee_writer_u32le(&w, 1);
    ee_writer_u32le(&w, 3);
    for (int i = 0; i < 20; i++)
        ee_writer_u8(&w, 0);
    ee_writer_u32le(&w, 33);
    ee_writer_bytes(&w, "Spec ID Event03", 16);
    ee_writer_bytes(&w, "\0\0\0\0\0\2\0\2", 8);
    ee_writer_u32le(&w, 1);
    ee_writer_u16le(&w, (uint16_t)algorithm);
    ee_writer_u16le(&w, (uint16_t)size);
    ee_writer_u8(&w, 0);
}

static void begin(void)
{
    begin_with(SHA384, 48);
}

static void record(uint32_t index, uint32_t type, const uint8_t digest[48], struct ee_bytes data)
{
    ee_writer_u32le(&w, index);
    ee_writer_u32le(&w, type);
    ee_writer_u32le(&w, 1);
    ee_writer_u16le(&w, SHA384);
    ee_writer_bytes(&w, digest, 48);
    ee_writer_u32le(&w, (uint32_t)data.size);
    ee_writer_bytes(&w, data.data, data.size);
    if (index >= 1 && index <= 4 && type != 3)
        ee_eventlog_extend(CRYPTO, td.rtmr[index - 1], digest);
}

/* The digest is of `covered`. */
static void event(uint32_t index, uint32_t type, struct ee_bytes data, struct ee_bytes covered)
{
    uint8_t digest[48];
    sha384(covered.data, covered.size, digest);
    record(index, type, digest, data);
}

static struct ee_bytes secure_boot(uint8_t value)
{
    static uint8_t each[2][64];
    uint8_t *bytes = each[value & 1];
    static const char guid[] = "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c";
    struct ee_writer v;
    ee_writer_init(&v, bytes, sizeof(each[0]));
    ee_writer_bytes(&v, guid, 16);
    ee_writer_u32le(&v, 10);
    ee_writer_u32le(&v, 0);
    ee_writer_u32le(&v, 1);
    ee_writer_u32le(&v, 0);
    for (const char *c = "SecureBoot"; *c; c++)
        ee_writer_u16le(&v, (uint16_t)*c);
    ee_writer_u8(&v, value);
    return ee_writer_done(&v);
}

static const char kernel[] = "kernel_cmdline: /vmlinuz root=/dev/vda ro";

/* Of each kind one. */
static void boot_log(void)
{
    uint8_t image[48];
    const struct ee_bytes separator = ee_bytes_of("\0\0\0", 4);
    begin();
    event(1, 0x80000001, secure_boot(1), secure_boot(1));
    event(1, 4, separator, separator);
    memset(image, 0x77, sizeof(image));
    record(2, 0x80000003, image, ee_bytes_str("a device path, or so the log says"));
    event(2, 3, ee_bytes_str("not replayed"), ee_bytes_str("not replayed"));
    record(0, 0x80000008, image, ee_bytes_str("of MRTD"));
    record(0xffffffff, 3, image, ee_bytes_str("of no register"));
    event(3, 0xd, ee_bytes_of(kernel, sizeof(kernel)),
          ee_bytes_of(kernel + 16, sizeof(kernel) - 17));
    record(3, 6, image, ee_bytes_of("\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd", 21));
}

static struct ee_bytes log_done(void)
{
    CHECK(w.err == EE_OK);
    return ee_writer_done(&w);
}

static enum ee_reason tcg2(struct ee_bytes bytes)
{
    enum ee_reason reason = ee_eventlog_open(&reader, CRYPTO, EE_EVENTLOG_TCG2, bytes, NULL, 0);
    return reason == EE_REASON_NONE ? ee_eventlog_match(&reader, &td, NULL) : reason;
}

/* The first fact of that name. */
static bool find_fact(const char *name, struct ee_measured_event *e, struct ee_event_fact *fact)
{
    while (ee_eventlog_next(&reader, e))
        if (ee_eventlog_fact(&reader, e, fact) && ee_bytes_equal(fact->name, ee_bytes_str(name)))
            return true;
    return false;
}

static bool fact_of(const char *name, struct ee_measured_event *e, struct ee_event_fact *fact)
{
    return ee_eventlog_open(&reader, CRYPTO, EE_EVENTLOG_TCG2, log_done(), NULL, 0) ==
               EE_REASON_NONE &&
           find_fact(name, e, fact);
}

static void a_boot_log_replays(void)
{
    boot_log();
    CHECK(ee_eventlog_kind_of(log_done()) == EE_EVENTLOG_TCG2);
    CHECK(tcg2(log_done()) == EE_REASON_NONE);
    CHECK(reader.event_count == 8 && reader.rtmr_events[0] == 2 && reader.rtmr_events[1] == 1 &&
          reader.rtmr_events[2] == 2);
    for (int i = 0; i < 100; i++)
        ee_writer_u8(&w, 0xff); /* the rest of the area */
    CHECK(tcg2(log_done()) == EE_REASON_NONE && reader.event_count == 8);
}

static void rtmr3_of_a_boot_log_is_left_to_another_log(void)
{
    boot_log();
    td.rtmr[3][0] = 1;
    CHECK(tcg2(log_done()) == EE_REASON_NONE);
    td.rtmr[2][0] ^= 1;
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_MISMATCH && reader.failure.have == 2);
}

static void facts_are_taken_from_checked_data_only(void)
{
    struct ee_measured_event e;
    struct ee_event_fact fact;
    boot_log();
    REQUIRE(fact_of("secure_boot", &e, &fact));
    CHECK(fact.kind == EE_FACT_SWITCH && fact.value.size == 1 && fact.value.data[0] == 1 &&
          fact.status == EE_EVENT_DATA_CHECKED && !fact.named_by_log);
    REQUIRE(fact_of("kernel_cmdline", &e, &fact));
    CHECK(ee_bytes_equal(fact.value, ee_bytes_str(kernel + 16)) && fact.named_by_log);
    REQUIRE(fact_of("efi_image", &e, &fact));
    CHECK(fact.kind == EE_FACT_DIGEST && fact.value.data[0] == 0x77 &&
          fact.status == EE_EVENT_DIGEST_ONLY);
    CHECK(fact_of("initrd_digest", &e, &fact));
}

static void facts_that_nothing_covers_are_not_given(void)
{
    struct ee_measured_event e;
    struct ee_event_fact fact;
    static const uint8_t digest[48] = {1};
    const struct ee_bytes separator = ee_bytes_of("\0\0\0", 4);
    begin(); /* a variable whose data was changed in the log */
    event(1, 0x80000001, secure_boot(1), secure_boot(0));
    CHECK(tcg2(log_done()) == EE_REASON_NONE && !fact_of("secure_boot", &e, &fact));
    begin(); /* a command line that is not what was measured */
    record(3, 0xd, digest, ee_bytes_of(kernel, sizeof(kernel)));
    CHECK(tcg2(log_done()) == EE_REASON_NONE && !fact_of("kernel_cmdline", &e, &fact));
    begin(); /* a variable "measured" after the firmware handed over */
    event(1, 4, separator, separator);
    event(1, 0x80000001, secure_boot(1), secure_boot(1));
    CHECK(!fact_of("secure_boot", &e, &fact));
    begin(); /* the same by a log that calls the separator something else: types are not measured */
    event(1, 0x80000007, separator, separator);
    event(1, 0x80000001, secure_boot(1), secure_boot(1));
    CHECK(tcg2(log_done()) == EE_REASON_NONE && !fact_of("secure_boot", &e, &fact));
    begin(); /* in a register that an operating system extends */
    event(3, 0x80000001, secure_boot(1), secure_boot(1));
    CHECK(!fact_of("secure_boot", &e, &fact));
    begin(); /* in no register at all */
    event(1, 3, secure_boot(1), secure_boot(1));
    CHECK(!fact_of("secure_boot", &e, &fact) && e.status == EE_EVENT_NOT_MEASURED);
}

static void boot_variables_are_measured_without_their_name(void)
{
    struct ee_measured_event e;
    struct ee_bytes variable = secure_boot(7);
    begin();
    event(1, 0x80000002, variable, ee_bytes_of(variable.data + variable.size - 1, 1));
    REQUIRE(ee_eventlog_open(&reader, CRYPTO, EE_EVENTLOG_TCG2, log_done(), NULL, 0) ==
                EE_REASON_NONE &&
            ee_eventlog_next(&reader, &e));
    CHECK(e.status == EE_EVENT_DATA_CHECKED && e.content.size == 1 && e.content.data[0] == 7);
}

static void malformed_tcg2_logs(void)
{
    static const uint8_t zero[48];
    boot_log();
    size_t size = w.size;
    log_bytes[4] = 4; /* the first record is not EV_NO_ACTION */
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_HEADER);
    boot_log();
    log_bytes[32] = 'X';
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_HEADER);
    begin_with(SHA256, 32);
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_ALGORITHM);
    begin_with(SHA384, 32);
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_ALGORITHM);
    begin();
    record(1, 4, zero, ee_bytes_of("", 0));
    log_bytes[65 + 12] = 0xb; /* the digest is of an algorithm that was not declared */
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_ALGORITHM);
    log_bytes[65 + 12] = 0xc;
    log_bytes[65 + 8] = 0; /* no digest */
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_ALGORITHM);
    log_bytes[65 + 8] = 2; /* more than declared */
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_ALGORITHM);
    boot_log();
    for (int i = 0; i < 16; i++)
        ee_writer_u8(&w, 0xff);
    record(3, 0xd, zero, ee_bytes_str("hidden behind the end"));
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_TRAILING);
    boot_log();
    ee_writer_u32le(&w, 1);
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_TRUNCATED);
    CHECK(tcg2(ee_bytes_of(log_bytes, sizeof(log_bytes))) == EE_REASON_EVENTLOG_TOO_LARGE);
    CHECK(tcg2(ee_bytes_of(NULL, 0)) == EE_REASON_EVENTLOG_HEADER);
    CHECK(size > 0);
}

/* Read with the one size and copied with the other, a digest would reach beyond the log. */
static void an_algorithm_declared_twice(void)
{
    static const uint16_t sizes[][2] = {{20, 48}, {48, 20}, {48, 48}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        begin_with(SHA384, sizes[i][0]);
        log_bytes[28] = 37; /* size of the event */
        log_bytes[56] = 2;  /* algorithms */
        w.size--;
        ee_writer_u16le(&w, SHA384);
        ee_writer_u16le(&w, sizes[i][1]);
        ee_writer_u8(&w, 0);
        CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_HEADER);
    }
}

static void every_prefix_of_a_boot_log_is_refused(void)
{
    boot_log();
    const struct ee_bytes all = log_done();
    for (size_t size = 0; size < all.size; size++) {
        uint8_t *copy = malloc(size ? size : 1); /* so that a sanitizer sees its end */
        REQUIRE(copy != NULL);
        memcpy(copy, all.data, size);
        CHECK(tcg2(ee_bytes_of(copy, size)) != EE_REASON_NONE);
        free(copy);
    }
}

static void too_many_events(void)
{
    static const uint8_t zero[48];
    begin();
    for (int i = 0; i < EE_EVENTLOG_EVENTS_MAX; i++)
        record(2, 5, zero, ee_bytes_of("", 0));
    CHECK(tcg2(log_done()) == EE_REASON_NONE && reader.event_count == EE_EVENTLOG_EVENTS_MAX);
    record(2, 5, zero, ee_bytes_of("", 0));
    CHECK(tcg2(log_done()) == EE_REASON_EVENTLOG_TOO_MANY);
}

/* ---- dstack ---- */

static char json[16384];

static void json_begin(void)
{
    memset(&td, 0, sizeof(td));
    (void)snprintf(json, sizeof(json), "[");
}

static void json_end(const char *text)
{
    size_t at = strlen(json);
    (void)snprintf(json + at, sizeof(json) - at, "%s", text);
}

static void json_row(unsigned imr, uint32_t type, const uint8_t digest[48], const char *name,
                     const char *payload)
{
    char hex[97], data[1024];
    size_t at = strlen(json);
    ee_hex_encode(digest, 48, hex);
    ee_hex_encode(payload, strlen(payload), data);
    (void)snprintf(json + at, sizeof(json) - at,
                   "%s{\"imr\":%u,\"event_type\":%u,\"digest\":\"%s\",\"event\":\"%s\","
                   "\"event_payload\":\"%s\"}",
                   at > 1 ? "," : "", imr, (unsigned)type, hex, name, data);
    ee_eventlog_extend(CRYPTO, td.rtmr[imr], digest);
}

static void json_runtime(const char *name, const char *payload)
{
    uint8_t digest[48];
    const struct ee_bytes parts[] = {ee_bytes_of("\x01\0\0\x08", 4), ee_bytes_str(":"),
                                     ee_bytes_str(name), ee_bytes_str(":"), ee_bytes_str(payload)};
    CRYPTO->sha384(parts, 5, digest);
    json_row(3, 0x08000001, digest, name, payload);
}

static enum ee_reason dstack(void)
{
    struct ee_bytes text = ee_bytes_str(json);
    enum ee_reason reason =
        ee_eventlog_open(&reader, CRYPTO, EE_EVENTLOG_DSTACK, text, scratch, text.size);
    return reason == EE_REASON_NONE ? ee_eventlog_match(&reader, &td, NULL) : reason;
}

static void dstack_log(void)
{
    uint8_t digest[48];
    json_begin();
    sha384("action", 6, digest);
    json_row(1, 0x80000007, digest, "", "action");
    json_runtime("app-id", "one");
    json_runtime("compose-hash", "first");
    json_runtime("system-ready", "");
    json_runtime("mine", "app's");
    json_runtime("compose-hash", "second");
    json_end("]\n");
}

static void a_dstack_log_replays(void)
{
    struct ee_measured_event e;
    struct ee_event_fact fact;
    dstack_log();
    CHECK(ee_eventlog_kind_of(ee_bytes_str(json)) == EE_EVENTLOG_DSTACK);
    CHECK(dstack() == EE_REASON_NONE && ee_eventlog_registers(&reader) == 0xa);
    REQUIRE(ee_eventlog_open(&reader, CRYPTO, EE_EVENTLOG_DSTACK, ee_bytes_str(json), scratch,
                             sizeof(scratch)) == EE_REASON_NONE);
    REQUIRE(find_fact("compose-hash", &e, &fact));
    CHECK(ee_bytes_equal(fact.value, ee_bytes_str("first")) && !fact.from_app);
    REQUIRE(find_fact("mine", &e, &fact));
    CHECK(fact.from_app);
    CHECK(!find_fact("compose-hash", &e, &fact)); /* what the app says of itself is no fact */
}

static void dstack_logs_that_do_not_hold(void)
{
    uint8_t other[48] = {1};
    dstack_log();
    td.rtmr[1][0] ^= 1;
    CHECK(dstack() == EE_REASON_EVENTLOG_MISMATCH && reader.failure.have == 1);
    dstack_log();
    td.rtmr[0][0] = 1; /* of which the log says nothing: not explained, not refused */
    CHECK(dstack() == EE_REASON_NONE && !(ee_eventlog_registers(&reader) & 1));
    json_begin();
    json_row(3, 0x08000001, other, "compose-hash", "free text");
    json_end("]");
    CHECK(dstack() == EE_REASON_EVENTLOG_DIGEST);
    dstack_log();
    char *name = strstr(json, "compose-hash");
    REQUIRE(name != NULL);
    name[0] = 'k'; /* the name is covered too */
    CHECK(dstack() == EE_REASON_EVENTLOG_DIGEST);
}

static void malformed_dstack_logs(void)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[",
        "[1]",
        "[{}]",
        "[]x",
        "[{\"imr\":0,\"event_type\":4,\"digest\":\"00\",\"event\":\"\",\"event_payload\":\"\"}]",
        "[{\"imr\":4,\"event_type\":4,\"digest\":\"\",\"event\":\"\",\"event_payload\":\"\"}]",
        "[{\"imr\":0,\"imr\":0}]",
    };
    memset(&td, 0, sizeof(td));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        (void)snprintf(json, sizeof(json), "%s", texts[i]);
        CHECK(dstack() == EE_REASON_EVENTLOG_SYNTAX);
    }
    dstack_log();
    char *payload = strstr(json, "event_payload\":\"");
    REQUIRE(payload != NULL);
    payload[17] = 'x'; /* no hex */
    CHECK(dstack() == EE_REASON_EVENTLOG_SYNTAX);
    dstack_log();
    CHECK(ee_eventlog_open(&reader, CRYPTO, EE_EVENTLOG_DSTACK, ee_bytes_str(json), scratch, 10) !=
          EE_REASON_NONE);
    json_begin();
    json_end("]");
    CHECK(dstack() == EE_REASON_NONE && reader.event_count == 0);
    for (size_t i = strlen(json); i > 0; i--) {
        json[i - 1] = '\0';
        CHECK(dstack() == EE_REASON_EVENTLOG_SYNTAX);
    }
}

/* ---- the agent's ---- */

static void agent_event(const struct ee_agent_event *e)
{
    uint8_t bytes[EE_AGENT_EVENT_SIZE_MAX], digest[48];
    size_t size = 0;
    CHECK(ee_agent_event_encode(e, bytes, sizeof(bytes), &size) == EE_OK);
    ee_writer_block(&w, ee_bytes_of(bytes, size));
    ee_agent_event_digest(CRYPTO, ee_bytes_of(bytes, size), digest);
    ee_eventlog_extend(CRYPTO, td.rtmr[3], digest);
}

static void agent_log_from(uint64_t first, uint8_t base)
{
    struct ee_agent_log_head head = {.first = first, .base = {base}};
    memset(&td, 0, sizeof(td));
    td.rtmr[3][0] = base;
    ee_writer_init(&w, log_bytes, sizeof(log_bytes));
    ee_agent_log_head_write(&w, &head);
    CHECK(w.size == EE_AGENT_LOG_HEAD_SIZE);
    agent_event(&(struct ee_agent_event){first, EE_AGENT_EVENT_START, {1}, .version = "0.1.0"});
    agent_event(&(struct ee_agent_event){.sequence = first + 1,
                                         .kind = EE_AGENT_EVENT_DEPLOYMENT,
                                         .lease = {5},
                                         .deployment_hash = {6}});
    agent_event(&(struct ee_agent_event){
        .sequence = first + 2, .kind = EE_AGENT_EVENT_SECRETS, .lease = {5}, .secret_count = 2});
    agent_event(&(struct ee_agent_event){
        .sequence = first + 3, .kind = EE_AGENT_EVENT_STOP, .lease = {5}, .exit_code = -1});
}

static enum ee_reason agent(struct ee_bytes bytes)
{
    enum ee_reason reason = ee_eventlog_open(&reader, CRYPTO, EE_EVENTLOG_AGENT, bytes, NULL, 0);
    return reason == EE_REASON_NONE ? ee_eventlog_match(&reader, &td, NULL) : reason;
}

static void an_agents_log_replays(void)
{
    agent_log_from(0, 0);
    CHECK(ee_eventlog_kind_of(log_done()) == EE_EVENTLOG_AGENT);
    CHECK(agent(log_done()) == EE_REASON_NONE && reader.complete && reader.event_count == 4);
    agent_log_from(40, 9);
    CHECK(agent(log_done()) == EE_REASON_NONE && !reader.complete && reader.first_sequence == 40);
    agent_log_from(0, 9); /* others extended the register before this agent */
    CHECK(agent(log_done()) == EE_REASON_NONE && !reader.complete);
}

static void a_deployment_is_found_with_its_end(void)
{
    struct ee_agent_event e;
    bool stopped = false;
    uint8_t lease[16] = {5};
    agent_log_from(0, 0);
    CHECK(ee_agent_log_deployment(log_done(), lease, &e, &stopped) == EE_OK && stopped &&
          e.deployment_hash[0] == 6);
    agent_event(&(struct ee_agent_event){
        .sequence = 4, .kind = EE_AGENT_EVENT_RUNNING, .lease = {5}, .deployment_hash = {7}});
    CHECK(ee_agent_log_deployment(log_done(), lease, &e, &stopped) == EE_OK && !stopped &&
          e.deployment_hash[0] == 7);
    lease[0] = 4;
    CHECK(ee_agent_log_deployment(log_done(), lease, &e, &stopped) == EE_NOT_MEASURED);
    CHECK(ee_agent_log_deployment(ee_bytes_of("", 0), lease, &e, &stopped) == EE_EVENT_LOG);
}

static void malformed_agent_logs(void)
{
    agent_log_from(0, 0);
    agent_event(&(struct ee_agent_event){9, EE_AGENT_EVENT_START, {1}, .version = "0.1.0"});
    CHECK(agent(log_done()) == EE_REASON_EVENTLOG_SEQUENCE && reader.failure.index == 5);
    agent_log_from(0, 0);
    log_bytes[EE_AGENT_LOG_HEAD_SIZE + 4 + 17 + 8] = 99; /* a kind that does not exist */
    CHECK(agent(log_done()) == EE_REASON_EVENTLOG_SYNTAX);
    agent_log_from(0, 0);
    log_bytes[14] = 2; /* version of the log */
    CHECK(agent(log_done()) == EE_REASON_EVENTLOG_SYNTAX);
    agent_log_from(0, 0);
    td.rtmr[3][0] ^= 1;
    CHECK(agent(log_done()) == EE_REASON_EVENTLOG_MISMATCH && reader.failure.have == 3);
    struct ee_agent_event bad = {.kind = (enum ee_agent_event_kind)9};
    uint8_t out[EE_AGENT_EVENT_SIZE_MAX];
    size_t size;
    CHECK(ee_agent_event_encode(&bad, out, sizeof(out), &size) == EE_UNSUPPORTED);
    bad.kind = EE_AGENT_EVENT_DEPLOYMENT;
    CHECK(ee_agent_event_encode(&bad, out, 100, &size) == EE_TOO_LARGE);
}

static void each_changed_byte_of_an_agents_log_is_refused(void)
{
    agent_log_from(0, 0);
    const struct ee_bytes all = log_done();
    for (size_t i = 0; i < all.size; i++) {
        log_bytes[i] ^= 0x10;
        CHECK(agent(all) != EE_REASON_NONE);
        log_bytes[i] ^= 0x10;
        CHECK(agent(ee_bytes_of(all.data, i)) != EE_REASON_NONE);
    }
    CHECK(agent(all) == EE_REASON_NONE);
}

static void what_is_no_log_has_no_kind(void)
{
    CHECK(ee_eventlog_kind_of(ee_bytes_str("")) == 0);
    CHECK(ee_eventlog_kind_of(ee_bytes_str("{\"format\":1}")) == 0);
    CHECK(ee_eventlog_kind_of(ee_bytes_str(" \n[")) == EE_EVENTLOG_DSTACK);
    CHECK(ee_eventlog_open(&reader, CRYPTO, (enum ee_eventlog_kind)0, ee_bytes_str("x"), NULL, 0) ==
          EE_REASON_EVENTLOG_UNKNOWN);
}

TESTS(TEST(a_boot_log_replays), TEST(rtmr3_of_a_boot_log_is_left_to_another_log),
      TEST(facts_are_taken_from_checked_data_only), TEST(facts_that_nothing_covers_are_not_given),
      TEST(boot_variables_are_measured_without_their_name), TEST(malformed_tcg2_logs),
      TEST(an_algorithm_declared_twice), TEST(every_prefix_of_a_boot_log_is_refused),
      TEST(too_many_events), TEST(a_dstack_log_replays), TEST(dstack_logs_that_do_not_hold),
      TEST(malformed_dstack_logs), TEST(an_agents_log_replays),
      TEST(a_deployment_is_found_with_its_end), TEST(malformed_agent_logs),
      TEST(each_changed_byte_of_an_agents_log_is_refused), TEST(what_is_no_log_has_no_kind))
