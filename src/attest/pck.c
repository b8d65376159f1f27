/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/pck.h"

#include <string.h>

#include "attest/der.h"
#include "base/banned.h"

/* 1.2.840.113741.1.13.1; members append one octet, members of 2 and 7 another. */
static const uint8_t arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

/* The number after `prefix`; 0 when the OID is not of that form. */
static unsigned member_number(struct ee_bytes oid, unsigned group)
{
    size_t depth = group ? 2 : 1;
    if (oid.size != sizeof(arc) + depth || memcmp(oid.data, arc, sizeof(arc)) != 0)
        return 0;
    if (group && oid.data[sizeof(arc)] != group)
        return 0;
    return oid.data[oid.size - 1];
}

/* Enters the next SEQUENCE { OID, value } and gives its number, each at most once. */
static unsigned member_next(struct ee_cursor *list, unsigned group, uint32_t *seen,
                            struct ee_cursor *value)
{
    *value = ee_attest_der_enter(list, EE_DER_SEQUENCE);
    unsigned number = member_number(ee_attest_der_expect(value, EE_DER_OID), group);
    if (number > 31 || (*seen & (UINT32_C(1) << number)))
        number = 0;
    *seen |= number ? UINT32_C(1) << number : 0;
    return number;
}

static void octets(struct ee_cursor *value, uint8_t *out, size_t size)
{
    struct ee_bytes content = ee_attest_der_expect(value, EE_DER_OCTET_STRING);
    if (value->err == EE_OK && content.size != size)
        value->err = EE_SYNTAX;
    if (value->err == EE_OK)
        memcpy(out, content.data, size);
}

/* .2: sixteen component SVNs, PCESVN, CPUSVN. */
static void tcb_decode(struct ee_cursor *value, struct ee_pck *out)
{
    uint32_t seen = 0;
    struct ee_cursor list = ee_attest_der_enter(value, EE_DER_SEQUENCE), one;
    while (list.err == EE_OK && list.left) {
        unsigned number = member_next(&list, 2, &seen, &one);
        if (number >= 1 && number <= EE_TCB_COMPONENTS)
            out->components[number - 1] =
                (uint8_t)ee_attest_der_unsigned(&one, EE_DER_INTEGER, UINT8_MAX);
        else if (number == 17)
            out->pcesvn = (uint16_t)ee_attest_der_unsigned(&one, EE_DER_INTEGER, UINT16_MAX);
        else if (number == 18)
            octets(&one, out->cpusvn, sizeof(out->cpusvn));
        else
            list.err = EE_SYNTAX;
        if (list.err == EE_OK)
            list.err = ee_cursor_end(&one);
    }
    if (list.err == EE_OK && seen != 0x7fffe) /* all of 1 to 18 */
        list.err = EE_MISSING_FIELD;
    if (value->err == EE_OK)
        value->err = list.err;
}

/* .7: how the platform is configured. */
static void configuration_decode(struct ee_cursor *value, struct ee_pck *out)
{
    uint32_t seen = 0;
    bool *const fields[] = {&out->dynamic_platform, &out->cached_keys, &out->smt_enabled};
    struct ee_cursor list = ee_attest_der_enter(value, EE_DER_SEQUENCE), one;
    while (list.err == EE_OK && list.left) {
        unsigned number = member_next(&list, 7, &seen, &one);
        if (number >= 1 && number <= 3)
            *fields[number - 1] = ee_attest_der_boolean(&one);
        else
            list.err = EE_SYNTAX;
        if (list.err == EE_OK)
            list.err = ee_cursor_end(&one);
    }
    out->has_configuration = true;
    if (value->err == EE_OK)
        value->err = list.err;
}

static void member_decode(struct ee_cursor *value, unsigned number, struct ee_pck *out)
{
    switch (number) {
    case 1:
        octets(value, out->ppid, sizeof(out->ppid));
        break;
    case 2:
        tcb_decode(value, out);
        break;
    case 3:
        octets(value, out->pceid, sizeof(out->pceid));
        break;
    case 4:
        octets(value, out->fmspc, sizeof(out->fmspc));
        break;
    case 5:
        out->sgx_type = (uint8_t)ee_attest_der_unsigned(value, EE_DER_ENUMERATED, 2);
        break;
    case 6:
        octets(value, out->instance_id, sizeof(out->instance_id));
        out->has_instance = true;
        break;
    case 7:
        configuration_decode(value, out);
        break;
    default:
        value->err = EE_SYNTAX;
    }
}

enum ee_reason ee_attest_pck_decode(struct ee_bytes value, struct ee_pck *out)
{
    struct ee_pck pck = {0};
    struct ee_cursor c, one;
    uint32_t seen = 0;
    ee_cursor_init(&c, value);
    struct ee_cursor list = ee_attest_der_enter(&c, EE_DER_SEQUENCE);
    while (list.err == EE_OK && list.left) {
        unsigned number = member_next(&list, 0, &seen, &one);
        member_decode(&one, number, &pck);
        if (list.err == EE_OK)
            list.err = ee_cursor_end(&one);
    }
    /* 1 to 5 are mandatory. */
    if (list.err != EE_OK || ee_cursor_end(&c) != EE_OK || (seen & 0x3e) != 0x3e)
        return EE_REASON_PCK_EXTENSION;
    *out = pck;
    return EE_REASON_NONE;
}
