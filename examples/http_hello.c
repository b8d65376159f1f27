/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 server to run as an app: http-hello [PORT [NAME]], or PORT and NAME in the
 * environment. Listens on 127.0.0.1 only; one thread, poll(2), fixed memory.
 *
 *     GET /         "hello from NAME" and a counter
 *     GET /healthz  "ok"
 *     POST /echo    the body, streamed back as it comes (length or chunked)
 *     GET /big?n=N  N bytes
 *     GET /sse      three server-sent events, 50 ms apart
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "chunked.h"

enum {
    CONNECTIONS_MAX = 128,
    HEAD_SIZE_MAX = 8192,
    OUT_SIZE = 32768,
    OUT_ROOM = 1024, /* room every step of an answer may use without asking */
    EVENT_INTERVAL_MS = 50,
    EVENT_COUNT = 3,
};

enum phase { READ_HEAD, SEND_BIG, SEND_EVENTS, ECHO_LENGTH, ECHO_CHUNKED, DRAIN };

struct connection {
    int fd; /* -1: unused */
    enum phase phase;
    bool close_after;
    bool peer_done; /* half-closed by the peer: answers may still go out */
    uint64_t left;  /* bytes of the body still to be sent or echoed */
    struct chunked chunked;
    unsigned events_sent;
    int64_t next_event_ms;
    size_t in_size;
    size_t out_size;
    char in[HEAD_SIZE_MAX];
    char out[OUT_SIZE];
};

struct server {
    const char *name;
    uint64_t requests;
    struct connection connections[CONNECTIONS_MAX];
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put(struct connection *c, const void *data, size_t size)
{
    memcpy(c->out + c->out_size, data, size);
    c->out_size += size;
}

static void put_text(struct connection *c, const char *text)
{
    put(c, text, strlen(text));
}

static void take_in(struct connection *c, size_t size)
{
    memmove(c->in, c->in + size, c->in_size - size);
    c->in_size -= size;
}

static void head_of_answer(struct connection *c, const char *status, const char *type,
                           const char *length)
{
    char head[512];
    (void)snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: %s\r\n%s\r\n%s\r\n", status,
                   type, length, c->close_after ? "Connection: close\r\n" : "");
    put_text(c, head);
}

static void answer(struct connection *c, const char *status, const char *body)
{
    char length[64];
    (void)snprintf(length, sizeof(length), "Content-Length: %zu", strlen(body));
    head_of_answer(c, status, "text/plain", length);
    put_text(c, body);
}

/* Ends the connection, with an answer where none has begun. */
static void refuse(struct connection *c, const char *status)
{
    c->close_after = true;
    if (status)
        answer(c, status, "refused\n");
    c->phase = DRAIN;
}

/* The value of a field in the NUL-terminated head, copied without outer blanks; false: absent. */
static bool field(const char *head, const char *name, char *out, size_t out_size)
{
    size_t name_size = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, name_size) != 0 || line[2 + name_size] != ':')
            continue;
        const char *value = line + 2 + name_size + 1;
        value += strspn(value, " \t");
        size_t size = strcspn(value, "\r");
        while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
            size--;
        if (size >= out_size)
            return false;
        memcpy(out, value, size);
        out[size] = '\0';
        return true;
    }
    return false;
}

