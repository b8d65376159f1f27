/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "io/file.h"
#include "io/journal_sqlite.h"
#include "io/log.h"

#include "base/banned.h"

enum {
    APPLICATION_ID = 0x65656a31, /* "eej1" */
    USER_VERSION = 1,
    CHECKPOINT_PAGES = 1000,
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *append;
    int lock_fd;
};

static enum ee_err error_of(int code, enum ee_err otherwise)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return EE_OK;
    case SQLITE_NOMEM:
        return EE_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return EE_JOURNAL_LOCKED;
    case SQLITE_CORRUPT:
        return EE_JOURNAL_CORRUPT;
    case SQLITE_NOTADB:
        return EE_UNSUPPORTED;
    default:
        return otherwise;
    }
}

static enum ee_err failed(int code, enum ee_err otherwise, const char *what)
{
    EE_LOG(EE_LOG_ERROR, "journal", what, ee_log_text("sqlite", sqlite3_errstr(code)),
           ee_log_number("code", code));
    return error_of(code, otherwise);
}

static enum ee_err sql_run(sqlite3 *db, const char *sql)
{
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? EE_OK : error_of(code, EE_IO);
}

static enum ee_err prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    int code = sqlite3_prepare_v2(db, sql, -1, out, NULL);
    return code == SQLITE_OK ? EE_OK : error_of(code, EE_IO);
}

static enum ee_err sql_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    EE_TRY(prepare(db, sql, &statement));
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? EE_OK : error_of(code, EE_IO);
}

/* ---- rows ---- */

static void blob_bind(sqlite3_stmt *statement, int index, struct ee_bytes bytes)
{
    sqlite3_bind_blob64(statement, index, bytes.size > 0 ? (const void *)bytes.data : "",
                        bytes.size, SQLITE_STATIC);
}

static enum ee_err store_append(void *context, const struct ee_journal_row *row)
{
    struct store *store = context;
    sqlite3_stmt *s = store->append;
    if (row->batch > INT64_MAX || row->first_seq > INT64_MAX || row->epoch > INT64_MAX)
        return EE_JOURNAL;
    sqlite3_bind_int64(s, 1, (int64_t)row->batch);
    sqlite3_bind_int64(s, 2, (int64_t)row->first_seq);
    sqlite3_bind_int64(s, 3, (int64_t)row->count);
    sqlite3_bind_int64(s, 4, (int64_t)row->epoch);
    sqlite3_bind_int64(s, 5, (int64_t)row->form);
    blob_bind(s, 6, ee_bytes_of(row->prev_hash, EE_SHA256_SIZE));
    blob_bind(s, 7, row->body);
    blob_bind(s, 8, row->note);
    blob_bind(s, 9, ee_bytes_of(row->hash, EE_SHA256_SIZE));
    int code = sqlite3_step(s);
    int reset = sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    if (code != SQLITE_DONE || reset != SQLITE_OK) {
        (void)failed(code != SQLITE_DONE ? code : reset, EE_JOURNAL, "a batch was not written");
        return EE_JOURNAL;
    }
    return EE_OK;
}

static bool column_u64(sqlite3_stmt *statement, int column, uint64_t *out)
{
    int64_t value = sqlite3_column_int64(statement, column);
    *out = (uint64_t)value;
    return value >= 0;
}

static struct ee_bytes column_bytes(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);
    return ee_bytes_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

static bool column_hash(sqlite3_stmt *statement, int column, uint8_t out[EE_SHA256_SIZE])
{
    struct ee_bytes bytes = column_bytes(statement, column);
    if (bytes.size != EE_SHA256_SIZE)
        return false;
    memcpy(out, bytes.data, EE_SHA256_SIZE);
    return true;
}

static bool row_of(sqlite3_stmt *s, struct ee_journal_row *row)
{
    uint64_t count = 0;
    uint64_t form = 0;
    bool whole = column_u64(s, 0, &row->batch) && column_u64(s, 1, &row->first_seq) &&
                 column_u64(s, 2, &count) && count <= UINT32_MAX && column_u64(s, 3, &row->epoch) &&
                 column_u64(s, 4, &form) && form <= UINT8_MAX &&
                 column_hash(s, 5, row->prev_hash) && column_hash(s, 8, row->hash);
    row->count = (uint32_t)count;
    row->form = (enum ee_journal_form)form;
    row->body = column_bytes(s, 6);
    row->note = column_bytes(s, 7);
    return whole;
}

