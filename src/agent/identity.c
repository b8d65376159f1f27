/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

static enum ee_err path_of(const char *folder, const char *name, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return size > 0 && size < PATH_MAX ? EE_OK : EE_TOO_LARGE;
}

/* A secret of 32 random bytes, as hex in its file. */
static enum ee_err seed_load(const char *folder, const char *name, uint8_t out[32])
{
    char path[PATH_MAX], text[66];
    struct ee_file_data file;
    EE_TRY(path_of(folder, name, path));
    enum ee_err err = ee_file_read_secret(path, 256, &file);
    if (err == EE_NOT_FOUND) {
        ee_random_bytes(out, 32);
        ee_hex_encode(out, 32, text);
        text[64] = '\n';
        err = ee_file_write(path, ee_bytes_of(text, 65), 0600);
        ee_wipe(text, sizeof(text));
        return err;
    }
    EE_TRY(err);
    struct ee_bytes hex = ee_bytes_of(file.data, file.size);
    if (hex.size == 65 && hex.data[64] == '\n')
        hex.size = 64;
    err = ee_hex_decode(hex, out, 32);
    ee_file_data_free(&file);
    return err;
}

static enum ee_err tls_key_load(const char *folder, struct ee_pem *out)
{
    char path[PATH_MAX];
    struct ee_file_data file;
    EE_TRY(path_of(folder, "tls.key", path));
    enum ee_err err = ee_file_read_secret(path, sizeof(out->text) - 1, &file);
    if (err == EE_NOT_FOUND) {
        EE_TRY(ee_x509_key_new(out));
        return ee_file_write(path, ee_pem_bytes(out), 0600);
    }
    EE_TRY(err);
    memcpy(out->text, file.data, file.size + 1);
    out->size = file.size;
    ee_file_data_free(&file);
    return EE_OK;
}

/* The certificate carries the key and nothing else that anybody trusts, so it is made anew at each
 * start. */
static enum ee_err certificate_make(struct ee_agent_identity *identity)
{
    const char *const names[] = {"agent.easyenclave.invalid"};
    const struct ee_x509_subject subject = {
        .common_name = "easyenclave agent", .names = names, .name_count = 1};
    int64_t now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    const struct ee_x509_validity validity = {now_s - 86400, now_s + 10 * 365 * 86400};
    EE_TRY(ee_x509_self_signed(ee_pem_bytes(&identity->tls_key), &subject, validity,
                               &identity->tls_certificate));
    return ee_x509_private_key_hash(ee_pem_bytes(&identity->tls_key), identity->tls_key_hash);
}

enum ee_err ee_agent_identity_load(const char *folder, const struct ee_crypto *crypto,
                                   struct ee_agent_identity *out)
{
    struct ee_agent_identity identity = {0};
    enum ee_err err = ee_file_make_folder(folder);
    if (err == EE_OK)
        err = seed_load(folder, "identity.key", identity.seed);
    if (err == EE_OK)
        err = seed_load(folder, "sealing.key", identity.sealing_private);
    if (err == EE_OK)
        err = tls_key_load(folder, &identity.tls_key);
    if (err == EE_OK)
        err = certificate_make(&identity);
    if (err == EE_OK && (!crypto->ed25519_public(identity.seed, identity.public_key) ||
                         !crypto->x25519_public(identity.sealing_private, identity.sealing_public)))
        err = EE_CRYPTO;
    if (err == EE_OK)
        *out = identity;
    ee_agent_identity_wipe(&identity);
    return err;
}

void ee_agent_identity_wipe(struct ee_agent_identity *identity)
{
    ee_wipe(identity, sizeof(*identity));
}

enum ee_err ee_agent_epoch_next(const char *folder, uint64_t *epoch_out)
{
    char path[PATH_MAX], text[24] = "0";
    uint64_t last = 0;
    struct ee_file_data file;
    EE_TRY(path_of(folder, "epoch", path));
    enum ee_err err = ee_file_read(path, sizeof(text) - 1, &file);
    if (err == EE_OK) {
        err = ee_u64_parse((const char *)file.data, &last);
        ee_file_data_free(&file);
    } else if (err == EE_NOT_FOUND) {
        err = EE_OK;
    }
    EE_TRY(err);
    int size = snprintf(text, sizeof(text), "%" PRIu64, last + 1);
    EE_TRY(ee_file_write(path, ee_bytes_of(text, (size_t)size), 0600));
    *epoch_out = last + 1;
    return EE_OK;
}
