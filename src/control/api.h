/* SPDX-License-Identifier: Apache-2.0 */
/* The REST API (docs/spec/api.md) without HTTP: requests come in as structs, answers go out as
 * structs. Authentication, idempotency, durability and the table of routes live here; each resource
 * has its own api_*.c. Loop thread only. */
#ifndef EE_CONTROL_API_H
#define EE_CONTROL_API_H

#include "control/json.h"
#include "control/route.h"
#include "control/state.h"

enum {
    EE_API_BODY_MAX = 256 * 1024,
    EE_API_REQUEST_ID_SIZE = 33, /* 32 hex digits and a NUL */
    EE_API_KEY_TEXT_MAX = 64,
    EE_API_IDEMPOTENCY_MAX = 64,
    EE_API_WAITS_MAX = EE_CONTROL_CALLS_MAX / 2, /* calls that wait; the others are short */
    EE_API_WAITS_PER_ACCOUNT_MAX = 32,
    EE_API_WAITS_PUBLIC_MAX = EE_API_WAITS_MAX / 2, /* of all callers without a key */
};

/* What a client asks; everything borrowed during ee_api_begin(). */
struct ee_api_request {
    struct ee_bytes method;
    struct ee_bytes target;          /* path and query */
    struct ee_bytes authorization;   /* header value; data NULL: none */
    struct ee_bytes idempotency_key; /* the same */
    struct ee_bytes request_id;      /* the same; taken over when it has our form */
    struct ee_bytes signature;       /* the same: "Stripe-Signature" */
    struct ee_bytes accept;          /* the same */
    struct ee_bytes body;
    const uint8_t *exporter; /* 32 bytes of this TLS connection; NULL: plain, or not /v1/evidence */
};

/* An answer comes whole, or as a head, any number of pieces (in `body`) and an end. */
enum ee_api_part {
    EE_API_WHOLE = 0,
    EE_API_HEAD,
    EE_API_PIECE,
    EE_API_END,
    EE_API_BROKEN, /* no clean end: the client must see that it has not all of it */
};

struct ee_api_answer {
    enum ee_api_part part;
    uint16_t status;
    const char *content_type; /* NULL: no body */
    struct ee_bytes body;
    char request_id[EE_API_REQUEST_ID_SIZE];
    struct ee_bytes checkpoint; /* signed note for EE-Checkpoint; empty: none */
    const char *header_name;    /* one more header; NULL: none */
    const char *header_value;
    const char *retry_after; /* NULL: none */
    const char *allow;       /* NULL: none */
};
/* Called once per request (once per part), on the loop, perhaps inside ee_api_begin(); the answer
 * is borrowed. After EE_API_HEAD and EE_API_PIECE, ee_api_writable() asks for the next. */
typedef void (*ee_api_respond)(void *context, const struct ee_api_answer *answer);

/* Bytes of body this request may have: more than EE_API_BODY_MAX only where a route says so and the
 * key may use it. The body of `request` is not looked at. */
size_t ee_api_body_limit(struct ee_control *control, const struct ee_api_request *request);

/* Takes a request. NULL when the answer was given already, else the call to cancel when the client
 * goes away. */
struct ee_api_call *ee_api_begin(struct ee_control *control, const struct ee_api_request *request,
                                 ee_api_respond respond, void *context);
/* The client is gone: the call ends and gives its place back; `respond` is not called. A command it
 * has submitted goes its way. */
void ee_api_cancel(struct ee_api_call *call);
/* What was given of an answer in parts has gone: there is room for the next piece. */
void ee_api_writable(struct ee_api_call *call);
/* Drops every call in progress; after the listener is gone, so that nobody waits for an answer. */
void ee_api_shutdown(struct ee_control *control);
/* Calls that came while the control plane waited for its agents (control/anchor.h) go on. */
void ee_api_unpark(struct ee_control *control);
/* Lets calls that wait for a lease look again. */
void ee_api_lease_changed(struct ee_control *control, const uint8_t lease[EE_ID_SIZE]);

/* ---- for the handlers ---- */

enum ee_api_scope_special {
    EE_API_PUBLIC = 0,
    EE_API_ANY_KEY = 1 << 30,
    EE_API_ADMIN = 1 << 29,
    EE_API_PUBLIC_MORE = 1 << 27, /* public; a valid key shows more */
    EE_API_SIGNED = 1 << 26,   /* a signature over the raw body counts, which the handler checks */
    EE_API_READ_ALL = 1 << 25, /* EE_SCOPE_READ; with the admin key everybody's */
    EE_API_PROBE =
        1 << 28, /* public, says nothing of the book: waits for no place and no journal */
};

struct ee_api_route {
    const char *method;
    const char *pattern;
    uint32_t scope; /* one enum ee_scope or a special one */
    bool mutation;  /* needs Idempotency-Key and a body, answers with a checkpoint */
    void (*handler)(struct ee_api_call *call);
    const char *const *query; /* names it takes; NULL-terminated; NULL: none */
};

