/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "control/read_store.h"

#include "base/banned.h"

enum { APPLICATION_ID = 0x65657231 /* "eer1" */ };

enum statement {
    CURSOR_GET,
    CURSOR_PUT,
    ACCOUNT,
    ENTRY,
    LINE,
    LEASE,
    PERIOD,
    RECEIPT,
    EVENT,
    ALERT_GET,
    ALERT_PUT,
    STATEMENTS
};

struct ee_read_store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
};

static const char schema_sql[] =
    "CREATE TABLE cursor(one INTEGER PRIMARY KEY CHECK(one = 1), network BLOB NOT NULL,"
    " batch INTEGER NOT NULL, seq INTEGER NOT NULL, time_us INTEGER NOT NULL,"
    " hash BLOB NOT NULL) STRICT;"
    "CREATE TABLE account(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " owned INTEGER NOT NULL, debits_pending INTEGER NOT NULL, debits_posted INTEGER NOT NULL,"
    " credits_pending INTEGER NOT NULL, credits_posted INTEGER NOT NULL) STRICT;"
    "CREATE TABLE entry(number INTEGER PRIMARY KEY, seq INTEGER NOT NULL,"
    " time_us INTEGER NOT NULL, code INTEGER NOT NULL, phase INTEGER NOT NULL,"
    " debit INTEGER NOT NULL, credit INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " reserved INTEGER NOT NULL, reservation INTEGER NOT NULL, lease BLOB, period INTEGER NOT NULL,"
    " reference TEXT NOT NULL, memo TEXT NOT NULL) STRICT;"
    "CREATE INDEX entry_time ON entry(time_us);"
    "CREATE TABLE line(account INTEGER NOT NULL, number INTEGER NOT NULL,"
    " available INTEGER NOT NULL, locked INTEGER NOT NULL, incoming INTEGER NOT NULL,"
    " PRIMARY KEY(account, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE lease(row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, app TEXT NOT NULL,"
    " launcher TEXT NOT NULL, operator TEXT NOT NULL, node TEXT NOT NULL,"
    " workload INTEGER NOT NULL, state INTEGER NOT NULL, reason INTEGER NOT NULL,"
    " exit_code INTEGER NOT NULL, vcpus INTEGER NOT NULL, price_nanos INTEGER NOT NULL,"
    " reserved_us INTEGER NOT NULL, running_us INTEGER NOT NULL, ended_us INTEGER NOT NULL,"
    " periods INTEGER NOT NULL) STRICT;"
    "CREATE INDEX lease_launcher ON lease(launcher);"
    "CREATE INDEX lease_operator ON lease(operator);"
    "CREATE TABLE period(row INTEGER PRIMARY KEY, lease BLOB NOT NULL, number INTEGER NOT NULL,"
    " launcher TEXT NOT NULL, operator TEXT NOT NULL, starts_us INTEGER NOT NULL,"
    " ends_us INTEGER NOT NULL, state INTEGER NOT NULL, verdict INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, locked INTEGER NOT NULL, paid INTEGER NOT NULL,"
    " refunded INTEGER NOT NULL, health_ok INTEGER NOT NULL, health_missed INTEGER NOT NULL,"
    " attestation_ok INTEGER NOT NULL, attestation_missed INTEGER NOT NULL,"
    " lock_seq INTEGER NOT NULL, settle_seq INTEGER NOT NULL, UNIQUE(lease, number)) STRICT;"
    "CREATE INDEX period_launcher ON period(launcher);"
    "CREATE INDEX period_operator ON period(operator);"
    "CREATE TABLE receipt(seq INTEGER PRIMARY KEY, time_us INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, actor_kind INTEGER NOT NULL, actor TEXT NOT NULL,"
    " err INTEGER NOT NULL) STRICT;"
    "CREATE INDEX receipt_actor ON receipt(actor);"
    "CREATE TABLE event(number INTEGER PRIMARY KEY, account TEXT NOT NULL, kind INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, time_us INTEGER NOT NULL, body TEXT NOT NULL) STRICT;"
    "CREATE INDEX event_account ON event(account);"
    "CREATE TABLE alert(account TEXT PRIMARY KEY, low INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

