/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of verification that no real quote shows, each with everything else right and signed. */
#include "forge.h"

/* Offsets in a TD report and in the QE report (SGX enclave report). */
enum {
    SVN = 0,
    MRSIGNERSEAM = 64,
    SEAM_ATTRIBUTES = 112,
    ATTRIBUTES = 120,
    SVN_2 = 584,
    SERVICE_TD = 600,
    QE_MISCSELECT = 16,
    QE_ATTRIBUTES = 48,
    QE_MRSIGNER = 128,
    QE_PRODUCT = 256,
    QE_SVN = 258,
    QE_DATA = 320,
};

#define MODULE_11 "{\"tcb\":{\"isvsvn\":6}"

/* ---- quoting enclave ---- */

static void quoting_enclaves_that_differ_in_one_field(void)
{
    static const struct {
        size_t offset;
        uint8_t value;
        enum ee_reason reason;
    } rows[] = {
        {QE_MISCSELECT, 1, EE_REASON_QE_MISCSELECT},
        {QE_ATTRIBUTES, 0x13, EE_REASON_QE_DEBUG}, /* the mask leaves this bit out: fb */
        {QE_ATTRIBUTES, 0x01, EE_REASON_QE_ATTRIBUTES},
        {QE_ATTRIBUTES + 1, 1, EE_REASON_QE_ATTRIBUTES},
        {QE_MRSIGNER + 31, 0, EE_REASON_QE_MRSIGNER},
        {QE_PRODUCT, 1, EE_REASON_QE_PRODUCT},
        {QE_DATA, 0, EE_REASON_QE_BINDING},
        {QE_DATA + 63, 1, EE_REASON_QE_BINDING}, /* the upper half counts */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        forge_qe(rows[i].offset, &rows[i].value, 1);
        CHECK(forge_verify() != EE_OK && forge_found(rows[i].reason));
    }
}

static void quoting_enclave_svn_against_its_levels(void)
{
    static const uint8_t low[2] = {3, 0}, high[2] = {0xff, 0xff};
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_qe(QE_SVN, low, 2);
    CHECK(forge_refused(EE_REASON_QE_NOT_SUPPORTED));
    CHECK(forge_found(EE_REASON_SHORT_QE));
    forge_qe(QE_SVN, high, 2);
    CHECK(forge_status(EE_TCB_UP_TO_DATE));
    forge_qe_identity("\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"Revoked\"");
    CHECK(forge_refused(EE_REASON_QE_REVOKED));
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_qe_identity("\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"OutOfDate\"");
    CHECK(forge_status(EE_TCB_OUT_OF_DATE) && forged.verdict.err == EE_OK);
    CHECK(forged.verdict.platform_status == EE_TCB_UP_TO_DATE);
}

static void attestation_key_that_is_no_point(void)
{
    static const uint8_t zero[EE_P256_POINT_SIZE];
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    uint8_t *key = forged.quote + forged.auth_at + 64, bound[32];
    memcpy(key, zero, sizeof(zero));
    const struct ee_bytes parts[] = {ee_bytes_of(key, 64),
                                     ee_bytes_of(forged.quote + forged.auth_at + 584, 32)};
    FORGE_CRYPTO->sha256(parts, 2, bound);
    forge_qe(QE_DATA, bound, 32); /* a PCK would have to be stolen to bind it */
    CHECK(forge_refused(EE_REASON_QUOTE_SIGNATURE));
}

static void signatures_of_zero_or_the_order(void)
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    static const uint8_t zero[32];
    for (size_t half = 0; half < 2; half++) {
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        memcpy(forged.quote + forged.auth_at + 32 * half, zero, 32);
        CHECK(forge_refused(EE_REASON_QUOTE_SIGNATURE));
        memcpy(forged.quote + forged.auth_at + 32 * half, order, 32);
        CHECK(forge_refused(EE_REASON_QUOTE_SIGNATURE));
    }
}

/* ---- TDX module ---- */

static void module_that_is_not_the_listed_one(void)
{
    static const uint8_t one = 1, unknown[2] = {6, 9};
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_body(MRSIGNERSEAM + 47, &one, 1);
    CHECK(forge_refused(EE_REASON_MODULE_SIGNER));
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_body(SEAM_ATTRIBUTES, &one, 1);
    CHECK(forge_refused(EE_REASON_MODULE_ATTRIBUTES));
    /* Zero is a rule of its own: a mask cannot lift it. */
    for (int i = 0; i < 2; i++)
        forge_tcb_info("\"attributesMask\":\"FFFFFFFFFFFFFFFF\"",
                       "\"attributesMask\":\"0000000000000000\"");
    CHECK(forge_refused(EE_REASON_MODULE_ATTRIBUTES));
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_body(SVN, unknown, 2);
    CHECK(forge_refused(EE_REASON_MODULE_UNKNOWN));
    CHECK(forged.verdict.module_status == EE_TCB_NOT_SUPPORTED);
}

