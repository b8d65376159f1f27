/* SPDX-License-Identifier: Apache-2.0 */
/* What this agent runs: start, stop, end, output. Secrets are opened here and nowhere else. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "io/log.h"
#include "io/random.h"
#include "seal/job_output.h"
#include "seal/seal.h"

#include "base/banned.h"

enum {
    OUTPUT_PLAIN_MAX = 2 * EE_WORKLOAD_OUTPUT_MAX + 64,
    SEALED_SECRETS_MAX = 128 * 1024,
    FAILURE_TEXT_SIZE = 512,
    CODE_NOT_RUN = 126, /* what a shell says of a program that it cannot run, or find */
    CODE_NOT_FOUND = 127,
};

struct ee_agent_lease *ee_agent_lease_find(struct ee_agent *agent, const uint8_t id[EE_ID_SIZE])
{
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (agent->leases[i].used && memcmp(agent->leases[i].id, id, EE_ID_SIZE) == 0)
            return &agent->leases[i];
    return NULL;
}

static struct ee_agent_lease *lease_named(struct ee_agent *agent, const json_t *message)
{
    uint8_t id[EE_ID_SIZE];
    return ee_agent_json_hex(message, "lease", id, sizeof(id)) ? ee_agent_lease_find(agent, id)
                                                               : NULL;
}

static char *hex_id(const uint8_t id[EE_ID_SIZE], char out[2 * EE_ID_SIZE + 1])
{
    return ee_hex_encode(id, EE_ID_SIZE, out);
}

static void seal_context(const struct ee_agent *agent, const struct ee_agent_lease *lease,
                         enum ee_seal_kind kind, const uint8_t recipient[EE_X25519_KEY_SIZE],
                         struct ee_seal_context *out)
{
    *out = (struct ee_seal_context){.kind = kind};
    memcpy(out->network_id, agent->trust.network_id, sizeof(out->network_id));
    memcpy(out->launcher, lease->launcher, sizeof(out->launcher));
    memcpy(out->lease_id, lease->id, sizeof(out->lease_id));
    memcpy(out->deployment_hash, lease->deployment_hash, sizeof(out->deployment_hash));
    memcpy(out->recipient, recipient, EE_X25519_KEY_SIZE);
}

/* Sealed to the launcher, as base64; NULL when it cannot be. The caller frees it. */
static char *sealed_text(struct ee_agent *agent, const struct ee_agent_lease *lease,
                         struct ee_bytes plain)
{
    struct ee_seal_context context;
    uint8_t ephemeral[EE_X25519_KEY_SIZE];
    size_t size;
    uint8_t *sealed = malloc(EE_SEAL_SIZE(plain.size));
    char *text = malloc(EE_BASE64_SIZE(EE_SEAL_SIZE(plain.size)));
    seal_context(agent, lease, EE_SEAL_OUTPUT, lease->output_key, &context);
    ee_random_bytes(ephemeral, sizeof(ephemeral));
    bool ok = sealed && text &&
              ee_seal_close(agent->crypto, &context, ephemeral, plain, sealed,
                            EE_SEAL_SIZE(plain.size), &size) == EE_OK;
    ee_wipe(ephemeral, sizeof(ephemeral));
    if (ok)
        ee_base64_encode(sealed, size, text);
    free(sealed);
    if (!ok) {
        free(text);
        return NULL;
    }
    return text;
}

/* The output so far, as sealed_text(). */
static char *output_sealed(struct ee_agent *agent, const struct ee_agent_lease *lease)
{
    size_t size;
    char *text = NULL;
    uint8_t *plain = malloc(OUTPUT_PLAIN_MAX);
    if (plain && ee_workload_output(lease->workload, plain, OUTPUT_PLAIN_MAX, &size) == EE_OK) {
        text = sealed_text(agent, lease, ee_bytes_of(plain, size));
        ee_wipe(plain, size);
    }
    free(plain);
    return text;
}

