/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/workload.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "io/log.h"
#include "io/process.h"
#include "seal/job_output.h"

#include "base/banned.h"

enum { MEMORY_DEFAULT_MIB = 512, OPEN_FILES = 1024, PROCESSES = 256 };

struct stream {
    uint8_t *bytes;
    size_t size;
    bool truncated;
};

struct ee_workload {
    char folder[PATH_MAX];
    uint16_t port;
    size_t output_limit; /* of each stream */
    struct stream streams[2];
    struct ee_process *process; /* NULL for an exposed service */
    struct ee_timer *kill_timer;
    struct ee_deferred ended; /* tells the end of an exposed service */
    struct ee_loop *loop;
    bool running, stopping;
    int32_t exit_code;
    ee_workload_exited exited;
    void *context;
};

/* Keeps the newest bytes: the end of a long output says more than its beginning. */
static void on_output(void *context, enum ee_process_stream which, struct ee_bytes bytes)
{
    struct ee_workload *workload = context;
    struct stream *stream = &workload->streams[which];
    size_t limit = workload->output_limit;
    size_t take = bytes.size < limit ? bytes.size : limit;
    size_t keep = stream->size < limit - take ? stream->size : limit - take;
    stream->truncated = stream->truncated || take < bytes.size || keep < stream->size;
    memmove(stream->bytes, stream->bytes + stream->size - keep, keep);
    memcpy(stream->bytes + keep, bytes.data + bytes.size - take, take);
    stream->size = keep + take;
}

static void on_exited(void *context, int code, int signal_number)
{
    struct ee_workload *workload = context;
    workload->running = false;
    workload->exit_code = signal_number ? 128 + signal_number : code;
    ee_timer_stop(workload->kill_timer);
    workload->exited(workload->context, workload);
}

static const struct ee_process_events events = {.output = on_output, .exited = on_exited};

static void on_kill_time(void *context)
{
    struct ee_workload *workload = context;
    if (workload->running && workload->process)
        (void)!ee_process_kill(workload->process, SIGKILL);
}

static void on_expose_ended(void *context)
{
    on_exited(context, 0, 0);
}

/* "K=V" strings of the environment and the secrets, one allocation each, NULL-terminated. */
static void environment_free(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++) {
        ee_wipe(environment[i], strlen(environment[i]));
        free(environment[i]);
    }
    free(environment);
}

static char *pair_text(struct ee_bytes name, struct ee_bytes value)
{
    char *text = malloc(name.size + value.size + 2);
    if (!text)
        return NULL;
    memcpy(text, name.data, name.size);
    text[name.size] = '=';
    if (value.size)
        memcpy(text + name.size + 1, value.data, value.size);
    text[name.size + 1 + value.size] = '\0';
    return text;
}

static enum ee_err environment_make(const struct ee_workload_start *start, char ***out)
{
    size_t count = start->deployment->env_count + start->secrets->count;
    char **environment = calloc(count + 1, sizeof(*environment));
    if (!environment)
        return EE_NO_MEMORY;
    enum ee_err err = EE_OK;
    for (size_t i = 0; err == EE_OK && i < count; i++) {
        bool secret = i >= start->deployment->env_count;
        const struct ee_secret *item =
            &start->secrets->items[secret ? i - start->deployment->env_count : 0];
        struct ee_bytes name = secret ? ee_bytes_str(item->name) : start->deployment->env[i].name;
        struct ee_bytes value = secret ? item->value : start->deployment->env[i].value;
        if (value.size && memchr(value.data, '\0', value.size))
            err = EE_RANGE; /* an environment cannot carry NUL */
        else if (!(environment[i] = pair_text(name, value)))
            err = EE_NO_MEMORY;
    }
    if (err != EE_OK) {
        environment_free(environment);
        return err;
    }
    *out = environment;
    return EE_OK;
}

