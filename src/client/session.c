/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "client/allow_changes.h"
#include "client/collateral_memory.h"
#include "client/json.h"
#include "client/log_answers.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/random.h"
#include "link/attest_channel.h"
#include "link/sync_client.h"

#include "base/banned.h"

enum {
    RETRY_PAUSE_MS = 200,
    JSON_MAX = 16 * 1024 * 1024, /* receipts of allow-list changes bring evidence */
    EVIDENCE_TIMEOUT_MS = 15000,
};

struct ee_client_session {
    struct ee_client_problem *problem;
    const struct ee_client_profile *profile;
    struct ee_trust trust;
    struct ee_client_endpoint endpoint;
    struct ee_tls *tls;
    struct ee_sync_client *http;
    struct ee_http_head *head; /* of the request in the making */
    char token[EE_CLIENT_TOKEN_SIZE];
    char account[EE_NAME_MAX + 1];
    bool verified; /* the present connection */
    bool proving;  /* a proof is being fetched, for a checkpoint that came */
    bool headless; /* its checkpoints are not kept */
    bool locked;   /* only evidence can be asked for */
    struct ee_client_judged attested;
    struct ee_buffer evidence;
};

/* ---- one exchange on the present connection ---- */

static enum ee_err connection_fail(struct ee_client_session *s, enum ee_err err)
{
    const char *reason = ee_sync_client_reason(s->http);
    bool known = s->verified;
    s->verified = s->verified && ee_sync_client_connected(s->http);
    (void)ee_client_fail(s->problem, err, "%s: %s%s%s", s->endpoint.address, ee_err_text(err),
                         *reason ? ": " : "", reason);
    if (ee_err_class(err) == EE_CLASS_INPUT) /* the peer's, not the caller's */
        s->problem->exit_code = ee_err_exit_code(known ? EE_IO : EE_QUOTE);
    return err;
}

static enum ee_err head_make(struct ee_client_session *s, const struct ee_client_request *request,
                             const char *idempotency_key)
{
    char bearer[EE_CLIENT_TOKEN_SIZE + 8];
    struct ee_http_head *head = s->head;
    EE_TRY(ee_http_head_request(head, ee_bytes_str(request->method), ee_bytes_str(request->path)));
    if (request->body)
        EE_TRY(ee_http_head_add_text(head, "Content-Type", "application/json"));
    if (!s->verified)
        return EE_OK; /* no token, no key before the other side is known */
    if (s->token[0]) {
        (void)snprintf(bearer, sizeof(bearer), "Bearer %s", s->token);
        enum ee_err err = ee_http_head_add_text(head, "Authorization", bearer);
        ee_wipe(bearer, sizeof(bearer));
        EE_TRY(err);
    }
    return strcmp(request->method, "GET") == 0
               ? EE_OK
               : ee_http_head_add_text(head, "Idempotency-Key", idempotency_key);
}

static enum ee_err answer_read(struct ee_client_session *s, const struct ee_client_request *request,
                               struct ee_sync_answer *got, struct ee_client_answer *out)
{
    struct ee_bytes final, body = ee_buffer_bytes(&got->body);
    unsigned status = got->head->status;
    if (status < 200 || status > 299)
        return ee_client_problem_answer(s->problem, status, body);
    json_t *json = request->raw ? NULL : ee_client_json_parse(body);
    if (!request->raw && !json)
        return ee_client_fail(s->problem, EE_SYNTAX, "the answer to %s %s is not a JSON object",
                              request->method, request->path);
    out->json = json;
    out->final = ee_http_head_find(got->head, "EE-Final", &final) && ee_http_equal(final, "true");
    out->body = got->body;
    memset(&got->body, 0, sizeof(got->body)); /* now the answer's */
    return EE_OK;
}

static enum ee_err exchange(struct ee_client_session *s, const struct ee_client_request *request,
                            const char *idempotency_key, struct ee_client_answer *out);

/* A network that signed a head and then refuses its proof has none; one that is busy, or gone, is
 * asked again later. */