static void module_version_in_either_case_of_hex(void)
{
    static const char *const ids[] = {"TDX_0A", "TDX_0a", "tdx_0A"};
    static const uint8_t svn[2] = {6, 0x0a};
    for (size_t i = 0; i < 3; i++) {
        char member[32];
        (void)snprintf(member, sizeof(member), "\"id\":\"%s\"", ids[i]);
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        forge_body(SVN, svn, 2);
        forge_tcb_info("\"id\":\"TDX_01\"", member);
        CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK);
    }
}

static void unversioned_module_is_judged_by_all_tdx_components(void)
{
    static const uint8_t unversioned[3] = {0, 0, EE_SIM_TDX_COMPONENT_2};
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_body(SVN, unversioned, 3);
    CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.module_status == EE_TCB_UNKNOWN);
    /* The first TDX component counts then. */
    forge_tcb_info("\"tdxtcbcomponents\":[{\"svn\":0}", "\"tdxtcbcomponents\":[{\"svn\":1}");
    CHECK(forge_status(EE_TCB_OUT_OF_DATE));
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4)); /* and not for a versioned one */
    forge_tcb_info("\"tdxtcbcomponents\":[{\"svn\":0}", "\"tdxtcbcomponents\":[{\"svn\":99}");
    CHECK(forge_status(EE_TCB_UP_TO_DATE));
}

static void module_svn_says_what_is_short_and_how_to_cure_it(void)
{
    char text[EE_FINDING_TEXT_SIZE];
    REQUIRE(forge_make(EE_SIM_MODULE_OUT_OF_DATE, EE_SIM_QUOTE_V4));
    forge_tcb_info(MODULE_11, "{\"tcb\":{\"isvsvn\":11}");
    static const uint8_t six = 6;
    forge_body(SVN, &six, 1);
    CHECK(forge_status(EE_TCB_OUT_OF_DATE));
    bool said = false;
    for (size_t i = 0; i < forged.verdict.finding_count; i++)
        said = said || strcmp(ee_attest_finding_text(&forged.verdict.findings[i], text),
                              "TDX module SVN 6, needs 11: update the TDX module") == 0;
    CHECK(said);
}

/* ---- TCB levels ---- */

static void levels_that_intersect_are_taken_highest_first(void)
{
    /* Higher in SGX components but short in TDX: does not match; the next one does. */
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_tcb_info("\"tdxtcbcomponents\":[{\"svn\":0},{\"svn\":0},{\"svn\":4}",
                   "\"tdxtcbcomponents\":[{\"svn\":0},{\"svn\":0},{\"svn\":5}");
    CHECK(forge_status(EE_TCB_OUT_OF_DATE));
    CHECK(forge_found(EE_REASON_SHORT_TDX_COMPONENT) && !forge_found(EE_REASON_SHORT_COMPONENT));
    /* Same SGX components, two PCESVNs: the higher does not match. */
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_tcb_info("\"pcesvn\":11", "\"pcesvn\":12");
    CHECK(forge_status(EE_TCB_OUT_OF_DATE) && forge_found(EE_REASON_SHORT_PCESVN));
    /* Below the level with the highest order, and below all. */
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    for (int i = 0; i < 3; i++)
        forge_tcb_info("\"pcesvn\":11", "\"pcesvn\":99");
    CHECK(forge_refused(EE_REASON_TCB_NOT_SUPPORTED));
    CHECK(forged.verdict.status == EE_TCB_NOT_SUPPORTED && forge_found(EE_REASON_SHORT_PCESVN));
}

/* The first level of the platform, with a comma. */
static void first_level(char out[FORGE_TEXT_MAX])
{
    const char *text = (const char *)forged.collateral.tcb_info.data;
    const char *start = strstr(text, "{\"tcb\":{\"sgxtcbcomponents\"");
    REQUIRE(start != NULL);
    const char *end = strstr(start, "\"tcbStatus\"");
    REQUIRE(end != NULL);
    end = strchr(end, '}') + 1;
    (void)snprintf(out, FORGE_TEXT_MAX, "%.*s,", (int)(end - start), start);
}

static void level_that_is_there_twice(void)
{
    static char first[FORGE_TEXT_MAX], both[2 * FORGE_TEXT_MAX];
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    first_level(first);
    (void)snprintf(both, sizeof(both), "%s%s", first, first);
    forge_tcb_info(first, both);
    CHECK(forge_refused(EE_REASON_COLLATERAL_LEVELS));
}

