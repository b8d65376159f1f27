/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks of Stripe: the signature over the raw body (docs.stripe.com/webhooks, "Verify webhook
 * signatures manually") and what an event says of a payment (docs.stripe.com/api/events). Nothing
 * is kept; keys and time come in. docs/spec/api.md, "Payments". */
#ifndef EE_CONTROL_STRIPE_H
#define EE_CONTROL_STRIPE_H

#include "base/crypto.h"
#include "core/command.h"

enum {
    EE_STRIPE_TOLERANCE_S = 300,
    EE_STRIPE_HEADER_MAX = 1024,
    EE_STRIPE_BODY_MAX = 64 * 1024,
    EE_STRIPE_SIGNATURES_MAX = 8, /* v1 values of one header; two while a secret is replaced */
    EE_STRIPE_SECRETS_MAX = 2,    /* at once, for the same reason */
    EE_STRIPE_SECRET_MIN = 16,
    EE_STRIPE_SECRET_MAX = 128,
};

/* The text as the provider shows it ("whsec_..."): its bytes are the key. */
struct ee_stripe_secrets {
    uint8_t count;
    struct {
        uint8_t size;
        char text[EE_STRIPE_SECRET_MAX + 1];
    } of[EE_STRIPE_SECRETS_MAX];
};

/* One secret or two, a line each, "whsec_" before it or not. EE_SYNTAX: another number of lines, or
 * not printable; EE_RANGE: shorter or longer than secrets are. The caller wipes `out`. */
EE_MUST_USE enum ee_err ee_stripe_secrets_parse(struct ee_bytes text,
                                                struct ee_stripe_secrets *out);

/* `header`: "t=SECONDS,v1=HEX,v1=HEX,v0=HEX": exactly one t, at least one v1; other schemes are
 * ignored. Any v1 by any secret will do; all are compared, in constant time.
 * EE_WEBHOOK_SIGNATURE; EE_WEBHOOK_AGE: signed rightly, but too long ago or ahead. */
EE_MUST_USE enum ee_err ee_stripe_verify(const struct ee_crypto *crypto,
                                         const struct ee_stripe_secrets *secrets,
                                         struct ee_bytes header, struct ee_bytes body,
                                         uint64_t now_s);

/* What an event says. EE_NOT_FOUND: nothing about a payment of ours: another type, a payment not
 * yet made, one without our order. EE_SYNTAX, EE_MISSING_FIELD, EE_RANGE, EE_TOO_LARGE: malformed.
 * Members that are not looked at are ignored: the provider adds some. */
EE_MUST_USE enum ee_err ee_stripe_event(struct ee_bytes body, struct ee_payment_word *out);

#endif
