/* SPDX-License-Identifier: Apache-2.0 */
/* An older journal put back under a running network is noticed through what its agents have seen:
 * control_rollback_test EE_CONTROL EE_AGENT HTTP_HELLO. */
#include <signal.h>
#include <stdlib.h>

#include "control_rig.h"
#include "io/file.h"
#include "tap.h"

#include "base/banned.h"

enum { JOURNAL_MAX = 16 * 1024 * 1024 };

static struct rig rig;
static struct ee_file_data older;

static bool journal(bool restore)
{
    char path[RIG_PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/control/journal.db", rig.folder);
    if (restore)
        return ee_file_write(path, ee_file_bytes(&older), 0600) == EE_OK;
    return ee_file_read(path, JOURNAL_MAX, &older) == EE_OK;
}

static void network_runs_and_its_journal_is_copied(void)
{
    REQUIRE(rig_control_start(&rig) && rig_accounts(&rig, "20"));
    REQUIRE(rig_agent_start(&rig, 0, "0.010", "ee-agent"));
    REQUIRE(rig_wait(&rig, "/v1/nodes?limit=1", "state", "connected"));
    CHECK(rig_stop(&rig.control_pid, SIGTERM) == 0);
    REQUIRE(journal(false));
    REQUIRE(rig_control_start(&rig));
    REQUIRE(rig_wait(&rig, "/v1/nodes?limit=1", "state", "connected"));
    CHECK(rig_mint(&rig, "second", "1") == 200);
    CHECK(rig_mint(&rig, "third", "1") == 200);
    rig_wait_ms(2500); /* the agent is told the newest checkpoint within a second */
    CHECK(rig_call(&rig, NULL, "GET", "/readyz", NULL, NULL) == 200);
}

static void older_journal_is_noticed(void)
{
    bool noticed = false;
    CHECK(rig_stop(&rig.control_pid, SIGTERM) == 0);
    REQUIRE(journal(true));
    REQUIRE(rig_control_start(&rig));
    for (int i = 0; i < 100 && !noticed; i++) {
        rig_wait_ms(50);
        noticed = rig_call(&rig, NULL, "GET", "/readyz", NULL, NULL) == 503;
    }
    CHECK(noticed);
}

int main(int argc, char **argv)
{
    const struct tap_test tests[] = {
        TEST(network_runs_and_its_journal_is_copied),
        TEST(older_journal_is_noticed),
    };
    if (argc < 4 || !rig_init(&rig, argv[1], argv[2]))
        return 1;
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    rig_close(&rig);
    ee_file_data_free(&older);
    return code;
}