static enum ee_err proof_fetch(void *context, uint64_t from, uint64_t to,
                               struct ee_tlog_hash *from_root_out, struct ee_tlog_proof *out)
{
    struct ee_client_session *s = context;
    struct ee_client_answer got = {.json = NULL};
    char path[96];
    (void)snprintf(path, sizeof(path), "/v1/log/consistency?from=%llu&to=%llu",
                   (unsigned long long)from, (unsigned long long)to);
    const struct ee_client_request request = {.method = "GET", .path = path};
    s->proving = true;
    enum ee_err err = exchange(s, &request, "", &got);
    s->proving = false;
    bool answered = ee_sync_client_connected(s->http);
    enum ee_err_class class = ee_err_class(err);
    if (err == EE_OK)
        err = ee_client_proof_read(got.json, from_root_out, out);
    else if (answered && (class == EE_CLASS_INPUT || class == EE_CLASS_MISSING))
        err = EE_PROOF;
    ee_client_answer_close(&got);
    return err;
}

static enum ee_err successions_fetch(void *context,
                                     struct ee_checkpoint_key out[EE_SUCCESSIONS_MAX],
                                     size_t *count_out)
{
    struct ee_client_session *s = context;
    struct ee_client_answer got = {.json = NULL};
    const struct ee_client_request request = {.method = "GET", .path = "/v1/checkpoint-keys"};
    s->proving = true;
    enum ee_err err = exchange(s, &request, "", &got);
    s->proving = false;
    if (err == EE_OK)
        err = ee_client_successions_read(json_object_get(got.json, "statements"), out, count_out);
    ee_client_answer_close(&got);
    return err;
}

struct ee_client_prover ee_client_session_prover(struct ee_client_session *session)
{
    return (struct ee_client_prover){.context = session,
                                     .founding_key = session->trust.genesis.founding_key,
                                     .epoch = session->attested.verdict.claims.epoch,
                                     .successions = successions_fetch,
                                     .consistency = proof_fetch};
}

static enum ee_err observe(struct ee_client_session *s, const struct ee_client_head *floor,
                           struct ee_bytes note)
{
    const struct ee_client_prover prover = ee_client_session_prover(s);
    return ee_client_head_observe(s->problem, s->trust.network_id,
                                  s->attested.verdict.claims.checkpoint_key, floor, note, &prover);
}

/* The checkpoint of an answer: base64 of the signed note. */
static enum ee_err track(struct ee_client_session *s, const struct ee_http_head *head,
                         const struct ee_client_head *floor)
{
    struct ee_bytes text;
    uint8_t note[EE_TLOG_CHECKPOINT_READ_MAX];
    size_t size;
    if (!s->verified || s->proving || s->headless ||
        !ee_http_head_find(head, "EE-Checkpoint", &text))
        return EE_OK;
    enum ee_err err = ee_base64_decode(text, note, sizeof(note), &size);
    if (err != EE_OK)
        return ee_client_fail(s->problem, EE_CHECKPOINT, "EE-Checkpoint is not base64");
    return observe(s, floor, ee_bytes_of(note, size));
}

static enum ee_err exchange(struct ee_client_session *s, const struct ee_client_request *request,
                            const char *idempotency_key, struct ee_client_answer *out)
{
    struct ee_client_head floor = {.size = 0};
    struct ee_sync_answer got = {.head = NULL};
    struct ee_sync_request sent = {.head = s->head,
                                   .timeout_ms = request->timeout_ms,
                                   .body_max = request->raw ? EE_CLIENT_OUTPUT_MAX : JSON_MAX};
    if (s->verified)
        EE_TRY(ee_client_head_load(s->problem, s->trust.network_id, &floor));
    enum ee_err err = head_make(s, request, idempotency_key);
    if (err != EE_OK)
        return ee_client_fail(s->problem, err, "%s is no request target", request->path);
    char *body = request->body ? json_dumps(request->body, JSON_COMPACT) : NULL;
    if (request->body && !body)
        return ee_client_fail(s->problem, EE_NO_MEMORY, "%s", "");
    sent.body = body ? ee_bytes_str(body) : ee_bytes_of(NULL, 0);
    err = ee_sync_client_request(s->http, &sent, &got);
    free(body);
    ee_wipe(s->head, sizeof(*s->head)); /* held the token */
    if (err != EE_OK)
        return connection_fail(s, err);
    err = track(s, got.head, &floor);
    if (err == EE_OK)
        err = answer_read(s, request, &got, out);
    ee_sync_answer_close(&got);
    return err;
}

