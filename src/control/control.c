/* SPDX-License-Identifier: Apache-2.0 */
#include "control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "control/acme_http.h"
#include "control/anchor.h"
#include "control/api.h"
#include "control/api_server.h"
#include "control/certificates.h"
#include "control/collateral.h"
#include "control/domains.h"
#include "control/gateway.h"
#include "control/histories.h"
#include "control/leases.h"
#include "control/old_ids.h"
#include "control/owing.h"
#include "control/read_model.h"
#include "control/retention.h"
#include "control/scheduler.h"
#include "control/session.h"
#include "control/snapshots.h"
#include "control/state.h"
#include "control/statements.h"
#include "control/unseal.h"
#include "control/vault.h"
#include "control/verify.h"
#include "control/verify_cache.h"
#include "control/webhook_secret.h"
#include "io/clock.h"
#include "io/crypto_signer.h"
#include "io/log.h"
#include "io/process.h"
#include "io/random.h"

#include "base/banned.h"

enum { PATH_SIZE = 1024, FIRST_EVIDENCE_MS = 60000, GOODBYE_MS = 1000 };

/* ---- helpers of all parts ---- */

const struct ee_core *ee_control_core(const struct ee_control *control)
{
    return ee_sequencer_core(control->sequencer);
}

uint64_t ee_control_now_us(struct ee_control *control)
{
    if (control->sequencer == NULL)
        return ee_clock_wall_us(); /* locked: there is no journal to go on from */
    return ee_sequencer_time_us(control->sequencer);
}

int64_t ee_control_now_s(struct ee_control *control)
{
    return (int64_t)(ee_control_now_us(control) / 1000000);
}

enum ee_err ee_control_submit(struct ee_control *control, enum ee_command_kind kind,
                              struct ee_bytes payload, ee_answer_fn fn, void *context)
{
    struct ee_command_request request = {
        .actor_kind = EE_ACTOR_SYSTEM, .actor = "", .kind = kind, .payload = payload};
    return ee_sequencer_submit(control->sequencer, &request, fn, context);
}

static void one_effect(struct ee_control *control, const struct ee_effect *effect)
{
    switch (effect->kind) {
    case EE_EFFECT_START_LEASE:
        ee_leases_start(control, effect->lease);
        break;
    case EE_EFFECT_STOP_LEASE:
        ee_leases_stop(control, effect->node, effect->lease);
        break;
    case EE_EFFECT_LEASE_ENDED:
    case EE_EFFECT_PERIOD_DUE:
        ee_scheduler_period_over(control, effect->lease, effect->period);
        break;
    case EE_EFFECT_SETTLED:
        break;
    }
    ee_api_lease_changed(control, effect->lease);
}

static void on_effects(void *context, uint64_t seq, const struct ee_effect *effects, size_t count)
{
    struct ee_control *control = context;
    (void)seq;
    if (control->scheduler == NULL)
        return; /* during the start; the scheduler resumes from the state */
    for (size_t i = 0; i < count; i++)
        one_effect(control, &effects[i]);
    ee_scheduler_kick(control);
}

void ee_control_fail(struct ee_control *control, enum ee_err err, const char *what)
{
    EE_LOG(EE_LOG_ERROR, "control", "stopping: what was not answered is not done",
           ee_log_text("what", what), ee_log_err(err));
    control->fatal = true;
    control->fatal_err = err;
    ee_loop_stop(control->loop);
}

static void on_durable(void *context, uint64_t seq)
{
    struct ee_control *control = context;
    (void)seq;
    if (control->read_model != NULL)
        ee_read_model_poke(control->read_model);
}

static void on_fatal(void *context, enum ee_err err, const char *what)
{
    ee_control_fail(context, err, what);
}

