/* SPDX-License-Identifier: Apache-2.0 */
/* ee-control: the control plane. `init` makes its keys, `run` serves until a signal, `journal`
 * verifies, replays, exports and restores that of a stopped one, and backs up any. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <jansson.h>

#include "base/text.h"
#include "commands.h"
#include "control/control.h"
#include "control/keys.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

static const char usage[] =
    "Example: ee-control run --state DIR --genesis FILE --listen 127.0.0.1:8443 \\\n"
    "           --gateway-listen 127.0.0.1:9443 --tls-chain FILE --collateral FILE\n"
    "\n"
    "  ee-control init --state DIR [--name HOST ...]\n"
    "      make the keys; print one JSON object with a certificate request\n"
    "  ee-control run --state DIR --genesis FILE --listen ADDR:PORT --gateway-listen ADDR:PORT\n"
    "      [--tls-chain FILE] [--http 127.0.0.1:PORT] [--domain apps.localhost]\n"
    "      [--admin-key-hash-file FILE] [--collateral FILE] [--tdx-device DEVICE]\n"
    "      [--evidence-queue N] [--deployments measured|any] [--collateral-warn-days N]\n"
    "      [--webhook-ca FILE]\n"
    "      [--holders FILE | --journal-key-file FILE | --plain-journal] [--ready-file FILE]\n"
    "      [--snapshot-every COMMANDS]\n"
    "      [--liabilities-every SECONDS] [--take-over]\n"
    "      [--dns ADDR:PORT[,...]] [--domain-check-every SECONDS]\n"
    "      [--acme-listen ADDR:PORT --acme-challenge-dir DIR] [--acme-alpn-dir DIR]\n"
    "      serve until SIGTERM; SIGHUP reads collateral and certificates again\n"
    "  ee-control cert csr --state DIR --name NAME [--name NAME ...] [-o FILE]\n"
    "      a request for the key made here\n"
    "  ee-control cert install --state DIR [--name NAME ...] CHAIN.pem\n"
    "      checked: key, validity, order, names; served after SIGHUP to who asks for its names\n"
    "  ee-control cert list --state DIR\n"
    "  ee-control cert remove --state DIR NAME\n"
    "  ee-control cert import --state DIR --genesis FILE --key FILE   development networks only\n"
    "  ee-control journal verify|replay --state DIR [--genesis FILE] [--snapshots] [--json]\n"
    "  ee-control journal export --state DIR [--from SEQ]\n"
    "  ee-control journal backup --state DIR --to FILE [--json]\n"
    "      a verified copy, also beside a control plane that runs\n"
    "  ee-control journal restore --state DIR --from FILE [--genesis FILE] [--replace] [--json]\n"
    "  ee-control recovery request --state DIR [--lost NOTE] [--key-file FILE]  of a restored "
    "journal, for the "
    "founding "
    "key\n"
    "  ee-control recovery apply --state DIR --genesis FILE --recovery FILE\n"
    "      what `ee recovery sign` made; taken at the next start, or at SIGHUP\n"
    "  ee-control checkpoint-key rotate --state DIR           at the next start\n"
    "  ee-control checkpoint-key request --state DIR --old HEX [--number N]\n"
    "      when the old key is lost: for the founding key, after `init` made a new one\n"
    "  ee-control checkpoint-key apply --state DIR --genesis FILE --succession FILE\n"
    "      a sealed journal opens with --key-file FILE (STATE/journal.key if it is there) or with\n"
    "      --holder-key FILE of as many holders as needed; without, only its chain is verified\n"
    "  ee-control holder key -o FILE\n"
    "      make a holder's key; print its public key\n"
    "  ee-control holder list --genesis FILE --founding-key-file FILE --number N --threshold K\n"
    "      -o FILE NAME=PUBLICKEY ...\n"
    "      sign the list of those who hold the journal's key, any K of whom open it\n"
    "  ee-control unseal --genesis FILE --api URL --key FILE [--collateral FILE]\n"
    "      [--allow-changes FILE] [--json]\n"
    "      a holder's share, to a locked control plane that is verified first\n"
    "  ee-control journal-key --genesis FILE --api URL --holders FILE [--json]\n"
    "      a new journal key from now on, for that list\n"
    "  ee-control read-model rebuild --state DIR\n"
    "      the history queries' file anew from the journal, of a stopped control plane\n"
    "  ee-control version\n"
    "\n"
    "--tdx-device: auto (default), configfs[:DIR], tdx_guest[:QGS], or sim:FILE, the software TDX "
    "of a\n"
    "development network (SIMULATED; --sim-platform FILE is the same). `ee tdx probe` shows what "
    "the\n"
    "machine has. --evidence-queue: challenges that may wait for a quote (1024).\n"
    "--deployments: whether an attestation counts only if the agent's measured event log shows\n"
    "the deployment (measured, the default) or also without (any).\n"
    "--webhook-ca: authorities of those who hear webhooks, instead of the system's.\n";

int ee_control_failed(enum ee_err err, const char *what)
{
    (void)fprintf(stderr, "ee-control: %s: %s\n", what, ee_err_text(err));
    return ee_err_exit_code(err);
}

int ee_control_usage(const char *problem)
{
    (void)fprintf(stderr, "ee-control: %s\n\n%s", problem, usage);
    return ee_err_exit_code(EE_USAGE);
}

/* ---- init ---- */

