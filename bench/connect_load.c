/* SPDX-License-Identifier: Apache-2.0 */
/* New TLS 1.3 connections, each with one request, resumed where the server lets it:
 * connect_load PORT NAME PATH SECONDS [CONNECTIONS]. One thread, CONNECTIONS (16) at a time, to
 * 127.0.0.1. Prints {"connections":N,"resumed":N,"failed":N,"seconds":S}. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

enum { SLOTS_MAX = 256, REQUEST_MAX = 1024 };

struct slot {
    int fd;
    SSL *ssl;
    bool sent;
    short wants; /* of poll */
};

static struct slot slots[SLOTS_MAX];
static SSL_CTX *context;
static SSL_SESSION *session; /* the newest ticket */
static struct sockaddr_in address;
static char request[REQUEST_MAX];
static const char *name;
static uint64_t done, resumed, failed;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int keep_session(SSL *ssl, SSL_SESSION *fresh)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = fresh;
    return 1;
}

static void slot_open(struct slot *slot)
{
    const int one = 1;
    const struct linger reset = {.l_onoff = 1};
    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(slot->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(slot->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
        exit(1);
    slot->ssl = SSL_new(context);
    slot->sent = false;
    slot->wants = POLLOUT;
    SSL_set_fd(slot->ssl, slot->fd);
    SSL_ctrl(slot->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             (void *)(uintptr_t)name);
    SSL_set_connect_state(slot->ssl);
    if (session != NULL)
        SSL_set_session(slot->ssl, session);
}

static void slot_end(struct slot *slot, bool good)
{
    done += good;
    failed += !good;
    resumed += good && SSL_session_reused(slot->ssl);
    SSL_free(slot->ssl);
    close(slot->fd);
    slot_open(slot);
}

/* The request behind the handshake; then the first bytes of the answer are enough. */
static void slot_step(struct slot *slot)
{
    char answer[4096];
    int got = 1;
    if (!slot->sent) {
        got = SSL_write(slot->ssl, request, (int)strlen(request));
        slot->sent = got > 0;
    }
    if (slot->sent) {
        got = SSL_read(slot->ssl, answer, sizeof answer);
        if (got > 0) {
            slot_end(slot, got > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0);
            return;
        }
    }
    const int error = SSL_get_error(slot->ssl, got);
    if (error == SSL_ERROR_WANT_READ)
        slot->wants = POLLIN;
    else if (error == SSL_ERROR_WANT_WRITE)
        slot->wants = POLLOUT;
    else
        slot_end(slot, false);
}

static void run(size_t count, double seconds)
{
    struct pollfd polls[SLOTS_MAX];
    const double end = now_s() + seconds;
    for (size_t i = 0; i < count; i++)
        slot_open(&slots[i]);
    while (now_s() < end && failed < 1000) {
        for (size_t i = 0; i < count; i++)
            polls[i] = (struct pollfd){.fd = slots[i].fd, .events = slots[i].wants};
        poll(polls, (nfds_t)count, 1000);
        for (size_t i = 0; i < count; i++)
            if (polls[i].revents != 0)
                slot_step(&slots[i]);
    }
}

int main(int count, char **words)
{
    if (count != 5 && count != 6) {
        fprintf(stderr, "usage: connect_load PORT NAME PATH SECONDS [CONNECTIONS]\n");
        return 2;
    }
    const size_t at_a_time = count == 6 ? (size_t)strtoul(words[5], NULL, 10) : 16;
    if (at_a_time < 1 || at_a_time > SLOTS_MAX)
        return 2;
    name = words[2];
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)strtoul(words[1], NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             words[3], name);
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    const double start = now_s();
    run(at_a_time, strtod(words[4], NULL));
    printf("{\"connections\":%llu,\"resumed\":%llu,\"failed\":%llu,\"seconds\":%.3f}\n",
           (unsigned long long)done, (unsigned long long)resumed, (unsigned long long)failed,
           now_s() - start);
    return failed >= 1000;
}
