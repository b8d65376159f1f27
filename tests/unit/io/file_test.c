/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/address.h"
#include "io/buffer.h"
#include "io/file.h"
#include "tap.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (unsigned)(status.st_mode & 07777) : 0;
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/ee-file-test-XXXXXX");
    if (!mkdtemp(folder))
        abort();
}

static void write_then_read_back(void)
{
    struct ee_file_data data = {0};
    CHECK(ee_file_write(in_folder("a"), ee_bytes_of("one\0two", 7), 0640) == EE_OK);
    CHECK(mode_of(in_folder("a")) == 0640);
    CHECK(ee_file_read(in_folder("a"), 7, &data) == EE_OK);
    CHECK(data.size == 7 && memcmp(data.data, "one\0two", 8) == 0); /* with the NUL behind */
    ee_file_data_free(&data);
    CHECK(ee_file_read(in_folder("a"), 6, &data) == EE_TOO_LARGE);
    CHECK(ee_file_write(in_folder("a"), ee_bytes_of(NULL, 0), 0600) == EE_OK);
    CHECK(ee_file_read(in_folder("a"), 0, &data) == EE_OK && data.size == 0 && data.data);
    ee_file_data_free(&data);
    CHECK(ee_file_exists(in_folder("a")) && !ee_file_exists(in_folder("b")));
}

static void file_larger_than_one_read(void)
{
    enum { SIZE = 300 * 1000 };
    struct ee_file_data data = {0};
    uint8_t *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i / 3);
    CHECK(ee_file_write(in_folder("large"), ee_bytes_of(bytes, SIZE), 0600) == EE_OK);
    CHECK(ee_file_read(in_folder("large"), SIZE, &data) == EE_OK);
    CHECK(ee_bytes_equal(ee_file_bytes(&data), ee_bytes_of(bytes, SIZE)));
    ee_file_data_free(&data);
    CHECK(ee_file_read(in_folder("large"), SIZE - 1, &data) == EE_TOO_LARGE);
    free(bytes);
}

static void missing_file_or_folder(void)
{
    struct ee_file_data data = {0};
    CHECK(ee_file_read(in_folder("no/such"), 10, &data) == EE_NOT_FOUND);
    CHECK(ee_file_read(folder, 10, &data) == EE_UNSUPPORTED);
    CHECK(ee_file_write(in_folder("no/such"), ee_bytes_str("x"), 0600) == EE_NOT_FOUND);
}

static void secret_that_others_may_read(void)
{
    struct ee_file_data data = {0};
    CHECK(ee_file_write(in_folder("key"), ee_bytes_str("k"), 0600) == EE_OK);
    CHECK(ee_file_read_secret(in_folder("key"), 10, &data) == EE_OK);
    ee_file_data_free(&data);
    static const mode_t modes[] = {0640, 0604, 0610, 0666};
    for (size_t i = 0; i < 4; i++) {
        CHECK(chmod(in_folder("key"), modes[i]) == 0);
        CHECK(ee_file_read_secret(in_folder("key"), 10, &data) == EE_FORBIDDEN);
    }
}

static void failed_write_leaves_the_old_file_and_no_other(void)
{
    CHECK(mkdir(in_folder("taken"), 0700) == 0);
    CHECK(mkdir(in_folder("taken/inside"), 0700) == 0);
    CHECK(ee_file_write(in_folder("taken"), ee_bytes_str("x"), 0600) == EE_IO);
    CHECK(ee_file_exists(in_folder("taken/inside")));
    char command[300];
    (void)snprintf(command, sizeof(command), "ls -a %s | grep -q 'tmp$'", folder);
    CHECK(system(command) != 0);
}

static void folders_are_private(void)
{
    CHECK(ee_file_make_folder(in_folder("x/y/z")) == EE_OK);
    CHECK(mode_of(in_folder("x")) == 0700 && mode_of(in_folder("x/y/z")) == 0700);
    CHECK(ee_file_make_folder(in_folder("x/y/z/")) == EE_OK);
    CHECK(ee_file_make_folder(in_folder("a/b")) == EE_IO); /* a is a file */
    CHECK(ee_file_make_folder("") == EE_RANGE);
}

static void lock_held_by_somebody(void)
{
    int first = -1, second = -1;
    CHECK(ee_file_lock(in_folder("lock"), &first) == EE_OK && first >= 0);
    CHECK(ee_file_lock(in_folder("lock"), &second) == EE_JOURNAL_LOCKED && second == -1);
    ee_file_unlock(first);
    CHECK(ee_file_lock(in_folder("lock"), &second) == EE_OK);
    ee_file_unlock(second);
    ee_file_unlock(-1);
}

