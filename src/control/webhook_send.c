/* SPDX-License-Identifier: Apache-2.0 */
#include "control/webhook_send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/webhook_url.h"
#include "io/address.h"
#include "io/resolve.h"
#include "link/http_client.h"

#include "base/banned.h"

enum { HEADER_SIZE = 128, SIGNATURE_SIZE = 160, TARGET_SIZE = 256 };

struct ee_webhook_sending {
    struct ee_loop *loop;
    struct ee_tls *tls;
    ee_webhook_sent_fn fn;
    void *context;
    struct ee_webhook_url url;
    char target[TARGET_SIZE], id[HEADER_SIZE], timestamp[HEADER_SIZE], signature[SIGNATURE_SIZE];
    bool loopback;
    uint8_t *body;
    size_t body_size;
    struct ee_timer *timer;
    struct ee_resolve *resolve;
    struct ee_http_client *client;
    uint16_t status;
    size_t answered; /* bytes */
    enum ee_err err;
    struct ee_deferred over;
};

static void sending_free(struct ee_webhook_sending *s)
{
    ee_loop_defer_cancel(&s->over);
    ee_resolve_cancel(s->resolve);
    ee_http_client_free(s->client);
    ee_timer_free(s->timer);
    free(s->body);
    free(s);
}

static void on_over(void *context)
{
    struct ee_webhook_sending *s = context;
    ee_webhook_sent_fn fn = s->fn;
    void *owner = s->context;
    enum ee_err err = s->status != 0 ? EE_OK : s->err;
    uint16_t status = s->status;
    sending_free(s);
    fn(owner, err, status);
}

/* Later, outside every callback of the parts. */
static void over(struct ee_webhook_sending *s, enum ee_err err)
{
    if (s->err == EE_OK)
        s->err = err;
    ee_loop_defer(s->loop, &s->over);
}

static void on_timeout(void *context)
{
    over(context, EE_TIMEOUT);
}

/* ---- the request ---- */

static enum ee_err head_make(const struct ee_webhook_sending *s, struct ee_http_head *head)
{
    char host[EE_WEBHOOK_HOST_MAX + 16];
    bool v6 = strchr(s->url.host, ':') != NULL, usual = s->url.port == (s->url.tls ? 443 : 80);
    int size = snprintf(host, sizeof host, v6 ? "[%s]" : "%s", s->url.host);
    if (!usual)
        (void)snprintf(host + size, sizeof host - (size_t)size, ":%u", (unsigned)s->url.port);
    EE_TRY(ee_http_head_request(head, ee_bytes_str("POST"), ee_bytes_str(s->target)));
    EE_TRY(ee_http_head_add_text(head, "Host", host));
    EE_TRY(ee_http_head_add_text(head, "User-Agent", "easyenclave-webhooks"));
    EE_TRY(ee_http_head_add_text(head, "Content-Type", "application/json"));
    EE_TRY(ee_http_head_add_text(head, "webhook-id", s->id));
    EE_TRY(ee_http_head_add_text(head, "webhook-timestamp", s->timestamp));
    return ee_http_head_add_text(head, "webhook-signature", s->signature);
}

static void on_open(void *context, struct ee_http_client *client)
{
    struct ee_webhook_sending *s = context;
    struct ee_http_head *head = malloc(sizeof *head);
    enum ee_err err = EE_NO_MEMORY;
    if (head != NULL) {
        ee_http_head_clear(head);
        err = head_make(s, head);
    }
    if (err == EE_OK)
        err = ee_http_client_send(client, head, ee_bytes_of(s->body, s->body_size));
    free(head);
    if (err != EE_OK)
        over(s, err);
}

static void on_head(void *context, struct ee_http_client *client, const struct ee_http_head *head)
{
    struct ee_webhook_sending *s = context;
    (void)client;
    s->status = head->status;
}

