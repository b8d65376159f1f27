/* SPDX-License-Identifier: Apache-2.0 */
/* Event logs: what extended the run-time registers (RTMR0 to RTMR3) of a TD, replayed and compared
 * with a quote. Three forms: TCG2 as firmware writes it into the CCEL area (TCG PC Client Platform
 * Firmware Profile section 10; UEFI specification section 38), the JSON list of dstack guests, and
 * the log of our own agent (attest/agent_log.h). docs/spec/event-log.md.
 *
 * A log is not signed. That it replays to the registers of a verified quote proves its digests;
 * data is proven only where the digest covers it (EE_EVENT_DATA_CHECKED), and what an event is
 * called (its type, a prefix, the order of registers) only where that is in the digest too: in our
 * agent's log and in RTMR3 of a dstack log.
 *
 * Pull style, no allocation:
 *
 *     ee_eventlog_open(&log, crypto, kind, bytes, scratch, scratch_size);
 *     while (ee_eventlog_next(&log, &event))
 *         ... ee_eventlog_fact(&log, &event, &fact) ...
 *     ee_eventlog_match(&log, &td, &finding);  // before anything that was seen is believed
 */
#ifndef EE_ATTEST_EVENTLOG_H
#define EE_ATTEST_EVENTLOG_H

#include <stdbool.h>

#include "attest/json.h"
#include "attest/quote.h"
#include "attest/reason.h"
#include "base/bytes.h"
#include "base/crypto.h"

enum ee_eventlog_kind {
    EE_EVENTLOG_TCG2 = 1, /* bytes of /sys/firmware/acpi/tables/data/CCEL */
    EE_EVENTLOG_DSTACK,   /* [{"imr","event_type","digest","event","event_payload"},...] */
    EE_EVENTLOG_AGENT,    /* attest/agent_log.h */
};

enum {
    EE_EVENTLOG_TCG2_MAX = 1024 * 1024, /* CCEL areas are 64 KiB to 1 MiB */
    EE_EVENTLOG_DSTACK_MAX = 512 * 1024,
    EE_EVENTLOG_AGENT_MAX = 64 * 1024,
    EE_EVENTLOG_EVENTS_MAX = 4096,
    EE_EVENTLOG_ALGORITHMS_MAX = 8, /* declared by one TCG2 log; SHA-384 is the only one used */
    EE_EVENTLOG_NO_RTMR = 0xff,
};

enum ee_event_status {
    EE_EVENT_NOT_MEASURED, /* in no register of this TD: nothing of it is proven */
    EE_EVENT_DIGEST_ONLY,  /* its digest is in the register; its data is free text */
    EE_EVENT_DATA_CHECKED, /* its digest is in the register and is of `content` */
};

/* One event. All bytes are borrowed from the log or its scratch memory. */
struct ee_measured_event {
    uint32_t index; /* from 0, in the log */
    uint8_t rtmr;   /* 0 to 3, or EE_EVENTLOG_NO_RTMR */
    uint32_t type;  /* TCG event type, dstack's, or enum ee_agent_event_kind */
    uint8_t digest[EE_SHA384_SIZE];
    struct ee_bytes name; /* of a dstack event; else empty */
    struct ee_bytes data; /* as logged */
    enum ee_event_status status;
    struct ee_bytes content; /* the bytes of `data` the digest covers; empty unless DATA_CHECKED */
};

