/* SPDX-License-Identifier: Apache-2.0 */
/* The measured log of this agent: each event is written to a file and extends RTMR3, in this order,
 * under the lock of the agent's state folder. After a restart in the same boot it goes on where it
 * was; after a boot it begins anew. docs/spec/event-log.md, "Agent log". */
#ifndef EE_AGENT_EVENT_LOG_H
#define EE_AGENT_EVENT_LOG_H

#include "attest/agent_log.h"
#include "attest/eventlog.h"

struct ee_event_log;

enum {
    EE_EVENT_LOG_RENEW = 256,      /* events, from which on earlier ones are left out */
    EE_EVENT_LOG_RUNNING_MAX = 64, /* restated at once: the leases of an agent */
};

/* RTMR3 of this TD, as of ee_tdx_device_rtmr_extend() and _read(). */
struct ee_event_register {
    void *context;
    enum ee_err (*extend)(void *context, const uint8_t digest[EE_SHA384_SIZE]);
    enum ee_err (*read)(void *context, uint8_t out[EE_SHA384_SIZE]);
};

enum ee_event_log_found {
    EE_EVENT_LOG_CONTINUED, /* the file replays to the register */
    EE_EVENT_LOG_BOOTED,    /* the register is zero: a new log, from its start */
    EE_EVENT_LOG_LOST,      /* the register holds what no file says: a new log, from its value */
};

/* Reads the file and the register and makes them agree; an event that was written and not yet
 * extended is extended now. `path` and `crypto` are borrowed for the log's life. Errors of the
 * register (EE_TDX_MISSING: this kernel does not let RTMR3 be extended) and of ee_file_write();
 * EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_event_log_open(const char *path, const struct ee_crypto *crypto,
                                          const struct ee_event_register *rtmr3,
                                          struct ee_event_log **out,
                                          enum ee_event_log_found *found_out);
void ee_event_log_free(struct ee_event_log *log); /* NULL is fine */

/* Writes the event (its sequence is set here), then extends. On failure neither is done, unless the
 * register and the file both fail. Errors of both; EE_FULL: renew first. */
EE_MUST_USE enum ee_err ee_event_log_append(struct ee_event_log *log,
                                            const struct ee_agent_event *event);
/* Is it time to leave out earlier events? */
bool ee_event_log_renewable(const struct ee_event_log *log);
/* Begins the shown part anew with these events: a START, and a RUNNING for each lease that is not
 * forgotten. What was before is in RTMR3 still, and no longer shown. EE_RANGE: none, or more than
 * EE_EVENT_LOG_RUNNING_MAX + 1; errors of ee_event_log_append(). */
EE_MUST_USE enum ee_err ee_event_log_renew(struct ee_event_log *log,
                                           const struct ee_agent_event *events, size_t count);
/* The log document, borrowed until the next append. */
struct ee_bytes ee_event_log_bytes(const struct ee_event_log *log);

#endif
