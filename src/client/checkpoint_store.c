/* SPDX-License-Identifier: Apache-2.0 */
#include "client/checkpoint_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/json.h"
#include "client/state.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

/* Notes are text of at most EE_TLOG_CHECKPOINT_READ_MAX bytes; in JSON each may become six. */
enum { HEAD_FILE_MAX = 8 * EE_TLOG_CHECKPOINT_READ_MAX, TRIES_MAX = 4 };

static enum ee_err store_path(struct ee_client_problem *problem, const uint8_t network_id[32],
                              const char *suffix, char out[EE_CLIENT_PATH_SIZE])
{
    char name[160], hex[65];
    (void)snprintf(name, sizeof(name), "%s%s", ee_hex_encode(network_id, 32, hex), suffix);
    return ee_client_state_path(problem, "checkpoints", name, out);
}

static enum ee_err head_parse(struct ee_bytes text, struct ee_client_head *out)
{
    struct ee_client_head head = {.size = 0};
    json_t *document = ee_client_json_parse(text);
    enum ee_err err = document ? ee_client_json_u64(document, "size", &head.size) : EE_SYNTAX;
    if (err == EE_OK)
        err = ee_client_json_hex(document, "root", head.root.bytes, sizeof(head.root.bytes));
    const char *note = err == EE_OK ? ee_client_json_text(document, "note") : "";
    head.note_size = strlen(note);
    if (err == EE_OK && head.note_size > sizeof(head.note))
        err = EE_TOO_LARGE;
    if (err == EE_OK)
        memcpy(head.note, note, head.note_size);
    if (err == EE_OK && json_object_get(document, "epoch"))
        err = ee_client_json_u64(document, "epoch", &head.epoch);
    head.has_key = json_object_get(document, "key") != NULL;
    if (err == EE_OK && head.has_key)
        err = ee_client_json_hex(document, "key", head.key, sizeof(head.key));
    json_decref(document);
    if (err == EE_OK)
        *out = head;
    return err;
}

enum ee_err ee_client_head_load(struct ee_client_problem *problem, const uint8_t network_id[32],
                                struct ee_client_head *out)
{
    char path[EE_CLIENT_PATH_SIZE];
    struct ee_file_data file;
    memset(out, 0, sizeof(*out));
    EE_TRY(store_path(problem, network_id, ".json", path));
    enum ee_err err = ee_file_read(path, HEAD_FILE_MAX, &file);
    if (err == EE_NOT_FOUND)
        return EE_OK;
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "checkpoint", path);
    err = head_parse(ee_file_bytes(&file), out);
    ee_file_data_free(&file);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(problem, err, "the kept checkpoint %s is damaged", path);
    ee_client_suggest(problem, "restore it; removing it gives up noticing a rolled-back network");
    return err;
}

/* What was learned when a note came. */
struct observed {
    struct ee_tlog_checkpoint checkpoint;
    struct ee_bytes note;
    const uint8_t *key;
    uint64_t epoch;
    bool has_proof; /* of the larger size, by the network itself */
    struct ee_tlog_hash prefix;
    struct ee_tlog_proof proof;
};

static enum ee_err head_store(struct ee_client_problem *problem, const char *path,
                              const struct observed *got)
{
    char size[24], epoch[24];
    const struct ee_tlog_checkpoint *checkpoint = &got->checkpoint;
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)checkpoint->size);
    (void)snprintf(epoch, sizeof(epoch), "%llu", (unsigned long long)got->epoch);
    json_t *document =
        json_pack("{s:o, s:s, s:o, s:o, s:o, s:s}", "network",
                  ee_client_json_hex_new(checkpoint->network_id, 32), "size", size, "root",
                  ee_client_json_hex_new(checkpoint->root.bytes, 32), "note",
                  ee_client_json_string(got->note), "key",
                  ee_client_json_hex_new(got->key, EE_ED25519_KEY_SIZE), "epoch", epoch);
    char text[HEAD_FILE_MAX];
    size_t used = document ? json_dumpb(document, text, sizeof(text), JSON_COMPACT) : 0;
    json_decref(document);
    if (used == 0 || used > sizeof(text))
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_file_write(path, ee_bytes_of(text, used), 0600);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "checkpoint", path);
}

