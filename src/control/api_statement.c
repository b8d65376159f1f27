/* SPDX-License-Identifier: Apache-2.0 */
/* The statement of an account from the read model: pages of JSON, or all of it as CSV, page by page
 * as the client takes it. docs/spec/read-model.md. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/api.h"
#include "control/read_model.h"
#include "io/clock.h"

#include "base/banned.h"

enum {
    CURSOR_VERSION = 1,
    CURSOR_SIZE = 10, /* version, order, number; in hex */
    CSV_PAGE_LINES = 500,
    WAIT_DEFAULT_S = 10,
    WAIT_MAX_S = 30,
    QUERY_TEXT_SIZE = 48,
};

struct statement {
    struct ee_read_job job;
    struct ee_statement_ask ask;
    struct ee_statement_page page;
    uint64_t left; /* CSV: lines still asked for */
    bool started;  /* CSV: the head has gone */
    bool in_work;  /* the job is asked */
    struct ee_read_model *model;
};

/* ---- the query ---- */

static void cursor_format(const struct ee_statement_ask *ask, uint64_t place,
                          char out[2 * CURSOR_SIZE + 1])
{
    uint8_t bytes[CURSOR_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, bytes, sizeof bytes);
    ee_writer_u8(&w, CURSOR_VERSION);
    ee_writer_u8(&w, ask->newest_first);
    ee_writer_u64(&w, place);
    ee_hex_encode(bytes, sizeof bytes, out);
}

static enum ee_err cursor_parse(const char *text, struct ee_statement_ask *ask)
{
    uint8_t bytes[CURSOR_SIZE];
    struct ee_cursor c;
    EE_TRY(ee_hex_decode(ee_bytes_str(text), bytes, sizeof bytes));
    ee_cursor_init(&c, ee_bytes_of(bytes, sizeof bytes));
    uint8_t version = ee_cursor_u8(&c), order = ee_cursor_u8(&c);
    if (version != CURSOR_VERSION || order > 1)
        return EE_SYNTAX;
    ask->newest_first = order == 1;
    ask->place = ee_cursor_u64(&c);
    ask->has_place = true;
    return ask->place < UINT32_MAX ? EE_OK : EE_SYNTAX;
}

/* The value of a name; EE_NOT_FOUND: not given. */
static enum ee_err value(const struct ee_api_call *call, const char *name,
                         char out[QUERY_TEXT_SIZE])
{
    return ee_query_value(call->query, name, out, QUERY_TEXT_SIZE);
}

static enum ee_err read_number(const struct ee_api_call *call, const char *name, uint64_t low,
                               uint64_t high, uint64_t *out)
{
    char text[QUERY_TEXT_SIZE];
    uint64_t number;
    enum ee_err err = value(call, name, text);
    if (err == EE_NOT_FOUND)
        return EE_OK;
    EE_TRY(err);
    EE_TRY(ee_u64_parse(text, &number));
    if (number < low || number > high)
        return EE_RANGE;
    *out = number;
    return EE_OK;
}

static enum ee_err read_time(const struct ee_api_call *call, const char *name, uint64_t *out)
{
    char text[QUERY_TEXT_SIZE];
    int64_t seconds;
    enum ee_err err = value(call, name, text);
    if (err == EE_NOT_FOUND)
        return EE_OK;
    EE_TRY(err);
    EE_TRY(ee_time_parse(ee_bytes_str(text), &seconds));
    *out = (uint64_t)seconds * 1000000;
    return EE_OK;
}

/* One of two words; EE_SYNTAX. */
static enum ee_err read_choice(const struct ee_api_call *call, const char *name, const char *no,
                               const char *yes, bool *out)
{
    char text[QUERY_TEXT_SIZE];
    enum ee_err err = value(call, name, text);
    if (err == EE_NOT_FOUND)
        return EE_OK;
    EE_TRY(err);
    *out = strcmp(text, yes) == 0;
    return *out || strcmp(text, no) == 0 ? EE_OK : EE_SYNTAX;
}

static enum ee_err read_page(const struct ee_api_call *call, struct statement *s, bool csv)
{
    char text[QUERY_TEXT_SIZE];
    uint64_t limit = csv ? UINT64_MAX : EE_STATEMENT_LIMIT_DEFAULT;
    EE_TRY(read_number(call, "limit", 1, csv ? UINT64_MAX : EE_STATEMENT_LIMIT_MAX, &limit));
    s->left = limit;
    s->ask.limit = (uint32_t)(csv && limit > CSV_PAGE_LINES ? CSV_PAGE_LINES : limit);
    EE_TRY(read_choice(call, "order", "oldest", "newest", &s->ask.newest_first));
    enum ee_err err = value(call, "cursor", text);
    if (err == EE_NOT_FOUND)
        return EE_OK;
    EE_TRY(err);
    return cursor_parse(text, &s->ask);
}

