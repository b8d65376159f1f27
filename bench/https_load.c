/* SPDX-License-Identifier: Apache-2.0 */
/* Load on the API: keep-alive TLS 1.3 connections, one request on its way on each, the next when
 * its answer has come. One thread with epoll, so that the client costs little of what is measured;
 * the requests are made before the clock starts. Prints one JSON line.
 * https_load --port N --keys FILE --to FILE --clients N --requests N [--rows N] [--run TEXT]
 * FILE: an API key, or an account name, a line; client i uses key i. --rows: that many transfers in
 * each request, by the bulk route. The server's certificate is not judged: it is ours. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/text.h"

#include "base/banned.h"

enum { CLIENTS_MAX = 256, LINES_MAX = 20000, ANSWER_MAX = 1 << 20, LATENCIES_MAX = 2000000 };

struct lines {
    char *text[LINES_MAX];
    size_t count;
};

struct client {
    SSL *ssl;
    int fd;
    char *requests; /* all of this client's, one after another */
    size_t *ends;   /* of each */
    size_t sent, total;
    size_t written; /* of the present request */
    char answer[ANSWER_MAX];
    size_t got;
    uint64_t begun_us;
};

static struct options {
    uint64_t port, clients, requests, rows;
    const char *keys, *to, *run;
} options = {.clients = 32, .requests = 20000, .run = "r"};

static struct client clients[CLIENTS_MAX];
static uint32_t *latencies;
static size_t answered, refused;

static void die(const char *what)
{
    (void)fprintf(stderr, "https_load: %s\n", what);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void lines_read(const char *path, struct lines *out)
{
    char line[256];
    FILE *file = path ? fopen(path, "re") : NULL;
    if (file == NULL)
        die("--keys or --to cannot be read");
    while (out->count < LINES_MAX && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        out->text[out->count++] = strdup(line);
    }
    (void)fclose(file);
    if (out->count == 0)
        die("--keys or --to is empty");
}

/* ---- requests ---- */

static uint64_t draw(void)
{
    static uint64_t state;
    if (state == 0)
        for (const char *c = options.run; *c; c++) /* ids of another run are others */
            state = state * 1099511628211u + (unsigned char)*c + 1;
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t body_make(char *out, size_t capacity, const struct lines *to)
{
    if (options.rows == 0)
        return (size_t)snprintf(out, capacity, "{\"to\":\"%s\",\"amount\":\"0.000001\"}",
                                to->text[draw() % to->count]);
    size_t size = (size_t)snprintf(out, capacity, "{\"transfers\":[");
    for (uint64_t i = 0; i < options.rows; i++)
        size += (size_t)snprintf(
            out + size, capacity - size,
            "%s{\"to\":\"%s\",\"amount\":\"0.000001\",\"id\":\"%016llx%016llx\"}", i > 0 ? "," : "",
            to->text[draw() % to->count], (unsigned long long)draw(), (unsigned long long)draw());
    return size + (size_t)snprintf(out + size, capacity - size, "]}");
}

static void requests_make(struct client *c, size_t index, const char *key, const struct lines *to)
{
    size_t body_max = 256 + options.rows * 128, each = body_max + 512;
    char *body = malloc(body_max);
    c->total = options.requests / options.clients;
    c->requests = malloc(c->total * each);
    c->ends = calloc(c->total, sizeof(*c->ends));
    if (body == NULL || c->requests == NULL || c->ends == NULL)
        die("out of memory");
    size_t size = 0;
    for (size_t i = 0; i < c->total; i++) {
        size_t body_size = body_make(body, body_max, to);
        size += (size_t)snprintf(c->requests + size, each,
                                 "POST /v1/transfers%s HTTP/1.1\r\nHost: localhost\r\n"
                                 "Authorization: Bearer %s\r\nIdempotency-Key: %s-%zu-%zu\r\n"
                                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                 options.rows > 0 ? "/bulk" : "", key, options.run, index, i,
                                 body_size, body);
        c->ends[i] = size;
    }
    free(body);
}

/* ---- connections ---- */

static void client_open(struct client *c, SSL_CTX *tls, int epoll)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->ssl = SSL_new(tls);
    if (c->fd < 0 || c->ssl == NULL ||
        connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        die("cannot connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
        die("the TLS handshake failed");
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("epoll");
}

static void watch(struct client *c, int epoll, bool writing)
{
    struct epoll_event event = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0u),
                                .data = {.ptr = c}};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) != 0)
        die("epoll");
}

static void client_write(struct client *c, int epoll)
{
    size_t start = c->sent > 0 ? c->ends[c->sent - 1] : 0;
    size_t size = c->ends[c->sent] - start;
    while (c->written < size) {
        size_t left = size - c->written, part = left < 16384 ? left : 16384;
        int n = SSL_write(c->ssl, c->requests + start + c->written, (int)part);
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_WRITE)
                die("the connection broke while writing");
            watch(c, epoll, true);
            return;
        }
        c->written += (size_t)n;
    }
    if (size > 16384)
        watch(c, epoll, false);
}

