/* SPDX-License-Identifier: Apache-2.0 */
/* The app gateway through real listeners, tunnel and agent: bodies both ways, slow readers, clients
 * that go away, upgrades, broken backends. control_gateway_test EE_CONTROL EE_AGENT HTTP_HELLO. The
 * backends are the test's own, so that they can misbehave. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_rig.h"
#include "tap.h"

#include "base/banned.h"

enum { BIG = 3000001 };
static uint16_t hello_port, odd_port;

static struct rig rig;
static const char *hello_program;
static pid_t hello, odd;

/* ---- a backend that misbehaves by path ---- */

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        _exit(1);
}

static void upgrade_and_echo(int fd)
{
    char bytes[4096];
    say(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    for (ssize_t got; (got = read(fd, bytes, sizeof bytes)) > 0;)
        if (write(fd, bytes, (size_t)got) != got)
            break;
}

static void serve_odd(int fd)
{
    char head[8192] = "";
    size_t size = 0;
    while (strstr(head, "\r\n\r\n") == NULL && size < sizeof head - 1) {
        ssize_t got = read(fd, head + size, sizeof head - 1 - size);
        if (got <= 0)
            return;
        size += (size_t)got;
        head[size] = '\0';
    }
    if (strncmp(head, "GET /upgrade ", 13) == 0)
        upgrade_and_echo(fd);
    else if (strncmp(head, "GET /short ", 11) == 0)
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    else if (strncmp(head, "GET /garbage ", 13) == 0)
        say(fd, "SSH-2.0-what\r\n\r\n");
    else if (strncmp(head, "GET /headers ", 13) == 0) {
        char answer[9000];
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", size,
                 head);
        say(fd, answer);
    } else if (strncmp(head, "GET /empty ", 11) == 0)
        say(fd, "HTTP/1.1 204 No Content\r\nX-Odd: yes\r\n\r\n");
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0)
        return -1;
    return fd;
}

static pid_t spawn_odd(void)
{
    int listener = listen_on(odd_port);
    pid_t pid = listener < 0 ? -1 : fork();
    if (pid != 0) {
        close(listener);
        return pid;
    }
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(1);
        serve_odd(fd);
        close(fd);
    }
}

/* ---- a client of bare sockets, for what a proper one does not do ---- */

