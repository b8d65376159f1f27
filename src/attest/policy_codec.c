/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the structure, and its bytes: docs/spec/policy.md, "Bytes". */
#include <string.h>

#include "attest/policy.h"
#include "base/banned.h"

static const char label[] = "ee-policy";

/* No policy accepts these, so none may seem to. */
#define STATUSES_NEVER                                                                             \
    (UINT32_C(1) << EE_TCB_UNKNOWN | UINT32_C(1) << EE_TCB_REVOKED |                               \
     UINT32_C(1) << EE_TCB_NOT_SUPPORTED)
#define STATUSES_ALL ((UINT32_C(1) << EE_TCB_STATUS_COUNT) - 1)
#define TIME_MAX_S INT64_C(253402300799) /* the end of 9999 */

/* ---- rules ---- */

/* Printable ASCII that JSON shows as it is. */
static bool text_ok(const char *text, size_t size)
{
    const char *end = memchr(text, '\0', size);
    for (const char *c = text; end && c < end; c++)
        if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\')
            return false;
    return end != NULL;
}

/* Whether two of `count` values of `size` bytes, `stride` apart, are equal. */
static bool repeats(const void *values, size_t stride, size_t size, uint32_t count)
{
    const uint8_t *data = values;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (memcmp(data + i * stride, data + k * stride, size) == 0)
                return true;
    return false;
}

static enum ee_err lists_valid(const struct ee_attest_policy *p)
{
    if (p->module_count > EE_POLICY_MODULES_MAX || p->mrseam_count > EE_POLICY_MRSEAMS_MAX ||
        p->service_td_count > EE_POLICY_SERVICE_TDS_MAX ||
        p->advisory_count > EE_POLICY_ADVISORIES_MAX ||
        p->fmspc_allowed.count > EE_POLICY_FMSPCS_MAX ||
        p->fmspc_denied.count > EE_POLICY_FMSPCS_MAX ||
        p->platform_allowed.count > EE_POLICY_PLATFORMS_MAX ||
        p->platform_denied.count > EE_POLICY_PLATFORMS_MAX || p->set_count > EE_POLICY_SETS_MAX ||
        p->value_count > EE_POLICY_VALUES_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < p->advisory_count; i++)
        if (!text_ok(p->advisories[i], EE_ADVISORY_SIZE) || p->advisories[i][0] == '\0')
            return EE_RANGE;
    bool twice =
        repeats(p->modules, sizeof(p->modules[0]), 1, p->module_count) ||
        repeats(p->mrseams, EE_MEASUREMENT_SIZE, EE_MEASUREMENT_SIZE, p->mrseam_count) ||
        repeats(p->service_tds, EE_MEASUREMENT_SIZE, EE_MEASUREMENT_SIZE, p->service_td_count) ||
        repeats(p->advisories, EE_ADVISORY_SIZE, EE_ADVISORY_SIZE, p->advisory_count) ||
        repeats(p->fmspc_allowed.id, EE_FMSPC_SIZE, EE_FMSPC_SIZE, p->fmspc_allowed.count) ||
        repeats(p->fmspc_denied.id, EE_FMSPC_SIZE, EE_FMSPC_SIZE, p->fmspc_denied.count) ||
        repeats(p->platform_allowed.id, EE_PPID_SIZE, EE_PPID_SIZE, p->platform_allowed.count) ||
        repeats(p->platform_denied.id, EE_PPID_SIZE, EE_PPID_SIZE, p->platform_denied.count);
    return twice ? EE_DUPLICATE_FIELD : EE_OK;
}

/* RTMR3 and the host's fields prove nothing unless MRTD says which firmware filled them, and RTMR3
 * nothing unless RTMR0 to RTMR2 say which software did. */
static bool set_ok(unsigned registers)
{
    const unsigned code = 1u << EE_REGISTER_MRTD | 1u << EE_REGISTER_RTMR0 |
                          1u << EE_REGISTER_RTMR1 | 1u << EE_REGISTER_RTMR2;
    if (registers & 1u << EE_REGISTER_RTMR3)
        return (registers & code) == code;
    return registers & 1u << EE_REGISTER_MRTD;
}

static enum ee_err sets_valid(const struct ee_attest_policy *p)
{
    unsigned registers[EE_POLICY_SETS_MAX] = {0};
    for (size_t i = 0; i < p->value_count; i++) {
        unsigned set = p->values[i].set, which = p->values[i].which;
        if (set >= p->set_count || which >= EE_REGISTER_COUNT)
            return EE_RANGE;
        if (i > 0 && (set < p->values[i - 1].set ||
                      (set == p->values[i - 1].set && which < p->values[i - 1].which)))
            return EE_RANGE; /* one order only */
        registers[set] |= 1u << which;
    }
    for (size_t i = 0; i < p->set_count; i++)
        if (!set_ok(registers[i]) || !text_ok(p->set_labels[i], sizeof(p->set_labels[i])))
            return EE_RANGE;
    return repeats(p->values, sizeof(p->values[0]), sizeof(p->values[0]), p->value_count)
               ? EE_DUPLICATE_FIELD
               : EE_OK;
}

