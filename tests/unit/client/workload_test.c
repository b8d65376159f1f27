/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments and secrets from options, and the way of secrets and output between two ends. */
#include "client/workload.h"
#include "io/crypto_openssl.h"
#include "tap.h"

#include "scratch.h"

#define CRYPTO (&ee_crypto_openssl)
static struct ee_client_problem problem;
static struct ee_client_workload workload;
static struct ee_deployment deployment;

static char cmd[] = "/bin/echo", word[] = "hi";
static char *const command[] = {cmd, word};

static struct ee_client_workload_options job(const struct ee_option_list *env,
                                             const struct ee_option_list *secrets)
{
    return (struct ee_client_workload_options){.kind = EE_WORKLOAD_JOB,
                                               .runtime = EE_RUNTIME_PROCESS,
                                               .args = command,
                                               .arg_count = 2,
                                               .env = env,
                                               .secrets = secrets};
}

static enum ee_err make(const struct ee_client_workload_options *options)
{
    ee_client_problem_clear(&problem);
    enum ee_err err = ee_client_workload_make(&problem, options, &workload);
    if (err != EE_OK)
        return err;
    return ee_deployment_decode(ee_bytes_of(workload.deployment, workload.deployment_size),
                                &deployment);
}

static bool env_is(uint32_t index, const char *name, const char *value)
{
    return index < deployment.env_count &&
           ee_bytes_equal(deployment.env[index].name, ee_bytes_str(name)) &&
           ee_bytes_equal(deployment.env[index].value, ee_bytes_str(value));
}

static void the_deployment_is_what_was_asked_for(void)
{
    const struct ee_option_list env = {2, {"ZED=", "AB=x=y"}};
    struct ee_client_workload_options options = job(&env, NULL);
    options.memory_mib = 64;
    REQUIRE(make(&options) == EE_OK);
    CHECK(deployment.arg_count == 2 && ee_bytes_equal(deployment.args[1], ee_bytes_str("hi")));
    CHECK(deployment.env_count == 3); /* sorted, PATH added */
    CHECK(env_is(0, "AB", "x=y") && env_is(1, "PATH", EE_CLIENT_DEFAULT_PATH) &&
          env_is(2, "ZED", ""));
    CHECK(deployment.memory_mib == 64 && deployment.port == 0);
    CHECK(memcmp(deployment.output_key, workload.output_key.public_key, 32) == 0);
    ee_client_workload_free(&workload);
}

static void an_app_gets_its_port_unless_it_says_itself(void)
{
    const struct ee_option_list env = {2, {"PATH=/opt", "PORT=1"}};
    struct ee_client_workload_options options = job(NULL, NULL);
    options.port = 8080;
    REQUIRE(make(&options) == EE_OK);
    CHECK(deployment.port == 8080 && deployment.env_count == 2 && env_is(1, "PORT", "8080"));
    ee_client_workload_free(&workload);
    options.env = &env;
    REQUIRE(make(&options) == EE_OK);
    CHECK(deployment.env_count == 2 && env_is(0, "PATH", "/opt") && env_is(1, "PORT", "1"));
    ee_client_workload_free(&workload);
}

static void an_exposed_service_has_only_a_port(void)
{
    const struct ee_client_workload_options options = {
        .kind = EE_WORKLOAD_APP, .runtime = EE_RUNTIME_EXPOSE, .port = 80};
    REQUIRE(make(&options) == EE_OK);
    CHECK(deployment.runtime == EE_RUNTIME_EXPOSE && deployment.arg_count == 0);
    CHECK(deployment.env_count == 0 && deployment.port == 80);
    ee_client_workload_free(&workload);
}

static void two_deployments_of_the_same_have_keys_of_their_own(void)
{
    uint8_t hash[32];
    const struct ee_client_workload_options options = job(NULL, NULL);
    REQUIRE(make(&options) == EE_OK);
    memcpy(hash, workload.deployment_hash, sizeof(hash));
    ee_client_workload_free(&workload);
    REQUIRE(make(&options) == EE_OK);
    CHECK(memcmp(hash, workload.deployment_hash, sizeof(hash)) != 0);
    ee_client_workload_free(&workload);
}

