/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes: docs/spec/api.md row by row. */
#include "control/api_routes.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "control/transfers_read.h"

#include "base/banned.h"

static const char *const query_nonce[] = {"nonce", NULL};
static const char *const query_consistency[] = {"from", "to", NULL};
static const char *const query_inclusion[] = {"seq", "size", NULL};
static const char *const query_page[] = {"limit", "cursor", NULL};
static const char *const query_lease[] = {"wait", "state", NULL};
static const char *const query_payments[] = {"state", "limit", "cursor", NULL};
static const char *const query_statement[] = {"limit",    "cursor", "from",   "to", "order",
                                              "wait_for", "wait",   "format", NULL};
static const char *const query_periods[] = {"lease", "limit", "cursor", NULL};

static const struct ee_api_route routes[] = {
    {"GET", "/healthz", EE_API_PROBE, false, ee_api_healthz, NULL},
    {"GET", "/readyz", EE_API_PROBE, false, ee_api_readyz, NULL},
    {"GET", "/v1/network", EE_API_PUBLIC, false, ee_api_network, NULL},
    {"GET", "/v1/evidence", EE_API_PUBLIC, false, ee_api_evidence, query_nonce},
    {"POST", "/v1/evidence", EE_API_PUBLIC, false, ee_api_evidence_channel, NULL},
    {"GET", "/v1/unseal", EE_API_PUBLIC, false, ee_api_unseal_state, NULL},
    {"POST", "/v1/unseal", EE_API_PUBLIC, false, ee_api_unseal, NULL},
    {"POST", "/v1/journal-key", EE_API_PUBLIC, false, ee_api_journal_key, NULL},
    {"GET", "/v1/checkpoint", EE_API_PUBLIC, false, ee_api_checkpoint, NULL},
    {"GET", "/v1/log/consistency", EE_API_PUBLIC, false, ee_api_consistency, query_consistency},
    {"GET", "/v1/log/inclusion", EE_API_PUBLIC, false, ee_api_inclusion, query_inclusion},
    {"GET", "/v1/recovery", EE_API_PUBLIC, false, ee_api_recovery, NULL},
    {"GET", "/v1/checkpoint-keys", EE_API_PUBLIC, false, ee_api_checkpoint_keys, NULL},
    {"GET", "/v1/liabilities", EE_API_PUBLIC, false, ee_api_liabilities, NULL},
    {"GET", "/v1/liabilities/proof", EE_SCOPE_READ, false, ee_api_liabilities_proof, NULL},
    {"GET", "/v1/allow-changes", EE_API_PUBLIC, false, ee_api_allow_changes, NULL},
    {"GET", "/v1/policy", EE_API_PUBLIC, false, ee_api_policy, NULL},
    {"POST", "/v1/policy", EE_API_ANY_KEY, true, ee_api_policy_change, NULL},
    {"POST", "/v1/accounts", EE_API_ADMIN, true, ee_api_account_create, NULL},
    {"GET", "/v1/accounts/me", EE_SCOPE_READ, false, ee_api_account_me, NULL},
    {"GET", "/v1/credits", EE_SCOPE_READ, false, ee_api_credits, NULL},
    {"GET", "/v1/statement", EE_SCOPE_READ, false, ee_api_statement, query_statement},
    {"GET", "/v1/read-model", EE_API_ANY_KEY, false, ee_api_read_model, NULL},
    {"POST", "/v1/keys", EE_SCOPE_KEYS, true, ee_api_key_create, NULL},
    {"GET", "/v1/keys", EE_SCOPE_KEYS, false, ee_api_keys, query_page},
    {"DELETE", "/v1/keys/{hash}", EE_SCOPE_KEYS, true, ee_api_key_revoke, NULL},
    {"POST", "/v1/mints", EE_API_ANY_KEY, true, ee_api_mint, NULL},
    {"POST", "/v1/transfers", EE_SCOPE_SPEND, true, ee_api_transfer, NULL},
    {"POST", "/v1/transfers/bulk", EE_SCOPE_SPEND, true, ee_api_transfers, NULL},
    {"POST", "/v1/topups", EE_SCOPE_SPEND, true, ee_api_topup, NULL},
    {"GET", "/v1/topups", EE_SCOPE_READ, false, ee_api_topups, query_page},
    {"GET", "/v1/topups/{order}", EE_SCOPE_READ, false, ee_api_topup_show, NULL},
    {"GET", "/v1/payments", EE_API_ADMIN, false, ee_api_payments, query_payments},
    {"POST", "/v1/webhooks/stripe", EE_API_SIGNED, false, ee_api_webhook_stripe, NULL},
    {"GET", "/v1/webhooks/stripe/secret", EE_API_ADMIN, false, ee_api_webhook_secret, NULL},
    {"PUT", "/v1/webhooks/stripe/secret", EE_API_ANY_KEY, true, ee_api_webhook_secret_set, NULL},
    {"DELETE", "/v1/webhooks/stripe/secret", EE_API_ADMIN, true, ee_api_webhook_secret_clear, NULL},
    {"POST", "/v1/redemptions", EE_SCOPE_SPEND, true, ee_api_redeem, NULL},
    {"GET", "/v1/redemptions", EE_API_READ_ALL, false, ee_api_redemptions, query_page},
    {"GET", "/v1/redemptions/{redemption}", EE_SCOPE_READ, false, ee_api_redemption, NULL},
    {"POST", "/v1/redemptions/{redemption}/word", EE_API_ANY_KEY, true, ee_api_redemption_word,
     NULL},
    {"POST", "/v1/reports", EE_SCOPE_RUN, true, ee_api_report_make, NULL},
    {"GET", "/v1/reports", EE_SCOPE_READ, false, ee_api_reports, query_page},
    {"POST", "/v1/webhooks", EE_SCOPE_KEYS, true, ee_api_webhook_create, NULL},
    {"GET", "/v1/webhooks", EE_SCOPE_READ, false, ee_api_webhooks, query_page},
    {"DELETE", "/v1/webhooks/{id}", EE_SCOPE_KEYS, true, ee_api_webhook_delete, NULL},
    {"POST", "/v1/webhooks/{id}/rotate", EE_SCOPE_KEYS, true, ee_api_webhook_rotate, NULL},
    {"POST", "/v1/webhooks/{id}/test", EE_SCOPE_KEYS, true, ee_api_webhook_test, NULL},
    {"POST", "/v1/webhooks/{id}/enable", EE_SCOPE_KEYS, true, ee_api_webhook_enable, NULL},
    {"GET", "/v1/alert", EE_SCOPE_READ, false, ee_api_alert, NULL},
    {"POST", "/v1/alert", EE_SCOPE_KEYS, true, ee_api_alert_set, NULL},
    {"POST", "/v1/nodes", EE_SCOPE_NODES, true, ee_api_node_enrol, NULL},
    {"PATCH", "/v1/nodes/{node}", EE_SCOPE_NODES, true, ee_api_node_price, NULL},
    {"GET", "/v1/nodes", EE_API_PUBLIC_MORE, false, ee_api_nodes, query_page},
    {"GET", "/v1/nodes/{node}", EE_API_PUBLIC_MORE, false, ee_api_node, NULL},
    {"POST", "/v1/leases", EE_SCOPE_RUN, true, ee_api_lease_reserve, NULL},
    {"GET", "/v1/leases", EE_SCOPE_READ, false, ee_api_leases, query_page},
    {"GET", "/v1/leases/{lease}", EE_SCOPE_READ, false, ee_api_lease, query_lease},
    {"GET", "/v1/leases/{lease}/evidence", EE_SCOPE_RUN, false, ee_api_lease_evidence, query_nonce},
    {"POST", "/v1/leases/{lease}/start", EE_SCOPE_RUN, true, ee_api_lease_start, NULL},
    {"GET", "/v1/leases/{lease}/output", EE_SCOPE_READ, false, ee_api_lease_output, NULL},
    {"GET", "/v1/apps", EE_SCOPE_READ, false, ee_api_apps, query_page},
    {"GET", "/v1/apps/{name}", EE_SCOPE_READ, false, ee_api_app, NULL},
    {"DELETE", "/v1/apps/{name}", EE_SCOPE_RUN, true, ee_api_app_stop, NULL},
    {"GET", "/v1/apps/{name}/domains", EE_SCOPE_READ, false, ee_api_domains, NULL},
    {"POST", "/v1/apps/{name}/domains", EE_SCOPE_RUN, true, ee_api_domain_add, NULL},
    {"DELETE", "/v1/apps/{name}/domains/{domain}", EE_SCOPE_RUN, true, ee_api_domain_remove, NULL},
    {"POST", "/v1/apps/{name}/domains/{domain}/check", EE_SCOPE_RUN, true, ee_api_domain_check,
     NULL},
    {"GET", "/v1/periods", EE_SCOPE_READ, false, ee_api_periods, query_periods},
    {"GET", "/v1/receipts/{id}", EE_SCOPE_READ, false, ee_api_receipt, NULL},
    {"GET", "/v1/explain/{subject}", EE_SCOPE_READ, false, ee_api_explain, NULL},
    {"GET", "/v1/collateral", EE_API_PUBLIC, false, ee_api_collateral, NULL},
    {"POST", "/v1/collateral", EE_API_ADMIN, true, ee_api_collateral_push, NULL},
    {"GET", "/v1/collateral/{hash}", EE_API_PUBLIC, false, ee_api_collateral_file, NULL},
    {"POST", "/v1/allow", EE_API_ANY_KEY, true, ee_api_allow, NULL},
};

