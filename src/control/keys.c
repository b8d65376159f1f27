/* SPDX-License-Identifier: Apache-2.0 */
#include "control/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

enum { KEY_PATH_SIZE = 1024, SECRET_SIZE = 32, SECRET_FILE_SIZE = 2 * SECRET_SIZE + 1 };

static enum ee_err key_path(const char *folder, const char *name, char out[KEY_PATH_SIZE])
{
    int length = snprintf(out, KEY_PATH_SIZE, "%s/%s", folder, name);
    return length > 0 && length < KEY_PATH_SIZE ? EE_OK : EE_TOO_LARGE;
}

static enum ee_err make_pem(const char *folder)
{
    char path[KEY_PATH_SIZE];
    struct ee_pem pem;
    EE_TRY(key_path(folder, "tls.key", path));
    if (ee_file_exists(path))
        return EE_OK;
    EE_TRY(ee_x509_key_new(&pem));
    enum ee_err err = ee_file_write(path, ee_pem_bytes(&pem), 0600);
    ee_wipe(&pem, sizeof pem);
    return err;
}

static enum ee_err make_secret(const char *folder, const char *name)
{
    char path[KEY_PATH_SIZE];
    uint8_t secret[SECRET_SIZE];
    char text[SECRET_FILE_SIZE + 1];
    EE_TRY(key_path(folder, name, path));
    if (ee_file_exists(path))
        return EE_OK;
    ee_random_bytes(secret, sizeof secret);
    ee_hex_encode(secret, sizeof secret, text);
    text[SECRET_FILE_SIZE - 1] = '\n';
    enum ee_err err = ee_file_write(path, ee_bytes_of(text, SECRET_FILE_SIZE), 0600);
    ee_wipe(secret, sizeof secret);
    ee_wipe(text, sizeof text);
    return err;
}

static enum ee_err load_secret(const char *folder, const char *name, uint8_t out[SECRET_SIZE])
{
    char path[KEY_PATH_SIZE];
    struct ee_file_data file;
    EE_TRY(key_path(folder, name, path));
    EE_TRY(ee_file_read_secret(path, SECRET_FILE_SIZE, &file));
    enum ee_err err = EE_SYNTAX;
    if (file.size == SECRET_FILE_SIZE && file.data[file.size - 1] == '\n')
        err = ee_hex_decode(ee_bytes_of(file.data, file.size - 1), out, SECRET_SIZE);
    ee_file_data_free(&file);
    return err;
}

static enum ee_err load_pem(const char *folder, struct ee_control_keys *out)
{
    char path[KEY_PATH_SIZE];
    struct ee_file_data file;
    EE_TRY(key_path(folder, "tls.key", path));
    EE_TRY(ee_file_read_secret(path, EE_PEM_SIZE_MAX - 1, &file));
    memcpy(out->tls_key.text, file.data, file.size);
    out->tls_key.text[file.size] = '\0';
    out->tls_key.size = file.size;
    ee_file_data_free(&file);
    return ee_x509_private_key_hash(ee_pem_bytes(&out->tls_key), out->tls_key_hash);
}

enum ee_err ee_control_keys_load(const char *folder, const struct ee_crypto *crypto,
                                 struct ee_control_keys *out)
{
    EE_TRY(load_pem(folder, out));
    EE_TRY(load_secret(folder, "checkpoint.seed", out->checkpoint_seed));
    EE_TRY(load_secret(folder, "identity", out->identity));
    return crypto->ed25519_public(out->checkpoint_seed, out->checkpoint_key) ? EE_OK : EE_CRYPTO;
}

enum ee_err ee_control_keys_make(const char *folder, const struct ee_crypto *crypto,
                                 struct ee_control_keys *out)
{
    EE_TRY(ee_file_make_folder(folder));
    EE_TRY(make_pem(folder));
    EE_TRY(make_secret(folder, "checkpoint.seed"));
    EE_TRY(make_secret(folder, "identity"));
    return ee_control_keys_load(folder, crypto, out);
}

static const char next_name[] = "checkpoint.seed.next";

enum ee_err ee_control_keys_next_make(const char *folder)
{
    char path[KEY_PATH_SIZE];
    EE_TRY(key_path(folder, next_name, path));
    return ee_file_exists(path) ? EE_STATE : make_secret(folder, next_name);
}

enum ee_err ee_control_keys_next_load(const char *folder, const struct ee_crypto *crypto,
                                      struct ee_control_keys *out)
{
    EE_TRY(load_secret(folder, next_name, out->checkpoint_seed));
    return crypto->ed25519_public(out->checkpoint_seed, out->checkpoint_key) ? EE_OK : EE_CRYPTO;
}

enum ee_err ee_control_keys_next_take(const char *folder)
{
    char from[KEY_PATH_SIZE], to[KEY_PATH_SIZE];
    EE_TRY(key_path(folder, next_name, from));
    EE_TRY(key_path(folder, "checkpoint.seed", to));
    return rename(from, to) == 0 ? EE_OK : EE_IO;
}

enum ee_err ee_control_keys_import(const char *folder, struct ee_bytes key_pem)
{
    char path[KEY_PATH_SIZE], mark[KEY_PATH_SIZE], old[KEY_PATH_SIZE];
    uint8_t hash[EE_SHA256_SIZE];
    EE_TRY(ee_x509_private_key_hash(key_pem, hash));
    EE_TRY(key_path(folder, "tls.key", path));
    EE_TRY(key_path(folder, "tls.key.replaced", old));
    EE_TRY(key_path(folder, "tls.key.imported", mark));
    EE_TRY(ee_file_make_folder(folder));
    EE_TRY(ee_file_write(mark, ee_bytes_str("tls.key was made outside\n"), 0600));
    if (ee_file_exists(path) && rename(path, old) != 0)
        return EE_IO;
    return ee_file_write(path, key_pem, 0600);
}

bool ee_control_keys_imported(const char *folder)
{
    char mark[KEY_PATH_SIZE];
    return key_path(folder, "tls.key.imported", mark) != EE_OK || ee_file_exists(mark);
}

void ee_control_keys_wipe(struct ee_control_keys *keys)
{
    ee_wipe(keys, sizeof *keys);
}
