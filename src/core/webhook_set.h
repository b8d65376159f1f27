/* SPDX-License-Identifier: Apache-2.0 */
/* Payload and answer of WEBHOOK: what an account wants to be told of, and where. Encoded as the
 * others of core/command.h, which includes this. docs/spec/webhooks.md. */
#ifndef EE_CORE_WEBHOOK_SET_H
#define EE_CORE_WEBHOOK_SET_H

#include <stdint.h>

#include "base/money.h"
#include "base/text.h"

/* What an account can be told of; bit 1 << (kind - 1) of a set. Webhook bodies name them. */
enum ee_event_kind {
    EE_EVENT_BALANCE_LOW = 1,
    EE_EVENT_TRANSFER_RECEIVED = 2,
    EE_EVENT_CREDITS_MINTED = 3,
    EE_EVENT_LEASE_ENDED = 4,
    EE_EVENT_PERIOD_SETTLED = 5,
    EE_EVENT_REDEMPTION_REQUESTED = 6,
    EE_EVENT_REDEMPTION_CONFIRMED = 7,
    EE_EVENT_REDEMPTION_REFUSED = 8,
    EE_EVENT_TOPUP_CREDITED = 9,
    EE_EVENT_TOPUP_CHARGED_BACK = 10,
    EE_EVENT_TOPUP_RETURNED = 11,
};
enum {
    EE_EVENT_KINDS = 11,
    EE_EVENTS_ALL = (1 << EE_EVENT_KINDS) - 1,
    EE_WEBHOOK_URL_MAX = 255,
    EE_WEBHOOKS_PER_ACCOUNT = 16,
};

enum ee_webhook_op {
    EE_WEBHOOK_SET = 1,    /* slot 0: a new endpoint; else other values for this one */
    EE_WEBHOOK_REMOVE = 2, /* of slot */
    EE_WEBHOOK_ALERT = 3,  /* the low-balance thresholds */
};

/* Members that do not belong to the operation are zero. */
struct ee_webhook_set {
    enum ee_webhook_op op;
    uint8_t slot; /* 1 to EE_WEBHOOKS_PER_ACCOUNT */
    char url[EE_WEBHOOK_URL_MAX + 1];
    uint32_t events; /* at least one bit */
    char label[EE_NAME_MAX + 1];
    uint8_t secret_hash[32]; /* SHA-256 of the signing secret, which is never in a command */
    struct ee_money below;   /* alert when less is available; 0: no such threshold */
    uint32_t runway_below_s; /* alert when it lasts less long at the present burn; 0: none */
};

struct ee_webhook_result { /* answer to WEBHOOK */
    uint8_t slot;          /* 0: of an alert */
};

#endif
