/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/quote.h"
#include "attest/verify.h"
#include "tap.h"

enum { CERT_SIZE = 5, AUTH_SIZE = 3 };

/* How a built quote differs from a good one. */
struct shape {
    uint16_t version, key_type, body_type, outer_type, inner_type;
    uint32_t tee_type, body_size;
    int auth_more, outer_more, inner_more; /* added to the declared sizes */
    size_t trailing;
};

static const struct shape good_v4 = {.version = 4,
                                     .key_type = EE_QUOTE_KEY_TYPE_P256,
                                     .body_type = EE_BODY_TD_10,
                                     .outer_type = EE_CERT_DATA_QE_REPORT,
                                     .inner_type = EE_CERT_DATA_PCK_CHAIN,
                                     .tee_type = EE_TEE_TYPE_TDX,
                                     .body_size = EE_TD_10_SIZE};

static void fill(struct ee_writer *w, uint8_t value, size_t size)
{
    while (size--)
        ee_writer_u8(w, value);
}

static struct ee_bytes build(const struct shape *s, uint8_t *buffer, size_t capacity)
{
    struct ee_writer w;
    size_t nested = EE_SGX_REPORT_SIZE + 64 + 2 + AUTH_SIZE + 6 + CERT_SIZE;
    ee_writer_init(&w, buffer, capacity);
    ee_writer_u16le(&w, s->version);
    ee_writer_u16le(&w, s->key_type);
    ee_writer_u32le(&w, s->tee_type);
    fill(&w, 0, 4);
    ee_writer_bytes(&w, ee_attest_qe_vendor_intel, 16);
    fill(&w, 0xaa, 20);
    if (s->version == 5) {
        ee_writer_u16le(&w, s->body_type);
        ee_writer_u32le(&w, s->body_size);
    }
    for (uint32_t i = 0; i < s->body_size; i++)
        ee_writer_u8(&w, (uint8_t)(i / 8));
    ee_writer_u32le(&w, (uint32_t)((int)nested + 134 + s->auth_more));
    fill(&w, 0xa1, 64);
    fill(&w, 0xa2, 64);
    ee_writer_u16le(&w, s->outer_type);
    ee_writer_u32le(&w, (uint32_t)((int)nested + s->outer_more));
    fill(&w, 0xa3, EE_SGX_REPORT_SIZE);
    fill(&w, 0xa4, 64);
    ee_writer_u16le(&w, AUTH_SIZE);
    fill(&w, 0xa5, AUTH_SIZE);
    ee_writer_u16le(&w, s->inner_type);
    ee_writer_u32le(&w, (uint32_t)(CERT_SIZE + s->inner_more));
    fill(&w, 0xa6, CERT_SIZE);
    fill(&w, 0, s->trailing);
    return ee_writer_done(&w);
}

static void offsets_of_a_version_4_quote(void)
{
    uint8_t buffer[2048];
    struct ee_quote q;
    struct ee_bytes bytes = build(&good_v4, buffer, sizeof(buffer));
    REQUIRE(ee_attest_quote_decode(bytes, &q, NULL) == EE_REASON_NONE);
    CHECK(q.signed_part.size == 632 && q.size == bytes.size && q.trailing_size == 0);
    CHECK(q.td.tee_tcb_svn[0] == 0 && q.td.mrseam[0] == 2 && q.td.mrsignerseam[0] == 8);
    CHECK(q.td.seam_attributes == UINT64_C(0x0e0e0e0e0e0e0e0e) && (q.td.attributes & 0xff) == 15);
    CHECK((q.td.xfam & 0xff) == 16 && q.td.mrtd[0] == 17 && q.td.mrconfigid[0] == 23);
    CHECK(q.td.rtmr[0][0] == 41 && q.td.rtmr[3][0] == 59 && q.td.report_data[0] == 65);
    CHECK(q.signature[0] == 0xa1 && q.attestation_key[0] == 0xa2 && q.qe_report.data[0] == 0xa3);
    CHECK(q.qe_signature[0] == 0xa4 && q.qe_auth.size == AUTH_SIZE &&
          q.cert_data.size == CERT_SIZE);
}

