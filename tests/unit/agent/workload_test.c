/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/workload.h"
#include "io/file.h"
#include "seal/job_output.h"
#include "tap.h"

enum { UID = 61234, WAIT_MS = 5000, OUTPUT_SIZE = 2 * EE_WORKLOAD_OUTPUT_MAX + 64 };

static struct ee_loop *loop;
static char folder[] = "/tmp/ee-workload-XXXXXX";
static struct ee_deployment deployment;
static struct ee_secrets secrets;
static bool ended;
static uint8_t output_memory[OUTPUT_SIZE];
static struct ee_job_output output;

static void on_exited(void *context, struct ee_workload *workload)
{
    size_t size = 0;
    (void)context;
    CHECK(ee_workload_output(workload, output_memory, sizeof(output_memory), &size) == EE_OK);
    CHECK(ee_job_output_decode(ee_bytes_of(output_memory, size), &output) == EE_OK);
    ended = true;
}

static void command(const char *script)
{
    static const char *const shell[] = {"/bin/sh", "-c"};
    deployment = (struct ee_deployment){.runtime = EE_RUNTIME_PROCESS, .arg_count = 3};
    for (size_t i = 0; i < 2; i++)
        deployment.args[i] = ee_bytes_str(shell[i]);
    deployment.args[2] = ee_bytes_str(script);
    secrets = (struct ee_secrets){.count = 0};
}

static enum ee_err start(struct ee_workload **out)
{
    char path[64];
    static unsigned number;
    (void)snprintf(path, sizeof(path), "%s/%u", folder, number++);
    const struct ee_workload_start options = {.folder = path,
                                              .deployment = &deployment,
                                              .secrets = &secrets,
                                              .switch_user = geteuid() == 0,
                                              .uid = UID};
    ended = false;
    return ee_workload_new(loop, &options, on_exited, NULL, out);
}

/* Starts, waits for the end, frees. */
static bool run(void)
{
    struct ee_workload *workload = NULL;
    enum ee_err err = start(&workload);
    if (err == EE_OK)
        err = ee_loop_run_until(loop, &ended, WAIT_MS);
    ee_workload_free(workload);
    return err == EE_OK;
}

static bool printed(const char *text)
{
    bool same = ee_bytes_equal(output.stdout_bytes, ee_bytes_str(text));
    if (!same)
        printf("# printed: %.*s\n", (int)output.stdout_bytes.size,
               (const char *)output.stdout_bytes.data);
    return same;
}

static void exit_code_and_both_streams_are_kept(void)
{
    command("echo out; echo err >&2; exit 7");
    REQUIRE(run());
    CHECK(output.exit_code == 7 && printed("out\n"));
    CHECK(ee_bytes_equal(output.stderr_bytes, ee_bytes_str("err\n")));
    CHECK(!output.stdout_truncated);
}

static void killed_by_a_signal_is_128_and_the_signal(void)
{
    command("kill -9 $$");
    REQUIRE(run());
    CHECK(output.exit_code == 128 + SIGKILL);
}

static void environment_is_the_deployment_and_its_secrets_and_nothing_else(void)
{
    command("/usr/bin/env | /usr/bin/grep -v '^PWD=' | /usr/bin/sort");
    REQUIRE(setenv("EE_TEST_LEAK", "x", 1) == 0);
    deployment.env_count = 1;
    deployment.env[0] = (struct ee_env_pair){ee_bytes_str("PLAIN"), ee_bytes_str("1")};
    secrets.count = 1;
    memcpy(secrets.items[0].name, "TOKEN", 6);
    secrets.items[0].value = ee_bytes_str("s3cret");
    REQUIRE(run());
    CHECK(printed("PLAIN=1\nTOKEN=s3cret\n") || printed("PLAIN=1\nTOKEN=s3cret\n_=/usr/bin/env\n"));
}

static void workload_of_root_runs_as_another_user_without_new_privileges(void)
{
    if (geteuid() != 0)
        SKIP("not root");
    command("/usr/bin/id -u; /usr/bin/id -g; /usr/bin/grep NoNewPrivs /proc/self/status");
    REQUIRE(run());
    CHECK(printed("61234\n61234\nNoNewPrivs:\t1\n"));
}

static void output_beyond_the_limit_keeps_its_end(void)
{
    command("i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); done");
    deployment.output_limit = 1000;
    REQUIRE(run());
    CHECK(output.stdout_truncated && output.stdout_bytes.size == 1000);
    CHECK(output.stdout_bytes.size >= 10 &&
          memcmp(output.stdout_bytes.data + output.stdout_bytes.size - 10, "line 3999\n", 10) == 0);
}

