/* SPDX-License-Identifier: Apache-2.0 */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/random.h"

#include "base/banned.h"

enum { PATH_SIZE = 4096, READ_STEP = 64 * 1024 };

static enum ee_err system_error(void)
{
    return errno == ENOENT || errno == ENOTDIR ? EE_NOT_FOUND : EE_IO;
}

static void close_keep_errno(int fd)
{
    int kept = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = kept;
}

/* Grows as the bytes come, so a file that lies about its size (or a pipe) is bounded all the same.
 */
static enum ee_err read_all(int fd, size_t limit, struct ee_file_data *out)
{
    struct ee_file_data data = {0};
    size_t capacity = 0;
    for (;;) {
        if (capacity - data.size < READ_STEP) {
            capacity += data.size + READ_STEP + 1;
            uint8_t *grown = ee_realloc(&ee_allocator_system, data.data, capacity, 1);
            if (!grown) {
                ee_file_data_free(&data);
                return EE_NO_MEMORY;
            }
            data.data = grown;
        }
        ssize_t got = read(fd, data.data + data.size, capacity - data.size - 1);
        if (got < 0 && errno == EINTR)
            continue;
        data.size += got > 0 ? (size_t)got : 0;
        if (got < 0 || data.size > limit) {
            ee_file_data_free(&data);
            return got < 0 ? EE_IO : EE_TOO_LARGE;
        }
        if (got == 0)
            break;
    }
    data.data[data.size] = '\0';
    *out = data;
    return EE_OK;
}

static enum ee_err secret_check(const struct stat *status)
{
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return EE_FORBIDDEN;
    return (status->st_mode & (S_IRWXG | S_IRWXO)) == 0 ? EE_OK : EE_FORBIDDEN;
}

static enum ee_err read_path(const char *path, size_t limit, bool secret, struct ee_file_data *out)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return system_error();
    enum ee_err err = EE_OK;
    if (fstat(fd, &status) != 0)
        err = EE_IO;
    else if (!S_ISREG(status.st_mode))
        err = EE_UNSUPPORTED;
    else if (secret)
        err = secret_check(&status);
    if (err == EE_OK)
        err = read_all(fd, limit, out);
    close_keep_errno(fd);
    return err;
}

enum ee_err ee_file_read(const char *path, size_t limit, struct ee_file_data *out)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, limit, out);
    return read_path(path, limit, false, out);
}

enum ee_err ee_file_read_secret(const char *path, size_t limit, struct ee_file_data *out)
{
    return read_path(path, limit, true, out);
}

struct ee_bytes ee_file_bytes(const struct ee_file_data *data)
{
    return ee_bytes_of(data->data, data->size);
}

void ee_file_data_free(struct ee_file_data *data)
{
    if (data->data)
        ee_wipe(data->data, data->size);
    ee_free(&ee_allocator_system, data->data);
    *data = (struct ee_file_data){0};
}

static enum ee_err write_all(int fd, struct ee_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t done = write(fd, bytes.data, bytes.size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return EE_IO;
        bytes.data += done;
        bytes.size -= (size_t)done;
    }
    return EE_OK;
}

/* "." for a path without '/', else up to the last one. */
static enum ee_err folder_of(const char *path, char folder[PATH_SIZE])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 1;
    if (size >= PATH_SIZE)
        return EE_TOO_LARGE;
    memcpy(folder, slash ? path : ".", size);
    if (size == 0)
        folder[size++] = '/';
    folder[size] = '\0';
    return EE_OK;
}

static enum ee_err sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return system_error();
    enum ee_err err = fsync(fd) == 0 ? EE_OK : EE_IO;
    close_keep_errno(fd);
    return err;
}

static enum ee_err write_temporary(const char *temporary, struct ee_bytes bytes, mode_t mode)
{
    int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return system_error();
    enum ee_err err = write_all(fd, bytes);
    if (err == EE_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        err = EE_IO;
    close_keep_errno(fd);
    return err;
}

enum ee_err ee_file_write(const char *path, struct ee_bytes bytes, mode_t mode)
{
    char folder[PATH_SIZE], temporary[PATH_SIZE], suffix[17];
    uint8_t random[8];
    EE_TRY(folder_of(path, folder));
    ee_random_bytes(random, sizeof(random));
    int size = snprintf(temporary, sizeof(temporary), "%s.%s.tmp", path,
                        ee_hex_encode(random, sizeof(random), suffix));
    if (size < 0 || (size_t)size >= sizeof(temporary))
        return EE_TOO_LARGE;
    enum ee_err err = write_temporary(temporary, bytes, mode);
    if (err == EE_OK && rename(temporary, path) != 0)
        err = EE_IO;
    if (err != EE_OK) {
        int kept = errno;
        (void)unlink(temporary);
        errno = kept;
        return err;
    }
    return sync_folder(folder);
}

static enum ee_err make_one(const char *path)
{
    struct stat status;
    if (mkdir(path, S_IRWXU) == 0)
        return EE_OK;
    if (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return EE_OK;
    return EE_IO;
}

enum ee_err ee_file_make_folder(const char *path)
{
    char part[PATH_SIZE];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part))
        return EE_RANGE;
    memcpy(part, path, size + 1);
    for (size_t i = 1; i < size; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        EE_TRY(make_one(part));
        part[i] = '/';
    }
    return make_one(part);
}

bool ee_file_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

enum ee_err ee_file_lock(const char *path, int *fd_out)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return system_error();
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum ee_err err = errno == EWOULDBLOCK ? EE_JOURNAL_LOCKED : EE_IO;
        close_keep_errno(fd);
        return err;
    }
    *fd_out = fd;
    return EE_OK;
}

void ee_file_unlock(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
