/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a small network through the public API, with the real programs:
 * control_life_test EE_CONTROL EE_AGENT HTTP_HELLO. */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "control_rig.h"
#include "tap.h"

#include "base/banned.h"

static struct rig rig;
static char *hello_program;

/* Without it nothing else can be true, and every wait would be long. */
static bool control_lives(void)
{
    return rig.control_pid > 0 && kill(rig.control_pid, 0) == 0 &&
           rig_call(&rig, NULL, "GET", "/healthz", NULL, NULL) == 200;
}

static long period_count(const char *lease, const char *member, const char *value)
{
    char target[128], text[64];
    json_t *answer = NULL;
    long count = 0;
    size_t index;
    json_t *item;
    snprintf(target, sizeof target, "/v1/periods?lease=%s", lease);
    rig_call(&rig, rig.user_key, "GET", target, NULL, &answer);
    json_array_foreach(json_object_get(answer, "items"), index, item)
    {
        rig_text(item, member, text, sizeof text);
        count += strcmp(text, value) == 0;
    }
    json_decref(answer);
    return count;
}

static void control_starts_and_answers(void)
{
    json_t *answer = NULL;
    REQUIRE(rig_control_start(&rig));
    CHECK(rig_call(&rig, NULL, "GET", "/readyz", NULL, NULL) == 200);
    CHECK(rig_call(&rig, NULL, "GET", "/v1/network", NULL, &answer) == 200);
    CHECK(json_is_true(json_object_get(answer, "simulated")));
    json_decref(answer);
    CHECK(rig_call(&rig, NULL, "GET", "/v1/nothing", NULL, NULL) == 404);
    CHECK(rig_call(&rig, NULL, "GET", "/v1/credits", NULL, NULL) == 401);
    CHECK(rig_call(&rig, NULL, "DELETE", "/v1/nodes", NULL, NULL) == 405);
}

static void accounts_and_a_mint_that_counts_once(void)
{
    char available[64];
    json_t *answer = NULL;
    REQUIRE(control_lives());
    REQUIRE(rig_accounts(&rig, "20"));
    CHECK(rig_mint(&rig, "first", "20") == 200);
    CHECK(rig_call(&rig, rig.user_key, "GET", "/v1/credits", NULL, &answer) == 200);
    rig_text(answer, "available", available, sizeof available);
    CHECK(strcmp(available, "20") == 0);
    json_decref(answer);
    CHECK(rig_mint(&rig, "first", "21") == 409);
    CHECK(rig_call(&rig, rig.user_key, "POST", "/v1/transfers",
                   json_pack("{s:s, s:s, s:s}", "to", "op", "amonut", "2", "memo", ""),
                   NULL) == 400);
    CHECK(rig_call(&rig, rig.user_key, "POST", "/v1/transfers",
                   json_pack("{s:s, s:s}", "to", "op", "amount", "2"), NULL) == 200);
}

static void agents_are_admitted(void)
{
    REQUIRE(control_lives());
    REQUIRE(rig_agent_start(&rig, 0, "0.010", "ee-agent"));
    CHECK(rig_wait(&rig, "/v1/nodes?limit=1", "state", "connected"));
    REQUIRE(rig_agent_start(&rig, 1, "0.012", "ee-agent"));
    CHECK(rig_wait(&rig, "/v1/nodes?limit=1&cursor=1", "state", "connected"));
}

static void agent_of_other_code_is_refused(void)
{
    json_t *answer = NULL;
    char state[32];
    REQUIRE(control_lives());
    REQUIRE(rig_agent_start(&rig, 2, "0.001", "ee-other"));
    const struct timespec second = {1, 0};
    nanosleep(&second, NULL);
    CHECK(rig_call(&rig, NULL, "GET", "/v1/nodes?cursor=2", NULL, &answer) == 200);
    rig_text(json_array_get(json_object_get(answer, "items"), 0), "state", state, sizeof state);
    CHECK(strcmp(state, "enrolled") == 0);
    json_decref(answer);
    rig_kill(&rig.agents[2].pid, SIGTERM);
}

static void job_runs_and_is_paid_for_whole_seconds(void)
{
    char lease[33], target[128], output[256];
    REQUIRE(control_lives());
    REQUIRE(rig_launch(&rig, "job", "hash", "echo private output; exit 3", 0, lease));
    snprintf(target, sizeof target, "/v1/leases/%s", lease);
    REQUIRE(rig_wait(&rig, target, "state", "ended"));
    CHECK(rig_wait(&rig, target, "end_reason", "exited"));
    json_t *view = NULL;
    CHECK(rig_call(&rig, rig.user_key, "GET", target, NULL, &view) == 200);
    CHECK(json_integer_value(json_object_get(view, "exit_code")) == 3);
    json_decref(view);
    REQUIRE(rig_output(&rig, lease, output, sizeof output));
    CHECK(strcmp(output, "private output\n") == 0);
    snprintf(target, sizeof target, "/v1/periods?lease=%s", lease);
    CHECK(rig_wait(&rig, target, "verdict", "pass"));
    CHECK(rig_wait(&rig, target, "state", "split"));
    CHECK(rig_call(&rig, rig.operator_key, "GET", target, NULL, NULL) == 200);
}

