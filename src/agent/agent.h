/* SPDX-License-Identifier: Apache-2.0 */
/* The agent: dials out to the control plane, verifies it and is verified, runs workloads, answers
 * checks, carries requests to them. It listens on nothing. docs/spec/agent-protocol.md. */
#ifndef EE_AGENT_AGENT_H
#define EE_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/identity.h"
#include "base/bytes.h"
#include "core/trust.h"
#include "io/loop.h"
#include "link/tdx_device.h"

enum { EE_AGENT_LEASES_MAX = 64, EE_AGENT_EXPOSED_MAX = 16, EE_AGENT_SERVICES_MAX = 16 };

struct ee_agent_service {
    char name[EE_NAME_MAX + 1];
    uint16_t port;
};

struct ee_agent_options {
    const char *folder;          /* state */
    const char *node;            /* name under which its operator enrolled it */
    const char *control_address; /* "127.0.0.1:8443" */
    struct ee_bytes genesis;     /* canonical */
    /* A recovery statement (docs/spec/recovery.md) its operator accepts; NULL: `accept-recovery` in
     * the folder, if that is there. */
    const char *recovery_path;
    const char *collateral_path; /* collateral file; read again at each admission and on SIGHUP */
    uint32_t connections;        /* to the control plane, 1 to 4; 0: the default, 2 */
    uint32_t replace_s;          /* a connection is replaced after so long; 0: never */
    bool switch_user;            /* run workloads as `workload_uid` */
    uid_t workload_uid;
    /* Loopback ports of this machine that launchers may expose; none unless the operator names
     * them. */
    size_t exposed_count;
    uint16_t exposed[EE_AGENT_EXPOSED_MAX];
    /* Loopback services that a development network gets without a lease. */
    size_t service_count;
    struct ee_agent_service services[EE_AGENT_SERVICES_MAX];
};

struct ee_agent;

/* Everything in `options` but the numbers is borrowed for the agent's life, as are device, identity
 * and crypto. Ends what an earlier agent left in the folder. Errors of ee_trust_init,
 * ee_tls_client_new; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_agent_new(struct ee_loop *loop, const struct ee_crypto *crypto,
                                     const struct ee_agent_options *options,
                                     const struct ee_agent_identity *identity,
                                     struct ee_tdx_device *device, struct ee_agent **out);
/* Dials now and again whenever the session is lost, until ee_agent_free(). */
void ee_agent_start(struct ee_agent *agent);
/* Reads the collateral file again (SIGHUP). */
void ee_agent_collateral_reload(struct ee_agent *agent);
/* Why it stopped the loop by itself: EE_CHECKPOINT, the control plane contradicts what it signed
 * before. EE_OK: it did not. */
enum ee_err ee_agent_err(const struct ee_agent *agent);
/* Stops accepting work and ends the session in order; workloads are ended. */
void ee_agent_free(struct ee_agent *agent);

#endif
