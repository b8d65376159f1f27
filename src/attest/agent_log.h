/* SPDX-License-Identifier: Apache-2.0 */
/* The log of our own agent: what it started and stopped since the TD booted. Each event is a
 * document; RTMR3 is extended by its SHA-384. Format: docs/spec/event-log.md, "Agent log". */
#ifndef EE_ATTEST_AGENT_LOG_H
#define EE_ATTEST_AGENT_LOG_H

#include <stdbool.h>

#include "attest/claims.h"
#include "base/bytes.h"
#include "base/crypto.h"

enum ee_agent_event_kind {
    EE_AGENT_EVENT_START = 1,  /* the agent's process: network, version */
    EE_AGENT_EVENT_DEPLOYMENT, /* a workload, before it runs: lease, hashes */
    EE_AGENT_EVENT_RUNNING,    /* said again, because the events before it are left out */
    EE_AGENT_EVENT_SECRETS,    /* opened for that workload: lease, count */
    EE_AGENT_EVENT_STOP,       /* the workload ended, or did not start: lease, exit code */
};

enum {
    EE_AGENT_LEASE_SIZE = 16,
    EE_AGENT_EVENT_SIZE_MAX = 160,
    EE_AGENT_LOG_HEAD_SIZE = 1 + 12 + 2 + 8 + EE_SHA384_SIZE, /* label "ee-agent-log" and fields */
};

/* Fields a kind does not have are zero and not encoded. */
struct ee_agent_event {
    uint64_t sequence; /* from 0 at the start of the TD */
    enum ee_agent_event_kind kind;
    uint8_t network_id[32];
    char version[EE_CLAIMS_VERSION_TEXT_MAX + 1];
    uint8_t lease[EE_AGENT_LEASE_SIZE];
    uint8_t deployment_hash[32];
    uint8_t image_digest[32]; /* SHA-256 of the OCI manifest; zero when there is no image */
    uint16_t secret_count;
    int32_t exit_code;
};

struct ee_agent_log_head {
    uint64_t first;               /* sequence of the first event shown */
    uint8_t base[EE_SHA384_SIZE]; /* RTMR3 before it */
};

/* "start", "deployment", ...; NULL for another number. */
const char *ee_agent_event_kind_name(enum ee_agent_event_kind kind);
/* EE_UNSUPPORTED: kind; EE_TOO_LARGE: capacity below EE_AGENT_EVENT_SIZE_MAX may not do. */
EE_MUST_USE enum ee_err ee_agent_event_encode(const struct ee_agent_event *event, uint8_t *out,
                                              size_t capacity, size_t *size_out);
EE_MUST_USE enum ee_err ee_agent_event_decode(struct ee_bytes bytes, struct ee_agent_event *out);
void ee_agent_event_digest(const struct ee_crypto *crypto, struct ee_bytes event,
                           uint8_t out[EE_SHA384_SIZE]);

void ee_agent_log_head_write(struct ee_writer *w, const struct ee_agent_log_head *head);
void ee_agent_log_head_read(struct ee_cursor *c, struct ee_agent_log_head *out);

/* The newest DEPLOYMENT or RUNNING event of the lease, and whether it was stopped since, or the
 * agent started anew. EE_OK;
 * EE_NOT_MEASURED: there is none; EE_EVENT_LOG: not an agent log. Says nothing about RTMR3: match
 * the log first. */
EE_MUST_USE enum ee_err ee_agent_log_deployment(struct ee_bytes log,
                                                const uint8_t lease[EE_AGENT_LEASE_SIZE],
                                                struct ee_agent_event *event_out,
                                                bool *stopped_out);

#endif
