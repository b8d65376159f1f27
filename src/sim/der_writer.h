/* SPDX-License-Identifier: Apache-2.0 */
/* DER (X.690) into the caller's buffer: nested values are opened and closed, lengths are put in
 * when a value is closed. Sticky error: EE_TOO_LARGE (buffer), EE_LIMIT (depth), EE_STATE (close
 * without open). */
#ifndef EE_SIM_DER_WRITER_H
#define EE_SIM_DER_WRITER_H

#include <stdbool.h>

#include "base/bytes.h"

enum { EE_DER_DEPTH_MAX = 16 };

enum ee_der_tag {
    EE_DER_BOOLEAN = 0x01,
    EE_DER_INTEGER = 0x02,
    EE_DER_BIT_STRING = 0x03,
    EE_DER_OCTET_STRING = 0x04,
    EE_DER_OID = 0x06,
    EE_DER_ENUMERATED = 0x0a,
    EE_DER_UTF8_STRING = 0x0c,
    EE_DER_PRINTABLE_STRING = 0x13,
    EE_DER_UTC_TIME = 0x17,
    EE_DER_GENERALIZED_TIME = 0x18,
    EE_DER_SEQUENCE = 0x30,
    EE_DER_SET = 0x31,
};

struct ee_der_writer {
    struct ee_writer out;
    size_t depth;
    size_t open[EE_DER_DEPTH_MAX]; /* where the contents of each open value start */
};

void ee_der_init(struct ee_der_writer *d, void *data, size_t capacity);
/* `tag` is an ee_der_tag or a context tag such as 0xa0. */
void ee_der_open(struct ee_der_writer *d, uint8_t tag);
void ee_der_close(struct ee_der_writer *d);
void ee_der_value(struct ee_der_writer *d, uint8_t tag, struct ee_bytes contents);
/* Bytes that are DER already. */
void ee_der_raw(struct ee_der_writer *d, struct ee_bytes der);
/* Unsigned big-endian number in the shortest form. */
void ee_der_unsigned(struct ee_der_writer *d, struct ee_bytes number);
void ee_der_u32(struct ee_der_writer *d, uint8_t tag, uint32_t value);
void ee_der_bool(struct ee_der_writer *d, bool value);
void ee_der_bit_string(struct ee_der_writer *d, struct ee_bytes bits, uint8_t unused_bits);
/* UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
void ee_der_time(struct ee_der_writer *d, int64_t time_s);
/* All closed: the document; empty and an error otherwise. */
struct ee_bytes ee_der_done(struct ee_der_writer *d);

#endif
