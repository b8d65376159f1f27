/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/agent: one struct owns everything. */
#ifndef EE_AGENT_STATE_H
#define EE_AGENT_STATE_H

#include <limits.h>

#include <jansson.h>

#include "agent/agent.h"
#include "agent/backend.h"
#include "agent/event_log.h"
#include "agent/workload.h"
#include "core/statement.h"
#include "io/file.h"
#include "io/tls.h"
#include "link/collateral_store.h"
#include "link/quoter.h"
#include "link/tunnel_link.h"
#include "tlog/equivocation.h"

enum {
    EE_AGENT_WAITING_MAX = 8,      /* starts that wait for another tenant's workload to end */
    EE_AGENT_ADMISSION_MS = 30000, /* from dialling to admitted; quotes may take seconds */
    EE_AGENT_EXTRAS_MAX = 8,       /* further connections, and those that drain */
    EE_AGENT_CONNECTIONS_DEFAULT = 2,
};

/* How it dials again; docs/spec/agent-protocol.md, "Dialling again". */
struct ee_agent_backoff {
    uint32_t base_ms, cap_ms; /* full jitter, doubled up to the cap */
    uint32_t refused_cap_ms;  /* after a refusal: somebody must change something first */
    uint32_t goaway_ms;       /* the first try after a farewell, at most after that */
    uint32_t stable_ms;       /* a session that lasted so long starts the count anew */
};

/* A connection besides the first. */
enum ee_agent_extra_state {
    EE_AGENT_EXTRA_FREE,
    EE_AGENT_EXTRA_DIALING,
    EE_AGENT_EXTRA_JOINING,  /* join sent */
    EE_AGENT_EXTRA_UP,       /* takes new streams */
    EE_AGENT_EXTRA_DRAINING, /* finishes those it has */
};

struct ee_agent_extra {
    struct ee_agent *agent;
    struct ee_tunnel_link *link;
    enum ee_agent_extra_state state;
    uint64_t up_us;
    uint64_t drain_us; /* when we began to drain it; 0: not by us */
};

enum ee_agent_session_state {
    EE_AGENT_IDLE,
    EE_AGENT_DIALING,
    EE_AGENT_AWAITS_EVIDENCE, /* hello sent */
    EE_AGENT_QUOTING,         /* own evidence is being made */
    EE_AGENT_AWAITS_VERDICT,  /* own evidence sent */
    EE_AGENT_ADMITTED,
};

/* A lease this agent runs, or whose end the control plane has not acknowledged. */
struct ee_agent_lease {
    bool used;
    bool measured; /* its start is in the event log */
    uint8_t id[EE_ID_SIZE];
    char launcher[EE_NAME_MAX + 1];
    uint8_t deployment_hash[32];
    uint8_t output_key[EE_X25519_KEY_SIZE];
    struct ee_workload *workload; /* NULL once it ended */
    struct ee_agent *agent;
    int32_t exit_code;
    char *sealed_output; /* base64, after the end */
};

struct ee_agent {
    struct ee_loop *loop;
    const struct ee_crypto *crypto;
    struct ee_agent_options options;
    const struct ee_agent_identity *identity;
    struct ee_tdx_device *device;
    struct ee_quoter *quoter;
    struct ee_agent_challenge *challenges; /* that wait for a quote */
    struct ee_event_log *log;              /* NULL: the device has no register to extend */
    char log_path[PATH_MAX];
    struct ee_trust trust;
    struct ee_tls *tls;

    struct ee_tunnel_link *link;    /* that it was admitted on, or one that took its place */
    struct ee_tunnel_link *current; /* on which the message in hand came; NULL: none */
    struct ee_agent_extra extras[EE_AGENT_EXTRAS_MAX];
    struct ee_timer *extra_timer;
    uint8_t join_secret[32];
    uint64_t link_up_us, extra_next_us;
    uint32_t extra_failures;
    bool replacing; /* one connection more than wanted, then the oldest goes */
    bool farewell;  /* the control plane said that it goes */
    enum ee_agent_session_state state;
    uint64_t epoch;
    uint8_t challenge[32];        /* ours */
    uint8_t control_key_hash[32]; /* of this connection */
    /* Instance of service i: these random bytes, the last of them replaced by i. */
    uint8_t service_base[EE_ID_SIZE];
    struct ee_timer *dial_timer, *admission_timer;
    uint32_t failures; /* in a row */
    bool refused;      /* the last failure was a refusal, by us or by them */
    uint64_t admitted_at_us;

    struct ee_collateral_store *collateral; /* what may judge, newest of all sources */

