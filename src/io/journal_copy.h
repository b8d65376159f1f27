/* SPDX-License-Identifier: Apache-2.0 */
/* A consistent copy of a SQLite journal, also while a process writes it. */
#ifndef EE_IO_JOURNAL_COPY_H
#define EE_IO_JOURNAL_COPY_H

#include "base/err.h"

/* Copies the journal as it is at one moment, with SQLite's backup interface (sqlite.org,
 * "c3ref/backup_finish"): one read transaction, which stops no writer. `to` appears complete,
 * durable and with mode 0600, or not at all. EE_NOT_FOUND: no `from`; EE_STATE: `to` is there;
 * EE_TOO_LARGE: a path; EE_JOURNAL_CORRUPT, EE_NO_MEMORY, EE_IO. */
EE_MUST_USE enum ee_err ee_journal_copy(const char *from, const char *to);

/* Moves a journal nobody has open aside, with what SQLite keeps beside it: to PATH.replaced, or
 * PATH.replaced.2 to .99. Nothing to do without one. EE_STATE: all these names are taken; EE_IO,
 * EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_journal_set_aside(const char *path);

#endif