/* Why a workload did not start and what helps, for its launcher alone: paths are in it. */
static char *failure_sealed(struct ee_agent *agent, const struct ee_agent_lease *lease,
                            struct ee_bytes program, enum ee_err err, int number)
{
    char text[FAILURE_TEXT_SIZE];
    uint8_t plain[EE_JOB_OUTPUT_SIZE(0, FAILURE_TEXT_SIZE)];
    size_t size;
    int name_size = program.size < 200 ? (int)program.size : 200;
    const char *name = (const char *)program.data;
    if (err == EE_NOT_FOUND)
        (void)snprintf(
            text, sizeof(text),
            "cannot run '%.*s': no such program on the agent's machine; give an absolute "
            "path or a name in PATH (a relative path starts in the workload's own, empty "
            "folder)\n",
            name_size, name);
    else if (err == EE_SPAWN && number == EACCES && agent->options.switch_user)
        (void)snprintf(text, sizeof(text),
                       "cannot run '%.*s': permission denied; it runs as user %u, who must be able "
                       "to enter each folder of the path and to execute the file: a copy in "
                       "/usr/local/bin can be reached by everybody\n",
                       name_size, name, (unsigned)agent->options.workload_uid);
    else if (err == EE_SPAWN)
        (void)snprintf(text, sizeof(text), "cannot run '%.*s': %s\n", name_size, name,
                       number == EACCES    ? "permission denied"
                       : number == ENOEXEC ? "it is no program (a script starts with #!)"
                                           : ee_err_text(err));
    else
        (void)snprintf(text, sizeof(text), "%s\n", ee_err_text(err));
    const struct ee_job_output output = {.exit_code =
                                             err == EE_NOT_FOUND ? CODE_NOT_FOUND : CODE_NOT_RUN,
                                         .stderr_bytes = ee_bytes_str(text)};
    if (ee_job_output_encode(&output, plain, sizeof(plain), &size) != EE_OK)
        return NULL;
    return sealed_text(agent, lease, ee_bytes_of(plain, size));
}

static void report_end(struct ee_agent *agent, const struct ee_agent_lease *lease)
{
    char id[2 * EE_ID_SIZE + 1];
    ee_agent_send(agent, json_pack("{s:s, s:s, s:i, s:s}", "type", "exited", "lease",
                                   hex_id(lease->id, id), "exit_code", (int)lease->exit_code,
                                   "output", lease->sealed_output ? lease->sealed_output : ""));
}

/* Starts again what waited for a workload to end. */
static void waiting_retry(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_WAITING_MAX; i++) {
        json_t *message = agent->waiting[i];
        agent->waiting[i] = NULL;
        if (message)
            ee_agent_lease_on_start(agent, message);
        json_decref(message);
    }
}

static void on_exited(void *context, struct ee_workload *workload)
{
    struct ee_agent_lease *lease = context;
    struct ee_agent *agent = lease->agent;
    lease->exit_code = ee_workload_exit_code(workload);
    ee_agent_measure_stop(agent, lease, lease->exit_code);
    lease->sealed_output = output_sealed(agent, lease);
    lease->workload = NULL;
    ee_workload_free(workload);
    EE_LOG(EE_LOG_INFO, "lease", "workload ended", ee_log_hex("lease", lease->id, EE_ID_SIZE),
           ee_log_number("exit_code", lease->exit_code));
    if (agent->state == EE_AGENT_ADMITTED)
        report_end(agent, lease);
    waiting_retry(agent);
}

/* Names given must be exactly the names the deployment declares; both lists are sorted. */
static bool secrets_match(const struct ee_deployment *deployment, const struct ee_secrets *secrets)
{
    if (deployment->secret_count != secrets->count)
        return false;
    for (size_t i = 0; i < secrets->count; i++)
        if (!ee_bytes_equal(deployment->secrets[i], ee_bytes_str(secrets->items[i].name)))
            return false;
    return true;
}

/* `plain` holds the opened bytes the secrets borrow from. */
static enum ee_err secrets_open(struct ee_agent *agent, const struct ee_agent_lease *lease,
                                const struct ee_deployment *deployment, struct ee_bytes sealed,
                                uint8_t *plain, struct ee_secrets *out)
{
    struct ee_seal_context context;
    size_t plain_size;
    out->count = 0;
    if (sealed.size == 0) /* an app that moved and has no secrets; nobody is there to seal */
        return deployment->secret_count == 0 ? EE_OK : EE_SECRETS_NEEDED;
    seal_context(agent, lease, EE_SEAL_SECRET, agent->identity->sealing_public, &context);
    EE_TRY(ee_seal_open(agent->crypto, &context, agent->identity->sealing_private, sealed, plain,
                        SEALED_SECRETS_MAX, &plain_size));
    EE_TRY(ee_secrets_decode(ee_bytes_of(plain, plain_size), out));
    return secrets_match(deployment, out) ? EE_OK : EE_DEPLOYMENT;
}

/* One launcher at a time. */
static bool other_tenant(const struct ee_agent *agent, const char *launcher)
{
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (agent->leases[i].used && agent->leases[i].workload &&
            strcmp(agent->leases[i].launcher, launcher) != 0)
            return true;
    return false;
}

static struct ee_agent_lease *slot_free(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (!agent->leases[i].used)
            return &agent->leases[i];
    return NULL;
}

