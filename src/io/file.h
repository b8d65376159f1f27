/* SPDX-License-Identifier: Apache-2.0 */
/* Small files read and written whole: state, keys, certificates. Errors of the system are EE_IO
 * with errno kept; a missing file is EE_NOT_FOUND. */
#ifndef EE_IO_FILE_H
#define EE_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

/* The bytes, followed by one NUL that `size` does not count. Zeroed when empty or freed. */
struct ee_file_data {
    uint8_t *data;
    size_t size;
};

/* The whole regular file, or standard input for "-". EE_TOO_LARGE above `limit` bytes. */
EE_MUST_USE enum ee_err ee_file_read(const char *path, size_t limit, struct ee_file_data *out);
/* The same for a file only its owner may read: EE_FORBIDDEN unless it belongs to this user or root
 * and its mode has no bits for group and others (0600). */
EE_MUST_USE enum ee_err ee_file_read_secret(const char *path, size_t limit,
                                            struct ee_file_data *out);
struct ee_bytes ee_file_bytes(const struct ee_file_data *data);
/* Wipes and releases. */
void ee_file_data_free(struct ee_file_data *data);

/* Either the old file or the whole new one is there, also after a crash: temporary file in the same
 * folder, fsync, rename, fsync of the folder. `mode` as given, whatever the umask. On failure the
 * old file is unchanged and the temporary one gone. */
EE_MUST_USE enum ee_err ee_file_write(const char *path, struct ee_bytes bytes, mode_t mode);

/* Makes the folder and its missing parents with mode 0700; a folder that exists keeps its mode. */
EE_MUST_USE enum ee_err ee_file_make_folder(const char *path);
bool ee_file_exists(const char *path);

/* Takes an exclusive flock(2) on the file (made with 0600 if missing) until ee_file_unlock() or
 * the end of the process; children do not inherit it. EE_JOURNAL_LOCKED when somebody has it. */
EE_MUST_USE enum ee_err ee_file_lock(const char *path, int *fd_out);
void ee_file_unlock(int fd); /* -1 is fine */

#endif