static enum ee_err claims_of_the_log(struct ee_control *control, struct ee_claims *claims)
{
    struct ee_tlog_hash root;
    claims->ledger_size = ee_sequencer_durable_seq(control->sequencer);
    claims->epoch = ee_core_epoch(ee_control_core(control));
    EE_TRY(ee_tlog_root(ee_sequencer_tlog(control->sequencer), claims->ledger_size, &root));
    memcpy(claims->ledger_root, root.bytes, sizeof claims->ledger_root);
    return EE_OK;
}

enum ee_err ee_control_claims(struct ee_control *control, uint8_t *out, size_t capacity,
                              size_t *size_out)
{
    struct ee_claims claims = {.role = EE_ROLE_CONTROL,
                               .vcpus = ee_tdx_device_vcpus(control->device)};
    memcpy(claims.sealing_key, control->sealing_key, sizeof claims.sealing_key);
    memcpy(claims.network_id, control->trust.network_id, sizeof claims.network_id);
    memcpy(claims.identity, control->keys.identity, sizeof claims.identity);
    memcpy(claims.tls_key_hash, control->keys.tls_key_hash, sizeof claims.tls_key_hash);
    memcpy(claims.checkpoint_key, control->keys.checkpoint_key, sizeof claims.checkpoint_key);
    if (control->sequencer != NULL)
        EE_TRY(claims_of_the_log(control, &claims));
    snprintf(claims.software_version, sizeof claims.software_version, "%s", EE_SOFTWARE_VERSION);
    return ee_claims_encode(&claims, out, capacity, size_out);
}

/* ---- start ---- */

static enum ee_err join(const char *folder, const char *name, char out[PATH_SIZE])
{
    int length = snprintf(out, PATH_SIZE, "%s/%s", folder, name);
    return length > 0 && length < PATH_SIZE ? EE_OK : EE_TOO_LARGE;
}

static enum ee_err load_genesis(struct ee_control *control, const char *path,
                                uint8_t canonical[EE_GENESIS_SIZE_MAX], size_t *size_out)
{
    EE_TRY(ee_file_read(path, EE_GENESIS_FILE_MAX, &control->genesis_file));
    EE_TRY(ee_genesis_file_read(control->crypto, ee_file_bytes(&control->genesis_file), canonical,
                                size_out));
    EE_TRY(ee_trust_init(control->crypto, ee_bytes_of(canonical, *size_out), &control->trust));
    ee_process_files_raise();
    control->tunnel_pool.limit = EE_CONTROL_TUNNEL_POOL;
    control->params = ee_params_of(control->trust.genesis.profile);
    return control->params != NULL ? EE_OK : EE_UNSUPPORTED;
}

static enum ee_err load_admin(struct ee_control *control, const char *path)
{
    struct ee_file_data file;
    if (path == NULL)
        return EE_OK;
    EE_TRY(ee_file_read(path, 128, &file));
    struct ee_bytes text = ee_file_bytes(&file);
    if (text.size > 0 && text.data[text.size - 1] == '\n')
        text.size--;
    enum ee_err err = ee_hex_decode(text, control->admin_hash, sizeof control->admin_hash);
    ee_file_data_free(&file);
    control->has_admin = err == EE_OK;
    return err;
}

static enum ee_err open_device(struct ee_control *control, const struct ee_control_options *options)
{
    struct ee_tdx_attempt attempt;
    const struct ee_tdx_device_options device = {
        .spec = options->tdx_device != NULL ? options->tdx_device : "auto",
        .program = "ee-control",
        .crypto = control->crypto};
    enum ee_err err = ee_tdx_device_open(&device, &attempt, &control->device);
    if (err != EE_OK)
        EE_LOG(EE_LOG_ERROR, "control", "no TDX device", ee_log_text("device", device.spec),
               ee_log_text("what", attempt.what), ee_log_text("next", attempt.next),
               ee_log_err(err));
    else if (ee_tdx_device_simulated(control->device) &&
             control->trust.genesis.kind == EE_NETWORK_PRODUCTION)
        err = EE_SIMULATED_REFUSED;
    return err;
}

