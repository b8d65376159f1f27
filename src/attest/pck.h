/* SPDX-License-Identifier: Apache-2.0 */
/* The SGX extension of a PCK certificate, OID 1.2.840.113741.1.13.1 (Intel "SGX PCK Certificate and
 * Certificate Revocation List Profile Specification"): which platform, at which TCB. */
#ifndef EE_ATTEST_PCK_H
#define EE_ATTEST_PCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/reason.h"
#include "base/bytes.h"

enum {
    EE_PPID_SIZE = 16,
    EE_FMSPC_SIZE = 6,
    EE_PCEID_SIZE = 2,
    EE_TCB_COMPONENTS = 16,
};

struct ee_pck {
    uint8_t ppid[EE_PPID_SIZE]; /* stable id of the platform */
    uint8_t fmspc[EE_FMSPC_SIZE];
    uint8_t pceid[EE_PCEID_SIZE];
    uint8_t components[EE_TCB_COMPONENTS];
    uint8_t cpusvn[16];
    uint16_t pcesvn;
    uint8_t sgx_type;  /* 0 standard, 1 scalable, 2 scalable with integrity */
    bool processor_ca; /* issued by the Processor CA, else by the Platform CA */
    bool has_instance;
    uint8_t instance_id[16]; /* Platform CA only */
    bool has_configuration;
    bool dynamic_platform;
    bool cached_keys;
    bool smt_enabled;
};

/* Decodes the extension's value (the SEQUENCE inside its OCTET STRING). Order is free; duplicates,
 * unknown members and wrong lengths are refused with EE_REASON_PCK_EXTENSION. */
EE_MUST_USE enum ee_reason ee_attest_pck_decode(struct ee_bytes value, struct ee_pck *out);

#endif
