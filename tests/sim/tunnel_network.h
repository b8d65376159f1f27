/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a tunnel over a simulated network: bytes of WebSocket frames that take time, arrive
 * in pieces, and stop at any byte; wake-ups in any order; readers of any speed. Virtual time, one
 * seed. */
#ifndef EE_TESTS_SIM_TUNNEL_NETWORK_H
#define EE_TESTS_SIM_TUNNEL_NETWORK_H

#include "http/websocket.h"
#include "tunnel/tunnel.h"

enum { NET_STREAMS = 512, NET_SEGMENTS = 16384, NET_MESSAGE = 2048 /* segments of one */ };

enum net_reader { NET_FAST, NET_SLOW, NET_STALLED /* until `readers_wake_us` */ };

/* One side's view of a stream. */
struct net_flow {
    bool used, ours, http, head_done, end_sent, done;
    enum net_reader reader;
    uint64_t to_send, sent, received, held;
    bool peer_ended, full; /* full: until WRITABLE */
    unsigned endings;      /* FINISHED, RESET, or dropped here */
    uint32_t cause;        /* code of its RESET */
    bool finished;
};

/* One direction. */
struct net_wire {
    uint8_t *data; /* not delivered yet, from `head` */
    size_t head, size, capacity;
    struct {
        size_t size;
        uint64_t sent_us, at_us; /* left the sender; arrives */
    } segments[NET_SEGMENTS];
    size_t first, count;
    uint64_t free_us;   /* when the sender's interface is free */
    uint64_t delivered; /* bytes so far */
    uint64_t cut_at;    /* nothing beyond is delivered, and the connection is broken */
};

struct net_end {
    struct net *net;
    struct ee_tunnel *tunnel;
    struct ee_ws_decoder decoder;
    struct net_wire *out, *in;
    struct net_flow flows[NET_STREAMS];
    uint32_t last;    /* id of a flow */
    bool agent, open; /* its connection; false: it knows that it is gone */
    unsigned closed;  /* CLOSED events */
    enum ee_err closed_err;
    uint64_t first_data_us, last_data_us, data;
};

/* Set before net_start. */
struct net_config {
    uint64_t seed, delay_us;  /* one way */
    uint64_t rate;            /* bytes a second; 0: no limit */
    size_t piece;             /* segments up to this size */
    uint64_t readers_wake_us; /* when stalled readers read */
    uint64_t cut_at[2];       /* towards control, towards the agent */
    bool cut_silent;          /* nobody is told: liveness must find out */
    bool keep_order;          /* of wake-ups */
    struct ee_tunnel_config tunnel[2];
};

struct net {
    struct net_config config;
    uint64_t now_us, random, slow_us; /* slow_us: when slow readers read next */
    struct net_end ends[2];           /* control, agent */
    struct net_wire wires[2];         /* towards control, towards the agent */
    bool broken, failed;
    size_t memory, memory_peak;
};

/* Defaults: windows of the product, 40 ms one way, no rate limit, pieces to 1500 bytes. */
void net_config_default(struct net_config *config, uint64_t seed);
void net_start(struct net *net, const struct net_config *config);
/* Opens a stream at an end: it sends `to_send` bytes and is answered with `answer`. False: the
 * engine takes none now. */
bool net_open(struct net *net, struct net_end *end, bool http, uint64_t to_send, uint64_t answer,
              enum net_reader here, enum net_reader there);
void net_reset(struct net *net, struct net_end *end, uint32_t id);
uint32_t net_draw(struct net *net, uint32_t below);
/* Runs until everything ended, or `until_us`. False: it did not end. */
bool net_run(struct net *net, uint64_t until_us);
/* Checks what must hold after any run, frees; false: something did not hold (printed). */
bool net_finish(struct net *net);

#endif
