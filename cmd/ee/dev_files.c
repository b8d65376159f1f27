/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a development network. In production founding, issuer and authority keys belong to
 * different people and never lie on one machine; here they are all in the state folder, which is
 * why it is SIMULATED and worth nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/measurement.h"
#include "dev.h"
#include "io/clock.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"
#include "io/x509.h"
#include "sim/collateral.h"
#include "sim/td.h"

#include "base/banned.h"

enum { MINT_CAP_DOLLARS = 1000000, TEN_YEARS_S = 10 * 365 * 86400, BEHIND_S = 3600 };

const char *ee_dev_path(const struct ee_dev *dev, const char *name, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/%s", dev->state, name);
    return out;
}

enum ee_err ee_dev_json_write(const char *path, json_t *value, mode_t mode)
{
    char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;
    json_decref(value);
    if (!text)
        return EE_NO_MEMORY;
    enum ee_err err = ee_file_write(path, ee_bytes_str(text), mode);
    ee_wipe(text, strlen(text));
    free(text);
    return err;
}

/* A secret of 32 bytes as hex in its file, made when missing. */
static enum ee_err seed_file(const struct ee_dev *dev, const char *name, uint8_t out[32])
{
    char path[PATH_MAX], text[65];
    struct ee_file_data file;
    ee_dev_path(dev, name, path);
    enum ee_err err = ee_file_read_secret(path, sizeof(text), &file);
    if (err == EE_NOT_FOUND) {
        ee_random_bytes(out, 32);
        ee_hex_encode(out, 32, text);
        err = ee_file_write(path, ee_bytes_of(text, 64), 0600);
        ee_wipe(text, sizeof(text));
        return err;
    }
    EE_TRY(err);
    err = ee_hex_decode(ee_file_bytes(&file), out, 32);
    ee_file_data_free(&file);
    return err;
}

static enum ee_err public_of(const struct ee_dev *dev, const char *name, uint8_t out[32])
{
    uint8_t seed[32];
    EE_TRY(seed_file(dev, name, seed));
    bool ok = ee_crypto_openssl.ed25519_public(seed, out);
    ee_wipe(seed, sizeof(seed));
    return ok ? EE_OK : EE_CRYPTO;
}

/* What a program's --sim-platform names; `index` makes the machines differ. */
static enum ee_err platform_file(const struct ee_dev *dev, const char *name, const char *program,
                                 const uint8_t authority_seed[32])
{
    char path[PATH_MAX], file[64], authority[65], platform[65];
    uint8_t seed[32];
    (void)snprintf(file, sizeof(file), "sim/%s.json", name);
    if (ee_file_exists(ee_dev_path(dev, file, path)))
        return EE_OK;
    ee_random_bytes(seed, sizeof(seed));
    return ee_dev_json_write(
        path,
        json_pack("{s:s, s:s, s:s}", "authority_seed", ee_hex_encode(authority_seed, 32, authority),
                  "platform_seed", ee_hex_encode(seed, 32, platform), "program", program),
        0600);
}

static enum ee_err platforms_make(const struct ee_dev *dev, const uint8_t authority_seed[32])
{
    char path[PATH_MAX];
    EE_TRY(ee_file_make_folder(ee_dev_path(dev, "sim", path)));
    EE_TRY(platform_file(dev, "control", "ee-control", authority_seed));
    for (size_t i = 0; i < EE_DEV_NODES; i++)
        EE_TRY(platform_file(dev, ee_dev_nodes[i].name, "ee-agent", authority_seed));
    return EE_OK;
}

static void allow_program(struct ee_genesis *genesis, enum ee_role role, const char *program)
{
    struct ee_sim_td td;
    struct ee_measurement measurement;
    struct ee_allow_entry *entry = &genesis->allow[genesis->allow_count++];
    ee_sim_td_for_program(&ee_crypto_openssl, program, EE_SOFTWARE_VERSION, &td);
    ee_sim_td_measurement(&td, &measurement);
    entry->role = role;
    ee_measurement_digest(&ee_crypto_openssl, &measurement, entry->measurement);
    (void)snprintf(entry->label, sizeof(entry->label), "%s", program);
}

static enum ee_err genesis_fill(const struct ee_dev *dev, const struct ee_sim_authority *authority,
                                struct ee_genesis *out)
{
    *out = (struct ee_genesis){.kind = EE_NETWORK_DEVELOPMENT,
                               .name = "development",
                               .mint_daily_cap = {(int64_t)MINT_CAP_DOLLARS * 1000000},
                               .profile = EE_PROFILE_DEVELOPMENT,
                               .root_count = 1};
    ee_random_bytes(out->salt, sizeof(out->salt));
    memcpy(out->roots[0].public_key, ee_sim_authority_root_key(authority), EE_P256_POINT_SIZE);
    out->roots[0].simulated = 1;
    allow_program(out, EE_ROLE_CONTROL, "ee-control");
    allow_program(out, EE_ROLE_AGENT, "ee-agent");
    EE_TRY(public_of(dev, "founding.key", out->founding_key));
    return public_of(dev, "issuer.key", out->issuer_key);
}

