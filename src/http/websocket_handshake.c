/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6455 section 4. */
#include "http/websocket.h"

#include "base/text.h"
#include "http/sha1.h"

#include "base/banned.h"

enum { KEY_TEXT = EE_WS_KEY_TEXT_SIZE - 1 };

void ee_ws_accept_text(struct ee_bytes key_text, char out[EE_WS_ACCEPT_TEXT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
    uint8_t joined[EE_SHA1_INPUT_MAX], digest[EE_SHA1_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, joined, sizeof(joined));
    ee_writer_bytes(&w, key_text.data, key_text.size);
    ee_writer_bytes(&w, guid, sizeof(guid) - 1);
    ee_sha1(ee_writer_done(&w), digest);
    ee_base64_encode(digest, sizeof(digest), out);
}

static bool key_valid(struct ee_bytes text)
{
    uint8_t key[EE_WS_KEY_SIZE];
    size_t size;
    return text.size == KEY_TEXT && text.data[KEY_TEXT - 1] == '=' &&
           ee_base64_decode(text, key, sizeof(key), &size) == EE_OK && size == sizeof(key);
}

static bool upgrades_to_websocket(const struct ee_http_head *head)
{
    return ee_http_head_has_token(head, "upgrade", "websocket") &&
           ee_http_head_has_token(head, "connection", "upgrade");
}

/* Section 4.2.1. */
enum ee_err ee_ws_request_check(const struct ee_http_head *head, bool refuse_origin,
                                struct ee_bytes *key_out)
{
    struct ee_bytes key, version;
    if (!ee_http_equal(ee_http_head_method(head), "GET") || head->minor != 1 ||
        !upgrades_to_websocket(head))
        return EE_HTTP;
    if (ee_http_head_count(head, "sec-websocket-key") != 1 ||
        !ee_http_head_find(head, "sec-websocket-key", &key) || !key_valid(key))
        return EE_HTTP;
    if (ee_http_head_count(head, "sec-websocket-version") != 1 ||
        !ee_http_head_find(head, "sec-websocket-version", &version))
        return EE_HTTP;
    if (!ee_http_equal(version, "13"))
        return EE_UNSUPPORTED;
    if (refuse_origin && ee_http_head_count(head, "origin"))
        return EE_FORBIDDEN;
    *key_out = key;
    return EE_OK;
}

enum ee_err ee_ws_response_make(struct ee_bytes key_text, const char *protocol,
                                struct ee_http_head *out)
{
    char accept[EE_WS_ACCEPT_TEXT_SIZE];
    if (!key_valid(key_text))
        return EE_HTTP;
    ee_ws_accept_text(key_text, accept);
    EE_TRY(ee_http_head_response(out, 101, ee_bytes_of(NULL, 0)));
    EE_TRY(ee_http_head_add_text(out, "Upgrade", "websocket"));
    EE_TRY(ee_http_head_add_text(out, "Connection", "Upgrade"));
    EE_TRY(ee_http_head_add_text(out, "Sec-WebSocket-Accept", accept));
    return protocol ? ee_http_head_add_text(out, "Sec-WebSocket-Protocol", protocol) : EE_OK;
}

enum ee_err ee_ws_request_make(struct ee_bytes host, struct ee_bytes target,
                               const uint8_t key[EE_WS_KEY_SIZE], const char *protocol,
                               struct ee_http_head *out)
{
    char key_text[EE_WS_KEY_TEXT_SIZE];
    if (!ee_http_host_valid(host))
        return EE_HTTP;
    ee_base64_encode(key, EE_WS_KEY_SIZE, key_text);
    EE_TRY(ee_http_head_request(out, ee_bytes_str("GET"), target));
    EE_TRY(ee_http_head_add(out, ee_bytes_str("Host"), host));
    EE_TRY(ee_http_head_add_text(out, "Upgrade", "websocket"));
    EE_TRY(ee_http_head_add_text(out, "Connection", "Upgrade"));
    EE_TRY(ee_http_head_add_text(out, "Sec-WebSocket-Key", key_text));
    EE_TRY(ee_http_head_add_text(out, "Sec-WebSocket-Version", "13"));
    return protocol ? ee_http_head_add_text(out, "Sec-WebSocket-Protocol", protocol) : EE_OK;
}

/* Section 4.1, the client's checks 5 and 6. */
static bool choice_valid(const struct ee_http_head *head, const char *protocol)
{
    struct ee_bytes chosen;
    return ee_http_head_count(head, "sec-websocket-extensions") == 0 &&
           ee_http_head_count(head, "sec-websocket-protocol") == 1 &&
           ee_http_head_find(head, "sec-websocket-protocol", &chosen) &&
           ee_bytes_equal(chosen, ee_bytes_str(protocol));
}

/* Section 4.1, the client's checks 1 to 4. */
enum ee_err ee_ws_response_check(const struct ee_http_head *head, struct ee_bytes key_text,
                                 const char *protocol)
{
    char want[EE_WS_ACCEPT_TEXT_SIZE];
    struct ee_bytes accept;
    if (head->status != 101)
        return EE_REFUSED;
    ee_ws_accept_text(key_text, want);
    if (!upgrades_to_websocket(head) || ee_http_head_count(head, "sec-websocket-accept") != 1 ||
        !ee_http_head_find(head, "sec-websocket-accept", &accept) ||
        !ee_bytes_equal(accept, ee_bytes_str(want)))
        return EE_HTTP;
    return !protocol || choice_valid(head, protocol) ? EE_OK : EE_HTTP;
}
