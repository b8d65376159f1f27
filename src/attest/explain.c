/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/banned.h"

#define AT(field) offsetof(struct ee_verdict, field), sizeof(((struct ee_verdict *)0)->field)

/* Anchors: "quote" is signed by the attestation key, "pck" by Intel for this platform, "intel" is
 * signed collateral, "derived" follows from those by the rules, "none" is unsigned. */
const struct ee_explain_row ee_attest_explain_rows[] = {
    {"quote", "version", "quote", "quote format", EE_EXPLAIN_NUMBER, EE_WHEN_QUOTE, EE_DATED_QUOTE,
     AT(quote_version)},
    {"quote", "body_type", "quote", "2: TD 1.0, 3: TD 1.5, 4: TD 1.5 extended", EE_EXPLAIN_NUMBER,
     EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(body_type)},
    {"quote", "size", "derived", "bytes of the quote proper; store and hash only these",
     EE_EXPLAIN_NUMBER, EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(quote_size)},
    {"quote", "trailing", "none", "unsigned bytes after it, ignored", EE_EXPLAIN_NUMBER,
     EE_WHEN_QUOTE, EE_DATED_NEVER, AT(trailing_size)},
    {"platform", "ppid", "pck", "stable id of this processor package set", EE_EXPLAIN_HEX,
     EE_WHEN_PLATFORM, EE_DATED_PCK, AT(platform.ppid)},
    {"platform", "instance_id", "pck", "this registration of the platform", EE_EXPLAIN_HEX,
     EE_WHEN_INSTANCE, EE_DATED_PCK, AT(platform.instance_id)},
    {"platform", "fmspc", "pck", "platform family; selects the TCB Info", EE_EXPLAIN_HEX,
     EE_WHEN_PLATFORM, EE_DATED_PCK, AT(platform.fmspc)},
    {"platform", "pceid", "pck", "provisioning enclave id", EE_EXPLAIN_HEX, EE_WHEN_PLATFORM,
     EE_DATED_PCK, AT(platform.pceid)},
    {"platform", "components", "pck", "SVNs of BIOS, microcode and other components",
     EE_EXPLAIN_HEX, EE_WHEN_PLATFORM, EE_DATED_PCK, AT(platform.components)},
    {"platform", "pcesvn", "pck", "SVN of the provisioning enclave", EE_EXPLAIN_NUMBER,
     EE_WHEN_PLATFORM, EE_DATED_PCK, AT(platform.pcesvn)},
    {"platform", "certificate_from", "pck", "start of its PCK certificate: no quote of it is older",
     EE_EXPLAIN_TIME, EE_WHEN_PLATFORM, EE_DATED_PCK, AT(pck_not_before_s)},
    {"platform", "certificate_until", "pck", "end of its PCK certificate", EE_EXPLAIN_TIME,
     EE_WHEN_PLATFORM, EE_DATED_PCK, AT(pck_not_after_s)},
    {"platform", "smt_enabled", "pck", "hyper-threading was on at registration", EE_EXPLAIN_BOOL,
     EE_WHEN_PLATFORM, EE_DATED_PCK, AT(platform.smt_enabled)},
    {"platform", "production", "derived", "the chain ends in Intel's production root",
     EE_EXPLAIN_BOOL, EE_WHEN_ROOT, EE_DATED_NEVER, AT(root_production)},
    {"tcb", "status", "derived", "platform, TDX module and quoting enclave together",
     EE_EXPLAIN_STATUS, EE_WHEN_PLATFORM, EE_DATED_TCB, AT(status)},
    {"tcb", "platform_status", "intel", "of BIOS, microcode and SEAM loader", EE_EXPLAIN_STATUS,
     EE_WHEN_PLATFORM, EE_DATED_TCB_INFO, AT(platform_status)},
    {"tcb", "module_status", "intel", "of the TDX module at TD launch; unknown when not versioned",
     EE_EXPLAIN_STATUS, EE_WHEN_PLATFORM, EE_DATED_TCB_INFO, AT(module_status)},
    {"tcb", "qe_status", "intel", "of the quoting enclave", EE_EXPLAIN_STATUS, EE_WHEN_PLATFORM,
     EE_DATED_QE_IDENTITY, AT(qe_status)},
    {"tcb", "current_status", "derived", "with the TDX module running now", EE_EXPLAIN_STATUS,
     EE_WHEN_TD_15, EE_DATED_TCB, AT(current_status)},
    {"tcb", "date", "intel", "everything Intel fixed before this date is in place", EE_EXPLAIN_TIME,
     EE_WHEN_PLATFORM, EE_DATED_TCB, AT(tcb_date_s)},
    {"tcb", "platform_date", "intel", "date of the platform's level", EE_EXPLAIN_TIME,
     EE_WHEN_PLATFORM, EE_DATED_TCB_INFO, AT(platform_date_s)},
    {"tcb", "module_date", "intel", "date of the TDX module's level", EE_EXPLAIN_TIME,
     EE_WHEN_PLATFORM, EE_DATED_TCB_INFO, AT(module_date_s)},
    {"tcb", "qe_date", "intel", "date of the quoting enclave's level", EE_EXPLAIN_TIME,
     EE_WHEN_PLATFORM, EE_DATED_QE_IDENTITY, AT(qe_date_s)},
    {"tcb", "advisories", "intel", "security advisories that apply at this level",
     EE_EXPLAIN_ADVISORIES, EE_WHEN_PLATFORM, EE_DATED_TCB, AT(advisories)},
    {"module", "svn", "quote", "TEE_TCB_SVN at launch: module SVN, version, SEAM loader",
     EE_EXPLAIN_HEX, EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(td.tee_tcb_svn)},
    {"module", "current_svn", "quote", "the same for the module running now", EE_EXPLAIN_HEX,
     EE_WHEN_TD_15, EE_DATED_QUOTE, AT(td.tee_tcb_svn_2)},
    {"module", "initial_svn", "quote", "the same where the TD was launched, before any migration",
     EE_EXPLAIN_HEX, EE_WHEN_EXTENDED, EE_DATED_QUOTE, AT(td.initial_tee_tcb_svn)},
    {"module", "mrseam", "quote", "hash of the TDX module", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.mrseam)},
    {"module", "mrsignerseam", "quote", "its signer; zero is Intel", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.mrsignerseam)},
    {"module", "attributes", "quote", "zero for a production module", EE_EXPLAIN_HEX64,
     EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(td.seam_attributes)},
    {"qe", "mrenclave", "pck", "hash of the quoting enclave", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_PCK, AT(qe.mrenclave)},
    {"qe", "mrsigner", "pck", "its signer", EE_EXPLAIN_HEX, EE_WHEN_QUOTE, EE_DATED_PCK,
     AT(qe.mrsigner)},
    {"qe", "svn", "pck", "its security version", EE_EXPLAIN_NUMBER, EE_WHEN_QUOTE, EE_DATED_PCK,
     AT(qe.svn)},
    {"qe", "id", "quote", "pseudonym of the platform, chosen by the quoting enclave",
     EE_EXPLAIN_HEX, EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(qe_id)},
    {"td", "flags", "quote", "properties a policy decides on", EE_EXPLAIN_FLAGS, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(flags)},
    {"td", "attributes", "quote", "TDATTRIBUTES", EE_EXPLAIN_HEX64, EE_WHEN_QUOTE, EE_DATED_QUOTE,
     AT(td.attributes)},
    {"td", "xfam", "quote", "CPU features the TD may use", EE_EXPLAIN_HEX64, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.xfam)},
    {"td", "mrtd", "quote", "initial contents: the firmware", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.mrtd)},
    {"td", "rtmr0", "quote", "virtual hardware and firmware configuration", EE_EXPLAIN_HEX,
     EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(td.rtmr[0])},
    {"td", "rtmr1", "quote", "boot loader and kernel", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.rtmr[1])},
    {"td", "rtmr2", "quote", "kernel command line and initial RAM disk", EE_EXPLAIN_HEX,
     EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(td.rtmr[2])},
    {"td", "rtmr3", "quote", "what guest software added; worth only what MRTD to RTMR2 are",
     EE_EXPLAIN_HEX, EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(td.rtmr[3])},
    {"td", "mrconfigid", "quote", "set by the host at creation", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.mrconfigid)},
    {"td", "mrowner", "quote", "set by the host at creation", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.mrowner)},
    {"td", "mrownerconfig", "quote", "set by the host at creation", EE_EXPLAIN_HEX, EE_WHEN_QUOTE,
     EE_DATED_QUOTE, AT(td.mrownerconfig)},
    {"td", "mrservicetd", "quote", "hash of the TDs this one trusts; zero for none", EE_EXPLAIN_HEX,
     EE_WHEN_TD_15, EE_DATED_QUOTE, AT(td.mrservicetd)},
    {"td", "current_servicetd", "quote", "hash of the TDs bound now", EE_EXPLAIN_HEX,
     EE_WHEN_EXTENDED, EE_DATED_QUOTE, AT(td.current_servicetd)},
    {"td", "initial_servicetd", "quote", "hash of the TDs bound at launch, before any migration",
     EE_EXPLAIN_HEX, EE_WHEN_EXTENDED, EE_DATED_QUOTE, AT(td.initial_servicetd)},
    {"td", "id", "quote", "identity of this TD, kept through migration", EE_EXPLAIN_HEX,
     EE_WHEN_EXTENDED, EE_DATED_QUOTE, AT(td.td_id)},
    {"td", "device_info", "quote", "hash of what devices the TD was given", EE_EXPLAIN_HEX,
     EE_WHEN_EXTENDED, EE_DATED_QUOTE, AT(td.device_info)},
    {"td", "report_data", "quote", "chosen by the guest; fresh only if it answers a challenge",
     EE_EXPLAIN_HEX, EE_WHEN_QUOTE, EE_DATED_QUOTE, AT(td.report_data)},
    {"collateral", "tcb_evaluation", "intel", "evaluation data number of the TCB Info",
     EE_EXPLAIN_NUMBER, EE_WHEN_ROOT, EE_DATED_TCB_INFO, AT(tcb_evaluation)},
    {"collateral", "qe_evaluation", "intel", "evaluation data number of the QE identity",
     EE_EXPLAIN_NUMBER, EE_WHEN_ROOT, EE_DATED_QE_IDENTITY, AT(qe_evaluation)},
    {"collateral", "issued", "intel", "newest issue date of its parts", EE_EXPLAIN_TIME,
     EE_WHEN_ROOT, EE_DATED_TCB, AT(collateral_issued_s)},
    {"collateral", "expires", "intel", "when the first of its parts expires", EE_EXPLAIN_TIME,
     EE_WHEN_ROOT, EE_DATED_TCB, AT(collateral_expires_s)},
    {"collateral", "tcb_info_issued", "intel", "issue of the TCB Info", EE_EXPLAIN_TIME,
     EE_WHEN_ROOT, EE_DATED_TCB_INFO, AT(tcb_issued_s)},
    {"collateral", "tcb_info_expires", "intel", "end of the TCB Info", EE_EXPLAIN_TIME,
     EE_WHEN_ROOT, EE_DATED_TCB_INFO, AT(tcb_expires_s)},
    {"collateral", "qe_identity_issued", "intel", "issue of the QE identity", EE_EXPLAIN_TIME,
     EE_WHEN_ROOT, EE_DATED_QE_IDENTITY, AT(qe_issued_s)},
    {"collateral", "qe_identity_expires", "intel", "end of the QE identity", EE_EXPLAIN_TIME,
     EE_WHEN_ROOT, EE_DATED_QE_IDENTITY, AT(qe_expires_s)},
    {"collateral", "pck_crl_expires", "intel", "end of the PCK CRL", EE_EXPLAIN_TIME, EE_WHEN_ROOT,
     EE_DATED_PCK_CRL, AT(pck_crl_expires_s)},
    {"collateral", "root_crl_expires", "intel", "end of the root CRL", EE_EXPLAIN_TIME,
     EE_WHEN_ROOT, EE_DATED_ROOT_CRL, AT(root_crl_expires_s)},
    {"collateral", "root_crl_number", "intel", "number of the root CRL", EE_EXPLAIN_NUMBER,
     EE_WHEN_ROOT, EE_DATED_ROOT_CRL, AT(root_crl_number)},
    {"collateral", "pck_crl_number", "intel", "number of the PCK CRL", EE_EXPLAIN_NUMBER,
     EE_WHEN_ROOT, EE_DATED_PCK_CRL, AT(pck_crl_number)},
};
const size_t ee_attest_explain_count =
    sizeof(ee_attest_explain_rows) / sizeof(ee_attest_explain_rows[0]);

