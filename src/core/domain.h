/* SPDX-License-Identifier: Apache-2.0 */
/* Own host names of apps: claims, and what proves them in DNS. docs/spec/domains.md. */
#ifndef EE_CORE_DOMAIN_H
#define EE_CORE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { EE_DOMAIN_MAX = 253, EE_DOMAIN_NONCE_SIZE = 16 }; /* RFC 1035 section 2.3.4 */
struct ee_app_domain {
    uint8_t add; /* 0: remove */
    char app[EE_NAME_MAX + 1];
    char domain[EE_DOMAIN_MAX + 1]; /* ee_domain_valid() */
};
struct ee_domain_word {
    char app[EE_NAME_MAX + 1];
    char domain[EE_DOMAIN_MAX + 1];
    uint8_t nonce[EE_DOMAIN_NONCE_SIZE]; /* of the claim looked at */
    uint8_t proven;                      /* 0: lost */
    uint8_t seen_hash[32];               /* SHA-256 of the TXT text that proved it; zero: lost */
};
/* A host name in lower case of two or more labels (RFC 1123 section 2.1), the last not of digits
 * only. */
bool ee_domain_valid(const char *domain);

/* A claim of an app to a domain: the first EE_APP_DOMAINS_MAX slots of an app, used again. One app
 * at most has it proven. */
enum { EE_APP_DOMAINS_MAX = 16 };
enum ee_domain_state {
    EE_DOMAIN_FREE = 0, /* nothing else of the row counts */
    EE_DOMAIN_CLAIMED = 1,
    EE_DOMAIN_PROVEN = 2, /* routed */
    EE_DOMAIN_LOST = 3,   /* was proven; the proof is gone */
};
struct ee_domain {
    char app[EE_NAME_MAX + 1];
    uint8_t slot;
    char domain[EE_DOMAIN_MAX + 1];
    uint8_t nonce[EE_DOMAIN_NONCE_SIZE]; /* to be named by the proof */
    enum ee_domain_state state;
    uint64_t claimed_us;
    uint64_t judged_us; /* of the last DOMAIN_PROVEN; 0: none */
    uint8_t seen_hash[32];
};
/* What its TXT record says: "ee-app=APP.NETWORK.NONCE", the network's id by its first 16 digits. */
enum { EE_DOMAIN_PROOF_SIZE = 7 + EE_NAME_MAX + 1 + 16 + 1 + 2 * EE_DOMAIN_NONCE_SIZE + 1 };
char *ee_domain_proof(const uint8_t network_id[32], const struct ee_domain *claim,
                      char out[EE_DOMAIN_PROOF_SIZE]);

#endif