enum ee_err ee_attest_policy_valid(const struct ee_attest_policy *p)
{
    if (!text_ok(p->name, sizeof(p->name)) || (p->statuses & (STATUSES_NEVER | ~STATUSES_ALL)))
        return EE_RANGE;
    for (unsigned s = 0; s < EE_TCB_STATUS_COUNT; s++)
        if (p->grace_days[s] > EE_POLICY_DAYS_MAX ||
            (p->grace_days[s] && (STATUSES_NEVER >> s & 1)))
            return EE_RANGE;
    if (p->min_tcb_date_s < 0 || p->min_tcb_date_s > TIME_MAX_S ||
        p->max_collateral_age_days > EE_POLICY_DAYS_MAX)
        return EE_RANGE;
    if ((p->attributes_required & p->attributes_forbidden) ||
        (p->xfam_required & p->xfam_forbidden) || (p->attributes_required & EE_TD_TUD_MASK))
        return EE_RANGE;
    EE_TRY(lists_valid(p));
    EE_TRY(sets_valid(p));
    return p->allow_debug && p->set_count == 0 ? EE_DEBUG_TD : EE_OK;
}

/* ---- bytes ---- */

enum { FLAG_SEPT_VE = 1, FLAG_MIGRATABLE = 2, FLAG_SERVICE_TDS = 4, FLAGS_ALL = 7 };

static void list_write(struct ee_writer *w, const void *values, size_t size, uint32_t count)
{
    ee_writer_u8(w, (uint8_t)count);
    ee_writer_bytes(w, values, size * count);
}

static void scalars_write(struct ee_writer *w, const struct ee_attest_policy *p)
{
    ee_writer_text(w, p->name);
    ee_writer_u8(w, (uint8_t)((p->allow_sept_ve ? FLAG_SEPT_VE : 0) |
                              (p->allow_migratable ? FLAG_MIGRATABLE : 0) |
                              (p->allow_service_tds ? FLAG_SERVICE_TDS : 0)));
    ee_writer_u64(w, p->attributes_required);
    ee_writer_u64(w, p->attributes_forbidden);
    ee_writer_u64(w, p->xfam_required);
    ee_writer_u64(w, p->xfam_forbidden);
    ee_writer_u32(w, p->statuses);
    ee_writer_u8(w, EE_TCB_STATUS_COUNT);
    for (size_t i = 0; i < EE_TCB_STATUS_COUNT; i++)
        ee_writer_u16(w, p->grace_days[i]);
    ee_writer_u64(w, (uint64_t)p->min_tcb_date_s);
    ee_writer_u32(w, p->min_tcb_evaluation);
    ee_writer_u32(w, p->min_qe_evaluation);
    ee_writer_u32(w, p->max_collateral_age_days);
    ee_writer_u8(w, p->min_module_version);
}

enum ee_err ee_attest_policy_encode(const struct ee_attest_policy *p, struct ee_writer *w)
{
    size_t start = w->size;
    if (p->allow_debug)
        return EE_DEBUG_TD;
    EE_TRY(ee_attest_policy_valid(p));
    ee_writer_label(w, label, 1);
    scalars_write(w, p);
    list_write(w, p->modules, sizeof(p->modules[0]), p->module_count);
    list_write(w, p->mrseams, EE_MEASUREMENT_SIZE, p->mrseam_count);
    list_write(w, p->service_tds, EE_MEASUREMENT_SIZE, p->service_td_count);
    ee_writer_u8(w, (uint8_t)p->advisory_count);
    for (size_t i = 0; i < p->advisory_count; i++)
        ee_writer_text(w, p->advisories[i]);
    list_write(w, p->fmspc_allowed.id, EE_FMSPC_SIZE, p->fmspc_allowed.count);
    list_write(w, p->fmspc_denied.id, EE_FMSPC_SIZE, p->fmspc_denied.count);
    list_write(w, p->platform_allowed.id, EE_PPID_SIZE, p->platform_allowed.count);
    list_write(w, p->platform_denied.id, EE_PPID_SIZE, p->platform_denied.count);
    ee_writer_u8(w, (uint8_t)p->set_count);
    for (size_t i = 0; i < p->set_count; i++)
        ee_writer_text(w, p->set_labels[i]);
    list_write(w, p->values, sizeof(p->values[0]), p->value_count);
    if (w->err != EE_OK)
        w->size = start;
    return w->err;
}

