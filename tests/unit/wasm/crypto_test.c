/* SPDX-License-Identifier: Apache-2.0 */
/* The table of crypto_cases.c over OpenSSL; tests/wasm runs it over BearSSL. */
#include "crypto_cases.h"
#include "io/crypto_openssl.h"
#include "tap.h"

static void every_case_holds_over_openssl(void)
{
    CHECK(ee_crypto_case_count() > 90);
    for (size_t i = 0; i < ee_crypto_case_count(); i++) {
        bool holds = ee_crypto_case_holds(&ee_crypto_openssl, i);
        if (!holds)
            printf("# %s\n", ee_crypto_case_name(i));
        CHECK(holds);
    }
}

TESTS(TEST(every_case_holds_over_openssl))
