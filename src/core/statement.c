/* SPDX-License-Identifier: Apache-2.0 */
#include "core/statement.h"

#include <string.h>

#include "base/banned.h"

enum { MESSAGE_SIZE = 512 };

enum ee_err ee_recovery_verify(const struct ee_crypto *crypto, const uint8_t network_id[32],
                               const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                               const struct ee_recovery *recovery)
{
    uint8_t memory[MESSAGE_SIZE];
    struct ee_writer message;
    ee_writer_init(&message, memory, sizeof(memory));
    EE_TRY(ee_recovery_message(network_id, recovery, &message));
    return crypto->ed25519_verify(founding_key, ee_writer_done(&message), recovery->signature)
               ? EE_OK
               : EE_SIGNATURE;
}

enum ee_err ee_recovery_covers(const struct ee_recovery *recovery, uint64_t seen_size,
                               const struct ee_tlog_hash *seen_root)
{
    if (seen_size > recovery->lost_size)
        return EE_NOT_COVERED;
    if (seen_size == recovery->lost_size)
        return memcmp(seen_root->bytes, recovery->lost_root, EE_TLOG_HASH_SIZE) == 0
                   ? EE_OK
                   : EE_NOT_COVERED;
    if (seen_size == recovery->restored_size)
        return memcmp(seen_root->bytes, recovery->restored_root, EE_TLOG_HASH_SIZE) == 0
                   ? EE_RECOVERY
                   : EE_NOT_COVERED;
    return seen_size > recovery->restored_size ? EE_OK : EE_RECOVERY;
}

enum ee_err ee_checkpoint_key_verify(const struct ee_crypto *crypto, const uint8_t network_id[32],
                                     const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                     const struct ee_checkpoint_key *key)
{
    uint8_t memory[MESSAGE_SIZE];
    struct ee_writer message;
    const uint8_t *signer = key->signer == EE_SUCCESSION_BY_KEY ? key->old_key : founding_key;
    ee_writer_init(&message, memory, sizeof(memory));
    EE_TRY(ee_checkpoint_key_message(network_id, key, &message));
    return crypto->ed25519_verify(signer, ee_writer_done(&message), key->signature) ? EE_OK
                                                                                    : EE_SIGNATURE;
}

enum ee_err ee_succession_verify(const struct ee_crypto *crypto, const uint8_t network_id[32],
                                 const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                                 const struct ee_checkpoint_key *list, size_t count,
                                 const uint8_t newest[EE_ED25519_KEY_SIZE])
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *next = i + 1 < count ? list[i + 1].old_key : newest;
        EE_TRY(ee_checkpoint_key_verify(crypto, network_id, founding_key, &list[i]));
        if (memcmp(list[i].new_key, next, EE_ED25519_KEY_SIZE) != 0 ||
            list[i].number != list[0].number + i)
            return EE_SUCCESSION;
    }
    return EE_OK;
}

enum ee_err ee_succession_note(const struct ee_crypto *crypto, const uint8_t network_id[32],
                               const uint8_t founding_key[EE_ED25519_KEY_SIZE],
                               const struct ee_checkpoint_key *list, size_t count,
                               const uint8_t newest[EE_ED25519_KEY_SIZE], struct ee_bytes note,
                               struct ee_tlog_checkpoint *out)
{
    enum ee_err err = ee_tlog_checkpoint_verify(crypto, note, network_id, newest, out);
    if (err != EE_CHECKPOINT)
        return err;
    EE_TRY(ee_succession_verify(crypto, network_id, founding_key, list, count, newest));
    for (size_t i = count; i > 0; i--) {
        err = ee_tlog_checkpoint_verify(crypto, note, network_id, list[i - 1].old_key, out);
        if (err != EE_CHECKPOINT)
            return err;
    }
    return EE_SUCCESSION;
}

/* ---- files ---- */

enum ee_err ee_statement_write(const char *label, struct ee_bytes payload, char *out,
                               size_t capacity, size_t *size_out)
{
    char text[EE_BASE64_SIZE(EE_STATEMENT_BYTES_MAX)];
    struct ee_writer w;
    if (payload.size > EE_STATEMENT_BYTES_MAX)
        return EE_TOO_LARGE;
    ee_base64_encode(payload.data, payload.size, text);
    ee_writer_init(&w, (uint8_t *)out, capacity);
    ee_writer_bytes(&w, label, strlen(label));
    ee_writer_bytes(&w, "\n", 1);
    ee_writer_bytes(&w, text, strlen(text));
    ee_writer_bytes(&w, "\n", 2); /* with its NUL */
    if (w.err != EE_OK)
        return w.err;
    *size_out = w.size - 1;
    return EE_OK;
}

enum ee_err ee_statement_read(const char *label, struct ee_bytes file,
                              uint8_t out[EE_STATEMENT_BYTES_MAX], size_t *size_out)
{
    char again[EE_STATEMENT_FILE_MAX];
    uint8_t bytes[EE_STATEMENT_BYTES_MAX];
    size_t size, again_size, head = strlen(label) + 1;
    if (file.size >= EE_STATEMENT_FILE_MAX)
        return EE_TOO_LARGE;
    if (file.size < head + 1)
        return EE_SYNTAX;
    EE_TRY(ee_base64_decode(ee_bytes_of(file.data + head, file.size - head - 1), bytes,
                            sizeof(bytes), &size));
    EE_TRY(ee_statement_write(label, ee_bytes_of(bytes, size), again, sizeof(again), &again_size));
    if (!ee_bytes_equal(file, ee_bytes_of(again, again_size)))
        return EE_SYNTAX;
    memcpy(out, bytes, size);
    *size_out = size;
    return EE_OK;
}

#define EE_FILE(name, type, label)                                                                 \
    enum ee_err ee_##name##_read(struct ee_bytes file, struct ee_##type *out)                      \
    {                                                                                              \
        uint8_t bytes[EE_STATEMENT_BYTES_MAX];                                                     \
        size_t size;                                                                               \
        EE_TRY(ee_statement_read(label, file, bytes, &size));                                      \
        return ee_##type##_decode(ee_bytes_of(bytes, size), out);                                  \
    }                                                                                              \
    enum ee_err ee_##name##_write(const struct ee_##type *in, char out[EE_STATEMENT_FILE_MAX],     \
                                  size_t *size_out)                                                \
    {                                                                                              \
        uint8_t bytes[EE_STATEMENT_BYTES_MAX];                                                     \
        struct ee_writer w;                                                                        \
        ee_writer_init(&w, bytes, sizeof(bytes));                                                  \
        EE_TRY(ee_##type##_encode(in, &w));                                                        \
        return ee_statement_write(label, ee_writer_done(&w), out, EE_STATEMENT_FILE_MAX,           \
                                  size_out);                                                       \
    }
EE_FILE(recovery, recovery, EE_STATEMENT_RECOVERY)
EE_FILE(succession, checkpoint_key, EE_STATEMENT_SUCCESSION)
#undef EE_FILE
