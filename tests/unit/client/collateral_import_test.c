/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as PCS and PCCS give them, made from simulated collateral, in the forms people save. */
#include "client/collateral_import.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "sim/collateral.h"
#include "sim/x509_writer.h"
#include "tap.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)
enum { ISSUED_S = 1800000000, FILE_SIZE = 256 * 1024 };

/* One issue of collateral, taken apart. */
struct issue {
    char text[EE_SIM_COLLATERAL_MAX];
    uint8_t scratch[EE_SIM_COLLATERAL_MAX];
    struct ee_collateral parts;
};

static struct ee_sim_authority authority;
static struct issue standard, early, other_family;
static char file[FILE_SIZE]; /* the one being made */
static size_t file_size;
static struct ee_collateral_import *import;
static struct ee_import_result result;
static struct ee_import_choice choice;
static char detail[EE_IMPORT_DETAIL_SIZE];

static void issue_make(struct issue *out, const struct ee_sim_collateral_options *options)
{
    size_t size;
    if (ee_sim_collateral_write_with(CRYPTO, &authority, options, out->text, sizeof(out->text),
                                     &size) != EE_OK ||
        ee_attest_collateral_decode(ee_bytes_of(out->text, size), out->scratch,
                                    sizeof(out->scratch), &out->parts) != EE_REASON_NONE)
        abort();
}

static void start(void)
{
    static const uint8_t seed[32] = {7}, fmspc[6] = {9, 9, 9};
    if (authority.root.size == 0) {
        if (ee_sim_authority_init(&authority, CRYPTO, seed) != EE_OK)
            abort();
        issue_make(&standard, &(struct ee_sim_collateral_options){.issued_s = ISSUED_S});
        issue_make(&early, &(struct ee_sim_collateral_options){
                               .issued_s = ISSUED_S, .evaluation = 21, .module_svn_more = 3});
        issue_make(&other_family,
                   &(struct ee_sim_collateral_options){.issued_s = ISSUED_S, .fmspc = fmspc});
    }
    ee_collateral_import_free(import);
    ee_buffer_close(&result.text);
    memset(&choice, 0, sizeof(choice));
    if (ee_collateral_import_new(CRYPTO, &import) != EE_OK)
        abort();
    file_size = 0;
}

/* ---- making files ---- */

static void put_bytes(struct ee_bytes bytes)
{
    if (bytes.size > sizeof(file) - file_size)
        abort();
    memcpy(file + file_size, bytes.data, bytes.size);
    file_size += bytes.size;
}

static void put(const char *text)
{
    put_bytes(ee_bytes_str(text));
}

static void put_hex(struct ee_bytes bytes)
{
    char text[3];
    for (size_t i = 0; i < bytes.size; i++)
        put(ee_hex_encode(bytes.data + i, 1, text));
}

static void put_pem(const char *label, struct ee_bytes der)
{
    static char text[EE_BASE64_SIZE(8192)];
    put("-----BEGIN ");
    put(label);
    put("-----\n");
    ee_base64_encode(der.data, der.size, text);
    for (size_t i = 0; text[i]; i++) {
        put_bytes(ee_bytes_of(text + i, 1));
        if (i % 64 == 63)
            put("\n");
    }
    put("\n-----END ");
    put(label);
    put("-----\n");
}

static void put_chain(const struct ee_der_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        put_pem("CERTIFICATE", chain->der[i]);
}

/* What was put since `from`, percent-encoded; blanks as '+' in the form style. */
static void encode_since(size_t from, bool form)
{
    static char plain[FILE_SIZE];
    size_t size = file_size - from;
    memcpy(plain, file + from, size);
    file_size = from;
    for (size_t i = 0; i < size; i++) {
        char text[4] = {plain[i], '\0'};
        if (form && plain[i] == ' ')
            text[0] = '+';
        else if (strchr(" \n+=/", plain[i]))
            (void)snprintf(text, sizeof(text), "%%%02X", (unsigned char)plain[i]);
        put(text);
    }
}

static void put_encoded_chain(const struct ee_der_chain *chain)
{
    size_t from = file_size;
    put_chain(chain);
    encode_since(from, false);
}

static void put_document(const char *name, struct ee_bytes document, const uint8_t *signature)
{
    put("{\"");
    put(name);
    put("\":");
    put_bytes(document);
    put(",\"signature\":\"");
    put_hex(ee_bytes_of(signature, EE_P256_SIGNATURE_SIZE));
    put("\"}");
}

