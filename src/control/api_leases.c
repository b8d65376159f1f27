/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: reserve, start, look. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/api_view.h"
#include "control/leases.h"
#include "io/clock.h"

#include "base/banned.h"

enum { WAIT_MAX_S = 30, WAIT_LOOK_MS = 100 };

static bool read_workload(struct ee_api_call *call, const char *name, enum ee_workload_kind *out)
{
    bool app = strcmp(name, "app") == 0;
    if (!app && strcmp(name, "job") != 0) {
        ee_api_fail(call, EE_SYNTAX, "workload: job or app");
        return false;
    }
    *out = app ? EE_WORKLOAD_APP : EE_WORKLOAD_JOB;
    return true;
}

static void reserve_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_reserve_result r;
    if (ee_reserve_result_decode(answer->body, &r) != EE_OK) {
        ee_api_fail(call, EE_STATE, "the stored answer does not decode");
        return;
    }
    ee_api_answer_json(call, 201,
                       json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "lease",
                                 ee_json_hex(r.lease, EE_ID_SIZE), "node", r.node, "price",
                                 ee_json_price(r.price_nanos), "lock", ee_json_money(r.lock.micros),
                                 "deployment_hash", ee_json_hex(r.deployment_hash, 32), "placement",
                                 ee_view_placement(&r), "seq", ee_json_u64(answer->seq)));
}

static void reserve_refused(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_reserve_result r;
    if (answer->err == EE_NO_ELIGIBLE_NODE && ee_reserve_result_decode(answer->body, &r) == EE_OK)
        ee_api_fail_with(call, answer->err, "placement", ee_view_placement(&r));
    else
        ee_api_fail(call, answer->err, NULL);
}

void ee_api_lease_reserve(struct ee_api_call *call)
{
    struct ee_lease_reserve reserve = {0};
    const char *workload = NULL;
    const struct ee_json_field fields[] = {
        {"workload", EE_JSON_STRING, &workload, 0, false},
        {"name", EE_JSON_NAME, reserve.name, 0, false},
        {"vcpus", EE_JSON_U32, &reserve.vcpus, 0, false},
        {"max_price", EE_JSON_PRICE, &reserve.max_price_nanos, 0, true},
        {"node", EE_JSON_NAME, reserve.node, 0, true},
        {"replicas", EE_JSON_U32, &reserve.replicas, 0, true},
        {"deployment", EE_JSON_BLOB, &call->blob, EE_DEPLOYMENT_SIZE_MAX, false},
    };
    if (!ee_api_read(call, fields, sizeof fields / sizeof fields[0]) ||
        !read_workload(call, workload, &reserve.workload))
        return;
    reserve.deployment = ee_json_blob_bytes(&call->blob);
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_lease_reserve_encode(&reserve, &writer);
    call->on_refused = reserve_refused;
    ee_api_submit(call, EE_COMMAND_LEASE_RESERVE, &writer, err, reserve_done);
}

/* The launcher's own lease; answers 404 and gives NULL. */
static const struct ee_lease *own_lease(struct ee_api_call *call, bool operators_too)
{
    const struct ee_core *core = ee_control_core(call->control);
    uint8_t id[EE_ID_SIZE];
    const struct ee_lease *lease = NULL;
    if (ee_hex_decode(ee_bytes_str(call->values.value[0]), id, sizeof id) == EE_OK)
        lease = ee_core_lease(core, id);
    if (lease != NULL && strcmp(lease->launcher, call->account) != 0 &&
        !(operators_too && strcmp(lease->operator_name, call->account) == 0))
        lease = NULL;
    if (lease == NULL)
        ee_api_fail(call, EE_LEASE_UNKNOWN, NULL);
    return lease;
}

static void start_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    ee_api_answer_json(
        call, 202,
        json_pack("{s:s, s:o}", "lease", call->values.value[0], "seq", ee_json_u64(answer->seq)));
}

