/* SPDX-License-Identifier: Apache-2.0 */
#include "core/receipt.h"

#include <string.h>

#include "base/text.h"

#include "base/banned.h"

static const char file_head[] = "{\"format\":\"ee-receipt-1\",\"receipt\":\"";
static const char file_middle[] = "\",\"digest\":\"";
static const char file_tail[] = "\"}\n";
enum {
    HEAD_SIZE = sizeof(file_head) - 1,
    MIDDLE_SIZE = sizeof(file_middle) - 1,
    TAIL_SIZE = sizeof(file_tail) - 1,
    DIGEST_SIZE = 2 * EE_SHA256_SIZE,
    FRAME_SIZE = HEAD_SIZE + MIDDLE_SIZE + DIGEST_SIZE + TAIL_SIZE,
    CHUNK_SIZE = 768, /* a multiple of 3, so that its base64 has no padding */
};

/* ---- canonical form ---- */

static enum ee_err part_check(struct ee_bytes part, size_t limit)
{
    if (part.size == 0)
        return EE_RANGE;
    return part.size > limit ? EE_TOO_LARGE : EE_OK;
}

static enum ee_err parts_check(const struct ee_receipt *receipt)
{
    EE_TRY(part_check(receipt->command, EE_RECEIPT_COMMAND_MAX));
    EE_TRY(part_check(receipt->result, EE_RECEIPT_RESULT_MAX));
    EE_TRY(part_check(receipt->note, EE_TLOG_CHECKPOINT_READ_MAX));
    EE_TRY(part_check(receipt->evidence, EE_RECEIPT_EVIDENCE_MAX));
    size_t size = 0;
    if (receipt->change_count > EE_RECEIPT_CHANGES_MAX)
        return EE_TOO_LARGE;
    for (size_t i = 0; i < receipt->change_count; i++) {
        EE_TRY(part_check(receipt->changes[i], EE_RECEIPT_COMMAND_MAX));
        size += receipt->changes[i].size;
    }
    if (size > EE_RECEIPT_CHANGES_SIZE_MAX)
        return EE_TOO_LARGE;
    return receipt->path.count > EE_TLOG_PROOF_MAX ? EE_RANGE : EE_OK;
}

enum ee_err ee_receipt_encode(const struct ee_receipt *receipt, struct ee_writer *out)
{
    EE_TRY(parts_check(receipt));
    ee_writer_label(out, "ee-receipt", receipt->change_count > 0 ? 2 : 1);
    ee_writer_bytes(out, receipt->network_id, sizeof(receipt->network_id));
    ee_writer_u64(out, receipt->leaf_index);
    ee_writer_block(out, receipt->command);
    ee_writer_block(out, receipt->result);
    ee_writer_u8(out, (uint8_t)receipt->path.count);
    for (size_t i = 0; i < receipt->path.count; i++)
        ee_writer_bytes(out, receipt->path.hashes[i].bytes, EE_TLOG_HASH_SIZE);
    ee_writer_block(out, receipt->note);
    ee_writer_block(out, receipt->evidence);
    if (receipt->change_count > 0)
        ee_writer_u16(out, (uint16_t)receipt->change_count);
    for (size_t i = 0; i < receipt->change_count; i++)
        ee_writer_block(out, receipt->changes[i]);
    return out->err;
}

static uint16_t version_of(struct ee_bytes bytes)
{
    struct ee_cursor c;
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-receipt", 2);
    return c.err == EE_OK ? 2 : 1;
}

/* Version 2, which has some. */
static enum ee_err changes_decode(struct ee_cursor *c, struct ee_receipt *receipt)
{
    receipt->change_count = ee_cursor_u16(c);
    if (c->err == EE_OK && receipt->change_count == 0)
        return EE_RANGE;
    if (receipt->change_count > EE_RECEIPT_CHANGES_MAX)
        return EE_TOO_LARGE;
    for (size_t i = 0; i < receipt->change_count; i++)
        receipt->changes[i] = ee_cursor_block(c, EE_RECEIPT_COMMAND_MAX);
    return EE_OK;
}