static void levels_in_another_order(void)
{
    static char first[FORGE_TEXT_MAX], last[2 * FORGE_TEXT_MAX];
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    first_level(first);
    forge_tcb_info(first, "");
    first[strlen(first) - 1] = '\0';
    (void)snprintf(last, sizeof(last), "\"tcbStatus\":\"Revoked\"},%s]}", first);
    /* Of the two lists of levels the platform's ends the document. */
    const char *modules = "\"tcbStatus\":\"Revoked\"}]}],";
    forge_tcb_info(modules, "\"tcbStatus\":\"Revoked\" }]}],");
    forge_tcb_info("\"tcbStatus\":\"Revoked\"}]}", last);
    CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK);
}

static void tcb_infos_that_are_signed_and_still_wrong(void)
{
    static const struct {
        const char *old, *new_text;
        enum ee_reason reason;
    } rows[] = {
        {"\"id\":\"TDX\"", "\"id\":\"SGX\"", EE_REASON_COLLATERAL_ID},
        {"\"version\":3", "\"version\":2", EE_REASON_COLLATERAL_VERSION},
        {"\"tcbType\":0", "\"tcbType\":1", EE_REASON_TCB_TYPE},
        {"{\"svn\":8}", "{\"svn\":256}", EE_REASON_JSON_RANGE},
        {"{\"svn\":8},", "", EE_REASON_COLLATERAL_FIELD},
        {"{\"svn\":8}", "{\"svn\":8,\"svn\":8}", EE_REASON_JSON_DUPLICATE_KEY},
        {"\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"Fine\"", EE_REASON_COLLATERAL_STATUS},
        {"\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"TDRelaunchAdvised\"",
         EE_REASON_COLLATERAL_STATUS},
        /* Modules know three statuses only. */
        {"\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"SWHardeningNeeded\"",
         EE_REASON_COLLATERAL_STATUS},
        {"\"pceId\":\"0000\"", "\"pceId\":\"0001\"", EE_REASON_PCEID_MISMATCH},
        {"{\"id\":\"TDX\"", "{\"id\":\"TDX\",\"id\":\"TDX\"", EE_REASON_JSON_DUPLICATE_KEY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
        forge_tcb_info(rows[i].old, rows[i].new_text);
        CHECK(forge_refused(rows[i].reason));
    }
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4)); /* more keys are fine: Intel adds some */
    forge_tcb_info("{\"id\":\"TDX\"", "{\"future\":[{\"a\":null}],\"id\":\"TDX\"");
    CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK);
}

static void advisories_are_a_union_and_decide_nothing(void)
{
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V4));
    forge_tcb_info("\"tcbStatus\":\"UpToDate\"",
                   "\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[\"INTEL-DOC-10000\",\"X\"]");
    forge_qe_identity("\"tcbStatus\":\"UpToDate\"",
                      "\"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[\"X\",\"Y\"]");
    CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.advisory_count == 3);
    struct ee_policy_decision d;
    CHECK(ee_attest_policy_decide(&ee_attest_policy_network, &forged.verdict, &d) == EE_OK);
}

static void effective_date_is_the_oldest_of_the_parts(void)
{
    REQUIRE(forge_make(EE_SIM_MODULE_OUT_OF_DATE, EE_SIM_QUOTE_V4));
    CHECK(forge_status(EE_TCB_OUT_OF_DATE));
    CHECK(forged.verdict.tcb_date_s == forged.verdict.module_date_s);
    CHECK(forged.verdict.module_date_s < forged.verdict.platform_date_s);
}

/* ---- TD 1.5 ---- */

static void relaunch_at_every_combination_of_launch_and_now(void)
{
    static const uint8_t old[3] = {4, 1, 4}, good[3] = {6, 1, 4}, seam_old[3] = {6, 1, 3};
    const struct {
        const uint8_t *launch, *now;
        enum ee_tcb_status status;
    } rows[] = {
        {good, good, EE_TCB_UP_TO_DATE},     {good, old, EE_TCB_UP_TO_DATE}, /* the launch counts */
        {old, old, EE_TCB_OUT_OF_DATE},      {old, good, EE_TCB_TD_RELAUNCH_ADVISED},
        {old, seam_old, EE_TCB_OUT_OF_DATE}, /* the module is new, the SEAM loader is not */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V5_TD15));
        forge_body(SVN, rows[i].launch, 3);
        forge_body(SVN_2, rows[i].now, 3);
        CHECK(forge_status(rows[i].status));
        CHECK((rows[i].status == EE_TCB_TD_RELAUNCH_ADVISED) == forge_found(EE_REASON_RELAUNCH));
    }
}

