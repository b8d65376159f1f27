/* SPDX-License-Identifier: Apache-2.0 */
#include "client/seal_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/state.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

static enum ee_err key_path(struct ee_client_problem *problem, const uint8_t network_id[32],
                            const uint8_t deployment_hash[32], char out[EE_CLIENT_PATH_SIZE])
{
    char folder[80], name[80], hex[65];
    (void)snprintf(folder, sizeof(folder), "output-keys/%s", ee_hex_encode(network_id, 32, hex));
    (void)snprintf(name, sizeof(name), "%s.key", ee_hex_encode(deployment_hash, 32, hex));
    return ee_client_state_path(problem, folder, name, out);
}

enum ee_err ee_client_output_key_make(struct ee_client_problem *problem,
                                      struct ee_client_output_key *out)
{
    struct ee_client_output_key key;
    ee_random_bytes(key.private_key, sizeof(key.private_key));
    if (!ee_crypto_openssl.x25519_public(key.private_key, key.public_key))
        return ee_client_fail(problem, EE_CRYPTO, "%s", "");
    *out = key;
    ee_wipe(&key, sizeof(key));
    return EE_OK;
}

enum ee_err ee_client_output_key_store(struct ee_client_problem *problem,
                                       const uint8_t network_id[32],
                                       const uint8_t deployment_hash[32],
                                       const struct ee_client_output_key *key)
{
    char path[EE_CLIENT_PATH_SIZE], text[66];
    EE_TRY(key_path(problem, network_id, deployment_hash, path));
    ee_hex_encode(key->private_key, sizeof(key->private_key), text);
    text[64] = '\n';
    enum ee_err err = ee_file_write(path, ee_bytes_of(text, 65), 0600);
    ee_wipe(text, sizeof(text));
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "output key", path);
}

enum ee_err ee_client_output_key_load(struct ee_client_problem *problem,
                                      const uint8_t network_id[32],
                                      const uint8_t deployment_hash[32],
                                      struct ee_client_output_key *out)
{
    char path[EE_CLIENT_PATH_SIZE];
    EE_TRY(key_path(problem, network_id, deployment_hash, path));
    if (!ee_file_exists(path)) {
        (void)ee_client_fail(problem, EE_NOT_FOUND,
                             "the key that opens this output is not in the state folder");
        ee_client_suggest(problem, "run this where it was deployed from: the key is in %s", path);
        return EE_NOT_FOUND;
    }
    EE_TRY(ee_client_seed_read(problem, path, "output key", out->private_key));
    if (!ee_crypto_openssl.x25519_public(out->private_key, out->public_key))
        return ee_client_fail(problem, EE_CRYPTO, "%s", "");
    return EE_OK;
}

enum ee_err ee_client_output_open(struct ee_client_problem *problem,
                                  const struct ee_client_output_key *key,
                                  const struct ee_seal_context *context, struct ee_bytes sealed,
                                  struct ee_client_output *out)
{
    struct ee_seal_context mine = *context;
    struct ee_client_output opened = {.memory_size = sealed.size ? sealed.size : 1};
    size_t size = 0;
    memcpy(mine.recipient, key->public_key, sizeof(mine.recipient));
    opened.memory = malloc(opened.memory_size);
    if (!opened.memory)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_seal_open(&ee_crypto_openssl, &mine, key->private_key, sealed,
                                   opened.memory, opened.memory_size, &size);
    if (err == EE_OK)
        err = ee_job_output_decode(ee_bytes_of(opened.memory, size), &opened.output);
    if (err == EE_OK) {
        *out = opened;
        return EE_OK;
    }
    ee_client_output_free(&opened);
    return ee_client_fail(problem, err, "the output of the lease: %s", ee_err_text(err));
}

void ee_client_output_free(struct ee_client_output *output)
{
    if (output->memory)
        ee_wipe(output->memory, output->memory_size);
    free(output->memory);
    memset(output, 0, sizeof(*output));
}
