/* SPDX-License-Identifier: Apache-2.0 */
#include "client/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "client/proxy_internal.h"

#include "base/banned.h"

enum { TURN_MS = 3600 * 1000 };

static void on_accepted(void *context, struct ee_conn *conn)
{
    ee_client_link_accept(context, conn);
}

static void on_signal(void *context)
{
    struct ee_client_proxy *proxy = context;
    proxy->stop = true;
    proxy->wake = true;
}

static enum ee_err listen_local(struct ee_client_proxy *proxy, uint16_t port)
{
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)port);
    const struct ee_listener_options options = {.address = address,
                                                .max_connections = EE_CLIENT_PROXY_CONNECTIONS_MAX,
                                                .accepted = on_accepted,
                                                .context = proxy};
    enum ee_err err = ee_listener_new(proxy->loop, &options, &proxy->listener);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(proxy->problem, err, "%s: %s", address, strerror(errno));
    ee_client_suggest(proxy->problem, "another port with -p PORT; -p 0 takes any free one");
    return err;
}

static enum ee_err loop_open(struct ee_client_proxy *proxy)
{
    const struct ee_tls_client_options options = {.judged_by_attestation = true};
    enum ee_err err = ee_loop_new(&proxy->loop);
    if (err == EE_OK)
        err = ee_tls_client_new(&options, &proxy->tls);
    if (err == EE_OK)
        err = ee_loop_on_signal(proxy->loop, SIGINT, on_signal, proxy);
    if (err == EE_OK)
        err = ee_loop_on_signal(proxy->loop, SIGTERM, on_signal, proxy);
    return err == EE_OK ? EE_OK : ee_client_fail(proxy->problem, err, "%s", "");
}

static enum ee_err key_take(struct ee_client_proxy *proxy, struct ee_client_session *session,
                            const json_t *app)
{
    const struct ee_client_judged *judged = ee_client_session_attested(session);
    if (proxy->agent) {
        EE_TRY(
            ee_client_app_agent_verify(session, &proxy->gateway, proxy->host, app, proxy->agent));
        judged = &proxy->agent->judged;
    }
    memcpy(proxy->key_hash, judged->verdict.claims.tls_key_hash, sizeof(proxy->key_hash));
    return EE_OK;
}

static enum ee_err app_take(struct ee_client_proxy *proxy, const json_t *app)
{
    const char *name = ee_client_json_text(app, "name");
    (void)snprintf(proxy->app, sizeof(proxy->app), "%s", name);
    (void)snprintf(proxy->host, sizeof(proxy->host), "%s.%s", name, proxy->profile->domain);
    if (strcmp(ee_client_json_text(app, "privacy"), "passthrough") != 0)
        return EE_OK;
    proxy->agent = calloc(1, sizeof(*proxy->agent));
    return proxy->agent ? EE_OK : ee_client_fail(proxy->problem, EE_NO_MEMORY, "%s", "");
}

enum ee_err ee_client_proxy_new(struct ee_client_session *session, const json_t *app, uint16_t port,
                                struct ee_client_proxy **out)
{
    struct ee_client_problem *problem = ee_client_session_problem(session);
    const struct ee_client_profile *profile = ee_client_session_profile(session);
    if (!profile->gateway[0] || !profile->domain[0]) {
        (void)ee_client_fail(problem, EE_USAGE, "the profile names no gateway and domain");
        ee_client_suggest(problem, "set \"gateway\" and \"domain\" in the profile");
        return EE_USAGE;
    }
    struct ee_client_proxy *proxy = calloc(1, sizeof(*proxy));
    if (!proxy)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    proxy->problem = problem;
    proxy->profile = profile;
    enum ee_err err =
        ee_client_endpoint_parse(problem, "gateway", profile->gateway, &proxy->gateway);
    if (err == EE_OK)
        err = app_take(proxy, app);
    if (err == EE_OK)
        err = key_take(proxy, session, app);
    if (err == EE_OK)
        err = loop_open(proxy);
    if (err == EE_OK)
        err = listen_local(proxy, port);
    if (err != EE_OK) {
        ee_client_proxy_free(proxy);
        return err;
    }
    *out = proxy;
    return EE_OK;
}

uint16_t ee_client_proxy_port(const struct ee_client_proxy *proxy)
{
    return ee_listener_port(proxy->listener);
}

const struct ee_client_app_agent *ee_client_proxy_agent(const struct ee_client_proxy *proxy)
{
    return proxy->agent;
}

void ee_client_proxy_on_verified(struct ee_client_proxy *proxy, void (*verified)(void *context),
                                 void *context)
{
    proxy->verified = verified;
    proxy->verified_context = context;
}

/* A new session is a whole verification, and what the ledger holds for the app may have changed. */
static enum ee_err verify_all(struct ee_client_proxy *proxy)
{
    struct ee_client_session *session;
    char path[EE_NAME_MAX + 16];
    json_t *app = NULL;
    EE_TRY(ee_client_session_open(proxy->problem, proxy->profile, &session));
    (void)snprintf(path, sizeof(path), "/v1/apps/%s", proxy->app);
    enum ee_err err = proxy->agent ? ee_client_get(session, path, &app) : EE_OK;
    if (err == EE_OK)
        err = key_take(proxy, session, app);
    json_decref(app);
    ee_client_session_close(session);
    return err;
}

/* The key that this ends with is what the gateway must show from now on. */
static enum ee_err verify_again(struct ee_client_proxy *proxy)
{
    uint8_t before[32];
    memcpy(before, proxy->key_hash, sizeof(before));
    enum ee_err err = verify_all(proxy);
    enum ee_err_class class = ee_err_class(err);
    if (err != EE_OK && (class == EE_CLASS_TEMPORARY || class == EE_CLASS_SYSTEM)) {
        ee_client_problem_clear(
            proxy->problem); /* nobody to verify now; the next connection asks */
        ee_client_links_refuse_waiting(proxy);
        return EE_OK;
    }
    EE_TRY(err);
    if (memcmp(before, proxy->key_hash, sizeof(before)) == 0)
        return ee_client_fail(proxy->problem, EE_NOT_BOUND,
                              "the gateway shows a key that the evidence of %s does not bind",
                              proxy->agent ? "the app's agent" : "the control plane");
    if (proxy->verified)
        proxy->verified(proxy->verified_context);
    ee_client_links_redial(proxy);
    return EE_OK;
}

enum ee_err ee_client_proxy_run(struct ee_client_proxy *proxy)
{
    while (!proxy->stop) {
        enum ee_err err = ee_loop_run_until(proxy->loop, &proxy->wake, TURN_MS);
        if (err != EE_OK && err != EE_TIMEOUT)
            return ee_client_fail(proxy->problem, err, "%s", "");
        proxy->wake = false;
        if (proxy->stop || !proxy->reverify)
            continue;
        proxy->reverify = false;
        EE_TRY(verify_again(proxy));
    }
    return EE_OK;
}

void ee_client_proxy_free(struct ee_client_proxy *proxy)
{
    if (!proxy)
        return;
    ee_client_links_free(proxy);
    ee_listener_free(proxy->listener);
    ee_loop_free(proxy->loop);
    ee_tls_free(proxy->tls);
    free(proxy->agent);
    free(proxy);
}
