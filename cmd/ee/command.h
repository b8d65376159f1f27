/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs of `ee`: a row of the table in main.c each. What they share: options, the profile, the
 * verified session, and rendering. */
#ifndef EE_CMD_EE_COMMAND_H
#define EE_CMD_EE_COMMAND_H

#include <stdbool.h>

#include <jansson.h>

#include "client/options.h"
#include "client/problem.h"
#include "client/profile.h"
#include "client/session.h"

struct ee_cli;

struct ee_verb {
    const char *words; /* "receipt", "verify receipt" */
    /* Gets what stands behind the words. Failures are in cli->problem. */
    enum ee_err (*run)(struct ee_cli *cli, int argc, char **argv);
    /* Instead of `run`: argv from its own name on, prints by itself. Returns the exit code, or
     * EE_CLI_PROBLEM with a failure in cli->problem. */
    int (*raw)(struct ee_cli *cli, int argc, char **argv);
    const char *usage; /* behind "ee " */
    const char *help;  /* one line */
};

struct ee_cli {
    const struct ee_verb *verb;
    bool json, verbose;
    const char *profile_name;          /* NULL: EE_PROFILE or "default" */
    struct ee_client_profile *profile; /* NULL until ee_cli_profile() */
    struct ee_client_session *session; /* NULL until ee_cli_connect() */
    struct ee_client_problem problem;
    int exit_code; /* of a verb that did its work: a job's own */
};

/* ---- cli.c ---- */

enum { EE_CLI_ANY = 99, EE_CLI_PROBLEM = -1 };

/* Parses with the options every verb has. `min` to `max` arguments; a "--" is refused unless
 * `takes_rest`. EE_USAGE. */
EE_MUST_USE enum ee_err ee_cli_parse(struct ee_cli *cli, const struct ee_option *options,
                                     size_t count, int argc, char **argv, size_t min, size_t max,
                                     bool takes_rest, struct ee_arguments *out);
