/* SPDX-License-Identifier: Apache-2.0 */
/* Event logs of real machines from the directory in EE_TDX_VECTORS, replayed to the registers of
 * their quotes; then each of them with one byte changed. */
#include <dirent.h>
#include <stdlib.h>

#include "attest/eventlog.h"
#include "io/crypto_openssl.h"
#include "tap.h"

enum { CASES_MAX = 64, BYTES_MAX = 512 * 1024 };

static struct vector {
    char name[256];
    enum ee_eventlog_kind kind;
    struct ee_td_report td;
    uint8_t *bytes;
    size_t size;
} cases[CASES_MAX];
static size_t case_count;
static uint8_t scratch[BYTES_MAX];

static size_t load(const char *name, const char *file, uint8_t *out)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", getenv("EE_TDX_VECTORS"), name, file);
    FILE *in = fopen(path, "rb");
    size_t size = in ? fread(out, 1, BYTES_MAX, in) : 0;
    if (in)
        (void)fclose(in);
    return size;
}

static bool td_of(const char *name, struct ee_td_report *out)
{
    static uint8_t bytes[BYTES_MAX];
    struct ee_quote quote;
    size_t size = load(name, "quote.bin", bytes);
    if (ee_attest_quote_decode(ee_bytes_of(bytes, size), &quote, NULL) != EE_REASON_NONE)
        return false;
    *out = quote.td;
    return true;
}

static void take(const char *name, const char *file, enum ee_eventlog_kind kind)
{
    size_t size = load(name, file, scratch);
    struct vector *v = &cases[case_count];
    if (size == 0 || case_count == CASES_MAX || !td_of(name, &v->td))
        return;
    (void)snprintf(v->name, sizeof(v->name), "%s", name);
    v->kind = kind;
    v->size = size;
    v->bytes = malloc(size);
    if (v->bytes) {
        memcpy(v->bytes, scratch, size);
        case_count++;
    }
}

static bool find_cases(void)
{
    const char *folder = getenv("EE_TDX_VECTORS");
    DIR *dir = folder && case_count == 0 ? opendir(folder) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        take(entry->d_name, "ccel.bin", EE_EVENTLOG_TCG2);
        take(entry->d_name, "event_log.json", EE_EVENTLOG_DSTACK);
    }
    if (dir)
        (void)closedir(dir);
    return case_count > 0;
}

static enum ee_reason replay(struct ee_eventlog *log, const struct vector *v)
{
    struct ee_bytes bytes = ee_bytes_of(v->bytes, v->size);
    enum ee_reason reason =
        ee_eventlog_open(log, &ee_crypto_openssl, v->kind, bytes, scratch, sizeof(scratch));
    return reason == EE_REASON_NONE ? ee_eventlog_match(log, &v->td, NULL) : reason;
}

static void real_logs_replay_to_their_quotes(void)
{
    struct ee_eventlog log;
    if (!find_cases())
        SKIP("EE_TDX_VECTORS does not name a directory with event logs");
    for (size_t i = 0; i < case_count; i++) {
        /* Its log is known to be of RTMR0 and RTMR2 only: the loader was measured differently. */
        bool partial = strcmp(cases[i].name, "phala-tappd-e17-tcb-not-supported") == 0;
        enum ee_reason reason = replay(&log, &cases[i]);
        printf("# %s %s: %s, %u events\n", cases[i].name, ee_eventlog_kind_name(cases[i].kind),
               ee_attest_reason_name(reason), (unsigned)log.event_count);
        CHECK(reason == (partial ? EE_REASON_EVENTLOG_MISMATCH : EE_REASON_NONE));
        CHECK(ee_eventlog_kind_of(ee_bytes_of(cases[i].bytes, cases[i].size)) == cases[i].kind);
        if (partial)
            CHECK(log.failure.have == 1);
        else if (cases[i].kind == EE_EVENTLOG_DSTACK)
            CHECK(ee_eventlog_registers(&log) == 0xf);
    }
}

/* Facts of one log as one text. */
static size_t facts_of(const struct vector *v, uint8_t out[EE_SHA384_SIZE])
{
    struct ee_eventlog log;
    struct ee_measured_event event;
    struct ee_event_fact fact;
    size_t count = 0;
    memset(out, 0, EE_SHA384_SIZE);
    if (ee_eventlog_open(&log, &ee_crypto_openssl, v->kind, ee_bytes_of(v->bytes, v->size), scratch,
                         sizeof(scratch)) != EE_REASON_NONE)
        return 0;
    while (ee_eventlog_next(&log, &event)) {
        if (!ee_eventlog_fact(&log, &event, &fact) || fact.status != EE_EVENT_DATA_CHECKED)
            continue;
        const struct ee_bytes parts[] = {ee_bytes_of(out, EE_SHA384_SIZE), fact.value};
        ee_crypto_openssl.sha384(parts, 2, out);
        count++;
    }
    return count;
}

/* A changed byte is refused, or it is in what nothing covers: then no checked fact has another
 * value. It may be one fewer: what no longer matches its digest is not a fact. */
static void a_changed_byte_never_changes_a_fact(void)
{
    struct ee_eventlog log;
    uint8_t good[EE_SHA384_SIZE], now[EE_SHA384_SIZE];
    size_t refused = 0, tried = 0;
    if (!find_cases())
        SKIP("EE_TDX_VECTORS does not name a directory with event logs");
    for (size_t i = 0; i < case_count; i++) {
        struct vector *v = &cases[i];
        if (replay(&log, v) != EE_REASON_NONE)
            continue;
        size_t facts = facts_of(v, good);
        CHECK(facts > 0);
        for (size_t at = 0; at < v->size; at += 97) {
            v->bytes[at] ^= 1;
            tried++;
            if (replay(&log, v) != EE_REASON_NONE)
                refused++;
            else if (facts_of(v, now) >= facts)
                CHECK(memcmp(good, now, sizeof(good)) == 0);
            v->bytes[at] ^= 1;
        }
    }
    printf("# %zu of %zu changed bytes refused\n", refused, tried);
    CHECK(refused > 0);
}

TESTS(TEST(real_logs_replay_to_their_quotes), TEST(a_changed_byte_never_changes_a_fact))
