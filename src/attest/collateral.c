/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/collateral.h"

#include <string.h>

#include "attest/json.h"
#include "base/text.h"
#include "base/banned.h"

enum member_kind { MEMBER_TEXT, MEMBER_SIGNATURE, MEMBER_CHAIN, MEMBER_CRL };

static const struct member {
    const char *name;
    enum member_kind kind;
    size_t offset;
} members[] = {
    {"tcb_info", MEMBER_TEXT, offsetof(struct ee_collateral, tcb_info)},
    {"tcb_info_signature", MEMBER_SIGNATURE, offsetof(struct ee_collateral, tcb_info_signature)},
    {"tcb_info_issuer_chain", MEMBER_CHAIN, offsetof(struct ee_collateral, tcb_info_chain)},
    {"qe_identity", MEMBER_TEXT, offsetof(struct ee_collateral, qe_identity)},
    {"qe_identity_signature", MEMBER_SIGNATURE,
     offsetof(struct ee_collateral, qe_identity_signature)},
    {"qe_identity_issuer_chain", MEMBER_CHAIN, offsetof(struct ee_collateral, qe_identity_chain)},
    {"pck_crl", MEMBER_CRL, offsetof(struct ee_collateral, pck_crl)},
    {"pck_crl_issuer_chain", MEMBER_CHAIN, offsetof(struct ee_collateral, pck_crl_chain)},
    {"root_ca_crl", MEMBER_CRL, offsetof(struct ee_collateral, root_crl)},
    {"pck_certificate_chain", MEMBER_CHAIN, offsetof(struct ee_collateral, pck_chain)},
};

struct scratch {
    uint8_t *next;
    size_t left;
};

static enum ee_reason crl_decode(struct ee_bytes text, struct ee_bytes *out)
{
    uint8_t *memory = (uint8_t *)(uintptr_t)text.data; /* our scratch, overwritten in place */
    if (text.size >= 5 && memcmp(text.data, "-----", 5) == 0)
        return ee_attest_pem_single("X509 CRL", text, memory, text.size, out);
    if (ee_hex_decode(text, memory, text.size / 2) != EE_OK)
        return EE_REASON_COLLATERAL_ENCODING;
    *out = ee_bytes_of(memory, text.size / 2);
    return EE_REASON_NONE;
}

/* `text` lies in the scratch memory; what is decoded from it takes its place. */
static enum ee_reason member_decode(const struct member *member, struct ee_bytes text, void *field)
{
    uint8_t *memory = (uint8_t *)(uintptr_t)text.data;
    switch (member->kind) {
    case MEMBER_TEXT:
        *(struct ee_bytes *)field = text;
        return EE_REASON_NONE;
    case MEMBER_SIGNATURE:
        return ee_hex_decode(text, field, EE_P256_SIGNATURE_SIZE) == EE_OK
                   ? EE_REASON_NONE
                   : EE_REASON_COLLATERAL_ENCODING;
    case MEMBER_CHAIN:
        return ee_attest_pem_certificates(text, memory, text.size, field);
    case MEMBER_CRL:
        return crl_decode(text, field);
    }
    return EE_REASON_COLLATERAL_SYNTAX;
}

static enum ee_reason member_read(struct ee_json *j, const struct member *member,
                                  struct scratch *scratch, struct ee_collateral *out)
{
    size_t size = ee_attest_json_copy(j, scratch->next, scratch->left);
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    struct ee_bytes text = ee_bytes_of(scratch->next, size);
    scratch->next += size;
    scratch->left -= size;
    if (size == 0)
        return EE_REASON_NONE; /* as if missing */
    return member_decode(member, text, (uint8_t *)out + member->offset);
}

static const struct member *member_find(struct ee_bytes key)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (ee_bytes_equal(key, ee_bytes_str(members[i].name)))
            return &members[i];
    return NULL;
}

enum ee_reason ee_attest_collateral_decode(struct ee_bytes bytes, uint8_t *scratch,
                                           size_t scratch_size, struct ee_collateral *out)
{
    struct ee_collateral collateral = {0};
    struct scratch memory = {scratch, scratch_size};
    struct ee_json j;
    struct ee_bytes key;
    if (scratch_size < bytes.size)
        return EE_REASON_COLLATERAL_TOO_LARGE;
    ee_attest_json_init(&j, bytes, EE_COLLATERAL_MAX);
    ee_attest_json_object(&j);
    while (ee_attest_json_key(&j, &key)) {
        const struct member *member = member_find(key);
        if (member)
            EE_REASON_TRY(member_read(&j, member, &memory, &collateral));
        else
            (void)ee_attest_json_skip(&j);
    }
    EE_REASON_TRY(ee_attest_json_end(&j));
    *out = collateral;
    return EE_REASON_NONE;
}
