/* SPDX-License-Identifier: Apache-2.0 */
/* Money: integer micro-dollars. 1 credit = 1 USD = 1,000,000. Prices: nano-dollars per vCPU-hour.
 * Nothing here rounds but ee_money_lock, once, upwards. */
#ifndef EE_BASE_MONEY_H
#define EE_BASE_MONEY_H

#include <stdint.h>

#include "base/err.h"

struct ee_money {
    int64_t micros;
};

#ifndef __FRAMAC__ /* tools/prove: it knows no 128-bit numbers, and nothing proved uses them */
__extension__ typedef unsigned __int128 ee_u128;
__extension__ typedef __int128 ee_i128;
#endif

/* "200", "$200", "1,000", "$1,234.5", at most 6 decimals, no sign, no exponent, up to 256
 * characters. EE_SYNTAX, EE_OVERFLOW. */
EE_MUST_USE enum ee_err ee_money_parse(const char *text, struct ee_money *out);
/* The same for a price per vCPU-hour, at most 9 decimals. */
EE_MUST_USE enum ee_err ee_price_parse(const char *text, int64_t *nanos_out);

enum { EE_MONEY_TEXT_SIZE = 40 };
/* Decimal for JSON: "0.0125", "20", "-3.2"; no currency mark, no trailing zeros. Returns out. */
char *ee_money_format(struct ee_money money, char out[EE_MONEY_TEXT_SIZE]);
/* For people: "$12.30", up to 6 decimals where more than two are needed, "-$3.20". Returns out. */
char *ee_money_show(struct ee_money money, char out[EE_MONEY_TEXT_SIZE]);
/* Decimal for JSON of a price in nano-dollars: "0.0125". Returns out. */
char *ee_price_format(int64_t nanos, char out[EE_MONEY_TEXT_SIZE]);

/* Lock for `vcpu_seconds` at `nanos_per_vcpu_hour`: ceil(price * vcpu_seconds / 3,600,000)
 * micro-dollars. EE_RANGE: negative price. EE_OVERFLOW: does not fit. */
EE_MUST_USE enum ee_err ee_money_lock(int64_t nanos_per_vcpu_hour, uint64_t vcpu_seconds,
                                      struct ee_money *out);
EE_MUST_USE enum ee_err ee_money_add(struct ee_money a, struct ee_money b, struct ee_money *out);
EE_MUST_USE enum ee_err ee_money_subtract(struct ee_money a, struct ee_money b,
                                          struct ee_money *out);

#endif
