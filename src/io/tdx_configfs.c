/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tdx_configfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "io/clock.h"

#include "base/banned.h"

enum {
    NAME_SIZE = 96,
    ATTRIBUTE_MAX = 64, /* of provider and generation */
    PAUSE_FIRST_MS = 10,
    PAUSE_LAST_MS = 500,
    COMMIT_MS = 1000, /* from the end of the write until the generation shows it */
    REMOVE_TRIES = 20,
    SWEEP_MAX = 1024,
};

static const char provider_wanted[] = "tdx_guest";

/* ---- the system's file operations ---- */

static int system_make(void *context, const char *path)
{
    (void)context;
    return mkdir(path, 0700) == 0 ? 0 : -errno;
}

static int system_remove(void *context, const char *path)
{
    (void)context;
    return rmdir(path) == 0 ? 0 : -errno;
}

static ssize_t system_read(void *context, const char *path, void *out, size_t capacity)
{
    (void)context;
    size_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (size < capacity) {
        ssize_t got = read(fd, (uint8_t *)out + size, capacity - size);
        if (got < 0) {
            int number = errno;
            (void)close(fd);
            return -number;
        }
        if (got == 0)
            break;
        size += (size_t)got;
    }
    (void)close(fd);
    return (ssize_t)size;
}

static int system_write(void *context, const char *path, const void *data, size_t size)
{
    (void)context;
    int result = 0, fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t written = write(fd, data, size);
    if (written < 0)
        result = -errno;
    else if ((size_t)written != size)
        result = -EIO;
    /* The kernel takes the buffer over at close, and the error of that is lost: the generation is
     * read afterwards. */
    if (close(fd) != 0 && result == 0)
        result = -errno;
    return result;
}

static const struct ee_tdx_configfs_calls system_calls = {
    .make = system_make, .remove = system_remove, .read = system_read, .write = system_write};

/* ---- names of entries: ee-NAMESPACE-PID-START-COUNT ---- */

struct owner {
    uint64_t pid_namespace, pid, start;
};

/* Start time of a process in clock ticks (proc(5), stat, field 22); 0: no such process. */
static uint64_t start_of(uint64_t pid)
{
    char path[64], text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
    ssize_t size = system_read(NULL, path, text, sizeof(text) - 1);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    const char *field = strrchr(text, ')'); /* the name may hold anything */
    for (int skip = 0; field && skip < 20; skip++)
        field = strchr(field + 1, ' ');
    return field ? strtoull(field + 1, NULL, 10) : 0;
}

static struct owner owner_self(void)
{
    struct owner self = {.pid = (uint64_t)getpid()};
    struct stat info;
    if (stat("/proc/self/ns/pid", &info) == 0)
        self.pid_namespace = info.st_ino;
    self.start = start_of(self.pid);
    return self;
}

static void entry_name(char out[NAME_SIZE])
{
    static atomic_uint count;
    const struct owner self = owner_self();
    (void)snprintf(out, NAME_SIZE, "ee-%llu-%llu-%llu-%u", (unsigned long long)self.pid_namespace,
                   (unsigned long long)self.pid, (unsigned long long)self.start,
                   atomic_fetch_add(&count, 1));
}

/* Ours, and of a process that is gone. Of another pid namespace nobody here can tell. */
static bool entry_stale(const char *name, const struct owner *self)
{
    uint64_t parts[4] = {0}; /* pid namespace, pid, start, count */
    if (strncmp(name, "ee-", 3) != 0)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char *end;
        name = i == 0 ? name + 3 : name + 1;
        if (*name < '0' || *name > '9')
            return false;
        parts[i] = strtoull(name, &end, 10);
        if (*end != (i < 3 ? '-' : '\0'))
            return false;
        name = end;
    }
    return parts[0] == self->pid_namespace && start_of(parts[1]) != parts[2];
}

size_t ee_tdx_configfs_sweep(const char *folder)
{
    const struct owner self = owner_self();
    char path[PATH_MAX];
    size_t removed = 0;
    struct dirent *entry;
    DIR *list = opendir(folder);
    if (!list)
        return 0;
    for (size_t i = 0; i < SWEEP_MAX && (entry = readdir(list)) != NULL; i++) {
        int size = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (size > 0 && (size_t)size < sizeof(path) && entry_stale(entry->d_name, &self))
            removed += rmdir(path) == 0;
    }
    (void)closedir(list);
    return removed;
}

/* ---- one entry ---- */

struct entry {
    const struct ee_tdx_configfs_calls *calls;
    struct ee_tdx_attempt *attempt;
    char path[PATH_MAX - 32];
};

static const char host_advice[] =
    "on the host: is the quote generation service (qgsd) installed, new enough and running, and "
    "does QEMU's tdx-guest object name its socket (quote-generation-socket)?";

static ssize_t attribute_read(const struct entry *entry, const char *name, void *out,
                              size_t capacity)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", entry->path, name);
    return entry->calls->read(entry->calls->context, path, out, capacity);
}

/* Worth asking again in a moment. The kernel gives ETIMEDOUT when the host took longer than 30 s.
 */
