/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the control plane admits: a fake agent with real keys and a real software TDX that does one
 * thing wrong at a time. control_admission_test EE_CONTROL EE_AGENT HTTP_HELLO. */
#include <signal.h>
#include <stdlib.h>

#include "agent/identity.h"
#include "base/text.h"
#include "control_rig.h"
#include "io/crypto_openssl.h"
#include "io/random.h"
#include "io/x509.h"
#include "link/attest_channel.h"
#include "link/tdx_device.h"
#include "link/tunnel_link.h"
#include "tap.h"

#include "base/banned.h"

enum { TALK_MS = 8000 };

static const struct ee_crypto *const crypto = &ee_crypto_openssl;
static struct rig rig;
static struct ee_agent_identity identity;
static struct ee_tdx_device *device;

enum fault {
    HONEST,
    OTHER_NETWORK,
    UNKNOWN_NODE,
    OTHER_NODE,         /* the name of a node that belongs to another key */
    NONCE_NOT_OURS,     /* evidence for another challenge */
    EVIDENCE_ELSEWHERE, /* honest evidence of an honest agent's other connection */
    CLAIMS_OTHER_TLS_KEY,
    CLAIMS_OTHER_ROLE,
    SIGNATURE_OF_ANOTHER,
    SIGNATURE_OF_OTHER_EPOCH,
    EVIDENCE_FLIPPED,
    CHECK_BEFORE_ADMISSION,
};

/* One attempt; `said` is what the control plane answered last. */
struct fake {
    enum fault fault;
    uint64_t epoch;
    struct ee_loop *loop;
    struct ee_tunnel_link *link;
    bool done, admitted, closed;
    char said[64];
    char *evidence; /* of this attempt, kept for the next one */
};

static char *stolen; /* evidence that was good on another connection */

static void send_json(struct fake *fake, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    struct ee_tunnel *tunnel = ee_tunnel_link_tunnel(fake->link);
    CHECK(ee_tunnel_control_send(tunnel, ee_bytes_str(text)) == EE_OK);
    ee_tunnel_link_flush(fake->link);
    json_decref(message);
    free(text);
}

static const char *node_of(const struct fake *fake)
{
    if (fake->fault == UNKNOWN_NODE)
        return "nobody";
    return fake->fault == OTHER_NODE ? "node-2" : "node-1";
}

static void send_hello(struct fake *fake)
{
    uint8_t challenge[32], network[32];
    char epoch[24];
    memcpy(network, rig.network_id, sizeof network);
    network[0] ^= fake->fault == OTHER_NETWORK;
    ee_random_bytes(challenge, sizeof challenge);
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)fake->epoch);
    send_json(fake, json_pack("{s:s, s:s, s:o, s:s, s:s, s:o}", "type", "hello", "node",
                              node_of(fake), "network", rig_hex(network, 32), "version", "test",
                              "epoch", epoch, "challenge", rig_hex(challenge, 32)));
}

static bool make_evidence(struct fake *fake, const struct ee_nonce *nonce)
{
    struct ee_claims claims = {.role = EE_ROLE_AGENT,
                               .epoch = fake->epoch,
                               .vcpus = ee_tdx_device_vcpus(device),
                               .software_version = "test"};
    uint8_t bytes[EE_CLAIMS_SIZE_MAX];
    static uint8_t quote[EE_EVIDENCE_QUOTE_MAX];
    struct ee_evidence evidence;
    size_t size;
    memcpy(claims.network_id, rig.network_id, 32);
    memcpy(claims.identity, identity.public_key, 32);
    snprintf(claims.node_name, sizeof claims.node_name, "%s", node_of(fake));
    memcpy(claims.tls_key_hash, identity.tls_key_hash, 32);
    memcpy(claims.sealing_key, identity.sealing_public, 32);
    claims.tls_key_hash[0] ^= fake->fault == CLAIMS_OTHER_TLS_KEY;
    if (fake->fault == CLAIMS_OTHER_ROLE) {
        claims.role = EE_ROLE_CONTROL;
        claims.node_name[0] = '\0';
        memcpy(claims.checkpoint_key, identity.public_key, 32);
        memset(claims.sealing_key, 0, 32);
    }
    if (ee_claims_encode(&claims, bytes, sizeof bytes, &size) != EE_OK ||
        ee_tdx_device_evidence(device, ee_bytes_of(bytes, size), nonce, 1, quote, &evidence) !=
            EE_OK)
        return false;
    size_t capacity = ee_evidence_text_size(&evidence);
    fake->evidence = malloc(capacity);
    return fake->evidence != NULL &&
           ee_evidence_encode(crypto, &evidence, fake->evidence, capacity, &size) == EE_OK;
}

