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
    struct ee_client_head head;
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

static enum ee_err head_store(struct ee_client_problem *problem, const char *path,
                              const struct ee_tlog_checkpoint *checkpoint, struct ee_bytes note)
{
    char size[24];
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)checkpoint->size);
    json_t *document = json_pack("{s:o, s:s, s:o, s:o}", "network",
                                 ee_client_json_hex_new(checkpoint->network_id, 32), "size", size,
                                 "root", ee_client_json_hex_new(checkpoint->root.bytes, 32), "note",
                                 ee_client_json_string(note));
    char text[HEAD_FILE_MAX];
    size_t used = document ? json_dumpb(document, text, sizeof(text), JSON_COMPACT) : 0;
    json_decref(document);
    if (used == 0 || used > sizeof(text))
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_file_write(path, ee_bytes_of(text, used), 0600);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "checkpoint", path);
}

/* What was learned when a note came. */
struct observed {
    struct ee_tlog_checkpoint checkpoint;
    struct ee_bytes note;
    const uint8_t *key;
    bool has_proof; /* of the larger size, by the network itself */
    struct ee_tlog_hash prefix;
    struct ee_tlog_proof proof;
};

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
    return head_store(problem, path, &got->checkpoint, got->note);
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
    return store(problem, &got, prover);
}
