/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the file form of a policy: docs/spec/policy.md. */
#include <stdio.h>
#include <string.h>

#include "attest/json.h"
#include "attest/policy.h"
#include "base/text.h"
#include "base/banned.h"

static const char format[] = "ee-policy-1";

struct reader {
    struct ee_json j;
    struct ee_attest_policy *policy;
    struct ee_bytes key; /* member being read, for the problem */
    const char *why;     /* first failure beyond JSON; NULL: none */
    enum ee_err err;
    bool has_format;
};

static bool is(struct ee_bytes key, const char *name)
{
    return ee_bytes_equal(key, ee_bytes_str(name));
}

/* Stops the reading; the first failure counts. */
static void fail(struct reader *r, enum ee_err err, const char *why)
{
    if (r->err != EE_OK || r->j.reason != EE_REASON_NONE)
        return;
    r->err = err;
    r->why = why;
    ee_attest_json_fail(&r->j, EE_REASON_JSON_TYPE);
}

static void text_read(struct reader *r, char *out, size_t size)
{
    struct ee_bytes text = ee_attest_json_text(&r->j);
    if (text.size >= size) {
        fail(r, EE_TOO_LARGE, "is too long");
        return;
    }
    memset(out, 0, size);
    if (text.size)
        memcpy(out, text.data, text.size);
}