static int print_init(const struct ee_control_keys *keys, const struct ee_x509_subject *subject)
{
    char tls[65], checkpoint[65], identity[65];
    struct ee_pem request;
    enum ee_err err = ee_x509_request(ee_pem_bytes(&keys->tls_key), subject, &request);
    if (err != EE_OK)
        return ee_control_failed(err, "the certificate request");
    json_t *answer = json_pack("{s:s, s:s, s:s, s:s}", "csr", request.text, "tls_key_hash",
                               ee_hex_encode(keys->tls_key_hash, 32, tls), "checkpoint_key",
                               ee_hex_encode(keys->checkpoint_key, 32, checkpoint), "identity",
                               ee_hex_encode(keys->identity, 32, identity));
    bool ok = answer != NULL && json_dumpf(answer, stdout, JSON_COMPACT) == 0 && puts("") >= 0;
    json_decref(answer);
    return ok ? 0 : ee_control_failed(EE_IO, "standard output");
}

static int cmd_init(int argc, char **argv)
{
    static const struct option options[] = {{"state", required_argument, NULL, 's'},
                                            {"name", required_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    const char *names[EE_X509_NAMES_MAX] = {"localhost", "127.0.0.1"};
    const char *state = NULL;
    size_t count = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's')
            state = optarg;
        else if (option == 'n' && count < EE_X509_NAMES_MAX)
            names[count++] = optarg;
        else
            return ee_control_usage("init: an option is wrong, or there are too many names");
    }
    if (state == NULL || optind != argc)
        return ee_control_usage("init needs --state and no other words");
    struct ee_x509_subject subject = {
        .common_name = names[0], .names = names, .name_count = count > 0 ? count : 2};
    struct ee_control_keys keys;
    enum ee_err err = ee_control_keys_make(state, &ee_crypto_openssl, &keys);
    int code = err == EE_OK ? print_init(&keys, &subject) : ee_control_failed(err, "the keys");
    ee_control_keys_wipe(&keys);
    return code;
}

/* ---- run ---- */

static enum ee_err read_days(const char *text, unsigned *out)
{
    uint64_t days;
    if (text == NULL)
        return EE_OK;
    if (ee_u64_parse(text, &days) != EE_OK || days < 1 || days > EE_CONTROL_WARN_DAYS_MAX)
        return EE_USAGE;
    *out = (unsigned)days;
    return EE_OK;
}

