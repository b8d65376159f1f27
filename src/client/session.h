/* SPDX-License-Identifier: Apache-2.0 */
/* A verified connection to a network's control plane. Opening it connects (TLS 1.3), asks for
 * channel-bound evidence and judges it under the genesis; nothing else, and no token, is sent
 * before that holds. A connection that is lost is opened and verified anew; the requests that were
 * not answered are sent again, which their idempotency keys make safe. */
#ifndef EE_CLIENT_SESSION_H
#define EE_CLIENT_SESSION_H

#include <stdbool.h>

#include "client/checkpoint_store.h"
#include "client/evidence.h"
#include "client/profile.h"
#include "io/buffer.h"

enum {
    EE_CLIENT_PAGE_LIMIT = 200,
    EE_CLIENT_ITEMS_MAX = 10000,
    EE_CLIENT_PATIENCE_MS = 20000, /* how long a lost control plane is waited for */
    EE_CLIENT_OUTPUT_MAX = 24 * 1024 * 1024,
};

struct ee_client_session;

/* `profile` and `problem` are borrowed for the session's life; `problem` tells of every failure
 * here. Errors of the profile; EE_CONNECT, EE_TIMEOUT, EE_TLS; what ee_client_evidence_judge() and
 * ee_client_head_observe() refuse. */
EE_MUST_USE enum ee_err ee_client_session_open(struct ee_client_problem *problem,
                                               const struct ee_client_profile *profile,
                                               struct ee_client_session **out);
/* The same for a control plane that may be locked (docs/spec/journal-key.md): its evidence on this
 * connection is judged by the genesis and by `changes`, the items of an earlier answer to GET
 * /v1/allow-changes (NULL: none); no token, no checkpoint and no logged change is asked for. */
EE_MUST_USE enum ee_err ee_client_session_open_locked(struct ee_client_problem *problem,
                                                      const struct ee_client_profile *profile,
                                                      const json_t *changes,
                                                      struct ee_client_session **out);
void ee_client_session_close(struct ee_client_session *session); /* NULL is fine */

/* The same without looking at the network's head, which a restored one does not continue: for
 * ee_client_head_recover(). Answers on it raise no kept checkpoint. */
EE_MUST_USE enum ee_err ee_client_session_open_headless(struct ee_client_problem *problem,
                                                        const struct ee_client_profile *profile,
                                                        struct ee_client_session **out);
/* Asks this session's network. Borrows it. */
struct ee_client_prover ee_client_session_prover(struct ee_client_session *session);
/* What was proven about the control plane on the present connection. */
const struct ee_client_judged *ee_client_session_attested(const struct ee_client_session *session);
/* The document itself, as it came. */
struct ee_bytes ee_client_session_evidence(const struct ee_client_session *session);
struct ee_trust *ee_client_session_trust(struct ee_client_session *session);
const struct ee_client_profile *ee_client_session_profile(const struct ee_client_session *session);
struct ee_client_problem *ee_client_session_problem(const struct ee_client_session *session);
/* Whether the key is an admin key ("eea_"): it has no account. */
bool ee_client_session_is_admin(const struct ee_client_session *session);

struct ee_client_request {
    const char *method;          /* other than GET: a mutation */
    const char *path;            /* with its query */
    json_t *body;                /* borrowed; NULL: none */
    const char *idempotency_key; /* NULL: a random one for this call */
    uint64_t timeout_ms;         /* 0: the default */
    bool raw;                    /* the answer is bytes, not JSON */
};

struct ee_client_answer {
    json_t *json; /* object; NULL when raw */
    struct ee_buffer body;
    bool final; /* header EE-Final: true */
};

/* Sends, and tracks the checkpoint of the answer. The caller closes the answer. EE_OK only for a
 * 2xx; a problem document's error otherwise; EE_SYNTAX: the answer is not what was asked for. */
EE_MUST_USE enum ee_err ee_client_session_request(struct ee_client_session *session,
                                                  const struct ee_client_request *request,
                                                  struct ee_client_answer *out);
void ee_client_answer_close(struct ee_client_answer *answer);

/* Shorthands; the value is the caller's. */
EE_MUST_USE enum ee_err ee_client_get(struct ee_client_session *session, const char *path,
                                      json_t **out);
EE_MUST_USE enum ee_err ee_client_send(struct ee_client_session *session, const char *method,
                                       const char *path, json_t *body, json_t **out);
/* All pages of a list, at most EE_CLIENT_ITEMS_MAX (EE_TOO_LARGE beyond): an array. */
EE_MUST_USE enum ee_err ee_client_list(struct ee_client_session *session, const char *path,
                                       json_t **out);

/* The account of the profile, else asked from the network once. Borrowed from the session. */
EE_MUST_USE enum ee_err ee_client_session_account(struct ee_client_session *session,
                                                  const char **out);
/* Fetches the logged changes of the allow-list and of the attestation policy and applies those the
 * founding key signed; asked for before anything is sealed. EE_MEASUREMENT: they retire the control
 * plane's own measurement. EE_TCB_REFUSED and the policy's other errors: they refuse its platform.
 */
EE_MUST_USE enum ee_err ee_client_session_allow_changes(struct ee_client_session *session);

#endif
