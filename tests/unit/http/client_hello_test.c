/* SPDX-License-Identifier: Apache-2.0 */
/* Hellos made by a real client (OpenSSL), split and cut in every way, and ones made by hand. */
#include <openssl/ssl.h>

#include "http/client_hello.h"
#include "tap.h"

enum { WIRE_MAX = 40000, HEADER = 5 };

static uint8_t wire[WIRE_MAX], records[6 * WIRE_MAX];
static size_t wire_size;
static struct ee_client_hello hello;

static int add_padding(SSL *ssl, unsigned int type, const unsigned char **out, size_t *size,
                       int *alert, void *context)
{
    static const unsigned char zeros[15000];
    (void)ssl, (void)type, (void)alert;
    *out = zeros;
    *size = *(const size_t *)context;
    return *size > 0;
}

/* The first flight of a client that asks for `name` (NULL: none), in `wire`. */
static void client_sends(const char *name, const char *protocols, size_t padding)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_add_client_custom_ext(context, 65000, add_padding, NULL, &padding, NULL, NULL);
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    if (name != NULL)
        CHECK(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       (void *)(uintptr_t)name) == 1);
    if (protocols != NULL)
        CHECK(SSL_set_alpn_protos(ssl, (const unsigned char *)protocols,
                                  (unsigned)strlen(protocols)) == 0);
    SSL_do_handshake(ssl);
    const int size = BIO_read(out, wire, sizeof wire);
    CHECK(size > 0);
    wire_size = size > 0 ? (size_t)size : 0;
    SSL_free(ssl);
    SSL_CTX_free(context);
}

static enum ee_err read_all(const uint8_t *data, size_t size)
{
    struct ee_client_hello_reader reader = {0};
    memset(&hello, 0, sizeof hello);
    return ee_client_hello_read(&reader, ee_bytes_of(data, size), &hello);
}

/* The hello in `wire`, its message cut into records of `part` bytes. */
static size_t in_records(size_t part)
{
    size_t used = 0;
    for (size_t at = HEADER; at < wire_size; at += part) {
        const size_t left = wire_size - at, size = left < part ? left : part;
        memcpy(records + used, (uint8_t[]){22, 3, 1, (uint8_t)(size >> 8), (uint8_t)size}, HEADER);
        memcpy(records + used + HEADER, wire + at, size);
        used += HEADER + size;
    }
    return used;
}

static void real_client_is_read(void)
{
    client_sends("Shop.Apps.Example", "\x02h2\x08http/1.1", 0);
    CHECK(read_all(wire, wire_size) == EE_OK);
    CHECK(strcmp(hello.server_name, "shop.apps.example") == 0);
    CHECK(ee_client_hello_offers(&hello, "h2") && ee_client_hello_offers(&hello, "http/1.1"));
    CHECK(!ee_client_hello_offers(&hello, "http/1.0") && !ee_client_hello_offers(&hello, "h"));
}

static void client_without_name_and_protocols(void)
{
    client_sends(NULL, NULL, 0);
    CHECK(read_all(wire, wire_size) == EE_OK);
    CHECK(hello.server_name[0] == '\0' && hello.protocols_size == 0);
    CHECK(!ee_client_hello_offers(&hello, "h2"));
}

static void segments_cut_anywhere(void)
{
    client_sends("a.example", "\x02h2", 0);
    for (size_t cut = 0; cut < wire_size; cut++) {
        struct ee_client_hello_reader reader = {0};
        CHECK(ee_client_hello_read(&reader, ee_bytes_of(wire, cut), &hello) == EE_TRUNCATED);
        CHECK(ee_client_hello_read(&reader, ee_bytes_of(wire, wire_size), &hello) == EE_OK);
        CHECK(reader.at == wire_size && strcmp(hello.server_name, "a.example") == 0);
    }
}

