/* SPDX-License-Identifier: Apache-2.0 */
/* Periods of a lease, for its launcher and its operator. */
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/api_view.h"

#include "base/banned.h"

static bool party(const struct ee_core *core, const struct ee_period *period, const char *account)
{
    const struct ee_lease *lease = ee_core_lease(core, period->lease);
    return lease != NULL &&
           (strcmp(lease->launcher, account) == 0 || strcmp(lease->operator_name, account) == 0);
}

/* ?lease=HEX; false when it is malformed, which has been answered. */
static bool read_filter(struct ee_api_call *call, bool *given, uint8_t lease[EE_ID_SIZE])
{
    char text[EE_ROUTE_VALUE_SIZE];
    enum ee_err err = ee_query_value(call->query, "lease", text, sizeof text);
    *given = err == EE_OK;
    if (err == EE_NOT_FOUND)
        return true;
    if (err == EE_OK)
        err = ee_hex_decode(ee_bytes_str(text), lease, EE_ID_SIZE);
    if (err != EE_OK)
        ee_api_fail(call, err, "lease: 32 hex digits");
    return err == EE_OK;
}

void ee_api_periods(struct ee_api_call *call)
{
    const struct ee_core *core = ee_control_core(call->control);
    uint8_t lease[EE_ID_SIZE];
    bool filtered;
    struct ee_page page;
    if (!ee_api_page(call, &page) || !read_filter(call, &filtered, lease))
        return;
    json_t *items = json_array();
    const struct ee_period *period;
    size_t index = page.start;
    for (; (period = ee_core_period_at(core, index)) != NULL; index++) {
        if (filtered && memcmp(period->lease, lease, EE_ID_SIZE) != 0)
            continue;
        if (!party(core, period, call->account))
            continue;
        if (json_array_size(items) == page.limit)
            break;
        json_array_append_new(items, ee_view_period(period));
    }
    ee_api_answer_page(call, items, period != NULL ? index : 0);
}
