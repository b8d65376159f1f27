/* SPDX-License-Identifier: Apache-2.0 */
#include "client/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "attest/x509.h"
#include "client/json.h"
#include "core/receipt.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

#define CRYPTO (&ee_crypto_openssl)

/* Refused documents exit with 7, whatever is wrong with them. */
static enum ee_err refuse(struct ee_client_problem *problem, enum ee_err err, const char *text)
{
    (void)ee_client_fail(problem, err, "%s", text);
    if (ee_err_class(err) != EE_CLASS_SYSTEM)
        problem->exit_code = ee_err_exit_code(EE_QUOTE);
    return err;
}

static enum ee_err refuse_finding(struct ee_client_problem *problem, enum ee_err err,
                                  const struct ee_finding *finding)
{
    char text[EE_FINDING_TEXT_SIZE];
    return refuse(problem, err, ee_attest_finding_text(finding, text));
}

/* ---- reading and writing ---- */

static enum ee_err evidence_read(struct ee_bytes text, struct ee_client_bundle *out)
{
    struct ee_evidence evidence;
    EE_TRY(ee_evidence_decode(CRYPTO, text, out->memory, text.size, &evidence));
    out->bundle = (struct ee_bundle){.quote = evidence.quote,
                                     .claims = evidence.claims,
                                     .nonce = evidence.nonce,
                                     .index = evidence.index,
                                     .size = evidence.size,
                                     .path_count = evidence.path_count,
                                     .agent_log = evidence.event_log,
                                     .collateral = evidence.collateral};
    memcpy(out->bundle.path, evidence.path, sizeof(out->bundle.path));
    return EE_OK;
}

enum ee_err ee_client_bundle_read(struct ee_client_problem *problem, struct ee_bytes text,
                                  struct ee_client_bundle *out)
{
    memset(out, 0, sizeof(*out));
    out->memory = malloc(text.size + 1);
    if (!out->memory)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    out->recorded = ee_bundle_looks_like(text);
    enum ee_err err = out->recorded
                          ? ee_bundle_decode(CRYPTO, text, out->memory, text.size, &out->bundle)
                          : evidence_read(text, out);
    if (err == EE_OK)
        return EE_OK;
    ee_client_bundle_free(out);
    (void)ee_client_fail(problem, err, "this is no intact bundle or evidence document: %s",
                         ee_err_text(err));
    problem->exit_code = ee_err_exit_code(EE_QUOTE);
    return err;
}

void ee_client_bundle_free(struct ee_client_bundle *bundle)
{
    free(bundle->memory);
    memset(bundle, 0, sizeof(*bundle));
}

enum ee_err ee_client_bundle_write(struct ee_client_problem *problem,
                                   const struct ee_bundle *bundle, struct ee_buffer *out)
{
    size_t size, capacity = ee_bundle_text_size(bundle);
    memset(out, 0, sizeof(*out));
    char *text = malloc(capacity);
    enum ee_err err = text ? ee_bundle_encode(CRYPTO, bundle, text, capacity, &size) : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_buffer_append(out, ee_bytes_of(text, size));
    free(text);
    if (err != EE_OK)
        (void)ee_client_fail(problem, err, "the bundle cannot be written: %s", ee_err_text(err));
    return err;
}

/* ---- time ---- */

static enum ee_err collateral_read(const struct ee_bundle *bundle, uint8_t **memory_out,
                                   struct ee_collateral *out)
{
    uint8_t *memory = malloc(bundle->collateral.size + 1);
    if (!memory)
        return EE_NO_MEMORY;
    enum ee_err err = ee_attest_reason_err(
        ee_attest_collateral_decode(bundle->collateral, memory, bundle->collateral.size, out));
    if (err != EE_OK) {
        free(memory);
        return err;
    }
    *memory_out = memory;
    return EE_OK;
}