static enum ee_err workload_start(struct ee_agent *agent, struct ee_agent_lease *lease,
                                  const struct ee_deployment *deployment, struct ee_bytes sealed)
{
    char folder[PATH_MAX], id[2 * EE_ID_SIZE + 1];
    uint8_t *plain = malloc(SEALED_SECRETS_MAX);
    struct ee_secrets *secrets = malloc(sizeof(*secrets));
    enum ee_err err = plain && secrets ? EE_OK : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_agent_measure_start(agent, lease);
    if (err == EE_OK)
        err = secrets_open(agent, lease, deployment, sealed, plain, secrets);
    if (err == EE_OK)
        err = ee_agent_measure_secrets(agent, lease, (uint32_t)secrets->count);
    if (err == EE_OK) {
        const struct ee_workload_start start = {.folder = folder,
                                                .deployment = deployment,
                                                .secrets = secrets,
                                                .switch_user = agent->options.switch_user,
                                                .uid = agent->options.workload_uid};
        (void)snprintf(folder, sizeof(folder), "%s/workloads/%s", agent->options.folder,
                       hex_id(lease->id, id));
        err = ee_workload_new(agent->loop, &start, on_exited, lease, &lease->workload);
    }
    int number = errno;
    if (plain)
        ee_wipe(plain, SEALED_SECRETS_MAX);
    free(plain);
    free(secrets);
    if (err != EE_OK)
        ee_agent_measure_stop(agent, lease, err == EE_NOT_FOUND ? CODE_NOT_FOUND : CODE_NOT_RUN);
    errno = number;
    return err;
}

/* Loopback is where machines keep what is private: only what the operator named leaves it. */
static bool expose_allowed(const struct ee_agent *agent, const struct ee_deployment *deployment)
{
    for (size_t i = 0; i < agent->options.exposed_count; i++)
        if (agent->options.exposed[i] == deployment->port)
            return true;
    return deployment->runtime != EE_RUNTIME_EXPOSE;
}

static enum ee_err lease_fill(struct ee_agent *agent, const json_t *message,
                              struct ee_bytes deployment_bytes, struct ee_deployment *deployment,
                              struct ee_agent_lease *lease)
{
    if (!ee_agent_json_hex(message, "lease", lease->id, EE_ID_SIZE) ||
        !ee_agent_json_name(message, "launcher", lease->launcher))
        return EE_SYNTAX;
    EE_TRY(ee_deployment_decode(deployment_bytes, deployment));
    ee_deployment_hash(agent->crypto, deployment_bytes, lease->deployment_hash);
    lease->passthrough = deployment->privacy == EE_PRIVACY_PASSTHROUGH;
    memcpy(lease->output_key, deployment->output_key, sizeof(lease->output_key));
    if (!expose_allowed(agent, deployment))
        return EE_EXPOSE_REFUSED;
    return other_tenant(agent, lease->launcher) ? EE_TENANCY : EE_OK;
}

/* `failure_out`: why not, sealed to the launcher, or NULL; the caller frees it. */
static enum ee_err lease_start(struct ee_agent *agent, const json_t *message,
                               struct ee_agent_lease *lease, char **failure_out)
{
    uint8_t *bytes = NULL, *sealed = NULL;
    size_t size, sealed_size;
    struct ee_deployment *deployment = malloc(sizeof(*deployment));
    enum ee_err err = deployment ? EE_OK : EE_NO_MEMORY;
    if (err == EE_OK &&
        (!ee_agent_json_base64(message, "deployment", EE_DEPLOYMENT_SIZE_MAX, &bytes, &size) ||
         !ee_agent_json_base64(message, "sealed", SEALED_SECRETS_MAX, &sealed, &sealed_size)))
        err = EE_SYNTAX;
    if (err == EE_OK)
        err = lease_fill(agent, message, ee_bytes_of(bytes, size), deployment, lease);
    if (err == EE_OK) {
        err = workload_start(agent, lease, deployment, ee_bytes_of(sealed, sealed_size));
        struct ee_bytes program = deployment->arg_count ? deployment->args[0] : ee_bytes_str("");
        if (err != EE_OK)
            *failure_out = failure_sealed(agent, lease, program, err, errno);
    }
    free(bytes);
    free(sealed);
    free(deployment);
    return err;
}

/* The network has freed this agent for a new launcher, but what was stopped has not quite ended:
 * keeps the message until it has. */
static bool start_postpone(struct ee_agent *agent, json_t *message)
{
    char launcher[EE_NAME_MAX + 1];
    bool others = false;
    if (!ee_agent_json_name(message, "launcher", launcher))
        return false;
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++) {
        const struct ee_agent_lease *lease = &agent->leases[i];
        if (!lease->used || !lease->workload || strcmp(lease->launcher, launcher) == 0)
            continue;
        if (!ee_workload_stopping(lease->workload))
            return false;
        others = true;
    }
    for (size_t i = 0; others && i < EE_AGENT_WAITING_MAX; i++) {
        if (!agent->waiting[i]) {
            agent->waiting[i] = json_incref(message);
            return true;
        }
    }
    return false;
}

