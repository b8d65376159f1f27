/* SPDX-License-Identifier: Apache-2.0 */
/* ee [--profile NAME|FILE] [--json] VERB ...: finds the verb, runs it, tells of its problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#include "client/json.h"

#include "base/banned.h"

#define LAUNCH_OPTIONS                                                                             \
    "[-e K=V] [--secret K=@FILE|K=-] [--vcpus N] [--max-price P]\n"                                \
    "       [--memory MIB] [--node NODE] [--timeout S] [--allow-plain]"

static const struct ee_verb verbs[] = {
    {"dev", NULL, ee_cmd_dev,
     "dev [--state DIR] [--json] [--expose NAME=[tls:]127.0.0.1:PORT] [--http ADDR]",
     "a whole network on this machine, SIMULATED, until Ctrl-C"},
    {"whoami", ee_cmd_whoami, NULL, "whoami", "account, kind, network, what was attested"},
    {"balance", ee_cmd_balance, NULL, "balance", "available, locked, held, owed, runway"},
    {"topup show", ee_cmd_topup_show, NULL, "topup show ORDER", "whether an order is paid"},
    {"topup ls", ee_cmd_topup_ls, NULL, "topup ls", "orders of this account"},
    {"topup", ee_cmd_topup, NULL, "topup '$20'", "order credits, to be paid at the provider"},
    {"redeem", ee_cmd_redeem, NULL, "redeem '$20' [--to DESTINATION]", "credits back into dollars"},
    {"redemptions", ee_cmd_redemptions, NULL, "redemptions",
     "what was asked for and what the issuer said (admin profile: everybody's)"},
    {"redemption show", ee_cmd_redemption_show, NULL, "redemption show REDEMPTION", "one of them"},
    {"redemption confirm", ee_cmd_redemption_confirm, NULL,
     "redemption confirm REDEMPTION [--ref REF]", "it was paid out (issuer's key)"},
    {"redemption refuse", ee_cmd_redemption_refuse, NULL,
     "redemption refuse REDEMPTION [--ref REF]", "the credits return (issuer's key)"},
    {"report", ee_cmd_report, NULL,
     "report NAME|LEASE [--category C] [--period N] [--evidence FILE]",
     "abuse by the agent of a lease: fails its period and stops it"},
    {"reports", ee_cmd_reports, NULL, "reports", "reports by this account, or about its nodes"},
    {"webhook-secret set", ee_cmd_webhook_secret_set, NULL, "webhook-secret set [FILE]",
     "the payment provider's secret, sealed to the attested control plane (issuer's key)"},
    {"webhook-secret show", ee_cmd_webhook_secret_show, NULL, "webhook-secret show",
     "whether one is set"},
    {"webhook-secret clear", ee_cmd_webhook_secret_clear, NULL, "webhook-secret clear",
     "take no more webhooks"},
    {"payments reconcile", ee_cmd_admin_reconcile, NULL, "payments reconcile FILE",
     "the provider's list against what was minted; exit 6 when they differ"},
    {"payments", ee_cmd_admin_payments, NULL, "payments [--state trouble|parked|minted]",
     "payments; those that need a person"},
    {"mint", ee_cmd_mint, NULL, "mint --to ACCOUNT --amount '$20' --ref REF",
     "credits for an account, signed with the profile's issuer key"},
    {"transfer", ee_cmd_transfer, NULL,
     "transfer ACCOUNT '$2' [--memo TEXT] | --bulk FILE|- [--atomic]",
     "credits to another account, or to many from a file of to,amount[,memo] or JSON lines"},
    {"statement", ee_cmd_statement, NULL,
     "statement [--csv] [--from TIME] [--to TIME] [--newest] [--limit N] [--after SEQ] [--follow]",
     "every movement of this account's credits, with the balance after it"},
    {"webhook create", ee_cmd_webhook_create, NULL,
     "webhook create URL [--events balance.low,...] [--label TEXT] [--secret-file FILE]",
     "be told of this account's events at URL; prints the signing secret once"},
    {"webhook list", ee_cmd_webhook_list, NULL, "webhook list", "endpoints and how they fare"},
    {"webhook test", ee_cmd_webhook_test, NULL, "webhook test ID",
     "send a test event now; exit 1 when the receiver does not take it"},
    {"webhook rotate", ee_cmd_webhook_rotate, NULL, "webhook rotate ID [--secret-file FILE]",
     "another signing secret; the one before signs as well for a day"},
    {"webhook enable", ee_cmd_webhook_enable, NULL, "webhook enable ID",
     "go on with an endpoint that was disabled, where it stopped"},
    {"webhook delete", ee_cmd_webhook_delete, NULL, "webhook delete ID", "no more events there"},
    {"webhook verify", ee_cmd_webhook_verify, NULL,
     "webhook verify FILE --secret-file FILE --id ID --timestamp T --signature TEXT",
     "check a webhook that was received: body in FILE (- is standard input), offline"},
    {"alert show", ee_cmd_alert, NULL, "alert show", "the low-balance alert of this account"},
    {"alert set", ee_cmd_alert_set, NULL, "alert set [--below '$5'] [--runway-hours H]",
     "an event balance.low when less is available, or what runs lasts less long; none: off"},
    {"nodes", ee_cmd_nodes, NULL, "nodes", "nodes with price and state"},
    {"node show", ee_cmd_node_show, NULL, "node show NODE",
     "one node; for its operator also what will fail, and the cure"},
    {"run", ee_cmd_run, NULL, "run [--name NAME] " LAUNCH_OPTIONS " [--detach] -- CMD...",
     "a private job; exits with its code (125: lost after its start)"},
    {"deploy", ee_cmd_deploy, NULL,
     "deploy NAME --port PORT " LAUNCH_OPTIONS " [--no-wait] [--replicas N]\n"
     "       [--privacy terminate|passthrough] -- CMD...",
     "an app behind the gateway"},
    {"expose", ee_cmd_expose, NULL,
     "expose NAME 127.0.0.1:PORT [--vcpus N] [--max-price P] [--node NODE] [--timeout S]\n"
     "       [--replicas N] [--privacy terminate|passthrough]",
     "an existing loopback service of an agent's machine; backend not measured"},
    {"stop", ee_cmd_stop, NULL, "stop NAME", "stop an app or job"},
    {"ps", ee_cmd_ps, NULL, "ps [--all]", "live apps and jobs; --all: every lease"},
    {"logs", ee_cmd_logs, NULL, "logs NAME|LEASE", "output so far, opened with the key kept here"},
    {"connect", ee_cmd_connect, NULL, "connect NAME [-p PORT] [--json]",
     "local proxy to an app, on a connection whose key was attested"},
    {"domain add", ee_cmd_domain_add, NULL, "domain add APP DOMAIN",
     "claims a host name for an app; prints the DNS record that proves it"},
    {"domain list", ee_cmd_domain_list, NULL, "domain list APP", "host names and their state"},
    {"domain check", ee_cmd_domain_check, NULL, "domain check APP DOMAIN",
     "has DNS looked at now, and says what came of it"},
    {"domain remove", ee_cmd_domain_remove, NULL, "domain remove APP DOMAIN",
     "gives the host name up"},
    {"periods", ee_cmd_periods, NULL, "periods [--lease ID]", "locks, verdicts, amounts"},
    {"receipts", ee_cmd_receipts, NULL, "receipts", "what can be proved, by sequence number"},
    {"receipt", ee_cmd_receipt, NULL, "receipt SEQ|ID|LEASE:PERIOD [-o FILE]",
     "one receipt as a file: of a command, of what has this id, of the lock of a period"},
    {"explain", ee_cmd_explain, NULL, "explain NAME|LEASE|SEQ",
     "why it was placed, moved, ended, paid or refunded"},
    {"evidence fetch", ee_cmd_evidence_fetch, NULL, "evidence fetch [control|LEASE|NAME] [-o FILE]",
     "verified evidence as a bundle: one file that verifies offline, for good"},
    {"evidence pack", ee_cmd_evidence_pack, NULL,
     "evidence pack --quote FILE --collateral FILE [--ccel FILE] [--dstack FILE] [--time TIME]\n"
     "       [--agent-log FILE] [--claims FILE --nonce HEX] [--change FILE]... -o FILE",
     "a bundle from files, of anybody's cloud or of an evidence document"},
    {"evidence show", ee_cmd_evidence_show, NULL, "evidence show FILE",
     "every claim and event in a bundle or evidence document, not judged"},
    {"evidence verify", ee_cmd_evidence_verify, NULL,
     "evidence verify FILE [--at now|TIME] [--root FILE|--network GENESIS] [--policy NAME|FILE]",
     "check a bundle offline, at its own time"},
    {"keys create", ee_cmd_keys_create, NULL,
     "keys create --label TEXT [--scopes read,run] [--expires-days N] -o FILE",
     "another API key of this account, written to FILE"},
    {"keys ls", ee_cmd_keys_ls, NULL, "keys ls", "API keys of this account"},
    {"keys revoke", ee_cmd_keys_revoke, NULL, "keys revoke HASH", "end an API key"},
    {"account create", ee_cmd_account_create, NULL,
     "account create NAME --kind user|operator [--out DIR] [--expires-days N]",
     "an account (admin profile), with its profile and keys in DIR"},
    {"node enrol", ee_cmd_node_enrol, NULL,
     "node enrol --node NAME --agent FILE --price P --vcpus N [--region NAME]",
     "a node (operator profile); FILE is the output of ee-agent init"},
    {"measure", ee_cmd_measure, NULL, "measure --program NAME --version TEXT",
     "measurement digest of a simulated program"},
    {"allow add", ee_cmd_allow_add, NULL,
     "allow add --role control|agent --measurement HEX --label TEXT [--number N]",
     "allow a measurement (founding profile)"},
    {"allow retire", ee_cmd_allow_retire, NULL,
     "allow retire --role control|agent --measurement HEX --label TEXT [--number N]",
     "retire a measurement (founding profile)"},
    {"policy show", ee_cmd_policy_show, NULL, "policy show",
     "the network's attestation policy, as a file"},
    {"policy set", ee_cmd_policy_set, NULL, "policy set FILE [--number N] [--force]",
     "replace the network's attestation policy (founding profile)"},
    {"policy check", ee_cmd_policy_check, NULL, "policy check FILE",
     "check a policy file and print it with its defaults, offline"},
    {"tcb-status", ee_cmd_tcb_status, NULL,
     "tcb-status QUOTE --collateral STANDARD [--early EARLY] [--policy P] [--root FILE]\n"
     "       [--time UNIX]",
     "what fails now, what will fail under the coming TCB set, and the cure; offline"},
    {"simulate", ee_cmd_simulate, NULL, "simulate [FILE]",
     "run the network's rules under a virtual clock: a JSON object a line in, one out"},
    {"ledger apply", ee_cmd_ledger_apply, NULL, "ledger apply --store FILE [--window N]",
     "a book of your own: a JSON line in, a durable answer out"},
    {"verify quote", ee_cmd_verify_quote, NULL,
     "verify quote QUOTE --collateral FILE [--root FILE|production] [--time UNIX]\n"
     "       [--policy none|strict|network|FILE] [--azure FILE]",
     "check and explain a TDX quote, offline"},
    {"verify evidence", ee_cmd_verify_evidence, NULL,
     "verify evidence FILE [--genesis FILE] [--time TIME]",
     "evidence verify under the profile's network; also evidence documents"},
    {"verify receipt", ee_cmd_verify_receipt, NULL,
     "verify receipt FILE [--genesis FILE] [--time UNIX]",
     "check a receipt offline, to the settlement and its checks"},
    {"collateral import", ee_cmd_collateral_import, NULL,
     "collateral import FILE... -o OUT [--fmspc HEX] [--set standard|early] [--ca "
     "platform|processor]\n       [--root FILE|production] [--genesis FILE] [--time UNIX] "
     "[--allow-expired] [--no-verify]",
     "pack saved PCS or PCCS answers into one collateral file"},
    {"collateral status", ee_cmd_collateral_status, NULL,
     "collateral status [FILE] [--warn DAYS] [--root FILE|production] [--genesis FILE] [--time "
     "UNIX]",
     "what collateral holds and for how long; without FILE the network's"},
    {"collateral show", ee_cmd_collateral_show, NULL,
     "collateral show FILE [--root FILE|production] [--genesis FILE] [--time UNIX]",
     "parts, certificates and TCB levels of a collateral file"},
    {"collateral push", ee_cmd_collateral_push, NULL, "collateral push FILE [--early]",
     "newer collateral for a running control plane (admin profile)"},
    {"verify equivocation", ee_cmd_verify_equivocation, NULL, "verify equivocation FILE",
     "do the two signed heads in FILE contradict each other? offline"},
    {"tdx probe", ee_cmd_tdx_probe, NULL,
     "tdx probe [--tdx-device DEVICE] [--tdx-rtmr DIR] [--timeout S] [-o FILE]",
     "what this machine offers of TDX: makes one quote, or says what is missing"},
    {"liabilities show", ee_cmd_liabilities_show, NULL, "liabilities show",
     "what the network owes in all, as last summed up"},
    {"liabilities prove", ee_cmd_liabilities_prove, NULL, "liabilities prove [-o FILE]",
     "that this account's balance is in that sum, as a file"},
    {"verify liabilities", ee_cmd_verify_liabilities, NULL,
     "verify liabilities FILE [--genesis FILE] [--time UNIX]", "check such a file offline"},
    {"recovery sign", ee_cmd_recovery_sign, NULL,
     "recovery sign REQUEST --reason TEXT -o FILE [--key FILE] [--genesis FILE]",
     "the founding key's word on a restore from backup; offline"},
    {"checkpoint-key sign", ee_cmd_checkpoint_key_sign, NULL,
     "checkpoint-key sign REQUEST -o FILE [--key FILE] [--genesis FILE]",
     "the founding key's word on the successor of a lost checkpoint key; offline"},
    {"network accept-recovery", ee_cmd_accept_recovery, NULL,
     "network accept-recovery FILE|--fetch",
     "go on with a network that was restored on purpose; keeps both heads"},
    {"network", ee_cmd_network, NULL, "network", "genesis, parameters, highest checkpoint"},
};

static void help_all(FILE *out)
{
    (void)fprintf(out, "usage: ee [--profile NAME|FILE] [--json] [-v] VERB ...\n\n");
    for (size_t i = 0; i < EE_CLI_COUNT(verbs); i++)
        (void)fprintf(out, "  %-16s %s\n", verbs[i].words, verbs[i].help);
    (void)fprintf(out,
                  "  %-16s %s\n  %-16s %s\n\nee help VERB tells more; exit codes: 0 done, 2 "
                  "usage, 3 not found, 4 not allowed, 5 refused, 7 not\nverified, 8 credits, "
                  "9 timed out, 10 no node, 75 try again, 1 other.\n",
                  "version", "version of this program", "help [VERB]", "this text");
}

static json_t *help_row(const struct ee_verb *verb)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "verb", verb->words, "usage", verb->usage, "help",
                     verb->help, "more", ee_cli_help_more(verb->words));
}

static void help_verb(const struct ee_cli *cli, const struct ee_verb *verb)
{
    const char *more = ee_cli_help_more(verb->words);
    if (cli->json)
        ee_cli_json(help_row(verb));
    else
        (void)printf("usage: ee %s\n\n%s\n%s%s", verb->usage, verb->help, *more ? "\n" : "", more);
}

static void help_verbs_json(void)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < EE_CLI_COUNT(verbs); i++)
        (void)json_array_append_new(rows, help_row(&verbs[i]));
    ee_cli_json(json_pack("{s:o}", "verbs", rows));
}

/* `--json` behind help, version or an unknown verb, which parse nothing else. */
static int json_take(struct ee_cli *cli, int argc, char **argv)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            cli->json = true;
        else
            argv[kept++] = argv[i];
    }
    return kept;
}