enum ee_err ee_receipt_decode(struct ee_bytes bytes, struct ee_receipt *out)
{
    struct ee_receipt receipt = {0};
    struct ee_cursor c;
    const uint16_t version = version_of(bytes);
    ee_cursor_init(&c, bytes);
    ee_cursor_label(&c, "ee-receipt", version);
    ee_cursor_copy(&c, receipt.network_id, sizeof(receipt.network_id));
    receipt.leaf_index = ee_cursor_u64(&c);
    receipt.command = ee_cursor_block(&c, EE_RECEIPT_COMMAND_MAX);
    receipt.result = ee_cursor_block(&c, EE_RECEIPT_RESULT_MAX);
    receipt.path.count = ee_cursor_u8(&c);
    if (receipt.path.count > EE_TLOG_PROOF_MAX)
        return EE_RANGE;
    for (size_t i = 0; i < receipt.path.count; i++)
        ee_cursor_copy(&c, receipt.path.hashes[i].bytes, EE_TLOG_HASH_SIZE);
    receipt.note = ee_cursor_block(&c, EE_TLOG_CHECKPOINT_READ_MAX);
    receipt.evidence = ee_cursor_block(&c, EE_RECEIPT_EVIDENCE_MAX);
    if (version == 2)
        EE_TRY(changes_decode(&c, &receipt));
    EE_TRY(ee_cursor_end(&c));
    EE_TRY(parts_check(&receipt));
    *out = receipt;
    return EE_OK;
}

/* ---- file form ---- */

static void digest_text(const struct ee_crypto *crypto, struct ee_bytes canonical,
                        char out[DIGEST_SIZE + 1])
{
    uint8_t digest[EE_SHA256_SIZE];
    crypto->sha256(&canonical, 1, digest);
    ee_hex_encode(digest, sizeof(digest), out);
}

/* Base64 of the next at most CHUNK_SIZE bytes from *offset, which moves on. */
static struct ee_bytes chunk_text(struct ee_bytes bytes, size_t *offset,
                                  char out[EE_BASE64_SIZE(CHUNK_SIZE)])
{
    size_t left = bytes.size - *offset;
    size_t size = left < CHUNK_SIZE ? left : CHUNK_SIZE;
    ee_base64_encode(bytes.data + *offset, size, out);
    *offset += size;
    return ee_bytes_str(out);
}

enum ee_err ee_receipt_file_write(const struct ee_crypto *crypto, struct ee_bytes canonical,
                                  struct ee_writer *out)
{
    char digest[DIGEST_SIZE + 1];
    char text[EE_BASE64_SIZE(CHUNK_SIZE)];
    if (canonical.size > EE_RECEIPT_SIZE_MAX)
        return EE_TOO_LARGE;
    digest_text(crypto, canonical, digest);
    ee_writer_bytes(out, file_head, HEAD_SIZE);
    for (size_t offset = 0; offset < canonical.size;) {
        struct ee_bytes chunk = chunk_text(canonical, &offset, text);
        ee_writer_bytes(out, chunk.data, chunk.size);
    }
    ee_writer_bytes(out, file_middle, MIDDLE_SIZE);
    ee_writer_bytes(out, digest, DIGEST_SIZE);
    ee_writer_bytes(out, file_tail, TAIL_SIZE);
    return out->err;
}

/* A decoder of base64 is lenient (two alphabets, padding, unused bits); a file is not. */
static bool base64_is(struct ee_bytes text, struct ee_bytes bytes)
{
    char again[EE_BASE64_SIZE(CHUNK_SIZE)];
    size_t at = 0;
    for (size_t offset = 0; offset < bytes.size;) {
        struct ee_bytes chunk = chunk_text(bytes, &offset, again);
        if (chunk.size > text.size - at || memcmp(text.data + at, chunk.data, chunk.size) != 0)
            return false;
        at += chunk.size;
    }
    return at == text.size;
}

