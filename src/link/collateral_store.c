/* SPDX-License-Identifier: Apache-2.0 */
#include "link/collateral_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "io/file.h"

#include "base/banned.h"

enum {
    PATH_SIZE = 1024,
    NAME_SIZE = 2 * EE_SHA256_SIZE + 5, /* hex and ".json" */
    FOLDER_SIZE = PATH_SIZE - NAME_SIZE - 2,
    ROW_SIZE = 1 + EE_SHA256_SIZE,
    TABLE_MAX = 64 + EE_COLLATERAL_SETS_MAX * ROW_SIZE,
};

struct ee_collateral_store {
    struct ee_collateral_store_options options;
    char folder[FOLDER_SIZE]; /* empty: memory only */
    size_t families_max, files_max;
    struct ee_collateral_set *sets[EE_COLLATERAL_SETS_MAX];
    size_t count;
};

/* A set and the bytes it borrows, in one piece of memory. */
struct set_memory {
    struct ee_collateral_set set;
    uint8_t bytes[]; /* the file, then the decoder's scratch */
};

void ee_collateral_set_free(struct ee_collateral_set *set)
{
    free(set); /* first member of struct set_memory */
}

/* ---- one set ---- */

static void detail_of(const struct ee_verdict *verdict, char out[EE_COLLATERAL_DETAIL_SIZE])
{
    char text[EE_FINDING_TEXT_SIZE];
    if (verdict->finding_count > 0)
        (void)snprintf(out, EE_COLLATERAL_DETAIL_SIZE, "%s",
                       ee_attest_finding_text(&verdict->findings[0], text));
}

static enum ee_err prove(const struct ee_collateral_store *store, struct ee_collateral_set *set,
                         int64_t time_s, struct ee_verdict *verdict)
{
    const struct ee_verify_input input = {.collateral = &set->collateral,
                                          .roots = store->options.roots,
                                          .root_count = store->options.root_count,
                                          .time_s = time_s};
    enum ee_err err =
        ee_collateral_prove(store->options.crypto, &input, &set->documents, verdict, &set->facts);
    if (err != EE_OK)
        return err == EE_EXPIRED && !ee_collateral_only_expired(verdict) ? EE_COLLATERAL : err;
    return set->facts.simulated && !store->options.allow_simulated ? EE_SIMULATED_REFUSED : EE_OK;
}

/* EE_OK, or EE_EXPIRED with the set made all the same. Other errors: no set. */
static enum ee_err set_new(const struct ee_collateral_store *store, struct ee_bytes text,
                           bool early, int64_t time_s, struct ee_collateral_set **out,
                           char detail[EE_COLLATERAL_DETAIL_SIZE])
{
    struct ee_verdict verdict;
    detail[0] = '\0';
    if (text.size == 0 || text.size > EE_COLLATERAL_FILE_MAX)
        return text.size == 0 ? EE_SYNTAX : EE_TOO_LARGE;
    struct set_memory *memory = calloc(1, sizeof *memory + 2 * text.size);
    if (memory == NULL)
        return EE_NO_MEMORY;
    struct ee_collateral_set *set = &memory->set;
    set->early = early;
    memcpy(memory->bytes, text.data, text.size);
    set->text = ee_bytes_of(memory->bytes, text.size);
    store->options.crypto->sha256(&set->text, 1, set->hash);
    enum ee_err err = EE_SYNTAX;
    if (ee_attest_collateral_decode(set->text, memory->bytes + text.size, text.size,
                                    &set->collateral) == EE_REASON_NONE) {
        err = prove(store, set, time_s, &verdict);
        detail_of(&verdict, detail);
        if (err == EE_EXPIRED && set->facts.simulated && !store->options.allow_simulated)
            err = EE_SIMULATED_REFUSED;
    }
    if (err != EE_OK && err != EE_EXPIRED) {
        free(memory);
        return err;
    }
    *out = set;
    return err;
}

/* ---- the table in memory ---- */

static size_t place_of(const struct ee_collateral_store *store, const uint8_t *fmspc, bool early)
{
    size_t i = 0;
    while (i < store->count && (store->sets[i]->early != early ||
                                memcmp(store->sets[i]->facts.fmspc, fmspc, EE_FMSPC_SIZE) != 0))
        i++;
    return i;
}

static size_t families(const struct ee_collateral_store *store, bool early)
{
    size_t count = 0;
    for (size_t i = 0; i < store->count; i++)
        count += store->sets[i]->early == early;
    return count;
}