static uint64_t mask_read(struct reader *r)
{
    uint8_t bytes[8] = {0};
    uint64_t mask = 0;
    ee_attest_json_hex(&r->j, bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        mask |= (uint64_t)bytes[i] << 8 * i;
    return mask;
}

static bool room(struct reader *r, uint32_t count, uint32_t limit)
{
    if (count == limit)
        fail(r, EE_TOO_LARGE, "has more entries than its limit");
    return count < limit;
}

/* An array of hex values of `size` bytes. */
static void values_read(struct reader *r, uint8_t *out, size_t size, uint32_t limit,
                        uint32_t *count)
{
    *count = 0;
    ee_attest_json_array(&r->j);
    while (ee_attest_json_item(&r->j)) {
        if (!room(r, *count, limit))
            return;
        ee_attest_json_hex(&r->j, out + *count * size, size);
        *count += 1;
    }
}

/* A status a policy may accept. UNKNOWN with a failure otherwise. */
static enum ee_tcb_status status_of(struct reader *r, struct ee_bytes name)
{
    for (enum ee_tcb_status s = EE_TCB_UNKNOWN + 1; s < EE_TCB_STATUS_COUNT; s++)
        if (s != EE_TCB_REVOKED && s != EE_TCB_NOT_SUPPORTED &&
            is(name, ee_attest_tcb_status_name(s)))
            return s;
    fail(r, EE_RANGE, "names a status that no policy can accept");
    return EE_TCB_UNKNOWN;
}

static void statuses_read(struct reader *r)
{
    r->policy->statuses = 0;
    ee_attest_json_array(&r->j);
    while (ee_attest_json_item(&r->j)) {
        uint32_t bit = UINT32_C(1) << status_of(r, ee_attest_json_text(&r->j));
        if (r->policy->statuses & bit)
            fail(r, EE_DUPLICATE_FIELD, "names a status twice");
        r->policy->statuses |= bit;
    }
}

static void grace_read(struct reader *r)
{
    struct ee_bytes key;
    memset(r->policy->grace_days, 0, sizeof(r->policy->grace_days));
    ee_attest_json_object(&r->j);
    while (ee_attest_json_key(&r->j, &key)) {
        enum ee_tcb_status status = status_of(r, key);
        r->policy->grace_days[status] =
            (uint16_t)ee_attest_json_unsigned(&r->j, EE_POLICY_DAYS_MAX);
    }
}

static void modules_read(struct reader *r)
{
    struct ee_attest_policy *p = r->policy;
    struct ee_bytes key;
    p->module_count = 0;
    ee_attest_json_array(&r->j);
    while (ee_attest_json_item(&r->j)) {
        unsigned seen = 0;
        if (!room(r, p->module_count, EE_POLICY_MODULES_MAX))
            return;
        ee_attest_json_object(&r->j);
        while (ee_attest_json_key(&r->j, &key)) {
            bool version = is(key, "version");
            if (!version && !is(key, "min_svn"))
                fail(r, EE_SYNTAX, "has a member that is not known");
            uint8_t number = (uint8_t)ee_attest_json_unsigned(&r->j, UINT8_MAX);
            *(version ? &p->modules[p->module_count].version
                      : &p->modules[p->module_count].min_svn) = number;
            seen |= version ? 1 : 2;
        }
        if (seen != 3)
            fail(r, EE_SYNTAX, "needs version and min_svn in each entry");
        p->module_count++;
    }
}

static void advisories_read(struct reader *r)
{
    struct ee_attest_policy *p = r->policy;
    p->advisory_count = 0;
    ee_attest_json_array(&r->j);
    while (ee_attest_json_item(&r->j)) {
        if (!room(r, p->advisory_count, EE_POLICY_ADVISORIES_MAX))
            return;
        text_read(r, p->advisories[p->advisory_count++], EE_ADVISORY_SIZE);
    }
}

/* {"allow": [...], "deny": [...]} */
static void lists_read(struct reader *r, bool platforms)
{
    struct ee_attest_policy *p = r->policy;
    struct ee_bytes key;
    ee_attest_json_object(&r->j);
    while (ee_attest_json_key(&r->j, &key)) {
        bool allow = is(key, "allow");
        if (!allow && !is(key, "deny"))
            fail(r, EE_SYNTAX, "has a member that is not allow or deny");
        if (platforms) {
            struct ee_policy_platform_list *list =
                allow ? &p->platform_allowed : &p->platform_denied;
            values_read(r, list->id[0], EE_PPID_SIZE, EE_POLICY_PLATFORMS_MAX, &list->count);
        } else {
            struct ee_policy_fmspc_list *list = allow ? &p->fmspc_allowed : &p->fmspc_denied;
            values_read(r, list->id[0], EE_FMSPC_SIZE, EE_POLICY_FMSPCS_MAX, &list->count);
        }
    }
}

static void registers_read(struct reader *r, uint8_t set, enum ee_policy_register which)
{
    struct ee_attest_policy *p = r->policy;
    bool any = false;
    ee_attest_json_array(&r->j);
    while (ee_attest_json_item(&r->j)) {
        if (!room(r, p->value_count, EE_POLICY_VALUES_MAX))
            return;
        p->values[p->value_count].set = set;
        p->values[p->value_count].which = (uint8_t)which;
        ee_attest_json_hex(&r->j, p->values[p->value_count++].value, EE_MEASUREMENT_SIZE);
        any = true;
    }
    if (!any)
        fail(r, EE_SYNTAX, "has a register without values: leave it out to accept any");
}

static void set_read(struct reader *r, uint8_t set)
{
    struct ee_bytes key;
    ee_attest_json_object(&r->j);
    while (ee_attest_json_key(&r->j, &key)) {
        enum ee_policy_register which = EE_REGISTER_MRTD;
        if (is(key, "label")) {
            text_read(r, r->policy->set_labels[set], sizeof(r->policy->set_labels[set]));
            continue;
        }
        while (which < EE_REGISTER_COUNT && !is(key, ee_attest_register_name(which)))
            which++;
        if (which == EE_REGISTER_COUNT)
            fail(r, EE_SYNTAX, "has a member that is no register");
        else
            registers_read(r, set, which);
    }
}

static bool value_before(const struct ee_attest_policy *p, size_t a, size_t b)
{
    return p->values[a].set < p->values[b].set ||
           (p->values[a].set == p->values[b].set && p->values[a].which < p->values[b].which);
}

/* By set and register, otherwise in the order of the file. */
static void values_sort(struct ee_attest_policy *p)
{
    for (size_t i = 1; i < p->value_count; i++)
        for (size_t k = i; k > 0 && value_before(p, k, k - 1); k--) {
            uint8_t swap[sizeof(p->values[0])];
            memcpy(swap, &p->values[k], sizeof(swap));
            p->values[k] = p->values[k - 1];
            memcpy(&p->values[k - 1], swap, sizeof(swap));
        }
}

static void sets_read(struct reader *r)
{
    struct ee_attest_policy *p = r->policy;
    p->set_count = p->value_count = 0;
    ee_attest_json_array(&r->j);
    while (ee_attest_json_item(&r->j)) {
        if (!room(r, p->set_count, EE_POLICY_SETS_MAX))
            return;
        set_read(r, (uint8_t)p->set_count++);
    }
    values_sort(p);
}

static void format_read(struct reader *r)
{
    r->has_format = is(ee_attest_json_text(&r->j), format);
    if (!r->has_format)
        fail(r, EE_UNSUPPORTED, "is not ee-policy-1");
}

#define HERE(member) offsetof(struct ee_attest_policy, member)
enum kind { KIND_BOOL, KIND_MASK, KIND_NUMBER, KIND_FUNCTION };

static void fmspcs_read(struct reader *r)
{
    lists_read(r, false);
}

static void platforms_read(struct reader *r)
{
    lists_read(r, true);
}

static void name_read(struct reader *r)
{
    text_read(r, r->policy->name, sizeof(r->policy->name));
}

static void date_read(struct reader *r)
{
    r->policy->min_tcb_date_s = ee_attest_json_time(&r->j);
}

static void module_version_read(struct reader *r)
{
    r->policy->min_module_version = (uint8_t)ee_attest_json_unsigned(&r->j, UINT8_MAX);
}

static void mrseams_read(struct reader *r)
{
    values_read(r, r->policy->mrseams[0], EE_MEASUREMENT_SIZE, EE_POLICY_MRSEAMS_MAX,
                &r->policy->mrseam_count);
}

static void service_tds_read(struct reader *r)
{
    values_read(r, r->policy->service_tds[0], EE_MEASUREMENT_SIZE, EE_POLICY_SERVICE_TDS_MAX,
                &r->policy->service_td_count);
}

/* Every member of the file. Numbers are uint32_t. */
static const struct member {
    const char *name;
    enum kind kind;
    size_t offset;
    void (*read)(struct reader *r);
    uint32_t limit;
} members[] = {
    {"format", KIND_FUNCTION, 0, format_read, 0},
    {"name", KIND_FUNCTION, 0, name_read, 0},
    {"allow_debug", KIND_BOOL, HERE(allow_debug), NULL, 0},
    {"allow_sept_ve", KIND_BOOL, HERE(allow_sept_ve), NULL, 0},
    {"allow_migratable", KIND_BOOL, HERE(allow_migratable), NULL, 0},
    {"allow_service_tds", KIND_BOOL, HERE(allow_service_tds), NULL, 0},
    {"attributes_required", KIND_MASK, HERE(attributes_required), NULL, 0},
    {"attributes_forbidden", KIND_MASK, HERE(attributes_forbidden), NULL, 0},
    {"xfam_required", KIND_MASK, HERE(xfam_required), NULL, 0},
    {"xfam_forbidden", KIND_MASK, HERE(xfam_forbidden), NULL, 0},
    {"statuses", KIND_FUNCTION, 0, statuses_read, 0},
    {"grace_days", KIND_FUNCTION, 0, grace_read, 0},
    {"min_tcb_date", KIND_FUNCTION, 0, date_read, 0},
    {"min_tcb_evaluation", KIND_NUMBER, HERE(min_tcb_evaluation), NULL, UINT32_MAX},
    {"min_qe_evaluation", KIND_NUMBER, HERE(min_qe_evaluation), NULL, UINT32_MAX},
    {"max_collateral_age_days", KIND_NUMBER, HERE(max_collateral_age_days), NULL,
     EE_POLICY_DAYS_MAX},
    {"min_module_version", KIND_FUNCTION, 0, module_version_read, 0},
    {"modules", KIND_FUNCTION, 0, modules_read, 0},
    {"mrseams", KIND_FUNCTION, 0, mrseams_read, 0},
    {"service_tds", KIND_FUNCTION, 0, service_tds_read, 0},
    {"advisories_denied", KIND_FUNCTION, 0, advisories_read, 0},
    {"fmspcs", KIND_FUNCTION, 0, fmspcs_read, 0},
    {"platforms", KIND_FUNCTION, 0, platforms_read, 0},
    {"measurements", KIND_FUNCTION, 0, sets_read, 0},
};

static void member_read(struct reader *r, const struct member *m)
{
    uint8_t *field = (uint8_t *)r->policy + m->offset;
    if (m->kind == KIND_FUNCTION)
        m->read(r);
    else if (m->kind == KIND_BOOL)
        *(bool *)field = ee_attest_json_boolean(&r->j);
    else if (m->kind == KIND_MASK) {
        uint64_t mask = mask_read(r);
        memcpy(field, &mask, sizeof(mask));
    } else {
        uint32_t number = ee_attest_json_unsigned(&r->j, m->limit);
        memcpy(field, &number, sizeof(number));
    }
}

static void key_read(struct reader *r, struct ee_bytes key)
{
    r->key = key;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (is(key, members[i].name)) {
            member_read(r, &members[i]);
            return;
        }
    fail(r, EE_SYNTAX, "is not known");
}

static enum ee_err json_err(enum ee_reason reason)
{
    if (reason == EE_REASON_JSON_DUPLICATE_KEY)
        return EE_DUPLICATE_FIELD;
    if (reason == EE_REASON_JSON_TOO_LARGE || reason == EE_REASON_JSON_DEPTH)
        return EE_TOO_LARGE;
    return reason == EE_REASON_JSON_RANGE ? EE_RANGE : EE_SYNTAX;
}

/* "statuses: names a status twice". The key may hold anything but control characters. */
static enum ee_err problem_say(const struct reader *r, enum ee_err err, const char *why,
                               char problem[EE_FINDING_TEXT_SIZE])
{
    int shown = r->key.size < 64 ? (int)r->key.size : 64;
    if (problem && shown)
        (void)snprintf(problem, EE_FINDING_TEXT_SIZE, "%.*s: %s", shown, (const char *)r->key.data,
                       why);
    else if (problem)
        (void)snprintf(problem, EE_FINDING_TEXT_SIZE, "%s", why);
    return err;
}

static const char *invalid_why(enum ee_err err)
{
    if (err == EE_DEBUG_TD)
        return "allow_debug: only together with measurements, never for any TD";
    if (err == EE_DUPLICATE_FIELD)
        return "a list has an entry twice";
    return "the members contradict each other (docs/spec/policy.md, \"What is refused\")";
}

enum ee_err ee_attest_policy_parse(struct ee_bytes json, struct ee_attest_policy *out,
                                   char problem[EE_FINDING_TEXT_SIZE])
{
    struct ee_attest_policy policy = ee_attest_policy_network;
    struct reader r = {.policy = &policy};
    struct ee_bytes key;
    memset(policy.name, 0, sizeof(policy.name));
    ee_attest_json_init(&r.j, json, EE_POLICY_TEXT_MAX);
    ee_attest_json_object(&r.j);
    while (ee_attest_json_key(&r.j, &key))
        key_read(&r, key);
    enum ee_reason reason = ee_attest_json_end(&r.j);
    if (r.err != EE_OK)
        return problem_say(&r, r.err, r.why, problem);
    if (reason != EE_REASON_NONE)
        return problem_say(&r, json_err(reason), ee_attest_reason_text(reason), problem);
    r.key.size = 0;
    if (!r.has_format)
        return problem_say(&r, EE_UNSUPPORTED, "format: \"ee-policy-1\" is needed", problem);
    enum ee_err err = ee_attest_policy_valid(&policy);
    if (err != EE_OK)
        return problem_say(&r, err, invalid_why(err), problem);
    *out = policy;
    return EE_OK;
}
