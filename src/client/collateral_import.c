/* SPDX-License-Identifier: Apache-2.0 */
#include "client/collateral_import.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/crl.h"
#include "attest/x509.h"
#include "base/text.h"
#include "client/collateral_items.h"

#include "base/banned.h"

/* ---- keeping ---- */

enum ee_err ee_collateral_import_new(const struct ee_crypto *crypto,
                                     struct ee_collateral_import **out)
{
    struct ee_collateral_import *import = calloc(1, sizeof(*import));
    if (!import)
        return EE_NO_MEMORY;
    import->crypto = crypto;
    *out = import;
    return EE_OK;
}

void ee_collateral_import_free(struct ee_collateral_import *import)
{
    if (!import)
        return;
    for (size_t i = 0; i < import->count; i++)
        free(import->items[i].data);
    free(import);
}

/* Takes a filled item whose bytes are borrowed; `data` is set to a copy. */
static enum ee_err item_add(struct ee_collateral_import *import, struct ee_item item,
                            struct ee_bytes bytes)
{
    for (size_t i = 0; i < import->count; i++) {
        struct ee_item *known = &import->items[i];
        if (known->kind == item.kind && ee_bytes_equal(ee_item_bytes(known), bytes)) {
            import->added[item.kind]++;
            known->early = known->early && item.early;
            return EE_OK;
        }
    }
    if (import->count == EE_IMPORT_ITEMS_MAX)
        return EE_FULL;
    item.data = malloc(bytes.size + 1);
    if (!item.data)
        return EE_NO_MEMORY;
    memcpy(item.data, bytes.data, bytes.size);
    item.size = bytes.size;
    import->items[import->count++] = item;
    import->added[item.kind]++;
    return EE_OK;
}

static enum ee_reason document_look(struct ee_collateral_import *import, struct ee_bytes json,
                                    struct ee_item *item)
{
    if (item->kind == EE_ITEM_TCB_INFO) {
        struct ee_tcb_info *info = &import->tcb_info;
        EE_REASON_TRY(ee_attest_tcb_info_decode(json, info));
        memcpy(item->fmspc, info->fmspc, sizeof(item->fmspc));
        item->number = info->evaluation;
        item->issued_s = info->issued_s;
        return EE_REASON_NONE;
    }
    EE_REASON_TRY(ee_attest_qe_identity_decode(json, &import->qe_identity));
    item->number = import->qe_identity.evaluation;
    item->issued_s = import->qe_identity.issued_s;
    return EE_REASON_NONE;
}

enum ee_err ee_items_add_document(struct ee_collateral_import *import, enum ee_item_kind kind,
                                  struct ee_bytes json,
                                  const uint8_t signature[EE_P256_SIGNATURE_SIZE], bool early)
{
    struct ee_item item = {.kind = kind, .early = early};
    if (json.size == 0 || json.size > EE_SIGNED_JSON_MAX)
        return EE_SYNTAX;
    enum ee_reason reason = document_look(import, json, &item);
    import->not_tdx = import->not_tdx || reason == EE_REASON_COLLATERAL_ID;
    if (reason != EE_REASON_NONE)
        return EE_SYNTAX;
    memcpy(item.signature, signature, sizeof(item.signature));
    return item_add(import, item, json);
}

static bool holds(struct ee_bytes bytes, const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i + size <= bytes.size; i++)
        if (memcmp(bytes.data + i, text, size) == 0)
            return true;
    return false;
}

enum ee_err ee_items_add_crl(struct ee_collateral_import *import, struct ee_bytes der)
{
    struct ee_crl crl;
    if (ee_attest_crl_decode(der, &crl) != EE_REASON_NONE)
        return EE_SYNTAX;
    const struct ee_item item = {.kind = EE_ITEM_CRL,
                                 .number = crl.number,
                                 .issued_s = crl.this_update_s,
                                 .root_ca = holds(crl.issuer, "Root CA"),
                                 .processor_ca = holds(crl.issuer, "Processor CA")};
    return item_add(import, item, der);
}

enum ee_err ee_items_add_cert(struct ee_collateral_import *import, struct ee_bytes der)
{
    struct ee_cert cert;
    struct ee_pck pck;
    struct ee_item item = {.kind = EE_ITEM_CERT};
    if (ee_attest_cert_decode(der, &cert) != EE_REASON_NONE)
        return EE_SYNTAX;
    item.issued_s = cert.not_before_s;
    if (ee_attest_pck_decode(cert.sgx_extension, &pck) == EE_REASON_NONE)
        memcpy(item.fmspc, pck.fmspc, sizeof(item.fmspc));
    return item_add(import, item, der);
}