static enum ee_err store_read(void *context, uint64_t first, uint64_t last, ee_journal_row_fn fn,
                              void *fn_context)
{
    struct store *store = context;
    sqlite3_stmt *s = NULL;
    enum ee_err err = prepare(store->db,
                              "SELECT batch, first_seq, count, epoch, form, prev_hash, body, note,"
                              " hash FROM batch WHERE batch BETWEEN ?1 AND ?2 ORDER BY batch",
                              &s);
    if (err != EE_OK)
        return err;
    sqlite3_bind_int64(s, 1, (int64_t)(first < INT64_MAX ? first : INT64_MAX));
    sqlite3_bind_int64(s, 2, (int64_t)(last < INT64_MAX ? last : INT64_MAX));
    int code = sqlite3_step(s);
    while (code == SQLITE_ROW && err == EE_OK) {
        struct ee_journal_row row = {0};
        err = row_of(s, &row) ? fn(fn_context, &row) : EE_JOURNAL_CORRUPT;
        if (err == EE_OK)
            code = sqlite3_step(s);
    }
    sqlite3_finalize(s);
    if (err != EE_OK)
        return err;
    return code == SQLITE_DONE ? EE_OK : failed(code, EE_IO, "the journal could not be read");
}

static enum ee_err store_find(void *context, uint64_t seq, uint64_t *batch_out)
{
    struct store *store = context;
    sqlite3_stmt *s = NULL;
    EE_TRY(prepare(store->db,
                   "SELECT batch FROM batch WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1",
                   &s));
    sqlite3_bind_int64(s, 1, (int64_t)(seq < INT64_MAX ? seq : INT64_MAX));
    int code = sqlite3_step(s);
    bool valid = code == SQLITE_ROW && column_u64(s, 0, batch_out);
    sqlite3_finalize(s);
    if (code == SQLITE_DONE)
        return EE_NOT_FOUND;
    if (code != SQLITE_ROW)
        return error_of(code, EE_IO);
    return valid ? EE_OK : EE_JOURNAL_CORRUPT;
}

/* ---- small values ---- */

static enum ee_err store_meta_put(void *context, const char *key, struct ee_bytes value)
{
    struct store *store = context;
    sqlite3_stmt *s = NULL;
    EE_TRY(prepare(store->db,
                   "INSERT INTO meta(key, value) VALUES(?1, ?2)"
                   " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                   &s));
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    blob_bind(s, 2, value);
    int code = sqlite3_step(s);
    sqlite3_finalize(s);
    return code == SQLITE_DONE ? EE_OK : EE_JOURNAL;
}

static enum ee_err store_meta_get(void *context, const char *key, uint8_t *out, size_t capacity,
                                  size_t *size_out)
{
    struct store *store = context;
    sqlite3_stmt *s = NULL;
    enum ee_err err = EE_OK;
    EE_TRY(prepare(store->db, "SELECT value FROM meta WHERE key = ?1", &s));
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        struct ee_bytes value = column_bytes(s, 0);
        err = value.size > capacity ? EE_TOO_LARGE : EE_OK;
        if (err == EE_OK && value.size > 0)
            memcpy(out, value.data, value.size);
        if (err == EE_OK)
            *size_out = value.size;
    } else {
        err = code == SQLITE_DONE ? EE_NOT_FOUND : error_of(code, EE_IO);
    }
    sqlite3_finalize(s);
    return err;
}

/* ---- opening ---- */

static void store_close(void *context)
{
    struct store *store = context;
    sqlite3_finalize(store->append);
    sqlite3_close(store->db);
    ee_file_unlock(store->lock_fd);
    free(store);
}

/* Like SQLite's own automatic checkpoint, but a failure is not passed over in silence: the write
 * that caused it fails, and with it the process stops. */
static int wal_grown(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)context;
    if (pages < CHECKPOINT_PAGES)
        return SQLITE_OK;
    int code = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    int primary = code & 0xff;
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED ? SQLITE_OK : code;
}

