/* SPDX-License-Identifier: Apache-2.0 */
#include "control/leases.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/scheduler.h"
#include "control/session.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

/* Sealed secrets on their way to an agent. They are in memory only. */
struct secret {
    bool used;
    uint8_t lease[EE_ID_SIZE];
    struct ee_json_blob blob;
};

/* A workload that has ended, until its LEASE_END is durable. */
struct ending {
    struct ending *next;
    struct ee_control *control;
    struct ee_lease_end end;
};

struct ee_leases {
    struct secret secrets[EE_LEASES_SECRETS_MAX];
    size_t secret_count;
    struct ending *endings;
};

enum ee_err ee_leases_init(struct ee_control *control)
{
    control->leases = calloc(1, sizeof *control->leases);
    return control->leases != NULL ? EE_OK : EE_NO_MEMORY;
}

void ee_leases_free(struct ee_control *control)
{
    struct ee_leases *leases = control->leases;
    if (leases == NULL)
        return;
    for (size_t i = 0; i < EE_LEASES_SECRETS_MAX; i++)
        ee_json_blob_free(&leases->secrets[i].blob);
    while (leases->endings != NULL) {
        struct ending *ending = leases->endings;
        leases->endings = ending->next;
        free(ending);
    }
    free(leases);
    control->leases = NULL;
}

/* ---- sealed secrets ---- */

static struct secret *secret_find(struct ee_leases *leases, const uint8_t lease[EE_ID_SIZE])
{
    for (size_t i = 0; i < EE_LEASES_SECRETS_MAX; i++)
        if (leases->secrets[i].used && memcmp(leases->secrets[i].lease, lease, EE_ID_SIZE) == 0)
            return &leases->secrets[i];
    return NULL;
}

static void secret_drop(struct ee_leases *leases, const uint8_t lease[EE_ID_SIZE])
{
    struct secret *secret = secret_find(leases, lease);
    if (secret == NULL)
        return;
    ee_json_blob_free(&secret->blob);
    secret->used = false;
    leases->secret_count--;
}

/* Of leases that ended before they started, for instance with their node. */
static void secrets_sweep(struct ee_control *control)
{
    const struct ee_core *core = ee_control_core(control);
    for (size_t i = 0; i < EE_LEASES_SECRETS_MAX; i++) {
        const struct secret *secret = &control->leases->secrets[i];
        const struct ee_lease *lease = secret->used ? ee_core_lease(core, secret->lease) : NULL;
        if (secret->used && (lease == NULL || lease->state != EE_LEASE_STARTING))
            secret_drop(control->leases, secret->lease);
    }
}

bool ee_leases_secret_room(struct ee_control *control)
{
    if (control->leases->secret_count == EE_LEASES_SECRETS_MAX)
        secrets_sweep(control);
    return control->leases->secret_count < EE_LEASES_SECRETS_MAX;
}

enum ee_err ee_leases_secret_put(struct ee_control *control, const uint8_t lease[EE_ID_SIZE],
                                 struct ee_json_blob *blob)
{
    struct ee_leases *leases = control->leases;
    if (secret_find(leases, lease) != NULL)
        return EE_STATE;
    for (size_t i = 0; i < EE_LEASES_SECRETS_MAX; i++) {
        struct secret *secret = &leases->secrets[i];
        if (secret->used)
            continue;
        secret->used = true;
        memcpy(secret->lease, lease, EE_ID_SIZE);
        secret->blob = *blob;
        *blob = (struct ee_json_blob){0};
        leases->secret_count++;
        return EE_OK;
    }
    return EE_FULL;
}

/* ---- orders to agents ---- */

static void send_lease(struct ee_session *session, const char *type,
                       const uint8_t lease[EE_ID_SIZE])
{
    ee_session_send(session,
                    json_pack("{s:s, s:o}", "type", type, "lease", ee_json_hex(lease, EE_ID_SIZE)));
}

/* Nothing can be started: the lease ends and is refunded. */
static void start_failed(struct ee_control *control, const uint8_t lease[EE_ID_SIZE])
{
    struct ee_lease_end end = {.reason = EE_END_START_FAILED};
    memcpy(end.lease, lease, EE_ID_SIZE);
    secret_drop(control->leases, lease);
    ee_leases_end(control, &end);
}

