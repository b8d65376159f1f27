/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client_hello.h"

#include <string.h>

#include "base/banned.h"

enum { RECORD_HANDSHAKE = 22, RECORD_MAX = 16384, RECORD_HEADER_SIZE = 5 };
enum { CLIENT_HELLO = 1, MESSAGE_HEADER_SIZE = 4 };
enum { EXTENSION_SERVER_NAME = 0, EXTENSION_PROTOCOLS = 16 };
enum { NAME_HOST = 0, LABEL_MAX = 63, SESSION_ID_MAX = 32, RANDOM_SIZE = 32 };

/* ---- records ---- */

static enum ee_err record_header(struct ee_client_hello_reader *r)
{
    const size_t size = (size_t)r->header[3] << 8 | r->header[4];
    if (r->header[0] != RECORD_HANDSHAKE || r->header[1] != 3 || size == 0)
        return EE_PROTOCOL;
    if (size > RECORD_MAX)
        return EE_TOO_LARGE;
    r->record_left = size;
    r->header_size = 0;
    return EE_OK;
}

/* The header is judged byte by byte, so that another protocol is refused at its first byte. */
static enum ee_err header_byte(struct ee_client_hello_reader *r, uint8_t byte)
{
    if (r->header_size == 0 && byte != RECORD_HANDSHAKE)
        return EE_PROTOCOL;
    if (r->header_size == 1 && byte != 3)
        return EE_PROTOCOL;
    r->header[r->header_size++] = byte;
    return r->header_size < RECORD_HEADER_SIZE ? EE_OK : record_header(r);
}

static enum ee_err message_header(struct ee_client_hello_reader *r)
{
    const size_t size = (size_t)r->message[1] << 16 | (size_t)r->message[2] << 8 | r->message[3];
    if (r->message[0] != CLIENT_HELLO)
        return EE_PROTOCOL;
    if (size > EE_CLIENT_HELLO_MAX - MESSAGE_HEADER_SIZE)
        return EE_TOO_LARGE;
    r->size = MESSAGE_HEADER_SIZE + size;
    return EE_OK;
}

/* Takes up to `part.size` bytes of a record's content; the message ends with its record. */
static enum ee_err content(struct ee_client_hello_reader *r, struct ee_bytes part)
{
    size_t used = 0;
    while (r->seen < MESSAGE_HEADER_SIZE && used < part.size) {
        r->message[r->seen++] = part.data[used++];
        if (r->seen == MESSAGE_HEADER_SIZE)
            EE_TRY(message_header(r));
    }
    r->seen += part.size - used;
    r->record_left -= part.size;
    if (r->size > 0 && r->seen + r->record_left > r->size)
        return EE_PROTOCOL;
    return EE_OK;
}

static enum ee_err step(struct ee_client_hello_reader *r, struct ee_bytes wire)
{
    if (r->record_left == 0)
        return header_byte(r, wire.data[r->at++]);
    const size_t there = wire.size - r->at;
    const size_t size = there < r->record_left ? there : r->record_left;
    const struct ee_bytes part = ee_bytes_of(wire.data + r->at, size);
    r->at += size;
    return content(r, part);
}

/* The message without the headers of its records; the reader found it complete. */
static struct ee_bytes joined(struct ee_bytes wire, size_t size, uint8_t out[EE_CLIENT_HELLO_MAX])
{
    size_t at = 0, used = 0;
    while (used < size) {
        const size_t part = (size_t)wire.data[at + 3] << 8 | wire.data[at + 4];
        memcpy(out + used, wire.data + at + RECORD_HEADER_SIZE, part);
        at += RECORD_HEADER_SIZE + part;
        used += part;
    }
    return ee_bytes_of(out, size);
}

/* ---- the message ---- */

/* A field's bytes behind its u16 length; anything short is not a field. */
static struct ee_bytes vector16(struct ee_cursor *c)
{
    const uint16_t size = ee_cursor_u16(c);
    return ee_cursor_bytes(c, size);
}

static bool label_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1 to 63 characters with single dots between them, and not all of it numbers. */
static bool name_valid(const char *name)
{
    size_t label = 0;
    bool letter = false;
    for (; *name != '\0'; name++) {
        if (*name == '.' && label == 0)
            return false;
        if (*name != '.' && !label_character(*name))
            return false;
        label = *name == '.' ? 0 : label + 1;
        letter = letter || (*name >= 'a' && *name <= 'z');
        if (label > LABEL_MAX)
            return false;
    }
    return label > 0 && letter;
}

