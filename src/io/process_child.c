/* SPDX-License-Identifier: Apache-2.0 */
#include "io/process_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/banned.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const char *path_of(const char *const *environment)
{
    for (; *environment; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return default_path;
}

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* The workload's own PATH decides, not ours. */
static enum ee_err find_program(const struct ee_process_options *options,
                                char out[EE_PROCESS_PATH_SIZE])
{
    const char *name = options->argv[0];
    if (!name || *name == '\0')
        return EE_NOT_FOUND;
    if (strchr(name, '/')) {
        int size = snprintf(out, EE_PROCESS_PATH_SIZE, "%s", name);
        return size > 0 && size < EE_PROCESS_PATH_SIZE ? EE_OK : EE_NOT_FOUND;
    }
    for (const char *path = path_of(options->environment); *path;) {
        size_t length = strcspn(path, ":");
        int size = snprintf(out, EE_PROCESS_PATH_SIZE, "%.*s/%s", (int)length, path, name);
        if (length > 0 && size > 0 && size < EE_PROCESS_PATH_SIZE && is_program(out))
            return EE_OK;
        path += length + (path[length] == ':');
    }
    return EE_NOT_FOUND;
}

/* Descriptors 0 to 2 are targets of dup2 in the child: ours must not be among them. */
static int above_stdio(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    (void)close(fd);
    return moved;
}

static enum ee_err open_output(struct ee_process_child *child, size_t index, const char *path)
{
    int fds[2] = {-1, -1};
    if (path) {
        fds[1] =
            open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    } else {
        if (pipe2(fds, O_CLOEXEC) != 0)
            return EE_SPAWN;
        child->read_fds[index] = above_stdio(fds[0]);
    }
    child->stdio_fds[index + 1] = above_stdio(fds[1]);
    return child->stdio_fds[index + 1] >= 0 && (path || child->read_fds[index] >= 0) ? EE_OK
                                                                                     : EE_SPAWN;
}

enum ee_err ee_process_child_prepare(const struct ee_process_options *options,
                                     struct ee_process_child *out)
{
    struct ee_process_child child = {
        .options = options, .stdio_fds = {-1, -1, -1}, .read_fds = {-1, -1}};
    struct stat status;
    if (!options->stdout_path != !options->stderr_path)
        return EE_SPAWN;
    if (options->folder && (stat(options->folder, &status) != 0 || !S_ISDIR(status.st_mode)))
        return EE_NOT_FOUND;
    EE_TRY(find_program(options, child.program));
    child.stdio_fds[0] = above_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
    enum ee_err err = child.stdio_fds[0] >= 0 ? EE_OK : EE_SPAWN;
    if (err == EE_OK)
        err = open_output(&child, EE_PROCESS_STDOUT, options->stdout_path);
    if (err == EE_OK)
        err = open_output(&child, EE_PROCESS_STDERR, options->stderr_path);
    if (err != EE_OK) {
        ee_process_child_close(&child);
        return err;
    }
    *out = child;
    return EE_OK;
}

void ee_process_child_close(struct ee_process_child *child)
{
    int kept = errno;
    for (size_t i = 0; i < 3; i++)
        if (child->stdio_fds[i] >= 0)
            (void)close(child->stdio_fds[i]);
    for (size_t i = 0; i < 2; i++)
        if (child->read_fds[i] >= 0)
            (void)close(child->read_fds[i]);
    child->stdio_fds[0] = child->stdio_fds[1] = child->stdio_fds[2] = -1;
    child->read_fds[0] = child->read_fds[1] = -1;
    errno = kept;
}

/* From here to exec the child calls only what is safe after fork in a program with threads. */

static bool limit_set(int resource, uint64_t value)
{
    struct rlimit now;
    if (value == 0)
        return true;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return false;
    rlim_t wanted = value < now.rlim_max ? (rlim_t)value : now.rlim_max;
    struct rlimit limit = {.rlim_cur = wanted, .rlim_max = wanted};
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

static bool limits_set(const struct ee_process_limits *limits)
{
    const struct rlimit none = {0};
    if (limits->no_core_dump && setrlimit(RLIMIT_CORE, &none) != 0)
        return false;
    return limit_set(RLIMIT_AS, limits->address_space_size) &&
           limit_set(RLIMIT_DATA, limits->data_size) &&
           limit_set(RLIMIT_FSIZE, limits->file_size) &&
           limit_set(RLIMIT_NOFILE, limits->open_files) &&
           limit_set(RLIMIT_NPROC, limits->processes);
}

static void signals_reset(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* those that cannot be set stay */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool user_set(const struct ee_process_options *options)
{
    if (!options->switch_user)
        return true;
    return setgroups(0, NULL) == 0 && setresgid(options->gid, options->gid, options->gid) == 0 &&
           setresuid(options->uid, options->uid, options->uid) == 0;
}

/* After the change of user, which clears it (prctl(2)); a parent that died before is seen too. */
static bool death_signal_set(const struct ee_process_options *options, pid_t parent)
{
    if (!options->die_with_parent)
        return true;
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

static bool become(const struct ee_process_child *child, pid_t parent)
{
    const struct ee_process_options *options = child->options;
    if (setsid() < 0)
        return false;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(child->stdio_fds[fd], fd) < 0)
            return false;
    (void)umask(S_IWGRP | S_IWOTH);
    if (options->folder && chdir(options->folder) != 0)
        return false;
    if (!limits_set(&options->limits) || !user_set(options))
        return false;
    if (options->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    return death_signal_set(options, parent) &&
           close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

/* execve() takes pointers to non-const for history's sake and changes nothing. */
union vector {
    const char *const *given;
    char *const *wanted;
};

static _Noreturn void run_child(const struct ee_process_child *child, pid_t parent, int error_fd)
{
    union vector argv = {.given = child->options->argv};
    union vector environment = {.given = child->options->environment};
    signals_reset();
    if (become(child, parent))
        (void)execve(child->program, argv.wanted, environment.wanted);
    int number = errno ? errno : EIO;
    ssize_t written = write(error_fd, &number, sizeof(number));
    (void)written;
    _exit(127);
}

/* The child's errno, or 0 once exec has closed its end of the pipe. */
static int wait_for_exec(int fd)
{
    int number = 0;
    ssize_t got;
    do
        got = read(fd, &number, sizeof(number));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(number) ? number : 0;
}

enum ee_err ee_process_child_start(const struct ee_process_child *child, pid_t *pid_out)
{
    int fds[2];
    sigset_t all, before;
    pid_t parent = getpid();
    if (pipe2(fds, O_CLOEXEC) != 0)
        return EE_SPAWN;
    fds[1] = above_stdio(fds[1]);
    /* A handler of ours must not run in the child: it would write to our own signal pipe. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fds[1] >= 0 ? fork() : -1;
    if (pid == 0)
        run_child(child, parent, fds[1]);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (fds[1] >= 0)
        (void)close(fds[1]);
    int number = pid > 0 ? wait_for_exec(fds[0]) : errno;
    (void)close(fds[0]);
    if (pid > 0 && number == 0) {
        *pid_out = pid;
        return EE_OK;
    }
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    errno = number;
    return number == ENOENT || number == ENOTDIR ? EE_NOT_FOUND : EE_SPAWN;
}
