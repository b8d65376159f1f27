/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into a certificate chain somebody supplies, before it is served. It is not verified up to
 * a root: who trusts its authority is for the clients to say. */
#ifndef EE_IO_X509_CHAIN_H
#define EE_IO_X509_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"
#include "io/x509.h"

enum {
    EE_X509_CHAIN_MAX = 8,              /* certificates */
    EE_X509_CHAIN_FILE_MAX = 64 * 1024, /* bytes of its PEM text */
    EE_X509_NAME_SIZE = 254,            /* a DNS name with a NUL, RFC 1035 section 2.3.4 */
    EE_X509_LEAF_NAMES_MAX = 100,       /* what public authorities give at most */
};

struct ee_x509_chain {
    uint8_t key_hash[EE_SHA256_SIZE]; /* of the leaf's SubjectPublicKeyInfo */
    /* Seconds since 1970: latest beginning and earliest end of all its certificates. */
    int64_t not_before, not_after;
    size_t certificate_count;
    char issuer[128]; /* common name of who signed the leaf; "" without one */
    size_t name_count;
    char names[EE_X509_LEAF_NAMES_MAX][EE_X509_NAME_SIZE]; /* DNS names of the leaf, lower case */
};

/* Leaf first, each signed by the next. EE_SYNTAX: not PEM certificates; EE_TOO_LARGE: too many of
 * them, or of names; EE_CERTIFICATE_CHAIN: one is not signed by the next; EE_CERTIFICATE_NAMES: no
 * DNS name, or one that is none. */
EE_MUST_USE enum ee_err ee_x509_chain_read(struct ee_bytes pem, struct ee_x509_chain *out);
/* RFC 6125 section 6.4: the same name, or "*." for one label. `name` in any case. */
bool ee_x509_chain_covers(const struct ee_x509_chain *chain, const char *name);

#endif
