/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed output of an ended lease, sealed logs so far of a running one. Only its launcher can open
 * either; here they are bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/session.h"

#include "base/banned.h"

static const char output_type[] = "application/octet-stream";

static void set_final(struct ee_api_call *call, bool final)
{
    call->answer.header_name = "EE-Final";
    call->answer.header_value = final ? "true" : "false";
}

static void logs_done(void *context, enum ee_err err, const json_t *message)
{
    struct ee_api_call *call = context;
    struct ee_json_blob blob = {0};
    char detail[EE_JSON_DETAIL_SIZE];
    const struct ee_json_field fields[] = {
        {"output", EE_JSON_BLOB, &blob, EE_CONTROL_OUTPUT_SIZE_MAX, false},
    };
    if (err == EE_OK && ee_json_read(message, fields, 1, EE_JSON_TOLERANT, detail) != EE_OK)
        err = EE_PROTOCOL;
    if (err != EE_OK) {
        ee_api_fail(call, err, "the agent gave no output");
        return;
    }
    set_final(call, false);
    ee_api_answer_text(call, output_type, ee_json_blob_bytes(&blob));
    ee_json_blob_free(&blob);
}

static void ask_logs(struct ee_api_call *call, const struct ee_lease *lease)
{
    struct ee_session *session = ee_session_of_node(call->control, lease->node);
    enum ee_err err = EE_UNAVAILABLE;
    if (session != NULL && !ee_api_wait(call))
        return;
    if (session != NULL)
        err = ee_session_ask_for_client(
            session,
            json_pack("{s:s, s:o}", "type", "logs", "lease", ee_json_hex(lease->id, EE_ID_SIZE)),
            "logs", logs_done, call);
    if (err != EE_OK)
        ee_api_fail(call, err, err == EE_FULL ? NULL : "the agent is not connected");
}

void ee_api_lease_output(struct ee_api_call *call)
{
    uint8_t id[EE_ID_SIZE];
    struct ee_file_data file;
    if (!ee_api_path_hex(call, 0, id, sizeof id))
        return;
    const struct ee_lease *lease = ee_core_lease(ee_control_core(call->control), id);
    if (lease == NULL || strcmp(lease->launcher, call->account) != 0) {
        ee_api_fail(call, EE_LEASE_UNKNOWN, NULL);
        return;
    }
    if (lease->state == EE_LEASE_RUNNING) {
        ask_logs(call, lease);
        return;
    }
    enum ee_err err = EE_NOT_FOUND;
    if (!ee_bytes_all_zero(lease->output_hash, sizeof lease->output_hash))
        err = ee_blobs_get(call->control->outputs, lease->output_hash, &file);
    if (err != EE_OK) {
        ee_api_fail(call, err, "this lease left no output");
        return;
    }
    set_final(call, true);
    ee_api_answer_file(call, output_type, file);
}
