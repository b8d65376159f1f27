/* SPDX-License-Identifier: Apache-2.0 */
/* Who the replicas of an app are now: its running leases, or the agents that offer the service. */
#include <stdlib.h>
#include <string.h>

#include "control/gateway_choice.h"
#include "control/services.h"
#include "io/clock.h"

#include "base/banned.h"

/* ---- the table ---- */

static size_t bucket_of(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a; names are those of registered apps, not chosen freely */
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash % EE_GATEWAY_BUCKETS;
}

static void group_free(struct ee_gateway *gateway, struct ee_gateway_group *group)
{
    gateway->group_count--;
    free(group->replicas);
    free(group->places);
    free(group);
}

/* All, or only those without a request. */
static void groups_drop(struct ee_gateway *gateway, bool all)
{
    for (size_t i = 0; i < EE_GATEWAY_BUCKETS; i++) {
        struct ee_gateway_group **at = &gateway->groups[i];
        while (*at != NULL) {
            struct ee_gateway_group *group = *at;
            if (!all && group->users > 0) {
                at = &group->next;
                continue;
            }
            *at = group->next;
            group_free(gateway, group);
        }
    }
}

void ee_gateway_groups_free(struct ee_gateway *gateway)
{
    if (gateway->groups != NULL)
        groups_drop(gateway, true);
    free(gateway->groups);
    gateway->groups = NULL;
}

static struct ee_gateway_group *group_find(const struct ee_gateway *gateway, const char *name)
{
    struct ee_gateway_group *group = gateway->groups[bucket_of(name)];
    while (group != NULL && strcmp(group->app, name) != 0)
        group = group->next;
    return group;
}

static struct ee_gateway_group *group_add(struct ee_gateway *gateway, const char *name)
{
    if (gateway->group_count >= EE_GATEWAY_GROUPS_MAX)
        groups_drop(gateway, false);
    struct ee_gateway_group *group = NULL;
    if (gateway->group_count < EE_GATEWAY_GROUPS_MAX)
        group = calloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    struct ee_gateway_group **bucket = &gateway->groups[bucket_of(name)];
    memcpy(group->app, name, strlen(name));
    group->changes = UINT64_MAX; /* not looked at yet */
    group->next = *bucket;
    *bucket = group;
    gateway->group_count++;
    return group;
}

/* ---- its replicas ---- */

/* Opaque, the same after a restart of ours, and not to be guessed from outside: instances of
 * services are random and leases are told to their launcher only. */
static uint64_t replica_id(const struct ee_gateway *gateway, const char *app,
                           const uint8_t instance[EE_ID_SIZE])
{
    const struct ee_control *control = gateway->control;
    const struct ee_bytes parts[] = {
        ee_bytes_str("ee-replica"),
        ee_bytes_of(control->trust.network_id, sizeof control->trust.network_id),
        ee_bytes_str(app),
        ee_bytes_of(instance, EE_ID_SIZE),
    };
    uint8_t hash[EE_SHA256_SIZE];
    struct ee_cursor cursor;
    control->crypto->sha256(parts, sizeof parts / sizeof parts[0], hash);
    ee_cursor_init(&cursor, ee_bytes_of(hash, sizeof hash));
    const uint64_t id = ee_cursor_u64(&cursor);
    return id != 0 ? id : 1;
}

static bool reserve(struct ee_gateway_group *group)
{
    const size_t capacity = group->capacity == 0 ? 2 : 2 * group->capacity;
    if (group->count < group->capacity)
        return true;
    if (group->count >= EE_BALANCE_REPLICAS_MAX)
        return false;
    struct ee_balance_replica *replicas =
        realloc(group->replicas, capacity * sizeof *group->replicas);
    if (replicas != NULL)
        group->replicas = replicas;
    struct ee_gateway_place *places = realloc(group->places, capacity * sizeof *group->places);
    if (places != NULL)
        group->places = places;
    if (replicas == NULL || places == NULL)
        return false;
    group->capacity = capacity;
    return true;
}

/* Beyond the limit, or without memory, a replica gets no requests: count is returned. */
static size_t replica_of(const struct ee_gateway *gateway, struct ee_gateway_group *group,
                         const uint8_t instance[EE_ID_SIZE])
{
    for (size_t i = 0; i < group->count; i++)
        if (memcmp(group->places[i].instance, instance, EE_ID_SIZE) == 0)
            return i;
    if (!reserve(group))
        return group->count;
    const size_t i = group->count++;
    group->replicas[i] =
        (struct ee_balance_replica){.id = replica_id(gateway, group->app, instance)};
    group->places[i] = (struct ee_gateway_place){.changes = UINT64_MAX};
    memcpy(group->places[i].instance, instance, EE_ID_SIZE);
    return i;
}

