/* SPDX-License-Identifier: Apache-2.0 */
/* Names to addresses by the system's resolver, on libuv's threads. Only for names that strangers
 * gave us and that are dialled once: the caller judges the address it gets and dials that one. */
#ifndef EE_IO_RESOLVE_H
#define EE_IO_RESOLVE_H

#include "io/address.h"
#include "io/loop.h"

struct ee_resolve;

enum { EE_RESOLVE_ADDRESSES_MAX = 16 };

/* `addresses` is borrowed for the call; none: EE_RESOLVE. The struct frees itself afterwards. */
typedef void (*ee_resolve_fn)(void *context, enum ee_err err, const struct ee_address *addresses,
                              size_t count);
/* `host` may be an address. Loop thread only. EE_NO_MEMORY, EE_RESOLVE. */
EE_MUST_USE enum ee_err ee_resolve_start(struct ee_loop *loop, const char *host, uint16_t port,
                                         ee_resolve_fn fn, void *context, struct ee_resolve **out);
/* `fn` is not called any more; it frees itself when the resolver is done. NULL is fine. */
void ee_resolve_cancel(struct ee_resolve *resolve);

#endif