static void records_of_every_size(void)
{
    client_sends("a.example", "\x02h2", 0);
    for (size_t part = 1; part < wire_size; part++) {
        const size_t size = in_records(part);
        CHECK(read_all(records, size) == EE_OK);
        CHECK(strcmp(hello.server_name, "a.example") == 0 && ee_client_hello_offers(&hello, "h2"));
    }
}

static void single_bytes_of_single_byte_records(void)
{
    struct ee_client_hello_reader reader = {0};
    client_sends("a.example", NULL, 0);
    const size_t size = in_records(1);
    for (size_t i = 1; i < size; i++)
        CHECK(ee_client_hello_read(&reader, ee_bytes_of(records, i), &hello) == EE_TRUNCATED);
    CHECK(ee_client_hello_read(&reader, ee_bytes_of(records, size), &hello) == EE_OK);
}

static void large_hello_in_many_records(void)
{
    client_sends("a.example", "\x02h2", 15000);
    CHECK(wire_size > 15000);
    CHECK(read_all(wire, wire_size) == EE_OK && strcmp(hello.server_name, "a.example") == 0);
    CHECK(read_all(records, in_records(1400)) == EE_OK);
    CHECK(read_all(records, in_records(1)) == EE_TOO_LARGE);
}

static void what_follows_the_hello_is_not_looked_at(void)
{
    client_sends("a.example", NULL, 0);
    memset(wire + wire_size, 0xff, 100);
    CHECK(read_all(wire, wire_size + 100) == EE_OK);
}

static void other_protocol_at_its_first_byte(void)
{
    CHECK(read_all((const uint8_t *)"GET / HTTP/1.1\r\n", 16) == EE_PROTOCOL);
    CHECK(read_all((const uint8_t *)"G", 1) == EE_PROTOCOL);
    CHECK(read_all((const uint8_t[]){0x80, 0x2e, 1, 3, 1}, 5) == EE_PROTOCOL);
    CHECK(read_all((const uint8_t[]){22, 2}, 2) == EE_PROTOCOL);
    CHECK(read_all((const uint8_t[]){22, 3, 1, 0, 0}, 5) == EE_PROTOCOL);
    CHECK(read_all((const uint8_t[]){22, 3, 1, 0x40, 1}, 5) == EE_TOO_LARGE);
    CHECK(read_all((const uint8_t[]){22, 3, 1, 0, 4, 2, 0, 0, 0}, 9) == EE_PROTOCOL);
    CHECK(read_all((const uint8_t[]){22, 3, 1, 0, 4, 1, 0, 0x40, 0}, 9) == EE_TOO_LARGE);
    CHECK(read_all((const uint8_t[]){22, 3, 1, 0, 4, 1, 0, 0, 0}, 9) == EE_PROTOCOL);
    CHECK(read_all((const uint8_t[]){22, 3, 1, 0, 5, 1, 0, 0, 0, 9}, 10) == EE_PROTOCOL);
}

static void record_of_another_kind_within_the_hello(void)
{
    client_sends("a.example", NULL, 0);
    const size_t size = in_records(50);
    records[HEADER + 50] = 23;
    CHECK(read_all(records, size) == EE_PROTOCOL);
}

/* ---- by hand ---- */

static uint8_t made[30000];

/* A hello with these extensions; `extra` bytes behind their list. */
static enum ee_err read_made(const void *extensions, size_t size, size_t extra)
{
    static const uint8_t start[] = {0, 2, 0x13, 1, 1, 0};
    const size_t body = 2 + 32 + 1 + sizeof start + 2 + size + extra;
    struct ee_writer w;
    ee_writer_init(&w, made, sizeof made);
    ee_writer_bytes(&w, (uint8_t[]){22, 3, 1}, 3);
    ee_writer_u16(&w, (uint16_t)(body + 4));
    ee_writer_u32(&w, (uint32_t)(1u << 24 | body));
    ee_writer_u16(&w, 0x0303);
    ee_writer_bytes(&w, (uint8_t[33]){0}, 33);
    ee_writer_bytes(&w, start, sizeof start);
    ee_writer_u16(&w, (uint16_t)size);
    ee_writer_bytes(&w, extensions, size);
    ee_writer_bytes(&w, (uint8_t[16]){0}, extra);
    CHECK(w.err == EE_OK);
    return read_all(made, w.size);
}
#define MADE(text) read_made(text, sizeof(text) - 1, 0)