static bool applies(enum ee_explain_when when, const struct ee_verdict *v)
{
    switch (when) {
    case EE_WHEN_ALWAYS:
        return true;
    case EE_WHEN_QUOTE:
        return v->quote_decoded;
    case EE_WHEN_TD_15:
        return v->quote_decoded && v->body_type != EE_BODY_TD_10;
    case EE_WHEN_EXTENDED:
        return v->quote_decoded && v->body_type == EE_BODY_TD_15_EXTENDED;
    case EE_WHEN_PLATFORM:
        return v->platform_decoded;
    case EE_WHEN_INSTANCE:
        return v->platform_decoded && v->platform.has_instance;
    case EE_WHEN_ROOT:
        return v->root_matched;
    }
    return false;
}

static uint64_t number_at(const void *field, size_t size)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (size) {
    case sizeof(u8):
        memcpy(&u8, field, sizeof(u8));
        return u8;
    case sizeof(u16):
        memcpy(&u16, field, sizeof(u16));
        return u16;
    case sizeof(u32):
        memcpy(&u32, field, sizeof(u32));
        return u32;
    default:
        memcpy(&u64, field, sizeof(u64));
        return u64;
    }
}

static void append(char out[EE_EXPLAIN_TEXT_SIZE], const char *word)
{
    size_t used = strlen(out);
    (void)snprintf(out + used, EE_EXPLAIN_TEXT_SIZE - used, "%s%s", used ? " " : "", word);
}

