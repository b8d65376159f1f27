/* SPDX-License-Identifier: Apache-2.0 */
#include "client/profile.h"

#include <ctype.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/json.h"
#include "io/crypto_openssl.h"
#include "io/file.h"

#include "base/banned.h"

/* The members of a profile file. */
static const struct member {
    const char *name;
    size_t offset, size;
    bool path;
} members[] = {
#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct ee_client_profile, name),                                           \
            sizeof(((struct ee_client_profile *)0)->name), false                                   \
    }
#define PATH(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct ee_client_profile, name),                                           \
            sizeof(((struct ee_client_profile *)0)->name), true                                    \
    }
    TEXT(network),           TEXT(api),
    TEXT(gateway),           TEXT(domain),
    TEXT(account),           PATH(genesis),
    PATH(ca_file),           PATH(token_file),
    PATH(issuer_key_file),   PATH(founding_key_file),
    PATH(operator_key_file), PATH(collateral),
#undef TEXT
#undef PATH
};

static const struct member *member_of(const char *name)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

/* Relative paths are relative to the profile. */
static int value_write(const struct member *member, const char *profile, const char *value,
                       char *out)
{
    const char *slash = strrchr(profile, '/');
    if (!member->path || value[0] == '/' || !slash)
        return snprintf(out, member->size, "%s", value);
    return snprintf(out, member->size, "%.*s/%s", (int)(slash - profile), profile, value);
}

static enum ee_err member_read(struct ee_client_problem *problem, const char *path,
                               const char *name, const json_t *value, struct ee_client_profile *out)
{
    const struct member *member = member_of(name);
    const char *text = json_string_value(value);
    if (!member) {
        (void)ee_client_fail(problem, EE_SYNTAX, "profile %s: there is no member \"%s\"", path,
                             name);
        ee_client_suggest(problem, "docs/spec/cli.md lists the members of a profile");
        return EE_SYNTAX;
    }
    if (!text || !*text)
        return ee_client_fail(problem, EE_SYNTAX, "profile %s: \"%s\" is not a text", path, name);
    int size = value_write(member, path, text, (char *)out + member->offset);
    if (size < 0 || (size_t)size >= member->size)
        return ee_client_fail(problem, EE_TOO_LARGE, "profile %s: \"%s\" is too long", path, name);
    return EE_OK;
}

static enum ee_err profile_check(struct ee_client_problem *problem,
                                 const struct ee_client_profile *profile)
{
    uint8_t id[32];
    if (profile->network[0] &&
        ee_hex_decode(ee_bytes_str(profile->network), id, sizeof(id)) != EE_OK)
        return ee_client_fail(problem, EE_SYNTAX, "profile %s: \"network\" is not 64 hex digits",
                              profile->path);
    if (profile->account[0] && !ee_name_valid(profile->account))
        return ee_client_fail(problem, EE_SYNTAX, "profile %s: \"account\" is not a name",
                              profile->path);
    return EE_OK;
}

enum ee_err ee_client_profile_parse(struct ee_client_problem *problem, const char *path,
                                    struct ee_bytes text, struct ee_client_profile *out)
{
    const char *name;
    json_t *value, *document = ee_client_json_parse(text);
    enum ee_err err = EE_OK;
    memset(out, 0, sizeof(*out));
    if (!document)
        return ee_client_fail(problem, EE_SYNTAX, "profile %s is not one JSON object", path);
    if (snprintf(out->path, sizeof(out->path), "%s", path) >= (int)sizeof(out->path))
        err = ee_client_fail(problem, EE_TOO_LARGE, "the path of the profile is too long");
    json_object_foreach(document, name, value)
    {
        if (err == EE_OK)
            err = member_read(problem, path, name, value, out);
    }
    json_decref(document);
    return err == EE_OK ? profile_check(problem, out) : err;
}

static enum ee_err path_of(struct ee_client_problem *problem, const char *name,
                           char out[EE_CLIENT_PATH_SIZE])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int size;
    if (strchr(name, '/'))
        size = snprintf(out, EE_CLIENT_PATH_SIZE, "%s", name);
    else if (config && config[0] == '/')
        size = snprintf(out, EE_CLIENT_PATH_SIZE, "%s/ee/profiles/%s.json", config, name);
    else
        size = snprintf(out, EE_CLIENT_PATH_SIZE, "%s/.config/ee/profiles/%s.json",
                        home ? home : "", name);
    if (size < 0 || size >= EE_CLIENT_PATH_SIZE)
        return ee_client_fail(problem, EE_TOO_LARGE, "the path of the profile is too long");
    return EE_OK;
}

static enum ee_err override(struct ee_client_problem *problem, const char *variable, char *out,
                            size_t size)
{
    const char *value = getenv(variable);
    if (!value || !*value)
        return EE_OK;
    if (strlen(value) >= size)
        return ee_client_fail(problem, EE_TOO_LARGE, "%s is too long", variable);
    memcpy(out, value, strlen(value) + 1);
    return EE_OK;
}

enum ee_err ee_client_profile_load(struct ee_client_problem *problem, const char *name,
                                   struct ee_client_profile *out)
{
    char path[EE_CLIENT_PATH_SIZE];
    struct ee_file_data file;
    const char *given = getenv("EE_PROFILE");
    if (!name)
        name = given && *given ? given : "default";
    EE_TRY(path_of(problem, name, path));
    enum ee_err err = ee_file_read(path, EE_CLIENT_PROFILE_FILE_MAX, &file);
    if (err != EE_OK) {
        (void)ee_client_file_fail(problem, err, "profile", path);
        ee_client_suggest(problem, "give --profile FILE or EE_PROFILE; `ee dev` prints the "
                                   "profiles of a development network");
        return err;
    }
    err = ee_client_profile_parse(problem, path, ee_file_bytes(&file), out);
    ee_file_data_free(&file);
    EE_TRY(err);
    EE_TRY(override(problem, "EE_API", out->api, sizeof(out->api)));
    return override(problem, "EE_GENESIS", out->genesis, sizeof(out->genesis));
}

