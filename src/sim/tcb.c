/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/tcb.h"

#include <string.h>

#include "base/banned.h"

struct level {
    const char *status;
    const char *date;
    uint8_t microcode_svn; /* components 1 and 2 */
    uint8_t module_svn;
};

static const struct level levels[EE_SIM_LEVEL_COUNT] = {
    [EE_SIM_LEVEL_UP_TO_DATE] = {"UpToDate", "2025-01-01T00:00:00Z", 8, 6},
    [EE_SIM_LEVEL_OUT_OF_DATE] = {"OutOfDate", "2024-01-01T00:00:00Z", 6, 4},
    [EE_SIM_LEVEL_REVOKED] = {"Revoked", "2023-01-01T00:00:00Z", 2, 2},
};

const uint8_t ee_sim_qe_mrsigner[32] = {
    0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
    0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};

const char *ee_sim_level_status(enum ee_sim_level level)
{
    return levels[level].status;
}

const char *ee_sim_level_date(enum ee_sim_level level)
{
    return levels[level].date;
}

void ee_sim_level_components(enum ee_sim_level level, uint8_t out[16])
{
    static const uint8_t others[16] = {0, 0, 2, 2, 4, 1, 0, 6};
    memcpy(out, others, sizeof(others));
    out[0] = out[1] = levels[level].microcode_svn;
}

uint8_t ee_sim_level_module_svn(enum ee_sim_level level)
{
    return levels[level].module_svn;
}