static enum ee_err genesis_make(struct ee_dev *dev, const struct ee_sim_authority *authority)
{
    char path[PATH_MAX];
    uint8_t canonical[EE_GENESIS_SIZE_MAX], text[EE_GENESIS_FILE_MAX];
    struct ee_writer w, file;
    struct ee_genesis genesis;
    EE_TRY(genesis_fill(dev, authority, &genesis));
    ee_writer_init(&w, canonical, sizeof(canonical));
    EE_TRY(ee_genesis_encode(&genesis, &w));
    ee_writer_init(&file, text, sizeof(text));
    EE_TRY(ee_genesis_file_write(&ee_crypto_openssl, ee_writer_done(&w), &file));
    return ee_file_write(ee_dev_path(dev, "genesis.json", path), ee_writer_done(&file), 0644);
}

static enum ee_err genesis_load(struct ee_dev *dev)
{
    char path[PATH_MAX];
    uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    struct ee_file_data file;
    EE_TRY(ee_file_read(ee_dev_path(dev, "genesis.json", path), EE_GENESIS_FILE_MAX, &file));
    enum ee_err err =
        ee_genesis_file_read(&ee_crypto_openssl, ee_file_bytes(&file), canonical, &size);
    ee_file_data_free(&file);
    EE_TRY(err);
    ee_genesis_network_id(&ee_crypto_openssl, ee_bytes_of(canonical, size), dev->network_id);
    return EE_OK;
}

static enum ee_err collateral_make(struct ee_dev *dev, const struct ee_sim_authority *authority,
                                   int64_t *until_s_out)
{
    char path[PATH_MAX];
    size_t size;
    char *text = malloc(EE_SIM_COLLATERAL_MAX);
    if (!text)
        return EE_NO_MEMORY;
    /* Issued an hour ago, so that a clock a little behind ours accepts it. */
    const int64_t now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    const struct ee_sim_collateral_options options = {
        .issued_s = now_s - BEHIND_S,
        .valid_s =
            dev->collateral_valid_s > 0 ? (uint32_t)(BEHIND_S + dev->collateral_valid_s) : 0};
    enum ee_err err = ee_sim_collateral_write_with(&ee_crypto_openssl, authority, &options, text,
                                                   EE_SIM_COLLATERAL_MAX, &size);
    if (err == EE_OK)
        err =
            ee_file_write(ee_dev_path(dev, "collateral.json", path), ee_bytes_of(text, size), 0644);
    free(text);
    *until_s_out =
        options.issued_s +
        (options.valid_s > 0 ? (int64_t)options.valid_s : (int64_t)EE_SIM_COLLATERAL_DAYS * 86400);
    return err;
}

enum ee_err ee_dev_collateral_make(struct ee_dev *dev, int64_t *until_s_out)
{
    uint8_t seed[32];
    struct ee_sim_authority *authority = malloc(sizeof(*authority));
    if (!authority)
        return EE_NO_MEMORY;
    enum ee_err err = seed_file(dev, "authority.seed", seed);
    if (err == EE_OK)
        err = ee_sim_authority_init(authority, &ee_crypto_openssl, seed);
    if (err == EE_OK)
        err = collateral_make(dev, authority, until_s_out);
    ee_wipe(seed, sizeof(seed));
    ee_wipe(authority, sizeof(*authority));
    free(authority);
    return err;
}

