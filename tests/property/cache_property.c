/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier's cache against the verifier without one: over good and bad quotes, mutated ones,
 * exchanged and mutated collateral, other roots and times that jump both ways, in random order and
 * with caches from none to roomy, every verdict is the same, byte for byte. Simulated quotes, and
 * those in EE_TDX_VECTORS. EE_SEED chooses the run. */
#include <dirent.h>
#include <stdlib.h>

#include "attest/cache.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "tap.h"
#include "vector_case.h"

enum {
    NOW_S = 1790000000,
    DAY_S = 86400,
    SUBJECTS_MAX = 256,
    STEPS_FULL = 200000,
    CACHES = 4,
    PLACES = 5,
    PLACE_BYTES = 128 * 1024,
};

/* A sanitizer makes each step ten times as dear. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEPS = 500 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { STEPS = 500 };
#else
enum { STEPS = 4000 };
#endif
#else
enum { STEPS = 4000 };
#endif

struct subject {
    uint8_t *quote;
    size_t quote_size;
    uint8_t *file; /* of the collateral */
    size_t file_size;
    uint8_t *scratch;
    struct ee_collateral collateral;
    uint8_t root[EE_P256_POINT_SIZE];
    int64_t time_s;
    int64_t edges[10]; /* where windows of its parts begin and end, once they were seen */
};

static struct subject subjects[SUBJECTS_MAX];
static size_t subject_count;
static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return below ? (uint32_t)(random_state >> 33) % below : 0;
}

/* Signatures are as they were on most steps: what was asked before is looked up. */
static struct memo {
    uint8_t key[EE_P256_POINT_SIZE], digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
    bool used, ok;
} memos[16384];

static bool remembering_verify(const uint8_t key[EE_P256_POINT_SIZE],
                               const uint8_t digest[EE_SHA256_SIZE],
                               const uint8_t signature[EE_P256_SIGNATURE_SIZE])
{
    size_t at = (size_t)(digest[0] ^ signature[1]) << 6 | (digest[1] ^ key[2]) % 64u;
    struct memo *m = &memos[at % (sizeof(memos) / sizeof(memos[0]))];
    if (m->used && memcmp(m->key, key, EE_P256_POINT_SIZE) == 0 &&
        memcmp(m->digest, digest, EE_SHA256_SIZE) == 0 &&
        memcmp(m->signature, signature, EE_P256_SIGNATURE_SIZE) == 0)
        return m->ok;
    memcpy(m->key, key, EE_P256_POINT_SIZE);
    memcpy(m->digest, digest, EE_SHA256_SIZE);
    memcpy(m->signature, signature, EE_P256_SIGNATURE_SIZE);
    m->used = true;
    m->ok = ee_crypto_openssl.p256_verify(key, digest, signature);
    return m->ok;
}

static uint8_t *copied(const void *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    if (copy)
        memcpy(copy, data, size);
    return copy;
}

static bool decode(struct subject *s)
{
    return ee_attest_collateral_decode(ee_bytes_of(s->file, s->file_size), s->scratch, s->file_size,
                                       &s->collateral) == EE_REASON_NONE;
}

static bool subject_add(struct ee_bytes quote, struct ee_bytes file, const uint8_t *root,
                        int64_t time_s)
{
    if (subject_count == SUBJECTS_MAX)
        return false;
    struct subject *s = &subjects[subject_count];
    *s = (struct subject){.quote = copied(quote.data, quote.size),
                          .quote_size = quote.size,
                          .file = copied(file.data, file.size),
                          .file_size = file.size,
                          .scratch = malloc(file.size + 1),
                          .time_s = time_s};
    memcpy(s->root, root, sizeof(s->root));
    subject_count++; /* freed from here on */
    return s->quote && s->file && s->scratch && decode(s);
}

static void subjects_free(void)
{
    for (; subject_count > 0; subject_count--) {
        free(subjects[subject_count - 1].quote);
        free(subjects[subject_count - 1].file);
        free(subjects[subject_count - 1].scratch);
    }
}

