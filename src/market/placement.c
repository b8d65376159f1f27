/* SPDX-License-Identifier: Apache-2.0 */
#include "market/placement.h"

#include <string.h>

#include "base/money.h"

#include "base/banned.h"

/* price a / trust a against price b / trust b, without dividing. */
static int compare_price(const struct ee_market_candidate *a, const struct ee_market_candidate *b)
{
    ee_i128 left = (ee_i128)a->price_nanos * b->trust_ppm;
    ee_i128 right = (ee_i128)b->price_nanos * a->trust_ppm;
    return (left > right) - (left < right);
}

int ee_market_compare(const struct ee_market_candidate *a, const struct ee_market_candidate *b)
{
    int order = compare_price(a, b);
    return order ? order : strcmp(a->name, b->name);
}

/* EE_MARKET_CHOSEN when nothing speaks against it. */
static enum ee_market_reason judge(const struct ee_market_request *r,
                                   const struct ee_market_candidate *c)
{
    if (r->node[0] != '\0' && strcmp(r->node, c->name) != 0)
        return EE_MARKET_NOT_ASKED;
    if (!c->admitted)
        return EE_MARKET_NOT_ADMITTED;
    if (!c->connected)
        return EE_MARKET_DISCONNECTED;
    if (c->stake_micros < r->minimum_stake_micros || c->trust_ppm == 0)
        return EE_MARKET_STAKE;
    if (c->other_tenant)
        return EE_MARKET_OTHER_TENANT;
    if (c->free_vcpus < r->vcpus)
        return EE_MARKET_NO_CAPACITY;
    if (r->max_price_nanos && c->price_nanos > r->max_price_nanos)
        return EE_MARKET_OVER_MAX_PRICE;
    return c->failed_before ? EE_MARKET_FAILED_BEFORE : EE_MARKET_CHOSEN;
}

static bool is_better(const struct ee_market_candidate *a, const struct ee_market_candidate *b)
{
    if (a->same_app != b->same_app)
        return b->same_app;
    return ee_market_compare(a, b) < 0;
}

static enum ee_market_reason why_not(const struct ee_market_candidate *c,
                                     const struct ee_market_candidate *chosen)
{
    if (c->same_app && !chosen->same_app)
        return EE_MARKET_SAME_APP;
    return compare_price(c, chosen) == 0 ? EE_MARKET_TIE : EE_MARKET_DEARER;
}

enum ee_err ee_market_place(const struct ee_market_request *request,
                            const struct ee_market_candidate *candidates, size_t count,
                            enum ee_market_reason *reasons_out, size_t *chosen_out)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        reasons_out[i] = judge(request, &candidates[i]);
        if (reasons_out[i] == EE_MARKET_CHOSEN &&
            (best == count || is_better(&candidates[i], &candidates[best])))
            best = i;
    }
    if (best == count)
        return EE_NO_ELIGIBLE_NODE;
    for (size_t i = 0; i < count; i++)
        if (i != best && reasons_out[i] == EE_MARKET_CHOSEN)
            reasons_out[i] = why_not(&candidates[i], &candidates[best]);
    *chosen_out = best;
    return EE_OK;
}
