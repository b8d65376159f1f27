/* SPDX-License-Identifier: Apache-2.0 */
#include "control/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "control/acme_http.h"
#include "control/api.h"
#include "control/api_server.h"
#include "control/gateway.h"
#include "control/owing.h"
#include "control/scheduler.h"
#include "control/session.h"
#include "control/state.h"
#include "control/unseal.h"
#include "control/vault.h"
#include "io/log.h"
#include "io/pass.h"

#include "base/banned.h"

static const char socket_name[] = "handover.sock";
static const char label[] = "ee-handover";
enum { LABEL_VERSION = 1, FIRST_FD = 3, STEP_MS = 5, CALLS_MS = 3000, MESSAGE_SIZE = 512 };
static const char *const names[] = {"api", "gateway", "http", "acme"};
enum { NAMES = sizeof names / sizeof names[0] };

struct ee_handover {
    struct ee_control *control;
    struct ee_pass_listener *listener;
    struct ee_timer *timer;
    int peer;       /* the successor; -1: none asked */
    int fds[NAMES]; /* -1: no such listener */
    uint64_t since_us;
    bool flushed, done;
};

/* ---- the side that starts ---- */

static bool name_known(const char *name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static enum ee_err add(struct ee_inheritance *out, const char *name, size_t size, int fd)
{
    char text[EE_HANDOVER_NAME_SIZE];
    if (out->count == EE_HANDOVER_SOCKETS_MAX || size >= sizeof text || fd <= 0)
        return EE_RANGE;
    memcpy(text, name, size);
    text[size] = '\0';
    if (!name_known(text))
        return EE_RANGE;
    memcpy(out->sockets[out->count].name, text, sizeof text);
    out->sockets[out->count++].fd = fd;
    return EE_OK;
}

enum ee_err ee_inheritance_listen(struct ee_inheritance *out)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"),
               *list = getenv("LISTEN_FDNAMES");
    uint64_t ours, fds;
    struct ee_inheritance found = {0};
    if (pid == NULL || count == NULL || ee_u64_parse(pid, &ours) != EE_OK ||
        ours != (uint64_t)getpid())
        return EE_OK;
    if (ee_u64_parse(count, &fds) != EE_OK || fds > EE_HANDOVER_SOCKETS_MAX)
        return EE_RANGE;
    for (uint64_t i = 0; i < fds; i++) {
        size_t size = list != NULL ? strcspn(list, ":") : 0;
        EE_TRY(add(&found, list != NULL ? list : "", size, FIRST_FD + (int)i));
        (void)fcntl(FIRST_FD + (int)i, F_SETFD, FD_CLOEXEC);
        list += size + (list[size] == ':');
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    *out = found;
    return EE_OK;
}

static enum ee_err message_read(struct ee_bytes bytes, const int *fds, size_t fd_count,
                                struct ee_inheritance *out)
{
    struct ee_cursor c;
    uint8_t key[EE_DATA_KEY_SIZE];
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, label, LABEL_VERSION);
    size_t count = ee_cursor_u8(&c);
    if (c.err == EE_OK && count != fd_count)
        return EE_SYNTAX;
    for (size_t i = 0; i < count && c.err == EE_OK; i++) {
        char name[EE_HANDOVER_NAME_SIZE];
        ee_cursor_text(&c, name, sizeof name);
        if (c.err == EE_OK)
            EE_TRY(add(out, name, strlen(name), fds[i]));
    }
    out->size = ee_cursor_u64(&c);
    ee_cursor_copy(&c, out->root, sizeof out->root);
    out->has_key = ee_cursor_u8(&c) == 1;
    ee_cursor_copy(&c, key, sizeof key);
    EE_TRY(ee_cursor_end(&c));
    memcpy(out->key.key, key, sizeof key); /* its id is computed by who uses it */
    ee_wipe(key, sizeof key);
    out->from_process = true;
    return EE_OK;
}

