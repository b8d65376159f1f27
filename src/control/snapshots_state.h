/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the snapshots. */
#ifndef EE_CONTROL_SNAPSHOTS_STATE_H
#define EE_CONTROL_SNAPSHOTS_STATE_H

#include "control/snapshots.h"
#include "io/background.h"
#include "io/split.h"

struct ee_snapshots {
    struct ee_snapshot_options file;
    char folder[PATH_MAX];
    const struct ee_allocator *allocator;
    const struct ee_core_limits *limits;
    uint64_t every;
    uint64_t tried_seq; /* of the last one tried */
    uint64_t leaves;    /* of the log, known to be in the file of leaves */
    struct ee_snapshots_counts counts;
    /* the one on its way: split, then with its place in the journal, then with its thread */
    struct ee_split split;
    const struct ee_core *core; /* as split off */
    const struct ee_tlog *tlog;
    struct ee_snapshot_head head;
    uint64_t began_us, stall_us;
    struct ee_background *work;
    enum ee_err err; /* the thread's, as the next; read after joining it */
    uint64_t size;
};

enum ee_err ee_snapshots_leaf_path(const struct ee_snapshots *snapshots, char out[PATH_MAX]);

#endif
