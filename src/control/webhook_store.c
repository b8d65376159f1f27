/* SPDX-License-Identifier: Apache-2.0 */
#include "control/webhook_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/banned.h"

enum { APPLICATION_ID = 0x65657731 /* "eew1" */, VERSION = 1 };
enum { SEALED_MAX = EE_WEBHOOK_SECRET_MAX + EE_JOURNAL_SEAL_OVERHEAD_MAX };
enum statement {
    STATE_GET,
    STATE_PUT,
    STATE_DROP,
    SECRET_GET,
    SECRET_PUT,
    SECRET_DROP,
    STATEMENTS
};

struct ee_webhook_store {
    sqlite3 *db;
    const struct ee_journal_seal *seal;
    sqlite3_stmt *statements[STATEMENTS];
};

static const char schema_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE endpoint(account TEXT NOT NULL, slot INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " cursor INTEGER NOT NULL, attempts INTEGER NOT NULL, next_s INTEGER NOT NULL,"
    " delivered INTEGER NOT NULL, last_status INTEGER NOT NULL, last_s INTEGER NOT NULL,"
    " last_error TEXT NOT NULL, disabled TEXT NOT NULL, secret_hash BLOB NOT NULL,"
    " previous_hash BLOB NOT NULL, previous_until_s INTEGER NOT NULL,"
    " PRIMARY KEY(account, slot)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE secret(hash BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;";

static const char *const statement_sql[STATEMENTS] = {
    [STATE_GET] = "SELECT * FROM endpoint WHERE account = ?1 AND slot = ?2",
    [STATE_PUT] = ("INSERT OR REPLACE INTO endpoint VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                   " ?11, ?12, ?13, ?14)"),
    [STATE_DROP] = "DELETE FROM endpoint WHERE account = ?1 AND slot = ?2",
    [SECRET_GET] = "SELECT value FROM secret WHERE hash = ?1",
    [SECRET_PUT] = "INSERT OR REPLACE INTO secret VALUES(?1, ?2)",
    [SECRET_DROP] = "DELETE FROM secret WHERE hash = ?1",
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
    default:
        return EE_IO;
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
    return error_of(code);
}

static enum ee_err schema(sqlite3 *db)
{
    char sql[96];
    int64_t application = 0, version = 0, objects = 0;
    EE_TRY(number(db, "PRAGMA application_id", &application));
    EE_TRY(number(db, "PRAGMA user_version", &version));
    EE_TRY(number(db, "SELECT count(*) FROM sqlite_schema", &objects));
    if (application == APPLICATION_ID && version == VERSION)
        return EE_OK;
    if (objects != 0)
        return EE_UNSUPPORTED;
    EE_TRY(run(db, schema_sql));
    (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                   APPLICATION_ID, VERSION);
    return run(db, sql);
}

static enum ee_err open_all(struct ee_webhook_store *store, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return EE_IO;
    close(fd);
    EE_TRY(error_of(
        sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)));
    EE_TRY(run(store->db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                          "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON"));
    EE_TRY(schema(store->db));
    for (int i = 0; i < STATEMENTS; i++)
        EE_TRY(
            error_of(sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                        &store->statements[i], NULL)));
    return EE_OK;
}

enum ee_err ee_webhook_store_open(const char *path, const struct ee_journal_seal *seal,
                                  struct ee_webhook_store **out)
{
    struct ee_webhook_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return EE_NO_MEMORY;
    store->seal = seal;
    enum ee_err err = open_all(store, path);
    if (err == EE_OK)
        *out = store;
    else
        ee_webhook_store_close(store);
    return err;
}

void ee_webhook_store_close(struct ee_webhook_store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store);
}

static enum ee_err finish(sqlite3_stmt *s)
{
    int code = sqlite3_step(s);
    int reset = sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return error_of(code == SQLITE_DONE ? reset : code);
}

/* ---- endpoints ---- */