static void list_text(const struct ee_explain_row *row, const struct ee_verdict *v,
                      char out[EE_EXPLAIN_TEXT_SIZE])
{
    out[0] = '\0';
    if (row->kind == EE_EXPLAIN_FLAGS)
        for (enum ee_td_flag flag = 0; flag < EE_TD_FLAG_COUNT; flag++)
            if (v->flags >> flag & 1)
                append(out, ee_attest_td_flag_name(flag));
    if (row->kind == EE_EXPLAIN_ADVISORIES)
        for (size_t i = 0; i < v->advisory_count; i++)
            append(out, v->advisories[i]);
    if (!out[0])
        append(out, "-");
}

static void scalar_text(const struct ee_explain_row *row, const void *field,
                        char out[EE_EXPLAIN_TEXT_SIZE])
{
    uint8_t little[8];
    uint64_t number = row->kind == EE_EXPLAIN_HEX ? 0 : number_at(field, row->size);
    if (row->kind == EE_EXPLAIN_HEX) {
        (void)ee_hex_encode(field, row->size, out);
    } else if (row->kind == EE_EXPLAIN_HEX64) {
        for (size_t i = 0; i < sizeof(little); i++)
            little[i] = (uint8_t)(number >> 8 * i);
        (void)ee_hex_encode(little, sizeof(little), out);
    } else if (row->kind == EE_EXPLAIN_BOOL) {
        (void)snprintf(out, EE_EXPLAIN_TEXT_SIZE, "%s", number ? "true" : "false");
    } else if (row->kind == EE_EXPLAIN_STATUS) {
        (void)snprintf(out, EE_EXPLAIN_TEXT_SIZE, "%s",
                       ee_attest_tcb_status_name((enum ee_tcb_status)number));
    } else if (row->kind == EE_EXPLAIN_TIME) {
        (void)ee_time_format((int64_t)number, out);
    } else {
        (void)snprintf(out, EE_EXPLAIN_TEXT_SIZE, "%" PRIu64, number);
    }
}

