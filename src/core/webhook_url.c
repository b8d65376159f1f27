/* SPDX-License-Identifier: Apache-2.0 */
#include "core/webhook_url.h"

#include <string.h>

#include "base/banned.h"

static bool host_char(char c, bool brackets)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.')
        return true;
    return brackets ? c == ':' : c == '-';
}

/* Gives what follows the host; NULL: not one. */
static const char *host_read(const char *text, struct ee_webhook_url *url)
{
    bool brackets = *text == '[';
    size_t size = 0;
    text += brackets;
    while (host_char(text[size], brackets))
        size++;
    if (size == 0 || size > EE_WEBHOOK_HOST_MAX || (!brackets && text[0] == '-'))
        return NULL;
    memcpy(url->host, text, size);
    url->host[size] = '\0';
    text += size;
    if (brackets)
        return *text == ']' ? text + 1 : NULL;
    return text;
}

static const char *port_read(const char *text, struct ee_webhook_url *url)
{
    uint32_t port = 0;
    url->port = url->tls ? 443 : 80;
    if (*text != ':')
        return text;
    for (text++; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = port * 10 + (uint32_t)(*text - '0');
    url->port = (uint16_t)port;
    return port >= 1 && port <= UINT16_MAX ? text : NULL;
}

/* Printable, and nothing that begins a fragment or does not belong into a request line. */
static bool target_valid(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("#\"<>\\^`{|}", *text))
            return false;
    return true;
}

enum ee_err ee_webhook_url_parse(const char *text, struct ee_webhook_url *out)
{
    struct ee_webhook_url url;
    memset(&url, 0, sizeof(url));
    url.tls = strncmp(text, "https://", 8) == 0;
    if (!url.tls && strncmp(text, "http://", 7) != 0)
        return EE_WEBHOOK_URL;
    const char *rest = host_read(text + (url.tls ? 8 : 7), &url);
    if (rest)
        rest = port_read(rest, &url);
    if (!rest || (*rest && *rest != '/') || !target_valid(rest))
        return EE_WEBHOOK_URL;
    url.target = *rest ? rest : "/";
    url.loopback = strcmp(url.host, "localhost") == 0 || strcmp(url.host, "127.0.0.1") == 0 ||
                   strcmp(url.host, "::1") == 0;
    *out = url;
    return EE_OK;
}
