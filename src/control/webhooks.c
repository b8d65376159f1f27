/* SPDX-License-Identifier: Apache-2.0 */
#include "control/webhooks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/json.h"
#include "control/read_model.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/random.h"

#include "base/banned.h"

enum {
    LOOK_MS = 100,
    EVENT_BITS =
        20, /* an event's number is its command's seq and its place (projection_events.c) */
    FIRST_DELAY_S = 5,
    DELAY_MAX_S = 12 * 3600,
    SPREAD_PARTS = 5,
    CA_FILE_MAX = 1024 * 1024,
    STATUS_GONE = 410,
    ID_TEXT_SIZE = 32,
};

struct endpoint {
    struct endpoint *next;
    struct ee_webhooks *webhooks;
    struct ee_webhook_state state;
    struct ee_read_job job;
    bool reading;
    bool looked; /* up to looked_seq there was nothing for it */
    uint64_t looked_seq, asked_seq, reached;
    uint32_t kinds;              /* as asked with */
    struct ee_read_event *event; /* while it is read or sent */
    struct ee_webhook_sending *sending;
};

struct ee_webhooks {
    struct ee_control *control;
    struct ee_webhook_store *store;
    struct ee_tls *tls;
    struct ee_timer *timer;
    struct endpoint *endpoints;
    struct endpoint *turn; /* who is looked at first */
    size_t in_flight;
    uint8_t master[32];
    bool development;
};

int64_t ee_webhook_backoff_s(uint32_t attempts, uint32_t random)
{
    int64_t delay = FIRST_DELAY_S;
    for (uint32_t i = 1; i < attempts && delay < DELAY_MAX_S; i++)
        delay *= 4;
    if (delay > DELAY_MAX_S)
        delay = DELAY_MAX_S;
    int64_t spread = delay / SPREAD_PARTS;
    return delay - spread + (int64_t)(random % (uint32_t)(2 * spread + 1));
}

static int64_t wall_s(void)
{
    return (int64_t)(ee_clock_wall_us() / 1000000);
}

static const struct ee_webhook *of_core(const struct endpoint *e)
{
    return ee_core_webhook(ee_control_core(e->webhooks->control), e->state.account, e->state.slot);
}

/* Under what an account's endpoints are kept: the disk does not tell who has some. */
static void pseudonym(const struct ee_webhooks *w, const char *account, char out[EE_NAME_MAX + 1])
{
    static const char label[] = "ee-webhook-account";
    uint8_t mac[EE_SHA256_SIZE];
    const struct ee_bytes parts[] = {ee_bytes_of(label, sizeof label), ee_bytes_str(account)};
    w->control->crypto->hmac_sha256(ee_bytes_of(w->master, sizeof w->master), parts, 2, mac);
    (void)ee_hex_encode(mac, EE_NAME_MAX / 2, out);
}

static enum ee_err state_put(const struct endpoint *e)
{
    struct ee_webhook_state kept = e->state;
    pseudonym(e->webhooks, e->state.account, kept.account);
    return ee_webhook_store_put(e->webhooks->store, &kept);
}

static void state_save(struct endpoint *e)
{
    enum ee_err err = state_put(e);
    if (err != EE_OK)
        EE_LOG(EE_LOG_WARN, "webhooks", "how far an endpoint has got was not kept",
               ee_log_text("account", e->state.account), ee_log_unsigned("slot", e->state.slot),
               ee_log_err(err));
}

/* ---- an attempt ---- */

static void message_id(const struct ee_webhooks *w, uint64_t number, char out[ID_TEXT_SIZE])
{
    uint8_t hash[32], bytes[8];
    char hex[25];
    struct ee_writer writer;
    ee_writer_init(&writer, bytes, sizeof bytes);
    ee_writer_u64(&writer, number);
    const struct ee_bytes parts[] = {
        ee_bytes_of(ee_core_network_id(ee_control_core(w->control)), 32),
        ee_bytes_of(bytes, sizeof bytes)};
    w->control->crypto->sha256(parts, 2, hash);
    (void)snprintf(out, ID_TEXT_SIZE, "msg_%s", ee_hex_encode(hash, 12, hex));
}