static void name_of_hand(void)
{
    CHECK(MADE("\0\0\0\x08\0\x06\0\0\x03"
               "a.b") == EE_OK);
    CHECK(strcmp(hello.server_name, "a.b") == 0);
}

static void name_with_wrong_lengths(void)
{
    CHECK(MADE("\0\0\0\x08\0\x05\0\0\x03"
               "a.b") == EE_PROTOCOL);
    CHECK(MADE("\0\0\0\x08\0\x06\0\0\x02"
               "a.b") == EE_PROTOCOL);
    CHECK(MADE("\0\0\0\x08\0\x06\0\0\x04"
               "a.b") == EE_PROTOCOL);
    CHECK(MADE("\0\0\0\x09\0\x06\0\0\x03"
               "a.b") == EE_PROTOCOL);
    CHECK(MADE("\0\0\0\0") == EE_PROTOCOL);
    CHECK(MADE("\0\0\0\x02\0\0") == EE_PROTOCOL);
    CHECK(MADE("\0\0\0\x05\0\x03\0\0\0") == EE_PROTOCOL);
}

static void two_names_or_a_name_of_another_type(void)
{
    CHECK(MADE("\0\0\0\x0a\0\x08\0\0\x01"
               "a\0\0\x01"
               "b") == EE_PROTOCOL);
    CHECK(MADE("\0\0\0\x06\0\x04\x01\0\x01"
               "a") == EE_PROTOCOL);
}

static enum ee_err named(const char *name, size_t size)
{
    static uint8_t extension[1200];
    struct ee_writer w;
    ee_writer_init(&w, extension, sizeof extension);
    ee_writer_u16(&w, 0);
    ee_writer_u16(&w, (uint16_t)(size + 5));
    ee_writer_u16(&w, (uint16_t)(size + 3));
    ee_writer_u8(&w, 0);
    ee_writer_u16(&w, (uint16_t)size);
    ee_writer_bytes(&w, name, size);
    return read_made(extension, w.size, 0);
}

