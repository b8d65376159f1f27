/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a TD report into a quote by asking the quote generation service (QGS) of the host, through
 * vsock or a unix socket (Intel DCAP, "qgs_msg_lib" messages, version 1). The peer is the host:
 * hostile, bounded in size and time. */
#ifndef EE_IO_TDX_QGS_H
#define EE_IO_TDX_QGS_H

#include <stddef.h>

#include "io/tdx_attempt.h"
#include "io/tdx_guest.h"

#define EE_TDX_QGS_CONFIG "/etc/tdx-attest.conf"

enum {
    EE_TDX_QGS_PATH_SIZE = 108,
    EE_TDX_QGS_CID_HOST = 2,
    EE_TDX_QGS_PORT = 4050, /* where Intel's service listens unless told otherwise */
    EE_TDX_QGS_REPLY_MAX = 64 * 1024,
};

struct ee_tdx_qgs {
    char path[EE_TDX_QGS_PATH_SIZE]; /* unix socket; empty: vsock */
    uint32_t cid, port;
};

/* "unix:PATH", "vsock:PORT" or "vsock:CID:PORT". EE_SYNTAX. */
EE_MUST_USE enum ee_err ee_tdx_qgs_parse(const char *text, struct ee_tdx_qgs *out);
/* The host's port from a file of lines such as "port = 4050" (EE_TDX_QGS_CONFIG). EE_NOT_FOUND: no
 * file, or no such line in it; EE_SYNTAX: the port is no port. */
EE_MUST_USE enum ee_err ee_tdx_qgs_config(const char *path, struct ee_tdx_qgs *out);
/* "vsock 2:4050" or "unix PATH". Returns out. */
char *ee_tdx_qgs_text(const struct ee_tdx_qgs *qgs, char out[EE_TDX_QGS_PATH_SIZE + 16]);

/* One connection, one question, one answer. EE_TDX_QUOTE: refused, or an answer that is not of the
 * protocol; EE_CONNECT: nobody listens; EE_TOO_LARGE: the quote is larger than `capacity`;
 * EE_TIMEOUT, EE_CLOSED (called off), EE_IO. */
EE_MUST_USE enum ee_err ee_tdx_qgs_quote(const struct ee_tdx_qgs *qgs,
                                         const uint8_t report[EE_TDX_REPORT_SIZE],
                                         struct ee_tdx_attempt *attempt, uint8_t *out,
                                         size_t capacity, size_t *size_out);

#endif
