/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/judge.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static void advisory_add(struct ee_verdict *verdict, struct ee_bytes id)
{
    for (size_t i = 0; i < verdict->advisory_count; i++)
        if (ee_bytes_equal(id, ee_bytes_str(verdict->advisories[i])))
            return;
    if (verdict->advisory_count == EE_ADVISORIES_MAX || id.size >= EE_ADVISORY_SIZE) {
        verdict->advisories_dropped++;
        return;
    }
    char *out = verdict->advisories[verdict->advisory_count++];
    memset(out, 0, EE_ADVISORY_SIZE);
    if (id.size)
        memcpy(out, id.data, id.size);
}

/* The array was read in full when its level was. */
static void advisories_add(struct ee_verdict *verdict, struct ee_bytes array)
{
    struct ee_json j;
    if (array.size == 0)
        return;
    ee_attest_json_init(&j, array, EE_SIGNED_JSON_MAX);
    ee_attest_json_array(&j);
    while (ee_attest_json_item(&j))
        advisory_add(verdict, ee_attest_json_text(&j));
}

/* A part's level counts: its date and its advisories. */
static void level_count(struct ee_verdict *verdict, const struct ee_level_common *level)
{
    if (verdict->tcb_date_s == 0 || level->date_s < verdict->tcb_date_s)
        verdict->tcb_date_s = level->date_s;
    advisories_add(verdict, level->advisories);
}

/* Statuses at one TEE_TCB_SVN. A level that is missing is NOT_SUPPORTED. */
struct judged {
    const struct ee_tcb_level *platform;
    const struct ee_svn_level *module;
    enum ee_tcb_status platform_status;
    enum ee_tcb_status module_status; /* UNKNOWN: the platform's level covers it */
};

static struct judged judge_at(const struct ee_tcb_info *info, const struct ee_pck *pck,
                              const uint8_t svn[EE_TCB_SVN_SIZE])
{
    struct judged j = {.platform = ee_attest_tcb_info_match(info, pck, svn)};
    j.platform_status = j.platform ? j.platform->common.status : EE_TCB_NOT_SUPPORTED;
    if (svn[1] == 0)
        return j;
    const struct ee_module_identity *identity = ee_attest_tcb_info_module(info, svn[1]);
    if (identity)
        j.module = ee_attest_svn_levels_match(&identity->levels, svn[0]);
    j.module_status = j.module ? j.module->common.status : EE_TCB_NOT_SUPPORTED;
    return j;
}

static enum ee_tcb_status converge(const struct judged *j, enum ee_tcb_status qe)
{
    return ee_attest_tcb_converge(ee_attest_tcb_converge(j->platform_status, j->module_status), qe);
}

static void qe_judge(const struct ee_trust *trust, struct ee_verdict *verdict)
{
    if (!trust->qe_identity_ok)
        return;
    const struct ee_svn_level *level =
        ee_attest_svn_levels_match(&trust->qe_identity.levels, verdict->qe.svn);
    verdict->qe_status = level ? level->common.status : EE_TCB_NOT_SUPPORTED;
    if (level) {
        verdict->qe_date_s = level->common.date_s;
        level_count(verdict, &level->common);
    }
}

/* Terminal statuses refuse the quote whatever the policy. */
static void terminal(struct ee_verdict *verdict, enum ee_tcb_status status,
                     enum ee_reason not_supported, enum ee_reason revoked)
{
    if (status == EE_TCB_NOT_SUPPORTED)
        ee_attest_verdict_add(verdict, not_supported, "", 0, 0);
    if (status == EE_TCB_REVOKED)
        ee_attest_verdict_add(verdict, revoked, "", 0, 0);
}

void ee_attest_judge_tcb(const struct ee_trust *trust, struct ee_verdict *verdict)
{
    const struct ee_td_report *td = &verdict->td;
    struct judged launch = judge_at(&trust->tcb_info, &verdict->platform, td->tee_tcb_svn);
    verdict->platform_status = launch.platform_status;
    verdict->module_status = launch.module_status;
    if (launch.platform) {
        verdict->platform_date_s = launch.platform->common.date_s;
        level_count(verdict, &launch.platform->common);
    }
    if (launch.module) {
        verdict->module_date_s = launch.module->common.date_s;
        level_count(verdict, &launch.module->common);
    }
    qe_judge(trust, verdict);
    verdict->status = converge(&launch, verdict->qe_status);
    terminal(verdict, verdict->platform_status, EE_REASON_TCB_NOT_SUPPORTED, EE_REASON_TCB_REVOKED);
    terminal(verdict, verdict->module_status, EE_REASON_MODULE_NOT_SUPPORTED,
             EE_REASON_MODULE_REVOKED);
    terminal(verdict, verdict->qe_status, EE_REASON_QE_NOT_SUPPORTED, EE_REASON_QE_REVOKED);
    if (verdict->body_type == EE_BODY_TD_10)
        return;
    struct judged current = judge_at(&trust->tcb_info, &verdict->platform, td->tee_tcb_svn_2);
    verdict->current_status = converge(&current, verdict->qe_status);
    verdict->status = ee_attest_tcb_relaunch(verdict->status, verdict->current_status);
}

