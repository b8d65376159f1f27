/* SPDX-License-Identifier: Apache-2.0 */
/* ee evidence fetch, ee evidence verify, ee verify evidence. */
#include <stdlib.h>
#include <string.h>

#include "attest_files.h"
#include "bundle_show.h"

#include "base/text.h"

#include "client/json.h"
#include "client/launch.h"
#include "io/clock.h"

#include "base/banned.h"

/* ---- shared with receipts ---- */

enum ee_err ee_cli_trust(struct ee_cli *cli, const char *genesis, struct ee_trust *out)
{
    if (genesis)
        return ee_client_genesis_load(&cli->problem, genesis, out);
    enum ee_err err = ee_cli_profile(cli);
    if (err == EE_OK && !cli->profile->genesis[0])
        err = EE_USAGE;
    if (err == EE_OK)
        return ee_client_profile_trust(&cli->problem, cli->profile, out);
    (void)ee_client_fail(&cli->problem, EE_USAGE,
                         "no genesis: without it there is nothing to verify against");
    ee_client_suggest(&cli->problem, "--genesis FILE, or a profile that names one");
    return EE_USAGE;
}

enum ee_err ee_cli_document(struct ee_cli *cli, const char *path, size_t limit,
                            struct ee_file_data *out)
{
    enum ee_err err = ee_file_read(path, limit, out);
    if (err == EE_OK)
        return EE_OK;
    return ee_client_file_fail(&cli->problem, err, "document", path);
}

enum ee_err ee_cli_time_parse(struct ee_cli *cli, const char *option, const char *text,
                              int64_t *out)
{
    uint64_t number;
    if (ee_u64_parse(text, &number) == EE_OK && number <= INT64_MAX) {
        *out = (int64_t)number;
        return EE_OK;
    }
    if (ee_time_parse(ee_bytes_str(text), out) == EE_OK)
        return EE_OK;
    return ee_client_fail(&cli->problem, EE_USAGE,
                          "%s is a time such as 2026-01-31T23:59:59Z, or seconds since 1970",
                          option);
}

/* ---- verify ---- */

struct verify {
    const char *at, *root, *genesis, *policy;
    struct ee_cli_roots roots;
    struct ee_trust trust;
    struct ee_attest_policy tcb;
    struct ee_client_bundle bundle;
    struct ee_client_bundle_policy checks;
    struct ee_client_bundle_verdict verdict;
};

static const char not_shown[] =
    "that it was fresh for anybody's question (key-bound), or of one connection (channel-bound)";

static json_t *registers_json(const struct ee_bundle_registers *registers)
{
    json_t *out = json_array();
    for (unsigned i = 0; i < EE_RTMR_COUNT; i++) {
        enum ee_eventlog_kind kind = (enum ee_eventlog_kind)registers->explained_by[i];
        json_t *by = kind                 ? json_string(ee_eventlog_kind_name(kind))
                     : registers->zero[i] ? json_string("never extended")
                                          : json_null();
        (void)json_array_append_new(out, json_pack("{s:i, s:o}", "rtmr", (int)i, "by", by));
    }
    return out;
}

static void set_time(json_t *out, const char *name, int64_t time_s)
{
    char text[EE_TIME_TEXT_SIZE];
    (void)json_object_set_new(out, name, json_string(ee_time_format(time_s, text)));
}

/* What a quote of anybody's machine says in short; a network's has its claims instead. */
static json_t *roots_json(const struct ee_client_bundle_verdict *v)
{
    const struct ee_verdict *quote = &v->judged.verdict.quote;
    json_t *out = json_object();
    (void)json_object_set_new(out, "proof", json_string("valid"));
    (void)json_object_set_new(out, "simulated", json_boolean(v->judged.verdict.simulated));
    (void)json_object_set_new(out, "tcb_status",
                              json_string(ee_attest_tcb_status_name(quote->status)));
    set_time(out, "verified_at", v->judged.time_s);
    (void)json_object_set_new(out, "verified_at_source",
                              json_string(ee_client_time_source_text(v->judged.time_source)));
    set_time(out, "collateral_issued_at", quote->collateral_issued_s);
    set_time(out, "collateral_expires_at", quote->collateral_expires_s);
    if (v->claims_bound)
        (void)json_object_set_new(out, "network_claims", ee_client_network_claims_json(&v->claims));
    return out;
}

