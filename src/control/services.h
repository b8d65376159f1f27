/* SPDX-License-Identifier: Apache-2.0 */
/* Loopback services that an agent of a development network puts behind the gateway by itself
 * (`ee-agent run --expose NAME=127.0.0.1:PORT`): no account, no lease, nothing measured. A
 * production network ignores them; a registered app of the same name comes first. */
#ifndef EE_CONTROL_SERVICES_H
#define EE_CONTROL_SERVICES_H

#include "control/session.h"

/* {"type":"services","services":[{"name":NAME,"instance":HEX16[,"sticky":STICKY]},...]}: replaces
 * what this agent offers; STICKY is "cookie" or "header:FIELD". What is malformed, too much or of a
 * production network is refused with `error`. */
void ee_services_on_offered(struct ee_session *session, const json_t *message);
/* What the session offers under this name; NULL: nothing. */
const struct ee_session_service *ee_services_of(const struct ee_session *session, const char *name);

/* Does an agent that offers it end its TLS itself? */
bool ee_services_passthrough(struct ee_control *control, const char *name);

#endif