static enum ee_err arguments_make(const struct ee_deployment *deployment, char ***out)
{
    char **arguments = calloc((size_t)deployment->arg_count + 1, sizeof(*arguments));
    if (!arguments)
        return EE_NO_MEMORY;
    for (size_t i = 0; i < deployment->arg_count; i++) {
        arguments[i] = strndup((const char *)deployment->args[i].data, deployment->args[i].size);
        if (!arguments[i]) {
            environment_free(arguments);
            return EE_NO_MEMORY;
        }
    }
    *out = arguments;
    return EE_OK;
}

/* What is needed to find the process again after this agent was killed. */
static enum ee_err record_write(const struct ee_workload *workload)
{
    char path[PATH_MAX + 16], text[64];
    struct ee_process_id id = ee_process_identity(workload->process);
    (void)snprintf(path, sizeof(path), "%s/process", workload->folder);
    int size = snprintf(text, sizeof(text), "%ld %" PRIu64 "\n", (long)id.pid, id.start_ticks);
    return ee_file_write(path, ee_bytes_of(text, (size_t)size), 0600);
}

static enum ee_err folder_make(struct ee_workload *workload, const struct ee_workload_start *start,
                               char work[PATH_MAX + 16])
{
    (void)snprintf(work, PATH_MAX + 16, "%s/work", workload->folder);
    EE_TRY(ee_file_make_folder(work));
    if (start->switch_user && chown(work, start->uid, start->uid) != 0)
        return EE_IO;
    return EE_OK;
}

static enum ee_err process_start(struct ee_workload *workload,
                                 const struct ee_workload_start *start)
{
    char work[PATH_MAX + 16];
    char **arguments = NULL, **environment = NULL;
    uint64_t memory_mib =
        start->deployment->memory_mib ? start->deployment->memory_mib : MEMORY_DEFAULT_MIB;
    enum ee_err err = folder_make(workload, start, work);
    if (err == EE_OK)
        err = arguments_make(start->deployment, &arguments);
    if (err == EE_OK)
        err = environment_make(start, &environment);
    if (err == EE_OK) {
        const struct ee_process_options options = {
            .argv = (const char *const *)arguments,
            .environment = (const char *const *)environment,
            .folder = work,
            .switch_user = start->switch_user,
            .uid = start->uid,
            .gid = start->uid,
            .no_new_privileges = true,
            .die_with_parent = true,
            .limits = {.data_size = memory_mib * 1024 * 1024,
                       .open_files = OPEN_FILES,
                       .processes = start->switch_user ? PROCESSES : 0,
                       .no_core_dump = true}, /* a core file would hold the secrets */
            .output_limit = UINT64_MAX,
        };
        err = ee_process_spawn(workload->loop, &options, &events, workload, &workload->process);
    }
    int number = errno;
    environment_free(arguments);
    environment_free(environment);
    errno = number;
    return err;
}

static void release(struct ee_workload *workload)
{
    ee_process_free(workload->process);
    ee_timer_free(workload->kill_timer);
    ee_loop_defer_cancel(&workload->ended);
    for (size_t i = 0; i < 2; i++) {
        if (workload->streams[i].bytes)
            ee_wipe(workload->streams[i].bytes, workload->streams[i].size);
        free(workload->streams[i].bytes);
    }
    free(workload);
}

static enum ee_err start_fully(struct ee_workload *workload, const struct ee_workload_start *start)
{
    uint32_t limit = start->deployment->output_limit;
    workload->output_limit = limit ? limit : EE_WORKLOAD_OUTPUT_DEFAULT;
    if (workload->output_limit > EE_WORKLOAD_OUTPUT_MAX)
        workload->output_limit = EE_WORKLOAD_OUTPUT_MAX;
    EE_TRY(ee_timer_new(workload->loop, on_kill_time, workload, &workload->kill_timer));
    if (start->deployment->runtime == EE_RUNTIME_EXPOSE)
        return EE_OK;
    for (size_t i = 0; i < 2; i++)
        if (!(workload->streams[i].bytes = malloc(workload->output_limit)))
            return EE_NO_MEMORY;
    EE_TRY(process_start(workload, start));
    enum ee_err err = record_write(workload);
    if (err != EE_OK)
        (void)!ee_process_kill(workload->process, SIGKILL);
    return err;
}

