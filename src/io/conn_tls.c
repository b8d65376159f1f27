/* SPDX-License-Identifier: Apache-2.0 */
#include "io/conn_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/banned.h"

enum {
    RECORD_SIZE = 16 * 1024,        /* largest plaintext of a record, RFC 8446 section 5.1 */
    RECORD_EXTRA = 64,              /* more than a record adds to it */
    ENCRYPT_SIZE = 4 * RECORD_SIZE, /* in one go */
    CIPHER_OWED_MAX = 1024 * 1024,  /* what a peer that does not read may make us answer */
};

enum ee_err ee_conn_tls_attach(struct ee_conn *conn, struct ee_tls *tls)
{
    SSL *ssl = SSL_new(ee_tls_context(tls));
    if (!ssl || ee_cipher_attach(&conn->cipher, ssl) != EE_OK) {
        SSL_free(ssl);
        return EE_CRYPTO;
    }
    if (ee_tls_is_server(tls))
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    conn->ssl = ssl;
    return EE_OK;
}

enum ee_err ee_conn_tls_name(struct ee_conn *conn, bool judged_by_attestation)
{
    const char *name = conn->server_name;
    uint8_t numeric[16];
    bool is_address =
        inet_pton(AF_INET, name, numeric) == 1 || inet_pton(AF_INET6, name, numeric) == 1;
    bool ok = true;
    if (!is_address) /* RFC 6066 section 3: no addresses in SNI */
        ok = SSL_set_tlsext_host_name(conn->ssl, conn->server_name) == 1;
    if (ok && !judged_by_attestation)
        ok = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(conn->ssl), name) == 1
                        : SSL_set1_host(conn->ssl, name) == 1;
    return ok ? EE_OK : EE_CRYPTO;
}

/* Tells the peer by the alert that OpenSSL has prepared. */
static void fail(struct ee_conn *conn, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *words = code ? ERR_reason_error_string(code) : NULL;
    long verdict = SSL_get_verify_result(conn->ssl);
    if (verdict != X509_V_OK)
        words = X509_verify_cert_error_string(verdict);
    (void)snprintf(conn->reason, sizeof(conn->reason), "%s: %s", what, words ? words : "unknown");
    ERR_clear_error();
    ee_conn_flush(conn);
    ee_conn_destroy(conn, EE_TLS, "", false);
}

void ee_conn_tls_receive(struct ee_conn *conn, struct ee_bytes bytes)
{
    conn->cipher.fresh = bytes;
    ee_conn_tls_pump(conn);
    if (ee_cipher_keep(&conn->cipher) != EE_OK)
        ee_conn_destroy(conn, EE_NO_MEMORY, "no memory for received bytes", true);
}

static bool handshake(struct ee_conn *conn)
{
    ERR_clear_error();
    int result = SSL_do_handshake(conn->ssl);
    if (result == 1) {
        const char *asked = SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name);
        if (SSL_is_server(conn->ssl) && asked)
            (void)snprintf(conn->server_name, sizeof(conn->server_name), "%s", asked);
        ee_conn_became_open(conn);
        return true;
    }
    if (SSL_get_error(conn->ssl, result) != SSL_ERROR_WANT_READ)
        fail(conn, "TLS handshake");
    return false;
}

/* One record; false when there is nothing more to do now. */
static bool decrypt(struct ee_conn *conn)
{
    uint8_t *plain = ee_loop_record(conn->loop);
    ERR_clear_error();
    int size = SSL_read(conn->ssl, plain, EE_LOOP_RECORD_SIZE);
    if (size > 0) {
        ee_conn_deliver(conn, ee_bytes_of(plain, (size_t)size));
        return true;
    }
    int error = SSL_get_error(conn->ssl, size);
    if (error == SSL_ERROR_ZERO_RETURN)
        ee_conn_peer_ended(conn);
    else if (error != SSL_ERROR_WANT_READ)
        fail(conn, "TLS record");
    return false;
}