static enum ee_err read_query(const struct ee_api_call *call, struct statement *s)
{
    uint64_t wait_s = WAIT_DEFAULT_S;
    bool csv = call->accepts_csv;
    EE_TRY(read_choice(call, "format", "json", "csv", &csv));
    s->ask.form = csv ? EE_STATEMENT_CSV : EE_STATEMENT_JSON;
    s->ask.header = csv;
    memcpy(s->ask.account, call->account, sizeof s->ask.account);
    EE_TRY(read_page(call, s, csv));
    EE_TRY(read_time(call, "from", &s->ask.from_us));
    EE_TRY(read_time(call, "to", &s->ask.until_us));
    EE_TRY(read_number(call, "wait_for", 0, INT64_MAX, &s->job.min_seq));
    EE_TRY(read_number(call, "wait", 0, WAIT_MAX_S, &wait_s));
    s->job.deadline_us = ee_clock_monotonic_us() + wait_s * 1000000;
    return EE_OK;
}

/* ---- answers ---- */

static void answer_json(struct ee_api_call *call, struct statement *s)
{
    char cursor[2 * CURSOR_SIZE + 1] = "";
    const struct ee_statement_page *page = &s->page;
    json_t *items = json_loadb(page->text, page->size, 0, NULL);
    if (page->has_place)
        cursor_format(&s->ask, page->place, cursor);
    /* `next`: there is more now; `resume`: where lines to come will be. */
    json_t *next = page->more ? json_string(cursor) : json_null();
    json_t *resume = page->has_place ? json_string(cursor) : json_null();
    ee_api_answer_json(call, 200,
                       json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "account", s->ask.account,
                                 "items", items, "next", next, "resume", resume, "seq",
                                 ee_json_u64(page->seq), "at", ee_json_time(page->time_us)));
}

static void ask(struct ee_api_call *call, struct statement *s)
{
    enum ee_err err = ee_read_model_ask(s->model, &s->job);
    s->in_work = err == EE_OK;
    if (err == EE_OK)
        return;
    if (s->started)
        ee_api_stream_end(call, false);
    else
        ee_api_fail(call, err, "too many questions to the read model are waiting");
}

static void csv_next(struct ee_api_call *call)
{
    struct statement *s = call->extra;
    if (s->in_work)
        return;
    if (!s->page.more || s->left == 0) {
        ee_api_stream_end(call, true);
        return;
    }
    s->ask.place = s->page.place;
    s->ask.has_place = true;
    s->ask.header = false;
    if (s->left < s->ask.limit)
        s->ask.limit = (uint32_t)s->left;
    s->job.min_seq = 0;
    ask(call, s);
}

static void csv_piece(struct ee_api_call *call, struct statement *s)
{
    s->left -= s->page.count;
    call->on_writable = csv_next;
    if (!s->started) {
        s->started = true;
        ee_api_stream_begin(call, "text/csv; charset=utf-8; header=present");
    }
    ee_api_stream_piece(call, ee_bytes_of(s->page.text, s->page.size));
}

static enum ee_err page_run(struct ee_read_job *job, struct ee_read_query *query)
{
    struct ee_api_call *call = job->context;
    struct statement *s = call->extra;
    free(s->page.text);
    s->page.text = NULL;
    return ee_read_query_statement(query, &s->ask, &s->page);
}

static void page_done(struct ee_read_job *job, enum ee_err err)
{
    struct ee_api_call *call = job->context;
    struct statement *s = call->extra;
    s->in_work = false;
    if (err != EE_OK && s->started)
        ee_api_stream_end(call, false);
    else if (err != EE_OK)
        ee_api_fail(call, err, NULL);
    else if (s->ask.form == EE_STATEMENT_CSV)
        csv_piece(call, s);
    else
        answer_json(call, s);
}

static void statement_free(struct ee_api_call *call)
{
    struct statement *s = call->extra;
    if (s->in_work)
        ee_read_model_forget(s->model, &s->job);
    free(s->page.text);
    free(s);
}

void ee_api_statement(struct ee_api_call *call)
{
    struct statement *s = calloc(1, sizeof *s);
    if (s == NULL) {
        ee_api_fail(call, EE_NO_MEMORY, NULL);
        return;
    }
    s->model = call->control->read_model;
    s->job.run = page_run;
    s->job.done = page_done;
    s->job.context = call;
    call->extra = s;
    call->extra_free = statement_free;
    enum ee_err err = read_query(call, s);
    if (err != EE_OK) {
        ee_api_fail(call, err,
                    "limit, cursor, from and to (2026-01-31T00:00:00Z), order (oldest, newest), "
                    "wait_for, wait (seconds), format (json, csv)");
        return;
    }
    if (ee_api_wait(call))
        ask(call, s);
}

void ee_api_read_model(struct ee_api_call *call)
{
    struct ee_projector_status status;
    ee_read_model_status(call->control->read_model, &status);
    ee_api_answer_json(
        call, 200,
        json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:s}", "seq", ee_json_u64(status.seq),
                  "durable_seq", ee_json_u64(ee_sequencer_durable_seq(call->control->sequencer)),
                  "at", ee_json_time(status.time_us), "caught_up", status.caught_up, "rows",
                  ee_json_u64(status.rows), "rebuilds", ee_json_u64(status.rebuilds), "error",
                  status.err == EE_OK ? "" : ee_err_name(status.err)));
}