static void put_tcb_info(const struct issue *issue)
{
    put_document("tcbInfo", issue->parts.tcb_info, issue->parts.tcb_info_signature);
}

static void put_identity(const struct issue *issue)
{
    put_document("enclaveIdentity", issue->parts.qe_identity, issue->parts.qe_identity_signature);
}

static void put_header(const char *name, const struct ee_der_chain *chain)
{
    put(name);
    put(": ");
    put_encoded_chain(chain);
    put("\r\n");
}

/* The file is done: adds it and starts the next. */
static enum ee_err add(void)
{
    enum ee_err err = ee_collateral_import_add(import, ee_bytes_of(file, file_size), detail);
    file_size = 0;
    return err;
}

static enum ee_err pack(void)
{
    ee_buffer_close(&result.text);
    return ee_collateral_import_pack(import, &choice, &result, detail);
}

/* ---- judging what came out ---- */

static uint8_t out_scratch[FILE_SIZE];
static struct ee_collateral packed;

static bool proves_at(int64_t time_s)
{
    static struct ee_tcb_documents documents;
    static struct ee_verdict verdict;
    struct ee_collateral_facts facts;
    uint8_t roots[1][EE_P256_POINT_SIZE];
    struct ee_bytes text = ee_buffer_bytes(&result.text);
    const struct ee_verify_input input = {.collateral = &packed,
                                          .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])roots,
                                          .root_count = 1,
                                          .time_s = time_s};
    memcpy(roots[0], ee_sim_authority_root_key(&authority), EE_P256_POINT_SIZE);
    return ee_attest_collateral_decode(text, out_scratch, sizeof(out_scratch), &packed) ==
               EE_REASON_NONE &&
           ee_collateral_prove(CRYPTO, &input, &documents, &verdict, &facts) == EE_OK;
}

static bool same_parts(const struct issue *issue)
{
    return proves_at(ISSUED_S + 60) && ee_bytes_equal(packed.tcb_info, issue->parts.tcb_info) &&
           ee_bytes_equal(packed.qe_identity, issue->parts.qe_identity) &&
           ee_bytes_equal(packed.pck_crl, issue->parts.pck_crl) &&
           ee_bytes_equal(packed.root_crl, issue->parts.root_crl);
}

/* ---- the tests ---- */

static void add_curl_answers(const struct issue *issue)
{
    put("HTTP/2 200 \r\nserver: nginx\r\ntcb-info-issuer-chain: ");
    put_encoded_chain(&issue->parts.tcb_info_chain);
    put("\r\ncontent-type: application/json\r\n\r\n");
    put_tcb_info(issue);
    CHECK(add() == EE_OK);
    put("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"
        "HTTP/1.1 200 OK\r\n");
    put_header("SGX-Enclave-Identity-Issuer-Chain", &issue->parts.qe_identity_chain);
    put("Request-ID: 00\r\n\r\n");
    put_identity(issue);
    CHECK(add() == EE_OK);
    put("HTTP/2 200 \r\n");
    put_header("sgx-pck-crl-issuer-chain", &issue->parts.pck_crl_chain);
    put("\r\n");
    put_bytes(issue->parts.pck_crl); /* binary */
    CHECK(add() == EE_OK);
    put_bytes(issue->parts.root_crl);
    CHECK(add() == EE_OK);
}

static void answers_of_curl_with_headers_pack_and_prove(void)
{
    start();
    add_curl_answers(&standard);
    REQUIRE(pack() == EE_OK);
    CHECK(same_parts(&standard) && !result.compacted);
}

static void headers_and_bodies_in_files_of_their_own(void)
{
    start();
    put_tcb_info(&standard);
    CHECK(add() == EE_OK);
    put("HTTP/1.1 200 OK\n"); /* -D, and line ends of another system */
    put_header("SGX-TCB-Info-Issuer-Chain", &standard.parts.tcb_info_chain);
    put("\n");
    CHECK(add() == EE_OK);
    CHECK(strcmp(detail, "2 certificates") == 0);
    put_identity(&standard);
    CHECK(add() == EE_OK);
    put_hex(standard.parts.pck_crl);
    CHECK(add() == EE_OK);
    put_header("Sgx-Pck-Crl-Issuer-Chain", &standard.parts.pck_crl_chain); /* only headers */
    CHECK(add() == EE_OK);
    put("0x");
    put_hex(standard.parts.root_crl);
    put("\n");
    CHECK(add() == EE_OK);
    REQUIRE(pack() == EE_OK);
    CHECK(same_parts(&standard));
}

