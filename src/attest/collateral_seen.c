/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/collateral_seen.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

bool ee_attest_collateral_seen(const struct ee_verdict *v, struct ee_collateral_seen *out)
{
    if (!v->root_matched || v->tcb_issued_s == 0 || v->qe_issued_s == 0 ||
        v->root_crl_issued_s == 0 || v->pck_crl_issued_s == 0)
        return false;
    *out = (struct ee_collateral_seen){.processor_ca = v->platform.processor_ca,
                                       .tcb_evaluation = v->tcb_evaluation,
                                       .tcb_issued_s = v->tcb_issued_s,
                                       .qe_evaluation = v->qe_evaluation,
                                       .qe_issued_s = v->qe_issued_s,
                                       .root_crl_number = v->root_crl_number,
                                       .pck_crl_number = v->pck_crl_number};
    memcpy(out->fmspc, v->tcb_fmspc, sizeof(out->fmspc));
    return true;
}

static enum ee_reason older(struct ee_finding *out, const char *what, uint64_t next, uint64_t seen)
{
    *out = (struct ee_finding){.reason = EE_REASON_COLLATERAL_OLDER,
                               .have = (uint32_t)(next < UINT32_MAX ? next : UINT32_MAX),
                               .need = (uint32_t)(seen < UINT32_MAX ? seen : UINT32_MAX)};
    (void)snprintf(out->label, sizeof(out->label), "%s", what);
    return out->reason;
}

static bool same_family(const struct ee_collateral_seen *a, const struct ee_collateral_seen *b)
{
    return memcmp(a->fmspc, b->fmspc, sizeof(a->fmspc)) == 0;
}

enum ee_reason ee_attest_collateral_not_older(const struct ee_collateral_seen *seen,
                                              const struct ee_collateral_seen *next,
                                              int64_t slack_s, struct ee_finding *finding_out)
{
    *finding_out = (struct ee_finding){0};
    if (same_family(seen, next) && next->tcb_evaluation < seen->tcb_evaluation)
        return older(finding_out, "TCB Info (evaluation number)", next->tcb_evaluation,
                     seen->tcb_evaluation);
    if (same_family(seen, next) && next->tcb_evaluation == seen->tcb_evaluation &&
        next->tcb_issued_s < seen->tcb_issued_s - slack_s)
        return older(finding_out, "TCB Info (seconds since 1970)", (uint64_t)next->tcb_issued_s,
                     (uint64_t)seen->tcb_issued_s);
    if (next->qe_evaluation < seen->qe_evaluation)
        return older(finding_out, "QE identity (evaluation number)", next->qe_evaluation,
                     seen->qe_evaluation);
    if (next->qe_evaluation == seen->qe_evaluation &&
        next->qe_issued_s < seen->qe_issued_s - slack_s)
        return older(finding_out, "QE identity (seconds since 1970)", (uint64_t)next->qe_issued_s,
                     (uint64_t)seen->qe_issued_s);
    if (next->root_crl_number < seen->root_crl_number)
        return older(finding_out, "root CRL (number)", next->root_crl_number,
                     seen->root_crl_number);
    if (next->processor_ca == seen->processor_ca && next->pck_crl_number < seen->pck_crl_number)
        return older(finding_out, "PCK CRL (number)", next->pck_crl_number, seen->pck_crl_number);
    return EE_REASON_NONE;
}

