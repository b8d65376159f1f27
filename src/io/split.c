/* SPDX-License-Identifier: Apache-2.0 */
#include "io/split.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

enum { NICENESS = 10, SIGNALS = 32 };

/* Only calls that are safe after a fork of a process with threads (signal-safety(7)). */
_Noreturn static void run(ee_split_fn fn, void *context, int fd, pid_t parent)
{
    static const struct sigaction plain = {.sa_handler = SIG_DFL};
    static const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t none;
    for (int number = 1; number < SIGNALS; number++) /* the loop's handlers wake the parent */
        (void)sigaction(number, &plain, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(fd, 3) != 3)
        _exit(1);
    /* The locks of the state folder above all: they must end with the parent. */
    (void)close_range(4, ~0u, 0);
    (void)!nice(NICENESS);
    _exit(fn(context, 3) == EE_OK ? 0 : 1);
}

enum ee_err ee_split_start(ee_split_fn fn, void *context, struct ee_split *out)
{
    int ends[2];
    sigset_t all, before;
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return EE_IO;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run(fn, context, ends[1], parent);
    int error = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = error;
        return EE_IO;
    }
    *out = (struct ee_split){.fd = ends[0], .pid = pid};
    return EE_OK;
}

enum ee_err ee_split_write(int fd, struct ee_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(fd, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return EE_IO;
        bytes.data += written;
        bytes.size -= (size_t)written;
    }
    return EE_OK;
}

enum ee_err ee_split_read(struct ee_split *split, void *out, size_t size, size_t *got_out)
{
    ssize_t got;
    do
        got = read(split->fd, out, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return EE_IO;
    *got_out = (size_t)got;
    return EE_OK;
}

enum ee_err ee_split_end(struct ee_split *split)
{
    int status = 0;
    pid_t ended;
    if (split->pid == 0)
        return EE_OK;
    close(split->fd);
    do
        ended = waitpid(split->pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    bool well = ended == split->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    split->pid = 0;
    return well ? EE_OK : EE_IO;
}
