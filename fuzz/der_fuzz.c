/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as DER: the reader stays inside them and accepts one encoding of each length; then
 * every typed value, certificates, SGX extensions and signatures. */
#include "attest/der.h"
#include "attest/pck.h"
#include "attest/x509.h"
#include "fuzz.h"

#include "base/banned.h"

static bool inside(struct ee_bytes part, struct ee_bytes whole)
{
    return part.data >= whole.data && part.size <= whole.size &&
           (size_t)(part.data - whole.data) <= whole.size - part.size;
}

/* The one shortest form of a length. */
static size_t length_write(size_t length, uint8_t out[5])
{
    size_t count = 0;
    if (length < 0x80) {
        out[0] = (uint8_t)length;
        return 1;
    }
    for (size_t rest = length; rest; rest >>= 8)
        count++;
    out[0] = (uint8_t)(0x80 | count);
    for (size_t i = 0; i < count; i++)
        out[1 + i] = (uint8_t)(length >> 8 * (count - 1 - i));
    return 1 + count;
}

static void walk(struct ee_bytes bytes)
{
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    while (c.err == EE_OK && c.left) {
        size_t left = c.left;
        struct ee_der_item item = ee_attest_der_any(&c);
        if (c.err != EE_OK)
            break;
        uint8_t octets[5];
        size_t size = length_write(item.content.size, octets);
        FUZZ_CHECK(inside(item.whole, bytes) && inside(item.content, item.whole));
        FUZZ_CHECK(item.whole.size == 1 + size + item.content.size);
        FUZZ_CHECK(memcmp(item.whole.data + 1, octets, size) == 0);
        FUZZ_CHECK(c.left == left - item.whole.size);
    }
    FUZZ_CHECK(c.left <= bytes.size);
}

static void values(struct ee_bytes bytes)
{
    uint8_t signature[EE_P256_SIGNATURE_SIZE];
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    uint64_t number = ee_attest_der_unsigned(&c, EE_DER_INTEGER, 1000);
    FUZZ_CHECK(number <= 1000 && (c.err == EE_OK || number == 0));
    ee_cursor_init(&c, bytes);
    struct ee_bytes serial = ee_attest_der_serial(&c);
    FUZZ_CHECK(c.err == EE_OK ? serial.size > 0 && serial.size <= 21 : serial.size == 0);
    ee_cursor_init(&c, bytes);
    (void)ee_attest_der_time(&c);
    ee_cursor_init(&c, bytes);
    (void)ee_attest_der_boolean(&c);
    (void)ee_attest_der_signature(bytes, signature);
}

static void certificate(struct ee_bytes bytes)
{
    struct ee_cert cert;
    struct ee_pck pck;
    if (ee_attest_cert_decode(bytes, &cert) != EE_REASON_NONE)
        return;
    FUZZ_CHECK(inside(cert.tbs, bytes) && inside(cert.serial, bytes));
    FUZZ_CHECK(inside(cert.issuer, bytes) && inside(cert.subject, bytes));
    FUZZ_CHECK(cert.serial.size > 0 && cert.serial.size <= 21);
    for (enum ee_cert_role role = EE_CERT_ROOT; role <= EE_CERT_TCB_SIGNING; role++)
        (void)ee_attest_cert_fits(&cert, role);
    if (cert.sgx_extension.size)
        (void)!ee_attest_pck_decode(cert.sgx_extension, &pck);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_bytes bytes = ee_bytes_of(data, size);
    struct ee_pck pck;
    walk(bytes);
    values(bytes);
    certificate(bytes);
    (void)!ee_attest_pck_decode(bytes, &pck);
    return 0;
}
