/* SPDX-License-Identifier: Apache-2.0 */
/* The control plane: one process that keeps the ledger, admits and checks agents, routes traffic
 * and settles. Owns the loop it runs on. */
#ifndef EE_CONTROL_CONTROL_H
#define EE_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ee_control;

enum { EE_CONTROL_DRAIN_MS = 30000, EE_CONTROL_DETAIL_SIZE = 256, EE_CONTROL_WARN_DAYS_MAX = 365 };

struct ee_control_options { /* all borrowed during start; NULL: not given */
    const char *state_folder;
    const char *genesis_path;
    const char *listen;              /* API and tunnel */
    const char *gateway;             /* apps by host name */
    const char *http;                /* apps by path, plain, loopback only; may be NULL */
    const char *domain;              /* of apps */
    const char *tls_chain_path;      /* default certificate; NULL: issued by itself */
    const char *admin_key_hash_path; /* may be NULL: the admin route is disabled */
    /* May be NULL: then only what was pushed is there. */
    const char *collateral_path;
    unsigned collateral_warn_days; /* 0: a week */
    const char *tdx_device;        /* link/tdx_device.h; NULL: "auto" */
    size_t evidence_queue;         /* challenges that may wait for a quote; 0: 1024 */
    const char *ready_path;        /* may be NULL */
    /* From the control plane that runs on this state folder its sockets and streams' places are
     * taken over: control/handover.h. Without one it starts as always. */
    bool take_over;
    const char *dns_servers;                /* of domains; NULL: those of the machine */
    uint64_t domain_recheck_s;              /* 0: once a day */
    const char *acme_alpn_folder;           /* io/tls_acme.h; may be NULL */
    const char *acme_address, *acme_folder; /* control/acme_http.h; NULL: no such listener */
    uint64_t snapshot_every;                /* commands; 0: EE_SNAPSHOT_EVERY */
    /* The journal's key (control/unseal.h): the signed list of its holders, needed at the first
     * start of a production network; in a development network a file (NULL: STATE/journal.key), or
     * plain batches. */
    const char *holders_path;
    const char *journal_key_path;
    bool plain_journal;
    /* Attestations of leases count although the agent's event log does not show the deployment:
     * for machines whose kernel cannot extend RTMR3. */
    bool allow_unmeasured;
    uint64_t liabilities_every_s; /* proofs of liabilities; 0: once a day */
    const char *webhook_ca_path;  /* authorities of webhook receivers; NULL: the system's */
};

/* Locked while holders keep the journal's key and have not sent it: then it listens, writes the
 * ready file with "locked":true and waits here. Replays the journal, makes the first evidence of
 * the control plane, listens, writes the ready file. `detail_out` has EE_CONTROL_DETAIL_SIZE bytes
 * for words about a failure. EE_SIMULATED_REFUSED: a simulated platform in a production network;
 * EE_JOURNAL_LOCKED: another process uses the folder; errors of every part. */
EE_MUST_USE enum ee_err ee_control_start(const struct ee_control_options *options,
                                         struct ee_control **out,
                                         char detail_out[EE_CONTROL_DETAIL_SIZE]);
/* Returns at once when a signal came while it was locked. Runs until SIGTERM or SIGINT has drained
 * everything (EE_OK), or the journal is lost. */
EE_MUST_USE enum ee_err ee_control_run(struct ee_control *control);
void ee_control_free(struct ee_control *control); /* NULL is fine */

#endif