static void crls_as_pem_base64_and_quoted_hex(void)
{
    char text[EE_BASE64_SIZE(4096)];
    start();
    add_curl_answers(&standard);
    put_pem("X509 CRL", standard.parts.pck_crl);
    CHECK(add() == EE_OK && strcmp(detail, "1 CRL") == 0);
    put(ee_base64_encode(standard.parts.root_crl.data, standard.parts.root_crl.size, text));
    CHECK(add() == EE_OK && strcmp(detail, "1 CRL") == 0);
    put("\"");
    put_hex(standard.parts.root_crl);
    put("\"\n");
    CHECK(add() == EE_OK && strcmp(detail, "1 CRL") == 0);
    put_chain(&standard.parts.tcb_info_chain);
    CHECK(add() == EE_OK && strcmp(detail, "2 certificates") == 0);
    REQUIRE(pack() == EE_OK);
    CHECK(same_parts(&standard));
}

static void chain_in_the_form_style(void)
{
    start();
    put_chain(&standard.parts.tcb_info_chain);
    encode_since(0, true);
    CHECK(strncmp(file, "-----BEGIN+", 11) == 0);
    CHECK(add() == EE_OK && strcmp(detail, "2 certificates") == 0);
}

static void put_member(const char *name)
{
    put("\"");
    put(name);
    put("\":");
}

static void put_text_member(const char *name, const struct ee_der_chain *chain)
{
    put_member(name);
    put("\"");
    put_encoded_chain(chain);
    put("\",");
}

static void put_hex_member(const char *name, struct ee_bytes bytes, const char *end)
{
    put_member(name);
    put("\"");
    put_hex(bytes);
    put(end);
}

/* What the administration tool of a caching service writes: everything in one, both sets. */
static void put_pccs_document(void)
{
    put("{\"platforms\":[{\"qe_id\":\"00\"}],\"collaterals\":{\"version\":4,\"tcbinfos\":[{"
        "\"fmspc\":\"00\",\"sgx_tcbinfo\":{\"tcbInfo\":{\"id\":\"SGX\",\"version\":3},"
        "\"signature\":\"00\"},");
    put_member("tdx_tcbinfo");
    put_tcb_info(&standard);
    put(",");
    put_member("tdx_tcbinfo_early");
    put_tcb_info(&early);
    put("}],\"pckcacrl\":{");
    put_hex_member("platformCrl", standard.parts.pck_crl, "\"},");
    put_member("tdqeidentity");
    put_identity(&standard);
    put(",");
    put_member("tdqeidentity_early");
    put_identity(&early);
    put(",\"certificates\":{");
    put_text_member("TCB-Info-Issuer-Chain", &standard.parts.tcb_info_chain);
    put_text_member("SGX-Enclave-Identity-Issuer-Chain", &standard.parts.qe_identity_chain);
    put("\"SGX-PCK-Certificate-Issuer-Chain\":{");
    put_text_member("PLATFORM", &standard.parts.pck_crl_chain);
    put("\"PROCESSOR\":\"\"}},");
    put_hex_member("rootcacrl", standard.parts.root_crl, "\"}}");
}

static void document_of_a_caching_service_holds_both_sets(void)
{
    start();
    put_pccs_document();
    REQUIRE(add() == EE_OK);
    CHECK(pack() == EE_STATE && strstr(detail, "--set") != NULL);
    choice.set = EE_IMPORT_STANDARD;
    REQUIRE(pack() == EE_OK);
    CHECK(same_parts(&standard));
    choice.set = EE_IMPORT_EARLY;
    REQUIRE(pack() == EE_OK);
    CHECK(proves_at(ISSUED_S + 60) && ee_bytes_equal(packed.tcb_info, early.parts.tcb_info) &&
          ee_bytes_equal(packed.qe_identity, early.parts.qe_identity));
}

static void sets_from_two_answers_are_told_apart_by_number(void)
{
    start();
    add_curl_answers(&early);
    add_curl_answers(&standard);
    choice.set = EE_IMPORT_STANDARD;
    REQUIRE(pack() == EE_OK);
    CHECK(proves_at(ISSUED_S + 60) && ee_bytes_equal(packed.tcb_info, standard.parts.tcb_info));
    choice.set = EE_IMPORT_EARLY;
    REQUIRE(pack() == EE_OK);
    CHECK(proves_at(ISSUED_S + 60) && ee_bytes_equal(packed.tcb_info, early.parts.tcb_info));
}