struct ee_api_call {
    struct ee_api_call *next, *previous;
    struct ee_control *control;
    const struct ee_api_route *route;
    struct ee_route_values values;
    char request_id[EE_API_REQUEST_ID_SIZE];
    char log_path[128];
    bool admin;
    char account[EE_NAME_MAX + 1];
    uint32_t scopes;
    uint8_t command_id[EE_ID_SIZE];
    char *query_memory;
    struct ee_bytes query;
    json_t *body;             /* of mutations: an object */
    struct ee_bytes raw_body; /* where the handler reads it itself; borrowed while it runs */
    uint8_t *raw_memory;      /* of a parked call */
    bool has_exporter;
    uint8_t exporter[32];
    uint64_t started_us;
    ee_api_respond respond; /* NULL: nobody listens any more */
    void *respond_context;
    /* The answer, while it waits for durability. */
    struct ee_api_answer answer;
    char *answer_memory;
    struct ee_file_data answer_file;
    /* What a handler that waits keeps. */
    bool parked; /* until it is known that the journal is the newest */
    bool waits;  /* counts among the calls that wait */
    struct ee_timer *timer;
    uint8_t lease[EE_ID_SIZE];
    size_t concluded;     /* replicas of the app to be stopped that were judged */
    uint32_t wait_state;  /* the lease state it waits to change; 0: does not wait */
    uint64_t deadline_us; /* of that, monotonic */
    /* Sealed secrets, until the command is durable; EE_API_SIGNED: the body as it came. */
    struct ee_json_blob blob;
    struct ee_json_blob signature; /* EE_API_SIGNED: the header that signs it */
    bool accepts_csv;
    void *extra; /* a handler's own, until the call ends */
    void (*extra_free)(struct ee_api_call *call);
    void (*on_writable)(struct ee_api_call *call);
    void (*on_done)(struct ee_api_call *call, const struct ee_answer *answer);
    /* Answers a refusal that has a body; NULL: the plain problem. */
    void (*on_refused)(struct ee_api_call *call, const struct ee_answer *answer);
};

/* Ends the call. The JSON value is taken over. The answer waits until what it saw is durable. */
void ee_api_answer_json(struct ee_api_call *call, uint16_t status, json_t *value);
/* The text is copied. */
void ee_api_answer_text(struct ee_api_call *call, const char *content_type, struct ee_bytes text);
/* The same with bytes taken over. */
void ee_api_answer_file(struct ee_api_call *call, const char *content_type,
                        struct ee_file_data file);
/* An answer in parts; of what is durable only, nothing is waited for. The end ends the call;
 * `complete` false: the client sees a broken answer. */
void ee_api_stream_begin(struct ee_api_call *call, const char *content_type);
void ee_api_stream_piece(struct ee_api_call *call, struct ee_bytes piece);
void ee_api_stream_end(struct ee_api_call *call, bool complete);
/* A problem document. `detail` is copied; NULL: the error's own text. */
void ee_api_fail(struct ee_api_call *call, enum ee_err err, const char *detail);
/* A problem document with one more member, which is taken over. */
void ee_api_fail_with(struct ee_api_call *call, enum ee_err err, const char *name, json_t *value);

/* Reads the body; on failure the call has been answered: return at once. */
EE_MUST_USE bool ee_api_read(struct ee_api_call *call, const struct ee_json_field *fields,
                             size_t count);
/* Decodes value `index` of the path as a lease id or other hex; answers 404 and gives false. */
EE_MUST_USE bool ee_api_path_hex(struct ee_api_call *call, size_t index, uint8_t *out, size_t size);
EE_MUST_USE bool ee_api_page(struct ee_api_call *call, struct ee_page *out);
/* {"items":..., "next":...}; `next` 0: the last page. Takes `items` over. */
void ee_api_answer_page(struct ee_api_call *call, json_t *items, size_t next);

/* Before a handler waits for a lease, an agent or a quote. False: too many wait, of this account or
 * of all; the call has been answered: return at once. */
EE_MUST_USE bool ee_api_wait(struct ee_api_call *call);

/* A payload in the making: room for the largest. */
struct ee_writer ee_api_payload(struct ee_api_call *call);
/* Submits the payload in `writer` as this call's account (or admin) under its idempotency key, and
 * calls `fn` with the durable answer of a command that succeeded. Refusals are answered here. */
void ee_api_submit(struct ee_api_call *call, enum ee_command_kind kind,
                   const struct ee_writer *writer, enum ee_err encode_err,
                   void (*fn)(struct ee_api_call *call, const struct ee_answer *answer));

/* The same as this actor (EE_ACTOR_SYSTEM: a word that is checked already). */
void ee_api_submit_as(struct ee_api_call *call, enum ee_actor_kind actor, enum ee_command_kind kind,
                      const struct ee_writer *writer, enum ee_err encode_err,
                      void (*fn)(struct ee_api_call *call, const struct ee_answer *answer));
/* For on_refused: a limit of the account, with what would pass and from when on. */
void ee_api_limit_refused(struct ee_api_call *call, const struct ee_answer *answer);