static enum ee_err open_snapshots(struct ee_control *control, const struct ee_control_options *from)
{
    char folder[PATH_SIZE];
    const struct ee_snapshots_options options = {
        .file = {.folder = folder,
                 .crypto = control->crypto,
                 .allow_plain = control->trust.genesis.kind == EE_NETWORK_DEVELOPMENT,
                 .seal = from->plain_journal ? NULL : ee_vault_journal_seal(control->vault)},
        .allocator = control->allocator,
        .every = from->snapshot_every};
    EE_TRY(join(control->state_folder, "snapshots", folder));
    return ee_snapshots_new(&options, &control->snapshots);
}

static enum ee_err start_sequencer(struct ee_control *control, struct ee_bytes genesis,
                                   const struct ee_control_options *from,
                                   struct ee_journal_fault *fault)
{
    char path[PATH_SIZE];
    struct ee_sequencer_options options = {
        .allocator = control->allocator,
        .crypto = control->crypto,
        .loop = control->loop,
        .journal = control->journal,
        .genesis = genesis,
        .wait_for_boot = true,
        .events = {.context = control,
                   .effects = on_effects,
                   .durable = on_durable,
                   .fatal = on_fatal},
    };
    memcpy(options.checkpoint_seed, control->keys.checkpoint_seed, sizeof options.checkpoint_seed);
    options.journal = control->journal;
    EE_TRY(open_snapshots(control, from));
    options.snapshots = control->snapshots;
    EE_TRY(join(control->state_folder, "ids.db", path));
    EE_TRY(ee_old_ids_open(path, control->crypto, &control->old_ids));
    options.old_ids = control->old_ids;
    return ee_sequencer_start(&options, &control->sequencer, fault);
}

static enum ee_err open_stores(struct ee_control *control)
{
    char path[PATH_SIZE];
    EE_TRY(join(control->state_folder, "evidence", path));
    struct ee_receipt_store_options options = {.crypto = control->crypto, .folder = path};
    EE_TRY(ee_receipt_store_new(&options, &control->evidence));
    EE_TRY(join(control->state_folder, "outputs", path));
    return ee_blobs_new(control->crypto, path, EE_CONTROL_OUTPUT_SIZE_MAX, EE_CONTROL_OUTPUTS_MAX,
                        &control->outputs);
}

static enum ee_err quoter_claims(void *context, uint8_t *out, size_t capacity, size_t *size_out)
{
    return ee_control_claims(context, out, capacity, size_out);
}

static struct ee_bytes quoter_collateral(void *context, struct ee_bytes quote)
{
    return ee_control_collateral_text(context, quote);
}

struct first_evidence {
    struct ee_control *control;
    bool done;
    enum ee_err err;
};

static void on_first_evidence(void *context, enum ee_err err, struct ee_bytes text)
{
    struct first_evidence *first = context;
    uint8_t hash[32];
    if (err == EE_OK)
        err = ee_receipt_store_put(first->control->evidence, text, hash);
    if (err == EE_OK)
        err = ee_receipt_store_set_signer(first->control->evidence, hash);
    first->err = err;
    first->done = true;
}

static enum ee_err make_quoter(struct ee_control *control, size_t queue_max)
{
    struct ee_quoter_options options = {.crypto = control->crypto,
                                        .loop = control->loop,
                                        .device = control->device,
                                        .context = control,
                                        .claims = quoter_claims,
                                        .collateral = quoter_collateral,
                                        .queue_max = queue_max};
    return control->quoter != NULL ? EE_OK : ee_quoter_new(&options, &control->quoter);
}