static bool sign(const struct fake *fake, const struct ee_nonce *nonce, char *out)
{
    uint8_t memory[256], signature[64], seed[32];
    struct ee_writer w;
    memcpy(seed, identity.seed, 32);
    seed[0] ^= fake->fault == SIGNATURE_OF_ANOTHER;
    ee_writer_init(&w, memory, sizeof memory);
    ee_writer_label(&w, "ee-hello", 1);
    ee_writer_bytes(&w, rig.network_id, 32);
    ee_writer_text(&w, node_of(fake));
    ee_writer_u64(&w, fake->epoch + (fake->fault == SIGNATURE_OF_OTHER_EPOCH));
    ee_writer_bytes(&w, nonce->bytes, EE_NONCE_SIZE);
    if (!crypto->ed25519_sign(seed, ee_writer_done(&w), signature))
        return false;
    ee_base64_encode(signature, sizeof signature, out);
    return true;
}

/* Message 2 came: answer it with ours, in the way this attempt is wrong. */
static void answer_evidence(struct fake *fake, const json_t *message)
{
    struct ee_conn *conn = ee_tunnel_link_conn(fake->link);
    uint8_t challenge[32], control_key[32];
    char text[65], signature[EE_BASE64_SIZE(64)];
    struct ee_nonce nonce;
    rig_text(message, "challenge", text, sizeof text);
    REQUIRE(ee_hex_decode(ee_bytes_str(text), challenge, 32) == EE_OK);
    REQUIRE(ee_conn_peer_key_hash(conn, control_key) == EE_OK);
    challenge[0] ^= fake->fault == NONCE_NOT_OURS;
    REQUIRE(ee_attest_channel_nonce(crypto, conn, challenge, control_key, EE_ROLE_AGENT, &nonce) ==
            EE_OK);
    REQUIRE(make_evidence(fake, &nonce) && sign(fake, &nonce, signature));
    if (fake->fault == EVIDENCE_FLIPPED)
        fake->evidence[strlen(fake->evidence) / 2] ^= 1;
    const char *evidence = fake->fault == EVIDENCE_ELSEWHERE ? stolen : fake->evidence;
    send_json(fake, json_pack("{s:s, s:s, s:s, s:[]}", "type", "evidence", "evidence", evidence,
                              "signature", signature, "leases"));
}

static void on_message(struct fake *fake, struct ee_bytes text)
{
    json_t *message = json_loadb((const char *)text.data, text.size, 0, NULL);
    char type[32];
    rig_text(message, "type", type, sizeof type);
    if (strcmp(type, "evidence") == 0) {
        answer_evidence(fake, message);
    } else if (strcmp(type, "refused") == 0) {
        rig_text(message, "error", fake->said, sizeof fake->said);
    } else if (strcmp(type, "admitted") == 0) {
        snprintf(fake->said, sizeof fake->said, "admitted");
        fake->admitted = true;
        fake->done = true;
    }
    json_decref(message);
}

static void on_open(void *context, struct ee_tunnel_link *link)
{
    struct fake *fake = context;
    (void)link;
    if (fake->fault == CHECK_BEFORE_ADMISSION)
        send_json(fake, json_pack("{s:s, s:s}", "type", "exited", "lease", "00"));
    else
        send_hello(fake);
}

static void on_event(void *context, struct ee_tunnel_link *link,
                     const struct ee_tunnel_event *event)
{
    (void)link;
    if (event->kind == EE_TUNNEL_EVENT_CONTROL)
        on_message(context, event->data);
}

static void on_closed(void *context, struct ee_tunnel_link *link, enum ee_err err)
{
    struct fake *fake = context;
    (void)link;
    (void)err;
    fake->link = NULL;
    fake->closed = true;
    fake->done = true;
}

static const struct ee_tunnel_link_events events = {
    .open = on_open, .event = on_event, .closed = on_closed};

static bool dial(struct fake *fake, struct ee_tls *tls)
{
    struct ee_tunnel_config config;
    const struct ee_conn_connect_options options = {.address = rig.api, .tls = tls};
    ee_tunnel_config_default(&config, EE_TUNNEL_ROLE_AGENT);
    return ee_tunnel_link_dial(fake->loop, &options, &config, &events, fake, &fake->link) ==
               EE_OK &&
           ee_loop_run_until(fake->loop, &fake->done, TALK_MS) == EE_OK;
}

static bool talk(struct fake *fake)
{
    struct ee_tls_client_options options = {.judged_by_attestation = true,
                                            .certificate_pem =
                                                ee_pem_bytes(&identity.tls_certificate),
                                            .key_pem = ee_pem_bytes(&identity.tls_key)};
    struct ee_tls *tls = NULL;
    if (ee_tls_client_new(&options, &tls) != EE_OK)
        return false;
    bool ok = dial(fake, tls);
    ee_tls_free(tls);
    return ok;
}

static void hang_up(struct fake *fake)
{
    fake->done = false;
    if (fake->link != NULL) {
        ee_tunnel_link_abort(fake->link, EE_CLOSED);
        CHECK(ee_loop_run_until(fake->loop, &fake->done, TALK_MS) == EE_OK);
    }
    ee_loop_free(fake->loop);
    free(fake->evidence);
    fake->evidence = NULL;
}

