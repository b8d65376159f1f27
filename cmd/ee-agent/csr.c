/* SPDX-License-Identifier: Apache-2.0 */
/* ee-agent csr: a certificate request for the TLS key of this agent (docs/spec/passthrough.md). */
#include "csr.h"

#include <stdio.h>
#include <string.h>

#include "agent/identity.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

static int failed(enum ee_err err, const char *what)
{
    (void)fprintf(stderr, "ee-agent: %s: %s\n", what, ee_err_text(err));
    return ee_err_exit_code(err);
}

int ee_agent_csr(int argc, char **argv)
{
    struct ee_agent_identity identity;
    struct ee_pem request;
    if (argc < 3 || strcmp(argv[0], "--state") != 0 || argc - 2 > EE_X509_NAMES_MAX)
        return failed(EE_USAGE, "ee-agent csr --state DIR APP.DOMAIN...");
    const struct ee_x509_subject subject = {.common_name = argv[2],
                                            .names = (const char *const *)(argv + 2),
                                            .name_count = (size_t)(argc - 2)};
    enum ee_err err = ee_agent_identity_load(argv[1], &ee_crypto_openssl, &identity);
    if (err != EE_OK)
        return failed(err, argv[1]);
    err = ee_x509_request(ee_pem_bytes(&identity.tls_key), &subject, &request);
    ee_agent_identity_wipe(&identity);
    if (err != EE_OK)
        return failed(err, "the request");
    return fputs(request.text, stdout) < 0;
}
