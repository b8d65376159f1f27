/* SPDX-License-Identifier: Apache-2.0 */
/* ee verify quote QUOTE --collateral FILE [--root FILE|production] [--time UNIX]
 * [--policy none|strict] [--json]: exit 0 when it holds, 7 when not, 2 for usage or an unreadable
 * file. The last line of text is `OK STATUS [FLAGS]` or `REJECT REASON`. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "command.h"

#include "attest/explain.h"
#include "attest/pem.h"
#include "attest/policy.h"
#include "attest/verify.h"
#include "attest/x509.h"
#include "base/text.h"
#include "io/crypto_openssl.h"
#include "base/banned.h"

enum {
    FILE_MAX = 1024 * 1024,
    ROOTS_MAX = EE_DER_CHAIN_MAX,
    EXIT_USAGE = 2,
    EXIT_REJECT = 7,
};

static const char help[] =
    "usage: ee verify quote QUOTE --collateral FILE [--root FILE|production] [--time UNIX]\n"
    "                       [--policy none|strict] [--json]\n\n"
    "Checks a TDX quote offline and explains each claim. QUOTE is raw, hex or base64.\n"
    "  --collateral FILE   JSON with TCB Info, QE identity, CRLs and issuer chains\n"
    "  --root FILE         PEM of the roots to accept instead of Intel's production root\n"
    "  --time UNIX         verify as of this time (default: now)\n"
    "  --policy strict     also refuse anything but UpToDate, and debug TDs\n"
    "  --json              one JSON document instead of text\n\n"
    "The last line is 'OK STATUS [FLAGS]' (exit 0) or 'REJECT REASON' (exit 7).\n";

struct options {
    const char *quote;
    const char *collateral;
    const char *root;
    int64_t time_s;
    const struct ee_attest_policy *policy;
    bool json;
    struct ee_client_problem *problem;
};

struct file {
    uint8_t *data;
    size_t size;
};

static bool complain(const struct options *o, const char *what, const char *why)
{
    (void)ee_client_fail(o->problem, EE_USAGE, "%s %s", what, why);
    return false;
}

/* Exit 2 like a wrong word, but the command line was right. */
static bool unreadable(const struct options *o, const char *path, const char *why)
{
    (void)ee_client_fail(o->problem, EE_IO, "%s %s", path, why);
    o->problem->exit_code = EXIT_USAGE;
    return false;
}

/* The whole file, NULL data when it cannot be read. The caller frees. */
static bool file_read(const struct options *o, const char *path, struct file *out)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!in)
        return unreadable(o, path, "cannot be opened");
    uint8_t *data = malloc(FILE_MAX + 1);
    size_t size = data ? fread(data, 1, FILE_MAX + 1, in) : 0;
    bool ok = data && !ferror(in) && size <= FILE_MAX;
    if (in != stdin)
        (void)fclose(in);
    if (!ok) {
        free(data);
        return unreadable(o, path, "cannot be read, or is larger than 1 MiB");
    }
    *out = (struct file){data, size};
    return true;
}

static bool is_text(const struct file *f)
{
    for (size_t i = 0; i < f->size; i++)
        if ((f->data[i] < 0x20 || f->data[i] > 0x7e) && !strchr("\r\n\t", f->data[i]))
            return false;
    return f->size != 0;
}

/* White space may wrap and end a text form. */
static void strip_space(struct file *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->size; i++)
        if (!strchr("\r\n\t ", f->data[i]))
            f->data[kept++] = f->data[i];
    f->size = kept;
}

/* Turns a hex or base64 text into bytes in place; anything else is taken as it is. */
static void quote_unwrap(struct file *f)
{
    size_t size = 0;
    if (!is_text(f))
        return;
    strip_space(f);
    if (f->size == 0)
        return;
    struct ee_bytes text = ee_bytes_of(f->data, f->size);
    if (f->size > 2 && f->data[0] == '0' && (f->data[1] | 0x20) == 'x')
        text = ee_bytes_of(f->data + 2, f->size - 2);
    /* A version 4 quote in hex starts with 0400: as base64 that would be no quote. */
    if (ee_hex_decode(text, f->data, text.size / 2) == EE_OK)
        f->size = text.size / 2;
    else if (ee_base64_decode(text, f->data, f->size, &size) == EE_OK)
        f->size = size;
}

/* Public keys of the PEM file's certificates, or the production root. */
static bool roots_load(const struct options *o, uint8_t roots[ROOTS_MAX][EE_P256_POINT_SIZE],
                       size_t *count)
{
    struct file f;
    struct ee_der_chain chain;
    struct ee_cert cert;
    if (strcmp(o->root, "production") == 0) {
        memcpy(roots[0], ee_attest_root_production, EE_P256_POINT_SIZE);
        *count = 1;
        return true;
    }
    if (!file_read(o, o->root, &f))
        return false;
    bool ok = ee_attest_pem_certificates(ee_bytes_of(f.data, f.size), f.data, f.size, &chain) ==
              EE_REASON_NONE;
    for (size_t i = 0; ok && i < chain.count; i++) {
        ok = ee_attest_cert_decode(chain.der[i], &cert) == EE_REASON_NONE;
        if (ok)
            memcpy(roots[i], cert.key, EE_P256_POINT_SIZE);
    }
    *count = ok ? chain.count : 0;
    free(f.data);
    return ok || unreadable(o, o->root, "is not a PEM file of P-256 root certificates");
}