/* Quotes of a platform in each format, under collateral of its authority. */
static bool simulated_add(const struct ee_sim_authority *authority, uint8_t name, uint32_t faults)
{
    static uint8_t quote[EE_SIM_QUOTE_MAX];
    static char file[EE_SIM_COLLATERAL_MAX];
    static struct ee_sim_platform platform;
    const struct ee_crypto *crypto = &ee_crypto_openssl;
    uint8_t seed[32] = {name}, report_data[64] = {name};
    struct ee_sim_td td;
    size_t size, file_size;
    ee_sim_td_for_program(crypto, "ee-agent", "0.1.0", &td);
    if (ee_sim_platform_init(&platform, crypto, authority, seed, 8, faults) != EE_OK ||
        ee_sim_collateral_write(crypto, authority, &platform, NOW_S - 3600, file, sizeof(file),
                                &file_size) != EE_OK)
        return false;
    for (unsigned format = EE_SIM_QUOTE_V4; format <= EE_SIM_QUOTE_V5_TD15; format++) {
        if (ee_sim_quote_write(crypto, &platform, &td, report_data,
                               (enum ee_sim_quote_format)format, quote, sizeof(quote),
                               &size) != EE_OK ||
            !subject_add(ee_bytes_of(quote, size), ee_bytes_of(file, file_size),
                         ee_sim_authority_root_key(authority), NOW_S))
            return false;
    }
    return true;
}