const struct ee_collateral_set *ee_collateral_store_find(const struct ee_collateral_store *store,
                                                         const uint8_t fmspc[EE_FMSPC_SIZE],
                                                         bool early)
{
    if (store == NULL)
        return NULL;
    size_t place = place_of(store, fmspc, early);
    return place < store->count ? store->sets[place] : NULL;
}

bool ee_collateral_set_fits(const struct ee_collateral_set *set, struct ee_bytes quote)
{
    uint8_t fmspc[EE_FMSPC_SIZE], memory[EE_COLLATERAL_FAMILY_MEMORY];
    return ee_collateral_family_of_quote(quote, memory, sizeof memory, fmspc) &&
           memcmp(fmspc, set->facts.fmspc, sizeof fmspc) == 0;
}

const struct ee_collateral_set *ee_collateral_store_for(const struct ee_collateral_store *store,
                                                        struct ee_bytes quote)
{
    uint8_t fmspc[EE_FMSPC_SIZE], memory[EE_COLLATERAL_FAMILY_MEMORY];
    const struct ee_collateral_set *set = NULL;
    if (ee_collateral_family_of_quote(quote, memory, sizeof memory, fmspc))
        set = ee_collateral_store_find(store, fmspc, false);
    for (size_t i = 0; set == NULL && store != NULL && i < store->count; i++)
        if (!store->sets[i]->early)
            set = store->sets[i];
    return set;
}

const struct ee_collateral_set *ee_collateral_store_at(const struct ee_collateral_store *store,
                                                       size_t index)
{
    return store != NULL && index < store->count ? store->sets[index] : NULL;
}

/* ---- on disk ---- */

static void path_of(const struct ee_collateral_store *store, const uint8_t hash[EE_SHA256_SIZE],
                    char out[PATH_SIZE])
{
    char name[2 * EE_SHA256_SIZE + 1];
    (void)snprintf(out, PATH_SIZE, "%s/%s.json", store->folder,
                   ee_hex_encode(hash, EE_SHA256_SIZE, name));
}

static void table_path(const struct ee_collateral_store *store, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/held", store->folder);
}

static enum ee_err table_write(const struct ee_collateral_store *store)
{
    uint8_t memory[TABLE_MAX];
    char path[PATH_SIZE];
    struct ee_writer w;
    ee_writer_init(&w, memory, sizeof memory);
    ee_writer_label(&w, "ee-collateral-held", 1);
    ee_writer_u16(&w, (uint16_t)store->count);
    for (size_t i = 0; i < store->count; i++) {
        ee_writer_u8(&w, store->sets[i]->early);
        ee_writer_bytes(&w, store->sets[i]->hash, EE_SHA256_SIZE);
    }
    if (w.err != EE_OK)
        return w.err;
    table_path(store, path);
    return ee_file_write(path, ee_writer_done(&w), 0600);
}

static bool is_held(const struct ee_collateral_store *store, const char *name)
{
    char hex[2 * EE_SHA256_SIZE + 1];
    for (size_t i = 0; i < store->count; i++)
        if (memcmp(name, ee_hex_encode(store->sets[i]->hash, EE_SHA256_SIZE, hex),
                   sizeof hex - 1) == 0)
            return true;
    return false;
}

/* Makes room when the folder is full: the oldest file that is not held goes. */
static void files_limit(const struct ee_collateral_store *store)
{
    char path[PATH_SIZE], oldest[PATH_SIZE] = "";
    struct timespec oldest_time = {0};
    size_t count = 0;
    DIR *folder = opendir(store->folder);
    if (folder == NULL)
        return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat status;
        if (strlen(entry->d_name) != NAME_SIZE)
            continue;
        count++;
        (void)snprintf(path, sizeof path, "%s/%.*s", store->folder, NAME_SIZE, entry->d_name);
        if (is_held(store, entry->d_name) || stat(path, &status) != 0)
            continue;
        struct timespec time = status.st_mtim;
        if (oldest[0] == '\0' || time.tv_sec < oldest_time.tv_sec ||
            (time.tv_sec == oldest_time.tv_sec && time.tv_nsec < oldest_time.tv_nsec)) {
            memcpy(oldest, path, sizeof oldest);
            oldest_time = time;
        }
    }
    closedir(folder);
    if (count > store->files_max && oldest[0] != '\0')
        (void)unlink(oldest);
}