static bool option_apply(int option, const char *value, struct options *o)
{
    uint64_t number = 0;
    switch (option) {
    case 'c':
        o->collateral = value;
        return true;
    case 'r':
        o->root = value;
        return true;
    case 't':
        if (ee_u64_parse(value, &number) != EE_OK || number > INT64_MAX)
            return complain(o, "--time", "wants seconds since 1970");
        o->time_s = (int64_t)number;
        return true;
    case 'p':
        o->policy = strcmp(value, "none") == 0     ? &ee_attest_policy_none
                    : strcmp(value, "strict") == 0 ? &ee_attest_policy_strict
                                                   : NULL;
        return o->policy || complain(o, "--policy", "is none or strict");
    case 'j':
        o->json = true;
        return true;
    default:
        return complain(o, option == ':' ? "an option without its value:" : "there is no option",
                        value);
    }
}

static bool options_parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"collateral", required_argument, NULL, 'c'},
                                          {"root", required_argument, NULL, 'r'},
                                          {"time", required_argument, NULL, 't'},
                                          {"policy", required_argument, NULL, 'p'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1)
        if (!option_apply(option, optarg ? optarg : argv[optind - 1], o))
            return false;
    if (argc - optind != 1)
        return complain(o, "one QUOTE", "is needed");
    if (!o->collateral)
        return complain(o, "--collateral FILE", "is needed");
    o->quote = argv[optind];
    return true;
}

static void finding_print(const struct ee_finding *finding)
{
    char text[EE_FINDING_TEXT_SIZE];
    (void)printf("  %-7s %s: %s\n",
                 ee_attest_reason_err(finding->reason) == EE_OK ? "advice" : "FAILED",
                 ee_attest_reason_name(finding->reason), ee_attest_finding_text(finding, text));
}

static void text_print(const struct ee_verdict *v, enum ee_err err,
                       const struct ee_finding *decision)
{
    char value[EE_EXPLAIN_TEXT_SIZE];
    const char *group = "";
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        if (!ee_attest_explain_value(row, v, value))
            continue;
        if (strcmp(group, row->group) != 0)
            (void)printf("%s\n", row->group);
        group = row->group;
        (void)printf("  %-16s %s\n  %-16s   (%s; anchor: %s)\n", row->name, value, "", row->meaning,
                     row->anchor);
    }
    (void)printf("checks\n");
    for (size_t i = 0; i < v->finding_count; i++)
        finding_print(&v->findings[i]);
    if (v->err == EE_OK && err != EE_OK)
        finding_print(decision);
    if (v->root_matched && !v->root_production)
        (void)printf(
            "  NOTE    the root is not Intel's: this proves nothing about real hardware\n");
    if (err != EE_OK) {
        (void)printf("REJECT %s\n", ee_attest_reason_name(decision->reason));
        return;
    }
    (void)printf("OK %s", ee_attest_tcb_status_name(v->status));
    for (enum ee_td_flag flag = 0; flag < EE_TD_FLAG_COUNT; flag++)
        if (v->flags >> flag & 1)
            (void)printf(" %s", ee_attest_td_flag_name(flag));
    (void)printf("\n");
}

static json_t *list_json(char *words)
{
    json_t *list = json_array();
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (strcmp(word, "-") != 0)
            (void)json_array_append_new(list, json_string(word));
    return list;
}

static json_t *claim_json(const struct ee_explain_row *row, char *value)
{
    json_t *claim = json_object();
    json_t *v =
        row->kind == EE_EXPLAIN_FLAGS || row->kind == EE_EXPLAIN_ADVISORIES ? list_json(value)
        : row->kind == EE_EXPLAIN_NUMBER ? json_integer((json_int_t)strtoull(value, NULL, 10))
        : row->kind == EE_EXPLAIN_BOOL   ? json_boolean(strcmp(value, "true") == 0)
                                         : json_string(value);
    (void)json_object_set_new(claim, "value", v);
    (void)json_object_set_new(claim, "anchor", json_string(row->anchor));
    (void)json_object_set_new(claim, "meaning", json_string(row->meaning));
    return claim;
}

static json_t *claims_json(const struct ee_verdict *v)
{
    char value[EE_EXPLAIN_TEXT_SIZE];
    json_t *claims = json_object();
    for (size_t i = 0; i < ee_attest_explain_count; i++) {
        const struct ee_explain_row *row = &ee_attest_explain_rows[i];
        if (!ee_attest_explain_value(row, v, value))
            continue;
        if (!json_object_get(claims, row->group))
            (void)json_object_set_new(claims, row->group, json_object());
        (void)json_object_set_new(json_object_get(claims, row->group), row->name,
                                  claim_json(row, value));
    }
    return claims;
}

