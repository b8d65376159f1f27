/* SPDX-License-Identifier: Apache-2.0 */
#include "control/problem.h"

#include <stddef.h>
#include <stdio.h>

#include "base/banned.h"

static const struct {
    enum ee_err err;
    const char *text;
} suggestions[] = {
    {EE_UNAUTHENTICATED, "send Authorization: Bearer KEY with a key that is neither expired nor "
                         "revoked"},
    {EE_FORBIDDEN, "use a key with the scope of this route"},
    {EE_DISABLED, "start the control plane with the file that holds the hash of the admin key"},
    {EE_INSUFFICIENT_CREDITS, "have credits minted or transferred to this account"},
    {EE_ID_CONFLICT, "use a new Idempotency-Key for another request"},
    {EE_NO_ELIGIBLE_NODE, "see the reason per node in \"placement\""},
    {EE_NO_ELIGIBLE_NODE, "raise max_price, ask for fewer vcpus, or try again later"},
    {EE_APP_NAME_TAKEN, "choose another name"},
    {EE_ALREADY_RUNNING, "stop it first with DELETE /v1/apps/NAME"},
    {EE_SECRETS_NEEDED, "start it again with its secrets"},
    {EE_FULL, "try again in a second"},
    {EE_UNAVAILABLE, "try again in a second"},
    {EE_TIMEOUT, "try again in a second"},
};

static json_t *suggestions_of(enum ee_err err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof suggestions / sizeof suggestions[0]; i++)
        if (suggestions[i].err == err)
            json_array_append_new(list, json_string(suggestions[i].text));
    return list;
}

json_t *ee_problem(enum ee_err err, const char *detail, const char *request_id)
{
    char type[96];
    snprintf(type, sizeof type, "https://easyenclave.net/errors/%s", ee_err_name(err));
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:o}", "type", type, "title", ee_err_text(err),
                     "status", ee_err_http_status(err), "detail",
                     detail != NULL ? detail : ee_err_text(err), "code", ee_err_name(err),
                     "request_id", request_id, "suggestions", suggestions_of(err));
}
