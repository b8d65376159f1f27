/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/td.h"

#include <string.h>

#include "base/banned.h"

static void register_of(const struct ee_crypto *crypto, const char *part, const char *program,
                        const char *version, uint8_t out[EE_SHA384_SIZE])
{
    uint8_t buffer[4 * 256];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    ee_writer_label(&w, "ee-sim-td", 1);
    ee_writer_text(&w, part);
    ee_writer_text(&w, program);
    ee_writer_text(&w, version);
    const struct ee_bytes bytes = ee_writer_done(&w);
    crypto->sha384(&bytes, 1, out);
}

void ee_sim_td_for_program(const struct ee_crypto *crypto, const char *program, const char *version,
                           struct ee_sim_td *out)
{
    memset(out, 0, sizeof(*out));
    register_of(crypto, "mrtd", program, version, out->mrtd);
    register_of(crypto, "rtmr0", program, version, out->rtmr[0]);
    register_of(crypto, "rtmr1", program, version, out->rtmr[1]);
    register_of(crypto, "rtmr2", program, version, out->rtmr[2]);
    out->attributes[3] = 0x10; /* bit 28: SEPT_VE_DISABLE */
    out->xfam[0] = 0xe7;       /* as production quotes have it */
    out->xfam[1] = 0x02;
    out->xfam[2] = 0x06;
}

enum ee_err ee_sim_td_extend(const struct ee_crypto *crypto, struct ee_sim_td *td, unsigned index,
                             const uint8_t digest[EE_SHA384_SIZE])
{
    if (index > 3)
        return EE_RANGE;
    uint8_t *rtmr = td->rtmr[index];
    const struct ee_bytes parts[] = {ee_bytes_of(rtmr, EE_SHA384_SIZE),
                                     ee_bytes_of(digest, EE_SHA384_SIZE)};
    uint8_t extended[EE_SHA384_SIZE];
    crypto->sha384(parts, 2, extended);
    memcpy(rtmr, extended, sizeof(extended));
    return EE_OK;
}

void ee_sim_td_measurement(const struct ee_sim_td *td, struct ee_measurement *out)
{
    memcpy(out->mrtd, td->mrtd, sizeof(out->mrtd));
    memcpy(out->rtmr, td->rtmr, sizeof(out->rtmr));
}