static json_t *verdict_json(const struct verify *w)
{
    const struct ee_client_bundle_verdict *v = &w->verdict;
    json_t *out = v->of_network ? ee_client_claims_json(&v->judged) : roots_json(v);
    (void)json_object_set_new(out, "ok", json_true());
    (void)json_object_set_new(out, "mrtd",
                              ee_client_json_hex_new(v->judged.verdict.quote.td.mrtd, 48));
    (void)json_object_set_new(out, "age_s",
                              json_integer((json_int_t)(v->now_s - v->judged.time_s)));
    (void)json_object_set_new(out, "not_shown", json_pack("[s, s]", "key-bound", "channel-bound"));
    (void)json_object_set_new(out, "registers", registers_json(&v->registers));
    (void)json_object_set_new(
        out, "event_logs", ee_cli_event_logs_json(&w->bundle.bundle, &v->judged.verdict.quote.td));
    if (v->of_network) {
        (void)json_object_set_new(out, "logged_changes", json_integer((json_int_t)v->changes));
        (void)json_object_set_new(out, "policy_change", json_integer((json_int_t)v->policy_change));
    }
    return out;
}

static void fields_print(const struct verify *w)
{
    enum { OF_NETWORK = 12 }; /* the first ones */
    static const struct ee_column columns[] = {
        {"role", "role", EE_COLUMN_TEXT},
        {"node", "node", EE_COLUMN_TEXT},
        {"network", "network", EE_COLUMN_TEXT},
        {"identity", "identity", EE_COLUMN_TEXT},
        {"measurement", "measurement", EE_COLUMN_TEXT},
        {"measurement digest", "measurement_digest", EE_COLUMN_TEXT},
        {"list as of change", "logged_changes", EE_COLUMN_TEXT},
        {"policy as of change", "policy_change", EE_COLUMN_TEXT},
        {"software", "software_version", EE_COLUMN_TEXT},
        {"TLS key", "tls_key_hash", EE_COLUMN_TEXT},
        {"checkpoint key", "checkpoint_key", EE_COLUMN_TEXT},
        {"ledger size", "ledger_size", EE_COLUMN_TEXT},
        {"MRTD", "mrtd", EE_COLUMN_TEXT},
        {"TCB status", "tcb_status", EE_COLUMN_TEXT},
        {"collateral issued", "collateral_issued_at", EE_COLUMN_TEXT},
        {"collateral expires", "collateral_expires_at", EE_COLUMN_TEXT},
        {"verified as of", "verified_at", EE_COLUMN_TEXT},
        {"that time is", "verified_at_source", EE_COLUMN_TEXT},
        {"simulated", "simulated", EE_COLUMN_TEXT},
        {"proven", "proof", EE_COLUMN_TEXT}};
    const size_t first = w->verdict.of_network ? 0 : OF_NETWORK;
    json_t *claims = verdict_json(w);
    ee_cli_fields(claims, columns + first, EE_CLI_COUNT(columns) - first);
    json_decref(claims);
}

