/* SPDX-License-Identifier: Apache-2.0 */
/* TCB levels with a single SVN, as the TDX module and the quoting enclave have them, and what all
 * levels share: date, status, advisories. */
#ifndef EE_ATTEST_LEVELS_H
#define EE_ATTEST_LEVELS_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/json.h"
#include "attest/reason.h"
#include "attest/tcb.h"

enum { EE_SVN_LEVELS_MAX = 24 };

struct ee_level_common {
    int64_t date_s;
    enum ee_tcb_status status;
    struct ee_bytes advisories; /* a JSON array of strings, borrowed; empty: none */
};

struct ee_svn_level {
    uint16_t svn;
    struct ee_level_common common;
};

struct ee_svn_levels {
    struct ee_svn_level level[EE_SVN_LEVELS_MAX]; /* highest SVN first */
    size_t count;
};

/* Which members of a level were there. */
enum { EE_LEVEL_TCB = 1, EE_LEVEL_DATE = 2, EE_LEVEL_STATUS = 4, EE_LEVEL_ALL = 7 };

/* Reads a member all kinds of level share; skips an unknown one. Adds what it was to `seen`. */
EE_MUST_USE enum ee_reason ee_attest_level_member(struct ee_json *j, struct ee_bytes key,
                                                  struct ee_level_common *out, unsigned *seen);

/* An array of levels {tcb: {isvsvn}, tcbDate, tcbStatus, advisoryIDs?}; statuses UpToDate,
 * OutOfDate and Revoked. Sorted; EE_REASON_COLLATERAL_LEVELS for none, too many or one SVN twice.
 */
EE_MUST_USE enum ee_reason ee_attest_svn_levels_read(struct ee_json *j, struct ee_svn_levels *out);

/* The first level that `svn` reaches, or NULL. */
const struct ee_svn_level *ee_attest_svn_levels_match(const struct ee_svn_levels *levels,
                                                      uint16_t svn);
/* The lowest SVN that is UpToDate; the highest of all when none is. */
uint16_t ee_attest_svn_levels_needed(const struct ee_svn_levels *levels);

#endif
