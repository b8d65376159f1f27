/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/backend_pool.h"
#include "base/alloc.h"
#include "io/listener.h"
#include "tap.h"

enum { SOME = 5, WAIT_MS = 8000 };

static struct ee_loop *loop;
static struct ee_listener *listener;
static struct ee_backend_pool *pool;
static char address[32];
static size_t opened, accepted_closed;
static const uint8_t mine[EE_TUNNEL_INSTANCE_SIZE] = {1}, other[EE_TUNNEL_INSTANCE_SIZE] = {2};

static void on_open(void *context, struct ee_conn *conn)
{
    (void)context;
    (void)conn;
    opened++;
}

static void on_accepted_closed(void *context, struct ee_conn *conn, enum ee_err err)
{
    (void)context;
    (void)conn;
    (void)err;
    accepted_closed++;
}

static const struct ee_conn_events client_events = {.open = on_open};
static const struct ee_conn_events app_events = {.closed = on_accepted_closed};

static void on_accept(void *context, struct ee_conn *conn)
{
    (void)context;
    ee_conn_set_events(conn, &app_events, NULL);
}

static void turn(const size_t *value, size_t wanted)
{
    bool never = false;
    const uint64_t end_us = ee_loop_now_us(loop) + WAIT_MS * 1000u;
    while (*value < wanted && ee_loop_now_us(loop) < end_us)
        (void)!ee_loop_run_until(loop, &never, 1);
    CHECK(*value == wanted);
}

static void keep_new(size_t count, const uint8_t *instance, uint16_t port)
{
    struct ee_conn *conns[EE_BACKEND_IDLE_MAX + 1];
    const struct ee_conn_connect_options options = {.address = address};
    opened = 0;
    for (size_t i = 0; i < count; i++)
        CHECK(ee_conn_connect(loop, &options, &client_events, NULL, &conns[i]) == EE_OK);
    turn(&opened, count);
    for (size_t i = 0; i < count; i++) {
        const struct ee_backend_wire wire = {
            .conn = conns[i], .parser = ee_http_parser_new(&ee_allocator_system, EE_HTTP_CLIENT)};
        ee_backend_pool_keep(pool, instance, port, &wire);
    }
}

static void end_wire(struct ee_backend_wire *wire)
{
    ee_http_parser_free(wire->parser);
    ee_conn_abort(wire->conn, EE_CLOSED);
}

static void other_workload_or_port(void)
{
    struct ee_backend_wire wire;
    accepted_closed = 0;
    keep_new(1, mine, 80);
    CHECK(!ee_backend_pool_take(pool, other, 80, &wire));
    CHECK(!ee_backend_pool_take(pool, mine, 81, &wire));
    CHECK(ee_backend_pool_take(pool, mine, 80, &wire) && wire.parser != NULL);
    CHECK(ee_backend_pool_count(pool) == 0 && !ee_backend_pool_take(pool, mine, 80, &wire));
    end_wire(&wire);
    turn(&accepted_closed, 1);
}

static void full_pool_lets_the_oldest_go(void)
{
    struct ee_backend_wire wire;
    size_t with_parser = 0;
    accepted_closed = 0;
    keep_new(1, other, 80);
    keep_new(EE_BACKEND_IDLE_MAX, mine, 80);
    CHECK(ee_backend_pool_count(pool) == EE_BACKEND_IDLE_MAX);
    CHECK(!ee_backend_pool_take(pool, other, 80, &wire));
    turn(&accepted_closed, 1);
    while (ee_backend_pool_take(pool, mine, 80, &wire)) {
        with_parser += wire.parser != NULL;
        end_wire(&wire);
    }
    CHECK(with_parser == EE_BACKEND_IDLE_PARSERS_MAX);
    turn(&accepted_closed, EE_BACKEND_IDLE_MAX + 1);
}

static void those_that_waited_too_long_are_closed(void)
{
    accepted_closed = 0;
    keep_new(SOME, mine, 80);
    const uint64_t start_us = ee_loop_now_us(loop);
    turn(&accepted_closed, SOME);
    const uint64_t took_ms = (ee_loop_now_us(loop) - start_us) / 1000;
    CHECK(took_ms >= EE_BACKEND_IDLE_MS - 500 && ee_backend_pool_count(pool) == 0);
}

int main(void)
{
    const struct tap_test tests[] = {TEST(other_workload_or_port),
                                     TEST(full_pool_lets_the_oldest_go),
                                     TEST(those_that_waited_too_long_are_closed)};
    if (ee_loop_new(&loop) != EE_OK)
        return 1;
    const struct ee_listener_options options = {.address = "127.0.0.1:0",
                                                .max_connections = 2 * EE_BACKEND_IDLE_MAX,
                                                .accepted = on_accept};
    if (ee_listener_new(loop, &options, &listener) != EE_OK)
        return 1;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", ee_listener_port(listener));
    pool = ee_backend_pool_new(loop);
    const int failed = pool ? tap_run(tests, sizeof(tests) / sizeof(tests[0])) : 1;
    keep_new(SOME, mine, 80); /* freed with some left */
    ee_backend_pool_free(pool);
    ee_listener_free(listener);
    ee_loop_free(loop);
    return failed;
}