/* ---- choosing ---- */

static bool same_family(const struct ee_import_choice *choice, const struct ee_item *item)
{
    return !choice->has_fmspc || memcmp(item->fmspc, choice->fmspc, sizeof(item->fmspc)) == 0;
}

static bool is_candidate(const struct ee_import_choice *choice, const struct ee_item *item,
                         enum ee_item_kind kind)
{
    return item->kind == kind && (kind != EE_ITEM_TCB_INFO || same_family(choice, item));
}

/* Is `a` the better one for this set? Marked ones first, then the number, then the newer issue. */
static bool better(enum ee_import_set set, const struct ee_item *a, const struct ee_item *b)
{
    bool early = set == EE_IMPORT_EARLY;
    if (a->early != b->early)
        return a->early == early;
    if (a->number != b->number)
        return early ? a->number > b->number : a->number < b->number;
    return a->issued_s > b->issued_s;
}

static struct ee_item *document_choose(struct ee_collateral_import *import,
                                       const struct ee_import_choice *choice,
                                       enum ee_item_kind kind)
{
    struct ee_item *best = NULL;
    for (size_t i = 0; i < import->count; i++) {
        struct ee_item *item = &import->items[i];
        if (is_candidate(choice, item, kind) && (!best || better(choice->set, item, best)))
            best = item;
    }
    return best;
}

/* Several families, or several sets, of which none was asked for. */
static enum ee_err choice_check(const struct ee_collateral_import *import,
                                const struct ee_import_choice *choice, const struct ee_item *chosen,
                                char detail[EE_IMPORT_DETAIL_SIZE])
{
    char one[2 * EE_FMSPC_SIZE + 1], other[2 * EE_FMSPC_SIZE + 1];
    for (size_t i = 0; chosen && i < import->count; i++) {
        const struct ee_item *item = &import->items[i];
        if (!is_candidate(choice, item, EE_ITEM_TCB_INFO))
            continue;
        if (memcmp(item->fmspc, chosen->fmspc, sizeof(item->fmspc)) != 0) {
            (void)snprintf(detail, EE_IMPORT_DETAIL_SIZE,
                           "there are TCB Infos of several platform families (%s, %s): choose one "
                           "with --fmspc",
                           ee_hex_encode(chosen->fmspc, EE_FMSPC_SIZE, one),
                           ee_hex_encode(item->fmspc, EE_FMSPC_SIZE, other));
            return EE_STATE;
        }
        if (choice->set == EE_IMPORT_ONLY && item->number != chosen->number) {
            (void)snprintf(detail, EE_IMPORT_DETAIL_SIZE,
                           "there are two TCB sets (numbers %" PRIu64 " and %" PRIu64
                           "): choose one with --set standard or --set early",
                           chosen->number, item->number);
            return EE_STATE;
        }
    }
    return EE_OK;
}

static const struct ee_item *crl_choose(const struct ee_collateral_import *import, bool root,
                                        bool processor)
{
    const struct ee_item *best = NULL;
    for (size_t i = 0; i < import->count; i++) {
        const struct ee_item *item = &import->items[i];
        if (item->kind != EE_ITEM_CRL || item->root_ca != root ||
            (!root && item->processor_ca != processor))
            continue;
        if (!best || item->number > best->number ||
            (item->number == best->number && item->issued_s > best->issued_s))
            best = item;
    }
    return best;
}

/* Calls for each certificate of this role; keeps the newest that `fits`. */
struct seek {
    const struct ee_crypto *crypto;
    const struct ee_item *item; /* what it must go with; NULL: nothing */
};
typedef bool (*seek_fn)(const struct seek *seek, const struct ee_cert *cert);

static const struct ee_item *cert_choose(const struct ee_collateral_import *import,
                                         enum ee_cert_role role, seek_fn fits,
                                         const struct seek *seek)
{
    const struct ee_item *best = NULL;
    for (size_t i = 0; i < import->count; i++) {
        const struct ee_item *item = &import->items[i];
        struct ee_cert cert;
        if (item->kind != EE_ITEM_CERT ||
            ee_attest_cert_decode(ee_item_bytes(item), &cert) != EE_REASON_NONE ||
            !ee_attest_cert_fits(&cert, role) || (fits && !fits(seek, &cert)))
            continue;
        if (!best || item->issued_s > best->issued_s)
            best = item;
    }
    return best;
}

