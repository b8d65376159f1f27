/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/banned.h"

#define STATUS(name) (UINT32_C(1) << EE_TCB_##name)
enum { DAY_S = 24 * 3600 };

/* Attributes a network takes as they come: they open nothing to the host. The others must be zero,
 * or have rules of their own. */
#define ATTRIBUTES_HARMLESS                                                                        \
    (EE_TD_ICSSD | EE_TD_LASS | EE_TD_PKS | EE_TD_KEY_LOCKER | EE_TD_TPA | EE_TD_PERFMON)
#define ATTRIBUTES_RULED (EE_TD_TUD_MASK | EE_TD_SEPT_VE_DISABLE | EE_TD_MIGRATABLE)

const struct ee_attest_policy ee_attest_policy_none = {
    .name = "none",
    .allow_debug = true,
    .allow_sept_ve = true,
    .allow_migratable = true,
    .allow_service_tds = true,
    .statuses = UINT32_MAX,
};

const struct ee_attest_policy ee_attest_policy_strict = {
    .name = "strict",
    .allow_sept_ve = true,
    .allow_migratable = true,
    .allow_service_tds = true,
    .statuses = STATUS(UP_TO_DATE),
};

const struct ee_attest_policy ee_attest_policy_network = {
    .name = "network",
    .attributes_forbidden = ~(ATTRIBUTES_HARMLESS | ATTRIBUTES_RULED),
    .xfam_required = EE_XFAM_REQUIRED,
    .xfam_forbidden = ~EE_XFAM_ALLOWED,
    .statuses = STATUS(UP_TO_DATE),
};

const struct ee_attest_policy *ee_attest_policy_builtin(const char *name)
{
    static const struct ee_attest_policy *const all[] = {
        &ee_attest_policy_none, &ee_attest_policy_strict, &ee_attest_policy_network};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(name, all[i]->name) == 0)
            return all[i];
    return NULL;
}

/* ---- tables ---- */

static const struct {
    const char *name;
    enum ee_reason reason;
    const char *demand;
    const char *cure;
} rules[EE_RULE_COUNT] = {
#define EE_ROW(name, id, reason, demand, cure)                                                     \
    [EE_RULE_##name] = {id, EE_REASON_##reason, demand, cure},
    EE_POLICY_RULES(EE_ROW)
#undef EE_ROW
};

static bool known(enum ee_policy_rule rule)
{
    return (unsigned)rule < EE_RULE_COUNT;
}

const char *ee_attest_rule_name(enum ee_policy_rule rule)
{
    return known(rule) ? rules[rule].name : "unknown";
}

const char *ee_attest_rule_demand(enum ee_policy_rule rule)
{
    return known(rule) ? rules[rule].demand : "unknown";
}

const char *ee_attest_rule_cure(enum ee_policy_rule rule)
{
    return known(rule) ? rules[rule].cure : "unknown";
}

static const struct {
    const char *name;
    size_t offset;
} registers[EE_REGISTER_COUNT] = {
    [EE_REGISTER_MRTD] = {"mrtd", offsetof(struct ee_td_report, mrtd)},
    [EE_REGISTER_RTMR0] = {"rtmr0", offsetof(struct ee_td_report, rtmr[0])},
    [EE_REGISTER_RTMR1] = {"rtmr1", offsetof(struct ee_td_report, rtmr[1])},
    [EE_REGISTER_RTMR2] = {"rtmr2", offsetof(struct ee_td_report, rtmr[2])},
    [EE_REGISTER_RTMR3] = {"rtmr3", offsetof(struct ee_td_report, rtmr[3])},
    [EE_REGISTER_MRCONFIGID] = {"mrconfigid", offsetof(struct ee_td_report, mrconfigid)},
    [EE_REGISTER_MROWNER] = {"mrowner", offsetof(struct ee_td_report, mrowner)},
    [EE_REGISTER_MROWNERCONFIG] = {"mrownerconfig", offsetof(struct ee_td_report, mrownerconfig)},
};

const char *ee_attest_register_name(enum ee_policy_register which)
{
    return (unsigned)which < EE_REGISTER_COUNT ? registers[which].name : "unknown";
}

const uint8_t *ee_attest_register_of(const struct ee_td_report *td, enum ee_policy_register which)
{
    return (const uint8_t *)td + registers[which].offset;
}

/* ---- the rules ---- */

struct asked {
    const struct ee_attest_policy *policy;
    const struct ee_verdict *verdict;
    struct ee_policy_decision *out;
    struct ee_finding *finding; /* of the rule being asked */
};

static bool refuse(struct asked *a, const char *label, uint32_t have, uint32_t need)
{
    a->finding->have = have;
    a->finding->need = need;
    (void)snprintf(a->finding->label, sizeof(a->finding->label), "%s", label);
    return true;
}

/* With the first bytes of a value, which is enough to recognise it. */
static bool refuse_value(struct asked *a, const uint8_t *value, size_t size)
{
    char hex[2 * EE_PPID_SIZE + 1];
    return refuse(a, ee_hex_encode(value, size < EE_PPID_SIZE ? size : EE_PPID_SIZE, hex), 0, 0);
}

static bool refuse_bits(struct asked *a, uint64_t bits, bool attributes)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } names[] = {
        {EE_TD_ICSSD, "ICSSD"}, {EE_TD_LASS, "LASS"},       {EE_TD_PKS, "PKS"},
        {EE_TD_TPA, "TPA"},     {EE_TD_KEY_LOCKER, "KL"},   {EE_TD_PERFMON, "PERFMON"},
        {EE_TD_DEBUG, "DEBUG"}, {EE_TD_MIGRATABLE, "MIGR"}, {EE_TD_SEPT_VE_DISABLE, "SVD"}};
    char text[sizeof(a->finding->label)] = "";
    size_t at = 0;
    for (unsigned i = 0; i < 64 && at < sizeof(text); i++) {
        uint64_t bit = UINT64_C(1) << i;
        const char *name = NULL;
        for (size_t n = 0; attributes && n < sizeof(names) / sizeof(names[0]); n++)
            name = names[n].bit == bit ? names[n].name : name;
        if (!(bits & bit))
            continue;
        int size = name ? snprintf(text + at, sizeof(text) - at, "%s%s", at ? " " : "", name)
                        : snprintf(text + at, sizeof(text) - at, "%s%u", at ? " " : "", i);
        at += size > 0 ? (size_t)size : 0;
    }
    return refuse(a, text, 0, 0);
}

