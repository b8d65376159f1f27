/* SPDX-License-Identifier: Apache-2.0 */
/* TCG2 logs (TCG PC Client Platform Firmware Profile 1.06 section 10; UEFI 2.10 section 38 for the
 * registers of a TD). Integers are little-endian. */
#include <string.h>

#include "attest/eventlog_internal.h"

#include "base/banned.h"

enum {
    ALGORITHM_SHA384 = 0x000c,
    SHA1_SIZE = 20,
    SPEC_ID_MAX = 1024,
    RECORD_HEAD_MIN = 12, /* register, type, digest count */
    DIGEST_MAX = 64,
};
static const char spec_id[16] = "Spec ID Event03";

static size_t algorithm_size(const struct ee_eventlog *log, uint16_t id)
{
    for (size_t i = 0; i < log->algorithm_count; i++)
        if (log->algorithms[i].id == id)
            return log->algorithms[i].size;
    return 0;
}

/* Each is declared once: with two sizes for one, a digest could be read beyond its end. */
static void algorithms_read(struct ee_cursor *c, struct ee_eventlog *log)
{
    uint32_t count = ee_cursor_u32le(c);
    if (count == 0 || count > EE_EVENTLOG_ALGORITHMS_MAX) {
        c->err = EE_RANGE;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint16_t id = ee_cursor_u16le(c), size = ee_cursor_u16le(c);
        if (size == 0 || size > DIGEST_MAX || algorithm_size(log, id))
            c->err = EE_RANGE;
        log->algorithms[i].id = id;
        log->algorithms[i].size = size;
        log->algorithm_count = i + 1;
    }
}

static bool has_sha384(const struct ee_eventlog *log)
{
    size_t found = 0;
    for (size_t i = 0; i < log->algorithm_count; i++)
        found +=
            log->algorithms[i].id == ALGORITHM_SHA384 && log->algorithms[i].size == EE_SHA384_SIZE;
    return found == 1;
}

static enum ee_reason failed(struct ee_eventlog *log, enum ee_reason reason)
{
    (void)ee_eventlog_fail(log, reason);
    return log->failure.reason;
}

/* TCG_EfiSpecIdEvent, section 10.4.5.1. */
static bool spec_id_read(struct ee_bytes data, struct ee_eventlog *log)
{
    struct ee_cursor c;
    ee_cursor_init(&c, data);
    const uint8_t *signature = ee_cursor_take(&c, sizeof(spec_id));
    if (!signature || memcmp(signature, spec_id, sizeof(spec_id)) != 0)
        return false;
    ee_cursor_take(&c, 8); /* platform class, versions, size of UINTN */
    algorithms_read(&c, log);
    ee_cursor_take(&c, ee_cursor_u8(&c)); /* vendor info */
    return ee_cursor_end(&c) == EE_OK;
}

/* The first record is in the SHA-1 form of TPM 1.2. */
enum ee_reason ee_eventlog_tcg2_open(struct ee_eventlog *log)
{
    struct ee_cursor *c = &log->cursor;
    ee_cursor_u32le(c); /* register */
    uint32_t type = ee_cursor_u32le(c);
    const uint8_t *digest = ee_cursor_take(c, SHA1_SIZE);
    uint32_t size = ee_cursor_u32le(c);
    if (c->err == EE_OK && size > SPEC_ID_MAX)
        return failed(log, EE_REASON_EVENTLOG_HEADER);
    struct ee_bytes data = ee_cursor_bytes(c, size);
    if (c->err != EE_OK || type != EE_TCG_NO_ACTION || !ee_bytes_all_zero(digest, SHA1_SIZE) ||
        !spec_id_read(data, log))
        return failed(log, EE_REASON_EVENTLOG_HEADER);
    return has_sha384(log) ? EE_REASON_NONE : failed(log, EE_REASON_EVENTLOG_ALGORITHM);
}

/* Firmware gives the whole area; what it did not write is 0xff, or zero. */
static bool only(const struct ee_cursor *c, uint8_t value)
{
    for (size_t i = 0; i < c->left; i++)
        if (c->next[i] != value)
            return false;
    return true;
}

static bool at_end(const struct ee_eventlog *log)
{
    return only(&log->cursor, 0xff) || only(&log->cursor, 0);
}

static bool digests_read(struct ee_eventlog *log, uint32_t count, uint8_t out[EE_SHA384_SIZE])
{
    size_t found = 0;
    if (count == 0 || count > log->algorithm_count)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_ALGORITHM);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t id = ee_cursor_u16le(&log->cursor);
        size_t size = algorithm_size(log, id);
        if (log->cursor.err == EE_OK && size == 0)
            return ee_eventlog_fail(log, EE_REASON_EVENTLOG_ALGORITHM);
        const uint8_t *digest = ee_cursor_take(&log->cursor, size);
        if (digest && id == ALGORITHM_SHA384 && ++found == 1)
            memcpy(out, digest, EE_SHA384_SIZE);
    }
    if (log->cursor.err == EE_OK && found != 1)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_ALGORITHM);
    return true;
}

bool ee_eventlog_tcg2_next(struct ee_eventlog *log, struct ee_measured_event *event)
{
    struct ee_cursor *c = &log->cursor;
    if (at_end(log)) {
        log->ended = true;
        return false;
    }
    /* The end mark with something else behind it hides records from other readers. */
    if (c->left >= RECORD_HEAD_MIN &&
        ee_bytes_equal(ee_bytes_of(c->next, 8), ee_bytes_str("\xff\xff\xff\xff\xff\xff\xff\xff")))
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_TRAILING);
    uint32_t index = ee_cursor_u32le(c); /* 0: MRTD; 1 to 4: RTMR0 to 3 */
    event->type = ee_cursor_u32le(c);
    uint32_t count = ee_cursor_u32le(c);
    if (c->err == EE_OK && !digests_read(log, count, event->digest))
        return false;
    event->data = ee_cursor_bytes(c, ee_cursor_u32le(c));
    if (c->err != EE_OK)
        return ee_eventlog_fail(log, EE_REASON_EVENTLOG_TRUNCATED);
    if (index >= 1 && index <= EE_RTMR_COUNT && event->type != EE_TCG_NO_ACTION)
        event->rtmr = (uint8_t)(index - 1);
    return true;
}