/* Keeps both notes, and the proof, in one file. */
static enum ee_err evidence_write(struct ee_client_problem *problem, const struct observed *got,
                                  const struct ee_client_head *seen, char path[EE_CLIENT_PATH_SIZE])
{
    char suffix[96], digest[17];
    uint8_t hash[32];
    size_t size;
    struct ee_tlog_equivocation evidence = {.first = ee_bytes_of(seen->note, seen->note_size),
                                            .second = got->note,
                                            .has_proof = got->has_proof,
                                            .prefix = got->prefix,
                                            .proof = got->proof};
    memcpy(evidence.network_id, got->checkpoint.network_id, sizeof(evidence.network_id));
    memcpy(evidence.key, got->key, sizeof(evidence.key));
    evidence.has_first_key =
        seen->has_key && memcmp(seen->key, got->key, sizeof(evidence.key)) != 0;
    if (evidence.has_first_key)
        memcpy(evidence.first_key, seen->key, sizeof(evidence.first_key));
    ee_crypto_openssl.sha256(&got->note, 1, hash);
    ee_hex_encode(hash, 8, digest);
    (void)snprintf(suffix, sizeof(suffix), ".refused-%s.equivocation", digest);
    EE_TRY(store_path(problem, got->checkpoint.network_id, suffix, path));
    char *text = malloc(EE_TLOG_EQUIVOCATION_SIZE_MAX);
    if (!text)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err =
        ee_tlog_equivocation_write(&evidence, text, EE_TLOG_EQUIVOCATION_SIZE_MAX, &size);
    if (err == EE_OK)
        err = ee_file_write(path, ee_bytes_of(text, size), 0600);
    free(text);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "checkpoint", path);
}

static enum ee_err refuse(struct ee_client_problem *problem, const struct observed *got,
                          const struct ee_client_head *seen)
{
    char path[EE_CLIENT_PATH_SIZE];
    unsigned long long shown = got->checkpoint.size, before = seen->size;
    EE_TRY(evidence_write(problem, got, seen, path));
    if (shown < before)
        (void)ee_client_fail(problem, EE_CHECKPOINT,
                             "the network was rolled back: it shows size %llu after %llu was seen",
                             shown, before);
    else if (shown == before)
        (void)ee_client_fail(problem, EE_CHECKPOINT,
                             "the network shows another history than before: two roots for size "
                             "%llu",
                             shown);
    else
        (void)ee_client_fail(problem, EE_CHECKPOINT,
                             "the network shows another history than before: its log of size %llu "
                             "does not continue the one of size %llu that was seen",
                             shown, before);
    ee_client_suggest(problem, "`ee verify equivocation %s` says what the notes prove", path);
    ee_client_suggest(problem,
                      "if its operators restored it from a backup on purpose, `ee network "
                      "accept-recovery --fetch` checks the founding key's statement of it");
    return EE_CHECKPOINT;
}

static bool contradicts(const struct ee_tlog_checkpoint *checkpoint,
                        const struct ee_client_head *seen)
{
    return checkpoint->size == seen->size &&
           memcmp(checkpoint->root.bytes, seen->root.bytes, sizeof(seen->root.bytes)) != 0;
}

/* Asks for the proof from `seen` to the new head and checks it; refuses without a valid one. */
static enum ee_err continue_check(struct ee_client_problem *problem, struct observed *got,
                                  const struct ee_client_head *seen,
                                  const struct ee_client_prover *prover)
{
    if (seen->size == 0 || got->checkpoint.size <= seen->size)
        return EE_OK;
    enum ee_err err = prover->consistency(prover->context, seen->size, got->checkpoint.size,
                                          &got->prefix, &got->proof);
    if (err != EE_OK && err != EE_PROOF)
        return err;
    got->has_proof = err == EE_OK;
    if (got->has_proof)
        err = ee_tlog_consistency_verify(&ee_crypto_openssl, seen->size, &seen->root,
                                         got->checkpoint.size, &got->checkpoint.root,
                                         got->proof.hashes, got->proof.count);
    return err == EE_OK ? EE_OK : refuse(problem, got, seen);
}

/* Under the lock. EE_STATE: another process raised the stored head, to be compared first. */
static enum ee_err compare_and_store(struct ee_client_problem *problem, const char *path,
                                     const struct observed *got, const struct ee_client_head *base)
{
    struct ee_client_head seen;
    EE_TRY(ee_client_head_load(problem, got->checkpoint.network_id, &seen));
    if (contradicts(&got->checkpoint, &seen))
        return refuse(problem, got, &seen);
    if (got->checkpoint.size <= seen.size)
        return EE_OK;
    if (seen.size != base->size)
        return EE_STATE;
    struct observed stored = *got;
    stored.epoch = got->epoch > seen.epoch ? got->epoch : seen.epoch;
    return head_store(problem, path, &stored);
}

