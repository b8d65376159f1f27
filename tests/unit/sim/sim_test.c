/* SPDX-License-Identifier: Apache-2.0 */
/* The software TDX against the verifier: what is healthy verifies, each fault is refused for its
 * own reason. */
#include "sim/collateral.h"
#include "sim/quote.h"

#include "attest/policy.h"
#include "attest/verify.h"
#include "io/crypto_openssl.h"
#include "tap.h"

#define CRYPTO (&ee_crypto_openssl)
enum { NOW_S = 1790000000, HOUR_S = 3600 };

static const uint8_t seed[32] = {'s', 'e', 'e', 'd'};
static struct ee_sim_authority authority;
static struct ee_sim_platform platform;
static struct ee_sim_td td;
static uint8_t quote[EE_SIM_QUOTE_MAX];
static size_t quote_size;
static char json[EE_SIM_COLLATERAL_MAX];
static uint8_t scratch[EE_SIM_COLLATERAL_MAX];
static size_t json_size;
static uint8_t report_data[64];
static struct ee_verdict verdict;

/* A platform with these faults, its quote and collateral. */
static bool make(uint32_t faults, enum ee_sim_quote_format format)
{
    memset(report_data, 0x77, sizeof(report_data));
    ee_sim_td_for_program(CRYPTO, "ee-agent", "0.1.0", &td);
    return ee_sim_authority_init(&authority, CRYPTO, seed) == EE_OK &&
           ee_sim_platform_init(&platform, CRYPTO, &authority, seed, 8, faults) == EE_OK &&
           ee_sim_quote_write(CRYPTO, &platform, &td, report_data, format, quote, sizeof(quote),
                              &quote_size) == EE_OK &&
           ee_sim_collateral_write(CRYPTO, &authority, &platform, NOW_S - HOUR_S, json,
                                   sizeof(json), &json_size) == EE_OK;
}

static enum ee_err verify_with(const uint8_t root[EE_P256_POINT_SIZE])
{
    struct ee_collateral collateral;
    uint8_t roots[1][EE_P256_POINT_SIZE];
    memcpy(roots[0], root, sizeof(roots[0]));
    const struct ee_verify_input input = {.quote = ee_bytes_of(quote, quote_size),
                                          .collateral = &collateral,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 1,
                                          .time_s = NOW_S};
    if (ee_attest_collateral_decode(ee_bytes_of(json, json_size), scratch, sizeof(scratch),
                                    &collateral) != EE_REASON_NONE)
        return EE_COLLATERAL;
    return ee_attest_verify(CRYPTO, &input, &verdict);
}

static enum ee_err verify(void)
{
    enum ee_err err = verify_with(ee_sim_authority_root_key(&authority));
    if (err != EE_OK)
        printf("# %s: %s\n", ee_err_name(err), ee_attest_reason_name(verdict.reason));
    return err;
}

static void healthy_quotes_of_each_format_verify_and_fields_come_back(void)
{
    static const struct {
        enum ee_sim_quote_format format;
        uint16_t version, body;
    } rows[] = {{EE_SIM_QUOTE_V4, 4, EE_BODY_TD_10},
                {EE_SIM_QUOTE_V5, 5, EE_BODY_TD_10},
                {EE_SIM_QUOTE_V5_TD15, 5, EE_BODY_TD_15}};
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(make(EE_SIM_HEALTHY, rows[i].format));
        REQUIRE(verify() == EE_OK);
        CHECK(verdict.quote_version == rows[i].version && verdict.body_type == rows[i].body);
        CHECK(verdict.quote_size == quote_size && verdict.trailing_size == 0);
        CHECK(verdict.status == EE_TCB_UP_TO_DATE && verdict.flags == 0);
        CHECK(!verdict.root_production && verdict.root_matched);
        CHECK(memcmp(verdict.td.mrtd, td.mrtd, 48) == 0);
        CHECK(memcmp(verdict.td.rtmr, td.rtmr, sizeof(td.rtmr)) == 0);
        CHECK(memcmp(verdict.td.report_data, report_data, 64) == 0);
        CHECK(memcmp(verdict.platform.ppid, platform.ppid, 16) == 0);
        CHECK(memcmp(verdict.platform.fmspc, authority.fmspc, 6) == 0);
        CHECK(memcmp(verdict.platform.components, platform.components, 16) == 0);
        CHECK(memcmp(verdict.qe_id, platform.qe_id, 16) == 0);
    }
}

