/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: members, relative paths, what the environment overrides, token files, endpoints. */
#include <sys/stat.h>

#include "client/profile.h"
#include "tap.h"

#include "scratch.h"

static struct ee_client_problem problem;
static struct ee_client_profile profile;

static enum ee_err parse(const char *text)
{
    ee_client_problem_clear(&problem);
    return ee_client_profile_parse(&problem, "/etc/ee/p.json", ee_bytes_str(text), &profile);
}

static void relative_paths_are_relative_to_the_file(void)
{
    CHECK(parse("{\"api\":\"https://h:1\",\"genesis\":\"../g.json\",\"token_file\":\"/t\","
                "\"account\":\"dev\"}") == EE_OK);
    CHECK(strcmp(profile.genesis, "/etc/ee/../g.json") == 0);
    CHECK(strcmp(profile.token_file, "/t") == 0 && strcmp(profile.api, "https://h:1") == 0);
    CHECK(strcmp(profile.account, "dev") == 0 && !profile.gateway[0]);
}

static void malformed_profiles_are_refused(void)
{
    CHECK(parse("[]") == EE_SYNTAX);
    CHECK(parse("{") == EE_SYNTAX);
    CHECK(parse("{\"apj\":\"x\"}") == EE_SYNTAX && strstr(problem.detail, "apj"));
    CHECK(parse("{\"api\":7}") == EE_SYNTAX && strstr(problem.detail, "api"));
    CHECK(parse("{\"api\":\"\"}") == EE_SYNTAX);
    CHECK(parse("{\"api\":\"a\",\"api\":\"b\"}") == EE_SYNTAX);
    CHECK(parse("{\"network\":\"abc\"}") == EE_SYNTAX);
    CHECK(parse("{\"account\":\"No Name\"}") == EE_SYNTAX);
    CHECK(parse("{\"account\":\"a-name-that-is-longer-than-thirty-two\"}") == EE_TOO_LARGE);
}

static void files_and_environment(void)
{
    char path[512];
    REQUIRE(scratch_open());
    REQUIRE(scratch_write("p.json", "{\"api\":\"https://a:1\",\"genesis\":\"g\"}", 0600));
    scratch_path("p.json", path);
    (void)setenv("EE_API", "https://b:2", 1);
    CHECK(ee_client_profile_load(&problem, path, &profile) == EE_OK);
    CHECK(strcmp(profile.api, "https://b:2") == 0);
    (void)unsetenv("EE_API");
    (void)setenv("EE_PROFILE", path, 1);
    CHECK(ee_client_profile_load(&problem, NULL, &profile) == EE_OK);
    CHECK(strcmp(profile.api, "https://a:1") == 0);
    (void)unsetenv("EE_PROFILE");
    (void)setenv("XDG_CONFIG_HOME", scratch_folder, 1);
    CHECK(ee_client_profile_load(&problem, "none", &profile) == EE_NOT_FOUND);
    CHECK(ee_client_problem_exit_code(&problem) == 2 && strstr(problem.detail, "profiles/none"));
    scratch_close();
}

static void tokens_come_from_private_files(void)
{
    char token[EE_CLIENT_TOKEN_SIZE];
    REQUIRE(scratch_open());
    memset(&profile, 0, sizeof(profile));
    CHECK(ee_client_profile_token(&problem, &profile, token) == EE_OK && !token[0]);
    scratch_path("t", profile.token_file);
    REQUIRE(scratch_write("t", "eek_abc\n", 0600));
    CHECK(ee_client_profile_token(&problem, &profile, token) == EE_OK);
    CHECK(strcmp(token, "eek_abc") == 0);
    REQUIRE(chmod(profile.token_file, 0644) == 0);
    CHECK(ee_client_profile_token(&problem, &profile, token) == EE_FORBIDDEN);
    CHECK(problem.suggestion_count == 1); /* says chmod */
    REQUIRE(scratch_write("t", "two words", 0600));
    CHECK(ee_client_profile_token(&problem, &profile, token) == EE_SYNTAX);
    CHECK(!strstr(problem.detail, "two words")); /* a key is never shown, not even a bad one */
    (void)setenv("EE_TOKEN", "eek_env", 1);
    CHECK(ee_client_profile_token(&problem, &profile, token) == EE_OK);
    CHECK(strcmp(token, "eek_env") == 0);
    (void)unsetenv("EE_TOKEN");
    scratch_close();
}

static void endpoints(void)
{
    struct ee_client_endpoint endpoint;
    CHECK(ee_client_endpoint_parse(&problem, "api", "https://127.0.0.1:8443", &endpoint) == EE_OK);
    CHECK(strcmp(endpoint.address, "127.0.0.1:8443") == 0 && !strcmp(endpoint.host, "127.0.0.1"));
    CHECK(ee_client_endpoint_parse(&problem, "api", "https://[::1]:1/", &endpoint) == EE_OK);
    CHECK(strcmp(endpoint.address, "[::1]:1") == 0 && strcmp(endpoint.host, "::1") == 0);
    CHECK(ee_client_endpoint_parse(&problem, "api", "https://127.0.0.1", &endpoint) == EE_OK);
    CHECK(strcmp(endpoint.address, "127.0.0.1:443") == 0);
    static const char *const bad[] = {"http://127.0.0.1:1", "127.0.0.1:1",      "https://",
                                      "https://:1",         "https://h:",       "https://h:1x",
                                      "https://h:123456",   "https://h:1/path", "https://[::1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ee_client_endpoint_parse(&problem, "api", bad[i], &endpoint) == EE_SYNTAX);
    ee_client_problem_clear(&problem);
}

TESTS(TEST(relative_paths_are_relative_to_the_file), TEST(malformed_profiles_are_refused),
      TEST(files_and_environment), TEST(tokens_come_from_private_files), TEST(endpoints))
