/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /v1/transfers/bulk, read in one pass into the payload of TRANSFERS: 8,190 rows
 * cost milliseconds of the loop, not tens of them. docs/spec/api.md. */
#ifndef EE_CONTROL_TRANSFERS_READ_H
#define EE_CONTROL_TRANSFERS_READ_H

#include "base/crypto.h"
#include "core/transfers.h"

enum {
    EE_TRANSFERS_READ_MAX = 2 * 1024 * 1024, /* bytes of the body */
    EE_TRANSFERS_DETAIL_SIZE = 160,
};

/* A row without an id gets one from `command_id` and its number, so that a request sent again with
 * its Idempotency-Key names the same transfers. On failure `detail` names the row and the member:
 * EE_SYNTAX, EE_MISSING_FIELD, EE_NAME, EE_RANGE, EE_OVERFLOW; EE_TOO_LARGE: more than 8,190 rows,
 * or the payload does not fit. */
EE_MUST_USE enum ee_err ee_transfers_read(const struct ee_crypto *crypto, struct ee_bytes body,
                                          const uint8_t command_id[EE_ID_SIZE],
                                          struct ee_writer *out,
                                          char detail[EE_TRANSFERS_DETAIL_SIZE]);

#endif