static void verdict_print(const struct verify *w)
{
    const struct ee_client_bundle_verdict *v = &w->verdict;
    const int64_t age_s = v->now_s - v->judged.time_s;
    char age[EE_CLI_CELL_SIZE];
    fields_print(w);
    ee_cli_event_logs_print(&w->bundle.bundle, &v->judged.verdict.quote.td);
    for (unsigned i = 0; i < EE_RTMR_COUNT; i++)
        if (!v->registers.explained_by[i] && !v->registers.zero[i])
            (void)printf("NOTE  no event log explains RTMR%u\n", i);
    if (age_s > 0)
        (void)printf("NOTE  this was so %s ago, and says nothing of now\n",
                     ee_cli_duration((uint64_t)age_s, age));
    (void)printf("NOTE  not shown offline: %s\n", not_shown);
    if (v->judged.time_source == EE_CLIENT_TIME_COLLATERAL)
        (void)printf("NOTE  now is outside the collateral's validity: judged as of its issue, not "
                     "as of today\n");
    if (v->judged.verdict.simulated)
        (void)printf("NOTE  SIMULATED: this proves nothing about hardware\n");
}

static enum ee_err at_parse(struct ee_cli *cli, struct verify *w)
{
    if (!w->at || strcmp(w->at, "recorded") == 0)
        w->checks.at = EE_CLIENT_AT_RECORDED;
    else if (strcmp(w->at, "now") == 0)
        w->checks.at = EE_CLIENT_AT_NOW;
    else
        w->checks.at = EE_CLIENT_AT_GIVEN;
    return w->checks.at == EE_CLIENT_AT_GIVEN
               ? ee_cli_time_parse(cli, "--at", w->at, &w->checks.time_s)
               : EE_OK;
}

static enum ee_err verify(struct ee_cli *cli, struct verify *w, const char *path)
{
    EE_TRY(at_parse(cli, w));
    if (w->policy) {
        EE_TRY(ee_cli_policy_read(cli, w->policy, &w->tcb));
        w->checks.tcb = &w->tcb;
    }
    w->checks.roots = (const uint8_t(*)[EE_P256_POINT_SIZE])w->roots.key;
    w->checks.root_count = w->roots.count;
    EE_TRY(ee_cli_bundle_read(cli, path, &w->bundle));
    EE_TRY(ee_client_bundle_verify(&cli->problem, &w->bundle, &w->checks, &w->verdict));
    if (cli->json)
        ee_cli_json(verdict_json(w));
    else
        verdict_print(w);
    return EE_OK;
}

static void verify_free(struct verify *w)
{
    ee_client_bundle_free(&w->bundle);
    free(w);
}

