/* SPDX-License-Identifier: Apache-2.0 */
#include "client/checkpoint_store.h"

#include <string.h>

#include "base/text.h"
#include "client/json.h"
#include "client/state.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

/* Notes are text of at most EE_TLOG_CHECKPOINT_READ_MAX bytes; in JSON each may become six. */
enum { HEAD_FILE_MAX = 8 * EE_TLOG_CHECKPOINT_READ_MAX };

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

/* Keeps the note that was refused beside the one it contradicts. */
static enum ee_err refuse(struct ee_client_problem *problem,
                          const struct ee_tlog_checkpoint *checkpoint,
                          const struct ee_client_head *seen, const char *stored,
                          struct ee_bytes note)
{
    char suffix[96], digest[17], path[EE_CLIENT_PATH_SIZE];
    uint8_t hash[32];
    ee_crypto_openssl.sha256(&note, 1, hash);
    ee_hex_encode(hash, 8, digest);
    (void)snprintf(suffix, sizeof(suffix), ".refused-%s.note", digest);
    EE_TRY(store_path(problem, checkpoint->network_id, suffix, path));
    enum ee_err err = ee_file_write(path, note, 0600);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "checkpoint", path);
    (void)ee_client_fail(
        problem, EE_CHECKPOINT,
        checkpoint->size == seen->size
            ? "the network shows another history than before: two roots for size %llu (seen %llu)"
            : "the network was rolled back: it shows size %llu after %llu was seen",
        (unsigned long long)checkpoint->size, (unsigned long long)seen->size);
    ee_client_suggest(problem, "the notes are in %s and %s", stored, path);
    return EE_CHECKPOINT;
}

static bool contradicts(const struct ee_tlog_checkpoint *checkpoint,
                        const struct ee_client_head *seen)
{
    return checkpoint->size == seen->size &&
           memcmp(checkpoint->root.bytes, seen->root.bytes, sizeof(seen->root.bytes)) != 0;
}

/* Under the lock. */
static enum ee_err compare_and_store(struct ee_client_problem *problem, const char *path,
                                     const struct ee_tlog_checkpoint *checkpoint,
                                     const struct ee_client_head *floor, struct ee_bytes note)
{
    struct ee_client_head seen;
    EE_TRY(ee_client_head_load(problem, checkpoint->network_id, &seen));
    if (checkpoint->size < floor->size || contradicts(checkpoint, floor))
        return refuse(problem, checkpoint, floor, path, note);
    if (contradicts(checkpoint, &seen))
        return refuse(problem, checkpoint, &seen, path, note);
    return checkpoint->size > seen.size ? head_store(problem, path, checkpoint, note) : EE_OK;
}

enum ee_err ee_client_head_observe(struct ee_client_problem *problem, const uint8_t network_id[32],
                                   const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                                   const struct ee_client_head *floor, struct ee_bytes note)
{
    struct ee_tlog_checkpoint checkpoint;
    char path[EE_CLIENT_PATH_SIZE], lock_path[EE_CLIENT_PATH_SIZE];
    int lock = -1;
    enum ee_err err = ee_tlog_checkpoint_verify(&ee_crypto_openssl, note, network_id,
                                                checkpoint_key, &checkpoint);
    if (err != EE_OK) {
        (void)ee_client_fail(problem, err, "the checkpoint of an answer: %s", ee_err_text(err));
        problem->exit_code = ee_err_exit_code(EE_CHECKPOINT);
        return err;
    }
    EE_TRY(store_path(problem, network_id, ".json", path));
    EE_TRY(store_path(problem, network_id, ".lock", lock_path));
    EE_TRY(ee_client_state_lock(problem, lock_path, &lock));
    err = compare_and_store(problem, path, &checkpoint, floor, note);
    ee_file_unlock(lock);
    return err;
}