enum ee_err ee_inheritance_ask(const char *state, struct ee_inheritance *out)
{
    uint8_t message[MESSAGE_SIZE];
    int fd, fds[EE_PASS_FDS_MAX];
    size_t size, count;
    struct ee_inheritance got = {0};
    enum ee_err err = ee_pass_connect(state, socket_name, &fd);
    if (err != EE_OK)
        return err == EE_NOT_FOUND ? EE_OK : err;
    err = ee_pass_receive(fd, EE_HANDOVER_ASK_MS, message, sizeof message, &size, fds, &count);
    (void)close(fd);
    EE_TRY(err);
    err = message_read(ee_bytes_of(message, size), fds, count, &got);
    ee_wipe(message, sizeof message);
    if (err != EE_OK) {
        for (size_t i = 0; i < count; i++)
            (void)close(fds[i]);
        ee_wipe(&got, sizeof got);
        return err;
    }
    *out = got;
    return EE_OK;
}

int ee_inheritance_take(struct ee_inheritance *inheritance, const char *name)
{
    for (size_t i = 0; i < inheritance->count; i++) {
        int fd = inheritance->sockets[i].fd;
        if (strcmp(inheritance->sockets[i].name, name) != 0 || fd == 0)
            continue;
        inheritance->sockets[i].fd = 0;
        return fd;
    }
    return 0;
}

void ee_inheritance_close(struct ee_inheritance *inheritance)
{
    for (size_t i = 0; i < inheritance->count; i++)
        if (inheritance->sockets[i].fd > 0)
            (void)close(inheritance->sockets[i].fd);
    inheritance->count = 0;
    inheritance->has_key = false;
    ee_wipe(&inheritance->key, sizeof inheritance->key);
}

/* ---- the side that runs ---- */

static void sockets_keep(struct ee_handover *h)
{
    const struct ee_control *control = h->control;
    const int open[NAMES] = {
        ee_api_server_socket(control->api), ee_gateway_socket(control->gateway, true),
        ee_gateway_socket(control->gateway, false), ee_acme_http_socket(control->acme)};
    for (size_t i = 0; i < NAMES; i++)
        h->fds[i] = open[i] >= 0 ? fcntl(open[i], F_DUPFD_CLOEXEC, 0) : -1;
}

static enum ee_err message_write(struct ee_handover *h, struct ee_writer *w,
                                 int fds[EE_PASS_FDS_MAX], size_t *count_out)
{
    struct ee_control *control = h->control;
    struct ee_tlog_hash root;
    struct ee_data_key key = {0};
    const uint64_t size = ee_sequencer_durable_seq(control->sequencer);
    size_t count = 0;
    EE_TRY(ee_tlog_root(ee_sequencer_tlog(control->sequencer), size, &root));
    for (size_t i = 0; i < NAMES; i++)
        count += h->fds[i] >= 0;
    ee_writer_label(w, label, LABEL_VERSION);
    ee_writer_u8(w, (uint8_t)count);
    *count_out = 0;
    for (size_t i = 0; i < NAMES; i++) {
        if (h->fds[i] < 0)
            continue;
        ee_writer_text(w, names[i]);
        fds[(*count_out)++] = h->fds[i];
    }
    ee_writer_u64(w, size);
    ee_writer_bytes(w, root.bytes, sizeof root.bytes);
    const bool with_key =
        control->unseal != NULL && ee_vault_current(control->vault, &key) == EE_OK;
    ee_writer_u8(w, with_key);
    ee_writer_bytes(w, key.key, sizeof key.key);
    ee_wipe(&key, sizeof key);
    return EE_OK;
}

static void peer_drop(struct ee_handover *h)
{
    for (size_t i = 0; i < NAMES; i++)
        if (h->fds[i] >= 0)
            (void)close(h->fds[i]);
    for (size_t i = 0; i < NAMES; i++)
        h->fds[i] = -1;
    if (h->peer >= 0)
        (void)close(h->peer);
    h->peer = -1;
}

