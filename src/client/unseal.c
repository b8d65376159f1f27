/* SPDX-License-Identifier: Apache-2.0 */
#include "client/unseal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/json.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

enum { SEEN_MAX = 512 };

static enum ee_err document_read(struct ee_client_session *session, const json_t *answer,
                                 struct ee_key_document *out)
{
    uint8_t memory[EE_KEY_DOCUMENT_SIZE_MAX];
    size_t size;
    struct ee_client_problem *problem = ee_client_session_problem(session);
    const char *text = ee_client_json_text(answer, "document");
    enum ee_err err = ee_base64_decode(ee_bytes_str(text), memory, sizeof(memory), &size);
    if (err == EE_OK)
        err = ee_key_document_decode(ee_bytes_of(memory, size), out);
    if (err == EE_OK &&
        memcmp(out->network_id, ee_client_session_trust(session)->network_id, 32) != 0)
        err = EE_WRONG_NETWORK;
    return err == EE_OK ? EE_OK
                        : ee_client_fail(problem, err, "the key document: %s", ee_err_text(err));
}

/* ---- what this holder was shown before ---- */

struct seen {
    uint64_t generation;
    uint8_t key_id[EE_DATA_KEY_ID_SIZE];
};

static enum ee_err seen_parse(const json_t *value, struct seen *out)
{
    EE_TRY(ee_client_json_u64(value, "generation", &out->generation));
    return ee_client_json_hex(value, "key_id", out->key_id, sizeof(out->key_id));
}

static enum ee_err seen_read(struct ee_client_problem *problem, const char *path, struct seen *out)
{
    struct ee_file_data file;
    enum ee_err err = ee_file_read(path, SEEN_MAX, &file);
    if (err == EE_NOT_FOUND)
        return err;
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "record of keys", path);
    json_t *value = ee_client_json_parse(ee_file_bytes(&file));
    ee_file_data_free(&file);
    err = seen_parse(value, out);
    json_decref(value);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, EE_SYNTAX, "record of keys", path);
}

/* Whoever has the disk could put a key of his own beside the journal, wrapped to the holders. A
 * holder who was here before notices. */
static enum ee_err seen_check(struct ee_client_session *session, const char *path,
                              const struct seen *now)
{
    struct ee_client_problem *problem = ee_client_session_problem(session);
    struct seen before;
    enum ee_err err = seen_read(problem, path, &before);
    if (err != EE_OK)
        return err == EE_NOT_FOUND ? EE_OK : err;
    if (now->generation > before.generation ||
        (now->generation == before.generation &&
         memcmp(now->key_id, before.key_id, sizeof(now->key_id)) == 0))
        return EE_OK;
    (void)ee_client_fail(problem, EE_ROLLED_BACK,
                         "the control plane shows an older or another journal key than before: its "
                         "store was put back or changed; no share was sent");
    ee_client_suggest(problem, "if a restore of an older store was planned, delete %s", path);
    return EE_ROLLED_BACK;
}

static enum ee_err seen_write(struct ee_client_session *session, const char *path,
                              const struct seen *now)
{
    char text[SEEN_MAX], hex[2 * EE_DATA_KEY_ID_SIZE + 1];
    (void)snprintf(text, sizeof(text), "{\"generation\":\"%llu\",\"key_id\":\"%s\"}\n",
                   (unsigned long long)now->generation,
                   ee_hex_encode(now->key_id, sizeof(now->key_id), hex));
    enum ee_err err = ee_file_write(path, ee_bytes_str(text), 0600);
    return err == EE_OK ? EE_OK
                        : ee_client_file_fail(ee_client_session_problem(session), err,
                                              "record of keys", path);
}

static enum ee_err seen_path(struct ee_client_session *session, char out[EE_CLIENT_PATH_SIZE])
{
    char name[80], hex[65];
    (void)snprintf(name, sizeof(name), "%s.json",
                   ee_hex_encode(ee_client_session_trust(session)->network_id, 32, hex));
    return ee_client_state_path(ee_client_session_problem(session), "journal-keys", name, out);
}

