/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: what is taken, and what is refused with words. */
#include "client/options.h"
#include "tap.h"

static struct {
    bool flag;
    const char *text;
    struct ee_option_list list;
    uint64_t number;
    struct ee_money money;
    int64_t price;
} got;
static struct ee_arguments arguments;
static struct ee_client_problem problem;

static enum ee_err parse(int argc, const char *const *words)
{
    const struct ee_option options[] = {{"flag", 'f', EE_OPTION_FLAG, &got.flag, 0},
                                        {"text", 't', EE_OPTION_TEXT, &got.text, 0},
                                        {"env", 'e', EE_OPTION_LIST, &got.list, 0},
                                        {"number", 'n', EE_OPTION_NUMBER, &got.number, 100},
                                        {"amount", 0, EE_OPTION_MONEY, &got.money, 0},
                                        {"price", 0, EE_OPTION_PRICE, &got.price, 0}};
    char *argv[16];
    memset(&got, 0, sizeof(got));
    ee_client_problem_clear(&problem);
    for (int i = 0; i < argc; i++)
        memcpy(&argv[i], &words[i], sizeof(argv[i]));
    static char *kept[16];
    memcpy(kept, argv, sizeof(kept[0]) * (size_t)argc);
    return ee_client_options_parse(&problem, options, sizeof(options) / sizeof(options[0]), argc,
                                   kept, &arguments);
}
#define PARSE(...)                                                                                 \
    parse((int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)),                      \
          (const char *const[]){__VA_ARGS__})

static void every_form_of_an_option_is_taken(void)
{
    CHECK(PARSE("one", "--text", "a b", "-f", "two", "-n7") == EE_OK);
    CHECK(got.flag && strcmp(got.text, "a b") == 0 && got.number == 7);
    CHECK(arguments.count == 2 && strcmp(arguments.items[1], "two") == 0 && !arguments.rest);
    CHECK(PARSE("--text=x=y", "-e", "A=1", "--env=B=2", "-eC=3") == EE_OK);
    CHECK(strcmp(got.text, "x=y") == 0 && got.list.count == 3);
    CHECK(strcmp(got.list.items[2], "C=3") == 0);
    CHECK(PARSE("--amount", "$1,000.5", "--price=0.0125") == EE_OK);
    CHECK(got.money.micros == 1000500000 && got.price == 12500000);
}

static void what_follows_two_dashes_is_left_alone(void)
{
    CHECK(PARSE("-f", "--", "cmd", "--text", "-x") == EE_OK);
    CHECK(arguments.rest_count == 3 && strcmp(arguments.rest[1], "--text") == 0 && !got.text);
    CHECK(PARSE("--") == EE_OK && arguments.rest && arguments.rest_count == 0);
    CHECK(PARSE("-") == EE_OK && arguments.count == 1); /* standard input is an argument */
}

static void wrong_command_lines_are_refused_with_words(void)
{
    CHECK(PARSE("--unknown") == EE_USAGE && strstr(problem.detail, "--unknown"));
    CHECK(PARSE("-x") == EE_USAGE && strstr(problem.detail, "-x"));
    CHECK(PARSE("--text") == EE_USAGE && strstr(problem.detail, "wants a value"));
    CHECK(PARSE("--text", "") == EE_USAGE);
    CHECK(PARSE("--flag=yes") == EE_USAGE);
    CHECK(PARSE("--text", "a", "--text", "b") == EE_USAGE && strstr(problem.detail, "twice"));
    CHECK(PARSE("--number", "101") == EE_USAGE && strstr(problem.detail, "100"));
    CHECK(PARSE("--number", "-1") == EE_USAGE);
    CHECK(PARSE("--number", "1x") == EE_USAGE);
    CHECK(PARSE("--amount", "1e3") == EE_USAGE);
    CHECK(PARSE("--amount", "-5") == EE_USAGE);
    CHECK(PARSE("--price", "0.0000000001") == EE_USAGE);
    CHECK(PARSE("--tex", "a") == EE_USAGE); /* no guessing at abbreviations */
    CHECK(ee_client_problem_exit_code(&problem) == 2);
}

static void too_many_are_refused(void)
{
    char *words[2 * (EE_CLIENT_LIST_MAX + 1)];
    static char name[] = "-e", value[] = "A=1";
    const struct ee_option option = {"env", 'e', EE_OPTION_LIST, &got.list, 0};
    int count = (int)(sizeof(words) / sizeof(words[0]));
    for (int i = 0; i < count; i++)
        words[i] = i % 2 ? value : name;
    memset(&got, 0, sizeof(got));
    CHECK(ee_client_options_parse(&problem, &option, 1, count - 2, words, &arguments) == EE_OK);
    memset(&got, 0, sizeof(got));
    CHECK(ee_client_options_parse(&problem, &option, 1, count, words, &arguments) == EE_USAGE);
    for (int i = 0; i <= EE_CLIENT_ARGUMENTS_MAX; i++)
        words[i] = value;
    CHECK(ee_client_options_parse(&problem, NULL, 0, EE_CLIENT_ARGUMENTS_MAX, words, &arguments) ==
          EE_OK);
    CHECK(ee_client_options_parse(&problem, NULL, 0, EE_CLIENT_ARGUMENTS_MAX + 1, words,
                                  &arguments) == EE_USAGE);
}

TESTS(TEST(every_form_of_an_option_is_taken), TEST(what_follows_two_dashes_is_left_alone),
      TEST(wrong_command_lines_are_refused_with_words), TEST(too_many_are_refused))
