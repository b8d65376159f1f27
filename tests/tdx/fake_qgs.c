/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_qgs.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"

enum { REQUEST_SIZE = 4 + 16 + 8 + 1024, QUOTE_MAX = 16 * 1024, REPLY_MAX = QUOTE_MAX + 1024 };

static bool receive(const struct fake_qgs *qgs, int fd, uint8_t *out, size_t size)
{
    while (size > 0 && !atomic_load(&qgs->stop)) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        if (poll(&poller, 1, 20) <= 0)
            continue;
        ssize_t got = recv(fd, out, size, 0);
        if (got <= 0)
            return false;
        out += got;
        size -= (size_t)got;
    }
    return size == 0;
}

/* What the protocol says a request for a quote is. */
static bool request_good(const uint8_t *bytes)
{
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of(bytes, REQUEST_SIZE));
    return ee_cursor_u32(&c) == REQUEST_SIZE - 4 && ee_cursor_u16le(&c) == 1 &&
           ee_cursor_u16le(&c) <= 1 && ee_cursor_u32le(&c) == 0 &&
           ee_cursor_u32le(&c) == REQUEST_SIZE - 4 && ee_cursor_u32le(&c) == 0 &&
           ee_cursor_u32le(&c) == 1024 && ee_cursor_u32le(&c) == 0;
}

static size_t plain_quote(const uint8_t report[1024], uint8_t *out)
{
    memset(out, 0x51, 600);
    memcpy(out, report + 128, 64);
    return 600;
}

static size_t reply_write(struct fake_qgs *qgs, enum fake_qgs_mode mode, const uint8_t *report,
                          uint8_t *out)
{
    static uint8_t quote[QUOTE_MAX];
    static const uint8_t id[16] = {7};
    size_t size = qgs->quote ? qgs->quote(qgs->context, report, quote, QUOTE_MAX)
                             : plain_quote(report, quote);
    bool refuses = mode == QGS_REFUSES || mode == QGS_REFUSES_STRANGELY;
    uint32_t id_size = mode == QGS_WITH_KEY_ID ? 16 : 0;
    uint32_t quote_size = refuses || mode == QGS_EMPTY_QUOTE ? 0 : (uint32_t)size;
    uint32_t total = 16 + 8 + id_size + quote_size;
    struct ee_writer w;
    ee_writer_init(&w, out, REPLY_MAX);
    ee_writer_u32(&w, mode == QGS_LENGTH_ZERO     ? 0
                      : mode == QGS_LENGTH_HUGE   ? UINT32_MAX
                      : mode == QGS_LENGTH_BEYOND ? 64 * 1024 + 1
                                                  : total);
    ee_writer_u16le(&w, mode == QGS_OTHER_VERSION ? 2 : 1);
    ee_writer_u16le(&w, mode == QGS_OTHER_MINOR ? 9 : 0);
    ee_writer_u32le(&w, mode == QGS_OTHER_TYPE ? 3 : 1);
    ee_writer_u32le(&w, mode == QGS_SIZE_DIFFERS ? total + 1 : total);
    ee_writer_u32le(&w, mode == QGS_REFUSES ? 0x12001 : mode == QGS_REFUSES_STRANGELY ? 99 : 0);
    ee_writer_u32le(&w, mode == QGS_ID_SIZE_WRAPS ? UINT32_MAX : id_size);
    ee_writer_u32le(&w, mode == QGS_QUOTE_SIZE_WRONG   ? quote_size + 1
                        : mode == QGS_QUOTE_SIZE_SHORT ? quote_size - 1
                        : mode == QGS_ID_SIZE_WRAPS    ? quote_size + 1
                                                       : quote_size);
    ee_writer_bytes(&w, id, id_size);
    ee_writer_bytes(&w, quote, quote_size);
    return w.size;
}

static void send_pieces(int fd, const uint8_t *bytes, size_t size, size_t piece)
{
    for (size_t at = 0; at < size; at += piece)
        if (send(fd, bytes + at, size - at < piece ? size - at : piece, MSG_NOSIGNAL) <= 0)
            return;
}

static void wait_for_stop(const struct fake_qgs *qgs, int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    while (!atomic_load(&qgs->stop) && poll(&poller, 1, 20) == 0)
        continue;
}

static void serve(struct fake_qgs *qgs, int fd)
{
    uint8_t request[REQUEST_SIZE];
    static uint8_t reply[REPLY_MAX];
    enum fake_qgs_mode mode = atomic_load(&qgs->mode);
    if (mode == QGS_CLOSES_AT_ONCE || !receive(qgs, fd, request, sizeof(request)))
        return;
    atomic_fetch_add(&qgs->requests, 1);
    if (!request_good(request))
        atomic_fetch_add(&qgs->bad_requests, 1);
    size_t size = reply_write(qgs, mode, request + REQUEST_SIZE - 1024, reply);
    if (mode == QGS_SILENT)
        wait_for_stop(qgs, fd);
    else if (mode == QGS_CLOSES_IN_LENGTH)
        send_pieces(fd, reply, 2, 2);
    else if (mode == QGS_CLOSES_IN_MESSAGE)
        send_pieces(fd, reply, size - 100, size);
    else
        send_pieces(fd, reply, size, mode == QGS_SLOW_BYTES ? 7 : size);
}

static void *run(void *context)
{
    struct fake_qgs *qgs = context;
    while (!atomic_load(&qgs->stop)) {
        struct pollfd poller = {.fd = qgs->listener, .events = POLLIN};
        if (poll(&poller, 1, 20) <= 0)
            continue;
        int fd = accept(qgs->listener, NULL, NULL);
        if (fd < 0)
            continue;
        serve(qgs, fd);
        (void)close(fd);
    }
    return NULL;
}

bool fake_qgs_start(struct fake_qgs *qgs, fake_qgs_quote_fn quote, void *context)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(qgs, 0, sizeof(*qgs));
    qgs->quote = quote;
    qgs->context = context;
    (void)snprintf(qgs->folder, sizeof(qgs->folder), "/tmp/ee-qgs-XXXXXX");
    if (!mkdtemp(qgs->folder))
        return false;
    (void)snprintf(qgs->path, sizeof(qgs->path), "%s/qgs.socket", qgs->folder);
    memcpy(address.sun_path, qgs->path, sizeof(qgs->path));
    qgs->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return qgs->listener >= 0 &&
           bind(qgs->listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           listen(qgs->listener, 16) == 0 && pthread_create(&qgs->thread, NULL, run, qgs) == 0;
}

void fake_qgs_stop(struct fake_qgs *qgs)
{
    atomic_store(&qgs->stop, true);
    pthread_join(qgs->thread, NULL);
    (void)close(qgs->listener);
    (void)unlink(qgs->path);
    (void)rmdir(qgs->folder);
}
