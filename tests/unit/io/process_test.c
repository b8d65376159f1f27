/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/buffer.h"
#include "io/file.h"
#include "io/process.h"
#include "tap.h"

static const char *const no_environment[] = {NULL};

struct child {
    struct ee_loop *loop;
    struct ee_process *process;
    struct ee_buffer output[2];
    int code, signal_number;
    bool exited;
};

static void on_output(void *context, enum ee_process_stream stream, struct ee_bytes bytes)
{
    struct child *child = context;
    if (ee_buffer_append(&child->output[stream], bytes) != EE_OK)
        abort();
}

static void on_exited(void *context, int code, int signal_number)
{
    struct child *child = context;
    child->code = code;
    child->signal_number = signal_number;
    child->exited = true;
}

static const struct ee_process_events events = {.output = on_output, .exited = on_exited};

static enum ee_err start(struct child *child, const char *script,
                         struct ee_process_options *options)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    memset(child, 0, sizeof(*child));
    if (!options->argv)
        options->argv = argv;
    if (!options->environment)
        options->environment = no_environment;
    if (ee_loop_new(&child->loop) != EE_OK)
        abort();
    return ee_process_spawn(child->loop, options, &events, child, &child->process);
}

static void finish(struct child *child)
{
    if (child->process)
        CHECK(ee_loop_run_until(child->loop, &child->exited, 4000) == EE_OK);
    ee_process_free(child->process);
    ee_loop_free(child->loop);
}

static void release(struct child *child)
{
    ee_buffer_close(&child->output[0]);
    ee_buffer_close(&child->output[1]);
}

static bool printed(const struct child *child, enum ee_process_stream stream, const char *text)
{
    struct ee_bytes bytes = ee_buffer_bytes(&child->output[stream]);
    bool same = ee_bytes_equal(bytes, ee_bytes_str(text));
    if (!same)
        printf("# printed: %.*s\n", (int)bytes.size, (const char *)bytes.data);
    return same;
}

static void output_and_exit_code(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 100};
    REQUIRE(start(&child, "echo out; echo err >&2; exit 7", &options) == EE_OK);
    CHECK(ee_process_running(child.process));
    finish(&child);
    CHECK(child.code == 7 && child.signal_number == 0);
    CHECK(printed(&child, EE_PROCESS_STDOUT, "out\n") &&
          printed(&child, EE_PROCESS_STDERR, "err\n"));
    release(&child);
}

static void ended_by_a_signal(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 100};
    REQUIRE(start(&child, "kill -USR1 $$; sleep 5", &options) == EE_OK);
    finish(&child);
    CHECK(child.code == -1 && child.signal_number == SIGUSR1);
    release(&child);
}

static void environment_is_exactly_the_given_one(void)
{
    struct child child;
    static const char *const environment[] = {"B=2 3", "A=1", NULL};
    static const char *const argv[] = {"/usr/bin/env", NULL};
    struct ee_process_options options = {
        .argv = argv, .environment = environment, .output_limit = 1000};
    CHECK(setenv("EE_TEST_SECRET", "not for the child", 1) == 0);
    REQUIRE(start(&child, NULL, &options) == EE_OK);
    finish(&child);
    CHECK(child.code == 0 && printed(&child, EE_PROCESS_STDOUT, "B=2 3\nA=1\n"));
    release(&child);
}

static void program_found_in_the_given_path(void)
{
    struct child child;
    static const char *const argv[] = {"true", NULL};
    static const char *const wrong[] = {"PATH=/nowhere", NULL};
    struct ee_process_options options = {.argv = argv};
    REQUIRE(start(&child, NULL, &options) == EE_OK);
    finish(&child);
    CHECK(child.code == 0);
    options.environment = wrong;
    CHECK(start(&child, NULL, &options) == EE_NOT_FOUND);
    finish(&child);
}

static void programs_and_folders_that_cannot_be_used(void)
{
    struct child child;
    static const char *const missing[] = {"/no/such/program", NULL};
    static const char *const not_executable[] = {"/etc/hostname", NULL};
    struct ee_process_options options = {.argv = missing};
    CHECK(start(&child, NULL, &options) == EE_NOT_FOUND && !child.process);
    finish(&child);
    options.argv = not_executable;
    CHECK(start(&child, NULL, &options) == EE_SPAWN);
    finish(&child);
    options = (struct ee_process_options){.folder = "/no/such/folder"};
    CHECK(start(&child, "true", &options) == EE_NOT_FOUND);
    finish(&child);
    options = (struct ee_process_options){.stdout_path = "/tmp/only-one"};
    CHECK(start(&child, "true", &options) == EE_SPAWN);
    finish(&child);
}