/* The evidence that receipts carry: it names the checkpoint key. */
static enum ee_err make_first_evidence(struct ee_control *control, size_t queue_max)
{
    struct first_evidence first = {.control = control};
    struct ee_nonce nonce;
    EE_TRY(make_quoter(control, queue_max));
    ee_random_bytes(nonce.bytes, sizeof nonce.bytes);
    EE_TRY(ee_quoter_ask(control->quoter, &nonce, on_first_evidence, &first));
    enum ee_err err = ee_loop_run_until(control->loop, &first.done, FIRST_EVIDENCE_MS);
    ee_quoter_forget(control->quoter, &first);
    return err == EE_OK ? first.err : err;
}

static enum ee_err make_tls(struct ee_control *control, const struct ee_control_options *options,
                            bool gateway, struct ee_tls **out)
{
    if (control->certificates == NULL)
        EE_TRY(ee_certificates_new(control, options->tls_chain_path, options->domain,
                                   options->acme_alpn_folder, &control->certificates));
    return ee_certificates_tls_new(control->certificates, gateway, out);
}

static enum ee_err listen_api(struct ee_control *control, const struct ee_control_options *options)
{
    if (control->api != NULL)
        return EE_OK; /* since it was locked */
    EE_TRY(make_tls(control, options, false, &control->api_tls));
    return ee_api_server_new(control, options->listen,
                             ee_inheritance_take(&control->inheritance, "api"), control->api_tls,
                             &control->api);
}

static enum ee_err listen_all(struct ee_control *control, const struct ee_control_options *options)
{
    EE_TRY(listen_api(control, options));
    EE_TRY(make_tls(control, options, true, &control->gateway_tls));
    struct ee_gateway_options gateway = {
        .address = options->gateway,
        .tls = control->gateway_tls,
        .http_address = options->http,
        .socket = ee_inheritance_take(&control->inheritance, "gateway"),
        .http_socket = ee_inheritance_take(&control->inheritance, "http"),
        .domain = options->domain};
    EE_TRY(ee_gateway_new(control, &gateway, &control->gateway));
    if (options->acme_address == NULL)
        return EE_OK;
    return ee_acme_http_new(control->loop, options->acme_address,
                            ee_inheritance_take(&control->inheritance, "acme"),
                            options->acme_folder, &control->acme);
}

static enum ee_err write_ready(const struct ee_control *control, const char *path)
{
    char text[512];
    if (path == NULL)
        return EE_OK;
    int length =
        control->gateway == NULL
            ? snprintf(text, sizeof text, "{\"api\":\"%s\",\"pid\":%ld,\"locked\":true}\n",
                       ee_api_server_address(control->api), (long)getpid())
            : snprintf(text, sizeof text,
                       "{\"api\":\"%s\",\"gateway\":\"%s\",\"http\":\"%s\",\"pid\":%ld}\n",
                       ee_api_server_address(control->api), ee_gateway_address(control->gateway),
                       ee_gateway_http_address(control->gateway), (long)getpid());
    if (length < 0 || (size_t)length >= sizeof text)
        return EE_TOO_LARGE;
    return ee_file_write(path, ee_bytes_of(text, (size_t)length), 0600);
}

/* ---- the whole ---- */

static enum ee_err load(struct ee_control *control, const struct ee_control_options *options,
                        uint8_t *canonical, size_t *size_out, const char **step)
{
    *step = "the genesis file";
    EE_TRY(load_genesis(control, options->genesis_path, canonical, size_out));
    *step = "the keys (run ee-control init first)";
    EE_TRY(ee_control_keys_load(control->state_folder, control->crypto, &control->keys));
    *step = "the TLS key: it was imported, which is for development networks";
    if (control->trust.genesis.kind == EE_NETWORK_PRODUCTION &&
        ee_control_keys_imported(control->state_folder))
        return EE_FORBIDDEN;
    *step = "the admin key hash";
    EE_TRY(load_admin(control, options->admin_key_hash_path));
    *step = "memory for what was verified";
    /* Twice the sessions: places are chosen by hash, and some lines fill before others. */
    EE_TRY(ee_control_cache_new((size_t)2 * EE_CONTROL_SESSIONS_MAX, &control->verify_cache));
    *step = "the TDX device";
    return open_device(control, options);
}