static void check_end(struct ee_conn *conn)
{
    if (conn->state == EE_CONN_HANDSHAKE)
        ee_conn_destroy(conn, EE_TLS, "the peer ended during the TLS handshake", false);
    else if (conn->state == EE_CONN_OPEN && !conn->ended && !conn->paused)
        ee_conn_destroy(conn, EE_CLOSED, "the peer ended without TLS close_notify", false);
}

void ee_conn_tls_pump(struct ee_conn *conn)
{
    bool more = true;
    if (conn->state == EE_CONN_HANDSHAKE)
        more = handshake(conn);
    while (more && conn->state == EE_CONN_OPEN && !conn->paused && !conn->ended)
        more = decrypt(conn);
    if (conn->state == EE_CONN_CLOSED)
        return;
    if (conn->cipher.sent.size > CIPHER_OWED_MAX) {
        ee_conn_destroy(conn, EE_PROTOCOL, "the peer asks for answers and does not read", true);
        return;
    }
    if (conn->cipher.sent.size > 0)
        ee_conn_work_later(conn);
    if (conn->input_over)
        check_end(conn);
}

enum ee_err ee_conn_tls_encrypt(struct ee_conn *conn)
{
    struct ee_bytes plain = ee_buffer_bytes(&conn->queue);
    size_t left = plain.size < ENCRYPT_SIZE ? plain.size : ENCRYPT_SIZE;
    (void)ee_buffer_reserve(&conn->cipher.sent, left + RECORD_EXTRA * (left / RECORD_SIZE + 1));
    ERR_clear_error();
    for (size_t done = 0; left > 0;) {
        size_t part = left < RECORD_SIZE ? left : RECORD_SIZE;
        int written = SSL_write(conn->ssl, plain.data + done, (int)part);
        if (written <= 0)
            return EE_TLS;
        done += (size_t)written;
        left -= (size_t)written;
        if (left == 0)
            ee_buffer_consume(&conn->queue, done);
    }
    if (conn->finish_wanted && conn->queue.size == 0 && !conn->notified) {
        conn->notified = true;
        (void)SSL_shutdown(conn->ssl); /* 0: the peer's is still to come */
        ERR_clear_error();
    }
    return EE_OK;
}

const char *ee_conn_alpn(const struct ee_conn *conn)
{
    const unsigned char *name = NULL;
    unsigned size = 0;
    if (conn->ssl)
        SSL_get0_alpn_selected(conn->ssl, &name, &size);
    if (size == 2) /* nothing but "h2" and "http/1.1" is ever agreed on */
        return "h2";
    return size > 0 ? "http/1.1" : "";
}

int ee_conn_tls_version(const struct ee_conn *conn)
{
    return conn->ssl ? SSL_version(conn->ssl) : 0;
}

static enum ee_err ready(const struct ee_conn *conn)
{
    if (!conn->ssl)
        return EE_NOT_FOUND;
    return SSL_is_init_finished(conn->ssl) == 1 ? EE_OK : EE_STATE;
}

enum ee_err ee_conn_peer_key_hash(const struct ee_conn *conn, uint8_t out[EE_SHA256_SIZE])
{
    EE_TRY(ready(conn));
    X509 *certificate = SSL_get0_peer_certificate(conn->ssl);
    if (!certificate)
        return EE_NOT_FOUND;
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool ok = size > 0 && EVP_Digest(der, (size_t)size, out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return ok ? EE_OK : EE_CRYPTO;
}

enum ee_err ee_conn_exporter(const struct ee_conn *conn, const char *label,
                             uint8_t out[EE_TLS_EXPORTER_SIZE])
{
    static const unsigned char empty[1];
    EE_TRY(ready(conn));
    uint8_t material[EE_TLS_EXPORTER_SIZE];
    if (SSL_export_keying_material(conn->ssl, material, sizeof(material), label, strlen(label),
                                   empty, 0, 1) != 1)
        return EE_CRYPTO;
    memcpy(out, material, sizeof(material));
    ee_wipe(material, sizeof(material));
    return EE_OK;
}