/* What the control plane says to one attempt. */
static void attempt(enum fault fault, uint64_t epoch, char said[64])
{
    struct fake fake = {.fault = fault, .epoch = epoch};
    snprintf(said, 64, "no loop");
    if (ee_loop_new(&fake.loop) != EE_OK)
        return;
    bool talked = talk(&fake);
    snprintf(said, 64, "%s", !talked ? "nothing" : fake.said[0] != '\0' ? fake.said : "closed");
    if (fake.admitted && stolen == NULL) {
        stolen = fake.evidence;
        fake.evidence = NULL;
    }
    hang_up(&fake);
}

static bool state_of_node_1(const char *state)
{
    return rig_wait(&rig, "/v1/nodes?limit=1", "state", state);
}

static void honest_agent_is_admitted(void)
{
    char said[64], folder[RIG_PATH_SIZE + 32], platform[RIG_PATH_SIZE + 32];
    const struct ee_tdx_device_options options = {
        .spec = platform, .program = "ee-agent", .crypto = crypto};
    REQUIRE(rig_control_start(&rig) && rig_accounts(&rig, "20"));
    REQUIRE(rig_agent_enrol(&rig, 0, "0.010", "ee-agent"));
    REQUIRE(rig_agent_enrol(&rig, 1, "0.010", "ee-agent"));
    snprintf(folder, sizeof folder, "%s/node-1", rig.folder);
    snprintf(platform, sizeof platform, "sim:%s/node-1.platform", rig.folder);
    REQUIRE(ee_agent_identity_load(folder, crypto, &identity) == EE_OK);
    REQUIRE(ee_tdx_device_open(&options, NULL, &device) == EE_OK);
    attempt(HONEST, 10, said);
    CHECK(strcmp(said, "admitted") == 0);
    CHECK(state_of_node_1("unreachable")); /* it hung up */
    REQUIRE(stolen != NULL);
}

static void each_fault_has_its_own_refusal(void)
{
    static const struct {
        enum fault fault;
        const char *said;
    } cases[] = {
        {OTHER_NETWORK, "wrong_network"},        {UNKNOWN_NODE, "node_unknown"},
        {OTHER_NODE, "wrong_identity"},          {NONCE_NOT_OURS, "not_fresh"},
        {EVIDENCE_ELSEWHERE, "not_fresh"},       {CLAIMS_OTHER_TLS_KEY, "not_bound"},
        {CLAIMS_OTHER_ROLE, "wrong_role"},       {SIGNATURE_OF_ANOTHER, "signature"},
        {SIGNATURE_OF_OTHER_EPOCH, "signature"}, {CHECK_BEFORE_ADMISSION, "closed"},
    };
    char said[64];
    REQUIRE(device != NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attempt(cases[i].fault, 20 + i, said);
        CHECK(strcmp(said, cases[i].said) == 0);
        if (strcmp(said, cases[i].said) != 0)
            printf("# fault %d: %s, not %s\n", (int)cases[i].fault, said, cases[i].said);
    }
    attempt(EVIDENCE_FLIPPED, 50, said);
    CHECK(strcmp(said, "admitted") != 0 && strcmp(said, "nothing") != 0);
}

static void epoch_that_does_not_rise_is_refused(void)
{
    char said[64];
    REQUIRE(device != NULL);
    attempt(HONEST, 10, said);
    CHECK(strcmp(said, "state") == 0);
    attempt(HONEST, 9, said);
    CHECK(strcmp(said, "state") == 0);
    attempt(HONEST, 100, said);
    CHECK(strcmp(said, "admitted") == 0);
}

static void higher_epoch_displaces_the_older_session(void)
{
    struct fake older = {.fault = HONEST, .epoch = 200};
    struct fake newer = {.fault = HONEST, .epoch = 201};
    REQUIRE(device != NULL);
    REQUIRE(ee_loop_new(&older.loop) == EE_OK && ee_loop_new(&newer.loop) == EE_OK);
    CHECK(talk(&older) && older.admitted);
    CHECK(talk(&newer) && newer.admitted);
    older.done = false;
    CHECK(ee_loop_run_until(older.loop, &older.done, TALK_MS) == EE_OK && older.closed);
    rig_wait_ms(200);
    CHECK(state_of_node_1("connected"));
    hang_up(&older);
    hang_up(&newer);
}

static void browser_is_turned_away_from_the_tunnel(void)
{
    CHECK(rig_call(&rig, NULL, "GET", "/v1/tunnel", NULL, NULL) == 400);
    CHECK(rig_call(&rig, NULL, "GET", "/readyz", NULL, NULL) == 200);
}

int main(int argc, char **argv)
{
    const struct tap_test tests[] = {
        TEST(honest_agent_is_admitted),
        TEST(each_fault_has_its_own_refusal),
        TEST(epoch_that_does_not_rise_is_refused),
        TEST(higher_epoch_displaces_the_older_session),
        TEST(browser_is_turned_away_from_the_tunnel),
    };
    if (argc < 4 || !rig_init(&rig, argv[1], argv[2]))
        return 1;
    int code = tap_run(tests, sizeof tests / sizeof tests[0]);
    free(stolen);
    ee_tdx_device_free(device);
    ee_agent_identity_wipe(&identity);
    rig_close(&rig);
    return code;
}
