/* SPDX-License-Identifier: Apache-2.0 */
/* Cold verifications of a TDX quote a second: collateral read, every chain, signature and level
 * checked anew each time. The yardstick is `openssl speed ecdsap256` in the same run: what a
 * verification costs in P-256 verifications says more than seconds. verify_bench [--json]
 * [--seconds N] [QUOTE COLLATERAL UNIX-TIME] Without files: a simulated quote in the real format.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/verify.h"
#include "base/text.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "base/banned.h"

enum { FILE_MAX = 1024 * 1024, SIM_TIME_S = 1790000000, HOUR_S = 3600, SECONDS_MAX = 600 };

struct subject {
    const char *name;
    struct ee_bytes quote, collateral;
    uint8_t root[1][EE_P256_POINT_SIZE];
    int64_t time_s;
};

struct measured {
    double seconds, per_second;
    double ecdsa_per_second; /* 0: there is no openssl program */
};

static enum ee_err simulated(struct subject *out)
{
    static const uint8_t seed[32] = {'b', 'e', 'n', 'c', 'h'}, report_data[64] = {1};
    static struct ee_sim_authority authority;
    static struct ee_sim_platform platform;
    static uint8_t quote[EE_SIM_QUOTE_MAX];
    static char text[EE_SIM_COLLATERAL_MAX];
    const struct ee_crypto *crypto = &ee_crypto_openssl;
    struct ee_sim_td td;
    size_t size, text_size;
    ee_sim_td_for_program(crypto, "ee-agent", "0.1.0", &td);
    EE_TRY(ee_sim_authority_init(&authority, crypto, seed));
    EE_TRY(ee_sim_platform_init(&platform, crypto, &authority, seed, 8, EE_SIM_HEALTHY));
    EE_TRY(ee_sim_quote_write(crypto, &platform, &td, report_data, EE_SIM_QUOTE_V4, quote,
                              sizeof(quote), &size));
    EE_TRY(ee_sim_collateral_write(crypto, &authority, &platform, SIM_TIME_S - HOUR_S, text,
                                   sizeof(text), &text_size));
    memcpy(out->root[0], ee_sim_authority_root_key(&authority), EE_P256_POINT_SIZE);
    out->name = "simulated quote";
    out->quote = ee_bytes_of(quote, size);
    out->collateral = ee_bytes_of(text, text_size);
    out->time_s = SIM_TIME_S;
    return EE_OK;
}

static enum ee_err from_files(char **words, struct subject *out)
{
    struct ee_file_data quote, collateral;
    uint64_t time_s;
    EE_TRY(ee_u64_parse(words[2], &time_s));
    EE_TRY(ee_file_read(words[0], FILE_MAX, &quote));
    EE_TRY(ee_file_read(words[1], FILE_MAX, &collateral));
    memcpy(out->root[0], ee_attest_root_production, EE_P256_POINT_SIZE);
    out->name = words[0];
    out->quote = ee_file_bytes(&quote);
    out->collateral = ee_file_bytes(&collateral);
    out->time_s = (int64_t)time_s;
    return EE_OK;
}

static enum ee_err verify_cold(const struct subject *s)
{
    static uint8_t scratch[FILE_MAX];
    static struct ee_verdict verdict;
    struct ee_collateral collateral;
    const struct ee_verify_input input = {.quote = s->quote,
                                          .collateral = &collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])s->root,
                                          .root_count = 1,
                                          .time_s = s->time_s};
    if (ee_attest_collateral_decode(s->collateral, scratch, sizeof(scratch), &collateral) !=
        EE_REASON_NONE)
        return EE_COLLATERAL;
    return ee_attest_verify(&ee_crypto_openssl, &input, &verdict);
}

static enum ee_err measure(const struct subject *s, unsigned seconds, struct measured *out)
{
    uint64_t begun_us = ee_clock_monotonic_us(), count = 0, spent_us;
    do {
        EE_TRY(verify_cold(s));
        count++;
        spent_us = ee_clock_monotonic_us() - begun_us;
    } while (spent_us < seconds * UINT64_C(1000000));
    out->seconds = (double)spent_us / 1e6;
    out->per_second = (double)count / out->seconds;
    return EE_OK;
}

/* The last number of the last line that `openssl speed` prints: verifications a second. */
static double yardstick(unsigned seconds)
{
    char command[96], line[256], *number;
    double found = 0;
    (void)snprintf(command, sizeof(command), "openssl speed -seconds %u ecdsap256 2>/dev/null",
                   seconds);
    FILE *in = popen(command, "r");
    while (in && fgets(line, sizeof(line), in))
        if (strstr(line, "nistp256") && (number = strrchr(line, ' ')))
            found = strtod(number, NULL);
    if (in)
        (void)pclose(in);
    return found;
}

static void tell(const struct subject *s, const struct measured *m, bool json)
{
    double ratio = m->ecdsa_per_second > 0 ? m->ecdsa_per_second / m->per_second : 0;
    if (json) {
        json_t *out = json_pack("{s:s, s:f, s:f, s:f, s:f}", "subject", s->name, "seconds",
                                m->seconds, "verifications_per_second", m->per_second,
                                "openssl_ecdsap256_verifications_per_second", m->ecdsa_per_second,
                                "ecdsap256_verifications_per_verification", ratio);
        (void)json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        (void)puts("");
        json_decref(out);
        return;
    }
    (void)printf("%-46s %s\n%-46s %10.1f\n%-46s %10.1f\n", "subject", s->name,
                 "cold verifications a second", m->per_second, "milliseconds each",
                 1000 / m->per_second);
    if (ratio > 0)
        (void)printf("%-46s %10.1f\n%-46s %10.2f\n",
                     "openssl speed ecdsap256, verifications a second", m->ecdsa_per_second,
                     "one verification, in P-256 verifications", ratio);
    else
        (void)printf("openssl speed ecdsap256: there is no openssl program\n");
}

int main(int argc, char **argv)
{
    struct subject subject = {.name = NULL};
    struct measured measured = {.seconds = 0};
    uint64_t seconds = 3;
    bool json = false;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--json") == 0)
            json = true;
        else if (strcmp(argv[at], "--seconds") != 0 || ++at == argc ||
                 ee_u64_parse(argv[at], &seconds) != EE_OK || seconds > SECONDS_MAX)
            at = argc + 1;
    }
    if (at != argc && at + 3 != argc) {
        (void)fputs("usage: verify_bench [--json] [--seconds N] [QUOTE COLLATERAL UNIX-TIME]\n",
                    stderr);
        return 2;
    }
    enum ee_err err = at == argc ? simulated(&subject) : from_files(argv + at, &subject);
    if (err == EE_OK)
        err = measure(&subject, (unsigned)seconds, &measured);
    if (err != EE_OK) {
        (void)fprintf(stderr, "verify_bench: %s\n", ee_err_text(err));
        return ee_err_exit_code(err);
    }
    measured.ecdsa_per_second = yardstick(seconds < 1 ? 1 : (unsigned)seconds);
    tell(&subject, &measured, json);
    return 0;
}
