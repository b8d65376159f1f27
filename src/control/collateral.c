/* SPDX-License-Identifier: Apache-2.0 */
#include "control/collateral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/json.h"
#include "control/outlook.h"
#include "io/file.h"
#include "io/log.h"

#include "base/banned.h"

enum { DAY_S = 24 * 3600, WATCH_MS = 60 * 1000, PATH_SIZE = 1100, SENTENCE_SIZE = 200 };

/* ---- what a set is ---- */

static const char *set_name(const struct ee_collateral_set *set)
{
    return set->early ? "early" : "standard";
}

static const char *state_of(const struct ee_control *control, const struct ee_collateral_set *set,
                            int64_t now_s)
{
    int64_t left_s = set->facts.expires_s - now_s;
    if (left_s < 0)
        return "expired";
    return left_s < (int64_t)control->collateral_warn_days * DAY_S ? "expiring" : "valid";
}

enum ee_err ee_control_collateral_encode(const struct ee_collateral_set *set, struct ee_writer *out)
{
    const struct ee_collateral_facts *facts = &set->facts;
    struct ee_collateral_taken taken = {
        .set = set->early ? EE_TCB_SET_EARLY : EE_TCB_SET_STANDARD,
        .evaluation = (uint32_t)facts->part[EE_COLLATERAL_TCB_INFO].number,
        .issued_s = (uint64_t)facts->issued_s,
        .expires_s = (uint64_t)facts->expires_s,
        .pck_crl_number = facts->part[EE_COLLATERAL_PCK_CRL].number,
        .root_crl_number = facts->part[EE_COLLATERAL_ROOT_CRL].number,
        .simulated = facts->simulated,
    };
    memcpy(taken.fmspc, facts->fmspc, sizeof taken.fmspc);
    memcpy(taken.hash, set->hash, sizeof taken.hash);
    return ee_collateral_taken_encode(&taken, out);
}

static json_t *time_json(int64_t time_s)
{
    return ee_json_time((uint64_t)time_s * 1000000);
}

static json_t *parts_json(const struct ee_collateral_facts *facts)
{
    json_t *list = json_array();
    for (enum ee_collateral_part i = 0; i < EE_COLLATERAL_PARTS_COUNT; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o, s:o}", "part", ee_collateral_part_id(i),
                                        "number", ee_json_u64(facts->part[i].number), "issued_at",
                                        time_json(facts->part[i].issued_s), "expires_at",
                                        time_json(facts->part[i].expires_s)));
    return list;
}

json_t *ee_control_collateral_set_json(struct ee_control *control,
                                       const struct ee_collateral_set *set)
{
    const struct ee_collateral_facts *facts = &set->facts;
    int64_t now_s = ee_control_now_s(control);
    int64_t left_s = facts->expires_s - now_s;
    return json_pack("{s:s, s:o, s:o, s:I, s:o, s:o, s:s, s:I, s:b, s:o}", "kind", set_name(set),
                     "fmspc", ee_json_hex(facts->fmspc, sizeof facts->fmspc), "hash",
                     ee_json_hex(set->hash, sizeof set->hash), "evaluation",
                     (json_int_t)facts->part[EE_COLLATERAL_TCB_INFO].number, "issued_at",
                     time_json(facts->issued_s), "expires_at", time_json(facts->expires_s), "state",
                     state_of(control, set, now_s), "days_left",
                     (json_int_t)(left_s < 0 ? 0 : left_s / DAY_S), "simulated", facts->simulated,
                     "parts", parts_json(facts));
}

json_t *ee_control_collateral_json(struct ee_control *control)
{
    json_t *list = json_array();
    const struct ee_collateral_set *set;
    for (size_t i = 0; (set = ee_collateral_store_at(control->collateral, i)) != NULL; i++)
        json_array_append_new(list, ee_control_collateral_set_json(control, set));
    return list;
}

/* ---- warnings ---- */

/* False: all is well with it. */
static bool sentence_of(struct ee_control *control, const struct ee_collateral_set *set,
                        int64_t now_s, char out[SENTENCE_SIZE])
{
    char fmspc[2 * EE_FMSPC_SIZE + 1], until[EE_TIME_TEXT_SIZE];
    const char *state = state_of(control, set, now_s);
    const struct ee_collateral_set *standard =
        ee_collateral_store_find(control->collateral, set->facts.fmspc, false);
    bool overtaken = set->early && standard != NULL &&
                     standard->documents.tcb_info.evaluation >= set->documents.tcb_info.evaluation;
    if (strcmp(state, "valid") == 0 || overtaken)
        return false;
    bool over = strcmp(state, "expired") == 0;
    (void)snprintf(out, SENTENCE_SIZE, "the %s collateral of FMSPC %s %s %s%s", set_name(set),
                   ee_hex_encode(set->facts.fmspc, EE_FMSPC_SIZE, fmspc),
                   over ? "expired at" : "expires at", ee_time_format(set->facts.expires_s, until),
                   over && !set->early ? ": no agent of it is admitted or attested until newer "
                                         "collateral is pushed"
                                       : ": push newer collateral");
    return true;
}

