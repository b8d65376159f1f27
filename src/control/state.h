/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/control: the one struct that owns everything in the process, and the few helpers
 * all its parts use. Loop thread only. */
#ifndef EE_CONTROL_STATE_H
#define EE_CONTROL_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/crypto.h"
#include "control/blobs.h"
#include "control/handover.h"
#include "control/keys.h"
#include "control/live.h"
#include "link/quoter.h"
#include "control/receipt_store.h"
#include "control/sequencer.h"
#include "core/core.h"
#include "core/trust.h"
#include "io/file.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/tls.h"
#include "link/tdx_device.h"
#include "tunnel/tunnel.h"

struct ee_api_call;
struct ee_session;
struct ee_scheduler;
struct ee_leases;
struct ee_gateway;
struct ee_api_server;
struct ee_certificates;
struct ee_acme_http;
struct ee_domains;
struct ee_collateral_store;
struct ee_outlook;
struct ee_stripe_secrets;
struct ee_read_model;
struct ee_webhooks;
struct ee_unseal;
struct ee_vault;

enum {
    EE_CONTROL_SESSIONS_MAX = 4096, /* agents; those not yet admitted: control/places.h */
    EE_CONTROL_TUNNEL_POOL = 1024 * 1024 * 1024, /* granted windows of all agents, and buffers */
    EE_CONTROL_CALLS_MAX = 1024,                 /* API requests in progress */
    EE_CONTROL_OUTPUTS_MAX = 1000000,            /* sealed outputs kept */
    EE_CONTROL_OUTPUT_SIZE_MAX = 4 * 1024 * 1024 + 65536, /* one sealed output, from base64 */
};

struct ee_control {
    const struct ee_allocator *allocator;
    const struct ee_crypto *crypto;
    struct ee_loop *loop;
    struct ee_control_keys keys;
    uint8_t sealing_private[32]; /* X25519, of this start only; in our claims */
    uint8_t sealing_key[32];
    struct ee_vault *vault;
    struct ee_unseal *unseal; /* NULL: holders do not keep the journal's key */
    bool locked;              /* until it came and all parts are up: little is served */
    struct ee_file_data genesis_file;
    struct ee_trust trust; /* genesis and the logged changes of its allow-list */
    const struct ee_params *params;
    char state_folder[1024];
    char collateral_path[1024]; /* empty: none */
    struct ee_collateral_store *collateral;
    struct ee_outlook *outlook;
    struct ee_timer *collateral_timer; /* looks for sets that run out */
    unsigned collateral_warn_days;
    uint64_t collateral_back_us; /* when newer collateral ended a time without; 0: never */
    char *collateral_said;       /* warnings as last logged; NULL: none yet */
    uint64_t collateral_said_day;
    bool allow_unmeasured;                /* deployments need not be in the agent's event log */
    struct ee_verify_cache *verify_cache; /* what verifying agents showed before */
    struct ee_stripe_secrets *webhook;    /* of the payment provider; NULL: no webhooks are taken */
    bool has_admin;
    uint8_t admin_hash[32];

    struct ee_tdx_device *device;
    struct ee_journal *journal;
    struct ee_sequencer *sequencer;
    struct ee_snapshots *snapshots;
    struct ee_old_ids *old_ids;
    struct ee_receipt_store *evidence;
    struct ee_read_model *read_model;
    struct ee_webhooks *webhooks;
    struct ee_timer *retention; /* deletes old evidence */
    uint64_t evidence_early;    /* as last logged */
    struct ee_blobs *outputs;
    struct ee_quoter *quoter;
    struct ee_certificates *certificates;
    struct ee_tls *api_tls, *gateway_tls;
    struct ee_api_server *api;
    struct ee_scheduler *scheduler;
    struct ee_gateway *gateway;

    struct ee_session *sessions;       /* list */
    uint64_t agent_changes;            /* rises when agents come, go, or offer others */
    struct ee_tunnel_pool tunnel_pool; /* what all of them may hold */
    uint8_t random[64][16];            /* for ids of requests, asked for in one go */
    size_t random_left;
    struct ee_api_call *calls;     /* list */
    struct ee_api_call *beginning; /* inside ee_api_begin(); NULL once it is over */
    size_t call_count;

    uint8_t payload[EE_COMMAND_PAYLOAD_MAX]; /* of the command being made */
    uint64_t started_us;                     /* in the time of commands */
    struct ee_leases *leases;
    struct ee_live live; /* leases that are not over */
    bool rolled_back;    /* an agent holds a checkpoint of ours beyond this journal */
    bool anchoring;      /* nothing is written until agents have shown theirs: control/anchor.h */
    struct ee_timer *anchor_timer;
    bool has_recovery, has_succession; /* statements to be written before BOOT: statements.h */
    bool rotates;                      /* the succession is to next_keys */
    struct ee_recovery recovery;
    struct ee_checkpoint_key succession;
    struct ee_control_keys next_keys; /* the checkpoint key only */
    struct ee_owing *owing;           /* proofs of liabilities: owing.h */
    int lock;                         /* of the state folder */
    struct ee_timer *drain;
    uint64_t drain_until_us, linger_until_us;
    bool lingered;                     /* idle connections are closed */
    struct ee_inheritance inheritance; /* of the start */
    struct ee_handover *handover;      /* offers itself to a successor */
    struct ee_domains *domains;
    struct ee_acme_http *acme; /* NULL: no such listener */
    bool stopping;
    bool fatal;
    enum ee_err fatal_err;
    uint64_t admissions, refusals; /* of agents, since the start */
};

/* The core behind the sequencer; see there about what is durable. */
const struct ee_core *ee_control_core(const struct ee_control *control);
uint64_t ee_control_now_us(struct ee_control *control); /* in the time of commands */
int64_t ee_control_now_s(struct ee_control *control);

/* A command of the control plane itself. As ee_sequencer_submit(). */
EE_MUST_USE enum ee_err ee_control_submit(struct ee_control *control, enum ee_command_kind kind,
                                          struct ee_bytes payload, ee_answer_fn fn, void *context);

/* The process cannot go on: it stops with this error. */
void ee_control_fail(struct ee_control *control, enum ee_err err, const char *what);

/* New work is refused, what is in progress may finish, agents hear GOAWAY (before a hand-over:
 * when it is done); then the loop ends. Idle connections of apps are served for so long. stop.c */
void ee_control_begin_stop(struct ee_control *control, uint64_t linger_ms);
EE_MUST_USE enum ee_err ee_control_watch_signals(struct ee_control *control);

/* The claims of the control plane at this moment; errors of ee_claims_encode(). */
EE_MUST_USE enum ee_err ee_control_claims(struct ee_control *control, uint8_t *out, size_t capacity,
                                          size_t *size_out);

#endif
