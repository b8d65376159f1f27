/* SPDX-License-Identifier: Apache-2.0 */
#include "io/resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "base/alloc.h"

#include "base/banned.h"

struct ee_resolve {
    uv_getaddrinfo_t request;
    ee_resolve_fn fn; /* NULL: cancelled */
    void *context;
};

static void done(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct ee_resolve *resolve = request->data;
    struct ee_address addresses[EE_RESOLVE_ADDRESSES_MAX];
    size_t count = 0;
    for (const struct addrinfo *a = status == 0 ? list : NULL;
         a != NULL && count < EE_RESOLVE_ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(addresses[0].storage))
            continue;
        memset(&addresses[count], 0, sizeof(addresses[0]));
        memcpy(&addresses[count++].storage, a->ai_addr, a->ai_addrlen);
    }
    uv_freeaddrinfo(list);
    if (resolve->fn != NULL)
        resolve->fn(resolve->context, count > 0 ? EE_OK : EE_RESOLVE, addresses, count);
    ee_free(&ee_allocator_system, resolve);
}

enum ee_err ee_resolve_start(struct ee_loop *loop, const char *host, uint16_t port,
                             ee_resolve_fn fn, void *context, struct ee_resolve **out)
{
    char service[8];
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct ee_resolve *resolve = ee_alloc(&ee_allocator_system, 1, sizeof(*resolve));
    if (resolve == NULL)
        return EE_NO_MEMORY;
    resolve->fn = fn;
    resolve->context = context;
    resolve->request.data = resolve;
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    if (uv_getaddrinfo(ee_loop_uv(loop), &resolve->request, done, host, service, &hints) != 0) {
        ee_free(&ee_allocator_system, resolve);
        return EE_RESOLVE;
    }
    *out = resolve;
    return EE_OK;
}

void ee_resolve_cancel(struct ee_resolve *resolve)
{
    if (resolve == NULL)
        return;
    resolve->fn = NULL;
    (void)uv_cancel((uv_req_t *)&resolve->request);
}
