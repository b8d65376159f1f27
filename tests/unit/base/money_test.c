/* SPDX-License-Identifier: Apache-2.0 */
#include "base/money.h"
#include "tap.h"

static int64_t parsed(const char *text)
{
    struct ee_money money = {-1};
    return ee_money_parse(text, &money) == EE_OK ? money.micros : -1;
}

static void money_in_the_accepted_forms(void)
{
    CHECK(parsed("$20") == 20000000 && parsed("200.00") == 200000000);
    CHECK(parsed("1,000") == 1000000000 && parsed("$1,234,567.000001") == 1234567000001);
    CHECK(parsed("0") == 0 && parsed("0.000001") == 1);
    CHECK(parsed("9223372036854.775807") == INT64_MAX);
}

static void money_that_is_ambiguous_or_too_fine(void)
{
    static const char *const bad[] = {
        "",         "$",         "-1",     "+1",   "1e3",    "1.",
        ".5",       "1,00",      "1,0000", ",100", "1,,000", "12,34,567",
        "1000,000", "0.0000001", "1 000",  "EUR1", "$$1",    "9223372036854.775808"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(parsed(bad[i]) == -1);
        if (parsed(bad[i]) != -1)
            printf("# accepted: %s\n", bad[i]);
    }
}

static void money_of_too_many_characters(void)
{
    char text[300];
    memset(text, '0', sizeof(text));
    text[256] = '\0';
    CHECK(parsed(text) == 0);
    text[256] = '0';
    text[257] = '\0';
    CHECK(parsed(text) == -1);
}

static void sums_up_to_the_limits(void)
{
    struct ee_money out = {7};
    const struct ee_money max = {INT64_MAX}, min = {INT64_MIN}, one = {1}, minus = {-1};
    CHECK(ee_money_add(max, minus, &out) == EE_OK && out.micros == INT64_MAX - 1);
    CHECK(ee_money_add(min, max, &out) == EE_OK && out.micros == -1);
    CHECK(ee_money_add(min, minus, &out) == EE_OVERFLOW && out.micros == -1);
    CHECK(ee_money_subtract(min, minus, &out) == EE_OK && out.micros == INT64_MIN + 1);
    CHECK(ee_money_subtract(max, minus, &out) == EE_OVERFLOW);
    CHECK(ee_money_subtract((struct ee_money){0}, min, &out) == EE_OVERFLOW);
    CHECK(ee_money_subtract(max, one, &out) == EE_OK && out.micros == INT64_MAX - 1);
}

static void lock_rounds_up_once(void)
{
    struct ee_money lock;
    CHECK(ee_money_lock(10000000, 10, &lock) == EE_OK && lock.micros == 28);
    CHECK(ee_money_lock(10000000, 0, &lock) == EE_OK && lock.micros == 0);
    CHECK(ee_money_lock(3600000, 1, &lock) == EE_OK && lock.micros == 1);
    CHECK(ee_money_lock(3600001, 1, &lock) == EE_OK && lock.micros == 2);
    CHECK(ee_money_lock(1000000000, UINT64_C(192) * 94608000, &lock) == EE_OK);
    CHECK(lock.micros == 5045760000000);
}

/* ceil(price * seconds / 3,600,000) once more, in 128 bits. */
static void lock_agrees_with_wide_numbers(void)
{
    uint64_t state = 1, overflows = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t drawn[2];
        for (int k = 0; k < 2; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            drawn[k] = (state ^ state >> 29) >> (i * (k + 3) % 64);
        }
        int64_t price = (int64_t)(drawn[0] >> 1);
        ee_u128 product = (ee_u128)(uint64_t)price * drawn[1];
        ee_u128 expected = product / 3600000 + (product % 3600000 != 0);
        struct ee_money lock = {-1};
        enum ee_err err = ee_money_lock(price, drawn[1], &lock);
        overflows += err == EE_OVERFLOW;
        CHECK(err == (expected > INT64_MAX ? EE_OVERFLOW : EE_OK));
        CHECK(lock.micros == (err == EE_OK ? (int64_t)expected : -1));
    }
    CHECK(overflows > 100 && overflows < 19900);
}

static void lock_too_large_or_negative(void)
{
    struct ee_money lock;
    CHECK(ee_money_lock(INT64_MAX, UINT64_MAX, &lock) == EE_OVERFLOW);
    CHECK(ee_money_lock(-1, 1, &lock) == EE_RANGE);
}

static void money_text_keeps_every_micro(void)
{
    char text[EE_MONEY_TEXT_SIZE];
    CHECK(strcmp(ee_money_show((struct ee_money){12300000}, text), "$12.30") == 0);
    CHECK(strcmp(ee_money_show((struct ee_money){139}, text), "$0.000139") == 0);
    CHECK(strcmp(ee_money_show((struct ee_money){-3200000}, text), "-$3.20") == 0);
    CHECK(strcmp(ee_money_format((struct ee_money){20000000}, text), "20") == 0);
    CHECK(strcmp(ee_money_format((struct ee_money){INT64_MIN}, text), "-9223372036854.775808") ==
          0);
    CHECK(strcmp(ee_price_format(12500000, text), "0.0125") == 0);
}

static void sums_that_overflow(void)
{
    struct ee_money out = {7};
    CHECK(ee_money_add((struct ee_money){INT64_MAX}, (struct ee_money){1}, &out) == EE_OVERFLOW);
    CHECK(ee_money_subtract((struct ee_money){INT64_MIN}, (struct ee_money){1}, &out) ==
          EE_OVERFLOW);
    CHECK(out.micros == 7);
}

TESTS(TEST(money_in_the_accepted_forms), TEST(money_that_is_ambiguous_or_too_fine),
      TEST(lock_rounds_up_once), TEST(lock_agrees_with_wide_numbers),
      TEST(lock_too_large_or_negative), TEST(money_text_keeps_every_micro),
      TEST(sums_that_overflow), TEST(money_of_too_many_characters), TEST(sums_up_to_the_limits))
