/* SPDX-License-Identifier: Apache-2.0 */
/* One message with file descriptors between two processes of the same user, over a socket in a
 * folder only that user can enter (unix(7), SOCK_SEQPACKET, SCM_RIGHTS). */
#ifndef EE_IO_PASS_H
#define EE_IO_PASS_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "io/loop.h"

enum { EE_PASS_FDS_MAX = 8, EE_PASS_MESSAGE_MAX = 4096 };

struct ee_pass_listener;

/* Listens at FOLDER/NAME, replacing what is there. `fn` gets each connection of a process of the
 * same user, blocking, the callee's to close; others are closed. EE_IO, EE_TOO_LARGE,
 * EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_pass_listen(struct ee_loop *loop, const char *folder, const char *name,
                                       void (*fn)(void *context, int fd), void *context,
                                       struct ee_pass_listener **out);
/* Stops; the name stays in the folder, where another may have taken it. NULL is fine. */
void ee_pass_listener_free(struct ee_pass_listener *listener);

/* EE_NOT_FOUND: nobody listens; EE_FORBIDDEN: a process of another user does; EE_IO. */
EE_MUST_USE enum ee_err ee_pass_connect(const char *folder, const char *name, int *fd_out);
/* Without blocking. EE_RANGE: too many descriptors or bytes; EE_IO. */
EE_MUST_USE enum ee_err ee_pass_send(int fd, struct ee_bytes bytes, const int *fds, size_t count);
/* Waits for one message; the descriptors are the caller's and close on exec. EE_TIMEOUT; EE_CLOSED:
 * the other end went away; EE_TOO_LARGE; EE_IO. */
EE_MUST_USE enum ee_err ee_pass_receive(int fd, uint64_t timeout_ms, uint8_t *out, size_t capacity,
                                        size_t *size_out, int fds_out[EE_PASS_FDS_MAX],
                                        size_t *count_out);

#endif