static enum ee_err schema_make(sqlite3 *db)
{
    char sql[64];
    EE_TRY(sql_run(db, "BEGIN IMMEDIATE"));
    EE_TRY(sql_run(db, "CREATE TABLE batch(batch INTEGER PRIMARY KEY,"
                       " first_seq INTEGER NOT NULL UNIQUE, count INTEGER NOT NULL,"
                       " epoch INTEGER NOT NULL, form INTEGER NOT NULL, prev_hash BLOB NOT NULL,"
                       " body BLOB NOT NULL, note BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
                       "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL)"
                       " STRICT, WITHOUT ROWID"));
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
    EE_TRY(sql_run(db, sql));
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", USER_VERSION);
    EE_TRY(sql_run(db, sql));
    return sql_run(db, "COMMIT");
}

static enum ee_err schema_check(sqlite3 *db)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t objects = 0;
    EE_TRY(sql_number(db, "PRAGMA application_id", &application));
    EE_TRY(sql_number(db, "PRAGMA user_version", &version));
    EE_TRY(sql_number(db, "SELECT count(*) FROM sqlite_schema", &objects));
    if (application == 0 && version == 0 && objects == 0)
        return schema_make(db);
    if (application != APPLICATION_ID || version < 1)
        return EE_UNSUPPORTED;
    return version > USER_VERSION ? EE_VERSION : EE_OK;
}

static enum ee_err wal_start(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    EE_TRY(prepare(db, "PRAGMA journal_mode = WAL", &s));
    int code = sqlite3_step(s);
    const unsigned char *mode = code == SQLITE_ROW ? sqlite3_column_text(s, 0) : NULL;
    bool wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
    sqlite3_finalize(s);
    if (code != SQLITE_ROW)
        return error_of(code, EE_IO);
    return wal ? EE_OK : EE_IO;
}

static enum ee_err database_open(struct store *store, const char *path)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int code = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (code != SQLITE_OK)
        return error_of(code, EE_IO);
    sqlite3_extended_result_codes(store->db, 1);
    EE_TRY(wal_start(store->db));
    EE_TRY(sql_run(store->db, "PRAGMA synchronous = FULL"));
    EE_TRY(schema_check(store->db));
    sqlite3_wal_hook(store->db, wal_grown, NULL);
    return prepare(store->db,
                   "INSERT INTO batch(batch, first_seq, count, epoch, form, prev_hash, body, note,"
                   " hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                   &store->append);
}

/* Makes an empty file of mode 0600 (SQLite would use the umask) and its entry durable. */
static enum ee_err file_make(const char *path, enum ee_journal_sqlite_mode mode)
{
    int flags = O_RDWR | O_CLOEXEC | (mode == EE_JOURNAL_CREATE ? O_CREAT : 0);
    int fd = open(path, flags, 0600);
    if (fd < 0)
        return errno == ENOENT && mode == EE_JOURNAL_EXISTING ? EE_NOT_FOUND : EE_IO;
    close(fd);
    if (mode == EE_JOURNAL_EXISTING)
        return EE_OK;
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    int size = snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
                        slash == NULL ? "." : path);
    if (size < 0 || (size_t)size >= sizeof(folder))
        return EE_TOO_LARGE;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return EE_IO;
    int synced = fsync(fd);
    close(fd);
    return synced == 0 ? EE_OK : EE_IO;
}

enum ee_err ee_journal_sqlite_open(const char *path, enum ee_journal_sqlite_mode mode,
                                   struct ee_journal_store *out)
{
    char lock_path[PATH_MAX];
    int size = snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    if (size < 0 || (size_t)size >= sizeof(lock_path))
        return EE_TOO_LARGE;
    if (mode == EE_JOURNAL_EXISTING && !ee_file_exists(path))
        return EE_NOT_FOUND;
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return EE_NO_MEMORY;
    store->lock_fd = -1;
    enum ee_err err = ee_file_lock(lock_path, &store->lock_fd);
    if (err == EE_OK)
        err = file_make(path, mode);
    if (err == EE_OK)
        err = database_open(store, path);
    if (err != EE_OK) {
        store_close(store);
        return err;
    }
    *out = (struct ee_journal_store){
        .context = store,
        .append = store_append,
        .read = store_read,
        .find = store_find,
        .meta_put = store_meta_put,
        .meta_get = store_meta_get,
        .close = store_close,
    };
    return EE_OK;
}
