/* SPDX-License-Identifier: Apache-2.0 */
/* TDX quotes, versions 4 and 5 (Intel "TDX DCAP Quote Generation Library", quote formats 4 and 5):
 * form only, nothing here is proof of anything. Integers are little-endian, keys and signatures
 * raw big-endian pairs. */
#ifndef EE_ATTEST_QUOTE_H
#define EE_ATTEST_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/reason.h"
#include "base/bytes.h"
#include "base/crypto.h"

enum {
    EE_QUOTE_MAX = 64 * 1024, /* Intel's are 5 KB, delivered buffers up to 8,000 bytes */
    EE_QUOTE_HEADER_SIZE = 48,
    EE_TDREPORT_SIZE = 1024,      /* the local report a quote is made from; starts with 0x81 */
    EE_QUOTE_DESCRIPTOR_SIZE = 6, /* version 5 only: u16 body type, u32 body size */
    EE_QUOTE_KEY_TYPE_P256 = 2,
    EE_TEE_TYPE_TDX = 0x81,
    EE_BODY_TD_10 = 2,
    EE_BODY_TD_15 = 3,
    EE_BODY_TD_15_EXTENDED = 4,
    EE_TD_10_SIZE = 584,
    EE_TD_15_SIZE = 648,
    EE_TD_15_EXTENDED_SIZE = 885,
    EE_SGX_REPORT_SIZE = 384,
    EE_CERT_DATA_PCK_LEAF = 4,  /* one PEM certificate */
    EE_CERT_DATA_PCK_CHAIN = 5, /* PEM: leaf, CA, root */
    EE_CERT_DATA_QE_REPORT = 6,
    EE_MEASUREMENT_SIZE = 48,
    EE_REPORT_DATA_SIZE = 64,
    EE_TCB_SVN_SIZE = 16,
    EE_RTMR_COUNT = 4,
};

/* Intel's quoting enclave vendor id, header bytes 12 to 27. */
extern const uint8_t ee_attest_qe_vendor_intel[16];

/* TDATTRIBUTES bits (Intel TDX module ABI). */
#define EE_TD_DEBUG (UINT64_C(1) << 0)
#define EE_TD_TUD_MASK UINT64_C(0xff) /* any of these makes the TD untrusted */
#define EE_TD_ICSSD (UINT64_C(1) << 16)
#define EE_TD_LASS (UINT64_C(1) << 27)
#define EE_TD_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define EE_TD_MIGRATABLE (UINT64_C(1) << 29)
#define EE_TD_PKS (UINT64_C(1) << 30)
#define EE_TD_KEY_LOCKER (UINT64_C(1) << 31)
#define EE_TD_TPA (UINT64_C(1) << 62)
#define EE_TD_PERFMON (UINT64_C(1) << 63)

/* What the CPU says of the TD. Fields of later formats are zero where the format lacks them. */
struct ee_td_report {
    uint8_t tee_tcb_svn[EE_TCB_SVN_SIZE]; /* [0] module SVN, [1] module version, at TD launch */
    uint8_t mrseam[EE_MEASUREMENT_SIZE];
    uint8_t mrsignerseam[EE_MEASUREMENT_SIZE];
    uint64_t seam_attributes;
    uint64_t attributes; /* TDATTRIBUTES */
    uint64_t xfam;
    uint8_t mrtd[EE_MEASUREMENT_SIZE];
    uint8_t mrconfigid[EE_MEASUREMENT_SIZE];
    uint8_t mrowner[EE_MEASUREMENT_SIZE];
    uint8_t mrownerconfig[EE_MEASUREMENT_SIZE];
    uint8_t rtmr[EE_RTMR_COUNT][EE_MEASUREMENT_SIZE];
    uint8_t report_data[EE_REPORT_DATA_SIZE];
    /* types 3 and 4 */
    uint8_t tee_tcb_svn_2[EE_TCB_SVN_SIZE]; /* of the module running now */
    uint8_t mrservicetd[EE_MEASUREMENT_SIZE];
    /* type 4 */
    uint8_t td_id[32];
    uint8_t device_info[EE_MEASUREMENT_SIZE];
    uint8_t initial_servicetd[EE_MEASUREMENT_SIZE];
    uint8_t initial_tee_tcb_svn[EE_TCB_SVN_SIZE];
    uint8_t current_servicetd[EE_MEASUREMENT_SIZE];
};

struct ee_sgx_report {
    uint8_t cpusvn[16];
    uint32_t miscselect;
    uint8_t attributes[16];
    uint8_t mrenclave[32];
    uint8_t mrsigner[32];
    uint16_t product_id;
    uint16_t svn;
    uint8_t report_data[64];
};

/* A quote in parts. Every ee_bytes and pointer borrows from the decoded bytes. */
struct ee_quote {
    uint16_t version;
    uint16_t body_type;
    uint8_t qe_id[16]; /* first bytes of the header's user data: a pseudonym, not a PPID */
    struct ee_td_report td;
    struct ee_bytes signed_part; /* header and body, with version 5's descriptor */
    const uint8_t *signature;    /* 64 bytes, by attestation_key over signed_part */
    const uint8_t *attestation_key;
    struct ee_sgx_report qe;
    struct ee_bytes qe_report;   /* 384 bytes, signed by the PCK */
    const uint8_t *qe_signature; /* 64 bytes */
    struct ee_bytes qe_auth;     /* hashed into the QE's report data after the key */
    uint16_t cert_type;          /* inner certification data type */
    struct ee_bytes cert_data;   /* for type 4 and 5: PEM, often with a trailing NUL */
    size_t size;                 /* of the quote proper: store and hash only these bytes */
    size_t trailing_size;        /* unsigned padding that followed it */
};

/* Splits a quote. On failure `out` is unchanged and `finding_out` (may be NULL) says why. */
EE_MUST_USE enum ee_reason ee_attest_quote_decode(struct ee_bytes bytes, struct ee_quote *out,
                                                  struct ee_finding *finding_out);

/* The TD report of a body: `type` is EE_BODY_TD_*, `body` has that type's size. */
EE_MUST_USE enum ee_reason ee_attest_td_report_decode(uint16_t type, struct ee_bytes body,
                                                      struct ee_td_report *out);

#endif
