/* SPDX-License-Identifier: Apache-2.0 */
/* TXT records by a resolver, in the loop (c-ares behind it). Only the resolver is ever talked to:
 * answers are data, no address in them is connected to. */
#ifndef EE_IO_DNS_H
#define EE_IO_DNS_H

#include <stddef.h>

#include "base/err.h"
#include "io/loop.h"

enum { EE_DNS_TEXTS_MAX = 32, EE_DNS_TEXT_SIZE = 512, EE_DNS_TIMEOUT_MS = 2000, EE_DNS_TRIES = 2 };

struct ee_dns;

/* The text of each record, its strings joined; what has NUL bytes or is too long is left out.
 * EE_NOT_FOUND: there is no such name, or none of that kind; EE_DNS: no usable answer. */
typedef void (*ee_dns_fn)(void *context, enum ee_err err, const char (*texts)[EE_DNS_TEXT_SIZE],
                          size_t count);

/* `servers`: "192.0.2.1:53,...", numeric; NULL: those of the machine. EE_SYNTAX, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_dns_new(struct ee_loop *loop, const char *servers, struct ee_dns **out);
/* Nobody is called any more. NULL is fine. */
void ee_dns_free(struct ee_dns *dns);
/* `fn` is called once, not inside this call. The name is taken as it is, without search domains.
 * EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_dns_txt(struct ee_dns *dns, const char *name, ee_dns_fn fn,
                                   void *context);

#endif