static json_t *finding_json(const struct ee_finding *finding)
{
    char text[EE_FINDING_TEXT_SIZE];
    json_t *out = json_object();
    (void)json_object_set_new(out, "id", json_string(ee_attest_reason_name(finding->reason)));
    (void)json_object_set_new(out, "text", json_string(ee_attest_finding_text(finding, text)));
    return out;
}

static void json_print(const struct ee_verdict *v, const struct options *o, enum ee_err err,
                       const struct ee_finding *decision)
{
    char time_text[EE_TIME_TEXT_SIZE];
    json_t *out = json_object(), *failures = json_array(), *advice = json_array();
    for (size_t i = 0; i < v->finding_count; i++)
        (void)json_array_append_new(ee_attest_reason_err(v->findings[i].reason) == EE_OK ? advice
                                                                                         : failures,
                                    finding_json(&v->findings[i]));
    if (v->err == EE_OK && err != EE_OK)
        (void)json_array_append_new(failures, finding_json(decision));
    (void)json_object_set_new(out, "ok", json_boolean(err == EE_OK));
    (void)json_object_set_new(out, "status", json_string(ee_attest_tcb_status_name(v->status)));
    (void)json_object_set_new(out, "reason",
                              err == EE_OK ? json_null()
                                           : json_string(ee_attest_reason_name(decision->reason)));
    (void)json_object_set_new(out, "policy", json_string(o->policy->name));
    (void)json_object_set_new(out, "time", json_string(ee_time_format(o->time_s, time_text)));
    (void)json_object_set_new(out, "failures", failures);
    (void)json_object_set_new(out, "advice", advice);
    (void)json_object_set_new(out, "claims", claims_json(v));
    (void)json_dumpf(out, stdout, JSON_INDENT(2));
    (void)printf("\n");
    json_decref(out);
}

/* Collateral that cannot be read is a refusal, not a usage error: nothing was proven. */
static enum ee_err judge(const struct ee_collateral *collateral, enum ee_reason collateral_reason,
                         struct ee_bytes quote, const struct options *o,
                         const uint8_t (*roots)[EE_P256_POINT_SIZE], size_t root_count,
                         struct ee_verdict *v, struct ee_finding *decision)
{
    const struct ee_verify_input input = {.quote = quote,
                                          .collateral = collateral,
                                          .roots = roots,
                                          .root_count = root_count,
                                          .time_s = o->time_s};
    if (collateral_reason != EE_REASON_NONE) {
        memset(v, 0, sizeof(*v));
        v->reason = collateral_reason;
        v->err = ee_attest_reason_err(collateral_reason);
        v->findings[v->finding_count++].reason = collateral_reason;
        *decision = v->findings[0];
        return v->err;
    }
    enum ee_err err = ee_attest_verify(&ee_crypto_openssl, &input, v);
    if (err != EE_OK) {
        *decision = v->findings[0];
        return err;
    }
    return ee_attest_policy_check(o->policy, v, decision);
}

static int verify(const struct options *o, struct file *quote, const struct file *text)
{
    static struct ee_verdict v;
    struct ee_collateral collateral;
    struct ee_finding decision;
    uint8_t roots[ROOTS_MAX][EE_P256_POINT_SIZE];
    size_t root_count = 0;
    if (!roots_load(o, roots, &root_count))
        return EE_CLI_PROBLEM;
    uint8_t *scratch = malloc(text->size + 1);
    if (!scratch)
        return ee_err_exit_code(EE_NO_MEMORY);
    quote_unwrap(quote);
    enum ee_reason reason = ee_attest_collateral_decode(ee_bytes_of(text->data, text->size),
                                                        scratch, text->size, &collateral);
    enum ee_err err = judge(&collateral, reason, ee_bytes_of(quote->data, quote->size), o,
                            (const uint8_t(*)[EE_P256_POINT_SIZE])roots, root_count, &v, &decision);
    free(scratch);
    if (o->json)
        json_print(&v, o, err, &decision);
    else
        text_print(&v, err, &decision);
    return err == EE_OK ? 0 : EXIT_REJECT;
}

int ee_cmd_verify_quote(struct ee_cli *cli, int argc, char **argv)
{
    struct options o = {.root = "production",
                        .time_s = (int64_t)time(NULL),
                        .policy = &ee_attest_policy_none,
                        .problem = &cli->problem};
    struct file quote = {0}, collateral = {0};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            return 0;
        }
    bool parsed = options_parse(argc, argv, &o);
    cli->json = cli->json || o.json;
    int code = EE_CLI_PROBLEM;
    if (parsed && file_read(&o, o.quote, &quote) && file_read(&o, o.collateral, &collateral))
        code = verify(&o, &quote, &collateral);
    free(quote.data);
    free(collateral.data);
    return code;
}