/* The older --sim-platform FILE is --tdx-device sim:FILE. */
static enum ee_err read_device(const char *platform, struct ee_control_options *out)
{
    static char spec[PATH_MAX + 8];
    if (platform == NULL)
        return EE_OK;
    int length = snprintf(spec, sizeof spec, "sim:%s", platform);
    if (out->tdx_device != NULL || length < 0 || (size_t)length >= sizeof spec)
        return EE_USAGE;
    out->tdx_device = spec;
    return EE_OK;
}

static enum ee_err read_queue(const char *text, size_t *out)
{
    uint64_t value;
    if (text == NULL)
        return EE_OK;
    if (ee_u64_parse(text, &value) != EE_OK || value < 1 || value > 1024)
        return EE_USAGE;
    *out = (size_t)value;
    return EE_OK;
}

static enum ee_err read_every(const char *text, uint64_t *out)
{
    if (text == NULL)
        return EE_OK;
    return ee_u64_parse(text, out) == EE_OK && *out >= 1 && *out <= 366 * 86400 ? EE_OK : EE_USAGE;
}

/* Options of `run` that are more than text. */
struct run_texts {
    const char *platform, *queue, *deployments, *warn_days, *snapshots, *liabilities, *recheck;
};

static int read_values(const struct run_texts *texts, struct ee_control_options *out)
{
    if (read_device(texts->platform, out) != EE_OK ||
        read_queue(texts->queue, &out->evidence_queue) != EE_OK)
        return ee_control_usage(
            "run: --sim-platform or --tdx-device, and --evidence-queue 1 to 1024");
    if (out->plain_journal + (out->holders_path != NULL) + (out->journal_key_path != NULL) > 1)
        return ee_control_usage(
            "run: one of --holders, --journal-key-file and --plain-journal, or none");
    out->allow_unmeasured = strcmp(texts->deployments, "any") == 0;
    if (!out->allow_unmeasured && strcmp(texts->deployments, "measured") != 0)
        return ee_control_usage("run: --deployments is measured or any");
    if (read_days(texts->warn_days, &out->collateral_warn_days) != EE_OK)
        return ee_control_usage("run: --collateral-warn-days is 1 to 365");
    if (texts->snapshots != NULL &&
        (ee_u64_parse(texts->snapshots, &out->snapshot_every) != EE_OK || out->snapshot_every == 0))
        return ee_control_usage("run: --snapshot-every is a number of commands");
    if (read_every(texts->liabilities, &out->liabilities_every_s) != EE_OK)
        return ee_control_usage("run: --liabilities-every is a number of seconds");
    if (read_every(texts->recheck, &out->domain_recheck_s) != EE_OK)
        return ee_control_usage("run: --domain-check-every is a number of seconds");
    if ((out->acme_address == NULL) != (out->acme_folder == NULL))
        return ee_control_usage("run: --acme-listen and --acme-challenge-dir go together");
    return 0;
}