static void descriptors_stdin_folder_and_session(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 4000, .folder = "/usr"};
    int leaked = dup(1); /* without close-on-exec: must not arrive */
    int high = fcntl(leaked, F_DUPFD, 200);
    REQUIRE(leaked >= 0 && high >= 200);
    REQUIRE(start(&child,
                  "cd /proc/self/fd; for n in *; do [ $n -gt 2 ] && [ -e $n ] && echo fd $n; done; "
                  "cat; cd \"$OLDPWD\"; pwd; read a b c d e s rest < /proc/$$/stat; "
                  "[ $$ = $s ] && [ $$ = $e ] && echo own session",
                  &options) == EE_OK);
    finish(&child);
    CHECK(printed(&child, EE_PROCESS_STDOUT, "/usr\nown session\n"));
    release(&child);
    (void)close(leaked);
    (void)close(high);
}

static void output_above_its_limit(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 1000};
    REQUIRE(start(&child, "head -c 300000 /dev/zero; echo late >&2", &options) == EE_OK);
    struct ee_process *process = child.process;
    CHECK(ee_loop_run_until(child.loop, &child.exited, 4000) == EE_OK);
    CHECK(ee_process_output_truncated(process));
    finish(&child);
    CHECK(child.output[0].size + child.output[1].size == 1000 && child.code == 0);
    release(&child);
}

static void limits_are_the_childs(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 1000,
                                         .limits = {.address_space_size = 512u << 20,
                                                    .data_size = 256u << 20,
                                                    .file_size = 4096,
                                                    .open_files = 33,
                                                    .processes = 44,
                                                    .no_core_dump = true}};
    REQUIRE(start(&child,
                  "ulimit -v; ulimit -d; ulimit -f; ulimit -n; ulimit -p; ulimit -c; "
                  "head -c 10000 /dev/zero > \"/tmp/ee-limit-$$\"; rm \"/tmp/ee-limit-$$\"",
                  &options) == EE_OK);
    finish(&child);
    CHECK(printed(&child, EE_PROCESS_STDOUT, "524288\n262144\n8\n33\n44\n0\n"));
    release(&child);
}

static void memory_above_its_limit(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 1000,
                                         .limits = {.address_space_size = 64u << 20}};
    REQUIRE(start(&child, "head -c 100000000 /dev/zero | tail -c 90000000 | wc -c", &options) ==
            EE_OK);
    finish(&child);
    CHECK(printed(&child, EE_PROCESS_STDOUT, "0\n"));
    release(&child);
}

static void another_user_without_new_privileges(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 1000,
                                         .switch_user = true,
                                         .uid = 65534,
                                         .gid = 65534,
                                         .no_new_privileges = true,
                                         .die_with_parent = true};
    if (geteuid() != 0)
        SKIP("only root may change the user");
    REQUIRE(start(&child, "id -u; id -g; id -G; grep -E '^(NoNewPrivs|CapEff)' /proc/$$/status",
                  &options) == EE_OK);
    finish(&child);
    CHECK(printed(&child, EE_PROCESS_STDOUT,
                  "65534\n65534\n65534\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"));
    release(&child);
}

static void another_user_is_refused_to_a_user(void)
{
    struct child child;
    struct ee_process_options options = {.switch_user = true, .uid = 0, .gid = 0};
    if (geteuid() != 0)
        SKIP("needs root to become somebody first");
    if (seteuid(65534) != 0)
        SKIP("cannot change the user here");
    CHECK(start(&child, "true", &options) == EE_SPAWN);
    CHECK(seteuid(0) == 0);
    finish(&child);
}

static void kill_reaches_the_whole_group(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 100};
    REQUIRE(start(&child, "sleep 30 & sleep 30 & echo ready; wait", &options) == EE_OK);
    CHECK(ee_process_kill(child.process, SIGTERM) == EE_OK);
    CHECK(ee_loop_run_until(child.loop, &child.exited, 4000) == EE_OK);
    CHECK(child.signal_number == SIGTERM && !ee_process_running(child.process));
    CHECK(ee_process_kill(child.process, SIGTERM) == EE_NOT_FOUND);
    finish(&child);
    release(&child);
}

