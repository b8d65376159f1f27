/* SPDX-License-Identifier: Apache-2.0 */
#include "control/proofs.h"

#include "base/banned.h"

static json_t *hash_json(const struct ee_tlog_hash *hash)
{
    return ee_json_hex(hash->bytes, sizeof hash->bytes);
}

static json_t *proof_json(const struct ee_tlog_proof *proof)
{
    json_t *list = json_array();
    for (size_t i = 0; i < proof->count; i++)
        json_array_append_new(list, hash_json(&proof->hashes[i]));
    return list;
}

json_t *ee_proofs_consistency(const struct ee_control *control, uint64_t from, uint64_t to)
{
    const struct ee_tlog *log = ee_sequencer_tlog(control->sequencer);
    struct ee_tlog_hash from_root, to_root;
    struct ee_tlog_proof proof;
    if (to > ee_sequencer_durable_seq(control->sequencer) ||
        ee_tlog_consistency(log, from, to, &proof) != EE_OK ||
        ee_tlog_root(log, from, &from_root) != EE_OK || ee_tlog_root(log, to, &to_root) != EE_OK)
        return NULL;
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "from", ee_json_u64(from), "to", ee_json_u64(to),
                     "from_root", hash_json(&from_root), "to_root", hash_json(&to_root), "proof",
                     proof_json(&proof));
}

json_t *ee_proofs_inclusion(const struct ee_control *control, uint64_t seq, uint64_t size)
{
    const struct ee_tlog *log = ee_sequencer_tlog(control->sequencer);
    struct ee_tlog_hash root;
    struct ee_tlog_proof proof;
    if (seq == 0 || size > ee_sequencer_durable_seq(control->sequencer) ||
        ee_tlog_inclusion(log, seq - 1, size, &proof) != EE_OK ||
        ee_tlog_root(log, size, &root) != EE_OK)
        return NULL;
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "seq", ee_json_u64(seq), "size",
                     ee_json_u64(size), "leaf", hash_json(&log->levels[0].hashes[seq - 1]), "root",
                     hash_json(&root), "proof", proof_json(&proof));
}
