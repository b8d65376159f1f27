/* SPDX-License-Identifier: Apache-2.0 */
/* Verifications of a TDX quote a second, on one thread, on each path: nothing known, collateral
 * known, platform known, quoting enclave known. The yardstick V is `openssl speed ecdsap256`, taken
 * between the paths in short rounds, because machines are noisy; the ratio of a path is its rate
 * times its P-256 verifications over V, in the median of the rounds. Then many verifications over
 * all paths, with the process's memory and libcrypto's allocations before and after.
 *
 *     verify_bench [--json] [--rounds N] [--count N] [QUOTE COLLATERAL UNIX-TIME]
 *
 * Without files: a simulated quote in the real format. */
#include "bench_subject.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "attest/cache.h"
#include "base/text.h"
#include "io/crypto_openssl.h"
#include "base/banned.h"

enum {
    PATHS = 4,
    ROUNDS_MAX = 101,
    ROUND_MS = 300, /* for each path */
    COUNT_DEFAULT = 20000,
    WARM_UP = 256, /* verifications before memory is looked at: heaps and caches have grown */
    PLACES = 2,
    PLACE_BYTES = 128 * 1024,
    SCRATCH = 256 * 1024,
};

enum path { COLD, COLLATERAL, PLATFORM, ENCLAVE };

/* Shares of V over the path's P-256 verifications; docs/performance.md. */
static const struct {
    const char *name;
    double target;
} paths[PATHS] = {
    [COLD] = {"cold", 0.85},
    [COLLATERAL] = {"collateral cached", 0.90},
    [PLATFORM] = {"platform known", 0.90},
    [ENCLAVE] = {"same QE", 0.85},
};

struct bench {
    struct bench_subject subject;
    const struct ee_crypto *crypto;
    struct ee_verify_cache cache;
    struct ee_cache_collateral places[PLACES];
    struct ee_cache_platform platforms[EE_CACHE_WAYS];
    uint8_t bytes[PLACES * PLACE_BYTES];
    uint8_t scratch[SCRATCH];
    struct ee_verdict verdict;
};

struct measured {
    size_t rounds;
    double v[ROUNDS_MAX]; /* P-256 verifications a second */
    double rate[PATHS][ROUNDS_MAX];
    size_t checks[PATHS]; /* P-256 verifications of one verification */
    double allocations[PATHS];
    uint64_t count;
    long rss_before_kb, rss_after_kb;
    uint64_t live_before, live_after; /* allocations of libcrypto that were not freed */
};

/* ---- What libcrypto allocates ---- */

static uint64_t allocated, freed;

static void *counting_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *memory = malloc(size);
    allocated += memory != NULL;
    return memory;
}

static void *counting_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *moved = realloc(memory, size);
    allocated += moved && !memory;
    return moved;
}

static void counting_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    freed += memory != NULL;
    free(memory);
}

/* ---- Verifications ---- */

static size_t p256_count;

static bool counting_verify(const uint8_t key[EE_P256_POINT_SIZE],
                            const uint8_t digest[EE_SHA256_SIZE],
                            const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    p256_count++;
    return ee_crypto_openssl.p256_verify(key, digest, signature);
}

/* Makes the cache forget what the path does not know, at the cost of a few stores. */
static void forget(struct bench *b, enum path path)
{
    for (size_t i = 0; i < b->cache.platform_count; i++) {
        if (path == COLLATERAL)
            b->platforms[i].used_at = 0;
        if (path == PLATFORM)
            b->platforms[i].qe_count = b->platforms[i].qe_next = 0;
    }
}

/* Everything from the files' bytes, each time. */
static enum ee_err verify(struct bench *b, enum path path)
{
    struct ee_collateral decoded;
    struct ee_verify_input input = {.quote = b->subject.quote,
                                    .collateral = &decoded,
                                    .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])b->subject.root,
                                    .root_count = 1,
                                    .time_s = b->subject.time_s};
    enum ee_reason reason =
        path == COLD ? ee_attest_collateral_decode(b->subject.collateral, b->scratch,
                                                   sizeof(b->scratch), &decoded)
                     : ee_attest_cache_decode(&b->cache, b->subject.collateral, &input.collateral);
    if (reason != EE_REASON_NONE)
        return ee_attest_reason_err(reason);
    forget(b, path);
    return ee_attest_verify_cached(b->crypto, path == COLD ? NULL : &b->cache, &input, &b->verdict);
}