static void what_the_main_process_left_behind_ends_with_it(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 100};
    REQUIRE(start(&child, "sleep 30 & echo $!", &options) == EE_OK);
    finish(&child); /* sleep holds the pipes: if it lived this would take the drain time */
    char text[32];
    uint64_t ticks;
    struct ee_bytes bytes = ee_buffer_bytes(&child.output[0]);
    (void)snprintf(text, sizeof(text), "%.*s", (int)bytes.size, (const char *)bytes.data);
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    REQUIRE(pid > 1);
    for (int tries = 0; tries < 100 && ee_process_start_ticks(pid, &ticks) == EE_OK; tries++) {
        char state[64];
        (void)snprintf(state, sizeof(state), "/proc/%d/stat", (int)pid);
        struct ee_file_data data = {0};
        bool zombie = ee_file_read(state, 4096, &data) == EE_OK &&
                      strstr((const char *)data.data, ") Z") != NULL;
        ee_file_data_free(&data);
        if (zombie)
            break; /* dead, and waits for the init of this machine */
        (void)usleep(10000);
        CHECK(tries < 99);
    }
    release(&child);
}

static void detached_workload_is_adopted(void)
{
    struct child child;
    char out[64], err[64];
    (void)snprintf(out, sizeof(out), "/tmp/ee-adopt-%d-out", (int)getpid());
    (void)snprintf(err, sizeof(err), "/tmp/ee-adopt-%d-err", (int)getpid());
    struct ee_process_options options = {.stdout_path = out, .stderr_path = err};
    REQUIRE(start(&child, "echo before; sleep 0.3; echo after; exit 3", &options) == EE_OK);
    struct ee_process_id id = ee_process_identity(child.process);
    ee_process_free(child.process); /* as if we had died */
    child.process = NULL;
    struct ee_process_id wrong = {.pid = id.pid, .start_ticks = id.start_ticks + 1};
    CHECK(ee_process_adopt(child.loop, wrong, &events, &child, &child.process) == EE_NOT_FOUND);
    REQUIRE(ee_process_adopt(child.loop, id, &events, &child, &child.process) == EE_OK);
    CHECK(ee_process_running(child.process));
    finish(&child);
    CHECK(child.code == 3); /* here it is our child after all */
    struct ee_file_data data = {0};
    struct stat status;
    CHECK(ee_file_read(out, 100, &data) == EE_OK);
    CHECK(ee_bytes_equal(ee_file_bytes(&data), ee_bytes_str("before\nafter\n")));
    CHECK(stat(out, &status) == 0 && (status.st_mode & 0777) == 0600);
    ee_file_data_free(&data);
    if (ee_loop_new(&child.loop) != EE_OK)
        abort();
    CHECK(ee_process_adopt(child.loop, id, &events, &child, &child.process) == EE_NOT_FOUND);
    ee_loop_free(child.loop);
    (void)unlink(out);
    (void)unlink(err);
}

/* sh starts the workload in the background and ends: it belongs to init then. */
static void workload_of_somebody_else_has_no_code(void)
{
    struct child child;
    struct ee_process_options options = {.output_limit = 100};
    REQUIRE(start(&child, "setsid sleep 0.3 >/dev/null 2>&1 & echo $!", &options) == EE_OK);
    CHECK(ee_loop_run_until(child.loop, &child.exited, 4000) == EE_OK);
    ee_process_free(child.process);
    char text[32];
    struct ee_bytes bytes = ee_buffer_bytes(&child.output[0]);
    (void)snprintf(text, sizeof(text), "%.*s", (int)bytes.size, (const char *)bytes.data);
    struct ee_process_id id = {.pid = (pid_t)strtol(text, NULL, 10)};
    if (ee_process_start_ticks(id.pid, &id.start_ticks) != EE_OK) {
        child.process = NULL;
        finish(&child);
        release(&child);
        SKIP("setsid came too late and was ended with its group");
    }
    child.exited = false;
    enum ee_err err = ee_process_adopt(child.loop, id, &events, &child, &child.process);
    CHECK(err == EE_OK);
    if (err != EE_OK)
        child.process = NULL;
    finish(&child);
    CHECK(child.code == -1);
    release(&child);
}

TESTS(TEST(output_and_exit_code), TEST(ended_by_a_signal),
      TEST(environment_is_exactly_the_given_one), TEST(program_found_in_the_given_path),
      TEST(programs_and_folders_that_cannot_be_used), TEST(descriptors_stdin_folder_and_session),
      TEST(output_above_its_limit), TEST(limits_are_the_childs), TEST(memory_above_its_limit),
      TEST(another_user_without_new_privileges), TEST(another_user_is_refused_to_a_user),
      TEST(kill_reaches_the_whole_group), TEST(what_the_main_process_left_behind_ends_with_it),
      TEST(detached_workload_is_adopted), TEST(workload_of_somebody_else_has_no_code))