/* The quote provider library's form: whole answers as strings. */
static void answers_inside_strings(void)
{
    static char escaped[FILE_SIZE];
    size_t size = 0;
    start();
    put("{\"version\":4,");
    put_text_member("tcb_info_issuer_chain", &standard.parts.tcb_info_chain);
    put_text_member("pck_crl_issuer_chain", &standard.parts.pck_crl_chain);
    size_t from = file_size;
    put_tcb_info(&standard);
    for (size_t i = from; i < file_size; i++) {
        if (file[i] == '"')
            escaped[size++] = '\\';
        escaped[size++] = file[i];
    }
    file_size = from;
    put("\"tcb_info\":\"");
    put_bytes(ee_bytes_of(escaped, size));
    put("\"}");
    CHECK(add() == EE_OK && strstr(detail, "1 TCB Info, ") == detail);
}

static void own_collateral_file_is_taken_apart_and_packed_again(void)
{
    start();
    put(standard.text);
    CHECK(add() == EE_OK);
    REQUIRE(pack() == EE_OK);
    CHECK(same_parts(&standard));
}

static bool lacks(const char *what, const char *path)
{
    for (size_t i = 0; i < result.missing_count; i++)
        if (strcmp(result.missing[i].what, what) == 0 &&
            strstr(result.missing[i].path, path) != NULL)
            return true;
    return false;
}

static void missing_parts_are_named_with_their_path(void)
{
    start();
    CHECK(pack() == EE_MISSING_FIELD && result.missing_count == 4);
    CHECK(lacks("TCB Info", "/tdx/certification/v4/tcb?fmspc=FMSPC&update=standard"));
    CHECK(lacks("QE identity", "/tdx/certification/v4/qe/identity"));
    CHECK(lacks("PCK CRL", "/sgx/certification/v4/pckcrl?ca=platform&encoding=der"));
    CHECK(lacks("root CRL", "/IntelSGXRootCA.der"));
    choice.has_fmspc = choice.processor_ca = true;
    choice.set = EE_IMPORT_EARLY;
    memcpy(choice.fmspc, "\x00\x80\x6f\x05\x00\x00", EE_FMSPC_SIZE);
    CHECK(pack() == EE_MISSING_FIELD);
    CHECK(lacks("TCB Info", "fmspc=00806f050000&update=early"));
    CHECK(lacks("PCK CRL", "ca=processor"));
}

static void documents_without_their_chains(void)
{
    start();
    put_tcb_info(&standard);
    CHECK(add() == EE_OK);
    put_identity(&standard);
    CHECK(add() == EE_OK);
    put_bytes(standard.parts.pck_crl);
    CHECK(add() == EE_OK);
    put_bytes(standard.parts.root_crl);
    CHECK(add() == EE_OK);
    CHECK(pack() == EE_MISSING_FIELD);
    CHECK(lacks("issuer chain of the TCB Info", "/tcb?"));
    CHECK(lacks("issuer chain of the PCK CRL", "/pckcrl?"));
}

static void two_platform_families_need_a_choice(void)
{
    start();
    add_curl_answers(&standard);
    add_curl_answers(&other_family);
    CHECK(pack() == EE_STATE && strstr(detail, "--fmspc") != NULL);
    choice.has_fmspc = true;
    memcpy(choice.fmspc, "\x09\x09\x09\x00\x00\x00", EE_FMSPC_SIZE);
    REQUIRE(pack() == EE_OK);
    CHECK(proves_at(ISSUED_S + 60) && ee_bytes_equal(packed.tcb_info, other_family.parts.tcb_info));
}

static void newest_list_wins(void)
{
    static struct issue later;
    issue_make(&later, &(struct ee_sim_collateral_options){.issued_s = ISSUED_S + 86400});
    start();
    add_curl_answers(&standard);
    put_bytes(later.parts.pck_crl);
    CHECK(add() == EE_OK);
    REQUIRE(pack() == EE_OK);
    CHECK(proves_at(ISSUED_S + 2 * 86400) && ee_bytes_equal(packed.pck_crl, later.parts.pck_crl));
}