/* ---- verification ---- */

static enum ee_err challenge(struct ee_client_session *s, struct ee_nonce *nonce_out,
                             struct ee_client_answer *out)
{
    static const uint8_t no_key[32];
    uint8_t bytes[32];
    ee_random_bytes(bytes, sizeof(bytes));
    enum ee_err err = ee_attest_channel_nonce(&ee_crypto_openssl, ee_sync_client_conn(s->http),
                                              bytes, no_key, EE_ROLE_CONTROL, nonce_out);
    if (err != EE_OK)
        return ee_client_fail(s->problem, err, "binding evidence to the connection: %s",
                              ee_err_text(err));
    json_t *body = json_pack("{s:o}", "challenge", ee_client_json_hex_new(bytes, sizeof(bytes)));
    const struct ee_client_request request = {.method = "POST",
                                              .path = "/v1/evidence",
                                              .body = body,
                                              .timeout_ms = EVIDENCE_TIMEOUT_MS,
                                              .raw = true};
    err = exchange(s, &request, "", out);
    json_decref(body);
    return err;
}

/* One challenge, one verdict about this connection. */
static enum ee_err verify_once(struct ee_client_session *s)
{
    struct ee_client_answer answer = {.json = NULL};
    struct ee_evidence_policy policy;
    struct ee_client_judged judged;
    struct ee_collateral_memory floor;
    uint8_t key_hash[32];
    EE_TRY(ee_client_collateral_load(s->problem, s->trust.network_id, &floor));
    ee_trust_policy(&s->trust, EE_ROLE_CONTROL, (int64_t)(ee_clock_wall_us() / 1000000), &policy);
    policy.nonce_kind = EE_NONCE_CHANNEL;
    policy.tls_key_hash = key_hash;
    enum ee_err err = ee_conn_peer_key_hash(ee_sync_client_conn(s->http), key_hash);
    if (err != EE_OK)
        return ee_client_fail(s->problem, err, "the server showed no key");
    EE_TRY(challenge(s, &policy.nonce, &answer));
    err = ee_client_evidence_judge_by(s->problem, ee_buffer_bytes(&answer.body),
                                      s->profile->collateral, &policy, &judged);
    if (err == EE_OK)
        err = ee_client_collateral_observe(s->problem, s->trust.network_id, &floor,
                                           &judged.verdict.quote);
    if (err == EE_OK) {
        s->attested = judged;
        ee_buffer_close(&s->evidence);
        s->evidence = answer.body;
        memset(&answer.body, 0, sizeof(answer.body));
    }
    ee_client_answer_close(&answer);
    return err;
}

static enum ee_err policy_fetch(struct ee_client_session *s)
{
    const struct ee_client_request request = {.method = "GET", .path = "/v1/policy"};
    struct ee_client_answer got = {.json = NULL};
    enum ee_err err = exchange(s, &request, "", &got);
    const char *receipt = err == EE_OK ? ee_client_json_text(got.json, "receipt") : NULL;
    if (receipt && *receipt) /* null while nothing was changed */
        err = ee_client_policy_apply(s->problem, &s->trust, receipt);
    ee_client_answer_close(&got);
    return err;
}

