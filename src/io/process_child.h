/* SPDX-License-Identifier: Apache-2.0 */
/* The child's side of io/process: everything that can be prepared is, then fork, settings and exec.
 * For io/process.c only. */
#ifndef EE_IO_PROCESS_CHILD_H
#define EE_IO_PROCESS_CHILD_H

#include <sys/types.h>

#include "base/err.h"
#include "io/process.h"

enum { EE_PROCESS_PATH_SIZE = 4096 };

struct ee_process_child {
    const struct ee_process_options *options; /* borrowed */
    char program[EE_PROCESS_PATH_SIZE];
    int stdio_fds[3]; /* what becomes 0, 1 and 2 */
    int read_fds[2];  /* our ends of the output pipes, or -1 */
};

/* Finds the program and opens files and pipes. EE_NOT_FOUND, EE_SPAWN; on failure nothing is held.
 */
EE_MUST_USE enum ee_err ee_process_child_prepare(const struct ee_process_options *options,
                                                 struct ee_process_child *out);
/* Forks and waits until exec has succeeded. EE_NOT_FOUND, EE_SPAWN (errno set): no child is left.
 */
EE_MUST_USE enum ee_err ee_process_child_start(const struct ee_process_child *child,
                                               pid_t *pid_out);
/* Closes the descriptors still held. */
void ee_process_child_close(struct ee_process_child *child);

#endif