static enum ee_err attempt(struct endpoint *e, const char *id, struct ee_bytes body,
                           ee_webhook_sent_fn fn, void *context, struct ee_webhook_sending **out)
{
    struct ee_webhooks *w = e->webhooks;
    struct ee_webhook_secret secret = {0}, previous = {0};
    char timestamp[24], signatures[EE_WEBHOOK_SIGNATURES_SIZE];
    int64_t now_s = wall_s();
    EE_TRY(ee_webhook_secret_get(w->store, e->state.secret_hash, &secret));
    if (e->state.previous_until_s > now_s)
        (void)!ee_webhook_secret_get(w->store, e->state.previous_hash, &previous);
    (void)snprintf(timestamp, sizeof timestamp, "%" PRId64, now_s);
    const struct ee_webhook_message message = {
        .url = of_core(e)->url,
        .loopback = w->development,
        .id = id,
        .timestamp = timestamp,
        .signature =
            ee_webhook_sign(w->control->crypto, &secret, &previous, id, now_s, body, signatures),
        .body = body};
    ee_wipe(&secret, sizeof secret);
    ee_wipe(&previous, sizeof previous);
    return ee_webhook_send(w->control->loop, w->tls, &message, fn, context, out);
}

static void disable(struct endpoint *e, const char *why)
{
    (void)snprintf(e->state.disabled, sizeof e->state.disabled, "%s", why);
    EE_LOG(EE_LOG_WARN, "webhooks", "endpoint disabled", ee_log_text("account", e->state.account),
           ee_log_unsigned("slot", e->state.slot), ee_log_text("why", why));
}

static void failed(struct endpoint *e, enum ee_err err, uint16_t status)
{
    uint32_t random;
    ee_random_bytes(&random, sizeof random);
    e->state.attempts++;
    if (status != 0)
        (void)snprintf(e->state.last_error, sizeof e->state.last_error, "status %u",
                       (unsigned)status);
    else
        (void)snprintf(e->state.last_error, sizeof e->state.last_error, "%s", ee_err_name(err));
    e->state.next_s = wall_s() + ee_webhook_backoff_s(e->state.attempts, random);
    if (status == STATUS_GONE)
        disable(e, "the receiver answered 410 Gone");
    else if (e->state.attempts >= EE_WEBHOOK_ATTEMPTS_MAX)
        disable(e, "all attempts to deliver an event failed");
}

static void event_free(struct endpoint *e)
{
    free(e->event);
    e->event = NULL;
}

static void on_sent(void *context, enum ee_err err, uint16_t status)
{
    struct endpoint *e = context;
    e->sending = NULL;
    e->webhooks->in_flight--;
    e->state.last_status = status;
    e->state.last_s = wall_s();
    if (status >= 200 && status <= 299) {
        e->state.cursor = e->event->number;
        e->state.attempts = 0;
        e->state.next_s = 0;
        e->state.delivered++;
        e->state.last_error[0] = '\0';
    } else {
        failed(e, err, status);
    }
    event_free(e);
    state_save(e);
}

static void deliver(struct endpoint *e)
{
    char id[ID_TEXT_SIZE];
    message_id(e->webhooks, e->event->number, id);
    e->webhooks->in_flight++;
    enum ee_err err = attempt(e, id, ee_bytes_str(e->event->body), on_sent, e, &e->sending);
    if (err != EE_OK)
        on_sent(e, err, 0);
}

/* ---- what is next for an endpoint ---- */

static enum ee_err event_run(struct ee_read_job *job, struct ee_read_query *query)
{
    struct endpoint *e = job->context;
    return ee_read_query_event(query, e->state.account, e->state.cursor, e->kinds, e->event,
                               &e->reached);
}