static void send_start(struct ee_session *session, const struct ee_lease *lease,
                       const struct ee_app *app, struct ee_bytes sealed)
{
    ee_session_send(session,
                    json_pack("{s:s, s:o, s:s, s:s, s:o, s:o}", "type", "start", "lease",
                              ee_json_hex(lease->id, EE_ID_SIZE), "launcher", lease->launcher,
                              "app", lease->app, "deployment", ee_json_base64(app->deployment),
                              "sealed", ee_json_base64(sealed)));
}

void ee_leases_start(struct ee_control *control, const uint8_t id[EE_ID_SIZE])
{
    const struct ee_core *core = ee_control_core(control);
    const struct ee_lease *lease = ee_core_lease(core, id);
    if (lease == NULL || lease->state != EE_LEASE_STARTING)
        return;
    const struct ee_app *app = ee_core_app(core, lease->app);
    const struct secret *secret = secret_find(control->leases, id);
    struct ee_session *session = ee_session_of_node(control, lease->node);
    bool wrong = app == NULL || memcmp(app->deployment_hash, lease->deployment_hash, 32) != 0 ||
                 (secret == NULL && app->has_secrets);
    if (wrong)
        start_failed(control, id);
    else if (session != NULL)
        send_start(session, lease, app,
                   secret != NULL ? ee_json_blob_bytes(&secret->blob) : ee_bytes_str(""));
    /* Without a session: when the agent is back, or the start's timeout ends it. */
}

void ee_leases_stop(struct ee_control *control, const char *node, const uint8_t lease[EE_ID_SIZE])
{
    struct ee_session *session = ee_session_of_node(control, node);
    secret_drop(control->leases, lease);
    if (session != NULL)
        send_lease(session, "stop", lease);
}

/* ---- ends ---- */

static struct ending *ending_find(struct ee_leases *leases, const uint8_t lease[EE_ID_SIZE])
{
    for (struct ending *e = leases->endings; e != NULL; e = e->next)
        if (memcmp(e->end.lease, lease, EE_ID_SIZE) == 0)
            return e;
    return NULL;
}

static void ending_drop(struct ending *ending)
{
    struct ending **at = &ending->control->leases->endings;
    while (*at != ending)
        at = &(*at)->next;
    *at = ending->next;
    free(ending);
}

/* LEASE_END is durable (or the lease had ended already): the agent may forget it. */
static void on_end_answer(void *context, const struct ee_answer *answer)
{
    struct ending *ending = context;
    struct ee_control *control = ending->control;
    const struct ee_lease *lease = ee_core_lease(ee_control_core(control), ending->end.lease);
    if (answer->err != EE_OK)
        EE_LOG(EE_LOG_WARN, "leases", "the end of a lease was refused",
               ee_log_hex("lease", ending->end.lease, EE_ID_SIZE), ee_log_err(answer->err));
    if (lease != NULL && lease->state == EE_LEASE_ENDED) {
        struct ee_session *session = ee_session_of_node(control, lease->node);
        if (session != NULL && ending->end.reason == EE_END_EXITED)
            send_lease(session, "ended", lease->id);
        ee_api_lease_changed(control, lease->id);
    }
    ending_drop(ending);
    ee_scheduler_kick(control);
}

static void submit_end(void *context)
{
    struct ending *ending = context;
    struct ee_control *control = ending->control;
    uint8_t memory[128];
    struct ee_writer writer;
    ee_writer_init(&writer, memory, sizeof memory);
    enum ee_err err = ee_lease_end_encode(&ending->end, &writer);
    if (err == EE_OK)
        err = ee_control_submit(control, EE_COMMAND_LEASE_END, ee_writer_done(&writer),
                                on_end_answer, ending);
    if (err == EE_OK)
        return;
    /* The next check finds it out again (ee_leases_on_state); a start ends by its timer. */
    EE_LOG(EE_LOG_ERROR, "leases", "the end of a lease was not taken",
           ee_log_hex("lease", ending->end.lease, EE_ID_SIZE), ee_log_err(err));
    ending_drop(ending);
}

void ee_leases_end(struct ee_control *control, const struct ee_lease_end *end)
{
    struct ee_leases *leases = control->leases;
    if (ending_find(leases, end->lease) != NULL)
        return;
    struct ending *ending = calloc(1, sizeof *ending);
    if (ending == NULL)
        return;
    *ending = (struct ending){.next = leases->endings, .control = control, .end = *end};
    leases->endings = ending;
    bool judged_first = end->reason == EE_END_EXITED;
    if (!judged_first || ee_scheduler_conclude(control, end->lease, submit_end, ending) != EE_OK)
        submit_end(ending);
}

/* ---- messages of agents ---- */