bool ee_attest_explain_value(const struct ee_explain_row *row, const struct ee_verdict *verdict,
                             char out[EE_EXPLAIN_TEXT_SIZE])
{
    const void *field = (const uint8_t *)verdict + row->offset;
    if (!applies(row->when, verdict))
        return false;
    /* A date of 0 is a part that was not judged. */
    if (row->kind == EE_EXPLAIN_TIME && number_at(field, row->size) == 0)
        return false;
    if (row->kind == EE_EXPLAIN_FLAGS || row->kind == EE_EXPLAIN_ADVISORIES)
        list_text(row, verdict, out);
    else
        scalar_text(row, field, out);
    return true;
}

static int64_t first(int64_t a, int64_t b)
{
    return a && (b == 0 || a < b) ? a : b;
}

static struct ee_explain_dates dates_of(enum ee_explain_dated dated, const struct ee_verdict *v)
{
    int64_t pck_until_s = first(v->pck_not_after_s, v->pck_crl_expires_s);
    switch (dated) {
    case EE_DATED_QUOTE:
        return (struct ee_explain_dates){0, pck_until_s, -1};
    case EE_DATED_PCK:
        return (struct ee_explain_dates){v->pck_not_before_s, pck_until_s, 0};
    case EE_DATED_TCB_INFO:
        return (struct ee_explain_dates){v->tcb_issued_s, v->tcb_expires_s, 0};
    case EE_DATED_QE_IDENTITY:
        return (struct ee_explain_dates){v->qe_issued_s, v->qe_expires_s, 0};
    case EE_DATED_TCB:
        return (struct ee_explain_dates){
            first(first(v->tcb_issued_s, v->qe_issued_s), v->pck_crl_issued_s),
            first(v->collateral_expires_s, v->pck_not_after_s), 0};
    case EE_DATED_ROOT_CRL:
        return (struct ee_explain_dates){v->root_crl_issued_s, v->root_crl_expires_s, 0};
    case EE_DATED_PCK_CRL:
        return (struct ee_explain_dates){v->pck_crl_issued_s, v->pck_crl_expires_s, 0};
    case EE_DATED_NEVER:
        break;
    }
    return (struct ee_explain_dates){0, 0, -1};
}

void ee_attest_explain_dates(const struct ee_explain_row *row, const struct ee_verdict *verdict,
                             struct ee_explain_dates *out)
{
    *out = dates_of(row->dated, verdict);
    out->age_s = out->since_s ? verdict->time_s - out->since_s : -1;
    if (out->age_s < -1)
        out->age_s = -1; /* from the future: the checks say so */
}
