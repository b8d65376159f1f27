/* SPDX-License-Identifier: Apache-2.0 */
#include "io/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"

#include "base/banned.h"

struct ee_pass_listener {
    uv_poll_t poll;
    int fd;
    void (*fn)(void *context, int fd);
    void *context;
};

/* By way of the folder's descriptor: its own path may be longer than an address holds. */
static enum ee_err address_make(int folder, const char *name, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", folder, name);
    return length > 0 && (size_t)length < sizeof(out->sun_path) ? EE_OK : EE_TOO_LARGE;
}

static bool same_user(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct ee_pass_listener *listener = poll->data;
    (void)events;
    if (status < 0)
        return;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (same_user(fd))
        listener->fn(listener->context, fd);
    else
        (void)close(fd);
}

static enum ee_err bind_at(int fd, int folder, const char *name)
{
    struct sockaddr_un address;
    EE_TRY(address_make(folder, name, &address));
    (void)unlinkat(folder, name, 0);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 4) != 0)
        return EE_IO;
    return fchmodat(folder, name, 0600, 0) == 0 ? EE_OK : EE_IO;
}

enum ee_err ee_pass_listen(struct ee_loop *loop, const char *folder, const char *name,
                           void (*fn)(void *context, int fd), void *context,
                           struct ee_pass_listener **out)
{
    struct ee_pass_listener *listener = ee_alloc(&ee_allocator_system, 1, sizeof(*listener));
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum ee_err err = listener ? EE_IO : EE_NO_MEMORY;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener && at >= 0 && fd >= 0)
        err = bind_at(fd, at, name);
    if (err == EE_OK && uv_poll_init(ee_loop_uv(loop), &listener->poll, fd) != 0)
        err = EE_IO;
    if (at >= 0)
        (void)close(at);
    if (err != EE_OK) {
        if (fd >= 0)
            (void)close(fd);
        ee_free(&ee_allocator_system, listener);
        return err;
    }
    listener->fd = fd;
    listener->fn = fn;
    listener->context = context;
    listener->poll.data = listener;
    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    uv_unref((uv_handle_t *)&listener->poll);
    *out = listener;
    return EE_OK;
}

static void poll_closed(uv_handle_t *handle)
{
    struct ee_pass_listener *listener = handle->data;
    (void)close(listener->fd);
    ee_free(&ee_allocator_system, listener);
}

void ee_pass_listener_free(struct ee_pass_listener *listener)
{
    if (listener)
        uv_close((uv_handle_t *)&listener->poll, poll_closed);
}

enum ee_err ee_pass_connect(const char *folder, const char *name, int *fd_out)
{
    struct sockaddr_un address;
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return errno == ENOENT ? EE_NOT_FOUND : EE_IO;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    enum ee_err err = fd < 0 ? EE_IO : address_make(at, name, &address);
    if (err == EE_OK && connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        err = errno == ENOENT || errno == ECONNREFUSED ? EE_NOT_FOUND : EE_IO;
    if (err == EE_OK && !same_user(fd))
        err = EE_FORBIDDEN;
    (void)close(at);
    if (err == EE_OK)
        *fd_out = fd;
    else if (fd >= 0)
        (void)close(fd);
    return err;
}

union control_room {
    char bytes[CMSG_SPACE(EE_PASS_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

enum ee_err ee_pass_send(int fd, struct ee_bytes bytes, const int *fds, size_t count)
{
    union control_room room = {0};
    uint8_t copy[EE_PASS_MESSAGE_MAX];
    if (count > EE_PASS_FDS_MAX || bytes.size == 0 || bytes.size > sizeof(copy))
        return EE_RANGE;
    memcpy(copy, bytes.data, bytes.size);
    struct iovec part = {copy, bytes.size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    explicit_bzero(copy, sizeof(copy)); /* it may carry a key */
    return sent == (ssize_t)bytes.size ? EE_OK : EE_IO;
}

static size_t fds_take(struct msghdr *message, int out[EE_PASS_FDS_MAX])
{
    size_t count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here && count < EE_PASS_FDS_MAX; i++)
            memcpy(&out[count++], CMSG_DATA(h) + i * sizeof(int), sizeof(int));
    }
    return count;
}

enum ee_err ee_pass_receive(int fd, uint64_t timeout_ms, uint8_t *out, size_t capacity,
                            size_t *size_out, int fds_out[EE_PASS_FDS_MAX], size_t *count_out)
{
    union control_room room = {0};
    struct iovec part = {out, capacity};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof(room.bytes)};
    struct pollfd waits = {.fd = fd, .events = POLLIN};
    int ready = poll(&waits, 1, (int)timeout_ms);
    if (ready <= 0)
        return ready == 0 ? EE_TIMEOUT : EE_IO;
    ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (size <= 0)
        return size == 0 ? EE_CLOSED : EE_IO;
    size_t count = fds_take(&message, fds_out);
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        for (size_t i = 0; i < count; i++)
            (void)close(fds_out[i]);
        return EE_TOO_LARGE;
    }
    *size_out = (size_t)size;
    *count_out = count;
    return EE_OK;
}