bool ee_api_route_locked(const struct ee_api_route *route)
{
    return route->scope == EE_API_PROBE || route->handler == ee_api_evidence ||
           route->handler == ee_api_evidence_channel || route->handler == ee_api_unseal_state ||
           route->handler == ee_api_unseal;
}

size_t ee_api_route_raw_max(const struct ee_api_route *route)
{
    return route->handler == ee_api_transfers ? EE_TRANSFERS_READ_MAX : 0;
}

bool ee_api_route_books_only(const struct ee_api_route *route)
{
    return route->handler == ee_api_transfer || route->handler == ee_api_transfers ||
           route->handler == ee_api_mint;
}

static void allow_append(char *allow, size_t size, const char *method)
{
    size_t used = strlen(allow);
    snprintf(allow + used, size - used, "%s%s", used > 0 ? ", " : "", method);
}

const struct ee_api_route *ee_api_route_find(struct ee_bytes method, struct ee_bytes path,
                                             struct ee_route_values *values,
                                             char allow[EE_API_ALLOW_SIZE])
{
    allow[0] = '\0';
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!ee_route_match(routes[i].pattern, path, values))
            continue;
        if (ee_bytes_equal(method, ee_bytes_str(routes[i].method)))
            return &routes[i];
        allow_append(allow, EE_API_ALLOW_SIZE, routes[i].method);
    }
    return NULL;
}