/* The little that serves without the journal's key, until it is there. */
static enum ee_err wait_for_key(struct ee_control *control,
                                const struct ee_control_options *options, const char **step)
{
    control->locked = true;
    *step = "the collateral file";
    EE_TRY(ee_control_collateral_open(control));
    *step = "evidence of the control plane";
    EE_TRY(make_quoter(control, options->evidence_queue));
    *step = "the listeners";
    EE_TRY(listen_api(control, options));
    EE_TRY(ee_control_watch_signals(control));
    *step = "the ready file";
    EE_TRY(write_ready(control, options->ready_path));
    *step = "the holders of the journal's key";
    return ee_unseal_wait(control);
}

/* Sockets from systemd, or everything from the control plane that runs here now. */
static enum ee_err inherit(struct ee_control *control, const struct ee_control_options *options)
{
    EE_TRY(ee_inheritance_listen(&control->inheritance));
    if (!options->take_over || control->inheritance.count > 0)
        return EE_OK;
    EE_TRY(ee_inheritance_ask(control->state_folder, &control->inheritance));
    if (control->inheritance.has_key)
        ee_data_key_init(control->crypto, control->inheritance.key.key, &control->inheritance.key);
    return EE_OK;
}

static enum ee_err start(struct ee_control *control, const struct ee_control_options *options,
                         const char **step, struct ee_journal_fault *fault)
{
    uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    char path[PATH_SIZE];
    EE_TRY(load(control, options, canonical, &size, step));
    control->allow_unmeasured = options->allow_unmeasured;
    *step = "the state folder";
    EE_TRY(inherit(control, options));
    EE_TRY(join(control->state_folder, "lock", path));
    EE_TRY(ee_file_lock(path, &control->lock));
    EE_TRY(open_stores(control));
    EE_TRY(ee_leases_init(control));
    EE_TRY(ee_unseal_open(control, options, step));
    bool was_locked = ee_unseal_locked(control);
    if (was_locked)
        EE_TRY(wait_for_key(control, options, step));
    *step = "the secret of webhooks";
    EE_TRY(ee_webhook_secret_load(control));
    *step = "the journal";
    EE_TRY(start_sequencer(control, ee_bytes_of(canonical, size), options, fault));
    *step = "the read model";
    EE_TRY(ee_histories_open(control, options->webhook_ca_path));
    control->started_us = ee_control_now_us(control);
    EE_TRY(ee_control_trust_sync(control));
    *step = "the collateral file";
    if (!was_locked)
        EE_TRY(ee_control_collateral_open(control));
    *step = "the checkpoint key (docs/spec/recovery.md says what is needed)";
    EE_TRY(ee_statements_key_start(control));
    *step = "the journal";
    EE_TRY(ee_anchor_start(control));
    *step = "evidence of the control plane";
    EE_TRY(make_first_evidence(control, options->evidence_queue));
    EE_TRY(ee_retention_start(control));
    *step = "the check scheduler";
    EE_TRY(ee_scheduler_new(control, &control->scheduler));
    if (!control->anchoring)
        ee_scheduler_resume(control);
    *step = "proofs of liabilities";
    EE_TRY(ee_owing_new(control, options->liabilities_every_s, &control->owing));
    *step = "the DNS resolver (--dns)";
    EE_TRY(ee_domains_new(control, options->dns_servers, options->domain_recheck_s,
                          &control->domains));
    *step = "the listeners";
    EE_TRY(listen_all(control, options));
    control->locked = false;
    EE_TRY(ee_control_watch_signals(control));
    EE_TRY(ee_handover_new(control, &control->handover));
    *step = "the ready file";
    EE_TRY(write_ready(control, options->ready_path));
    return control->stopping ? EE_CLOSED : EE_OK;
}

