/* SPDX-License-Identifier: Apache-2.0 */
/* How the control plane ends in order, and what else signals mean. */
#include <signal.h>

#include "control/anchor.h"
#include "control/api_server.h"
#include "control/certificates.h"
#include "control/collateral.h"
#include "control/control.h"
#include "control/gateway.h"
#include "control/session.h"
#include "control/state.h"
#include "control/unseal.h"
#include "io/log.h"

#include "base/banned.h"

enum { LOOK_MS = 20 };

static bool busy(struct ee_control *control)
{
    return control->call_count > 0 || ee_gateway_busy(control->gateway) > 0 || !control->lingered ||
           ee_handover_pending(control->handover);
}

static void stop_when_idle(void *context)
{
    struct ee_control *control = context;
    const uint64_t now_us = ee_loop_now_us(control->loop);
    if (!control->lingered && now_us >= control->linger_until_us) {
        control->lingered = true;
        ee_gateway_drain(control->gateway);
    }
    if (busy(control) && now_us < control->drain_until_us)
        return;
    EE_LOG(EE_LOG_INFO, "control", "stopped",
           ee_log_unsigned("cut_off", ee_gateway_busy(control->gateway)));
    ee_session_close_all(control);
    ee_loop_stop(control->loop);
}

void ee_control_begin_stop(struct ee_control *control, uint64_t linger_ms)
{
    const uint64_t now_us = ee_loop_now_us(control->loop);
    EE_LOG(EE_LOG_INFO, "control", "stopping", ee_log_unsigned("calls", control->call_count),
           ee_log_unsigned("streams", ee_gateway_busy(control->gateway)));
    control->stopping = true;
    control->drain_until_us = now_us + (uint64_t)EE_CONTROL_DRAIN_MS * 1000;
    control->linger_until_us = now_us + linger_ms * 1000;
    ee_api_server_drain(control->api);
    ee_gateway_retire(control->gateway);
    if (!ee_handover_pending(control->handover))
        ee_session_goaway_all(control);
    ee_timer_start(control->drain, 1, LOOK_MS);
}

/* The second time it ends at once. */
static void on_terminate(void *context)
{
    struct ee_control *control = context;
    if (control->locked && !control->stopping) {
        control->stopping = true; /* the start sees it */
        ee_unseal_stop(control);
    } else if (!control->locked && control->stopping) {
        control->drain_until_us = 0;
    } else if (!control->locked) {
        ee_control_begin_stop(control, 0);
    }
}

static void on_hangup(void *context)
{
    struct ee_control *control = context;
    if (control->certificates != NULL)
        (void)!ee_certificates_reload(control->certificates); /* it has said what came of it */
    if (control->locked)
        return; /* nothing judges by collateral yet */
    enum ee_err err = ee_anchor_recover(control);
    if (err != EE_OK && err != EE_STATE)
        EE_LOG(EE_LOG_ERROR, "control", "the recovery was not written", ee_log_err(err));
    (void)!ee_control_collateral_reload(control); /* it has said what came of it */
}

enum ee_err ee_control_watch_signals(struct ee_control *control)
{
    if (control->drain != NULL)
        return EE_OK; /* since it was locked */
    EE_TRY(ee_timer_new(control->loop, stop_when_idle, control, &control->drain));
    EE_TRY(ee_loop_on_signal(control->loop, SIGTERM, on_terminate, control));
    EE_TRY(ee_loop_on_signal(control->loop, SIGINT, on_terminate, control));
    return ee_loop_on_signal(control->loop, SIGHUP, on_hangup, control);
}