json_t *ee_control_collateral_warnings(struct ee_control *control)
{
    char sentence[SENTENCE_SIZE];
    json_t *list = json_array();
    const struct ee_collateral_set *set;
    int64_t now_s = ee_control_now_s(control);
    bool any = false;
    for (size_t i = 0; (set = ee_collateral_store_at(control->collateral, i)) != NULL; i++) {
        any = any || !set->early;
        if (sentence_of(control, set, now_s, sentence))
            json_array_append_new(list, json_string(sentence));
    }
    if (!any)
        json_array_append_new(
            list, json_string("there is no collateral: no agent can be admitted; push some"));
    return list;
}

/* Once when the state changes, then once a day. */
static void on_watch(void *context)
{
    struct ee_control *control = context;
    json_t *warnings = ee_control_collateral_warnings(control), *warning;
    uint64_t day = (uint64_t)ee_control_now_s(control) / DAY_S;
    char *text = ee_json_dump(warnings);
    size_t index;
    if (text != NULL && (control->collateral_said == NULL || control->collateral_said_day != day ||
                         strcmp(control->collateral_said, text) != 0)) {
        json_array_foreach(warnings, index, warning)
            EE_LOG(EE_LOG_WARN, "collateral", json_string_value(warning));
        free(control->collateral_said);
        control->collateral_said = text;
        control->collateral_said_day = day;
        text = NULL;
    }
    free(text);
    json_decref(warnings);
}

/* ---- taking ---- */

/* Is there a standard set of the family, and its time over? */
static bool set_over(struct ee_control *control, const uint8_t fmspc[EE_FMSPC_SIZE])
{
    const struct ee_collateral_set *set =
        ee_collateral_store_find(control->collateral, fmspc, false);
    return set != NULL && ee_control_now_s(control) > set->facts.expires_s;
}

bool ee_control_collateral_ran_out(struct ee_control *control, const char *node)
{
    uint8_t fmspc[EE_FMSPC_SIZE];
    const struct ee_collateral_set *set;
    if (ee_outlook_family(control->outlook, node, fmspc))
        return set_over(control, fmspc);
    for (size_t i = 0; (set = ee_collateral_store_at(control->collateral, i)) != NULL; i++)
        if (!set->early && set_over(control, set->facts.fmspc))
            return true;
    return false;
}

static void log_taken(const struct ee_collateral_set *set)
{
    char until[EE_TIME_TEXT_SIZE];
    EE_LOG(EE_LOG_INFO, "collateral", "set in use", ee_log_text("set", set_name(set)),
           ee_log_hex("fmspc", set->facts.fmspc, EE_FMSPC_SIZE),
           ee_log_unsigned("evaluation", set->facts.part[EE_COLLATERAL_TCB_INFO].number),
           ee_log_text("expires", ee_time_format(set->facts.expires_s, until)),
           ee_log_hex("hash", set->hash, sizeof set->hash));
}

static void tell_all(struct ee_control *control, const struct ee_collateral_set *set)
{
    for (struct ee_session *s = control->sessions; s != NULL && !set->early; s = s->next)
        if (s->state == EE_SESSION_ADMITTED &&
            memcmp(s->fmspc, set->facts.fmspc, sizeof s->fmspc) == 0)
            ee_control_collateral_tell(s);
}

enum ee_err ee_control_collateral_use(struct ee_control *control, struct ee_collateral_set *set)
{
    bool over = set_over(control, set->facts.fmspc);
    enum ee_err err = ee_collateral_store_keep(control->collateral, set);
    if (err == EE_OK && over)
        control->collateral_back_us = ee_control_now_us(control);
    if (err != EE_OK) {
        ee_collateral_set_free(set);
        return err;
    }
    log_taken(set);
    tell_all(control, set);
    return EE_OK;
}

static enum ee_err record(struct ee_control *control, const struct ee_collateral_set *set)
{
    uint8_t memory[256];
    struct ee_writer writer;
    ee_writer_init(&writer, memory, sizeof memory);
    EE_TRY(ee_control_collateral_encode(set, &writer));
    return ee_control_submit(control, EE_COMMAND_COLLATERAL, ee_writer_done(&writer), NULL, NULL);
}

