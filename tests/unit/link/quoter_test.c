/* SPDX-License-Identifier: Apache-2.0 */
/* Many challenges, few quotes: each asker gets evidence that answers its own nonce. */
#include "link/quoter.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "tap.h"

enum { ASKERS = 100, WAIT_MS = 5000 };

static const struct ee_crypto *const crypto = &ee_crypto_openssl;
static char path[64];

static struct {
    struct ee_loop *loop;
    struct ee_tdx_device *device;
    struct ee_quoter *quoter;
    size_t answered, good, failed, wanted, with_collateral, with_log;
    bool done;
    size_t log_size, log_grows; /* by one at each look, that often */
} rig;

struct asker {
    struct ee_nonce nonce;
    enum ee_err err;
    bool answered;
};
static struct asker askers[EE_QUOTER_QUEUE_MAX + 8];

static enum ee_err claims(void *context, uint8_t *out, size_t capacity, size_t *size_out)
{
    struct ee_claims value = {.role = EE_ROLE_WITNESS, .vcpus = 1, .software_version = "test"};
    (void)context;
    value.network_id[0] = value.identity[0] = value.tls_key_hash[0] = 1;
    return ee_claims_encode(&value, out, capacity, size_out);
}

static struct ee_bytes collateral(void *context)
{
    (void)context;
    return ee_bytes_str("collateral");
}

static uint8_t log_bytes[64];

static struct ee_bytes event_log(void *context)
{
    (void)context;
    if (rig.log_grows > 0) {
        rig.log_grows--;
        rig.log_size++;
    }
    return ee_bytes_of(log_bytes, rig.log_size);
}

static bool rig_open(unsigned delay_ms, size_t queue_max)
{
    char text[512], spec[96], seed_text[65];
    uint8_t seed[32] = {3};
    ee_hex_encode(seed, 32, seed_text);
    (void)snprintf(
        text, sizeof text,
        "{\"authority_seed\":\"%s\",\"platform_seed\":\"%s\",\"program\":\"t\",\"delay_ms\":%u}",
        seed_text, seed_text, delay_ms);
    memset(&rig, 0, sizeof rig);
    memset(askers, 0, sizeof askers);
    (void)snprintf(spec, sizeof spec, "sim:%s", path);
    const struct ee_tdx_device_options device = {.spec = spec, .program = "t", .crypto = crypto};
    if (ee_file_write(path, ee_bytes_str(text), 0600) != EE_OK ||
        ee_tdx_device_open(&device, NULL, &rig.device) != EE_OK || ee_loop_new(&rig.loop) != EE_OK)
        return false;
    const struct ee_quoter_options options = {.crypto = crypto,
                                              .loop = rig.loop,
                                              .device = rig.device,
                                              .claims = claims,
                                              .collateral = collateral,
                                              .event_log = event_log,
                                              .queue_max = queue_max};
    return ee_quoter_new(&options, &rig.quoter) == EE_OK;
}

static void rig_close(void)
{
    ee_quoter_free(rig.quoter);
    ee_loop_free(rig.loop);
    ee_tdx_device_free(rig.device);
    (void)unlink(path);
}

/* Report data of the quote in the evidence must hold the root over the asker's nonce. */
static bool answers(const struct ee_evidence *evidence, const struct ee_nonce *nonce)
{
    struct ee_tlog_hash root;
    struct ee_quote quote;
    uint8_t report_data[64];
    if (memcmp(evidence->nonce.bytes, nonce->bytes, EE_NONCE_SIZE) != 0 ||
        ee_freshness_root(crypto, nonce, evidence->index, evidence->size, evidence->path,
                          evidence->path_count, &root) != EE_OK ||
        ee_attest_quote_decode(evidence->quote, &quote, NULL) != EE_REASON_NONE)
        return false;
    ee_freshness_report_data(crypto, evidence->claims, &root, report_data);
    return memcmp(quote.td.report_data, report_data, 64) == 0;
}

static void on_evidence(void *context, enum ee_err err, struct ee_bytes text)
{
    struct asker *asker = context;
    struct ee_evidence evidence;
    CHECK(!asker->answered);
    asker->answered = true;
    asker->err = err;
    rig.answered++;
    rig.done = rig.answered == rig.wanted;
    if (err != EE_OK) {
        rig.failed++;
        CHECK(text.size == 0);
        return;
    }
    uint8_t *memory = malloc(text.size);
    if (memory && ee_evidence_decode(crypto, text, memory, text.size, &evidence) == EE_OK) {
        rig.good += answers(&evidence, &asker->nonce);
        rig.with_collateral += evidence.collateral.size > 0;
        rig.with_log += evidence.event_log.size == rig.log_size;
    }
    free(memory);
}