static void next_request(struct client *c, int epoll)
{
    if (c->sent == c->total)
        return;
    c->written = 0;
    c->got = 0;
    c->begun_us = now_us();
    client_write(c, epoll);
}

/* Whether the answer is there to its last byte; it has a Content-Length. */
static bool answer_whole(const struct client *c)
{
    const char *end = memmem(c->answer, c->got, "\r\n\r\n", 4);
    if (end == NULL)
        return false;
    const char *length = memmem(c->answer, c->got, "\r\nContent-Length: ", 18);
    if (length == NULL)
        length = memmem(c->answer, c->got, "\r\ncontent-length: ", 18);
    if (length == NULL || length > end)
        die("an answer without a length");
    return c->got >= (size_t)(end + 4 - c->answer) + strtoul(length + 18, NULL, 10);
}

static void client_read(struct client *c, int epoll)
{
    for (;;) {
        int n = SSL_read(c->ssl, c->answer + c->got, (int)(sizeof(c->answer) - c->got));
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
                die("the connection broke while reading");
            return;
        }
        c->got += (size_t)n;
        if (!answer_whole(c))
            continue;
        if (answered < LATENCIES_MAX)
            latencies[answered] = (uint32_t)(now_us() - c->begun_us);
        answered++;
        if ((memcmp(c->answer, "HTTP/1.1 200", 12) != 0 ||
             (options.rows > 0 && !memmem(c->answer, c->got, "\"exceptions\":[]", 15))) &&
            refused++ == 0)
            (void)fprintf(stderr, "https_load: %.*s\n", (int)(c->got < 1000 ? c->got : 1000),
                          c->answer);
        c->sent++;
        next_request(c, epoll);
        return;
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void run(int epoll)
{
    struct epoll_event events[CLIENTS_MAX];
    size_t all = 0;
    for (size_t i = 0; i < options.clients; i++)
        all += clients[i].total;
    uint64_t begun_us = now_us();
    for (size_t i = 0; i < options.clients; i++)
        next_request(&clients[i], epoll);
    while (answered < all) {
        int n = epoll_wait(epoll, events, CLIENTS_MAX, 30000);
        if (n == 0 || (n < 0 && errno != EINTR))
            die("no answer for 30 s");
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                client_write(c, epoll);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                client_read(c, epoll);
        }
    }
    double spent_s = (double)(now_us() - begun_us) / 1e6;
    uint64_t each = options.rows > 0 ? options.rows : 1;
    qsort(latencies, answered, sizeof(*latencies), compare);
    (void)printf("{\"clients\":%llu,\"requests\":%zu,\"rows\":%llu,\"refused\":%zu,"
                 "\"requests_per_s\":%.0f,\"transfers_per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u}\n",
                 (unsigned long long)options.clients, answered, (unsigned long long)options.rows,
                 refused, (double)answered / spent_s, (double)(answered * each) / spent_s,
                 latencies[answered / 2], latencies[answered * 99 / 100]);
}

static bool options_read(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i];
        uint64_t *number = strcmp(name, "--port") == 0       ? &options.port
                           : strcmp(name, "--clients") == 0  ? &options.clients
                           : strcmp(name, "--requests") == 0 ? &options.requests
                           : strcmp(name, "--rows") == 0     ? &options.rows
                                                             : NULL;
        const char **text = strcmp(name, "--keys") == 0  ? &options.keys
                            : strcmp(name, "--to") == 0  ? &options.to
                            : strcmp(name, "--run") == 0 ? &options.run
                                                         : NULL;
        if (text)
            *text = argv[i + 1];
        else if (number == NULL || ee_u64_parse(argv[i + 1], number) != EE_OK)
            return false;
    }
    return argc % 2 == 1 && options.port > 0 && options.port < 65536 && options.clients > 0 &&
           options.clients <= CLIENTS_MAX && options.requests >= options.clients &&
           options.requests <= LATENCIES_MAX && options.rows <= 8190;
}

int main(int argc, char **argv)
{
    static struct lines keys, to;
    if (!options_read(argc, argv)) {
        (void)fputs("usage: https_load --port N --keys FILE --to FILE [--clients N] [--requests N] "
                    "[--rows N] [--run TEXT]\n",
                    stderr);
        return 2;
    }
    lines_read(options.keys, &keys);
    lines_read(options.to, &to);
    latencies = calloc(LATENCIES_MAX, sizeof(*latencies));
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (tls == NULL || epoll < 0 || latencies == NULL ||
        SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1)
        die("cannot start");
    for (size_t i = 0; i < options.clients; i++) {
        requests_make(&clients[i], i, keys.text[i % keys.count], &to);
        client_open(&clients[i], tls, epoll);
    }
    run(epoll);
    return refused > 0;
}
