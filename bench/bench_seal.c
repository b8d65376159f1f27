/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_seal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/banned.h"

enum { NONCE_SIZE = 12, TAG_SIZE = 16 };

struct sealer {
    EVP_CIPHER *cipher;
    uint64_t number; /* nonce of the next batch; the key lives as long as the process */
};

static const unsigned char key[32] = {9};

static bool crypt(EVP_CIPHER_CTX *ctx, struct ee_bytes associated, struct ee_bytes in, uint8_t *out)
{
    int size = 0;
    return EVP_CipherUpdate(ctx, NULL, &size, associated.data, (int)associated.size) == 1 &&
           EVP_CipherUpdate(ctx, out, &size, in.data, (int)in.size) == 1;
}

static enum ee_err seal(void *context, struct ee_bytes associated, struct ee_bytes plain,
                        uint8_t *out, size_t capacity, size_t *size_out)
{
    struct sealer *s = context;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int size = 0;
    if (ctx == NULL || capacity < plain.size + NONCE_SIZE + TAG_SIZE)
        return EE_NO_MEMORY;
    memset(out, 0, NONCE_SIZE);
    memcpy(out, &s->number, sizeof(s->number));
    s->number++;
    uint8_t *tag = out + NONCE_SIZE + plain.size;
    bool ok = EVP_CipherInit_ex2(ctx, s->cipher, key, out, 1, NULL) == 1 &&
              crypt(ctx, associated, plain, out + NONCE_SIZE) &&
              EVP_CipherFinal_ex(ctx, tag, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *size_out = plain.size + NONCE_SIZE + TAG_SIZE;
    return ok ? EE_OK : EE_CRYPTO;
}

static enum ee_err open(void *context, struct ee_bytes associated, struct ee_bytes sealed,
                        uint8_t *out, size_t capacity, size_t *size_out)
{
    struct sealer *s = context;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t tag[TAG_SIZE];
    int size = 0;
    if (ctx == NULL || sealed.size < NONCE_SIZE + TAG_SIZE || capacity < sealed.size)
        return EE_SEAL_OPEN;
    struct ee_bytes cipher =
        ee_bytes_of(sealed.data + NONCE_SIZE, sealed.size - NONCE_SIZE - TAG_SIZE);
    memcpy(tag, cipher.data + cipher.size, TAG_SIZE);
    bool ok = EVP_CipherInit_ex2(ctx, s->cipher, key, sealed.data, 0, NULL) == 1 &&
              crypt(ctx, associated, cipher, out) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
              EVP_CipherFinal_ex(ctx, out + cipher.size, &size) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *size_out = cipher.size;
    return ok ? EE_OK : EE_SEAL_OPEN;
}

void bench_seal_init(struct ee_journal_seal *out)
{
    struct sealer *s = calloc(1, sizeof(*s));
    if (s == NULL || (s->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL)) == NULL)
        abort();
    *out = (struct ee_journal_seal){s, NONCE_SIZE + TAG_SIZE, seal, open};
}

void bench_seal_close(struct ee_journal_seal *seal)
{
    struct sealer *s = seal->context;
    EVP_CIPHER_free(s->cipher);
    free(s);
}
