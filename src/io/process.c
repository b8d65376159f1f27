/* SPDX-License-Identifier: Apache-2.0 */
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/process_child.h"

#include "base/banned.h"

enum { DRAIN_MS = 500, STAT_SIZE = 1024, STAT_START_FIELD = 22 };

struct stream {
    uv_pipe_t pipe;
    struct ee_process *process;
    bool open;
};

struct ee_process {
    struct ee_loop *loop;
    const struct ee_process_events *events;
    void *context;
    struct ee_process_id id;
    int pidfd;
    uv_poll_t poll;
    struct stream streams[2];
    struct ee_timer *drain;
    size_t handles; /* libuv's, to be closed before the memory goes */
    uint64_t output_left;
    bool truncated, running, reported, freed;
    int code, signal_number;
};

static void handle_closed(uv_handle_t *handle)
{
    struct ee_process *process = handle->data;
    process->handles--;
    if (process->freed && process->handles == 0)
        ee_free(&ee_allocator_system, process);
}

static void stream_close(struct stream *stream)
{
    if (!stream->open)
        return;
    stream->open = false;
    uv_close((uv_handle_t *)&stream->pipe, handle_closed);
}

static void report(struct ee_process *process)
{
    if (process->reported)
        return;
    process->reported = true;
    ee_timer_stop(process->drain);
    for (size_t i = 0; i < 2; i++)
        stream_close(&process->streams[i]);
    if (process->events->exited)
        process->events->exited(process->context, process->code, process->signal_number);
}

static void report_if_done(struct ee_process *process)
{
    if (!process->running && !process->streams[0].open && !process->streams[1].open)
        report(process);
}

static void drain_expired(void *context)
{
    report(context);
}

static void reap(struct ee_process *process)
{
    siginfo_t info = {0};
    process->code = -1;
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) != 0)
        return; /* not our child: who reaped it knows */
    if (info.si_code == CLD_EXITED)
        process->code = info.si_status;
    else
        process->signal_number = info.si_status;
}

static void pidfd_ready(uv_poll_t *handle, int status, int events)
{
    struct ee_process *process = handle->data;
    (void)status;
    (void)events;
    uv_poll_stop(&process->poll);
    /* The rest of its group ends with it; before reaping, so the number is still ours. */
    (void)kill(-process->id.pid, SIGKILL);
    reap(process);
    process->running = false;
    ee_timer_start(process->drain, DRAIN_MS, 0);
    report_if_done(process);
}

static void stream_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct ee_process *process = handle->data;
    (void)suggested;
    *out = uv_buf_init((char *)ee_loop_scratch(process->loop), EE_LOOP_SCRATCH_SIZE);
}

static void stream_read(uv_stream_t *handle, ssize_t got, const uv_buf_t *buffer)
{
    struct ee_process *process = handle->data;
    size_t index = (uv_pipe_t *)handle == &process->streams[EE_PROCESS_STDERR].pipe;
    if (got < 0) {
        stream_close(&process->streams[index]);
        report_if_done(process);
        return;
    }
    size_t size = (size_t)got;
    if (size > process->output_left) {
        size = (size_t)process->output_left;
        process->truncated = true;
    }
    process->output_left -= size;
    if (size > 0 && process->events->output)
        process->events->output(process->context, (enum ee_process_stream)index,
                                ee_bytes_of(buffer->base, size));
}

/* Takes the descriptor in any case. */
static enum ee_err stream_open(struct ee_process *process, size_t index, int fd)
{
    struct stream *stream = &process->streams[index];
    uv_pipe_init(ee_loop_uv(process->loop), &stream->pipe, 0);
    stream->pipe.data = process;
    stream->open = true;
    process->handles++;
    if (uv_pipe_open(&stream->pipe, fd) != 0) {
        (void)close(fd);
        return EE_IO;
    }
    return uv_read_start((uv_stream_t *)&stream->pipe, stream_alloc, stream_read) == 0 ? EE_OK
                                                                                       : EE_IO;
}

/* Takes the pidfd in any case; on failure the process is freed. */
static enum ee_err watch(struct ee_loop *loop, struct ee_process_id id, int pidfd,
                         const struct ee_process_events *events, void *context,
                         struct ee_process **out)
{
    struct ee_process *process = ee_alloc(&ee_allocator_system, 1, sizeof(*process));
    if (!process || ee_timer_new(loop, drain_expired, process, &process->drain) != EE_OK) {
        ee_free(&ee_allocator_system, process);
        (void)close(pidfd);
        return EE_NO_MEMORY;
    }
    process->loop = loop;
    process->events = events;
    process->context = context;
    process->id = id;
    process->pidfd = pidfd;
    process->running = true;
    if (uv_poll_init(ee_loop_uv(loop), &process->poll, pidfd) != 0) {
        ee_timer_free(process->drain);
        ee_free(&ee_allocator_system, process);
        (void)close(pidfd);
        return EE_IO;
    }
    process->poll.data = process;
    process->handles = 1;
    if (uv_poll_start(&process->poll, UV_READABLE, pidfd_ready) != 0) {
        ee_process_free(process);
        return EE_IO;
    }
    *out = process;
    return EE_OK;
}