static const char *const statement_sql[STATEMENTS] = {
    [CURSOR_GET] = "SELECT batch, seq, time_us, hash, network FROM cursor",
    [CURSOR_PUT] = "UPDATE cursor SET batch = ?1, seq = ?2, time_us = ?3, hash = ?4",
    [ACCOUNT] = ("INSERT INTO account VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(number) DO"
                 " UPDATE SET debits_pending = ?4, debits_posted = ?5, credits_pending = ?6,"
                 " credits_posted = ?7"),
    [ENTRY] = ("INSERT INTO entry VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
               " ?14)"),
    [LINE] = "INSERT INTO line VALUES(?1, ?2, ?3, ?4, ?5)",
    [LEASE] = ("INSERT OR REPLACE INTO lease VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
               " ?12, ?13, ?14, ?15, ?16)"),
    [PERIOD] = ("INSERT OR REPLACE INTO period VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"),
    [RECEIPT] = "INSERT INTO receipt VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [EVENT] = "INSERT INTO event VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [ALERT_GET] = "SELECT low FROM alert WHERE account = ?1",
    [ALERT_PUT] = "INSERT OR REPLACE INTO alert VALUES(?1, ?2)",
};

/* What is neither memory nor the disk is the file: it is built anew. */
static enum ee_err error_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return EE_OK;
    case SQLITE_NOMEM:
        return EE_NO_MEMORY;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return EE_IO;
    default:
        return EE_READ_DAMAGED;
    }
}

static enum ee_err run(sqlite3 *db, const char *sql)
{
    return error_of(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static enum ee_err number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return code == SQLITE_ROW ? EE_OK : error_of(code == SQLITE_DONE ? SQLITE_ERROR : code);
}

/* ---- statements with bound values ---- */

/* i: int64_t, u: uint64_t, t: text, b: pointer (NULL: null) and size. */
static void bind(sqlite3_stmt *s, const char *types, va_list values)
{
    for (int i = 1; *types != '\0'; types++, i++) {
        if (*types == 't') {
            sqlite3_bind_text(s, i, va_arg(values, const char *), -1, SQLITE_STATIC);
        } else if (*types == 'b') {
            const void *data = va_arg(values, const void *);
            sqlite3_bind_blob64(s, i, data, va_arg(values, size_t), SQLITE_STATIC);
        } else {
            sqlite3_bind_int64(s, i, va_arg(values, int64_t));
        }
    }
}

static enum ee_err put(struct ee_read_store *store, enum statement which, const char *types, ...)
{
    sqlite3_stmt *s = store->statements[which];
    va_list values;
    va_start(values, types);
    bind(s, types, values);
    va_end(values);
    int code = sqlite3_step(s);
    int reset = sqlite3_reset(s);
    return error_of(code == SQLITE_DONE ? reset : code);
}

/* ---- opening ---- */

static enum ee_err schema_make(struct ee_read_store *store, const uint8_t network_id[32])
{
    static const uint8_t none[EE_SHA256_SIZE];
    char sql[96];
    sqlite3_stmt *s = NULL;
    EE_TRY(run(store->db, "BEGIN IMMEDIATE"));
    EE_TRY(run(store->db, schema_sql));
    (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   APPLICATION_ID, EE_READ_SCHEMA);
    EE_TRY(run(store->db, sql));
    int code = sqlite3_prepare_v2(store->db, "INSERT INTO cursor VALUES(1, ?1, 0, 0, 0, ?2)", -1,
                                  &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_blob(s, 1, network_id, 32, SQLITE_STATIC);
        sqlite3_bind_blob(s, 2, none, sizeof none, SQLITE_STATIC);
        code = sqlite3_step(s);
    }
    sqlite3_finalize(s);
    EE_TRY(error_of(code));
    return run(store->db, "COMMIT");
}

static enum ee_err schema_check(struct ee_read_store *store, const uint8_t network_id[32])
{
    int64_t application = 0, version = 0, objects = 0;
    EE_TRY(number(store->db, "PRAGMA application_id", &application));
    EE_TRY(number(store->db, "PRAGMA user_version", &version));
    EE_TRY(number(store->db, "SELECT count(*) FROM sqlite_schema", &objects));
    if (application == 0 && version == 0 && objects == 0)
        return schema_make(store, network_id);
    return application == APPLICATION_ID && version == EE_READ_SCHEMA ? EE_OK : EE_READ_DAMAGED;
}

static enum ee_err network_check(struct ee_read_store *store, const uint8_t network_id[32])
{
    sqlite3_stmt *s = store->statements[CURSOR_GET];
    int code = sqlite3_step(s);
    enum ee_err err = code == SQLITE_ROW ? EE_OK : EE_READ_DAMAGED;
    if (err == EE_OK && (sqlite3_column_bytes(s, 4) != 32 ||
                         memcmp(sqlite3_column_blob(s, 4), network_id, 32) != 0))
        err = EE_READ_DAMAGED;
    sqlite3_reset(s);
    return err;
}

static enum ee_err open_all(struct ee_read_store *store, const char *path,
                            const uint8_t network_id[32])
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return EE_IO;
    close(fd);
    EE_TRY(error_of(
        sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)));
    sqlite3_busy_timeout(store->db, 2000);
    /* synchronous=NORMAL: a power cut may take the newest commits, each as a whole; the cursor goes
     * with them and they are made again. */
    EE_TRY(run(store->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                          "PRAGMA cache_size = -65536; PRAGMA foreign_keys = OFF;"
                          "PRAGMA journal_size_limit = 67108864"));
    EE_TRY(schema_check(store, network_id));
    for (int i = 0; i < STATEMENTS; i++)
        EE_TRY(
            error_of(sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                        &store->statements[i], NULL)));
    EE_TRY(network_check(store, network_id));
    return run(store->db, "BEGIN IMMEDIATE");
}