static bool number(const char *text, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static void begin_echo(struct connection *c, const char *head)
{
    char value[64], length[128];
    if (field(head, "Expect", value, sizeof(value)))
        put_text(c, "HTTP/1.1 100 Continue\r\n\r\n");
    if (field(head, "Transfer-Encoding", value, sizeof(value))) {
        if (strcasecmp(value, "chunked") != 0) {
            refuse(c, "501 Not Implemented");
            return;
        }
        c->phase = ECHO_CHUNKED;
        c->chunked = (struct chunked){CHUNKED_SIZE, 0};
        head_of_answer(c, "200 OK", "application/octet-stream", "Transfer-Encoding: chunked");
        return;
    }
    if (!field(head, "Content-Length", value, sizeof(value)) || !number(value, &c->left)) {
        refuse(c, "411 Length Required");
        return;
    }
    (void)snprintf(length, sizeof(length), "Content-Length: %s", value);
    head_of_answer(c, "200 OK", "application/octet-stream", length);
    c->phase = ECHO_LENGTH;
}

static void begin_big(struct connection *c, const char *query)
{
    char length[64];
    if (!number(query, &c->left)) {
        refuse(c, "400 Bad Request");
        return;
    }
    (void)snprintf(length, sizeof(length), "Content-Length: %llu", (unsigned long long)c->left);
    head_of_answer(c, "200 OK", "application/octet-stream", length);
    c->phase = SEND_BIG;
}

static void begin_events(struct connection *c)
{
    head_of_answer(c, "200 OK", "text/event-stream",
                   "Cache-Control: no-store\r\nTransfer-Encoding: chunked");
    c->phase = SEND_EVENTS;
    c->events_sent = 0;
    c->next_event_ms = now_ms();
}

static void route(struct server *server, struct connection *c, const char *head)
{
    char method[16], target[1024], version[16], value[64], hello[256];
    if (sscanf(head, "%15s %1023s %15s", method, target, version) != 3 ||
        strncmp(version, "HTTP/1.", 7) != 0) {
        refuse(c, "400 Bad Request");
        return;
    }
    c->close_after = strcmp(version, "HTTP/1.0") == 0;
    if (field(head, "Connection", value, sizeof(value)) && strcasecmp(value, "close") == 0)
        c->close_after = true;
    server->requests++;
    if (strcmp(method, "POST") == 0 && strcmp(target, "/echo") == 0)
        begin_echo(c, head);
    else if (field(head, "Transfer-Encoding", value, sizeof(value)) ||
             (field(head, "Content-Length", value, sizeof(value)) && strcmp(value, "0") != 0))
        refuse(c, "413 Content Too Large"); /* only /echo takes a body */
    else if (strcmp(method, "GET") != 0)
        refuse(c, "405 Method Not Allowed");
    else if (strcmp(target, "/healthz") == 0)
        answer(c, "200 OK", "ok\n");
    else if (strncmp(target, "/big?n=", 7) == 0)
        begin_big(c, target + 7);
    else if (strcmp(target, "/sse") == 0)
        begin_events(c);
    else if (strcmp(target, "/") == 0) {
        (void)snprintf(hello, sizeof(hello), "hello from %.100s\nrequest %llu\n", server->name,
                       (unsigned long long)server->requests);
        answer(c, "200 OK", hello);
    } else
        answer(c, "404 Not Found", "not found\n");
}

static bool read_head(struct server *server, struct connection *c)
{
    char head[HEAD_SIZE_MAX + 1];
    memcpy(head, c->in, c->in_size);
    head[c->in_size] = '\0';
    char *end = strstr(head, "\r\n\r\n");
    if (!end) {
        if (c->in_size == HEAD_SIZE_MAX)
            refuse(c, "431 Request Header Fields Too Large");
        return false;
    }
    if (OUT_SIZE - c->out_size < OUT_ROOM)
        return false;
    end[2] = '\0';
    take_in(c, (size_t)(end - head) + 4);
    route(server, c, head);
    return true;
}

static bool send_big(struct connection *c)
{
    size_t size = OUT_SIZE - c->out_size;
    if (size > c->left)
        size = (size_t)c->left;
    memset(c->out + c->out_size, 'x', size);
    c->out_size += size;
    c->left -= size;
    if (c->left == 0)
        c->phase = READ_HEAD;
    return c->left == 0;
}

static bool send_events(struct connection *c)
{
    char event[64], chunk[96];
    if (OUT_SIZE - c->out_size < OUT_ROOM || now_ms() < c->next_event_ms)
        return false;
    c->events_sent++;
    int size = snprintf(event, sizeof(event), "id: %u\ndata: event %u of %d\n\n", c->events_sent,
                        c->events_sent, EVENT_COUNT);
    (void)snprintf(chunk, sizeof(chunk), "%x\r\n%s\r\n", (unsigned)size, event);
    put_text(c, chunk);
    c->next_event_ms = now_ms() + EVENT_INTERVAL_MS;
    if (c->events_sent < EVENT_COUNT)
        return false;
    put_text(c, "0\r\n\r\n");
    c->phase = READ_HEAD;
    return true;
}

static bool echo_length(struct connection *c)
{
    size_t size = OUT_SIZE - c->out_size;
    if (size > c->in_size)
        size = c->in_size;
    if (size > c->left)
        size = (size_t)c->left;
    put(c, c->in, size);
    take_in(c, size);
    c->left -= size;
    if (c->left == 0)
        c->phase = READ_HEAD;
    return c->left == 0;
}

static bool echo_chunked(struct connection *c)
{
    size_t room = OUT_SIZE - c->out_size;
    size_t used = chunked_scan(&c->chunked, c->in, c->in_size < room ? c->in_size : room);
    put(c, c->in, used);
    take_in(c, used);
    if (c->chunked.state == CHUNKED_BROKEN)
        refuse(c, NULL);
    if (c->chunked.state == CHUNKED_ENDED)
        c->phase = READ_HEAD;
    return c->chunked.state == CHUNKED_ENDED;
}

/* True when something moved, so that another step may be possible. */
static bool step(struct server *server, struct connection *c)
{
    if (c->phase == READ_HEAD && c->close_after)
        c->phase = DRAIN;
    switch (c->phase) {
    case READ_HEAD:
        return read_head(server, c);
    case SEND_BIG:
        return send_big(c);
    case SEND_EVENTS:
        return send_events(c);
    case ECHO_LENGTH:
        return echo_length(c);
    case ECHO_CHUNKED:
        return echo_chunked(c);
    case DRAIN:
        return false;
    }
    return false;
}

static bool wants_input(const struct connection *c)
{
    return !c->peer_done && c->in_size < HEAD_SIZE_MAX;
}

/* receive, flush, drain, serve: false when the connection is over. */
static bool receive(struct connection *c)
{
    ssize_t got = recv(c->fd, c->in + c->in_size, HEAD_SIZE_MAX - c->in_size, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    c->peer_done = got == 0;
    c->in_size += (size_t)got;
    return true;
}

static bool flush(struct connection *c)
{
    ssize_t sent = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    memmove(c->out, c->out + sent, c->out_size - (size_t)sent);
    c->out_size -= (size_t)sent;
    return true;
}

/* What is still on its way in is read and dropped until the peer closes: closing a socket with
 * unread bytes resets it, and the peer could lose the answer. */
static bool drain(struct connection *c)
{
    c->in_size = 0;
    return c->out_size != 0 || (!c->peer_done && shutdown(c->fd, SHUT_WR) == 0);
}

static bool serve(struct server *server, struct connection *c, short events)
{
    bool readable = (events & (POLLIN | POLLHUP)) && wants_input(c);
    if (readable && !receive(c))
        return false;
    size_t unsent;
    do { /* again when sending made room for what waits in c->in */
        while (step(server, c))
            continue;
        unsent = c->out_size;
        if (unsent && !flush(c))
            return false;
    } while (c->out_size < unsent && c->in_size);
    bool answering = c->phase == SEND_BIG || c->phase == SEND_EVENTS;
    if (c->phase == DRAIN || (c->peer_done && !answering))
        return drain(c);
    return true;
}

static void accept_one(struct server *server, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
        struct connection *c = &server->connections[i];
        if (c->fd >= 0)
            continue;
        *c = (struct connection){.fd = fd, .phase = READ_HEAD};
        return;
    }
    if (fd >= 0)
        (void)close(fd);
}

static short wanted_events(const struct connection *c)
{
    bool writes = c->out_size != 0 || c->phase == SEND_BIG;
    return (short)((wants_input(c) ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

static int wait_ms(const struct connection *c, int before)
{
    if (c->fd < 0 || c->phase != SEND_EVENTS)
        return before;
    int64_t left = c->next_event_ms - now_ms();
    int mine = left > 0 ? (int)left : 0;
    return before < 0 || mine < before ? mine : before;
}

static void turn(struct server *server, int listener)
{
    struct pollfd polled[CONNECTIONS_MAX + 1] = {{.fd = listener, .events = POLLIN}};
    int timeout_ms = -1;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        const struct connection *c = &server->connections[i];
        polled[i + 1] = (struct pollfd){.fd = c->fd, .events = wanted_events(c)};
        timeout_ms = wait_ms(c, timeout_ms);
    }
    if (poll(polled, CONNECTIONS_MAX + 1, timeout_ms) < 0)
        return;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &server->connections[i];
        bool due = polled[i + 1].revents || c->phase == SEND_EVENTS;
        if (c->fd < 0 || !due || serve(server, c, polled[i + 1].revents))
            continue;
        (void)close(c->fd);
        c->fd = -1;
    }
    if (polled[0].revents)
        accept_one(server, listener);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("http-hello");
        exit(1);
    }
    (void)fprintf(stderr, "http-hello: listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    return fd;
}

int main(int argc, char **argv)
{
    static struct server server;
    const char *port_text = argc > 1 ? argv[1] : getenv("PORT");
    const char *name = argc > 2 ? argv[2] : getenv("NAME");
    uint64_t port = 0;
    if (!port_text || !number(port_text, &port) || port > 65535) {
        (void)fprintf(stderr, "usage: http-hello PORT [NAME], or PORT in the environment\n");
        return 2;
    }
    server.name = name ? name : "http-hello";
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        server.connections[i].fd = -1;
    int listener = listen_on((uint16_t)port);
    for (;;)
        turn(&server, listener);
}
