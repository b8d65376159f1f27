/* SPDX-License-Identifier: Apache-2.0 */
/* What an account wants to be told of, and where: endpoints in numbered slots, so that making and
 * removing them for ever takes no more room. docs/spec/webhooks.md. */
#include <string.h>

#include "core/state.h"
#include "core/webhook_url.h"

#include "base/banned.h"

static const struct ee_webhook *row_of(const struct ee_core *core, const char *account,
                                       uint8_t slot)
{
    uint8_t key[EE_NAME_MAX + 2] = {0};
    memcpy(key, account, strlen(account));
    key[EE_NAME_MAX + 1] = slot;
    return ee_table_find(&core->webhooks, key);
}

const struct ee_webhook *ee_core_webhook(const struct ee_core *core, const char *account,
                                         uint8_t slot)
{
    return row_of(core, account, slot);
}

const struct ee_webhook *ee_core_webhook_at(const struct ee_core *core, size_t index)
{
    return ee_table_at(&core->webhooks, index);
}

uint32_t ee_core_webhook_events(const struct ee_core *core, const char *account)
{
    uint32_t events = 0;
    for (uint8_t slot = 1; slot <= EE_WEBHOOKS_PER_ACCOUNT; slot++) {
        const struct ee_webhook *row = row_of(core, account, slot);
        if (!row)
            break; /* slots are taken in order */
        events |= row->active ? row->events : 0;
    }
    return events;
}

/* The first slot that is free; EE_LIMIT. */
static enum ee_err slot_choose(const struct ee_change *c, uint8_t *slot_out)
{
    for (uint8_t slot = 1; slot <= EE_WEBHOOKS_PER_ACCOUNT; slot++) {
        const struct ee_webhook *row = row_of(c->core, c->command->actor, slot);
        *slot_out = slot;
        if (!row || !row->active)
            return EE_OK;
    }
    return EE_LIMIT;
}

static enum ee_err url_check(const struct ee_core *core, const char *text)
{
    struct ee_webhook_url url;
    EE_TRY(ee_webhook_url_parse(text, &url));
    bool development = core->genesis.kind == EE_NETWORK_DEVELOPMENT;
    return url.tls || (development && url.loopback) ? EE_OK : EE_WEBHOOK_URL;
}

static enum ee_err set_check(const struct ee_change *c, struct ee_webhook_set *set)
{
    if (set->op == EE_WEBHOOK_ALERT)
        return EE_OK;
    if (set->op == EE_WEBHOOK_SET)
        EE_TRY(url_check(c->core, set->url));
    if (set->slot == 0)
        return slot_choose(c, &set->slot);
    const struct ee_webhook *row = row_of(c->core, c->command->actor, set->slot);
    return row && row->active ? EE_OK : EE_WEBHOOK_UNKNOWN;
}

static struct ee_webhook *row_take(struct ee_change *c, uint8_t slot)
{
    struct ee_table *table = &c->core->webhooks;
    struct ee_webhook made;
    struct ee_webhook *row = ee_table_edit(table, row_of(c->core, c->command->actor, slot));
    if (row)
        return row;
    memset(&made, 0, sizeof(made));
    memcpy(made.account, c->command->actor, strlen(c->command->actor));
    made.slot = slot;
    return ee_table_add(table, &made);
}

static void set_apply(struct ee_change *c, const struct ee_webhook_set *set)
{
    struct ee_webhook *row = row_take(c, set->slot);
    if (!row->active)
        row->seq = c->command->seq;
    row->active = set->op != EE_WEBHOOK_REMOVE;
    memcpy(row->url, set->url, sizeof(row->url));
    row->events = set->events;
    memcpy(row->label, set->label, sizeof(row->label));
    memcpy(row->secret_hash, set->secret_hash, sizeof(row->secret_hash));
    row->below = set->below;
    row->runway_below_s = set->runway_below_s;
}

enum ee_err ee_core_on_webhook(struct ee_change *c)
{
    struct ee_webhook_set set;
    EE_TRY(ee_webhook_set_decode(c->command->payload, &set));
    enum ee_err err = set_check(c, &set);
    if (err != EE_OK)
        return ee_change_refuse(c, err);
    EE_TRY(ee_table_reserve(&c->core->webhooks, 1));
    set_apply(c, &set);
    const struct ee_webhook_result body = {.slot = set.slot};
    struct ee_writer w = ee_change_body(c);
    ee_change_body_end(c, &w, ee_webhook_result_encode(&body, &w));
    return EE_OK;
}
