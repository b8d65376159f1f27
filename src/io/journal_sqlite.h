/* SPDX-License-Identifier: Apache-2.0 */
/* The journal in one SQLite file: WAL, synchronous=FULL, a row per batch. */
#ifndef EE_IO_JOURNAL_SQLITE_H
#define EE_IO_JOURNAL_SQLITE_H

#include "io/journal.h"

enum ee_journal_sqlite_mode {
    EE_JOURNAL_CREATE, /* makes the file (mode 0600) when it is missing */
    EE_JOURNAL_EXISTING,
};

/* Opens the file and locks it for this process: flock on `path`.lock. Readers are not kept out.
 * EE_JOURNAL_LOCKED: another process has it. EE_NOT_FOUND: missing (EXISTING). EE_UNSUPPORTED: not
 * a journal; EE_VERSION: of a newer release. EE_JOURNAL_CORRUPT: SQLite finds its file damaged.
 * EE_TOO_LARGE: path; EE_NO_MEMORY, EE_IO, EE_JOURNAL. */
EE_MUST_USE enum ee_err ee_journal_sqlite_open(const char *path, enum ee_journal_sqlite_mode mode,
                                               struct ee_journal_store *out);

#endif
