/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses as text: "127.0.0.1:8443", "[::1]:0", "localhost:80" (that is 127.0.0.1). No
 * other names: resolving is not done here. */
#ifndef EE_IO_ADDRESS_H
#define EE_IO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

enum { EE_ADDRESS_TEXT_SIZE = 56 }; /* "[" IPv6 of at most 45 "]:65535" and a NUL */

struct ee_address {
    struct sockaddr_storage storage;
};

/* EE_SYNTAX: not of that form. */
EE_MUST_USE enum ee_err ee_address_parse(const char *text, struct ee_address *out);
/* "127.0.0.1:8443" or "[::1]:8443". Returns out. */
char *ee_address_format(const struct ee_address *address, char out[EE_ADDRESS_TEXT_SIZE]);
uint16_t ee_address_port(const struct ee_address *address);
/* 127.0.0.0/8, ::1 and the mapped form of the former. */
bool ee_address_is_loopback(const struct ee_address *address);
/* An address of the public internet: not loopback, private, link-local (also cloud metadata),
 * shared, multicast, reserved, documentation or unspecified, nor one of those mapped or translated
 * into IPv6 (IANA special-purpose registries, RFC 6890; 64:ff9b::/96, RFC 6052; 6to4, Teredo). */
bool ee_address_is_public(const struct ee_address *address);

#endif
