/* SPDX-License-Identifier: Apache-2.0 */
#include "io/journal_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "io/file.h"
#include "io/log.h"

#include "base/banned.h"

enum { BUSY_WAIT_MS = 5000, ASIDE_MAX = 99 };

static enum ee_err error_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
        return EE_OK;
    case SQLITE_NOMEM:
        return EE_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return EE_JOURNAL_CORRUPT;
    default:
        EE_LOG(EE_LOG_ERROR, "journal", "it could not be copied",
               ee_log_text("sqlite", sqlite3_errstr(code)), ee_log_number("code", code));
        return EE_IO;
    }
}

static enum ee_err pages_copy(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup == NULL)
        return error_of(sqlite3_errcode(to));
    int code = sqlite3_backup_step(backup, -1); /* all in one read transaction */
    int end = sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE)
        return error_of(code);
    return error_of(end);
}

static enum ee_err database_copy(const char *from_path, const char *to_path)
{
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    int code = sqlite3_open_v2(from_path, &from, SQLITE_OPEN_READONLY, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_open_v2(to_path, &to, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(from, BUSY_WAIT_MS);
    enum ee_err err = code == SQLITE_OK ? pages_copy(from, to) : error_of(code);
    int closed = sqlite3_close(to);
    sqlite3_close(from);
    return err == EE_OK ? error_of(closed) : err;
}

static enum ee_err folder_of(const char *path, char out[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int size = snprintf(out, PATH_MAX, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
                        slash == NULL ? "." : path);
    return size < 0 || size >= PATH_MAX ? EE_TOO_LARGE : EE_OK;
}

static enum ee_err sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return EE_IO;
    int synced = fsync(fd);
    close(fd);
    return synced == 0 ? EE_OK : EE_IO;
}

static enum ee_err file_make(const char *path)
{
    (void)unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return EE_IO;
    close(fd);
    return EE_OK;
}

static enum ee_err copy_finish(const char *temporary, const char *to)
{
    char folder[PATH_MAX];
    EE_TRY(folder_of(to, folder));
    EE_TRY(sync_path(temporary, O_RDWR));
    if (link(temporary, to) != 0) /* unlike rename it replaces nothing */
        return errno == EEXIST ? EE_STATE : EE_IO;
    (void)unlink(temporary);
    return sync_path(folder, O_RDONLY | O_DIRECTORY);
}

enum ee_err ee_journal_copy(const char *from, const char *to)
{
    char temporary[PATH_MAX];
    int size = snprintf(temporary, sizeof(temporary), "%s.partial", to);
    if (size < 0 || size >= PATH_MAX)
        return EE_TOO_LARGE;
    if (!ee_file_exists(from))
        return EE_NOT_FOUND;
    if (ee_file_exists(to))
        return EE_STATE;
    EE_TRY(file_make(temporary));
    enum ee_err err = database_copy(from, temporary);
    if (err == EE_OK)
        err = copy_finish(temporary, to);
    if (err != EE_OK)
        (void)unlink(temporary);
    return err;
}

/* The file and what SQLite keeps beside it; the log before the file, so that a crash between the
 * two leaves a journal without its newest batches rather than a log beside a foreign file. */
static enum ee_err files_rename(const char *path, const char *aside)
{
    static const char *const ends[] = {"-shm", "-wal", ""};
    char from[PATH_MAX];
    char to[PATH_MAX];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        int from_size = snprintf(from, sizeof(from), "%s%s", path, ends[i]);
        int to_size = snprintf(to, sizeof(to), "%s%s", aside, ends[i]);
        if (from_size >= PATH_MAX || to_size >= PATH_MAX)
            return EE_TOO_LARGE;
        if (rename(from, to) != 0 && errno != ENOENT)
            return EE_IO;
    }
    EE_TRY(folder_of(path, from));
    return sync_path(from, O_RDONLY | O_DIRECTORY);
}

enum ee_err ee_journal_set_aside(const char *path)
{
    char aside[PATH_MAX];
    if (!ee_file_exists(path))
        return EE_OK;
    for (int i = 1; i <= ASIDE_MAX; i++) {
        int size = i == 1 ? snprintf(aside, sizeof(aside), "%s.replaced", path)
                          : snprintf(aside, sizeof(aside), "%s.replaced.%d", path, i);
        if (size < 0 || size >= PATH_MAX)
            return EE_TOO_LARGE;
        if (!ee_file_exists(aside))
            return files_rename(path, aside);
    }
    return EE_STATE;
}
