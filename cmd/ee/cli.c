/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs share: options, profile, session, standard output. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

#include "base/banned.h"

enum { COMMON_OPTIONS = 3, OPTIONS_MAX = 24 };

static enum ee_err arguments_check(struct ee_cli *cli, size_t min, size_t max, bool takes_rest,
                                   const struct ee_arguments *arguments)
{
    if (arguments->count < min)
        return ee_client_fail(&cli->problem, EE_USAGE, "an argument is missing");
    if (arguments->count > max)
        return ee_client_fail(&cli->problem, EE_USAGE, "'%s' is one argument too many",
                              arguments->items[max]);
    if (arguments->rest && !takes_rest)
        return ee_client_fail(&cli->problem, EE_USAGE, "this verb takes nothing behind --");
    return EE_OK;
}

enum ee_err ee_cli_parse(struct ee_cli *cli, const struct ee_option *options, size_t count,
                         int argc, char **argv, size_t min, size_t max, bool takes_rest,
                         struct ee_arguments *out)
{
    const struct ee_option common[COMMON_OPTIONS] = {
        {"json", 0, EE_OPTION_FLAG, &cli->json, 0},
        {"verbose", 'v', EE_OPTION_FLAG, &cli->verbose, 0},
        {"profile", 0, EE_OPTION_TEXT, &cli->profile_name, 0}};
    struct ee_option all[OPTIONS_MAX + COMMON_OPTIONS];
    if (count > OPTIONS_MAX)
        return ee_client_fail(&cli->problem, EE_RANGE, "too many options in a table");
    memcpy(all, common, sizeof(common));
    if (count > 0)
        memcpy(all + COMMON_OPTIONS, options, count * sizeof(*options));
    EE_TRY(ee_client_options_parse(&cli->problem, all, COMMON_OPTIONS + count, argc, argv, out));
    return arguments_check(cli, min, max, takes_rest, out);
}

enum ee_err ee_cli_profile(struct ee_cli *cli)
{
    if (cli->profile)
        return EE_OK;
    struct ee_client_profile *profile = calloc(1, sizeof(*profile));
    if (!profile)
        return ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_client_profile_load(&cli->problem, cli->profile_name, profile);
    if (err == EE_OK)
        cli->profile = profile;
    else
        free(profile);
    return err;
}

static void proof_print(const struct ee_client_judged *judged)
{
    const struct ee_claims *claims = &judged->verdict.claims;
    char digest[65], key[65];
    (void)fprintf(stderr,
                  "verified: %s evidence of the control plane\n  measurement %s (%s)\n  TCB %s, "
                  "software %s\n  TLS key %s\n",
                  ee_client_proof_name(judged->verdict.proof), judged->label,
                  ee_hex_encode(judged->measurement, 32, digest),
                  ee_attest_tcb_status_name(judged->verdict.quote.status), claims->software_version,
                  ee_hex_encode(claims->tls_key_hash, 32, key));
}

enum ee_err ee_cli_connect(struct ee_cli *cli)
{
    if (cli->session)
        return EE_OK;
    EE_TRY(ee_cli_profile(cli));
    EE_TRY(ee_client_session_open(&cli->problem, cli->profile, &cli->session));
    const struct ee_client_judged *judged = ee_client_session_attested(cli->session);
    if (judged->verdict.simulated)
        (void)fprintf(stderr, "SIMULATED attestation: this proves nothing about hardware\n");
    if (cli->verbose)
        proof_print(judged);
    return EE_OK;
}

void ee_cli_close(struct ee_cli *cli)
{
    ee_client_session_close(cli->session);
    free(cli->profile);
    ee_client_problem_clear(&cli->problem);
    cli->session = NULL;
    cli->profile = NULL;
}

void ee_cli_say(const struct ee_cli *cli, const char *format, ...)
{
    va_list arguments;
    if (cli->json)
        return;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

void ee_cli_hint(const struct ee_cli *cli, const char *format, ...)
{
    va_list arguments;
    if (cli->json || !isatty(STDERR_FILENO) || !isatty(STDOUT_FILENO))
        return;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

void ee_cli_json(json_t *document)
{
    (void)json_dumpf(document, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    json_decref(document);
}

void ee_cli_json_items(json_t *items)
{
    ee_cli_json(json_pack("{s:o}", "items", items));
}
