/* SPDX-License-Identifier: Apache-2.0 */
#include "io/derived.h"

#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

static char folder[] = "/tmp/ee-derived-XXXXXX";
static char path[64];
static const uint8_t key_a[EE_DERIVED_KEY_SIZE] = {1}, key_b[EE_DERIVED_KEY_SIZE] = {2};

static struct ee_derived *reopened(struct ee_derived *derived)
{
    struct ee_derived *again = NULL;
    ee_derived_close(derived);
    CHECK(ee_derived_open(path, &again) == EE_OK);
    return again;
}

static void rows_and_pieces_are_there_after_a_commit_only(void)
{
    uint8_t out[8];
    size_t size = 0;
    struct ee_derived *d = reopened(NULL);
    REQUIRE(d != NULL);
    CHECK(ee_derived_row_put(d, key_a, ee_bytes_str("one")) == EE_OK);
    CHECK(ee_derived_row_get(d, key_a, out, 3) == EE_OK && memcmp(out, "one", 3) == 0);
    d = reopened(d);
    CHECK(ee_derived_row_get(d, key_a, out, 3) == EE_NOT_FOUND);
    CHECK(ee_derived_row_put(d, key_a, ee_bytes_str("one")) == EE_OK);
    CHECK(ee_derived_row_put(d, key_a, ee_bytes_str("two")) == EE_OK);
    CHECK(ee_derived_piece_put(d, "book", 7, ee_bytes_str("seven")) == EE_OK);
    CHECK(ee_derived_commit(d) == EE_OK);
    CHECK(ee_derived_row_put(d, key_b, ee_bytes_str("lost")) == EE_OK);
    d = reopened(d);
    CHECK(ee_derived_row_get(d, key_a, out, 3) == EE_OK && memcmp(out, "two", 3) == 0);
    CHECK(ee_derived_row_get(d, key_a, out, 4) == EE_JOURNAL_CORRUPT);
    CHECK(ee_derived_row_get(d, key_a, out, 2) == EE_JOURNAL_CORRUPT);
    CHECK(ee_derived_row_get(d, key_b, out, 4) == EE_NOT_FOUND);
    CHECK(ee_derived_piece_get(d, "book", 7, out, 8, &size) == EE_OK && size == 5);
    CHECK(ee_derived_piece_get(d, "book", 7, out, 4, &size) == EE_TOO_LARGE);
    CHECK(ee_derived_piece_get(d, "book", 6, out, 8, &size) == EE_NOT_FOUND);
    CHECK(ee_derived_pieces_drop(d, "book") == EE_OK);
    CHECK(ee_derived_piece_get(d, "book", 7, out, 8, &size) == EE_NOT_FOUND);
    struct ee_bytes large = {key_a, EE_DERIVED_PIECE_MAX + 1};
    CHECK(ee_derived_piece_put(d, "book", 1, large) == EE_TOO_LARGE);
    ee_derived_close(d);
}

static void file_of_another_kind(void)
{
    struct ee_derived *d = NULL;
    CHECK(ee_derived_remove(path) == EE_OK && ee_derived_remove(path) == EE_OK);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    for (int i = 0; i < 2000; i++)
        (void)fputs("not a database ", file);
    (void)fclose(file);
    CHECK(ee_derived_open(path, &d) == EE_UNSUPPORTED && d == NULL);
    CHECK(ee_derived_remove(path) == EE_OK && access(path, F_OK) != 0);
}

static void folder_that_is_not_there(void)
{
    struct ee_derived *d = NULL;
    CHECK(ee_derived_open("/nowhere/at/all", &d) == EE_IO && d == NULL);
    CHECK(rmdir(folder) == 0);
}

static void folder_made(void)
{
    REQUIRE(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/d", folder);
}

TESTS(TEST(folder_made), TEST(rows_and_pieces_are_there_after_a_commit_only),
      TEST(file_of_another_kind), TEST(folder_that_is_not_there))
