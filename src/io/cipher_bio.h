/* SPDX-License-Identifier: Apache-2.0 */
/* Private to io: the two ends of OpenSSL's engine that carry cipher text of a connection, without
 * the copies of memory BIOs. Reading takes what was just received in place, writing appends to a
 * queue that goes to the socket as it is. */
#ifndef EE_IO_CIPHER_BIO_H
#define EE_IO_CIPHER_BIO_H

#include <openssl/ssl.h>

#include "io/buffer.h"

struct ee_cipher {
    struct ee_bytes fresh;     /* received, borrowed; behind `received` */
    struct ee_buffer received; /* what had to be kept */
    struct ee_buffer sent;     /* for the socket */
};

/* Both BIOs of `ssl` read from and write to `cipher`, which outlives it and does not move.
 * EE_CRYPTO. */
EE_MUST_USE enum ee_err ee_cipher_attach(struct ee_cipher *cipher, SSL *ssl);
/* The memory of `fresh` goes: what is left of it is kept. EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_cipher_keep(struct ee_cipher *cipher);
void ee_cipher_close(struct ee_cipher *cipher);

#endif