enum ee_reason ee_attest_collateral_recall(const struct ee_collateral_memory *memory,
                                           const struct ee_collateral_seen *next, int64_t slack_s,
                                           struct ee_finding *finding_out)
{
    *finding_out = (struct ee_finding){0};
    for (uint32_t i = 0; i < memory->count; i++)
        EE_REASON_TRY(ee_attest_collateral_not_older(&memory->row[i], next, slack_s, finding_out));
    return EE_REASON_NONE;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A document is newer by its number, then by its date. */
static void document_keep(uint32_t *number, int64_t *issued_s, uint32_t next, int64_t next_s)
{
    if (next > *number || (next == *number && next_s > *issued_s)) {
        *number = next;
        *issued_s = next_s;
    }
}

static bool same_row(const struct ee_collateral_seen *a, const struct ee_collateral_seen *b)
{
    return same_family(a, b) && a->processor_ca == b->processor_ca;
}

void ee_attest_collateral_remember(struct ee_collateral_memory *memory,
                                   const struct ee_collateral_seen *next)
{
    uint32_t row = 0, oldest = 0;
    for (uint32_t i = 1; i < memory->count; i++)
        if (memory->row[i].tcb_issued_s < memory->row[oldest].tcb_issued_s)
            oldest = i;
    while (row < memory->count && !same_row(&memory->row[row], next))
        row++;
    if (row == memory->count) {
        row = row < EE_COLLATERAL_SEEN_MAX ? row : oldest;
        memory->count += row == memory->count;
        memory->row[row] = *next;
        return;
    }
    struct ee_collateral_seen *kept = &memory->row[row];
    document_keep(&kept->tcb_evaluation, &kept->tcb_issued_s, next->tcb_evaluation,
                  next->tcb_issued_s);
    document_keep(&kept->qe_evaluation, &kept->qe_issued_s, next->qe_evaluation, next->qe_issued_s);
    kept->root_crl_number = larger(kept->root_crl_number, next->root_crl_number);
    kept->pck_crl_number = larger(kept->pck_crl_number, next->pck_crl_number);
}

/* ---- bytes ---- */

static const char label[] = "ee-collateral-seen";

enum ee_err ee_attest_collateral_memory_encode(const struct ee_collateral_memory *memory,
                                               struct ee_writer *out)
{
    size_t start = out->size;
    ee_writer_label(out, label, 1);
    ee_writer_u8(out, (uint8_t)memory->count);
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct ee_collateral_seen *row = &memory->row[i];
        ee_writer_bytes(out, row->fmspc, sizeof(row->fmspc));
        ee_writer_u8(out, row->processor_ca);
        ee_writer_u32(out, row->tcb_evaluation);
        ee_writer_u64(out, (uint64_t)row->tcb_issued_s);
        ee_writer_u32(out, row->qe_evaluation);
        ee_writer_u64(out, (uint64_t)row->qe_issued_s);
        ee_writer_u64(out, row->root_crl_number);
        ee_writer_u64(out, row->pck_crl_number);
    }
    if (out->err != EE_OK)
        out->size = start;
    return out->err;
}

static int64_t seconds_read(struct ee_cursor *c)
{
    uint64_t value = ee_cursor_u64(c);
    if (c->err == EE_OK && value > INT64_MAX)
        c->err = EE_RANGE;
    return c->err == EE_OK ? (int64_t)value : 0;
}

static void row_read(struct ee_cursor *c, struct ee_collateral_seen *row)
{
    ee_cursor_copy(c, row->fmspc, sizeof(row->fmspc));
    uint8_t processor_ca = ee_cursor_u8(c);
    if (c->err == EE_OK && processor_ca > 1)
        c->err = EE_RANGE;
    row->processor_ca = processor_ca == 1;
    row->tcb_evaluation = ee_cursor_u32(c);
    row->tcb_issued_s = seconds_read(c);
    row->qe_evaluation = ee_cursor_u32(c);
    row->qe_issued_s = seconds_read(c);
    row->root_crl_number = ee_cursor_u64(c);
    row->pck_crl_number = ee_cursor_u64(c);
}

enum ee_err ee_attest_collateral_memory_decode(struct ee_bytes bytes,
                                               struct ee_collateral_memory *out)
{
    struct ee_collateral_memory memory = {0};
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, label, 1);
    uint32_t count = ee_cursor_u8(&c);
    if (c.err == EE_OK && count > EE_COLLATERAL_SEEN_MAX)
        c.err = EE_RANGE;
    for (; c.err == EE_OK && memory.count < count; memory.count++) {
        row_read(&c, &memory.row[memory.count]);
        for (uint32_t i = 0; c.err == EE_OK && i < memory.count; i++)
            if (same_row(&memory.row[i], &memory.row[memory.count]))
                c.err = EE_DUPLICATE_FIELD;
    }
    EE_TRY(ee_cursor_end(&c));
    *out = memory;
    return EE_OK;
}
