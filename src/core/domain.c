/* SPDX-License-Identifier: Apache-2.0 */
#include "core/domain.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

enum { LABEL_MAX = 63 };

static bool label_valid(const char *text, size_t size, bool *digits_only)
{
    *digits_only = true;
    if (size == 0 || size > LABEL_MAX || text[0] == '-' || text[size - 1] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && !(text[i] >= 'a' && text[i] <= 'z') && text[i] != '-')
            return false;
        *digits_only = *digits_only && digit;
    }
    return true;
}

bool ee_domain_valid(const char *domain)
{
    size_t labels = 0;
    bool digits_only = false;
    if (strlen(domain) > EE_DOMAIN_MAX)
        return false;
    for (const char *at = domain;; at++) {
        size_t size = strcspn(at, ".");
        if (!label_valid(at, size, &digits_only))
            return false;
        labels++;
        at += size;
        if (*at == '\0')
            break;
    }
    return labels >= 2 && !digits_only;
}

char *ee_domain_proof(const uint8_t network_id[32], const struct ee_domain *claim,
                      char out[EE_DOMAIN_PROOF_SIZE])
{
    char network[17], nonce[2 * EE_DOMAIN_NONCE_SIZE + 1];
    (void)snprintf(out, EE_DOMAIN_PROOF_SIZE, "ee-app=%s.%s.%s", claim->app,
                   ee_hex_encode(network_id, 8, network),
                   ee_hex_encode(claim->nonce, sizeof(claim->nonce), nonce));
    return out;
}
