/* SPDX-License-Identifier: Apache-2.0 */
/* TCB Info, QE identity, the PCK extension and the collateral file, built here and spoilt in one
 * place each. */
#include "attest/collateral.h"
#include "attest/der.h"
#include "attest/pck.h"
#include "attest/qe_identity.h"
#include "attest/tcb_info.h"
#include "base/text.h"
#include "tap.h"

#define Z15                                                                                        \
    "{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},"         \
    "{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},{\"svn\":0},"         \
    "{\"svn\":0}"
#define Z96                                                                                        \
    "000000000000000000000000000000000000000000000000"                                             \
    "000000000000000000000000000000000000000000000000"
#define LEVEL(sgx0, pce, tdx0, status)                                                             \
    "{\"tcb\":{\"sgxtcbcomponents\":[{\"svn\":" sgx0 ",\"category\":\"BIOS\"}," Z15 "],"           \
    "\"pcesvn\":" pce ",\"tdxtcbcomponents\":[{\"svn\":" tdx0 "}," Z15 "]},"                       \
    "\"tcbDate\":\"2025-08-13T00:00:00Z\",\"tcbStatus\":\"" status "\"}"
#define MODULE(id, svn)                                                                            \
    "{\"id\":\"" id "\",\"mrsigner\":\"" Z96 "\",\"attributes\":\"0000000000000000\","             \
    "\"attributesMask\":\"FFFFFFFFFFFFFFFF\",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":" svn "},"        \
    "\"tcbDate\":\"2025-08-13T00:00:00Z\",\"tcbStatus\":\"UpToDate\"}]}"
#define INFO(head, modules, levels)                                                                \
    "{" head "\"issueDate\":\"2025-12-15T00:00:00Z\",\"nextUpdate\":\"2026-01-14T00:00:00Z\","     \
    "\"fmspc\":\"A0C06F000000\",\"pceId\":\"0000\",\"tcbEvaluationDataNumber\":19,"                \
    "\"tdxModule\":{\"mrsigner\":\"" Z96 "\",\"attributes\":\"0000000000000000\","                 \
    "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},\"tdxModuleIdentities\":[" modules "],"              \
    "\"tcbLevels\":[" levels "]}"
#define HEAD "\"id\":\"TDX\",\"version\":3,\"tcbType\":0,"

static struct ee_tcb_info info;

static enum ee_reason info_decode(const char *text)
{
    return ee_attest_tcb_info_decode(ee_bytes_str(text), &info);
}

static void levels_are_sorted_whatever_their_order(void)
{
    struct ee_pck pck = {.components = {5}, .pcesvn = 10};
    uint8_t svn[16] = {9};
    REQUIRE(info_decode(INFO(
                HEAD, MODULE("TDX_01", "4"),
                LEVEL("3", "9", "1", "OutOfDate") "," LEVEL("5", "9", "9", "UpToDate") "," LEVEL(
                    "5", "10", "9", "SWHardeningNeeded"))) == EE_REASON_NONE);
    CHECK(info.level_count == 3 && info.levels[0].pcesvn == 10 && info.levels[2].sgx[0] == 3);
    CHECK(ee_attest_tcb_info_match(&info, &pck, svn) == &info.levels[0]);
    pck.pcesvn = 9;
    CHECK(ee_attest_tcb_info_match(&info, &pck, svn) == &info.levels[1]);
    svn[0] = 8;
    CHECK(ee_attest_tcb_info_match(&info, &pck, svn) == &info.levels[2]);
    svn[1] = 1; /* versioned module: its own bytes are not compared with the components */
    CHECK(ee_attest_tcb_info_match(&info, &pck, svn) == &info.levels[1]);
    pck.components[0] = 2;
    CHECK(ee_attest_tcb_info_match(&info, &pck, svn) == NULL);
    CHECK(ee_attest_tcb_info_needed(&info) == &info.levels[1]);
}

static void module_identity_is_found_in_either_case(void)
{
    REQUIRE(info_decode(INFO(HEAD, MODULE("tdx_0a", "4") "," MODULE("TDX_FUTURE", "1"),
                             LEVEL("3", "9", "1", "UpToDate"))) == EE_REASON_NONE);
    CHECK(ee_attest_tcb_info_module(&info, 0x0a) == &info.identities[0]);
    CHECK(ee_attest_tcb_info_module(&info, 0) == &info.module);
    CHECK(ee_attest_tcb_info_module(&info, 1) == NULL && info.identity_count == 1);
}

