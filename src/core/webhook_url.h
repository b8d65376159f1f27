/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of webhooks: "https://host[:port]/path" (RFC 3986 sections 3.2, 3.3), and http for
 * loopback. No user part, no fragment. Which machine a name means is asked at delivery. */
#ifndef EE_CORE_WEBHOOK_URL_H
#define EE_CORE_WEBHOOK_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { EE_WEBHOOK_HOST_MAX = 253 };

struct ee_webhook_url {
    bool tls;
    bool loopback;                      /* localhost, 127.0.0.1 or [::1], by its text */
    char host[EE_WEBHOOK_HOST_MAX + 1]; /* without the brackets of an IPv6 address */
    uint16_t port;
    const char *target; /* path and query within `text`, at least "/"; a literal when it has none */
};

/* EE_WEBHOOK_URL: not of that form. */
EE_MUST_USE enum ee_err ee_webhook_url_parse(const char *text, struct ee_webhook_url *out);

#endif