_Static_assert(sizeof(((struct ee_attest_policy *)0)->modules[0]) == 2 &&
                   sizeof(((struct ee_attest_policy *)0)->values[0]) == 2 + EE_MEASUREMENT_SIZE,
               "written as they lie in memory: bytes only, no padding");

/* u8 count and that many values. */
static uint32_t list_read(struct ee_cursor *c, void *values, size_t size, uint32_t limit)
{
    uint32_t count = ee_cursor_u8(c);
    if (count > limit && c->err == EE_OK)
        c->err = EE_RANGE;
    if (c->err != EE_OK)
        return 0;
    ee_cursor_copy(c, values, size * count);
    return count;
}

/* u8 count and that many texts of up to `size` - 1 characters. */
static uint32_t texts_read(struct ee_cursor *c, char *texts, size_t size, uint32_t limit)
{
    uint32_t count = ee_cursor_u8(c);
    if (count > limit && c->err == EE_OK)
        c->err = EE_RANGE;
    for (uint32_t i = 0; i < count && c->err == EE_OK; i++)
        ee_cursor_text(c, texts + i * size, size);
    return c->err == EE_OK ? count : 0;
}

static void scalars_read(struct ee_cursor *c, struct ee_attest_policy *p)
{
    ee_cursor_text(c, p->name, sizeof(p->name));
    uint8_t flags = ee_cursor_u8(c);
    p->allow_sept_ve = flags & FLAG_SEPT_VE;
    p->allow_migratable = flags & FLAG_MIGRATABLE;
    p->allow_service_tds = flags & FLAG_SERVICE_TDS;
    p->attributes_required = ee_cursor_u64(c);
    p->attributes_forbidden = ee_cursor_u64(c);
    p->xfam_required = ee_cursor_u64(c);
    p->xfam_forbidden = ee_cursor_u64(c);
    p->statuses = ee_cursor_u32(c);
    if (c->err == EE_OK && ((flags & ~FLAGS_ALL) || ee_cursor_u8(c) != EE_TCB_STATUS_COUNT))
        c->err = EE_RANGE;
    for (size_t i = 0; i < EE_TCB_STATUS_COUNT; i++)
        p->grace_days[i] = ee_cursor_u16(c);
    uint64_t date_s = ee_cursor_u64(c);
    if (c->err == EE_OK && date_s > (uint64_t)TIME_MAX_S)
        c->err = EE_RANGE;
    p->min_tcb_date_s = c->err == EE_OK ? (int64_t)date_s : 0;
    p->min_tcb_evaluation = ee_cursor_u32(c);
    p->min_qe_evaluation = ee_cursor_u32(c);
    p->max_collateral_age_days = ee_cursor_u32(c);
    p->min_module_version = ee_cursor_u8(c);
}

enum ee_err ee_attest_policy_decode(struct ee_bytes bytes, struct ee_attest_policy *out)
{
    struct ee_attest_policy p;
    struct ee_cursor c;
    memset(&p, 0, sizeof(p));
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, label, 1);
    scalars_read(&c, &p);
    p.module_count = list_read(&c, p.modules, sizeof(p.modules[0]), EE_POLICY_MODULES_MAX);
    p.mrseam_count = list_read(&c, p.mrseams, EE_MEASUREMENT_SIZE, EE_POLICY_MRSEAMS_MAX);
    p.service_td_count =
        list_read(&c, p.service_tds, EE_MEASUREMENT_SIZE, EE_POLICY_SERVICE_TDS_MAX);
    p.advisory_count = texts_read(&c, p.advisories[0], EE_ADVISORY_SIZE, EE_POLICY_ADVISORIES_MAX);
    p.fmspc_allowed.count = list_read(&c, p.fmspc_allowed.id, EE_FMSPC_SIZE, EE_POLICY_FMSPCS_MAX);
    p.fmspc_denied.count = list_read(&c, p.fmspc_denied.id, EE_FMSPC_SIZE, EE_POLICY_FMSPCS_MAX);
    p.platform_allowed.count =
        list_read(&c, p.platform_allowed.id, EE_PPID_SIZE, EE_POLICY_PLATFORMS_MAX);
    p.platform_denied.count =
        list_read(&c, p.platform_denied.id, EE_PPID_SIZE, EE_POLICY_PLATFORMS_MAX);
    p.set_count = texts_read(&c, p.set_labels[0], sizeof(p.set_labels[0]), EE_POLICY_SETS_MAX);
    p.value_count = list_read(&c, p.values, sizeof(p.values[0]), EE_POLICY_VALUES_MAX);
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(ee_attest_policy_valid(&p));
    *out = p;
    return EE_OK;
}