static enum ee_err bundle_verify(struct ee_cli *cli, int argc, char **argv, struct verify *w)
{
    struct ee_arguments arguments;
    const struct ee_option options[] = {{"at", 0, EE_OPTION_TEXT, &w->at, 0},
                                        {"root", 0, EE_OPTION_TEXT, &w->root, 0},
                                        {"network", 0, EE_OPTION_TEXT, &w->genesis, 0},
                                        {"policy", 0, EE_OPTION_TEXT, &w->policy, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    if (w->root && w->genesis)
        return ee_client_fail(&cli->problem, EE_USAGE,
                              "--root and --network are two ways to say what is believed");
    if (w->genesis) {
        EE_TRY(ee_client_genesis_load(&cli->problem, w->genesis, &w->trust));
        w->checks.trust = &w->trust;
    } else {
        EE_TRY(ee_cli_roots_read(cli, w->root ? w->root : "production", &w->roots));
    }
    return verify(cli, w, arguments.items[0]);
}

enum ee_err ee_cmd_evidence_verify(struct ee_cli *cli, int argc, char **argv)
{
    struct verify *w = calloc(1, sizeof(*w));
    if (!w)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = bundle_verify(cli, argc, argv, w);
    verify_free(w);
    return err;
}

static enum ee_err document_verify(struct ee_cli *cli, int argc, char **argv, struct verify *w)
{
    struct ee_arguments arguments;
    const struct ee_option options[] = {{"genesis", 0, EE_OPTION_TEXT, &w->genesis, 0},
                                        {"time", 0, EE_OPTION_TEXT, &w->at, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_trust(cli, w->genesis, &w->trust));
    w->checks.trust = &w->trust;
    return verify(cli, w, arguments.items[0]);
}

/* As evidence verify, under the network of the profile. */
enum ee_err ee_cmd_verify_evidence(struct ee_cli *cli, int argc, char **argv)
{
    struct verify *w = calloc(1, sizeof(*w));
    if (!w)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = document_verify(cli, argc, argv, w);
    verify_free(w);
    return err;
}

/* ---- fetch ---- */

static enum ee_err agent_fetch(struct ee_cli *cli, const char *what, struct ee_client_judged *out,
                               struct ee_buffer *document)
{
    json_t *lease = NULL;
    EE_TRY(ee_cli_lease_of(cli, what, &lease));
    enum ee_err err = ee_client_agent_verify(cli->session, ee_client_json_text(lease, "lease"),
                                             ee_client_json_text(lease, "node"), out, document);
    json_decref(lease);
    return err;
}

/* The document as a bundle of now, with the logged changes that may have allowed it. */
static enum ee_err bundle_make(struct ee_cli *cli, struct ee_bytes document, struct ee_buffer *out)
{
    struct ee_client_bundle made;
    json_t *changes = NULL, *policy = NULL;
    uint8_t *memory = NULL;
    EE_TRY(ee_client_bundle_read(&cli->problem, document, &made));
    made.bundle.time_s = (int64_t)(ee_clock_wall_us() / 1000000);
    enum ee_err err = ee_client_get(cli->session, "/v1/allow-changes", &changes);
    if (err == EE_OK)
        err = ee_client_get(cli->session, "/v1/policy", &policy);
    if (err == EE_OK)
        err =
            ee_client_bundle_changes(&cli->problem, json_object_get(changes, "items"),
                                     ee_client_json_text(policy, "receipt"), &made.bundle, &memory);
    if (err == EE_OK)
        err = ee_client_bundle_write(&cli->problem, &made.bundle, out);
    free(memory);
    json_decref(policy);
    json_decref(changes);
    ee_client_bundle_free(&made);
    return err;
}

static enum ee_err fetched_write(struct ee_cli *cli, const char *path, struct ee_bytes document,
                                 const struct ee_client_judged *judged)
{
    struct ee_buffer bundle = {.size = 0};
    EE_TRY(bundle_make(cli, document, &bundle));
    enum ee_err err = ee_file_write(path, ee_buffer_bytes(&bundle), 0644);
    ee_buffer_close(&bundle);
    if (err != EE_OK)
        return ee_client_file_fail(&cli->problem, err, "writing", path);
    if (cli->json) {
        json_t *claims = ee_client_claims_json(judged);
        (void)json_object_set_new(claims, "file", json_string(path));
        ee_cli_json(claims);
        return EE_OK;
    }
    (void)printf("%s: %s, %s evidence\n", path, ee_role_name(judged->verdict.claims.role),
                 ee_client_proof_name(judged->verdict.proof));
    ee_cli_hint(cli, "next: ee verify evidence %s", path);
    return EE_OK;
}

enum ee_err ee_cmd_evidence_fetch(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    const char *path = NULL;
    char chosen[64];
    struct ee_client_judged agent;
    struct ee_buffer document = {.size = 0};
    const struct ee_option options[] = {{"output", 'o', EE_OPTION_TEXT, &path, 0}};
    EE_TRY(ee_cli_parse(cli, options, EE_CLI_COUNT(options), argc, argv, 0, 1, false, &arguments));
    const char *what = arguments.count ? arguments.items[0] : "control";
    if (!path) {
        (void)snprintf(chosen, sizeof(chosen), "%.32s.evidence", what);
        path = chosen;
    }
    EE_TRY(ee_cli_connect(cli));
    if (strcmp(what, "control") == 0)
        return fetched_write(cli, path, ee_client_session_evidence(cli->session),
                             ee_client_session_attested(cli->session));
    EE_TRY(agent_fetch(cli, what, &agent, &document));
    enum ee_err err = fetched_write(cli, path, ee_buffer_bytes(&document), &agent);
    ee_buffer_close(&document);
    return err;
}
