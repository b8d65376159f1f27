/* SPDX-License-Identifier: Apache-2.0 */
/* A connected agent: admission, messages, questions with answers, streams to its workloads.
 * docs/spec/agent-protocol.md. Loop thread only. */
#ifndef EE_CONTROL_SESSION_H
#define EE_CONTROL_SESSION_H

#include "control/json.h"
#include "control/places.h"
#include "control/state.h"
#include "link/http_server.h"
#include "link/tunnel_link.h"

enum {
    EE_SESSION_ASKS_MAX = 256,       /* questions without an answer, per agent */
    EE_SESSION_CLIENT_ASKS_MAX = 32, /* of these for API clients; the others are for checks */
    EE_SESSION_LEASES_MAX = 1024,    /* leases an agent may report */
    EE_SESSION_SERVICES_MAX = 16,
    EE_SESSION_ADMISSION_MS = 30000, /* from the first message to admitted; quotes take seconds */
    EE_SESSION_HELLO_MS = 10000,     /* from the connection to its first message */
    EE_SESSION_JOINED_MAX = 3,       /* further connections of one agent */
    EE_SESSION_CHECKPOINT_MS = 1000, /* a newer checkpoint is told at most this often */
    EE_SESSION_ASK_MS = 10000,       /* for questions of API clients */
};

enum ee_session_state {
    EE_SESSION_AWAITS_HELLO,
    EE_SESSION_QUOTING,         /* our evidence is being made */
    EE_SESSION_AWAITS_EVIDENCE, /* ours is sent */
    EE_SESSION_AWAITS_ANCHOR,   /* verified; we do not write yet (control/anchor.h) */
    EE_SESSION_ADMITTING,       /* verified; NODE_ADMIT is on its way */
    EE_SESSION_ADMITTED,
    EE_SESSION_JOINED, /* a further connection of `primary` */
    EE_SESSION_ENDED,  /* refused or closed; waits for its last callbacks */
};

/* The answer to a question, or why none came: EE_TIMEOUT, EE_CLOSED. `message` is borrowed. */
typedef void (*ee_session_fn)(void *context, enum ee_err err, const json_t *message);

struct ee_session_ask {
    uint64_t id; /* 0: free */
    uint64_t deadline_us;
    const char *type; /* of the answer; a literal */
    bool for_client;
    ee_session_fn fn;
    void *context;
};

/* Does a caller stay with a replica? docs/spec/gateway.md "Sticky callers" */
enum ee_sticky { EE_STICKY_NONE, EE_STICKY_COOKIE, EE_STICKY_FIELD };
enum { EE_SESSION_STICKY_SIZE = 64 }; /* name of a field, and the zero */

/* What an agent offers by itself (control/services.h). */
struct ee_session_service {
    char name[EE_NAME_MAX + 1];
    uint8_t instance[EE_ID_SIZE];
    bool passthrough; /* the agent ends its TLS */
    enum ee_sticky sticky;
    char sticky_field[EE_SESSION_STICKY_SIZE];
};

struct ee_session {
    struct ee_session *next, *previous;
    struct ee_control *control;
    struct ee_tunnel_link *link; /* NULL once closed */
    /* Further connections (docs/spec/agent-protocol.md): sessions of their own that only carry.
     * When the link of the first one ends, one of them gives it its own. */
    struct ee_session *joined[EE_SESSION_JOINED_MAX];
    struct ee_session *primary; /* of a joined one */
    uint8_t join_secret[32];
    enum ee_session_state state;
    struct ee_place place;  /* among those not yet admitted */
    bool enrolled;          /* it has shown the key of an enrolled node: a place of its own kind */
    bool displaced;         /* broken off; waits for its last callback */
    struct ee_timer *timer; /* admission, then deadlines of questions */
    char node[EE_NAME_MAX + 1];
    uint64_t epoch;
    uint8_t their_challenge[32], our_challenge[32];
    uint8_t peer_key_hash[32];
    uint8_t identity[32];        /* agent's key, from verified claims */
    struct ee_nonce nonce;       /* of our challenge on this connection */
    bool lost_reported;          /* NODE_LOST was submitted or is not needed */
    uint8_t evidence_hash[32];   /* of the admission */
    uint8_t collateral_hash[32]; /* by which that was judged */
    uint8_t fmspc[6];            /* platform family, from the verified quote */
    size_t lease_count;          /* reported at admission */
    uint8_t (*leases)[EE_ID_SIZE];
    size_t service_count;
    struct ee_session_service services[EE_SESSION_SERVICES_MAX];
    struct ee_session_ask *asks; /* ask_capacity of them, up to EE_SESSION_ASKS_MAX */
    size_t ask_capacity;
    bool awaits_answers; /* the timer looks often */
    uint64_t next_ask;
    uint64_t agent_size;  /* leaves of the highest checkpoint the agent has; 0: none of ours */
    bool agent_has_newer; /* than our journal: it is refused once it has seen our evidence */
    size_t admit_size;    /* payload of NODE_ADMIT, once the evidence is verified */
    uint8_t admit[512];
    bool told_statements; /* recoveries and key successions, and how many of the latter */
    size_t told_keys;
    uint64_t checkpoint_seq; /* covered by the newest checkpoint the agent was told */
    uint64_t checkpoint_us;  /* and when that was, monotonic */
};

