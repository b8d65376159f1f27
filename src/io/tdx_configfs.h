/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes through configfs-tsm (Linux Documentation/ABI/testing/configfs-tsm-report, kernel 6.7 and
 * later): a folder of our own, 64 bytes of report data in, a quote out. What comes out is the
 * host's and hostile: bounded here, judged by nobody here. */
#ifndef EE_IO_TDX_CONFIGFS_H
#define EE_IO_TDX_CONFIGFS_H

#include <stddef.h>
#include <sys/types.h>

#include "io/tdx_attempt.h"

#define EE_TDX_CONFIGFS_FOLDER "/sys/kernel/config/tsm/report"

enum {
    EE_TDX_REPORT_DATA_SIZE = 64,
    EE_TDX_OUTBLOB_MAX = 128 * 1024, /* DCAP quotes are 5 KB, delivered in buffers up to 8 KB */
};

/* The file operations, so that a test can be the kernel. Each returns 0 or a size, or -errno. */
struct ee_tdx_configfs_calls {
    void *context;
    int (*make)(void *context, const char *path);   /* mkdir */
    int (*remove)(void *context, const char *path); /* rmdir */
    /* The file to its end through one descriptor, at most `capacity` bytes. */
    ssize_t (*read)(void *context, const char *path, void *out, size_t capacity);
    /* One write of all bytes, then close. */
    int (*write)(void *context, const char *path, const void *data, size_t size);
};

struct ee_tdx_configfs {
    const char *folder;                        /* EE_TDX_CONFIGFS_FOLDER */
    const struct ee_tdx_configfs_calls *calls; /* NULL: the system's */
};

/* A quote for these report data. The entry is made, asked and removed again; it is asked anew while
 * the interface is busy, interrupted, or the entry changed under us, until the deadline.
 * EE_TDX_MISSING: no such interface, no provider, or another one than tdx_guest; EE_FORBIDDEN: no
 * permission; EE_TDX_QUOTE: the host gave none (empty, refused, or somebody else kept changing the
 * entry); EE_TOO_LARGE: more than `capacity` or EE_TDX_OUTBLOB_MAX bytes; EE_TIMEOUT; EE_CLOSED:
 * called off; EE_IO. The attempt has the words. */
EE_MUST_USE enum ee_err ee_tdx_configfs_quote(const struct ee_tdx_configfs *configfs,
                                              const uint8_t report_data[EE_TDX_REPORT_DATA_SIZE],
                                              struct ee_tdx_attempt *attempt, uint8_t *out,
                                              size_t capacity, size_t *size_out);
/* Removes entries that processes of ours left which are gone (killed while they asked): by pid,
 * start time and pid namespace in the entry's name. Call once at the start. Returns how many. */
size_t ee_tdx_configfs_sweep(const char *folder);

#endif