static bool simulated_load(void)
{
    static struct ee_sim_authority authorities[2];
    static const uint32_t faults[] = {
        EE_SIM_HEALTHY,           EE_SIM_PLATFORM_OUT_OF_DATE, EE_SIM_MODULE_OUT_OF_DATE,
        EE_SIM_TCB_REVOKED,       EE_SIM_PCK_REVOKED,          EE_SIM_DEBUG_TD,
        EE_SIM_AK_NOT_BOUND,      EE_SIM_QUOTE_FORGED,         EE_SIM_WRONG_ROOT,
        EE_SIM_COLLATERAL_EXPIRED};
    for (uint8_t a = 0; a < 2; a++) {
        uint8_t seed[32] = {a};
        if (ee_sim_authority_init(&authorities[a], &ee_crypto_openssl, seed) != EE_OK)
            return false;
        for (uint8_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
            if (!simulated_add(&authorities[a], i / 2, faults[i]))
                return false;
    }
    return true;
}

static bool vectors_load(void)
{
    static struct test_case t;
    DIR *dir = opendir(getenv("EE_TDX_VECTORS"));
    bool ok = dir != NULL;
    for (struct dirent *entry = ok ? readdir(dir) : NULL; ok && entry; entry = readdir(dir))
        if (!strchr(entry->d_name, '.'))
            ok = case_load(&t, entry->d_name) &&
                 subject_add(ee_bytes_of(t.quote, t.quote_size), ee_bytes_of(t.file, t.file_size),
                             t.root, t.time_s);
    if (dir)
        (void)closedir(dir);
    return ok;
}

/* Caches of different sizes, given the same questions. */
static struct {
    struct ee_verify_cache cache;
    struct ee_cache_collateral places[PLACES];
    struct ee_cache_platform platforms[EE_CACHE_WAYS * 8];
    uint8_t bytes[PLACES * PLACE_BYTES];
} caches[CACHES];

static void caches_init(void)
{
    static const struct {
        size_t places, platforms;
    } sizes[CACHES] = {{PLACES, EE_CACHE_WAYS * 8}, {2, 1}, {3, EE_CACHE_WAYS}, {1, 0}};
    for (size_t i = 0; i < CACHES; i++)
        ee_attest_cache_init(&caches[i].cache, caches[i].places, sizes[i].places, caches[i].bytes,
                             sizes[i].places * PLACE_BYTES, caches[i].platforms,
                             sizes[i].platforms);
}

static struct ee_verdict cold;

static bool same_verdicts(const struct ee_verify_input *input, struct ee_bytes file)
{
    static struct ee_verdict warm;
    struct ee_crypto crypto = ee_crypto_openssl;
    crypto.p256_verify = remembering_verify;
    enum ee_err err = ee_attest_verify(&crypto, input, &cold);
    bool same = true;
    for (size_t i = 0; i < CACHES; i++) {
        struct ee_verify_input again = *input;
        memset(&warm, 0x55, sizeof(warm));
        if (draw(3) == 0 &&
            ee_attest_cache_decode(&caches[i].cache, file, &again.collateral) != EE_REASON_NONE)
            again.collateral = input->collateral;
        same = ee_attest_verify_cached(&crypto, &caches[i].cache, &again, &warm) == err && same;
        same = memcmp(&cold, &warm, sizeof(cold)) == 0 && same;
    }
    return same;
}

static void edges_note(struct subject *s, const struct ee_verdict *v)
{
    const int64_t edges[] = {v->tcb_issued_s,     v->tcb_expires_s,     v->qe_issued_s,
                             v->qe_expires_s,     v->root_crl_issued_s, v->root_crl_expires_s,
                             v->pck_crl_issued_s, v->pck_crl_expires_s, v->pck_not_before_s,
                             v->pck_not_after_s};
    memcpy(s->edges, edges, sizeof(s->edges));
}

static int64_t draw_time(const struct subject *s, const struct subject *other)
{
    switch (draw(8)) {
    case 3: /* the last second on either side of an edge */
        return s->edges[draw(10)] + draw(3) - 1;
    case 0:
        return other->time_s;
    case 1:
        return s->time_s + ((int64_t)draw(90 * DAY_S) - 45 * DAY_S);
    case 2:
        return (int64_t)draw(INT32_MAX);
    default:
        return s->time_s;
    }
}

/* One question: a subject, usually one of the few of the moment, with something changed or not. */
static bool step(void)
{
    static size_t recent;
    if (draw(12) == 0)
        recent = draw((uint32_t)subject_count);
    struct subject *s = &subjects[(recent + draw(3)) % subject_count];
    struct subject *other = &subjects[draw((uint32_t)subject_count)];
    struct subject *from = draw(10) == 0 ? other : s;
    uint8_t roots[2][EE_P256_POINT_SIZE];
    memcpy(roots[0], draw(10) == 0 ? other->root : s->root, EE_P256_POINT_SIZE);
    memcpy(roots[1], s->root, EE_P256_POINT_SIZE);
    size_t quote_at = draw(4) == 0 ? draw((uint32_t)s->quote_size) : 0;
    size_t file_at = draw(20) == 0 ? draw((uint32_t)from->file_size) : 0;
    uint8_t bit = (uint8_t)(1u << draw(8));
    s->quote[quote_at] ^= quote_at ? bit : 0;
    from->file[file_at] ^= file_at ? bit : 0;
    bool decoded = decode(from);
    const struct ee_verify_input input = {
        .quote = ee_bytes_of(s->quote, draw(50) ? s->quote_size : draw((uint32_t)s->quote_size)),
        .collateral = &from->collateral,
        .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
        .root_count = draw(20) ? 1 + draw(2) : 0,
        .time_s = draw_time(s, other)};
    bool same = !decoded || same_verdicts(&input, ee_bytes_of(from->file, from->file_size));
    if (decoded && cold.err == EE_OK)
        edges_note(s, &cold);
    s->quote[quote_at] ^= quote_at ? bit : 0;
    from->file[file_at] ^= file_at ? bit : 0;
    return (decoded || decode(from)) && same;
}

static void walk(void)
{
    const char *seed = getenv("EE_SEED");
    unsigned steps = getenv("EE_TEST_FULL") ? STEPS_FULL : STEPS;
    random_state = seed ? strtoull(seed, NULL, 10) : 1;
    printf("# EE_SEED=%llu\n", (unsigned long long)random_state);
    caches_init();
    for (unsigned i = 0; i < steps; i++)
        if (!step()) {
            printf("# step %u\n", i);
            CHECK(false);
            return;
        }
    const struct ee_cache_counts *roomy = &caches[0].cache.counts, *tiny = &caches[1].cache.counts;
    printf("# of %u: collateral %llu, platform %llu, quoting enclave %llu known; %llu replaced\n",
           steps, (unsigned long long)roomy->collateral_hits,
           (unsigned long long)roomy->platform_hits, (unsigned long long)roomy->qe_hits,
           (unsigned long long)tiny->evictions);
    /* Else the walk would prove little. */
    CHECK(roomy->collateral_hits > steps / 20 && roomy->platform_hits > steps / 10);
    CHECK(roomy->qe_hits > steps / 20 && tiny->evictions > steps / 100);
}

static void simulated_quotes_have_the_verdicts_they_have_without_a_cache(void)
{
    CHECK(simulated_load());
    if (subject_count)
        walk();
    subjects_free();
}

static void vectors_have_the_verdicts_they_have_without_a_cache(void)
{
    if (!getenv("EE_TDX_VECTORS"))
        SKIP("set EE_TDX_VECTORS");
    CHECK(vectors_load() && subject_count >= 100);
    if (subject_count)
        walk();
    subjects_free();
}

TESTS(TEST(simulated_quotes_have_the_verdicts_they_have_without_a_cache),
      TEST(vectors_have_the_verdicts_they_have_without_a_cache))