static void output_limit_above_ours_is_cut_to_ours(void)
{
    command("/usr/bin/head -c 300000 /dev/zero");
    deployment.output_limit = UINT32_MAX;
    REQUIRE(run());
    CHECK(output.stdout_truncated && output.stdout_bytes.size == EE_WORKLOAD_OUTPUT_MAX);
}

static void program_that_does_not_exist(void)
{
    struct ee_workload *workload = NULL;
    command("");
    deployment.arg_count = 1;
    deployment.args[0] = ee_bytes_str("/no/such/program");
    CHECK(start(&workload) == EE_NOT_FOUND && workload == NULL);
}

static void secret_with_a_nul_byte(void)
{
    struct ee_workload *workload = NULL;
    command("true");
    secrets.count = 1;
    memcpy(secrets.items[0].name, "A", 2);
    secrets.items[0].value = ee_bytes_of("a\0b", 3);
    CHECK(start(&workload) == EE_RANGE);
}

static void stop_ends_the_whole_group_also_when_term_is_ignored(void)
{
    struct ee_workload *workload = NULL;
    command("trap '' TERM; /usr/bin/sleep 60 & wait; wait; /usr/bin/sleep 60");
    REQUIRE(start(&workload) == EE_OK);
    bool never = false;
    (void)!ee_loop_run_until(loop, &never, 200);
    ee_workload_stop(workload);
    CHECK(ee_loop_run_until(loop, &ended, EE_WORKLOAD_STOP_MS + 2000) == EE_OK);
    CHECK(output.exit_code == 128 + SIGKILL);
    ee_workload_free(workload);
}

static void exposed_service_runs_until_it_is_stopped(void)
{
    struct ee_workload *workload = NULL;
    deployment = (struct ee_deployment){.runtime = EE_RUNTIME_EXPOSE, .port = 9};
    secrets.count = 0;
    REQUIRE(start(&workload) == EE_OK);
    CHECK(ee_workload_running(workload) && ee_workload_port(workload) == 9);
    ee_workload_stop(workload);
    CHECK(ee_loop_run_until(loop, &ended, WAIT_MS) == EE_OK && output.exit_code == 0);
    ee_workload_free(workload);
}

static void process_left_by_a_killed_agent_is_ended_and_only_that(void)
{
    char path[96], text[96];
    pid_t child = fork();
    if (child == 0) {
        (void)setpgid(0, 0);
        (void)execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(1);
    }
    REQUIRE(child > 0);
    (void)usleep(50000);
    FILE *stat = (snprintf(path, sizeof(path), "/proc/%d/stat", (int)child), fopen(path, "r"));
    REQUIRE(stat);
    unsigned long long start_ticks = 0;
    int fields = fscanf(
        stat,
        "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
        &start_ticks);
    (void)fclose(stat);
    REQUIRE(fields == 1);
    for (int wrong = 1; wrong >= 0; wrong--) {
        (void)snprintf(path, sizeof(path), "%s/left", folder);
        REQUIRE(ee_file_make_folder(path) == EE_OK);
        (void)snprintf(path, sizeof(path), "%s/left/process", folder);
        int size =
            snprintf(text, sizeof(text), "%d %llu\n", (int)child, start_ticks + (unsigned)wrong);
        REQUIRE(ee_file_write(path, ee_bytes_of(text, (size_t)size), 0600) == EE_OK);
        ee_workload_sweep(folder);
        CHECK(!ee_file_exists(path));
        (void)usleep(20000);
        CHECK((waitpid(child, NULL, WNOHANG) == 0) == (wrong == 1));
    }
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(exit_code_and_both_streams_are_kept),
        TEST(killed_by_a_signal_is_128_and_the_signal),
        TEST(environment_is_the_deployment_and_its_secrets_and_nothing_else),
        TEST(workload_of_root_runs_as_another_user_without_new_privileges),
        TEST(output_beyond_the_limit_keeps_its_end),
        TEST(output_limit_above_ours_is_cut_to_ours),
        TEST(program_that_does_not_exist),
        TEST(secret_with_a_nul_byte),
        TEST(stop_ends_the_whole_group_also_when_term_is_ignored),
        TEST(exposed_service_runs_until_it_is_stopped),
        TEST(process_left_by_a_killed_agent_is_ended_and_only_that),
    };
    if (!mkdtemp(folder) || ee_loop_new(&loop) != EE_OK)
        return 1;
    int failed = tap_run(tests, sizeof(tests) / sizeof(tests[0]));
    ee_loop_free(loop);
    (void)rmdir(folder);
    return failed;
}
