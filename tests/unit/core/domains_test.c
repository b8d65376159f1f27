/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/core/network.h"

#include <stdio.h>

#include "tap.h"

static struct network n;

/* Two apps, of alice and of bob. */
static void open_network(const struct ee_core_limits *limits)
{
    network_open(&n, EE_PROFILE_DEVELOPMENT, limits);
    network_populate(&n);
    static const char *const owners[] = {"alice", "bob"};
    for (size_t i = 0; i < 2; i++) {
        struct ee_lease_reserve app = {.workload = EE_WORKLOAD_APP,
                                       .vcpus = 1,
                                       .deployment = network_deployment(EE_WORKLOAD_APP, false)};
        (void)snprintf(app.name, sizeof(app.name), "%s-app", owners[i]);
        REQUIRE(NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, owners[i], EE_COMMAND_LEASE_RESERVE,
                             lease_reserve, &app) == EE_OK);
    }
}

static void close_network(void)
{
    CHECK(n.broken == NULL);
    network_close(&n);
}

static enum ee_err claim(const char *actor, const char *app, const char *domain, uint8_t add)
{
    struct ee_app_domain payload = {.add = add};
    (void)snprintf(payload.app, sizeof(payload.app), "%s", app);
    (void)snprintf(payload.domain, sizeof(payload.domain), "%s", domain);
    return NETWORK_SEND(&n, EE_ACTOR_ACCOUNT, actor, EE_COMMAND_APP_DOMAIN, app_domain, &payload);
}

static enum ee_err say(const char *app, const char *domain, uint8_t proven, uint8_t nonce_change)
{
    struct ee_domain_word word = {.proven = proven, .seen_hash = {proven}};
    const struct ee_domain *row = ee_core_domain(n.core, app, domain);
    (void)snprintf(word.app, sizeof(word.app), "%s", app);
    (void)snprintf(word.domain, sizeof(word.domain), "%s", domain);
    if (row)
        memcpy(word.nonce, row->nonce, sizeof(word.nonce));
    word.nonce[0] ^= nonce_change;
    return NETWORK_SEND(&n, EE_ACTOR_SYSTEM, "", EE_COMMAND_DOMAIN_PROVEN, domain_word, &word);
}

static enum ee_domain_state state_of(const char *app, const char *domain)
{
    const struct ee_domain *row = ee_core_domain(n.core, app, domain);
    return row ? row->state : EE_DOMAIN_FREE;
}

static void names_that_are_no_domains(void)
{
    static const char *const bad[] = {
        "",          "com",    "a..b",     ".a.b",    "a.b.",        "A.com",
        "-a.com",    "a-.com", "a_b.com",  "1.2.3.4", "a.1",         "a b.com",
        "*.a.com",   "a.com/", "a.com:80", "[::1]",   "xn--\xc3.de", "a.b\x01c",
        "localhost", "a..",    "\x80.a",   "a,b.com", "a.b-",        "a.com\nb.com"};
    char label[80];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!ee_domain_valid(bad[i]));
    (void)snprintf(label, sizeof(label), "%064d.com", 1);
    CHECK(!ee_domain_valid(label) && ee_domain_valid(label + 1));
    CHECK(ee_domain_valid("xn--bcher-kva.example") && ee_domain_valid("1.2.3.example4"));
}

static void only_the_owner_of_the_app_claims(void)
{
    open_network(NULL);
    CHECK(claim("bob", "alice-app", "www.test.org", 1) == EE_APP_UNKNOWN);
    CHECK(claim("alice", "no-app", "www.test.org", 1) == EE_APP_UNKNOWN);
    CHECK(claim("alice", "alice-app", "www.test.org", 1) == EE_OK);
    CHECK(claim("bob", "alice-app", "www.test.org", 0) == EE_APP_UNKNOWN);
    CHECK(claim("alice", "alice-app", "other.test.org", 0) == EE_DOMAIN_UNKNOWN);
    struct ee_domain first = *ee_core_domain(n.core, "alice-app", "www.test.org");
    CHECK(claim("alice", "alice-app", "www.test.org", 1) == EE_OK);
    CHECK(memcmp(ee_core_domain(n.core, "alice-app", "www.test.org")->nonce, first.nonce,
                 sizeof(first.nonce)) == 0);
    CHECK(claim("alice", "alice-app", "www.test.org", 0) == EE_OK);
    CHECK(state_of("alice-app", "www.test.org") == EE_DOMAIN_FREE);
    close_network();
}

