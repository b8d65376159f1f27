/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the proxy: itself (proxy.c) and one of its connections (proxy_link.c). */
#ifndef EE_CLIENT_PROXY_INTERNAL_H
#define EE_CLIENT_PROXY_INTERNAL_H

#include "client/proxy.h"
#include "http/parser.h"
#include "http/writer.h"
#include "io/listener.h"

struct ee_client_link;

struct ee_client_proxy {
    struct ee_client_problem *problem;
    const struct ee_client_profile *profile;
    struct ee_client_endpoint gateway;
    struct ee_loop *loop;
    struct ee_tls *tls;
    struct ee_listener *listener;
    struct ee_client_link *links;
    char app[EE_NAME_MAX + 1];
    char host[EE_NAME_MAX + 258];      /* APP.domain */
    struct ee_client_app_agent *agent; /* where TLS ends; NULL: in the control plane */
    void (*verified)(void *context);
    void *verified_context;
    uint8_t key_hash[32]; /* bound by verified evidence */
    bool wake;            /* ends a turn of the loop: a signal, or another key */
    bool stop;
    bool reverify; /* the gateway showed another key; links wait */
    uint8_t wire[EE_HTTP_HEAD_WIRE_MAX];
    struct ee_http_head head; /* being rewritten */
};

/* A local connection has come. */
void ee_client_link_accept(struct ee_client_proxy *proxy, struct ee_conn *local);
/* After a new verification: links that waited dial again. */
void ee_client_links_redial(struct ee_client_proxy *proxy);
/* Ends all that wait with an answer of 502. */
void ee_client_links_refuse_waiting(struct ee_client_proxy *proxy);
/* Ends all, nobody is called any more. */
void ee_client_links_free(struct ee_client_proxy *proxy);

#endif