static bool passes(int number)
{
    return number == EBUSY || number == EAGAIN || number == EINTR || number == ETIMEDOUT;
}

/* What an error of the interface means. */
static enum ee_err refused(const struct entry *entry, int number, const char *doing)
{
    struct ee_tdx_attempt *attempt = entry->attempt;
    switch (number) {
    case ENXIO:
        return ee_tdx_attempt_fail(attempt, EE_TDX_MISSING, number,
                                   "load the driver: modprobe tdx_guest (in a TD only)",
                                   "%s: configfs-tsm has no provider", doing);
    case EACCES:
    case EPERM:
        return ee_tdx_attempt_fail(attempt, EE_FORBIDDEN, number,
                                   "run as root, or give this user the folder: configfs-tsm is "
                                   "root's",
                                   "%s", doing);
    case EFBIG:
        return ee_tdx_attempt_fail(attempt, EE_TOO_LARGE, number, host_advice,
                                   "%s: the kernel refuses a quote of that size", doing);
    case EBUSY:
    case EAGAIN:
    case EINTR:
    case ETIMEDOUT:
        return ee_tdx_attempt_fail(attempt, EE_TIMEOUT, number, host_advice,
                                   "%s, asked again %u times", doing, attempt->retries);
    default:
        return ee_tdx_attempt_fail(attempt, EE_TDX_QUOTE, number, host_advice, "%s", doing);
    }
}

/* How one round ended. */
enum round {
    ROUND_DONE,
    ROUND_AGAIN, /* the words say why, should time be over */
    ROUND_FAILED,
};

static enum round again_or_failed(const struct entry *entry, int number, const char *doing,
                                  enum ee_err *err)
{
    *err = refused(entry, number, doing);
    return passes(number) ? ROUND_AGAIN : ROUND_FAILED;
}

static enum round provider_check(const struct entry *entry, enum ee_err *err)
{
    char text[ATTRIBUTE_MAX + 1];
    ssize_t size = attribute_read(entry, "provider", text, ATTRIBUTE_MAX);
    if (size == -ENOENT) {
        *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_MISSING, ENOENT,
                                   "name the folder of configfs-tsm: " EE_TDX_CONFIGFS_FOLDER,
                                   "%s has no provider: it is not configfs-tsm", entry->path);
        return ROUND_FAILED;
    }
    if (size < 0)
        return again_or_failed(entry, (int)-size, "reading the provider", err);
    text[size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, provider_wanted) == 0)
        return ROUND_DONE;
    *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_MISSING, 0,
                               "this machine attests with another technology than TDX",
                               "the provider of configfs-tsm is '%.32s', not tdx_guest", text);
    return ROUND_FAILED;
}

static enum round generation_read(const struct entry *entry, uint64_t *out, enum ee_err *err)
{
    char text[ATTRIBUTE_MAX + 1];
    ssize_t size = attribute_read(entry, "generation", text, ATTRIBUTE_MAX);
    if (size < 0)
        return again_or_failed(entry, (int)-size, "reading the generation", err);
    text[size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (ee_u64_parse(text, out) == EE_OK)
        return ROUND_DONE;
    *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_QUOTE, 0, "",
                               "the generation of configfs-tsm is no number: '%.32s'", text);
    return ROUND_FAILED;
}

/* The generation after our write must be exactly one higher; it may show a moment later. */
static enum round commit_wait(const struct entry *entry, uint64_t before, enum ee_err *err)
{
    uint64_t now, end_us = ee_clock_monotonic_us() + (uint64_t)COMMIT_MS * 1000;
    for (;;) {
        enum round round = generation_read(entry, &now, err);
        if (round != ROUND_DONE || now == before + 1)
            return round;
        if (now != before) {
            *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_QUOTE, 0,
                                       "does something else use the entries of this program?",
                                       "the generation went from %llu to %llu at one write",
                                       (unsigned long long)before, (unsigned long long)now);
            return ROUND_AGAIN;
        }
        if (ee_clock_monotonic_us() >= end_us || !ee_tdx_attempt_pause(entry->attempt, 2))
            break;
    }
    *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_QUOTE, 0, "",
                               "the kernel did not take over the report data (generation stays "
                               "%llu)",
                               (unsigned long long)before);
    return ROUND_AGAIN;
}

static enum round report_data_write(const struct entry *entry, const uint8_t *report_data,
                                    enum ee_err *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/inblob", entry->path);
    int result =
        entry->calls->write(entry->calls->context, path, report_data, EE_TDX_REPORT_DATA_SIZE);
    return result == 0 ? ROUND_DONE
                       : again_or_failed(entry, -result, "writing the report data", err);
}

