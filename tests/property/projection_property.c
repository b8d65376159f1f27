/* SPDX-License-Identifier: Apache-2.0 */
/* Random commands through the read model: what its file says is the fold of the log to its cursor
 * (balances, lines, leases and periods against the core's own state), and a rebuild from the first
 * batch gives the same rows as a projection that followed along, was stopped without warning and
 * went on. EE_SEED and EE_SEEDS choose the seeds. */
#include "property/random_run.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/projection.h"
#include "tap.h"

enum { STEPS = 150, SEEDS = 10, BATCHES_MAX = 4096 };

struct batches {
    size_t ends[BATCHES_MAX]; /* in the log */
    size_t count;
};

static char folder[] = "/tmp/ee-projection-XXXXXX";

static char *file(const char *name, char out[64])
{
    (void)snprintf(out, 64, "%s/%s.db", folder, name);
    return out;
}

/* ---- the journal in memory ---- */

static void batch_at(const struct network *n, const struct batches *b, size_t index,
                     struct ee_journal_batch *out)
{
    size_t start = index == 0 ? 0 : b->ends[index - 1];
    *out = (struct ee_journal_batch){.batch = index + 1,
                                     .body = ee_bytes_of(n->log + start, b->ends[index] - start)};
    memcpy(out->hash, &out->batch, sizeof(out->batch));
}

static void alerts(struct random_run *run)
{
    struct ee_webhook_set set = {.op = EE_WEBHOOK_SET, .events = EE_EVENTS_ALL};
    const char *account = random_accounts[random_draw(&run->state) % 4];
    uint64_t choice = random_draw(&run->state) % 5;
    memcpy(set.url, "https://example.net/hook", 25);
    if (choice == 1) {
        set = (struct ee_webhook_set){.op = EE_WEBHOOK_ALERT, .runway_below_s = 20};
        set.below.micros = (int64_t)(random_draw(&run->state) % 20000000);
    } else if (choice == 2) {
        set = (struct ee_webhook_set){.op = EE_WEBHOOK_REMOVE, .slot = 1};
    }
    if (choice <= 2)
        (void)NETWORK_SEND(&run->network, EE_ACTOR_ACCOUNT, account, EE_COMMAND_WEBHOOK,
                           webhook_set, &set);
}

/* Orders, words about payments that may know them or not, redemptions. */
struct payments {
    uint8_t orders[8][EE_ID_SIZE];
    unsigned order_count;
};

static void payment_word(struct random_run *run, struct payments *payments)
{
    struct ee_payment_word word = {.event = EE_PAYMENT_SUCCEEDED, .currency = "usd"};
    uint64_t which = random_draw(&run->state) % 8;
    (void)snprintf(word.payment, sizeof(word.payment), "pi_%u", (unsigned)which);
    memcpy(word.provider_event, "evt", 4);
    word.cents = 500 + 100 * which;
    if (random_draw(&run->state) % 2 == 0) {
        memcpy(word.order, payments->orders[which], EE_ID_SIZE);
    } else {
        word.event = (enum ee_payment_event)(2 + random_draw(&run->state) % 4);
        word.cents = 1 + random_draw(&run->state) % word.cents;
    }
    if (word.event > EE_PAYMENT_REFUNDED)
        memcpy(word.dispute, "dp_1", 5);
    (void)NETWORK_SEND(&run->network, EE_ACTOR_SYSTEM, "", EE_COMMAND_PAYMENT, payment_word, &word);
}

