/* SPDX-License-Identifier: Apache-2.0 */
#include "control/domains.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api_view.h"
#include "control/json.h"
#include "io/dns.h"
#include "io/log.h"

#include "base/banned.h"

enum { LOOK_MS = 500, RETRY_MAX_S = 3600, NAME_SIZE = EE_DOMAIN_MAX + 16, US = 1000000 };

/* What is known of the claim in this row of the core, beside what the journal holds. */
struct watch {
    uint8_t nonce[EE_DOMAIN_NONCE_SIZE];     /* another: the row is another claim */
    uint64_t next_us, asked_us, answered_us; /* monotonic; answered: last by a resolver */
    uint32_t failures;
    bool asking;
    enum ee_err last;
};

struct route {
    char domain[EE_DOMAIN_MAX + 1];
    char app[EE_NAME_MAX + 1];
};

struct look {
    struct ee_domains *domains; /* NULL: free */
    size_t index;
    uint8_t nonce[EE_DOMAIN_NONCE_SIZE];
};

struct ee_domains {
    struct ee_control *control;
    struct ee_dns *dns;
    struct ee_timer *timer;
    uint64_t recheck_us;
    struct look looks[EE_DOMAINS_ASKED_MAX];
    struct watch *watches;
    size_t watch_count;
    struct route *routes; /* sorted by domain */
    size_t route_count;
    bool stale; /* routes are to be made anew */
};

static uint64_t now_us(const struct ee_domains *d)
{
    return ee_loop_now_us(d->control->loop);
}

/* ---- routes ---- */

static int by_domain(const void *a, const void *b)
{
    return strcmp(((const struct route *)a)->domain, ((const struct route *)b)->domain);
}

static void routes_make(struct ee_domains *d)
{
    const struct ee_core *core = ee_control_core(d->control);
    const struct ee_domain *row;
    size_t count = 0, rows = 0;
    while (ee_core_domain_at(core, rows) != NULL)
        rows++;
    struct route *routes = calloc(rows + 1, sizeof *routes);
    if (routes == NULL)
        return; /* those before stay; tried again */
    for (size_t i = 0; i < rows; i++) {
        row = ee_core_domain_at(core, i);
        if (row->state != EE_DOMAIN_PROVEN)
            continue;
        memcpy(routes[count].domain, row->domain, sizeof row->domain);
        memcpy(routes[count++].app, row->app, sizeof row->app);
    }
    if (count > 1)
        qsort(routes, count, sizeof *routes, by_domain);
    free(d->routes);
    d->routes = routes;
    d->route_count = count;
    d->stale = false;
}

