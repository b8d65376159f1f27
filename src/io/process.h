/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes with nothing inherited but what is listed: exact environment, own session,
 * no descriptors, limits, another user, no new privileges. Their exit is seen through a pidfd, so a
 * process adopted after our own restart is watched the same way. */
#ifndef EE_IO_PROCESS_H
#define EE_IO_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "io/loop.h"

struct ee_process;

enum ee_process_stream { EE_PROCESS_STDOUT, EE_PROCESS_STDERR };

struct ee_process_limits { /* 0: leave as inherited */
    uint64_t address_space_size;
    uint64_t data_size;
    uint64_t file_size;
    uint64_t open_files;
    uint64_t processes; /* of the target user, ignored by the kernel for root */
    bool no_core_dump;
};

struct ee_process_options {
    const char *const *argv;        /* NULL-terminated; argv[0] without '/' is searched in PATH */
    const char *const *environment; /* "K=V", NULL-terminated; this and nothing else */
    const char *folder;             /* working directory; entered before the user changes */
    /* User and group to become, with no further groups; only root may. */
    bool switch_user;
    uid_t uid;
    gid_t gid;
    bool no_new_privileges; /* prctl PR_SET_NO_NEW_PRIVS: setuid programs give nothing */
    bool die_with_parent;   /* SIGKILL when the thread that spawned it ends */
    struct ee_process_limits limits;
    /* Both set: output is appended to these files (made with 0600) and the workload survives us.
     * Both NULL: output comes through `output`. */
    const char *stdout_path;
    const char *stderr_path;
    uint64_t output_limit; /* bytes passed on of both streams together, the rest is discarded */
};

struct ee_process_events {
    void (*output)(void *context, enum ee_process_stream stream, struct ee_bytes bytes);
    /* After all output was delivered, or 500 ms after the exit if somebody else keeps the pipes
     * open. Exit code 0 to 255 with signal 0, or the signal that ended it; code -1 and signal 0
     * when unknown (adopted). The last callback; then free it. */
    void (*exited)(void *context, int code, int signal_number);
};

/* What identifies a process across restarts: a pid is reused, a pid with its start time is not. */
struct ee_process_id {
    pid_t pid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat, clock ticks since boot */
};

/* Starts it; returns after exec has succeeded. EE_NOT_FOUND: no such program or folder; EE_SPAWN:
 * everything else (errno says why), EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_process_spawn(struct ee_loop *loop,
                                         const struct ee_process_options *options,
                                         const struct ee_process_events *events, void *context,
                                         struct ee_process **out);
/* Watches a running process that may not be our child. EE_NOT_FOUND: it is gone, or the pid is
 * another process now. */
EE_MUST_USE enum ee_err ee_process_adopt(struct ee_loop *loop, struct ee_process_id id,
                                         const struct ee_process_events *events, void *context,
                                         struct ee_process **out);

struct ee_process_id ee_process_identity(const struct ee_process *process);
bool ee_process_running(const struct ee_process *process);
bool ee_process_output_truncated(const struct ee_process *process);
/* Sends the signal to the whole process group. EE_NOT_FOUND: already ended; EE_IO. */
EE_MUST_USE enum ee_err ee_process_kill(struct ee_process *process, int signal_number);
/* Stops watching; a process still running goes on (kill it first if it must not). */
void ee_process_free(struct ee_process *process);

/* Start time of a pid. EE_NOT_FOUND. */
EE_MUST_USE enum ee_err ee_process_start_ticks(pid_t pid, uint64_t *ticks_out);

/* Lets this process have as many files open as it may: each connection is one. */
void ee_process_files_raise(void);

#endif
