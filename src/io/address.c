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