static bool signs_document(const struct seek *seek, const struct ee_cert *cert)
{
    return ee_attest_signature_ok(seek->crypto, cert->key, ee_item_bytes(seek->item),
                                  seek->item->signature);
}

static bool issues_crl(const struct seek *seek, const struct ee_cert *cert)
{
    struct ee_crl crl;
    return ee_attest_crl_decode(ee_item_bytes(seek->item), &crl) == EE_REASON_NONE &&
           ee_bytes_equal(crl.issuer, cert->subject) &&
           ee_attest_signature_ok(seek->crypto, cert->key, crl.tbs, crl.signature);
}

static bool issues_cert(const struct seek *seek, const struct ee_cert *cert)
{
    struct ee_cert child;
    return ee_attest_cert_decode(ee_item_bytes(seek->item), &child) == EE_REASON_NONE &&
           ee_attest_cert_signed_by(seek->crypto, &child, cert) == EE_REASON_NONE;
}

/* White space outside strings, which some service or tool put in. */
static size_t compact(struct ee_bytes json, uint8_t *out)
{
    size_t size = 0;
    bool in_string = false;
    for (size_t i = 0; i < json.size; i++) {
        uint8_t c = json.data[i];
        if (in_string && c == '\\' && i + 1 < json.size) {
            out[size++] = c;
            c = json.data[++i];
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            continue;
        }
        out[size++] = c;
    }
    return size;
}

/* The certificate whose key signed the document, as it is or in its compact form. */
static const struct ee_item *signer_choose(struct ee_collateral_import *import,
                                           struct ee_item *document)
{
    const struct seek seek = {import->crypto, document};
    if (!document)
        return NULL;
    const struct ee_item *signer = cert_choose(import, EE_CERT_TCB_SIGNING, signs_document, &seek);
    uint8_t *memory = signer ? NULL : malloc(document->size + 1);
    if (memory) {
        struct ee_item copy = *document;
        const struct seek other = {import->crypto, &copy};
        copy.data = memory;
        copy.size = compact(ee_item_bytes(document), memory);
        signer = cert_choose(import, EE_CERT_TCB_SIGNING, signs_document, &other);
        if (signer) {
            memcpy(document->data, memory, copy.size);
            document->size = copy.size;
            document->compacted = true;
        }
        free(memory);
    }
    /* None fits: proving will say so of the newest. */
    return signer ? signer : cert_choose(import, EE_CERT_TCB_SIGNING, NULL, NULL);
}

static const struct ee_item *root_choose(const struct ee_collateral_import *import,
                                         const struct ee_item *child)
{
    const struct seek seek = {import->crypto, child};
    const struct ee_item *root =
        child ? cert_choose(import, EE_CERT_ROOT, issues_cert, &seek) : NULL;
    return root ? root : cert_choose(import, EE_CERT_ROOT, NULL, NULL);
}

/* For quotes without a PCK certificate: the only one there is, of this family. */
static const struct ee_item *pck_choose(const struct ee_collateral_import *import,
                                        const struct ee_item *tcb_info)
{
    const struct ee_item *found = NULL;
    for (size_t i = 0; i < import->count; i++) {
        const struct ee_item *item = &import->items[i];
        struct ee_cert cert;
        if (item->kind != EE_ITEM_CERT ||
            ee_attest_cert_decode(ee_item_bytes(item), &cert) != EE_REASON_NONE ||
            !ee_attest_cert_fits(&cert, EE_CERT_PCK))
            continue;
        if (tcb_info && memcmp(tcb_info->fmspc, item->fmspc, sizeof(item->fmspc)) != 0)
            continue;
        if (found)
            return NULL;
        found = item;
    }
    return found;
}