static double thread_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID,
                        &t); /* as openssl speed: neighbours do not count */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum ee_err rate_take(struct bench *b, enum path path, double *out)
{
    double begun = thread_seconds(), spent;
    uint64_t count = 0;
    do {
        for (size_t i = 0; i < 8; i++, count++)
            EE_TRY(verify(b, path));
        spent = thread_seconds() - begun;
    } while (spent < ROUND_MS / 1e3);
    *out = (double)count / spent;
    return EE_OK;
}

/* The last number of the line that `openssl speed` prints: verifications a second. */
static double yardstick(void)
{
    char line[256], *number;
    double found = 0;
    FILE *in = popen("openssl speed -seconds 1 ecdsap256 2>/dev/null", "r");
    while (in && fgets(line, sizeof(line), in))
        if (strstr(line, "nistp256") && (number = strrchr(line, ' ')))
            found = strtod(number, NULL);
    if (in)
        (void)pclose(in);
    return found;
}

/* How many P-256 verifications and allocations each path makes. */
static enum ee_err checks_count(struct bench *b, struct measured *m)
{
    struct ee_crypto counting = ee_crypto_openssl;
    counting.p256_verify = counting_verify;
    b->crypto = &counting;
    enum ee_err err = verify(b, ENCLAVE); /* fills the cache */
    for (unsigned path = COLD; path < PATHS && err == EE_OK; path++) {
        p256_count = 0;
        uint64_t before = allocated;
        err = verify(b, (enum path)path);
        m->checks[path] = p256_count;
        m->allocations[path] = (double)(allocated - before);
    }
    b->crypto = &ee_crypto_openssl;
    return err;
}

static enum ee_err rounds_take(struct bench *b, struct measured *m)
{
    for (size_t round = 0; round < m->rounds; round++) {
        m->v[round] = yardstick();
        if (m->v[round] <= 0)
            return EE_NOT_FOUND;
        for (unsigned path = COLD; path < PATHS; path++)
            EE_TRY(rate_take(b, (enum path)path, &m->rate[path][round]));
    }
    return EE_OK;
}

static long rss_kb(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in) {
        if (fscanf(in, "%*d %ld", &pages) != 1)
            pages = 0;
        (void)fclose(in);
    }
    return pages * 4;
}

/* Mostly the warm path; every hundredth on each of the others. */
static enum ee_err many(struct bench *b, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        EE_TRY(verify(b, i % 100 < ENCLAVE ? (enum path)(i % 100) : ENCLAVE));
    return EE_OK;
}

static enum ee_err memory_take(struct bench *b, struct measured *m)
{
    EE_TRY(many(b, WARM_UP));
    m->rss_before_kb = rss_kb();
    m->live_before = allocated - freed;
    EE_TRY(many(b, m->count));
    m->rss_after_kb = rss_kb();
    m->live_after = allocated - freed;
    return EE_OK;
}

/* ---- What is told ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, size_t count)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), ascending);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* Of V over the path's P-256 verifications. */
static double ratio_of(const struct measured *m, enum path path)
{
    double ratios[ROUNDS_MAX];
    for (size_t i = 0; i < m->rounds; i++)
        ratios[i] = m->rate[path][i] * (double)m->checks[path] / m->v[i];
    return median(ratios, m->rounds);
}

static bool flat(const struct measured *m)
{
    return m->rss_after_kb <= m->rss_before_kb + 256 && m->live_after == m->live_before;
}