static enum ee_err changes_fetch(struct ee_client_session *s)
{
    const struct ee_client_request request = {.method = "GET", .path = "/v1/allow-changes"};
    struct ee_client_answer got = {.json = NULL};
    enum ee_err err = exchange(s, &request, "", &got);
    if (err == EE_OK)
        err = ee_client_allow_changes_apply(s->problem, &s->trust,
                                            json_object_get(got.json, "items"));
    ee_client_answer_close(&got);
    return err == EE_OK ? policy_fetch(s) : err;
}

enum ee_err ee_client_session_allow_changes(struct ee_client_session *session)
{
    char sentence[EE_POLICY_SENTENCE_SIZE];
    struct ee_policy_decision decision;
    const struct ee_evidence_verdict *attested = &session->attested.verdict;
    EE_TRY(changes_fetch(session));
    if (!ee_measurement_find(&ee_crypto_openssl, session->trust.allowed,
                             session->trust.allowed_count, EE_ROLE_CONTROL, &attested->measurement))
        return ee_client_fail(session->problem, EE_MEASUREMENT,
                              "the control plane's measurement (%s) was retired by a logged change",
                              session->attested.label);
    enum ee_err err = ee_attest_policy_decide(&session->trust.policy, &attested->quote, &decision);
    if (err == EE_OK)
        return EE_OK;
    return ee_client_fail(
        session->problem, err, "the control plane is refused by a logged change of the policy: %s",
        ee_attest_policy_refusal_text(decision.rule, &decision.finding, sentence));
}

/* A measurement that is not in the genesis, or a TCB that only a later policy accepts, may be in a
 * logged change the founding key signed. */
static enum ee_err verify(struct ee_client_session *s)
{
    enum ee_err err = verify_once(s);
    if (err == EE_MEASUREMENT || err == EE_TCB_REFUSED) {
        enum ee_err first = err;
        uint64_t before = s->trust.last_change + s->trust.last_policy;
        struct ee_client_problem refused = *s->problem;
        memset(s->problem, 0, sizeof(*s->problem));
        err = changes_fetch(s);
        if (err == EE_OK && s->trust.last_change + s->trust.last_policy == before) {
            *s->problem = refused;
            return first;
        }
        ee_client_problem_clear(&refused);
        if (err == EE_OK)
            err = verify_once(s);
    }
    return err;
}

/* The network's present head: a rolled-back network is noticed before anything else is believed. */
static enum ee_err head_check(struct ee_client_session *s)
{
    struct ee_client_head floor;
    struct ee_client_answer answer = {.json = NULL};
    const struct ee_client_request request = {
        .method = "GET", .path = "/v1/checkpoint", .raw = true};
    EE_TRY(ee_client_head_load(s->problem, s->trust.network_id, &floor));
    enum ee_err err = exchange(s, &request, "", &answer);
    if (err == EE_OK)
        err = observe(s, &floor, ee_buffer_bytes(&answer.body));
    ee_client_answer_close(&answer);
    return err;
}

static enum ee_err connect_and_verify(struct ee_client_session *s)
{
    const struct ee_conn_connect_options options = {
        .address = s->endpoint.address, .tls = s->tls, .server_name = s->endpoint.host};
    s->verified = false;
    enum ee_err err = ee_sync_client_connect(s->http, &options);
    if (err != EE_OK)
        return connection_fail(s, err);
    EE_TRY(s->locked ? verify_once(s) : verify(s));
    err = s->headless || s->locked ? EE_OK : head_check(s);
    s->verified = err == EE_OK;
    return err;
}

/* ---- life ---- */

