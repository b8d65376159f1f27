/* SPDX-License-Identifier: Apache-2.0 */
#include "control/services.h"

#include <string.h>

#include "base/text.h"
#include "http/message.h"
#include "io/log.h"

#include "base/banned.h"

static bool sticky_of(const char *text, struct ee_session_service *out)
{
    static const char header[] = "header:";
    if (text == NULL)
        return true;
    if (strcmp(text, "cookie") == 0) {
        out->sticky = EE_STICKY_COOKIE;
        return true;
    }
    const size_t size = strlen(text);
    const size_t prefix = sizeof header - 1;
    if (strncmp(text, header, prefix) != 0 || size - prefix >= sizeof out->sticky_field ||
        !ee_http_token_valid(ee_bytes_str(text + prefix)))
        return false;
    out->sticky = EE_STICKY_FIELD;
    memcpy(out->sticky_field, text + prefix, size - prefix);
    return true;
}

static bool service_of(const json_t *item, struct ee_session_service *out)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *instance = json_string_value(json_object_get(item, "instance"));
    memset(out, 0, sizeof *out);
    if (name == NULL || !ee_name_valid(name) || instance == NULL)
        return false;
    memcpy(out->name, name, strlen(name));
    out->passthrough = json_is_true(json_object_get(item, "passthrough"));
    if (!sticky_of(json_string_value(json_object_get(item, "sticky")), out))
        return false;
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
    session->control->agent_changes++;
    for (size_t i = 0; i < count; i++)
        EE_LOG(EE_LOG_INFO, "services", "offered by the agent, backend not measured",
               ee_log_text("node", session->node), ee_log_text("name", offered[i].name));
}

const struct ee_session_service *ee_services_of(const struct ee_session *session, const char *name)
{
    for (size_t i = 0; session->state == EE_SESSION_ADMITTED && i < session->service_count; i++)
        if (strcmp(session->services[i].name, name) == 0)
            return &session->services[i];
    return NULL;
}

bool ee_services_passthrough(struct ee_control *control, const char *name)
{
    const struct ee_session_service *service = NULL;
    for (struct ee_session *s = control->sessions; s != NULL && service == NULL; s = s->next)
        service = ee_services_of(s, name);
    return service != NULL && service->passthrough;
}