/* The admin key: its text for the profile, its hash for the control plane. */
static enum ee_err admin_make(const struct ee_dev *dev)
{
    char path[PATH_MAX], token[64] = "eea_", digest_text[65];
    uint8_t bytes[32], digest[32];
    if (ee_file_exists(ee_dev_path(dev, "admin.hash", path)))
        return EE_OK;
    ee_random_bytes(bytes, sizeof(bytes));
    ee_base64_encode(bytes, sizeof(bytes), token + 4);
    token[4 + 43] = '\0'; /* without the padding */
    for (char *c = token + 4; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    const struct ee_bytes text = ee_bytes_str(token);
    ee_crypto_openssl.sha256(&text, 1, digest);
    ee_hex_encode(digest, sizeof(digest), digest_text);
    enum ee_err err = ee_file_write(ee_dev_path(dev, "profiles/admin.token", path), text, 0600);
    ee_wipe(token, sizeof(token));
    EE_TRY(err);
    return ee_file_write(ee_dev_path(dev, "admin.hash", path), ee_bytes_of(digest_text, 64), 0600);
}

static enum ee_err authority_make(const struct ee_dev *dev)
{
    char path[PATH_MAX];
    struct ee_pem key, certificate;
    if (ee_file_exists(ee_dev_path(dev, "ca.crt", path)))
        return EE_OK;
    int64_t now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    EE_TRY(ee_x509_key_new(&key));
    enum ee_err err = ee_x509_authority(
        ee_pem_bytes(&key), "easyenclave development CA",
        (struct ee_x509_validity){now_s - 86400, now_s + TEN_YEARS_S}, &certificate);
    if (err == EE_OK)
        err = ee_file_write(ee_dev_path(dev, "ca.key", path), ee_pem_bytes(&key), 0600);
    if (err == EE_OK)
        err = ee_file_write(ee_dev_path(dev, "ca.crt", path), ee_pem_bytes(&certificate), 0644);
    ee_wipe(&key, sizeof(key));
    return err;
}

enum ee_err ee_dev_files_make(struct ee_dev *dev)
{
    char path[PATH_MAX];
    uint8_t seed[32];
    struct ee_sim_authority *authority = malloc(sizeof(*authority));
    if (!authority)
        return EE_NO_MEMORY;
    enum ee_err err = ee_file_make_folder(ee_dev_path(dev, "profiles", path));
    if (err == EE_OK)
        err = ee_file_make_folder(ee_dev_path(dev, "logs", path));
    if (err == EE_OK)
        err = seed_file(dev, "authority.seed", seed);
    if (err == EE_OK)
        err = ee_sim_authority_init(authority, &ee_crypto_openssl, seed);
    if (err == EE_OK)
        err = platforms_make(dev, seed);
    if (err == EE_OK && !ee_file_exists(ee_dev_path(dev, "genesis.json", path)))
        err = genesis_make(dev, authority);
    if (err == EE_OK)
        err = genesis_load(dev);
    if (err == EE_OK)
        err = collateral_make(dev, authority, &dev->collateral_until_s);
    if (err == EE_OK)
        err = authority_make(dev);
    if (err == EE_OK)
        err = admin_make(dev);
    ee_wipe(seed, sizeof(seed));
    ee_wipe(authority, sizeof(*authority));
    free(authority);
    return err;
}

enum ee_err ee_dev_certificate_make(struct ee_dev *dev, const char *request_pem)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "apps.localhost",
                                        "*.apps.localhost"};
    const struct ee_x509_subject subject = {"easyenclave control plane", names,
                                            sizeof(names) / sizeof(names[0])};
    char path[PATH_MAX];
    struct ee_pem certificate;
    struct ee_file_data authority, key;
    int64_t now_s = (int64_t)(ee_clock_wall_us() / 1000000);
    if (ee_file_exists(ee_dev_path(dev, "control/tls.crt", path)))
        return EE_OK;
    EE_TRY(ee_file_read(ee_dev_path(dev, "ca.crt", path), EE_PEM_SIZE_MAX, &authority));
    enum ee_err err = ee_file_read_secret(ee_dev_path(dev, "ca.key", path), EE_PEM_SIZE_MAX, &key);
    if (err == EE_OK) {
        err = ee_x509_request_sign(
            ee_file_bytes(&authority), ee_file_bytes(&key), ee_bytes_str(request_pem), &subject,
            (struct ee_x509_validity){now_s - 86400, now_s + TEN_YEARS_S}, &certificate);
        ee_file_data_free(&key);
    }
    ee_file_data_free(&authority);
    EE_TRY(err);
    return ee_file_write(ee_dev_path(dev, "control/tls.crt", path), ee_pem_bytes(&certificate),
                         0644);
}

enum ee_err ee_dev_profile_write(struct ee_dev *dev, const char *name, const char *account,
                                 const char *key_member, const char *key_file)
{
    char path[PATH_MAX], file[64], token[64], network[65], api[80], gateway[80];
    (void)snprintf(file, sizeof(file), "profiles/%s.json", name);
    (void)snprintf(token, sizeof(token), "%s.token", account);
    (void)snprintf(api, sizeof(api), "https://%s", dev->api);
    (void)snprintf(gateway, sizeof(gateway), "https://%s", dev->gateway);
    json_t *profile = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "network",
                                ee_hex_encode(dev->network_id, 32, network), "api", api, "gateway",
                                gateway, "domain", "apps.localhost", "genesis", "../genesis.json",
                                "ca_file", "../ca.crt", "account", account, "token_file", token);
    if (profile && key_member)
        json_object_set_new(profile, key_member, json_string(key_file));
    return ee_dev_json_write(ee_dev_path(dev, file, path), profile, 0600);
}