void ee_api_lease_start(struct ee_api_call *call)
{
    struct ee_lease_start start;
    struct ee_control *control = call->control;
    const struct ee_json_field fields[] = {
        {"sealed", EE_JSON_BLOB, &call->blob, EE_LEASES_SECRET_SIZE_MAX, false},
    };
    const struct ee_lease *lease = own_lease(call, false);
    if (lease == NULL || !ee_api_read(call, fields, 1))
        return;
    bool was_reserved = lease->state == EE_LEASE_RESERVED;
    if (was_reserved && !ee_leases_secret_room(control)) {
        ee_api_fail(call, EE_FULL, NULL);
        return;
    }
    struct ee_json_blob blob = call->blob;
    struct ee_bytes sealed = ee_json_blob_bytes(&blob);
    call->blob = (struct ee_json_blob){0};
    memcpy(start.lease, lease->id, EE_ID_SIZE);
    control->crypto->sha256(&sealed, 1, start.sealed_hash);
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_lease_start_encode(&start, &writer);
    ee_api_submit(call, EE_COMMAND_LEASE_START, &writer, err, start_done);
    /* Applied already, though not durable: the order to the agent comes as an effect, later. */
    lease = ee_core_lease(ee_control_core(control), start.lease);
    if (was_reserved && lease != NULL && lease->state == EE_LEASE_STARTING &&
        ee_leases_secret_put(control, start.lease, &blob) == EE_OK)
        return;
    ee_json_blob_free(&blob);
}

static void answer_lease(struct ee_api_call *call, const struct ee_lease *lease)
{
    ee_api_answer_json(call, 200, ee_view_lease(lease));
}

/* The lease may have changed: answer if it is what the call waits for. */
static void look_again(struct ee_api_call *call)
{
    const struct ee_lease *lease = ee_core_lease(ee_control_core(call->control), call->lease);
    bool over = ee_clock_monotonic_us() >= call->deadline_us;
    if (lease != NULL && !over && (uint32_t)lease->state == call->wait_state)
        return;
    ee_timer_stop(call->timer);
    call->wait_state = 0;
    if (lease != NULL)
        answer_lease(call, lease);
    else
        ee_api_fail(call, EE_LEASE_UNKNOWN, NULL);
}

static void on_wait_timer(void *context)
{
    look_again(context);
}

void ee_api_lease_changed(struct ee_control *control, const uint8_t lease[EE_ID_SIZE])
{
    struct ee_api_call *next;
    for (struct ee_api_call *call = control->calls; call != NULL; call = next) {
        next = call->next;
        if (call->wait_state != 0 && memcmp(call->lease, lease, EE_ID_SIZE) == 0)
            look_again(call);
    }
}

/* ?wait=S&state=STATE; false when there is an error, which has been answered. */
static bool read_wait(struct ee_api_call *call, uint64_t *wait_s, enum ee_lease_state *state)
{
    char text[24];
    enum ee_err err = ee_query_value(call->query, "wait", text, sizeof text);
    *wait_s = 0;
    *state = (enum ee_lease_state)0;
    if (err == EE_OK)
        err = ee_u64_parse(text, wait_s);
    if (err == EE_OK && *wait_s > WAIT_MAX_S)
        err = EE_RANGE;
    if (err == EE_NOT_FOUND)
        err = EE_OK;
    if (err == EE_OK && ee_query_value(call->query, "state", text, sizeof text) == EE_OK) {
        *state = ee_lease_state_of(text);
        err = *state == 0 ? EE_SYNTAX : EE_OK;
    }
    if (err != EE_OK)
        ee_api_fail(call, err, "wait: at most 30 s; state: reserved, starting, running or ended");
    return err == EE_OK;
}

void ee_api_lease(struct ee_api_call *call)
{
    uint64_t wait_s;
    enum ee_lease_state state;
    const struct ee_lease *lease = own_lease(call, true);
    if (lease == NULL || !read_wait(call, &wait_s, &state))
        return;
    if (state == 0)
        state = lease->state;
    if (wait_s == 0 || lease->state != state || lease->state == EE_LEASE_ENDED) {
        answer_lease(call, lease);
        return;
    }
    if (!ee_api_wait(call))
        return;
    if (ee_timer_new(call->control->loop, on_wait_timer, call, &call->timer) != EE_OK) {
        ee_api_fail(call, EE_NO_MEMORY, NULL);
        return;
    }
    memcpy(call->lease, lease->id, EE_ID_SIZE);
    call->wait_state = (uint32_t)state;
    call->deadline_us = ee_clock_monotonic_us() + wait_s * 1000000;
    ee_timer_start(call->timer, WAIT_LOOK_MS, WAIT_LOOK_MS);
}

void ee_api_leases(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    struct ee_page page;
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    const struct ee_lease *lease;
    size_t index = page.start;
    for (; (lease = ee_core_lease_at(core, index)) != NULL; index++) {
        if (strcmp(lease->launcher, call->account) != 0 &&
            strcmp(lease->operator_name, call->account) != 0)
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, ee_view_lease(lease));
    }
    ee_api_answer_page(call, items, lease != NULL ? index : 0);
}
