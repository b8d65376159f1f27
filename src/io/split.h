/* SPDX-License-Identifier: Apache-2.0 */
/* A process split off to write down this moment's memory while this one goes on: fork(2), whose
 * cost is the page tables, not the pages. Of a process with threads the other threads are gone and
 * their locks stay taken, so what runs there takes no memory, no lock and no library with state: it
 * computes and writes to its pipe. */
#ifndef EE_IO_SPLIT_H
#define EE_IO_SPLIT_H

#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct ee_split {
    int fd;    /* what it writes can be read here */
    pid_t pid; /* 0: none */
};

/* Runs in the split-off process, which ends with it; every other file of it is closed. */
typedef enum ee_err (*ee_split_fn)(void *context, int fd);

/* EE_IO: no process (memory, limits); errno is kept. */
EE_MUST_USE enum ee_err ee_split_start(ee_split_fn fn, void *context, struct ee_split *out);
/* For `fn`: all of it. EE_IO: nobody reads any more. */
EE_MUST_USE enum ee_err ee_split_write(int fd, struct ee_bytes bytes);
/* Up to `size` bytes; waits. *got_out 0: it wrote no more. EE_IO. */
EE_MUST_USE enum ee_err ee_split_read(struct ee_split *split, void *out, size_t size,
                                      size_t *got_out);
/* Closes and waits for it. EE_IO: it did not end well, so what was read is not all. */
EE_MUST_USE enum ee_err ee_split_end(struct ee_split *split);

#endif
