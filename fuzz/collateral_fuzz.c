/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the parser: a collateral file, TCB Info, QE identity, a certificate, a
 * CRL, a PCK extension, PEM. What a signature would protect is parsed without one here. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "attest/collateral.h"
#include "attest/crl.h"
#include "attest/pck.h"
#include "attest/qe_identity.h"
#include "attest/tcb_info.h"
#include "attest/x509.h"
#include "base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collateral(struct ee_bytes bytes)
{
    struct ee_collateral out;
    uint8_t *scratch = malloc(bytes.size + 1);
    enum ee_reason reason = EE_REASON_NONE;
    if (scratch)
        reason = ee_attest_collateral_decode(bytes, scratch, bytes.size, &out);
    if (reason == EE_REASON_COLLATERAL_TOO_LARGE) /* scratch as large as the file is enough */
        abort();
    free(scratch);
}

static void tcb_info(struct ee_bytes bytes)
{
    static struct ee_tcb_info info;
    static const struct ee_pck pck = {.components = {9, 9}, .pcesvn = 9};
    static const uint8_t svn[EE_TCB_SVN_SIZE] = {5, 1, 3};
    if (ee_attest_tcb_info_decode(bytes, &info) != EE_REASON_NONE)
        return;
    (void)ee_attest_tcb_info_match(&info, &pck, svn);
    (void)ee_attest_tcb_info_module(&info, svn[1]);
    (void)ee_attest_tcb_info_needed(&info);
}

static void certificate(struct ee_bytes bytes)
{
    struct ee_cert cert;
    struct ee_pck pck;
    if (ee_attest_cert_decode(bytes, &cert) == EE_REASON_NONE &&
        ee_attest_pck_decode(cert.sgx_extension, &pck) == EE_REASON_NONE)
        (void)ee_attest_cert_fits(&cert, EE_CERT_PCK);
}

static void crl(struct ee_bytes bytes)
{
    struct ee_crl list;
    if (ee_attest_crl_decode(bytes, &list) == EE_REASON_NONE)
        (void)ee_attest_crl_revokes(&list, bytes);
}

static void pem(struct ee_bytes bytes)
{
    struct ee_der_chain chain;
    uint8_t *memory = malloc(bytes.size + 1);
    if (memory && ee_attest_pem_certificates(bytes, memory, bytes.size, &chain) == EE_REASON_NONE)
        certificate(chain.der[0]);
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ee_qe_identity identity;
    struct ee_pck pck;
    enum ee_reason reason = EE_REASON_NONE;
    if (size == 0)
        return 0;
    struct ee_bytes bytes = ee_bytes_of(data + 1, size - 1);
    switch (data[0] % 7) {
    case 0:
        collateral(bytes);
        break;
    case 1:
        tcb_info(bytes);
        break;
    case 2:
        reason = ee_attest_qe_identity_decode(bytes, &identity);
        break;
    case 3:
        certificate(bytes);
        break;
    case 4:
        crl(bytes);
        break;
    case 5:
        reason = ee_attest_pck_decode(bytes, &pck);
        break;
    default:
        pem(bytes);
    }
    (void)reason;
    return 0;
}
