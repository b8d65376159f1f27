/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the import of collateral: collateral_detect.c finds parts, collateral_import.c keeps
 * and packs them. */
#ifndef EE_CLIENT_COLLATERAL_ITEMS_H
#define EE_CLIENT_COLLATERAL_ITEMS_H

#include "client/collateral_import.h"

enum ee_item_kind {
    EE_ITEM_TCB_INFO,
    EE_ITEM_QE_IDENTITY,
    EE_ITEM_CRL,
    EE_ITEM_CERT,
    EE_ITEM_KINDS,
};

struct ee_item {
    enum ee_item_kind kind;
    bool early;    /* the member that held it said so */
    uint8_t *data; /* owned */
    size_t size;
    uint8_t signature[EE_P256_SIGNATURE_SIZE]; /* documents */
    /* What it says of itself. */
    uint8_t fmspc[EE_FMSPC_SIZE]; /* TCB Info; PCK certificate */
    uint64_t number;              /* evaluation, CRL number */
    int64_t issued_s;             /* issue, thisUpdate, notBefore */
    bool root_ca, processor_ca;   /* CRL: whose */
    bool compacted;
};

struct ee_collateral_import {
    const struct ee_crypto *crypto;
    struct ee_item items[EE_IMPORT_ITEMS_MAX];
    size_t count;
    size_t added[EE_ITEM_KINDS]; /* by the file being read, also what was there before */
    bool not_tdx;                /* the file holds the SGX variant of a document */
    struct ee_tcb_info tcb_info; /* to look into documents; large */
    struct ee_qe_identity qe_identity;
};

/* Keeps a copy; the same bytes twice are one item. EE_FULL, EE_NO_MEMORY; EE_SYNTAX: not that. */
EE_MUST_USE enum ee_err ee_items_add_document(struct ee_collateral_import *import,
                                              enum ee_item_kind kind, struct ee_bytes json,
                                              const uint8_t signature[EE_P256_SIGNATURE_SIZE],
                                              bool early);
EE_MUST_USE enum ee_err ee_items_add_crl(struct ee_collateral_import *import, struct ee_bytes der);
EE_MUST_USE enum ee_err ee_items_add_cert(struct ee_collateral_import *import, struct ee_bytes der);

static inline struct ee_bytes ee_item_bytes(const struct ee_item *item)
{
    return ee_bytes_of(item->data, item->size);
}

/* What goes into the file; NULL: missing. */
struct ee_import_chosen {
    struct ee_item *document[2]; /* TCB Info, QE identity */
    const struct ee_item *signer[2];
    const struct ee_item *pck_crl, *root_crl, *pck_ca, *root, *pck;
};

/* EE_NO_MEMORY: what is in the buffer is no file. */
EE_MUST_USE enum ee_err ee_items_write(const struct ee_import_chosen *chosen,
                                       struct ee_buffer *buffer);

#endif
