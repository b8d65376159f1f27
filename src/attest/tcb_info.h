/* SPDX-License-Identifier: Apache-2.0 */
/* TDX TCB Info version 3 (Intel PCS API v4, "Get TDX TCB Info"): which SVNs have which status.
 * Parse only bytes whose signature was verified. */
#ifndef EE_ATTEST_TCB_INFO_H
#define EE_ATTEST_TCB_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/levels.h"
#include "attest/pck.h"
#include "attest/quote.h"

enum {
    EE_SIGNED_JSON_MAX = 64 * 1024, /* Intel's are below 7 KB */
    EE_TCB_LEVELS_MAX = 48,
    EE_MODULE_IDENTITIES_MAX = 16,
};

struct ee_tcb_level {
    uint8_t sgx[EE_TCB_COMPONENTS];
    uint16_t pcesvn;
    uint8_t tdx[EE_TCB_COMPONENTS];
    struct ee_level_common common;
};

/* What a component is, for people: borrowed, empty when Intel does not say. */
struct ee_component_label {
    struct ee_bytes category;
    struct ee_bytes type;
};

struct ee_module_identity {
    uint8_t version; /* TEE_TCB_SVN[1]; 0 for the unversioned one */
    uint8_t mrsigner[EE_MEASUREMENT_SIZE];
    uint8_t attributes[8];
    uint8_t attributes_mask[8];
    struct ee_svn_levels levels; /* empty for the unversioned one */
};

struct ee_tcb_info {
    int64_t issued_s;
    int64_t next_update_s;
    uint32_t evaluation;
    uint8_t fmspc[EE_FMSPC_SIZE];
    uint8_t pceid[EE_PCEID_SIZE];
    bool has_module;
    struct ee_module_identity module; /* for module version 0 */
    struct ee_module_identity identities[EE_MODULE_IDENTITIES_MAX];
    size_t identity_count;
    struct ee_tcb_level levels[EE_TCB_LEVELS_MAX]; /* highest first */
    size_t level_count;
    struct ee_component_label sgx_label[EE_TCB_COMPONENTS];
    struct ee_component_label tdx_label[EE_TCB_COMPONENTS];
};

/* Large: `out` is also the working memory and undefined after a failure. Borrows from `text`. */
EE_MUST_USE enum ee_reason ee_attest_tcb_info_decode(struct ee_bytes text, struct ee_tcb_info *out);

/* The identity for TEE_TCB_SVN[1], or NULL. */
const struct ee_module_identity *ee_attest_tcb_info_module(const struct ee_tcb_info *info,
                                                           uint8_t version);
/* The first level the platform with this TEE_TCB_SVN reaches, or NULL. */
const struct ee_tcb_level *ee_attest_tcb_info_match(const struct ee_tcb_info *info,
                                                    const struct ee_pck *pck,
                                                    const uint8_t svn[EE_TCB_SVN_SIZE]);
/* The lowest level that is UpToDate; the highest of all when none is. */
const struct ee_tcb_level *ee_attest_tcb_info_needed(const struct ee_tcb_info *info);

#endif