static void each_fault_is_refused_for_its_own_reason(void)
{
    static const struct {
        uint32_t fault;
        enum ee_err err;
        enum ee_reason reason;
    } rows[] = {
        {EE_SIM_TCB_REVOKED, EE_REVOKED, EE_REASON_TCB_REVOKED},
        {EE_SIM_PCK_REVOKED, EE_REVOKED, EE_REASON_CERT_REVOKED},
        {EE_SIM_AK_NOT_BOUND, EE_SIGNATURE, EE_REASON_QE_BINDING},
        {EE_SIM_QUOTE_FORGED, EE_SIGNATURE, EE_REASON_QUOTE_SIGNATURE},
        {EE_SIM_COLLATERAL_EXPIRED, EE_EXPIRED, EE_REASON_CRL_EXPIRED},
    };
    static const enum ee_sim_quote_format formats[] = {EE_SIM_QUOTE_V4, EE_SIM_QUOTE_V5,
                                                       EE_SIM_QUOTE_V5_TD15};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < 3; j++) {
            REQUIRE(make(rows[i].fault, formats[j]));
            CHECK(verify() == rows[i].err && verdict.reason == rows[i].reason);
        }
    }
}

static void impostor_with_the_same_names_and_another_root(void)
{
    REQUIRE(make(EE_SIM_WRONG_ROOT, EE_SIM_QUOTE_V4));
    CHECK(verify() == EE_UNTRUSTED);
}

static void healthy_quote_is_not_accepted_under_the_production_root(void)
{
    REQUIRE(make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    CHECK(verify_with(ee_attest_root_production) == EE_UNTRUSTED);
}

static void out_of_date_platform_or_module_verifies_but_policy_refuses(void)
{
    static const uint32_t faults[] = {EE_SIM_PLATFORM_OUT_OF_DATE, EE_SIM_MODULE_OUT_OF_DATE};
    struct ee_finding finding;
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(make(faults[i], EE_SIM_QUOTE_V4));
        REQUIRE(verify() == EE_OK);
        CHECK(verdict.status == EE_TCB_OUT_OF_DATE);
        CHECK((verdict.platform_status == EE_TCB_OUT_OF_DATE) == (i == 0));
        CHECK((verdict.module_status == EE_TCB_OUT_OF_DATE) == (i == 1));
        CHECK(ee_attest_policy_check(&ee_attest_policy_network, &verdict, &finding) ==
              EE_TCB_REFUSED);
    }
}

static void debug_td_verifies_with_a_flag_that_policy_refuses(void)
{
    struct ee_finding finding;
    REQUIRE(make(EE_SIM_DEBUG_TD, EE_SIM_QUOTE_V5));
    REQUIRE(verify() == EE_OK);
    CHECK(verdict.flags == EE_TD_FLAG_BIT(DEBUG));
    CHECK(ee_attest_policy_check(&ee_attest_policy_network, &verdict, &finding) == EE_DEBUG_TD);
}

static void other_measurements_verify_and_differ(void)
{
    REQUIRE(make(EE_SIM_OTHER_MEASUREMENTS, EE_SIM_QUOTE_V4));
    REQUIRE(verify() == EE_OK);
    CHECK(memcmp(verdict.td.mrtd, td.mrtd, 48) != 0);
}