static enum ee_err make_env(const char *env)
{
    const struct ee_option_list list = {1, {env}};
    const struct ee_client_workload_options options = job(&list, NULL);
    enum ee_err err = make(&options);
    ee_client_workload_free(&workload);
    return err;
}

static enum ee_err make_secret(const char *secret)
{
    const struct ee_option_list list = {1, {secret}};
    const struct ee_client_workload_options options = job(NULL, &list);
    enum ee_err err = make(&options);
    ee_client_workload_free(&workload);
    return err;
}

static void names_and_values_in_the_wrong_form(void)
{
    CHECK(make_env("NOVALUE") == EE_USAGE);
    CHECK(make_env("=x") == EE_USAGE);
    CHECK(make_env("1A=x") == EE_USAGE);
    CHECK(make_env("A-B=x") == EE_USAGE);
    CHECK(make_secret("K") == EE_USAGE);
    CHECK(make_secret("K=value") == EE_USAGE); /* never in argv */
    CHECK(problem.suggestion_count == 1 && !strstr(problem.detail, "value\""));
    CHECK(make_secret("K=@") == EE_USAGE);
    CHECK(make_secret("K=@/nonexistent/file") == EE_NOT_FOUND);
    CHECK(ee_client_problem_exit_code(&problem) == 2);
}

