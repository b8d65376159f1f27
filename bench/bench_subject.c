/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_subject.h"

#include <string.h>

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "sim/collateral.h"
#include "sim/quote.h"
#include "base/banned.h"

enum { FILE_MAX = 256 * 1024, SIM_TIME_S = 1790000000, HOUR_S = 3600 };

enum ee_err bench_subject_simulated(struct bench_subject *out)
{
    static const uint8_t seed[32] = {'b', 'e', 'n', 'c', 'h'}, report_data[64] = {1};
    static struct ee_sim_authority authority;
    static struct ee_sim_platform platform;
    static uint8_t quote[EE_SIM_QUOTE_MAX];
    static char text[EE_SIM_COLLATERAL_MAX];
    const struct ee_crypto *crypto = &ee_crypto_openssl;
    struct ee_sim_td td;
    size_t size, text_size;
    ee_sim_td_for_program(crypto, "ee-agent", "0.1.0", &td);
    EE_TRY(ee_sim_authority_init(&authority, crypto, seed));
    EE_TRY(ee_sim_platform_init(&platform, crypto, &authority, seed, 8, EE_SIM_HEALTHY));
    EE_TRY(ee_sim_quote_write(crypto, &platform, &td, report_data, EE_SIM_QUOTE_V4, quote,
                              sizeof(quote), &size));
    EE_TRY(ee_sim_collateral_write(crypto, &authority, &platform, SIM_TIME_S - HOUR_S, text,
                                   sizeof(text), &text_size));
    memcpy(out->root[0], ee_sim_authority_root_key(&authority), EE_P256_POINT_SIZE);
    out->name = "simulated quote";
    out->simulated = true;
    out->quote = ee_bytes_of(quote, size);
    out->collateral = ee_bytes_of(text, text_size);
    out->time_s = SIM_TIME_S;
    return EE_OK;
}

enum ee_err bench_subject_read(char **words, struct bench_subject *out)
{
    static struct ee_file_data quote, collateral;
    uint64_t time_s;
    EE_TRY(ee_u64_parse(words[2], &time_s));
    EE_TRY(ee_file_read(words[0], FILE_MAX, &quote));
    EE_TRY(ee_file_read(words[1], FILE_MAX, &collateral));
    memcpy(out->root[0], ee_attest_root_production, EE_P256_POINT_SIZE);
    out->name = words[0];
    out->simulated = false;
    out->quote = ee_file_bytes(&quote);
    out->collateral = ee_file_bytes(&collateral);
    out->time_s = (int64_t)time_s;
    return EE_OK;
}
