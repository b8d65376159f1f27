/* SPDX-License-Identifier: Apache-2.0 */
#include "control/acme_http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/log.h"
#include "link/http_server.h"

#include "base/banned.h"

static const char prefix[] = "/.well-known/acme-challenge/";

struct ee_acme_http {
    struct ee_http_server *server;
    int folder;
};

bool ee_acme_token(struct ee_bytes target, char out[EE_ACME_TOKEN_MAX + 1])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const size_t skip = sizeof prefix - 1;
    if (target.size <= skip || target.size - skip > EE_ACME_TOKEN_MAX ||
        memcmp(target.data, prefix, skip) != 0)
        return false;
    const size_t size = target.size - skip;
    for (size_t i = 0; i < size; i++)
        if (memchr(digits, target.data[skip + i], sizeof digits - 1) == NULL)
            return false;
    memcpy(out, target.data + skip, size);
    out[size] = '\0';
    return true;
}

enum ee_err ee_acme_read(int folder, const char *token, uint8_t out[EE_ACME_FILE_MAX],
                         size_t *size_out)
{
    struct stat facts;
    /* Not blocking, for what is no regular file. */
    int fd = openat(folder, token, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? EE_NOT_FOUND : EE_IO;
    enum ee_err err = EE_NOT_FOUND;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0 &&
        facts.st_size <= EE_ACME_FILE_MAX) {
        ssize_t size = read(fd, out, EE_ACME_FILE_MAX);
        err = size > 0 ? EE_OK : EE_IO;
        if (err == EE_OK)
            *size_out = (size_t)size;
    }
    (void)close(fd);
    return err;
}

static void on_request(void *context, struct ee_http_exchange *exchange)
{
    const struct ee_acme_http *acme = context;
    const struct ee_http_head *head = ee_http_exchange_request(exchange);
    const struct ee_bytes method = ee_http_head_method(head);
    const bool reads =
        ee_bytes_equal(method, ee_bytes_str("GET")) || ee_bytes_equal(method, ee_bytes_str("HEAD"));
    char token[EE_ACME_TOKEN_MAX + 1] = "";
    uint8_t text[EE_ACME_FILE_MAX];
    size_t size = 0;
    enum ee_err err = EE_NOT_FOUND;
    if (reads && ee_acme_token(ee_http_head_target(head), token))
        err = ee_acme_read(acme->folder, token, text, &size);
    EE_LOG(EE_LOG_INFO, "acme", err == EE_OK ? "challenge answered" : "nothing is there",
           ee_log_text("token", token));
    err = err == EE_OK ? ee_http_exchange_answer_text(exchange, 200, "application/octet-stream",
                                                      ee_bytes_of(text, size))
                       : ee_http_exchange_answer_text(exchange, 404, "text/plain",
                                                      ee_bytes_str("not found\n"));
    if (err != EE_OK && err != EE_CLOSED)
        ee_http_exchange_abort(exchange, err);
}

enum ee_err ee_acme_http_new(struct ee_loop *loop, const char *address, int socket,
                             const char *folder, struct ee_acme_http **out)
{
    struct ee_acme_http *acme = calloc(1, sizeof *acme);
    if (acme == NULL)
        return EE_NO_MEMORY;
    acme->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct ee_http_server_options options = {.address = address,
                                             .socket = socket,
                                             .plain_anywhere = true,
                                             .max_connections = EE_ACME_CONNECTIONS_MAX,
                                             .idle_ms = 5000,
                                             .stall_ms = 5000,
                                             .request = on_request,
                                             .context = acme};
    enum ee_err err = acme->folder < 0 ? EE_IO : ee_http_server_new(loop, &options, &acme->server);
    if (err != EE_OK) {
        ee_acme_http_free(acme);
        return err;
    }
    *out = acme;
    return EE_OK;
}

void ee_acme_http_free(struct ee_acme_http *acme)
{
    if (acme == NULL)
        return;
    ee_http_server_free(acme->server);
    if (acme->folder >= 0)
        (void)close(acme->folder);
    free(acme);
}

int ee_acme_http_socket(const struct ee_acme_http *acme)
{
    return acme != NULL ? ee_http_server_socket(acme->server) : -1;
}

const char *ee_acme_http_address(const struct ee_acme_http *acme)
{
    return acme != NULL ? ee_http_server_address(acme->server) : "";
}