static void pay(struct random_run *run, struct payments *payments)
{
    struct network *n = &run->network;
    const char *account = random_accounts[random_draw(&run->state) % 4];
    struct ee_topup topup = {.currency = "usd"};
    struct ee_topup_result made;
    struct ee_redeem redeem = {.destination = "bank"};
    uint64_t choice = random_draw(&run->state) % 4;
    unsigned at = payments->order_count % 8;
    if (choice == 0 || payments->order_count < 8) {
        topup.cents = 500 + 100 * at;
        if (NETWORK_SEND(n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_TOPUP, topup, &topup) == EE_OK &&
            ee_topup_result_decode(ee_bytes_of(n->result.body, n->result.body_size), &made) ==
                EE_OK)
            memcpy(payments->orders[payments->order_count++ % 8], made.order, EE_ID_SIZE);
    } else if (choice == 1) {
        redeem.amount.micros = 1 + (int64_t)(random_draw(&run->state) % 5000000);
        (void)NETWORK_SEND(n, EE_ACTOR_ACCOUNT, account, EE_COMMAND_REDEEM, redeem, &redeem);
    } else {
        payment_word(run, payments);
    }
}

/* ---- comparing ---- */

static void hash_text(uint64_t *hash, const char *text)
{
    for (; *text != '\0'; text++)
        *hash = (*hash ^ (uint8_t)*text) * 1099511628211u;
    *hash = (*hash ^ 0xff) * 1099511628211u;
}

static uint64_t rows_hash(const char *path, unsigned *rows_out)
{
    static const char *const tables[] = {"cursor", "account", "entry", "line", "lease",
                                         "period", "receipt", "event", "alert"};
    uint64_t hash = 14695981039346656037u;
    sqlite3 *db = NULL;
    *rows_out = 0;
    CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        char sql[64];
        sqlite3_stmt *s = NULL;
        (void)snprintf(sql, sizeof(sql), "SELECT * FROM %s", tables[t]);
        CHECK(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
            (*rows_out)++;
            for (int c = 0; c < sqlite3_column_count(s); c++) {
                const uint8_t *blob = sqlite3_column_blob(s, c);
                for (int i = 0; i < sqlite3_column_bytes(s, c); i++)
                    hash = (hash ^ blob[i]) * 1099511628211u;
                hash_text(&hash, "|");
            }
        }
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    return hash;
}

