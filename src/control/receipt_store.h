/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence documents by the hash of their bytes (FOLDER/<sha256>.json, write-once), and receipts
 * made from journal, log and the signer's evidence. Loop thread only. */
#ifndef EE_CONTROL_RECEIPT_STORE_H
#define EE_CONTROL_RECEIPT_STORE_H

#include "control/sequencer.h"
#include "core/receipt.h"
#include "io/file.h"

struct ee_receipt_store;

enum { EE_RECEIPT_STORE_DOCUMENTS_MAX = 1000000 };

struct ee_receipt_store_options {
    const struct ee_crypto *crypto;
    const char *folder;     /* of the documents; copied; made if missing */
    uint32_t documents_max; /* 0: EE_RECEIPT_STORE_DOCUMENTS_MAX */
};

/* Notes what the folder holds, by age. EE_TOO_LARGE: path; EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_receipt_store_new(const struct ee_receipt_store_options *options,
                                             struct ee_receipt_store **out);
void ee_receipt_store_free(struct ee_receipt_store *store);

/* Keeps a document; the same bytes twice are one file. EE_TOO_LARGE: above
 * EE_RECEIPT_EVIDENCE_MAX; EE_RANGE: empty; EE_IO, EE_NO_MEMORY. With documents_max reached the
 * oldest goes for it; EE_FULL: there is only the signer's. */
EE_MUST_USE enum ee_err ee_receipt_store_put(struct ee_receipt_store *store,
                                             struct ee_bytes document,
                                             uint8_t hash_out[EE_SHA256_SIZE]);
/* Deletes what was stored before that time (seconds since 1970), except the signer's: the oldest
 * first, at most so many documents. How many went. */
size_t ee_receipt_store_sweep(struct ee_receipt_store *store, int64_t before_s, size_t documents);
/* Documents that went before their time because the store was full. */
uint64_t ee_receipt_store_early(const struct ee_receipt_store *store);
/* EE_NOT_FOUND; EE_JOURNAL_CORRUPT: the file is not what its name says; EE_IO. The caller frees
 * with ee_file_data_free(). */
EE_MUST_USE enum ee_err ee_receipt_store_get(struct ee_receipt_store *store,
                                             const uint8_t hash[EE_SHA256_SIZE],
                                             struct ee_file_data *out);

/* The evidence whose claims name the checkpoint key now in use. EE_NOT_FOUND: not stored. */
EE_MUST_USE enum ee_err ee_receipt_store_set_signer(struct ee_receipt_store *store,
                                                    const uint8_t hash[EE_SHA256_SIZE]);

/* Receipt of command `seq` in file form, malloc'd with a NUL. Verified before it is handed out.
 * EE_NOT_FOUND: no such command, or not durable yet; EE_STATE: no signer set; errors of
 * ee_journal_read() and ee_receipt_verify(); EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_receipt_store_receipt(struct ee_receipt_store *store,
                                                 struct ee_sequencer *sequencer, uint64_t seq,
                                                 char **text_out, size_t *size_out);

/* The same without the logged changes that the signer was accepted under: for lists of those. */
EE_MUST_USE enum ee_err ee_receipt_store_bare(struct ee_receipt_store *store,
                                              struct ee_sequencer *sequencer, uint64_t seq,
                                              char **text_out, size_t *size_out);

#endif
