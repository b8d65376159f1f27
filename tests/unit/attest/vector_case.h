/* SPDX-License-Identifier: Apache-2.0 */
/* One case of the directory in EE_TDX_VECTORS: quote, collateral, root, time, expected status. */
#ifndef EE_TESTS_VECTOR_CASE_H
#define EE_TESTS_VECTOR_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/json.h"
#include "attest/pem.h"
#include "attest/verify.h"
#include "attest/x509.h"

enum { FILE_MAX = 256 * 1024 };

struct test_case {
    uint8_t quote[16 * 1024];
    size_t quote_size;
    uint8_t file[FILE_MAX], scratch[FILE_MAX];
    size_t file_size;
    struct ee_collateral collateral;
    uint8_t root[EE_P256_POINT_SIZE];
    int64_t time_s;
    char status[64]; /* "" for refuse */
};

static inline size_t load(const char *name, const char *file, uint8_t *out, size_t capacity)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", getenv("EE_TDX_VECTORS"), name, file);
    FILE *in = fopen(path, "rb");
    size_t size = in ? fread(out, 1, capacity, in) : 0;
    if (in)
        (void)fclose(in);
    return size;
}

/* {"verify_time": N, "expect": {"tcb_status": "..."}} among other members. */
static inline bool expectation_read(struct test_case *t, struct ee_bytes text)
{
    struct ee_json j;
    struct ee_bytes key;
    t->status[0] = '\0';
    ee_attest_json_init(&j, text, FILE_MAX);
    ee_attest_json_object(&j);
    while (ee_attest_json_key(&j, &key)) {
        if (ee_bytes_equal(key, ee_bytes_str("verify_time"))) {
            t->time_s = ee_attest_json_unsigned(&j, UINT32_MAX);
        } else if (ee_bytes_equal(key, ee_bytes_str("expect"))) {
            ee_attest_json_object(&j);
            while (ee_attest_json_key(&j, &key)) {
                if (ee_bytes_equal(key, ee_bytes_str("tcb_status"))) {
                    struct ee_bytes status = ee_attest_json_text(&j);
                    (void)snprintf(t->status, sizeof(t->status), "%.*s", (int)status.size,
                                   (const char *)status.data);
                } else {
                    (void)ee_attest_json_skip(&j);
                }
            }
        } else {
            (void)ee_attest_json_skip(&j);
        }
    }
    return ee_attest_json_end(&j) == EE_REASON_NONE;
}

static inline bool root_load(struct test_case *t, const char *name)
{
    static uint8_t pem[8192];
    struct ee_der_chain chain;
    struct ee_cert cert;
    size_t size = load(name, "root_ca.pem", pem, sizeof(pem));
    memcpy(t->root, ee_attest_root_production, sizeof(t->root));
    if (size == 0)
        return true;
    if (ee_attest_pem_certificates(ee_bytes_of(pem, size), pem, size, &chain) != EE_REASON_NONE ||
        ee_attest_cert_decode(chain.der[0], &cert) != EE_REASON_NONE)
        return false;
    memcpy(t->root, cert.key, sizeof(t->root));
    return true;
}

static inline enum ee_reason collateral_decode(struct test_case *t)
{
    return ee_attest_collateral_decode(ee_bytes_of(t->file, t->file_size), t->scratch,
                                       sizeof(t->scratch), &t->collateral);
}

static inline bool case_load(struct test_case *t, const char *name)
{
    size_t size = load(name, "expect.json", t->file, sizeof(t->file));
    if (!expectation_read(t, ee_bytes_of(t->file, size)) || !root_load(t, name))
        return false;
    t->quote_size = load(name, "quote.bin", t->quote, sizeof(t->quote));
    t->file_size = load(name, "collateral.json", t->file, sizeof(t->file));
    return collateral_decode(t) == EE_REASON_NONE;
}

#endif