/* How many of argv's words name this verb; 0: another one. */
static int words_match(const struct ee_verb *verb, int argc, char **argv)
{
    const char *space = strchr(verb->words, ' ');
    size_t size = space ? (size_t)(space - verb->words) : strlen(verb->words);
    if (argc < 1 || strlen(argv[0]) != size || memcmp(argv[0], verb->words, size) != 0)
        return 0;
    if (!space)
        return 1;
    return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

static const struct ee_verb *verb_find(int argc, char **argv, int *words_out)
{
    for (size_t i = 0; i < EE_CLI_COUNT(verbs); i++)
        if ((*words_out = words_match(&verbs[i], argc, argv)) != 0)
            return &verbs[i];
    return NULL;
}

static void verb_unknown(struct ee_cli *cli, int argc, char **argv)
{
    char group[64];
    bool known = false;
    int size = snprintf(group, sizeof(group), "%s ", argv[0]);
    (void)ee_client_fail(&cli->problem, EE_USAGE, "there is no verb '%s%s%s'", argv[0],
                         argc > 1 && argv[1][0] != '-' ? " " : "",
                         argc > 1 && argv[1][0] != '-' ? argv[1] : "");
    for (size_t i = 0; size > 0 && i < EE_CLI_COUNT(verbs); i++) {
        if (strncmp(verbs[i].words, group, (size_t)size) != 0)
            continue;
        ee_client_suggest(&cli->problem, "ee %s", verbs[i].usage);
        known = true;
    }
    if (!known)
        ee_client_suggest(&cli->problem, "ee help lists the verbs");
}

/* Tells of the problem and gives its exit code. */
static int problem_end(struct ee_cli *cli)
{
    if (cli->problem.err == EE_USAGE && cli->verb)
        ee_client_suggest(&cli->problem, "usage: ee %s", cli->verb->usage);
    if (cli->json)
        ee_cli_json(ee_client_problem_json(&cli->problem));
    else
        ee_client_problem_print(&cli->problem, stderr);
    return ee_client_problem_exit_code(&cli->problem);
}

/* Verbs that parse for themselves get the common `--json` too. */
static int raw_run(struct ee_cli *cli, int argc, char **argv)
{
    static char json_option[] = "--json";
    char **words = calloc((size_t)argc + 2, sizeof(*words));
    if (!words)
        return ee_err_exit_code(EE_NO_MEMORY);
    for (int i = 0; i < argc; i++) {
        words[i] = argv[i];
        cli->json = cli->json || strcmp(argv[i], json_option) == 0;
    }
    if (cli->json)
        words[argc++] = json_option;
    int code = cli->verb->raw(cli, argc, words);
    free(words);
    return code == EE_CLI_PROBLEM ? problem_end(cli) : code;
}

static int verb_run(struct ee_cli *cli, int argc, char **argv, int words)
{
    for (int i = words; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)json_take(cli, argc, argv);
            help_verb(cli, cli->verb);
            return 0;
        }
    }
    if (cli->verb->raw)
        return raw_run(cli, argc - words + 1, argv + words - 1);
    enum ee_err err = cli->verb->run(cli, argc - words, argv + words);
    int code = err == EE_OK ? cli->exit_code : problem_end(cli);
    if (fflush(stdout) != 0 && code == 0)
        code = ee_err_exit_code(EE_IO);
    return code;
}

