/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/tcb_info.h"

#include <string.h>

#include "base/text.h"
#include "base/banned.h"

/* Mandatory members, as they are found. */
enum {
    HAS_ID = 1 << 0,
    HAS_VERSION = 1 << 1,
    HAS_ISSUED = 1 << 2,
    HAS_NEXT = 1 << 3,
    HAS_FMSPC = 1 << 4,
    HAS_PCEID = 1 << 5,
    HAS_TYPE = 1 << 6,
    HAS_EVALUATION = 1 << 7,
    HAS_LEVELS = 1 << 8,
    HAS_ALL = (1 << 9) - 1,
};

/* Values that decide whether this is a TDX TCB Info at all, judged before anything else. */
struct header {
    struct ee_bytes id;
    uint32_t version;
    uint32_t type;
    unsigned seen;
    enum ee_reason first; /* failure inside the levels, if any */
};

static enum ee_reason component_read(struct ee_json *j, uint8_t *svn,
                                     struct ee_component_label *label)
{
    struct ee_bytes key;
    bool found = false;
    ee_attest_json_object(j);
    while (ee_attest_json_key(j, &key)) {
        if (EE_JSON_IS(key, "svn")) {
            *svn = (uint8_t)ee_attest_json_unsigned(j, UINT8_MAX);
            found = true;
        } else if (EE_JSON_IS(key, "category")) {
            label->category = ee_attest_json_text(j);
        } else if (EE_JSON_IS(key, "type")) {
            label->type = ee_attest_json_text(j);
        } else {
            (void)ee_attest_json_skip(j);
        }
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return found ? EE_REASON_NONE : EE_REASON_COLLATERAL_FIELD;
}

static enum ee_reason components_read(struct ee_json *j, uint8_t svns[EE_TCB_COMPONENTS],
                                      struct ee_component_label labels[EE_TCB_COMPONENTS])
{
    size_t count = 0;
    ee_attest_json_array(j);
    while (ee_attest_json_item(j)) {
        if (count == EE_TCB_COMPONENTS)
            return EE_REASON_COLLATERAL_FIELD;
        EE_REASON_TRY(component_read(j, &svns[count], &labels[count]));
        count++;
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return count == EE_TCB_COMPONENTS ? EE_REASON_NONE : EE_REASON_COLLATERAL_FIELD;
}

static enum ee_reason level_tcb_read(struct ee_json *j, struct ee_tcb_level *level,
                                     struct ee_tcb_info *info)
{
    struct ee_bytes key;
    unsigned seen = 0;
    ee_attest_json_object(j);
    while (ee_attest_json_key(j, &key)) {
        if (EE_JSON_IS(key, "sgxtcbcomponents")) {
            EE_REASON_TRY(components_read(j, level->sgx, info->sgx_label));
            seen |= 1;
        } else if (EE_JSON_IS(key, "pcesvn")) {
            level->pcesvn = (uint16_t)ee_attest_json_unsigned(j, UINT16_MAX);
            seen |= 2;
        } else if (EE_JSON_IS(key, "tdxtcbcomponents")) {
            EE_REASON_TRY(components_read(j, level->tdx, info->tdx_label));
            seen |= 4;
        } else {
            (void)ee_attest_json_skip(j);
        }
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return seen == 7 ? EE_REASON_NONE : EE_REASON_COLLATERAL_FIELD;
}

static enum ee_reason level_read(struct ee_json *j, struct ee_tcb_level *level,
                                 struct ee_tcb_info *info)
{
    struct ee_bytes key;
    unsigned seen = 0;
    ee_attest_json_object(j);
    while (ee_attest_json_key(j, &key)) {
        if (EE_JSON_IS(key, "tcb")) {
            EE_REASON_TRY(level_tcb_read(j, level, info));
            seen |= EE_LEVEL_TCB;
        } else {
            EE_REASON_TRY(ee_attest_level_member(j, key, &level->common, &seen));
        }
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return seen == EE_LEVEL_ALL ? EE_REASON_NONE : EE_REASON_COLLATERAL_FIELD;
}

/* Order of levels: SGX components, PCESVN, TDX components, each as numbers. */
static int level_compare(const struct ee_tcb_level *a, const struct ee_tcb_level *b)
{
    int order = memcmp(a->sgx, b->sgx, sizeof(a->sgx));
    if (order == 0)
        order = (a->pcesvn > b->pcesvn) - (a->pcesvn < b->pcesvn);
    return order ? order : memcmp(a->tdx, b->tdx, sizeof(a->tdx));
}

/* Highest first; JSON order is not relied on. False for a duplicate. */
static bool level_insert(struct ee_tcb_info *info, const struct ee_tcb_level *level)
{
    size_t at = info->level_count;
    while (at > 0) {
        int order = level_compare(&info->levels[at - 1], level);
        if (order == 0)
            return false;
        if (order > 0)
            break;
        info->levels[at] = info->levels[at - 1];
        at--;
    }
    info->levels[at] = *level;
    info->level_count++;
    return true;
}

static enum ee_reason levels_read(struct ee_json *j, struct ee_tcb_info *info)
{
    ee_attest_json_array(j);
    while (ee_attest_json_item(j)) {
        struct ee_tcb_level level = {0};
        EE_REASON_TRY(level_read(j, &level, info));
        if (info->level_count == EE_TCB_LEVELS_MAX || !level_insert(info, &level))
            return EE_REASON_COLLATERAL_LEVELS;
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return info->level_count ? EE_REASON_NONE : EE_REASON_COLLATERAL_LEVELS;
}

/* "TDX_0a" and "TDX_0A" are the same module; false for an id of another form. */
static bool module_version(struct ee_bytes id, uint8_t *version)
{
    return id.size == 6 && (id.data[0] | 0x20) == 't' && (id.data[1] | 0x20) == 'd' &&
           (id.data[2] | 0x20) == 'x' && id.data[3] == '_' &&
           ee_hex_decode(ee_bytes_of(id.data + 4, 2), version, 1) == EE_OK;
}

/* tdxModule, or one of tdxModuleIdentities, which also has an id and levels. */
static enum ee_reason module_read(struct ee_json *j, bool versioned, bool *known,
                                  struct ee_module_identity *out)
{
    struct ee_bytes key;
    unsigned seen = 0;
    *known = !versioned;
    ee_attest_json_object(j);
    while (ee_attest_json_key(j, &key)) {
        if (EE_JSON_IS(key, "mrsigner")) {
            ee_attest_json_hex(j, out->mrsigner, sizeof(out->mrsigner));
            seen |= 1;
        } else if (EE_JSON_IS(key, "attributes")) {
            ee_attest_json_hex(j, out->attributes, sizeof(out->attributes));
            seen |= 2;
        } else if (EE_JSON_IS(key, "attributesMask")) {
            ee_attest_json_hex(j, out->attributes_mask, sizeof(out->attributes_mask));
            seen |= 4;
        } else if (versioned && EE_JSON_IS(key, "id")) {
            *known = module_version(ee_attest_json_text(j), &out->version);
            seen |= 8;
        } else if (versioned && EE_JSON_IS(key, "tcbLevels")) {
            EE_REASON_TRY(ee_attest_svn_levels_read(j, &out->levels));
            seen |= 16;
        } else {
            (void)ee_attest_json_skip(j);
        }
    }
    if (j->reason != EE_REASON_NONE)
        return j->reason;
    return seen == (versioned ? 31 : 7) ? EE_REASON_NONE : EE_REASON_COLLATERAL_FIELD;
}

static enum ee_reason identities_read(struct ee_json *j, struct ee_tcb_info *info)
{
    ee_attest_json_array(j);
    while (ee_attest_json_item(j)) {
        bool known = false;
        if (info->identity_count == EE_MODULE_IDENTITIES_MAX)
            return EE_REASON_COLLATERAL_LEVELS;
        struct ee_module_identity *one = &info->identities[info->identity_count];
        EE_REASON_TRY(module_read(j, true, &known, one));
        if (!known)
            continue; /* a kind of module this quote format cannot name */
        if (ee_attest_tcb_info_module(info, one->version) && one->version)
            return EE_REASON_COLLATERAL_LEVELS;
        info->identity_count++;
    }
    return j->reason;
}

static enum ee_reason number_read(struct ee_json *j, struct header *header, unsigned bit,
                                  uint32_t *out)
{
    *out = ee_attest_json_unsigned(j, UINT32_MAX);
    header->seen |= bit;
    return j->reason;
}

/* The simple members. Returns false when `key` is none of them. */
static bool simple_member(struct ee_json *j, struct ee_bytes key, struct header *header,
                          struct ee_tcb_info *out)
{
    if (EE_JSON_IS(key, "id")) {
        header->id = ee_attest_json_text(j);
        header->seen |= HAS_ID;
    } else if (EE_JSON_IS(key, "issueDate")) {
        out->issued_s = ee_attest_json_time(j);
        header->seen |= HAS_ISSUED;
    } else if (EE_JSON_IS(key, "nextUpdate")) {
        out->next_update_s = ee_attest_json_time(j);
        header->seen |= HAS_NEXT;
    } else if (EE_JSON_IS(key, "fmspc")) {
        ee_attest_json_hex(j, out->fmspc, sizeof(out->fmspc));
        header->seen |= HAS_FMSPC;
    } else if (EE_JSON_IS(key, "pceId")) {
        ee_attest_json_hex(j, out->pceid, sizeof(out->pceid));
        header->seen |= HAS_PCEID;
    } else {
        return false;
    }
    return true;
}

/* The composed ones; anything else is skipped, Intel adds members. */
static enum ee_reason member_read(struct ee_json *j, struct ee_bytes key, struct header *header,
                                  struct ee_tcb_info *out)
{
    bool known;
    if (simple_member(j, key, header, out))
        return j->reason;
    if (EE_JSON_IS(key, "version"))
        return number_read(j, header, HAS_VERSION, &header->version);
    if (EE_JSON_IS(key, "tcbType"))
        return number_read(j, header, HAS_TYPE, &header->type);
    if (EE_JSON_IS(key, "tcbEvaluationDataNumber"))
        return number_read(j, header, HAS_EVALUATION, &out->evaluation);
    if (EE_JSON_IS(key, "tdxModule")) {
        out->has_module = true;
        return module_read(j, false, &known, &out->module);
    }
    if (EE_JSON_IS(key, "tdxModuleIdentities"))
        return identities_read(j, out);
    if (EE_JSON_IS(key, "tcbLevels")) {
        header->seen |= HAS_LEVELS;
        return levels_read(j, out);
    }
    (void)ee_attest_json_skip(j);
    return j->reason;
}

static enum ee_reason header_check(const struct header *header)
{
    if ((header->seen & HAS_ID) && !EE_JSON_IS(header->id, "TDX"))
        return EE_REASON_COLLATERAL_ID;
    if ((header->seen & HAS_VERSION) && header->version != 3)
        return EE_REASON_COLLATERAL_VERSION;
    if ((header->seen & HAS_TYPE) && header->type != 0)
        return EE_REASON_TCB_TYPE;
    if (header->first != EE_REASON_NONE)
        return header->first;
    return header->seen == HAS_ALL ? EE_REASON_NONE : EE_REASON_COLLATERAL_FIELD;
}

enum ee_reason ee_attest_tcb_info_decode(struct ee_bytes text, struct ee_tcb_info *out)
{
    struct header header = {0};
    struct ee_json j;
    struct ee_bytes key;
    memset(out, 0, sizeof(*out));
    ee_attest_json_init(&j, text, EE_SIGNED_JSON_MAX);
    ee_attest_json_object(&j);
    while (header.first == EE_REASON_NONE && ee_attest_json_key(&j, &key))
        header.first = member_read(&j, key, &header, out);
    if (header.first == EE_REASON_NONE)
        header.first = ee_attest_json_end(&j);
    return header_check(&header);
}

const struct ee_module_identity *ee_attest_tcb_info_module(const struct ee_tcb_info *info,
                                                           uint8_t version)
{
    if (version == 0)
        return info->has_module ? &info->module : NULL;
    for (size_t i = 0; i < info->identity_count; i++)
        if (info->identities[i].version == version)
            return &info->identities[i];
    return NULL;
}

static bool reaches(const struct ee_tcb_level *level, const struct ee_pck *pck,
                    const uint8_t svn[EE_TCB_SVN_SIZE])
{
    /* A versioned module has its own levels: its two bytes are not compared here. */
    size_t first = svn[1] > 0 ? 2 : 0;
    for (size_t i = 0; i < EE_TCB_COMPONENTS; i++)
        if (pck->components[i] < level->sgx[i] || (i >= first && svn[i] < level->tdx[i]))
            return false;
    return pck->pcesvn >= level->pcesvn;
}

const struct ee_tcb_level *ee_attest_tcb_info_match(const struct ee_tcb_info *info,
                                                    const struct ee_pck *pck,
                                                    const uint8_t svn[EE_TCB_SVN_SIZE])
{
    for (size_t i = 0; i < info->level_count; i++)
        if (reaches(&info->levels[i], pck, svn))
            return &info->levels[i];
    return NULL;
}

const struct ee_tcb_level *ee_attest_tcb_info_needed(const struct ee_tcb_info *info)
{
    const struct ee_tcb_level *needed = &info->levels[0];
    for (size_t i = 0; i < info->level_count; i++)
        if (info->levels[i].common.status == EE_TCB_UP_TO_DATE)
            needed = &info->levels[i];
    return needed;
}