/* " (OS/VMM, SEAMLDR ACM)" or nothing. */
static void label_text(const struct ee_component_label *label, char out[48])
{
    bool both = label->category.size && label->type.size;
    out[0] = '\0';
    if (label->category.size || label->type.size)
        (void)snprintf(out, 48, " (%.*s%s%.*s)", (int)(label->category.size & 63),
                       (const char *)label->category.data, both ? ", " : "",
                       (int)(label->type.size & 63), (const char *)label->type.data);
}

static void short_component(struct ee_verdict *verdict, enum ee_reason reason, size_t index,
                            const struct ee_component_label *label, uint32_t have, uint32_t need)
{
    if (have >= need || verdict->finding_count == EE_VERDICT_FINDINGS_MAX)
        return;
    struct ee_finding *finding = &verdict->findings[verdict->finding_count++];
    *finding = (struct ee_finding){
        .reason = reason, .index = (uint32_t)index + 1, .have = have, .need = need};
    label_text(label, finding->label);
}

static void platform_advise(const struct ee_tcb_info *info, struct ee_verdict *verdict)
{
    const struct ee_tcb_level *need = ee_attest_tcb_info_needed(info);
    const uint8_t *svn = verdict->td.tee_tcb_svn;
    for (size_t i = 0; i < EE_TCB_COMPONENTS; i++)
        short_component(verdict, EE_REASON_SHORT_COMPONENT, i, &info->sgx_label[i],
                        verdict->platform.components[i], need->sgx[i]);
    if (verdict->platform.pcesvn < need->pcesvn)
        ee_attest_verdict_add(verdict, EE_REASON_SHORT_PCESVN, "", verdict->platform.pcesvn,
                              need->pcesvn);
    for (size_t i = svn[1] > 0 ? 2 : 0; i < EE_TCB_COMPONENTS; i++)
        short_component(verdict, EE_REASON_SHORT_TDX_COMPONENT, i, &info->tdx_label[i], svn[i],
                        need->tdx[i]);
}

static bool needs_configuration(enum ee_tcb_status status)
{
    return status == EE_TCB_CONFIGURATION_NEEDED ||
           status == EE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
           status == EE_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

static bool needs_hardening(enum ee_tcb_status status)
{
    return status == EE_TCB_SW_HARDENING_NEEDED ||
           status == EE_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED;
}

void ee_attest_judge_advise(const struct ee_trust *trust, struct ee_verdict *verdict)
{
    const uint8_t *svn = verdict->td.tee_tcb_svn;
    const struct ee_module_identity *module = ee_attest_tcb_info_module(&trust->tcb_info, svn[1]);
    bool relaunch = verdict->status == EE_TCB_TD_RELAUNCH_ADVISED ||
                    verdict->status == EE_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED;
    uint16_t need;
    if (verdict->platform_status != EE_TCB_UP_TO_DATE)
        platform_advise(&trust->tcb_info, verdict);
    if (svn[1] > 0 && module && !relaunch && verdict->module_status != EE_TCB_UP_TO_DATE) {
        need = ee_attest_svn_levels_needed(&module->levels);
        if (svn[0] < need)
            ee_attest_verdict_add(verdict, EE_REASON_SHORT_MODULE, "", svn[0], need);
    }
    if (trust->qe_identity_ok && verdict->qe_status != EE_TCB_UP_TO_DATE) {
        need = ee_attest_svn_levels_needed(&trust->qe_identity.levels);
        if (verdict->qe.svn < need)
            ee_attest_verdict_add(verdict, EE_REASON_SHORT_QE, "", verdict->qe.svn, need);
    }
    if (needs_configuration(verdict->platform_status))
        ee_attest_verdict_add(verdict, EE_REASON_CONFIGURATION, "", 0, 0);
    if (needs_hardening(verdict->platform_status))
        ee_attest_verdict_add(verdict, EE_REASON_HARDENING, "", 0, 0);
    if (relaunch)
        ee_attest_verdict_add(verdict, EE_REASON_RELAUNCH, "", 0, 0);
}
