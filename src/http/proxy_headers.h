/* SPDX-License-Identifier: Apache-2.0 */
/* What a reverse proxy changes in a head on its way (RFC 9110 section 7.6.1, and the X-Forwarded-*
 * convention). Changes the head in place. */
#ifndef EE_HTTP_PROXY_HEADERS_H
#define EE_HTTP_PROXY_HEADERS_H

#include "http/message.h"

struct ee_http_forward {
    const char *client_address; /* IP text without port */
    const char *scheme;         /* "http" or "https" */
    const char *host;           /* what the user asked for; "" leaves X-Forwarded-Host out */
    bool trusted;               /* the peer is a proxy of ours: its X-Forwarded-* count */
    bool keep_upgrade;          /* a websocket handshake: Connection: upgrade is written anew */
    bool http2;                 /* the request came in HTTP/2 */
};

/* Drops Connection, what it names (except Host, Content-Length, X-Forwarded-*, Forwarded,
 * Authorization, Cookie, Via), Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding and Upgrade.
 * With `keep_upgrade` and "Upgrade: websocket", Connection and Upgrade are written anew. */
EE_MUST_USE enum ee_err ee_http_hop_by_hop_remove(struct ee_http_head *head, bool keep_upgrade);

/* ee_http_hop_by_hop_remove, then X-Forwarded-For and Via are appended to (we vouch only for the
 * last member), X-Forwarded-Proto and -Host are set; an outsider's other X-Forwarded-*, Forwarded
 * and X-Real-IP, and anybody's X-Ee-*, are dropped first. EE_TOO_LARGE: no room for the new fields;
 * EE_HTTP: a text of `forward` is no field value. */
EE_MUST_USE enum ee_err ee_http_forward_apply(struct ee_http_head *head,
                                              const struct ee_http_forward *forward);
/* Drops trailers of a request that a backend which merges them into its header could take for what
 * the client or we said there (RFC 9110 section 6.5.1): conditions, negotiation, forwarding,
 * X-Ee-*, names with "_". What ee_http_trailer_allowed() refuses has not come this far. */
void ee_http_request_trailers_filter(struct ee_http_head *trailers);

#endif
