/* SPDX-License-Identifier: Apache-2.0 */
/* A development network for end-to-end tests of the control plane: a folder with genesis, software
 * TDX and certificates, the real programs as processes, and a client of the API. Failures are
 * printed as TAP comments; the functions that return bool say whether it worked. */
#ifndef EE_TESTS_E2E_CONTROL_RIG_H
#define EE_TESTS_E2E_CONTROL_RIG_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/crypto.h"
#include "core/deployment.h"
#include "core/genesis.h"
#include "link/sync_client.h"

enum { RIG_PATH_SIZE = 512, RIG_AGENTS_MAX = 3, RIG_WAIT_MS = 20000, RIG_KEY_SIZE = 48 };

struct rig_agent {
    char node[EE_NAME_MAX + 1];
    uint8_t agent_key[32], platform_id[16];
    pid_t pid; /* 0: not running */
};

struct rig {
    char folder[RIG_PATH_SIZE];
    const char *control_program, *agent_program;
    uint8_t network_id[32];
    uint8_t founding_seed[32], issuer_seed[32], operator_seed[32];
    uint8_t authority_seed[32];
    char admin_key[RIG_KEY_SIZE], user_key[RIG_KEY_SIZE], operator_key[RIG_KEY_SIZE];
    char api[64], gateway[64], http[64];
    pid_t control_pid;
    struct rig_agent agents[RIG_AGENTS_MAX];
    struct ee_sync_client *client;
    struct ee_tls *tls;
    uint64_t next_id;
    uint8_t output_private[32], output_public[32];
};

/* Folder, genesis, keys, certificates; nothing runs yet. */
bool rig_init(struct rig *rig, const char *control_program, const char *agent_program);
/* Ends all processes that still run and removes the folder. */
void rig_close(struct rig *rig);

bool rig_control_start(struct rig *rig);
void rig_kill(pid_t *pid, int signal_number);
/* Sends a signal and waits for the end; the exit code, -1 for a signal. */
int rig_stop(pid_t *pid, int signal_number);
/* Makes the agent's keys, enrols it as `price`, and starts it. `program`: measured name of its
 * software TDX ("ee-agent" is allow-listed). */
bool rig_agent_start(struct rig *rig, size_t index, const char *price, const char *program);
bool rig_agent_enrol(struct rig *rig, size_t index, const char *price, const char *program);
bool rig_agent_run(struct rig *rig, size_t index);
/* One of many agents that the test runs by itself: state folder with keys, platform file, enrolled.
 * The paths have room for RIG_PATH_SIZE. */
bool rig_swarm_enrol(struct rig *rig, uint32_t number, struct rig_agent *out, char *state_out,
                     char *platform_out);
void rig_path(const struct rig *rig, const char *name, char out[RIG_PATH_SIZE]);

/* One request; the status and, if not NULL, the JSON body (the caller's) or null. 0: no answer. */
int rig_call(struct rig *rig, const char *key, const char *method, const char *target, json_t *body,
             json_t **answer_out);
/* The body as bytes, and what the answer says in EE-Checkpoint (empty: nothing). */
int rig_call_raw(struct rig *rig, const char *key, const char *target, struct ee_sync_answer *out);
/* Accounts "alice" (user) and "op" (operator), with keys, and credits for alice. */
bool rig_accounts(struct rig *rig, const char *amount);
/* One more mint with this reference; the status. */
int rig_mint(struct rig *rig, const char *reference, const char *amount);

/* Deployment of `sh -c command`; `port` 0 for jobs. Base64, malloc'd. */
char *rig_deployment(struct rig *rig, const char *command, uint16_t port);
/* Reserves, seals no secrets for the chosen agent, starts. The lease id as hex, or false. */
bool rig_launch(struct rig *rig, const char *workload, const char *name, const char *command,
                uint16_t port, char lease_out[33]);
/* Waits until GET target gives `member` the text `value`. */
bool rig_wait(struct rig *rig, const char *target, const char *member, const char *value);
/* Opens the sealed output of an ended job: what it wrote, with a NUL. */
bool rig_output(struct rig *rig, const char *lease, char *out, size_t size);
/* GET over the plain path-form listener; status, and the start of the body with a NUL. */
int rig_http_get(struct rig *rig, const char *target, char *body_out, size_t size);
/* Starts a program that the test itself needs; `argv` ends with NULL. */
pid_t rig_spawn(const struct rig *rig, const char *log, char *const argv[]);
/* A loopback port that was free a moment ago. */
uint16_t rig_free_port(void);
/* Copies a member of an object as text; "" when it is missing or no string. */
void rig_text(const json_t *object, const char *member, char *out, size_t size);

/* Between the files of the rig. */
bool rig_fail(const char *what); /* prints; false */
void rig_wait_ms(long ms);
json_t *rig_hex(const void *data, size_t size);
json_t *rig_key_hash(const char *key);

#endif
