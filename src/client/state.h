/* SPDX-License-Identifier: Apache-2.0 */
/* Where the client keeps what it remembers: $XDG_STATE_HOME/ee (else ~/.local/state/ee), folders
 * 0700 and files 0600. */
#ifndef EE_CLIENT_STATE_H
#define EE_CLIENT_STATE_H

#include "client/problem.h"

enum { EE_CLIENT_PATH_SIZE = 4096 };

/* ROOT/`folder` (made when missing), then "/" and `name` unless that is empty. EE_TOO_LARGE: path;
 * EE_IO. */
EE_MUST_USE enum ee_err ee_client_state_path(struct ee_client_problem *problem, const char *folder,
                                             const char *name, char out[EE_CLIENT_PATH_SIZE]);
/* 32 secret bytes written as hex in a file only its owner may read. EE_SYNTAX, EE_FORBIDDEN,
 * EE_NOT_FOUND, EE_IO. */
EE_MUST_USE enum ee_err ee_client_seed_read(struct ee_client_problem *problem, const char *path,
                                            const char *what, uint8_t out[32]);
/* The file must not exist: EE_STATE. EE_IO. */
EE_MUST_USE enum ee_err ee_client_secret_write(struct ee_client_problem *problem, const char *path,
                                               struct ee_bytes bytes);
/* Takes the lock of a file of the state folder, waiting for other processes of this user up to 5 s;
 * ee_file_unlock() gives it back. EE_TIMEOUT, EE_IO. */
EE_MUST_USE enum ee_err ee_client_state_lock(struct ee_client_problem *problem, const char *path,
                                             int *fd_out);
/* A file's failure in words: `what` names its purpose. Returns `err`. */
enum ee_err ee_client_file_fail(struct ee_client_problem *problem, enum ee_err err,
                                const char *what, const char *path);

#endif
