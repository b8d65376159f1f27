/* SPDX-License-Identifier: Apache-2.0 */
/* Domains of apps. docs/spec/domains.md. */
#include <string.h>

#include "control/api.h"
#include "control/domains.h"

#include "base/banned.h"

/* The caller's app of the path; NULL: answered. */
static const struct ee_app *own_app(struct ee_api_call *call)
{
    const struct ee_app *app = ee_core_app(ee_control_core(call->control), call->values.value[0]);
    if (app != NULL && app->workload == EE_WORKLOAD_APP &&
        strcmp(app->launcher, call->account) == 0)
        return app;
    ee_api_fail(call, EE_APP_UNKNOWN, NULL);
    return NULL;
}

/* The claim of the path; NULL: answered. */
static const struct ee_domain *own_claim(struct ee_api_call *call)
{
    const struct ee_app *app = own_app(call);
    if (app == NULL)
        return NULL;
    const struct ee_domain *claim =
        ee_core_domain(ee_control_core(call->control), app->name, call->values.value[1]);
    if (claim == NULL)
        ee_api_fail(call, EE_DOMAIN_UNKNOWN, NULL);
    return claim;
}

void ee_api_domains(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    const struct ee_app *app = own_app(call);
    const struct ee_domain *row;
    if (app == NULL)
        return;
    json_t *items = json_array();
    for (size_t i = 0; (row = ee_core_domain_at(core, i)) != NULL; i++)
        if (row->state != EE_DOMAIN_FREE && strcmp(row->app, app->name) == 0)
            json_array_append_new(items, ee_domains_json(call->control->domains, row));
    ee_api_answer_json(call, 200, json_pack("{s:o}", "items", items));
}

static void added(struct ee_api_call *call, const struct ee_answer *answer)
{
    struct ee_control *control = call->control;
    const struct ee_domain *claim =
        ee_core_domain(ee_control_core(control), call->values.value[0], call->values.value[1]);
    ee_domains_changed(control->domains);
    if (claim == NULL) { /* removed again since */
        ee_api_fail(call, EE_DOMAIN_UNKNOWN, NULL);
        return;
    }
    json_t *body = ee_domains_json(control->domains, claim);
    json_object_set_new(body, "seq", ee_json_u64(answer->seq));
    ee_api_answer_json(call, 201, body);
}

static void removed(struct ee_api_call *call, const struct ee_answer *answer)
{
    ee_domains_changed(call->control->domains);
    ee_api_answer_json(
        call, 200,
        json_pack("{s:s, s:o}", "domain", call->values.value[1], "seq", ee_json_u64(answer->seq)));
}

static void change(struct ee_api_call *call, const char *domain, bool add)
{
    struct ee_app_domain payload = {.add = add};
    if (!ee_domain_valid(domain)) {
        ee_api_fail(call, EE_SYNTAX,
                    "a domain is a host name in lower case, such as www.example.org");
        return;
    }
    memcpy(payload.app, call->values.value[0], strlen(call->values.value[0]) + 1);
    memcpy(payload.domain, domain, strlen(domain) + 1);
    struct ee_writer writer = ee_api_payload(call);
    enum ee_err err = ee_app_domain_encode(&payload, &writer);
    ee_api_submit(call, EE_COMMAND_APP_DOMAIN, &writer, err, add ? added : removed);
}

void ee_api_domain_add(struct ee_api_call *call)
{
    char domain[EE_DOMAIN_MAX + 1] = "";
    const struct ee_json_field fields[] = {{"domain", EE_JSON_TEXT, domain, sizeof domain, false}};
    if (!ee_api_read(call, fields, 1) || own_app(call) == NULL)
        return;
    memcpy(call->values.value[1], domain, sizeof domain); /* the answer shows it */
    call->values.count = 2;
    change(call, domain, true);
}

void ee_api_domain_remove(struct ee_api_call *call)
{
    if (ee_api_read(call, NULL, 0) && own_app(call) != NULL)
        change(call, call->values.value[1], false);
}

/* DNS is looked at soon after the answer; the list shows what came of it. */
void ee_api_domain_check(struct ee_api_call *call)
{
    if (!ee_api_read(call, NULL, 0))
        return;
    const struct ee_domain *claim = own_claim(call);
    if (claim == NULL)
        return;
    ee_domains_check(call->control->domains, claim);
    ee_api_answer_json(call, 200, ee_domains_json(call->control->domains, claim));
}