/* ---- the routes; each in the file named ---- */

void ee_api_healthz(struct ee_api_call *call); /* api_network.c */
void ee_api_readyz(struct ee_api_call *call);
void ee_api_network(struct ee_api_call *call);
void ee_api_checkpoint(struct ee_api_call *call);
void ee_api_allow_changes(struct ee_api_call *call);
void ee_api_policy(struct ee_api_call *call); /* api_policy.c */
void ee_api_policy_change(struct ee_api_call *call);
void ee_api_allow(struct ee_api_call *call);
void ee_api_evidence(struct ee_api_call *call); /* api_evidence.c */
void ee_api_evidence_channel(struct ee_api_call *call);
void ee_api_lease_evidence(struct ee_api_call *call);
void ee_api_unseal_state(struct ee_api_call *call); /* api_unseal.c */
void ee_api_unseal(struct ee_api_call *call);
void ee_api_journal_key(struct ee_api_call *call);
void ee_api_account_create(struct ee_api_call *call); /* api_accounts.c */
void ee_api_account_me(struct ee_api_call *call);
void ee_api_key_create(struct ee_api_call *call);
void ee_api_keys(struct ee_api_call *call);
void ee_api_key_revoke(struct ee_api_call *call);
void ee_api_credits(struct ee_api_call *call); /* api_credits.c */
void ee_api_mint(struct ee_api_call *call);
void ee_api_transfer(struct ee_api_call *call);
void ee_api_transfers(struct ee_api_call *call);
void ee_api_topup(struct ee_api_call *call); /* api_payments.c */
void ee_api_topups(struct ee_api_call *call);
void ee_api_topup_show(struct ee_api_call *call);
void ee_api_payments(struct ee_api_call *call);
void ee_api_webhook_stripe(struct ee_api_call *call);
void ee_api_webhook_secret(struct ee_api_call *call);
void ee_api_webhook_secret_set(struct ee_api_call *call);
void ee_api_webhook_secret_clear(struct ee_api_call *call);
void ee_api_redeem(struct ee_api_call *call); /* api_redemptions.c */
void ee_api_redemptions(struct ee_api_call *call);
void ee_api_redemption(struct ee_api_call *call);
void ee_api_redemption_word(struct ee_api_call *call);
void ee_api_report_make(struct ee_api_call *call); /* api_reports.c */
void ee_api_reports(struct ee_api_call *call);
void ee_api_statement(struct ee_api_call *call); /* api_statement.c */
void ee_api_read_model(struct ee_api_call *call);
void ee_api_webhook_create(struct ee_api_call *call); /* api_webhooks.c */
void ee_api_webhooks(struct ee_api_call *call);
void ee_api_webhook_delete(struct ee_api_call *call);
void ee_api_webhook_rotate(struct ee_api_call *call);
void ee_api_webhook_test(struct ee_api_call *call);
void ee_api_webhook_enable(struct ee_api_call *call);
void ee_api_alert(struct ee_api_call *call);
void ee_api_alert_set(struct ee_api_call *call);
void ee_api_domains(struct ee_api_call *call); /* api_domains.c */
void ee_api_domain_add(struct ee_api_call *call);
void ee_api_domain_remove(struct ee_api_call *call);
void ee_api_domain_check(struct ee_api_call *call);
void ee_api_node_enrol(struct ee_api_call *call); /* api_nodes.c */
void ee_api_node_price(struct ee_api_call *call);
void ee_api_nodes(struct ee_api_call *call);
void ee_api_node(struct ee_api_call *call);
void ee_api_lease_reserve(struct ee_api_call *call); /* api_leases.c */
void ee_api_lease_start(struct ee_api_call *call);
void ee_api_lease(struct ee_api_call *call);
void ee_api_leases(struct ee_api_call *call);
void ee_api_lease_output(struct ee_api_call *call); /* api_output.c */
void ee_api_apps(struct ee_api_call *call);         /* api_apps.c */
void ee_api_app(struct ee_api_call *call);
void ee_api_app_stop(struct ee_api_call *call);
void ee_api_periods(struct ee_api_call *call);    /* api_periods.c */
void ee_api_collateral(struct ee_api_call *call); /* api_collateral.c */
void ee_api_collateral_file(struct ee_api_call *call);
void ee_api_collateral_push(struct ee_api_call *call);
void ee_api_receipt(struct ee_api_call *call);     /* api_receipts.c */
void ee_api_explain(struct ee_api_call *call);     /* api_explain.c */
void ee_api_consistency(struct ee_api_call *call); /* api_proofs.c */
void ee_api_inclusion(struct ee_api_call *call);
void ee_api_recovery(struct ee_api_call *call); /* api_statements.c */
void ee_api_checkpoint_keys(struct ee_api_call *call);
void ee_api_liabilities(struct ee_api_call *call); /* api_liabilities.c */
void ee_api_liabilities_proof(struct ee_api_call *call);

#endif
