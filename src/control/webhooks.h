/* SPDX-License-Identifier: Apache-2.0 */
/* The deliverer of webhooks: for each endpoint the events of the read model, in order, one at a
 * time, until the receiver answers 2xx; at least once. Loop thread only. docs/spec/webhooks.md. */
#ifndef EE_CONTROL_WEBHOOKS_H
#define EE_CONTROL_WEBHOOKS_H

#include "control/state.h"
#include "control/webhook_send.h"
#include "control/webhook_store.h"

struct ee_webhooks;

enum {
    EE_WEBHOOKS_IN_FLIGHT_MAX = 16, /* attempts at a time, of all endpoints */
    EE_WEBHOOK_ATTEMPTS_MAX = 12,   /* of one event; then the endpoint is disabled */
    EE_WEBHOOK_OVERLAP_S = 86400,   /* a rotated secret signs as well for so long */
};

/* Opens FOLDER/webhooks.db and takes up every endpoint of the core. */
EE_MUST_USE enum ee_err ee_webhooks_new(struct ee_control *control, const char *path,
                                        const char *ca_path, const struct ee_journal_seal *seal,
                                        struct ee_webhooks **out);
void ee_webhooks_free(struct ee_webhooks *webhooks); /* NULL is fine */

/* Takes up what a durable WEBHOOK command made, changed or removed. */
void ee_webhooks_changed(struct ee_webhooks *webhooks, const char *account, uint8_t slot);
/* Goes on with an endpoint that was disabled, where it stopped. EE_WEBHOOK_UNKNOWN. */
EE_MUST_USE enum ee_err ee_webhooks_enable(struct ee_webhooks *webhooks, const char *account,
                                           uint8_t slot);
/* How it stands; NULL: there is no such endpoint. */
const struct ee_webhook_state *ee_webhooks_state(const struct ee_webhooks *webhooks,
                                                 const char *account, uint8_t slot);
/* Sends one "webhook.test" now, outside the order. EE_WEBHOOK_UNKNOWN; errors of
 * ee_webhook_send(). */
EE_MUST_USE enum ee_err ee_webhooks_test(struct ee_webhooks *webhooks, const char *account,
                                         uint8_t slot, ee_webhook_sent_fn fn, void *context,
                                         struct ee_webhook_sending **out);

/* A secret for a request of this id: the same again for the same id, so that a repeated request is
 * the same command. */
void ee_webhooks_secret_make(const struct ee_webhooks *webhooks, const char *account,
                             const uint8_t id[EE_ID_SIZE], struct ee_webhook_secret *out);
void ee_webhooks_secret_hash(const struct ee_webhooks *webhooks,
                             const struct ee_webhook_secret *secret, uint8_t hash_out[32]);
/* Before ee_webhooks_changed(). EE_IO; errors of the seal. */
EE_MUST_USE enum ee_err ee_webhooks_secret_keep(struct ee_webhooks *webhooks,
                                                const struct ee_webhook_secret *secret);

/* Seconds until the next attempt after `attempts` failed ones: 5 s, four times as long each time,
 * at most 12 h; spread by a fifth either way with `random`. All together about three days. */
int64_t ee_webhook_backoff_s(uint32_t attempts, uint32_t random);

#endif
