/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does with a journal of a stopped control plane: verify it, export it. */
#ifndef EE_CONTROL_SEQUENCER_TOOLS_H
#define EE_CONTROL_SEQUENCER_TOOLS_H

#include "core/core.h"
#include "io/journal.h"

struct ee_journal_report {
    uint8_t network_id[32];
    bool chain_only; /* sealed, and not opened: only the chain of hashes was checked */
    uint64_t batches, commands, epoch;
    uint8_t state_hash[32];
    uint8_t log_root[32]; /* Merkle root over all commands */
    uint64_t snapshots;   /* that agree with the journal; ee_journal_snapshots_verify() */
    struct ee_journal_fault fault;
};

/* The journal of whatever network it belongs to: a tool has no configuration to compare with.
 * Errors of ee_journal_sqlite_open() and ee_journal_open(). */
EE_MUST_USE enum ee_err ee_journal_tool_open(const char *path, const struct ee_crypto *crypto,
                                             const struct ee_journal_seal *seal,
                                             struct ee_journal **out);

/* Recomputes every hash, result, Merkle root and state hash of the journal at `path`, and checks
 * the invariants. On failure report->fault names the first bad batch or command. Errors:
 * ee_journal_sqlite_open(), ee_sequencer_start(). `seal` NULL: nothing sealed is opened
 * (EE_UNSUPPORTED). `afresh`: at every start the state hash from every record, and the invariants.
 */
EE_MUST_USE enum ee_err ee_journal_verify(const char *path, const struct ee_crypto *crypto,
                                          const struct ee_journal_seal *seal, bool afresh,
                                          struct ee_journal_report *report);

/* Every snapshot in the folder: it is the state that replay of the journal gives at its batch, and
 * the rest of the journal leads from it to the same end. EE_SNAPSHOT, and what else makes a start
 * pass one over; report->fault.seq is then the snapshot's. Errors as above. */
EE_MUST_USE enum ee_err ee_journal_snapshots_verify(const char *path, const char *folder,
                                                    const struct ee_crypto *crypto,
                                                    const struct ee_journal_seal *seal,
                                                    struct ee_journal_report *report);
/* The same for a sealed journal without its key: that its rows are the hashed ones and follow one
 * another. What they say, and so state, root and results, stays unknown. */
EE_MUST_USE enum ee_err ee_journal_verify_chain(const char *path, const struct ee_crypto *crypto,
                                                struct ee_journal_report *report);

/* One line with a line feed, borrowed during the call; anything but EE_OK ends the export. */
typedef enum ee_err (*ee_journal_line_fn)(void *context, struct ee_bytes line);

/* Every command from `first_seq` as a line of JSON (docs/spec/journal.md, "Export"), chain and
 * hashes checked, results not recomputed. Errors as above, and those of `fn`. */
EE_MUST_USE enum ee_err ee_journal_export(const char *path, const struct ee_crypto *crypto,
                                          const struct ee_journal_seal *seal, uint64_t first_seq,
                                          ee_journal_line_fn fn, void *context,
                                          struct ee_journal_fault *fault_out);

#endif