static bool literal_is(struct ee_cursor *c, const char *literal, size_t size)
{
    const uint8_t *bytes = ee_cursor_take(c, size);
    return bytes != NULL && memcmp(bytes, literal, size) == 0;
}

enum ee_err ee_receipt_file_read(const struct ee_crypto *crypto, struct ee_bytes file,
                                 uint8_t *canonical_out, size_t capacity, size_t *size_out)
{
    char digest[DIGEST_SIZE + 1];
    struct ee_cursor c;
    size_t size = 0;
    if (file.size > EE_RECEIPT_FILE_MAX)
        return EE_TOO_LARGE;
    if (file.size < FRAME_SIZE)
        return EE_SYNTAX;
    ee_cursor_init(&c, file);
    if (!literal_is(&c, file_head, HEAD_SIZE))
        return EE_SYNTAX;
    struct ee_bytes text = ee_cursor_bytes(&c, file.size - FRAME_SIZE);
    if (!literal_is(&c, file_middle, MIDDLE_SIZE))
        return EE_SYNTAX;
    struct ee_bytes stated = ee_cursor_bytes(&c, DIGEST_SIZE);
    if (!literal_is(&c, file_tail, TAIL_SIZE))
        return EE_SYNTAX;
    EE_TRY(ee_base64_decode(text, canonical_out, capacity, &size));
    struct ee_bytes canonical = ee_bytes_of(canonical_out, size);
    if (!base64_is(text, canonical))
        return EE_SYNTAX;
    digest_text(crypto, canonical, digest);
    if (!ee_bytes_equal(stated, ee_bytes_of(digest, DIGEST_SIZE)))
        return EE_RECEIPT;
    *size_out = size;
    return EE_OK;
}

/* ---- checking ---- */

void ee_receipt_leaf_hash(const struct ee_crypto *crypto, struct ee_bytes command,
                          struct ee_bytes result, struct ee_tlog_hash *out)
{
    static const uint8_t leaf_prefix = 0x00; /* RFC 9162 section 2.1.1 */
    uint8_t command_size[4];
    uint8_t result_size[4];
    struct ee_writer w;
    ee_writer_init(&w, command_size, sizeof(command_size));
    ee_writer_u32(&w, (uint32_t)command.size);
    ee_writer_init(&w, result_size, sizeof(result_size));
    ee_writer_u32(&w, (uint32_t)result.size);
    const struct ee_bytes parts[] = {ee_bytes_of(&leaf_prefix, 1),
                                     ee_bytes_of(command_size, sizeof(command_size)), command,
                                     ee_bytes_of(result_size, sizeof(result_size)), result};
    crypto->sha256(parts, sizeof(parts) / sizeof(parts[0]), out->bytes);
}

enum ee_err ee_receipt_verify(const struct ee_crypto *crypto, const struct ee_receipt *receipt,
                              const uint8_t network_id[32],
                              const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                              struct ee_receipt_fact *out)
{
    struct ee_tlog_checkpoint checkpoint;
    struct ee_tlog_hash leaf;
    struct ee_command command;
    if (memcmp(receipt->network_id, network_id, 32) != 0)
        return EE_WRONG_NETWORK;
    EE_TRY(
        ee_tlog_checkpoint_verify(crypto, receipt->note, network_id, checkpoint_key, &checkpoint));
    ee_receipt_leaf_hash(crypto, receipt->command, receipt->result, &leaf);
    EE_TRY(ee_tlog_inclusion_verify(crypto, &leaf, receipt->leaf_index, checkpoint.size,
                                    receipt->path.hashes, receipt->path.count, &checkpoint.root));
    EE_TRY(ee_command_decode(receipt->command, &command));
    if (command.seq != receipt->leaf_index + 1)
        return EE_RECEIPT;
    EE_TRY(ee_result_decode(receipt->result, &out->result));
    out->command = command;
    out->checkpoint = checkpoint;
    return EE_OK;
}
