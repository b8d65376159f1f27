/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/collateral.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sim/tcb.h"
#include "sim/x509_writer.h"

#include "base/banned.h"

enum { DOCUMENT_MAX = 6 * 1024, DAY_S = 24 * 3600, EXPIRED_DAYS = 60 };

#define ZERO_48                                                                                    \
    "0000000000000000000000000000000000000000000000000000000000000000"                             \
    "00000000000000000000000000000000"

struct window {
    int64_t from_s;
    int64_t until_s;
};

/* One issue of everything. */
struct issue {
    const struct ee_sim_authority *authority;
    struct window window;
    const uint8_t *fmspc;
    unsigned evaluation;
    uint8_t module_svn_more;
};

static void put(struct ee_writer *w, const char *text)
{
    ee_writer_bytes(w, text, strlen(text));
}

static void put_number(struct ee_writer *w, unsigned number)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", number);
    put(w, text);
}

static void put_hex(struct ee_writer *w, const uint8_t *data, size_t size)
{
    char text[3];
    for (size_t i = 0; i < size; i++)
        put(w, ee_hex_encode(data + i, 1, text));
}

/* JSON string contents: quotes and line ends are all that these texts have to escape. */
static void put_escaped(struct ee_writer *w, struct ee_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\n') {
            put(w, "\\n");
            continue;
        }
        if (text.data[i] == '"')
            put(w, "\\");
        ee_writer_u8(w, text.data[i]);
    }
}

/* "issueDate":"..","nextUpdate":"..", */
static void put_window(struct ee_writer *w, const struct window *window)
{
    char text[EE_TIME_TEXT_SIZE];
    put(w, "\"issueDate\":\"");
    put(w, ee_time_format(window->from_s, text));
    put(w, "\",\"nextUpdate\":\"");
    put(w, ee_time_format(window->until_s, text));
    put(w, "\",");
}

static void put_status(struct ee_writer *w, enum ee_sim_level level)
{
    put(w, ",\"tcbDate\":\"");
    put(w, ee_sim_level_date(level));
    put(w, "\",\"tcbStatus\":\"");
    put(w, ee_sim_level_status(level));
    put(w, "\"}");
}

static void put_components(struct ee_writer *w, const char *name, const uint8_t components[16])
{
    put(w, "\"");
    put(w, name);
    put(w, "\":[");
    for (size_t i = 0; i < 16; i++) {
        put(w, i ? ",{\"svn\":" : "{\"svn\":");
        put_number(w, components[i]);
        put(w, "}");
    }
    put(w, "]");
}

static void put_platform_level(struct ee_writer *w, enum ee_sim_level level, uint8_t more)
{
    (void)more; /* the coming set asks for a newer module only */
    static const uint8_t tdx[16] = {0, 0, EE_SIM_TDX_COMPONENT_2};
    uint8_t sgx[16];
    ee_sim_level_components(level, sgx);
    put(w, "{\"tcb\":{");
    put_components(w, "sgxtcbcomponents", sgx);
    put(w, ",\"pcesvn\":");
    put_number(w, EE_SIM_PCESVN);
    put(w, ",");
    put_components(w, "tdxtcbcomponents", tdx);
    put(w, "}");
    put_status(w, level);
}

static void put_module_level(struct ee_writer *w, enum ee_sim_level level, uint8_t more)
{
    unsigned svn = ee_sim_level_module_svn(level);
    put(w, "{\"tcb\":{\"isvsvn\":");
    put_number(w, level == EE_SIM_LEVEL_UP_TO_DATE ? svn + more : svn);
    put(w, "}");
    put_status(w, level);
}

static void put_levels(struct ee_writer *w,
                       void (*put_level)(struct ee_writer *, enum ee_sim_level, uint8_t),
                       uint8_t more)
{
    put(w, "\"tcbLevels\":[");
    for (unsigned level = 0; level < EE_SIM_LEVEL_COUNT; level++) {
        put(w, level ? "," : "");
        put_level(w, (enum ee_sim_level)level, more);
    }
    put(w, "]");
}

