/* SPDX-License-Identifier: Apache-2.0 */
/* Domains of apps: which app a host name is, and the looking at DNS that proves it, at once when
 * claimed, every day after. docs/spec/domains.md. Loop thread only. */
#ifndef EE_CONTROL_DOMAINS_H
#define EE_CONTROL_DOMAINS_H

#include <jansson.h>

#include "control/state.h"

enum {
    EE_DOMAINS_RECHECK_S = 86400,     /* of a proven one */
    EE_DOMAINS_RETRY_S = 30,          /* of one not proven, doubled up to an hour */
    EE_DOMAINS_AGAIN_S = 2,           /* asked for by its owner, at most this often */
    EE_DOMAINS_FAILURES_MAX = 3,      /* in a row: then it is lost */
    EE_DOMAINS_SILENCE_S = 7 * 86400, /* the same when the resolver says nothing for so long */
    EE_DOMAINS_ASKED_MAX = 8,         /* at a time */
};

struct ee_domains;

/* `servers` as ee_dns_new(); `recheck_s` 0: EE_DOMAINS_RECHECK_S. Errors of ee_dns_new(). */
EE_MUST_USE enum ee_err ee_domains_new(struct ee_control *control, const char *servers,
                                       uint64_t recheck_s, struct ee_domains **out);
void ee_domains_free(struct ee_domains *domains); /* NULL is fine */
/* A command changed the claims. NULL is fine. */
void ee_domains_changed(struct ee_domains *domains);
/* The app that has this host name ("www.example.org:443" too) proven. NULL `domains`: none. */
bool ee_domains_find(struct ee_domains *domains, struct ee_bytes host, char app[EE_NAME_MAX + 1]);
/* Looks at DNS for this claim soon: EE_DOMAINS_AGAIN_S after the last time at the earliest. */
void ee_domains_check(struct ee_domains *domains, const struct ee_domain *claim);
/* {"domain","app","state","record","value","claimed_at","judged_at","failures","last_error"}. New.
 */
json_t *ee_domains_json(struct ee_domains *domains, const struct ee_domain *claim);

#endif
