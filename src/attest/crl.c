/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/crl.h"

#include <string.h>

#include "attest/der.h"
#include "base/banned.h"

static const uint8_t oid_crl_number[] = {0x55, 0x1d, 0x14};
static const uint8_t oid_authority_key_id[] = {0x55, 0x1d, 0x23};
static const uint8_t oid_reason_code[] = {0x55, 0x1d, 0x15};

#define IS(bytes, constant) ee_bytes_equal(bytes, ee_bytes_of(constant, sizeof(constant)))

/* Entry extensions: a critical one that is not understood could change the entry's meaning. */
static enum ee_reason entry_extensions(struct ee_cursor *entry)
{
    struct ee_cursor list = ee_attest_der_enter(entry, EE_DER_SEQUENCE);
    while (list.err == EE_OK && list.left) {
        struct ee_bytes oid, value;
        bool critical;
        ee_attest_x509_extension(&list, &oid, &critical, &value);
        if (list.err == EE_OK && critical && !IS(oid, oid_reason_code))
            return EE_REASON_CERT_CRITICAL;
    }
    return list.err == EE_OK ? EE_REASON_NONE : EE_REASON_DER_SYNTAX;
}

/* Extensions of nearly every entry: a reason code, not critical; its last byte is the reason. */
static const uint8_t only_a_reason[] = {0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55,
                                        0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01};

static bool has_only_a_reason(const struct ee_cursor *entry)
{
    return entry->left == sizeof(only_a_reason) + 1 &&
           memcmp(entry->next, only_a_reason, sizeof(only_a_reason)) == 0;
}

static enum ee_reason entries_check(struct ee_bytes entries)
{
    struct ee_cursor c;
    ee_cursor_init(&c, entries);
    while (c.err == EE_OK && c.left) {
        struct ee_cursor entry = ee_attest_der_enter(&c, EE_DER_SEQUENCE);
        (void)ee_attest_der_serial(&entry);
        (void)ee_attest_der_time(&entry);
        if (entry.err != EE_OK)
            return EE_REASON_DER_SYNTAX;
        if (entry.left == 0 || has_only_a_reason(&entry))
            continue;
        EE_REASON_TRY(entry_extensions(&entry));
        if (ee_cursor_end(&entry) != EE_OK)
            return EE_REASON_DER_SYNTAX;
    }
    return c.err == EE_OK ? EE_REASON_NONE : EE_REASON_DER_SYNTAX;
}

static enum ee_reason extension(struct ee_crl *crl, struct ee_bytes oid, bool critical,
                                struct ee_bytes value, unsigned *seen)
{
    struct ee_cursor c;
    unsigned bit = IS(oid, oid_crl_number) ? 1 : IS(oid, oid_authority_key_id) ? 2 : 0;
    if (*seen & bit)
        return EE_REASON_CERT_DUPLICATE_EXTENSION;
    *seen |= bit;
    if (bit == 1) {
        ee_cursor_init(&c, value);
        crl->number = ee_attest_der_unsigned(&c, EE_DER_INTEGER, UINT64_MAX);
        return ee_cursor_end(&c) == EE_OK ? EE_REASON_NONE : EE_REASON_DER_SYNTAX;
    }
    if (bit == 2)
        return ee_attest_x509_authority(value, &crl->authority_key_id) ? EE_REASON_NONE
                                                                       : EE_REASON_DER_SYNTAX;
    /* deltaCRLIndicator and issuingDistributionPoint are critical: such lists are partial. */
    return critical ? EE_REASON_CERT_CRITICAL : EE_REASON_NONE;
}