static void choose(struct ee_collateral_import *import, const struct ee_import_choice *choice,
                   struct ee_import_chosen *out)
{
    for (size_t i = 0; i < 2; i++) {
        out->document[i] =
            document_choose(import, choice, i ? EE_ITEM_QE_IDENTITY : EE_ITEM_TCB_INFO);
        out->signer[i] = signer_choose(import, out->document[i]);
    }
    out->pck_crl = crl_choose(import, false, choice->processor_ca);
    out->root_crl = crl_choose(import, true, false);
    const struct seek seek = {import->crypto, out->pck_crl};
    if (out->pck_crl)
        out->pck_ca = cert_choose(import, EE_CERT_PCK_CA, issues_crl, &seek);
    out->root = root_choose(import, out->signer[0] ? out->signer[0] : out->pck_ca);
    out->pck = pck_choose(import, out->document[0]);
}

/* ---- what lacks ---- */

static void lacks(struct ee_import_result *result, const char *what, const char *path,
                  const char *header)
{
    if (result->missing_count == EE_IMPORT_MISSING_MAX)
        return;
    struct ee_import_missing *missing = &result->missing[result->missing_count++];
    (void)snprintf(missing->what, sizeof(missing->what), "%s", what);
    (void)snprintf(missing->path, sizeof(missing->path), "%s", path);
    missing->header = header;
}

static void missing_list(const struct ee_import_choice *choice, const struct ee_import_chosen *c,
                         struct ee_import_result *result)
{
    char tcb[160], identity[96], pck_crl[96], fmspc[2 * EE_FMSPC_SIZE + 1] = "FMSPC";
    const char *set = choice->set == EE_IMPORT_EARLY ? "early" : "standard";
    const char *ca = choice->processor_ca ? "processor" : "platform";
    if (choice->has_fmspc || c->pck)
        (void)ee_hex_encode(choice->has_fmspc ? choice->fmspc : c->pck->fmspc, EE_FMSPC_SIZE,
                            fmspc);
    (void)snprintf(tcb, sizeof(tcb), "/tdx/certification/v4/tcb?fmspc=%s&update=%s", fmspc, set);
    (void)snprintf(identity, sizeof(identity), "/tdx/certification/v4/qe/identity?update=%s", set);
    (void)snprintf(pck_crl, sizeof(pck_crl), "/sgx/certification/v4/pckcrl?ca=%s&encoding=der", ca);
    if (!c->document[0])
        lacks(result, "TCB Info", tcb, "TCB-Info-Issuer-Chain");
    else if (!c->signer[0])
        lacks(result, "issuer chain of the TCB Info", tcb, "TCB-Info-Issuer-Chain");
    if (!c->document[1])
        lacks(result, "QE identity", identity, "SGX-Enclave-Identity-Issuer-Chain");
    else if (!c->signer[1] && c->document[0])
        lacks(result, "issuer chain of the QE identity", identity,
              "SGX-Enclave-Identity-Issuer-Chain");
    if (!c->pck_crl)
        lacks(result, "PCK CRL", pck_crl, "SGX-PCK-CRL-Issuer-Chain");
    else if (!c->pck_ca)
        lacks(result, "issuer chain of the PCK CRL", pck_crl, "SGX-PCK-CRL-Issuer-Chain");
    if (!c->root_crl)
        lacks(result, "root CRL", "/IntelSGXRootCA.der (a PCCS: /sgx/certification/v4/rootcacrl)",
              NULL);
    if (!c->root && (c->signer[0] || c->pck_ca))
        lacks(result, "root certificate", tcb, "TCB-Info-Issuer-Chain");
}

enum ee_err ee_collateral_import_pack(struct ee_collateral_import *import,
                                      const struct ee_import_choice *choice,
                                      struct ee_import_result *result,
                                      char detail_out[EE_IMPORT_DETAIL_SIZE])
{
    struct ee_import_chosen chosen = {{NULL}, {NULL}, NULL, NULL, NULL, NULL, NULL};
    memset(result, 0, sizeof(*result));
    detail_out[0] = '\0';
    choose(import, choice, &chosen);
    EE_TRY(choice_check(import, choice, chosen.document[0], detail_out));
    missing_list(choice, &chosen, result);
    if (result->missing_count > 0)
        return EE_MISSING_FIELD;
    result->compacted = chosen.document[0]->compacted || chosen.document[1]->compacted;
    enum ee_err err = ee_items_write(&chosen, &result->text);
    if (err == EE_OK && ee_buffer_bytes(&result->text).size > EE_COLLATERAL_MAX)
        err = EE_TOO_LARGE;
    if (err != EE_OK)
        ee_buffer_close(&result->text);
    return err;
}
