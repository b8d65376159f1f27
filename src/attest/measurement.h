/* SPDX-License-Identifier: Apache-2.0 */
/* What identifies the code of a TD (MRTD and RTMR0 to RTMR2; RTMR3 is run time and not part of it),
 * the roles of the network, and the allow-list of a genesis. Format: docs/spec/evidence.md. */
#ifndef EE_ATTEST_MEASUREMENT_H
#define EE_ATTEST_MEASUREMENT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/err.h"

enum ee_role {
    EE_ROLE_CONTROL = 1,
    EE_ROLE_AGENT = 2,
    EE_ROLE_WITNESS = 3,
};

enum {
    EE_MEASUREMENT_ENCODED_SIZE = 4 * EE_SHA384_SIZE,
    EE_MEASUREMENT_LABEL_MAX = 64,
};

struct ee_measurement {
    uint8_t mrtd[EE_SHA384_SIZE];
    uint8_t rtmr[3][EE_SHA384_SIZE]; /* RTMR0, RTMR1, RTMR2 */
};

/* One row of the allow-list. */
struct ee_measurement_allowed {
    enum ee_role role;
    uint8_t digest[EE_SHA256_SIZE];           /* ee_measurement_digest() */
    char label[EE_MEASUREMENT_LABEL_MAX + 1]; /* for people, such as "ee-agent 0.1.0" */
};

/* "control", "agent", "witness"; NULL for another number. */
const char *ee_role_name(enum ee_role role);
bool ee_role_valid(unsigned number);

/* MRTD, RTMR0, RTMR1, RTMR2 as EE_MEASUREMENT_ENCODED_SIZE bytes, inside larger documents. */
void ee_measurement_write(struct ee_writer *w, const struct ee_measurement *measurement);
void ee_measurement_read(struct ee_cursor *c, struct ee_measurement *out);
bool ee_measurement_equal(const struct ee_measurement *a, const struct ee_measurement *b);
/* SHA-256 over label "ee-measurement" version 1 and the four values: the short name of the code. */
void ee_measurement_digest(const struct ee_crypto *crypto, const struct ee_measurement *measurement,
                           uint8_t out[EE_SHA256_SIZE]);

/* Role u8, digest, label text. The reader's errors are sticky: EE_UNSUPPORTED for another role. */
void ee_measurement_allowed_write(struct ee_writer *w,
                                  const struct ee_measurement_allowed *allowed);
void ee_measurement_allowed_read(struct ee_cursor *c, struct ee_measurement_allowed *out);
/* The first row of that role and measurement, or NULL. */
const struct ee_measurement_allowed *ee_measurement_find(const struct ee_crypto *crypto,
                                                         const struct ee_measurement_allowed *list,
                                                         size_t count, enum ee_role role,
                                                         const struct ee_measurement *measurement);

#endif
