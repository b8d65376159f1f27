/* SPDX-License-Identifier: Apache-2.0 */
/* Domains of apps: claimed by whoever owns the app, routed once the control plane has seen the
 * proof in DNS. Anybody may claim anything, so a claim takes nothing from others; only a proof
 * does, and one app at a time has it. docs/spec/domains.md. */
#include <string.h>

#include "base/text.h"
#include "core/state.h"

#include "base/banned.h"

/* ---- rows ---- */

const struct ee_domain *ee_core_domain_at(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->domains, index);
}

static const struct ee_domain *slot_find(const struct ee_core *core, const char *app, uint8_t slot)
{
    char key[EE_NAME_MAX + 2] = {0};
    memcpy(key, app, strlen(app));
    key[EE_NAME_MAX + 1] = (char)slot;
    return ee_table_find(&core->domains, key);
}

const struct ee_domain *ee_core_domain(const struct ee_core *core, const char *app,
                                       const char *domain)
{
    for (uint8_t slot = 0; slot < EE_APP_DOMAINS_MAX; slot++) {
        const struct ee_domain *row = slot_find(core, app, slot);
        if (row != NULL && row->state != EE_DOMAIN_FREE && strcmp(row->domain, domain) == 0)
            return row;
    }
    return NULL;
}

static bool proven_elsewhere(const struct ee_core *core, const struct ee_domain *claim)
{
    for (size_t i = 0; i < core->domains.count; i++) {
        const struct ee_domain *row = ee_core_domain_at(core, i);
        if (row != claim && row->state == EE_DOMAIN_PROVEN &&
            strcmp(row->domain, claim->domain) == 0)
            return true;
    }
    return false;
}

/* ---- commands ---- */

static enum ee_err claim_add(struct ee_change *c, const struct ee_app_domain *payload)
{
    struct ee_core *core = c->core;
    struct ee_domain fresh;
    const struct ee_domain *found = NULL;
    uint8_t slot = 0;
    for (; slot < EE_APP_DOMAINS_MAX; slot++) {
        found = slot_find(core, payload->app, slot);
        if (found == NULL || found->state == EE_DOMAIN_FREE)
            break;
    }
    if (slot == EE_APP_DOMAINS_MAX)
        return ee_change_refuse(c, EE_LIMIT);
    memset(&fresh, 0, sizeof(fresh));
    memcpy(fresh.app, payload->app, sizeof(fresh.app));
    fresh.slot = slot;
    memcpy(fresh.domain, payload->domain, sizeof(fresh.domain));
    memcpy(fresh.nonce, c->command->random, sizeof(fresh.nonce));
    fresh.state = EE_DOMAIN_CLAIMED;
    fresh.claimed_us = c->now_us;
    if (found != NULL) {
        *(struct ee_domain *)ee_table_edit(&core->domains, found) = fresh;
        return EE_OK;
    }
    EE_TRY(ee_table_reserve(&core->domains, 1));
    (void)ee_table_add(&core->domains, &fresh);
    return EE_OK;
}

static void claim_remove(struct ee_core *core, const struct ee_domain *found)
{
    struct ee_domain *row = ee_table_edit(&core->domains, found), freed;
    memset(&freed, 0, sizeof(freed));
    memcpy(freed.app, row->app, sizeof(freed.app));
    freed.slot = row->slot;
    *row = freed;
}

/* Adding what is there already changes nothing: the nonce stays, and so does the proof. */
enum ee_err ee_core_on_app_domain(struct ee_change *c)
{
    struct ee_app_domain payload;
    EE_TRY(ee_app_domain_decode(c->command->payload, &payload));
    const struct ee_app_row *app = ee_core_app_find(c->core, payload.app);
    if (app == NULL || app->app.workload != EE_WORKLOAD_APP ||
        strcmp(app->app.launcher, c->command->actor) != 0)
        return ee_change_refuse(c, EE_APP_UNKNOWN);
    const struct ee_domain *found = ee_core_domain(c->core, payload.app, payload.domain);
    if (!payload.add) {
        if (found == NULL)
            return ee_change_refuse(c, EE_DOMAIN_UNKNOWN);
        claim_remove(c->core, found);
        return EE_OK;
    }
    return found != NULL ? EE_OK : claim_add(c, &payload);
}

/* The nonce keeps a look at an earlier claim from judging this one. */
enum ee_err ee_core_on_domain_proven(struct ee_change *c)
{
    struct ee_domain_word word;
    EE_TRY(ee_domain_word_decode(c->command->payload, &word));
    const struct ee_domain *found = ee_core_domain(c->core, word.app, word.domain);
    if (found == NULL || memcmp(found->nonce, word.nonce, sizeof(word.nonce)) != 0)
        return ee_change_refuse(c, EE_DOMAIN_UNKNOWN);
    if (word.proven && proven_elsewhere(c->core, found))
        return ee_change_refuse(c, EE_DOMAIN_TAKEN);
    if (!word.proven && found->state == EE_DOMAIN_CLAIMED)
        return ee_change_refuse(c, EE_DOMAIN_UNPROVEN);
    struct ee_domain *row = ee_table_edit(&c->core->domains, found);
    row->state = word.proven ? EE_DOMAIN_PROVEN : EE_DOMAIN_LOST;
    row->judged_us = c->now_us;
    memcpy(row->seen_hash, word.seen_hash, sizeof(row->seen_hash));
    return EE_OK;
}
