/* SPDX-License-Identifier: Apache-2.0 */
/* The holder's side of docs/spec/journal-key.md: a share of the journal's key goes from its holder
 * to a control plane that was verified on the connection it goes over, sealed to the key in that
 * evidence; nothing is sent before. */
#ifndef EE_CLIENT_UNSEAL_H
#define EE_CLIENT_UNSEAL_H

#include "client/session.h"
#include "seal/key_document.h"

/* On a session of ee_client_session_open_locked(): fetches the key document, compares it with what
 * this holder was shown before, opens the share with `holder_private` and sends it. When it is not
 * locked its key is compared and remembered all the same. `out` is the control plane's answer; new.
 * EE_NOT_FOUND: holders do not keep this journal's key, or there is no share for this holder;
 * EE_SEAL_OPEN (exit 7): the share was changed, or is refused there; EE_ROLLED_BACK (exit 7): an
 * older or another key than this holder was shown. */
EE_MUST_USE enum ee_err ee_client_unseal(struct ee_client_session *session,
                                         const uint8_t holder_private[EE_X25519_KEY_SIZE],
                                         json_t **out);

#endif