static void event_done(struct ee_read_job *job, enum ee_err err)
{
    struct endpoint *e = job->context;
    e->reading = false;
    e->webhooks->in_flight--;
    if (err == EE_NOT_FOUND) {
        e->looked = e->state.cursor == e->reached; /* else there is more behind what it skipped */
        e->looked_seq = e->asked_seq;
        e->state.cursor = e->reached;
    }
    if (err == EE_OK && of_core(e)->active)
        deliver(e);
    else
        event_free(e);
}

static void look(struct endpoint *e, const struct ee_projector_status *status, int64_t now_s)
{
    bool nothing_new = e->looked && e->looked_seq == status->seq;
    if (e->reading || e->sending != NULL || e->state.disabled[0] != '\0' || nothing_new ||
        now_s < e->state.next_s)
        return;
    e->event = malloc(sizeof *e->event);
    if (e->event == NULL)
        return;
    e->kinds = of_core(e)->events;
    e->asked_seq = status->seq;
    e->job.run = event_run;
    e->job.done = event_done;
    e->job.context = e;
    if (ee_read_model_ask(e->webhooks->control->read_model, &e->job) != EE_OK) {
        event_free(e);
        return;
    }
    e->reading = true;
    e->webhooks->in_flight++;
}

static void on_timer(void *context)
{
    struct ee_webhooks *w = context;
    struct ee_projector_status status;
    struct endpoint *first = w->turn != NULL ? w->turn : w->endpoints, *e = first;
    int64_t now_s = wall_s();
    ee_read_model_status(w->control->read_model, &status);
    if (w->control->anchoring || w->control->stopping || e == NULL)
        return;
    do {
        if (w->in_flight >= EE_WEBHOOKS_IN_FLIGHT_MAX)
            break;
        look(e, &status, now_s);
        e = e->next != NULL ? e->next : w->endpoints;
    } while (e != first);
    w->turn = e;
}

/* ---- endpoints come and go ---- */

static struct endpoint *find(const struct ee_webhooks *w, const char *account, uint8_t slot)
{
    for (struct endpoint *e = w->endpoints; e != NULL; e = e->next)
        if (e->state.slot == slot && strcmp(e->state.account, account) == 0)
            return e;
    return NULL;
}

static void endpoint_stop(struct endpoint *e)
{
    if (e->reading) {
        ee_read_model_forget(e->webhooks->control->read_model, &e->job);
        e->webhooks->in_flight--;
    }
    if (e->sending != NULL) {
        ee_webhook_send_cancel(e->sending);
        e->webhooks->in_flight--;
    }
    e->reading = false;
    e->sending = NULL;
    event_free(e);
}

/* Forgotten unless another endpoint signs with it. */
static void secret_release(struct ee_webhooks *w, const uint8_t hash[32])
{
    for (const struct endpoint *e = w->endpoints; e != NULL; e = e->next)
        if (memcmp(e->state.secret_hash, hash, 32) == 0 ||
            memcmp(e->state.previous_hash, hash, 32) == 0)
            return;
    if (!ee_bytes_all_zero(hash, 32))
        (void)!ee_webhook_secret_drop(w->store, hash);
}

static void endpoint_remove(struct endpoint *e)
{
    struct ee_webhooks *w = e->webhooks;
    struct endpoint **at = &w->endpoints;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    w->turn = NULL;
    endpoint_stop(e);
    char name[EE_NAME_MAX + 1];
    pseudonym(w, e->state.account, name);
    (void)!ee_webhook_store_drop(w->store, name, e->state.slot);
    secret_release(w, e->state.secret_hash);
    secret_release(w, e->state.previous_hash);
    free(e);
}

/* A new endpoint hears of what comes after it. */
static void state_first(const struct ee_webhook *row, struct ee_webhook_state *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->account, row->account, sizeof out->account);
    out->slot = row->slot;
    out->seq = row->seq;
    out->cursor = (row->seq + 1) << EVENT_BITS;
    out->cursor--;
}

