/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/authority.h"

#include <string.h>

#include "base/text.h"
#include "sim/x509_writer.h"

#include "base/banned.h"

/* 2018-01-01 and 2049-12-31, as the real root. */
enum { NOT_BEFORE_S = 1514764800 };
#define NOT_AFTER_S INT64_C(2524521600)

static enum ee_err make_keys(const struct ee_crypto *crypto, struct ee_sim_authority *authority)
{
    EE_TRY(ee_sim_key_derive(crypto, authority->seed, "root", &authority->root_key));
    EE_TRY(ee_sim_key_derive(crypto, authority->seed, "platform-ca", &authority->platform_ca_key));
    return ee_sim_key_derive(crypto, authority->seed, "tcb-signing", &authority->tcb_key);
}

static enum ee_err make_cert(const struct ee_crypto *crypto,
                             const struct ee_sim_authority *authority, const char *name,
                             const struct ee_sim_key *key, int path_length, struct ee_sim_cert *out)
{
    uint8_t digest[32];
    struct ee_sim_cert_spec spec = {.subject = name,
                                    .issuer = "Intel SGX Root CA",
                                    .key = key,
                                    .issuer_key = &authority->root_key,
                                    .not_before_s = NOT_BEFORE_S,
                                    .not_after_s = NOT_AFTER_S,
                                    .path_length = path_length};
    ee_sim_derive(crypto, key->public_key, "serial", digest);
    memcpy(spec.serial, digest, sizeof(spec.serial));
    spec.serial[0] &= 0x7f; /* at most 20 bytes with the sign */
    return ee_sim_cert_write(crypto, &spec, out);
}

enum ee_err ee_sim_authority_init(struct ee_sim_authority *authority,
                                  const struct ee_crypto *crypto, const uint8_t seed[32])
{
    static const uint8_t fmspc[6] = {0x00, 0x51, 0x4d, 0x00, 0x00, 0x00}; /* of no real family */
    memset(authority, 0, sizeof(*authority));
    memcpy(authority->seed, seed, sizeof(authority->seed));
    memcpy(authority->fmspc, fmspc, sizeof(fmspc));
    EE_TRY(make_keys(crypto, authority));
    EE_TRY(make_cert(crypto, authority, "Intel SGX Root CA", &authority->root_key, 1,
                     &authority->root));
    EE_TRY(make_cert(crypto, authority, "Intel SGX PCK Platform CA", &authority->platform_ca_key, 0,
                     &authority->platform_ca));
    return make_cert(crypto, authority, "Intel SGX TCB Signing", &authority->tcb_key, EE_SIM_NO_CA,
                     &authority->tcb_signing);
}

const uint8_t *ee_sim_authority_root_key(const struct ee_sim_authority *authority)
{
    return authority->root_key.public_key;
}

/* RFC 7468: lines of 64. */
size_t ee_sim_cert_pem(const struct ee_sim_cert *cert, char *out, size_t capacity)
{
    struct ee_writer w;
    char line[EE_BASE64_SIZE(48)];
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n",
                      end[] = "-----END CERTIFICATE-----\n";
    ee_writer_init(&w, out, capacity);
    ee_writer_bytes(&w, begin, sizeof(begin) - 1);
    for (size_t at = 0; at < cert->size; at += 48) {
        size_t size = cert->size - at < 48 ? cert->size - at : 48;
        ee_base64_encode(cert->der + at, size, line);
        ee_writer_bytes(&w, line, strlen(line));
        ee_writer_u8(&w, '\n');
    }
    ee_writer_bytes(&w, end, sizeof(end)); /* with the NUL */
    return w.err == EE_OK ? w.size - 1 : 0;
}
