/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/qe_identity.h"

#include <string.h>

#include "base/banned.h"

enum {
    HAS_ID = 1 << 0,
    HAS_VERSION = 1 << 1,
    HAS_ISSUED = 1 << 2,
    HAS_NEXT = 1 << 3,
    HAS_EVALUATION = 1 << 4,
    HAS_MISCSELECT = 1 << 5,
    HAS_MISCSELECT_MASK = 1 << 6,
    HAS_ATTRIBUTES = 1 << 7,
    HAS_ATTRIBUTES_MASK = 1 << 8,
    HAS_MRSIGNER = 1 << 9,
    HAS_PRODUCT = 1 << 10,
    HAS_LEVELS = 1 << 11,
    HAS_ALL = (1 << 12) - 1,
};

struct header {
    struct ee_bytes id;
    uint32_t version;
    unsigned seen;
};

/* MISCSELECT is published as the hex of its memory order. */
static uint32_t little32(struct ee_json *j)
{
    uint8_t bytes[4] = {0};
    ee_attest_json_hex(j, bytes, sizeof(bytes));
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* What identifies the enclave. 0 when `key` is none of it. */
static unsigned enclave_member(struct ee_json *j, struct ee_bytes key, struct ee_qe_identity *out)
{
    if (EE_JSON_IS(key, "miscselect")) {
        out->miscselect = little32(j);
        return HAS_MISCSELECT;
    }
    if (EE_JSON_IS(key, "miscselectMask")) {
        out->miscselect_mask = little32(j);
        return HAS_MISCSELECT_MASK;
    }
    if (EE_JSON_IS(key, "attributes")) {
        ee_attest_json_hex(j, out->attributes, sizeof(out->attributes));
        return HAS_ATTRIBUTES;
    }
    if (EE_JSON_IS(key, "attributesMask")) {
        ee_attest_json_hex(j, out->attributes_mask, sizeof(out->attributes_mask));
        return HAS_ATTRIBUTES_MASK;
    }
    if (EE_JSON_IS(key, "mrsigner")) {
        ee_attest_json_hex(j, out->mrsigner, sizeof(out->mrsigner));
        return HAS_MRSIGNER;
    }
    if (EE_JSON_IS(key, "isvprodid")) {
        out->product_id = (uint16_t)ee_attest_json_unsigned(j, UINT16_MAX);
        return HAS_PRODUCT;
    }
    return 0;
}

/* What describes the document. 0 when `key` is none of it. */
static unsigned document_member(struct ee_json *j, struct ee_bytes key, struct header *header,
                                struct ee_qe_identity *out)
{
    if (EE_JSON_IS(key, "id")) {
        header->id = ee_attest_json_text(j);
        return HAS_ID;
    }
    if (EE_JSON_IS(key, "version")) {
        header->version = ee_attest_json_unsigned(j, UINT32_MAX);
        return HAS_VERSION;
    }
    if (EE_JSON_IS(key, "issueDate")) {
        out->issued_s = ee_attest_json_time(j);
        return HAS_ISSUED;
    }
    if (EE_JSON_IS(key, "nextUpdate")) {
        out->next_update_s = ee_attest_json_time(j);
        return HAS_NEXT;
    }
    if (EE_JSON_IS(key, "tcbEvaluationDataNumber")) {
        out->evaluation = ee_attest_json_unsigned(j, UINT32_MAX);
        return HAS_EVALUATION;
    }
    return 0;
}

static enum ee_reason member_read(struct ee_json *j, struct ee_bytes key, struct header *header,
                                  struct ee_qe_identity *out)
{
    unsigned bit = document_member(j, key, header, out);
    if (bit == 0)
        bit = enclave_member(j, key, out);
    if (bit == 0 && EE_JSON_IS(key, "tcbLevels")) {
        header->seen |= HAS_LEVELS;
        return ee_attest_svn_levels_read(j, &out->levels);
    }
    if (bit == 0)
        (void)ee_attest_json_skip(j);
    header->seen |= bit;
    return j->reason;
}

enum ee_reason ee_attest_qe_identity_decode(struct ee_bytes text, struct ee_qe_identity *out)
{
    struct header header = {0};
    struct ee_json j;
    struct ee_bytes key;
    enum ee_reason reason = EE_REASON_NONE;
    memset(out, 0, sizeof(*out));
    ee_attest_json_init(&j, text, 64 * 1024);
    ee_attest_json_object(&j);
    while (reason == EE_REASON_NONE && ee_attest_json_key(&j, &key))
        reason = member_read(&j, key, &header, out);
    if (reason == EE_REASON_NONE)
        reason = ee_attest_json_end(&j);
    /* The id first: another document's other members say less. */
    if ((header.seen & HAS_ID) && !EE_JSON_IS(header.id, "TD_QE"))
        return EE_REASON_COLLATERAL_ID;
    if ((header.seen & HAS_VERSION) && header.version != 2)
        return EE_REASON_COLLATERAL_VERSION;
    if (reason == EE_REASON_NONE && header.seen != HAS_ALL)
        reason = EE_REASON_COLLATERAL_FIELD;
    return reason;
}

size_t ee_attest_qe_identity_compare(const struct ee_qe_identity *identity,
                                     const struct ee_sgx_report *qe,
                                     enum ee_reason out[EE_QE_FINDINGS_MAX])
{
    size_t count = 0;
    bool attributes = true;
    for (size_t i = 0; i < sizeof(qe->attributes); i++)
        attributes = attributes &&
                     (qe->attributes[i] & identity->attributes_mask[i]) == identity->attributes[i];
    if ((qe->miscselect & identity->miscselect_mask) != identity->miscselect)
        out[count++] = EE_REASON_QE_MISCSELECT;
    if (!attributes)
        out[count++] = EE_REASON_QE_ATTRIBUTES;
    if (qe->attributes[0] & 2) /* SGX ATTRIBUTES.DEBUG, whatever the mask says */
        out[count++] = EE_REASON_QE_DEBUG;
    if (memcmp(qe->mrsigner, identity->mrsigner, sizeof(qe->mrsigner)) != 0)
        out[count++] = EE_REASON_QE_MRSIGNER;
    if (qe->product_id != identity->product_id)
        out[count++] = EE_REASON_QE_PRODUCT;
    return count;
}