/* What the file brings; NULL: nothing newer. */
static enum ee_err file_offer(struct ee_control *control, struct ee_collateral_set **out,
                              char detail[EE_COLLATERAL_DETAIL_SIZE])
{
    struct ee_file_data file;
    enum ee_collateral_offer offer;
    *out = NULL;
    detail[0] = '\0';
    if (control->collateral_path[0] == '\0')
        return EE_OK;
    EE_TRY(ee_file_read(control->collateral_path, EE_COLLATERAL_FILE_MAX, &file));
    enum ee_err err =
        ee_collateral_store_offer(control->collateral, ee_file_bytes(&file), false, true,
                                  ee_control_now_s(control), &offer, out, detail);
    ee_file_data_free(&file);
    return err;
}

enum ee_err ee_control_collateral_reload(struct ee_control *control)
{
    char detail[EE_COLLATERAL_DETAIL_SIZE];
    struct ee_collateral_set *set;
    enum ee_err err = file_offer(control, &set, detail);
    if (err == EE_OK && set != NULL) {
        if (!control->anchoring) /* else BOOT is followed by the records of all */
            err = record(control, set);
        if (err == EE_OK)
            err = ee_control_collateral_use(control, set);
        else
            ee_collateral_set_free(set);
        if (err == EE_OK)
            (void)ee_outlook_judge(control, set, NULL, 0);
    }
    EE_LOG(err == EE_OK ? EE_LOG_INFO : EE_LOG_ERROR, "collateral",
           err != EE_OK  ? "the file is not taken; what is held stays in use"
           : set != NULL ? "newer collateral taken from the file"
                         : "the file brings nothing newer",
           ee_log_text("detail", detail), ee_log_err(err));
    return err;
}

/* ---- start ---- */

static void on_lost(void *context, const uint8_t hash[EE_SHA256_SIZE], enum ee_err err)
{
    (void)context;
    EE_LOG(EE_LOG_ERROR, "collateral", "a held set cannot be used any more",
           ee_log_hex("hash", hash, EE_SHA256_SIZE), ee_log_err(err));
}

/* Before anything is decided, so it is in use before its record is durable. */
static enum ee_err file_first(struct ee_control *control)
{
    char detail[EE_COLLATERAL_DETAIL_SIZE];
    struct ee_collateral_set *set;
    enum ee_err err = file_offer(control, &set, detail);
    if (err == EE_OK)
        return set != NULL ? ee_control_collateral_use(control, set) : EE_OK;
    EE_LOG(EE_LOG_ERROR, "collateral", "the file is not taken", ee_log_text("detail", detail),
           ee_log_err(err));
    bool ours = ee_err_class(err) == EE_CLASS_INPUT || ee_err_class(err) == EE_CLASS_SYSTEM ||
                ee_err_class(err) == EE_CLASS_MISSING;
    return ours ? err : EE_OK; /* not a collateral file at all */
}

enum ee_err ee_control_collateral_open(struct ee_control *control)
{
    char path[PATH_SIZE];
    struct ee_collateral_store_options options = {
        .crypto = control->crypto,
        .folder = path,
        .roots = (const uint8_t(*)[EE_P256_POINT_SIZE])control->trust.roots,
        .root_count = control->trust.genesis.root_count,
        .allow_simulated = control->trust.genesis.kind == EE_NETWORK_DEVELOPMENT,
        .time_s = ee_control_now_s(control),
        .lost = on_lost,
    };
    (void)snprintf(path, sizeof path, "%s/collateral", control->state_folder);
    EE_TRY(ee_outlook_new(0, &control->outlook));
    EE_TRY(ee_collateral_store_new(&options, &control->collateral));
    EE_TRY(file_first(control));
    EE_TRY(ee_timer_new(control->loop, on_watch, control, &control->collateral_timer));
    ee_timer_start(control->collateral_timer, 1, WATCH_MS);
    return EE_OK;
}

enum ee_err ee_control_collateral_record(struct ee_control *control)
{
    const struct ee_collateral_set *set;
    for (size_t i = 0; (set = ee_collateral_store_at(control->collateral, i)) != NULL; i++)
        EE_TRY(record(control, set));
    return EE_OK;
}

void ee_control_collateral_close(struct ee_control *control)
{
    ee_timer_free(control->collateral_timer);
    ee_collateral_store_free(control->collateral);
    ee_outlook_free(control->outlook);
    free(control->collateral_said);
}

/* ---- handing on ---- */

struct ee_bytes ee_control_collateral_text(const struct ee_control *control, struct ee_bytes quote)
{
    const struct ee_collateral_set *set = ee_collateral_store_for(control->collateral, quote);
    return set != NULL ? set->text : ee_bytes_of(NULL, 0);
}

void ee_control_collateral_tell(struct ee_session *session)
{
    const struct ee_collateral_set *set =
        ee_collateral_store_find(session->control->collateral, session->fmspc, false);
    if (set != NULL)
        ee_session_send(session, json_pack("{s:s, s:s%}", "type", "collateral", "collateral",
                                           (const char *)set->text.data, set->text.size));
}