/* Makes a complete request for the tunnel a session, among those that are not admitted yet
 * (control/places.h). EE_FULL: too many, or stopping; nothing was answered then. Other errors:
 * ee_tunnel_link_accept(), which has answered. */
EE_MUST_USE enum ee_err ee_session_accept(struct ee_control *control,
                                          struct ee_http_exchange *exchange);
/* The admitted session of a node; NULL when it is not connected. */
struct ee_session *ee_session_of_node(struct ee_control *control, const char *node);

/* Where a new stream goes: the connection of the agent with the fewest bytes queued that takes
 * streams; NULL: none does. */
struct ee_tunnel_link *ee_session_link_for_stream(const struct ee_session *session);
/* Connections that the agent has now. */
size_t ee_session_links(const struct ee_session *session);

/* The session has shown that it is an enrolled agent: it leaves the places of those that have not.
 * EE_FULL: EE_CONTROL_SESSIONS_MAX agents are there, and none of them is of its node. */
EE_MUST_USE enum ee_err ee_session_enrol(struct ee_session *session);
/* Does the core count its node as connected because of this session? Admitted, or about to be. */
bool ee_session_counts(const struct ee_session *session);
/* Is there such a session of the node? */
bool ee_session_exists(const struct ee_control *control, const char *node);

/* Sends one message and releases it. Without a connection it is dropped. */
void ee_session_send(struct ee_session *session, json_t *message);
/* Sends a message with a fresh id; `fn` is called once with the answer of that `type`, or an error;
 * never inside this call. The message is released. EE_FULL, EE_CLOSED: `fn` is not called. */
EE_MUST_USE enum ee_err ee_session_ask(struct ee_session *session, json_t *message,
                                       const char *type, uint64_t timeout_ms, ee_session_fn fn,
                                       void *context);
/* The same for a client of the API: few at once, so that nobody keeps an agent from its checks. */
EE_MUST_USE enum ee_err ee_session_ask_for_client(struct ee_session *session, json_t *message,
                                                  const char *type, ee_session_fn fn,
                                                  void *context);
/* Nobody is called for `context` any more. */
void ee_session_forget(struct ee_control *control, const void *context);

/* Ends it with a reason for the log; NODE_LOST follows if it was admitted. */
void ee_session_close(struct ee_session *session, enum ee_err err, const char *why);
/* Tells all agents that no new streams come; those open go on. */
void ee_session_goaway_all(struct ee_control *control);
/* The journal is gone: questions end, messages are not looked at any more; streams go on. */
void ee_session_retire_all(struct ee_control *control);
/* Turns the loop until no session is left. */
void ee_session_wait_gone(struct ee_control *control, uint64_t timeout_ms);
/* Ends connections that did not end in order. */
void ee_session_abort_all(struct ee_control *control);
/* Says goodbye to all; they are not reported lost (our own outage is nobody's fault). */
void ee_session_close_all(struct ee_control *control);

/* For session.c, session_join.c and admission.c. */
void ee_session_on_join(struct ee_session *session, const json_t *message);
/* The link of an admitted session has ended: does a further one take its place? */
bool ee_session_promote(struct ee_session *session);
/* Takes the session out of its primary's. */
void ee_session_unjoin(struct ee_session *session);
void ee_session_on_hello(struct ee_session *session, const json_t *message);
void ee_session_on_evidence(struct ee_session *session, const json_t *message);
/* Submits NODE_ADMIT, or refuses the agent. */
void ee_session_admit(struct ee_session *session);
/* The newest checkpoint as member `name`, with the proof that it continues what the agent has seen
 * as "consistency". */
void ee_session_checkpoint_add(struct ee_session *session, json_t *message, const char *name);
void ee_session_refuse(struct ee_session *session, enum ee_err err, const char *detail);
EE_MUST_USE enum ee_err ee_session_watch(struct ee_session *session);
extern const struct ee_tunnel_link_events ee_session_link_events;
/* Without a link any more. */
void ee_session_free(struct ee_session *session);
/* All open questions get EE_CLOSED. */
void ee_session_asks_end(struct ee_session *session);

#endif