enum ee_err ee_control_start(const struct ee_control_options *options, struct ee_control **out,
                             char detail_out[EE_CONTROL_DETAIL_SIZE])
{
    struct ee_journal_fault fault = {0};
    const char *step = "the loop";
    struct ee_control *control = calloc(1, sizeof *control);
    if (control == NULL)
        return EE_NO_MEMORY;
    control->allocator = &ee_allocator_system;
    control->crypto = ee_crypto_signer();
    control->lock = -1;
    snprintf(control->state_folder, sizeof control->state_folder, "%s", options->state_folder);
    snprintf(control->collateral_path, sizeof control->collateral_path, "%s",
             options->collateral_path != NULL ? options->collateral_path : "");
    control->collateral_warn_days = options->collateral_warn_days > 0
                                        ? options->collateral_warn_days
                                        : EE_CONTROL_COLLATERAL_WARN_DAYS;
    enum ee_err err = ee_loop_new(&control->loop);
    if (err == EE_OK)
        err = start(control, options, &step, &fault);
    if (err == EE_CLOSED && control->stopping) {
        *out = control;
        return EE_OK;
    }
    if (err != EE_OK) {
        snprintf(detail_out, EE_CONTROL_DETAIL_SIZE, "%s%s%s", step, fault.what != NULL ? ": " : "",
                 fault.what != NULL ? fault.what : "");
        ee_control_free(control);
        return err;
    }
    EE_LOG(EE_LOG_INFO, "control", "ready", ee_log_text("api", ee_api_server_address(control->api)),
           ee_log_text("gateway", ee_gateway_address(control->gateway)),
           ee_log_unsigned("seq", ee_core_seq(ee_control_core(control))),
           ee_log_unsigned("epoch", ee_core_epoch(ee_control_core(control))),
           ee_log_bool("simulated", ee_tdx_device_simulated(control->device)));
    *out = control;
    return EE_OK;
}

enum ee_err ee_control_run(struct ee_control *control)
{
    if (control->stopping)
        return EE_OK; /* since before it served */
    ee_log_gather();
    ee_loop_run(control->loop);
    return control->fatal ? control->fatal_err : EE_OK;
}

void ee_control_free(struct ee_control *control)
{
    if (control == NULL)
        return;
    control->stopping = true;
    if (control->sequencer != NULL) {
        ee_session_close_all(control);
        if (!control->fatal)
            ee_session_wait_gone(control, GOODBYE_MS);
        ee_session_abort_all(control);
    }
    ee_handover_free(control->handover);
    control->handover = NULL;
    ee_inheritance_close(&control->inheritance);
    ee_gateway_free(control->gateway);
    ee_acme_http_free(control->acme);
    ee_api_server_free(control->api);
    ee_api_shutdown(control);
    ee_tls_free(control->api_tls);
    ee_tls_free(control->gateway_tls);
    ee_certificates_free(control->certificates);
    ee_scheduler_free(control->scheduler);
    control->scheduler = NULL;
    ee_quoter_free(control->quoter);
    ee_domains_free(control->domains);
    ee_owing_free(control->owing);
    ee_histories_close(control);
    ee_sequencer_free(control->sequencer);
    ee_snapshots_free(control->snapshots);
    ee_old_ids_close(control->old_ids);
    ee_journal_close(control->journal);
    ee_unseal_free(control);
    ee_leases_free(control);
    ee_live_close(&control->live);
    ee_control_collateral_close(control);
    ee_timer_free(control->retention);
    ee_anchor_free(control);
    ee_receipt_store_free(control->evidence);
    ee_blobs_free(control->outputs);
    ee_tdx_device_free(control->device);
    ee_timer_free(control->drain);
    ee_control_cache_free(control->verify_cache);
    ee_file_data_free(&control->genesis_file);
    ee_webhook_secret_wipe(control);
    ee_control_keys_wipe(&control->keys);
    ee_control_keys_wipe(&control->next_keys);
    ee_loop_free(control->loop);
    ee_file_unlock(control->lock);
    free(control);
}
