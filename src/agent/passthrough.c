/* SPDX-License-Identifier: Apache-2.0 */
/* What TLS that ends in this TD needs: a certificate for the name asked for, always with the TLS
 * key that our evidence names, and evidence bound to the connection. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state.h"
#include "attest/evidence_ask.h"
#include "io/clock.h"
#include "io/log.h"

#include "base/banned.h"

enum { CHAIN_SIZE_MAX = 64 * 1024, VALID_S = 365 * 86400 };

/* RFC 7301 form: evidence when it is asked for; for the app what its plain port speaks. */
static const uint8_t protocols[] = {13,  'e', 'e', '-', 'e', 'v', 'i', 'd', 'e', 'n', 'c', 'e',
                                    '/', '1', 8,   'h', 't', 't', 'p', '/', '1', '.', '1'};

bool ee_agent_passthrough(const struct ee_agent *agent, const uint8_t instance[EE_ID_SIZE])
{
    for (size_t i = 0; i < EE_AGENT_LEASES_MAX; i++)
        if (agent->leases[i].used && memcmp(agent->leases[i].id, instance, EE_ID_SIZE) == 0)
            return agent->leases[i].passthrough;
    const struct ee_agent_service *service = ee_agent_service_find(agent, instance);
    return service && service->passthrough;
}

/* ---- certificates ---- */

/* It becomes a file name: a DNS name in lower case and nothing else. */
static bool name_valid(struct ee_bytes name)
{
    if (name.size == 0 || name.size >= EE_AGENT_SERVER_NAME_SIZE || name.data[0] == '.')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        const uint8_t c = name.data[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!plain && (c != '.' || name.data[i - 1] == '.'))
            return false;
    }
    return true;
}

static enum ee_err settings_new(const struct ee_agent *agent, struct ee_bytes chain,
                                struct ee_tls **out)
{
    const struct ee_tls_server_options options = {
        .certificate_pem = chain,
        .key_pem = ee_pem_bytes(&agent->identity->tls_key),
        .protocols = ee_bytes_of(protocols, sizeof(protocols))};
    return ee_tls_server_new(&options, out);
}

/* A chain that somebody was given for our key: STATE/certificates/NAME.pem. */
static enum ee_err chain_use(const struct ee_agent *agent, const char *name, struct ee_tls **out)
{
    char path[PATH_MAX];
    struct ee_file_data file;
    int size = snprintf(path, sizeof(path), "%s/certificates/%s.pem", agent->options.folder, name);
    if (size < 0 || (size_t)size >= sizeof(path))
        return EE_TOO_LARGE;
    EE_TRY(ee_file_read(path, CHAIN_SIZE_MAX, &file));
    enum ee_err err = settings_new(agent, ee_file_bytes(&file), out);
    ee_file_data_free(&file);
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "passthrough", "the chain cannot be used; self-issued instead",
               ee_log_text("name", name), ee_log_err(err));
    return err;
}

static enum ee_err self_issue(const struct ee_agent *agent, const char *name, struct ee_tls **out)
{
    const char *const names[] = {name};
    const struct ee_x509_subject subject = {
        .common_name = "easyenclave app", .names = names, .name_count = 1};
    const int64_t now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    const struct ee_x509_validity validity = {now_s - 86400, now_s + VALID_S};
    struct ee_pem certificate;
    EE_TRY(ee_x509_self_signed(ee_pem_bytes(&agent->identity->tls_key), &subject, validity,
                               &certificate));
    return settings_new(agent, ee_pem_bytes(&certificate), out);
}

struct ee_tls *ee_agent_passthrough_tls(struct ee_agent *agent, struct ee_bytes server_name)
{
    struct ee_agent_server_name *row = &agent->server_names[agent->server_name_next];
    char name[EE_AGENT_SERVER_NAME_SIZE];
    struct ee_tls *tls = NULL;
    if (!name_valid(server_name))
        return NULL;
    memcpy(name, server_name.data, server_name.size);
    name[server_name.size] = '\0';
    for (size_t i = 0; i < EE_AGENT_SERVER_NAMES_MAX; i++)
        if (agent->server_names[i].tls && strcmp(agent->server_names[i].name, name) == 0)
            return agent->server_names[i].tls;
    if (chain_use(agent, name, &tls) != EE_OK && self_issue(agent, name, &tls) != EE_OK)
        return NULL;
    ee_tls_free(row->tls);
    row->tls = tls;
    memcpy(row->name, name, sizeof(name));
    agent->server_name_next = (agent->server_name_next + 1) % EE_AGENT_SERVER_NAMES_MAX;
    return tls;
}

void ee_agent_certificates_reload(struct ee_agent *agent)
{
    for (size_t i = 0; i < EE_AGENT_SERVER_NAMES_MAX; i++) {
        ee_tls_free(agent->server_names[i].tls);
        agent->server_names[i].tls = NULL;
    }
}

/* ---- evidence ---- */

struct ee_agent_user_ask {
    struct ee_agent *agent;
    struct ee_agent_user_ask *next;
    ee_backend_evidence_fn fn;
    void *context;
};

static struct ee_agent_user_ask **place_of(struct ee_agent *agent, const void *context)
{
    struct ee_agent_user_ask **at = &agent->user_asks;
    while (*at && (*at)->context != context)
        at = &(*at)->next;
    return at;
}

static void ask_free(struct ee_agent_user_ask *ask)
{
    *place_of(ask->agent, ask->context) = ask->next;
    ask->agent->user_ask_count--;
    free(ask);
}

static void on_quoted(void *context, enum ee_err err, struct ee_bytes text)
{
    struct ee_agent_user_ask *ask = context;
    const struct ee_agent_user_ask of = *ask;
    ask_free(ask);
    of.fn(of.context, err, text);
}

enum ee_err ee_agent_passthrough_evidence(struct ee_agent *agent, const uint8_t challenge[32],
                                          const uint8_t exporter[32], ee_backend_evidence_fn fn,
                                          void *context)
{
    struct ee_channel channel = {.role = EE_ROLE_AGENT}; /* users show no key */
    struct ee_nonce nonce;
    if (agent->user_ask_count >= EE_AGENT_USER_ASKS_MAX)
        return EE_FULL;
    struct ee_agent_user_ask *ask = calloc(1, sizeof(*ask));
    if (!ask)
        return EE_NO_MEMORY;
    memcpy(channel.challenge, challenge, sizeof(channel.challenge));
    memcpy(channel.exporter, exporter, sizeof(channel.exporter));
    ee_freshness_channel_nonce(agent->crypto, &channel, &nonce);
    *ask = (struct ee_agent_user_ask){
        .agent = agent, .next = agent->user_asks, .fn = fn, .context = context};
    agent->user_asks = ask;
    agent->user_ask_count++;
    enum ee_err err = ee_quoter_ask(agent->quoter, &nonce, on_quoted, ask);
    if (err != EE_OK)
        ask_free(ask);
    return err;
}

void ee_agent_passthrough_evidence_forget(struct ee_agent *agent, const void *context)
{
    struct ee_agent_user_ask *ask = *place_of(agent, context);
    if (!ask)
        return;
    ee_quoter_forget(agent->quoter, ask);
    ask_free(ask);
}