static bool rule_debug(struct asked *a)
{
    return !a->policy->allow_debug && (a->verdict->td.attributes & EE_TD_TUD_MASK);
}

static bool rule_attributes_required(struct asked *a)
{
    uint64_t missing = a->policy->attributes_required & ~a->verdict->td.attributes;
    return missing && refuse_bits(a, missing, true);
}

static bool rule_attributes_forbidden(struct asked *a)
{
    uint64_t found = a->policy->attributes_forbidden & a->verdict->td.attributes;
    return found && refuse_bits(a, found, true);
}

static bool rule_sept_ve_disable(struct asked *a)
{
    return !a->policy->allow_sept_ve && !(a->verdict->td.attributes & EE_TD_SEPT_VE_DISABLE);
}

static bool rule_migratable(struct asked *a)
{
    return !a->policy->allow_migratable && (a->verdict->td.attributes & EE_TD_MIGRATABLE);
}

/* Also one that was bound before the TD was moved. */
static bool rule_service_td(struct asked *a)
{
    const struct ee_td_report *td = &a->verdict->td;
    const uint8_t *const bound[] = {td->mrservicetd, td->current_servicetd, td->initial_servicetd};
    for (size_t i = 0; i < 3 && !a->policy->allow_service_tds; i++) {
        bool fine = ee_bytes_all_zero(bound[i], EE_MEASUREMENT_SIZE);
        for (size_t n = 0; n < a->policy->service_td_count; n++)
            fine = fine || memcmp(bound[i], a->policy->service_tds[n], EE_MEASUREMENT_SIZE) == 0;
        if (!fine)
            return refuse_value(a, bound[i], EE_MEASUREMENT_SIZE);
    }
    return false;
}

static bool rule_xfam_required(struct asked *a)
{
    uint64_t missing = a->policy->xfam_required & ~a->verdict->td.xfam;
    return missing && refuse_bits(a, missing, false);
}

static bool rule_xfam_forbidden(struct asked *a)
{
    uint64_t found = a->policy->xfam_forbidden & a->verdict->td.xfam;
    return found && refuse_bits(a, found, false);
}

static bool rule_status(struct asked *a)
{
    enum ee_tcb_status status = a->verdict->status;
    if (a->policy->statuses >> status & 1)
        a->out->rule = EE_RULE_STATUS;
    else if (a->policy->grace_days[status] == 0)
        return refuse(a, ee_attest_tcb_status_name(status), 0, 0);
    return false;
}

