/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/state.h"
#include "io/file.h"

#include "base/banned.h"

static bool port_of(void *context, const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE],
                    uint16_t *port_out)
{
    const struct ee_agent_lease *lease = ee_agent_lease_find(context, instance);
    if (!lease)
        return ee_agent_service_port(context, instance, port_out);
    if (!lease->workload || !ee_workload_running(lease->workload))
        return false;
    *port_out = ee_workload_port(lease->workload);
    return true;
}

static void flush(void *context)
{
    ee_agent_links_flush(context);
}

static enum ee_err workloads_folder(const struct ee_agent *agent)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof(path), "%s/workloads", agent->options.folder);
    if (size < 0 || size >= PATH_MAX)
        return EE_TOO_LARGE;
    EE_TRY(ee_file_make_folder(path));
    ee_workload_sweep(path);
    return EE_OK;
}

enum ee_err ee_agent_new(struct ee_loop *loop, const struct ee_crypto *crypto,
                         const struct ee_agent_options *options,
                         const struct ee_agent_identity *identity, struct ee_tdx_device *device,
                         struct ee_agent **out)
{
    struct ee_agent *agent = calloc(1, sizeof(*agent));
    if (!agent)
        return EE_NO_MEMORY;
    agent->loop = loop;
    agent->crypto = crypto;
    agent->options = *options;
    agent->identity = identity;
    agent->device = device;
    ee_agent_services_init(agent);
    enum ee_err err = ee_trust_init(crypto, options->genesis, &agent->trust);
    if (err == EE_OK && ee_tdx_device_simulated(device) &&
        agent->trust.genesis.kind != EE_NETWORK_DEVELOPMENT)
        err = EE_SIMULATED_REFUSED;
    if (err == EE_OK)
        err = ee_agent_checkpoint_load(agent);
    if (err == EE_OK)
        err = workloads_folder(agent);
    if (err == EE_OK)
        err = ee_agent_collateral_open(agent);
    const struct ee_backend_host host = {.port_of = port_of, .flush = flush, .context = agent};
    if (err == EE_OK && !(agent->backend = ee_backend_new(loop, &host)))
        err = EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_agent_log_init(agent);
    if (err == EE_OK)
        err = ee_agent_evidence_init(agent);
    if (err == EE_OK)
        err = ee_agent_session_init(agent);
    if (err != EE_OK) {
        ee_agent_free(agent);
        return err;
    }
    *out = agent;
    return EE_OK;
}

enum ee_err ee_agent_err(const struct ee_agent *agent)
{
    return agent->err;
}

void ee_agent_free(struct ee_agent *agent)
{
    if (!agent)
        return;
    ee_agent_session_end(agent);
    ee_agent_evidence_end(agent);
    ee_agent_checkpoint_save(agent);
    ee_backend_free(agent->backend);
    ee_agent_leases_free(agent);
    ee_collateral_store_free(agent->collateral);
    ee_event_log_free(agent->log);
    free(agent);
}
