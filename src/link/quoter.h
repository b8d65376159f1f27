/* SPDX-License-Identifier: Apache-2.0 */
/* Answers challenges with evidence, for the control plane and for agents. One worker thread quotes;
 * nonces that come while it works share the next quote through the Merkle root of their nonces, so
 * a public endpoint cannot exhaust the quote generator. Loop thread only; callbacks come on the
 * loop, never inside a call. */
#ifndef EE_LINK_QUOTER_H
#define EE_LINK_QUOTER_H

#include "attest/evidence.h"
#include "io/loop.h"
#include "link/tdx_device.h"

struct ee_quoter;

enum { EE_QUOTER_QUEUE_MAX = EE_FRESHNESS_NONCES_MAX };

/* `text`: the evidence document, borrowed during the call; empty when err is not EE_OK. */
typedef void (*ee_quoter_fn)(void *context, enum ee_err err, struct ee_bytes text);

struct ee_quoter_options {
    const struct ee_crypto *crypto; /* borrowed for its life, as all here */
    struct ee_loop *loop;
    struct ee_tdx_device *device;
    void *context;
    /* Fresh claims, asked once per quote; at most EE_CLAIMS_SIZE_MAX bytes. */
    enum ee_err (*claims)(void *context, uint8_t *out, size_t capacity, size_t *size_out);
    /* Bytes of the collateral file to hand on with this quote, borrowed during the call; may be
     * empty. */
    struct ee_bytes (*collateral)(void *context, struct ee_bytes quote);
    /* The event log as it is now, borrowed until it is asked again; NULL: none. Asked before and
     * after each quote: when its size changed meanwhile (somebody extended RTMR3 and added to the
     * log), the quote is made again, a few times, so that log and register agree. */
    struct ee_bytes (*event_log)(void *context);
    size_t queue_max; /* nonces that may wait; 0: EE_QUOTER_QUEUE_MAX, which it may not exceed */
};

/* EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_quoter_new(const struct ee_quoter_options *options,
                                      struct ee_quoter **out);
/* Calls off the quote in progress and waits for its end; callbacks that did not come never come.
 * NULL is fine. */
void ee_quoter_free(struct ee_quoter *quoter);

/* EE_FULL: queue_max nonces wait. */
EE_MUST_USE enum ee_err ee_quoter_ask(struct ee_quoter *quoter, const struct ee_nonce *nonce,
                                      ee_quoter_fn fn, void *context);
/* The same for evidence that leaves without collateral: the asker has its own. */
EE_MUST_USE enum ee_err ee_quoter_ask_bare(struct ee_quoter *quoter, const struct ee_nonce *nonce,
                                           ee_quoter_fn fn, void *context);
/* Nobody is called for `context` any more. NULL is fine. */
void ee_quoter_forget(struct ee_quoter *quoter, const void *context);
uint64_t ee_quoter_quotes(const struct ee_quoter *quoter); /* made since the start */

#endif