/* The lease a message names, if it is on this agent's node; else NULL. */
static const struct ee_lease *lease_of(struct ee_session *session, const json_t *message,
                                       uint8_t id[EE_ID_SIZE])
{
    char detail[EE_JSON_DETAIL_SIZE];
    const struct ee_json_field fields[] = {{"lease", EE_JSON_HEX, id, EE_ID_SIZE, false}};
    memset(id, 0, EE_ID_SIZE);
    if (ee_json_read(message, fields, 1, EE_JSON_TOLERANT, detail) != EE_OK)
        return NULL;
    const struct ee_lease *lease = ee_core_lease(ee_control_core(session->control), id);
    return lease != NULL && strcmp(lease->node, session->node) == 0 ? lease : NULL;
}

static void on_running_answer(void *context, const struct ee_answer *answer)
{
    if (answer->err == EE_OK)
        ee_scheduler_kick(context);
}

static void submit_running(struct ee_control *control, const uint8_t lease[EE_ID_SIZE])
{
    struct ee_lease_running running;
    uint8_t memory[64];
    struct ee_writer writer;
    memcpy(running.lease, lease, EE_ID_SIZE);
    ee_writer_init(&writer, memory, sizeof memory);
    enum ee_err err = ee_lease_running_encode(&running, &writer);
    if (err == EE_OK)
        err = ee_control_submit(control, EE_COMMAND_LEASE_RUNNING, ee_writer_done(&writer),
                                on_running_answer, control);
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "leases", "a running lease was not recorded",
               ee_log_hex("lease", lease, EE_ID_SIZE), ee_log_err(err));
    secret_drop(control->leases, lease);
    ee_scheduler_lease_runs(control, lease);
}

void ee_leases_on_started(struct ee_session *session, const json_t *message)
{
    uint8_t id[EE_ID_SIZE];
    const struct ee_lease *lease = lease_of(session, message, id);
    if (lease == NULL || lease->state == EE_LEASE_ENDED)
        send_lease(session, "stop", id);
    else if (lease->state == EE_LEASE_STARTING)
        submit_running(session->control, id);
}

/* Keeps the sealed output; without one (or without room) the lease ends without. */
static void keep_output(struct ee_session *session, const json_t *message, struct ee_lease_end *end)
{
    char detail[EE_JSON_DETAIL_SIZE];
    struct ee_json_blob blob = {0};
    const struct ee_json_field fields[] = {
        {"exit_code", EE_JSON_I32, &end->exit_code, 0, true},
        {"output", EE_JSON_BLOB, &blob, EE_CONTROL_OUTPUT_SIZE_MAX, true},
    };
    enum ee_err err = ee_json_read(message, fields, 2, EE_JSON_TOLERANT, detail);
    if (err == EE_OK && blob.size > 0)
        err = ee_blobs_put(session->control->outputs, ee_json_blob_bytes(&blob), end->output_hash);
    ee_json_blob_free(&blob);
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "leases", "the output of a lease was not kept",
               ee_log_hex("lease", end->lease, EE_ID_SIZE), ee_log_err(err));
}

void ee_leases_on_start_failed(struct ee_session *session, const json_t *message)
{
    uint8_t id[EE_ID_SIZE];
    const struct ee_lease *lease = lease_of(session, message, id);
    const char *error = json_string_value(json_object_get(message, "error"));
    EE_LOG(EE_LOG_WARN, "leases", "an agent could not start a workload",
           ee_log_text("node", session->node), ee_log_hex("lease", id, EE_ID_SIZE),
           ee_log_text("error", error));
    if (lease == NULL || lease->state != EE_LEASE_STARTING)
        return;
    struct ee_lease_end end = {.reason = EE_END_START_FAILED};
    memcpy(end.lease, id, EE_ID_SIZE);
    keep_output(session, message, &end); /* says why, to the launcher alone */
    end.exit_code = 0;
    secret_drop(session->control->leases, id);
    ee_leases_end(session->control, &end);
}

void ee_leases_on_exited(struct ee_session *session, const json_t *message)
{
    struct ee_lease_end end = {.reason = EE_END_EXITED};
    const struct ee_lease *lease = lease_of(session, message, end.lease);
    if (lease == NULL || lease->state == EE_LEASE_ENDED) {
        send_lease(session, "ended", end.lease);
        return;
    }
    if (lease->state == EE_LEASE_STARTING) /* its `started` was lost with an older session */
        submit_running(session->control, end.lease);
    if (ending_find(session->control->leases, end.lease) != NULL)
        return;
    keep_output(session, message, &end);
    ee_leases_end(session->control, &end);
}