/* Days from `from_s` to `to_s`, begun ones counted. */
static uint32_t days(int64_t from_s, int64_t to_s)
{
    int64_t count = to_s > from_s ? (to_s - from_s + DAY_S - 1) / DAY_S : 0;
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static bool rule_grace(struct asked *a)
{
    const struct ee_verdict *v = a->verdict;
    uint16_t grace = a->policy->grace_days[v->status];
    int64_t ends_s = v->tcb_date_s + (int64_t)grace * DAY_S;
    if ((a->policy->statuses >> v->status & 1) || grace == 0)
        return false; /* the rule before decided */
    if (v->tcb_date_s == 0 || v->time_s > ends_s)
        return refuse(a, ee_attest_tcb_status_name(v->status), days(v->tcb_date_s, v->time_s),
                      grace);
    a->out->rule = EE_RULE_GRACE;
    a->out->grace_ends_s = ends_s;
    return false;
}

static bool rule_tcb_date(struct asked *a)
{
    char text[EE_TIME_TEXT_SIZE];
    int64_t need_s = a->policy->min_tcb_date_s;
    return need_s != 0 && a->verdict->tcb_date_s < need_s &&
           refuse(a, ee_time_format(need_s, text), days(a->verdict->tcb_date_s, need_s), 0);
}

static bool rule_tcb_evaluation(struct asked *a)
{
    return a->verdict->tcb_evaluation < a->policy->min_tcb_evaluation &&
           refuse(a, "", a->verdict->tcb_evaluation, a->policy->min_tcb_evaluation);
}

static bool rule_qe_evaluation(struct asked *a)
{
    return a->verdict->qe_evaluation < a->policy->min_qe_evaluation &&
           refuse(a, "", a->verdict->qe_evaluation, a->policy->min_qe_evaluation);
}

/* The root CRL is left out: Intel issues it once a year. */
static bool rule_collateral_age(struct asked *a)
{
    const struct ee_verdict *v = a->verdict;
    const struct {
        const char *label;
        int64_t issued_s;
    } parts[] = {{"TCB Info", v->tcb_issued_s},
                 {"QE identity", v->qe_issued_s},
                 {"PCK CRL", v->pck_crl_issued_s}};
    uint32_t need = a->policy->max_collateral_age_days;
    for (size_t i = 0; need != 0 && i < 3; i++)
        if (v->time_s - parts[i].issued_s > (int64_t)need * DAY_S)
            return refuse(a, parts[i].label, days(parts[i].issued_s, v->time_s), need);
    return false;
}

/* The minimum SVN for this version of the module; -1: none is listed. */
static int module_min(const struct ee_attest_policy *policy, uint8_t version)
{
    for (size_t i = 0; i < policy->module_count; i++)
        if (policy->modules[i].version == version)
            return policy->modules[i].min_svn;
    return -1;
}

static bool rule_module_version(struct asked *a)
{
    uint8_t version = a->verdict->td.tee_tcb_svn[1];
    return version < a->policy->min_module_version && module_min(a->policy, version) < 0 &&
           refuse(a, "", version, a->policy->min_module_version);
}

static bool rule_module_svn(struct asked *a)
{
    const uint8_t *svn = a->verdict->td.tee_tcb_svn;
    int need = module_min(a->policy, svn[1]);
    return svn[0] < need && refuse(a, "", svn[0], (uint32_t)need);
}

static bool rule_mrseam(struct asked *a)
{
    const uint8_t *mrseam = a->verdict->td.mrseam;
    for (size_t i = 0; i < a->policy->mrseam_count; i++)
        if (memcmp(mrseam, a->policy->mrseams[i], EE_MEASUREMENT_SIZE) == 0)
            return false;
    return a->policy->mrseam_count && refuse_value(a, mrseam, EE_MEASUREMENT_SIZE);
}

static bool rule_advisory(struct asked *a)
{
    const struct ee_verdict *v = a->verdict;
    for (size_t i = 0; i < a->policy->advisory_count; i++)
        for (size_t n = 0; n < v->advisory_count; n++)
            if (strcmp(a->policy->advisories[i], v->advisories[n]) == 0)
                return refuse(a, v->advisories[n], 0, 0);
    /* What did not fit could be a denied one. */
    return a->policy->advisory_count && v->advisories_dropped &&
           refuse(a, "(one of more than can be listed)", 0, 0);
}

static bool fmspc_listed(const struct ee_policy_fmspc_list *list, const uint8_t id[EE_FMSPC_SIZE])
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->id[i], id, EE_FMSPC_SIZE) == 0)
            return true;
    return false;
}

static bool rule_fmspc_denied(struct asked *a)
{
    const uint8_t *fmspc = a->verdict->platform.fmspc;
    return fmspc_listed(&a->policy->fmspc_denied, fmspc) && refuse_value(a, fmspc, EE_FMSPC_SIZE);
}