    struct ee_evidence_verdict verdict; /* of the control plane; large, so not on the stack */
    uint8_t checkpoint_key[EE_ED25519_KEY_SIZE]; /* from the control plane's verified claims */
    struct ee_tlog_checkpoint checkpoint;        /* highest seen */
    char checkpoint_note[EE_TLOG_CHECKPOINT_SIZE_MAX]; /* empty: none */
    uint64_t checkpoint_saved_us;
    uint64_t control_epoch; /* highest in verified claims of the control plane, kept on disk */
    bool has_recovery;      /* one that its operator accepts */
    struct ee_recovery recovery;
    enum ee_err err; /* why it stopped by itself; EE_OK: it did not */

    struct ee_agent_lease leases[EE_AGENT_LEASES_MAX];
    json_t *waiting[EE_AGENT_WAITING_MAX]; /* start messages; NULL: free */
    struct ee_backend *backend;
};

/* leases.c */
struct ee_agent_lease *ee_agent_lease_find(struct ee_agent *agent, const uint8_t id[EE_ID_SIZE]);
void ee_agent_lease_on_start(struct ee_agent *agent, json_t *message);
void ee_agent_lease_on_stop(struct ee_agent *agent, json_t *message);
void ee_agent_lease_on_ended(struct ee_agent *agent, json_t *message);
void ee_agent_lease_on_logs(struct ee_agent *agent, json_t *message);
/* Reports every end that was not acknowledged; after an admission. */
void ee_agent_leases_report(struct ee_agent *agent);

/* services.c */
void ee_agent_services_init(struct ee_agent *agent);
void ee_agent_services_offer(struct ee_agent *agent);
/* Port of the service with this instance; false: none. */
bool ee_agent_service_port(const struct ee_agent *agent, const uint8_t instance[EE_ID_SIZE],
                           uint16_t *port_out);
json_t *ee_agent_leases_running(const struct ee_agent *agent); /* array of ids */
json_t *ee_agent_leases_states(struct ee_agent *agent, const json_t *asked);
void ee_agent_leases_free(struct ee_agent *agent);

/* collateral.c */
/* Opens STATE/collateral. Errors of ee_collateral_store_new(). */
EE_MUST_USE enum ee_err ee_agent_collateral_open(struct ee_agent *agent);
/* What is newer in it than what is held, and proves now; NULL, with a word in the log, for anything
 * else. Then kept, or freed with ee_collateral_set_free(). */
struct ee_collateral_set *ee_agent_collateral_offer(struct ee_agent *agent, struct ee_bytes text,
                                                    const char *source);
void ee_agent_collateral_keep(struct ee_agent *agent, struct ee_collateral_set *set);
/* Newer collateral from the control plane, for our platform family. */
void ee_agent_on_collateral(struct ee_agent *agent, json_t *message);

/* admission.c */
void ee_agent_hello(struct ee_agent *agent);
void ee_agent_on_control_evidence(struct ee_agent *agent, json_t *message);
void ee_agent_on_admitted(struct ee_agent *agent, json_t *message);
void ee_agent_on_refused(struct ee_agent *agent, json_t *message);

/* evidence.c */
EE_MUST_USE enum ee_err ee_agent_evidence_init(struct ee_agent *agent);
/* Ends the quoter; may wait for the quote in progress. */
void ee_agent_evidence_end(struct ee_agent *agent);
/* The connection is over: nobody waits for its challenges any more. NULL: all. */
void ee_agent_evidence_forget(struct ee_agent *agent, const struct ee_tunnel_link *link);
/* Message 4 of admission, once its quote is made, for the challenge of message 2. */
void ee_agent_evidence_send(struct ee_agent *agent, const uint8_t drawn[32]);
void ee_agent_on_attest(struct ee_agent *agent, json_t *message);

/* measured.c */
/* Opens the event log and measures this start. EE_OK without a log when the device has no register
 * to extend; errors of ee_event_log_open() and ee_event_log_append(). */
EE_MUST_USE enum ee_err ee_agent_log_init(struct ee_agent *agent);
struct ee_bytes ee_agent_log_bytes(const struct ee_agent *agent);
/* Before the workload runs, and before its secrets are given to it; on failure it may not run. */
EE_MUST_USE enum ee_err ee_agent_measure_start(struct ee_agent *agent,
                                               struct ee_agent_lease *lease);
EE_MUST_USE enum ee_err ee_agent_measure_secrets(struct ee_agent *agent,
                                                 const struct ee_agent_lease *lease,
                                                 uint32_t count);
