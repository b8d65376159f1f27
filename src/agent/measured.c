/* SPDX-License-Identifier: Apache-2.0 */
/* What this agent measures: its own start, and each workload before it runs and when it ends. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/state.h"
#include "io/log.h"

#include "base/banned.h"

static enum ee_err register_extend(void *context, const uint8_t digest[EE_SHA384_SIZE])
{
    struct ee_agent *agent = context;
    return ee_tdx_device_rtmr_extend(agent->device, EE_TDX_RTMR_INDEX, digest);
}

static enum ee_err register_read(void *context, uint8_t out[EE_SHA384_SIZE])
{
    struct ee_agent *agent = context;
    return ee_tdx_device_rtmr_read(agent->device, EE_TDX_RTMR_INDEX, out);
}

static struct ee_agent_event start_event(const struct ee_agent *agent)
{
    struct ee_agent_event event = {.kind = EE_AGENT_EVENT_START};
    memcpy(event.network_id, agent->trust.network_id, sizeof(event.network_id));
    (void)snprintf(event.version, sizeof(event.version), "%s", EE_SOFTWARE_VERSION);
    return event;
}

static struct ee_agent_event lease_event(const struct ee_agent_lease *lease,
                                         enum ee_agent_event_kind kind)
{
    struct ee_agent_event event = {.kind = kind};
    memcpy(event.lease, lease->id, sizeof(event.lease));
    if (kind == EE_AGENT_EVENT_DEPLOYMENT || kind == EE_AGENT_EVENT_RUNNING)
        memcpy(event.deployment_hash, lease->deployment_hash, sizeof(event.deployment_hash));
    return event;
}

/* Every lease that is not forgotten is said again: a check may still ask for it. */
static enum ee_err renew(struct ee_agent *agent)
{
    struct ee_agent_event events[EE_AGENT_LEASES_MAX + 1];
    size_t count = 0;
    events[count++] = start_event(agent);
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (agent->leases[i].used && agent->leases[i].measured)
            events[count++] = lease_event(&agent->leases[i], EE_AGENT_EVENT_RUNNING);
    return ee_event_log_renew(agent->log, events, count);
}

static enum ee_err append(struct ee_agent *agent, const struct ee_agent_event *event)
{
    return agent->log ? ee_event_log_append(agent->log, event) : EE_OK;
}

/* As on a kernel before 6.16. */
static enum ee_err without_register(struct ee_agent *agent)
{
    ee_event_log_free(agent->log);
    agent->log = NULL;
    EE_LOG(EE_LOG_WARN, "measure",
           "this kernel does not let RTMR3 be extended (6.16 does): workloads are not measured, "
           "and a network that wants them to be will not pay for them");
    return EE_OK;
}

static void found_log(enum ee_event_log_found found)
{
    if (found == EE_EVENT_LOG_LOST)
        EE_LOG(EE_LOG_WARN, "measure",
               "RTMR3 holds events of which this agent has no log: its log shows only what comes "
               "from now on, until the TD is booted again");
}

enum ee_err ee_agent_log_init(struct ee_agent *agent)
{
    enum ee_event_log_found found;
    const struct ee_event_register rtmr3 = {
        .context = agent, .extend = register_extend, .read = register_read};
    int size = snprintf(agent->log_path, sizeof(agent->log_path), "%s/measured.log",
                        agent->options.folder);
    if (size < 0 || size >= (int)sizeof(agent->log_path))
        return EE_TOO_LARGE;
    enum ee_err err =
        ee_event_log_open(agent->log_path, agent->crypto, &rtmr3, &agent->log, &found);
    if (err == EE_TDX_MISSING)
        return without_register(agent);
    EE_TRY(err);
    found_log(found);
    if (ee_event_log_renewable(agent->log)) /* many restarts in one boot; nothing runs yet */
        return renew(agent);
    const struct ee_agent_event event = start_event(agent);
    err = append(agent, &event);
    return err == EE_TDX_MISSING ? without_register(agent) : err;
}

struct ee_bytes ee_agent_log_bytes(const struct ee_agent *agent)
{
    return agent->log ? ee_event_log_bytes(agent->log) : ee_bytes_of(NULL, 0);
}

enum ee_err ee_agent_measure_start(struct ee_agent *agent, struct ee_agent_lease *lease)
{
    const struct ee_agent_event event = lease_event(lease, EE_AGENT_EVENT_DEPLOYMENT);
    if (agent->log && ee_event_log_renewable(agent->log))
        EE_TRY(renew(agent));
    EE_TRY(append(agent, &event));
    lease->measured = true;
    return EE_OK;
}

enum ee_err ee_agent_measure_secrets(struct ee_agent *agent, const struct ee_agent_lease *lease,
                                     uint32_t count)
{
    struct ee_agent_event event = lease_event(lease, EE_AGENT_EVENT_SECRETS);
    event.secret_count = (uint16_t)count;
    return count > 0 ? append(agent, &event) : EE_OK;
}

void ee_agent_measure_stop(struct ee_agent *agent, const struct ee_agent_lease *lease,
                           int32_t exit_code)
{
    struct ee_agent_event event = lease_event(lease, EE_AGENT_EVENT_STOP);
    event.exit_code = exit_code;
    enum ee_err err = lease->measured ? append(agent, &event) : EE_OK;
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "measure", "the end of a workload could not be measured",
               ee_log_err(err));
}