static int help_run(struct ee_cli *cli, int argc, char **argv)
{
    int words;
    argc = json_take(cli, argc, argv);
    cli->verb = argc > 0 ? verb_find(argc, argv, &words) : NULL;
    if (argc == 0 && cli->json)
        help_verbs_json();
    else if (argc == 0)
        help_all(stdout);
    else if (cli->verb)
        help_verb(cli, cli->verb);
    if (argc == 0 || cli->verb)
        return 0;
    verb_unknown(cli, argc, argv);
    return problem_end(cli);
}

static int version_run(const struct ee_cli *cli)
{
    if (cli->json)
        ee_cli_json(json_pack("{s:s, s:s}", "program", "ee", "version", EE_SOFTWARE_VERSION));
    else
        (void)printf("ee %s\n", EE_SOFTWARE_VERSION);
    return 0;
}

/* Options before the verb; gives how many words they took, -1 when one is wrong. */
static int leading_options(struct ee_cli *cli, int argc, char **argv)
{
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        const char *word = argv[at];
        if (strcmp(word, "--json") == 0)
            cli->json = true;
        else if (strcmp(word, "-v") == 0 || strcmp(word, "--verbose") == 0)
            cli->verbose = true;
        else if (strncmp(word, "--profile=", 10) == 0)
            cli->profile_name = word + 10;
        else if (strcmp(word, "--profile") == 0 && at + 1 < argc)
            cli->profile_name = argv[++at];
        else
            return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
                           strcmp(word, "--version") == 0
                       ? at
                       : -1;
    }
    return at;
}

static int dispatch(struct ee_cli *cli, int argc, char **argv)
{
    int words;
    if (strcmp(argv[0], "help") == 0)
        return help_run(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        return help_run(cli, argc - 1, argv + 1);
    if (strcmp(argv[0], "version") == 0 || strcmp(argv[0], "--version") == 0) {
        (void)json_take(cli, argc, argv);
        return version_run(cli);
    }
    cli->verb = verb_find(argc, argv, &words);
    if (cli->verb)
        return verb_run(cli, argc, argv, words);
    argc = json_take(cli, argc, argv);
    verb_unknown(cli, argc, argv);
    return problem_end(cli);
}

int main(int argc, char **argv)
{
    struct ee_cli cli = {.json = false};
    int code, at = leading_options(&cli, argc, argv);
    if (at > 0 && at < argc) {
        code = dispatch(&cli, argc - at, argv + at);
    } else {
        (void)ee_client_fail(&cli.problem, EE_USAGE, "%s",
                             at < 0 ? "an option before the verb is not known" : "no verb");
        ee_client_suggest(&cli.problem, "ee help lists the verbs");
        if (at >= 0 && !cli.json)
            help_all(stderr);
        code = problem_end(&cli);
    }
    ee_cli_close(&cli);
    return code;
}