static int dial_plain(void)
{
    const char *port = strrchr(rig.http, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval timeout = {5, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)strtoul(port != NULL ? port + 1 : "0", NULL, 10));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Reads until `wanted` bytes, the end, or the time-out; what came, with a NUL. */
static size_t read_some(int fd, char *out, size_t size, size_t wanted)
{
    size_t used = 0;
    while (used < wanted && used + 1 < size) {
        ssize_t got = read(fd, out + used, size - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    out[used] = '\0';
    return used;
}

static void ask_raw(const char *request, char *out, size_t size)
{
    int fd = dial_plain();
    out[0] = '\0';
    if (fd < 0)
        return;
    say(fd, request);
    read_some(fd, out, size, size);
    close(fd);
}

/* One request to the TLS listener by host name. */
static int ask_tls(const char *host, const char *method, const char *target, struct ee_bytes body,
                   struct ee_sync_answer *out)
{
    static struct ee_http_head head;
    struct ee_conn_connect_options options = {
        .address = rig.gateway, .tls = rig.tls, .server_name = host};
    struct ee_sync_request request = {.head = &head, .body = body};
    struct ee_sync_client *client = NULL;
    int status = 0;
    if (ee_sync_client_new(&client) == EE_OK && ee_sync_client_connect(client, &options) == EE_OK &&
        ee_http_head_request(&head, ee_bytes_str(method), ee_bytes_str(target)) == EE_OK &&
        ee_http_head_add_text(&head, "Host", host) == EE_OK) {
        enum ee_err err = ee_sync_client_request(client, &request, out);
        if (err == EE_OK)
            status = out->head->status;
        else
            printf("# %s: %s %s\n", target, ee_err_name(err), ee_sync_client_reason(client));
    }
    ee_sync_client_free(client);
    return status;
}

/* ---- tests ---- */

static bool launch_app(const char *name, uint16_t port)
{
    char lease[33], target[64];
    if (!rig_launch(&rig, "app", name, "exec sleep 1000", port, lease))
        return false;
    snprintf(target, sizeof target, "/v1/leases/%s", lease);
    return rig_wait(&rig, target, "state", "running");
}

static void two_apps_run(void)
{
    char port[8], name[] = "rig";
    hello_port = rig_free_port();
    odd_port = rig_free_port();
    snprintf(port, sizeof port, "%d", hello_port);
    char *const argv[] = {(char *)(uintptr_t)hello_program, port, name, NULL};
    REQUIRE(rig_control_start(&rig) && rig_accounts(&rig, "20"));
    REQUIRE(rig_agent_start(&rig, 0, "0.010", "ee-agent"));
    REQUIRE(rig_wait(&rig, "/v1/nodes?limit=1", "state", "connected"));
    hello = rig_spawn(&rig, "hello.log", argv);
    odd = spawn_odd();
    REQUIRE(odd > 0);
    REQUIRE(launch_app("web", hello_port) && launch_app("odd", odd_port));
}

static void host_name_finds_the_app(void)
{
    struct ee_sync_answer answer;
    REQUIRE(ask_tls("web.apps.localhost", "GET", "/healthz", ee_bytes_str(""), &answer) == 200);
    CHECK(ee_bytes_equal(ee_buffer_bytes(&answer.body), ee_bytes_str("ok\n")));
    ee_sync_answer_close(&answer);
    REQUIRE(ask_tls("WEB.apps.localhost", "GET", "/healthz", ee_bytes_str(""), &answer) == 200);
    ee_sync_answer_close(&answer);
    REQUIRE(ask_tls("nobody.apps.localhost", "GET", "/", ee_bytes_str(""), &answer) == 404);
    ee_sync_answer_close(&answer);
}

static void bodies_pass_both_ways(void)
{
    struct ee_sync_answer answer;
    uint8_t *body = malloc(BIG);
    REQUIRE(body != NULL);
    for (size_t i = 0; i < BIG; i++)
        body[i] = (uint8_t)(i * 31 >> 3);
    int status = ask_tls("web.apps.localhost", "POST", "/echo", ee_bytes_of(body, BIG), &answer);
    CHECK(status == 200);
    if (status != 0) {
        CHECK(ee_bytes_equal(ee_buffer_bytes(&answer.body), ee_bytes_of(body, BIG)));
        ee_sync_answer_close(&answer);
    }
    free(body);
    REQUIRE(ask_tls("web.apps.localhost", "GET", "/big?n=9000000", ee_bytes_str(""), &answer) ==
            200);
    CHECK(ee_buffer_bytes(&answer.body).size == 9000000);
    ee_sync_answer_close(&answer);
}

static void head_and_empty_answers_have_no_body(void)
{
    char text[4096];
    ask_raw("GET /apps/odd/empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", text,
            sizeof text);
    CHECK(strncmp(text, "HTTP/1.1 204", 12) == 0 && strstr(text, "X-Odd: yes") != NULL);
    CHECK(strstr(text, "Transfer-Encoding") == NULL);
}

static void events_arrive_as_they_come(void)
{
    char text[4096];
    int fd = dial_plain();
    REQUIRE(fd >= 0);
    say(fd, "GET /apps/web/sse HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    read_some(fd, text, sizeof text, sizeof text);
    CHECK(strstr(text, "text/event-stream") != NULL && strstr(text, "event 3") != NULL);
    close(fd);
}

static void backend_sees_the_client_and_no_forged_headers(void)
{
    char text[8192];
    ask_raw("GET /apps/odd/headers HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 6.6.6.6\r\n"
            "X-Ee-Account: root\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\r\n",
            text, sizeof text);
    const char *body = strstr(text, "\r\n\r\n");
    REQUIRE(body != NULL);
    CHECK(strstr(body, "GET /headers HTTP/1.1") != NULL);
    CHECK(strstr(body, "X-Forwarded-For: 6.6.6.6, 127.0.0.1\r\n") != NULL); /* ours is last */
    CHECK(strstr(body, "X-Ee-Account") == NULL && strstr(body, "X-Hop") == NULL);
    CHECK(strstr(body, "shop.example") != NULL);
}

static void slow_reader_does_not_stop_others(void)
{
    char text[256];
    int fd = dial_plain();
    REQUIRE(fd >= 0);
    say(fd, "GET /apps/web/big?n=200000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    rig_wait_ms(200);
    CHECK(rig_http_get(&rig, "/apps/web/healthz", text, sizeof text) == 200);
    close(fd); /* the client goes away in the middle */
    rig_wait_ms(100);
    CHECK(rig_http_get(&rig, "/apps/web/healthz", text, sizeof text) == 200);
}

static void upgraded_connection_carries_raw_bytes(void)
{
    char text[4096];
    int fd = dial_plain();
    REQUIRE(fd >= 0);
    say(fd, "GET /apps/odd/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    size_t used = 0;
    while (strstr(text, "\r\n\r\n") == NULL || used == 0) {
        size_t got = read_some(fd, text + used, sizeof text - used, 1);
        if (got == 0)
            break;
        used += got;
    }
    CHECK(strncmp(text, "HTTP/1.1 101", 12) == 0);
    say(fd, "ping-1");
    read_some(fd, text, sizeof text, 6);
    CHECK(strncmp(text, "ping-1", 6) == 0);
    say(fd, "ping-2");
    read_some(fd, text, sizeof text, 6);
    CHECK(strncmp(text, "ping-2", 6) == 0);
    close(fd);
}

static void broken_backend_is_502_or_a_cut_never_a_clean_end(void)
{
    char text[4096];
    CHECK(rig_http_get(&rig, "/apps/odd/garbage", text, sizeof text) == 502);
    CHECK(rig_http_get(&rig, "/apps/odd/nothing", text, sizeof text) == 502);
    CHECK(rig_http_get(&rig, "/apps/odd/short", text, sizeof text) == 0);
    rig_kill(&odd, SIGKILL);
    int status = rig_http_get(&rig, "/apps/odd/", text, sizeof text);
    CHECK(status == 502 || status == 503);
}

static void paths_outside_apps_are_404(void)
{
    static const char *const paths[] = {"/",           "/apps/",   "/apps/web",
                                        "/v1/network", "/apps//x", "/apps/a.b/"};
    char text[256];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        CHECK(rig_http_get(&rig, paths[i], text, sizeof text) == 404);
}

static void app_without_an_agent_is_503_with_a_time_to_come_back(void)
{
    char text[1024];
    rig_kill(&rig.agents[0].pid, SIGKILL);
    rig_wait_ms(100);
    ask_raw("GET /apps/web/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", text, sizeof text);
    CHECK(strncmp(text, "HTTP/1.1 503", 12) == 0 && strstr(text, "Retry-After: 1") != NULL);
}

int main(int argc, char **argv)
{
    const struct tap_test tests[] = {
        TEST(two_apps_run),
        TEST(host_name_finds_the_app),
        TEST(bodies_pass_both_ways),
        TEST(head_and_empty_answers_have_no_body),
        TEST(events_arrive_as_they_come),
        TEST(backend_sees_the_client_and_no_forged_headers),
        TEST(slow_reader_does_not_stop_others),
        TEST(upgraded_connection_carries_raw_bytes),
        TEST(broken_backend_is_502_or_a_cut_never_a_clean_end),
        TEST(paths_outside_apps_are_404),
        TEST(app_without_an_agent_is_503_with_a_time_to_come_back),
    };
    if (argc < 4 || !rig_init(&rig, argv[1], argv[2]))
        return 1;
    signal(SIGPIPE, SIG_IGN);
    hello_program = argv[3];
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    rig_kill(&hello, SIGKILL);
    rig_kill(&odd, SIGKILL);
    rig_close(&rig);
    return code;
}
