/* SPDX-License-Identifier: Apache-2.0 */
#include "control/read_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "io/csv.h"
#include "control/event_names.h"
#include "control/json.h"
#include "core/book.h"

#include "base/banned.h"

enum statement { CURSOR, BOUNDS, LINES_UP, LINES_DOWN, EVENT, STATEMENTS };

struct ee_read_query {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
};

#define LINES_SQL                                                                                  \
    "SELECT e.number, e.seq, e.time_us, e.code, e.phase, e.amount, e.reserved, e.lease, e.period," \
    " e.reference, e.memo, e.debit = l.account, o.name, l.available, l.locked, l.incoming"         \
    " FROM account a JOIN line l ON l.account = a.number JOIN entry e ON e.number = l.number"      \
    " JOIN account o ON o.number = CASE WHEN e.debit = l.account THEN e.credit ELSE e.debit END"   \
    " WHERE a.name = ?1 AND l.number > ?2 AND l.number < ?3 ORDER BY l.number "

static const char *const statement_sql[STATEMENTS] = {
    [CURSOR] = "SELECT seq, time_us FROM cursor",
    /* Time and number rise together: a time is a place. */
    [BOUNDS] = ("SELECT coalesce((SELECT number FROM entry WHERE time_us >= ?1 ORDER BY time_us,"
                " number LIMIT 1), (SELECT coalesce(max(number), -1) + 1 FROM entry))"),
    [LINES_UP] = (LINES_SQL "LIMIT ?4"),
    [LINES_DOWN] = (LINES_SQL "DESC LIMIT ?4"),
    [EVENT] = ("SELECT number, kind, time_us, body FROM event WHERE account = ?1 AND number > ?2"
               " ORDER BY number LIMIT 256"),
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
    case SQLITE_CANTOPEN:
        return EE_READ_MODEL;
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return EE_IO;
    default:
        return EE_READ_DAMAGED;
    }
}

/* ---- opening ---- */