/* Nothing that writes or reads the journal is left; what streams goes on. */
static void let_go(struct ee_handover *h)
{
    struct ee_control *control = h->control;
    uint8_t message[MESSAGE_SIZE];
    struct ee_writer w;
    int fds[EE_PASS_FDS_MAX];
    size_t count = 0;
    ee_writer_init(&w, message, sizeof message);
    enum ee_err err = message_write(h, &w, fds, &count);
    h->done = true;
    ee_session_retire_all(control);
    ee_api_server_free(control->api);
    control->api = NULL;
    ee_api_shutdown(control);
    ee_scheduler_free(control->scheduler);
    control->scheduler = NULL;
    ee_owing_free(control->owing);
    control->owing = NULL;
    ee_timer_free(control->retention);
    control->retention = NULL;
    ee_sequencer_retire(control->sequencer);
    ee_journal_close(control->journal);
    control->journal = NULL;
    ee_file_unlock(control->lock);
    control->lock = -1;
    if (err == EE_OK)
        err = ee_pass_send(h->peer, ee_writer_done(&w), fds, count);
    ee_wipe(message, sizeof message);
    EE_LOG(err == EE_OK ? EE_LOG_INFO : EE_LOG_ERROR, "handover",
           err == EE_OK ? "handed over; what streams may finish" : "the successor went away",
           ee_log_unsigned("streams", ee_gateway_busy(control->gateway)), ee_log_err(err));
    peer_drop(h);
    ee_session_goaway_all(control);
}

static void on_durable(void *context)
{
    struct ee_handover *h = context;
    h->flushed = true;
}

static void on_step(void *context)
{
    struct ee_handover *h = context;
    struct ee_control *control = h->control;
    const uint64_t waited_us = ee_loop_now_us(control->loop) - h->since_us;
    if (h->flushed) {
        ee_timer_stop(h->timer);
        let_go(h);
        return;
    }
    if (control->call_count > 0 && waited_us < (uint64_t)CALLS_MS * 1000)
        return;
    ee_sequencer_refuse(control->sequencer, EE_CLOSED);
    if (ee_sequencer_after_durable(control->sequencer, on_durable, h) != EE_OK)
        h->flushed = true; /* lost; there is nothing to wait for */
}

static void on_peer(void *context, int fd)
{
    struct ee_handover *h = context;
    struct ee_control *control = h->control;
    if (control->stopping || control->locked || control->anchoring || h->peer >= 0) {
        EE_LOG(EE_LOG_WARN, "handover", "a successor asked while this is not possible");
        (void)close(fd);
        return;
    }
    EE_LOG(EE_LOG_INFO, "handover", "a successor asks for the sockets");
    h->peer = fd;
    h->since_us = ee_loop_now_us(control->loop);
    sockets_keep(h);
    ee_control_begin_stop(control, EE_HANDOVER_LINGER_MS);
    ee_timer_start(h->timer, STEP_MS, STEP_MS);
}

enum ee_err ee_handover_new(struct ee_control *control, struct ee_handover **out)
{
    struct ee_handover *h = calloc(1, sizeof *h);
    if (h == NULL)
        return EE_NO_MEMORY;
    h->control = control;
    h->peer = -1;
    for (size_t i = 0; i < NAMES; i++)
        h->fds[i] = -1;
    enum ee_err err = ee_timer_new(control->loop, on_step, h, &h->timer);
    if (err == EE_OK)
        err = ee_pass_listen(control->loop, control->state_folder, socket_name, on_peer, h,
                             &h->listener);
    if (err != EE_OK) {
        ee_handover_free(h);
        return err;
    }
    *out = h;
    return EE_OK;
}

bool ee_handover_pending(const struct ee_handover *h)
{
    return h != NULL && h->peer >= 0;
}

bool ee_handover_done(const struct ee_handover *h)
{
    return h != NULL && h->done;
}

void ee_handover_free(struct ee_handover *h)
{
    if (h == NULL)
        return;
    if (h->peer >= 0 && h->control->sequencer != NULL)
        ee_sequencer_forget(h->control->sequencer, h);
    peer_drop(h);
    ee_pass_listener_free(h->listener);
    ee_timer_free(h->timer);
    free(h);
}
