/* SPDX-License-Identifier: Apache-2.0 */
/* The chosen parts as a collateral file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/collateral_items.h"

#include "base/banned.h"

struct out {
    struct ee_buffer *buffer;
    enum ee_err err;
    bool any;
};

static void put(struct out *o, struct ee_bytes bytes)
{
    if (o->err == EE_OK)
        o->err = ee_buffer_append(o->buffer, bytes);
}

static void put_text(struct out *o, const char *text)
{
    put(o, ee_bytes_str(text));
}

/* The content of a JSON string; bytes above ASCII stay as they are. */
static void put_escaped(struct out *o, struct ee_bytes bytes)
{
    size_t from = 0;
    for (size_t i = 0; i <= bytes.size; i++) {
        char escape[8] = "";
        uint8_t c = i < bytes.size ? bytes.data[i] : 0;
        if (i < bytes.size && c >= 0x20 && c != '"' && c != '\\')
            continue;
        put(o, ee_bytes_of(bytes.data + from, i - from));
        from = i + 1;
        if (i == bytes.size)
            break;
        if (c == '"' || c == '\\')
            (void)snprintf(escape, sizeof(escape), "\\%c", c);
        else
            (void)snprintf(escape, sizeof(escape), c == '\n' ? "\\n" : "\\u%04x", c);
        put_text(o, escape);
    }
}

static void member(struct out *o, const char *name)
{
    put_text(o, o->any ? ",\n\"" : "{\"");
    put_text(o, name);
    put_text(o, "\":\"");
    o->any = true;
}

static void put_hex(struct out *o, struct ee_bytes bytes)
{
    char *text = malloc(2 * bytes.size + 1);
    if (!text) {
        o->err = EE_NO_MEMORY;
        return;
    }
    put_text(o, ee_hex_encode(bytes.data, bytes.size, text));
    free(text);
}

static void put_pem(struct out *o, struct ee_bytes der)
{
    enum { LINE = 64 };
    char *text = malloc(EE_BASE64_SIZE(der.size));
    if (!text) {
        o->err = EE_NO_MEMORY;
        return;
    }
    size_t size = strlen(ee_base64_encode(der.data, der.size, text));
    put_text(o, "-----BEGIN CERTIFICATE-----\\n");
    for (size_t at = 0; at < size; at += LINE) {
        put(o, ee_bytes_of(text + at, size - at < LINE ? size - at : LINE));
        put_text(o, "\\n");
    }
    put_text(o, "-----END CERTIFICATE-----\\n");
    free(text);
}

static void chain_write(struct out *o, const char *name, const struct ee_item *const *items,
                        size_t count)
{
    member(o, name);
    for (size_t i = 0; i < count; i++)
        put_pem(o, ee_item_bytes(items[i]));
    put_text(o, "\"");
}

static void document_write(struct out *o, const struct ee_import_chosen *c, size_t index)
{
    static const char *const names[2][3] = {
        {"tcb_info", "tcb_info_signature", "tcb_info_issuer_chain"},
        {"qe_identity", "qe_identity_signature", "qe_identity_issuer_chain"}};
    const struct ee_item *chain[] = {c->signer[index], c->root};
    member(o, names[index][0]);
    put_escaped(o, ee_item_bytes(c->document[index]));
    put_text(o, "\"");
    member(o, names[index][1]);
    put_hex(o, ee_bytes_of(c->document[index]->signature, EE_P256_SIGNATURE_SIZE));
    put_text(o, "\"");
    chain_write(o, names[index][2], chain, 2);
}

enum ee_err ee_items_write(const struct ee_import_chosen *c, struct ee_buffer *buffer)
{
    struct out o = {.buffer = buffer};
    const struct ee_item *ca[] = {c->pck_ca, c->root}, *pck[] = {c->pck, c->pck_ca, c->root};
    document_write(&o, c, 0);
    document_write(&o, c, 1);
    member(&o, "pck_crl");
    put_hex(&o, ee_item_bytes(c->pck_crl));
    put_text(&o, "\"");
    chain_write(&o, "pck_crl_issuer_chain", ca, 2);
    member(&o, "root_ca_crl");
    put_hex(&o, ee_item_bytes(c->root_crl));
    put_text(&o, "\"");
    if (c->pck)
        chain_write(&o, "pck_certificate_chain", pck, 3);
    put_text(&o, "}\n");
    return o.err;
}
