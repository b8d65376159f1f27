/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed blobs by the hash of their bytes: FOLDER/<sha256>, write-once. What is in them only their
 * launcher can open. */
#ifndef EE_CONTROL_BLOBS_H
#define EE_CONTROL_BLOBS_H

#include "base/crypto.h"
#include "io/file.h"

struct ee_blobs;

/* Makes the folder if missing and counts what it holds. EE_TOO_LARGE: path; EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_blobs_new(const struct ee_crypto *crypto, const char *folder,
                                     size_t size_max, uint32_t count_max, struct ee_blobs **out);
void ee_blobs_free(struct ee_blobs *blobs); /* NULL is fine */

/* Durable when it returns. EE_TOO_LARGE, EE_FULL, EE_IO. */
EE_MUST_USE enum ee_err ee_blobs_put(struct ee_blobs *blobs, struct ee_bytes bytes,
                                     uint8_t hash_out[EE_SHA256_SIZE]);
/* EE_NOT_FOUND; EE_JOURNAL_CORRUPT: other bytes than the name says; EE_IO. The caller frees with
 * ee_file_data_free(). */
EE_MUST_USE enum ee_err ee_blobs_get(const struct ee_blobs *blobs,
                                     const uint8_t hash[EE_SHA256_SIZE], struct ee_file_data *out);

#endif