static void a_proof_decides_among_claims(void)
{
    open_network(NULL);
    CHECK(claim("alice", "alice-app", "www.test.org", 1) == EE_OK);
    CHECK(claim("bob", "bob-app", "www.test.org", 1) == EE_OK);
    CHECK(say("alice-app", "www.test.org", 0, 0) == EE_DOMAIN_UNPROVEN);
    CHECK(say("alice-app", "www.test.org", 1, 1) == EE_DOMAIN_UNKNOWN); /* of another claim */
    CHECK(say("bob-app", "www.test.org", 1, 0) == EE_OK);
    CHECK(say("alice-app", "www.test.org", 1, 0) == EE_DOMAIN_TAKEN);
    CHECK(state_of("bob-app", "www.test.org") == EE_DOMAIN_PROVEN);
    CHECK(say("bob-app", "www.test.org", 0, 0) == EE_OK);
    CHECK(state_of("bob-app", "www.test.org") == EE_DOMAIN_LOST);
    CHECK(say("alice-app", "www.test.org", 1, 0) == EE_OK);
    CHECK(say("bob-app", "www.test.org", 1, 0) == EE_DOMAIN_TAKEN);
    close_network();
}

static void proof_of_a_removed_claim(void)
{
    open_network(NULL);
    CHECK(claim("alice", "alice-app", "www.test.org", 1) == EE_OK);
    struct ee_domain old = *ee_core_domain(n.core, "alice-app", "www.test.org");
    CHECK(claim("alice", "alice-app", "www.test.org", 0) == EE_OK);
    CHECK(say("alice-app", "www.test.org", 1, 0) == EE_DOMAIN_UNKNOWN);
    CHECK(claim("alice", "alice-app", "www.test.org", 1) == EE_OK);
    CHECK(memcmp(old.nonce, ee_core_domain(n.core, "alice-app", "www.test.org")->nonce,
                 sizeof(old.nonce)) != 0);
    close_network();
}

static void seventeenth_domain_of_an_app(void)
{
    char name[32];
    open_network(NULL);
    for (int i = 0; i < EE_APP_DOMAINS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%d.test.org", i);
        CHECK(claim("alice", "alice-app", name, 1) == EE_OK);
    }
    CHECK(claim("alice", "alice-app", "more.test.org", 1) == EE_LIMIT);
    CHECK(claim("alice", "alice-app", "n3.test.org", 0) == EE_OK);
    CHECK(claim("alice", "alice-app", "more.test.org", 1) == EE_OK);
    CHECK(claim("bob", "bob-app", "more.test.org", 1) == EE_OK);
    close_network();
}

static void full_table_of_domains(void)
{
    const struct ee_core_limits limits = {.domains = 2};
    open_network(&limits);
    CHECK(claim("alice", "alice-app", "a.test.org", 1) == EE_OK);
    CHECK(claim("alice", "alice-app", "b.test.org", 1) == EE_OK);
    CHECK(claim("bob", "bob-app", "c.test.org", 1) == EE_FULL);
    CHECK(claim("alice", "alice-app", "a.test.org", 0) == EE_OK);
    CHECK(claim("alice", "alice-app", "c.test.org", 1) == EE_OK); /* the place is the app's */
    close_network();
}

static void proof_text_names_app_network_and_nonce(void)
{
    struct ee_domain row = {.app = "web", .nonce = {0xab}};
    uint8_t network[32] = {0x12, 0x34};
    char text[EE_DOMAIN_PROOF_SIZE];
    CHECK(strcmp(ee_domain_proof(network, &row, text),
                 "ee-app=web.1234000000000000.ab000000000000000000000000000000") == 0);
}

TESTS(TEST(names_that_are_no_domains), TEST(only_the_owner_of_the_app_claims),
      TEST(a_proof_decides_among_claims), TEST(proof_of_a_removed_claim),
      TEST(seventeenth_domain_of_an_app), TEST(full_table_of_domains),
      TEST(proof_text_names_app_network_and_nonce))
