/* SPDX-License-Identifier: Apache-2.0 */
/* The server end against an OpenSSL client in memory. */
#include "io/tls_pipe.h"

#include <string.h>

#include <openssl/ssl.h>

#include "io/x509.h"

#include "tap.h"

static struct ee_tls *settings;
static SSL_CTX *context;
static SSL *client;
static BIO *to_client, *from_client;
static struct ee_tls_pipe *server;
static uint8_t bytes[64 * 1024], plain[64 * 1024];

static void begin(const char *protocols)
{
    static const uint8_t ours[] = "\x0d"
                                  "ee-evidence/1"
                                  "\x08"
                                  "http/1.1";
    static struct ee_pem key, certificate;
    const struct ee_x509_subject subject = {.common_name = "x"};
    const struct ee_x509_validity validity = {0, 4000000000};
    CHECK(ee_x509_key_new(&key) == EE_OK);
    CHECK(ee_x509_self_signed(ee_pem_bytes(&key), &subject, validity, &certificate) == EE_OK);
    const struct ee_tls_server_options options = {.certificate_pem = ee_pem_bytes(&certificate),
                                                  .key_pem = ee_pem_bytes(&key),
                                                  .protocols = ee_bytes_of(ours, sizeof(ours) - 1)};
    CHECK(ee_tls_server_new(&options, &settings) == EE_OK);
    CHECK(ee_tls_pipe_new(settings, &server) == EE_OK);
    context = SSL_CTX_new(TLS_client_method());
    client = SSL_new(context);
    to_client = BIO_new(BIO_s_mem());
    from_client = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(to_client, -1);
    SSL_set_bio(client, to_client, from_client);
    SSL_set_connect_state(client);
    if (protocols)
        CHECK(SSL_set_alpn_protos(client, (const uint8_t *)protocols,
                                  (unsigned)strlen(protocols)) == 0);
}

static void end(void)
{
    SSL_free(client);
    SSL_CTX_free(context);
    ee_tls_pipe_free(server);
    ee_tls_free(settings);
}

/* What each side has for the other; at most `step` bytes at a time towards the server. What the
 * server read is in plain[]. */
static enum ee_err exchange(int step, size_t *got)
{
    size_t size;
    for (unsigned turn = 0; turn < 20000; turn++) {
        int sent = BIO_read(from_client, bytes, step);
        if (sent > 0)
            CHECK(ee_tls_pipe_receive(server, ee_bytes_of(bytes, (size_t)sent)) == EE_OK);
        enum ee_err err = ee_tls_pipe_read(server, plain + *got, sizeof(plain) - *got, &size);
        *got += size;
        size_t back = ee_tls_pipe_output(server, bytes, sizeof(bytes));
        if (back > 0)
            (void)BIO_write(to_client, bytes, (int)back);
        if (err != EE_OK)
            return err;
        if (!SSL_is_init_finished(client))
            (void)SSL_do_handshake(client);
        if (sent <= 0 && size == 0 && back == 0 && BIO_ctrl_pending(from_client) == 0)
            return EE_OK;
    }
    return EE_TIMEOUT;
}

static void bytes_one_at_a_time(void)
{
    static const int steps[] = {1, 7, 16384};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        size_t got = 0;
        char protocol[EE_TLS_PROTOCOL_SIZE];
        uint8_t here[32], there[32];
        begin("\x02h2\x08http/1.1");
        CHECK(ee_tls_pipe_write(server, ee_bytes_str("early")) == EE_STATE);
        CHECK(exchange(steps[i], &got) == EE_OK && ee_tls_pipe_is_open(server) && got == 0);
        ee_tls_pipe_protocol(server, protocol);
        CHECK(strcmp(protocol, "http/1.1") == 0);
        CHECK(ee_tls_pipe_exporter(server, "EXPORTER-x", here) == EE_OK);
        CHECK(SSL_export_keying_material(client, there, 32, "EXPORTER-x", 10, here, 0, 1) == 1);
        CHECK(memcmp(here, there, 32) == 0);
        CHECK(SSL_write(client, "question", 8) == 8);
        CHECK(exchange(steps[i], &got) == EE_OK && got == 8 && memcmp(plain, "question", 8) == 0);
        CHECK(ee_tls_pipe_write(server, ee_bytes_str("answer")) == EE_OK);
        CHECK(exchange(steps[i], &got) == EE_OK);
        CHECK(SSL_read(client, plain, sizeof(plain)) == 6 && memcmp(plain, "answer", 6) == 0);
        end();
    }
}

static void each_direction_ends_by_itself(void)
{
    size_t got = 0;
    begin(NULL);
    CHECK(exchange(16384, &got) == EE_OK);
    CHECK(SSL_shutdown(client) == 0);
    CHECK(exchange(16384, &got) == EE_CLOSED);
    CHECK(ee_tls_pipe_write(server, ee_bytes_str("still")) == EE_OK);
    ee_tls_pipe_finish(server);
    CHECK(ee_tls_pipe_write(server, ee_bytes_str("no")) == EE_STATE);
    CHECK(ee_tls_pipe_pending(server) > 0);
    CHECK(exchange(16384, &got) == EE_CLOSED);
    CHECK(SSL_read(client, plain, sizeof(plain)) == 5);
    CHECK(SSL_read(client, plain, sizeof(plain)) == 0);
    CHECK(SSL_get_shutdown(client) & SSL_RECEIVED_SHUTDOWN);
    end();
}

static void no_protocol_in_common_is_no_protocol(void)
{
    size_t got = 0;
    char protocol[EE_TLS_PROTOCOL_SIZE];
    begin("\x02h2");
    CHECK(exchange(16384, &got) == EE_OK && ee_tls_pipe_is_open(server));
    ee_tls_pipe_protocol(server, protocol);
    CHECK(protocol[0] == '\0');
    end();
}

static void what_is_no_hello_gets_an_alert(void)
{
    size_t size = 0;
    begin(NULL);
    CHECK(ee_tls_pipe_receive(server, ee_bytes_of("\x16\x03\x01\0\x04\x02\0\0\0", 9)) == EE_OK);
    CHECK(ee_tls_pipe_read(server, plain, sizeof(plain), &size) == EE_TLS);
    CHECK(ee_tls_pipe_output(server, bytes, sizeof(bytes)) >= 7 && bytes[0] == 21);
    end();
}

static void older_tls_is_refused(void)
{
    size_t got = 0;
    begin(NULL);
    CHECK(SSL_set_max_proto_version(client, TLS1_2_VERSION) == 1);
    CHECK(exchange(16384, &got) == EE_TLS && !ee_tls_pipe_is_open(server));
    end();
}

TESTS(TEST(bytes_one_at_a_time), TEST(each_direction_ends_by_itself),
      TEST(no_protocol_in_common_is_no_protocol), TEST(what_is_no_hello_gets_an_alert),
      TEST(older_tls_is_refused))
