/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls_pipe.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/alloc.h"

#include "base/banned.h"

enum { RECORD_SIZE = 16 * 1024 }; /* largest plain text of a record, RFC 8446 section 5.1 */

struct ee_tls_pipe {
    SSL *ssl; /* owns the two BIOs */
    BIO *in, *out;
    bool finished;
};

enum ee_err ee_tls_pipe_new(struct ee_tls *tls, struct ee_tls_pipe **out)
{
    struct ee_tls_pipe *pipe = ee_alloc(&ee_allocator_system, 1, sizeof(*pipe));
    if (!pipe)
        return EE_NO_MEMORY;
    pipe->ssl = ee_tls_is_server(tls) ? SSL_new(ee_tls_context(tls)) : NULL;
    pipe->in = BIO_new(BIO_s_mem());
    pipe->out = BIO_new(BIO_s_mem());
    if (!pipe->ssl || !pipe->in || !pipe->out) {
        SSL_free(pipe->ssl);
        BIO_free(pipe->in);
        BIO_free(pipe->out);
        ee_free(&ee_allocator_system, pipe);
        return EE_CRYPTO;
    }
    BIO_set_mem_eof_return(pipe->in, -1); /* empty means "later", not the end */
    BIO_set_mem_eof_return(pipe->out, -1);
    SSL_set_bio(pipe->ssl, pipe->in, pipe->out);
    SSL_set_accept_state(pipe->ssl);
    *out = pipe;
    return EE_OK;
}

void ee_tls_pipe_free(struct ee_tls_pipe *pipe)
{
    if (!pipe)
        return;
    SSL_free(pipe->ssl);
    ee_free(&ee_allocator_system, pipe);
}

enum ee_err ee_tls_pipe_receive(struct ee_tls_pipe *pipe, struct ee_bytes cipher)
{
    if (cipher.size == 0)
        return EE_OK;
    int taken = BIO_write(pipe->in, cipher.data, (int)cipher.size);
    return taken == (int)cipher.size ? EE_OK : EE_NO_MEMORY;
}

enum ee_err ee_tls_pipe_read(struct ee_tls_pipe *pipe, uint8_t *out, size_t capacity,
                             size_t *size_out)
{
    ERR_clear_error();
    int size = SSL_read(pipe->ssl, out, (int)capacity); /* does the handshake too */
    *size_out = size > 0 ? (size_t)size : 0;
    if (size > 0)
        return EE_OK;
    int error = SSL_get_error(pipe->ssl, size);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ)
        return EE_OK;
    return error == SSL_ERROR_ZERO_RETURN ? EE_CLOSED : EE_TLS;
}

bool ee_tls_pipe_is_open(const struct ee_tls_pipe *pipe)
{
    return SSL_is_init_finished(pipe->ssl) == 1;
}

enum ee_err ee_tls_pipe_write(struct ee_tls_pipe *pipe, struct ee_bytes plain)
{
    if (!ee_tls_pipe_is_open(pipe) || pipe->finished)
        return EE_STATE;
    ERR_clear_error();
    for (size_t done = 0; done < plain.size;) {
        size_t part = plain.size - done < RECORD_SIZE ? plain.size - done : RECORD_SIZE;
        int written = SSL_write(pipe->ssl, plain.data + done, (int)part);
        if (written <= 0)
            return EE_TLS;
        done += (size_t)written;
    }
    return EE_OK;
}

void ee_tls_pipe_finish(struct ee_tls_pipe *pipe)
{
    if (pipe->finished || !ee_tls_pipe_is_open(pipe))
        return;
    pipe->finished = true;
    (void)SSL_shutdown(pipe->ssl); /* 0: the peer's is still to come */
    ERR_clear_error();
}

size_t ee_tls_pipe_output(struct ee_tls_pipe *pipe, uint8_t *out, size_t capacity)
{
    int size = BIO_read(pipe->out, out, (int)capacity);
    return size > 0 ? (size_t)size : 0;
}

size_t ee_tls_pipe_pending(const struct ee_tls_pipe *pipe)
{
    return BIO_ctrl_pending(pipe->out);
}

void ee_tls_pipe_protocol(const struct ee_tls_pipe *pipe, char out[EE_TLS_PROTOCOL_SIZE])
{
    ee_tls_protocol_get(pipe->ssl, out);
}

enum ee_err ee_tls_pipe_exporter(const struct ee_tls_pipe *pipe, const char *label,
                                 uint8_t out[EE_TLS_EXPORTER_SIZE])
{
    static const unsigned char empty[1];
    uint8_t material[EE_TLS_EXPORTER_SIZE];
    if (SSL_export_keying_material(pipe->ssl, material, sizeof(material), label, strlen(label),
                                   empty, 0, 1) != 1)
        return EE_CRYPTO;
    memcpy(out, material, sizeof(material));
    ee_wipe(material, sizeof(material));
    return EE_OK;
}
