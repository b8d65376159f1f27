/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/genesis.h"
#include "easyenclave/verify.h"
#include "verify/backend.h"
#include "base/banned.h"

enum {
    INPUT_SIZE = 1024 * 1024, /* a largest evidence and a largest collateral file together */
    OUTPUT_SIZE = EE_VERIFY_DOCUMENT_SIZE,
    CONTEXT_SIZE = 2 * 1024 * 1024,
    RESULT_SIZE = 64 * 1024,
    POLICY_NAME_MAX = 16, /* shorter than any policy file */
    POLICY_SIZE = 32 * 1024,
    ROOTS_MAX = 16 * 1024,
    MEASUREMENTS_MAX = 64,
    CHANNEL_SIZE = 96,
};

static const struct ee_verify_limits limits = {
    .struct_size = sizeof(limits),
    .collaterals = 2,
    .collateral_size = EE_VERIFY_COLLATERAL_MAX,
    .platforms = 64,
};

static uint8_t input[INPUT_SIZE];
static char output[OUTPUT_SIZE];
static size_t output_used;
static uint8_t evidence_memory[2 * EE_VERIFY_EVIDENCE_MAX];
static _Alignas(EE_VERIFY_ALIGNMENT) uint8_t context_memory[CONTEXT_SIZE];
static _Alignas(EE_VERIFY_ALIGNMENT) uint8_t result_memory[RESULT_SIZE];
static struct ee_verify_context *context;
static struct ee_verify_result *result;
/* The roots the context has, as the message gave them. */
static uint8_t roots_given[ROOTS_MAX];
static size_t roots_given_size;

uint8_t *ee_wasm_input(void)
{
    return input;
}

size_t ee_wasm_input_size(void)
{
    return sizeof(input);
}

const char *ee_wasm_output(void)
{
    return output;
}

size_t ee_wasm_output_size(void)
{
    return output_used;
}

void ee_wasm_forget(void)
{
    if (context)
        ee_verify_context_forget(context);
}

static int say(int error, const char *text)
{
    (void)snprintf(output, sizeof(output), "%s", text);
    output_used = strlen(output);
    return error;
}

/* The sizes are ours: that they do not fit is a bug, not input. */
static void memory_prepare(void)
{
    if (context)
        return;
    context = ee_verify_context_init(context_memory, sizeof(context_memory), &limits);
    result = ee_verify_result_init(result_memory, sizeof(result_memory));
    if (!context || !result)
        abort();
}

/* Setting roots makes the context forget: only when they are others. */
static int roots_set(struct ee_bytes roots)
{
    int error;
    if (roots.size > sizeof(roots_given))
        return EE_VERIFY_ERROR_TOO_LARGE;
    if (ee_bytes_equal(roots, ee_bytes_of(roots_given, roots_given_size)))
        return EE_VERIFY_OK;
    if (roots.size == 0)
        error = ee_verify_context_set_roots(context, ee_verify_root_production(), 1);
    else if (roots.data[0] == '-' || roots.size % EE_VERIFY_ROOT_SIZE != 0)
        error = ee_verify_context_set_roots_pem(context, roots.data, roots.size);
    else
        error = ee_verify_context_set_roots(context, roots.data, roots.size / EE_VERIFY_ROOT_SIZE);
    if (error != EE_VERIFY_OK)
        return error;
    memcpy(roots_given, roots.data, roots.size);
    roots_given_size = roots.size;
    return EE_VERIFY_OK;
}

/* NULL for the default. A policy file is read into our memory. */
static int policy_find(struct ee_bytes text, const struct ee_verify_policy **out)
{
    static _Alignas(EE_VERIFY_ALIGNMENT) uint8_t memory[POLICY_SIZE];
    char name[POLICY_NAME_MAX + 1] = "", reason[EE_VERIFY_FINDING_TEXT_SIZE] = "";
    *out = NULL;
    if (text.size == 0)
        return EE_VERIFY_OK;
    if (text.size <= POLICY_NAME_MAX) {
        memcpy(name, text.data, text.size);
        *out = ee_verify_policy_builtin(name);
        if (*out)
            return EE_VERIFY_OK;
        return say(EE_VERIFY_ERROR_NOT_FOUND, "there is no built-in policy of this name");
    }
    if (ee_verify_policy_size() > sizeof(memory))
        abort(); /* our size, not input */
    int error = ee_verify_policy_parse(text.data, text.size, memory, sizeof(memory), out, reason);
    return error == EE_VERIFY_OK ? error : say(error, reason);
}