static enum ee_err name_copy(struct ee_bytes name, char out[EE_CLIENT_HELLO_NAME_SIZE])
{
    char lower[EE_CLIENT_HELLO_NAME_SIZE];
    if (name.size == 0)
        return EE_PROTOCOL;
    if (name.size >= sizeof lower)
        return EE_TOO_LARGE;
    for (size_t i = 0; i < name.size; i++) {
        const char c = (char)name.data[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (c == '\0')
            return EE_SYNTAX;
    }
    lower[name.size] = '\0';
    if (!name_valid(lower))
        return EE_SYNTAX;
    memcpy(out, lower, name.size + 1);
    return EE_OK;
}

/* RFC 6066 section 3: one name of the only type there is. */
static enum ee_err server_name(struct ee_bytes data, struct ee_client_hello *out)
{
    struct ee_cursor c, list;
    ee_cursor_init(&c, data);
    ee_cursor_init(&list, vector16(&c));
    if (ee_cursor_end(&c) != EE_OK)
        return EE_PROTOCOL;
    const uint8_t type = ee_cursor_u8(&list);
    const struct ee_bytes name = vector16(&list);
    if (ee_cursor_end(&list) != EE_OK || type != NAME_HOST)
        return EE_PROTOCOL;
    return name_copy(name, out->server_name);
}

/* RFC 7301 section 3.1: at least one name, none of them empty. */
static enum ee_err protocols(struct ee_bytes data, struct ee_client_hello *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, data);
    const struct ee_bytes list = vector16(&c);
    if (ee_cursor_end(&c) != EE_OK || list.size == 0)
        return EE_PROTOCOL;
    if (list.size > sizeof out->protocols)
        return EE_TOO_LARGE;
    ee_cursor_init(&c, list);
    while (c.err == EE_OK && c.left > 0) {
        const uint8_t size = ee_cursor_u8(&c);
        ee_cursor_take(&c, size);
        if (size == 0)
            return EE_PROTOCOL;
    }
    if (c.err != EE_OK)
        return EE_PROTOCOL;
    memcpy(out->protocols, list.data, list.size);
    out->protocols_size = list.size;
    return EE_OK;
}

static enum ee_err extension(uint16_t type, struct ee_bytes data, struct ee_client_hello *out)
{
    if (type == EXTENSION_SERVER_NAME)
        return server_name(data, out);
    return type == EXTENSION_PROTOCOLS ? protocols(data, out) : EE_OK;
}

static enum ee_err extensions(struct ee_bytes data, struct ee_client_hello *out)
{
    uint16_t types[EE_CLIENT_HELLO_EXTENSIONS_MAX];
    size_t count = 0;
    struct ee_cursor c;
    ee_cursor_init(&c, data);
    while (c.left > 0) {
        const uint16_t type = ee_cursor_u16(&c);
        const struct ee_bytes body = vector16(&c);
        if (c.err != EE_OK)
            return EE_PROTOCOL;
        for (size_t i = 0; i < count; i++)
            if (types[i] == type)
                return EE_DUPLICATE_FIELD;
        if (count == EE_CLIENT_HELLO_EXTENSIONS_MAX)
            return EE_TOO_LARGE;
        types[count++] = type;
        EE_TRY(extension(type, body, out));
    }
    return EE_OK;
}

/* RFC 8446 section 4.1.2; a hello of TLS 1.2 may end before the extensions. */
static enum ee_err hello(struct ee_bytes body, struct ee_client_hello *out)
{
    struct ee_cursor c;
    ee_cursor_init(&c, body);
    const uint16_t version = ee_cursor_u16(&c);
    ee_cursor_take(&c, RANDOM_SIZE);
    const uint8_t session_size = ee_cursor_u8(&c);
    ee_cursor_take(&c, session_size);
    const struct ee_bytes suites = vector16(&c);
    const uint8_t methods = ee_cursor_u8(&c);
    ee_cursor_take(&c, methods);
    if (c.err != EE_OK || version >> 8 != 3 || session_size > SESSION_ID_MAX)
        return EE_PROTOCOL;
    if (suites.size < 2 || suites.size % 2 != 0 || methods == 0)
        return EE_PROTOCOL;
    if (c.left == 0)
        return EE_OK;
    const struct ee_bytes list = vector16(&c);
    return ee_cursor_end(&c) == EE_OK ? extensions(list, out) : EE_PROTOCOL;
}

enum ee_err ee_client_hello_read(struct ee_client_hello_reader *reader, struct ee_bytes wire,
                                 struct ee_client_hello *out)
{
    uint8_t message[EE_CLIENT_HELLO_MAX];
    struct ee_client_hello found = {0};
    while (reader->size == 0 || reader->seen < reader->size) {
        if (reader->at >= EE_CLIENT_HELLO_WIRE_MAX)
            return EE_TOO_LARGE;
        if (reader->at >= wire.size)
            return EE_TRUNCATED;
        EE_TRY(step(reader, wire));
    }
    const struct ee_bytes whole = joined(wire, reader->size, message);
    EE_TRY(hello(ee_bytes_of(whole.data + MESSAGE_HEADER_SIZE, whole.size - MESSAGE_HEADER_SIZE),
                 &found));
    *out = found;
    return EE_OK;
}

bool ee_client_hello_offers(const struct ee_client_hello *hello, const char *protocol)
{
    const struct ee_bytes want = ee_bytes_str(protocol);
    struct ee_cursor c;
    ee_cursor_init(&c, ee_bytes_of(hello->protocols, hello->protocols_size));
    while (c.left > 0) {
        const uint8_t size = ee_cursor_u8(&c);
        if (ee_bytes_equal(ee_cursor_bytes(&c, size), want))
            return true;
    }
    return false;
}