static int64_t sql_number(sqlite3 *db, const char *sql, const char *text)
{
    sqlite3_stmt *s = NULL;
    int64_t value = INT64_MIN;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        return INT64_MIN;
    if (text != NULL)
        sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
    if (sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

#define LAST_LINE(column)                                                                          \
    "SELECT " column " FROM line JOIN account ON account.number = line.account"                    \
    " WHERE name = ?1 ORDER BY line.number DESC LIMIT 1"

static unsigned debts_seen;

/* Debts, which are accounts of the book of their own. */
static bool debts_equal_core(sqlite3 *db, const struct ee_core *core)
{
    int64_t owed = 0;
    for (size_t i = 0; ee_core_account_at(core, i) != NULL; i++) {
        const char *name = ee_core_account_at(core, i)->name;
        struct ee_balance balance;
        int64_t row = sql_number(db,
                                 "SELECT debits_posted - credits_posted FROM account"
                                 " WHERE name = 'recv:' || ?1",
                                 name);
        if (ee_core_balance(core, name, &balance) != EE_OK ||
            (row != INT64_MIN ? row : 0) != balance.owed.micros)
            return false;
        owed += balance.owed.micros;
        debts_seen += row != INT64_MIN;
    }
    return sql_number(db,
                      "SELECT coalesce(sum(debits_posted - credits_posted), 0) FROM account"
                      " WHERE name LIKE 'recv:%'",
                      NULL) == owed &&
           sql_number(db, "SELECT count(*) FROM account WHERE name LIKE 'other:%'", NULL) == 0;
}

/* Without those that only use up an id. */
static int64_t entries_that_moved(const struct ee_core *core)
{
    int64_t count = 0;
    for (uint32_t i = 0; i < ee_core_book_entries(core); i++) {
        struct ee_book_entry entry;
        ee_core_book_entry(core, i, &entry);
        count += entry.phase != EE_BOOK_REFUSED;
    }
    return count;
}

/* Invariant 14: reads at the cursor are the core's state there. */
static bool equals_core(const char *path, const struct ee_core *core)
{
    sqlite3 *db = NULL;
    bool same = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
    size_t leases = 0, open = 0, settled = 0;
    same = same && sql_number(db, "SELECT seq FROM cursor", NULL) == (int64_t)ee_core_seq(core);
    same = same && sql_number(db, "SELECT count(*) FROM entry", NULL) == entries_that_moved(core) &&
           sql_number(db, "SELECT count(*) FROM receipt", NULL) == (int64_t)ee_core_seq(core);
    for (size_t i = 0; same && ee_core_account_at(core, i) != NULL; i++) {
        const char *name = ee_core_account_at(core, i)->name;
        struct ee_balance balance;
        same = ee_core_balance(core, name, &balance) == EE_OK &&
               sql_number(db,
                          "SELECT credits_posted - debits_posted - debits_pending FROM account"
                          " WHERE name = ?1",
                          name) == balance.available.micros &&
               sql_number(db, "SELECT debits_pending FROM account WHERE name = ?1", name) ==
                   balance.locked.micros;
        int64_t line = sql_number(db, LAST_LINE("available"), name);
        same = same && (line == INT64_MIN || line == balance.available.micros);
        line = sql_number(db, LAST_LINE("incoming"), name);
        same = same && (line == INT64_MIN || line == balance.incoming.micros);
    }
    same = same && debts_equal_core(db, core);
    for (; ee_core_lease_at(core, leases) != NULL; leases++)
        open += ee_core_lease_at(core, leases)->state != EE_LEASE_ENDED;
    same = same && sql_number(db, "SELECT count(*) FROM lease", NULL) == (int64_t)leases &&
           sql_number(db, "SELECT count(*) FROM lease WHERE state <> 4", NULL) == (int64_t)open;
    size_t periods = 0;
    int64_t paid = 0;
    for (; ee_core_period_at(core, periods) != NULL; periods++) {
        settled += ee_core_period_at(core, periods)->settle_seq != 0;
        paid += ee_core_period_at(core, periods)->paid.micros;
    }
    same = same && sql_number(db, "SELECT count(*) FROM period", NULL) == (int64_t)periods &&
           sql_number(db, "SELECT count(*) FROM period WHERE settle_seq > 0", NULL) ==
               (int64_t)settled &&
           sql_number(db, "SELECT coalesce(sum(paid), 0) FROM period", NULL) == paid &&
           sql_number(db, "SELECT count(*) FROM entry WHERE code = 3 AND lease IS NULL", NULL) == 0;
    /* Double entry: what one side gives the other gets. */
    same = same && sql_number(db,
                              "SELECT sum(debits_posted) - sum(credits_posted) +"
                              " sum(debits_pending) - sum(credits_pending) FROM account",
                              NULL) == 0;
    sqlite3_close(db);
    return same;
}

/* ---- running ---- */

struct run_projection {
    struct ee_read_store *store;
    struct ee_projection *projection;
};

static void projection_open(struct run_projection *r, const char *path, const uint8_t network[32])
{
    r->store = NULL;
    r->projection = NULL;
    CHECK(ee_read_store_open(path, network, &r->store) == EE_OK);
    CHECK(ee_projection_new(&ee_allocator_system, &ee_crypto_openssl, r->store, &r->projection) ==
          EE_OK);
}

static void projection_close(struct run_projection *r)
{
    ee_projection_free(r->projection);
    ee_read_store_close(r->store);
}

static bool feed(struct run_projection *r, const struct network *n, const struct batches *b,
                 size_t from, size_t to)
{
    struct ee_journal_batch batch;
    for (size_t i = from; i < to; i++) {
        batch_at(n, b, i, &batch);
        if (ee_projection_batch(r->projection, &batch) != EE_OK)
            return false;
    }
    return true;
}

static void follow_along(struct random_run *run, const char *path, struct batches *b)
{
    struct run_projection along;
    struct network *n = &run->network;
    struct payments payments = {.order_count = 0};
    size_t fed = 0;
    projection_open(&along, path, ee_core_network_id(n->core));
    for (int i = 0; i < STEPS; i++) {
        random_step(run);
        alerts(run);
        pay(run, &payments);
        if (n->log_size > (b->count ? b->ends[b->count - 1] : 0) && b->count < BATCHES_MAX)
            b->ends[b->count++] = n->log_size;
        if (random_draw(&run->state) % 3 == 0) {
            CHECK(feed(&along, n, b, fed, b->count));
            fed = b->count;
        }
        if (random_draw(&run->state) % 5 == 0)
            CHECK(ee_projection_commit(along.projection) == EE_OK);
        if (random_draw(&run->state) % 40 == 0) { /* killed: what was not committed is gone */
            projection_close(&along);
            projection_open(&along, path, ee_core_network_id(n->core));
            CHECK(feed(&along, n, b, 0, fed));
        }
    }
    CHECK(feed(&along, n, b, fed, b->count));
    CHECK(ee_projection_commit(along.projection) == EE_OK);
    CHECK(!ee_projection_behind(along.projection));
    projection_close(&along);
}

static bool run_seed(uint64_t seed)
{
    struct random_run run;
    struct run_projection again;
    char path[64], other[64];
    unsigned rows, rows_again;
    struct batches *b = calloc(1, sizeof(*b));
    random_open(&run, seed);
    follow_along(&run, file("along", path), b);
    projection_open(&again, file("again", other), ee_core_network_id(run.network.core));
    CHECK(feed(&again, &run.network, b, 0, b->count));
    CHECK(ee_projection_commit(again.projection) == EE_OK);
    projection_close(&again);
    CHECK(equals_core(path, run.network.core));
    CHECK(rows_hash(path, &rows) == rows_hash(other, &rows_again));
    CHECK(rows == rows_again && rows > STEPS);
    CHECK(ee_read_store_remove(path) == EE_OK && ee_read_store_remove(other) == EE_OK);
    random_close(&run);
    free(b);
    return tap_failures == 0;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void projection_equals_the_core_and_a_rebuild(void)
{
    uint64_t first = number_of("EE_SEED", 1), count = number_of("EE_SEEDS", SEEDS);
    REQUIRE(mkdtemp(folder) != NULL);
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (!run_seed(seed)) {
            printf("# seed %llu\n", (unsigned long long)seed);
            break;
        }
    }
    CHECK(count < SEEDS || debts_seen > 0);
    (void)rmdir(folder);
}

/* Fault: the file is ahead of a journal that was put back, or of another history. */
static void cursor_of_another_journal_is_damage(void)
{
    struct random_run run;
    struct run_projection r;
    struct ee_journal_batch batch;
    char path[64];
    struct batches b = {.count = 1};
    char text[] = "/tmp/ee-projection-XXXXXX";
    memcpy(folder, text, sizeof(text));
    REQUIRE(mkdtemp(folder) != NULL);
    random_open(&run, 7);
    b.ends[0] = run.network.log_size;
    projection_open(&r, file("a", path), ee_core_network_id(run.network.core));
    CHECK(feed(&r, &run.network, &b, 0, 1) && ee_projection_commit(r.projection) == EE_OK);
    projection_close(&r);
    projection_open(&r, path, ee_core_network_id(run.network.core));
    CHECK(ee_projection_behind(r.projection)); /* a journal that ends before it stays behind */
    batch_at(&run.network, &b, 0, &batch);
    batch.hash[31] ^= 1;
    CHECK(ee_projection_batch(r.projection, &batch) == EE_READ_DAMAGED);
    projection_close(&r);
    uint8_t other[32] = {1};
    struct ee_read_store *store = NULL;
    CHECK(ee_read_store_open(path, other, &store) == EE_READ_DAMAGED);
    CHECK(ee_read_store_remove(path) == EE_OK);
    (void)rmdir(folder);
    random_close(&run);
}

TESTS(TEST(projection_equals_the_core_and_a_rebuild), TEST(cursor_of_another_journal_is_damage))