static bool rule_fmspc_allowed(struct asked *a)
{
    const uint8_t *fmspc = a->verdict->platform.fmspc;
    return a->policy->fmspc_allowed.count && !fmspc_listed(&a->policy->fmspc_allowed, fmspc) &&
           refuse_value(a, fmspc, EE_FMSPC_SIZE);
}

/* The listed id of this platform, its PPID or instance id; NULL: not listed. */
static const uint8_t *platform_listed(const struct ee_policy_platform_list *list,
                                      const struct ee_pck *pck)
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->id[i], pck->ppid, EE_PPID_SIZE) == 0 ||
            (pck->has_instance && memcmp(list->id[i], pck->instance_id, EE_PPID_SIZE) == 0))
            return list->id[i];
    return NULL;
}

static bool rule_platform_denied(struct asked *a)
{
    const uint8_t *id = platform_listed(&a->policy->platform_denied, &a->verdict->platform);
    return id && refuse_value(a, id, EE_PPID_SIZE);
}

static bool rule_platform_allowed(struct asked *a)
{
    const struct ee_pck *pck = &a->verdict->platform;
    return a->policy->platform_allowed.count &&
           !platform_listed(&a->policy->platform_allowed, pck) &&
           refuse_value(a, pck->ppid, EE_PPID_SIZE);
}

/* The first register in which the TD differs from a set; EE_REGISTER_COUNT: it fits. */
static enum ee_policy_register set_differs(const struct ee_attest_policy *policy, size_t set,
                                           const struct ee_td_report *td)
{
    for (enum ee_policy_register r = 0; r < EE_REGISTER_COUNT; r++) {
        bool named = false, fits = false;
        for (size_t i = 0; i < policy->value_count; i++) {
            if (policy->values[i].set != set || policy->values[i].which != r)
                continue;
            named = true;
            fits = fits || memcmp(policy->values[i].value, ee_attest_register_of(td, r),
                                  EE_MEASUREMENT_SIZE) == 0;
        }
        if (named && !fits)
            return r;
    }
    return EE_REGISTER_COUNT;
}

static bool rule_measurement(struct asked *a)
{
    enum ee_policy_register furthest = EE_REGISTER_MRTD;
    for (uint32_t set = 0; set < a->policy->set_count; set++) {
        enum ee_policy_register r = set_differs(a->policy, set, &a->verdict->td);
        if (r == EE_REGISTER_COUNT) {
            a->out->set = set;
            return false;
        }
        furthest = r > furthest ? r : furthest;
    }
    return a->policy->set_count && refuse(a, ee_attest_register_name(furthest), 0, 0);
}

/* True refuses; the finding holds the values. */
typedef bool rule_function(struct asked *a);
static rule_function *const functions[EE_RULE_COUNT] = {
    [EE_RULE_DEBUG] = rule_debug,
    [EE_RULE_ATTRIBUTES_REQUIRED] = rule_attributes_required,
    [EE_RULE_ATTRIBUTES_FORBIDDEN] = rule_attributes_forbidden,
    [EE_RULE_SEPT_VE_DISABLE] = rule_sept_ve_disable,
    [EE_RULE_MIGRATABLE] = rule_migratable,
    [EE_RULE_SERVICE_TD] = rule_service_td,
    [EE_RULE_XFAM_REQUIRED] = rule_xfam_required,
    [EE_RULE_XFAM_FORBIDDEN] = rule_xfam_forbidden,
    [EE_RULE_STATUS] = rule_status,
    [EE_RULE_GRACE] = rule_grace,
    [EE_RULE_TCB_DATE] = rule_tcb_date,
    [EE_RULE_TCB_EVALUATION] = rule_tcb_evaluation,
    [EE_RULE_QE_EVALUATION] = rule_qe_evaluation,
    [EE_RULE_COLLATERAL_AGE] = rule_collateral_age,
    [EE_RULE_MODULE_VERSION] = rule_module_version,
    [EE_RULE_MODULE_SVN] = rule_module_svn,
    [EE_RULE_MRSEAM] = rule_mrseam,
    [EE_RULE_ADVISORY] = rule_advisory,
    [EE_RULE_FMSPC_DENIED] = rule_fmspc_denied,
    [EE_RULE_FMSPC_ALLOWED] = rule_fmspc_allowed,
    [EE_RULE_PLATFORM_DENIED] = rule_platform_denied,
    [EE_RULE_PLATFORM_ALLOWED] = rule_platform_allowed,
    [EE_RULE_MEASUREMENT] = rule_measurement,
};

