/* SPDX-License-Identifier: Apache-2.0 */
/* sim-collateral AUTHORITY_SEED PLATFORM_SEED fresh|revoked|expired [OPTION=NUMBER ...]: for the
 * tests, collateral of a simulated authority. revoked: that machine's PCK certificate is on the
 * CRL; expired: its time was over a month ago. Options: age (seconds since it was issued; default
 * 3600), valid (seconds), evaluation, module (how much more the newest TDX module level asks for),
 * fmspc (its last byte). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"

#include "base/banned.h"

struct wish {
    uint64_t age, valid, evaluation, module, fmspc;
};

static enum ee_err wish_parse(int argc, char **argv, struct wish *out)
{
    const struct {
        const char *name;
        uint64_t *out;
    } options[] = {{"age=", &out->age},
                   {"valid=", &out->valid},
                   {"evaluation=", &out->evaluation},
                   {"module=", &out->module},
                   {"fmspc=", &out->fmspc}};
    for (int i = 0; i < argc; i++) {
        size_t k = 0, size = 0;
        for (; k < sizeof(options) / sizeof(options[0]); k++) {
            size = strlen(options[k].name);
            if (strncmp(argv[i], options[k].name, size) == 0)
                break;
        }
        if (k == sizeof(options) / sizeof(options[0]) ||
            ee_u64_parse(argv[i] + size, options[k].out) != EE_OK)
            return EE_USAGE;
    }
    return EE_OK;
}

static enum ee_err make(int argc, char **argv, char *out, size_t *size_out)
{
    static struct ee_sim_authority authority;
    static struct ee_sim_platform platform;
    uint8_t authority_seed[32], platform_seed[32], fmspc[6];
    struct wish wish = {.age = 3600};
    uint32_t fault = strcmp(argv[3], "revoked") == 0   ? EE_SIM_PCK_REVOKED
                     : strcmp(argv[3], "expired") == 0 ? EE_SIM_COLLATERAL_EXPIRED
                                                       : EE_SIM_HEALTHY;
    EE_TRY(ee_hex_decode(ee_bytes_str(argv[1]), authority_seed, 32));
    EE_TRY(ee_hex_decode(ee_bytes_str(argv[2]), platform_seed, 32));
    EE_TRY(wish_parse(argc - 4, argv + 4, &wish));
    EE_TRY(ee_sim_authority_init(&authority, &ee_crypto_openssl, authority_seed));
    EE_TRY(
        ee_sim_platform_init(&platform, &ee_crypto_openssl, &authority, platform_seed, 8, fault));
    memcpy(fmspc, authority.fmspc, sizeof(fmspc));
    if (wish.fmspc)
        fmspc[5] = (uint8_t)wish.fmspc;
    const struct ee_sim_collateral_options options = {.platform = &platform,
                                                      .issued_s =
                                                          (int64_t)time(NULL) - (int64_t)wish.age,
                                                      .valid_s = (uint32_t)wish.valid,
                                                      .evaluation = (uint32_t)wish.evaluation,
                                                      .module_svn_more = (uint8_t)wish.module,
                                                      .fmspc = fmspc};
    return ee_sim_collateral_write_with(&ee_crypto_openssl, &authority, &options, out,
                                        EE_SIM_COLLATERAL_MAX, size_out);
}

int main(int argc, char **argv)
{
    static char text[EE_SIM_COLLATERAL_MAX];
    size_t size;
    enum ee_err err = argc >= 4 ? make(argc, argv, text, &size) : EE_USAGE;
    if (err == EE_OK && fwrite(text, 1, size, stdout) == size)
        return 0;
    (void)fprintf(stderr, "sim-collateral: %s\n", ee_err_text(err));
    return 1;
}
