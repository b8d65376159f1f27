/* SPDX-License-Identifier: Apache-2.0 */
/* sim-collateral AUTHORITY_SEED PLATFORM_SEED revoked|expired: for the tests, collateral of a
 * simulated authority in which one machine's PCK certificate is revoked, or that has run out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"

#include "base/banned.h"

static enum ee_err make(char **argv, char *out, size_t *size_out)
{
    static struct ee_sim_authority authority;
    static struct ee_sim_platform platform;
    uint8_t authority_seed[32], platform_seed[32];
    uint32_t fault =
        strcmp(argv[3], "revoked") == 0 ? EE_SIM_PCK_REVOKED : EE_SIM_COLLATERAL_EXPIRED;
    EE_TRY(ee_hex_decode(ee_bytes_str(argv[1]), authority_seed, 32));
    EE_TRY(ee_hex_decode(ee_bytes_str(argv[2]), platform_seed, 32));
    EE_TRY(ee_sim_authority_init(&authority, &ee_crypto_openssl, authority_seed));
    EE_TRY(
        ee_sim_platform_init(&platform, &ee_crypto_openssl, &authority, platform_seed, 8, fault));
    return ee_sim_collateral_write(&ee_crypto_openssl, &authority, &platform,
                                   (int64_t)time(NULL) - 3600, out, EE_SIM_COLLATERAL_MAX,
                                   size_out);
}

int main(int argc, char **argv)
{
    static char text[EE_SIM_COLLATERAL_MAX];
    size_t size;
    enum ee_err err = argc == 4 ? make(argv, text, &size) : EE_USAGE;
    if (err == EE_OK && fwrite(text, 1, size, stdout) == size)
        return 0;
    (void)fprintf(stderr, "sim-collateral: %s\n", ee_err_text(err));
    return 1;
}