/* In the order of the fields in read_run(). */
static const struct option run_options[] = {{"state", required_argument, NULL, 0},
                                            {"genesis", required_argument, NULL, 0},
                                            {"listen", required_argument, NULL, 0},
                                            {"gateway-listen", required_argument, NULL, 0},
                                            {"http", required_argument, NULL, 0},
                                            {"domain", required_argument, NULL, 0},
                                            {"tls-chain", required_argument, NULL, 0},
                                            {"admin-key-hash-file", required_argument, NULL, 0},
                                            {"collateral", required_argument, NULL, 0},
                                            {"tdx-device", required_argument, NULL, 0},
                                            {"sim-platform", required_argument, NULL, 0},
                                            {"evidence-queue", required_argument, NULL, 0},
                                            {"ready-file", required_argument, NULL, 0},
                                            {"deployments", required_argument, NULL, 0},
                                            {"collateral-warn-days", required_argument, NULL, 0},
                                            {"snapshot-every", required_argument, NULL, 0},
                                            {"liabilities-every", required_argument, NULL, 0},
                                            {"webhook-ca", required_argument, NULL, 0},
                                            {"holders", required_argument, NULL, 0},
                                            {"journal-key-file", required_argument, NULL, 0},
                                            {"dns", required_argument, NULL, 0},
                                            {"domain-check-every", required_argument, NULL, 0},
                                            {"acme-listen", required_argument, NULL, 0},
                                            {"acme-challenge-dir", required_argument, NULL, 0},
                                            {"acme-alpn-dir", required_argument, NULL, 0},
                                            {"take-over", no_argument, NULL, 't'},
                                            {"plain-journal", no_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};

static int read_run(int argc, char **argv, struct ee_control_options *out)
{
    struct run_texts texts = {.deployments = "measured"};
    const char **fields[] = {&out->state_folder,
                             &out->genesis_path,
                             &out->listen,
                             &out->gateway,
                             &out->http,
                             &out->domain,
                             &out->tls_chain_path,
                             &out->admin_key_hash_path,
                             &out->collateral_path,
                             &out->tdx_device,
                             &texts.platform,
                             &texts.queue,
                             &out->ready_path,
                             &texts.deployments,
                             &texts.warn_days,
                             &texts.snapshots,
                             &texts.liabilities,
                             &out->webhook_ca_path,
                             &out->holders_path,
                             &out->journal_key_path,
                             &out->dns_servers,
                             &texts.recheck,
                             &out->acme_address,
                             &out->acme_folder,
                             &out->acme_alpn_folder};
    int index = 0, option;
    while ((option = getopt_long(argc, argv, "", run_options, &index)) != -1) {
        if (option == 't')
            out->take_over = true;
        else if (option == 'p')
            out->plain_journal = true;
        else if (option != 0)
            return ee_control_usage("run: an option is wrong");
        else
            *fields[index] = optarg;
    }
    int code = read_values(&texts, out);
    if (code != 0)
        return code;
    if (optind != argc || out->state_folder == NULL || out->genesis_path == NULL ||
        out->listen == NULL || out->gateway == NULL)
        return ee_control_usage("run needs --state, --genesis, --listen, --gateway-listen");
    return 0;
}

static int cmd_run(int argc, char **argv)
{
    struct ee_control_options options = {.domain = "apps.localhost"};
    struct ee_control *control = NULL;
    char detail[EE_CONTROL_DETAIL_SIZE] = "";
    int code = read_run(argc, argv, &options);
    if (code != 0)
        return code;
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core image: it would hold keys */
    enum ee_err err = ee_control_start(&options, &control, detail);
    if (err != EE_OK)
        return ee_control_failed(err, detail);
    err = ee_control_run(control);
    ee_control_free(control);
    return ee_err_exit_code(err);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "init") == 0)
        return cmd_init(argc - 1, argv + 1);
    if (strcmp(verb, "run") == 0)
        return cmd_run(argc - 1, argv + 1);
    if (strcmp(verb, "journal") == 0)
        return ee_control_cmd_journal(argc - 1, argv + 1);
    if (strcmp(verb, "recovery") == 0)
        return ee_control_cmd_recovery(argc - 1, argv + 1);
    if (strcmp(verb, "cert") == 0)
        return ee_control_cmd_cert(argc - 1, argv + 1);
    if (strcmp(verb, "checkpoint-key") == 0)
        return ee_control_cmd_checkpoint_key(argc - 1, argv + 1);
    if (strcmp(verb, "read-model") == 0)
        return ee_control_cmd_read_model(argc - 1, argv + 1);
    if (strcmp(verb, "unseal") == 0)
        return ee_control_cmd_unseal(argc - 1, argv + 1);
    if (strcmp(verb, "holder") == 0)
        return ee_control_cmd_holder(argc - 1, argv + 1);
    if (strcmp(verb, "journal-key") == 0)
        return ee_control_cmd_renew(argc - 1, argv + 1);
    if (strcmp(verb, "version") == 0 || strcmp(verb, "--version") == 0)
        return printf("ee-control %s\n", EE_SOFTWARE_VERSION) < 0;
    if (strcmp(verb, "help") == 0 || strcmp(verb, "--help") == 0)
        return fputs(usage, stdout) < 0;
    return ee_control_usage(argc > 1 ? "there is no such command" : "what is to be done?");
}