static enum ee_err prepare(struct ee_client_session *s)
{
    const struct ee_tls_client_options options = {.judged_by_attestation = true};
    if (!s->profile->api[0]) {
        (void)ee_client_fail(s->problem, EE_USAGE, "the profile names no network to talk to");
        ee_client_suggest(s->problem, "set \"api\" in the profile, or EE_API");
        return EE_USAGE;
    }
    EE_TRY(ee_client_profile_trust(s->problem, s->profile, &s->trust));
    if (!s->locked)
        EE_TRY(ee_client_profile_token(s->problem, s->profile, s->token));
    EE_TRY(ee_client_endpoint_parse(s->problem, "api", s->profile->api, &s->endpoint));
    enum ee_err err = ee_tls_client_new(&options, &s->tls);
    if (err == EE_OK)
        err = ee_sync_client_new(&s->http);
    if (err == EE_OK && !(s->head = calloc(1, sizeof(*s->head))))
        err = EE_NO_MEMORY;
    return err == EE_OK ? EE_OK : ee_client_fail(s->problem, err, "%s", "");
}

static enum ee_err session_open(struct ee_client_problem *problem,
                                const struct ee_client_profile *profile, bool headless, bool locked,
                                const json_t *changes, struct ee_client_session **out)
{
    struct ee_client_session *s = calloc(1, sizeof(*s));
    if (!s)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    s->problem = problem;
    s->profile = profile;
    s->headless = headless;
    s->locked = locked;
    memcpy(s->account, profile->account, sizeof(s->account));
    enum ee_err err = prepare(s);
    if (err == EE_OK && changes != NULL)
        err = ee_client_allow_changes_apply(problem, &s->trust, changes);
    if (err == EE_OK)
        err = connect_and_verify(s);
    if (err != EE_OK) {
        ee_client_session_close(s);
        return err;
    }
    *out = s;
    return EE_OK;
}

enum ee_err ee_client_session_open(struct ee_client_problem *problem,
                                   const struct ee_client_profile *profile,
                                   struct ee_client_session **out)
{
    return session_open(problem, profile, false, false, NULL, out);
}

enum ee_err ee_client_session_open_headless(struct ee_client_problem *problem,
                                            const struct ee_client_profile *profile,
                                            struct ee_client_session **out)
{
    return session_open(problem, profile, true, false, NULL, out);
}

enum ee_err ee_client_session_open_locked(struct ee_client_problem *problem,
                                          const struct ee_client_profile *profile,
                                          const json_t *changes, struct ee_client_session **out)
{
    return session_open(problem, profile, false, true, changes, out);
}

void ee_client_session_close(struct ee_client_session *session)
{
    if (!session)
        return;
    ee_sync_client_free(session->http);
    ee_tls_free(session->tls);
    ee_buffer_close(&session->evidence);
    free(session->head);
    ee_wipe(session->token, sizeof(session->token));
    free(session);
}

const struct ee_client_judged *ee_client_session_attested(const struct ee_client_session *session)
{
    return &session->attested;
}

struct ee_bytes ee_client_session_evidence(const struct ee_client_session *session)
{
    return ee_buffer_bytes(&session->evidence);
}

struct ee_trust *ee_client_session_trust(struct ee_client_session *session)
{
    return &session->trust;
}

const struct ee_client_profile *ee_client_session_profile(const struct ee_client_session *session)
{
    return session->profile;
}

struct ee_client_problem *ee_client_session_problem(const struct ee_client_session *session)
{
    return session->problem;
}

bool ee_client_session_is_admin(const struct ee_client_session *session)
{
    return strncmp(session->token, "eea_", 4) == 0;
}

/* ---- requests ---- */

/* The connection went away without an answer (and nothing was refused). */
static bool is_lost(const struct ee_client_session *s, enum ee_err err)
{
    return (err == EE_CLOSED || err == EE_CONNECT || err == EE_IO || err == EE_TLS) &&
           !ee_sync_client_connected(s->http);
}

static enum ee_err reopen(struct ee_client_session *s, uint64_t until_us)
{
    const struct timespec pause = {.tv_nsec = RETRY_PAUSE_MS * 1000 * 1000};
    enum ee_err err;
    for (;;) {
        ee_client_problem_clear(s->problem);
        err = connect_and_verify(s);
        if (err == EE_OK || !is_lost(s, err) || ee_clock_monotonic_us() >= until_us)
            return err;
        (void)nanosleep(&pause, NULL);
    }
}