static void on_body(void *context, struct ee_http_client *client, struct ee_bytes bytes)
{
    struct ee_webhook_sending *s = context;
    (void)client;
    s->answered += bytes.size;
    if (s->answered > EE_WEBHOOK_ANSWER_MAX)
        over(s, EE_TOO_LARGE);
}

static void on_end(void *context, struct ee_http_client *client)
{
    (void)client;
    over(context, EE_OK);
}

static void on_closed(void *context, struct ee_http_client *client, enum ee_err err)
{
    struct ee_webhook_sending *s = context;
    (void)client;
    s->client = NULL; /* frees itself */
    over(s, err != EE_OK ? err : EE_CLOSED);
}

static const struct ee_http_client_events client_events = {
    .open = on_open, .head = on_head, .body = on_body, .end = on_end, .closed = on_closed};

/* ---- the way there ---- */

/* The first address that may be dialled. Others of the name are not tried: the next attempt asks
 * again. */
static const struct ee_address *choose(const struct ee_webhook_sending *s,
                                       const struct ee_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ee_address_is_public(&addresses[i]) ||
            (s->loopback && ee_address_is_loopback(&addresses[i])))
            return &addresses[i];
    return NULL;
}

static void on_resolved(void *context, enum ee_err err, const struct ee_address *addresses,
                        size_t count)
{
    struct ee_webhook_sending *s = context;
    char address[EE_ADDRESS_TEXT_SIZE];
    s->resolve = NULL;
    const struct ee_address *chosen = choose(s, addresses, count);
    if (err == EE_OK && chosen == NULL)
        err = EE_ADDRESS_REFUSED;
    if (err == EE_OK) {
        const struct ee_conn_connect_options options = {.address =
                                                            ee_address_format(chosen, address),
                                                        .tls = s->url.tls ? s->tls : NULL,
                                                        .server_name = s->url.host};
        err = ee_http_client_new(s->loop, &options, &client_events, s, &s->client);
    }
    if (err != EE_OK)
        over(s, err);
}

static enum ee_err copy_message(struct ee_webhook_sending *s,
                                const struct ee_webhook_message *message)
{
    EE_TRY(ee_webhook_url_parse(message->url, &s->url));
    (void)snprintf(s->target, sizeof s->target, "%s", s->url.target);
    s->url.target = s->target;
    (void)snprintf(s->id, sizeof s->id, "%s", message->id);
    (void)snprintf(s->timestamp, sizeof s->timestamp, "%s", message->timestamp);
    (void)snprintf(s->signature, sizeof s->signature, "%s", message->signature);
    s->loopback = message->loopback;
    s->body = malloc(message->body.size + 1);
    if (s->body == NULL)
        return EE_NO_MEMORY;
    memcpy(s->body, message->body.data, message->body.size);
    s->body_size = message->body.size;
    return EE_OK;
}

enum ee_err ee_webhook_send(struct ee_loop *loop, struct ee_tls *tls,
                            const struct ee_webhook_message *message, ee_webhook_sent_fn fn,
                            void *context, struct ee_webhook_sending **out)
{
    struct ee_webhook_sending *s = calloc(1, sizeof *s);
    if (s == NULL)
        return EE_NO_MEMORY;
    s->loop = loop;
    s->tls = tls;
    s->fn = fn;
    s->context = context;
    s->over = (struct ee_deferred){.fn = on_over, .context = s};
    enum ee_err err = copy_message(s, message);
    if (err == EE_OK)
        err = ee_timer_new(loop, on_timeout, s, &s->timer);
    if (err == EE_OK)
        err = ee_resolve_start(loop, s->url.host, s->url.port, on_resolved, s, &s->resolve);
    if (err != EE_OK) {
        sending_free(s);
        return err;
    }
    ee_timer_start(s->timer, EE_WEBHOOK_TIMEOUT_MS, 0);
    *out = s;
    return EE_OK;
}

void ee_webhook_send_cancel(struct ee_webhook_sending *s)
{
    if (s != NULL)
        sending_free(s);
}
