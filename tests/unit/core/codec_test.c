/* SPDX-License-Identifier: Apache-2.0 */
/* Every payload and result: what it encodes to decodes to it, and nothing else decodes. */
#include "unit/core/network.h"

#include "tap.h"

enum { SAMPLE_MAX = 8192 };

struct format {
    const char *name;
    enum ee_err (*again)(struct ee_bytes bytes, struct ee_writer *out); /* decode, encode */
    struct ee_bytes sample;
};

#define EE_ROW(name)                                                                               \
    static enum ee_err again_##name(struct ee_bytes bytes, struct ee_writer *out)                  \
    {                                                                                              \
        static struct ee_##name value;                                                             \
        EE_TRY(ee_##name##_decode(bytes, &value));                                                 \
        return ee_##name##_encode(&value, out);                                                    \
    }
EE_PAYLOADS(EE_ROW)
EE_RESULTS(EE_ROW)
#undef EE_ROW

static enum ee_err again_command(struct ee_bytes bytes, struct ee_writer *out)
{
    struct ee_command value;
    EE_TRY(ee_command_decode(bytes, &value));
    return ee_command_encode(&value, out);
}

static enum ee_err again_result(struct ee_bytes bytes, struct ee_writer *out)
{
    static struct ee_result value;
    EE_TRY(ee_result_decode(bytes, &value));
    return ee_result_encode(&value, out);
}

static enum ee_err again_deployment(struct ee_bytes bytes, struct ee_writer *out)
{
    struct ee_deployment value;
    EE_TRY(ee_deployment_decode(bytes, &value));
    return ee_deployment_encode(&value, out);
}

static enum ee_err again_genesis(struct ee_bytes bytes, struct ee_writer *out)
{
    struct ee_genesis value;
    EE_TRY(ee_genesis_decode(bytes, &value));
    return ee_genesis_encode(&value, out);
}

/* ---- one good document of each ---- */

static const struct ee_boot boot = {.epoch = 3, .state_hash = {1, 2}, .anchored = 1};
static const struct ee_key_create key_create = {
    .key_hash = {1}, .scopes = EE_SCOPE_RUN, .expires_s = 99, .label = "laptop"};
static const struct ee_account_create account_create = {
    .name = "op-a",
    .kind = EE_ACCOUNT_OPERATOR,
    .public_key = {1},
    .first_key = {.key_hash = {2}, .scopes = EE_SCOPE_ALL, .expires_s = 9}};
static const struct ee_key_revoke key_revoke = {.key_hash = {4}};
static const struct ee_mint mint = {
    .account = "alice", .amount = {5}, .reference = "order 7", .signature = {9}};
static const struct ee_transfer_credits transfer_credits = {
    .to = "bob", .amount = {INT64_MAX}, .memo = "for lunch"};
static const struct ee_node_enrol node_enrol = {.node = "cheap",
                                                .platform_id = {1},
                                                .agent_key = {2},
                                                .vcpus = 4,
                                                .price_nanos = 10000000,
                                                .region = "eu",
                                                .signature = {3}};
static const struct ee_node_price node_price = {.node = "cheap", .price_nanos = 0};
static const struct ee_node_admit node_admit = {
    .node = "cheap", .agent_key = {1}, .vcpus = 4, .epoch = 2, .simulated = 1};
static const struct ee_node_lost node_lost = {.node = "cheap", .epoch = 2};
static struct ee_lease_reserve lease_reserve = {
    .workload = EE_WORKLOAD_APP, .name = "web", .vcpus = 1, .max_price_nanos = 5, .node = "dear"};
static const struct ee_lease_start lease_start = {.lease = {1}, .sealed_hash = {2}};
static const struct ee_lease_running lease_running = {.lease = {1}};
static const struct ee_lease_end lease_end = {
    .lease = {1}, .reason = EE_END_EXITED, .exit_code = -9, .output_hash = {5}};
static const struct ee_lease_stop lease_stop = {.name = "web"};
static const struct ee_slot_missed slot_missed = {
    .lease = {1}, .period = 7, .kind = EE_CHECK_ATTESTATION, .slot = 3, .why = EE_TIMEOUT};
static const struct ee_checks checks = {.lease = {1},
                                        .period = 2,
                                        .health_count = 3,
                                        .health = {1, 0, 2},
                                        .attestation_count = 1,
                                        .attestation = {1},
                                        .evidence_root = {8},
                                        .collateral_count = 2,
                                        .collateral = {{1}, {2}}};
static const struct ee_abuse_report abuse_report = {
    .lease = {1}, .period = 4, .category = EE_ABUSE_RESOURCES, .evidence_hash = {3}};
static const struct ee_redeem redeem = {.amount = {7}, .destination = "account 5"};
static const struct ee_redemption_word redemption_word = {
    .redemption = {1}, .confirm = 1, .reference = "wire 9", .signature = {4}};
static const struct ee_allow_change allow_change = {
    .add = 1, .role = EE_ROLE_AGENT, .measurement = {1}, .label = "agent 0.2", .number = 1};
static const struct ee_collateral_taken collateral_taken = {.set = EE_TCB_SET_EARLY,
                                                            .fmspc = {0, 0x80, 0x6f},
                                                            .evaluation = 21,
                                                            .hash = {7},
                                                            .issued_s = 5,
                                                            .expires_s = 9,
                                                            .pck_crl_number = 3,
                                                            .root_crl_number = 1,
                                                            .simulated = 1};
static uint8_t policy_bytes[EE_POLICY_BYTES_MAX];
static struct ee_policy_change policy_change = {.number = 1, .signature = {6}};
static const struct ee_reserve_result reserve_result = {
    .lease = {1},
    .node = "cheap",
    .price_nanos = 3,
    .lock = {28},
    .row_count = 2,
    .rows = {{.node = "cheap", .price_nanos = 3, .free_vcpus = 2, .reason = EE_PLACE_CHOSEN},
             {.node = "dear", .price_nanos = 9, .free_vcpus = 2, .reason = EE_PLACE_DEARER}}};
static const struct ee_settle_result settle_result = {.launcher = "alice",
                                                      .operator_name = "op-a",
                                                      .node = "cheap",
                                                      .app = "web",
                                                      .starts_us = 1,
                                                      .ends_us = 2,
                                                      .verdict = EE_VERDICT_PASS,
                                                      .locked = {28},
                                                      .paid = {9},
                                                      .refunded = {19}};
static const struct ee_balance_result balance_result = {
    .account = "alice", .available = {4}, .locked = {2}};

static const struct ee_redeem_result redeem_result = {
    .redemption = {1}, .account = "alice", .amount = {7}, .available = {3}};

static const struct ee_recovery recovery = {.epoch = 1790000000,
                                            .time_s = 1790000000,
                                            .lost_size = 90,
                                            .lost_root = {1},
                                            .restored_size = 40,
                                            .restored_root = {2},
                                            .reason = "disk lost",
                                            .signature = {3}};
static const struct ee_checkpoint_key checkpoint_key = {.number = 1,
                                                        .old_key = {1},
                                                        .new_key = {2},
                                                        .evidence_hash = {3},
                                                        .signer = EE_SUCCESSION_BY_KEY,
                                                        .signature = {4}};
static const struct ee_liabilities liabilities = {
    .of_seq = 7, .count = 3, .total = {12}, .root = {5}};
static const struct ee_tick_result tick_result = {
    .lock_count = 2,
    .locks = {{.lease = {1}, .period = 4, .amount = {28}}, {.lease = {2}, .amount = {1}}}};
static const struct ee_liabilities_result liabilities_result = {
    .of_seq = 7, .of_time_us = 8, .count = 3, .total = {12}, .cash = {10}, .house = {-2}};
static const struct ee_topup topup = {.cents = 500, .currency = "usd"};
static const struct ee_payment_word payment_word = {.event = EE_PAYMENT_DISPUTE_OPENED,
                                                    .payment = "pi_1",
                                                    .dispute = "dp_1",
                                                    .cents = 500,
                                                    .currency = "usd",
                                                    .provider_event = "evt_1"};
static const struct ee_app_domain app_domain = {
    .add = 1, .app = "web", .domain = "www.example.org"};
static const struct ee_domain_word domain_word = {
    .app = "web", .domain = "www.example.org", .nonce = {1}, .proven = 1, .seen_hash = {2}};
static const struct ee_limit_result limit_result = {
    .account = "alice", .amount = {7}, .until_us = 9};
static const struct ee_topup_result topup_result = {
    .order = {1}, .account = "alice", .amount = {5000000}};
static const struct ee_payment_result payment_result = {
    .payment = "pi_1", .account = "alice", .trouble = 3, .minted = {7}, .charged_back = {5}};

static const struct ee_webhook_set webhook_set = {.op = EE_WEBHOOK_SET,
                                                  .slot = 3,
                                                  .url = "https://example.net/hook",
                                                  .events = 5,
                                                  .label = "books",
                                                  .secret_hash = {9}};
static const struct ee_webhook_result webhook_result = {.slot = 3};

static struct format formats[64];
static size_t format_count;
static uint8_t samples[64][SAMPLE_MAX];

static void sample(const char *name, enum ee_err (*again)(struct ee_bytes, struct ee_writer *),
                   enum ee_err encoded, const struct ee_writer *w)
{
    if (encoded != EE_OK)
        printf("# sample of %s: %s\n", name, ee_err_name(encoded));
    CHECK(encoded == EE_OK);
    formats[format_count++] = (struct format){name, again, ee_writer_done(w)};
}

static void make_samples(void)
{
    static struct ee_result result = {.err = EE_MINT_CAP, .body_size = 2, .body = {1, 2}};
    struct ee_genesis genesis;
    struct ee_writer w;
    format_count = 0;
    lease_reserve.deployment = network_deployment(EE_WORKLOAD_APP, true);
    ee_writer_init(&w, policy_bytes, sizeof(policy_bytes));
    CHECK(ee_attest_policy_encode(&ee_attest_policy_network, &w) == EE_OK);
    policy_change.policy = ee_writer_done(&w);
#define EE_ROW(type)                                                                               \
    ee_writer_init(&w, samples[format_count], SAMPLE_MAX);                                         \
    sample(#type, again_##type, ee_##type##_encode(&type, &w), &w);
    EE_PAYLOADS(EE_ROW)
    EE_RESULTS(EE_ROW)
#undef EE_ROW
    const struct ee_command command = {.core_version = 1,
                                       .seq = 2,
                                       .time_us = 3,
                                       .random = {4},
                                       .actor_kind = EE_ACTOR_ACCOUNT,
                                       .actor = "alice",
                                       .id = {5},
                                       .kind = EE_COMMAND_MINT,
                                       .payload = formats[4].sample};
    ee_writer_init(&w, samples[format_count], SAMPLE_MAX);
    sample("command", again_command, ee_command_encode(&command, &w), &w);
    ee_writer_init(&w, samples[format_count], SAMPLE_MAX);
    sample("result", again_result, ee_result_encode(&result, &w), &w);
    network_genesis(EE_PROFILE_PRODUCTION, &genesis);
    ee_writer_init(&w, samples[format_count], SAMPLE_MAX);
    sample("genesis", again_genesis, ee_genesis_encode(&genesis, &w), &w);
    ee_writer_init(&w, samples[format_count], SAMPLE_MAX);
    ee_writer_bytes(&w, lease_reserve.deployment.data, lease_reserve.deployment.size);
    sample("deployment", again_deployment, EE_OK, &w);
}

static bool identical(const struct format *f, struct ee_bytes bytes)
{
    static uint8_t buffer[SAMPLE_MAX];
    struct ee_writer w;
    ee_writer_init(&w, buffer, sizeof(buffer));
    return f->again(bytes, &w) == EE_OK && ee_bytes_equal(bytes, ee_writer_done(&w));
}

static void every_format_survives_both_directions(void)
{
    make_samples();
    for (size_t i = 0; i < format_count; i++)
        CHECK(identical(&formats[i], formats[i].sample));
}

static void replicas_of_a_reservation_are_written_when_there_are_several(void)
{
    static uint8_t one[SAMPLE_MAX], three[SAMPLE_MAX];
    struct ee_lease_reserve reserve = lease_reserve, back;
    struct ee_writer w;
    reserve.deployment = network_deployment(EE_WORKLOAD_APP, true);
    ee_writer_init(&w, one, sizeof(one));
    REQUIRE(ee_lease_reserve_encode(&reserve, &w) == EE_OK);
    const struct ee_bytes short_form = ee_writer_done(&w);
    CHECK(ee_lease_reserve_decode(short_form, &back) == EE_OK && back.replicas == 1);
    reserve.replicas = 3;
    ee_writer_init(&w, three, sizeof(three));
    REQUIRE(ee_lease_reserve_encode(&reserve, &w) == EE_OK);
    const struct ee_bytes long_form = ee_writer_done(&w);
    CHECK(long_form.size == short_form.size + 4);
    CHECK(ee_lease_reserve_decode(long_form, &back) == EE_OK && back.replicas == 3);
    three[long_form.size - 1] = 1; /* has a shorter form */
    CHECK(ee_lease_reserve_decode(long_form, &back) == EE_RANGE);
    three[long_form.size - 1] = EE_REPLICAS_MAX + 1;
    CHECK(ee_lease_reserve_decode(long_form, &back) == EE_RANGE);
}

static void every_prefix_and_a_trailing_byte_is_refused(void)
{
    static uint8_t longer[SAMPLE_MAX], buffer[SAMPLE_MAX];
    make_samples();
    for (size_t i = 0; i < format_count; i++) {
        struct ee_bytes good = formats[i].sample;
        struct ee_writer w;
        memcpy(longer, good.data, good.size);
        longer[good.size] = 0;
        for (size_t size = 0; size <= good.size + 1; size++) {
            ee_writer_init(&w, buffer, sizeof(buffer));
            enum ee_err err = formats[i].again(ee_bytes_of(longer, size), &w);
            bool right = size == good.size  ? err == EE_OK
                         : size > good.size ? err == EE_TRAILING || err == EE_TOO_LARGE ||
                                                  err == EE_TRUNCATED /* of an optional member */
                                            : err != EE_OK;
            if (!right)
                printf("# %s, %zu of %zu bytes: %s\n", formats[i].name, size, good.size,
                       ee_err_name(err));
            CHECK(right);
        }
    }
}

static void every_flipped_bit_is_refused_or_another_canonical_value(void)
{
    static uint8_t flipped[SAMPLE_MAX], buffer[SAMPLE_MAX];
    make_samples();
    for (size_t i = 0; i < format_count; i++) {
        struct ee_bytes good = formats[i].sample;
        for (size_t bit = 0; bit < good.size * 8; bit++) {
            struct ee_writer w;
            memcpy(flipped, good.data, good.size);
            flipped[bit / 8] = (uint8_t)(flipped[bit / 8] ^ 1u << bit % 8);
            struct ee_bytes bytes = ee_bytes_of(flipped, good.size);
            ee_writer_init(&w, buffer, sizeof(buffer));
            bool right = formats[i].again(bytes, &w) != EE_OK || identical(&formats[i], bytes);
            if (!right)
                printf("# %s, bit %zu\n", formats[i].name, bit);
            CHECK(right);
        }
    }
}

/* ---- rules of single fields, on both ways ---- */

#define REFUSED(type, error, ...)                                                                  \
    do {                                                                                           \
        uint8_t buffer[SAMPLE_MAX];                                                                \
        struct ee_writer w;                                                                        \
        struct ee_##type bad = type;                                                               \
        __VA_ARGS__;                                                                               \
        ee_writer_init(&w, buffer, sizeof(buffer));                                                \
        CHECK(ee_##type##_encode(&bad, &w) == (error));                                            \
        CHECK(w.size == 0);                                                                        \
    } while (0)

static void fields_outside_their_rules(void)
{
    make_samples();
    REFUSED(mint, EE_RANGE, bad.amount.micros = 0);
    REFUSED(mint, EE_RANGE, bad.amount.micros = -1);
    REFUSED(mint, EE_NAME, bad.account[0] = 'A');
    REFUSED(mint, EE_RANGE, bad.reference[0] = '\0');
    REFUSED(transfer_credits, EE_SYNTAX, bad.memo[0] = '\n');
    REFUSED(transfer_credits, EE_TOO_LARGE, memset(bad.memo, 'x', sizeof(bad.memo)));
    REFUSED(transfer_credits, EE_RANGE, bad.amount.micros = 0);
    REFUSED(account_create, EE_RANGE, bad.kind = EE_ACCOUNT_USER); /* with an operator's key */
    REFUSED(account_create, EE_RANGE, memset(bad.public_key, 0, 32));
    REFUSED(account_create, EE_RANGE, bad.first_key.scopes = 0);
    REFUSED(key_create, EE_RANGE, bad.scopes = EE_SCOPE_ALL + 1);
    REFUSED(node_enrol, EE_RANGE, bad.vcpus = 0);
    REFUSED(node_enrol, EE_RANGE, bad.price_nanos = -1);
    REFUSED(node_enrol, EE_NAME, bad.region[0] = '-');
    REFUSED(node_price, EE_NAME, bad.node[0] = '\0');
    REFUSED(lease_reserve, EE_RANGE, bad.vcpus = 0);
    REFUSED(lease_reserve, EE_RANGE, bad.workload = EE_WORKLOAD_JOB); /* with a port */
    REFUSED(lease_reserve, EE_TRUNCATED, bad.deployment.size--);
    REFUSED(lease_end, EE_RANGE, bad.reason = EE_END_NODE_LOST);
    REFUSED(lease_end, EE_RANGE, bad.reason = EE_END_START_FAILED); /* with an exit code */
    REFUSED(slot_missed, EE_RANGE, bad.slot = EE_CHECK_SLOTS_MAX);
    REFUSED(slot_missed, EE_UNSUPPORTED, bad.why = (enum ee_err)9999);
    REFUSED(checks, EE_TOO_LARGE, bad.health_count = EE_CHECK_SLOTS_MAX + 1);
    REFUSED(checks, EE_UNSUPPORTED, bad.health[1] = 3);
    REFUSED(checks, EE_RANGE, bad.collateral_count = EE_CHECK_SLOTS_MAX + 1);
    REFUSED(abuse_report, EE_UNSUPPORTED, bad.category = (enum ee_abuse_category)0);
    REFUSED(redeem, EE_RANGE, bad.amount.micros = 0);
    REFUSED(redemption_word, EE_RANGE, bad.confirm = 2);
    REFUSED(webhook_set, EE_RANGE, bad.slot = EE_WEBHOOKS_PER_ACCOUNT + 1);
    REFUSED(webhook_set, EE_RANGE, bad.events = 0); /* told of nothing */
    REFUSED(webhook_set, EE_RANGE, bad.events = EE_EVENTS_ALL + 1);
    REFUSED(webhook_set, EE_RANGE, bad.op = EE_WEBHOOK_REMOVE; bad.slot = 0);
    REFUSED(webhook_set, EE_RANGE, bad.op = EE_WEBHOOK_ALERT); /* is of no slot */
    REFUSED(allow_change, EE_UNSUPPORTED, bad.role = 0);
    REFUSED(app_domain, EE_RANGE, bad.add = 2);
    REFUSED(app_domain, EE_SYNTAX, bad.domain[0] = '-');
    REFUSED(domain_word, EE_SYNTAX, bad.domain[3] = 'W');
    REFUSED(topup, EE_RANGE, bad.cents = 0);
    REFUSED(topup, EE_RANGE, bad.cents = EE_PAYMENT_CENTS_MAX + 1);
    REFUSED(topup, EE_UNSUPPORTED, bad.currency[0] = 'e');
    REFUSED(topup, EE_RANGE, bad.currency[0] = 'U');
    REFUSED(payment_word, EE_RANGE, bad.dispute[0] = '\0');
    REFUSED(payment_word, EE_RANGE, bad.event = EE_PAYMENT_REFUNDED);
    REFUSED(payment_word, EE_RANGE, bad.order[0] = 1; bad.dispute[0] = '\0';
            bad.event = EE_PAYMENT_REFUNDED);
    REFUSED(payment_word, EE_RANGE, bad.event = EE_PAYMENT_SUCCEEDED);
    REFUSED(payment_word, EE_UNSUPPORTED, bad.event = (enum ee_payment_event)6);
    REFUSED(payment_word, EE_RANGE, bad.payment[0] = '\0');
    REFUSED(payment_result, EE_RANGE, bad.trouble = EE_TROUBLE_ALL + 1);
    REFUSED(collateral_taken, EE_UNSUPPORTED, bad.set = (enum ee_tcb_set)3);
    REFUSED(collateral_taken, EE_RANGE, bad.expires_s = 4); /* before it was issued */
    REFUSED(collateral_taken, EE_RANGE, bad.simulated = 2);
    REFUSED(policy_change, EE_TRUNCATED, bad.policy.size--);
    REFUSED(policy_change, EE_TRUNCATED, bad.policy.size = 0);
    REFUSED(settle_result, EE_RANGE, bad.paid.micros++);
    REFUSED(boot, EE_RANGE, bad.anchored = 2);
    REFUSED(recovery, EE_RANGE, bad.restored_size = bad.lost_size); /* nothing was lost */
    REFUSED(recovery, EE_RANGE, bad.restored_size = 0);
    REFUSED(recovery, EE_RANGE, bad.reason[0] = '\0');
    REFUSED(checkpoint_key, EE_RANGE, bad.new_key[0] = 1); /* the same key */
    REFUSED(checkpoint_key, EE_RANGE, bad.evidence_hash[0] = 0);
    REFUSED(checkpoint_key, EE_UNSUPPORTED, bad.signer = (enum ee_succession_signer)3);
    REFUSED(liabilities, EE_RANGE, bad.of_seq = 0); /* marking, and sums */
    REFUSED(liabilities, EE_RANGE, bad.total.micros = -1);
    REFUSED(tick_result, EE_TOO_LARGE, bad.lock_count = EE_TICK_LOCKS_MAX + 1);
    REFUSED(liabilities_result, EE_RANGE, bad.house.micros++);
}

/* A period in which more sets were used than are listed still says how many. */
static void checks_by_more_sets_than_are_listed(void)
{
    static struct ee_checks many, back;
    uint8_t buffer[SAMPLE_MAX];
    struct ee_writer w;
    many = checks;
    many.collateral_count = EE_CHECKS_COLLATERAL_MAX + 3;
    memset(many.collateral, 0xee, sizeof(many.collateral));
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_checks_encode(&many, &w) == EE_OK);
    CHECK(ee_checks_decode(ee_writer_done(&w), &back) == EE_OK);
    CHECK(back.collateral_count == EE_CHECKS_COLLATERAL_MAX + 3);
    CHECK(ee_checks_collateral_listed(&back) == EE_CHECKS_COLLATERAL_MAX);
    CHECK(memcmp(back.collateral, many.collateral, sizeof(back.collateral)) == 0);
}

static void command_with_another_kind_of_actor_or_unknown_kind(void)
{
    uint8_t buffer[256];
    struct ee_writer w;
    const struct ee_command good = {
        .core_version = 1, .actor_kind = EE_ACTOR_SYSTEM, .kind = EE_COMMAND_TICK};
    struct ee_command bad = good;
    ee_writer_init(&w, buffer, sizeof(buffer));
    CHECK(ee_command_encode(&good, &w) == EE_OK);
    bad.actor_kind = EE_ACTOR_ACCOUNT; /* without a name */
    CHECK(ee_command_encode(&bad, &w) == EE_NAME);
    bad = good;
    bad.actor[0] = 'a'; /* the system has none */
    CHECK(ee_command_encode(&bad, &w) == EE_NAME);
    bad = good;
    bad.kind = (enum ee_command_kind)7;
    CHECK(ee_command_encode(&bad, &w) == EE_UNSUPPORTED);
    bad = good;
    bad.payload = ee_bytes_of(buffer, EE_COMMAND_PAYLOAD_MAX + 1);
    CHECK(ee_command_encode(&bad, &w) == EE_TOO_LARGE);
}

static void payload_of_one_kind_is_none_of_another(void)
{
    make_samples();
    for (size_t i = 0; i < format_count; i++)
        for (size_t j = 0; j < format_count; j++)
            CHECK(i == j || !identical(&formats[i], formats[j].sample));
}

static void command_id_depends_on_account_and_key(void)
{
    uint8_t one[EE_ID_SIZE], two[EE_ID_SIZE];
    ee_command_id(&ee_crypto_openssl, "ab", ee_bytes_str("c"), one);
    ee_command_id(&ee_crypto_openssl, "a", ee_bytes_str("bc"), two);
    CHECK(memcmp(one, two, EE_ID_SIZE) != 0);
    ee_command_id(&ee_crypto_openssl, "ab", ee_bytes_str("c"), two);
    CHECK(memcmp(one, two, EE_ID_SIZE) == 0);
}

static void every_kind_and_reason_has_a_name(void)
{
    CHECK(strcmp(ee_command_kind_name(EE_COMMAND_ALLOW), "allow") == 0);
    CHECK(strcmp(ee_command_kind_name((enum ee_command_kind)7), "unknown") == 0);
    for (int reason = EE_PLACE_CHOSEN; reason <= EE_PLACE_TIE; reason++) {
        CHECK(strcmp(ee_placement_reason_name((enum ee_placement_reason)reason), "unknown") != 0);
        CHECK(ee_placement_reason_text((enum ee_placement_reason)reason)[0] != '\0');
    }
    CHECK(strcmp(ee_placement_reason_name((enum ee_placement_reason)99), "unknown") == 0);
}

TESTS(TEST(every_format_survives_both_directions),
      TEST(replicas_of_a_reservation_are_written_when_there_are_several),
      TEST(every_prefix_and_a_trailing_byte_is_refused),
      TEST(every_flipped_bit_is_refused_or_another_canonical_value),
      TEST(fields_outside_their_rules), TEST(checks_by_more_sets_than_are_listed),
      TEST(command_with_another_kind_of_actor_or_unknown_kind),
      TEST(payload_of_one_kind_is_none_of_another), TEST(command_id_depends_on_account_and_key),
      TEST(every_kind_and_reason_has_a_name))