static enum ee_err open_all(struct ee_read_query *query, const char *path)
{
    EE_TRY(error_of(
        sqlite3_open_v2(path, &query->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL)));
    sqlite3_busy_timeout(query->db, 1000);
    /* The file may be deleted and made anew under the same name while this one is open. */
    (void)sqlite3_db_config(query->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    for (int i = 0; i < STATEMENTS; i++)
        EE_TRY(
            error_of(sqlite3_prepare_v3(query->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                        &query->statements[i], NULL)));
    return EE_OK;
}

enum ee_err ee_read_query_open(const char *path, struct ee_read_query **out)
{
    struct ee_read_query *query = calloc(1, sizeof *query);
    if (query == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = open_all(query, path);
    if (err == EE_OK)
        *out = query;
    else
        ee_read_query_close(query);
    return err;
}

void ee_read_query_close(struct ee_read_query *query)
{
    if (query == NULL)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(query->statements[i]);
    sqlite3_close(query->db);
    free(query);
}

/* ---- lines ---- */

struct line {
    char number[24], seq[24], time[32], amount[EE_MONEY_TEXT_SIZE], change[EE_MONEY_TEXT_SIZE],
        available[EE_MONEY_TEXT_SIZE], locked[EE_MONEY_TEXT_SIZE], incoming[EE_MONEY_TEXT_SIZE],
        lease[2 * EE_ID_SIZE + 1], period[16];
    const char *kind, *other, *reference, *memo; /* borrowed from the row */
};

static const char *column_text(sqlite3_stmt *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    return text != NULL ? (const char *)text : "";
}

/* `other`: name of the other side. */
static const char *kind_of(int64_t code, int64_t phase, bool debit, const char *other)
{
    bool reserved = phase == EE_BOOK_RESERVED, posted = phase == EE_BOOK_POSTED;
    switch (code) {
    case EE_BOOK_MINT:
        return strcmp(other, "cash:stripe") == 0 ? "topup" : "mint";
    case EE_BOOK_TRANSFER:
        return debit ? "transfer_out" : "transfer_in";
    case EE_BOOK_LOCK:
        return reserved ? "lock" : posted ? "settlement" : "refund";
    case EE_BOOK_REDEMPTION:
        return reserved ? "redemption" : posted ? "redemption_confirmed" : "redemption_refused";
    case EE_BOOK_CHARGEBACK:
        return debit ? "chargeback" : "debt";
    case EE_BOOK_RETURN:
        return "chargeback_returned";
    case EE_BOOK_REPAY:
        return "debt_repayment";
    default:
        return reserved ? "reservation" : phase == EE_BOOK_VOIDED ? "release" : "entry";
    }
}

/* What the entry did to the available credits of this side. */
static int64_t change_of(int64_t code, int64_t phase, bool debit, int64_t amount, int64_t reserved)
{
    if (code == EE_BOOK_CHARGEBACK && !debit)
        return 0; /* is owed instead */
    switch (phase) {
    case EE_BOOK_RESERVED:
        return debit ? -amount : 0;
    case EE_BOOK_POSTED:
        return debit ? reserved - amount : amount;
    case EE_BOOK_VOIDED:
        return debit ? reserved : 0;
    default:
        return debit ? -amount : amount;
    }
}

static void money(int64_t micros, char out[EE_MONEY_TEXT_SIZE])
{
    (void)ee_money_format((struct ee_money){micros}, out);
}

/* RFC 3339 with microseconds, so that lines of one second keep their order. */
static void time_text(int64_t time_us, char out[32])
{
    char seconds[EE_TIME_TEXT_SIZE];
    ee_time_format(time_us / 1000000, seconds);
    (void)snprintf(out, 32, "%.19s.%06dZ", seconds, (int)(time_us % 1000000));
}

static void line_read(sqlite3_stmt *s, struct line *out)
{
    int64_t code = sqlite3_column_int64(s, 3), phase = sqlite3_column_int64(s, 4),
            amount = sqlite3_column_int64(s, 5), reserved = sqlite3_column_int64(s, 6);
    bool debit = sqlite3_column_int64(s, 11) != 0;
    (void)snprintf(out->number, sizeof out->number, "%" PRId64,
                   (int64_t)sqlite3_column_int64(s, 0));
    (void)snprintf(out->seq, sizeof out->seq, "%" PRId64, (int64_t)sqlite3_column_int64(s, 1));
    time_text(sqlite3_column_int64(s, 2), out->time);
    out->other = column_text(s, 12);
    out->kind = kind_of(code, phase, debit, out->other);
    money(phase == EE_BOOK_VOIDED ? reserved : amount, out->amount);
    money(change_of(code, phase, debit, amount, reserved), out->change);
    money(sqlite3_column_int64(s, 13), out->available);
    money(sqlite3_column_int64(s, 14), out->locked);
    money(sqlite3_column_int64(s, 15), out->incoming);
    out->lease[0] = out->period[0] = '\0';
    if (sqlite3_column_bytes(s, 7) == EE_ID_SIZE) {
        ee_hex_encode(sqlite3_column_blob(s, 7), EE_ID_SIZE, out->lease);
        (void)snprintf(out->period, sizeof out->period, "%" PRId64,
                       (int64_t)sqlite3_column_int64(s, 8));
    }
    out->reference = column_text(s, 9);
    out->memo = column_text(s, 10);
}

static void line_csv(struct ee_csv *csv, const struct line *l)
{
    const char *const values[] = {l->number, l->seq,      l->time,   l->kind,
                                  l->other,  l->amount,   l->change, l->available,
                                  l->locked, l->incoming, l->lease,  l->period};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        ee_csv_value(csv, values[i]);
    ee_csv_text(csv, l->reference);
    ee_csv_text(csv, l->memo);
    ee_csv_end(csv);
}

static void header_csv(struct ee_csv *csv)
{
    static const char *const names[] = {"number", "seq",    "time",      "kind",   "counterparty",
                                        "amount", "change", "available", "locked", "incoming",
                                        "lease",  "period", "reference", "memo"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ee_csv_value(csv, names[i]);
    ee_csv_end(csv);
}

static json_t *line_json(const struct line *l)
{
    json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
                             "number", l->number, "seq", l->seq, "at", l->time, "kind", l->kind,
                             "counterparty", l->other, "amount", l->amount, "change", l->change,
                             "available", l->available, "locked", l->locked, "incoming",
                             l->incoming, "reference", l->reference, "memo", l->memo);
    if (item != NULL && l->lease[0] != '\0') {
        (void)json_object_set_new(item, "lease", json_string(l->lease));
        (void)json_object_set_new(item, "period", json_integer(strtol(l->period, NULL, 10)));
    }
    return item;
}

/* ---- a page ---- */

struct making {
    const struct ee_statement_ask *ask;
    struct ee_statement_page page;
    struct ee_csv csv;
    json_t *items;
};

/* The number of the first entry at or after a time. */
static enum ee_err place_of_time(struct ee_read_query *query, uint64_t time_us, int64_t *out)
{
    sqlite3_stmt *s = query->statements[BOUNDS];
    sqlite3_bind_int64(s, 1, (int64_t)(time_us < INT64_MAX ? time_us : INT64_MAX));
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return code == SQLITE_ROW ? EE_OK : error_of(code == SQLITE_DONE ? SQLITE_CORRUPT : code);
}

/* Lines with low < number < high. */
static enum ee_err bounds(struct ee_read_query *query, const struct ee_statement_ask *ask,
                          int64_t *low, int64_t *high)
{
    int64_t place = (int64_t)(ask->place < INT64_MAX ? ask->place : INT64_MAX);
    *low = -1;
    *high = INT64_MAX;
    if (ask->from_us > 0) {
        EE_TRY(place_of_time(query, ask->from_us, low));
        (*low)--;
    }
    if (ask->until_us > 0)
        EE_TRY(place_of_time(query, ask->until_us, high));
    if (ask->has_place && !ask->newest_first && place > *low)
        *low = place;
    if (ask->has_place && ask->newest_first && place < *high)
        *high = place;
    return EE_OK;
}

static enum ee_err line_take(struct making *m, sqlite3_stmt *s)
{
    struct line line;
    line_read(s, &line);
    m->page.place = (uint64_t)sqlite3_column_int64(s, 0);
    m->page.has_place = true;
    m->page.count++;
    if (m->ask->form == EE_STATEMENT_CSV) {
        line_csv(&m->csv, &line);
        return m->csv.err;
    }
    return json_array_append_new(m->items, line_json(&line)) == 0 ? EE_OK : EE_NO_MEMORY;
}

static enum ee_err lines(struct ee_read_query *query, struct making *m)
{
    int64_t low, high;
    EE_TRY(bounds(query, m->ask, &low, &high));
    sqlite3_stmt *s = query->statements[m->ask->newest_first ? LINES_DOWN : LINES_UP];
    sqlite3_bind_text(s, 1, m->ask->account, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, low);
    sqlite3_bind_int64(s, 3, high);
    sqlite3_bind_int64(s, 4, (int64_t)m->ask->limit + 1);
    enum ee_err err = EE_OK;
    int code;
    while (err == EE_OK && (code = sqlite3_step(s)) != SQLITE_DONE) {
        m->page.more = code == SQLITE_ROW && m->page.count == m->ask->limit;
        err = code == SQLITE_ROW ? EE_OK : error_of(code);
        if (err != EE_OK || m->page.more)
            break;
        err = line_take(m, s);
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}

static enum ee_err cursor(struct ee_read_query *query, struct ee_statement_page *page)
{
    sqlite3_stmt *s = query->statements[CURSOR];
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        page->seq = (uint64_t)sqlite3_column_int64(s, 0);
        page->time_us = (uint64_t)sqlite3_column_int64(s, 1);
    }
    sqlite3_reset(s);
    return code == SQLITE_ROW ? EE_OK : error_of(code == SQLITE_DONE ? SQLITE_CORRUPT : code);
}

/* Cursor and lines from one snapshot of the file. */
static enum ee_err page_read(struct ee_read_query *query, struct making *m)
{
    EE_TRY(error_of(sqlite3_exec(query->db, "BEGIN", NULL, NULL, NULL)));
    enum ee_err err = cursor(query, &m->page);
    if (err == EE_OK)
        err = lines(query, m);
    (void)sqlite3_exec(query->db, "COMMIT", NULL, NULL, NULL);
    return err;
}

static enum ee_err page_text(struct making *m)
{
    if (m->ask->form == EE_STATEMENT_CSV) {
        m->page.text = m->csv.data;
        m->page.size = m->csv.size;
        m->csv.data = NULL;
        return EE_OK;
    }
    m->page.text = ee_json_dump(m->items);
    m->page.size = m->page.text != NULL ? strlen(m->page.text) : 0;
    return m->page.text != NULL ? EE_OK : EE_NO_MEMORY;
}

enum ee_err ee_read_query_statement(struct ee_read_query *query, const struct ee_statement_ask *ask,
                                    struct ee_statement_page *out)
{
    struct making m = {.ask = ask, .csv = {.limit = EE_STATEMENT_TEXT_MAX}};
    m.page.place = ask->place;
    m.page.has_place = ask->has_place;
    m.items = json_array();
    if (ask->form == EE_STATEMENT_CSV && ask->header)
        header_csv(&m.csv);
    enum ee_err err = m.items != NULL ? page_read(query, &m) : EE_NO_MEMORY;
    if (err == EE_OK)
        err = page_text(&m);
    json_decref(m.items);
    free(m.csv.data);
    if (err == EE_OK)
        *out = m.page;
    return err;
}

/* ---- events ---- */

static enum ee_err event_take(sqlite3_stmt *s, struct ee_read_event *out)
{
    const char *body = column_text(s, 3);
    size_t size = strlen(body);
    if (size > EE_EVENT_BODY_MAX)
        return EE_READ_DAMAGED;
    out->number = (uint64_t)sqlite3_column_int64(s, 0);
    out->kind = (uint32_t)sqlite3_column_int64(s, 1);
    out->time_us = (uint64_t)sqlite3_column_int64(s, 2);
    memcpy(out->body, body, size + 1);
    return EE_OK;
}

enum ee_err ee_read_query_event(struct ee_read_query *query, const char *account, uint64_t after,
                                uint32_t kinds, struct ee_read_event *out, uint64_t *reached_out)
{
    sqlite3_stmt *s = query->statements[EVENT];
    enum ee_err err = EE_NOT_FOUND;
    int code;
    *reached_out = after;
    sqlite3_bind_text(s, 1, account, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (int64_t)(after < INT64_MAX ? after : INT64_MAX));
    while (err == EE_NOT_FOUND && (code = sqlite3_step(s)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            err = error_of(code);
            break;
        }
        int64_t kind = sqlite3_column_int64(s, 1);
        if (kind >= 1 && kind <= EE_EVENT_KINDS && kinds & 1u << (kind - 1))
            err = event_take(s, out);
        else
            *reached_out = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return err;
}
