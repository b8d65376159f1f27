/* SPDX-License-Identifier: Apache-2.0 */
#include "control/blobs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum { BLOB_NAME_SIZE = 2 * EE_SHA256_SIZE, BLOB_PATH_SIZE = 1024 };

struct ee_blobs {
    const struct ee_crypto *crypto;
    char folder[BLOB_PATH_SIZE - BLOB_NAME_SIZE - 2];
    size_t size_max;
    uint32_t count, count_max;
};

static enum ee_err count_files(struct ee_blobs *blobs)
{
    DIR *folder = opendir(blobs->folder);
    if (folder == NULL)
        return EE_IO;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (strlen(entry->d_name) == BLOB_NAME_SIZE)
            blobs->count++;
    closedir(folder);
    return EE_OK;
}

enum ee_err ee_blobs_new(const struct ee_crypto *crypto, const char *folder, size_t size_max,
                         uint32_t count_max, struct ee_blobs **out)
{
    struct ee_blobs *blobs = calloc(1, sizeof *blobs);
    enum ee_err err = EE_TOO_LARGE;
    if (blobs == NULL)
        return EE_NO_MEMORY;
    blobs->crypto = crypto;
    blobs->size_max = size_max;
    blobs->count_max = count_max;
    int length = snprintf(blobs->folder, sizeof blobs->folder, "%s", folder);
    if (length < 0 || (size_t)length >= sizeof blobs->folder)
        goto out;
    err = ee_file_make_folder(folder);
    if (err == EE_OK)
        err = count_files(blobs);
    if (err != EE_OK)
        goto out;
    *out = blobs;
    return EE_OK;
out:
    free(blobs);
    return err;
}

void ee_blobs_free(struct ee_blobs *blobs)
{
    free(blobs);
}

static void blob_path(const struct ee_blobs *blobs, const uint8_t hash[EE_SHA256_SIZE],
                      char out[BLOB_PATH_SIZE])
{
    char name[BLOB_NAME_SIZE + 1];
    snprintf(out, BLOB_PATH_SIZE, "%s/%s", blobs->folder,
             ee_hex_encode(hash, EE_SHA256_SIZE, name));
}

enum ee_err ee_blobs_put(struct ee_blobs *blobs, struct ee_bytes bytes,
                         uint8_t hash_out[EE_SHA256_SIZE])
{
    uint8_t hash[EE_SHA256_SIZE];
    char path[BLOB_PATH_SIZE];
    if (bytes.size > blobs->size_max)
        return EE_TOO_LARGE;
    blobs->crypto->sha256(&bytes, 1, hash);
    blob_path(blobs, hash, path);
    if (!ee_file_exists(path)) {
        if (blobs->count >= blobs->count_max)
            return EE_FULL;
        EE_TRY(ee_file_write(path, bytes, 0600));
        blobs->count++;
    }
    memcpy(hash_out, hash, EE_SHA256_SIZE);
    return EE_OK;
}

enum ee_err ee_blobs_get(const struct ee_blobs *blobs, const uint8_t hash[EE_SHA256_SIZE],
                         struct ee_file_data *out)
{
    char path[BLOB_PATH_SIZE];
    uint8_t got[EE_SHA256_SIZE];
    struct ee_file_data data;
    blob_path(blobs, hash, path);
    EE_TRY(ee_file_read(path, blobs->size_max, &data));
    struct ee_bytes bytes = ee_file_bytes(&data);
    blobs->crypto->sha256(&bytes, 1, got);
    if (memcmp(got, hash, EE_SHA256_SIZE) != 0) {
        ee_file_data_free(&data);
        return EE_JOURNAL_CORRUPT;
    }
    *out = data;
    return EE_OK;
}
