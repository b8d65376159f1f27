/* SPDX-License-Identifier: Apache-2.0 */
#include "control/certificates.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/tls_acme.h"
#include "io/tls_names.h"

#include "base/banned.h"

enum {
    DAY_S = 86400,
    SELF_SIGNED_S = 3650 * DAY_S,
    WATCH_MS = 3600 * 1000,
    WARN_DAYS = 30,
    TEXT_SIZE = 512,
};
static const int64_t warn_days[] = {0, 1, 7, WARN_DAYS};

struct item {
    char *path; /* "": issued by itself */
    struct ee_file_data pem;
    int64_t not_after;
    int64_t warned_days; /* smallest threshold told; INT64_MAX: none */
    bool self_signed;
    char issuer[128];
    json_t *names;
};

/* What is served at one time. */
struct set {
    size_t count;
    struct item items[EE_CERTIFICATES_MAX + 1]; /* the first is the default */
};

struct ee_certificates {
    struct ee_control *control;
    char chain_path[1024];
    char domain[256];
    char acme_folder[1024]; /* "": none */
    struct set *set;
    struct ee_tls *contexts[4]; /* borrowed */
    size_t context_count;
    struct ee_timer *watch;
};

/* ---- rules ---- */

static int64_t wall_s(void)
{
    return (int64_t)(ee_clock_wall_us() / 1000000);
}

/* Whole days, downwards. */
static int64_t days_left(int64_t not_after)
{
    int64_t left = not_after - wall_s();
    return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}

enum ee_err ee_certificate_path(const char *state, const char *name,
                                char out[EE_CERTIFICATE_PATH_SIZE])
{
    bool wildcard = name[0] == '*';
    int length = snprintf(out, EE_CERTIFICATE_PATH_SIZE, "%s/certs/%s%s.pem", state,
                          wildcard ? "_" : "", wildcard ? name + 1 : name);
    return length > 0 && length < EE_CERTIFICATE_PATH_SIZE ? EE_OK : EE_TOO_LARGE;
}

enum ee_err ee_certificate_check(const struct ee_x509_chain *chain,
                                 const uint8_t key_hash[EE_SHA256_SIZE], int64_t now_s)
{
    if (memcmp(chain->key_hash, key_hash, EE_SHA256_SIZE) != 0)
        return EE_CERTIFICATE_KEY;
    return now_s < chain->not_before || now_s >= chain->not_after ? EE_CERTIFICATE_TIME : EE_OK;
}

/* ---- reading ---- */

static void item_free(struct item *item)
{
    ee_file_data_free(&item->pem);
    json_decref(item->names);
    free(item->path);
    memset(item, 0, sizeof *item);
}

static void set_free(struct set *set)
{
    for (size_t i = 0; set != NULL && i < set->count; i++)
        item_free(&set->items[i]);
    free(set);
}

static enum ee_err item_judge(const struct ee_control *control, struct item *item)
{
    struct ee_x509_chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = ee_x509_chain_read(ee_file_bytes(&item->pem), chain);
    if (err == EE_OK && memcmp(chain->key_hash, control->keys.tls_key_hash, EE_SHA256_SIZE) != 0)
        err = EE_CERTIFICATE_KEY;
    if (err == EE_OK && (item->names = json_array()) == NULL)
        err = EE_NO_MEMORY;
    if (err == EE_OK) {
        for (size_t i = 0; i < chain->name_count; i++)
            json_array_append_new(item->names, json_string(chain->names[i]));
        item->not_after = chain->not_after;
        item->warned_days = INT64_MAX;
        memcpy(item->issuer, chain->issuer, sizeof item->issuer);
    }
    free(chain);
    return err;
}

static enum ee_err item_read(const struct ee_control *control, const char *path, struct item *out)
{
    *out = (struct item){.path = strdup(path)};
    enum ee_err err = out->path != NULL ? EE_OK : EE_NO_MEMORY;
    if (err == EE_OK)
        err = ee_file_read(path, EE_X509_CHAIN_FILE_MAX, &out->pem);
    if (err == EE_OK)
        err = item_judge(control, out);
    if (err != EE_OK)
        item_free(out);
    return err;
}