enum ee_err ee_collateral_store_read(const struct ee_collateral_store *store,
                                     const uint8_t hash[EE_SHA256_SIZE], struct ee_file_data *out)
{
    char path[PATH_SIZE];
    uint8_t got[EE_SHA256_SIZE];
    struct ee_file_data file;
    if (store->folder[0] == '\0')
        return EE_NOT_FOUND;
    path_of(store, hash, path);
    EE_TRY(ee_file_read(path, EE_COLLATERAL_FILE_MAX, &file));
    struct ee_bytes bytes = ee_file_bytes(&file);
    store->options.crypto->sha256(&bytes, 1, got);
    if (memcmp(got, hash, sizeof got) != 0) {
        ee_file_data_free(&file);
        return EE_JOURNAL_CORRUPT;
    }
    *out = file;
    return EE_OK;
}

static void lost(const struct ee_collateral_store *store, const uint8_t hash[EE_SHA256_SIZE],
                 enum ee_err err)
{
    if (store->options.lost != NULL)
        store->options.lost(store->options.context, hash, err);
}

/* A file that is gone or does not prove any more is told, and the others stay. */
static enum ee_err row_load(struct ee_collateral_store *store, bool early,
                            const uint8_t hash[EE_SHA256_SIZE])
{
    char detail[EE_COLLATERAL_DETAIL_SIZE];
    struct ee_file_data file;
    struct ee_collateral_set *set = NULL;
    enum ee_err err = ee_collateral_store_read(store, hash, &file);
    if (err == EE_OK) {
        err = set_new(store, ee_file_bytes(&file), early, store->options.time_s, &set, detail);
        ee_file_data_free(&file);
    }
    if (err == EE_NO_MEMORY)
        return err;
    if (set != NULL && place_of(store, set->facts.fmspc, early) < store->count) {
        ee_collateral_set_free(set);
        return EE_SYNTAX; /* a family twice */
    }
    if (set != NULL)
        store->sets[store->count++] = set;
    else
        lost(store, hash, err);
    return EE_OK;
}

static enum ee_err table_load(struct ee_collateral_store *store)
{
    char path[PATH_SIZE];
    struct ee_file_data file;
    struct ee_cursor c;
    table_path(store, path);
    enum ee_err err = ee_file_read(path, TABLE_MAX, &file);
    if (err != EE_OK)
        return err == EE_NOT_FOUND ? EE_OK : err;
    ee_cursor_init(&c, ee_file_bytes(&file));
    ee_cursor_label(&c, "ee-collateral-held", 1);
    uint16_t count = ee_cursor_u16(&c);
    if (c.err != EE_OK || count > EE_COLLATERAL_SETS_MAX || c.left != (size_t)count * ROW_SIZE)
        err = EE_SYNTAX;
    for (uint16_t i = 0; err == EE_OK && i < count; i++) {
        uint8_t hash[EE_SHA256_SIZE];
        uint8_t early = ee_cursor_u8(&c);
        ee_cursor_copy(&c, hash, sizeof hash);
        err = early <= 1 ? row_load(store, early, hash) : EE_SYNTAX;
    }
    ee_file_data_free(&file);
    return err;
}

static enum ee_err folder_open(struct ee_collateral_store *store, const char *folder)
{
    int length = snprintf(store->folder, sizeof store->folder, "%s", folder);
    if (length < 0 || (size_t)length >= sizeof store->folder)
        return EE_TOO_LARGE;
    EE_TRY(ee_file_make_folder(store->folder));
    return table_load(store);
}

enum ee_err ee_collateral_store_new(const struct ee_collateral_store_options *options,
                                    struct ee_collateral_store **out)
{
    struct ee_collateral_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return EE_NO_MEMORY;
    store->options = *options;
    store->options.folder = NULL;
    store->families_max =
        options->families_max > 0 ? options->families_max : EE_COLLATERAL_FAMILIES_MAX;
    store->files_max = options->files_max > 0 ? options->files_max : EE_COLLATERAL_FILES_MAX;
    enum ee_err err = options->folder != NULL ? folder_open(store, options->folder) : EE_OK;
    if (err != EE_OK) {
        ee_collateral_store_free(store);
        return err;
    }
    *out = store;
    return EE_OK;
}

void ee_collateral_store_free(struct ee_collateral_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->count; i++)
        ee_collateral_set_free(store->sets[i]);
    free(store);
}

/* ---- offers ---- */

