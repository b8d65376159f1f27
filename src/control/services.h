/* SPDX-License-Identifier: Apache-2.0 */
/* Loopback services that an agent of a development network puts behind the gateway by itself
 * (`ee-agent run --expose NAME=127.0.0.1:PORT`): no account, no lease, nothing measured. A
 * production network ignores them; a registered app of the same name comes first. */
#ifndef EE_CONTROL_SERVICES_H
#define EE_CONTROL_SERVICES_H

#include "control/session.h"

/* {"type":"services","services":[{"name":NAME,"instance":HEX16},...]}: replaces what this agent
 * offers. What is malformed, too much or of a production network is refused with `error`. */
void ee_services_on_offered(struct ee_session *session, const json_t *message);
/* The session that offers the service, and its instance there; NULL: nobody does. */
struct ee_session *ee_services_find(struct ee_control *control, const char *name,
                                    uint8_t instance_out[EE_ID_SIZE]);

/* Does an agent that offers it end its TLS itself? */
bool ee_services_passthrough(struct ee_control *control, const char *name);

#endif