/* It ended, or did not start. */
void ee_agent_measure_stop(struct ee_agent *agent, const struct ee_agent_lease *lease,
                           int32_t exit_code);

/* checkpoint.c */
/* Verifies the note in member `name` with the key of the control plane, and by the proof in
 * "consistency" that it continues the highest seen, and keeps it. EE_CHECKPOINT: it is older,
 * another for the same size, without a valid proof, or of another key. All but the last are
 * equivocation: both notes are kept in a file, and the agent stops (ee_agent_err()). */
EE_MUST_USE enum ee_err ee_agent_checkpoint_take(struct ee_agent *agent, const json_t *message,
                                                 const char *name);
/* At the start; believed only once recalled. Also the recovery that the operator accepts:
 * EE_SYNTAX, EE_SIGNATURE, EE_IO. */
EE_MUST_USE enum ee_err ee_agent_checkpoint_load(struct ee_agent *agent);
void ee_agent_checkpoint_save(struct ee_agent *agent);
/* Verifies what was loaded with the key of the control plane, now known, or one that statements in
 * the message lead from; and gives up what an accepted recovery says was lost. EE_SUCCESSION: it is
 * of a key that nothing leads from. */
EE_MUST_USE enum ee_err ee_agent_checkpoint_recall(struct ee_agent *agent, const json_t *message);
/* The control plane was in this epoch, and its head continues ours. */
void ee_agent_checkpoint_epoch(struct ee_agent *agent, uint64_t epoch);
/* A checkpoint on its own; an older or other history ends the session. */
void ee_agent_on_checkpoint(struct ee_agent *agent, json_t *message);

/* checks.c */
void ee_agent_on_check(struct ee_agent *agent, json_t *message);

/* session.c */
EE_MUST_USE enum ee_err ee_agent_session_init(struct ee_agent *agent);
/* Ends the session and waits for it; frees what init made. */
void ee_agent_session_end(struct ee_agent *agent);
/* Sends the object as one CONTROL message and releases it, on the connection of the message in hand
 * or any. Without a session it is dropped. */
void ee_agent_send(struct ee_agent *agent, json_t *message);
void ee_agent_send_on(struct ee_agent *agent, struct ee_tunnel_link *link, json_t *message);
/* Ends the present session; it is dialled again after the back-off. */
void ee_agent_session_fail(struct ee_agent *agent, enum ee_err err, const char *what);
void ee_agent_on_message(struct ee_agent *agent, struct ee_tunnel_link *link, struct ee_bytes text);
EE_MUST_USE enum ee_err ee_agent_dial(struct ee_agent *agent,
                                      const struct ee_tunnel_link_events *events, void *context,
                                      struct ee_tunnel_link **out);
/* Full jitter over a doubling window: many agents that lost one control plane do not come back in
 * step. */
uint64_t ee_agent_backoff_ms(const struct ee_agent *agent, uint32_t failures);
/* agent->link gets the events of a first connection. */
void ee_agent_link_own(struct ee_agent *agent);

/* links.c */
EE_MUST_USE enum ee_err ee_agent_links_init(struct ee_agent *agent);
/* Admitted: the others may join now. */
void ee_agent_links_begin(struct ee_agent *agent);
bool ee_agent_link_lives(const struct ee_agent *agent, const struct ee_tunnel_link *link);
/* One that carries; NULL: none. */
struct ee_tunnel_link *ee_agent_link_any(struct ee_agent *agent);
void ee_agent_links_flush(struct ee_agent *agent);
/* The first connection has ended: does another take its place? */
bool ee_agent_link_promote(struct ee_agent *agent);
/* The control plane goes: all drain, while a new session is dialled. False: no room. */
bool ee_agent_links_park(struct ee_agent *agent);
/* The others too; those that drain only with `all`. */
void ee_agent_links_close(struct ee_agent *agent, bool all, enum ee_tunnel_code code,
                          const char *text);
void ee_agent_links_abort(struct ee_agent *agent);
bool ee_agent_links_left(const struct ee_agent *agent); /* is there any connection? */

/* json.c: members of a message; false when missing or not of that form. */
bool ee_agent_json_hex(const json_t *message, const char *key, uint8_t *out, size_t size);
bool ee_agent_json_name(const json_t *message, const char *key, char out[EE_NAME_MAX + 1]);
/* Decoded into fresh memory which the caller frees; an empty text gives size 0. */
bool ee_agent_json_base64(const json_t *message, const char *key, size_t limit, uint8_t **out,
                          size_t *size_out);

#endif
