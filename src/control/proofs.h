/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs over the log as JSON (docs/spec/checkpoint.md, "Proofs"), of durable sizes only. Each
 * costs O(log size) hashes: the tree keeps the hash of every complete subtree. */
#ifndef EE_CONTROL_PROOFS_H
#define EE_CONTROL_PROOFS_H

#include "control/json.h"
#include "control/state.h"

/* {"from","to","from_root","to_root","proof":[HEX]}; new. NULL: not from <= to <= durable size, or
 * no memory. */
json_t *ee_proofs_consistency(const struct ee_control *control, uint64_t from, uint64_t to);
/* {"seq","size","leaf","root","proof":[HEX]}; new. NULL: not 1 <= seq <= size <= durable size, or
 * no memory. */
json_t *ee_proofs_inclusion(const struct ee_control *control, uint64_t seq, uint64_t size);

#endif
