/* SPDX-License-Identifier: Apache-2.0 */
#include "client/workload.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "client/state.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "io/random.h"

#include "base/banned.h"

/* ---- names ---- */

bool ee_client_looks_secret(const char *name)
{
    static const char *const words[] = {"TOKEN",      "SECRET",     "PASSWORD", "PASSWD",
                                        "PASSPHRASE", "CREDENTIAL", "PRIVATE",  "KEY"};
    char upper[EE_SECRET_NAME_MAX + 1];
    size_t size = strlen(name);
    if (size > EE_SECRET_NAME_MAX)
        return false;
    for (size_t i = 0; i <= size; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(upper, words[i]))
            return true;
    return false;
}

/* Splits "K=rest"; K must be a variable name. */
static enum ee_err name_split(struct ee_client_problem *problem, const char *option,
                              const char *text, char name[EE_SECRET_NAME_MAX + 1],
                              const char **rest_out)
{
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : 0;
    if (!equals || size > EE_SECRET_NAME_MAX)
        return ee_client_fail(problem, EE_USAGE, "%s wants NAME=VALUE", option);
    memcpy(name, text, size);
    name[size] = '\0';
    if (!ee_secret_name_valid(name))
        return ee_client_fail(problem, EE_USAGE,
                              "%s: \"%s\" is no variable name: letters, digits and _", option,
                              name);
    *rest_out = equals + 1;
    return EE_OK;
}

/* ---- secrets ---- */

/* EE_USAGE for a value in argv: everybody on the machine could read it there. */
static enum ee_err secret_source(struct ee_client_problem *problem, const char *name,
                                 const char *rest, const char **path_out)
{
    if (strcmp(rest, "-") == 0) {
        *path_out = "-";
        return EE_OK;
    }
    if (rest[0] == '@' && rest[1]) {
        *path_out = rest + 1;
        return EE_OK;
    }
    (void)ee_client_fail(problem, EE_USAGE, "--secret %s: values never travel on the command line",
                         name);
    ee_client_suggest(problem, "--secret %s=@FILE, or --secret %s=- for standard input", name,
                      name);
    return EE_USAGE;
}

static enum ee_err secret_append(struct ee_client_problem *problem, struct ee_client_workload *w,
                                 const char *path, struct ee_bytes *out)
{
    struct ee_file_data file;
    enum ee_err err = ee_file_read(path, EE_SECRET_VALUE_MAX, &file);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "secret from", path);
    struct ee_bytes value = ee_file_bytes(&file);
    if (value.size > EE_CLIENT_SECRETS_TOTAL_MAX - w->values_size) {
        err = ee_client_fail(problem, EE_TOO_LARGE, "the secrets are larger than %d bytes together",
                             EE_CLIENT_SECRETS_TOTAL_MAX);
    } else if (value.size && memchr(value.data, '\0', value.size)) {
        err = ee_client_fail(problem, EE_SYNTAX,
                             "the secret from %s holds a NUL byte and cannot be a variable", path);
    } else {
        if (value.size)
            memcpy(w->values + w->values_size, value.data, value.size);
        *out = ee_bytes_of(w->values + w->values_size, value.size);
        w->values_size += value.size;
    }
    ee_file_data_free(&file);
    return err;
}

static enum ee_err secrets_read(struct ee_client_problem *problem,
                                const struct ee_option_list *given, struct ee_client_workload *w)
{
    bool stdin_taken = false;
    const char *rest = "", *path = "";
    w->values = malloc(EE_CLIENT_SECRETS_TOTAL_MAX);
    if (!w->values)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    for (size_t i = 0; given && i < given->count; i++) {
        struct ee_secret *secret = &w->secrets.items[w->secrets.count];
        EE_TRY(name_split(problem, "--secret", given->items[i], secret->name, &rest));
        EE_TRY(secret_source(problem, secret->name, rest, &path));
        if (strcmp(path, "-") == 0 && stdin_taken)
            return ee_client_fail(problem, EE_USAGE, "standard input can be one secret only");
        stdin_taken = stdin_taken || strcmp(path, "-") == 0;
        EE_TRY(secret_append(problem, w, path, &secret->value));
        w->secrets.count++;
    }
    return EE_OK;
}

/* ---- the deployment ---- */

struct draft {
    struct ee_deployment deployment;
    char names[EE_DEPLOYMENT_ENV_MAX][EE_SECRET_NAME_MAX + 1];
    char port[8];
};