static void state_take(struct ee_webhooks *w, const struct ee_webhook *row,
                       struct ee_webhook_state *out)
{
    uint64_t last = (ee_sequencer_durable_seq(w->control->sequencer) + 1) << EVENT_BITS;
    char name[EE_NAME_MAX + 1];
    pseudonym(w, row->account, name);
    if (ee_webhook_store_get(w->store, name, row->slot, out) != EE_OK || out->seq != row->seq)
        state_first(row, out);
    memcpy(out->account, row->account, sizeof out->account);
    if (out->cursor >= last) /* the journal was put back since */
        out->cursor = last - 1;
}

/* The secret before signs as well for a while, so that receivers can change theirs. */
static void secret_follow(struct endpoint *e, const struct ee_webhook *row)
{
    struct ee_webhook_state *s = &e->state;
    if (memcmp(s->secret_hash, row->secret_hash, 32) == 0)
        return;
    uint8_t oldest[32];
    memcpy(oldest, s->previous_hash, 32);
    if (!ee_bytes_all_zero(s->secret_hash, 32)) {
        memcpy(s->previous_hash, s->secret_hash, 32);
        s->previous_until_s = wall_s() + EE_WEBHOOK_OVERLAP_S;
    }
    memcpy(s->secret_hash, row->secret_hash, 32);
    state_save(e);
    secret_release(e->webhooks, oldest);
}

static void take_up(struct ee_webhooks *w, const struct ee_webhook *row)
{
    struct endpoint *e = find(w, row->account, row->slot);
    if (e != NULL && (!row->active || e->state.seq != row->seq)) {
        endpoint_remove(e);
        e = NULL;
    }
    if (!row->active)
        return;
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        if (e == NULL)
            return; /* taken up at the next start */
        e->webhooks = w;
        state_take(w, row, &e->state);
        e->next = w->endpoints;
        w->endpoints = e;
    }
    secret_follow(e, row);
    e->looked = false;
}

void ee_webhooks_changed(struct ee_webhooks *w, const char *account, uint8_t slot)
{
    const struct ee_webhook *row = ee_core_webhook(ee_control_core(w->control), account, slot);
    if (row != NULL && slot != 0)
        take_up(w, row);
}

enum ee_err ee_webhooks_enable(struct ee_webhooks *w, const char *account, uint8_t slot)
{
    struct endpoint *e = find(w, account, slot);
    if (e == NULL)
        return EE_WEBHOOK_UNKNOWN;
    e->state.disabled[0] = '\0';
    e->state.attempts = 0;
    e->state.next_s = 0;
    e->looked = false;
    return state_put(e);
}

const struct ee_webhook_state *ee_webhooks_state(const struct ee_webhooks *w, const char *account,
                                                 uint8_t slot)
{
    const struct endpoint *e = find(w, account, slot);
    return e != NULL ? &e->state : NULL;
}

enum ee_err ee_webhooks_test(struct ee_webhooks *w, const char *account, uint8_t slot,
                             ee_webhook_sent_fn fn, void *context, struct ee_webhook_sending **out)
{
    struct endpoint *e = find(w, account, slot);
    uint8_t random[12];
    char id[ID_TEXT_SIZE], hex[25], body[256], time[EE_TIME_TEXT_SIZE];
    if (e == NULL || !of_core(e)->active)
        return EE_WEBHOOK_UNKNOWN;
    ee_random_bytes(random, sizeof random);
    (void)snprintf(id, sizeof id, "msg_%s", ee_hex_encode(random, sizeof random, hex));
    (void)snprintf(body, sizeof body,
                   "{\"type\":\"webhook.test\",\"timestamp\":\"%s\",\"account\":\"%s\","
                   "\"seq\":\"0\",\"data\":{}}",
                   ee_time_format(wall_s(), time), account);
    return attempt(e, id, ee_bytes_str(body), fn, context, out);
}

/* ---- secrets ---- */