static void waiting_drop(struct ee_agent *agent, const char *lease)
{
    for (size_t i = 0; lease && i < EE_AGENT_WAITING_MAX; i++) {
        const char *other = json_string_value(json_object_get(agent->waiting[i], "lease"));
        if (!other || strcmp(other, lease) != 0)
            continue;
        json_decref(agent->waiting[i]);
        agent->waiting[i] = NULL;
    }
}

void ee_agent_lease_on_start(struct ee_agent *agent, json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "lease"));
    struct ee_agent_lease *known = lease_named(agent, message);
    if (known && known->workload) { /* asked again: the answer was lost */
        ee_agent_send(agent, json_pack("{s:s, s:s}", "type", "started", "lease", id));
        return;
    }
    if (!known && start_postpone(agent, message))
        return;
    struct ee_agent_lease *lease = known ? NULL : slot_free(agent);
    enum ee_err err = known ? EE_LEASE_STATE : lease ? EE_OK : EE_FULL;
    char *failure = NULL;
    if (err == EE_OK) {
        *lease = (struct ee_agent_lease){.agent = agent};
        err = lease_start(agent, message, lease, &failure);
        lease->used = err == EE_OK;
    }
    if (err == EE_OK) {
        EE_LOG(EE_LOG_INFO, "lease", "workload started", ee_log_text("lease", id),
               ee_log_text("launcher", lease->launcher));
        ee_agent_send(agent, json_pack("{s:s, s:s}", "type", "started", "lease", id));
        return;
    }
    EE_LOG(EE_LOG_WARN, "lease", "workload not started", ee_log_text("lease", id), ee_log_err(err));
    ee_agent_send(agent, json_pack("{s:s, s:s*, s:s, s:s, s:s*}", "type", "start_failed", "lease",
                                   id, "error", ee_err_name(err), "detail", ee_err_text(err),
                                   "output", failure));
    free(failure);
}

void ee_agent_lease_on_stop(struct ee_agent *agent, json_t *message)
{
    waiting_drop(agent, json_string_value(json_object_get(message, "lease")));
    struct ee_agent_lease *lease = lease_named(agent, message);
    if (lease && lease->workload)
        ee_workload_stop(lease->workload);
    else if (lease)
        report_end(agent, lease);
}

static void lease_forget(struct ee_agent_lease *lease)
{
    ee_workload_free(lease->workload);
    free(lease->sealed_output);
    *lease = (struct ee_agent_lease){.used = false};
}

void ee_agent_lease_on_ended(struct ee_agent *agent, json_t *message)
{
    struct ee_agent_lease *lease = lease_named(agent, message);
    if (lease && !lease->workload)
        lease_forget(lease);
}

void ee_agent_lease_on_logs(struct ee_agent *agent, json_t *message)
{
    const json_t *request = json_object_get(message, "id");
    const char *id = json_string_value(json_object_get(message, "lease"));
    struct ee_agent_lease *lease = lease_named(agent, message);
    char *fresh = lease && lease->workload ? output_sealed(agent, lease) : NULL;
    const char *output = fresh ? fresh : lease ? lease->sealed_output : NULL;
    json_t *answer = json_pack("{s:s, s:O*, s:s*}", "type", "logs", "id", request, "lease", id);
    if (output)
        json_object_set_new(answer, "output", json_string(output));
    else
        json_object_set_new(answer, "error", json_string(ee_err_name(EE_LEASE_UNKNOWN)));
    ee_agent_send(agent, answer);
    free(fresh);
}

void ee_agent_leases_report(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (agent->leases[i].used && !agent->leases[i].workload)
            report_end(agent, &agent->leases[i]);
}

json_t *ee_agent_leases_running(const struct ee_agent *agent)
{
    char id[2 * EE_ID_SIZE + 1];
    json_t *list = json_array();
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (agent->leases[i].used && agent->leases[i].workload)
            json_array_append_new(list, json_string(hex_id(agent->leases[i].id, id)));
    return list;
}

json_t *ee_agent_leases_states(struct ee_agent *agent, const json_t *asked)
{
    json_t *states = json_object();
    size_t index;
    const json_t *item;
    json_array_foreach(asked, index, item)
    {
        uint8_t id[EE_ID_SIZE];
        const char *text = json_string_value(item);
        if (index >= EE_AGENT_LEASES_MAX || !text ||
            ee_hex_decode(ee_bytes_str(text), id, sizeof(id)) != EE_OK)
            continue;
        const struct ee_agent_lease *lease = ee_agent_lease_find(agent, id);
        json_object_set_new(states, text,
                            json_string(!lease            ? "unknown"
                                        : lease->workload ? "running"
                                                          : "exited"));
    }
    return states;
}

void ee_agent_leases_free(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_WAITING_MAX; i++)
        json_decref(agent->waiting[i]);
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (agent->leases[i].used)
            lease_forget(&agent->leases[i]);
}
