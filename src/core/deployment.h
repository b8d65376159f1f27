/* SPDX-License-Identifier: Apache-2.0 */
/* What is to run, canonically; its hash is what secrets are sealed for. Environment values here are
 * visible and measured; of secrets only the names. docs/spec/deployment.md. */
#ifndef EE_CORE_DEPLOYMENT_H
#define EE_CORE_DEPLOYMENT_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/crypto.h"

enum {
    EE_DEPLOYMENT_ARGS_MAX = 64,
    EE_DEPLOYMENT_ENV_MAX = 64,
    EE_DEPLOYMENT_SECRETS_MAX = 64,
    EE_DEPLOYMENT_SIZE_MAX = 65536,
};

enum ee_runtime {
    EE_RUNTIME_PROCESS = 1, /* a command on the agent's machine; development */
    EE_RUNTIME_EXPOSE = 2,  /* an existing loopback service; evidence says "backend not measured" */
};

/* Where TLS of the app's users ends. */
enum ee_privacy {
    EE_PRIVACY_TERMINATE = 0,   /* in the attested control plane */
    EE_PRIVACY_PASSTHROUGH = 1, /* in the agent's TD; the control plane sees the name only */
};

struct ee_env_pair {
    struct ee_bytes name; /* [A-Za-z_][A-Za-z0-9_]*, at most 64 */
    struct ee_bytes value;
};

/* Borrows from the bytes it was decoded from. Pairs and secret names strictly ascending by name. */
struct ee_deployment {
    enum ee_privacy privacy; /* passthrough: apps only */
    enum ee_runtime runtime;
    uint32_t arg_count;
    struct ee_bytes args[EE_DEPLOYMENT_ARGS_MAX]; /* process: argv, at least one; expose: none */
    uint32_t env_count;
    struct ee_env_pair env[EE_DEPLOYMENT_ENV_MAX];
    uint32_t secret_count;
    struct ee_bytes secrets[EE_DEPLOYMENT_SECRETS_MAX]; /* names only */
    uint16_t port;         /* loopback port the app listens on; 0 for jobs */
    uint32_t memory_mib;   /* limit; 0: the agent's default */
    uint32_t output_limit; /* bytes kept of stdout and of stderr each */
    uint8_t
        output_key[EE_X25519_KEY_SIZE]; /* output and logs are sealed to this key of the launcher */
};

EE_MUST_USE enum ee_err ee_deployment_encode(const struct ee_deployment *deployment,
                                             struct ee_writer *out);
EE_MUST_USE enum ee_err ee_deployment_decode(struct ee_bytes bytes, struct ee_deployment *out);
/* Of canonical bytes, without decoding the rest. */
enum ee_privacy ee_deployment_privacy(struct ee_bytes canonical);
void ee_deployment_hash(const struct ee_crypto *crypto, struct ee_bytes canonical, uint8_t out[32]);

#endif
