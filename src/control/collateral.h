/* SPDX-License-Identifier: Apache-2.0 */
/* The collateral by which the control plane judges: held sets (link/collateral_store.h), where new
 * ones come from (file at the start and on SIGHUP, API), who is told, and warnings before a set
 * runs out. docs/spec/collateral.md. Loop thread only. */
#ifndef EE_CONTROL_COLLATERAL_H
#define EE_CONTROL_COLLATERAL_H

#include <jansson.h>

#include "control/session.h"
#include "control/state.h"
#include "link/collateral_store.h"

enum {
    EE_CONTROL_COLLATERAL_WARN_DAYS = 7, /* unless the operator chooses */
    EE_CONTROL_COLLATERAL_WARN_DAYS_MAX = 365,
};

/* At the start, after the sequencer: opens STATE/collateral, takes what the file brings when it is
 * newer; ee_control_collateral_record() then records every held set in the journal, so that each
 * start says by what it judges. Errors of ee_collateral_store_new(), ee_file_read(); EE_SYNTAX: the
 * file is no collateral. A file that is older or does not prove is told in the log, and the start
 * goes on.
 */
EE_MUST_USE enum ee_err ee_control_collateral_open(struct ee_control *control);
/* Behind BOOT. Errors of ee_control_submit(). */
EE_MUST_USE enum ee_err ee_control_collateral_record(struct ee_control *control);
void ee_control_collateral_close(struct ee_control *control);
/* Reads the file again (SIGHUP). Without a file EE_OK. Errors of ee_file_read() and
 * ee_collateral_store_offer(), then what is held stays in use. */
EE_MUST_USE enum ee_err ee_control_collateral_reload(struct ee_control *control);

/* Payload of COLLATERAL for a set. Errors of the codec. */
EE_MUST_USE enum ee_err ee_control_collateral_encode(const struct ee_collateral_set *set,
                                                     struct ee_writer *out);
/* A journalled set comes into use: for every decision from now on, for agents, for warnings. The
 * set is taken over, also on failure. Errors of ee_collateral_store_keep(). */
EE_MUST_USE enum ee_err ee_control_collateral_use(struct ee_control *control,
                                                  struct ee_collateral_set *set);
/* The bytes to hand on with our own evidence; empty when there are none. */
struct ee_bytes ee_control_collateral_text(const struct ee_control *control, struct ee_bytes quote);
/* Sends an agent the set of its platform family, for its clients. */
void ee_control_collateral_tell(struct ee_session *session);

/* Could the node's agent not be judged now because our own collateral for it has run out? For a
 * node that has not attested since the start: has any? */
bool ee_control_collateral_ran_out(struct ee_control *control, const char *node);

/* Held sets: [{"kind","fmspc","hash","evaluation","issued_at","expires_at","state","days_left",
 * "simulated","parts":[...]}]. New. */
json_t *ee_control_collateral_json(struct ee_control *control);
json_t *ee_control_collateral_set_json(struct ee_control *control,
                                       const struct ee_collateral_set *set);
/* Sentences about sets that run out, have run out, or are missing: a list of strings. New. */
json_t *ee_control_collateral_warnings(struct ee_control *control);

#endif