static enum ee_err self_issue(const struct ee_certificates *c, struct item *out)
{
    char wildcard[260];
    (void)snprintf(wildcard, sizeof wildcard, "*.%s", c->domain);
    const char *names[] = {"localhost", "127.0.0.1", "::1", wildcard};
    const struct ee_x509_subject subject = {
        .common_name = "self-issued", .names = names, .name_count = 4};
    const struct ee_x509_validity validity = {wall_s() - 3600, wall_s() + SELF_SIGNED_S};
    struct ee_pem pem;
    EE_TRY(ee_x509_self_signed(ee_pem_bytes(&c->control->keys.tls_key), &subject, validity, &pem));
    *out = (struct item){.path = strdup(""), .self_signed = true};
    out->pem.data = malloc(pem.size + 1);
    if (out->path == NULL || out->pem.data == NULL) {
        item_free(out);
        return EE_NO_MEMORY;
    }
    memcpy(out->pem.data, pem.text, pem.size + 1);
    out->pem.size = pem.size;
    enum ee_err err = item_judge(c->control, out);
    if (err != EE_OK)
        item_free(out);
    return err;
}

static bool is_pem(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + size - 4, ".pem") == 0;
}

static enum ee_err folder_read(const struct ee_certificates *c, struct set *set, bool lenient)
{
    char path[EE_CERTIFICATE_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/certs", c->control->state_folder);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT ? EE_OK : EE_IO;
    enum ee_err err = EE_OK;
    for (const struct dirent *entry; err == EE_OK && (entry = readdir(folder)) != NULL;) {
        if (!is_pem(entry))
            continue;
        int length =
            snprintf(path, sizeof path, "%s/certs/%s", c->control->state_folder, entry->d_name);
        if (set->count > EE_CERTIFICATES_MAX)
            err = EE_FULL;
        else if (length < 0 || (size_t)length >= sizeof path)
            err = EE_TOO_LARGE;
        else
            err = item_read(c->control, path, &set->items[set->count]);
        if (err == EE_OK) {
            set->count++;
            continue;
        }
        EE_LOG(EE_LOG_ERROR, "certificates", "a certificate cannot be used",
               ee_log_text("file", entry->d_name), ee_log_err(err));
        if (lenient && err != EE_FULL && err != EE_NO_MEMORY)
            err = EE_OK;
    }
    closedir(folder);
    return err;
}

/* Of certificates for the same name the one that ends last is served. */
static int by_end(const void *a, const void *b)
{
    const struct item *left = a, *right = b;
    if (left->not_after != right->not_after)
        return left->not_after > right->not_after ? -1 : 1;
    return strcmp(left->path, right->path);
}

static enum ee_err set_read(const struct ee_certificates *c, bool lenient, struct set **out)
{
    struct set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return EE_NO_MEMORY;
    enum ee_err err = c->chain_path[0] != '\0'
                          ? item_read(c->control, c->chain_path, &set->items[0])
                          : self_issue(c, &set->items[0]);
    if (err == EE_OK) {
        set->count = 1;
        err = folder_read(c, set, lenient);
    }
    if (err != EE_OK) {
        set_free(set);
        return err;
    }
    qsort(&set->items[1], set->count - 1, sizeof set->items[0], by_end);
    *out = set;
    return EE_OK;
}

static enum ee_err serve(const struct ee_certificates *c, const struct set *set, struct ee_tls *tls)
{
    struct ee_tls_certificate *list = calloc(set->count, sizeof *list);
    if (list == NULL)
        return EE_NO_MEMORY;
    for (size_t i = 0; i < set->count; i++)
        list[i] = (struct ee_tls_certificate){ee_file_bytes(&set->items[i].pem),
                                              ee_pem_bytes(&c->control->keys.tls_key)};
    enum ee_err err = ee_tls_certificates_set(tls, list, set->count);
    free(list);
    return err;
}

/* ---- watching ---- */

static void warn(struct item *item)
{
    int64_t left = days_left(item->not_after);
    size_t row = 0;
    while (row < sizeof warn_days / sizeof warn_days[0] && left > warn_days[row])
        row++;
    if (row == sizeof warn_days / sizeof warn_days[0] || warn_days[row] >= item->warned_days)
        return;
    item->warned_days = warn_days[row];
    EE_LOG(left < 0 ? EE_LOG_ERROR : EE_LOG_WARN, "certificates",
           left < 0 ? "a certificate has expired" : "a certificate expires soon",
           ee_log_text("name", json_string_value(json_array_get(item->names, 0))),
           ee_log_number("days_left", left));
}

static void on_watch(void *context)
{
    struct ee_certificates *c = context;
    for (size_t i = 0; i < c->set->count; i++)
        warn(&c->set->items[i]);
}

json_t *ee_certificates_json(const struct ee_certificates *c)
{
    json_t *list = json_array();
    for (size_t i = 0; c != NULL && i < c->set->count; i++) {
        const struct item *item = &c->set->items[i];
        char until[EE_TIME_TEXT_SIZE];
        json_array_append_new(list, json_pack("{s:O, s:s, s:s, s:I, s:b, s:b}", "names",
                                              item->names, "issuer", item->issuer, "not_after",
                                              ee_time_format(item->not_after, until), "days_left",
                                              (json_int_t)days_left(item->not_after), "default",
                                              i == 0, "self_signed", item->self_signed));
    }
    return list;
}

void ee_certificates_warnings(const struct ee_certificates *c, json_t *list)
{
    for (size_t i = 0; c != NULL && i < c->set->count; i++) {
        const struct item *item = &c->set->items[i];
        char text[TEXT_SIZE], until[EE_TIME_TEXT_SIZE];
        if (days_left(item->not_after) > WARN_DAYS)
            continue;
        (void)snprintf(text, sizeof text, "the certificate for %s %s %s",
                       json_string_value(json_array_get(item->names, 0)),
                       days_left(item->not_after) < 0 ? "has expired:" : "ends soon:",
                       ee_time_format(item->not_after, until));
        json_array_append_new(list, json_string(text));
    }
}

/* ---- the whole ---- */

enum ee_err ee_certificates_new(struct ee_control *control, const char *chain_path,
                                const char *domain, const char *acme_folder,
                                struct ee_certificates **out)
{
    struct ee_certificates *c = calloc(1, sizeof *c);
    if (c == NULL)
        return EE_NO_MEMORY;
    c->control = control;
    (void)snprintf(c->chain_path, sizeof c->chain_path, "%s", chain_path != NULL ? chain_path : "");
    (void)snprintf(c->domain, sizeof c->domain, "%s", domain);
    (void)snprintf(c->acme_folder, sizeof c->acme_folder, "%s",
                   acme_folder != NULL ? acme_folder : "");
    enum ee_err err = set_read(c, true, &c->set);
    if (err == EE_OK)
        err = ee_timer_new(control->loop, on_watch, c, &c->watch);
    if (err != EE_OK) {
        ee_certificates_free(c);
        return err;
    }
    ee_timer_start(c->watch, 1, WATCH_MS);
    *out = c;
    return EE_OK;
}

void ee_certificates_free(struct ee_certificates *c)
{
    if (c == NULL)
        return;
    ee_timer_free(c->watch);
    set_free(c->set);
    free(c);
}

enum ee_err ee_certificates_tls_new(struct ee_certificates *c, bool gateway, struct ee_tls **out)
{
    struct ee_tls *tls = NULL;
    const struct ee_tls_server_options options = {
        .certificate_pem = ee_file_bytes(&c->set->items[0].pem),
        .key_pem = ee_pem_bytes(&c->control->keys.tls_key),
        .allow_tls12 = gateway,
        .http2 = gateway,
        .request_client_certificate = !gateway};
    if (c->context_count == sizeof c->contexts / sizeof c->contexts[0])
        return EE_FULL;
    EE_TRY(ee_tls_server_new(&options, &tls));
    if (gateway && c->acme_folder[0] != '\0')
        ee_tls_acme_enable(tls, c->acme_folder);
    enum ee_err err = serve(c, c->set, tls);
    if (err != EE_OK) {
        ee_tls_free(tls);
        return err;
    }
    c->contexts[c->context_count++] = tls;
    *out = tls;
    return EE_OK;
}

enum ee_err ee_certificates_reload(struct ee_certificates *c)
{
    struct set *set = NULL;
    enum ee_err err = set_read(c, false, &set);
    for (size_t i = 0; err == EE_OK && i < c->context_count; i++)
        err = serve(c, set, c->contexts[i]);
    if (err != EE_OK) {
        EE_LOG(EE_LOG_ERROR, "certificates", "not read again; those served before are served on",
               ee_log_err(err));
        set_free(set);
        return err;
    }
    set_free(c->set);
    c->set = set;
    EE_LOG(EE_LOG_INFO, "certificates", "read again",
           ee_log_unsigned("count", (uint64_t)c->set->count));
    on_watch(c);
    return EE_OK;
}
