/* SPDX-License-Identifier: Apache-2.0 */
/* What every crypto backend must answer, run natively over OpenSSL and as WASM over BearSSL. */
#ifndef EE_TESTS_CRYPTO_CASES_H
#define EE_TESTS_CRYPTO_CASES_H

#include "base/crypto.h"

size_t ee_crypto_case_count(void);
const char *ee_crypto_case_name(size_t index);
bool ee_crypto_case_holds(const struct ee_crypto *crypto, size_t index);

#endif
