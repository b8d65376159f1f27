/* SPDX-License-Identifier: Apache-2.0 */
/* A restart without a gap: the sockets a control plane starts with (from systemd, or from the one
 * that runs), and how the one that runs gives them away. It stops writing, closes its journal, lets
 * go of the folder, hands over its listening sockets, and finishes the streams it has while the new
 * one starts; nobody is refused meanwhile, connections wait in the sockets' queues.
 * docs/adr/0012-restart-hands-over.md. Loop thread only. */
#ifndef EE_CONTROL_HANDOVER_H
#define EE_CONTROL_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "seal/data_seal.h"

enum {
    EE_HANDOVER_SOCKETS_MAX = 6,
    EE_HANDOVER_NAME_SIZE = 16,
    EE_HANDOVER_ASK_MS = 20000,   /* until the one that runs has let go */
    EE_HANDOVER_LINGER_MS = 2000, /* how long it still serves idle connections */
};

struct ee_control;
struct ee_handover; /* of the giving side */

/* What a starting control plane was given. */
struct ee_inheritance {
    size_t count;
    struct {
        char name[EE_HANDOVER_NAME_SIZE]; /* "api", "gateway", "http", "acme" */
        int fd;                           /* 0: taken */
    } sockets[EE_HANDOVER_SOCKETS_MAX];
    bool from_process; /* from one that ran until now, which also said: */
    uint64_t size;     /* of its log */
    uint8_t root[32];
    bool has_key; /* of the journal, when holders keep it */
    struct ee_data_key key;
};

/* systemd's LISTEN_FDS with names (sd_listen_fds(3)); without, nothing. EE_RANGE: too many, or a
 * name that is none of ours. */
EE_MUST_USE enum ee_err ee_inheritance_listen(struct ee_inheritance *out);
/* Asks the control plane that runs on this folder; without one, nothing is inherited. Blocks.
 * EE_TIMEOUT, EE_CLOSED: it does not let go; EE_SYNTAX, EE_FORBIDDEN, EE_IO. */
EE_MUST_USE enum ee_err ee_inheritance_ask(const char *state, struct ee_inheritance *out);
/* The socket of that name, from now on the caller's; 0: none. */
int ee_inheritance_take(struct ee_inheritance *inheritance, const char *name);
/* Closes what was not taken, wipes the key. */
void ee_inheritance_close(struct ee_inheritance *inheritance);

/* Offers itself to a successor. Errors of ee_pass_listen(). */
EE_MUST_USE enum ee_err ee_handover_new(struct ee_control *control, struct ee_handover **out);
void ee_handover_free(struct ee_handover *handover); /* NULL is fine */
/* A successor waits for it. */
bool ee_handover_pending(const struct ee_handover *handover);
/* A successor has everything: no journal is open here any more. */
bool ee_handover_done(const struct ee_handover *handover);

#endif