static void name_that_is_no_dns_name(void)
{
    static const char *const bad[] = {".a",  "a.",    "a..b", "127.0.0.1", "1",      "a b",
                                      "a/b", "[::1]", "a:1",  "\xc3\xa4",  "a\x7f.b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(named(bad[i], strlen(bad[i])) == EE_SYNTAX);
    CHECK(named("a\0b", 3) == EE_SYNTAX);
    char label[65];
    memset(label, 'a', sizeof label);
    CHECK(named(label, 63) == EE_OK && named(label, 64) == EE_SYNTAX);
    CHECK(named("_x.a-1.B", 8) == EE_OK && strcmp(hello.server_name, "_x.a-1.b") == 0);
}

static void longest_name_and_one_more(void)
{
    char name[255];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    CHECK(named(name, 253) == EE_OK && strlen(hello.server_name) == 253);
    CHECK(named(name, 254) == EE_TOO_LARGE);
}

static void protocols_with_wrong_lengths(void)
{
    CHECK(MADE("\0\x10\0\x05\0\x03\x02h2") == EE_OK && ee_client_hello_offers(&hello, "h2"));
    CHECK(MADE("\0\x10\0\x05\0\x03\x03h2") == EE_PROTOCOL);
    CHECK(MADE("\0\x10\0\x05\0\x02\x02h2") == EE_PROTOCOL);
    CHECK(MADE("\0\x10\0\x06\0\x04\x02h2\0") == EE_PROTOCOL);
    CHECK(MADE("\0\x10\0\x02\0\0") == EE_PROTOCOL);
    CHECK(MADE("\0\x10\0\0") == EE_PROTOCOL);
}

static void more_protocols_than_are_kept(void)
{
    static uint8_t extension[6 + EE_CLIENT_HELLO_PROTOCOLS_MAX + 2];
    for (size_t size = EE_CLIENT_HELLO_PROTOCOLS_MAX; size <= EE_CLIENT_HELLO_PROTOCOLS_MAX + 2;
         size += 2) {
        struct ee_writer w;
        ee_writer_init(&w, extension, sizeof extension);
        ee_writer_u16(&w, 16);
        ee_writer_u16(&w, (uint16_t)(size + 2));
        ee_writer_u16(&w, (uint16_t)size);
        for (size_t i = 0; i < size; i += 2)
            ee_writer_bytes(&w, "\x01x", 2);
        CHECK(read_made(extension, w.size, 0) ==
              (size > EE_CLIENT_HELLO_PROTOCOLS_MAX ? EE_TOO_LARGE : EE_OK));
    }
}

static void extension_twice(void)
{
    CHECK(MADE("\x0a\x0a\0\0\x1a\x1a\0\x01z\x0a\x0a\0\0") == EE_DUPLICATE_FIELD);
    CHECK(MADE("\x0a\x0a\0\0\x1a\x1a\0\x01z") == EE_OK);
}

static void extensions_up_to_the_limit(void)
{
    uint8_t list[(EE_CLIENT_HELLO_EXTENSIONS_MAX + 1) * 4] = {0};
    for (size_t i = 0; i <= EE_CLIENT_HELLO_EXTENSIONS_MAX; i++) {
        list[4 * i] = 0x50;
        list[4 * i + 1] = (uint8_t)i;
    }
    CHECK(read_made(list, sizeof list - 4, 0) == EE_OK);
    CHECK(read_made(list, sizeof list, 0) == EE_TOO_LARGE);
}

static void list_that_ends_early_or_late(void)
{
    CHECK(read_made("", 0, 0) == EE_OK);
    CHECK(read_made("", 0, 1) == EE_PROTOCOL);
    CHECK(MADE("\x0a\x0a\0") == EE_PROTOCOL);
    CHECK(MADE("\x0a\x0a\0\x02z") == EE_PROTOCOL);
}

static void every_prefix_and_every_changed_byte(void)
{
    client_sends("a.example", "\x02h2", 0);
    static uint8_t copy[WIRE_MAX];
    for (size_t i = 0; i < wire_size; i++) {
        memcpy(copy, wire, wire_size);
        copy[i] ^= 0x80;
        const enum ee_err err = read_all(copy, wire_size);
        CHECK(err == EE_OK || err == EE_PROTOCOL || err == EE_TRUNCATED || err == EE_TOO_LARGE ||
              err == EE_SYNTAX || err == EE_DUPLICATE_FIELD);
        CHECK(read_all(wire, i) == EE_TRUNCATED);
    }
}

TESTS(TEST(real_client_is_read), TEST(client_without_name_and_protocols),
      TEST(segments_cut_anywhere), TEST(records_of_every_size),
      TEST(single_bytes_of_single_byte_records), TEST(large_hello_in_many_records),
      TEST(what_follows_the_hello_is_not_looked_at), TEST(other_protocol_at_its_first_byte),
      TEST(record_of_another_kind_within_the_hello), TEST(name_of_hand),
      TEST(name_with_wrong_lengths), TEST(two_names_or_a_name_of_another_type),
      TEST(name_that_is_no_dns_name), TEST(longest_name_and_one_more),
      TEST(protocols_with_wrong_lengths), TEST(more_protocols_than_are_kept), TEST(extension_twice),
      TEST(extensions_up_to_the_limit), TEST(list_that_ends_early_or_late),
      TEST(every_prefix_and_every_changed_byte))