enum ee_err ee_read_store_open(const char *path, const uint8_t network_id[32],
                               struct ee_read_store **out)
{
    struct ee_read_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = open_all(store, path, network_id);
    if (err == EE_OK)
        *out = store;
    else
        ee_read_store_close(store);
    return err;
}

void ee_read_store_close(struct ee_read_store *store)
{
    if (store == NULL)
        return;
    ee_read_store_rollback(store);
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store);
}

enum ee_err ee_read_store_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char name[PATH_MAX];
        int size = snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        if (size < 0 || (size_t)size >= sizeof name)
            return EE_TOO_LARGE;
        if (unlink(name) != 0 && errno != ENOENT)
            return EE_IO;
    }
    return EE_OK;
}

/* ---- the cursor ---- */

enum ee_err ee_read_store_cursor(struct ee_read_store *store, struct ee_read_cursor *out)
{
    sqlite3_stmt *s = store->statements[CURSOR_GET];
    struct ee_read_cursor cursor = {0};
    int code = sqlite3_step(s);
    enum ee_err err = code == SQLITE_ROW ? EE_OK : error_of(code);
    if (code == SQLITE_DONE || (code == SQLITE_ROW && sqlite3_column_bytes(s, 3) != EE_SHA256_SIZE))
        err = EE_READ_DAMAGED;
    if (err == EE_OK) {
        cursor.batch = (uint64_t)sqlite3_column_int64(s, 0);
        cursor.seq = (uint64_t)sqlite3_column_int64(s, 1);
        cursor.time_us = (uint64_t)sqlite3_column_int64(s, 2);
        memcpy(cursor.hash, sqlite3_column_blob(s, 3), EE_SHA256_SIZE);
        *out = cursor;
    }
    sqlite3_reset(s);
    return err;
}

enum ee_err ee_read_store_commit(struct ee_read_store *store, const struct ee_read_cursor *cursor)
{
    EE_TRY(put(store, CURSOR_PUT, "uuub", cursor->batch, cursor->seq, cursor->time_us,
               (const void *)cursor->hash, sizeof cursor->hash));
    EE_TRY(run(store->db, "COMMIT"));
    return run(store->db, "BEGIN IMMEDIATE");
}