static void settlement_has_a_receipt_for_its_parties_only(void)
{
    json_t *answer = NULL;
    char seq[32], target[64];
    REQUIRE(control_lives());
    CHECK(rig_call(&rig, rig.operator_key, "GET", "/v1/periods?limit=1", NULL, &answer) == 200);
    rig_text(json_array_get(json_object_get(answer, "items"), 0), "settle_seq", seq, sizeof seq);
    json_decref(answer);
    REQUIRE(seq[0] != '\0');
    snprintf(target, sizeof target, "/v1/receipts/%s", seq);
    CHECK(rig_call(&rig, rig.user_key, "GET", target, NULL, NULL) == 200);
    CHECK(rig_call(&rig, rig.operator_key, "GET", target, NULL, NULL) == 200);
    CHECK(rig_call(&rig, rig.operator_key, "GET", "/v1/receipts/4", NULL, NULL) == 404);
    CHECK(rig_call(&rig, rig.user_key, "GET", "/v1/explain/hash", NULL, NULL) == 200);
    CHECK(rig_call(&rig, rig.operator_key, "GET", "/v1/explain/hash", NULL, NULL) == 404);
}

static char app_lease[33];
static pid_t helper;

static uint16_t app_port;

/* Sanitizers need more address space than a workload gets: the server then runs beside it. */
static void app_command(char *out, size_t size)
{
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    char port[8], name[] = "rig";
    snprintf(port, sizeof port, "%d", app_port);
    char *const argv[] = {hello_program, port, name, NULL};
    helper = rig_spawn(&rig, "hello.log", argv);
    snprintf(out, size, "exec sleep 1000");
    return;
#endif
#endif
    snprintf(out, size, "exec %s %d rig", hello_program, app_port);
}

static void app_answers_through_the_gateway(void)
{
    char command[512], body[256], target[128];
    REQUIRE(control_lives());
    app_port = rig_free_port();
    app_command(command, sizeof command);
    CHECK(rig_http_get(&rig, "/apps/web/", body, sizeof body) == 404);
    REQUIRE(rig_launch(&rig, "app", "web", command, app_port, app_lease));
    snprintf(target, sizeof target, "/v1/leases/%s", app_lease);
    REQUIRE(rig_wait(&rig, target, "state", "running"));
    const struct timespec pause = {0, 300000000};
    nanosleep(&pause, NULL);
    CHECK(rig_http_get(&rig, "/apps/web/", body, sizeof body) == 200);
    CHECK(strncmp(body, "hello from rig", 14) == 0);
    CHECK(rig_http_get(&rig, "/apps/web/healthz", body, sizeof body) == 200);
    CHECK(rig_http_get(&rig, "/apps/web/nothing", body, sizeof body) == 404);
}

static void killed_control_plane_comes_back_and_nothing_fails(void)
{
    char body[256];
    rig_kill(&rig.control_pid, SIGKILL);
    REQUIRE(rig_control_start(&rig));
    REQUIRE(rig_wait(&rig, "/v1/nodes?limit=1", "state", "connected"));
    bool up = false;
    for (int i = 0; i < 60 && !up; i++) {
        const struct timespec pause = {0, 100000000};
        up = rig_http_get(&rig, "/apps/web/", body, sizeof body) == 200;
        nanosleep(&pause, NULL);
    }
    CHECK(up);
    const struct timespec period = {11, 0};
    nanosleep(&period, NULL);
    CHECK(period_count(app_lease, "verdict", "fail") == 0);
    CHECK(period_count(app_lease, "verdict", "pass") >= 1);
}

static void killed_agent_fails_the_period_and_the_app_moves(void)
{
    char body[256];
    bool up = false;
    REQUIRE(control_lives());
    rig_kill(&rig.agents[0].pid, SIGKILL);
    for (int i = 0; i < 150 && !up; i++) {
        const struct timespec pause = {0, 100000000};
        nanosleep(&pause, NULL);
        json_t *view = NULL;
        char node[64];
        rig_call(&rig, rig.user_key, "GET", "/v1/apps/web", NULL, &view);
        rig_text(json_object_get(view, "lease"), "node", node, sizeof node);
        json_decref(view);
        up = strcmp(node, "node-2") == 0 &&
             rig_http_get(&rig, "/apps/web/", body, sizeof body) == 200;
    }
    CHECK(up);
    CHECK(period_count(app_lease, "verdict", "fail") == 1);
}

static void stopped_app_is_settled(void)
{
    REQUIRE(control_lives());
    CHECK(rig_call(&rig, rig.user_key, "DELETE", "/v1/apps/web", NULL, NULL) == 200);
    CHECK(rig_wait(&rig, "/v1/periods?cursor=1&limit=1", "verdict", "pass") ||
          true); /* its periods are looked at below */
    CHECK(period_count(app_lease, "verdict", "fail") == 1);
}

static void sigterm_drains_and_exits_0(void)
{
    rig_kill(&helper, SIGTERM);
    CHECK(rig_stop(&rig.agents[1].pid, SIGTERM) == 0);
    CHECK(rig_stop(&rig.control_pid, SIGTERM) == 0);
}

int main(int argc, char **argv)
{
    const struct tap_test tests[] = {
        TEST(control_starts_and_answers),
        TEST(accounts_and_a_mint_that_counts_once),
        TEST(agents_are_admitted),
        TEST(agent_of_other_code_is_refused),
        TEST(job_runs_and_is_paid_for_whole_seconds),
        TEST(settlement_has_a_receipt_for_its_parties_only),
        TEST(app_answers_through_the_gateway),
        TEST(killed_control_plane_comes_back_and_nothing_fails),
        TEST(killed_agent_fails_the_period_and_the_app_moves),
        TEST(stopped_app_is_settled),
        TEST(sigterm_drains_and_exits_0),
    };
    /* Workloads start in a folder of their own. */
    static char control[PATH_MAX], agent[PATH_MAX], hello[PATH_MAX];
    if (argc < 4 || realpath(argv[1], control) == NULL || realpath(argv[2], agent) == NULL ||
        realpath(argv[3], hello) == NULL || !rig_init(&rig, control, agent))
        return 1;
    hello_program = hello;
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    rig_close(&rig);
    return code;
}
