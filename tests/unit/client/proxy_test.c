/* SPDX-License-Identifier: Apache-2.0 */
/* The local proxy of `ee connect`, driven by a plain socket from another thread. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/proxy.h"
#include "tap.h"

#include "network.h"

static struct ee_client_problem problem;
static struct ee_client_profile profile;

/* What the other thread does: sends, and reads until `answers` answers came or the end. */
struct visitor {
    uint16_t port;
    const char *text;
    unsigned answers;
    char got[8192];
    bool stop; /* ends the proxy afterwards */
};

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

static int dial(uint16_t port)
{
    const struct timeval patience = {.tv_sec = 3};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static void *visit(void *context)
{
    struct visitor *v = context;
    size_t used = 0;
    int fd = dial(v->port);
    ssize_t sent = send(fd, v->text, strlen(v->text), MSG_NOSIGNAL), size = 1;
    while (sent > 0 && size > 0 && count_of(v->got, "HTTP/1.1 ") <= v->answers &&
           count_of(v->got, "{\"ok\":true}") < v->answers) {
        size = recv(fd, v->got + used, sizeof(v->got) - 1 - used, 0);
        used += size > 0 ? (size_t)size : 0;
    }
    (void)close(fd);
    if (v->stop)
        (void)kill(getpid(), SIGTERM);
    return NULL;
}

/* Runs the proxy while the visitor visits. */
static enum ee_err serve(struct visitor *v, struct ee_client_profile *with)
{
    struct ee_client_session *session;
    struct ee_client_proxy *proxy;
    pthread_t thread;
    enum ee_err err = ee_client_session_open(&problem, with, &session);
    if (err != EE_OK)
        return err;
    json_t *app = json_pack("{s:s}", "name", "web");
    err = ee_client_proxy_new(session, app, 0, &proxy);
    json_decref(app);
    ee_client_session_close(session);
    if (err != EE_OK)
        return err;
    v->port = ee_client_proxy_port(proxy);
    if (pthread_create(&thread, NULL, visit, v) != 0)
        return EE_SPAWN;
    err = ee_client_proxy_run(proxy);
    ee_client_proxy_free(proxy); /* before the join: a visitor may wait for its end */
    (void)pthread_join(thread, NULL);
    return err;
}

static void requests_of_one_connection_go_to_the_app(void)
{
    struct network *network = network_start(HONEST, &profile);
    struct visitor v = {.text = "GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
                                "POST /b HTTP/1.1\r\nHost: evil\r\nContent-Length: 3\r\n\r\nabc"
                                "PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n",
                        .answers = 3,
                        .stop = true};
    CHECK(serve(&v, &profile) == EE_OK);
    CHECK(count_of(v.got, "HTTP/1.1 200") == 3 && count_of(v.got, "{\"ok\":true}") == 3);
    CHECK(network_last_host_is(network, "web.apps.test"));
    CHECK(network_last_body(network) == 7);
    CHECK(network_tokens_seen(network) == 0); /* the API's key is none of the app's business */
    network_stop(network);
}

static void a_malformed_request_is_answered_here(void)
{
    struct network *network = network_start(HONEST, &profile);
    struct visitor v = {
        .text = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .answers = 1, .stop = true};
    CHECK(serve(&v, &profile) == EE_OK);
    CHECK(strstr(v.got, "HTTP/1.1 400") && strstr(v.got, "ee connect: "));
    CHECK(network_requests(network) == 2); /* evidence and head of the session */
    network_stop(network);
}

/* Somebody sits in front of the gateway with a key of his own. */
static void a_gateway_with_a_key_nothing_vouches_for(void)
{
    struct ee_client_profile other;
    struct network *impostor = network_start(HONEST, &other);
    struct network *network = network_start(HONEST, &profile);
    struct visitor v = {.text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .answers = 1};
    memcpy(profile.gateway, other.gateway, sizeof(profile.gateway));
    CHECK(serve(&v, &profile) == EE_NOT_BOUND);
    CHECK(ee_client_problem_exit_code(&problem) == 7 && !strstr(v.got, "200"));
    CHECK(network_requests(impostor) == 0);
    ee_client_problem_clear(&problem);
    network_stop(network);
    network_stop(impostor);
}

static void a_gateway_that_is_gone(void)
{
    struct network *network = network_start(HONEST, &profile);
    struct visitor v = {.text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .answers = 1, .stop = true};
    (void)snprintf(profile.gateway, sizeof(profile.gateway), "https://127.0.0.1:1");
    CHECK(serve(&v, &profile) == EE_OK);
    CHECK(strstr(v.got, "HTTP/1.1 502"));
    network_stop(network);
}

static void profiles_without_a_gateway(void)
{
    struct network *network = network_start(HONEST, &profile);
    struct visitor v = {.stop = false};
    profile.gateway[0] = '\0';
    CHECK(serve(&v, &profile) == EE_USAGE && problem.suggestion_count == 1);
    ee_client_problem_clear(&problem);
    network_stop(network);
}

TESTS(TEST(requests_of_one_connection_go_to_the_app), TEST(a_malformed_request_is_answered_here),
      TEST(a_gateway_with_a_key_nothing_vouches_for), TEST(a_gateway_that_is_gone),
      TEST(profiles_without_a_gateway))