/* Cuts white space at the end; printable ASCII without spaces must remain. */
static enum ee_err token_copy(struct ee_bytes text, char out[EE_CLIENT_TOKEN_SIZE])
{
    while (text.size && isspace(text.data[text.size - 1]))
        text.size--;
    if (text.size == 0 || text.size >= EE_CLIENT_TOKEN_SIZE)
        return EE_SYNTAX;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= 0x20 || text.data[i] > 0x7e)
            return EE_SYNTAX;
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return EE_OK;
}

enum ee_err ee_client_profile_token(struct ee_client_problem *problem,
                                    const struct ee_client_profile *profile,
                                    char out[EE_CLIENT_TOKEN_SIZE])
{
    struct ee_file_data file;
    const char *given = getenv("EE_TOKEN");
    out[0] = '\0';
    if (given && *given) {
        if (token_copy(ee_bytes_str(given), out) != EE_OK)
            return ee_client_fail(problem, EE_SYNTAX, "EE_TOKEN is not an API key");
        return EE_OK;
    }
    if (!profile->token_file[0])
        return EE_OK;
    enum ee_err err = ee_file_read_secret(profile->token_file, EE_CLIENT_TOKEN_SIZE, &file);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "token file", profile->token_file);
    err = token_copy(ee_file_bytes(&file), out);
    ee_file_data_free(&file);
    if (err != EE_OK)
        return ee_client_fail(problem, err, "token file %s does not hold an API key",
                              profile->token_file);
    return EE_OK;
}

enum ee_err ee_client_genesis_load(struct ee_client_problem *problem, const char *path,
                                   struct ee_trust *out)
{
    uint8_t canonical[EE_GENESIS_SIZE_MAX];
    size_t size;
    struct ee_file_data file;
    enum ee_err err = ee_file_read(path, EE_GENESIS_FILE_MAX, &file);
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "genesis", path);
    err = ee_genesis_file_read(&ee_crypto_openssl, ee_file_bytes(&file), canonical, &size);
    ee_file_data_free(&file);
    if (err == EE_OK)
        err = ee_trust_init(&ee_crypto_openssl, ee_bytes_of(canonical, size), out);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(problem, err, "genesis %s: %s", path, ee_err_text(err));
    ee_client_suggest(problem, "get the genesis file again from whom you trust, not from the "
                               "network itself");
    return err;
}

enum ee_err ee_client_profile_trust(struct ee_client_problem *problem,
                                    const struct ee_client_profile *profile, struct ee_trust *out)
{
    uint8_t id[32];
    if (!profile->genesis[0]) {
        (void)ee_client_fail(problem, EE_USAGE, "no genesis: without it nothing can be verified");
        ee_client_suggest(problem, "set \"genesis\" in the profile, or EE_GENESIS");
        return EE_USAGE;
    }
    EE_TRY(ee_client_genesis_load(problem, profile->genesis, out));
    if (profile->network[0] &&
        (ee_hex_decode(ee_bytes_str(profile->network), id, sizeof(id)) != EE_OK ||
         memcmp(id, out->network_id, sizeof(id)) != 0))
        return ee_client_fail(problem, EE_WRONG_NETWORK,
                              "the genesis %s is of another network than the profile names",
                              profile->genesis);
    return EE_OK;
}

/* ---- endpoints ---- */

static enum ee_err split_url(const char *url, char *host, size_t host_size, char port[8])
{
    static const char scheme[] = "https://";
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return EE_SYNTAX;
    const char *at = url + sizeof(scheme) - 1;
    bool bracket = *at == '[';
    const char *end = bracket ? strchr(++at, ']') : at + strcspn(at, ":/");
    if (!end || end == at || (size_t)(end - at) >= host_size)
        return EE_SYNTAX;
    memcpy(host, at, (size_t)(end - at));
    host[end - at] = '\0';
    end += bracket;
    if (*end == ':') {
        size_t digits = strspn(end + 1, "0123456789");
        if (digits == 0 || digits > 5)
            return EE_SYNTAX;
        memcpy(port, end + 1, digits);
        port[digits] = '\0';
        end += 1 + digits;
    }
    return *end == '\0' || strcmp(end, "/") == 0 ? EE_OK : EE_SYNTAX;
}

enum ee_err ee_client_endpoint_parse(struct ee_client_problem *problem, const char *what,
                                     const char *url, struct ee_client_endpoint *out)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8] = "443", numeric[64];
    if (split_url(url, out->host, sizeof(out->host), port) != EE_OK) {
        (void)ee_client_fail(problem, EE_SYNTAX, "%s \"%s\" is not https://HOST:PORT", what, url);
        ee_client_suggest(problem, "correct \"%s\" in the profile", what);
        return EE_SYNTAX;
    }
    int status = getaddrinfo(out->host, port, &hints, &found);
    if (status == 0)
        status = getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), NULL, 0,
                             NI_NUMERICHOST);
    bool six = status == 0 && found->ai_family == AF_INET6;
    if (found)
        freeaddrinfo(found);
    if (status != 0)
        return ee_client_fail(problem, EE_CONNECT, "%s: %s does not resolve: %s", what, out->host,
                              gai_strerror(status));
    (void)snprintf(out->address, sizeof(out->address), six ? "[%s]:%s" : "%s:%s", numeric, port);
    return EE_OK;
}