static bool message_open(size_t size, struct ee_cursor *c)
{
    memory_prepare();
    ee_cursor_init(c, ee_bytes_of(input, size));
    if (size > sizeof(input))
        c->err = EE_TOO_LARGE;
    return c->err == EE_OK;
}

static struct ee_bytes block(struct ee_cursor *c)
{
    return ee_cursor_block(c, sizeof(input));
}

/* NULL for an empty block; another size than `size` is the caller's mistake. */
static const uint8_t *exactly(struct ee_bytes bytes, size_t size, bool *ok)
{
    if (bytes.size != 0 && bytes.size != size)
        *ok = false;
    return bytes.size == size ? bytes.data : NULL;
}

/* What was asked could be judged: the answer is the result. */
static int answer(int verdict)
{
    if (verdict != ee_verify_result_error(result) ||
        ee_verify_result_json(result, output, sizeof(output), &output_used) != EE_VERIFY_OK)
        abort(); /* every text in it is bounded, and so is their number */
    return EE_VERIFY_OK;
}

/* Roots and policy begin every message. */
static int common_read(struct ee_cursor *c, int64_t *time_s, struct ee_bytes *roots,
                       const struct ee_verify_policy **policy)
{
    *time_s = (int64_t)ee_cursor_u64(c);
    *roots = block(c);
    struct ee_bytes name = block(c);
    if (c->err != EE_OK)
        return say((int)c->err, "the message is cut short");
    return policy_find(name, policy);
}

int ee_wasm_verify_quote(size_t message_size)
{
    struct ee_cursor c;
    struct ee_bytes roots;
    struct ee_verify_quote_request request = {.struct_size = sizeof(request)};
    bool ok = true;
    if (!message_open(message_size, &c))
        return say(EE_VERIFY_ERROR_TOO_LARGE, "the message is too large");
    int error = common_read(&c, &request.time_s, &roots, &request.policy);
    if (error != EE_VERIFY_OK)
        return error;
    struct ee_bytes quote = block(&c), collateral = block(&c), report_data = block(&c);
    if (ee_cursor_end(&c) != EE_OK)
        return say((int)ee_cursor_end(&c), "the message has another form");
    request.report_data = exactly(report_data, EE_VERIFY_REPORT_DATA_SIZE, &ok);
    if (!ok)
        return say(EE_VERIFY_ERROR_RANGE, "report data has 64 bytes");
    error = roots_set(roots);
    if (error != EE_VERIFY_OK)
        return say(error, "the roots are no PEM file of certificates and no keys of 64 bytes");
    request.quote = quote.data;
    request.quote_size = quote.size;
    request.collateral = collateral.data;
    request.collateral_size = collateral.size;
    return answer(ee_verify_quote(context, &request, result));
}

/* ---- evidence ---- */

struct evidence_message {
    struct ee_bytes roots, evidence, collateral, genesis, network_id, measurements, nonce;
    struct ee_bytes tls_key_hash, identity;
    uint8_t root_keys[EE_GENESIS_ROOTS_MAX][EE_P256_POINT_SIZE];
    uint8_t genesis_id[32];
    uint8_t digests[(MEASUREMENTS_MAX + EE_ALLOW_MAX) * EE_SHA256_SIZE];
    size_t digest_count;
    uint8_t nonce_bytes[EE_VERIFY_NONCE_SIZE];
};

static int evidence_read(struct ee_cursor *c, struct evidence_message *m,
                         struct ee_verify_evidence_request *r)
{
    int error = common_read(c, &r->time_s, &m->roots, &r->policy);
    if (error != EE_VERIFY_OK)
        return error;
    m->evidence = block(c);
    m->collateral = block(c);
    m->genesis = block(c);
    r->allow_simulated = ee_cursor_u8(c) != 0;
    r->role = ee_cursor_u8(c);
    m->network_id = block(c);
    m->measurements = block(c);
    r->nonce_kind = ee_cursor_u8(c);
    m->nonce = block(c);
    m->tls_key_hash = block(c);
    m->identity = block(c);
    return ee_cursor_end(c) == EE_OK ? EE_VERIFY_OK
                                     : say((int)ee_cursor_end(c), "the message has another form");
}

static int measurements_read(struct evidence_message *m)
{
    m->digest_count = m->measurements.size / EE_SHA256_SIZE;
    if (m->measurements.size % EE_SHA256_SIZE != 0 || m->digest_count > MEASUREMENTS_MAX)
        return say(EE_VERIFY_ERROR_RANGE, "measurements are at most 64 digests of 32 bytes");
    memcpy(m->digests, m->measurements.data, m->measurements.size);
    return EE_VERIFY_OK;
}