static bool has_variable(const struct ee_deployment *d, const struct ee_client_workload *w,
                         const char *name)
{
    for (uint32_t i = 0; i < d->env_count; i++)
        if (ee_bytes_equal(d->env[i].name, ee_bytes_str(name)))
            return true;
    for (size_t i = 0; i < w->secrets.count; i++)
        if (strcmp(w->secrets.items[i].name, name) == 0)
            return true;
    return false;
}

static enum ee_err variable_add(struct ee_client_problem *problem, struct ee_deployment *d,
                                const char *name, const char *value)
{
    if (d->env_count == EE_DEPLOYMENT_ENV_MAX)
        return ee_client_fail(problem, EE_USAGE, "more than %d variables, PATH and PORT included",
                              EE_DEPLOYMENT_ENV_MAX);
    d->env[d->env_count++] = (struct ee_env_pair){ee_bytes_str(name), ee_bytes_str(value)};
    return EE_OK;
}

static enum ee_err env_read(struct ee_client_problem *problem,
                            const struct ee_client_workload_options *o,
                            const struct ee_client_workload *w, struct draft *draft)
{
    const char *value = "";
    for (size_t i = 0; o->env && i < o->env->count; i++) {
        char *name = draft->names[i];
        EE_TRY(name_split(problem, "-e", o->env->items[i], name, &value));
        if (has_variable(&draft->deployment, w, name))
            return ee_client_fail(problem, EE_USAGE, "%s is given twice", name);
        if (!o->allow_plain && ee_client_looks_secret(name)) {
            (void)ee_client_fail(problem, EE_USAGE,
                                 "-e %s looks like a secret, and -e values are visible", name);
            ee_client_suggest(problem, "--secret %s=@FILE seals it to the verified agent", name);
            ee_client_suggest(problem, "--allow-plain if it is none");
            return EE_USAGE;
        }
        EE_TRY(variable_add(problem, &draft->deployment, name, value));
    }
    if (o->runtime != EE_RUNTIME_PROCESS)
        return EE_OK;
    if (!has_variable(&draft->deployment, w, "PATH"))
        EE_TRY(variable_add(problem, &draft->deployment, "PATH", EE_CLIENT_DEFAULT_PATH));
    (void)snprintf(draft->port, sizeof(draft->port), "%u", (unsigned)o->port);
    if (o->port && !has_variable(&draft->deployment, w, "PORT"))
        EE_TRY(variable_add(problem, &draft->deployment, "PORT", draft->port));
    return EE_OK;
}

static int pair_compare(const void *a, const void *b)
{
    return ee_bytes_compare(((const struct ee_env_pair *)a)->name,
                            ((const struct ee_env_pair *)b)->name);
}

static int name_compare(const void *a, const void *b)
{
    return ee_bytes_compare(*(const struct ee_bytes *)a, *(const struct ee_bytes *)b);
}

/* The canonical form wants both ascending by name. */
static void draft_sort(struct ee_deployment *d)
{
    qsort(d->env, d->env_count, sizeof(d->env[0]), pair_compare);
    qsort(d->secrets, d->secret_count, sizeof(d->secrets[0]), name_compare);
}

static enum ee_err args_read(struct ee_client_problem *problem,
                             const struct ee_client_workload_options *o, struct ee_deployment *d)
{
    if (o->arg_count > EE_DEPLOYMENT_ARGS_MAX)
        return ee_client_fail(problem, EE_TOO_LARGE, "a command has at most %d words",
                              EE_DEPLOYMENT_ARGS_MAX);
    if (o->runtime == EE_RUNTIME_PROCESS && (o->arg_count == 0 || !o->args[0][0])) {
        (void)ee_client_fail(problem, EE_USAGE, "no command: it stands behind --");
        return EE_USAGE;
    }
    for (size_t i = 0; i < o->arg_count; i++)
        d->args[d->arg_count++] = ee_bytes_str(o->args[i]);
    return EE_OK;
}

