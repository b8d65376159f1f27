/* SPDX-License-Identifier: Apache-2.0 */
#include "control/services.h"

#include <string.h>

#include "base/text.h"
#include "io/log.h"

#include "base/banned.h"

static bool service_of(const json_t *item, struct ee_session_service *out)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *instance = json_string_value(json_object_get(item, "instance"));
    memset(out, 0, sizeof *out);
    if (name == NULL || !ee_name_valid(name) || instance == NULL)
        return false;
    memcpy(out->name, name, strlen(name));
    out->passthrough = json_is_true(json_object_get(item, "passthrough"));
    return ee_hex_decode(ee_bytes_str(instance), out->instance, sizeof out->instance) == EE_OK;
}

static enum ee_err services_of(const json_t *list, struct ee_session_service *out,
                               size_t *count_out)
{
    const size_t count = json_array_size(list);
    if (!json_is_array(list))
        return EE_SYNTAX;
    if (count > EE_SESSION_SERVICES_MAX)
        return EE_TOO_LARGE;
    for (size_t i = 0; i < count; i++)
        if (!service_of(json_array_get(list, i), &out[i]))
            return EE_SYNTAX;
    *count_out = count;
    return EE_OK;
}

void ee_services_on_offered(struct ee_session *session, const json_t *message)
{
    struct ee_session_service offered[EE_SESSION_SERVICES_MAX];
    size_t count = 0;
    enum ee_err err = services_of(json_object_get(message, "services"), offered, &count);
    if (session->control->trust.genesis.kind != EE_NETWORK_DEVELOPMENT)
        err = EE_FORBIDDEN;
    if (err != EE_OK) {
        ee_session_send(session,
                        json_pack("{s:s, s:s, s:s}", "type", "error", "error", ee_err_name(err),
                                  "detail", "services are for development networks, 16 at most"));
        return;
    }
    memcpy(session->services, offered, count * sizeof offered[0]);
    session->service_count = count;
    for (size_t i = 0; i < count; i++)
        EE_LOG(EE_LOG_INFO, "services", "offered by the agent, backend not measured",
               ee_log_text("node", session->node), ee_log_text("name", offered[i].name));
}

static const struct ee_session_service *find(struct ee_control *control, const char *name,
                                             struct ee_session **session_out)
{
    for (struct ee_session *s = control->sessions; s != NULL; s = s->next) {
        for (size_t i = 0; s->state == EE_SESSION_ADMITTED && i < s->service_count; i++) {
            if (strcmp(s->services[i].name, name) != 0)
                continue;
            *session_out = s;
            return &s->services[i];
        }
    }
    return NULL;
}

struct ee_session *ee_services_find(struct ee_control *control, const char *name,
                                    uint8_t instance_out[EE_ID_SIZE])
{
    struct ee_session *session = NULL;
    const struct ee_session_service *service = find(control, name, &session);
    if (service != NULL)
        memcpy(instance_out, service->instance, EE_ID_SIZE);
    return session;
}

bool ee_services_passthrough(struct ee_control *control, const char *name)
{
    struct ee_session *session = NULL;
    const struct ee_session_service *service = find(control, name, &session);
    return service != NULL && service->passthrough;
}