/* Fills the verdict's times even where the quote is refused. */
static enum ee_err look(const struct ee_bundle *bundle, const uint8_t (*roots)[EE_P256_POINT_SIZE],
                        size_t root_count, int64_t time_s, struct ee_verdict *out)
{
    struct ee_collateral collateral;
    uint8_t *memory = NULL;
    memset(out, 0, sizeof(*out));
    enum ee_err err = collateral_read(bundle, &memory, &collateral);
    if (err == EE_OK) {
        const struct ee_verify_input input = {.quote = bundle->quote,
                                              .collateral = &collateral,
                                              .roots = roots,
                                              .root_count = root_count,
                                              .time_s = time_s};
        err = ee_attest_verify(CRYPTO, &input, out);
    }
    free(memory);
    return err;
}

/* The root that the collateral itself ends in: to read it by, not to believe it. */
static void own_root(const struct ee_bundle *bundle, uint8_t out[EE_P256_POINT_SIZE])
{
    struct ee_collateral collateral;
    struct ee_cert cert;
    uint8_t *memory = NULL;
    memcpy(out, ee_attest_root_production, EE_P256_POINT_SIZE);
    if (collateral_read(bundle, &memory, &collateral) != EE_OK)
        return;
    const struct ee_der_chain *chain = &collateral.tcb_info_chain;
    if (chain->count > 0 &&
        ee_attest_cert_decode(chain->der[chain->count - 1], &cert) == EE_REASON_NONE)
        memcpy(out, cert.key, EE_P256_POINT_SIZE);
    free(memory);
}

void ee_client_bundle_look(const struct ee_bundle *bundle, int64_t time_s, struct ee_verdict *out)
{
    uint8_t root[1][EE_P256_POINT_SIZE];
    own_root(bundle, root[0]);
    (void)!look(bundle, (const uint8_t(*)[EE_P256_POINT_SIZE])root, 1, time_s, out);
}

enum ee_err ee_client_bundle_time(struct ee_client_problem *problem, const struct ee_bundle *bundle,
                                  int64_t wanted_s, int64_t *time_out)
{
    struct ee_verdict *verdict = malloc(sizeof(*verdict));
    if (!verdict)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    ee_client_bundle_look(bundle, wanted_s, verdict);
    int64_t issued_s = verdict->collateral_issued_s, expires_s = verdict->collateral_expires_s;
    free(verdict);
    if (issued_s == 0 || expires_s == 0)
        return refuse(problem, EE_COLLATERAL,
                      "the collateral cannot be read, so there is no time to judge at");
    *time_out = wanted_s >= issued_s && wanted_s <= expires_s ? wanted_s : issued_s;
    return EE_OK;
}

static enum ee_err time_choose(struct ee_client_problem *problem,
                               const struct ee_client_bundle *bundle,
                               const struct ee_client_bundle_policy *policy,
                               struct ee_client_bundle_verdict *out)
{
    out->now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    out->at = policy->at;
    out->judged.time_s = policy->at == EE_CLIENT_AT_NOW     ? out->now_s
                         : policy->at == EE_CLIENT_AT_GIVEN ? policy->time_s
                                                            : bundle->bundle.time_s;
    out->judged.time_source = policy->at == EE_CLIENT_AT_NOW     ? EE_CLIENT_TIME_NOW
                              : policy->at == EE_CLIENT_AT_GIVEN ? EE_CLIENT_TIME_GIVEN
                                                                 : EE_CLIENT_TIME_RECORDED;
    if (policy->at != EE_CLIENT_AT_RECORDED || bundle->recorded)
        return EE_OK;
    EE_TRY(ee_client_bundle_time(problem, &bundle->bundle, out->now_s, &out->judged.time_s));
    out->judged.time_source =
        out->judged.time_s == out->now_s ? EE_CLIENT_TIME_NOW : EE_CLIENT_TIME_COLLATERAL;
    return EE_OK;
}

/* ---- judging ---- */

static enum ee_err change_apply(struct ee_trust *trust, struct ee_bytes bytes)
{
    struct ee_command command;
    EE_TRY(ee_command_decode(bytes, &command));
    return ee_trust_command(CRYPTO, trust, &command);
}

