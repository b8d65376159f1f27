/* SPDX-License-Identifier: Apache-2.0 */
/* The first message of a TLS client, read without taking part in TLS: which name it asks for and
 * which protocols it offers. It may come in any number of records and segments.
 * RFC 8446 sections 4.1.2, 4.2 and 5.1; RFC 6066 section 3; RFC 7301 section 3.1. */
#ifndef EE_HTTP_CLIENT_HELLO_H
#define EE_HTTP_CLIENT_HELLO_H

#include "base/bytes.h"

enum {
    EE_CLIENT_HELLO_MAX = 16384,         /* bytes of the message with its header of 4 */
    EE_CLIENT_HELLO_WIRE_MAX = 20480,    /* of the records that carry it: tiny ones cost 5 each */
    EE_CLIENT_HELLO_NAME_SIZE = 254,     /* a DNS name and NUL */
    EE_CLIENT_HELLO_PROTOCOLS_MAX = 512, /* bytes of the list of protocols */
    EE_CLIENT_HELLO_EXTENSIONS_MAX = 64,
};

struct ee_client_hello {
    char server_name[EE_CLIENT_HELLO_NAME_SIZE]; /* lower case; "": none was sent */
    /* Offered protocols in order of preference, each with a u8 length before it. */
    uint8_t protocols[EE_CLIENT_HELLO_PROTOCOLS_MAX];
    size_t protocols_size;
};

/* How far the message has come in; starts zeroed. */
struct ee_client_hello_reader {
    size_t at;          /* bytes of the wire looked at */
    size_t record_left; /* of the record begun */
    size_t seen;        /* bytes of the message */
    size_t size;        /* of the message, known once seen >= 4 */
    uint8_t header[5];  /* of a record, then again */
    uint8_t header_size;
    uint8_t message[4]; /* its own header */
};

/* `wire`: everything received so far, from the first byte on; each byte is looked at once, however
 * it comes in. EE_OK: the message is complete and `out` is written; what follows it in `wire` is
 * not looked at. EE_TRUNCATED: it goes on, call again with more. Final: EE_PROTOCOL: not the start
 * of TLS, or malformed; EE_TOO_LARGE: above a limit; EE_DUPLICATE_FIELD: an extension twice;
 * EE_SYNTAX: the name is no DNS name (an address, a dot at the end). */
EE_MUST_USE enum ee_err ee_client_hello_read(struct ee_client_hello_reader *reader,
                                             struct ee_bytes wire, struct ee_client_hello *out);

/* Does it offer this protocol, such as "acme-tls/1"? */
bool ee_client_hello_offers(const struct ee_client_hello *hello, const char *protocol);

#endif