/* ---- what checks find out ---- */

static void lost_it(struct ee_control *control, const uint8_t lease[EE_ID_SIZE])
{
    struct ee_lease_end end = {.reason = EE_END_AGENT_LOST_IT};
    memcpy(end.lease, lease, EE_ID_SIZE);
    ee_scheduler_lease_lost(control, lease);
    ee_leases_end(control, &end);
}

void ee_leases_on_state(struct ee_control *control, const uint8_t id[EE_ID_SIZE], const char *state)
{
    const struct ee_lease *lease = ee_core_lease(ee_control_core(control), id);
    if (lease == NULL || ending_find(control->leases, id) != NULL)
        return;
    if (lease->state == EE_LEASE_STARTING && strcmp(state, "unknown") == 0)
        ee_leases_start(control, id);
    if (lease->state != EE_LEASE_RUNNING)
        return;
    struct ee_session *session = ee_session_of_node(control, lease->node);
    if (strcmp(state, "unknown") == 0)
        lost_it(control, id);
    else if (strcmp(state, "exited") == 0 && session != NULL)
        send_lease(session, "stop", id); /* then the agent reports the end again */
}

/* ---- reconciliation ---- */

static bool reported(const struct ee_session *session, const uint8_t lease[EE_ID_SIZE])
{
    for (size_t i = 0; i < session->lease_count; i++)
        if (memcmp(session->leases[i], lease, EE_ID_SIZE) == 0)
            return true;
    return false;
}

/* A lease the agent did not list; whether it is lost or has exited, a check tells. */
struct doubt {
    struct ee_control *control;
    uint8_t lease[EE_ID_SIZE];
};

static void on_doubt_answer(void *context, enum ee_err err, const json_t *message)
{
    struct doubt *doubt = context;
    char id[2 * EE_ID_SIZE + 1];
    const json_t *states = json_object_get(message, "leases");
    const char *state =
        json_string_value(json_object_get(states, ee_hex_encode(doubt->lease, EE_ID_SIZE, id)));
    if (err == EE_OK && state != NULL)
        ee_leases_on_state(doubt->control, doubt->lease, state);
    free(doubt);
}

static void ask_doubt(struct ee_session *session, const uint8_t lease[EE_ID_SIZE])
{
    uint8_t nonce[32];
    struct doubt *doubt = calloc(1, sizeof *doubt);
    if (doubt == NULL)
        return;
    doubt->control = session->control;
    memcpy(doubt->lease, lease, EE_ID_SIZE);
    ee_random_bytes(nonce, sizeof nonce);
    json_t *message =
        json_pack("{s:s, s:o, s:[o]}", "type", "check", "nonce", ee_json_hex(nonce, sizeof nonce),
                  "leases", ee_json_hex(lease, EE_ID_SIZE));
    if (ee_session_ask(session, message, "checked", EE_SESSION_ASK_MS, on_doubt_answer, doubt) !=
        EE_OK)
        free(doubt);
}

static void reconcile_known(struct ee_session *session, const uint8_t id[EE_ID_SIZE],
                            enum ee_lease_state state)
{
    struct ee_control *control = session->control;
    bool runs = reported(session, id);
    if (state == EE_LEASE_STARTING && runs) {
        submit_running(control, id);
    } else if (state == EE_LEASE_STARTING || (state == EE_LEASE_RUNNING && !runs)) {
        /* It may have run and ended meanwhile, and its secrets may be gone here: so it is not
         * started again, nor ended, before the agent says that it does not know it. */
        ask_doubt(session, id); /* the agent repeats unacknowledged ends before it answers */
    }
}

void ee_leases_reconcile(struct ee_session *session)
{
    const struct ee_core *core = ee_control_core(session->control);
    const struct ee_lease *lease;
    for (size_t i = 0; i < session->lease_count; i++) {
        lease = ee_core_lease(core, session->leases[i]);
        if (lease == NULL || lease->state == EE_LEASE_ENDED ||
            strcmp(lease->node, session->node) != 0)
            send_lease(session, "stop", session->leases[i]);
    }
    struct ee_live *live = &session->control->live;
    ee_live_grow(live, core);
    for (size_t i = 0; (lease = ee_live_at(live, core, i)) != NULL; i++)
        if (strcmp(lease->node, session->node) == 0 && lease->state != EE_LEASE_ENDED)
            reconcile_known(session, lease->id, lease->state);
}
