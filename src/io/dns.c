/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dns.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ares.h>
#include <arpa/nameser.h>
#include <uv.h>

#include "base/banned.h"

enum { TICK_MS = 100 };

/* A socket of the library, watched. */
struct watch {
    uv_poll_t poll;
    ares_socket_t socket;
    struct ee_dns *dns;
    struct watch *next;
};

struct query {
    struct ee_dns *dns;
    ee_dns_fn fn;
    void *context;
    /* The answer, until the end of the iteration. */
    struct ee_deferred later;
    enum ee_err err;
    size_t count;
    char (*texts)[EE_DNS_TEXT_SIZE];
    struct query *next, *previous;
};

struct ee_dns {
    struct ee_loop *loop;
    ares_channel channel;
    struct watch *watches;
    struct query *queries;
    struct ee_timer *timer;
    bool ending;
};

/* ---- sockets ---- */

static void on_ready(uv_poll_t *poll, int status, int events)
{
    const struct watch *watch = poll->data;
    struct ee_dns *dns = watch->dns;
    const ares_socket_t socket = watch->socket;
    const bool broken = status < 0;
    ares_process_fd(dns->channel, broken || (events & UV_READABLE) ? socket : ARES_SOCKET_BAD,
                    broken || (events & UV_WRITABLE) ? socket : ARES_SOCKET_BAD);
}

static void poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void watch_end(struct ee_dns *dns, ares_socket_t socket)
{
    for (struct watch **at = &dns->watches; *at; at = &(*at)->next) {
        struct watch *watch = *at;
        if (watch->socket != socket)
            continue;
        *at = watch->next;
        uv_poll_stop(&watch->poll);
        uv_close((uv_handle_t *)&watch->poll, poll_closed);
        return;
    }
}

static struct watch *watch_of(struct ee_dns *dns, ares_socket_t socket)
{
    for (struct watch *watch = dns->watches; watch; watch = watch->next)
        if (watch->socket == socket)
            return watch;
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch || uv_poll_init_socket(ee_loop_uv(dns->loop), &watch->poll, socket) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->socket = socket;
    watch->dns = dns;
    watch->next = dns->watches;
    dns->watches = watch;
    return watch;
}

static void on_socket_state(void *data, ares_socket_t socket, int readable, int writable)
{
    struct ee_dns *dns = data;
    if (!readable && !writable) {
        watch_end(dns, socket);
        return;
    }
    struct watch *watch = watch_of(dns, socket);
    if (watch) /* without, the query ends by its timeout */
        uv_poll_start(&watch->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                      on_ready);
}

static void on_tick(void *context)
{
    struct ee_dns *dns = context;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (!dns->queries)
        ee_timer_stop(dns->timer);
}

/* ---- answers ---- */

static void query_free(struct query *query)
{
    if (query->next)
        query->next->previous = query->previous;
    if (query->previous)
        query->previous->next = query->next;
    else
        query->dns->queries = query->next;
    free(query->texts);
    free(query);
}

static void deliver(void *context)
{
    struct query *query = context;
    query->fn(query->context, query->err, (const char(*)[EE_DNS_TEXT_SIZE])query->texts,
              query->count);
    query_free(query);
}

/* Strings of one record follow one another; the first of a record is marked. */
static void texts_take(struct query *query, const struct ares_txt_ext *list)
{
    bool bad = true;
    for (; list; list = list->next) {
        if (list->record_start) {
            if (query->count == EE_DNS_TEXTS_MAX)
                return;
            bad = false;
            query->texts[query->count++][0] = '\0';
        }
        if (bad || query->count == 0)
            continue;
        char *text = query->texts[query->count - 1];
        const size_t used = strlen(text);
        if (memchr(list->txt, 0, list->length) || used + list->length >= EE_DNS_TEXT_SIZE) {
            bad = true;
            query->count--;
            continue;
        }
        memcpy(text + used, list->txt, list->length);
        text[used + list->length] = '\0';
    }
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *answer, int size)
{
    struct query *query = arg;
    struct ares_txt_ext *list = NULL;
    (void)timeouts;
    if (query->dns->ending)
        return; /* freed by the end */
    if (status == ARES_SUCCESS)
        status = ares_parse_txt_reply_ext(answer, size, &list);
    query->err = status == ARES_SUCCESS                               ? EE_OK
                 : status == ARES_ENOTFOUND || status == ARES_ENODATA ? EE_NOT_FOUND
                                                                      : EE_DNS;
    if (query->err == EE_OK)
        texts_take(query, list);
    ares_free_data(list);
    ee_loop_defer(query->dns->loop, &query->later);
}

enum ee_err ee_dns_txt(struct ee_dns *dns, const char *name, ee_dns_fn fn, void *context)
{
    struct query *query = calloc(1, sizeof(*query));
    char(*texts)[EE_DNS_TEXT_SIZE] = calloc(EE_DNS_TEXTS_MAX, sizeof(*texts));
    if (!query || !texts) {
        free(query);
        free(texts);
        return EE_NO_MEMORY;
    }
    *query = (struct query){.dns = dns, .fn = fn, .context = context, .texts = texts};
    query->later = (struct ee_deferred){.fn = deliver, .context = query};
    query->next = dns->queries;
    if (query->next)
        query->next->previous = query;
    dns->queries = query;
    if (!ee_timer_active(dns->timer))
        ee_timer_start(dns->timer, TICK_MS, TICK_MS);
    ares_query(dns->channel, name, ns_c_in, ns_t_txt, on_answer, query);
    return EE_OK;
}

/* ---- the whole ---- */

enum ee_err ee_dns_new(struct ee_loop *loop, const char *servers, struct ee_dns **out)
{
    struct ee_dns *dns = calloc(1, sizeof(*dns));
    if (!dns)
        return EE_NO_MEMORY;
    dns->loop = loop;
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                                   .timeout = EE_DNS_TIMEOUT_MS,
                                   .tries = EE_DNS_TRIES,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = dns};
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&dns->channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                              ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) {
        free(dns);
        return EE_NO_MEMORY;
    }
    enum ee_err err = ee_timer_new(loop, on_tick, dns, &dns->timer);
    if (err == EE_OK && servers &&
        ares_set_servers_ports_csv(dns->channel, servers) != ARES_SUCCESS)
        err = EE_SYNTAX;
    if (err != EE_OK) {
        ee_dns_free(dns);
        return err;
    }
    *out = dns;
    return EE_OK;
}

void ee_dns_free(struct ee_dns *dns)
{
    if (!dns)
        return;
    dns->ending = true;
    ares_destroy(dns->channel); /* tells every query and closes every socket */
    while (dns->queries) {
        ee_loop_defer_cancel(&dns->queries->later);
        query_free(dns->queries);
    }
    while (dns->watches)
        watch_end(dns, dns->watches->socket);
    ee_timer_free(dns->timer);
    ares_library_cleanup();
    free(dns);
}
