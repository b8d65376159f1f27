/* SPDX-License-Identifier: Apache-2.0 */
/* A webhook as anybody may send it: header, a zero byte, body. What is read as an event must encode
 * as a command or be refused. */
#include <stdlib.h>
#include <string.h>

#include "control/stripe.h"
#include "io/crypto_openssl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_stripe_secrets secrets;
    struct ee_payment_word word;
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t header = end ? (size_t)(end - data) : 0;
    struct ee_bytes body = end ? ee_bytes_of(end + 1, size - header - 1) : ee_bytes_of(data, size);
    (void)!ee_stripe_secrets_parse(ee_bytes_of(data, size), &secrets);
    if (ee_stripe_secrets_parse(ee_bytes_str("whsec_0123456789abcdef"), &secrets) != EE_OK)
        abort();
    if (ee_stripe_verify(&ee_crypto_openssl, &secrets, ee_bytes_of(data, header), body, 0) == EE_OK)
        abort(); /* nobody guesses a signature */
    if (ee_stripe_event(body, &word) != EE_OK)
        return 0;
    uint8_t memory[512];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof(memory));
    if (ee_payment_word_encode(&word, &w) != EE_OK)
        abort();
    return 0;
}