/* A tool that loads and dumps the JSON puts blanks behind ':' and ','. */
static void document_with_white_space_is_brought_back_to_its_signed_form(void)
{
    static char spaced[FILE_SIZE];
    size_t size = 0;
    struct ee_bytes plain = standard.parts.tcb_info;
    bool in_string = false;
    start();
    add_curl_answers(&early);
    for (size_t i = 0; i < plain.size; i++) {
        in_string = in_string != (plain.data[i] == '"');
        spaced[size++] = (char)plain.data[i];
        if (!in_string && (plain.data[i] == ':' || plain.data[i] == ','))
            spaced[size++] = ' ';
    }
    put_document("tcbInfo", ee_bytes_of(spaced, size), standard.parts.tcb_info_signature);
    CHECK(add() == EE_OK);
    choice.set = EE_IMPORT_STANDARD;
    REQUIRE(pack() == EE_OK);
    CHECK(result.compacted && proves_at(ISSUED_S + 60) &&
          ee_bytes_equal(packed.tcb_info, standard.parts.tcb_info));
}

static void answer_of_a_server_that_has_it_not(void)
{
    start();
    put("HTTP/1.1 404 Not Found\r\nRequest-ID: 1\r\n\r\n");
    CHECK(add() == EE_REFUSED && strstr(detail, "404") != NULL);
    put("HTTP/1.1 \r\n\r\n");
    CHECK(add() == EE_REFUSED);
}

static void document_for_sgx_is_named(void)
{
    struct ee_bytes tcb_info = standard.parts.tcb_info;
    static char sgx[16384];
    start();
    memcpy(sgx, tcb_info.data, tcb_info.size);
    memcpy(strstr(sgx, "\"TDX\""), "\"SGX\"", 5);
    put_document("tcbInfo", ee_bytes_of(sgx, tcb_info.size), standard.parts.tcb_info_signature);
    CHECK(add() == EE_SYNTAX && strstr(detail, "SGX") != NULL);
}

static void files_that_are_something_else(void)
{
    static const char *const others[] = {
        "",
        "<html></html>",
        "{}",
        "[1,2",
        "{\"tcbInfo\":{},\"signature\":\"zz\"}",
        "0400",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "\"\\ud800\"",
        "\"",
        "%2D%2D",
        "Content-Type: text/plain\r\n\r\nhello"};
    start();
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        put(others[i]);
        CHECK(add() == EE_SYNTAX && detail[0] != '\0');
    }
}

static void more_parts_than_there_is_room_for(void)
{
    uint8_t der[EE_SIM_CRL_MAX];
    struct ee_sim_crl_spec spec = {.issuer = "Intel SGX Root CA",
                                   .issuer_key = &authority.root_key,
                                   .this_update_s = ISSUED_S,
                                   .next_update_s = ISSUED_S + 60};
    start();
    for (uint32_t i = 0; i <= EE_IMPORT_ITEMS_MAX; i++) {
        size_t size;
        spec.number = i;
        REQUIRE(ee_sim_crl_write(CRYPTO, &spec, der, &size) == EE_OK);
        put_bytes(ee_bytes_of(der, size));
        CHECK(add() == (i < EE_IMPORT_ITEMS_MAX ? EE_OK : EE_FULL));
    }
}

static void every_prefix_of_a_document_is_refused_or_taken(void)
{
    static char whole[FILE_SIZE];
    start();
    put_pccs_document();
    size_t size = file_size;
    memcpy(whole, file, size);
    file_size = 0;
    for (size_t i = 0; i < size; i += 1 + i / 100) {
        char *exact = malloc(i + 1); /* its end is seen by the sanitizer */
        memcpy(exact, whole, i);
        enum ee_err err = ee_collateral_import_add(import, ee_bytes_of(exact, i), detail);
        CHECK(err == EE_OK || err == EE_SYNTAX);
        free(exact);
    }
    start();
}

TESTS(TEST(answers_of_curl_with_headers_pack_and_prove),
      TEST(headers_and_bodies_in_files_of_their_own), TEST(crls_as_pem_base64_and_quoted_hex),
      TEST(chain_in_the_form_style), TEST(document_of_a_caching_service_holds_both_sets),
      TEST(sets_from_two_answers_are_told_apart_by_number), TEST(answers_inside_strings),
      TEST(own_collateral_file_is_taken_apart_and_packed_again),
      TEST(missing_parts_are_named_with_their_path), TEST(documents_without_their_chains),
      TEST(two_platform_families_need_a_choice), TEST(newest_list_wins),
      TEST(document_with_white_space_is_brought_back_to_its_signed_form),
      TEST(answer_of_a_server_that_has_it_not), TEST(document_for_sgx_is_named),
      TEST(files_that_are_something_else), TEST(more_parts_than_there_is_room_for),
      TEST(every_prefix_of_a_document_is_refused_or_taken))