static void all_absent(struct ee_gateway_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        group->replicas[i].live = false;
}

/* Those that are gone, when nothing is in flight there and no ejection is to be remembered. */
static void absent_drop(struct ee_gateway_group *group)
{
    const uint64_t now = ee_clock_monotonic_us();
    size_t kept = 0;
    for (size_t i = 0; i < group->count; i++) {
        const struct ee_balance_replica *r = &group->replicas[i];
        if (!r->live && r->in_flight == 0 && !ee_balance_ejected(r, now))
            continue;
        group->replicas[kept] = group->replicas[i];
        group->places[kept++] = group->places[i];
    }
    group->count = kept;
}

static void lease_add(const struct ee_gateway *gateway, struct ee_gateway_group *group,
                      const struct ee_lease *lease)
{
    struct ee_control *control = gateway->control;
    if (lease->state != EE_LEASE_RUNNING)
        return;
    const size_t i = replica_of(gateway, group, lease->id);
    if (i == group->count)
        return;
    struct ee_gateway_place *place = &group->places[i];
    group->replicas[i].live = true;
    group->replicas[i].price = (uint64_t)lease->price_nanos;
    if (place->changes == control->agent_changes)
        return;
    place->changes = control->agent_changes;
    place->session = ee_session_of_node(control, lease->node);
}

static void app_look(const struct ee_gateway *gateway, struct ee_gateway_group *group,
                     const struct ee_app *app)
{
    group->known = app->workload == EE_WORKLOAD_APP;
    group->sticky = EE_STICKY_NONE;
    all_absent(group);
    const struct ee_core *core = ee_control_core(gateway->control);
    const struct ee_lease *lease;
    for (size_t i = 0; (lease = ee_core_app_lease(core, app->name, i)) != NULL; i++)
        lease_add(gateway, group, lease);
}

static void service_add(const struct ee_gateway *gateway, struct ee_gateway_group *group,
                        struct ee_session *session)
{
    const struct ee_session_service *service = ee_services_of(session, group->app);
    if (service == NULL)
        return;
    const size_t i = replica_of(gateway, group, service->instance);
    if (!group->known) { /* the first one says */
        group->sticky = service->sticky;
        memcpy(group->sticky_field, service->sticky_field, sizeof group->sticky_field);
    }
    group->known = true;
    if (i == group->count)
        return;
    group->replicas[i].live = true;
    group->places[i].session = session;
    group->places[i].changes = gateway->control->agent_changes;
}

/* Only when an agent has come, gone or offered others. */
static void services_look(const struct ee_gateway *gateway, struct ee_gateway_group *group)
{
    const struct ee_control *control = gateway->control;
    group->known = false;
    all_absent(group);
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next)
        service_add(gateway, group, s);
    group->changes = control->agent_changes;
}

static bool offered(const struct ee_control *control, const char *name)
{
    for (const struct ee_session *s = control->sessions; s != NULL; s = s->next)
        if (ee_services_of(s, name) != NULL)
            return true;
    return false;
}

struct ee_gateway_group *ee_gateway_group_of(struct ee_gateway *gateway, const char *name)
{
    const struct ee_control *control = gateway->control;
    const struct ee_app *app = ee_core_app(ee_control_core(control), name);
    struct ee_gateway_group *group = group_find(gateway, name);
    if (group == NULL && (app != NULL || offered(control, name)))
        group = group_add(gateway, name);
    if (group == NULL)
        return NULL;
    if (group->registered != (app != NULL))
        group->changes = UINT64_MAX; /* the others are none of it any more */
    group->registered = app != NULL;
    if (app != NULL)
        app_look(gateway, group, app);
    else if (group->changes != control->agent_changes)
        services_look(gateway, group);
    absent_drop(group);
    return group->known ? group : NULL;
}

void ee_gateway_group_join(struct ee_gateway_request *request, struct ee_gateway_group *group)
{
    request->group = group;
    group->users++;
    ee_balance_request_counted(&group->budget, ee_clock_monotonic_us());
}

void ee_gateway_group_leave(struct ee_gateway_request *request)
{
    ee_gateway_replica_leave(request);
    if (request->group != NULL)
        request->group->users--;
    request->group = NULL;
}