static enum ee_err ask(size_t index)
{
    memcpy(askers[index].nonce.bytes, &index, sizeof index);
    rig.wanted++;
    enum ee_err err =
        index % 2
            ? ee_quoter_ask_bare(rig.quoter, &askers[index].nonce, on_evidence, &askers[index])
            : ee_quoter_ask(rig.quoter, &askers[index].nonce, on_evidence, &askers[index]);
    if (err != EE_OK)
        rig.wanted--;
    return err;
}

static bool wait_all(void)
{
    return ee_loop_run_until(rig.loop, &rig.done, WAIT_MS) == EE_OK;
}

static void hundred_askers_share_few_quotes(void)
{
    REQUIRE(rig_open(40, 0));
    for (size_t i = 0; i < ASKERS; i++) {
        bool never = false;
        CHECK(ask(i) == EE_OK);
        if (i % 20 == 0) /* they do not all come at once */
            CHECK(ee_loop_run_until(rig.loop, &never, 5) == EE_TIMEOUT);
    }
    CHECK(wait_all());
    CHECK(rig.good == ASKERS && rig.failed == 0 && rig.with_collateral == ASKERS / 2);
    CHECK(ee_quoter_quotes(rig.quoter) <= 4);
    printf("# %d askers, %llu quotes\n", (int)ASKERS,
           (unsigned long long)ee_quoter_quotes(rig.quoter));
    rig_close();
}

static void queue_beyond_its_limit_says_full(void)
{
    REQUIRE(rig_open(30, 0));
    for (size_t i = 0; i < EE_QUOTER_QUEUE_MAX; i++)
        CHECK(ask(i) == EE_OK);
    CHECK(ask(EE_QUOTER_QUEUE_MAX) == EE_FULL);
    CHECK(wait_all() && rig.good == EE_QUOTER_QUEUE_MAX);
    CHECK(ask(EE_QUOTER_QUEUE_MAX) == EE_OK); /* and has room again */
    rig.done = false;
    CHECK(wait_all());
    rig_close();
    REQUIRE(rig_open(30, 3));
    for (size_t i = 0; i < 4; i++)
        CHECK(ask(i) == (i < 3 ? EE_OK : EE_FULL));
    CHECK(wait_all() && rig.good == 3);
    rig_close();
}

static void forgotten_asker_is_not_called(void)
{
    REQUIRE(rig_open(20, 0));
    CHECK(ask(0) == EE_OK && ask(1) == EE_OK);
    ee_quoter_forget(rig.quoter, &askers[0]);
    rig.wanted = 1;
    CHECK(wait_all());
    CHECK(!askers[0].answered && askers[1].answered && rig.good == 1);
    rig_close();
}

static void quoter_that_ends_calls_off_its_quote(void)
{
    bool never = false;
    REQUIRE(rig_open(10000, 0));
    CHECK(ask(0) == EE_OK);
    CHECK(ee_loop_run_until(rig.loop, &never, 30) == EE_TIMEOUT);
    uint64_t start_us = ee_clock_monotonic_us();
    rig_close();
    CHECK(ee_clock_monotonic_us() - start_us < 2000000);
    CHECK(!askers[0].answered);
}

static void log_that_grows_meanwhile_is_quoted_again(void)
{
    REQUIRE(rig_open(5, 0));
    rig.log_size = 10;
    rig.log_grows = 2; /* at the look before the quote, and at the one after it */
    CHECK(ask(0) == EE_OK);
    CHECK(wait_all() && rig.good == 1 && rig.with_log == 1);
    CHECK(ee_quoter_quotes(rig.quoter) == 2);
    rig_close();
}

static void log_that_never_rests_is_given_up(void)
{
    REQUIRE(rig_open(1, 0));
    rig.log_grows = 40;
    CHECK(ask(0) == EE_OK);
    CHECK(wait_all() && rig.failed == 1 && askers[0].err == EE_TDX_QUOTE);
    CHECK(ee_quoter_quotes(rig.quoter) == 4);
    rig_close();
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(hundred_askers_share_few_quotes),
        TEST(queue_beyond_its_limit_says_full),
        TEST(forgotten_asker_is_not_called),
        TEST(quoter_that_ends_calls_off_its_quote),
        TEST(log_that_grows_meanwhile_is_quoted_again),
        TEST(log_that_never_rests_is_given_up),
    };
    (void)snprintf(path, sizeof path, "/tmp/ee-quoter-%ld.json", (long)getpid());
    return tap_run(tests, sizeof tests / sizeof tests[0]);
}