/* The caller's, about 3 KB. Fields are read, never set, from outside. */
struct ee_eventlog {
    const struct ee_crypto *crypto;
    enum ee_eventlog_kind kind;
    struct ee_finding failure; /* reason NONE while all is well */
    uint32_t event_count;
    bool ended;
    uint8_t rtmr[EE_RTMR_COUNT][EE_SHA384_SIZE]; /* replayed so far */
    uint32_t rtmr_events[EE_RTMR_COUNT];
    bool separated[EE_RTMR_COUNT]; /* a separator was seen, by type or digest: firmware
                                      handed over */
    bool runtime;                  /* dstack: system-ready was seen; what follows is the app's */
    /* agent */
    uint64_t first_sequence; /* above 0: earlier events are not shown */
    bool complete;           /* from the start of the TD, nothing left out */
    /* reading */
    struct ee_cursor cursor;
    struct ee_json json;
    uint8_t *scratch;
    size_t scratch_size, scratch_used;
    size_t algorithm_count;
    struct {
        uint16_t id, size;
    } algorithms[EE_EVENTLOG_ALGORITHMS_MAX];
};

/* "CCEL", "dstack", "agent". */
const char *ee_eventlog_kind_name(enum ee_eventlog_kind kind);
const char *ee_event_status_name(enum ee_event_status status); /* "digest-only", ... */
/* Of which kind these bytes are by their first ones; 0 for none. */
enum ee_eventlog_kind ee_eventlog_kind_of(struct ee_bytes bytes);

/* Starts reading. `bytes` are borrowed until the end. A dstack log needs `scratch` of at least
 * bytes.size, borrowed as long as its events; the others none. EE_REASON_EVENTLOG_TOO_LARGE,
 * _HEADER, _SYNTAX, _TRUNCATED, _ALGORITHM, ...; the same in log->failure. */
EE_MUST_USE enum ee_reason ee_eventlog_open(struct ee_eventlog *log, const struct ee_crypto *crypto,
                                            enum ee_eventlog_kind kind, struct ee_bytes bytes,
                                            uint8_t *scratch, size_t scratch_size);
/* The next event, replayed into log->rtmr; false at the end or at a failure. */
bool ee_eventlog_next(struct ee_eventlog *log, struct ee_measured_event *event_out);
/* Registers that a log of this kind has to explain, as bits: RTMR0 to 2 for TCG2; 3, and those with
 * events, for dstack; 3 for the agent's. Known once the log is read. */
uint32_t ee_eventlog_registers(const struct ee_eventlog *log);
/* Reads what is left, then compares these registers with the quote's. log->failure, or
 * EE_REASON_EVENTLOG_MISMATCH. `finding_out` may be NULL. */
EE_MUST_USE enum ee_reason ee_eventlog_match(struct ee_eventlog *log, const struct ee_td_report *td,
                                             struct ee_finding *finding_out);

enum ee_fact_kind {
    EE_FACT_TEXT,   /* printable or UTF-8, not checked to be */
    EE_FACT_BYTES,  /* short: shown in hex */
    EE_FACT_BLOB,   /* shown as size and digest */
    EE_FACT_SWITCH, /* one byte, 0 or 1; empty: not set */
    EE_FACT_DIGEST, /* the event's digest itself */
};

/* Something useful an event says. `name` is "secure_boot", "kernel_cmdline", "efi_image", ... or a
 * dstack event's own name: docs/spec/event-log.md, "Facts". */
struct ee_event_fact {
    struct ee_bytes name;
    enum ee_fact_kind kind;
    struct ee_bytes value;
    enum ee_event_status status; /* DATA_CHECKED, or DIGEST_ONLY for EE_FACT_DIGEST */
    bool named_by_log;           /* that the value is what `name` says is the log's word alone */
    bool from_app;               /* dstack: said by the app after the system was ready */
};

/* What the event just read says, if anything: data only of checked events and of the register that
 * it belongs to; firmware variables only before firmware handed over; a name dstack itself measures
 * only before the system was ready. */
bool ee_eventlog_fact(const struct ee_eventlog *log, const struct ee_measured_event *event,
                      struct ee_event_fact *fact_out);

/* RTMR = SHA-384(RTMR || digest). */
void ee_eventlog_extend(const struct ee_crypto *crypto, uint8_t rtmr[EE_SHA384_SIZE],
                        const uint8_t digest[EE_SHA384_SIZE]);

#endif