bool ee_domains_find(struct ee_domains *d, struct ee_bytes host, char app[EE_NAME_MAX + 1])
{
    struct route key;
    const uint8_t *colon = host.size > 0 ? memchr(host.data, ':', host.size) : NULL;
    if (d == NULL)
        return false;
    if (d->stale)
        routes_make(d);
    if (colon != NULL)
        host.size = (size_t)(colon - host.data);
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    if (d->route_count == 0 || host.size == 0 || host.size > EE_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < host.size; i++) {
        uint8_t c = host.data[i];
        key.domain[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    key.domain[host.size] = '\0';
    const struct route *found = bsearch(&key, d->routes, d->route_count, sizeof key, by_domain);
    if (found != NULL)
        memcpy(app, found->app, sizeof found->app);
    return found != NULL;
}

/* ---- judging ---- */

static void judged(void *context, const struct ee_answer *answer)
{
    struct ee_domains *d = context;
    if (answer->err != EE_OK)
        EE_LOG(EE_LOG_WARN, "domains", "not taken", ee_log_err(answer->err));
    ee_domains_changed(d);
}

static void say(struct ee_domains *d, const struct ee_domain *row, const char *text)
{
    struct ee_domain_word word = {.proven = text != NULL};
    uint8_t memory[512];
    struct ee_writer writer;
    memcpy(word.app, row->app, sizeof word.app);
    memcpy(word.domain, row->domain, sizeof word.domain);
    memcpy(word.nonce, row->nonce, sizeof word.nonce);
    if (text != NULL) {
        const struct ee_bytes part = ee_bytes_str(text);
        d->control->crypto->sha256(&part, 1, word.seen_hash);
    }
    ee_writer_init(&writer, memory, sizeof memory);
    enum ee_err err = ee_domain_word_encode(&word, &writer);
    if (err == EE_OK)
        err = ee_control_submit(d->control, EE_COMMAND_DOMAIN_PROVEN, ee_writer_done(&writer),
                                judged, d);
    EE_LOG(text != NULL ? EE_LOG_INFO : EE_LOG_WARN, "domains",
           text != NULL ? "proven" : "the proof is gone", ee_log_text("domain", row->domain),
           ee_log_text("app", row->app), ee_log_err(err));
}

static void wait_after(struct ee_domains *d, struct watch *watch, const struct ee_domain *row)
{
    const uint64_t now = now_us(d);
    uint64_t wait_us = d->recheck_us;
    if (row->state != EE_DOMAIN_PROVEN) {
        const uint32_t doublings = watch->failures < 8 ? watch->failures : 8;
        wait_us = ((uint64_t)EE_DOMAINS_RETRY_S * US) << (doublings > 0 ? doublings - 1 : 0);
        if (wait_us > (uint64_t)RETRY_MAX_S * US)
            wait_us = (uint64_t)RETRY_MAX_S * US;
        if (wait_us > d->recheck_us)
            wait_us = d->recheck_us;
    }
    watch->next_us = now + wait_us;
}

/* Not proven by this look. One that a resolver could not say anything about costs a proof only
 * after a long silence. */
static void on_failure(struct ee_domains *d, struct watch *watch, const struct ee_domain *row,
                       enum ee_err err)
{
    const bool silent = err == EE_DNS;
    watch->last = err;
    watch->failures++;
    if (row->state != EE_DOMAIN_PROVEN)
        return;
    if (silent ? now_us(d) - watch->answered_us > (uint64_t)EE_DOMAINS_SILENCE_S * US
               : watch->failures >= EE_DOMAINS_FAILURES_MAX)
        say(d, row, NULL);
}

static void on_texts(void *context, enum ee_err err, const char (*texts)[EE_DNS_TEXT_SIZE],
                     size_t count)
{
    struct look *look = context;
    struct ee_domains *d = look->domains;
    const struct ee_domain *row = ee_core_domain_at(ee_control_core(d->control), look->index);
    struct watch *watch = &d->watches[look->index];
    char proof[EE_DOMAIN_PROOF_SIZE], other[EE_NAME_MAX + 1];
    size_t i = 0;
    const bool same = row->state != EE_DOMAIN_FREE &&
                      memcmp(row->nonce, look->nonce, sizeof look->nonce) == 0 &&
                      memcmp(watch->nonce, look->nonce, sizeof look->nonce) == 0;
    look->domains = NULL;
    if (!same)
        return;
    watch->asking = false;
    ee_domain_proof(d->control->trust.network_id, row, proof);
    while (err == EE_OK && i < count && strcmp(texts[i], proof) != 0)
        i++;
    if (err != EE_DNS)
        watch->answered_us = now_us(d);
    if (err == EE_OK && i < count && row->state != EE_DOMAIN_PROVEN &&
        ee_domains_find(d, ee_bytes_str(row->domain), other))
        err = EE_DOMAIN_TAKEN; /* the core would say so */
    if (err == EE_OK && i < count) {
        watch->failures = 0;
        watch->last = EE_OK;
        if (row->state != EE_DOMAIN_PROVEN)
            say(d, row, proof);
        watch->next_us = now_us(d) + d->recheck_us;
        return;
    }
    on_failure(d, watch, row, err == EE_OK ? EE_NOT_FOUND : err);
    wait_after(d, watch, row);
}

static struct look *look_free(struct ee_domains *d)
{
    for (size_t i = 0; i < EE_DOMAINS_ASKED_MAX; i++)
        if (d->looks[i].domains == NULL)
            return &d->looks[i];
    return NULL;
}

static void ask(struct ee_domains *d, size_t index, const struct ee_domain *row)
{
    struct watch *watch = &d->watches[index];
    struct look *look = look_free(d);
    char name[NAME_SIZE];
    if (look == NULL)
        return;
    watch->asked_us = now_us(d);
    watch->next_us = watch->asked_us + (uint64_t)EE_DOMAINS_RETRY_S * US;
    *look = (struct look){.domains = d, .index = index};
    memcpy(look->nonce, row->nonce, sizeof look->nonce);
    (void)snprintf(name, sizeof name, "_easyenclave.%s", row->domain);
    if (ee_dns_txt(d->dns, name, on_texts, look) != EE_OK) {
        look->domains = NULL;
        return;
    }
    watch->asking = true;
}

/* ---- what is due ---- */

/* One watch per row; of a row used again a fresh one. False: no memory. */
static bool watch_row(struct ee_domains *d, size_t index, const struct ee_domain *row)
{
    if (index >= d->watch_count) {
        const size_t count = 2 * index + 8;
        struct watch *grown = realloc(d->watches, count * sizeof *grown);
        if (grown == NULL)
            return false;
        memset(&grown[d->watch_count], 0, (count - d->watch_count) * sizeof *grown);
        d->watches = grown;
        d->watch_count = count;
    }
    struct watch *watch = &d->watches[index];
    if (memcmp(watch->nonce, row->nonce, sizeof row->nonce) == 0)
        return true;
    *watch = (struct watch){.answered_us = now_us(d)};
    memcpy(watch->nonce, row->nonce, sizeof row->nonce);
    if (row->state == EE_DOMAIN_PROVEN) /* after a start: spread over the interval by its nonce */
        watch->next_us = now_us(d) + d->recheck_us / 256 * row->nonce[0];
    return true;
}

static void look_around(void *context)
{
    struct ee_domains *d = context;
    struct ee_control *control = d->control;
    const struct ee_domain *row;
    if (control->anchoring || control->stopping || control->fatal || control->rolled_back)
        return;
    const uint64_t now = now_us(d);
    for (size_t i = 0; (row = ee_core_domain_at(ee_control_core(control), i)) != NULL; i++) {
        if (row->state == EE_DOMAIN_FREE || !watch_row(d, i, row))
            continue;
        if (!d->watches[i].asking && now >= d->watches[i].next_us)
            ask(d, i, row);
    }
}

void ee_domains_changed(struct ee_domains *d)
{
    if (d == NULL)
        return;
    d->stale = true;
    ee_timer_start(d->timer, 1, LOOK_MS);
}

static struct watch *watch_find(struct ee_domains *d, const struct ee_domain *claim)
{
    for (size_t i = 0; i < d->watch_count; i++)
        if (memcmp(d->watches[i].nonce, claim->nonce, sizeof claim->nonce) == 0)
            return &d->watches[i];
    return NULL;
}

void ee_domains_check(struct ee_domains *d, const struct ee_domain *claim)
{
    struct watch *watch = watch_find(d, claim);
    if (watch == NULL || watch->asking)
        return; /* about to be, or being looked at */
    const uint64_t soonest_us = watch->asked_us + (uint64_t)EE_DOMAINS_AGAIN_S * US;
    watch->next_us = watch->asked_us == 0 ? 0 : soonest_us;
}

json_t *ee_domains_json(struct ee_domains *d, const struct ee_domain *claim)
{
    static const char *const states[] = {"free", "claimed", "proven", "lost"};
    const struct watch *watch = watch_find(d, claim);
    char record[NAME_SIZE], proof[EE_DOMAIN_PROOF_SIZE];
    (void)snprintf(record, sizeof record, "_easyenclave.%s", claim->domain);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o}", "domain", claim->domain,
                     "app", claim->app, "state", states[claim->state], "record", record, "value",
                     ee_domain_proof(d->control->trust.network_id, claim, proof), "claimed_at",
                     ee_json_time(claim->claimed_us), "judged_at", ee_json_time(claim->judged_us),
                     "failures", (json_int_t)(watch != NULL ? watch->failures : 0), "last_error",
                     watch != NULL && watch->last != EE_OK ? json_string(ee_err_name(watch->last))
                                                           : json_null());
}

/* ---- the whole ---- */

enum ee_err ee_domains_new(struct ee_control *control, const char *servers, uint64_t recheck_s,
                           struct ee_domains **out)
{
    struct ee_domains *d = calloc(1, sizeof *d);
    if (d == NULL)
        return EE_NO_MEMORY;
    d->control = control;
    d->recheck_us = (recheck_s > 0 ? recheck_s : EE_DOMAINS_RECHECK_S) * US;
    d->stale = true;
    enum ee_err err = ee_dns_new(control->loop, servers, &d->dns);
    if (err == EE_OK)
        err = ee_timer_new(control->loop, look_around, d, &d->timer);
    if (err != EE_OK) {
        ee_domains_free(d);
        return err;
    }
    ee_timer_start(d->timer, LOOK_MS, LOOK_MS);
    *out = d;
    return EE_OK;
}

void ee_domains_free(struct ee_domains *d)
{
    if (d == NULL)
        return;
    if (d->control->sequencer != NULL)
        ee_sequencer_forget(d->control->sequencer, d);
    ee_dns_free(d->dns);
    ee_timer_free(d->timer);
    free(d->watches);
    free(d->routes);
    free(d);
}