static void tell_json(const struct bench *b, const struct measured *m)
{
    json_t *rows = json_array();
    for (unsigned i = COLD; i < PATHS; i++) {
        double ratio = ratio_of(m, (enum path)i);
        (void)json_array_append_new(
            rows, json_pack("{s:s, s:f, s:I, s:f, s:f, s:b, s:f}", "path", paths[i].name,
                            "verifications_per_second", median(m->rate[i], m->rounds),
                            "p256_verifications", (json_int_t)m->checks[i], "ratio", ratio,
                            "target", paths[i].target, "pass", ratio >= paths[i].target,
                            "libcrypto_allocations", m->allocations[i]));
    }
    json_t *memory = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:b}", "verifications", (json_int_t)m->count, "rss_before_kb",
        (json_int_t)m->rss_before_kb, "rss_after_kb", (json_int_t)m->rss_after_kb, "live_before",
        (json_int_t)m->live_before, "live_after", (json_int_t)m->live_after, "flat", flat(m));
    json_t *out = json_pack("{s:s, s:b, s:I, s:f, s:o, s:o}", "subject", b->subject.name,
                            "simulated", b->subject.simulated, "rounds", (json_int_t)m->rounds,
                            "openssl_ecdsap256_verifications_per_second", median(m->v, m->rounds),
                            "paths", rows, "memory", memory);
    (void)json_dumpf(out, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    (void)puts("");
    json_decref(out);
}

static void tell(const struct bench *b, const struct measured *m)
{
    (void)printf("subject: %s\nV, openssl speed ecdsap256: %.0f verifications a second (median of "
                 "%zu rounds)\n\n",
                 b->subject.name, median(m->v, m->rounds), m->rounds);
    (void)printf("%-18s %7s %11s %9s %11s %13s\n", "path", "checks", "per second", "of V/n",
                 "target", "allocations");
    for (unsigned i = COLD; i < PATHS; i++) {
        double ratio = ratio_of(m, (enum path)i);
        (void)printf("%-18s %7zu %11.0f %9.3f %6.2f %s %11.0f\n", paths[i].name, m->checks[i],
                     median(m->rate[i], m->rounds), ratio, paths[i].target,
                     ratio >= paths[i].target ? "PASS" : "below", m->allocations[i]);
    }
    (void)printf("\nmemory over %llu verifications: %ld KB before, %ld KB after; libcrypto holds "
                 "%llu blocks before, %llu after: %s\n",
                 (unsigned long long)m->count, m->rss_before_kb, m->rss_after_kb,
                 (unsigned long long)m->live_before, (unsigned long long)m->live_after,
                 flat(m) ? "flat" : "NOT FLAT");
    (void)puts("n: P-256 verifications of the path (checks). Allocations are libcrypto's; the "
               "verifier makes none.");
    if (b->subject.simulated)
        (void)puts("A simulated root is nobody's constant: its own signature is the tenth check "
                   "of the cold path; real quotes have nine.");
}

static bool number_read(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    return text && ee_u64_parse(text, out) == EE_OK && *out >= least && *out <= most;
}

static int usage(void)
{
    (void)fputs("usage: verify_bench [--json] [--rounds N] [--count N] "
                "[QUOTE COLLATERAL UNIX-TIME]\n",
                stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    static struct measured measured = {.count = COUNT_DEFAULT};
    uint64_t rounds = 7;
    bool json = false;
    int at = 1;
    if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free) != 1) {
        (void)fputs("verify_bench: libcrypto allocated before it could be counted\n", stderr);
        return 1;
    }
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--json") == 0)
            json = true;
        else if (!(strcmp(argv[at], "--rounds") == 0 &&
                   number_read(argv[++at], 1, ROUNDS_MAX, &rounds)) &&
                 !(strcmp(argv[at], "--count") == 0 &&
                   number_read(argv[++at], 1, UINT32_MAX, &measured.count)))
            return usage();
    }
    if (at != argc && at + 3 != argc)
        return usage();
    measured.rounds = (size_t)rounds;
    bench.crypto = &ee_crypto_openssl;
    ee_attest_cache_init(&bench.cache, bench.places, PLACES, bench.bytes, sizeof(bench.bytes),
                         bench.platforms, EE_CACHE_WAYS);
    enum ee_err err = at == argc ? bench_subject_simulated(&bench.subject)
                                 : bench_subject_read(argv + at, &bench.subject);
    if (err == EE_OK)
        err = checks_count(&bench, &measured);
    if (err == EE_OK)
        err = rounds_take(&bench, &measured);
    if (err == EE_OK)
        err = memory_take(&bench, &measured);
    if (err != EE_OK) {
        (void)fprintf(stderr, "verify_bench: %s\n",
                      err == EE_NOT_FOUND ? "there is no openssl program to compare with"
                                          : ee_err_text(err));
        return ee_err_exit_code(err);
    }
    if (json)
        tell_json(&bench, &measured);
    else
        tell(&bench, &measured);
    return 0;
}
