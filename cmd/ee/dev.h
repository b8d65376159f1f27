/* SPDX-License-Identifier: Apache-2.0 */
/* Private to `ee dev`: a whole network on this machine. Everything it does but writing the genesis,
 * it does as a user would: through the programs and the public API. */
#ifndef EE_CMD_EE_DEV_H
#define EE_CMD_EE_DEV_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/text.h"
#include "core/genesis.h"
#include "io/loop.h"
#include "io/process.h"

enum {
    EE_DEV_NODES = 3,
    EE_DEV_EXPOSED_MAX = 8,
    EE_DEV_OUTPUT_MAX = 256 * 1024,
    EE_DEV_COMMAND_MS = 20000,
    EE_DEV_READY_MS = 20000,
    EE_DEV_STOP_MS = 5000,
};

struct ee_dev_node {
    const char *name, *operator_name, *price;
};
extern const struct ee_dev_node ee_dev_nodes[EE_DEV_NODES];

struct ee_dev_exposed {
    char name[EE_NAME_MAX + 1];
    const char *target; /* "127.0.0.1:PORT" */
    bool passthrough;   /* its TLS ends in the agent */
};

struct ee_dev_child {
    struct ee_dev *dev;
    const char *name;
    struct ee_process *process; /* NULL: not running */
};

struct ee_dev {
    struct ee_loop *loop;
    char state[PATH_MAX - 256];    /* absolute */
    char programs[PATH_MAX - 256]; /* folder of this program and its siblings */
    const char *http_address;
    bool json;
    uint8_t network_id[32];
    char api[64], gateway[64], http[64]; /* "127.0.0.1:PORT" once the control plane runs */
    struct ee_dev_child control;
    struct ee_dev_child agents[EE_DEV_NODES];
    struct ee_timer *restart_timer, *deadline, *collateral_timer;
    uint64_t collateral_valid_s;        /* 0: a month, as Intel's */
    int64_t collateral_until_s;         /* of what the control plane has taken */
    int64_t collateral_next_s;          /* of what is being pushed */
    struct ee_process *collateral_push; /* NULL: none is running */
    uint32_t restarts;                  /* in a row, for the back-off */
    uint64_t control_started_us;
    bool stopping;
    size_t exposed_count;
    struct ee_dev_exposed exposed[EE_DEV_EXPOSED_MAX];
};

/* dev_files.c: STATE/`name`. */
const char *ee_dev_path(const struct ee_dev *dev, const char *name, char out[PATH_MAX]);
/* The first start: keys, simulated platforms, genesis; every start: collateral of today. */
EE_MUST_USE enum ee_err ee_dev_files_make(struct ee_dev *dev);
/* Simulated collateral of this moment into STATE/collateral.json. */
EE_MUST_USE enum ee_err ee_dev_collateral_make(struct ee_dev *dev, int64_t *until_s_out);
/* Signs the control plane's request with the authority of this network, once. */
EE_MUST_USE enum ee_err ee_dev_certificate_make(struct ee_dev *dev, const char *request_pem);
/* Profiles the programs cannot write: admin and founding; adds the issuer's key to dev. */
EE_MUST_USE enum ee_err ee_dev_profile_write(struct ee_dev *dev, const char *name,
                                             const char *account, const char *key_member,
                                             const char *key_file);
EE_MUST_USE enum ee_err ee_dev_json_write(const char *path, json_t *value, mode_t mode);

/* dev_collateral.c: from now on renews the collateral before it runs out. */
EE_MUST_USE enum ee_err ee_dev_collateral_watch(struct ee_dev *dev);
void ee_dev_collateral_end(struct ee_dev *dev);

/* dev_process.c */
/* Ours, and for a command the profile: no EE_ variable of the caller changes what happens here. */
void ee_dev_environment(const struct ee_dev *dev, const char *profile,
                        char memory[3][PATH_MAX + 32], const char *out[4]);
/* Runs a program of ours to its end; what it printed as JSON, NULL when it failed (said on standard
 * error). */
json_t *ee_dev_command(struct ee_dev *dev, const char *profile, const char *const *argv);
EE_MUST_USE enum ee_err ee_dev_control_start(struct ee_dev *dev);
EE_MUST_USE enum ee_err ee_dev_agent_start(struct ee_dev *dev, size_t index);
/* SIGTERM to all, SIGKILL to those that take too long. */
void ee_dev_stop(struct ee_dev *dev);
/* Present pids, also in STATE/pids.json. */
json_t *ee_dev_pids(const struct ee_dev *dev);
/* Exit code of the loop once everything is up. */
void ee_dev_supervise(struct ee_dev *dev);

#endif
