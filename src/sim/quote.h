/* SPDX-License-Identifier: Apache-2.0 */
/* Writes quotes of a simulated TD in the real format (docs/spec/evidence.md, "Simulated TDX"). */
#ifndef EE_SIM_QUOTE_H
#define EE_SIM_QUOTE_H

#include "sim/platform.h"
#include "sim/td.h"

enum ee_sim_quote_format {
    EE_SIM_QUOTE_V4,               /* TD report 1.0 */
    EE_SIM_QUOTE_V5,               /* body type 2: TD report 1.0 */
    EE_SIM_QUOTE_V5_TD15,          /* body type 3: TD report 1.5 */
    EE_SIM_QUOTE_V5_TD15_EXTENDED, /* body type 4 */
};

enum { EE_SIM_QUOTE_MAX = 8192 };

/* The platform's faults show in the quote. EE_TOO_LARGE: capacity below EE_SIM_QUOTE_MAX may not
 * do; EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_sim_quote_write(const struct ee_crypto *crypto,
                                           const struct ee_sim_platform *platform,
                                           const struct ee_sim_td *td,
                                           const uint8_t report_data[64],
                                           enum ee_sim_quote_format format, uint8_t *out,
                                           size_t capacity, size_t *size_out);

#endif
