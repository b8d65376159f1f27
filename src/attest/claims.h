/* SPDX-License-Identifier: Apache-2.0 */
/* What an attested part of the network says about itself; its hash is the first half of the quote's
 * report data. The claims are as trustworthy as the measured code that wrote them. Format:
 * docs/spec/evidence.md, "Claims". */
#ifndef EE_ATTEST_CLAIMS_H
#define EE_ATTEST_CLAIMS_H

#include "attest/measurement.h"
#include "base/text.h"

enum {
    EE_CLAIMS_VERSION_TEXT_MAX = 64,
    EE_CLAIMS_SIZE_MAX = 512,
};

struct ee_claims {
    uint8_t network_id[32];
    enum ee_role role;
    uint8_t identity[32];            /* control id, or the agent's Ed25519 identity key */
    char node_name[EE_NAME_MAX + 1]; /* agents; empty otherwise */
    uint8_t tls_key_hash[32];        /* SHA-256 of the SubjectPublicKeyInfo in DER */
    uint8_t sealing_key[32];         /* X25519; agents; control: may be zero; zero otherwise */
    uint8_t checkpoint_key[32];      /* Ed25519; control; zero otherwise */
    uint64_t ledger_size;            /* head of the log: leaves and root; zero if none is known */
    uint8_t ledger_root[32];
    uint64_t epoch; /* of the journal */
    char software_version[EE_CLAIMS_VERSION_TEXT_MAX + 1];
    uint32_t vcpus; /* online in the TD */
};

/* EE_RANGE: a field that the role does not have is set or one that it has is empty (node_name and
 * sealing_key of an agent, checkpoint_key of a control plane), or vcpus is 0; EE_NAME: node_name;
 * EE_SYNTAX: a text with unprintable bytes; EE_TOO_LARGE: capacity (EE_CLAIMS_SIZE_MAX always
 * does), or a text without its end. */
EE_MUST_USE enum ee_err ee_claims_encode(const struct ee_claims *claims, uint8_t *out,
                                         size_t capacity, size_t *size_out);
/* Refuses everything ee_claims_encode would not have written: also EE_SYNTAX, EE_UNSUPPORTED,
 * EE_TRUNCATED, EE_TRAILING. */
EE_MUST_USE enum ee_err ee_claims_decode(struct ee_bytes bytes, struct ee_claims *out);

#endif