_Static_assert((int)EE_RULE_COUNT <= (int)EE_POLICY_REFUSALS_MAX, "every rule may refuse");

/* Rules whose answer depends on the TCB set, not only on the TD and its platform. */
static bool of_tcb(enum ee_policy_rule rule)
{
    return (rule >= EE_RULE_STATUS && rule <= EE_RULE_QE_EVALUATION) ||
           rule == EE_RULE_MODULE_VERSION || rule == EE_RULE_MODULE_SVN || rule == EE_RULE_ADVISORY;
}

static enum ee_err decide(const struct ee_attest_policy *policy, const struct ee_verdict *verdict,
                          bool all, struct ee_policy_decision *out)
{
    struct asked a = {.policy = policy, .verdict = verdict, .out = out};
    *out = (struct ee_policy_decision){.err = verdict->err};
    if (verdict->err != EE_OK) {
        out->finding.reason = verdict->reason;
        for (size_t i = verdict->finding_count; i-- > 0;)
            if (verdict->findings[i].reason == verdict->reason)
                out->finding = verdict->findings[i]; /* the first of them */
        return out->err;
    }
    for (enum ee_policy_rule rule = EE_RULE_NONE + 1; rule < EE_RULE_COUNT; rule++) {
        struct ee_policy_refusal refusal = {.rule = rule};
        refusal.finding.reason = rules[rule].reason;
        a.finding = &refusal.finding;
        if ((all || of_tcb(rule)) && functions[rule](&a))
            out->refusals[out->refusal_count++] = refusal;
    }
    if (out->refusal_count) {
        out->rule = out->refusals[0].rule;
        out->finding = out->refusals[0].finding;
        out->err = ee_attest_reason_err(out->finding.reason);
        out->grace_ends_s = 0;
        out->set = 0;
    }
    return out->err;
}

enum ee_err ee_attest_policy_decide(const struct ee_attest_policy *policy,
                                    const struct ee_verdict *verdict,
                                    struct ee_policy_decision *out)
{
    return decide(policy, verdict, true, out);
}

enum ee_err ee_attest_policy_decide_tcb(const struct ee_attest_policy *policy,
                                        const struct ee_verdict *verdict,
                                        struct ee_policy_decision *out)
{
    return decide(policy, verdict, false, out);
}

enum ee_err ee_attest_policy_check(const struct ee_attest_policy *policy,
                                   const struct ee_verdict *verdict, struct ee_finding *finding_out)
{
    struct ee_policy_decision decision;
    enum ee_err err = ee_attest_policy_decide(policy, verdict, &decision);
    *finding_out = decision.finding;
    return err;
}

char *ee_attest_policy_refusal_text(enum ee_policy_rule rule, const struct ee_finding *finding,
                                    char out[EE_POLICY_SENTENCE_SIZE])
{
    char text[EE_FINDING_TEXT_SIZE];
    const char *cure = ee_attest_rule_cure(rule);
    bool said = strstr(ee_attest_finding_text(finding, text), cure) != NULL;
    (void)snprintf(out, EE_POLICY_SENTENCE_SIZE, "rule %s: %s%s%s", ee_attest_rule_name(rule), text,
                   said ? "" : "; ", said ? "" : cure);
    return out;
}

char *ee_attest_policy_sentence(const struct ee_attest_policy *policy,
                                const struct ee_policy_decision *decision,
                                const struct ee_verdict *verdict, char out[EE_POLICY_SENTENCE_SIZE])
{
    char text[EE_FINDING_TEXT_SIZE], time[EE_TIME_TEXT_SIZE];
    const char *status = ee_attest_tcb_status_name(verdict->status);
    (void)ee_attest_finding_text(&decision->finding, text);
    if (decision->rule == EE_RULE_NONE)
        (void)snprintf(out, EE_POLICY_SENTENCE_SIZE, "verification failed: %s", text);
    else if (decision->err != EE_OK)
        (void)ee_attest_policy_refusal_text(decision->rule, &decision->finding, out);
    else if (decision->rule == EE_RULE_GRACE)
        (void)snprintf(out, EE_POLICY_SENTENCE_SIZE,
                       "rule grace: the TCB status %s is accepted until %s, %u days "
                       "after its TCB date",
                       status, ee_time_format(decision->grace_ends_s, time),
                       (unsigned)policy->grace_days[verdict->status]);
    else
        (void)snprintf(out, EE_POLICY_SENTENCE_SIZE, "rule status: the TCB status %s is accepted",
                       status);
    return out;
}
