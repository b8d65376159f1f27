/* SPDX-License-Identifier: Apache-2.0 */
/* The secret by which the payment provider signs its webhooks. It comes sealed (HPKE, RFC 9180) to
 * the key that the evidence of this start binds, and is kept sealed. docs/spec/api.md, "Payments".
 * Loop thread. */
#ifndef EE_CONTROL_WEBHOOK_SECRET_H
#define EE_CONTROL_WEBHOOK_SECRET_H

#include "control/state.h"
#include "control/stripe.h"

/* Whether webhooks are taken. */
bool ee_webhook_secret_set(const struct ee_control *control);
/* Loads what is kept. What does not open any more (another key of the control plane) is said in the
 * log, and no webhook is taken until the issuer gives the secret again. EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_webhook_secret_load(struct ee_control *control);
/* Opens what the issuer sealed and signed, keeps it, and uses it from now on. EE_SIGNATURE: not the
 * issuer's; EE_SEAL_OPEN: not for this start of this network's control plane; EE_SYNTAX, EE_RANGE:
 * no secret; EE_IO. */
EE_MUST_USE enum ee_err ee_webhook_secret_take(struct ee_control *control, struct ee_bytes sealed,
                                               const uint8_t signature[EE_ED25519_SIGNATURE_SIZE]);
/* Webhooks are refused from now on. EE_IO. */
EE_MUST_USE enum ee_err ee_webhook_secret_clear(struct ee_control *control);
void ee_webhook_secret_wipe(struct ee_control *control);

#endif
