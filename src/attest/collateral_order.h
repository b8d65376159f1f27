/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of collateral is, part by part, once it is proven; and whether one set may take the
 * place of another: issue dates, evaluation numbers and CRL numbers never decrease
 * (docs/spec/collateral.md). Pure; nothing is remembered. */
#ifndef EE_ATTEST_COLLATERAL_ORDER_H
#define EE_ATTEST_COLLATERAL_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/collateral.h"
#include "attest/tcb_outlook.h"

#define EE_COLLATERAL_PARTS(ROW)                                                                   \
    ROW(TCB_INFO, "tcb_info", "TCB Info")                                                          \
    ROW(QE_IDENTITY, "qe_identity", "QE identity")                                                 \
    ROW(PCK_CRL, "pck_crl", "PCK CRL")                                                             \
    ROW(ROOT_CRL, "root_ca_crl", "root CRL")

enum ee_collateral_part {
#define EE_ROW(name, id, text) EE_COLLATERAL_##name,
    EE_COLLATERAL_PARTS(EE_ROW)
#undef EE_ROW
        EE_COLLATERAL_PARTS_COUNT
};
/* "tcb_info", and "TCB Info" for people. */
const char *ee_collateral_part_id(enum ee_collateral_part part);
const char *ee_collateral_part_text(enum ee_collateral_part part);

struct ee_collateral_part_facts {
    bool proven;       /* signed by the right key under an accepted root */
    int64_t issued_s;  /* issueDate, thisUpdate */
    int64_t expires_s; /* nextUpdate */
    uint64_t number;   /* tcbEvaluationDataNumber, CRL number */
};

/* Free of pointers. */
struct ee_collateral_facts {
    struct ee_collateral_part_facts part[EE_COLLATERAL_PARTS_COUNT];
    uint8_t fmspc[EE_FMSPC_SIZE]; /* of the TCB Info; zero when that is not proven */
    uint8_t pceid[EE_PCEID_SIZE];
    bool processor_ca; /* the PCK CRL is the Processor CA's, else the Platform CA's */
    bool simulated;    /* the root is not Intel's production root */
    int64_t issued_s;  /* newest issue date of TCB Info and QE identity */
    int64_t expires_s; /* first expiry of all, certificates too */
    size_t root_index; /* into the input's roots */
};

/* Proves every part of a set against the accepted roots at input->time_s (input->quote is not
 * used), also the PCK CRL, for which the set needs its issuer chain. Fills `documents` (those that
 * are proven; borrows from the collateral), `verdict` (the findings) and `out` as far as was
 * proven, also after a failure. Returns the first failure: EE_OK only when all parts are genuine
 * and in their windows. About 25 KB of stack. */
EE_MUST_USE enum ee_err ee_collateral_prove(const struct ee_crypto *crypto,
                                            const struct ee_verify_input *input,
                                            struct ee_tcb_documents *documents,
                                            struct ee_verdict *verdict,
                                            struct ee_collateral_facts *out);
/* Was every failure one of time? Then all parts are genuine and were valid at some moment. */
bool ee_collateral_only_expired(const struct ee_verdict *verdict);

enum ee_collateral_relation {
    EE_COLLATERAL_SAME,  /* no part differs in date or number */
    EE_COLLATERAL_NEWER, /* some part is newer, none is older */
    EE_COLLATERAL_OLDER, /* some part is older */
    EE_COLLATERAL_OTHER, /* of another platform family, PCK CA or root: they do not compare */
};

/* Why a set counts as older. */
struct ee_collateral_older {
    enum ee_collateral_part part;
    bool by_number;         /* else by date */
    uint64_t held, offered; /* numbers, or seconds since 1970 */
};

/* How `offered` relates to `held`, both proven. With EE_COLLATERAL_OLDER *older_out is the first
 * part that is older; else it is unchanged. */
enum ee_collateral_relation ee_collateral_compare(const struct ee_collateral_facts *held,
                                                  const struct ee_collateral_facts *offered,
                                                  struct ee_collateral_older *older_out);
enum { EE_COLLATERAL_OLDER_TEXT_SIZE = 160 };
/* "the PCK CRL is number 7, the one in use is number 9". Returns out. */
char *ee_collateral_older_text(const struct ee_collateral_older *older,
                               char out[EE_COLLATERAL_OLDER_TEXT_SIZE]);

/* The platform family a quote says it is of, read from its PCK certificate without proving
 * anything: to choose collateral, which then proves or refuses it. `memory` for the certificates:
 * EE_COLLATERAL_FAMILY_MEMORY bytes. False: the quote or certificate cannot be read. */
enum { EE_COLLATERAL_FAMILY_MEMORY = 16 * 1024 };
bool ee_collateral_family_of_quote(struct ee_bytes quote, uint8_t *memory, size_t memory_size,
                                   uint8_t fmspc_out[EE_FMSPC_SIZE]);

#endif