EE_MUST_USE enum ee_err ee_cli_profile(struct ee_cli *cli);
/* Profile and verified session; says SIMULATED when it is, and with -v what was proven. */
EE_MUST_USE enum ee_err ee_cli_connect(struct ee_cli *cli);
void ee_cli_close(struct ee_cli *cli);
/* A line of progress on standard error; nothing with `--json`. */
void ee_cli_say(const struct ee_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, only when a person is looking. */
void ee_cli_hint(const struct ee_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The one JSON document on standard output; takes `document` over. */
void ee_cli_json(json_t *document);
/* {"items":[...]}; takes `items` over. */
void ee_cli_json_items(json_t *items);

/* ---- render.c ---- */

enum ee_column_kind {
    EE_COLUMN_TEXT,   /* text, number or bool; "-" when missing or null */
    EE_COLUMN_MONEY,  /* decimal text as dollars */
    EE_COLUMN_NUMBER, /* as TEXT, to the right */
};
struct ee_column {
    const char *title;
    const char *member;
    enum ee_column_kind kind;
};
/* An aligned table with titles; `none` is said on standard error when there are no items. */
void ee_cli_table(const json_t *items, const struct ee_column *columns, size_t count,
                  const char *none);
/* One line per column: title and value. */
void ee_cli_fields(const json_t *object, const struct ee_column *columns, size_t count);
enum { EE_CLI_CELL_SIZE = 256 };
/* "1 d 3 h", "42 s". Returns out. */
char *ee_cli_duration(uint64_t seconds, char out[EE_CLI_CELL_SIZE]);

#define EE_CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- help.c ---- */

/* What `ee help VERB` says beyond the one line; "" for verbs that need no more. */
const char *ee_cli_help_more(const char *words);

/* ---- the verbs, by file ---- */

enum ee_err ee_cmd_whoami(struct ee_cli *cli, int argc, char **argv); /* account.c */
enum ee_err ee_cmd_balance(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_mint(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_transfer(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_topup(struct ee_cli *cli, int argc, char **argv); /* payments.c */
enum ee_err ee_cmd_topup_show(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_topup_ls(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_report(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_reports(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_redeem(struct ee_cli *cli, int argc, char **argv); /* redemptions.c */
enum ee_err ee_cmd_redemptions(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_redemption_show(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_redemption_confirm(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_redemption_refuse(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_webhook_secret_set(struct ee_cli *cli, int argc,
                                      char **argv); /* admin_payments.c */
enum ee_err ee_cmd_webhook_secret_show(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_webhook_secret_clear(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_admin_payments(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_admin_reconcile(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_statement(struct ee_cli *cli, int argc, char **argv);      /* statement.c */
enum ee_err ee_cmd_webhook_create(struct ee_cli *cli, int argc, char **argv); /* webhook.c */
enum ee_err ee_cmd_webhook_list(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_webhook_test(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_webhook_delete(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_webhook_rotate(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_webhook_enable(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_webhook_verify(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_alert(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_alert_set(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_account_create(struct ee_cli *cli, int argc, char **argv); /* account_create.c */
enum ee_err ee_cmd_keys_create(struct ee_cli *cli, int argc, char **argv);    /* keys.c */
enum ee_err ee_cmd_keys_ls(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_keys_revoke(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_nodes(struct ee_cli *cli, int argc, char **argv); /* nodes.c */
enum ee_err ee_cmd_node_show(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_node_enrol(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_network(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_measure(struct ee_cli *cli, int argc, char **argv); /* allow.c */
enum ee_err ee_cmd_allow_add(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_allow_retire(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_run(struct ee_cli *cli, int argc, char **argv); /* run.c */
enum ee_err ee_cmd_deploy(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_expose(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_domain_add(struct ee_cli *cli, int argc, char **argv); /* domain.c */
enum ee_err ee_cmd_domain_list(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_domain_remove(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_domain_check(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_stop(struct ee_cli *cli, int argc, char **argv); /* apps.c */
enum ee_err ee_cmd_ps(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_logs(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_connect(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_periods(struct ee_cli *cli, int argc, char **argv); /* history.c */
enum ee_err ee_cmd_receipts(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_explain(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_receipt(struct ee_cli *cli, int argc, char **argv); /* receipt.c */
enum ee_err ee_cmd_verify_receipt(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_evidence_fetch(struct ee_cli *cli, int argc, char **argv); /* evidence.c */
enum ee_err ee_cmd_verify_evidence(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_collateral_import(struct ee_cli *cli, int argc, char **argv); /* collateral.c */
enum ee_err ee_cmd_collateral_push(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_collateral_status(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_collateral_show(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_evidence_verify(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_evidence_pack(struct ee_cli *cli, int argc, char **argv); /* evidence_pack.c */
enum ee_err ee_cmd_evidence_show(struct ee_cli *cli, int argc, char **argv); /* bundle_show.c */
enum ee_err ee_cmd_simulate(struct ee_cli *cli, int argc, char **argv);      /* simulate.c */
enum ee_err ee_cmd_ledger_apply(struct ee_cli *cli, int argc, char **argv);  /* ledger.c */
enum ee_err ee_cmd_tdx_probe(struct ee_cli *cli, int argc, char **argv);     /* tdx.c */
int ee_cmd_dev(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_policy_show(struct ee_cli *cli, int argc, char **argv); /* policy.c */
enum ee_err ee_cmd_policy_set(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_policy_check(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_tcb_status(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_recovery_sign(struct ee_cli *cli, int argc, char **argv); /* recovery.c */
enum ee_err ee_cmd_checkpoint_key_sign(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_accept_recovery(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_liabilities_show(struct ee_cli *cli, int argc, char **argv); /* liabilities.c */
enum ee_err ee_cmd_liabilities_prove(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_verify_liabilities(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_verify_equivocation(struct ee_cli *cli, int argc, char **argv);
enum ee_err ee_cmd_verify_quote(struct ee_cli *cli, int argc, char **argv);

/* ---- shared by some of them ---- */
/* transfer_bulk.c */
EE_MUST_USE enum ee_err ee_cli_transfer_bulk(struct ee_cli *cli, const char *path, bool atomic);

enum { EE_CLI_KEY_TEXT_SIZE = 56 };
/* A fresh API key ("eek_" and 43 characters) and its hash; the caller wipes the text. keys.c */
void ee_cli_key_make(char text_out[EE_CLI_KEY_TEXT_SIZE], uint8_t hash_out[32]);
/* "read,run" as a list; EE_USAGE for another word. New. keys.c */
EE_MUST_USE enum ee_err ee_cli_scopes(struct ee_cli *cli, const char *text, json_t **out);
/* Days from now as seconds since 1970, in decimal. keys.c */
json_t *ee_cli_expiry(uint64_t days);
/* App or job by name, or a lease by id: its lease object; new. apps.c */
EE_MUST_USE enum ee_err ee_cli_lease_of(struct ee_cli *cli, const char *what, json_t **out);
/* Trust from --genesis, else from the profile. evidence.c */
EE_MUST_USE enum ee_err ee_cli_trust(struct ee_cli *cli, const char *genesis, struct ee_trust *out);
/* "2026-01-31T23:59:59Z" or seconds since 1970; EE_USAGE names the option. evidence.c */
EE_MUST_USE enum ee_err ee_cli_time_parse(struct ee_cli *cli, const char *option, const char *text,
                                          int64_t *out);
/* Reads a file to verify (exit 2 when it cannot be read). evidence.c */
struct ee_file_data;
EE_MUST_USE enum ee_err ee_cli_document(struct ee_cli *cli, const char *path, size_t limit,
                                        struct ee_file_data *out);
/* `ee explain SEQ`: fetches, verifies and explains one receipt. receipt.c */
EE_MUST_USE enum ee_err ee_cli_explain_seq(struct ee_cli *cli, const char *seq);

#endif