static void text_copy(sqlite3_stmt *s, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    (void)snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

static void hash_copy(sqlite3_stmt *s, int column, uint8_t out[32])
{
    memset(out, 0, 32);
    if (sqlite3_column_bytes(s, column) == 32)
        memcpy(out, sqlite3_column_blob(s, column), 32);
}

static void state_read(sqlite3_stmt *s, struct ee_webhook_state *out)
{
    text_copy(s, 0, out->account, sizeof out->account);
    out->slot = (uint8_t)sqlite3_column_int64(s, 1);
    out->seq = (uint64_t)sqlite3_column_int64(s, 2);
    out->cursor = (uint64_t)sqlite3_column_int64(s, 3);
    out->attempts = (uint32_t)sqlite3_column_int64(s, 4);
    out->next_s = sqlite3_column_int64(s, 5);
    out->delivered = (uint64_t)sqlite3_column_int64(s, 6);
    out->last_status = (uint16_t)sqlite3_column_int64(s, 7);
    out->last_s = sqlite3_column_int64(s, 8);
    text_copy(s, 9, out->last_error, sizeof out->last_error);
    text_copy(s, 10, out->disabled, sizeof out->disabled);
    hash_copy(s, 11, out->secret_hash);
    hash_copy(s, 12, out->previous_hash);
    out->previous_until_s = sqlite3_column_int64(s, 13);
}

enum ee_err ee_webhook_store_get(struct ee_webhook_store *store, const char *account, uint8_t slot,
                                 struct ee_webhook_state *out)
{
    sqlite3_stmt *s = store->statements[STATE_GET];
    sqlite3_bind_text(s, 1, account, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, slot);
    int code = sqlite3_step(s);
    enum ee_err err = code == SQLITE_DONE ? EE_NOT_FOUND : error_of(code);
    if (code == SQLITE_ROW)
        state_read(s, out);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

enum ee_err ee_webhook_store_put(struct ee_webhook_store *store,
                                 const struct ee_webhook_state *state)
{
    sqlite3_stmt *s = store->statements[STATE_PUT];
    const int64_t numbers[] = {state->slot,        (int64_t)state->seq, (int64_t)state->cursor,
                               state->attempts,    state->next_s,       (int64_t)state->delivered,
                               state->last_status, state->last_s};
    sqlite3_bind_text(s, 1, state->account, -1, SQLITE_STATIC);
    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
        sqlite3_bind_int64(s, i + 2, numbers[i]);
    sqlite3_bind_text(s, 10, state->last_error, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 11, state->disabled, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 12, state->secret_hash, 32, SQLITE_STATIC);
    sqlite3_bind_blob(s, 13, state->previous_hash, 32, SQLITE_STATIC);
    sqlite3_bind_int64(s, 14, state->previous_until_s);
    return finish(s);
}

enum ee_err ee_webhook_store_drop(struct ee_webhook_store *store, const char *account, uint8_t slot)
{
    sqlite3_stmt *s = store->statements[STATE_DROP];
    sqlite3_bind_text(s, 1, account, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, slot);
    return finish(s);
}

/* ---- secrets ---- */

/* What a sealed secret is bound to. */
static struct ee_bytes associated_of(const uint8_t hash[32], uint8_t out[64])
{
    struct ee_writer w;
    ee_writer_init(&w, out, 64);
    ee_writer_label(&w, "ee-webhook-secret", 1);
    ee_writer_bytes(&w, hash, 32);
    return ee_writer_done(&w);
}

static enum ee_err value_open(struct ee_webhook_store *store, const uint8_t hash[32],
                              struct ee_bytes value, struct ee_webhook_secret *out)
{
    uint8_t associated[64], plain[SEALED_MAX];
    size_t size = value.size;
    if (value.size > sizeof plain)
        return EE_SEAL_OPEN;
    if (store->seal != NULL)
        EE_TRY(store->seal->open(store->seal->context, associated_of(hash, associated), value,
                                 plain, sizeof plain, &size));
    else
        memcpy(plain, value.data, value.size);
    enum ee_err err = size >= 1 && size <= sizeof out->bytes ? EE_OK : EE_SEAL_OPEN;
    if (err == EE_OK) {
        memcpy(out->bytes, plain, size);
        out->size = (uint8_t)size;
    }
    ee_wipe(plain, sizeof plain);
    return err;
}

enum ee_err ee_webhook_secret_get(struct ee_webhook_store *store, const uint8_t hash[32],
                                  struct ee_webhook_secret *out)
{
    sqlite3_stmt *s = store->statements[SECRET_GET];
    sqlite3_bind_blob(s, 1, hash, 32, SQLITE_STATIC);
    int code = sqlite3_step(s);
    enum ee_err err = code == SQLITE_DONE ? EE_NOT_FOUND : error_of(code);
    if (code == SQLITE_ROW)
        err = value_open(store, hash,
                         ee_bytes_of(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)),
                         out);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

enum ee_err ee_webhook_secret_put(struct ee_webhook_store *store, const uint8_t hash[32],
                                  const struct ee_webhook_secret *secret)
{
    uint8_t associated[64], sealed[SEALED_MAX];
    sqlite3_stmt *s = store->statements[SECRET_PUT];
    size_t size = secret->size;
    if (store->seal != NULL)
        EE_TRY(store->seal->seal(store->seal->context, associated_of(hash, associated),
                                 ee_bytes_of(secret->bytes, secret->size), sealed, sizeof sealed,
                                 &size));
    else
        memcpy(sealed, secret->bytes, secret->size);
    sqlite3_bind_blob(s, 1, hash, 32, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 2, sealed, size, SQLITE_STATIC);
    enum ee_err err = finish(s);
    ee_wipe(sealed, sizeof sealed);
    return err;
}

enum ee_err ee_webhook_secret_drop(struct ee_webhook_store *store, const uint8_t hash[32])
{
    sqlite3_stmt *s = store->statements[SECRET_DROP];
    sqlite3_bind_blob(s, 1, hash, 32, SQLITE_STATIC);
    return finish(s);
}