enum ee_err ee_workload_new(struct ee_loop *loop, const struct ee_workload_start *start,
                            ee_workload_exited exited, void *context, struct ee_workload **out)
{
    struct ee_workload *workload = calloc(1, sizeof(*workload));
    if (!workload)
        return EE_NO_MEMORY;
    workload->loop = loop;
    workload->port = start->deployment->port;
    workload->exited = exited;
    workload->context = context;
    workload->ended = (struct ee_deferred){.fn = on_expose_ended, .context = workload};
    int size = snprintf(workload->folder, sizeof(workload->folder), "%s", start->folder);
    enum ee_err err = size < PATH_MAX - 16 ? start_fully(workload, start) : EE_TOO_LARGE;
    if (err != EE_OK) {
        int number = errno;
        release(workload);
        errno = number;
        return err;
    }
    workload->running = true;
    *out = workload;
    return EE_OK;
}

void ee_workload_stop(struct ee_workload *workload)
{
    if (!workload->running || workload->stopping)
        return;
    workload->stopping = true;
    if (!workload->process) {
        ee_loop_defer(workload->loop, &workload->ended);
        return;
    }
    (void)!ee_process_kill(workload->process, SIGTERM);
    ee_timer_start(workload->kill_timer, EE_WORKLOAD_STOP_MS, 0);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    (void)remove(path); /* what cannot be removed now is tried at the next start */
    return 0;
}

static void folder_remove(const char *folder)
{
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void ee_workload_free(struct ee_workload *workload)
{
    if (!workload)
        return;
    if (workload->running && workload->process)
        (void)!ee_process_kill(workload->process, SIGKILL);
    folder_remove(workload->folder);
    release(workload);
}

bool ee_workload_running(const struct ee_workload *workload)
{
    return workload->running;
}

bool ee_workload_stopping(const struct ee_workload *workload)
{
    return workload->running && workload->stopping;
}

int32_t ee_workload_exit_code(const struct ee_workload *workload)
{
    return workload->exit_code;
}

uint16_t ee_workload_port(const struct ee_workload *workload)
{
    return workload->port;
}

enum ee_err ee_workload_output(const struct ee_workload *workload, void *out, size_t capacity,
                               size_t *size_out)
{
    const struct stream *streams = workload->streams;
    const struct ee_job_output output = {
        .exit_code = workload->exit_code,
        .stdout_truncated = streams[0].truncated,
        .stderr_truncated = streams[1].truncated,
        .stdout_bytes = ee_bytes_of(streams[0].bytes, streams[0].size),
        .stderr_bytes = ee_bytes_of(streams[1].bytes, streams[1].size),
    };
    return ee_job_output_encode(&output, out, capacity, size_out);
}

/* Kills the recorded process if it still is the one that was recorded: a pid is used again, a pid
 * with its start time is not. */
static void record_end(const char *folder)
{
    char path[PATH_MAX + 16];
    struct ee_file_data file;
    long pid = 0;
    uint64_t start_ticks = 0, found = 0;
    (void)snprintf(path, sizeof(path), "%s/process", folder);
    if (ee_file_read(path, 64, &file) != EE_OK)
        return;
    char *end = NULL;
    pid = strtol((const char *)file.data, &end, 10);
    start_ticks = strtoull(end, NULL, 10);
    ee_file_data_free(&file);
    if (pid <= 1 || ee_process_start_ticks((pid_t)pid, &found) != EE_OK || found != start_ticks)
        return;
    EE_LOG(EE_LOG_WARN, "workload", "ending a process an earlier agent left",
           ee_log_number("pid", pid));
    (void)kill((pid_t)-pid, SIGKILL);
    (void)kill((pid_t)pid, SIGKILL);
}

void ee_workload_sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[PATH_MAX];
        if (entry->d_name[0] == '.' ||
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= PATH_MAX - 16)
            continue;
        record_end(path);
        folder_remove(path);
    }
    (void)closedir(dir);
}
