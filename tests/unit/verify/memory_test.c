/* SPDX-License-Identifier: Apache-2.0 */
/* A verification allocates nothing of ours; what libcrypto holds does not grow. The link wraps the
 * allocator (-Wl,--wrap=malloc), which catches every call but those from shared libraries;
 * libcrypto's go through CRYPTO_set_mem_functions. */
#include "rig.h"
#include "tap.h"

#include <stdlib.h>

#include <openssl/crypto.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static unsigned long ours; /* calls of ours to the allocator */
static long crypto_live;   /* blocks libcrypto holds */
static unsigned long crypto_made;

void *__wrap_malloc(size_t size)
{
    ours++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    ours++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    ours++;
    return __real_realloc(memory, size);
}

void __wrap_free(void *memory)
{
    ours++;
    __real_free(memory);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *memory = __real_malloc(size);
    crypto_live += memory != NULL;
    crypto_made += memory != NULL;
    return memory;
}

static void crypto_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    crypto_live -= memory != NULL;
    __real_free(memory);
}

static void *crypto_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *moved = __real_realloc(memory, size);
    crypto_live += !memory && moved;
    return moved;
}

static struct rig *rig;

static bool round_of(struct ee_verify_context *context, unsigned long count)
{
    const struct ee_verify_quote_request request = rig_quote_request(rig);
    for (unsigned long i = 0; i < count; i++)
        if (ee_verify_quote(context, &request, rig->result) != EE_VERIFY_OK)
            return false;
    return true;
}

static void verification_allocates_nothing(void)
{
    uint8_t nonce[32];
    static char json[EE_VERIFY_DOCUMENT_SIZE];
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    ee_verify_caller_nonce(rig->drawn, nonce);
    const struct ee_verify_evidence_request request = rig_evidence_request(rig, nonce);
    ours = 0;
    CHECK(round_of(rig->context, 3));
    CHECK(ee_verify_evidence(rig->context, &request, rig->result) == EE_VERIFY_OK);
    CHECK(ee_verify_result_json(rig->result, json, sizeof(json), NULL) == EE_VERIFY_OK);
    ee_verify_context_forget(rig->context);
    CHECK(round_of(rig->context, 1));
    CHECK(ours == 0);
    rig_free(rig);
    CHECK(ours != 0); /* the counter counts */
}

static void crypto_library_holds_no_more_after_10000(void)
{
    rig = rig_new(EE_SIM_HEALTHY, NULL);
    REQUIRE(rig);
    REQUIRE(round_of(rig->context, 10)); /* it may fetch algorithms once */
    long before = crypto_live;
    ours = 0;
    CHECK(round_of(rig->context, 10000));
    CHECK(ours == 0);
    CHECK(crypto_live == before);
    printf("# libcrypto: %lu blocks made, %ld held\n", crypto_made, crypto_live);
    rig_free(rig);
}

int main(void)
{
    const struct tap_test tests[] = {TEST(verification_allocates_nothing),
                                     TEST(crypto_library_holds_no_more_after_10000)};
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
        return 1;
    return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
