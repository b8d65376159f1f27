/* SPDX-License-Identifier: Apache-2.0 */
#include "client/history.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client/json.h"
#include "client/state.h"
#include "io/file.h"

#include "base/banned.h"

enum { HISTORY_FILE_MAX = 8 * 1024 * 1024 };

static enum ee_err history_path(struct ee_client_problem *problem, const uint8_t network_id[32],
                                const char *account, const char *suffix,
                                char out[EE_CLIENT_PATH_SIZE])
{
    char folder[96], name[64], hex[65];
    (void)snprintf(folder, sizeof(folder), "history/%s", ee_hex_encode(network_id, 32, hex));
    (void)snprintf(name, sizeof(name), "%s%s", account, suffix);
    return ee_client_state_path(problem, folder, name, out);
}

enum ee_err ee_client_history_list(struct ee_client_problem *problem, const uint8_t network_id[32],
                                   const char *account, json_t **out)
{
    char path[EE_CLIENT_PATH_SIZE];
    struct ee_file_data file;
    EE_TRY(history_path(problem, network_id, account, ".json", path));
    enum ee_err err = ee_file_read(path, HISTORY_FILE_MAX, &file);
    if (err == EE_NOT_FOUND) {
        *out = json_array();
        return EE_OK;
    }
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "history", path);
    json_t *document = ee_client_json_parse(ee_file_bytes(&file));
    json_t *items = json_incref(json_object_get(document, "items"));
    json_decref(document);
    ee_file_data_free(&file);
    if (!json_is_array(items)) {
        json_decref(items);
        (void)ee_client_fail(problem, EE_SYNTAX, "the history %s is damaged", path);
        ee_client_suggest(problem, "move it away; it only lists what `ee receipt SEQ` can fetch");
        return EE_SYNTAX;
    }
    *out = items;
    return EE_OK;
}

static bool same_text(const json_t *a, const json_t *b, const char *member)
{
    const char *text = ee_client_json_text(a, member);
    return *text && strcmp(text, ee_client_json_text(b, member)) == 0;
}

/* An external reference counts once: asking again mints nothing. */
static bool is_known(const json_t *items, const json_t *entry)
{
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item)
    {
        if (same_text(item, entry, "seq") || same_text(item, entry, "reference"))
            return true;
    }
    return false;
}

static enum ee_err history_write(struct ee_client_problem *problem, const char *path, json_t *items)
{
    while (json_array_size(items) > EE_CLIENT_HISTORY_MAX)
        (void)json_array_remove(items, 0);
    json_t *document = json_pack("{s:O}", "items", items);
    char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (!text)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_file_write(path, ee_bytes_str(text), 0600);
    free(text);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "history", path);
}

enum ee_err ee_client_history_add(struct ee_client_problem *problem, const uint8_t network_id[32],
                                  const char *account, json_t *entry)
{
    char path[EE_CLIENT_PATH_SIZE], lock_path[EE_CLIENT_PATH_SIZE];
    int lock = -1;
    json_t *items = NULL;
    enum ee_err err = history_path(problem, network_id, account, ".json", path);
    if (err == EE_OK)
        err = history_path(problem, network_id, account, ".lock", lock_path);
    if (err == EE_OK)
        err = ee_client_state_lock(problem, lock_path, &lock);
    if (err == EE_OK)
        err = ee_client_history_list(problem, network_id, account, &items);
    if (err == EE_OK && !is_known(items, entry)) {
        (void)json_array_append(items, entry);
        err = history_write(problem, path, items);
    }
    json_decref(items);
    json_decref(entry);
    ee_file_unlock(lock);
    return err;
}