static void bodies_of_version_5_quotes(void)
{
    static const struct {
        uint16_t type;
        uint32_t size;
    } bodies[] = {{EE_BODY_TD_10, 584}, {EE_BODY_TD_15, 648}, {EE_BODY_TD_15_EXTENDED, 885}};
    for (size_t i = 0; i < 3; i++) {
        uint8_t buffer[2048];
        struct ee_quote q;
        struct shape s = good_v4;
        s.version = 5;
        s.body_type = bodies[i].type;
        s.body_size = bodies[i].size;
        struct ee_bytes bytes = build(&s, buffer, sizeof(buffer));
        REQUIRE(ee_attest_quote_decode(bytes, &q, NULL) == EE_REASON_NONE);
        CHECK(q.signed_part.size == 54 + bodies[i].size && q.body_type == bodies[i].type);
        CHECK(q.td.mrservicetd[0] == (bodies[i].type == EE_BODY_TD_10 ? 0 : 600 / 8));
        bool extended = bodies[i].type == EE_BODY_TD_15_EXTENDED;
        CHECK(q.td.current_servicetd[3] == (extended ? 832 / 8 : 0));
        CHECK(q.td.td_id[0] == (extended ? 649 / 8 : 0));
        CHECK(q.td.device_info[0] == (extended ? 681 / 8 : 0));
        CHECK(q.td.initial_servicetd[0] == (extended ? 729 / 8 : 0));
        CHECK(q.td.initial_tee_tcb_svn[0] == (extended ? 801 / 8 : 0));
    }
}