void ee_webhooks_secret_make(const struct ee_webhooks *w, const char *account,
                             const uint8_t id[EE_ID_SIZE], struct ee_webhook_secret *out)
{
    static const char label[] = "ee-webhook-secret";
    uint8_t size = (uint8_t)strlen(account);
    const struct ee_bytes parts[] = {ee_bytes_of(label, sizeof label), ee_bytes_of(&size, 1),
                                     ee_bytes_str(account), ee_bytes_of(id, EE_ID_SIZE)};
    memset(out, 0, sizeof *out);
    w->control->crypto->hmac_sha256(ee_bytes_of(w->master, sizeof w->master), parts, 4, out->bytes);
    out->size = EE_SHA256_SIZE;
}

void ee_webhooks_secret_hash(const struct ee_webhooks *w, const struct ee_webhook_secret *secret,
                             uint8_t hash_out[32])
{
    const struct ee_bytes part = ee_bytes_of(secret->bytes, secret->size);
    w->control->crypto->sha256(&part, 1, hash_out);
}

enum ee_err ee_webhooks_secret_keep(struct ee_webhooks *w, const struct ee_webhook_secret *secret)
{
    uint8_t hash[32];
    ee_webhooks_secret_hash(w, secret, hash);
    return ee_webhook_secret_put(w->store, hash, secret);
}

/* Under the hash of nothing that is: made once. */
static enum ee_err master_load(struct ee_webhooks *w)
{
    static const uint8_t place[32];
    struct ee_webhook_secret master = {.size = sizeof w->master};
    enum ee_err err = ee_webhook_secret_get(w->store, place, &master);
    if (err == EE_NOT_FOUND) {
        ee_random_bytes(master.bytes, sizeof w->master);
        err = ee_webhook_secret_put(w->store, place, &master);
    }
    if (err == EE_OK)
        memcpy(w->master, master.bytes, sizeof w->master);
    ee_wipe(&master, sizeof master);
    return err;
}

/* ---- life ---- */

static enum ee_err tls_make(const char *ca_path, struct ee_tls **out)
{
    struct ee_file_data ca = {0};
    if (ca_path != NULL)
        EE_TRY(ee_file_read(ca_path, CA_FILE_MAX, &ca));
    const struct ee_tls_client_options options = {.allow_tls12 = true,
                                                  .ca_pem = ee_file_bytes(&ca)};
    enum ee_err err = ee_tls_client_new(&options, out);
    ee_file_data_free(&ca);
    return err;
}

static enum ee_err start(struct ee_webhooks *w, const char *path, const char *ca_path,
                         const struct ee_journal_seal *seal)
{
    const struct ee_webhook *row;
    w->development = w->control->trust.genesis.kind == EE_NETWORK_DEVELOPMENT;
    if (!w->development && seal == NULL)
        return EE_JOURNAL_PLAIN;
    EE_TRY(tls_make(ca_path, &w->tls));
    EE_TRY(ee_webhook_store_open(path, seal, &w->store));
    EE_TRY(master_load(w));
    EE_TRY(ee_timer_new(w->control->loop, on_timer, w, &w->timer));
    for (size_t i = 0; (row = ee_core_webhook_at(ee_control_core(w->control), i)) != NULL; i++)
        if (row->slot != 0 && row->active)
            take_up(w, row);
    ee_timer_start(w->timer, LOOK_MS, LOOK_MS);
    return EE_OK;
}

enum ee_err ee_webhooks_new(struct ee_control *control, const char *path, const char *ca_path,
                            const struct ee_journal_seal *seal, struct ee_webhooks **out)
{
    struct ee_webhooks *w = calloc(1, sizeof *w);
    if (w == NULL)
        return EE_NO_MEMORY;
    w->control = control;
    enum ee_err err = start(w, path, ca_path, seal);
    if (err == EE_OK)
        *out = w;
    else
        ee_webhooks_free(w);
    return err;
}

void ee_webhooks_free(struct ee_webhooks *w)
{
    if (w == NULL)
        return;
    while (w->endpoints != NULL) {
        struct endpoint *e = w->endpoints;
        w->endpoints = e->next;
        endpoint_stop(e);
        free(e);
    }
    ee_timer_free(w->timer);
    ee_webhook_store_close(w->store);
    ee_tls_free(w->tls);
    ee_wipe(w->master, sizeof w->master);
    free(w);
}