/* Intel PCS API v4, "Get TDX TCB Info", version 3. */
static void put_tcb_info(struct ee_writer *w, const struct issue *issue)
{
    static const char module[] = "\"mrsigner\":\"" ZERO_48 "\",\"attributes\":\"0000000000000000\","
                                 "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"";
    put(w, "{\"id\":\"TDX\",\"version\":3,");
    put_window(w, &issue->window);
    put(w, "\"fmspc\":\"");
    put_hex(w, issue->fmspc, sizeof(issue->authority->fmspc));
    put(w, "\",\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":");
    put_number(w, issue->evaluation);
    put(w, ",\"tdxModule\":{");
    put(w, module);
    put(w, "},\"tdxModuleIdentities\":[{\"id\":\"TDX_01\",");
    put(w, module);
    put(w, ",");
    put_levels(w, put_module_level, issue->module_svn_more);
    put(w, "}],");
    put_levels(w, put_platform_level, 0);
    put(w, "}");
}

/* Intel PCS API v4, "Get TDX QE Identity", version 2. */
static void put_qe_identity(struct ee_writer *w, const struct issue *issue)
{
    put(w, "{\"id\":\"TD_QE\",\"version\":2,");
    put_window(w, &issue->window);
    put(w, "\"tcbEvaluationDataNumber\":");
    put_number(w, issue->evaluation);
    put(w, ",\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
           "\"attributes\":\"11000000000000000000000000000000\","
           "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"");
    put_hex(w, ee_sim_qe_mrsigner, sizeof(ee_sim_qe_mrsigner));
    put(w, "\",\"isvprodid\":");
    put_number(w, EE_SIM_QE_PRODUCT);
    put(w, ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":4}");
    put_status(w, EE_SIM_LEVEL_UP_TO_DATE);
    put(w, "]}");
}

/* "name":"<document>","name_signature":"<r||s>", */
static void put_signed(const struct ee_crypto *crypto, struct ee_writer *w, const char *name,
                       const struct ee_sim_authority *authority, const struct ee_writer *document)
{
    uint8_t digest[EE_SHA256_SIZE], signature[EE_P256_SIGNATURE_SIZE];
    const struct ee_bytes bytes = ee_writer_done(document);
    crypto->sha256(&bytes, 1, digest);
    if (document->err != EE_OK ||
        !crypto->p256_sign(authority->tcb_key.private_key, digest, signature)) {
        w->err = document->err != EE_OK ? document->err : EE_CRYPTO;
        return;
    }
    put(w, "\"");
    put(w, name);
    put(w, "\":\"");
    put_escaped(w, bytes);
    put(w, "\",\"");
    put(w, name);
    put(w, "_signature\":\"");
    put_hex(w, signature, sizeof(signature));
    put(w, "\",");
}

/* "name":"<PEM of the certificate and the root>" */
static void put_chain(struct ee_writer *w, const char *name, const struct ee_sim_cert *cert,
                      const struct ee_sim_cert *root)
{
    char pem[EE_SIM_PEM_MAX];
    put(w, "\"");
    put(w, name);
    put(w, "\":\"");
    put_escaped(w, ee_bytes_of(pem, ee_sim_cert_pem(cert, pem, sizeof(pem))));
    put_escaped(w, ee_bytes_of(pem, ee_sim_cert_pem(root, pem, sizeof(pem))));
    put(w, "\"");
}

/* "name":"<hex of the DER>", */
static void put_crl(const struct ee_crypto *crypto, struct ee_writer *w, const char *name,
                    const struct ee_sim_crl_spec *spec)
{
    uint8_t der[EE_SIM_CRL_MAX];
    size_t size = 0;
    enum ee_err err = ee_sim_crl_write(crypto, spec, der, &size);
    if (err != EE_OK) {
        w->err = err;
        return;
    }
    put(w, "\"");
    put(w, name);
    put(w, "\":\"");
    put_hex(w, der, size);
    put(w, "\",");
}

static void put_crls(const struct ee_crypto *crypto, struct ee_writer *w,
                     const struct ee_sim_authority *authority,
                     const struct ee_sim_platform *platform, const struct window *window)
{
    /* Grows with time, as a verifier wants CRL numbers to. */
    const uint32_t number = (uint32_t)(window->from_s / 60 % UINT32_MAX);
    bool revoked = platform && (platform->faults & EE_SIM_PCK_REVOKED);
    const struct ee_sim_crl_spec root = {.issuer = "Intel SGX Root CA",
                                         .issuer_key = &authority->root_key,
                                         .number = number,
                                         .this_update_s = window->from_s,
                                         .next_update_s = window->until_s};
    const struct ee_sim_crl_spec pck = {.issuer = "Intel SGX PCK Platform CA",
                                        .issuer_key = &authority->platform_ca_key,
                                        .number = number,
                                        .this_update_s = window->from_s,
                                        .next_update_s = window->until_s,
                                        .revoked_serial = revoked ? platform->serial : NULL};
    put_crl(crypto, w, "pck_crl", &pck);
    put_crl(crypto, w, "root_ca_crl", &root);
}

static void put_documents(const struct ee_crypto *crypto, struct ee_writer *w,
                          const struct issue *issue)
{
    uint8_t buffer[DOCUMENT_MAX];
    struct ee_writer document;
    ee_writer_init(&document, buffer, sizeof(buffer));
    put_tcb_info(&document, issue);
    put_signed(crypto, w, "tcb_info", issue->authority, &document);
    ee_writer_init(&document, buffer, sizeof(buffer));
    put_qe_identity(&document, issue);
    put_signed(crypto, w, "qe_identity", issue->authority, &document);
}

enum ee_err ee_sim_collateral_write_with(const struct ee_crypto *crypto,
                                         const struct ee_sim_authority *authority,
                                         const struct ee_sim_collateral_options *options, char *out,
                                         size_t capacity, size_t *size_out)
{
    struct ee_writer w;
    const struct ee_sim_platform *platform = options->platform;
    int64_t issued_s = options->issued_s;
    int64_t valid_s =
        options->valid_s ? (int64_t)options->valid_s : (int64_t)EE_SIM_COLLATERAL_DAYS * DAY_S;
    if (issued_s < (int64_t)EXPIRED_DAYS * DAY_S || issued_s > INT64_C(253370764800))
        return EE_RANGE;
    if (platform && (platform->faults & EE_SIM_COLLATERAL_EXPIRED))
        issued_s -= (int64_t)EXPIRED_DAYS * DAY_S;
    const struct issue issue = {.authority = authority,
                                .window = {issued_s, issued_s + valid_s},
                                .fmspc = options->fmspc ? options->fmspc : authority->fmspc,
                                .evaluation =
                                    options->evaluation ? options->evaluation : EE_SIM_EVALUATION,
                                .module_svn_more = options->module_svn_more};
    ee_writer_init(&w, out, capacity);
    put(&w, "{");
    put_documents(crypto, &w, &issue);
    put_crls(crypto, &w, authority, platform, &issue.window);
    put_chain(&w, "tcb_info_issuer_chain", &authority->tcb_signing, &authority->root);
    put(&w, ",");
    put_chain(&w, "qe_identity_issuer_chain", &authority->tcb_signing, &authority->root);
    put(&w, ",");
    put_chain(&w, "pck_crl_issuer_chain", &authority->platform_ca, &authority->root);
    put(&w, "}");
    ee_writer_u8(&w, '\0');
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size - 1;
    return EE_OK;
}

enum ee_err ee_sim_collateral_write(const struct ee_crypto *crypto,
                                    const struct ee_sim_authority *authority,
                                    const struct ee_sim_platform *platform, int64_t issued_s,
                                    char *out, size_t capacity, size_t *size_out)
{
    const struct ee_sim_collateral_options options = {.platform = platform, .issued_s = issued_s};
    return ee_sim_collateral_write_with(crypto, authority, &options, out, capacity, size_out);
}
