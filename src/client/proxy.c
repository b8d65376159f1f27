/* SPDX-License-Identifier: Apache-2.0 */
#include "client/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

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

static void key_take(struct ee_client_proxy *proxy, const struct ee_client_session *session)
{
    memcpy(proxy->key_hash, ee_client_session_attested(session)->verdict.claims.tls_key_hash,
           sizeof(proxy->key_hash));
}

enum ee_err ee_client_proxy_new(struct ee_client_session *session, const char *app, uint16_t port,
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
    (void)snprintf(proxy->host, sizeof(proxy->host), "%s.%s", app, profile->domain);
    key_take(proxy, session);
    enum ee_err err =
        ee_client_endpoint_parse(problem, "gateway", profile->gateway, &proxy->gateway);
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

/* A new session is a whole verification; its key is what the gateway must show from now on. */
static enum ee_err verify_again(struct ee_client_proxy *proxy)
{
    struct ee_client_session *session;
    uint8_t before[32];
    enum ee_err err = ee_client_session_open(proxy->problem, proxy->profile, &session);
    enum ee_err_class class = ee_err_class(err);
    if (err != EE_OK && (class == EE_CLASS_TEMPORARY || class == EE_CLASS_SYSTEM)) {
        ee_client_problem_clear(
            proxy->problem); /* nobody to verify now; the next connection asks */
        ee_client_links_refuse_waiting(proxy);
        return EE_OK;
    }
    EE_TRY(err);
    memcpy(before, proxy->key_hash, sizeof(before));
    key_take(proxy, session);
    ee_client_session_close(session);
    if (memcmp(before, proxy->key_hash, sizeof(before)) == 0)
        return ee_client_fail(proxy->problem, EE_NOT_BOUND,
                              "the gateway shows a key that the control plane's evidence does not "
                              "bind");
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
    free(proxy);
}