void ee_read_store_rollback(struct ee_read_store *store)
{
    if (store->db != NULL && sqlite3_get_autocommit(store->db) == 0)
        (void)run(store->db, "ROLLBACK");
}

/* ---- rows ---- */

#define I(value) ((int64_t)(value))

enum ee_err ee_read_store_account(struct ee_read_store *store, uint32_t number_,
                                  const struct ee_book_account *account)
{
    return put(store, ACCOUNT, "itiuuuu", I(number_), account->name, I(account->owned),
               account->debits_pending, account->debits_posted, account->credits_pending,
               account->credits_posted);
}

enum ee_err ee_read_store_entry(struct ee_read_store *store, const struct ee_read_entry *entry)
{
    const struct ee_book_entry *b = &entry->book;
    return put(store, ENTRY, "iuuiiiiuuubitt", I(entry->number), entry->seq, entry->time_us,
               I(b->code), I(b->phase), I(b->debit), I(b->credit), b->amount, b->reserved,
               b->reservation, (const void *)entry->lease,
               entry->lease != NULL ? (size_t)EE_ID_SIZE : (size_t)0, I(entry->period),
               entry->reference, entry->memo);
}

enum ee_err ee_read_store_line(struct ee_read_store *store, const struct ee_read_line *line)
{
    return put(store, LINE, "iiiii", I(line->account), I(line->number), line->available,
               line->locked, line->incoming);
}

enum ee_err ee_read_store_lease(struct ee_read_store *store, uint32_t row, const struct ee_lease *l)
{
    return put(store, LEASE, "ibttttiiiiiiuuui", I(row), (const void *)l->id, sizeof l->id, l->app,
               l->launcher, l->operator_name, l->node, I(l->workload), I(l->state),
               I(l->end_reason), I(l->exit_code), I(l->vcpus), l->price_nanos, l->reserved_us,
               l->running_us, l->ended_us, I(l->period_count));
}

enum ee_err ee_read_store_period(struct ee_read_store *store, uint32_t row,
                                 const struct ee_period *p, const struct ee_lease *lease)
{
    return put(store, PERIOD, "ibittuuiiiiiiiiiiuu", I(row), (const void *)p->lease,
               sizeof p->lease, I(p->index), lease->launcher, lease->operator_name, p->starts_us,
               p->ends_us, I(p->state), I(p->verdict), I(p->reason), p->locked.micros,
               p->paid.micros, p->refunded.micros, I(p->health_ok), I(p->health_missed),
               I(p->attestation_ok), I(p->attestation_missed), p->lock_seq, p->settle_seq);
}

enum ee_err ee_read_store_receipt(struct ee_read_store *store, const struct ee_command *command,
                                  enum ee_err err)
{
    return put(store, RECEIPT, "uuiiti", command->seq, command->time_us, I(command->kind),
               I(command->actor_kind), command->actor, I(err));
}

enum ee_err ee_read_store_event(struct ee_read_store *store, uint64_t number_, const char *account,
                                enum ee_event_kind kind, const struct ee_command *command,
                                const char *body)
{
    return put(store, EVENT, "utiuut", number_, account, I(kind), command->seq, command->time_us,
               body);
}

enum ee_err ee_read_store_alert_get(struct ee_read_store *store, const char *account, bool *low_out)
{
    sqlite3_stmt *s = store->statements[ALERT_GET];
    sqlite3_bind_text(s, 1, account, -1, SQLITE_STATIC);
    int code = sqlite3_step(s);
    bool low = code == SQLITE_ROW && sqlite3_column_int64(s, 0) != 0;
    sqlite3_reset(s);
    EE_TRY(error_of(code));
    *low_out = low;
    return EE_OK;
}

enum ee_err ee_read_store_alert_put(struct ee_read_store *store, const char *account, bool low)
{
    return put(store, ALERT_PUT, "ti", account, I(low));
}