static void same_seed_gives_the_same_identity_and_another_another(void)
{
    struct ee_sim_authority again;
    struct ee_sim_platform other;
    uint8_t other_seed[32] = {9};
    REQUIRE(make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    REQUIRE(ee_sim_authority_init(&again, CRYPTO, seed) == EE_OK);
    CHECK(memcmp(ee_sim_authority_root_key(&again), ee_sim_authority_root_key(&authority), 64) ==
          0);
    REQUIRE(ee_sim_platform_init(&other, CRYPTO, &again, seed, 8, 0) == EE_OK);
    CHECK(memcmp(other.ppid, platform.ppid, 16) == 0 && memcmp(&other.ak, &platform.ak, 96) == 0);
    REQUIRE(ee_sim_platform_init(&other, CRYPTO, &again, other_seed, 8, 0) == EE_OK);
    CHECK(memcmp(other.ppid, platform.ppid, 16) != 0);
    CHECK(ee_sim_platform_init(&other, CRYPTO, &again, seed, 0, 0) == EE_RANGE);
    /* Signatures made before a restart stay valid under the keys made after it. */
    CHECK(verify_with(ee_sim_authority_root_key(&again)) == EE_OK);
}

/* RTMR extend as in the Intel TDX module ABI: SHA-384(old || digest); 48 zero bytes twice. */
static void extending_an_rtmr_hashes_the_old_value_first(void)
{
    struct ee_sim_td a, b;
    uint8_t digest[48] = {1}, expected[48];
    ee_sim_td_for_program(CRYPTO, "p", "1", &a);
    b = a;
    REQUIRE(ee_sim_td_extend(CRYPTO, &a, 3, digest) == EE_OK);
    const struct ee_bytes parts[] = {ee_bytes_of(b.rtmr[3], 48), ee_bytes_of(digest, 48)};
    CRYPTO->sha384(parts, 2, expected);
    CHECK(memcmp(a.rtmr[3], expected, 48) == 0 && memcmp(a.rtmr, b.rtmr, 3 * 48) == 0);
    CHECK(ee_sim_td_extend(CRYPTO, &a, 4, digest) == EE_RANGE);
}

static void programs_and_versions_have_their_own_measurements(void)
{
    struct ee_sim_td a, b;
    struct ee_measurement ma, mb;
    static const char *const rows[][2] = {
        {"ee-agent", "0.1.1"}, {"ee-control", "0.1.0"}, {"ee-agent0", ".1.0"}};
    ee_sim_td_for_program(CRYPTO, "ee-agent", "0.1.0", &a);
    ee_sim_td_measurement(&a, &ma);
    for (size_t i = 0; i < 3; i++) {
        ee_sim_td_for_program(CRYPTO, rows[i][0], rows[i][1], &b);
        ee_sim_td_measurement(&b, &mb);
        CHECK(!ee_measurement_equal(&ma, &mb) && memcmp(ma.mrtd, mb.mrtd, 48) != 0);
    }
}

static void buffers_too_small_and_times_out_of_range(void)
{
    size_t size;
    REQUIRE(make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    for (size_t i = 0; i < quote_size; i += 97)
        CHECK(ee_sim_quote_write(CRYPTO, &platform, &td, report_data, EE_SIM_QUOTE_V4, quote, i,
                                 &size) == EE_TOO_LARGE);
    for (size_t i = 0; i < json_size; i += 997)
        CHECK(ee_sim_collateral_write(CRYPTO, &authority, NULL, NOW_S, json, i, &size) ==
              EE_TOO_LARGE);
    CHECK(ee_sim_collateral_write(CRYPTO, &authority, NULL, 0, json, sizeof(json), &size) ==
          EE_RANGE);
}

TESTS(TEST(healthy_quotes_of_each_format_verify_and_fields_come_back),
      TEST(each_fault_is_refused_for_its_own_reason),
      TEST(impostor_with_the_same_names_and_another_root),
      TEST(healthy_quote_is_not_accepted_under_the_production_root),
      TEST(out_of_date_platform_or_module_verifies_but_policy_refuses),
      TEST(debug_td_verifies_with_a_flag_that_policy_refuses),
      TEST(other_measurements_verify_and_differ),
      TEST(same_seed_gives_the_same_identity_and_another_another),
      TEST(extending_an_rtmr_hashes_the_old_value_first),
      TEST(programs_and_versions_have_their_own_measurements),
      TEST(buffers_too_small_and_times_out_of_range))