static void relaunch_does_not_hide_other_parts(void)
{
    static const uint8_t old[3] = {4, 1, 4};
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V5_TD15));
    forge_body(SVN, old, 3);
    forge_qe_identity("\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"OutOfDate\"");
    CHECK(forge_status(EE_TCB_OUT_OF_DATE)); /* launching again does not cure the QE */
    REQUIRE(forge_make(EE_SIM_PLATFORM_OUT_OF_DATE, EE_SIM_QUOTE_V5_TD15));
    forge_body(SVN, old, 3);
    CHECK(forge_status(EE_TCB_OUT_OF_DATE));
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V5_TD15));
    forge_body(SVN, old, 3);
    /* The platform's own UpToDate level, which is the second in the document. */
    forge_tcb_info("\"tdxtcbcomponents\":[{\"svn\":0},{\"svn\":0},{\"svn\":4},{\"svn\":0},"
                   "{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},"
                   "{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0}]},"
                   "\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"",
                   "\"tdxtcbcomponents\":[{\"svn\":0},{\"svn\":0},{\"svn\":4},{\"svn\":0},"
                   "{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},"
                   "{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0}]},"
                   "\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"ConfigurationNeeded\"");
    CHECK(forge_status(EE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED));
    CHECK(forge_found(EE_REASON_CONFIGURATION));
}

static void service_td_is_a_flag_and_refused_by_the_network(void)
{
    static const uint8_t one = 1;
    struct ee_policy_decision d;
    REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V5_TD15));
    forge_body(SERVICE_TD, &one, 1);
    CHECK(forge_status(EE_TCB_UP_TO_DATE));
    CHECK(forged.verdict.flags == EE_TD_FLAG_BIT(SERVICE_TD));
    CHECK(ee_attest_policy_decide(&ee_attest_policy_network, &forged.verdict, &d) != EE_OK);
    CHECK(d.rule == EE_RULE_SERVICE_TD);
}

static void padding_is_stripped_and_counted_whatever_it_holds(void)
{
    for (int i = 0; i < 2; i++) {
        REQUIRE(forge_make(EE_SIM_HEALTHY, EE_SIM_QUOTE_V5_TD15));
        size_t size = forged.quote_size;
        memset(forged.quote + size, i ? 0xa5 : 0, 3000);
        forged.quote_size += 3000;
        CHECK(forge_status(EE_TCB_UP_TO_DATE) && forged.verdict.err == EE_OK);
        CHECK(forged.verdict.quote_size == size && forged.verdict.trailing_size == 3000);
    }
}

static void all_failures_are_told_not_only_the_first(void)
{
    static const uint8_t one = 1;
    REQUIRE(forge_make(EE_SIM_PLATFORM_OUT_OF_DATE | EE_SIM_PCK_REVOKED, EE_SIM_QUOTE_V4));
    forge_qe(QE_PRODUCT, &one, 1);
    forge_body(MRSIGNERSEAM, &one, 1);
    CHECK(forge_verify() != EE_OK);
    CHECK(forge_found(EE_REASON_CERT_REVOKED) && forge_found(EE_REASON_QE_PRODUCT));
    CHECK(forge_found(EE_REASON_MODULE_SIGNER) && forge_found(EE_REASON_SHORT_COMPONENT));
    CHECK(forged.verdict.status == EE_TCB_OUT_OF_DATE);
}

TESTS(TEST(quoting_enclaves_that_differ_in_one_field), TEST(quoting_enclave_svn_against_its_levels),
      TEST(attestation_key_that_is_no_point), TEST(signatures_of_zero_or_the_order),
      TEST(module_that_is_not_the_listed_one), TEST(module_version_in_either_case_of_hex),
      TEST(unversioned_module_is_judged_by_all_tdx_components),
      TEST(module_svn_says_what_is_short_and_how_to_cure_it),
      TEST(levels_that_intersect_are_taken_highest_first), TEST(level_that_is_there_twice),
      TEST(levels_in_another_order), TEST(tcb_infos_that_are_signed_and_still_wrong),
      TEST(advisories_are_a_union_and_decide_nothing),
      TEST(effective_date_is_the_oldest_of_the_parts),
      TEST(relaunch_at_every_combination_of_launch_and_now),
      TEST(relaunch_does_not_hide_other_parts),
      TEST(service_td_is_a_flag_and_refused_by_the_network),
      TEST(padding_is_stripped_and_counted_whatever_it_holds),
      TEST(all_failures_are_told_not_only_the_first))