/* The key that signed the stored head signs still, or statements lead from it to the present one.
 */
static enum ee_err key_check(struct ee_client_problem *problem, const struct observed *got,
                             const struct ee_client_head *seen,
                             const struct ee_client_prover *prover)
{
    struct ee_tlog_checkpoint checkpoint;
    size_t count = 0;
    if (seen->size == 0 || (seen->has_key && memcmp(seen->key, got->key, EE_ED25519_KEY_SIZE) == 0))
        return EE_OK;
    struct ee_checkpoint_key *list = calloc(EE_SUCCESSIONS_MAX, sizeof(*list));
    if (!list)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = prover->successions(prover->context, list, &count);
    if (err == EE_OK)
        err = ee_succession_note(&ee_crypto_openssl, got->checkpoint.network_id,
                                 prover->founding_key, list, count, got->key,
                                 ee_bytes_of(seen->note, seen->note_size), &checkpoint);
    free(list);
    if (err == EE_OK || (err != EE_SUCCESSION && ee_err_class(err) != EE_CLASS_VERIFY))
        return err;
    (void)ee_client_fail(problem, EE_SUCCESSION,
                         "the network signs its checkpoints with another key than before, and "
                         "shows no statement of that which holds (%s)",
                         ee_err_name(err));
    return EE_SUCCESSION;
}

static enum ee_err store(struct ee_client_problem *problem, struct observed *got,
                         const struct ee_client_prover *prover)
{
    struct ee_client_head base;
    char path[EE_CLIENT_PATH_SIZE], lock_path[EE_CLIENT_PATH_SIZE];
    int lock = -1;
    EE_TRY(store_path(problem, got->checkpoint.network_id, ".json", path));
    EE_TRY(store_path(problem, got->checkpoint.network_id, ".lock", lock_path));
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        EE_TRY(ee_client_head_load(problem, got->checkpoint.network_id, &base));
        EE_TRY(key_check(problem, got, &base, prover));
        EE_TRY(continue_check(problem, got, &base, prover));
        EE_TRY(ee_client_state_lock(problem, lock_path, &lock));
        enum ee_err err = compare_and_store(problem, path, got, &base);
        ee_file_unlock(lock);
        if (err != EE_STATE)
            return err;
    }
    return EE_OK; /* others keep raising it: theirs is proven, and ours is not needed */
}

enum ee_err ee_client_head_observe(struct ee_client_problem *problem, const uint8_t network_id[32],
                                   const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                                   const struct ee_client_head *floor, struct ee_bytes note,
                                   const struct ee_client_prover *prover)
{
    struct observed got = {.note = note, .key = checkpoint_key};
    enum ee_err err = ee_tlog_checkpoint_verify(&ee_crypto_openssl, note, network_id,
                                                checkpoint_key, &got.checkpoint);
    if (err != EE_OK) {
        (void)ee_client_fail(problem, err, "the checkpoint of an answer: %s", ee_err_text(err));
        problem->exit_code = ee_err_exit_code(EE_CHECKPOINT);
        return err;
    }
    if (got.checkpoint.size < floor->size || contradicts(&got.checkpoint, floor))
        return refuse(problem, &got, floor);
    got.epoch = prover->epoch;
    return store(problem, &got, prover);
}

/* ---- a planned restore ---- */

static enum ee_err recover_refuse(struct ee_client_problem *problem, enum ee_err err,
                                  const char *why)
{
    (void)ee_client_fail(problem, err, "the recovery is not accepted: %s", why);
    if (err != EE_STATE)
        problem->exit_code = ee_err_exit_code(EE_CHECKPOINT);
    return err;
}

static enum ee_err recovery_check(struct ee_client_problem *problem,
                                  const struct ee_recovery *recovery, const uint8_t network_id[32],
                                  const struct ee_client_head *seen,
                                  const struct ee_client_prover *prover)
{
    enum ee_err err =
        ee_recovery_verify(&ee_crypto_openssl, network_id, prover->founding_key, recovery);
    if (err != EE_OK)
        return recover_refuse(problem, err, "the founding key did not sign it for this network");
    if (seen->size == 0)
        return recover_refuse(problem, EE_STATE, "nothing was seen of this network before");
    if (recovery->epoch <= seen->epoch)
        return recover_refuse(problem, EE_RECOVERY_OLD,
                              "a newer epoch of this network was already seen");
    err = ee_recovery_covers(recovery, seen->size, &seen->root);
    if (err == EE_RECOVERY)
        return recover_refuse(problem, EE_STATE, "nothing that was seen here was lost by it");
    if (err != EE_OK)
        return recover_refuse(problem, err, "it does not cover the checkpoint that was seen here");
    return prover->epoch >= recovery->epoch
               ? EE_OK
               : recover_refuse(problem, EE_RECOVERY, "the network is not in its epoch");
}

