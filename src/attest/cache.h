/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier may remember between two quotes: facts about exact bytes, never a verdict. The
 * verdict is the one ee_attest_verify() gives, byte for byte, whatever was verified before and in
 * whatever order, also when time goes backwards. Always done anew: the quote's own signature, every
 * window, every look into a revocation list, the comparison with the collateral, TCB status.
 *
 * Remembered, only after a quote verified in full, so that hostile quotes displace nothing:
 *  - collateral: decoded, and proven under its root. Found again by its exact bytes (compared with
 *    a copy, which is cheaper than hashing them), used under a root the caller accepts within the
 *    time in which every part of it is valid, and dropped outside that time.
 *  - a platform: its PCK certificate decoded, and that its CA signed it. Found by SHA-256 of the
 *    DER of leaf and CA: however a quote writes its chain, a platform fills one place.
 *  - its quoting enclave, with the platform: that this PCK key signed the QE report and the report
 *    binds this attestation key. Found by SHA-256 of QE report, signature, key and authentication
 *    data.
 *
 * P-256 verifications: 9 with nothing remembered (10 when the root is not Intel's), 3 with the
 * collateral, 2 with the platform, 1 with the quoting enclave.
 *
 * Memory is the caller's, as much as the caller wants; nothing is allocated. A full table replaces
 * what was not used for longest. One cache serves one thread at a time: lock it, or give each
 * thread its own. It holds no secret. Where strangers choose the collateral, keep a cache for them
 * alone: who has a genuine platform can have any genuine collateral remembered. */
#ifndef EE_ATTEST_CACHE_H
#define EE_ATTEST_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/trust.h"
#include "attest/verify.h"

enum {
    EE_CACHE_WAYS = 8, /* places a platform may have, chosen by its hash; it competes for these */
    EE_CACHE_QES = 2,  /* quoting enclaves remembered for each platform */
    EE_CACHE_SERIAL_MAX = 21,
};

/* Members are the cache's own business. About 25 KB. */
struct ee_cache_collateral {
    uint64_t used_at; /* 0: free */
    int64_t to_s;     /* last second at which all of it is valid; the first is in `trust` */
    uint8_t *bytes;   /* decoded parts, then the file they came from, if they did */
    size_t file_size; /* 0: from no file */
    struct ee_collateral collateral; /* borrows from `bytes` */
    struct ee_trust trust;           /* borrows from `bytes` */
};

/* 312 bytes. */
struct ee_cache_platform {
    uint64_t used_at; /* 0: free */
    uint8_t id[EE_SHA256_SIZE];
    int64_t not_before_s;
    int64_t not_after_s;
    uint8_t key[EE_P256_POINT_SIZE];
    uint8_t serial[EE_CACHE_SERIAL_MAX];
    uint8_t serial_size;
    struct ee_pck pck;
    uint8_t qe_count;
    uint8_t qe_next; /* which one the next replaces */
    uint8_t qe[EE_CACHE_QES][EE_SHA256_SIZE];
};

struct ee_cache_counts {
    uint64_t collateral_hits, collateral_misses;
    uint64_t platform_hits, platform_misses;
    uint64_t qe_hits, qe_misses;
    uint64_t evictions; /* places taken from others */
};

struct ee_verify_cache {
    struct ee_cache_collateral *collateral;
    size_t collateral_count;
    size_t working;  /* which of them takes the next collateral */
    size_t capacity; /* bytes of each */
    struct ee_cache_platform *platforms;
    size_t platform_count;
    uint64_t clock; /* counts uses */
    struct ee_cache_counts counts;
};

/* An empty cache over the caller's memory, which must outlive it and is not initialised.
 * One of the `collateral_count` places is always the working one: 2 remember one collateral, fewer
 * than 2 none. `bytes` is shared among them equally; collateral needs its decoded size in it (17 KB
 * for Intel's), and from files twice the file's size (40 KB). What does not fit is verified and not
 * remembered. `platform_count` is best a multiple of EE_CACHE_WAYS; 0 remembers none. */
void ee_attest_cache_init(struct ee_verify_cache *cache, struct ee_cache_collateral *collateral,
                          size_t collateral_count, uint8_t *bytes, size_t size,
                          struct ee_cache_platform *platforms, size_t platform_count);

/* Forgets everything, and counts from 0. Never needed for correctness. */
void ee_attest_cache_clear(struct ee_verify_cache *cache);

/* The decoded form of a collateral file: remembered, found by the file's exact bytes, or decoded
 * now. For the input of the next ee_attest_verify_cached() with this cache; valid until that call
 * returns. Failures as ee_attest_collateral_decode(); EE_REASON_COLLATERAL_TOO_LARGE also when it
 * does not fit the cache: decode it elsewhere. */
EE_MUST_USE enum ee_reason ee_attest_cache_decode(struct ee_verify_cache *cache,
                                                  struct ee_bytes file,
                                                  const struct ee_collateral **out);

/* As ee_attest_verify(), with what `cache` remembers; NULL: nothing. The input is needed during
 * the call only. */
EE_MUST_USE enum ee_err ee_attest_verify_cached(const struct ee_crypto *crypto,
                                                struct ee_verify_cache *cache,
                                                const struct ee_verify_input *input,
                                                struct ee_verdict *out);

/* ---- Steps of ee_attest_verify_cached() ---- */

/* What is remembered of this collateral at this time; NULL: nothing. */
struct ee_cache_collateral *ee_attest_cache_collateral_find(struct ee_verify_cache *cache,
                                                            const struct ee_collateral *collateral,
                                                            int64_t time_s);
/* The working place with a copy of this collateral; NULL: it does not fit. */
struct ee_cache_collateral *ee_attest_cache_collateral_take(struct ee_verify_cache *cache,
                                                            const struct ee_collateral *collateral);
/* The place was used by a quote that verified: the working one becomes a remembered one. */
void ee_attest_cache_collateral_keep(struct ee_verify_cache *cache,
                                     struct ee_cache_collateral *place);

struct ee_cache_platform *ee_attest_cache_platform_find(const struct ee_verify_cache *cache,
                                                        const uint8_t id[EE_SHA256_SIZE]);
/* A place for this new platform, its `id` set; NULL: the cache remembers none. */
struct ee_cache_platform *ee_attest_cache_platform_add(struct ee_verify_cache *cache,
                                                       const uint8_t id[EE_SHA256_SIZE]);
bool ee_attest_cache_qe_known(const struct ee_cache_platform *platform,
                              const uint8_t qe[EE_SHA256_SIZE]);
void ee_attest_cache_qe_add(struct ee_cache_platform *platform, const uint8_t qe[EE_SHA256_SIZE]);

#endif
