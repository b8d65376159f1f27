/* SPDX-License-Identifier: Apache-2.0 */
/* One workload of the `process` runtime (development): a command run as another user where the
 * agent is root, without new privileges, with exactly the deployment's environment and its secrets,
 * limits, and bounded output (the newest bytes are kept). It dies with the agent's process; what a
 * killed agent left behind is ended when it starts again. */
#ifndef EE_AGENT_WORKLOAD_H
#define EE_AGENT_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/text.h"
#include "core/deployment.h"
#include "io/loop.h"
#include "seal/secrets.h"

enum {
    /* Of stdout and of stderr each; both sealed, in base64, fit one CONTROL message of the tunnel.
     */
    EE_WORKLOAD_OUTPUT_MAX = 88 * 1024,
    EE_WORKLOAD_OUTPUT_DEFAULT = 64 * 1024,
    EE_WORKLOAD_STOP_MS = 3000, /* from SIGTERM to SIGKILL */
};

struct ee_workload;

struct ee_workload_start {
    const char *folder; /* of this workload, private to it; made and owned here */
    const struct ee_deployment *deployment;
    const struct ee_secrets *secrets;
    bool switch_user; /* when the agent is root */
    uid_t uid;
};

/* After the end; then the caller frees it. */
typedef void (*ee_workload_exited)(void *context, struct ee_workload *workload);

/* Starts it; an exposed service has no process and is running at once. EE_NOT_FOUND: no such
 * program; EE_SPAWN (errno says why), EE_IO, EE_NO_MEMORY, EE_RANGE. The deployment and secrets are
 * needed only during the call. */
EE_MUST_USE enum ee_err ee_workload_new(struct ee_loop *loop, const struct ee_workload_start *start,
                                        ee_workload_exited exited, void *context,
                                        struct ee_workload **out);
/* SIGTERM to the whole group, SIGKILL after EE_WORKLOAD_STOP_MS; `exited` follows. Again: nothing.
 */
void ee_workload_stop(struct ee_workload *workload);
/* Kills what still runs. NULL is fine. */
void ee_workload_free(struct ee_workload *workload);

bool ee_workload_running(const struct ee_workload *workload);
bool ee_workload_stopping(const struct ee_workload *workload); /* asked to stop, not yet ended */
/* 0 to 255, or 128 + signal; valid after the end. */
int32_t ee_workload_exit_code(const struct ee_workload *workload);
uint16_t ee_workload_port(const struct ee_workload *workload);

/* Encodes ee_job_output of what was kept so far. EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_workload_output(const struct ee_workload *workload, void *out,
                                           size_t capacity, size_t *size_out);

/* Ends processes that an earlier agent left in `folder` (the parent of the workloads' folders) and
 * removes the files. */
void ee_workload_sweep(const char *folder);

#endif