/* ---- the share ---- */

static enum ee_err share_open(struct ee_client_session *session,
                              const struct ee_key_document *document,
                              const uint8_t holder_private[EE_X25519_KEY_SIZE],
                              struct ee_shamir_share *out)
{
    struct ee_client_problem *problem = ee_client_session_problem(session);
    enum ee_err err = ee_key_share_open(&ee_crypto_openssl, document, holder_private, out);
    if (err == EE_NOT_FOUND)
        return ee_client_fail(problem, err, "none of the %u shares is for this holder key",
                              (unsigned)document->count);
    if (err != EE_OK)
        return ee_client_fail(problem, err,
                              "the share for this holder key does not open: it was changed");
    return EE_OK;
}

static enum ee_err share_send(struct ee_client_session *session,
                              const struct ee_key_document *document,
                              const struct ee_shamir_share *share, json_t **out)
{
    const struct ee_claims *claims = &ee_client_session_attested(session)->verdict.claims;
    struct ee_key_recipient recipient;
    uint8_t ephemeral[EE_X25519_KEY_SIZE], sealed[EE_KEY_SHARE_SEALED_SIZE];
    char hex[2 * EE_KEY_SHARE_SEALED_SIZE + 1];
    memcpy(recipient.identity, claims->identity, sizeof(recipient.identity));
    memcpy(recipient.public_key, claims->sealing_key, sizeof(recipient.public_key));
    ee_random_bytes(ephemeral, sizeof(ephemeral));
    enum ee_err err =
        ee_key_share_send(&ee_crypto_openssl, document, &recipient, ephemeral, share, sealed);
    ee_wipe(ephemeral, sizeof(ephemeral));
    if (err != EE_OK)
        return ee_client_fail(ee_client_session_problem(session), err,
                              "the evidence names no usable sealing key");
    json_t *body = json_pack("{s:i, s:s}", "share", (int)share->index, "sealed",
                             ee_hex_encode(sealed, sizeof(sealed), hex));
    err = ee_client_send(session, "POST", "/v1/unseal", body, out);
    json_decref(body);
    return err;
}

static enum ee_err locked_answer(struct ee_client_session *session, const json_t *answer,
                                 const struct seen *now,
                                 const uint8_t holder_private[EE_X25519_KEY_SIZE], json_t **out)
{
    struct ee_key_document document;
    struct ee_shamir_share share;
    EE_TRY(document_read(session, answer, &document));
    if (document.generation != now->generation ||
        memcmp(document.key_id, now->key_id, sizeof(now->key_id)) != 0)
        return ee_client_fail(ee_client_session_problem(session), EE_SYNTAX,
                              "the key document is of another key than the answer says");
    EE_TRY(share_open(session, &document, holder_private, &share));
    enum ee_err err = share_send(session, &document, &share, out);
    ee_wipe(&share, sizeof(share));
    return err;
}

enum ee_err ee_client_unseal(struct ee_client_session *session,
                             const uint8_t holder_private[EE_X25519_KEY_SIZE], json_t **out)
{
    char path[EE_CLIENT_PATH_SIZE];
    struct seen now;
    json_t *answer = NULL, *result = NULL;
    EE_TRY(seen_path(session, path));
    EE_TRY(ee_client_get(session, "/v1/unseal", &answer));
    enum ee_err err = seen_parse(answer, &now);
    if (err != EE_OK)
        (void)ee_client_fail(ee_client_session_problem(session), err, "the answer names no key");
    else
        err = seen_check(session, path, &now);
    if (err == EE_OK && !json_is_false(json_object_get(answer, "locked")))
        err = locked_answer(session, answer, &now, holder_private, &result);
    else if (err == EE_OK)
        result = json_incref(answer);
    json_decref(answer);
    if (err == EE_OK)
        err = seen_write(session, path, &now);
    if (err == EE_OK)
        *out = result;
    else
        json_decref(result);
    return err;
}