static void addresses_as_text(void)
{
    static const char *const good[][2] = {{"127.0.0.1:8443", "127.0.0.1:8443"},
                                          {"localhost:1", "127.0.0.1:1"},
                                          {"[::1]:0", "[::1]:0"},
                                          {"192.0.2.7:65535", "192.0.2.7:65535"}};
    static const char *const bad[] = {"",        "127.0.0.1",    "127.0.0.1:",   "127.0.0.1:65536",
                                      ":80",     "::1:80",       "[::1:80",      "[127.0.0.1]:80",
                                      "a.b:80",  "127.0.0.1:+1", "127.0.0.1:08", "[]:1",
                                      "[::1]80", "127.1:80"};
    struct ee_address address;
    char text[EE_ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < 4; i++) {
        CHECK(ee_address_parse(good[i][0], &address) == EE_OK);
        CHECK(strcmp(ee_address_format(&address, text), good[i][1]) == 0);
        CHECK(ee_address_is_loopback(&address) == (i != 3));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ee_address_parse(bad[i], &address) == EE_SYNTAX);
    CHECK(ee_address_parse("[::ffff:127.0.0.1]:1", &address) == EE_OK);
    CHECK(ee_address_is_loopback(&address) && ee_address_port(&address) == 1);
}

/* Against a plain array, by a fixed sequence of steps. */
static void buffer_keeps_bytes_in_order(void)
{
    struct ee_buffer buffer = {0};
    uint8_t put = 0, next = 0;
    bool same = true;
    for (unsigned step = 0; step < 5000; step++) {
        uint8_t part[97];
        size_t size = (step * 31) % sizeof(part);
        for (size_t i = 0; i < size; i++)
            part[i] = put++;
        REQUIRE(ee_buffer_append(&buffer, ee_bytes_of(part, size)) == EE_OK);
        size_t take = (step * 17) % 101 < buffer.size ? (step * 17) % 101 : buffer.size;
        for (size_t i = 0; i < take; i++)
            same = same && ee_buffer_bytes(&buffer).data[i] == next++;
        ee_buffer_consume(&buffer, take);
    }
    CHECK(same);
    ee_buffer_consume(&buffer, buffer.size);
    CHECK(ee_buffer_bytes(&buffer).size == 0);
    ee_buffer_close(&buffer);
}

static void remove_folder(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK(system(command) == 0);
}

/* Where a stranger's webhook may not lead us: RFC 6890 and the registries it founded. */
static void addresses_that_are_not_public(void)
{
    static const char *const inside[] = {"0.0.0.0:1",
                                         "10.1.2.3:1",
                                         "100.64.0.1:1",
                                         "127.0.0.1:1",
                                         "169.254.169.254:80",
                                         "172.31.255.255:1",
                                         "192.168.1.1:1",
                                         "192.0.2.1:1",
                                         "198.19.0.1:1",
                                         "203.0.113.9:1",
                                         "224.0.0.1:1",
                                         "255.255.255.255:1",
                                         "[::]:1",
                                         "[::1]:1",
                                         "[fe80::1]:1",
                                         "[fd00::1]:1",
                                         "[ff02::1]:1",
                                         "[::ffff:10.0.0.1]:1",
                                         "[64:ff9b::7f00:1]:1",
                                         "[2002:a00:1::]:1",
                                         "[2001::1]:1",
                                         "[2001:db8::1]:1",
                                         "[100::1]:1"};
    static const char *const outside[] = {"1.1.1.1:443", "172.32.0.1:1", "100.128.0.1:1",
                                          "[2606:4700::1111]:443", "[::ffff:8.8.8.8]:1"};
    struct ee_address address;
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        CHECK(ee_address_parse(inside[i], &address) == EE_OK && !ee_address_is_public(&address));
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        CHECK(ee_address_parse(outside[i], &address) == EE_OK && ee_address_is_public(&address));
}

TESTS(TEST(make_folder), TEST(write_then_read_back), TEST(file_larger_than_one_read),
      TEST(missing_file_or_folder), TEST(secret_that_others_may_read),
      TEST(failed_write_leaves_the_old_file_and_no_other), TEST(folders_are_private),
      TEST(lock_held_by_somebody), TEST(addresses_as_text), TEST(addresses_that_are_not_public),
      TEST(buffer_keeps_bytes_in_order), TEST(remove_folder))
