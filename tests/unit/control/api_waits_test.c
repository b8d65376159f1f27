/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait: how many, when they end, and that nobody waits behind them. */
#include "base/text.h"
#include "control/api.h"

#include <string.h>

#include "parts_fixture.h"
#include "tap.h"

#include "base/banned.h"

#define KEY_OF(c) "eek_" c c c "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char alices[] = KEY_OF("l");
static const char operators[] = KEY_OF("o");

struct client {
    struct ee_api_call *call; /* NULL: answered */
    unsigned answers;
    uint16_t status;
};

static void answered(void *context, const struct ee_api_answer *answer)
{
    struct client *client = context;
    client->call = NULL;
    client->answers++;
    client->status = answer->status;
}

static void ask(struct parts *p, const char *target, const char *key, struct client *client)
{
    char authorization[128];
    (void)snprintf(authorization, sizeof(authorization), "Bearer %s", key != NULL ? key : "");
    const struct ee_api_request request = {.method = ee_bytes_str("GET"),
                                           .target = ee_bytes_str(target),
                                           .authorization = ee_bytes_str(authorization)};
    *client = (struct client){0};
    client->call = ee_api_begin(p->control, &request, answered, client);
}

static bool add_key(struct parts *p, const char *account, const char *key)
{
    uint8_t payload[512];
    struct ee_writer w;
    struct ee_key_create create = {.scopes = EE_SCOPE_ALL};
    const struct ee_bytes text = ee_bytes_str(key);
    ee_crypto_openssl.sha256(&text, 1, create.key_hash);
    create.expires_s = ee_sequencer_time_us(p->f->sequencer) / 1000000 + 86400;
    memcpy(create.label, "test", 5);
    ee_writer_init(&w, payload, sizeof(payload));
    return ee_key_create_encode(&create, &w) == EE_OK &&
           parts_submit(p, EE_ACTOR_ACCOUNT, account, EE_COMMAND_KEY_CREATE, &w) == EE_OK;
}

/* Targets that look at a starting lease of alice on node-1, of op. */
static void open_network(struct parts *p, char at_once[128], char waiting[128])
{
    char id[2 * EE_ID_SIZE + 1];
    parts_init(p);
    parts_session(p, EE_SESSION_ADMITTED, 1);
    if (parts_admit(p, 1) != EE_OK || !add_key(p, "alice", alices) || !add_key(p, "op", operators))
        abort();
    const struct ee_lease *lease = parts_start(p, "job");
    if (lease == NULL)
        abort();
    (void)snprintf(at_once, 128, "/v1/leases/%s", ee_hex_encode(lease->id, EE_ID_SIZE, id));
    (void)snprintf(waiting, 128, "%s?wait=30&state=starting", at_once);
}

static void close_network(struct parts *p)
{
    ee_api_shutdown(p->control);
    parts_close(p);
}

static void account_with_all_its_waits_is_refused_others_are_not(void)
{
    struct parts p;
    char at_once[128], waiting[128];
    struct client clients[EE_API_WAITS_PER_ACCOUNT_MAX], client;
    open_network(&p, at_once, waiting);
    for (unsigned i = 0; i < EE_API_WAITS_PER_ACCOUNT_MAX; i++) {
        ask(&p, waiting, alices, &clients[i]);
        CHECK(clients[i].call != NULL);
    }
    ask(&p, waiting, alices, &client);
    CHECK(client.call == NULL && client.status == 503);
    ask(&p, at_once, alices, &client);
    CHECK(client.call == NULL && client.status == 200);
    ask(&p, waiting, operators, &client);
    CHECK(client.call != NULL && client.answers == 0);
    close_network(&p);
}

static void cancelled_wait_gives_its_place_back_at_once(void)
{
    struct parts p;
    char at_once[128], waiting[128];
    struct client clients[EE_API_WAITS_PER_ACCOUNT_MAX], client;
    open_network(&p, at_once, waiting);
    for (unsigned i = 0; i < EE_API_WAITS_PER_ACCOUNT_MAX; i++)
        ask(&p, waiting, alices, &clients[i]);
    CHECK(p.control->call_count == EE_API_WAITS_PER_ACCOUNT_MAX);
    REQUIRE(clients[3].call != NULL);
    ee_api_cancel(clients[3].call);
    CHECK(p.control->call_count == EE_API_WAITS_PER_ACCOUNT_MAX - 1);
    ask(&p, waiting, alices, &client);
    CHECK(client.call != NULL);
    CHECK(clients[3].answers == 0);
    close_network(&p);
}

static void all_waits_together_leave_room_for_short_requests(void)
{
    struct parts p;
    char at_once[128], waiting[128];
    struct client client;
    static struct ee_api_call others[EE_API_WAITS_MAX]; /* of as many accounts */
    open_network(&p, at_once, waiting);
    for (unsigned i = 0; i < EE_API_WAITS_MAX; i++) {
        others[i] = (struct ee_api_call){.waits = true, .next = p.control->calls};
        (void)snprintf(others[i].account, sizeof(others[i].account), "other-%u", i);
        p.control->calls = &others[i];
    }
    ask(&p, waiting, alices, &client);
    CHECK(client.call == NULL && client.status == 503);
    ask(&p, at_once, alices, &client);
    CHECK(client.call == NULL && client.status == 200);
    p.control->calls = NULL;
    close_network(&p);
}

static void health_is_told_with_every_place_taken(void)
{
    struct parts p;
    char at_once[128], waiting[128];
    struct client client;
    open_network(&p, at_once, waiting);
    size_t before = p.control->call_count;
    p.control->call_count = EE_CONTROL_CALLS_MAX;
    ask(&p, at_once, alices, &client);
    CHECK(client.call == NULL && client.status == 503);
    ask(&p, "/healthz", NULL, &client);
    CHECK(client.call == NULL && client.status == 200);
    ask(&p, "/readyz", NULL, &client);
    CHECK(client.call == NULL && client.status == 200);
    CHECK(p.control->call_count == EE_CONTROL_CALLS_MAX);
    p.control->call_count = before;
    close_network(&p);
}

int main(void)
{
    const struct tap_test tests[] = {
        TEST(account_with_all_its_waits_is_refused_others_are_not),
        TEST(cancelled_wait_gives_its_place_back_at_once),
        TEST(all_waits_together_leave_room_for_short_requests),
        TEST(health_is_told_with_every_place_taken),
    };
    return tap_run(tests, sizeof tests / sizeof tests[0]);
}