enum ee_err ee_client_session_request(struct ee_client_session *session,
                                      const struct ee_client_request *request,
                                      struct ee_client_answer *out)
{
    char random_key[33];
    uint8_t bytes[16];
    uint64_t until_us = ee_clock_monotonic_us() + (uint64_t)EE_CLIENT_PATIENCE_MS * 1000;
    ee_random_bytes(bytes, sizeof(bytes));
    const char *key = request->idempotency_key;
    if (!key)
        key = ee_hex_encode(bytes, sizeof(bytes), random_key);
    memset(out, 0, sizeof(*out));
    for (;;) {
        enum ee_err err = EE_OK;
        if (!ee_sync_client_connected(session->http) || !session->verified)
            err = reopen(session, until_us);
        if (err == EE_OK)
            err = exchange(session, request, key, out);
        if (err == EE_OK || !is_lost(session, err) || ee_clock_monotonic_us() >= until_us)
            return err;
    }
}

void ee_client_answer_close(struct ee_client_answer *answer)
{
    json_decref(answer->json);
    ee_buffer_close(&answer->body);
    memset(answer, 0, sizeof(*answer));
}

static enum ee_err json_request(struct ee_client_session *session,
                                const struct ee_client_request *request, json_t **out)
{
    struct ee_client_answer answer;
    enum ee_err err = ee_client_session_request(session, request, &answer);
    if (err == EE_OK)
        *out = json_incref(answer.json);
    ee_client_answer_close(&answer);
    return err;
}

enum ee_err ee_client_get(struct ee_client_session *session, const char *path, json_t **out)
{
    const struct ee_client_request request = {.method = "GET", .path = path};
    return json_request(session, &request, out);
}

enum ee_err ee_client_send(struct ee_client_session *session, const char *method, const char *path,
                           json_t *body, json_t **out)
{
    const struct ee_client_request request = {.method = method, .path = path, .body = body};
    return json_request(session, &request, out);
}

static enum ee_err page_get(struct ee_client_session *session, const char *path, const char *cursor,
                            json_t **out)
{
    char target[512];
    int size =
        snprintf(target, sizeof(target), "%s%slimit=%d%s%s", path, strchr(path, '?') ? "&" : "?",
                 EE_CLIENT_PAGE_LIMIT, *cursor ? "&cursor=" : "", cursor);
    if (size < 0 || (size_t)size >= sizeof(target))
        return ee_client_fail(session->problem, EE_TOO_LARGE, "the cursor of %s is too long", path);
    return ee_client_get(session, target, out);
}

enum ee_err ee_client_list(struct ee_client_session *session, const char *path, json_t **out)
{
    char cursor[256] = "";
    json_t *items = json_array(), *page = NULL;
    enum ee_err err;
    do {
        err = page_get(session, path, cursor, &page);
        if (err != EE_OK)
            break;
        (void)json_array_extend(items, json_object_get(page, "items"));
        (void)snprintf(cursor, sizeof(cursor), "%s", ee_client_json_text(page, "next"));
        json_decref(page);
        if (json_array_size(items) > EE_CLIENT_ITEMS_MAX)
            err = ee_client_fail(session->problem, EE_TOO_LARGE, "%s has more than %d items", path,
                                 EE_CLIENT_ITEMS_MAX);
    } while (err == EE_OK && cursor[0]);
    if (err == EE_OK)
        *out = items;
    else
        json_decref(items);
    return err;
}

enum ee_err ee_client_session_account(struct ee_client_session *session, const char **out)
{
    json_t *me = NULL;
    if (!session->account[0]) {
        EE_TRY(ee_client_get(session, "/v1/accounts/me", &me));
        const char *name = ee_client_json_text(me, "name");
        if (ee_name_valid(name))
            memcpy(session->account, name, strlen(name) + 1);
        json_decref(me);
        if (!session->account[0])
            return ee_client_fail(session->problem, EE_SYNTAX, "the network names no account");
    }
    *out = session->account;
    return EE_OK;
}