static enum ee_err changes_apply(struct ee_client_problem *problem, const struct ee_bundle *bundle,
                                 struct ee_trust *trust)
{
    for (size_t i = 0; i < bundle->change_count; i++) {
        enum ee_err err = change_apply(trust, bundle->changes[i]);
        if (err == EE_OK)
            continue;
        (void)ee_client_fail(problem, err, "logged change %zu in the bundle: %s", i + 1,
                             ee_err_text(err));
        problem->exit_code = ee_err_exit_code(EE_QUOTE);
        return err;
    }
    return EE_OK;
}

/* The whole judgement of evidence, with what the bundle itself brings. */
static enum ee_err network_verify(struct ee_client_problem *problem, const struct ee_bundle *bundle,
                                  const struct ee_client_bundle_policy *policy,
                                  struct ee_trust *trust, struct ee_client_bundle_verdict *out)
{
    struct ee_evidence evidence;
    struct ee_claims claims;
    struct ee_evidence_policy checks;
    EE_TRY(changes_apply(problem, bundle, trust));
    out->changes = trust->last_change;
    out->policy_change = trust->last_policy;
    ee_bundle_evidence(bundle, &evidence);
    enum ee_err err = ee_claims_decode(evidence.claims, &claims);
    if (err != EE_OK)
        return refuse(problem, err,
                      "there are no claims of a part of this network in it (judge it under roots "
                      "alone: without --network)");
    ee_trust_policy(trust, claims.role, out->judged.time_s, &checks);
    checks.nonce_kind = EE_NONCE_ANY;
    if (policy->tcb)
        checks.tcb = policy->tcb;
    EE_TRY(ee_client_evidence_judge_parsed(problem, &evidence, &checks, &out->judged));
    out->claims = out->judged.verdict.claims;
    out->claims_bound = true;
    return EE_OK;
}

static enum ee_err policy_ask(struct ee_client_problem *problem,
                              const struct ee_attest_policy *policy,
                              const struct ee_verdict *verdict)
{
    struct ee_policy_decision decision;
    char text[EE_POLICY_SENTENCE_SIZE];
    enum ee_err err = ee_attest_policy_decide(policy, verdict, &decision);
    return err == EE_OK
               ? EE_OK
               : refuse(problem, err, ee_attest_policy_sentence(policy, &decision, verdict, text));
}

static enum ee_err roots_verify(struct ee_client_problem *problem, const struct ee_bundle *bundle,
                                const struct ee_client_bundle_policy *policy,
                                struct ee_client_bundle_verdict *out)
{
    struct ee_evidence evidence;
    struct ee_evidence_verdict *verdict = &out->judged.verdict;
    const struct ee_attest_policy *tcb = policy->tcb ? policy->tcb : &ee_attest_policy_strict;
    enum ee_err err =
        look(bundle, policy->roots, policy->root_count, out->judged.time_s, &verdict->quote);
    if (err != EE_OK)
        return verdict->quote.finding_count > 0
                   ? refuse_finding(problem, err, &verdict->quote.findings[0])
                   : refuse(problem, err, ee_err_text(err));
    verdict->simulated = !verdict->quote.root_production;
    if (verdict->quote.trailing_size != 0)
        return refuse(problem, EE_TRAILING, "there are bytes after the quote");
    EE_TRY(policy_ask(problem, tcb, &verdict->quote));
    if (bundle->claims.size == 0)
        return EE_OK;
    ee_bundle_evidence(bundle, &evidence);
    err = ee_claims_decode(bundle->claims, &out->claims);
    if (err == EE_OK)
        err = ee_evidence_report_data_check(CRYPTO, &evidence, verdict->quote.td.report_data);
    if (err != EE_OK)
        return refuse(problem, err, "the report data of the quote is not of these claims");
    out->claims_bound = true;
    return EE_OK;
}