static void quotes_that_are_wrong_in_one_place(void)
{
    static const struct {
        const char *wrong;
        struct shape s;
        enum ee_reason reason;
    } cases[] = {
        {"version 3", {3, 2, 2, 6, 5, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_VERSION},
        {"version 6", {6, 2, 2, 6, 5, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_VERSION},
        {"P-384 key", {4, 3, 2, 6, 5, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_KEY_TYPE},
        {"SGX", {4, 2, 2, 6, 5, 0, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_TEE_TYPE},
        {"SGX body", {5, 2, 1, 6, 5, 0x81, 384, 0, 0, 0, 0}, EE_REASON_QUOTE_BODY_TYPE},
        {"body type 5", {5, 2, 5, 6, 5, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_BODY_TYPE},
        {"body size", {5, 2, 3, 6, 5, 0x81, 640, 0, 0, 0, 0}, EE_REASON_QUOTE_BODY_SIZE},
        {"outer type 5", {4, 2, 2, 5, 5, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_CERT_TYPE},
        {"inner type 0", {4, 2, 2, 6, 0, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_INNER_TYPE},
        {"inner type 6", {4, 2, 2, 6, 6, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_INNER_TYPE},
        {"inner type 8", {4, 2, 2, 6, 8, 0x81, 584, 0, 0, 0, 0}, EE_REASON_QUOTE_INNER_TYPE},
        {"auth + 1", {4, 2, 2, 6, 5, 0x81, 584, 1, 0, 0, 0}, EE_REASON_QUOTE_TRUNCATED},
        {"auth - 1", {4, 2, 2, 6, 5, 0x81, 584, -1, 0, 0, 0}, EE_REASON_QUOTE_SIZES},
        {"auth + 1 padded", {4, 2, 2, 6, 5, 0x81, 584, 1, 0, 0, 9}, EE_REASON_QUOTE_SIZES},
        {"outer + 1", {4, 2, 2, 6, 5, 0x81, 584, 0, 1, 0, 9}, EE_REASON_QUOTE_SIZES},
        {"outer - 1", {4, 2, 2, 6, 5, 0x81, 584, 0, -1, 0, 0}, EE_REASON_QUOTE_SIZES},
        {"inner + 1", {4, 2, 2, 6, 5, 0x81, 584, 0, 0, 1, 9}, EE_REASON_QUOTE_SIZES},
        {"inner - 1", {4, 2, 2, 6, 5, 0x81, 584, 0, 0, -1, 0}, EE_REASON_QUOTE_SIZES},
        {"inner - 6", {4, 2, 2, 6, 5, 0x81, 584, 0, 0, -6, 0}, EE_REASON_QUOTE_SIZES},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buffer[2048];
        struct ee_quote q;
        struct ee_finding f = {0};
        struct ee_bytes bytes = build(&cases[i].s, buffer, sizeof(buffer));
        enum ee_reason reason = ee_attest_quote_decode(bytes, &q, &f);
        if (reason != cases[i].reason)
            printf("# %s: %s\n", cases[i].wrong, ee_attest_reason_name(reason));
        CHECK(reason == cases[i].reason && f.reason == reason);
    }
}

static void quote_with_another_vendor_empty_huge_or_of_a_paravisor(void)
{
    static uint8_t buffer[EE_QUOTE_MAX + 1];
    struct ee_quote q;
    struct ee_bytes bytes = build(&good_v4, buffer, sizeof(buffer));
    buffer[12] ^= 1;
    CHECK(ee_attest_quote_decode(bytes, &q, NULL) == EE_REASON_QUOTE_VENDOR);
    CHECK(ee_attest_quote_decode(ee_bytes_of(NULL, 0), &q, NULL) == EE_REASON_QUOTE_EMPTY);
    CHECK(ee_attest_quote_decode(ee_bytes_of(buffer, sizeof(buffer)), &q, NULL) ==
          EE_REASON_QUOTE_TOO_LARGE);
    CHECK(ee_attest_quote_decode(ee_bytes_str("HCLA, and more"), &q, NULL) == EE_REASON_QUOTE_HCL);
}

static void every_prefix_is_refused_and_padding_is_reported(void)
{
    uint8_t buffer[2048];
    struct ee_quote q;
    struct shape padded = good_v4;
    padded.trailing = 70;
    struct ee_bytes bytes = build(&padded, buffer, sizeof(buffer));
    REQUIRE(ee_attest_quote_decode(bytes, &q, NULL) == EE_REASON_NONE);
    CHECK(q.trailing_size == 70 && q.size == bytes.size - 70);
    for (size_t size = 0; size < bytes.size - 70; size++)
        CHECK(ee_attest_quote_decode(ee_bytes_of(buffer, size), &q, NULL) != EE_REASON_NONE);
}

static void attribute_bits_and_their_flags(void)
{
    static const struct {
        uint64_t attributes;
        uint32_t flags;
    } cases[] = {
        {EE_TD_SEPT_VE_DISABLE, 0},
        {0, EE_TD_FLAG_BIT(SEPT_VE_DISABLE_OFF)},
        {EE_TD_SEPT_VE_DISABLE | 1, EE_TD_FLAG_BIT(DEBUG)},
        {EE_TD_SEPT_VE_DISABLE | 2, EE_TD_FLAG_BIT(RESERVED)},
        {EE_TD_SEPT_VE_DISABLE | 1 << 4, EE_TD_FLAG_BIT(RESERVED)},
        {EE_TD_SEPT_VE_DISABLE | 1 << 8, EE_TD_FLAG_BIT(RESERVED)},
        {EE_TD_SEPT_VE_DISABLE | UINT64_C(1) << 61, EE_TD_FLAG_BIT(RESERVED)},
        {EE_TD_SEPT_VE_DISABLE | EE_TD_MIGRATABLE, EE_TD_FLAG_BIT(MIGRATABLE)},
        {EE_TD_SEPT_VE_DISABLE | EE_TD_PKS, EE_TD_FLAG_BIT(PKS)},
        {EE_TD_SEPT_VE_DISABLE | EE_TD_KEY_LOCKER, EE_TD_FLAG_BIT(KEY_LOCKER)},
        {EE_TD_SEPT_VE_DISABLE | EE_TD_PERFMON, EE_TD_FLAG_BIT(PERFMON)},
        {EE_TD_SEPT_VE_DISABLE | EE_TD_LASS | EE_TD_ICSSD | EE_TD_TPA, 0},
    };
    struct ee_td_report td = {.xfam = 0x602e7};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        td.attributes = cases[i].attributes;
        CHECK(ee_attest_td_flags(&td, EE_BODY_TD_10) == cases[i].flags);
    }
    td.attributes = EE_TD_SEPT_VE_DISABLE;
    td.mrservicetd[47] = 1;
    CHECK(ee_attest_td_flags(&td, EE_BODY_TD_15) == EE_TD_FLAG_BIT(SERVICE_TD));
    td = (struct ee_td_report){.attributes = EE_TD_SEPT_VE_DISABLE, .xfam = 0x2};
    CHECK(ee_attest_td_flags(&td, EE_BODY_TD_10) == EE_TD_FLAG_BIT(XFAM));
    td.xfam = 0x602e7 | 1 << 3;
    CHECK(ee_attest_td_flags(&td, EE_BODY_TD_10) == EE_TD_FLAG_BIT(XFAM));
}

TESTS(TEST(offsets_of_a_version_4_quote), TEST(bodies_of_version_5_quotes),
      TEST(quotes_that_are_wrong_in_one_place),
      TEST(quote_with_another_vendor_empty_huge_or_of_a_paravisor),
      TEST(every_prefix_is_refused_and_padding_is_reported), TEST(attribute_bits_and_their_flags))