static void plain_values_that_look_like_secrets_are_refused(void)
{
    static const char *const names[] = {"API_TOKEN=x", "my_secret=x", "PGPASSWORD=x", "AWS_KEY=x"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK(make_env(names[i]) == EE_USAGE && problem.suggestion_count == 2);
    CHECK(make_env("LANG=C") == EE_OK);
    const struct ee_option_list list = {1, {"API_TOKEN=x"}};
    struct ee_client_workload_options options = job(&list, NULL);
    options.allow_plain = true;
    CHECK(make(&options) == EE_OK);
    ee_client_workload_free(&workload);
}

static void names_given_twice(void)
{
    const struct ee_option_list env = {2, {"A=1", "A=2"}}, one = {1, {"A=1"}};
    REQUIRE(scratch_open());
    REQUIRE(scratch_write("s", "v", 0600));
    char text[600] = "A=@", path[512];
    (void)snprintf(text, sizeof(text), "A=@%s", scratch_path("s", path));
    const struct ee_option_list secret = {1, {text}}, twice = {2, {text, text}};
    struct ee_client_workload_options options = job(&env, NULL);
    CHECK(make(&options) == EE_USAGE);
    options = job(&one, &secret); /* visible and secret: which would the workload see? */
    CHECK(make(&options) == EE_USAGE);
    options = job(NULL, &twice);
    CHECK(make(&options) == EE_USAGE);
    scratch_close();
}

static void commands_that_are_missing_or_too_long(void)
{
    struct ee_client_workload_options options = job(NULL, NULL);
    char *many[EE_DEPLOYMENT_ARGS_MAX + 1];
    options.arg_count = 0;
    CHECK(make(&options) == EE_USAGE);
    for (size_t i = 0; i < EE_DEPLOYMENT_ARGS_MAX + 1; i++)
        many[i] = word;
    options.args = many;
    options.arg_count = EE_DEPLOYMENT_ARGS_MAX + 1;
    CHECK(make(&options) == EE_TOO_LARGE);
}

/* The context both ends agree on. */
static struct ee_seal_context context_of(const uint8_t recipient[32], enum ee_seal_kind kind)
{
    struct ee_seal_context context = {
        .kind = kind, .network_id = {1}, .launcher = "dev", .lease_id = {2}};
    memcpy(context.deployment_hash, workload.deployment_hash, 32);
    memcpy(context.recipient, recipient, 32);
    return context;
}

static void secrets_arrive_at_the_agent_and_nowhere_else(void)
{
    uint8_t agent[32] = {9}, public_key[32], plain[4096], *sealed = NULL;
    size_t sealed_size = 0, size = 0;
    struct ee_secrets secrets;
    char text[600], path[512];
    REQUIRE(scratch_open());
    REQUIRE(scratch_write("s", "correct horse\n", 0600));
    (void)snprintf(text, sizeof(text), "WORD=@%s", scratch_path("s", path));
    const struct ee_option_list list = {1, {text}};
    const struct ee_client_workload_options options = job(NULL, &list);
    REQUIRE(make(&options) == EE_OK && CRYPTO->x25519_public(agent, public_key));
    CHECK(deployment.secret_count == 1 && workload.secrets.count == 1);
    struct ee_seal_context context = context_of(public_key, EE_SEAL_SECRET);
    REQUIRE(ee_client_secrets_seal(&problem, &workload, &context, &sealed, &sealed_size) == EE_OK);
    CHECK(ee_seal_open(CRYPTO, &context, agent, ee_bytes_of(sealed, sealed_size), plain,
                       sizeof(plain), &size) == EE_OK);
    REQUIRE(ee_secrets_decode(ee_bytes_of(plain, size), &secrets) == EE_OK);
    CHECK(secrets.count == 1 && strcmp(secrets.items[0].name, "WORD") == 0);
    CHECK(ee_bytes_equal(secrets.items[0].value, ee_bytes_str("correct horse\n")));
    context.lease_id[0] ^= 1; /* replayed into another lease */
    CHECK(ee_seal_open(CRYPTO, &context, agent, ee_bytes_of(sealed, sealed_size), plain,
                       sizeof(plain), &size) == EE_SEAL_OPEN);
    free(sealed);
    ee_client_workload_free(&workload);
    scratch_close();
}

static void output_opens_with_the_kept_key(void)
{
    const uint8_t network[32] = {1}, ephemeral[32] = {5};
    uint8_t plain[512], sealed[1024];
    size_t size = 0, sealed_size = 0;
    struct ee_client_output_key key;
    struct ee_client_output opened;
    const struct ee_job_output output = {.exit_code = 3, .stdout_bytes = ee_bytes_str("out")};
    const struct ee_client_workload_options options = job(NULL, NULL);
    REQUIRE(scratch_open());
    REQUIRE(make(&options) == EE_OK);
    REQUIRE(ee_client_output_key_store(&problem, network, workload.deployment_hash,
                                       &workload.output_key) == EE_OK);
    struct ee_seal_context context = context_of(workload.output_key.public_key, EE_SEAL_OUTPUT);
    REQUIRE(ee_job_output_encode(&output, plain, sizeof(plain), &size) == EE_OK);
    REQUIRE(ee_seal_close(CRYPTO, &context, ephemeral, ee_bytes_of(plain, size), sealed,
                          sizeof(sealed), &sealed_size) == EE_OK);
    REQUIRE(ee_client_output_key_load(&problem, network, workload.deployment_hash, &key) == EE_OK);
    REQUIRE(ee_client_output_open(&problem, &key, &context, ee_bytes_of(sealed, sealed_size),
                                  &opened) == EE_OK);
    CHECK(opened.output.exit_code == 3);
    CHECK(ee_bytes_equal(opened.output.stdout_bytes, ee_bytes_str("out")));
    ee_client_output_free(&opened);
    sealed[sealed_size / 2] ^= 1;
    CHECK(ee_client_output_open(&problem, &key, &context, ee_bytes_of(sealed, sealed_size),
                                &opened) == EE_SEAL_OPEN);
    CHECK(ee_client_output_open(&problem, &key, &context, ee_bytes_of(NULL, 0), &opened) ==
          EE_SEAL_OPEN);
    context.deployment_hash[0] ^= 1;
    CHECK(ee_client_output_key_load(&problem, network, context.deployment_hash, &key) ==
          EE_NOT_FOUND);
    ee_client_workload_free(&workload);
    scratch_close();
}

TESTS(TEST(the_deployment_is_what_was_asked_for), TEST(an_app_gets_its_port_unless_it_says_itself),
      TEST(an_exposed_service_has_only_a_port),
      TEST(two_deployments_of_the_same_have_keys_of_their_own),
      TEST(names_and_values_in_the_wrong_form),
      TEST(plain_values_that_look_like_secrets_are_refused), TEST(names_given_twice),
      TEST(commands_that_are_missing_or_too_long),
      TEST(secrets_arrive_at_the_agent_and_nowhere_else), TEST(output_opens_with_the_kept_key))
