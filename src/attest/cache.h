/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier may remember between two quotes: facts about exact bytes, never a verdict. The
 * verdict is the one ee_attest_verify() gives, byte for byte, whatever was verified before and in
 * whatever order, also when time goes backwards. Always done anew: the quote's own signature, every
 * window, every revocation list lookup, the comparison with the collateral, TCB status.
 *
 * Remembered, only after a quote verified in full, so that hostile quotes evict nothing:
 *  - collateral: proven and decoded. Found again by its exact bytes (compared with a copy, which is
 *    cheaper than hashing them), under a root the caller accepts, within the time in which every
 *    part of it is valid; outside that time it is dropped.
 *  - a platform: its PCK certificate decoded, and that its CA signed it. Found by SHA-256 of the
 *    DER of leaf and CA, where the quoting enclave's id (header, signed by the quote) says to look:
 *    one platform, in however many encodings, fills one entry and displaces neighbours only.
 *  - its quoting enclave: that this PCK key signed the QE report and the report binds this
 *    attestation key. Found by SHA-256 of QE report, signature, key and authentication data.
 *
 * P-256 verifications: 9 with nothing remembered (10 when the root is not Intel's), 3 with the
 * collateral, 2 with the platform, 1 with the quoting enclave.
 *
 * Memory is the caller's, of a size the caller chooses; nothing is allocated. A full table replaces
 * what was not used for longest. One cache serves one thread at a time: lock it, or give each
 * thread its own. It holds no secret. */
#ifndef EE_ATTEST_CACHE_H
#define EE_ATTEST_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/trust.h"
#include "attest/verify.h"

enum {
    EE_CACHE_COLLATERAL_BYTES = 64 * 1024, /* larger collateral verifies and is not remembered */
    EE_CACHE_WAYS = 8, /* places in which one platform may be; neighbours compete for them */
    EE_CACHE_QES = 2,  /* quoting enclaves remembered for each platform */
};

/* Members are the cache's own business. About 90 KB. */
struct ee_cache_collateral {
    uint64_t used_at; /* 0: free */
    bool clean;       /* nothing in `trust` failed at the time it was established */
    int64_t from_s;   /* first and last second at which all of it is valid */
    int64_t to_s;
    struct ee_collateral collateral; /* borrows from `bytes` */
    struct ee_trust trust;           /* borrows from `bytes` */
    struct ee_trust_summary summary;
    uint8_t bytes[EE_CACHE_COLLATERAL_BYTES];
};

/* About 400 bytes. */
struct ee_cache_platform {
    uint64_t used_at; /* 0: free */
    uint8_t id[EE_SHA256_SIZE];
    struct ee_cert_facts leaf;
    struct ee_pck pck;
    uint8_t qe[EE_CACHE_QES][EE_SHA256_SIZE];
    size_t qe_count;
    size_t qe_next; /* which one the next replaces */
};

struct ee_cache_counts {
    uint64_t collateral_hits, collateral_misses;
    uint64_t platform_hits, platform_misses;
    uint64_t qe_hits, qe_misses;
    uint64_t evictions; /* entries replaced although in use */
};

struct ee_verify_cache {
    struct ee_cache_collateral *collateral;
    size_t collateral_count;
    struct ee_cache_platform *platforms;
    size_t platform_count;
    uint64_t clock; /* counts uses */
    struct ee_cache_counts counts;
};

/* An empty cache over the caller's arrays, which must outlive it. One of the collateral places is
 * always the working one: `collateral_count` 2 remembers one collateral; fewer than 2 remember
 * none. `platform_count` is best a multiple of EE_CACHE_WAYS; 0 remembers none. */
void ee_attest_cache_init(struct ee_verify_cache *cache, struct ee_cache_collateral *collateral,
                          size_t collateral_count, struct ee_cache_platform *platforms,
                          size_t platform_count);

/* Forgets everything; the counts go back to zero. */
void ee_attest_cache_clear(struct ee_verify_cache *cache);

/* As ee_attest_verify(), with what `cache` remembers. NULL: nothing is remembered. The input is
 * needed during the call only. */
EE_MUST_USE enum ee_err ee_attest_verify_cached(const struct ee_crypto *crypto,
                                                struct ee_verify_cache *cache,
                                                const struct ee_verify_input *input,
                                                struct ee_verdict *out);

#endif
