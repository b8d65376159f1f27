/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tap.h"

#include "io/journal_sqlite.h"
#include "journal_fixture.h"

#include "base/banned.h"

static char folder[64];
static char path[128];

static bool folder_make(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/ee-journal-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return false;
    (void)snprintf(path, sizeof(path), "%s/journal.db", folder);
    return true;
}

static void folder_remove(void)
{
    const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    char name[160];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

static enum ee_err file_open(struct ee_journal **out)
{
    struct ee_journal_options options = journal_options();
    struct ee_journal_store store;
    EE_TRY(ee_journal_sqlite_open(path, EE_JOURNAL_CREATE, &store));
    return ee_journal_open(&options, store, out);
}

static enum ee_err file_check(struct ee_journal_fault *fault, uint64_t *seq_out)
{
    struct ee_journal *journal = NULL;
    EE_TRY(file_open(&journal));
    enum ee_err err = ee_journal_replay(journal, NULL, NULL, fault);
    if (seq_out != NULL)
        *seq_out = ee_journal_last_seq(journal);
    ee_journal_close(journal);
    return err;
}

static enum ee_err file_fill(uint32_t batches)
{
    struct ee_journal *journal = NULL;
    EE_TRY(file_open(&journal));
    enum ee_err err = ee_journal_replay(journal, NULL, NULL, NULL);
    if (err == EE_OK)
        err = journal_fill(journal, batches);
    ee_journal_close(journal);
    return err;
}

static bool sql_run(const char *sql)
{
    sqlite3 *db = NULL;
    bool done = sqlite3_open(path, &db) == SQLITE_OK &&
                sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(db);
    return done;
}

static void batches_survive_reopening(void)
{
    uint64_t seq = 0;
    uint64_t batch = 0;
    uint8_t value[8];
    size_t size = 0;
    struct ee_journal *journal = NULL;
    struct stat status;
    REQUIRE(folder_make());
    CHECK(file_fill(4) == EE_OK);
    CHECK(file_fill(3) == EE_OK);
    CHECK(file_check(NULL, &seq) == EE_OK && seq == 16);
    CHECK(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    REQUIRE(file_open(&journal) == EE_OK);
    CHECK(ee_journal_find(journal, 11, &batch) == EE_OK && batch == 5);
    CHECK(ee_journal_find(journal, 0, &batch) == EE_NOT_FOUND);
    CHECK(ee_journal_read(journal, 5, 6, NULL, NULL, NULL) == EE_OK);
    CHECK(ee_journal_read(journal, 9, 9, NULL, NULL, NULL) == EE_NOT_FOUND);
    CHECK(ee_journal_meta_put(journal, "k", ee_bytes_str("one")) == EE_OK);
    CHECK(ee_journal_meta_put(journal, "k", ee_bytes_str("two2")) == EE_OK);
    CHECK(ee_journal_meta_get(journal, "k", value, 3, &size) == EE_TOO_LARGE);
    CHECK(ee_journal_meta_get(journal, "k", value, sizeof(value), &size) == EE_OK && size == 4);
    CHECK(ee_journal_meta_get(journal, "none", value, sizeof(value), &size) == EE_NOT_FOUND);
    ee_journal_close(journal);
    folder_remove();
}

static void second_opening_is_refused(void)
{
    struct ee_journal *journal = NULL;
    struct ee_journal *second = NULL;
    REQUIRE(folder_make());
    REQUIRE(file_open(&journal) == EE_OK);
    CHECK(file_open(&second) == EE_JOURNAL_LOCKED); /* in this process */
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(file_open(&second) == EE_JOURNAL_LOCKED ? 0 : 1); /* in another */
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    ee_journal_close(journal);
    CHECK(file_check(NULL, NULL) == EE_OK);
    folder_remove();
}

static void changed_rows_are_named(void)
{
    const struct {
        const char *sql;
        uint64_t batch;
    } cases[] = {
        {"UPDATE batch SET body = zeroblob(length(body)) WHERE batch = 2", 2},
        {"UPDATE batch SET body = substr(body, 2) WHERE batch = 2", 2},
        {"UPDATE batch SET note = X'00' WHERE batch = 3", 3},
        {"UPDATE batch SET count = 1 WHERE batch = 3", 3},
        {"UPDATE batch SET count = -1 WHERE batch = 3", 3},
        {"UPDATE batch SET count = 4294967299 WHERE batch = 3", 3},
        {"UPDATE batch SET epoch = 2 WHERE batch = 1", 1},
        {"UPDATE batch SET form = 2 WHERE batch = 4", 4},
        {"UPDATE batch SET hash = X'0011' WHERE batch = 2", 2},
        {"UPDATE batch SET prev_hash = X'' WHERE batch = 2", 2},
        {"DELETE FROM batch WHERE batch = 1", 1},
        {"DELETE FROM batch WHERE batch = 3", 3},
        {"UPDATE batch SET batch = 9 WHERE batch = 4", 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ee_journal_fault fault = {0};
        REQUIRE(folder_make());
        CHECK(file_fill(4) == EE_OK);
        CHECK(sql_run(cases[i].sql));
        CHECK(file_check(&fault, NULL) == EE_JOURNAL_CORRUPT);
        CHECK(fault.batch == cases[i].batch);
        folder_remove();
    }
}

static void files_that_are_not_ours_are_refused(void)
{
    struct ee_journal_store store;
    REQUIRE(folder_make());
    CHECK(ee_journal_sqlite_open(path, EE_JOURNAL_EXISTING, &store) == EE_NOT_FOUND);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    for (int i = 0; i < 1000; i++)
        (void)fputs("this is no database", file);
    (void)fclose(file);
    CHECK(file_check(NULL, NULL) == EE_UNSUPPORTED);
    CHECK(unlink(path) == 0);
    CHECK(sql_run("CREATE TABLE other(x)"));
    CHECK(file_check(NULL, NULL) == EE_UNSUPPORTED);
    CHECK(unlink(path) == 0);
    CHECK(file_fill(1) == EE_OK);
    CHECK(sql_run("PRAGMA user_version = 2"));
    CHECK(file_check(NULL, NULL) == EE_VERSION);
    folder_remove();
}

static void full_disk_stops_the_journal(void)
{
    struct ee_journal *journal = NULL;
    static uint8_t body[2 * 1024 * 1024];
    uint64_t seq = 0;
    REQUIRE(folder_make());
    CHECK(file_fill(2) == EE_OK);
    REQUIRE(file_open(&journal) == EE_OK);
    REQUIRE(ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){1024 * 1024, 1024 * 1024});
        struct ee_bytes bytes = ee_bytes_of(body, sizeof(body));
        bool failed = ee_journal_append(journal, 1, 1, bytes, bytes) == EE_TOO_LARGE &&
                      ee_journal_append(journal, 1, 1, bytes, ee_bytes_str("n")) == EE_JOURNAL &&
                      journal_fill(journal, 1) == EE_JOURNAL;
        _exit(failed ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    ee_journal_close(journal);
    CHECK(file_check(NULL, &seq) == EE_OK && seq == 3);
    folder_remove();
}

/* ---- power cut in the write-ahead log ---- */

static uint8_t log_bytes[1 << 20];

static size_t log_read(void)
{
    char name[160];
    (void)snprintf(name, sizeof(name), "%s-wal", path);
    FILE *file = fopen(name, "rb");
    size_t size = file != NULL ? fread(log_bytes, 1, sizeof(log_bytes), file) : 0;
    if (file != NULL)
        (void)fclose(file);
    return size;
}

static bool log_write(size_t size)
{
    char name[160];
    (void)snprintf(name, sizeof(name), "%s-shm", path);
    (void)unlink(name);
    (void)snprintf(name, sizeof(name), "%s-wal", path);
    FILE *file = fopen(name, "wb");
    if (file == NULL)
        return false;
    bool written = fwrite(log_bytes, 1, size, file) == size;
    return fclose(file) == 0 && written;
}

/* As a killed process leaves it: everything in the log, nothing in the file. */
static void killed_writer(uint32_t batches)
{
    pid_t child = fork();
    if (child == 0) {
        struct ee_journal *journal = NULL;
        bool written = file_open(&journal) == EE_OK &&
                       ee_journal_replay(journal, NULL, NULL, NULL) == EE_OK &&
                       journal_fill(journal, batches) == EE_OK;
        _exit(written ? 0 : 1);
    }
    int status = 1;
    REQUIRE(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Cut short anywhere, or with any frame torn, the journal is a valid prefix. */
static void torn_log_leaves_a_valid_prefix(void)
{
    enum { FRAME = 4096 + 24, CUTS = 40 };
    REQUIRE(folder_make());
    killed_writer(5);
    size_t size = log_read();
    REQUIRE(size > 4 * FRAME);
    uint64_t whole = 0;
    REQUIRE(file_check(NULL, &whole) == EE_OK && whole > 0);
    for (size_t i = 0; i < CUTS; i++) {
        folder_remove();
        REQUIRE(folder_make());
        killed_writer(5);
        size = log_read();
        size_t cut = size - 1 - i * (size / 2) / CUTS;
        if (i % 2 == 0)
            size = cut;
        else
            log_bytes[cut] ^= 0x10;
        REQUIRE(log_write(size));
        uint64_t seq = 0;
        CHECK(file_check(NULL, &seq) == EE_OK && seq <= whole);
    }
    folder_remove();
}

TESTS(TEST(batches_survive_reopening), TEST(second_opening_is_refused),
      TEST(changed_rows_are_named), TEST(files_that_are_not_ours_are_refused),
      TEST(full_disk_stops_the_journal), TEST(torn_log_leaves_a_valid_prefix))