static enum ee_reason extensions(struct ee_cursor *tbs, struct ee_crl *crl)
{
    unsigned seen = 0;
    struct ee_cursor outer = ee_attest_der_enter(tbs, EE_DER_CONTEXT_CONSTRUCTED | 0);
    struct ee_cursor list = ee_attest_der_enter(&outer, EE_DER_SEQUENCE);
    if (ee_cursor_end(&outer) != EE_OK)
        return EE_REASON_DER_SYNTAX;
    while (list.err == EE_OK && list.left) {
        struct ee_bytes oid, value;
        bool critical;
        ee_attest_x509_extension(&list, &oid, &critical, &value);
        if (list.err == EE_OK)
            EE_REASON_TRY(extension(crl, oid, critical, value, &seen));
    }
    if (list.err != EE_OK || seen != 3) /* both are mandatory, RFC 5280 section 5.2 */
        return EE_REASON_DER_SYNTAX;
    return EE_REASON_NONE;
}

static enum ee_reason tbs_decode(struct ee_bytes content, struct ee_bytes algorithm,
                                 struct ee_crl *crl)
{
    struct ee_cursor tbs;
    ee_cursor_init(&tbs, content);
    if (ee_attest_der_unsigned(&tbs, EE_DER_INTEGER, 1) != 1)
        return EE_REASON_DER_SYNTAX;
    struct ee_der_item inner_algorithm = ee_attest_der_any(&tbs);
    struct ee_der_item issuer = ee_attest_der_any(&tbs);
    crl->this_update_s = ee_attest_der_time(&tbs);
    crl->next_update_s = ee_attest_der_time(&tbs);
    if (tbs.err != EE_OK || issuer.tag != EE_DER_SEQUENCE)
        return EE_REASON_DER_SYNTAX;
    if (!ee_bytes_equal(inner_algorithm.whole, algorithm))
        return EE_REASON_CERT_ALGORITHM;
    crl->issuer = issuer.whole;
    if (ee_attest_der_next_is(&tbs, EE_DER_SEQUENCE)) {
        crl->entries = ee_attest_der_expect(&tbs, EE_DER_SEQUENCE);
        EE_REASON_TRY(entries_check(crl->entries));
    }
    EE_REASON_TRY(extensions(&tbs, crl));
    return ee_cursor_end(&tbs) == EE_OK ? EE_REASON_NONE : EE_REASON_DER_SYNTAX;
}

enum ee_reason ee_attest_crl_decode(struct ee_bytes der, struct ee_crl *out)
{
    struct ee_crl crl = {0};
    struct ee_x509_signed envelope;
    EE_REASON_TRY(ee_attest_x509_signed_decode(der, &envelope));
    crl.tbs = envelope.whole;
    memcpy(crl.signature, envelope.signature, sizeof(crl.signature));
    EE_REASON_TRY(tbs_decode(envelope.content, envelope.algorithm, &crl));
    *out = crl;
    return EE_REASON_NONE;
}

enum ee_reason ee_attest_crl_check(const struct ee_crypto *crypto, const struct ee_crl *crl,
                                   const struct ee_cert *issuer, bool signature_known,
                                   int64_t time_s)
{
    if (!ee_bytes_equal(crl->issuer, issuer->subject) ||
        !ee_bytes_equal(crl->authority_key_id, issuer->subject_key_id))
        return EE_REASON_CRL_ISSUER;
    if (!signature_known && !ee_attest_signature_ok(crypto, issuer->key, crl->tbs, crl->signature))
        return EE_REASON_CRL_SIGNATURE;
    if (time_s < crl->this_update_s)
        return EE_REASON_CRL_FUTURE;
    return time_s > crl->next_update_s ? EE_REASON_CRL_EXPIRED : EE_REASON_NONE;
}

/* Entries were read in full when the list was; each starts with its serial number. */
bool ee_attest_crl_revokes(const struct ee_crl *crl, struct ee_bytes serial)
{
    struct ee_cursor c;
    ee_cursor_init(&c, crl->entries);
    while (c.err == EE_OK && c.left) {
        struct ee_bytes entry = ee_attest_der_expect(&c, EE_DER_SEQUENCE);
        size_t octets, length;
        if (entry.size > 2 &&
            ee_attest_der_length(entry.data + 1, entry.size - 1, &octets, &length) &&
            length == serial.size && entry.size - 1 - octets >= length &&
            memcmp(entry.data + 1 + octets, serial.data, length) == 0)
            return true;
    }
    return false;
}
