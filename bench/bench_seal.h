/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM at the journal's sealing seam, for measuring what it costs. */
#ifndef EE_BENCH_SEAL_H
#define EE_BENCH_SEAL_H

#include "io/journal.h"

void bench_seal_init(struct ee_journal_seal *out);
void bench_seal_close(struct ee_journal_seal *seal);

#endif
