/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "io/derived.h"

#include "base/banned.h"

enum {
    APPLICATION_ID = 0x65656431, /* "eed1" */
    USER_VERSION = 1,
};

enum statement { ROW_PUT, ROW_GET, PIECE_PUT, PIECE_GET, PIECES_DROP, STATEMENTS };

struct ee_derived {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
};

static enum ee_err error_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return EE_OK;
    case SQLITE_NOMEM:
        return EE_NO_MEMORY;
    case SQLITE_CORRUPT:
        return EE_JOURNAL_CORRUPT;
    case SQLITE_NOTADB:
        return EE_UNSUPPORTED;
    default:
        return EE_IO;
    }
}

static enum ee_err run(sqlite3 *db, const char *sql)
{
    return error_of(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* ---- opening ---- */

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

static enum ee_err schema(sqlite3 *db)
{
    char sql[64];
    int64_t application = 0, version = 0, objects = 0;
    EE_TRY(number(db, "PRAGMA application_id", &application));
    EE_TRY(number(db, "PRAGMA user_version", &version));
    EE_TRY(number(db, "SELECT count(*) FROM sqlite_schema", &objects));
    if (application == APPLICATION_ID && version == USER_VERSION)
        return EE_OK;
    if (application != 0 || version != 0 || objects != 0)
        return EE_UNSUPPORTED;
    EE_TRY(run(db, "BEGIN IMMEDIATE;"
                   "CREATE TABLE row(key BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT,"
                   " WITHOUT ROWID;"
                   "CREATE TABLE piece(document TEXT NOT NULL, number INTEGER NOT NULL,"
                   " value BLOB NOT NULL, PRIMARY KEY(document, number)) STRICT"));
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
    EE_TRY(run(db, sql));
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", USER_VERSION);
    EE_TRY(run(db, sql));
    return run(db, "COMMIT");
}

static enum ee_err prepare(struct ee_derived *derived)
{
    static const char *const sql[STATEMENTS] = {
        [ROW_PUT] = "INSERT OR REPLACE INTO row(key, value) VALUES(?1, ?2)",
        [ROW_GET] = "SELECT value FROM row WHERE key = ?1",
        [PIECE_PUT] = "INSERT OR REPLACE INTO piece(document, number, value) VALUES(?1, ?2, ?3)",
        [PIECE_GET] = "SELECT value FROM piece WHERE document = ?1 AND number = ?2",
        [PIECES_DROP] = "DELETE FROM piece WHERE document = ?1",
    };
    for (int i = 0; i < STATEMENTS; i++) {
        int code = sqlite3_prepare_v3(derived->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &derived->statements[i], NULL);
        if (code != SQLITE_OK)
            return error_of(code);
    }
    return EE_OK;
}

/* With the write-ahead log and synchronous=NORMAL a commit is not flushed by itself, but what a
 * power cut leaves is always some commit as a whole. */
static enum ee_err database_open(struct ee_derived *derived, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return EE_IO;
    close(fd);
    int code =
        sqlite3_open_v2(path, &derived->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (code != SQLITE_OK)
        return error_of(code);
    EE_TRY(run(derived->db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536"));
    EE_TRY(schema(derived->db));
    EE_TRY(prepare(derived));
    return run(derived->db, "BEGIN IMMEDIATE");
}

enum ee_err ee_derived_open(const char *path, struct ee_derived **out)
{
    struct ee_derived *derived = calloc(1, sizeof(*derived));
    if (derived == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = database_open(derived, path);
    if (err == EE_OK)
        *out = derived;
    else
        ee_derived_close(derived);
    return err;
}

void ee_derived_close(struct ee_derived *derived)
{
    if (derived == NULL)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(derived->statements[i]);
    if (derived->db != NULL)
        (void)run(derived->db, "ROLLBACK");
    sqlite3_close(derived->db);
    free(derived);
}

enum ee_err ee_derived_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char name[PATH_MAX];
        int size = snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        if (size < 0 || (size_t)size >= sizeof(name))
            return EE_TOO_LARGE;
        if (unlink(name) != 0 && errno != ENOENT)
            return EE_IO;
    }
    return EE_OK;
}

/* ---- rows and pieces ---- */

static void blob_bind(sqlite3_stmt *s, int index, struct ee_bytes bytes)
{
    sqlite3_bind_blob64(s, index, bytes.size > 0 ? (const void *)bytes.data : "", bytes.size,
                        SQLITE_STATIC);
}

static enum ee_err step(sqlite3_stmt *s)
{
    int code = sqlite3_step(s);
    int reset = sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return error_of(code == SQLITE_DONE ? reset : code);
}

/* The blob of the first row, copied while it is there. */
static enum ee_err fetch(sqlite3_stmt *s, uint8_t *out, size_t capacity, size_t *size_out)
{
    int code = sqlite3_step(s);
    enum ee_err err = code == SQLITE_DONE ? EE_NOT_FOUND : error_of(code);
    if (code == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(s, 0);
        size_t size = (size_t)sqlite3_column_bytes(s, 0);
        err = size > capacity ? EE_TOO_LARGE : EE_OK;
        if (err == EE_OK && size > 0)
            memcpy(out, data, size);
        if (err == EE_OK)
            *size_out = size;
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

enum ee_err ee_derived_row_put(struct ee_derived *derived, const uint8_t key[EE_DERIVED_KEY_SIZE],
                               struct ee_bytes value)
{
    sqlite3_stmt *s = derived->statements[ROW_PUT];
    blob_bind(s, 1, ee_bytes_of(key, EE_DERIVED_KEY_SIZE));
    blob_bind(s, 2, value);
    return step(s);
}

enum ee_err ee_derived_row_get(struct ee_derived *derived, const uint8_t key[EE_DERIVED_KEY_SIZE],
                               uint8_t *out, size_t size)
{
    size_t found = 0;
    sqlite3_stmt *s = derived->statements[ROW_GET];
    blob_bind(s, 1, ee_bytes_of(key, EE_DERIVED_KEY_SIZE));
    enum ee_err err = fetch(s, out, size, &found);
    if (err == EE_TOO_LARGE || (err == EE_OK && found != size))
        return EE_JOURNAL_CORRUPT;
    return err;
}

enum ee_err ee_derived_piece_put(struct ee_derived *derived, const char *document, uint32_t index,
                                 struct ee_bytes piece)
{
    sqlite3_stmt *s = derived->statements[PIECE_PUT];
    if (piece.size > EE_DERIVED_PIECE_MAX)
        return EE_TOO_LARGE;
    sqlite3_bind_text(s, 1, document, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (int64_t)index);
    blob_bind(s, 3, piece);
    return step(s);
}

enum ee_err ee_derived_piece_get(struct ee_derived *derived, const char *document, uint32_t index,
                                 uint8_t *out, size_t capacity, size_t *size_out)
{
    sqlite3_stmt *s = derived->statements[PIECE_GET];
    sqlite3_bind_text(s, 1, document, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (int64_t)index);
    return fetch(s, out, capacity, size_out);
}

enum ee_err ee_derived_pieces_drop(struct ee_derived *derived, const char *document)
{
    sqlite3_stmt *s = derived->statements[PIECES_DROP];
    sqlite3_bind_text(s, 1, document, -1, SQLITE_STATIC);
    return step(s);
}

enum ee_err ee_derived_commit(struct ee_derived *derived)
{
    EE_TRY(run(derived->db, "COMMIT"));
    return run(derived->db, "BEGIN IMMEDIATE");
}