static enum round quote_read(const struct entry *entry, uint8_t *out, size_t capacity,
                             size_t *size_out, enum ee_err *err)
{
    ssize_t size = attribute_read(entry, "outblob", out, capacity);
    if (size < 0)
        return again_or_failed(entry, (int)-size, "asking the host for a quote", err);
    if (size == 0) {
        *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_QUOTE, 0, host_advice,
                                   "the host answered with an empty quote: its quote generation "
                                   "service is missing, too old or misconfigured");
        return ROUND_FAILED;
    }
    if ((size_t)size == capacity) {
        *err = ee_tdx_attempt_fail(entry->attempt, EE_TOO_LARGE, 0, host_advice,
                                   "the host answered with %zu bytes or more: that is no quote",
                                   capacity);
        return ROUND_FAILED;
    }
    *size_out = (size_t)size;
    return ROUND_DONE;
}

/* facts of the ABI: the generation tells whether what was read belongs to what was written. */
static enum round ask(const struct entry *entry, const uint8_t *report_data, uint8_t *out,
                      size_t capacity, size_t *size_out, enum ee_err *err)
{
    uint64_t before, after;
    enum round round = provider_check(entry, err);
    if (round == ROUND_DONE)
        round = generation_read(entry, &before, err);
    if (round == ROUND_DONE)
        round = report_data_write(entry, report_data, err);
    if (round == ROUND_DONE)
        round = commit_wait(entry, before, err);
    if (round == ROUND_DONE)
        round = quote_read(entry, out, capacity, size_out, err);
    if (round == ROUND_DONE)
        round = generation_read(entry, &after, err);
    if (round != ROUND_DONE || after == before + 1)
        return round;
    *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_QUOTE, 0,
                               "does something else use the entries of this program?",
                               "the entry changed while its quote was read (generation %llu, not "
                               "%llu)",
                               (unsigned long long)after, (unsigned long long)before + 1);
    return ROUND_AGAIN;
}

static enum round entry_make(struct entry *entry, const char *folder, enum ee_err *err)
{
    char name[NAME_SIZE];
    entry_name(name);
    int size = snprintf(entry->path, sizeof(entry->path), "%s/%s", folder, name);
    if (size < 0 || (size_t)size >= sizeof(entry->path)) {
        *err = ee_tdx_attempt_fail(entry->attempt, EE_TOO_LARGE, 0, "", "the path is too long");
        return ROUND_FAILED;
    }
    int result = entry->calls->make(entry->calls->context, entry->path);
    if (result == 0)
        return ROUND_DONE;
    if (result == -EEXIST) /* left over by an earlier process; the next name is another one */
        return again_or_failed(entry, EAGAIN, "making an entry", err);
    if (result == -ENOENT || result == -ENOTDIR) {
        *err = ee_tdx_attempt_fail(entry->attempt, EE_TDX_MISSING, -result,
                                   "mount -t configfs none /sys/kernel/config; modprobe tdx_guest; "
                                   "the kernel must be 6.7 or later",
                                   "%s is not there", folder);
        return ROUND_FAILED;
    }
    return again_or_failed(entry, -result, "making an entry", err);
}

/* Also while the deadline is over: an entry that stays behind holds kernel memory. */
static void entry_remove(const struct entry *entry)
{
    const struct timespec moment = {.tv_nsec = 5 * 1000 * 1000};
    for (int i = 0; i < REMOVE_TRIES; i++) {
        int result = entry->calls->remove(entry->calls->context, entry->path);
        if (result == 0 || !passes(-result))
            return;
        (void)nanosleep(&moment, NULL);
    }
}

static enum round one_round(const struct ee_tdx_configfs *configfs, const uint8_t *report_data,
                            struct ee_tdx_attempt *attempt, uint8_t *out, size_t capacity,
                            size_t *size_out, enum ee_err *err)
{
    struct entry entry = {.calls = configfs->calls ? configfs->calls : &system_calls,
                          .attempt = attempt};
    enum round round = entry_make(&entry, configfs->folder, err);
    if (round != ROUND_DONE)
        return round;
    round = ask(&entry, report_data, out, capacity, size_out, err);
    entry_remove(&entry);
    return round;
}

enum ee_err ee_tdx_configfs_quote(const struct ee_tdx_configfs *configfs,
                                  const uint8_t report_data[EE_TDX_REPORT_DATA_SIZE],
                                  struct ee_tdx_attempt *attempt, uint8_t *out, size_t capacity,
                                  size_t *size_out)
{
    uint64_t pause_ms = PAUSE_FIRST_MS;
    enum ee_err err = EE_OK;
    if (capacity > EE_TDX_OUTBLOB_MAX)
        capacity = EE_TDX_OUTBLOB_MAX;
    for (;;) {
        size_t size = 0;
        enum round round = one_round(configfs, report_data, attempt, out, capacity, &size, &err);
        if (round == ROUND_DONE) {
            attempt->what[0] = attempt->next[0] = '\0'; /* of rounds before */
            attempt->number = 0;
            *size_out = size;
            return EE_OK;
        }
        if (round == ROUND_FAILED)
            return err;
        attempt->retries++;
        if (!ee_tdx_attempt_pause(attempt, pause_ms))
            return attempt->stop && atomic_load(attempt->stop) ? EE_CLOSED : err;
        pause_ms = pause_ms * 2 < PAUSE_LAST_MS ? pause_ms * 2 : PAUSE_LAST_MS;
    }
}
