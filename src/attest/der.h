/* SPDX-License-Identifier: Apache-2.0 */
/* A strict DER reader (ITU-T X.690 section 10): definite, minimal lengths, one-byte tags. Works on
 * a cursor with a sticky error: EE_SYNTAX or EE_TRUNCATED. */
#ifndef EE_ATTEST_DER_H
#define EE_ATTEST_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crypto.h"

enum {
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
    EE_DER_CONTEXT = 0x80,             /* | number: primitive */
    EE_DER_CONTEXT_CONSTRUCTED = 0xa0, /* | number */
};

struct ee_der_item {
    uint8_t tag;
    struct ee_bytes content;
    struct ee_bytes whole; /* with tag and length, as signed */
};

/* Reads the length octets at `data`: how many they are and what they say. False: indefinite, not
 * minimal, more than 32 bits, or cut off. Never reads beyond `size`. */
bool ee_attest_der_length(const uint8_t *data, size_t size, size_t *octets_out, size_t *length_out);

/* The next item of any tag; empty on error. */
struct ee_der_item ee_attest_der_any(struct ee_cursor *c);
/* The next item, which must have `tag`: its content. */
struct ee_bytes ee_attest_der_expect(struct ee_cursor *c, uint8_t tag);
/* True when the next item has `tag`; false at the end or on error. */
bool ee_attest_der_next_is(const struct ee_cursor *c, uint8_t tag);
/* A cursor over the content of the next item, which must have `tag`. */
struct ee_cursor ee_attest_der_enter(struct ee_cursor *c, uint8_t tag);
/* INTEGER or ENUMERATED content as unsigned up to `limit`; EE_RANGE beyond. */
uint64_t ee_attest_der_unsigned(struct ee_cursor *c, uint8_t tag, uint64_t limit);
/* The content of an INTEGER that is a serial number (RFC 5280 section 4.1.2.2): not negative, in
 * its one shortest form, so that equal serials have equal bytes; at most 20 octets and a leading
 * zero.
 */
struct ee_bytes ee_attest_der_serial(struct ee_cursor *c);
/* BOOLEAN; DER has 00 and ff. */
bool ee_attest_der_boolean(struct ee_cursor *c);
/* UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 wants them, in seconds since 1970. */
int64_t ee_attest_der_time(struct ee_cursor *c);
/* ECDSA-Sig-Value (RFC 3279 section 2.2.3) to r||s. False when not strict DER or longer than 32
 * bytes each. */
bool ee_attest_der_signature(struct ee_bytes der, uint8_t out[EE_P256_SIGNATURE_SIZE]);

#endif
