/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the file form of a policy: docs/spec/policy.md. */
#include <stdio.h>
#include <string.h>

#include "attest/policy.h"
#include "base/text.h"
#include "base/banned.h"

static void put(struct ee_writer *w, const char *text)
{
    ee_writer_bytes(w, text, strlen(text));
}

static void put_hex(struct ee_writer *w, const uint8_t *data, size_t size)
{
    char text[2 * EE_MEASUREMENT_SIZE + 1];
    put(w, "\"");
    put(w, ee_hex_encode(data, size, text));
    put(w, "\"");
}

static void put_number(struct ee_writer *w, uint32_t number)
{
    char text[12];
    (void)snprintf(text, sizeof(text), "%u", (unsigned)number);
    put(w, text);
}

/* A line of the object: `"name": ` */
static void put_name(struct ee_writer *w, const char *name)
{
    put(w, ",\n  \"");
    put(w, name);
    put(w, "\": ");
}

static void put_values(struct ee_writer *w, const uint8_t *data, size_t size, uint32_t count)
{
    put(w, "[");
    for (uint32_t i = 0; i < count; i++) {
        put(w, i ? ", " : "");
        put_hex(w, data + i * size, size);
    }
    put(w, "]");
}

static void put_statuses(struct ee_writer *w, const struct ee_attest_policy *p)
{
    const char *separator = "";
    put_name(w, "statuses");
    put(w, "[");
    for (enum ee_tcb_status s = EE_TCB_UNKNOWN + 1; s < EE_TCB_STATUS_COUNT; s++) {
        if (!(p->statuses >> s & 1) || s == EE_TCB_REVOKED || s == EE_TCB_NOT_SUPPORTED)
            continue;
        put(w, separator);
        put(w, "\"");
        put(w, ee_attest_tcb_status_name(s));
        put(w, "\"");
        separator = ", ";
    }
    put(w, "]");
    put_name(w, "grace_days");
    put(w, "{");
    separator = "\"";
    for (enum ee_tcb_status s = EE_TCB_UNKNOWN + 1; s < EE_TCB_STATUS_COUNT; s++) {
        if (p->grace_days[s] == 0)
            continue;
        put(w, separator);
        put(w, ee_attest_tcb_status_name(s));
        put(w, "\": ");
        put_number(w, p->grace_days[s]);
        separator = ", \"";
    }
    put(w, "}");
}

static void put_bool(struct ee_writer *w, const char *name, bool value)
{
    put_name(w, name);
    put(w, value ? "true" : "false");
}

/* As the claims show it: the little-endian bytes. */
static void put_mask(struct ee_writer *w, const char *name, uint64_t mask)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(mask >> 8 * i);
    put_name(w, name);
    put_hex(w, bytes, sizeof(bytes));
}

static void put_scalars(struct ee_writer *w, const struct ee_attest_policy *p)
{
    char time[EE_TIME_TEXT_SIZE];
    put_name(w, "name");
    put(w, "\"");
    put(w, p->name);
    put(w, "\"");
    put_bool(w, "allow_debug", p->allow_debug);
    put_bool(w, "allow_sept_ve", p->allow_sept_ve);
    put_bool(w, "allow_migratable", p->allow_migratable);
    put_bool(w, "allow_service_tds", p->allow_service_tds);
    put_mask(w, "attributes_required", p->attributes_required);
    put_mask(w, "attributes_forbidden", p->attributes_forbidden);
    put_mask(w, "xfam_required", p->xfam_required);
    put_mask(w, "xfam_forbidden", p->xfam_forbidden);
    put_name(w, "min_tcb_evaluation");
    put_number(w, p->min_tcb_evaluation);
    put_name(w, "min_qe_evaluation");
    put_number(w, p->min_qe_evaluation);
    put_name(w, "max_collateral_age_days");
    put_number(w, p->max_collateral_age_days);
    if (p->min_tcb_date_s == 0)
        return; /* there is no time that means any */
    put_name(w, "min_tcb_date");
    put(w, "\"");
    put(w, ee_time_format(p->min_tcb_date_s, time));
    put(w, "\"");
}

static void put_modules(struct ee_writer *w, const struct ee_attest_policy *p)
{
    put_name(w, "min_module_version");
    put_number(w, p->min_module_version);
    put_name(w, "modules");
    put(w, "[");
    for (uint32_t i = 0; i < p->module_count; i++) {
        put(w, i ? ", {\"version\": " : "{\"version\": ");
        put_number(w, p->modules[i].version);
        put(w, ", \"min_svn\": ");
        put_number(w, p->modules[i].min_svn);
        put(w, "}");
    }
    put(w, "]");
    put_name(w, "mrseams");
    put_values(w, p->mrseams[0], EE_MEASUREMENT_SIZE, p->mrseam_count);
    put_name(w, "service_tds");
    put_values(w, p->service_tds[0], EE_MEASUREMENT_SIZE, p->service_td_count);
}

static void put_lists(struct ee_writer *w, const struct ee_attest_policy *p)
{
    put_name(w, "advisories_denied");
    put(w, "[");
    for (uint32_t i = 0; i < p->advisory_count; i++) {
        put(w, i ? ", \"" : "\"");
        put(w, p->advisories[i]);
        put(w, "\"");
    }
    put(w, "]");
    put_name(w, "fmspcs");
    put(w, "{\"allow\": ");
    put_values(w, p->fmspc_allowed.id[0], EE_FMSPC_SIZE, p->fmspc_allowed.count);
    put(w, ", \"deny\": ");
    put_values(w, p->fmspc_denied.id[0], EE_FMSPC_SIZE, p->fmspc_denied.count);
    put(w, "}");
    put_name(w, "platforms");
    put(w, "{\"allow\": ");
    put_values(w, p->platform_allowed.id[0], EE_PPID_SIZE, p->platform_allowed.count);
    put(w, ", \"deny\": ");
    put_values(w, p->platform_denied.id[0], EE_PPID_SIZE, p->platform_denied.count);
    put(w, "}");
}

static void put_set(struct ee_writer *w, const struct ee_attest_policy *p, uint32_t set)
{
    put(w, set ? ",\n    {\"label\": \"" : "\n    {\"label\": \"");
    put(w, p->set_labels[set]);
    put(w, "\"");
    for (enum ee_policy_register r = 0; r < EE_REGISTER_COUNT; r++) {
        bool first = true;
        for (uint32_t i = 0; i < p->value_count; i++) {
            if (p->values[i].set != set || p->values[i].which != r)
                continue;
            put(w, first ? ",\n     \"" : ", ");
            if (first) {
                put(w, ee_attest_register_name(r));
                put(w, "\": [");
            }
            put_hex(w, p->values[i].value, EE_MEASUREMENT_SIZE);
            first = false;
        }
        put(w, first ? "" : "]");
    }
    put(w, "}");
}

enum ee_err ee_attest_policy_print(const struct ee_attest_policy *policy, char *out,
                                   size_t capacity, size_t *size_out)
{
    struct ee_writer w;
    ee_writer_init(&w, out, capacity);
    put(&w, "{\n  \"format\": \"ee-policy-1\"");
    put_scalars(&w, policy);
    put_statuses(&w, policy);
    put_modules(&w, policy);
    put_lists(&w, policy);
    put_name(&w, "measurements");
    put(&w, "[");
    for (uint32_t set = 0; set < policy->set_count; set++)
        put_set(&w, policy, set);
    put(&w, "]\n}\n");
    ee_writer_u8(&w, '\0');
    if (w.err == EE_OK)
        *size_out = w.size - 1;
    return w.err;
}