/* The log goes on behind the restored head. */
static enum ee_err restored_check(struct ee_client_problem *problem,
                                  const struct ee_recovery *recovery, struct observed *got,
                                  const struct ee_client_prover *prover)
{
    struct ee_tlog_hash root;
    memcpy(root.bytes, recovery->restored_root, sizeof(root.bytes));
    if (got->checkpoint.size <= recovery->restored_size)
        return recover_refuse(problem, EE_RECOVERY, "the network does not write behind it");
    enum ee_err err = prover->consistency(prover->context, recovery->restored_size,
                                          got->checkpoint.size, &got->prefix, &got->proof);
    if (err != EE_OK && err != EE_PROOF)
        return err;
    if (err == EE_OK)
        err = ee_tlog_consistency_verify(&ee_crypto_openssl, recovery->restored_size, &root,
                                         got->checkpoint.size, &got->checkpoint.root,
                                         got->proof.hashes, got->proof.count);
    return err == EE_OK ? EE_OK
                        : recover_refuse(problem, EE_RECOVERY,
                                         "the network's log does not continue the restored head");
}

/* The statement and the head that was seen, under names of their own. */
static enum ee_err both_keep(struct ee_client_problem *problem, const uint8_t network_id[32],
                             const struct ee_recovery *recovery, const char *head_path,
                             char kept_out[EE_CLIENT_PATH_SIZE])
{
    char suffix[64], path[EE_CLIENT_PATH_SIZE], text[EE_STATEMENT_FILE_MAX];
    struct ee_file_data head;
    size_t size;
    (void)snprintf(suffix, sizeof(suffix), ".recovery-%llu", (unsigned long long)recovery->epoch);
    EE_TRY(store_path(problem, network_id, suffix, path));
    enum ee_err err = ee_recovery_write(recovery, text, &size);
    if (err == EE_OK)
        err = ee_file_write(path, ee_bytes_of(text, size), 0600);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "recovery", path);
    (void)snprintf(suffix, sizeof(suffix), ".lost-%llu.json", (unsigned long long)recovery->epoch);
    EE_TRY(store_path(problem, network_id, suffix, kept_out));
    err = ee_file_read(head_path, HEAD_FILE_MAX, &head);
    if (err == EE_OK)
        err = ee_file_write(kept_out, ee_file_bytes(&head), 0600);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "checkpoint", kept_out);
    ee_file_data_free(&head);
    return EE_OK;
}

enum ee_err ee_client_head_recover(struct ee_client_problem *problem, const uint8_t network_id[32],
                                   const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                                   const struct ee_recovery *recovery, struct ee_bytes note,
                                   const struct ee_client_prover *prover,
                                   char kept_out[EE_CLIENT_PATH_SIZE])
{
    struct ee_client_head seen, again;
    struct observed got = {.note = note, .key = checkpoint_key, .epoch = prover->epoch};
    char path[EE_CLIENT_PATH_SIZE], lock_path[EE_CLIENT_PATH_SIZE];
    int lock = -1;
    EE_TRY(store_path(problem, network_id, ".json", path));
    EE_TRY(store_path(problem, network_id, ".lock", lock_path));
    EE_TRY(ee_client_head_load(problem, network_id, &seen));
    EE_TRY(recovery_check(problem, recovery, network_id, &seen, prover));
    enum ee_err err = ee_tlog_checkpoint_verify(&ee_crypto_openssl, note, network_id,
                                                checkpoint_key, &got.checkpoint);
    if (err != EE_OK)
        return recover_refuse(problem, err, "the network's checkpoint does not verify");
    EE_TRY(key_check(problem, &got, &seen, prover));
    EE_TRY(restored_check(problem, recovery, &got, prover));
    EE_TRY(ee_client_state_lock(problem, lock_path, &lock));
    err = ee_client_head_load(problem, network_id, &again);
    if (err == EE_OK && (again.size != seen.size || again.epoch != seen.epoch))
        err = ee_client_fail(problem, EE_STATE, "another process changed the kept checkpoint");
    if (err == EE_OK)
        err = both_keep(problem, network_id, recovery, path, kept_out);
    if (err == EE_OK)
        err = head_store(problem, path, &got);
    ee_file_unlock(lock);
    return err;
}
