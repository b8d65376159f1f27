/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deployment.h"

#include <string.h>

#include "core/codec.h"

#include "base/banned.h"

enum { VARIABLE_NAME_MAX = 64 };

static bool variable_name_valid(struct ee_bytes name)
{
    if (name.size < 1 || name.size > VARIABLE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return true;
}

/* Arguments and values become C strings on the agent: a NUL would cut them. */
static struct ee_bytes string_block(struct ee_codec *k, struct ee_bytes value)
{
    value = ee_codec_block(k, value, EE_DEPLOYMENT_SIZE_MAX);
    if (value.size && memchr(value.data, '\0', value.size))
        ee_codec_fail(k, EE_SYNTAX);
    return value;
}

static struct ee_bytes name_block(struct ee_codec *k, struct ee_bytes value,
                                  const struct ee_bytes *previous)
{
    value = ee_codec_block(k, value, VARIABLE_NAME_MAX);
    if (ee_codec_failed(k))
        return ee_bytes_of(NULL, 0);
    int order = previous ? ee_bytes_compare(*previous, value) : -1;
    if (!variable_name_valid(value) || order > 0)
        ee_codec_fail(k, EE_SYNTAX);
    else if (order == 0)
        ee_codec_fail(k, EE_DUPLICATE_FIELD);
    return value;
}

static void variables(struct ee_codec *k, struct ee_deployment *v)
{
    v->env_count = ee_codec_count(k, v->env_count, EE_DEPLOYMENT_ENV_MAX);
    for (uint32_t i = 0; i < v->env_count; i++) {
        v->env[i].name = name_block(k, v->env[i].name, i ? &v->env[i - 1].name : NULL);
        v->env[i].value = string_block(k, v->env[i].value);
    }
    v->secret_count = ee_codec_count(k, v->secret_count, EE_DEPLOYMENT_SECRETS_MAX);
    for (uint32_t i = 0; i < v->secret_count; i++)
        v->secrets[i] = name_block(k, v->secrets[i], i ? &v->secrets[i - 1] : NULL);
}

/* A secret and a visible value of one name would leave open which one the workload sees. */
static bool secret_shadows(const struct ee_deployment *v)
{
    for (uint32_t i = 0; i < v->secret_count; i++)
        for (uint32_t j = 0; j < v->env_count; j++)
            if (ee_bytes_equal(v->secrets[i], v->env[j].name))
                return true;
    return false;
}

static void runtime_rules(struct ee_codec *k, const struct ee_deployment *v)
{
    if (v->runtime == EE_RUNTIME_PROCESS) {
        if (v->arg_count == 0 || v->args[0].size == 0)
            ee_codec_fail(k, EE_MISSING_FIELD);
    } else if (v->arg_count || v->env_count || v->secret_count || v->port == 0) {
        ee_codec_fail(k, EE_RANGE);
    }
    if (v->privacy == EE_PRIVACY_PASSTHROUGH && v->port == 0)
        ee_codec_fail(k, EE_RANGE); /* nobody connects to a job */
    if (secret_shadows(v))
        ee_codec_fail(k, EE_DUPLICATE_FIELD);
}

/* Version 1 has no such field: what was written before it means the same for ever. */
static void privacy(struct ee_codec *k, struct ee_deployment *v)
{
    bool passthrough = v->privacy == EE_PRIVACY_PASSTHROUGH;
    ee_codec_label(k, "ee-deployment", passthrough ? 2 : 1);
    if (passthrough)
        v->privacy = (enum ee_privacy)ee_codec_enum(k, v->privacy, EE_PRIVACY_PASSTHROUGH,
                                                    EE_PRIVACY_PASSTHROUGH);
}

static void deployment(struct ee_codec *k, struct ee_deployment *v)
{
    privacy(k, v);
    v->runtime =
        (enum ee_runtime)ee_codec_enum(k, v->runtime, EE_RUNTIME_PROCESS, EE_RUNTIME_EXPOSE);
    v->arg_count = ee_codec_count(k, v->arg_count, EE_DEPLOYMENT_ARGS_MAX);
    for (uint32_t i = 0; i < v->arg_count; i++)
        v->args[i] = string_block(k, v->args[i]);
    variables(k, v);
    v->port = ee_codec_u16(k, v->port);
    v->memory_mib = ee_codec_u32(k, v->memory_mib);
    v->output_limit = ee_codec_u32(k, v->output_limit);
    ee_codec_raw(k, v->output_key, sizeof(v->output_key));
    if (!ee_codec_failed(k))
        runtime_rules(k, v);
}

enum ee_err ee_deployment_encode(const struct ee_deployment *in, struct ee_writer *out)
{
    struct ee_deployment copy = *in;
    struct ee_codec k = ee_codec_writer(out);
    deployment(&k, &copy);
    if (out->size - k.start > EE_DEPLOYMENT_SIZE_MAX)
        ee_codec_fail(&k, EE_TOO_LARGE);
    return ee_codec_end(&k);
}

enum ee_err ee_deployment_decode(struct ee_bytes bytes, struct ee_deployment *out)
{
    struct ee_deployment value;
    if (bytes.size > EE_DEPLOYMENT_SIZE_MAX)
        return EE_TOO_LARGE;
    memset(&value, 0, sizeof(value));
    value.privacy = ee_deployment_privacy(bytes);
    struct ee_codec k = ee_codec_reader(bytes);
    deployment(&k, &value);
    EE_TRY(ee_codec_end(&k));
    *out = value;
    return EE_OK;
}

enum ee_privacy ee_deployment_privacy(struct ee_bytes canonical)
{
    static const uint8_t start[] = "\x0d"
                                   "ee-deployment\0\x02\x01";
    enum { START_SIZE = sizeof(start) - 1 };
    return canonical.size >= START_SIZE && memcmp(canonical.data, start, START_SIZE) == 0
               ? EE_PRIVACY_PASSTHROUGH
               : EE_PRIVACY_TERMINATE;
}

void ee_deployment_hash(const struct ee_crypto *crypto, struct ee_bytes canonical, uint8_t out[32])
{
    crypto->sha256(&canonical, 1, out);
}