/* Roots, network and allow-list are those of the genesis; the roots of the message are not used. */
static int genesis_apply(struct evidence_message *m, struct ee_verify_evidence_request *r)
{
    static struct ee_genesis genesis;
    static uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    enum ee_err err = ee_genesis_file_read(ee_verify_backend(), m->genesis, canonical, &size);
    if (err == EE_OK)
        err = ee_genesis_decode(ee_bytes_of(canonical, size), &genesis);
    if (err != EE_OK)
        return say((int)err, ee_err_text(err));
    ee_genesis_network_id(ee_verify_backend(), ee_bytes_of(canonical, size), m->genesis_id);
    for (size_t i = 0; i < genesis.root_count; i++)
        memcpy(m->root_keys[i], genesis.roots[i].public_key, EE_P256_POINT_SIZE);
    m->roots = ee_bytes_of(m->root_keys, genesis.root_count * EE_P256_POINT_SIZE);
    m->network_id = ee_bytes_of(m->genesis_id, sizeof(m->genesis_id));
    r->allow_simulated = genesis.kind == EE_NETWORK_DEVELOPMENT;
    for (size_t i = 0; i < genesis.allow_count; i++)
        if ((int)genesis.allow[i].role == r->role)
            memcpy(m->digests + EE_SHA256_SIZE * m->digest_count++, genesis.allow[i].measurement,
                   EE_SHA256_SIZE);
    return EE_VERIFY_OK;
}

static int nonce_make(struct evidence_message *m, struct ee_verify_evidence_request *r)
{
    const uint8_t *n = m->nonce.data;
    if (r->nonce_kind == EE_VERIFY_NONCE_CALLER && m->nonce.size == EE_VERIFY_NONCE_SIZE)
        ee_verify_caller_nonce(n, m->nonce_bytes);
    else if (r->nonce_kind == EE_VERIFY_NONCE_CHANNEL && m->nonce.size == CHANNEL_SIZE &&
             ee_verify_channel_nonce(n, n + 32, n + 64, r->role, m->nonce_bytes) == EE_VERIFY_OK)
        ;
    else if (r->nonce_kind != EE_VERIFY_NONCE_ANY || m->nonce.size != 0)
        return say(EE_VERIFY_ERROR_RANGE, "the nonce has another size than its kind needs");
    r->nonce = r->nonce_kind == EE_VERIFY_NONCE_ANY ? NULL : m->nonce_bytes;
    return EE_VERIFY_OK;
}

static int request_fill(struct evidence_message *m, struct ee_verify_evidence_request *r)
{
    bool ok = true;
    r->evidence = m->evidence.data;
    r->evidence_size = m->evidence.size;
    r->memory = evidence_memory;
    r->memory_size = sizeof(evidence_memory);
    r->collateral = m->collateral.size ? m->collateral.data : NULL;
    r->collateral_size = m->collateral.size;
    r->measurements = m->digests;
    r->measurement_count = m->digest_count;
    r->network_id = exactly(m->network_id, 32, &ok);
    r->tls_key_hash = exactly(m->tls_key_hash, 32, &ok);
    r->identity = exactly(m->identity, 32, &ok);
    return ok && r->network_id
               ? EE_VERIFY_OK
               : say(EE_VERIFY_ERROR_RANGE,
                     "network id, TLS key hash and identity have 32 bytes; a network is needed");
}

int ee_wasm_verify_evidence(size_t message_size)
{
    static struct evidence_message m;
    struct ee_cursor c;
    struct ee_verify_evidence_request r = {.struct_size = sizeof(r)};
    memset(&m, 0, sizeof(m));
    if (!message_open(message_size, &c))
        return say(EE_VERIFY_ERROR_TOO_LARGE, "the message is too large");
    int error = evidence_read(&c, &m, &r);
    if (error == EE_VERIFY_OK)
        error = measurements_read(&m);
    if (error == EE_VERIFY_OK && m.genesis.size != 0)
        error = genesis_apply(&m, &r);
    if (error == EE_VERIFY_OK)
        error = nonce_make(&m, &r);
    if (error == EE_VERIFY_OK)
        error = request_fill(&m, &r);
    if (error != EE_VERIFY_OK)
        return error;
    error = roots_set(m.roots);
    if (error != EE_VERIFY_OK)
        return say(error, "the roots are no PEM file of certificates and no keys of 64 bytes");
    return answer(ee_verify_evidence(context, &r, result));
}
