/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for what the control plane remembers between two verifications of its agents
 * (attest/cache.h): platforms, and collateral of several platform families. Agents are attested
 * again and again: then one signature is verified instead of nine. Loop thread only, like all
 * verification here. */
#ifndef EE_CONTROL_VERIFY_CACHE_H
#define EE_CONTROL_VERIFY_CACHE_H

#include <stddef.h>

#include "base/err.h"

struct ee_verify_cache;

/* Room for `platforms` of them and eight sets of collateral: 0.8 MB and 312 bytes for each. To be
 * freed with ee_control_cache_free(). EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_control_cache_new(size_t platforms, struct ee_verify_cache **out);
void ee_control_cache_free(struct ee_verify_cache *cache);

#endif
