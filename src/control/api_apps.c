/* SPDX-License-Identifier: Apache-2.0 */
/* Apps and jobs by name. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/api_view.h"
#include "control/scheduler.h"

#include "base/banned.h"

void ee_api_apps(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    struct ee_page page;
    if (!ee_api_page(call, &page))
        return;
    json_t *items = json_array();
    const struct ee_app *app;
    size_t index = page.start;
    for (; (app = ee_core_app_at(core, index)) != NULL; index++) {
        if (strcmp(app->launcher, call->account) != 0)
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, ee_view_app(core, app));
    }
    ee_api_answer_page(call, items, app != NULL ? index : 0);
}

void ee_api_app(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_app *app = ee_core_app(core, call->values.value[0]);
    if (app == NULL || strcmp(app->launcher, call->account) != 0)
        ee_api_fail(call, EE_APP_UNKNOWN, NULL);
    else
        ee_api_answer_json(call, 200, ee_view_app(core, app));
}

static void stop_done(struct ee_api_call *call, const struct ee_answer *answer)
{
    ee_api_answer_json(
        call, 200,
        json_pack("{s:s, s:o}", "name", call->values.value[0], "seq", ee_json_u64(answer->seq)));
}

static void submit_stop(void *context)
{
    struct ee_api_call *call = context;
    struct ee_lease_stop stop;
    memcpy(stop.name, call->values.value[0], strlen(call->values.value[0]) + 1);
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_lease_stop_encode(&stop, &writer);
    ee_api_submit(call, EE_COMMAND_LEASE_STOP, &writer, err, stop_done);
}

/* The present period of each replica gets its results before the app ends, so that what it used can
 * be paid. */
static void conclude_next(void *context)
{
    struct ee_api_call *call = context;
    const struct ee_core *core = ee_control_core(call->control);
    const char *name = call->values.value[0];
    const struct ee_lease *lease;
    while ((lease = ee_core_app_lease(core, name, call->concluded)) != NULL) {
        call->concluded++;
        if (lease->state == EE_LEASE_RUNNING && strcmp(lease->launcher, call->account) == 0 &&
            ee_scheduler_conclude(call->control, lease->id, conclude_next, call) == EE_OK)
            return;
    }
    submit_stop(call);
}

void ee_api_app_stop(struct ee_api_call *call)
{
    if (!ee_api_read(call, NULL, 0))
        return;
    if (ee_name_valid(call->values.value[0]))
        conclude_next(call);
    else
        ee_api_fail(call, EE_APP_UNKNOWN, NULL);
}
