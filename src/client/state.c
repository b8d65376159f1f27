/* SPDX-License-Identifier: Apache-2.0 */
#include "client/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "io/file.h"

#include "base/banned.h"

enum { SEED_FILE_MAX = 256, LOCK_TRIES = 500, LOCK_PAUSE_NS = 10 * 1000 * 1000 };

static int root_path(char out[EE_CLIENT_PATH_SIZE])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && state[0] == '/') /* the XDG specification: relative paths are to be ignored */
        return snprintf(out, EE_CLIENT_PATH_SIZE, "%s/ee", state);
    return snprintf(out, EE_CLIENT_PATH_SIZE, "%s/.local/state/ee", home ? home : "");
}

enum ee_err ee_client_file_fail(struct ee_client_problem *problem, enum ee_err err,
                                const char *what, const char *path)
{
    int number = errno;
    if (err == EE_IO)
        (void)ee_client_fail(problem, err, "%s %s: %s", what, path, strerror(number));
    else if (err == EE_NOT_FOUND)
        (void)ee_client_fail(problem, err, "%s %s does not exist", what, path);
    else if (err == EE_FORBIDDEN)
        (void)ee_client_fail(problem, err, "%s %s may be read by others", what, path);
    else
        (void)ee_client_fail(problem, err, "%s %s: %s", what, path, ee_err_text(err));
    if (err == EE_FORBIDDEN)
        ee_client_suggest(problem, "chmod 600 %s", path);
    problem->exit_code = ee_err_exit_code(EE_USAGE); /* a file cannot be read or written */
    return err;
}

enum ee_err ee_client_state_path(struct ee_client_problem *problem, const char *folder,
                                 const char *name, char out[EE_CLIENT_PATH_SIZE])
{
    char root[EE_CLIENT_PATH_SIZE], path[EE_CLIENT_PATH_SIZE];
    int size = root_path(root);
    if (size > 0 && size < EE_CLIENT_PATH_SIZE)
        size = snprintf(path, sizeof(path), "%s/%s", root, folder);
    if (size <= 0 || size >= EE_CLIENT_PATH_SIZE)
        return ee_client_fail(problem, EE_TOO_LARGE, "the path of the state folder is too long");
    enum ee_err err = ee_file_make_folder(path);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "state folder", path);
    size = snprintf(out, EE_CLIENT_PATH_SIZE, "%s%s%s", path, *name ? "/" : "", name);
    if (size <= 0 || size >= EE_CLIENT_PATH_SIZE)
        return ee_client_fail(problem, EE_TOO_LARGE, "the path of the state folder is too long");
    return EE_OK;
}

enum ee_err ee_client_seed_read(struct ee_client_problem *problem, const char *path,
                                const char *what, uint8_t out[32])
{
    struct ee_file_data file;
    enum ee_err err = ee_file_read_secret(path, SEED_FILE_MAX, &file);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, what, path);
    struct ee_bytes text = ee_file_bytes(&file);
    while (text.size && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    err = ee_hex_decode(text, out, 32);
    ee_file_data_free(&file);
    if (err != EE_OK)
        return ee_client_fail(problem, err, "%s %s is not 64 hex digits", what, path);
    return EE_OK;
}

enum ee_err ee_client_secret_write(struct ee_client_problem *problem, const char *path,
                                   struct ee_bytes bytes)
{
    if (ee_file_exists(path)) {
        (void)ee_client_fail(problem, EE_STATE, "%s exists already; it is not overwritten", path);
        ee_client_suggest(problem, "choose another file or folder, or move that one away");
        return EE_STATE;
    }
    enum ee_err err = ee_file_write(path, bytes, 0600);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "writing", path);
}

enum ee_err ee_client_state_lock(struct ee_client_problem *problem, const char *path, int *fd_out)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    enum ee_err err = EE_JOURNAL_LOCKED;
    for (int i = 0; i < LOCK_TRIES && err == EE_JOURNAL_LOCKED; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        err = ee_file_lock(path, fd_out);
    }
    if (err == EE_JOURNAL_LOCKED)
        return ee_client_fail(problem, EE_TIMEOUT, "another process keeps %s locked", path);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "lock", path);
}
