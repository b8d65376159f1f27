/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt to deliver a webhook: the name is resolved, an address that is not public is refused
 * (also loopback, but in a development network), that very address is dialled, TLS is verified for
 * the name, one POST is sent. No redirect is followed; of the answer only the status counts, and
 * only a bounded part is read. */
#ifndef EE_CONTROL_WEBHOOK_SEND_H
#define EE_CONTROL_WEBHOOK_SEND_H

#include "base/bytes.h"
#include "io/loop.h"
#include "io/tls.h"

struct ee_webhook_sending;

enum { EE_WEBHOOK_TIMEOUT_MS = 10000, EE_WEBHOOK_ANSWER_MAX = 64 * 1024 };

struct ee_webhook_message {
    const char *url; /* as ee_webhook_url_parse() takes it; all copied */
    bool loopback;   /* loopback may be dialled */
    const char *id;  /* webhook-id */
    const char *timestamp;
    const char *signature;
    struct ee_bytes body;
};

/* `status`: of the answer; 0: there was none, and `err` says why: EE_RESOLVE, EE_ADDRESS_REFUSED,
 * EE_CONNECT, EE_TLS, EE_TIMEOUT, EE_CLOSED, EE_HTTP ... The sending is freed after the call. */
typedef void (*ee_webhook_sent_fn)(void *context, enum ee_err err, uint16_t status);

/* EE_WEBHOOK_URL, EE_RESOLVE, EE_NO_MEMORY; then `fn` is not called. */
EE_MUST_USE enum ee_err ee_webhook_send(struct ee_loop *loop, struct ee_tls *tls,
                                        const struct ee_webhook_message *message,
                                        ee_webhook_sent_fn fn, void *context,
                                        struct ee_webhook_sending **out);
void ee_webhook_send_cancel(struct ee_webhook_sending *sending); /* NULL is fine */

#endif
