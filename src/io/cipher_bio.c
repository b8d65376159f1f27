/* SPDX-License-Identifier: Apache-2.0 */
#include "io/cipher_bio.h"

#include <pthread.h>
#include <string.h>

#include "base/banned.h"

static BIO_METHOD *method; /* made once, never changed */
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static size_t take(struct ee_cipher *cipher, uint8_t *out, size_t room)
{
    const bool kept = cipher->received.size > 0;
    const struct ee_bytes from = kept ? ee_buffer_bytes(&cipher->received) : cipher->fresh;
    const size_t size = from.size < room ? from.size : room;
    if (size == 0)
        return 0;
    memcpy(out, from.data, size);
    if (kept)
        ee_buffer_consume(&cipher->received, size);
    else
        cipher->fresh = ee_bytes_of(from.data + size, from.size - size);
    return size;
}

/* Empty means "later", not the end. */
static int bio_read(BIO *bio, char *out, size_t room, size_t *size_out)
{
    BIO_clear_retry_flags(bio);
    *size_out = take(BIO_get_data(bio), (uint8_t *)out, room);
    if (*size_out == 0)
        BIO_set_retry_read(bio);
    return *size_out > 0;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *size_out)
{
    struct ee_cipher *cipher = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (ee_buffer_append(&cipher->sent, ee_bytes_of(data, size)) != EE_OK)
        return 0;
    *size_out = size;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static void method_make(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cipher text");
    if (method == NULL || BIO_meth_set_read_ex(method, bio_read) != 1 ||
        BIO_meth_set_write_ex(method, bio_write) != 1 ||
        BIO_meth_set_ctrl(method, bio_control) != 1) {
        BIO_meth_free(method);
        method = NULL;
    }
}

enum ee_err ee_cipher_attach(struct ee_cipher *cipher, SSL *ssl)
{
    (void)pthread_once(&method_once, method_make);
    BIO *bio = method != NULL ? BIO_new(method) : NULL;
    if (bio == NULL)
        return EE_CRYPTO;
    BIO_set_data(bio, cipher);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return EE_OK;
}

enum ee_err ee_cipher_keep(struct ee_cipher *cipher)
{
    const enum ee_err err = ee_buffer_append(&cipher->received, cipher->fresh);
    cipher->fresh = ee_bytes_of(NULL, 0);
    return err;
}

void ee_cipher_close(struct ee_cipher *cipher)
{
    ee_buffer_close(&cipher->received);
    ee_buffer_close(&cipher->sent);
}
