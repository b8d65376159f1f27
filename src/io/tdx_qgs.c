/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tdx_qgs.h"

#include <errno.h>
#include <limits.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "io/file.h"

#include "base/banned.h"

/* Intel DCAP, qgs_msg_lib: a big-endian length, then a little-endian message. */
enum {
    LENGTH_SIZE = 4,
    HEADER_SIZE = 16,
    MAJOR = 1,
    MINOR = 0, /* what every service of version 1 understands */
    TYPE_GET_QUOTE = 0,
    TYPE_GET_QUOTE_REPLY = 1,
    REQUEST_SIZE = HEADER_SIZE + 8 + EE_TDX_REPORT_SIZE,
    ID_MAX = 256, /* of the chosen attestation key */
    CONFIG_MAX = 16 * 1024,
    POLL_MS = 100, /* how soon a stop is noticed */
};

static const char service_advice[] =
    "on the host: is the quote generation service (qgsd) running, and listening where this TD asks "
    "(/etc/qgs.conf there, " EE_TDX_QGS_CONFIG " here)?";

/* ---- where ---- */

static bool number_parse(const char *text, size_t size, uint32_t *out)
{
    char digits[16];
    uint64_t value;
    if (size == 0 || size >= sizeof(digits))
        return false;
    memcpy(digits, text, size);
    digits[size] = '\0';
    if (ee_u64_parse(digits, &value) != EE_OK || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static enum ee_err vsock_parse(const char *text, struct ee_tdx_qgs *out)
{
    struct ee_tdx_qgs qgs = {.cid = EE_TDX_QGS_CID_HOST};
    const char *colon = strchr(text, ':');
    if (colon && !number_parse(text, (size_t)(colon - text), &qgs.cid))
        return EE_SYNTAX;
    if (colon)
        text = colon + 1;
    if (!number_parse(text, strlen(text), &qgs.port) || qgs.port == 0)
        return EE_SYNTAX;
    *out = qgs;
    return EE_OK;
}

enum ee_err ee_tdx_qgs_parse(const char *text, struct ee_tdx_qgs *out)
{
    struct ee_tdx_qgs qgs = {.cid = 0};
    if (strncmp(text, "vsock:", 6) == 0)
        return vsock_parse(text + 6, out);
    if (strncmp(text, "unix:", 5) != 0 || text[5] == '\0' || strlen(text + 5) >= sizeof(qgs.path))
        return EE_SYNTAX;
    (void)snprintf(qgs.path, sizeof(qgs.path), "%s", text + 5);
    *out = qgs;
    return EE_OK;
}

/* "port = 4050" with any blanks; false for another line. */
static bool config_line(const char *line, size_t size, enum ee_err *err, uint32_t *port)
{
    static const char key[] = "port";
    size_t at = 0;
    while (at < size && (line[at] == ' ' || line[at] == '\t'))
        at++;
    if (size - at < sizeof(key) - 1 || memcmp(line + at, key, sizeof(key) - 1) != 0)
        return false;
    at += sizeof(key) - 1;
    while (at < size && (line[at] == ' ' || line[at] == '\t'))
        at++;
    if (at == size || line[at] != '=')
        return false;
    for (at++; at < size && (line[at] == ' ' || line[at] == '\t');)
        at++;
    while (size > at && (line[size - 1] == ' ' || line[size - 1] == '\t' || line[size - 1] == '\r'))
        size--;
    *err = number_parse(line + at, size - at, port) && *port != 0 ? EE_OK : EE_SYNTAX;
    return true;
}

enum ee_err ee_tdx_qgs_config(const char *path, struct ee_tdx_qgs *out)
{
    struct ee_file_data file;
    enum ee_err err = EE_NOT_FOUND;
    uint32_t port = 0;
    EE_TRY(ee_file_read(path, CONFIG_MAX, &file));
    const char *next = (const char *)file.data, *end = next + file.size;
    while (next < end) {
        const char *line_end = memchr(next, '\n', (size_t)(end - next));
        size_t size = line_end ? (size_t)(line_end - next) : (size_t)(end - next);
        if (config_line(next, size, &err, &port))
            break;
        next += size + 1;
    }
    ee_file_data_free(&file);
    if (err == EE_OK)
        *out = (struct ee_tdx_qgs){.cid = EE_TDX_QGS_CID_HOST, .port = port};
    return err;
}

char *ee_tdx_qgs_text(const struct ee_tdx_qgs *qgs, char out[EE_TDX_QGS_PATH_SIZE + 16])
{
    if (qgs->path[0] != '\0')
        (void)snprintf(out, EE_TDX_QGS_PATH_SIZE + 16, "unix %s", qgs->path);
    else
        (void)snprintf(out, EE_TDX_QGS_PATH_SIZE + 16, "vsock %u:%u", qgs->cid, qgs->port);
    return out;
}

/* ---- the connection ---- */

struct peer {
    int fd;
    struct ee_tdx_attempt *attempt;
    char name[EE_TDX_QGS_PATH_SIZE + 16];
};

static enum ee_err over(const struct peer *peer, const char *doing)
{
    if (peer->attempt->stop && atomic_load(peer->attempt->stop))
        return EE_CLOSED;
    return ee_tdx_attempt_fail(peer->attempt, EE_TIMEOUT, 0, service_advice,
                               "the quote generation service at %s is silent (%s)", peer->name,
                               doing);
}

static enum ee_err wait_for(const struct peer *peer, short events, const char *doing)
{
    for (;;) {
        struct pollfd poller = {.fd = peer->fd, .events = events};
        uint64_t left_ms = ee_tdx_attempt_left_ms(peer->attempt);
        if (left_ms == 0)
            return over(peer, doing);
        int ready = poll(&poller, 1, (int)(left_ms < POLL_MS ? left_ms : POLL_MS));
        if (ready > 0)
            return EE_OK;
        if (ready < 0 && errno != EINTR)
            return ee_tdx_attempt_fail(peer->attempt, EE_IO, errno, "", "waiting for %s",
                                       peer->name);
    }
}

static int socket_open(const struct ee_tdx_qgs *qgs, int *fd_out)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_vm host = {.svm_family = AF_VSOCK, .svm_cid = qgs->cid, .svm_port = qgs->port};
    bool is_local = qgs->path[0] != '\0';
    int fd = socket(is_local ? AF_UNIX : AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    *fd_out = fd;
    memcpy(local.sun_path, qgs->path, sizeof(qgs->path));
    int result = is_local ? connect(fd, (const struct sockaddr *)&local, sizeof(local))
                          : connect(fd, (const struct sockaddr *)&host, sizeof(host));
    return result == 0 ? 0 : errno;
}

static enum ee_err peer_connect(const struct ee_tdx_qgs *qgs, struct peer *peer)
{
    int number = socket_open(qgs, &peer->fd);
    if (number == EINPROGRESS) {
        socklen_t size = sizeof(number);
        EE_TRY(wait_for(peer, POLLOUT, "connecting"));
        if (getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0)
            number = errno;
    }
    if (number == 0)
        return EE_OK;
    return ee_tdx_attempt_fail(peer->attempt, EE_CONNECT, number, service_advice,
                               "no quote generation service at %s", peer->name);
}

static enum ee_err send_all(const struct peer *peer, struct ee_bytes bytes)
{
    while (bytes.size > 0) {
        EE_TRY(wait_for(peer, POLLOUT, "sending"));
        ssize_t sent = send(peer->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (sent < 0)
            return ee_tdx_attempt_fail(peer->attempt, EE_TDX_QUOTE, errno, service_advice,
                                       "the quote generation service at %s took no request",
                                       peer->name);
        bytes = ee_bytes_of(bytes.data + sent, bytes.size - (size_t)sent);
    }
    return EE_OK;
}

static enum ee_err receive_all(const struct peer *peer, uint8_t *out, size_t size)
{
    for (size_t got = 0; got < size;) {
        EE_TRY(wait_for(peer, POLLIN, "answering"));
        ssize_t piece = recv(peer->fd, out + got, size - got, 0);
        if (piece < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (piece <= 0)
            return ee_tdx_attempt_fail(peer->attempt, EE_TDX_QUOTE, piece < 0 ? errno : 0,
                                       service_advice,
                                       "the quote generation service at %s closed in the middle "
                                       "of its answer (%zu of %zu bytes)",
                                       peer->name, got, size);
        got += (size_t)piece;
    }
    return EE_OK;
}

/* ---- the messages ---- */

static struct ee_bytes request_write(const uint8_t report[EE_TDX_REPORT_SIZE],
                                     uint8_t out[LENGTH_SIZE + REQUEST_SIZE])
{
    struct ee_writer w;
    ee_writer_init(&w, out, LENGTH_SIZE + REQUEST_SIZE);
    ee_writer_u32(&w, REQUEST_SIZE); /* the one big-endian number */
    ee_writer_u16le(&w, MAJOR);
    ee_writer_u16le(&w, MINOR);
    ee_writer_u32le(&w, TYPE_GET_QUOTE);
    ee_writer_u32le(&w, REQUEST_SIZE);
    ee_writer_u32le(&w, 0); /* error code, of answers */
    ee_writer_u32le(&w, EE_TDX_REPORT_SIZE);
    ee_writer_u32le(&w, 0); /* no list of key ids: the service's default */
    ee_writer_bytes(&w, report, EE_TDX_REPORT_SIZE);
    return ee_writer_done(&w);
}

static const char *error_words(uint32_t code)
{
    static const char *const words[] = {"unexpected error: see its log on the host",
                                        "out of memory",
                                        "invalid parameter",
                                        "it does not know this version of the protocol",
                                        "it does not know this kind of message",
                                        "it finds the message's size wrong",
                                        "invalid error code"};
    const uint32_t first = 0x12001;
    if (code < first || code - first >= sizeof(words) / sizeof(words[0]))
        return "see its log on the host";
    return words[code - first];
}

static enum ee_err malformed(const struct peer *peer, const char *what)
{
    return ee_tdx_attempt_fail(peer->attempt, EE_TDX_QUOTE, 0, service_advice,
                               "the quote generation service at %s broke the protocol: %s",
                               peer->name, what);
}

static enum ee_err quote_copy(const struct peer *peer, struct ee_cursor *c, uint8_t *out,
                              size_t capacity, size_t *size_out)
{
    uint32_t id_size = ee_cursor_u32le(c), quote_size = ee_cursor_u32le(c);
    if (c->err != EE_OK || id_size > ID_MAX || (uint64_t)id_size + quote_size != c->left)
        return malformed(peer, "the sizes inside its answer do not add up");
    (void)ee_cursor_take(c, id_size);
    if (quote_size == 0)
        return malformed(peer, "its quote is empty");
    if (quote_size > capacity)
        return ee_tdx_attempt_fail(peer->attempt, EE_TOO_LARGE, 0, service_advice,
                                   "the quote has %u bytes, at most %zu are taken", quote_size,
                                   capacity);
    ee_cursor_copy(c, out, quote_size);
    *size_out = quote_size;
    return EE_OK;
}

static enum ee_err reply_read(const struct peer *peer, struct ee_bytes message, uint8_t *out,
                              size_t capacity, size_t *size_out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, message);
    uint16_t major = ee_cursor_u16le(&c);
    (void)ee_cursor_u16le(&c); /* a higher minor only adds kinds of messages */
    uint32_t type = ee_cursor_u32le(&c), size = ee_cursor_u32le(&c), code = ee_cursor_u32le(&c);
    if (c.err != EE_OK || major != MAJOR || type != TYPE_GET_QUOTE_REPLY || size != message.size)
        return malformed(peer, "version, kind or size of its answer");
    if (code != 0)
        return ee_tdx_attempt_fail(peer->attempt, EE_TDX_QUOTE, 0, service_advice,
                                   "the quote generation service at %s refused with 0x%x: %s",
                                   peer->name, code, error_words(code));
    return quote_copy(peer, &c, out, capacity, size_out);
}

static enum ee_err exchange(const struct peer *peer, const uint8_t report[EE_TDX_REPORT_SIZE],
                            uint8_t *out, size_t capacity, size_t *size_out)
{
    uint8_t request[LENGTH_SIZE + REQUEST_SIZE], length[LENGTH_SIZE];
    struct ee_cursor c;
    EE_TRY(send_all(peer, request_write(report, request)));
    EE_TRY(receive_all(peer, length, sizeof(length)));
    ee_cursor_init(&c, ee_bytes_of(length, sizeof(length)));
    uint32_t size = ee_cursor_u32(&c);
    if (size < HEADER_SIZE || size > EE_TDX_QGS_REPLY_MAX)
        return malformed(peer, "it announces an answer of an impossible size");
    uint8_t *message = malloc(size);
    if (!message)
        return EE_NO_MEMORY;
    enum ee_err err = receive_all(peer, message, size);
    if (err == EE_OK)
        err = reply_read(peer, ee_bytes_of(message, size), out, capacity, size_out);
    free(message);
    return err;
}

enum ee_err ee_tdx_qgs_quote(const struct ee_tdx_qgs *qgs, const uint8_t report[EE_TDX_REPORT_SIZE],
                             struct ee_tdx_attempt *attempt, uint8_t *out, size_t capacity,
                             size_t *size_out)
{
    struct peer peer = {.fd = -1, .attempt = attempt};
    ee_tdx_qgs_text(qgs, peer.name);
    enum ee_err err = peer_connect(qgs, &peer);
    if (err == EE_OK)
        err = exchange(&peer, report, out, capacity, size_out);
    if (peer.fd >= 0)
        (void)close(peer.fd);
    return err;
}