static enum ee_err logs_verify(struct ee_client_problem *problem, const struct ee_bundle *bundle,
                               struct ee_client_bundle_verdict *out)
{
    struct ee_finding finding = {.reason = EE_REASON_NONE};
    uint8_t *scratch = malloc(bundle->dstack.size + 1);
    if (!scratch)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_reason reason =
        ee_bundle_logs_check(CRYPTO, bundle, &out->judged.verdict.quote.td, scratch,
                             bundle->dstack.size, &out->registers, &finding);
    free(scratch);
    return reason == EE_REASON_NONE
               ? EE_OK
               : refuse_finding(problem, ee_attest_reason_err(reason), &finding);
}

enum ee_err ee_client_bundle_verify(struct ee_client_problem *problem,
                                    const struct ee_client_bundle *bundle,
                                    const struct ee_client_bundle_policy *policy,
                                    struct ee_client_bundle_verdict *out)
{
    memset(out, 0, sizeof(*out));
    out->of_network = policy->trust != NULL;
    EE_TRY(time_choose(problem, bundle, policy, out));
    if (!out->of_network) {
        EE_TRY(roots_verify(problem, &bundle->bundle, policy, out));
        return logs_verify(problem, &bundle->bundle, out);
    }
    struct ee_trust *trust = malloc(sizeof(*trust));
    if (!trust)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    *trust = *policy->trust;
    enum ee_err err = network_verify(problem, &bundle->bundle, policy, trust, out);
    free(trust);
    return err == EE_OK ? logs_verify(problem, &bundle->bundle, out) : err;
}

/* ---- logged changes ---- */

/* The command of a receipt, appended to `room`. */
static enum ee_err change_take(struct ee_bytes file, uint8_t *receipt_memory,
                               struct ee_writer *room, struct ee_bundle *bundle)
{
    struct ee_receipt receipt;
    size_t size;
    EE_TRY(ee_receipt_file_read(CRYPTO, file, receipt_memory, EE_RECEIPT_SIZE_MAX, &size));
    EE_TRY(ee_receipt_decode(ee_bytes_of(receipt_memory, size), &receipt));
    if (bundle->change_count == EE_BUNDLE_CHANGES_MAX)
        return EE_TOO_LARGE;
    const uint8_t *start = room->data + room->size;
    ee_writer_bytes(room, receipt.command.data, receipt.command.size);
    bundle->changes[bundle->change_count++] = ee_bytes_of(start, receipt.command.size);
    return room->err;
}

static enum ee_err changes_take(const json_t *items, const char *policy, uint8_t *receipt,
                                struct ee_writer *room, struct ee_bundle *bundle)
{
    size_t index;
    const json_t *item;
    json_array_foreach(items, index, item) EE_TRY(
        change_take(ee_bytes_str(ee_client_json_text(item, "receipt")), receipt, room, bundle));
    return *policy ? change_take(ee_bytes_str(policy), receipt, room, bundle) : EE_OK;
}

enum ee_err ee_client_bundle_changes(struct ee_client_problem *problem, const json_t *items,
                                     const char *policy, struct ee_bundle *bundle,
                                     uint8_t **memory_out)
{
    size_t index, size = strlen(policy) + 1;
    const json_t *item;
    struct ee_writer room;
    json_array_foreach(items, index, item) size += strlen(ee_client_json_text(item, "receipt"));
    uint8_t *memory = malloc(size), *receipt = malloc(EE_RECEIPT_SIZE_MAX);
    enum ee_err err = memory && receipt ? EE_OK : EE_NO_MEMORY;
    ee_writer_init(&room, memory, size);
    bundle->change_count = 0;
    if (err == EE_OK)
        err = changes_take(items, policy, receipt, &room, bundle);
    free(receipt);
    if (err != EE_OK) {
        free(memory);
        return ee_client_fail(problem, err, "the network's logged changes: %s", ee_err_text(err));
    }
    *memory_out = memory;
    return EE_OK;
}