static enum ee_err give_up(pid_t pid, struct ee_process_child *child, enum ee_err err)
{
    if (pid > 0) {
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    ee_process_child_close(child);
    return err;
}

enum ee_err ee_process_spawn(struct ee_loop *loop, const struct ee_process_options *options,
                             const struct ee_process_events *events, void *context,
                             struct ee_process **out)
{
    struct ee_process_child child;
    struct ee_process *process = NULL;
    struct ee_process_id id = {0};
    EE_TRY(ee_process_child_prepare(options, &child));
    enum ee_err err = ee_process_child_start(&child, &id.pid);
    if (err != EE_OK)
        return give_up(0, &child, err);
    int pidfd = pidfd_open(id.pid, 0);
    if (pidfd < 0 || ee_process_start_ticks(id.pid, &id.start_ticks) != EE_OK) {
        if (pidfd >= 0)
            (void)close(pidfd);
        return give_up(id.pid, &child, EE_SPAWN);
    }
    err = watch(loop, id, pidfd, events, context, &process);
    if (err != EE_OK)
        return give_up(id.pid, &child, err);
    process->output_left = options->output_limit;
    for (size_t i = 0; i < 2 && err == EE_OK && child.read_fds[i] >= 0; i++) {
        int fd = child.read_fds[i];
        child.read_fds[i] = -1;
        err = stream_open(process, i, fd);
    }
    if (err != EE_OK) {
        ee_process_free(process);
        return give_up(id.pid, &child, err);
    }
    ee_process_child_close(&child);
    *out = process;
    return EE_OK;
}

enum ee_err ee_process_adopt(struct ee_loop *loop, struct ee_process_id id,
                             const struct ee_process_events *events, void *context,
                             struct ee_process **out)
{
    uint64_t ticks;
    if (id.pid <= 1)
        return EE_NOT_FOUND;
    int pidfd = pidfd_open(id.pid, 0);
    if (pidfd < 0)
        return errno == ESRCH || errno == EINVAL ? EE_NOT_FOUND : EE_IO;
    /* Asked after opening: the pidfd holds the process whose start time this is. */
    if (ee_process_start_ticks(id.pid, &ticks) != EE_OK || ticks != id.start_ticks) {
        (void)close(pidfd);
        return EE_NOT_FOUND;
    }
    return watch(loop, id, pidfd, events, context, out);
}

struct ee_process_id ee_process_identity(const struct ee_process *process)
{
    return process->id;
}

bool ee_process_running(const struct ee_process *process)
{
    return process->running;
}

bool ee_process_output_truncated(const struct ee_process *process)
{
    return process->truncated;
}

enum ee_err ee_process_kill(struct ee_process *process, int signal_number)
{
    if (!process->running)
        return EE_NOT_FOUND;
    if (kill(-process->id.pid, signal_number) == 0)
        return EE_OK;
    return errno == ESRCH ? EE_NOT_FOUND : EE_IO;
}

void ee_process_free(struct ee_process *process)
{
    if (!process || process->freed)
        return;
    process->freed = true;
    process->reported = true;
    ee_timer_free(process->drain);
    for (size_t i = 0; i < 2; i++)
        stream_close(&process->streams[i]);
    uv_close((uv_handle_t *)&process->poll, handle_closed);
    (void)close(process->pidfd);
}

enum ee_err ee_process_start_ticks(pid_t pid, uint64_t *ticks_out)
{
    char path[32], text[STAT_SIZE];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return EE_NOT_FOUND;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (size <= 0)
        return EE_NOT_FOUND;
    text[size] = '\0';
    /* Field 2 is the program's name in parentheses and may hold anything, so from its end. */
    char *next = strrchr(text, ')');
    for (int field = 2; next && field < STAT_START_FIELD; field++)
        next = strchr(next + 1, ' ');
    if (!next)
        return EE_NOT_FOUND;
    *ticks_out = strtoull(next + 1, NULL, 10);
    return EE_OK;
}

void ee_process_files_raise(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* else fewer connections */
}
