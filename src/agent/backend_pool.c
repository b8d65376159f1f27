/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backend_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { SWEEP_MS = 1000, MICROS_PER_MS = 1000 };

struct idle {
    struct ee_backend_pool *pool;
    struct ee_backend_wire wire;
    uint8_t instance[EE_TUNNEL_INSTANCE_SIZE];
    uint16_t port;
    uint64_t since_us;
    struct idle *next, *previous; /* newest first */
};

/* How a workload has kept its word. */
struct workload {
    uint8_t instance[EE_TUNNEL_INSTANCE_SIZE];
    uint16_t port; /* 0: free */
    bool proven;
    uint64_t distrusted_until_us;
};

struct ee_backend_pool {
    struct ee_loop *loop;
    struct workload workloads[EE_BACKEND_WORKLOADS_MAX];
    size_t workload_next; /* written next: the oldest */
    struct ee_timer *timer;
    struct idle *newest, *oldest;
    size_t count, parsers;
};

static void unlink_idle(struct idle *idle)
{
    struct ee_backend_pool *pool = idle->pool;
    *(idle->previous ? &idle->previous->next : &pool->newest) = idle->next;
    *(idle->next ? &idle->next->previous : &pool->oldest) = idle->previous;
    pool->count--;
    pool->parsers -= idle->wire.parser != NULL;
    if (pool->count == 0)
        ee_timer_stop(pool->timer);
}

static void drop(struct idle *idle, bool in_order)
{
    struct ee_conn *conn = idle->wire.conn;
    unlink_idle(idle);
    ee_http_parser_free(idle->wire.parser);
    free(idle);
    ee_conn_set_events(conn, NULL, NULL);
    if (in_order)
        ee_conn_close(conn, EE_OK);
    else
        ee_conn_abort(conn, EE_CLOSED);
}

/* ---- what may happen to one that waits ---- */

static void on_data(void *context, struct ee_conn *conn, struct ee_bytes data)
{
    (void)conn;
    (void)data;
    drop(context, false);
}

static void on_ended(void *context, struct ee_conn *conn)
{
    (void)conn;
    drop(context, true);
}

static void on_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    struct idle *idle = context;
    (void)conn;
    (void)err;
    unlink_idle(idle);
    ee_http_parser_free(idle->wire.parser);
    free(idle);
}

static const struct ee_conn_events idle_events = {
    .data = on_data, .ended = on_ended, .closed = on_closed};

static void sweep(void *context)
{
    struct ee_backend_pool *pool = context;
    const uint64_t now_us = ee_loop_now_us(pool->loop);
    const uint64_t limit_us = (uint64_t)EE_BACKEND_IDLE_MS * MICROS_PER_MS;
    while (pool->oldest && now_us - pool->oldest->since_us >= limit_us)
        drop(pool->oldest, true);
}

/* ---- in and out ---- */

struct ee_backend_pool *ee_backend_pool_new(struct ee_loop *loop)
{
    struct ee_backend_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    pool->loop = loop;
    if (ee_timer_new(loop, sweep, pool, &pool->timer) == EE_OK)
        return pool;
    free(pool);
    return NULL;
}

void ee_backend_pool_free(struct ee_backend_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->oldest)
        drop(pool->oldest, false);
    ee_timer_free(pool->timer);
    free(pool);
}

size_t ee_backend_pool_count(const struct ee_backend_pool *pool)
{
    return pool->count;
}

static struct workload *workload_find(struct ee_backend_pool *pool, const uint8_t *instance,
                                      uint16_t port)
{
    for (size_t i = 0; i < EE_BACKEND_WORKLOADS_MAX; i++) {
        struct workload *w = &pool->workloads[i];
        if (w->port == port && memcmp(w->instance, instance, sizeof(w->instance)) == 0)
            return w;
    }
    return NULL;
}

void ee_backend_pool_judge(struct ee_backend_pool *pool,
                           const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE], uint16_t port,
                           bool answered)
{
    struct workload *w = workload_find(pool, instance, port);
    if (w == NULL) {
        w = &pool->workloads[pool->workload_next++ % EE_BACKEND_WORKLOADS_MAX];
        *w = (struct workload){.port = port};
        memcpy(w->instance, instance, sizeof(w->instance));
    }
    w->proven = answered;
    if (!answered)
        w->distrusted_until_us =
            ee_loop_now_us(pool->loop) + (uint64_t)EE_BACKEND_DISTRUST_MS * MICROS_PER_MS;
}

bool ee_backend_pool_take(struct ee_backend_pool *pool,
                          const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE], uint16_t port,
                          struct ee_backend_wire *out)
{
    const struct workload *known = workload_find(pool, instance, port);
    struct idle *idle = pool->newest;
    if (known && known->distrusted_until_us > ee_loop_now_us(pool->loop))
        return false;
    while (idle &&
           (idle->port != port || memcmp(idle->instance, instance, sizeof(idle->instance)) != 0))
        idle = idle->next;
    if (idle == NULL)
        return false;
    *out = idle->wire;
    out->proven = known && known->proven;
    ee_conn_set_events(out->conn, NULL, NULL);
    unlink_idle(idle);
    free(idle);
    return true;
}

static void link_newest(struct ee_backend_pool *pool, struct idle *idle)
{
    idle->next = pool->newest;
    *(pool->newest ? &pool->newest->previous : &pool->oldest) = idle;
    pool->newest = idle;
    if (pool->count++ == 0)
        ee_timer_start(pool->timer, SWEEP_MS, SWEEP_MS);
}

void ee_backend_pool_keep(struct ee_backend_pool *pool,
                          const uint8_t instance[EE_TUNNEL_INSTANCE_SIZE], uint16_t port,
                          const struct ee_backend_wire *wire)
{
    struct idle *idle = calloc(1, sizeof(*idle));
    if (idle == NULL) {
        ee_http_parser_free(wire->parser);
        ee_conn_set_events(wire->conn, NULL, NULL);
        ee_conn_close(wire->conn, EE_OK);
        return;
    }
    if (pool->count == EE_BACKEND_IDLE_MAX)
        drop(pool->oldest, true);
    *idle = (struct idle){
        .pool = pool, .wire = *wire, .port = port, .since_us = ee_loop_now_us(pool->loop)};
    memcpy(idle->instance, instance, sizeof(idle->instance));
    if (pool->parsers >= EE_BACKEND_IDLE_PARSERS_MAX) {
        ee_http_parser_free(idle->wire.parser);
        idle->wire.parser = NULL;
    }
    pool->parsers += idle->wire.parser != NULL;
    link_newest(pool, idle);
    ee_conn_set_events(wire->conn, &idle_events, idle);
}
