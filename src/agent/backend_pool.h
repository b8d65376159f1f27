/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to workloads that were left open behind a complete answer and wait for the next
 * request to the same workload. What comes on one that waits ends it: an answer nobody asked for
 * must never be the answer to somebody's question. */
#ifndef EE_AGENT_BACKEND_POOL_H
#define EE_AGENT_BACKEND_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "http/parser.h"
#include "io/conn.h"
#include "tunnel/tunnel.h"

enum {
    EE_BACKEND_IDLE_MAX = 128,     /* of all workloads; beyond it the oldest gives way */
    EE_BACKEND_IDLE_MS = 4000,     /* below what common servers grant (5 s and more) */
    EE_BACKEND_WORKLOADS_MAX = 64, /* whose word is remembered */
    EE_BACKEND_DISTRUST_MS = 60000,
    EE_BACKEND_IDLE_PARSERS_MAX = 32, /* that keep their parser (55 KiB) */
};

struct ee_backend_pool;

/* A connection and the parser of its answers, between two messages. */
struct ee_backend_wire {
    struct ee_conn *conn;
    struct ee_http_parser *parser; /* NULL: it was not kept */
    bool proven;                   /* the workload has answered on a connection that had waited */
};

/* NULL: no memory. */
struct ee_backend_pool *ee_backend_pool_new(struct ee_loop *loop);
/* Ends what waits. NULL is fine. */
void ee_backend_pool_free(struct ee_backend_pool *pool);

/* The one that waited least; it and its parser are the caller's, without events. False: none. */
bool ee_backend_pool_take(struct ee_backend_pool *pool,
                          const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE], uint16_t port,
                          struct ee_backend_wire *out);
/* Takes both over. */
void ee_backend_pool_keep(struct ee_backend_pool *pool,
                          const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE], uint16_t port,
                          const struct ee_backend_wire *wire);
/* What came of a connection that had waited: it answered, or it took the request and said nothing.
 * After the latter none is taken for that workload for a while. */
void ee_backend_pool_judge(struct ee_backend_pool *pool,
                           const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE], uint16_t port,
                           bool answered);
size_t ee_backend_pool_count(const struct ee_backend_pool *pool);

#endif
