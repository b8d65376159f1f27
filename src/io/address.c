/* SPDX-License-Identifier: Apache-2.0 */
#include "io/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum { HOST_SIZE = 46 };

/* Cuts "host:port" or "[host]:port"; the port is checked by the caller. */
static enum ee_err split(const char *text, char host[HOST_SIZE], const char **port_out)
{
    const char *start = text;
    const char *end = strrchr(text, ':');
    if (!end)
        return EE_SYNTAX;
    *port_out = end + 1;
    bool bracketed = *start == '[';
    if (bracketed) {
        start++;
        end--;
        if (end < start || *end != ']')
            return EE_SYNTAX;
    }
    size_t size = (size_t)(end - start);
    if (size == 0 || size >= HOST_SIZE)
        return EE_SYNTAX;
    memcpy(host, start, size);
    host[size] = '\0';
    return bracketed == (strchr(host, ':') != NULL) ? EE_OK : EE_SYNTAX;
}

enum ee_err ee_address_parse(const char *text, struct ee_address *out)
{
    char host[HOST_SIZE];
    const char *port_text;
    uint64_t port;
    EE_TRY(split(text, host, &port_text));
    if (ee_u64_parse(port_text, &port) != EE_OK || port > UINT16_MAX)
        return EE_SYNTAX;
    struct ee_address address = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, numeric, &v4.sin_addr) == 1)
        memcpy(&address.storage, &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, numeric, &v6.sin6_addr) == 1)
        memcpy(&address.storage, &v6, sizeof(v6));
    else
        return EE_SYNTAX;
    *out = address;
    return EE_OK;
}

static struct sockaddr_in as_v4(const struct ee_address *address)
{
    struct sockaddr_in v4;
    memcpy(&v4, &address->storage, sizeof(v4));
    return v4;
}

static struct sockaddr_in6 as_v6(const struct ee_address *address)
{
    struct sockaddr_in6 v6;
    memcpy(&v6, &address->storage, sizeof(v6));
    return v6;
}

char *ee_address_format(const struct ee_address *address, char out[EE_ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    bool is_v6 = address->storage.ss_family == AF_INET6;
    struct sockaddr_in v4 = as_v4(address);
    struct sockaddr_in6 v6 = as_v6(address);
    if (is_v6)
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
    else
        (void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
    (void)snprintf(out, EE_ADDRESS_TEXT_SIZE, is_v6 ? "[%s]:%u" : "%s:%u", host,
                   (unsigned)ee_address_port(address));
    return out;
}

uint16_t ee_address_port(const struct ee_address *address)
{
    if (address->storage.ss_family == AF_INET6)
        return ntohs(as_v6(address).sin6_port);
    return ntohs(as_v4(address).sin_port);
}

bool ee_address_is_loopback(const struct ee_address *address)
{
    if (address->storage.ss_family == AF_INET6) {
        struct in6_addr host = as_v6(address).sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(&host) ||
               (IN6_IS_ADDR_V4MAPPED(&host) && host.s6_addr[12] == 127);
    }
    return (ntohl(as_v4(address).sin_addr.s_addr) >> 24) == 127;
}

/* RFC 6890 and the registries it founded. */
static bool v4_public(uint32_t host)
{
    static const struct {
        uint32_t net;
        unsigned bits;
    } special[] = {
        {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
        {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
        {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4},
    };
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if ((host ^ special[i].net) >> (32 - special[i].bits) == 0)
            return false;
    return true;
}

static uint32_t v4_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool v6_public(const struct in6_addr *host)
{
    static const uint8_t translated[12] = {0x00, 0x64, 0xff, 0x9b};
    const uint8_t *b = host->s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(host) || memcmp(b, translated, sizeof(translated)) == 0)
        return v4_public(v4_at(b + 12));
    if ((b[0] & 0xe0) != 0x20) /* only 2000::/3 is global unicast */
        return false;
    bool teredo_or_special = b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02; /* 2001::/23 */
    bool documentation = (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) ||
                         (b[0] == 0x3f && b[1] == 0xff && b[2] < 0x10);
    bool six_to_four = b[0] == 0x20 && b[1] == 0x02;
    return !teredo_or_special && !documentation && !six_to_four;
}

bool ee_address_is_public(const struct ee_address *address)
{
    if (address->storage.ss_family == AF_INET6) {
        struct in6_addr host = as_v6(address).sin6_addr;
        return v6_public(&host);
    }
    return address->storage.ss_family == AF_INET &&
           v4_public(ntohl(as_v4(address).sin_addr.s_addr));
}
