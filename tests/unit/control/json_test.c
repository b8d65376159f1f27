/* SPDX-License-Identifier: Apache-2.0 */
#include "control/json.h"

#include <stdlib.h>

#include "base/money.h"
#include "base/text.h"
#include "control/problem.h"
#include "tap.h"

#include "base/banned.h"

static char name[EE_NAME_MAX + 1], memo[8];
static struct ee_money amount;
static uint8_t key[4];
static uint32_t vcpus;
static uint64_t number;
static struct ee_json_blob blob;

static const struct ee_json_field fields[] = {
    {"name", EE_JSON_NAME, name, 0, true},       {"memo", EE_JSON_TEXT, memo, sizeof memo, true},
    {"amount", EE_JSON_MONEY, &amount, 0, true}, {"key", EE_JSON_HEX, key, sizeof key, true},
    {"vcpus", EE_JSON_U32, &vcpus, 0, true},     {"number", EE_JSON_U64, &number, 0, true},
    {"blob", EE_JSON_BLOB, &blob, 4, true},
};

static enum ee_err read(const char *text, enum ee_json_members members)
{
    char detail[EE_JSON_DETAIL_SIZE] = "";
    json_t *object = ee_json_parse(ee_bytes_str(text));
    enum ee_err err =
        object != NULL
            ? ee_json_read(object, fields, sizeof fields / sizeof fields[0], members, detail)
            : EE_UNSUPPORTED;
    CHECK(err == EE_OK || object == NULL || detail[0] != '\0');
    json_decref(object);
    return err;
}

static void good_object_is_read(void)
{
    CHECK(read("{\"name\":\"web\",\"memo\":\"hi\",\"amount\":\"1.5\",\"key\":\"00ff00ff\","
               "\"vcpus\":2,\"number\":\"7\",\"blob\":\"AAEC\"}",
               EE_JSON_EXACT) == EE_OK);
    CHECK(strcmp(name, "web") == 0 && amount.micros == 1500000 && vcpus == 2 && number == 7);
    CHECK(key[1] == 0xff && blob.size == 3 && blob.data[2] == 2);
    ee_json_blob_free(&blob);
    ee_json_blob_free(&blob);
}

static void bad_members_are_refused(void)
{
    static const struct {
        const char *text;
        enum ee_err err;
    } bad[] = {
        {"{\"nmae\":\"web\"}", EE_SYNTAX},
        {"{\"name\":\"We\"}", EE_NAME},
        {"{\"name\":\"a\\u0000b\"}", EE_UNSUPPORTED},
        {"{\"name\":1}", EE_NAME},
        {"{\"memo\":\"12345678\"}", EE_TOO_LARGE},
        {"{\"memo\":\"a\\nb\"}", EE_SYNTAX},
        {"{\"amount\":1}", EE_SYNTAX},
        {"{\"amount\":\"0\"}", EE_RANGE},
        {"{\"amount\":\"-1\"}", EE_SYNTAX},
        {"{\"key\":\"00ff00\"}", EE_SYNTAX},
        {"{\"vcpus\":-1}", EE_RANGE},
        {"{\"vcpus\":1.5}", EE_SYNTAX},
        {"{\"vcpus\":\"1\"}", EE_SYNTAX},
        {"{\"number\":7}", EE_SYNTAX},
        {"{\"number\":\"99999999999999999999\"}", EE_OVERFLOW},
        {"{\"blob\":\"AAECAwQ=\"}", EE_TOO_LARGE},
        {"{\"blob\":\"A*==\"}", EE_SYNTAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum ee_err err = read(bad[i].text, EE_JSON_EXACT);
        CHECK(err == bad[i].err);
        if (err != bad[i].err)
            printf("# %s: %s\n", bad[i].text, ee_err_name(err));
    }
}

static void tolerant_reading_ignores_unknown_members(void)
{
    CHECK(read("{\"new\":1,\"name\":\"web\"}", EE_JSON_TOLERANT) == EE_OK);
}

static void missing_member_is_named(void)
{
    char detail[EE_JSON_DETAIL_SIZE];
    const struct ee_json_field one[] = {{"name", EE_JSON_NAME, name, 0, false}};
    json_t *object = json_object();
    CHECK(ee_json_read(object, one, 1, EE_JSON_EXACT, detail) == EE_MISSING_FIELD);
    CHECK(strstr(detail, "\"name\"") != NULL);
    json_decref(object);
}

static void text_that_is_no_object_is_refused(void)
{
    CHECK(ee_json_parse(ee_bytes_str("[]")) == NULL);
    CHECK(ee_json_parse(ee_bytes_str("{\"a\":1,\"a\":2}")) == NULL);
    CHECK(ee_json_parse(ee_bytes_str("{\"a\":1} x")) == NULL);
    CHECK(ee_json_parse(ee_bytes_str("")) == NULL);
}

static void problem_names_the_error_and_what_to_do(void)
{
    json_t *problem = ee_problem(EE_ID_CONFLICT, NULL, "00");
    CHECK(json_integer_value(json_object_get(problem, "status")) == 422);
    CHECK(strcmp(json_string_value(json_object_get(problem, "code")), "id_conflict") == 0);
    CHECK(strcmp(json_string_value(json_object_get(problem, "type")),
                 "https://easyenclave.net/errors/id_conflict") == 0);
    CHECK(json_array_size(json_object_get(problem, "suggestions")) == 1);
    json_decref(problem);
}

TESTS(TEST(good_object_is_read), TEST(bad_members_are_refused),
      TEST(tolerant_reading_ignores_unknown_members), TEST(missing_member_is_named),
      TEST(text_that_is_no_object_is_refused), TEST(problem_names_the_error_and_what_to_do))