static void tcb_infos_that_are_wrong_in_one_place(void)
{
#define GOOD_LEVEL LEVEL("3", "9", "1", "UpToDate")
#define GOOD_MODULE MODULE("TDX_01", "4")
    static const struct {
        const char *wrong;
        const char *text;
        enum ee_reason reason;
    } cases[] = {
        {"id SGX", INFO("\"id\":\"SGX\",\"version\":3,\"tcbType\":0,", GOOD_MODULE, GOOD_LEVEL),
         EE_REASON_COLLATERAL_ID},
        {"version 2", INFO("\"id\":\"TDX\",\"version\":2,\"tcbType\":0,", GOOD_MODULE, GOOD_LEVEL),
         EE_REASON_COLLATERAL_VERSION},
        {"tcbType 1", INFO("\"id\":\"TDX\",\"version\":3,\"tcbType\":1,", GOOD_MODULE, GOOD_LEVEL),
         EE_REASON_TCB_TYPE},
        {"no tcbType", INFO("\"id\":\"TDX\",\"version\":3,", GOOD_MODULE, GOOD_LEVEL),
         EE_REASON_COLLATERAL_FIELD},
        {"id twice", INFO(HEAD "\"id\":\"TDX\",", GOOD_MODULE, GOOD_LEVEL),
         EE_REASON_JSON_DUPLICATE_KEY},
        {"no levels", INFO(HEAD, GOOD_MODULE, ""), EE_REASON_COLLATERAL_LEVELS},
        {"level twice", INFO(HEAD, GOOD_MODULE, GOOD_LEVEL "," GOOD_LEVEL),
         EE_REASON_COLLATERAL_LEVELS},
        {"module twice", INFO(HEAD, GOOD_MODULE "," GOOD_MODULE, GOOD_LEVEL),
         EE_REASON_COLLATERAL_LEVELS},
        {"status", INFO(HEAD, GOOD_MODULE, LEVEL("3", "9", "1", "Fine")),
         EE_REASON_COLLATERAL_STATUS},
        {"svn 256", INFO(HEAD, GOOD_MODULE, LEVEL("256", "9", "1", "UpToDate")),
         EE_REASON_JSON_RANGE},
        {"svn -1", INFO(HEAD, GOOD_MODULE, LEVEL("-1", "9", "1", "UpToDate")), EE_REASON_JSON_TYPE},
        {"svn text", INFO(HEAD, GOOD_MODULE, LEVEL("\"3\"", "9", "1", "UpToDate")),
         EE_REASON_JSON_TYPE},
        {"17 components", INFO(HEAD, GOOD_MODULE, LEVEL("3},{\"svn\":1", "9", "1", "UpToDate")),
         EE_REASON_COLLATERAL_FIELD},
        {"pcesvn 65536", INFO(HEAD, GOOD_MODULE, LEVEL("3", "65536", "1", "UpToDate")),
         EE_REASON_JSON_RANGE},
        {"trailing text", INFO(HEAD, GOOD_MODULE, GOOD_LEVEL) "x", EE_REASON_JSON_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum ee_reason reason = info_decode(cases[i].text);
        if (reason != cases[i].reason)
            printf("# %s: %s\n", cases[i].wrong, ee_attest_reason_name(reason));
        CHECK(reason == cases[i].reason);
    }
    CHECK(info_decode(INFO(HEAD "\"new\":[{\"x\":null}],", GOOD_MODULE, GOOD_LEVEL)) ==
          EE_REASON_NONE);
}

#define QE(id, version, more, levels)                                                              \
    "{\"id\":\"" id "\",\"version\":" version ",\"issueDate\":\"2025-12-15T00:00:00Z\","           \
    "\"nextUpdate\":\"2026-01-14T00:00:00Z\",\"tcbEvaluationDataNumber\":19,"                      \
    "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","                                 \
    "\"attributes\":\"11000000000000000000000000000000\","                                         \
    "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","                                     \
    "\"mrsigner\":\"DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5\"," more      \
    "\"tcbLevels\":[" levels "]}"
#define QE_LEVEL(svn, status)                                                                      \
    "{\"tcb\":{\"isvsvn\":" svn "},\"tcbDate\":\"2025-05-14T00:00:00Z\",\"tcbStatus\":\"" status   \
    "\"}"
#define PRODUCT "\"isvprodid\":2,"

static void qe_identities_that_are_wrong_in_one_place(void)
{
    static const struct {
        const char *text;
        enum ee_reason reason;
    } cases[] = {
        {QE("TD_QE", "2", PRODUCT, QE_LEVEL("4", "UpToDate")), EE_REASON_NONE},
        {QE("QE", "2", PRODUCT, QE_LEVEL("4", "UpToDate")), EE_REASON_COLLATERAL_ID},
        {QE("TD_QE", "1", PRODUCT, QE_LEVEL("4", "UpToDate")), EE_REASON_COLLATERAL_VERSION},
        {QE("TD_QE", "2", "", QE_LEVEL("4", "UpToDate")), EE_REASON_COLLATERAL_FIELD},
        {QE("TD_QE", "2", PRODUCT, ""), EE_REASON_COLLATERAL_LEVELS},
        {QE("TD_QE", "2", PRODUCT, QE_LEVEL("4", "UpToDate") "," QE_LEVEL("4", "OutOfDate")),
         EE_REASON_COLLATERAL_LEVELS},
        {QE("TD_QE", "2", PRODUCT, QE_LEVEL("4", "ConfigurationNeeded")),
         EE_REASON_COLLATERAL_STATUS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ee_qe_identity identity;
        CHECK(ee_attest_qe_identity_decode(ee_bytes_str(cases[i].text), &identity) ==
              cases[i].reason);
    }
}

static void quoting_enclaves_that_are_not_the_listed_one(void)
{
    struct ee_qe_identity identity;
    enum ee_reason reasons[EE_QE_FINDINGS_MAX];
    struct ee_sgx_report good = {.product_id = 2};
    REQUIRE(ee_attest_qe_identity_decode(
                ee_bytes_str(QE("TD_QE", "2", PRODUCT,
                                QE_LEVEL("4", "OutOfDate") "," QE_LEVEL("6", "UpToDate"))),
                &identity) == EE_REASON_NONE);
    CHECK(identity.levels.level[0].svn == 6);
    CHECK(ee_attest_svn_levels_match(&identity.levels, 5)->svn == 4);
    CHECK(ee_attest_svn_levels_match(&identity.levels, 3) == NULL);
    memcpy(good.mrsigner, identity.mrsigner, sizeof(good.mrsigner));
    good.attributes[0] = 0x15; /* bit 2 is outside the mask */
    good.attributes[8] = 0xe7; /* XFRM is too */
    CHECK(ee_attest_qe_identity_compare(&identity, &good, reasons) == 0);
    struct ee_sgx_report bad = good;
    bad.miscselect = 1;
    CHECK(ee_attest_qe_identity_compare(&identity, &bad, reasons) == 1 &&
          reasons[0] == EE_REASON_QE_MISCSELECT);
    bad = good;
    bad.mrsigner[31] ^= 1;
    CHECK(ee_attest_qe_identity_compare(&identity, &bad, reasons) == 1 &&
          reasons[0] == EE_REASON_QE_MRSIGNER);
    bad = good;
    bad.product_id = 1;
    CHECK(ee_attest_qe_identity_compare(&identity, &bad, reasons) == 1 &&
          reasons[0] == EE_REASON_QE_PRODUCT);
    bad = good;
    bad.attributes[0] |= 2;
    CHECK(ee_attest_qe_identity_compare(&identity, &bad, reasons) == 2 &&
          reasons[1] == EE_REASON_QE_DEBUG);
}

/* A DER item from parts; sizes here are below 64 KiB. */
static void der(struct ee_writer *w, uint8_t tag, struct ee_bytes content)
{
    ee_writer_u8(w, tag);
    if (content.size >= 0x100) {
        ee_writer_u8(w, 0x82);
        ee_writer_u8(w, (uint8_t)(content.size >> 8));
    } else if (content.size >= 0x80) {
        ee_writer_u8(w, 0x81);
    }
    ee_writer_u8(w, (uint8_t)content.size);
    ee_writer_bytes(w, content.data, content.size);
}

/* SEQUENCE { 1.2.840.113741.1.13.1.arcs, value } */
static void member(struct ee_writer *out, const char *arcs, size_t arc_count, uint8_t tag,
                   struct ee_bytes value)
{
    uint8_t inner[1024], oid[16] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
    struct ee_writer w;
    memcpy(oid + 9, arcs, arc_count);
    ee_writer_init(&w, inner, sizeof(inner));
    der(&w, EE_DER_OID, ee_bytes_of(oid, 9 + arc_count));
    der(&w, tag, value);
    der(out, EE_DER_SEQUENCE, ee_writer_done(&w));
}

enum pck_fault {
    PCK_GOOD,
    PCK_NO_TCB,
    PCK_TWICE,
    PCK_FMSPC_SHORT,
    PCK_SVN_256,
    PCK_UNKNOWN,
    PCK_TRAILING,
    PCK_COMPONENT_MISSING
};

static enum ee_reason pck_build(enum pck_fault fault, struct ee_pck *out)
{
    static const uint8_t zeros[16] = {0};
    uint8_t body[2048], tcb[1024], whole[2048];
    struct ee_writer w, t;
    ee_writer_init(&t, tcb, sizeof(tcb));
    for (char i = 18; i >= 1; i--) { /* order is free */
        char arcs[2] = {2, i};
        const char svn[2] = {0, (char)0x81};
        if (i == 18)
            member(&t, arcs, 2, EE_DER_OCTET_STRING, ee_bytes_of(zeros, 16));
        else if (i == 3 && fault == PCK_SVN_256)
            member(&t, arcs, 2, EE_DER_INTEGER, ee_bytes_of("\x01\x00", 2));
        else if (i != 5 || fault != PCK_COMPONENT_MISSING)
            member(&t, arcs, 2, EE_DER_INTEGER, ee_bytes_of(svn, 2));
    }
    ee_writer_init(&w, body, sizeof(body));
    member(&w, "\x04", 1, EE_DER_OCTET_STRING,
           ee_bytes_of("\x90\xc0\x6f\0\0\0", fault == PCK_FMSPC_SHORT ? 5 : 6));
    member(&w, "\x01", 1, EE_DER_OCTET_STRING, ee_bytes_of(zeros, 16));
    if (fault != PCK_NO_TCB)
        member(&w, "\x02", 1, EE_DER_SEQUENCE, ee_writer_done(&t));
    member(&w, "\x03", 1, EE_DER_OCTET_STRING, ee_bytes_of(zeros, 2));
    if (fault == PCK_TWICE)
        member(&w, "\x03", 1, EE_DER_OCTET_STRING, ee_bytes_of(zeros, 2));
    if (fault == PCK_UNKNOWN)
        member(&w, "\x09", 1, EE_DER_OCTET_STRING, ee_bytes_of(zeros, 2));
    member(&w, "\x05", 1, EE_DER_ENUMERATED, ee_bytes_of("\x01", 1));
    struct ee_bytes content = ee_writer_done(&w);
    struct ee_writer all;
    ee_writer_init(&all, whole, sizeof(whole));
    der(&all, EE_DER_SEQUENCE, content);
    if (fault == PCK_TRAILING)
        ee_writer_u8(&all, 0);
    return ee_attest_pck_decode(ee_writer_done(&all), out);
}

static void pck_extensions_that_are_wrong_in_one_place(void)
{
    struct ee_pck pck;
    REQUIRE(pck_build(PCK_GOOD, &pck) == EE_REASON_NONE);
    CHECK(pck.components[0] == 0x81 && pck.components[15] == 0x81 && pck.pcesvn == 0x81);
    CHECK(pck.fmspc[0] == 0x90 && pck.sgx_type == 1 && !pck.has_instance);
    for (enum pck_fault fault = PCK_NO_TCB; fault <= PCK_COMPONENT_MISSING; fault++)
        CHECK(pck_build(fault, &pck) == EE_REASON_PCK_EXTENSION);
}

static void collateral_files_that_are_wrong_in_one_place(void)
{
    static const struct {
        const char *text;
        enum ee_reason reason;
    } cases[] = {
        {"{}", EE_REASON_NONE},
        {"{\"pck_crl\":\"\",\"other\":[1,{\"a\":2}]}", EE_REASON_NONE},
        {"[]", EE_REASON_JSON_TYPE},
        {"", EE_REASON_JSON_SYNTAX},
        {"{\"tcb_info\":{}}", EE_REASON_JSON_TYPE},
        {"{\"tcb_info\":\"\\ud800\"}", EE_REASON_JSON_SYNTAX},
        {"{\"tcb_info\":\"a\",\"tcb_info\":\"b\"}", EE_REASON_JSON_DUPLICATE_KEY},
        {"{\"tcb_info_signature\":\"00\"}", EE_REASON_COLLATERAL_ENCODING},
        {"{\"pck_crl\":\"zz\"}", EE_REASON_COLLATERAL_ENCODING},
        {"{\"pck_crl\":\"-----BEGIN CERTIFICATE-----\"}", EE_REASON_PEM_SYNTAX},
        {"{\"tcb_info_issuer_chain\":\"hello\"}", EE_REASON_PEM_SYNTAX},
        {"{} x", EE_REASON_JSON_SYNTAX},
    };
    uint8_t scratch[256];
    struct ee_collateral collateral;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK(ee_attest_collateral_decode(ee_bytes_str(cases[i].text), scratch, sizeof(scratch),
                                          &collateral) == cases[i].reason);
    CHECK(ee_attest_collateral_decode(ee_bytes_str("{\"tcb_info\":\"abc\"}"), scratch, 2,
                                      &collateral) == EE_REASON_COLLATERAL_TOO_LARGE);
}

static void crl_as_pem_equals_crl_as_hex(void)
{
    uint8_t scratch[256];
    struct ee_collateral c;
    REQUIRE(ee_attest_collateral_decode(
                ee_bytes_str("{\"pck_crl\":\"-----BEGIN X509 CRL-----\\nAQID\\n-----END X509 "
                             "CRL-----\\n\",\"root_ca_crl\":\"010203\"}"),
                scratch, sizeof(scratch), &c) == EE_REASON_NONE);
    CHECK(c.pck_crl.size == 3 && ee_bytes_equal(c.pck_crl, c.root_crl));
}

/* ---- Spoilt by exchanging one text for another ---- */

static const char good_info[] = INFO(HEAD, GOOD_MODULE, GOOD_LEVEL);
static const char good_qe[] = QE("TD_QE", "2", PRODUCT, QE_LEVEL("4", "UpToDate"));

struct spoilt {
    const char *from, *to; /* the first `from` */
    enum ee_reason reason;
};

static enum ee_reason decode(const char *text)
{
    struct ee_qe_identity identity;
    return strstr(text, "TD_QE") ? ee_attest_qe_identity_decode(ee_bytes_str(text), &identity)
                                 : info_decode(text);
}

static void each_refused(const char *good, const struct spoilt *cases, size_t count)
{
    static char text[16384];
    CHECK(decode(good) == EE_REASON_NONE);
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(good, cases[i].from);
        REQUIRE(at);
        (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, cases[i].to,
                       at + strlen(cases[i].from));
        enum ee_reason reason = decode(text);
        if (reason != cases[i].reason)
            printf("# %s -> %s: %s\n", cases[i].from, cases[i].to, ee_attest_reason_name(reason));
        CHECK(reason == cases[i].reason);
    }
}

#define DEEP "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]" /* 16 within the object */

static void arrays_and_values_of_the_wrong_length(void)
{
    static const struct spoilt infos[] = {
        {"[{\"svn\":3,\"category\":\"BIOS\"},", "[", EE_REASON_COLLATERAL_FIELD}, /* 15 */
        {"[{\"svn\":1},", "[", EE_REASON_COLLATERAL_FIELD},
        {"[{\"svn\":1},", "[{\"svn\":1},{\"svn\":1},", EE_REASON_COLLATERAL_FIELD},
        {"\"tdxtcbcomponents\":[", "\"tdxtcbcomponents\":[],\"x\":[", EE_REASON_COLLATERAL_FIELD},
        {"\"sgxtcbcomponents\":[", "\"sgxtcbcomponents\":{},\"x\":[", EE_REASON_JSON_TYPE},
        {"{\"svn\":3,", "{", EE_REASON_COLLATERAL_FIELD},
        {"A0C06F000000", "A0C06F0000", EE_REASON_JSON_TYPE},
        {"A0C06F000000", "A0C06F00000000", EE_REASON_JSON_TYPE},
        {"\"pceId\":\"0000\"", "\"pceId\":\"00\"", EE_REASON_JSON_TYPE},
        {Z96, "00" Z96, EE_REASON_JSON_TYPE},
        {"\"attributes\":\"0000000000000000\"", "\"attributes\":\"00\"", EE_REASON_JSON_TYPE},
        {"FFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFF", EE_REASON_JSON_TYPE},
        {"2025-12-15T00:00:00Z", "2025-12-15", EE_REASON_JSON_TYPE},
        {"2026-01-14T00:00:00Z", "2026-02-30T00:00:00Z", EE_REASON_JSON_TYPE},
        {"\"isvsvn\":4", "\"isvsvn\":65536", EE_REASON_JSON_RANGE},
        {"{\"isvsvn\":4}", "{}", EE_REASON_COLLATERAL_FIELD},
    };
    static const struct spoilt qes[] = {
        {"\"00000000\"", "\"000000\"", EE_REASON_JSON_TYPE},
        {"\"FFFFFFFF\"", "\"FFFFFFFFFF\"", EE_REASON_JSON_TYPE},
        {"\"11000000000000000000000000000000\"", "\"1100\"", EE_REASON_JSON_TYPE},
        {"FBFFFFFFFFFFFFFF0000000000000000", "FBFFFFFFFFFFFFFF00000000000000", EE_REASON_JSON_TYPE},
        {"DC9E2A7C", "", EE_REASON_JSON_TYPE},
        {"\"isvprodid\":2", "\"isvprodid\":65536", EE_REASON_JSON_RANGE},
        {"\"isvsvn\":4", "\"isvsvn\":\"4\"", EE_REASON_JSON_TYPE},
    };
    each_refused(good_info, infos, sizeof(infos) / sizeof(infos[0]));
    each_refused(good_qe, qes, sizeof(qes) / sizeof(qes[0]));
}

static void unknown_statuses_and_members_twice(void)
{
    static const struct spoilt infos[] = {
        {"\"UpToDate\"", "\"uptodate\"", EE_REASON_COLLATERAL_STATUS}, /* of a module */
        {"\"UpToDate\"", "\"\"", EE_REASON_COLLATERAL_STATUS},
        {"\"UpToDate\"", "\"SWHardeningNeeded\"", EE_REASON_COLLATERAL_STATUS},
        {"\"UpToDate\"", "\"TDRelaunchAdvised\"", EE_REASON_COLLATERAL_STATUS},
        {"\"UpToDate\"", "\"UpToDate \"", EE_REASON_COLLATERAL_STATUS},
        {"\"UpToDate\"", "\"UpTo\\u0044ate\"", EE_REASON_JSON_SYNTAX},
        {"\"UpToDate\"", "null", EE_REASON_JSON_TYPE},
        {"\"svn\":3,", "\"svn\":3,\"svn\":3,", EE_REASON_JSON_DUPLICATE_KEY},
        {"\"pcesvn\":9,", "\"pcesvn\":9,\"pcesvn\":9,", EE_REASON_JSON_DUPLICATE_KEY},
        {"\"isvsvn\":4", "\"isvsvn\":4,\"isvsvn\":4", EE_REASON_JSON_DUPLICATE_KEY},
        {"{\"id\":\"TDX_01\",", "{\"id\":\"TDX_01\",\"id\":\"TDX_01\",",
         EE_REASON_JSON_DUPLICATE_KEY},
        {"\"tcbType\":0,", "\"tcbType\":0,\"tcbLevels\":[" GOOD_LEVEL "],",
         EE_REASON_JSON_DUPLICATE_KEY},
        {"\"tcbType\":0,", "\"tcbType\":0,\"x\":{\"a\":1,\"a\":2},", EE_REASON_JSON_DUPLICATE_KEY},
        {"\"tcbType\"", "\"tcbT\\u0079pe\"", EE_REASON_JSON_SYNTAX}, /* equal when resolved */
        {"\"tcbType\":0,", "\"tcbType\":0,\"x\":" DEEP ",", EE_REASON_JSON_DEPTH},
    };
    static const struct spoilt qes[] = {
        {"\"UpToDate\"", "\"Fine\"", EE_REASON_COLLATERAL_STATUS},
        {"\"UpToDate\"", "\"OutOfDateConfigurationNeeded\"", EE_REASON_COLLATERAL_STATUS},
        {"\"version\":2,", "\"version\":2,\"version\":2,", EE_REASON_JSON_DUPLICATE_KEY},
        {"\"isvprodid\":2,", "\"isvprodid\":2,\"isvprodid\":2,", EE_REASON_JSON_DUPLICATE_KEY},
        {"\"tcbDate\"", "\"tcbStatus\":\"UpToDate\",\"tcbDate\"", EE_REASON_JSON_DUPLICATE_KEY},
        {"\"version\":2,", "\"version\":2,\"x\":" DEEP ",", EE_REASON_JSON_DEPTH},
    };
    each_refused(good_info, infos, sizeof(infos) / sizeof(infos[0]));
    each_refused(good_qe, qes, sizeof(qes) / sizeof(qes[0]));
}

/* One more of `one` (a printf form of its number) than `limit`, in place of `from`. */
static enum ee_reason many(const char *good, const char *from, const char *one, size_t limit)
{
    static char text[2 * EE_SIGNED_JSON_MAX];
    const char *at = strstr(good, from);
    size_t size = (size_t)(at - good);
    memcpy(text, good, size);
    for (unsigned i = 0; i <= limit && size < sizeof(text) - 2048; i++) {
        size_t length = strlen(one);
        size += (size_t)snprintf(text + size, 2048, "%s", i ? "," : "");
        for (size_t k = 0; k < length; k++) { /* '#' is the number */
            if (one[k] == '#')
                size += (size_t)snprintf(text + size, 16, "%u", i + 10);
            else
                text[size++] = one[k];
        }
    }
    (void)snprintf(text + size, sizeof(text) - size, "%s", at + strlen(from));
    return decode(text);
}

static void documents_with_one_more_than_their_bounds(void)
{
    static char large[EE_SIGNED_JSON_MAX + 2];
    CHECK(many(good_info, GOOD_LEVEL, LEVEL("3", "#", "1", "UpToDate"), EE_TCB_LEVELS_MAX - 1) ==
          EE_REASON_NONE);
    CHECK(many(good_info, GOOD_LEVEL, LEVEL("3", "#", "1", "UpToDate"), EE_TCB_LEVELS_MAX) ==
          EE_REASON_COLLATERAL_LEVELS);
    CHECK(many(good_info, GOOD_MODULE, MODULE("TDX_#", "4"), EE_MODULE_IDENTITIES_MAX - 1) ==
          EE_REASON_NONE);
    CHECK(many(good_info, GOOD_MODULE, MODULE("TDX_#", "4"), EE_MODULE_IDENTITIES_MAX) ==
          EE_REASON_COLLATERAL_LEVELS);
    CHECK(many(good_qe, QE_LEVEL("4", "UpToDate"), QE_LEVEL("#", "UpToDate"),
               EE_SVN_LEVELS_MAX - 1) == EE_REASON_NONE);
    CHECK(many(good_qe, QE_LEVEL("4", "UpToDate"), QE_LEVEL("#", "UpToDate"), EE_SVN_LEVELS_MAX) ==
          EE_REASON_COLLATERAL_LEVELS);
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, good_info, sizeof(good_info) - 1);
    CHECK(decode(large) == EE_REASON_JSON_TOO_LARGE);
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, good_qe, sizeof(good_qe) - 1);
    CHECK(decode(large) == EE_REASON_JSON_TOO_LARGE);
}

TESTS(TEST(arrays_and_values_of_the_wrong_length), TEST(unknown_statuses_and_members_twice),
      TEST(documents_with_one_more_than_their_bounds), TEST(levels_are_sorted_whatever_their_order),
      TEST(module_identity_is_found_in_either_case), TEST(tcb_infos_that_are_wrong_in_one_place),
      TEST(qe_identities_that_are_wrong_in_one_place),
      TEST(quoting_enclaves_that_are_not_the_listed_one),
      TEST(pck_extensions_that_are_wrong_in_one_place),
      TEST(collateral_files_that_are_wrong_in_one_place), TEST(crl_as_pem_equals_crl_as_hex))
