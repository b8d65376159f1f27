/* SPDX-License-Identifier: Apache-2.0 */
/* The quote generation service, honest and not. */
#include "io/tdx_qgs.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fake_qgs.h"
#include "io/clock.h"
#include "tap.h"

static struct fake_qgs service;
static struct ee_tdx_attempt attempt;

static enum ee_err ask(enum fake_qgs_mode mode, uint64_t timeout_ms, size_t capacity)
{
    static uint8_t out[4096];
    uint8_t report[EE_TDX_REPORT_SIZE] = {0x81};
    struct ee_tdx_qgs qgs = {.cid = 0};
    size_t size = 0;
    memset(report + 128, 0x33, 64);
    memset(out, 0, sizeof out);
    (void)snprintf(qgs.path, sizeof qgs.path, "%s", service.path);
    atomic_store(&service.mode, mode);
    ee_tdx_attempt_init(&attempt, timeout_ms, NULL);
    enum ee_err err = ee_tdx_qgs_quote(&qgs, report, &attempt, out, capacity, &size);
    if (err == EE_OK)
        CHECK(size == 600 && memcmp(out, report + 128, 64) == 0 && out[599] == 0x51);
    else
        CHECK(attempt.what[0] != '\0');
    return err;
}

static void honest_service_gives_a_quote(void)
{
    CHECK(ask(QGS_HONEST, 2000, 4096) == EE_OK);
    CHECK(ask(QGS_WITH_KEY_ID, 2000, 4096) == EE_OK);
    CHECK(ask(QGS_SLOW_BYTES, 2000, 4096) == EE_OK);
    CHECK(ask(QGS_OTHER_MINOR, 2000, 4096) == EE_OK);
    CHECK(atomic_load(&service.requests) == 4 && atomic_load(&service.bad_requests) == 0);
}

static void refusal_is_told_in_its_words(void)
{
    CHECK(ask(QGS_REFUSES, 2000, 4096) == EE_TDX_QUOTE);
    CHECK(strstr(attempt.what, "0x12001") != NULL && strstr(attempt.what, "log on the host"));
    CHECK(ask(QGS_REFUSES_STRANGELY, 2000, 4096) == EE_TDX_QUOTE);
    CHECK(strstr(attempt.what, "0x63") != NULL);
    CHECK(strstr(attempt.next, "qgsd") != NULL);
}

static void silence_ends_at_the_deadline(void)
{
    uint64_t start_us = ee_clock_monotonic_us();
    CHECK(ask(QGS_SILENT, 150, 4096) == EE_TIMEOUT);
    CHECK(strstr(attempt.what, "silent") != NULL);
    CHECK(ee_clock_monotonic_us() - start_us < 2000000);
}

static void answer_that_breaks_the_protocol_is_refused(void)
{
    static const enum fake_qgs_mode modes[] = {
        QGS_EMPTY_QUOTE,      QGS_LENGTH_ZERO,      QGS_LENGTH_HUGE,      QGS_LENGTH_BEYOND,
        QGS_SIZE_DIFFERS,     QGS_QUOTE_SIZE_WRONG, QGS_QUOTE_SIZE_SHORT, QGS_ID_SIZE_WRAPS,
        QGS_OTHER_TYPE,       QGS_OTHER_VERSION,    QGS_CLOSES_AT_ONCE,   QGS_CLOSES_IN_LENGTH,
        QGS_CLOSES_IN_MESSAGE};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        enum ee_err err = ask(modes[i], 2000, 4096);
        CHECK(err == EE_TDX_QUOTE);
        if (err != EE_TDX_QUOTE)
            printf("# mode %d: %s\n", (int)modes[i], ee_err_name(err));
    }
}

static void quote_larger_than_our_room_is_refused(void)
{
    CHECK(ask(QGS_HONEST, 2000, 599) == EE_TOO_LARGE);
    CHECK(ask(QGS_HONEST, 2000, 600) == EE_OK);
}

static void nobody_listening_is_told(void)
{
    struct ee_tdx_qgs qgs = {.path = "/nonexistent/qgs.socket"};
    uint8_t report[EE_TDX_REPORT_SIZE] = {0}, out[64];
    size_t size;
    ee_tdx_attempt_init(&attempt, 500, NULL);
    CHECK(ee_tdx_qgs_quote(&qgs, report, &attempt, out, sizeof out, &size) == EE_CONNECT);
    CHECK(strstr(attempt.what, "unix /nonexistent/qgs.socket") != NULL);
    /* No host here: no vsock at all, or nobody on it. */
    REQUIRE(ee_tdx_qgs_parse("vsock:4051", &qgs) == EE_OK);
    ee_tdx_attempt_init(&attempt, 500, NULL);
    enum ee_err err = ee_tdx_qgs_quote(&qgs, report, &attempt, out, sizeof out, &size);
    CHECK((err == EE_CONNECT || err == EE_TIMEOUT) && strstr(attempt.what, "vsock 2:4051"));
}

static void addresses_are_parsed_strictly(void)
{
    static const char *const bad[] = {"",
                                      "unix:",
                                      "vsock:",
                                      "vsock:0",
                                      "vsock:x",
                                      "vsock:2:",
                                      "vsock::4050",
                                      "vsock:2:4050:1",
                                      "tcp:4050",
                                      "vsock:-1:4050",
                                      "vsock:2:4294967296"};
    struct ee_tdx_qgs qgs;
    char text[EE_TDX_QGS_PATH_SIZE + 16];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(ee_tdx_qgs_parse(bad[i], &qgs) == EE_SYNTAX);
    CHECK(ee_tdx_qgs_parse("vsock:3:4052", &qgs) == EE_OK && qgs.cid == 3 && qgs.port == 4052);
    CHECK(strcmp(ee_tdx_qgs_text(&qgs, text), "vsock 3:4052") == 0);
    CHECK(ee_tdx_qgs_parse("unix:/run/qgs", &qgs) == EE_OK && strcmp(qgs.path, "/run/qgs") == 0);
}

static enum ee_err config(const char *text, uint32_t *port)
{
    char path[] = "/tmp/ee-qgs-conf-XXXXXX";
    struct ee_tdx_qgs qgs = {.port = 0};
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
    enum ee_err err = ee_tdx_qgs_config(path, &qgs);
    (void)unlink(path);
    *port = qgs.port;
    return err;
}

static void configuration_names_the_port(void)
{
    uint32_t port;
    CHECK(config("# comment\nport = 4055\n", &port) == EE_OK && port == 4055);
    CHECK(config(" port=4056 \r\nport=1\n", &port) == EE_OK && port == 4056);
    CHECK(config("# port = 4050\nportal = 3\n", &port) == EE_NOT_FOUND);
    CHECK(config("", &port) == EE_NOT_FOUND);
    CHECK(config("port = many\n", &port) == EE_SYNTAX);
    CHECK(config("port =", &port) == EE_SYNTAX);
    CHECK(config("port = 0\n", &port) == EE_SYNTAX);
    struct ee_tdx_qgs qgs;
    CHECK(ee_tdx_qgs_config("/nonexistent/conf", &qgs) == EE_NOT_FOUND);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(honest_service_gives_a_quote),
        TEST(refusal_is_told_in_its_words),
        TEST(silence_ends_at_the_deadline),
        TEST(answer_that_breaks_the_protocol_is_refused),
        TEST(quote_larger_than_our_room_is_refused),
        TEST(nobody_listening_is_told),
        TEST(addresses_are_parsed_strictly),
        TEST(configuration_names_the_port),
    };
    if (!fake_qgs_start(&service, NULL, NULL))
        return 1;
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    fake_qgs_stop(&service);
    return code;
}
