/* SPDX-License-Identifier: Apache-2.0 */
/* Packs what Intel's provisioning service (PCS) or a caching service (PCCS) answered into one
 * collateral file. Files come as somebody saved them: bodies, header files of `curl -D`, both in
 * one from `curl -i`; what each holds is found out from its content, never from its name, and the
 * signed bytes are kept exactly. docs/spec/collateral.md, "Import". Nothing is proven here but
 * which certificate signed which document: ee_collateral_prove() comes after. */
#ifndef EE_CLIENT_COLLATERAL_IMPORT_H
#define EE_CLIENT_COLLATERAL_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/collateral_order.h"
#include "base/crypto.h"
#include "io/buffer.h"

enum {
    EE_IMPORT_FILE_MAX = 4 * 1024 * 1024, /* one file; a platform document of a PCCS is large */
    EE_IMPORT_ITEMS_MAX = 256,            /* documents, lists and certificates together */
    EE_IMPORT_DETAIL_SIZE = 512,
    EE_IMPORT_MISSING_MAX = 8,
};

struct ee_collateral_import;

/* `crypto` is borrowed. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_collateral_import_new(const struct ee_crypto *crypto,
                                                 struct ee_collateral_import **out);
void ee_collateral_import_free(struct ee_collateral_import *import); /* NULL is fine */

/* Looks for parts in one file; `text_out` says what was found, or why nothing was. EE_SYNTAX:
 * nothing of collateral in it; EE_REFUSED: the answer of a server that did not have it; EE_FULL:
 * more than EE_IMPORT_ITEMS_MAX parts; EE_TOO_LARGE, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_collateral_import_add(struct ee_collateral_import *import,
                                                 struct ee_bytes file,
                                                 char text_out[EE_IMPORT_DETAIL_SIZE]);

enum ee_import_set {
    EE_IMPORT_ONLY,     /* the one TCB set there is */
    EE_IMPORT_STANDARD, /* of several the one in force: not marked early, lowest number */
    EE_IMPORT_EARLY,    /* of several the coming one */
};

struct ee_import_choice {
    bool has_fmspc;
    uint8_t fmspc[EE_FMSPC_SIZE]; /* of several families this one */
    enum ee_import_set set;
    bool processor_ca; /* the PCK CRL of the Processor CA instead of the Platform CA's */
};

/* A part that no file held, and where it comes from. */
struct ee_import_missing {
    char what[64];
    char path[160];     /* of the service, with its parameters */
    const char *header; /* that carries its issuer chain; NULL: none */
};

struct ee_import_result {
    struct ee_buffer text; /* the collateral file; the caller closes it */
    size_t missing_count;
    struct ee_import_missing missing[EE_IMPORT_MISSING_MAX];
    bool compacted; /* white space was taken out of a document, because its signature covers the
                       compact form */
};

/* Chooses the parts and writes the file. EE_MISSING_FIELD: result->missing says what lacks, and
 * there is no text; EE_STATE: there is a choice to be made, `detail_out` says which; EE_TOO_LARGE,
 * EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_collateral_import_pack(struct ee_collateral_import *import,
                                                  const struct ee_import_choice *choice,
                                                  struct ee_import_result *result,
                                                  char detail_out[EE_IMPORT_DETAIL_SIZE]);

#endif
