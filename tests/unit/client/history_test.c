/* SPDX-License-Identifier: Apache-2.0 */
/* What can be proved later is remembered once. */
#include "base/text.h"
#include "client/history.h"
#include "client/json.h"
#include "tap.h"

#include "scratch.h"

static const uint8_t network[32] = {4};
static struct ee_client_problem problem;

static enum ee_err add(const char *seq, const char *reference)
{
    return ee_client_history_add(&problem, network, "dev",
                                 json_pack("{s:s, s:s}", "seq", seq, "reference", reference));
}

static size_t count(const char *account)
{
    json_t *items = NULL;
    if (ee_client_history_list(&problem, network, account, &items) != EE_OK)
        return SIZE_MAX;
    size_t size = json_array_size(items);
    json_decref(items);
    return size;
}

static void entries_are_kept_per_account(void)
{
    REQUIRE(scratch_open());
    CHECK(count("dev") == 0);
    CHECK(add("1", "a") == EE_OK && add("2", "") == EE_OK && add("3", "") == EE_OK);
    CHECK(count("dev") == 3 && count("guest") == 0);
    scratch_close();
}

static void the_same_is_kept_once(void)
{
    REQUIRE(scratch_open());
    CHECK(add("1", "a") == EE_OK && add("1", "") == EE_OK);
    CHECK(add("9", "a") == EE_OK); /* the same reference minted nothing */
    CHECK(count("dev") == 1);
    scratch_close();
}

static void a_damaged_file_is_told(void)
{
    char name[128] = "ee/history/";
    REQUIRE(scratch_open());
    CHECK(add("1", "a") == EE_OK);
    ee_hex_encode(network, 32, name + strlen(name));
    (void)snprintf(name + strlen(name), 16, "/dev.json");
    REQUIRE(scratch_write(name, "[]", 0600));
    CHECK(add("2", "") == EE_SYNTAX && problem.suggestion_count == 1);
    ee_client_problem_clear(&problem);
    scratch_close();
}

TESTS(TEST(entries_are_kept_per_account), TEST(the_same_is_kept_once), TEST(a_damaged_file_is_told))
