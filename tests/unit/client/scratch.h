/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for each test program, with XDG_STATE_HOME in it. */
#ifndef EE_TESTS_CLIENT_SCRATCH_H
#define EE_TESTS_CLIENT_SCRATCH_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"

static char scratch_folder[] = "/tmp/ee-client-test-XXXXXX";

static inline bool scratch_open(void)
{
    memcpy(scratch_folder + sizeof(scratch_folder) - 7, "XXXXXX", 6);
    return mkdtemp(scratch_folder) && setenv("XDG_STATE_HOME", scratch_folder, 1) == 0;
}

static int scratch_remove(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void scratch_close(void)
{
    (void)nftw(scratch_folder, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *scratch_path(const char *name, char out[512])
{
    (void)snprintf(out, 512, "%s/%s", scratch_folder, name);
    return out;
}

static inline bool scratch_write(const char *name, const char *text, mode_t mode)
{
    char path[512];
    return ee_file_write(scratch_path(name, path), ee_bytes_str(text), mode) == EE_OK;
}

#endif