static enum ee_err draft_fill(struct ee_client_problem *problem,
                              const struct ee_client_workload_options *o,
                              const struct ee_client_workload *w, struct draft *draft)
{
    struct ee_deployment *d = &draft->deployment;
    d->runtime = o->runtime;
    d->privacy = o->privacy;
    d->port = o->port;
    d->memory_mib = o->memory_mib;
    d->output_limit = EE_CLIENT_OUTPUT_LIMIT;
    memcpy(d->output_key, w->output_key.public_key, sizeof(d->output_key));
    EE_TRY(args_read(problem, o, d));
    EE_TRY(env_read(problem, o, w, draft));
    for (size_t i = 0; i < w->secrets.count; i++)
        d->secrets[d->secret_count++] = ee_bytes_str(w->secrets.items[i].name);
    draft_sort(d);
    return EE_OK;
}

static enum ee_err draft_encode(struct ee_client_problem *problem, const struct draft *draft,
                                struct ee_client_workload *w)
{
    struct ee_writer writer;
    w->deployment = malloc(EE_DEPLOYMENT_SIZE_MAX + 1);
    if (!w->deployment)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    ee_writer_init(&writer, w->deployment, EE_DEPLOYMENT_SIZE_MAX + 1);
    enum ee_err err = ee_deployment_encode(&draft->deployment, &writer);
    if (err == EE_DUPLICATE_FIELD)
        return ee_client_fail(problem, EE_USAGE, "a variable or secret is given twice");
    if (err != EE_OK)
        return ee_client_fail(problem, err, "the deployment: %s", ee_err_text(err));
    w->deployment_size = writer.size;
    ee_deployment_hash(&ee_crypto_openssl, ee_writer_done(&writer), w->deployment_hash);
    return EE_OK;
}

enum ee_err ee_client_workload_make(struct ee_client_problem *problem,
                                    const struct ee_client_workload_options *options,
                                    struct ee_client_workload *out)
{
    struct draft *draft = calloc(1, sizeof(*draft));
    memset(out, 0, sizeof(*out));
    if (!draft)
        return ee_client_fail(problem, EE_NO_MEMORY, "%s", "");
    enum ee_err err = ee_client_output_key_make(problem, &out->output_key);
    if (err == EE_OK)
        err = secrets_read(problem, options->secrets, out);
    if (err == EE_OK)
        err = draft_fill(problem, options, out, draft);
    if (err == EE_OK)
        err = draft_encode(problem, draft, out);
    free(draft);
    if (err != EE_OK)
        ee_client_workload_free(out);
    return err;
}

void ee_client_workload_free(struct ee_client_workload *workload)
{
    if (workload->values)
        ee_wipe(workload->values, EE_CLIENT_SECRETS_TOTAL_MAX);
    free(workload->values);
    free(workload->deployment);
    ee_wipe(workload, sizeof(*workload));
}

/* ---- sealing ---- */

static enum ee_err seal(const struct ee_client_workload *workload,
                        const struct ee_seal_context *context, uint8_t *plain, size_t capacity,
                        uint8_t **out, size_t *size_out)
{
    uint8_t ephemeral[EE_X25519_KEY_SIZE];
    struct ee_seal_context mine = *context;
    size_t size;
    mine.kind = EE_SEAL_SECRET;
    EE_TRY(ee_secrets_encode(&workload->secrets, plain, capacity, &size));
    uint8_t *sealed = malloc(EE_SEAL_SIZE(size));
    if (!sealed)
        return EE_NO_MEMORY;
    ee_random_bytes(ephemeral, sizeof(ephemeral));
    enum ee_err err = ee_seal_close(&ee_crypto_openssl, &mine, ephemeral, ee_bytes_of(plain, size),
                                    sealed, EE_SEAL_SIZE(size), size_out);
    ee_wipe(ephemeral, sizeof(ephemeral));
    if (err == EE_OK)
        *out = sealed;
    else
        free(sealed);
    return err;
}

enum ee_err ee_client_secrets_seal(struct ee_client_problem *problem,
                                   const struct ee_client_workload *workload,
                                   const struct ee_seal_context *context, uint8_t **out,
                                   size_t *size_out)
{
    size_t capacity = EE_SECRETS_SIZE(workload->secrets.count, workload->values_size);
    uint8_t *plain = malloc(capacity);
    enum ee_err err =
        plain ? seal(workload, context, plain, capacity, out, size_out) : EE_NO_MEMORY;
    if (plain)
        ee_wipe(plain, capacity);
    free(plain);
    return err == EE_OK ? EE_OK
                        : ee_client_fail(problem, err, "sealing the secrets: %s", ee_err_text(err));
}
