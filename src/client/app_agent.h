/* SPDX-License-Identifier: Apache-2.0 */
/* The agent behind a passthrough app, verified on a TLS connection that ends in it: evidence bound
 * to that connection, of the agent key and node that the control plane's ledger holds for the app,
 * whose log says that it runs the app's deployment. docs/spec/passthrough.md. */
#ifndef EE_CLIENT_APP_AGENT_H
#define EE_CLIENT_APP_AGENT_H

#include "client/session.h"

struct ee_client_app_agent {
    struct ee_client_judged judged; /* its claims hold the TLS key to pin */
    char node[EE_NAME_MAX + 1];
    char lease[2 * EE_ID_SIZE + 1];
    char deployment_hash[65];
    bool logged; /* false: that machine has no register for a log; the deployment is not proven */
};

/* `session` is verified, `app` the answer to GET /v1/apps/NAME, `host` the name to ask the gateway
 * for. EE_UNAVAILABLE: no replica runs, or the agent has no quote now; EE_CONNECT, EE_TIMEOUT,
 * EE_TLS, EE_CLOSED: the way to it; EE_NOT_BOUND: no agent ends this TLS; EE_NOT_MEASURED,
 * EE_DEPLOYMENT: its log does not say that it runs this; what ee_client_evidence_judge() refuses.
 */
EE_MUST_USE enum ee_err ee_client_app_agent_verify(struct ee_client_session *session,
                                                   const struct ee_client_endpoint *gateway,
                                                   const char *host, const json_t *app,
                                                   struct ee_client_app_agent *out);

#endif
