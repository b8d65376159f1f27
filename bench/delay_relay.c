/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP relay that holds every byte for a time, for measuring over a long way on one machine:
 * delay_relay TARGET-PORT DELAY-MS, both ends on 127.0.0.1. Prints the port it listens on. Bytes
 * leave when their time has come, in order, as fast as the receiver takes them: what limits a
 * transfer is only how much its ends dare to have under way. At most 64 MiB are held a direction,
 * 32 connections at a time. */
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

enum { CONNECTIONS_MAX = 32, HELD_MAX = 64 << 20, PIECE_MAX = 65536, NANOS_PER_MS = 1000000 };

struct piece {
    struct piece *next;
    int64_t due_ns;
    size_t size, sent; /* size 0: the end */
    uint8_t bytes[];
};

struct direction {
    int from, to;
    struct piece *first, **last;
    size_t held;
    bool read_ended, write_ended;
};

struct connection {
    bool used;
    struct direction ways[2];
};

static struct connection connections[CONNECTIONS_MAX];
static int64_t delay_ns;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "delay_relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void socket_prepare(int fd)
{
    const int one = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static int listen_any(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, CONNECTIONS_MAX) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        die("listen");
    socket_prepare(fd);
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void way_start(struct direction *way, int from, int to)
{
    *way = (struct direction){.from = from, .to = to};
    way->last = &way->first;
}

static void accept_one(int listener, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct connection *free_one = NULL;
    const int client = accept(listener, NULL, NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (!connections[i].used)
            free_one = &connections[i];
    if (client < 0)
        return;
    const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (free_one == NULL || connect(target, (struct sockaddr *)&address, sizeof address) != 0) {
        close(client);
        close(target);
        return;
    }
    socket_prepare(client);
    socket_prepare(target);
    free_one->used = true;
    way_start(&free_one->ways[0], client, target);
    way_start(&free_one->ways[1], target, client);
}

static void hold(struct direction *way, const uint8_t *bytes, size_t size)
{
    struct piece *piece = malloc(sizeof *piece + size);
    if (piece == NULL)
        die("memory");
    *piece = (struct piece){.due_ns = now_ns() + delay_ns, .size = size};
    memcpy(piece->bytes, bytes, size);
    *way->last = piece;
    way->last = &piece->next;
    way->held += size;
}

static void way_read(struct direction *way)
{
    static uint8_t bytes[PIECE_MAX];
    const ssize_t size = read(way->from, bytes, sizeof bytes);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    way->read_ended = size <= 0;
    hold(way, bytes, size > 0 ? (size_t)size : 0);
}

/* False: the receiver takes no more, or nothing is due. */
static bool piece_send(struct direction *way)
{
    struct piece *piece = way->first;
    if (piece == NULL || piece->due_ns > now_ns())
        return false;
    if (piece->size > 0) {
        const ssize_t sent =
            send(way->to, piece->bytes + piece->sent, piece->size - piece->sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        piece->sent = sent < 0 ? piece->size : piece->sent + (size_t)sent;
        if (piece->sent < piece->size)
            return false;
    } else {
        shutdown(way->to, SHUT_WR);
        way->write_ended = true;
    }
    way->held -= piece->size;
    way->first = piece->next;
    if (way->first == NULL)
        way->last = &way->first;
    free(piece);
    return true;
}

static void connection_end(struct connection *c)
{
    if (!c->ways[0].write_ended || !c->ways[1].write_ended)
        return;
    close(c->ways[0].from);
    close(c->ways[0].to);
    c->used = false;
}

/* Milliseconds until the next piece is due; -1: none waits for its time. */
static int until_due(void)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < 2 * (size_t)CONNECTIONS_MAX; i++) {
        const struct direction *way = &connections[i / 2].ways[i % 2];
        if (connections[i / 2].used && way->first != NULL && way->first->due_ns < first)
            first = way->first->due_ns;
    }
    const int64_t left = first - now_ns();
    return first == INT64_MAX ? -1
           : left <= 0        ? 0
                              : (int)((left + NANOS_PER_MS - 1) / NANOS_PER_MS);
}

static short wanted(const struct direction *in, const struct direction *out)
{
    const bool due = out->first != NULL && out->first->due_ns <= now_ns();
    return (short)((!in->read_ended && in->held < HELD_MAX ? POLLIN : 0) | (due ? POLLOUT : 0));
}

static void turn(int listener, uint16_t port)
{
    struct pollfd polls[1 + 2 * CONNECTIONS_MAX] = {{.fd = listener, .events = POLLIN}};
    bool waits = false;
    for (size_t i = 0; i < 2 * (size_t)CONNECTIONS_MAX; i++) {
        const struct connection *c = &connections[i / 2];
        polls[1 + i].fd = c->used ? c->ways[i % 2].from : -1;
        polls[1 + i].events = c->used ? wanted(&c->ways[i % 2], &c->ways[1 - i % 2]) : 0;
        waits = waits || (polls[1 + i].events & POLLOUT) != 0;
    }
    poll(polls, sizeof polls / sizeof polls[0], waits ? 1000 : until_due());
    if (polls[0].revents != 0)
        accept_one(listener, port);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &connections[i];
        for (size_t way = 0; c->used && way < 2; way++) {
            const short got = polls[1 + 2 * i + way].revents;
            if (polls[1 + 2 * i + way].fd == c->ways[way].from && (got & ~POLLOUT) != 0 &&
                !c->ways[way].read_ended)
                way_read(&c->ways[way]);
            while (piece_send(&c->ways[way]))
                ;
        }
        if (c->used)
            connection_end(c);
    }
}

int main(int count, char **words)
{
    if (count != 3) {
        fprintf(stderr, "usage: delay_relay TARGET-PORT DELAY-MS\n");
        return 2;
    }
    const uint16_t port = (uint16_t)strtoul(words[1], NULL, 10);
    delay_ns = (int64_t)strtoul(words[2], NULL, 10) * NANOS_PER_MS;
    const int listener = listen_any();
    for (;;)
        turn(listener, port);
}
