/* SPDX-License-Identifier: Apache-2.0 */
#include "io/leaf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/banned.h"

enum ee_err ee_leaf_file_open(const char *path, bool create, struct ee_leaf_file *out)
{
    out->fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    if (out->fd >= 0)
        return EE_OK;
    return errno == ENOENT ? EE_NOT_FOUND : EE_IO;
}

enum ee_err ee_leaf_file_write(const struct ee_leaf_file *file, uint64_t first,
                               struct ee_bytes hashes)
{
    uint64_t at = first * EE_SHA256_SIZE;
    while (hashes.size > 0) {
        ssize_t written = pwrite(file->fd, hashes.data, hashes.size, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return EE_IO;
        hashes = ee_bytes_of(hashes.data + written, hashes.size - (size_t)written);
        at += (uint64_t)written;
    }
    return EE_OK;
}

enum ee_err ee_leaf_file_sync(const struct ee_leaf_file *file)
{
    return fsync(file->fd) == 0 ? EE_OK : EE_IO;
}

enum ee_err ee_leaf_file_read(const struct ee_leaf_file *file, uint64_t first, uint8_t *out,
                              size_t count)
{
    uint64_t at = first * EE_SHA256_SIZE;
    size_t size = count * EE_SHA256_SIZE;
    while (size > 0) {
        ssize_t got = pread(file->fd, out, size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return EE_IO;
        if (got == 0)
            return EE_TRUNCATED;
        out += got;
        size -= (size_t)got;
        at += (uint64_t)got;
    }
    return EE_OK;
}

void ee_leaf_file_close(struct ee_leaf_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