static enum ee_err relate(const struct ee_collateral_store *store,
                          const struct ee_collateral_set *set, enum ee_collateral_offer *offer_out,
                          char detail[EE_COLLATERAL_DETAIL_SIZE])
{
    struct ee_collateral_older older;
    char text[EE_COLLATERAL_OLDER_TEXT_SIZE];
    const struct ee_collateral_set *held =
        ee_collateral_store_find(store, set->facts.fmspc, set->early);
    *offer_out = EE_COLLATERAL_OFFER_NEW;
    if (held == NULL)
        return families(store, set->early) < store->families_max ? EE_OK : EE_FULL;
    switch (ee_collateral_compare(&held->facts, &set->facts, &older)) {
    case EE_COLLATERAL_SAME:
        *offer_out = EE_COLLATERAL_OFFER_SAME;
        return EE_OK;
    case EE_COLLATERAL_NEWER:
        return EE_OK;
    case EE_COLLATERAL_OLDER:
        (void)snprintf(detail, EE_COLLATERAL_DETAIL_SIZE, "%s: collateral never goes back",
                       ee_collateral_older_text(&older, text));
        return EE_STATE;
    case EE_COLLATERAL_OTHER:
        (void)snprintf(detail, EE_COLLATERAL_DETAIL_SIZE,
                       "this platform family is held under another root, PCE or PCK CA");
        return EE_STATE;
    }
    return EE_STATE;
}

enum ee_err ee_collateral_store_offer(struct ee_collateral_store *store, struct ee_bytes text,
                                      bool early, bool expired_ok, int64_t time_s,
                                      enum ee_collateral_offer *offer_out,
                                      struct ee_collateral_set **set_out,
                                      char detail_out[EE_COLLATERAL_DETAIL_SIZE])
{
    struct ee_collateral_set *set = NULL;
    char words[EE_COLLATERAL_DETAIL_SIZE];
    enum ee_collateral_offer offer;
    enum ee_err err = set_new(store, text, early, time_s, &set, detail_out);
    *set_out = NULL;
    if (err != EE_OK && set == NULL) {
        if (detail_out[0] == '\0')
            (void)snprintf(detail_out, EE_COLLATERAL_DETAIL_SIZE, "%s", ee_err_text(err));
        return err;
    }
    bool first = ee_collateral_store_find(store, set->facts.fmspc, early) == NULL;
    enum ee_err related = relate(store, set, &offer, words);
    /* An older part explains more than that its time is over. */
    if (related == EE_STATE)
        memcpy(detail_out, words, sizeof words);
    if (related != EE_OK)
        err = related;
    else if (err == EE_EXPIRED && expired_ok && first)
        err = EE_OK;
    if (err == EE_FULL)
        (void)snprintf(detail_out, EE_COLLATERAL_DETAIL_SIZE,
                       "%zu platform families are held, which is the limit", store->families_max);
    if (err == EE_OK)
        *offer_out = offer;
    if (err == EE_OK && offer == EE_COLLATERAL_OFFER_NEW)
        *set_out = set;
    else
        ee_collateral_set_free(set);
    return err;
}

static enum ee_err persist(struct ee_collateral_store *store, const struct ee_collateral_set *set)
{
    char path[PATH_SIZE];
    if (store->folder[0] == '\0')
        return EE_OK;
    path_of(store, set->hash, path);
    return ee_file_exists(path) ? EE_OK : ee_file_write(path, set->text, 0600);
}

enum ee_err ee_collateral_store_keep(struct ee_collateral_store *store,
                                     struct ee_collateral_set *set)
{
    char detail[EE_COLLATERAL_DETAIL_SIZE];
    enum ee_collateral_offer offer;
    EE_TRY(relate(store, set, &offer, detail));
    if (offer != EE_COLLATERAL_OFFER_NEW)
        return EE_STATE;
    EE_TRY(persist(store, set));
    size_t place = place_of(store, set->facts.fmspc, set->early);
    size_t count = store->count;
    struct ee_collateral_set *old = place < count ? store->sets[place] : NULL;
    store->sets[place] = set;
    store->count = place < count ? count : count + 1;
    enum ee_err err = store->folder[0] != '\0' ? table_write(store) : EE_OK;
    if (err != EE_OK) {
        store->sets[place] = old;
        store->count = count;
        return err;
    }
    ee_collateral_set_free(old);
    if (store->folder[0] != '\0')
        files_limit(store);
    return EE_OK;
}
